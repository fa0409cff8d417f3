/*
 * The pair of 8259A interrupt controllers of a PC. See i8259.c.
 */
#ifndef AMPHI_HW_I8259_H
#define AMPHI_HW_I8259_H

#include "softmmu/machine.h"

#define I8259_INPUTS 16

/* Makes the pair at ports 0x20, 0xa0 and 0x4d0 (edge/level control). @output is the INTR line. */
Device *i8259_new(Machine *machine, IrqLine output);

/* Input 0..15; input 2 is the cascade and goes nowhere. */
IrqLine i8259_input(Device *dev, unsigned n);

/* The processor's interrupt acknowledge: the vector of the highest request, which is now in service; without
 * one, the spurious vector. With the machine lock held. */
uint8_t i8259_acknowledge(Device *dev);

#endif
