/*
 * qcow2: opening, making, resizing and closing images. See qcow2.h.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>

/* ---- Opening ---- */

static void snapshot_clear(void *data)
{
    Qcow2Snapshot *snapshot = data;

    g_free(snapshot->id);
    g_free(snapshot->name);
}

static void qcow2_release(Qcow2 *q)
{
    if (q->data && q->data != q->image.file) {
        block_file_close(q->data);
    }
    qcow2_caches_free(q);
    g_mutex_clear(&q->lock);
    g_cond_clear(&q->cond);
    g_array_unref(q->snapshots);
    g_array_unref(q->freed);
    g_hash_table_unref(q->metadata);
    g_free(q->l1);
    g_free(q->reftable);
    g_free(q->backing_name);
    g_free(q->backing_format);
    g_free(q->data_name);
    g_free(q->inflated);
}

static bool check_state(Qcow2 *q, GError **error)
{
    const char *path = q->image.file->path;

    if ((q->incompatible & QCOW2_CORRUPT) && !q->image.read_only) {
        return error_set(error,
                         "'%s' says that it is damaged; mend it with `qemu-img check -r all %s`, "
                         "or open it with readonly=on",
                         path, path);
    }
    return true;
}

/* The file with the data of an image that keeps it outside: only where the user says, since the image could
 * name any file of the host's. */
static bool open_data_file(Qcow2 *q, const ImageOpen *how, GError **error)
{
    const char *path = q->image.file->path, *name = q->data_name;
    BlockFileOpen open = {.read_only = how->read_only,
                          .no_locking = how->no_locking,
                          .direct = how->direct,
                          .ignore_flush = how->ignore_flush};
    char *resolved;

    if (!(q->incompatible & QCOW2_DATA_FILE)) {
        q->data = q->image.file;
        return !how->data_file ||
               error_set(error, "'%s' keeps its data itself; leave out data-file=", path);
    }
    if (!how->data_file) {
        return error_set(error,
                         "'%s' keeps its data in another file ('%.200s'); if you trust the image, "
                         "name that file with data-file=PATH",
                         path, name ? name : "unnamed");
    }
    resolved = g_strdup(how->data_file);
    open.path = resolved;
    q->data = block_file_open(&open, error);
    g_free(resolved);
    return q->data != NULL;
}

static bool open_backing(Qcow2 *q, const ImageOpen *how, GError **error)
{
    const char *name = how->backing ? how->backing : q->backing_name;
    const char *format = how->backing ? how->backing_format : q->backing_format;

    if (!name || !*name) {
        return true;
    }
    if (how->backing && !g_path_is_absolute(name)) { /* the user's names start where the user is */
        char *dir = g_get_current_dir(), *path = g_build_filename(dir, name, NULL);

        q->image.backing = image_open_backing(q->image.file, path, format, how, error);
        g_free(path);
        g_free(dir);
    } else {
        q->image.backing = image_open_backing(q->image.file, name, format, how, error);
    }
    return q->image.backing != NULL;
}

static bool set_up(Qcow2 *q, const ImageOpen *how, GError **error)
{
    if (!qcow2_read_header(q, how, error) || !check_state(q, error) ||
        !open_data_file(q, how, error)) {
        return false;
    }
    qcow2_caches_init(q);
    q->fresh = q->image.file->device ? UINT64_MAX : align_up(q->image.file->size, q->cluster_size);
    q->lazy = how->lazy_refcounts_set ? how->lazy_refcounts : q->compatible & QCOW2_LAZY;
    q->lazy = (q->lazy && q->version >= 3) || q->image.file->temporary;
    q->discard_unmaps = how->discard || q->image.file->temporary;
    if (!qcow2_load_tables(q, error)) {
        return false;
    }
    if ((q->incompatible & QCOW2_DIRTY) && !q->image.read_only && !qcow2_recount(q, error)) {
        return false;
    }
    return open_backing(q, how, error);
}

BlockImage *qcow2_open(BlockFile *file, const ImageOpen *how, GError **error)
{
    Qcow2 *q = g_new0(Qcow2, 1);

    q->image.ops = &qcow2_ops;
    q->image.file = file;
    q->image.read_only = how->read_only;
    q->snapshots = g_array_new(false, false, sizeof(Qcow2Snapshot));
    g_array_set_clear_func(q->snapshots, snapshot_clear);
    q->freed = g_array_new(false, false, sizeof(FreedRun));
    q->metadata = g_hash_table_new(NULL, NULL);
    g_mutex_init(&q->lock);
    g_cond_init(&q->cond);
    if (!set_up(q, how, error)) {
        qcow2_release(q);
        g_free(q);
        return NULL;
    }
    return &q->image;
}

/* ---- Closing ---- */

/* Twice: what became free is written by the second flush. */
static int write_out(Qcow2 *q)
{
    bool lazy = q->lazy;
    int err;

    q->lazy = false; /* now they are */
    err = qcow2_flush(&q->image);
    err = err ? err : qcow2_flush(&q->image);
    if (!err && (q->incompatible & QCOW2_DIRTY)) {
        q->incompatible &= ~(uint64_t)QCOW2_DIRTY;
        err = qcow2_write_be64(q, QCOW2_AT_INCOMPATIBLE, q->incompatible);
        err = err ? err : block_file_sync(q->image.file);
    }
    q->lazy = lazy;
    return err;
}

int qcow2_close(BlockImage *image)
{
    Qcow2 *q = to_qcow2(image);
    int err = 0;

    if (!image->read_only && q->modified && !image->file->temporary) {
        err = write_out(q);
        if (err) {
            image_report(image, "could not be written out: %s; run `qemu-img check -r all`",
                         g_strerror(err));
        }
    }
    qcow2_release(q);
    return err;
}

/* ---- Resizing ---- */

/* A larger L1 table at another place. */
static int move_l1(Qcow2 *q, uint32_t size)
{
    uint64_t clusters = align_up((uint64_t)size * 8, q->cluster_size) >> q->cluster_bits, offset;
    uint64_t *table, old_bytes = align_up((uint64_t)q->l1_in_file * 8, q->cluster_size);
    struct {
        uint32_t size;
        uint64_t offset;
    } __attribute__((packed)) field;
    int err = qcow2_alloc(q, clusters, &offset);

    if (err) {
        return err;
    }
    table = g_malloc0(clusters << q->cluster_bits);
    for (uint32_t i = 0; i < q->l1_size; i++) {
        table[i] = GUINT64_TO_BE(q->l1[i]);
    }
    err = qcow2_write_refcounts(q);
    err = err ? err : block_file_write(q->image.file, offset, table, clusters << q->cluster_bits);
    g_free(table);
    err = err ? err : block_file_sync(q->image.file);
    field.size = GUINT32_TO_BE(size);
    field.offset = GUINT64_TO_BE(offset);
    err = err ? err : block_file_write(q->image.file, QCOW2_AT_L1, &field, sizeof(field));
    err = err ? err : block_file_sync(q->image.file);
    if (err) {
        qcow2_free(q, offset, clusters);
        return err;
    }
    qcow2_slices_drop(q, &q->l2_cache, offset);
    qcow2_remove_metadata(q, q->l1_offset, old_bytes);
    if (old_bytes) {
        qcow2_free(q, q->l1_offset, old_bytes >> q->cluster_bits);
    }
    qcow2_add_metadata(q, offset, clusters << q->cluster_bits);
    q->l1 = g_renew(uint64_t, q->l1, size);
    memset(q->l1 + q->l1_size, 0, (size - q->l1_size) * 8);
    q->l1_offset = offset;
    q->l1_size = q->l1_in_file = size;
    return 0;
}

bool qcow2_resize(BlockImage *image, uint64_t size, GError **error)
{
    Qcow2 *q = to_qcow2(image);
    uint64_t need = (size + (q->cluster_size << q->l2_bits) - 1) / (q->cluster_size << q->l2_bits);
    int err;

    if (size < image->size) {
        return error_set(error, "'%s' cannot be made smaller here; use `qemu-img resize --shrink`",
                         image->file->path);
    }
    if (q->snapshots->len) {
        return error_set(error,
                         "'%s' has snapshots in it and keeps its size; delete them with "
                         "`qemu-img snapshot -d`",
                         image->file->path);
    }
    if (need > QCOW2_MAX_TABLE / 8) {
        return error_set(error, "'%s' cannot be that large with its cluster size",
                         image->file->path);
    }
    g_mutex_lock(&q->lock);
    err = qcow2_modify(q);
    if (!err && need > q->l1_size) {
        err = move_l1(q, need);
    }
    err = err ? err : qcow2_write_be64(q, QCOW2_AT_SIZE, size);
    if (!err) {
        image->size = size;
    }
    g_mutex_unlock(&q->lock);
    return !err || error_set_errno(error, err, "cannot change the size of '%s'", image->file->path);
}

/* ---- Making ---- */

/* The header, a refcount table and block, and an L1 table, one after the other. */
bool qcow2_create(BlockFile *file, const Qcow2Create *how, GError **error)
{
    uint64_t cluster = UINT64_C(1) << how->cluster_bits,
             covered = cluster << (how->cluster_bits - 3);
    uint64_t l1_bytes = ((how->size + covered - 1) / covered) * 8;
    uint64_t l1_clusters = MAX(align_up(l1_bytes, cluster) >> how->cluster_bits, 1);
    uint64_t used = 3 + l1_clusters, per_block = cluster / 2;
    uint8_t *head = g_malloc0(3 * cluster);
    uint32_t *h32 = (uint32_t *)head;
    int err = 0;

    if (l1_bytes > QCOW2_MAX_TABLE || used > per_block) {
        g_free(head);
        return error_set(error,
                         "a disk of %" G_GUINT64_FORMAT " bytes is too large for qcow2 with "
                         "clusters of %" G_GUINT64_FORMAT " bytes",
                         how->size, cluster);
    }
    memcpy(head, "QFI\xfb", 4);
    h32[1] = GUINT32_TO_BE(how->version);
    h32[5] = GUINT32_TO_BE(how->cluster_bits);
    *(uint64_t *)(head + QCOW2_AT_SIZE) = GUINT64_TO_BE(how->size);
    h32[9] = GUINT32_TO_BE(l1_bytes / 8);
    *(uint64_t *)(head + 40) = GUINT64_TO_BE(3 * cluster);
    *(uint64_t *)(head + QCOW2_AT_REFTABLE) = GUINT64_TO_BE(cluster);
    h32[14] = GUINT32_TO_BE(1);
    if (how->version >= 3) {
        *(uint64_t *)(head + 80) = GUINT64_TO_BE(how->lazy_refcounts ? QCOW2_LAZY : 0);
        h32[24] = GUINT32_TO_BE(4); /* 16 bits */
        h32[25] = GUINT32_TO_BE(QCOW2_V3_HEADER);
    }
    *(uint64_t *)(head + cluster) = GUINT64_TO_BE(2 * cluster);
    for (uint64_t i = 0; i < used; i++) {
        ((uint16_t *)(head + 2 * cluster))[i] = GUINT16_TO_BE(1);
    }
    err = block_file_write(file, 0, head, 3 * cluster);
    err = err ? err : block_file_extend(file, used << how->cluster_bits);
    g_free(head);
    return !err || error_set_errno(error, err, "cannot write '%s'", file->path);
}
