/*
 * The RISC-V boards. See virt.c, spike.c and none.c.
 */
#ifndef AMPHI_HW_RISCV_BOARDS_H
#define AMPHI_HW_RISCV_BOARDS_H

#include "softmmu/machine.h"

extern const MachineClass riscv_virt_machine;
extern const MachineClass riscv_spike_machine;
extern const MachineClass riscv_none_machine;

#endif
