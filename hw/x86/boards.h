/*
 * The x86 boards. See q35.c and microvm.c.
 */
#ifndef AMPHI_HW_X86_BOARDS_H
#define AMPHI_HW_X86_BOARDS_H

#include "softmmu/machine.h"

extern const MachineClass x86_q35_machine;
extern const MachineClass x86_microvm_machine;

#endif
