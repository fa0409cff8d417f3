/*
 * Two 8259A programmable interrupt controllers, cascaded as in a PC, with the edge/level control registers
 * of EISA and later chip sets. Intel 8259A data sheet (231468); ELCR: ICH9 data sheet, section 13.4.
 *
 * In the pair, chip 0 is the master at 0x20 and chip 1 the slave at 0xa0, on the master's input 2. A request
 * that was latched on an edge stays until it is acknowledged, also if its line drops before. Locking: the
 * machine lock.
 */
#include "hw/intc/i8259.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define CASCADE 2
#define PORT_ELCR 0x4d0

/* Command words. */
enum { ICW1 = 0x10, ICW1_ICW4 = 1, ICW1_SINGLE = 2, ICW4_AUTO_EOI = 2, ICW4_NESTED = 0x10 };
enum {
    OCW3 = 8,
    OCW3_READ_ISR = 1,
    OCW3_READ = 2,
    OCW3_POLL = 4,
    OCW3_SMM = 0x20,
    OCW3_SET_SMM = 0x40
};

/* Commands in bits 7..5 of OCW2. */
enum {
    ROTATE_AUTO_CLEAR,
    EOI,
    NOP,
    EOI_SPECIFIC,
    ROTATE_AUTO_SET,
    EOI_ROTATE,
    SET_PRIORITY,
    EOI_ROTATE_SPECIFIC
};

typedef struct Chip {
    uint8_t lines; /* levels of the inputs */
    uint8_t irr, imr, isr;
    uint8_t elcr;    /* level-triggered inputs */
    uint8_t highest; /* the input of the highest priority */
    uint8_t base;    /* vector of input 0 */
    uint8_t init;    /* the initialization word that comes next: 2, 3 or 4; 0: none */
    bool wants_icw4, single, auto_eoi, rotate_auto, nested, special_mask, read_isr, poll;
} Chip;

typedef struct I8259 {
    Device dev;
    Chip chips[2];
    IrqLine output;
} I8259;

/* 0 (highest) to 7 for the first set bit of @bits in order of priority; 8 if there is none. */
static unsigned priority_of(const Chip *chip, uint8_t bits)
{
    unsigned rank = 0;
    while (rank < 8 && !(bits >> ((rank + chip->highest) & 7) & 1)) {
        rank++;
    }
    return rank;
}

/* The input that the chip requests an interrupt for, or -1. */
static int requested(const Chip *chip, bool master)
{
    uint8_t serving = chip->isr;
    if (chip->special_mask) {
        serving &= ~chip->imr;
    }
    if (chip->nested && master) { /* a slave in service may interrupt itself */
        serving &= ~(1u << CASCADE);
    }
    unsigned rank = priority_of(chip, chip->irr & ~chip->imr);
    return rank < priority_of(chip, serving) ? (int)((rank + chip->highest) & 7) : -1;
}

static void set_input(Chip *chip, unsigned n, bool level)
{
    uint8_t bit = 1u << n;
    if (chip->elcr & bit) {
        chip->irr = level ? chip->irr | bit : chip->irr & ~bit;
    } else if (level && !(chip->lines & bit)) {
        chip->irr |= bit;
    }
    chip->lines = level ? chip->lines | bit : chip->lines & ~bit;
}

static void i8259_update_irq(I8259 *s)
{
    /* The slave's output is followed, not latched: what it takes back is not asked for any more. */
    uint8_t bit = 1u << CASCADE;
    bool slave = requested(&s->chips[1], false) >= 0;
    s->chips[0].irr = slave ? s->chips[0].irr | bit : s->chips[0].irr & ~bit;
    irq_set(&s->output, requested(&s->chips[0], true) >= 0);
}

static void set_line(void *opaque, unsigned n, bool level)
{
    I8259 *s = opaque;
    if (n != CASCADE) {
        set_input(&s->chips[n >> 3], n & 7, level);
        i8259_update_irq(s);
    }
}

IrqLine i8259_input(Device *dev, unsigned n)
{
    return irq_line(set_line, dev, n);
}

static void end_of_interrupt(Chip *chip, unsigned n, bool rotate)
{
    chip->isr &= ~(1u << n);
    if (rotate) {
        chip->highest = (n + 1) & 7;
    }
}

/* Input @n goes into service. */
static void serve(Chip *chip, unsigned n)
{
    if (!(chip->elcr >> n & 1)) {
        chip->irr &= ~(1u << n);
    }
    if (chip->auto_eoi) {
        end_of_interrupt(chip, n, chip->rotate_auto);
    } else {
        chip->isr |= 1u << n;
    }
}

uint8_t i8259_acknowledge(Device *dev)
{
    I8259 *s = container_of(dev, I8259, dev);
    Chip *chip = &s->chips[0];
    int n = requested(chip, true);
    if (n == CASCADE) {
        serve(chip, n);
        chip = &s->chips[1];
        n = requested(chip, false);
    }
    if (n >= 0) {
        serve(chip, n);
    }
    uint8_t vector = chip->base + (n >= 0 ? n : 7); /* 7: it went away meanwhile */
    i8259_update_irq(s);
    return vector;
}

/* ---- Registers ---- */

static void write_icw1(Chip *chip, uint8_t value)
{
    uint8_t elcr = chip->elcr, lines = chip->lines;
    memset(chip, 0, sizeof(*chip));
    chip->elcr = elcr;
    chip->lines = lines;
    chip->irr = lines & elcr;
    chip->init = 2;
    chip->wants_icw4 = value & ICW1_ICW4;
    chip->single = value & ICW1_SINGLE;
}

static void write_icw(Chip *chip, uint8_t value)
{
    switch (chip->init) {
    case 2:
        chip->base = value & 0xf8;
        chip->init = chip->single ? (chip->wants_icw4 ? 4 : 0) : 3;
        break;
    case 3: /* the cascade is wired as it is */ chip->init = chip->wants_icw4 ? 4 : 0; break;
    case 4:
        chip->auto_eoi = value & ICW4_AUTO_EOI;
        chip->nested = value & ICW4_NESTED;
        chip->init = 0;
        break;
    }
}

static void write_ocw2(Chip *chip, uint8_t value)
{
    unsigned command = value >> 5, n = value & 7, rank;
    switch (command) {
    case ROTATE_AUTO_CLEAR:
    case ROTATE_AUTO_SET: chip->rotate_auto = command == ROTATE_AUTO_SET; break;
    case EOI:
    case EOI_ROTATE:
        rank = priority_of(chip, chip->isr & (chip->special_mask ? ~chip->imr : 0xff));
        if (rank < 8) {
            end_of_interrupt(chip, (rank + chip->highest) & 7, command == EOI_ROTATE);
        }
        break;
    case EOI_SPECIFIC:
    case EOI_ROTATE_SPECIFIC: end_of_interrupt(chip, n, command == EOI_ROTATE_SPECIFIC); break;
    case SET_PRIORITY: chip->highest = (n + 1) & 7; break;
    default: break;
    }
}

static void write_ocw3(Chip *chip, uint8_t value)
{
    chip->poll = value & OCW3_POLL;
    if (value & OCW3_READ) {
        chip->read_isr = value & OCW3_READ_ISR;
    }
    if (value & OCW3_SET_SMM) {
        chip->special_mask = value & OCW3_SMM;
    }
}

static void chip_write(I8259 *s, Chip *chip, uint64_t offset, uint8_t value)
{
    if (offset & 1) {
        if (chip->init) {
            write_icw(chip, value);
        } else {
            chip->imr = value;
        }
    } else if (value & ICW1) {
        write_icw1(chip, value);
    } else if (value & OCW3) {
        write_ocw3(chip, value);
    } else {
        write_ocw2(chip, value);
    }
    i8259_update_irq(s);
}

/* A read after the poll command acknowledges. */
static uint8_t poll(I8259 *s, Chip *chip)
{
    int n = requested(chip, chip == &s->chips[0]);
    chip->poll = false;
    if (n < 0) {
        return 0;
    }
    serve(chip, n);
    i8259_update_irq(s);
    return 0x80 | n;
}

static uint8_t chip_read(I8259 *s, Chip *chip, uint64_t offset)
{
    if (chip->poll) {
        return poll(s, chip);
    }
    if (offset & 1) {
        return chip->imr;
    }
    return chip->read_isr ? chip->isr : chip->irr;
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned size)
{
    I8259 *s = opaque;
    return chip_read(s, &s->chips[0], offset);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8259 *s = opaque;
    chip_write(s, &s->chips[0], offset, value);
}

static uint64_t slave_read(void *opaque, uint64_t offset, unsigned size)
{
    I8259 *s = opaque;
    return chip_read(s, &s->chips[1], offset);
}

static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8259 *s = opaque;
    chip_write(s, &s->chips[1], offset, value);
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
    I8259 *s = opaque;
    return s->chips[offset & 1].elcr;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    /* Timer, keyboard, cascade, clock and coprocessor are always edge-triggered. */
    static const uint8_t writable[] = {0xf8, 0xde};
    I8259 *s = opaque;
    Chip *chip = &s->chips[offset & 1];
    chip->elcr = value & writable[offset & 1];
    chip->irr = (chip->irr & ~chip->elcr) | (chip->lines & chip->elcr);
    i8259_update_irq(s);
}

static const MmioOps master_ops = {master_read, master_write, 1, 1, false};
static const MmioOps slave_ops = {slave_read, slave_write, 1, 1, false};
static const MmioOps elcr_ops = {elcr_read, elcr_write, 1, 1, false};

/* ---- The device ---- */

static void i8259_reset(Device *dev)
{
    I8259 *s = container_of(dev, I8259, dev);
    for (unsigned i = 0; i < ARRAY_SIZE(s->chips); i++) {
        uint8_t lines = s->chips[i].lines;
        memset(&s->chips[i], 0, sizeof(s->chips[i]));
        s->chips[i].lines = lines;
    }
    i8259_update_irq(s);
}

static bool chip_post_load(void *opaque, GError **error)
{
    Chip *chip = opaque;
    chip->highest &= 7;
    return true;
}

static const VmField chip_fields[] = {
    VM_FIELD_U8(Chip, lines),
    VM_FIELD_U8(Chip, irr),
    VM_FIELD_U8(Chip, imr),
    VM_FIELD_U8(Chip, isr),
    VM_FIELD_U8(Chip, elcr),
    VM_FIELD_U8(Chip, highest),
    VM_FIELD_U8(Chip, base),
    VM_FIELD_U8(Chip, init),
    VM_FIELD_BOOL(Chip, wants_icw4),
    VM_FIELD_BOOL(Chip, single),
    VM_FIELD_BOOL(Chip, auto_eoi),
    VM_FIELD_BOOL(Chip, rotate_auto),
    VM_FIELD_BOOL(Chip, nested),
    VM_FIELD_BOOL(Chip, special_mask),
    VM_FIELD_BOOL(Chip, read_isr),
    VM_FIELD_BOOL(Chip, poll),
    VM_FIELD_END(),
};

static const VmDesc chip_vmstate = {"8259A", chip_fields, NULL, chip_post_load};

static bool i8259_post_load(void *opaque, GError **error)
{
    i8259_update_irq(opaque);
    return true;
}

static const VmField i8259_fields[] = {
    VM_ARRAY_STRUCT(I8259, chips, &chip_vmstate),
    VM_FIELD_END(),
};

static const VmDesc i8259_vmstate = {"i8259", i8259_fields, NULL, i8259_post_load};

/* A line for each of both chips, in QEMU's form. */
static void i8259_print_irqs(Device *dev, GString *out)
{
    const I8259 *s = container_of(dev, I8259, dev);
    for (unsigned i = 0; i < ARRAY_SIZE(s->chips); i++) {
        const Chip *chip = &s->chips[i];
        g_string_append_printf(
            out,
            "  pic%u: irr=%02x imr=%02x isr=%02x hprio=%u irq_base=%02x rr_sel=%u "
            "elcr=%02x fnm=%u lines=%02x\n",
            i, chip->irr, chip->imr, chip->isr, chip->highest, chip->base, chip->read_isr,
            chip->elcr, chip->nested, chip->lines);
    }
}

static const DeviceOps i8259_ops = {
    .name = "isa-i8259",
    .print_irqs = i8259_print_irqs,
    .reset = i8259_reset,
    .vmstate = &i8259_vmstate,
};

Device *i8259_new(Machine *machine, IrqLine output)
{
    I8259 *s = device_new(machine, &i8259_ops, sizeof(*s), NULL);
    s->output = output;
    memory_map_add_mmio(machine->io, "pic", 0x20, 2, 0, &master_ops, s, &s->dev);
    memory_map_add_mmio(machine->io, "pic2", 0xa0, 2, 0, &slave_ops, s, &s->dev);
    memory_map_add_mmio(machine->io, "elcr", PORT_ELCR, 2, 0, &elcr_ops, s, &s->dev);
    return &s->dev;
}
