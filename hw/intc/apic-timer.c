/*
 * The local APIC's timer: one-shot, periodic, and by TSC deadline. Intel SDM vol. 3A, 10.5.4.
 *
 * It counts at 1 GHz before division. Counts are computed from the time when they are asked for; a timer of
 * the machine runs only while the entry in the LVT is not masked.
 */
#include "hw/intc/apic-internal.h"

/* A period that a guest sets is at least this long, so that it does not occupy the main loop. */
#define MIN_PERIOD_NS 100000

static uint64_t now(const Apic *apic)
{
    return clock_now(apic->dev.machine->clock);
}

static unsigned divide_shift(const Apic *apic)
{
    return ((apic->divide & 3) + (apic->divide >> 1 & 4) + 1) & 7;
}

static uint32_t mode(const Apic *apic)
{
    return apic->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

/* Counts since the timer was set. */
static uint64_t elapsed(const Apic *apic)
{
    uint64_t time = now(apic);
    return time > apic->timer_start ? (time - apic->timer_start) >> divide_shift(apic) : 0;
}

uint32_t apic_timer_count(const Apic *apic)
{
    uint64_t ticks = elapsed(apic);
    if (!apic->initial_count || mode(apic) == LVT_TIMER_DEADLINE) {
        return 0;
    }
    if (mode(apic) == LVT_TIMER_PERIODIC) {
        return apic->initial_count - ticks % apic->initial_count;
    }
    return ticks < apic->initial_count ? apic->initial_count - ticks : 0;
}

/* When the deadline comes, in the machine's time. */
static uint64_t deadline_time(const Apic *apic)
{
    uint64_t tsc = apic->cpu.tsc(apic->cpu.opaque), left = apic->tsc_deadline - tsc;
    if (apic->tsc_deadline <= tsc) {
        return now(apic);
    }
    unsigned __int128 ns = (unsigned __int128)left * NS_PER_SECOND / apic->cpu.tsc_hz + 1;
    return ns < INT64_MAX / 2 ? now(apic) + (uint64_t)ns : TIMER_NEVER;
}

/* When the count ends next; TIMER_NEVER: not any more. An end that nobody was told of yet may be over. */
static uint64_t count_time(const Apic *apic)
{
    uint64_t ticks = elapsed(apic), period = apic->initial_count;
    if (!period) {
        return TIMER_NEVER;
    }
    if (mode(apic) == LVT_TIMER_PERIODIC) {
        uint64_t end = apic->timer_start + ((ticks / period + 1) * period << divide_shift(apic));
        bool short_period = period << divide_shift(apic) < MIN_PERIOD_NS;
        return short_period ? MAX(end, now(apic) + MIN_PERIOD_NS) : end;
    }
    return apic->timer_done ? TIMER_NEVER : apic->timer_start + (period << divide_shift(apic));
}

void apic_timer_arm(Apic *apic)
{
    uint64_t when = TIMER_NEVER;
    if (!(apic->lvt[LVT_TIMER] & LVT_MASKED)) {
        if (mode(apic) != LVT_TIMER_DEADLINE) {
            when = count_time(apic);
        } else if (apic->tsc_deadline && apic->cpu.tsc_hz) {
            when = deadline_time(apic);
        }
    }
    timer_arm(&apic->timer, when);
}

static void fired(void *opaque)
{
    Apic *apic = opaque;
    if (mode(apic) == LVT_TIMER_DEADLINE) {
        apic->tsc_deadline = 0;
    }
    apic->timer_done = mode(apic) != LVT_TIMER_PERIODIC;
    apic_local_interrupt(apic, LVT_TIMER);
    apic_timer_arm(apic);
}

void apic_timer_init(Apic *apic)
{
    timer_init(&apic->timer, apic->dev.machine->clock, fired, apic);
}

void apic_timer_set_initial(Apic *apic, uint32_t value)
{
    if (mode(apic) != LVT_TIMER_DEADLINE) {
        apic->initial_count = value;
        apic->timer_start = now(apic);
        apic->timer_done = false;
        apic_timer_arm(apic);
    }
}

void apic_timer_set_count(Apic *apic, uint32_t left)
{
    uint32_t done = apic->initial_count - MIN(left, apic->initial_count);
    apic->timer_start = now(apic) - ((uint64_t)done << divide_shift(apic));
    apic->timer_done = !left;
    apic_timer_arm(apic);
}

void apic_timer_set_divide(Apic *apic, uint32_t value)
{
    uint32_t left = apic_timer_count(apic);
    bool due = !left && !apic->timer_done; /* the interrupt is still to come */
    apic->divide = value & 0xb;
    apic_timer_set_count(apic, due ? 1 : left);
}

void apic_timer_set_lvt(Apic *apic, uint32_t value)
{
    bool was_deadline = mode(apic) == LVT_TIMER_DEADLINE;
    if (was_deadline != ((value & LVT_TIMER_MODE) == LVT_TIMER_DEADLINE)) {
        apic->initial_count = 0; /* changing to or from this mode disarms the timer */
        apic->tsc_deadline = 0;
    }
    if ((apic->lvt[LVT_TIMER] & LVT_MASKED) && !apic_timer_count(apic)) {
        apic->timer_done = true; /* what ended while it was masked is lost */
    }
    apic->lvt[LVT_TIMER] = value;
    apic_timer_arm(apic);
}

uint64_t apic_get_tsc_deadline(const Apic *apic)
{
    return apic->tsc_deadline;
}

void apic_set_tsc_deadline(Apic *apic, uint64_t value)
{
    if (mode(apic) == LVT_TIMER_DEADLINE && apic->cpu.tsc_hz) {
        apic->tsc_deadline = value;
        apic_timer_arm(apic);
    }
}
