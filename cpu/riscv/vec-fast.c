/*
 * Loops over elements of fixed types, for vector instructions that have no host vectors (trans-vec-elem.c):
 * division, fixed point, some products and conversions, sums of floating-point elements in order. What has none
 * here is done by the general loops of vec-run.c, with the same results.
 *
 * Results go to a buffer first, because vd may be a source.
 */
#ifndef __clang__
#pragma GCC optimize("O3")
#endif
#include "cpu/riscv/vector.h"
#include <string.h>

#define GROUP_BYTES (8 * RISCV_VLENB_MAX)

typedef void FastFn(VecCtx *c, uint64_t scalar);

/* ---- Rounding by vxrm (V 1.0, 3.8) ---- */

enum { RNU, RNE, RDN, ROD };
#define ROUNDED(name, T)                                         \
    static inline T name(unsigned vxrm, T v, unsigned shift)     \
    {                                                            \
        if (shift == 0) {                                        \
            return v;                                            \
        }                                                        \
        T half = (v >> (shift - 1)) & 1, odd = (v >> shift) & 1; \
        T rest = v & (((T)1 << (shift - 1)) - 1);                \
        T up = vxrm == RNU   ? half                              \
               : vxrm == RNE ? (T)(half && (rest || odd))        \
               : vxrm == RDN ? 0                                 \
                             : (T)(!odd && (half || rest));      \
        return (v >> shift) + up;                                \
    }
ROUNDED(rounded32, int32_t)
ROUNDED(rounded64, int64_t)

/* ---- Unmasked ---- */

/* A function of elements @a and @b (of vs1, or the scalar), as @TW, and of the constant @vxrm, cut to what
 * is from @low to @high. */
#define FAST(name, T, TA, TW, low, high, expr)                                                    \
    static inline                                                                                 \
        __attribute__((always_inline)) void name##_loop(VecCtx *c, T scalar, const unsigned vxrm) \
    {                                                                                             \
        T out[GROUP_BYTES / sizeof(T)];                                                           \
        const TA *va = (const TA *)(const void *)c->vs2;                                          \
        const T *vb = (const T *)(const void *)c->vs1;                                            \
        bool vector = c->row->form == VEC_V, sat = false;                                         \
        for (unsigned i = 0; i < c->vl; i++) {                                                    \
            const TW a = (TW)va[i], b = (TW)(vector ? vb[i] : scalar), v = (expr);                \
            sat |= v < (low) || v > (high);                                                       \
            out[i] = (T)(v < (low) ? (low) : v > (high) ? (high) : v);                            \
        }                                                                                         \
        c->sat |= sat;                                                                            \
        memcpy(c->vd, out, c->vl * sizeof(T));                                                    \
    }                                                                                             \
    static void name(VecCtx *c, uint64_t scalar)                                                  \
    {                                                                                             \
        switch (c->vxrm) {                                                                        \
        case RNU: name##_loop(c, (T)scalar, RNU); break;                                          \
        case RNE: name##_loop(c, (T)scalar, RNE); break;                                          \
        case RDN: name##_loop(c, (T)scalar, RDN); break;                                          \
        default: name##_loop(c, (T)scalar, ROD); break;                                           \
        }                                                                                         \
    }

/* @bits of an element, @T and @TA of it and of one twice as wide, @TW to compute with. */
#define UNSIGNED(bits, T, TW, rounded)                                         \
    FAST(aaddu_##bits, T, T, TW, 0, (TW)(T)-1, (TW)(T)rounded(vxrm, a + b, 1)) \
    FAST(asubu_##bits, T, T, TW, 0, (TW)(T)-1, (TW)(T)rounded(vxrm, a - b, 1)) \
    FAST(ssrl_##bits, T, T, TW, 0, (TW)(T)-1, rounded(vxrm, a, (unsigned)b &(bits - 1)))
#define SIGNED(bits, T, TA, TW, rounded)                                                          \
    FAST(aadd_##bits, T, T, TW, INT##bits##_MIN, INT##bits##_MAX, (TW)(T)rounded(vxrm, a + b, 1)) \
    FAST(asub_##bits, T, T, TW, INT##bits##_MIN, INT##bits##_MAX, (TW)(T)rounded(vxrm, a - b, 1)) \
    FAST(ssra_##bits, T, T, TW, INT##bits##_MIN, INT##bits##_MAX,                                 \
         rounded(vxrm, a, (unsigned)b &(bits - 1)))                                               \
    FAST(smul_##bits, T, T, TW, INT##bits##_MIN, INT##bits##_MAX, rounded(vxrm, a *b, bits - 1))  \
    FAST(mulhsu_##bits, T, T, int64_t, INT##bits##_MIN, INT##bits##_MAX,                          \
         (int64_t)(a * (int64_t)(u##T)b) >> bits)                                                 \
    FAST(nclip_##bits, T, TA, TW, INT##bits##_MIN, INT##bits##_MAX,                               \
         rounded(vxrm, a, (unsigned)b &(2 * bits - 1)))
UNSIGNED(8, uint8_t, int32_t, rounded32)
UNSIGNED(16, uint16_t, int32_t, rounded32)
UNSIGNED(32, uint32_t, int64_t, rounded64)
SIGNED(8, int8_t, int16_t, int32_t, rounded32)
SIGNED(16, int16_t, int32_t, int32_t, rounded32)
SIGNED(32, int32_t, int64_t, int64_t, rounded64)
FAST(nclipu_8, uint8_t, uint16_t, int32_t, 0, UINT8_MAX, rounded32(vxrm, a, (unsigned)b & 15))
FAST(nclipu_16, uint16_t, uint32_t, int64_t, 0, UINT16_MAX, rounded64(vxrm, a, (unsigned)b & 31))
FAST(saddu_32, uint32_t, uint32_t, int64_t, 0, UINT32_MAX, a + b)
FAST(ssubu_32, uint32_t, uint32_t, int64_t, 0, UINT32_MAX, a - b)
FAST(sadd_32, int32_t, int32_t, int64_t, INT32_MIN, INT32_MAX, a + b)
FAST(ssub_32, int32_t, int32_t, int64_t, INT32_MIN, INT32_MAX, a - b)
FAST(mulh_8, int8_t, int8_t, int32_t, INT8_MIN, INT8_MAX, a *b >> 8)
FAST(mulhu_8, uint8_t, uint8_t, int32_t, 0, UINT8_MAX, a *b >> 8)

/* Integers to FP of another width, as MXCSR says. Each by itself, and seen as a @TW whatever it is: for vectors of
 * unsigned ones compilers subtract what they added, which makes -0 of 0 when it rounds down. */
#define CONVERT(name, TD, TA, TW)                        \
    static void name(VecCtx *c, uint64_t scalar)         \
    {                                                    \
        TD out[GROUP_BYTES / sizeof(TD)];                \
        const TA *va = (const TA *)(const void *)c->vs2; \
        for (unsigned i = 0; i < c->vl; i++) {           \
            TW wide = va[i];                             \
            __asm__("" : "+r"(wide));                    \
            out[i] = (TD)wide;                           \
        }                                                \
        memcpy(c->vd, out, c->vl * sizeof(TD));          \
    }
CONVERT(widen_s, double, int32_t, int64_t)
CONVERT(widen_u, double, uint32_t, int64_t)
CONVERT(narrow_s, float, int64_t, int64_t)
CONVERT(narrow_u, float, uint64_t, uint64_t)

/* By SEW; @d and @a as in VecRow. */
static const struct {
    VecFn *fn;
    int8_t d, a;
    bool rounds; /* as frm says */
    FastFn *run[4];
} rows[] = {
    {riscv_vec_aaddu, 0, 0, false, {aaddu_8, aaddu_16, aaddu_32}},
    {riscv_vec_asubu, 0, 0, false, {asubu_8, asubu_16, asubu_32}},
    {riscv_vec_aadd, 0, 0, false, {aadd_8, aadd_16, aadd_32}},
    {riscv_vec_asub, 0, 0, false, {asub_8, asub_16, asub_32}},
    {riscv_vec_ssrl, 0, 0, false, {ssrl_8, ssrl_16, ssrl_32}},
    {riscv_vec_ssra, 0, 0, false, {ssra_8, ssra_16, ssra_32}},
    {riscv_vec_smul, 0, 0, false, {smul_8, smul_16, smul_32}},
    {riscv_vec_nclipu, 0, 1, false, {nclipu_8, nclipu_16}},
    {riscv_vec_nclip, 0, 1, false, {nclip_8, nclip_16, nclip_32}},
    {riscv_vec_saddu, 0, 0, false, {NULL, NULL, saddu_32}},
    {riscv_vec_ssubu, 0, 0, false, {NULL, NULL, ssubu_32}},
    {riscv_vec_sadd, 0, 0, false, {NULL, NULL, sadd_32}},
    {riscv_vec_ssub, 0, 0, false, {NULL, NULL, ssub_32}},
    {riscv_vec_mulh, 0, 0, false, {mulh_8}},
    {riscv_vec_mulhu, 0, 0, false, {mulhu_8}},
    {riscv_vec_mulhsu, 0, 0, false, {mulhsu_8, mulhsu_16, mulhsu_32}},
    {riscv_vec_fcvt_f_x, 1, 0, true, {NULL, NULL, widen_s}},
    {riscv_vec_fcvt_f_xu, 1, 0, true, {NULL, NULL, widen_u}},
    {riscv_vec_fcvt_f_x, 0, 1, true, {NULL, NULL, narrow_s}},
    {riscv_vec_fcvt_f_xu, 0, 1, true, {NULL, NULL, narrow_u}},
};

/* ---- Division ---- */

#define DIVIDE(name, T, expr)                                      \
    static void name(VecCtx *c, uint64_t scalar)                   \
    {                                                              \
        const T *va = (const T *)(const void *)c->vs2;             \
        const T *vb = (const T *)(const void *)c->vs1;             \
        T *vd = (T *)(void *)c->vd;                                \
        bool vector = c->row->form == VEC_V;                       \
        for (unsigned i = 0; i < c->vl; i++) {                     \
            if (vec_active(c, i)) {                                \
                const T a = va[i], b = vector ? vb[i] : (T)scalar; \
                vd[i] = (T)(expr);                                 \
            }                                                      \
        }                                                          \
    }
#define DIVIDE_UNSIGNED(log2, T)              \
    DIVIDE(divu_##log2, T, b ? a / b : (T)-1) \
    DIVIDE(remu_##log2, T, b ? a % b : a)
/* By -1 without overflow. */
#define DIVIDE_SIGNED(log2, T, U)                                        \
    DIVIDE(div_##log2, T, b == 0 ? -1 : b == -1 ? (T)(0 - (U)a) : a / b) \
    DIVIDE(rem_##log2, T, b == 0 ? a : b == -1 ? 0 : a % b)
DIVIDE_UNSIGNED(0, uint8_t)
DIVIDE_UNSIGNED(1, uint16_t)
DIVIDE_UNSIGNED(2, uint32_t)
DIVIDE_UNSIGNED(3, uint64_t)
DIVIDE_SIGNED(0, int8_t, uint8_t)
DIVIDE_SIGNED(1, int16_t, uint16_t)
DIVIDE_SIGNED(2, int32_t, uint32_t)
DIVIDE_SIGNED(3, int64_t, uint64_t)

static const struct {
    VecFn *fn;
    FastFn *run[4];
} divisions[] = {
    {riscv_vec_divu, {divu_0, divu_1, divu_2, divu_3}},
    {riscv_vec_div, {div_0, div_1, div_2, div_3}},
    {riscv_vec_remu, {remu_0, remu_1, remu_2, remu_3}},
    {riscv_vec_rem, {rem_0, rem_1, rem_2, rem_3}},
};

/* ---- Sums, by the host's arithmetic under the guest's MXCSR, where the flags go ---- */

#define SUM(name, TD, TA, nan)                                                      \
    static void name(VecCtx *c)                                                     \
    {                                                                               \
        const TA *va = (const TA *)(const void *)c->vs2;                            \
        bool any = false;                                                           \
        TD sum;                                                                     \
        memcpy(&sum, c->vs1, sizeof(sum));                                          \
        for (unsigned i = 0; i < c->vl; i++) {                                      \
            if (vec_active(c, i)) {                                                 \
                sum += va[i];                                                       \
                any = true;                                                         \
            }                                                                       \
        }                                                                           \
        uint64_t bits = 0;                                                          \
        memcpy(&bits, &sum, sizeof(sum));                                           \
        vec_put(c->vd, 0, sizeof(TD) == 8 ? 3 : 2, any && sum != sum ? nan : bits); \
    }
SUM(sum_f32, float, float, sf_default_nan(SF_F32))
SUM(sum_f64, double, double, sf_default_nan(SF_F64))
SUM(sum_wide, double, float, sf_default_nan(SF_F64))

static bool host_rounds(const VecCtx *c)
{
    enum { MAX_HOST_FRM = 3 };
    return c->s->frm <= MAX_HOST_FRM;
}

static bool fast_sum(VecCtx *c)
{
    if (c->row->fn != riscv_vec_fredsum || !host_rounds(c) || c->f_a == SF_F16 || !c->vl) {
        return false;
    }
    if (c->f_d == SF_F32) {
        sum_f32(c);
    } else if (c->f_a == SF_F64) {
        sum_f64(c);
    } else {
        sum_wide(c);
    }
    return true;
}

/* ---- The choice ---- */

static FastFn *fast_fn(const VecCtx *c)
{
    const VecRow *row = c->row;
    for (unsigned i = 0; i < ARRAY_SIZE(divisions); i++) {
        if (divisions[i].fn == row->fn) {
            return divisions[i].run[c->sew];
        }
    }
    for (unsigned i = 0; !c->masked && i < ARRAY_SIZE(rows); i++) {
        if (rows[i].fn == row->fn && rows[i].d == row->d && rows[i].a == row->a &&
            (!rows[i].rounds || host_rounds(c))) {
            return rows[i].run[c->sew];
        }
    }
    return NULL;
}

bool riscv_vec_fast(VecCtx *c, uint64_t scalar)
{
    if (c->vstart) {
        return false;
    }
    if (c->row->cls == VEC_REDUCE) {
        return fast_sum(c);
    }
    FastFn *fn = c->row->cls == VEC_ELEM ? fast_fn(c) : NULL;
    if (fn) {
        fn(c, scalar);
    }
    return fn;
}
