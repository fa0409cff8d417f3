/*
 * qcow2: the tables that are in memory, internal snapshots, and what `info` shows of them. Called while an
 * image is opened; printing takes the image's lock.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define MAX_SNAPSHOTS 65536
#define MAX_SNAPSHOT_BYTES (64 * MIB) /* of the table */

static bool damaged(const Qcow2 *q, const char *what, GError **error)
{
    return error_set(error, "'%s' is damaged: %s; mend it with `qemu-img check -r all`",
                     q->image.file->path, what);
}

/* ---- L1 table and refcount table ---- */

/* @count big-endian numbers at @offset of the file. */
static uint64_t *read_table(const Qcow2 *q, uint64_t offset, uint64_t count, GError **error)
{
    uint64_t *table = g_try_new0(uint64_t, MAX(count, 1));
    int err = table ? block_file_read(q->image.file, offset, table, count * 8) : ENOMEM;

    if (err) {
        g_free(table);
        error_set_errno(error, err, "cannot read '%s'", q->image.file->path);
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) {
        table[i] = GUINT64_FROM_BE(table[i]);
    }
    return table;
}

/* Notes what @entries point to as tables, if the image is to be written; two that overlap are then refused. */
static bool note_tables(Qcow2 *q, const uint64_t *entries, uint64_t count, const char *what,
                        GError **error)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = entries[i] & QCOW2_OFFSET;

        if (!offset) {
            continue;
        }
        if (offset & (q->cluster_size - 1) || offset >= q->image.file->size) {
            return error_set(error,
                             "'%s' is damaged: %s is not inside the file; is that cut short? Mend "
                             "it with `qemu-img check -r all`",
                             q->image.file->path, what);
        }
        if (!q->image.read_only && !qcow2_add_metadata(q, offset, q->cluster_size)) {
            return damaged(q, "tables overlap", error);
        }
    }
    return true;
}

/* Tables of more than one cluster. */
static bool note_area(Qcow2 *q, uint64_t offset, uint64_t bytes, GError **error)
{
    return !bytes || q->image.read_only ||
           qcow2_add_metadata(q, offset, align_up(bytes, q->cluster_size)) ||
           damaged(q, "tables overlap", error);
}

bool qcow2_load_tables(Qcow2 *q, GError **error)
{
    q->reftable = read_table(q, q->reftable_offset, q->reftable_size, error);
    q->l1 = q->reftable ? read_table(q, q->l1_offset, q->l1_size, error) : NULL;
    if (!q->l1 || !note_area(q, 0, q->cluster_size, error) ||
        !note_area(q, q->reftable_offset, (uint64_t)q->reftable_clusters << q->cluster_bits,
                   error) ||
        !note_area(q, q->l1_offset, (uint64_t)q->l1_in_file * 8, error) ||
        !note_area(q, q->snapshots_offset, q->snapshots_bytes, error)) {
        return false;
    }
    for (unsigned i = 0; i < q->snapshots->len; i++) {
        const Qcow2Snapshot *snapshot = &g_array_index(q->snapshots, Qcow2Snapshot, i);

        if (!note_area(q, snapshot->l1_offset, (uint64_t)snapshot->l1_size * 8, error)) {
            return false;
        }
    }
    return note_tables(q, q->reftable, q->reftable_size, "a refcount block", error) &&
           note_tables(q, q->l1, q->l1_size, "an L2 table", error);
}

/* ---- Internal snapshots ---- */

typedef struct RawSnapshot {
    uint64_t l1_offset;
    uint32_t l1_size;
    uint16_t id_len, name_len;
    uint32_t date, date_ns;
    uint64_t clock;
    uint32_t state_size, extra_len;
} __attribute__((packed)) RawSnapshot;

typedef struct RawExtra {
    uint64_t state_size, disk_size;
} RawExtra;

/* One entry of the table at @*offset, which moves on. */
static bool load_snapshot(Qcow2 *q, uint64_t *offset, GError **error)
{
    Qcow2Snapshot snapshot = {0};
    RawExtra extra = {0};
    RawSnapshot raw;
    char *names;
    uint32_t extra_len, id_len, name_len;

    if (block_file_read(q->image.file, *offset, &raw, sizeof(raw))) {
        return damaged(q, "its table of snapshots cannot be read", error);
    }
    extra_len = GUINT32_FROM_BE(raw.extra_len);
    id_len = GUINT16_FROM_BE(raw.id_len);
    name_len = GUINT16_FROM_BE(raw.name_len);
    if (extra_len > 1024 || *offset > q->image.file->size) {
        return damaged(q, "its table of snapshots makes no sense", error);
    }
    names = g_malloc0(id_len + name_len + 1);
    if (block_file_read(q->image.file, *offset + sizeof(raw), &extra,
                        MIN(extra_len, sizeof(extra))) ||
        block_file_read(q->image.file, *offset + sizeof(raw) + extra_len, names,
                        id_len + name_len)) {
        g_free(names);
        return damaged(q, "its table of snapshots cannot be read", error);
    }
    snapshot.l1_offset = GUINT64_FROM_BE(raw.l1_offset);
    snapshot.l1_size = GUINT32_FROM_BE(raw.l1_size);
    snapshot.date = GUINT32_FROM_BE(raw.date);
    snapshot.date_ns = GUINT32_FROM_BE(raw.date_ns);
    snapshot.clock = GUINT64_FROM_BE(raw.clock);
    snapshot.state_size =
        extra_len >= 8 ? GUINT64_FROM_BE(extra.state_size) : GUINT32_FROM_BE(raw.state_size);
    snapshot.disk_size = extra_len >= 16 ? GUINT64_FROM_BE(extra.disk_size) : q->image.size;
    snapshot.id = g_strndup(names, id_len);
    snapshot.name = g_strndup(names + id_len, name_len);
    g_free(names);
    g_array_append_val(q->snapshots, snapshot);
    if ((uint64_t)snapshot.l1_size * 8 > QCOW2_MAX_TABLE ||
        (snapshot.l1_offset & (q->cluster_size - 1)) || snapshot.l1_offset > q->image.file->size ||
        (uint64_t)snapshot.l1_size * 8 >
            align_up(q->image.file->size, q->cluster_size) - snapshot.l1_offset) {
        return damaged(q, "a snapshot's L1 table is not inside the file", error);
    }
    *offset = align_up(*offset + sizeof(raw) + extra_len + id_len + name_len, 8);
    return true;
}

bool qcow2_load_snapshots(Qcow2 *q, unsigned count, GError **error)
{
    uint64_t offset = q->snapshots_offset;

    if (count > MAX_SNAPSHOTS) {
        return damaged(q, "it says that it has more snapshots than there can be", error);
    }
    if (count && (offset & (q->cluster_size - 1) || !offset)) {
        return damaged(q, "its table of snapshots is not where one can be", error);
    }
    while (count--) {
        if (!load_snapshot(q, &offset, error)) {
            return false;
        }
        if (offset - q->snapshots_offset > MAX_SNAPSHOT_BYTES) {
            return damaged(q, "its table of snapshots is too large", error);
        }
    }
    q->snapshots_bytes = offset - q->snapshots_offset;
    return true;
}

/* ---- For people ---- */

static void append_name(GString *out, const char *name, unsigned width)
{
    char *text = g_utf8_make_valid(name, -1);

    for (char *p = text; *p; p++) {
        *p = g_ascii_iscntrl(*p) ? '?' : *p;
    }
    g_string_append_printf(out, "%-*s", width, text);
    g_free(text);
}

void qcow2_print_snapshots(BlockImage *image, GString *out)
{
    Qcow2 *q = to_qcow2(image);

    if (q->snapshots->len) {
        g_string_append_printf(out, "%-10s%-17s%8s%20s%14s\n", "ID", "TAG", "VM SIZE", "DATE",
                               "VM CLOCK");
    }
    for (unsigned i = 0; i < q->snapshots->len; i++) {
        const Qcow2Snapshot *s = &g_array_index(q->snapshots, Qcow2Snapshot, i);
        time_t date = s->date;
        uint64_t seconds = s->clock / 1000000000;
        char when[32] = "", *size = g_format_size_full(s->state_size, G_FORMAT_SIZE_IEC_UNITS);
        struct tm tm;

        if (localtime_r(&date, &tm)) {
            strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
        }
        append_name(out, s->id, 10);
        append_name(out, s->name, 16);
        g_string_append_printf(out, " %8s%20s  %02u:%02u:%02u.%03u\n", size, when,
                               (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60),
                               (unsigned)(seconds % 60), (unsigned)(s->clock / 1000000 % 1000));
        g_free(size);
    }
}

void qcow2_print(BlockImage *image, GString *out)
{
    Qcow2 *q = to_qcow2(image);

    g_mutex_lock(&q->lock);
    g_string_append_printf(out,
                           "    qcow2:            version %u, clusters of %" G_GUINT64_FORMAT
                           " bytes, refcounts of %u bits%s%s%s\n",
                           q->version, q->cluster_size, 1u << q->refcount_order,
                           q->zstd ? ", zstd" : "", q->lazy ? ", lazy refcounts" : "",
                           q->corrupt ? ", damaged" : "");
    if (q->data != image->file) {
        g_string_append_printf(out, "    Data file:        %s\n", q->data->path);
    }
    g_mutex_unlock(&q->lock);
    if (q->snapshots->len) {
        g_string_append(out, "    Snapshots in it:\n");
        qcow2_print_snapshots(image, out);
    }
}
