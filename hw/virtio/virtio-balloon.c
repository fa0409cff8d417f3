/*
 * virtio memory balloon (VIRTIO 1.2 section 5.5): the guest gives pages back to the host.
 *
 * Pages in the balloon, and those that free page reporting names, are punched out of the file behind guest
 * memory, so that the host has them again; they read as zeros and come back when they are touched. Addresses
 * are the CPU's in the balloon's own queues; reported pages are buffers as any device's. Statistics come when
 * the driver gets its buffer back, which a timer does. Locking: the machine lock.
 */
#include "hw/virtio/virtio-balloon.h"
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define QUEUE_SIZE 128
#define CONFIG_SIZE offsetof(struct virtio_balloon_config, free_page_hint_cmd_id)
#define PAGE_SIZE (1u << VIRTIO_BALLOON_PFN_SHIFT)
#define MAX_PFNS 65536                       /* of one request */
#define EVENT_INTERVAL (INT64_C(1000000000)) /* ns between two events */

G_STATIC_ASSERT(BALLOON_STATS == VIRTIO_BALLOON_S_NR);

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_REPORTING };

typedef struct VirtioBalloon {
    VirtioDevice virtio;
    uint32_t num_pages;       /* the host's wish */
    uint32_t actual;          /* what the driver says */
    uint32_t interval;        /* s */
    VirtqElement *stats_elem; /* kept until the next report is wanted */
    uint64_t stats[BALLOON_STATS];
    int64_t last_update;
    Timer stats_timer;
    Timer event_timer; /* armed: an event was sent, and the next has to wait */
    bool event_pending;
} VirtioBalloon;

static VirtioBalloon *to_balloon(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioBalloon, virtio);
}

static Machine *machine_of(VirtioBalloon *balloon)
{
    return balloon->virtio.dev.machine;
}

static uint64_t memory_left(VirtioBalloon *balloon)
{
    uint64_t size = machine_of(balloon)->ram->size;

    return size - MIN(size, (uint64_t)balloon->actual * PAGE_SIZE);
}

/* ---- Pages ---- */

/* Gives back the pages that lie wholly in a range; clearing whole pages does that. */
static void give_back(AddressSpace *as, uint64_t addr, uint64_t len)
{
    uint64_t end = align_down(addr + len, PAGE_SIZE);

    addr = align_up(addr, PAGE_SIZE);
    if (addr < end) {
        dma_clear(as, addr, end - addr);
    }
}

/* Gives back what @pfns name; runs of pages at once. */
static void discard_pages(VirtioBalloon *balloon, const uint32_t *pfns, size_t n)
{
    AddressSpace *as = &machine_of(balloon)->dma;

    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && pfns[i + run] == pfns[i] + run; run++) {
        }
        give_back(as, (uint64_t)pfns[i] * PAGE_SIZE, run * PAGE_SIZE);
    }
}

static gint compare_pfns(gconstpointer a, gconstpointer b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool handle_inflate_request(VirtQueue *vq, VirtqElement *elem)
{
    VirtioBalloon *balloon = to_balloon(vq->vdev);
    size_t len = MIN(elem->out_len / sizeof(uint32_t), MAX_PFNS) * sizeof(uint32_t);
    uint32_t *pfns = g_malloc(len);
    size_t n = virtq_read(vq, elem, 0, pfns, len) / sizeof(uint32_t);

    if (n) {
        qsort(pfns, n, sizeof(*pfns), compare_pfns);
        discard_pages(balloon, pfns, n);
    }
    g_free(pfns);
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_inflate(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_inflate_request);
}

/* Pages that leave the balloon come back by being used. */
static bool handle_deflate_request(VirtQueue *vq, VirtqElement *elem)
{
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_deflate(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_deflate_request);
}

static bool handle_report(VirtQueue *vq, VirtqElement *elem)
{
    for (unsigned i = 0; i < elem->nin; i++) {
        const VirtqSegment *segment = &elem->segments[elem->nout + i];

        give_back(vq->vdev->as, segment->addr, segment->len);
    }
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_reporting(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_report);
}

/* ---- Statistics ---- */

static void arm_stats(VirtioBalloon *balloon)
{
    Clock *clock = machine_of(balloon)->clock;

    timer_cancel(&balloon->stats_timer);
    if (balloon->interval) {
        timer_arm(&balloon->stats_timer,
                  clock_now(clock) + balloon->interval * INT64_C(1000000000));
    }
}

static void read_stats(VirtioBalloon *balloon, VirtQueue *vq, const VirtqElement *elem)
{
    struct virtio_balloon_stat stat;

    memset(balloon->stats, 0xff, sizeof(balloon->stats));
    for (uint64_t at = 0; at < 64 * sizeof(stat); at += sizeof(stat)) {
        if (virtq_read(vq, elem, at, &stat, sizeof(stat)) != sizeof(stat)) {
            break;
        }
        if (stat.tag < BALLOON_STATS) {
            balloon->stats[stat.tag] = stat.val;
        }
    }
    balloon->last_update = g_get_real_time() / G_USEC_PER_SEC;
}

static void handle_stats(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBalloon *balloon = to_balloon(vdev);
    VirtqElement *elem;

    while ((elem = virtq_pop(vq))) {
        if (balloon->stats_elem) { /* there should be one only */
            virtq_push(vq, balloon->stats_elem, 0);
        }
        balloon->stats_elem = elem;
        read_stats(balloon, vq, elem);
    }
    arm_stats(balloon);
}

/* Asks for new ones by giving the driver its buffer back. */
static void stats_due(void *opaque)
{
    VirtioBalloon *balloon = opaque;
    VirtQueue *vq = &balloon->virtio.queues[QUEUE_STATS];
    VirtqElement *elem = balloon->stats_elem;

    if (!elem) {
        arm_stats(balloon);
        return;
    }
    balloon->stats_elem = NULL;
    virtq_push(vq, elem, 0);
    virtq_notify(vq);
}

/* The buffer is the driver's again, as if it had not been taken; it is when the machine goes on. */
static void balloon_quiesce(VirtioDevice *vdev)
{
    VirtioBalloon *balloon = to_balloon(vdev);

    if (balloon->stats_elem) {
        virtq_unpop(&vdev->queues[QUEUE_STATS], balloon->stats_elem);
        balloon->stats_elem = NULL;
    }
    timer_cancel(&balloon->stats_timer);
}

/* ---- Configuration space ---- */

static void balloon_get_config(VirtioDevice *vdev, uint8_t *config)
{
    VirtioBalloon *balloon = to_balloon(vdev);
    struct virtio_balloon_config c = {.num_pages = balloon->num_pages, .actual = balloon->actual};

    memcpy(config, &c, CONFIG_SIZE);
}

static void raise_change(VirtioBalloon *balloon)
{
    MachineEventInfo info = {
        .event = MACHINE_EVENT_BALLOON_CHANGE,
        .actual = memory_left(balloon),
    };

    balloon->event_pending = false;
    timer_arm(&balloon->event_timer, clock_now(machine_of(balloon)->clock) + EVENT_INTERVAL);
    machine_raise_event(machine_of(balloon), &info);
}

static void event_due(void *opaque)
{
    VirtioBalloon *balloon = opaque;

    if (balloon->event_pending) {
        raise_change(balloon);
    }
}

static void balloon_set_config(VirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
    VirtioBalloon *balloon = to_balloon(vdev);
    unsigned at = offset - offsetof(struct virtio_balloon_config, actual);
    uint32_t old = balloon->actual;

    if (offset < offsetof(struct virtio_balloon_config, actual) || at + size > sizeof(old)) {
        return;
    }
    balloon->actual = bits_set(old, 8 * at, 8 * size, value);
    if (balloon->actual == old) {
        return;
    }
    if (timer_armed(&balloon->event_timer)) {
        balloon->event_pending = true;
    } else {
        raise_change(balloon);
    }
}

/* ---- For the monitor ---- */

static const VirtioOps balloon_ops;

static VirtioBalloon *find_balloon(Machine *machine, GError **error)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];

        if (dev->ops == &balloon_ops.device) {
            return to_balloon(container_of(dev, VirtioDevice, dev));
        }
    }
    g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND,
                "no balloon device has been activated; add -device virtio-balloon-pci");
    return NULL;
}

bool virtio_balloon_info(Machine *machine, BalloonInfo *info, GError **error)
{
    VirtioBalloon *balloon = find_balloon(machine, error);

    if (!balloon) {
        return false;
    }
    *info = (BalloonInfo){
        .id = balloon->virtio.transport ? balloon->virtio.transport->id : balloon->virtio.dev.id,
        .actual = memory_left(balloon),
        .interval = balloon->interval,
        .last_update = balloon->last_update,
    };
    memcpy(info->stats, balloon->stats, sizeof(info->stats));
    return true;
}

bool virtio_balloon_set_target(Machine *machine, uint64_t bytes, GError **error)
{
    VirtioBalloon *balloon = find_balloon(machine, error);
    uint64_t size = machine->ram ? machine->ram->size : 0;

    if (!balloon) {
        return false;
    }
    if (!bytes) {
        return error_set(error, "the balloon's target must be a size above 0");
    }
    balloon->num_pages = MIN((size - MIN(bytes, size)) / PAGE_SIZE, UINT32_MAX);
    virtio_config_changed(&balloon->virtio);
    return true;
}

bool virtio_balloon_set_interval(Machine *machine, uint32_t seconds, GError **error)
{
    VirtioBalloon *balloon = find_balloon(machine, error);

    if (!balloon) {
        return false;
    }
    balloon->interval = seconds;
    arm_stats(balloon);
    return true;
}

/* ---- The device ---- */

static void balloon_reset(VirtioDevice *vdev)
{
    VirtioBalloon *balloon = to_balloon(vdev);

    /* num_pages is the host's and stays. */
    g_clear_pointer(&balloon->stats_elem, g_free);
    timer_cancel(&balloon->stats_timer);
    memset(balloon->stats, 0xff, sizeof(balloon->stats));
    balloon->actual = 0;
    balloon->last_update = 0;
}

static void balloon_finalize(Device *dev)
{
    VirtioBalloon *balloon = to_balloon(container_of(dev, VirtioDevice, dev));

    virtio_device_finalize(dev);
    timer_cancel(&balloon->stats_timer);
    timer_cancel(&balloon->event_timer);
    g_free(balloon->stats_elem);
}

static const VmField balloon_fields[] = {
    VM_FIELD_STRUCT(VirtioBalloon, virtio, &virtio_vmstate),
    VM_FIELD_U32(VirtioBalloon, num_pages),
    VM_FIELD_U32(VirtioBalloon, actual),
    VM_FIELD_END(),
};

static const VmDesc balloon_vmstate = {.name = "virtio-balloon", .fields = balloon_fields};

static const VirtioOps balloon_ops = {
    .device =
        {
            .name = "virtio-balloon-device",
            .reset = virtio_device_reset,
            .vmstate = &balloon_vmstate,
            .finalize = balloon_finalize,
        },
    .device_id = VIRTIO_ID_BALLOON,
    .config_size = CONFIG_SIZE,
    .get_config = balloon_get_config,
    .set_config = balloon_set_config,
    .quiesce = balloon_quiesce,
    .reset = balloon_reset,
};

VirtioDevice *virtio_balloon_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    bool on_oom = false, reporting = false;
    VirtioBalloon *balloon;
    uint64_t features;

    if (!virtio_parse_features(opts, &features, error) ||
        !options_get_bool(opts, "deflate-on-oom", &on_oom, error) ||
        !options_get_bool(opts, "free-page-reporting", &reporting, error)) {
        return NULL;
    }
    if (find_balloon(machine, NULL)) {
        error_set(error, "virtio-balloon: there is one already; a machine has one at most");
        return NULL;
    }
    balloon = virtio_new(machine, &balloon_ops, sizeof(*balloon), id);
    balloon->virtio.host_features = features | VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ) |
                                    (on_oom ? VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) : 0) |
                                    (reporting ? VIRTIO_BIT(VIRTIO_BALLOON_F_REPORTING) : 0);
    memset(balloon->stats, 0xff, sizeof(balloon->stats));
    timer_init(&balloon->stats_timer, machine->clock, stats_due, balloon);
    timer_init(&balloon->event_timer, machine->clock, event_due, balloon);
    virtio_add_queue(&balloon->virtio, QUEUE_SIZE, handle_inflate);
    virtio_add_queue(&balloon->virtio, QUEUE_SIZE, handle_deflate);
    virtio_add_queue(&balloon->virtio, QUEUE_SIZE, handle_stats);
    if (reporting) {
        virtio_add_queue(&balloon->virtio, QUEUE_SIZE, handle_reporting);
    }
    return &balloon->virtio;
}
