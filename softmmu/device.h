/*
 * What all devices share.
 *
 * A device is a plain struct with Device first, made by its foo_new(...) and wired by board code. All
 * of its functions are called with the machine lock held. Each device has one foo_update_irq() that
 * computes the level of its line from its state.
 */
#ifndef AMPHI_DEVICE_H
#define AMPHI_DEVICE_H

#include "softmmu/base/vmstate.h"
#include "softmmu/clock.h"
#include "softmmu/irq.h"
#include "softmmu/memory.h"
#include "softmmu/options.h"

typedef struct Machine Machine;

typedef struct DeviceOps {
    const char *name; /* type, as in -device and `info qtree`: "virtio-blk-device", "ns16550a" */
    /* To the state after power-on. May drop lines; must not raise any. */
    void (*reset)(Device *dev);
    /* Register accesses of a device with one register block; see MmioOps. NULL if it has none. */
    uint64_t (*read)(Device *dev, uint64_t offset, unsigned size);
    void (*write)(Device *dev, uint64_t offset, uint64_t value, unsigned size);
    uint8_t min_access, max_access; /* bytes; 0 means 1 and 8 */
    bool unaligned;
    const VmDesc *vmstate;
    /* Of an interrupt controller: appends the state of its inputs, for `info irq`. May be NULL. */
    void (*print_irqs)(Device *dev, GString *out);
    /* A snapshot was loaded: all state and memory is there. May be NULL. */
    void (*loaded)(Device *dev);
    /* Releases what foo_new() made, except the struct itself. May be NULL. */
    void (*finalize)(Device *dev);
} DeviceOps;

/* A kind of bus, and a bus that a device has for others. They are what the user sees of how devices hang together
 * (`info qtree`, bus= of -device); how a device reaches another is between the two. */
typedef struct DeviceBusType {
    const char *name; /* as `info qtree` has it: "PCIE", "virtio-mmio-bus" */
    /* Appends what the bus knows of @dev: lines with @indent spaces before them. May be NULL. */
    void (*describe)(const Device *dev, unsigned indent, GString *out);
} DeviceBusType;

typedef struct DeviceBus {
    const DeviceBusType *type;
    char *name; /* "pcie.0" */
    Device *owner;
} DeviceBus;

struct Device {
    const DeviceOps *ops;
    Machine *machine;
    char *id;             /* unique: the user's id= or "name@n" */
    const DeviceBus *bus; /* that it is on; NULL: the board's own wires */
    Options *given;       /* what the user said of it; NULL: nothing */
    bool in_access;       /* re-entrancy guard: set while one of its functions runs */
};

/* Allocates a zeroed struct of @size bytes with Device first and registers it with @machine, which
 * owns it from now on: resets it in order of creation and frees it in reverse order. @id may be NULL. */
void *device_new(Machine *machine, const DeviceOps *ops, size_t size, const char *id);

/* Gives @owner a bus named @name, which the machine frees. */
const DeviceBus *device_bus_new(Device *owner, const DeviceBusType *type, const char *name);

/* The first bus of @type, or NULL. */
const DeviceBus *device_find_bus(Machine *machine, const DeviceBusType *type);

/* Whether @id, of the user's choice (NULL: none), is free; @error says that it is not. */
bool device_check_id(Machine *machine, const char *id, GError **error);

/* Whether the user gave the device its id; the others' are "type@n", and parts are "whole/part". */
bool device_is_named(const Device *dev);

/* Maps the register block served by ops->read and ops->write. */
MemoryRegion *device_map_mmio(Device *dev, uint64_t base, uint64_t size);

/* The same at I/O ports. */
MemoryRegion *device_map_pio(Device *dev, uint16_t port, unsigned count);

#endif
