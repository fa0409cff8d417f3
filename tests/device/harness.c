/*
 * For tests of devices: see harness.h.
 */
#include "tests/device/harness.h"
#include "softmmu/base/vmstate.h"

static bool harness_init(Machine *machine, GError **error)
{
    machine->ram = ram_block_new(machine->memory, "ram", TEST_RAM_SIZE, error);
    if (!machine->ram) {
        return false;
    }
    memory_map_add_ram(machine->memory, "ram", TEST_RAM_BASE, TEST_RAM_SIZE, 0, machine->ram, 0,
                       false, NULL, NULL);
    return true;
}

static const MachineClass harness_class = {
    .name = "harness",
    .desc = "RAM for device tests",
    .max_cpus = 1,
    .default_ram = TEST_RAM_SIZE,
    .init = harness_init,
};

static Machine *new_machine(bool private_ram)
{
    GError *error = NULL;
    MachineConfig config = {0};
    Machine *machine = machine_alloc(&harness_class, true);
    if (private_ram) {
        memory_map_set_private(machine->memory);
    }
    machine_init(machine, &config, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    clock_start(machine->clock);
    return machine;
}

Machine *harness_new(void)
{
    return new_machine(false);
}

Machine *harness_new_private(void)
{
    return new_machine(true);
}

void harness_free(Machine *machine)
{
    machine_unlock(machine);
    machine_free(machine);
}

static void probe_set(void *opaque, unsigned n, bool level)
{
    IrqProbe *probe = opaque;
    probe->raised += level && !probe->level;
    probe->level = level;
}

IrqLine irq_probe(IrqProbe *probe)
{
    return irq_line(probe_set, probe, 0);
}

static void collect(Chardev *chr, const uint8_t *buf, size_t len)
{
    g_string_append_len(((TestChardev *)chr)->output, (const char *)buf, len);
}

static void count_accept(Chardev *chr)
{
    ((TestChardev *)chr)->accepts++;
}

static const CharOps test_chardev_ops = {
    .name = "test",
    .write = collect,
    .accept_input = count_accept,
};

TestChardev *test_chardev_new(void)
{
    TestChardev *chr = g_new0(TestChardev, 1);
    chr->chr.ops = &test_chardev_ops;
    chr->output = g_string_new(NULL);
    return chr;
}

void test_chardev_free(TestChardev *chr)
{
    g_string_free(chr->output, true);
    g_free(chr);
}

size_t test_chardev_type(TestChardev *chr, const char *text)
{
    return chardev_receive(&chr->chr, (const uint8_t *)text, strlen(text));
}

void check_round_trip(Device *from, Device *to)
{
    GError *error = NULL;
    GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();
    vmstate_save(first, from->ops->vmstate, from);
    const uint8_t *data = first->data;
    size_t len = first->len;
    g_assert_true(vmstate_load(&data, &len, to->ops->vmstate, to, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(len, ==, 0);
    vmstate_save(second, to->ops->vmstate, to);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
}

void wild_accesses(Machine *machine, uint64_t base, uint64_t size, unsigned count, uint32_t seed)
{
    GRand *rand = g_rand_new_with_seed(seed);
    for (unsigned i = 0; i < count; i++) {
        uint64_t offset = ((uint64_t)g_rand_int(rand) << 16 ^ g_rand_int(rand)) % (size + 16);
        uint64_t value = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        unsigned access = 1u << g_rand_int_range(rand, 0, 4);
        if (g_rand_boolean(rand)) {
            value >>= g_rand_int_range(rand, 0, 64); /* small numbers mean more to devices */
        }
        if (g_rand_boolean(rand)) {
            offset = align_down(offset, access);
        }
        if (g_rand_boolean(rand)) {
            machine_mmio_write(machine, base + offset, value, access);
        } else {
            machine_mmio_read(machine, base + offset, access);
        }
        if (i % 64 == 0) {
            clock_step(machine->clock, g_rand_int_range(rand, 0, 1000000));
        }
    }
    g_rand_free(rand);
}
