/*
 * Memory: loads, stores, A, Zacas, fences, cache blocks.
 *
 * Order. The host is TSO: only a store followed by a load of another address may change places, so
 * a fence is real only when it orders earlier writes before later reads. AMOs and SC are locked
 * host operations and thus full barriers, whatever aq and rl say; a plain load has acquire
 * semantics and a plain store release. LR is a plain load; with rl it must not go before earlier
 * stores. Accesses to devices happen at once, in program order, so I and O count as reads and
 * writes.
 */
#include "cpu/riscv/translate.h"

/* ---- Loads and stores ---- */

static void gen_load(RiscvDis *ctx, const ArgsI *a, unsigned memop)
{
    set_x(ctx, a->rd, ir_ld(ctx->ir, IR_I64, memop, get_x(ctx, a->rs1), a->imm));
}

static void gen_store(RiscvDis *ctx, const ArgsS *a, unsigned memop)
{
    ir_st(ctx->ir, IR_I64, memop, get_x(ctx, a->rs1), a->imm, get_x(ctx, a->rs2));
}

TRANS(lb, ArgsI, gen_load(ctx, a, IR_S8))
TRANS(lh, ArgsI, gen_load(ctx, a, IR_S16))
TRANS(lw, ArgsI, gen_load(ctx, a, IR_S32))
TRANS(ld, ArgsI, gen_load(ctx, a, IR_64))
TRANS(lbu, ArgsI, gen_load(ctx, a, IR_U8))
TRANS(lhu, ArgsI, gen_load(ctx, a, IR_U16))
TRANS(lwu, ArgsI, gen_load(ctx, a, IR_U32))
TRANS(sb, ArgsS, gen_store(ctx, a, IR_U8))
TRANS(sh, ArgsS, gen_store(ctx, a, IR_U16))
TRANS(sw, ArgsS, gen_store(ctx, a, IR_U32))
TRANS(sd, ArgsS, gen_store(ctx, a, IR_64))

/* ---- Order ---- */

static void gen_fence(RiscvDis *ctx)
{
    ir_emit(ctx->ir, IR_fence, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0);
}

/* Reserved values of fm are plain fences, reserved register fields are ignored, as the manual
 * demands. fence.tso is what the host does anyway; pause is a fence of nothing. */
bool trans_fence(RiscvDis *ctx, const ArgsFence *a)
{
    enum { FENCE_W = 1, FENCE_R = 2, FENCE_O = 4, FENCE_I = 8 };
    bool tso = a->fm == 8 && a->pred == (FENCE_R | FENCE_W) && a->succ == (FENCE_R | FENCE_W);
    if (!tso && (a->pred & (FENCE_W | FENCE_O)) && (a->succ & (FENCE_R | FENCE_I))) {
        gen_fence(ctx);
    }
    return true;
}

/* ---- Load-reserved, store-conditional ---- */

static void gen_lr(RiscvDis *ctx, const ArgsLr *a, unsigned size)
{
    if (a->rl) {
        gen_fence(ctx);
    }
    set_x(ctx, a->rd, call2(ctx, RISCV_HELPER_lr, get_x(ctx, a->rs1), c64(ctx, size)));
}

static void gen_sc(RiscvDis *ctx, const ArgsAmo *a, unsigned size)
{
    set_x(ctx, a->rd,
          call3(ctx, RISCV_HELPER_sc, get_x(ctx, a->rs1), get_x(ctx, a->rs2), c64(ctx, size)));
}

TRANS(lr_w, ArgsLr, gen_lr(ctx, a, 4))
TRANS(lr_d, ArgsLr, gen_lr(ctx, a, 8))
TRANS(sc_w, ArgsAmo, gen_sc(ctx, a, 4))
TRANS(sc_d, ArgsAmo, gen_sc(ctx, a, 8))

/* ---- AMO ---- */

static void gen_amo_w(RiscvDis *ctx, const ArgsAmo *a, IrRmw rmw)
{
    IrRef old = ir_emit(ctx->ir, IR_rmw, IR_I32, rmw, get_x(ctx, a->rs1), get_w(ctx, a->rs2),
                        IR_NOREF, IR_NOREF, 0);
    set_w(ctx, a->rd, old);
}

static void gen_amo_d(RiscvDis *ctx, const ArgsAmo *a, IrRmw rmw)
{
    IrRef old = ir_emit(ctx->ir, IR_rmw, IR_I64, rmw, get_x(ctx, a->rs1), get_x(ctx, a->rs2),
                        IR_NOREF, IR_NOREF, 0);
    set_x(ctx, a->rd, old);
}

TRANS(amoswap_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_SWAP))
TRANS(amoadd_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_ADD))
TRANS(amoxor_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_XOR))
TRANS(amoand_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_AND))
TRANS(amoor_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_OR))
TRANS(amomin_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_MIN))
TRANS(amomax_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_MAX))
TRANS(amominu_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_MINU))
TRANS(amomaxu_w, ArgsAmo, gen_amo_w(ctx, a, IR_RMW_MAXU))
TRANS(amoswap_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_SWAP))
TRANS(amoadd_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_ADD))
TRANS(amoxor_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_XOR))
TRANS(amoand_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_AND))
TRANS(amoor_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_OR))
TRANS(amomin_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_MIN))
TRANS(amomax_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_MAX))
TRANS(amominu_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_MINU))
TRANS(amomaxu_d, ArgsAmo, gen_amo_d(ctx, a, IR_RMW_MAXU))

/* ---- Zacas: rd is compared and gets the old value, rs2 is stored ---- */

bool trans_amocas_w(RiscvDis *ctx, const ArgsAmo *a)
{
    IrRef old = ir_emit(ctx->ir, IR_cas, IR_I32, 0, get_x(ctx, a->rs1), get_w(ctx, a->rd),
                        get_w(ctx, a->rs2), IR_NOREF, 0);
    set_w(ctx, a->rd, old);
    return true;
}

bool trans_amocas_d(RiscvDis *ctx, const ArgsAmo *a)
{
    IrRef old = ir_emit(ctx->ir, IR_cas, IR_I64, 0, get_x(ctx, a->rs1), get_x(ctx, a->rd),
                        get_x(ctx, a->rs2), IR_NOREF, 0);
    set_x(ctx, a->rd, old);
    return true;
}

/* Register pairs: odd numbers are reserved, x0 stands for two zeroes. */
bool trans_amocas_q(RiscvDis *ctx, const ArgsAmo *a)
{
    if ((a->rd | a->rs2) & 1) {
        return false;
    }
    call3(ctx, RISCV_HELPER_amocas128, get_x(ctx, a->rs1), c64(ctx, a->rd), c64(ctx, a->rs2));
    return true;
}

/* ---- Cache blocks ---- */

TRANS(cbo, ArgsRs1, call2(ctx, RISCV_HELPER_cbo, get_x(ctx, a->rs1), c_insn(ctx)))
