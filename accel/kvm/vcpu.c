/*
 * Running a vCPU: into the guest, out again, and what happens between.
 *
 * Kicks: vcpu->kick is set first; then `immediate_exit` makes the next KVM_RUN return at once, and a signal ends
 * one that is under way. The flag is cleared before the word is looked at, so none is lost.
 *
 * Interrupts from outside the kernel: with the local APIC as a device (IRQCHIP_OFF), or for the 8259 where only
 * local APICs are in the kernel (IRQCHIP_SPLIT), the vector is fetched when the guest can take it, otherwise
 * KVM is asked to exit as soon as that is so.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void kvm_kick_vcpu(Vcpu *vcpu)
{
    KvmVcpu *kv = kvm_vcpu(vcpu);

    __atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pid_t tid = __atomic_load_n(&kv->tid, __ATOMIC_SEQ_CST);
    if (tid && tid != gettid()) {
        tgkill(getpid(), tid, KVM_KICK_SIGNAL);
    }
}

/* Once on the vCPU's thread: the signal gets through. */
static void adopt_thread(KvmVcpu *kv)
{
    if (!kv->tid) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, KVM_KICK_SIGNAL);
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
        __atomic_store_n(&kv->tid, gettid(), __ATOMIC_SEQ_CST);
    }
}

int kvm_enter(KvmVcpu *kv)
{
    kvm_gate_enter(kv);
    uint64_t begin = __rdtsc();
    int r = ioctl(kv->fd, KVM_RUN, 0);
    int result = r < 0 ? -errno : 0;

    kvm_count(&kv->guest, begin);
    kvm_gate_leave(kv);
    return result;
}

/* ---- Interrupts from outside ---- */

/* Fetches the vector of the interrupt that is announced and injects it. */
static void inject(KvmVcpu *kv)
{
    X86State *s = x86_state(kv->vcpu);
    Irqchip *chip = &kv->vm->irqchip;
    struct kvm_interrupt irq;
    int vector = -1;

    machine_lock(kv->vm->machine);
    if (kv->vm->mode == IRQCHIP_SPLIT) {
        vector = chip->acknowledge ? chip->acknowledge(chip->acknowledge_opaque) : -1;
    } else if (s->apic_ops) {
        vector = s->apic_ops->acknowledge(s->apic);
    }
    machine_unlock(kv->vm->machine);
    if (vector >= 0) {
        irq.irq = vector;
        ioctl(kv->fd, KVM_INTERRUPT, &irq);
    }
}

static bool interrupt_announced(const KvmVcpu *kv)
{
    const X86State *s = x86_state(kv->vcpu);

    switch (kv->vm->mode) {
    case IRQCHIP_OFF: return __atomic_load_n(&s->lines, __ATOMIC_SEQ_CST) & 1u << X86_LINE_INTR;
    case IRQCHIP_SPLIT:
        return kv->vcpu->index == 0 && __atomic_load_n(&kv->vm->extint, __ATOMIC_SEQ_CST);
    default: return false;
    }
}

static void offer_interrupt(KvmVcpu *kv)
{
    bool ready =
        kv->run->ready_for_interrupt_injection && (kv->vm->mode != IRQCHIP_OFF || kv->run->if_flag);

    if (interrupt_announced(kv) && ready) {
        inject(kv);
        kv->run->ready_for_interrupt_injection = 0;
    }
    kv->run->request_interrupt_window = interrupt_announced(kv);
}

/* INIT and SIPI for a processor whose local APIC is a device; NMI and SMI for any. False: it waits for
 * SIPI. */
static bool take_signals(KvmVcpu *kv)
{
    X86State *s = x86_state(kv->vcpu);
    uint32_t signals = __atomic_load_n(&s->signals, __ATOMIC_SEQ_CST);

    if (!signals && !kv->home) {
        return true;
    }
    if (!kv->home && !(signals & (X86_SIGNAL_INIT | X86_SIGNAL_SIPI))) {
        __atomic_fetch_and(&s->signals, ~signals, __ATOMIC_SEQ_CST);
        if (signals & X86_SIGNAL_NMI) {
            ioctl(kv->fd, KVM_NMI, 0);
        }
        if (signals & X86_SIGNAL_SMI) {
            ioctl(kv->fd, KVM_SMI, 0);
        }
        return true;
    }
    kvm_pull(kv->vcpu);
    x86_take_signals(kv->vcpu);
    return kv->vm->mode != IRQCHIP_OFF || !x86_is_waiting(s);
}

/* ---- The processor's own view of a local APIC that is a device ---- */

static void apic_to_run(KvmVcpu *kv)
{
    X86State *s = x86_state(kv->vcpu);

    if (kv->vm->mode == IRQCHIP_OFF && s->apic_ops) {
        machine_lock(kv->vm->machine);
        kv->run->cr8 = s->apic_ops->get_cr8(s->apic);
        machine_unlock(kv->vm->machine);
    }
}

static void apic_from_run(KvmVcpu *kv)
{
    X86State *s = x86_state(kv->vcpu);

    if (kv->vm->mode != IRQCHIP_OFF || !s->apic_ops) {
        return;
    }
    machine_lock(kv->vm->machine);
    if (s->apic_ops->get_cr8(s->apic) != kv->run->cr8) {
        s->apic_ops->set_cr8(s->apic, kv->run->cr8);
    }
    if (s->apic_ops->get_base(s->apic) != kv->run->apic_base) {
        s->apic_ops->set_base(s->apic, kv->run->apic_base);
    }
    machine_unlock(kv->vm->machine);
    /* has_work() looks at this while the state is not home. */
    s->rflags = kv->run->if_flag ? s->rflags | X86_IF : s->rflags & ~(uint64_t)X86_IF;
}

/* ---- The loop ---- */

/* After KVM_RUN returned @r. True: go on. */
static bool after_run(KvmVcpu *kv, int r, VcpuExit *exit)
{
    kv->pending = r == 0;
    apic_from_run(kv);
    if (r == -EINTR || r == -EAGAIN) {
        __atomic_store_n(&kv->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        return true;
    }
    if (r < 0) {
        char *why = g_strdup_printf("KVM_RUN fails: %s", strerror(-r));
        *exit = kvm_cannot_run(kv, why);
        g_free(why);
        return false;
    }
    uint64_t begin = __rdtsc();
    unsigned reason = MIN(kv->run->exit_reason, KVM_EXIT_KINDS - 1u);
    bool on = kvm_handle_exit(kv, exit);
    kvm_count(&kv->exits[reason], begin);
    return on;
}

VcpuExit kvm_run_vcpu(Vcpu *vcpu)
{
    KvmVcpu *kv = kvm_vcpu(vcpu);
    VcpuExit exit = VCPU_EXIT_KICK;

    adopt_thread(kv);
    for (;;) {
        if (__atomic_load_n(&vcpu->kick, __ATOMIC_SEQ_CST)) {
            return VCPU_EXIT_KICK;
        }
        if (!take_signals(kv) || (kv->shutdown && !kv->home)) {
            return VCPU_EXIT_HALT;
        }
        const MachineDebug *debug = kv->vm->machine->debug;
        if (debug && debug->generation != kv->debug_seen) {
            kvm_pull(vcpu);
            kvm_debug_update(kv, kv->stepping);
        }
        if (kv->home && !kvm_push(kv)) {
            return VCPU_EXIT_CANNOT_RUN;
        }
        if (kv->vm->mode != IRQCHIP_ON) {
            offer_interrupt(kv);
            apic_to_run(kv);
        }
        if (!after_run(kv, kvm_enter(kv), &exit)) {
            return exit;
        }
    }
}
