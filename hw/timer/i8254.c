/*
 * The 8254 programmable interval timer of a PC, with what port 0x61 has of it: gate and output of counter 2,
 * which makes the speaker's tone. Intel 8254 data sheet (231164); port 0x61: ICH9 data sheet, 13.7.
 *
 * A counter is not stepped. What it counts and puts out follows from when it was started, so reading takes
 * no timer; only counter 0 has one, for the next change of its output. Locking: the machine lock.
 */
#include "hw/timer/i8254.h"
#include "softmmu/base/bits.h"

#define COUNTERS 3
#define PORT_BASE 0x40
#define PORT_CONTROL 0x61

/* Access modes, bits 5..4 of the control word. */
enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };

enum {
    READ_BACK_NO_COUNT = 0x20,
    READ_BACK_NO_STATUS = 0x10,
    STATUS_OUT = 0x80,
    STATUS_NULL = 0x40
};

/* Bits of port 0x61. */
enum { P61_GATE = 1, P61_SPEAKER = 2, P61_WRITABLE = 0xf, P61_REFRESH = 0x10, P61_OUT = 0x20 };

typedef struct Counter {
    uint32_t count; /* 1..0x10000 */
    uint8_t mode;   /* 0..5 */
    uint8_t access;
    bool bcd;
    bool gate;
    bool loaded;  /* a count was written since the control word */
    bool started; /* it counts; in modes 1 and 5 after a trigger */
    uint8_t low;  /* first of two bytes written */
    bool write_high, read_high;
    uint8_t latched; /* bytes of the latched count not read yet */
    bool status_latched;
    uint16_t latch;
    uint8_t status;
    uint64_t start; /* ns at which counting began */
} Counter;

typedef struct I8254 {
    Device dev;
    IrqLine irq;
    Timer timer;
    bool irq_enabled;
    uint8_t control; /* port 0x61 */
    Counter counters[COUNTERS];
} I8254;

static uint64_t now(const I8254 *s)
{
    return clock_now(s->dev.machine->clock);
}

/* ---- What follows from the time ---- */

/* Clock pulses that the counter has seen. */
static uint64_t elapsed(const I8254 *s, const Counter *c)
{
    uint64_t time = now(s);
    return time > c->start ? muldiv64(time - c->start, I8254_HZ, NS_PER_SECOND) : 0;
}

static bool counting(const Counter *c)
{
    bool level_gated = c->mode != 1 && c->mode != 5;
    return c->started && (c->gate || !level_gated);
}

/* The level of the output @ticks pulses after the start. */
static bool output_at(const Counter *c, uint64_t ticks)
{
    switch (c->mode) {
    case 0:
    case 1: return c->started ? ticks >= c->count : c->mode == 1;
    case 2: return !counting(c) || ticks % c->count != c->count - 1;
    case 3: return !counting(c) || ticks % c->count < (c->count + 1) / 2;
    default: return !c->started || ticks != c->count; /* a strobe of one pulse */
    }
}

static bool output(const I8254 *s, const Counter *c)
{
    return output_at(c, elapsed(s, c));
}

/* The pulse after @ticks at which the output changes next; 0: never. */
static uint64_t next_change(const Counter *c, uint64_t ticks)
{
    uint64_t base;
    if (!counting(c)) {
        return 0;
    }
    switch (c->mode) {
    case 0:
    case 1: return ticks < c->count ? c->count : 0;
    case 2:
        base = ticks - ticks % c->count;
        return ticks - base < c->count - 1 ? base + c->count - 1 : base + c->count;
    case 3:
        base = ticks - ticks % c->count;
        return ticks - base < (c->count + 1) / 2 ? base + (c->count + 1) / 2 : base + c->count;
    default: return ticks < c->count ? c->count : ticks == c->count ? c->count + 1 : 0;
    }
}

static uint16_t to_bcd(uint32_t value)
{
    value %= 10000;
    return value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 | value / 1000 << 12;
}

static uint32_t from_bcd(uint16_t value)
{
    return (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 + (value >> 12) * 1000;
}

static uint16_t current_count(const I8254 *s, const Counter *c)
{
    uint64_t ticks = counting(c) ? elapsed(s, c) : 0;
    uint32_t wrap = c->bcd ? 10000 : 0x10000, value;
    switch (c->mode) {
    case 2: value = c->count - ticks % c->count; break;
    case 3: value = (c->count & ~1u) - 2 * ticks % MAX(c->count & ~1u, 2); break;
    default: value = (c->count + wrap - ticks % wrap) % wrap; break;
    }
    return c->bcd ? to_bcd(value) : value;
}

/* ---- The interrupt ---- */

/* The time of pulse @ticks, rounded up so that the pulse has been seen by then. */
static uint64_t time_of(const Counter *c, uint64_t ticks)
{
    unsigned __int128 ns = (unsigned __int128)ticks * NS_PER_SECOND + I8254_HZ - 1;
    return c->start + (uint64_t)(ns / I8254_HZ);
}

static void i8254_update_irq(I8254 *s)
{
    const Counter *c = &s->counters[0];
    uint64_t ticks = elapsed(s, c), next = s->irq_enabled ? next_change(c, ticks) : 0;
    irq_set(&s->irq, s->irq_enabled && output_at(c, ticks));
    if (next) {
        timer_arm(&s->timer, time_of(c, next));
    } else {
        timer_cancel(&s->timer);
    }
}

static void timer_fired(void *opaque)
{
    I8254 *s = opaque;
    const Counter *c = &s->counters[0];
    /* In mode 2 the output is low for one pulse only; a host that comes late makes up for the edge. */
    if (s->irq_enabled && c->mode == 2 && counting(c)) {
        irq_set(&s->irq, false);
    }
    i8254_update_irq(s);
}

void i8254_set_irq_enabled(Device *dev, bool enabled)
{
    I8254 *s = container_of(dev, I8254, dev);
    s->irq_enabled = enabled;
    i8254_update_irq(s);
}

/* ---- Registers ---- */

static void start(I8254 *s, Counter *c)
{
    c->start = now(s);
    c->started = true;
}

static void load(I8254 *s, Counter *c, uint16_t value)
{
    c->count = c->bcd ? from_bcd(value) : value;
    if (!c->count) {
        c->count = c->bcd ? 10000 : 0x10000;
    }
    if (c->count == 1 && (c->mode == 2 || c->mode == 3)) {
        c->count = 2; /* not a count for these modes */
    }
    c->loaded = true;
    if (c->mode != 1 && c->mode != 5) {
        start(s, c);
    }
}

static void write_count(I8254 *s, Counter *c, uint8_t value)
{
    switch (c->access) {
    case ACCESS_LOW: load(s, c, value); break;
    case ACCESS_HIGH: load(s, c, value << 8); break;
    default:
        if (c->write_high) {
            load(s, c, c->low | value << 8);
        } else {
            c->low = value;
            c->started &= c->mode != 0; /* in mode 0 the first byte stops the counter */
        }
        c->write_high = !c->write_high;
        break;
    }
}

static void latch_count(const I8254 *s, Counter *c)
{
    if (!c->latched) {
        c->latch = current_count(s, c);
        c->latched = c->access == ACCESS_BOTH ? 2 : 1;
    }
}

static void read_back(I8254 *s, uint8_t value)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        Counter *c = &s->counters[i];
        if (!(value >> (i + 1) & 1)) {
            continue;
        }
        if (!(value & READ_BACK_NO_COUNT)) {
            latch_count(s, c);
        }
        if (!(value & READ_BACK_NO_STATUS) && !c->status_latched) {
            c->status = (output(s, c) ? STATUS_OUT : 0) | (c->loaded ? 0 : STATUS_NULL) |
                        c->access << 4 | c->mode << 1 | c->bcd;
            c->status_latched = true;
        }
    }
}

static void write_control(I8254 *s, uint8_t value)
{
    unsigned n = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
    if (n == COUNTERS) {
        read_back(s, value);
        return;
    }
    Counter *c = &s->counters[n];
    if (access == ACCESS_LATCH) {
        latch_count(s, c);
        return;
    }
    c->access = access;
    c->mode = mode > 5 ? mode - 4 : mode;
    c->bcd = value & 1;
    c->loaded = c->started = c->write_high = c->read_high = false;
    c->latched = 0;
    c->status_latched = false;
}

static void pit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *s = opaque;
    if (offset == COUNTERS) {
        write_control(s, value);
    } else {
        write_count(s, &s->counters[offset], value);
    }
    i8254_update_irq(s);
}

/* The byte of a 16-bit count that comes next. */
static uint8_t next_byte(Counter *c, uint16_t value)
{
    bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);
    if (c->access == ACCESS_BOTH) {
        c->read_high = !c->read_high;
    }
    return high ? value >> 8 : value;
}

static uint64_t pit_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    if (offset == COUNTERS) {
        return 0xff;
    }
    Counter *c = &s->counters[offset];
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched) {
        c->latched--;
        return next_byte(c, c->latch);
    }
    return next_byte(c, current_count(s, c));
}

/* ---- Port 0x61 ---- */

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8254 *s = opaque;
    Counter *c = &s->counters[2];
    bool gate = value & P61_GATE;
    s->control = value & P61_WRITABLE;
    if (gate && !c->gate && c->loaded && c->mode != 0 && c->mode != 4) {
        start(s, c); /* the gate's rising edge triggers or restarts */
    }
    c->gate = gate;
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    I8254 *s = opaque;
    /* Refresh of dynamic RAM toggles every 15 us; programs use it as a clock. */
    bool refresh = now(s) / 15085 & 1;
    return s->control | (refresh ? P61_REFRESH : 0) | (output(s, &s->counters[2]) ? P61_OUT : 0);
}

static const MmioOps pit_ops = {pit_read, pit_write, 1, 1, false};
static const MmioOps control_ops = {control_read, control_write, 1, 1, false};

/* ---- The device ---- */

/* Mode, count and output are undefined before the first control word. In mode 0 the output is low, so that no
 * interrupt waits for a system that never uses the 8254 and its 8259. */
static void i8254_reset(Device *dev)
{
    I8254 *s = container_of(dev, I8254, dev);
    s->irq_enabled = true;
    s->control = 0;
    for (unsigned i = 0; i < COUNTERS; i++) {
        s->counters[i] =
            (Counter){.count = 0x10000, .mode = 0, .access = ACCESS_BOTH, .gate = i != 2};
    }
    i8254_update_irq(s);
}

static bool counter_post_load(void *opaque, GError **error)
{
    Counter *c = opaque;
    if (c->count < 1 || c->count > 0x10000 || c->mode > 5 || c->access > 3 || c->latched > 2 ||
        (c->count == 1 && (c->mode == 2 || c->mode == 3))) {
        c->count = 0x10000;
        c->mode &= 3;
        c->access &= 3;
        c->latched &= 1;
    }
    return true;
}

static const VmField counter_fields[] = {
    VM_FIELD_U32(Counter, count),       VM_FIELD_U8(Counter, mode),
    VM_FIELD_U8(Counter, access),       VM_FIELD_BOOL(Counter, bcd),
    VM_FIELD_BOOL(Counter, gate),       VM_FIELD_BOOL(Counter, loaded),
    VM_FIELD_BOOL(Counter, started),    VM_FIELD_U8(Counter, low),
    VM_FIELD_BOOL(Counter, write_high), VM_FIELD_BOOL(Counter, read_high),
    VM_FIELD_U8(Counter, latched),      VM_FIELD_BOOL(Counter, status_latched),
    VM_FIELD_U16(Counter, latch),       VM_FIELD_U8(Counter, status),
    VM_FIELD_U64(Counter, start),       VM_FIELD_END(),
};

static const VmDesc counter_vmstate = {"counter", counter_fields, NULL, counter_post_load};

static bool i8254_post_load(void *opaque, GError **error)
{
    I8254 *s = opaque;
    for (unsigned i = 0; i < COUNTERS; i++) {
        s->counters[i].start = MIN(s->counters[i].start, (uint64_t)now(s)); /* none begins later */
    }
    i8254_update_irq(s);
    return true;
}

static const VmField i8254_fields[] = {
    VM_FIELD_BOOL(I8254, irq_enabled),
    VM_FIELD_U8(I8254, control),
    VM_ARRAY_STRUCT(I8254, counters, &counter_vmstate),
    VM_FIELD_END(),
};

static const VmDesc i8254_vmstate = {"i8254", i8254_fields, NULL, i8254_post_load};

static void i8254_finalize(Device *dev)
{
    I8254 *s = container_of(dev, I8254, dev);
    timer_cancel(&s->timer);
}

static const DeviceOps i8254_ops = {
    .name = "isa-pit",
    .reset = i8254_reset,
    .vmstate = &i8254_vmstate,
    .finalize = i8254_finalize,
};

Device *i8254_new(Machine *machine, IrqLine irq)
{
    I8254 *s = device_new(machine, &i8254_ops, sizeof(*s), NULL);
    s->irq = irq;
    timer_init(&s->timer, machine->clock, timer_fired, s);
    memory_map_add_mmio(machine->io, "pit", PORT_BASE, 4, 0, &pit_ops, s, &s->dev);
    memory_map_add_mmio(machine->io, "pcspk", PORT_CONTROL, 1, 0, &control_ops, s, &s->dev);
    return &s->dev;
}
