/*
 * The KVM engine: a virtual machine of the host's kernel for each of ours, its parts put together.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Pages that KVM on Intel processors takes for itself: below the flash, above the APICs. */
#define IDENTITY_MAP 0xfeffc000u
#define TSS_ADDR 0xfeffd000u

/* ---- The machine ---- */

static int capability(const KvmVm *vm, int cap)
{
    int r = ioctl(vm->fd, KVM_CHECK_EXTENSION, cap);
    return MAX(r, 0);
}

static void enable(KvmVm *vm, unsigned cap, uint64_t arg)
{
    struct kvm_enable_cap request = {.cap = cap, .args = {arg}};
    ioctl(vm->fd, KVM_ENABLE_CAP, &request);
}

static void find_capabilities(KvmVm *vm)
{
    vm->run_size = ioctl(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    vm->sync_regs = (capability(vm, KVM_CAP_SYNC_REGS) & KVM_SYNC_X86_VALID_FIELDS) ==
                    KVM_SYNC_X86_VALID_FIELDS;
    vm->sregs2 = capability(vm, KVM_CAP_SREGS2);
    vm->any_length = capability(vm, KVM_CAP_IOEVENTFD_ANY_LENGTH);
    if (capability(vm, KVM_CAP_EXCEPTION_PAYLOAD)) {
        enable(vm, KVM_CAP_EXCEPTION_PAYLOAD, 1);
        vm->payload = true;
    }
    if (capability(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT)) {
        enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1);
        vm->triple_fault = true;
    }
    vm->tsc_control = capability(vm, KVM_CAP_TSC_CONTROL);
    int debug = capability(vm, KVM_CAP_SET_GUEST_DEBUG2);
    vm->blockirq = debug & KVM_GUESTDBG_BLOCKIRQ;
}

static bool set_kernel_pages(KvmVm *vm, GError **error)
{
    uint64_t map = IDENTITY_MAP;
    if (capability(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR)) {
        ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map);
    }
    return ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) == 0 ||
           error_set_errno(error, errno, "-accel kvm: KVM refuses its pages at 0x%x", TSS_ADDR);
}

static void free_vm(KvmVm *vm)
{
    kvm_irqchip_fini(vm);
    if (vm->fd >= 0) {
        close(vm->fd);
    }
    if (vm->dev_fd >= 0) {
        close(vm->dev_fd);
    }
    g_ptr_array_free(vm->doorbells, true);
    g_mutex_clear(&vm->patch_lock);
    g_mutex_clear(&vm->gate_lock);
    g_cond_clear(&vm->gate_moved);
    g_free(vm->msrs);
    g_free(vm);
}

static bool kvm_init(Accel *accel, GError **error)
{
    KvmVm *vm = g_new0(KvmVm, 1);

    vm->machine = accel->machine;
    vm->doorbells = g_ptr_array_new();
    g_mutex_init(&vm->patch_lock);
    g_mutex_init(&vm->gate_lock);
    g_cond_init(&vm->gate_moved);
    vm->dev_fd = kvm_open(&kvm_this_host, accel->config.force, error);
    vm->fd = vm->dev_fd < 0 ? -1 : kvm_create_vm(&kvm_this_host, vm->dev_fd, error);
    if (vm->fd < 0 || !set_kernel_pages(vm, error) || !kvm_read_cpuid(vm, error)) {
        free_vm(vm);
        return false;
    }
    find_capabilities(vm);
    accel->kvm = vm;
    memory_map_add_listener(accel->machine->memory, kvm_memory_update, vm);
    memory_map_add_listener(accel->machine->io, kvm_doorbells_update, vm);
    memory_map_set_dirty_source(accel->machine->memory, kvm_take_dirty, vm);
    memory_map_set_flush(accel->machine->memory, kvm_coalesced_flush, vm);
    memory_map_set_flush(accel->machine->io, kvm_coalesced_flush, vm);
    return true;
}

static void kvm_fini(Accel *accel)
{
    accel->kvm->ready = false;
    memory_map_set_dirty_source(accel->machine->memory, NULL, NULL);
    memory_map_set_flush(accel->machine->memory, NULL, NULL);
    memory_map_set_flush(accel->machine->io, NULL, NULL);
    kvm_doorbells_clear(accel->kvm);
    free_vm(accel->kvm);
    accel->kvm = NULL;
}

static bool kvm_supports(const GuestArch *arch)
{
    return !strcmp(arch->name, "x86_64");
}

static bool kvm_machine_init(Accel *accel, GError **error)
{
    if (!kvm_irqchip_init(accel->kvm, error)) {
        return false;
    }
    kvm_state_new(accel->kvm);
    return true;
}

/* ---- Its processors ---- */

static void on_kick_signal(int number)
{
}

/* The signal that interrupts KVM_RUN; without SA_RESTART. */
static void install_kick_signal(void)
{
    struct sigaction action = {.sa_handler = on_kick_signal};
    sigaction(KVM_KICK_SIGNAL, &action, NULL);
}

static bool create_vcpu(KvmVcpu *kv, GError **error)
{
    kv->fd = ioctl(kv->vm->fd, KVM_CREATE_VCPU, (unsigned long)x86_cpu_apic_id(kv->vcpu));
    if (kv->fd < 0) {
        return error_set_errno(error, errno,
                               "-accel kvm: KVM makes no CPU %u; give fewer with -smp",
                               kv->vcpu->index);
    }
    kv->run = mmap(NULL, kv->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, kv->fd, 0);
    if (kv->run == MAP_FAILED) {
        kv->run = NULL;
        return error_set_errno(error, errno, "-accel kvm: cannot map the state of CPU %u",
                               kv->vcpu->index);
    }
    return true;
}

/* The counter's frequency, if -cpu says one. */
static bool set_tsc_khz(KvmVcpu *kv, GError **error)
{
    uint64_t wanted = x86_cpu_wanted_tsc_khz(kv->vcpu);
    int here = ioctl(kv->fd, KVM_GET_TSC_KHZ, 0);

    kv->vm->tsc_khz = MAX(here, 0);
    if (!wanted || (kv->vm->tsc_control && ioctl(kv->fd, KVM_SET_TSC_KHZ, wanted) == 0) ||
        kvm_tsc_is_near(wanted, kv->vm->tsc_khz)) {
        return true;
    }
    return error_set(
        error,
        "-cpu: this host's time-stamp counter has %.3f MHz and cannot be scaled to %.3f; "
        "leave tsc-frequency out",
        kv->vm->tsc_khz / 1000.0, wanted / 1000.0);
}

static bool kvm_vcpu_init(Vcpu *vcpu, GError **error)
{
    KvmVm *vm = accel_vcpu(vcpu)->accel->kvm;
    KvmVcpu *kv = g_new0(KvmVcpu, 1);

    accel_vcpu(vcpu)->kvm = kv;
    kv->vm = vm;
    kv->vcpu = vcpu;
    kv->fd = -1;
    kv->run_size = vm->run_size;
    kv->home = true;
    kv->shadow = aligned_alloc(64, align_up(sizeof(X86State), 64));
    memset(kv->shadow, 0, sizeof(X86State));
    if (!create_vcpu(kv, error) || !set_tsc_khz(kv, error) || !kvm_set_cpuid(kv, error)) {
        return false;
    }
    if (vcpu->index == 0) {
        install_kick_signal();
        kvm_coalesced_init(vm, kv);
        vm->ready = true;
        kvm_memory_update(vm);
        if (!kvm_list_msrs(vm, kv->fd, error)) {
            return false;
        }
    }
    return kvm_first_state(kv, error);
}

static void kvm_vcpu_fini(Vcpu *vcpu)
{
    KvmVcpu *kv = kvm_vcpu(vcpu);

    if (!kv) {
        return;
    }
    if (kv->run) {
        munmap(kv->run, kv->run_size);
    }
    if (kv->fd >= 0) {
        close(kv->fd);
    }
    free(kv->shadow);
    g_free(kv);
}

/* From state to state: run() does what is to be done when it is next called. */
static void kvm_take_over(Vcpu *vcpu)
{
    kvm_vcpu(vcpu)->home = true;
}

const AccelOps kvm_engine = {
    .name = "kvm",
    .desc = "the host's processor itself, through KVM",
    .native = true,
    .init = kvm_init,
    .fini = kvm_fini,
    .supports = kvm_supports,
    .machine_init = kvm_machine_init,
    .vcpu_init = kvm_vcpu_init,
    .vcpu_fini = kvm_vcpu_fini,
    .run = kvm_run_vcpu,
    .step = kvm_step_vcpu,
    .kick = kvm_kick_vcpu,
    .push = kvm_take_over,
    .pull = kvm_pull,
};
