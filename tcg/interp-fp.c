/*
 * FP and vector semantics of the IR, on the host's SSE: the oracle for the emitter and what the
 * interpreter executes.
 *
 * Every operation that rounds or sets flags is one SSE instruction (an intrinsic, so that the
 * compiler neither folds it nor moves it over a change of MXCSR: operands are bit patterns from
 * memory, results go back to memory), or a C library function that honours the rounding mode and
 * sets just the flags of its definition (fma, rint, nearbyint). References: IEEE 754-2019 sections
 * 5 and 9.6.
 */
#include "tcg/interp.h"
#include <emmintrin.h>
#include <math.h>
#include <string.h>

#define NAN32 UINT32_C(0x7fc00000)
#define NAN64 UINT64_C(0x7ff8000000000000)
#define SIGN32 UINT32_C(0x80000000)
#define SIGN64 UINT64_C(0x8000000000000000)
#define BOX UINT64_C(0xffffffff00000000)

static __m128 s_of(uint64_t bits)
{
    return _mm_castsi128_ps(_mm_cvtsi32_si128((int)(uint32_t)bits));
}

static __m128d d_of(uint64_t bits)
{
    return _mm_castsi128_pd(_mm_cvtsi64_si128((long long)bits));
}

static uint64_t bits_s(__m128 v)
{
    return (uint32_t)_mm_cvtsi128_si32(_mm_castps_si128(v));
}

static uint64_t bits_d(__m128d v)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_castpd_si128(v));
}

static float float_of(uint64_t bits)
{
    return _mm_cvtss_f32(s_of(bits));
}

static double double_of(uint64_t bits)
{
    return _mm_cvtsd_f64(d_of(bits));
}

static bool is_nan(IrType type, uint64_t v)
{
    return type == IR_F32 ? ((uint32_t)v & ~SIGN32) > 0x7f800000
                          : (v & ~SIGN64) > UINT64_C(0x7ff0000000000000);
}

static bool is_signaling(IrType type, uint64_t v)
{
    return is_nan(type, v) && !(v >> (type == IR_F32 ? 22 : 51) & 1);
}

/* MXCSR before anything is done with *@v: keeps the compiler from converting first. */
static uint32_t csr_before(uint64_t *v)
{
    uint32_t csr = _mm_getcsr();

    __asm__ volatile("" : "+r"(*v) : : "memory");
    return csr;
}

static void raise_invalid(void)
{
    _mm_setcsr(_mm_getcsr() | _MM_EXCEPT_INVALID);
}

bool ir_fp_has_flags(IrOp op)
{
    switch (op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fma:
    case IR_vfp:
    case IR_vfma:
    case IR_vfsqrt:
    case IR_vfcmp:
    case IR_vfcvt:
    case IR_fminnum:
    case IR_fmaxnum:
    case IR_fcmp:
    case IR_fcvt_sd:
    case IR_fcvt_ds:
    case IR_fcvt_fi:
    case IR_fcvt_if:
    case IR_fround: return true;
    default: return false;
    }
}

static uint64_t eval_arith_s(IrOp op, uint64_t a, uint64_t b)
{
    switch (op) {
    case IR_fadd: return bits_s(_mm_add_ss(s_of(a), s_of(b)));
    case IR_fsub: return bits_s(_mm_sub_ss(s_of(a), s_of(b)));
    case IR_fmul: return bits_s(_mm_mul_ss(s_of(a), s_of(b)));
    case IR_fdiv: return bits_s(_mm_div_ss(s_of(a), s_of(b)));
    default: /* IR_fsqrt */ return bits_s(_mm_sqrt_ss(s_of(a)));
    }
}

static uint64_t eval_arith_d(IrOp op, uint64_t a, uint64_t b)
{
    switch (op) {
    case IR_fadd: return bits_d(_mm_add_sd(d_of(a), d_of(b)));
    case IR_fsub: return bits_d(_mm_sub_sd(d_of(a), d_of(b)));
    case IR_fmul: return bits_d(_mm_mul_sd(d_of(a), d_of(b)));
    case IR_fdiv: return bits_d(_mm_div_sd(d_of(a), d_of(b)));
    default: /* IR_fsqrt */ return bits_d(_mm_sqrt_sd(_mm_setzero_pd(), d_of(a)));
    }
}

static bool is_inf(IrType type, uint64_t v)
{
    return type == IR_F32 ? ((uint32_t)v & ~SIGN32) == 0x7f800000
                          : (v & ~SIGN64) == UINT64_C(0x7ff0000000000000);
}

static bool is_zero(IrType type, uint64_t v)
{
    return type == IR_F32 ? !((uint32_t)v & ~SIGN32) : !(v & ~SIGN64);
}

static uint64_t eval_fma(IrType type, unsigned aux, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t sign = type == IR_F32 ? SIGN32 : SIGN64, result;

    /* Changing signs of operands is exact, and the sign of a NaN does not matter. */
    a ^= aux & IR_FMA_NEG_MUL ? sign : 0;
    c ^= aux & IR_FMA_NEG_ADD ? sign : 0;
    result = type == IR_F32 ? bits_s(_mm_set_ss(fmaf(float_of(a), float_of(b), float_of(c))))
                            : bits_d(_mm_set_sd(fma(double_of(a), double_of(b), double_of(c))));
    if ((aux & IR_FMA_INF_ZERO) && is_nan(type, result)) {
        if ((is_inf(type, a) && is_zero(type, b)) || (is_zero(type, a) && is_inf(type, b))) {
            raise_invalid();
        }
        result = type == IR_F32 ? NAN32 : NAN64;
    }
    return result;
}

/* IEEE 754-2019 9.6: a number wins over a NaN, signaling NaNs are invalid, -0 is less than +0. */
static uint64_t eval_minmax(IrType type, bool max, uint64_t a, uint64_t b)
{
    bool less;

    if (is_signaling(type, a) || is_signaling(type, b)) {
        raise_invalid();
    }
    if (is_nan(type, a)) {
        return !is_nan(type, b) ? b : type == IR_F32 ? NAN32 : NAN64;
    }
    if (is_nan(type, b)) {
        return a;
    }
    /* Sign and magnitude in the order of integers: flip the magnitude of negative numbers. */
    if (type == IR_F32) {
        int32_t x = (int32_t)a, y = (int32_t)b;

        less = (x ^ (x < 0 ? INT32_MAX : 0)) < (y ^ (y < 0 ? INT32_MAX : 0));
    } else {
        int64_t x = (int64_t)a, y = (int64_t)b;

        less = (x ^ (x < 0 ? INT64_MAX : 0)) < (y ^ (y < 0 ? INT64_MAX : 0));
    }
    return less != max ? a : b;
}

static uint64_t eval_cmp_s(unsigned aux, uint64_t a, uint64_t b)
{
    switch (aux) {
    case IR_FEQ_QUIET: return bits_s(_mm_cmpeq_ss(s_of(a), s_of(b))) & 1;
    case IR_FLT_SIGNAL: return bits_s(_mm_cmplt_ss(s_of(a), s_of(b))) & 1;
    case IR_FLE_SIGNAL: return bits_s(_mm_cmple_ss(s_of(a), s_of(b))) & 1;
    /* "Above" is false for unordered operands. */
    case IR_FLT_QUIET: return (uint64_t)_mm_ucomigt_ss(s_of(b), s_of(a));
    default: return (uint64_t)_mm_ucomige_ss(s_of(b), s_of(a));
    }
}

static uint64_t eval_cmp_d(unsigned aux, uint64_t a, uint64_t b)
{
    switch (aux) {
    case IR_FEQ_QUIET: return bits_d(_mm_cmpeq_sd(d_of(a), d_of(b))) & 1;
    case IR_FLT_SIGNAL: return bits_d(_mm_cmplt_sd(d_of(a), d_of(b))) & 1;
    case IR_FLE_SIGNAL: return bits_d(_mm_cmple_sd(d_of(a), d_of(b))) & 1;
    case IR_FLT_QUIET: return (uint64_t)_mm_ucomigt_sd(d_of(b), d_of(a));
    default: return (uint64_t)_mm_ucomige_sd(d_of(b), d_of(a));
    }
}

/* Silent comparison: on the bits. */
static uint64_t eval_cmp_silent(IrType type, unsigned aux, uint64_t a, uint64_t b)
{
    uint32_t csr;
    uint64_t result;

    if (is_nan(type, a) || is_nan(type, b)) {
        return 0;
    }
    csr = csr_before(&a); /* comparing a denormal number sets a flag of the host's own */
    aux -= IR_FEQ_SILENT - IR_FEQ_QUIET;
    result = type == IR_F32 ? eval_cmp_s(aux, a, b) : eval_cmp_d(aux, a, b);
    _mm_setcsr(csr);
    return result;
}

static uint64_t eval_cmp(IrType type, unsigned aux, uint64_t a, uint64_t b)
{
    if (aux >= IR_FEQ_SILENT) {
        return eval_cmp_silent(type, aux, a, b);
    }
    return type == IR_F32 ? eval_cmp_s(aux, a, b) : eval_cmp_d(aux, a, b);
}

static uint64_t eval_from_int(IrType type, unsigned kind, uint64_t v)
{
    bool halved = false;
    uint64_t result;

    if (kind == IR_INT_S32) {
        v = (uint64_t)(int32_t)v;
    } else if (kind == IR_INT_U32) {
        v = (uint32_t)v;
    } else if (kind == IR_INT_U64 && (v >> 63)) {
        /* Half of it with the lost bit kept as a sticky one rounds the same; doubling is exact. */
        v = v >> 1 | (v & 1);
        halved = true;
    }
    if (type == IR_F32) {
        __m128 f = _mm_cvtsi64_ss(_mm_setzero_ps(), (long long)v);

        result = bits_s(halved ? _mm_add_ss(f, f) : f);
    } else {
        __m128d f = _mm_cvtsi64_sd(_mm_setzero_pd(), (long long)v);

        result = bits_d(halved ? _mm_add_sd(f, f) : f);
    }
    return result;
}

/* The host's conversions: out of range gives the smallest integer and sets invalid alone. */
static int64_t host_to_s64(IrType type, bool truncate, uint64_t v)
{
    if (type == IR_F32) {
        return truncate ? _mm_cvttss_si64(s_of(v)) : _mm_cvtss_si64(s_of(v));
    }
    return truncate ? _mm_cvttsd_si64(d_of(v)) : _mm_cvtsd_si64(d_of(v));
}

static int32_t host_to_s32(IrType type, bool truncate, uint64_t v)
{
    if (type == IR_F32) {
        return truncate ? _mm_cvttss_si32(s_of(v)) : _mm_cvtss_si32(s_of(v));
    }
    return truncate ? _mm_cvttsd_si32(d_of(v)) : _mm_cvtsd_si32(d_of(v));
}

static uint64_t eval_to_u64(IrType type, bool truncate, uint64_t v, bool negative)
{
    /* 2^63 as a float or double. */
    uint64_t limit = type == IR_F32 ? 0x5f000000 : UINT64_C(0x43e0000000000000);
    uint32_t csr = csr_before(&v);
    int64_t r;

    if (negative || v < limit) {
        r = host_to_s64(type, truncate, v);
        if (negative && r != 0) {
            _mm_setcsr(csr | _MM_EXCEPT_INVALID);
            return 0;
        }
        return (uint64_t)r;
    }
    /* Numbers this large are integers: subtraction and conversion are exact. Adding 1 to the
     * exponent of the limit gives 2^64. */
    if (v >= (type == IR_F32 ? 0x5f800000 : UINT64_C(0x43f0000000000000))) {
        _mm_setcsr(csr | _MM_EXCEPT_INVALID);
        return ~UINT64_C(0);
    }
    v = eval_arith_d(IR_fsub, type == IR_F32 ? bits_d(_mm_cvtss_sd(_mm_setzero_pd(), s_of(v))) : v,
                     UINT64_C(0x43e0000000000000));
    return (uint64_t)host_to_s64(IR_F64, true, v) ^ SIGN64;
}

static uint64_t eval_to_int(IrType type, unsigned aux, uint64_t v)
{
    bool truncate = aux & IR_CVT_TRUNC, nan = is_nan(type, v);
    bool negative = v >> (type == IR_F32 ? 31 : 63) && !nan;
    uint32_t csr = csr_before(&v);
    int64_t r;

    switch (aux & 3) {
    case IR_INT_S32:
        r = host_to_s32(type, truncate, v);
        return (uint64_t)(r == INT32_MIN && !negative ? INT32_MAX : r);
    case IR_INT_S64:
        r = host_to_s64(type, truncate, v);
        return (uint64_t)(r == INT64_MIN && !negative ? INT64_MAX : r);
    case IR_INT_U32:
        r = nan ? -1 : host_to_s64(type, truncate, v);
        if (r != (uint32_t)r) {
            /* Without the inexact flag that the wider conversion may have set. */
            _mm_setcsr(csr | _MM_EXCEPT_INVALID);
            return negative ? 0 : ~UINT64_C(0);
        }
        return (uint64_t)(int32_t)r;
    default: /* IR_INT_U64 */
        if (nan) {
            raise_invalid();
            return ~UINT64_C(0);
        }
        return eval_to_u64(type, truncate, v, negative);
    }
}

/* By pointers: gcc expands rint() in line for round-to-nearest only, unless -frounding-math. */
static uint64_t eval_round(IrType type, unsigned aux, uint64_t a)
{
    float (*volatile round_s)(float) = aux ? nearbyintf : rintf;
    double (*volatile round_d)(double) = aux ? nearbyint : rint;

    return type == IR_F32 ? bits_s(_mm_set_ss(round_s(float_of(a))))
                          : bits_d(_mm_set_sd(round_d(double_of(a))));
}

/* Ops that only move bits. */
static uint64_t eval_bits(IrOp op, IrType type, uint64_t a, uint64_t b)
{
    uint64_t sign = type == IR_F32 ? SIGN32 : SIGN64;

    switch (op) {
    case IR_fcanon: return !is_nan(type, a) ? a : type == IR_F32 ? NAN32 : NAN64;
    case IR_fabs: return a & ~sign;
    case IR_fneg: return a ^ sign;
    case IR_fsgnj: return (a & ~sign) | (b & sign);
    case IR_fsgnjn: return (a & ~sign) | (~b & sign);
    case IR_fsgnjx: return a ^ (b & sign);
    case IR_fbox: return BOX | a;
    case IR_funbox: return (a & BOX) == BOX ? (uint32_t)a : NAN32;
    case IR_flow: return (uint32_t)a;
    default: /* mov and the bits_ family */ return a;
    }
}

uint64_t ir_eval_fp(IrOp op, IrType type, unsigned aux, uint64_t a, uint64_t b, uint64_t c)
{
    switch (op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt: return type == IR_F32 ? eval_arith_s(op, a, b) : eval_arith_d(op, a, b);
    case IR_fma: return eval_fma(type, aux, a, b, c);
    case IR_fminnum:
    case IR_fmaxnum: return eval_minmax(type, op == IR_fmaxnum, a, b);
    case IR_fcmp: return eval_cmp(type, aux, a, b);
    case IR_fcvt_sd: return bits_d(_mm_cvtss_sd(_mm_setzero_pd(), s_of(a)));
    case IR_fcvt_ds: return bits_s(_mm_cvtsd_ss(_mm_setzero_ps(), d_of(a)));
    case IR_fcvt_fi: return eval_from_int(type, aux & 3, a);
    case IR_fcvt_if: return eval_to_int(type, aux, a);
    case IR_fround: return eval_round(type, aux, a);
    default: return eval_bits(op, type, a, b);
    }
}
