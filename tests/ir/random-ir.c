/*
 * The generator of random IR. It keeps, per type, a pool of the values of the current block, and
 * appends ops of random kinds with operands from the pools. Regions end: branches go forward,
 * except back edges that a counter of their own (x16 and up) bounds.
 */
#include "tests/ir/random-ir.h"

#define FIRST_COUNTER 16
#define POOL_SIZE 24

enum {
    HELPER_MIX,
    HELPER_MIX32,
    HELPER_SWAP,
    HELPER_FLIP,
    HELPER_SUM,
    HELPER_SHUFFLE,
    HELPER_TRAP
};

typedef struct Gen {
    GRand *rng;
    IrRegion *ir;
    unsigned features;
    unsigned nblocks;
    unsigned nloops; /* counters used */
    uint64_t pc;
    IrRef pool[IR_NTYPES][POOL_SIZE];
    unsigned npool[IR_NTYPES];
} Gen;

static unsigned pick(Gen *g, unsigned n)
{
    return (unsigned)g_rand_int_range(g->rng, 0, (gint32)n);
}

static bool one_in(Gen *g, unsigned n)
{
    return pick(g, n) == 0;
}

/* Makes a value available as an operand. */
static void give(Gen *g, IrType type, IrRef ref)
{
    unsigned i = g->npool[type] < POOL_SIZE ? g->npool[type]++ : pick(g, POOL_SIZE);

    g->pool[type][i] = ref;
}

static int64_t random_constant(Gen *g)
{
    static const int64_t special[] = {
        0,           1,      2,  3,  4,   7,   8,      12,         16,         31,
        32,          33,     63, 64, 255, 256, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        0x100000000, 0xff00, -1, -2, -4,  -8,  -2048,  INT32_MIN,  INT64_MIN,  INT64_MAX};

    switch (pick(g, 4)) {
    case 0: return (int64_t)((uint64_t)g_rand_int(g->rng) << 32 | g_rand_int(g->rng));
    case 1: return (int32_t)g_rand_int(g->rng) >> pick(g, 32);
    default: return special[pick(g, ARRAY_SIZE(special))];
    }
}

static IrRef op0(Gen *g, IrOp op, IrType type, int64_t imm)
{
    return ir_emit(g->ir, op, type, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, imm);
}

static unsigned vector_var(Gen *g, IrType type)
{
    return RANDOM_NX + RANDOM_NF + (type == IR_V256 ? RANDOM_NV : 0) + pick(g, RANDOM_NV);
}

static IrRef get_var(Gen *g, IrType type)
{
    unsigned var = pick(g, RANDOM_NX);

    if (type == IR_F64) {
        var = RANDOM_NX + pick(g, RANDOM_NF);
    } else if (ir_type_is_vector(type)) {
        var = vector_var(g, type);
    }
    return ir_get_var(g->ir, var);
}

/* A value that does not come from a pool. */
static IrRef fresh(Gen *g, IrType type)
{
    IrRef ref;

    switch (type) {
    case IR_I32:
        ref = one_in(g, 2) ? ir_const(g->ir, IR_I32, random_constant(g))
                           : ir_op1(g->ir, IR_trunc, IR_I32, 0, get_var(g, IR_I64));
        break;
    case IR_I64:
        ref = one_in(g, 2) ? ir_const(g->ir, IR_I64, random_constant(g)) : get_var(g, IR_I64);
        break;
    case IR_F32:
        ref = one_in(g, 8) ? op0(g, IR_fconst, IR_F32, (uint32_t)g_rand_int(g->rng))
                           : ir_op1(g->ir, IR_funbox, IR_F32, 0, get_var(g, IR_F64));
        break;
    default: ref = get_var(g, type); break;
    }
    give(g, type, ref);
    return ref;
}

static IrRef value(Gen *g, IrType type)
{
    if (g->npool[type] == 0 || one_in(g, 8)) {
        return fresh(g, type);
    }
    /* Recent values more often: longer chains. */
    if (one_in(g, 2)) {
        unsigned last = MIN(g->npool[type], 3);

        return g->pool[type][g->npool[type] - 1 - pick(g, last)];
    }
    return g->pool[type][pick(g, g->npool[type])];
}

static IrType vector_type(Gen *g)
{
    return (g->features & RANDOM_WIDE) && one_in(g, 2) ? IR_V256 : IR_V128;
}

static IrType int_type(Gen *g)
{
    return one_in(g, 3) ? IR_I32 : IR_I64;
}

static IrType fp_type(Gen *g)
{
    return one_in(g, 2) ? IR_F32 : IR_F64;
}

/* ---- Integer ops ---- */

static void gen_binary(Gen *g)
{
    static const uint8_t ops[] = {IR_add,  IR_sub,  IR_and,   IR_or,    IR_xor,    IR_andn,
                                  IR_shl,  IR_shr,  IR_sar,   IR_rotl,  IR_rotr,   IR_add,
                                  IR_and,  IR_mul,  IR_mulhs, IR_mulhu, IR_mulhsu, IR_divs,
                                  IR_divu, IR_rems, IR_remu};
    IrOp op = (IrOp)ops[pick(g, ARRAY_SIZE(ops))];
    IrType type = int_type(g);
    IrRef a = value(g, type),
          b = one_in(g, 3) ? ir_const(g->ir, type, random_constant(g)) : value(g, type);

    give(g, type, ir_op2(g->ir, op, type, op == IR_divs || op == IR_divu ? pick(g, 2) : 0, a, b));
}

static void gen_unary(Gen *g)
{
    static const uint8_t ops[] = {IR_neg, IR_not, IR_clz, IR_ctz, IR_popcnt, IR_bswap, IR_mov};
    static const uint8_t ext[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32};
    IrType type = int_type(g);

    switch (pick(g, 4)) {
    case 0:
        give(g, type, ir_op1(g->ir, (IrOp)ops[pick(g, ARRAY_SIZE(ops))], type, 0, value(g, type)));
        break;
    case 1:
        give(g, type,
             ir_op1(g->ir, IR_ext, type, ext[pick(g, type == IR_I32 ? 4 : 6)], value(g, type)));
        break;
    case 2: give(g, IR_I32, ir_op1(g->ir, IR_trunc, IR_I32, 0, value(g, IR_I64))); break;
    default:
        give(g, IR_I64,
             ir_op1(g->ir, one_in(g, 2) ? IR_sext : IR_zext, IR_I64, 0, value(g, IR_I32)));
        break;
    }
}

static void gen_cond(Gen *g)
{
    IrType type = int_type(g);
    IrCond cond = (IrCond)pick(g, 10);
    IrRef a = value(g, type),
          b = one_in(g, 2) ? ir_const(g->ir, type, random_constant(g)) : value(g, type);

    if (one_in(g, 2)) {
        give(g, type, ir_op2(g->ir, IR_setcond, type, cond, a, b));
    } else {
        IrRef c = value(g, type), d = value(g, type);

        give(g, type, ir_select(g->ir, type, cond, a, b, c, d));
    }
}

/* Ops in the order that compilers emit them in, which chance would hardly find. */
static void gen_idiom(Gen *g)
{
    IrRegion *ir = g->ir;
    unsigned n = 1 + pick(g, 63), word = 1 + pick(g, 31);
    IrRef x = value(g, IR_I64), a = IR_NOREF, b;

    switch (pick(g, 4)) {
    case 0: /* rotation */
        a = ir_op2(ir, IR_shl, IR_I64, 0, x, ir_const(ir, IR_I64, n));
        b = ir_op2(ir, IR_shr, IR_I64, 0, x, ir_const(ir, IR_I64, 64 - n));
        break;
    case 1: /* rotation of the low half */
        b = ir_op1(ir, IR_trunc, IR_I32, 0, x);
        a = ir_op2(ir, IR_shl, IR_I32, 0, b, ir_const(ir, IR_I32, word));
        a = ir_op1(ir, IR_sext, IR_I64, 0, a);
        b = ir_op2(ir, IR_shr, IR_I32, 0, b, ir_const(ir, IR_I32, 32 - word));
        b = ir_op1(ir, IR_zext, IR_I64, 0, b);
        break;
    case 2: /* extension by shifts */
        b = ir_const(ir, IR_I64, 8 * (1 + pick(g, 7)));
        a = ir_op2(ir, IR_shl, IR_I64, 0, x, b);
        give(g, IR_I64, ir_op2(ir, one_in(g, 2) ? IR_shr : IR_sar, IR_I64, 0, a, b));
        return;
    default: /* word arithmetic */
        a = ir_op1(ir, IR_trunc, IR_I32, 0, x);
        for (unsigned i = pick(g, 3); i < 4; i++) {
            static const uint8_t ops[] = {IR_add, IR_sub, IR_mul, IR_and, IR_or, IR_xor, IR_shl};
            IrRef c = one_in(g, 2) ? ir_const(ir, IR_I32, random_constant(g)) : value(g, IR_I32);

            a = ir_op2(ir, (IrOp)ops[pick(g, 7)], IR_I32, 0, a, c);
            x = ir_op1(ir, IR_sext, IR_I64, 0, a);
            ir_set_var(ir, pick(g, FIRST_COUNTER), x);
            a = ir_op1(ir, IR_trunc, IR_I32, 0, x);
        }
        give(g, IR_I64, x);
        return;
    }
    if (one_in(g, 2)) {
        IrRef c = a;

        a = b;
        b = c;
    }
    give(g, IR_I64, ir_op2(ir, IR_or, IR_I64, 0, a, b));
}

/* ---- State ---- */

static void gen_set_var(Gen *g)
{
    unsigned kind = pick(g, 8);

    if (kind == 0 && (g->features & RANDOM_VECTOR)) {
        IrType type = vector_type(g);

        ir_set_var(g->ir, vector_var(g, type), value(g, type));
    } else if (kind <= 2) {
        IrRef v =
            one_in(g, 2) ? value(g, IR_F64) : ir_op1(g->ir, IR_fbox, IR_F64, 0, value(g, IR_F32));

        ir_set_var(g->ir, RANDOM_NX + pick(g, RANDOM_NF), v);
    } else {
        ir_set_var(g->ir, pick(g, FIRST_COUNTER), value(g, IR_I64));
    }
}

static void gen_env(Gen *g)
{
    static const uint8_t memops[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32, IR_64};
    IrType type = int_type(g);
    unsigned memop = memops[pick(g, type == IR_I32 ? 5 : 7)];
    int32_t offset;

    if (one_in(g, 2)) {
        memop = one_in(g, 2) ? IR_U8 : IR_U32;
    }
    /* Mostly a few fields, sometimes overlapping ones. */
    offset = (int32_t)offsetof(RandomState, env) +
             (int32_t)(one_in(g, 4) ? pick(g, RANDOM_ENV_BYTES - 8) : 8 * pick(g, 3));
    if (one_in(g, 2)) {
        give(g, type, ir_ld_env(g->ir, type, memop, offset));
    } else {
        ir_st_env(g->ir, type, memop & IR_SIZE_MASK, offset, value(g, type));
    }
}

/* ---- Memory ---- */

/* An address from which accesses up to 512 bytes on are within memory. */
static IrRef address(Gen *g)
{
    IrRef v = value(g, IR_I64);

    if ((g->features & RANDOM_FAULT) && one_in(g, 100)) {
        return v;
    }
    v = ir_op2(g->ir, IR_and, IR_I64, 0, v,
               ir_const(g->ir, IR_I64,
                        one_in(g, 2)   ? 0x1df8
                        : one_in(g, 2) ? 0x1dff
                                       : 0xff0));
    v = ir_op2(g->ir, IR_add, IR_I64, 0, v, ir_const(g->ir, IR_I64, (int64_t)RANDOM_MEM_BASE));
    return v;
}

static void gen_access(Gen *g, IrRef addr, int32_t offset, bool host)
{
    static const uint8_t memops[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32, IR_64, IR_64};
    IrType type = (IrType)(IR_I32 + pick(g, g->features & RANDOM_VECTOR ? 5 : 4));
    unsigned memop;

    type = type == IR_V128 ? vector_type(g) : type;
    switch (type) {
    case IR_I32: memop = memops[pick(g, 5)]; break;
    case IR_I64: memop = memops[pick(g, 8)]; break;
    case IR_F32: memop = IR_U32; break;
    case IR_F64: memop = IR_64; break;
    case IR_V128: memop = IR_128; break;
    default: memop = IR_256; break;
    }
    if ((type == IR_I32 || type == IR_I64) && one_in(g, 8)) {
        memop |= IR_BIG_ENDIAN;
    }
    if (one_in(g, 2)) {
        give(g, type,
             ir_emit(g->ir, host ? IR_ld_host : IR_ld, type, memop, addr, IR_NOREF, IR_NOREF,
                     IR_NOREF, offset));
    } else {
        IrRef v = value(g, type);

        ir_emit(g->ir, host ? IR_st_host : IR_st, type, memop & ~IR_SIGNED, addr, v, IR_NOREF,
                IR_NOREF, offset);
    }
}

static void gen_memory(Gen *g)
{
    IrRef addr = address(g);

    /* As compiled code does: several fields off one base. */
    do {
        gen_access(g, addr, (int32_t)(8 * pick(g, 32)), false);
    } while (one_in(g, 2));
}

static void gen_atomic(Gen *g)
{
    IrType type = int_type(g);
    IrRef addr = address(g), a = value(g, type), b = value(g, type);

    switch (pick(g, 5)) {
    case 0: op0(g, IR_fence, IR_NONE, 0); break;
    case 1: give(g, type, ir_emit(g->ir, IR_cas, type, 0, addr, a, b, IR_NOREF, 0)); break;
    default:
        give(g, type, ir_emit(g->ir, IR_rmw, type, pick(g, 9), addr, a, IR_NOREF, IR_NOREF, 0));
        break;
    }
}

static void gen_translate(Gen *g)
{
    IrRef addr = address(g), host;
    unsigned len = 64;

    addr = ir_op2(g->ir, IR_and, IR_I64, 0, addr, ir_const(g->ir, IR_I64, ~INT64_C(63)));
    g->pc += 4;
    ir_insn_start(g->ir, g->pc);
    host =
        ir_emit(g->ir, IR_translate, IR_I64, IR_XLATE_WRITE, addr, IR_NOREF, IR_NOREF, IR_NOREF, 0);
    g->ir->insns[host].len = len;
    for (unsigned n = 1 + pick(g, 3); n; n--) {
        gen_access(g, host, (int32_t)pick(g, len - 15), true);
    }
}

/* ---- FP ---- */

/* NaN results are some quiet NaN: made one NaN before anything can see them. */
static void give_canonical(Gen *g, IrType type, IrRef ref)
{
    give(g, type, ir_op1(g->ir, IR_fcanon, type, 0, ref));
}

static void gen_fp_arith(Gen *g)
{
    static const uint8_t ops[] = {IR_fadd, IR_fsub, IR_fmul, IR_fdiv, IR_fminnum, IR_fmaxnum};
    IrType type = fp_type(g);
    IrRef a = value(g, type), b = value(g, type), c;

    switch (pick(g, 5)) {
    case 0: give_canonical(g, type, ir_op1(g->ir, IR_fsqrt, type, 0, a)); break;
    case 1:
        c = value(g, type);
        give_canonical(g, type, ir_emit(g->ir, IR_fma, type, pick(g, 8), a, b, c, IR_NOREF, 0));
        break;
    case 2: give_canonical(g, type, ir_op1(g->ir, IR_fround, type, pick(g, 2), a)); break;
    default: give_canonical(g, type, ir_op2(g->ir, (IrOp)ops[pick(g, 6)], type, 0, a, b)); break;
    }
}

static void gen_fp_convert(Gen *g)
{
    IrType type = fp_type(g);

    switch (pick(g, 5)) {
    case 0:
        give_canonical(g, IR_F64, ir_op1(g->ir, IR_fcvt_sd, IR_F64, 0, value(g, IR_F32)));
        break;
    case 1:
        give_canonical(g, IR_F32, ir_op1(g->ir, IR_fcvt_ds, IR_F32, 0, value(g, IR_F64)));
        break;
    case 2: give(g, type, ir_op1(g->ir, IR_fcvt_fi, type, pick(g, 4), value(g, IR_I64))); break;
    case 3: give(g, IR_I64, ir_op1(g->ir, IR_fcvt_if, type, pick(g, 8), value(g, type))); break;
    default: {
        IrRef a = value(g, type), b = value(g, type);

        give(g, IR_I64, ir_op2(g->ir, IR_fcmp, type, pick(g, 8), a, b));
        break;
    }
    }
}

/* Bit operations on FP values: always part of the mix. */
static void gen_fp_bits(Gen *g)
{
    static const uint8_t unary[] = {IR_fabs, IR_fneg, IR_fcanon, IR_mov};
    static const uint8_t sign[] = {IR_fsgnj, IR_fsgnjn, IR_fsgnjx};
    IrType type = fp_type(g);

    switch (pick(g, 8)) {
    case 0: {
        IrRef a = value(g, type), b = value(g, type);

        give(g, type, ir_op2(g->ir, (IrOp)sign[pick(g, 3)], type, 0, a, b));
        break;
    }
    case 1: give(g, type, ir_op1(g->ir, (IrOp)unary[pick(g, 4)], type, 0, value(g, type))); break;
    case 2: give(g, IR_F64, ir_op1(g->ir, IR_fbox, IR_F64, 0, value(g, IR_F32))); break;
    case 3:
        give(g, IR_F32,
             ir_op1(g->ir, one_in(g, 2) ? IR_funbox : IR_flow, IR_F32, 0, value(g, IR_F64)));
        break;
    case 4: give(g, IR_I64, ir_op1(g->ir, IR_bits_fi, IR_I64, 0, value(g, IR_F64))); break;
    case 5: give(g, IR_F64, ir_op1(g->ir, IR_bits_if, IR_F64, 0, value(g, IR_I64))); break;
    case 6: give(g, IR_I32, ir_op1(g->ir, IR_bits_si, IR_I32, 0, value(g, IR_F32))); break;
    default: give(g, IR_F32, ir_op1(g->ir, IR_bits_is, IR_F32, 0, value(g, IR_I32))); break;
    }
}

/* Counts of shifts are less than the width, and often known or all the same. */
static IrRef shift_counts(Gen *g, IrType v, unsigned lane)
{
    int64_t most = 8 * (int64_t)lane - 1;
    IrRef limit = ir_op1(g->ir, IR_vsplat, v, lane, ir_const(g->ir, IR_I64, most));

    switch (pick(g, 3)) {
    case 0: return ir_op1(g->ir, IR_vsplat, v, lane, ir_const(g->ir, IR_I64, pick(g, 8 * lane)));
    case 1: {
        IrRef q = ir_op2(g->ir, IR_and, IR_I64, 0, value(g, IR_I64), ir_const(g->ir, IR_I64, most));

        return ir_op1(g->ir, IR_vsplat, v, lane, q);
    }
    default: return ir_op2(g->ir, IR_vand, v, 0, value(g, v), limit);
    }
}

static void gen_vector_int(Gen *g)
{
    IrType v = vector_type(g);
    IrRef a = value(g, v), b = value(g, v);
    unsigned kind = pick(g, 15) << 4, lane = 1u << pick(g, 4);

    if (kind >= IR_VEC_SHL && kind <= IR_VEC_SAR) {
        b = shift_counts(g, v, lane);
    } else if (kind == IR_VEC_MULHS || kind == IR_VEC_MULHU) {
        lane = 1u << pick(g, 3);
    } else if (kind > IR_VEC_SAR) {
        lane = 1u << pick(g, 2);
    }
    give(g, v, ir_op2(g->ir, IR_vint, v, kind | lane, a, b));
}

/* Operations on lanes that not all sizes have. */
static void gen_vector_lanes(Gen *g)
{
    IrType v = vector_type(g);
    IrRef a = value(g, v), b = value(g, v), c = value(g, v);
    unsigned lane = 4u << pick(g, 2);

    switch (pick(g, 6)) {
    case 5: {
        unsigned kind = pick(g, 9) << 4;

        lane = kind == IR_VEC_NARROW ? 4 : kind >= IR_VEC_WIDEN ? 8 : lane;
        give(g, v, ir_op2(g->ir, IR_vfcvt, v, kind | lane, a, b));
        break;
    }
    case 0: gen_vector_int(g); break;
    case 1: give(g, v, ir_op2(g->ir, IR_vfp, v, pick(g, 6) << 4 | lane, a, b)); break;
    case 2: give(g, v, ir_op1(g->ir, IR_vfsqrt, v, lane, a)); break;
    case 3: give(g, v, ir_op2(g->ir, IR_vfcmp, v, pick(g, 3) << 4 | lane, a, b)); break;
    default:
        give(g, v, ir_emit(g->ir, IR_vfma, v, pick(g, 4) << 4 | lane, a, b, c, IR_NOREF, 0));
        break;
    }
}

/* Single lanes and halves. */
static void gen_vector_parts(Gen *g)
{
    IrRef a = value(g, IR_V128), b = value(g, IR_V128);
    unsigned log2 = pick(g, 4), lane = 1u << log2 | pick(g, 16 >> log2) << 4;
    IrRef q = value(g, IR_I64);

    if ((g->features & RANDOM_WIDE) && one_in(g, 2)) {
        give(g, IR_V256, ir_op2(g->ir, IR_vjoin, IR_V256, 0, a, b));
        give(g, IR_V128, ir_op1(g->ir, IR_vhalf, IR_V128, pick(g, 2), value(g, IR_V256)));
    } else if (one_in(g, 2)) {
        give(g, IR_I64, ir_op1(g->ir, IR_vget, IR_V128, lane, a));
    } else {
        give(g, IR_V128, ir_op2(g->ir, IR_vset, IR_V128, lane, a, q));
    }
}

/* Masks, lanes of other sizes. */
static void gen_vector_shapes(Gen *g)
{
    IrType v = vector_type(g);
    IrRef a = value(g, v), b = value(g, v), q = value(g, IR_I64);
    unsigned lane = 1u << pick(g, 4), small = 1u << pick(g, 3);

    switch (pick(g, 10)) {
    case 7: give(g, v, ir_op2(g->ir, IR_vshuffle, v, 0, a, b)); break;
    case 6: give(g, v, ir_op2(g->ir, IR_valign, v, pick(g, ir_type_bytes(v)), a, b)); break;
    case 0: {
        IrRef mask = ir_op2(g->ir, IR_vcmp, v, pick(g, 3) << 4 | lane, a, b);

        if (one_in(g, 2)) {
            give(g, v, mask);
        }
        give(g, IR_I64, ir_op1(g->ir, IR_vbits, v, one_in(g, 8) ? small : lane, mask));
        break;
    }
    case 1: give(g, IR_I64, ir_op1(g->ir, IR_vbits, v, lane, a)); break;
    case 2:
    case 3: gen_vector_parts(g); break;
    case 4: give(g, v, ir_op1(g->ir, IR_vext, v, small | pick(g, 4) << 4, a)); break;
    case 5: give(g, v, ir_op2(g->ir, IR_vnarrow, v, small, a, b)); break;
    default: {
        IrRef mask = ir_op1(g->ir, IR_vmask, v, lane, q);

        if (one_in(g, 2)) {
            give(g, v, mask);
        }
        give(g, v, ir_emit(g->ir, IR_vsel, v, 0, one_in(g, 8) ? mask : a, b, mask, IR_NOREF, 0));
        break;
    }
    }
}

static void gen_vector(Gen *g)
{
    static const uint8_t ops[] = {IR_vand, IR_vor, IR_vxor, IR_vadd, IR_vsub};
    IrType v = vector_type(g);

    if (one_in(g, 3)) {
        gen_vector_shapes(g);
    } else if (one_in(g, 4)) {
        give(g, v, ir_op1(g->ir, IR_vsplat, v, 1u << pick(g, 4), value(g, IR_I64)));
    } else if (one_in(g, 8)) {
        give(g, v, op0(g, IR_vzero, v, 0));
    } else if (one_in(g, 3)) {
        gen_vector_lanes(g);
    } else {
        IrRef a = value(g, v), b = value(g, v);

        give(g, v, ir_op2(g->ir, (IrOp)ops[pick(g, 5)], v, 1u << pick(g, 4), a, b));
    }
}

/* ---- Calls ---- */

static void gen_call(Gen *g)
{
    unsigned helper = pick(g, HELPER_TRAP + 1);
    const IrHelper *row = &g->ir->helpers[helper];
    IrRef args[4];
    unsigned n = 0;

    for (; n < 4 && row->args[n] != IR_NONE; n++) {
        args[n] = value(g, (IrType)row->args[n]);
    }
    if (helper == HELPER_TRAP) {
        args[1] = ir_const(g->ir, IR_I64, (g->features & RANDOM_FAULT) && one_in(g, 8));
    }
    args[0] = ir_call(g->ir, helper, n, args);
    if (row->result != IR_NONE) {
        give(g, (IrType)row->result, args[0]);
    }
}

/* ---- Blocks ---- */

static void gen_op(Gen *g)
{
    unsigned kind = pick(g, 32);

    if (kind < 4 && (g->features & RANDOM_FP)) {
        gen_fp_arith(g);
    } else if (kind < 6 && (g->features & RANDOM_FP)) {
        gen_fp_convert(g);
    } else if (kind < 8) {
        gen_fp_bits(g);
    } else if (kind < 9 && (g->features & RANDOM_VECTOR)) {
        gen_vector(g);
    } else if (kind < 12 && (g->features & RANDOM_MEMORY)) {
        gen_memory(g);
    } else if (kind < 13 && (g->features & RANDOM_ATOMIC)) {
        gen_atomic(g);
    } else if (kind < 14 && (g->features & RANDOM_CALL)) {
        gen_call(g);
    } else if (kind < 15 && (g->features & RANDOM_XLATE)) {
        gen_translate(g);
    } else if (kind < 17) {
        gen_env(g);
    } else if (kind < 22) {
        gen_set_var(g);
    } else if (kind < 24) {
        gen_cond(g);
    } else if (kind < 25) {
        gen_idiom(g);
    } else if (kind < 27) {
        gen_unary(g);
    } else {
        gen_binary(g);
    }
}

static uint64_t block_pc(unsigned block)
{
    return 0x10000 + 0x1000 * (uint64_t)block;
}

static void gen_exit(Gen *g)
{
    IrRef next;

    switch (pick(g, 4)) {
    case 0: ir_exit_direct(g->ir, 0x4000); break;
    case 1:
        next = value(g, IR_I64);
        if (one_in(g, 2)) {
            ir_call_mark(g->ir, g->pc + 4);
        }
        ir_exit_indirect(g->ir, next, (IrJump)pick(g, 3));
        break;
    case 2:
        next = value(g, IR_I64);
        ir_st_env(g->ir, IR_I64, IR_64, g->ir->pc_offset, next);
        ir_exit_lookup(g->ir);
        break;
    default:
        ir_st_env(g->ir, IR_I64, IR_64, g->ir->pc_offset, ir_const(g->ir, IR_I64, 0x5000));
        ir_exit_reason(g->ir, 3);
        break;
    }
}

/* A back edge to this or an earlier block, taken at most 5 times. Block 0 has set the counter. */
static void gen_loop_end(Gen *g, unsigned block)
{
    unsigned counter = FIRST_COUNTER + g->nloops++, head = 1 + pick(g, block);
    IrRef left =
        ir_op2(g->ir, IR_sub, IR_I64, 0, ir_get_var(g->ir, counter), ir_const(g->ir, IR_I64, 1));

    ir_set_var(g->ir, counter, left);
    if (g->features & RANDOM_COUNT) {
        op0(g, IR_poll, IR_NONE, (int64_t)block_pc(head));
    }
    ir_brcond(g->ir, IR_I64, IR_GT, left, ir_const(g->ir, IR_I64, 0), head, block + 1);
}

static void gen_block_end(Gen *g, unsigned block)
{
    unsigned left = g->nblocks - block - 1;

    if (left == 0 || (one_in(g, 12) && block)) {
        gen_exit(g);
    } else if (block && one_in(g, 3) && FIRST_COUNTER + g->nloops < RANDOM_NX) {
        gen_loop_end(g, block);
    } else if (one_in(g, 3)) {
        ir_br(g->ir, block + 1 + pick(g, left));
    } else {
        IrType type = int_type(g);
        IrRef a = value(g, type), b = value(g, type);
        unsigned yes = block + 1 + pick(g, left), no = block + 1 + pick(g, left);

        if (one_in(g, 2)) {
            a = ir_op2(g->ir, IR_setcond, type, pick(g, 10), a, b);
            b = ir_const(g->ir, type, 0);
            ir_brcond(g->ir, type, one_in(g, 2) ? IR_NE : IR_EQ, a, b, yes, no);
        } else {
            ir_brcond(g->ir, type, (IrCond)pick(g, 10), a, b, yes, no);
        }
    }
}

static void gen_block(Gen *g, unsigned block, unsigned ninsns)
{
    unsigned end = g->ir->ninsns + ninsns;
    IrRef count = IR_NOREF;

    for (unsigned t = 0; t < IR_NTYPES; t++) {
        g->npool[t] = 0;
    }
    g->pc = block_pc(block);
    ir_block_place(g->ir, block, g->pc);
    if (g->features & RANDOM_COUNT) {
        count = op0(g, IR_count, IR_NONE, (int64_t)g->pc);
    }
    ir_insn_start(g->ir, g->pc);
    if (block == 0) {
        for (unsigned i = FIRST_COUNTER; i < RANDOM_NX; i++) {
            ir_set_var(g->ir, i, ir_const(g->ir, IR_I64, 1 + pick(g, 5)));
        }
    }
    while (g->ir->ninsns < end) {
        gen_op(g);
        if (one_in(g, 3)) {
            g->pc += 4;
            ir_insn_start(g->ir, g->pc);
        }
    }
    if (count != IR_NOREF) {
        g->ir->insns[count].len = (uint32_t)((g->pc - block_pc(block)) / 4 + 1);
    }
    gen_block_end(g, block);
}

void random_ir(GRand *rng, IrRegion *ir, unsigned size, unsigned features)
{
    Gen g = {.rng = rng, .ir = ir, .features = features, .nblocks = 1};

    if ((features & RANDOM_BRANCH) && !one_in(&g, 4)) {
        g.nblocks = 2 + pick(&g, 7);
    }
    ir_region_reset(ir);
    for (unsigned i = 0; i < g.nblocks; i++) {
        ir_block_new(ir);
    }
    for (unsigned i = 0; i < g.nblocks; i++) {
        gen_block(&g, i, 1 + size / g.nblocks);
    }
}
