/*
 * Exact floating point in software; see softfloat.h.
 *
 * A finite number is unpacked to sign, exponent and a 64-bit fraction with the leading one in bit 63:
 * value = fraction * 2^(exponent - 63). Operations compute enough bits of the exact result, or-ing what is
 * cut off below into the last bit ("jamming": it keeps the result on the right side of every tie), and
 * round once, in round_pack(). Sums and fused products are formed in 128 bits.
 */
#include "cpu/softfloat.h"
#include <stddef.h>

typedef unsigned __int128 uint128;

typedef struct Format {
    unsigned frac_bits, exp_bits;
} Format;

static const Format formats[] = {
    [SF_F16] = {10, 5},
    [SF_F32] = {23, 8},
    [SF_F64] = {52, 11},
};

typedef enum Kind { ZERO, FINITE, INFINITE, QUIET, SIGNALING } Kind;

typedef struct Unpacked {
    Kind kind;
    bool sign;
    int exp;
    uint64_t frac;
} Unpacked;

#define TOP (UINT64_C(1) << 63)

/* ---- Fields ---- */

static int format_bias(const Format *f)
{
    return (1 << (f->exp_bits - 1)) - 1;
}

static uint64_t format_max_exp(const Format *f)
{
    return (UINT64_C(1) << f->exp_bits) - 1;
}

static uint64_t pack(const Format *f, bool sign, uint64_t exp, uint64_t frac)
{
    return (uint64_t)sign << (f->exp_bits + f->frac_bits) | exp << f->frac_bits | frac;
}

static uint64_t pack_zero(const Format *f, bool sign)
{
    return pack(f, sign, 0, 0);
}

static uint64_t pack_inf(const Format *f, bool sign)
{
    return pack(f, sign, format_max_exp(f), 0);
}

static uint64_t pack_nan(const Format *f)
{
    return pack(f, false, format_max_exp(f), UINT64_C(1) << (f->frac_bits - 1));
}

uint64_t sf_default_nan(SfFormat format)
{
    return pack_nan(&formats[format]);
}

static Unpacked unpack(const Format *f, uint64_t v)
{
    uint64_t frac = v & ((UINT64_C(1) << f->frac_bits) - 1);
    uint64_t exp = (v >> f->frac_bits) & format_max_exp(f);
    Unpacked u = {.sign = (v >> (f->frac_bits + f->exp_bits)) & 1};

    if (exp == format_max_exp(f)) {
        bool quiet = frac >> (f->frac_bits - 1);
        u.kind = frac == 0 ? INFINITE : quiet ? QUIET : SIGNALING;
    } else if (exp == 0 && frac == 0) {
        u.kind = ZERO;
    } else {
        unsigned shift = 63 - f->frac_bits;
        u.kind = FINITE;
        if (exp == 0) {
            shift = __builtin_clzll(frac);
            u.exp = 1 - format_bias(f) - (int)(shift - (63 - f->frac_bits));
            u.frac = frac << shift;
        } else {
            u.exp = (int)exp - format_bias(f);
            u.frac = (frac << shift) | TOP;
        }
    }
    return u;
}

static bool is_nan(const Unpacked *u)
{
    return u->kind >= QUIET;
}

static void raise_flags(SfEnv *env, unsigned flags)
{
    env->flags |= flags;
}

static uint64_t invalid(SfEnv *env, const Format *f)
{
    raise_flags(env, SF_INVALID);
    return pack_nan(f);
}

/* The result of an operation that has a NaN among its operands. */
static uint64_t propagate_nan(SfEnv *env, const Format *f, const Unpacked *a, const Unpacked *b)
{
    if (a->kind == SIGNALING || b->kind == SIGNALING) {
        raise_flags(env, SF_INVALID);
    }
    return pack_nan(f);
}

/* ---- Rounding ---- */

static uint64_t shift_right_jam(uint64_t v, unsigned by)
{
    if (by == 0) {
        return v;
    }
    return by < 64 ? (v >> by) | ((v << (64 - by)) != 0) : v != 0;
}

static uint128 shift_right_jam128(uint128 v, unsigned by)
{
    if (by == 0) {
        return v;
    }
    return by < 128 ? (v >> by) | ((v << (128 - by)) != 0) : v != 0;
}

/* Whether a magnitude is to be rounded up, given its last kept bit and the part below, of which @half is
 * half a unit. */
static bool rounds_up(SfRound round, bool sign, bool odd, uint64_t rest, uint64_t half)
{
    switch (round) {
    case SF_NEAREST_EVEN: return rest > half || (rest == half && odd);
    case SF_NEAREST_AWAY: return rest >= half;
    case SF_UP: return !sign && rest;
    case SF_DOWN: return sign && rest;
    default: return false;
    }
}

static uint64_t overflow(SfEnv *env, const Format *f, bool sign)
{
    bool to_inf = env->round == SF_NEAREST_EVEN || env->round == SF_NEAREST_AWAY ||
                  env->round == (sign ? SF_DOWN : SF_UP);

    raise_flags(env, SF_OVERFLOW | SF_INEXACT);
    return to_inf ? pack_inf(f, sign) : pack_inf(f, sign) - 1;
}

/* @frac, of at most 64 bits, cut by @cut bits and rounded; *@inexact says whether bits were lost. */
static uint64_t round_frac(const SfEnv *env, bool sign, uint64_t frac, unsigned cut, bool *inexact)
{
    uint64_t rest = frac & ((UINT64_C(1) << cut) - 1);
    uint64_t kept = frac >> cut;

    *inexact = rest != 0;
    return kept + rounds_up(env->round, sign, kept & 1, rest, UINT64_C(1) << (cut - 1));
}

/* Rounds frac * 2^(exp - 63), bit 63 of @frac set, the last bit jammed. */
static uint64_t round_pack(SfEnv *env, const Format *f, bool sign, int exp, uint64_t frac)
{
    int min_exp = 1 - format_bias(f);
    unsigned cut = 63 - f->frac_bits;
    uint64_t unit = UINT64_C(1) << f->frac_bits; /* the leading one after rounding */
    bool inexact;

    if (exp < min_exp) {
        /* Tiny, unless rounding without a limit to the exponent reaches the smallest normal number. */
        bool tiny = env->tiny_before || exp < min_exp - 1 ||
                    round_frac(env, sign, frac, cut, &inexact) < unit * 2;
        uint64_t sub = round_frac(env, sign, shift_right_jam(frac, min_exp - exp), cut, &inexact);
        raise_flags(env, inexact ? SF_INEXACT | (tiny ? SF_UNDERFLOW : 0) : 0);
        return pack(f, sign, 0, 0) + sub; /* a carry makes it the smallest normal number */
    }
    uint64_t kept = round_frac(env, sign, frac, cut, &inexact);
    if (kept == unit * 2) {
        kept = unit;
        exp++;
    }
    if (exp > format_bias(f)) {
        return overflow(env, f, sign);
    }
    raise_flags(env, inexact ? SF_INEXACT : 0);
    return pack(f, sign, (uint64_t)(exp + format_bias(f)), kept - unit);
}

/* Rounds frac * 2^(exp - 126), @frac not zero. */
static uint64_t round_pack128(SfEnv *env, const Format *f, bool sign, int exp, uint128 frac)
{
    uint64_t high = frac >> 64;
    unsigned shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)frac);

    frac <<= shift;
    high = (uint64_t)(frac >> 64) | ((uint64_t)frac != 0);
    return round_pack(env, f, sign, exp + 1 - (int)shift, high);
}

/* ---- Sums ---- */

/* A term of a sum: frac * 2^(exp - 126), with bit 126 or 0 bits set. */
typedef struct Term {
    bool sign;
    int exp;
    uint128 frac;
} Term;

static uint64_t exact_zero(const SfEnv *env, const Format *f)
{
    return pack_zero(f, env->round == SF_DOWN);
}

static uint64_t add_terms(SfEnv *env, const Format *f, Term a, Term b)
{
    if (a.exp < b.exp || (a.exp == b.exp && a.frac < b.frac)) {
        Term t = a;
        a = b;
        b = t;
    }
    b.frac = shift_right_jam128(b.frac, a.exp - b.exp);
    uint128 sum = a.sign == b.sign ? a.frac + b.frac : a.frac - b.frac;
    return sum ? round_pack128(env, f, a.sign, a.exp, sum) : exact_zero(env, f);
}

static Term term_of(const Unpacked *u)
{
    return (Term){u->sign, u->exp, (uint128)u->frac << 63};
}

static uint64_t repack(SfEnv *env, const Format *f, const Unpacked *u)
{
    return round_pack(env, f, u->sign, u->exp, u->frac);
}

static uint64_t add_unpacked(SfEnv *env, const Format *f, Unpacked a, Unpacked b)
{
    if (is_nan(&a) || is_nan(&b)) {
        return propagate_nan(env, f, &a, &b);
    }
    if (a.kind == INFINITE || b.kind == INFINITE) {
        if (a.kind == b.kind && a.sign != b.sign) {
            return invalid(env, f);
        }
        return pack_inf(f, a.kind == INFINITE ? a.sign : b.sign);
    }
    if (a.kind == ZERO && b.kind == ZERO) {
        return a.sign == b.sign ? pack_zero(f, a.sign) : exact_zero(env, f);
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        return repack(env, f, a.kind == ZERO ? &b : &a);
    }
    return add_terms(env, f, term_of(&a), term_of(&b));
}

uint64_t sf_add(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    const Format *f = &formats[format];
    return add_unpacked(env, f, unpack(f, a), unpack(f, b));
}

uint64_t sf_sub(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    const Format *f = &formats[format];
    Unpacked ub = unpack(f, b);

    ub.sign = !ub.sign;
    return add_unpacked(env, f, unpack(f, a), ub);
}

/* ---- Products, quotients, roots ---- */

static Term product(const Unpacked *a, const Unpacked *b)
{
    Term t = {a->sign != b->sign, a->exp + b->exp, (uint128)a->frac * b->frac};

    if (t.frac >> 127) {
        t.frac >>= 1; /* the lowest bits are zero: no format has 64 bits */
        t.exp++;
    }
    return t;
}

uint64_t sf_mul(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    const Format *f = &formats[format];
    Unpacked ua = unpack(f, a), ub = unpack(f, b);
    bool sign = ua.sign != ub.sign;

    if (is_nan(&ua) || is_nan(&ub)) {
        return propagate_nan(env, f, &ua, &ub);
    }
    if (ua.kind == INFINITE || ub.kind == INFINITE) {
        return ua.kind == ZERO || ub.kind == ZERO ? invalid(env, f) : pack_inf(f, sign);
    }
    if (ua.kind == ZERO || ub.kind == ZERO) {
        return pack_zero(f, sign);
    }
    Term t = product(&ua, &ub);
    return round_pack128(env, f, t.sign, t.exp, t.frac);
}

uint64_t sf_fma(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, uint64_t c,
                bool negate_product, bool negate_addend)
{
    const Format *f = &formats[format];
    Unpacked ua = unpack(f, a), ub = unpack(f, b), uc = unpack(f, c);

    ua.sign ^= negate_product;
    uc.sign ^= negate_addend;
    bool sign = ua.sign != ub.sign;
    if ((ua.kind == INFINITE && ub.kind == ZERO) || (ua.kind == ZERO && ub.kind == INFINITE)) {
        return invalid(env, f);
    }
    if (is_nan(&ua) || is_nan(&ub) || is_nan(&uc)) {
        propagate_nan(env, f, &ua, &ub);
        return propagate_nan(env, f, &uc, &uc);
    }
    if (ua.kind != FINITE || ub.kind != FINITE) {
        /* The product is infinite or zero; the sum follows from that. */
        bool infinite = ua.kind == INFINITE || ub.kind == INFINITE;
        return add_unpacked(env, f, (Unpacked){infinite ? INFINITE : ZERO, sign, 0, 0}, uc);
    }
    if (uc.kind == INFINITE) {
        return pack_inf(f, uc.sign);
    }
    Term t = product(&ua, &ub);
    if (uc.kind == ZERO) {
        return round_pack128(env, f, t.sign, t.exp, t.frac);
    }
    return add_terms(env, f, t, term_of(&uc));
}

uint64_t sf_div(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    const Format *f = &formats[format];
    Unpacked ua = unpack(f, a), ub = unpack(f, b);
    bool sign = ua.sign != ub.sign;

    if (is_nan(&ua) || is_nan(&ub)) {
        return propagate_nan(env, f, &ua, &ub);
    }
    if (ua.kind == ub.kind && ua.kind != FINITE) {
        return invalid(env, f); /* 0 / 0, infinity / infinity */
    }
    if (ua.kind == INFINITE || ub.kind == ZERO) {
        raise_flags(env, ub.kind == ZERO && ua.kind == FINITE ? SF_DIV_BY_ZERO : 0);
        return pack_inf(f, sign);
    }
    if (ua.kind == ZERO || ub.kind == INFINITE) {
        return pack_zero(f, sign);
    }
    /* The quotient of the fractions is between 1/2 and 2. */
    uint128 dividend = (uint128)ua.frac << 63;
    uint64_t quotient = dividend / ub.frac;
    quotient |= dividend % ub.frac != 0;
    int exp = ua.exp - ub.exp;
    if (!(quotient & TOP)) {
        quotient <<= 1;
        exp--;
    }
    return round_pack(env, f, sign, exp, quotient);
}

/* The integer square root of @v >= 2^126, with the last bit jammed. */
static uint64_t square_root(uint128 v)
{
    uint64_t root = 0;

    for (uint64_t bit = TOP; bit; bit >>= 1) {
        uint64_t trial = root | bit;
        if ((uint128)trial * trial <= v) {
            root = trial;
        }
    }
    return root | ((uint128)root * root != v);
}

uint64_t sf_sqrt(SfEnv *env, SfFormat format, uint64_t a)
{
    const Format *f = &formats[format];
    Unpacked u = unpack(f, a);

    if (is_nan(&u)) {
        return propagate_nan(env, f, &u, &u);
    }
    if (u.kind == ZERO) {
        return pack_zero(f, u.sign);
    }
    if (u.sign) {
        return invalid(env, f);
    }
    if (u.kind == INFINITE) {
        return pack_inf(f, false);
    }
    /* An even exponent; then the root of 2^126 * fraction has its leading one in bit 63. */
    bool odd = u.exp & 1;
    return round_pack(env, f, false, (u.exp - odd) / 2, square_root((uint128)u.frac << (63 + odd)));
}

/* ---- Conversions ---- */

uint64_t sf_convert(SfEnv *env, SfFormat from, SfFormat to, uint64_t a)
{
    const Format *f = &formats[to];
    Unpacked u = unpack(&formats[from], a);

    switch (u.kind) {
    case ZERO: return pack_zero(f, u.sign);
    case INFINITE: return pack_inf(f, u.sign);
    case FINITE: return repack(env, f, &u);
    default: return propagate_nan(env, f, &u, &u);
    }
}

uint64_t sf_from_int(SfEnv *env, SfFormat format, uint64_t value, bool is_signed)
{
    const Format *f = &formats[format];
    bool sign = is_signed && value >> 63;
    uint64_t magnitude = sign ? -value : value;

    if (magnitude == 0) {
        return pack_zero(f, false);
    }
    unsigned shift = __builtin_clzll(magnitude);
    return round_pack(env, f, sign, 63 - (int)shift, magnitude << shift);
}

/* The magnitude of a finite number below 2^64, rounded to an integer; *@inexact: it was none. */
static uint64_t round_magnitude(SfRound round, const Unpacked *u, bool *inexact)
{
    uint64_t whole = 0, rest = 1; /* rest: of the unit, in 1/2^64 */

    if (u->exp >= 0) {
        whole = u->frac >> (63 - u->exp);
        rest = u->exp == 63 ? 0 : u->frac << (u->exp + 1);
    } else if (u->exp == -1) {
        rest = u->frac;
    }
    *inexact = rest != 0;
    return whole + rounds_up(round, u->sign, whole & 1, rest, TOP);
}

/* Limits of the integer types as magnitudes. */
static const struct {
    uint64_t positive, negative;
} int_limits[] = {
    [SF_S32] = {INT32_MAX, UINT64_C(1) << 31},
    [SF_U32] = {UINT32_MAX, 0},
    [SF_S64] = {INT64_MAX, UINT64_C(1) << 63},
    [SF_U64] = {UINT64_MAX, 0},
};

uint64_t sf_to_int(SfEnv *env, SfFormat format, uint64_t a, SfInt type)
{
    Unpacked u = unpack(&formats[format], a);
    bool inexact = false,
         fits = !is_nan(&u) && u.kind != INFINITE && (u.kind == ZERO || u.exp < 64);
    bool negative = u.sign && !is_nan(&u);
    uint64_t magnitude = 0;

    if (u.kind == ZERO) {
        return 0;
    }
    if (fits) {
        magnitude = round_magnitude(env->round, &u, &inexact);
        fits = magnitude <= (negative ? int_limits[type].negative : int_limits[type].positive);
    }
    if (!fits) {
        raise_flags(env, SF_INVALID);
        return negative ? -int_limits[type].negative : int_limits[type].positive;
    }
    raise_flags(env, inexact ? SF_INEXACT : 0);
    return negative ? -magnitude : magnitude;
}

int32_t sf_to_int32_modular(SfEnv *env, SfFormat format, uint64_t a)
{
    Unpacked u = unpack(&formats[format], a);
    SfEnv truncate = {.round = SF_TO_ZERO};
    uint64_t magnitude = 0;

    sf_to_int(&truncate, format, a, SF_S32);
    raise_flags(env, truncate.flags);
    if (u.kind != FINITE || u.exp < 0) {
        return 0;
    }
    if (u.exp < 64) {
        magnitude = u.frac >> (63 - u.exp);
    } else if (u.exp < 64 + 32) {
        magnitude = u.frac << (u.exp - 63); /* what is shifted out is a multiple of 2^64 */
    }
    return (int32_t)(u.sign ? -magnitude : magnitude);
}

uint64_t sf_round_to_int(SfEnv *env, SfFormat format, uint64_t a, bool exact)
{
    const Format *f = &formats[format];
    Unpacked u = unpack(f, a);
    bool inexact;

    if (is_nan(&u)) {
        return propagate_nan(env, f, &u, &u);
    }
    if (u.kind != FINITE || u.exp >= (int)f->frac_bits) {
        return a & (pack_inf(f, true) | (pack_inf(f, true) - 1));
    }
    uint64_t magnitude = round_magnitude(env->round, &u, &inexact);
    raise_flags(env, inexact && exact ? SF_INEXACT : 0);
    if (magnitude == 0) {
        return pack_zero(f, u.sign);
    }
    unsigned shift = __builtin_clzll(magnitude);
    return round_pack(env, f, u.sign, 63 - (int)shift, magnitude << shift);
}

/* ---- Comparisons ---- */

/* The order of two numbers, where -0 is below +0. */
static bool total_less(const Format *f, uint64_t a, uint64_t b)
{
    uint64_t sign = UINT64_C(1) << (f->frac_bits + f->exp_bits);
    uint64_t mask = sign | (sign - 1);

    a &= mask;
    b &= mask;
    /* Negative numbers in reverse, below the positive ones. */
    a = a & sign ? ~a & mask : a | sign;
    b = b & sign ? ~b & mask : b | sign;
    return a < b;
}

SfOrder sf_compare(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, bool signaling)
{
    const Format *f = &formats[format];
    Unpacked ua = unpack(f, a), ub = unpack(f, b);

    if (is_nan(&ua) || is_nan(&ub)) {
        bool bad = signaling || ua.kind == SIGNALING || ub.kind == SIGNALING;
        raise_flags(env, bad ? SF_INVALID : 0);
        return SF_UNORDERED;
    }
    if (ua.kind == ZERO && ub.kind == ZERO) {
        return SF_EQUAL;
    }
    return total_less(f, a, b) ? SF_LESS : total_less(f, b, a) ? SF_GREATER : SF_EQUAL;
}

static uint64_t extreme(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, bool max, bool number)
{
    const Format *f = &formats[format];
    Unpacked ua = unpack(f, a), ub = unpack(f, b);
    uint64_t mask = pack_inf(f, true) | (pack_inf(f, true) - 1);

    if (is_nan(&ua) || is_nan(&ub)) {
        uint64_t nan = propagate_nan(env, f, &ua, &ub);
        if (!number || (is_nan(&ua) && is_nan(&ub))) {
            return nan;
        }
        return (is_nan(&ua) ? b : a) & mask;
    }
    return (total_less(f, a, b) != max ? a : b) & mask;
}

uint64_t sf_min_number(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    return extreme(env, format, a, b, false, true);
}

uint64_t sf_max_number(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    return extreme(env, format, a, b, true, true);
}

uint64_t sf_minimum(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    return extreme(env, format, a, b, false, false);
}

uint64_t sf_maximum(SfEnv *env, SfFormat format, uint64_t a, uint64_t b)
{
    return extreme(env, format, a, b, true, false);
}

SfClass sf_classify(SfFormat format, uint64_t a)
{
    const Format *f = &formats[format];
    Unpacked u = unpack(f, a);

    switch (u.kind) {
    case ZERO: return u.sign ? SF_NEG_ZERO : SF_POS_ZERO;
    case INFINITE: return u.sign ? SF_NEG_INF : SF_POS_INF;
    case FINITE:
        if (u.exp < 1 - format_bias(f)) {
            return u.sign ? SF_NEG_SUBNORMAL : SF_POS_SUBNORMAL;
        }
        return u.sign ? SF_NEG_NORMAL : SF_POS_NORMAL;
    case SIGNALING: return SF_SIGNALING_NAN;
    default: return SF_QUIET_NAN;
    }
}
