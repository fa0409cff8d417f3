/*
 * Device "pci-testdev" of QEMU's docs/specs/pci-testdev: counts the writes to one register, for tests of I/O paths.
 *
 * BAR 0 is in memory, BAR 1 are ports. Each begins with a header of which the guest writes the first byte, the
 * number of a test; it then says where to write what in which width, and counts the writes that do so. QEMU's
 * three tests of each BAR differ in how it notices the writes; here all three come by the BAR, so that the
 * count is right when the guest reads it. Locking: the machine lock.
 */
#include "hw/misc/pci-misc.h"
#include "softmmu/base/error.h"
#include <stddef.h>
#include <string.h>

#define VENDOR 0x1b36
#define DEVICE 0x0005
#define CLASS_OTHERS 0x00ff00
#define MEMORY_SIZE 2048 /* where the registers that are written begin; BARs have twice that */
#define PORTS_SIZE 128
#define MAX_MEMBAR (UINT64_C(1) << 36)
#define TESTS 3
#define NO_TEST 0xff
#define WIDTH 1

typedef struct __attribute__((packed)) Header {
    uint8_t test, width, pad[2];
    uint32_t offset, data, count;
    char name[32];
} Header;

typedef struct PciTestdev PciTestdev;

/* A BAR, for its functions. */
typedef struct TestBar {
    PciTestdev *dev;
    unsigned n;
} TestBar;

struct PciTestdev {
    PciDevice pci;
    TestBar bars[2];
    uint8_t bar, test; /* the test that is chosen; NO_TEST: none */
    uint32_t count;
};

/* What must be written in each test; in the wildcard test anything will do. */
static const struct {
    const char *name;
    uint8_t data;
    bool any;
} tests[TESTS] = {
    {"no-eventfd", 0xfa, false},
    {"wildcard-eventfd", 0xce, true},
    {"datamatch-eventfd", 0xfa, false},
};

static Header header_of(const PciTestdev *s)
{
    unsigned number = s->bar * TESTS + s->test;
    Header header = {
        .test = number,
        .width = WIDTH,
        .offset = GUINT32_TO_LE((s->bar ? PORTS_SIZE : MEMORY_SIZE) + number * WIDTH),
        .data = GUINT32_TO_LE(tests[s->test].data),
        .count = GUINT32_TO_LE(s->count),
    };
    g_snprintf(header.name, sizeof(header.name), "%s-%s", s->bar ? "portio" : "mmio",
               tests[s->test].name);
    return header;
}

/* The header of the chosen test is seen in both BARs. */
static uint64_t testdev_read(void *opaque, uint64_t offset, unsigned size)
{
    const PciTestdev *s = ((TestBar *)opaque)->dev;
    if (s->test == NO_TEST || offset >= sizeof(Header)) {
        return 0;
    }
    Header header = header_of(s);
    return ((const uint8_t *)&header)[offset];
}

static void testdev_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const TestBar *bar = opaque;
    PciTestdev *s = bar->dev;
    if (offset == offsetof(Header, test)) {
        s->bar = bar->n;
        s->test = value < TESTS ? value : NO_TEST;
        s->count = 0;
        return;
    }
    if (s->test == NO_TEST) {
        return;
    }
    Header header = header_of(s);
    if (bar->n == s->bar && offset == GUINT32_FROM_LE(header.offset) &&
        (tests[s->test].any || value == tests[s->test].data)) {
        s->count++;
    }
}

static const MmioOps bar_ops = {testdev_read, testdev_write, 1, 1, false};

/* ---- BAR 2: an address range with nothing behind it ---- */

static uint64_t nothing_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void nothing_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const MmioOps nothing_ops = {nothing_read, nothing_write, 1, 8, true};

/* ---- The device ---- */

static void testdev_reset(PciDevice *pci)
{
    PciTestdev *s = container_of(pci, PciTestdev, pci);
    s->bar = 0;
    s->test = NO_TEST;
    s->count = 0;
}

static bool testdev_post_load(void *opaque, GError **error)
{
    const PciTestdev *s = opaque;
    return (s->bar <= 1 && (s->test < TESTS || s->test == NO_TEST)) ||
           error_set(error, "pci-testdev: impossible state");
}

static const VmField testdev_fields[] = {
    VM_FIELD_STRUCT(PciTestdev, pci, &pci_vmstate),
    VM_FIELD_U8(PciTestdev, bar),
    VM_FIELD_U8(PciTestdev, test),
    VM_FIELD_U32(PciTestdev, count),
    VM_FIELD_END(),
};

static const VmDesc testdev_vmstate = {"pci-testdev", testdev_fields, NULL, testdev_post_load};

static const PciOps testdev_ops = {
    .device =
        {
            .name = "pci-testdev",
            .reset = pci_device_reset,
            .vmstate = &testdev_vmstate,
            .finalize = pci_device_finalize,
        },
    .reset = testdev_reset,
};

bool pci_testdev_create(Machine *machine, Options *opts, GError **error)
{
    static const PciIds ids = {
        .vendor = VENDOR,
        .device = DEVICE,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = CLASS_OTHERS,
    };
    uint64_t membar = 0;
    PciBus *bus;
    uint8_t devfn;
    const char *id = options_get(opts, "id", NULL);
    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !device_check_id(machine, id, error) ||
        !options_get_size(opts, "membar", 1, &membar, error)) {
        return false;
    }
    if (membar && (!is_pow2(membar) || membar < 4096 || membar > MAX_MEMBAR)) {
        return error_set(error, "-device pci-testdev: membar= must be a power of two, 4K to 64G");
    }
    PciTestdev *s = pci_device_new(bus, devfn, &testdev_ops, sizeof(*s), id, &ids, true);
    s->test = NO_TEST;
    for (unsigned i = 0; i < ARRAY_SIZE(s->bars); i++) {
        s->bars[i] = (TestBar){s, i};
    }
    pci_add_bar(&s->pci, 0, PCI_BAR_MEM32, 2 * MEMORY_SIZE, &bar_ops, &s->bars[0]);
    pci_add_bar(&s->pci, 1, PCI_BAR_IO, 2 * PORTS_SIZE, &bar_ops, &s->bars[1]);
    if (membar) {
        pci_add_bar(&s->pci, 2, PCI_BAR_MEM64_PREFETCH, membar, &nothing_ops, s);
    }
    pci_device_ready(&s->pci);
    return true;
}
