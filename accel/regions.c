/*
 * Translated regions: the hash, links, page tracking, and the reuse of code memory. See regions.h.
 */
#include "accel/regions.h"
#include "softmmu/cpus.h"
#include <immintrin.h>
#include <string.h>

static unsigned region_hash(uint64_t pc, uint64_t ram_page, uint32_t flags, uint32_t mode)
{
    uint64_t h = (pc >> 1) * 0x9e3779b97f4a7c15u ^ ram_page * 0xd6e8feb86659fd93u ^
                 ((uint64_t)flags << 32 | mode) * 0xc2b2ae3d27d4eb4fu;
    return h >> (64 - REGION_HASH_BITS);
}

void regions_init(Accel *accel)
{
    g_mutex_init(&accel->lock);
    accel->pages = g_hash_table_new(g_direct_hash, g_direct_equal);
    accel->epoch = 1;
}

static void region_free(Region *region)
{
    g_free(region->code.exits);
    g_free(region->code.sync_table);
    if (region->mode & MODE_INTERP) {
        g_free(region->entry);
    }
    g_free(region->spans);
    g_free(region);
}

static void free_list(Region *list)
{
    while (list) {
        Region *next = list->next;
        region_free(list);
        list = next;
    }
}

static void segment_free_regions(Segment *segment)
{
    for (unsigned i = 0; segment->regions && i < segment->regions->len; i++) {
        region_free(segment->regions->pdata[i]);
    }
}

void regions_commit(Segment *segment, Region *region)
{
    if (!segment->regions) {
        segment->regions = g_ptr_array_new();
    }
    g_ptr_array_add(segment->regions, region);
    segment->at += align_up(region->code.size, 16);
}

Region *regions_by_code(Accel *accel, uintptr_t host_pc)
{
    Region *found = NULL;

    g_mutex_lock(&accel->lock);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        const Segment *segment = &accel->segments[i];
        if (host_pc - (uintptr_t)segment->start >= (size_t)(segment->end - segment->start) ||
            !segment->regions) {
            continue;
        }
        unsigned low = 0,
                 high = segment->regions->len; /* the last region that starts at or before it */
        while (low < high) {
            unsigned mid = (low + high) / 2;
            Region *r = segment->regions->pdata[mid];
            if ((uintptr_t)r->entry <= host_pc) {
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
    /* Interpreter regions are only in the hash, host code's also in their segments. */
    for (unsigned i = 0; i < ARRAY_SIZE(accel->hash); i++) {
        while (accel->hash[i]) {
            Region *region = accel->hash[i];
            accel->hash[i] = region->hash_next;
            if (region->mode & MODE_INTERP) {
                region_free(region);
            }
        }
    }
    for (unsigned i = 0; i < SEGMENTS; i++) {
        segment_free_regions(&accel->segments[i]);
        if (accel->segments[i].regions) {
            g_ptr_array_free(accel->segments[i].regions, TRUE);
        }
    }
    free_list(accel->limbo);
    g_hash_table_destroy(accel->pages);
    g_mutex_clear(&accel->lock);
}

void regions_lock(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    g_mutex_lock(&av->accel->lock);
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

Region *regions_find(Accel *accel, uint64_t pc, uint64_t ram_page, uint32_t flags, uint32_t mode)
{
    Region *r =
        __atomic_load_n(&accel->hash[region_hash(pc, ram_page, flags, mode)], __ATOMIC_ACQUIRE);

    while (r && !(r->pc == pc && r->ram_page == ram_page && r->flags == flags && r->mode == mode)) {
        r = __atomic_load_n(&r->hash_next, __ATOMIC_ACQUIRE);
    }
    return r;
}

void regions_add_span(Region *region, uint64_t ram_page, unsigned first, unsigned last)
{
    region->spans = g_renew(RegionSpan, region->spans, region->nspans + 1);
    region->spans[region->nspans++] =
        (RegionSpan){.ram_page = ram_page, .first = first, .last = last, .region = region};
}

void regions_add(Accel *accel, Region *region)
{
    Region **head =
        &accel->hash[region_hash(region->pc, region->ram_page, region->flags, region->mode)];

    for (unsigned i = 0; i < region->nspans; i++) {
        RegionSpan *span = &region->spans[i];
        gpointer key = GSIZE_TO_POINTER(span->ram_page);
        span->next = g_hash_table_lookup(accel->pages, key);
        g_hash_table_insert(accel->pages, key, span);
    }
    if (region->tier < 2) {
        region->hash_next = *head;
        __atomic_store_n(head, region, __ATOMIC_RELEASE);
    }
    accel->stats.regions++;
}

static void link_exit(TcgExit *exit, Region *target)
{
    exit->target = target;
    exit->next = target->incoming;
    exit->at = &target->incoming;
    if (exit->next) {
        exit->next->at = &exit->next;
    }
    target->incoming = exit;
}

static void unlink_exit(TcgExit *exit)
{
    *exit->at = exit->next;
    if (exit->next) {
        exit->next->at = exit->at;
    }
    exit->target = NULL;
    exit->next = NULL;
}

static void cut_links(Accel *accel, Region *region)
{
    for (unsigned i = 0; i < region->code.nexits; i++) {
        if (region->code.exits[i].target) {
            unlink_exit(&region->code.exits[i]);
        }
    }
    while (region->incoming) {
        TcgExit *exit = region->incoming;
        tcg_unlink(accel->tcg, exit);
        unlink_exit(exit);
    }
}

static void forget_spans(Accel *accel, Region *region)
{
    for (unsigned i = 0; i < region->nspans; i++) {
        RegionSpan *span = &region->spans[i];
        gpointer key = GSIZE_TO_POINTER(span->ram_page);
        RegionSpan *first = g_hash_table_lookup(accel->pages, key);

        if (first == span) {
            if (span->next) {
                g_hash_table_insert(accel->pages, key, span->next);
            } else {
                g_hash_table_remove(accel->pages, key);
            }
            continue;
        }
        while (first->next != span) {
            first = first->next;
        }
        first->next = span->next;
    }
}

void regions_drop(Accel *accel, Region *region)
{
    if (region->dead) {
        return;
    }
    Region **at =
        &accel->hash[region_hash(region->pc, region->ram_page, region->flags, region->mode)];
    Region *better = region->better;

    region->dead = true;
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
    accel->killed[n % KILL_LOG] = region->pc;
    __atomic_store_n(&accel->nkilled, n + 1, __ATOMIC_RELEASE);
    accel->stats.kills++;
    if (region->mode & MODE_INTERP) {
        region->epoch = __atomic_add_fetch(&accel->epoch, 1, __ATOMIC_SEQ_CST);
        region->next = accel->limbo;
        accel->limbo = region;
    }
    if (better) {
        regions_drop(accel, better);
    }
}

void regions_supersede(Accel *accel, Region *region, Region *better)
{
    __atomic_store_n(&region->better, better, __ATOMIC_RELEASE);
    while (region->incoming) { /* they link again when they are next taken */
        TcgExit *exit = region->incoming;
        tcg_unlink(accel->tcg, exit);
        unlink_exit(exit);
    }
}

void regions_link(Accel *accel, TcgExit *exit, Region *target)
{
    Region *source = exit->region;
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
    link_exit(exit, best);
    tcg_link(accel->tcg, exit, best->entry, target->exec_id);
}

/* The epoch that every vCPU has passed: what was dropped before it can be freed. */
static uint64_t oldest_epoch(Accel *accel, const Vcpu *except)
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
    uint64_t oldest = oldest_epoch(accel, NULL);
    Region **at = &accel->limbo;

    while (*at) {
        Region *region = *at;
        if (region->epoch <= oldest) {
            *at = region->next;
            region_free(region);
        } else {
            at = &region->next;
        }
    }
}

/* Makes the regions of a segment unreachable. With the lock. */
static void segment_retire(Accel *accel, Segment *segment)
{
    for (unsigned i = 0; segment->regions && i < segment->regions->len; i++) {
        regions_drop(accel, segment->regions->pdata[i]);
    }
    if (segment->regions && segment->regions->len) {
        __atomic_add_fetch(&accel->retire_count, 1, __ATOMIC_SEQ_CST);
        accel->stats.evictions++;
    }
    segment->retired = __atomic_add_fetch(&accel->epoch, 1, __ATOMIC_SEQ_CST);
}

Segment *regions_room(Accel *accel, size_t want)
{
    Segment *segment = &accel->segments[accel->segment];

    return (size_t)(segment->end - segment->at) >= want ? segment : NULL;
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
    while (oldest_epoch(accel, vcpu) < segment->retired) {
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
        const Segment *full = &accel->segments[accel->segment];
        tcg_code_settled(accel->tcg, full->start, full->end - full->start);
        segment_free_regions(segment);
        if (segment->regions) {
            g_ptr_array_set_size(segment->regions, 0);
        }
        segment->at = segment->start;
        accel->segment = next;
        segment_retire(accel, &accel->segments[(next + 1) % SEGMENTS]);
    }
    regions_unlock(vcpu);
}

static void collect_spans_at(gpointer key, gpointer first, gpointer data)
{
    struct {
        unsigned offset;
        GPtrArray *found;
    } *at = data;

    for (const RegionSpan *span = first; span; span = span->next) {
        if (span->first <= at->offset && span->last >= at->offset) {
            g_ptr_array_add(at->found, span->region);
        }
    }
}

void regions_drop_at(Accel *accel, uint64_t addr)
{
    struct {
        unsigned offset;
        GPtrArray *found;
    } at = {addr & ~TLB_PAGE_MASK, g_ptr_array_new()};

    g_mutex_lock(&accel->lock);
    g_hash_table_foreach(accel->pages, collect_spans_at, &at);
    for (unsigned i = 0; i < at.found->len; i++) {
        regions_drop(accel, at.found->pdata[i]);
    }
    g_mutex_unlock(&accel->lock);
    g_ptr_array_free(at.found, TRUE);
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
    if (unlikely(accel->limbo != NULL)) {
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
    uint64_t now = __atomic_load_n(&accel->nkilled, __ATOMIC_ACQUIRE);

    if (now - av->seen_killed > KILL_LOG / 2) {
        tlb_jump_clear_all(vcpu);
    } else {
        for (uint64_t i = av->seen_killed; i != now; i++) {
            tlb_jump_clear_pc(vcpu, accel->killed[i % KILL_LOG]);
        }
    }
    av->seen_killed = now;
}
