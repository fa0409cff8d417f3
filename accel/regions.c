/*
 * Translated regions: the hash, links, page tracking, and the reuse of code memory. See regions.h.
 */
#include "accel/late-stores.h"
#include "accel/regions.h"
#include "softmmu/cpus.h"
#include "tcg/codemem.h"
#include <immintrin.h>
#include <string.h>
#include <sys/mman.h>

/* The writable view of code memory is emptied each time so much code has been added. */
#define SETTLE_BYTES (512 * 1024)

/* Pages that are about to be written come so much at a time. */
#define AHEAD_BYTES (128u * 1024)

/* What is kept of regions beside their code takes a little less than the code itself, where the guest's
 * instructions are mostly memory accesses; a segment without room for it is full. */
#define META_PER_CODE 2u

/* What one region can take there at most, of those that are not refused for it. */
#define META_MIN (64u * 1024)

/* Code that is close together is found close together: look-ups go along with execution. */
static unsigned region_hash(uint64_t pc, uint32_t ram_page, uint32_t flags, uint32_t mode)
{
    uint64_t h = (pc >> 12) * 0x9e3779b97f4a7c15u ^ ram_page * 0xd6e8feb86659fd93u ^
                 ((uint64_t)flags << 32 | mode) * 0xc2b2ae3d27d4eb4fu;
    return ((h >> (64 - REGION_HASH_BITS)) + (pc >> 1)) & ((1u << REGION_HASH_BITS) - 1);
}

static unsigned hash_of(const Region *region)
{
    return region_hash(region->pc, region->ram_page, region->flags, region->mode);
}

static void *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void regions_init(Accel *accel)
{
    g_mutex_init(&accel->lock);
    accel->pages = reserve(MEMORY_MAX_PAGES * sizeof(RegionSpan *));
    if (!accel->pages) {
        g_error("no address space for %" G_GUINT64_FORMAT " bytes",
                (uint64_t)(MEMORY_MAX_PAGES * sizeof(RegionSpan *))); /* as GLib's allocators do */
    }
    accel->epoch = 1;
}

bool regions_reserve(Accel *accel, size_t size)
{
    accel->meta_size = META_PER_CODE * size;
    accel->meta = reserve(accel->meta_size);
    return accel->meta != NULL;
}

void regions_divide(Accel *accel, uint8_t *code, size_t size)
{
    size_t each = align_down(size / SEGMENTS, 4096), meta_each = META_PER_CODE * each;

    for (unsigned i = 0; i < SEGMENTS; i++) {
        uint8_t *start = code + i * each, *meta = accel->meta + i * meta_each;
        accel->segments[i] = (Segment){
            .start = start,
            .at = start,
            .end = start + each,
            .meta_start = meta + META_UNIT, /* for once: place 0 means nothing */
            .meta_end = meta + meta_each,
            .regions = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
            .retired = 1,
        };
        accel->segments[i].meta_at = accel->segments[i].meta_start;
    }
}

void regions_unreserve(Accel *accel)
{
    if (accel->meta) {
        munmap(accel->meta, accel->meta_size);
        accel->meta = NULL;
    }
}

Region *regions_new(Accel *accel, uint64_t pc, uint32_t ram_page, uint32_t flags, uint32_t mode)
{
    Region *region;

    if (mode & MODE_INTERP) {
        region = g_malloc0(sizeof(Region) + 2 * sizeof(RegionSpan));
    } else {
        region = (Region *)(void *)accel->segments[accel->segment].meta_at;
        memset(region, 0, sizeof(*region));
    }
    region->pc = pc;
    region->ram_page = ram_page;
    region->second_page = REGION_NO_PAGE;
    region->flags = flags;
    region->mode = mode;
    return region;
}

void regions_free_interp(Region *region)
{
    g_free(region->ir);
    g_free(region);
}

static void free_list(Region *list)
{
    while (list) {
        Region *next = list->next;
        regions_free_interp(list);
        list = next;
    }
}

static Region *segment_region(const Accel *accel, const Segment *segment, unsigned i)
{
    return meta_ptr(accel, g_array_index(segment->regions, uint32_t, i));
}

void *regions_meta(const Segment *segment, const Region *region, size_t *room)
{
    uint8_t *start = (uint8_t *)(uintptr_t)&region->spans[region->nspans];

    *room = segment->meta_end - start;
    return start;
}

/* Whether writing has gone past one of the borders at which pages ahead are brought in. */
static bool crossed(const uint8_t *first, const uint8_t *before, const uint8_t *at)
{
    return (before - first) / AHEAD_BYTES != (at - first) / AHEAD_BYTES;
}

void regions_commit(Accel *accel, Segment *segment, Region *region)
{
    uint32_t ref = meta_ref(accel, region);
    uint8_t *before = segment->at, *meta_before = segment->meta_at;
    size_t unused;

    g_array_append_val(segment->regions, ref);
    segment->at += align_up(region->code.size, 16);
    segment->meta_at = (uint8_t *)regions_meta(segment, region, &unused) +
                       align_up(region->code.meta_size, META_UNIT);
    /* Now and then: links that are made later bring single pages back. */
    uint8_t *first = accel->segments[0].start;
    if ((before - first) / SETTLE_BYTES != (segment->at - first) / SETTLE_BYTES) {
        tcg_code_settled(accel->tcg, first, accel->segments[SEGMENTS - 1].end - first);
    }
    if (crossed(first, before, segment->at)) {
        tcg_code_expect(accel->tcg, segment->at, MIN(AHEAD_BYTES, segment->end - segment->at));
    }
    if (crossed(accel->meta, meta_before, segment->meta_at)) {
        codemem_populate(segment->meta_at, MIN(AHEAD_BYTES, segment->meta_end - segment->meta_at));
    }
}

Region *regions_by_code(Accel *accel, uintptr_t host_pc)
{
    Region *found = NULL;

    g_mutex_lock(&accel->lock);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const Segment *segment = &accel->segments[i];
        if (host_pc - (uintptr_t)segment->start >= (size_t)(segment->end - segment->start)) {
            continue;
        }
        unsigned low = 0,
                 high = segment->regions->len; /* the last region that starts at or before it */
        while (low < high) {
            unsigned mid = (low + high) / 2;
            Region *r = segment_region(accel, segment, mid);
            if ((uintptr_t)r->code.entry <= host_pc) {
                found = r;
                low = mid + 1;
            } else {
                high = mid;
            }
        }
    }
    g_mutex_unlock(&accel->lock);
    return found;
}

void regions_fini(Accel *accel)
{
    late_stores_free(accel);
    for (unsigned i = 0; i < ARRAY_SIZE(accel->hash); i++) {
        while (accel->hash[i]) {
            Region *region = accel->hash[i];
            accel->hash[i] = region->hash_next;
            if (region->mode & MODE_INTERP) {
                regions_free_interp(region);
            }
        }
    }
    for (unsigned i = 0; i < SEGMENTS; i++) {
        if (accel->segments[i].regions) {
            g_array_free(accel->segments[i].regions, TRUE);
        }
    }
    regions_unreserve(accel);
    free_list(accel->limbo);
    munmap(accel->pages, MEMORY_MAX_PAGES * sizeof(RegionSpan *));
    g_mutex_clear(&accel->lock);
}

/* The lock is held for a translation at a time, and by a vCPU in new code again at once: who slept for it
 * would find it taken when it wakes, over and over, and stand still until the other has all its code. So look
 * for it to be free for a while first, longer than a translation takes. */
#define LOCK_LOOKS 1000
#define PAUSES_PER_LOOK 16

static void lock_in_turn(GMutex *lock)
{
    for (unsigned i = 0; i < LOCK_LOOKS; i++) {
        if (g_mutex_trylock(lock)) {
            return;
        }
        for (unsigned k = 0; k < PAUSES_PER_LOOK; k++) {
            _mm_pause();
        }
    }
    g_mutex_lock(lock);
}

void regions_lock(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    lock_in_turn(&av->accel->lock);
    av->has_lock = true;
    /* Translating is host code that may compute (GLib's hash tables grow by a factor of 1.333), by the
     * host's rounding and without a trace in the guest's flags. */
    av->mxcsr = _mm_getcsr();
    _mm_setcsr(MXCSR_HOST);
}

void regions_unlock(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    _mm_setcsr(av->mxcsr);
    av->has_lock = false;
    g_mutex_unlock(&av->accel->lock);
}

Region *regions_find(Accel *accel, uint64_t pc, uint32_t ram_page, uint32_t flags, uint32_t mode)
{
    Region *r =
        __atomic_load_n(&accel->hash[region_hash(pc, ram_page, flags, mode)], __ATOMIC_ACQUIRE);

    while (r && !(r->pc == pc && r->ram_page == ram_page && r->flags == flags && r->mode == mode)) {
        r = __atomic_load_n(&r->hash_next, __ATOMIC_ACQUIRE);
    }
    return r;
}

void regions_add_span(Region *region, uint32_t ram_page, unsigned first, unsigned last)
{
    unsigned i = region->nspans++;

    region->spans[i] = (RegionSpan){.ram_page = ram_page, .first = first, .last = last, .index = i};
}

Region *regions_of_span(RegionSpan *span)
{
    return (Region *)(void *)((char *)(span - span->index) - offsetof(Region, spans));
}

void regions_add(Accel *accel, Region *region)
{
    Region **head = &accel->hash[hash_of(region)];

    for (unsigned i = 0; i < region->nspans; i++) {
        RegionSpan *span = &region->spans[i];
        span->next = accel->pages[span->ram_page];
        accel->pages[span->ram_page] = span;
    }
    if (region->tier < 2) {
        region->hash_next = *head;
        __atomic_store_n(head, region, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&accel->stats.regions, accel->stats.regions + 1, __ATOMIC_RELEASE);
}

static void link_exit(const Accel *accel, TcgExit *exit, Region *target)
{
    TcgExit *next = meta_ptr(accel, target->incoming);

    exit->target = meta_ref(accel, target);
    exit->next = target->incoming;
    exit->previous = 0;
    target->incoming = meta_ref(accel, exit);
    if (next) {
        next->previous = target->incoming;
    }
}

static void unlink_exit(const Accel *accel, TcgExit *exit)
{
    TcgExit *next = meta_ptr(accel, exit->next), *previous = meta_ptr(accel, exit->previous);

    if (previous) {
        previous->next = exit->next;
    } else {
        ((Region *)meta_ptr(accel, exit->target))->incoming = exit->next;
    }
    if (next) {
        next->previous = exit->previous;
    }
    exit->target = exit->next = exit->previous = 0;
}

/* Sends all that leads to @region back to its stubs. */
static void cut_incoming(const Accel *accel, Region *region)
{
    while (region->incoming) {
        TcgExit *exit = meta_ptr(accel, region->incoming);
        tcg_unlink(accel->tcg, exit);
        unlink_exit(accel, exit);
    }
}

static void cut_links(const Accel *accel, Region *region)
{
    if (region->mode & MODE_INTERP) {
        return;
    }
    for (unsigned i = 0; i < region->code.nexits; i++) {
        if (region->code.exits[i].target) {
            unlink_exit(accel, &region->code.exits[i]);
        }
    }
    cut_incoming(accel, region);
}

static void forget_spans(Accel *accel, Region *region)
{
    for (unsigned i = 0; i < region->nspans; i++) {
        RegionSpan *span = &region->spans[i], **at = &accel->pages[span->ram_page];

        while (*at != span) {
            at = &(*at)->next;
        }
        *at = span->next;
    }
}

void regions_drop(Accel *accel, Region *region)
{
    if (region->dead) {
        return;
    }
    Region **at = &accel->hash[hash_of(region)];
    Region *better = region->better;

    /* Who follows a link looks at it without the lock. */
    __atomic_store_n(&region->dead, true, __ATOMIC_RELAXED);
    while (*at && *at != region) {
        if (__atomic_load_n(&(*at)->better, __ATOMIC_RELAXED) == region) {
            __atomic_store_n(&(*at)->better, NULL, __ATOMIC_RELEASE);
        }
        at = &(*at)->hash_next;
    }
    if (*at == region) {
        __atomic_store_n(at, region->hash_next, __ATOMIC_RELEASE);
    }
    cut_links(accel, region);
    forget_spans(accel, region);
    uint64_t n = accel->nkilled;
    __atomic_store_n(&accel->killed[n % KILL_LOG], region->pc, __ATOMIC_RELAXED);
    __atomic_store_n(&accel->nkilled, n + 1, __ATOMIC_RELEASE);
    accel->stats.kills++;
    if (region->mode & MODE_INTERP) {
        region->epoch = __atomic_add_fetch(&accel->epoch, 1, __ATOMIC_SEQ_CST);
        region->next = accel->limbo;
        __atomic_store_n(&accel->limbo, region, __ATOMIC_RELAXED);
    }
    if (better) {
        regions_drop(accel, better);
    }
}

void regions_supersede(Accel *accel, Region *region, Region *better)
{
    __atomic_store_n(&region->better, better, __ATOMIC_RELEASE);
    cut_incoming(accel, region); /* they link again when they are next taken */
}

void regions_link(Accel *accel, TcgExit *exit, Region *target)
{
    const Region *source = meta_ptr(accel, exit->region);
    Region *best = target->better ? target->better : target;

    if (source->dead || best->dead || exit->target || !target->exec_id) {
        return;
    }
    /* Another vCPU may be between the page check and the jump: it must not find a jump that was meant
     * for another page. */
    if (exit->exec_id && exit->exec_id != target->exec_id && accel->machine->ncpus > 1) {
        return;
    }
    exit->exec_id = target->exec_id;
    link_exit(accel, exit, best);
    tcg_link(accel->tcg, exit, best->code.entry, target->exec_id);
}

uint64_t regions_oldest_epoch(Accel *accel, const Vcpu *except)
{
    uint64_t oldest = ~UINT64_C(0);

    for (unsigned i = 0; i < accel->machine->ncpus; i++) {
        const Vcpu *vcpu = accel->machine->cpus[i];
        uint64_t epoch = __atomic_load_n(&vcpu->epoch, __ATOMIC_SEQ_CST);
        if (vcpu != except && epoch && epoch < oldest) {
            oldest = epoch;
        }
    }
    return oldest;
}

static void free_limbo(Accel *accel)
{
    uint64_t oldest = regions_oldest_epoch(accel, NULL);
    Region **at = &accel->limbo;

    while (*at) {
        Region *region = *at;
        if (region->epoch <= oldest) {
            __atomic_store_n(at, region->next, __ATOMIC_RELAXED);
            regions_free_interp(region);
        } else {
            at = &region->next;
        }
    }
}

/* Makes the regions of a segment unreachable. With the lock. */
static void segment_retire(Accel *accel, Segment *segment)
{
    for (unsigned i = 0; i < segment->regions->len; i++) {
        regions_drop(accel, segment_region(accel, segment, i));
    }
    if (segment->regions->len) {
        __atomic_add_fetch(&accel->retire_count, 1, __ATOMIC_SEQ_CST);
        accel->stats.evictions++;
    }
    segment->retired = __atomic_add_fetch(&accel->epoch, 1, __ATOMIC_SEQ_CST);
}

Segment *regions_room(Accel *accel, size_t want)
{
    Segment *segment = &accel->segments[accel->segment];

    return (size_t)(segment->end - segment->at) >= want &&
                   segment->meta_end - segment->meta_at >= (ptrdiff_t)META_MIN
               ? segment
               : NULL;
}

/*
 * Goes on to the next segment. It was retired when the current one was begun, so that other vCPUs have
 * most probably long been outside; if one has not, it is kicked and waited for. The one after it is
 * retired now.
 */
void regions_make_room(Vcpu *vcpu)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    unsigned next;

    regions_lock(vcpu);
    next = (accel->segment + 1) % SEGMENTS;
    Segment *segment = &accel->segments[next];
    while (regions_oldest_epoch(accel, vcpu) < segment->retired) {
        regions_unlock(vcpu);
        for (unsigned i = 0; i < accel->machine->ncpus; i++) {
            if (accel->machine->cpus[i] != vcpu) {
                vcpu_kick(accel->machine->cpus[i]);
            }
        }
        g_usleep(50);
        regions_lock(vcpu);
        if (accel->segment != next && (accel->segment + 1) % SEGMENTS != next) {
            break;
        }
    }
    if ((accel->segment + 1) % SEGMENTS == next) { /* no other vCPU was faster */
        g_array_set_size(segment->regions, 0);
        segment->at = segment->start;
        segment->meta_at = segment->meta_start;
        accel->segment = next;
        segment_retire(accel, &accel->segments[(next + 1) % SEGMENTS]);
    }
    regions_unlock(vcpu);
}

void regions_drop_written(Accel *accel, uint64_t ram_page, unsigned first, unsigned last)
{
    bool again = true;

    while (again) {
        again = false;
        RegionSpan *span = accel->pages[ram_page];
        for (; span && !again; span = span->next) {
            if (span->first <= last && span->last >= first) {
                regions_drop(accel, regions_of_span(span)); /* changes the list */
                again = true;
            }
        }
    }
    if (!accel->pages[ram_page]) {
        tlb_unmark_code(accel->machine->tlb_system, ram_page);
    }
}

static bool covers(const Region *region, unsigned offset)
{
    for (unsigned i = 0; i < region->nspans; i++) {
        if (region->spans[i].first <= offset && region->spans[i].last >= offset) {
            return true;
        }
    }
    return false;
}

void regions_drop_at(Accel *accel, uint64_t addr)
{
    GPtrArray *found = g_ptr_array_new();
    unsigned offset = addr & ~TLB_PAGE_MASK;

    g_mutex_lock(&accel->lock);
    for (unsigned i = 0; i < ARRAY_SIZE(accel->hash); i++) {
        for (Region *r = accel->hash[i]; r; r = r->hash_next) {
            if (covers(r, offset)) {
                g_ptr_array_add(found, r);
            } else if (r->better && covers(r->better, offset)) {
                g_ptr_array_add(found, r->better);
            }
        }
    }
    for (unsigned i = 0; i < found->len; i++) {
        regions_drop(accel, found->pdata[i]);
    }
    g_mutex_unlock(&accel->lock);
    g_ptr_array_free(found, TRUE);
}

void regions_drop_all(Accel *accel)
{
    g_mutex_lock(&accel->lock);
    for (unsigned i = 0; i < ARRAY_SIZE(accel->hash); i++) {
        while (accel->hash[i]) {
            regions_drop(accel, accel->hash[i]);
        }
    }
    __atomic_add_fetch(&accel->retire_count, 1, __ATOMIC_SEQ_CST);
    g_mutex_unlock(&accel->lock);
}

void regions_enter(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    Accel *accel = av->accel;

    __atomic_store_n(&vcpu->epoch, __atomic_load_n(&accel->epoch, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
    uint64_t retired = __atomic_load_n(&accel->retire_count, __ATOMIC_SEQ_CST);
    if (retired != av->seen_retired) {
        av->seen_retired = retired;
        tlb_jump_clear_all(vcpu);
    }
    if (unlikely(__atomic_load_n(&accel->limbo, __ATOMIC_RELAXED) != NULL)) {
        regions_lock(vcpu);
        free_limbo(accel);
        regions_unlock(vcpu);
    }
}

void regions_leave(Vcpu *vcpu)
{
    __atomic_store_n(&vcpu->epoch, 0, __ATOMIC_SEQ_CST);
}

/* Purges jump-cache entries of regions dropped since the last call. */
void vcpu_sync_code(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    Accel *accel = av->accel;

    late_stores_check(vcpu);
    uint64_t now = __atomic_load_n(&accel->nkilled, __ATOMIC_ACQUIRE);

    if (now - av->seen_killed > KILL_LOG / 2) {
        tlb_jump_clear_all(vcpu);
    } else {
        for (uint64_t i = av->seen_killed; i != now; i++) {
            tlb_jump_clear_pc(vcpu,
                              __atomic_load_n(&accel->killed[i % KILL_LOG], __ATOMIC_RELAXED));
        }
        /* Those that were looked at may have been written over meanwhile. */
        if (__atomic_load_n(&accel->nkilled, __ATOMIC_ACQUIRE) - av->seen_killed > KILL_LOG) {
            tlb_jump_clear_all(vcpu);
        }
    }
    av->seen_killed = now;
}
