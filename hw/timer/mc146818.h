/*
 * The real-time clock of a PC with its battery-backed memory ("CMOS"). See mc146818.c.
 */
#ifndef AMPHI_HW_MC146818_H
#define AMPHI_HW_MC146818_H

#include "softmmu/machine.h"

/* Makes the clock at ports 0x70 and 0x71. @base is the time it shows at the start, in seconds since
 * 1970; its date and hour are those of UTC. */
Device *mc146818_new(Machine *machine, IrqLine irq, int64_t base);

/* Sets a byte of the memory, 0x0e to 0x7f, for firmware to find; it stays over resets. */
void mc146818_set_byte(Device *dev, unsigned index, uint8_t value);

#endif
