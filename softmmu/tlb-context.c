/*
 * The software TLB: contexts, flushing. See tlb.h.
 *
 * A context is emptied in proportion to what is in it: bits say which entries are in use. A new one, of an
 * address space that has just been made or forgotten, does not begin empty: the guest's kernel is mapped
 * alike in all of them, which it says by the G bit of its mappings, and an entry, an execution id or a
 * jump that comes from such a mapping holds in all contexts of the same rights.
 */
#include "softmmu/tlb-internal.h"
#include <string.h>

static void entry_drop(TlbEntry *e, unsigned index)
{
    e->read_tag = e->write_tag = tlb_no_tag(index);
}

static void entry_clear(TlbContext *c, unsigned index)
{
    TlbEntry *e = &c->entries[index];

    entry_drop(e, index);
    e->addend = 0;
    e->exec_id = 0;
    e->ram_page = 0;
}

static void clear_victims(TlbContext *c)
{
    for (unsigned i = 0; i < TLB_VICTIMS; i++) {
        c->victim_page[i] = ~UINT64_C(0);
    }
}

static void clear_jumps(TlbContext *c)
{
    for (unsigned w = 0; w < ARRAY_SIZE(c->jump_used); w++) {
        for (uint64_t bits = c->jump_used[w]; bits; bits &= bits - 1) {
            c->jumps[64 * w + __builtin_ctzll(bits)].pc = ~UINT64_C(0);
        }
    }
    memset(c->jump_used, 0, sizeof(c->jump_used));
    memset(c->jump_pages, 0, sizeof(c->jump_pages));
}

static void context_clear(TlbContext *c)
{
    for (unsigned w = 0; w < ARRAY_SIZE(c->used); w++) {
        for (uint64_t bits = c->used[w]; bits; bits &= bits - 1) {
            entry_clear(c, 64 * w + __builtin_ctzll(bits));
        }
    }
    for (unsigned w = 0; w < ARRAY_SIZE(c->used); w++) {
        __atomic_store_n(&c->used[w], 0, __ATOMIC_RELAXED);
    }
    memset(c->global, 0, sizeof(c->global));
    memset(c->exec_global, 0, sizeof(c->exec_global));
    clear_victims(c);
    memset(c->large, 0, sizeof(c->large));
    c->lost_from = ~UINT64_C(0);
    c->lost_to = 0;
    clear_jumps(c);
}

static TlbContext *context_new(unsigned slot)
{
    TlbContext *c = g_aligned_alloc0(1, sizeof(TlbContext), 64);

    c->slot = slot;
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        entry_drop(&c->entries[i], i);
    }
    for (unsigned i = 0; i < JUMP_ENTRIES; i++) {
        c->jumps[i].pc = ~UINT64_C(0);
    }
    context_clear(c);
    return c;
}

/* ---- Global mappings. ---- */

/* Takes over what is global at @index of @from. With the lock. */
static void copy_entry(Vcpu *vcpu, TlbContext *c, const TlbContext *from, unsigned index)
{
    TlbSystem *system = vcpu->machine->tlb_system;
    const TlbEntry *e = &from->entries[index];
    TlbEntry *to = &c->entries[index];

    tlb_bit_set(c->used, index, true);
    if (tlb_bit(from->exec_global, index)) {
        to->exec_id = e->exec_id;
        tlb_bit_set(c->exec_global, index, true);
    }
    if (!tlb_bit(from->global, index)) {
        return;
    }
    tlb_bit_set(c->global, index, true);
    to->read_tag = e->read_tag;
    to->addend = e->addend;
    to->ram_page = e->ram_page;
    if (e->write_tag != tlb_no_tag(index)) {
        /* Announce before looking, as in filling. */
        tlb_note_writer(system, e->ram_page, writer_of(vcpu->index, c->slot, index));
        if (!(__atomic_load_n(&system->page_flags[e->ram_page], __ATOMIC_SEQ_CST) &
              PAGE_HAS_CODE)) {
            to->write_tag = e->write_tag;
        }
    }
}

static void copy_jumps(TlbContext *c, const TlbContext *from)
{
    for (unsigned w = 0; w < ARRAY_SIZE(from->jump_used); w++) {
        for (uint64_t bits = from->jump_used[w]; bits; bits &= bits - 1) {
            const JumpEntry *j = &from->jumps[64 * w + __builtin_ctzll(bits)];
            if (j->global && j->pc != ~UINT64_C(0)) {
                tlb_jump_set(c, j->pc, j->flags, j->code, true);
            }
        }
    }
}

/* What is global in @from to @c, which is empty. With the lock. */
static void copy_globals(Vcpu *vcpu, TlbContext *c, const TlbContext *from)
{
    for (unsigned w = 0; w < ARRAY_SIZE(from->global); w++) {
        uint64_t bits = from->global[w] | from->exec_global[w];
        for (; bits; bits &= bits - 1) {
            copy_entry(vcpu, c, from, 64 * w + __builtin_ctzll(bits));
        }
    }
    for (unsigned i = 0; i < TLB_LARGE; i++) {
        if (from->large[i].size && from->large[i].global) {
            c->large[i] = from->large[i];
        }
    }
    c->next_large = from->next_large;
    c->lost_from = from->lost_from;
    c->lost_to = from->lost_to;
    copy_jumps(c, from);
}

/* Empties @c of all that is not global. */
static void keep_globals(TlbContext *c)
{
    for (unsigned w = 0; w < ARRAY_SIZE(c->used); w++) {
        uint64_t bits = c->used[w] & ~(c->global[w] & c->exec_global[w]);
        for (; bits; bits &= bits - 1) {
            unsigned index = 64 * w + __builtin_ctzll(bits);
            if (!tlb_bit(c->global, index)) {
                entry_drop(&c->entries[index], index);
            }
            if (!tlb_bit(c->exec_global, index)) {
                c->entries[index].exec_id = 0;
            }
        }
    }
    clear_victims(c);
    for (unsigned i = 0; i < TLB_LARGE; i++) {
        if (!c->large[i].global) {
            c->large[i].size = 0;
        }
    }
    for (unsigned w = 0; w < ARRAY_SIZE(c->jump_used); w++) {
        for (uint64_t bits = c->jump_used[w]; bits; bits &= bits - 1) {
            JumpEntry *j = &c->jumps[64 * w + __builtin_ctzll(bits)];
            if (!j->global) {
                j->pc = ~UINT64_C(0);
            }
        }
    }
}

/* The context used last whose global mappings hold for @key, or NULL. */
static TlbContext *find_donor(const Vcpu *vcpu, const uint64_t key[2])
{
    const VcpuTlb *tlbs = vcpu->tlbs;
    TlbContext *best = NULL;

    for (unsigned i = 0; vcpu->arch->mmu_shares_globals && i < TLB_CONTEXTS; i++) {
        TlbContext *c = tlbs->contexts[i];
        if (c && c->last_use && (!best || c->last_use > best->last_use) &&
            vcpu->arch->mmu_shares_globals(c->key, key)) {
            best = c;
        }
    }
    return best;
}

/* ---- Selecting. ---- */

/* The slot for @key in its set: its own context's, a free one, or the least recently used one's. */
static unsigned find_slot(const VcpuTlb *tlbs, const uint64_t key[2])
{
    uint64_t hash = (key[0] ^ key[1] * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
    unsigned set = (hash >> 58) % (TLB_CONTEXTS / TLB_WAYS) * TLB_WAYS, slot = set;

    for (unsigned i = set; i < set + TLB_WAYS; i++) {
        const TlbContext *c = tlbs->contexts[i];
        if (!c || (c->key[0] == key[0] && c->key[1] == key[1])) {
            return i;
        }
        if (c->last_use < tlbs->contexts[slot]->last_use) {
            slot = i;
        }
    }
    return slot;
}

static TlbContext *context_find(Vcpu *vcpu, const uint64_t key[2])
{
    VcpuTlb *tlbs = vcpu->tlbs;
    unsigned slot = find_slot(tlbs, key);
    TlbContext *c = tlbs->contexts[slot];

    if (!c || c->key[0] != key[0] || c->key[1] != key[1]) {
        TlbContext *donor = find_donor(vcpu, key);
        tlbs->stats.context_misses++;
        g_mutex_lock(&tlbs->lock);
        if (!c) {
            c = tlbs->contexts[slot] = context_new(slot);
        }
        if (c == donor) {
            keep_globals(c);
        } else {
            context_clear(c);
            if (donor) {
                copy_globals(vcpu, c, donor);
            }
        }
        g_mutex_unlock(&tlbs->lock);
        c->key[0] = key[0];
        c->key[1] = key[1];
    }
    __atomic_store_n(&c->last_use, ++tlbs->clock, __ATOMIC_RELAXED);
    return c;
}

void vcpu_mmu_changed(Vcpu *vcpu)
{
    uint64_t key[2];

    vcpu->arch->mmu_key(vcpu, key);
    TlbContext *now = vcpu->tlb;
    if (now && now->key[0] == key[0] && now->key[1] == key[1]) {
        return;
    }
    vcpu->tlb = context_find(vcpu, key);
}

/* ---- Flushing. ---- */

/* Drops all entries cut from the part of the address space [base, base + size). */
static void context_flush_range(TlbContext *c, uint64_t base, uint64_t size)
{
    for (unsigned w = 0; w < ARRAY_SIZE(c->used); w++) {
        for (uint64_t bits = c->used[w]; bits; bits &= bits - 1) {
            unsigned index = 64 * w + __builtin_ctzll(bits);
            TlbEntry *e = &c->entries[index];
            if (e->read_tag - base < size || e->write_tag - base < size) {
                entry_drop(e, index);
            }
            e->exec_id = 0;
        }
    }
    for (unsigned i = 0; i < TLB_VICTIMS; i++) {
        if (c->victim_page[i] - base < size) {
            c->victim_page[i] = ~UINT64_C(0);
        }
    }
    clear_jumps(c);
}

/* Jump entries of all pages with the index bits of @page. */
static void context_flush_jumps(TlbContext *c, uint64_t page)
{
    unsigned index = tlb_index(page);

    if (!tlb_bit(c->jump_pages, index)) {
        return;
    }
    for (unsigned w = 0; w < ARRAY_SIZE(c->jump_used); w++) {
        for (uint64_t bits = c->jump_used[w]; bits; bits &= bits - 1) {
            JumpEntry *j = &c->jumps[64 * w + __builtin_ctzll(bits)];
            if (tlb_index(j->pc) == index) {
                j->pc = ~UINT64_C(0);
            }
        }
    }
    tlb_bit_set(c->jump_pages, index, false);
}

static void context_flush_page(TlbContext *c, uint64_t page)
{
    if (page >= c->lost_from && page < c->lost_to) {
        context_clear(c);
        return;
    }
    for (unsigned i = 0; i < TLB_LARGE; i++) {
        TlbLarge *l = &c->large[i];
        if (l->size && page - l->base < l->size) {
            context_flush_range(c, l->base, l->size);
            l->size = 0;
        }
    }
    unsigned index = tlb_index(page);
    TlbEntry *e = &c->entries[index];
    if (e->read_tag == page || e->write_tag == page) {
        entry_drop(e, index);
    }
    e->exec_id = 0;
    for (unsigned i = 0; i < TLB_VICTIMS; i++) {
        if (c->victim_page[i] == page) {
            c->victim_page[i] = ~UINT64_C(0);
        }
    }
    context_flush_jumps(c, page);
}

static void context_flush_all(Vcpu *vcpu, TlbContext *c, bool keep_global)
{
    if (c != vcpu->tlb) {
        /* Emptied when it is next selected. */
        c->key[0] = c->key[1] = ~UINT64_C(0);
        __atomic_store_n(&c->last_use, 0, __ATOMIC_RELAXED);
    } else if (keep_global) {
        keep_globals(c);
    } else {
        context_clear(c);
    }
}

void vcpu_tlb_flush(Vcpu *vcpu, uint64_t addr, bool (*match)(const uint64_t key[2], uint64_t arg),
                    uint64_t arg, bool keep_global)
{
    VcpuTlb *tlbs = vcpu->tlbs;

    g_mutex_lock(&tlbs->lock);
    for (unsigned i = 0; i < TLB_CONTEXTS; i++) {
        TlbContext *c = tlbs->contexts[i];
        if (!c || !c->last_use || (match && !match(c->key, arg))) {
            continue;
        }
        if (addr == ~UINT64_C(0)) {
            tlbs->stats.flushes++;
            context_flush_all(vcpu, c, keep_global);
        } else {
            tlbs->stats.page_flushes++;
            context_flush_page(c, addr & TLB_PAGE_MASK);
        }
    }
    g_mutex_unlock(&tlbs->lock);
}
