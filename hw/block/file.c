/*
 * Host files as disks. See file.h.
 *
 * The locks are open-file-description locks on single bytes, in the layout that QEMU and qemu-img use, so
 * that both notice each other: byte 100 + n is held (shared) by who uses permission n, byte 200 + n by who
 * does not let others use it. Observed with /proc/locks on QEMU 7.2.
 *
 * A file that is used around the page cache has a second descriptor for that; transfers that are not aligned
 * as that wants go through the first one, and the kernel keeps both views coherent.
 */
#include "hw/block/file.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PERM_READ = 1 << 0, PERM_WRITE = 1 << 1, PERM_RESIZE = 1 << 3, PERM_COUNT = 4 };
enum { LOCK_USES = 100, LOCK_REFUSES = 200 };

/* ---- Locks ---- */

/* A byte-range lock operation on one byte; returns whether it succeeded. */
static bool lock_byte(int fd, int op, short type, off_t byte, struct flock *result)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    bool ok = fcntl(fd, op, &lock) == 0;

    if (result) {
        *result = lock;
    }
    return ok;
}

/* Whether another process holds byte @base + n for a permission n of @perms. */
static bool others_hold(int fd, off_t base, unsigned perms)
{
    for (unsigned n = 0; n < PERM_COUNT; n++) {
        struct flock lock;

        if ((perms >> n & 1) && lock_byte(fd, F_OFD_GETLK, F_WRLCK, base + n, &lock) &&
            lock.l_type != F_UNLCK) {
            return true;
        }
    }
    return false;
}

static void hold(int fd, off_t base, unsigned perms)
{
    for (unsigned n = 0; n < PERM_COUNT; n++) {
        if (perms >> n & 1) {
            lock_byte(fd, F_OFD_SETLK, F_RDLCK, base + n, NULL);
        }
    }
}

static bool lock_file(int fd, const BlockFileOpen *how, GError **error)
{
    unsigned uses = how->read_only ? PERM_READ : PERM_READ | PERM_WRITE | PERM_RESIZE;
    unsigned refuses = PERM_WRITE | PERM_RESIZE;

    /* First take, then look: of two that do so at once, at least one sees the other. Host file systems
     * that have no locks are used without. */
    hold(fd, LOCK_USES, uses);
    hold(fd, LOCK_REFUSES, refuses);
    if (others_hold(fd, LOCK_REFUSES, uses) || others_hold(fd, LOCK_USES, refuses)) {
        return error_set(error,
                         "'%s' is in use, by another process or another drive; stop that one, or "
                         "open it in both with readonly=on",
                         how->path);
    }
    return true;
}

/* ---- Opening ---- */

static bool look_at(BlockFile *file, GError **error)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0) {
        return error_set_errno(error, errno, "cannot look at '%s'", file->path);
    }
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    if (S_ISDIR(st.st_mode)) {
        return error_set(error, "'%s' is a directory; name a file or a block device", file->path);
    }
    if (S_ISBLK(st.st_mode)) {
        file->device = true;
        file->dev = st.st_rdev;
        file->ino = 0;
        if (ioctl(file->fd, BLKGETSIZE64, &file->size) < 0) {
            return error_set_errno(error, errno, "cannot get the size of '%s'", file->path);
        }
    } else if (S_ISREG(st.st_mode)) {
        file->size = st.st_size;
    } else {
        return error_set(error, "'%s' is neither a file nor a block device", file->path);
    }
    return true;
}

/* What direct transfers must be aligned to: found by trying. */
static unsigned probe_alignment(int fd)
{
    void *buf = NULL;
    unsigned align;

    if (posix_memalign(&buf, 4096, 4096) != 0) {
        return 4096;
    }
    for (align = 512; align < 4096; align *= 2) {
        if (pread(fd, buf, align, 0) >= 0) {
            break;
        }
    }
    free(buf);
    return align;
}

static bool is_in_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static bool open_direct(BlockFile *file, GError **error)
{
    char *name = g_strdup_printf("/proc/self/fd/%d", file->fd);

    file->direct_fd = open(name, (file->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_DIRECT);
    g_free(name);
    if (file->direct_fd < 0) {
        return error_set_errno(error, errno,
                               "'%s' cannot be used without the host's page cache; use "
                               "cache=writeback",
                               file->path);
    }
    file->direct_align = probe_alignment(file->direct_fd);
    return true;
}

static bool open_failed(const BlockFileOpen *how, int err, GError **error)
{
    if (err == EISDIR) {
        return error_set(error, "'%s' is a directory; name a file or a block device", how->path);
    }
    if ((err == EACCES || err == EROFS || err == EPERM) && !how->read_only &&
        access(how->path, R_OK) == 0) {
        return error_set(error, "'%s' is not writable; make it so, or open it with readonly=on",
                         how->path);
    }
    if (err == ENOENT) {
        return error_set(error,
                         "there is no file '%s'; check the name, or make an empty disk with "
                         "`truncate -s 4G %s`",
                         how->path, how->path);
    }
    return error_set_errno(error, err, "cannot open '%s'", how->path);
}

BlockFile *block_file_open(const BlockFileOpen *how, GError **error)
{
    int fd = open(how->path, (how->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    BlockFile *file;

    if (fd < 0) {
        open_failed(how, errno, error);
        return NULL;
    }
    file = g_new0(BlockFile, 1);
    file->path = g_strdup(how->path);
    file->fd = fd;
    file->direct_fd = -1;
    file->read_only = how->read_only;
    file->ignore_flush = how->ignore_flush;
    file->in_memory = is_in_memory(fd);
    if (!look_at(file, error) || (!how->no_locking && !lock_file(fd, how, error)) ||
        (how->direct && !open_direct(file, error))) {
        block_file_close(file);
        return NULL;
    }
    return file;
}

BlockFile *block_file_temporary(GError **error)
{
    const char *dir = g_getenv("TMPDIR");
    BlockFile *file = g_new0(BlockFile, 1);

    dir = dir && *dir ? dir : "/var/tmp";
    file->path = g_strdup_printf("(temporary file in %s)", dir);
    file->direct_fd = -1;
    file->ignore_flush = file->temporary = true;
    file->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file->fd < 0) { /* not every file system has files without names */
        char *name = g_build_filename(dir, "amphi-XXXXXX", NULL);

        file->fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (file->fd >= 0) {
            unlink(name);
        }
        g_free(name);
    }
    if (file->fd < 0) {
        error_set_errno(error, errno,
                        "cannot make a temporary file in '%s'; set TMPDIR to a directory that "
                        "takes them",
                        dir);
        block_file_close(file);
        return NULL;
    }
    file->in_memory = is_in_memory(file->fd);
    return file;
}

void block_file_close(BlockFile *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    if (file->direct_fd >= 0) {
        close(file->direct_fd);
    }
    g_free(file->path);
    g_free(file);
}

/* ---- Vectors ---- */

int iov_slice(const struct iovec *iov, int n, size_t skip, size_t len, struct iovec *out)
{
    int count = 0;

    for (; n && len; n--, iov++) {
        size_t chunk;

        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        chunk = MIN(iov->iov_len - skip, len);
        out[count++] = (struct iovec){(uint8_t *)iov->iov_base + skip, chunk};
        len -= chunk;
        skip = 0;
    }
    return count;
}

void iov_zero(const struct iovec *iov, int n)
{
    for (; n; n--, iov++) {
        memset(iov->iov_base, 0, iov->iov_len);
    }
}

size_t iov_bytes(const struct iovec *iov, int n)
{
    size_t len = 0;

    for (; n; n--, iov++) {
        len += iov->iov_len;
    }
    return len;
}

void iov_store(const struct iovec *iov, int n, size_t skip, const void *buf, size_t len)
{
    const uint8_t *from = buf;

    for (; n && len; n--, iov++) {
        size_t chunk;

        if (skip >= iov->iov_len) {
            skip -= iov->iov_len;
            continue;
        }
        chunk = MIN(iov->iov_len - skip, len);
        memcpy((uint8_t *)iov->iov_base + skip, from, chunk);
        from += chunk;
        len -= chunk;
        skip = 0;
    }
}

/* ---- Input and output ---- */

int block_file_fd_for(const BlockFile *file, uint64_t offset, const struct iovec *iov, int n)
{
    uint64_t bits = offset;

    if (file->direct_fd < 0) {
        return file->fd;
    }
    for (; n; n--, iov++) {
        bits |= (uintptr_t)iov->iov_base | iov->iov_len;
    }
    return bits & (file->direct_align - 1) ? file->fd : file->direct_fd;
}

/* Goes on after @done bytes, one vector element at a time: for what a transfer left over. */
static int transfer_rest(int fd, uint64_t offset, const struct iovec *iov, int n, size_t done,
                         bool write)
{
    for (; n; n--, iov++) {
        uint8_t *base = iov->iov_base;
        size_t at = MIN(done, iov->iov_len);

        done -= at;
        while (at < iov->iov_len) {
            ssize_t r = write ? pwrite(fd, base + at, iov->iov_len - at, offset + at)
                              : pread(fd, base + at, iov->iov_len - at, offset + at);

            if (r < 0 && errno == EINTR) {
                continue;
            }
            if (r < 0) {
                return errno;
            }
            if (r == 0 && write) {
                return EIO;
            }
            if (r == 0) { /* behind the end */
                memset(base + at, 0, iov->iov_len - at);
                break;
            }
            at += r;
        }
        offset += iov->iov_len;
    }
    return 0;
}

static int transfer(const BlockFile *file, uint64_t offset, const struct iovec *iov, int n,
                    bool write)
{
    int fd = block_file_fd_for(file, offset, iov, n);
    ssize_t r = n > IOV_MAX ? 0 : write ? pwritev(fd, iov, n, offset) : preadv(fd, iov, n, offset);

    if (r < 0 && errno != EINTR) {
        return errno;
    }
    r = MAX(r, 0);
    /* The rest is not aligned as direct transfers want, so it goes the other way. */
    return (size_t)r == iov_bytes(iov, n) ? 0 : transfer_rest(file->fd, offset, iov, n, r, write);
}

int block_file_readv(BlockFile *file, uint64_t offset, const struct iovec *iov, int n)
{
    return transfer(file, offset, iov, n, false);
}

int block_file_writev(BlockFile *file, uint64_t offset, const struct iovec *iov, int n)
{
    return transfer(file, offset, iov, n, true);
}

int block_file_read(BlockFile *file, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = {buf, len};

    return transfer_rest(file->fd, offset, &iov, 1, 0, false);
}

int block_file_write(BlockFile *file, uint64_t offset, const void *buf, size_t len)
{
    struct iovec iov = {(void *)buf, len};

    return transfer_rest(file->fd, offset, &iov, 1, 0, true);
}

int block_file_sync(BlockFile *file)
{
    return file->ignore_flush || fdatasync(file->fd) == 0 ? 0 : errno;
}

int block_file_zero(BlockFile *file, uint64_t offset, uint64_t len, bool unmap)
{
    static const uint8_t zeroes[64 * 1024];

    if (unmap &&
        fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len) == 0) {
        return 0;
    }
    if (fallocate(file->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, len) == 0) {
        return 0;
    }
    for (uint64_t n = 0; n < len; n += sizeof(zeroes)) {
        int err = block_file_write(file, offset + n, zeroes, MIN(sizeof(zeroes), len - n));

        if (err) {
            return err;
        }
    }
    return 0;
}

void block_file_discard(BlockFile *file, uint64_t offset, uint64_t len)
{
    (void)!fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
}

int block_file_extend(BlockFile *file, uint64_t size)
{
    if (size <= file->size) {
        return 0;
    }
    if (file->device) {
        return ENOSPC;
    }
    if (ftruncate(file->fd, size) < 0) {
        return errno;
    }
    file->size = size;
    return 0;
}
