/*
 * Which devices firmware is to start from, in which order: bootindex= of -device, for fw_cfg's file "bootorder".
 *
 * Devices are named by paths as of OpenFirmware (IEEE 1275), in the form that SeaBIOS and OVMF compare theirs
 * with. Machine lock, or before the machine runs.
 */
#ifndef AMPHI_HW_BOOT_ORDER_H
#define AMPHI_HW_BOOT_ORDER_H

#include "hw/pci/pci.h"

/* Reads bootindex= of @opts; if it is there, the device at @pci, or the part @suffix ("disk@0,0") of it, is the
 * one with that number. Errors: no number, or another device's. */
bool boot_order_add(PciDevice *pci, const char *suffix, Options *opts, GError **error);

/* The file: a path per line, "HALT" last if nothing else is to be tried (@strict). NULL: it would be empty. */
GBytes *boot_order_make(Machine *machine, bool strict);

#endif
