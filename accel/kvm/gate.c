/*
 * The gate before the kernel's guest mode: memory slots that vCPUs use change only while none is inside.
 *
 * The kernel cannot change where a slot begins or ends: it is deleted and another is added. A vCPU that runs
 * meanwhile has no memory there: what it stores or loads becomes an MMIO exit, which loses LOCK; where
 * it fetches an instruction or walks page tables nothing can go on. So who changes slots closes the gate, which has vCPUs
 * leave KVM_RUN and keeps them from entering again.
 *
 * Nobody waits at the gate with the machine lock held, and nobody who waits for the machine lock (in an exit, say) is
 * inside. So the gate may be closed with the machine lock held, also by a vCPU's own thread in an exit.
 *
 * `inside` and `gate_closed` are set before the other is looked at, so one of the two sees the other.
 */
#include "accel/kvm/kvm.h"

static bool is_closed(const KvmVm *vm)
{
    return __atomic_load_n(&vm->gate_closed, __ATOMIC_SEQ_CST);
}

static void tell(KvmVm *vm)
{
    g_mutex_lock(&vm->gate_lock);
    g_cond_broadcast(&vm->gate_moved);
    g_mutex_unlock(&vm->gate_lock);
}

void kvm_gate_enter(KvmVcpu *kv)
{
    KvmVm *vm = kv->vm;

    __atomic_store_n(&kv->inside, true, __ATOMIC_SEQ_CST);
    while (is_closed(vm)) {
        kvm_gate_leave(kv);
        g_mutex_lock(&vm->gate_lock);
        while (is_closed(vm)) {
            g_cond_wait(&vm->gate_moved, &vm->gate_lock);
        }
        g_mutex_unlock(&vm->gate_lock);
        __atomic_store_n(&kv->inside, true, __ATOMIC_SEQ_CST);
    }
}

void kvm_gate_leave(KvmVcpu *kv)
{
    __atomic_store_n(&kv->inside, false, __ATOMIC_SEQ_CST);
    if (is_closed(kv->vm)) {
        tell(kv->vm);
    }
}

/* One that is inside; NULL: there is none, or none that has a state in the kernel yet. */
static Vcpu *somebody_inside(const KvmVm *vm, unsigned from)
{
    const Machine *machine = vm->machine;

    for (unsigned i = from; i < machine->ncpus; i++) {
        const AccelVcpu *av = accel_vcpu(machine->cpus[i]);
        if (av && av->kvm && __atomic_load_n(&av->kvm->inside, __ATOMIC_SEQ_CST)) {
            return machine->cpus[i];
        }
    }
    return NULL;
}

void kvm_gate_close(KvmVm *vm)
{
    g_mutex_lock(&vm->gate_lock);
    while (is_closed(vm)) {
        g_cond_wait(&vm->gate_moved, &vm->gate_lock);
    }
    __atomic_store_n(&vm->gate_closed, true, __ATOMIC_SEQ_CST);
    Vcpu *vcpu = somebody_inside(vm, 0);
    while (vcpu) {
        kvm_kick_vcpu(vcpu);
        vcpu = somebody_inside(vm, vcpu->index + 1);
    }
    while (somebody_inside(vm, 0)) {
        g_cond_wait(&vm->gate_moved, &vm->gate_lock);
    }
    g_mutex_unlock(&vm->gate_lock);
}

void kvm_gate_open(KvmVm *vm)
{
    __atomic_store_n(&vm->gate_closed, false, __ATOMIC_SEQ_CST);
    tell(vm);
}
