/*
 * virtio devices, apart from how the guest finds them.
 *
 * A virtio device is a back end (struct VirtioDevice first, with VirtioOps: block, net, ...) behind
 * a transport (virtio-mmio, virtio-pci). The transport turns register accesses into the calls below
 * and interrupts into its own kind; the back end sees virtqueues and configuration space only.
 *
 * Only the modern interface exists (VIRTIO_F_VERSION_1): the legacy one needs guest-endian structs
 * and drivers without it are older than the guests amphi is for.
 *
 * Source: Virtual I/O Device (VIRTIO) Version 1.2, sections 2 and 3. Locking: everything here is
 * called with the machine lock held.
 */
#ifndef AMPHI_VIRTIO_H
#define AMPHI_VIRTIO_H

#include "hw/hw.h"
#include "hw/virtio/virtqueue.h"
#include "softmmu/device.h"
#include "softmmu/machine.h"

#define VIRTIO_CONFIG_MAX 256       /* bytes of configuration space of any device */
#define VIRTIO_VENDOR_ID 0x554d4551 /* what drivers see behind virtio-mmio on such machines */

#define VIRTIO_BIT(n) (UINT64_C(1) << (n))

/* Interrupt status bits (the ISR register of both transports). */
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

/* What a transport does for the device behind it. */
typedef struct VirtioTransportOps {
    /* vdev->isr changed: computes the level of the interrupt line. */
    void (*update_irq)(Device *transport);
    /* Sends message-signalled interrupt @vector (or VIRTIO_NO_VECTOR: nothing). False if the
     * transport is not in that mode, so that the interrupt status is used. May be NULL. */
    bool (*notify_vector)(Device *transport, uint16_t vector);
} VirtioTransportOps;

/* A kind of virtio device. Members without "may be NULL" are required. */
typedef struct VirtioOps {
    DeviceOps device;     /* .reset: virtio_device_reset(); .vmstate starts with virtio_vmstate */
    uint16_t device_id;   /* section 5 */
    uint16_t config_size; /* bytes, at most VIRTIO_CONFIG_MAX */
    /* Fills in the configuration space, config_size bytes at @config. May be NULL if that is 0. */
    void (*get_config)(VirtioDevice *vdev, uint8_t *config);
    /* The guest wrote @size (1, 2, 4) bytes at @offset, within config_size. May be NULL. */
    void (*set_config)(VirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value);
    /* Waits until no request is in flight; their completions have run when it returns. May be
     * NULL. Called before a reset, before a queue is disabled, and when the machine stops. */
    void (*quiesce)(VirtioDevice *vdev);
    /* Device state to that after power-on; the queues are reset already. May be NULL. */
    void (*reset)(VirtioDevice *vdev);
    /* The driver changed the status, most interestingly to DRIVER_OK. May be NULL. */
    void (*status_changed)(VirtioDevice *vdev, uint8_t old);
    /* The machine runs again. May be NULL. The queues are kicked afterwards. */
    void (*resumed)(VirtioDevice *vdev);
} VirtioOps;

struct VirtioDevice {
    Device dev;
    const VirtioOps *ops;
    const VirtioTransportOps *transport_ops;
    Device *transport;       /* NULL: not plugged */
    AddressSpace *as;        /* how it reaches memory; of the transport */
    uint64_t host_features;  /* offered */
    uint64_t guest_features; /* accepted */
    uint8_t status;
    uint8_t isr;
    uint16_t config_vector;
    uint32_t generation;     /* of configuration space */
    bool broken;             /* until reset: the driver did what it must not */
    bool stopped;            /* the machine is: no request is started */
    uint64_t saved_features; /* host_features and nqueues of the machine that was saved */
    uint16_t saved_queues;
    uint16_t nqueues;
    VirtQueue queues[VIRTIO_MAX_QUEUES];
    Timer work_timer; /* runs the queues that have pending_work */
};

/* State that all virtio devices share; the first field of each device's own table. */
extern const VmDesc virtio_vmstate;

/* Makes a device of @size bytes, VirtioDevice first, without queues. */
void *virtio_new(Machine *machine, const VirtioOps *ops, size_t size, const char *id);

/* For DeviceOps.reset and .finalize of virtio devices. */
void virtio_device_reset(Device *dev);
void virtio_device_finalize(Device *dev);

/* Adds a queue of at most @size entries (a power of two); @handle is called when the driver
 * notifies it, in DRIVER_OK only. */
VirtQueue *virtio_add_queue(VirtioDevice *vdev, uint16_t size, VirtqHandler handle);

/* Connects @vdev to @transport. */
void virtio_plug(VirtioDevice *vdev, Device *transport, const VirtioTransportOps *ops,
                 AddressSpace *as);

static inline bool virtio_has_feature(const VirtioDevice *vdev, unsigned bit)
{
    return vdev->guest_features >> bit & 1;
}

/* Whether requests may be taken from the queues. */
bool virtio_is_running(const VirtioDevice *vdev);

/* Configuration space changed by the device's own doing: tells the driver. */
void virtio_config_changed(VirtioDevice *vdev);

/* The driver broke the rules in a way that leaves no safe way on (section 2.1.2): logs, sets
 * DEVICE_NEEDS_RESET and does nothing more for the driver until it resets the device. */
void virtio_set_broken(VirtioDevice *vdev, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* For transports. @n, @sel: what the guest chose, unchecked. */
void virtio_reset(VirtioDevice *vdev);
void virtio_set_status(VirtioDevice *vdev, uint8_t status);
uint32_t virtio_host_features(const VirtioDevice *vdev, uint32_t sel);
uint32_t virtio_guest_features(const VirtioDevice *vdev, uint32_t sel);
void virtio_set_guest_features(VirtioDevice *vdev, uint32_t sel, uint32_t value);
/* The queue @n, or NULL if there is none. */
VirtQueue *virtio_queue(VirtioDevice *vdev, uint32_t n);
void virtio_queue_set_num(VirtQueue *vq, uint32_t num);
void virtio_queue_set_ready(VirtQueue *vq, bool ready);
/* Changes the low or high half of one of the queue's three addresses, unless it is enabled. */
void virtio_queue_set_addr(VirtQueue *vq, uint64_t *field, bool high, uint32_t value);
void virtio_queue_notify(VirtioDevice *vdev, uint32_t n);
/* The same, for memory_region_add_doorbell(): @vdev is a VirtioDevice. */
void virtio_ring_doorbell(void *vdev, unsigned n);
uint32_t virtio_config_read(VirtioDevice *vdev, uint64_t offset, unsigned size);
void virtio_config_write(VirtioDevice *vdev, uint64_t offset, uint32_t value, unsigned size);

/* For virtqueue.c: the interrupt of a queue, and more of its work from the main loop. */
void virtio_raise_queue(VirtQueue *vq);
void virtio_defer_queue(VirtQueue *vq);

/* Properties that all virtio devices have: event_idx=, indirect_desc=, packed=, iommu_platform=;
 * sets @features. */
bool virtio_parse_features(Options *opts, uint64_t *features, GError **error);

/* The -device types of this directory; ends with a NULL name. */
extern const HwDeviceType virtio_device_types[];

#endif
