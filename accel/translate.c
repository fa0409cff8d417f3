/*
 * From guest code to IR: first-tier regions of one basic block. See translate.h.
 */
#include "accel/translate.h"
#include "softmmu/debug.h"
#include <inttypes.h>
#include <string.h>

#define PAGE_OFFSET(pc) ((pc) & ~TLB_PAGE_MASK)

void translate_log(Vcpu *vcpu, LogItem item, uint64_t pc, unsigned bytes)
{
    if (!log_enabled(item) || !log_filter(pc)) {
        return;
    }
    Accel *accel = accel_vcpu(vcpu)->accel;
    GString *text = g_string_new(NULL);
    if (item == LOG_IN_ASM) {
        g_string_append_printf(text, "----------------\nIN: cpu %u\n", vcpu->index);
        for (unsigned at = 0; at < bytes;) {
            uint8_t code[16];
            unsigned have = vcpu_fetch(vcpu, pc + at, code, MIN(bytes - at, sizeof(code)));
            if (have < MIN(bytes - at, vcpu->arch->max_insn_bytes)) {
                have += vcpu_fetch(vcpu, pc + at + have, code + have,
                                   MIN(bytes - at, vcpu->arch->max_insn_bytes) - have);
            }
            g_string_append_printf(text, "0x%016" PRIx64 ":  ", pc + at);
            unsigned len = vcpu->arch->disassemble(vcpu, pc + at, code, have, text);
            g_string_append_c(text, '\n');
            if (!len) {
                break;
            }
            at += len;
        }
    } else {
        g_string_append_printf(text, "%s: pc 0x%" PRIx64 "\n",
                               item == LOG_IR ? "IR" : "IR optimized", pc);
        ir_print(&accel->ir, text);
    }
    log_write(text->str);
    g_string_free(text, TRUE);
}

void translate_log_entry(const Vcpu *vcpu, const Region *region, const void *code)
{
    if (log_enabled(LOG_EXEC) && log_filter(region->pc)) {
        log_printf(LOG_EXEC, "Trace %u: %p [%016" PRIx64 "/%x]\n", vcpu->index, code, region->pc,
                   region->flags);
    }
}

bool translate_second_page_ok(Vcpu *vcpu, const Region *region)
{
    CodePage page;

    if (likely(region->second_page == REGION_NO_PAGE)) {
        return true;
    }
    tlb_code_page(vcpu, (region->pc & TLB_PAGE_MASK) + TLB_PAGE_SIZE, &page);
    return page.ram_page == region->second_page;
}

/* Begins a block of guest code in IR: what has to be checked before its first instruction. Returns the
 * index of its count op, whose number is known after translation, or -1. */
static int begin_guest_block(Accel *accel, uint64_t pc, uint32_t second_id, bool count)
{
    IrRegion *ir = &accel->ir;

    ir_block_begin(ir, pc);
    if (second_id) {
        IrRef n =
            ir_emit(ir, IR_check_page, IR_NONE, 2, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, pc);
        ir->insns[n].len = second_id;
    }
    if (!count) {
        return -1;
    }
    return ir_emit(ir, IR_count, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, pc);
}

/* Whether the instruction at the end of a page may reach into the next one. */
static bool may_straddle(const Vcpu *vcpu, uint64_t pc)
{
    return PAGE_OFFSET(pc) + vcpu->arch->max_insn_bytes > TLB_PAGE_SIZE;
}

static Region *region_for(Accel *accel, uint64_t pc, const CodePage *page, uint32_t flags,
                          uint32_t mode)
{
    Region *region = regions_new(accel, pc, page->ram_page, flags, mode);

    region->exec_id = page->exec_id;
    return region;
}

/* A region without instructions, which leaves for the debugger. */
static Region *translate_breakpoint(Accel *accel, Region *region)
{
    IrRegion *ir = &accel->ir;
    unsigned offset = PAGE_OFFSET(region->pc);

    ir_region_reset(ir);
    ir_block_begin(ir, region->pc);
    ir_st_env(ir, IR_I64, IR_64, ir->pc_offset, ir_const(ir, IR_I64, (int64_t)region->pc));
    ir_exit_reason(ir, VCPU_EXIT_DEBUG);
    regions_add_span(region, region->ram_page, offset, offset); /* by which it is dropped */
    ir_optimize(ir, 1);
    return region;
}

Region *translate_block(Vcpu *vcpu, uint64_t pc, const CodePage *page, uint32_t flags,
                        uint32_t mode, unsigned max_insns)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    IrRegion *ir = &accel->ir;
    unsigned limit = mode >> MODE_LIMIT_SHIFT;
    CodePage second = {.ram_page = REGION_NO_PAGE};
    TranslateReq req = {.pc = pc,
                        .flags = flags,
                        .count = mode & MODE_COUNT,
                        .max_insns = limit ? MIN(limit, max_insns) : max_insns};

    if (unlikely(vcpu->machine->debug) && !(mode & MODE_STEP)) {
        if (debug_breakpoint_at(vcpu->machine, pc)) {
            return translate_breakpoint(accel, region_for(accel, pc, page, flags, mode));
        }
        req.end_pc = debug_next_breakpoint(vcpu->machine, pc, TLB_PAGE_SIZE);
    }
    if (!page->exec_id) {
        req.max_insns = 1; /* each instruction is looked up, and so checked, again */
    }
    ir_region_reset(ir);
    if (may_straddle(vcpu, pc)) {
        uint8_t code[16];
        unsigned have = vcpu_fetch(vcpu, pc, code, vcpu->arch->max_insn_bytes);
        GString *text = g_string_new(NULL);
        unsigned len = vcpu->arch->disassemble(vcpu, pc, code, have, text);
        g_string_free(text, TRUE);
        if (!len || len > have) {
            tlb_code_page(vcpu, (pc & TLB_PAGE_MASK) + TLB_PAGE_SIZE, &second);
            if (!second.exec_id) {
                req.max_insns = 1;
            }
        }
    }
    int count = begin_guest_block(accel, pc, second.exec_id, mode & MODE_COUNT);
    vcpu->arch->translate(vcpu, ir, &req);
    if (count >= 0) {
        ir->insns[count].len = req.insns;
    }

    Region *region = region_for(accel, pc, page, flags, mode);
    region->second_page = second.ram_page;
    unsigned here = MIN(req.bytes, TLB_PAGE_SIZE - PAGE_OFFSET(pc));
    regions_add_span(region, page->ram_page, PAGE_OFFSET(pc), PAGE_OFFSET(pc) + here - 1);
    if (here < req.bytes) {
        regions_add_span(region, second.ram_page, 0, req.bytes - here - 1);
    }
    translate_log(vcpu, LOG_IN_ASM, pc, req.bytes);
    translate_log(vcpu, LOG_IR, pc, 0);
    /* Most code of the first tier runs a few times. Without the optimizer host code is a few per cent longer, hardly
     * slower, and made in three quarters of the time. The interpreter pays by the op. */
    ir_optimize(ir, mode & MODE_INTERP ? 1 : 0);
    translate_log(vcpu, LOG_IR_OPT, pc, 0);
    accel->stats.guest_insns += req.insns;
    accel->stats.ir_insns += ir->ninsns;
    return region;
}
