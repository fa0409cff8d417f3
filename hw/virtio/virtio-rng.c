/*
 * virtio entropy device (VIRTIO 1.2 section 5.4): fills buffers from the host's random number generator.
 *
 * max-bytes= and period= (ms) limit the rate, as bytes per period; without them a buffer is filled up to
 * FILL_MAX bytes at once. Locking: the machine lock.
 */
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include "softmmu/objects.h"
#include <linux/virtio_ids.h>
#include <sys/random.h>

#define FILL_MAX 65536
#define QUEUE_SIZE 8
#define NS_PER_MS INT64_C(1000000)

typedef struct VirtioRng {
    VirtioDevice virtio;
    UserObject *source; /* NULL: none was named. All of them are the host's random numbers */
    uint64_t max_bytes; /* a period; UINT64_MAX: no limit */
    int64_t period;     /* ns */
    uint64_t quota;     /* bytes left in this period */
    Timer timer;        /* to the end of the period; armed when one has begun */
    uint64_t timer_ns;  /* saved deadline */
} VirtioRng;

static VirtioRng *to_rng(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioRng, virtio);
}

static bool handle_request(VirtQueue *vq, VirtqElement *elem)
{
    VirtioRng *rng = to_rng(vq->vdev);
    uint64_t want = MIN(MIN(elem->in_len, FILL_MAX), rng->quota);
    uint8_t buf[256];
    uint64_t done = 0;

    if (want == 0 && elem->in_len) { /* on again when the period ends */
        virtq_unpop(vq, elem);
        return false;
    }
    while (done < want) {
        size_t n = MIN(want - done, sizeof(buf)); /* up to 256 bytes are never short */

        if (getrandom(buf, n, 0) != (ssize_t)n || virtq_write(vq, elem, done, buf, n) != n) {
            break;
        }
        done += n;
    }
    if (rng->quota != UINT64_MAX) {
        rng->quota -= done;
        if (!timer_armed(&rng->timer)) {
            timer_arm(&rng->timer, clock_now(vq->vdev->dev.machine->clock) + rng->period);
        }
    }
    virtq_push(vq, elem, done);
    return true;
}

static void handle_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_request);
}

static void period_ended(void *opaque)
{
    VirtioRng *rng = opaque;

    rng->quota = rng->max_bytes;
    virtio_queue_notify(&rng->virtio, 0);
}

static void rng_reset(VirtioDevice *vdev)
{
    VirtioRng *rng = to_rng(vdev);

    timer_cancel(&rng->timer);
    rng->quota = rng->max_bytes;
}

static void rng_finalize(Device *dev)
{
    VirtioDevice *vdev = container_of(dev, VirtioDevice, dev);

    timer_cancel(&to_rng(vdev)->timer);
    object_unuse(to_rng(vdev)->source);
    virtio_device_finalize(dev);
}

static void rng_pre_save(void *opaque)
{
    VirtioRng *rng = opaque;

    rng->timer_ns = rng->timer.deadline;
}

static bool rng_post_load(void *opaque, GError **error)
{
    VirtioRng *rng = opaque;

    if (rng->max_bytes == UINT64_MAX) { /* there is no limit here, be there one before or not */
        rng->quota = rng->max_bytes;
    }
    rng->quota = MIN(rng->quota, rng->max_bytes);
    timer_arm(&rng->timer, MIN(rng->timer_ns, TIMER_NEVER));
    if (!rng->quota && !timer_armed(&rng->timer)) {
        return error_set(error, "%s: a period without an end", rng->virtio.dev.id);
    }
    return true;
}

static const VmField rng_fields[] = {
    VM_FIELD_STRUCT(VirtioRng, virtio, &virtio_vmstate),
    VM_FIELD_U64(VirtioRng, quota),
    VM_FIELD_U64(VirtioRng, timer_ns),
    VM_FIELD_END(),
};

static const VmDesc rng_vmstate = {
    .name = "virtio-rng",
    .fields = rng_fields,
    .pre_save = rng_pre_save,
    .post_load = rng_post_load,
};

static const VirtioOps rng_ops = {
    .device =
        {
            .name = "virtio-rng-device",
            .reset = virtio_device_reset,
            .vmstate = &rng_vmstate,
            .finalize = rng_finalize,
        },
    .device_id = VIRTIO_ID_RNG,
    .reset = rng_reset,
};

VirtioDevice *virtio_rng_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    uint64_t features, max_bytes = UINT64_MAX, period_ms = 65536;
    VirtioRng *rng;

    const char *source_id = options_get(opts, "rng", NULL);
    UserObject *source = NULL;

    if (!virtio_parse_features(opts, &features, error) ||
        !options_get_size(opts, "max-bytes", 1, &max_bytes, error) ||
        !options_get_u64(opts, "period", &period_ms, error)) {
        return NULL;
    }
    if (!max_bytes || !period_ms || period_ms > 1000 * 3600) {
        error_set(error, "virtio-rng: max-bytes= must not be 0, and period= from 1 to 3600000 ms");
        return NULL;
    }
    if (source_id && !(source = object_use(machine, source_id, "rng-", error))) {
        return NULL;
    }
    rng = virtio_new(machine, &rng_ops, sizeof(*rng), id);
    rng->source = source;
    rng->virtio.host_features = features;
    rng->max_bytes = rng->quota = max_bytes;
    rng->period = (int64_t)period_ms * NS_PER_MS;
    timer_init(&rng->timer, machine->clock, period_ended, rng);
    virtio_add_queue(&rng->virtio, QUEUE_SIZE, handle_queue);
    return &rng->virtio;
}
