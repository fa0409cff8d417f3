/*
 * How a guest reports its panic: the registers of pvpanic at a port and behind PCI. See pvpanic.c.
 */
#ifndef AMPHI_HW_PVPANIC_H
#define AMPHI_HW_PVPANIC_H

#include "softmmu/machine.h"

/* The register: which events can be reported; reports those in @value. */
uint8_t pvpanic_events(void);
void pvpanic_report(Machine *machine, uint8_t value);

#endif
