/*
 * Devices that the user creates by name: -device and the drives without one.
 *
 * Boards wire their own devices; what the user adds goes through the table in hw.c, which is const data
 * collected from the parts that offer such devices (virtio, PCI). All functions are called on the main
 * thread with the machine lock held, or before the machine runs.
 */
#ifndef AMPHI_HW_H
#define AMPHI_HW_H

#include "softmmu/machine.h"
#include "softmmu/property.h"

/* One type that -device takes. */
typedef struct HwDeviceType {
    const char *name; /* "virtio-blk-pci" */
    const char *bus;  /* where it goes, for help: "PCI", "virtio-bus" */
    const char *desc; /* for help: "block device" */
    /* Makes it from its options (the driver's name is already used up). The caller checks for options
     * that were not asked for. */
    bool (*create)(Machine *machine, Options *opts, GError **error);
} HwDeviceType;

/* Makes the device that @opts (implied key "driver") describes. Errors: no or unknown driver, naming
 * the nearest known one; unknown property; whatever the device finds wrong. */
bool hw_device_create(Machine *machine, Options *opts, GError **error);

/* device_add and device_del: only what the bus lets come and go while the machine runs. */
bool hw_device_hotplug(Machine *machine, Options *opts, GError **error);
bool hw_device_unplug(Machine *machine, const char *id, GError **error);

/* The names of all types, NULL past the end; and what each takes: false past the end. */
const char *hw_device_nth(unsigned n);
/* The bus that type @name goes on, as HwDeviceType has it. */
const char *hw_device_bus(const char *name);
bool hw_device_property_nth(const char *type, unsigned n, Property *out);

/* Text for -device TYPE,help: its properties, in the form that QEMU has. */
bool hw_device_type_help(const char *name, GString *out, GError **error);

/* Text for -device help: all types. */
void hw_device_help(GString *out);

#endif
