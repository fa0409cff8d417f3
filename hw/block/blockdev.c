/*
 * Block back ends: requests on worker threads, completions on the main loop.
 *
 * A request goes to a few threads that all disks of a machine share; when done it is put on its disk's
 * list of finished requests, and a main-loop source is set up to run the completions. The lists have locks of
 * their own, leaves: workers never take the machine lock, so that blockdev_drain() may wait for them under it.
 * Registered with the machine as a device without registers, which frees the disks after the devices that
 * use them.
 */
#include "hw/block/blockdev.h"
#include "hw/block/file.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_THREADS 4

typedef enum BlockOp { OP_READ, OP_WRITE, OP_FLUSH, OP_DISCARD, OP_ZERO } BlockOp;

/* All disks of a machine. */
typedef struct BlockRegistry {
    Device dev;
    GPtrArray *disks; /* of BlockDev */
    GThread *threads[BLOCK_THREADS];
    GMutex lock; /* guards the rest */
    GCond cond;  /* there is work, or the threads shall end */
    struct BlockRequest *work_head, **work_tail;
    bool ending;
} BlockRegistry;

struct BlockDev {
    BlockRegistry *registry;
    char *id, *path, *user;
    int fd;
    uint64_t size;
    bool read_only, write_through, ignore_flush, discard;
    unsigned inflight; /* started and not completed; machine lock */
    GMutex lock;       /* guards the rest */
    GCond cond;        /* a request was finished */
    struct BlockRequest *done_head, **done_tail;
    GSource *source; /* set up to run the completions */
};

typedef struct BlockRequest {
    struct BlockRequest *next;
    BlockDev *blk;
    BlockOp op;
    bool unmap, stable;
    uint64_t offset, len;
    uint8_t *buf;
    BlockDone done;
    void *opaque;
    int err;
} BlockRequest;

/* ---- On worker threads ---- */

static int do_read(const BlockRequest *req)
{
    for (uint64_t n = 0; n < req->len;) {
        ssize_t r = pread(req->blk->fd, req->buf + n, req->len - n, req->offset + n);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            return errno;
        }
        if (r == 0) { /* the part of the last sector behind the end of the file */
            memset(req->buf + n, 0, req->len - n);
            break;
        }
        n += r;
    }
    return 0;
}

static int do_write(int fd, const uint8_t *buf, uint64_t offset, uint64_t len)
{
    for (uint64_t n = 0; n < len;) {
        ssize_t r = pwrite(fd, buf + n, len - n, offset + n);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            return errno;
        }
        n += r;
    }
    return 0;
}

static int do_zero(const BlockRequest *req)
{
    static const uint8_t zeroes[64 * 1024];
    int fd = req->blk->fd;

    if (req->unmap &&
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, req->offset, req->len) == 0) {
        return 0;
    }
    if (fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, req->offset, req->len) == 0) {
        return 0;
    }
    for (uint64_t n = 0; n < req->len; n += sizeof(zeroes)) {
        int err = do_write(fd, zeroes, req->offset + n, MIN(sizeof(zeroes), req->len - n));

        if (err) {
            return err;
        }
    }
    return 0;
}

static int do_flush(const BlockDev *blk)
{
    return blk->ignore_flush || fdatasync(blk->fd) == 0 ? 0 : errno;
}

static int do_request(const BlockRequest *req)
{
    int err = 0;

    switch (req->op) {
    case OP_READ: return do_read(req);
    case OP_FLUSH: return do_flush(req->blk);
    case OP_WRITE: err = do_write(req->blk->fd, req->buf, req->offset, req->len); break;
    case OP_ZERO: err = do_zero(req); break;
    case OP_DISCARD: /* a hint: failing is no error */
        if (req->unmap) {
            (void)!fallocate(req->blk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, req->offset,
                             req->len);
        }
        break;
    }
    return err || !req->stable ? err : do_flush(req->blk);
}

static gboolean run_completions(gpointer opaque);

static void finish_request(BlockRequest *req)
{
    BlockDev *blk = req->blk;

    g_mutex_lock(&blk->lock);
    *blk->done_tail = req;
    blk->done_tail = &req->next;
    if (!blk->source) {
        blk->source = g_idle_source_new();
        g_source_set_priority(blk->source, G_PRIORITY_DEFAULT);
        g_source_set_callback(blk->source, run_completions, blk, NULL);
        g_source_attach(blk->source, blk->registry->dev.machine->context);
    }
    g_cond_signal(&blk->cond);
    g_mutex_unlock(&blk->lock);
}

/* The next request; waits for it. NULL: none will come. */
static BlockRequest *take_work(BlockRegistry *registry)
{
    BlockRequest *req;

    g_mutex_lock(&registry->lock);
    while (!registry->work_head && !registry->ending) {
        g_cond_wait(&registry->cond, &registry->lock);
    }
    req = registry->work_head;
    if (req) {
        registry->work_head = req->next;
        req->next = NULL;
        if (!registry->work_head) {
            registry->work_tail = &registry->work_head;
        }
    }
    g_mutex_unlock(&registry->lock);
    return req;
}

static gpointer work(gpointer data)
{
    BlockRequest *req;

    while ((req = take_work(data))) {
        req->err = do_request(req);
        finish_request(req);
    }
    return NULL;
}

/* ---- With the machine lock ---- */

/* Runs the completions of what is finished. */
static void complete_finished(BlockDev *blk)
{
    BlockRequest *req;

    g_mutex_lock(&blk->lock);
    req = blk->done_head;
    blk->done_head = NULL;
    blk->done_tail = &blk->done_head;
    g_mutex_unlock(&blk->lock);
    while (req) {
        BlockRequest *next = req->next;

        blk->inflight--;
        req->done(req->opaque, req->err);
        g_free(req);
        req = next;
    }
}

static gboolean run_completions(gpointer opaque)
{
    BlockDev *blk = opaque;
    Machine *machine = blk->registry->dev.machine;

    machine_lock(machine);
    g_mutex_lock(&blk->lock);
    g_clear_pointer(&blk->source, g_source_unref);
    g_mutex_unlock(&blk->lock);
    complete_finished(blk);
    machine_unlock(machine);
    return G_SOURCE_REMOVE;
}

void blockdev_drain(BlockDev *blk)
{
    while (blk->inflight) {
        g_mutex_lock(&blk->lock);
        while (!blk->done_head) {
            g_cond_wait(&blk->cond, &blk->lock);
        }
        g_mutex_unlock(&blk->lock);
        complete_finished(blk);
    }
}

static void give_work(BlockRegistry *registry, BlockRequest *req)
{
    g_mutex_lock(&registry->lock);
    *registry->work_tail = req;
    registry->work_tail = &req->next;
    g_cond_signal(&registry->cond);
    g_mutex_unlock(&registry->lock);
}

static void submit(BlockDev *blk, const BlockRequest *what)
{
    BlockRequest *req = g_memdup2(what, sizeof(*what));

    req->blk = blk;
    req->next = NULL;
    req->stable = blk->write_through;
    blk->inflight++;
    if (req->op != OP_FLUSH && (req->offset > blk->size || req->len > blk->size - req->offset)) {
        req->err = EINVAL;
    } else if (req->op != OP_READ && req->op != OP_FLUSH && blk->read_only) {
        req->err = EROFS;
    }
    if (req->err) {
        finish_request(req);
    } else {
        give_work(blk->registry, req);
    }
}

void blockdev_read(BlockDev *blk, uint64_t offset, void *buf, size_t len, BlockDone done,
                   void *opaque)
{
    submit(blk, &(BlockRequest){.op = OP_READ,
                                .offset = offset,
                                .len = len,
                                .buf = buf,
                                .done = done,
                                .opaque = opaque});
}

void blockdev_write(BlockDev *blk, uint64_t offset, const void *buf, size_t len, BlockDone done,
                    void *opaque)
{
    submit(blk, &(BlockRequest){.op = OP_WRITE,
                                .offset = offset,
                                .len = len,
                                .buf = (void *)buf,
                                .done = done,
                                .opaque = opaque});
}

void blockdev_flush(BlockDev *blk, BlockDone done, void *opaque)
{
    submit(blk, &(BlockRequest){.op = OP_FLUSH, .done = done, .opaque = opaque});
}

void blockdev_discard(BlockDev *blk, uint64_t offset, uint64_t len, BlockDone done, void *opaque)
{
    submit(blk, &(BlockRequest){.op = OP_DISCARD,
                                .offset = offset,
                                .len = len,
                                .unmap = blk->discard,
                                .done = done,
                                .opaque = opaque});
}

void blockdev_write_zeroes(BlockDev *blk, uint64_t offset, uint64_t len, bool unmap, BlockDone done,
                           void *opaque)
{
    submit(blk, &(BlockRequest){.op = OP_ZERO,
                                .offset = offset,
                                .len = len,
                                .unmap = unmap && blk->discard,
                                .done = done,
                                .opaque = opaque});
}

bool blockdev_pread(BlockDev *blk, uint64_t offset, void *buf, size_t len, GError **error)
{
    BlockRequest req = {.blk = blk, .offset = offset, .len = len, .buf = buf};
    int err;

    if (offset > blk->size || len > blk->size - offset) {
        return error_set(error, "'%s' is too small", blk->path);
    }
    err = do_read(&req);
    return err ? error_set_errno(error, err, "cannot read '%s'", blk->path) : true;
}

/* ---- Disks and their registry ---- */

static void blockdev_free(gpointer data)
{
    BlockDev *blk = data;

    /* Whoever waited for these is gone. */
    while (blk->done_head) {
        BlockRequest *next = blk->done_head->next;

        g_free(blk->done_head);
        blk->done_head = next;
    }
    if (blk->source) {
        g_source_destroy(blk->source);
        g_source_unref(blk->source);
    }
    close(blk->fd);
    g_mutex_clear(&blk->lock);
    g_cond_clear(&blk->cond);
    g_free(blk->id);
    g_free(blk->path);
    g_free(blk->user);
    g_free(blk);
}

static void registry_finalize(Device *dev)
{
    BlockRegistry *registry = container_of(dev, BlockRegistry, dev);

    g_mutex_lock(&registry->lock);
    registry->ending = true; /* when all requests are finished */
    g_cond_broadcast(&registry->cond);
    g_mutex_unlock(&registry->lock);
    for (unsigned i = 0; i < BLOCK_THREADS; i++) {
        g_thread_join(registry->threads[i]);
    }
    g_mutex_clear(&registry->lock);
    g_cond_clear(&registry->cond);
    g_ptr_array_unref(registry->disks);
}

static const DeviceOps registry_ops = {.name = "block-back-ends", .finalize = registry_finalize};

/* The machine's registry, or NULL if it has no disk. */
static BlockRegistry *find_registry(Machine *machine)
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
    BlockRegistry *registry = find_registry(machine);

    if (!registry) {
        registry = device_new(machine, &registry_ops, sizeof(*registry), NULL);
        registry->disks = g_ptr_array_new_with_free_func(blockdev_free);
        registry->work_tail = &registry->work_head;
        g_mutex_init(&registry->lock);
        g_cond_init(&registry->cond);
        for (unsigned i = 0; i < BLOCK_THREADS; i++) {
            registry->threads[i] = g_thread_new("block", work, registry);
        }
    }
    return registry;
}

BlockDev *blockdev_open(Machine *machine, const BlockOpen *how, GError **error)
{
    BlockRegistry *registry = get_registry(machine);
    uint64_t size = 0;
    BlockDev *blk;
    int fd;

    if (how->id && blockdev_find(machine, how->id)) {
        error_set(error, "there are two drives '%s'; give each its own id=", how->id);
        return NULL;
    }
    fd = block_file_open(how, &size, error);
    if (fd < 0) {
        return NULL;
    }
    blk = g_new0(BlockDev, 1);
    blk->registry = registry;
    blk->id = how->id ? g_strdup(how->id) : g_strdup_printf("drive@%u", registry->disks->len);
    blk->path = g_strdup(how->path);
    blk->fd = fd;
    blk->size = size;
    blk->read_only = how->read_only;
    blk->write_through = how->write_through;
    blk->ignore_flush = how->ignore_flush;
    blk->discard = how->discard;
    blk->done_tail = &blk->done_head;
    g_mutex_init(&blk->lock);
    g_cond_init(&blk->cond);
    g_ptr_array_add(registry->disks, blk);
    return blk;
}

BlockDev *blockdev_find(Machine *machine, const char *id)
{
    BlockRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->disks->len; i++) {
        BlockDev *blk = g_ptr_array_index(registry->disks, i);

        if (strcmp(blk->id, id) == 0) {
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

const char *blockdev_id(const BlockDev *blk)
{
    return blk->id;
}

uint64_t blockdev_size(const BlockDev *blk)
{
    return blk->size;
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

BlockDev *blockdev_nth(Machine *machine, unsigned n)
{
    BlockRegistry *registry = find_registry(machine);

    return registry && n < registry->disks->len ? g_ptr_array_index(registry->disks, n) : NULL;
}

const char *blockdev_path(const BlockDev *blk)
{
    return blk->path;
}

const char *blockdev_format(const BlockDev *blk)
{
    return "raw";
}

const char *blockdev_user(const BlockDev *blk)
{
    return blk->user;
}

void blockdev_print_all(Machine *machine, GString *out)
{
    BlockRegistry *registry = find_registry(machine);

    for (unsigned i = 0; registry && i < registry->disks->len; i++) {
        BlockDev *blk = g_ptr_array_index(registry->disks, i);

        g_string_append_printf(out, "%s: %s (raw%s)\n", blk->id, blk->path,
                               blk->read_only ? ", read-only" : "");
        g_string_append_printf(out, "    Attached to:      %s\n", blk->user ? blk->user : "-");
        g_string_append_printf(out, "    Cache mode:       %s\n",
                               blk->ignore_flush    ? "writeback, ignore flushes"
                               : blk->write_through ? "writethrough"
                                                    : "writeback");
    }
}
