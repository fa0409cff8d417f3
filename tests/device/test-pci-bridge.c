/*
 * PCI Express root ports: buses that the guest numbers, windows, interrupt pins and DMA of what is behind them.
 */
#include "hw/pci/bridge.h"
#include "hw/riscv/boards.h"
#include "tests/device/harness.h"
#include "tests/device/virtio-driver.h"
#include <linux/pci_regs.h>
#include <string.h>

#define ECAM 0x30000000
#define WINDOW 0x40000000
#define PORT PCI_DEVFN(1, 0)
#define VIRTIO_VENDOR 0x1af4
#define RAM 0x80000000

static uint64_t config_address(unsigned bus, unsigned devfn, unsigned reg)
{
    return ECAM + ((uint64_t)bus << 20 | devfn << 12 | reg);
}

static uint32_t get(Machine *machine, unsigned bus, unsigned devfn, unsigned reg, unsigned size)
{
    return machine_mmio_read(machine, config_address(bus, devfn, reg), size);
}

static void set(Machine *machine, unsigned bus, unsigned devfn, unsigned reg, uint32_t value,
                unsigned size)
{
    machine_mmio_write(machine, config_address(bus, devfn, reg), value, size);
}

static Machine *make_machine(void)
{
    MachineConfig config = {.bios = "none"};
    GError *error = NULL;
    Machine *machine = machine_new(&riscv_virt_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    create_device(
        machine, "pcie-root-port,port=0x8,chassis=1,id=pci.1,bus=pcie.0,multifunction=on,addr=0x1");
    create_device(machine, "pcie-root-port,port=0x9,chassis=2,id=pci.2,bus=pcie.0,addr=0x1.0x1");
    create_device(machine, "virtio-rng-pci,bus=pci.2,addr=0x0,id=rng0");
    machine_reset(machine);
    return machine;
}

static void drop_machine(Machine *machine)
{
    machine_unlock(machine);
    machine_free(machine);
}

/* The second port leads to bus 5, with a window and everything switched on. */
static void open_port(Machine *machine)
{
    unsigned port = PORT + 1;
    set(machine, 0, port, PCI_PRIMARY_BUS, 0x00070500, 4);
    set(machine, 0, port, PCI_MEMORY_BASE, WINDOW >> 16, 2);
    set(machine, 0, port, PCI_MEMORY_LIMIT, (WINDOW + 0xfffff) >> 16, 2);
    set(machine, 0, port, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static void test_numbering(void)
{
    Machine *machine = make_machine();
    g_assert_cmphex(get(machine, 0, PORT, PCI_HEADER_TYPE, 1), ==, 0x81);
    g_assert_cmphex(get(machine, 0, PORT + 1, PCI_HEADER_TYPE, 1), ==, 0x01);
    g_assert_cmphex(get(machine, 0, PORT, PCI_CLASS_REVISION, 4) >> 8, ==, 0x060400);
    unsigned cap = get(machine, 0, PORT, PCI_CAPABILITY_LIST, 1);
    g_assert_cmphex(get(machine, 0, PORT, cap, 1), ==, PCI_CAP_ID_EXP);
    g_assert_cmphex(get(machine, 0, PORT, cap + PCI_EXP_LNKCAP, 4) >> 24, ==, 8);
    g_assert_cmphex(get(machine, 5, 0, PCI_VENDOR_ID, 2), ==, 0xffff);
    open_port(machine);
    g_assert_cmphex(get(machine, 5, 0, PCI_VENDOR_ID, 2), ==, VIRTIO_VENDOR);
    g_assert_cmphex(get(machine, 5, PCI_DEVFN(1, 0), PCI_VENDOR_ID, 2), ==, 0xffff);
    g_assert_cmphex(get(machine, 6, 0, PCI_VENDOR_ID, 2), ==, 0xffff);
    int number = -1;
    const PciDevice *last = pci_function_nth(machine, 3, &number);
    g_assert_cmpstr(last->dev.id, ==, "rng0");
    g_assert_cmpint(number, ==, 5);
    machine_reset(machine);
    g_assert_cmphex(get(machine, 5, 0, PCI_VENDOR_ID, 2), ==, 0xffff);
    drop_machine(machine);
}

static void test_addresses(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"virtio-rng-pci,bus=pci.1,addr=1", "PCI bus 'pci.1' has one slot, 0; use addr=0"},
        {"virtio-rng-pci,bus=pci.2", "PCI bus 'pci.2' is full"},
        {"virtio-rng-pci,bus=pci.9",
         "there is no PCI bus 'pci.9'; leave out bus= to take the first"},
        {"pcie-root-port,bus=pci.1", "pcie-root-port: 'pci.1' is no root bus; use bus=pcie.0"},
        {"pcie-root-port,chassis=256",
         "pcie-root-port: port= and chassis= are up to 255, slot= up to 8191"},
        {"pcie-root-port,id=rng0", "there are two devices 'rng0'; give each its own id="},
    };
    Machine *machine = make_machine();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Options *opts = options_parse("-device", cases[i].text, "driver", NULL);
        GError *error = NULL;
        g_assert_false(hw_device_create(machine, opts, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_error_free(error);
        options_free(opts);
    }
    drop_machine(machine);
}

/* The BAR of the virtio function that has a size, set to the window's start. */
static unsigned place_bar(Machine *machine)
{
    PciDevice *pci = pci_find_function(machine->pci, 5, 0);
    unsigned n = 0;
    while (!pci->bars[n].size) {
        n++;
    }
    set(machine, 5, 0, PCI_BASE_ADDRESS_0 + 4 * n, WINDOW, 4);
    set(machine, 5, 0, PCI_BASE_ADDRESS_0 + 4 * n + 4, 0, 4);
    set(machine, 5, 0, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    return n;
}

static bool visible(Machine *machine)
{
    const PciDevice *pci = machine->pci->next->next->devices[0];
    MemoryHit hit;
    bool found = memory_map_find(machine->memory, WINDOW, &hit);
    for (unsigned n = 0; found && n < PCI_BARS; n++) {
        if (pci->bars[n].size && hit.region == pci->bars[n].region) {
            return true; /* and not what is behind all BARs */
        }
    }
    return false;
}

static void test_windows(void)
{
    Machine *machine = make_machine();
    open_port(machine);
    unsigned bar = place_bar(machine);
    g_assert_true(visible(machine));
    set(machine, 0, PORT + 1, PCI_MEMORY_BASE, (WINDOW + 0x100000) >> 16, 2); /* nothing passes */
    g_assert_false(visible(machine));
    set(machine, 0, PORT + 1, PCI_MEMORY_BASE, WINDOW >> 16, 2);
    g_assert_true(visible(machine));
    set(machine, 0, PORT + 1, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    g_assert_false(visible(machine));
    /* Through the window of 64 bits. */
    set(machine, 0, PORT + 1, PCI_MEMORY_BASE, 0x0000fff0, 4);
    set(machine, 0, PORT + 1, PCI_PREF_MEMORY_BASE, WINDOW | WINDOW >> 16, 4);
    set(machine, 0, PORT + 1, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_true(visible(machine));
    set(machine, 0, PORT + 1, PCI_PREF_BASE_UPPER32, 1, 4);
    g_assert_false(visible(machine));
    set(machine, 0, PORT + 1, PCI_PREF_BASE_UPPER32, 0, 4);
    /* A reset of the bus behind. */
    set(machine, 0, PORT + 1, PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_BUS_RESET, 2);
    g_assert_false(visible(machine));
    g_assert_cmphex(get(machine, 5, 0, PCI_BASE_ADDRESS_0 + 4 * bar, 4) & ~15u, ==, 0);
    g_assert_cmphex(get(machine, 5, 0, PCI_COMMAND, 2), ==, 0);
    drop_machine(machine);
}

static void test_dma(void)
{
    Machine *machine = make_machine();
    uint32_t word = 0x12345678, back = 0;
    open_port(machine);
    place_bar(machine);
    PciDevice *pci = pci_find_function(machine->pci, 5, 0);
    g_assert_cmpint(dma_write(&pci->dma, RAM, &word, sizeof(word)), ==, MEM_OK);
    g_assert_cmpint(dma_read(&pci->dma, RAM, &back, sizeof(back)), ==, MEM_OK);
    g_assert_cmphex(back, ==, word);
    set(machine, 0, PORT + 1, PCI_COMMAND, PCI_COMMAND_MEMORY, 2); /* as SeaBIOS leaves the port */
    g_assert_cmpint(dma_read(&pci->dma, RAM, &back, sizeof(back)), ==, MEM_OK);
    set(machine, 5, 0, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmpint(dma_read(&pci->dma, RAM, &back, sizeof(back)), !=, MEM_OK);
    drop_machine(machine);
}

/* What the interrupt controllers say of their inputs. */
static char *irqs(Machine *machine)
{
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->print_irqs) {
            dev->ops->print_irqs(dev, text);
        }
    }
    return g_string_free(text, false);
}

static void test_pins(void)
{
    Machine *machine = make_machine();
    open_port(machine);
    PciDevice *pci = pci_find_function(machine->pci, 5, 0);
    pci_set_intx(pci, true);
    /* INTA behind slot 1 is the second of the four lines from 32 on. */
    char *text = irqs(machine);
    g_assert_nonnull(strstr(text, "  33: priority 0 raised disabled\n"));
    g_free(text);
    pci_set_intx(pci, false);
    text = irqs(machine);
    g_assert_null(strstr(text, "raised"));
    g_free(text);
    drop_machine(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci-bridge/numbering", test_numbering);
    g_test_add_func("/pci-bridge/addresses", test_addresses);
    g_test_add_func("/pci-bridge/windows", test_windows);
    g_test_add_func("/pci-bridge/dma", test_dma);
    g_test_add_func("/pci-bridge/pins", test_pins);
    return g_test_run();
}
