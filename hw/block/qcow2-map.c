/*
 * qcow2: from guest clusters to clusters of the file, through L1 and L2 tables. See qcow2.h for locks.
 *
 * Entries are checked where they are used: an image from elsewhere may say anything.
 */
#include "hw/block/qcow2.h"
#include <errno.h>
#include <string.h>

static unsigned slice_entries(const Qcow2 *q)
{
    return 1u << (q->slice_bits - 3);
}

uint64_t qcow2_slice_left(const Qcow2 *q, uint64_t first)
{
    return slice_entries(q) - (first & (slice_entries(q) - 1));
}

void qcow2_packed_place(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *len)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (entry >> shift & ((UINT64_C(1) << (q->cluster_bits - 8)) - 1)) + 1;

    *offset = entry & ((UINT64_C(1) << shift) - 1);
    *len = sectors * 512 - (*offset & 511);
}

/* Whether an entry of the L1 or an L2 table points to a cluster that can be. */
static int check_offset(Qcow2 *q, uint64_t offset, const BlockFile *file, const char *what)
{
    if (offset & (q->cluster_size - 1)) {
        return qcow2_damaged(q,
                             "%s at 0x%" G_GINT64_MODIFIER "x is not aligned; run `qemu-img "
                             "check`",
                             what, offset);
    }
    if (offset >= file->size) {
        return qcow2_damaged(q,
                             "%s at 0x%" G_GINT64_MODIFIER "x is past the end of the file; is "
                             "it cut short?",
                             what, offset);
    }
    return 0;
}

/* The slice with the entry of guest cluster @cluster; *@slice is NULL if there is no table. */
static int find_slice(Qcow2 *q, uint64_t cluster, bool cached, Slice **slice)
{
    uint64_t table = q->l1[cluster >> q->l2_bits] & QCOW2_OFFSET;
    uint64_t index = cluster & ((UINT64_C(1) << q->l2_bits) - 1);
    int err;

    *slice = NULL;
    if (!table) {
        return 0;
    }
    err = check_offset(q, table, q->image.file, "an L2 table");
    return err ? err : qcow2_slice(q, &q->l2_cache, table + index * 8, cached, slice);
}

static uint64_t entry_at(const Slice *slice, unsigned index)
{
    return GUINT64_FROM_BE(((const uint64_t *)slice->data)[index]);
}

static Qcow2Kind kind_of(const Qcow2 *q, uint64_t entry)
{
    if (entry & QCOW2_COMPRESSED) {
        return QCOW2_PACKED;
    }
    if (q->version >= 3 && (entry & QCOW2_ZERO)) {
        return QCOW2_ZEROES;
    }
    /* Where data is in a file of its own, its first cluster is at 0. */
    return entry & (q->data != q->image.file ? QCOW2_OFFSET | QCOW2_COPIED : QCOW2_OFFSET)
               ? QCOW2_DATA
               : QCOW2_UNALLOCATED;
}

int qcow2_map(Qcow2 *q, uint64_t offset, uint64_t len, bool cached, Qcow2Extent *extent)
{
    uint64_t cluster = offset >> q->cluster_bits, within = offset & (q->cluster_size - 1), count;
    unsigned index = cluster & (slice_entries(q) - 1);
    Slice *slice;
    int err = find_slice(q, cluster, cached, &slice);

    if (err) {
        return err;
    }
    count = MIN((within + len + q->cluster_size - 1) >> q->cluster_bits, slice_entries(q) - index);
    *extent = (Qcow2Extent){.kind = QCOW2_UNALLOCATED};
    if (slice) {
        uint64_t first = entry_at(slice, index), step = 0;
        uint64_t n;

        extent->kind = kind_of(q, first);
        extent->own = first & QCOW2_COPIED;
        extent->entry = first;
        if (extent->kind == QCOW2_DATA) {
            extent->host = (first & QCOW2_OFFSET) + within;
            step = q->cluster_size;
            err = check_offset(q, first & QCOW2_OFFSET, q->data, "data");
            if (err) {
                return err;
            }
        }
        count = extent->kind == QCOW2_PACKED ? 1 : count;
        for (n = 1; n < count; n++) {
            uint64_t entry = entry_at(slice, index + n);

            if (kind_of(q, entry) != extent->kind ||
                (step && (entry & (QCOW2_OFFSET | QCOW2_COPIED)) !=
                             (first & (QCOW2_OFFSET | QCOW2_COPIED)) + n * step)) {
                break;
            }
        }
        count = n;
        if (step && (first & QCOW2_OFFSET) + ((count - 1) << q->cluster_bits) >= q->data->size) {
            count =
                (q->data->size - (first & QCOW2_OFFSET) + q->cluster_size - 1) >> q->cluster_bits;
        }
    }
    extent->len = MIN((count << q->cluster_bits) - within, len);
    return 0;
}

/* Gives back what @entry pointed to. */
static void free_entry(Qcow2 *q, uint64_t entry)
{
    if (entry & QCOW2_COMPRESSED) {
        uint64_t offset, len, first;

        qcow2_packed_place(q, entry, &offset, &len);
        first = offset >> q->cluster_bits;
        qcow2_free(q, first << q->cluster_bits,
                   ((offset + len - 1) >> q->cluster_bits) - first + 1);
    } else if ((entry & QCOW2_OFFSET) && q->data == q->image.file) {
        qcow2_free(q, entry & QCOW2_OFFSET, 1);
    }
}

int qcow2_link(Qcow2 *q, uint64_t first, uint64_t count, uint64_t host, uint64_t flags)
{
    unsigned index = first & (slice_entries(q) - 1);
    Slice *slice;
    int err = find_slice(q, first, false, &slice);

    if (err || !slice) {
        return err ? err : EIO;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t old = entry_at(slice, index + i);
        uint64_t entry = (flags & QCOW2_COPIED ? host + (i << q->cluster_bits) : 0) | flags;

        if (old != entry) {
            ((uint64_t *)slice->data)[index + i] = GUINT64_TO_BE(entry);
            free_entry(q, old);
        }
    }
    qcow2_slice_dirty(&q->l2_cache, slice);
    if (q->inflated_entry) {
        q->inflated_entry = 0; /* may have been one of them */
    }
    return 0;
}

/* The contents of a new L2 table at @offset: those of the table at @old, or nothing. */
static int fill_table(Qcow2 *q, uint64_t offset, uint64_t old)
{
    uint8_t *table = g_malloc0(q->cluster_size);
    int err = 0;

    if (old) {
        err = qcow2_write_metadata(q);
        err = err ? err : block_file_read(q->image.file, old, table, q->cluster_size);
    }
    err = err ? err : block_file_write(q->image.file, offset, table, q->cluster_size);
    g_free(table);
    return err;
}

int qcow2_make_table(Qcow2 *q, uint64_t cluster)
{
    uint64_t index = cluster >> q->l2_bits, offset, old = q->l1[index];
    int err = 0;

    if (old & QCOW2_COPIED) {
        return 0;
    }
    if (old & QCOW2_OFFSET) {
        err = check_offset(q, old & QCOW2_OFFSET, q->image.file, "an L2 table");
    }
    err = err ? err : qcow2_alloc(q, 1, &offset);
    if (err) {
        return err;
    }
    err = qcow2_write_refcounts(q);
    err = err ? err : fill_table(q, offset, old & QCOW2_OFFSET);
    err = err || q->lazy ? err : block_file_sync(q->image.file);
    err = err ? err : qcow2_write_be64(q, q->l1_offset + index * 8, offset | QCOW2_COPIED);
    if (err) {
        qcow2_free(q, offset, 1);
        return err;
    }
    q->l1[index] = offset | QCOW2_COPIED;
    qcow2_slices_drop(q, &q->l2_cache, offset);
    qcow2_add_metadata(q, offset, q->cluster_size);
    if (old & QCOW2_OFFSET) {
        qcow2_remove_metadata(q, old & QCOW2_OFFSET, q->cluster_size);
        qcow2_free(q, old & QCOW2_OFFSET, 1);
    }
    return 0;
}
