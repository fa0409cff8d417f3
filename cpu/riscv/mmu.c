/*
 * Address translation: Sv39, Sv48, Sv57 (Privileged Architecture 10.3-10.6), with Svnapot, Svpbmt, Svadu
 * and Svade, MPRV, SUM and MXR, and physical memory protection of the tables and of the final access.
 *
 * A walk runs on the vCPU's thread; table entries are shared memory, so A and D are set by
 * compare-and-swap, and a walk that lost the race starts again.
 */
#include "cpu/riscv/priv.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

/* Page table entries (10.4.1). */
#define PTE_V (UINT64_C(1) << 0)
#define PTE_R (UINT64_C(1) << 1)
#define PTE_W (UINT64_C(1) << 2)
#define PTE_X (UINT64_C(1) << 3)
#define PTE_U (UINT64_C(1) << 4)
#define PTE_G (UINT64_C(1) << 5)
#define PTE_A (UINT64_C(1) << 6)
#define PTE_D (UINT64_C(1) << 7)
#define PTE_PPN_SHIFT 10
#define PTE_PPN_BITS 44
#define PTE_RESERVED (UINT64_C(0x7f) << 54)
#define PTE_PBMT_SHIFT 61
#define PTE_PBMT (UINT64_C(3) << PTE_PBMT_SHIFT)
#define PTE_N (UINT64_C(1) << 63)

#define PAGE_SHIFT 12
#define LEVEL_BITS 9
#define NAPOT_BITS 4 /* log2 of the pages in the one size there is, 64 KiB */

/* The largest page size that untranslated addresses are given. */
#define BARE_PAGE_SIZE GIB

/* A translation in progress: what it is for, and what it found. */
typedef struct Walk {
    Vcpu *vcpu;
    RiscvState *s;
    RiscvPriv priv; /* effective */
    MmuAccess access;
    bool sum, mxr;
    bool debug;   /* no side effects, no checks of rights */
    uint64_t pte; /* the leaf */
    uint64_t pte_addr;
    unsigned level; /* of the leaf; 0 is the last */
    bool global;
} Walk;

static RiscvPriv data_priv(const RiscvState *s)
{
    if (s->priv == RISCV_PRIV_M && (s->mstatus & MSTATUS_MPRV)) {
        return (s->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
    }
    return s->priv;
}

static unsigned satp_mode(uint64_t satp)
{
    return satp >> SATP_MODE_SHIFT;
}

bool riscv_satp_mode_valid(const RiscvState *s, unsigned mode)
{
    switch (mode) {
    case 0:
    case SATP_SV39: return true;
    case SATP_SV48: return riscv_has(s, RISCV_EXT_SV48);
    case SATP_SV57: return riscv_has(s, RISCV_EXT_SV57);
    default: return false;
    }
}

/* ---- Contexts ---- */

enum {
    KEY_FETCH_PRIV_SHIFT = 0,
    KEY_DATA_PRIV_SHIFT = 2,
    KEY_SUM = 1 << 4,
    KEY_MXR = 1 << 5,
    KEY_PBMTE = 1 << 6,
    KEY_ADUE = 1 << 7,
};

/* Contexts that cannot differ in any translation get the same key: in M-mode without MPRV, and when satp
 * is Bare, tables and the bits that qualify them do not matter, nor U against S. */
void riscv_mmu_key(const Vcpu *vcpu, uint64_t key[2])
{
    const RiscvState *s = riscv_state(vcpu);
    RiscvPriv fetch = s->priv, data = data_priv(s);
    bool bare = satp_mode(s->satp) == 0;

    if (bare) {
        fetch = fetch == RISCV_PRIV_U ? RISCV_PRIV_S : fetch;
        data = data == RISCV_PRIV_U ? RISCV_PRIV_S : data;
    }
    key[0] = 0;
    key[1] = ((uint64_t)fetch << KEY_FETCH_PRIV_SHIFT) | ((uint64_t)data << KEY_DATA_PRIV_SHIFT);
    if (bare || (fetch == RISCV_PRIV_M && data == RISCV_PRIV_M)) {
        return;
    }
    key[0] = s->satp;
    key[1] |= data == RISCV_PRIV_S && (s->mstatus & MSTATUS_SUM) ? KEY_SUM : 0;
    key[1] |= s->mstatus & MSTATUS_MXR ? KEY_MXR : 0;
    key[1] |= s->menvcfg & MENVCFG_PBMTE ? KEY_PBMTE : 0;
    key[1] |= s->menvcfg & MENVCFG_ADUE ? KEY_ADUE : 0;
}

/* The same tables' format, privilege and qualifying bits, for supervisor mode: user mode has no use for global
 * mappings. With SUM there may be more of them (of user pages), not others. */
bool riscv_mmu_shares_globals(const uint64_t from[2], const uint64_t to[2])
{
    const uint64_t supervisor = (uint64_t)RISCV_PRIV_S << KEY_FETCH_PRIV_SHIFT |
                                (uint64_t)RISCV_PRIV_S << KEY_DATA_PRIV_SHIFT;

    return satp_mode(to[0]) != 0 && satp_mode(to[0]) == satp_mode(from[0]) &&
           (to[1] & 15) == supervisor && (from[1] == to[1] || (from[1] | KEY_SUM) == to[1]);
}

static bool key_translated(const uint64_t key[2], uint64_t arg)
{
    return satp_mode(key[0]) != 0;
}

static bool key_has_asid(const uint64_t key[2], uint64_t asid)
{
    return satp_mode(key[0]) != 0 && bits_get(key[0], SATP_ASID_SHIFT, SATP_ASID_BITS) == asid;
}

void riscv_tlb_fence(Vcpu *vcpu, const uint64_t *addr, const uint64_t *asid)
{
    uint64_t flush = addr ? *addr & ~(UINT64_C(4096) - 1) : ~UINT64_C(0);

    if (asid) {
        uint64_t id = *asid & ((UINT64_C(1) << SATP_ASID_BITS) - 1);
        vcpu_tlb_flush(vcpu, flush, key_has_asid, id, true);
    } else {
        vcpu_tlb_flush(vcpu, flush, key_translated, 0, false);
    }
}

/* ---- Walking ---- */

/* Reads the entry at @addr. Tables are accessed with supervisor rights. */
static MmuFault read_pte(Walk *w, uint64_t addr, uint64_t *pte)
{
    bool allowed = w->debug || (riscv_pmp_rights(w->s, addr, 8, RISCV_PRIV_S) & PMP_R);

    return allowed && vcpu_phys_load64(w->vcpu, addr, pte) ? MMU_OK : MMU_ACCESS_FAULT;
}

/* Whether the bits of @pte above the page number are as they have to be at this level. */
static bool pte_high_bits_valid(const RiscvState *s, uint64_t pte, bool leaf, unsigned level)
{
    uint64_t pbmt = (pte & PTE_PBMT) >> PTE_PBMT_SHIFT;

    if (pte & PTE_RESERVED) {
        return false;
    }
    if (pbmt && (!leaf || pbmt == 3 || !(s->menvcfg & MENVCFG_PBMTE))) {
        return false;
    }
    if (pte & PTE_N) {
        uint64_t low = bits_get(pte, PTE_PPN_SHIFT, NAPOT_BITS);
        return leaf && level == 0 && low == 1 << (NAPOT_BITS - 1) &&
               riscv_has(s, RISCV_EXT_SVNAPOT);
    }
    return true;
}

/* Descends from the root to the leaf entry for @addr. */
static MmuFault find_leaf(Walk *w, uint64_t addr)
{
    unsigned levels = satp_mode(w->s->satp) - SATP_SV39 + 3;
    unsigned va_bits = PAGE_SHIFT + LEVEL_BITS * levels;
    uint64_t table = bits_get(w->s->satp, 0, SATP_PPN_BITS) << PAGE_SHIFT;

    w->global = false;
    if ((uint64_t)bits_sext(addr, va_bits) != addr) {
        return MMU_PAGE_FAULT;
    }
    for (unsigned level = levels; level-- > 0;) {
        unsigned shift = PAGE_SHIFT + LEVEL_BITS * level;
        uint64_t pte;

        w->pte_addr = table + bits_get(addr, shift, LEVEL_BITS) * 8;
        MmuFault fault = read_pte(w, w->pte_addr, &pte);
        if (fault != MMU_OK) {
            return fault;
        }
        bool leaf = pte & (PTE_R | PTE_X);
        if (!(pte & PTE_V) || (!(pte & PTE_R) && (pte & PTE_W)) ||
            !pte_high_bits_valid(w->s, pte, leaf, level)) {
            return MMU_PAGE_FAULT;
        }
        w->global |= (pte & PTE_G) != 0;
        uint64_t ppn = bits_get(pte, PTE_PPN_SHIFT, PTE_PPN_BITS);
        if (leaf) {
            w->pte = pte;
            w->level = level;
            bool misaligned = ppn & ((UINT64_C(1) << (LEVEL_BITS * level)) - 1);
            return misaligned ? MMU_PAGE_FAULT : MMU_OK;
        }
        if (pte & (PTE_D | PTE_A | PTE_U)) {
            return MMU_PAGE_FAULT; /* reserved in pointers */
        }
        table = ppn << PAGE_SHIFT;
    }
    return MMU_PAGE_FAULT;
}

/* What the leaf allows, as PMP_* bits, without regard to A and D. */
static unsigned leaf_rights(const Walk *w)
{
    bool user = w->pte & PTE_U;
    unsigned rights = 0;

    if (user ? w->priv == RISCV_PRIV_U || w->sum : w->priv == RISCV_PRIV_S) {
        rights |= w->pte & PTE_R || (w->mxr && (w->pte & PTE_X)) ? PMP_R : 0;
        rights |= w->pte & PTE_W ? PMP_W : 0;
    }
    if (user == (w->priv == RISCV_PRIV_U)) {
        rights |= w->pte & PTE_X ? PMP_X : 0;
    }
    return rights;
}

static unsigned access_right(MmuAccess access)
{
    return access == MMU_READ ? PMP_R : access == MMU_WRITE ? PMP_W : PMP_X;
}

/* Sets A, and D for a write, as Svadu does; without it such an access faults (Svade). *@again: the entry
 * has changed meanwhile. */
static MmuFault update_ad(Walk *w, bool *again)
{
    uint64_t wanted = w->pte | PTE_A | (w->access == MMU_WRITE ? PTE_D : 0);
    uint64_t expected = w->pte;

    if (wanted == w->pte) {
        return MMU_OK;
    }
    if (!(w->s->menvcfg & MENVCFG_ADUE)) {
        return MMU_PAGE_FAULT;
    }
    if (!(riscv_pmp_rights(w->s, w->pte_addr, 8, RISCV_PRIV_S) & PMP_W) ||
        !vcpu_phys_cas64(w->vcpu, w->pte_addr, &expected, wanted)) {
        return MMU_ACCESS_FAULT;
    }
    *again = expected != w->pte;
    w->pte = wanted;
    return MMU_OK;
}

static uint64_t leaf_size(const Walk *w)
{
    if (w->pte & PTE_N) {
        return UINT64_C(1) << (PAGE_SHIFT + NAPOT_BITS);
    }
    return UINT64_C(1) << (PAGE_SHIFT + LEVEL_BITS * w->level);
}

/* The physical address of @addr by the leaf. */
static uint64_t leaf_address(const Walk *w, uint64_t addr)
{
    uint64_t size = leaf_size(w);
    uint64_t base = bits_get(w->pte, PTE_PPN_SHIFT, PTE_PPN_BITS) << PAGE_SHIFT;

    return (base & ~(size - 1)) | (addr & (size - 1));
}

static MmuFault walk_tables(Walk *w, uint64_t addr, MmuMapping *out)
{
    bool again;

    do {
        again = false;
        MmuFault fault = find_leaf(w, addr);
        if (fault == MMU_OK && !(leaf_rights(w) & access_right(w->access))) {
            fault = MMU_PAGE_FAULT;
        }
        if (fault == MMU_OK) {
            fault = update_ad(w, &again);
        }
        if (fault != MMU_OK) {
            return fault;
        }
    } while (again);

    unsigned rights = leaf_rights(w);
    out->gpa = leaf_address(w, addr);
    out->page_size = leaf_size(w);
    out->readable = rights & PMP_R;
    out->writable = (rights & PMP_W) && (w->pte & PTE_D);
    out->executable = rights & PMP_X;
    out->global = w->global;
    return MMU_OK;
}

/* Physical protection of the access, and what it leaves of the mapping. */
static MmuFault protect(const Walk *w, unsigned size, MmuMapping *out)
{
    uint64_t page = out->gpa & ~UINT64_C(4095);

    if (out->gpa >> RISCV_PA_BITS) {
        return MMU_ACCESS_FAULT;
    }
    unsigned rights = riscv_pmp_rights(w->s, out->gpa, size, w->priv);
    if (!(rights & access_right(w->access))) {
        return MMU_ACCESS_FAULT;
    }
    while (out->page_size > 4096 &&
           !riscv_pmp_uniform(w->s, out->gpa & ~(out->page_size - 1), out->page_size)) {
        out->page_size >>= out->page_size > 64 * KIB ? LEVEL_BITS : NAPOT_BITS;
    }
    out->cacheable = riscv_pmp_uniform(w->s, page, 4096);
    out->readable &= (rights & PMP_R) != 0;
    out->writable &= (rights & PMP_W) != 0;
    out->executable &= (rights & PMP_X) != 0;
    return MMU_OK;
}

static void log_walk(const Walk *w, uint64_t addr, MmuFault fault, const MmuMapping *m)
{
    static const char *const accesses[] = {"read", "write", "fetch"};
    static const char *const faults[] = {"", "page fault", "access fault", "misaligned"};

    if (fault != MMU_OK) {
        log_printf(LOG_MMU, "hart %u: %s %016" PRIx64 " priv %u: %s\n", w->vcpu->index,
                   accesses[w->access], addr, w->priv, faults[fault]);
    } else {
        log_printf(LOG_MMU,
                   "hart %u: %s %016" PRIx64 " priv %u -> %014" PRIx64 " %s%s%s size %#" PRIx64
                   "\n",
                   w->vcpu->index, accesses[w->access], addr, w->priv, m->gpa,
                   m->readable ? "r" : "-", m->writable ? "w" : "-", m->executable ? "x" : "-",
                   m->page_size);
    }
}

MmuFault riscv_walk(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *out)
{
    RiscvState *s = riscv_state(vcpu);
    RiscvPriv data = data_priv(s);
    Walk w = {
        .vcpu = vcpu,
        .s = s,
        .priv = access == MMU_FETCH ? s->priv : data,
        .access = access,
        .sum = s->mstatus & MSTATUS_SUM,
        .mxr = s->mstatus & MSTATUS_MXR,
    };
    MmuFault fault = MMU_OK;

    *out = (MmuMapping){0};
    if (w.priv == RISCV_PRIV_M || satp_mode(s->satp) == 0) {
        *out = (MmuMapping){
            .gpa = addr,
            .page_size = BARE_PAGE_SIZE,
            .readable = true,
            .writable = true,
            .executable = true,
            .global = true,
        };
    } else {
        fault = walk_tables(&w, addr, out);
    }
    if (fault == MMU_OK) {
        fault = protect(&w, size, out);
    }
    if (data != s->priv) {
        /* MPRV: data and code are translated differently, so the mapping is good for one of them. */
        out->executable &= access == MMU_FETCH;
        out->readable &= access != MMU_FETCH;
        out->writable &= access != MMU_FETCH;
    }
    if (log_enabled(LOG_MMU)) {
        log_walk(&w, addr, fault, out);
    }
    return fault;
}

bool riscv_debug_translate(Vcpu *vcpu, uint64_t addr, uint64_t *gpa)
{
    RiscvState *s = riscv_state(vcpu);
    Walk w = {.vcpu = vcpu, .s = s, .priv = RISCV_PRIV_S, .debug = true};

    if (data_priv(s) == RISCV_PRIV_M || satp_mode(s->satp) == 0) {
        *gpa = addr;
        return addr >> RISCV_PA_BITS == 0;
    }
    if (find_leaf(&w, addr) != MMU_OK) {
        return false;
    }
    *gpa = leaf_address(&w, addr);
    return true;
}
