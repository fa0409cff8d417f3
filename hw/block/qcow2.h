/*
 * qcow2 images, inside.
 *
 * Source: QEMU's docs/interop/qcow2.txt (versions 2 and 3). A guest cluster's place is found through the
 * L1 table, in memory, and an L2 table, of which slices are cached. A cluster of the file is in use as
 * often as its refcount says; the table of refcount blocks is in memory, slices of the blocks are cached.
 *
 * Order of writes. A refcount is on disk before the table entry that makes use of the cluster, and an entry
 * is gone on disk before the refcount of what it pointed to falls: at any moment what is on disk is whole, but for
 * clusters that count as used and are not. So refcount slices are written before L2 slices, and clusters that become
 * free wait in @freed until the L2 slices that no longer name them are stable. With lazy refcounts the file says
 * that it is "dirty" instead, and refcounts are counted anew when it is opened the next time.
 *
 * Locking. One lock per image guards everything here. It is held for input and output of metadata, not for that
 * of data, which is counted in @transfers instead: clusters are used anew only when none is under way. A write
 * that allocates clusters is in @allocations while it runs without the lock; who wants to change the
 * mapping of the same guest clusters waits for it. Functions called *_locked in other places are all of these here, if
 * nothing else is said.
 */
#ifndef AMPHI_BLOCK_QCOW2_H
#define AMPHI_BLOCK_QCOW2_H

#include "hw/block/image.h"

#define QCOW2_MAX_TABLE (32 * MIB)   /* bytes of an L1 table */
#define QCOW2_MAX_REFTABLE (8 * MIB) /* of the refcount table */
#define QCOW2_SLICE 4096 /* bytes of tables that are cached as one, if clusters are as large */

/* Bits of table entries. */
#define QCOW2_COPIED (UINT64_C(1) << 63) /* nobody else uses the cluster */
#define QCOW2_COMPRESSED (UINT64_C(1) << 62)
#define QCOW2_ZERO UINT64_C(1)
#define QCOW2_OFFSET UINT64_C(0x00fffffffffffe00)

/* Bits of incompatible_features, compatible_features and autoclear_features. */
enum {
    QCOW2_DIRTY = 1 << 0,
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_DATA_FILE = 1 << 2,
    QCOW2_COMPRESSION = 1 << 3,
    QCOW2_EXTENDED_L2 = 1 << 4,
};
enum { QCOW2_LAZY = 1 << 0 };
enum { QCOW2_BITMAPS = 1 << 0, QCOW2_RAW_DATA = 1 << 1 };

/* Where fields of the header are. */
enum {
    QCOW2_AT_SIZE = 24,
    QCOW2_AT_L1 = 36,       /* number of entries, 32 bits; offset, 64 bits */
    QCOW2_AT_REFTABLE = 48, /* offset, 64 bits; clusters, 32 bits */
    QCOW2_AT_INCOMPATIBLE = 72,
    QCOW2_AT_AUTOCLEAR = 88,
    QCOW2_V2_HEADER = 72,
    QCOW2_V3_HEADER = 104,
};

/* A cached piece of a table. */
typedef struct Slice {
    uint64_t offset; /* in the file */
    bool dirty;
    struct Slice *newer, *older;
    uint8_t data[];
} Slice;

typedef struct SliceCache {
    GHashTable *slices; /* by offset */
    Slice *newest, *oldest;
    unsigned max;
    GPtrArray *dirty;
} SliceCache;

/* Guest clusters whose mapping a write is about to change. */
typedef struct Allocation {
    uint64_t first, last;
    struct Allocation *next;
} Allocation;

typedef struct FreedRun {
    uint64_t first, count; /* clusters */
} FreedRun;

typedef struct Qcow2Snapshot {
    uint64_t l1_offset;
    uint32_t l1_size; /* entries */
    char *id, *name;
    uint64_t date, date_ns, clock, state_size, disk_size;
} Qcow2Snapshot;

typedef struct Qcow2 {
    BlockImage image;
    BlockFile *data; /* image.file, or the external data file */
    GMutex lock;
    GCond cond; /* @transfers or @allocations got less, or @gate was opened */
    unsigned version, cluster_bits, refcount_order, slice_bits;
    unsigned l2_bits, block_bits; /* entries of an L2 table and of a refcount block */
    uint64_t cluster_size;
    uint64_t incompatible, compatible, autoclear;
    bool zstd;
    bool lazy;     /* refcounts are written when the image is closed */
    bool modified; /* since it was opened: the header says so where it must */
    bool corrupt;
    bool discard_unmaps; /* what becomes free is given back to the host */
    uint32_t header_length;
    char *backing_name, *backing_format, *data_name;
    uint64_t *l1, *reftable; /* host order */
    uint32_t l1_size;        /* entries that the disk's size makes use of */
    uint32_t l1_in_file;     /* entries that there are; those behind mean nothing */
    uint32_t reftable_clusters;
    uint64_t l1_offset, reftable_offset, reftable_size;
    GArray *snapshots; /* of Qcow2Snapshot */
    uint64_t snapshots_offset, snapshots_bytes;
    GHashTable *metadata; /* numbers of clusters that hold tables, plus one */
    SliceCache l2_cache, block_cache;
    uint64_t free_hint; /* clusters below are in use, as far as known */
    uint64_t fresh;     /* bytes of the file from here on were never written: they are zero */
    GArray *freed;      /* of FreedRun */
    unsigned transfers;
    bool gate; /* no new transfers */
    Allocation *allocations;
    uint8_t *inflated; /* the last cluster that was decompressed, and its entry */
    uint64_t inflated_entry;
} Qcow2;

static inline Qcow2 *to_qcow2(BlockImage *image)
{
    return container_of(image, Qcow2, image);
}

/* What a piece of the disk is. */
typedef enum Qcow2Kind {
    QCOW2_UNALLOCATED, /* as in the backing file */
    QCOW2_ZEROES,
    QCOW2_DATA,
    QCOW2_PACKED, /* compressed */
} Qcow2Kind;

typedef struct Qcow2Extent {
    Qcow2Kind kind;
    bool own;       /* data may be written in place */
    uint64_t len;   /* bytes of the disk that are alike, and of data contiguous in the file */
    uint64_t host;  /* of data */
    uint64_t entry; /* of compressed clusters */
} Qcow2Extent;

/* qcow2-cache.c */
void qcow2_caches_init(Qcow2 *q);
void qcow2_caches_free(Qcow2 *q);
/* The slice that holds byte @offset of a table in the file; with @cached only if it is in memory (EAGAIN).
 * It stays valid until the next call. */
int qcow2_slice(Qcow2 *q, SliceCache *cache, uint64_t offset, bool cached, Slice **slice);
void qcow2_slice_dirty(SliceCache *cache, Slice *slice);
/* Forgets slices of the table at @offset, which is no more. */
void qcow2_slices_drop(Qcow2 *q, SliceCache *cache, uint64_t offset);
/* Writes dirty slices, in order. */
int qcow2_write_metadata(Qcow2 *q);
int qcow2_write_refcounts(Qcow2 *q);

/* qcow2-refcount.c */
int qcow2_refcount_get(Qcow2 *q, uint64_t cluster, uint64_t *value);
/* Adds @delta to those of @count clusters, whose blocks are there if it is positive. */
int qcow2_refcount_add(Qcow2 *q, uint64_t first, uint64_t count, int delta);
int qcow2_refcount_set(Qcow2 *q, uint64_t cluster, uint64_t value);
/* @count contiguous clusters at *@offset, with refcount 1. */
int qcow2_alloc(Qcow2 *q, uint64_t count, uint64_t *offset);
/* Notes that clusters are no longer used: see @freed. */
void qcow2_free(Qcow2 *q, uint64_t offset, uint64_t count);
/* Lowers the refcounts of @runs, which nothing stable names any more. */
void qcow2_apply_freed(Qcow2 *q, GArray *runs);
/* Makes the refcount block number @index, or a larger table that has a place for it. The caller looks
 * again for whatever it looked for. */
int qcow2_make_block(Qcow2 *q, uint64_t index);
bool qcow2_is_metadata(Qcow2 *q, uint64_t offset, uint64_t len);
/* False if one of them was in it. */
bool qcow2_add_metadata(Qcow2 *q, uint64_t offset, uint64_t len);
void qcow2_remove_metadata(Qcow2 *q, uint64_t offset, uint64_t len);

/* qcow2-map.c */
/* What the disk is at @offset, for at most @len bytes. */
int qcow2_map(Qcow2 *q, uint64_t offset, uint64_t len, bool cached, Qcow2Extent *extent);
/* Has guest clusters from @first on be the @count in the file at @host (0: none), with these entry
 * @flags; frees what they were. All are in one slice of one table that is there: qcow2_make_table(). */
int qcow2_link(Qcow2 *q, uint64_t first, uint64_t count, uint64_t host, uint64_t flags);
/* Makes sure that there is a table of our own for guest cluster @cluster. */
int qcow2_make_table(Qcow2 *q, uint64_t cluster);
/* How many guest clusters from @first on have their entries in the same slice. */
uint64_t qcow2_slice_left(const Qcow2 *q, uint64_t first);
/* Where a compressed cluster is: byte offset, and bytes it may take. */
void qcow2_packed_place(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *len);

/* qcow2-io.c */
extern const ImageOps qcow2_ops;
/* The image is damaged: says so, and lets nothing be written any more. Returns EIO. */
int qcow2_damaged(Qcow2 *q, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
int qcow2_write_be64(Qcow2 *q, uint64_t offset, uint64_t value);
/* Before the first change: clears what the change makes invalid. */
int qcow2_modify(Qcow2 *q);
int qcow2_flush(BlockImage *image);

/* qcow2-unpack.c: decompresses a cluster of @size bytes. False if @in is not one. */
bool qcow2_unpack(bool zstd, const uint8_t *in, size_t len, uint8_t *out, size_t size);

/* qcow2-header.c */
bool qcow2_read_header(Qcow2 *q, const ImageOpen *how, GError **error);
/* qcow2-tables.c */
bool qcow2_load_tables(Qcow2 *q, GError **error);
bool qcow2_load_snapshots(Qcow2 *q, unsigned count, GError **error);
void qcow2_print(BlockImage *image, GString *out);
void qcow2_print_snapshots(BlockImage *image, GString *out);
/* qcow2-check.c: counts anew and corrects the refcounts. */
bool qcow2_recount(Qcow2 *q, GError **error);
/* qcow2.c */
bool qcow2_resize(BlockImage *image, uint64_t size, GError **error);
int qcow2_close(BlockImage *image);

#endif
