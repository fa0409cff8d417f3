/*
 * Debugging the guest (KVM_SET_GUEST_DEBUG).
 *
 * The processor's four debug registers serve points in any address space and also in ROM (points.c says which);
 * breakpoints beyond these are INT3 instructions in memory, through the page tables of the CPU that first runs after they
 * were set, or another's. These are there only while a CPU runs: whoever looks at memory then, or saves it, sees the
 * guest's own. What fits nowhere is refused when it is asked for.
 * Watchpoints stop after the access, as the processor does it. While points are set, the guest's own debug registers
 * have no effect.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define DR6_BS (UINT64_C(1) << 14)
#define DR7_GE (1u << 9)
#define INT3 0xcc
#define DB_VECTOR 1
#define BP_VECTOR 3

/* ---- Points in debug registers ---- */

/* Fills the debug registers; a breakpoint at @skip (0: none) is left out. False: none is used. */
static bool fill_registers(const MachineDebug *debug, uint64_t skip, struct kvm_guest_debug *out)
{
    KvmPoints plan;
    bool used = false;

    kvm_points_plan(debug, false, &plan);
    for (unsigned i = 0; i < plan.used; i++) {
        if (!kvm_point_is_watch(plan.point[i]) && plan.addr[i] == skip && skip) {
            continue;
        }
        out->arch.debugreg[i] = plan.addr[i];
        out->arch.debugreg[7] |= 2u << (2 * i) | (uint64_t)plan.control[i] << (16 + 4 * i) | DR7_GE;
        used = true;
    }
    return used;
}

/* ---- Points in memory ---- */

static uint8_t *code_at(Vcpu *vcpu, uint64_t addr)
{
    uint64_t gpa;
    MemoryHit hit;

    if (!vcpu->arch->debug_translate(vcpu, addr, &gpa) ||
        !memory_map_find(vcpu->machine->memory, gpa, &hit)) {
        return NULL;
    }
    return hit.readonly ? NULL : hit.host;
}

/* The same for a breakpoint of all CPUs: some have other page tables, or none yet. */
static uint8_t *code_of_any(const Machine *machine, uint64_t addr)
{
    uint8_t *host = NULL;

    for (unsigned i = 0; i < machine->ncpus && !host; i++) {
        host = code_at(machine->cpus[i], addr);
    }
    return host;
}

bool kvm_debug_fits(Machine *machine)
{
    const MachineDebug *debug = machine->debug;
    unsigned in_memory = 0;
    KvmPoints plan;

    if (!kvm_points_plan(debug, true, &plan)) {
        return false;
    }
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
        if (p->wanted && kvm_points_in_memory(&plan, p) &&
            (++in_memory > KVM_MAX_PATCHES || !code_of_any(machine, p->addr))) {
            return false;
        }
    }
    return true;
}

static bool is_skipped(const KvmVm *vm, uint64_t addr)
{
    for (unsigned i = 0; i < vm->machine->ncpus; i++) {
        const KvmVcpu *kv = kvm_vcpu(vm->machine->cpus[i]);
        if (kv && kv->skip == addr && addr) {
            return true;
        }
    }
    return false;
}

static void place_patch(KvmPatch *patch, bool in)
{
    if (in && !patch->in) {
        patch->original = *patch->host;
        *patch->host = INT3;
    } else if (!in && patch->in && *patch->host == INT3) {
        *patch->host = patch->original;
    }
    patch->in = in;
}

/* Brings memory in step with the list. With the lock held. */
static void place_patches(KvmVm *vm)
{
    for (unsigned i = 0; i < vm->npatches; i++) {
        KvmPatch *patch = &vm->patches[i];
        place_patch(patch, vm->running && !is_skipped(vm, patch->addr));
    }
}

static void add_patch(KvmVm *vm, Vcpu *vcpu, uint64_t addr)
{
    uint8_t *host = code_at(vcpu, addr);

    host = host ? host : code_of_any(vm->machine, addr);
    if (host && vm->npatches < KVM_MAX_PATCHES) {
        vm->patches[vm->npatches++] = (KvmPatch){.addr = addr, .host = host};
    }
}

/* Makes the list anew. With the lock held; registers of all vCPUs are home, as none has run since points changed. */
static void list_patches(KvmVm *vm, Vcpu *vcpu, const MachineDebug *debug)
{
    KvmPoints plan;

    for (unsigned i = 0; i < vm->npatches; i++) {
        place_patch(&vm->patches[i], false);
    }
    vm->npatches = 0;
    kvm_points_plan(debug, false, &plan);
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
        if (p->applied && kvm_points_in_memory(&plan, p)) {
            add_patch(vm, vcpu, p->addr);
        }
    }
}

static void update_patches(KvmVcpu *kv, uint64_t skip)
{
    KvmVm *vm = kv->vm;
    const MachineDebug *debug = vm->machine->debug;
    unsigned generation = debug ? debug->generation : 0;

    g_mutex_lock(&vm->patch_lock);
    kv->skip = skip;
    if (vm->patched_for != generation) {
        vm->patched_for = generation;
        list_patches(vm, kv->vcpu, debug);
    }
    place_patches(vm);
    g_mutex_unlock(&vm->patch_lock);
}

void kvm_debug_running(KvmVm *vm, int change)
{
    g_mutex_lock(&vm->patch_lock);
    vm->running += change;
    place_patches(vm);
    g_mutex_unlock(&vm->patch_lock);
}

/* ---- Telling the kernel ---- */

void kvm_debug_update(KvmVcpu *kv, bool step)
{
    const MachineDebug *debug = kv->vm->machine->debug;
    struct kvm_guest_debug request = {0};
    uint64_t skip = step ? kv->vcpu->arch->get_pc(kv->vcpu) : 0;
    bool used = fill_registers(debug, skip, &request);

    update_patches(kv, skip);
    if (used || step || kv->vm->npatches) {
        request.control = KVM_GUESTDBG_ENABLE | (used ? KVM_GUESTDBG_USE_HW_BP : 0) |
                          (kv->vm->npatches ? KVM_GUESTDBG_USE_SW_BP : 0) |
                          (step ? KVM_GUESTDBG_SINGLESTEP : 0);
        if (step && kv->vm->blockirq && debug && !debug->step_interrupts) {
            request.control |= KVM_GUESTDBG_BLOCKIRQ;
        }
    }
    if (kvm_ioctl(kv->fd, KVM_SET_GUEST_DEBUG, &request) < 0) {
        fprintf(stderr, "amphi: CPU %u: KVM does not debug: %s\n", kv->vcpu->index,
                strerror(errno));
    }
    kv->debug_seen = debug ? debug->generation : 0;
    kv->stepping = step;
}

/* ---- What the kernel says ---- */

/* The watchpoint whose debug register @dr6 names; NULL: it is a breakpoint, or none. */
static const DebugPoint *hit_watch(KvmVcpu *kv, uint64_t dr6)
{
    KvmPoints plan;

    kvm_points_plan(kv->vm->machine->debug, false, &plan);
    for (unsigned i = 0; i < plan.used; i++) {
        if (dr6 >> i & 1) {
            return kvm_point_is_watch(plan.point[i]) ? plan.point[i] : NULL;
        }
    }
    return NULL;
}

/* An INT3 of the guest's own. */
static bool reflect_int3(KvmVcpu *kv)
{
    struct kvm_guest_debug request = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
                                                 KVM_GUESTDBG_INJECT_BP};

    if (fill_registers(kv->vm->machine->debug, 0, &request)) {
        request.control |= KVM_GUESTDBG_USE_HW_BP;
    }
    kvm_ioctl(kv->fd, KVM_SET_GUEST_DEBUG, &request);
    return true;
}

bool kvm_debug_exit(KvmVcpu *kv, VcpuExit *exit)
{
    const struct kvm_debug_exit_arch *why = &kv->run->debug.arch;

    if (why->exception == BP_VECTOR && !debug_breakpoint_at(kv->vm->machine, why->pc)) {
        return reflect_int3(kv);
    }
    const DebugPoint *watch =
        why->exception == DB_VECTOR && !(why->dr6 & DR6_BS) ? hit_watch(kv, why->dr6) : NULL;
    if (watch) {
        debug_note(kv->vcpu, DEBUG_WHY_WATCH, watch->kind, watch->addr);
    }
    *exit = VCPU_EXIT_DEBUG;
    return false;
}

VcpuExit kvm_step_vcpu(Vcpu *vcpu)
{
    KvmVcpu *kv = kvm_vcpu(vcpu);

    kvm_pull(vcpu);
    kvm_debug_update(kv, true);
    VcpuExit exit = kvm_run_vcpu(vcpu);
    kvm_pull(vcpu);
    kvm_debug_update(kv, false);
    return exit;
}
