/*
 * How the interrupt controllers of a PC are wired: ISA and PCI lines to 8259s and I/O APIC, these and devices'
 * messages to local APICs, and local APICs to processors. Made here is what the engine does not have; see
 * softmmu/irqchip.h for the division of labour. Locking: the machine lock.
 */
#include "hw/x86/pc-irq.h"
#include "cpu/x86/x86.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "softmmu/base/bits.h"
#include "softmmu/irqchip.h"

#define MSR_TSC_DEADLINE 0x6e0
#define ISA_IRQS 16
#define TIMER_PIN 2 /* of the I/O APIC, where line 0 goes */

struct PcIrq {
    Device dev;
    IrqchipMode mode;
    ApicBus *bus;           /* NULL: the engine has the local APICs */
    Device *pic, *ioapic;   /* NULL: the engine has them */
    IrqLine lines[PC_IRQS]; /* of the engine */
    uint32_t raised;        /* lines that their devices raise */
    uint32_t raised_test;   /* and that pc-testdev does */
    IrqLine lint0[MACHINE_MAX_CPUS];
    Iommu *iommu; /* remaps the I/O APIC's messages; NULL: nobody */
};

/* ---- A processor and its local APIC ---- */

static void set_intr(void *opaque, bool pending)
{
    IrqLine line = x86_cpu_irq(opaque, X86_LINE_INTR);
    irq_set(&line, pending);
}

static void pulse(Vcpu *vcpu, X86Line which)
{
    IrqLine line = x86_cpu_irq(vcpu, which);
    irq_set(&line, true);
    irq_set(&line, false);
}

static void send_nmi(void *opaque)
{
    pulse(opaque, X86_LINE_NMI);
}

static void send_smi(void *opaque)
{
    pulse(opaque, X86_LINE_SMI);
}

static void send_init(void *opaque)
{
    x86_cpu_init(opaque);
}

static void send_sipi(void *opaque, uint8_t vector)
{
    x86_cpu_sipi(opaque, vector);
}

static int acknowledge(void *apic)
{
    return apic_acknowledge(apic);
}

static uint8_t get_cr8(void *apic)
{
    return apic_get_cr8(apic);
}

static void set_cr8(void *apic, uint8_t value)
{
    apic_set_cr8(apic, value);
}

static uint64_t get_base(void *apic)
{
    return apic_get_base(apic);
}

static bool set_base(void *apic, uint64_t value)
{
    return apic_set_base(apic, value, true);
}

/* The processor's own time stamp counter is not seen from here, so there is no deadline timer. */
static bool read_msr(void *apic, uint32_t msr, uint64_t *value)
{
    return msr != MSR_TSC_DEADLINE && apic_read_msr(apic, msr, value);
}

static bool write_msr(void *apic, uint32_t msr, uint64_t value)
{
    return msr != MSR_TSC_DEADLINE && apic_write_msr(apic, msr, value);
}

static void save(void *apic, uint8_t *page)
{
    apic_get_page(apic, page);
}

static void load(void *apic, const uint8_t *page)
{
    apic_set_page(apic, page);
}

static const X86ApicOps apic_ops = {
    .acknowledge = acknowledge,
    .get_cr8 = get_cr8,
    .set_cr8 = set_cr8,
    .get_base = get_base,
    .set_base = set_base,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .save = save,
    .load = load,
};

static uint8_t pic_vector(void *opaque)
{
    PcIrq *s = opaque;
    return s->pic ? i8259_acknowledge(s->pic) : 0xff;
}

static void make_apics(PcIrq *s)
{
    Machine *machine = s->dev.machine;
    s->bus = apic_bus_new(machine);
    apic_bus_set_pic(s->bus, pic_vector, s);
    for (unsigned i = 0; i < machine->ncpus; i++) {
        Vcpu *vcpu = machine->cpus[i];
        ApicCpu cpu = {
            .interrupt = set_intr,
            .nmi = send_nmi,
            .smi = send_smi,
            .init = send_init,
            .sipi = send_sipi,
            .opaque = vcpu,
        };
        Apic *apic = apic_new(s->bus, i, x86_cpu_apic_id(vcpu), &cpu);
        s->lint0[i] = apic_lint(apic, 0);
        x86_cpu_set_apic(vcpu, &apic_ops, apic);
    }
}

/* ---- Messages ---- */

static void send_of_ioapic(void *opaque, uint64_t addr, uint32_t data)
{
    PcIrq *s = opaque;
    if (s->iommu && !s->iommu->ops->remap_msi(s->iommu, PC_IRQ_IOAPIC_SOURCE, &addr, &data)) {
        return;
    }
    if (s->bus) {
        apic_bus_message(s->bus, addr, data);
    } else {
        irqchip_send_msi(s->dev.machine, addr, data);
    }
}

static void route_of_ioapic(void *opaque, unsigned pin, uint64_t addr, uint32_t data, bool masked)
{
    PcIrq *s = opaque;
    if (s->iommu && !masked) {
        masked = !s->iommu->ops->peek_msi(s->iommu, PC_IRQ_IOAPIC_SOURCE, &addr, &data);
    }
    if (s->mode == IRQCHIP_SPLIT) {
        irqchip_set_route(s->dev.machine, pin, addr, data, masked);
    }
}

/* A device's write. Those behind an IOMMU were remapped before they came here. */
static void send_of_device(void *opaque, uint64_t addr, uint32_t data)
{
    PcIrq *s = opaque;
    irqchip_send_msi(s->dev.machine, addr, data);
}

static uint64_t engine_read(void *opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void routes_changed(void *opaque)
{
    ioapic_announce(((PcIrq *)opaque)->ioapic);
}

void pc_irq_set_iommu(PcIrq *s, Iommu *iommu)
{
    g_return_if_fail(s->ioapic);
    s->iommu = iommu;
    iommu->msi_changed = routes_changed;
    iommu->msi_opaque = s;
}

/* ---- Lines ---- */

/* Lines 0 and 2 are one to the I/O APIC. */
static uint32_t lines_of_pin(unsigned pin)
{
    return pin == TIMER_PIN ? 1u << TIMER_PIN | 1u : 1u << pin;
}

static void update_line(PcIrq *s, unsigned n)
{
    uint32_t raised = s->raised | s->raised_test;
    if (s->mode == IRQCHIP_ON) {
        irq_set(&s->lines[n], raised >> n & 1);
        return;
    }
    if (s->pic && n < ISA_IRQS) {
        IrqLine line = i8259_input(s->pic, n);
        irq_set(&line, raised >> n & 1);
    }
    unsigned pin = n == 0 ? TIMER_PIN : n;
    IrqLine line = ioapic_input(s->ioapic, pin);
    irq_set(&line, raised & lines_of_pin(pin));
}

static void set_line(void *opaque, unsigned n, bool level)
{
    PcIrq *s = opaque;
    s->raised = bits_set(s->raised, n, 1, level);
    update_line(s, n);
}

static void set_test_line(void *opaque, unsigned n, bool level)
{
    PcIrq *s = opaque;
    s->raised_test = bits_set(s->raised_test, n, 1, level);
    update_line(s, n);
}

IrqLine pc_irq_line(PcIrq *s, unsigned n)
{
    return irq_line(set_line, s, n % PC_IRQS);
}

IrqLine pc_irq_test_line(PcIrq *s, unsigned n)
{
    return irq_line(set_test_line, s, n % PC_IRQS);
}

bool pc_irq_in_engine(const PcIrq *s)
{
    return s->mode == IRQCHIP_ON;
}

/* The 8259s' output reaches the first pin of all local APICs. */
static void set_extint(void *opaque, unsigned n, bool level)
{
    PcIrq *s = opaque;
    for (unsigned i = 0; i < s->dev.machine->ncpus; i++) {
        irq_set(&s->lint0[i], level);
    }
}

static int acknowledge_pic(void *opaque)
{
    return pic_vector(opaque);
}

/* ---- Making them ---- */

static void end_of_interrupt(void *opaque, uint8_t vector)
{
    PcIrq *s = opaque;
    ioapic_end_of_interrupt(s->ioapic, vector);
}

static void make_ioapic(PcIrq *s)
{
    static const IoApicOps ops = {send_of_ioapic, route_of_ioapic};
    s->ioapic = ioapic_new(s->dev.machine, IOAPIC_BASE, &ops, s);
    if (s->bus) {
        apic_bus_set_eoi(s->bus, end_of_interrupt, s);
    } else {
        irqchip_on_eoi(s->dev.machine, end_of_interrupt, s);
    }
}

static void make_pic(PcIrq *s)
{
    Machine *machine = s->dev.machine;
    IrqLine output =
        s->bus ? irq_line(set_extint, s, 0) : irqchip_extint(machine, acknowledge_pic, s);
    s->pic = i8259_new(machine, output);
}

/* Devices' messages go to the engine; what a processor writes there and the engine has not taken is lost. */
static void take_messages(PcIrq *s)
{
    static const MmioOps ops = {engine_read, NULL, 4, 4, false};
    MemoryMap *map = s->dev.machine->memory;
    memory_map_add_mmio(map, "apic-msi", APIC_BASE_ADDRESS, APIC_MSI_SIZE, 0, &ops, s, NULL);
    memory_map_set_msi_sink(map, APIC_BASE_ADDRESS, APIC_MSI_SIZE, send_of_device, s);
}

/* Controllers that are devices have the levels of their inputs themselves, and devices set their lines again. */
static bool pc_irq_post_load(void *opaque, GError **error)
{
    PcIrq *s = opaque;
    for (unsigned n = 0; s->mode == IRQCHIP_ON && n < PC_IRQS; n++) {
        if (s->raised_test >> n & 1) {
            update_line(s, n);
        }
    }
    return true;
}

static const VmField pc_irq_fields[] = {
    VM_FIELD_U32(PcIrq, raised),
    VM_FIELD_U32(PcIrq, raised_test),
    VM_FIELD_END(),
};

static const VmDesc pc_irq_vmstate = {"pc-interrupts", pc_irq_fields, NULL, pc_irq_post_load};

static const DeviceOps pc_irq_ops = {.name = "pc-interrupts", .vmstate = &pc_irq_vmstate};

PcIrq *pc_irq_find(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);
        if (dev->ops == &pc_irq_ops) {
            return container_of(dev, PcIrq, dev);
        }
    }
    return NULL;
}

PcIrq *pc_irq_new(Machine *machine, bool pic)
{
    PcIrq *s = device_new(machine, &pc_irq_ops, sizeof(*s), NULL);
    s->mode = irqchip_mode(machine);
    if (s->mode == IRQCHIP_OFF) {
        make_apics(s);
    } else {
        take_messages(s);
    }
    if (s->mode == IRQCHIP_ON) {
        for (unsigned i = 0; i < PC_IRQS; i++) {
            s->lines[i] = irqchip_gsi(machine, i);
        }
        return s;
    }
    make_ioapic(s);
    if (pic) {
        make_pic(s);
    }
    return s;
}
