/*
 * Registers to and from the kernel, all of them and without loss.
 *
 * Pulling completes an exit that is under way (KVM_RUN with immediate_exit), which gives general registers,
 * segments and events in the same call (SYNC_REGS); the other groups follow. Pushing compares each group
 * with the shadow and writes only what is different; if that is only what SYNC_REGS covers, it goes with the
 * next KVM_RUN. FP state goes as XSAVE image: the older interface loses MXCSR on some kernels.
 */
#include "accel/kvm/kvm.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- One group after the other, between the kernel's form and ours ---- */

static void regs_from_kvm(X86State *s, const struct kvm_regs *r)
{
    const uint64_t regs[X86_NREGS] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp,
                                      r->rsi, r->rdi, r->r8,  r->r9,  r->r10, r->r11,
                                      r->r12, r->r13, r->r14, r->r15};
    memcpy(s->regs, regs, sizeof(regs));
    s->rip = r->rip;
    s->rflags = r->rflags;
}

static void regs_to_kvm(const X86State *s, struct kvm_regs *r)
{
    const uint64_t *x = s->regs;
    *r = (struct kvm_regs){x[X86_RAX], x[X86_RBX], x[X86_RCX], x[X86_RDX], x[X86_RSI], x[X86_RDI],
                           x[X86_RSP], x[X86_RBP], x[X86_R8],  x[X86_R9],  x[X86_R10], x[X86_R11],
                           x[X86_R12], x[X86_R13], x[X86_R14], x[X86_R15], s->rip,     s->rflags};
}

static X86Segment segment_from_kvm(const struct kvm_segment *k)
{
    return (X86Segment){
        .selector = k->selector,
        .base = k->base,
        .limit = k->limit,
        .attr = (k->type & X86_SEG_TYPE) | (k->s ? X86_SEG_S : 0) |
                (k->dpl & 3) << X86_SEG_DPL_SHIFT | (k->present ? X86_SEG_P : 0) |
                (k->avl ? X86_SEG_AVL : 0) | (k->l ? X86_SEG_L : 0) | (k->db ? X86_SEG_DB : 0) |
                (k->g ? X86_SEG_G : 0) | (k->unusable ? X86_SEG_UNUSABLE : 0),
    };
}

static struct kvm_segment segment_to_kvm(const X86Segment *s)
{
    return (struct kvm_segment){
        .selector = s->selector,
        .base = s->base,
        .limit = s->limit,
        .type = s->attr & X86_SEG_TYPE,
        .s = !!(s->attr & X86_SEG_S),
        .dpl = s->attr >> X86_SEG_DPL_SHIFT & 3,
        .present = !!(s->attr & X86_SEG_P),
        .avl = !!(s->attr & X86_SEG_AVL),
        .l = !!(s->attr & X86_SEG_L),
        .db = !!(s->attr & X86_SEG_DB),
        .g = !!(s->attr & X86_SEG_G),
        .unusable = !!(s->attr & X86_SEG_UNUSABLE),
    };
}

static void sregs_from_kvm(X86State *s, const struct kvm_sregs *k)
{
    const struct kvm_segment *segs[X86_NSEGS] = {&k->es, &k->cs, &k->ss, &k->ds, &k->fs, &k->gs};

    for (unsigned i = 0; i < X86_NSEGS; i++) {
        s->segs[i] = segment_from_kvm(segs[i]);
    }
    s->ldtr = segment_from_kvm(&k->ldt);
    s->tr = segment_from_kvm(&k->tr);
    s->gdtr = (X86Table){k->gdt.base, k->gdt.limit};
    s->idtr = (X86Table){k->idt.base, k->idt.limit};
    s->cr0 = k->cr0;
    s->cr2 = k->cr2;
    s->cr3 = k->cr3;
    s->cr4 = k->cr4;
    s->cr8 = k->cr8;
    s->efer = k->efer;
    s->apic_base = k->apic_base;
}

/* The bitmap of the interrupt being injected stays empty: events have it. */
static void sregs_to_kvm(const X86State *s, struct kvm_sregs *k)
{
    struct kvm_segment *segs[X86_NSEGS] = {&k->es, &k->cs, &k->ss, &k->ds, &k->fs, &k->gs};

    memset(k, 0, sizeof(*k));
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        *segs[i] = segment_to_kvm(&s->segs[i]);
    }
    k->ldt = segment_to_kvm(&s->ldtr);
    k->tr = segment_to_kvm(&s->tr);
    k->gdt.base = s->gdtr.base;
    k->gdt.limit = s->gdtr.limit;
    k->idt.base = s->idtr.base;
    k->idt.limit = s->idtr.limit;
    k->cr0 = s->cr0;
    k->cr2 = s->cr2;
    k->cr3 = s->cr3;
    k->cr4 = s->cr4;
    k->cr8 = s->cr8;
    k->efer = s->efer;
    k->apic_base = s->apic_base;
}

static void events_from_kvm(X86State *s, const struct kvm_vcpu_events *k)
{
    s->events = (X86Events){
        .exception_pending = k->exception.pending && (k->flags & KVM_VCPUEVENT_VALID_PAYLOAD),
        .exception_injected = k->exception.injected,
        .exception_has_error = k->exception.has_error_code,
        .exception_has_payload = k->exception_has_payload,
        .exception = k->exception.nr,
        .exception_error = k->exception.error_code,
        .exception_payload = k->exception_payload,
        .interrupt_injected = k->interrupt.injected,
        .interrupt_soft = k->interrupt.soft,
        .interrupt = k->interrupt.nr,
        .shadow = k->interrupt.shadow,
        .nmi_injected = k->nmi.injected,
        .nmi_pending = k->nmi.pending,
        .nmi_masked = k->nmi.masked,
        .smm = k->smi.smm,
        .smi_pending = k->smi.pending,
        .smm_inside_nmi = k->smi.smm_inside_nmi,
        .init_latched = k->smi.latched_init,
        .triple_fault = k->triple_fault.pending,
        .sipi_vector = k->sipi_vector,
    };
}

static void events_to_kvm(const KvmVm *vm, const X86State *s, struct kvm_vcpu_events *k)
{
    const X86Events *e = &s->events;

    memset(k, 0, sizeof(*k));
    k->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
               KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SMM |
               (vm->payload ? KVM_VCPUEVENT_VALID_PAYLOAD : 0) |
               (vm->triple_fault ? KVM_VCPUEVENT_VALID_TRIPLE_FAULT : 0);
    k->exception.pending = e->exception_pending;
    k->exception.injected = e->exception_injected;
    k->exception.has_error_code = e->exception_has_error;
    k->exception.nr = e->exception;
    k->exception.error_code = e->exception_error;
    k->exception_has_payload = e->exception_has_payload;
    k->exception_payload = e->exception_payload;
    k->interrupt.injected = e->interrupt_injected;
    k->interrupt.soft = e->interrupt_soft;
    k->interrupt.nr = e->interrupt;
    k->interrupt.shadow = e->shadow;
    k->nmi.injected = e->nmi_injected;
    k->nmi.pending = e->nmi_pending;
    k->nmi.masked = e->nmi_masked;
    k->smi.smm = e->smm;
    k->smi.pending = e->smi_pending;
    k->smi.smm_inside_nmi = e->smm_inside_nmi;
    k->smi.latched_init = e->init_latched;
    k->triple_fault.pending = e->triple_fault;
    k->sipi_vector = e->sipi_vector;
}

/* ---- Pulling ---- */

/* Completes what is under way. True: the synchronized groups are in kv->run. */
static bool complete_exit(KvmVcpu *kv)
{
    VcpuExit ignored;
    int r;

    kv->run->kvm_valid_regs = kv->vm->sync_regs ? KVM_SYNC_X86_VALID_FIELDS : 0;
    do {
        __atomic_store_n(&kv->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        r = kvm_enter(kv);
    } while (r == 0 && kvm_handle_exit(kv, &ignored));
    __atomic_store_n(&kv->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
    kv->run->kvm_valid_regs = 0;
    kv->pending = false;
    return kv->vm->sync_regs && (r == 0 || r == -EINTR || r == -EAGAIN);
}

static bool get(KvmVcpu *kv, unsigned long request, void *arg, const char *what)
{
    if (kvm_ioctl(kv->fd, request, arg) >= 0) {
        return true;
    }
    fprintf(stderr, "amphi: CPU %u: KVM does not give %s: %s\n", kv->vcpu->index, what,
            strerror(errno));
    return false;
}

/* What the kernel does not give stays as it was last known. */
static void pull_synced(KvmVcpu *kv, X86State *s, bool synced)
{
    struct kvm_sync_regs regs = kv->run->s.regs;

    if (!synced) {
        get(kv, KVM_GET_REGS, &regs.regs, "registers");
        get(kv, KVM_GET_SREGS, &regs.sregs, "segments");
        get(kv, KVM_GET_VCPU_EVENTS, &regs.events, "events");
    }
    regs_from_kvm(s, &regs.regs);
    sregs_from_kvm(s, &regs.sregs);
    events_from_kvm(s, &regs.events);
}

/* Page-directory pointers are registers of their own in PAE paging. */
static void pull_pdptrs(KvmVcpu *kv, X86State *s)
{
    struct kvm_sregs2 sregs;

    s->pdptr_valid = false;
    if (!kv->vm->sregs2 || !(s->cr0 & X86_CR0_PG) || !(s->cr4 & X86_CR4_PAE) ||
        (s->efer & X86_EFER_LMA)) {
        return;
    }
    if (kvm_ioctl(kv->fd, KVM_GET_SREGS2, &sregs) == 0 &&
        (sregs.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID)) {
        memcpy(s->pdptr, sregs.pdptrs, sizeof(s->pdptr));
        s->pdptr_valid = true;
    }
}

/* The kernel saves the state with the host's protection keys in their register, and so says that these are in use. A
 * component that the guest does not have never is, or the snapshot would ask for it where there is none. */
static void pull_xsave(KvmVcpu *kv, X86State *s)
{
    uint32_t reg[4];
    uint64_t used;

    if (!get(kv, KVM_GET_XSAVE, s->xsave, "FP state")) {
        return;
    }
    x86_cpu_cpuid(kv->vcpu, 0xd, 0, reg);
    memcpy(&used, s->xsave + X86_XSTATE_BV_OFFSET, sizeof(used));
    used &= (uint64_t)reg[X86_EDX] << 32 | reg[X86_EAX] | X86_XCR0_X87 | X86_XCR0_SSE;
    memcpy(s->xsave + X86_XSTATE_BV_OFFSET, &used, sizeof(used));
}

static void pull_rest(KvmVcpu *kv, X86State *s)
{
    struct kvm_debugregs debug;
    struct kvm_xcrs xcrs;
    struct kvm_mp_state mp;

    pull_pdptrs(kv, s);
    if (get(kv, KVM_GET_DEBUGREGS, &debug, "debug registers")) {
        memcpy(s->dr, debug.db, sizeof(s->dr));
        s->dr6 = debug.dr6;
        s->dr7 = debug.dr7;
    }
    if (get(kv, KVM_GET_XCRS, &xcrs, "XCR0") && xcrs.nr_xcrs) {
        s->xcr0 = xcrs.xcrs[0].value;
    }
    pull_xsave(kv, s);
    if (get(kv, KVM_GET_MP_STATE, &mp, "its activity")) {
        s->activity = mp.mp_state <= X86_HALTED ? mp.mp_state : X86_RUNNABLE;
    }
    if (kv->vm->mode != IRQCHIP_OFF) {
        s->apic_page_valid = get(kv, KVM_GET_LAPIC, s->apic_page, "its local APIC");
    }
    kvm_get_msrs(kv, s);
}

void kvm_pull(Vcpu *vcpu)
{
    KvmVcpu *kv = kvm_vcpu(vcpu);
    X86State *s = x86_state(vcpu);

    if (kv->home) {
        return;
    }
    bool synced = complete_exit(kv);
    kvm_gate_enter(kv);
    pull_synced(kv, s, synced);
    pull_rest(kv, s);
    kvm_gate_leave(kv);
    *kv->shadow = *s;
    kv->home = true;
    kvm_debug_running(kv->vm, -1);
    kvm_coalesced_flush(
        kv->vm); /* who looks at the machine is to find what the guest has written */
}

bool kvm_first_state(KvmVcpu *kv, GError **error)
{
    X86State *s = x86_state(kv->vcpu);
    int khz = ioctl(kv->fd, KVM_GET_TSC_KHZ, 0);

    kv->shadow->apic_ops = s->apic_ops;
    pull_synced(kv, kv->shadow, false);
    pull_rest(kv, kv->shadow);
    for (unsigned i = 0; i < kv->shadow->nmsrs; i++) {
        x86_msr_add(s, kv->shadow->msrs[i].index, kv->shadow->msrs[i].value);
    }
    s->tsc_khz = kv->shadow->tsc_khz = MAX(khz, 0);
    return true;
}

/* ---- Pushing ---- */

static bool put(KvmVcpu *kv, unsigned long request, const void *arg, const char *what)
{
    if (kvm_ioctl(kv->fd, request, (void *)arg) >= 0) {
        return true;
    }
    fprintf(stderr, "amphi: CPU %u: KVM does not take %s: %s\n", kv->vcpu->index, what,
            strerror(errno));
    return false;
}

bool kvm_tsc_is_near(uint64_t a, uint64_t b)
{
    const uint64_t tolerance = 250; /* millionths */
    uint64_t apart = a > b ? a - b : b - a;

    return apart * 1000000 <= b * tolerance;
}

/* A snapshot's time-stamp counters go on at its frequency. To be called before they are written. */
static void push_tsc_khz(KvmVcpu *kv, X86State *s)
{
    uint64_t was = s->tsc_khz, here = kv->shadow->tsc_khz;

    if (was == here) {
        return;
    }
    if (was && kv->vm->tsc_control && ioctl(kv->fd, KVM_SET_TSC_KHZ, was) == 0) {
        return;
    }
    s->tsc_khz = here;
    if (was && here && !kvm_tsc_is_near(was, here) && kv->vcpu->index == 0) {
        fprintf(
            stderr,
            "amphi: the snapshot's time-stamp counter ran at %.3f MHz; this host's has %.3f MHz "
            "and cannot be scaled, so time may be wrong in the guest\n",
            was / 1000.0, here / 1000.0);
    }
}

#define DIFFERENT(field) (memcmp(&s->field, &old->field, sizeof(s->field)) != 0)

static bool regs_changed(const X86State *s, const X86State *old)
{
    return DIFFERENT(regs) || s->rip != old->rip || s->rflags != old->rflags;
}

static bool segment_changed(const X86Segment *a, const X86Segment *b)
{
    return a->selector != b->selector || a->attr != b->attr || a->limit != b->limit ||
           a->base != b->base;
}

static bool sregs_changed(const X86State *s, const X86State *old)
{
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        if (segment_changed(&s->segs[i], &old->segs[i])) {
            return true;
        }
    }
    return segment_changed(&s->ldtr, &old->ldtr) || segment_changed(&s->tr, &old->tr) ||
           s->gdtr.base != old->gdtr.base || s->gdtr.limit != old->gdtr.limit ||
           s->idtr.base != old->idtr.base || s->idtr.limit != old->idtr.limit ||
           s->cr0 != old->cr0 || s->cr2 != old->cr2 || s->cr3 != old->cr3 || s->cr4 != old->cr4 ||
           s->cr8 != old->cr8 || s->efer != old->efer || s->apic_base != old->apic_base;
}

/* Both ends of the comparison are made of the same fields, so padding does not matter. */
static bool events_changed(const KvmVm *vm, const X86State *s, const X86State *old)
{
    struct kvm_vcpu_events a, b;
    events_to_kvm(vm, s, &a);
    events_to_kvm(vm, old, &b);
    return memcmp(&a, &b, sizeof(a)) != 0;
}

/* What the kernel needs in this order: modes before the local APIC's form, these before the timer. */
static bool push_unsynced(KvmVcpu *kv, const X86State *s, const X86State *old)
{
    bool ok = true;

    if (DIFFERENT(dr) || s->dr6 != old->dr6 || s->dr7 != old->dr7) {
        struct kvm_debugregs debug = {.dr6 = s->dr6, .dr7 = s->dr7};
        memcpy(debug.db, s->dr, sizeof(debug.db));
        ok &= put(kv, KVM_SET_DEBUGREGS, &debug, "debug registers");
    }
    if (s->xcr0 != old->xcr0) {
        struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = s->xcr0}}};
        ok &= put(kv, KVM_SET_XCRS, &xcrs, "XCR0");
    }
    if (DIFFERENT(xsave)) {
        ok &= put(kv, KVM_SET_XSAVE, s->xsave, "FP state");
    }
    ok &= kvm_put_msrs(kv, s, old, false);
    if (kv->vm->mode != IRQCHIP_OFF && s->apic_page_valid && DIFFERENT(apic_page)) {
        ok &= put(kv, KVM_SET_LAPIC, s->apic_page, "its local APIC");
    }
    ok &= kvm_put_msrs(kv, s, old, true);
    if (s->activity != old->activity) {
        struct kvm_mp_state mp = {kv->vm->mode == IRQCHIP_OFF ? KVM_MP_STATE_RUNNABLE
                                                              : s->activity};
        ok &= put(kv, KVM_SET_MP_STATE, &mp, "its activity");
    }
    return ok;
}

static bool unsynced_changed(const KvmVm *vm, const X86State *s, const X86State *old)
{
    return DIFFERENT(dr) || s->dr6 != old->dr6 || s->dr7 != old->dr7 || s->xcr0 != old->xcr0 ||
           DIFFERENT(xsave) || DIFFERENT(apic_page) || s->activity != old->activity ||
           kvm_msrs_changed(vm, s, old);
}

/* With the next KVM_RUN. */
static void push_synced(KvmVcpu *kv, const X86State *s, const X86State *old)
{
    struct kvm_sync_regs *regs = &kv->run->s.regs;

    kv->run->kvm_dirty_regs = 0;
    if (regs_changed(s, old)) {
        regs_to_kvm(s, &regs->regs);
        kv->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
    }
    if (sregs_changed(s, old)) {
        sregs_to_kvm(s, &regs->sregs);
        kv->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
    }
    if (events_changed(kv->vm, s, old)) {
        events_to_kvm(kv->vm, s, &regs->events);
        kv->run->kvm_dirty_regs |= KVM_SYNC_X86_EVENTS;
    }
}

static bool push_pdptrs(KvmVcpu *kv, const X86State *s, const struct kvm_sregs *sregs)
{
    struct kvm_sregs2 k = {.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID};

    /* The structs are the same up to what SREGS has last and SREGS2 has not. */
    memcpy(&k, sregs, offsetof(struct kvm_sregs2, flags));
    memcpy(k.pdptrs, s->pdptr, sizeof(k.pdptrs));
    return put(kv, KVM_SET_SREGS2, &k, "segments");
}

static bool push_at_once(KvmVcpu *kv, const X86State *s, const X86State *old)
{
    struct kvm_sync_regs regs;
    bool ok = true;

    if (sregs_changed(s, old) || s->pdptr_valid) {
        sregs_to_kvm(s, &regs.sregs);
        ok = s->pdptr_valid && kv->vm->sregs2 ? push_pdptrs(kv, s, &regs.sregs)
                                              : put(kv, KVM_SET_SREGS, &regs.sregs, "segments");
    }
    if (regs_changed(s, old)) {
        regs_to_kvm(s, &regs.regs);
        ok &= put(kv, KVM_SET_REGS, &regs.regs, "registers");
    }
    ok &= push_unsynced(kv, s, old);
    if (events_changed(kv->vm, s, old)) {
        events_to_kvm(kv->vm, s, &regs.events);
        ok &= put(kv, KVM_SET_VCPU_EVENTS, &regs.events, "events");
    }
    return ok;
}

bool kvm_push(KvmVcpu *kv)
{
    const X86State *s = x86_state(kv->vcpu), *old = kv->shadow;
    bool ok = true;

    kvm_gate_enter(kv);
    push_tsc_khz(kv, x86_state(kv->vcpu));
    if (kv->vm->sync_regs && !unsynced_changed(kv->vm, s, old) &&
        !(s->pdptr_valid && sregs_changed(s, old))) {
        push_synced(kv, s, old);
    } else {
        ok = push_at_once(kv, s, old);
    }
    kvm_gate_leave(kv);
    kv->run->cr8 =
        s->cr8; /* which each KVM_RUN takes over where local APICs are not the kernel's */
    kv->home = false;
    kvm_debug_running(kv->vm, 1);
    kv->shutdown = false;
    return ok;
}
