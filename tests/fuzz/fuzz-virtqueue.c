/*
 * Fuzzer of virtqueues and the virtio devices behind them: the input is a small program that writes guest
 * memory and registers.
 *
 * Input: one byte that picks the device (low 2 bits) and ring features (next 3), then steps. A step is a
 * byte for its kind and length, and its operands; running out of input ends the program.
 */
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/fuzz.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGS 0x10001000
#define QUEUES 3
#define QUEUE_SIZE 8
#define BIT(n) (UINT64_C(1) << (n))

static void add_device(Machine *machine, unsigned which, int disk)
{
    char *drive = g_strdup_printf("/proc/self/fd/%d,format=raw,if=none,id=d0,locking=off", disk);

    machine->config.drives = g_ptr_array_new();
    g_ptr_array_add(machine->config.drives, options_parse("-drive", drive, "file", NULL));
    g_free(drive);
    virtio_mmio_new(machine, REGS, (IrqLine){0});
    create_device(machine, which == 0   ? "virtio-blk-device,drive=d0,packed=on"
                           : which == 1 ? "virtio-net-device,packed=on"
                           : which == 2 ? "virtio-serial-device,packed=on"
                                        : "virtio-rng-device,packed=on");
}

/* Starts a driver with the queues that the device has; where its rings and heap are is known. */
static void begin(Driver *d, Machine *machine, uint64_t features)
{
    driver_init(d, machine, REGS);
    driver_negotiate(d, driver_host_features(d) & (features | UINT32_MAX >> 8));
    for (unsigned i = 0; i < QUEUES; i++) {
        wr32(machine, REGS + 0x30, i);
        if (rd32(machine, REGS + 0x34)) {
            driver_setup_queue(d, i, QUEUE_SIZE);
        }
    }
    driver_start(d);
}

static void step(Driver *d, FuzzInput *in, uint64_t features)
{
    unsigned op = fuzz_take(in, 1), n = op >> 4;
    DriverQueue *q = &d->queues[n % QUEUES];

    switch (op & 15) {
    case 0: /* bytes anywhere in the first pages: rings, tables, buffers */
        for (uint64_t addr = TEST_RAM_BASE + fuzz_take(in, 2); n-- && in->left; addr++) {
            *(uint8_t *)guest(d->machine, addr) = fuzz_take(in, 1);
        }
        break;
    case 1: /* a descriptor with an address that may exist */
        if (q->num) {
            uint64_t *desc = guest(d->machine, q->desc + 16 * (fuzz_take(in, 1) % QUEUE_SIZE));

            desc[0] = TEST_RAM_BASE + fuzz_take(in, 2);
            desc[1] = fuzz_take(in, 8);
        }
        break;
    case 2: /* more available */
        if (q->num) {
            struct vring_avail *avail = guest(d->machine, q->driver);

            avail->ring[avail->idx++ % QUEUE_SIZE] = fuzz_take(in, 1);
        }
        break;
    case 3:
    case 4: driver_kick(d, n % QUEUES); break;
    case 5: /* a register */ wr32(d->machine, REGS + fuzz_take(in, 1) * 4, fuzz_take(in, 4)); break;
    case 6: machine_mmio_read(d->machine, REGS + fuzz_take(in, 2) % 0x200, 1u << (n % 4)); break;
    case 7: begin(d, d->machine, features); break;
    case 8: g_main_context_iteration(d->machine->context, FALSE); break;
    default: clock_step(d->machine->clock, (int64_t)op << 12);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    unsigned first = fuzz_take(&in, 1);
    uint64_t features = (first & 4 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
                        (first & 8 ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
                        (first & 16 ? BIT(VIRTIO_F_RING_PACKED) : 0);
    int disk = memfd_create("disk", MFD_CLOEXEC);
    Machine *machine = harness_new();
    Driver driver;

    g_assert_cmpint(ftruncate(disk, 64 * 1024), ==, 0);
    add_device(machine, first & 3, disk);
    machine_reset(machine);
    begin(&driver, machine, features);
    while (in.left) {
        step(&driver, &in, features);
    }
    /* Whatever happened, the device works again after a reset. */
    begin(&driver, machine, features);
    g_assert_false(driver_needs_reset(&driver));
    harness_free(machine);
    close(disk);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 512));
    input->data[0] = g_rand_int(rand);
}

FUZZ_MAIN(2000, make_input)
