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

/* Who may have an entry that writes to a page: nobody, one place, or it is not known. */
#define WRITER_NONE 0u
#define WRITER_MANY UINT32_MAX

static inline uint32_t writer_of(unsigned vcpu, unsigned slot, unsigned index)
{
    return 1 + (vcpu << (TLB_BITS + 5) | slot << TLB_BITS | index);
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
    void (*code_hook)(void *opaque, uint64_t ram_page, unsigned first, unsigned len);
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

/* Delivers a fault and leaves. */
G_GNUC_NORETURN void tlb_fault(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault);

#endif
