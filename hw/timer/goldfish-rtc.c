/*
 * Goldfish real-time clock: nanoseconds since 1970 and an alarm, from Android's emulator. Registers as
 * Linux's drivers/rtc/rtc-goldfish.c uses them.
 *
 * The clock is the host's wall clock at creation plus virtual time, so a paused machine's clock stands
 * still and a test's clock is exact. Locking: the machine lock.
 */
#include "hw/timer/goldfish-rtc.h"
#include "hw/regs.h"
#include "softmmu/base/bits.h"

enum {
    TIME_LOW,
    TIME_HIGH,
    ALARM_LOW,
    ALARM_HIGH,
    IRQ_ENABLED,
    CLEAR_ALARM,
    ALARM_STATUS,
    CLEAR_INTERRUPT,
    NREGS
};

typedef struct GoldfishRtc {
    Device dev;
    IrqLine irq;
    Timer alarm;
    uint32_t regs[NREGS];
    uint64_t offset;    /* wall-clock time = offset + virtual time, ns */
    bool alarm_pending; /* the alarm went off and was not cleared */
    uint64_t alarm_ns;  /* saved deadline: the registers may say another since it was set */
} GoldfishRtc;

static uint64_t wall_time(const GoldfishRtc *s)
{
    return s->offset + clock_now(s->dev.machine->clock);
}

static void rtc_update_irq(GoldfishRtc *s)
{
    irq_set(&s->irq, s->alarm_pending && s->regs[IRQ_ENABLED]);
}

static void alarm_fired(void *opaque)
{
    GoldfishRtc *s = opaque;
    s->regs[ALARM_STATUS] = 0;
    s->alarm_pending = true;
    rtc_update_irq(s);
}

static void set_alarm(GoldfishRtc *s)
{
    uint64_t when = (uint64_t)s->regs[ALARM_HIGH] << 32 | s->regs[ALARM_LOW];
    uint64_t now = wall_time(s);
    if (when <= now) {
        timer_cancel(&s->alarm);
        alarm_fired(s);
        return;
    }
    int64_t virtual_now = clock_now(s->dev.machine->clock);
    uint64_t delay = MIN(when - now, (uint64_t)(TIMER_NEVER - 1 - virtual_now));
    s->regs[ALARM_STATUS] = 1;
    timer_arm(&s->alarm, virtual_now + delay);
}

/* Reading the low half latches the high one. */
static uint32_t read_time_low(void *opaque, uint32_t stored)
{
    GoldfishRtc *s = opaque;
    uint64_t now = wall_time(s);
    s->regs[TIME_HIGH] = now >> 32;
    return now;
}

static void write_time_low(void *opaque, uint32_t written)
{
    GoldfishRtc *s = opaque;
    s->offset += (uint64_t)written - (uint32_t)wall_time(s);
}

static void write_time_high(void *opaque, uint32_t written)
{
    GoldfishRtc *s = opaque;
    s->offset += ((uint64_t)written << 32) - (wall_time(s) & ~UINT64_C(0xffffffff));
}

static void write_alarm_low(void *opaque, uint32_t written)
{
    set_alarm(opaque);
}

static void write_irq_enabled(void *opaque, uint32_t written)
{
    rtc_update_irq(opaque);
}

static void write_clear_alarm(void *opaque, uint32_t written)
{
    GoldfishRtc *s = opaque;
    timer_cancel(&s->alarm);
    s->regs[ALARM_STATUS] = 0;
}

static void write_clear_interrupt(void *opaque, uint32_t written)
{
    GoldfishRtc *s = opaque;
    s->alarm_pending = false;
    rtc_update_irq(s);
}

static const RegDef rtc_defs[NREGS] = {
    [TIME_LOW] = {0x00, "TIME_LOW", 0, ~0u, 0, read_time_low, write_time_low},
    [TIME_HIGH] = {0x04, "TIME_HIGH", 0, ~0u, 0, NULL, write_time_high},
    [ALARM_LOW] = {0x08, "ALARM_LOW", 0, 0, 0, NULL, write_alarm_low},
    [ALARM_HIGH] = {0x0c, "ALARM_HIGH", 0, 0, 0, NULL, NULL},
    [IRQ_ENABLED] = {0x10, "IRQ_ENABLED", 0, ~1u, 0, NULL, write_irq_enabled},
    [CLEAR_ALARM] = {0x14, "CLEAR_ALARM", 0, ~0u, 0, NULL, write_clear_alarm},
    [ALARM_STATUS] = {0x18, "ALARM_STATUS", 0, ~0u, 0, NULL, NULL},
    [CLEAR_INTERRUPT] = {0x1c, "CLEAR_INTERRUPT", 0, ~0u, 0, NULL, write_clear_interrupt},
};

static const RegBlock rtc_block = {"goldfish-rtc", rtc_defs, NREGS};

static uint64_t rtc_read(Device *dev, uint64_t offset, unsigned size)
{
    GoldfishRtc *s = (GoldfishRtc *)dev;
    return regs_read(&rtc_block, s->regs, s, offset);
}

static void rtc_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    GoldfishRtc *s = (GoldfishRtc *)dev;
    regs_write(&rtc_block, s->regs, s, offset, value);
}

/* The time goes on through a reset, as with a battery. */
static void rtc_reset(Device *dev)
{
    GoldfishRtc *s = (GoldfishRtc *)dev;
    regs_reset(&rtc_block, s->regs);
    s->alarm_pending = false;
    timer_cancel(&s->alarm);
    rtc_update_irq(s);
}

static void rtc_pre_save(void *opaque)
{
    GoldfishRtc *s = opaque;
    s->alarm_ns = s->alarm.deadline;
}

static bool rtc_post_load(void *opaque, GError **error)
{
    GoldfishRtc *s = opaque;
    s->regs[IRQ_ENABLED] &= 1;
    timer_arm(&s->alarm, MIN(s->alarm_ns, TIMER_NEVER));
    rtc_update_irq(s);
    return true;
}

static const VmField rtc_fields[] = {
    VM_ARRAY_U32(GoldfishRtc, regs),
    VM_FIELD_U64(GoldfishRtc, offset),
    VM_FIELD_BOOL(GoldfishRtc, alarm_pending),
    VM_FIELD_U64(GoldfishRtc, alarm_ns),
    VM_FIELD_END(),
};

static const VmDesc rtc_vmstate = {"goldfish-rtc", rtc_fields, rtc_pre_save, rtc_post_load};

static void rtc_finalize(Device *dev)
{
    timer_cancel(&((GoldfishRtc *)dev)->alarm);
}

static const DeviceOps rtc_ops = {
    .name = "goldfish_rtc",
    .reset = rtc_reset,
    .read = rtc_read,
    .write = rtc_write,
    .min_access = 4,
    .max_access = 4,
    .vmstate = &rtc_vmstate,
    .finalize = rtc_finalize,
};

Device *goldfish_rtc_new(Machine *machine, uint64_t base, IrqLine irq)
{
    GoldfishRtc *s = device_new(machine, &rtc_ops, sizeof(*s), NULL);
    s->irq = irq;
    s->offset = (uint64_t)machine_real_time(machine) * 1000 - clock_now(machine->clock);
    timer_init(&s->alarm, machine->clock, alarm_fired, s);
    device_map_mmio(&s->dev, base, 0x1000);
    return &s->dev;
}
