/*
 * Bit manipulation and conditional operations: Zba, Zbb, Zbc, Zbs, Zbkb, Zicond, for RV64. What no
 * IR op does is a helper in bit-helpers.c.
 */
#include "cpu/riscv/translate.h"

static IrRef ext(RiscvDis *ctx, unsigned memop, IrRef v)
{
    return ir_op1(ctx->ir, IR_ext, IR_I64, memop, v);
}

static void gen_r(RiscvDis *ctx, const ArgsR *a, IrOp op)
{
    set_x(ctx, a->rd, op2(ctx, op, get_x(ctx, a->rs1), get_x(ctx, a->rs2)));
}

static void gen_r1(RiscvDis *ctx, const ArgsR1 *a, IrOp op)
{
    set_x(ctx, a->rd, ir_op1(ctx->ir, op, IR_I64, 0, get_x(ctx, a->rs1)));
}

static void gen_ext(RiscvDis *ctx, const ArgsR1 *a, unsigned memop)
{
    set_x(ctx, a->rd, ext(ctx, memop, get_x(ctx, a->rs1)));
}

/* ---- Zba ---- */

static void gen_shadd(RiscvDis *ctx, const ArgsR *a, unsigned shift)
{
    IrRef index = op2(ctx, IR_shl, get_x(ctx, a->rs1), c64(ctx, shift));
    set_x(ctx, a->rd, op2(ctx, IR_add, index, get_x(ctx, a->rs2)));
}

static void gen_shadd_uw(RiscvDis *ctx, const ArgsR *a, unsigned shift)
{
    IrRef index = ext(ctx, IR_U32, get_x(ctx, a->rs1));
    if (shift) {
        index = op2(ctx, IR_shl, index, c64(ctx, shift));
    }
    set_x(ctx, a->rd, a->rs2 ? op2(ctx, IR_add, index, get_x(ctx, a->rs2)) : index);
}

TRANS(sh1add, ArgsR, gen_shadd(ctx, a, 1))
TRANS(sh2add, ArgsR, gen_shadd(ctx, a, 2))
TRANS(sh3add, ArgsR, gen_shadd(ctx, a, 3))
TRANS(add_uw, ArgsR, gen_shadd_uw(ctx, a, 0))
TRANS(sh1add_uw, ArgsR, gen_shadd_uw(ctx, a, 1))
TRANS(sh2add_uw, ArgsR, gen_shadd_uw(ctx, a, 2))
TRANS(sh3add_uw, ArgsR, gen_shadd_uw(ctx, a, 3))
TRANS(slli_uw, ArgsShift,
      set_x(ctx, a->rd, op2(ctx, IR_shl, ext(ctx, IR_U32, get_x(ctx, a->rs1)), c64(ctx, a->shamt))))

/* ---- Zbb ---- */

static void gen_minmax(RiscvDis *ctx, const ArgsR *a, IrCond cond)
{
    IrRef x = get_x(ctx, a->rs1), y = get_x(ctx, a->rs2);
    set_x(ctx, a->rd, ir_select(ctx->ir, IR_I64, cond, x, y, x, y));
}

/* Counting bits of a word: the result is at most 32. */
static void gen_count_w(RiscvDis *ctx, const ArgsR1 *a, IrOp op)
{
    IrRef n = ir_op1(ctx->ir, op, IR_I32, 0, get_w(ctx, a->rs1));
    set_x(ctx, a->rd, ir_op1(ctx->ir, IR_zext, IR_I64, 0, n));
}

static void gen_rotate_w(RiscvDis *ctx, const ArgsR *a, IrOp op)
{
    set_w(ctx, a->rd, op2_w(ctx, op, get_w(ctx, a->rs1), get_w(ctx, a->rs2)));
}

TRANS(andn, ArgsR, gen_r(ctx, a, IR_andn))
TRANS(max, ArgsR, gen_minmax(ctx, a, IR_GT))
TRANS(maxu, ArgsR, gen_minmax(ctx, a, IR_GTU))
TRANS(min, ArgsR, gen_minmax(ctx, a, IR_LT))
TRANS(minu, ArgsR, gen_minmax(ctx, a, IR_LTU))
TRANS(clz, ArgsR1, gen_r1(ctx, a, IR_clz))
TRANS(ctz, ArgsR1, gen_r1(ctx, a, IR_ctz))
TRANS(cpop, ArgsR1, gen_r1(ctx, a, IR_popcnt))
TRANS(clzw, ArgsR1, gen_count_w(ctx, a, IR_clz))
TRANS(ctzw, ArgsR1, gen_count_w(ctx, a, IR_ctz))
TRANS(cpopw, ArgsR1, gen_count_w(ctx, a, IR_popcnt))
TRANS(sext_b, ArgsR1, gen_ext(ctx, a, IR_S8))
TRANS(sext_h, ArgsR1, gen_ext(ctx, a, IR_S16))
TRANS(zext_h, ArgsR1, gen_ext(ctx, a, IR_U16))
TRANS(rol, ArgsR, gen_r(ctx, a, IR_rotl))
TRANS(ror, ArgsR, gen_r(ctx, a, IR_rotr))
TRANS(rolw, ArgsR, gen_rotate_w(ctx, a, IR_rotl))
TRANS(rorw, ArgsR, gen_rotate_w(ctx, a, IR_rotr))
TRANS(rori, ArgsShift, set_x(ctx, a->rd, op2(ctx, IR_rotr, get_x(ctx, a->rs1), c64(ctx, a->shamt))))
TRANS(roriw, ArgsShift,
      set_w(ctx, a->rd, op2_w(ctx, IR_rotr, get_w(ctx, a->rs1), c32(ctx, a->shamt))))
TRANS(rev8, ArgsR1, gen_r1(ctx, a, IR_bswap))
TRANS(orc_b, ArgsR1, set_x(ctx, a->rd, call1(ctx, RISCV_HELPER_orc_b, get_x(ctx, a->rs1))))

bool trans_orn(RiscvDis *ctx, const ArgsR *a)
{
    IrRef inverted = ir_op1(ctx->ir, IR_not, IR_I64, 0, get_x(ctx, a->rs2));
    set_x(ctx, a->rd, op2(ctx, IR_or, get_x(ctx, a->rs1), inverted));
    return true;
}

bool trans_xnor(RiscvDis *ctx, const ArgsR *a)
{
    IrRef v = op2(ctx, IR_xor, get_x(ctx, a->rs1), get_x(ctx, a->rs2));
    set_x(ctx, a->rd, ir_op1(ctx->ir, IR_not, IR_I64, 0, v));
    return true;
}

/* ---- Zbkb ---- */

/* The second register's low part, of @memop's size, above the first's. */
static IrRef gen_pack(RiscvDis *ctx, const ArgsR *a, unsigned memop)
{
    IrRef low = ext(ctx, memop, get_x(ctx, a->rs1)), high = get_x(ctx, a->rs2);
    if (memop != IR_U32) {
        high = ext(ctx, memop, high);
    }
    return op2(ctx, IR_or, low, op2(ctx, IR_shl, high, c64(ctx, 8 * ir_memop_bytes(memop))));
}

TRANS(pack, ArgsR, set_x(ctx, a->rd, gen_pack(ctx, a, IR_U32)))
TRANS(packh, ArgsR, set_x(ctx, a->rd, gen_pack(ctx, a, IR_U8)))
TRANS(packw, ArgsR, set_x(ctx, a->rd, ext(ctx, IR_S32, gen_pack(ctx, a, IR_U16))))
TRANS(brev8, ArgsR1, set_x(ctx, a->rd, call1(ctx, RISCV_HELPER_brev8, get_x(ctx, a->rs1))))

/* ---- Zbc ---- */

static void gen_call_r(RiscvDis *ctx, const ArgsR *a, unsigned helper)
{
    set_x(ctx, a->rd, call2(ctx, helper, get_x(ctx, a->rs1), get_x(ctx, a->rs2)));
}

TRANS(clmul, ArgsR, gen_call_r(ctx, a, RISCV_HELPER_clmul))
TRANS(clmulh, ArgsR, gen_call_r(ctx, a, RISCV_HELPER_clmulh))
TRANS(clmulr, ArgsR, gen_call_r(ctx, a, RISCV_HELPER_clmulr))

/* ---- Zbs ---- */

static IrRef one_bit(RiscvDis *ctx, int reg)
{
    return op2(ctx, IR_shl, c64(ctx, 1), get_x(ctx, reg));
}

static void gen_bit(RiscvDis *ctx, const ArgsR *a, IrOp op)
{
    set_x(ctx, a->rd, op2(ctx, op, get_x(ctx, a->rs1), one_bit(ctx, a->rs2)));
}

static void gen_bit_imm(RiscvDis *ctx, const ArgsShift *a, IrOp op)
{
    IrRef bit = c64(ctx, (int64_t)(UINT64_C(1) << a->shamt));
    set_x(ctx, a->rd, op2(ctx, op, get_x(ctx, a->rs1), bit));
}

static void gen_bext(RiscvDis *ctx, int rd, IrRef v, IrRef count)
{
    set_x(ctx, rd, op2(ctx, IR_and, op2(ctx, IR_shr, v, count), c64(ctx, 1)));
}

TRANS(bclr, ArgsR, gen_bit(ctx, a, IR_andn))
TRANS(binv, ArgsR, gen_bit(ctx, a, IR_xor))
TRANS(bset, ArgsR, gen_bit(ctx, a, IR_or))
TRANS(bext, ArgsR, gen_bext(ctx, a->rd, get_x(ctx, a->rs1), get_x(ctx, a->rs2)))
TRANS(bclri, ArgsShift, gen_bit_imm(ctx, a, IR_andn))
TRANS(binvi, ArgsShift, gen_bit_imm(ctx, a, IR_xor))
TRANS(bseti, ArgsShift, gen_bit_imm(ctx, a, IR_or))
TRANS(bexti, ArgsShift, gen_bext(ctx, a->rd, get_x(ctx, a->rs1), c64(ctx, a->shamt)))

/* ---- Zicond ---- */

static void gen_czero(RiscvDis *ctx, const ArgsR *a, IrCond zero_if)
{
    IrRef zero = c64(ctx, 0);
    set_x(ctx, a->rd,
          ir_select(ctx->ir, IR_I64, zero_if, get_x(ctx, a->rs2), zero, zero, get_x(ctx, a->rs1)));
}

TRANS(czero_eqz, ArgsR, gen_czero(ctx, a, IR_EQ))
TRANS(czero_nez, ArgsR, gen_czero(ctx, a, IR_NE))
