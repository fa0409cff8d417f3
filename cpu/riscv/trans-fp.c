/*
 * Floating point: F, D, Zfh, Zfa.
 *
 * Single and double arithmetic is inline: while guest code runs, the host's MXCSR has the rounding
 * mode of frm and collects the flags. That is right when the instruction's mode is frm's (which the
 * translation's key contains) and the host has it; otherwise, and for all half-precision
 * arithmetic, a helper computes from the instruction word and the register images. Results of
 * arithmetic are made canonical if NaN.
 *
 * The f registers are 64 bits wide; narrower values are NaN-boxed: reading one that is not gives
 * the canonical NaN, except for moves and stores.
 */
#include "cpu/riscv/translate.h"

enum { RM_RNE = 0, RM_RTZ = 1, RM_RUP = 3, RM_RMM = 4, RM_DYN = 7 };

/* ---- State ---- */

static bool fp_on(const RiscvDis *ctx)
{
    return ctx->flags & RISCV_TB_FS;
}

static int fp_frm(const RiscvDis *ctx)
{
    return (int)((ctx->flags & RISCV_TB_FRM_MASK) >> RISCV_TB_FRM_SHIFT);
}

/* The rounding mode of an instruction with field @rm; -1: it is reserved or FP is off, illegal. */
static int fp_mode(const RiscvDis *ctx, int rm)
{
    int mode = rm == RM_DYN ? fp_frm(ctx) : rm;
    return fp_on(ctx) && mode <= RM_RMM ? mode : -1;
}

/* Whether the host rounds in @mode now. */
static bool is_host_mode(const RiscvDis *ctx, int mode)
{
    return mode == fp_frm(ctx) && mode <= RM_RUP;
}

/* Registers or flags have been written. */
void gen_fp_dirty(RiscvDis *ctx)
{
    if (!ctx->fs_dirtied) {
        ctx->fs_dirtied = true;
        ir_st_env(ctx->ir, IR_I32, IR_U8, ENV(fs_dirty), c32(ctx, 1));
    }
}

/* ---- fflags, frm, fcsr (F extension, 11.2) ---- */

enum { CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

bool gen_fp_csr_read(RiscvDis *ctx, int rd, unsigned csr)
{
    if (!fp_on(ctx) || csr < CSR_FFLAGS || csr > CSR_FCSR) {
        return false;
    }
    if (csr == CSR_FRM) {
        set_x(ctx, rd, c64(ctx, fp_frm(ctx)));
        return true;
    }
    IrRef v = ir_op1(ctx->ir, IR_fflags, IR_I64, 0, IR_NOREF);
    v = op2(ctx, IR_or, v, ir_ld_env(ctx->ir, IR_I64, IR_U8, ENV(fflags)));
    if (csr == CSR_FCSR) {
        v = op2(ctx, IR_or, v, c64(ctx, (int64_t)fp_frm(ctx) << 5));
    } else if (rd) {
        ctx->flags_read = ctx->next;
        ctx->flags_reg = rd;
    }
    set_x(ctx, rd, v);
    return true;
}

/* Only the write that undoes what a comparison may have done, by having that do nothing. */
bool gen_fp_csr_write(RiscvDis *ctx, int rd, int rs1, unsigned csr)
{
    if (csr != CSR_FFLAGS || rd || ctx->flags_back != ctx->pc || rs1 != ctx->flags_reg) {
        return false;
    }
    ctx->ir->insns[ctx->flags_cmp].aux += IR_FEQ_SILENT - IR_FEQ_QUIET;
    return true;
}

/* ---- Registers ---- */

static IrRef get_image(RiscvDis *ctx, int reg)
{
    return ir_get_var(ctx->ir, RISCV_VAR_F(reg));
}

/* As an integer, for helpers and half precision. */
static IrRef get_bits(RiscvDis *ctx, int reg)
{
    return ir_op1(ctx->ir, IR_bits_fi, IR_I64, 0, get_image(ctx, reg));
}

static IrRef get_f(RiscvDis *ctx, IrType type, int reg)
{
    IrRef v = get_image(ctx, reg);
    return type == IR_F32 ? ir_op1(ctx->ir, IR_funbox, IR_F32, 0, v) : v;
}

/* The second operand beside @v, the register @first: one that is read twice is unboxed once. */
static IrRef get_second(RiscvDis *ctx, IrType type, int first, IrRef v, int second)
{
    return second == first ? v : get_f(ctx, type, second);
}

static void set_f(RiscvDis *ctx, IrType type, int reg, IrRef v)
{
    if (type == IR_F32) {
        v = ir_op1(ctx->ir, IR_fbox, IR_F64, 0, v);
    }
    ir_set_var(ctx->ir, RISCV_VAR_F(reg), v);
    gen_fp_dirty(ctx);
}

static void set_bits(RiscvDis *ctx, int reg, IrRef v)
{
    set_f(ctx, IR_F64, reg, ir_op1(ctx->ir, IR_bits_if, IR_F64, 0, v));
}

/* An integer result, of an instruction that may have set flags. */
static void set_x_flags(RiscvDis *ctx, int reg, IrRef v)
{
    set_x(ctx, reg, v);
    gen_fp_dirty(ctx);
}

static IrRef canon(RiscvDis *ctx, IrType type, IrRef v)
{
    return ir_op1(ctx->ir, IR_fcanon, type, 0, v);
}

/* ---- Helpers: the instruction word and register images ---- */

static IrRef help1(RiscvDis *ctx, IrRef a)
{
    return call2(ctx, RISCV_HELPER_fp1, c_insn(ctx), a);
}

static IrRef help2(RiscvDis *ctx, int rs1, int rs2)
{
    return call3(ctx, RISCV_HELPER_fp2, c_insn(ctx), get_bits(ctx, rs1), get_bits(ctx, rs2));
}

static void gen_help1(RiscvDis *ctx, int rd, int rs1)
{
    set_bits(ctx, rd, help1(ctx, get_bits(ctx, rs1)));
}

static void gen_help2(RiscvDis *ctx, int rd, int rs1, int rs2)
{
    set_bits(ctx, rd, help2(ctx, rs1, rs2));
}

static void gen_help3(RiscvDis *ctx, const ArgsFp3 *a)
{
    set_bits(ctx, a->rd,
             call4(ctx, RISCV_HELPER_fp3, c_insn(ctx), get_bits(ctx, a->rs1), get_bits(ctx, a->rs2),
                   get_bits(ctx, a->rs3)));
}

/* A trans_ function for an instruction without a rounding mode. */
#define TRANS_FP(name, Args, emit)                  \
    bool trans_##name(RiscvDis *ctx, const Args *a) \
    {                                               \
        if (!fp_on(ctx)) {                          \
            return false;                           \
        }                                           \
        emit;                                       \
        return true;                                \
    }

/* A trans_ function for an instruction with one. */
#define TRANS_RM(name, Args, emit)                  \
    bool trans_##name(RiscvDis *ctx, const Args *a) \
    {                                               \
        int mode = fp_mode(ctx, a->rm);             \
        if (mode < 0) {                             \
            return false;                           \
        }                                           \
        emit;                                       \
        return true;                                \
    }

/* ---- Loads, stores, moves ---- */

static void gen_load(RiscvDis *ctx, const ArgsI *a, IrType type, unsigned memop)
{
    set_f(ctx, type, a->rd, ir_ld(ctx->ir, type, memop, get_x(ctx, a->rs1), a->imm));
}

static void gen_store(RiscvDis *ctx, const ArgsS *a, IrType type, unsigned memop)
{
    IrRef v = get_image(ctx, a->rs2);
    if (type == IR_F32) {
        v = ir_op1(ctx->ir, IR_flow, IR_F32, 0, v);
    }
    ir_st(ctx->ir, type, memop, get_x(ctx, a->rs1), a->imm, v);
}

/* A half-precision register image of the low 16 bits. */
static IrRef box_h(RiscvDis *ctx, IrRef v)
{
    return op2(ctx, IR_or, v, c64(ctx, ~INT64_C(0xffff)));
}

TRANS_FP(flw, ArgsI, gen_load(ctx, a, IR_F32, IR_U32))
TRANS_FP(fld, ArgsI, gen_load(ctx, a, IR_F64, IR_64))
TRANS_FP(flh, ArgsI,
         set_bits(ctx, a->rd,
                  box_h(ctx, ir_ld(ctx->ir, IR_I64, IR_U16, get_x(ctx, a->rs1), a->imm))))
TRANS_FP(fsw, ArgsS, gen_store(ctx, a, IR_F32, IR_U32))
TRANS_FP(fsd, ArgsS, gen_store(ctx, a, IR_F64, IR_64))
TRANS_FP(fsh, ArgsS,
         ir_st(ctx->ir, IR_I64, IR_U16, get_x(ctx, a->rs1), a->imm, get_bits(ctx, a->rs2)))

static void gen_ext_bits(RiscvDis *ctx, const ArgsR1 *a, unsigned memop)
{
    set_x(ctx, a->rd, ir_op1(ctx->ir, IR_ext, IR_I64, memop, get_bits(ctx, a->rs1)));
}

TRANS_FP(fmv_x_w, ArgsR1, gen_ext_bits(ctx, a, IR_S32))
TRANS_FP(fmv_x_d, ArgsR1, set_x(ctx, a->rd, get_bits(ctx, a->rs1)))
TRANS_FP(fmv_x_h, ArgsR1, gen_ext_bits(ctx, a, IR_S16))
TRANS_FP(fmv_w_x, ArgsR1,
         set_f(ctx, IR_F32, a->rd, ir_op1(ctx->ir, IR_bits_is, IR_F32, 0, get_w(ctx, a->rs1))))
TRANS_FP(fmv_d_x, ArgsR1, set_bits(ctx, a->rd, get_x(ctx, a->rs1)))
TRANS_FP(fmv_h_x, ArgsR1, set_bits(ctx, a->rd, box_h(ctx, get_x(ctx, a->rs1))))

/* ---- Arithmetic ---- */

static void gen_fp2(RiscvDis *ctx, const ArgsFp2 *a, int mode, IrType type, IrOp op)
{
    if (!is_host_mode(ctx, mode)) {
        gen_help2(ctx, a->rd, a->rs1, a->rs2);
        return;
    }
    IrRef x = get_f(ctx, type, a->rs1);
    IrRef v = ir_op2(ctx->ir, op, type, 0, x, get_second(ctx, type, a->rs1, x, a->rs2));
    set_f(ctx, type, a->rd, canon(ctx, type, v));
}

static void gen_sqrt(RiscvDis *ctx, const ArgsFp1 *a, int mode, IrType type)
{
    if (!is_host_mode(ctx, mode)) {
        gen_help1(ctx, a->rd, a->rs1);
        return;
    }
    IrRef v = ir_op1(ctx->ir, IR_fsqrt, type, 0, get_f(ctx, type, a->rs1));
    set_f(ctx, type, a->rd, canon(ctx, type, v));
}

static void gen_fma(RiscvDis *ctx, const ArgsFp3 *a, int mode, IrType type, unsigned signs)
{
    if (!is_host_mode(ctx, mode)) {
        gen_help3(ctx, a);
        return;
    }
    IrRef v = ir_emit(ctx->ir, IR_fma, type, signs | IR_FMA_INF_ZERO, get_f(ctx, type, a->rs1),
                      get_f(ctx, type, a->rs2), get_f(ctx, type, a->rs3), IR_NOREF, 0);
    set_f(ctx, type, a->rd, canon(ctx, type, v));
}

TRANS_RM(fadd_s, ArgsFp2, gen_fp2(ctx, a, mode, IR_F32, IR_fadd))
TRANS_RM(fsub_s, ArgsFp2, gen_fp2(ctx, a, mode, IR_F32, IR_fsub))
TRANS_RM(fmul_s, ArgsFp2, gen_fp2(ctx, a, mode, IR_F32, IR_fmul))
TRANS_RM(fdiv_s, ArgsFp2, gen_fp2(ctx, a, mode, IR_F32, IR_fdiv))
TRANS_RM(fsqrt_s, ArgsFp1, gen_sqrt(ctx, a, mode, IR_F32))
TRANS_RM(fadd_d, ArgsFp2, gen_fp2(ctx, a, mode, IR_F64, IR_fadd))
TRANS_RM(fsub_d, ArgsFp2, gen_fp2(ctx, a, mode, IR_F64, IR_fsub))
TRANS_RM(fmul_d, ArgsFp2, gen_fp2(ctx, a, mode, IR_F64, IR_fmul))
TRANS_RM(fdiv_d, ArgsFp2, gen_fp2(ctx, a, mode, IR_F64, IR_fdiv))
TRANS_RM(fsqrt_d, ArgsFp1, gen_sqrt(ctx, a, mode, IR_F64))

#define NEG_BOTH (IR_FMA_NEG_MUL | IR_FMA_NEG_ADD)
TRANS_RM(fmadd_s, ArgsFp3, gen_fma(ctx, a, mode, IR_F32, 0))
TRANS_RM(fmsub_s, ArgsFp3, gen_fma(ctx, a, mode, IR_F32, IR_FMA_NEG_ADD))
TRANS_RM(fnmsub_s, ArgsFp3, gen_fma(ctx, a, mode, IR_F32, IR_FMA_NEG_MUL))
TRANS_RM(fnmadd_s, ArgsFp3, gen_fma(ctx, a, mode, IR_F32, NEG_BOTH))
TRANS_RM(fmadd_d, ArgsFp3, gen_fma(ctx, a, mode, IR_F64, 0))
TRANS_RM(fmsub_d, ArgsFp3, gen_fma(ctx, a, mode, IR_F64, IR_FMA_NEG_ADD))
TRANS_RM(fnmsub_d, ArgsFp3, gen_fma(ctx, a, mode, IR_F64, IR_FMA_NEG_MUL))
TRANS_RM(fnmadd_d, ArgsFp3, gen_fma(ctx, a, mode, IR_F64, NEG_BOTH))

/* In all modes, conversions between formats too: the helper takes the mode from the instruction. */
TRANS_RM(fp1_h, ArgsFp1, (void)mode; gen_help1(ctx, a->rd, a->rs1))
TRANS_RM(fp2_h, ArgsFp2, (void)mode; gen_help2(ctx, a->rd, a->rs1, a->rs2))
TRANS_RM(fp3_h, ArgsFp3, (void)mode; gen_help3(ctx, a))

/* ---- Signs, minimum and maximum ---- */

static void gen_sign(RiscvDis *ctx, const ArgsR *a, IrType type, IrOp op)
{
    if (a->rs1 == a->rs2 && op == IR_fsgnj && type == IR_F64) { /* fmv.d */
        set_f(ctx, type, a->rd, get_image(ctx, a->rs1));
        return;
    }
    IrRef x = get_f(ctx, type, a->rs1);
    IrRef v = ir_op2(ctx->ir, op, type, 0, x, get_second(ctx, type, a->rs1, x, a->rs2));
    set_f(ctx, type, a->rd, v);
}

static void gen_minmax(RiscvDis *ctx, const ArgsR *a, IrType type, IrOp op)
{
    IrRef v = ir_op2(ctx->ir, op, type, 0, get_f(ctx, type, a->rs1), get_f(ctx, type, a->rs2));
    set_f(ctx, type, a->rd, v);
}

TRANS_FP(fsgnj_s, ArgsR, gen_sign(ctx, a, IR_F32, IR_fsgnj))
TRANS_FP(fsgnjn_s, ArgsR, gen_sign(ctx, a, IR_F32, IR_fsgnjn))
TRANS_FP(fsgnjx_s, ArgsR, gen_sign(ctx, a, IR_F32, IR_fsgnjx))
TRANS_FP(fsgnj_d, ArgsR, gen_sign(ctx, a, IR_F64, IR_fsgnj))
TRANS_FP(fsgnjn_d, ArgsR, gen_sign(ctx, a, IR_F64, IR_fsgnjn))
TRANS_FP(fsgnjx_d, ArgsR, gen_sign(ctx, a, IR_F64, IR_fsgnjx))
TRANS_FP(fmin_s, ArgsR, gen_minmax(ctx, a, IR_F32, IR_fminnum))
TRANS_FP(fmax_s, ArgsR, gen_minmax(ctx, a, IR_F32, IR_fmaxnum))
TRANS_FP(fmin_d, ArgsR, gen_minmax(ctx, a, IR_F64, IR_fminnum))
TRANS_FP(fmax_d, ArgsR, gen_minmax(ctx, a, IR_F64, IR_fmaxnum))

TRANS_FP(fsgnj_h, ArgsR, gen_help2(ctx, a->rd, a->rs1, a->rs2))
TRANS_FP(fsgnjn_h, ArgsR, gen_help2(ctx, a->rd, a->rs1, a->rs2))
TRANS_FP(fsgnjx_h, ArgsR, gen_help2(ctx, a->rd, a->rs1, a->rs2))
TRANS_FP(fminmax_h, ArgsR, gen_help2(ctx, a->rd, a->rs1, a->rs2))
TRANS_FP(fminmaxm, ArgsR, gen_help2(ctx, a->rd, a->rs1, a->rs2))

/* ---- Comparison and classification ---- */

static void gen_cmp(RiscvDis *ctx, const ArgsR *a, IrType type, IrFcmp cmp)
{
    IrRef v =
        ir_op2(ctx->ir, IR_fcmp, type, cmp, get_f(ctx, type, a->rs1), get_f(ctx, type, a->rs2));
    set_x_flags(ctx, a->rd, v);
    if (ctx->flags_read == ctx->pc && a->rd != ctx->flags_reg && cmp <= IR_FLE_SIGNAL) {
        ctx->flags_back = ctx->next;
        ctx->flags_cmp = v;
    }
}

TRANS_FP(feq_s, ArgsR, gen_cmp(ctx, a, IR_F32, IR_FEQ_QUIET))
TRANS_FP(flt_s, ArgsR, gen_cmp(ctx, a, IR_F32, IR_FLT_SIGNAL))
TRANS_FP(fle_s, ArgsR, gen_cmp(ctx, a, IR_F32, IR_FLE_SIGNAL))
TRANS_FP(fltq_s, ArgsR, gen_cmp(ctx, a, IR_F32, IR_FLT_QUIET))
TRANS_FP(fleq_s, ArgsR, gen_cmp(ctx, a, IR_F32, IR_FLE_QUIET))
TRANS_FP(feq_d, ArgsR, gen_cmp(ctx, a, IR_F64, IR_FEQ_QUIET))
TRANS_FP(flt_d, ArgsR, gen_cmp(ctx, a, IR_F64, IR_FLT_SIGNAL))
TRANS_FP(fle_d, ArgsR, gen_cmp(ctx, a, IR_F64, IR_FLE_SIGNAL))
TRANS_FP(fltq_d, ArgsR, gen_cmp(ctx, a, IR_F64, IR_FLT_QUIET))
TRANS_FP(fleq_d, ArgsR, gen_cmp(ctx, a, IR_F64, IR_FLE_QUIET))
TRANS_FP(fcmp_h, ArgsR, set_x_flags(ctx, a->rd, help2(ctx, a->rs1, a->rs2)))

TRANS_FP(fclass_s, ArgsR1,
         set_x(ctx, a->rd, call1(ctx, RISCV_HELPER_fclass_s, get_bits(ctx, a->rs1))))
TRANS_FP(fclass_d, ArgsR1,
         set_x(ctx, a->rd, call1(ctx, RISCV_HELPER_fclass_d, get_bits(ctx, a->rs1))))
TRANS_FP(fclass_h, ArgsR1, set_x(ctx, a->rd, help1(ctx, get_bits(ctx, a->rs1))))

/* ---- Conversions ---- */

static void gen_to_int(RiscvDis *ctx, const ArgsFp1 *a, int mode, IrType type, IrIntKind kind)
{
    unsigned trunc = mode == RM_RTZ ? IR_CVT_TRUNC : 0;
    IrRef v = trunc || is_host_mode(ctx, mode)
                  ? ir_op1(ctx->ir, IR_fcvt_if, type, kind | trunc, get_f(ctx, type, a->rs1))
                  : help1(ctx, get_bits(ctx, a->rs1));
    set_x_flags(ctx, a->rd, v);
}

static void gen_from_int(RiscvDis *ctx, const ArgsFp1 *a, int mode, IrType type, IrIntKind kind)
{
    bool exact = type == IR_F64 && (kind == IR_INT_S32 || kind == IR_INT_U32);
    IrRef v = get_x(ctx, a->rs1);
    if (exact || is_host_mode(ctx, mode)) {
        set_f(ctx, type, a->rd, ir_op1(ctx->ir, IR_fcvt_fi, type, kind, v));
    } else {
        set_bits(ctx, a->rd, help1(ctx, v));
    }
}

TRANS_RM(fcvt_w_s, ArgsFp1, gen_to_int(ctx, a, mode, IR_F32, IR_INT_S32))
TRANS_RM(fcvt_wu_s, ArgsFp1, gen_to_int(ctx, a, mode, IR_F32, IR_INT_U32))
TRANS_RM(fcvt_l_s, ArgsFp1, gen_to_int(ctx, a, mode, IR_F32, IR_INT_S64))
TRANS_RM(fcvt_lu_s, ArgsFp1, gen_to_int(ctx, a, mode, IR_F32, IR_INT_U64))
TRANS_RM(fcvt_w_d, ArgsFp1, gen_to_int(ctx, a, mode, IR_F64, IR_INT_S32))
TRANS_RM(fcvt_wu_d, ArgsFp1, gen_to_int(ctx, a, mode, IR_F64, IR_INT_U32))
TRANS_RM(fcvt_l_d, ArgsFp1, gen_to_int(ctx, a, mode, IR_F64, IR_INT_S64))
TRANS_RM(fcvt_lu_d, ArgsFp1, gen_to_int(ctx, a, mode, IR_F64, IR_INT_U64))
TRANS_RM(fcvt_s_w, ArgsFp1, gen_from_int(ctx, a, mode, IR_F32, IR_INT_S32))
TRANS_RM(fcvt_s_wu, ArgsFp1, gen_from_int(ctx, a, mode, IR_F32, IR_INT_U32))
TRANS_RM(fcvt_s_l, ArgsFp1, gen_from_int(ctx, a, mode, IR_F32, IR_INT_S64))
TRANS_RM(fcvt_s_lu, ArgsFp1, gen_from_int(ctx, a, mode, IR_F32, IR_INT_U64))
TRANS_RM(fcvt_d_w, ArgsFp1, gen_from_int(ctx, a, mode, IR_F64, IR_INT_S32))
TRANS_RM(fcvt_d_wu, ArgsFp1, gen_from_int(ctx, a, mode, IR_F64, IR_INT_U32))
TRANS_RM(fcvt_d_l, ArgsFp1, gen_from_int(ctx, a, mode, IR_F64, IR_INT_S64))
TRANS_RM(fcvt_d_lu, ArgsFp1, gen_from_int(ctx, a, mode, IR_F64, IR_INT_U64))

TRANS_RM(fcvt_x_h, ArgsFp1, (void)mode; set_x_flags(ctx, a->rd, help1(ctx, get_bits(ctx, a->rs1))))
TRANS_RM(fcvt_h_x, ArgsFp1, (void)mode; set_bits(ctx, a->rd, help1(ctx, get_x(ctx, a->rs1))))
TRANS_FP(fcvtmod_w_d, ArgsR1, set_x_flags(ctx, a->rd, help1(ctx, get_bits(ctx, a->rs1))))

bool trans_fcvt_s_d(RiscvDis *ctx, const ArgsFp1 *a)
{
    int mode = fp_mode(ctx, a->rm);
    if (mode < 0) {
        return false;
    }
    if (!is_host_mode(ctx, mode)) {
        gen_help1(ctx, a->rd, a->rs1);
        return true;
    }
    IrRef v = ir_op1(ctx->ir, IR_fcvt_ds, IR_F32, 0, get_image(ctx, a->rs1));
    set_f(ctx, IR_F32, a->rd, canon(ctx, IR_F32, v));
    return true;
}

/* Exact, but a signaling NaN sets a flag. */
TRANS_RM(fcvt_d_s, ArgsFp1, (void)mode;
         IrRef v = ir_op1(ctx->ir, IR_fcvt_sd, IR_F64, 0, get_f(ctx, IR_F32, a->rs1));
         set_f(ctx, IR_F64, a->rd, canon(ctx, IR_F64, v)))

/* ---- Zfa ---- */

static void gen_round(RiscvDis *ctx, const ArgsFp1 *a, int mode, IrType type, bool no_inexact)
{
    if (!is_host_mode(ctx, mode)) {
        gen_help1(ctx, a->rd, a->rs1);
        return;
    }
    IrRef v = ir_op1(ctx->ir, IR_fround, type, no_inexact, get_f(ctx, type, a->rs1));
    set_f(ctx, type, a->rd, canon(ctx, type, v));
}

TRANS_RM(fround_s, ArgsFp1, gen_round(ctx, a, mode, IR_F32, true))
TRANS_RM(froundnx_s, ArgsFp1, gen_round(ctx, a, mode, IR_F32, false))
TRANS_RM(fround_d, ArgsFp1, gen_round(ctx, a, mode, IR_F64, true))
TRANS_RM(froundnx_d, ArgsFp1, gen_round(ctx, a, mode, IR_F64, false))

/* The constants of fli as doubles. Entry 1 is the smallest normal number of the format. */
static const uint64_t fli_doubles[32] = {
    0xbff0000000000000, 0x0010000000000000,
    0x3ef0000000000000, 0x3f00000000000000, /* -1, min, 2^-16, -15 */
    0x3f70000000000000, 0x3f80000000000000,
    0x3fb0000000000000, 0x3fc0000000000000, /* 2^-8, -7, -4, -3 */
    0x3fd0000000000000, 0x3fd4000000000000,
    0x3fd8000000000000, 0x3fdc000000000000, /* 0.25.. */
    0x3fe0000000000000, 0x3fe4000000000000,
    0x3fe8000000000000, 0x3fec000000000000, /* 0.5.. */
    0x3ff0000000000000, 0x3ff4000000000000,
    0x3ff8000000000000, 0x3ffc000000000000, /* 1.. */
    0x4000000000000000, 0x4004000000000000,
    0x4008000000000000, 0x4010000000000000, /* 2, 2.5, 3, 4 */
    0x4020000000000000, 0x4030000000000000,
    0x4060000000000000, 0x4070000000000000, /* 8, 16, 128, 256 */
    0x40e0000000000000, 0x40f0000000000000,
    0x7ff0000000000000, 0x7ff8000000000000, /* 2^15, 16, inf, NaN */
};

/* fli_doubles[index] in a format with @mantissa bits of fraction and exponent bias @bias. */
static uint64_t fli_narrow(unsigned index, unsigned mantissa, int bias)
{
    uint64_t d = fli_doubles[index], fraction = bits_get(d, 52 - mantissa, mantissa);
    uint64_t sign = (d >> 63) << (mantissa + (bias == 15 ? 5 : 8));
    int exponent = (int)bits_get(d, 52, 11) - 1023 + bias, max = 2 * bias + 1;
    if (index == 1) {
        exponent = 1;
    } else if (exponent >= max) { /* infinity, NaN, and 2^16 in half precision */
        exponent = max;
    } else if (exponent <= 0) { /* subnormal powers of two in half precision */
        fraction = UINT64_C(1) << (mantissa - 1 + exponent);
        exponent = 0;
    }
    return sign | (uint64_t)exponent << mantissa | fraction;
}

TRANS_FP(fli_d, ArgsR1, set_bits(ctx, a->rd, c64(ctx, (int64_t)fli_doubles[a->rs1])))
TRANS_FP(fli_s, ArgsR1,
         set_bits(ctx, a->rd,
                  c64(ctx, (int64_t)(~UINT64_C(0xffffffff) | fli_narrow(a->rs1, 23, 127)))))
TRANS_FP(fli_h, ArgsR1,
         set_bits(ctx, a->rd, box_h(ctx, c64(ctx, (int64_t)fli_narrow(a->rs1, 10, 15)))))
