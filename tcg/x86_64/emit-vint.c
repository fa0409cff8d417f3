/*
 * Integer arithmetic on lanes: by one instruction where the host has it, else by a few, else by a function.
 * Shifts are by a lane's own count; where the counts are all the same there are better ways.
 */
#include "tcg/x86_64/emit.h"

typedef struct Operands {
    unsigned d, a, b;
    unsigned wide; /* X_L or 0 */
} Operands;

static unsigned lane_log2(const IrInsn *in)
{
    return __builtin_ctz(in->aux & 15);
}

/* Operands, and a register for the result, which may be one of theirs: it is to be written last. */
static Operands begin(Emit *e, const IrInsn *in)
{
    Operands o = {.a = reg_use(e, in->arg[0]), .b = reg_use(e, in->arg[1]), .wide = vec_width(in)};

    o.d = reg_def(e, o.a, o.b);
    return o;
}

static void rrr(Emit *e, const Operands *o, unsigned op, unsigned d, unsigned a, unsigned b)
{
    v_rrr(&e->as, op | o->wide, d, a, b);
}

/* ---- Shifts ---- */

typedef enum Shift { SHL, SHR, SAR } Shift;

static Shift shift_of(const IrInsn *in)
{
    return ((in->aux & 0xf0) - IR_VEC_SHL) >> 4;
}

static void shift_imm(Emit *e, const Operands *o, unsigned op, Shift shift, unsigned d, unsigned a,
                      unsigned count)
{
    static const uint8_t digits[] = {[SHL] = 6, [SHR] = 2, [SAR] = 4};

    rrr(e, o, op, digits[shift], d, a);
    asm_u8(&e->as, count);
}

/* By 16 bits, without what comes from the neighbour. */
static void shift_bytes(Emit *e, const Operands *o, Shift shift, unsigned count)
{
    unsigned left = shift == SHL ? POOL_SHL8 : POOL_SHR8;

    shift_imm(e, o, X_PSHIFTW_I, shift == SHL ? SHL : SHR, o->d, o->a, count);
    fp_rip(e, X_PAND | o->wide, o->d, o->d, left + 32 * count);
    if (shift == SAR) {
        fp_rip(e, X_PXOR | o->wide, o->d, o->d, POOL_SIGN8 + 32 * count);
        fp_rip(e, X_PSUBB | o->wide, o->d, o->d, POOL_SIGN8 + 32 * count);
    }
}

/* Whether all counts are one constant, and that. */
static bool known_count(const Emit *e, const IrInsn *in, uint64_t *count)
{
    const IrInsn *b = &e->insns[in->arg[1]];

    if (b->op != IR_vsplat || b->aux != (in->aux & 15) || !value_const(e, b->arg[0], count)) {
        return false;
    }
    *count &= 63;
    return *count < 8u << lane_log2(in);
}

static bool shift_known(Emit *e, const IrInsn *in, unsigned count)
{
    static const unsigned ops[4] = {0, X_PSHIFTW_I, X_PSHIFTD_I, X_PSHIFTQ_I};
    unsigned lane = lane_log2(in);
    Shift shift = shift_of(in);
    Operands o = {.a = reg_use(e, in->arg[0]), .wide = vec_width(in)};

    if (lane == 3 && shift == SAR) {
        return false;
    }
    o.d = reg_def(e, o.a, NOREG);
    if (lane == 0) {
        shift_bytes(e, &o, shift, count);
    } else {
        shift_imm(e, &o, ops[lane], shift, o.d, o.a, count);
    }
    reg_bind(e, o.d, 0);
    return true;
}

/* All by the count in the first lane of b. */
static void shift_words_alike(Emit *e, const Operands *o, Shift shift)
{
    static const unsigned ops[] = {[SHL] = X_PSLLW, [SHR] = X_PSRLW, [SAR] = X_PSRAW};

    v_rrr(&e->as, X_PMOVZXWQ, XMM1, 0, o->b);
    rrr(e, o, ops[shift], o->d, o->a, XMM1);
}

/* As 32 bits: the upper halves where they are, and the lower ones alone. */
static void shift_words(Emit *e, const Operands *o, Shift shift)
{
    static const unsigned ops[] = {[SHL] = X_VPSLLV, [SHR] = X_VPSRLV, [SAR] = X_VPSRAVD};
    unsigned upper = o->a, lower = o->a;

    shift_imm(e, o, X_PSHIFTD_I, SHR, XMM0, o->b, 16);
    if (shift == SHL) {
        fp_rip(e, X_PAND | o->wide, XMM1, o->a, POOL_HIGH16);
        upper = XMM1;
    }
    rrr(e, o, ops[shift], XMM1, upper, XMM0);
    fp_rip(e, X_PAND | o->wide, XMM0, o->b, POOL_LOW16);
    if (shift == SHR) {
        fp_rip(e, X_PAND | o->wide, o->d, o->a, POOL_LOW16);
        lower = o->d;
    } else if (shift == SAR) {
        shift_imm(e, o, X_PSHIFTD_I, SHL, o->d, o->a, 16);
        lower = o->d;
    }
    rrr(e, o, ops[shift], XMM0, lower, XMM0);
    if (shift == SAR) {
        shift_imm(e, o, X_PSHIFTD_I, SHR, XMM0, XMM0, 16);
    }
    rrr(e, o, X_PBLENDW, o->d, XMM0, XMM1);
    asm_u8(&e->as, 0xaa);
}

/* What is negative is inverted before and after. */
static void shift_sar64(Emit *e, const Operands *o)
{
    rrr(e, o, X_PXOR, XMM0, XMM0, XMM0);
    rrr(e, o, X_PCMPGTQ, XMM0, XMM0, o->a);
    rrr(e, o, X_PXOR, XMM1, o->a, XMM0);
    rrr(e, o, X_VPSRLV | X_W, XMM1, XMM1, o->b);
    rrr(e, o, X_PXOR, o->d, XMM1, XMM0);
}

static bool shift_lanes(Emit *e, const IrInsn *in)
{
    unsigned lane = lane_log2(in);
    Shift shift = shift_of(in);
    uint64_t count;

    if (known_count(e, in, &count) && shift_known(e, in, count)) {
        return true;
    }
    if (lane == 0) {
        return false;
    }
    Operands o = begin(e, in);
    const IrInsn *b = &e->insns[in->arg[1]];
    if (lane == 1 && b->op == IR_vsplat && b->aux == 2) {
        shift_words_alike(e, &o, shift);
    } else if (lane == 1) {
        shift_words(e, &o, shift);
    } else {
        shift_sar64(e, &o);
    }
    reg_bind(e, o.d, 0);
    return true;
}

/* ---- Products ---- */

/* Even and odd bytes as 16 bits. */
static void multiply_bytes(Emit *e, const Operands *o)
{
    rrr(e, o, X_PMULLW, XMM0, o->a, o->b);
    fp_rip(e, X_PAND | o->wide, XMM0, XMM0, POOL_LOW8);
    shift_imm(e, o, X_PSHIFTW_I, SHR, XMM1, o->a, 8);
    shift_imm(e, o, X_PSHIFTW_I, SHR, o->d, o->b, 8);
    rrr(e, o, X_PMULLW, XMM1, XMM1, o->d);
    shift_imm(e, o, X_PSHIFTW_I, SHL, XMM1, XMM1, 8);
    rrr(e, o, X_POR, o->d, XMM0, XMM1);
}

/* Of 64 bits: the low halves' product, and the cross products' low halves above it. */
static void multiply_64(Emit *e, const Operands *o)
{
    rrr(e, o, X_PSHUFD, XMM0, 0, o->b);
    asm_u8(&e->as, 0xb1);
    rrr(e, o, X_PMULLD, XMM0, XMM0, o->a);
    shift_imm(e, o, X_PSHIFTQ_I, SHL, XMM1, XMM0, 32);
    rrr(e, o, X_PADDD, XMM1, XMM1, XMM0);
    shift_imm(e, o, X_PSHIFTQ_I, SHR, XMM1, XMM1, 32);
    shift_imm(e, o, X_PSHIFTQ_I, SHL, XMM1, XMM1, 32);
    rrr(e, o, X_PMULUDQ, XMM0, o->a, o->b);
    rrr(e, o, X_PADDQ, o->d, XMM0, XMM1);
}

/* High halves of 32-bit lanes' products. */
static void multiply_high_32(Emit *e, const Operands *o, bool is_signed)
{
    unsigned op = is_signed ? X_PMULDQ : X_PMULUDQ;

    shift_imm(e, o, X_PSHIFTQ_I, SHR, XMM0, o->a, 32);
    shift_imm(e, o, X_PSHIFTQ_I, SHR, XMM1, o->b, 32);
    rrr(e, o, op, XMM1, XMM0, XMM1);
    rrr(e, o, op, XMM0, o->a, o->b);
    shift_imm(e, o, X_PSHIFTQ_I, SHR, XMM0, XMM0, 32);
    rrr(e, o, X_VPBLENDD, o->d, XMM0, XMM1);
    asm_u8(&e->as, 0xaa);
}

/* ---- The larger, the smaller ---- */

static void minmax_64(Emit *e, const Operands *o, unsigned kind)
{
    bool max = kind == IR_VEC_MAXS || kind == IR_VEC_MAXU;
    unsigned a = o->a, b = o->b;

    if (kind == IR_VEC_MINU || kind == IR_VEC_MAXU) {
        fp_rip(e, X_PXOR | o->wide, XMM0, a, POOL_TOP + 32 * 3);
        fp_rip(e, X_PXOR | o->wide, XMM1, b, POOL_TOP + 32 * 3);
        a = XMM0;
        b = XMM1;
    }
    rrr(e, o, X_PCMPGTQ, XMM0, a, b);
    rrr(e, o, X_VPBLENDVB, o->d, max ? o->b : o->a, max ? o->a : o->b);
    asm_u8(&e->as, XMM0 << 4);
}

/* ---- By one instruction ---- */

static unsigned one_op(const Emit *e, const IrInsn *in)
{
    static const unsigned ops[15][3] = {
        {0, X_PMULLW, X_PMULLD},
        {X_PMINSB, X_PMINSW, X_PMINSD},
        {X_PMAXSB, X_PMAXSW, X_PMAXSD},
        {X_PMINUB, X_PMINUW, X_PMINUD},
        {X_PMAXUB, X_PMAXUW, X_PMAXUD},
        [IR_VEC_ADDS >> 4] = {X_PADDSB, X_PADDSW},
        [IR_VEC_ADDU >> 4] = {X_PADDUSB, X_PADDUSW},
        [IR_VEC_SUBS >> 4] = {X_PSUBSB, X_PSUBSW},
        [IR_VEC_SUBU >> 4] = {X_PSUBUSB, X_PSUBUSW},
        [IR_VEC_MULHS >> 4] = {0, X_PMULHW},
        [IR_VEC_MULHU >> 4] = {0, X_PMULHUW},
        [IR_VEC_AVGU >> 4] = {X_PAVGB, X_PAVGW},
    };
    unsigned kind = in->aux & 0xf0, lane = lane_log2(in);
    uint64_t count;

    if (kind < IR_VEC_SHL || kind > IR_VEC_SAR) {
        return e->f->sse41 && lane < 3 ? ops[kind >> 4][lane] : 0;
    }
    if (!e->f->avx2 || lane < 2 || (kind == IR_VEC_SAR && lane == 3) ||
        known_count(e, in, &count)) {
        return 0;
    }
    unsigned op = kind == IR_VEC_SHL ? X_VPSLLV : kind == IR_VEC_SHR ? X_VPSRLV : X_VPSRAVD;
    return op | (lane == 3 ? X_W : 0);
}

/* The same of AVX-512. */
static unsigned one_evex_op(const Emit *e, const IrInsn *in)
{
    static const unsigned words[] = {[SHL] = X_VPSLLVW, [SHR] = X_VPSRLVW, [SAR] = X_VPSRAVW};
    static const unsigned quads[] = {X_VPMULLQ, X_VPMINSQ, X_VPMAXSQ, X_VPMINUQ, X_VPMAXUQ};
    unsigned kind = in->aux & 0xf0, lane = lane_log2(in);
    uint64_t count;

    if (!e->f->avx512) {
        return 0;
    }
    if (lane == 1 && kind >= IR_VEC_SHL && kind <= IR_VEC_SAR) {
        return known_count(e, in, &count) ? 0 : words[shift_of(in)];
    }
    return lane != 3            ? 0
           : kind < IR_VEC_SHL  ? quads[kind >> 4]
           : kind == IR_VEC_SAR ? X_VPSRAVQ
                                : 0;
}

static bool commutes(const IrInsn *in)
{
    unsigned kind = in->aux & 0xf0;

    return kind < IR_VEC_SHL || kind == IR_VEC_ADDS || kind == IR_VEC_ADDU || kind >= IR_VEC_MULHS;
}

static bool few_ops(Emit *e, const IrInsn *in)
{
    unsigned kind = in->aux & 0xf0, lane = lane_log2(in);

    if (kind >= IR_VEC_SHL && kind <= IR_VEC_SAR) {
        return shift_lanes(e, in);
    }
    bool high = kind == IR_VEC_MULHS || kind == IR_VEC_MULHU;
    if (!(kind == IR_VEC_MUL && (lane == 0 || lane == 3)) && !(high && lane == 2) &&
        !(kind < IR_VEC_SHL && lane == 3)) {
        return false;
    }
    Operands o = begin(e, in);
    if (high) {
        multiply_high_32(e, &o, kind == IR_VEC_MULHS);
    } else if (kind != IR_VEC_MUL) {
        minmax_64(e, &o, kind);
    } else if (lane == 0) {
        multiply_bytes(e, &o);
    } else {
        multiply_64(e, &o);
    }
    reg_bind(e, o.d, 0);
    return true;
}

bool emit_vint(Emit *e, const IrInsn *in)
{
    unsigned op = one_op(e, in), evex = op ? 0 : one_evex_op(e, in);

    if (op) {
        vec_binary(e, in, op, commutes(in));
        return true;
    }
    if (evex) {
        Operands o = begin(e, in);

        e_rrr(&e->as, evex | o.wide, 0, o.d, o.a, o.b);
        reg_bind(e, o.d, 0);
        return true;
    }
    return e->f->avx2 && few_ops(e, in);
}
