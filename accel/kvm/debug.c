/*
 * Debugging the guest (KVM_SET_GUEST_DEBUG).
 *
 * The processor's four debug registers serve the first four points, in any address space and also in ROM;
 * breakpoints beyond these are INT3 instructions in memory, through the page tables of the CPU that first runs after they
 * were set. These are there only while a CPU runs: whoever looks at memory then, or saves it, sees the guest's own.
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

#define DR_COUNT 4
#define DR6_BS (UINT64_C(1) << 14)
#define DR7_GE (1u << 9)
#define INT3 0xcc
#define DB_VECTOR 1
#define BP_VECTOR 3

/* ---- Points in debug registers ---- */

/* R/W and LEN of DR7 for a watchpoint; false if the processor has no such one. */
static bool watch_bits(const DebugPoint *p, unsigned *bits)
{
    unsigned type = p->kind == DEBUG_WATCH_WRITE ? 1 : 3, len;

    switch (p->len) {
    case 1: len = 0; break;
    case 2: len = 1; break;
    case 4: len = 3; break;
    case 8: len = 2; break;
    default: return false;
    }
    *bits = type | len << 2;
    return (p->addr & (p->len - 1)) == 0;
}

static bool is_watch(const DebugPoint *p)
{
    return p->kind >= DEBUG_WATCH_WRITE;
}

/* Fills the debug registers; a point at @skip (0: none) is left out. Sets @in_memory to the first
 * breakpoint that did not fit. */
static void fill_registers(const MachineDebug *debug, uint64_t skip, struct kvm_guest_debug *out,
                           unsigned *used)
{
    *used = 0;
    for (unsigned i = 0; debug && i < debug->points->len && *used < DR_COUNT; i++) {
        const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
        unsigned bits = 0;
        if (!p->applied || (is_watch(p) && !watch_bits(p, &bits)) ||
            (!is_watch(p) && p->addr == skip && skip)) {
            continue;
        }
        out->arch.debugreg[*used] = p->addr;
        out->arch.debugreg[7] |= 2u << (2 * *used) | (uint64_t)bits << (16 + 4 * *used);
        (*used)++;
    }
    if (*used) {
        out->arch.debugreg[7] |= DR7_GE;
    }
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

    if (host && vm->npatches < KVM_MAX_PATCHES) {
        vm->patches[vm->npatches++] = (KvmPatch){.addr = addr, .host = host};
    }
}

/* Makes the list anew: breakpoints from the fifth point on. With the lock held; registers of @vcpu are home. */
static void list_patches(KvmVm *vm, Vcpu *vcpu, const MachineDebug *debug)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < vm->npatches; i++) {
        place_patch(&vm->patches[i], false);
    }
    vm->npatches = 0;
    for (unsigned i = 0; debug && i < debug->points->len; i++) {
        const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
        unsigned bits;
        if (!p->applied || (is_watch(p) && !watch_bits(p, &bits))) {
            continue;
        }
        if (seen++ >= DR_COUNT && !is_watch(p)) {
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
    unsigned used;

    uint64_t skip = step ? kv->vcpu->arch->get_pc(kv->vcpu) : 0;
    fill_registers(debug, skip, &request, &used);
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
    const MachineDebug *debug = kv->vm->machine->debug;
    unsigned used = 0, bits;

    for (unsigned i = 0; debug && i < debug->points->len && used < DR_COUNT; i++) {
        const DebugPoint *p = &g_array_index(debug->points, DebugPoint, i);
        if (!p->applied || (is_watch(p) && !watch_bits(p, &bits))) {
            continue;
        }
        if (dr6 >> used++ & 1) {
            return is_watch(p) ? p : NULL;
        }
    }
    return NULL;
}

/* An INT3 of the guest's own. */
static bool reflect_int3(KvmVcpu *kv)
{
    struct kvm_guest_debug request = {.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
                                                 KVM_GUESTDBG_INJECT_BP};
    unsigned used;

    fill_registers(kv->vm->machine->debug, 0, &request, &used);
    request.control |= used ? KVM_GUESTDBG_USE_HW_BP : 0;
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
