/*
 * The I/O APIC: 24 interrupt inputs that become messages to local APICs. Intel 82093AA data sheet (290566),
 * with the EOI register of later ones (ICH9 data sheet, 13.5).
 *
 * A redirection entry is the message's address and data in other words, so an entry in the remappable format
 * needs nothing special here. Locking: the machine lock.
 */
#include "hw/intc/ioapic.h"
#include "hw/intc/apic.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

#define SIZE 0x1000
#define VERSION 0x20 /* the first with an EOI register */

enum { REG_SELECT = 0, REG_WINDOW = 0x10, REG_EOI = 0x40 };
enum { INDEX_ID, INDEX_VERSION, INDEX_ARBITRATION, INDEX_ENTRIES = 0x10 };

/* Bits of an entry. */
#define ENTRY_REMOTE_IRR (1u << 14)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)
#define ENTRY_READ_ONLY 0x5000u /* remote IRR and delivery status */

typedef struct IoApic {
    Device dev;
    const IoApicOps *ops;
    void *opaque;
    uint8_t select;
    uint32_t id;
    uint32_t lines; /* levels of the inputs */
    uint64_t entries[IOAPIC_PINS];
} IoApic;

/* The message of @pin: bits 63..48 of its entry are the address's bits 19..4; bit 11, the destination mode, is
 * its bit 2. */
static uint64_t message(const IoApic *s, unsigned pin, uint32_t *data)
{
    uint64_t entry = s->entries[pin];
    *data = (entry & 0x7ff) | (entry & ENTRY_LEVEL ? 0xc000 : 0);
    return APIC_BASE_ADDRESS | entry >> 48 << 4 | bits_get(entry, 11, 1) << 2;
}

static void deliver(IoApic *s, unsigned pin)
{
    uint32_t data;
    uint64_t addr = message(s, pin, &data);
    s->ops->send(s->opaque, addr, data);
}

static void announce(IoApic *s, unsigned pin)
{
    uint32_t data;
    uint64_t addr = message(s, pin, &data);
    if (s->ops->route) {
        s->ops->route(s->opaque, pin, addr, data, s->entries[pin] & ENTRY_MASKED);
    }
}

/* Sends what a level-triggered input asks for. */
static void service_level(IoApic *s, unsigned pin)
{
    uint64_t entry = s->entries[pin];
    if ((s->lines >> pin & 1) && (entry & ENTRY_LEVEL) && !(entry & ENTRY_MASKED) &&
        !(entry & ENTRY_REMOTE_IRR)) {
        s->entries[pin] |= ENTRY_REMOTE_IRR;
        deliver(s, pin);
    }
}

static void set_input(void *opaque, unsigned pin, bool level)
{
    IoApic *s = opaque;
    bool rises = level && !(s->lines >> pin & 1);
    s->lines = level ? s->lines | 1u << pin : s->lines & ~(1u << pin);
    if (s->entries[pin] & ENTRY_LEVEL) {
        service_level(s, pin);
    } else if (rises && !(s->entries[pin] & ENTRY_MASKED)) {
        deliver(s, pin);
    }
}

IrqLine ioapic_input(Device *dev, unsigned pin)
{
    return irq_line(set_input, dev, pin % IOAPIC_PINS);
}

void ioapic_end_of_interrupt(void *dev, uint8_t vector)
{
    IoApic *s = dev;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = s->entries[pin];
        if ((entry & ENTRY_LEVEL) && (entry & ENTRY_REMOTE_IRR) && (entry & 0xff) == vector) {
            s->entries[pin] &= ~(uint64_t)ENTRY_REMOTE_IRR;
            service_level(s, pin);
        }
    }
}

/* ---- Registers ---- */

static void write_entry(IoApic *s, unsigned n, uint32_t value)
{
    unsigned pin = n / 2;
    uint64_t *entry = &s->entries[pin];
    if (n & 1) {
        *entry = (*entry & UINT32_MAX) | (uint64_t)value << 32;
    } else {
        uint32_t kept = *entry & ENTRY_READ_ONLY;
        *entry = (*entry & ~UINT64_C(0xffffffff)) | (value & 0x1afff) | kept;
        if (!(*entry & ENTRY_LEVEL)) { /* switching to edges also ends what was in service */
            *entry &= ~(uint64_t)ENTRY_REMOTE_IRR;
        }
    }
    announce(s, pin);
    service_level(s, pin);
}

static uint32_t read_window(const IoApic *s)
{
    unsigned n = s->select - INDEX_ENTRIES;
    switch (s->select) {
    case INDEX_ID:
    case INDEX_ARBITRATION: return s->id;
    case INDEX_VERSION: return VERSION | (IOAPIC_PINS - 1) << 16;
    default:
        if (s->select < INDEX_ENTRIES || n >= 2 * IOAPIC_PINS) {
            return 0;
        }
        return s->entries[n / 2] >> (n & 1 ? 32 : 0);
    }
}

static void write_window(IoApic *s, uint32_t value)
{
    unsigned n = s->select - INDEX_ENTRIES;
    if (s->select == INDEX_ID) {
        s->id = value & 0x0f000000;
    } else if (s->select >= INDEX_ENTRIES && n < 2 * IOAPIC_PINS) {
        write_entry(s, n, value);
    } else {
        log_guest_error("ioapic: write to register 0x%x", s->select);
    }
}

static uint64_t ioapic_read(Device *dev, uint64_t offset, unsigned size)
{
    IoApic *s = container_of(dev, IoApic, dev);
    switch (offset) {
    case REG_SELECT: return s->select;
    case REG_WINDOW: return read_window(s);
    default: return 0;
    }
}

static void ioapic_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    IoApic *s = container_of(dev, IoApic, dev);
    switch (offset) {
    case REG_SELECT: s->select = value; break;
    case REG_WINDOW: write_window(s, value); break;
    case REG_EOI: ioapic_end_of_interrupt(s, value); break;
    default: log_guest_error("ioapic: write to offset 0x%" PRIx64, offset); break;
    }
}

/* ---- The device ---- */

static void ioapic_reset(Device *dev)
{
    IoApic *s = container_of(dev, IoApic, dev);
    s->select = 0;
    s->id = 0;
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        s->entries[i] = ENTRY_MASKED;
        announce(s, i);
    }
}

void ioapic_announce(Device *dev)
{
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        announce(container_of(dev, IoApic, dev), i);
    }
}

static bool ioapic_post_load(void *opaque, GError **error)
{
    ioapic_announce(opaque);
    return true;
}

static const VmField ioapic_fields[] = {
    VM_FIELD_U8(IoApic, select),   VM_FIELD_U32(IoApic, id), VM_FIELD_U32(IoApic, lines),
    VM_ARRAY_U64(IoApic, entries), VM_FIELD_END(),
};

static const VmDesc ioapic_vmstate = {"ioapic", ioapic_fields, NULL, ioapic_post_load};

static void ioapic_print_irqs(Device *dev, GString *out)
{
    const IoApic *s = container_of(dev, IoApic, dev);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t entry = s->entries[pin];
        g_string_append_printf(out, "  %3u: vector %02x %s%s%s%s\n", pin, (unsigned)(entry & 0xff),
                               entry & ENTRY_LEVEL ? "level" : "edge",
                               entry & ENTRY_MASKED ? " masked" : "",
                               s->lines >> pin & 1 ? " raised" : "",
                               entry & ENTRY_REMOTE_IRR ? " being handled" : "");
    }
}

static const DeviceOps ioapic_ops = {
    .name = "ioapic",
    .print_irqs = ioapic_print_irqs,
    .reset = ioapic_reset,
    .read = ioapic_read,
    .write = ioapic_write,
    .min_access = 4,
    .max_access = 4,
    .vmstate = &ioapic_vmstate,
};

Device *ioapic_new(Machine *machine, uint64_t base, const IoApicOps *ops, void *opaque)
{
    IoApic *s = device_new(machine, &ioapic_ops, sizeof(*s), NULL);
    s->ops = ops;
    s->opaque = opaque;
    device_map_mmio(&s->dev, base, SIZE);
    return &s->dev;
}
