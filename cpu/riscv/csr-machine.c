/*
 * Machine-level CSRs (Privileged Architecture 3.1) and Smstateen.
 */
#include "cpu/riscv/priv.h"

uint64_t riscv_csr_read_misa(Vcpu *vcpu, unsigned csr)
{
    static const struct {
        RiscvExt ext;
        char letter;
    } letters[] = {
        {RISCV_EXT_I, 'I'}, {RISCV_EXT_M, 'M'}, {RISCV_EXT_A, 'A'},
        {RISCV_EXT_F, 'F'}, {RISCV_EXT_D, 'D'}, {RISCV_EXT_C, 'C'},
        {RISCV_EXT_V, 'V'}, {RISCV_EXT_S, 'S'}, {RISCV_EXT_U, 'U'},
    };
    uint64_t misa = UINT64_C(2) << 62; /* MXL: 64 bits */

    for (unsigned i = 0; i < ARRAY_SIZE(letters); i++) {
        if (riscv_has(riscv_state(vcpu), letters[i].ext)) {
            misa |= UINT64_C(1) << (letters[i].letter - 'A');
        }
    }
    return misa;
}

/* ---- mstatus ---- */

uint64_t riscv_csr_read_mstatus(Vcpu *vcpu, unsigned csr)
{
    return riscv_mstatus(riscv_state(vcpu)) | MSTATUS_UXL_64 | MSTATUS_SXL_64;
}

/* Bits of mstatus that translation of addresses depends on. */
#define MSTATUS_MMU_BITS (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR)

void riscv_csr_write_mstatus(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t old = riscv_mstatus(s) & ~MSTATUS_SD;
    uint64_t mask = MSTATUS_SIE | MSTATUS_MIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP |
                    MSTATUS_MPP | MSTATUS_MPRV | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM |
                    MSTATUS_TW | MSTATUS_TSR;

    if (riscv_has(s, RISCV_EXT_F)) {
        mask |= MSTATUS_FS;
    }
    if (riscv_has(s, RISCV_EXT_V)) {
        mask |= MSTATUS_VS;
    }
    if (bits_get(value, MSTATUS_MPP_SHIFT, 2) == 2) {
        mask &= ~MSTATUS_MPP; /* there is no such privilege */
    }
    s->mstatus = (old & ~mask) | (value & mask);
    uint64_t changed = old ^ s->mstatus;
    if ((changed & MSTATUS_MMU_BITS) || !(old & MSTATUS_FS) != !(s->mstatus & MSTATUS_FS)) {
        vcpu_mmu_changed(vcpu);
    }
    riscv_check_interrupts(vcpu);
}

/* ---- Interrupts ---- */

void riscv_csr_write_mideleg(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    riscv_state(vcpu)->mideleg = value & MIP_S_BITS;
    riscv_check_interrupts(vcpu);
}

void riscv_csr_write_mie(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    riscv_state(vcpu)->mie = value & (MIP_S_BITS | MIP_M_BITS);
    riscv_check_interrupts(vcpu);
}

uint64_t riscv_csr_read_mip(Vcpu *vcpu, unsigned csr)
{
    return riscv_mip(riscv_state(vcpu));
}

/* csrrs and csrrc change the software-written SEIP, not what the interrupt controller drives (3.1.9). */
uint64_t riscv_csr_mip_base(Vcpu *vcpu, unsigned csr)
{
    return riscv_state(vcpu)->mip_soft;
}

void riscv_csr_write_mip(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t mask = MIP_SSIP | MIP_SEIP;

    if (!(s->menvcfg & MENVCFG_STCE)) {
        mask |= MIP_STIP;
    }
    s->mip_soft = (s->mip_soft & ~mask) | (value & mask);
    riscv_check_interrupts(vcpu);
}

/* ---- Environment configuration, state enable ---- */

void riscv_csr_write_menvcfg(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t old = s->menvcfg, mask = ENVCFG_FIOM;

    if (riscv_has(s, RISCV_EXT_ZICBOM)) {
        mask |= ENVCFG_CBCFE;
        mask |= bits_get(value, ENVCFG_CBIE_SHIFT, 2) == 2 ? 0 : ENVCFG_CBIE; /* 2 is reserved */
    }
    mask |= riscv_has(s, RISCV_EXT_ZICBOZ) ? ENVCFG_CBZE : 0;
    mask |= riscv_has(s, RISCV_EXT_SVADU) ? MENVCFG_ADUE : 0;
    mask |= riscv_has(s, RISCV_EXT_SVPBMT) ? MENVCFG_PBMTE : 0;
    mask |= riscv_has(s, RISCV_EXT_SSTC) ? MENVCFG_STCE : 0;
    s->menvcfg = (old & ~mask) | (value & mask);

    uint64_t changed = old ^ s->menvcfg;
    if (changed & (MENVCFG_ADUE | MENVCFG_PBMTE)) {
        vcpu_mmu_changed(vcpu);
    }
    if (changed & MENVCFG_STCE) {
        riscv_stimer_update(s);
        riscv_check_interrupts(vcpu);
    }
}

/* mstateen0..3 and sstateen0..3. */
bool riscv_csr_check_stateen(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    unsigned n = csr & 3;

    return riscv_has(s, RISCV_EXT_SMSTATEEN) &&
           (s->priv == RISCV_PRIV_M || (s->mstateen[n] & MSTATEEN_SE));
}

uint64_t riscv_csr_read_mstateen(Vcpu *vcpu, unsigned csr)
{
    return riscv_state(vcpu)->mstateen[csr & 3];
}

void riscv_csr_write_mstateen(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    unsigned n = csr & 3;
    uint64_t mask = MSTATEEN_SE | (n == 0 ? MSTATEEN_ENVCFG : 0);

    riscv_state(vcpu)->mstateen[n] = value & mask;
}

/* ---- Physical memory protection ---- */

bool riscv_csr_check_pmp(Vcpu *vcpu, unsigned csr)
{
    return riscv_has(riscv_state(vcpu), RISCV_EXT_PMP);
}

uint64_t riscv_csr_read_pmpcfg(Vcpu *vcpu, unsigned csr)
{
    unsigned first = (csr & 0xf) * 4; /* pmpcfg2 holds entries 8..15 */
    uint64_t value = 0;

    for (unsigned i = 0; i < 8 && first + i < RISCV_PMP_ENTRIES; i++) {
        value |= (uint64_t)riscv_state(vcpu)->pmpcfg[first + i] << (8 * i);
    }
    return value;
}

static void pmp_changed(Vcpu *vcpu)
{
    vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
}

void riscv_csr_write_pmpcfg(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    unsigned first = (csr & 0xf) * 4;
    bool changed = false;

    for (unsigned i = 0; i < 8 && first + i < RISCV_PMP_ENTRIES; i++) {
        changed |= riscv_pmp_set_cfg(riscv_state(vcpu), first + i, value >> (8 * i));
    }
    if (changed) {
        pmp_changed(vcpu);
    }
}

uint64_t riscv_csr_read_pmpaddr(Vcpu *vcpu, unsigned csr)
{
    unsigned i = csr - 0x3b0;
    return i < RISCV_PMP_ENTRIES ? riscv_state(vcpu)->pmpaddr[i] : 0;
}

void riscv_csr_write_pmpaddr(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    unsigned i = csr - 0x3b0;

    if (i < RISCV_PMP_ENTRIES && riscv_pmp_set_addr(riscv_state(vcpu), i, value)) {
        pmp_changed(vcpu);
    }
}
