/*
 * Tests of the IR itself: what ops mean (constant evaluation and the interpreter, against
 * expressions that are written differently here), builder, verifier, printer, and the interpreter's
 * control flow.
 */
#include "tcg/interp.h"
#include "tests/ir/random-ir.h"
#include <fenv.h>
#include <math.h>
#include <string.h>
#include <xmmintrin.h>

static const uint64_t corner[] = {
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    33,
    63,
    64,
    65,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffffff,
    0x100000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0xfffffffffffffffe,
    0xffffffffffffffff,
    0xffffffff80000000,
    0x123456789abcdef0,
    0xfedcba9876543210,
    0xffffffff00000000,
    0x00ff00ff00ff00ff,
};

typedef struct Fixture {
    IrRegion ir;
    RandomGuest *guest;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    random_region_init(&f->ir);
    f->guest = random_guest_new();
    f->guest->budget = 1000;
}

static void teardown(Fixture *f, gconstpointer data)
{
    ir_region_free(&f->ir);
    random_guest_free(f->guest);
}

/* ---- Integer ops ---- */

static unsigned __int128 wide(bool is_signed, unsigned bits, uint64_t v)
{
    if (bits == 32) {
        return is_signed ? (unsigned __int128)(__int128)(int32_t)v : (uint32_t)v;
    }
    return is_signed ? (unsigned __int128)(__int128)(int64_t)v : v;
}

static uint64_t count_bits(uint64_t v, unsigned bits, int step)
{
    unsigned n = 0, start = step > 0 ? 0 : bits - 1;

    while (n < bits && !(v >> (start + (unsigned)step * n) & 1)) {
        n++;
    }
    return n;
}

/* Rotation bit by bit. */
static uint64_t rotate(uint64_t v, unsigned bits, unsigned left)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < bits; i++) {
        r |= (v >> i & 1) << ((i + left) % bits);
    }
    return r;
}

static bool expect_cond(unsigned cond, unsigned bits, uint64_t a, uint64_t b)
{
    __int128 sa = (__int128)wide(true, bits, a), sb = (__int128)wide(true, bits, b);
    unsigned __int128 ua = wide(false, bits, a), ub = wide(false, bits, b);
    const bool results[] = {ua == ub, ua != ub, sa<sb, sa >= sb, sa <= sb, sa> sb,
                            ua<ub, ua >= ub, ua <= ub, ua> ub};

    return results[cond];
}

static uint64_t expect_divide(const IrInsn *insn, unsigned bits, uint64_t a, uint64_t b)
{
    bool is_signed = insn->op == IR_divs || insn->op == IR_rems;
    __int128 n = (__int128)wide(is_signed, bits, a), d = (__int128)wide(is_signed, bits, b);

    if (insn->op == IR_divs || insn->op == IR_divu) {
        /* In 128 bits nothing overflows; the low bits are what is wanted. */
        return d ? (uint64_t)(n / d) : insn->aux == IR_DIV0_ONES ? ~UINT64_C(0) : 0;
    }
    return d ? (uint64_t)(n % d) : a;
}

static uint64_t expect_int(const IrInsn *insn, unsigned bits, uint64_t a, uint64_t b, uint64_t c,
                           uint64_t d)
{
    unsigned __int128 ua = wide(false, bits, a), ub = wide(false, bits, b);
    unsigned __int128 sa = wide(true, bits, a), sb = wide(true, bits, b);
    unsigned n = (unsigned)(b % bits), len;

    switch (insn->op) {
    case IR_add: return (uint64_t)(sa + sb);
    case IR_sub: return (uint64_t)(sa - sb);
    case IR_mul: return (uint64_t)(sa * sb);
    case IR_mulhs: return (uint64_t)(sa * sb >> bits);
    case IR_mulhu: return (uint64_t)(ua * ub >> bits);
    case IR_mulhsu: return (uint64_t)(sa * ub >> bits);
    case IR_divs:
    case IR_divu:
    case IR_rems:
    case IR_remu: return expect_divide(insn, bits, a, b);
    case IR_and: return ~(~a | ~b);
    case IR_or: return ~(~a & ~b);
    case IR_xor: return (a | b) - (a & b);
    case IR_andn: return a - (a & b);
    case IR_neg: return ~a + 1;
    case IR_not: return -a - 1;
    case IR_shl: return (uint64_t)(ua << n);
    case IR_shr: return (uint64_t)(ua >> n);
    case IR_sar: return (uint64_t)((__int128)sa >> n);
    case IR_rotl: return rotate(a, bits, n);
    case IR_rotr: return rotate(a, bits, bits - n);
    case IR_clz: return count_bits(a, bits, -1);
    case IR_ctz: return count_bits(a, bits, 1);
    case IR_popcnt:
        for (n = 0; a; a &= a - 1) {
            n++;
        }
        return n;
    case IR_bswap:
        for (n = 0, b = 0; n < bits; n += 8) {
            b |= (a >> n & 0xff) << (bits - 8 - n);
        }
        return b;
    case IR_ext:
        len = 8 * ir_memop_bytes(insn->aux);
        return insn->aux & IR_SIGNED ? (uint64_t)bits_sext(a, len) : bits_get(a, 0, len);
    case IR_trunc:
    case IR_zext: return bits_get(a, 0, 32);
    case IR_sext: return (uint64_t)bits_sext(a, 32);
    case IR_setcond: return expect_cond(insn->aux, bits, a, b);
    default: /* IR_select */ return expect_cond(insn->aux, bits, a, b) ? c : d;
    }
}

/* Through the interpreter: operands from variables x0..x3, result in x4. */
static uint64_t interpret_op(Fixture *f, IrInsn insn, const IrType types[4], IrType result_type,
                             const uint64_t v[4])
{
    IrRegion *ir = &f->ir;
    IrRef ref[4];
    RandomResult result;

    ir_region_reset(ir);
    ir_block_begin(ir, 0);
    for (unsigned i = 0; i < 4; i++) {
        f->guest->state.x[i] = v[i];
        ref[i] = IR_NOREF;
        if (types[i] != IR_NONE) {
            ref[i] = ir_get_var(ir, i);
        }
        if (types[i] == IR_I32) {
            ref[i] = ir_op1(ir, IR_trunc, IR_I32, 0, ref[i]);
        }
    }
    ref[0] =
        ir_emit(ir, (IrOp)insn.op, (IrType)insn.type, insn.aux, ref[0], ref[1], ref[2], ref[3], 0);
    if (result_type == IR_I32) {
        ref[0] = ir_op1(ir, IR_zext, IR_I64, 0, ref[0]);
    }
    ir_set_var(ir, 4, ref[0]);
    ir_exit_direct(ir, 4);
    g_assert_true(ir_verify(ir, NULL));
    random_run_interp(f->guest, ir, 0x1f80, &result);
    return f->guest->state.x[4];
}

static IrType operand_type(const IrInsn *insn, char letter)
{
    return letter == 'i'   ? (IrType)insn->type
           : letter == 'w' ? IR_I32
           : letter == 'q' ? IR_I64
                           : IR_NONE;
}

static void check_int_op(Fixture *f, IrInsn insn)
{
    const IrOpInfo *info = &ir_op_info[insn.op];
    IrType types[4], result_type = operand_type(&insn, info->result);
    unsigned bits;

    for (unsigned i = 0; i < 4; i++) {
        types[i] = operand_type(&insn, info->arg[i]);
    }
    bits = types[0] == IR_I32 ? 32 : 64;
    for (unsigned i = 0; i < ARRAY_SIZE(corner); i++) {
        for (unsigned j = 0; j < (types[1] == IR_NONE ? 1 : ARRAY_SIZE(corner)); j++) {
            uint64_t v[4] = {corner[i], corner[j], 0x1111222233334444, 0xaaaabbbbccccdddd}, want,
                     got;

            for (unsigned k = 0; k < 4; k++) {
                v[k] = types[k] == IR_I32 ? (uint32_t)v[k] : v[k];
            }
            want = expect_int(&insn, bits, v[0], v[1], v[2], v[3]);
            want = result_type == IR_I32 ? (uint32_t)want : want;
            got = ir_eval_int(&insn, (IrType)insn.type, v[0], v[1], v[2], v[3]);
            if (got != want) {
                g_error("%s type %d aux %d of %" G_GINT64_MODIFIER "x, %" G_GINT64_MODIFIER
                        "x: %" G_GINT64_MODIFIER "x, want %" G_GINT64_MODIFIER "x",
                        info->name, insn.type, insn.aux, v[0], v[1], got, want);
            }
            if ((i * 7 + j) % 5 == 0) { /* the rest would only repeat it */
                g_assert_cmphex(interpret_op(f, insn, types, result_type, v), ==, want);
            }
        }
    }
}

static void test_int_ops(Fixture *f, gconstpointer data)
{
    static const uint8_t ext[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32};

    for (unsigned op = IR_add; op <= IR_select; op++) {
        for (IrType type = IR_I32; type <= IR_I64; type++) {
            IrInsn insn = {.op = (uint8_t)op, .type = (uint8_t)type};
            unsigned variants = op == IR_setcond || op == IR_select ? 10
                                : op == IR_ext                      ? (type == IR_I32 ? 4 : 6)
                                : op == IR_divs || op == IR_divu    ? 2
                                                                    : 1;

            for (unsigned i = 0; i < variants; i++) {
                insn.aux = op == IR_ext ? ext[i] : (uint8_t)i;
                check_int_op(f, insn);
            }
        }
    }
}

static void test_cond(void)
{
    for (unsigned c = IR_EQ; c <= IR_GTU; c++) {
        for (unsigned i = 0; i < ARRAY_SIZE(corner); i++) {
            uint64_t a = corner[i], b = corner[(i * 5 + 3) % ARRAY_SIZE(corner)];

            g_assert_cmpint(ir_eval_cond(ir_cond_invert((IrCond)c), IR_I64, a, b), !=,
                            ir_eval_cond((IrCond)c, IR_I64, a, b));
            g_assert_cmpint(ir_eval_cond(ir_cond_swap((IrCond)c), IR_I64, b, a), ==,
                            ir_eval_cond((IrCond)c, IR_I64, a, b));
        }
    }
}

/* ---- FP ops ---- */

static const uint64_t fp_corner[] = {
    0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
    0x3fe0000000000000, 0xbfe0000000000000, 0x3ff8000000000000, 0xbff8000000000000,
    0x4004000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
    0xfff8000000000123, 0x7ff0000000000001, 0xfff4000000000000, 0x0000000000000001,
    0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff,
    0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0xc1e0000000000000,
    0xc1e0000000100000, 0xc1e0000000200000, 0x41efffffffe00000, 0x41effffffff00000,
    0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0xc3e0000000000000,
    0xc3e0000000000001, 0x43efffffffffffff, 0x43f0000000000000, 0xbfefffffffffffff,
    0x3fd5555555555555, 0x400921fb54442d18, 0x36a0000000000000, 0x47efffffe0000000,
    0x47efffffffffffff, 0x3810000000000000, 0xc08f400000000000,
};

static const uint32_t rounding[] = {_MM_ROUND_NEAREST, _MM_ROUND_DOWN, _MM_ROUND_UP,
                                    _MM_ROUND_TOWARD_ZERO};
static const int c_rounding[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

#define FLAGS                                                                                \
    (_MM_EXCEPT_INVALID | _MM_EXCEPT_DIV_ZERO | _MM_EXCEPT_OVERFLOW | _MM_EXCEPT_UNDERFLOW | \
     _MM_EXCEPT_INEXACT)

/* An op under a rounding mode; *@flags gets what it set. */
static uint64_t run_fp(IrOp op, IrType type, unsigned aux, unsigned mode, uint64_t a, uint64_t b,
                       uint64_t c, unsigned *flags)
{
    uint32_t saved = _mm_getcsr();
    uint64_t r;

    _mm_setcsr(_MM_MASK_MASK | rounding[mode]);
    r = ir_eval_fp(op, type, aux, a, b, c);
    *flags = _mm_getcsr() & FLAGS;
    _mm_setcsr(saved);
    return r;
}

static double double_of(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, 8);
    return d;
}

static uint64_t bits_of(double d)
{
    uint64_t bits;

    memcpy(&bits, &d, 8);
    return bits;
}

static uint64_t float_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, 4);
    return bits;
}

static float float_of(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float f;

    memcpy(&f, &b, 4);
    return f;
}

/* The nearest floats to the corners, their own NaNs kept apart. */
static uint64_t corner_s(unsigned i)
{
    uint64_t d = fp_corner[i];

    if ((d & INT64_MAX) > 0x7ff0000000000000) {
        return (d >> 32 & 0x80000000) | 0x7f800000 | (d & 0xfff) | (d >> 29 & 0x400000);
    }
    return float_bits((float)double_of(d));
}

/* Conversion to integers, in the wider precision of long double. */
static void check_to_int(unsigned aux, unsigned mode, IrType type, uint64_t v)
{
    static const long double low[] = {-0x1p31L, 0, -0x1p63L, 0},
                             high[] = {0x1p31L, 0x1p32L, 0x1p63L, 0x1p64L};
    static const uint64_t lowest[] = {0xffffffff80000000, 0, 0x8000000000000000, 0};
    static const uint64_t highest[] = {0x7fffffff, ~0ull, INT64_MAX, ~0ull};
    volatile long double x = type == IR_F32 ? (long double)float_of(v) : (long double)double_of(v);
    unsigned flags, want_flags, kind = aux & 3;
    uint64_t got = run_fp(IR_fcvt_if, type, aux, mode, v, 0, 0, &flags), want;
    long double r;

    fesetround(aux & IR_CVT_TRUNC ? FE_TOWARDZERO : c_rounding[mode]);
    r = rintl(x);
    fesetround(FE_TONEAREST);
    want_flags = r != x ? _MM_EXCEPT_INEXACT : 0;
    if (isnan(x) || r >= high[kind]) {
        want = highest[kind];
        want_flags = _MM_EXCEPT_INVALID;
    } else if (r < low[kind]) {
        want = lowest[kind];
        want_flags = _MM_EXCEPT_INVALID;
    } else if (kind == IR_INT_U64 || kind == IR_INT_U32) {
        want = (uint64_t)r;
        want = kind == IR_INT_U32 ? (uint64_t)(int32_t)want : want;
    } else {
        want = (uint64_t)(int64_t)r;
    }
    g_assert_cmphex(got, ==, want);
    g_assert_cmphex(flags, ==, want_flags);
}

static void test_fp_to_int(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fp_corner); i++) {
        for (unsigned k = 0; k < 32; k++) {
            check_to_int(k & 7, k >> 3, IR_F64, fp_corner[i]);
            check_to_int(k & 7, k >> 3, IR_F32, corner_s(i));
        }
    }
}

static void check_from_int(unsigned kind, unsigned mode, uint64_t v)
{
    unsigned flags;
    long double x = kind == IR_INT_S32   ? (long double)(int32_t)v
                    : kind == IR_INT_U32 ? (long double)(uint32_t)v
                    : kind == IR_INT_S64 ? (long double)(int64_t)v
                                         : (long double)v;
    volatile double d;
    volatile float s;
    uint64_t got_d, got_s;

    fesetround(c_rounding[mode]);
    d = (double)x;
    s = (float)x;
    fesetround(FE_TONEAREST);
    got_d = run_fp(IR_fcvt_fi, IR_F64, kind, mode, v, 0, 0, &flags);
    g_assert_cmphex(got_d, ==, bits_of(d));
    g_assert_cmphex(flags, ==, d != x ? _MM_EXCEPT_INEXACT : 0);
    got_s = run_fp(IR_fcvt_fi, IR_F32, kind, mode, v, 0, 0, &flags);
    g_assert_cmphex(got_s, ==, float_bits(s));
    g_assert_cmphex(flags, ==, s != x ? _MM_EXCEPT_INEXACT : 0);
}

static void test_fp_from_int(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(corner); i++) {
        for (unsigned k = 0; k < 16; k++) {
            check_from_int(k & 3, k >> 2, corner[i]);
            check_from_int(k & 3, k >> 2, corner[i] ^ 0x4000000000000401);
        }
    }
}

static bool is_nan_d(uint64_t v)
{
    return (v & INT64_MAX) > 0x7ff0000000000000;
}

static bool is_snan_d(uint64_t v)
{
    return is_nan_d(v) && !(v & 0x0008000000000000);
}

/* The total of minimumNumber's rules, spelled out. */
static void check_minmax(uint64_t a, uint64_t b, bool max)
{
    unsigned flags;
    uint64_t got = run_fp(max ? IR_fmaxnum : IR_fminnum, IR_F64, 0, 0, a, b, 0, &flags), want;
    double x = double_of(a), y = double_of(b);

    if (is_nan_d(a) || is_nan_d(b)) {
        want = is_nan_d(a) ? is_nan_d(b) ? 0x7ff8000000000000 : b : a;
    } else if (x == 0 && y == 0) {
        want = max ? a & b : a | b;
    } else {
        want = (x < y) != max ? a : b;
    }
    g_assert_cmphex(got, ==, want);
    g_assert_cmphex(flags, ==, is_snan_d(a) || is_snan_d(b) ? _MM_EXCEPT_INVALID : 0);
}

static void check_compare(uint64_t a, uint64_t b)
{
    double x = double_of(a), y = double_of(b);
    bool unordered = is_nan_d(a) || is_nan_d(b), signaling = is_snan_d(a) || is_snan_d(b);
    const bool want[] = {x == y, x < y, x <= y, x < y, x <= y, x == y, x < y, x <= y};

    for (unsigned aux = IR_FEQ_QUIET; aux <= IR_FLE_SILENT; aux++) {
        bool loud = aux == IR_FLT_SIGNAL || aux == IR_FLE_SIGNAL, silent = aux >= IR_FEQ_SILENT;
        unsigned flags;

        g_assert_cmpint(run_fp(IR_fcmp, IR_F64, aux, 0, a, b, 0, &flags), ==,
                        !unordered && want[aux]);
        g_assert_cmphex(flags, ==,
                        !silent && (signaling || (loud && unordered)) ? _MM_EXCEPT_INVALID : 0);
    }
}

static void test_fp_pairs(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fp_corner); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(fp_corner); j++) {
            check_minmax(fp_corner[i], fp_corner[j], false);
            check_minmax(fp_corner[i], fp_corner[j], true);
            check_compare(fp_corner[i], fp_corner[j]);
        }
    }
}

/* f32 arithmetic against double's: exact products, and sums and quotients that round twice
 * harmlessly. */
static void check_arith_s(unsigned mode, uint64_t a, uint64_t b)
{
    static const uint8_t ops[] = {IR_fadd, IR_fsub, IR_fmul, IR_fdiv};
    volatile double x = (double)float_of(a), y = (double)float_of(b), r[4];
    unsigned flags;

    if (isnan(x) || isnan(y)) {
        return;
    }
    if (mode != 0) {
        return; /* double rounding is harmless only to nearest */
    }
    r[0] = x + y;
    r[1] = x - y;
    r[2] = x * y;
    r[3] = x / y;
    for (unsigned i = 0; i < 4; i++) {
        volatile float want = (float)r[i];
        uint64_t got = run_fp((IrOp)ops[i], IR_F32, 0, mode, a, b, 0, &flags);

        if (isnan(want)) {
            g_assert_true(isnan(float_of(got)));
            g_assert_cmphex(flags & _MM_EXCEPT_INVALID, !=, 0);
        } else {
            g_assert_cmphex(got, ==, float_bits(want));
        }
    }
}

static void test_fp_arith(void)
{
    unsigned flags;

    for (unsigned i = 0; i < ARRAY_SIZE(fp_corner); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(fp_corner); j++) {
            check_arith_s(0, corner_s(i), corner_s(j));
        }
    }
    /* Rounding modes and flags. */
    g_assert_cmphex(run_fp(IR_fdiv, IR_F64, 0, 1, bits_of(1), bits_of(3), 0, &flags), ==,
                    0x3fd5555555555555);
    g_assert_cmphex(run_fp(IR_fdiv, IR_F64, 0, 2, bits_of(1), bits_of(3), 0, &flags), ==,
                    0x3fd5555555555556);
    g_assert_cmphex(flags, ==, _MM_EXCEPT_INEXACT);
    run_fp(IR_fdiv, IR_F64, 0, 0, bits_of(1), 0, 0, &flags);
    g_assert_cmphex(flags, ==, _MM_EXCEPT_DIV_ZERO);
    run_fp(IR_fsqrt, IR_F64, 0, 0, bits_of(-1), 0, 0, &flags);
    g_assert_cmphex(flags, ==, _MM_EXCEPT_INVALID);
    /* One rounding: (1 + 2^-52)(1 - 2^-52) - 1 = -2^-104. */
    g_assert_cmphex(run_fp(IR_fma, IR_F64, 0, 0, 0x3ff0000000000001, bits_of(1 - 0x1p-52),
                           bits_of(-1), &flags),
                    ==, bits_of(-0x1p-104));
    g_assert_cmphex(flags, ==, 0);
    g_assert_cmphex(run_fp(IR_fma, IR_F64, IR_FMA_NEG_MUL | IR_FMA_NEG_ADD, 0, bits_of(2),
                           bits_of(3), bits_of(4), &flags),
                    ==, bits_of(-10));
    /* To integral: half to even, with and without the flag. */
    g_assert_cmphex(run_fp(IR_fround, IR_F64, 0, 0, bits_of(2.5), 0, 0, &flags), ==, bits_of(2));
    g_assert_cmphex(flags, ==, _MM_EXCEPT_INEXACT);
    g_assert_cmphex(run_fp(IR_fround, IR_F64, 1, 2, bits_of(-0.5), 0, 0, &flags), ==,
                    bits_of(-0.0));
    g_assert_cmphex(flags, ==, 0);
    run_fp(IR_fround, IR_F64, 1, 2, 0x7ff0000000000001, 0, 0, &flags);
    g_assert_cmphex(flags, ==, _MM_EXCEPT_INVALID);
}

static void test_fp_bits(void)
{
    unsigned flags;
    static const struct {
        IrOp op;
        IrType type;
        uint64_t a, b, want;
    } cases[] = {
        {IR_fabs, IR_F64, 0xfff0000000000001, 0, 0x7ff0000000000001},
        {IR_fabs, IR_F32, 0xff800001, 0, 0x7f800001},
        {IR_fneg, IR_F64, 0x7ff0000000000001, 0, 0xfff0000000000001},
        {IR_fneg, IR_F32, 0, 0, 0x80000000},
        {IR_fsgnj, IR_F32, 0x3f800000, 0x80000000, 0xbf800000},
        {IR_fsgnjn, IR_F32, 0x3f800000, 0x80000000, 0x3f800000},
        {IR_fsgnjx, IR_F64, 0xbff0000000000000, 0x8000000000000000, 0x3ff0000000000000},
        {IR_fcanon, IR_F32, 0xff800001, 0, 0x7fc00000},
        {IR_fcanon, IR_F32, 0xff800000, 0, 0xff800000},
        {IR_fcanon, IR_F64, 0xfff8000000000001, 0, 0x7ff8000000000000},
        {IR_fbox, IR_F64, 0x3f800000, 0, 0xffffffff3f800000},
        {IR_funbox, IR_F32, 0xffffffff3f800000, 0, 0x3f800000},
        {IR_funbox, IR_F32, 0xfffffffe3f800000, 0, 0x7fc00000},
        {IR_flow, IR_F32, 0x123456783f800000, 0, 0x3f800000},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert_cmphex(run_fp(cases[i].op, cases[i].type, 0, 0, cases[i].a, cases[i].b, 0, &flags),
                        ==, cases[i].want);
        g_assert_cmphex(flags, ==, 0);
    }
}

/* ---- Regions ---- */

static void test_print(Fixture *f, gconstpointer data)
{
    IrRegion *ir = &f->ir;
    GString *text = g_string_new(NULL);
    unsigned yes, no;
    IrRef a, b;

    ir_block_begin(ir, 0x1000);
    yes = ir_block_new(ir);
    no = ir_block_new(ir);
    ir_insn_start(ir, 0x1000);
    a = ir_get_var(ir, 3);
    b = ir_const(ir, IR_I64, -8);
    a = ir_op2(ir, IR_add, IR_I64, 0, a, b);
    b = ir_ld(ir, IR_I64, IR_S32, a, -4);
    ir_st(ir, IR_I64, IR_64, a, 8, b);
    ir_brcond(ir, IR_I64, IR_LTU, a, b, yes, no);
    ir_block_place(ir, yes, 0x1008);
    ir_call(ir, 5, 1, (IrRef[]){ir_const(ir, IR_I64, 0x12345678)});
    ir_exit_direct(ir, 0x2000);
    ir_block_place(ir, no, 0x100c);
    ir_exit_reason(ir, 2);
    g_assert_true(ir_verify(ir, text));
    ir_print(ir, text);
    g_assert_cmpstr(text->str, ==,
                    "block0: 0x1000\n"
                    "  insn_start 0x1000\n"
                    "  %1 = get_var.i64 x3\n"
                    "  %2 = const.i64 -8\n"
                    "  %3 = add.i64 %1, %2\n"
                    "  %4 = ld.i64 s32 %3 [-4]\n"
                    "  st.i64 u64 %3, %4 [+8]\n"
                    "  brcond.i64 ltu %3, %4 block1 else block2\n"
                    "block1: 0x1008\n"
                    "  %7 = const.i64 0x12345678\n"
                    "  call %7 shuffle\n"
                    "  exit_direct 0x2000\n"
                    "block2: 0x100c\n"
                    "  exit_reason 2\n");
    g_string_free(text, TRUE);
}

static void expect_invalid(IrRegion *ir, const char *what)
{
    GString *why = g_string_new(NULL);

    g_assert_false(ir_verify(ir, why));
    if (!strstr(why->str, what)) {
        g_error("verifier said \"%s\", not \"%s\"", why->str, what);
    }
    g_string_free(why, TRUE);
    ir_region_reset(ir);
    ir_block_begin(ir, 0);
}

static void test_verify(Fixture *f, gconstpointer data)
{
    IrRegion *ir = &f->ir;
    IrRef a;

    expect_invalid(ir, "empty");
    expect_invalid(ir, "not placed");
    ir_get_var(ir, 1);
    expect_invalid(ir, "no end");
    ir_exit_direct(ir, 0);
    ir_exit_direct(ir, 0);
    expect_invalid(ir, "does not end here");
    a = ir_const(ir, IR_I32, 0);
    ir_set_var(ir, 1, a);
    expect_invalid(ir, "has type");
    ir_op2(ir, IR_add, IR_I64, 0, 5, 6);
    expect_invalid(ir, "not defined before");
    a = ir_const(ir, IR_I64, 0);
    ir_op1(ir, IR_add, IR_I64, 0, a);
    expect_invalid(ir, "missing");
    ir_br(ir, 9);
    expect_invalid(ir, "bad target");
    a = ir_const(ir, IR_I64, 0);
    ir_ld(ir, IR_F32, IR_64, a, 0);
    expect_invalid(ir, "does not fit");
    ir_const(ir, IR_I32, 0);
    ir->insns[0].imm = -1;
    expect_invalid(ir, "zero-extended");
    a = ir_const(ir, IR_I64, 0);
    ir_exit_direct(ir, 0);
    ir_block_begin(ir, 8);
    ir_set_var(ir, 1, a);
    expect_invalid(ir, "in this block");
    ir_emit(ir, IR_get_var, IR_I64, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 77);
    expect_invalid(ir, "no variable");
}

static void test_overflow(Fixture *f, gconstpointer data)
{
    ir_block_begin(&f->ir, 0);
    for (unsigned i = 0; i < IR_MAX_INSNS + 10; i++) {
        ir_const(&f->ir, IR_I64, i);
    }
    g_assert_true(f->ir.overflow);
    g_assert_false(ir_verify(&f->ir, NULL));
}

/* Budget, undone instructions, kick, faults. */
static void build_counted(IrRegion *ir)
{
    IrRef a;

    ir_region_reset(ir);
    ir_block_begin(ir, 0x100);
    ir_emit(ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x100);
    ir_emit(ir, IR_count, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x100);
    ir->insns[1].len = 3;
    ir_insn_start(ir, 0x100);
    ir_set_var(ir, 0, ir_const(ir, IR_I64, 1));
    ir_insn_start(ir, 0x104);
    a = ir_get_var(ir, 1);
    ir_set_var(ir, 0, ir_ld(ir, IR_I64, IR_64, a, 0));
    ir_insn_start(ir, 0x108);
    ir_set_var(ir, 2, ir_const(ir, IR_I64, 3));
    ir_exit_direct(ir, 0x10c);
    g_assert_true(ir_verify(ir, NULL));
}

static void test_interp_leaves(Fixture *f, gconstpointer data)
{
    RandomResult r;
    RandomGuest *g = f->guest;

    build_counted(&f->ir);
    g->budget = 3;
    g->state.x[1] = RANDOM_MEM_BASE;
    random_run_interp(g, &f->ir, 0x1f80, &r);
    g_assert_cmpint(r.op, ==, IR_exit_direct);
    g_assert_cmpint(g->budget, ==, 0);
    g_assert_cmphex(g->state.pc, ==, 0x10c);
    random_run_interp(g, &f->ir, 0x1f80, &r);
    g_assert_cmpint(r.op, ==, IR_count);
    g_assert_cmpint(r.reason, ==, RANDOM_REASON_BUDGET);
    g_assert_cmpint(g->budget, ==, 0);
    g_assert_cmphex(g->state.pc, ==, 0x100);
    g->kick = 1;
    random_run_interp(g, &f->ir, 0x1f80, &r);
    g_assert_cmpint(r.op, ==, IR_poll);
    g_assert_cmpint(r.reason, ==, RANDOM_REASON_KICK);
    g->kick = 0;
    g->budget = 10;
    g->state.x[0] = g->state.x[1] = g->state.x[2] = 0;
    random_run_interp(g, &f->ir, 0x1f80, &r);
    g_assert_true(r.faulted);
    g_assert_cmphex(g->state.pc, ==, 0x104);
    g_assert_cmpint(g->state.x[0], ==, 1);
    g_assert_cmpint(g->state.x[2], ==, 0);
    g_assert_cmpint(g->budget, ==, 9); /* one of three has retired */
}

static void test_translate_leaves(Fixture *f, gconstpointer data)
{
    IrRegion *ir = &f->ir;
    RandomResult r;
    IrRef a;

    ir_block_begin(ir, 0x100);
    ir_insn_start(ir, 0x100);
    ir_set_var(ir, 0, ir_const(ir, IR_I64, 7));
    ir_insn_start(ir, 0x104);
    a = ir_get_var(ir, 1);
    a = ir_emit(ir, IR_translate, IR_I64, 0, a, IR_NOREF, IR_NOREF, IR_NOREF, 8);
    ir->insns[a].len = 16;
    a = ir_emit(ir, IR_ld_host, IR_I64, IR_S16, a, IR_NOREF, IR_NOREF, IR_NOREF, 2);
    ir_set_var(ir, 0, a);
    ir_exit_direct(ir, 0x108);
    g_assert_true(ir_verify(ir, NULL));
    f->guest->memory[10] = 0xfe;
    f->guest->memory[11] = 0xff;
    f->guest->state.x[1] = RANDOM_MEM_BASE;
    random_run_interp(f->guest, ir, 0x1f80, &r);
    g_assert_cmpint(r.op, ==, IR_exit_direct);
    g_assert_cmpint(f->guest->state.x[0], ==, -2);
    f->guest->state.x[1] = RANDOM_MEM_BASE + 4090 - 8;
    random_run_interp(f->guest, ir, 0x1f80, &r);
    g_assert_cmpint(r.op, ==, IR_translate);
    g_assert_cmphex(f->guest->state.pc, ==, 0x104);
    g_assert_cmpint(f->guest->state.x[0], ==, 7);
}

static void test_random_valid(Fixture *f, gconstpointer data)
{
    GString *why = g_string_new(NULL);

    for (unsigned seed = 0; seed < 500; seed++) {
        GRand *rng = g_rand_new_with_seed(seed);
        RandomResult result;

        random_ir(rng, &f->ir, 10 + seed % 200, seed & 1 ? RANDOM_ALL : seed & RANDOM_ALL);
        if (!ir_verify(&f->ir, why)) {
            g_error("seed %u: %s", seed, why->str);
        }
        random_guest_fill(f->guest, rng);
        random_run_interp(f->guest, &f->ir, 0x1f80, &result);
        g_rand_free(rng);
    }
    g_string_free(why, TRUE);
}

#define ADD(path, fn) g_test_add("/ir/" path, Fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ir/cond", test_cond);
    ADD("int-ops", test_int_ops);
    g_test_add_func("/ir/fp-to-int", test_fp_to_int);
    g_test_add_func("/ir/fp-from-int", test_fp_from_int);
    g_test_add_func("/ir/fp-min-max-compare", test_fp_pairs);
    g_test_add_func("/ir/fp-arith", test_fp_arith);
    g_test_add_func("/ir/fp-bits", test_fp_bits);
    ADD("print", test_print);
    ADD("verify", test_verify);
    ADD("overflow", test_overflow);
    ADD("interp-leaves", test_interp_leaves);
    ADD("translate-leaves", test_translate_leaves);
    ADD("random-valid", test_random_valid);
    return g_test_run();
}
