/*
 * The LPC bridge of the ICH9: function 1f.0. ICH9 data sheet (316972) sections 10 (chipset configuration) and
 * 13 (LPC interface bridge).
 *
 * The eight PCI interrupt lines always reach the I/O APIC's inputs 16 to 23; registers say which of the 8259s'
 * inputs they drive as well, several on one if need be, and together with the SCI. Port 0xcf9 resets the
 * machine. Locking: the machine lock.
 */
#include "hw/x86/ich9.h"
#include "hw/x86/isa-devices.h"
#include "softmmu/base/log.h"
#include <linux/pci_regs.h>
#include <string.h>

#define VENDOR_INTEL 0x8086
#define DEVICE_LPC 0x2918
#define CLASS_ISA_BRIDGE 0x060100
#define REVISION 2

enum {
    REG_PMBASE = 0x40,
    REG_ACPI_CNTL = 0x44,
    REG_GPIOBASE = 0x48,
    REG_GPIO_CNTL = 0x4c,
    REG_PIRQA = 0x60,
    REG_SERIRQ = 0x64,
    REG_PIRQE = 0x68,
    REG_DECODE = 0x80,
    REG_GEN_PMCON = 0xa0,
    REG_BIOS_DECODE = 0xd8,
    REG_BIOS_CNTL = 0xdc,
    REG_RCBA = 0xf0,
};
#define PMBASE_MASK 0xff80u
#define ACPI_ENABLE 0x80
#define ACPI_SCI_SELECT 7
#define PIRQ_NOT_ROUTED 0x80
#define PIRQ_IRQ 0x0f
#define RCBA_SIZE 0x4000
#define RCBA_MASK 0xffffc000u
#define RCBA_ENABLE 1
#define RCBA_GCS 0x3410
#define GCS_NO_REBOOT 0x20

enum { RESET_SYSTEM = 2, RESET_CPU = 4, RESET_FULL = 8 };

struct Ich9Lpc {
    PciDevice pci;
    Ich9Pm *pm;
    IrqLine isa[16], apic[PCI_MAX_LINES];
    MemoryRegion *rcba_region;
    uint8_t rcba[RCBA_SIZE]; /* the chip set's configuration: kept, without effect */
    uint8_t reset_control;
    uint8_t pirq; /* levels of the lines */
    bool sci;
    uint16_t driven; /* 8259 inputs that are driven from here */
};

/* ---- Interrupts ---- */

/* The input of the 8259s that line @n drives, or -1. */
static int routed_to(const Ich9Lpc *s, unsigned n)
{
    uint8_t reg = s->pci.config[n < 4 ? REG_PIRQA + n : REG_PIRQE + n - 4];
    return reg & PIRQ_NOT_ROUTED ? -1 : reg & PIRQ_IRQ;
}

static void ich9_lpc_update_irq(Ich9Lpc *s)
{
    uint16_t driven = 1u << ICH9_SCI_IRQ, level = (uint16_t)s->sci << ICH9_SCI_IRQ;
    for (unsigned n = 0; n < PCI_MAX_LINES; n++) {
        int irq = routed_to(s, n);
        if (irq >= 0) {
            driven |= 1u << irq;
            level |= (s->pirq >> n & 1) << irq;
        }
        irq_set(&s->apic[n], s->pirq >> n & 1);
    }
    for (unsigned irq = 0; irq < ARRAY_SIZE(s->isa); irq++) {
        if ((driven | s->driven) >> irq & 1) {
            irq_set(&s->isa[irq], level >> irq & 1);
        }
    }
    s->driven = driven;
}

void ich9_lpc_set_pirq(Ich9Lpc *s, unsigned n, bool level)
{
    uint8_t bit = 1u << n;
    s->pirq = level ? s->pirq | bit : s->pirq & ~bit;
    ich9_lpc_update_irq(s);
}

static void set_sci(void *opaque, unsigned n, bool level)
{
    Ich9Lpc *s = opaque;
    s->sci = level;
    ich9_lpc_update_irq(s);
}

/* ---- Reset ---- */

uint8_t ich9_lpc_read_reset(Ich9Lpc *s)
{
    return s->reset_control;
}

void ich9_lpc_write_reset(Ich9Lpc *s, uint8_t value)
{
    if ((value & RESET_CPU) && !(s->reset_control & RESET_CPU)) {
        machine_request_reset(s->pci.dev.machine);
    }
    s->reset_control = value & (RESET_SYSTEM | RESET_FULL);
}

/* ---- Chipset configuration ---- */

static uint64_t rcba_read(void *opaque, uint64_t offset, unsigned size)
{
    Ich9Lpc *s = opaque;
    uint32_t value = 0;
    memcpy(&value, s->rcba + offset, size);
    return value;
}

static void rcba_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Lpc *s = opaque;
    memcpy(s->rcba + offset, &value, size);
    s->rcba[RCBA_GCS] |= GCS_NO_REBOOT; /* there is no watchdog */
}

static const MmioOps rcba_ops = {rcba_read, rcba_write, 1, 4, false};

/* ---- The function's registers ---- */

static void update(Ich9Lpc *s)
{
    const uint8_t *config = s->pci.config;
    uint32_t rcba = pci_get32(config, REG_RCBA);
    ich9_pm_map(s->pm, pci_get16(config, REG_PMBASE) & PMBASE_MASK,
                config[REG_ACPI_CNTL] & ACPI_ENABLE);
    memory_region_set_base(s->rcba_region, rcba & RCBA_MASK);
    memory_region_set_enabled(s->rcba_region, rcba & RCBA_ENABLE);
    if (config[REG_ACPI_CNTL] & ACPI_SCI_SELECT) {
        log_guest_error("ich9-lpc: the SCI stays on IRQ%u", ICH9_SCI_IRQ);
    }
    ich9_lpc_update_irq(s);
}

static void lpc_written(PciDevice *pci, unsigned offset, unsigned size)
{
    update(container_of(pci, Ich9Lpc, pci));
}

static void lpc_reset(PciDevice *pci)
{
    Ich9Lpc *s = container_of(pci, Ich9Lpc, pci);
    memset(s->rcba, 0, sizeof(s->rcba));
    s->rcba[RCBA_GCS] = GCS_NO_REBOOT;
    s->reset_control = 0;
    update(s);
}

void ich9_lpc_set_up(Ich9Lpc *s)
{
    static const uint8_t irqs[] = {10, 10, 11, 11};
    uint8_t *config = s->pci.config;
    pci_put16(config, REG_PMBASE, ICH9_PM_BASE_DEFAULT | 1);
    config[REG_ACPI_CNTL] = ACPI_ENABLE;
    memcpy(config + REG_PIRQA, irqs, sizeof(irqs));
    memcpy(config + REG_PIRQE, irqs, sizeof(irqs));
    update(s);
}

static bool lpc_post_load(void *opaque, GError **error)
{
    update(opaque);
    return true;
}

static const VmField lpc_fields[] = {
    VM_FIELD_STRUCT(Ich9Lpc, pci, &pci_vmstate),
    VM_ARRAY_U8(Ich9Lpc, rcba),
    VM_FIELD_U8(Ich9Lpc, reset_control),
    VM_FIELD_U8(Ich9Lpc, pirq),
    VM_FIELD_BOOL(Ich9Lpc, sci),
    VM_FIELD_END(),
};

static const VmDesc lpc_vmstate = {"ich9-lpc", lpc_fields, NULL, lpc_post_load};

static const PciOps lpc_ops = {
    .device =
        {
            .name = "ICH9-LPC",
            .reset = pci_device_reset,
            .vmstate = &lpc_vmstate,
            .finalize = pci_device_finalize,
        },
    .config_written = lpc_written,
    .reset = lpc_reset,
};

static void init_config(PciDevice *pci)
{
    pci->config[PCI_HEADER_TYPE] = 0x80; /* one function of several */
    pci_put16(pci->config, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_put16(pci->config, REG_PMBASE, 1);
    pci_put16(pci->wmask, REG_PMBASE, PMBASE_MASK);
    pci->wmask[REG_ACPI_CNTL] = ACPI_ENABLE | ACPI_SCI_SELECT;
    pci_put16(pci->config, REG_GPIOBASE, 1);
    pci_put16(pci->wmask, REG_GPIOBASE, PMBASE_MASK);
    pci->wmask[REG_GPIO_CNTL] = 0x10;
    for (unsigned i = 0; i < 4; i++) {
        pci->config[REG_PIRQA + i] = pci->config[REG_PIRQE + i] = PIRQ_NOT_ROUTED;
        pci->wmask[REG_PIRQA + i] = pci->wmask[REG_PIRQE + i] = PIRQ_NOT_ROUTED | PIRQ_IRQ;
    }
    pci->config[REG_SERIRQ] = 0x10;
    pci->wmask[REG_SERIRQ] = 0xc0;
    memset(pci->wmask + REG_DECODE, 0xff, 0x14);
    memset(pci->wmask + REG_GEN_PMCON, 0xff, 0x10);
    pci_put32(pci->config, REG_BIOS_DECODE, 0x0000ffcf);
    pci->wmask[REG_BIOS_CNTL] = 0x03;
    pci_put32(pci->wmask, REG_RCBA, RCBA_MASK | RCBA_ENABLE);
    pci_device_ready(pci);
}

Ich9Lpc *ich9_lpc_new(PciBus *bus, const IrqLine isa[16], const IrqLine apic[8])
{
    static const PciIds ids = {
        .vendor = VENDOR_INTEL,
        .device = DEVICE_LPC,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = REVISION,
        .class_code = CLASS_ISA_BRIDGE,
    };
    Ich9Lpc *s =
        pci_device_new(bus, PCI_DEVFN(ICH9_LPC_SLOT, 0), &lpc_ops, sizeof(*s), NULL, &ids, false);
    Machine *machine = bus->machine;
    memcpy(s->isa, isa, sizeof(s->isa));
    memcpy(s->apic, apic, sizeof(s->apic));
    s->pm = ich9_pm_new(machine, irq_line(set_sci, s, 0));
    s->rcba_region = memory_map_add_mmio(machine->memory, "ich9-rcba", 0, RCBA_SIZE, 2, &rcba_ops,
                                         s, &s->pci.dev);
    memory_region_set_enabled(s->rcba_region, false);
    init_config(&s->pci);
    device_bus_new(&s->pci.dev, &isa_bus_type, "isa.0");
    return s;
}
