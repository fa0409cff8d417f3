/*
 * Semantics of vector ops, lane by lane: for the interpreter, and for what the host has no instructions for.
 */
#include "tcg/interp.h"
#include <emmintrin.h>
#include <string.h>

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

static void eval_lanes(IrOp op, unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                       const uint64_t *b, const uint64_t *c)
{
    unsigned lane_bytes = aux & 15, kind = aux & 0xf0;
    uint64_t r[4];

    for (unsigned i = 0; i < bytes / lane_bytes; i++) {
        uint64_t la = lane_of(a, lane_bytes, i), lb = lane_of(b, lane_bytes, i);
        uint64_t lane = op == IR_vint ? eval_lane_int(kind, lane_bytes, la, lb)
                                      : eval_lane_fp(op, kind, lane_bytes, la, lb,
                                                     op == IR_vfma ? lane_of(c, lane_bytes, i) : 0);
        memcpy((char *)r + i * lane_bytes, &lane, lane_bytes);
    }
    memcpy(result, r, bytes);
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

static void eval_cvt(unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                     const uint64_t *b)
{
    unsigned kind = aux & 0xf0, size = aux & 15, n = bytes / size;
    uint64_t r[4], v;

    for (unsigned i = 0; i < n; i++) {
        switch (kind) {
        case IR_VEC_WIDEN:
        case IR_VEC_WIDEN_UPPER:
            v = lane_of(a, 4, i + (kind == IR_VEC_WIDEN_UPPER ? n : 0));
            v = ir_eval_fp(IR_fcanon, IR_F64, 0, ir_eval_fp(IR_fcvt_sd, IR_F64, 0, v, 0, 0), 0, 0);
            break;
        case IR_VEC_NARROW:
            v = ir_eval_fp(IR_fcvt_ds, IR_F32, 0, (i < n / 2 ? a : b)[i % (n / 2)], 0, 0);
            v = ir_eval_fp(IR_fcanon, IR_F32, 0, v, 0, 0);
            break;
        default: v = eval_lane_cvt(kind, size == 8, lane_of(a, size, i)); break;
        }
        set_lane(r, size, i, v);
    }
    memcpy(result, r, bytes);
}

/* Ops that change the lanes' size, or make lanes of single results. */
static void eval_shapes(IrOp op, unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                        const uint64_t *b)
{
    unsigned size = aux & 15, n = bytes / size, bits = 8 * size;
    uint64_t r[4] = {0};

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
    memcpy(result, r, op == IR_vbits ? 8 : bytes);
}

/* Ops that move whole bytes, halves and lanes. */
static void eval_moves(IrOp op, unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                       const uint64_t *b)
{
    uint64_t both[8], r[4] = {0};

    switch (op) {
    case IR_vset:
        memcpy(r, a, 16);
        set_lane(r, aux & 15, aux >> 4, b[0]);
        break;
    case IR_vget: result[0] = lane_of(a, aux & 15, aux >> 4); return;
    case IR_vhalf: memcpy(r, a + (aux ? 2 : 0), 16); break;
    case IR_vjoin:
        memcpy(r, a, 16);
        memcpy(r + 2, b, 16);
        break;
    case IR_valign:
        memcpy(both, a, bytes);
        memcpy((char *)both + bytes, b, bytes);
        memcpy(r, (const char *)both + (aux & (bytes - 1)), bytes);
        break;
    default: /* vshuffle */
        for (unsigned i = 0; i < bytes; i++) {
            uint64_t from = lane_of(b, 1, i);

            set_lane(r, 1, i, from & 0x80 ? 0 : lane_of(a, 1, from & (bytes - 1)));
        }
        break;
    }
    memcpy(result, r, bytes);
}

/* Without lanes, or of sums of them: 16 bytes at a time. */
static void eval_simple(IrOp op, unsigned lane_bytes, uint64_t *result, const uint64_t *a,
                        const uint64_t *b)
{
    __m128i va, vb, r;

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

void ir_eval_vec(IrOp op, unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                 const uint64_t *b, const uint64_t *c)
{
    __m128i v;

    switch (op) {
    case IR_vsel:
        for (unsigned i = 0; i < bytes / 8; i++) {
            result[i] = (a[i] & c[i]) | (b[i] & ~c[i]);
        }
        return;
    case IR_vzero:
    case IR_vsplat:
        v = op == IR_vzero ? _mm_setzero_si128() : splat(aux, a[0]);
        for (unsigned i = 0; i < bytes; i += 16) {
            memcpy((char *)result + i, &v, 16);
        }
        return;
    case IR_vset:
    case IR_vget:
    case IR_vhalf:
    case IR_vjoin:
    case IR_valign:
    case IR_vshuffle: eval_moves(op, bytes, aux, result, a, b); return;
    case IR_vfcvt: eval_cvt(bytes, aux, result, a, b); return;
    case IR_vint:
    case IR_vfp:
    case IR_vfma: eval_lanes(op, bytes, aux, result, a, b, c); return;
    case IR_vand:
    case IR_vor:
    case IR_vxor:
    case IR_vadd:
    case IR_vsub:
        for (unsigned i = 0; i < bytes / 8; i += 2) {
            eval_simple(op, aux, result + i, a + i, b + i);
        }
        return;
    default: eval_shapes(op, bytes, aux, result, a, b); return;
    }
}
