/*
 * Numbers of model-specific registers: Intel SDM volume 4, AMD64 APM volume 2 appendix A; the paravirtual
 * ones are KVM's (asm/kvm_para.h).
 */
#ifndef AMPHI_X86_MSR_H
#define AMPHI_X86_MSR_H

#include "cpu/x86/state.h"

enum {
    X86_MSR_TSC = 0x10,
    X86_MSR_APIC_BASE = 0x1b,
    X86_MSR_FEATURE_CONTROL = 0x3a,
    X86_MSR_TSC_ADJUST = 0x3b,
    X86_MSR_SPEC_CTRL = 0x48,
    X86_MSR_UCODE_REV = 0x8b,
    X86_MSR_MTRR_CAP = 0xfe,
    X86_MSR_ARCH_CAPABILITIES = 0x10a,
    X86_MSR_SYSENTER_CS = 0x174,
    X86_MSR_SYSENTER_ESP = 0x175,
    X86_MSR_SYSENTER_EIP = 0x176,
    X86_MSR_MCG_CAP = 0x179,
    X86_MSR_MCG_STATUS = 0x17a,
    X86_MSR_MCG_CTL = 0x17b,
    X86_MSR_MISC_ENABLE = 0x1a0,
    X86_MSR_MTRR_BASE0 = 0x200,
    X86_MSR_MTRR_MASK0 = 0x201,
    X86_MSR_MTRR_FIX64K = 0x250,
    X86_MSR_MTRR_FIX16K = 0x258,
    X86_MSR_MTRR_FIX4K = 0x268,
    X86_MSR_PAT = 0x277,
    X86_MSR_MTRR_DEF_TYPE = 0x2ff,
    X86_MSR_MC0_CTL = 0x400,
    X86_MSR_TSC_DEADLINE = 0x6e0,
    X86_MSR_X2APIC = 0x800, /* 256 of them */
    X86_MSR_XSS = 0xda0,
};

/* Above the range of an enum's int. */
#define X86_MSR_EFER 0xc0000080u
#define X86_MSR_STAR 0xc0000081u
#define X86_MSR_LSTAR 0xc0000082u
#define X86_MSR_CSTAR 0xc0000083u
#define X86_MSR_SFMASK 0xc0000084u
#define X86_MSR_FS_BASE 0xc0000100u
#define X86_MSR_GS_BASE 0xc0000101u
#define X86_MSR_KERNEL_GS_BASE 0xc0000102u
#define X86_MSR_TSC_AUX 0xc0000103u
#define X86_MSR_KVM_WALL_CLOCK 0x4b564d00u
#define X86_MSR_KVM_SYSTEM_TIME 0x4b564d01u
#define X86_MSR_KVM_ASYNC_PF 0x4b564d02u
#define X86_MSR_KVM_STEAL_TIME 0x4b564d03u
#define X86_MSR_KVM_PV_EOI 0x4b564d04u
#define X86_MSR_KVM_POLL_CONTROL 0x4b564d05u
#define X86_MSR_KVM_ASYNC_PF_INT 0x4b564d06u
#define X86_MSR_KVM_ASYNC_PF_ACK 0x4b564d07u

/* The field of X86State that is register @index; NULL: it has none, and may be in msrs[]. */
uint64_t *x86_msr_field(X86State *s, uint32_t index);

#endif
