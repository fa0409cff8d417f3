/*
 * Translated regions: finding them, linking them, dropping them.
 *
 * A region is the translation of guest code that starts at one pc on one page of RAM, for one value of
 * the guest's translation flags and one mode of the engine. Regions are found without a lock; everything
 * else about them happens under the translation lock (accel->lock).
 *
 * Dropping: a region that goes (its code was written to, or its code memory is needed) is first made
 * unreachable: out of the hash, links to it cut, its pc noted in the log that vCPUs use to purge their
 * jump caches when the architecture says that they must see new code (vcpu_sync_code()). A vCPU may
 * still be executing it. It is freed when every vCPU has been outside translated code since then: epochs
 * tell. Each vCPU publishes the global epoch when it enters translated code and 0 when it leaves.
 */
#ifndef AMPHI_ACCEL_REGIONS_H
#define AMPHI_ACCEL_REGIONS_H

#include "accel/accel.h"
#include "softmmu/tlb.h"
#include "tcg/tcg.h"

/* Modes: part of a region's key. */
#define MODE_INTERP (1u << 0)
#define MODE_COUNT (1u << 1) /* counts instructions exactly */
#define MODE_STEP (1u << 2)  /* of a single step: no breakpoint at its first instruction */
#define MODE_LIMIT_SHIFT 8   /* at most so many instructions; 0: no limit */

#define REGION_HASH_BITS 17
#define REGION_NO_PAGE UINT32_MAX
#define KILL_LOG 256u
#define SEGMENTS 16u
#define REGION_MAX_INSNS 64 /* guest instructions in a first-tier region */
#define REGION_MAX_SPANS 48 /* pieces of pages that a region is made from */

typedef struct Region Region;
typedef struct LatePage LatePage;
typedef struct RegionSpan RegionSpan;

/* The bytes [first, last] of one page that a region was made from. */
struct RegionSpan {
    RegionSpan *next;                                         /* of the same page */
    uint64_t ram_page : 32, first : 12, last : 12, index : 8; /* index: in its region's spans */
};

/* Of a region of the jit engine all is in one piece, in its segment's part of Accel.meta: the struct, its spans,
 * its exits, its table for tcg_restore(). There are tens of thousands. */
struct Region {
    Region *hash_next; /* atomic */
    uint64_t pc;
    uint32_t ram_page;
    uint32_t flags, mode;
    uint32_t exec_id;     /* of the first page, for links to it */
    uint32_t second_page; /* ram page that the first instruction reaches into, or REGION_NO_PAGE */
    uint8_t tier, nspans;
    bool dead;
    Region *better; /* atomic: the optimized region with the same key */
    union {
        struct {
            TcgCode code;
            /* linked exits of other regions: the first one's place in Accel.meta */
            uint32_t incoming;
        };
        /* MODE_INTERP */
        struct {
            void *ir;       /* IrCode */
            Region *next;   /* of the limbo list */
            uint64_t epoch; /* in limbo: when it was dropped */
        };
    };
    RegionSpan spans[];
};

/* A part of code memory; regions in it go together. */
typedef struct Segment {
    uint8_t *start, *at, *end;
    uint8_t *meta_start, *meta_at, *meta_end; /* its part of Accel.meta */
    /* of uint32_t: their places in Accel.meta, in order of their code's addresses */
    GArray *regions;
    uint64_t retired; /* epoch at which it was emptied; reusable when all vCPUs have passed it */
} Segment;

typedef struct AccelStats {
    uint64_t regions, regions_opt, guest_insns, ir_insns, host_bytes, translate_ns, optimize_ns;
    uint64_t resolves, kills, evictions;
} AccelStats;

struct Accel {
    Machine *machine;
    const AccelOps *engine; /* atomic: that new runs go to */
    AccelConfig config;
    uint32_t ready;    /* engines that are initialised, by their place in the table */
    struct KvmVm *kvm; /* of accel/kvm/; NULL: not in use */
    GMutex lock;       /* translation lock */
    Region *hash[1u << REGION_HASH_BITS];
    RegionSpan **pages;    /* the first one of each ram page; reserved, populated on touch */
    uint64_t epoch;        /* atomic */
    uint64_t retire_count; /* atomic: evictions so far: vCPUs drop jump caches when it changes */
    uint64_t killed[KILL_LOG];
    uint64_t nkilled; /* atomic */
    LatePage *late;   /* late-stores.c; others see by atomic reads whether there are any */
    /* dropped interpreter regions; others see by atomic reads whether there are any */
    Region *limbo;
    Tcg *tcg;
    uint8_t *meta; /* regions of host code, their exits and tables; reserved, populated on touch */
    size_t meta_size;
    struct JitSampler *sampler; /* atomic; made with the lock */
    TcgRuntime runtime;
    Segment segments[SEGMENTS];
    unsigned segment; /* being filled */
    IrRegion ir;      /* scratch for translation */
    AccelStats stats;
};

/* Of each vCPU. */
typedef struct AccelVcpu {
    Accel *accel;
    uint64_t seen_killed, seen_retired;
    const AccelOps *want; /* atomic: engine to go to */
    bool has_lock;        /* translation lock, for unwinding */
    uint32_t mxcsr;       /* while it has the lock: the guest's floating-point environment */
    bool no_room;         /* it left because code memory is full */
    bool limit_next;      /* the next region must not have more instructions than the budget */
    bool step;            /* accel_step(): as that, and what else ends a step */
    bool run_for;         /* accel_run_for(): return when the budget is used up */
    bool guest_counts;    /* the guest reads its instruction counter */
    int64_t counter_used; /* virtual time of its last access, or since when it is estimated */
    bool in_guest;        /* MXCSR is the guest's */
    uint64_t sample_pc[64];
    uint8_t sample_hits[64];
    bool sample; /* atomic: the sampler kicked */
    uint64_t lookups, samples;
    struct KvmVcpu *kvm; /* of accel/kvm/ */
} AccelVcpu;

static inline AccelVcpu *accel_vcpu(const Vcpu *vcpu)
{
    return vcpu->accel_data;
}

void regions_init(Accel *accel);
void regions_fini(Accel *accel);

/* The translation lock on a vCPU's thread, given up when it unwinds. */
void regions_lock(Vcpu *vcpu);
void regions_unlock(Vcpu *vcpu);

/* A place in Accel.meta as a number, which is 0 for nothing. */
#define META_UNIT 8u
static inline uint32_t meta_ref(const Accel *accel, const void *p)
{
    return p ? ((const uint8_t *)p - accel->meta) / META_UNIT : 0;
}

static inline void *meta_ptr(const Accel *accel, uint32_t ref)
{
    return ref ? accel->meta + (size_t)ref * META_UNIT : NULL;
}

/* Reserves Accel.meta for @size bytes of code memory. False with errno: no address space for it. Then divides
 * code memory and what goes with it into segments. */
bool regions_reserve(Accel *accel, size_t size);
void regions_unreserve(Accel *accel);
void regions_divide(Accel *accel, uint8_t *code, size_t size);

/* A new region. Of host code: in the current segment, which has room (regions_room()), given up when the next
 * one is made if it was not committed by then. Otherwise: regions_free_interp() frees it. With the lock. */
Region *regions_new(Accel *accel, uint64_t pc, uint32_t ram_page, uint32_t flags, uint32_t mode);
void regions_free_interp(Region *region);

/* Finds a live region. Any thread. */
Region *regions_find(Accel *accel, uint64_t pc, uint32_t ram_page, uint32_t flags, uint32_t mode);

/* Adds a region that is complete; with the lock. */
void regions_add(Accel *accel, Region *region);

/* Makes @better, added before, what is found and linked to in place of @region; with the lock. */
void regions_supersede(Accel *accel, Region *region, Region *better);

/* Makes it unreachable; with the lock. */
void regions_drop(Accel *accel, Region *region);

/* Links @exit to @target if both live; with the lock. */
void regions_link(Accel *accel, TcgExit *exit, Region *target);

/* Adds a span of code bytes on a page to @region, before it is compiled and added: at most REGION_MAX_SPANS. */
void regions_add_span(Region *region, uint32_t ram_page, unsigned first, unsigned last);

/* The region that a span belongs to. */
Region *regions_of_span(RegionSpan *span);

/* Where and how much room there is for what is kept beside @region's code. */
void *regions_meta(const Segment *segment, const Region *region, size_t *room);

/* Takes the code memory that @region was compiled to at segment->at. With the lock. */
void regions_commit(Accel *accel, Segment *segment, Region *region);

/* The region whose host code contains @host_pc, or NULL. Takes the lock. */
Region *regions_by_code(Accel *accel, uintptr_t host_pc);

/* Room for @want bytes of host code and what goes with it, or NULL: leave translated code and call regions_make_room(). */
Segment *regions_room(Accel *accel, size_t want);
void regions_make_room(Vcpu *vcpu);

/* Drops all that covers these offset bits within a page: code at virtual address @addr, which may be
 * mapped anywhere. No vCPU runs. */
void regions_drop_at(Accel *accel, uint64_t addr);

/* Drops what is made of any of the bytes [first, last] of a page, and takes the page's mark away if no code is left
 * there. With the lock. */
void regions_drop_written(Accel *accel, uint64_t ram_page, unsigned first, unsigned last);

/* Drops everything (a snapshot was loaded, code memory is to be refilled); no vCPU runs. */
void regions_drop_all(Accel *accel);

/* The epoch that every vCPU but @except (which may be NULL) has passed: what was dropped before it can be freed. */
uint64_t regions_oldest_epoch(Accel *accel, const Vcpu *except);

/* Entering and leaving translated code: see epochs above. */
void regions_enter(Vcpu *vcpu);
void regions_leave(Vcpu *vcpu);

/* Fills accel->runtime: offsets and memory callbacks. */
void accel_runtime_init(Accel *accel);

#endif
