/*
 * A processor's state goes to KVM and comes back without loss: written, poisoned here, read again, compared. The guest
 * runs no instruction, so any KVM will do, also one that emulates ring 0.
 */
#include "accel/accel.h"
#include "accel/kvm/kvm.h"
#include "cpu/x86/msr.h"
#include "hw/x86/boards.h"
#include "softmmu/debug.h"
#include "softmmu/display.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct Fixture {
    Machine *machine;
    KvmVcpu *kv;
    X86State *s;
    GRand *rand;
} Fixture;

static void start(Fixture *f, const char *mode, const char *cpu, bool vga)
{
    static const char *const engines[] = {"kvm,force=on", NULL};
    char *irqchip = g_strdup_printf("kernel_irqchip=%s", mode);
    MachineConfig config = {.bios = "none",
                            .ram_size = 16 * MIB,
                            .cpus = 1,
                            .cpu_model = cpu,
                            .no_vga = !vga,
                            .machine_opts = options_parse("-machine", irqchip, NULL, NULL)};
    GError *error = NULL;

    f->machine = machine_alloc(&x86_q35_machine, true);
    if (!accel_new(f->machine, engines, &error) || !machine_init(f->machine, &config, &error) ||
        !machine_complete(f->machine, &error)) {
        g_error("%s", error->message);
    }
    g_free(irqchip);
    machine_lock(f->machine);
    f->kv = kvm_vcpu(f->machine->cpus[0]);
    f->s = x86_state(f->machine->cpus[0]);
    f->rand = g_rand_new_with_seed(4711);
}

static void setup(Fixture *f, gconstpointer mode)
{
    start(f, mode, NULL, false);
}

static void setup_vga(Fixture *f, gconstpointer mode)
{
    start(f, mode, NULL, true);
}

static void teardown(Fixture *f, gconstpointer mode)
{
    g_rand_free(f->rand);
    machine_unlock(f->machine);
    machine_free(f->machine);
}

static uint64_t random64(Fixture *f)
{
    return (uint64_t)g_rand_int(f->rand) << 32 | g_rand_int(f->rand);
}

/* A canonical address. */
static uint64_t random_addr(Fixture *f)
{
    return (uint64_t)((int64_t)random64(f) >> 17) & ~UINT64_C(7);
}

static void fill_xsave(Fixture *f)
{
    X86State *s = f->s;
    uint64_t mask = X86_XCR0_X87 | X86_XCR0_SSE;
    uint32_t features[4];

    x86_cpu_cpuid(f->machine->cpus[0], 0xd, 0, features);
    mask |= features[X86_EAX] & X86_XCR0_AVX;
    s->xcr0 = features[X86_EAX] ? mask : s->xcr0;
    for (unsigned i = 0; i < 8 * 16; i++) {
        s->xsave[X86_ST_OFFSET + i] = i % 16 < 10 ? g_rand_int(f->rand) : 0;
    }
    for (unsigned i = 0; i < 256; i++) {
        s->xsave[X86_XMM_OFFSET + i] = g_rand_int(f->rand);
        s->xsave[X86_YMMH_OFFSET + i] = mask & X86_XCR0_AVX ? g_rand_int(f->rand) : 0;
    }
    s->xsave[X86_FTW_OFFSET] = 0x3c;
    s->xsave[X86_MXCSR_OFFSET + 1] = 0x1f & g_rand_int(f->rand);
    memcpy(s->xsave + X86_XSTATE_BV_OFFSET, &mask, sizeof(mask));
}

static void fill_msrs(Fixture *f)
{
    X86State *s = f->s;

    s->star = random64(f);
    s->lstar = random_addr(f);
    s->cstar = random_addr(f);
    s->kernel_gs_base = random_addr(f);
    s->sfmask = g_rand_int(f->rand);
    s->sysenter_cs = 0x8 * g_rand_int_range(f->rand, 1, 100);
    s->sysenter_esp = g_rand_int(f->rand); /* AMD's have 32 bits */
    s->sysenter_eip = g_rand_int(f->rand);
    s->pat = UINT64_C(0x0001040506070600);
    s->mtrr_def_type = 0xc06;
    s->mtrr_fixed[3] = UINT64_C(0x0606050406060001);
    s->mtrr_base[1] = (uint64_t)g_rand_int_range(f->rand, 1, 1000) << 20 | 6;
    s->mtrr_mask[1] = UINT64_C(0xffff00000) | 0x800;
    s->tsc_aux = g_rand_int(f->rand);
}

/* Long mode with everything set to something else than after a reset. */
static void fill(Fixture *f)
{
    X86State *s = f->s;

    for (unsigned i = 0; i < X86_NREGS; i++) {
        s->regs[i] = random64(f);
    }
    s->rip = random_addr(f);
    s->rflags = X86_FLAG1 | (g_rand_int(f->rand) & 0xad5);
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        s->segs[i].selector = 8 * g_rand_int_range(f->rand, 1, 1000);
        s->segs[i].attr =
            X86_SEG_P | X86_SEG_S | X86_SEG_G | (i == X86_CS ? 11 | X86_SEG_L : 3 | X86_SEG_DB);
        s->segs[i].limit = 0xffffffff;
        s->segs[i].base = i == X86_FS || i == X86_GS ? random_addr(f) : 0;
    }
    s->tr = (X86Segment){
        .selector = 0x40, .attr = X86_SEG_P | 11, .limit = 0x67, .base = random_addr(f)};
    s->gdtr = (X86Table){random_addr(f), 0x7f};
    s->idtr = (X86Table){random_addr(f), 0xfff};
    s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET;
    s->cr2 = random_addr(f);
    s->cr3 = (uint64_t)g_rand_int_range(f->rand, 1, 4000) << 12;
    s->cr4 = X86_CR4_PAE | (s->xcr0 > 1 ? 1 << 18 : 0);
    s->cr8 = f->kv->vm->mode == IRQCHIP_OFF ? 5 : 0;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE;
    for (unsigned i = 0; i < 4; i++) {
        s->dr[i] = random_addr(f);
    }
    s->dr6 = 0xffff0ff2;
    s->dr7 = 0x402;
    fill_xsave(f);
    s->cr4 |= s->xcr0 > 1 ? 1 << 18 : 0;
    fill_msrs(f);
}

static void fill_events(Fixture *f, unsigned which)
{
    X86Events *e = &f->s->events;

    memset(e, 0, sizeof(*e));
    switch (which) {
    case 0: e->nmi_pending = e->nmi_masked = true; break;
    case 1:
        e->exception_injected = e->exception_has_error = true;
        e->exception = 14;
        e->exception_error = 6;
        break;
    case 2:
        e->interrupt_injected = true;
        e->interrupt = 0x51;
        break;
    case 3: e->shadow = 1; break;
    case 4:
        if (f->kv->vm->payload) {
            e->exception_pending = e->exception_has_payload = true;
            e->exception = 14;
            e->exception_has_error = true;
            e->exception_error = 2;
            e->exception_payload = 0x123456789;
        }
        break;
    }
}

static void set_apic(Fixture *f, unsigned offset, uint32_t value)
{
    memcpy(f->s->apic_page + offset, &value, sizeof(value));
}

static void fill_apic(Fixture *f)
{
    set_apic(f, 0xd0, 0x02000000); /* LDR */
    set_apic(f, 0xf0, 0x1ff);      /* on */
    set_apic(f, 0x180, 1u << 31);  /* a level */
    set_apic(f, 0x320, 0x20040);
    set_apic(f, 0x350, 0x8700);
    set_apic(f, 0x380, 0x12345678);
    set_apic(f, 0x3e0, 0xb);
}

/* What is read again must not be what was still here. */
static void poison(X86State *s)
{
    uint32_t n = s->nmsrs;
    X86Msr *msrs = g_memdup2(s->msrs, sizeof(s->msrs));
    static const uint8_t bytes = 0x5a;

    memset(s, bytes, offsetof(X86State, apic_id));
    s->nmsrs = n;
    memcpy(s->msrs, msrs, sizeof(s->msrs));
    for (unsigned i = 0; i < n; i++) {
        s->msrs[i].value = UINT64_C(0x5a5a5a5a5a5a5a5a);
    }
    g_free(msrs);
}

/* Time goes on by itself: counters, and what is computed from them. */
static bool moves(uint32_t index)
{
    return index == 0x10 || index == 0x40000020 || index == 0x40000010 || index == 0x40000022;
}

static void check_events(const X86Events *got, const X86Events *want)
{
    g_assert_cmpint(got->exception_pending, ==, want->exception_pending);
    g_assert_cmpint(got->exception_injected, ==, want->exception_injected);
    if (want->exception_pending || want->exception_injected) {
        g_assert_cmpint(got->exception_has_error, ==, want->exception_has_error);
        g_assert_cmpint(got->exception, ==, want->exception);
        g_assert_cmphex(got->exception_error, ==, want->exception_error);
        g_assert_cmpint(got->exception_has_payload, ==, want->exception_has_payload);
        g_assert_cmphex(got->exception_payload, ==, want->exception_payload);
    }
    g_assert_cmpint(got->interrupt_injected, ==, want->interrupt_injected);
    g_assert_cmpint(got->interrupt_injected ? got->interrupt : 0, ==, want->interrupt);
    g_assert_cmpint(!got->shadow, ==,
                    !want->shadow); /* AMD's do not know whether of STI or of MOV SS */
    g_assert_cmpint(got->nmi_pending, ==, want->nmi_pending);
    g_assert_cmpint(got->nmi_injected, ==, want->nmi_injected);
    g_assert_cmpint(got->nmi_masked, ==, want->nmi_masked);
    g_assert_cmpint(got->smm, ==, want->smm);
    g_assert_cmpint(got->triple_fault, ==, want->triple_fault);
}

/* A component that is in use and has the value that it has when it is not: XSAVE may say either. */
static void check_components(const X86Cpuid *cpuid, const uint8_t *got, const uint8_t *want)
{
    uint64_t used, wanted;

    memcpy(&used, got + X86_XSTATE_BV_OFFSET, sizeof(used));
    memcpy(&wanted, want + X86_XSTATE_BV_OFFSET, sizeof(wanted));
    g_assert_cmphex(used & wanted, ==, wanted);
    for (unsigned n = 2; n < 63; n++) {
        const X86CpuidEntry *e = x86_cpuid_find(cpuid, 0xd, n);
        if (!((used & ~wanted) >> n & 1)) {
            continue;
        }
        g_assert_nonnull(e);
        for (unsigned i = 0; i < e->reg[X86_EAX]; i++) {
            g_assert_cmphex(got[e->reg[X86_EBX] + i], ==, 0);
        }
    }
}

static void check_xsave(const X86Cpuid *cpuid, const uint8_t *got, const uint8_t *want)
{
    for (unsigned i = 0; i < X86_YMMH_OFFSET + 256; i++) {
        bool software = i >= 464 && i < 512; /* the kernel notes there what follows */
        bool mask = i >= 28 && i < 32;       /* MXCSR_MASK, the processor's own: AMD's has bit 17 */
        bool used = i >= X86_XSTATE_BV_OFFSET && i < X86_XSTATE_BV_OFFSET + 8;
        if (got[i] != want[i] && !software && !mask && !used) {
            g_error("byte %u of XSAVE: 0x%x instead of 0x%x", i, got[i], want[i]);
        }
    }
    check_components(cpuid, got, want);
}

static void check_same(const KvmVm *vm, const X86Cpuid *cpuid, const X86State *got,
                       const X86State *want)
{
    g_assert_cmpmem(got->regs, sizeof(got->regs), want->regs, sizeof(want->regs));
    g_assert_cmphex(got->rip, ==, want->rip);
    g_assert_cmphex(got->rflags, ==, want->rflags);
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        g_assert_cmphex(got->segs[i].selector, ==, want->segs[i].selector);
        g_assert_cmphex(got->segs[i].base, ==, want->segs[i].base);
        g_assert_cmphex(got->segs[i].limit, ==, want->segs[i].limit);
        g_assert_cmphex(got->segs[i].attr, ==, want->segs[i].attr);
    }
    g_assert_cmphex(got->tr.base, ==, want->tr.base);
    g_assert_cmphex(got->gdtr.base, ==, want->gdtr.base);
    g_assert_cmphex(got->idtr.base, ==, want->idtr.base);
    g_assert_cmphex(got->idtr.limit, ==, want->idtr.limit);
    g_assert_cmphex(got->cr0, ==, want->cr0);
    g_assert_cmphex(got->cr2, ==, want->cr2);
    g_assert_cmphex(got->cr3, ==, want->cr3);
    g_assert_cmphex(got->cr4, ==, want->cr4);
    g_assert_cmphex(got->cr8, ==, want->cr8);
    g_assert_cmphex(got->efer, ==, want->efer);
    g_assert_cmphex(got->apic_base, ==, want->apic_base);
    g_assert_cmphex(got->xcr0, ==, want->xcr0);
    g_assert_cmpmem(got->dr, sizeof(got->dr), want->dr, sizeof(want->dr));
    g_assert_cmphex(got->dr6, ==, want->dr6);
    g_assert_cmphex(got->dr7, ==, want->dr7);
    check_xsave(cpuid, got->xsave, want->xsave);
    check_events(&got->events, &want->events);
    g_assert_cmpuint(got->activity, ==, want->activity);
    for (unsigned i = 0; i < vm->nmsrs; i++) {
        uint64_t a = 0, b = 0;
        g_assert_true(x86_msr_get(got, vm->msrs[i], &a));
        g_assert_true(x86_msr_get(want, vm->msrs[i], &b));
        if (a != b && !moves(vm->msrs[i])) {
            g_error("MSR 0x%x: 0x%llx instead of 0x%llx", vm->msrs[i], (unsigned long long)a,
                    (unsigned long long)b);
        }
    }
}

/* There and back. */
static void round_trip(Fixture *f)
{
    X86State *want = g_memdup2(f->s, sizeof(*f->s));

    g_assert_true(kvm_push(f->kv));
    poison(f->s);
    kvm_pull(f->machine->cpus[0]);
    check_same(f->kv->vm, x86_cpu_cpuid_table(f->machine->cpus[0]), f->s, want);
    g_free(want);
}

static void test_registers(Fixture *f, gconstpointer mode)
{
    for (unsigned i = 0; i < 20; i++) {
        fill(f);
        fill_events(f, i % 5);
        round_trip(f);
    }
    for (unsigned i = 0; i < 5; i++) { /* by SYNC_REGS alone */
        f->s->regs[i] = random64(f);
        fill_events(f, i);
        round_trip(f);
    }
}

static void test_apic(Fixture *f, gconstpointer mode)
{
    static const unsigned offsets[] = {0xd0, 0xf0, 0x180, 0x320, 0x350, 0x380, 0x3e0};
    uint8_t want[X86_APIC_PAGE_SIZE];

    fill(f);
    fill_apic(f);
    memcpy(want, f->s->apic_page, sizeof(want));
    round_trip(f);
    g_assert_true(f->s->apic_page_valid);
    for (unsigned i = 0; i < G_N_ELEMENTS(offsets); i++) {
        g_assert_cmpmem(f->s->apic_page + offsets[i], 4, want + offsets[i], 4);
    }
    f->s->activity = X86_HALTED;
    f->s->regs[0] = 1;
    round_trip(f);
    f->s->apic_base |= 0x400; /* x2APIC, whose id has 32 bits */
    set_apic(f, 0x20, 0);
    set_apic(f, 0xd0, 1);
    round_trip(f);
}

/* Without local APICs of its own KVM would swallow what it does with them. */
static void test_cpuid(Fixture *f, gconstpointer mode)
{
    const uint32_t by_apic =
        1u << 6 | 1u << 7 | 1u << 11 | 1u << 14; /* EOI, unhalt, IPI, async PF */
    uint32_t pv[4], basic[4];
    bool off = !strcmp(mode, "off");

    x86_cpu_cpuid(f->machine->cpus[0], 0x40000001, 0, pv);
    x86_cpu_cpuid(f->machine->cpus[0], 1, 0, basic);
    g_assert_true(pv[X86_EAX] & 1u << 3); /* kvmclock */
    g_assert_cmpint((pv[X86_EAX] & by_apic) != 0, ==, !off);
    g_assert_cmpint((basic[X86_ECX] >> 24 & 1), ==, !off); /* the deadline timer */
}

/* ---- Breakpoints ---- */

/* Those in memory are there while the vCPU's registers are in the kernel, and nobody sees them otherwise. */
static void test_breakpoints(Fixture *f, gconstpointer mode)
{
    Machine *machine = f->machine;
    Vcpu *vcpu = machine->cpus[0];
    uint8_t *code = machine->ram->host + 0x1000;

    memset(code, 0x90, 64);
    for (unsigned i = 0; i < 6; i++) { /* two more than there are debug registers */
        g_assert_true(debug_insert(machine, DEBUG_BREAK_SOFTWARE, 0x1000 + i, 1));
    }
    debug_commit(machine);
    g_assert_true(kvm_push(f->kv));
    g_assert_cmpmem(code, 6, "\x90\x90\x90\x90\x90\x90", 6);
    kvm_debug_update(f->kv, false);
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\xcc\xcc\x90", 7);
    kvm_pull(vcpu);
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\x90\x90\x90", 7);

    /* What is written meanwhile is the guest's, and stays. */
    code[4] = 0x91;
    f->s->rip = 0x1005;
    f->s->segs[X86_CS].base = 0;
    kvm_debug_update(f->kv, true); /* a step over the last one */
    g_assert_true(kvm_push(f->kv));
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\xcc\x90\x90", 7);
    kvm_debug_update(f->kv, false);
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\xcc\xcc\x90", 7);
    kvm_pull(vcpu);
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\x91\x90\x90", 7);

    debug_remove_all(machine);
    debug_commit(machine);
    kvm_debug_update(f->kv, false);
    g_assert_true(kvm_push(f->kv));
    g_assert_cmpmem(code, 7, "\x90\x90\x90\x90\x91\x90\x90", 7);
    kvm_pull(vcpu);
}

/* ---- What is printed ---- */

typedef struct Capture {
    char *name;
    int fd, standard;
} Capture;

/* From here on what goes to standard error is kept. */
static void capture(Capture *c)
{
    c->fd = g_file_open_tmp(NULL, &c->name, NULL);
    c->standard = dup(2);
    dup2(c->fd, 2);
}

/* What was kept; for g_free(). */
static char *captured(Capture *c)
{
    char *text = NULL;

    dup2(c->standard, 2);
    g_assert_true(g_file_get_contents(c->name, &text, NULL, NULL));
    close(c->fd);
    close(c->standard);
    unlink(c->name);
    g_free(c->name);
    return text;
}

/* Has the guest's counter come from a host where it ran at @khz; returns what is said, for g_free(). */
static char *load_tsc(Fixture *f, uint64_t khz)
{
    Capture c;

    f->s->tsc_khz = khz;
    capture(&c);
    g_assert_true(kvm_push(f->kv));
    char *text = captured(&c);
    kvm_pull(f->machine->cpus[0]);
    return text;
}

static void test_tsc(Fixture *f, gconstpointer mode)
{
    KvmVm *vm = f->kv->vm;
    uint64_t here = f->s->tsc_khz;
    char *text;

    g_assert_cmpuint(here, ==, vm->tsc_khz);
    if (vm->tsc_control) {
        text = load_tsc(f, here / 2);
        g_assert_cmpstr(text, ==, "");
        g_assert_cmpint(ioctl(f->kv->fd, KVM_GET_TSC_KHZ, 0), ==, here / 2);
        g_assert_cmpuint(f->s->tsc_khz, ==, here / 2);
        g_free(text);
        g_free(load_tsc(f, here));
    }
    vm->tsc_control = false;
    text = load_tsc(f, here + here / 10000);
    g_assert_cmpstr(text, ==, "");
    g_assert_cmpuint(f->s->tsc_khz, ==, here);
    g_free(text);
    text = load_tsc(f, 0); /* of an engine that did not know */
    g_assert_cmpstr(text, ==, "");
    g_assert_cmpuint(f->s->tsc_khz, ==, here);
    g_free(text);
    text = load_tsc(f, 2 * here);
    g_assert_nonnull(strstr(text, "cannot be scaled"));
    g_assert_cmpuint(f->s->tsc_khz, ==, here);
    g_free(text);
}

/* -cpu says how fast it is, which this host can do: as fast as its own. */
static void test_tsc_asked(Fixture *f, gconstpointer mode)
{
    unsigned khz = f->kv->vm->tsc_khz;
    char *cpu = g_strdup_printf("max,tsc-frequency=%u000", khz);
    uint32_t reg[4];

    teardown(f, mode);
    start(f, mode, cpu, false);
    g_assert_cmpuint(x86_cpu_tsc_khz(f->machine->cpus[0]), ==, khz);
    x86_cpu_cpuid(f->machine->cpus[0], 0x40000010, 0, reg);
    g_assert_cmpuint(reg[X86_EAX], ==, khz);
    g_free(cpu);
}

/* ---- Exits after which KVM cannot go on ---- */

/* Has exit @reason answered as if KVM_RUN had returned it, or KVM_RUN fail; what is printed has registers, the bytes at
 * RIP and @what. */
#define RUN_FAILS 4712
static void check_end(Fixture *f, unsigned reason, const char *what)
{
    VcpuExit exit = VCPU_EXIT_KICK;
    int vcpu_fd = f->kv->fd;
    Capture c;

    f->s->rip = 0x2000;
    f->s->segs[X86_CS].base = 0;
    memcpy(f->machine->ram->host + 0x2000, "\x0f\x0b\xeb\xfe", 4);
    g_assert_true(kvm_push(f->kv));
    f->kv->run->exit_reason = reason;
    capture(&c);
    if (reason == RUN_FAILS) {
        f->kv->fd = c.fd;
        f->kv->vcpu->kick = 0;
        exit = kvm_run_vcpu(f->kv->vcpu);
        f->kv->fd = vcpu_fd;
    } else {
        g_assert_false(kvm_handle_exit(f->kv, &exit));
    }
    char *text = captured(&c);
    g_assert_cmpint(exit, ==, VCPU_EXIT_CANNOT_RUN);
    if (!strstr(text, what) || !strstr(text, "bytes at RIP: 0f 0b eb fe") ||
        !strstr(text, "RIP=0000000000002000")) {
        g_error("exit %u is answered with '%s'", reason, text);
    }
    g_free(text);
}

static void test_ends(Fixture *f, gconstpointer mode)
{
    struct kvm_run *run = f->kv->run;

    run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
    run->internal.ndata = 0;
    check_end(f, KVM_EXIT_INTERNAL_ERROR, "internal error 1, an instruction that its emulator");
    run->internal.suberror = 99;
    check_end(f, KVM_EXIT_INTERNAL_ERROR, "internal error 99");
    run->fail_entry.hardware_entry_failure_reason = 0x80000021;
    check_end(f, KVM_EXIT_FAIL_ENTRY, "refuses the guest's state (0x80000021)");
    check_end(f, KVM_EXIT_UNKNOWN, "exit reason 0");
    check_end(f, 4711, "exit reason 4711");
    check_end(f, RUN_FAILS, "KVM_RUN fails: Inappropriate ioctl");
}

static void note_panic(void *opaque, const MachineEventInfo *info)
{
    *(bool *)opaque |= info->event == MACHINE_EVENT_GUEST_PANICKED;
}

/* Windows' own word for its end (hv_crash) is one that management hears. */
static void test_crash(Fixture *f, gconstpointer mode)
{
    VcpuExit exit = VCPU_EXIT_HALT;
    bool panicked = false;

    machine_add_event_listener(f->machine, note_panic, &panicked);
    g_assert_true(kvm_push(f->kv));
    f->kv->run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
    f->kv->run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
    g_assert_false(kvm_handle_exit(f->kv, &exit));
    g_assert_cmpint(exit, ==, VCPU_EXIT_KICK);
    g_assert_true(panicked);
    kvm_pull(f->machine->cpus[0]);
}

/* ---- What devices say of their regions ---- */

/* Ends a run once the guest has written something. */
static gpointer kick_later(gpointer data)
{
    KvmVcpu *kv = data;
    const struct kvm_coalesced_mmio_ring *ring = kv->vm->ring_page;

    while (__atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) == ring->first) {
        g_usleep(1000);
    }
    __atomic_store_n(&kv->vcpu->kick, 1, __ATOMIC_SEQ_CST);
    kvm_kick_vcpu(kv->vcpu);
    return NULL;
}

/* Runs @code in real mode from 0x1000 until it halts, or longer; ES is the window of the VGA. */
static VcpuExit run_code(Fixture *f, const char *code, unsigned len)
{
    Vcpu *vcpu = f->machine->cpus[0];

    memcpy(f->machine->ram->host + 0x1000, code, len);
    f->s->rip = 0x1000;
    f->s->rflags = X86_FLAG1;
    f->s->segs[X86_CS].selector = 0;
    f->s->segs[X86_CS].base = 0;
    f->s->segs[X86_ES].selector = 0xa000;
    f->s->segs[X86_ES].base = 0xa0000;
    __atomic_store_n(&vcpu->kick, 0,
                     __ATOMIC_SEQ_CST); /* a thread of the test's may kick already */
    return kvm_run_vcpu(vcpu);
}

static void run_until_halt(Fixture *f, const char *code, unsigned len)
{
    g_assert_cmpint(run_code(f, code, len), ==, VCPU_EXIT_HALT);
}

static void out16(Fixture *f, uint16_t port, uint16_t index, uint16_t value)
{
    memory_map_write(f->machine->io, port, index, 2);
    memory_map_write(f->machine->io, port + 1, value, 2);
}

/* 64 by 16 pixels of a byte, a colour of which only the red is not always 0. */
static void set_mode(Fixture *f)
{
    static const uint16_t values[] = {64, 16, 8, 0x41};

    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        out16(f, 0x1ce, 1 + i, values[i]);
    }
    memory_map_write(f->machine->io, 0x3c8, 0, 1);
    for (unsigned i = 0; i < 256; i++) {
        memory_map_write(f->machine->io, 0x3c9, i / 4, 1);
        memory_map_write(f->machine->io, 0x3c9, 0, 1);
        memory_map_write(f->machine->io, 0x3c9, 0, 1);
    }
}

static unsigned shown(const DisplaySurface *surface, unsigned n)
{
    return surface->pixels[n] >> 18;
}

static void test_collected(Fixture *f, gconstpointer mode)
{
    DisplaySurface surface = {0};
    KvmExitCount *mmio = &f->kv->exits[KVM_EXIT_MMIO], *io = &f->kv->exits[KVM_EXIT_IO];
    uint64_t value;

    if (!f->kv->vm->ring_page) {
        g_test_skip("the host's KVM collects no writes");
        return;
    }
    set_mode(f);
    /* mov di, 0; mov al, 4; mov cx, 63; again: mov es:[di], al; add al, 4; inc di; loop again; hlt */
    run_until_halt(f, "\xbf\0\0\xb0\x04\xb9\x3f\0\x26\x88\x05\x04\x04\x47\xe2\xf8\xf4", 17);
    g_assert_cmpuint(mmio->count, ==, 0);
    display_render(f->machine, 0, &surface);
    for (unsigned i = 0; i < 63; i++) {
        g_assert_cmpuint(shown(&surface, i), ==, i + 1);
    }
    kvm_pull(f->machine->cpus[0]);

    /* The write of 8 is with all planes; then, by port, none is written to: mov al, 8; mov es:[0], al; mov dx, 0x3c4;
     * mov ax, 2; out dx, ax; mov byte es:[0], 12; hlt */
    uint64_t before = io->count;
    run_until_halt(
        f, "\xb0\x08\x26\xa2\0\0\xba\xc4\x03\xb0\x02\xee\x42\xb0\0\xee\x26\xc6\x06\0\0\x0c\xf4",
        23);
    g_assert_cmpuint(mmio->count, ==, 0);
    g_assert_cmpuint(io->count, ==, before + 2);
    display_render(f->machine, 0, &surface);
    g_assert_cmpuint(shown(&surface, 0), ==, 2);
    kvm_pull(f->machine->cpus[0]);

    /* The guest itself reads what it wrote, and so do others: mov byte es:[0], 16; mov al, es:[0]; mov cs:[0x2000], al;
     * mov byte es:[1], 17; hlt */
    memory_map_write(f->machine->io, 0x3c5, 15, 1);
    run_until_halt(f, "\x26\xc6\x06\0\0\x10\x26\xa0\0\0\x2e\xa2\0\x20\x26\xc6\x06\x01\0\x11\xf4",
                   21);
    g_assert_cmpuint(mmio->count, ==, 1);
    g_assert_cmpuint(f->machine->ram->host[0x2000], ==, 16);
    memory_map_read(f->machine->memory, 0xa0001, &value, 1);
    g_assert_cmpuint(value, ==, 17);
    kvm_pull(f->machine->cpus[0]);

    /* Nothing is left when the processor parks, also without an exit: mov byte es:[1], 18; jmp $ */
    const struct kvm_coalesced_mmio_ring *ring = f->kv->vm->ring_page;
    GThread *thread = g_thread_new("kick", kick_later, f->kv);
    g_assert_cmpint(run_code(f, "\x26\xc6\x06\x01\0\x12\xeb\xfe", 8), ==, VCPU_EXIT_KICK);
    g_thread_join(thread);
    g_assert_cmpuint(ring->first, !=, ring->last);
    kvm_pull(f->machine->cpus[0]);
    g_assert_cmpuint(ring->first, ==, ring->last);
    display_clear(&surface);
}

/* An exit for memory where there is RAM again by now, and for RAM and what is not in two pieces. */
static void test_late(Fixture *f, gconstpointer mode)
{
    struct kvm_run *run = f->kv->run;
    uint8_t *ram = f->machine->ram->host;
    VcpuExit exit;

    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = 0x5ffd;
    run->mmio.len = 7;
    run->mmio.is_write = 1;
    memcpy(run->mmio.data, "abcdefg", 7);
    g_assert_true(kvm_handle_exit(f->kv, &exit));
    g_assert_cmpmem(ram + 0x5ffc, 9, "\0abcdefg\0", 9);
    run->mmio.is_write = 0;
    run->mmio.len = 8;
    memset(run->mmio.data, 0, 8);
    g_assert_true(kvm_handle_exit(f->kv, &exit));
    g_assert_cmpmem(run->mmio.data, 8, "abcdefg\0", 8);
}

#define RAM_PAGES (16 * MIB / 4096)

static bool taken(const unsigned long *bitmap, unsigned page)
{
    return bitmap[page / 64] >> (page % 64) & 1;
}

static void take(MemoryRegion *region, unsigned long *bitmap)
{
    memset(bitmap, 0, RAM_PAGES / 8);
    g_assert_true(memory_region_take_dirty(region, bitmap));
}

/* Notes of what the guest writes. What a slot had before there were notes of it, counts as written. */
static void test_dirty(Fixture *f, gconstpointer mode)
{
    Machine *machine = f->machine;
    unsigned long bitmap[RAM_PAGES / 64];
    MemoryHit hit;

    g_assert_true(memory_map_find(machine->memory, 0x5000, &hit));
    g_assert_false(memory_region_take_dirty(hit.region, bitmap));
    memory_region_set_dirty_log(hit.region, true);
    take(hit.region, bitmap);
    g_assert_true(taken(bitmap, 4) && taken(bitmap, 5) && taken(bitmap, 0x200));
    take(hit.region, bitmap);
    g_assert_false(taken(bitmap, 4) || taken(bitmap, 5) || taken(bitmap, 0x200));

    run_until_halt(f, "\x2e\xc6\x06\0\x50\x01\x2e\xc6\x06\x80\x71\x01\xf4",
                   13); /* at 0x5000, 0x7180 */
    kvm_pull(machine->cpus[0]);
    take(hit.region, bitmap);
    g_assert_true(taken(bitmap, 5) && taken(bitmap, 7));
    for (unsigned page = 8; page < 0xa0; page++) { /* of the code's, a read may be noted as well */
        g_assert_false(taken(bitmap, page));
    }

    /* Memory from 0xf0000 on gets another slot; that below 0xa0000 keeps its own. */
    memory_map_write(machine->io, 0xcf8, 0x80000090, 4);
    memory_map_write(machine->io, 0xcfc, 0x30, 1);
    take(hit.region, bitmap);
    g_assert_true(taken(bitmap, 0xf0) && taken(bitmap, 0x200));
    g_assert_false(taken(bitmap, 5));
    memory_region_set_dirty_log(hit.region, false);
    g_assert_false(memory_region_take_dirty(hit.region, bitmap));
}

int main(int argc, char **argv)
{
    GError *error = NULL;
    int fd = kvm_open(&kvm_this_host, true, &error);

    g_test_init(&argc, &argv, NULL);
    if (fd < 0) {
        g_print("1..0 # SKIP %s\n", error->message);
        g_error_free(error);
        return 0;
    }
    close(fd);
    g_test_add("/kvm-state/registers/on", Fixture, "on", setup, test_registers, teardown);
    g_test_add("/kvm-state/registers/off", Fixture, "off", setup, test_registers, teardown);
    g_test_add("/kvm-state/apic/on", Fixture, "on", setup, test_apic, teardown);
    g_test_add("/kvm-state/apic/split", Fixture, "split", setup, test_apic, teardown);
    g_test_add("/kvm-state/cpuid/on", Fixture, "on", setup, test_cpuid, teardown);
    g_test_add("/kvm-state/cpuid/off", Fixture, "off", setup, test_cpuid, teardown);
    g_test_add("/kvm-state/tsc", Fixture, "on", setup, test_tsc, teardown);
    g_test_add("/kvm-state/tsc-asked", Fixture, "on", setup, test_tsc_asked, teardown);
    g_test_add("/kvm-state/breakpoints", Fixture, "on", setup, test_breakpoints, teardown);
    g_test_add("/kvm-state/ends", Fixture, "on", setup, test_ends, teardown);
    g_test_add("/kvm-state/crash", Fixture, "on", setup, test_crash, teardown);
    g_test_add("/kvm-state/collected", Fixture, "off", setup_vga, test_collected, teardown);
    g_test_add("/kvm-state/late", Fixture, "on", setup, test_late, teardown);
    g_test_add("/kvm-state/dirty", Fixture, "off", setup, test_dirty, teardown);
    return g_test_run();
}
