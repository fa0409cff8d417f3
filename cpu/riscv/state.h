/*
 * Architectural state of one RV64 hart: what the gdb stub shows, a snapshot saves and a hop hands over.
 */
#ifndef AMPHI_RISCV_STATE_H
#define AMPHI_RISCV_STATE_H

#include "cpu/riscv/riscv.h"
#include "softmmu/clock.h"

typedef enum RiscvPriv { RISCV_PRIV_U = 0, RISCV_PRIV_S = 1, RISCV_PRIV_M = 3 } RiscvPriv;

#define RISCV_PMP_ENTRIES 16

/* Configurable features: one bit each of RiscvCpuConfig.ext; names in config.c's table. */
/* clang-format off */
typedef enum RiscvExt {
    RISCV_EXT_I, RISCV_EXT_M, RISCV_EXT_A, RISCV_EXT_F, RISCV_EXT_D, RISCV_EXT_C, RISCV_EXT_V,
    RISCV_EXT_S, RISCV_EXT_U,
    RISCV_EXT_ZICSR, RISCV_EXT_ZIFENCEI, RISCV_EXT_ZICNTR, RISCV_EXT_ZIHPM,
    RISCV_EXT_ZBA, RISCV_EXT_ZBB, RISCV_EXT_ZBS, RISCV_EXT_ZBC, RISCV_EXT_ZBKB,
    RISCV_EXT_ZFH, RISCV_EXT_ZFHMIN, RISCV_EXT_ZFA, RISCV_EXT_ZICOND, RISCV_EXT_ZAWRS,
    RISCV_EXT_ZICBOM, RISCV_EXT_ZICBOZ, RISCV_EXT_ZICBOP, RISCV_EXT_ZACAS, RISCV_EXT_ZKT,
    RISCV_EXT_ZIHINTPAUSE,
    RISCV_EXT_SVINVAL, RISCV_EXT_SVNAPOT, RISCV_EXT_SVPBMT, RISCV_EXT_SVADU, RISCV_EXT_SVADE,
    RISCV_EXT_SV48, RISCV_EXT_SV57, RISCV_EXT_SSTC, RISCV_EXT_SMSTATEEN, RISCV_EXT_PMP,
    RISCV_EXT_COUNT
} RiscvExt;
/* clang-format on */

typedef struct RiscvCpuConfig {
    uint64_t ext; /* 1 << RiscvExt */
    uint64_t timebase;
    const char *model;
    unsigned vlenb; /* VLEN in bytes */
} RiscvCpuConfig;

/*
 * Variable numbers in IR are those of the registers: x1..x31 are 1..31 (0 is never used), f0..f31 are
 * 32..63. The pc is not a variable. The vector registers are from 64 on, where mstatus.VS is not Off: for each 32
 * bytes two pieces of 16, and the same as one piece of 32. A translation uses either the ones or the others.
 */
#define RISCV_VLENB_MAX 64
#define RISCV_VAR_X(n) (n)
#define RISCV_VAR_F(n) (32 + (n))
#define RISCV_VAR_V16(piece) (64 + (piece) / 2 * 3 + (piece) % 2)
#define RISCV_VAR_V32(piece) (64 + (piece)*3 + 2)
#define RISCV_NVARS_SCALAR 64
#define RISCV_NVARS_VECTOR(vlenb) (64 + 3 * (vlenb))
#define RISCV_NVARS RISCV_NVARS_VECTOR(RISCV_VLENB_MAX)

/* tb_flags(): what translations depend on. */
#define RISCV_TB_PRIV_MASK 3u /* RiscvPriv */
#define RISCV_TB_FS (1u << 2) /* mstatus.FS is not Off */
#define RISCV_TB_FRM_SHIFT 3  /* 3 bits: frm, when FS is on (0 otherwise) */
#define RISCV_TB_FRM_MASK (7u << RISCV_TB_FRM_SHIFT)
/* The rest only if mstatus.VS is not Off. */
#define RISCV_TB_VS (1u << 8)
#define RISCV_TB_VILL (1u << 9)
#define RISCV_TB_VLMAX (1u << 10)   /* vl is VLMAX */
#define RISCV_TB_VSTART0 (1u << 11) /* vstart is 0 */
#define RISCV_TB_VTYPE_SHIFT 12     /* 6 bits: vsew, vlmul; 0 if vtype is illegal */

/* vtype: the type is not supported. */
#define RISCV_VILL (UINT64_C(1) << 63)

typedef struct RiscvState {
    uint64_t x[32]; /* x[0] is always 0; first: translated code reaches all with short offsets */
    uint64_t pc;
    uint64_t f[32]; /* NaN-boxed when narrower */

    uint64_t mstatus; /* FS, VS as last set; SD is computed on reading */
    uint8_t priv;     /* RiscvPriv */
    uint8_t fflags;   /* accrued flags, not counting those still in MXCSR while the vCPU runs */
    uint8_t frm;
    uint8_t fs_dirty; /* translated code stores 1 when it writes an f register or flag: merges into
                         mstatus.FS = Dirty wherever mstatus is read or saved (riscv_mstatus()) */

    uint64_t mip_lines; /* atomic: bits driven from outside by riscv_cpu_irq() */
    uint64_t mip_soft;  /* bits written by CSR instructions: SSIP, STIP, SEIP */
    uint64_t mie, mideleg, medeleg, mtvec, mepc, mcause, mtval, mscratch, mcounteren, menvcfg;
    uint64_t stvec, sepc, scause, stval, sscratch, scounteren, senvcfg, satp, stimecmp;
    uint64_t mstateen[4], sstateen[4], mcountinhibit, mseccfg;
    uint64_t mcycle_offset, minstret_offset; /* counter = source + offset */
    uint8_t pmpcfg[RISCV_PMP_ENTRIES];
    uint64_t pmpaddr[RISCV_PMP_ENTRIES];

    /* The V extension. Register n is at v + n * vlenb, so that groups are contiguous. */
    uint64_t vl, vtype, vstart;
    uint8_t vxrm, vxsat;
    uint8_t vs_dirty; /* as fs_dirty */
    _Alignas(16) uint8_t v[32 * RISCV_VLENB_MAX];

    /* Not architectural state: */
    uint64_t hartid;
    uint64_t reset_pc;
    uint64_t time_offset; /* atomic: mtime = virtual time in ticks + this; the same on all harts */
    Timer stimer;         /* fires at stimecmp; its clock is the hart's source of time */
    bool stimer_due;      /* atomic hint: time may have reached stimecmp (see trap.c) */
    uint8_t vain_waits;   /* in a row, without a trap (see riscv_helper_wfi()) */
    uint64_t saved_ext;   /* config.ext as it is in a snapshot */
    uint32_t saved_vlenb;
    uint32_t vlenb; /* config.vlenb */
    RiscvCpuConfig config;
} RiscvState;

static inline RiscvState *riscv_state(const Vcpu *vcpu)
{
    return vcpu_state(vcpu);
}

static inline bool riscv_has(const RiscvState *s, RiscvExt ext)
{
    return (s->config.ext >> ext) & 1;
}

/* Exception causes (Privileged Architecture, table of mcause values). */
/* clang-format off */
typedef enum RiscvCause {
    RISCV_FETCH_MISALIGNED = 0, RISCV_FETCH_ACCESS = 1, RISCV_ILLEGAL = 2, RISCV_BREAKPOINT = 3,
    RISCV_LOAD_MISALIGNED = 4, RISCV_LOAD_ACCESS = 5, RISCV_STORE_MISALIGNED = 6, RISCV_STORE_ACCESS = 7,
    RISCV_ECALL_U = 8, RISCV_ECALL_S = 9, RISCV_ECALL_M = 11,
    RISCV_FETCH_PAGE = 12, RISCV_LOAD_PAGE = 13, RISCV_STORE_PAGE = 15,
} RiscvCause;
/* clang-format on */

/* Delivers a synchronous exception and leaves for the run loop. State (pc included) must be exact or
 * restorable by vcpu_sync(), which is called first. */
G_GNUC_NORETURN void riscv_raise(Vcpu *vcpu, RiscvCause cause, uint64_t tval);

/* Enters the trap handler: sets xepc, xcause, xtval, status stack, privilege and pc. Does not leave. */
void riscv_enter_trap(Vcpu *vcpu, bool interrupt, unsigned cause, uint64_t tval);

/* mstatus with FS merged from fs_dirty, VS from vs_dirty, and SD. */
uint64_t riscv_mstatus(RiscvState *s);

/*
 * Helpers called from IR: rows in helpers.def, H(name, result, args..., flags). The enum is
 * RISCV_HELPER_<name>, the function riscv_helper_<name>(Vcpu *, ...).
 */
enum {
#define H(name, ...) RISCV_HELPER_##name,
#include "cpu/riscv/helpers.def"
#undef H
    RISCV_NHELPERS
};

#endif
