/*
 * virtio block device (VIRTIO 1.2 section 5.2).
 *
 * Data goes through a bounce buffer per request, in chunks of CHUNK_SIZE: a request is as long as the
 * guest likes, memory used for it is not, and a pointer into guest memory is never kept across events.
 * At most MAX_INFLIGHT requests are taken from the queues at a time; the others wait there.
 *
 * Locking: the machine lock; completions come from the block layer with it held.
 */
#include "hw/block/blockdev.h"
#include "hw/block/drive.h"
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define CHUNK_SIZE (1 * MIB)
#define MAX_INFLIGHT 64
#define MAX_QUEUES 64
#define MAX_ZERO_SECTORS ((1u << 22) - 1) /* of one discard or write-zeroes request */
#define CONFIG_SIZE offsetof(struct virtio_blk_config, max_secure_erase_sectors)

typedef struct VirtioBlk {
    VirtioDevice virtio;
    BlockDev *drive;
    char serial[VIRTIO_BLK_ID_BYTES + 1];
    uint32_t block_size, physical_block_size;
    unsigned inflight;
    bool starved;       /* requests wait in the queues for others to complete */
    bool write_through; /* as the driver sees it */
    bool default_write_through;
    uint64_t saved_size; /* bytes of the disk of the machine that was saved */
} VirtioBlk;

typedef struct BlkRequest {
    VirtioBlk *blk;
    VirtQueue *vq;
    VirtqElement *elem;
    bool read;
    uint64_t offset; /* of the data on the disk, bytes */
    uint64_t len;    /* of the data */
    uint64_t done;   /* bytes completed */
    size_t chunk;    /* bytes in flight */
    uint8_t *bounce;
} BlkRequest;

static VirtioBlk *to_blk(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioBlk, virtio);
}

/* ---- Requests ---- */

/* Answers with @status after @written bytes of data. */
static void finish(VirtQueue *vq, VirtqElement *elem, uint32_t written, uint8_t status)
{
    /* The status is the last byte of the writable part, wherever the data ends. */
    if (virtq_write(vq, elem, elem->in_len - 1, &status, 1) == 1) {
        virtq_push(vq, elem, written + 1);
        virtq_notify(vq);
    } else {
        g_free(elem);
    }
}

static void request_done(BlkRequest *req, uint8_t status)
{
    VirtioBlk *blk = req->blk;

    finish(req->vq, req->elem, req->read ? req->done : 0, status);
    g_free(req->bounce);
    g_free(req);
    blk->inflight--;
    if (blk->starved && blk->inflight <= MAX_INFLIGHT / 2) {
        blk->starved = false;
        for (unsigned i = 0; i < blk->virtio.nqueues; i++) {
            virtio_queue_notify(&blk->virtio, i);
        }
    }
}

static void transfer_next(BlkRequest *req);

static void transfer_done(void *opaque, int err)
{
    BlkRequest *req = opaque;

    if (!err && req->read &&
        virtq_write(req->vq, req->elem, req->done, req->bounce, req->chunk) != req->chunk) {
        err = EFAULT;
    }
    if (err) {
        request_done(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    req->done += req->chunk;
    transfer_next(req);
}

/* Starts the next chunk of a read or write, or ends the request. */
static void transfer_next(BlkRequest *req)
{
    size_t header = sizeof(struct virtio_blk_outhdr);

    if (req->done == req->len) {
        request_done(req, VIRTIO_BLK_S_OK);
        return;
    }
    req->chunk = MIN(req->len - req->done, CHUNK_SIZE);
    if (req->read) {
        blockdev_read(req->blk->drive, req->offset + req->done, req->bounce, req->chunk,
                      transfer_done, req);
    } else if (virtq_read(req->vq, req->elem, header + req->done, req->bounce, req->chunk) ==
               req->chunk) {
        blockdev_write(req->blk->drive, req->offset + req->done, req->bounce, req->chunk,
                       transfer_done, req);
    } else {
        request_done(req, VIRTIO_BLK_S_IOERR);
    }
}

static void simple_done(void *opaque, int err)
{
    request_done(opaque, err ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

static BlkRequest *request_new(VirtQueue *vq, VirtqElement *elem)
{
    BlkRequest *req = g_new0(BlkRequest, 1);

    req->blk = to_blk(vq->vdev);
    req->vq = vq;
    req->elem = elem;
    req->blk->inflight++;
    return req;
}

/* Whether @len bytes from @sector are on the disk, in whole blocks. */
static bool range_ok(const VirtioBlk *blk, uint64_t sector, uint64_t len)
{
    uint64_t size = blockdev_size(blk->drive);

    return sector <= size / BLOCK_SECTOR && len <= size - sector * BLOCK_SECTOR &&
           len % blk->block_size == 0 && sector * BLOCK_SECTOR % blk->block_size == 0;
}

static void start_transfer(VirtQueue *vq, VirtqElement *elem, uint64_t sector, bool read)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    uint64_t len = read ? elem->in_len - 1 : elem->out_len - sizeof(struct virtio_blk_outhdr);
    BlkRequest *req;

    if (!range_ok(blk, sector, len) || (!read && blockdev_read_only(blk->drive))) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    req = request_new(vq, elem);
    req->read = read;
    req->offset = sector * BLOCK_SECTOR;
    req->len = len;
    req->bounce = g_malloc(MIN(len, CHUNK_SIZE));
    transfer_next(req);
}

static void start_zeroing(VirtQueue *vq, VirtqElement *elem, bool discard)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    struct virtio_blk_discard_write_zeroes range;
    uint64_t offset, len;
    BlkRequest *req;

    /* One range: the configuration space says so. */
    if (elem->out_len != sizeof(struct virtio_blk_outhdr) + sizeof(range) ||
        virtq_read(vq, elem, sizeof(struct virtio_blk_outhdr), &range, sizeof(range)) !=
            sizeof(range)) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    if (range.flags & ~(discard ? 0u : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)) {
        finish(vq, elem, 0, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    offset = range.sector * BLOCK_SECTOR;
    len = (uint64_t)range.num_sectors * BLOCK_SECTOR;
    if (!range_ok(blk, range.sector, len) || range.num_sectors > MAX_ZERO_SECTORS ||
        blockdev_read_only(blk->drive)) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    req = request_new(vq, elem);
    if (discard) {
        blockdev_discard(blk->drive, offset, len, simple_done, req);
    } else {
        blockdev_write_zeroes(blk->drive, offset, len, range.flags, simple_done, req);
    }
}

static void answer_id(VirtQueue *vq, VirtqElement *elem)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    size_t len = MIN(elem->in_len - 1, VIRTIO_BLK_ID_BYTES);

    if (virtq_write(vq, elem, 0, blk->serial, len) != len) {
        len = 0;
    }
    finish(vq, elem, len, VIRTIO_BLK_S_OK);
}

static bool handle_request(VirtQueue *vq, VirtqElement *elem)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    struct virtio_blk_outhdr header;

    if (blk->inflight >= MAX_INFLIGHT) {
        blk->starved = true;
        virtq_unpop(vq, elem);
        return false;
    }
    if (elem->in_len < 1 || virtq_read(vq, elem, 0, &header, sizeof(header)) != sizeof(header)) {
        virtio_set_broken(vq->vdev, "a request without header or status");
        g_free(elem);
        return false;
    }
    switch (header.type) {
    case VIRTIO_BLK_T_IN:
    case VIRTIO_BLK_T_OUT:
        start_transfer(vq, elem, header.sector, header.type == VIRTIO_BLK_T_IN);
        break;
    case VIRTIO_BLK_T_FLUSH: blockdev_flush(blk->drive, simple_done, request_new(vq, elem)); break;
    case VIRTIO_BLK_T_GET_ID: answer_id(vq, elem); break;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
        start_zeroing(vq, elem, header.type == VIRTIO_BLK_T_DISCARD);
        break;
    default: finish(vq, elem, 0, VIRTIO_BLK_S_UNSUPP);
    }
    return true;
}

static void handle_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_request);
}

/* ---- Configuration ---- */

static void blk_get_config(VirtioDevice *vdev, uint8_t *config)
{
    VirtioBlk *blk = to_blk(vdev);
    uint64_t sectors = blockdev_size(blk->drive) / BLOCK_SECTOR;
    uint64_t cylinders = sectors / (16 * 63);
    unsigned zero_align = blk->block_size / BLOCK_SECTOR;
    struct virtio_blk_config c = {
        .capacity = sectors,
        .seg_max = vdev->queues[0].max_num - 2, /* without header and status */
        .geometry = {MIN(cylinders, 65535), 16, 63},
        .blk_size = blk->block_size,
        .physical_block_exp = __builtin_ctz(blk->physical_block_size / blk->block_size),
        .min_io_size = blk->physical_block_size / blk->block_size,
        .wce = !blk->write_through,
        .num_queues = vdev->nqueues,
        .max_discard_sectors = align_down(MAX_ZERO_SECTORS, zero_align),
        .max_discard_seg = 1,
        .discard_sector_alignment = zero_align,
        .max_write_zeroes_sectors = align_down(MAX_ZERO_SECTORS, zero_align),
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };

    memcpy(config, &c, CONFIG_SIZE);
}

static void set_write_through(VirtioBlk *blk, bool on)
{
    blk->write_through = on;
    blockdev_set_write_through(blk->drive, on);
}

static void blk_set_config(VirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
    if (offset == offsetof(struct virtio_blk_config, wce) && size == 1 &&
        virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
        set_write_through(to_blk(vdev), !(value & 1));
    }
}

static void blk_status_changed(VirtioDevice *vdev, uint8_t old)
{
    /* A driver that cannot flush gets stable writes (5.2.6.2). */
    if ((vdev->status & ~old & VIRTIO_CONFIG_S_DRIVER_OK) &&
        !virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH) &&
        !virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
        set_write_through(to_blk(vdev), true);
    }
}

static void blk_quiesce(VirtioDevice *vdev)
{
    blockdev_drain(to_blk(vdev)->drive);
}

static void blk_reset(VirtioDevice *vdev)
{
    VirtioBlk *blk = to_blk(vdev);

    blk->starved = false;
    set_write_through(blk, blk->default_write_through);
}

static void blk_pre_save(void *opaque)
{
    VirtioBlk *blk = opaque;

    blk->saved_size = blockdev_size(blk->drive);
}

static bool blk_post_load(void *opaque, GError **error)
{
    VirtioBlk *blk = opaque;

    if (blk->saved_size != blockdev_size(blk->drive)) {
        return error_set(error,
                         "the disk of '%s' has %" G_GUINT64_FORMAT
                         " bytes in the saved machine, drive '%s' has %" G_GUINT64_FORMAT
                         "; start with the same disk",
                         blk->virtio.dev.id, blk->saved_size, blockdev_id(blk->drive),
                         blockdev_size(blk->drive));
    }
    set_write_through(blk, blk->write_through);
    return true;
}

static const VmField blk_fields[] = {
    VM_FIELD_STRUCT(VirtioBlk, virtio, &virtio_vmstate),
    VM_FIELD_U64(VirtioBlk, saved_size),
    VM_FIELD_BOOL(VirtioBlk, write_through),
    VM_FIELD_END(),
};

static const VmDesc blk_vmstate = {
    .name = "virtio-blk",
    .fields = blk_fields,
    .pre_save = blk_pre_save,
    .post_load = blk_post_load,
};

static const VirtioOps blk_ops = {
    .device =
        {
            .name = "virtio-blk-device",
            .reset = virtio_device_reset,
            .vmstate = &blk_vmstate,
            .finalize = virtio_device_finalize,
        },
    .device_id = VIRTIO_ID_BLOCK,
    .config_size = CONFIG_SIZE,
    .get_config = blk_get_config,
    .set_config = blk_set_config,
    .quiesce = blk_quiesce,
    .reset = blk_reset,
    .status_changed = blk_status_changed,
};

/* ---- Making one ---- */

typedef struct BlkOptions {
    uint64_t features;
    uint64_t num_queues, block_size, physical_block_size;
    uint16_t queue_size;
    bool discard, write_zeroes, config_wce;
} BlkOptions;

static bool parse_options(Options *opts, BlkOptions *o, GError **error)
{
    *o = (BlkOptions){.num_queues = 1,
                      .block_size = 512,
                      .queue_size = 256,
                      .discard = true,
                      .write_zeroes = true,
                      .config_wce = true};
    o->physical_block_size = 0;
    options_mark_used(opts, "bootindex"); /* firmware's business, which looks for itself */
    options_mark_used(opts, "share-rw");
    if (!virtio_parse_features(opts, &o->features, error) ||
        !options_get_u64(opts, "num-queues", &o->num_queues, error) ||
        !options_get_size(opts, "logical_block_size", 1, &o->block_size, error) ||
        !options_get_size(opts, "physical_block_size", 1, &o->physical_block_size, error) ||
        !virtio_parse_queue_size(opts, "queue-size", &o->queue_size, error) ||
        !options_get_bool(opts, "discard", &o->discard, error) ||
        !options_get_bool(opts, "write-zeroes", &o->write_zeroes, error) ||
        !options_get_bool(opts, "config-wce", &o->config_wce, error)) {
        return false;
    }
    if (o->num_queues < 1 || o->num_queues > MAX_QUEUES) {
        return error_set(error, "virtio-blk: num-queues= must be from 1 to %u", MAX_QUEUES);
    }
    if (!o->physical_block_size) {
        o->physical_block_size = o->block_size;
    }
    if (!is_pow2(o->block_size) || !is_pow2(o->physical_block_size) || o->block_size < 512 ||
        o->physical_block_size < o->block_size || o->physical_block_size > 64 * KIB) {
        return error_set(error, "virtio-blk: logical_block_size= and physical_block_size= must be "
                                "powers of two, the logical one from 512 and at most the "
                                "physical one, which is at most 65536");
    }
    if (o->queue_size < 4) {
        return error_set(error, "virtio-blk: queue-size= must be at least 4");
    }
    return true;
}

VirtioDevice *virtio_blk_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    const char *drive_id = options_get(opts, "drive", NULL);
    const char *serial = options_get(opts, "serial", NULL);
    BlockDev *drive;
    BlkOptions o;
    VirtioBlk *blk;

    if (!drive_id) {
        error_set(error, "virtio-blk needs a disk: -drive file=PATH,if=none,id=hd0 and then "
                         "drive=hd0 here");
        return NULL;
    }
    if (!parse_options(opts, &o, error)) {
        return NULL;
    }
    drive = drive_by_id(machine, drive_id, error);
    if (!drive || !blockdev_attach(drive, id ? id : "virtio-blk", error)) {
        return NULL;
    }
    if (!serial) {
        serial = drive_serial(machine, drive_id);
    }
    blk = virtio_new(machine, &blk_ops, sizeof(*blk), id);
    blk->drive = drive;
    blk->block_size = o.block_size;
    blk->physical_block_size = o.physical_block_size;
    blk->write_through = blk->default_write_through = blockdev_write_through(drive);
    g_strlcpy(blk->serial, serial ? serial : "", sizeof(blk->serial));
    blk->virtio.host_features =
        o.features | VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_GEOMETRY) |
        VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) | VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) |
        VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | (o.config_wce ? VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) : 0) |
        (o.num_queues > 1 ? VIRTIO_BIT(VIRTIO_BLK_F_MQ) : 0);
    if (blockdev_read_only(drive)) {
        blk->virtio.host_features |= VIRTIO_BIT(VIRTIO_BLK_F_RO);
    } else {
        blk->virtio.host_features |= (o.discard ? VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) : 0) |
                                     (o.write_zeroes ? VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES) : 0);
    }
    for (unsigned i = 0; i < o.num_queues; i++) {
        virtio_add_queue(&blk->virtio, o.queue_size, handle_queue);
    }
    return &blk->virtio;
}
