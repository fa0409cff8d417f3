/*
 * virtio over MMIO, version 2 (VIRTIO 1.2 section 4.2). The legacy register layout is not offered.
 *
 * Registers take 32-bit accesses only; configuration space, from 0x100 on, takes 1, 2 and 4 bytes.
 * An empty slot answers with device id 0, which drivers pass over silently. Locking: the machine
 * lock.
 */
#include "hw/virtio/virtio-mmio.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define MMIO_MAGIC 0x74726976 /* "virt" */
#define MMIO_VERSION 2
#define MMIO_SHM_LEN_NONE 0xffffffff /* all ones: no such shared memory region */

typedef struct VirtioMmio {
    Device dev;
    IrqLine irq;
    VirtioDevice *vdev; /* NULL: empty */
    const DeviceBus *bus;
    MemoryRegion *region;
    uint32_t host_features_sel, guest_features_sel, queue_sel;
} VirtioMmio;

static VirtioMmio *to_slot(Device *dev)
{
    return container_of(dev, VirtioMmio, dev);
}

static void mmio_update_irq(Device *dev)
{
    VirtioMmio *slot = to_slot(dev);

    irq_set(&slot->irq, slot->vdev && slot->vdev->isr);
}

static uint32_t read_queue_register(VirtQueue *vq, uint64_t offset)
{
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM_MAX: return vq ? vq->max_num : 0;
    case VIRTIO_MMIO_QUEUE_READY: return vq && vq->ready;
    }
    return 0;
}

static uint32_t read_register(VirtioMmio *slot, uint64_t offset)
{
    VirtioDevice *vdev = slot->vdev;

    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE: return MMIO_MAGIC;
    case VIRTIO_MMIO_VERSION: return MMIO_VERSION;
    case VIRTIO_MMIO_VENDOR_ID: return VIRTIO_VENDOR_ID;
    case VIRTIO_MMIO_DEVICE_ID: return vdev ? vdev->ops->device_id : 0;
    }
    if (!vdev) {
        return 0;
    }
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES: return virtio_host_features(vdev, slot->host_features_sel);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
    case VIRTIO_MMIO_QUEUE_READY:
        return read_queue_register(virtio_queue(vdev, slot->queue_sel), offset);
    case VIRTIO_MMIO_INTERRUPT_STATUS: return vdev->isr;
    case VIRTIO_MMIO_STATUS: return vdev->status;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH: return MMIO_SHM_LEN_NONE;
    case VIRTIO_MMIO_CONFIG_GENERATION: return vdev->generation;
    }
    log_guest_error("%s: read of register 0x%x\n", slot->dev.id, (unsigned)offset);
    return 0;
}

static uint64_t mmio_read(Device *dev, uint64_t offset, unsigned size)
{
    VirtioMmio *slot = to_slot(dev);

    if (offset >= VIRTIO_MMIO_CONFIG) {
        return slot->vdev ? virtio_config_read(slot->vdev, offset - VIRTIO_MMIO_CONFIG, size) : 0;
    }
    if (size != 4) {
        log_guest_error("%s: register access of %u bytes\n", dev->id, size);
        return 0;
    }
    return read_register(slot, offset);
}

static void write_queue_register(VirtQueue *vq, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM: virtio_queue_set_num(vq, value); break;
    case VIRTIO_MMIO_QUEUE_READY: virtio_queue_set_ready(vq, value & 1); break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        virtio_queue_set_addr(vq, &vq->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        virtio_queue_set_addr(vq, &vq->driver, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        virtio_queue_set_addr(vq, &vq->device, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
        break;
    }
}

static void write_register(VirtioMmio *slot, uint64_t offset, uint32_t value)
{
    VirtioDevice *vdev = slot->vdev;

    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL: slot->host_features_sel = value; return;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL: slot->guest_features_sel = value; return;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        virtio_set_guest_features(vdev, slot->guest_features_sel, value);
        return;
    case VIRTIO_MMIO_QUEUE_SEL: slot->queue_sel = value; return;
    case VIRTIO_MMIO_QUEUE_NOTIFY: virtio_queue_notify(vdev, value); return;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        vdev->isr &= ~value;
        mmio_update_irq(&slot->dev);
        return;
    case VIRTIO_MMIO_STATUS: virtio_set_status(vdev, value); return;
    case VIRTIO_MMIO_SHM_SEL: return;
    case VIRTIO_MMIO_QUEUE_NUM:
    case VIRTIO_MMIO_QUEUE_READY:
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        if (virtio_queue(vdev, slot->queue_sel)) {
            write_queue_register(virtio_queue(vdev, slot->queue_sel), offset, value);
        }
        return;
    }
    log_guest_error("%s: write to register 0x%x\n", slot->dev.id, (unsigned)offset);
}

static void mmio_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    VirtioMmio *slot = to_slot(dev);

    if (!slot->vdev) {
        return;
    }
    if (offset >= VIRTIO_MMIO_CONFIG) {
        virtio_config_write(slot->vdev, offset - VIRTIO_MMIO_CONFIG, value, size);
    } else if (size != 4) {
        log_guest_error("%s: register access of %u bytes\n", dev->id, size);
    } else {
        write_register(slot, offset, value);
    }
}

static void mmio_reset(Device *dev)
{
    VirtioMmio *slot = to_slot(dev);

    slot->host_features_sel = slot->guest_features_sel = slot->queue_sel = 0;
    mmio_update_irq(dev);
}

static const VmField mmio_fields[] = {
    VM_FIELD_U32(VirtioMmio, host_features_sel),
    VM_FIELD_U32(VirtioMmio, guest_features_sel),
    VM_FIELD_U32(VirtioMmio, queue_sel),
    VM_FIELD_END(),
};

static const VmDesc mmio_vmstate = {.name = "virtio-mmio", .fields = mmio_fields};

static const DeviceOps mmio_ops = {
    .name = "virtio-mmio",
    .reset = mmio_reset,
    .read = mmio_read,
    .write = mmio_write,
    .min_access = 1,
    .max_access = 4,
    .vmstate = &mmio_vmstate,
};

static const VirtioTransportOps mmio_transport_ops = {.update_irq = mmio_update_irq};

static const DeviceBusType bus_type = {"virtio-mmio-bus", NULL};

static unsigned count_slots(Machine *machine)
{
    unsigned n = 0;

    for (unsigned i = 0; i < machine->devices->len; i++) {
        n += ((Device *)machine->devices->pdata[i])->ops == &mmio_ops;
    }
    return n;
}

void virtio_mmio_new(Machine *machine, uint64_t base, IrqLine irq)
{
    VirtioMmio *slot = device_new(machine, &mmio_ops, sizeof(VirtioMmio), NULL);
    char *name = g_strdup_printf("%s.%u", bus_type.name, count_slots(machine) - 1);

    slot->irq = irq;
    slot->bus = device_bus_new(&slot->dev, &bus_type, name);
    g_free(name);
    slot->region = device_map_mmio(&slot->dev, base, VIRTIO_MMIO_SIZE);
}

/* ---- Plugging ---- */

Device *virtio_mmio_find_slot(Machine *machine, const char *name, GError **error)
{
    Device *found = NULL;
    unsigned n = count_slots(machine);

    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);
        bool match;

        if (dev->ops != &mmio_ops) {
            continue;
        }
        match = !name || strcmp(name, to_slot(dev)->bus->name) == 0;
        if (match && name && to_slot(dev)->vdev) {
            error_set(error, "bus '%s' is in use; leave out bus= to take a free one", name);
            return NULL;
        }
        if (match && !to_slot(dev)->vdev) {
            found = dev; /* the last one counts */
        }
    }
    if (found) {
        return found;
    }
    if (!n) {
        error_set(error, "machine '%s' has no virtio-mmio slots; use the -pci type of the device",
                  machine->cls->name);
    } else if (name) {
        error_set(error, "there is no bus '%s'; there are virtio-mmio-bus.0 to virtio-mmio-bus.%u",
                  name, n - 1);
    } else {
        error_set(error, "all %u virtio-mmio slots are in use; use the -pci type of the device", n);
    }
    return NULL;
}

void virtio_mmio_plug(Device *slot, VirtioDevice *vdev)
{
    to_slot(slot)->vdev = vdev;
    vdev->dev.bus = to_slot(slot)->bus;
    for (unsigned n = 0; n < vdev->nqueues; n++) {
        memory_region_add_doorbell(to_slot(slot)->region, VIRTIO_MMIO_QUEUE_NOTIFY, 4, true, n,
                                   virtio_ring_doorbell, vdev, n);
    }
    virtio_plug(vdev, slot, &mmio_transport_ops, &slot->machine->dma);
}
