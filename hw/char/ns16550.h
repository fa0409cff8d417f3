/*
 * 16550A UART, as on riscv64 virt. See ns16550.c.
 */
#ifndef AMPHI_HW_NS16550_H
#define AMPHI_HW_NS16550_H

#include "softmmu/machine.h"

/* Frequency of the clock that is divided down to the bit rate: "clock-frequency" of the device tree. */
#define NS16550_CLOCK_HZ 3686400

/* Maps the 8 registers, one byte each, at @base. @chr is what it is connected to, NULL for nothing. */
Device *ns16550_new(Machine *machine, uint64_t base, IrqLine irq, Chardev *chr);

#endif
