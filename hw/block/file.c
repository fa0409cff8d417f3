/*
 * Host files as disks: opening with the checks that users need, and locking against other processes.
 *
 * The locks are open-file-description locks on single bytes, in the layout that QEMU and qemu-img use, so
 * that both notice each other: byte 100 + n is held (shared) by who uses permission n, byte 200 + n by who
 * does not let others use it. Observed with /proc/locks on QEMU 7.2.
 */
#include "hw/block/file.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PERM_READ = 1 << 0, PERM_WRITE = 1 << 1, PERM_RESIZE = 1 << 3, PERM_COUNT = 4 };
enum { LOCK_USES = 100, LOCK_REFUSES = 200 };

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

static bool lock_file(int fd, const BlockOpen *how, GError **error)
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

/* Refuses formats that would be taken for raw disks with strange contents. */
static bool check_format(int fd, const BlockOpen *how, GError **error)
{
    static const struct {
        const char *name, *magic;
        size_t len;
    } formats[] = {
        {"qcow2", "QFI\xfb", 4},
        {"vmdk", "KDMV", 4},
        {"vhdx", "vhdxfile", 8},
    };
    char head[8] = {0};

    if (how->format && strcmp(how->format, "raw") == 0) {
        return true;
    }
    if (how->format) {
        return error_set(error,
                         "'%s': format '%s' is not supported; convert it with "
                         "`qemu-img convert -O raw` and use format=raw",
                         how->path, how->format);
    }
    if (pread(fd, head, sizeof(head), 0) < 0) {
        return error_set_errno(error, errno, "cannot read '%s'", how->path);
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        if (memcmp(head, formats[i].magic, formats[i].len) == 0) {
            return error_set(error,
                             "'%s' is a %s image, which is not supported; convert it with "
                             "`qemu-img convert -O raw` (or say format=raw if it is not)",
                             how->path, formats[i].name);
        }
    }
    return true;
}

static bool file_size(int fd, const BlockOpen *how, uint64_t *size, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return error_set_errno(error, errno, "cannot look at '%s'", how->path);
    }
    if (S_ISDIR(st.st_mode)) {
        return error_set(error, "'%s' is a directory; name a file or a block device", how->path);
    }
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(fd, BLKGETSIZE64, size) < 0) {
            return error_set_errno(error, errno, "cannot get the size of '%s'", how->path);
        }
    } else if (S_ISREG(st.st_mode)) {
        *size = st.st_size;
    } else {
        return error_set(error, "'%s' is neither a file nor a block device", how->path);
    }
    *size = align_up(*size, BLOCK_SECTOR);
    return true;
}

int block_file_open(const BlockOpen *how, uint64_t *size, GError **error)
{
    int fd = open(how->path, (how->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        int err = errno;

        if (err == EISDIR) {
            error_set(error, "'%s' is a directory; name a file or a block device", how->path);
        } else if ((err == EACCES || err == EROFS || err == EPERM) && !how->read_only &&
                   access(how->path, R_OK) == 0) {
            error_set(error, "'%s' is not writable; make it so, or open it with readonly=on",
                      how->path);
        } else if (err == ENOENT) {
            error_set(error,
                      "there is no file '%s'; check the name, or make an empty disk with "
                      "`truncate -s 4G %s`",
                      how->path, how->path);
        } else {
            error_set_errno(error, err, "cannot open '%s'", how->path);
        }
        return -1;
    }
    if (!file_size(fd, how, size, error) || !check_format(fd, how, error) ||
        (!how->no_locking && !lock_file(fd, how, error))) {
        close(fd);
        return -1;
    }
    return fd;
}
