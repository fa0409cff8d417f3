/*
 * PCI: configuration space, BARs, interrupt pins, MSI-X, and a virtio device behind it.
 */
#include "hw/hw.h"
#include "hw/pci/gpex.h"
#include "hw/pci/msix-direct.h"
#include "softmmu/irqchip.h"
#include "tests/device/virtio-driver.h"
#include <arpa/inet.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ECAM 0x30000000
#define MMIO32 0x40000000
#define MMIO64 UINT64_C(0x400000000)
#define PIO 0x3000000
#define MSI_BASE 0x24000000

typedef struct Fixture {
    Machine *machine;
    IrqProbe intx[PCI_PINS];
    uint32_t msi_data; /* the last message */
    unsigned msi_count;
} Fixture;

static GpexConfig make_config(Fixture *f)
{
    GpexConfig config = {
        .ecam_base = ECAM,
        .ecam_size = 256 * MIB,
        .mmio32_base = MMIO32,
        .mmio32_size = GIB,
        .mmio64_base = MMIO64,
        .mmio64_size = 16 * GIB,
        .pio_base = PIO,
        .pio_size = 64 * KIB,
    };

    for (unsigned i = 0; i < PCI_PINS; i++) {
        config.intx[i] = irq_probe(&f->intx[i]);
    }
    return config;
}

/* The register of an interrupt controller that takes messages. */
static void msi_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Fixture *f = opaque;

    f->msi_data = value;
    f->msi_count++;
}

static uint64_t msi_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void setup(Fixture *f, gconstpointer data)
{
    static const MmioOps msi_ops = {
        .read = msi_read, .write = msi_write, .min_access = 4, .max_access = 4};
    GpexConfig config = make_config(f);

    f->machine = harness_new();
    memory_map_add_mmio(f->machine->memory, "msi", MSI_BASE, 4096, 0, &msi_ops, f, NULL);
    gpex_new(f->machine, &config);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static uint64_t config_addr(unsigned slot, unsigned offset)
{
    return ECAM + ((uint64_t)PCI_DEVFN(slot, 0) << 12) + offset;
}

static uint32_t config_read(Fixture *f, unsigned slot, unsigned offset, unsigned size)
{
    return machine_mmio_read(f->machine, config_addr(slot, offset), size);
}

static void config_write(Fixture *f, unsigned slot, unsigned offset, uint32_t value, unsigned size)
{
    machine_mmio_write(f->machine, config_addr(slot, offset), value, size);
}

static void set_command(Fixture *f, unsigned slot, uint16_t command)
{
    config_write(f, slot, PCI_COMMAND, command, 2);
}

/* The n-th capability @id of @slot; 0 if there is none. */
static unsigned find_cap(Fixture *f, unsigned slot, uint8_t id, unsigned n)
{
    unsigned at = config_read(f, slot, PCI_CAPABILITY_LIST, 1);

    for (unsigned steps = 0; at && steps < 48; steps++) {
        if (config_read(f, slot, at, 1) == id && n-- == 0) {
            return at;
        }
        at = config_read(f, slot, at + 1, 1);
    }
    return 0;
}

/* Maps both BARs of a virtio function, switches it on, and makes a driver for it. */
static void start(Fixture *f, unsigned slot, Driver *d)
{
    config_write(f, slot, PCI_BASE_ADDRESS_4, (uint32_t)(MMIO64 + slot * MIB), 4);
    config_write(f, slot, PCI_BASE_ADDRESS_5, (MMIO64 + slot * MIB) >> 32, 4);
    config_write(f, slot, PCI_BASE_ADDRESS_1, MMIO32 + slot * MIB, 4);
    set_command(f, slot, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    driver_init(d, f->machine, MMIO64 + slot * MIB);
    d->pci = true;
}

static void test_enumerate(Fixture *f, gconstpointer data)
{
    create_device(f->machine, "virtio-rng-pci");
    create_device(f->machine, "virtio-rng-pci,addr=0x5,id=rng5");
    create_device(f->machine, "virtio-rng-pci,addr=2");
    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    g_assert_cmphex(config_read(f, 0, 0, 4), ==, 0x00081b36);
    g_assert_cmphex(config_read(f, 0, PCI_CLASS_DEVICE, 2), ==, 0x0600);
    for (unsigned slot = 1; slot < 32; slot++) {
        bool there = slot <= 3 || slot == 5;

        g_assert_cmphex(config_read(f, slot, 0, 4), ==, there ? 0x10441af4 : 0xffffffff);
    }
    g_assert_cmphex(config_read(f, 1, PCI_REVISION_ID, 1), ==, 1);
    g_assert_cmphex(config_read(f, 1, PCI_HEADER_TYPE, 1), ==, 0);
    g_assert_cmphex(config_read(f, 1, PCI_INTERRUPT_PIN, 1), ==, 1);
    /* Extended configuration space, functions and buses that are not there. */
    g_assert_cmphex(config_read(f, 1, 0x100, 4), ==, 0xffffffff);
    g_assert_cmphex(machine_mmio_read(f->machine, config_addr(1, 0) + 4096, 4), ==, 0xffffffff);
    g_assert_cmphex(machine_mmio_read(f->machine, config_addr(1, 0) + MIB, 4), ==, 0xffffffff);
    machine_mmio_write(f->machine, config_addr(1, 0) + MIB, 0, 4);
    /* Read-only fields. */
    config_write(f, 1, 0, 0, 4);
    g_assert_cmphex(config_read(f, 1, 0, 4), ==, 0x10441af4);
}

static void test_addr_errors(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"virtio-rng-pci,addr=0", "is taken"},
        {"virtio-rng-pci,addr=20", "no PCI slot"},
        {"virtio-rng-pci,addr=1.8", "no PCI slot"},
        {"virtio-rng-pci,addr=x", "no PCI slot"},
        {"virtio-rng-pci,bus=pci.1", "no PCI bus 'pci.1'"},
        {"virtio-rng-pci,disable-modern=on", "legacy"},
        {"virtio-rng-pci,max-byte=1", "max-bytes"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        Options *opts = options_parse("-device", cases[i].text, "driver", NULL);

        g_assert_false(hw_device_create(f->machine, opts, &error));
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        g_clear_error(&error);
        options_free(opts);
    }
    for (unsigned i = 0; i < 30; i++) {
        create_device(f->machine, "virtio-rng-pci,disable-legacy=off");
    }
}

static void test_bar_sizing(Fixture *f, gconstpointer data)
{
    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    config_write(f, 1, PCI_BASE_ADDRESS_1, 0xffffffff, 4);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_1, 4), ==, 0xfffff000);
    config_write(f, 1, PCI_BASE_ADDRESS_4, 0xffffffff, 4);
    config_write(f, 1, PCI_BASE_ADDRESS_5, 0xffffffff, 4);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_4, 4), ==, 0xffffc00c);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_5, 4), ==, 0xffffffff);
    config_write(f, 1, PCI_BASE_ADDRESS_0, 0xffffffff, 4);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_0, 4), ==, 0);
    config_write(f, 1, PCI_ROM_ADDRESS, 0xffffffff, 4);
    g_assert_cmphex(config_read(f, 1, PCI_ROM_ADDRESS, 4), ==, 0);
    /* Bytewise. */
    config_write(f, 1, PCI_BASE_ADDRESS_1 + 1, 0x30, 1);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_1, 4), ==, 0xffff3000);
}

/* The number of queues, read through the BAR at @base. */
static uint16_t num_queues(Fixture *f, uint64_t base)
{
    return machine_mmio_read(f->machine, base + VIRTIO_PCI_COMMON_NUMQ, 2);
}

static void test_bar_mapping(Fixture *f, gconstpointer data)
{
    Driver d;

    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    start(f, 1, &d);
    g_assert_cmpuint(num_queues(f, d.regs), ==, 1);
    /* Moved, below 4 GiB too. */
    config_write(f, 1, PCI_BASE_ADDRESS_4, MMIO32 + 16 * MIB, 4);
    config_write(f, 1, PCI_BASE_ADDRESS_5, 0, 4);
    g_assert_cmpuint(num_queues(f, d.regs), ==, 0xffff);
    g_assert_cmpuint(num_queues(f, MMIO32 + 16 * MIB), ==, 1);
    /* Over RAM or other devices, it is not seen. */
    *(uint16_t *)guest(f->machine, TEST_RAM_BASE + VIRTIO_PCI_COMMON_NUMQ) = 77;
    config_write(f, 1, PCI_BASE_ADDRESS_4, TEST_RAM_BASE, 4);
    g_assert_cmpuint(num_queues(f, TEST_RAM_BASE), ==, 77);
    config_write(f, 1, PCI_BASE_ADDRESS_4, ECAM, 4);
    g_assert_cmphex(config_read(f, 0, 0, 4), ==, 0x00081b36);
    /* Off. */
    config_write(f, 1, PCI_BASE_ADDRESS_4, MMIO32, 4);
    g_assert_cmpuint(num_queues(f, MMIO32), ==, 1);
    set_command(f, 1, 0);
    g_assert_cmpuint(num_queues(f, MMIO32), ==, 0xffff);
    /* A reset forgets all. */
    set_command(f, 1, PCI_COMMAND_MEMORY);
    machine_reset(f->machine);
    g_assert_cmpuint(num_queues(f, MMIO32), ==, 0xffff);
    g_assert_cmphex(config_read(f, 1, PCI_BASE_ADDRESS_4, 4), ==, 0xc);
}

/* Asks the random number generator for 16 bytes, and checks that they came. */
static void ask(Driver *d)
{
    DriverBuf buf = {driver_alloc(d, 16, 1), 16};
    static const uint8_t zeroes[16];

    g_assert_cmpuint(driver_run(d, 0, &buf, 0, 1), ==, 16);
    g_assert_true(memcmp(guest(d->machine, buf.addr), zeroes, 16) != 0);
}

static void test_intx(Fixture *f, gconstpointer data)
{
    Driver d[5];

    for (unsigned i = 0; i < 5; i++) {
        create_device(f->machine, "virtio-rng-pci");
    }
    machine_reset(f->machine);
    for (unsigned i = 0; i < 5; i++) {
        start(f, i + 1, &d[i]);
        d[i].heap += i * 0x10000;
        driver_begin(&d[i], 0, 1);
    }
    /* Slot 1 is on line B, slot 3 on D, slot 4 on A, slot 5 on B again. */
    ask(&d[0]);
    g_assert_true(f->intx[1].level);
    g_assert_false(f->intx[0].level || f->intx[2].level || f->intx[3].level);
    ask(&d[4]);
    g_assert_cmpuint(f->intx[1].raised, ==, 1);
    g_assert_cmpuint(driver_ack(&d[0]), ==, 1);
    g_assert_true(f->intx[1].level);
    g_assert_true(config_read(f, 5, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    g_assert_cmpuint(driver_ack(&d[4]), ==, 1);
    g_assert_false(f->intx[1].level);
    g_assert_false(config_read(f, 5, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    ask(&d[2]);
    ask(&d[3]);
    g_assert_true(f->intx[3].level && f->intx[0].level);
    /* Disabled in the command register: pending, not signalled. */
    set_command(f, 3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
    g_assert_false(f->intx[3].level);
    set_command(f, 3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    g_assert_true(f->intx[3].level);
    machine_reset(f->machine);
    g_assert_false(f->intx[3].level || f->intx[0].level);
}

/* Without bus mastering nothing reaches memory. */
static void test_bus_master(Fixture *f, gconstpointer data)
{
    DriverBuf buf;
    Driver d;

    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    start(f, 1, &d);
    driver_begin(&d, 0, 1);
    buf = (DriverBuf){driver_alloc(&d, 16, 1), 16};
    set_command(f, 1, PCI_COMMAND_MEMORY);
    driver_add(&d, 0, &buf, 0, 1, DRIVER_DIRECT);
    driver_kick(&d, 0);
    g_assert_true(driver_needs_reset(&d));
    set_command(f, 1, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    driver_begin(&d, 0, 1);
    ask(&d);
}

static void set_vector(Fixture *f, unsigned slot, unsigned vector, uint64_t addr, uint32_t message,
                       bool masked)
{
    uint64_t entry = MMIO32 + slot * MIB + vector * 16;

    wr32(f->machine, entry, addr);
    wr32(f->machine, entry + 4, addr >> 32);
    wr32(f->machine, entry + 8, message);
    wr32(f->machine, entry + 12, masked);
}

static void test_msix(Fixture *f, gconstpointer data)
{
    unsigned cap, flags;
    uint64_t pba;
    Driver d;

    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    start(f, 1, &d);
    cap = find_cap(f, 1, PCI_CAP_ID_MSIX, 0);
    g_assert_cmpuint(cap, !=, 0);
    g_assert_cmpuint(config_read(f, 1, cap + PCI_MSIX_FLAGS, 2), ==, 1); /* two vectors */
    flags = cap + PCI_MSIX_FLAGS;
    g_assert_cmphex(config_read(f, 1, cap + PCI_MSIX_TABLE, 4) & PCI_MSIX_TABLE_BIR, ==, 1);
    pba = MMIO32 + MIB + (config_read(f, 1, cap + PCI_MSIX_PBA, 4) & PCI_MSIX_PBA_OFFSET);
    g_assert_cmpuint(rd32(f->machine, MMIO32 + MIB + 12), ==, 1); /* masked at first */
    set_vector(f, 1, 1, MSI_BASE, 0xcafe, false);
    driver_begin(&d, 0, 1);
    config_write(f, 1, flags, PCI_MSIX_FLAGS_ENABLE, 2);
    /* No vector was chosen: nothing. */
    ask(&d);
    g_assert_cmpuint(f->msi_count, ==, 0);
    machine_mmio_write(f->machine, d.regs + VIRTIO_PCI_COMMON_Q_MSIX, 9, 2);
    g_assert_cmphex(machine_mmio_read(f->machine, d.regs + VIRTIO_PCI_COMMON_Q_MSIX, 2), ==,
                    0xffff);
    machine_mmio_write(f->machine, d.regs + VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
    g_assert_cmphex(machine_mmio_read(f->machine, d.regs + VIRTIO_PCI_COMMON_Q_MSIX, 2), ==, 1);
    ask(&d);
    g_assert_cmpuint(f->msi_count, ==, 1);
    g_assert_cmphex(f->msi_data, ==, 0xcafe);
    g_assert_false(f->intx[1].level);
    g_assert_cmpuint(driver_ack(&d), ==, 0);
    /* Masked: pending, and sent when unmasked; by entry and by function. */
    wr32(f->machine, MMIO32 + MIB + 16 + 12, 1);
    ask(&d);
    ask(&d);
    g_assert_cmpuint(f->msi_count, ==, 1);
    g_assert_cmphex(rd32(f->machine, pba), ==, 2);
    wr32(f->machine, MMIO32 + MIB + 16 + 12, 0);
    g_assert_cmpuint(f->msi_count, ==, 2);
    g_assert_cmphex(rd32(f->machine, pba), ==, 0);
    config_write(f, 1, flags, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
    ask(&d);
    g_assert_cmpuint(f->msi_count, ==, 2);
    config_write(f, 1, flags, PCI_MSIX_FLAGS_ENABLE, 2);
    g_assert_cmpuint(f->msi_count, ==, 3);
    /* To nowhere, to the device itself, and to memory: no harm. */
    set_vector(f, 1, 1, 0x1000, 1, false);
    ask(&d);
    set_vector(f, 1, 1, d.regs + VIRTIO_PCI_COMMON_STATUS, 0, false);
    ask(&d);
    set_vector(f, 1, 1, TEST_RAM_BASE, 0x12345678, false);
    ask(&d);
    g_assert_cmphex(*(uint32_t *)guest(f->machine, TEST_RAM_BASE), ==, 0x12345678);
    /* Off again: the pin. */
    config_write(f, 1, flags, 0, 2);
    ask(&d);
    g_assert_true(f->intx[1].level);
}

/* An engine that takes messages by eventfd: what one of them sends. */
static struct {
    int fd;
    unsigned sets;
    uint64_t addr;
    uint32_t data;
} engine;

static int engine_open_msi(Machine *machine, unsigned *n)
{
    *n = 3;
    engine.fd = eventfd(0, EFD_NONBLOCK);
    return engine.fd;
}

static bool engine_set_msi(Machine *machine, unsigned n, uint64_t addr, uint32_t data)
{
    g_assert_cmpuint(n, ==, 3);
    engine.sets++;
    engine.addr = addr;
    engine.data = data;
    return true;
}

static void engine_close_msi(Machine *machine, unsigned n)
{
    g_assert_cmpuint(n, ==, 3);
    close(engine.fd);
    engine.fd = -1;
}

/* How often it was rung. */
static unsigned take_rings(void)
{
    uint64_t count = 0;
    return read(engine.fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void test_direct(Fixture *f, gconstpointer data)
{
    static const IrqchipOps ops = {.open_msi = engine_open_msi,
                                   .set_msi = engine_set_msi,
                                   .close_msi = engine_close_msi};
    Irqchip chip = {.mode = IRQCHIP_ON, .ops = &ops};
    unsigned flags;
    Driver d;

    memset(&engine, 0, sizeof(engine));
    f->machine->irqchip = &chip;
    memory_map_set_msi_sink(f->machine->memory, MSI_BASE, 0x1000, NULL, NULL);
    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    start(f, 1, &d);
    flags = find_cap(f, 1, PCI_CAP_ID_MSIX, 0) + PCI_MSIX_FLAGS;
    driver_begin(&d, 0, 1);
    config_write(f, 1, flags, PCI_MSIX_FLAGS_ENABLE, 2);
    machine_mmio_write(f->machine, d.regs + VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
    set_vector(f, 1, 1, MSI_BASE, 0xcafe, false);
    ask(&d);
    ask(&d);
    g_assert_cmpuint(take_rings(), ==, 2);
    g_assert_cmpuint(engine.sets, ==, 1); /* it stays as it is */
    g_assert_cmphex(engine.addr, ==, MSI_BASE);
    g_assert_cmphex(engine.data, ==, 0xcafe);
    wr32(f->machine, MMIO32 + MIB + 16 + 12, 1); /* masked */
    ask(&d);
    g_assert_cmpuint(take_rings(), ==, 0);
    set_vector(f, 1, 1, MSI_BASE + 0x10, 0xbabe,
               false); /* another message: the one that is pending */
    g_assert_cmpuint(take_rings(), ==, 1);
    g_assert_cmphex(engine.addr, ==, MSI_BASE + 0x10);
    g_assert_cmphex(engine.data, ==, 0xbabe);
    set_vector(f, 1, 1, TEST_RAM_BASE, 0x12345678, false); /* to memory */
    ask(&d);
    g_assert_cmpuint(take_rings(), ==, 0);
    g_assert_cmphex(*(uint32_t *)guest(f->machine, TEST_RAM_BASE), ==, 0x12345678);
    set_vector(f, 1, 1, MSI_BASE, 0xcafe, false);
    ask(&d);
    g_assert_cmpuint(take_rings(), ==, 1);
    machine_reset(f->machine);
    pci_msix_notify(f->machine->pci->devices[PCI_DEVFN(1, 0)], 1);
    g_assert_cmpuint(take_rings(), ==, 0);
    pci_msix_direct_close(f->machine->pci->devices[PCI_DEVFN(1, 0)]);
    g_assert_cmpint(engine.fd, ==, -1);
    f->machine->irqchip = NULL;
}

static void test_no_vectors(Fixture *f, gconstpointer data)
{
    create_device(f->machine, "virtio-rng-pci,vectors=0");
    machine_reset(f->machine);
    g_assert_cmpuint(find_cap(f, 1, PCI_CAP_ID_MSIX, 0), ==, 0);
    g_assert_cmpuint(find_cap(f, 1, PCI_CAP_ID_VNDR, 4), !=, 0);
    g_assert_cmpuint(find_cap(f, 1, PCI_CAP_ID_VNDR, 5), ==, 0);
}

/* Registers through the capability in configuration space, with BARs off. */
static void test_window(Fixture *f, gconstpointer data)
{
    unsigned cap = 0;

    create_device(f->machine, "virtio-rng-pci");
    machine_reset(f->machine);
    for (unsigned i = 0; i < 5; i++) {
        unsigned at = find_cap(f, 1, PCI_CAP_ID_VNDR, i);

        if (config_read(f, 1, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == VIRTIO_PCI_CAP_PCI_CFG) {
            cap = at;
        }
    }
    g_assert_cmpuint(cap, !=, 0);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_BAR, 4, 1);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_OFFSET, VIRTIO_PCI_COMMON_NUMQ, 4);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_LENGTH, 2, 4);
    g_assert_cmpuint(config_read(f, 1, cap + 16, 2), ==, 1);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_OFFSET, VIRTIO_PCI_COMMON_STATUS, 4);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_LENGTH, 1, 4);
    config_write(f, 1, cap + 16, 3, 1);
    g_assert_cmpuint(config_read(f, 1, cap + 16, 1), ==, 3);
    /* Nonsense does nothing. */
    config_write(f, 1, cap + VIRTIO_PCI_CAP_LENGTH, 3, 4);
    config_write(f, 1, cap + 16, 0, 4);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_OFFSET, 0xfffffffc, 4);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_LENGTH, 4, 4);
    config_write(f, 1, cap + 16, 0, 4);
    config_write(f, 1, cap + VIRTIO_PCI_CAP_BAR, 1, 1);
    config_write(f, 1, cap + 16, 0, 4);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    Driver d;

    create_device(f->machine, "virtio-rng-pci");
    create_device(f->machine, "virtio-serial-pci");
    machine_reset(f->machine);
    wild_accesses(f->machine, ECAM, 64 * KIB, 50000, 1);
    for (unsigned slot = 1; slot < 3; slot++) {
        start(f, slot, &d);
        wild_accesses(f->machine, d.regs, 16 * KIB, 20000, 2);
        wild_accesses(f->machine, MMIO32 + slot * MIB, 4 * KIB, 5000, 3);
    }
    wild_accesses(f->machine, PIO, 64 * KIB, 5000, 4);
    machine_reset(f->machine);
    start(f, 1, &d);
    driver_begin(&d, 0, 1);
    ask(&d);
}

static Device *device_of_type(Machine *machine, const char *type, unsigned n)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        if (strcmp(dev->ops->name, type) == 0 && n-- == 0) {
            return dev;
        }
    }
    g_assert_not_reached();
}

static void test_save(Fixture *f, gconstpointer data)
{
    Device *from, *to;
    GByteArray *saved = g_byte_array_new();
    GError *error = NULL;
    const uint8_t *bytes;
    size_t len;
    Driver d;

    create_device(f->machine, "virtio-rng-pci");
    create_device(f->machine, "virtio-rng-pci");
    create_device(f->machine, "virtio-serial-pci");
    machine_reset(f->machine);
    start(f, 1, &d);
    set_vector(f, 1, 1, MSI_BASE, 5, false);
    from = device_of_type(f->machine, "virtio-rng-pci", 0);
    to = device_of_type(f->machine, "virtio-rng-pci", 1);
    check_round_trip(from, to);
    g_assert_cmphex(config_read(f, 2, PCI_BASE_ADDRESS_1, 4), ==, MMIO32 + MIB);
    check_round_trip(device_of_type(f->machine, "gpex-root", 0),
                     device_of_type(f->machine, "gpex-root", 0));
    /* Not into another kind of function. */
    to = device_of_type(f->machine, "virtio-serial-pci", 0);
    vmstate_save(saved, from->ops->vmstate, from);
    bytes = saved->data;
    len = saved->len;
    g_assert_false(vmstate_load(&bytes, &len, to->ops->vmstate, to, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_byte_array_unref(saved);
}

static void test_fdt(Fixture *f, gconstpointer data)
{
    GpexConfig config = make_config(f);
    GpexFdt fdt;

    gpex_fdt(&config, 3, 32, &fdt);
    static const uint32_t slot1[] = {0x800, 0, 0, 1, 3, 33, 0x800, 0, 0, 2, 3, 34,
                                     0x800, 0, 0, 3, 3, 35, 0x800, 0, 0, 4, 3, 32};
    for (size_t i = 0; i < ARRAY_SIZE(slot1); i++) {
        g_assert_cmphex(ntohl(fdt.interrupt_map[24 + i]), ==, slot1[i]);
    }
    static const uint32_t ranges[] = {0x1000000, 0, 0,          0, 0x3000000,  0, 0x10000,
                                      0x2000000, 0, 0x40000000, 0, 0x40000000, 0, 0x40000000,
                                      0x3000000, 4, 0,          4, 0,          4, 0};
    for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
        g_assert_cmphex(ntohl(fdt.ranges[i]), ==, ranges[i]);
    }
    g_assert_cmphex(ntohl(fdt.interrupt_map_mask[0]), ==, 0x1800);
    g_assert_cmphex(ntohl(fdt.bus_range[1]), ==, 255);
}

#define ADD(name, fn) g_test_add("/pci/" name, Fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("enumerate", test_enumerate);
    ADD("addr-errors", test_addr_errors);
    ADD("bar-sizing", test_bar_sizing);
    ADD("bar-mapping", test_bar_mapping);
    ADD("intx", test_intx);
    ADD("bus-master", test_bus_master);
    ADD("msix", test_msix);
    ADD("msix-by-eventfd", test_direct);
    ADD("no-vectors", test_no_vectors);
    ADD("window", test_window);
    ADD("wild", test_wild);
    ADD("save", test_save);
    ADD("fdt", test_fdt);
    return g_test_run();
}
