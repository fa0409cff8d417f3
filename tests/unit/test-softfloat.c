/*
 * Software floating point against the host's FP unit: the same operands in every rounding mode the host
 * has, results and flags. What the host does not have (half precision, ties away) is checked against
 * results that follow from those.
 */
#include "cpu/softfloat.h"
#include "softmmu/base/bits.h"
#include <cpuid.h>
#include <glib.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#define CASES 20000

static const uint64_t corners64[] = {
    0,
    1,
    2,
    0x000fffffffffffff,
    0x0010000000000000,
    0x0010000000000001,
    0x3ca0000000000000,
    0x3fdfffffffffffff,
    0x3fe0000000000000,
    0x3fe0000000000001,
    0x3fefffffffffffff,
    0x3ff0000000000000,
    0x3ff0000000000001,
    0x3ff8000000000000,
    0x4000000000000000,
    0x4004000000000000,
    0x41dfffffffc00000,
    0x41e0000000000000,
    0x41efffffffe00000,
    0x41efffffffffffff,
    0x43dfffffffffffff,
    0x43e0000000000000,
    0x43efffffffffffff,
    0x43f0000000000000,
    0x47efffffe0000000,
    0x47efffffefffffff,
    0x47effffff0000000,
    0x380fffffffffffff,
    0x3810000000000000,
    0x380fffffe0000000,
    0x380ffffff0000000,
    0x36a0000000000000,
    0x369fffffffffffff,
    0x3690000000000000,
    0x3690000000000001,
    0x7fefffffffffffff,
    0x7ff0000000000000,
    0x7ff0000000000001,
    0x7ff8000000000000,
    0x7ff8000000001234,
};

static const uint64_t corners32[] = {
    0,          1,          2,          0x007fffff, 0x00800000, 0x00800001, 0x33000000, 0x33800000,
    0x3effffff, 0x3f000000, 0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40000000,
    0x40200000, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000,
    0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fc12345, 0x38800000, 0x387fffff, 0x387fe000,
    0x387ff000, 0x33000001, 0x477fe000, 0x477fefff, 0x477ff000,
};

static const uint64_t corners16[] = {
    0,      1,      2,      0x3ff,  0x400,  0x401,  0x37ff, 0x3800, 0x3801,
    0x3c00, 0x3c01, 0x3e00, 0x4000, 0x7bff, 0x7c00, 0x7c01, 0x7e00, 0x7e12,
};

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

/* An operand: a corner case of either sign, any bits, or an exponent near the middle. */
static uint64_t operand(SfFormat format)
{
    uint64_t kind = random64() % 4, v = random64();
    uint64_t sign = v >> 63;

    switch (format) {
    case SF_F64:
        v = kind == 3 ? bits_set(v, 57, 6, v & 1 ? 0x1f : 0x20) : v;
        return kind < 2 ? corners64[v % ARRAY_SIZE(corners64)] | sign << 63 : v;
    case SF_F32:
        v = kind == 3 ? bits_set(v, 26, 5, v & 1 ? 0xf : 0x10) : v;
        return kind < 2 ? corners32[v % ARRAY_SIZE(corners32)] | sign << 31 : (uint32_t)v;
    default: return kind < 2 ? corners16[v % ARRAY_SIZE(corners16)] | sign << 15 : (uint16_t)v;
    }
}

static double as_f64(uint64_t v)
{
    double d;
    memcpy(&d, &v, sizeof(d));
    return d;
}

static float as_f32(uint64_t v)
{
    uint32_t w = v;
    float f;
    memcpy(&f, &w, sizeof(f));
    return f;
}

static uint64_t of_f64(double d)
{
    uint64_t v;
    memcpy(&v, &d, sizeof(v));
    return d != d ? sf_default_nan(SF_F64) : v;
}

static uint64_t of_f32(float f)
{
    uint32_t v;
    memcpy(&v, &f, sizeof(v));
    return f != f ? sf_default_nan(SF_F32) : v;
}

/* ---- The host's arithmetic ---- */

static const unsigned host_mode[] = {
    [SF_NEAREST_EVEN] = 0,
    [SF_TO_ZERO] = 3 << 13,
    [SF_DOWN] = 1 << 13,
    [SF_UP] = 2 << 13,
};

static void host_begin(SfRound round)
{
    _mm_setcsr(0x1f80 | host_mode[round]);
}

static unsigned host_end(void)
{
    unsigned csr = _mm_getcsr();

    _mm_setcsr(0x1f80);
    return (csr & 0x20 ? SF_INEXACT : 0) | (csr & 0x10 ? SF_UNDERFLOW : 0) |
           (csr & 8 ? SF_OVERFLOW : 0) | (csr & 4 ? SF_DIV_BY_ZERO : 0) |
           (csr & 1 ? SF_INVALID : 0);
}

typedef enum Op { ADD, SUB, MUL, DIV, SQRT, RINT, FMA, CONVERT, NOPS } Op;

static const char *const op_names[NOPS] = {"add",  "sub",  "mul", "div",
                                           "sqrt", "rint", "fma", "convert"};

/* Called through these, they are not expanded by the compiler, which assumes the default mode. */
static double (*volatile const host_rint)(double) = rint;
static float (*volatile const host_rintf)(float) = rintf;
static double (*volatile const host_fma)(double, double, double) = fma;
static float (*volatile const host_fmaf)(float, float, float) = fmaf;

/* Volatile operands and results keep the arithmetic between the accesses to MXCSR. */
static uint64_t host_f64(Op op, SfRound round, const uint64_t *in, unsigned *flags)
{
    volatile double a = as_f64(in[0]), b = as_f64(in[1]), c = as_f64(in[2]), r = 0;
    volatile float narrow = 0;

    host_begin(round);
    switch (op) {
    case ADD: r = a + b; break;
    case SUB: r = a - b; break;
    case MUL: r = a * b; break;
    case DIV: r = a / b; break;
    case SQRT: r = _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(a), _mm_set_sd(a))); break;
    case RINT: r = host_rint(a); break;
    case FMA: r = host_fma(a, b, c); break;
    default: narrow = (float)a; break;
    }
    *flags = host_end();
    return op == CONVERT ? of_f32(narrow) : of_f64(r);
}

static uint64_t host_f32(Op op, SfRound round, const uint64_t *in, unsigned *flags)
{
    volatile float a = as_f32(in[0]), b = as_f32(in[1]), c = as_f32(in[2]), r = 0;
    volatile double wide = 0;

    host_begin(round);
    switch (op) {
    case ADD: r = a + b; break;
    case SUB: r = a - b; break;
    case MUL: r = a * b; break;
    case DIV: r = a / b; break;
    case SQRT: r = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); break;
    case RINT: r = host_rintf(a); break;
    case FMA: r = host_fmaf(a, b, c); break;
    default: wide = a; break;
    }
    *flags = host_end();
    return op == CONVERT ? of_f64(wide) : of_f32(r);
}

static uint64_t soft(Op op, SfFormat format, SfEnv *env, const uint64_t *in)
{
    switch (op) {
    case ADD: return sf_add(env, format, in[0], in[1]);
    case SUB: return sf_sub(env, format, in[0], in[1]);
    case MUL: return sf_mul(env, format, in[0], in[1]);
    case DIV: return sf_div(env, format, in[0], in[1]);
    case SQRT: return sf_sqrt(env, format, in[0]);
    case RINT: return sf_round_to_int(env, format, in[0], true);
    case FMA: return sf_fma(env, format, in[0], in[1], in[2], false, false);
    default: return sf_convert(env, format, format == SF_F64 ? SF_F32 : SF_F64, in[0]);
    }
}

static void check(const char *what, SfFormat format, SfRound round, const uint64_t *in,
                  uint64_t got, unsigned got_flags, uint64_t want, unsigned want_flags)
{
    if (got != want || got_flags != want_flags) {
        g_error("%s format %d mode %d (%#" G_GINT64_MODIFIER "x, %#" G_GINT64_MODIFIER
                "x, %#" G_GINT64_MODIFIER "x): got %#" G_GINT64_MODIFIER
                "x flags %#x, want %#" G_GINT64_MODIFIER "x flags %#x",
                what, format, round, in[0], in[1], in[2], got, got_flags, want, want_flags);
    }
}

static void test_against_host(gconstpointer data)
{
    SfFormat format = GPOINTER_TO_INT(data);
    bool have_fma = __builtin_cpu_supports("fma");

    for (unsigned i = 0; i < CASES; i++) {
        uint64_t in[3] = {operand(format), operand(format), operand(format)};
        for (unsigned op = 0; op < NOPS; op++) {
            if (op == FMA && !have_fma) {
                continue;
            }
            for (unsigned round = SF_NEAREST_EVEN; round <= SF_UP; round++) {
                SfEnv env = {.round = round};
                unsigned flags;
                uint64_t want = format == SF_F64 ? host_f64(op, round, in, &flags)
                                                 : host_f32(op, round, in, &flags);
                uint64_t got = soft(op, format, &env, in);
                check(op_names[op], format, round, in, got, env.flags, want, flags);
            }
        }
    }
    if (!have_fma) {
        g_test_message("fma not compared: this host has none");
    }
}

/* Signs of fused multiply-add, from the plain one. */
static void test_fma_signs(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        uint64_t a = operand(SF_F64), b = operand(SF_F64), c = operand(SF_F64);
        uint64_t sign = UINT64_C(1) << 63;
        SfEnv e1 = {.round = i % 5}, e2 = e1;
        uint64_t in[3] = {a, b, c};
        uint64_t got = sf_fma(&e1, SF_F64, a, b, c, true, i & 1);
        uint64_t want = sf_fma(&e2, SF_F64, a ^ sign, b, c ^ (i & 1 ? sign : 0), false, false);
        check("fma signs", SF_F64, e1.round, in, got, e1.flags, want, e2.flags);
    }
}

/* ---- Integers ---- */

static void check_to_int(SfFormat format, SfRound round, uint64_t v)
{
    static const struct {
        SfInt type;
        /* first values out of range: the upper ones exactly, the lower ones below */
        double low, high;
        uint64_t min, max;
    } types[] = {
        {SF_S32, -0x1p31, 0x1p31, (uint64_t)INT64_C(-0x80000000), INT32_MAX},
        {SF_U32, 0, 0x1p32, 0, UINT32_MAX},
        {SF_S64, -0x1p63, 0x1p63, UINT64_C(1) << 63, INT64_MAX},
        {SF_U64, 0, 0x1p64, 0, UINT64_MAX},
    };
    double d = format == SF_F64 ? as_f64(v) : as_f32(v);
    volatile double whole = d;

    host_begin(round);
    whole = host_rint(whole);
    host_end();
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        SfEnv env = {.round = round};
        uint64_t got = sf_to_int(&env, format, v, types[i].type), want;
        unsigned flags = whole != d ? SF_INEXACT : 0;
        if (d != d || whole >= types[i].high) {
            want = types[i].max;
            flags = SF_INVALID;
        } else if (whole < types[i].low) {
            want = types[i].min;
            flags = SF_INVALID;
        } else {
            want = types[i].type == SF_U64 ? (uint64_t)whole : (uint64_t)(int64_t)whole;
        }
        check("to_int", format, round, (uint64_t[]){v, i, 0}, got, env.flags, want, flags);
    }
}

static void test_to_int(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        for (unsigned round = SF_NEAREST_EVEN; round <= SF_UP; round++) {
            check_to_int(SF_F64, round, operand(SF_F64));
            check_to_int(SF_F32, round, operand(SF_F32));
        }
    }
}

static void test_from_int(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        uint64_t v = random64() >> (random64() % 64);
        for (unsigned round = SF_NEAREST_EVEN; round <= SF_UP; round++) {
            SfEnv e64 = {.round = round}, e32 = {.round = round};
            volatile int64_t in = (int64_t)v;
            volatile double d;
            volatile float f;
            uint64_t args[3] = {v, 0, 0};

            host_begin(round);
            d = (double)in;
            unsigned flags = host_end();
            uint64_t got = sf_from_int(&e64, SF_F64, v, true);
            check("from_int", SF_F64, round, args, got, e64.flags, of_f64(d), flags);
            host_begin(round);
            f = (float)in;
            flags = host_end();
            got = sf_from_int(&e32, SF_F32, v, true);
            check("from_int", SF_F32, round, args, got, e32.flags, of_f32(f), flags);
        }
        /* Unsigned: half the value, the lost bit jammed, times two. */
        SfEnv e1 = {.round = i % 5}, e2 = e1;
        uint64_t half = sf_from_int(&e1, SF_F64, v >> 1 | (v & 1), false);
        uint64_t want = v >> 63 ? half + (UINT64_C(1) << 52) : sf_from_int(&e2, SF_F64, v, true);
        e1.flags = 0;
        g_assert_cmphex(sf_from_int(&e1, SF_F64, v, false), ==, want);
    }
}

static void test_modular(void)
{
    static const struct {
        double in;
        int32_t out;
        unsigned flags;
    } cases[] = {
        {0, 0, 0},
        {-0.5, 0, SF_INEXACT},
        {1.75, 1, SF_INEXACT},
        {-1.75, -1, SF_INEXACT},
        {2147483647.5, INT32_MAX, SF_INEXACT},
        {2147483648.0, INT32_MIN, SF_INVALID},
        {-2147483649.0, INT32_MAX, SF_INVALID},
        {4294967296.0, 0, SF_INVALID},
        {4294967299.5, 3, SF_INVALID},
        {0x1.0000000000001p52, 1, SF_INVALID},
        {-0x1.0000000000001p52, -1, SF_INVALID},
        {0x1.0000000000001p64, 4096, SF_INVALID},
        {0x1.0000000000001p83, INT32_MIN, SF_INVALID},
        {0x1.0000000000001p84, 0, SF_INVALID},
        {0x1p300, 0, SF_INVALID},
        {(double)INFINITY, 0, SF_INVALID},
        {(double)NAN, 0, SF_INVALID},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        SfEnv env = {.round = SF_UP};
        uint64_t bits;
        memcpy(&bits, &cases[i].in, 8);
        g_assert_cmpint(sf_to_int32_modular(&env, SF_F64, bits), ==, cases[i].out);
        g_assert_cmphex(env.flags, ==, cases[i].flags);
    }
}

/* ---- Half precision ---- */

static bool have_f16c(void)
{
    unsigned eax, ebx, ecx = 0, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

__attribute__((target("f16c"))) static uint64_t host_to_half(float f)
{
    volatile float in = f;
    return (uint16_t)_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(in), _MM_FROUND_CUR_DIRECTION), 0);
}

static void test_half_conversions(void)
{
    SfEnv exact = {.round = SF_NEAREST_EVEN};

    for (unsigned i = 0; i < 0x10000; i++) {
        uint64_t wide = sf_convert(&exact, SF_F16, SF_F32, i);
        uint64_t back = sf_convert(&exact, SF_F32, SF_F16, wide);
        bool nan = sf_classify(SF_F16, i) >= SF_SIGNALING_NAN;
        g_assert_cmphex(back, ==, nan ? sf_default_nan(SF_F16) : i);
        g_assert_cmphex(sf_classify(SF_F32, wide) >= SF_SIGNALING_NAN, ==, nan);
    }
    g_assert_cmphex(exact.flags, ==, SF_INVALID); /* of the signaling NaNs */
    if (!have_f16c()) {
        g_test_skip("this host does not convert half precision (no F16C)");
        return;
    }
    for (unsigned i = 0; i < CASES * 4; i++) {
        uint64_t v = operand(SF_F32);
        /* Exponents around the range of half precision. */
        v = i & 1 ? bits_set(v, 23, 8, 97 + random64() % 50) : v;
        for (unsigned round = SF_NEAREST_EVEN; round <= SF_UP; round++) {
            SfEnv env = {.round = round};
            host_begin(round);
            uint64_t want = host_to_half(as_f32(v));
            unsigned flags = host_end();
            want = sf_classify(SF_F16, want) >= SF_SIGNALING_NAN ? sf_default_nan(SF_F16) : want;
            uint64_t got = sf_convert(&env, SF_F32, SF_F16, v);
            check("to half", SF_F32, round, (uint64_t[]){v, 0, 0}, got, env.flags, want, flags);
        }
    }
}

/* Sums and products of half precision are exact in double; one rounding gives the result. */
static void test_half_arithmetic(void)
{
    for (unsigned i = 0; i < CASES * 4; i++) {
        uint64_t a = operand(SF_F16), b = operand(SF_F16);
        for (unsigned round = SF_NEAREST_EVEN; round <= SF_NEAREST_AWAY; round++) {
            for (unsigned op = ADD; op <= MUL; op++) {
                SfEnv env = {.round = round}, ref = {.round = round};
                uint64_t wide[3] = {sf_convert(&ref, SF_F16, SF_F64, a),
                                    sf_convert(&ref, SF_F16, SF_F64, b), 0};
                uint64_t in[3] = {a, b, 0};
                uint64_t want = soft(op, SF_F64, &ref, wide);
                want = sf_convert(&ref, SF_F64, SF_F16, want);
                uint64_t got = soft(op, SF_F16, &env, in);
                check(op_names[op], SF_F16, round, in, got, env.flags, want, ref.flags);
            }
        }
    }
}

/* Quotients and roots: 53 bits are enough that rounding twice does no harm. */
static void test_half_division(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        uint64_t in[3] = {operand(SF_F16), operand(SF_F16), 0};
        for (unsigned round = SF_NEAREST_EVEN; round <= SF_UP; round++) {
            for (unsigned op = DIV; op <= SQRT; op++) {
                SfEnv env = {.round = round}, ref = {.round = round};
                uint64_t wide[3] = {sf_convert(&ref, SF_F16, SF_F64, in[0]),
                                    op == DIV ? sf_convert(&ref, SF_F16, SF_F64, in[1]) : 0, 0};
                uint64_t want = sf_convert(&ref, SF_F64, SF_F16, soft(op, SF_F64, &ref, wide));
                g_assert_cmphex(soft(op, SF_F16, &env, in), ==, want);
                g_assert_cmphex(env.flags | SF_UNDERFLOW, ==, ref.flags | SF_UNDERFLOW);
            }
        }
    }
}

/* ---- Ties away ---- */

/* The nearer of the results of rounding down and up, at a tie the larger in magnitude. */
static void test_ties_away(void)
{
    for (unsigned i = 0; i < CASES * 4; i++) {
        uint64_t v = operand(SF_F64);
        v = i & 1 ? v & ~UINT64_C(0x0fffffff) : v; /* ties */
        v = i & 2 ? bits_set(v, 52, 11, 1023 - 150 + random64() % 280) : v;
        SfEnv down = {.round = SF_DOWN}, up = {.round = SF_UP}, away = {.round = SF_NEAREST_AWAY};
        uint64_t lo = sf_convert(&down, SF_F64, SF_F32, v), hi = sf_convert(&up, SF_F64, SF_F32, v);
        uint64_t got = sf_convert(&away, SF_F64, SF_F32, v), want = lo;

        if (lo != hi) {
            /* Infinity stands for the number that would follow the largest. */
            __float128 x = as_f64(v);
            __float128 l = isinf(as_f32(lo)) ? -0x1p128 : as_f32(lo);
            __float128 h = isinf(as_f32(hi)) ? 0x1p128 : as_f32(hi);
            bool tie = h - x == x - l;
            want = tie ? (x < 0 ? lo : hi) : h - x < x - l ? hi : lo;
        }
        g_assert_cmphex(got, ==, want);
        g_assert_cmphex(away.flags & SF_INEXACT, ==, down.flags & SF_INEXACT);
    }
    SfEnv env = {.round = SF_NEAREST_AWAY};
    g_assert_cmphex(sf_to_int(&env, SF_F64, of_f64(2.5), SF_S64), ==, 3);
    g_assert_cmphex(sf_to_int(&env, SF_F64, of_f64(-2.5), SF_S64), ==, (uint64_t)-3);
    g_assert_cmphex(sf_to_int(&env, SF_F64, of_f64(0.49999999999999994), SF_S64), ==, 0);
    g_assert_cmphex(sf_round_to_int(&env, SF_F64, of_f64(-0.5), true), ==, of_f64(-1));
    g_assert_cmphex(sf_round_to_int(&env, SF_F64, of_f64(-0.25), true), ==, of_f64(-0.0));
}

/* ---- Comparisons and the rest ---- */

static void test_compare(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        uint64_t a = operand(SF_F64), b = i % 8 ? operand(SF_F64) : a;
        double x = as_f64(a), y = as_f64(b);
        SfEnv quiet = {0}, signaling = {0};
        SfOrder want = x != x || y != y ? SF_UNORDERED
                       : x < y          ? SF_LESS
                       : x > y          ? SF_GREATER
                                        : SF_EQUAL;
        bool snan = sf_classify(SF_F64, a) == SF_SIGNALING_NAN ||
                    sf_classify(SF_F64, b) == SF_SIGNALING_NAN;

        g_assert_cmpint(sf_compare(&quiet, SF_F64, a, b, false), ==, want);
        g_assert_cmpint(sf_compare(&signaling, SF_F64, a, b, true), ==, want);
        g_assert_cmphex(quiet.flags, ==, snan ? SF_INVALID : 0);
        g_assert_cmphex(signaling.flags, ==, want == SF_UNORDERED ? SF_INVALID : 0);
    }
}

static void test_min_max(void)
{
    enum {
        ONE = 0x3f800000,
        TWO = 0x40000000,
        QUIET = 0x7fc00001,
        SIGNALING = 0x7f800001,
        MINUS_ZERO = 0x80000000
    };
    uint64_t nan = sf_default_nan(SF_F32);
    SfEnv env = {0};

    g_assert_cmphex(sf_min_number(&env, SF_F32, ONE, TWO), ==, ONE);
    g_assert_cmphex(sf_max_number(&env, SF_F32, ONE, TWO), ==, TWO);
    g_assert_cmphex(sf_min_number(&env, SF_F32, 0, MINUS_ZERO), ==, MINUS_ZERO);
    g_assert_cmphex(sf_max_number(&env, SF_F32, MINUS_ZERO, 0), ==, 0);
    g_assert_cmphex(sf_min_number(&env, SF_F32, QUIET, TWO), ==, TWO);
    g_assert_cmphex(sf_minimum(&env, SF_F32, QUIET, TWO), ==, nan);
    g_assert_cmphex(sf_max_number(&env, SF_F32, QUIET, QUIET), ==, nan);
    g_assert_cmphex(env.flags, ==, 0);
    g_assert_cmphex(sf_max_number(&env, SF_F32, SIGNALING, ONE), ==, ONE);
    g_assert_cmphex(env.flags, ==, SF_INVALID);
    env.flags = 0;
    g_assert_cmphex(sf_maximum(&env, SF_F32, TWO, SIGNALING), ==, nan);
    g_assert_cmphex(env.flags, ==, SF_INVALID);
}

static void test_classify(void)
{
    static const struct {
        uint64_t v;
        SfClass c;
    } cases[] = {
        {0xff800000, SF_NEG_INF},
        {0xbf800000, SF_NEG_NORMAL},
        {0x80000001, SF_NEG_SUBNORMAL},
        {0x80000000, SF_NEG_ZERO},
        {0, SF_POS_ZERO},
        {0x007fffff, SF_POS_SUBNORMAL},
        {0x00800000, SF_POS_NORMAL},
        {0x7f800000, SF_POS_INF},
        {0x7f800001, SF_SIGNALING_NAN},
        {0xffc00000, SF_QUIET_NAN},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert_cmpint(sf_classify(SF_F32, cases[i].v), ==, cases[i].c);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/softfloat/host-f64", GINT_TO_POINTER(SF_F64), test_against_host);
    g_test_add_data_func("/softfloat/host-f32", GINT_TO_POINTER(SF_F32), test_against_host);
    g_test_add_func("/softfloat/fma-signs", test_fma_signs);
    g_test_add_func("/softfloat/to-int", test_to_int);
    g_test_add_func("/softfloat/from-int", test_from_int);
    g_test_add_func("/softfloat/modular", test_modular);
    g_test_add_func("/softfloat/half-conversions", test_half_conversions);
    g_test_add_func("/softfloat/half-arithmetic", test_half_arithmetic);
    g_test_add_func("/softfloat/half-division", test_half_division);
    g_test_add_func("/softfloat/ties-away", test_ties_away);
    g_test_add_func("/softfloat/compare", test_compare);
    g_test_add_func("/softfloat/min-max", test_min_max);
    g_test_add_func("/softfloat/classify", test_classify);
    return g_test_run();
}
