/*
 * qcow2: the header and its extensions. See qcow2.h for the source. Called while an image is opened.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <string.h>

/* Types of header extensions. */
enum {
    EXT_END = 0,
    EXT_BACKING_FORMAT = 0xe2792aca,
    EXT_FEATURE_NAMES = 0x6803f857,
    EXT_BITMAPS = 0x23852875,
    EXT_ENCRYPTION = 0x0537be77,
    EXT_DATA_FILE = 0x44415441,
};

#define NAME_MAX_LEN 1023

typedef struct Header {
    uint32_t magic, version;
    uint64_t backing_offset;
    uint32_t backing_len, cluster_bits;
    uint64_t size;
    uint32_t encryption, l1_size;
    uint64_t l1_offset, reftable_offset;
    uint32_t reftable_clusters, snapshots;
    uint64_t snapshots_offset;
    /* Version 3. */
    uint64_t incompatible, compatible, autoclear;
    uint32_t refcount_order, header_length;
    uint8_t compression_type, padding[7];
} __attribute__((packed)) Header;

G_STATIC_ASSERT(sizeof(Header) == 112);
G_STATIC_ASSERT(offsetof(Header, incompatible) == QCOW2_AT_INCOMPATIBLE);
G_STATIC_ASSERT(offsetof(Header, autoclear) == QCOW2_AT_AUTOCLEAR);
G_STATIC_ASSERT(offsetof(Header, reftable_offset) == QCOW2_AT_REFTABLE);
G_STATIC_ASSERT(offsetof(Header, l1_size) == QCOW2_AT_L1);

static const char *path_of(const Qcow2 *q)
{
    return q->image.file->path;
}

/* ---- Extensions ---- */

/* The name of an incompatible feature @bit, from the table of names at @names if it has it. */
static char *feature_name(const uint8_t *names, uint32_t len, unsigned bit)
{
    for (uint32_t at = 0; names && at + 48 <= len; at += 48) {
        if (names[at] == 0 && names[at + 1] == bit) {
            char *name = g_strndup((const char *)names + at + 2, 46);

            g_strcanon(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -",
                       '?');
            return name;
        }
    }
    return g_strdup_printf("number %u", bit);
}

/* Incompatible features that are not known here. @names is the extension with names, or NULL. */
static bool check_features(Qcow2 *q, const uint8_t *names, uint32_t len, GError **error)
{
    uint64_t known = QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_DATA_FILE | QCOW2_COMPRESSION;

    if (q->incompatible & QCOW2_EXTENDED_L2) {
        return error_set(error,
                         "'%s' uses the feature 'extended L2 entries', which is not supported; "
                         "convert it with `qemu-img convert -O qcow2`",
                         path_of(q));
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((q->incompatible & ~known) >> bit & 1) {
            char *name = feature_name(names, len, bit);

            error_set(error,
                      "'%s' uses the feature '%s', which is not supported; convert it with "
                      "`qemu-img convert -O qcow2`",
                      path_of(q), name);
            g_free(name);
            return false;
        }
    }
    return true;
}

static bool read_extensions(Qcow2 *q, const uint8_t *head, uint32_t end, GError **error)
{
    const uint8_t *names = NULL;
    uint32_t names_len = 0, at = q->header_length;

    while (at + 8 <= end) {
        uint32_t type = GUINT32_FROM_BE(*(const uint32_t *)(head + at));
        uint32_t len = GUINT32_FROM_BE(*(const uint32_t *)(head + at + 4));

        at += 8;
        if (type == EXT_END) {
            break;
        }
        if (len > end - at) {
            return error_set(error, "'%s' is damaged: its header does not end where it says",
                             path_of(q));
        }
        if (type == EXT_BACKING_FORMAT) {
            q->backing_format = g_strndup((const char *)head + at, MIN(len, 15));
        } else if (type == EXT_DATA_FILE) {
            q->data_name = g_strndup((const char *)head + at, MIN(len, NAME_MAX_LEN));
        } else if (type == EXT_FEATURE_NAMES) {
            names = head + at;
            names_len = len;
        }
        at += (len + 7) & ~7u;
    }
    return check_features(q, names, names_len, error);
}

/* ---- The header ---- */

static bool damaged(const Qcow2 *q, const char *what, GError **error)
{
    return error_set(error, "'%s' is damaged: %s; look at it with `qemu-img check`", path_of(q),
                     what);
}

static bool take_version3(Qcow2 *q, const Header *h, GError **error)
{
    q->incompatible = GUINT64_FROM_BE(h->incompatible);
    q->compatible = GUINT64_FROM_BE(h->compatible);
    q->autoclear = GUINT64_FROM_BE(h->autoclear);
    q->refcount_order = GUINT32_FROM_BE(h->refcount_order);
    q->header_length = GUINT32_FROM_BE(h->header_length);
    if (q->refcount_order > 6) {
        return damaged(q, "its refcounts are more than 64 bits wide", error);
    }
    if (q->header_length < QCOW2_V3_HEADER || q->header_length % 8 ||
        q->header_length > q->cluster_size) {
        return damaged(q, "its header has an impossible length", error);
    }
    if (q->header_length > QCOW2_V3_HEADER && h->compression_type) {
        if (h->compression_type > 1) {
            return error_set(error,
                             "'%s' uses compression type %u, which is not supported; "
                             "convert it with `qemu-img convert -O qcow2`",
                             path_of(q), h->compression_type);
        }
        q->zstd = true;
    }
    if (q->zstd != !!(q->incompatible & QCOW2_COMPRESSION)) {
        return damaged(q, "its header disagrees about compression", error);
    }
    return true;
}

static bool check_table(const Qcow2 *q, uint64_t offset, uint64_t bytes, uint64_t max,
                        const char *what, GError **error)
{
    if (bytes > max) {
        return error_set(error,
                         "'%s' has %s of %" G_GUINT64_FORMAT " bytes, more than there can "
                         "be; it is damaged or made to do harm",
                         path_of(q), what, bytes);
    }
    if (bytes && (offset & (q->cluster_size - 1) || !offset || offset > q->image.file->size ||
                  bytes > align_up(q->image.file->size, q->cluster_size) - offset)) {
        return error_set(error, "'%s' is damaged: %s is not inside the file; is that cut short?",
                         path_of(q), what);
    }
    return true;
}

static bool take_tables(Qcow2 *q, const Header *h, GError **error)
{
    uint64_t covered = q->cluster_size << q->l2_bits, need;

    q->l1_in_file = GUINT32_FROM_BE(h->l1_size);
    q->l1_offset = GUINT64_FROM_BE(h->l1_offset);
    q->reftable_offset = GUINT64_FROM_BE(h->reftable_offset);
    q->reftable_clusters = GUINT32_FROM_BE(h->reftable_clusters);
    q->reftable_size = (uint64_t)q->reftable_clusters << (q->cluster_bits - 3);
    q->snapshots_offset = GUINT64_FROM_BE(h->snapshots_offset);
    need = q->image.size / covered + (q->image.size % covered != 0);
    if (need > QCOW2_MAX_TABLE / 8) {
        return error_set(error,
                         "'%s' is a disk of %" G_GUINT64_FORMAT " bytes, which its cluster "
                         "size does not allow; it is damaged or made to do harm",
                         path_of(q), q->image.size);
    }
    q->l1_size = need;
    if (q->l1_in_file < need) {
        return damaged(q, "its L1 table is too small", error);
    }
    if (!q->reftable_clusters) {
        return damaged(q, "it has no refcount table", error);
    }
    return check_table(q, q->l1_offset, (uint64_t)q->l1_in_file * 8, QCOW2_MAX_TABLE, "an L1 table",
                       error) &&
           check_table(q, q->reftable_offset, (uint64_t)q->reftable_clusters << q->cluster_bits,
                       QCOW2_MAX_REFTABLE, "a refcount table", error);
}

static bool take_backing_name(Qcow2 *q, const Header *h, const uint8_t *head, uint32_t head_len,
                              GError **error)
{
    uint64_t offset = GUINT64_FROM_BE(h->backing_offset);
    uint32_t len = GUINT32_FROM_BE(h->backing_len);

    if (!offset || !len) {
        return true;
    }
    if (len > NAME_MAX_LEN || offset > head_len || len > head_len - offset) {
        return damaged(q, "the name of its backing file is not in the header", error);
    }
    q->backing_name = g_strndup((const char *)head + offset, len);
    return true;
}

static bool take_header(Qcow2 *q, const Header *h, GError **error)
{
    q->version = GUINT32_FROM_BE(h->version);
    q->cluster_bits = GUINT32_FROM_BE(h->cluster_bits);
    q->header_length = QCOW2_V2_HEADER;
    q->refcount_order = 4;
    if (memcmp(&h->magic, "QFI\xfb", 4) != 0) {
        return error_set(error,
                         "'%s' is not a qcow2 image; leave out format=qcow2, or see what it "
                         "is with `qemu-img info`",
                         path_of(q));
    }
    if (q->version < 2 || q->version > 3) {
        return error_set(error,
                         "'%s' is a qcow image of version %u; only 2 and 3 are supported: "
                         "convert it with `qemu-img convert -O qcow2`",
                         path_of(q), q->version);
    }
    if (q->cluster_bits < 9 || q->cluster_bits > 21) {
        return damaged(q, "its clusters are not 512 bytes to 2 MiB", error);
    }
    if (h->encryption) {
        return error_set(error,
                         "'%s' is encrypted, which is not supported; convert it with "
                         "`qemu-img convert`",
                         path_of(q));
    }
    q->cluster_size = UINT64_C(1) << q->cluster_bits;
    q->l2_bits = q->cluster_bits - 3;
    q->slice_bits = MIN(q->cluster_bits, __builtin_ctz(QCOW2_SLICE));
    q->image.size = GUINT64_FROM_BE(h->size);
    if (q->image.size > INT64_MAX - q->cluster_size) {
        return damaged(q, "the disk's size is impossible", error);
    }
    q->image.size = align_up(q->image.size, BLOCK_SECTOR);
    if (q->version >= 3 && !take_version3(q, h, error)) {
        return false;
    }
    q->block_bits = q->cluster_bits + 3 - q->refcount_order;
    return true;
}

bool qcow2_read_header(Qcow2 *q, const ImageOpen *how, GError **error)
{
    uint8_t *head = NULL;
    Header h;
    uint32_t end;
    bool ok;
    int err = block_file_read(q->image.file, 0, &h, sizeof(h));

    if (err) {
        return error_set_errno(error, err, "cannot read '%s'", path_of(q));
    }
    if (!take_header(q, &h, error)) {
        return false;
    }
    /* Extensions are in the first cluster, before the name of the backing file if there is one. */
    head = g_malloc0(q->cluster_size);
    err = block_file_read(q->image.file, 0, head, q->cluster_size);
    if (err) {
        g_free(head);
        return error_set_errno(error, err, "cannot read '%s'", path_of(q));
    }
    end = q->cluster_size;
    if (h.backing_offset && GUINT64_FROM_BE(h.backing_offset) < end) {
        end = GUINT64_FROM_BE(h.backing_offset);
    }
    ok = take_backing_name(q, &h, head, q->cluster_size, error) &&
         read_extensions(q, head, end, error) && take_tables(q, &h, error) &&
         qcow2_load_snapshots(q, GUINT32_FROM_BE(h.snapshots), error);
    g_free(head);
    return ok;
}
