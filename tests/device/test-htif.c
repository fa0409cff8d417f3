/*
 * HTIF: console, exit and system calls.
 */
#include "hw/char/htif.h"
#include "tests/device/harness.h"

/* Over RAM, as with a program's symbols. */
#define TOHOST (TEST_RAM_BASE + 0x1000)
#define FROMHOST (TEST_RAM_BASE + 0x1040)
#define BLOCK (TEST_RAM_BASE + 0x2000)

#define COMMAND(device, command, payload) \
    ((uint64_t)(device) << 56 | (uint64_t)(command) << 48 | (payload))

typedef struct Fixture {
    Machine *machine;
    TestChardev *chr;
    Device *htif;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->chr = test_chardev_new();
    f->htif = htif_new(f->machine, TOHOST, FROMHOST, &f->chr->chr);
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
    test_chardev_free(f->chr);
}

static void tohost(Fixture *f, uint64_t value)
{
    machine_mmio_write(f->machine, TOHOST, value, 8);
}

static uint64_t fromhost(Fixture *f)
{
    uint64_t value = machine_mmio_read(f->machine, FROMHOST, 8);
    machine_mmio_write(f->machine, FROMHOST, 0, 8);
    return value;
}

static void test_console(Fixture *f, gconstpointer data)
{
    tohost(f, COMMAND(1, 1, 'o'));
    g_assert_cmphex(machine_mmio_read(f->machine, TOHOST, 8), ==, 0);
    g_assert_cmphex(fromhost(f), ==, COMMAND(1, 1, 0x100 | 'o'));
    tohost(f, COMMAND(1, 1, 'k'));
    fromhost(f);
    g_assert_cmpstr(f->chr->output->str, ==, "ok");

    tohost(f, COMMAND(1, 0, 0));
    g_assert_cmphex(fromhost(f), ==, 0);
    g_assert_cmpuint(test_chardev_type(f->chr, "xy"), ==, 2);
    g_assert_cmphex(fromhost(f), ==, COMMAND(1, 0, 0x100 | 'x'));
    g_assert_cmphex(fromhost(f), ==, 0); /* asked once, answered once */
    tohost(f, COMMAND(1, 0, 0));
    g_assert_cmphex(fromhost(f), ==, COMMAND(1, 0, 0x100 | 'y'));
    tohost(f, COMMAND(7, 7, 7)); /* nobody */
    g_assert_cmphex(fromhost(f), ==, 0);
}

static void test_exit(Fixture *f, gconstpointer data)
{
    tohost(f, 0);
    g_assert_false(f->machine->shutdown_requested);
    tohost(f, 42 << 1 | 1);
    g_assert_true(f->machine->shutdown_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 42);
}

static void test_exit_by_halves(Fixture *f, gconstpointer data)
{
    wr32(f->machine, TOHOST, 7 << 1 | 1);
    g_assert_false(f->machine->shutdown_requested);
    wr32(f->machine, TOHOST + 4, 0);
    g_assert_true(f->machine->shutdown_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 7);
}

static void test_exit_by_one_half(Fixture *f, gconstpointer data)
{
    wr32(f->machine, TOHOST, 1);
    g_assert_false(f->machine->shutdown_requested);
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_true(f->machine->shutdown_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 0);
}

static int64_t system_call(Fixture *f, uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t words[8] = {number, a, b, c};
    dma_write(&f->machine->dma, BLOCK, words, sizeof(words));
    tohost(f, BLOCK);
    dma_read(&f->machine->dma, BLOCK, words, sizeof(words));
    return words[0];
}

static void test_system_calls(Fixture *f, gconstpointer data)
{
    dma_write(&f->machine->dma, BLOCK + 0x100, "hello\n", 6);
    g_assert_cmpint(system_call(f, 64, 1, BLOCK + 0x100, 6), ==, 6);
    g_assert_cmphex(fromhost(f), ==, 1);
    g_assert_cmpstr(f->chr->output->str, ==, "hello\n");
    g_assert_cmpint(system_call(f, 64, 5, BLOCK, 6), ==, -9);
    g_assert_cmpint(system_call(f, 64, 1, 0, 6), ==, -14);
    g_assert_cmpint(system_call(f, 64, 1, UINT64_MAX - 3, 6), ==, -14);
    g_assert_cmpint(system_call(f, 64, 1, TEST_RAM_BASE + TEST_RAM_SIZE - 4096, 8192), ==, 4096);
    g_assert_cmpint(system_call(f, 64, 1, TEST_RAM_BASE + 0x10000, UINT64_MAX), ==, 0x10000);
    g_assert_cmpint(system_call(f, 1000, 1, 0, 6), ==, -38);
    fromhost(f);
    tohost(f, 0x1000); /* a block that is nowhere */
    g_assert_false(f->machine->shutdown_requested);
    system_call(f, 93, 3, 0, 0);
    g_assert_true(f->machine->shutdown_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 3);
}

static void test_state(Fixture *f, gconstpointer data)
{
    Device *copy = htif_new(f->machine, TOHOST + 0x3000, FROMHOST + 0x3000, NULL);
    wild_accesses(f->machine, TOHOST + 0x3000, 8, 1000, 1);
    tohost(f, COMMAND(1, 1, 'o'));
    test_chardev_type(f->chr, "abc");
    wr32(f->machine, TOHOST, 0x10);
    check_round_trip(f->htif, copy);
    g_assert_cmphex(machine_mmio_read(f->machine, TOHOST + 0x3000, 8), ==, 0x10);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, TOHOST, 8, 20000, 42);
    wild_accesses(f->machine, FROMHOST, 8, 20000, 43);
    wild_accesses(f->machine, TOHOST, 0x48, 20000, 44);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/htif/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(console);
    ADD(exit);
    ADD(exit_by_halves);
    ADD(exit_by_one_half);
    ADD(system_calls);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
