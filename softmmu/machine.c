/*
 * A machine's life: making, running, resetting and ending it. See machine.h for threads and locks.
 */
#include "softmmu/machine.h"
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include "softmmu/fds.h"
#include "softmmu/lock.h"
#include "softmmu/objects.h"
#include <glib-unix.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define STATUS_NONE (-1) /* exit_status before anyone asked for the end */

typedef struct StateListener {
    void (*fn)(void *opaque, RunState state);
    void *opaque;
} StateListener;

typedef struct EventListener {
    void (*fn)(void *opaque, const MachineEventInfo *info);
    void *opaque;
} EventListener;

void machine_lock(Machine *machine)
{
    lock_acquire(&machine->lock);
}

void machine_unlock(Machine *machine)
{
    lock_release(&machine->lock);
}

bool machine_locked(void)
{
    return lock_held(NULL);
}

/*
 * Making and freeing.
 */

Machine *machine_alloc(const MachineClass *cls, bool stepped)
{
    Machine *machine = g_new0(Machine, 1);
    machine->cls = cls;
    g_mutex_init(&machine->lock);
    machine->context = g_main_context_new();
    g_main_context_set_poll_func(machine->context, lock_poll);
    machine->clock = clock_new(machine->context, &machine->lock, stepped);
    machine->memory = memory_map_new(&machine->lock);
    machine->io = memory_map_new(&machine->lock);
    machine->dma.map = machine->memory;
    machine->devices = g_ptr_array_new();
    machine->buses = g_ptr_array_new();
    machine->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)chardev_free);
    machine->state_listeners = g_array_new(false, false, sizeof(StateListener));
    machine->event_listeners = g_array_new(false, false, sizeof(EventListener));
    machine->exit_status = STATUS_NONE;
    return machine;
}

static bool check_config(const MachineClass *cls, const MachineConfig *config, GError **error)
{
    unsigned max = MIN(cls->max_cpus, MACHINE_MAX_CPUS);
    if (config->cpus > max) {
        return error_set(error,
                         "machine '%s' has at most %u CPUs, not %u; give a smaller number with "
                         "-smp",
                         cls->name, max, config->cpus);
    }
    if (config->smbios && !cls->smbios) {
        return error_set(error, "-smbios: machine '%s' has no SMBIOS; use '-machine q35'",
                         cls->name);
    }
    return true;
}

int64_t machine_real_time(const Machine *machine)
{
    return g_get_real_time() + machine->config.rtc_offset * G_USEC_PER_SEC;
}

bool machine_make_ram(Machine *machine, uint64_t size, GError **error)
{
    const char *id = machine->config.memory_backend;
    UserObject *backend = id ? object_use(machine, id, "memory-backend-", error) : NULL;
    if (id && !backend) {
        return false;
    }
    machine->ram = ram_block_new_backed(machine->memory, "ram", size,
                                        backend ? object_memory_backing(backend) : NULL, error);
    if (machine->ram && machine->config.dont_dump) {
        madvise(machine->ram->host, machine->ram->size, MADV_DONTDUMP);
    }
    return machine->ram != NULL;
}

/* The size of memory: the user's, that of the backend, the board's default. */
static bool choose_ram_size(Machine *machine, GError **error)
{
    MachineConfig *config = &machine->config;
    if (config->memory_backend) {
        UserObject *backend = object_use(machine, config->memory_backend, "memory-backend-", error);
        if (!backend) {
            return false;
        }
        object_unuse(backend);
        uint64_t size = object_memory_size(backend);
        if (config->ram_size && config->ram_size != size) {
            return error_set(error,
                             "-m says %" PRIu64 " MiB and memory-backend '%s' %" PRIu64
                             " MiB; the sizes must match",
                             config->ram_size / MIB, config->memory_backend, size / MIB);
        }
        config->ram_size = size;
    }
    if (!config->ram_size) {
        config->ram_size = machine->cls->default_ram;
    }
    return true;
}

static bool init_board(Machine *machine, GError **error)
{
    const MachineRunner *runner = machine->runner;
    if (runner && runner->init && !runner->init(machine, error)) {
        return false;
    }
    if (machine->cls->init && !machine->cls->init(machine, error)) {
        return false;
    }
    for (unsigned i = 0; runner && runner->vcpu_init && i < machine->ncpus; i++) {
        if (!runner->vcpu_init(machine->cpus[i], error)) {
            return false;
        }
    }
    return true;
}

bool machine_init(Machine *machine, const MachineConfig *config, GError **error)
{
    machine->config = *config;
    if (!machine->config.cpus) {
        machine->config.cpus = 1;
    }
    if (!machine->config.cpu_model) {
        machine->config.cpu_model = machine->cls->default_cpu;
    }
    machine_lock(machine);
    bool ok = choose_ram_size(machine, error) &&
              check_config(machine->cls, &machine->config, error) && init_board(machine, error);
    machine_unlock(machine);
    return ok;
}

bool machine_complete(Machine *machine, GError **error)
{
    machine_lock(machine);
    bool ok = !machine->cls->complete || machine->cls->complete(machine, error);
    if (ok) {
        machine_reset(machine);
    }
    machine_unlock(machine);
    return ok;
}

Machine *machine_new(const MachineClass *cls, const MachineConfig *config, bool stepped,
                     GError **error)
{
    Machine *machine = machine_alloc(cls, stepped);
    if (!machine_init(machine, config, error) || !machine_complete(machine, error)) {
        machine_free(machine);
        return NULL;
    }
    return machine;
}

static void free_options_array(GPtrArray *array)
{
    for (unsigned i = 0; array && i < array->len; i++) {
        options_free(array->pdata[i]);
    }
    if (array) {
        g_ptr_array_set_free_func(array, NULL);
        g_ptr_array_unref(array);
    }
}

static void free_config(MachineConfig *config)
{
    options_free(config->machine_opts);
    options_free(config->boot);
    free_options_array(config->devices);
    free_options_array(config->drives);
    free_options_array(config->blockdevs);
    free_options_array(config->netdevs);
    free_options_array(config->fsdevs);
    free_options_array(config->objects);
    free_options_array(config->smbios);
    free_options_array(config->globals);
}

static void free_devices(Machine *machine)
{
    for (unsigned i = machine->devices->len; i-- > 0;) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->finalize) {
            dev->ops->finalize(dev);
        }
        options_free(dev->given);
        g_free(dev->id);
        g_free(dev);
    }
    g_ptr_array_free(machine->devices, true);
    for (unsigned i = 0; i < machine->buses->len; i++) {
        DeviceBus *bus = machine->buses->pdata[i];
        g_free(bus->name);
        g_free(bus);
    }
    g_ptr_array_free(machine->buses, true);
}

void machine_free(Machine *machine)
{
    if (!machine) {
        return;
    }
    cpus_stop_threads(machine);
    machine_lock(machine);
    free_devices(machine);
    objects_free(machine);
    fds_free(machine);
    if (machine->cls->finalize) {
        machine->cls->finalize(machine);
    }
    g_free(machine->board);
    if (machine->runner && machine->runner->fini) {
        machine->runner->fini(machine);
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        if (machine->runner && machine->runner->vcpu_fini) {
            machine->runner->vcpu_fini(machine->cpus[i]);
        }
        vcpu_free(machine->cpus[i]);
    }
    while (machine->chardevs->len) { /* those on top of others first */
        g_ptr_array_set_size(machine->chardevs, machine->chardevs->len - 1);
    }
    g_ptr_array_free(machine->chardevs, true);
    machine_unlock(machine);
    free_config(&machine->config);
    g_array_free(machine->state_listeners, true);
    g_array_free(machine->event_listeners, true);
    if (machine->inputs) {
        g_array_free(machine->inputs, true);
    }
    if (machine->displays) {
        g_array_free(machine->displays, true);
    }
    if (machine->boot_devices) {
        g_ptr_array_unref(machine->boot_devices);
    }
    debug_free(machine);
    memory_map_free(machine->memory);
    memory_map_free(machine->io);
    clock_free(machine->clock);
    g_main_context_unref(machine->context);
    g_mutex_clear(&machine->lock);
    g_free(machine);
}

Chardev *machine_find_chardev(Machine *machine, const char *id)
{
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        Chardev *chr = machine->chardevs->pdata[i];
        if (chr->id && !strcmp(chr->id, id)) {
            return chr;
        }
    }
    return NULL;
}

/*
 * Run state.
 */

void machine_add_state_listener(Machine *machine, void (*fn)(void *opaque, RunState state),
                                void *opaque)
{
    StateListener listener = {fn, opaque};
    g_array_append_val(machine->state_listeners, listener);
}

void machine_add_event_listener(Machine *machine,
                                void (*fn)(void *opaque, const MachineEventInfo *info),
                                void *opaque)
{
    EventListener listener = {fn, opaque};
    g_array_append_val(machine->event_listeners, listener);
}

void machine_remove_event_listener(Machine *machine,
                                   void (*fn)(void *opaque, const MachineEventInfo *info),
                                   void *opaque)
{
    for (unsigned i = machine->event_listeners->len; i-- > 0;) {
        EventListener *listener = &g_array_index(machine->event_listeners, EventListener, i);
        if (listener->fn == fn && listener->opaque == opaque) {
            g_array_remove_index(machine->event_listeners, i);
        }
    }
}

void machine_remove_state_listener(Machine *machine, void (*fn)(void *opaque, RunState state),
                                   void *opaque)
{
    for (unsigned i = machine->state_listeners->len; i-- > 0;) {
        const StateListener *l = &g_array_index(machine->state_listeners, StateListener, i);
        if (l->fn == fn && l->opaque == opaque) {
            g_array_remove_index(machine->state_listeners, i);
        }
    }
}

void machine_raise_event(Machine *machine, const MachineEventInfo *info)
{
    for (unsigned i = 0; i < machine->event_listeners->len; i++) {
        EventListener *listener = &g_array_index(machine->event_listeners, EventListener, i);
        listener->fn(listener->opaque, info);
    }
}

static void raise_event(Machine *machine, MachineEvent event, bool by_guest, const char *reason)
{
    machine_raise_event(
        machine, &(MachineEventInfo){.event = event, .by_guest = by_guest, .reason = reason});
}

static void set_state(Machine *machine, RunState state)
{
    machine->state = state;
    for (unsigned i = 0; i < machine->state_listeners->len; i++) {
        StateListener *listener = &g_array_index(machine->state_listeners, StateListener, i);
        listener->fn(listener->opaque, state);
    }
}

void machine_start(Machine *machine)
{
    if (machine->state == RUN_STATE_RUNNING) {
        return;
    }
    if (!cpus_start_threads(machine)) {
        machine_request_quit(machine, 1);
        return;
    }
    set_state(machine, RUN_STATE_RUNNING);
    raise_event(machine, MACHINE_EVENT_RESUME, false, NULL);
    clock_start(machine->clock);
    cpus_resume(machine);
}

/* @last: there is nothing to come, and SHUTDOWN has said so. */
static void stop(Machine *machine, RunState why, bool last)
{
    bool running = machine->state == RUN_STATE_RUNNING;
    if (machine->state == why) {
        return;
    }
    if (running) {
        machine->state = why; /* who comes while the lock is free sees it stopped */
        clock_stop(machine->clock);
        cpus_pause(machine);
    }
    if (!running || machine->state == why) {
        set_state(machine, why);
    }
    if (running && machine->state == why && !last) {
        raise_event(machine, MACHINE_EVENT_STOP, false, NULL);
    }
}

void machine_stop(Machine *machine, RunState why)
{
    stop(machine, why, false);
}

void machine_reset(Machine *machine)
{
    bool running = machine->state == RUN_STATE_RUNNING;
    cpus_pause(machine);
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (dev->ops->reset) {
            dev->ops->reset(dev);
        }
    }
    if (machine->cls->reset) {
        machine->cls->reset(machine);
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        Vcpu *vcpu = machine->cpus[i];
        vcpu->halted = false;
        vcpu->reserve_addr = RESERVE_NONE;
        if (vcpu->arch->reset) {
            vcpu->arch->reset(vcpu);
        }
        if (vcpu->tlbs) { /* translations of what memory held before go too */
            vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
            vcpu_mmu_changed(vcpu);
        }
    }
    if (running && machine->state == RUN_STATE_RUNNING) {
        cpus_resume(machine);
    }
}

/*
 * Requests to the main loop.
 */

static void claim_status(Machine *machine, int status)
{
    int none = STATUS_NONE;
    __atomic_compare_exchange_n(&machine->exit_status, &none, status, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
}

static void request(Machine *machine, bool *flag)
{
    if (!__atomic_exchange_n(flag, true, __ATOMIC_SEQ_CST)) {
        g_main_context_wakeup(machine->context);
    }
}

void machine_request_reset(Machine *machine)
{
    __atomic_store_n(&machine->guest_reset, vcpu_current() != NULL, __ATOMIC_SEQ_CST);
    request(machine, &machine->reset_requested);
}

void machine_request_shutdown(Machine *machine, int status)
{
    claim_status(machine, status);
    request(machine, &machine->shutdown_requested);
}

void machine_request_quit(Machine *machine, int status)
{
    claim_status(machine, status);
    request(machine, &machine->quit_requested);
}

void machine_request_stop(Machine *machine, RunState why)
{
    __atomic_store_n(&machine->stop_why, why, __ATOMIC_SEQ_CST);
    request(machine, &machine->stop_requested);
}

static void raise_panic(Machine *machine, MachineEvent event, const char *action)
{
    MachineEventInfo info = {.event = event, .by_guest = true, .action = action};
    machine_raise_event(machine, &info);
}

void machine_guest_panicked(Machine *machine)
{
    bool stays = machine->config.no_shutdown;
    raise_panic(machine, MACHINE_EVENT_GUEST_PANICKED, stays ? "pause" : "poweroff");
    if (stays) {
        machine_request_stop(machine, RUN_STATE_GUEST_PANICKED);
    } else {
        machine->guest_panicked = true;
        machine_request_shutdown(machine, 0);
    }
}

void machine_guest_crashloaded(Machine *machine)
{
    raise_panic(machine, MACHINE_EVENT_GUEST_CRASHLOADED, "run");
}

void machine_powerdown(Machine *machine)
{
    raise_event(machine, MACHINE_EVENT_POWERDOWN, false, NULL);
    irq_set(&machine->power_button, true);
    irq_set(&machine->power_button, false);
}

static bool take_request(bool *flag)
{
    return __atomic_exchange_n(flag, false, __ATOMIC_SEQ_CST);
}

/* Does what was asked for; true if that is the end. */
static bool handle_requests(Machine *machine)
{
    bool reset = take_request(&machine->reset_requested);
    bool shutdown = take_request(&machine->shutdown_requested);
    bool by_guest = __atomic_load_n(&machine->guest_reset, __ATOMIC_SEQ_CST);
    const char *why = by_guest ? "guest-reset" : "host-qmp-system-reset";
    if (take_request(&machine->quit_requested)) {
        raise_event(machine, MACHINE_EVENT_SHUTDOWN, false,
                    machine->signalled ? "host-signal" : "host-qmp-quit");
        return true;
    }
    if (take_request(&machine->stop_requested) && machine->state == RUN_STATE_RUNNING) {
        machine_stop(machine, __atomic_load_n(&machine->stop_why, __ATOMIC_SEQ_CST));
    }
    if (shutdown) {
        by_guest = true;
        why = machine->guest_panicked ? "guest-panic" : "guest-shutdown";
    } else if (reset && machine->config.no_reboot) {
        claim_status(machine, 0);
        shutdown = true;
    }
    if (shutdown) {
        raise_event(machine, MACHINE_EVENT_SHUTDOWN, by_guest, why);
    }
    if (shutdown && !machine->config.no_shutdown) {
        return true;
    }
    if (shutdown) {
        machine_stop(machine, RUN_STATE_SHUTDOWN);
        __atomic_store_n(&machine->exit_status, STATUS_NONE, __ATOMIC_SEQ_CST);
    } else if (reset) {
        machine_reset(machine);
        raise_event(machine, MACHINE_EVENT_RESET, by_guest, why);
    }
    return false;
}

static gboolean on_signal(Machine *machine, int number)
{
    g_printerr("amphi: ending on signal %d (%s)\n", number, strsignal(number));
    machine->signalled = true;
    machine_request_quit(machine, 0);
    return G_SOURCE_CONTINUE;
}

static gboolean on_sigint(gpointer machine)
{
    return on_signal(machine, SIGINT);
}

static gboolean on_sigterm(gpointer machine)
{
    return on_signal(machine, SIGTERM);
}

static gboolean on_sighup(gpointer machine)
{
    return on_signal(machine, SIGHUP);
}

static GSource *add_signal(Machine *machine, int number, GSourceFunc fn)
{
    GSource *source = g_unix_signal_source_new(number);
    g_source_set_callback(source, fn, machine, NULL);
    g_source_attach(source, machine->context);
    return source;
}

int machine_main_loop(Machine *machine)
{
    GSource *signals[] = {
        add_signal(machine, SIGINT, on_sigint),
        add_signal(machine, SIGTERM, on_sigterm),
        add_signal(machine, SIGHUP, on_sighup),
    };
    machine_lock(machine);
    g_main_context_push_thread_default(machine->context);
    while (!handle_requests(machine)) {
        g_main_context_iteration(machine->context, true);
    }
    stop(machine, RUN_STATE_SHUTDOWN, true);
    g_main_context_pop_thread_default(machine->context);
    machine_unlock(machine);
    cpus_stop_threads(machine);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
        g_source_destroy(signals[i]);
        g_source_unref(signals[i]);
    }
    return __atomic_load_n(&machine->exit_status, __ATOMIC_SEQ_CST);
}

uint64_t machine_mmio_read(Machine *machine, uint64_t addr, unsigned size)
{
    uint64_t value;
    memory_map_read(machine->memory, addr, &value, size);
    return value;
}

void machine_mmio_write(Machine *machine, uint64_t addr, uint64_t value, unsigned size)
{
    memory_map_write(machine->memory, addr, value, size);
}

uint32_t machine_pio_read(Machine *machine, uint16_t port, unsigned size)
{
    uint64_t value;
    memory_map_read(machine->io, port, &value, size);
    return value;
}

void machine_pio_write(Machine *machine, uint16_t port, uint32_t value, unsigned size)
{
    memory_map_write(machine->io, port, value, size);
}
