/*
 * The keyboard controller of a PC with its keyboard and mouse. See i8042.c.
 */
#ifndef AMPHI_HW_I8042_H
#define AMPHI_HW_I8042_H

#include "softmmu/machine.h"

/* Makes it at ports 0x60, 0x64 and 0x92; @keyboard and @mouse are lines IRQ1 and IRQ12. */
Device *i8042_new(Machine *machine, IrqLine keyboard, IrqLine mouse);

#endif
