/*
 * CPUID: what KVM can give (KVM_GET_SUPPORTED_CPUID), and giving a vCPU its model's (KVM_SET_CPUID2).
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static struct kvm_cpuid2 *cpuid2_new(unsigned entries)
{
    struct kvm_cpuid2 *c = g_malloc0(sizeof(*c) + entries * sizeof(c->entries[0]));
    c->nent = entries;
    return c;
}

/* Hyper-V's leaves, which are apart because their numbers begin like KVM's. */
static void read_hyperv(KvmVm *vm)
{
    struct kvm_cpuid2 *c = cpuid2_new(32);

    if (ioctl(vm->dev_fd, KVM_GET_SUPPORTED_HV_CPUID, c) == 0) {
        for (unsigned i = 0; i < c->nent; i++) {
            const struct kvm_cpuid_entry2 *e = &c->entries[i];
            uint32_t reg[4] = {e->eax, e->ebx, e->ecx, e->edx};
            if (e->function >= 0x40000003) {
                x86_cpuid_set(&vm->cpuid, e->function, e->index, false, reg);
            }
        }
    }
    g_free(c);
}

bool kvm_read_cpuid(KvmVm *vm, GError **error)
{
    struct kvm_cpuid2 *c = cpuid2_new(X86_CPUID_MAX);

    if (ioctl(vm->dev_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
        g_free(c);
        return error_set_errno(error, errno, "-accel kvm: KVM does not tell its CPUID");
    }
    for (unsigned i = 0; i < c->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &c->entries[i];
        uint32_t reg[4] = {e->eax, e->ebx, e->ecx, e->edx};
        x86_cpuid_set(&vm->cpuid, e->function, e->index, e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                      reg);
    }
    g_free(c);
    read_hyperv(vm);
    return true;
}

const X86Cpuid *kvm_host_cpuid(Machine *machine)
{
    return machine->accel && machine->accel->kvm ? &machine->accel->kvm->cpuid : NULL;
}

/* The synthetic interrupt controller is there only if it is asked for. */
static void enable_hyperv(KvmVcpu *kv, const X86Cpuid *table)
{
    const X86CpuidEntry *e = x86_cpuid_find(table, 0x40000003, 0);
    struct kvm_enable_cap cap = {.cap = KVM_CAP_HYPERV_SYNIC2};

    if (e && (e->reg[X86_EAX] & 1u << 2)) {
        ioctl(kv->fd, KVM_ENABLE_CAP, &cap);
    }
}

bool kvm_set_cpuid(KvmVcpu *kv, GError **error)
{
    const X86Cpuid *table = x86_cpu_cpuid_table(kv->vcpu);

    enable_hyperv(kv, table);
    struct kvm_cpuid2 *c = cpuid2_new(table->n);

    for (unsigned i = 0; i < table->n; i++) {
        const X86CpuidEntry *e = &table->entries[i];
        c->entries[i] = (struct kvm_cpuid_entry2){
            .function = e->leaf,
            .index = e->subleaf,
            .flags = e->indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
            .eax = e->reg[X86_EAX],
            .ebx = e->reg[X86_EBX],
            .ecx = e->reg[X86_ECX],
            .edx = e->reg[X86_EDX],
        };
    }
    int r = ioctl(kv->fd, KVM_SET_CPUID2, c);
    g_free(c);
    return r == 0 ||
           error_set_errno(error, errno, "-accel kvm: KVM refuses the CPUID of this -cpu");
}
