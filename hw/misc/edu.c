/*
 * Device "edu" of QEMU's docs/specs/edu: a PCI function for learning to write drivers. Registers in a BAR of 1 MiB:
 *
 *   0x00 identification    0x04 what is written reads inverted     0x08 number; its factorial once it is computed
 *   0x20 status            0x24 interrupt status                   0x60, 0x64 raise, acknowledge interrupts
 *   0x80 0x88 0x90 0x98    DMA: source, destination, count, command; to or from 4 KiB of the device's at 0x40000
 *
 * Registers below 0x80 take 4 bytes, the others 4 or 8. Computing and DMA take a while of virtual time, so that
 * a driver that does not wait is wrong here as well. Locking: the machine lock.
 */
#include "hw/misc/pci-misc.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

#define VENDOR 0x1234
#define DEVICE 0x11e8
#define CLASS_OTHERS 0x00ff00
#define REVISION 0x10
#define BAR_SIZE (1 * MIB)
#define IDENTIFICATION 0x010000edu

#define BUFFER_BASE 0x40000u
#define BUFFER_SIZE 4096u
#define COMPUTE_NS 10000
#define DMA_NS (100 * 1000 * 1000)

enum {
    REG_ID = 0x00,
    REG_LIVENESS = 0x04,
    REG_FACTORIAL = 0x08,
    REG_STATUS = 0x20,
    REG_IRQ_STATUS = 0x24,
    REG_IRQ_RAISE = 0x60,
    REG_IRQ_ACK = 0x64,
    REG_DMA_SOURCE = 0x80,
    REG_DMA_DEST = 0x88,
    REG_DMA_COUNT = 0x90,
    REG_DMA_COMMAND = 0x98,
};
enum { STATUS_COMPUTING = 0x01, STATUS_IRQ = 0x80 };
enum { IRQ_FACTORIAL = 0x001, IRQ_DMA = 0x100 };
enum { DMA_RUN = 1, DMA_FROM_DEVICE = 2, DMA_IRQ = 4 };

typedef struct Edu {
    PciDevice pci;
    Timer compute, transfer;
    uint64_t compute_due, transfer_due; /* their deadlines, in a snapshot */
    uint64_t dma_mask;
    uint32_t liveness, number, status, irq_status;
    uint64_t dma_source, dma_dest, dma_count, dma_command;
    uint8_t buffer[BUFFER_SIZE];
} Edu;

/* ---- Interrupts ---- */

static void edu_update_irq(Edu *s)
{
    pci_set_intx(&s->pci, s->irq_status != 0);
}

static void raise_irq(Edu *s, uint32_t bits)
{
    s->irq_status |= bits;
    edu_update_irq(s);
    if (s->irq_status) {
        pci_msi_notify(&s->pci);
    }
}

/* ---- Factorial ---- */

static void computed(void *opaque)
{
    Edu *s = opaque;
    uint32_t result = 1;
    for (uint32_t n = s->number; n > 1 && result; n--) { /* 34! is 0 in 32 bits */
        result *= n;
    }
    s->number = result;
    s->status &= ~STATUS_COMPUTING;
    if (s->status & STATUS_IRQ) {
        raise_irq(s, IRQ_FACTORIAL);
    }
}

static void compute(Edu *s, uint32_t number)
{
    if (!(s->status & STATUS_COMPUTING)) {
        s->number = number;
        s->status |= STATUS_COMPUTING;
        timer_arm(&s->compute, clock_now(s->pci.dev.machine->clock) + COMPUTE_NS);
    }
}

/* ---- DMA ---- */

/* The device's end of a transfer, or NULL if that is not all in its buffer. */
static uint8_t *in_buffer(Edu *s, uint64_t at)
{
    uint64_t offset = at - BUFFER_BASE;
    if (at < BUFFER_BASE || offset > BUFFER_SIZE || s->dma_count > BUFFER_SIZE - offset) {
        log_guest_error("edu: DMA of 0x%" PRIx64 " bytes at 0x%" PRIx64 " leaves the buffer\n",
                        s->dma_count, at);
        return NULL;
    }
    return s->buffer + offset;
}

static void transferred(void *opaque)
{
    Edu *s = opaque;
    bool from_device = s->dma_command & DMA_FROM_DEVICE;
    uint8_t *data = in_buffer(s, from_device ? s->dma_source : s->dma_dest);
    uint64_t addr = (from_device ? s->dma_dest : s->dma_source) & s->dma_mask;
    if (data && from_device) {
        dma_write(&s->pci.dma, addr, data, s->dma_count);
    } else if (data) {
        dma_read(&s->pci.dma, addr, data, s->dma_count);
    }
    s->dma_command &= ~(uint64_t)DMA_RUN;
    if (s->dma_command & DMA_IRQ) {
        raise_irq(s, IRQ_DMA);
    }
}

static void command(Edu *s, uint64_t value)
{
    s->dma_command = value;
    if (value & DMA_RUN) {
        timer_arm(&s->transfer, clock_now(s->pci.dev.machine->clock) + DMA_NS);
    }
}

/* ---- Registers ---- */

static bool size_ok(uint64_t offset, unsigned size)
{
    return size == 4 || (size == 8 && offset >= REG_DMA_SOURCE);
}

static uint64_t edu_read(void *opaque, uint64_t offset, unsigned size)
{
    const Edu *s = opaque;
    if (!size_ok(offset, size)) {
        return UINT64_MAX;
    }
    switch (offset) {
    case REG_ID: return IDENTIFICATION;
    case REG_LIVENESS: return s->liveness;
    case REG_FACTORIAL: return s->number;
    case REG_STATUS: return s->status;
    case REG_IRQ_STATUS: return s->irq_status;
    case REG_DMA_SOURCE: return s->dma_source;
    case REG_DMA_DEST: return s->dma_dest;
    case REG_DMA_COUNT: return s->dma_count;
    case REG_DMA_COMMAND: return s->dma_command;
    default: return UINT64_MAX;
    }
}

/* The registers of a transfer keep their values while it runs. */
static void write_dma(Edu *s, uint64_t offset, uint64_t value)
{
    if (s->dma_command & DMA_RUN) {
        return;
    }
    switch (offset) {
    case REG_DMA_SOURCE: s->dma_source = value; break;
    case REG_DMA_DEST: s->dma_dest = value; break;
    case REG_DMA_COUNT: s->dma_count = value; break;
    case REG_DMA_COMMAND: command(s, value); break;
    }
}

static void edu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Edu *s = opaque;
    if (!size_ok(offset, size)) {
        return;
    }
    switch (offset) {
    case REG_LIVENESS: s->liveness = ~(uint32_t)value; break;
    case REG_FACTORIAL: compute(s, value); break;
    case REG_STATUS: s->status = (s->status & ~STATUS_IRQ) | (value & STATUS_IRQ); break;
    case REG_IRQ_RAISE: raise_irq(s, value); break;
    case REG_IRQ_ACK:
        s->irq_status &= ~(uint32_t)value;
        edu_update_irq(s);
        break;
    default: write_dma(s, offset, value);
    }
}

static const MmioOps bar_ops = {edu_read, edu_write, 1, 8, false};

/* ---- The device ---- */

static void edu_reset(PciDevice *pci)
{
    Edu *s = container_of(pci, Edu, pci);
    timer_cancel(&s->compute);
    timer_cancel(&s->transfer);
    s->liveness = s->number = s->status = s->irq_status = 0;
    s->dma_source = s->dma_dest = s->dma_count = s->dma_command = 0;
    memset(s->buffer, 0, sizeof(s->buffer));
}

static void edu_pre_save(void *opaque)
{
    Edu *s = opaque;
    s->compute_due = s->compute.deadline;
    s->transfer_due = s->transfer.deadline;
}

static bool edu_post_load(void *opaque, GError **error)
{
    Edu *s = opaque;
    timer_arm(&s->compute, s->status & STATUS_COMPUTING ? (int64_t)s->compute_due : TIMER_NEVER);
    timer_arm(&s->transfer, s->dma_command & DMA_RUN ? (int64_t)s->transfer_due : TIMER_NEVER);
    edu_update_irq(s);
    return true;
}

static const VmField edu_fields[] = {
    VM_FIELD_STRUCT(Edu, pci, &pci_vmstate),
    VM_FIELD_U32(Edu, liveness),
    VM_FIELD_U32(Edu, number),
    VM_FIELD_U32(Edu, status),
    VM_FIELD_U32(Edu, irq_status),
    VM_FIELD_U64(Edu, dma_source),
    VM_FIELD_U64(Edu, dma_dest),
    VM_FIELD_U64(Edu, dma_count),
    VM_FIELD_U64(Edu, dma_command),
    VM_ARRAY_U8(Edu, buffer),
    VM_FIELD_U64(Edu, compute_due),
    VM_FIELD_U64(Edu, transfer_due),
    VM_FIELD_END(),
};

static const VmDesc edu_vmstate = {"edu", edu_fields, edu_pre_save, edu_post_load};

static void edu_finalize(Device *dev)
{
    Edu *s = container_of(dev, Edu, pci.dev);
    timer_cancel(&s->compute);
    timer_cancel(&s->transfer);
    pci_device_finalize(dev);
}

static const PciOps edu_ops = {
    .device =
        {
            .name = "edu",
            .reset = pci_device_reset,
            .vmstate = &edu_vmstate,
            .finalize = edu_finalize,
        },
    .reset = edu_reset,
};

bool edu_create(Machine *machine, Options *opts, GError **error)
{
    static const PciIds ids = {
        .vendor = VENDOR,
        .device = DEVICE,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = REVISION,
        .class_code = CLASS_OTHERS,
    };
    uint64_t mask = (UINT64_C(1) << 28) - 1;
    PciBus *bus;
    uint8_t devfn;
    const char *id = options_get(opts, "id", NULL);
    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !device_check_id(machine, id, error) || !options_get_u64(opts, "dma_mask", &mask, error)) {
        return false;
    }
    Edu *s = pci_device_new(bus, devfn, &edu_ops, sizeof(*s), id, &ids, true);
    s->dma_mask = mask;
    timer_init(&s->compute, machine->clock, computed, s);
    timer_init(&s->transfer, machine->clock, transferred, s);
    pci_add_bar(&s->pci, 0, PCI_BAR_MEM32, BAR_SIZE, &bar_ops, s);
    pci_add_msi(&s->pci);
    pci_device_ready(&s->pci);
    return true;
}
