/*
 * RISC-V platform-level interrupt controller. See plic.c.
 */
#ifndef AMPHI_HW_PLIC_H
#define AMPHI_HW_PLIC_H

#include "softmmu/machine.h"

#define PLIC_MAX_SOURCES 128 /* source 0 means none */
#define PLIC_MAX_CONTEXTS (2 * MACHINE_MAX_CPUS)

/* With sources 1..@sources and one output line per context; its registers take @size bytes at @base. */
Device *plic_new(Machine *machine, uint64_t base, uint64_t size, unsigned sources,
                 unsigned contexts, const IrqLine *outputs);

/* The input line of @source. */
IrqLine plic_input(Device *plic, unsigned source);

#endif
