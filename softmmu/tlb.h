/*
 * The software TLB.
 *
 * A vCPU has a few contexts, each the cached translations of one (address space, privilege, access mode)
 * as identified by GuestArch.mmu_key(); a trap or an address-space switch selects another context and
 * flushes nothing. A context has a direct-mapped table of 4 KiB entries that translated code probes
 * inline, a few victims, and the large pages that entries were cut from. It also holds what depends on
 * the same mapping: for each page the id of its (virtual, physical) pair for fetches, which links between
 * translations on different pages check, and the jump cache of translated code. What comes from global
 * mappings is handed on to new contexts (tlb-context.c).
 *
 * Code tracking: a page of RAM that code was translated from is never writable through an entry, so that
 * stores reach the slow path, which tells the engine's hook. Marking a page revokes write entries in all
 * vCPUs, under each one's TLB lock; a vCPU fills entries under its own lock. Apart from that, TLBs are used
 * by their own thread only.
 */
#ifndef AMPHI_TLB_H
#define AMPHI_TLB_H

#include "cpu/vcpu.h"
#include "softmmu/machine.h"

#define TLB_PAGE_BITS 12
#define TLB_PAGE_SIZE (UINT64_C(1) << TLB_PAGE_BITS)
#define TLB_PAGE_MASK (~(TLB_PAGE_SIZE - 1))
#define TLB_BITS 12
#define TLB_ENTRIES (1u << TLB_BITS)
#define TLB_VICTIMS 8
#define TLB_LARGE 16
#define TLB_CONTEXTS 32
#define TLB_WAYS 4
#define TLB_FRESH 1024u
#define JUMP_BITS 10
#define JUMP_ENTRIES (1u << JUMP_BITS)

typedef struct TlbSystem TlbSystem;

/* An access of s bytes at a hits when (a ^ tag) <= 4096 - s; its host address is a + addend. */
typedef struct TlbEntry {
    uint64_t read_tag, write_tag, addend;
    /* of the page that fetches with these index bits see; independent of the tags */
    uint32_t exec_id;
    uint32_t ram_page; /* of addend */
} TlbEntry;

/* A hit has equal pc and flags (GuestArch.tb_flags). */
typedef struct JumpEntry {
    uint64_t pc;
    void *code;
    uint32_t flags;
    uint32_t global; /* pc is in a global mapping */
    uint64_t pad;
} JumpEntry;

/* A translation of more than 4 KiB. */
typedef struct TlbLarge {
    uint64_t base, size; /* size 0: free */
    uint64_t gpa;
    bool readable, writable, executable, global;
} TlbLarge;

struct TlbContext {
    TlbEntry entries[TLB_ENTRIES];
    JumpEntry jumps[JUMP_ENTRIES];
    TlbEntry victims[TLB_VICTIMS];
    uint64_t victim_page[TLB_VICTIMS];
    TlbLarge large[TLB_LARGE];
    /* where large pages lie that are forgotten while entries cut from them may remain: a flush in
     * there empties the context */
    uint64_t lost_from, lost_to;
    /* Bits by index: entries that are not empty or have an execution id (changed by the vCPU only, read with
     * the lock by others), and those whose tags, or execution id, come from global mappings. */
    uint64_t used[TLB_ENTRIES / 64], global[TLB_ENTRIES / 64], exec_global[TLB_ENTRIES / 64];
    uint64_t jump_used[JUMP_ENTRIES / 64]; /* jump entries that may be set */
    uint64_t jump_pages[TLB_ENTRIES / 64]; /* index bits of pages that may have jump entries */
    uint64_t key[2];
    uint64_t last_use; /* atomic; 0: flushed, to be emptied when it is next selected */
    unsigned slot;     /* its index in VcpuTlb.contexts */
    unsigned next_victim, next_large;
};

/* Counters for `info jit` and -d profile. */
typedef struct TlbStats {
    uint64_t fills, walks, victim_hits, large_hits, flushes, page_flushes, context_misses;
    uint64_t given_back; /* pages */
} TlbStats;

struct VcpuTlb {
    TlbContext *contexts[TLB_CONTEXTS];
    uint64_t clock;
    GMutex lock;               /* entries' write tags against revocation */
    uint32_t fresh[TLB_FRESH]; /* RAM pages that vCPUs can write to for the first time */
    unsigned nfresh;
    TlbStats stats;
};

/* Per machine. Made before the first vCPU runs; the memory map's listener flushes everything. */
TlbSystem *tlb_system_new(Machine *machine);
void tlb_system_free(TlbSystem *system);

/* What the engine does about stores to code. */
typedef struct TlbCodeHooks {
    /* Bytes [first, first + len) of a page with code have been written. Any thread, with or without the
     * machine lock. */
    void (*written)(void *opaque, uint64_t ram_page, unsigned first, unsigned len);
    /* The page at @host has become one with code, @by is about to read it, while another vCPU may be between
     * its look at the TLB and a store to it, which will go unnoticed. With the lock of tlb_mark_code(). */
    void (*contested)(void *opaque, const Vcpu *by, uint64_t ram_page, const uint8_t *host);
} TlbCodeHooks;

void tlb_set_code_hooks(TlbSystem *system, const TlbCodeHooks *hooks, void *opaque);

/* Reports a store to a page that may hold code. Any thread. */
void tlb_code_written(TlbSystem *system, uint64_t ram_page, unsigned first, unsigned len);

/* Marks a page as holding code that @by, on its thread, is about to read for translation, and takes the mark
 * away when no code is left. With a lock (the engine's) that is held from the mark until what was translated
 * is there to be found, so that the mark of code that has just been read cannot be taken for an old one's. @host:
 * the page. */
void tlb_mark_code(const Vcpu *by, uint64_t ram_page, const uint8_t *host);
void tlb_unmark_code(TlbSystem *system, uint64_t ram_page);

void tlb_vcpu_init(TlbSystem *system, Vcpu *vcpu);
void tlb_vcpu_free(Vcpu *vcpu);

/* Flushes if the memory map changed since the last call; the run loop calls it before guest code runs. */
void tlb_flush_if_stale(Vcpu *vcpu);

/* Whether there are enough pages that were written for the first time to look which of them are zeros and give
 * those back to the host; and doing so, on the vCPU's thread outside translated code, without locks. */
static inline bool tlb_fresh_full(const Vcpu *vcpu)
{
    return vcpu->tlbs->nfresh == TLB_FRESH;
}
void tlb_give_back_zeros(Vcpu *vcpu);

/* The page that holds code at @pc, for the current context. */
typedef struct CodePage {
    uint64_t ram_page;
    const uint8_t *host; /* of the page's first byte */
    uint32_t exec_id;    /* 0: the mapping may not be cached (protection splits the page) */
    bool global;         /* in all address spaces, as far as is known */
} CodePage;

/* Finds it, walking if need be. A fault is delivered and unwinds. */
void tlb_code_page(Vcpu *vcpu, uint64_t pc, CodePage *page);

/* As above without side effects: false if it would fault or is not cached. */
bool tlb_code_page_cached(Vcpu *vcpu, uint64_t pc, CodePage *page);

/* Jump cache. */
static inline JumpEntry *tlb_jump_entry(TlbContext *context, uint64_t pc)
{
    return &context->jumps[(pc >> 1) & (JUMP_ENTRIES - 1)];
}
void tlb_jump_set(TlbContext *context, uint64_t pc, uint32_t flags, void *code, bool global);
void tlb_jump_clear_all(Vcpu *vcpu);
void tlb_jump_clear_pc(Vcpu *vcpu, uint64_t pc);

/* Memory accesses of translated code after an inline miss, and of helpers: full IrMemOp. Unwind on faults. */
uint64_t tlb_load(Vcpu *vcpu, uint64_t addr, unsigned memop);
void tlb_store(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned memop);
void tlb_load_vector(Vcpu *vcpu, uint64_t addr, void *value, unsigned bytes);
void tlb_store_vector(Vcpu *vcpu, uint64_t addr, const void *value, unsigned bytes);
uint64_t tlb_rmw(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned rmw, unsigned memop);
uint64_t tlb_cas(Vcpu *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned memop);

/* Host pointer to @len bytes at @addr in one page of RAM for reading, or writing that needs no tracking;
 * NULL if there is none, or if an access would fault. */
void *tlb_translate(Vcpu *vcpu, uint64_t addr, unsigned len, bool write);

#endif
