/*
 * Supervisor-level CSRs (Privileged Architecture 10.1), Sstc, and the FP control and status register.
 */
#include "cpu/riscv/priv.h"

/* ---- sstatus, a view of mstatus ---- */

#define SSTATUS_WRITABLE \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_VS | MSTATUS_SUM | MSTATUS_MXR)

uint64_t riscv_csr_read_sstatus(Vcpu *vcpu, unsigned csr)
{
    uint64_t status = riscv_mstatus(riscv_state(vcpu));
    return (status & (SSTATUS_WRITABLE | MSTATUS_SD)) | MSTATUS_UXL_64;
}

void riscv_csr_write_sstatus(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    uint64_t status = riscv_mstatus(riscv_state(vcpu));

    status = (status & ~SSTATUS_WRITABLE) | (value & SSTATUS_WRITABLE);
    riscv_csr_write_mstatus(vcpu, csr, status);
}

/* ---- sie and sip, views through mideleg ---- */

uint64_t riscv_csr_read_sie(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return s->mie & s->mideleg;
}

void riscv_csr_write_sie(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);

    s->mie = (s->mie & ~s->mideleg) | (value & s->mideleg);
    riscv_check_interrupts(vcpu);
}

uint64_t riscv_csr_read_sip(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return riscv_mip(s) & s->mideleg;
}

uint64_t riscv_csr_sip_base(Vcpu *vcpu, unsigned csr)
{
    return riscv_state(vcpu)->mip_soft;
}

/* Of sip only SSIP can be written. */
void riscv_csr_write_sip(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t mask = MIP_SSIP & s->mideleg;

    s->mip_soft = (s->mip_soft & ~mask) | (value & mask);
    riscv_check_interrupts(vcpu);
}

/* ---- satp ---- */

bool riscv_csr_check_satp(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return s->priv == RISCV_PRIV_M || !(s->mstatus & MSTATUS_TVM);
}

/* A write with an unsupported mode has no effect. Nothing is flushed: contexts are keyed by satp. */
void riscv_csr_write_satp(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);

    if (riscv_satp_mode_valid(s, value >> SATP_MODE_SHIFT) && value != s->satp) {
        s->satp = value;
        vcpu_mmu_changed(vcpu);
    }
}

/* ---- senvcfg ---- */

bool riscv_csr_check_senvcfg(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return s->priv == RISCV_PRIV_M || !riscv_has(s, RISCV_EXT_SMSTATEEN) ||
           (s->mstateen[0] & MSTATEEN_ENVCFG);
}

void riscv_csr_write_senvcfg(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t mask = ENVCFG_FIOM;

    if (riscv_has(s, RISCV_EXT_ZICBOM)) {
        mask |= ENVCFG_CBCFE;
        mask |= bits_get(value, ENVCFG_CBIE_SHIFT, 2) == 2 ? 0 : ENVCFG_CBIE; /* 2 is reserved */
    }
    mask |= riscv_has(s, RISCV_EXT_ZICBOZ) ? ENVCFG_CBZE : 0;
    s->senvcfg = (s->senvcfg & ~mask) | (value & mask);
}

/* ---- stimecmp (Sstc) ---- */

bool riscv_csr_check_stimecmp(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);

    if (!riscv_has(s, RISCV_EXT_SSTC)) {
        return false;
    }
    return s->priv == RISCV_PRIV_M ||
           ((s->menvcfg & MENVCFG_STCE) && ((s->mcounteren >> COUNTER_TM) & 1));
}

void riscv_csr_write_stimecmp(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);

    __atomic_store_n(&s->stimecmp, value, __ATOMIC_RELEASE);
    riscv_stimer_update(s);
    riscv_check_interrupts(vcpu);
}

/* ---- fflags, frm, fcsr (F extension, 11.2) ---- */

enum { CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3, FFLAGS_MASK = 0x1f, FRM_SHIFT = 5, FRM_MASK = 7 };

bool riscv_csr_check_fp(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return riscv_has(s, RISCV_EXT_F) && (s->mstatus & MSTATUS_FS);
}

uint64_t riscv_csr_read_fcsr(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    uint64_t flags = s->fflags | riscv_fp_pending(vcpu);

    switch (csr) {
    case CSR_FFLAGS: return flags;
    case CSR_FRM: return s->frm;
    default: return flags | ((uint64_t)s->frm << FRM_SHIFT);
    }
}

void riscv_csr_write_fcsr(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);

    riscv_fp_dirty(s);
    if (csr != CSR_FRM) {
        riscv_fp_drop_pending(vcpu);
        s->fflags = value & FFLAGS_MASK;
    }
    if (csr != CSR_FFLAGS) {
        uint8_t frm = (csr == CSR_FCSR ? value >> FRM_SHIFT : value) & FRM_MASK;
        if (frm != s->frm) {
            s->frm = frm;
            riscv_fp_apply_mode(vcpu);
            vcpu_mmu_changed(vcpu);
        }
    }
}
