/*
 * The jit engine: from one region to the next. Finding, translating on demand, linking.
 *
 * The callbacks are entered from translated code that has stored all state, by a jump, so that none of
 * them returns into a region: they give the address to go on at. They may unwind, for fetch faults.
 */
#include "accel/jit/jit.h"
#include "accel/translate.h"
#include "softmmu/profile.h"
#include <inttypes.h>

/* With less room than this the next segment is begun. */
#define HOST_BYTES_MIN (32 * 1024)

static void *leave(Vcpu *vcpu, VcpuExit reason)
{
    vcpu->exit_reason = reason;
    return tcg_exit_code(accel_vcpu(vcpu)->accel->tcg);
}

static void log_host_code(const Region *region)
{
    if (!log_enabled(LOG_OUT_ASM) || !log_filter(region->pc)) {
        return;
    }
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "OUT: pc 0x%" PRIx64 " [size=%u, hot %u, tier %u]\n", region->pc,
                           region->code.size, region->code.main_size, region->tier);
    tcg_disassemble(region->code.entry, region->code.size, text);
    log_write(text->str);
    g_string_free(text, TRUE);
}

bool jit_compile(Vcpu *vcpu, Region *region, bool optimize)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    Segment *segment = regions_room(accel, HOST_BYTES_MIN);
    TcgCompile how = {.pc = region->pc, .flags = region->flags, .optimize = optimize};

    if (!segment || accel->ir.overflow) {
        return false;
    }
    how.meta = regions_meta(segment, region, &how.meta_room);
    if (!tcg_compile(accel->tcg, &accel->ir, &how, segment->at, segment->end - segment->at,
                     &region->code)) {
        return false;
    }
    regions_commit(accel, segment, region);
    for (unsigned i = 0; i < region->code.nexits; i++) {
        region->code.exits[i].region = meta_ref(accel, region);
    }
    accel->stats.host_bytes += region->code.size;
    log_host_code(region);
    return true;
}

/* A block that is too much for the code generator is made again with fewer instructions. */
static Region *translate_small_enough(Vcpu *vcpu, uint64_t pc, const CodePage *page, uint32_t flags,
                                      uint32_t mode)
{
    if (!regions_room(accel_vcpu(vcpu)->accel, HOST_BYTES_MIN)) {
        return NULL;
    }
    for (unsigned max = REGION_MAX_INSNS; max; max /= 2) {
        Region *region = translate_block(vcpu, pc, page, flags, mode, max);
        if (jit_compile(vcpu, region, false)) {
            return region;
        }
        if (!accel_vcpu(vcpu)->accel->ir.overflow) {
            break;
        }
    }
    return NULL;
}

/* @seen: how many regions there were when none was found. */
static Region *make_region(Vcpu *vcpu, uint64_t pc, const CodePage *page, uint32_t flags,
                           uint32_t mode, uint64_t seen)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    Region *region = NULL;

    regions_lock(vcpu);
    if (seen != accel->stats.regions) { /* another vCPU was faster, maybe */
        region = regions_find(accel, pc, page->ram_page, flags, mode);
    }
    if (!region || !translate_second_page_ok(vcpu, region)) {
        if (region) {
            regions_drop(accel, region);
        }
        uint64_t begin = profile_now();
        region = translate_small_enough(vcpu, pc, page, flags, mode);
        if (region) {
            regions_add(accel, region);
        }
        uint64_t took = profile_now() - begin;
        accel->stats.translate_ns += took;
        vcpu->times.translate += took;
    }
    regions_unlock(vcpu);
    return region;
}

Region *jit_region(Vcpu *vcpu, uint64_t pc, uint32_t flags, uint32_t mode)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    CodePage page;

    tlb_code_page(vcpu, pc, &page);
    uint64_t seen = __atomic_load_n(&accel->stats.regions, __ATOMIC_ACQUIRE);
    Region *region = regions_find(accel, pc, page.ram_page, flags, mode);
    if (unlikely(!region || !translate_second_page_ok(vcpu, region))) {
        region = make_region(vcpu, pc, &page, flags, mode, region ? ~UINT64_C(0) : seen);
        if (!region) {
            return NULL;
        }
    }
    return region;
}

/* Whether the next instruction is beyond the budget. Regions look for themselves, but making one may already
 * raise that instruction's fetch fault. */
static bool used_up(const Vcpu *vcpu)
{
    return unlikely(vcpu->counting) && vcpu->budget <= 0;
}

static void *lookup(Vcpu *vcpu, bool plain)
{
    AccelVcpu *av = accel_vcpu(vcpu);

    vcpu->undone = 0;
    if (__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
        return leave(vcpu, VCPU_EXIT_KICK);
    }
    if (vcpu->halted) {
        return leave(vcpu, VCPU_EXIT_HALT);
    }
    if (used_up(vcpu)) {
        return leave(vcpu, VCPU_EXIT_BUDGET);
    }
    uint64_t pc = vcpu->arch->get_pc(vcpu);
    uint32_t flags = vcpu->arch->tb_flags(vcpu);
    const JumpEntry *jump = tlb_jump_entry(vcpu->tlb, pc);
    /* Not for an instruction that may reach into the next page: its region's own check of that page may be
     * what failed, and only a full lookup makes the page known again. */
    bool straddles = (pc & ~TLB_PAGE_MASK) + vcpu->arch->max_insn_bytes > TLB_PAGE_SIZE;
    if (!plain && !straddles && jump->pc == pc && jump->flags == flags && !log_enabled(LOG_EXEC)) {
        return jump->code;
    }
    Region *region = jit_region(vcpu, pc, flags, translate_mode(vcpu, 0));
    if (!region) {
        av->no_room = true;
        return leave(vcpu, VCPU_EXIT_KICK);
    }
    Region *best = __atomic_load_n(&region->better, __ATOMIC_ACQUIRE);
    if (!best || plain) {
        best = region;
    }
    translate_log_entry(vcpu, best, best->code.entry);
    av->lookups++;
    CodePage page;
    if (!plain && !log_enabled(LOG_EXEC) && tlb_code_page_cached(vcpu, pc, &page) &&
        page.ram_page == region->ram_page) {
        tlb_jump_set(vcpu->tlb, pc, flags, best->code.entry, page.global);
    }
    return best->code.entry;
}

void *jit_lookup(void *opaque)
{
    return lookup(opaque, false);
}

void *jit_lookup_plain(void *opaque)
{
    return lookup(opaque, true);
}

/* What an exit says of itself and of the region that it leads to. Another thread may have made either: its
 * writes were there before the jump that led this thread to the exit was patched, and before the exit had a
 * target (x86 keeps stores in order), which ThreadSanitizer cannot see. */
typedef struct ExitInfo {
    uint64_t pc;
    uint64_t source_pc;
    uint32_t flags, mode;
    uint32_t exec_id;
    bool linkable;
    const Region *target; /* NULL: none yet */
    void *target_entry;
} ExitInfo;

__attribute__((noinline, no_sanitize_thread)) static ExitInfo exit_info(
    const Accel *accel, const volatile TcgExit *exit)
{
    /* volatile: the reads stay in here */
    const volatile Region *source = meta_ptr(accel, exit->region);
    const volatile Region *target = meta_ptr(accel, exit->target);
    return (ExitInfo){.pc = exit->pc,
                      .source_pc = source->pc,
                      .flags = source->flags,
                      .mode = source->mode & (MODE_COUNT | MODE_INTERP),
                      .exec_id = exit->exec_id,
                      .linkable = source->exec_id != 0,
                      .target = (const Region *)target,
                      .target_entry = target ? target->code.entry : NULL};
}

/* An exit is here although it is linked when this context did not know the page that it leads to. If it
 * turns out to be the page that the link is for, the link holds. */
static void *follow_link(Vcpu *vcpu, const ExitInfo *info)
{
    CodePage page;

    if (!info->target) {
        return NULL;
    }
    tlb_code_page(vcpu, info->pc, &page);
    return page.exec_id == info->exec_id && page.exec_id &&
                   !__atomic_load_n(&info->target->dead, __ATOMIC_RELAXED)
               ? info->target_entry
               : NULL;
}

void *jit_resolve(void *opaque, TcgExit *exit)
{
    Vcpu *vcpu = opaque;
    Accel *accel = accel_vcpu(vcpu)->accel;
    ExitInfo info = exit_info(accel, exit);

    vcpu->undone = 0;
    if (__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
        return leave(vcpu, VCPU_EXIT_KICK);
    }
    if (used_up(vcpu)) {
        return leave(vcpu, VCPU_EXIT_BUDGET);
    }
    if (unlikely(log_enabled(LOG_EXEC) || info.mode != translate_mode(vcpu, 0))) {
        return lookup(vcpu, false);
    }
    void *linked = follow_link(vcpu, &info);
    if (linked) {
        return linked;
    }
    Region *region = jit_region(vcpu, info.pc, info.flags, info.mode);
    if (!region) {
        accel_vcpu(vcpu)->no_room = true;
        return leave(vcpu, VCPU_EXIT_KICK);
    }
    if (unlikely(accel->config.tier2 == TIER2_ALWAYS) && info.pc <= info.source_pc &&
        !__atomic_load_n(&region->better, __ATOMIC_RELAXED)) {
        jit_optimize(vcpu, info.pc);
    }
    regions_lock(vcpu);
    accel->stats.resolves++;
    if (!region->dead && info.linkable) {
        regions_link(accel, exit, region);
    }
    Region *best = region->better ? region->better : region;
    regions_unlock(vcpu);
    return best->code.entry;
}
