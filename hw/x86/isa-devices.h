/*
 * Small devices at I/O ports that the user adds by -device. See isa-devices.c and pc-testdev.c.
 */
#ifndef AMPHI_HW_X86_ISA_DEVICES_H
#define AMPHI_HW_X86_ISA_DEVICES_H

#include "hw/hw.h"

extern const HwDeviceType isa_device_types[];

/* The port of the machine's pvpanic device; 0: there is none. */
uint16_t isa_pvpanic_port(Machine *machine);

/* The bus behind q35's LPC bridge; puts @dev on it, where there is none on the board's own wires. */
extern const DeviceBusType isa_bus_type;
void isa_attach(Device *dev);

/* False with @error if @machine has no I/O ports for -device @type. */
bool isa_check_machine(Machine *machine, const char *type, GError **error);

/* Makes -device pc-testdev. */
bool pc_testdev_create(Machine *machine, Options *opts, GError **error);

#endif
