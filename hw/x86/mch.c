/*
 * The host bridge of the q35 machine: Intel 82Q35 (3 Series chip set family data sheet, 316966), as far as
 * firmware and operating systems see it.
 *
 * Beside the root bus it has what the first megabyte looks like: seven registers (PAM) say for each
 * of 13 pieces whether reads and writes go to RAM or to the firmware's ROM, and SMRAM opens the RAM that is
 * below the VGA window. In the memory map RAM is always there; where an access is not to reach it a region of
 * higher priority is shown. Configuration space is in memory (ECAM) where PCIEXBAR says. Locking: the
 * machine lock.
 */
#include "hw/x86/mch.h"
#include "softmmu/base/log.h"
#include <linux/pci_regs.h>
#include <string.h>

#define VENDOR_INTEL 0x8086
#define DEVICE_Q35 0x29c0
#define SUBSYSTEM_VENDOR 0x1af4 /* by which firmware knows that it is in a virtual machine */
#define SUBSYSTEM 0x1100
#define CLASS_HOST_BRIDGE 0x060000

#define PORT_ADDRESS 0xcf8
#define PORT_RESET (0xcf9 - PORT_ADDRESS)
#define PORT_DATA (0xcfc - PORT_ADDRESS)
#define ADDRESS_ENABLE 0x80000000u
#define ADDRESS_BITS 0x80fffffcu

#define REG_PCIEXBAR 0x60
#define REG_PAM 0x90
#define REG_SMRAM 0x9d
#define PCIEXBAR_ENABLE 1
#define PCIEXBAR_LENGTH 6
#define SMRAM_RESET 0x02
#define SMRAM_ENABLE 0x08
#define SMRAM_LOCKED 0x10
#define SMRAM_CLOSED 0x20
#define SMRAM_OPEN 0x40

#define PAM_REGISTERS 7
#define PAM_PIECES 13
#define PAM_BASE 0xc0000
#define PAM_PIECE 0x4000
#define PAM_LAST_PIECE 0x10000
#define BIOS_BASE 0xe0000
#define VGA_BASE 0xa0000
#define VGA_SIZE 0x20000
#define MEM32_END 0xfec00000u

/* What an access to a piece reaches; the register's bits. */
enum { PAM_READ_RAM = 1, PAM_WRITE_RAM = 2 };

typedef struct Mch Mch;

typedef struct PamPiece {
    Mch *mch;
    uint64_t base, size;
    /* By the state's bits: what covers RAM. With both bits nothing does. */
    MemoryRegion *cover[3];
} PamPiece;

typedef struct MchBridge MchBridge;

struct Mch {
    Device dev; /* the ports and the windows in memory */
    PciBus bus;
    MchConfig config;
    PciDevice *bridge; /* function 0, with the registers */
    PamPiece pieces[PAM_PIECES];
    MemoryRegion *ecam, *smram;
    uint32_t address;
};

struct MchBridge {
    PciDevice pci;
    Mch *mch;
};

/* ---- Configuration accesses ---- */

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    Mch *s = opaque;
    if (offset == 0 && size == 4) {
        return s->address;
    }
    if (offset == PORT_RESET && size == 1) {
        return s->config.read_reset ? s->config.read_reset(s->config.reset_opaque) : 0xff;
    }
    if (offset < PORT_DATA || !(s->address & ADDRESS_ENABLE)) {
        return UINT32_MAX;
    }
    return pci_config_read(&s->bus, bits_get(s->address, 16, 8), bits_get(s->address, 8, 8),
                           (s->address & 0xfc) + (offset - PORT_DATA), size);
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Mch *s = opaque;
    if (offset == 0 && size == 4) {
        s->address = value & ADDRESS_BITS;
    } else if (offset == PORT_RESET && size == 1) {
        if (s->config.write_reset) {
            s->config.write_reset(s->config.reset_opaque, value);
        }
    } else if (offset >= PORT_DATA && (s->address & ADDRESS_ENABLE)) {
        pci_config_write(&s->bus, bits_get(s->address, 16, 8), bits_get(s->address, 8, 8),
                         (s->address & 0xfc) + (offset - PORT_DATA), value, size);
    }
}

static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
    Mch *s = opaque;
    return pci_config_read(&s->bus, offset >> 20, bits_get(offset, 12, 8), bits_get(offset, 0, 12),
                           size);
}

static void ecam_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Mch *s = opaque;
    pci_config_write(&s->bus, offset >> 20, bits_get(offset, 12, 8), bits_get(offset, 0, 12), value,
                     size);
}

static const MmioOps port_ops = {port_read, port_write, 1, 4, false};
static const MmioOps ecam_ops = {ecam_read, ecam_write, 1, 4, false};

/* ---- The first megabyte ---- */

/* Where neither RAM nor ROM answers. */
static uint64_t nothing_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void nothing_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

/* Reads come from elsewhere, writes go to the RAM below. */
static void shadow_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PamPiece *piece = opaque;
    Machine *machine = piece->mch->dev.machine;
    uint8_t *host = machine->ram->host + piece->base + offset;
    memcpy(host, &value, size);
    dma_unmap(&machine->dma, host, size);
}

static const MmioOps nothing_ops = {nothing_read, nothing_write, 1, 8, true};
static const MmioOps read_only_ops = {NULL, nothing_write, 1, 8, true};
static const MmioOps shadow_ops = {NULL, shadow_write, 1, 8, true};
static const MmioOps write_only_ops = {nothing_read, shadow_write, 1, 8, true};

static void make_piece(Mch *s, unsigned n)
{
    Machine *machine = s->dev.machine;
    MemoryMap *map = machine->memory;
    RamBlock *bios = s->config.bios;
    PamPiece *piece = &s->pieces[n];
    bool last = n == PAM_PIECES - 1;
    uint64_t base = PAM_BASE + n * PAM_PIECE, size = last ? PAM_LAST_PIECE : PAM_PIECE;
    *piece = (PamPiece){.mch = s, .base = base, .size = size};
    if (bios && base >= BIOS_BASE && bios->size >= MIB - base) {
        uint64_t offset = bios->size - (MIB - base); /* firmware's end, once more below 1 MiB */
        piece->cover[0] = memory_map_add_ram(map, "pam-rom", base, size, 1, bios, offset, true,
                                             &read_only_ops, NULL);
        piece->cover[PAM_WRITE_RAM] = memory_map_add_ram(map, "pam-shadow", base, size, 1, bios,
                                                         offset, true, &shadow_ops, piece);
    } else {
        piece->cover[0] =
            memory_map_add_mmio(map, "pam-pci", base, size, 1, &nothing_ops, NULL, NULL);
        piece->cover[PAM_WRITE_RAM] =
            memory_map_add_mmio(map, "pam-shadow", base, size, 1, &write_only_ops, piece, NULL);
    }
    piece->cover[PAM_READ_RAM] = memory_map_add_ram(map, "pam-ram-ro", base, size, 1, machine->ram,
                                                    base, true, &read_only_ops, NULL);
    memory_region_set_enabled(piece->cover[PAM_WRITE_RAM], false);
    memory_region_set_enabled(piece->cover[PAM_READ_RAM], false);
}

/* The last piece is in the high half of the first register; the others are two in each. */
static unsigned pam_state(const Mch *s, unsigned n)
{
    const uint8_t *pam = s->bridge->config + REG_PAM;
    unsigned reg = n == PAM_PIECES - 1 ? 0 : 1 + n / 2;
    bool high = n == PAM_PIECES - 1 || n % 2;
    return pam[reg] >> (high ? 4 : 0) & 3;
}

static void update_pam(Mch *s)
{
    for (unsigned n = 0; n < PAM_PIECES; n++) {
        unsigned state = pam_state(s, n);
        for (unsigned i = 0; i < ARRAY_SIZE(s->pieces[n].cover); i++) {
            memory_region_set_enabled(s->pieces[n].cover[i], i == state);
        }
    }
}

static void update_smram(Mch *s)
{
    uint8_t *reg = s->bridge->config + REG_SMRAM;
    if (*reg & SMRAM_LOCKED) {
        *reg &= ~SMRAM_OPEN;
        s->bridge->wmask[REG_SMRAM] = SMRAM_CLOSED;
    }
    memory_region_set_enabled(s->smram, (*reg & SMRAM_ENABLE) && (*reg & SMRAM_OPEN));
}

/* ---- The function's registers ---- */

uint64_t mch_ecam_base(PciBus *bus)
{
    const Mch *s = container_of(bus, Mch, bus);
    uint32_t low = pci_get32(s->bridge->config, REG_PCIEXBAR);
    uint64_t high = pci_get32(s->bridge->config, REG_PCIEXBAR + 4) & 0xf;
    return low & PCIEXBAR_ENABLE ? (high << 32 | (low & 0xf0000000u)) : 0;
}

static void update_ecam(Mch *s)
{
    uint64_t base = mch_ecam_base(&s->bus);
    if (base) {
        memory_region_set_base(s->ecam, base);
    }
    memory_region_set_enabled(s->ecam, base != 0);
}

static void update(Mch *s)
{
    update_ecam(s);
    update_pam(s);
    update_smram(s);
}

static void bridge_written(PciDevice *pci, unsigned offset, unsigned size)
{
    update(container_of(pci, MchBridge, pci)->mch);
}

static void bridge_reset(PciDevice *pci)
{
    Mch *s = container_of(pci, MchBridge, pci)->mch;
    pci->wmask[REG_SMRAM] = SMRAM_OPEN | SMRAM_CLOSED | SMRAM_LOCKED | SMRAM_ENABLE;
    s->address = 0;
    update(s);
}

static bool bridge_post_load(void *opaque, GError **error)
{
    MchBridge *bridge = opaque;
    update(bridge->mch);
    return true;
}

static const VmField bridge_fields[] = {
    VM_FIELD_STRUCT(MchBridge, pci, &pci_vmstate),
    VM_FIELD_END(),
};

static const VmDesc bridge_vmstate = {"mch", bridge_fields, NULL, bridge_post_load};

static const PciOps bridge_ops = {
    .device =
        {
            .name = "mch",
            .reset = pci_device_reset,
            .vmstate = &bridge_vmstate,
            .finalize = pci_device_finalize,
        },
    .config_written = bridge_written,
    .reset = bridge_reset,
};

static void make_bridge(Mch *s)
{
    static const PciIds ids = {
        .vendor = VENDOR_INTEL,
        .device = DEVICE_Q35,
        .subsystem_vendor = SUBSYSTEM_VENDOR,
        .subsystem = SUBSYSTEM,
        .class_code = CLASS_HOST_BRIDGE,
    };
    MchBridge *bridge =
        pci_device_new(&s->bus, PCI_DEVFN(0, 0), &bridge_ops, sizeof(*bridge), "mch", &ids, false);
    PciDevice *pci = &bridge->pci;
    bridge->mch = s;
    s->bridge = pci;
    pci_put32(pci->wmask, REG_PCIEXBAR, 0xf0000000u | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE);
    pci_put32(pci->wmask, REG_PCIEXBAR + 4, 0xf);
    memset(pci->wmask + REG_PAM, 0x33, PAM_REGISTERS);
    pci->wmask[REG_PAM] = 0x30;
    pci->wmask[REG_SMRAM] = SMRAM_OPEN | SMRAM_CLOSED | SMRAM_LOCKED | SMRAM_ENABLE;
    pci->config[REG_SMRAM] = SMRAM_RESET;
    pci_device_ready(pci);
}

void mch_set_up(PciBus *bus)
{
    Mch *s = container_of(bus, Mch, bus);
    pci_put32(s->bridge->config, REG_PCIEXBAR, MCH_ECAM_DEFAULT | PCIEXBAR_ENABLE);
    memset(s->bridge->config + REG_PAM, 0x33, PAM_REGISTERS);
    s->bridge->config[REG_PAM] = 0x30;
    update(s);
}

/* ---- The device ---- */

/* Interrupt pins: slots 0 to 24 rotate over PIRQE to PIRQH, the chip set's own functions have A to D. */
static unsigned route(uint8_t devfn, unsigned pin)
{
    unsigned slot = devfn >> 3;
    return slot <= 24 ? 4 + (slot + pin) % 4 : pin % 4;
}

static const VmField mch_fields[] = {VM_FIELD_U32(Mch, address), VM_FIELD_END()};
static const VmDesc mch_vmstate = {"q35-pcihost", mch_fields, NULL, NULL};
static const DeviceOps mch_ops = {.name = "q35-pcihost", .vmstate = &mch_vmstate};

void mch_windows(PciBus *bus, uint64_t base[2], uint64_t size[2])
{
    base[0] = bus->config.mem32.cpu_base;
    size[0] = bus->config.mem32.size;
    base[1] = bus->config.mem64.cpu_base;
    size[1] = bus->config.mem64.size;
}

PciBus *mch_new(Machine *machine, const MchConfig *config)
{
    Mch *s = device_new(machine, &mch_ops, sizeof(*s), NULL);
    MemoryMap *map = machine->memory;
    uint64_t mem64 = align_up(4 * GIB + config->high_ram, GIB);
    uint64_t mem64_end = UINT64_C(1) << config->address_bits;
    PciBusConfig bus = {
        .name = "pcie.0",
        .io = {0, 0, 64 * KIB},
        .mem32 = {config->low_ram, config->low_ram, MEM32_END - config->low_ram},
        .mem64 = {mem64, mem64, mem64 < mem64_end ? mem64_end - mem64 : 0},
        .io_map = machine->io,
        .route = route,
    };
    memcpy(bus.intx, config->pirq, sizeof(bus.intx));
    s->config = *config;
    pci_bus_init(&s->bus, &s->dev, &bus);
    memory_map_add_mmio(machine->io, "pci-conf", PORT_ADDRESS, 8, 0, &port_ops, s, NULL);
    s->ecam = memory_map_add_mmio(map, "pcie-mmcfg", 0, MCH_ECAM_SIZE, 2, &ecam_ops, s, NULL);
    memory_region_set_enabled(s->ecam, false);
    memory_map_add_mmio(map, "vga-window", VGA_BASE, VGA_SIZE, 1, &nothing_ops, NULL, NULL);
    s->smram = memory_map_add_ram(map, "smram", VGA_BASE, VGA_SIZE, 3, machine->ram, VGA_BASE,
                                  false, NULL, NULL);
    memory_region_set_enabled(s->smram, false);
    for (unsigned n = 0; n < PAM_PIECES; n++) {
        make_piece(s, n);
    }
    make_bridge(s);
    return &s->bus;
}
