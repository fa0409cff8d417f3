/*
 * Disk images: what a guest's disk is, stored in host files in some format.
 *
 * Functions of a format are synchronous and may be called on several threads at once; a format that has
 * state of its own guards it. Only map() is called with the machine lock held, on the main thread or a vCPU's,
 * and must not wait: it serves the requests that need nothing but one transfer from or to a host file, which
 * the caller then does in whatever way is fastest. Those that return int return 0 or an errno value. Ranges are
 * within the image's size; writes come to images that are not read-only.
 */
#ifndef AMPHI_BLOCK_IMAGE_H
#define AMPHI_BLOCK_IMAGE_H

#include "hw/block/file.h"

#define BLOCK_SECTOR 512

typedef struct BlockImage BlockImage;

/* Where in a host file data is. */
typedef struct ImageMap {
    BlockFile *file;
    uint64_t offset;
} ImageMap;

typedef struct ImageOps {
    const char *format;
    int (*readv)(BlockImage *image, uint64_t offset, const struct iovec *iov, int n);
    int (*writev)(BlockImage *image, uint64_t offset, const struct iovec *iov, int n);
    /* Everything that was written before is stable afterwards. */
    int (*flush)(BlockImage *image);
    /* @unmap: the space may go back to the host. */
    int (*zero)(BlockImage *image, uint64_t offset, uint64_t len, bool unmap);
    /* A hint. */
    int (*discard)(BlockImage *image, uint64_t offset, uint64_t len);
    /* Whether a transfer of @len bytes is, now, nothing but one in a host file; the caller does it and then
     * says so with unmap(), on any thread. May be NULL, as may unmap(). */
    bool (*map)(BlockImage *image, uint64_t offset, uint64_t len, bool write, ImageMap *map);
    void (*unmap)(BlockImage *image);
    /* Whether a flush is nothing but a sync of the file: always, or as things are now (called as map(); may be
     * NULL). */
    bool plain_flush;
    bool (*flush_is_sync)(BlockImage *image);
    /* Changes the size; nothing is in flight. False with @error. May be NULL. */
    bool (*resize)(BlockImage *image, uint64_t size, GError **error);
    /* Appends lines about the image for `info block -v`, and lists what is in it for `info snapshots`. May be
     * NULL. */
    void (*print)(BlockImage *image, GString *out);
    void (*print_snapshots)(BlockImage *image, GString *out);
    /* Writes everything out; frees the struct, not what is in BlockImage. */
    int (*close)(BlockImage *image);
} ImageOps;

struct BlockImage {
    const ImageOps *ops;
    BlockFile *file;
    BlockImage *backing; /* what is read where nothing was written; NULL: zeroes */
    uint64_t size;       /* bytes, a multiple of BLOCK_SECTOR */
    bool read_only;
    bool probed;   /* taken for raw because nothing else was recognised */
    bool reported; /* atomic: damage was */
};

/* How to open; zero is what most users want. */
typedef struct ImageOpen {
    const char *path;
    const char *format; /* "raw", "qcow2"; NULL: whatever it looks like */
    bool read_only, no_locking, direct, ignore_flush;
    bool discard; /* what is no longer used is given back to the host */
    /* Files outside of the image's directory that the image may refer to: files, or directories with all in
     * them; ends with NULL. NULL: none. */
    const char *const *allowed;
    const char *data_file; /* where a qcow2 image's data is; NULL: the image must not say */
    const char *backing; /* the backing file, whatever the image says; "": none; NULL: as it says */
    const char *backing_format; /* of that */
    bool lazy_refcounts, lazy_refcounts_set;
    bool quiet;                      /* do not warn of guessed formats */
    const struct ImageOpen *overlay; /* of a backing file: what is on top of it */
    const BlockFile *overlay_file;
} ImageOpen;

/* Errors name the file and the remedy. */
BlockImage *image_open(const ImageOpen *how, GError **error);

/* An image in a temporary file on top of @base, which it closes when it is closed. NULL with @error if it
 * cannot be made; @base is then still there. */
BlockImage *image_overlay(BlockImage *base, GError **error);

/* Writes out and frees the image with its backing files. Returns the first error. */
int image_close(BlockImage *image);

/* For backing files: as ops->readv, and zeroes behind the end. */
int image_readv(BlockImage *image, uint64_t offset, const struct iovec *iov, int n);

/* Says on standard error, once for an image, what is wrong with it. */
void image_report(BlockImage *image, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* The format that the first bytes of @file look like: a name, "raw" if like nothing known. */
const char *image_probe(const uint8_t *head, size_t len);

/*
 * The formats.
 */

BlockImage *raw_open(BlockFile *file, const ImageOpen *how, GError **error);
BlockImage *qcow2_open(BlockFile *file, const ImageOpen *how, GError **error);

/* What qcow2_create() can choose. */
typedef struct Qcow2Create {
    uint64_t size;
    unsigned cluster_bits, version;
    bool lazy_refcounts;
} Qcow2Create;

/* Writes an empty image to an empty file. */
bool qcow2_create(BlockFile *file, const Qcow2Create *how, GError **error);

/* Opens what the image in @file calls @name, by the rule of which files it may: those in its own directory, and
 * what the user allowed. */
BlockImage *image_open_backing(BlockFile *file, const char *name, const char *format,
                               const ImageOpen *how, GError **error);
bool image_may_open(const BlockFile *file, const char *name, const ImageOpen *how);
char *image_resolve(const BlockFile *file, const char *name);

#endif
