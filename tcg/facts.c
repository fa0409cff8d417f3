/*
 * Known bits: what each op lets be known of its result. Used by the forward pass to drop extensions
 * and masks that change nothing, and by the flow analysis for facts that hold over block
 * boundaries.
 *
 * Being wrong here makes wrong code, knowing nothing does not: ops without a line of their own give
 * what their result type alone says.
 */
#include "tcg/interp.h"
#include "tcg/optimize.h"

#define ALL (~UINT64_C(0))
#define UPPER (ALL << 32)

const IrFacts ir_facts_none = {.zeros = 0, .ones = 0, .sign = 1, .held = 0};

static unsigned leading(uint64_t v)
{
    return ~v ? (unsigned)__builtin_clzll(~v) : 64;
}

/* Improves the count of sign bits by what the masks say. */
static IrFacts with_sign(IrFacts f, unsigned width)
{
    unsigned skip = 64 - width;
    unsigned lead = MAX(leading(f.zeros << skip), leading(f.ones << skip));

    lead = MIN(lead, width);
    f.sign = (uint8_t)MAX(MAX(lead, f.sign), 1);
    return f;
}

IrFacts ir_facts_const(IrType type, uint64_t v)
{
    return with_sign((IrFacts){.zeros = ~v, .ones = v}, type == IR_I32 ? 32 : 64);
}

IrFacts ir_facts_join(const IrFacts *a, const IrFacts *b)
{
    return (IrFacts){.zeros = a->zeros & b->zeros,
                     .ones = a->ones & b->ones,
                     .sign = MIN(a->sign, b->sign)};
}

static IrFacts of_type(IrType type)
{
    IrFacts f = ir_facts_none;

    f.zeros = type == IR_I32 || type == IR_F32 ? UPPER : 0;
    return f;
}

/* An unsigned value below 1 << bits. */
static IrFacts below(unsigned bits, unsigned width)
{
    return with_sign((IrFacts){.zeros = bits < 64 ? ALL << bits : 0}, width);
}

/* Facts of the low @bits bits extended to @width. */
static IrFacts extended(const IrFacts *a, unsigned bits, bool is_signed, unsigned width)
{
    uint64_t high = bits < 64 ? ALL << bits : 0, sign = UINT64_C(1) << (bits - 1);
    uint64_t in_width = width == 32 ? ~UPPER : ALL;
    IrFacts f = {.zeros = a->zeros & ~high, .ones = a->ones & ~high};

    if (!is_signed || (a->zeros & sign)) {
        f.zeros |= high;
    } else if (a->ones & sign) {
        f.ones |= high & in_width;
    }
    f.zeros |= ~in_width;
    f.sign = (uint8_t)(is_signed ? width - bits + 1 : 1);
    return with_sign(f, width);
}

static IrFacts shifted(IrOp op, const IrFacts *a, unsigned n, unsigned width)
{
    uint64_t in_width = width == 32 ? ~UPPER : ALL;
    IrFacts f = ir_facts_none;

    switch (op) {
    case IR_shl:
        f.zeros = (a->zeros << n) | ((UINT64_C(1) << n) - 1);
        f.ones = a->ones << n & in_width;
        f.sign = a->sign > n ? (uint8_t)(a->sign - n) : 1;
        break;
    case IR_shr:
        f.zeros = (a->zeros & in_width) >> n | ~(in_width >> n);
        f.ones = a->ones >> n;
        break;
    default: /* IR_sar: as if the value had been extended before */
        f.zeros = (uint64_t)((int64_t)(a->zeros << (64 - width)) >> (64 - width) >> n);
        f.ones = (uint64_t)((int64_t)(a->ones << (64 - width)) >> (64 - width) >> n) & in_width;
        f.sign = (uint8_t)MIN(a->sign + n, width);
        break;
    }
    f.zeros |= ~in_width;
    return with_sign(f, width);
}

/* Sum or difference of two: one sign bit may be lost, or one leading zero of a sum. */
static IrFacts sum(const IrFacts *a, const IrFacts *b, bool add, unsigned width)
{
    unsigned sign = MIN(a->sign, b->sign), lead = MIN(leading(a->zeros), leading(b->zeros));
    unsigned low = MIN((unsigned)__builtin_ctzll(~a->zeros | UINT64_C(1) << 63),
                       (unsigned)__builtin_ctzll(~b->zeros | UINT64_C(1) << 63));
    IrFacts f = ir_facts_none;

    f.sign = (uint8_t)(sign > 1 ? sign - 1 : 1);
    if (add && lead > 64 - width + 1) {
        f.zeros = ~(ALL >> (lead - 1));
    }
    f.zeros |= (UINT64_C(1) << low) - 1;
    if (width == 32) {
        f.zeros |= UPPER;
    }
    return with_sign(f, width);
}

static IrFacts bitwise(const IrInsn *insn, const IrFacts *a, const IrFacts *b, unsigned width)
{
    IrFacts f = {.sign = MIN(a->sign, b->sign)};

    switch (insn->op) {
    case IR_and:
        f.zeros = a->zeros | b->zeros;
        f.ones = a->ones & b->ones;
        break;
    case IR_andn:
        f.zeros = a->zeros | b->ones;
        f.ones = a->ones & b->zeros;
        break;
    case IR_or:
        f.zeros = a->zeros & b->zeros;
        f.ones = a->ones | b->ones;
        break;
    default: /* IR_xor */
        f.zeros = (a->zeros & b->zeros) | (a->ones & b->ones);
        f.ones = (a->zeros & b->ones) | (a->ones & b->zeros);
        break;
    }
    if (width == 32) {
        f.zeros |= UPPER;
        f.ones &= ~UPPER;
    }
    return with_sign(f, width);
}

static IrFacts of_not(const IrFacts *a, unsigned width)
{
    IrFacts f = {.zeros = a->ones, .ones = a->zeros, .sign = a->sign};

    if (width == 32) {
        f.zeros |= UPPER;
        f.ones &= ~UPPER;
    }
    return with_sign(f, width);
}

/* Loads and the like: extended from memory. */
static IrFacts of_memory(const IrInsn *insn)
{
    if (insn->type == IR_I32 || insn->type == IR_I64) {
        unsigned bits = 8 * ir_memop_bytes(insn->aux), width = insn->type == IR_I32 ? 32 : 64;

        if (bits < width) {
            return extended(&ir_facts_none, bits, insn->aux & IR_SIGNED, width);
        }
    }
    return of_type((IrType)insn->type);
}

/* Integer ops whose operands are all known. */
static bool all_known(const IrInsn *insn, const IrFacts *facts, uint64_t v[4])
{
    for (unsigned i = 0; i < 4; i++) {
        IrRef ref = insn->arg[i];

        v[i] = 0;
        if (ref != IR_NOREF) {
            if (!ir_facts_is_const(&facts[ref])) {
                return false;
            }
            v[i] = facts[ref].ones;
        }
    }
    return true;
}

static IrFacts of_int(const IrInsn *insn, const IrFacts *facts)
{
    const IrFacts *a = &facts[insn->arg[0]];
    const IrFacts *b = insn->arg[1] != IR_NOREF ? &facts[insn->arg[1]] : &ir_facts_none;
    unsigned width = insn->type == IR_I32 ? 32 : 64;
    uint64_t v[4];

    if (all_known(insn, facts, v)) {
        return ir_facts_const(ir_result_type(insn),
                              ir_eval_int(insn, (IrType)insn->type, v[0], v[1], v[2], v[3]));
    }
    switch (insn->op) {
    case IR_add:
    case IR_sub: return sum(a, b, insn->op == IR_add, width);
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_andn: return bitwise(insn, a, b, width);
    case IR_not: return of_not(a, width);
    case IR_shl:
    case IR_shr:
    case IR_sar:
        if (ir_facts_is_const(b)) {
            return shifted((IrOp)insn->op, a, b->ones & (width - 1), width);
        }
        return of_type((IrType)insn->type);
    case IR_divu:
    case IR_remu:
        /* Smaller than a divisor that is not 0, and never larger than the dividend. */
        if (ir_facts_is_const(b) && b->ones) {
            return below(insn->op == IR_remu ? 64 - (unsigned)__builtin_clzll(b->ones)
                                             : 64 - leading(a->zeros),
                         width);
        }
        return of_type((IrType)insn->type);
    case IR_clz:
    case IR_ctz:
    case IR_popcnt: return below(width == 64 ? 7 : 6, width);
    case IR_setcond: return below(1, width);
    case IR_select: return ir_facts_join(&facts[insn->arg[2]], &facts[insn->arg[3]]);
    case IR_ext: return extended(a, 8 * ir_memop_bytes(insn->aux), insn->aux & IR_SIGNED, width);
    case IR_sext: {
        IrFacts f = extended(a, 32, true, 64);
        f.sign = (uint8_t)MAX(f.sign, a->sign + 32);
        return f;
    }
    case IR_zext: return extended(a, 32, false, 64);
    case IR_trunc: {
        IrFacts f = {.zeros = a->zeros | UPPER,
                     .ones = a->ones & ~UPPER,
                     .sign = a->sign > 32 ? (uint8_t)(a->sign - 32) : 1};
        return with_sign(f, 32);
    }
    default: return of_type(ir_result_type(insn));
    }
}

static IrFacts of_fp(const IrInsn *insn, const IrFacts *facts)
{
    IrFacts f = of_type(ir_result_type(insn));
    const IrFacts *a = &facts[insn->arg[0]];

    switch (insn->op) {
    case IR_fbox:
        f.zeros = a->zeros & ~UPPER;
        f.ones = a->ones | UPPER;
        break;
    case IR_funbox:
        if (ir_facts_boxed(a)) {
            f.zeros |= a->zeros;
            f.ones |= a->ones & ~UPPER;
        }
        break;
    case IR_flow:
        f.zeros |= a->zeros;
        f.ones |= a->ones & ~UPPER;
        break;
    case IR_bits_fi:
    case IR_bits_if:
    case IR_bits_si:
    case IR_bits_is:
        f.zeros |= a->zeros;
        f.ones |= a->ones;
        if (insn->op == IR_bits_fi || insn->op == IR_bits_si) {
            f = with_sign(f, insn->op == IR_bits_si ? 32 : 64);
        }
        break;
    case IR_fcmp: f = below(1, 64); break;
    case IR_fcvt_if:
        if ((insn->aux & 3) == IR_INT_S32 || (insn->aux & 3) == IR_INT_U32) {
            f.sign = 33;
        }
        break;
    default: break;
    }
    return f;
}

static IrFacts facts_of(const IrInsn *insn, const IrFacts *facts)
{
    if (insn->op >= IR_add && insn->op <= IR_select) {
        return of_int(insn, facts);
    }
    if (insn->op >= IR_fadd && insn->op <= IR_bits_is) {
        return of_fp(insn, facts);
    }
    switch (insn->op) {
    case IR_const: return ir_facts_const((IrType)insn->type, (uint64_t)insn->imm);
    case IR_fconst:
        return (IrFacts){.zeros = ~(uint64_t)insn->imm, .ones = (uint64_t)insn->imm, .sign = 1};
    case IR_mov: return facts[insn->arg[0]];
    case IR_ld:
    case IR_ld_host:
    case IR_ld_env: return of_memory(insn);
    case IR_fflags: return below(5, 64);
    default: return of_type(ir_result_type(insn));
    }
}

IrFacts ir_facts_of(const IrInsn *insn, const IrFacts *facts)
{
    return facts_of(insn, facts);
}

/* Member by member: copying the whole would wait for the members to be written. */
void ir_facts_set(IrFacts *to, const IrInsn *insn, const IrFacts *facts)
{
    IrFacts f = facts_of(insn, facts);

    to->zeros = f.zeros;
    to->ones = f.ones;
    to->sign = f.sign;
    to->held = 0;
}
