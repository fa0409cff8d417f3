/*
 * Power-off and reboot register of riscv64 virt (SiFive's test finisher). See syscon.c.
 */
#ifndef AMPHI_HW_SYSCON_H
#define AMPHI_HW_SYSCON_H

#include "softmmu/machine.h"

/* Values of the register, in its low 16 bits. */
enum { SYSCON_FAIL = 0x3333, SYSCON_PASS = 0x5555, SYSCON_RESET = 0x7777 };

Device *syscon_new(Machine *machine, uint64_t base);

#endif
