/*
 * Power-off and reboot.
 */
#include "hw/misc/syscon.h"
#include "tests/device/harness.h"

#define BASE 0x100000

/* Writes @value with @size bytes to a fresh machine's register. */
static Machine *after(uint64_t offset, uint32_t value, unsigned size)
{
    Machine *machine = harness_new();
    syscon_new(machine, BASE);
    machine_reset(machine);
    g_assert_cmphex(rd32(machine, BASE), ==, 0);
    machine_mmio_write(machine, BASE + offset, value, size);
    return machine;
}

static void test_requests(void)
{
    static const struct {
        uint32_t value;
        unsigned size;
        bool shutdown, reset;
        int status;
    } cases[] = {
        {0x5555, 4, true, false, 0},     {0x5555, 2, true, false, 0},
        {0x00053333, 4, true, false, 5}, {0x00ff3333, 4, true, false, 255},
        {0x3333, 4, true, false, 1}, /* a failure is never status 0 */
        {0x01003333, 4, true, false, 1}, {0x7777, 4, false, true, -1},
        {0x1234, 4, false, false, -1},   {0, 4, false, false, -1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Machine *machine = after(0, cases[i].value, cases[i].size);
        g_assert_cmpint(machine->shutdown_requested, ==, cases[i].shutdown);
        g_assert_cmpint(machine->reset_requested, ==, cases[i].reset);
        if (cases[i].shutdown) {
            g_assert_cmpint(machine->exit_status, ==, cases[i].status);
        }
        harness_free(machine);
    }
}

static void test_elsewhere(void)
{
    Machine *machine = after(4, 0x5555, 4);
    g_assert_false(machine->shutdown_requested);
    for (unsigned offset = 4; offset < 0x1000; offset += 4) {
        wr32(machine, BASE + offset, 0x5555);
    }
    g_assert_false(machine->shutdown_requested);
    wild_accesses(machine, BASE, 0x1000, 10000, 42);
    harness_free(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/syscon/requests", test_requests);
    g_test_add_func("/syscon/elsewhere", test_elsewhere);
    return g_test_run();
}
