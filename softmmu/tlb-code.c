/*
 * The software TLB: where code is fetched from, execution ids, jump caches, and tracking of stores to
 * code. See tlb.h.
 */
#include "softmmu/cpus.h"
#include "softmmu/tlb-internal.h"
#include <string.h>

void tlb_set_code_hooks(TlbSystem *system, const TlbCodeHooks *hooks, void *opaque)
{
    system->code_hooks = hooks;
    system->code_opaque = opaque;
}

void tlb_code_written(TlbSystem *system, uint64_t ram_page, unsigned first, unsigned len)
{
    /* The bytes first, then the look at the mark; who marks a page reads it afterwards. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((__atomic_load_n(&system->page_flags[ram_page], __ATOMIC_SEQ_CST) & PAGE_HAS_CODE) &&
        system->code_hooks) {
        system->code_hooks->written(system->code_opaque, ram_page, first, len);
    }
}

void tlb_unmark_code(TlbSystem *system, uint64_t ram_page)
{
    __atomic_fetch_and(&system->page_flags[ram_page], ~PAGE_HAS_CODE, __ATOMIC_SEQ_CST);
}

/* Makes stores to @ram_page through entry @index of a context, or a victim, take the slow path. With the
 * TLB lock of its vCPU. */
static void revoke_entry(TlbContext *c, unsigned index, uint64_t ram_page)
{
    if (c->entries[index].ram_page == ram_page) {
        __atomic_store_n(&c->entries[index].write_tag, tlb_no_tag(index), __ATOMIC_SEQ_CST);
    }
}

static void revoke_victims(TlbContext *c, uint64_t ram_page)
{
    for (unsigned i = 0; i < TLB_VICTIMS; i++) {
        if (c->victim_page[i] != ~UINT64_C(0) && c->victims[i].ram_page == ram_page) {
            c->victims[i].write_tag = tlb_no_tag(tlb_index(c->victim_page[i]));
        }
    }
}

static void revoke_all(Vcpu *vcpu, uint64_t ram_page)
{
    VcpuTlb *tlbs = vcpu->tlbs;

    g_mutex_lock(&tlbs->lock);
    for (unsigned n = 0; n < TLB_CONTEXTS; n++) {
        TlbContext *c = tlbs->contexts[n];
        if (!c || !__atomic_load_n(&c->last_use, __ATOMIC_RELAXED)) {
            continue;
        }
        for (unsigned w = 0; w < ARRAY_SIZE(c->used); w++) {
            uint64_t bits = __atomic_load_n(&c->used[w], __ATOMIC_RELAXED);
            for (; bits; bits &= bits - 1) {
                revoke_entry(c, 64 * w + __builtin_ctzll(bits), ram_page);
            }
        }
        revoke_victims(c, ram_page);
    }
    g_mutex_unlock(&tlbs->lock);
}

/* The place that @writer names, in one context or in all. Returns whose it is. */
static Vcpu *revoke_one(TlbSystem *system, uint32_t writer, uint64_t ram_page)
{
    Vcpu *vcpu = system->machine->cpus[writer_vcpu(writer)];
    VcpuTlb *tlbs = vcpu->tlbs;
    unsigned first = writer_slot(writer), last = first;

    if (writer & WRITER_CONTEXTS) {
        first = 0;
        last = TLB_CONTEXTS - 1;
    }
    g_mutex_lock(&tlbs->lock);
    for (unsigned slot = first; slot <= last; slot++) {
        TlbContext *c = tlbs->contexts[slot];
        if (c) {
            revoke_entry(c, writer_index(writer), ram_page);
            revoke_victims(c, ram_page);
        }
    }
    g_mutex_unlock(&tlbs->lock);
    return vcpu;
}

/* A loop that stores to the page may have looked at the entry in an iteration before (tcg/stream.c): it polls. @by
 * is outside of such loops, because it translates. Returns whether @vcpu may still store without another look. */
static bool stop_streams(Vcpu *vcpu, const Vcpu *by)
{
    if (vcpu == by || !__atomic_load_n(&vcpu->epoch, __ATOMIC_SEQ_CST)) {
        return false;
    }
    vcpu_kick(vcpu);
    return true;
}

void tlb_mark_code(const Vcpu *by, uint64_t ram_page, const uint8_t *host)
{
    TlbSystem *system = by->machine->tlb_system;
    uint8_t *flags = &system->page_flags[ram_page];

    if (__atomic_load_n(flags, __ATOMIC_RELAXED) & PAGE_HAS_CODE) {
        return;
    }
    __atomic_fetch_or(flags, PAGE_HAS_CODE, __ATOMIC_SEQ_CST);
    uint32_t writer =
        __atomic_exchange_n(&system->writers[ram_page], WRITER_NONE, __ATOMIC_SEQ_CST);
    bool contested = false;
    if (writer != WRITER_NONE && writer != WRITER_MANY) {
        contested = stop_streams(revoke_one(system, writer, ram_page), by);
    }
    for (unsigned i = 0; writer == WRITER_MANY && i < system->machine->ncpus; i++) {
        if (system->machine->cpus[i]->tlbs) {
            revoke_all(system->machine->cpus[i], ram_page);
            contested |= stop_streams(system->machine->cpus[i], by);
        }
    }
    if (contested && system->code_hooks) {
        system->code_hooks->contested(system->code_opaque, by, ram_page, host);
    }
}

/* The id of a pair of pages; ids are never reused while the machine lives. When they run out, 0: such
 * pages are looked up each time. */
static uint32_t exec_id_of(TlbSystem *system, uint64_t vpage, uint64_t ram_page,
                           const uint8_t *host)
{
    uint64_t mixed =
        (vpage >> TLB_PAGE_BITS) * 0x9e3779b97f4a7c15u + ram_page * 0xd6e8feb86659fd93u;
    uint32_t *head = &system->exec_hash[(mixed >> 40) % EXEC_HASH];
    uint32_t id;

    g_mutex_lock(&system->exec_lock);
    for (id = *head; id; id = system->pairs[id].next) {
        if (system->pairs[id].vpage == vpage && system->pairs[id].ram_page == ram_page) {
            break;
        }
    }
    if (!id && system->npairs < EXEC_MAX) {
        id = system->npairs++;
        system->pairs[id] = (ExecPair){vpage, ram_page, host, *head};
        *head = id;
    }
    g_mutex_unlock(&system->exec_lock);
    return id;
}

bool tlb_code_page_cached(Vcpu *vcpu, uint64_t pc, CodePage *page)
{
    const TlbSystem *system = vcpu->machine->tlb_system;
    uint32_t id = vcpu->tlb->entries[tlb_index(pc)].exec_id;

    if (!id || system->pairs[id].vpage != (pc & TLB_PAGE_MASK)) {
        return false;
    }
    *page = (CodePage){system->pairs[id].ram_page, system->pairs[id].host, id,
                       tlb_bit(vcpu->tlb->exec_global, tlb_index(pc))};
    return true;
}

void tlb_code_page(Vcpu *vcpu, uint64_t pc, CodePage *page)
{
    MmuMapping m;
    MemoryHit hit;

    if (tlb_code_page_cached(vcpu, pc, page)) {
        return;
    }
    tlb_walk(vcpu, pc, 2, MMU_FETCH, &m);
    /* Registers may lie over a part of the page (spike's tohost): what counts is the RAM at pc. */
    unsigned in_page = pc & ~TLB_PAGE_MASK;
    if (!memory_map_find(vcpu->machine->memory, m.gpa, &hit) || !hit.host ||
        ((uintptr_t)hit.host & ~TLB_PAGE_MASK) != in_page) {
        tlb_fault(vcpu, pc, MMU_FETCH, MMU_ACCESS_FAULT);
    }
    hit.host -= in_page;
    *page = (CodePage){hit.ram_page, hit.host, 0, false};
    if (m.cacheable) {
        TlbContext *c = vcpu->tlb;
        unsigned index = tlb_index(pc);
        page->exec_id =
            exec_id_of(vcpu->machine->tlb_system, pc & TLB_PAGE_MASK, hit.ram_page, hit.host);
        page->global = m.global;
        c->entries[index].exec_id = page->exec_id;
        tlb_bit_set(c->used, index, true);
        tlb_bit_set(c->exec_global, index, m.global);
    }
}

static unsigned copy_code(const CodePage *page, uint64_t pc, uint8_t *buf, unsigned len)
{
    unsigned in_page = pc & ~TLB_PAGE_MASK, here = MIN(len, TLB_PAGE_SIZE - in_page);

    memcpy(buf, page->host + in_page, here);
    return here;
}

unsigned vcpu_fetch(Vcpu *vcpu, uint64_t pc, uint8_t *buf, unsigned len)
{
    CodePage page;

    tlb_code_page(vcpu, pc, &page);
    tlb_mark_code(vcpu, page.ram_page, page.host);
    return copy_code(&page, pc, buf, len);
}

unsigned vcpu_peek_code(Vcpu *vcpu, uint64_t pc, uint8_t *buf, unsigned len)
{
    CodePage page;

    tlb_code_page(vcpu, pc, &page);
    return copy_code(&page, pc, buf, len);
}

void tlb_jump_set(TlbContext *c, uint64_t pc, uint32_t flags, void *code, bool global)
{
    JumpEntry *j = tlb_jump_entry(c, pc);

    j->pc = pc;
    j->flags = flags;
    j->code = code;
    j->global = global;
    tlb_bit_set(c->jump_used, j - c->jumps, true);
    tlb_bit_set(c->jump_pages, tlb_index(pc), true);
}

void tlb_jump_clear_all(Vcpu *vcpu)
{
    for (unsigned n = 0; n < TLB_CONTEXTS; n++) {
        TlbContext *c = vcpu->tlbs->contexts[n];
        for (unsigned i = 0; c && i < JUMP_ENTRIES; i++) {
            c->jumps[i].pc = ~UINT64_C(0);
        }
    }
}

void tlb_jump_clear_pc(Vcpu *vcpu, uint64_t pc)
{
    for (unsigned n = 0; n < TLB_CONTEXTS; n++) {
        TlbContext *c = vcpu->tlbs->contexts[n];
        if (c) {
            JumpEntry *j = tlb_jump_entry(c, pc);
            if (j->pc == pc) {
                j->pc = ~UINT64_C(0);
            }
        }
    }
}
