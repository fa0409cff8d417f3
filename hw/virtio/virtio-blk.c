/*
 * virtio block device (VIRTIO 1.2 section 5.2).
 *
 * Data goes straight to and from guest memory, in chunks of CHUNK_SIZE; for a driver whose addresses an IOMMU
 * translates through a bounce buffer instead, so that a pointer into guest memory is not used when the mapping
 * may be gone. At most MAX_INFLIGHT requests are taken from the queues at a time; the others wait there.
 *
 * A request that fails is the user's to decide about (werror=, rerror=): the guest hears of it, or the machine
 * stops and the request waits in @parked until it runs again. Parked requests are part of the saved
 * state; their number of buffers is limited so that they always fit.
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

#define CHUNK_SIZE (64 * MIB)
#define BOUNCE_SIZE (1 * MIB)
#define MAX_INFLIGHT 128
#define MAX_QUEUES 64
#define MAX_ZERO_SECTORS ((1u << 22) - 1) /* of one discard or write-zeroes request */
#define MAX_PARKED_SEGMENTS 2048
#define CONFIG_SIZE offsetof(struct virtio_blk_config, max_secure_erase_sectors)

/* A parked request, as saved. */
typedef struct ParkedRequest {
    uint32_t type; /* VIRTIO_BLK_T_* */
    uint16_t queue, id, slots, nout, nin;
    uint32_t flags;
    uint64_t offset, len;
} ParkedRequest;

typedef struct ParkedSegment {
    uint64_t addr;
    uint32_t len;
} ParkedSegment;

typedef struct ParkedState {
    uint16_t count;
    ParkedRequest requests[MAX_INFLIGHT];
    ParkedSegment segments[MAX_PARKED_SEGMENTS];
} ParkedState;

typedef struct BlkRequest BlkRequest;

typedef struct VirtioBlk {
    VirtioDevice virtio;
    BlockDev *drive;
    char serial[VIRTIO_BLK_ID_BYTES + 1];
    uint32_t block_size, physical_block_size;
    unsigned inflight;
    bool starved;       /* requests wait in the queues for others to complete */
    bool write_through; /* as the driver sees it */
    bool default_write_through;
    uint64_t pushed; /* queues with requests that the driver was not told of */
    BlkRequest *parked, **parked_tail;
    unsigned parked_segments;
    ParkedState saved;   /* of them, while state is saved or loaded */
    uint64_t saved_size; /* bytes of the disk of the machine that was saved */
} VirtioBlk;

struct BlkRequest {
    BlkRequest *next; /* in parked */
    VirtioBlk *blk;
    VirtQueue *vq;
    VirtqElement *elem;
    uint32_t type, flags;
    uint64_t offset; /* of the data on the disk, bytes */
    uint64_t len;    /* of the data */
    uint64_t done;   /* bytes completed */
    size_t chunk;    /* bytes in flight */
    uint8_t *bounce; /* NULL: straight */
    int n, max;      /* of the vector: used, room */
    struct iovec iov[];
};

G_STATIC_ASSERT(MAX_QUEUES <= 64); /* bits of pushed */

static VirtioBlk *to_blk(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioBlk, virtio);
}

/* ---- The ends of requests ---- */

/* Answers with @status after @written bytes of data. The driver is told by batch_done(), or by
 * virtq_process(). */
static void finish(VirtQueue *vq, VirtqElement *elem, uint32_t written, uint8_t status)
{
    /* The status is the last byte of the writable part, wherever the data ends. */
    if (virtq_write(vq, elem, elem->in_len - 1, &status, 1) == 1) {
        virtq_push(vq, elem, written + 1);
        to_blk(vq->vdev)->pushed |= UINT64_C(1) << vq->index;
    } else {
        g_free(elem);
    }
}

static void request_free(BlkRequest *req)
{
    g_free(req->bounce);
    g_free(req);
}

static void request_done(BlkRequest *req, uint8_t status)
{
    req->blk->inflight--;
    finish(req->vq, req->elem, req->type == VIRTIO_BLK_T_IN ? req->done : 0, status);
    request_free(req);
}

static void blk_batch_done(void *opaque)
{
    VirtioBlk *blk = opaque;

    for (; blk->pushed; blk->pushed &= blk->pushed - 1) {
        virtq_notify(&blk->virtio.queues[__builtin_ctzll(blk->pushed)]);
    }
    if (blk->starved && blk->inflight <= MAX_INFLIGHT / 2) {
        blk->starved = false;
        for (unsigned i = 0; i < blk->virtio.nqueues; i++) {
            virtio_defer_queue(&blk->virtio.queues[i]);
        }
    }
}

static void park(BlkRequest *req)
{
    VirtioBlk *blk = req->blk;

    req->next = NULL;
    *blk->parked_tail = req;
    blk->parked_tail = &req->next;
    blk->parked_segments += req->elem->nout + req->elem->nin;
}

/* True if the request goes on as if nothing had happened; else it is answered, or parked. */
static bool survives_error(BlkRequest *req, int err)
{
    static const char *const names[] = {
        [VIRTIO_BLK_T_IN] = "read", [VIRTIO_BLK_T_OUT] = "write", [VIRTIO_BLK_T_FLUSH] = "flush"};
    const char *name =
        req->type < ARRAY_SIZE(names) && names[req->type] ? names[req->type] : "write";
    VirtioBlk *blk = req->blk;
    unsigned segments = req->elem->nout + req->elem->nin;

    switch (blockdev_error(blk->drive, name, req->type == VIRTIO_BLK_T_IN, err)) {
    case BLOCK_IGNORE: return true;
    case BLOCK_STOP:
        if (blk->parked_segments + segments <= MAX_PARKED_SEGMENTS) {
            park(req);
            return false;
        }
        break;
    default: break;
    }
    request_done(req, VIRTIO_BLK_S_IOERR);
    return false;
}

/* ---- Requests ---- */

static void transfer_next(BlkRequest *req);

static void transfer_done(void *opaque, int err)
{
    BlkRequest *req = opaque;

    if (err && !survives_error(req, err)) {
        return;
    }
    if (req->type == VIRTIO_BLK_T_IN && !req->bounce) {
        virtq_written(req->vq, req->iov, req->n);
    } else if (req->type == VIRTIO_BLK_T_IN &&
               virtq_write(req->vq, req->elem, req->done, req->bounce, req->chunk) != req->chunk) {
        request_done(req, VIRTIO_BLK_S_IOERR);
        return;
    }
    req->done += req->chunk;
    transfer_next(req);
}

/* Has the vector lead to the next chunk of data, straight or in a buffer. */
static bool prepare_chunk(BlkRequest *req)
{
    bool in = req->type == VIRTIO_BLK_T_IN;
    uint64_t offset = req->done + (in ? 0 : sizeof(struct virtio_blk_outhdr));

    req->chunk = MIN(req->len - req->done, CHUNK_SIZE);
    req->n = req->bounce
                 ? -1
                 : virtq_map(req->vq, req->elem, in, offset, req->chunk, req->iov, req->max);
    if (req->n >= 0) {
        return true;
    }
    req->chunk = MIN(req->chunk, BOUNCE_SIZE);
    if (!req->bounce) {
        req->bounce = g_malloc(req->chunk);
    }
    req->iov[0] = (struct iovec){req->bounce, req->chunk};
    req->n = 1;
    return in || virtq_read(req->vq, req->elem, offset, req->bounce, req->chunk) == req->chunk;
}

/* Starts the next chunk of a read or write, or ends the request. */
static void transfer_next(BlkRequest *req)
{
    BlockDev *drive = req->blk->drive;

    if (req->done == req->len) {
        request_done(req, VIRTIO_BLK_S_OK);
    } else if (!prepare_chunk(req)) {
        request_done(req, VIRTIO_BLK_S_IOERR);
    } else if (req->type == VIRTIO_BLK_T_IN) {
        blockdev_readv(drive, req->offset + req->done, req->iov, req->n, transfer_done, req);
    } else {
        blockdev_writev(drive, req->offset + req->done, req->iov, req->n, transfer_done, req);
    }
}

static void simple_done(void *opaque, int err)
{
    BlkRequest *req = opaque;

    if (!err || survives_error(req, err)) {
        request_done(req, VIRTIO_BLK_S_OK);
    }
}

/* Starts it, or goes on with it. */
static void start(BlkRequest *req)
{
    BlockDev *drive = req->blk->drive;

    switch (req->type) {
    case VIRTIO_BLK_T_FLUSH: blockdev_flush(drive, simple_done, req); break;
    case VIRTIO_BLK_T_DISCARD:
        blockdev_discard(drive, req->offset, req->len, simple_done, req);
        break;
    case VIRTIO_BLK_T_WRITE_ZEROES:
        blockdev_write_zeroes(drive, req->offset, req->len, req->flags, simple_done, req);
        break;
    default: transfer_next(req);
    }
}

static BlkRequest *request_new(VirtQueue *vq, VirtqElement *elem, uint32_t type)
{
    int max = elem->nout + elem->nin + 1; /* one more where memory is in pieces */
    BlkRequest *req = g_malloc(sizeof(*req) + max * sizeof(struct iovec));

    *req = (BlkRequest){.blk = to_blk(vq->vdev), .vq = vq, .elem = elem, .type = type, .max = max};
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

static void start_transfer(VirtQueue *vq, VirtqElement *elem, uint64_t sector, uint32_t type)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    bool read = type == VIRTIO_BLK_T_IN;
    uint64_t len = read ? elem->in_len - 1 : elem->out_len - sizeof(struct virtio_blk_outhdr);
    BlkRequest *req;

    if (!range_ok(blk, sector, len) || (!read && blockdev_read_only(blk->drive))) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    req = request_new(vq, elem, type);
    req->offset = sector * BLOCK_SECTOR;
    req->len = len;
    start(req);
}

static void start_zeroing(VirtQueue *vq, VirtqElement *elem, uint32_t type)
{
    VirtioBlk *blk = to_blk(vq->vdev);
    struct virtio_blk_discard_write_zeroes range;
    uint32_t known = type == VIRTIO_BLK_T_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
    BlkRequest *req;
    uint64_t len;

    /* One range: the configuration space says so. */
    if (elem->out_len != sizeof(struct virtio_blk_outhdr) + sizeof(range) ||
        virtq_read(vq, elem, sizeof(struct virtio_blk_outhdr), &range, sizeof(range)) !=
            sizeof(range)) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    if (range.flags & ~known) {
        finish(vq, elem, 0, VIRTIO_BLK_S_UNSUPP);
        return;
    }
    len = (uint64_t)range.num_sectors * BLOCK_SECTOR;
    if (!range_ok(blk, range.sector, len) || range.num_sectors > MAX_ZERO_SECTORS ||
        blockdev_read_only(blk->drive)) {
        finish(vq, elem, 0, VIRTIO_BLK_S_IOERR);
        return;
    }
    req = request_new(vq, elem, type);
    req->offset = range.sector * BLOCK_SECTOR;
    req->len = len;
    req->flags = range.flags;
    start(req);
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
    case VIRTIO_BLK_T_OUT: start_transfer(vq, elem, header.sector, header.type); break;
    case VIRTIO_BLK_T_FLUSH: start(request_new(vq, elem, header.type)); break;
    case VIRTIO_BLK_T_GET_ID: answer_id(vq, elem); break;
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES: start_zeroing(vq, elem, header.type); break;
    default: finish(vq, elem, 0, VIRTIO_BLK_S_UNSUPP);
    }
    return true;
}

static void handle_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    VirtioBlk *blk = to_blk(vdev);

    blockdev_begin_batch(blk->drive);
    virtq_process(vq, handle_request);
    blockdev_end_batch(blk->drive);
}

/* ---- Parked requests ---- */

/* The machine runs again: they are tried again. */
static void blk_resumed(VirtioDevice *vdev)
{
    VirtioBlk *blk = to_blk(vdev);
    BlkRequest *req = blk->parked;

    blk->parked = NULL;
    blk->parked_tail = &blk->parked;
    blk->parked_segments = 0;
    while (req) {
        BlkRequest *next = req->next;

        start(req);
        req = next;
    }
}

static void drop_parked(VirtioBlk *blk)
{
    for (BlkRequest *req = blk->parked, *next; req; req = next) {
        next = req->next;
        blk->inflight--;
        g_free(req->elem);
        request_free(req);
    }
    blk->parked = NULL;
    blk->parked_tail = &blk->parked;
    blk->parked_segments = 0;
}

static void blk_pre_save(void *opaque)
{
    VirtioBlk *blk = opaque;
    ParkedState *saved = &blk->saved;
    ParkedSegment *segment = saved->segments;

    blk->saved_size = blockdev_size(blk->drive);
    memset(saved, 0, sizeof(*saved));
    for (const BlkRequest *req = blk->parked; req; req = req->next) {
        const VirtqElement *elem = req->elem;

        saved->requests[saved->count++] = (ParkedRequest){.type = req->type,
                                                          .queue = req->vq->index,
                                                          .id = elem->id,
                                                          .slots = elem->slots,
                                                          .nout = elem->nout,
                                                          .nin = elem->nin,
                                                          .flags = req->flags,
                                                          .offset = req->offset,
                                                          .len = req->len};
        for (unsigned i = 0; i < elem->nout + elem->nin; i++) {
            *segment++ = (ParkedSegment){elem->segments[i].addr, elem->segments[i].len};
        }
    }
}

/* Makes the request of @p again, with @segments; false if it cannot be. */
static bool unpark(VirtioBlk *blk, const ParkedRequest *p, const ParkedSegment *segments)
{
    unsigned n = p->nout + p->nin;
    uint64_t header = sizeof(struct virtio_blk_outhdr), data;
    bool read = p->type == VIRTIO_BLK_T_IN, write = p->type == VIRTIO_BLK_T_OUT;
    VirtqElement *elem;
    BlkRequest *req;

    if (p->queue >= blk->virtio.nqueues || n > VIRTIO_MAX_SEGMENTS || !p->slots ||
        p->slots > blk->virtio.queues[p->queue].num || p->len > blockdev_size(blk->drive) ||
        p->offset > blockdev_size(blk->drive) - p->len) {
        return false;
    }
    elem = g_malloc0(sizeof(*elem) + n * sizeof(elem->segments[0]));
    *elem = (VirtqElement){.id = p->id, .slots = p->slots, .nout = p->nout, .nin = p->nin};
    for (unsigned i = 0; i < n; i++) {
        elem->segments[i] = (VirtqSegment){segments[i].addr, segments[i].len};
        *(i < p->nout ? &elem->out_len : &elem->in_len) += segments[i].len;
    }
    data = read ? elem->in_len - 1 : elem->out_len - header;
    if (!elem->in_len || elem->out_len < header || ((read || write) && data != p->len)) {
        g_free(elem);
        return false;
    }
    req = request_new(&blk->virtio.queues[p->queue], elem, p->type);
    req->flags = p->flags;
    req->offset = p->offset;
    req->len = p->len;
    park(req);
    return true;
}

static bool load_parked(VirtioBlk *blk, GError **error)
{
    const ParkedSegment *segment = blk->saved.segments;
    unsigned left = MAX_PARKED_SEGMENTS;

    drop_parked(blk);
    for (unsigned i = 0; i < MIN(blk->saved.count, MAX_INFLIGHT); i++) {
        const ParkedRequest *p = &blk->saved.requests[i];
        unsigned n = p->nout + p->nin;

        if (n > left || !unpark(blk, p, segment)) {
            return error_set(error, "%s: the saved requests are not possible", blk->virtio.dev.id);
        }
        segment += n;
        left -= n;
    }
    return true;
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

static void blk_resized(void *opaque)
{
    virtio_config_changed(&((VirtioBlk *)opaque)->virtio);
}

static void blk_reset(VirtioDevice *vdev)
{
    VirtioBlk *blk = to_blk(vdev);

    blk->starved = false;
    blk->pushed = 0;
    drop_parked(blk);
    set_write_through(blk, blk->default_write_through);
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
    return load_parked(blk, error);
}

static const VmField parked_request_fields[] = {
    VM_FIELD_U32(ParkedRequest, type),  VM_FIELD_U16(ParkedRequest, queue),
    VM_FIELD_U16(ParkedRequest, id),    VM_FIELD_U16(ParkedRequest, slots),
    VM_FIELD_U16(ParkedRequest, nout),  VM_FIELD_U16(ParkedRequest, nin),
    VM_FIELD_U32(ParkedRequest, flags), VM_FIELD_U64(ParkedRequest, offset),
    VM_FIELD_U64(ParkedRequest, len),   VM_FIELD_END(),
};

static const VmDesc parked_request_vmstate = {"request", parked_request_fields, NULL, NULL};

static const VmField parked_segment_fields[] = {
    VM_FIELD_U64(ParkedSegment, addr),
    VM_FIELD_U32(ParkedSegment, len),
    VM_FIELD_END(),
};

static const VmDesc parked_segment_vmstate = {"segment", parked_segment_fields, NULL, NULL};

static const VmField parked_fields[] = {
    VM_FIELD_U16(ParkedState, count),
    VM_ARRAY_STRUCT(ParkedState, requests, &parked_request_vmstate),
    VM_ARRAY_STRUCT(ParkedState, segments, &parked_segment_vmstate),
    VM_FIELD_END(),
};

static const VmDesc parked_vmstate = {"parked", parked_fields, NULL, NULL};

static const VmField blk_fields[] = {
    VM_FIELD_STRUCT(VirtioBlk, virtio, &virtio_vmstate),
    VM_FIELD_U64(VirtioBlk, saved_size),
    VM_FIELD_BOOL(VirtioBlk, write_through),
    VM_FIELD_STRUCT(VirtioBlk, saved, &parked_vmstate),
    VM_FIELD_END(),
};

static const VmDesc blk_vmstate = {
    .name = "virtio-blk",
    .fields = blk_fields,
    .pre_save = blk_pre_save,
    .post_load = blk_post_load,
};

static void blk_finalize(Device *dev)
{
    VirtioBlk *blk = container_of(dev, VirtioBlk, virtio.dev);

    virtio_device_finalize(dev);
    drop_parked(blk);
    blockdev_set_user(blk->drive, NULL, NULL);
}

static const VirtioOps blk_ops = {
    .device =
        {
            .name = "virtio-blk-device",
            .reset = virtio_device_reset,
            .vmstate = &blk_vmstate,
            .finalize = blk_finalize,
        },
    .device_id = VIRTIO_ID_BLOCK,
    .config_size = CONFIG_SIZE,
    .get_config = blk_get_config,
    .set_config = blk_set_config,
    .quiesce = blk_quiesce,
    .reset = blk_reset,
    .status_changed = blk_status_changed,
    .resumed = blk_resumed,
};

static const BlockUserOps blk_user_ops = {.batch_done = blk_batch_done, .resized = blk_resized};

/* ---- Making one ---- */

typedef struct BlkOptions {
    uint64_t features;
    uint64_t num_queues, block_size, physical_block_size;
    uint16_t queue_size;
    bool discard, write_zeroes, config_wce;
} BlkOptions;

static bool parse_options(Machine *machine, Options *opts, BlkOptions *o, GError **error)
{
    const char *type = options_get(opts, "driver", "");

    /* Over PCI each vCPU gets its own queue, and its own interrupt. */
    *o = (BlkOptions){.num_queues =
                          g_str_has_suffix(type, "-device") ? 1 : MAX(machine->config.cpus, 1),
                      .block_size = 512,
                      .queue_size = 256,
                      .discard = true,
                      .write_zeroes = true,
                      .config_wce = true};
    o->physical_block_size = 0;
    options_mark_used(opts, "bootindex"); /* the transport's */
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
        if (!options_misspelt(opts, "drive", error)) {
            error_set(error, "virtio-blk needs a disk: -drive file=PATH,if=none,id=hd0 and then "
                             "drive=hd0 here");
        }
        return NULL;
    }
    if (!parse_options(machine, opts, &o, error)) {
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
    blk->parked_tail = &blk->parked;
    blockdev_set_user(drive, &blk_user_ops, blk);
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
