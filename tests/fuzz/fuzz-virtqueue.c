/*
 * Fuzzer of virtqueues and the virtio devices behind them: the input is a small program that writes guest
 * memory and registers. Built with clang -fsanitize=fuzzer -DAMPHI_LIBFUZZER it is a libFuzzer target;
 * otherwise a test that runs the files named on the command line, or many random inputs.
 *
 * Input: one byte that picks the device (low 2 bits) and ring features (next 3), then steps. A step is a
 * byte for its kind and length, and its operands; running out of input ends the program.
 */
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGS 0x10001000
#define QUEUES 3
#define QUEUE_SIZE 8
#define BIT(n) (UINT64_C(1) << (n))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

static uint64_t take(Input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left; i++, in->left--) {
        value |= (uint64_t)*in->data++ << (8 * i);
    }
    return value;
}

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

static void step(Driver *d, Input *in, uint64_t features)
{
    unsigned op = take(in, 1), n = op >> 4;
    DriverQueue *q = &d->queues[n % QUEUES];

    switch (op & 15) {
    case 0: /* bytes anywhere in the first pages: rings, tables, buffers */
        for (uint64_t addr = TEST_RAM_BASE + take(in, 2); n-- && in->left; addr++) {
            *(uint8_t *)guest(d->machine, addr) = take(in, 1);
        }
        break;
    case 1: /* a descriptor with an address that may exist */
        if (q->num) {
            uint64_t *desc = guest(d->machine, q->desc + 16 * (take(in, 1) % QUEUE_SIZE));

            desc[0] = TEST_RAM_BASE + take(in, 2);
            desc[1] = take(in, 8);
        }
        break;
    case 2: /* more available */
        if (q->num) {
            struct vring_avail *avail = guest(d->machine, q->driver);

            avail->ring[avail->idx++ % QUEUE_SIZE] = take(in, 1);
        }
        break;
    case 3:
    case 4: driver_kick(d, n % QUEUES); break;
    case 5: /* a register */ wr32(d->machine, REGS + take(in, 1) * 4, take(in, 4)); break;
    case 6: machine_mmio_read(d->machine, REGS + take(in, 2) % 0x200, 1u << (n % 4)); break;
    case 7: begin(d, d->machine, features); break;
    case 8: g_main_context_iteration(d->machine->context, FALSE); break;
    default: clock_step(d->machine->clock, (int64_t)op << 12);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = {data, size};
    unsigned first = take(&in, 1);
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

#ifndef AMPHI_LIBFUZZER
static void test_file(gconstpointer path)
{
    GError *error = NULL;
    char *data;
    gsize size;

    g_file_get_contents(path, &data, &size, &error);
    g_assert_no_error(error);
    LLVMFuzzerTestOneInput((uint8_t *)data, size);
    g_free(data);
}

static void test_random(void)
{
    GRand *rand = g_rand_new_with_seed(42);
    uint8_t data[512];

    for (unsigned round = 0; round < 2000; round++) {
        size_t size = g_rand_int_range(rand, 1, sizeof(data));

        for (size_t i = 0; i < size; i++) {
            data[i] = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        }
        data[0] = round;
        LLVMFuzzerTestOneInput(data, size);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 1; i < argc; i++) {
        char *name = g_strdup_printf("/fuzz/virtqueue/file-%d", i);

        g_test_add_data_func(name, argv[i], test_file);
        g_free(name);
    }
    if (argc == 1) {
        g_test_add_func("/fuzz/virtqueue/random", test_random);
    }
    return g_test_run();
}
#endif
