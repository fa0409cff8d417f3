/*
 * The saved state of a processor.
 */
#include "cpu/x86/priv.h"
#include "softmmu/base/error.h"
#include <string.h>

static const VmField segment_fields[] = {
    VM_FIELD_U16(X86Segment, selector),
    VM_FIELD_U16(X86Segment, attr),
    VM_FIELD_U32(X86Segment, limit),
    VM_FIELD_U64(X86Segment, base),
    VM_FIELD_END(),
};
static const VmDesc segment_desc = {.name = "segment", .fields = segment_fields};

static const VmField table_fields[] = {
    VM_FIELD_U64(X86Table, base),
    VM_FIELD_U16(X86Table, limit),
    VM_FIELD_END(),
};
static const VmDesc table_desc = {.name = "table", .fields = table_fields};

static const VmField msr_fields[] = {
    VM_FIELD_U32(X86Msr, index),
    VM_FIELD_U64(X86Msr, value),
    VM_FIELD_U64(X86Msr, reset),
    VM_FIELD_END(),
};
static const VmDesc msr_desc = {.name = "msr", .fields = msr_fields};

static const VmField event_fields[] = {
    VM_FIELD_BOOL(X86Events, exception_pending),
    VM_FIELD_BOOL(X86Events, exception_injected),
    VM_FIELD_BOOL(X86Events, exception_has_error),
    VM_FIELD_BOOL(X86Events, exception_has_payload),
    VM_FIELD_U8(X86Events, exception),
    VM_FIELD_U32(X86Events, exception_error),
    VM_FIELD_U64(X86Events, exception_payload),
    VM_FIELD_BOOL(X86Events, interrupt_injected),
    VM_FIELD_BOOL(X86Events, interrupt_soft),
    VM_FIELD_U8(X86Events, interrupt),
    VM_FIELD_U8(X86Events, shadow),
    VM_FIELD_BOOL(X86Events, nmi_injected),
    VM_FIELD_BOOL(X86Events, nmi_pending),
    VM_FIELD_BOOL(X86Events, nmi_masked),
    VM_FIELD_BOOL(X86Events, smm),
    VM_FIELD_BOOL(X86Events, smi_pending),
    VM_FIELD_BOOL(X86Events, smm_inside_nmi),
    VM_FIELD_BOOL(X86Events, init_latched),
    VM_FIELD_BOOL(X86Events, triple_fault),
    VM_FIELD_U8(X86Events, sipi_vector),
    VM_FIELD_END(),
};
static const VmDesc event_desc = {.name = "events", .fields = event_fields};

static void pre_save(void *opaque)
{
    X86State *s = opaque;
    s->saved_model = x86_model_checksum(s->model);
}

static bool post_load(void *opaque, GError **error)
{
    X86State *s = opaque;

    if (s->saved_model != x86_model_checksum(s->model)) {
        return error_set(error,
                         "the snapshot is of a CPU that differs from -cpu %s here; give the "
                         "model that it was taken with",
                         x86_model_name(s->model));
    }
    if (s->nmsrs > X86_MAX_MSRS || s->activity > X86_HALTED || !(s->rflags & X86_FLAG1) ||
        s->tsc_khz > INT32_MAX) {
        return error_set(error, "the snapshot's CPU state is damaged; take a new one");
    }
    return true;
}

static const VmField state_fields[] = {
    VM_FIELD_U64(X86State, saved_model),
    VM_ARRAY_U64(X86State, regs),
    VM_FIELD_U64(X86State, rip),
    VM_FIELD_U64(X86State, rflags),
    VM_ARRAY_STRUCT(X86State, segs, &segment_desc),
    VM_FIELD_STRUCT(X86State, ldtr, &segment_desc),
    VM_FIELD_STRUCT(X86State, tr, &segment_desc),
    VM_FIELD_STRUCT(X86State, gdtr, &table_desc),
    VM_FIELD_STRUCT(X86State, idtr, &table_desc),
    VM_FIELD_U64(X86State, cr0),
    VM_FIELD_U64(X86State, cr2),
    VM_FIELD_U64(X86State, cr3),
    VM_FIELD_U64(X86State, cr4),
    VM_FIELD_U64(X86State, cr8),
    VM_ARRAY_U64(X86State, pdptr),
    VM_FIELD_BOOL(X86State, pdptr_valid),
    VM_FIELD_U64(X86State, xcr0),
    VM_ARRAY_U64(X86State, dr),
    VM_FIELD_U64(X86State, dr6),
    VM_FIELD_U64(X86State, dr7),
    VM_FIELD_U64(X86State, efer),
    VM_FIELD_U64(X86State, star),
    VM_FIELD_U64(X86State, lstar),
    VM_FIELD_U64(X86State, cstar),
    VM_FIELD_U64(X86State, sfmask),
    VM_FIELD_U64(X86State, kernel_gs_base),
    VM_FIELD_U64(X86State, sysenter_cs),
    VM_FIELD_U64(X86State, sysenter_esp),
    VM_FIELD_U64(X86State, sysenter_eip),
    VM_FIELD_U64(X86State, apic_base),
    VM_FIELD_U64(X86State, pat),
    VM_FIELD_U64(X86State, misc_enable),
    VM_FIELD_U64(X86State, tsc_aux),
    VM_FIELD_U64(X86State, tsc_adjust),
    VM_FIELD_U64(X86State, tsc_deadline),
    VM_FIELD_U64(X86State, spec_ctrl),
    VM_FIELD_U64(X86State, xss),
    VM_FIELD_U64(X86State, mtrr_def_type),
    VM_ARRAY_U64(X86State, mtrr_fixed),
    VM_ARRAY_U64(X86State, mtrr_base),
    VM_ARRAY_U64(X86State, mtrr_mask),
    VM_FIELD_U64(X86State, mcg_status),
    VM_FIELD_U64(X86State, mcg_ctl),
    VM_FIELD_U64(X86State, tsc),
    VM_FIELD_U64(X86State, tsc_khz),
    VM_FIELD_U64(X86State, kvm_system_time),
    VM_FIELD_U64(X86State, kvm_wall_clock),
    VM_FIELD_U64(X86State, kvm_async_pf),
    VM_FIELD_U64(X86State, kvm_async_pf_int),
    VM_FIELD_U64(X86State, kvm_async_pf_ack),
    VM_FIELD_U64(X86State, kvm_steal_time),
    VM_FIELD_U64(X86State, kvm_poll_control),
    VM_FIELD_U64(X86State, kvm_pv_eoi),
    VM_FIELD_U32(X86State, nmsrs),
    VM_ARRAY_STRUCT(X86State, msrs, &msr_desc),
    VM_FIELD_STRUCT(X86State, events, &event_desc),
    VM_FIELD_U8(X86State, activity),
    VM_FIELD_BOOL(X86State, apic_page_valid),
    VM_ARRAY_U8(X86State, apic_page),
    VM_ARRAY_U8(X86State, xsave),
    VM_FIELD_U32(X86State, signals),
    VM_FIELD_U8(X86State, sipi),
    VM_FIELD_END(),
};

const VmDesc x86_vmstate = {
    .name = "x86-cpu",
    .fields = state_fields,
    .pre_save = pre_save,
    .post_load = post_load,
};
