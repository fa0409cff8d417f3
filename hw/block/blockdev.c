/*
 * Block back ends: requests of devices to disk images.
 *
 * A request that is one transfer from or to a host file goes to io_uring; everything else is done by the
 * image's format on a thread. Registered with the machine as a device without registers, which frees the
 * disks after the devices that use them. What is printed of them is in blockdev-info.c.
 */
#include "hw/block/blockdev-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/profile.h"
#include <errno.h>
#include <string.h>

/* ---- Requests ---- */

static int run_image(const BlockRequest *req)
{
    BlockImage *image = req->blk->image;
    int err = 0;

    switch (req->op) {
    case OP_READ: return image->ops->readv(image, req->offset, req->iov, req->n);
    case OP_FLUSH: return req->blk->ignore_flush ? 0 : image->ops->flush(image);
    case OP_WRITE: err = image->ops->writev(image, req->offset, req->iov, req->n); break;
    case OP_ZERO: err = image->ops->zero(image, req->offset, req->len, req->unmap); break;
    case OP_DISCARD: /* a hint: failing is no error */
        if (req->unmap) {
            image->ops->discard(image, req->offset, req->len);
        }
        return 0;
    }
    return err || !req->stable || req->blk->ignore_flush ? err : image->ops->flush(image);
}

static void run_request(AioTask *task)
{
    task->result = -run_image(container_of(task, BlockRequest, task));
}

static void account(const BlockRequest *req)
{
    BlockStats *stats = &req->blk->stats;
    BlockOpStats *op = NULL;

    switch (req->op) {
    case OP_READ: op = &stats->read; break;
    case OP_ZERO:
    case OP_WRITE:
        op = &stats->write;
        stats->write_end = MAX(stats->write_end, req->offset + req->len);
        break;
    case OP_FLUSH: op = &stats->flush; break;
    case OP_DISCARD: op = &stats->discard; break;
    }
    op->count++;
    op->bytes += req->len;
    op->ns += profile_now() - req->begun;
}

static void complete(BlockRequest *req, int err)
{
    BlockDev *blk = req->blk;

    blk->inflight--;
    blk->batched = true;
    if (!err) {
        account(req);
    }
    req->done(req->opaque, err);
    g_free(req);
}

static void thread_done(AioTask *task)
{
    complete(container_of(task, BlockRequest, task), -task->result);
}

/* A transfer of the ring's. What it did only in part is done again as a whole: at the end of a file, or
 * around a signal. */
static void transfer_done(AioTask *task)
{
    BlockRequest *req = container_of(task, BlockRequest, task);
    BlockImage *image = req->blk->image;
    bool whole = req->op == OP_FLUSH ? task->result == 0
                                     : task->result >= 0 && (uint64_t)task->result == req->len;

    if (image->ops->unmap && req->mapped) {
        image->ops->unmap(image);
        req->mapped = false;
    }
    if (whole) {
        complete(req, 0);
    } else if (task->result >= 0 || task->result == -EAGAIN || task->result == -EINTR ||
               task->result == -ECANCELED || task->result == -EOPNOTSUPP) {
        task->run = run_request;
        task->done = thread_done;
        aio_run(req->blk->registry->aio, task);
    } else {
        complete(req, -task->result);
    }
}

/* Tries to have the kernel do it. */
static bool start_in_kernel(BlockRequest *req)
{
    BlockDev *blk = req->blk;
    BlockImage *image = blk->image;
    Aio *aio = blk->registry->aio;
    ImageMap map;

    if (blk->aio == BLOCK_AIO_THREADS || !aio_has_ring(aio)) {
        return false;
    }
    req->task.done = transfer_done;
    if (req->op == OP_FLUSH) {
        return (image->ops->plain_flush ||
                (image->ops->flush_is_sync && image->ops->flush_is_sync(image))) &&
               aio_sync(aio, &req->task, image->file->fd);
    }
    if ((req->op != OP_READ && req->op != OP_WRITE) || !image->ops->map || !req->len ||
        (req->stable && !image->ops->plain_flush) ||
        !image->ops->map(image, req->offset, req->len, req->op == OP_WRITE, &map)) {
        return false;
    }
    req->mapped = true;
    int fd = block_file_fd_for(map.file, map.offset, req->iov, req->n);
    bool write = req->op == OP_WRITE;
    if (!(map.file->in_memory &&
          aio_transfer_now(aio, &req->task, fd, map.offset, req->iov, req->n, write)) &&
        !aio_transfer(aio, &req->task, fd, map.offset, req->iov, req->n, write,
                      req->stable && !blk->ignore_flush)) {
        req->mapped = false;
        if (image->ops->unmap) {
            image->ops->unmap(image);
        }
        return false;
    }
    return true;
}

/* The error of a request that is not even started. */
static int check_request(const BlockRequest *req)
{
    const BlockDev *blk = req->blk;

    if (req->op != OP_FLUSH &&
        (req->offset > blk->image->size || req->len > blk->image->size - req->offset)) {
        return EINVAL;
    }
    return req->op != OP_READ && req->op != OP_FLUSH && blk->read_only ? EROFS : 0;
}

static void run_nothing(AioTask *task)
{
}

static bool is_zero(const struct iovec *iov, int n)
{
    for (; n; n--, iov++) {
        const uint8_t *p = iov->iov_base;

        if (iov->iov_len && (p[0] || memcmp(p, p + 1, iov->iov_len - 1) != 0)) {
            return false;
        }
    }
    return true;
}

static void submit(BlockRequest *req)
{
    BlockDev *blk = req->blk;
    Aio *aio = blk->registry->aio;
    int err = check_request(req);

    req->stable = blk->write_through;
    req->begun = profile_now();
    blk->inflight++;
    if (req->op == OP_WRITE && blk->detect_zeroes && !err && is_zero(req->iov, req->n)) {
        req->op = OP_ZERO;
        req->unmap = blk->detect_unmap && blk->discard;
    }
    if (err || (req->op == OP_FLUSH && blk->ignore_flush)) {
        req->task.result = -err;
        req->task.run = run_nothing;
        req->task.done = thread_done;
        aio_run(aio, &req->task);
    } else if (start_in_kernel(req)) {
        aio_submit(aio);
    } else {
        req->task.run = run_request;
        req->task.done = thread_done;
        aio_run(aio, &req->task);
    }
}

static BlockRequest *request_new(BlockDev *blk, BlockOp op, uint64_t offset, uint64_t len, int n,
                                 BlockDone done, void *opaque)
{
    BlockRequest *req = g_malloc(sizeof(*req) + n * sizeof(struct iovec));

    *req = (BlockRequest){
        .blk = blk, .op = op, .offset = offset, .len = len, .n = n, .done = done, .opaque = opaque};
    return req;
}

static void transfer(BlockDev *blk, BlockOp op, uint64_t offset, const struct iovec *iov, int n,
                     BlockDone done, void *opaque)
{
    BlockRequest *req = request_new(blk, op, offset, iov_bytes(iov, n), n, done, opaque);

    memcpy(req->iov, iov, n * sizeof(*iov));
    submit(req);
}

void blockdev_readv(BlockDev *blk, uint64_t offset, const struct iovec *iov, int n, BlockDone done,
                    void *opaque)
{
    transfer(blk, OP_READ, offset, iov, n, done, opaque);
}

void blockdev_writev(BlockDev *blk, uint64_t offset, const struct iovec *iov, int n, BlockDone done,
                     void *opaque)
{
    transfer(blk, OP_WRITE, offset, iov, n, done, opaque);
}

void blockdev_read(BlockDev *blk, uint64_t offset, void *buf, size_t len, BlockDone done,
                   void *opaque)
{
    blockdev_readv(blk, offset, &(struct iovec){buf, len}, 1, done, opaque);
}

void blockdev_write(BlockDev *blk, uint64_t offset, const void *buf, size_t len, BlockDone done,
                    void *opaque)
{
    blockdev_writev(blk, offset, &(struct iovec){(void *)buf, len}, 1, done, opaque);
}

void blockdev_flush(BlockDev *blk, BlockDone done, void *opaque)
{
    submit(request_new(blk, OP_FLUSH, 0, 0, 0, done, opaque));
}

void blockdev_discard(BlockDev *blk, uint64_t offset, uint64_t len, BlockDone done, void *opaque)
{
    BlockRequest *req = request_new(blk, OP_DISCARD, offset, len, 0, done, opaque);

    req->unmap = blk->discard;
    submit(req);
}

void blockdev_write_zeroes(BlockDev *blk, uint64_t offset, uint64_t len, bool unmap, BlockDone done,
                           void *opaque)
{
    BlockRequest *req = request_new(blk, OP_ZERO, offset, len, 0, done, opaque);

    req->unmap = unmap && blk->discard;
    submit(req);
}

void blockdev_begin_batch(BlockDev *blk)
{
    aio_begin_batch(blk->registry->aio);
}

void blockdev_end_batch(BlockDev *blk)
{
    aio_end_batch(blk->registry->aio);
}

void blockdev_drain(BlockDev *blk)
{
    while (blk->inflight) {
        aio_wait(blk->registry->aio);
    }
}

bool blockdev_pread(BlockDev *blk, uint64_t offset, void *buf, size_t len, GError **error)
{
    struct iovec iov = {buf, len};
    int err;

    if (offset > blk->image->size || len > blk->image->size - offset) {
        return error_set(error, "'%s' is too small", blk->path);
    }
    err = blk->image->ops->readv(blk->image, offset, &iov, 1);
    return err ? error_set_errno(error, err, "cannot read '%s'", blk->path) : true;
}

BlockErrorAction blockdev_error(BlockDev *blk, const char *operation, bool read, int err)
{
    static const char *const names[] = {"report", "ignore", "stop"};
    Machine *machine = blk->registry->dev.machine;
    BlockErrorAction action = read ? blk->on_read_error : blk->on_write_error;
    MachineEventInfo info = {.event = MACHINE_EVENT_BLOCK_IO_ERROR,
                             .device = blk->id,
                             .node = blk->node,
                             .operation = operation,
                             .nospace = err == ENOSPC,
                             .reason = g_strerror(err)};

    if (action == BLOCK_ENOSPC) {
        action = err == ENOSPC ? BLOCK_STOP : BLOCK_REPORT;
    }
    info.action = names[action];
    machine_raise_event(machine, &info);
    if (action == BLOCK_STOP) {
        if (machine->stop_requested) { /* the first of several says it */
            return action;
        }
        g_printerr("amphi: drive '%s': %s: %s; the machine is stopped; make it possible and say "
                   "'cont' in the monitor\n",
                   blk->id, operation, g_strerror(err));
        machine_request_stop(machine, RUN_STATE_IO_ERROR);
    }
    return action;
}

/* ---- Disks and their registry ---- */

static void blockdev_free(gpointer data)
{
    BlockDev *blk = data;

    blockdev_drain(
        blk); /* whoever waited for these is gone, but for flash without a device's end */
    image_close(blk->image);
    g_free(blk->id);
    g_free(blk->node);
    g_free(blk->path);
    g_free(blk->user);
    g_free(blk);
}

static void batch_done(void *opaque)
{
    BlockRegistry *registry = opaque;

    for (unsigned i = 0; i < registry->disks->len; i++) {
        BlockDev *blk = g_ptr_array_index(registry->disks, i);

        if (blk->batched) {
            blk->batched = false;
            if (blk->user_ops && blk->user_ops->batch_done) {
                blk->user_ops->batch_done(blk->user_opaque);
            }
        }
    }
}

static void registry_finalize(Device *dev)
{
    BlockRegistry *registry = container_of(dev, BlockRegistry, dev);

    while (registry->disks->len) {
        g_ptr_array_remove_index(registry->disks, registry->disks->len - 1);
    }
    g_ptr_array_unref(registry->disks);
    aio_free(registry->aio);
}

static const DeviceOps registry_ops = {.name = "block-back-ends", .finalize = registry_finalize};

BlockRegistry *blockdev_registry(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        if (dev->ops == &registry_ops) {
            return container_of(dev, BlockRegistry, dev);
        }
    }
    return NULL;
}

static BlockRegistry *get_registry(Machine *machine)
{
    BlockRegistry *registry = blockdev_registry(machine);

    if (!registry) {
        registry = device_new(machine, &registry_ops, sizeof(*registry), NULL);
        registry->disks = g_ptr_array_new_with_free_func(blockdev_free);
        registry->aio = aio_new(machine, batch_done, registry);
    }
    return registry;
}

void blockdev_init(Machine *machine)
{
    get_registry(machine);
}

/* The image that @how describes, with a temporary one on top if what is written is to be thrown away. */
static BlockImage *open_image(const BlockOpen *how, GError **error)
{
    ImageOpen open = how->image;
    BlockImage *image, *overlay;

    open.read_only |= how->snapshot;
    open.discard = how->discard;
    image = image_open(&open, error);
    if (!image || !how->snapshot) {
        return image;
    }
    overlay = image_overlay(image, error);
    if (!overlay) {
        image_close(image);
    }
    return overlay;
}

static bool check_names(Machine *machine, const BlockOpen *how, BlockRegistry *registry,
                        GError **error)
{
    if (how->id && blockdev_find(machine, how->id)) {
        return error_set(error, "there are two drives '%s'; give each its own id=", how->id);
    }
    if (how->node && blockdev_find(machine, how->node)) {
        return error_set(error,
                         "there are two block nodes '%s'; give each its own node-name=", how->node);
    }
    if (how->aio == BLOCK_AIO_URING && !aio_has_ring(registry->aio)) {
        return error_set(error, "aio=io_uring: this host does not let us use it; use aio=threads");
    }
    return true;
}

BlockDev *blockdev_open(Machine *machine, const BlockOpen *how, GError **error)
{
    BlockRegistry *registry = get_registry(machine);
    BlockImage *image;
    BlockDev *blk;

    if (!check_names(machine, how, registry, error)) {
        return NULL;
    }
    image = open_image(how, error);
    if (!image) {
        return NULL;
    }
    blk = g_new0(BlockDev, 1);
    blk->registry = registry;
    blk->id = how->id ? g_strdup(how->id) : g_strdup_printf("drive@%u", registry->opened);
    blk->node = g_strdup(how->node ? how->node : blk->id);
    blk->path = g_strdup(how->image.path);
    blk->image = image;
    blk->read_only = how->image.read_only;
    blk->write_through = how->write_through;
    blk->ignore_flush = how->image.ignore_flush || how->snapshot;
    blk->discard = how->discard || how->snapshot;
    blk->detect_zeroes = how->detect_zeroes;
    blk->detect_unmap = how->detect_unmap;
    blk->named = how->named;
    blk->aio = how->aio;
    blk->on_read_error = how->on_read_error;
    blk->on_write_error = how->on_write_error;
    registry->opened++;
    g_ptr_array_add(registry->disks, blk);
    return blk;
}

bool blockdev_close(BlockDev *blk, GError **error)
{
    if (blk->user) {
        return error_set(error, "'%s' is in use by device '%s'", blk->id, blk->user);
    }
    g_ptr_array_remove(blk->registry->disks, blk);
    return true;
}

BlockDev *blockdev_find(Machine *machine, const char *id)
{
    BlockRegistry *registry = blockdev_registry(machine);

    for (unsigned i = 0; registry && i < registry->disks->len; i++) {
        BlockDev *blk = g_ptr_array_index(registry->disks, i);

        if (strcmp(blk->id, id) == 0 || strcmp(blk->node, id) == 0) {
            return blk;
        }
    }
    return NULL;
}

bool blockdev_attach(BlockDev *blk, const char *user, GError **error)
{
    if (blk->user) {
        return error_set(error, "drive '%s' is in use by device '%s'; each takes its own", blk->id,
                         blk->user);
    }
    blk->user = g_strdup(user);
    return true;
}

void blockdev_set_user(BlockDev *blk, const BlockUserOps *ops, void *opaque)
{
    blk->user_ops = ops;
    blk->user_opaque = opaque;
}

bool blockdev_resize(BlockDev *blk, uint64_t size, GError **error)
{
    BlockImage *image = blk->image;

    if (blk->read_only) {
        return error_set(error, "drive '%s' is read-only", blk->id);
    }
    if (size % BLOCK_SECTOR || size > INT64_MAX / 2) {
        return error_set(error, "a disk's size is a multiple of %u bytes, and less than that",
                         BLOCK_SECTOR);
    }
    if (!image->ops->resize) {
        return error_set(error, "drive '%s': %s images keep their size", blk->id,
                         image->ops->format);
    }
    blockdev_drain(blk);
    if (!image->ops->resize(image, size, error)) {
        return false;
    }
    if (blk->user_ops && blk->user_ops->resized) {
        blk->user_ops->resized(blk->user_opaque);
    }
    return true;
}

uint64_t blockdev_size(const BlockDev *blk)
{
    return blk->image->size;
}

bool blockdev_read_only(const BlockDev *blk)
{
    return blk->read_only;
}

void blockdev_set_write_through(BlockDev *blk, bool on)
{
    blk->write_through = on;
}

bool blockdev_write_through(const BlockDev *blk)
{
    return blk->write_through;
}
