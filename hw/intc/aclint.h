/*
 * RISC-V ACLINT in the layout of SiFive's CLINT: software interrupts and the machine timer. See aclint.c.
 */
#ifndef AMPHI_HW_ACLINT_H
#define AMPHI_HW_ACLINT_H

#include "softmmu/machine.h"

#define ACLINT_SIZE 0x10000

/* Where mtime comes from: the value that the harts' time CSR has too. */
typedef struct AclintTime {
    uint64_t (*get)(void *opaque);
    void (*set)(void *opaque, uint64_t value); /* NULL: mtime cannot be written */
    void *opaque;
    uint64_t hz;
} AclintTime;

/* For @harts harts from hart 0; @msip and @mtip are their lines. */
Device *aclint_new(Machine *machine, uint64_t base, unsigned harts, const AclintTime *time,
                   const IrqLine *msip, const IrqLine *mtip);

#endif
