/*
 * The high precision event timer: a 64-bit counter of 100 MHz and three comparators. IA-PC HPET specification
 * 1.0a, sections 2.2 to 2.4.
 *
 * The counter is the machine's clock plus an offset; a comparator has a timer for the next match. Timers can
 * interrupt through the I/O APIC, level- or edge-triggered, or in place of 8254 and RTC. Locking: the machine
 * lock.
 */
#include "hw/timer/hpet.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

#define SIZE 0x400
#define PERIOD_FS 10000000u
#define TICK_NS 10
#define MIN_PERIOD_NS \
    50000 /* of a guest's periodic timer, so that it does not occupy the main loop */

enum { REG_CAPS = 0, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { TIMER_CONFIG = 0, TIMER_COMPARATOR = 8, TIMER_FSB = 16, TIMER_STRIDE = 0x20 };

#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u

/* Timer configuration. */
enum {
    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_CAN_PERIODIC = 1 << 4,
    T_64BIT = 1 << 5,
    T_SET_VALUE = 1 << 6,
    T_32MODE = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_ROUTE = 31 << 9,
};
#define T_WRITABLE (T_LEVEL | T_ENABLE | T_PERIODIC | T_SET_VALUE | T_32MODE | T_ROUTE)
#define ROUTES 0x00ff0104u /* lines that a timer can be on: 2, 8, 16..23 */

typedef struct HpetTimer {
    Timer timer;
    uint64_t config, comparator, period;
} HpetTimer;

typedef struct Hpet {
    Device dev;
    HpetConfig wiring;
    uint64_t config, status;
    uint64_t counter; /* while halted */
    uint64_t offset;  /* counter - machine's ticks, while it runs */
    HpetTimer timers[HPET_TIMERS];
} Hpet;

static bool running(const Hpet *s)
{
    return s->config & CONFIG_ENABLE;
}

static uint64_t machine_ticks(const Hpet *s)
{
    return clock_now(s->dev.machine->clock) / TICK_NS;
}

static uint64_t counter(const Hpet *s)
{
    return running(s) ? machine_ticks(s) + s->offset : s->counter;
}

static uint64_t width_mask(const HpetTimer *t)
{
    return t->config & T_32MODE ? UINT32_MAX : UINT64_MAX;
}

/* ---- Interrupts ---- */

/* The line of timer @n; -1: none that it can be on. */
static int line_of(const Hpet *s, unsigned n)
{
    unsigned route = (s->timers[n].config & T_ROUTE) >> T_ROUTE_SHIFT;
    if ((s->config & CONFIG_LEGACY) && n < 2) {
        return n == 0 ? 0 : 8;
    }
    return ROUTES >> route & 1 ? (int)route : -1;
}

/* Level-triggered timers drive their lines with their status bits. */
static void hpet_update_irq(Hpet *s, unsigned n)
{
    const HpetTimer *t = &s->timers[n];
    int line = line_of(s, n);
    if (line >= 0 && (t->config & T_LEVEL)) {
        irq_set(&s->wiring.gsi[line], (s->status >> n & 1) && (t->config & T_ENABLE));
    }
}

/* Before the timers are led to other lines. */
static void release_lines(Hpet *s)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        int line = line_of(s, i);
        if (line >= 0 && (s->timers[i].config & T_LEVEL)) {
            irq_set(&s->wiring.gsi[line], false);
        }
    }
}

static void raise_irq(Hpet *s, unsigned n)
{
    const HpetTimer *t = &s->timers[n];
    int line = line_of(s, n);
    if (t->config & T_LEVEL) {
        s->status |= UINT64_C(1) << n;
        hpet_update_irq(s, n);
    } else if ((t->config & T_ENABLE) && line >= 0) {
        irq_set(&s->wiring.gsi[line], true);
        irq_set(&s->wiring.gsi[line], false);
    }
}

/* ---- Comparators ---- */

/* Ticks from now to the next match. */
static uint64_t ticks_left(const Hpet *s, const HpetTimer *t)
{
    return (t->comparator - counter(s)) & width_mask(t);
}

static void arm(Hpet *s, HpetTimer *t)
{
    uint64_t left = ticks_left(s, t), limit = (uint64_t)INT64_MAX / 4 / TICK_NS;
    bool wanted = running(s) && ((t->config & T_ENABLE) || (t->config & T_LEVEL));
    if (!wanted || left > limit) {
        timer_cancel(&t->timer);
        return;
    }
    int64_t when = (machine_ticks(s) + left) * TICK_NS;
    if ((t->config & T_PERIODIC) && t->period * TICK_NS < MIN_PERIOD_NS) {
        when = MAX(when, clock_now(s->dev.machine->clock) + MIN_PERIOD_NS);
    }
    timer_arm(&t->timer, when);
}

/* The next match of a periodic timer after now. */
static void advance(Hpet *s, HpetTimer *t)
{
    uint64_t late = (counter(s) - t->comparator) & width_mask(t);
    if (t->period) {
        t->comparator = (t->comparator + (late / t->period + 1) * t->period) & width_mask(t);
    }
}

static void matched(Hpet *s, unsigned n)
{
    HpetTimer *t = &s->timers[n];
    raise_irq(s, n);
    if ((t->config & T_PERIODIC) && t->period) {
        advance(s, t);
        arm(s, t);
    }
}

static void timer0_fired(void *opaque)
{
    matched(opaque, 0);
}

static void timer1_fired(void *opaque)
{
    matched(opaque, 1);
}

static void timer2_fired(void *opaque)
{
    matched(opaque, 2);
}

static void arm_all(Hpet *s)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        arm(s, &s->timers[i]);
    }
}

/* ---- Registers ---- */

/* @old with @size bytes at byte @at replaced by @value. */
static uint64_t merge(uint64_t old, unsigned at, uint64_t value, unsigned size)
{
    return bits_set(old, 8 * at, 8 * size, value);
}

static void write_config(Hpet *s, uint64_t value)
{
    uint64_t old = s->config, now = counter(s);
    if ((old ^ value) & CONFIG_LEGACY) {
        release_lines(s);
    }
    s->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
    if (running(s)) {
        s->offset = now - machine_ticks(s);
    } else {
        s->counter = now;
    }
    if (((old ^ s->config) & CONFIG_LEGACY) && s->wiring.legacy) {
        s->wiring.legacy(s->wiring.opaque, s->config & CONFIG_LEGACY);
    }
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        hpet_update_irq(s, i);
    }
    arm_all(s);
}

static void write_counter(Hpet *s, uint64_t value)
{
    if (running(s)) {
        log_guest_error("hpet: the counter is written while it runs");
        return;
    }
    s->counter = value;
}

static void write_status(Hpet *s, uint64_t value)
{
    s->status &= ~value;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        hpet_update_irq(s, i);
    }
}

static void write_comparator(Hpet *s, HpetTimer *t, unsigned at, uint64_t value, unsigned size)
{
    if (!(t->config & T_PERIODIC) || (t->config & T_SET_VALUE)) {
        t->comparator = merge(t->comparator, at, value, size) & width_mask(t);
    }
    if (t->config & T_PERIODIC) {
        t->period = merge(t->period, at, value, size) & width_mask(t) & (UINT64_MAX >> 8);
    }
    if (at + size == 8 || size == 4) {
        t->config &= ~(uint64_t)T_SET_VALUE;
    }
    arm(s, t);
}

static void write_timer(Hpet *s, unsigned n, unsigned reg, unsigned at, uint64_t value,
                        unsigned size)
{
    HpetTimer *t = &s->timers[n];
    if (reg == TIMER_CONFIG) {
        uint64_t fixed = t->config & ~(uint64_t)T_WRITABLE;
        if ((t->config & T_LEVEL) &&
            (s->status >> n & 1)) { /* the line goes low before it is left */
            s->status &= ~(UINT64_C(1) << n);
            hpet_update_irq(s, n);
        }
        t->config = (merge(t->config, at, value, size) & T_WRITABLE) | fixed;
        if (t->config & T_32MODE) {
            t->comparator &= UINT32_MAX;
            t->period &= UINT32_MAX;
        }
        arm(s, t);
    } else if (reg == TIMER_COMPARATOR) {
        write_comparator(s, t, at, value, size);
    }
}

static void hpet_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Hpet *s = container_of(dev, Hpet, dev);
    unsigned reg = offset & ~7u, at = offset & 7, n = (reg - REG_TIMERS) / TIMER_STRIDE;
    switch (reg) {
    case REG_CONFIG: write_config(s, merge(s->config, at, value, size)); break;
    case REG_STATUS: write_status(s, merge(0, at, value, size)); break;
    case REG_COUNTER: write_counter(s, merge(counter(s), at, value, size)); break;
    default:
        if (reg >= REG_TIMERS && n < HPET_TIMERS) {
            write_timer(s, n, reg % TIMER_STRIDE, at, value, size);
        }
        break;
    }
}

static uint64_t read_register(const Hpet *s, unsigned reg)
{
    unsigned n = (reg - REG_TIMERS) / TIMER_STRIDE;
    switch (reg) {
    case REG_CAPS: return (uint64_t)PERIOD_FS << 32 | HPET_BLOCK_ID;
    case REG_CONFIG: return s->config;
    case REG_STATUS: return s->status;
    case REG_COUNTER: return counter(s);
    default: break;
    }
    if (reg < REG_TIMERS || n >= HPET_TIMERS) {
        return 0;
    }
    switch (reg % TIMER_STRIDE) {
    case TIMER_CONFIG: return s->timers[n].config;
    case TIMER_COMPARATOR: return s->timers[n].comparator;
    default: return 0;
    }
}

static uint64_t hpet_read(Device *dev, uint64_t offset, unsigned size)
{
    const Hpet *s = container_of(dev, Hpet, dev);
    return read_register(s, offset & ~7u) >> 8 * (offset & 7);
}

/* ---- The device ---- */

static void hpet_reset(Device *dev)
{
    Hpet *s = container_of(dev, Hpet, dev);
    s->status = s->counter = s->offset = 0;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->timers[i];
        hpet_update_irq(s, i);
        t->config = (uint64_t)ROUTES << 32 | T_CAN_PERIODIC | T_64BIT;
        t->comparator = UINT64_MAX;
        t->period = 0;
    }
    write_config(s, 0);
    s->counter = 0;
}

static bool hpet_post_load(void *opaque, GError **error)
{
    Hpet *s = opaque;
    if (s->wiring.legacy) {
        s->wiring.legacy(s->wiring.opaque, s->config & CONFIG_LEGACY);
    }
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        s->timers[i].period &= UINT64_MAX >> 8;
        hpet_update_irq(s, i);
    }
    arm_all(s);
    return true;
}

static const VmField timer_fields[] = {
    VM_FIELD_U64(HpetTimer, config),
    VM_FIELD_U64(HpetTimer, comparator),
    VM_FIELD_U64(HpetTimer, period),
    VM_FIELD_END(),
};

static const VmDesc timer_vmstate = {"timer", timer_fields, NULL, NULL};

static const VmField hpet_fields[] = {
    VM_FIELD_U64(Hpet, config),
    VM_FIELD_U64(Hpet, status),
    VM_FIELD_U64(Hpet, counter),
    VM_FIELD_U64(Hpet, offset),
    VM_ARRAY_STRUCT(Hpet, timers, &timer_vmstate),
    VM_FIELD_END(),
};

static const VmDesc hpet_vmstate = {"hpet", hpet_fields, NULL, hpet_post_load};

static void hpet_finalize(Device *dev)
{
    Hpet *s = container_of(dev, Hpet, dev);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_cancel(&s->timers[i].timer);
    }
}

static const DeviceOps hpet_ops = {
    .name = "hpet",
    .reset = hpet_reset,
    .read = hpet_read,
    .write = hpet_write,
    .vmstate = &hpet_vmstate,
    .finalize = hpet_finalize,
};

Device *hpet_new(Machine *machine, uint64_t base, const HpetConfig *config)
{
    static void (*const fired[HPET_TIMERS])(void *) = {timer0_fired, timer1_fired, timer2_fired};
    Hpet *s = device_new(machine, &hpet_ops, sizeof(*s), NULL);
    s->wiring = *config;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_init(&s->timers[i].timer, machine->clock, fired[i], s);
    }
    device_map_mmio(&s->dev, base, SIZE);
    return &s->dev;
}
