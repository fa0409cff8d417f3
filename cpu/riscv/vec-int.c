/*
 * Vector integer and fixed-point arithmetic on one element (V 1.0, chapters 11 and 12). Operands come
 * extended as the instruction's row says; what exceeds the element in a result is ignored.
 */
#include "cpu/riscv/vector.h"

#define FN(name) uint64_t riscv_vec_##name(VecCtx *c, uint64_t a, uint64_t b, uint64_t d)
#define SIMPLE(name, expr) \
    FN(name)               \
    {                      \
        return expr;       \
    }

typedef __int128 Int128;
typedef unsigned __int128 Uint128;

SIMPLE(mov, b)
SIMPLE(exta, a)
SIMPLE(add, a + b)
SIMPLE(sub, a - b)
SIMPLE(rsub, b - a)
SIMPLE(and, a &b)
SIMPLE(or, a | b)
SIMPLE(xor, a ^ b)
SIMPLE(minu, a < b ? a : b)
SIMPLE(maxu, a > b ? a : b)
SIMPLE(min, (int64_t)a < (int64_t)b ? a : b)
SIMPLE(max, (int64_t)a > (int64_t)b ? a : b)

/* Narrowing shifts count modulo the width of what is shifted. */
SIMPLE(sll, a << (b & (c->a_bits - 1)))
SIMPLE(srl, a >> (b & (c->a_bits - 1)))
SIMPLE(sra, (uint64_t)((int64_t)a >> (b & (c->a_bits - 1))))

/* ---- Multiplication and division ---- */

SIMPLE(mul, a *b)
SIMPLE(mulh, (uint64_t)(((Int128)(int64_t)a * (int64_t)b) >> c->bits))
SIMPLE(mulhu, (uint64_t)(((Uint128)a * b) >> c->bits))
SIMPLE(mulhsu, (uint64_t)(((Int128)(int64_t)a * (Int128)(Uint128)b) >> c->bits))
SIMPLE(macc, d + a * b)
SIMPLE(nmsac, d - a * b)
SIMPLE(madd, d *b + a)
SIMPLE(nmsub, a - d * b)
SIMPLE(divu, b ? a / b : ~UINT64_C(0))
SIMPLE(remu, b ? a % b : a)

static bool overflows(uint64_t a, uint64_t b)
{
    return a == (uint64_t)INT64_MIN && b == ~UINT64_C(0);
}

FN(div)
{
    if (b == 0) {
        return ~UINT64_C(0);
    }
    return overflows(a, b) ? a : (uint64_t)((int64_t)a / (int64_t)b);
}

FN(rem)
{
    if (b == 0) {
        return a;
    }
    return overflows(a, b) ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
}

/* ---- Comparison, carries ---- */

SIMPLE(seq, a == b)
SIMPLE(sne, a != b)
SIMPLE(sltu, a < b)
SIMPLE(sleu, a <= b)
SIMPLE(sgtu, a > b)
SIMPLE(slt, (int64_t)a < (int64_t)b)
SIMPLE(sle, (int64_t)a <= (int64_t)b)
SIMPLE(sgt, (int64_t)a > (int64_t)b)
SIMPLE(adc, a + b + d)
SIMPLE(sbc, a - b - d)
SIMPLE(madc, (uint64_t)(((Uint128)a + b + d) >> c->bits) & 1)
SIMPLE(msbc, (Uint128)a < (Uint128)b + d)

/* ---- Masks: bits ---- */

SIMPLE(mand, a &b)
SIMPLE(mnand, !(a & b))
SIMPLE(mandn, a & !b)
SIMPLE(mxor, a ^ b)
SIMPLE(mor, a | b)
SIMPLE(mnor, !(a | b))
SIMPLE(morn, a | !b)
SIMPLE(mxnor, !(a ^ b))

/* ---- Saturation ---- */

static uint64_t clamp(VecCtx *c, Int128 v, Int128 low, Int128 high)
{
    if (v < low || v > high) {
        c->sat = true;
        v = v < low ? low : high;
    }
    return (uint64_t)v;
}

static uint64_t clamp_signed(VecCtx *c, Int128 v)
{
    Int128 limit = (Int128)1 << (c->bits - 1);
    return clamp(c, v, -limit, limit - 1);
}

static uint64_t clamp_unsigned(VecCtx *c, Int128 v)
{
    return clamp(c, v, 0, ((Int128)1 << c->bits) - 1);
}

SIMPLE(saddu, clamp_unsigned(c, (Int128)(Uint128)a + (Int128)(Uint128)b))
SIMPLE(ssubu, clamp_unsigned(c, (Int128)(Uint128)a - (Int128)(Uint128)b))
SIMPLE(sadd, clamp_signed(c, (Int128)(int64_t)a + (int64_t)b))
SIMPLE(ssub, clamp_signed(c, (Int128)(int64_t)a - (int64_t)b))

/* ---- Rounding by vxrm (3.8) ---- */

static Int128 round_off(const VecCtx *c, Int128 v, unsigned shift)
{
    enum { RNU, RNE, RDN, ROD };
    if (shift == 0) {
        return v;
    }
    Int128 half = (v >> (shift - 1)) & 1, odd = (v >> shift) & 1;
    Int128 below = v & (((Int128)1 << shift) - 1), rest = v & (((Int128)1 << (shift - 1)) - 1);
    Int128 up = 0;
    switch (c->vxrm) {
    case RNU: up = half; break;
    case RNE: up = half && (rest || odd); break;
    case RDN: break;
    case ROD: up = !odd && below; break;
    }
    return (v >> shift) + up;
}

SIMPLE(aaddu, (uint64_t)round_off(c, (Int128)(Uint128)a + (Int128)(Uint128)b, 1))
SIMPLE(asubu, (uint64_t)round_off(c, (Int128)(Uint128)a - (Int128)(Uint128)b, 1))
SIMPLE(aadd, (uint64_t)round_off(c, (Int128)(int64_t)a + (int64_t)b, 1))
SIMPLE(asub, (uint64_t)round_off(c, (Int128)(int64_t)a - (int64_t)b, 1))
SIMPLE(smul, clamp_signed(c, round_off(c, (Int128)(int64_t)a *(int64_t)b, c->bits - 1u)))
SIMPLE(ssrl, (uint64_t)round_off(c, (Int128)(Uint128)a, b &(c->a_bits - 1)))
SIMPLE(ssra, (uint64_t)round_off(c, (int64_t)a, b &(c->a_bits - 1)))
SIMPLE(nclipu, clamp_unsigned(c, round_off(c, (Int128)(Uint128)a, b &(c->a_bits - 1))))
SIMPLE(nclip, clamp_signed(c, round_off(c, (int64_t)a, b &(c->a_bits - 1))))
