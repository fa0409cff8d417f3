/*
 * What the files of the privileged architecture share: fields of the status registers, CSR accessors,
 * traps, the MMU, physical memory protection, and the FP environment.
 *
 * All functions belong to the vCPU's thread unless they say otherwise.
 */
#ifndef AMPHI_RISCV_PRIV_H
#define AMPHI_RISCV_PRIV_H

#include "cpu/riscv/state.h"

/* mstatus (Privileged Architecture 3.1.6). */
#define MSTATUS_SIE (UINT64_C(1) << 1)
#define MSTATUS_MIE (UINT64_C(1) << 3)
#define MSTATUS_SPIE (UINT64_C(1) << 5)
#define MSTATUS_MPIE (UINT64_C(1) << 7)
#define MSTATUS_SPP (UINT64_C(1) << 8)
#define MSTATUS_VS_SHIFT 9
#define MSTATUS_VS (UINT64_C(3) << MSTATUS_VS_SHIFT)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP (UINT64_C(3) << MSTATUS_MPP_SHIFT)
#define MSTATUS_FS_SHIFT 13
#define MSTATUS_FS (UINT64_C(3) << MSTATUS_FS_SHIFT)
#define MSTATUS_MPRV (UINT64_C(1) << 17)
#define MSTATUS_SUM (UINT64_C(1) << 18)
#define MSTATUS_MXR (UINT64_C(1) << 19)
#define MSTATUS_TVM (UINT64_C(1) << 20)
#define MSTATUS_TW (UINT64_C(1) << 21)
#define MSTATUS_TSR (UINT64_C(1) << 22)
#define MSTATUS_UXL_64 (UINT64_C(2) << 32)
#define MSTATUS_SXL_64 (UINT64_C(2) << 34)
#define MSTATUS_SD (UINT64_C(1) << 63)

/* menvcfg and senvcfg. */
#define ENVCFG_FIOM (UINT64_C(1) << 0)
#define ENVCFG_CBIE_SHIFT 4
#define ENVCFG_CBIE (UINT64_C(3) << ENVCFG_CBIE_SHIFT)
#define ENVCFG_CBCFE (UINT64_C(1) << 6)
#define ENVCFG_CBZE (UINT64_C(1) << 7)
#define MENVCFG_ADUE (UINT64_C(1) << 61)
#define MENVCFG_PBMTE (UINT64_C(1) << 62)
#define MENVCFG_STCE (UINT64_C(1) << 63)

/* mstateen0. */
#define MSTATEEN_ENVCFG (UINT64_C(1) << 62)
#define MSTATEEN_SE (UINT64_C(1) << 63)

#define MIP_SSIP (UINT64_C(1) << RISCV_IRQ_SSI)
#define MIP_MSIP (UINT64_C(1) << RISCV_IRQ_MSI)
#define MIP_STIP (UINT64_C(1) << RISCV_IRQ_STI)
#define MIP_MTIP (UINT64_C(1) << RISCV_IRQ_MTI)
#define MIP_SEIP (UINT64_C(1) << RISCV_IRQ_SEI)
#define MIP_MEIP (UINT64_C(1) << RISCV_IRQ_MEI)
#define MIP_S_BITS (MIP_SSIP | MIP_STIP | MIP_SEIP)
#define MIP_M_BITS (MIP_MSIP | MIP_MTIP | MIP_MEIP)

#define COUNTER_CY 0
#define COUNTER_TM 1
#define COUNTER_IR 2

/* satp (10.1.11). */
#define SATP_MODE_SHIFT 60
#define SATP_ASID_SHIFT 44
#define SATP_ASID_BITS 16
#define SATP_PPN_BITS 44
#define SATP_SV39 8
#define SATP_SV48 9
#define SATP_SV57 10

#define RISCV_PA_BITS 56
#define RISCV_CBO_BLOCK 64

/* fflags (F extension, 11.2). */
#define FFLAGS_NX 1
#define FFLAGS_UF 2
#define FFLAGS_OF 4
#define FFLAGS_DZ 8
#define FFLAGS_NV 16

/*
 * trap.c: exceptions, interrupts, the supervisor timer.
 */

/* Illegal instruction; tval is the instruction. */
G_GNUC_NORETURN void riscv_illegal(Vcpu *vcpu, uint64_t insn);

/* GuestArch members. */
void riscv_deliver_fault(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault);
bool riscv_take_interrupt(Vcpu *vcpu);
bool riscv_has_work(const Vcpu *vcpu);

/* The value of mip as of now. */
uint64_t riscv_mip(const RiscvState *s);

/* Sees to it that an interrupt that has become deliverable is taken before the next instruction. Call
 * after changes of mie, mip, mideleg, mstatus and privilege. */
void riscv_check_interrupts(Vcpu *vcpu);

/* Arms or cancels the timer after a change of stimecmp, menvcfg.STCE or time. */
void riscv_stimer_update(RiscvState *s);
void riscv_stimer_fired(void *state);

/* Value of the time CSR. Any thread. */
uint64_t riscv_time_now(const RiscvState *s);

/* Writes privilege and mstatus together, with all that follows from it. */
void riscv_set_status(Vcpu *vcpu, RiscvPriv priv, uint64_t mstatus);

/*
 * mmu.c
 */
MmuFault riscv_walk(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *out);
bool riscv_debug_translate(Vcpu *vcpu, uint64_t addr, uint64_t *gpa);

/* `info mem`, see mmu-info.c. */
void riscv_print_mem(Vcpu *vcpu, GString *out);
void riscv_mmu_key(const Vcpu *vcpu, uint64_t key[2]);
bool riscv_mmu_shares_globals(const uint64_t from[2], const uint64_t to[2]);

/* Drops what sfence.vma drops. @addr and @asid NULL: all. */
void riscv_tlb_fence(Vcpu *vcpu, const uint64_t *addr, const uint64_t *asid);

/* Whether @s is of a CPU with extensions @ext and vector registers of @vlenb bytes; @error names what differs. */
bool riscv_config_same(const RiscvState *s, uint64_t ext, unsigned vlenb, GError **error);

/* Whether satp may hold @mode. */
bool riscv_satp_mode_valid(const RiscvState *s, unsigned mode);

/*
 * pmp.c: physical memory protection.
 */
enum { PMP_R = 1, PMP_W = 2, PMP_X = 4, PMP_RWX = 7 };

/* What an access at @priv may do to all of [addr, addr + size): PMP_* bits. */
unsigned riscv_pmp_rights(const RiscvState *s, uint64_t addr, uint64_t size, RiscvPriv priv);

/* Whether no entry's border is inside [base, base + size), so that all of it has the same rights. */
bool riscv_pmp_uniform(const RiscvState *s, uint64_t base, uint64_t size);

/* Entry @i as CSR writes change it; locked entries do not. True if something changed. */
bool riscv_pmp_set_cfg(RiscvState *s, unsigned i, uint8_t cfg);
bool riscv_pmp_set_addr(RiscvState *s, unsigned i, uint64_t addr);

/*
 * csr.c
 */

/* A row of the CSR table. Without read or write, the CSR is the field of state at @offset, of which @mask
 * can be written. */
typedef struct RiscvCsr {
    const char *name; /* NULL: there is no such CSR */
    /* Whether it may be accessed now, beyond what the number says; NULL: yes. */
    bool (*check)(Vcpu *vcpu, unsigned csr);
    uint64_t (*read)(Vcpu *vcpu, unsigned csr);
    void (*write)(Vcpu *vcpu, unsigned csr, uint64_t value);
    /* What csrrs and csrrc change a bit of, where that is not what they return. */
    uint64_t (*modify_base)(Vcpu *vcpu, unsigned csr);
    uint16_t offset;
    uint64_t mask;
} RiscvCsr;

/* The row for number @csr (0..4095), NULL if there is none. */
const RiscvCsr *riscv_csr_find(unsigned csr);

/* The bits of a plain field that a hart with extensions @ext can write. */
uint64_t riscv_csr_mask(const RiscvCsr *row, uint64_t ext);

/* A CSR's value for the debugger: no checks. False: there is none of that number. */
bool riscv_csr_debug_read(Vcpu *vcpu, unsigned csr, uint64_t *value);

/* Sets it, as the instruction would, on a stopped vCPU; what cannot be written stays. False: there is none
 * of that number. */
bool riscv_csr_debug_write(Vcpu *vcpu, unsigned csr, uint64_t value);

/* Whether a write to @csr can change what translations depend on, or make an interrupt deliverable: then
 * the translation has to end after it. */
bool riscv_csr_ends_block(unsigned csr);

/* Whether @csr reads the number of instructions. The first read makes the engine count: in new
 * translations, so the one it is in has to end. */
bool riscv_csr_counts_insns(unsigned csr);

/* csr-machine.c, csr-supervisor.c, csr-counters.c: accessors for the table. */
uint64_t riscv_csr_read_zero(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_ignore(Vcpu *vcpu, unsigned csr, uint64_t value);

uint64_t riscv_csr_read_misa(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_mstatus(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_mstatus(Vcpu *vcpu, unsigned csr, uint64_t value);
void riscv_csr_write_mideleg(Vcpu *vcpu, unsigned csr, uint64_t value);
void riscv_csr_write_mie(Vcpu *vcpu, unsigned csr, uint64_t value);
uint64_t riscv_csr_read_mip(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_mip_base(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_mip(Vcpu *vcpu, unsigned csr, uint64_t value);
void riscv_csr_write_menvcfg(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_stateen(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_mstateen(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_mstateen(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_pmp(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_pmpcfg(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_pmpcfg(Vcpu *vcpu, unsigned csr, uint64_t value);
uint64_t riscv_csr_read_pmpaddr(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_pmpaddr(Vcpu *vcpu, unsigned csr, uint64_t value);

uint64_t riscv_csr_read_sstatus(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_sstatus(Vcpu *vcpu, unsigned csr, uint64_t value);
uint64_t riscv_csr_read_sie(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_sie(Vcpu *vcpu, unsigned csr, uint64_t value);
uint64_t riscv_csr_read_sip(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_sip_base(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_sip(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_satp(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_satp(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_senvcfg(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_senvcfg(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_stimecmp(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_stimecmp(Vcpu *vcpu, unsigned csr, uint64_t value);

bool riscv_csr_check_fp(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_fcsr(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_fcsr(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_vector(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_vector(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_vcsr(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_vector(Vcpu *vcpu, unsigned csr, uint64_t value);
bool riscv_csr_check_counter(Vcpu *vcpu, unsigned csr);
uint64_t riscv_csr_read_counter(Vcpu *vcpu, unsigned csr);
bool riscv_csr_check_mhpm(Vcpu *vcpu, unsigned csr);
void riscv_csr_write_counter(Vcpu *vcpu, unsigned csr, uint64_t value);
void riscv_csr_write_mcountinhibit(Vcpu *vcpu, unsigned csr, uint64_t value);

/*
 * cpu.c: FP environment. While guest code runs, accrued flags are in the host's MXCSR.
 */

/* While guest code runs: the flags in MXCSR (as fflags), taking them away, and making MXCSR follow frm.
 * When the vCPU is not on this thread in guest code, there are none and nothing is done. */
unsigned riscv_fp_pending(const Vcpu *vcpu);
void riscv_fp_drop_pending(const Vcpu *vcpu);
void riscv_fp_apply_mode(const Vcpu *vcpu);

/* The part of tb_flags() that mstatus.VS switches on. csr-vector.c */
uint32_t riscv_vec_flags(const RiscvState *s);

/* Whether loaded state of the V extension is consistent. */
bool riscv_vec_state_valid(const RiscvState *s);

/* Marks the FP state dirty. */
static inline void riscv_fp_dirty(RiscvState *s)
{
    s->fs_dirty = 1;
}

/*
 * gdb.c
 */

extern const GuestGdb riscv_gdb;

/*
 * config.c
 */

/* Parses "model,property=on|off,..." into @config (its ext and model). */
bool riscv_config_parse(const char *text, RiscvCpuConfig *config, GError **error);

extern const char *const riscv_cpu_models[]; /* NULL-terminated */

#endif
