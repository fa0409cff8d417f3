/*
 * CSRs of the vector extension (V 1.0, chapter 3) and what goes with them: the part of tb_flags(), the
 * state that vsetvl sets.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include "cpu/riscv/vector.h"

enum { CSR_VSTART = 0x008, CSR_VXSAT = 0x009, CSR_VXRM = 0x00a, CSR_VL = 0xc20, CSR_VTYPE = 0xc21 };

bool riscv_csr_check_vector(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return riscv_has(s, RISCV_EXT_V) && (s->mstatus & MSTATUS_VS);
}

uint64_t riscv_csr_read_vector(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);

    switch (csr) {
    case CSR_VSTART: return s->vstart;
    case CSR_VXSAT: return s->vxsat;
    case CSR_VXRM: return s->vxrm;
    case CSR_VL: return s->vl;
    case CSR_VTYPE: return s->vtype;
    default: return s->vlenb;
    }
}

uint64_t riscv_csr_read_vcsr(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    return s->vxsat | (uint64_t)s->vxrm << 1;
}

void riscv_csr_write_vector(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);

    s->vs_dirty = 1;
    switch (csr) {
    case CSR_VSTART: s->vstart = value & (s->vlenb * 8 - 1); break;
    case CSR_VXSAT: s->vxsat = value & 1; break;
    case CSR_VXRM: s->vxrm = value & 3; break;
    default: /* vcsr */
        s->vxsat = value & 1;
        s->vxrm = (value >> 1) & 3;
        break;
    }
}

/* ---- vtype and vl ---- */

uint64_t riscv_vtype_legal(uint64_t vtype)
{
    enum { MAX_SEW = 3, VALID_BITS = 0xff };
    int sew = (int)bits_get(vtype, 3, 3), lmul = vec_lmul(vtype);
    bool valid = !(vtype & ~(uint64_t)VALID_BITS) && sew <= MAX_SEW && (vtype & 7) != 4 &&
                 sew <= MAX_SEW + MIN(lmul, 0);
    return valid ? vtype : RISCV_VILL;
}

uint32_t riscv_vec_flags(const RiscvState *s)
{
    uint32_t flags = RISCV_TB_VS | (s->vstart == 0 ? RISCV_TB_VSTART0 : 0);

    if (s->vtype & RISCV_VILL) {
        return flags | RISCV_TB_VILL;
    }
    unsigned sew = (unsigned)bits_get(s->vtype, 3, 3);
    flags |= (uint32_t)(s->vtype & 0x3f) << RISCV_TB_VTYPE_SHIFT;
    if (s->vl == vec_vlmax(s->vlenb, sew, vec_lmul(s->vtype))) {
        flags |= RISCV_TB_VLMAX;
    }
    return flags;
}

bool riscv_vec_state_valid(const RiscvState *s)
{
    uint64_t vlmax = 0;

    if (s->vtype != RISCV_VILL) {
        if (riscv_vtype_legal(s->vtype) != s->vtype) {
            return false;
        }
        vlmax = vec_vlmax(s->vlenb, (unsigned)bits_get(s->vtype, 3, 3), vec_lmul(s->vtype));
    }
    return s->vl <= vlmax && s->vstart < s->vlenb * 8 && s->vxrm <= 3 && s->vxsat <= 1;
}

/* vsetvl and its kin: @avl is the application's vector length. Result: the new vl. */
uint64_t riscv_helper_vsetvl(Vcpu *vcpu, uint64_t vtype, uint64_t avl)
{
    RiscvState *s = riscv_state(vcpu);

    vtype = riscv_vtype_legal(vtype);
    s->vtype = vtype;
    s->vstart = 0;
    if (vtype & RISCV_VILL) {
        s->vl = 0;
    } else {
        unsigned vlmax = vec_vlmax(s->vlenb, (unsigned)bits_get(vtype, 3, 3), vec_lmul(vtype));
        s->vl = MIN(avl, vlmax);
    }
    return s->vl;
}
