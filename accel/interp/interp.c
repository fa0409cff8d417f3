/*
 * The interp engine: the translator's IR, interpreted. Works where executable memory is refused, and is
 * the oracle that host code is tested against.
 *
 * Each region is looked up on entry; there are no links. State is exact in memory all the time.
 */
#include "accel/translate.h"

static Region *find_region(Vcpu *vcpu, uint64_t pc, uint32_t flags, uint32_t mode)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    CodePage page;

    tlb_code_page(vcpu, pc, &page);
    Region *region = regions_find(accel, pc, page.ram_page, flags, mode);
    if (likely(region && translate_second_page_ok(vcpu, region))) {
        return region;
    }
    regions_lock(vcpu);
    region = regions_find(accel, pc, page.ram_page, flags, mode);
    if (region && !translate_second_page_ok(vcpu, region)) {
        regions_drop(accel, region);
        region = NULL;
    }
    if (!region) {
        size_t bytes;
        region = translate_block(vcpu, pc, &page, flags, mode, REGION_MAX_INSNS);
        region->ir = ir_code_new(&accel->ir, &bytes);
        accel->stats.host_bytes += bytes;
        regions_add(accel, region);
    }
    regions_unlock(vcpu);
    return region;
}

static VcpuExit interp_run(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    Accel *accel = av->accel;
    IrInterpExit exit;

    vcpu->sync = NULL;
    for (;;) {
        if (__atomic_load_n(&vcpu->kick, __ATOMIC_RELAXED)) {
            return VCPU_EXIT_KICK;
        }
        if (vcpu->halted) {
            return VCPU_EXIT_HALT;
        }
        uint32_t mode = translate_mode(vcpu, MODE_INTERP);
        if (vcpu->counting && vcpu->budget <= 0) {
            return VCPU_EXIT_BUDGET;
        }
        if (vcpu->counting && av->limit_next) {
            mode |= (uint32_t)MIN(vcpu->budget, REGION_MAX_INSNS) << MODE_LIMIT_SHIFT;
            mode |= av->step ? MODE_STEP : 0;
            av->limit_next = false;
        }
        Region *region =
            find_region(vcpu, vcpu->arch->get_pc(vcpu), vcpu->arch->tb_flags(vcpu), mode);
        translate_log_entry(vcpu, region, region->ir);
        ir_interp(region->ir, &accel->runtime, vcpu_state(vcpu), &exit);
        if (exit.op == IR_exit_reason || exit.op == IR_poll) {
            return exit.reason;
        }
        if (exit.op == IR_count) {
            av->limit_next = vcpu->budget > 0;
        }
        /* Otherwise pc says where to go on. */
    }
}

const AccelOps interp_engine = {
    .name = "interp",
    .desc = "interpretation of the translator's intermediate code (slow, runs anywhere)",
    .supports = accel_translates,
    .run = interp_run,
};
