/*
 * Register blocks as const tables.
 *
 * A simple device describes its 32-bit registers in a table of RegDef and keeps their values in an array
 * of the same order; access rules are then data, and code is left only where a register does something.
 * Whatever the guest accesses is harmless: unknown offsets read as zero and are logged.
 * No locking of its own: device code, under the machine lock.
 */
#ifndef AMPHI_HW_REGS_H
#define AMPHI_HW_REGS_H

#include <stddef.h>
#include <stdint.h>

typedef struct RegDef {
    uint32_t offset; /* bytes from the start of the block, a multiple of 4 */
    const char *name;
    uint32_t reset;
    uint32_t ro;  /* bits that writes leave alone */
    uint32_t w1c; /* bits that are cleared by writing 1, and left alone by writing 0 */
    /* The value to return, given the stored one. May change the device. NULL: the stored one. */
    uint32_t (*read)(void *opaque, uint32_t stored);
    /* Called after the stored value was changed by the rules above, with what the guest wrote. */
    void (*write)(void *opaque, uint32_t written);
} RegDef;

typedef struct RegBlock {
    const char *name; /* for the log */
    const RegDef *defs;
    size_t count;
} RegBlock;

/* Sets all of @values (block->count of them) as after reset. */
void regs_reset(const RegBlock *block, uint32_t *values);

/* One 32-bit access at @offset, for a device whose access size is fixed to 4 bytes. */
uint32_t regs_read(const RegBlock *block, uint32_t *values, void *opaque, uint64_t offset);
void regs_write(const RegBlock *block, uint32_t *values, void *opaque, uint64_t offset,
                uint32_t value);

#endif
