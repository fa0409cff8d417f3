/*
 * What an exit asks for: port and memory accesses through the machine's maps, and the rest.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/log.h"
#include "softmmu/cpus.h"
#include "softmmu/debug.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const exit_names[KVM_EXIT_KINDS] = {
    [KVM_EXIT_UNKNOWN] = "unknown",
    [KVM_EXIT_EXCEPTION] = "exception",
    [KVM_EXIT_IO] = "port",
    [KVM_EXIT_HYPERCALL] = "hypercall",
    [KVM_EXIT_DEBUG] = "debug",
    [KVM_EXIT_HLT] = "halt",
    [KVM_EXIT_MMIO] = "mmio",
    [KVM_EXIT_IRQ_WINDOW_OPEN] = "interrupt window",
    [KVM_EXIT_SHUTDOWN] = "triple fault",
    [KVM_EXIT_FAIL_ENTRY] = "failed entry",
    [KVM_EXIT_INTR] = "signal",
    [KVM_EXIT_SET_TPR] = "task priority",
    [KVM_EXIT_TPR_ACCESS] = "task priority access",
    [KVM_EXIT_NMI] = "nmi",
    [KVM_EXIT_INTERNAL_ERROR] = "internal error",
    [KVM_EXIT_SYSTEM_EVENT] = "system event",
    [KVM_EXIT_IOAPIC_EOI] = "end of interrupt",
    [KVM_EXIT_HYPERV] = "hyper-v",
    [KVM_EXIT_X86_RDMSR] = "rdmsr",
    [KVM_EXIT_X86_WRMSR] = "wrmsr",
    [KVM_EXIT_DIRTY_RING_FULL] = "dirty ring",
    [KVM_EXIT_X86_BUS_LOCK] = "bus lock",
    [KVM_EXIT_NOTIFY] = "notify",
};

/* ---- Accesses ---- */

/* A string instruction comes as several accesses of one size. */
static void handle_io(KvmVcpu *kv)
{
    struct kvm_run *run = kv->run;
    MemoryMap *io = kv->vm->machine->io;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;

    for (unsigned i = 0; i < run->io.count; i++, data += size) {
        uint64_t value = 0;
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, data, size);
            memory_map_write(io, run->io.port, value, size);
        } else {
            memory_map_read(io, run->io.port, &value, size);
            memcpy(data, &value, size);
        }
    }
}

void kvm_bus_access(MemoryMap *map, uint64_t addr, uint8_t *data, unsigned len, bool write)
{
    for (unsigned done = 0, size; done < len; done += size) {
        uint64_t value = 0;
        size = 8;
        while (size > len - done) {
            size /= 2;
        }
        if (write) {
            memcpy(&value, data + done, size);
            memory_map_write(map, addr + done, value, size);
        } else {
            memory_map_read(map, addr + done, &value, size);
            memcpy(data + done, &value, size);
        }
    }
}

static void handle_mmio(KvmVcpu *kv)
{
    struct kvm_run *run = kv->run;

    kvm_bus_access(kv->vm->machine->memory, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
                   run->mmio.is_write);
}

/* ---- Registers that are the board's ---- */

static void handle_msr(KvmVcpu *kv, bool write)
{
    struct kvm_run *run = kv->run;
    X86State *s = x86_state(kv->vcpu);
    uint64_t value = 0;
    bool ok = false;

    if (s->apic_ops) {
        machine_lock(kv->vm->machine);
        ok = write ? s->apic_ops->write_msr(s->apic, run->msr.index, run->msr.data)
                   : s->apic_ops->read_msr(s->apic, run->msr.index, &value);
        machine_unlock(kv->vm->machine);
    }
    if (!write) {
        run->msr.data = value;
    }
    if (!ok) {
        log_guest_error("kvm: CPU %u: %s of MSR 0x%x, which is not there", kv->vcpu->index,
                        write ? "write" : "read", run->msr.index);
    }
    run->msr.error = !ok;
}

static void handle_eoi(KvmVcpu *kv)
{
    Irqchip *chip = &kv->vm->irqchip;

    machine_lock(kv->vm->machine);
    if (chip->eoi) {
        chip->eoi(chip->eoi_opaque, kv->run->eoi.vector);
    }
    machine_unlock(kv->vm->machine);
}

/* ---- The end of the way ---- */

VcpuExit kvm_cannot_run(KvmVcpu *kv, const char *why)
{
    Vcpu *vcpu = kv->vcpu;
    GString *text = g_string_new(NULL);
    uint64_t pc, gpa;

    kv->pending = false;
    kvm_pull(vcpu);
    pc = vcpu->arch->get_pc(vcpu);
    g_string_append_printf(text, "amphi: CPU %u: KVM cannot go on: %s\n", vcpu->index, why);
    vcpu->arch->dump(vcpu, text);
    g_string_append(text, "bytes at RIP:");
    for (unsigned i = 0; i < 16; i++) {
        uint64_t byte;
        MemoryHit hit;
        if (!vcpu->arch->debug_translate(vcpu, pc + i, &gpa) ||
            !memory_map_find(vcpu->machine->memory, gpa, &hit) || !hit.host) {
            g_string_append(text, " (not mapped)");
            break;
        }
        byte = *hit.host;
        g_string_append_printf(text, " %02x", (unsigned)byte);
    }
    g_string_append_c(text, '\n');
    fputs(text->str, stderr);
    g_string_free(text, true);
    return VCPU_EXIT_CANNOT_RUN;
}

static VcpuExit internal_error(KvmVcpu *kv)
{
    static const char *const kinds[] = {"", "an instruction that its emulator does not know",
                                        "two exceptions at once",
                                        "an exit during the delivery of an event",
                                        "an exit that it did not expect"};
    unsigned kind = kv->run->internal.suberror;
    char *why =
        g_strdup_printf("internal error %u%s%s", kind, kind && kind < ARRAY_SIZE(kinds) ? ", " : "",
                        kind < ARRAY_SIZE(kinds) ? kinds[kind] : "");
    VcpuExit exit = kvm_cannot_run(kv, why);
    g_free(why);
    return exit;
}

static VcpuExit failed_entry(KvmVcpu *kv)
{
    char *why = g_strdup_printf("the processor refuses the guest's state (0x%" PRIx64 ")",
                                (uint64_t)kv->run->fail_entry.hardware_entry_failure_reason);
    VcpuExit exit = kvm_cannot_run(kv, why);
    g_free(why);
    return exit;
}

static VcpuExit unknown_exit(KvmVcpu *kv)
{
    char *why = g_strdup_printf("exit reason %u", kv->run->exit_reason);
    VcpuExit exit = kvm_cannot_run(kv, why);
    g_free(why);
    return exit;
}

/* A triple fault resets a PC. */
static VcpuExit triple_fault(KvmVcpu *kv)
{
    log_guest_error("CPU %u: triple fault", kv->vcpu->index);
    kv->shutdown = true;
    kv->pending = false;
    machine_request_reset(kv->vm->machine);
    return VCPU_EXIT_HALT;
}

static VcpuExit system_event(KvmVcpu *kv)
{
    switch (kv->run->system_event.type) {
    case KVM_SYSTEM_EVENT_RESET: machine_request_reset(kv->vm->machine); return VCPU_EXIT_HALT;
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        machine_request_shutdown(kv->vm->machine, 0);
        return VCPU_EXIT_HALT;
    case KVM_SYSTEM_EVENT_CRASH: /* Windows says so of itself (hv_crash), and goes on to write its dump */
        machine_lock(kv->vm->machine);
        machine_guest_panicked(kv->vm->machine);
        machine_unlock(kv->vm->machine);
        return VCPU_EXIT_KICK;
    }
    return unknown_exit(kv);
}

/* Hypercalls that Hyper-V would answer: there is nobody to send messages to. What the guest says of its
 * synthetic interrupt controller, KVM has taken note of. TLFS 6.0b, section 3.8 and appendix B. */
static void handle_hyperv(KvmVcpu *kv)
{
    struct kvm_hyperv_exit *exit = &kv->run->hyperv;
    const unsigned invalid_code = 2;

    if (exit->type == KVM_EXIT_HYPERV_HCALL) {
        exit->u.hcall.result = invalid_code;
    }
}

/* HLT where the local APIC is a device: true if there is nothing to wake up for. */
static bool halts(KvmVcpu *kv)
{
    const X86State *s = x86_state(kv->vcpu);
    bool interrupt =
        (__atomic_load_n(&s->lines, __ATOMIC_SEQ_CST) & 1u << X86_LINE_INTR) && kv->run->if_flag;
    return !interrupt && !__atomic_load_n(&s->signals, __ATOMIC_SEQ_CST);
}

bool kvm_handle_exit(KvmVcpu *kv, VcpuExit *exit)
{
    if (kv->vm->doorbells->len) {
        kvm_coalesced_flush(kv->vm);
    }
    switch (kv->run->exit_reason) {
    case KVM_EXIT_IO: handle_io(kv); return true;
    case KVM_EXIT_MMIO: handle_mmio(kv); return true;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_INTR:
    case KVM_EXIT_SET_TPR: return true;
    case KVM_EXIT_X86_RDMSR: handle_msr(kv, false); return true;
    case KVM_EXIT_X86_WRMSR: handle_msr(kv, true); return true;
    case KVM_EXIT_IOAPIC_EOI: handle_eoi(kv); return true;
    case KVM_EXIT_HYPERV: handle_hyperv(kv); return true;
    case KVM_EXIT_HLT: *exit = VCPU_EXIT_HALT; return !halts(kv);
    case KVM_EXIT_DEBUG: return kvm_debug_exit(kv, exit);
    case KVM_EXIT_SHUTDOWN: *exit = triple_fault(kv); return false;
    case KVM_EXIT_SYSTEM_EVENT: *exit = system_event(kv); return false;
    case KVM_EXIT_INTERNAL_ERROR: *exit = internal_error(kv); return false;
    case KVM_EXIT_FAIL_ENTRY: *exit = failed_entry(kv); return false;
    default: *exit = unknown_exit(kv); return false;
    }
}

/* ---- Statistics ---- */

static void print_count(GString *out, const char *name, const KvmExitCount *c, double ticks_per_us)
{
    uint64_t count = __atomic_load_n(&c->count, __ATOMIC_RELAXED);
    double us = __atomic_load_n(&c->ticks, __ATOMIC_RELAXED) / ticks_per_us;
    if (count) {
        g_string_append_printf(out, "  %-22s %12" PRIu64 "  %12.1f us  %9.2f us each\n", name,
                               count, us, us / count);
    }
}

void kvm_print_exits(Machine *machine, GString *out)
{
    for (unsigned i = 0; i < machine->ncpus; i++) {
        const Vcpu *vcpu = machine->cpus[i];
        const KvmVcpu *kv = kvm_vcpu(vcpu);
        if (!kv) {
            continue;
        }
        double rate = MAX(kv->vm->tsc_khz, 1) / 1000.0;
        g_string_append_printf(out, "CPU %u:\n", i);
        print_count(out, "guest (KVM_RUN)", &kv->guest, rate);
        for (unsigned r = 0; r < KVM_EXIT_KINDS; r++) {
            char other[16];
            g_snprintf(other, sizeof(other), "reason %u", r);
            print_count(out, exit_names[r] ? exit_names[r] : other, &kv->exits[r], rate);
        }
    }
}
