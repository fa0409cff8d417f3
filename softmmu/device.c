/*
 * What all devices share: see device.h.
 */
#include "softmmu/device.h"
#include "softmmu/base/error.h"
#include "softmmu/machine.h"
#include <string.h>

static bool id_taken(Machine *machine, const char *id)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        if (g_str_equal(((Device *)machine->devices->pdata[i])->id, id)) {
            return true;
        }
    }
    return false;
}

bool device_check_id(Machine *machine, const char *id, GError **error)
{
    return id && id_taken(machine, id)
               ? error_set(error, "there are two devices '%s'; give each its own id=", id)
               : true;
}

/* "ns16550a@0": the first number that makes it unique. */
static char *make_id(Machine *machine, const char *name)
{
    for (unsigned n = 0;; n++) {
        char *id = g_strdup_printf("%s@%u", name, n);
        if (!id_taken(machine, id)) {
            return id;
        }
        g_free(id);
    }
}

void *device_new(Machine *machine, const DeviceOps *ops, size_t size, const char *id)
{
    Device *dev = g_malloc0(size);
    dev->ops = ops;
    dev->machine = machine;
    dev->id = id ? g_strdup(id) : make_id(machine, ops->name);
    g_ptr_array_add(machine->devices, dev);
    return dev;
}

const DeviceBus *device_bus_new(Device *owner, const DeviceBusType *type, const char *name)
{
    DeviceBus *bus = g_new(DeviceBus, 1);
    *bus = (DeviceBus){type, g_strdup(name), owner};
    g_ptr_array_add(owner->machine->buses, bus);
    return bus;
}

const DeviceBus *device_find_bus(Machine *machine, const DeviceBusType *type)
{
    for (unsigned i = 0; i < machine->buses->len; i++) {
        const DeviceBus *bus = machine->buses->pdata[i];
        if (bus->type == type) {
            return bus;
        }
    }
    return NULL;
}

bool device_is_named(const Device *dev)
{
    return !strpbrk(dev->id, "@/");
}

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    Device *dev = opaque;
    return dev->ops->read ? dev->ops->read(dev, offset, size) : 0;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Device *dev = opaque;
    if (dev->ops->write) {
        dev->ops->write(dev, offset, value, size);
    }
}

MemoryRegion *device_map_mmio(Device *dev, uint64_t base, uint64_t size)
{
    MmioOps ops = {device_read, device_write, dev->ops->min_access, dev->ops->max_access,
                   dev->ops->unaligned};
    return memory_map_add_mmio(dev->machine->memory, dev->id, base, size, 0, &ops, dev, dev);
}

MemoryRegion *device_map_pio(Device *dev, uint16_t port, unsigned count)
{
    MmioOps ops = {device_read, device_write, dev->ops->min_access, dev->ops->max_access,
                   dev->ops->unaligned};
    return memory_map_add_mmio(dev->machine->io, dev->id, port, count, 0, &ops, dev, dev);
}
