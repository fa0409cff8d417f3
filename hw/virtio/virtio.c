/*
 * What all virtio devices share: status, features, queues, configuration space, interrupts.
 *
 * Source: VIRTIO 1.2 section 2. Locking: the machine lock.
 */
#include "hw/virtio/virtio.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

static void update_irq(VirtioDevice *vdev)
{
    if (vdev->transport) {
        vdev->transport_ops->update_irq(vdev->transport);
    }
}

/* ---- Making and unmaking ---- */

/* Queues that stopped at the limit of one event, or while the machine stood still. */
static void run_pending_work(void *opaque)
{
    VirtioDevice *vdev = opaque;

    for (unsigned i = 0; i < vdev->nqueues; i++) {
        if (vdev->queues[i].pending_work) {
            vdev->queues[i].pending_work = false;
            virtio_queue_notify(vdev, i);
        }
    }
}

static void machine_state_changed(void *opaque, RunState state)
{
    VirtioDevice *vdev = opaque;
    bool stopped = state != RUN_STATE_RUNNING && state != RUN_STATE_PRELAUNCH;

    if (stopped == vdev->stopped) {
        return;
    }
    vdev->stopped = stopped;
    if (stopped) {
        if (vdev->ops->quiesce) {
            vdev->ops->quiesce(vdev);
        }
        return;
    }
    if (vdev->ops->resumed) {
        vdev->ops->resumed(vdev);
    }
    for (unsigned i = 0; i < vdev->nqueues; i++) {
        if (vdev->queues[i].ready) {
            virtio_defer_queue(&vdev->queues[i]);
        }
    }
}

void *virtio_new(Machine *machine, const VirtioOps *ops, size_t size, const char *id)
{
    VirtioDevice *vdev = device_new(machine, &ops->device, size, id);

    vdev->ops = ops;
    vdev->config_vector = VIRTIO_NO_VECTOR;
    vdev->as = &machine->dma;
    timer_init(&vdev->work_timer, machine->clock, run_pending_work, vdev);
    machine_add_state_listener(machine, machine_state_changed, vdev);
    return vdev;
}

void virtio_device_reset(Device *dev)
{
    virtio_reset(container_of(dev, VirtioDevice, dev));
}

void virtio_device_finalize(Device *dev)
{
    VirtioDevice *vdev = container_of(dev, VirtioDevice, dev);

    vdev->stopped = true;
    if (vdev->ops->quiesce) {
        vdev->ops->quiesce(vdev);
    }
    timer_cancel(&vdev->work_timer);
}

VirtQueue *virtio_add_queue(VirtioDevice *vdev, uint16_t size, VirtqHandler handle)
{
    VirtQueue *vq = &vdev->queues[vdev->nqueues];

    g_assert(vdev->nqueues < VIRTIO_MAX_QUEUES && size <= VIRTIO_MAX_QUEUE_SIZE && is_pow2(size));
    *vq = (VirtQueue){.vdev = vdev, .index = vdev->nqueues++, .max_num = size, .handle = handle};
    virtq_reset(vq);
    return vq;
}

void virtio_plug(VirtioDevice *vdev, Device *transport, const VirtioTransportOps *ops,
                 AddressSpace *as)
{
    vdev->transport = transport;
    vdev->transport_ops = ops;
    vdev->as = as;
}

/* ---- Status (2.1) ---- */

bool virtio_is_running(const VirtioDevice *vdev)
{
    return (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) && !vdev->broken && !vdev->stopped;
}

void virtio_reset(VirtioDevice *vdev)
{
    if (vdev->ops->quiesce) {
        bool stopped = vdev->stopped;

        vdev->stopped = true; /* what completes now shall start nothing */
        vdev->ops->quiesce(vdev);
        vdev->stopped = stopped;
    }
    timer_cancel(&vdev->work_timer);
    vdev->status = 0;
    vdev->isr = 0;
    vdev->guest_features = 0;
    vdev->config_vector = VIRTIO_NO_VECTOR;
    vdev->broken = false;
    for (unsigned i = 0; i < vdev->nqueues; i++) {
        virtq_reset(&vdev->queues[i]);
    }
    if (vdev->ops->reset) {
        vdev->ops->reset(vdev);
    }
    update_irq(vdev);
}

/* What the driver must accept: else it could have the device reach memory past an IOMMU (6.1). */
static uint64_t required_features(const VirtioDevice *vdev)
{
    return VIRTIO_BIT(VIRTIO_F_VERSION_1) |
           (vdev->host_features & VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM));
}

void virtio_set_status(VirtioDevice *vdev, uint8_t status)
{
    uint8_t old = vdev->status;

    if (status == 0) {
        virtio_reset(vdev);
        return;
    }
    /* The driver cannot take bits back, nor the device's own bit. */
    status |= old;
    if ((status & ~old) & VIRTIO_CONFIG_S_FEATURES_OK) {
        if ((vdev->guest_features & ~vdev->host_features) ||
            (required_features(vdev) & ~vdev->guest_features)) {
            log_guest_error("%s: features 0x%" G_GINT64_MODIFIER "x refused\n", vdev->dev.id,
                            vdev->guest_features);
            status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
        }
    }
    if (((status & ~old) & VIRTIO_CONFIG_S_DRIVER_OK) && !(status & VIRTIO_CONFIG_S_FEATURES_OK)) {
        log_guest_error("%s: DRIVER_OK before FEATURES_OK\n", vdev->dev.id);
        status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
    }
    vdev->status = status;
    if (status != old && vdev->ops->status_changed) {
        vdev->ops->status_changed(vdev, old);
    }
}

void virtio_set_broken(VirtioDevice *vdev, const char *fmt, ...)
{
    va_list ap;
    char *why;

    if (vdev->broken) {
        return;
    }
    va_start(ap, fmt);
    why = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    log_guest_error("%s: %s; the device needs a reset\n", vdev->dev.id, why);
    g_free(why);
    vdev->broken = true;
    vdev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    virtio_config_changed(vdev);
}

/* ---- Features (2.2) ---- */

uint32_t virtio_host_features(const VirtioDevice *vdev, uint32_t sel)
{
    return sel < 2 ? (uint32_t)(vdev->host_features >> (32 * sel)) : 0;
}

uint32_t virtio_guest_features(const VirtioDevice *vdev, uint32_t sel)
{
    return sel < 2 ? (uint32_t)(vdev->guest_features >> (32 * sel)) : 0;
}

void virtio_set_guest_features(VirtioDevice *vdev, uint32_t sel, uint32_t value)
{
    if (vdev->status & VIRTIO_CONFIG_S_FEATURES_OK) {
        log_guest_error("%s: features changed after FEATURES_OK\n", vdev->dev.id);
        return;
    }
    if (sel < 2) {
        vdev->guest_features = bits_set(vdev->guest_features, 32 * sel, 32, value);
    }
}

bool virtio_parse_features(Options *opts, uint64_t *features, GError **error)
{
    bool event_idx = true, indirect = true, packed = false, iommu = false;

    if (!options_get_bool(opts, "event_idx", &event_idx, error) ||
        !options_get_bool(opts, "indirect_desc", &indirect, error) ||
        !options_get_bool(opts, "packed", &packed, error) ||
        !options_get_bool(opts, "iommu_platform", &iommu, error)) {
        return false;
    }
    *features = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
                (event_idx ? VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
                (indirect ? VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
                (packed ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0) |
                (iommu ? VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) : 0);
    return true;
}

/* ---- Queues ---- */

VirtQueue *virtio_queue(VirtioDevice *vdev, uint32_t n)
{
    return n < vdev->nqueues ? &vdev->queues[n] : NULL;
}

void virtio_queue_set_num(VirtQueue *vq, uint32_t num)
{
    if (vq->ready || !num || num > vq->max_num) {
        log_guest_error("%s: queue %u: size %u refused\n", vq->vdev->dev.id, vq->index, num);
        return;
    }
    vq->num = num;
}

void virtio_queue_set_addr(VirtQueue *vq, uint64_t *field, bool high, uint32_t value)
{
    if (vq->ready) {
        log_guest_error("%s: queue %u: moved while enabled\n", vq->vdev->dev.id, vq->index);
        return;
    }
    *field = bits_set(*field, high ? 32 : 0, 32, value);
}

void virtio_queue_set_ready(VirtQueue *vq, bool ready)
{
    VirtioDevice *vdev = vq->vdev;

    if (ready == vq->ready) {
        return;
    }
    if (!ready) {
        if (vdev->ops->quiesce) {
            bool stopped = vdev->stopped;

            vdev->stopped = true;
            vdev->ops->quiesce(vdev);
            vdev->stopped = stopped;
        }
        virtq_reset(vq);
    } else if (virtq_check_layout(vq)) {
        vq->ready = true;
    }
}

void virtio_queue_notify(VirtioDevice *vdev, uint32_t n)
{
    VirtQueue *vq = virtio_queue(vdev, n);

    if (!vq || !vq->ready) {
        return;
    }
    if (vdev->stopped) {
        vq->pending_work = true; /* and see machine_state_changed() */
        return;
    }
    if (virtio_is_running(vdev)) {
        vq->handle(vdev, vq);
    }
}

void virtio_ring_doorbell(void *vdev, unsigned n)
{
    virtio_queue_notify(vdev, n);
}

void virtio_defer_queue(VirtQueue *vq)
{
    vq->pending_work = true;
    timer_arm(&vq->vdev->work_timer, clock_now(vq->vdev->dev.machine->clock));
}

/* ---- Interrupts ---- */

static void raise_interrupt(VirtioDevice *vdev, uint16_t vector, uint8_t isr)
{
    if (!vdev->transport) {
        return;
    }
    if (vdev->transport_ops->notify_vector &&
        vdev->transport_ops->notify_vector(vdev->transport, vector)) {
        return;
    }
    vdev->isr |= isr;
    update_irq(vdev);
}

void virtio_raise_queue(VirtQueue *vq)
{
    raise_interrupt(vq->vdev, vq->vector, VIRTIO_ISR_QUEUE);
}

void virtio_config_changed(VirtioDevice *vdev)
{
    vdev->generation++;
    if (vdev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
        raise_interrupt(vdev, vdev->config_vector, VIRTIO_ISR_CONFIG);
    }
}

/* ---- Configuration space (2.5) ---- */

uint32_t virtio_config_read(VirtioDevice *vdev, uint64_t offset, unsigned size)
{
    uint8_t config[VIRTIO_CONFIG_MAX + 8] = {0};
    uint32_t value = 0;

    if (offset >= vdev->ops->config_size) {
        return 0;
    }
    vdev->ops->get_config(vdev, config);
    memset(config + vdev->ops->config_size, 0, 8);
    memcpy(&value, config + offset, MIN(size, sizeof(value)));
    return value;
}

void virtio_config_write(VirtioDevice *vdev, uint64_t offset, uint32_t value, unsigned size)
{
    if (offset >= vdev->ops->config_size || size > vdev->ops->config_size - offset ||
        !vdev->ops->set_config) {
        log_guest_error("%s: write to configuration space at %" G_GUINT64_FORMAT "\n", vdev->dev.id,
                        offset);
        return;
    }
    vdev->ops->set_config(vdev, offset, size, value);
}

/* ---- Saved state ---- */

static void virtio_pre_save(void *opaque)
{
    VirtioDevice *vdev = opaque;

    vdev->saved_features = vdev->host_features;
    vdev->saved_queues = vdev->nqueues;
}

static bool virtio_post_load(void *opaque, GError **error)
{
    VirtioDevice *vdev = opaque;

    if (vdev->saved_features != vdev->host_features || vdev->saved_queues != vdev->nqueues) {
        return error_set(error,
                         "device '%s' of the saved machine has features 0x%" G_GINT64_MODIFIER
                         "x and %u queues, this one 0x%" G_GINT64_MODIFIER
                         "x and %u; start with the same properties and back ends",
                         vdev->dev.id, vdev->saved_features, vdev->saved_queues,
                         vdev->host_features, vdev->nqueues);
    }
    if ((vdev->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
        (vdev->guest_features & ~vdev->host_features)) {
        return error_set(error, "%s: the saved machine's driver uses features that there are not",
                         vdev->dev.id);
    }
    for (unsigned i = 0; i < vdev->nqueues; i++) {
        VirtQueue *vq = &vdev->queues[i];
        bool packed = virtio_has_feature(vdev, VIRTIO_F_RING_PACKED);

        if ((vq->ready && !virtq_check_layout(vq)) ||
            (packed && (vq->last_avail >= vq->num || vq->used_idx >= vq->num))) {
            return error_set(error, "%s: the saved state of queue %u is not possible", vdev->dev.id,
                             i);
        }
        if (vq->pending_work) {
            virtio_defer_queue(vq);
        }
    }
    update_irq(vdev);
    return true;
}

static const VmField virtio_fields[] = {
    VM_FIELD_U64(VirtioDevice, saved_features),
    VM_FIELD_U16(VirtioDevice, saved_queues),
    VM_FIELD_U64(VirtioDevice, guest_features),
    VM_FIELD_U8(VirtioDevice, status),
    VM_FIELD_U8(VirtioDevice, isr),
    VM_FIELD_U16(VirtioDevice, config_vector),
    VM_FIELD_U32(VirtioDevice, generation),
    VM_FIELD_BOOL(VirtioDevice, broken),
    VM_ARRAY_STRUCT(VirtioDevice, queues, &virtqueue_vmstate),
    VM_FIELD_END(),
};

const VmDesc virtio_vmstate = {
    .name = "virtio",
    .fields = virtio_fields,
    .pre_save = virtio_pre_save,
    .post_load = virtio_post_load,
};
