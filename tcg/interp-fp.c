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

static __m128i add_lanes(unsigned lane_bytes, bool subtract, __m128i a, __m128i b)
{
    switch (lane_bytes) {
    case 1: return subtract ? _mm_sub_epi8(a, b) : _mm_add_epi8(a, b);
    case 2: return subtract ? _mm_sub_epi16(a, b) : _mm_add_epi16(a, b);
    case 4: return subtract ? _mm_sub_epi32(a, b) : _mm_add_epi32(a, b);
    default: return subtract ? _mm_sub_epi64(a, b) : _mm_add_epi64(a, b);
    }
}

static __m128i splat(unsigned lane_bytes, uint64_t v)
{
    switch (lane_bytes) {
    case 1: return _mm_set1_epi8((char)v);
    case 2: return _mm_set1_epi16((short)v);
    case 4: return _mm_set1_epi32((int)v);
    default: return _mm_set1_epi64x((long long)v);
    }
}

static uint64_t lane_of(const uint64_t *v, unsigned lane_bytes, unsigned i)
{
    uint64_t lane = 0;

    memcpy(&lane, (const char *)v + i * lane_bytes, lane_bytes);
    return lane;
}

/* Lanes of less than 64 bits. */
static uint64_t saturate(unsigned kind, unsigned lane_bytes, int64_t a, int64_t b)
{
    int64_t limit = INT64_C(1) << (8 * lane_bytes - 1);
    int64_t v = kind == IR_VEC_ADDS ? a + b : a - b;

    return (uint64_t)CLAMP(v, -limit, limit - 1);
}

static uint64_t eval_lane_int(unsigned kind, unsigned lane_bytes, uint64_t a, uint64_t b)
{
    int64_t sa = bits_sext(a, 8 * lane_bytes), sb = bits_sext(b, 8 * lane_bytes);

    switch (kind) {
    case IR_VEC_MUL: return a * b;
    case IR_VEC_MINS: return (uint64_t)MIN(sa, sb);
    case IR_VEC_MAXS: return (uint64_t)MAX(sa, sb);
    case IR_VEC_MINU: return MIN(a, b);
    case IR_VEC_MAXU: return MAX(a, b);
    case IR_VEC_SHL: return a << (b & 63);
    case IR_VEC_SHR: return a >> (b & 63);
    case IR_VEC_ADDS:
    case IR_VEC_SUBS: return saturate(kind, lane_bytes, sa, sb);
    case IR_VEC_ADDU: return MIN(a + b, UINT64_MAX >> (64 - 8 * lane_bytes));
    case IR_VEC_SUBU: return a - MIN(a, b);
    case IR_VEC_MULHS: return (uint64_t)(sa * sb) >> 8 * lane_bytes;
    case IR_VEC_MULHU: return a * b >> 8 * lane_bytes;
    case IR_VEC_AVGU: return (a + b + 1) >> 1;
    default: return (uint64_t)(sa >> (b & 63));
    }
}

static uint64_t eval_lane_fp(IrOp op, unsigned kind, unsigned lane_bytes, uint64_t a, uint64_t b,
                             uint64_t c)
{
    static const IrOp ops[] = {IR_fadd, IR_fsub, IR_fmul, IR_fdiv, IR_fminnum, IR_fmaxnum};
    IrType type = lane_bytes == 8 ? IR_F64 : IR_F32;

    if (op == IR_vfma) {
        return ir_eval_fp(IR_fma, type, kind >> 4 | IR_FMA_INF_ZERO, a, b, c);
    }
    return ir_eval_fp(IR_fcanon, type, 0, ir_eval_fp(ops[kind >> 4], type, 0, a, b, 0), 0, 0);
}

static void eval_lanes(IrOp op, unsigned aux, uint64_t result[2], const uint64_t *a,
                       const uint64_t *b, const uint64_t *c)
{
    unsigned lane_bytes = aux & 15, kind = aux & 0xf0;
    uint64_t r[2] = {0, 0};

    for (unsigned i = 0; i < 16 / lane_bytes; i++) {
        uint64_t la = lane_of(a, lane_bytes, i), lb = lane_of(b, lane_bytes, i);
        uint64_t lane = op == IR_vint ? eval_lane_int(kind, lane_bytes, la, lb)
                                      : eval_lane_fp(op, kind, lane_bytes, la, lb,
                                                     op == IR_vfma ? lane_of(c, lane_bytes, i) : 0);
        memcpy((char *)r + i * lane_bytes, &lane, lane_bytes);
    }
    memcpy(result, r, 16);
}

static void set_lane(void *v, unsigned lane_bytes, unsigned i, uint64_t lane)
{
    memcpy((char *)v + i * lane_bytes, &lane, lane_bytes);
}

static bool eval_lane_cmp(IrOp op, unsigned kind, unsigned lane_bytes, uint64_t a, uint64_t b)
{
    if (op == IR_vfcmp) {
        return ir_eval_fp(IR_fcmp, lane_bytes == 8 ? IR_F64 : IR_F32, kind >> 4, a, b, 0);
    }
    return kind == IR_VEC_EQ    ? a == b
           : kind == IR_VEC_GTU ? a > b
                                : bits_sext(a, 8 * lane_bytes) > bits_sext(b, 8 * lane_bytes);
}

static uint64_t eval_lane_cvt(unsigned kind, bool wide, uint64_t v)
{
    IrType type = wide ? IR_F64 : IR_F32;
    unsigned is_unsigned = kind >> 4 & 1, trunc = kind >= IR_VEC_TRUNC_S ? IR_CVT_TRUNC : 0;
    unsigned to = (wide ? IR_INT_S64 : IR_INT_S32) + is_unsigned;

    return kind <= IR_VEC_U_TO_F ? ir_eval_fp(IR_fcvt_fi, type, to, v, 0, 0)
                                 : ir_eval_fp(IR_fcvt_if, type, to | trunc, v, 0, 0);
}

static void eval_cvt(unsigned aux, uint64_t result[2], const uint64_t *a, const uint64_t *b)
{
    unsigned kind = aux & 0xf0, size = aux & 15;
    uint64_t r[2] = {0, 0}, v;

    for (unsigned i = 0; i < 16 / size; i++) {
        switch (kind) {
        case IR_VEC_WIDEN:
        case IR_VEC_WIDEN_UPPER:
            v = lane_of(a, 4, i + (kind == IR_VEC_WIDEN_UPPER ? 2 : 0));
            v = ir_eval_fp(IR_fcanon, IR_F64, 0, ir_eval_fp(IR_fcvt_sd, IR_F64, 0, v, 0, 0), 0, 0);
            break;
        case IR_VEC_NARROW:
            v = ir_eval_fp(IR_fcvt_ds, IR_F32, 0, (i < 2 ? a : b)[i & 1], 0, 0);
            v = ir_eval_fp(IR_fcanon, IR_F32, 0, v, 0, 0);
            break;
        default: v = eval_lane_cvt(kind, size == 8, lane_of(a, size, i)); break;
        }
        set_lane(r, size, i, v);
    }
    memcpy(result, r, 16);
}

/* Ops that change the lanes' size, or make lanes of single results. */
static void eval_shapes(IrOp op, unsigned aux, uint64_t result[2], const uint64_t *a,
                        const uint64_t *b)
{
    unsigned size = aux & 15, n = 16 / size, bits = 8 * size;
    uint64_t r[2] = {0, 0};

    for (unsigned i = 0; i < n; i++) {
        switch (op) {
        case IR_vmask: set_lane(r, size, i, -(a[0] >> i & 1)); break;
        case IR_vbits: r[0] |= (lane_of(a, size, i) >> (bits - 1) & 1) << i; break;
        case IR_vext:
            if (i < n / 2) {
                uint64_t lane = lane_of(a, size, aux & IR_VEC_UPPER ? i + n / 2 : i);
                set_lane(r, 2 * size, i,
                         aux & IR_VEC_SIGNED ? (uint64_t)bits_sext(lane, bits) : lane);
            }
            break;
        case IR_vnarrow:
            set_lane(r, size, i, lane_of(i < n / 2 ? a : b, 2 * size, i % (n / 2)));
            break;
        case IR_vfsqrt: {
            IrType type = size == 8 ? IR_F64 : IR_F32;
            uint64_t root = ir_eval_fp(IR_fsqrt, type, 0, lane_of(a, size, i), 0, 0);
            set_lane(r, size, i, ir_eval_fp(IR_fcanon, type, 0, root, 0, 0));
            break;
        }
        default: { /* vcmp, vfcmp */
            bool v = eval_lane_cmp(op, aux & 0xf0, size, lane_of(a, size, i), lane_of(b, size, i));
            set_lane(r, size, i, -(uint64_t)v);
            break;
        }
        }
    }
    memcpy(result, r, 16);
}

void ir_eval_vec(IrOp op, unsigned lane_bytes, uint64_t result[2], const uint64_t *a,
                 const uint64_t *b, const uint64_t *c)
{
    switch (op) {
    case IR_vsel:
        for (unsigned i = 0; i < 2; i++) {
            result[i] = (a[i] & c[i]) | (b[i] & ~c[i]);
        }
        return;
    case IR_vset: {
        uint64_t lane = b[0];

        memmove(result, a, 16);
        set_lane(result, lane_bytes & 15, lane_bytes >> 4, lane);
        return;
    }
    case IR_vshuffle: {
        uint64_t r[2] = {0, 0};

        for (unsigned i = 0; i < 16; i++) {
            uint64_t from = lane_of(b, 1, i);

            set_lane(r, 1, i, from & 0x80 ? 0 : lane_of(a, 1, from & 15));
        }
        memcpy(result, r, 16);
        return;
    }
    case IR_valign: {
        uint64_t both[4] = {a[0], a[1], b[0], b[1]};

        memcpy(result, (const char *)both + (lane_bytes & 15), 16);
        return;
    }
    case IR_vget:
        result[0] = lane_of(a, lane_bytes & 15, lane_bytes >> 4);
        result[1] = 0;
        return;
    default: break;
    }
    if (op == IR_vfcvt) {
        eval_cvt(lane_bytes, result, a, b);
        return;
    }
    if (op >= IR_vcmp) {
        eval_shapes(op, lane_bytes, result, a, b);
        return;
    }
    if (op >= IR_vint) {
        eval_lanes(op, lane_bytes, result, a, b, c);
        return;
    }
    __m128i va, vb, r;

    if (op == IR_vzero || op == IR_vsplat) {
        r = op == IR_vzero ? _mm_setzero_si128() : splat(lane_bytes, a[0]);
        memcpy(result, &r, 16);
        return;
    }
    memcpy(&va, a, 16);
    memcpy(&vb, b, 16);
    switch (op) {
    case IR_vand: r = _mm_and_si128(va, vb); break;
    case IR_vor: r = _mm_or_si128(va, vb); break;
    case IR_vxor: r = _mm_xor_si128(va, vb); break;
    default: r = add_lanes(lane_bytes, op == IR_vsub, va, vb); break;
    }
    memcpy(result, &r, 16);
}
