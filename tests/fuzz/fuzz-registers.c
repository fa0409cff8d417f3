/*
 * Fuzzer of the register blocks of whole boards: the input is a program of accesses, as any guest can make
 * them, and of virtual time. Whatever they do, the board works on, and saves its state.
 *
 * Input: a byte for the board, then steps: a byte for window and kind of access, offset, value.
 */
#include "hw/hw.h"
#include "hw/riscv/boards.h"
#include "softmmu/options.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

typedef struct Window {
    uint64_t base, size;
} Window;

/* What QEMU's and our boards of these names have where. */
static const Window virt_windows[] = {
    {0x1000, 0xf000},       {0x100000, 0x1000},       {0x101000, 0x1000},       {0x2000000, 0x10000},
    {0x3000000, 0x10000},   {0xc000000, 0x600000},    {0x10000000, 0x100},      {0x10001000, 0x8000},
    {0x10100000, 0x18},     {0x20000000, 0x4000000},  {0x30000000, 0x10000000}, {0x40000000, 0x100000},
    {0x30008000, 0x1000},   {0x30010000, 0x1000},     {0x30018000, 0x1000},     {0x80000000, 0x1000},
};
static const Window spike_windows[] = {
    {0x1000, 0xf000}, {0x2000000, 0x10000}, {0x80000000, 0x1000}};

static void add_device(Machine *machine, const char *text)
{
    GError *error = NULL;
    Options *opts = options_parse("-device", text, "driver", &error);
    if (!hw_device_create(machine, opts, &error)) {
        g_error("%s", error->message);
    }
    options_free(opts);
}

static Machine *board(bool virt)
{
    MachineConfig config = {.ram_size = 4 * MIB, .bios = "none", .cpus = 2};
    GError *error = NULL;
    Machine *machine = machine_new(virt ? &riscv_virt_machine : &riscv_spike_machine, &config,
                                   true, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    if (virt) {
        add_device(machine, "virtio-rng-pci");
        add_device(machine, "virtio-serial-pci");
        add_device(machine, "virtio-rng-device");
    }
    clock_start(machine->clock);
    machine_reset(machine);
    return machine;
}

static void step(Machine *machine, FuzzInput *in, const Window *windows, unsigned count)
{
    unsigned op = fuzz_take(in, 1), kind = op >> 5;
    const Window *window = &windows[(op & 31) % count];
    if (kind == 7) {
        clock_step(machine->clock, (int64_t)fuzz_take(in, 4) << (op & 15));
        g_main_context_iteration(machine->context, FALSE);
        return;
    }
    uint64_t addr = window->base + fuzz_take(in, window->size > 0x10000 ? 4 : 2) % window->size;
    unsigned size = 1u << (kind & 3);
    if (kind == 3 || kind == 4) {
        size = 4;
        addr &= ~UINT64_C(3);
    }
    if (kind < 4) {
        machine_mmio_write(machine, addr, fuzz_take(in, size), size);
    } else {
        machine_mmio_read(machine, addr, size);
    }
}

static void save_all(Machine *machine)
{
    GByteArray *bytes = g_byte_array_new();
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *device = machine->devices->pdata[i];
        if (device->ops->vmstate) {
            vmstate_save(bytes, device->ops->vmstate, device);
        }
    }
    g_byte_array_unref(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    bool virt = fuzz_take(&in, 1) & 1;
    Machine *machine = board(virt);
    while (in.left) {
        step(machine, &in, virt ? virt_windows : spike_windows,
             virt ? G_N_ELEMENTS(virt_windows) : G_N_ELEMENTS(spike_windows));
    }
    save_all(machine);
    machine_unlock(machine);
    machine_free(machine);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 2, 1000));
}

FUZZ_MAIN(300, make_input)
