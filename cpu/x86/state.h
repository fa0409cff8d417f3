/*
 * Architectural state of one x86-64 processor: what the gdb stub shows, a snapshot saves and a hop hands
 * over. Normalised: nothing is lazy, nothing is in an engine's own form. Intel SDM volumes 1, 3 and 4 say
 * what each register is; AMD64 APM volume 2 where it differs.
 *
 * FP and vector registers are one XSAVE image in the standard (not compacted) form: SSE registers are at
 * X86_XMM_OFFSET, the upper halves of AVX at X86_YMMH_OFFSET, and XSTATE_BV tells which components are not in
 * their initial state. Locking: as cpu/vcpu.h says; fields marked atomic are for any thread.
 */
#ifndef AMPHI_X86_STATE_H
#define AMPHI_X86_STATE_H

#include "cpu/x86/x86.h"

/* clang-format off */
/* Register numbers as in instructions. */
enum {
    X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
    X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
    X86_NREGS
};
enum { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_NSEGS };

/* RFLAGS. Bit 1 is always set. */
enum {
    X86_CF = 1u << 0, X86_FLAG1 = 1u << 1, X86_PF = 1u << 2, X86_AF = 1u << 4, X86_ZF = 1u << 6,
    X86_SF = 1u << 7, X86_TF = 1u << 8, X86_IF = 1u << 9, X86_DF = 1u << 10, X86_OF = 1u << 11,
    X86_IOPL = 3u << 12, X86_NT = 1u << 14, X86_RF = 1u << 16, X86_VM = 1u << 17, X86_AC = 1u << 18,
    X86_VIF = 1u << 19, X86_VIP = 1u << 20, X86_ID = 1u << 21,
};

enum {
    X86_CR0_PE = 1u << 0, X86_CR0_MP = 1u << 1, X86_CR0_EM = 1u << 2, X86_CR0_TS = 1u << 3,
    X86_CR0_ET = 1u << 4, X86_CR0_NE = 1u << 5, X86_CR0_WP = 1u << 16, X86_CR0_AM = 1u << 18,
    X86_CR0_NW = 1u << 29, X86_CR0_CD = 1u << 30, X86_CR0_PG = 1u << 31,
};
enum {
    X86_CR4_VME = 1u << 0, X86_CR4_PVI = 1u << 1, X86_CR4_TSD = 1u << 2, X86_CR4_DE = 1u << 3,
    X86_CR4_PSE = 1u << 4, X86_CR4_PAE = 1u << 5, X86_CR4_MCE = 1u << 6, X86_CR4_PGE = 1u << 7,
    X86_CR4_PCE = 1u << 8, X86_CR4_OSFXSR = 1u << 9, X86_CR4_OSXMMEXCPT = 1u << 10,
    X86_CR4_UMIP = 1u << 11, X86_CR4_LA57 = 1u << 12, X86_CR4_FSGSBASE = 1u << 16,
    X86_CR4_PCIDE = 1u << 17, X86_CR4_OSXSAVE = 1u << 18, X86_CR4_SMEP = 1u << 20,
    X86_CR4_SMAP = 1u << 21, X86_CR4_PKE = 1u << 22,
};
enum {
    X86_EFER_SCE = 1u << 0, X86_EFER_LME = 1u << 8, X86_EFER_LMA = 1u << 10, X86_EFER_NXE = 1u << 11,
    X86_EFER_SVME = 1u << 12,
};
/* clang-format on */

/* A segment register with its hidden part. */
typedef struct X86Segment {
    uint16_t selector;
    uint16_t attr;  /* X86_SEG_*: bits 40..47 and 52..55 of the descriptor */
    uint32_t limit; /* in bytes, the last one that is within, whatever G says */
    uint64_t base;
} X86Segment;

/* clang-format off */
enum {
    X86_SEG_TYPE = 15u, X86_SEG_S = 1u << 4, X86_SEG_DPL_SHIFT = 5, X86_SEG_P = 1u << 7,
    X86_SEG_AVL = 1u << 8, X86_SEG_L = 1u << 9, X86_SEG_DB = 1u << 10, X86_SEG_G = 1u << 11,
    X86_SEG_UNUSABLE = 1u << 15, /* a null selector was loaded */
};
/* clang-format on */

typedef struct X86Table {
    uint64_t base;
    uint16_t limit;
} X86Table;

#define X86_XSAVE_SIZE 4096
#define X86_FXSAVE_SIZE 512
#define X86_FCW_OFFSET 0
#define X86_FSW_OFFSET 2
#define X86_FTW_OFFSET 4 /* one bit a register: 1 is not empty */
#define X86_MXCSR_OFFSET 24
#define X86_ST_OFFSET 32   /* 8 registers of 10 bytes, 16 apart */
#define X86_XMM_OFFSET 160 /* 16 of 16 bytes */
#define X86_XSTATE_BV_OFFSET 512
#define X86_YMMH_OFFSET 576 /* 16 of 16 bytes */
#define X86_XCR0_X87 1u
#define X86_XCR0_SSE 2u
#define X86_XCR0_AVX 4u

/* What KVM and the manuals call the activity state. */
typedef enum X86Activity {
    X86_RUNNABLE,
    X86_NOT_STARTED,   /* an application processor after reset: waits for INIT */
    X86_WAIT_FOR_SIPI, /* after INIT */
    X86_HALTED,
} X86Activity;

/* Events that are pending or being delivered between two instructions. */
typedef struct X86Events {
    bool exception_pending;  /* recognised; side effects (DR6, CR2) still to come as the payload */
    bool exception_injected; /* being delivered; side effects done */
    bool exception_has_error, exception_has_payload;
    uint8_t exception;
    uint32_t exception_error;
    uint64_t exception_payload;
    bool interrupt_injected, interrupt_soft;
    uint8_t interrupt;
    uint8_t shadow; /* bit 0: after MOV SS or POP SS, bit 1: after STI */
    bool nmi_injected, nmi_pending, nmi_masked;
    bool smm, smi_pending, smm_inside_nmi, init_latched;
    bool triple_fault;
    uint8_t sipi_vector;
} X86Events;

/* Model-specific registers that have no field below, as an engine of the host knows them. */
typedef struct X86Msr {
    uint32_t index;
    uint64_t value, reset; /* and what a reset makes it */
} X86Msr;
#define X86_MAX_MSRS 256

#define X86_APIC_PAGE_SIZE 1024

typedef struct X86Model X86Model;

typedef struct X86State {
    uint64_t regs[X86_NREGS]; /* first, so that translated code reaches all with short offsets */
    uint64_t rip, rflags;
    X86Segment segs[X86_NSEGS], ldtr, tr;
    X86Table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t cr8;      /* bits 7:4 of the task priority; the local APIC has the rest */
    uint64_t pdptr[4]; /* of PAE paging outside long mode */
    bool pdptr_valid;
    uint64_t xcr0;
    uint64_t dr[4], dr6, dr7;

    uint64_t efer, star, lstar, cstar, sfmask, kernel_gs_base; /* fs, gs base: in segs[] */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t apic_base; /* IA32_APIC_BASE */
    uint64_t pat, misc_enable, tsc_aux, tsc_adjust, tsc_deadline, spec_ctrl, xss;
    uint64_t mtrr_def_type, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t mcg_status, mcg_ctl;
    uint64_t tsc; /* at the time when the state was taken */
    uint64_t kvm_system_time, kvm_wall_clock, kvm_async_pf, kvm_async_pf_int, kvm_async_pf_ack;
    uint64_t kvm_steal_time, kvm_poll_control, kvm_pv_eoi;
    uint32_t nmsrs;
    X86Msr msrs[X86_MAX_MSRS]; /* in no order */

    X86Events events;
    uint8_t activity; /* X86Activity */

    /* The local APIC where it is part of the engine: registers at their architectural offsets (SDM volume 3,
     * table 11-1), 4 bytes every 16. Not used while there is a device (x86_cpu_set_apic()). */
    bool apic_page_valid;
    uint8_t apic_page[X86_APIC_PAGE_SIZE];

    _Alignas(64) uint8_t xsave[X86_XSAVE_SIZE];

    /* Not architectural state: */
    uint32_t apic_id;
    bool bsp;                   /* the processor that starts */
    uint32_t lines;             /* atomic: 1 << X86Line, as driven from outside */
    uint32_t signals;           /* atomic: X86_SIGNAL_* that came and were not taken yet */
    uint8_t sipi;               /* atomic: vector of the last start-up message */
    const X86ApicOps *apic_ops; /* NULL: the engine's, or none */
    void *apic;
    uint64_t tsc_khz; /* 0: not known */
    X86Model *model;
    uint64_t saved_model; /* its checksum in a snapshot */
    X86Start start;
} X86State;

enum {
    X86_SIGNAL_NMI = 1u << 0,
    X86_SIGNAL_SMI = 1u << 1,
    X86_SIGNAL_INIT = 1u << 2,
    X86_SIGNAL_SIPI = 1u << 3
};

static inline X86State *x86_state(const Vcpu *vcpu)
{
    return vcpu_state(vcpu);
}

/* Takes what came from outside and is not an interrupt: INIT and SIPI change the state here; NMI and SMI
 * become pending events. With exact state, on the vCPU's thread. */
void x86_take_signals(Vcpu *vcpu);

/* What INIT does: as reset, but caches, FP state and most MSRs stay. */
void x86_init_reset(Vcpu *vcpu);

/* Model-specific registers by number. Getting: false if there is no such register. Setting keeps @value
 * without checks: for engines and snapshots, not for WRMSR; false if there is no room for another one. */
bool x86_msr_get(const X86State *s, uint32_t index, uint64_t *value);
bool x86_msr_set(X86State *s, uint32_t index, uint64_t value);

/* Notes that the engine's processor has register @index, which is @reset after a reset. */
void x86_msr_add(X86State *s, uint32_t index, uint64_t reset);

/* Nothing but INIT and SIPI reaches it. */
static inline bool x86_is_waiting(const X86State *s)
{
    return s->activity == X86_NOT_STARTED || s->activity == X86_WAIT_FOR_SIPI;
}

/* 16, 32 or 64: the size of code by CS and EFER. */
unsigned x86_code_bits(const X86State *s);

#endif
