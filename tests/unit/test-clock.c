/*
 * Virtual time and timers, stepped and in real time.
 */
#include "softmmu/clock.h"
#include "softmmu/lock.h"

typedef struct Note {
    Timer timer;
    GString *log;
    char name;
    int64_t again; /* arms itself again after so many ns */
    unsigned fired;
    int64_t at;
} Note;

static void note_fire(void *opaque)
{
    Note *note = opaque;
    note->fired++;
    note->at = clock_now(note->timer.clock);
    if (note->log) {
        g_string_append_printf(note->log, "%c%d ", note->name, (int)note->at);
    }
    if (note->again) {
        timer_arm(&note->timer, note->at + note->again);
    }
}

static void note_init(Note *note, Clock *clock, GString *log, char name)
{
    *note = (Note){.log = log, .name = name};
    timer_init(&note->timer, clock, note_fire, note);
}

static void test_stepped(void)
{
    Clock *clock = clock_new(NULL, NULL, true);
    GString *log = g_string_new(NULL);
    Note a, b, c;
    note_init(&a, clock, log, 'a');
    note_init(&b, clock, log, 'b');
    note_init(&c, clock, log, 'c');
    c.again = 30;
    g_assert_cmpint(clock_now(clock), ==, 0);
    timer_arm(&a.timer, 50);
    timer_arm(&b.timer, 20);
    timer_arm(&c.timer, 30);
    clock_step(clock, 10);
    g_assert_cmpint(clock_now(clock), ==, 10);
    g_assert_cmpstr(log->str, ==, "");
    clock_step(clock, 50);
    g_assert_cmpstr(log->str, ==, "b20 c30 a50 c60 ");
    g_assert_false(timer_armed(&a.timer));
    g_assert_true(timer_armed(&c.timer));
    timer_cancel(&c.timer);
    timer_cancel(&c.timer);
    g_assert_false(timer_armed(&c.timer));
    timer_arm(&a.timer, 100);
    timer_arm(&a.timer, 70); /* moved */
    timer_arm(&b.timer, 5);  /* long due */
    clock_step(clock, 0);
    clock_step(clock, 1000);
    g_assert_cmpstr(log->str, ==, "b20 c30 a50 c60 b60 a70 ");
    clock_set(clock, 5000);
    g_assert_cmpint(clock_now(clock), ==, 5000);
    g_string_free(log, true);
    clock_free(clock);
}

/* Many timers, armed, moved and cancelled at random, fire in order of deadline. */
static void test_heap(void)
{
    enum { TIMERS = 100 };
    GRand *rand = g_rand_new_with_seed(3);
    for (unsigned round = 0; round < 50; round++) {
        Clock *clock = clock_new(NULL, NULL, true);
        Note notes[TIMERS];
        int64_t deadline[TIMERS];
        for (unsigned i = 0; i < TIMERS; i++) {
            note_init(&notes[i], clock, NULL, 0);
            deadline[i] = TIMER_NEVER;
        }
        for (unsigned n = 0; n < 500; n++) {
            unsigned i = g_rand_int_range(rand, 0, TIMERS);
            deadline[i] =
                g_rand_int_range(rand, 0, 4) ? g_rand_int_range(rand, 1, 1000) : TIMER_NEVER;
            timer_arm(&notes[i].timer, deadline[i]);
        }
        clock_step(clock, 2000);
        for (unsigned i = 0; i < TIMERS; i++) {
            g_assert_cmpuint(notes[i].fired, ==, deadline[i] != TIMER_NEVER);
            g_assert_true(!notes[i].fired || notes[i].at == deadline[i]);
        }
        clock_free(clock);
    }
    g_rand_free(rand);
}

/* Runs the loop until @note fired @n times or a second has passed. */
static void run_until(GMainContext *context, const Note *note, unsigned n)
{
    int64_t end = g_get_monotonic_time() + G_USEC_PER_SEC;
    while (note->fired < n && g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(context, false)) {
            g_usleep(200);
        }
    }
}

static void test_real(void)
{
    GMutex lock;
    g_mutex_init(&lock);
    GMainContext *context = g_main_context_new();
    Clock *clock = clock_new(context, &lock, false);
    Note a, b;
    note_init(&a, clock, NULL, 'a');
    note_init(&b, clock, NULL, 'b');

    /* Time stands still until it is started, and so do timers. */
    timer_arm(&a.timer, 1000000);
    int64_t before = clock_now(clock);
    g_usleep(3000);
    g_assert_cmpint(clock_now(clock), ==, before);
    g_main_context_iteration(context, false);
    g_assert_cmpuint(a.fired, ==, 0);

    clock_start(clock);
    run_until(context, &a, 1);
    g_assert_cmpuint(a.fired, ==, 1);
    g_assert_cmpint(a.at, >=, 1000000);

    /* An earlier timer than the one armed; and one moved back and forth. */
    int64_t now = clock_now(clock);
    timer_arm(&a.timer, now + 500 * NS_PER_SECOND);
    timer_arm(&b.timer, now + 2000000);
    timer_arm(&b.timer, now + 4000000);
    run_until(context, &b, 1);
    g_assert_cmpuint(b.fired, ==, 1);
    g_assert_cmpint(b.at, >=, now + 4000000);
    g_assert_cmpuint(a.fired, ==, 1);

    /* Periodic. */
    b.again = 300000;
    timer_arm(&b.timer, clock_now(clock));
    run_until(context, &b, 6);
    g_assert_cmpuint(b.fired, >=, 6);

    clock_stop(clock);
    now = clock_now(clock);
    g_usleep(2000);
    g_main_context_iteration(context, false);
    g_assert_cmpint(clock_now(clock), ==, now);
    clock_set(clock, 42);
    g_assert_cmpint(clock_now(clock), ==, 42);
    clock_start(clock);
    g_assert_cmpint(clock_now(clock), <, NS_PER_SECOND);
    timer_cancel(&a.timer);
    timer_cancel(&b.timer);
    clock_free(clock);
    g_main_context_unref(context);
    g_mutex_clear(&lock);
}

typedef struct Arming {
    Clock *clock;
    Note note;
    bool stop;
} Arming;

static gpointer arm_thread(gpointer data)
{
    Arming *arming = data;
    int64_t last = 0;
    while (!__atomic_load_n(&arming->stop, __ATOMIC_RELAXED)) {
        int64_t now = clock_now(arming->clock);
        g_assert_cmpint(now, >=, last);
        last = now;
        timer_arm(&arming->note.timer, now + 20000);
        timer_cancel(&arming->note.timer);
        timer_arm(&arming->note.timer, now + 100000);
    }
    return NULL;
}

/* Arming on other threads while the loop fires and the clock stops and starts; time never goes back. */
static void test_threads(void)
{
    GMainContext *context = g_main_context_new();
    GMutex lock;
    g_mutex_init(&lock);
    Clock *clock = clock_new(context, &lock, false);
    Arming arming[2] = {{.clock = clock}, {.clock = clock}};
    GThread *threads[2];
    clock_start(clock);
    for (unsigned i = 0; i < 2; i++) {
        note_init(&arming[i].note, clock, NULL, 'x');
        threads[i] = g_thread_new("arm", arm_thread, &arming[i]);
    }
    int64_t end = g_get_monotonic_time() + G_USEC_PER_SEC / 2;
    for (unsigned n = 0; g_get_monotonic_time() < end; n++) {
        g_main_context_iteration(context, false);
        if (n % 64 == 0) {
            clock_stop(clock);
            clock_start(clock);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        __atomic_store_n(&arming[i].stop, true, __ATOMIC_RELAXED);
        g_thread_join(threads[i]);
        timer_cancel(&arming[i].note.timer);
    }
    clock_free(clock);
    g_main_context_unref(context);
    g_mutex_clear(&lock);
}

static void test_muldiv(void)
{
    g_assert_cmpuint(muldiv64(UINT64_MAX, 10000000, 1000000000), ==, UINT64_MAX / 100);
    g_assert_cmpuint(muldiv64(7, 3, 2), ==, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock/stepped", test_stepped);
    g_test_add_func("/clock/heap", test_heap);
    g_test_add_func("/clock/real", test_real);
    g_test_add_func("/clock/threads", test_threads);
    g_test_add_func("/clock/muldiv", test_muldiv);
    return g_test_run();
}
