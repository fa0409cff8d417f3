/*
 * Virtual time and timers.
 *
 * While the clock runs, virtual time is the host's CLOCK_MONOTONIC plus an offset; while it stands still,
 * the value it stopped at. Both words are read under a sequence count, so that vCPUs reading their time
 * register never wait. Timers are a binary heap by deadline; a timerfd in the main loop wakes for the
 * first of them with the precision of the host's timers. The clock's mutex guards the heap and is a leaf: it
 * is not held while callbacks run, those have the machine lock.
 */
#include "softmmu/clock.h"
#include "softmmu/lock.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct Clock {
    GMutex mutex; /* heap, fd, and writers of what follows */
    uint32_t seq; /* atomic; odd while base and running change */
    bool running; /* atomic */
    int64_t base; /* atomic; ns: running: virtual minus host time, else virtual time */
    bool stepped;
    GPtrArray *heap; /* of Timer: element i is before 2i+1 and 2i+2 */
    GMutex *lock;    /* the machine's */
    GSource *source; /* NULL if stepped */
    int fd;
    int64_t programmed; /* host time that the fd is set to; TIMER_NEVER: not set */
};

typedef struct ClockSource {
    GSource base;
    Clock *clock;
} ClockSource;

static int64_t host_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_now(Clock *clock)
{
    for (;;) {
        uint32_t seq = __atomic_load_n(&clock->seq, __ATOMIC_ACQUIRE);
        bool running = __atomic_load_n(&clock->running, __ATOMIC_ACQUIRE);
        int64_t base = __atomic_load_n(&clock->base, __ATOMIC_ACQUIRE);
        int64_t now = running && !clock->stepped ? base + host_now() : base;
        if (!(seq & 1) && __atomic_load_n(&clock->seq, __ATOMIC_ACQUIRE) == seq) {
            return now;
        }
        __builtin_ia32_pause();
    }
}

/* With the mutex held: what clock_now() returns; also while the words are being changed. */
static int64_t now_locked(const Clock *clock)
{
    return clock->running && !clock->stepped ? clock->base + host_now() : clock->base;
}

/* With the mutex held: virtual time is @now, or goes on from where it is with TIMER_NEVER, and runs on if
 * @running. The time is taken after readers were shut out: none of them has seen a later one. */
static void set_time(Clock *clock, bool running, int64_t now)
{
    __atomic_store_n(&clock->seq, clock->seq + 1, __ATOMIC_SEQ_CST);
    if (now == TIMER_NEVER) {
        now = now_locked(clock);
    }
    int64_t base = running && !clock->stepped ? now - host_now() : now;
    __atomic_store_n(&clock->running, running, __ATOMIC_RELEASE);
    __atomic_store_n(&clock->base, base, __ATOMIC_RELEASE);
    __atomic_store_n(&clock->seq, clock->seq + 1, __ATOMIC_RELEASE);
}

/*
 * The heap.
 */

static Timer *heap_at(Clock *clock, unsigned i)
{
    return clock->heap->pdata[i];
}

static void heap_put(Clock *clock, unsigned i, Timer *timer)
{
    clock->heap->pdata[i] = timer;
    timer->heap_index = i;
}

/* Puts @timer at @i or higher up, where its deadline belongs. */
static void heap_up(Clock *clock, unsigned i, Timer *timer)
{
    while (i > 0 && heap_at(clock, (i - 1) / 2)->deadline > timer->deadline) {
        heap_put(clock, i, heap_at(clock, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    heap_put(clock, i, timer);
}

static void heap_down(Clock *clock, unsigned i, Timer *timer)
{
    for (unsigned child; (child = 2 * i + 1) < clock->heap->len; i = child) {
        if (child + 1 < clock->heap->len &&
            heap_at(clock, child + 1)->deadline < heap_at(clock, child)->deadline) {
            child++;
        }
        if (heap_at(clock, child)->deadline >= timer->deadline) {
            break;
        }
        heap_put(clock, i, heap_at(clock, child));
    }
    heap_put(clock, i, timer);
}

static void set_deadline(Timer *timer, int64_t deadline)
{
    __atomic_store_n(&timer->deadline, deadline, __ATOMIC_RELAXED); /* timer_armed() reads it */
}

static void heap_insert(Clock *clock, Timer *timer, int64_t deadline)
{
    set_deadline(timer, deadline);
    g_ptr_array_add(clock->heap, timer);
    heap_up(clock, clock->heap->len - 1, timer);
}

static void heap_remove(Clock *clock, Timer *timer)
{
    unsigned i = timer->heap_index;
    Timer *last = heap_at(clock, clock->heap->len - 1);
    g_ptr_array_set_size(clock->heap, clock->heap->len - 1);
    if (last != timer) {
        heap_down(clock, i, last);
        heap_up(clock, last->heap_index, last);
    }
    set_deadline(timer, TIMER_NEVER);
}

/*
 * The timerfd.
 */

/* With the mutex held: makes the fd fire no later than for the first timer. An earlier setting is left alone
 * (arming later and later, as guests do with their one timer, then costs no system call); when it
 * fires and nothing is due, it is set again. */
static void program(Clock *clock)
{
    if (clock->stepped || !clock->running || clock->heap->len == 0) {
        return;
    }
    int64_t deadline = heap_at(clock, 0)->deadline, when;
    if (__builtin_sub_overflow(deadline, clock->base, &when)) {
        when = deadline < 0 ? 1 : TIMER_NEVER;
    }
    when = MAX(when, 1); /* 0 would turn the timer off */
    if (when >= clock->programmed) {
        return;
    }
    clock->programmed = when;
    struct itimerspec spec = {
        .it_value = {.tv_sec = when / NS_PER_SECOND, .tv_nsec = when % NS_PER_SECOND},
    };
    timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* With the mutex held: takes the first timer off the heap if it is due at @now. */
static Timer *take_due(Clock *clock, int64_t now)
{
    if (clock->heap->len == 0 || heap_at(clock, 0)->deadline > now) {
        return NULL;
    }
    Timer *timer = heap_at(clock, 0);
    heap_remove(clock, timer);
    return timer;
}

/* Runs what is due now. A timer that is armed again for a time that has come already waits for the
 * next round, so that the main loop's other sources have their turn. */
static gboolean clock_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Clock *clock = ((ClockSource *)source)->clock;
    uint64_t expirations;
    (void)!read(clock->fd, &expirations, sizeof(expirations));

    lock_acquire(clock->lock);
    g_mutex_lock(&clock->mutex);
    clock->programmed = TIMER_NEVER;
    int64_t now = clock_now(clock);
    unsigned budget = clock->heap->len;
    Timer *timer;
    while (clock->running && budget-- && (timer = take_due(clock, now)) != NULL) {
        g_mutex_unlock(&clock->mutex);
        timer->fn(timer->opaque);
        g_mutex_lock(&clock->mutex);
    }
    program(clock);
    g_mutex_unlock(&clock->mutex);
    lock_release(clock->lock);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs clock_source_funcs = {NULL, NULL, clock_dispatch, NULL, NULL, NULL};

Clock *clock_new(GMainContext *context, GMutex *lock, bool stepped)
{
    Clock *clock = g_new0(Clock, 1);
    g_mutex_init(&clock->mutex);
    clock->stepped = stepped;
    clock->lock = lock;
    clock->heap = g_ptr_array_new();
    clock->programmed = TIMER_NEVER;
    clock->fd = -1;
    if (stepped) {
        return clock;
    }
    clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock->fd < 0) {
        g_error("cannot make a timer: %s", g_strerror(errno)); /* out of descriptors at start-up */
    }
    clock->source = g_source_new(&clock_source_funcs, sizeof(ClockSource));
    ((ClockSource *)clock->source)->clock = clock;
    g_source_set_priority(clock->source, G_PRIORITY_HIGH);
    g_source_add_unix_fd(clock->source, clock->fd, G_IO_IN);
    g_source_attach(clock->source, context);
    return clock;
}

void clock_free(Clock *clock)
{
    if (!clock) {
        return;
    }
    if (clock->source) {
        g_source_destroy(clock->source);
        g_source_unref(clock->source);
        close(clock->fd);
    }
    g_ptr_array_free(clock->heap, true);
    g_mutex_clear(&clock->mutex);
    g_free(clock);
}

void clock_start(Clock *clock)
{
    g_mutex_lock(&clock->mutex);
    if (!clock->running) {
        set_time(clock, true, TIMER_NEVER);
        program(clock);
    }
    g_mutex_unlock(&clock->mutex);
}

void clock_stop(Clock *clock)
{
    g_mutex_lock(&clock->mutex);
    if (clock->running) {
        set_time(clock, false, TIMER_NEVER);
    }
    g_mutex_unlock(&clock->mutex);
}

void clock_set(Clock *clock, int64_t now)
{
    g_mutex_lock(&clock->mutex);
    set_time(clock, clock->running, now);
    program(clock);
    g_mutex_unlock(&clock->mutex);
}

void clock_step(Clock *clock, int64_t ns)
{
    g_return_if_fail(clock->stepped && ns >= 0);
    g_mutex_lock(&clock->mutex);
    int64_t target = clock_now(clock) + ns;
    while (clock->heap->len && heap_at(clock, 0)->deadline <= target) {
        int64_t deadline = heap_at(clock, 0)->deadline;
        set_time(clock, clock->running, MAX(deadline, clock_now(clock)));
        Timer *timer = take_due(clock, deadline);
        g_mutex_unlock(&clock->mutex);
        timer->fn(timer->opaque);
        g_mutex_lock(&clock->mutex);
    }
    set_time(clock, clock->running, target);
    g_mutex_unlock(&clock->mutex);
}

/*
 * Timers.
 */

void timer_init(Timer *timer, Clock *clock, void (*fn)(void *opaque), void *opaque)
{
    *timer = (Timer){clock, fn, opaque, TIMER_NEVER, 0};
}

void timer_arm(Timer *timer, int64_t deadline_ns)
{
    Clock *clock = timer->clock;
    g_mutex_lock(&clock->mutex);
    if (timer->deadline != deadline_ns) {
        if (timer->deadline != TIMER_NEVER) {
            heap_remove(clock, timer);
        }
        if (deadline_ns != TIMER_NEVER) {
            heap_insert(clock, timer, deadline_ns);
            program(clock);
        }
    }
    g_mutex_unlock(&clock->mutex);
}

void timer_cancel(Timer *timer)
{
    timer_arm(timer, TIMER_NEVER);
}
