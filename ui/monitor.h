/*
 * The human monitor: commands by text over a character device.
 *
 * Commands run on the main loop with the machine lock held.
 */
#ifndef AMPHI_UI_MONITOR_H
#define AMPHI_UI_MONITOR_H

#include "softmmu/balloon.h"
#include "softmmu/block-stats.h"
#include "softmmu/machine.h"
#include "softmmu/property.h"

/* A disk, as hw/ tells it; strings belong to it. */
typedef struct MonitorBlock {
    const char *id, *path, *format;
    const char *user;           /* the device's name; NULL: none */
    const char *node, *backing; /* the node's name; the backing file, or NULL */
    unsigned depth;             /* of the chain of backing files */
    uint64_t size, host_size;   /* bytes; those that the file takes on the host */
    bool read_only, write_back, no_flush, direct;
    const char *detect_zeroes; /* "off", "on", "unmap" */
    BlockStats stats;
} MonitorBlock;

/* A function on a PCI bus, as hw/ tells it. */
typedef struct MonitorPciBar {
    uint64_t address, size; /* size 0: not there */
    bool io, prefetch, is_64bit;
} MonitorPciBar;

typedef struct MonitorPci {
    const char *id;
    int bus;
    uint8_t devfn, irq, irq_pin;
    uint16_t vendor, device, class_code;
    MonitorPciBar bars[6];
} MonitorPci;

/* What the monitors, this one and QMP, need of parts that ui/ may not include; main.c sets machine->monitor_hooks to a
 * const table. Members may be NULL: the command then says that it is not available. */
typedef struct MonitorHooks {
    const char *version;                               /* "0.1" */
    void (*jit_stats)(Machine *machine, GString *out); /* info jit */
    void (*exits)(Machine *machine, GString *out);     /* info exits */
    /* Switches vCPU @index, all if -1, to engine @name. */
    bool (*accel_switch)(Machine *machine, const char *name, int index, GError **error);
    const char *(*accel_name)(const Vcpu *vcpu);
    void (*accel_help)(GString *out);
    void (*block)(Machine *machine, GString *out, bool verbose); /* info block */
    void (*snapshots)(Machine *machine, GString *out);           /* info snapshots */
    void (*network)(Machine *machine, GString *out);             /* info network */
    void (*usernet)(Machine *machine, GString *out);             /* info usernet */
    void (*pci)(Machine *machine, GString *out);                 /* info pci */
    /* hostfwd_add and hostfwd_remove; @id may be NULL. */
    bool (*forward)(Machine *machine, const char *id, const char *rule, bool remove,
                    GError **error);
    bool (*balloon_info)(Machine *machine, BalloonInfo *info, GError **error);
    bool (*balloon_set_target)(Machine *machine, uint64_t bytes, GError **error);
    bool (*balloon_set_interval)(Machine *machine, uint32_t seconds, GError **error);
    /* For QMP; each returns false past the end. */
    bool (*block_nth)(Machine *machine, unsigned n, MonitorBlock *out);
    /* blockdev-add, which takes over @opts; blockdev-del; block_resize, of a drive or node. */
    bool (*block_add)(Machine *machine, Options *opts, GError **error);
    bool (*block_remove)(Machine *machine, const char *node, GError **error);
    bool (*block_resize)(Machine *machine, const char *id, uint64_t size, GError **error);
    bool (*pci_nth)(Machine *machine, unsigned n, MonitorPci *out);
    /* Whether the host has KVM for this machine, and whether it uses it. */
    bool (*kvm)(Machine *machine, bool *enabled);
    /* netdev_add, which takes over @opts; netdev_del. */
    bool (*netdev_add)(Machine *machine, Options *opts, GError **error);
    bool (*netdev_remove)(Machine *machine, const char *id, GError **error);
    /* device_add, device_del. */
    bool (*device_add)(Machine *machine, Options *opts, GError **error);
    bool (*device_remove)(Machine *machine, const char *id, GError **error);
    const char *(*device_nth)(unsigned n); /* types of -device; NULL past the end */
    bool (*device_property_nth)(const char *type, unsigned n, Property *out);
    const MachineClass *const *machines; /* NULL-terminated */
    /* Calls @each for each property of CPU @model ("max,zba=off") that is on or off. */
    bool (*cpu_expand)(const char *model, void (*each)(void *opaque, const char *name, bool on),
                       void *opaque, GError **error);
} MonitorHooks;

/* Starts a monitor on @chr, which frees it when it is freed itself. */
bool monitor_new(Machine *machine, Chardev *chr, GError **error);

/* Runs one command line, for who has no terminal; what it prints is appended to @out. */
void monitor_run_text(Machine *machine, const char *line, GString *out);
/* As monitor_run_text(), about vCPU @cpu instead of the first. */
void monitor_run_text_on(Machine *machine, unsigned cpu, const char *line, GString *out);

#endif
