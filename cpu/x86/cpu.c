/*
 * The x86-64 processor as an object: creation, reset, what the neutral vCPU interface asks for.
 *
 * Reset and INIT: Intel SDM volume 3, section 9.1 and table 9-1. Locking: as cpu/vcpu.h says; lines and
 * messages come from any thread and are two atomic words that the vCPU's thread looks at after a kick.
 */
#include "cpu/x86/priv.h"
#include "softmmu/base/error.h"
#include "softmmu/machine.h"
#include <string.h>

#define RESET_CS_BASE 0xffff0000u
#define RESET_RIP 0xfff0u
#define DR6_RESET 0xffff0ff0u
#define DR7_RESET 0x400u
#define PAT_RESET UINT64_C(0x0007040600070406)
#define APIC_BASE_RESET 0xfee00800u
#define APIC_BASE_BSP 0x100u
#define MISC_ENABLE_FAST_STRINGS 1u
#define FCW_RESET 0x037fu
#define MXCSR_RESET 0x1f80u
#define MXCSR_MASK_OFFSET 28
#define MXCSR_MASK 0xffffu

#define START_CODE 0x10
#define START_DATA 0x18

/* Segment attributes of real mode: present, accessed data or code, and the two system ones. */
#define ATTR_DATA (X86_SEG_P | X86_SEG_S | 3u)
#define ATTR_CODE (X86_SEG_P | X86_SEG_S | 11u)
#define ATTR_LDT (X86_SEG_P | 2u)
#define ATTR_TSS (X86_SEG_P | 11u)

static uint64_t get_pc(const Vcpu *vcpu)
{
    const X86State *s = x86_state(vcpu);
    return x86_code_bits(s) == 64 ? s->rip : s->segs[X86_CS].base + s->rip;
}

static void set_pc(Vcpu *vcpu, uint64_t pc)
{
    X86State *s = x86_state(vcpu);
    s->rip = x86_code_bits(s) == 64 ? pc : pc - s->segs[X86_CS].base;
}

unsigned x86_code_bits(const X86State *s)
{
    if ((s->efer & X86_EFER_LMA) && (s->segs[X86_CS].attr & X86_SEG_L)) {
        return 64;
    }
    return s->segs[X86_CS].attr & X86_SEG_DB ? 32 : 16;
}

/* ---- Reset ---- */

static void put_le(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

static void reset_fpu(X86State *s)
{
    memset(s->xsave, 0, sizeof(s->xsave));
    put_le(s->xsave + X86_FCW_OFFSET, FCW_RESET, 2);
    put_le(s->xsave + X86_MXCSR_OFFSET, MXCSR_RESET, 4);
    put_le(s->xsave + MXCSR_MASK_OFFSET, MXCSR_MASK, 4);
    put_le(s->xsave + X86_XSTATE_BV_OFFSET, X86_XCR0_X87 | X86_XCR0_SSE, 8);
    s->xcr0 = X86_XCR0_X87;
}

/* What INIT and a reset have in common. */
static void reset_core(X86State *s)
{
    memset(s->regs, 0, sizeof(s->regs));
    s->regs[X86_RDX] = x86_model_signature(s->model);
    s->rip = RESET_RIP;
    s->rflags = X86_FLAG1;
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        s->segs[i] = (X86Segment){.attr = ATTR_DATA, .limit = 0xffff};
    }
    s->segs[X86_CS] =
        (X86Segment){.selector = 0xf000, .attr = ATTR_CODE, .limit = 0xffff, .base = RESET_CS_BASE};
    s->ldtr = (X86Segment){.attr = ATTR_LDT, .limit = 0xffff};
    s->tr = (X86Segment){.attr = ATTR_TSS, .limit = 0xffff};
    s->gdtr = s->idtr = (X86Table){.limit = 0xffff};
    s->cr2 = s->cr3 = s->cr4 = s->cr8 = 0;
    s->efer = 0;
    s->pdptr_valid = false;
    memset(s->dr, 0, sizeof(s->dr));
    s->dr6 = DR6_RESET;
    s->dr7 = DR7_RESET;
    memset(&s->events, 0, sizeof(s->events));
    s->activity = s->bsp ? X86_RUNNABLE : X86_NOT_STARTED;
}

static void reset_msrs(X86State *s)
{
    s->star = s->lstar = s->cstar = s->sfmask = s->kernel_gs_base = 0;
    s->sysenter_cs = s->sysenter_esp = s->sysenter_eip = 0;
    s->apic_base = APIC_BASE_RESET | (s->bsp ? APIC_BASE_BSP : 0);
    s->pat = PAT_RESET;
    s->misc_enable = MISC_ENABLE_FAST_STRINGS;
    s->tsc = s->tsc_aux = s->tsc_adjust = s->tsc_deadline = 0;
    s->spec_ctrl = s->xss = 0;
    s->mtrr_def_type = 0;
    memset(s->mtrr_fixed, 0, sizeof(s->mtrr_fixed));
    memset(s->mtrr_base, 0, sizeof(s->mtrr_base));
    memset(s->mtrr_mask, 0, sizeof(s->mtrr_mask));
    s->mcg_status = s->mcg_ctl = 0;
    s->kvm_system_time = s->kvm_wall_clock = s->kvm_steal_time = s->kvm_pv_eoi = 0;
    s->kvm_async_pf = s->kvm_async_pf_int = s->kvm_async_pf_ack = 0;
    s->kvm_poll_control = 1; /* polling by the host is on */
    for (unsigned i = 0; i < s->nmsrs; i++) {
        s->msrs[i].value = s->msrs[i].reset;
    }
}

/* As a boot loader would leave it: flat segments, interrupts off. */
static void apply_start(X86State *s)
{
    const X86Start *start = &s->start;
    bool is64 = start->bits == 64;
    uint16_t size = is64 ? X86_SEG_L : X86_SEG_DB;

    for (unsigned i = 0; i < X86_NSEGS; i++) {
        s->segs[i] = (X86Segment){.selector = START_DATA,
                                  .attr = ATTR_DATA | X86_SEG_DB | X86_SEG_G,
                                  .limit = 0xffffffff};
    }
    s->segs[X86_CS].selector = START_CODE;
    s->segs[X86_CS].attr = ATTR_CODE | size | X86_SEG_G;
    s->gdtr = (X86Table){start->gdt, start->gdt_limit};
    s->rip = start->entry;
    s->regs[X86_RAX] = start->rax;
    s->regs[X86_RBX] = start->rbx;
    s->regs[X86_RSI] = start->rsi;
    s->cr0 = X86_CR0_PE | X86_CR0_ET;
    if (is64) {
        s->cr0 |= X86_CR0_PG;
        s->cr3 = start->cr3;
        s->cr4 = X86_CR4_PAE;
        s->efer = X86_EFER_LME | X86_EFER_LMA;
    }
}

static void reset(Vcpu *vcpu)
{
    X86State *s = x86_state(vcpu);

    reset_core(s);
    s->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
    reset_fpu(s);
    reset_msrs(s);
    if (s->start.bits) {
        apply_start(s);
    }
    x86_apic_page_reset(s);
    __atomic_store_n(&s->signals, 0, __ATOMIC_SEQ_CST);
    vcpu->halted = false;
}

void x86_init_reset(Vcpu *vcpu)
{
    X86State *s = x86_state(vcpu);
    bool nmi_masked = s->events.nmi_masked;

    reset_core(s);
    s->cr0 = (s->cr0 & (X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET;
    s->events.nmi_masked = nmi_masked;
    s->activity = s->bsp ? X86_RUNNABLE : X86_WAIT_FOR_SIPI;
    vcpu->halted = false;
}

/* ---- Lines and messages ---- */

static void signal_vcpu(Vcpu *vcpu, uint32_t bit)
{
    __atomic_fetch_or(&x86_state(vcpu)->signals, bit, __ATOMIC_SEQ_CST);
    vcpu_kick(vcpu);
}

static void set_line(void *opaque, unsigned line, bool level)
{
    Vcpu *vcpu = opaque;
    X86State *s = x86_state(vcpu);
    uint32_t bit = 1u << line, old;

    if (!level) {
        __atomic_fetch_and(&s->lines, ~bit, __ATOMIC_SEQ_CST);
        return;
    }
    old = __atomic_fetch_or(&s->lines, bit, __ATOMIC_SEQ_CST);
    if (old & bit) {
        return;
    }
    switch (line) {
    case X86_LINE_NMI: signal_vcpu(vcpu, X86_SIGNAL_NMI); break;
    case X86_LINE_SMI: signal_vcpu(vcpu, X86_SIGNAL_SMI); break;
    default: vcpu_kick(vcpu);
    }
}

IrqLine x86_cpu_irq(Vcpu *vcpu, X86Line line)
{
    return irq_line(set_line, vcpu, line);
}

void x86_cpu_init(Vcpu *vcpu)
{
    signal_vcpu(vcpu, X86_SIGNAL_INIT);
}

void x86_cpu_sipi(Vcpu *vcpu, uint8_t vector)
{
    __atomic_store_n(&x86_state(vcpu)->sipi, vector, __ATOMIC_SEQ_CST);
    signal_vcpu(vcpu, X86_SIGNAL_SIPI);
}

static void take_sipi(Vcpu *vcpu)
{
    X86State *s = x86_state(vcpu);
    uint8_t vector = __atomic_load_n(&s->sipi, __ATOMIC_SEQ_CST);

    if (s->activity != X86_WAIT_FOR_SIPI) {
        return; /* a processor that runs does not see it, nor one before INIT */
    }
    s->segs[X86_CS].selector = (uint16_t)(vector << 8);
    s->segs[X86_CS].base = (uint64_t)vector << 12;
    s->rip = 0;
    s->activity = X86_RUNNABLE;
}

void x86_take_signals(Vcpu *vcpu)
{
    X86State *s = x86_state(vcpu);
    uint32_t signals = __atomic_exchange_n(&s->signals, 0, __ATOMIC_SEQ_CST);

    if (signals & X86_SIGNAL_INIT) {
        x86_init_reset(vcpu);
    }
    if (signals & X86_SIGNAL_SIPI) {
        take_sipi(vcpu);
    }
    if (x86_is_waiting(s)) {
        return; /* nothing else gets through to it */
    }
    if (signals & X86_SIGNAL_NMI) {
        s->events.nmi_pending = true;
    }
    if (signals & X86_SIGNAL_SMI) {
        s->events.smi_pending = true;
    }
}

static bool has_work(const Vcpu *vcpu)
{
    const X86State *s = x86_state(vcpu);

    if (__atomic_load_n(&s->signals, __ATOMIC_SEQ_CST)) {
        return true;
    }
    if (x86_is_waiting(s)) {
        return false;
    }
    return (s->events.nmi_pending && !s->events.nmi_masked) ||
           ((__atomic_load_n(&s->lines, __ATOMIC_SEQ_CST) & 1u << X86_LINE_INTR) &&
            (s->rflags & X86_IF));
}

/* ---- The architecture ---- */

static void finalize(Vcpu *vcpu)
{
    x86_model_free(x86_state(vcpu)->model);
}

const GuestArch x86_64_guest = {
    .name = "x86_64",
    .state_size = sizeof(X86State),
    .min_insn_bytes = 1,
    .max_insn_bytes = 15,
    .pc_offset = offsetof(X86State, rip),
    .get_pc = get_pc,
    .set_pc = set_pc,
    .debug_translate = x86_debug_translate,
    .has_work = has_work,
    .reset = reset,
    .finalize = finalize,
    .disassemble = x86_disassemble,
    .dump = x86_dump,
    .gdb = &x86_gdb,
    .vmstate = &x86_vmstate,
    .cpu_models = x86_cpu_models,
};

/* ---- For boards ---- */

Vcpu *x86_cpu_new(Machine *machine, const char *model, GError **error)
{
    const MachineRunner *runner = machine->runner;
    X86Place place = {.cpus = machine->config.cpus,
                      .cores = machine->config.cores,
                      .threads = machine->config.threads,
                      .index = machine->ncpus};
    const struct X86Cpuid *host = runner && runner->x86_cpuid ? runner->x86_cpuid(machine) : NULL;
    X86Model *parsed = x86_model_new(model, host, &place, error);

    if (!parsed) {
        return NULL;
    }
    Vcpu *vcpu = vcpu_new(machine, &x86_64_guest);
    X86State *s = x86_state(vcpu);
    s->model = parsed;
    s->apic_id = x86_model_apic_id(parsed);
    s->bsp = vcpu->index == 0;
    reset(vcpu);
    return vcpu;
}

void x86_cpu_set_start(Vcpu *vcpu, const X86Start *start)
{
    x86_state(vcpu)->start = *start;
}

unsigned x86_cpu_apic_id(const Vcpu *vcpu)
{
    return x86_state(vcpu)->apic_id;
}

void x86_cpu_set_apic(Vcpu *vcpu, const X86ApicOps *ops, void *apic)
{
    X86State *s = x86_state(vcpu);
    s->apic_ops = ops;
    s->apic = apic;
    s->apic_page_valid = false;
}

uint64_t x86_cpu_tsc_khz(const Vcpu *vcpu)
{
    return x86_state(vcpu)->tsc_khz;
}
