/*
 * Fuzzer of virtqueues and the virtio devices behind them: the input is a small program that makes requests as a
 * driver does, and writes guest memory and registers as it should not.
 *
 * Input: one byte that picks the device (low 3 bits) and ring features (next 3), then steps. A step is a
 * byte for its kind (low 4 bits) and a number, and its operands; running out of input ends the program.
 */
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/fuzz.h"
#include "softmmu/base/bits.h"
#include "ui/chardev.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGS 0x10001000
#define QUEUES 4
#define QUEUE_SIZE 8
#define BUFFER_SIZE 4096u
#define MAX_BUFFERS 6 /* of a request; may be more than the ring has room for */
#define BIT(n) (UINT64_C(1) << (n))

/* Ring features in its name are the guest's to accept. */
static const char *const devices[8] = {
    "virtio-blk-device,drive=d0,num-queues=2",
    "virtio-net-device,netdev=n0",
    "virtio-serial-device",
    "virtio-rng-device",
    "virtio-balloon-device",
    "virtio-keyboard-device",
    "virtio-9p-device,fsdev=f0,mount_tag=host",
    "virtio-serial-device,max_ports=2",
};

static GPtrArray *one_option(const char *what, const char *text, const char *implied)
{
    GPtrArray *array = g_ptr_array_new();
    g_ptr_array_add(array, options_parse(what, text, implied, NULL));
    return array;
}

static void add_device(Machine *machine, unsigned which, int disk)
{
    char *drive = g_strdup_printf("/proc/self/fd/%d,format=raw,if=none,id=d0,locking=off,"
                                  "discard=unmap",
                                  disk);
    machine->config.drives = one_option("-drive", drive, "file");
    machine->config.fsdevs =
        one_option("-fsdev", "local,id=f0,path=/proc/self/fdinfo,security_model=none,readonly=on",
                   "fsdriver");
    machine->config.netdevs = one_option("-netdev", "user,id=n0,restrict=on", "type");
    Options *chardev = options_parse("-chardev", "null,id=c0", "backend", NULL);
    g_assert_nonnull(chardev_new(machine, chardev, NULL));
    options_free(chardev);
    char *device = g_strconcat(devices[which], ",packed=on", NULL);
    virtio_mmio_new(machine, REGS, (IrqLine){0});
    create_device(machine, device);
    if (!strncmp(device, "virtio-serial", 13)) {
        create_device(machine, which == 2 ? "virtserialport,chardev=c0,name=port"
                                          : "virtconsole,chardev=c0");
    }
    g_free(device);
    g_free(drive);
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

static uint64_t take_buffer(FuzzInput *in)
{
    return TEST_RAM_BASE + MIB + fuzz_take(in, 1) % 16 * BUFFER_SIZE;
}

/* A request as a driver makes it, mostly: a header of some bytes in the first of its buffers. */
static void request(Driver *d, FuzzInput *in, unsigned queue)
{
    static const uint16_t lengths[] = {0, 1, 4, 8, 10, 12, 16, 64, 512, 513, 1024, BUFFER_SIZE};
    DriverBuf bufs[MAX_BUFFERS];
    unsigned shape = fuzz_take(in, 1), nout = shape & 3, nin = shape >> 2 & 3, i;
    if (!d->queues[queue].num || nout + nin == 0) {
        return;
    }
    for (i = 0; i < nout + nin; i++) {
        unsigned len = fuzz_take(in, 1);
        bufs[i].addr = take_buffer(in);
        bufs[i].len = len < 0xf0 ? lengths[len % ARRAY_SIZE(lengths)] : fuzz_take(in, 4);
    }
    uint8_t *header = guest(d->machine, bufs[0].addr);
    for (i = fuzz_take(in, 1) % 64; i > 0; i--) {
        *header++ = fuzz_take(in, 1);
    }
    driver_add(d, queue, bufs, nout, nin, shape & 16 ? DRIVER_INDIRECT : DRIVER_DIRECT);
    if (!(shape & 32)) {
        driver_kick(d, queue);
    }
}

/* Rings as no driver makes them: a descriptor with an address that may exist; more available. */
static void spoil_descriptor(Driver *d, FuzzInput *in, const DriverQueue *q)
{
    if (q->num) {
        uint64_t *desc = guest(d->machine, q->desc + 16 * (fuzz_take(in, 1) % q->num));
        desc[0] = take_buffer(in);
        desc[1] = fuzz_take(in, 8);
    }
}

static void spoil_ring(Driver *d, FuzzInput *in, const DriverQueue *q)
{
    if (q->num) {
        struct vring_avail *avail = guest(d->machine, q->driver);
        avail->ring[avail->idx++ % q->num] = fuzz_take(in, 1);
    }
}

static void step(Driver *d, FuzzInput *in, uint64_t features)
{
    unsigned op = fuzz_take(in, 1), n = op >> 4;
    DriverQueue *q = &d->queues[n % QUEUES];

    switch (op & 15) {
    case 0: /* bytes anywhere in the first pages: rings, tables */
        for (uint64_t addr = TEST_RAM_BASE + fuzz_take(in, 2); n-- && in->left; addr++) {
            *(uint8_t *)guest(d->machine, addr) = fuzz_take(in, 1);
        }
        break;
    case 1: spoil_descriptor(d, in, q); break;
    case 2: spoil_ring(d, in, q); break;
    case 3:
    case 4: driver_kick(d, n % QUEUES); break;
    case 5: /* a register */ wr32(d->machine, REGS + fuzz_take(in, 1) * 4, fuzz_take(in, 4)); break;
    case 6: machine_mmio_read(d->machine, REGS + fuzz_take(in, 2) % 0x200, 1u << (n % 4)); break;
    case 7: begin(d, d->machine, features); break;
    case 8: g_main_context_iteration(d->machine->context, FALSE); break;
    case 9: clock_step(d->machine->clock, (int64_t)op << 12); break;
    default: request(d, in, n % QUEUES); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    unsigned first = fuzz_take(&in, 1);
    uint64_t features = (first & 8 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
                        (first & 16 ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
                        (first & 32 ? BIT(VIRTIO_F_RING_PACKED) : 0);
    int disk = memfd_create("disk", MFD_CLOEXEC);
    Machine *machine = harness_new();
    Driver driver;

    g_assert_cmpint(ftruncate(disk, 64 * 1024), ==, 0);
    add_device(machine, first & 7, disk);
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
