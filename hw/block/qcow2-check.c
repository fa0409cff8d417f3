/*
 * qcow2: counting refcounts anew, for an image that was not closed and had not written them ("dirty", see
 * lazy refcounts). Called while an image is opened.
 *
 * Everything that the tables name is counted, once for each place that names it; then the file's refcounts
 * and the marks in table entries that say that a cluster has no other user are made to agree.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>

#define MAX_CLUSTERS (UINT64_C(1) << 27) /* 8 TiB of usual ones, with half a GiB of memory */

typedef struct Recount {
    Qcow2 *q;
    uint32_t *counts;
    uint64_t clusters; /* of the file */
} Recount;

static void count(Recount *r, uint64_t offset, uint64_t bytes)
{
    unsigned bits = r->q->cluster_bits;

    for (uint64_t at = offset >> bits; bytes && at <= (offset + bytes - 1) >> bits; at++) {
        if (at < r->clusters) {
            r->counts[at]++;
        }
    }
}

/* Counts what an L2 table at @offset names. */
static int count_l2(Recount *r, uint64_t offset)
{
    Qcow2 *q = r->q;
    uint64_t *table = g_malloc(q->cluster_size);
    int err = block_file_read(q->image.file, offset, table, q->cluster_size);

    for (uint64_t i = 0; i < q->cluster_size / 8 && !err; i++) {
        uint64_t entry = GUINT64_FROM_BE(table[i]);

        if (entry & QCOW2_COMPRESSED) {
            uint64_t at, len;

            qcow2_packed_place(q, entry, &at, &len);
            count(r, at, len);
        } else if ((entry & QCOW2_OFFSET) && q->data == q->image.file) {
            count(r, entry & QCOW2_OFFSET, q->cluster_size);
        }
    }
    g_free(table);
    return err;
}

static int count_l1(Recount *r, const uint64_t *l1, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        uint64_t offset = l1[i] & QCOW2_OFFSET;
        int err;

        if (!offset || offset >= r->q->image.file->size) {
            continue;
        }
        count(r, offset, r->q->cluster_size);
        err = count_l2(r, offset);
        if (err) {
            return err;
        }
    }
    return 0;
}

static int count_snapshots(Recount *r)
{
    Qcow2 *q = r->q;
    int err = 0;

    count(r, q->snapshots_offset, q->snapshots_bytes);
    for (unsigned i = 0; i < q->snapshots->len && !err; i++) {
        const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
        uint64_t *l1 = g_new(uint64_t, MAX(s->l1_size, 1));

        count(r, s->l1_offset, (uint64_t)s->l1_size * 8);
        err = block_file_read(q->image.file, s->l1_offset, l1, (uint64_t)s->l1_size * 8);
        for (uint32_t n = 0; n < s->l1_size; n++) {
            l1[n] = GUINT64_FROM_BE(l1[n]);
        }
        err = err ? err : count_l1(r, l1, s->l1_size);
        g_free(l1);
    }
    return err;
}

static int count_all(Recount *r)
{
    Qcow2 *q = r->q;
    int err;

    count(r, 0, q->cluster_size);
    count(r, q->reftable_offset, (uint64_t)q->reftable_clusters << q->cluster_bits);
    for (uint64_t i = 0; i < q->reftable_size; i++) {
        if (q->reftable[i] & QCOW2_OFFSET) {
            count(r, q->reftable[i] & QCOW2_OFFSET, q->cluster_size);
        }
    }
    count(r, q->l1_offset, (uint64_t)q->l1_in_file * 8);
    err = count_l1(r, q->l1, q->l1_size);
    return err ? err : count_snapshots(r);
}

/* Whether @entry may say that it is the only one to name its cluster; corrected. */
static uint64_t mark(const Recount *r, uint64_t entry)
{
    uint64_t cluster = (entry & QCOW2_OFFSET) >> r->q->cluster_bits;

    if (!cluster || entry & QCOW2_COMPRESSED || cluster >= r->clusters) {
        return entry;
    }
    return r->counts[cluster] == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
}

static int mark_l2(Recount *r, uint64_t offset)
{
    Qcow2 *q = r->q;
    uint64_t *table = g_malloc(q->cluster_size);
    int err = block_file_read(q->image.file, offset, table, q->cluster_size);
    bool changed = false;

    for (uint64_t i = 0; i < q->cluster_size / 8 && !err; i++) {
        uint64_t entry = GUINT64_TO_BE(mark(r, GUINT64_FROM_BE(table[i])));

        changed |= entry != table[i];
        table[i] = entry;
    }
    if (!err && changed) {
        err = block_file_write(q->image.file, offset, table, q->cluster_size);
    }
    g_free(table);
    return err;
}

static int mark_all(Recount *r)
{
    Qcow2 *q = r->q;
    int err = 0;

    for (uint32_t i = 0; i < q->l1_size && !err; i++) {
        uint64_t entry = mark(r, q->l1[i]), offset = entry & QCOW2_OFFSET;

        if (entry != q->l1[i]) {
            err = qcow2_write_be64(q, q->l1_offset + i * UINT64_C(8), entry);
            q->l1[i] = entry;
        }
        if (!err && offset && q->data == q->image.file) {
            err = mark_l2(r, offset);
        }
    }
    return err;
}

/* Makes the file's refcounts be what was counted. What is in use is never counted as free on the way: blocks
 * that are missing are made only when all others are right. */
static int store(Recount *r)
{
    Qcow2 *q = r->q;
    int err = 0;

    for (uint64_t i = 0; i < r->clusters && !err; i++) {
        uint64_t index = i >> q->block_bits;

        if (index < q->reftable_size && q->reftable[index] & QCOW2_OFFSET) {
            err = qcow2_refcount_set(q, i, r->counts[i]);
        }
    }
    q->free_hint = r->clusters; /* new blocks go behind the end */
    for (uint64_t i = 0; i < r->clusters && !err; i++) {
        uint64_t value;

        while (r->counts[i] && !err &&
               (i >> q->block_bits >= q->reftable_size ||
                !(q->reftable[i >> q->block_bits] & QCOW2_OFFSET))) {
            err = qcow2_make_block(q, i >> q->block_bits);
        }
        err = err ? err : qcow2_refcount_get(q, i, &value);
        if (!err && value != r->counts[i]) {
            err = qcow2_refcount_set(q, i, r->counts[i]);
        }
    }
    q->free_hint = 0;
    return err;
}

bool qcow2_recount(Qcow2 *q, GError **error)
{
    const char *path = q->image.file->path;
    bool lazy = q->lazy;
    Recount r = {.q = q};
    int err;

    r.clusters = align_up(q->image.file->size, q->cluster_size) >> q->cluster_bits;
    if (r.clusters > MAX_CLUSTERS) {
        return error_set(error,
                         "'%s' was not closed, and is too large to be mended here; run "
                         "`qemu-img check -r all %s`",
                         path, path);
    }
    r.counts = g_try_new0(uint32_t, r.clusters);
    if (!r.counts) {
        return error_set(error,
                         "'%s' was not closed, and there is not enough memory to mend it; "
                         "run `qemu-img check -r all %s`",
                         path, path);
    }
    q->lazy = false; /* what is counted now is written now */
    err = count_all(&r);
    err = err ? err : mark_all(&r);
    err = err ? err : store(&r);
    err = err ? err : qcow2_write_metadata(q);
    err = err ? err : block_file_sync(q->image.file);
    if (!err) {
        q->incompatible &= ~(uint64_t)QCOW2_DIRTY;
        err = qcow2_write_be64(q, QCOW2_AT_INCOMPATIBLE, q->incompatible);
    }
    q->lazy = lazy;
    g_free(r.counts);
    return err ? error_set_errno(error, err,
                                 "'%s' was not closed, and cannot be mended; run "
                                 "`qemu-img check -r all`",
                                 path)
               : true;
}
