/*
 * Vector floating point on one element (V 1.0, chapter 13), in software: exact in every rounding mode,
 * with flags. What the host can do, trans-vec.c does inline.
 */
#include "cpu/riscv/vector.h"

#define FN(name) uint64_t riscv_vec_##name(VecCtx *c, uint64_t a, uint64_t b, uint64_t d)
#define SIMPLE(name, expr) \
    FN(name)               \
    {                      \
        return expr;       \
    }

/* Operands of widening operations are widened first, which is exact but for flags. */
static uint64_t widen_a(VecCtx *c, uint64_t a)
{
    return c->f_a == c->f_d ? a : sf_convert(&c->env, c->f_a, c->f_d, a);
}

static uint64_t widen_b(VecCtx *c, uint64_t b)
{
    SfFormat f = (SfFormat)(c->sew - 1);
    return f == c->f_d ? b : sf_convert(&c->env, f, c->f_d, b);
}

#define BINARY(name, sf) SIMPLE(name, sf(&c->env, c->f_d, widen_a(c, a), widen_b(c, b)))
BINARY(fadd, sf_add)
BINARY(fsub, sf_sub)
BINARY(fmul, sf_mul)
SIMPLE(frsub, sf_sub(&c->env, c->f_d, b, a))
SIMPLE(fdiv, sf_div(&c->env, c->f_d, a, b))
SIMPLE(frdiv, sf_div(&c->env, c->f_d, b, a))
SIMPLE(fsqrt, sf_sqrt(&c->env, c->f_d, a))
SIMPLE(fmin, sf_min_number(&c->env, c->f_d, a, b))
SIMPLE(fmax, sf_max_number(&c->env, c->f_d, a, b))

/* A sum so far in the format of vd, and an element of vs2. */
SIMPLE(fredsum, sf_add(&c->env, c->f_d, a, c->f_a == c->f_d ? b : widen_a(c, b)))

/* ---- Fused multiply-add: macc adds to vd, madd multiplies vd ---- */

#define MACC(name, negate_product, negate_addend)                                         \
    SIMPLE(name, sf_fma(&c->env, c->f_d, widen_a(c, a), widen_b(c, b), d, negate_product, \
                        negate_addend))
#define MADD(name, negate_product, negate_addend) \
    SIMPLE(name, sf_fma(&c->env, c->f_d, d, b, a, negate_product, negate_addend))
MACC(fmacc, false, false)
MACC(fnmacc, true, true)
MACC(fmsac, false, true)
MACC(fnmsac, true, false)
MADD(fmadd, false, false)
MADD(fnmadd, true, true)
MADD(fmsub, false, true)
MADD(fnmsub, true, false)

/* ---- Signs, comparison, classes ---- */

static uint64_t sign_bit(const VecCtx *c)
{
    return UINT64_C(1) << (c->bits - 1);
}

SIMPLE(fsgnj, (a & ~sign_bit(c)) | (b & sign_bit(c)))
SIMPLE(fsgnjn, (a & ~sign_bit(c)) | (~b & sign_bit(c)))
SIMPLE(fsgnjx, a ^ (b & sign_bit(c)))

static bool less(VecCtx *c, uint64_t a, uint64_t b)
{
    return sf_compare(&c->env, c->f_a, a, b, true) == SF_LESS;
}

static bool less_or_equal(VecCtx *c, uint64_t a, uint64_t b)
{
    SfOrder order = sf_compare(&c->env, c->f_a, a, b, true);
    return order == SF_LESS || order == SF_EQUAL;
}

SIMPLE(feq, sf_compare(&c->env, c->f_a, a, b, false) == SF_EQUAL)
SIMPLE(fne, sf_compare(&c->env, c->f_a, a, b, false) != SF_EQUAL)
SIMPLE(flt, less(c, a, b))
SIMPLE(fle, less_or_equal(c, a, b))
SIMPLE(fgt, less(c, b, a))
SIMPLE(fge, less_or_equal(c, b, a))
SIMPLE(fclass, UINT64_C(1) << sf_classify(c->f_a, a))

/* ---- Conversions ---- */

/* The integer type of @bits and sign. Narrower ones than sf_to_int() knows are clamped here. */
static uint64_t to_int(VecCtx *c, uint64_t a, bool is_signed)
{
    unsigned bits = 8u << (c->sew + c->row->d);
    SfEnv env = c->env;
    uint64_t v = sf_to_int(&env, c->f_a, a,
                           bits == 64  ? (is_signed ? SF_S64 : SF_U64)
                           : is_signed ? SF_S32
                                       : SF_U32);
    if (bits < 32) {
        int64_t low = is_signed ? -(INT64_C(1) << (bits - 1)) : 0;
        int64_t high = is_signed ? (INT64_C(1) << (bits - 1)) - 1 : (INT64_C(1) << bits) - 1;
        int64_t wide = is_signed ? (int64_t)v : (int64_t)(uint32_t)v;
        if (wide < low || wide > high) {
            v = (uint64_t)(wide < low ? low : high);
            env.flags = c->env.flags | SF_INVALID;
        }
    }
    c->env.flags = env.flags;
    return v;
}

SIMPLE(fcvt_xu_f, to_int(c, a, false))
SIMPLE(fcvt_x_f, to_int(c, a, true))
SIMPLE(fcvt_f_xu, sf_from_int(&c->env, c->f_d, a, false))
SIMPLE(fcvt_f_x, sf_from_int(&c->env, c->f_d, a, true))
SIMPLE(fcvt_f_f, sf_convert(&c->env, c->f_a, c->f_d, a))

/* Narrowing, rounded to odd: towards zero, and the last bit set if that was inexact. */
FN(fcvt_rod)
{
    SfEnv env = {.round = SF_TO_ZERO};
    uint64_t v = sf_convert(&env, c->f_a, c->f_d, a);
    c->env.flags |= env.flags;
    return env.flags & SF_INEXACT ? v | 1 : v;
}

/* ---- Estimates with seven bits (13.9, 13.10) ---- */

typedef struct Parts {
    bool sign;
    int exponent; /* biased; below 1 after a subnormal was normalized */
    uint64_t fraction;
    unsigned fraction_bits, exponent_bits;
} Parts;

static Parts split(const VecCtx *c, uint64_t a)
{
    Parts p = {.fraction_bits = c->f_a == SF_F64   ? 52
                                : c->f_a == SF_F32 ? 23
                                                   : 10,
               .exponent_bits = c->f_a == SF_F64   ? 11
                                : c->f_a == SF_F32 ? 8
                                                   : 5};
    p.sign = (a >> (p.fraction_bits + p.exponent_bits)) & 1;
    p.exponent = (int)((a >> p.fraction_bits) & ((1u << p.exponent_bits) - 1));
    p.fraction = a & ((UINT64_C(1) << p.fraction_bits) - 1);
    return p;
}

static uint64_t join(const Parts *p)
{
    return (uint64_t)p->sign << (p->fraction_bits + p->exponent_bits) |
           (uint64_t)p->exponent << p->fraction_bits | p->fraction;
}

static void normalize(Parts *p)
{
    if (p->exponent == 0) {
        uint64_t hidden = UINT64_C(1) << p->fraction_bits;
        p->exponent = 1;
        while (!(p->fraction & hidden)) {
            p->fraction <<= 1;
            p->exponent--;
        }
        p->fraction &= hidden - 1;
    }
}

/* The seven bits of the square root's reciprocal at the middle of interval @index: bit 6 is the
 * exponent's parity, the rest the fraction's upper bits. Best by the estimate's relative error. */
static unsigned rsqrt7_bits(unsigned index)
{
    static const uint8_t table[128] = {
        52,  51,  50,  48,  47,  46, 44, 43,  42,  41,  40,  39,  38,  36,  35,  34,  33,  32,  31,
        30,  30,  29,  28,  27,  26, 25, 24,  23,  23,  22,  21,  20,  19,  19,  18,  17,  16,  16,
        15,  14,  14,  13,  12,  12, 11, 10,  10,  9,   9,   8,   7,   7,   6,   6,   5,   4,   4,
        3,   3,   2,   2,   1,   1,  0,  127, 125, 123, 121, 119, 118, 116, 114, 113, 111, 109, 108,
        106, 105, 103, 102, 100, 99, 97, 96,  95,  93,  92,  91,  90,  88,  87,  86,  85,  84,  83,
        82,  80,  79,  78,  77,  76, 75, 74,  73,  72,  71,  70,  70,  69,  68,  67,  66,  65,  64,
        63,  63,  62,  61,  60,  59, 59, 58,  57,  56,  56,  55,  54,  53,
    };
    return table[index];
}

/* Of the reciprocal: fraction of 2 / (1 + (index + 1/2) / 128), rounded. */
static unsigned rec7_bits(unsigned index)
{
    unsigned denominator = 2 * 128 + 2 * index + 1;
    return (2 * 256 * 256 + denominator) / (2 * denominator) - 128;
}

FN(frsqrt7)
{
    SfClass cls = sf_classify(c->f_a, a);
    Parts p = split(c, a);
    uint64_t infinity_exponent = (1u << p.exponent_bits) - 1;
    int bias = (1 << (p.exponent_bits - 1)) - 1;

    switch (cls) {
    case SF_NEG_INF:
    case SF_NEG_NORMAL:
    case SF_NEG_SUBNORMAL:
    case SF_SIGNALING_NAN: c->env.flags |= SF_INVALID; return sf_default_nan(c->f_a);
    case SF_QUIET_NAN: return sf_default_nan(c->f_a);
    case SF_NEG_ZERO:
    case SF_POS_ZERO:
        c->env.flags |= SF_DIV_BY_ZERO;
        p.exponent = (int)infinity_exponent;
        return join(&p);
    case SF_POS_INF: return 0;
    default: break;
    }
    normalize(&p);
    unsigned index = (unsigned)((p.exponent & 1) << 6 | (p.fraction >> (p.fraction_bits - 6)));
    p.fraction = (uint64_t)rsqrt7_bits(index) << (p.fraction_bits - 7);
    p.exponent = (3 * bias - 1 - p.exponent) / 2;
    return join(&p);
}

/* Where 1/x is out of range: infinity or the largest number. */
static uint64_t rec7_overflow(VecCtx *c, Parts *p)
{
    bool largest = c->env.round == SF_TO_ZERO || (c->env.round == SF_DOWN && !p->sign) ||
                   (c->env.round == SF_UP && p->sign);
    c->env.flags |= SF_OVERFLOW | SF_INEXACT;
    p->exponent = (1 << p->exponent_bits) - 1 - largest;
    p->fraction = largest ? (UINT64_C(1) << p->fraction_bits) - 1 : 0;
    return join(p);
}

FN(frec7)
{
    SfClass cls = sf_classify(c->f_a, a);
    Parts p = split(c, a);
    int bias = (1 << (p.exponent_bits - 1)) - 1;

    switch (cls) {
    case SF_SIGNALING_NAN: c->env.flags |= SF_INVALID; return sf_default_nan(c->f_a);
    case SF_QUIET_NAN: return sf_default_nan(c->f_a);
    case SF_NEG_INF:
    case SF_POS_INF:
        p.exponent = 0;
        p.fraction = 0;
        return join(&p);
    case SF_NEG_ZERO:
    case SF_POS_ZERO:
        c->env.flags |= SF_DIV_BY_ZERO;
        p.exponent = (1 << p.exponent_bits) - 1;
        return join(&p);
    default: break;
    }
    normalize(&p);
    if (p.exponent < -1) {
        return rec7_overflow(c, &p);
    }
    p.fraction = (uint64_t)rec7_bits((unsigned)(p.fraction >> (p.fraction_bits - 7)))
                 << (p.fraction_bits - 7);
    p.exponent = 2 * bias - 1 - p.exponent;
    if (p.exponent <= 0) { /* the result is subnormal */
        uint64_t hidden = UINT64_C(1) << p.fraction_bits;
        p.fraction = (p.fraction | hidden) >> (1 - p.exponent);
        p.exponent = 0;
    }
    return join(&p);
}
