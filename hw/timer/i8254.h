/*
 * The programmable interval timer of a PC and its speaker port. See i8254.c.
 */
#ifndef AMPHI_HW_I8254_H
#define AMPHI_HW_I8254_H

#include "softmmu/machine.h"

#define I8254_HZ 1193182

/* Makes the timer at ports 0x40..0x43 and the control port 0x61; @irq is counter 0's output. */
Device *i8254_new(Machine *machine, IrqLine irq);

/* While an HPET stands in for it (its legacy replacement), counter 0's output is not connected. */
void i8254_set_irq_enabled(Device *dev, bool enabled);

#endif
