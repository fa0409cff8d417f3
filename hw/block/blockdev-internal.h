/*
 * Block back ends, inside. Locking: the machine lock.
 */
#ifndef AMPHI_BLOCKDEV_INTERNAL_H
#define AMPHI_BLOCKDEV_INTERNAL_H

#include "hw/block/aio.h"
#include "hw/block/blockdev.h"

/* All disks of a machine. */
typedef struct BlockRegistry {
    Device dev;
    GPtrArray *disks; /* of BlockDev */
    Aio *aio;
    unsigned opened; /* so far, for names */
} BlockRegistry;

struct BlockDev {
    BlockRegistry *registry;
    char *id, *node, *path, *user;
    BlockImage *image;
    bool read_only, write_through, ignore_flush, discard, detect_zeroes, detect_unmap, named;
    BlockAio aio;
    BlockErrorAction on_read_error, on_write_error;
    unsigned inflight; /* started and not completed */
    bool batched;      /* something was completed since the device was told */
    const BlockUserOps *user_ops;
    void *user_opaque;
    BlockStats stats;
};

typedef enum BlockOp { OP_READ, OP_WRITE, OP_FLUSH, OP_DISCARD, OP_ZERO } BlockOp;

typedef struct BlockRequest {
    AioTask task;
    BlockDev *blk;
    BlockOp op;
    bool unmap, stable;
    bool mapped; /* the image counts the transfer */
    uint64_t offset, len;
    uint64_t begun; /* by profile_now() */
    BlockDone done;
    void *opaque;
    int n;
    struct iovec iov[];
} BlockRequest;

/* The machine's registry, or NULL if it has no disk. */
BlockRegistry *blockdev_registry(Machine *machine);

#endif
