/*
 * 9P requests about names and attributes: attach, walk, attributes, what makes, moves and removes names.
 *
 * Operands are all read before anything is done; a request that is too short does nothing.
 */
#include "hw/share/p9-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_WALK 16
#define GETATTR_BASIC 0x7ff

/* Of Tsetattr. */
enum {
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 0x10,
    SET_MTIME = 0x20,
    SET_ATIME_GIVEN = 0x80,
    SET_MTIME_GIVEN = 0x100,
};

static int put_qid_of(P9Session *session, GByteArray *out, int path)
{
    struct stat st;
    int err = share_stat(session->folder, path, &st);

    if (!err) {
        share_put_qid(session->folder, out, &st);
    }
    return err;
}

int p9_attach(P9Session *session, P9In *in, GByteArray *out)
{
    uint32_t id = p9_get(in, 4), afid = p9_get(in, 4), uid;
    char *user = p9_get_string(in), *tree = p9_get_string(in);
    int path, err;

    uid = p9_get(in, 4);
    g_free(user);
    g_free(tree);
    if (in->bad || afid != P9_NO_ID) {
        return EINVAL;
    }
    path = fcntl(session->folder->root, F_DUPFD_CLOEXEC, 3);
    if (path < 0) {
        return errno;
    }
    err = p9_add_fid(session, id, uid, path, NULL);
    return err ? err : put_qid_of(session, out, path);
}

/* Goes from @path (whose descriptor it takes over) by up to @n names; *@done says how far it came. */
static int walk_names(P9Session *session, int *path, char **names, unsigned n, GByteArray *qids,
                      unsigned *done)
{
    for (*done = 0; *done < n; ++*done) {
        int next, err = share_walk(session->folder, *path, names[*done], &next);

        if (!err) {
            err = put_qid_of(session, qids, next);
            if (err) {
                close(next);
            }
        }
        if (err) {
            return err;
        }
        close(*path);
        *path = next;
    }
    return 0;
}

/* The same for fid @from, giving @to. */
static int walk_fid(P9Session *session, P9Fid *from, uint32_t to, char **names, unsigned n,
                    GByteArray *out)
{
    int path = fcntl(from->path, F_DUPFD_CLOEXEC, 3), err;
    GByteArray *qids = g_byte_array_new();
    unsigned done;

    if (path < 0) {
        err = errno;
        g_byte_array_unref(qids);
        return err;
    }
    err = walk_names(session, &path, names, n, qids, &done);
    if (done < n) { /* part of the way is an answer, but gives no fid */
        close(path);
        err = done ? 0 : err;
    } else {
        uint32_t uid = from->uid;

        if (to == from->id) {
            p9_drop_fid(session, from);
        }
        err = p9_add_fid(session, to, uid, path, NULL);
    }
    if (!err) {
        p9_put(out, done, 2);
        g_byte_array_append(out, qids->data, qids->len);
    }
    g_byte_array_unref(qids);
    return err;
}

int p9_walk(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *from = p9_find_fid(session, p9_get(in, 4));
    uint32_t to = p9_get(in, 4);
    unsigned n = p9_get(in, 2);
    char *names[MAX_WALK + 1] = {NULL};
    int err = EINVAL;

    for (unsigned i = 0; n <= MAX_WALK && i < n; i++) {
        names[i] = p9_get_string(in);
    }
    if (!from) {
        err = EBADF;
    } else if (n <= MAX_WALK && !in->bad && from->kind == FID_FILE && from->fd < 0 &&
               (to == from->id || !p9_find_fid(session, to))) {
        err = walk_fid(session, from, to, names, n, out);
    }
    for (unsigned i = 0; i < MAX_WALK; i++) {
        g_free(names[i]);
    }
    return err;
}

/* ---- Attributes ---- */

static void put_time(GByteArray *out, const struct timespec *time)
{
    p9_put(out, time->tv_sec, 8);
    p9_put(out, time->tv_nsec, 8);
}

int p9_getattr(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    static const struct timespec never;
    struct stat st;
    int err;

    if (!fid || fid->kind != FID_FILE) {
        return EBADF;
    }
    err = share_stat(session->folder, fid->path, &st);
    if (err) {
        return err;
    }
    p9_put(out, GETATTR_BASIC, 8);
    share_put_qid(session->folder, out, &st);
    p9_put(out, st.st_mode, 4);
    p9_put(out, st.st_uid, 4);
    p9_put(out, st.st_gid, 4);
    p9_put(out, st.st_nlink, 8);
    p9_put(out, st.st_rdev, 8);
    p9_put(out, st.st_size, 8);
    p9_put(out, st.st_blksize, 8);
    p9_put(out, st.st_blocks, 8);
    put_time(out, &st.st_atim);
    put_time(out, &st.st_mtim);
    put_time(out, &st.st_ctim);
    put_time(out, &never);
    p9_put(out, 0, 8);
    p9_put(out, 0, 8);
    return 0;
}

static int set_times(int path, uint32_t valid, const struct timespec *given)
{
    struct timespec times[2] = {
        {given[0].tv_sec,
         valid & SET_ATIME ? valid & SET_ATIME_GIVEN ? given[0].tv_nsec : UTIME_NOW : UTIME_OMIT},
        {given[1].tv_sec,
         valid & SET_MTIME ? valid & SET_MTIME_GIVEN ? given[1].tv_nsec : UTIME_NOW : UTIME_OMIT},
    };
    SharePath text;

    if ((valid & SET_ATIME_GIVEN && given[0].tv_nsec > 999999999) ||
        (valid & SET_MTIME_GIVEN && given[1].tv_nsec > 999999999)) {
        return EINVAL;
    }
    share_fd_path(path, text);
    return utimensat(AT_FDCWD, text, times, 0) < 0 ? errno : 0;
}

static int set_size(P9Session *session, int path, uint64_t size)
{
    int fd, err = share_open(session->folder, path, O_WRONLY, &fd);

    if (!err) {
        err = ftruncate(fd, size) < 0 ? errno : 0;
        close(fd);
    }
    return err;
}

int p9_setattr(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    uint32_t valid = p9_get(in, 4), mode = p9_get(in, 4), uid = p9_get(in, 4), gid = p9_get(in, 4);
    uint64_t size = p9_get(in, 8);
    struct timespec times[2];
    int err = 0;

    for (unsigned i = 0; i < 2; i++) {
        times[i].tv_sec = p9_get(in, 8);
        times[i].tv_nsec = p9_get(in, 8);
    }
    if (in->bad || !fid || fid->kind != FID_FILE) {
        return fid ? EINVAL : EBADF;
    }
    if (session->folder->read_only) {
        return EROFS;
    }
    if (valid & SET_SIZE) { /* first: it changes the times, and mode bits */
        err = set_size(session, fid->path, size);
    }
    if (!err && valid & (SET_UID | SET_GID)) {
        err = share_chown(session->folder, fid->path, valid & SET_UID ? uid : P9_NO_ID,
                          valid & SET_GID ? gid : P9_NO_ID);
    }
    if (!err && valid & SET_MODE) {
        err = share_chmod(session->folder, fid->path, mode);
    }
    if (!err && valid & (SET_ATIME | SET_MTIME)) {
        err = set_times(fid->path, valid, times);
    }
    return err;
}

int p9_statfs(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    struct statfs st;

    if (!fid || fid->kind != FID_FILE) {
        return EBADF;
    }
    if (fstatfs(fid->path, &st) < 0) {
        return errno;
    }
    p9_put(out, 0x01021997, 4); /* of 9P */
    p9_put(out, st.f_bsize, 4);
    p9_put(out, st.f_blocks, 8);
    p9_put(out, st.f_bfree, 8);
    p9_put(out, st.f_bavail, 8);
    p9_put(out, st.f_files, 8);
    p9_put(out, st.f_ffree, 8);
    p9_put(out, (uint32_t)st.f_fsid.__val[0] | (uint64_t)(uint32_t)st.f_fsid.__val[1] << 32, 8);
    p9_put(out, st.f_namelen, 4);
    return 0;
}

int p9_readlink(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *target;
    int err;

    if (!fid || fid->kind != FID_FILE) {
        return EBADF;
    }
    err = share_readlink(session->folder, fid->path, &target);
    if (!err) {
        p9_put_string(out, target);
        g_free(target);
    }
    return err;
}

/* ---- Making names ---- */

/* Whether @fid may be searched. */
static bool is_folder(const P9Fid *fid)
{
    return fid && fid->kind == FID_FILE && fid->is_dir;
}

static int make(P9Session *session, P9In *in, const P9Fid *dir, const char *name, uint32_t mode,
                uint64_t rdev, const char *target, uint32_t gid, GByteArray *out)
{
    int path, err;

    if (in->bad || !is_folder(dir)) {
        return in->bad ? EINVAL : dir ? ENOTDIR : EBADF;
    }
    err = share_create(session->folder, dir->path, name, mode, O_WRONLY | O_EXCL, rdev, target,
                       dir->uid, gid, &path, NULL);
    if (!err) {
        err = put_qid_of(session, out, path);
        close(path);
    }
    return err;
}

int p9_lcreate(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    uint32_t flags = p9_get(in, 4), mode = p9_get(in, 4), gid = p9_get(in, 4);
    int path, fd, err = EINVAL;

    if (!in->bad && is_folder(fid) && fid->fd < 0) {
        err = share_create(session->folder, fid->path, name, S_IFREG | (mode & 07777), flags, 0,
                           NULL, fid->uid, gid, &path, &fd);
        if (!err) {
            close(fid->path);
            fid->path = path;
            fid->fd = fd;
            fid->is_dir = false;
            err = put_qid_of(session, out, path);
            p9_put(out, 0, 4);
        }
    }
    g_free(name);
    return fid ? err : EBADF;
}

int p9_mkdir(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    uint32_t mode = p9_get(in, 4), gid = p9_get(in, 4);
    int err = make(session, in, fid, name, S_IFDIR | (mode & 07777), 0, NULL, gid, out);

    g_free(name);
    return err;
}

int p9_mknod(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    uint32_t mode = p9_get(in, 4), high = p9_get(in, 4), low = p9_get(in, 4), gid = p9_get(in, 4);
    uint32_t type = mode & S_IFMT;
    int err = EINVAL;

    /* Devices are for attributes that are mapped: on the host they would be real. */
    if (type == S_IFREG || type == S_IFIFO || type == S_IFSOCK) {
        err = make(session, in, fid, name, mode, 0, NULL, gid, out);
    } else if (type == S_IFCHR || type == S_IFBLK) {
        err = session->folder->model == SHARE_MAPPED
                  ? make(session, in, fid, name, mode, makedev(high, low), NULL, gid, out)
                  : EPERM;
    }
    g_free(name);
    return err;
}

int p9_symlink(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in), *target = p9_get_string(in);
    uint32_t gid = p9_get(in, 4);
    int err = *target ? make(session, in, fid, name, S_IFLNK | 0777, 0, target, gid, out) : ENOENT;

    g_free(name);
    g_free(target);
    return err;
}

int p9_link(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *dir = p9_find_fid(session, p9_get(in, 4)), *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    SharePath text;
    int err = 0;

    if (in->bad || !is_folder(dir) || !fid || fid->kind != FID_FILE || !share_name_ok(name)) {
        err = EINVAL;
    } else if (session->folder->read_only) {
        err = EROFS;
    } else {
        share_fd_path(fid->path, text);
        err = linkat(AT_FDCWD, text, dir->path, name, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
    }
    g_free(name);
    return err;
}

int p9_renameat(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *from = p9_find_fid(session, p9_get(in, 4)), *to;
    char *old = p9_get_string(in), *name;
    int err = 0;

    to = p9_find_fid(session, p9_get(in, 4));
    name = p9_get_string(in);
    if (in->bad || !is_folder(from) || !is_folder(to) || !share_name_ok(old) ||
        !share_name_ok(name)) {
        err = EINVAL;
    } else if (session->folder->read_only) {
        err = EROFS;
    } else {
        err = renameat(from->path, old, to->path, name) < 0 ? errno : 0;
    }
    g_free(old);
    g_free(name);
    return err;
}

int p9_unlinkat(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *dir = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    uint32_t flags = p9_get(in, 4);
    int err = 0;

    if (in->bad || !is_folder(dir) || !share_name_ok(name)) {
        err = EINVAL;
    } else if (session->folder->read_only) {
        err = EROFS;
    } else {
        err = unlinkat(dir->path, name, flags & AT_REMOVEDIR) < 0 ? errno : 0;
    }
    g_free(name);
    return err;
}
