/*
 * The small PCI functions: edu, pci-testdev, pvpanic-pci, each by its documented contract.
 */
#include "tests/device/harness.h"
#include "tests/device/pc-function.h"
#include <linux/pci_regs.h>
#include <string.h>

#define MEMORY PC_FUNCTION_MEMORY
#define PORTS PC_FUNCTION_PORTS
#define MSI_ADDRESS 0x3000 /* of RAM, where the test sees messages */

typedef struct Fixture {
    Machine *machine;
    PciDevice *pci;
    MachineEvent event; /* the last one */
    char action[16];
    unsigned events;
} Fixture;

static void note_event(void *opaque, const MachineEventInfo *info)
{
    Fixture *f = opaque;
    f->event = info->event;
    g_strlcpy(f->action, info->action ? info->action : "", sizeof(f->action));
    f->events++;
}

static void setup(Fixture *f, gconstpointer device)
{
    f->machine = pc_function_new(device, &f->pci);
    machine_add_event_listener(f->machine, note_event, f);
}

static void teardown(Fixture *f, gconstpointer device)
{
    machine_remove_event_listener(f->machine, note_event, f);
    pc_function_free(f->machine);
}

static uint64_t rd(Fixture *f, unsigned reg, unsigned size)
{
    return machine_mmio_read(f->machine, MEMORY + reg, size);
}

static void wr(Fixture *f, unsigned reg, uint64_t value, unsigned size)
{
    machine_mmio_write(f->machine, MEMORY + reg, value, size);
}

/* ---- edu ---- */

static void test_edu_registers(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(pci_config_read(f->machine->pci, 0, f->pci->devfn, 0, 4), ==, 0x11e81234);
    g_assert_cmphex(rd(f, 0, 4), ==, 0x010000ed);
    wr(f, 4, 0x12345678, 4);
    g_assert_cmphex(rd(f, 4, 4), ==, ~0x12345678u);
    wr(f, 4, 0, 2); /* of a size that does not count */
    g_assert_cmphex(rd(f, 4, 4), ==, ~0x12345678u);
    g_assert_cmphex(rd(f, 4, 2), ==, 0xffff);
    wr(f, 0x80, 0x1122334455667788, 8);
    g_assert_cmphex(rd(f, 0x80, 8), ==, 0x1122334455667788);
    wr(f, 0x60, 0x60, 4);
    g_assert_true(pc_function_pin(f->pci));
    wr(f, 0x60, 0x3, 4);
    g_assert_cmphex(rd(f, 0x24, 4), ==, 0x63);
    wr(f, 0x64, 0x60, 4);
    g_assert_true(pc_function_pin(f->pci));
    wr(f, 0x64, 0x3, 4);
    g_assert_false(pc_function_pin(f->pci));
}

static uint32_t factorial(Fixture *f, uint32_t n)
{
    wr(f, 8, n, 4);
    g_assert_cmphex(rd(f, 0x20, 4) & 1, ==, 1);
    wr(f, 8, 1, 4); /* busy: of no effect */
    clock_step(f->machine->clock, 1000000);
    g_assert_cmphex(rd(f, 0x20, 4) & 1, ==, 0);
    return rd(f, 8, 4);
}

static void test_edu_factorial(Fixture *f, gconstpointer device)
{
    g_assert_cmpuint(factorial(f, 0), ==, 1);
    g_assert_cmpuint(factorial(f, 5), ==, 120);
    g_assert_cmpuint(factorial(f, 13), ==, (uint32_t)UINT64_C(6227020800));
    g_assert_cmpuint(factorial(f, UINT32_MAX), ==, 0);
    g_assert_false(pc_function_pin(f->pci));
    wr(f, 0x20, 0xff, 4); /* only the interrupt's bit can be written */
    g_assert_cmphex(rd(f, 0x20, 4), ==, 0x80);
    factorial(f, 3);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, 0x24, 4), ==, 1);
}

static void transfer(Fixture *f, uint64_t from, uint64_t to, uint64_t count, uint64_t how)
{
    wr(f, 0x80, from, 8);
    wr(f, 0x88, to, 8);
    wr(f, 0x90, count, 8);
    wr(f, 0x98, how | 1, 4);
    wr(f, 0x90, 1, 8); /* busy */
    g_assert_cmphex(rd(f, 0x98, 4) & 1, ==, 1);
    clock_step(f->machine->clock, 200 * 1000 * 1000);
    g_assert_cmphex(rd(f, 0x98, 4) & 1, ==, 0);
}

static void test_edu_dma(Fixture *f, gconstpointer device)
{
    wr32(f->machine, 0x1000, 0xcafe1234);
    wr32(f->machine, 0x2000, 0);
    transfer(f, 0x1000, 0x40010, 4, 0);
    transfer(f, 0x40010, 0x2000, 4, 2);
    g_assert_cmphex(rd32(f->machine, 0x2000), ==, 0xcafe1234);
    g_assert_false(pc_function_pin(f->pci));
    transfer(f, 0x40010, 0x10002004, 4, 6); /* 28 bits of the address count */
    g_assert_cmphex(rd32(f->machine, 0x2004), ==, 0xcafe1234);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, 0x24, 4), ==, 0x100);
    /* Out of the buffer, by every way there is: nothing is moved. */
    static const uint64_t bad[][2] = {{0x40000, 4097},      {0x41000, 1}, {0x3ffff, 2},
                                      {0x40ffd, 4},         {0, 4},       {UINT64_MAX, 8},
                                      {0x40004, UINT64_MAX}};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        wr32(f->machine, 0x2000, 0x55);
        transfer(f, bad[i][0], 0x2000, bad[i][1], 2);
        g_assert_cmphex(rd32(f->machine, 0x2000), ==, 0x55);
        transfer(f, 0x1000, bad[i][0], bad[i][1], 0);
    }
}

static void test_edu_msi(Fixture *f, gconstpointer device)
{
    PciBus *bus = f->machine->pci;
    unsigned cap = f->pci->msi_cap;
    pci_config_write(bus, 0, f->pci->devfn, cap + PCI_MSI_ADDRESS_LO, MSI_ADDRESS, 4);
    pci_config_write(bus, 0, f->pci->devfn, cap + PCI_MSI_DATA_64, 0x4041, 2);
    wr(f, 0x60, 1, 4);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd32(f->machine, MSI_ADDRESS), ==, 0); /* not on yet */
    pci_config_write(bus, 0, f->pci->devfn, cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE, 2);
    wr(f, 0x60, 2, 4);
    g_assert_cmphex(rd32(f->machine, MSI_ADDRESS), ==, 0x4041);
    wr32(f->machine, MSI_ADDRESS, 0);
    pci_config_write(bus, 0, f->pci->devfn, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    wr(f, 0x60, 4, 4); /* it may not master the bus */
    g_assert_cmphex(rd32(f->machine, MSI_ADDRESS), ==, 0);
}

/* ---- pci-testdev ---- */

/* Access of BAR @bar, by its bytes. */
static uint8_t test_rd(Fixture *f, unsigned bar, unsigned reg)
{
    return bar ? machine_pio_read(f->machine, PORTS + reg, 1) : rd(f, reg, 1);
}

static uint32_t test_rd32(Fixture *f, unsigned bar, unsigned reg)
{
    return bar ? machine_pio_read(f->machine, PORTS + reg, 4) : rd(f, reg, 4);
}

static void test_wr(Fixture *f, unsigned bar, unsigned reg, uint8_t value)
{
    if (bar) {
        machine_pio_write(f->machine, PORTS + reg, value, 1);
    } else {
        wr(f, reg, value, 1);
    }
}

/* As kvm-unit-tests go through it: tests until one has no width. */
static void test_testdev(Fixture *f, gconstpointer device)
{
    static const char *const names[] = {"mmio-no-eventfd",         "mmio-wildcard-eventfd",
                                        "mmio-datamatch-eventfd",  "portio-no-eventfd",
                                        "portio-wildcard-eventfd", "portio-datamatch-eventfd"};
    unsigned n = 0;
    for (unsigned bar = 0; bar < 2; bar++) {
        for (unsigned test = 0;; test++, n++) {
            test_wr(f, bar, 0, test);
            if (test_rd(f, bar, 1) != 1) {
                g_assert_cmpuint(test, ==, 3);
                break;
            }
            uint32_t offset = test_rd32(f, bar, 4), value = test_rd32(f, bar, 8);
            char name[32];
            for (unsigned i = 0; i < sizeof(name); i++) {
                name[i] = test_rd(f, bar, 16 + i);
            }
            g_assert_cmpstr(name, ==, names[n]);
            for (unsigned i = 1; i <= 3; i++) {
                test_wr(f, bar, offset, value);
                test_wr(f, bar, offset + 8, value);
                g_assert_cmpuint(test_rd32(f, bar, 12), ==, i);
            }
            test_wr(f, bar, offset, value + 1);
            g_assert_cmpuint(test_rd32(f, bar, 12), ==, test == 1 ? 4 : 3);
        }
    }
    test_wr(f, 0, 0, 0xff);
    g_assert_cmpuint(test_rd32(f, 0, 12), ==, 0);
}

/* ---- pvpanic ---- */

static void test_panic(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(rd(f, 0, 1), ==, 3);
    wr(f, 0, 2, 1);
    g_assert_cmpint(f->event, ==, MACHINE_EVENT_GUEST_CRASHLOADED);
    g_assert_cmpstr(f->action, ==, "run");
    g_assert_false(f->machine->shutdown_requested);
    f->machine->config.no_shutdown = true;
    wr(f, 0, 1, 1);
    g_assert_cmpint(f->event, ==, MACHINE_EVENT_GUEST_PANICKED);
    g_assert_cmpstr(f->action, ==, "pause");
    g_assert_true(f->machine->stop_requested);
    g_assert_cmpint(f->machine->stop_why, ==, RUN_STATE_GUEST_PANICKED);
    g_assert_false(f->machine->shutdown_requested);
    f->machine->config.no_shutdown = false;
    wr(f, 0, 1, 1);
    g_assert_cmpstr(f->action, ==, "poweroff");
    g_assert_true(f->machine->shutdown_requested);
    unsigned events = f->events;
    wr(f, 0, 0xf0, 1); /* none that is known */
    g_assert_cmpuint(f->events, ==, events);
}

static void test_wild(Fixture *f, gconstpointer device)
{
    wild_accesses(f->machine, MEMORY, 0x1000, 20000, 7);
    wild_accesses(f->machine, MEMORY + 0x40000, 0x1000, 2000, 8);
    for (unsigned i = 0; i < 256; i++) {
        machine_pio_write(f->machine, PORTS + i, i * 77, 1u << i % 3);
        machine_pio_read(f->machine, PORTS + i, 1u << i % 3);
    }
    clock_step(f->machine->clock, NS_PER_SECOND);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/edu/registers", Fixture, "edu", setup, test_edu_registers, teardown);
    g_test_add("/edu/factorial", Fixture, "edu", setup, test_edu_factorial, teardown);
    g_test_add("/edu/dma", Fixture, "edu", setup, test_edu_dma, teardown);
    g_test_add("/edu/msi", Fixture, "edu", setup, test_edu_msi, teardown);
    g_test_add("/edu/wild", Fixture, "edu", setup, test_wild, teardown);
    g_test_add("/pci-testdev/tests", Fixture, "pci-testdev", setup, test_testdev, teardown);
    g_test_add("/pci-testdev/wild", Fixture, "pci-testdev", setup, test_wild, teardown);
    g_test_add("/pvpanic-pci/report", Fixture, "pvpanic-pci", setup, test_panic, teardown);
    g_test_add("/pvpanic-pci/wild", Fixture, "pvpanic-pci", setup, test_wild, teardown);
    return g_test_run();
}
