/*
 * vCPU threads: see cpus.h for the protocol.
 *
 * Everything here is guarded by Cpus.mutex, except vcpu->kick and VcpuThread.sleeping, by which vcpu_kick()
 * gets by without it: the kicker sets `kick` and then looks at `sleeping`, the thread sets `sleeping` and
 * then looks at `kick`, so at least one of them sees the other. A thread sleeps on that word itself, so whoever
 * wakes it holds nothing that it needs next.
 */
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include "softmmu/profile.h"
#include "softmmu/base/log.h"
#include "softmmu/lock.h"
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct Cpus Cpus;

typedef struct WorkItem {
    void (*fn)(Vcpu *vcpu, void *data);
    void *data;
} WorkItem;

typedef struct VcpuThread {
    Cpus *cpus;
    Vcpu *vcpu;
    GThread *thread;
    pid_t tid;     /* 0 until it has started */
    bool sleeping; /* atomic: until vcpu->kick is set */
    bool busy;     /* in run() or in a work item */
    bool parked;
    unsigned waits; /* made for vcpu->awaits */
    bool ran;       /* guest code since it last waited for a vCPU that it has interrupted */
    GQueue work;    /* of WorkItem */
} VcpuThread;

struct Cpus {
    Machine *machine;
    GMutex mutex;
    GCond changed; /* a thread stopped being busy or parked; an exclusive section ended */
    bool paused, quit;
    bool crowded;       /* more vCPUs than processors of the host */
    GThread *exclusive; /* who runs, or waits to run, alone; NULL: nobody */
    unsigned busy;      /* threads that are */
    unsigned n;
    VcpuThread threads[MACHINE_MAX_CPUS];
};

static __thread VcpuThread *current_thread;

Vcpu *vcpu_current(void)
{
    return current_thread ? current_thread->vcpu : NULL;
}

int vcpu_thread_id(const Vcpu *vcpu)
{
    VcpuThread *thread = vcpu->thread;
    if (!thread) {
        return 0;
    }
    g_mutex_lock(&thread->cpus->mutex);
    while (!thread->tid) { /* it is about to start */
        g_cond_wait(&thread->cpus->changed, &thread->cpus->mutex);
    }
    pid_t tid = thread->tid;
    g_mutex_unlock(&thread->cpus->mutex);
    return tid;
}

/*
 * Kicking and sleeping.
 */

void vcpu_kick(Vcpu *vcpu)
{
    const VcpuThread *thread = vcpu->thread;
    if (__atomic_exchange_n(&vcpu->kick, 1, __ATOMIC_SEQ_CST) || !thread) {
        return;
    }
    if (__atomic_load_n(&thread->sleeping, __ATOMIC_SEQ_CST)) {
        syscall(SYS_futex, &vcpu->kick, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        return;
    }
    const MachineRunner *runner = vcpu->machine->runner;
    if (runner && runner->kick) {
        runner->kick(vcpu);
    }
}

/* With the mutex held. */
static void kick_all_locked(Cpus *cpus)
{
    for (unsigned i = 0; i < cpus->n; i++) {
        vcpu_kick(cpus->threads[i].vcpu);
    }
}

static bool is_kicked(const Vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->kick, __ATOMIC_SEQ_CST);
}

/* Sleeps until the next kick, but for @us microseconds at most (0: no limit); not at all if there was one since the
 * word was cleared. Mutex held, but not while asleep. */
static void sleep_locked(VcpuThread *thread, unsigned us)
{
    int64_t end = g_get_monotonic_time() + us;
    const struct timespec until = {end / G_USEC_PER_SEC, end % G_USEC_PER_SEC * 1000};
    bool timed_out = false;

    g_mutex_unlock(&thread->cpus->mutex);
    __atomic_store_n(&thread->sleeping, true, __ATOMIC_SEQ_CST);
    while (!is_kicked(thread->vcpu) && !timed_out) {
        timed_out = syscall(SYS_futex, &thread->vcpu->kick, FUTEX_WAIT_BITSET_PRIVATE, 0,
                            us ? &until : NULL, NULL, FUTEX_BITSET_MATCH_ANY) < 0 &&
                    errno == ETIMEDOUT;
    }
    __atomic_store_n(&thread->sleeping, false, __ATOMIC_SEQ_CST);
    g_mutex_lock(&thread->cpus->mutex);
}

/* The same without limit: idle time, but for a machine that is stopped. */
static void idle_locked(VcpuThread *thread)
{
    uint64_t begin = thread->cpus->paused ? 0 : profile_begin();

    sleep_locked(thread, 0);
    profile_end(&thread->vcpu->times.idle, begin);
}

/*
 * A vCPU that interrupts another may go on to wait for it in a loop, as OpenSBI does for remote fences. Where the
 * host has fewer processors, the other's thread may be waiting for its turn. It notices within some us if it runs;
 * if not, this thread's turn is better spent on the others, until the other vCPU has returned from its handler. It may
 * lose its turn in there, too, so a vCPU that is still in its own handler when it leaves translated code the next time
 * sleeps again; but not for ever, as it may never return from there.
 */
#define NOTICE_LOOKS 1500   /* with a pause each: some tens of us */
#define HANDLED_MAX_US 3000 /* asleep, for no longer than this */
#define HANDLED_WAITS 4     /* the last one is followed by no other */

void vcpu_await_handled(Vcpu *other)
{
    VcpuThread *thread = current_thread;

    if (thread && thread->vcpu != other && thread->cpus->crowded) {
        thread->vcpu->awaits = other;
        thread->waits = 0;
        vcpu_kick_self(thread->vcpu);
    }
}

/* Mutex held, but not while waiting. */
static void await_handled_locked(VcpuThread *thread)
{
    Vcpu *self = thread->vcpu, *other = self->awaits;
    uint32_t bit = 1u << self->index;
    bool again = thread->waits++ > 0;

    thread->ran = false;
    g_mutex_unlock(&thread->cpus->mutex);
    for (unsigned i = 0; !again && i < NOTICE_LOOKS && is_kicked(other); i++) {
        __builtin_ia32_pause();
    }
    __atomic_fetch_or(&other->awaited_by, bit, __ATOMIC_SEQ_CST);
    g_mutex_lock(&thread->cpus->mutex);
    if (again || is_kicked(other)) {
        sleep_locked(thread, HANDLED_MAX_US);
    }
    __atomic_fetch_and(&other->awaited_by, ~bit, __ATOMIC_SEQ_CST);
    if (thread->waits == HANDLED_WAITS) {
        self->awaits = NULL;
    }
}

void vcpu_tell_handled(Vcpu *vcpu)
{
    uint32_t by = __atomic_exchange_n(&vcpu->awaited_by, 0, __ATOMIC_SEQ_CST);

    vcpu->awaits = NULL;
    for (; by; by &= by - 1) {
        vcpu_kick(vcpu->machine->cpus[__builtin_ctz(by)]);
    }
}

static void set_busy_locked(VcpuThread *thread, bool busy)
{
    Cpus *cpus = thread->cpus;

    thread->busy = busy;
    if (busy) {
        cpus->busy++;
    } else if (--cpus->busy == 0 && cpus->exclusive) { /* somebody waits for that */
        g_cond_broadcast(&cpus->changed);
    }
}

static void set_parked_locked(VcpuThread *thread, bool parked)
{
    thread->parked = parked;
    __atomic_store_n(&thread->vcpu->stopped, parked, __ATOMIC_RELEASE);
    if (parked) {
        g_cond_broadcast(&thread->cpus->changed);
    }
}

/*
 * The thread.
 */

static void stop_machine(Vcpu *vcpu, RunState why)
{
    machine_lock(vcpu->machine);
    machine_stop(vcpu->machine, why);
    machine_unlock(vcpu->machine);
}

/* Runs guest code until something concerns this thread. Without the mutex. */
static void run_guest(Vcpu *vcpu)
{
    const MachineRunner *runner = vcpu->machine->runner;
    bool step = vcpu->debug_run == DEBUG_RUN_STEP && runner->step;
    VcpuExit reason;
    do {
        reason = step ? runner->step(vcpu) : runner->run(vcpu);
    } while ((reason == VCPU_EXIT_EXCEPTION || reason == VCPU_EXIT_BUDGET) &&
             !__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED));

    switch (reason) {
    case VCPU_EXIT_KICK:
    case VCPU_EXIT_BUDGET:
    case VCPU_EXIT_EXCEPTION: break;
    case VCPU_EXIT_HALT: vcpu->halted = true; break;
    case VCPU_EXIT_DEBUG:
        debug_note(vcpu, step ? DEBUG_WHY_STEP : DEBUG_WHY_BREAK, 0, 0); /* unless that is done */
        stop_machine(vcpu, RUN_STATE_PAUSED);
        break;
    case VCPU_EXIT_CANNOT_RUN:
        g_printerr("amphi: no engine can run CPU %u's code at 0x%" G_GINT64_MODIFIER
                   "x; the machine is stopped\n",
                   vcpu->index, vcpu->arch->get_pc(vcpu));
        stop_machine(vcpu, RUN_STATE_INTERNAL_ERROR);
        break;
    }
}

/* State as others may see it: before parking and before work. Mutex held, but not during that. */
static void sync_locked(VcpuThread *thread)
{
    const MachineRunner *runner = thread->vcpu->machine->runner;

    if (runner->sync) {
        g_mutex_unlock(&thread->cpus->mutex);
        runner->sync(thread->vcpu);
        g_mutex_lock(&thread->cpus->mutex);
    }
}

/* Runs the queued work. Mutex held, but not during the work. */
static void run_work_locked(VcpuThread *thread)
{
    set_busy_locked(thread, true);
    WorkItem *item;
    sync_locked(thread);
    while ((item = g_queue_pop_head(&thread->work)) != NULL) {
        g_mutex_unlock(&thread->cpus->mutex);
        item->fn(thread->vcpu, item->data);
        g_free(item);
        g_mutex_lock(&thread->cpus->mutex);
    }
    set_busy_locked(thread, false);
}

/* A step ends a wait for interrupts, which may end at any time. */
static bool may_run(const Vcpu *vcpu)
{
    return vcpu->debug_run == DEBUG_RUN_STEP ||
           (vcpu->debug_run == DEBUG_RUN_FREE && (!vcpu->halted || vcpu->arch->has_work(vcpu)));
}

/* Does the next thing that is due, or sleeps. Mutex held, but not during what takes long. */
static void thread_step_locked(VcpuThread *thread)
{
    Cpus *cpus = thread->cpus;
    Vcpu *vcpu = thread->vcpu;

    if (cpus->paused && !thread->parked) {
        sync_locked(thread);
    }
    if (thread->parked != cpus->paused) {
        set_parked_locked(thread, cpus->paused);
    }
    if (cpus->exclusive) {
        idle_locked(thread);
    } else if (!g_queue_is_empty(&thread->work)) {
        run_work_locked(thread);
    } else if (cpus->paused || !may_run(vcpu)) {
        idle_locked(thread);
    } else if (vcpu->nap_us) {
        unsigned us = vcpu->nap_us;
        vcpu->nap_us = 0;
        sleep_locked(thread, us);
    } else if (vcpu->awaits && thread->ran) {
        await_handled_locked(thread);
    } else {
        vcpu->halted = false;
        set_busy_locked(thread, true);
        g_mutex_unlock(&cpus->mutex);
        uint64_t begin = profile_begin();
        run_guest(vcpu);
        profile_end(&vcpu->times.run, begin);
        thread->ran = true;
        g_mutex_lock(&cpus->mutex);
        if (cpus->exclusive) { /* who waits for this vCPU may look at it */
            sync_locked(thread);
        }
        set_busy_locked(thread, false);
    }
}

static gpointer thread_main(gpointer data)
{
    VcpuThread *thread = data;
    current_thread = thread;
    g_mutex_lock(&thread->cpus->mutex);
    thread->tid = gettid();
    g_cond_broadcast(&thread->cpus->changed);
    for (;;) {
        /* Before looking for what there is to do: a kick from here on means another look. */
        __atomic_store_n(&thread->vcpu->kick, 0, __ATOMIC_SEQ_CST);
        if (thread->cpus->quit) {
            break;
        }
        thread_step_locked(thread);
    }
    set_parked_locked(thread, true);
    g_mutex_unlock(&thread->cpus->mutex);
    current_thread = NULL;
    return NULL;
}

/*
 * All threads.
 */

/* Starts @thread with all signals blocked: they are the main thread's. */
static bool thread_start(VcpuThread *thread, Cpus *cpus, Vcpu *vcpu)
{
    sigset_t all, old;
    char *name = g_strdup_printf("CPU %u/%s", vcpu->index, cpus->machine->runner->name);
    thread->cpus = cpus;
    thread->vcpu = vcpu;
    thread->parked = true;
    g_queue_init(&thread->work);
    __atomic_store_n(&vcpu->stopped, true, __ATOMIC_RELEASE);
    vcpu->thread = thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    thread->thread = g_thread_try_new(name, thread_main, thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    g_free(name);
    return thread->thread != NULL;
}

bool cpus_start_threads(Machine *machine)
{
    if (!machine->runner || machine->cpu_threads) {
        return true;
    }
    Cpus *cpus = g_new0(Cpus, 1);
    cpus->machine = machine;
    cpus->paused = true;
    cpus->crowded = machine->ncpus > g_get_num_processors();
    g_mutex_init(&cpus->mutex);
    g_cond_init(&cpus->changed);
    machine->cpu_threads = cpus;
    for (unsigned i = 0; i < machine->ncpus; i++) {
        cpus->n = i + 1;
        if (!thread_start(&cpus->threads[i], cpus, machine->cpus[i])) {
            g_printerr("amphi: the host refuses another thread (see ulimit -u); cannot run\n");
            cpus_stop_threads(machine);
            return false;
        }
    }
    return true;
}

void cpus_stop_threads(Machine *machine)
{
    Cpus *cpus = machine->cpu_threads;
    if (!cpus) {
        return;
    }
    if (machine->runner->stop) {
        machine->runner->stop(machine);
    }
    g_mutex_lock(&cpus->mutex);
    cpus->quit = true;
    kick_all_locked(cpus);
    g_mutex_unlock(&cpus->mutex);
    unsigned depth = lock_suspend(&machine->lock);
    for (unsigned i = 0; i < cpus->n; i++) {
        if (cpus->threads[i].thread) {
            g_thread_join(cpus->threads[i].thread);
        }
    }
    lock_restore(&machine->lock, depth);
    for (unsigned i = 0; i < cpus->n; i++) {
        VcpuThread *thread = &cpus->threads[i];
        thread->vcpu->thread = NULL;
        g_queue_clear_full(&thread->work, g_free);
    }
    machine->cpu_threads = NULL;
    g_cond_clear(&cpus->changed);
    g_mutex_clear(&cpus->mutex);
    g_free(cpus);
}

void cpus_resume(Machine *machine)
{
    Cpus *cpus = machine->cpu_threads;
    if (cpus) {
        g_mutex_lock(&cpus->mutex);
        cpus->paused = false;
        kick_all_locked(cpus);
        g_cond_broadcast(&cpus->changed);
        g_mutex_unlock(&cpus->mutex);
    }
}

static bool all_parked_locked(const Cpus *cpus)
{
    for (unsigned i = 0; i < cpus->n; i++) {
        if (!cpus->threads[i].parked) {
            return false;
        }
    }
    return true;
}

void cpus_pause(Machine *machine)
{
    Cpus *cpus = machine->cpu_threads;
    if (!cpus) {
        return;
    }
    g_mutex_lock(&cpus->mutex);
    cpus->paused = true;
    kick_all_locked(cpus);
    if (current_thread) {
        g_mutex_unlock(&cpus->mutex);
        return;
    }
    /* They may need the machine lock to get to their next exit. */
    unsigned depth = lock_suspend(&machine->lock);
    while (cpus->paused && !all_parked_locked(cpus)) {
        g_cond_wait(&cpus->changed, &cpus->mutex);
    }
    g_mutex_unlock(&cpus->mutex);
    lock_restore(&machine->lock, depth);
}

void vcpu_run_on(Vcpu *vcpu, void (*fn)(Vcpu *vcpu, void *data), void *data)
{
    VcpuThread *thread = vcpu->thread;
    if (!thread) {
        fn(vcpu, data);
        return;
    }
    WorkItem *item = g_new(WorkItem, 1);
    *item = (WorkItem){fn, data};
    g_mutex_lock(&thread->cpus->mutex);
    g_queue_push_tail(&thread->work, item);
    g_mutex_unlock(&thread->cpus->mutex);
    vcpu_kick(vcpu);
}

/* Waits for the turn of this thread and then until no vCPU is busy. Mutex held. */
static void exclusive_begin_locked(Cpus *cpus)
{
    while (cpus->exclusive) {
        g_cond_wait(&cpus->changed, &cpus->mutex);
    }
    cpus->exclusive = g_thread_self();
    for (unsigned i = 0; i < cpus->n; i++) {
        if (cpus->threads[i].busy) {
            vcpu_kick(cpus->threads[i].vcpu);
        }
    }
    while (cpus->busy) {
        g_cond_wait(&cpus->changed, &cpus->mutex);
    }
}

static void exclusive_end_locked(Cpus *cpus)
{
    cpus->exclusive = NULL;
    kick_all_locked(cpus);
    g_cond_broadcast(&cpus->changed);
}

/* State of the vCPUs that sleep: those that ran have brought theirs home. Nothing runs. */
static void sync_sleepers(Cpus *cpus)
{
    const MachineRunner *runner = cpus->machine->runner;

    for (unsigned i = 0; runner->sync && i < cpus->n; i++) {
        runner->sync(cpus->threads[i].vcpu);
    }
}

void vcpus_run_exclusive(Machine *machine, void (*fn)(void *data), void *data)
{
    Cpus *cpus = machine->cpu_threads;
    if (!cpus) {
        fn(data);
        return;
    }
    VcpuThread *self = current_thread;
    g_mutex_lock(&cpus->mutex);
    if (cpus->exclusive == g_thread_self()) {
        g_mutex_unlock(&cpus->mutex);
        fn(data);
        return;
    }
    unsigned depth = lock_suspend(&machine->lock);
    bool was_busy = self && self->busy;
    if (was_busy) {
        set_busy_locked(self, false);
    }
    exclusive_begin_locked(cpus);
    g_mutex_unlock(&cpus->mutex);

    sync_sleepers(cpus);
    fn(data);

    g_mutex_lock(&cpus->mutex);
    exclusive_end_locked(cpus);
    if (was_busy) {
        while (cpus->exclusive) {
            g_cond_wait(&cpus->changed, &cpus->mutex);
        }
        set_busy_locked(self, true);
    }
    g_mutex_unlock(&cpus->mutex);
    lock_restore(&machine->lock, depth);
}

/*
 * vCPUs.
 */

Vcpu *vcpu_new(Machine *machine, const GuestArch *arch)
{
    g_return_val_if_fail(machine->ncpus < MACHINE_MAX_CPUS, NULL);
    size_t size = align_up(VCPU_STATE_OFFSET + arch->state_size, 64);
    Vcpu *vcpu = aligned_alloc(64, size);
    if (!vcpu) {
        g_error("out of memory"); /* as GLib's allocators do */
    }
    memset(vcpu, 0, size);
    vcpu->arch = arch;
    vcpu->machine = machine;
    vcpu->index = machine->ncpus;
    vcpu->stopped = true;
    vcpu->reserve_addr = RESERVE_NONE;
    machine->cpus[machine->ncpus++] = vcpu;
    return vcpu;
}

void vcpu_free(Vcpu *vcpu)
{
    if (vcpu->arch->finalize) {
        vcpu->arch->finalize(vcpu);
    }
    free(vcpu);
}

void vcpu_unwind(Vcpu *vcpu, VcpuExit reason)
{
    if (!vcpu->unwind_valid) {
        g_error("internal error: CPU %u leaves guest code that it is not in", vcpu->index);
    }
    vcpu->exit_reason = reason;
    siglongjmp(vcpu->unwind, 1);
}
