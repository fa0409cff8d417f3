/*
 * qcow2: refcounts, allocation of clusters, the refcount table. See qcow2.h for order and locks.
 *
 * A new refcount block often describes itself. It, and a larger refcount table, go to free clusters like
 * everything else, so whoever needed it then looks for its clusters again.
 */
#include "hw/block/qcow2.h"
#include <errno.h>
#include <string.h>

/* ---- Clusters that hold tables ---- */

static gpointer metadata_key(uint64_t cluster)
{
    return GSIZE_TO_POINTER(cluster + 1);
}

bool qcow2_is_metadata(Qcow2 *q, uint64_t offset, uint64_t len)
{
    for (uint64_t at = offset >> q->cluster_bits; at <= (offset + len - 1) >> q->cluster_bits;
         at++) {
        if (g_hash_table_contains(q->metadata, metadata_key(at))) {
            return true;
        }
    }
    return false;
}

bool qcow2_add_metadata(Qcow2 *q, uint64_t offset, uint64_t len)
{
    bool fresh = true;

    for (uint64_t at = offset; at < offset + len; at += q->cluster_size) {
        fresh &= g_hash_table_add(q->metadata, metadata_key(at >> q->cluster_bits));
    }
    return fresh;
}

void qcow2_remove_metadata(Qcow2 *q, uint64_t offset, uint64_t len)
{
    for (uint64_t at = offset; at < offset + len; at += q->cluster_size) {
        g_hash_table_remove(q->metadata, metadata_key(at >> q->cluster_bits));
    }
}

/* ---- One refcount ---- */

/* Refcounts are 1 << order bits wide; narrow ones fill a byte from its low end. */
static uint64_t block_get(const uint8_t *block, unsigned order, uint64_t index)
{
    uint64_t value = 0;

    if (order < 3) {
        unsigned per_byte = 8u >> order;

        return block[index / per_byte] >> (index % per_byte << order) & ((1u << (1 << order)) - 1);
    }
    for (unsigned i = 0; i < 1u << (order - 3); i++) {
        value = value << 8 | block[(index << (order - 3)) + i];
    }
    return value;
}

static void block_set(uint8_t *block, unsigned order, uint64_t index, uint64_t value)
{
    if (order < 3) {
        unsigned per_byte = 8u >> order, shift = index % per_byte << order;
        unsigned mask = ((1u << (1 << order)) - 1) << shift;
        uint8_t *byte = &block[index / per_byte];

        *byte = (*byte & ~mask) | (value << shift & mask);
        return;
    }
    for (unsigned i = 1u << (order - 3); i-- > 0; value >>= 8) {
        block[(index << (order - 3)) + i] = value;
    }
}

static uint64_t refcount_max(const Qcow2 *q)
{
    return q->refcount_order == 6 ? UINT64_MAX : (UINT64_C(1) << (1 << q->refcount_order)) - 1;
}

/* The offset of the block that has the refcount of @cluster; 0: there is none. */
static uint64_t block_of(const Qcow2 *q, uint64_t cluster)
{
    uint64_t index = cluster >> q->block_bits;

    return index < q->reftable_size ? q->reftable[index] & QCOW2_OFFSET : 0;
}

/* The slice with the refcount of @cluster, and its index there. */
static int refcount_slice(Qcow2 *q, uint64_t cluster, Slice **slice, uint64_t *index)
{
    uint64_t in_block = cluster & ((UINT64_C(1) << q->block_bits) - 1);
    uint64_t byte = in_block << q->refcount_order >> 3;
    unsigned slice_counts = q->slice_bits + 3 - q->refcount_order;

    *index = in_block & ((UINT64_C(1) << slice_counts) - 1);
    return qcow2_slice(q, &q->block_cache, block_of(q, cluster) + byte, false, slice);
}

int qcow2_refcount_get(Qcow2 *q, uint64_t cluster, uint64_t *value)
{
    Slice *slice;
    uint64_t index;
    int err = 0;

    *value = 0;
    if (block_of(q, cluster)) {
        err = refcount_slice(q, cluster, &slice, &index);
        *value = err ? 0 : block_get(slice->data, q->refcount_order, index);
    }
    return err;
}

int qcow2_refcount_set(Qcow2 *q, uint64_t cluster, uint64_t value)
{
    Slice *slice;
    uint64_t index;
    int err;

    if (!block_of(q, cluster)) {
        return value ? qcow2_damaged(q, "a refcount block is missing") : 0;
    }
    if (value > refcount_max(q)) {
        return EOVERFLOW;
    }
    err = refcount_slice(q, cluster, &slice, &index);
    if (!err) {
        block_set(slice->data, q->refcount_order, index, value);
        qcow2_slice_dirty(&q->block_cache, slice);
    }
    return err;
}

int qcow2_refcount_add(Qcow2 *q, uint64_t first, uint64_t count, int delta)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value;
        int err = qcow2_refcount_get(q, first + i, &value);

        if (!err && delta < 0 && value == 0) {
            err = qcow2_damaged(q, "a cluster in use counts as free; run `qemu-img check -r all`");
        }
        if (!err) {
            err = qcow2_refcount_set(q, first + i, value + delta);
        }
        if (err) {
            while (i-- > 0) {
                qcow2_refcount_get(q, first + i, &value);
                qcow2_refcount_set(q, first + i, value - delta);
            }
            return err;
        }
    }
    return 0;
}

/* ---- Finding free clusters ---- */

/* The first of @count clusters in a row that are free. Where no block is, everything is. */
static int find_free(Qcow2 *q, uint64_t count, uint64_t *first)
{
    uint64_t at = q->free_hint, run = 0;
    bool gap = false;

    while (run < count) {
        uint64_t value;
        int err = qcow2_refcount_get(q, at, &value);

        if (err) {
            return err;
        }
        if (value == 0 && g_hash_table_contains(q->metadata, metadata_key(at))) {
            return qcow2_damaged(q, "a cluster with tables counts as free; run `qemu-img check -r "
                                    "all`");
        }
        gap |= run && value; /* a hole that is too small */
        run = value ? 0 : run + 1;
        at++;
        if (value && !gap) {
            q->free_hint = at;
        }
        if (at >= QCOW2_OFFSET >> q->cluster_bits) {
            return EFBIG;
        }
    }
    *first = at - count;
    return 0;
}

/* What is before byte @end of the file may be written from now on. */
static void note_written(Qcow2 *q, uint64_t end)
{
    q->fresh = MAX(q->fresh, end);
}

static int write_be64s(Qcow2 *q, uint64_t offset, const uint64_t *values, uint64_t count)
{
    uint64_t *raw = g_new(uint64_t, count);
    int err;

    for (uint64_t i = 0; i < count; i++) {
        raw[i] = GUINT64_TO_BE(values[i]);
    }
    err = block_file_write(q->image.file, offset, raw, count * 8);
    g_free(raw);
    return err;
}

/* Writes the header's fields for the refcount table at @offset. */
static int point_to_reftable(Qcow2 *q, uint64_t offset, uint32_t clusters)
{
    struct {
        uint64_t offset;
        uint32_t clusters;
    } __attribute__((packed)) field = {GUINT64_TO_BE(offset), GUINT32_TO_BE(clusters)};
    int err = block_file_sync(q->image.file);

    if (!err) {
        err = block_file_write(q->image.file, QCOW2_AT_REFTABLE, &field, sizeof(field));
    }
    return err ? err : block_file_sync(q->image.file);
}

/* A larger table, with the blocks that describe both it and themselves, right behind what the old one
 * describes. */
static int grow_reftable(Qcow2 *q, uint64_t index)
{
    uint64_t per_block = UINT64_C(1) << q->block_bits, per_cluster = q->cluster_size / 8;
    uint64_t old_size = q->reftable_size, start = old_size << q->block_bits;
    uint64_t clusters = q->reftable_clusters + q->reftable_clusters / 2 + 1, blocks, size;
    uint64_t offset = start << q->cluster_bits, *table;
    uint8_t *block;
    int err = 0;

    do {
        clusters = MAX(clusters, index / per_cluster + 1);
        for (blocks = 1; blocks * per_block < clusters + blocks; blocks++) {
        }
        size = clusters * per_cluster;
        index = MAX(index, old_size + blocks);
    } while (size <= index);
    if (clusters << q->cluster_bits > QCOW2_MAX_REFTABLE) {
        return EFBIG;
    }
    if (qcow2_is_metadata(q, offset, (clusters + blocks) << q->cluster_bits)) {
        return qcow2_damaged(q, "tables are where refcounts do not reach");
    }
    table = g_new0(uint64_t, size);
    memcpy(table, q->reftable, old_size * 8);
    block = g_malloc(q->cluster_size);
    for (uint64_t i = 0; i < blocks && !err; i++) {
        uint64_t at = offset + ((clusters + i) << q->cluster_bits);

        memset(block, 0, q->cluster_size);
        for (uint64_t n = i * per_block; n < MIN((i + 1) * per_block, clusters + blocks); n++) {
            block_set(block, q->refcount_order, n - i * per_block, 1);
        }
        table[old_size + i] = at;
        err = block_file_write(q->image.file, at, block, q->cluster_size);
    }
    g_free(block);
    err = err ? err : write_be64s(q, offset, table, size);
    err = err ? err : point_to_reftable(q, offset, clusters);
    if (err) {
        g_free(table);
        return err;
    }
    q->image.file->size =
        MAX(q->image.file->size, offset + ((clusters + blocks) << q->cluster_bits));
    note_written(q, offset + ((clusters + blocks) << q->cluster_bits));
    qcow2_remove_metadata(q, q->reftable_offset, (uint64_t)q->reftable_clusters << q->cluster_bits);
    qcow2_free(q, q->reftable_offset, q->reftable_clusters);
    qcow2_add_metadata(q, offset, (clusters + blocks) << q->cluster_bits);
    g_free(q->reftable);
    q->reftable = table;
    q->reftable_size = size;
    q->reftable_offset = offset;
    q->reftable_clusters = clusters;
    return 0;
}

int qcow2_make_block(Qcow2 *q, uint64_t index)
{
    uint64_t cluster = 0, offset, own;
    uint8_t *block;
    int err;

    if (index >= q->reftable_size) {
        return grow_reftable(q, index);
    }
    err = find_free(q, 1, &cluster);
    if (err) {
        return err;
    }
    own = cluster >> q->block_bits;
    if (own != index && !block_of(q, cluster)) {
        return qcow2_make_block(q, own);
    }
    offset = cluster << q->cluster_bits;
    block = g_malloc0(q->cluster_size);
    if (own == index) {
        block_set(block, q->refcount_order, cluster & ((UINT64_C(1) << q->block_bits) - 1), 1);
    } else {
        err = qcow2_refcount_set(q, cluster, 1);
        err = err ? err : qcow2_write_refcounts(q);
    }
    err = err ? err : block_file_write(q->image.file, offset, block, q->cluster_size);
    err = err || q->lazy ? err : block_file_sync(q->image.file);
    err = err ? err : qcow2_write_be64(q, q->reftable_offset + index * 8, offset);
    g_free(block);
    if (err) {
        return err;
    }
    q->image.file->size = MAX(q->image.file->size, offset + q->cluster_size);
    note_written(q, offset + q->cluster_size);
    q->reftable[index] = offset;
    qcow2_slices_drop(q, &q->block_cache, offset);
    qcow2_add_metadata(q, offset, q->cluster_size);
    return 0;
}

int qcow2_alloc(Qcow2 *q, uint64_t count, uint64_t *offset)
{
    uint64_t first = 0;
    bool again;
    int err;

    do {
        again = false;
        err = find_free(q, count, &first);
        for (uint64_t i = first >> q->block_bits;
             !err && !again && i <= (first + count - 1) >> q->block_bits; i++) {
            if (!block_of(q, i << q->block_bits)) {
                err = qcow2_make_block(q, i);
                again = true;
            }
        }
    } while (!err && again);
    if (!err) {
        err = qcow2_refcount_add(q, first, count, 1);
    }
    if (!err) {
        err = block_file_extend(q->image.file, (first + count) << q->cluster_bits);
        if (err) {
            qcow2_refcount_add(q, first, count, -1);
        }
    }
    if (!err) {
        q->free_hint = q->free_hint == first ? first + count : q->free_hint;
        note_written(q, (first + count) << q->cluster_bits);
        *offset = first << q->cluster_bits;
    }
    return err;
}

/* ---- Freeing ---- */

void qcow2_free(Qcow2 *q, uint64_t offset, uint64_t count)
{
    FreedRun run = {offset >> q->cluster_bits, count};
    FreedRun *last = q->freed->len ? &g_array_index(q->freed, FreedRun, q->freed->len - 1) : NULL;

    if (last && last->first + last->count == run.first) {
        last->count += count;
    } else {
        g_array_append_val(q->freed, run);
    }
}

void qcow2_apply_freed(Qcow2 *q, GArray *runs)
{
    for (unsigned i = 0; i < runs->len; i++) {
        const FreedRun *run = &g_array_index(runs, FreedRun, i);

        for (uint64_t n = run->first; n < run->first + run->count; n++) {
            uint64_t value = 0;

            if (qcow2_refcount_add(q, n, 1, -1) || qcow2_refcount_get(q, n, &value) || value) {
                continue;
            }
            q->free_hint = MIN(q->free_hint, n);
            qcow2_slices_drop(q, &q->l2_cache, n << q->cluster_bits);
            if (q->discard_unmaps) {
                block_file_discard(q->image.file, n << q->cluster_bits, q->cluster_size);
            }
        }
    }
}
