/*
 * Integer semantics of the IR in one place: constant folding and the interpreter compute with it,
 * and the tests check it against independent expressions. i32 values are kept zero-extended in 64
 * bits.
 */
#include "tcg/ir.h"

bool ir_eval_cond(IrCond cond, IrType type, uint64_t a, uint64_t b)
{
    bool result;

    if (type == IR_I32) {
        /* Sign extension keeps the order of unsigned comparisons, too. */
        a = (uint64_t)(int32_t)a;
        b = (uint64_t)(int32_t)b;
    }
    switch (cond & ~1u) {
    case IR_EQ: result = a == b; break;
    case IR_LT: result = (int64_t)a < (int64_t)b; break;
    case IR_LE: result = (int64_t)a <= (int64_t)b; break;
    case IR_LTU: result = a < b; break;
    default: /* IR_LEU */ result = a <= b; break;
    }
    return result ^ (cond & 1);
}

uint64_t ir_eval_ext(unsigned memop, uint64_t v)
{
    switch (memop & (IR_SIGNED | IR_SIZE_MASK)) {
    case IR_U8: return (uint8_t)v;
    case IR_U16: return (uint16_t)v;
    case IR_U32: return (uint32_t)v;
    case IR_S8: return (uint64_t)(int8_t)v;
    case IR_S16: return (uint64_t)(int16_t)v;
    case IR_S32: return (uint64_t)(int32_t)v;
    default: return v;
    }
}

static uint64_t eval_div64(const IrInsn *insn, uint64_t a, uint64_t b)
{
    bool overflow = a == (uint64_t)INT64_MIN && b == ~UINT64_C(0);

    switch (insn->op) {
    case IR_divs:
        if (b == 0) {
            return insn->aux == IR_DIV0_ONES ? ~UINT64_C(0) : 0;
        }
        return overflow ? a : (uint64_t)((int64_t)a / (int64_t)b);
    case IR_divu:
        if (b == 0) {
            return insn->aux == IR_DIV0_ONES ? ~UINT64_C(0) : 0;
        }
        return a / b;
    case IR_rems:
        if (b == 0) {
            return a;
        }
        return overflow ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
    default: /* IR_remu */ return b == 0 ? a : a % b;
    }
}

static uint64_t rotl64(uint64_t v, unsigned n)
{
    return v << (n & 63) | v >> (-n & 63);
}

static uint32_t rotl32(uint32_t v, unsigned n)
{
    return v << (n & 31) | v >> (-n & 31);
}

static uint64_t eval64(const IrInsn *insn, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    switch (insn->op) {
    case IR_add: return a + b;
    case IR_sub: return a - b;
    case IR_mul: return a * b;
    case IR_mulhs: return (uint64_t)(((__int128)(int64_t)a * (int64_t)b) >> 64);
    case IR_mulhu: return (uint64_t)(((unsigned __int128)a * b) >> 64);
    case IR_mulhsu: return (uint64_t)(((__int128)(int64_t)a * (__int128)b) >> 64);
    case IR_divs:
    case IR_divu:
    case IR_rems:
    case IR_remu: return eval_div64(insn, a, b);
    case IR_and: return a & b;
    case IR_or: return a | b;
    case IR_xor: return a ^ b;
    case IR_andn: return a & ~b;
    case IR_neg: return -a;
    case IR_not: return ~a;
    case IR_shl: return a << (b & 63);
    case IR_shr: return a >> (b & 63);
    case IR_sar: return (uint64_t)((int64_t)a >> (b & 63));
    case IR_rotl: return rotl64(a, (unsigned)b);
    case IR_rotr: return rotl64(a, -(unsigned)b);
    case IR_clz: return a ? (uint64_t)__builtin_clzll(a) : 64;
    case IR_ctz: return a ? (uint64_t)__builtin_ctzll(a) : 64;
    case IR_popcnt: return (uint64_t)__builtin_popcountll(a);
    case IR_bswap: return __builtin_bswap64(a);
    case IR_ext: return ir_eval_ext(insn->aux, a);
    case IR_sext: return (uint64_t)(int32_t)a;
    case IR_trunc:
    case IR_zext: return (uint32_t)a;
    case IR_setcond: return ir_eval_cond((IrCond)insn->aux, IR_I64, a, b);
    case IR_select: return ir_eval_cond((IrCond)insn->aux, IR_I64, a, b) ? c : d;
    default: /* const, mov */ return insn->op == IR_const ? (uint64_t)insn->imm : a;
    }
}

/* Operands are zero-extended; the caller zero-extends the result. */
static uint64_t eval32(const IrInsn *insn, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    switch (insn->op) {
    case IR_mulhs: return (uint64_t)(((int64_t)(int32_t)a * (int32_t)b) >> 32);
    case IR_mulhu: return ((uint64_t)a * b) >> 32;
    case IR_mulhsu: return (uint64_t)(((int64_t)(int32_t)a * (int64_t)b) >> 32);
    case IR_divs:
    case IR_rems:
        /* The one overflow fits into 64 bits and its low half is what it should be. */
        return eval_div64(insn, (uint64_t)(int32_t)a, (uint64_t)(int32_t)b);
    case IR_shl: return (uint64_t)a << (b & 31);
    case IR_shr: return a >> (b & 31);
    case IR_sar: return (uint64_t)((int32_t)a >> (b & 31));
    case IR_rotl: return rotl32(a, b);
    case IR_rotr: return rotl32(a, -b);
    case IR_clz: return a ? (uint64_t)__builtin_clz(a) : 32;
    case IR_ctz: return a ? (uint64_t)__builtin_ctz(a) : 32;
    case IR_bswap: return __builtin_bswap32(a);
    case IR_setcond: return ir_eval_cond((IrCond)insn->aux, IR_I32, a, b);
    case IR_select: return ir_eval_cond((IrCond)insn->aux, IR_I32, a, b) ? c : d;
    default:
        /* Low halves are those of the 64-bit operation. */
        return eval64(insn, a, b, c, d);
    }
}

uint64_t ir_eval_int(const IrInsn *insn, IrType type, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t d)
{
    /* sext and zext have i32 operands and i64 results, whatever the type field says. */
    if (type == IR_I32 && insn->op != IR_sext && insn->op != IR_zext) {
        return (uint32_t)eval32(insn, (uint32_t)a, (uint32_t)b, (uint32_t)c, (uint32_t)d);
    }
    return eval64(insn, a, b, c, d);
}
