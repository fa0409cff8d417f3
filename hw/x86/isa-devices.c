/*
 * Small devices at I/O ports: a debug console, a way to end with a status, and the report of a panic.
 *
 *   isa-debugcon    what is written to a port goes to a character device; reading tells that it is there (0xe9)
 *   isa-debug-exit  writing ends the process with status value * 2 + 1, which is never 0
 *   pvpanic         takes the report of a panic: see hw/misc/pvpanic.c
 *
 * The contracts are QEMU's, which firmware and test programs know. Locking: the machine lock.
 */
#include "hw/x86/isa-devices.h"
#include "cpu/x86/x86.h"
#include "hw/misc/pvpanic.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const DeviceBusType isa_bus_type = {"ISA", NULL};

void isa_attach(Device *dev)
{
    dev->bus = device_find_bus(dev->machine, &isa_bus_type);
}

bool isa_check_machine(Machine *machine, const char *type, GError **error)
{
    if (machine->cls->arch == &x86_64_guest) {
        return true;
    }
    return error_set(error, "-device %s: machine '%s' has no I/O ports; use -machine q35", type,
                     machine->cls->name);
}

/* Reads iobase= as a port with room for @size. */
static bool read_port(Options *opts, uint64_t *port, uint64_t size, GError **error)
{
    if (!options_get_u64(opts, "iobase", port, error)) {
        return false;
    }
    if (*port > 0x10000 - size) {
        return error_set(error, "iobase=0x%" PRIx64 " is no I/O port; use 0 to 0x%x", *port,
                         (unsigned)(0x10000 - size));
    }
    return true;
}

/* ---- isa-debugcon ---- */

typedef struct DebugCon {
    Device dev;
    Chardev *chr;
    uint8_t readback;
} DebugCon;

static uint64_t debugcon_read(Device *dev, uint64_t offset, unsigned size)
{
    return container_of(dev, DebugCon, dev)->readback;
}

static void debugcon_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    uint8_t byte = value;
    chardev_write(container_of(dev, DebugCon, dev)->chr, &byte, 1);
}

static void debugcon_finalize(Device *dev)
{
    DebugCon *s = container_of(dev, DebugCon, dev);
    if (s->chr) {
        chardev_set_handlers(s->chr, NULL, NULL);
    }
}

static void debugcon_released(void *opaque)
{
    ((DebugCon *)opaque)->chr = NULL;
}

static const CharHandlers debugcon_handlers = {.released = debugcon_released, .background = true};

static const DeviceOps debugcon_ops = {
    .name = "isa-debugcon",
    .read = debugcon_read,
    .write = debugcon_write,
    .max_access = 1,
    .finalize = debugcon_finalize,
};

static bool create_debugcon(Machine *machine, Options *opts, GError **error)
{
    const char *id = options_get(opts, "chardev", NULL);
    uint64_t port = 0xe9, readback = 0xe9;
    if (!isa_check_machine(machine, "isa-debugcon", error) || !read_port(opts, &port, 1, error) ||
        !options_get_u64(opts, "readback", &readback, error)) {
        return false;
    }
    Chardev *chr = id ? machine_find_chardev(machine, id) : NULL;
    if (id && !chr) {
        return error_set(error, "-device isa-debugcon: there is no -chardev with id=%s", id);
    }
    DebugCon *s = device_new(machine, &debugcon_ops, sizeof(*s), options_get(opts, "id", NULL));
    isa_attach(&s->dev);
    s->chr = chr;
    s->readback = readback;
    if (chr) {
        chardev_set_handlers(chr, &debugcon_handlers, s);
    }
    device_map_pio(&s->dev, port, 1);
    return true;
}

/* ---- isa-debug-exit ---- */

static void exit_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    machine_request_quit(dev->machine, (int)(value << 1 | 1) & 0xff);
}

static const DeviceOps exit_ops = {
    .name = "isa-debug-exit",
    .write = exit_write,
    .max_access = 4,
};

static bool create_exit(Machine *machine, Options *opts, GError **error)
{
    uint64_t port = 0x501, size = 2;
    if (!isa_check_machine(machine, "isa-debug-exit", error) ||
        !options_get_u64(opts, "iosize", &size, error)) {
        return false;
    }
    if (size != 1 && size != 2 && size != 4) {
        return error_set(error, "-device isa-debug-exit: iosize= must be 1, 2 or 4");
    }
    if (!read_port(opts, &port, size, error)) {
        return false;
    }
    Device *dev = device_new(machine, &exit_ops, sizeof(*dev), options_get(opts, "id", NULL));
    isa_attach(dev);
    device_map_pio(dev, port, size);
    return true;
}

/* ---- pvpanic ---- */

typedef struct PvPanic {
    Device dev;
    uint16_t port;
} PvPanic;

static uint64_t pvpanic_read(Device *dev, uint64_t offset, unsigned size)
{
    return pvpanic_events();
}

static void pvpanic_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    pvpanic_report(dev->machine, value);
}

static const DeviceOps pvpanic_ops = {
    .name = "pvpanic",
    .read = pvpanic_read,
    .write = pvpanic_write,
    .max_access = 1,
};

uint16_t isa_pvpanic_port(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);
        if (dev->ops == &pvpanic_ops) {
            return container_of(dev, PvPanic, dev)->port;
        }
    }
    return 0;
}

static bool create_pvpanic(Machine *machine, Options *opts, GError **error)
{
    uint64_t port = 0x505;
    if (!isa_check_machine(machine, "pvpanic", error)) {
        return false;
    }
    if (options_get(opts, "ioport", NULL) && !options_get_u64(opts, "ioport", &port, error)) {
        return false;
    }
    if (port > UINT16_MAX || !port) {
        return error_set(error, "-device pvpanic: ioport= must be 1 to 0xffff");
    }
    PvPanic *s = device_new(machine, &pvpanic_ops, sizeof(*s), options_get(opts, "id", NULL));
    isa_attach(&s->dev);
    s->port = port;
    device_map_pio(&s->dev, port, 1);
    return true;
}

const HwDeviceType isa_device_types[] = {
    {"isa-debugcon", "ISA", "debug console at a port", create_debugcon},
    {"isa-debug-exit", "ISA", "ends with the status that is written to a port", create_exit},
    {"pvpanic", "ISA", "takes the report of a panic", create_pvpanic},
    {"pc-testdev", "ISA", "ports and memory for test programs", pc_testdev_create},
    {NULL, NULL, NULL, NULL},
};
