/*
 * From guest code to IR: what both translating engines do.
 */
#ifndef AMPHI_ACCEL_TRANSLATE_H
#define AMPHI_ACCEL_TRANSLATE_H

#include "accel/regions.h"
#include "softmmu/base/log.h"

/* Makes the IR of the first-tier region at @pc (on @page, which holds for the current context), of at most
 * @max_insns instructions, in accel->ir, optimized for the interpreter only, and a Region with its key and spans filled in. With the lock; a fetch
 * fault unwinds. */
Region *translate_block(Vcpu *vcpu, uint64_t pc, const CodePage *page, uint32_t flags,
                        uint32_t mode, unsigned max_insns);

/* As above for the second tier: joins what the first has seen executed around @head. NULL if it
 * cannot be one: it straddles pages, or is too large. */
Region *translate_hot(Vcpu *vcpu, const Region *head);

/* Logs (-d) the guest code, IR before and after optimization. */
void translate_log(Vcpu *vcpu, LogItem item, uint64_t pc, unsigned bytes);

/* The same for each entry of a region, whose code is at @code. */
void translate_log_entry(const Vcpu *vcpu, const Region *region, const void *code);

/* The mode that regions must have now. */
static inline uint32_t translate_mode(const Vcpu *vcpu, uint32_t engine_mode)
{
    return engine_mode | (vcpu->counting ? MODE_COUNT : 0);
}

/* Whether @region, found by its key, holds in the current context (its first instruction may reach into a
 * second page). A fetch fault unwinds. */
bool translate_second_page_ok(Vcpu *vcpu, const Region *region);

#endif
