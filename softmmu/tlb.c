/*
 * The software TLB: walking and filling. See tlb.h.
 */
#include "softmmu/tlb-internal.h"
#include "softmmu/cpus.h"
#include "softmmu/base/log.h"
#include "softmmu/debug.h"
#include "softmmu/lock.h"
#include "softmmu/memory.h"
#include "softmmu/profile.h"
#include <string.h>
#include <sys/mman.h>

static void *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void tlb_fault(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault)
{
    vcpu_sync(vcpu);
    vcpu->arch->deliver_fault(vcpu, addr, access, fault);
    vcpu_unwind(vcpu, VCPU_EXIT_EXCEPTION);
}

/* The large page that covers @addr and allows @access, as a mapping. */
static bool large_find(TlbContext *c, uint64_t addr, MmuAccess access, MmuMapping *m)
{
    for (unsigned i = 0; i < TLB_LARGE; i++) {
        const TlbLarge *l = &c->large[i];
        if (addr - l->base < l->size) {
            bool ok = access == MMU_READ    ? l->readable
                      : access == MMU_WRITE ? l->writable
                                            : l->executable;
            if (!ok) {
                return false;
            }
            *m = (MmuMapping){.gpa = l->gpa + (addr - l->base),
                              .page_size = l->size,
                              .readable = l->readable,
                              .writable = l->writable,
                              .executable = l->executable,
                              .global = l->global,
                              .cacheable = true};
            return true;
        }
    }
    return false;
}

static void large_remember(TlbContext *c, uint64_t addr, const MmuMapping *m)
{
    uint64_t base = align_down(addr, m->page_size);
    TlbLarge *slot = NULL;

    for (unsigned i = 0; i < TLB_LARGE; i++) {
        if (c->large[i].size && c->large[i].base == base) {
            slot = &c->large[i];
        }
    }
    if (!slot) {
        slot = &c->large[c->next_large++ % TLB_LARGE];
        if (slot->size) {
            c->lost_from = MIN(c->lost_from, slot->base);
            c->lost_to = MAX(c->lost_to, slot->base + slot->size);
        }
    }
    *slot = (TlbLarge){.base = base,
                       .size = m->page_size,
                       .gpa = m->gpa - (addr - base),
                       .readable = m->readable,
                       .writable = m->writable,
                       .executable = m->executable,
                       .global = m->global};
}

/* As tlb_walk(), but returns the fault. */
static MmuFault try_walk(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *m)
{
    TlbContext *c = vcpu->tlb;

    if (large_find(c, addr, access, m)) {
        vcpu->tlbs->stats.large_hits++;
        return MMU_OK;
    }
    vcpu->tlbs->stats.walks++;
    MmuFault fault = vcpu->arch->walk(vcpu, addr, size, access, m);
    if (fault == MMU_OK && m->cacheable && m->page_size > TLB_PAGE_SIZE && c == vcpu->tlb) {
        g_mutex_lock(&vcpu->tlbs->lock);
        large_remember(c, addr, m);
        g_mutex_unlock(&vcpu->tlbs->lock);
    }
    return fault;
}

void tlb_walk(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *m)
{
    MmuFault fault = try_walk(vcpu, addr, size, access, m);

    if (fault != MMU_OK) {
        tlb_fault(vcpu, addr, access, fault);
    }
}

/* Moves the entry out to the victims before it is overwritten by another page. */
static void victim_save(TlbContext *c, const TlbEntry *e, unsigned index, uint64_t page)
{
    uint64_t no = tlb_no_tag(index);
    uint64_t old = e->read_tag != no ? e->read_tag : e->write_tag;

    if (old != no && old != page) {
        unsigned v = c->next_victim++ % TLB_VICTIMS;
        c->victims[v] = *e;
        c->victim_page[v] = old;
    }
}

static bool victim_restore(Vcpu *vcpu, TlbContext *c, TlbEntry *e, unsigned index, uint64_t page,
                           MmuAccess access)
{
    for (unsigned v = 0; v < TLB_VICTIMS; v++) {
        if (c->victim_page[v] != page) {
            continue;
        }
        TlbEntry found = c->victims[v];
        if ((access == MMU_READ ? found.read_tag : found.write_tag) != page) {
            return false;
        }
        g_mutex_lock(&vcpu->tlbs->lock);
        found = c->victims[v]; /* its write tag may have been revoked meanwhile */
        found.exec_id = e->exec_id;
        c->victim_page[v] = ~UINT64_C(0);
        victim_save(c, e, index, page);
        *e = found;
        tlb_bit_set(c->global, index, false); /* or perhaps it was */
        g_mutex_unlock(&vcpu->tlbs->lock);
        vcpu->tlbs->stats.victim_hits++;
        return (access == MMU_READ ? e->read_tag : e->write_tag) == page;
    }
    return false;
}

/* An entry that has been written to at @me from now on may be. */
void tlb_note_writer(TlbSystem *system, uint32_t ram_page, uint32_t me)
{
    uint32_t *writer = &system->writers[ram_page], old = WRITER_NONE;

    if (__atomic_compare_exchange_n(writer, &old, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return;
    }
    while (old != me && old != WRITER_MANY) {
        /* The same place in other contexts of this vCPU: the usual case, memory of the guest's kernel. */
        uint32_t now =
            writer_anywhere(old) == writer_anywhere(me) ? writer_anywhere(me) : WRITER_MANY;
        if (old == now || __atomic_compare_exchange_n(writer, &old, now, false, __ATOMIC_SEQ_CST,
                                                      __ATOMIC_SEQ_CST)) {
            return;
        }
    }
}

static void note_fresh(Vcpu *vcpu, uint8_t *flags, uint64_t ram_page)
{
    VcpuTlb *tlbs = vcpu->tlbs;

    if (tlbs->nfresh < TLB_FRESH &&
        !(__atomic_fetch_or(flags, PAGE_SEEN, __ATOMIC_SEQ_CST) & PAGE_SEEN)) {
        tlbs->fresh[tlbs->nfresh++] = ram_page;
        if (tlb_fresh_full(vcpu)) {
            vcpu_kick_self(vcpu);
        }
    }
}

static void give_back_alone(void *opaque)
{
    Vcpu *vcpu = opaque;
    VcpuTlb *tlbs = vcpu->tlbs;
    Machine *machine = vcpu->machine;

    /* Who has the lock may wait for the end of the exclusive section: then these pages stay. */
    if (lock_try(&machine->lock)) {
        tlbs->stats.given_back +=
            memory_give_back_zeros(machine->memory, tlbs->fresh, tlbs->nfresh);
        lock_release(&machine->lock);
    }
    tlbs->nfresh = 0;
}

void tlb_give_back_zeros(Vcpu *vcpu)
{
    vcpus_run_exclusive(vcpu->machine, give_back_alone, vcpu);
}

/* Enters a page of RAM. Returns whether writes to it are tracked. */
static bool tlb_fill(Vcpu *vcpu, uint64_t page, const MmuMapping *m, const MemoryHit *hit)
{
    TlbSystem *system = vcpu->machine->tlb_system;
    TlbContext *c = vcpu->tlb;
    unsigned index = tlb_index(page);
    TlbEntry *e = &c->entries[index];
    uint8_t *flags = &system->page_flags[hit->ram_page];
    bool tracked = false;

    g_mutex_lock(&vcpu->tlbs->lock);
    victim_save(c, e, index, page);
    e->read_tag = m->readable ? page : tlb_no_tag(index);
    uint64_t write_tag = tlb_no_tag(index);
    if (!hit->readonly) {
        /* Announce before looking, as tlb_mark_code() does the other way round. */
        if (m->writable) {
            tlb_note_writer(system, hit->ram_page, writer_of(vcpu->index, c->slot, index));
        }
        uint8_t now = __atomic_load_n(flags, __ATOMIC_SEQ_CST);
        tracked = now & PAGE_HAS_CODE;
        if (m->writable && !tracked) {
            write_tag = page;
        }
        if (m->writable && !(now & PAGE_SEEN)) {
            note_fresh(vcpu, flags, hit->ram_page);
        }
    }
    e->write_tag = write_tag;
    e->addend = (uint64_t)(uintptr_t)hit->host - page;
    e->ram_page = hit->ram_page;
    tlb_bit_set(c->used, index, true);
    tlb_bit_set(c->global, index, m->global);
    g_mutex_unlock(&vcpu->tlbs->lock);
    vcpu->tlbs->stats.fills++;
    return tracked;
}

/* What neither the table nor the victims have. */
static MmuFault resolve_miss(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access,
                             TlbTarget *target)
{
    uint64_t page = addr & TLB_PAGE_MASK, in_page = addr & ~TLB_PAGE_MASK;
    MmuMapping m;
    MemoryHit hit;

    MmuFault fault = try_walk(vcpu, addr, size, access, &m);
    if (fault != MMU_OK) {
        return fault;
    }
    *target = (TlbTarget){.gpa = m.gpa};
    if (!memory_map_find(vcpu->machine->memory, m.gpa, &hit) || !hit.host) {
        return MMU_OK;
    }
    target->host = hit.host;
    target->avail = hit.avail;
    target->ram_page = hit.ram_page;
    target->to_ops = hit.readonly;
    if (m.cacheable && hit.avail >= TLB_PAGE_SIZE - in_page &&
        memory_map_find(vcpu->machine->memory, m.gpa & TLB_PAGE_MASK, &hit) && hit.host &&
        hit.avail >= TLB_PAGE_SIZE && hit.host + in_page == target->host &&
        likely(!debug_page_watched(vcpu->machine, addr))) {
        target->tracked = tlb_fill(vcpu, page, &m, &hit);
    } else {
        if (access == MMU_WRITE) {
            tlb_note_writer(vcpu->machine->tlb_system, hit.ram_page, WRITER_MANY);
        }
        target->tracked = __atomic_load_n(&vcpu->machine->tlb_system->page_flags[hit.ram_page],
                                          __ATOMIC_SEQ_CST) &
                          PAGE_HAS_CODE;
    }
    return MMU_OK;
}

MmuFault tlb_try_resolve(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access,
                         TlbTarget *target)
{
    uint64_t page = addr & TLB_PAGE_MASK, in_page = addr & ~TLB_PAGE_MASK;
    TlbContext *c = vcpu->tlb;
    unsigned index = tlb_index(addr);
    TlbEntry *e = &c->entries[index];
    uint64_t tag = access == MMU_READ
                       ? e->read_tag
                       : __atomic_load_n(&e->write_tag, __ATOMIC_RELAXED); /* see revoke_entry() */

    if (tag == page || victim_restore(vcpu, c, e, index, page, access)) {
        *target = (TlbTarget){.host = (uint8_t *)(uintptr_t)(e->addend + addr),
                              .ram_page = e->ram_page,
                              .avail = TLB_PAGE_SIZE - in_page};
        return MMU_OK;
    }
    uint64_t begin = profile_begin();
    MmuFault fault = resolve_miss(vcpu, addr, size, access, target);
    profile_end(&vcpu->times.fill, begin);
    return fault;
}

void tlb_resolve(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, TlbTarget *target)
{
    MmuFault fault = tlb_try_resolve(vcpu, addr, size, access, target);

    if (fault != MMU_OK) {
        tlb_fault(vcpu, addr, access, fault);
    }
}

static void flush_all_on_vcpu(Vcpu *vcpu)
{
    vcpu_tlb_flush(vcpu, ~UINT64_C(0), NULL, 0, false);
}

/* The memory map changed: called with the machine lock held, by a vCPU's device access (its own TLB is
 * flushed at once) or the main thread; other vCPUs flush when they see their kick. */
static void map_changed(void *opaque)
{
    TlbSystem *system = opaque;
    Machine *machine = system->machine;

    for (unsigned i = 0; i < machine->ncpus; i++) {
        __atomic_store_n(&machine->cpus[i]->tlb_stale, true, __ATOMIC_SEQ_CST);
        vcpu_kick(machine->cpus[i]);
    }
}

void tlb_flush_if_stale(Vcpu *vcpu)
{
    if (__atomic_exchange_n(&vcpu->tlb_stale, false, __ATOMIC_SEQ_CST)) {
        flush_all_on_vcpu(vcpu);
    }
}

TlbSystem *tlb_system_new(Machine *machine)
{
    TlbSystem *system = g_new0(TlbSystem, 1);

    system->machine = machine;
    system->page_flags = reserve(MEMORY_MAX_PAGES);
    system->writers = reserve(MEMORY_MAX_PAGES * sizeof(uint32_t));
    system->pairs = reserve(EXEC_MAX * sizeof(ExecPair));
    g_mutex_init(&system->exec_lock);
    system->npairs = 1;
    machine->tlb_system = system;
    memory_map_add_listener(machine->memory, map_changed, system);
    return system;
}

void tlb_system_free(TlbSystem *system)
{
    munmap(system->page_flags, MEMORY_MAX_PAGES);
    munmap(system->writers, MEMORY_MAX_PAGES * sizeof(uint32_t));
    munmap(system->pairs, EXEC_MAX * sizeof(ExecPair));
    g_mutex_clear(&system->exec_lock);
    g_free(system);
}

void tlb_vcpu_init(TlbSystem *system, Vcpu *vcpu)
{
    (void)system;
    vcpu->tlbs = g_new0(VcpuTlb, 1);
    g_mutex_init(&vcpu->tlbs->lock);
    vcpu_mmu_changed(vcpu);
}

void tlb_vcpu_free(Vcpu *vcpu)
{
    if (!vcpu->tlbs) {
        return;
    }
    for (unsigned i = 0; i < TLB_CONTEXTS; i++) {
        g_aligned_free(vcpu->tlbs->contexts[i]);
    }
    g_mutex_clear(&vcpu->tlbs->lock);
    g_free(vcpu->tlbs);
    vcpu->tlbs = NULL;
    vcpu->tlb = NULL;
}
