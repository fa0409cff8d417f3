/*
 * Breakpoints and watchpoints: the table. See debug.h.
 */
#include "softmmu/debug.h"
#include "softmmu/cpus.h"

#define PAGE UINT64_C(4096)

MachineDebug *debug_of(Machine *machine)
{
    if (!machine->debug) {
        MachineDebug *debug = g_new0(MachineDebug, 1);
        debug->points = g_array_new(false, false, sizeof(DebugPoint));
        g_mutex_init(&debug->lock);
        __atomic_store_n(&machine->debug, debug, __ATOMIC_RELEASE);
    }
    return machine->debug;
}

void debug_free(Machine *machine)
{
    MachineDebug *debug = machine->debug;
    if (debug) {
        g_array_free(debug->points, true);
        g_mutex_clear(&debug->lock);
        g_free(debug);
        machine->debug = NULL;
    }
}

static DebugPoint *point_at(const MachineDebug *debug, unsigned i)
{
    return &g_array_index(debug->points, DebugPoint, i);
}

static bool is_watch(const DebugPoint *p)
{
    return p->kind >= DEBUG_WATCH_WRITE;
}

static DebugPoint *find(const MachineDebug *debug, DebugKind kind, uint64_t addr, uint64_t len)
{
    for (unsigned i = 0; i < debug->points->len; i++) {
        DebugPoint *p = point_at(debug, i);
        if (p->kind == kind && p->addr == addr && p->len == len) {
            return p;
        }
    }
    return NULL;
}

bool debug_has_kind(const Machine *machine, DebugKind kind)
{
    return kind < DEBUG_KINDS && !(machine->runner && machine->runner->debug_lacks >> kind & 1);
}

static bool fits(Machine *machine)
{
    const MachineRunner *runner = machine->runner;
    return !runner || !runner->debug_fits || runner->debug_fits(machine);
}

bool debug_insert(Machine *machine, DebugKind kind, uint64_t addr, uint64_t len)
{
    MachineDebug *debug = debug_of(machine);
    if (kind < DEBUG_WATCH_WRITE) {
        len = 1; /* gdb's length is a kind of instruction */
    }
    if (!debug_has_kind(machine, kind) || len == 0 || len > DEBUG_MAX_LENGTH ||
        addr + len - 1 < addr) {
        return false;
    }
    DebugPoint *p = find(debug, kind, addr, len);
    if (!p) {
        if (debug->points->len >= DEBUG_MAX_POINTS) {
            return false;
        }
        DebugPoint point = {.kind = kind, .addr = addr, .len = len};
        g_array_append_val(debug->points, point);
        p = point_at(debug, debug->points->len - 1);
    }
    if (!p->wanted) {
        p->wanted = true;
        p->wanted = fits(machine); /* if not, the next commit drops it */
    }
    return p->wanted;
}

bool debug_remove(Machine *machine, DebugKind kind, uint64_t addr, uint64_t len)
{
    MachineDebug *debug = debug_of(machine);
    DebugPoint *p = find(debug, kind, addr, kind < DEBUG_WATCH_WRITE ? 1 : len);
    if (!p || !p->wanted) {
        return false;
    }
    p->wanted = false;
    return true;
}

void debug_remove_all(Machine *machine)
{
    MachineDebug *debug = machine->debug;
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        point_at(debug, i)->wanted = false;
    }
}

/*
 * Putting them into effect.
 */

static void flush_tlbs(Machine *machine)
{
    for (unsigned i = 0; i < machine->ncpus; i++) {
        if (machine->cpus[i]->tlbs) {
            vcpu_tlb_flush(machine->cpus[i], ~UINT64_C(0), NULL, 0, false);
            vcpu_mmu_changed(machine->cpus[i]);
        }
    }
}

static void sync_code(Machine *machine)
{
    for (unsigned i = 0; i < machine->ncpus; i++) {
        if (machine->cpus[i]->accel_data) {
            vcpu_sync_code(machine->cpus[i]);
        }
    }
}

/* No vCPU runs. */
static void apply(void *data)
{
    Machine *machine = data;
    MachineDebug *debug = machine->debug;
    bool watches = false;

    debug->generation++;
    for (unsigned i = debug->points->len; i-- > 0;) {
        DebugPoint *p = point_at(debug, i);
        if (p->wanted != p->applied) {
            if (is_watch(p)) {
                watches = true;
            } else if (machine->runner && machine->runner->drop_code_at) {
                machine->runner->drop_code_at(machine, p->addr);
            }
            p->applied = p->wanted;
        }
        if (!p->wanted) {
            g_array_remove_index(debug->points, i); /* what fits depends on the order */
        }
    }
    if (watches) {
        flush_tlbs(machine);
    }
    sync_code(machine);
}

void debug_commit(Machine *machine)
{
    debug_of(machine);
    vcpus_run_exclusive(machine, apply, machine);
}

/*
 * Asked by engines.
 */

bool debug_breakpoint_at(const Machine *machine, uint64_t pc)
{
    const MachineDebug *debug = machine->debug;
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = point_at(debug, i);
        if (p->applied && !is_watch(p) && p->addr == pc) {
            return true;
        }
    }
    return false;
}

uint64_t debug_next_breakpoint(const Machine *machine, uint64_t pc, uint64_t len)
{
    const MachineDebug *debug = machine->debug;
    uint64_t next = 0;
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = point_at(debug, i);
        if (p->applied && !is_watch(p) && p->addr != pc && p->addr - pc < len) {
            len = p->addr - pc;
            next = p->addr;
        }
    }
    return next;
}

bool debug_find_watch(const MachineDebug *debug, uint64_t addr)
{
    uint64_t page = addr & ~(PAGE - 1);
    for (unsigned i = 0; i < debug->points->len; i++) {
        const DebugPoint *p = point_at(debug, i);
        if (p->applied && is_watch(p) && p->addr <= page + (PAGE - 1) &&
            p->addr + p->len - 1 >= page) {
            return true;
        }
    }
    return false;
}

void debug_check_access(Vcpu *vcpu, uint64_t addr, unsigned size, bool read, bool write)
{
    const MachineDebug *debug = vcpu->machine->debug;
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = point_at(debug, i);
        bool kind =
            (write && p->kind != DEBUG_WATCH_READ) || (read && p->kind != DEBUG_WATCH_WRITE);
        if (p->applied && is_watch(p) && kind && p->addr <= addr + (size - 1) &&
            p->addr + p->len - 1 >= addr) {
            vcpu_sync(vcpu);
            debug_note(vcpu, DEBUG_WHY_WATCH, p->kind, p->addr);
            vcpu_unwind(vcpu, VCPU_EXIT_DEBUG);
        }
    }
}

/*
 * Who stopped.
 */

void debug_note(const Vcpu *vcpu, DebugWhy why, DebugKind watch, uint64_t addr)
{
    MachineDebug *debug = vcpu->machine->debug;
    if (!debug) {
        return;
    }
    g_mutex_lock(&debug->lock);
    if (!debug->stopped) {
        debug->stopped = vcpu;
        debug->why = why;
        debug->watch = watch;
        debug->addr = addr;
    }
    g_mutex_unlock(&debug->lock);
}

void debug_forget(Machine *machine)
{
    MachineDebug *debug = debug_of(machine);
    g_mutex_lock(&debug->lock);
    debug->stopped = NULL;
    debug->why = DEBUG_WHY_NONE;
    g_mutex_unlock(&debug->lock);
}
