/*
 * The -device types of virtio: each device behind each transport, and the ports of virtio-serial.
 */
#include "hw/boot-order.h"
#include "hw/virtio/virtio-devices.h"
#include "hw/virtio/virtio-mmio.h"
#include "hw/virtio/virtio-pci.h"
#include "softmmu/base/error.h"
#include <linux/virtio_ids.h>

bool virtio_parse_queue_size(Options *opts, const char *key, uint16_t *size, GError **error)
{
    uint64_t value = *size;

    if (!options_get_u64(opts, key, &value, error)) {
        return false;
    }
    if (!is_pow2(value) || value < 2 || value > VIRTIO_MAX_QUEUE_SIZE) {
        return error_set(error, "%s= must be a power of two from 2 to %u", key,
                         VIRTIO_MAX_QUEUE_SIZE);
    }
    *size = value;
    return true;
}

/* The user's id=, which no other device may have. */
static bool parse_id(Machine *machine, Options *opts, const char **id, GError **error)
{
    *id = options_get(opts, "id", NULL);
    return device_check_id(machine, *id, error);
}

static bool create_on_mmio(Machine *machine, Options *opts, VirtioCreate *create, GError **error)
{
    Device *slot = virtio_mmio_find_slot(machine, options_get(opts, "bus", NULL), error);
    VirtioDevice *vdev;
    const char *id;

    if (!slot || !parse_id(machine, opts, &id, error)) {
        return false;
    }
    vdev = create(machine, opts, id, error);
    if (!vdev) {
        return false;
    }
    virtio_mmio_plug(slot, vdev);
    return true;
}

/* Properties of the PCI transport that choose among interfaces. There is only the modern one, which drivers
 * of transitional devices use too. */
static bool check_modern(Options *opts, GError **error)
{
    bool no_modern = false;

    options_mark_used(opts, "disable-legacy");
    if (!options_get_bool(opts, "disable-modern", &no_modern, error)) {
        return false;
    }
    return no_modern ? error_set(error, "virtio-pci: there is no legacy interface; leave out "
                                        "disable-modern=on")
                     : true;
}

/* What firmware finds of @vdev behind its function, to start from; NULL: nothing. */
static const char *boot_suffix(const VirtioDevice *vdev)
{
    switch (vdev->ops->device_id) {
    case VIRTIO_ID_BLOCK: return "disk@0,0";
    case VIRTIO_ID_NET: return "ethernet-phy@0";
    default: return NULL;
    }
}

static bool create_on_pci(Machine *machine, Options *opts, VirtioCreate *create, GError **error)
{
    uint64_t vectors = VIRTIO_PCI_VECTORS_AUTO;
    VirtioDevice *vdev;
    char *inner_id;
    uint8_t devfn;
    const char *id;
    PciBus *bus;

    options_mark_used(opts, "romfile"); /* no option ROMs */
    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !parse_id(machine, opts, &id, error) || !check_modern(opts, error) ||
        !options_get_u64(opts, "vectors", &vectors, error)) {
        return false;
    }
    inner_id = id ? g_strdup_printf("%s/virtio-backend", id) : NULL;
    vdev = create(machine, opts, inner_id, error);
    g_free(inner_id);
    if (!vdev) {
        return false;
    }
    PciDevice *pci = virtio_pci_new(bus, devfn, vdev, id, MIN(vectors, VIRTIO_PCI_VECTORS_AUTO));
    return !boot_suffix(vdev) || boot_order_add(pci, boot_suffix(vdev), opts, error);
}

static bool create_9p_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_9p_create, error);
}

static bool create_9p_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_9p_create, error);
}

static bool create_balloon_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_balloon_create, error);
}

static bool create_balloon_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_balloon_create, error);
}

static bool create_blk_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_blk_create, error);
}

static bool create_blk_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_blk_create, error);
}

static bool create_keyboard_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_keyboard_create, error);
}

static bool create_keyboard_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_keyboard_create, error);
}

static bool create_net_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_net_create, error);
}

static bool create_net_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_net_create, error);
}

static bool create_rng_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_rng_create, error);
}

static bool create_rng_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_rng_create, error);
}

static bool create_serial_device(Machine *machine, Options *opts, GError **error)
{
    return create_on_mmio(machine, opts, virtio_serial_create, error);
}

static bool create_serial_pci(Machine *machine, Options *opts, GError **error)
{
    return create_on_pci(machine, opts, virtio_serial_create, error);
}

#define MMIO_BUS "virtio-bus"
#define PCI_BUS "PCI"
#define SERIAL_BUS "virtio-serial-bus"

/* What managers call a device that has only the modern interface, which is all that the plain ones have here. */
#define MODERN(name) "same as " name

const HwDeviceType virtio_device_types[] = {
    {"virtio-9p-device", MMIO_BUS, "shared folder", create_9p_device},
    {"virtio-9p-pci", PCI_BUS, "shared folder", create_9p_pci},
    {"virtio-9p-pci-non-transitional", PCI_BUS, MODERN("virtio-9p-pci"), create_9p_pci},
    {"virtio-balloon-device", MMIO_BUS, "memory balloon", create_balloon_device},
    {"virtio-balloon-pci", PCI_BUS, "memory balloon", create_balloon_pci},
    {"virtio-balloon-pci-non-transitional", PCI_BUS, MODERN("virtio-balloon-pci"),
     create_balloon_pci},
    {"virtio-balloon", PCI_BUS, "memory balloon, short for virtio-balloon-pci", create_balloon_pci},
    {"virtio-blk-device", MMIO_BUS, "block device", create_blk_device},
    {"virtio-blk-pci", PCI_BUS, "block device", create_blk_pci},
    {"virtio-blk-pci-non-transitional", PCI_BUS, MODERN("virtio-blk-pci"), create_blk_pci},
    {"virtio-blk", PCI_BUS, "block device, short for virtio-blk-pci", create_blk_pci},
    {"virtio-keyboard-device", MMIO_BUS, "keyboard with a power key", create_keyboard_device},
    {"virtio-keyboard-pci", PCI_BUS, "keyboard with a power key", create_keyboard_pci},
    {"virtio-keyboard", PCI_BUS, "keyboard, short for virtio-keyboard-pci", create_keyboard_pci},
    {"virtio-net-device", MMIO_BUS, "network card", create_net_device},
    {"virtio-net-pci", PCI_BUS, "network card", create_net_pci},
    {"virtio-net-pci-non-transitional", PCI_BUS, MODERN("virtio-net-pci"), create_net_pci},
    {"virtio-net", PCI_BUS, "network card, short for virtio-net-pci", create_net_pci},
    {"virtio-rng-device", MMIO_BUS, "random number generator", create_rng_device},
    {"virtio-rng-pci", PCI_BUS, "random number generator", create_rng_pci},
    {"virtio-rng-pci-non-transitional", PCI_BUS, MODERN("virtio-rng-pci"), create_rng_pci},
    {"virtio-rng", PCI_BUS, "random number generator, short for virtio-rng-pci", create_rng_pci},
    {"virtio-serial-device", MMIO_BUS, "consoles and serial ports", create_serial_device},
    {"virtio-serial-pci", PCI_BUS, "consoles and serial ports", create_serial_pci},
    {"virtio-serial-pci-non-transitional", PCI_BUS, MODERN("virtio-serial-pci"), create_serial_pci},
    {"virtio-serial", PCI_BUS, "consoles and serial ports, short for virtio-serial-pci",
     create_serial_pci},
    {"virtconsole", SERIAL_BUS, "console port of a virtio-serial device", virtio_console_create},
    {"virtserialport", SERIAL_BUS, "port of a virtio-serial device", virtio_serialport_create},
    {NULL, NULL, NULL, NULL},
};
