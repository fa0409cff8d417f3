/*
 * Loops of the commoner unmasked vector instructions over elements of fixed types, which the compiler
 * vectorizes: widening and narrowing, saturation, comparison to masks. What has none is done by the
 * general loops of vec-run.c, with the same results.
 *
 * Results go to a buffer first, because vd may be a source.
 */
#ifndef __clang__
#pragma GCC optimize("O3")
#endif
#include "cpu/riscv/vector.h"

#define GROUP_BYTES (8 * RISCV_VLENB_MAX)

typedef void FastFn(VecCtx *c, uint64_t scalar);

/* A function of elements @a and @b (of vs1, or the scalar) and @d. */
#define FAST_BODY(TD, TA, TB, expr, sat_expr)                     \
    {                                                             \
        TD out[GROUP_BYTES / sizeof(TD)];                         \
        const TA *va = (const TA *)c->vs2;                        \
        const TB *vb = (const TB *)c->vs1;                        \
        const TD *vd = (const TD *)c->vd;                         \
        unsigned n = c->vl;                                       \
        TD sat = 0;                                               \
        if (c->row->form == VEC_V) {                              \
            for (unsigned i = 0; i < n; i++) {                    \
                const TD a = (TD)va[i], b = (TD)vb[i], d = vd[i]; \
                (void)d;                                          \
                TD r = (TD)(expr);                                \
                sat |= (TD)(sat_expr);                            \
                out[i] = r;                                       \
            }                                                     \
        } else {                                                  \
            const TD b = (TD)(TB)scalar;                          \
            for (unsigned i = 0; i < n; i++) {                    \
                const TD a = (TD)va[i], d = vd[i];                \
                (void)d;                                          \
                TD r = (TD)(expr);                                \
                sat |= (TD)(sat_expr);                            \
                out[i] = r;                                       \
            }                                                     \
        }                                                         \
        c->sat |= sat != 0;                                       \
        memcpy(c->vd, out, n * sizeof(TD));                       \
    }
#define FAST(name, TD, TA, TB, expr, sat_expr) \
    static void name(VecCtx *c, uint64_t scalar) FAST_BODY(TD, TA, TB, expr, sat_expr)

#define WIDE(suffix, TD, TN)                      \
    FAST(wide_add_##suffix, TD, TN, TN, a + b, 0) \
    FAST(wide_sub_##suffix, TD, TN, TN, a - b, 0) \
    FAST(wide_mul_##suffix, TD, TN, TN, a *b, 0)  \
    FAST(wide_macc_##suffix, TD, TN, TN, d + a * b, 0)
/* Products of 16-bit lanes are wanted modulo 2^16: int does not overflow for those of bytes. */
WIDE(u0, uint16_t, uint8_t)
WIDE(u1, uint32_t, uint16_t)
WIDE(u2, uint64_t, uint32_t)
#define SIGNED_WIDE(suffix, TD, TN)               \
    FAST(wide_add_##suffix, TD, TN, TN, a + b, 0) \
    FAST(wide_sub_##suffix, TD, TN, TN, a - b, 0) \
    FAST(wide_mul_##suffix, TD, TN, TN, a *b, 0)  \
    FAST(wide_macc_##suffix, TD, TN, TN, (uint64_t)d + (uint64_t)(a * b), 0)
SIGNED_WIDE(s0, int16_t, int8_t)
SIGNED_WIDE(s1, int32_t, int16_t)
SIGNED_WIDE(s2, int64_t, int32_t)

FAST(saddu_0, uint8_t, uint8_t, uint8_t, (uint8_t)(a + b) < a ? 0xff : a + b, (uint8_t)(a + b) < a)
FAST(saddu_1, uint16_t, uint16_t, uint16_t, (uint16_t)(a + b) < a ? 0xffff : a + b,
     (uint16_t)(a + b) < a)
FAST(ssubu_0, uint8_t, uint8_t, uint8_t, a < b ? 0 : a - b, a < b)
FAST(ssubu_1, uint16_t, uint16_t, uint16_t, a < b ? 0 : a - b, a < b)

/* Narrowing shifts: by one count for all elements is what matters. */
#define NARROW(suffix, TD, TW)                                  \
    static void narrow_srl_##suffix(VecCtx *c, uint64_t scalar) \
    {                                                           \
        TD out[GROUP_BYTES / sizeof(TD)];                       \
        const TW *va = (const TW *)c->vs2;                      \
        const TD *vb = (const TD *)c->vs1;                      \
        unsigned n = c->vl, mask = 8 * sizeof(TW) - 1;          \
        bool vector = c->row->form == VEC_V;                    \
        unsigned count = (unsigned)scalar & mask;               \
        for (unsigned i = 0; vector && i < n; i++) {            \
            out[i] = (TD)(va[i] >> (vb[i] & mask));             \
        }                                                       \
        for (unsigned i = 0; !vector && i < n; i++) {           \
            out[i] = (TD)(va[i] >> count);                      \
        }                                                       \
        memcpy(c->vd, out, n * sizeof(TD));                     \
    }
NARROW(0, uint8_t, uint16_t)
NARROW(1, uint16_t, uint32_t)
NARROW(2, uint32_t, uint64_t)

/* ---- Comparison ---- */

/* @flags has a byte, 0 or 1, for each element, and may be read in eights. */
static void put_mask(VecCtx *c, const uint8_t *flags)
{
    unsigned whole = c->vl / 8;
    for (unsigned i = 0; i < whole; i++) {
        uint64_t eight;
        memcpy(&eight, flags + i * 8, 8);
        c->vd[i] = (uint8_t)((eight * UINT64_C(0x0102040810204080)) >> 56);
    }
    for (unsigned i = whole * 8; i < c->vl; i++) {
        vec_put_bit(c->vd, i, flags[i]);
    }
}

#define COMPARE(name, T, op)                          \
    static void name(VecCtx *c, uint64_t scalar)      \
    {                                                 \
        uint8_t flags[GROUP_BYTES];                   \
        const T *va = (const T *)c->vs2;              \
        const T *vb = (const T *)c->vs1;              \
        const T b = (T)scalar;                        \
        unsigned n = c->vl;                           \
        bool vector = c->row->form == VEC_V;          \
        for (unsigned i = 0; vector && i < n; i++) {  \
            flags[i] = va[i] op vb[i];                \
        }                                             \
        for (unsigned i = 0; !vector && i < n; i++) { \
            flags[i] = va[i] op b;                    \
        }                                             \
        put_mask(c, flags);                           \
    }
#define COMPARES(name, op, T0, T1, T2, T3) \
    COMPARE(name##_0, T0, op)              \
    COMPARE(name##_1, T1, op)              \
    COMPARE(name##_2, T2, op)              \
    COMPARE(name##_3, T3, op)
#define COMPARES_U(name, op) COMPARES(name, op, uint8_t, uint16_t, uint32_t, uint64_t)
#define COMPARES_S(name, op) COMPARES(name, op, int8_t, int16_t, int32_t, int64_t)
COMPARES_U(seq, ==)
COMPARES_U(sne, !=)
COMPARES_U(sltu, <)
COMPARES_U(sleu, <=)
COMPARES_U(sgtu, >)
COMPARES_S(slt, <)
COMPARES_S(sle, <=)
COMPARES_S(sgt, >)

/* ---- The table ---- */

/* By SEW; @d, @a: widths as in VecRow; @flags of VEC_SA and VEC_SB. */
static const struct {
    VecFn *fn;
    int8_t d, a;
    uint8_t flags;
    FastFn *run[4];
} rows[] = {
#define WIDE_ROWS(fn)                                                                  \
    {riscv_vec_##fn, 1, 0, 0, {wide_##fn##_u0, wide_##fn##_u1, wide_##fn##_u2, NULL}}, \
    {                                                                                  \
        riscv_vec_##fn, 1, 0, VEC_SA | VEC_SB,                                         \
        {                                                                              \
            wide_##fn##_s0, wide_##fn##_s1, wide_##fn##_s2, NULL                       \
        }                                                                              \
    }
    WIDE_ROWS(add),
    WIDE_ROWS(sub),
    WIDE_ROWS(mul),
    WIDE_ROWS(macc),
    {riscv_vec_saddu, 0, 0, 0, {saddu_0, saddu_1, NULL, NULL}},
    {riscv_vec_ssubu, 0, 0, 0, {ssubu_0, ssubu_1, NULL, NULL}},
    {riscv_vec_srl, 0, 1, 0, {narrow_srl_0, narrow_srl_1, narrow_srl_2, NULL}},
#define COMPARE_ROW(fn, flags)             \
    {                                      \
        riscv_vec_##fn, 0, 0, flags,       \
        {                                  \
            fn##_0, fn##_1, fn##_2, fn##_3 \
        }                                  \
    }
    COMPARE_ROW(seq, 0),
    COMPARE_ROW(sne, 0),
    COMPARE_ROW(sltu, 0),
    COMPARE_ROW(sleu, 0),
    COMPARE_ROW(sgtu, 0),
    COMPARE_ROW(slt, VEC_SA | VEC_SB),
    COMPARE_ROW(sle, VEC_SA | VEC_SB),
    COMPARE_ROW(sgt, VEC_SA | VEC_SB),
};

bool riscv_vec_fast(VecCtx *c, uint64_t scalar)
{
    const VecRow *row = c->row;
    if (c->masked || c->vstart || (row->cls != VEC_ELEM && row->cls != VEC_COMPARE)) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].fn == row->fn && rows[i].d == row->d && rows[i].a == row->a &&
            rows[i].flags == (row->flags & (VEC_SA | VEC_SB))) {
            if (!rows[i].run[c->sew]) {
                return false;
            }
            rows[i].run[c->sew](c, scalar);
            return true;
        }
    }
    return false;
}
