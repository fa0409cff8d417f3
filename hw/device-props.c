/*
 * The properties of -device's types, for who asks over QMP what a device takes.
 *
 * What is true of a property is said where it is read; these tables only list names. A test gives each
 * to its device, so that none is listed that is not there.
 */
#include "hw/hw.h"
#include "softmmu/base/bits.h"
#include <string.h>

typedef struct DeviceProperty {
    const char *name;
    const char *kind; /* as QMP says it: "str", "bool", "uint32", ... */
} DeviceProperty;

static const DeviceProperty virtio_properties[] = {
    {"event_idx", "bool"}, {"indirect_desc", "bool"},
    {"packed", "bool"},    {"iommu_platform", "bool"},
    {NULL, NULL},
};

static const DeviceProperty pci_properties[] = {
    {"addr", "int32"},         {"romfile", "str"},         {"vectors", "uint32"},
    {"disable-legacy", "str"}, {"disable-modern", "bool"}, {NULL, NULL},
};

static const DeviceProperty blk_properties[] = {
    {"drive", "str"},
    {"serial", "str"},
    {"bootindex", "int32"},
    {"share-rw", "bool"},
    {"num-queues", "uint16"},
    {"queue-size", "uint16"},
    {"logical_block_size", "size"},
    {"physical_block_size", "size"},
    {"discard", "bool"},
    {"write-zeroes", "bool"},
    {"config-wce", "bool"},
    {NULL, NULL},
};

static const DeviceProperty net_properties[] = {
    {"netdev", "str"},           {"mac", "str"},
    {"bootindex", "int32"},      {"rx_queue_size", "uint16"},
    {"tx_queue_size", "uint16"}, {"csum", "bool"},
    {"guest_csum", "bool"},      {"mrg_rxbuf", "bool"},
    {"host_tso4", "bool"},       {"host_tso6", "bool"},
    {"host_ecn", "bool"},        {"guest_tso4", "bool"},
    {"guest_tso6", "bool"},      {"guest_ecn", "bool"},
    {"ctrl_vq", "bool"},         {NULL, NULL},
};

static const DeviceProperty p9_properties[] = {
    {"fsdev", "str"},
    {"mount_tag", "str"},
    {NULL, NULL},
};

static const DeviceProperty balloon_properties[] = {
    {"deflate-on-oom", "bool"},
    {"free-page-reporting", "bool"},
    {NULL, NULL},
};

static const DeviceProperty rng_properties[] = {
    {"rng", "str"},
    {"max-bytes", "uint64"},
    {"period", "uint32"},
    {NULL, NULL},
};

static const DeviceProperty serial_properties[] = {
    {"max_ports", "uint32"},
    {"emergency-write", "bool"},
    {NULL, NULL},
};

static const DeviceProperty port_properties[] = {
    {"chardev", "str"},
    {"name", "str"},
    {"nr", "uint32"},
    {NULL, NULL},
};

static const DeviceProperty iommu_properties[] = {
    {"addr", "int32"},    {"off", "bool"},           {"s-stage", "bool"}, {"g-stage", "bool"},
    {"intremap", "bool"}, {"ioatc-limit", "uint32"}, {NULL, NULL},
};

static const DeviceProperty no_properties[] = {{NULL, NULL}};

/* Which tables hold for a type: the first row whose prefix its name has. */
static const struct {
    const char *prefix;
    const DeviceProperty *own;
    bool virtio; /* a whole device, not a port */
} kinds[] = {
    {"virtio-9p", p9_properties, true},
    {"virtio-balloon", balloon_properties, true},
    {"virtio-blk", blk_properties, true},
    {"virtio-net", net_properties, true},
    {"virtio-rng", rng_properties, true},
    {"virtio-serial", serial_properties, true},
    {"virtconsole", port_properties, false},
    {"virtserialport", port_properties, false},
    {"riscv-iommu", iommu_properties, false},
    {"virtio-", no_properties, true}, /* none of its own that are known here */
};

/* The @*n-th row of @table; else takes its length off @*n. */
static const DeviceProperty *nth_of(const DeviceProperty *table, unsigned *n)
{
    for (; table->name; table++) {
        if ((*n)-- == 0) {
            return table;
        }
    }
    return NULL;
}

static const DeviceProperty *find_nth(const char *type, unsigned n)
{
    const DeviceProperty *found = NULL;
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!g_str_has_prefix(type, kinds[i].prefix)) {
            continue;
        }
        found = nth_of(kinds[i].own, &n);
        if (!found && kinds[i].virtio) {
            found = nth_of(virtio_properties, &n);
        }
        if (!found && kinds[i].virtio && !g_str_has_suffix(type, "-device")) {
            found = nth_of(pci_properties, &n);
        }
        break;
    }
    return found;
}

bool hw_device_property_nth(const char *type, unsigned n, const char **name, const char **kind)
{
    const DeviceProperty *property = find_nth(type, n);
    if (property) {
        *name = property->name;
        *kind = property->kind;
    }
    return property != NULL;
}
