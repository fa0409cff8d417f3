/*
 * Register blocks as const tables: see regs.h. Blocks are small, so lookup is a linear search.
 */
#include "hw/regs.h"
#include "softmmu/base/log.h"

void regs_reset(const RegBlock *block, uint32_t *values)
{
    for (size_t i = 0; i < block->count; i++) {
        values[i] = block->defs[i].reset;
    }
}

/* The index of the register at @offset; block->count if there is none. */
static size_t find(const RegBlock *block, uint64_t offset, const char *what)
{
    size_t i = 0;
    while (i < block->count && block->defs[i].offset != offset) {
        i++;
    }
    if (i == block->count) {
        log_guest_error("%s: %s at unknown offset 0x%" G_GINT64_MODIFIER "x\n", block->name, what,
                        offset);
    }
    return i;
}

uint32_t regs_read(const RegBlock *block, uint32_t *values, void *opaque, uint64_t offset)
{
    size_t i = find(block, offset, "read");
    if (i == block->count) {
        return 0;
    }
    const RegDef *def = &block->defs[i];
    return def->read ? def->read(opaque, values[i]) : values[i];
}

void regs_write(const RegBlock *block, uint32_t *values, void *opaque, uint64_t offset,
                uint32_t value)
{
    size_t i = find(block, offset, "write");
    if (i == block->count) {
        return;
    }
    const RegDef *def = &block->defs[i];
    uint32_t old = values[i];
    uint32_t plain = ~(def->ro | def->w1c);
    values[i] = (old & ~plain & ~(value & def->w1c)) | (value & plain);
    if (def->write) {
        def->write(opaque, value);
    }
}
