/*
 * Model-specific registers by number: those with a field of their own in X86State, and the rest, which are
 * a list of what the engine's processor has (Intel SDM volume 4, AMD64 APM volume 2 appendix A; the
 * paravirtual ones: Linux, Documentation/virt/kvm/x86/msr.rst).
 */
#include "cpu/x86/msr.h"
#include "cpu/x86/priv.h"
#include <string.h>

/* Numbers that follow each other with a stride, fields one after the other. */
typedef struct MsrField {
    uint32_t index, stride, count;
    size_t offset;
} MsrField;

/* clang-format off */
#define ONE(number, field) {number, 1, 1, offsetof(X86State, field)}
#define ROW(number, step, n, field) {number, step, n, offsetof(X86State, field)}
/* clang-format on */

static const MsrField fields[] = {
    ONE(X86_MSR_TSC, tsc),
    ONE(X86_MSR_APIC_BASE, apic_base),
    ONE(X86_MSR_TSC_ADJUST, tsc_adjust),
    ONE(X86_MSR_SPEC_CTRL, spec_ctrl),
    ONE(X86_MSR_SYSENTER_CS, sysenter_cs),
    ONE(X86_MSR_SYSENTER_ESP, sysenter_esp),
    ONE(X86_MSR_SYSENTER_EIP, sysenter_eip),
    ONE(X86_MSR_MCG_STATUS, mcg_status),
    ONE(X86_MSR_MCG_CTL, mcg_ctl),
    ONE(X86_MSR_MISC_ENABLE, misc_enable),
    ROW(X86_MSR_MTRR_BASE0, 2, 8, mtrr_base),
    ROW(X86_MSR_MTRR_MASK0, 2, 8, mtrr_mask),
    ROW(X86_MSR_MTRR_FIX64K, 1, 1, mtrr_fixed[0]),
    ROW(X86_MSR_MTRR_FIX16K, 1, 2, mtrr_fixed[1]),
    ROW(X86_MSR_MTRR_FIX4K, 1, 8, mtrr_fixed[3]),
    ONE(X86_MSR_MTRR_DEF_TYPE, mtrr_def_type),
    ONE(X86_MSR_PAT, pat),
    ONE(X86_MSR_TSC_DEADLINE, tsc_deadline),
    ONE(X86_MSR_XSS, xss),
    ONE(X86_MSR_EFER, efer),
    ONE(X86_MSR_STAR, star),
    ONE(X86_MSR_LSTAR, lstar),
    ONE(X86_MSR_CSTAR, cstar),
    ONE(X86_MSR_SFMASK, sfmask),
    ONE(X86_MSR_FS_BASE, segs[X86_FS].base),
    ONE(X86_MSR_GS_BASE, segs[X86_GS].base),
    ONE(X86_MSR_KERNEL_GS_BASE, kernel_gs_base),
    ONE(X86_MSR_TSC_AUX, tsc_aux),
    ONE(X86_MSR_KVM_WALL_CLOCK, kvm_wall_clock),
    ONE(X86_MSR_KVM_SYSTEM_TIME, kvm_system_time),
    ONE(X86_MSR_KVM_ASYNC_PF, kvm_async_pf),
    ONE(X86_MSR_KVM_STEAL_TIME, kvm_steal_time),
    ONE(X86_MSR_KVM_PV_EOI, kvm_pv_eoi),
    ONE(X86_MSR_KVM_POLL_CONTROL, kvm_poll_control),
    ONE(X86_MSR_KVM_ASYNC_PF_INT, kvm_async_pf_int),
    ONE(X86_MSR_KVM_ASYNC_PF_ACK, kvm_async_pf_ack),
};

uint64_t *x86_msr_field(X86State *s, uint32_t index)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        const MsrField *f = &fields[i];
        uint32_t distance = index - f->index;
        if (distance < f->stride * f->count && distance % f->stride == 0) {
            return (uint64_t *)((char *)s + f->offset) + distance / f->stride;
        }
    }
    return NULL;
}

static X86Msr *find_other(const X86State *s, uint32_t index)
{
    for (unsigned i = 0; i < s->nmsrs; i++) {
        if (s->msrs[i].index == index) {
            return (X86Msr *)&s->msrs[i];
        }
    }
    return NULL;
}

bool x86_msr_get(const X86State *s, uint32_t index, uint64_t *value)
{
    const uint64_t *field = x86_msr_field((X86State *)s, index);
    const X86Msr *other = field ? NULL : find_other(s, index);

    if (other) {
        field = &other->value;
    }
    if (field) {
        *value = *field;
    }
    return field != NULL;
}

bool x86_msr_set(X86State *s, uint32_t index, uint64_t value)
{
    uint64_t *field = x86_msr_field(s, index);
    X86Msr *other = field ? NULL : find_other(s, index);

    if (!field && !other) {
        if (s->nmsrs == X86_MAX_MSRS) {
            return false;
        }
        other = &s->msrs[s->nmsrs++];
        other->index = index;
    }
    *(field ? field : &other->value) = value;
    return true;
}

void x86_msr_add(X86State *s, uint32_t index, uint64_t reset)
{
    if (x86_msr_set(s, index, reset) && !x86_msr_field(s, index)) {
        find_other(s, index)->reset = reset;
    }
}
