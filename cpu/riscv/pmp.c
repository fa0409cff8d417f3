/*
 * Physical memory protection (Privileged Architecture 3.7): 16 entries, granularity 4 bytes.
 *
 * Entries are decoded at each check: a check happens at most once per TLB fill, and for the rare pages
 * that an entry splits. Owned by the vCPU's thread.
 */
#include "cpu/riscv/priv.h"

enum {
    PMP_A_SHIFT = 3,
    PMP_A_MASK = 3,
    PMP_OFF = 0,
    PMP_TOR = 1,
    PMP_NA4 = 2,
    PMP_NAPOT = 3,
    PMP_LOCKED = 0x80,
    PMP_CFG_BITS = 0x9f,
};

#define PMP_ADDR_BITS (RISCV_PA_BITS - 2)

static unsigned entry_mode(const RiscvState *s, unsigned i)
{
    return (s->pmpcfg[i] >> PMP_A_SHIFT) & PMP_A_MASK;
}

/* The range of entry @i: [first, last], in bytes. False if it matches nothing. */
static bool entry_range(const RiscvState *s, unsigned i, uint64_t *first, uint64_t *last)
{
    uint64_t addr = s->pmpaddr[i];

    switch (entry_mode(s, i)) {
    case PMP_TOR:
        *first = i ? s->pmpaddr[i - 1] << 2 : 0;
        if (addr << 2 <= *first) {
            return false;
        }
        *last = (addr << 2) - 1;
        return true;
    case PMP_NA4:
        *first = addr << 2;
        *last = *first + 3;
        return true;
    case PMP_NAPOT: {
        /* Trailing ones of the address give the size: 8 bytes for none. */
        uint64_t low = addr ^ (addr + 1);
        *first = (addr & ~low) << 2;
        *last = ((addr | low) << 2) | 3;
        return true;
    }
    default: return false;
    }
}

unsigned riscv_pmp_rights(const RiscvState *s, uint64_t addr, uint64_t size, RiscvPriv priv)
{
    uint64_t end = addr + size - 1;

    if (!riscv_has(s, RISCV_EXT_PMP)) {
        return PMP_RWX;
    }
    for (unsigned i = 0; i < RISCV_PMP_ENTRIES; i++) {
        uint64_t first, last;
        if (!entry_range(s, i, &first, &last) || end < first || addr > last) {
            continue;
        }
        /* The first entry that matches any byte decides, and has to match them all. */
        if (addr < first || end > last) {
            return 0;
        }
        if (priv == RISCV_PRIV_M && !(s->pmpcfg[i] & PMP_LOCKED)) {
            return PMP_RWX;
        }
        return s->pmpcfg[i] & PMP_RWX;
    }
    return priv == RISCV_PRIV_M ? PMP_RWX : 0;
}

bool riscv_pmp_uniform(const RiscvState *s, uint64_t base, uint64_t size)
{
    uint64_t end = base + size - 1;

    if (!riscv_has(s, RISCV_EXT_PMP)) {
        return true;
    }
    for (unsigned i = 0; i < RISCV_PMP_ENTRIES; i++) {
        uint64_t first, last;
        if (!entry_range(s, i, &first, &last) || end < first || base > last) {
            continue;
        }
        if (base < first || end > last) {
            return false;
        }
        return true; /* later entries are hidden by this one */
    }
    return true;
}

bool riscv_pmp_set_cfg(RiscvState *s, unsigned i, uint8_t cfg)
{
    if (s->pmpcfg[i] & PMP_LOCKED) {
        return false;
    }
    cfg &= PMP_CFG_BITS;
    if ((cfg & (PMP_R | PMP_W)) == PMP_W) {
        cfg &= ~PMP_W; /* write-only is reserved */
    }
    bool changed = s->pmpcfg[i] != cfg;
    s->pmpcfg[i] = cfg;
    return changed;
}

bool riscv_pmp_set_addr(RiscvState *s, unsigned i, uint64_t addr)
{
    /* A locked top-of-range entry locks its lower bound too. */
    bool next_locks = i + 1 < RISCV_PMP_ENTRIES && (s->pmpcfg[i + 1] & PMP_LOCKED) &&
                      entry_mode(s, i + 1) == PMP_TOR;

    if ((s->pmpcfg[i] & PMP_LOCKED) || next_locks) {
        return false;
    }
    addr &= (UINT64_C(1) << PMP_ADDR_BITS) - 1;
    bool changed = s->pmpaddr[i] != addr;
    s->pmpaddr[i] = addr;
    return changed;
}
