/*
 * RISC-V IOMMU: page tables of both stages and MSI page tables.
 *
 * The tables are those of the harts (Privileged specification, chapters "Sv39" to "Sv57" and
 * "Two-Stage Address Translation"), with the IOMMU's rules for privilege and for accessed and dirty bits, which
 * the device context may let it set. The depth of a walk is fixed by its mode, that of the second stage below
 * each entry of the first too; an entry that somebody else keeps changing while it is to be updated ends the
 * walk after a few tries.
 *
 * MSI page tables: IOMMU specification, section "Process to translate addresses of MSIs". Locking: the machine
 * lock; entries are updated atomically against the harts.
 */
#include "hw/iommu/riscv-iommu.h"

#define MAX_RETRIES 8
#define INDEX_BITS 9

typedef struct Walk {
    RiscvIommu *s;
    const IommuContext *context;
    IommuAccess original; /* what the device wanted, which names the fault */
    IommuFault *fault;
} Walk;

/* One stage's table. */
typedef struct Stage {
    bool second;
    uint64_t root;
    unsigned levels;
    bool update; /* may set accessed and dirty bits */
} Stage;

/* What a stage found. */
typedef struct StageLeaf {
    uint64_t addr;
    unsigned shift;
    uint8_t perms, pbmt;
    bool global;
} StageLeaf;

static const unsigned access_cause[] = {CAUSE_READ_ACCESS, CAUSE_WRITE_ACCESS, CAUSE_EXEC_ACCESS};
static const unsigned page_cause[] = {CAUSE_READ_PAGE, CAUSE_WRITE_PAGE, CAUSE_EXEC_PAGE};
static const unsigned guest_cause[] = {CAUSE_READ_GUEST, CAUSE_WRITE_GUEST, CAUSE_EXEC_GUEST};

static bool fail(const Walk *w, unsigned cause, uint64_t iotval2)
{
    w->fault->cause = cause;
    w->fault->iotval2 = iotval2;
    return false;
}

/* The second stage's walks for the sake of the first's are implicit. */
typedef enum Implicit { EXPLICIT, IMPLICIT_READ, IMPLICIT_WRITE } Implicit;

static bool page_fault(const Walk *w, const Stage *stage, uint64_t addr, Implicit implicit)
{
    if (!stage->second) {
        return fail(w, page_cause[w->original], 0);
    }
    return fail(w, guest_cause[w->original],
                (addr & ~UINT64_C(3)) | (implicit != EXPLICIT) | (implicit == IMPLICIT_WRITE) << 1);
}

static bool walk_stage(const Walk *w, const Stage *stage, uint64_t addr, IommuAccess access,
                       Implicit implicit, StageLeaf *leaf);

static Stage make_stage(const IommuContext *context, bool second)
{
    uint64_t atp = second ? context->iohgatp : context->iosatp;
    unsigned mode = ATP_MODE(atp);

    return (Stage){
        .second = second,
        .root = ATP_ADDR(atp),
        .levels = mode == MODE_BARE ? 0 : 3 + mode - MODE_SV39,
        .update = context->tc & (second ? TC_GADE : TC_SADE),
    };
}

/* ---- Entries ---- */

/* Where the entry at @gpa of a stage's table is in memory. */
static bool entry_addr(const Walk *w, const Stage *stage, uint64_t gpa, Implicit implicit,
                       uint64_t *addr)
{
    StageLeaf leaf;
    Stage second = make_stage(w->context, true);

    *addr = gpa;
    if (stage->second || !second.levels) {
        return true;
    }
    if (!walk_stage(w, &second, gpa, implicit == IMPLICIT_WRITE ? IOMMU_WRITE : IOMMU_READ,
                    implicit, &leaf)) {
        return false;
    }
    *addr = leaf.addr;
    return true;
}

/* Sets bits @want of the entry @pte at @gpa; *@changed says that it was not @pte any more. */
static bool update_entry(const Walk *w, const Stage *stage, uint64_t gpa, uint64_t pte,
                         uint64_t want, bool *changed)
{
    AddressSpace *as = &w->s->machine->dma;
    uint64_t addr, len = sizeof(pte);
    uint64_t *host;

    if (!entry_addr(w, stage, gpa, IMPLICIT_WRITE, &addr)) {
        return false;
    }
    host = dma_map(as, addr, &len, true);
    if (!host || len < sizeof(pte)) {
        return fail(w, access_cause[w->original], 0);
    }
    *changed = !__atomic_compare_exchange_n(host, &pte, pte | want, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST);
    dma_unmap(as, host, sizeof(pte));
    return true;
}

/* Whether a leaf lets the access through. */
static bool allows(const Walk *w, const Stage *stage, uint64_t pte, IommuAccess access)
{
    static const uint64_t needs[] = {PTE_R, PTE_W, PTE_X};

    if (!(pte & needs[access])) {
        return false;
    }
    if (stage->second || !w->context->supervisor) {
        return pte & PTE_U;
    }
    return !(pte & PTE_U) || (w->context->sum && access != IOMMU_EXECUTE);
}

static bool is_leaf(uint64_t pte)
{
    return pte & (PTE_R | PTE_X);
}

/* Whether @pte of level @level makes sense. */
static bool valid(uint64_t pte, unsigned level)
{
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED) ||
        PTE_PBMT(pte) == 3) {
        return false;
    }
    if (!is_leaf(pte)) {
        return level > 0 && !(pte & (PTE_A | PTE_D | PTE_U)) && !PTE_PBMT(pte);
    }
    /* The low bits of a large page's number are zero. */
    return !(PPN_ADDR(pte) & ((UINT64_C(1) << (PAGE_BITS + INDEX_BITS * level)) - 1));
}

/* The permissions that hold as the entry is: a first write may have to set its dirty bit. */
static uint8_t settled_perms(const Walk *w, const Stage *stage, uint64_t pte)
{
    uint8_t perms = 0;

    for (IommuAccess access = IOMMU_READ; access <= IOMMU_EXECUTE; access++) {
        static const uint8_t bits[] = {PTE_R, PTE_W, PTE_X};

        if (allows(w, stage, pte, access) && (access != IOMMU_WRITE || (pte & PTE_D))) {
            perms |= bits[access];
        }
    }
    return perms;
}

/* ---- A stage ---- */

static bool in_range(const Stage *stage, uint64_t addr)
{
    unsigned bits = PAGE_BITS + INDEX_BITS * stage->levels;

    return stage->second ? addr >> (bits + 2) == 0 : bits_sext(addr, bits) == (int64_t)addr;
}

/* Checks the leaf @pte at @gpa, and brings its bits up to date. */
static bool use_leaf(const Walk *w, const Stage *stage, uint64_t addr, IommuAccess access,
                     Implicit implicit, uint64_t gpa, uint64_t *pte, bool *changed)
{
    uint64_t want = PTE_A | (access == IOMMU_WRITE ? PTE_D : 0);

    *changed = false;
    if (!allows(w, stage, *pte, access)) {
        return page_fault(w, stage, addr, implicit);
    }
    if ((*pte & want) == want) {
        return true;
    }
    if (!stage->update) {
        return page_fault(w, stage, addr, implicit);
    }
    if (!update_entry(w, stage, gpa, *pte, want, changed)) {
        return false;
    }
    *pte |= want;
    return true;
}

/* One walk from the root; *@changed says that it has to be done again. */
static bool try_walk(const Walk *w, const Stage *stage, uint64_t addr, IommuAccess access,
                     Implicit implicit, StageLeaf *leaf, bool *changed)
{
    uint64_t table = stage->root, pte, at, gpa;
    unsigned level = stage->levels - 1;

    for (;; level--) {
        unsigned shift = PAGE_BITS + INDEX_BITS * level;
        unsigned wide = stage->second && level == stage->levels - 1 ? 2 : 0;

        gpa = table + bits_get(addr, shift, INDEX_BITS + wide) * 8;
        if (!entry_addr(w, stage, gpa, IMPLICIT_READ, &at)) {
            return false;
        }
        if (!riscv_iommu_load(w->s, at, &pte)) {
            return fail(w, access_cause[w->original], 0);
        }
        if (!valid(pte, level)) {
            return page_fault(w, stage, addr, implicit);
        }
        leaf->global = leaf->global || (pte & PTE_G);
        if (is_leaf(pte)) {
            break;
        }
        table = PPN_ADDR(pte);
    }
    if (!use_leaf(w, stage, addr, access, implicit, gpa, &pte, changed)) {
        return false;
    }
    leaf->shift = PAGE_BITS + INDEX_BITS * level;
    leaf->addr = PPN_ADDR(pte) | (addr & ((UINT64_C(1) << leaf->shift) - 1));
    leaf->perms = settled_perms(w, stage, pte);
    leaf->pbmt = PTE_PBMT(pte);
    return true;
}

/* Translates @addr by @stage, which is not Bare. */
static bool walk_stage(const Walk *w, const Stage *stage, uint64_t addr, IommuAccess access,
                       Implicit implicit, StageLeaf *leaf)
{
    if (!in_range(stage, addr)) {
        return page_fault(w, stage, addr, implicit);
    }
    for (unsigned i = 0; i < MAX_RETRIES; i++) {
        bool changed = false;

        *leaf = (StageLeaf){0};
        if (!try_walk(w, stage, addr, access, implicit, leaf, &changed)) {
            return false;
        }
        if (!changed) {
            return true;
        }
    }
    return page_fault(w, stage, addr, implicit);
}

static StageLeaf identity(uint64_t addr)
{
    return (StageLeaf){.addr = addr, .shift = 63, .perms = PTE_R | PTE_W | PTE_X};
}

bool riscv_iommu_second_stage(RiscvIommu *s, const IommuContext *context, uint64_t gpa,
                              IommuAccess access, uint64_t *addr, IommuFault *fault)
{
    Walk w = {s, context, access, fault};
    Stage first = {0};

    return entry_addr(&w, &first, gpa, IMPLICIT_READ, addr);
}

/* ---- MSI page tables ---- */

/* The bits of @value where @mask has ones, packed. */
static uint64_t extract(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (unsigned to = 0; mask; mask &= mask - 1) {
        result |= (value >> __builtin_ctzll(mask) & 1) << to++;
    }
    return result;
}

static bool is_msi_page(const IommuContext *context, uint64_t gpa)
{
    return ATP_MODE(context->msiptp) != MSIPTP_OFF &&
           !(((gpa >> PAGE_BITS) ^ context->msi_pattern) & ~context->msi_mask);
}

static bool walk_msi(const Walk *w, uint64_t gpa, StageLeaf *leaf)
{
    const IommuContext *context = w->context;
    uint64_t index = extract(gpa >> PAGE_BITS, context->msi_mask), pte;

    if (!riscv_iommu_load(w->s, ATP_ADDR(context->msiptp) | index * 16, &pte)) {
        return fail(w, CAUSE_MSI_LOAD, 0);
    }
    if (!(pte & MSIPTE_V)) {
        return fail(w, CAUSE_MSI_INVALID, 0);
    }
    if ((pte & (MSIPTE_C | MSIPTE_RESERVED)) || MSIPTE_M(pte) != MSIPTE_M_BASIC) {
        return fail(w, CAUSE_MSI_MISCONFIGURED, 0);
    }
    if (w->original == IOMMU_EXECUTE) {
        return fail(w, CAUSE_EXEC_ACCESS, 0);
    }
    *leaf = (StageLeaf){
        .addr = PPN_ADDR(pte) | (gpa & ((1u << PAGE_BITS) - 1)),
        .shift = PAGE_BITS,
        .perms = PTE_R | PTE_W,
    };
    return true;
}

/* ---- Both stages ---- */

bool riscv_iommu_walk(RiscvIommu *s, const IommuContext *context, uint64_t iova, IommuAccess access,
                      IommuLeaf *leaf, IommuFault *fault)
{
    Walk w = {s, context, access, fault};
    Stage first = make_stage(context, false), second = make_stage(context, true);
    StageLeaf to_guest = identity(iova), to_bus;

    if (first.levels && !walk_stage(&w, &first, iova, access, EXPLICIT, &to_guest)) {
        return false;
    }
    *leaf = (IommuLeaf){.first_shift = to_guest.shift, .global = to_guest.global};
    to_bus = identity(to_guest.addr);
    if (is_msi_page(context, to_guest.addr)) {
        leaf->msi = true;
        if (!walk_msi(&w, to_guest.addr, &to_bus)) {
            return false;
        }
    } else if (second.levels &&
               !walk_stage(&w, &second, to_guest.addr, access, EXPLICIT, &to_bus)) {
        return false;
    } else if (ATP_MODE(context->msiptp) != MSIPTP_OFF) {
        to_bus.shift = MIN(to_bus.shift, PAGE_BITS); /* the next page may be an interrupt file */
    }
    leaf->addr = to_bus.addr;
    leaf->shift = MIN(to_guest.shift, to_bus.shift);
    leaf->perms = to_guest.perms & to_bus.perms;
    leaf->pbmt = to_guest.pbmt ? to_guest.pbmt : to_bus.pbmt;
    return true;
}
