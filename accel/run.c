/*
 * The loop that runs a vCPU, whatever engine it is on: interrupts, exits, hops.
 */
#include "accel/jit/jit.h"
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include <immintrin.h>

/* Goes to the engine that was asked for. */
static void hop(Vcpu *vcpu, const AccelOps *to)
{
    const AccelOps *from = vcpu->engine;

    if (from == to) {
        return;
    }
    if (from && from->pull) {
        from->pull(vcpu);
    }
    __atomic_store_n(&vcpu->engine, to, __ATOMIC_SEQ_CST);
    if (to->push) {
        to->push(vcpu);
    }
    if (!to->native) {
        tlb_jump_clear_all(vcpu);
    }
}

/* Sets the budget to @insns, accounting for what was used of the last one. */
static void set_budget(Vcpu *vcpu, int64_t insns)
{
    vcpu->insn_count += vcpu->budget_set - vcpu->budget;
    vcpu->budget = vcpu->budget_set = insns;
}

static void set_counting(Vcpu *vcpu, bool counting)
{
    if (vcpu->counting != counting) {
        vcpu->counting = counting;
        tlb_jump_clear_all(vcpu);
    }
}

/*
 * The guest's instruction counter. Counting costs time in every translation, and firmware reads the counter
 * once just to see that it is there, so the vCPU counts only while the counter is in use: from a read or
 * write on until none has come for a while. In between the count goes on by an estimate.
 */
#define COUNTER_IDLE_NS (200 * 1000 * 1000)
#define INSNS_PER_US 1000

/* What is to be added to the count for the time in which it was not kept. */
static uint64_t estimate(const AccelVcpu *av, int64_t now)
{
    return av->guest_counts ? 0 : (uint64_t)(now - av->counter_used) / 1000 * INSNS_PER_US;
}

uint64_t vcpu_insn_count(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    int64_t now = clock_now(vcpu->machine->clock);

    vcpu->insn_count += estimate(av, now);
    av->guest_counts = true;
    if (!vcpu->counting) {
        set_counting(vcpu, true);
        set_budget(vcpu, INT64_MAX / 2);
    }
    av->counter_used = now;
    return vcpu->insn_count + (vcpu->budget_set - vcpu->budget) - vcpu->undone;
}

uint64_t vcpu_insn_estimate(const Vcpu *vcpu)
{
    return vcpu->insn_count + estimate(accel_vcpu(vcpu), clock_now(vcpu->machine->clock)) +
           (vcpu->budget_set - vcpu->budget) - vcpu->undone;
}

uint64_t accel_get_insns(Vcpu *vcpu, bool *exact)
{
    *exact = accel_vcpu(vcpu)->guest_counts;
    return vcpu_insn_estimate(vcpu) + vcpu->undone;
}

void accel_set_insns(Vcpu *vcpu, uint64_t insns, bool exact)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    set_counting(vcpu, exact || av->accel->config.hop);
    set_budget(vcpu, vcpu->counting ? INT64_MAX / 2 : 0);
    vcpu->insn_count = insns;
    av->guest_counts = exact;
    av->counter_used = clock_now(vcpu->machine->clock);
    if (av->accel->config.hop) {
        set_budget(vcpu, av->accel->config.hop_insns);
    }
}

static void stop_counting_if_idle(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    if (!av->guest_counts || av->run_for || av->accel->config.hop) {
        return;
    }
    int64_t now = clock_now(vcpu->machine->clock);
    if (now - av->counter_used > COUNTER_IDLE_NS) {
        av->guest_counts = false;
        av->counter_used = now;
        set_budget(vcpu, 0);
        set_counting(vcpu, false);
    }
}

/* The budget is used up, or less is left than the next region has. Returns whether to go on. */
static bool budget_exit(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    const AccelConfig *config = &av->accel->config;

    if (vcpu->budget > 0) {
        av->limit_next = true;
        return true;
    }
    if (av->run_for) {
        return false;
    }
    set_budget(vcpu, config->hop_insns ? (int64_t)config->hop_insns : INT64_MAX / 2);
    if (config->hop) {
        const AccelOps *other = vcpu->engine == config->hop ? av->accel->engine : config->hop;
        __atomic_store_n(&av->want, other, __ATOMIC_RELAXED);
    }
    return true;
}

static void enter_guest(Vcpu *vcpu)
{
    vcpu->undone = 0;
    regions_enter(vcpu);
    _mm_setcsr(vcpu->arch->fp_enter(vcpu));
    accel_vcpu(vcpu)->in_guest = true;
}

static void leave_guest(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    if (!av->in_guest) {
        return;
    }
    av->in_guest = false;
    vcpu->arch->fp_leave(vcpu, _mm_getcsr());
    _mm_setcsr(MXCSR_HOST);
    regions_leave(vcpu);
}

/* What an unwound helper or memory access leaves behind. */
static void land(Vcpu *vcpu)
{
    if (accel_vcpu(vcpu)->has_lock) {
        regions_unlock(vcpu);
    }
    vcpu->sync_frame = NULL;
    if (vcpu->counting) {
        vcpu->budget += vcpu->undone;
    }
}

/* What has to be done between two stretches of guest code. */
static void between(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    if (unlikely(av->no_room)) {
        av->no_room = false;
        regions_make_room(vcpu);
    }
    hop(vcpu, __atomic_load_n(&av->want, __ATOMIC_RELAXED));
    if (vcpu->engine->native) {
        return;
    }
    if (unlikely(tlb_fresh_full(vcpu))) {
        tlb_give_back_zeros(vcpu);
    }
    tlb_flush_if_stale(vcpu);
    vcpu_mmu_changed(vcpu);
    stop_counting_if_idle(vcpu);
    if (unlikely(av->step) && !vcpu->machine->debug->step_interrupts) {
        vcpu->halted = false;
    } else if (vcpu->arch->take_interrupt(vcpu)) {
        vcpu->halted = false;
    }
}

/* Whether @exit is settled here. */
static bool goes_on(Vcpu *vcpu, VcpuExit exit)
{
    switch (exit) {
    case VCPU_EXIT_EXCEPTION: return !accel_vcpu(vcpu)->step;
    case VCPU_EXIT_KICK:
        if (__atomic_exchange_n(&accel_vcpu(vcpu)->sample, false, __ATOMIC_RELAXED)) {
            jit_sample(vcpu);
        }
        return accel_vcpu(vcpu)->no_room;
    case VCPU_EXIT_BUDGET: return budget_exit(vcpu);
    default: return false;
    }
}

/* Goes on after @exit until something concerns the vCPU's thread. */
static VcpuExit run_on(Vcpu *vcpu, VcpuExit exit)
{
    for (;;) {
        leave_guest(vcpu);
        if (!goes_on(vcpu, exit)) {
            return exit;
        }
        if (__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
            return VCPU_EXIT_KICK;
        }
        between(vcpu);
        if (vcpu->halted) {
            return VCPU_EXIT_HALT;
        }
        if (!vcpu->engine->native) {
            enter_guest(vcpu);
        }
        exit = vcpu->engine->run(vcpu);
    }
}

VcpuExit accel_run(Vcpu *vcpu)
{
    if (unlikely(accel_vcpu(vcpu)->accel->config.hop && !vcpu->counting)) {
        set_counting(vcpu, true);
        set_budget(vcpu, accel_vcpu(vcpu)->accel->config.hop_insns);
    }
    VcpuExit from = accel_vcpu(vcpu)->step ? VCPU_EXIT_BUDGET : VCPU_EXIT_EXCEPTION;
    if (sigsetjmp(vcpu->unwind, 0)) {
        land(vcpu);
        from = vcpu->exit_reason;
    }
    vcpu->unwind_valid = true;
    VcpuExit exit = run_on(vcpu, from);
    vcpu->unwind_valid = false;
    return exit;
}

VcpuExit accel_run_for(Vcpu *vcpu, uint64_t insns)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    set_counting(vcpu, true);
    set_budget(vcpu, insns);
    av->run_for = true;
    VcpuExit exit = accel_run(vcpu);
    av->run_for = false;
    if (!av->guest_counts && !av->accel->config.hop) {
        set_counting(vcpu, false);
    }
    return exit;
}

VcpuExit accel_step(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    if (__atomic_load_n(&av->want, __ATOMIC_RELAXED)->native) {
        between(vcpu);
        return vcpu->engine->step(vcpu);
    }
    av->step = true;
    VcpuExit exit = accel_run_for(vcpu, 1);
    av->step = false;
    av->limit_next = false;
    return vcpu->budget <= 0 || exit == VCPU_EXIT_EXCEPTION ? VCPU_EXIT_DEBUG : exit;
}
