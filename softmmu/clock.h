/*
 * Virtual time and timers.
 *
 * Virtual time is nanoseconds since the machine started, and stands still while it is stopped. Timers
 * fire on the main thread with the machine lock held (timerfd precision, not milliseconds). A test
 * makes a stepped clock, whose time moves only by clock_step().
 */
#ifndef AMPHI_CLOCK_H
#define AMPHI_CLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define TIMER_NEVER INT64_MAX

typedef struct Clock Clock;

typedef struct Timer {
    Clock *clock;
    void (*fn)(void *opaque);
    void *opaque;
    int64_t deadline; /* ns; TIMER_NEVER when not armed */
    unsigned heap_index;
} Timer;

/* A clock driven by the host's monotonic clock and @context's loop; @lock is taken around callbacks.
 * With @stepped, time moves only by clock_step(). Starts stopped. */
Clock *clock_new(GMainContext *context, GMutex *lock, bool stepped);
void clock_free(Clock *clock);
void clock_start(Clock *clock);
void clock_stop(Clock *clock);

/* Virtual time in ns. Lock-free; any thread. */
int64_t clock_now(Clock *clock);

/* Sets virtual time, after loading a snapshot. */
void clock_set(Clock *clock, int64_t now);

/* Moves a stepped clock by @ns and runs the timers that fall due, in order of their deadlines. The
 * caller holds the machine lock. */
void clock_step(Clock *clock, int64_t ns);

/* Timers are embedded in their owners. Arming and cancelling are safe from any thread. */
void timer_init(Timer *timer, Clock *clock, void (*fn)(void *opaque), void *opaque);
void timer_arm(Timer *timer, int64_t deadline_ns);
void timer_cancel(Timer *timer);
static inline bool timer_armed(const Timer *timer)
{
    return __atomic_load_n(&timer->deadline, __ATOMIC_RELAXED) != TIMER_NEVER;
}

/* value * mul / div in 128 bits. */
static inline uint64_t muldiv64(uint64_t value, uint64_t mul, uint64_t div)
{
    return (uint64_t)((unsigned __int128)value * mul / div);
}

#endif
