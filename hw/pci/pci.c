/*
 * PCI functions and buses. See pci.h.
 *
 * Configuration space is bytes with masks; what a write means beyond that (BARs that move, interrupts that
 * are switched off) is computed from the bytes afterwards, never kept beside them. Only the 256 bytes
 * of a conventional function exist; the extended space reads as ones.
 */
#include "hw/pci/pci.h"
#include "hw/pci/bridge.h"
#include "hw/pci/msix-direct.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <linux/pci_regs.h>
#include <string.h>

#define HEADER_MULTIFUNCTION 0x80

void pci_put16(uint8_t *bytes, unsigned offset, uint16_t value)
{
    memcpy(bytes + offset, &value, sizeof(value)); /* the host is little-endian too */
}

void pci_put32(uint8_t *bytes, unsigned offset, uint32_t value)
{
    memcpy(bytes + offset, &value, sizeof(value));
}

uint16_t pci_get16(const uint8_t *bytes, unsigned offset)
{
    uint16_t value;

    memcpy(&value, bytes + offset, sizeof(value));
    return value;
}

uint32_t pci_get32(const uint8_t *bytes, unsigned offset)
{
    uint32_t value;

    memcpy(&value, bytes + offset, sizeof(value));
    return value;
}

static uint16_t command(const PciDevice *pci)
{
    return pci_get16(pci->config, PCI_COMMAND);
}

/* ---- Interrupt pins ---- */

/* Whether the function drives its pin now. */
static bool drives_pin(const PciDevice *pci)
{
    return pci->intx_level && !(command(pci) & PCI_COMMAND_INTX_DISABLE) &&
           !pci_msix_enabled(pci) && !pci_msi_enabled(pci);
}

/* The host bridge's line for a function's pin: slots are rotated over the lines, unless it says otherwise. */
static unsigned line_of(const PciDevice *pci)
{
    unsigned pin = pci->config[PCI_INTERRUPT_PIN] - 1;
    const PciDevice *root = pci_root_pin(pci, &pin);
    const PciBusConfig *bus = &root->bus->config;

    return bus->route ? bus->route(root->devfn, pin) : ((root->devfn >> 3) + pin) % PCI_PINS;
}

/* Whether a function of @bus drives line @line. */
static bool bus_drives_line(const PciBus *bus, unsigned line)
{
    for (unsigned i = 0; i < PCI_DEVFNS; i++) {
        const PciDevice *pci = bus->devices[i];

        if (pci && pci->config[PCI_INTERRUPT_PIN] && line_of(pci) == line && drives_pin(pci)) {
            return true;
        }
    }
    return false;
}

/* Computes the level of the line that @pci is on: any function may drive it. */
static void update_line(PciDevice *pci)
{
    unsigned line = line_of(pci);
    bool level = false;

    for (const PciBus *bus = pci->dev.machine->pci; bus && !level; bus = bus->next) {
        level = bus_drives_line(bus, line);
    }
    irq_set(&pci->bus->config.intx[line], level);
}

void pci_set_intx(PciDevice *pci, bool level)
{
    uint16_t status = pci_get16(pci->config, PCI_STATUS) & ~PCI_STATUS_INTERRUPT;

    pci->intx_level = level;
    pci_put16(pci->config, PCI_STATUS, status | (level ? PCI_STATUS_INTERRUPT : 0));
    if (pci->config[PCI_INTERRUPT_PIN]) {
        update_line(pci);
    }
}

/* ---- Base address registers ---- */

static bool is_64bit(PciBarType type)
{
    return type == PCI_BAR_MEM64 || type == PCI_BAR_MEM64_PREFETCH;
}

static unsigned bar_offset(unsigned n)
{
    return PCI_BASE_ADDRESS_0 + 4 * n;
}

uint64_t pci_bar_address(const PciDevice *pci, unsigned n)
{
    uint64_t value = pci_get32(pci->config, bar_offset(n));

    if (is_64bit(pci->bars[n].type)) {
        value |= (uint64_t)pci_get32(pci->config, bar_offset(n + 1)) << 32;
    }
    return value & ~(pci->bars[n].size - 1);
}

/* Where the CPU sees [@addr, +@size) of the bus through @window; false if it does not. */
static bool window_maps(const PciWindow *window, uint64_t addr, uint64_t size, uint64_t *cpu)
{
    if (addr < window->pci_base || size > window->size ||
        addr - window->pci_base > window->size - size) {
        return false;
    }
    *cpu = window->cpu_base + (addr - window->pci_base);
    return true;
}

/* Whether what @bar maps is to be seen with bus address @addr, and where. */
static bool bar_shown(const PciDevice *pci, const PciBar *bar, uint64_t addr, uint64_t *cpu)
{
    const PciBusConfig *bus = &pci->bus->config;

    if (!pci_bridges_pass(pci->bus, bar->type == PCI_BAR_IO, addr, bar->size)) {
        return false;
    }
    if (bar->type == PCI_BAR_IO) {
        return (command(pci) & PCI_COMMAND_IO) && window_maps(&bus->io, addr, bar->size, cpu);
    }
    return (command(pci) & PCI_COMMAND_MEMORY) && (window_maps(&bus->mem32, addr, bar->size, cpu) ||
                                                   window_maps(&bus->mem64, addr, bar->size, cpu));
}

static void show_bar(const PciBar *bar, bool shown, uint64_t cpu)
{
    if (shown) {
        memory_region_set_base(bar->region, cpu);
    }
    memory_region_set_enabled(bar->region, shown);
}

/* Shows or hides the BARs and the ROM as configuration space says. */
static void update_bars(PciDevice *pci)
{
    uint64_t cpu = 0;

    for (unsigned n = 0; n < PCI_BARS; n++) {
        const PciBar *bar = &pci->bars[n];

        if (bar->size) {
            bool shown = bar_shown(pci, bar, pci_bar_address(pci, n), &cpu);

            show_bar(bar, shown, cpu);
        }
    }
    if (pci->rom.size) {
        uint32_t value = pci_get32(pci->config, PCI_ROM_ADDRESS);
        bool shown = (value & PCI_ROM_ADDRESS_ENABLE) &&
                     bar_shown(pci, &pci->rom, value & ~(pci->rom.size - 1), &cpu);

        show_bar(&pci->rom, shown, cpu);
    }
}

/* The registers of BAR @n with @region, which is hidden at first. */
static void init_bar(PciDevice *pci, unsigned n, PciBarType type, uint64_t size,
                     MemoryRegion *region)
{
    static const uint32_t type_bits[] = {
        [PCI_BAR_IO] = PCI_BASE_ADDRESS_SPACE_IO,
        [PCI_BAR_MEM32] = PCI_BASE_ADDRESS_MEM_TYPE_32,
        [PCI_BAR_MEM32_PREFETCH] = PCI_BASE_ADDRESS_MEM_TYPE_32 | PCI_BASE_ADDRESS_MEM_PREFETCH,
        [PCI_BAR_MEM64] = PCI_BASE_ADDRESS_MEM_TYPE_64,
        [PCI_BAR_MEM64_PREFETCH] = PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
    };

    g_assert(is_pow2(size) && size >= 16 && n + is_64bit(type) < PCI_BARS);
    pci->bars[n] = (PciBar){.size = size, .type = type, .region = region};
    memory_region_set_enabled(region, false);
    pci_put32(pci->config, bar_offset(n), type_bits[type]);
    pci_put32(pci->wmask, bar_offset(n), ~(size - 1));
    if (is_64bit(type)) {
        pci_put32(pci->wmask, bar_offset(n + 1), ~(size - 1) >> 32);
    }
}

void pci_add_bar(PciDevice *pci, unsigned n, PciBarType type, uint64_t size, const MmioOps *ops,
                 void *opaque)
{
    char *name = g_strdup_printf("%s.bar%u", pci->dev.id, n);
    MemoryMap *map = pci->dev.machine->memory;

    if (type == PCI_BAR_IO && pci->bus->config.io_map) {
        map = pci->bus->config.io_map;
    }
    init_bar(pci, n, type, size,
             memory_map_add_mmio(map, name, 0, size, 1, ops, opaque, &pci->dev));
    g_free(name);
}

void pci_add_ram_bar(PciDevice *pci, unsigned n, PciBarType type, RamBlock *ram)
{
    char *name = g_strdup_printf("%s.bar%u", pci->dev.id, n);
    MemoryRegion *region = memory_map_add_ram(pci->dev.machine->memory, name, 0, ram->size, 1, ram,
                                              0, false, NULL, NULL);

    memory_region_set_enabled(region, false);
    init_bar(pci, n, type, ram->size, region);
    g_free(name);
}

void pci_add_rom(PciDevice *pci, RamBlock *ram)
{
    char *name = g_strdup_printf("%s.rom", pci->dev.id);

    pci->rom = (PciBar){.size = ram->size, .type = PCI_BAR_MEM32};
    pci->rom.region = memory_map_add_ram(pci->dev.machine->memory, name, 0, ram->size, 1, ram, 0,
                                         true, NULL, NULL);
    memory_region_set_enabled(pci->rom.region, false);
    pci_put32(pci->wmask, PCI_ROM_ADDRESS, ~(uint32_t)(ram->size - 1) | PCI_ROM_ADDRESS_ENABLE);
    g_free(name);
}

/* ---- Configuration space ---- */

unsigned pci_add_capability(PciDevice *pci, uint8_t id, unsigned len)
{
    unsigned at = pci->cap_end;

    g_assert(at + len <= PCI_CONFIG_SIZE);
    pci->config[at] = id;
    pci->config[at + 1] = pci->config[PCI_CAPABILITY_LIST];
    pci->config[PCI_CAPABILITY_LIST] = at;
    pci->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    pci->cap_end = align_up(at + len, 4);
    return at;
}

static PciBus *root_of(const PciDevice *pci)
{
    PciBus *root = pci->bus;

    while (root->parent) {
        root = root->parent->bus;
    }
    return root;
}

/* What follows from the bytes, after any of them changed; also for what is behind a bridge. */
static void config_changed(PciDevice *pci)
{
    root_of(pci)->msi_epoch++;
    update_bars(pci);
    pci_set_intx(pci, pci->intx_level);
    pci_msix_config_written(pci);
    for (unsigned i = 0; pci->secondary && i < PCI_DEVFNS; i++) {
        if (pci->secondary->devices[i]) {
            update_bars(pci->secondary->devices[i]);
        }
    }
}

uint32_t pci_config_read(PciBus *root, unsigned number, uint8_t devfn, unsigned offset,
                         unsigned size)
{
    PciDevice *pci = pci_find_function(root, number, devfn);
    uint32_t value = UINT32_MAX;

    if (pci && offset < PCI_CONFIG_SIZE && size <= PCI_CONFIG_SIZE - offset) {
        if (pci->ops->config_read) {
            pci->ops->config_read(pci, offset, size);
        }
        value = 0;
        memcpy(&value, pci->config + offset, size);
    }
    return value;
}

void pci_config_write(PciBus *root, unsigned number, uint8_t devfn, unsigned offset, uint32_t value,
                      unsigned size)
{
    PciDevice *pci = pci_find_function(root, number, devfn);

    if (!pci || offset >= PCI_CONFIG_SIZE || size > PCI_CONFIG_SIZE - offset) {
        return;
    }
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        uint8_t *byte = &pci->config[offset + i];
        uint8_t w = pci->wmask[offset + i], w1c = pci->w1cmask[offset + i];

        *byte = ((*byte & ~w) | (value & w)) & ~(value & w1c);
    }
    config_changed(pci);
    if (pci->ops->config_written) {
        pci->ops->config_written(pci, offset, size);
    }
}

/* ---- Functions ---- */

/* Whether it may access memory. The bits of the bridges above do not count: SeaBIOS leaves them off, and starts from
 * disks behind bridges. */
static bool masters(const PciDevice *pci)
{
    return command(pci) & PCI_COMMAND_MASTER;
}

/* What an IOMMU knows it by. */
static uint32_t requester_id(const PciDevice *pci)
{
    return pci_bus_number(pci->bus) << 8 | pci->devfn;
}

/* AddressSpace.translate() without an IOMMU: nothing passes while bus mastering is off; else addresses are
 * the CPU's. */
static bool translate_plain(AddressSpace *as, uint64_t iova, bool write, uint64_t *addr,
                            uint64_t *len)
{
    const PciDevice *pci = as->opaque;

    *addr = iova;
    return masters(pci);
}

/* The IOMMU in the way of @pci, or NULL. */
static Iommu *iommu_of(const PciDevice *pci)
{
    const PciBus *root = root_of(pci);

    return root->iommu_function == pci ? NULL : root->iommu;
}

uint32_t pci_msi_epoch(const PciDevice *pci)
{
    const Iommu *iommu = iommu_of(pci);

    return root_of(pci)->msi_epoch + (iommu ? iommu->msi_epoch : 0);
}

static bool translate(AddressSpace *as, uint64_t iova, bool write, uint64_t *addr, uint64_t *len)
{
    const PciDevice *pci = as->opaque;
    Iommu *iommu = iommu_of(pci);
    IommuRequest request = {.device_id = requester_id(pci), .write = write, .iova = iova};
    IommuResult result;
    bool ok;

    if (!translate_plain(as, iova, write, addr, len)) {
        return false;
    }
    if (!iommu) {
        return true;
    }
    machine_lock(pci->dev.machine);
    ok = iommu->ops->translate(iommu, &request, &result);
    machine_unlock(pci->dev.machine);
    if (ok) {
        *addr = result.addr;
        *len = MIN(*len, result.len);
    }
    return ok;
}

/* AddressSpace.remap_msi() */
static bool remap_msi(AddressSpace *as, uint64_t *addr, uint32_t *data)
{
    const PciDevice *pci = as->opaque;
    Iommu *iommu = iommu_of(pci);
    uint64_t len = sizeof(*data);
    bool ok;

    if (!iommu || !iommu->ops->remap_msi) {
        return translate(as, *addr, true, addr, &len) && len == sizeof(*data);
    }
    if (!masters(pci)) {
        return false;
    }
    machine_lock(pci->dev.machine);
    ok = iommu->ops->remap_msi(iommu, requester_id(pci), addr, data);
    machine_unlock(pci->dev.machine);
    return ok;
}

static void init_header(PciDevice *pci, const PciIds *ids, bool pin)
{
    pci_put16(pci->config, PCI_VENDOR_ID, ids->vendor);
    pci_put16(pci->config, PCI_DEVICE_ID, ids->device);
    pci_put16(pci->config, PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor);
    pci_put16(pci->config, PCI_SUBSYSTEM_ID, ids->subsystem);
    pci_put32(pci->config, PCI_CLASS_REVISION, ids->class_code << 8 | ids->revision);
    pci->config[PCI_INTERRUPT_PIN] = pin;
    pci->wmask[PCI_INTERRUPT_LINE] = 0xff;
    pci->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    pci_put16(pci->wmask, PCI_COMMAND,
              PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
                  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    pci_put16(pci->w1cmask, PCI_STATUS,
              PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
                  PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR |
                  PCI_STATUS_DETECTED_PARITY);
}

/* Function 0 of a slot says whether there are others. */
static void mark_multifunction(PciBus *bus, uint8_t devfn)
{
    PciDevice *first = bus->devices[devfn & ~7];

    for (unsigned i = 1; first && i < 8; i++) {
        if (bus->devices[(devfn & ~7) + i]) {
            first->config[PCI_HEADER_TYPE] |= HEADER_MULTIFUNCTION;
            first->power_on[PCI_HEADER_TYPE] |= HEADER_MULTIFUNCTION;
        }
    }
}

void *pci_device_new(PciBus *bus, uint8_t devfn, const PciOps *ops, size_t size, const char *id,
                     const PciIds *ids, bool pin)
{
    PciDevice *pci = device_new(bus->machine, &ops->device, size, id);

    g_assert(!bus->devices[devfn]);
    pci->ops = ops;
    pci->dev.bus = bus->bus;
    pci->bus = bus;
    pci->devfn = devfn;
    pci->cap_end = PCI_STD_HEADER_SIZEOF;
    pci->dma = (AddressSpace){
        .map = bus->machine->memory,
        .translate = translate,
        .remap_msi = remap_msi,
        .opaque = pci,
    };
    pci->dma_past_iommu = (AddressSpace){
        .map = bus->machine->memory,
        .translate = translate_plain,
        .opaque = pci,
    };
    init_header(pci, ids, pin);
    memcpy(pci->power_on, pci->config, PCI_CONFIG_SIZE);
    bus->devices[devfn] = pci;
    mark_multifunction(bus, devfn);
    return pci;
}

void pci_device_ready(PciDevice *pci)
{
    memcpy(pci->power_on, pci->config, PCI_CONFIG_SIZE);
}

void pci_device_reset(Device *dev)
{
    PciDevice *pci = container_of(dev, PciDevice, dev);

    memcpy(pci->config, pci->power_on, PCI_CONFIG_SIZE);
    pci->intx_level = false;
    pci_msix_reset(pci);
    if (pci->ops->reset) {
        pci->ops->reset(pci);
    }
    config_changed(pci);
}

void pci_device_finalize(Device *dev)
{
    PciDevice *pci = container_of(dev, PciDevice, dev);

    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (pci->bars[n].region) {
            memory_region_remove(pci->bars[n].region);
        }
    }
    if (pci->rom.region) {
        memory_region_remove(pci->rom.region);
    }
    pci_msix_direct_close(pci);
    pci->bus->devices[pci->devfn] = NULL;
}

/* ---- Buses ---- */

void pci_bus_init(PciBus *bus, Device *owner, const PciBusConfig *config)
{
    static const DeviceBusType type = {"PCIE", pci_describe};
    PciBus **end = &owner->machine->pci;

    while (*end) {
        end = &(*end)->next;
    }
    *end = bus;
    bus->machine = owner->machine;
    bus->bus = device_bus_new(owner, &type, config->name);
    bus->config = *config;
}

PciBus *pci_find_bus(Machine *machine, const char *name)
{
    PciBus *bus = machine->pci;

    while (bus && name && strcmp(name, bus->config.name) != 0) {
        bus = bus->next;
    }
    return bus;
}

/* Behind a port of PCI Express there is one slot. */
static unsigned slots_of(const PciBus *bus)
{
    return bus->parent ? 1 : PCI_SLOTS;
}

bool pci_parse_address(Machine *machine, Options *opts, PciBus **bus, uint8_t *devfn,
                       GError **error)
{
    const char *name = options_get(opts, "bus", NULL), *addr = options_get(opts, "addr", NULL);
    bool multifunction = false; /* told by what is there */
    char *end;
    guint64 slot, fn = 0;

    if (!options_get_bool(opts, "multifunction", &multifunction, error)) {
        return false;
    }
    *bus = pci_find_bus(machine, name);
    if (!*bus) {
        return name
                   ? error_set(error, "there is no PCI bus '%s'; leave out bus= to take the first",
                               name)
                   : error_set(error, "machine '%s' has no PCI bus; use the type ending in -device",
                               machine->cls->name);
    }
    if (!addr) {
        for (unsigned i = 0; i < slots_of(*bus); i++) {
            if (!(*bus)->devices[PCI_DEVFN(i, 0)]) {
                *devfn = PCI_DEVFN(i, 0);
                return true;
            }
        }
        return error_set(error, "PCI bus '%s' is full", (*bus)->config.name);
    }
    slot = g_ascii_strtoull(addr, &end, 16);
    if (end != addr && *end == '.') {
        addr = end + 1;
        fn = g_ascii_strtoull(addr, &end, 16);
    }
    if (end == addr || *end || slot >= PCI_SLOTS || fn > 7) {
        return error_set(error, "addr='%s' is no PCI slot; write it in hexadecimal, 1 to 1f",
                         options_get(opts, "addr", NULL));
    }
    if (slot >= slots_of(*bus)) {
        return error_set(error, "PCI bus '%s' has one slot, 0; use addr=0", (*bus)->config.name);
    }
    *devfn = PCI_DEVFN(slot, fn);
    if ((*bus)->devices[*devfn]) {
        return error_set(error, "PCI slot %x.%x is taken by '%s'; leave out addr=", (unsigned)slot,
                         (unsigned)fn, (*bus)->devices[*devfn]->dev.id);
    }
    return true;
}

/* ---- Saved state ---- */

static bool pci_post_load(void *opaque, GError **error)
{
    PciDevice *pci = opaque;

    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t fixed = ~(pci->wmask[i] | pci->w1cmask[i]);

        if (i == PCI_STATUS) {
            fixed &= ~PCI_STATUS_INTERRUPT;
        }
        if ((pci->config[i] ^ pci->power_on[i]) & fixed) {
            return error_set(error, "%s: the saved machine had another PCI device here",
                             pci->dev.id);
        }
    }
    config_changed(pci);
    return true;
}

static const VmField pci_fields[] = {
    VM_ARRAY_U8(PciDevice, config),
    VM_FIELD_BOOL(PciDevice, intx_level),
    VM_FIELD_STRUCT(PciDevice, msix, &pci_msix_vmstate),
    VM_FIELD_END(),
};

const VmDesc pci_vmstate = {.name = "pci", .fields = pci_fields, .post_load = pci_post_load};
