/*
 * Control and status registers: the table of all of them, and the CSR instructions (Zicsr).
 *
 * The number of a CSR says who may access it (bits 9:8) and whether it is read-only (bits 11:10); the
 * table adds what else is to be checked and how to read and write it. Accessors are in csr-machine.c,
 * csr-supervisor.c and csr-counters.c. A number without a row is an illegal instruction.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"

#define OFFSET(field) offsetof(RiscvState, field)

/* A field of state of which @m can be written. */
#define PLAIN(n, field, m)                            \
    {                                                 \
        .name = n, .offset = OFFSET(field), .mask = m \
    }
/* A field of state with a hook for writes, and one with a check before. */
#define HOOKED(n, field, w)                                        \
    {                                                              \
        .name = n, .offset = OFFSET(field), .write = riscv_csr_##w \
    }
#define CHECKED(n, c, field, w)                                                            \
    {                                                                                      \
        .name = n, .check = riscv_csr_##c, .offset = OFFSET(field), .write = riscv_csr_##w \
    }
/* By accessors; with a check before; read-only. */
#define BY(n, r, w)                                              \
    {                                                            \
        .name = n, .read = riscv_csr_##r, .write = riscv_csr_##w \
    }
#define BY_CHECKED(n, c, r, w)                                                           \
    {                                                                                    \
        .name = n, .check = riscv_csr_##c, .read = riscv_csr_##r, .write = riscv_csr_##w \
    }
#define COUNTER(n, r)                                                      \
    {                                                                      \
        .name = n, .check = riscv_csr_check_counter, .read = riscv_csr_##r \
    }
/* Interrupt-pending registers, where csrrs and csrrc start from another value than they return. */
#define PENDING(n, r, b, w)                                                                    \
    {                                                                                          \
        .name = n, .read = riscv_csr_##r, .modify_base = riscv_csr_##b, .write = riscv_csr_##w \
    }

#define ZERO(n) BY(n, read_zero, write_ignore)
#define MHPM(n) BY_CHECKED(n, check_mhpm, read_zero, write_ignore)
#define PMPCFG(n) BY_CHECKED(n, check_pmp, read_pmpcfg, write_pmpcfg)
#define PMPADDR(n) BY_CHECKED(n, check_pmp, read_pmpaddr, write_pmpaddr)
#define MSTATEEN(n) BY_CHECKED(n, check_stateen, read_mstateen, write_mstateen)
#define SSTATEEN(n) BY_CHECKED(n, check_stateen, read_zero, write_ignore)

#define ALL (~UINT64_C(0))
#define EPC_MASK (~UINT64_C(1))
#define TVEC_MASK (~UINT64_C(2)) /* direct and vectored */
/* What may be delegated: all but ecall from M. */
#define MEDELEG_MASK UINT64_C(0xb3ff)
#define COUNTEREN_MASK UINT64_C(0xffffffff)

static const RiscvCsr csr_table[4096] = {
    [0x001] = BY_CHECKED("fflags", check_fp, read_fcsr, write_fcsr),
    [0x002] = BY_CHECKED("frm", check_fp, read_fcsr, write_fcsr),
    [0x003] = BY_CHECKED("fcsr", check_fp, read_fcsr, write_fcsr),

    [0x008] = BY_CHECKED("vstart", check_vector, read_vector, write_vector),
    [0x009] = BY_CHECKED("vxsat", check_vector, read_vector, write_vector),
    [0x00a] = BY_CHECKED("vxrm", check_vector, read_vector, write_vector),
    [0x00f] = BY_CHECKED("vcsr", check_vector, read_vcsr, write_vector),
    [0xc20] = BY_CHECKED("vl", check_vector, read_vector, write_ignore),
    [0xc21] = BY_CHECKED("vtype", check_vector, read_vector, write_ignore),
    [0xc22] = BY_CHECKED("vlenb", check_vector, read_vector, write_ignore),

    [0xc00] = COUNTER("cycle", read_counter),
    [0xc01] = COUNTER("time", read_counter),
    [0xc02] = COUNTER("instret", read_counter),
    [0xc03 ... 0xc1f] = COUNTER("hpmcounter", read_zero),

    [0x100] = BY("sstatus", read_sstatus, write_sstatus),
    [0x104] = BY("sie", read_sie, write_sie),
    [0x105] = PLAIN("stvec", stvec, TVEC_MASK),
    [0x106] = PLAIN("scounteren", scounteren, COUNTEREN_MASK),
    [0x10a] = CHECKED("senvcfg", check_senvcfg, senvcfg, write_senvcfg),
    [0x10c] = SSTATEEN("sstateen0"),
    [0x10d] = SSTATEEN("sstateen1"),
    [0x10e] = SSTATEEN("sstateen2"),
    [0x10f] = SSTATEEN("sstateen3"),
    [0x140] = PLAIN("sscratch", sscratch, ALL),
    [0x141] = PLAIN("sepc", sepc, EPC_MASK),
    [0x142] = PLAIN("scause", scause, ALL),
    [0x143] = PLAIN("stval", stval, ALL),
    [0x144] = PENDING("sip", read_sip, sip_base, write_sip),
    [0x14d] = CHECKED("stimecmp", check_stimecmp, stimecmp, write_stimecmp),
    [0x180] = CHECKED("satp", check_satp, satp, write_satp),

    [0x300] = BY("mstatus", read_mstatus, write_mstatus),
    [0x301] = BY("misa", read_misa, write_ignore),
    [0x302] = PLAIN("medeleg", medeleg, MEDELEG_MASK),
    [0x303] = HOOKED("mideleg", mideleg, write_mideleg),
    [0x304] = HOOKED("mie", mie, write_mie),
    [0x305] = PLAIN("mtvec", mtvec, TVEC_MASK),
    [0x306] = PLAIN("mcounteren", mcounteren, COUNTEREN_MASK),
    [0x30a] = HOOKED("menvcfg", menvcfg, write_menvcfg),
    [0x30c] = MSTATEEN("mstateen0"),
    [0x30d] = MSTATEEN("mstateen1"),
    [0x30e] = MSTATEEN("mstateen2"),
    [0x30f] = MSTATEEN("mstateen3"),
    [0x320] = HOOKED("mcountinhibit", mcountinhibit, write_mcountinhibit),
    [0x323 ... 0x33f] = MHPM("mhpmevent"),
    [0x340] = PLAIN("mscratch", mscratch, ALL),
    [0x341] = PLAIN("mepc", mepc, EPC_MASK),
    [0x342] = PLAIN("mcause", mcause, ALL),
    [0x343] = PLAIN("mtval", mtval, ALL),
    [0x344] = PENDING("mip", read_mip, mip_base, write_mip),
    /* On RV64 only the even ones exist. Beyond the entries there are, all is zero. */
    [0x3a0] = PMPCFG("pmpcfg0"),
    [0x3a2] = PMPCFG("pmpcfg2"),
    [0x3a4] = PMPCFG("pmpcfg4"),
    [0x3a6] = PMPCFG("pmpcfg6"),
    [0x3a8] = PMPCFG("pmpcfg8"),
    [0x3aa] = PMPCFG("pmpcfg10"),
    [0x3ac] = PMPCFG("pmpcfg12"),
    [0x3ae] = PMPCFG("pmpcfg14"),
    [0x3b0 ... 0x3ef] = PMPADDR("pmpaddr"),
    /* No triggers: what a debugger that looks for them finds. */
    [0x7a0] = ZERO("tselect"),
    [0x7a1] = ZERO("tdata1"),
    [0x7a2] = ZERO("tdata2"),
    [0x7a3] = ZERO("tdata3"),
    [0xb00] = BY("mcycle", read_counter, write_counter),
    [0xb02] = BY("minstret", read_counter, write_counter),
    [0xb03 ... 0xb1f] = MHPM("mhpmcounter"),
    [0xf11] = ZERO("mvendorid"),
    [0xf12] = ZERO("marchid"),
    [0xf13] = ZERO("mimpid"),
    [0xf14] = PLAIN("mhartid", hartid, 0),
    [0xf15] = ZERO("mconfigptr"),
};

const RiscvCsr *riscv_csr_find(unsigned csr)
{
    const RiscvCsr *row = &csr_table[csr & 0xfff];
    return row->name ? row : NULL;
}

uint64_t riscv_csr_read_zero(Vcpu *vcpu, unsigned csr)
{
    return 0;
}

void riscv_csr_write_ignore(Vcpu *vcpu, unsigned csr, uint64_t value)
{
}

uint64_t riscv_csr_mask(const RiscvCsr *row, uint64_t ext)
{
    /* xepc of a hart without C points to whole words (3.1.14). */
    bool words = row->mask == EPC_MASK && !((ext >> RISCV_EXT_C) & 1);

    return words ? EPC_MASK & ~UINT64_C(2) : row->mask;
}

static uint64_t *plain_field(Vcpu *vcpu, const RiscvCsr *row)
{
    return (uint64_t *)((char *)riscv_state(vcpu) + row->offset);
}

static uint64_t csr_get(Vcpu *vcpu, const RiscvCsr *row, unsigned csr)
{
    return row->read ? row->read(vcpu, csr) : *plain_field(vcpu, row);
}

static void csr_put(Vcpu *vcpu, const RiscvCsr *row, unsigned csr, uint64_t value)
{
    if (row->write) {
        row->write(vcpu, csr, value);
    } else {
        uint64_t *field = plain_field(vcpu, row);
        uint64_t mask = riscv_csr_mask(row, riscv_state(vcpu)->config.ext);
        *field = (*field & ~mask) | (value & mask);
    }
}

/* The row for an access by instruction @insn; raises illegal instruction if it is not allowed. */
static const RiscvCsr *csr_access(Vcpu *vcpu, unsigned csr, bool write, uint64_t insn)
{
    const RiscvState *s = riscv_state(vcpu);
    const RiscvCsr *row = riscv_csr_find(csr);
    unsigned min_priv = bits_get(csr, 8, 2);
    bool read_only = bits_get(csr, 10, 2) == 3;

    if (!row || s->priv < min_priv || (write && read_only) ||
        (row->check && !row->check(vcpu, csr))) {
        riscv_illegal(vcpu, insn);
    }
    return row;
}

/* CSR instructions are four bytes long; those that write end the translation, so pc goes on here. */
static void next_insn(Vcpu *vcpu)
{
    riscv_state(vcpu)->pc += 4;
}

uint64_t riscv_helper_csr_read(Vcpu *vcpu, uint64_t csr, uint64_t insn)
{
    return csr_get(vcpu, csr_access(vcpu, csr & 0xfff, false, insn), csr & 0xfff);
}

uint64_t riscv_helper_csr_write(Vcpu *vcpu, uint64_t csr, uint64_t value, uint64_t insn)
{
    bool read = !((csr >> 12) & 1);
    unsigned number = csr & 0xfff;
    const RiscvCsr *row = csr_access(vcpu, number, true, insn);
    uint64_t old = read ? csr_get(vcpu, row, number) : 0;

    csr_put(vcpu, row, number, value);
    next_insn(vcpu);
    return old;
}

static uint64_t csr_modify(Vcpu *vcpu, uint64_t csr, uint64_t set, uint64_t clear, uint64_t insn)
{
    unsigned number = csr & 0xfff;
    const RiscvCsr *row = csr_access(vcpu, number, true, insn);
    uint64_t old = csr_get(vcpu, row, number);
    uint64_t base = row->modify_base ? row->modify_base(vcpu, number) : old;

    csr_put(vcpu, row, number, (base | set) & ~clear);
    next_insn(vcpu);
    return old;
}

uint64_t riscv_helper_csr_set(Vcpu *vcpu, uint64_t csr, uint64_t mask, uint64_t insn)
{
    return csr_modify(vcpu, csr, mask, 0, insn);
}

uint64_t riscv_helper_csr_clear(Vcpu *vcpu, uint64_t csr, uint64_t mask, uint64_t insn)
{
    return csr_modify(vcpu, csr, 0, mask, insn);
}

bool riscv_csr_debug_read(Vcpu *vcpu, unsigned csr, uint64_t *value)
{
    const RiscvCsr *row = riscv_csr_find(csr);

    if (!row) {
        return false;
    }
    *value = csr_get(vcpu, row, csr & 0xfff);
    return true;
}

bool riscv_csr_debug_write(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    const RiscvCsr *row = riscv_csr_find(csr);

    if (!row) {
        return false;
    }
    if (bits_get(csr, 10, 2) != 3) {
        csr_put(vcpu, row, csr & 0xfff, value);
    }
    return true;
}

bool riscv_csr_ends_block(unsigned csr)
{
    const RiscvCsr *row = riscv_csr_find(csr);

    /* Plain fields are read by traps and returns only; unknown ones raise and unwind. FP flags are not
     * part of tb_flags(), the rounding mode is. */
    return row && row->write && csr != 0x001;
}

bool riscv_csr_counts_insns(unsigned csr)
{
    enum { MINSTRET = 0xb02, INSTRET = 0xc02 };

    return csr == MINSTRET || csr == INSTRET;
}
