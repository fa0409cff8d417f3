/*
 * The ACLINT: software interrupts and machine timer.
 */
#include "hw/intc/aclint.h"
#include "tests/device/harness.h"

#define BASE 0x2000000
#define HARTS 3
#define HZ 10000000 /* a tick is 100 ns */

typedef struct Fixture {
    Machine *machine;
    IrqProbe msip[HARTS], mtip[HARTS];
    uint64_t offset; /* mtime = virtual time in ticks + offset */
    Device *aclint;
} Fixture;

static uint64_t get_time(void *opaque)
{
    Fixture *f = opaque;
    return clock_now(f->machine->clock) / 100 + f->offset;
}

static void set_time(void *opaque, uint64_t value)
{
    Fixture *f = opaque;
    f->offset += value - get_time(f);
}

static Device *make(Fixture *f, uint64_t base)
{
    IrqLine msip[HARTS], mtip[HARTS];
    for (unsigned i = 0; i < HARTS; i++) {
        msip[i] = irq_probe(&f->msip[i]);
        mtip[i] = irq_probe(&f->mtip[i]);
    }
    AclintTime time = {get_time, set_time, f, HZ};
    return aclint_new(f->machine, base, HARTS, &time, msip, mtip);
}

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->aclint = make(f, BASE);
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static void test_msip(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < HARTS; i++) {
        g_assert_false(f->msip[i].level);
        wr32(f->machine, BASE + 4 * i, 0xffffffff);
        g_assert_true(f->msip[i].level);
        g_assert_cmphex(rd32(f->machine, BASE + 4 * i), ==, 1);
        wr32(f->machine, BASE + 4 * i, 0xfffffffe);
        g_assert_false(f->msip[i].level);
    }
    wr32(f->machine, BASE + 4 * HARTS, 1); /* nobody */
    g_assert_cmphex(rd32(f->machine, BASE + 4 * HARTS), ==, 0);
}

static void test_timer(Fixture *f, gconstpointer data)
{
    uint64_t cmp = BASE + 0x4000 + 8;
    machine_mmio_write(f->machine, cmp, 50, 8);
    g_assert_cmpuint(machine_mmio_read(f->machine, cmp, 8), ==, 50);
    clock_step(f->machine->clock, 4900);
    g_assert_false(f->mtip[1].level);
    clock_step(f->machine->clock, 100);
    g_assert_true(f->mtip[1].level);
    g_assert_false(f->mtip[0].level);
    g_assert_cmpuint(machine_mmio_read(f->machine, BASE + 0xbff8, 8), ==, 50);
    machine_mmio_write(f->machine, cmp, 60, 8);
    g_assert_false(f->mtip[1].level);
    /* In halves, as 32-bit code does it. */
    wr32(f->machine, cmp, 0xffffffff);
    wr32(f->machine, cmp + 4, 0);
    wr32(f->machine, cmp, 70);
    g_assert_cmpuint(rd32(f->machine, cmp), ==, 70);
    clock_step(f->machine->clock, 2000);
    g_assert_true(f->mtip[1].level);
    machine_mmio_write(f->machine, cmp, 0, 8); /* in the past */
    g_assert_true(f->mtip[1].level);
}

static void test_far_future(Fixture *f, gconstpointer data)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        machine_mmio_write(f->machine, BASE + 0x4000, UINT64_MAX >> bit, 8);
        g_assert_cmpint(f->mtip[0].level, ==, bit == 64);
    }
    clock_step(f->machine->clock, 1000 * NS_PER_SECOND);
    g_assert_true(f->mtip[0].level);
}

static void test_mtime_write(Fixture *f, gconstpointer data)
{
    machine_mmio_write(f->machine, BASE + 0x4000, 1000000, 8);
    machine_mmio_write(f->machine, BASE + 0xbff8, 999999, 8);
    g_assert_false(f->mtip[0].level);
    clock_step(f->machine->clock, 100);
    g_assert_true(f->mtip[0].level);
    machine_mmio_write(f->machine, BASE + 0xbff8, 0, 8);
    g_assert_false(f->mtip[0].level);
    wr32(f->machine, BASE + 0xbffc, 1);
    g_assert_cmphex(rd32(f->machine, BASE + 0xbffc), ==, 1);
    g_assert_true(f->mtip[0].level);
}

static void test_reset(Fixture *f, gconstpointer data)
{
    wr32(f->machine, BASE, 1);
    machine_mmio_write(f->machine, BASE + 0x4000, 0, 8);
    g_assert_true(f->mtip[0].level);
    machine_reset(f->machine);
    g_assert_false(f->msip[0].level);
    g_assert_false(f->mtip[0].level);
}

static void test_state(Fixture *f, gconstpointer data)
{
    Fixture other = {.machine = f->machine};
    Device *copy = make(&other, BASE + 0x100000);
    wild_accesses(f->machine, BASE + 0x100000, 0x10000, 5000, 1);
    other.offset = f->offset;
    wr32(f->machine, BASE + 4, 1);
    uint64_t when = get_time(f) + 10;
    machine_mmio_write(f->machine, BASE + 0x4010, when, 8);
    check_round_trip(f->aclint, copy);
    g_assert_true(other.msip[1].level);
    g_assert_false(other.mtip[2].level);
    clock_step(f->machine->clock, 1000);
    g_assert_true(other.mtip[2].level);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, BASE, 0x10000, 100000, 42);
    wild_accesses(f->machine, BASE, 0x20, 10000, 43);
    wild_accesses(f->machine, BASE + 0x4000, 0x20, 100000, 44);
    wild_accesses(f->machine, BASE + 0xbff0, 0x10, 100000, 45);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/aclint/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(msip);
    ADD(timer);
    ADD(far_future);
    ADD(mtime_write);
    ADD(reset);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
