/*
 * Machine "none": no CPU, no memory, no device. What manages machines starts it to ask over QMP what
 * there is, and it is something to try a monitor on.
 */
#include "cpu/riscv/riscv.h"
#include "hw/riscv/boards.h"

const MachineClass riscv_none_machine = {
    .name = "none",
    .desc = "empty machine",
    .arch = &riscv64_guest,
    .max_cpus = 1,
};
