/*
 * PCI Express root ports: bridges between the root bus and a bus of one slot each.
 *
 * The guest numbers the buses and sets the windows of addresses that a bridge passes down (type 1 header, PCI-to-PCI
 * Bridge Architecture 1.2, chapter 3); all of that is read from configuration space when it matters. There is no
 * hot-plug: the slot, if it is a slot at all, holds what it held at the start. Locking: the machine lock.
 */
#include "hw/pci/bridge.h"
#include "softmmu/base/error.h"
#include <linux/pci_regs.h>

#define VENDOR 0x1b36 /* ids that other generic root ports have, which drivers know */
#define DEVICE 0x000c
#define CLASS_BRIDGE 0x060400

#define CAP_LENGTH 0x3c
#define FLAGS_ROOT_PORT (PCI_EXP_TYPE_ROOT_PORT << 4 | 2) /* version 2 */

/* The lowest bits of I/O and prefetchable limits: 32-bit ports, 64-bit addresses. */
#define IO_32BIT 1
#define PREFETCH_64BIT 1

typedef struct RootPort {
    PciDevice pci;
    PciBus bus;
} RootPort;

/* ---- What bridges pass ---- */

unsigned pci_bus_number(const PciBus *bus)
{
    return bus->parent ? bus->parent->config[PCI_SECONDARY_BUS] : 0;
}

PciDevice *pci_find_function(PciBus *root, unsigned number, uint8_t devfn)
{
    if (number == 0) {
        return root->devices[devfn];
    }
    for (PciBus *bus = root->machine->pci; bus; bus = bus->next) {
        /* A bridge forwards what is for a bus from its secondary to its subordinate one. Below a root port there is
         * no further bridge. */
        if (bus->parent && bus->parent->bus == root && pci_bus_number(bus) == number &&
            number <= bus->parent->config[PCI_SUBORDINATE_BUS]) {
            return bus->devices[devfn];
        }
    }
    return NULL;
}

static bool within(uint64_t base, uint64_t limit, uint64_t addr, uint64_t size)
{
    return base <= limit && addr >= base && size - 1 <= limit && addr <= limit - (size - 1);
}

static bool passes_io(const PciDevice *bridge, uint64_t addr, uint64_t size)
{
    const uint8_t *c = bridge->config;
    uint64_t base = (uint64_t)(c[PCI_IO_BASE] & 0xf0) << 8;
    uint64_t limit = (uint64_t)(c[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff;

    base |= (uint64_t)pci_get16(c, PCI_IO_BASE_UPPER16) << 16;
    limit |= (uint64_t)pci_get16(c, PCI_IO_LIMIT_UPPER16) << 16;
    return within(base, limit, addr, size);
}

static bool passes_memory(const PciDevice *bridge, uint64_t addr, uint64_t size)
{
    const uint8_t *c = bridge->config;
    uint64_t base = (uint64_t)(pci_get16(c, PCI_MEMORY_BASE) & 0xfff0) << 16;
    uint64_t limit = (uint64_t)(pci_get16(c, PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;

    if (within(base, limit, addr, size)) {
        return true;
    }
    base = (uint64_t)(pci_get16(c, PCI_PREF_MEMORY_BASE) & 0xfff0) << 16;
    limit = (uint64_t)(pci_get16(c, PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
    base |= (uint64_t)pci_get32(c, PCI_PREF_BASE_UPPER32) << 32;
    limit |= (uint64_t)pci_get32(c, PCI_PREF_LIMIT_UPPER32) << 32;
    return within(base, limit, addr, size);
}

bool pci_bridges_pass(const PciBus *bus, bool io, uint64_t addr, uint64_t size)
{
    unsigned command = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

    for (; bus->parent; bus = bus->parent->bus) {
        if (!(pci_get16(bus->parent->config, PCI_COMMAND) & command) ||
            !(io ? passes_io : passes_memory)(bus->parent, addr, size)) {
            return false;
        }
    }
    return true;
}

/* Pins rotate with the slot at each bridge (Bridge Architecture, 9.1). */
const PciDevice *pci_root_pin(const PciDevice *pci, unsigned *pin)
{
    while (pci->bus->parent) {
        *pin = (*pin + (pci->devfn >> 3)) % PCI_PINS;
        pci = pci->bus->parent;
    }
    return pci;
}

/* ---- The root port ---- */

/* The guest resets what is behind the port. */
static void reset_bus(PciBus *bus)
{
    for (unsigned i = 0; i < PCI_DEVFNS; i++) {
        if (bus->devices[i]) {
            pci_device_reset(&bus->devices[i]->dev);
        }
    }
}

static void port_config_written(PciDevice *pci, unsigned offset, unsigned size)
{
    RootPort *port = container_of(pci, RootPort, pci);
    bool control = offset <= PCI_BRIDGE_CONTROL && PCI_BRIDGE_CONTROL < offset + size;

    if (control && pci->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_CTL_BUS_RESET) {
        reset_bus(&port->bus);
    }
}

static const PciOps port_ops = {
    .device =
        {
            .name = "pcie-root-port",
            .reset = pci_device_reset,
            .vmstate = &pci_vmstate,
            .finalize = pci_device_finalize,
        },
    .config_written = port_config_written,
};

static void init_header(PciDevice *pci)
{
    static const struct {
        uint8_t at, mask;
    } written[] = {
        {PCI_PRIMARY_BUS, 0xff},
        {PCI_SECONDARY_BUS, 0xff},
        {PCI_SUBORDINATE_BUS, 0xff},
        {PCI_SEC_LATENCY_TIMER, 0xff},
        {PCI_IO_BASE, 0xf0},
        {PCI_IO_LIMIT, 0xf0},
        {PCI_MEMORY_BASE, 0xf0},
        {PCI_MEMORY_BASE + 1, 0xff},
        {PCI_MEMORY_LIMIT, 0xf0},
        {PCI_MEMORY_LIMIT + 1, 0xff},
        {PCI_PREF_MEMORY_BASE, 0xf0},
        {PCI_PREF_MEMORY_BASE + 1, 0xff},
        {PCI_PREF_MEMORY_LIMIT, 0xf0},
        {PCI_PREF_MEMORY_LIMIT + 1, 0xff},
        {PCI_BRIDGE_CONTROL,
         PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_BUS_RESET},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(written); i++) {
        pci->wmask[written[i].at] = written[i].mask;
    }
    pci_put32(pci->wmask, PCI_PREF_BASE_UPPER32, UINT32_MAX);
    pci_put32(pci->wmask, PCI_PREF_LIMIT_UPPER32, UINT32_MAX);
    pci_put32(pci->wmask, PCI_IO_BASE_UPPER16, UINT32_MAX); /* and the limit's */
    pci->config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_BRIDGE;
    pci->config[PCI_IO_BASE] = pci->config[PCI_IO_LIMIT] = IO_32BIT;
    pci->config[PCI_PREF_MEMORY_BASE] = pci->config[PCI_PREF_MEMORY_LIMIT] = PREFETCH_64BIT;
    /* Where other functions have the subsystem's ids, a bridge has limits. */
    pci_put32(pci->config, PCI_SUBSYSTEM_VENDOR_ID, 0);
}

/* The Express capability of a port whose link is up (PCI Express Base 4.0, 7.5.3). */
static void add_express(PciDevice *pci, uint64_t number, uint64_t slot)
{
    unsigned at = pci_add_capability(pci, PCI_CAP_ID_EXP, CAP_LENGTH);
    uint8_t *c = pci->config;

    pci_put16(c, at + PCI_EXP_FLAGS, FLAGS_ROOT_PORT | PCI_EXP_FLAGS_SLOT);
    pci_put32(c, at + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4 | (uint32_t)number << 24);
    pci_put16(c, at + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1);
    pci_put32(c, at + PCI_EXP_SLTCAP, (uint32_t)slot << 19);
    pci_put16(c, at + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
    pci_put16(pci->wmask, at + PCI_EXP_DEVCTL, 0x7fff);
    pci_put16(pci->wmask, at + PCI_EXP_RTCTL, 0x1f);
}

static bool parse_numbers(Options *opts, uint64_t *number, uint64_t *slot, GError **error)
{
    uint64_t chassis = 0;

    if (!options_get_u64(opts, "port", number, error) ||
        !options_get_u64(opts, "chassis", &chassis, error) ||
        !options_get_u64(opts, "slot", slot, error)) {
        return false;
    }
    if (*number > 0xff || chassis > 0xff || *slot > 0x1fff) {
        return error_set(error,
                         "pcie-root-port: port= and chassis= are up to 255, slot= up to 8191");
    }
    *slot = *slot ? *slot
                  : chassis; /* what is told apart is the pair; one number is all the guest sees */
    return true;
}

static bool create_root_port(Machine *machine, Options *opts, GError **error)
{
    static const PciIds ids = {.vendor = VENDOR, .device = DEVICE, .class_code = CLASS_BRIDGE};
    const char *id = options_get(opts, "id", NULL);
    uint64_t number = 0, slot = 0;
    uint8_t devfn;
    PciBus *bus;
    RootPort *port;

    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !device_check_id(machine, id, error) || !parse_numbers(opts, &number, &slot, error)) {
        return false;
    }
    if (bus->parent) {
        return error_set(error, "pcie-root-port: '%s' is no root bus; use bus=pcie.0",
                         bus->config.name);
    }
    port = pci_device_new(bus, devfn, &port_ops, sizeof(*port), id, &ids, true);
    init_header(&port->pci);
    add_express(&port->pci, number, slot);
    pci_device_ready(&port->pci);

    PciBusConfig config = bus->config;
    config.name = port->pci.dev.id;
    port->bus.parent = &port->pci;
    port->pci.secondary = &port->bus;
    pci_bus_init(&port->bus, &port->pci.dev, &config);
    return true;
}

const HwDeviceType pci_bridge_device_types[] = {
    {"pcie-root-port", "PCI", "PCI Express root port", create_root_port},
    {NULL, NULL, NULL, NULL},
};
