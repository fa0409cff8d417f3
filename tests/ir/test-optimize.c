/*
 * Tests of the optimizer: random regions must end in the same state before and after, and small
 * regions of one idiom each must become what tests/ir/golden/ says (AMPHI_UPDATE_GOLDEN=1 rewrites
 * those files).
 */
#include "tests/ir/random-ir.h"
#include <string.h>
#include <time.h>

/* ---- Random regions ---- */

static void run_region(const IrRegion *ir, unsigned seed, uint32_t mxcsr, RandomResult *result)
{
    RandomGuest *guest = random_guest_new();
    GRand *rng = g_rand_new_with_seed(seed);

    random_guest_fill(guest, rng);
    random_run_interp(guest, ir, mxcsr, result);
    g_rand_free(rng);
    random_guest_free(guest);
}

static void fail_region(unsigned seed, int level, unsigned features, const char *what)
{
    GRand *rng = g_rand_new_with_seed(seed);
    GString *text = g_string_new(NULL);
    IrRegion ir;

    random_region_init(&ir);
    random_ir(rng, &ir, 10 + seed % 300, features);
    ir_print(&ir, text);
    ir_optimize(&ir, level);
    g_string_append(text, "---- optimized\n");
    ir_print(&ir, text);
    g_print("%s\n", text->str);
    g_error("seed %u, level %d: %s", seed, level, what);
}

/* A leaving translate op goes on with the unoptimized instruction; here, it ends the comparison. */
static bool comparable(const RandomResult *a, const RandomResult *b)
{
    return b->faulted || b->op != IR_translate || (!a->faulted && a->op == IR_translate);
}

static void check_seed(unsigned seed, int level, unsigned features)
{
    GRand *rng = g_rand_new_with_seed(seed);
    GString *why = g_string_new(NULL);
    static RandomResult before, after;
    uint32_t mxcsr = 0x1f80 | (seed & 3) << 13;
    IrRegion ir;

    random_region_init(&ir);
    random_ir(rng, &ir, 10 + seed % 300, features);
    run_region(&ir, seed, mxcsr, &before);
    ir_optimize(&ir, level);
    if (!ir_verify(&ir, why)) {
        fail_region(seed, level, features, why->str);
    }
    run_region(&ir, seed, mxcsr, &after);
    if (comparable(&before, &after) && !random_result_equal(&before, &after, why)) {
        fail_region(seed, level, features, why->str);
    }
    /* Again: what is optimized stays valid. */
    ir_optimize(&ir, level);
    if (!ir_verify(&ir, why)) {
        fail_region(seed, level, features, why->str);
    }
    run_region(&ir, seed, mxcsr, &after);
    if (comparable(&before, &after) && !random_result_equal(&before, &after, why)) {
        fail_region(seed, level, features, why->str);
    }
    ir_region_free(&ir);
    g_rand_free(rng);
    g_string_free(why, TRUE);
}

typedef void RandomLoop(GRand *rng, IrRegion *ir);

/* How many probe ops @ir has, or of wide loops, loads by vectors. */
static unsigned check_loop(RandomLoop *make, unsigned seed, bool no_probe, GString *why)
{
    static RandomResult result[2];
    GRand *rng = g_rand_new_with_seed(seed);
    unsigned probes = 0;
    IrRegion ir;

    random_region_init(&ir);
    ir.wide = seed & 1;
    make(rng, &ir);
    for (unsigned i = 0; i < 2; i++) {
        RandomGuest *guest = random_guest_new();

        g_rand_set_seed(rng, seed);
        random_guest_fill(guest, rng);
        guest->no_probe = no_probe;
        random_run_interp(guest, &ir, 0x1f80, &result[i]);
        random_guest_free(guest);
        if (i == 0) {
            ir_optimize(&ir, 2);
        }
    }
    if (!ir_verify(&ir, why) ||
        (comparable(&result[0], &result[1]) && !random_result_equal(&result[0], &result[1], why))) {
        ir_print(&ir, why);
        g_error("loop of seed %u: %s", seed, why->str);
    }
    for (unsigned i = 0; i < ir.ninsns; i++) {
        probes += make == random_loop
                      ? ir.insns[i].op == IR_probe
                      : ir.insns[i].op == IR_ld_host && ir_type_is_vector(ir.insns[i].type);
    }
    ir_region_free(&ir);
    g_rand_free(rng);
    return probes;
}

static unsigned seeds(void)
{
    const char *n = g_getenv("AMPHI_RANDOM_IR");

    return n ? (unsigned)atoi(n) : 3000;
}

static void test_random(gconstpointer level)
{
    for (unsigned seed = 0; seed < seeds(); seed++) {
        check_seed(seed, GPOINTER_TO_INT(level), seed % 3 ? RANDOM_ALL : seed * 7919 & RANDOM_ALL);
    }
}

static void test_loops(void)
{
    GString *why = g_string_new(NULL);
    unsigned copied = 0;

    for (unsigned seed = 0; seed < seeds(); seed++) {
        copied += check_loop(random_loop, seed, seed & 1, why) > 0;
    }
    g_assert_cmpuint(copied, >, seeds() / 4);
    g_string_free(why, TRUE);
}

static void test_wide_loops(void)
{
    GString *why = g_string_new(NULL);
    unsigned wide = 0;

    for (unsigned seed = 0; seed < seeds(); seed++) {
        wide += check_loop(random_wide_loop, seed, seed % 8 == 0, why) > 0;
    }
    g_test_message("%u of %u loops have vectors", wide, seeds());
    g_assert_cmpuint(wide, >, seeds() / 10);
    g_string_free(why, TRUE);
}

/* ---- Speed ---- */

static unsigned next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* A guest basic block as a front end for a load-store machine makes it: 12 instructions. */
static void build_typical(IrRegion *ir, uint32_t seed)
{
    ir_region_reset(ir);
    ir_block_begin(ir, 0x1000);
    for (unsigned i = 0; i < 12; i++) {
        unsigned kind = next_random(&seed) % 16, a = next_random(&seed) % 12;
        unsigned b = next_random(&seed) % 12, d = next_random(&seed) % 12;
        int32_t c = (int32_t)(next_random(&seed) % 256) - 128;
        IrRef v, w;

        ir_insn_start(ir, 0x1000 + 4 * i);
        v = ir_get_var(ir, a);
        if (kind < 4) {
            ir_set_var(ir, d, ir_ld(ir, IR_I64, kind & 1 ? IR_64 : IR_S32, v, c));
        } else if (kind < 6) {
            w = ir_get_var(ir, b);
            ir_st(ir, IR_I64, IR_64, v, c, w);
        } else if (kind < 10) {
            w = ir_const(ir, IR_I64, c);
            ir_set_var(ir, d, ir_op2(ir, kind < 9 ? IR_add : IR_and, IR_I64, 0, v, w));
        } else if (kind < 13) {
            w = ir_get_var(ir, b);
            ir_set_var(ir, d, ir_op2(ir, kind < 12 ? IR_add : IR_xor, IR_I64, 0, v, w));
        } else if (kind < 14) {
            w = ir_const(ir, IR_I64, c & 63);
            ir_set_var(ir, d, ir_op2(ir, IR_shl, IR_I64, 0, v, w));
        } else {
            v = ir_op1(ir, IR_trunc, IR_I32, 0, v);
            w = ir_op1(ir, IR_trunc, IR_I32, 0, ir_get_var(ir, b));
            v = ir_op2(ir, IR_add, IR_I32, 0, v, w);
            ir_set_var(ir, d, ir_op1(ir, IR_sext, IR_I64, 0, v));
        }
    }
    ir_exit_direct(ir, 0x2000);
}

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* With -m perf: nanoseconds per IR op that goes in. */
static void test_speed(void)
{
    double times[3];
    uint64_t ops = 0, after[3] = {0};
    IrRegion ir;

    random_region_init(&ir);
    for (int level = 0; level <= 2; level++) {
        double start = seconds();

        ops = 0;
        for (uint32_t i = 0; i < 100000; i++) {
            build_typical(&ir, i % 1000);
            ops += ir.ninsns;
            ir_optimize(&ir, level);
            after[level] += ir.ninsns;
        }
        times[level] = (seconds() - start) * 1e9 / (double)ops;
    }
    g_test_message("build %.1f, level 1 %.1f, level 2 %.1f ns/op; ops %.2f, %.2f of %.2f", times[0],
                   times[1] - times[0], times[2] - times[0], (double)after[1] / 1e5,
                   (double)after[2] / 1e5, (double)ops / 1e5);
    g_test_minimized_result(times[1] - times[0], "level 1: %.1f ns/op", times[1] - times[0]);
    ir_region_free(&ir);
}

/* ---- Golden dumps ---- */

#define GOLDEN "tests/ir/golden/"

/* Small words for guest instructions. Operands are evaluated in order: the dumps must not depend on
 * the compiler. */

static IrRef get(IrRegion *ir, unsigned n)
{
    return ir_get_var(ir, n);
}

static void set(IrRegion *ir, unsigned n, IrRef v)
{
    ir_set_var(ir, n, v);
}

static void li(IrRegion *ir, unsigned d, int64_t v)
{
    set(ir, d, ir_const(ir, IR_I64, v));
}

static IrRef imm(IrRegion *ir, IrOp op, IrRef a, int64_t v)
{
    return ir_op2(ir, op, IR_I64, 0, a, ir_const(ir, IR_I64, v));
}

static void rri(IrRegion *ir, IrOp op, unsigned d, unsigned a, int64_t v)
{
    set(ir, d, imm(ir, op, get(ir, a), v));
}

static void rrr(IrRegion *ir, IrOp op, unsigned d, unsigned a, unsigned b)
{
    IrRef v = get(ir, a);

    set(ir, d, ir_op2(ir, op, IR_I64, 0, v, get(ir, b)));
}

static IrRef low(IrRegion *ir, unsigned n)
{
    return ir_op1(ir, IR_trunc, IR_I32, 0, get(ir, n));
}

static IrRef imm32(IrRegion *ir, IrOp op, IrRef a, int32_t v)
{
    return ir_op2(ir, op, IR_I32, 0, a, ir_const(ir, IR_I32, v));
}

static void set_low(IrRegion *ir, unsigned d, IrRef v)
{
    set(ir, d, ir_op1(ir, IR_sext, IR_I64, 0, v));
}

static void rri_w(IrRegion *ir, IrOp op, unsigned d, unsigned a, int32_t v)
{
    IrRef x = low(ir, a);

    set_low(ir, d, ir_op2(ir, op, IR_I32, 0, x, ir_const(ir, IR_I32, v)));
}

static void rrr_w(IrRegion *ir, IrOp op, unsigned d, unsigned a, unsigned b)
{
    IrRef v = low(ir, a);

    set_low(ir, d, ir_op2(ir, op, IR_I32, 0, v, low(ir, b)));
}

static void load(IrRegion *ir, unsigned d, unsigned memop, unsigned a, int32_t offset)
{
    set(ir, d, ir_ld(ir, IR_I64, memop, get(ir, a), offset));
}

static void store(IrRegion *ir, unsigned a, int32_t offset, unsigned b)
{
    IrRef addr = get(ir, a);

    ir_st(ir, IR_I64, IR_64, addr, offset, get(ir, b));
}

static void at(IrRegion *ir, unsigned n)
{
    ir_insn_start(ir, 0x1000 + 4 * n);
}

static unsigned fp(unsigned n)
{
    return RANDOM_NX + n;
}

static IrRef op_f(IrRegion *ir, IrOp op, IrType type, IrRef a)
{
    return ir_op1(ir, op, type, 0, a);
}

static void build_constants(IrRegion *ir)
{
    IrRef v;

    li(ir, 1, 0x12345000);
    rri(ir, IR_add, 1, 1, 0x678);
    rri(ir, IR_add, 2, 1, 0);
    rrr(ir, IR_xor, 3, 2, 1);
    rri(ir, IR_and, 4, 9, 0);
    rri(ir, IR_sub, 5, 9, 8);
    v = ir_const(ir, IR_I64, 3);
    set(ir, 6, ir_op2(ir, IR_add, IR_I64, 0, v, get(ir, 9)));
    ir_exit_direct(ir, 0x2000);
}

/* Extension by pairs of shifts and by masks, and what needs none. */
static void build_extend(IrRegion *ir)
{
    rri(ir, IR_shl, 2, 1, 32);
    rri(ir, IR_shr, 2, 2, 32);
    rri(ir, IR_shl, 3, 1, 48);
    rri(ir, IR_sar, 3, 3, 48);
    load(ir, 4, IR_U8, 1, 0);
    rri(ir, IR_and, 4, 4, 255);
    load(ir, 5, IR_S32, 1, 4);
    set_low(ir, 5, low(ir, 5));
    rri(ir, IR_and, 6, 1, 0xff0);
    rri(ir, IR_and, 6, 6, 0x0ff);
    ir_exit_direct(ir, 0x2000);
}

/* 32-bit arithmetic of a 64-bit machine. */
static void build_words(IrRegion *ir)
{
    rrr_w(ir, IR_add, 1, 2, 3);
    rri_w(ir, IR_shl, 4, 1, 3);
    rri_w(ir, IR_add, 5, 6, -1);
    rrr_w(ir, IR_divs, 7, 6, 7);
    ir_exit_direct(ir, 0x2000);
}

/* Rotations by pairs of shifts, chains of word additions, x & ~y. */
static void build_rotate(IrRegion *ir)
{
    rri(ir, IR_shl, 10, 1, 13);
    rri(ir, IR_shr, 11, 1, 51);
    rrr(ir, IR_or, 2, 10, 11);
    rri_w(ir, IR_shl, 10, 3, 7);
    set(ir, 11, ir_op1(ir, IR_zext, IR_I64, 0, imm32(ir, IR_shr, low(ir, 3), 25)));
    rrr(ir, IR_or, 4, 11, 10);
    rrr_w(ir, IR_add, 5, 6, 7);
    rrr_w(ir, IR_add, 5, 5, 8);
    rrr_w(ir, IR_add, 5, 5, 9);
    set(ir, 10, ir_op1(ir, IR_not, IR_I64, 0, get(ir, 7)));
    rrr(ir, IR_and, 10, 10, 8);
    ir_exit_direct(ir, 0x2000);
}

static void build_division(IrRegion *ir)
{
    rri(ir, IR_mul, 1, 9, 16);
    rri(ir, IR_divu, 2, 9, 8);
    rri(ir, IR_remu, 3, 9, 8);
    rri(ir, IR_divs, 4, 9, 8);
    rri(ir, IR_rems, 5, 9, 8);
    rri(ir, IR_divs, 6, 9, -1);
    rri(ir, IR_divu, 7, 9, 0);
    rri(ir, IR_mulhu, 8, 9, 16);
    ir_exit_direct(ir, 0x2000);
}

static void build_conditions(IrRegion *ir)
{
    unsigned yes = ir_block_new(ir), no = ir_block_new(ir);
    IrRef a = get(ir, 1), b = get(ir, 2), lt, ge, zero, one, c, d;

    lt = ir_op2(ir, IR_setcond, IR_I64, IR_LT, a, b);
    ge = imm(ir, IR_xor, lt, 1);
    zero = ir_const(ir, IR_I64, 0);
    one = ir_const(ir, IR_I64, 1);
    c = get(ir, 4);
    d = get(ir, 5);
    set(ir, 3, ir_select(ir, IR_I64, IR_NE, lt, zero, c, d));
    set(ir, 6, ir_select(ir, IR_I64, IR_LTU, c, one, zero, one));
    ir_brcond(ir, IR_I64, IR_EQ, ge, zero, yes, no);
    ir_block_place(ir, yes, 0x1100);
    ir_exit_direct(ir, 0x2000);
    ir_block_place(ir, no, 0x1200);
    ir_exit_direct(ir, 0x3000);
}

/* Stores that nothing sees, reads of what was written, and what makes them visible. */
static void build_variables(IrRegion *ir)
{
    IrRef arg;

    at(ir, 0);
    rri(ir, IR_add, 1, 1, 1);
    at(ir, 1);
    rrr(ir, IR_xor, 1, 1, 2);
    at(ir, 2);
    set(ir, 2, get(ir, 2));
    at(ir, 3);
    li(ir, 3, 1);
    at(ir, 4);
    store(ir, 1, 0, 3);
    at(ir, 5);
    li(ir, 3, 2);
    at(ir, 6);
    arg = get(ir, 3);
    ir_call(ir, 5, 1, &arg);
    at(ir, 7);
    set(ir, 4, get(ir, 3));
    ir_exit_direct(ir, 0x2000);
}

static void build_env(IrRegion *ir)
{
    int32_t field = offsetof(RandomState, env);

    ir_st_env(ir, IR_I32, IR_U8, field, ir_const(ir, IR_I32, 1));
    load(ir, 1, IR_64, 2, 0);
    ir_st_env(ir, IR_I32, IR_U8, field, ir_const(ir, IR_I32, 1));
    set(ir, 3, ir_op1(ir, IR_zext, IR_I64, 0, ir_ld_env(ir, IR_I32, IR_U8, field)));
    ir_st_env(ir, IR_I64, IR_U32, field + 8, get(ir, 1));
    ir_st_env(ir, IR_I64, IR_U32, field + 8, get(ir, 3));
    set(ir, 4, ir_ld_env(ir, IR_I64, IR_S32, field + 8));
    ir_exit_direct(ir, 0x2000);
}

/* The sum's operand is in a variable anyway (x1), or it is not (x2). */
static void build_addresses(IrRegion *ir)
{
    set(ir, 5, ir_ld(ir, IR_I64, IR_64, imm(ir, IR_add, get(ir, 1), 16), 8));
    at(ir, 1);
    rri(ir, IR_add, 2, 2, -64);
    at(ir, 2);
    store(ir, 2, 56, 5);
    at(ir, 3);
    rri(ir, IR_add, 3, 1, 32);
    at(ir, 4);
    store(ir, 3, 8, 5);
    ir_exit_direct(ir, 0x2000);
}

static void build_fp(IrRegion *ir)
{
    IrRef a = op_f(ir, IR_funbox, IR_F32, get(ir, fp(1))), v;

    v = op_f(ir, IR_fcanon, IR_F32, ir_op2(ir, IR_fadd, IR_F32, 0, a, a));
    set(ir, fp(1), op_f(ir, IR_fbox, IR_F64, v));
    v = op_f(ir, IR_fcanon, IR_F32, op_f(ir, IR_funbox, IR_F32, get(ir, fp(1))));
    set(ir, fp(2), op_f(ir, IR_fbox, IR_F64, v));
    ir_op2(ir, IR_fmul, IR_F32, 0, v, v); /* unused, but it may set flags */
    op_f(ir, IR_fneg, IR_F32, v);
    v = op_f(ir, IR_bits_if, IR_F64, op_f(ir, IR_bits_fi, IR_I64, get(ir, fp(3))));
    set(ir, fp(4), ir_op2(ir, IR_fsgnj, IR_F64, 0, v, v));
    set(ir, fp(5), ir_op2(ir, IR_fsgnjx, IR_F64, 0, v, v));
    ir_exit_direct(ir, 0x2000);
}

/* Constants, known signs and boxed floats reach into a loop; a block with one way in is joined. */
static void build_loop(IrRegion *ir)
{
    unsigned pre = ir_block_new(ir), loop = ir_block_new(ir), out = ir_block_new(ir);
    IrRef v;

    li(ir, 1, 5);
    load(ir, 2, IR_S32, 9, 0);
    v = ir_ld(ir, IR_F32, IR_U32, get(ir, 9), 4);
    set(ir, fp(1), op_f(ir, IR_fbox, IR_F64, v));
    ir_br(ir, pre);
    ir_block_place(ir, pre, 0x1010);
    li(ir, 3, 0);
    ir_br(ir, loop);
    ir_block_place(ir, loop, 0x1020);
    rrr(ir, IR_add, 3, 3, 1);
    rri_w(ir, IR_add, 2, 2, -1);
    set(ir, 4, ir_op1(ir, IR_ext, IR_I64, IR_S32, get(ir, 2)));
    v = op_f(ir, IR_fneg, IR_F32, op_f(ir, IR_funbox, IR_F32, get(ir, fp(1))));
    set(ir, fp(1), op_f(ir, IR_fbox, IR_F64, v));
    ir_emit(ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x1020);
    v = get(ir, 2);
    ir_brcond(ir, IR_I64, IR_NE, v, ir_const(ir, IR_I64, 0), loop, out);
    ir_block_place(ir, out, 0x1030);
    ir_exit_direct(ir, 0x2000);
}

static void build_unreachable(IrRegion *ir)
{
    unsigned never = ir_block_new(ir), always = ir_block_new(ir), end = ir_block_new(ir);
    IrRef v;

    li(ir, 1, 1);
    v = get(ir, 1);
    ir_brcond(ir, IR_I64, IR_EQ, v, ir_const(ir, IR_I64, 0), never, always);
    ir_block_place(ir, never, 0x1010);
    li(ir, 2, 2);
    ir_br(ir, end);
    ir_block_place(ir, always, 0x1020);
    rri(ir, IR_add, 2, 1, 3);
    ir_br(ir, end);
    ir_block_place(ir, end, 0x1030);
    set(ir, 3, get(ir, 2));
    ir_exit_direct(ir, 0x2000);
}

/* A function's start, several fields of a structure, through a moved pointer, too, and what parts groups. */
static void build_groups(IrRegion *ir)
{
    for (unsigned i = 0; i < 3; i++) {
        at(ir, i);
        store(ir, 2, (int32_t)(8 * i), 10 + i);
    }
    at(ir, 3);
    load(ir, 3, IR_64, 2, 16);
    at(ir, 4);
    load(ir, 4, IR_S32, 5, 4);
    at(ir, 5);
    load(ir, 6, IR_U8, 5, 0);
    at(ir, 6);
    store(ir, 7, 0, 3); /* might be a device */
    at(ir, 7);
    load(ir, 8, IR_64, 5, 8);
    at(ir, 8);
    load(ir, 9, IR_64, 5, 600);
    at(ir, 9);
    load(ir, 9, IR_64, 5, 16);
    at(ir, 10);
    load(ir, 10, IR_U8, 11, 0);
    at(ir, 11);
    ir_set_var(ir, 11, ir_op2(ir, IR_add, IR_I64, 0, ir_get_var(ir, 11), ir_const(ir, IR_I64, 4)));
    at(ir, 12);
    load(ir, 12, IR_U8, 11, -3);
    ir_exit_direct(ir, 0x2000);
}

/* Bytes of one word looked at in block after block, and a frame that is made in one block and read in the next. */
static void build_group_blocks(IrRegion *ir)
{
    unsigned second = ir_block_new(ir), third = ir_block_new(ir), out = ir_block_new(ir);
    IrRef sp;

    at(ir, 0);
    sp = ir_op2(ir, IR_add, IR_I64, 0, get(ir, 2), ir_const(ir, IR_I64, -32));
    set(ir, 2, sp);
    at(ir, 1);
    store(ir, 2, 16, 8);
    at(ir, 2);
    load(ir, 3, IR_U8, 5, 0);
    ir_brcond(ir, IR_I64, IR_NE, get(ir, 3), ir_const(ir, IR_I64, 0), second, out);
    ir_block_place(ir, second, 0x1010);
    at(ir, 3);
    load(ir, 3, IR_U8, 5, 1);
    at(ir, 4);
    load(ir, 8, IR_64, 2, 16);
    ir_brcond(ir, IR_I64, IR_NE, get(ir, 3), ir_const(ir, IR_I64, 0), third, out);
    ir_block_place(ir, third, 0x1020);
    at(ir, 5);
    load(ir, 3, IR_U8, 5, 2);
    at(ir, 6);
    load(ir, 5, IR_64, 5, 8);
    at(ir, 7);
    load(ir, 5, IR_64, 5, 16); /* off another base */
    ir_exit_direct(ir, 0x3000);
    ir_block_place(ir, out, 0x1030);
    at(ir, 8);
    load(ir, 3, IR_U8, 5, 3); /* more than one block leads here */
    ir_exit_direct(ir, 0x2000);
}

/* A vector set by halves, whose other half and whole are wanted. */
static void build_halves(IrRegion *ir)
{
    const unsigned v = RANDOM_NX + RANDOM_NF, w = v + RANDOM_NV;
    IrRef high;

    at(ir, 0);
    high = ir_op1(ir, IR_vhalf, IR_V128, 1, get(ir, w));
    set(ir, w, ir_op2(ir, IR_vjoin, IR_V256, 0, get(ir, v), high));
    at(ir, 1);
    set(ir, v, ir_op1(ir, IR_vhalf, IR_V128, 0, get(ir, w)));
    set(ir, v + 1, ir_op1(ir, IR_vhalf, IR_V128, 1, get(ir, w)));
    at(ir, 2);
    high = ir_op1(ir, IR_vhalf, IR_V128, 1, get(ir, w + 1));
    set(ir, w,
        ir_op2(ir, IR_vjoin, IR_V256, 0, ir_op1(ir, IR_vhalf, IR_V128, 0, get(ir, w + 1)), high));
    ir_exit_direct(ir, 0x2000);
}

static const struct Golden {
    const char *name;
    void (*build)(IrRegion *ir);
} goldens[] = {
    {"constants", build_constants},
    {"extend", build_extend},
    {"words", build_words},
    {"rotate", build_rotate},
    {"division", build_division},
    {"conditions", build_conditions},
    {"variables", build_variables},
    {"env", build_env},
    {"addresses", build_addresses},
    {"fp", build_fp},
    {"loop", build_loop},
    {"groups", build_groups},
    {"group-blocks", build_group_blocks},
    {"halves", build_halves},
    {"unreachable", build_unreachable},
};

static void print_level(const struct Golden *golden, int level, GString *text)
{
    GString *why = g_string_new(NULL);
    IrRegion ir;

    random_region_init(&ir);
    ir_block_begin(&ir, 0x1000);
    golden->build(&ir);
    if (!ir_verify(&ir, why)) {
        g_error("%s: %s", golden->name, why->str);
    }
    ir_optimize(&ir, level);
    if (!ir_verify(&ir, why)) {
        g_error("%s, level %d: %s", golden->name, level, why->str);
    }
    g_string_append_printf(text, "---- level %d\n", level);
    ir_print(&ir, text);
    ir_region_free(&ir);
    g_string_free(why, TRUE);
}

static void test_golden(gconstpointer data)
{
    const struct Golden *golden = data;
    GString *text = g_string_new(NULL);
    char *path = g_strdup_printf(GOLDEN "%s.txt", golden->name), *want = NULL;
    GError *error = NULL;

    for (int level = 0; level <= 2; level++) {
        print_level(golden, level, text);
    }
    if (g_getenv("AMPHI_UPDATE_GOLDEN")) {
        g_file_set_contents(path, text->str, -1, &error);
        g_assert_no_error(error);
    }
    g_file_get_contents(path, &want, NULL, &error);
    g_assert_no_error(error);
    if (strcmp(text->str, want) != 0) {
        g_error("%s differs; the optimizer gives now:\n%s", path, text->str);
    }
    g_free(want);
    g_free(path);
    g_string_free(text, TRUE);
}

/* Where a group's translate finds no host pointer, state must be that before the group's first
 * access: as if that access of the original had faulted. */
static bool check_group_seed(unsigned seed, GString *why)
{
    static RandomResult original, grouped;
    RandomGuest *guest = random_guest_new();
    GRand *rng = g_rand_new_with_seed(seed);
    unsigned accesses;
    IrRegion ir;

    random_region_init(&ir);
    random_ir(rng, &ir, 10 + seed % 200, RANDOM_ALL & ~RANDOM_XLATE & ~RANDOM_FAULT);
    g_rand_set_seed(rng, seed);
    random_guest_fill(guest, rng);
    guest->no_translate = true;
    ir_optimize(&ir, 2);
    random_run_interp(guest, &ir, 0x1f80, &grouped);
    accesses = guest->accesses;
    if (grouped.op == IR_translate) {
        g_rand_set_seed(rng, seed);
        random_ir(rng, &ir, 10 + seed % 200, RANDOM_ALL & ~RANDOM_XLATE & ~RANDOM_FAULT);
        g_rand_set_seed(rng, seed);
        random_guest_fill(guest, rng);
        guest->access_limit = accesses + 1;
        random_run_interp(guest, &ir, 0x1f80, &original);
        g_assert_true(original.faulted);
        /* They left in different ways. */
        original.faulted = false;
        original.fault_addr = grouped.fault_addr;
        original.op = grouped.op;
        if (!random_result_equal(&original, &grouped, why)) {
            fail_region(seed, 2, RANDOM_ALL & ~RANDOM_XLATE & ~RANDOM_FAULT, why->str);
        }
    }
    ir_region_free(&ir);
    g_rand_free(rng);
    random_guest_free(guest);
    return grouped.op == IR_translate;
}

static void test_group_leaves(void)
{
    GString *why = g_string_new(NULL);
    unsigned seen = 0;

    for (unsigned seed = 0; seed < seeds() / 2; seed++) {
        seen += check_group_seed(seed, why);
    }
    g_assert_cmpuint(seen, >, seeds() / 20);
    g_string_free(why, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/optimize/random-1", GINT_TO_POINTER(1), test_random);
    g_test_add_data_func("/optimize/random-2", GINT_TO_POINTER(2), test_random);
    g_test_add_func("/optimize/group-leaves", test_group_leaves);
    g_test_add_func("/optimize/loops", test_loops);
    g_test_add_func("/optimize/wide-loops", test_wide_loops);
    for (unsigned i = 0; i < ARRAY_SIZE(goldens); i++) {
        char *path = g_strdup_printf("/optimize/golden/%s", goldens[i].name);

        g_test_add_data_func(path, &goldens[i], test_golden);
        g_free(path);
    }
    if (g_test_perf()) {
        g_test_add_func("/optimize/speed", test_speed);
    }
    return g_test_run();
}
