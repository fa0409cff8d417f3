/*
 * A small engine for translated code; see native.h.
 */
#include "tests/ir/native.h"

#include <string.h>
#include <xmmintrin.h>

static Native *native_of(void *vcpu)
{
    return ((RandomGuest *)vcpu)->opaque;
}

NativeRegion *native_find(Native *native, uint64_t pc)
{
    for (unsigned i = 0; i < native->nregions; i++) {
        if (native->regions[i].pc == pc) {
            return &native->regions[i];
        }
    }
    return NULL;
}

/* Where to go on, or out. */
static void *next_code(Native *native, IrOp how)
{
    NativeRegion *region = native_find(native, native->guest->state.pc);

    if (!region) {
        native->left_by = how;
        return tcg_exit_code(native->tcg);
    }
    return region->code.entry;
}

static TcgTlbEntry *tlb_entry(RandomGuest *guest, uint64_t pc)
{
    return &guest->tlb->entries[pc >> 12 & ((1u << TCG_TLB_BITS) - 1)];
}

static void *native_resolve(void *vcpu, TcgExit *exit)
{
    Native *native = native_of(vcpu);
    NativeRegion *to = native_find(native, exit->pc);

    g_assert_cmphex(exit->pc, ==, native->guest->state.pc);
    native->resolves++;
    if (to && native->link) {
        tcg_link(native->tcg, exit, to->code.entry, tlb_entry(native->guest, exit->pc)->exec_id);
        exit->target = 1;
    }
    return next_code(native, IR_exit_direct);
}

static void *native_lookup(void *vcpu)
{
    Native *native = native_of(vcpu);
    uint64_t pc = native->guest->state.pc;
    TcgJumpEntry *jump = &native->guest->tlb->jumps[pc >> 1 & ((1u << TCG_JUMP_BITS) - 1)];

    native->lookups++;
    if (native->on_lookup) {
        native->on_lookup(native);
    }
    if (native_find(native, pc)) {
        *jump = (TcgJumpEntry){.pc = pc,
                               .code = native_find(native, pc)->code.entry,
                               .flags = native->flags};
    }
    return next_code(native, IR_exit_lookup);
}

static void *native_lookup_plain(void *vcpu)
{
    Native *native = native_of(vcpu);

    native->lookups++;
    native->left_by = IR_translate;
    return tcg_exit_code(native->tcg);
}

/* Before a fault leaves: what registers hold, or nothing if a helper faults. */
static void native_sync(RandomGuest *guest)
{
    Native *native = guest->opaque;
    unsigned undone = guest->undone;

    if (guest->sync_frame) {
        bool found = false;

        for (unsigned i = 0; i < native->nregions && !found; i++) {
            const NativeRegion *r = &native->regions[i];
            found = tcg_restore(&r->code, r->pc, guest->sync_pc, guest->sync_frame, &guest->state,
                                &guest->state.pc, &undone);
        }
        native->unknown_pc = !found;
        guest->sync_frame = NULL;
    }
    guest->budget += undone;
}

Native *native_new(const char *off)
{
    Native *native = g_new0(Native, 1);
    GError *error = NULL;

    random_runtime(&native->rt);
    native->rt.resolve = native_resolve;
    native->rt.lookup = native_lookup;
    native->rt.lookup_plain = native_lookup_plain;
    native->tcg = tcg_new(&native->rt, NATIVE_CODE_BYTES, off, &error);
    g_assert_no_error(error);
    native->guest = random_guest_new();
    native->guest->opaque = native;
    native->guest->sync = native_sync;
    native->flags = 5;
    native_reset(native);
    return native;
}

void native_reset(Native *native)
{
    for (unsigned i = 0; i < native->nregions; i++) {
        g_free(native->regions[i].code.exits);
    }
    native->nregions = 0;
    native->at = tcg_code_start(native->tcg);
    native->resolves = native->lookups = 0;
}

void native_free(Native *native)
{
    native_reset(native);
    random_guest_free(native->guest);
    tcg_free(native->tcg);
    g_free(native);
}

bool native_compile(Native *native, IrRegion *ir, uint64_t pc, bool optimize)
{
    return native_compile_how(native, ir, (TcgCompile){.pc = pc, .optimize = optimize});
}

bool native_compile_how(Native *native, IrRegion *ir, TcgCompile how)
{
    size_t room = tcg_code_start(native->tcg) + tcg_code_size(native->tcg) - native->at;
    NativeRegion *region = &native->regions[native->nregions];

    g_assert_cmpuint(native->nregions, <, NATIVE_MAX_REGIONS);
    region->pc = how.pc;
    how.flags = native->flags;
    how.meta = g_malloc(NATIVE_META_BYTES);
    how.meta_room = NATIVE_META_BYTES;
    if (!tcg_compile(native->tcg, ir, &how, native->at, room, &region->code)) {
        g_free(how.meta);
        return false;
    }
    g_assert_cmpuint(region->code.size, <=, room);
    native->at += (region->code.size + 15) & ~(size_t)15;
    native->nregions++;
    return true;
}

void native_copy_guest(RandomGuest *to, const RandomGuest *from)
{
    to->state = from->state;
    memcpy(to->memory, from->memory, RANDOM_MEM_SIZE);
    to->budget = from->budget;
    to->kick = from->kick;
}

void native_fill_tlb(RandomGuest *guest, unsigned hits)
{
    for (unsigned page = 0; page < RANDOM_MEM_SIZE / 4096; page++) {
        uint64_t addr = RANDOM_MEM_BASE + 4096 * page;
        TcgTlbEntry *e = tlb_entry(guest, addr);
        uint64_t never = (addr ^ 4096) & ((1u << (12 + TCG_TLB_BITS)) - 1);

        e->read_tag = hits >> (2 * page) & 1 ? addr : never;
        e->write_tag = hits >> (2 * page) & 2 ? addr : never;
        e->addend = (uintptr_t)guest->memory - RANDOM_MEM_BASE;
    }
}

void native_run(Native *native, uint64_t pc, uint32_t mxcsr, RandomResult *result)
{
    RandomGuest *guest = native->guest;
    volatile uint32_t host_mxcsr = _mm_getcsr();

    memset(result, 0, sizeof(*result));
    guest->fault_addr = 0;
    guest->exit_reason = 0;
    guest->undone = 0;
    native->left_by = IR_NOPS;
    native->unknown_pc = false;
    if (sigsetjmp(guest->unwind, 0) == 0) {
        _mm_setcsr(mxcsr);
        tcg_run(native->tcg, &guest->state, native_find(native, pc)->code.entry);
        result->op = native->left_by == IR_NOPS ? IR_exit_reason : native->left_by;
        result->reason = guest->exit_reason;
    } else {
        result->faulted = true;
    }
    result->mxcsr = _mm_getcsr();
    _mm_setcsr(host_mxcsr);
    result->state = guest->state;
    memcpy(result->memory, guest->memory, RANDOM_MEM_SIZE);
    result->budget = guest->budget;
    result->fault_addr = guest->fault_addr;
}
