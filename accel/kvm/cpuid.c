/*
 * CPUID: what KVM can give (KVM_GET_SUPPORTED_CPUID), and giving a vCPU its model's (KVM_SET_CPUID2).
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct kvm_cpuid2 *cpuid2_new(unsigned entries)
{
    struct kvm_cpuid2 *c = g_malloc0(sizeof(*c) + entries * sizeof(c->entries[0]));
    c->nent = entries;
    return c;
}

/* Kernels before 5.11 tell this only of a vCPU, and there is none yet: one that is there for the question. */
static bool ask_vcpu(const KvmVm *vm, struct kvm_cpuid2 *c)
{
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};
    uint16_t versions = 0;
    struct kvm_enable_cap evmcs = {.cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
                                   .args = {(uintptr_t)&versions}};
    int vm_fd = ioctl(vm->dev_fd, KVM_CREATE_VM, 0);
    int fd = vm_fd < 0 ? -1 : ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0);
    bool ok;

    fd = fd < 0 ? -1 : ioctl(vm_fd, KVM_CREATE_VCPU, 0);
    ioctl(fd, KVM_ENABLE_CAP, &synic); /* what it is not asked to have, it does not tell of */
    ioctl(fd, KVM_ENABLE_CAP, &evmcs);
    ok = ioctl(fd, KVM_GET_SUPPORTED_HV_CPUID, c) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (vm_fd >= 0) {
        close(vm_fd);
    }
    return ok;
}

/* Hyper-V's leaves, which are apart because their numbers begin like KVM's. */
static void read_hyperv(KvmVm *vm)
{
    struct kvm_cpuid2 *c = cpuid2_new(32);
    bool whole = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_SYS_HYPERV_CPUID) > 0;

    if (whole ? ioctl(vm->dev_fd, KVM_GET_SUPPORTED_HV_CPUID, c) == 0 : ask_vcpu(vm, c)) {
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

/* What KVM has only if it is asked to. */
static bool enable_hyperv(KvmVcpu *kv, const X86Cpuid *table, GError **error)
{
    const X86CpuidEntry *features = x86_cpuid_find(table, 0x40000003, 0);
    const X86CpuidEntry *advice = x86_cpuid_find(table, 0x40000004, 0);
    uint16_t versions = 0;
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};
    struct kvm_enable_cap evmcs = {.cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
                                   .args = {(uintptr_t)&versions}};
    struct kvm_enable_cap enforce = {.cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = {1}};

    if (features && (features->reg[X86_EAX] & 1u << 2)) {
        ioctl(kv->fd, KVM_ENABLE_CAP, &synic);
    }
    if (advice && (advice->reg[X86_EAX] & 1u << 14) && ioctl(kv->fd, KVM_ENABLE_CAP, &evmcs) < 0) {
        return error_set_errno(error, errno, "-cpu: KVM refuses hv_evmcs; leave it out");
    }
    if (x86_cpu_enforces_hyperv(kv->vcpu) && ioctl(kv->fd, KVM_ENABLE_CAP, &enforce) < 0) {
        return error_set_errno(error, errno, "-cpu: KVM refuses hv_enforce_cpuid; leave it out");
    }
    return true;
}

bool kvm_set_cpuid(KvmVcpu *kv, GError **error)
{
    const X86Cpuid *table = x86_cpu_cpuid_table(kv->vcpu);

    if (!enable_hyperv(kv, table, error)) {
        return false;
    }
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
