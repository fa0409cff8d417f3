/*
 * Host files and block devices that disk images are stored in: opening with the checks that users need,
 * locking against other processes, and synchronous input and output.
 *
 * Of a BlockFile only @size changes after it was opened, by whoever extends the file, under the lock of the
 * image format that uses it. The functions may be called on any thread. Those that return int return
 * 0 or an errno value.
 */
#ifndef AMPHI_BLOCK_FILE_H
#define AMPHI_BLOCK_FILE_H

#include "softmmu/base/bits.h"
#include <glib.h>
#include <sys/stat.h>
#include <sys/uio.h>

typedef struct BlockFile {
    char *path;
    int fd;
    int direct_fd;         /* the same, around the host's page cache; -1: not asked for */
    unsigned direct_align; /* what offsets, lengths and addresses must be multiples of there */
    bool read_only;
    bool device;       /* a block device: its size is fixed, and what was not written is not zero */
    bool ignore_flush; /* syncing does nothing */
    bool in_memory;    /* on tmpfs, say: nothing waits for a disk */
    bool temporary;    /* nobody else sees it, and it goes with the process */
    dev_t dev;         /* what identifies it */
    ino_t ino;
    uint64_t size; /* bytes */
} BlockFile;

typedef struct BlockFileOpen {
    const char *path;
    bool read_only;
    bool no_locking; /* do not care who else has it open */
    bool direct;
    bool ignore_flush;
} BlockFileOpen;

/* Errors (missing, a directory, no permission, in use) name the file and the remedy. */
BlockFile *block_file_open(const BlockFileOpen *how, GError **error);

/* A file without a name in the directory for large temporary files ($TMPDIR, else /var/tmp). */
BlockFile *block_file_temporary(GError **error);

void block_file_close(BlockFile *file);

/* Reads; what is behind the end is zero. */
int block_file_readv(BlockFile *file, uint64_t offset, const struct iovec *iov, int n);
int block_file_read(BlockFile *file, uint64_t offset, void *buf, size_t len);
int block_file_writev(BlockFile *file, uint64_t offset, const struct iovec *iov, int n);
int block_file_write(BlockFile *file, uint64_t offset, const void *buf, size_t len);

/* What was written is stable afterwards. */
int block_file_sync(BlockFile *file);

/* Zeroes; with @unmap the space may go back to the host. */
int block_file_zero(BlockFile *file, uint64_t offset, uint64_t len, bool unmap);

/* Gives space back, if the host can do that: only a hint. */
void block_file_discard(BlockFile *file, uint64_t offset, uint64_t len);

/* Makes it @size bytes long, if it is shorter. */
int block_file_extend(BlockFile *file, uint64_t size);

/* The descriptor for a transfer: the direct one, if there is one and the transfer is fit for it. */
int block_file_fd_for(const BlockFile *file, uint64_t offset, const struct iovec *iov, int n);

/* Parts of vectors: bytes [skip, skip + len) of @iov as a vector in @out, which has room for @n; returns
 * its length. And zeroes all of it. */
int iov_slice(const struct iovec *iov, int n, size_t skip, size_t len, struct iovec *out);
void iov_zero(const struct iovec *iov, int n);
size_t iov_bytes(const struct iovec *iov, int n);
void iov_store(const struct iovec *iov, int n, size_t skip, const void *buf, size_t len);

#endif
