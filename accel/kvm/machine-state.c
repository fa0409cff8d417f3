/*
 * The state of a virtual machine in the kernel that belongs to no processor: its clock, and 8259s, I/O APIC and
 * 8254 where the kernel has them. A device, so that it is reset and saved like others.
 *
 * Guest time stands still while the machine is stopped: kvmclock goes on from where it was, and the time-stamp
 * counters' offsets are moved by the time that passed, all by the same, so that they stay in step.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include "softmmu/device.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#define CHIP_SIZE sizeof(((struct kvm_irqchip *)0)->chip)

typedef struct Chips {
    uint8_t chip[KVM_NR_IRQCHIPS][CHIP_SIZE];
    uint8_t pit[sizeof(struct kvm_pit_state2)];
} Chips;

typedef struct KvmState {
    Device dev;
    KvmVm *vm;
    uint64_t clock; /* kvmclock when the machine stopped, in ns */
    bool clock_valid;
    uint64_t stopped_at; /* the host's time-stamp counter; 0: not stopped */
    Chips saved, fresh;  /* fresh: after a reset */
} KvmState;

/* ---- Interrupt controllers and timer ---- */

static bool get_chips(const KvmVm *vm, Chips *c)
{
    for (unsigned i = 0; i < KVM_NR_IRQCHIPS; i++) {
        struct kvm_irqchip chip = {.chip_id = i};
        if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip) < 0) {
            return false;
        }
        memcpy(c->chip[i], &chip.chip, CHIP_SIZE);
    }
    return ioctl(vm->fd, KVM_GET_PIT2, c->pit) == 0;
}

static bool set_chips(KvmVm *vm, const Chips *c)
{
    memset(vm->levels, KVM_LEVEL_UNKNOWN, sizeof(vm->levels)); /* devices set them again */
    for (unsigned i = 0; i < KVM_NR_IRQCHIPS; i++) {
        struct kvm_irqchip chip = {.chip_id = i};
        memcpy(&chip.chip, c->chip[i], CHIP_SIZE);
        if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip) < 0) {
            return false;
        }
    }
    return ioctl(vm->fd, KVM_SET_PIT2, c->pit) == 0;
}

static void state_reset(Device *dev)
{
    KvmState *s = container_of(dev, KvmState, dev);
    if (s->vm->mode == IRQCHIP_ON) {
        set_chips(s->vm, &s->fresh);
    }
}

/* ---- Time ---- */

static void stop_time(KvmState *s)
{
    struct kvm_clock_data clock = {0};

    if (s->stopped_at || ioctl(s->vm->fd, KVM_GET_CLOCK, &clock) < 0) {
        return;
    }
    s->clock = clock.clock;
    s->clock_valid = true;
    s->stopped_at = __rdtsc();
}

/* Moves the counter of one processor back by what it would have counted in @ticks of the host's. */
static void shift_tsc(const KvmVcpu *kv, uint64_t ticks)
{
    uint64_t offset, khz = x86_cpu_tsc_khz(kv->vcpu), host_khz = kv->vm->tsc_khz;
    struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
                                   .attr = KVM_VCPU_TSC_OFFSET,
                                   .addr = (uintptr_t)&offset};

    if (ioctl(kv->fd, KVM_GET_DEVICE_ATTR, &attr) == 0) {
        offset -= khz == host_khz || !host_khz
                      ? ticks
                      : (uint64_t)((unsigned __int128)ticks * khz / host_khz);
        ioctl(kv->fd, KVM_SET_DEVICE_ATTR, &attr);
    }
}

static void start_time(KvmState *s)
{
    struct kvm_clock_data clock = {.clock = s->clock};
    uint64_t ticks = s->stopped_at ? __rdtsc() - s->stopped_at : 0;
    Machine *machine = s->vm->machine;

    for (unsigned i = 0; s->stopped_at && i < machine->ncpus; i++) {
        shift_tsc(kvm_vcpu(machine->cpus[i]), ticks);
        ioctl(kvm_vcpu(machine->cpus[i])->fd, KVM_KVMCLOCK_CTRL, 0); /* fails if it is not in use */
    }
    if (s->clock_valid) {
        ioctl(s->vm->fd, KVM_SET_CLOCK, &clock);
    }
    s->stopped_at = 0;
}

static void run_state_changed(void *opaque, RunState state)
{
    KvmState *s = opaque;

    if (state == RUN_STATE_RUNNING) {
        start_time(s);
    } else {
        stop_time(s);
    }
}

/* ---- The device ---- */

static void pre_save(void *opaque)
{
    KvmState *s = opaque;

    stop_time(s);
    if (s->vm->mode == IRQCHIP_ON) {
        get_chips(s->vm, &s->saved);
    }
}

static bool post_load(void *opaque, GError **error)
{
    KvmState *s = opaque;

    s->stopped_at = 0; /* the counters are loaded with the processors */
    return s->vm->mode != IRQCHIP_ON || set_chips(s->vm, &s->saved) ||
           error_set_errno(error, errno, "KVM refuses the snapshot's interrupt controllers");
}

static const VmField chip_fields[] = {
    {"chip", VM_U8, offsetof(Chips, chip), KVM_NR_IRQCHIPS *CHIP_SIZE, 1, NULL},
    VM_ARRAY_U8(Chips, pit),
    VM_FIELD_END(),
};
static const VmDesc chips_desc = {.name = "chips", .fields = chip_fields};

static const VmField state_fields[] = {
    VM_FIELD_U64(KvmState, clock),
    VM_FIELD_BOOL(KvmState, clock_valid),
    VM_FIELD_STRUCT(KvmState, saved, &chips_desc),
    VM_FIELD_END(),
};

static const VmDesc state_desc = {.name = "kvm",
                                  .fields = state_fields,
                                  .pre_save = pre_save,
                                  .post_load = post_load};

static void state_finalize(Device *dev)
{
    KvmState *s = container_of(dev, KvmState, dev);
    machine_remove_state_listener(dev->machine, run_state_changed, s);
}

static const DeviceOps state_ops = {.name = "kvm-state",
                                    .reset = state_reset,
                                    .vmstate = &state_desc,
                                    .finalize = state_finalize};

void kvm_state_new(KvmVm *vm)
{
    KvmState *s = device_new(vm->machine, &state_ops, sizeof(*s), NULL);

    s->vm = vm;
    if (vm->mode == IRQCHIP_ON) {
        get_chips(vm, &s->fresh);
    }
    machine_add_state_listener(vm->machine, run_state_changed, s);
}
