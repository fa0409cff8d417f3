/*
 * The jit engine: set-up, running, memory callbacks, restoring state.
 */
#include "accel/jit/jit.h"
#include "accel/translate.h"
#include "softmmu/base/error.h"
#include <errno.h>

#define DEFAULT_TB_SIZE (64 * MIB)
#define MIN_TB_SIZE (4 * MIB)

/* What inline code and the TLB must agree on. */
G_STATIC_ASSERT(sizeof(TlbEntry) == sizeof(TcgTlbEntry));
G_STATIC_ASSERT(offsetof(TlbEntry, read_tag) == offsetof(TcgTlbEntry, read_tag));
G_STATIC_ASSERT(offsetof(TlbEntry, write_tag) == offsetof(TcgTlbEntry, write_tag));
G_STATIC_ASSERT(offsetof(TlbEntry, addend) == offsetof(TcgTlbEntry, addend));
G_STATIC_ASSERT(offsetof(TlbEntry, exec_id) == offsetof(TcgTlbEntry, exec_id));
G_STATIC_ASSERT(TLB_BITS == TCG_TLB_BITS);
G_STATIC_ASSERT(sizeof(JumpEntry) == sizeof(TcgJumpEntry));
G_STATIC_ASSERT(offsetof(JumpEntry, code) == offsetof(TcgJumpEntry, code));
G_STATIC_ASSERT(offsetof(JumpEntry, flags) == offsetof(TcgJumpEntry, flags));
G_STATIC_ASSERT(JUMP_BITS == TCG_JUMP_BITS);
G_STATIC_ASSERT(sizeof(((Vcpu *)0)->spill) == TCG_SPILL_SLOTS * 16);

void jit_sync(Vcpu *vcpu)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    TcgFrame *frame = vcpu->sync_frame;

    if (!frame) {
        return;
    }
    vcpu->sync_frame = NULL;
    uint64_t pc;
    unsigned undone;
    const Region *r = regions_by_code(accel, vcpu->sync_pc);
    if (!r || !tcg_restore(&r->code, r->pc, vcpu->sync_pc, frame, vcpu_state(vcpu), &pc, &undone)) {
        g_error("no guest state for host address %#zx", (size_t)vcpu->sync_pc);
    }
    vcpu->arch->set_pc(vcpu, pc);
    vcpu->undone = r->mode & MODE_COUNT ? undone : 0;
}

static VcpuExit jit_run(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    void *code;

    vcpu->sync = jit_sync;
    if (av->accel->config.tier2 == TIER2_HOT) {
        jit_sampler_wake(av->accel);
    }
    if (vcpu->counting && av->limit_next) {
        /* Fewer instructions are left than the next region has. */
        uint32_t mode = MODE_COUNT | (uint32_t)MIN(vcpu->budget, REGION_MAX_INSNS)
                                         << MODE_LIMIT_SHIFT;
        mode |= av->step ? MODE_STEP : 0;
        av->limit_next = false;
        Region *region =
            jit_region(vcpu, vcpu->arch->get_pc(vcpu), vcpu->arch->tb_flags(vcpu), mode);
        if (!region) {
            av->no_room = true;
            return VCPU_EXIT_KICK;
        }
        code = region->code.entry;
    } else {
        code = jit_lookup(vcpu);
    }
    tcg_run(av->accel->tcg, vcpu_state(vcpu), code);
    return vcpu->exit_reason;
}

static uint64_t load(void *vcpu, uint64_t addr, unsigned memop)
{
    return tlb_load(vcpu, addr, memop);
}

static void store(void *vcpu, uint64_t addr, uint64_t value, unsigned memop)
{
    tlb_store(vcpu, addr, value, memop);
}

static void load_vector(void *vcpu, uint64_t addr, void *value, unsigned bytes)
{
    tlb_load_vector(vcpu, addr, value, bytes);
}

static void store_vector(void *vcpu, uint64_t addr, const void *value, unsigned bytes)
{
    tlb_store_vector(vcpu, addr, value, bytes);
}

static uint64_t rmw(void *vcpu, uint64_t addr, uint64_t value, unsigned op, unsigned memop)
{
    return tlb_rmw(vcpu, addr, value, op, memop);
}

static uint64_t cas(void *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned memop)
{
    return tlb_cas(vcpu, addr, expect, desired, memop);
}

static void *translate(void *vcpu, uint64_t addr, unsigned len, bool write)
{
    return tlb_translate(vcpu, addr, len, write);
}

/* Distance from architectural state back to a field of the Vcpu. */
#define OFF(field) ((int32_t)offsetof(Vcpu, field) - (int32_t)VCPU_STATE_OFFSET)

void accel_runtime_init(Accel *accel)
{
    accel->runtime = (TcgRuntime){
        .load = load,
        .store = store,
        .load_vector = load_vector,
        .store_vector = store_vector,
        .rmw = rmw,
        .cas = cas,
        .translate = translate,
        .resolve = jit_resolve,
        .lookup = jit_lookup,
        .lookup_plain = jit_lookup_plain,
        .off_vcpu = -(int32_t)VCPU_STATE_OFFSET,
        .off_kick = OFF(kick),
        .off_budget = OFF(budget),
        .off_tlb = OFF(tlb),
        .off_exit_reason = OFF(exit_reason),
        .off_pc = accel->machine->cls->arch->pc_offset,
        .off_sync_frame = OFF(sync_frame),
        .off_sync_pc = OFF(sync_pc),
        .off_spill = OFF(spill),
        .off_stack = OFF(return_stack),
        .off_undone = OFF(undone),
        .tlb_entries = offsetof(TlbContext, entries),
        .tlb_jumps = offsetof(TlbContext, jumps),
        .reason_kick = VCPU_EXIT_KICK,
        .reason_budget = VCPU_EXIT_BUDGET,
    };
}

static bool jit_init(Accel *accel, GError **error)
{
    uint64_t size = accel->config.tb_size ? accel->config.tb_size : DEFAULT_TB_SIZE;

    if (size < MIN_TB_SIZE || size > 2 * GIB - MIB) {
        return error_set(error, "-accel: tb-size must be from 4 to 2047 (MiB)");
    }
    if (!regions_reserve(accel, size)) {
        return error_set_errno(
            error, errno, "cannot get address space for translated code; use a smaller tb-size");
    }
    accel->runtime.exits_base = accel->meta;
    accel->tcg = tcg_new(&accel->runtime, size, accel->config.features_off, error);
    if (!accel->tcg) {
        regions_unreserve(accel);
        return false;
    }
    regions_divide(accel, tcg_code_start(accel->tcg), tcg_code_size(accel->tcg));
    return true;
}

static void jit_fini(Accel *accel)
{
    jit_sampler_free(accel);
    if (accel->tcg) {
        tcg_free(accel->tcg);
        accel->tcg = NULL;
    }
}

const AccelOps jit_engine = {
    .name = "jit",
    .alias = "tcg",
    .desc = "dynamic binary translation to x86-64",
    .init = jit_init,
    .fini = jit_fini,
    .supports = accel_translates,
    .run = jit_run,
};
