/*
 * Tests of the optimizer: random regions must end in the same state before and after, and small regions
 * of one idiom each must become what tests/ir/golden/ says (AMPHI_UPDATE_GOLDEN=1 rewrites those files).
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/optimize/random-1", GINT_TO_POINTER(1), test_random);
    g_test_add_data_func("/optimize/random-2", GINT_TO_POINTER(2), test_random);
    if (g_test_perf()) {
        g_test_add_func("/optimize/speed", test_speed);
    }
    return g_test_run();
}
