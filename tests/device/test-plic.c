/*
 * The PLIC.
 */
#include "hw/intc/plic.h"
#include "tests/device/harness.h"

#define BASE 0xc000000
#define SIZE 0x600000
#define SOURCES 96
#define CONTEXTS 4

typedef struct Fixture {
    Machine *machine;
    IrqProbe out[CONTEXTS];
    Device *plic;
} Fixture;

static Device *make(Fixture *f, uint64_t base)
{
    IrqLine lines[CONTEXTS];
    for (unsigned i = 0; i < CONTEXTS; i++) {
        lines[i] = irq_probe(&f->out[i]);
    }
    return plic_new(f->machine, base, SIZE, SOURCES, CONTEXTS, lines);
}

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->plic = make(f, BASE);
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static void set_source(Fixture *f, unsigned source, bool level)
{
    IrqLine line = plic_input(f->plic, source);
    irq_set(&line, level);
}

static void set_priority(Fixture *f, unsigned source, unsigned priority)
{
    wr32(f->machine, BASE + 4 * source, priority);
}

static void enable(Fixture *f, unsigned context, unsigned source)
{
    uint64_t addr = BASE + 0x2000 + 0x80 * context + source / 32 * 4;
    wr32(f->machine, addr, rd32(f->machine, addr) | 1u << source % 32);
}

static uint64_t claim_reg(unsigned context)
{
    return BASE + 0x200004 + 0x1000 * context;
}

static bool pending(Fixture *f, unsigned source)
{
    return rd32(f->machine, BASE + 0x1000 + source / 32 * 4) >> source % 32 & 1;
}

static void test_claim_complete(Fixture *f, gconstpointer data)
{
    set_priority(f, 10, 1);
    enable(f, 1, 10);
    set_source(f, 10, true);
    g_assert_true(pending(f, 10));
    g_assert_true(f->out[1].level);
    g_assert_false(f->out[0].level);
    g_assert_cmpuint(rd32(f->machine, claim_reg(0)), ==, 0);
    g_assert_cmpuint(rd32(f->machine, claim_reg(1)), ==, 10);
    g_assert_false(pending(f, 10));
    g_assert_false(f->out[1].level);
    g_assert_cmpuint(rd32(f->machine, claim_reg(1)), ==, 0);
    /* Still high at completion: once more. */
    wr32(f->machine, claim_reg(1), 10);
    g_assert_true(f->out[1].level);
    g_assert_cmpuint(rd32(f->machine, claim_reg(1)), ==, 10);
    set_source(f, 10, false);
    wr32(f->machine, claim_reg(1), 10);
    g_assert_false(f->out[1].level);
    g_assert_false(pending(f, 10));
}

static void test_priorities(Fixture *f, gconstpointer data)
{
    for (unsigned source = 1; source <= SOURCES; source++) {
        set_priority(f, source, 1);
        enable(f, 0, source);
    }
    set_priority(f, 40, 7);
    set_priority(f, 96, 6);
    set_priority(f, 3, 0);
    set_source(f, 3, true);
    g_assert_false(f->out[0].level);
    set_source(f, 20, true);
    set_source(f, 7, true);
    set_source(f, 96, true);
    set_source(f, 40, true);
    static const unsigned order[] = {40, 96, 7, 20, 0};
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        g_assert_cmpuint(rd32(f->machine, claim_reg(0)), ==, order[i]);
    }
    set_priority(f, 5, 0xffffffff);
    g_assert_cmpuint(rd32(f->machine, BASE + 4 * 5), ==, 7);
    g_assert_cmpuint(rd32(f->machine, BASE), ==, 0); /* source 0 has no priority */
}

static void test_threshold(Fixture *f, gconstpointer data)
{
    set_priority(f, 8, 3);
    enable(f, 2, 8);
    wr32(f->machine, BASE + 0x202000, 3);
    set_source(f, 8, true);
    g_assert_false(f->out[2].level);
    wr32(f->machine, BASE + 0x202000, 2);
    g_assert_true(f->out[2].level);
    wr32(f->machine, BASE + 0x202000, 7);
    g_assert_false(f->out[2].level);
    g_assert_cmpuint(rd32(f->machine, claim_reg(2)), ==, 8); /* claims do not look at it */
}

static void test_bad_completion(Fixture *f, gconstpointer data)
{
    set_priority(f, 9, 1);
    enable(f, 0, 9);
    set_source(f, 9, true);
    g_assert_cmpuint(rd32(f->machine, claim_reg(0)), ==, 9);
    wr32(f->machine, claim_reg(1), 9); /* not enabled there */
    g_assert_false(f->out[0].level);
    wr32(f->machine, claim_reg(0), 0xffffffff);
    wr32(f->machine, claim_reg(0), 97);
    g_assert_false(f->out[0].level);
    wr32(f->machine, claim_reg(0), 9);
    g_assert_true(f->out[0].level);
}

static void test_no_such_source(Fixture *f, gconstpointer data)
{
    wr32(f->machine, BASE + 0x2000, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 0x2000), ==, 0xfffffffe);
    wr32(f->machine, BASE + 0x200c, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 0x200c), ==, 1); /* 96 */
    wr32(f->machine, BASE + 0x2000 + 0x80 * CONTEXTS, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 0x2000 + 0x80 * CONTEXTS), ==, 0);
    wr32(f->machine, BASE + 0x1000, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 0x1000), ==, 0);
}

static void test_reset(Fixture *f, gconstpointer data)
{
    set_priority(f, 9, 1);
    enable(f, 0, 9);
    set_source(f, 9, true);
    g_assert_true(f->out[0].level);
    machine_reset(f->machine);
    g_assert_false(f->out[0].level);
    g_assert_cmphex(rd32(f->machine, BASE + 0x2000), ==, 0);
}

static void test_state(Fixture *f, gconstpointer data)
{
    Fixture other = {.machine = f->machine};
    Device *copy = make(&other, BASE + 0x1000000);
    wild_accesses(f->machine, BASE + 0x1000000, 0x3000, 5000, 1);
    for (unsigned source = 1; source <= SOURCES; source += 3) {
        set_priority(f, source, 2);
        enable(f, source % CONTEXTS, source);
        set_source(f, source, true);
        rd32(f->machine, claim_reg(0));
    }
    check_round_trip(f->plic, copy);
    for (unsigned i = 0; i < CONTEXTS; i++) {
        g_assert_cmpint(other.out[i].level, ==, f->out[i].level);
    }
}

static void test_wild(Fixture *f, gconstpointer data)
{
    for (unsigned source = 1; source <= SOURCES; source += 2) {
        set_source(f, source, true);
    }
    wild_accesses(f->machine, BASE, SIZE, 100000, 42);
    wild_accesses(f->machine, BASE, 0x3000, 100000, 43);
    wild_accesses(f->machine, BASE + 0x200000, 0x5000, 100000, 44);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/plic/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(claim_complete);
    ADD(priorities);
    ADD(threshold);
    ADD(bad_completion);
    ADD(no_such_source);
    ADD(reset);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
