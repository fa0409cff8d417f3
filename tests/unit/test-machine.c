/*
 * A machine's life cycle and its vCPU threads, with a made-up architecture whose "guest code" is a C function
 * that counts until it is kicked.
 */
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "softmmu/lock.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

/*
 * The architecture and the engine.
 */

typedef struct ToyState {
    uint64_t steps; /* atomic; how often run() went around its loop */
    uint64_t wakes; /* atomic; how often run() was entered */
    bool pending;   /* atomic: an interrupt */
    bool wait;      /* atomic: halt at the next step */
    bool debug;     /* atomic: a breakpoint at the next step */
    bool mmio;      /* atomic: access the device at each step */
    bool exclusive; /* atomic: run an exclusive section at each step */
    unsigned resets;
} ToyState;

typedef struct Toy {
    unsigned inside;     /* atomic: vCPUs between entry and exit of run() */
    unsigned violations; /* atomic */
    unsigned sections;   /* atomic: exclusive sections run */
    unsigned inits, finis, boards;
} Toy;

static Toy toy;

static ToyState *toy_state(Machine *machine, unsigned n)
{
    return vcpu_state(machine->cpus[n]);
}

static bool flag(const bool *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void set_flag(bool *word, bool value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static bool toy_has_work(const Vcpu *vcpu)
{
    return flag(&((ToyState *)vcpu_state(vcpu))->pending);
}

static void toy_reset(Vcpu *vcpu)
{
    ToyState *state = vcpu_state(vcpu);
    g_assert_true(__atomic_load_n(&vcpu->stopped, __ATOMIC_SEQ_CST));
    state->resets++;
}

static const GuestArch toy_arch = {
    .name = "toy",
    .state_size = sizeof(ToyState),
    .has_work = toy_has_work,
    .reset = toy_reset,
};

/* Nobody else may be in run(). */
static void exclusive_section(void *data)
{
    unsigned expected = data ? 1 : 0; /* the caller, if it is a vCPU */
    for (unsigned i = 0; i < 50; i++) {
        if (__atomic_load_n(&toy.inside, __ATOMIC_SEQ_CST) > expected) {
            __atomic_add_fetch(&toy.violations, 1, __ATOMIC_SEQ_CST);
        }
    }
    __atomic_add_fetch(&toy.sections, 1, __ATOMIC_SEQ_CST);
}

/* As engines do: it counts as outside while it waits for its turn. */
static void toy_exclusive(Vcpu *vcpu)
{
    __atomic_sub_fetch(&toy.inside, 1, __ATOMIC_SEQ_CST);
    vcpus_run_exclusive(vcpu->machine, exclusive_section, NULL);
    __atomic_add_fetch(&toy.inside, 1, __ATOMIC_SEQ_CST);
}

static VcpuExit toy_run(Vcpu *vcpu)
{
    ToyState *state = vcpu_state(vcpu);
    VcpuExit reason = VCPU_EXIT_KICK;
    g_assert_true(vcpu_current() == vcpu && !machine_locked());
    __atomic_add_fetch(&toy.inside, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&state->wakes, 1, __ATOMIC_SEQ_CST);
    set_flag(&state->pending, false);
    while (!__atomic_load_n(&vcpu->kick, __ATOMIC_SEQ_CST)) {
        __atomic_add_fetch(&state->steps, 1, __ATOMIC_SEQ_CST);
        if (flag(&state->mmio)) {
            uint64_t value;
            memory_map_read(vcpu->machine->memory, 0x1000, &value, 4);
        }
        if (flag(&state->exclusive)) {
            toy_exclusive(vcpu);
        }
        if (flag(&state->debug)) {
            set_flag(&state->debug, false);
            reason = VCPU_EXIT_DEBUG;
            break;
        }
        if (flag(&state->wait)) {
            reason = VCPU_EXIT_HALT;
            break;
        }
    }
    __atomic_sub_fetch(&toy.inside, 1, __ATOMIC_SEQ_CST);
    return reason;
}

static bool toy_runner_init(Machine *machine, GError **error)
{
    g_assert_cmpuint(machine->ncpus, ==, 0);
    return true;
}

static bool toy_vcpu_init(Vcpu *vcpu, GError **error)
{
    toy.inits++;
    return true;
}

static void toy_vcpu_fini(Vcpu *vcpu)
{
    toy.finis++;
}

static const MachineRunner toy_runner = {
    .name = "TOY",
    .init = toy_runner_init,
    .vcpu_init = toy_vcpu_init,
    .run = toy_run,
    .vcpu_fini = toy_vcpu_fini,
};

/*
 * The board: a device at 0x1000 that notes its life.
 */

typedef struct ToyDevice {
    Device dev;
    uint64_t reads;
} ToyDevice;

static GString *events;

static void toy_device_reset(Device *dev)
{
    g_string_append_printf(events, "reset:%s ", dev->id);
}

static void toy_device_finalize(Device *dev)
{
    g_string_append_printf(events, "free:%s ", dev->id);
}

static uint64_t toy_device_read(Device *dev, uint64_t offset, unsigned size)
{
    g_assert_true(machine_locked());
    return ++((ToyDevice *)dev)->reads;
}

static const DeviceOps toy_device = {
    .name = "toy",
    .reset = toy_device_reset,
    .read = toy_device_read,
    .finalize = toy_device_finalize,
    .min_access = 4,
    .max_access = 4,
};

static bool toy_init(Machine *machine, GError **error)
{
    Device *first = device_new(machine, &toy_device, sizeof(ToyDevice), NULL);
    device_new(machine, &toy_device, sizeof(ToyDevice), NULL);
    device_new(machine, &toy_device, sizeof(ToyDevice), "mine");
    device_map_mmio(first, 0x1000, 0x1000);
    for (unsigned i = 0; i < machine->config.cpus; i++) {
        vcpu_new(machine, &toy_arch);
    }
    machine->board = g_new0(int, 1);
    toy.boards++;
    return !machine->config.kernel || error_set(error, "no kernel '%s'", machine->config.kernel);
}

static void toy_board_reset(Machine *machine)
{
    g_string_append(events, "board ");
}

static void toy_finalize(Machine *machine)
{
    toy.boards--;
}

static const MachineClass toy_class = {
    .name = "toy",
    .desc = "made up",
    .arch = &toy_arch,
    .max_cpus = 4,
    .default_ram = MIB,
    .default_cpu = "toy",
    .init = toy_init,
    .reset = toy_board_reset,
    .finalize = toy_finalize,
};

/* A machine with vCPU threads; started. */
static Machine *start_toy(unsigned cpus)
{
    GError *error = NULL;
    MachineConfig config = {.cpus = cpus};
    memset(&toy, 0, sizeof(toy));
    events = g_string_new(NULL);
    Machine *machine = machine_alloc(&toy_class, false);
    machine->runner = &toy_runner;
    g_assert_true(machine_init(machine, &config, &error) && machine_complete(machine, &error));
    machine_lock(machine);
    machine_start(machine);
    machine_unlock(machine);
    return machine;
}

static void end_toy(Machine *machine)
{
    unsigned cpus = machine->ncpus;
    machine_free(machine);
    g_assert_cmpuint(toy.inits, ==, cpus);
    g_assert_cmpuint(toy.finis, ==, cpus);
    g_assert_cmpuint(toy.boards, ==, 0);
    g_assert_cmpuint(toy.violations, ==, 0);
    g_string_free(events, true);
}

static uint64_t steps(Machine *machine, unsigned n)
{
    return __atomic_load_n(&toy_state(machine, n)->steps, __ATOMIC_SEQ_CST);
}

/* Waits until vCPU @n makes steps. */
static void wait_for_steps(Machine *machine, unsigned n)
{
    uint64_t before = steps(machine, n);
    for (unsigned ms = 0; ms < 5000 && steps(machine, n) < before + 2; ms++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(steps(machine, n), >, before);
}

static void wait_for_halt(Machine *machine, unsigned n)
{
    uint64_t before;
    unsigned tries = 0;
    do {
        before = steps(machine, n);
        g_usleep(5000);
    } while (steps(machine, n) != before && ++tries < 1000);
    g_assert_cmpuint(tries, <, 1000);
}

/*
 * Tests.
 */

static void test_new(void)
{
    GError *error = NULL;
    MachineConfig config = {.nserial = 0};
    memset(&toy, 0, sizeof(toy));
    events = g_string_new(NULL);
    Machine *machine = machine_new(&toy_class, &config, true, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(events->str, ==, "reset:toy@0 reset:toy@1 reset:mine board ");
    g_assert_cmpuint(machine->ncpus, ==, 1);
    g_assert_cmpuint(machine->config.ram_size, ==, MIB);
    g_assert_cmpstr(machine->config.cpu_model, ==, "toy");
    g_assert_true((uintptr_t)machine->cpus[0] % 64 == 0 &&
                  machine->cpus[0]->reserve_addr == RESERVE_NONE);
    g_assert_cmpuint(machine_mmio_read(machine, 0x1000, 4), ==, 1);
    /* Without runner, starting only moves the state. */
    machine_lock(machine);
    machine_start(machine);
    g_assert_true(machine->state == RUN_STATE_RUNNING);
    machine_stop(machine, RUN_STATE_PAUSED);
    machine_unlock(machine);
    g_string_truncate(events, 0);
    machine_free(machine);
    g_assert_cmpstr(events->str, ==, "free:mine free:toy@1 free:toy@0 ");

    config.cpus = 5;
    g_assert_null(machine_new(&toy_class, &config, true, &error));
    g_assert_cmpstr(error->message, ==,
                    "machine 'toy' has at most 4 CPUs, not 5; give a smaller number with -smp");
    g_clear_error(&error);
    config.cpus = 1;
    config.kernel = "x";
    g_assert_null(machine_new(&toy_class, &config, true, &error));
    g_assert_cmpstr(error->message, ==, "no kernel 'x'");
    g_clear_error(&error);
    g_string_free(events, true);
}

static void test_lock(void)
{
    Machine *machine = machine_alloc(&toy_class, true);
    g_assert_false(machine_locked());
    machine_lock(machine);
    machine_lock(machine);
    g_assert_true(machine_locked());
    unsigned depth = lock_suspend(&machine->lock);
    g_assert_cmpuint(depth, ==, 2);
    g_assert_false(machine_locked());
    lock_restore(&machine->lock, depth);
    machine_unlock(machine);
    g_assert_true(machine_locked());
    machine_unlock(machine);
    g_assert_false(machine_locked());
    machine_free(machine);
}

static void note_state(void *opaque, RunState state)
{
    g_string_append_printf(opaque, "%d ", state);
}

static void test_stop(void)
{
    Machine *machine = start_toy(3);
    GString *states = g_string_new(NULL);
    machine_add_state_listener(machine, note_state, states);
    set_flag(&toy_state(machine, 1)->mmio, true);
    for (unsigned round = 0; round < 50; round++) {
        wait_for_steps(machine, round % 3);
        machine_lock(machine);
        machine_stop(machine, RUN_STATE_PAUSED);
        g_assert_cmpuint(toy.inside, ==, 0);
        for (unsigned i = 0; i < 3; i++) {
            g_assert_true(machine->cpus[i]->stopped);
        }
        int64_t now = clock_now(machine->clock);
        uint64_t before = steps(machine, 0);
        g_usleep(100);
        g_assert_cmpuint(steps(machine, 0), ==, before);
        g_assert_cmpint(clock_now(machine->clock), ==, now);
        machine_start(machine);
        machine_unlock(machine);
        if (round == 0) {
            g_assert_cmpstr(states->str, ==, "2 1 ");
        }
    }
    g_string_free(states, true);
    end_toy(machine);
}

static void test_halt(void)
{
    Machine *machine = start_toy(2);
    ToyState *state = toy_state(machine, 0);
    wait_for_steps(machine, 0);
    set_flag(&state->wait, true);
    wait_for_halt(machine, 0);
    wait_for_steps(machine, 1);
    uint64_t wakes = __atomic_load_n(&state->wakes, __ATOMIC_SEQ_CST);

    /* A kick without an interrupt does not wake it; an interrupt does, each time. */
    vcpu_kick(machine->cpus[0]);
    g_usleep(10000);
    g_assert_cmpuint(state->wakes, ==, wakes);
    for (unsigned i = 1; i <= 1000; i++) {
        set_flag(&state->pending, true);
        vcpu_kick(machine->cpus[0]);
        for (unsigned n = 0;
             n < 500000 && __atomic_load_n(&state->wakes, __ATOMIC_SEQ_CST) == wakes; n++) {
            g_usleep(10);
        }
        g_assert_cmpuint(state->wakes, ==, wakes + 1);
        wakes = state->wakes;
    }
    /* Stopping and starting leaves it asleep. */
    machine_lock(machine);
    machine_stop(machine, RUN_STATE_PAUSED);
    g_assert_true(machine->cpus[0]->halted);
    machine_start(machine);
    machine_unlock(machine);
    wait_for_steps(machine, 1);
    g_assert_cmpuint(state->wakes, ==, wakes);
    end_toy(machine);
}

static void test_debug_exit(void)
{
    Machine *machine = start_toy(2);
    set_flag(&toy_state(machine, 1)->debug, true);
    for (unsigned ms = 0; ms < 5000; ms++) {
        machine_lock(machine);
        RunState state = machine->state;
        machine_unlock(machine);
        if (state == RUN_STATE_PAUSED) {
            break;
        }
        g_usleep(1000);
    }
    wait_for_halt(machine, 0);
    wait_for_halt(machine, 1);
    machine_lock(machine);
    g_assert_true(machine->state == RUN_STATE_PAUSED);
    machine_start(machine);
    machine_unlock(machine);
    wait_for_steps(machine, 1);
    end_toy(machine);
}

static void work_item(Vcpu *vcpu, void *data)
{
    g_assert_true(vcpu_current() == vcpu);
    __atomic_add_fetch((unsigned *)data, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_count(const unsigned *count, unsigned n)
{
    for (unsigned ms = 0; ms < 5000 && __atomic_load_n(count, __ATOMIC_SEQ_CST) < n; ms++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(__atomic_load_n(count, __ATOMIC_SEQ_CST), ==, n);
}

static void test_run_on(void)
{
    Machine *machine = start_toy(2);
    unsigned count = 0;
    wait_for_steps(machine, 0);
    for (unsigned i = 0; i < 100; i++) {
        vcpu_run_on(machine->cpus[i % 2], work_item, &count);
    }
    wait_for_count(&count, 100);
    /* Of a halted vCPU, which stays halted, and of a stopped one. */
    set_flag(&toy_state(machine, 0)->wait, true);
    wait_for_halt(machine, 0);
    uint64_t wakes = toy_state(machine, 0)->wakes;
    vcpu_run_on(machine->cpus[0], work_item, &count);
    wait_for_count(&count, 101);
    machine_lock(machine);
    machine_stop(machine, RUN_STATE_PAUSED);
    machine_unlock(machine);
    vcpu_run_on(machine->cpus[1], work_item, &count);
    wait_for_count(&count, 102);
    g_assert_cmpuint(toy_state(machine, 0)->wakes, ==, wakes);
    end_toy(machine);
}

static void nested_section(void *data)
{
    vcpus_run_exclusive(data, exclusive_section, NULL);
}

/* Exclusive sections from all vCPUs and the main thread at once, under stops and device accesses. */
static void test_exclusive(void)
{
    Machine *machine = start_toy(3);
    for (unsigned i = 0; i < 3; i++) {
        set_flag(&toy_state(machine, i)->exclusive, i != 2);
        set_flag(&toy_state(machine, i)->mmio, true);
    }
    for (unsigned round = 0; round < 200; round++) {
        machine_lock(machine);
        vcpus_run_exclusive(machine, exclusive_section, NULL);
        g_assert_true(machine_locked());
        if (round % 10 == 0) {
            machine_stop(machine, RUN_STATE_PAUSED);
            g_assert_cmpuint(toy.inside, ==, 0);
            vcpus_run_exclusive(machine, exclusive_section, NULL);
            machine_start(machine);
        }
        machine_unlock(machine);
        vcpus_run_exclusive(machine, nested_section, machine);
    }
    g_assert_cmpuint(__atomic_load_n(&toy.sections, __ATOMIC_SEQ_CST), >, 400);
    for (unsigned i = 0; i < 3; i++) {
        wait_for_steps(machine, i);
    }
    end_toy(machine);
}

/*
 * The main loop.
 */

static gpointer request_thread(gpointer data)
{
    Machine *machine = data;
    g_usleep(5000);
    machine_request_reset(machine);
    machine_request_reset(machine);
    for (unsigned ms = 0; ms < 5000; ms++) {
        machine_lock(machine);
        unsigned resets = toy_state(machine, 0)->resets;
        machine_unlock(machine);
        if (resets >= 2) {
            break;
        }
        g_usleep(1000);
    }
    machine_request_shutdown(machine, 7);
    machine_request_shutdown(machine, 8);
    return NULL;
}

static void test_main_loop(void)
{
    Machine *machine = start_toy(2);
    set_flag(&toy_state(machine, 0)->mmio, true);
    GThread *thread = g_thread_new("requests", request_thread, machine);
    g_assert_cmpint(machine_main_loop(machine), ==, 7);
    g_thread_join(thread);
    g_assert_cmpuint(toy_state(machine, 1)->resets, >=, 2);
    g_assert_nonnull(strstr(events->str, "board reset:toy@0 reset:toy@1 reset:mine board "));
    g_assert_cmpuint(toy.inside, ==, 0);
    end_toy(machine);
}

static void test_no_reboot(void)
{
    Machine *machine = start_toy(1);
    machine->config.no_reboot = true;
    machine_request_reset(machine);
    g_assert_cmpint(machine_main_loop(machine), ==, 0);
    g_assert_cmpuint(toy_state(machine, 0)->resets, ==, 1);
    end_toy(machine);
}

static gboolean check_and_quit(gpointer data)
{
    Machine *machine = data;
    g_assert_true(machine_locked());
    if (machine->state == RUN_STATE_SHUTDOWN) {
        machine_request_quit(machine, 3);
    }
    return G_SOURCE_CONTINUE;
}

static void test_no_shutdown(void)
{
    Machine *machine = start_toy(1);
    machine->config.no_shutdown = true;
    machine_request_shutdown(machine, 9);
    GSource *source = g_timeout_source_new(1);
    g_source_set_callback(source, check_and_quit, machine, NULL);
    g_source_attach(source, machine->context);
    g_assert_cmpint(machine_main_loop(machine), ==, 3);
    g_source_destroy(source);
    g_source_unref(source);
    end_toy(machine);
}

static gboolean send_signal(gpointer data)
{
    kill(getpid(), SIGTERM);
    return G_SOURCE_REMOVE;
}

static void test_signal(void)
{
    Machine *machine = start_toy(1);
    GSource *source = g_timeout_source_new(1);
    g_source_set_callback(source, send_signal, NULL, NULL);
    g_source_attach(source, machine->context);
    g_source_unref(source);
    g_assert_cmpint(machine_main_loop(machine), ==, 0);
    end_toy(machine);
}

/* Timers fire in the main loop with the lock held, and may use devices. */
static void timer_reads(void *opaque)
{
    Machine *machine = opaque;
    g_assert_true(machine_locked());
    machine_mmio_read(machine, 0x1000, 4);
    machine_request_quit(machine, 0);
}

static void test_timer(void)
{
    Machine *machine = start_toy(1);
    Timer timer;
    timer_init(&timer, machine->clock, timer_reads, machine);
    timer_arm(&timer, clock_now(machine->clock) + 2000000);
    g_assert_cmpint(machine_main_loop(machine), ==, 0);
    g_assert_false(timer_armed(&timer));
    end_toy(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/new", test_new);
    g_test_add_func("/machine/lock", test_lock);
    g_test_add_func("/cpus/stop", test_stop);
    g_test_add_func("/cpus/halt", test_halt);
    g_test_add_func("/cpus/debug-exit", test_debug_exit);
    g_test_add_func("/cpus/run-on", test_run_on);
    g_test_add_func("/cpus/exclusive", test_exclusive);
    g_test_add_func("/machine/main-loop", test_main_loop);
    g_test_add_func("/machine/no-reboot", test_no_reboot);
    g_test_add_func("/machine/no-shutdown", test_no_shutdown);
    g_test_add_func("/machine/signal", test_signal);
    g_test_add_func("/machine/timer", test_timer);
    return g_test_run();
}
