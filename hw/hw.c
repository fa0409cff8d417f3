/*
 * Devices that the user creates by name: see hw.h.
 */
#include "hw/hw.h"
#include "hw/iommu/iommu-devices.h"
#include "hw/display/vga.h"
#include "hw/ide/ahci.h"
#include "hw/pci/bridge.h"
#include "hw/misc/pci-misc.h"
#include "hw/net/e1000.h"
#include "hw/virtio/virtio.h"
#include "hw/x86/isa-devices.h"
#include "hw/x86/pc-iommu.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <string.h>

/* The parts that offer devices; each list ends with a NULL name. */
/* clang-format off */
static const HwDeviceType *const device_lists[] = {
    virtio_device_types,
    isa_device_types,
    ahci_device_types,
    vga_device_types,
    iommu_device_types,
    pci_bridge_device_types,
    misc_device_types,
    pc_iommu_device_types,
    e1000_device_types,
};
/* clang-format on */

static const HwDeviceType *find_type(const char *name)
{
    for (size_t list = 0; list < ARRAY_SIZE(device_lists); list++) {
        for (const HwDeviceType *type = device_lists[list]; type->name; type++) {
            if (!strcmp(type->name, name)) {
                return type;
            }
        }
    }
    return NULL;
}

/* Sets @error for a driver name that nothing has. */
static bool unknown_type(const char *name, GError **error)
{
    GPtrArray *names = g_ptr_array_new();
    for (size_t list = 0; list < ARRAY_SIZE(device_lists); list++) {
        for (const HwDeviceType *type = device_lists[list]; type->name; type++) {
            g_ptr_array_add(names, (char *)type->name);
        }
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = error_nearest(name, (const char *const *)names->pdata);
    if (nearest) {
        g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND,
                    "-device: unknown device '%s'; did you mean '%s'?", name, nearest);
    } else {
        g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND,
                    "-device: unknown device '%s'; -device help lists them", name);
    }
    g_ptr_array_unref(names);
    return false;
}

/* Keeps what the user said with the device that it made: of those from the @first-th on, the one that is called like
 * that; some are called otherwise, but come first. */
static void keep_options(Machine *machine, unsigned first, const HwDeviceType *type,
                         const Options *opts)
{
    Device *made = NULL;
    for (unsigned i = machine->devices->len; i-- > first;) {
        Device *dev = machine->devices->pdata[i];
        if (!made || strcmp(made->ops->name, type->name) != 0) {
            made = dev;
        }
    }
    if (made) {
        options_free(made->given);
        made->given = options_copy(opts);
    }
}

bool hw_device_create(Machine *machine, Options *opts, GError **error)
{
    const char *name = options_get(opts, "driver", NULL);
    if (!name || !*name) {
        return error_set(error, "-device needs the name of a device; -device help lists them");
    }
    const HwDeviceType *type = find_type(name);
    if (!type) {
        return unknown_type(name, error);
    }
    unsigned first = machine->devices->len;
    if (!type->create(machine, opts, error) || !options_check_unused(opts, error)) {
        return false;
    }
    keep_options(machine, first, type, opts);
    return true;
}

/* The name of the bus that the device would be on, for messages. */
static const char *bus_for(const HwDeviceType *type, Options *opts)
{
    const char *bus = options_get(opts, "bus", NULL);
    return bus ? bus : !strcmp(type->bus, "PCI") ? "pcie.0" : type->bus;
}

bool hw_device_hotplug(Machine *machine, Options *opts, GError **error)
{
    const char *name = options_get(opts, "driver", "");
    const HwDeviceType *type = find_type(name);
    if (!type) {
        return error_set(error, "'%s' is not a valid device model name", name);
    }
    return device_check_id(machine, options_get(opts, "id", NULL), error) &&
           error_set(error, "Bus '%s' does not support hotplugging", bus_for(type, opts));
}

bool hw_device_unplug(Machine *machine, const char *id, GError **error)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        const Device *dev = machine->devices->pdata[i];
        if (!strcmp(dev->id, id)) {
            return error_set(error, "Device '%s' is on a bus that does not support hotplugging",
                             id);
        }
    }
    g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND, "Device '%.64s' not found", id);
    return false;
}

bool hw_device_type_help(const char *name, GString *out, GError **error)
{
    const HwDeviceType *type = find_type(name);
    Property property;
    if (!type) {
        return unknown_type(name, error);
    }
    g_string_append_printf(out, "%s options:\n", type->name);
    for (unsigned n = 0; hw_device_property_nth(name, n, &property); n++) {
        property_print(&property, out);
    }
    return true;
}

const char *hw_device_nth(unsigned n)
{
    for (size_t list = 0; list < ARRAY_SIZE(device_lists); list++) {
        for (const HwDeviceType *type = device_lists[list]; type->name; type++) {
            if (n-- == 0) {
                return type->name;
            }
        }
    }
    return NULL;
}

const char *hw_device_bus(const char *name)
{
    const HwDeviceType *type = find_type(name);
    return type ? type->bus : NULL;
}

void hw_device_help(GString *out)
{
    for (size_t list = 0; list < ARRAY_SIZE(device_lists); list++) {
        for (const HwDeviceType *type = device_lists[list]; type->name; type++) {
            g_string_append_printf(out, "name \"%s\", bus %s, desc \"%s\"\n", type->name, type->bus,
                                   type->desc);
        }
    }
}
