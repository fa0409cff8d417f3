/*
 * Block back ends: what a disk, a flash bank or a CD is stored in. Now raw files and host block
 * devices.
 *
 * Requests are asynchronous: they run on a few threads of the machine's and their completions on the
 * main loop with the machine lock held, or in blockdev_drain(). Requests may complete in any order; a
 * request that must follow another is submitted when that has completed. All functions are called with
 * the machine lock held.
 */
#ifndef AMPHI_BLOCKDEV_H
#define AMPHI_BLOCKDEV_H

#include "softmmu/machine.h"

typedef struct BlockDev BlockDev;

#define BLOCK_SECTOR 512

/* How to open; zero is what most users want. */
typedef struct BlockOpen {
    const char *id; /* of -drive; unique. NULL: a made-up one */
    const char *path;
    const char *format; /* "raw"; NULL: looked at, and refused if it is another known one */
    bool read_only;
    bool no_locking;    /* do not care who else has it open */
    bool write_through; /* each write is stable when it completes */
    bool ignore_flush;  /* cache=unsafe: flushes do nothing */
    bool discard;       /* give discarded space back to the host */
} BlockOpen;

/* Opens @how->path. Errors (missing, a directory, no permission, in use, another format) name the file
 * and the remedy. The machine owns the result and closes it after its devices are gone. */
BlockDev *blockdev_open(Machine *machine, const BlockOpen *how, GError **error);

/* The back end with @id, or NULL. */
BlockDev *blockdev_find(Machine *machine, const char *id);

/* Reserves @blk for the device named @user: one device only. */
bool blockdev_attach(BlockDev *blk, const char *user, GError **error);

const char *blockdev_id(const BlockDev *blk);
uint64_t blockdev_size(const BlockDev *blk); /* bytes, a multiple of BLOCK_SECTOR */
bool blockdev_read_only(const BlockDev *blk);

/* Changes whether each write is stable when it completes. */
void blockdev_set_write_through(BlockDev *blk, bool on);
bool blockdev_write_through(const BlockDev *blk);

/* Called once when a request is done; @err: 0 or an errno value. */
typedef void (*BlockDone)(void *opaque, int err);

/* Start a request. @buf belongs to the back end until @done. Ranges outside the disk complete with
 * EINVAL, writes to a read-only one with EROFS. Zeroing with @unmap may give the space back. */
void blockdev_read(BlockDev *blk, uint64_t offset, void *buf, size_t len, BlockDone done,
                   void *opaque);
void blockdev_write(BlockDev *blk, uint64_t offset, const void *buf, size_t len, BlockDone done,
                    void *opaque);
void blockdev_flush(BlockDev *blk, BlockDone done, void *opaque);
void blockdev_discard(BlockDev *blk, uint64_t offset, uint64_t len, BlockDone done, void *opaque);
void blockdev_write_zeroes(BlockDev *blk, uint64_t offset, uint64_t len, bool unmap, BlockDone done,
                           void *opaque);

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

/* For `info block`. */
void blockdev_print_all(Machine *machine, GString *out);

#endif
