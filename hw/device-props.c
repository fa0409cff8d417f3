/*
 * The properties of -device's types, for who asks over QMP what a device takes.
 *
 * What is true of a property is said where it is read; these tables only list names. A test gives each
 * to its device, so that none is listed that is not there.
 */
#include "hw/hw.h"
#include "softmmu/base/bits.h"
#include <string.h>

static const Property virtio_properties[] = {
    {"event_idx", "bool", "the driver may say when it wants to be told (EVENT_IDX)", "on"},
    {"indirect_desc", "bool", "requests may have tables of their own (INDIRECT_DESC)", "on"},
    {"packed", "bool", "packed rings", "off"},
    {"iommu_platform", "bool", "memory accesses go through the platform's IOMMU", "off"},
    {0},
};

static const Property pci_properties[] = {
    {"multifunction", "bool", "no effect: told by the functions that are there", "off"},
    {"addr", "int32", "slot and function on the bus, in hexadecimal, such as 6 or 6.1", NULL},
    {0},
};

static const Property virtio_pci_properties[] = {
    {"romfile", "str", "no effect: there are no option ROMs", NULL},
    {"vectors", "uint32", "MSI-X messages; 0: only the interrupt pin", NULL},
    {"disable-legacy", "str", "no effect: there is no legacy interface", "on"},
    {"disable-modern", "bool", "only off", "off"},
    {0},
};

static const Property blk_properties[] = {
    {"drive", "str", "the disk: id of a -drive or name of a node", NULL},
    {"serial", "str", "serial number", NULL},
    {"bootindex", "int32", "place in the order of booting", NULL},
    {"share-rw", "bool", "no effect", NULL},
    {"num-queues", "uint16", "request queues; by default one for each CPU", NULL},
    {"queue-size", "uint16", "entries of a queue", "256"},
    {"logical_block_size", "size", "bytes of a sector", "512"},
    {"physical_block_size", "size", "bytes that are best written at once", "512"},
    {"discard", "bool", "offer to give space back", "on"},
    {"write-zeroes", "bool", "offer to write zeroes", "on"},
    {"config-wce", "bool", "the driver may switch the write cache", "on"},
    {0},
};

static const Property net_properties[] = {
    {"netdev", "str", "the network: id of a -netdev", NULL},
    {"mac", "str", "hardware address", "52:54:00:12:34:56 and up"},
    {"bootindex", "int32", "place in the order of booting", NULL},
    {"rx_queue_size", "uint16", "entries of the receive queue", "256"},
    {"tx_queue_size", "uint16", "entries of the transmit queue", "256"},
    {"csum", "bool", "take packets without checksum", "on"},
    {"guest_csum", "bool", "give packets without checksum", "on"},
    {"mrg_rxbuf", "bool", "a packet may fill several buffers", "on"},
    {"host_tso4", "bool", "take large TCP segments over IPv4", "on"},
    {"host_tso6", "bool", "take large TCP segments over IPv6", "on"},
    {"host_ecn", "bool", "take them with ECN", "on"},
    {"guest_tso4", "bool", "give large TCP segments over IPv4", "on"},
    {"guest_tso6", "bool", "give large TCP segments over IPv6", "on"},
    {"guest_ecn", "bool", "give them with ECN", "on"},
    {"ctrl_vq", "bool", "filters and the like, by a control queue", "on"},
    {0},
};

static const Property p9_properties[] = {
    {"fsdev", "str", "the folder: id of an -fsdev", NULL},
    {"mount_tag", "str", "the name that the guest mounts it by", NULL},
    {0},
};

static const Property balloon_properties[] = {
    {"deflate-on-oom", "bool", "the guest takes memory back before it runs out", "off"},
    {"free-page-reporting", "bool", "the guest tells which pages it does not use", "off"},
    {0},
};

static const Property rng_properties[] = {
    {"rng", "str", "the source: id of an -object rng-random or rng-builtin", NULL},
    {"max-bytes", "uint64", "bytes in a period", "no limit"},
    {"period", "uint32", "milliseconds", "65536"},
    {0},
};

static const Property serial_properties[] = {
    {"max_ports", "uint32", "ports that there may be", "31"},
    {"emergency-write", "bool", "output before the driver is ready", "on"},
    {0},
};

static const Property port_properties[] = {
    {"chardev", "str", "where it leads: id of a -chardev", NULL},
    {"name", "str", "the name that the guest sees", NULL},
    {"nr", "uint32", "number of the port", NULL},
    {0},
};

static const Property iommu_properties[] = {
    {"off", "bool", "the guest finds it switched off, not bare", "on"},
    {"s-stage", "bool", "first stage", "on"},
    {"g-stage", "bool", "second stage", "on"},
    {"intremap", "bool", "remaps messages that are interrupts", "on"},
    {"ioatc-limit", "uint32", "translations that are kept", "2048"},
    {0},
};

static const Property port_properties_pcie[] = {
    {"port", "uint8", "number of the port", "0"},
    {"chassis", "uint8", "number of the chassis", "0"},
    {"slot", "uint16", "number of the slot", "the chassis'"},
    {0},
};

static const Property disk_properties[] = {
    {"drive", "str", "the disk: id of a -drive or name of a node", NULL},
    {"serial", "str", "serial number", NULL},
    {"bootindex", "int32", "place in the order of booting", NULL},
    {0},
};

static const Property card_properties[] = {
    {"netdev", "str", "the network: id of a -netdev", NULL},
    {"mac", "str", "hardware address", "52:54:00:12:34:56 and up"},
    {"bootindex", "int32", "place in the order of booting", NULL},
    {"romfile", "str", "no effect: there are no option ROMs", NULL},
    {0},
};

static const Property edu_properties[] = {{"dma_mask", "uint64",
                                           "bits of addresses that DMA goes to", "0xfffffff"},
                                          {0}};

static const Property testdev_properties[] = {{"membar", "size",
                                               "bytes of a third, empty range of addresses", "0"},
                                              {0}};

static const Property vga_properties[] = {{"vgamem_mb", "uint32", "MiB of video memory", "16"},
                                          {0}};

static const Property debugcon_properties[] = {
    {"chardev", "str", "where it leads: id of a -chardev", NULL},
    {"iobase", "uint32", "port", "0xe9"},
    {"readback", "uint32", "what reading gives", "0xe9"},
    {0},
};

static const Property exit_properties[] = {
    {"iobase", "uint32", "first port", "0x501"},
    {"iosize", "uint32", "ports", "2"},
    {0},
};

static const Property panic_properties[] = {{"ioport", "uint16", "port", "0x505"}, {0}};

static const Property no_properties[] = {{0}};

/* What comes with the bus. */
typedef enum Transport { ALONE, ON_PCI, VIRTIO } Transport;

/* Which tables hold for a type: the first row whose prefix its name has. */
static const struct {
    const char *prefix;
    const Property *own;
    Transport transport;
} kinds[] = {
    {"virtio-9p", p9_properties, VIRTIO},
    {"virtio-balloon", balloon_properties, VIRTIO},
    {"virtio-blk", blk_properties, VIRTIO},
    {"virtio-net", net_properties, VIRTIO},
    {"virtio-rng", rng_properties, VIRTIO},
    {"virtio-serial", serial_properties, VIRTIO},
    {"virtconsole", port_properties, ALONE},
    {"virtserialport", port_properties, ALONE},
    {"virtio-", no_properties, VIRTIO}, /* none of its own that are known here */
    {"riscv-iommu", iommu_properties, ON_PCI},
    {"ide-", disk_properties, ALONE},
    {"pcie-root-port", port_properties_pcie, ON_PCI},
    {"ahci", no_properties, ON_PCI},
    {"ich9-ahci", no_properties, ON_PCI},
    {"VGA", vga_properties, ON_PCI},
    {"isa-debugcon", debugcon_properties, ALONE},
    {"isa-debug-exit", exit_properties, ALONE},
    {"pvpanic-pci", no_properties, ON_PCI},
    {"pvpanic", panic_properties, ALONE},
    {"e1000", card_properties, ON_PCI},
    {"edu", edu_properties, ON_PCI},
    {"pci-testdev", testdev_properties, ON_PCI},
};

/* The @*n-th row of @table; else takes its length off @*n. */
static const Property *nth_of(const Property *table, unsigned *n)
{
    for (; table->name; table++) {
        if ((*n)-- == 0) {
            return table;
        }
    }
    return NULL;
}

static const Property *find_nth(const char *type, unsigned n)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!g_str_has_prefix(type, kinds[i].prefix)) {
            continue;
        }
        bool virtio = kinds[i].transport == VIRTIO;
        bool pci = kinds[i].transport == ON_PCI || (virtio && !g_str_has_suffix(type, "-device"));
        const Property *found = nth_of(kinds[i].own, &n);
        if (!found && virtio) {
            found = nth_of(virtio_properties, &n);
        }
        if (!found && pci) {
            found = nth_of(pci_properties, &n);
        }
        return !found && pci && virtio ? nth_of(virtio_pci_properties, &n) : found;
    }
    return NULL;
}

bool hw_device_property_nth(const char *type, unsigned n, Property *out)
{
    const Property *property = hw_device_bus(type) ? find_nth(type, n) : NULL;
    if (property) {
        *out = *property;
    }
    return property != NULL;
}
