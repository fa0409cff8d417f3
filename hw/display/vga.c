/*
 * The standard VGA: IBM's registers, the display interface of Bochs (VBE), and both as memory, as function
 * 1234:1111 on PCI. Sources: FreeVGA; QEMU's docs/specs/standard-vga; the interface's ports as vgabios uses them.
 *
 *   BAR 0  video memory       BAR 2  0x400 ports 0x3c0 and up, 0x500 display interface (words), 0x600 byte order
 *   ROM    vgabios            ports 0x1ce, 0x1cf/0x1d0: display interface
 *
 * Nothing is drawn here: vga-draw.c does when somebody looks. Locking: the machine lock.
 */
#include "hw/display/vga-internal.h"
#include "hw/loader.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <string.h>

#define ROM_PATH "/usr/share/seabios/vgabios-stdvga.bin"
#define ROM_MAX (256 * KIB)
#define WINDOW_BASE 0xa0000
#define WINDOW_SIZE 0x20000
#define PORTS_BASE 0x3c0
#define MONO_BASE 0x3b0
#define DISPI_PORT 0x1ce
#define DISPI_FIRST_VERSION 0xb0c0
#define DISPI_VERSION 0xb0c5
#define MAX_XRES 16000
#define MAX_YRES 12000
#define MMIO_BAR 2
#define MMIO_SIZE 4096
enum { MMIO_PORTS = 0x400, MMIO_DISPI = 0x500, MMIO_EXTENDED = 0x600 };

#define MISC_COLOR 1

/* ---- The display interface ---- */

static uint32_t dispi_bytes(const Vga *s)
{
    return (s->dispi[DISPI_BPP] + 7) / 8;
}

/* Cuts sizes to what video memory holds. */
static void fix_dispi(Vga *s)
{
    uint16_t *d = s->dispi;
    uint32_t bytes;
    static const uint8_t depths[] = {4, 8, 15, 16, 24, 32};
    if (!memchr(depths, d[DISPI_BPP], sizeof(depths))) {
        d[DISPI_BPP] = 8;
    }
    bytes = dispi_bytes(s);
    d[DISPI_XRES] = CLAMP(d[DISPI_XRES] & ~7, 8, MAX_XRES);
    d[DISPI_VIRT_WIDTH] = CLAMP(d[DISPI_VIRT_WIDTH], d[DISPI_XRES], UINT16_MAX & ~7);
    uint64_t lines = s->vram->size / ((uint64_t)d[DISPI_VIRT_WIDTH] * bytes);
    if (!lines) {
        d[DISPI_XRES] = d[DISPI_VIRT_WIDTH] = 1024;
        lines = s->vram->size / (1024 * bytes);
    }
    d[DISPI_YRES] = CLAMP(d[DISPI_YRES], 1, MIN(lines, MAX_YRES));
    d[DISPI_VIRT_HEIGHT] = MIN(lines, UINT16_MAX);
    if (d[DISPI_Y_OFFSET] + d[DISPI_YRES] > d[DISPI_VIRT_HEIGHT]) {
        d[DISPI_Y_OFFSET] = d[DISPI_VIRT_HEIGHT] - d[DISPI_YRES];
    }
}

/* The old registers as they would be, for software that looks at them. */
static void set_graphics(Vga *s)
{
    s->gr[6] = (s->gr[6] & ~0x0c) | 5;
    s->cr[0x17] |= 3;
    s->cr[0x11] &= ~0x80;
    s->cr[1] = s->dispi[DISPI_XRES] / 8 - 1;
    s->cr[0x13] = s->dispi[DISPI_VIRT_WIDTH] / 8;
    unsigned last = s->dispi[DISPI_YRES] - 1;
    s->cr[0x12] = last;
    s->cr[7] = (s->cr[7] & ~0x42) | (last >> 7 & 2) | (last >> 3 & 0x40);
    s->cr[0x18] = 0xff;
    s->cr[7] |= 0x10;
    s->cr[9] = (s->cr[9] & ~0x9f) | 0x40;
    s->gr[5] = (s->gr[5] & ~0x60) | (s->dispi[DISPI_BPP] == 4 ? 0 : 0x40);
    s->sr[4] = s->dispi[DISPI_BPP] == 4 ? s->sr[4] & ~8 : s->sr[4] | 8;
    s->sr[2] |= 0xf;
}

static void write_enable(Vga *s, uint16_t value)
{
    bool was = s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
    s->dispi[DISPI_ENABLE] = value;
    s->dispi[DISPI_BANK] = 0;
    if (!(value & DISPI_ENABLED) || was) {
        return;
    }
    s->dispi[DISPI_VIRT_WIDTH] = s->dispi[DISPI_XRES];
    s->dispi[DISPI_X_OFFSET] = s->dispi[DISPI_Y_OFFSET] = 0;
    fix_dispi(s);
    if (!(value & DISPI_NOCLEAR)) {
        memset(s->vram->host, 0,
               (size_t)s->dispi[DISPI_YRES] * s->dispi[DISPI_VIRT_WIDTH] * dispi_bytes(s));
    }
    set_graphics(s);
}

static void dispi_write(Vga *s, unsigned reg, uint16_t value)
{
    switch (reg) {
    case DISPI_ID: /* software writes the version that it knows, and looks whether it stays */
        if (value >= DISPI_FIRST_VERSION && value <= DISPI_VERSION) {
            s->dispi[reg] = value;
        }
        break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
        s->dispi[reg] = value;
        if (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) {
            fix_dispi(s);
        }
        break;
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        s->dispi[reg] = value;
        fix_dispi(s);
        break;
    case DISPI_BANK: s->dispi[reg] = value % (s->vram->size >> 16); break;
    case DISPI_ENABLE: write_enable(s, value); break;
    default: break;
    }
}

static uint16_t dispi_read(const Vga *s, unsigned reg)
{
    bool caps = s->dispi[DISPI_ENABLE] & DISPI_GETCAPS;
    switch (reg) {
    case DISPI_XRES: return caps ? MAX_XRES : s->dispi[reg];
    case DISPI_YRES: return caps ? MAX_YRES : s->dispi[reg];
    case DISPI_BPP: return caps ? 32 : s->dispi[reg];
    case DISPI_MEMORY: return s->vram->size >> 16;
    default: return reg < DISPI_REGS ? s->dispi[reg] : 0;
    }
}

static uint64_t dispi_port_read(void *opaque, uint64_t offset, unsigned size)
{
    const Vga *s = opaque;
    return offset ? dispi_read(s, s->dispi_index) : s->dispi_index;
}

static void dispi_port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Vga *s = opaque;
    if (offset) {
        dispi_write(s, s->dispi_index, value);
    } else {
        s->dispi_index = value;
    }
}

/* ---- IBM's registers ---- */

static void write_attribute(Vga *s, uint8_t value)
{
    if (!s->ar_data) {
        s->ar_index = value & 0x3f;
    } else if ((s->ar_index & 31) < 0x15) {
        s->ar[s->ar_index & 31] = value;
    }
    s->ar_data = !s->ar_data;
}

static void write_crtc(Vga *s, uint8_t value)
{
    unsigned n = s->cr_index & 31;
    if (n <= 7 && (s->cr[0x11] & 0x80)) { /* locked, but for one bit */
        if (n == 7) {
            s->cr[7] = (s->cr[7] & ~0x10) | (value & 0x10);
        }
        return;
    }
    s->cr[n] = value;
}

static void write_dac(Vga *s, uint8_t value)
{
    s->dac_latch[s->dac_phase++] = value;
    if (s->dac_phase == 3) {
        memcpy(s->palette + 3 * s->dac_write++, s->dac_latch, 3);
        s->dac_phase = 0;
    }
}

static uint8_t read_dac(Vga *s)
{
    uint8_t value = s->palette[3 * s->dac_read + s->dac_phase++];
    if (s->dac_phase == 3) {
        s->dac_phase = 0;
        s->dac_read++;
    }
    return value;
}

/* Software waits for the retraces: every look sees the other state. */
static uint8_t read_status(Vga *s)
{
    s->ar_data = false;
    s->status ^= 9;
    return s->status;
}

/* Whether ports 0x3bx or 0x3dx, as @port is, are those that are decoded. */
static bool decoded(const Vga *s, unsigned port)
{
    bool color = s->misc & MISC_COLOR;
    return port >= PORTS_BASE && port < 0x3d0 ? true : color == (port >= 0x3d0);
}

static void port_write(Vga *s, unsigned port, uint8_t value)
{
    if (!decoded(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0: write_attribute(s, value); break;
    case 0x3c2: s->misc = value & ~0x10; break;
    case 0x3c4: s->sr_index = value & 7; break;
    case 0x3c5: s->sr[s->sr_index] = value; break;
    case 0x3c6: s->dac_mask = value; break;
    case 0x3c7:
        s->dac_read = value;
        s->dac_phase = 0;
        s->dac_state = 3;
        break;
    case 0x3c8:
        s->dac_write = value;
        s->dac_phase = 0;
        s->dac_state = 0;
        break;
    case 0x3c9: write_dac(s, value); break;
    case 0x3ce: s->gr_index = value & 15; break;
    case 0x3cf: s->gr[s->gr_index] = value; break;
    case 0x3b4:
    case 0x3d4: s->cr_index = value; break;
    case 0x3b5:
    case 0x3d5: write_crtc(s, value); break;
    case 0x3ba:
    case 0x3da: s->feature = value & 0x10; break;
    default: break;
    }
}

static uint8_t port_read(Vga *s, unsigned port)
{
    if (!decoded(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0: return s->ar_data ? 0 : s->ar_index;
    case 0x3c1: return s->ar[s->ar_index & 31];
    case 0x3c2: return 0x10; /* a display is connected */
    case 0x3c4: return s->sr_index;
    case 0x3c5: return s->sr[s->sr_index];
    case 0x3c6: return s->dac_mask;
    case 0x3c7: return s->dac_state;
    case 0x3c8: return s->dac_write;
    case 0x3c9: return read_dac(s);
    case 0x3ca: return s->feature;
    case 0x3cc: return s->misc;
    case 0x3ce: return s->gr_index;
    case 0x3cf: return s->gr[s->gr_index];
    case 0x3b4:
    case 0x3d4: return s->cr_index;
    case 0x3b5:
    case 0x3d5: return s->cr[s->cr_index & 31];
    case 0x3ba:
    case 0x3da: return read_status(s);
    default: return 0xff;
    }
}

static uint64_t color_read(void *opaque, uint64_t offset, unsigned size)
{
    return port_read(opaque, PORTS_BASE + offset);
}

static void color_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    port_write(opaque, PORTS_BASE + offset, value);
}

static uint64_t mono_read(void *opaque, uint64_t offset, unsigned size)
{
    return port_read(opaque, MONO_BASE + offset);
}

static void mono_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    port_write(opaque, MONO_BASE + offset, value);
}

/* ---- The registers as memory ---- */

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    Vga *s = opaque;
    uint64_t value = 0;
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        for (unsigned i = 0; i < size; i++) {
            value |= (uint64_t)port_read(s, PORTS_BASE + (offset + i - MMIO_PORTS)) << 8 * i;
        }
        return value;
    }
    if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * DISPI_REGS) {
        return dispi_read(s, (offset - MMIO_DISPI) / 2);
    }
    if (offset == MMIO_EXTENDED) {
        return 8; /* bytes of the registers that follow */
    }
    return offset == MMIO_EXTENDED + 4 ? 0x1e1e1e1e : 0; /* little-endian */
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Vga *s = opaque;
    if (offset >= MMIO_PORTS && offset < MMIO_PORTS + 0x20) {
        for (unsigned i = 0; i < size; i++) {
            port_write(s, PORTS_BASE + (offset + i - MMIO_PORTS), value >> 8 * i);
        }
    } else if (offset >= MMIO_DISPI && offset < MMIO_DISPI + 2 * DISPI_REGS && size == 2) {
        dispi_write(s, (offset - MMIO_DISPI) / 2, value);
    }
}

static const MmioOps window_ops = {vga_window_read, vga_window_write, 1, 8, true};
static const MmioOps dispi_ops = {dispi_port_read, dispi_port_write, 2, 2, true};
static const MmioOps color_ops = {color_read, color_write, 1, 1, false};
static const MmioOps mono_ops = {mono_read, mono_write, 1, 1, false};
static const MmioOps mmio_ops = {mmio_read, mmio_write, 1, 4, false};

/* ---- The device ---- */

static void vga_reset(PciDevice *pci)
{
    Vga *s = container_of(pci, Vga, pci);
    size_t first = offsetof(Vga, sr_index);
    memset((char *)s + first, 0, sizeof(*s) - first);
    s->dac_mask = 0xff;
    s->misc = MISC_COLOR;
    s->dispi[DISPI_ID] = DISPI_VERSION;
}

static const VmField vga_fields[] = {
    VM_FIELD_STRUCT(Vga, pci, &pci_vmstate),
    VM_FIELD_U8(Vga, sr_index),
    VM_FIELD_U8(Vga, gr_index),
    VM_FIELD_U8(Vga, cr_index),
    VM_FIELD_U8(Vga, ar_index),
    VM_ARRAY_U8(Vga, sr),
    VM_ARRAY_U8(Vga, gr),
    VM_ARRAY_U8(Vga, cr),
    VM_ARRAY_U8(Vga, ar),
    VM_FIELD_BOOL(Vga, ar_data),
    VM_FIELD_U8(Vga, misc),
    VM_FIELD_U8(Vga, feature),
    VM_FIELD_U8(Vga, status),
    VM_FIELD_U8(Vga, dac_mask),
    VM_FIELD_U8(Vga, dac_read),
    VM_FIELD_U8(Vga, dac_write),
    VM_FIELD_U8(Vga, dac_phase),
    VM_FIELD_U8(Vga, dac_state),
    VM_ARRAY_U8(Vga, dac_latch),
    VM_ARRAY_U8(Vga, palette),
    VM_ARRAY_U8(Vga, latch),
    VM_FIELD_U16(Vga, dispi_index),
    VM_ARRAY_U16(Vga, dispi),
    VM_FIELD_END(),
};

static bool vga_post_load(void *opaque, GError **error)
{
    Vga *s = opaque;
    s->sr_index &= 7;
    s->gr_index &= 15;
    s->dac_phase %= 3;
    if (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) {
        fix_dispi(s);
    }
    return true;
}

static const VmDesc vga_vmstate = {"vga", vga_fields, NULL, vga_post_load};

static void vga_finalize(Device *dev)
{
    display_remove(dev->machine, dev);
    pci_device_finalize(dev);
}

static const PciOps vga_ops = {
    .device =
        {
            .name = "VGA",
            .reset = pci_device_reset,
            .vmstate = &vga_vmstate,
            .finalize = vga_finalize,
        },
    .reset = vga_reset,
};

/* The video BIOS, if the package that has it is there. */
static bool load_rom(Vga *s, GError **error)
{
    if (!g_file_test(ROM_PATH, G_FILE_TEST_EXISTS)) {
        return true;
    }
    GBytes *file = loader_read_file(NULL, "-device VGA", ROM_PATH, ROM_MAX, error);
    if (!file) {
        return false;
    }
    uint64_t size = 4 * KIB;
    while (size < g_bytes_get_size(file)) {
        size *= 2;
    }
    s->rom = ram_block_new(s->pci.dev.machine->memory, "vga.rom", size, error);
    if (s->rom) {
        memcpy(s->rom->host, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
        pci_add_rom(&s->pci, s->rom);
    }
    g_bytes_unref(file);
    return s->rom != NULL;
}

bool vga_new(PciBus *bus, uint8_t devfn, const char *id, uint64_t memory, GError **error)
{
    static const PciIds ids = {
        .vendor = 0x1234,
        .device = 0x1111,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = 2,
        .class_code = 0x030000,
    };
    static const DisplayOps display_ops = {"VGA", vga_render};
    Machine *machine = bus->machine;
    RamBlock *vram = ram_block_new(machine->memory, "vga.vram", memory, error);
    if (!vram) {
        return false;
    }
    Vga *s = pci_device_new(bus, devfn, &vga_ops, sizeof(*s), id, &ids, false);
    s->vram = vram;
    pci_add_ram_bar(&s->pci, 0, PCI_BAR_MEM32_PREFETCH, vram);
    pci_add_bar(&s->pci, MMIO_BAR, PCI_BAR_MEM32, MMIO_SIZE, &mmio_ops, s);
    if (machine->cls->drive_interface) { /* a PC: where VGAs have always been */
        s->window = memory_map_add_mmio(machine->memory, "vga-lowmem", WINDOW_BASE, WINDOW_SIZE, 2,
                                        &window_ops, s, &s->pci.dev);
        memory_region_set_coalesced(s->window, 0, WINDOW_SIZE); /* a write has no other effect */
        memory_map_add_mmio(machine->io, "vga", PORTS_BASE, 0x20, 0, &color_ops, s, &s->pci.dev);
        memory_map_add_mmio(machine->io, "vga-mono", MONO_BASE, 0x0c, 0, &mono_ops, s, &s->pci.dev);
        memory_map_add_mmio(machine->io, "vbe", DISPI_PORT, 3, 0, &dispi_ops, s, &s->pci.dev);
    }
    display_add(machine, &display_ops, s);
    if (!load_rom(s, error)) {
        return false;
    }
    pci_device_ready(&s->pci);
    return true;
}

static bool create_vga(Machine *machine, Options *opts, GError **error)
{
    uint64_t mib = VGA_DEFAULT_MEMORY / MIB;
    PciBus *bus;
    uint8_t devfn;
    if (!options_get_u64(opts, "vgamem_mb", &mib, error)) {
        return false;
    }
    if (!is_pow2(mib) || mib > 256) {
        return error_set(error, "-device VGA: vgamem_mb= must be a power of two from 1 to 256");
    }
    return pci_parse_address(machine, opts, &bus, &devfn, error) &&
           vga_new(bus, devfn, options_get(opts, "id", NULL), mib * MIB, error);
}

const HwDeviceType vga_device_types[] = {
    {"VGA", "PCI", "standard VGA with VBE", create_vga},
    {NULL, NULL, NULL, NULL},
};
