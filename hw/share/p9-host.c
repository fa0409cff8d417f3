/*
 * A shared folder, the host's side: every access starts at a descriptor that was reached from the root by single
 * names, with O_NOFOLLOW at each step. Symbolic links are data, which the guest resolves itself.
 *
 * Descriptors are O_PATH: they name a file, not a place, so names that change meanwhile lead nowhere else. What
 * O_PATH cannot do is done through /proc/self/fd, which leads to exactly that file. ".." is the one step up:
 * the folder that it leads to must be below the root. Files that opening would do something to (devices, fifos,
 * sockets) are not opened.
 *
 * With mapped attributes owner, group, mode and device number are in user.virtfs.*; a symbolic link, device,
 * fifo or socket is a regular file then, with the link's target for content.
 */
#include "hw/share/p9-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_DEPTH 4096
#define XATTR_PREFIX "user.virtfs."
#define XATTR_UID XATTR_PREFIX "uid"
#define XATTR_GID XATTR_PREFIX "gid"
#define XATTR_MODE XATTR_PREFIX "mode"
#define XATTR_RDEV XATTR_PREFIX "rdev"
#define TYPE_AND_BITS (S_IFMT | 07777)

void share_fd_path(int fd, SharePath text)
{
    g_snprintf(text, sizeof(SharePath), "/proc/self/fd/%d", fd);
}

static int fail(void)
{
    return errno ? errno : EIO;
}

static bool is_root(const ShareFolder *folder, const struct stat *st)
{
    return st->st_dev == folder->root_dev && st->st_ino == folder->root_ino;
}

/* ---- Names ---- */

bool share_name_ok(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Whether the folder @dir is the root or below it. */
static bool is_inside(const ShareFolder *folder, int dir)
{
    int at = dup(dir);
    bool inside = false;

    for (unsigned depth = 0; at >= 0 && depth < MAX_DEPTH; depth++) {
        struct stat st, up_st;
        int up;

        if (fstat(at, &st) < 0) {
            break;
        }
        if (is_root(folder, &st)) {
            inside = true;
            break;
        }
        up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0 || fstat(up, &up_st) < 0 ||
            (up_st.st_ino == st.st_ino && up_st.st_dev == st.st_dev)) { /* the host's root */
            if (up >= 0) {
                close(up);
            }
            break;
        }
        close(at);
        at = up;
    }
    if (at >= 0) {
        close(at);
    }
    return inside;
}

static int walk_up(const ShareFolder *folder, int dir, int *path)
{
    struct stat st;
    int up;

    if (fstat(dir, &st) < 0) {
        return fail();
    }
    up = is_root(folder, &st) ? dup(dir) : openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (up < 0) {
        return fail();
    }
    if (!is_inside(folder, up)) {
        close(up);
        return ENOENT;
    }
    *path = up;
    return 0;
}

int share_walk(const ShareFolder *folder, int dir, const char *name, int *path)
{
    if (strcmp(name, "..") == 0) {
        return walk_up(folder, dir, path);
    }
    if (!share_name_ok(name)) {
        return *name && !strchr(name, '/') ? EINVAL : ENOENT;
    }
    *path = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return *path < 0 ? fail() : 0;
}

/* ---- Mapped attributes ---- */

static bool get_mapped(const char *path, const char *name, void *value, size_t len)
{
    return getxattr(path, name, value, len) == (ssize_t)len;
}

static int set_mapped(int path, const char *name, const void *value, size_t len)
{
    SharePath text;

    share_fd_path(path, text);
    return setxattr(text, name, value, len, 0) < 0 ? fail() : 0;
}

int share_stat(const ShareFolder *folder, int path, struct stat *st)
{
    SharePath text;
    uint32_t value;
    uint64_t rdev;

    if (fstatat(path, "", st, AT_EMPTY_PATH) < 0) {
        return fail();
    }
    if (folder->model != SHARE_MAPPED) {
        return 0;
    }
    share_fd_path(path, text);
    if (get_mapped(text, XATTR_UID, &value, sizeof(value))) {
        st->st_uid = value;
    }
    if (get_mapped(text, XATTR_GID, &value, sizeof(value))) {
        st->st_gid = value;
    }
    if (get_mapped(text, XATTR_MODE, &value, sizeof(value))) {
        /* A folder stays one, and nothing else becomes one. */
        st->st_mode = S_ISDIR(st->st_mode) || (value & S_IFMT) == S_IFDIR || !(value & S_IFMT)
                          ? (st->st_mode & S_IFMT) | (value & 07777)
                          : value & TYPE_AND_BITS;
    }
    if (get_mapped(text, XATTR_RDEV, &rdev, sizeof(rdev))) {
        st->st_rdev = rdev;
    }
    return 0;
}

static bool is_mapped_name(const ShareFolder *folder, const char *name)
{
    return folder->model == SHARE_MAPPED && g_str_has_prefix(name, XATTR_PREFIX);
}

/* Takes the names of mapped attributes out of a list. */
static size_t hide_mapped(const ShareFolder *folder, char *list, size_t len)
{
    size_t kept = 0;

    for (size_t at = 0, n; at < len; at += n) {
        n = strnlen(list + at, len - at) + 1;
        if (at + n <= len && !is_mapped_name(folder, list + at)) {
            memmove(list + kept, list + at, n);
            kept += n;
        }
    }
    return kept;
}

int share_get_xattr(const ShareFolder *folder, int path, const char *name, GByteArray *value)
{
    SharePath text;
    ssize_t n;

    share_fd_path(path, text);
    if (is_mapped_name(folder, name)) {
        return ENODATA;
    }
    g_byte_array_set_size(value, P9_MAX_XATTR);
    n = *name ? getxattr(text, name, value->data, value->len)
              : listxattr(text, (char *)value->data, value->len);
    if (n < 0) {
        return fail();
    }
    if (!*name) {
        n = hide_mapped(folder, (char *)value->data, n);
    }
    g_byte_array_set_size(value, n);
    return 0;
}

int share_set_xattr(const ShareFolder *folder, int path, const char *name, const void *value,
                    size_t len, int flags)
{
    SharePath text;

    if (is_mapped_name(folder, name)) {
        return EACCES;
    }
    share_fd_path(path, text);
    /* An empty value is how the protocol removes one. */
    return (len ? setxattr(text, name, value, len, flags & (XATTR_CREATE | XATTR_REPLACE))
                : removexattr(text, name)) < 0
               ? fail()
               : 0;
}

/* ---- Attributes ---- */

void share_put_qid(const ShareFolder *folder, GByteArray *out, const struct stat *st)
{
    uint64_t other = st->st_dev == folder->root_dev ? 0 : (uint64_t)st->st_dev << 48;

    p9_put(out, S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 0x02 : 0, 1);
    p9_put(out, (uint32_t)(st->st_mtim.tv_sec ^ st->st_mtim.tv_nsec ^ (uint64_t)st->st_size << 8),
           4);
    p9_put(out, st->st_ino ^ other, 8);
}

int share_chmod(const ShareFolder *folder, int path, uint32_t mode)
{
    SharePath text;
    struct stat st;
    int err = share_stat(folder, path, &st);

    if (err) {
        return err;
    }
    mode &= 07777;
    if (folder->model == SHARE_MAPPED) {
        mode |= st.st_mode & S_IFMT;
        return set_mapped(path, XATTR_MODE, &mode, sizeof(mode));
    }
    if (S_ISLNK(st.st_mode)) {
        return EOPNOTSUPP;
    }
    share_fd_path(path, text);
    return chmod(text, mode) < 0 ? fail() : 0;
}

int share_chown(const ShareFolder *folder, int path, uint32_t uid, uint32_t gid)
{
    int err = 0;

    if (folder->model == SHARE_MAPPED) {
        err = uid == P9_NO_ID ? 0 : set_mapped(path, XATTR_UID, &uid, sizeof(uid));
        return err || gid == P9_NO_ID ? err : set_mapped(path, XATTR_GID, &gid, sizeof(gid));
    }
    if (fchownat(path, "", uid, gid, AT_EMPTY_PATH) < 0 && folder->model != SHARE_NONE) {
        return fail();
    }
    return 0;
}

int share_readlink(const ShareFolder *folder, int path, char **target)
{
    char buf[PATH_MAX + 1];
    struct stat st;
    ssize_t n;
    int fd, err = share_stat(folder, path, &st);

    if (err || !S_ISLNK(st.st_mode)) {
        return err ? err : EINVAL;
    }
    n = readlinkat(path, "", buf, PATH_MAX);
    if (n < 0 && folder->model == SHARE_MAPPED) {
        err = share_open(folder, path, O_RDONLY, &fd);
        if (err) {
            return err;
        }
        n = read(fd, buf, PATH_MAX);
        close(fd);
    }
    if (n < 0) {
        return fail();
    }
    *target = g_strndup(buf, n);
    return 0;
}

/* ---- Opening and creating ---- */

int share_open(const ShareFolder *folder, int path, int flags, int *fd)
{
    struct stat st;
    SharePath text;

    if (fstat(path, &st) < 0) {
        return fail();
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return S_ISLNK(st.st_mode) ? ELOOP : ENXIO;
    }
    share_fd_path(path, text);
    *fd = open(text, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return *fd < 0 ? fail() : 0;
}

/* Creates the file itself, as it is on the host. */
static int make_node(const ShareFolder *folder, int dir, const char *name, uint32_t mode, int flags,
                     uint64_t rdev, const char *target, int *fd)
{
    bool mapped = folder->model == SHARE_MAPPED;

    if (S_ISDIR(mode)) {
        return mkdirat(dir, name, mapped ? 0700 : mode & 07777) < 0 ? fail() : 0;
    }
    if (S_ISREG(mode) || mapped) {
        int how = flags & (O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC | O_TRUNC | O_EXCL);

        if (!S_ISREG(mode)) {
            how = O_WRONLY | O_EXCL;
        }
        *fd = openat(dir, name, how | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                     mapped ? 0600 : mode & 07777);
        if (*fd < 0) {
            return fail();
        }
        return target && write(*fd, target, strlen(target)) != (ssize_t)strlen(target) ? fail() : 0;
    }
    if (S_ISLNK(mode)) {
        return symlinkat(target, dir, name) < 0 ? fail() : 0;
    }
    return mknodat(dir, name, mode & TYPE_AND_BITS, rdev) < 0 ? fail() : 0;
}

/* Gives a new file its owner and mode. */
static int own_node(const ShareFolder *folder, int path, uint32_t mode, uint64_t rdev, uint32_t uid,
                    uint32_t gid)
{
    int err = share_chown(folder, path, uid, gid);

    if (!err && folder->model == SHARE_MAPPED) {
        mode &= TYPE_AND_BITS;
        err = set_mapped(path, XATTR_MODE, &mode, sizeof(mode));
        if (!err && (S_ISCHR(mode) || S_ISBLK(mode))) {
            err = set_mapped(path, XATTR_RDEV, &rdev, sizeof(rdev));
        }
    } else if (!err && !S_ISLNK(mode)) {
        err = share_chmod(folder, path, mode); /* whatever the umask is */
    }
    return err;
}

int share_create(const ShareFolder *folder, int dir, const char *name, uint32_t mode, int flags,
                 uint64_t rdev, const char *target, uint32_t uid, uint32_t gid, int *path, int *fd)
{
    int opened = -1, err, there;
    bool fresh;

    if (folder->read_only) {
        return EROFS;
    }
    if (!share_name_ok(name)) {
        return EINVAL;
    }
    there = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    fresh = there < 0;
    if (!fresh) {
        struct stat st;
        bool regular = fstat(there, &st) == 0 && S_ISREG(st.st_mode);

        close(there);
        if (!S_ISREG(mode) || !regular) {
            return EEXIST;
        }
    }
    err = make_node(folder, dir, name, mode, flags, rdev, target, &opened);
    if (!err) {
        *path = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        err = *path < 0 ? fail() : 0;
    }
    if (!err && fresh) {
        err = own_node(folder, *path, mode, rdev, uid, gid);
        if (err) { /* nothing half-made stays */
            close(*path);
            unlinkat(dir, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0);
        }
    }
    if (fd && !err) {
        *fd = opened;
    } else if (opened >= 0) {
        close(opened);
    }
    return err;
}
