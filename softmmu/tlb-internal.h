/*
 * What the files of the software TLB share.
 */
#ifndef AMPHI_TLB_INTERNAL_H
#define AMPHI_TLB_INTERNAL_H

#include "softmmu/tlb.h"

/* Flags of a page of guest RAM. */
enum {
    PAGE_HAS_CODE = 1,
    PAGE_SEEN = 2, /* a vCPU has been able to write to it: see VcpuTlb.fresh */
};

/* Who may have an entry that writes to a page: nobody, one place, that place in any context of its vCPU, or it is
 * not known. */
#define WRITER_NONE 0u
#define WRITER_MANY UINT32_MAX
#define WRITER_CONTEXTS (1u << 31)
#define WRITER_SLOT_BITS 5

static inline uint32_t writer_of(unsigned vcpu, unsigned slot, unsigned index)
{
    return 1 + (vcpu << (TLB_BITS + WRITER_SLOT_BITS) | slot << TLB_BITS | index);
}

static inline unsigned writer_vcpu(uint32_t writer)
{
    return ((writer & ~WRITER_CONTEXTS) - 1) >> (TLB_BITS + WRITER_SLOT_BITS);
}

static inline unsigned writer_slot(uint32_t writer)
{
    return ((writer & ~WRITER_CONTEXTS) - 1) >> TLB_BITS & ((1u << WRITER_SLOT_BITS) - 1);
}

static inline unsigned writer_index(uint32_t writer)
{
    return ((writer & ~WRITER_CONTEXTS) - 1) & (TLB_ENTRIES - 1);
}

static inline uint32_t writer_anywhere(uint32_t writer)
{
    return WRITER_CONTEXTS | writer_of(writer_vcpu(writer), 0, writer_index(writer));
}

/* A (virtual, physical) pair of pages that a fetch saw; its index is the execution id. */
typedef struct ExecPair {
    uint64_t vpage, ram_page;
    const uint8_t *host;
    uint32_t next; /* in its hash chain; 0 ends */
} ExecPair;

#define EXEC_HASH 4096u
#define EXEC_MAX (1u << 22)

struct TlbSystem {
    Machine *machine;
    /* One per page of guest RAM, atomic; reserved, populated on touch. */
    uint8_t *page_flags;
    uint32_t *writers;
    const TlbCodeHooks *code_hooks;
    void *code_opaque;

    GMutex exec_lock; /* execution ids; a leaf */
    ExecPair *pairs;  /* reserved EXEC_MAX; entries never move or change */
    uint32_t npairs;
    uint32_t exec_hash[EXEC_HASH];
};

static inline unsigned tlb_index(uint64_t addr)
{
    return (addr >> TLB_PAGE_BITS) & (TLB_ENTRIES - 1);
}

static inline bool tlb_bit(const uint64_t *bits, unsigned index)
{
    return bits[index / 64] >> (index % 64) & 1;
}

static inline void tlb_bit_set(uint64_t *bits, unsigned index, bool value)
{
    uint64_t bit = UINT64_C(1) << (index % 64), old = bits[index / 64];

    __atomic_store_n(&bits[index / 64], value ? old | bit : old & ~bit, __ATOMIC_RELAXED);
}

/* A tag that no address with index @index matches. */
static inline uint64_t tlb_no_tag(unsigned index)
{
    return (uint64_t)(index ^ 1) << TLB_PAGE_BITS;
}

/* Where an access that the fast path could not do goes. */
typedef struct TlbTarget {
    uint8_t *host; /* of the byte, NULL for a device */
    uint64_t gpa;
    uint64_t ram_page;
    uint64_t avail; /* bytes from @host on that are contiguous */
    bool tracked;   /* a store must go through tlb_code_written() */
    bool to_ops;    /* RAM that is not written directly (ROM, flash) */
} TlbTarget;

/* Translates @addr for an access within one page, filling the TLB. A fault is delivered and unwinds. */
void tlb_resolve(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, TlbTarget *target);

/* The same, but a fault is the result, and nothing else happens. */
MmuFault tlb_try_resolve(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access,
                         TlbTarget *target);

/* Finds the mapping of @addr for @access of @size bytes. Faults unwind. */
void tlb_walk(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *mapping);

/* Notes that the place @me may have an entry that writes to @ram_page. */
void tlb_note_writer(TlbSystem *system, uint32_t ram_page, uint32_t me);

/* Delivers a fault and leaves. */
G_GNUC_NORETURN void tlb_fault(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault);

#endif
