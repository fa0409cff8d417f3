/*
 * Host-target interface of the Spike simulator: console and exit. See htif.c.
 */
#ifndef AMPHI_HW_HTIF_H
#define AMPHI_HW_HTIF_H

#include "softmmu/machine.h"

/* Maps the two 8-byte registers at @tohost and @fromhost, over RAM if need be. */
Device *htif_new(Machine *machine, uint64_t tohost, uint64_t fromhost, Chardev *chr);

#endif
