/*
 * NOR flash with Intel's command set. See pflash-cfi01.c.
 */
#ifndef AMPHI_HW_PFLASH_CFI01_H
#define AMPHI_HW_PFLASH_CFI01_H

#include "softmmu/machine.h"

/* A bank of @size bytes at @base. Its contents come from, and changes go to, the drive with if=pflash and
 * unit @unit; without one it starts as zeros and lasts as long as the machine. *@backed tells. */
bool pflash_cfi01_new(Machine *machine, uint64_t base, uint64_t size, unsigned unit, bool *backed,
                      GError **error);

#endif
