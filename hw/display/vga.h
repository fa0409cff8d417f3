/*
 * The standard VGA of QEMU's machines. See vga.c.
 */
#ifndef AMPHI_HW_VGA_H
#define AMPHI_HW_VGA_H

#include "hw/hw.h"
#include "hw/pci/pci.h"

#define VGA_DEFAULT_MEMORY (16 * MIB)

/* Makes it at @devfn of @bus with @memory bytes of video memory, a power of two from 1 to 256 MiB. */
bool vga_new(PciBus *bus, uint8_t devfn, const char *id, uint64_t memory, GError **error);

/* -device VGA. */
extern const HwDeviceType vga_device_types[];

#endif
