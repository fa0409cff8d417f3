/*
 * Floating-point instructions off the translator's fast path (F, D, Zfh, Zfa): half precision, rounding
 * modes the host does not have, NaNs and conversions out of range.
 *
 * The operation is read from the instruction word. Operands and results are images of registers: narrower
 * values are NaN-boxed, and what is not properly boxed counts as the canonical NaN.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include "cpu/softfloat.h"

_Static_assert(SF_INEXACT == FFLAGS_NX && SF_UNDERFLOW == FFLAGS_UF && SF_OVERFLOW == FFLAGS_OF &&
                   SF_DIV_BY_ZERO == FFLAGS_DZ && SF_INVALID == FFLAGS_NV,
               "flags are those of fflags");

/* Fields of the instruction word (F extension, 11.6-11.9). */
static unsigned field_funct5(uint64_t insn)
{
    return bits_get(insn, 27, 5);
}

static unsigned field_rm(uint64_t insn)
{
    return bits_get(insn, 12, 3);
}

static unsigned field_rs2(uint64_t insn)
{
    return bits_get(insn, 20, 5);
}

/* The format encoded as @fmt: 0 single, 1 double, 2 half. */
static SfFormat format_of(Vcpu *vcpu, unsigned fmt, uint64_t insn)
{
    static const uint8_t map[] = {SF_F32, SF_F64, SF_F16};

    if (fmt >= ARRAY_SIZE(map)) {
        riscv_illegal(vcpu, insn);
    }
    return map[fmt];
}

static uint64_t boxing(SfFormat format)
{
    return format == SF_F16 ? ~UINT64_C(0xffff) : format == SF_F32 ? ~UINT64_C(0xffffffff) : 0;
}

static uint64_t unbox(SfFormat format, uint64_t image)
{
    uint64_t upper = boxing(format);
    return (image & upper) == upper ? image & ~upper : sf_default_nan(format);
}

static uint64_t box(SfFormat format, uint64_t value)
{
    return value | boxing(format);
}

/* The environment with the rounding mode of @insn, static or dynamic. */
static SfEnv rounding_env(Vcpu *vcpu, uint64_t insn)
{
    enum { DYNAMIC = 7, MAX_MODE = 4 };
    unsigned rm = field_rm(insn);

    if (rm == DYNAMIC) {
        rm = riscv_state(vcpu)->frm;
    }
    if (rm > MAX_MODE) {
        riscv_illegal(vcpu, insn);
    }
    return (SfEnv){.round = (SfRound)rm}; /* the same numbers */
}

static void accrue(Vcpu *vcpu, const SfEnv *env)
{
    RiscvState *s = riscv_state(vcpu);

    if (env->flags) {
        s->fflags |= env->flags;
        riscv_fp_dirty(s);
    }
}

/* ---- One operand ---- */

enum {
    OP_ADD = 0x00,
    OP_SUB = 0x01,
    OP_MUL = 0x02,
    OP_DIV = 0x03,
    OP_SGNJ = 0x04,
    OP_MINMAX = 0x05,
    OP_CVT = 0x08,
    OP_SQRT = 0x0b,
    OP_CMP = 0x14,
    OP_TO_INT = 0x18,
    OP_FROM_INT = 0x1a,
    OP_CLASS = 0x1c,
};

static uint64_t to_int(SfEnv *env, SfFormat format, uint64_t value, unsigned rs2)
{
    enum { MODULAR = 8 };
    static const uint8_t types[] = {SF_S32, SF_U32, SF_S64, SF_U64};

    if (rs2 == MODULAR) {
        return (uint64_t)(int64_t)sf_to_int32_modular(env, format, value);
    }
    uint64_t result = sf_to_int(env, format, value, types[rs2 & 3]);
    return rs2 & 2 ? result : (uint64_t)(int64_t)(int32_t)result;
}

static uint64_t from_int(SfEnv *env, SfFormat format, uint64_t value, unsigned rs2)
{
    static const uint8_t word = 2; /* set: 64 bits */
    bool is_signed = !(rs2 & 1);

    if (!(rs2 & word)) {
        value = is_signed ? (uint64_t)(int64_t)(int32_t)value : (uint32_t)value;
    }
    return box(format, sf_from_int(env, format, value, is_signed));
}

/* fcvt between formats, fround, froundnx. */
static uint64_t convert(Vcpu *vcpu, SfEnv *env, SfFormat format, uint64_t image, uint64_t insn)
{
    enum { ROUND = 4, ROUND_NX = 5 };
    unsigned rs2 = field_rs2(insn);

    if (rs2 == ROUND || rs2 == ROUND_NX) {
        return box(format, sf_round_to_int(env, format, unbox(format, image), rs2 == ROUND_NX));
    }
    SfFormat from = format_of(vcpu, rs2, insn);
    return box(format, sf_convert(env, from, format, unbox(from, image)));
}

uint64_t riscv_helper_fp1(Vcpu *vcpu, uint64_t insn, uint64_t a)
{
    SfFormat format = format_of(vcpu, bits_get(insn, 25, 2), insn);
    uint64_t result;

    if (field_funct5(insn) == OP_CLASS) {
        return UINT64_C(1) << sf_classify(format, unbox(format, a)); /* rm is part of the opcode */
    }
    SfEnv env = rounding_env(vcpu, insn);
    switch (field_funct5(insn)) {
    case OP_SQRT: result = box(format, sf_sqrt(&env, format, unbox(format, a))); break;
    case OP_CVT: result = convert(vcpu, &env, format, a, insn); break;
    case OP_TO_INT: result = to_int(&env, format, unbox(format, a), field_rs2(insn)); break;
    case OP_FROM_INT: result = from_int(&env, format, a, field_rs2(insn)); break;
    default: riscv_illegal(vcpu, insn);
    }
    accrue(vcpu, &env);
    return result;
}

/* ---- Two operands ---- */

static uint64_t min_max(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, unsigned op)
{
    static uint64_t (*const functions[4])(SfEnv *, SfFormat, uint64_t, uint64_t) = {
        sf_min_number,
        sf_max_number,
        sf_minimum,
        sf_maximum,
    };
    return functions[op & 3](env, format, a, b);
}

/* fle, flt, feq, fleq, fltq. */
static uint64_t compare(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, unsigned op)
{
    enum { LE = 0, LT = 1, EQ = 2, LE_QUIET = 4, LT_QUIET = 5 };
    SfOrder order = sf_compare(env, format, a, b, op == LE || op == LT);

    switch (op) {
    case LE:
    case LE_QUIET: return order == SF_LESS || order == SF_EQUAL;
    case LT:
    case LT_QUIET: return order == SF_LESS;
    default: return order == SF_EQUAL;
    }
}

static uint64_t inject_sign(SfFormat format, uint64_t a, uint64_t b, unsigned op)
{
    uint64_t sign = UINT64_C(1) << (format == SF_F16 ? 15 : format == SF_F32 ? 31 : 63);
    uint64_t from = op == 0 ? b : op == 1 ? ~b : a ^ b;

    return (a & ~sign) | (from & sign);
}

uint64_t riscv_helper_fp2(Vcpu *vcpu, uint64_t insn, uint64_t a, uint64_t b)
{
    SfFormat format = format_of(vcpu, bits_get(insn, 25, 2), insn);
    unsigned op = field_funct5(insn);
    uint64_t result;
    SfEnv env = {.flags = 0};

    a = unbox(format, a);
    b = unbox(format, b);
    if (op <= OP_DIV) {
        env = rounding_env(vcpu, insn);
    }
    switch (op) {
    case OP_ADD: result = sf_add(&env, format, a, b); break;
    case OP_SUB: result = sf_sub(&env, format, a, b); break;
    case OP_MUL: result = sf_mul(&env, format, a, b); break;
    case OP_DIV: result = sf_div(&env, format, a, b); break;
    case OP_SGNJ: result = inject_sign(format, a, b, field_rm(insn)); break;
    case OP_MINMAX: result = min_max(&env, format, a, b, field_rm(insn)); break;
    case OP_CMP: result = compare(&env, format, a, b, field_rm(insn)); break;
    default: riscv_illegal(vcpu, insn);
    }
    accrue(vcpu, &env);
    return op == OP_CMP ? result : box(format, result);
}

/* ---- Fused multiply-add ---- */

uint64_t riscv_helper_fp3(Vcpu *vcpu, uint64_t insn, uint64_t a, uint64_t b, uint64_t c)
{
    /* Bits 3:2 of the opcode: fmadd, fmsub, fnmsub, fnmadd. */
    unsigned variant = bits_get(insn, 2, 2);
    bool negate_product = variant >= 2, negate_addend = variant == 1 || variant == 3;
    SfFormat format = format_of(vcpu, bits_get(insn, 25, 2), insn);
    SfEnv env = rounding_env(vcpu, insn);
    uint64_t result = sf_fma(&env, format, unbox(format, a), unbox(format, b), unbox(format, c),
                             negate_product, negate_addend);

    accrue(vcpu, &env);
    return box(format, result);
}

/* ---- Classification ---- */

uint64_t riscv_helper_fclass_s(Vcpu *vcpu, uint64_t image)
{
    return UINT64_C(1) << sf_classify(SF_F32, unbox(SF_F32, image));
}

uint64_t riscv_helper_fclass_d(Vcpu *vcpu, uint64_t image)
{
    return UINT64_C(1) << sf_classify(SF_F64, image);
}
