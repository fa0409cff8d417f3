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
    return a->faulted || b->faulted || b->op != IR_translate || a->op == IR_translate;
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/optimize/random-1", GINT_TO_POINTER(1), test_random);
    g_test_add_data_func("/optimize/random-2", GINT_TO_POINTER(2), test_random);
    return g_test_run();
}
