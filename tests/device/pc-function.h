/*
 * For tests of PCI functions: a q35 machine that has one, placed as firmware would.
 */
#ifndef AMPHI_TEST_PC_FUNCTION_H
#define AMPHI_TEST_PC_FUNCTION_H

#include "hw/pci/pci.h"

#define PC_FUNCTION_MEMORY UINT64_C(0xc8000000) /* BAR 0 */
#define PC_FUNCTION_PORTS 0xc100                /* BAR 1, if that is ports */

/* A machine with the function that @device says (as -device, without addr=), decoding its BARs and mastering the
 * bus. The lock is held until pc_function_free(). */
Machine *pc_function_new(const char *device, PciDevice **pci);
void pc_function_free(Machine *machine);

/* The level of its interrupt pin, as its status register says. */
bool pc_function_pin(const PciDevice *pci);

#endif
