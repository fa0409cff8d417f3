/*
 * qcow2: requests. See qcow2.h for order and locks.
 *
 * A request is done piece by piece, a piece being what the tables say is alike. A write to clusters that are
 * not there, or not ours alone, takes new ones, completes them with what was there, and links them last.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>

#define ALLOC_MAX (4 * MIB) /* bytes of clusters that one write allocates at a time */
#define FREED_MAX 65536     /* runs of freed clusters that wait for a flush */

/* ---- Transfers ---- */

static void wait_gate(Qcow2 *q)
{
    while (q->gate) {
        g_cond_wait(&q->cond, &q->lock);
    }
}

/* From here on a transfer runs without the lock. Called with it, after wait_gate() and what was looked up
 * since. */
static void begin_transfer(Qcow2 *q)
{
    __atomic_fetch_add(&q->transfers, 1, __ATOMIC_SEQ_CST);
}

/* Takes the lock only if somebody waits for the last one: this runs on the main thread, too. */
static void end_transfer(Qcow2 *q)
{
    if (__atomic_sub_fetch(&q->transfers, 1, __ATOMIC_SEQ_CST) == 0 &&
        __atomic_load_n(&q->gate, __ATOMIC_SEQ_CST)) {
        g_mutex_lock(&q->lock);
        g_cond_broadcast(&q->cond);
        g_mutex_unlock(&q->lock);
    }
}

/* Waits until new transfers may begin and no write is about to change the mapping of the guest clusters from
 * @first to @last. */
static void wait_turn(Qcow2 *q, uint64_t first, uint64_t last)
{
    for (Allocation *a = q->allocations; a || q->gate;) {
        if (q->gate || (a->first <= last && first <= a->last)) {
            g_cond_wait(&q->cond, &q->lock);
            a = q->allocations;
        } else {
            a = a->next;
        }
    }
}

static void end_allocation(Qcow2 *q, Allocation *allocation)
{
    Allocation **at = &q->allocations;

    while (*at != allocation) {
        at = &(*at)->next;
    }
    *at = allocation->next;
    g_cond_broadcast(&q->cond);
}

/* ---- State of the whole image ---- */

int qcow2_write_be64(Qcow2 *q, uint64_t offset, uint64_t value)
{
    uint64_t raw = GUINT64_TO_BE(value);

    return block_file_write(q->image.file, offset, &raw, sizeof(raw));
}

int qcow2_damaged(Qcow2 *q, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    image_report(&q->image, "%s", text);
    g_free(text);
    if (!q->corrupt && !q->image.read_only && q->version >= 3 && q->modified) {
        q->incompatible |= QCOW2_CORRUPT;
        qcow2_write_be64(q, QCOW2_AT_INCOMPATIBLE, q->incompatible);
    }
    q->corrupt = true;
    return EIO;
}

int qcow2_modify(Qcow2 *q)
{
    uint64_t keep = q->data != q->image.file ? QCOW2_RAW_DATA : 0;
    int err = 0;

    if (q->corrupt) {
        return EIO;
    }
    if (q->modified || q->version < 3) {
        q->modified = true;
        return 0;
    }
    if (q->autoclear & ~keep) {
        q->autoclear &= keep;
        err = qcow2_write_be64(q, QCOW2_AT_AUTOCLEAR, q->autoclear);
    }
    if (!err && q->lazy) {
        q->incompatible |= QCOW2_DIRTY;
        err = qcow2_write_be64(q, QCOW2_AT_INCOMPATIBLE, q->incompatible);
        err = err ? err : block_file_sync(q->image.file);
    }
    q->modified = !err;
    return err;
}

/* ---- Reading ---- */

/* The cluster with L2 entry @entry, decompressed, into @out. */
static int read_packed(Qcow2 *q, uint64_t entry, uint8_t *out)
{
    uint64_t offset, len;
    uint8_t *in;
    int err;

    qcow2_packed_place(q, entry, &offset, &len);
    g_mutex_lock(&q->lock);
    if (q->inflated_entry == entry) {
        memcpy(out, q->inflated, q->cluster_size);
        g_mutex_unlock(&q->lock);
        return 0;
    }
    err = offset < q->image.file->size
              ? 0
              : qcow2_damaged(q, "compressed data is past the end of the file; is it cut short?");
    g_mutex_unlock(&q->lock);
    if (err) {
        return err;
    }
    in = g_malloc(len);
    err = block_file_read(q->image.file, offset, in, len);
    if (!err && !qcow2_unpack(q->zstd, in, len, out, q->cluster_size)) {
        image_report(&q->image, "a compressed cluster cannot be decompressed; restore the image");
        err = EIO;
    }
    g_free(in);
    if (!err) {
        g_mutex_lock(&q->lock);
        if (!q->inflated) {
            q->inflated = g_malloc(q->cluster_size);
        }
        memcpy(q->inflated, out, q->cluster_size);
        q->inflated_entry = entry;
        g_mutex_unlock(&q->lock);
    }
    return err;
}

/* Reads what @extent at @offset of the disk is. Without the lock; a transfer is counted, if it is in the
 * image's own files. */
static int read_extent(Qcow2 *q, const Qcow2Extent *extent, uint64_t offset,
                       const struct iovec *iov, int n)
{
    uint8_t *cluster;
    int err;

    switch (extent->kind) {
    case QCOW2_DATA: return block_file_readv(q->data, extent->host, iov, n);
    case QCOW2_UNALLOCATED:
        if (q->image.backing) {
            return image_readv(q->image.backing, offset, iov, n);
        }
        iov_zero(iov, n);
        return 0;
    case QCOW2_ZEROES: iov_zero(iov, n); return 0;
    case QCOW2_PACKED: break;
    }
    cluster = g_malloc(q->cluster_size);
    err = read_packed(q, extent->entry, cluster);
    if (!err) {
        iov_store(iov, n, 0, cluster + (offset & (q->cluster_size - 1)), iov_bytes(iov, n));
    }
    g_free(cluster);
    return err;
}

static int read_piece(Qcow2 *q, uint64_t offset, const struct iovec *iov, int n, size_t skip,
                      size_t left, size_t *done)
{
    struct iovec *part;
    Qcow2Extent extent;
    int err;

    g_mutex_lock(&q->lock);
    wait_gate(q);
    begin_transfer(q);
    err = qcow2_map(q, offset, left, false, &extent);
    g_mutex_unlock(&q->lock);
    if (!err) {
        part = g_new(struct iovec, n);
        n = iov_slice(iov, n, skip, extent.len, part);
        err = read_extent(q, &extent, offset, part, n);
        g_free(part);
        *done = extent.len;
    }
    end_transfer(q);
    return err;
}

static int qcow2_readv(BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    size_t len = iov_bytes(iov, n), step = 0;

    for (size_t done = 0; done < len; done += step) {
        int err = read_piece(to_qcow2(image), offset + done, iov, n, done, len - done, &step);

        if (err) {
            return err;
        }
    }
    return 0;
}

/* ---- Writing ---- */

/* A part of a cluster that a write leaves as it was. */
typedef struct Fill {
    Qcow2Extent extent;
    uint64_t offset; /* on the disk */
    size_t len;
    struct iovec buf;
    bool skip; /* is zero, and so is the new cluster there */
} Fill;

static int look_up_fill(Qcow2 *q, Fill *fill, bool fresh)
{
    int err = 0;

    fill->skip = true;
    if (fill->len) {
        err = qcow2_map(q, fill->offset, fill->len, false, &fill->extent);
        fill->skip = fresh && (fill->extent.kind == QCOW2_ZEROES ||
                               (fill->extent.kind == QCOW2_UNALLOCATED && !q->image.backing));
    }
    return err;
}

/* Reads it; without the lock. All is in one cluster, so it is one extent. */
static int read_fill(Qcow2 *q, Fill *fill)
{
    if (fill->skip) {
        return 0;
    }
    fill->buf = (struct iovec){g_malloc(fill->len), fill->len};
    return read_extent(q, &fill->extent, fill->offset, &fill->buf, 1);
}

/* Writes @iov and the fills around it to new clusters. Without the lock. */
static int write_filled(Qcow2 *q, uint64_t host, Fill *head, Fill *tail, const struct iovec *iov,
                        int n)
{
    struct iovec *all = g_new(struct iovec, n + 2);
    int count = 0, err = read_fill(q, head);

    err = err ? err : read_fill(q, tail);
    if (!err) {
        if (!head->skip) {
            all[count++] = head->buf;
        }
        memcpy(all + count, iov, n * sizeof(*iov));
        count += n;
        if (!tail->skip) {
            all[count++] = tail->buf;
        }
        err = block_file_writev(q->data, host + (head->skip ? head->len : 0), all, count);
    }
    g_free(head->buf.iov_base);
    g_free(tail->buf.iov_base);
    g_free(all);
    return err;
}

/* Where @count new clusters for guest clusters from @first on go. */
static int place(Qcow2 *q, uint64_t first, uint64_t count, uint64_t *host, bool *fresh)
{
    uint64_t written = q->fresh;
    int err;

    *fresh = false;
    if (q->data != q->image.file) {
        *host = first << q->cluster_bits;
        return block_file_extend(q->data, (first + count) << q->cluster_bits);
    }
    err = qcow2_alloc(q, count, host);
    if (!err) {
        *fresh = *host >= written;
        if (qcow2_is_metadata(q, *host, count << q->cluster_bits)) {
            err = qcow2_damaged(q, "tables are in a cluster that counts as free");
        }
    }
    return err;
}

/* Writes @len bytes at @offset to new clusters. With the lock, which it gives up meanwhile. @iov holds
 * exactly these bytes. */
static int write_new(Qcow2 *q, uint64_t offset, size_t len, const struct iovec *iov, int n)
{
    uint64_t mask = q->cluster_size - 1, first = offset >> q->cluster_bits;
    uint64_t last = (offset + len - 1) >> q->cluster_bits, host;
    Fill head = {.offset = offset & ~mask, .len = offset & mask};
    Fill tail = {.offset = offset + len, .len = -(offset + len) & mask};
    Allocation allocation = {first, last, q->allocations};
    bool fresh;
    int err = qcow2_make_table(q, first);

    err = err ? err : place(q, first, last - first + 1, &host, &fresh);
    if (err) {
        return err;
    }
    err = look_up_fill(q, &head, fresh);
    err = err ? err : look_up_fill(q, &tail, fresh);
    if (!err) {
        q->allocations = &allocation;
        begin_transfer(q);
        g_mutex_unlock(&q->lock);
        err = write_filled(q, host, &head, &tail, iov, n);
        end_transfer(q);
        g_mutex_lock(&q->lock);
        err = err ? err : qcow2_link(q, first, last - first + 1, host, QCOW2_COPIED);
        end_allocation(q, &allocation);
    }
    if (err && q->data == q->image.file) {
        qcow2_free(q, host, last - first + 1);
    }
    return err;
}

/* As much of a write of @len bytes at @offset as is alike; *@done says how much. With the lock. */
static int write_piece(Qcow2 *q, uint64_t offset, const struct iovec *iov, int n, size_t skip,
                       size_t len, size_t *done, struct iovec *part)
{
    uint64_t first = offset >> q->cluster_bits, within = offset & (q->cluster_size - 1), most;
    Qcow2Extent extent;
    int err;

    /* One slice at a time, and so much that other writes need not wait for long. */
    most = MIN(qcow2_slice_left(q, first), MAX(ALLOC_MAX >> q->cluster_bits, 1));
    len = MIN(len, (most << q->cluster_bits) - within);
    wait_turn(q, first, (offset + len - 1) >> q->cluster_bits);
    err = qcow2_map(q, offset, len, false, &extent);
    if (err) {
        return err;
    }
    if (extent.kind == QCOW2_DATA && extent.own) {
        if (q->data == q->image.file && qcow2_is_metadata(q, extent.host, extent.len)) {
            return qcow2_damaged(q, "data and tables overlap; run `qemu-img check -r all`");
        }
        *done = extent.len;
        n = iov_slice(iov, n, skip, extent.len, part);
        begin_transfer(q);
        g_mutex_unlock(&q->lock);
        err = block_file_writev(q->data, extent.host, part, n);
        end_transfer(q);
        g_mutex_lock(&q->lock);
        return err;
    }
    /* All clusters up to the next one that can be written in place. */
    for (uint64_t end = extent.len; end < len; end += extent.len) {
        if (qcow2_map(q, offset + end, len - end, false, &extent) ||
            (extent.kind == QCOW2_DATA && extent.own)) {
            len = end;
        }
    }
    *done = len;
    n = iov_slice(iov, n, skip, len, part);
    return write_new(q, offset, len, part, n);
}

/* What became free waits for a flush, but not for ever. Gives up the lock. */
static int unlock_flushed(Qcow2 *q, int err)
{
    bool many = q->freed->len > FREED_MAX;

    g_mutex_unlock(&q->lock);
    return err || !many ? err : qcow2_flush(&q->image);
}

static int qcow2_writev(BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    Qcow2 *q = to_qcow2(image);
    size_t len = iov_bytes(iov, n), step = 0;
    struct iovec *part = g_new(struct iovec, n);
    int err;

    g_mutex_lock(&q->lock);
    err = qcow2_modify(q);
    for (size_t done = 0; done < len && !err; done += step) {
        err = write_piece(q, offset + done, iov, n, done, len - done, &step, part);
    }
    g_free(part);
    return unlock_flushed(q, err);
}

/* ---- Zeroing and discarding ---- */

/* Has whole guest clusters from @first on be zero, or nothing, if @discard. With the lock. */
static int clear_clusters(Qcow2 *q, uint64_t first, uint64_t count, bool discard)
{
    uint64_t flags = q->image.backing && q->version >= 3 ? QCOW2_ZERO : 0;
    bool reads_as_zero = flags || !q->image.backing;
    int err = 0;

    if (!reads_as_zero) {
        return discard ? 0 : ENOTSUP;
    }
    while (count && !err) {
        uint64_t n = MIN(count, qcow2_slice_left(q, first));
        Qcow2Extent extent;

        wait_turn(q, first, first + n - 1);
        err = qcow2_map(q, first << q->cluster_bits, n << q->cluster_bits, false, &extent);
        if (!err && (extent.kind != QCOW2_UNALLOCATED || flags)) {
            err = qcow2_make_table(q, first);
            err = err ? err : qcow2_link(q, first, n, 0, flags);
        } else if (!err) { /* nothing there is to change */
            n = MAX(extent.len >> q->cluster_bits, 1);
        }
        first += n;
        count -= n;
    }
    return err;
}

/* Writes zeroes as data. */
static int write_zeroes(Qcow2 *q, uint64_t offset, uint64_t len)
{
    static const uint8_t zeroes[64 * 1024];

    for (uint64_t done = 0; done < len;) {
        struct iovec iov = {(void *)zeroes, MIN(len - done, sizeof(zeroes))};
        int err = qcow2_writev(&q->image, offset + done, &iov, 1);

        if (err) {
            return err;
        }
        done += iov.iov_len;
    }
    return 0;
}

static int qcow2_zero(BlockImage *image, uint64_t offset, uint64_t len, bool unmap)
{
    Qcow2 *q = to_qcow2(image);
    uint64_t mask = q->cluster_size - 1;
    uint64_t start = (offset + mask) & ~mask, end = offset + len;
    int err;

    /* The last cluster may be cut by the end of the disk, and is whole all the same. */
    end = end == image->size ? (end + mask) & ~mask : end & ~mask;
    if (start >= end || q->data != image->file) {
        return write_zeroes(q, offset, len);
    }
    g_mutex_lock(&q->lock);
    err = qcow2_modify(q);
    err =
        err ? err
            : clear_clusters(q, start >> q->cluster_bits, (end - start) >> q->cluster_bits, false);
    err = unlock_flushed(q, err);
    if (err == ENOTSUP) {
        return write_zeroes(q, offset, len);
    }
    if (!err && start > offset) {
        err = write_zeroes(q, offset, start - offset);
    }
    if (!err && end < offset + len) {
        err = write_zeroes(q, end, offset + len - end);
    }
    return err;
}

static int qcow2_discard(BlockImage *image, uint64_t offset, uint64_t len)
{
    Qcow2 *q = to_qcow2(image);
    uint64_t mask = q->cluster_size - 1;
    uint64_t start = (offset + mask) & ~mask, end = offset + len;
    int err;

    end = end == image->size ? (end + mask) & ~mask : end & ~mask;
    if (start >= end || q->data != image->file) {
        return 0;
    }
    g_mutex_lock(&q->lock);
    err = qcow2_modify(q);
    err = err ? err
              : clear_clusters(q, start >> q->cluster_bits, (end - start) >> q->cluster_bits, true);
    return unlock_flushed(q, err);
}

/* ---- Flushing ---- */

/* What became free before and is named by nothing stable any more can be used again, once nothing that was
 * started when it was in use is under way. */
static void release_freed(Qcow2 *q, GArray *runs)
{
    wait_gate(q);
    __atomic_store_n(&q->gate, true, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&q->transfers, __ATOMIC_SEQ_CST)) {
        g_cond_wait(&q->cond, &q->lock);
    }
    qcow2_apply_freed(q, runs);
    __atomic_store_n(&q->gate, false, __ATOMIC_SEQ_CST);
    g_cond_broadcast(&q->cond);
}

int qcow2_flush(BlockImage *image)
{
    Qcow2 *q = to_qcow2(image);
    GArray *freed = NULL;
    int err;

    g_mutex_lock(&q->lock);
    err = qcow2_write_metadata(q);
    if (!err && q->freed->len) {
        freed = q->freed;
        q->freed = g_array_new(false, false, sizeof(FreedRun));
    }
    g_mutex_unlock(&q->lock);
    if (!err && q->data != image->file) {
        err = block_file_sync(q->data);
    }
    err = err ? err : block_file_sync(image->file);
    if (freed) {
        g_mutex_lock(&q->lock);
        if (err) {
            g_array_append_vals(q->freed, freed->data, freed->len);
        } else {
            release_freed(q, freed);
        }
        g_mutex_unlock(&q->lock);
        g_array_unref(freed);
    }
    return err;
}

/* ---- The short way ---- */

/* Where the backing image has what is read: a raw one, to which nothing needs to be told afterwards. */
static bool map_backing(const Qcow2 *q, uint64_t offset, uint64_t len, ImageMap *map)
{
    BlockImage *backing = q->image.backing;

    return backing && backing->ops->map && !backing->ops->unmap && offset <= backing->size &&
           len <= backing->size - offset && backing->ops->map(backing, offset, len, false, map);
}

static bool qcow2_map_now(BlockImage *image, uint64_t offset, uint64_t len, bool write,
                          ImageMap *map)
{
    Qcow2 *q = to_qcow2(image);
    Qcow2Extent extent;
    bool ok;

    if (!g_mutex_trylock(&q->lock)) {
        return false;
    }
    ok = !q->gate && (!write || (q->modified && !q->corrupt)) &&
         qcow2_map(q, offset, len, true, &extent) == 0 && extent.len == len;
    if (ok && extent.kind == QCOW2_DATA) {
        *map = (ImageMap){q->data, extent.host};
        ok = !write ||
             (extent.own && (q->data != image->file || !qcow2_is_metadata(q, extent.host, len)));
    } else if (ok) {
        ok = !write && extent.kind == QCOW2_UNALLOCATED && map_backing(q, offset, len, map);
    }
    if (ok) {
        begin_transfer(q);
    }
    g_mutex_unlock(&q->lock);
    return ok;
}

/* No table is to be written before, nothing is to be freed after. */
static bool qcow2_flush_is_sync(BlockImage *image)
{
    Qcow2 *q = to_qcow2(image);
    bool plain;

    if (!g_mutex_trylock(&q->lock)) {
        return false;
    }
    plain = q->data == image->file && !q->l2_cache.dirty->len && !q->freed->len &&
            (q->lazy || !q->block_cache.dirty->len);
    g_mutex_unlock(&q->lock);
    return plain;
}

static void qcow2_unmap(BlockImage *image)
{
    end_transfer(to_qcow2(image));
}

const ImageOps qcow2_ops = {
    .format = "qcow2",
    .readv = qcow2_readv,
    .writev = qcow2_writev,
    .flush = qcow2_flush,
    .flush_is_sync = qcow2_flush_is_sync,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .map = qcow2_map_now,
    .unmap = qcow2_unmap,
    .resize = qcow2_resize,
    .print = qcow2_print,
    .print_snapshots = qcow2_print_snapshots,
    .close = qcow2_close,
};
