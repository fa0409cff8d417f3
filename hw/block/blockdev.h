/*
 * Block back ends: what a disk, a flash bank or a CD is stored in; disk images (image.h) for devices.
 *
 * Requests are asynchronous: they run in the kernel or on threads of the machine's, and their completions on
 * the main loop with the machine lock held, or where the caller lets them: in blockdev_end_batch(), in
 * blockdev_drain(). Requests may complete in any order; a request that must follow another is submitted when
 * that has completed. All functions are called with the machine lock held.
 */
#ifndef AMPHI_BLOCKDEV_H
#define AMPHI_BLOCKDEV_H

#include "hw/block/image.h"
#include "softmmu/block-stats.h"
#include "softmmu/machine.h"

typedef struct BlockDev BlockDev;

/* What a device does about a request that failed. */
typedef enum BlockErrorAction {
    BLOCK_REPORT, /* the guest sees the error */
    BLOCK_IGNORE, /* the guest sees success */
    BLOCK_STOP,   /* the machine stops, and the request is tried again when it runs again */
    BLOCK_ENOSPC, /* stop if there is no space left, else report; only as a choice of the user's */
} BlockErrorAction;

typedef enum BlockAio { BLOCK_AIO_AUTO, BLOCK_AIO_URING, BLOCK_AIO_THREADS } BlockAio;

/* How to open; zero is what most users want. */
typedef struct BlockOpen {
    ImageOpen image;
    const char *id;     /* of -drive; unique. NULL: a made-up one */
    const char *node;   /* node-name=; NULL: the id */
    bool write_through; /* each write is stable when it completes */
    bool snapshot;      /* what is written goes to a temporary file */
    bool discard;       /* give discarded space back to the host */
    bool detect_zeroes; /* writes of zeroes are made zeroing */
    bool detect_unmap;  /* ... that may give the space back */
    BlockAio aio;
    BlockErrorAction on_read_error, on_write_error;
    bool named; /* made by blockdev-add or -blockdev: nobody's until a device takes it */
} BlockOpen;

/* For a device that may be given a disk when it is there already: to be called before it is made. What is made
 * first goes last, and disks outlive who uses them. */
void blockdev_init(Machine *machine);

/* Opens @how->image. Errors (missing, a directory, no permission, in use, another format) name the file
 * and the remedy. The machine owns the result and closes it after its devices are gone. */
BlockDev *blockdev_open(Machine *machine, const BlockOpen *how, GError **error);

/* Closes what no device uses. */
bool blockdev_close(BlockDev *blk, GError **error);

/* The back end with @id or that node name, or NULL. */
BlockDev *blockdev_find(Machine *machine, const char *id);

/* What a device does when asked. Members may be NULL. */
typedef struct BlockUserOps {
    /* Some requests were completed together: time to tell the guest. */
    void (*batch_done)(void *opaque);
    /* The size changed. */
    void (*resized)(void *opaque);
} BlockUserOps;

/* Reserves @blk for the device named @user: one device only. */
bool blockdev_attach(BlockDev *blk, const char *user, GError **error);
void blockdev_set_user(BlockDev *blk, const BlockUserOps *ops, void *opaque);

const char *blockdev_id(const BlockDev *blk);
uint64_t blockdev_size(const BlockDev *blk); /* bytes, a multiple of BLOCK_SECTOR */
bool blockdev_read_only(const BlockDev *blk);

/* Changes the size and tells the device. */
bool blockdev_resize(BlockDev *blk, uint64_t size, GError **error);

/* Changes whether each write is stable when it completes. */
void blockdev_set_write_through(BlockDev *blk, bool on);
bool blockdev_write_through(const BlockDev *blk);

/* Called once when a request is done; @err: 0 or an errno value. */
typedef void (*BlockDone)(void *opaque, int err);

/* Start a request. The buffers belong to the back end until @done, the vector itself does not. Ranges outside the
 * disk complete with EINVAL, writes to a read-only one with EROFS. Zeroing with @unmap may give the space back. */
void blockdev_readv(BlockDev *blk, uint64_t offset, const struct iovec *iov, int n, BlockDone done,
                    void *opaque);
void blockdev_writev(BlockDev *blk, uint64_t offset, const struct iovec *iov, int n, BlockDone done,
                     void *opaque);
void blockdev_read(BlockDev *blk, uint64_t offset, void *buf, size_t len, BlockDone done,
                   void *opaque);
void blockdev_write(BlockDev *blk, uint64_t offset, const void *buf, size_t len, BlockDone done,
                    void *opaque);
void blockdev_flush(BlockDev *blk, BlockDone done, void *opaque);
void blockdev_discard(BlockDev *blk, uint64_t offset, uint64_t len, BlockDone done, void *opaque);
void blockdev_write_zeroes(BlockDev *blk, uint64_t offset, uint64_t len, bool unmap, BlockDone done,
                           void *opaque);

/* Requests started between these are handed over together, and those that are done by then are completed in
 * the second one. Batches do not nest. */
void blockdev_begin_batch(BlockDev *blk);
void blockdev_end_batch(BlockDev *blk);

/* A request of a device failed with @err: says so to who manages the machine, stops it if the user wants
 * that, and returns what the device shall do (never BLOCK_ENOSPC). */
BlockErrorAction blockdev_error(BlockDev *blk, const char *operation, bool read, int err);

/* Synchronous access, for boards that load flash contents and for tests. */
bool blockdev_pread(BlockDev *blk, uint64_t offset, void *buf, size_t len, GError **error);

/* Waits until nothing is in flight, including what completions submitted. */
void blockdev_drain(BlockDev *blk);

/* For listings: the back ends in order of creation, NULL past the end; and what is in them. The user,
 * a device's name, may be NULL. */
BlockDev *blockdev_nth(Machine *machine, unsigned n);
const char *blockdev_path(const BlockDev *blk);
const char *blockdev_format(const BlockDev *blk);
const char *blockdev_user(const BlockDev *blk);
const char *blockdev_node(const BlockDev *blk);

/* For `info block`, with all details if @verbose, and the snapshots inside images. */
void blockdev_print_all(Machine *machine, GString *out, bool verbose);
void blockdev_print_snapshots(Machine *machine, GString *out);

/* What query-block and query-blockstats say beside that. */
typedef struct BlockInfo {
    const char *backing; /* path; NULL: none */
    unsigned depth;      /* of the chain of backing files */
    bool write_back, no_flush, direct, detect_zeroes, detect_unmap, temporary;
    uint64_t host_size; /* bytes that the file takes on the host */
    BlockStats stats;
} BlockInfo;

void blockdev_info(const BlockDev *blk, BlockInfo *info);

#endif
