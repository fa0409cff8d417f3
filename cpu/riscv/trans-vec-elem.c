/*
 * Vector arithmetic on elements as host vectors of 16 or 32 bytes: a register group is a row of pieces, and an
 * instruction is done to each. Where not all elements of a piece are active (masks, vl below VLMAX,
 * fractional groups), the old contents are kept by selection, and operands of floating-point operations
 * are replaced in lanes that must not raise flags.
 *
 * What has no row here, or not for this width, is done by the helper (vec-run.c) with the same results.
 */
#include "cpu/riscv/trans-vec.h"

/* Operations by what they are made of. */
typedef enum ElemKind {
    ELEM_MOV,
    ELEM_OP,    /* one op of two operands */
    ELEM_SAT,   /* the same, and vxsat */
    ELEM_SHIFT, /* counts modulo the width */
    ELEM_MACC,  /* a product added to or subtracted from vd */
    ELEM_EXT,
    ELEM_SIGN, /* signs: op, aux: 0, or 1 to invert b */
    ELEM_FP,
    ELEM_FMA,
    ELEM_SQRT,
    ELEM_CVT, /* between FP and integers of one width; VEC_RTZ and an aux for that */
    ELEM_WIDEN,
} ElemKind;

typedef struct ElemRow {
    VecFn *fn;
    uint8_t kind, op, aux;
    uint8_t lanes; /* bit n: lanes of 2^n bytes */
    bool swap;     /* b before a; vd as a factor instead of vs2 */
} ElemRow;

enum { ALL = 15, B_H = 3, H_W = 6, W_D = 12 };
enum { NEG_BOTH = IR_FMA_NEG_MUL | IR_FMA_NEG_ADD };

static const ElemRow rows[] = {
    {riscv_vec_mov, ELEM_MOV, 0, 0, ALL, false},
    {riscv_vec_add, ELEM_OP, IR_vadd, 0, ALL, false},
    {riscv_vec_sub, ELEM_OP, IR_vsub, 0, ALL, false},
    {riscv_vec_rsub, ELEM_OP, IR_vsub, 0, ALL, true},
    {riscv_vec_and, ELEM_OP, IR_vand, 0, ALL, false},
    {riscv_vec_or, ELEM_OP, IR_vor, 0, ALL, false},
    {riscv_vec_xor, ELEM_OP, IR_vxor, 0, ALL, false},
    {riscv_vec_mul, ELEM_OP, IR_vint, IR_VEC_MUL, ALL, false},
    {riscv_vec_min, ELEM_OP, IR_vint, IR_VEC_MINS, ALL, false},
    {riscv_vec_max, ELEM_OP, IR_vint, IR_VEC_MAXS, ALL, false},
    {riscv_vec_minu, ELEM_OP, IR_vint, IR_VEC_MINU, ALL, false},
    {riscv_vec_maxu, ELEM_OP, IR_vint, IR_VEC_MAXU, ALL, false},
    {riscv_vec_mulh, ELEM_OP, IR_vint, IR_VEC_MULHS, H_W, false},
    {riscv_vec_mulhu, ELEM_OP, IR_vint, IR_VEC_MULHU, H_W, false},
    {riscv_vec_saddu, ELEM_SAT, IR_vadd, IR_VEC_ADDU, B_H, false},
    {riscv_vec_sadd, ELEM_SAT, IR_vadd, IR_VEC_ADDS, B_H, false},
    {riscv_vec_ssubu, ELEM_SAT, IR_vsub, IR_VEC_SUBU, B_H, false},
    {riscv_vec_ssub, ELEM_SAT, IR_vsub, IR_VEC_SUBS, B_H, false},
    {riscv_vec_sll, ELEM_SHIFT, IR_vint, IR_VEC_SHL, ALL, false},
    {riscv_vec_srl, ELEM_SHIFT, IR_vint, IR_VEC_SHR, ALL, false},
    {riscv_vec_sra, ELEM_SHIFT, IR_vint, IR_VEC_SAR, ALL, false},
    {riscv_vec_macc, ELEM_MACC, IR_vadd, 0, ALL, false},
    {riscv_vec_nmsac, ELEM_MACC, IR_vsub, 0, ALL, false},
    {riscv_vec_madd, ELEM_MACC, IR_vadd, 0, ALL, true},
    {riscv_vec_nmsub, ELEM_MACC, IR_vsub, 0, ALL, true},
    {riscv_vec_exta, ELEM_EXT, 0, 0, ALL, false},
    {riscv_vec_fsgnj, ELEM_SIGN, IR_vor, 0, W_D, false},
    {riscv_vec_fsgnjn, ELEM_SIGN, IR_vor, 1, W_D, false},
    {riscv_vec_fsgnjx, ELEM_SIGN, IR_vxor, 0, W_D, false},
    {riscv_vec_fadd, ELEM_FP, IR_vfp, IR_VEC_FADD, W_D, false},
    {riscv_vec_fsub, ELEM_FP, IR_vfp, IR_VEC_FSUB, W_D, false},
    {riscv_vec_frsub, ELEM_FP, IR_vfp, IR_VEC_FSUB, W_D, true},
    {riscv_vec_fmul, ELEM_FP, IR_vfp, IR_VEC_FMUL, W_D, false},
    {riscv_vec_fdiv, ELEM_FP, IR_vfp, IR_VEC_FDIV, W_D, false},
    {riscv_vec_frdiv, ELEM_FP, IR_vfp, IR_VEC_FDIV, W_D, true},
    {riscv_vec_fmin, ELEM_FP, IR_vfp, IR_VEC_FMIN, W_D, false},
    {riscv_vec_fmax, ELEM_FP, IR_vfp, IR_VEC_FMAX, W_D, false},
    {riscv_vec_fsqrt, ELEM_SQRT, IR_vfsqrt, 0, W_D, false},
    {riscv_vec_fcvt_f_x, ELEM_CVT, IR_vfcvt, IR_VEC_S_TO_F, W_D, false},
    {riscv_vec_fcvt_f_xu, ELEM_CVT, IR_vfcvt, IR_VEC_U_TO_F, W_D, false},
    {riscv_vec_fcvt_x_f, ELEM_CVT, IR_vfcvt, IR_VEC_F_TO_S, W_D, false},
    {riscv_vec_fcvt_xu_f, ELEM_CVT, IR_vfcvt, IR_VEC_F_TO_U, W_D, false},
    {riscv_vec_fcvt_f_f, ELEM_WIDEN, IR_vfcvt, 0, 8, false},
    {riscv_vec_fmacc, ELEM_FMA, IR_vfma, 0, W_D, false},
    {riscv_vec_fnmacc, ELEM_FMA, IR_vfma, NEG_BOTH, W_D, false},
    {riscv_vec_fmsac, ELEM_FMA, IR_vfma, IR_FMA_NEG_ADD, W_D, false},
    {riscv_vec_fnmsac, ELEM_FMA, IR_vfma, IR_FMA_NEG_MUL, W_D, false},
    {riscv_vec_fmadd, ELEM_FMA, IR_vfma, 0, W_D, true},
    {riscv_vec_fnmadd, ELEM_FMA, IR_vfma, NEG_BOTH, W_D, true},
    {riscv_vec_fmsub, ELEM_FMA, IR_vfma, IR_FMA_NEG_ADD, W_D, true},
    {riscv_vec_fnmsub, ELEM_FMA, IR_vfma, IR_FMA_NEG_MUL, W_D, true},
};

/* An instruction being translated. */
typedef struct Elem {
    RiscvDis *ctx;
    const VecRow *row;
    const ElemRow *r;
    int log2;      /* of bytes of an element of vd */
    IrRef scalar;  /* splat at that width, IR_NOREF if the operand is vs1 */
    IrRef mask;    /* of the piece at hand, IR_NOREF if all is active */
    IrRef differs; /* ELEM_SAT: lanes not zero where something was saturated, so far */
} Elem;

/* ---- Operands ---- */

/* An operand of FP with 0 in lanes that are not active. */
static IrRef quiet(Elem *e, IrRef v)
{
    return e->mask == IR_NOREF ? v : vop2(e->ctx, IR_vand, 0, v, e->mask);
}

/* Piece @i of a source of f32 as f64. */
static IrRef wide_fp_piece(Elem *e, int reg, unsigned i)
{
    IrRef v = get_piece(e->ctx, reg, i / 2);
    return vop2(e->ctx, IR_vfcvt, (i % 2 ? IR_VEC_WIDEN_UPPER : IR_VEC_WIDEN) | 8, v, v);
}

/* Piece @i of a source whose elements are 2^@narrower times narrower than @log2. */
static IrRef wide_piece(Elem *e, int reg, unsigned i, int log2, int narrower, bool is_signed)
{
    if (narrower == 0) {
        return get_piece(e->ctx, reg, i);
    }
    IrRef half = wide_piece(e, reg, i / 2, log2 - 1, narrower - 1, is_signed);
    unsigned aux = (is_signed ? IR_VEC_SIGNED : 0) | (i % 2 ? IR_VEC_UPPER : 0);
    return vop1(e->ctx, IR_vext, 1u << (log2 - 1) | aux, half);
}

static IrRef operand_a(Elem *e, unsigned i)
{
    if ((e->row->flags & VEC_FA) && e->row->a < e->row->d) {
        return wide_fp_piece(e, insn_rs2(e->ctx), i);
    }
    return wide_piece(e, insn_rs2(e->ctx), i, e->log2, e->row->d - e->row->a,
                      e->row->flags & VEC_SA);
}

static IrRef operand_b(Elem *e, unsigned i)
{
    if (e->scalar != IR_NOREF) {
        return e->scalar;
    }
    if ((e->row->flags & VEC_FB) && e->row->b < e->row->d) {
        return wide_fp_piece(e, insn_rs1(e->ctx), i);
    }
    return wide_piece(e, insn_rs1(e->ctx), i, e->log2, e->row->d - e->row->b,
                      e->row->flags & VEC_SB);
}

/* The same, with 1 instead of 0. */
static IrRef quiet_divisor(Elem *e, IrRef v)
{
    int64_t one = e->log2 == 3 ? INT64_C(0x3ff0000000000000) : 0x3f800000;
    return e->mask == IR_NOREF
               ? v
               : vsel(e->ctx, v, vsplat(e->ctx, e->log2, c64(e->ctx, one)), e->mask);
}

/* ---- Operations on a piece ---- */

static IrRef piece_op(Elem *e, IrRef a, IrRef b)
{
    return vop2(e->ctx, (IrOp)e->r->op, e->r->aux | 1u << e->log2, e->r->swap ? b : a,
                e->r->swap ? a : b);
}

static IrRef piece_fp(Elem *e, IrRef a, IrRef b)
{
    bool divides = e->r->aux == IR_VEC_FDIV;
    a = divides && e->r->swap ? quiet_divisor(e, a) : quiet(e, a);
    b = divides && !e->r->swap ? quiet_divisor(e, b) : quiet(e, b);
    return piece_op(e, a, b);
}

static IrRef piece_macc(Elem *e, unsigned i, IrRef a, IrRef b)
{
    IrRef d = get_piece(e->ctx, insn_rd(e->ctx), i);
    IrRef factor = e->r->swap ? d : a, addend = e->r->swap ? a : d;
    unsigned lane = 1u << e->log2;
    if (e->r->kind == ELEM_FMA) {
        return ir_emit(e->ctx->ir, IR_vfma, vec_piece_type(e->ctx), (unsigned)e->r->aux << 4 | lane,
                       quiet(e, factor), quiet(e, b), quiet(e, addend), IR_NOREF, 0);
    }
    IrRef product = vop2(e->ctx, IR_vint, IR_VEC_MUL | lane, factor, b);
    return vop2(e->ctx, (IrOp)e->r->op, lane, addend, product);
}

static IrRef piece_saturated(Elem *e, IrRef a, IrRef b)
{
    unsigned lane = 1u << e->log2;
    IrRef v = vop2(e->ctx, IR_vint, e->r->aux | lane, a, b);
    IrRef differs = quiet(e, vop2(e->ctx, IR_vxor, 0, v, vop2(e->ctx, (IrOp)e->r->op, lane, a, b)));
    e->differs = e->differs == IR_NOREF ? differs : vop2(e->ctx, IR_vor, 0, e->differs, differs);
    return v;
}

static IrRef piece_sign(Elem *e, IrRef a, IrRef b)
{
    IrRef sign =
        vsplat(e->ctx, e->log2, c64(e->ctx, (int64_t)(UINT64_C(1) << ((8u << e->log2) - 1))));
    IrRef not_sign = vop2(e->ctx, IR_vxor, 0, sign, vsplat(e->ctx, 3, c64(e->ctx, -1)));
    IrRef s = vop2(e->ctx, IR_vand, 0, b, sign);
    if (e->r->aux) {
        s = vop2(e->ctx, IR_vxor, 0, s, sign);
    }
    return vop2(e->ctx, (IrOp)e->r->op, 0,
                e->r->op == IR_vor ? vop2(e->ctx, IR_vand, 0, a, not_sign) : a, s);
}

/* Bytes, each by its own count: as 16 bits. */
static IrRef piece_shift_bytes(Elem *e, IrRef a, IrRef b)
{
    unsigned sign = e->r->aux == IR_VEC_SAR ? IR_VEC_SIGNED : 0;
    IrRef v[2];
    for (unsigned k = 0; k < 2; k++) {
        unsigned half = 1 | (k ? IR_VEC_UPPER : 0);
        v[k] = vop2(e->ctx, IR_vint, e->r->aux | 2, vop1(e->ctx, IR_vext, half | sign, a),
                    vop1(e->ctx, IR_vext, half, b));
    }
    return vop2(e->ctx, IR_vnarrow, 1, v[0], v[1]);
}

static IrRef piece_shift(Elem *e, IrRef a, IrRef b)
{
    if (e->scalar != IR_NOREF) {
        return piece_op(e, a, b);
    }
    IrRef limit = c64(e->ctx, (8 << e->log2) - 1);
    b = vop2(e->ctx, IR_vand, 0, b, vsplat(e->ctx, e->log2, limit));
    return e->log2 == 0 ? piece_shift_bytes(e, a, b) : piece_op(e, a, b);
}

static IrRef piece_convert(Elem *e, IrRef a)
{
    unsigned rtz = e->row->flags & VEC_RTZ ? IR_VEC_TRUNC_S - IR_VEC_F_TO_S : 0;
    a = quiet(e, a);
    return vop2(e->ctx, IR_vfcvt, (e->r->aux + rtz) | 1u << e->log2, a, a);
}

static IrRef piece_result(Elem *e, unsigned i)
{
    if (e->r->kind == ELEM_MOV) {
        return operand_b(e, i);
    }
    IrRef a = operand_a(e, i);
    switch (e->r->kind) {
    case ELEM_EXT:
    case ELEM_WIDEN: return a;
    case ELEM_CVT: return piece_convert(e, a);
    case ELEM_SQRT: return vop1(e->ctx, IR_vfsqrt, 1u << e->log2, quiet(e, a));
    default: break;
    }
    IrRef b = operand_b(e, i);
    switch (e->r->kind) {
    case ELEM_SHIFT: return piece_shift(e, a, b);
    case ELEM_SAT: return piece_saturated(e, a, b);
    case ELEM_MACC:
    case ELEM_FMA: return piece_macc(e, i, a, b);
    case ELEM_SIGN: return piece_sign(e, a, b);
    case ELEM_FP: return piece_fp(e, a, b);
    default: return piece_op(e, a, b);
    }
}

/* ---- The instruction ---- */

/* vxsat is set if a lane of @differs is not zero. */
static void gen_saturated(RiscvDis *ctx, IrRef differs)
{
    IrRef same = vop2(ctx, IR_vcmp, IR_VEC_EQ | 1, differs, vzero(ctx));
    IrRef bits = vop1(ctx, IR_vbits, 1, same), all = c64(ctx, ctx->wide ? 0xffffffff : 0xffff);
    IrRef sat = ir_op2(ctx->ir, IR_setcond, IR_I64, IR_NE, bits, all);
    IrRef old = ir_ld_env(ctx->ir, IR_I64, IR_U8, ENV(vxsat));
    ir_st_env(ctx->ir, IR_I64, IR_U8, ENV(vxsat), op2(ctx, IR_or, old, sat));
}

/* The scalar at the width of vd, extended as the row says. */
static IrRef wide_scalar(Elem *e)
{
    RiscvDis *ctx = e->ctx;
    IrRef v = vec_scalar(ctx, e->row);
    if (e->r->kind == ELEM_SHIFT) {
        v = op2(ctx, IR_and, v, c64(ctx, (8 << e->log2) - 1));
    } else if ((e->row->flags & VEC_FB) && e->row->d > e->row->b) {
        v = ir_op1(ctx->ir, IR_bits_is, IR_F32, 0, ir_op1(ctx->ir, IR_trunc, IR_I64, 0, v));
        v = ir_op1(ctx->ir, IR_fcanon, IR_F64, 0, ir_op1(ctx->ir, IR_fcvt_sd, IR_F64, 0, v));
        v = ir_op1(ctx->ir, IR_bits_fi, IR_I64, 0, v);
    } else if (e->row->d > e->row->b) {
        static const uint8_t memops[] = {IR_U8, IR_U16, IR_U32};
        unsigned memop = memops[vec_sew(ctx)] | (e->row->flags & VEC_SB ? IR_SIGNED : 0);
        v = ir_op1(ctx->ir, IR_ext, IR_I64, memop, v);
    }
    return vsplat(ctx, e->log2, v);
}

/* Whether an operation can be done to operands of the row's widths. */
static bool widths_fit(const RiscvDis *ctx, const VecRow *row, unsigned kind)
{
    if (row->d == 0) {
        return row->a == 0 || kind == ELEM_EXT;
    }
    if (kind == ELEM_FP || kind == ELEM_FMA || kind == ELEM_WIDEN) {
        /* Widening may raise flags: of all elements then. */
        return vec_sew(ctx) == 2 && vec_whole_pieces(ctx, vec_emul(ctx) + row->d);
    }
    return kind == ELEM_OP || kind == ELEM_MACC;
}

static const ElemRow *find_row(const RiscvDis *ctx, const VecRow *row, int log2)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].fn == row->fn) {
            bool host_mode = rows[i].kind < ELEM_FP || vec_host_mode(ctx);
            return ((rows[i].lanes >> log2) & 1) && host_mode && widths_fit(ctx, row, rows[i].kind)
                       ? &rows[i]
                       : NULL;
        }
    }
    return NULL;
}

static void gen_pieces(Elem *e, unsigned n, const VecActive *active)
{
    enum { MAX_PIECES = 32 };
    RiscvDis *ctx = e->ctx;
    IrRef results[MAX_PIECES];
    int rd = insn_rd(ctx);
    /* Groups of different sizes may overlap. */
    bool later = e->row->d != e->row->a || e->row->d != e->row->b;
    for (unsigned i = 0; i < n; i++) {
        e->mask = active->all ? IR_NOREF : vec_piece_mask(ctx, active->word, i, e->log2);
        IrRef v = piece_result(e, i);
        if (e->mask != IR_NOREF) {
            v = vsel(ctx, v, get_piece(ctx, rd, i), e->mask);
        }
        results[i] = v;
        if (!later) {
            set_piece(ctx, rd, i, v);
        }
    }
    for (unsigned i = 0; later && i < n; i++) {
        set_piece(ctx, rd, i, results[i]);
    }
    if (e->differs != IR_NOREF) {
        gen_saturated(ctx, e->differs);
    }
}

/* Piece @i of the wide source of a narrowing instruction; beyond its group, the one before. */
static IrRef narrowed_piece(RiscvDis *ctx, unsigned i)
{
    int emul = vec_emul(ctx) + 1;
    unsigned bytes = emul >= 0 ? ctx->vlenb << emul : ctx->vlenb >> -emul;
    return get_piece(ctx, insn_rs2(ctx), i * vec_piece_bytes(ctx) < bytes ? i : i - 1);
}

static void set_narrow(RiscvDis *ctx, const VecActive *active, unsigned i, IrRef v)
{
    if (!active->all) {
        v = vsel(ctx, v, get_piece(ctx, insn_rd(ctx), i),
                 vec_piece_mask(ctx, active->word, i, vec_sew(ctx)));
    }
    set_piece(ctx, insn_rd(ctx), i, v);
}

/* Pieces of vd. */
static unsigned narrow_pieces(const RiscvDis *ctx)
{
    unsigned bytes = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx)) << vec_sew(ctx);
    return MAX(bytes / vec_piece_bytes(ctx), 1u);
}

/* f64 to f32; it may raise flags: of all elements then. */
static bool gen_narrow_fp(RiscvDis *ctx)
{
    VecActive active;
    if (!vec_whole_pieces(ctx, vec_emul(ctx) + 1) || vec_sew(ctx) != 2 || !vec_host_mode(ctx) ||
        !vec_active_begin(ctx, &active, false)) {
        return false;
    }
    for (unsigned i = 0; i < narrow_pieces(ctx); i++) {
        IrRef a = narrowed_piece(ctx, 2 * i), b = narrowed_piece(ctx, 2 * i + 1);
        set_narrow(ctx, &active, i, vop2(ctx, IR_vfcvt, IR_VEC_NARROW | 4, a, b));
    }
    return true;
}

/* Narrowing shifts. */
static bool gen_narrow(RiscvDis *ctx, const VecRow *row)
{
    int wide = vec_sew(ctx) + 1;
    unsigned kind = row->fn == riscv_vec_sra ? IR_VEC_SAR : IR_VEC_SHR;
    VecActive active;
    if ((row->fn != riscv_vec_srl && row->fn != riscv_vec_sra) ||
        !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    IrRef limit = c64(ctx, (8 << wide) - 1), counts = IR_NOREF;
    if (row->form != VEC_V) {
        counts = vsplat(ctx, wide, op2(ctx, IR_and, vec_scalar(ctx, row), limit));
    }
    for (unsigned i = 0; i < narrow_pieces(ctx); i++) {
        IrRef v[2];
        for (unsigned k = 0; k < 2; k++) {
            IrRef b = counts;
            if (b == IR_NOREF) {
                b = vop1(ctx, IR_vext, 1u << (wide - 1) | (k ? IR_VEC_UPPER : 0),
                         get_piece(ctx, insn_rs1(ctx), i));
                b = vop2(ctx, IR_vand, 0, b, vsplat(ctx, wide, limit));
            }
            v[k] = vop2(ctx, IR_vint, kind | 1u << wide, narrowed_piece(ctx, 2 * i + k), b);
        }
        set_narrow(ctx, &active, i, vop2(ctx, IR_vnarrow, 1u << (wide - 1), v[0], v[1]));
    }
    return true;
}

bool gen_vec_elements(RiscvDis *ctx, const VecRow *row)
{
    Elem e = {.ctx = ctx,
              .row = row,
              .log2 = vec_sew(ctx) + row->d,
              .scalar = IR_NOREF,
              .mask = IR_NOREF,
              .differs = IR_NOREF};
    int emul = vec_emul(ctx) + row->d;
    unsigned bytes = emul >= 0 ? ctx->vlenb << emul : ctx->vlenb >> -emul;
    VecActive active;
    if (row->cls != VEC_ELEM) {
        return false;
    }
    if (row->a > row->d) {
        return row->fn == riscv_vec_fcvt_f_f ? gen_narrow_fp(ctx) : gen_narrow(ctx, row);
    }
    e.r = find_row(ctx, row, e.log2);
    if (!e.r || !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    if (row->form != VEC_V && row->form != VEC_UNARY) {
        e.scalar = wide_scalar(&e);
    }
    gen_pieces(&e, MAX(bytes / vec_piece_bytes(ctx), 1u), &active);
    return true;
}
