/*
 * 16550A UART, as on riscv64 virt. See ns16550.c.
 */
#ifndef AMPHI_HW_NS16550_H
#define AMPHI_HW_NS16550_H

#include "softmmu/machine.h"

/* Frequency of the clock that is divided down to the bit rate: "clock-frequency" of the device tree. */
#define NS16550_CLOCK_HZ 3686400
#define NS16550_PC_CLOCK_HZ 1843200 /* behind I/O ports */

/* Maps the 8 registers, one byte each, at @base. @chr is what it is connected to, NULL for nothing. */
Device *ns16550_new(Machine *machine, uint64_t base, IrqLine irq, Chardev *chr);

/* The same at eight I/O ports from @port on. */
Device *ns16550_new_pio(Machine *machine, uint16_t port, IrqLine irq, Chardev *chr);

#endif
