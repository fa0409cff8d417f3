/*
 * Debug registers for a debugger's points under KVM, without KVM: which get one, how odd watchpoints are split, and that
 * the debugger hears of what does not fit.
 */
#include "accel/kvm/kvm.h"
#include <string.h>

#define WRITE 1 /* R/W of DR7 */
#define ACCESS 3
#define LEN(n) ((n) == 1 ? 0u : (n) == 2 ? 4u : (n) == 4 ? 12u : 8u)

typedef struct Fixture {
    Machine machine;
    MachineRunner runner;
} Fixture;

static bool fits_registers(Machine *machine)
{
    KvmPoints plan;
    return kvm_points_plan(machine->debug, true, &plan);
}

static void setup(Fixture *f, gconstpointer data)
{
    memset(f, 0, sizeof(*f));
    f->runner.debug_fits = fits_registers;
    f->runner.debug_lacks = 1u << DEBUG_WATCH_READ;
    f->machine.runner = &f->runner;
}

static void teardown(Fixture *f, gconstpointer data)
{
    debug_free(&f->machine);
}

static void check(const KvmPoints *plan, unsigned i, uint64_t addr, unsigned control)
{
    g_assert_cmpuint(i, <, plan->used);
    g_assert_cmphex(plan->addr[i], ==, addr);
    g_assert_cmphex(plan->control[i], ==, control);
}

static void test_split(Fixture *f, gconstpointer data)
{
    Machine *m = &f->machine;
    KvmPoints plan;

    g_assert_true(debug_insert(m, DEBUG_WATCH_ACCESS, 0x1003, 5));
    g_assert_true(kvm_points_plan(m->debug, true, &plan));
    g_assert_cmpuint(plan.used, ==, 2);
    check(&plan, 0, 0x1003, ACCESS | LEN(1));
    check(&plan, 1, 0x1004, ACCESS | LEN(4));

    g_assert_true(debug_insert(m, DEBUG_WATCH_WRITE, 0x2ffa, 6));
    g_assert_true(kvm_points_plan(m->debug, true, &plan));
    g_assert_cmpuint(plan.used, ==, 4);
    check(&plan, 2, 0x2ffa, WRITE | LEN(2));
    check(&plan, 3, 0x2ffc, WRITE | LEN(4));
    g_assert_true(plan.point[2] == plan.point[3]);

    /* In effect is nothing as yet. */
    g_assert_true(kvm_points_plan(m->debug, false, &plan));
    g_assert_cmpuint(plan.used, ==, 0);
}

static void test_full(Fixture *f, gconstpointer data)
{
    Machine *m = &f->machine;
    KvmPoints plan;

    g_assert_false(debug_insert(m, DEBUG_WATCH_WRITE, 0x1000, 40));
    g_assert_true(debug_insert(m, DEBUG_WATCH_WRITE, 0x1000, 24)); /* three of 8 bytes */
    g_assert_false(debug_insert(m, DEBUG_WATCH_WRITE, 0x2001, 2));
    g_assert_true(debug_insert(m, DEBUG_BREAK_HARDWARE, 0x3000, 1));
    g_assert_false(debug_insert(m, DEBUG_BREAK_HARDWARE, 0x3001, 1));
    g_assert_true(debug_insert(m, DEBUG_BREAK_HARDWARE, 0x3000, 1)); /* is there */
    g_assert_true(kvm_points_plan(m->debug, true, &plan));
    check(&plan, 2, 0x1010, WRITE | LEN(8));
    check(&plan, 3, 0x3000, 0);

    /* What is taken back makes room at once. */
    g_assert_true(debug_remove(m, DEBUG_BREAK_HARDWARE, 0x3000, 1));
    g_assert_true(debug_insert(m, DEBUG_WATCH_ACCESS, 0x4000, 4));
    g_assert_false(debug_remove(m, DEBUG_BREAK_HARDWARE, 0x3001, 1));
}

/* Software breakpoints make room for what has no other place. */
static void test_software(Fixture *f, gconstpointer data)
{
    Machine *m = &f->machine;
    KvmPoints plan;

    for (unsigned i = 0; i < 6; i++) {
        g_assert_true(debug_insert(m, DEBUG_BREAK_SOFTWARE, 0x1000 + i, 1));
    }
    g_assert_true(debug_insert(m, DEBUG_WATCH_WRITE, 0x2000, 4));
    debug_commit(m);
    g_assert_true(kvm_points_plan(m->debug, false, &plan));
    check(&plan, 0, 0x2000, WRITE | LEN(4));
    check(&plan, 1, 0x1000, 0);
    for (unsigned i = 0; i < 7; i++) {
        const DebugPoint *p = &g_array_index(m->debug->points, DebugPoint, i);
        g_assert_cmpint(kvm_points_in_memory(&plan, p), ==, i >= 3 && i < 6);
    }
}

static void test_read(Fixture *f, gconstpointer data)
{
    g_assert_false(debug_has_kind(&f->machine, DEBUG_WATCH_READ));
    g_assert_true(debug_has_kind(&f->machine, DEBUG_WATCH_ACCESS));
    g_assert_false(debug_insert(&f->machine, DEBUG_WATCH_READ, 0x1000, 4));
    f->machine.runner = NULL;
    g_assert_true(debug_insert(&f->machine, DEBUG_WATCH_READ, 0x1000, 4));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/kvm-points/split", Fixture, NULL, setup, test_split, teardown);
    g_test_add("/kvm-points/full", Fixture, NULL, setup, test_full, teardown);
    g_test_add("/kvm-points/software", Fixture, NULL, setup, test_software, teardown);
    g_test_add("/kvm-points/read", Fixture, NULL, setup, test_read, teardown);
    return g_test_run();
}
