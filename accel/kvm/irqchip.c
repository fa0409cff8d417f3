/*
 * Interrupt controllers in the kernel, for -machine kernel_irqchip=on, split or off; see softmmu/irqchip.h for
 * what each means, and what the board does.
 *
 * Lines and messages are ioctls (KVM_IRQ_LINE, KVM_SIGNAL_MSI). Routes (KVM_SET_GSI_ROUTING) say where a line
 * leads: to the kernel's 8259s and I/O APIC, or as the message that the board's I/O APIC would send, from which
 * KVM learns which vectors need an exit when they end.
 */
#include "accel/kvm/kvm.h"
#include "cpu/x86/msr.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIC_LINES 16
#define TIMER_PIN 2 /* of the I/O APIC, where line 0 leads */
#define MAX_ROUTES (PIC_LINES + IRQCHIP_GSIS + IRQCHIP_MAX_FDS)

static KvmVm *vm_of(Machine *machine)
{
    return machine->accel->kvm;
}

/* ---- Routes ---- */

static void add_chip_route(struct kvm_irq_routing *table, unsigned gsi, unsigned chip, unsigned pin)
{
    table->entries[table->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
}

static void add_chip_routes(struct kvm_irq_routing *table)
{
    for (unsigned i = 0; i < PIC_LINES; i++) {
        if (i != 2) { /* the cascade */
            add_chip_route(table, i, i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i % 8);
        }
    }
    for (unsigned i = 0; i < IRQCHIP_GSIS; i++) {
        if (i != TIMER_PIN) {
            add_chip_route(table, i, KVM_IRQCHIP_IOAPIC, i ? i : TIMER_PIN);
        }
    }
}

static void add_message_routes(struct kvm_irq_routing *table, const KvmRoute *routes, unsigned n,
                               unsigned first)
{
    for (unsigned i = 0; i < n; i++) {
        if (routes[i].valid) {
            table->entries[table->nr++] = (struct kvm_irq_routing_entry){
                .gsi = first + i,
                .type = KVM_IRQ_ROUTING_MSI,
                .u.msi = {.address_lo = routes[i].addr,
                          .address_hi = routes[i].addr >> 32,
                          .data = routes[i].data},
            };
        }
    }
}

static bool set_routing(KvmVm *vm)
{
    struct kvm_irq_routing *table =
        g_malloc0(sizeof(*table) + MAX_ROUTES * sizeof(table->entries[0]));

    if (vm->mode == IRQCHIP_ON) {
        add_chip_routes(table);
    } else {
        add_message_routes(table, vm->pins, IRQCHIP_GSIS, 0);
    }
    add_message_routes(table, vm->fd_routes, IRQCHIP_MAX_FDS, IRQCHIP_GSIS);
    bool ok = ioctl(vm->fd, KVM_SET_GSI_ROUTING, table) == 0;
    g_free(table);
    return ok;
}

/* ---- What the board asks for ---- */

/* Devices set their lines at most accesses, mostly to what they are. */
static void set_gsi(Machine *machine, unsigned gsi, bool level)
{
    KvmVm *vm = vm_of(machine);
    struct kvm_irq_level line = {.irq = gsi, .level = level};

    if (vm->levels[gsi] != level && ioctl(vm->fd, KVM_IRQ_LINE, &line) == 0) {
        vm->levels[gsi] = level;
    }
}

static void connect_pit(Machine *machine, bool on)
{
    KvmVm *vm = vm_of(machine);
    struct kvm_pit_state2 pit;
    uint32_t flag = on ? 0 : KVM_PIT_FLAGS_HPET_LEGACY;

    /* Not without need: it starts the counters again. */
    if (ioctl(vm->fd, KVM_GET_PIT2, &pit) == 0 && (pit.flags & KVM_PIT_FLAGS_HPET_LEGACY) != flag) {
        pit.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
        ioctl(vm->fd, KVM_SET_PIT2, &pit);
    }
}

static void send_msi(Machine *machine, uint64_t addr, uint32_t data)
{
    struct kvm_msi msi = {.address_lo = addr, .address_hi = addr >> 32, .data = data};
    ioctl(vm_of(machine)->fd, KVM_SIGNAL_MSI, &msi);
}

static void set_route(Machine *machine, unsigned pin, uint64_t addr, uint32_t data, bool masked)
{
    KvmVm *vm = vm_of(machine);
    KvmRoute route = {!masked, addr, data};

    if (memcmp(&vm->pins[pin], &route, sizeof(route)) != 0) {
        vm->pins[pin] = route;
        set_routing(vm);
    }
}

static void set_extint(Machine *machine, bool level)
{
    KvmVm *vm = vm_of(machine);

    if (__atomic_exchange_n(&vm->extint, level, __ATOMIC_SEQ_CST) != level && level &&
        machine->ncpus) {
        vcpu_kick(machine->cpus[0]);
    }
}

/* ---- Messages by eventfd ---- */

static int open_msi(Machine *machine, unsigned *n)
{
    KvmVm *vm = vm_of(machine);

    for (unsigned i = 0; i < IRQCHIP_MAX_FDS; i++) {
        if (!vm->fds[i]) {
            int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
            vm->fds[i] = fd > 0 ? fd : 0;
            *n = i;
            return fd;
        }
    }
    return -1;
}

static void bind_fd(KvmVm *vm, unsigned n, bool on)
{
    struct kvm_irqfd request = {.fd = vm->fds[n],
                                .gsi = IRQCHIP_GSIS + n,
                                .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN};
    if (vm->fd_bound[n] != on && ioctl(vm->fd, KVM_IRQFD, &request) == 0) {
        vm->fd_bound[n] = on;
    }
}

static bool set_msi(Machine *machine, unsigned n, uint64_t addr, uint32_t data)
{
    KvmVm *vm = vm_of(machine);
    KvmRoute route = {true, addr, data};

    if (memcmp(&vm->fd_routes[n], &route, sizeof(route)) != 0) {
        vm->fd_routes[n] = route;
        if (!set_routing(vm)) {
            return false;
        }
    }
    bind_fd(vm, n, true);
    return vm->fd_bound[n];
}

static void close_msi(Machine *machine, unsigned n)
{
    KvmVm *vm = vm_of(machine);

    bind_fd(vm, n, false);
    close(vm->fds[n]);
    vm->fds[n] = 0;
    vm->fd_routes[n] = (KvmRoute){0};
}

static const IrqchipOps on_ops = {
    .set_gsi = set_gsi,
    .connect_pit = connect_pit,
    .send_msi = send_msi,
    .open_msi = open_msi,
    .set_msi = set_msi,
    .close_msi = close_msi,
};
static const IrqchipOps split_ops = {
    .send_msi = send_msi,
    .set_route = set_route,
    .extint = set_extint,
    .open_msi = open_msi,
    .set_msi = set_msi,
    .close_msi = close_msi,
};

/* ---- Making them ---- */

static bool read_mode(Machine *machine, IrqchipMode *mode, GError **error)
{
    Options *opts = machine->config.machine_opts;
    const char *text = opts ? options_get(opts, "kernel_irqchip", "on") : "on";

    if (!strcmp(text, "on")) {
        *mode = IRQCHIP_ON;
    } else if (!strcmp(text, "split")) {
        *mode = IRQCHIP_SPLIT;
    } else if (!strcmp(text, "off")) {
        *mode = IRQCHIP_OFF;
    } else {
        return error_set(error, "-machine: kernel_irqchip is on, split or off, not '%s'", text);
    }
    return true;
}

static bool create_all(KvmVm *vm, GError **error)
{
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

    if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 || ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0) {
        return error_set_errno(error, errno,
                               "-accel kvm: this KVM has no interrupt controllers; use "
                               "-machine kernel_irqchip=off");
    }
    return set_routing(vm) ||
           error_set_errno(error, errno, "-accel kvm: KVM refuses interrupt routes");
}

static bool create_split(KvmVm *vm, GError **error)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IRQCHIP_GSIS}};

    return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) == 0 ||
           error_set_errno(error, errno,
                           "-accel kvm: this KVM cannot split its interrupt controllers; "
                           "use -machine kernel_irqchip=on");
}

/* Without local APICs in the kernel, accesses to their registers as MSRs come to us: those that the kernel does
 * not know by themselves, and the timer's deadline, which it would swallow, by a filter. */
static void set_msr_exits(KvmVm *vm)
{
    uint64_t reasons = KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER;
    uint8_t denied[8] = {0};
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges = {{.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                    .base = X86_MSR_TSC_DEADLINE,
                    .nmsrs = 1,
                    .bitmap = denied}},
    };
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args = {reasons | (vm->mode == IRQCHIP_OFF ? KVM_MSR_EXIT_REASON_INVAL : 0)},
    };

    if (ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_USER_SPACE_MSR) > 0) {
        ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
        if (vm->mode == IRQCHIP_OFF) {
            ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
        }
    }
}

static void change_word(X86Cpuid *cpuid, uint32_t leaf, unsigned reg, uint32_t clear, uint32_t set)
{
    const X86CpuidEntry *e = x86_cpuid_find(cpuid, leaf, 0);

    if (e) {
        uint32_t regs[4];
        memcpy(regs, e->reg, sizeof(regs));
        regs[reg] = (regs[reg] & ~clear) | set;
        x86_cpuid_set(cpuid, leaf, 0, false, regs);
    }
}

/* What KVM offers and does with its own local APICs: without them an IPI by hypercall, say, reaches nobody.
 * Bits: Linux, Documentation/virt/kvm/x86/cpuid.rst; TLFS 6.0b, section 2.4. */
static void hide_what_needs_apics(X86Cpuid *cpuid)
{
    const uint32_t pv_eoi = 1u << 6, pv_unhalt = 1u << 7, pv_ipi = 1u << 11,
                   async_pf_int = 1u << 14;
    const uint32_t hv_synic = 1u << 2, hv_stimer = 1u << 3, hv_apic = 1u << 4,
                   hv_stimer_direct = 1u << 19;
    const uint32_t advice_apic = 1u << 3, advice_ipi = 1u << 10;

    change_word(cpuid, 0x40000001, X86_EAX, pv_eoi | pv_unhalt | pv_ipi | async_pf_int, 0);
    change_word(cpuid, 0x40000003, X86_EAX, hv_synic | hv_stimer | hv_apic, 0);
    change_word(cpuid, 0x40000003, X86_EDX, hv_stimer_direct, 0);
    change_word(cpuid, 0x40000004, X86_EAX, advice_apic | advice_ipi, 0);
}

/* The deadline timer goes with local APICs in the kernel, too; there KVM does not list it. */
static void adapt_cpuid(KvmVm *vm)
{
    const uint32_t deadline = 1u << 24;
    bool there = vm->mode != IRQCHIP_OFF &&
                 ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

    change_word(&vm->cpuid, 1, X86_ECX, deadline, there ? deadline : 0);
    if (vm->mode == IRQCHIP_OFF) {
        hide_what_needs_apics(&vm->cpuid);
    }
}

/* Destinations of 32 bits, where an IOMMU remaps messages; and the ids of local APICs in x2APIC mode as the
 * manual has them. */
static bool widen_ids(KvmVm *vm, GError **error)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_X2APIC_API,
        .args = {KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK},
    };

    return ioctl(vm->fd, KVM_ENABLE_CAP, &cap) == 0 ||
           error_set_errno(error, errno,
                           "-accel kvm: this KVM has local APICs without 32-bit ids; use "
                           "-machine kernel_irqchip=off");
}

bool kvm_irqchip_init(KvmVm *vm, GError **error)
{
    if (!read_mode(vm->machine, &vm->mode, error)) {
        return false;
    }
    set_msr_exits(vm);
    adapt_cpuid(vm);
    if (vm->mode == IRQCHIP_OFF) {
        return true;
    }
    vm->irqchip.mode = vm->mode;
    vm->irqchip.ops = vm->mode == IRQCHIP_ON ? &on_ops : &split_ops;
    vm->machine->irqchip = &vm->irqchip;
    return (vm->mode == IRQCHIP_ON ? create_all(vm, error) : create_split(vm, error)) &&
           widen_ids(vm, error);
}

void kvm_irqchip_fini(KvmVm *vm)
{
    for (unsigned i = 0; i < IRQCHIP_MAX_FDS; i++) {
        if (vm->fds[i]) {
            close(vm->fds[i]);
        }
    }
    vm->machine->irqchip = NULL;
}
