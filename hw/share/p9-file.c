/*
 * 9P requests about open files: I/O, folders' contents, locks, extended attributes.
 */
#include "hw/share/p9-internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_OVERHEAD 11   /* of a reply with data: header and count */
#define DIRENT_OVERHEAD 24 /* of an entry without its name */
#define LOCK_SUCCESS 0
#define LOCK_BLOCKED 1
#define LOCK_ERROR 2

static P9Fid *open_fid(P9Session *session, P9In *in)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));

    return fid && fid->kind == FID_FILE && fid->fd >= 0 ? fid : NULL;
}

/* How many bytes of data fit a reply. */
static uint32_t clip_count(const P9Session *session, uint32_t count)
{
    return MIN(count, session->msize - READ_OVERHEAD);
}

int p9_lopen(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    uint32_t flags = p9_get(in, 4);
    struct stat st;
    int err;

    if (in->bad || !fid || fid->kind != FID_FILE || fid->fd >= 0) {
        return fid ? EINVAL : EBADF;
    }
    if (session->folder->read_only && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))) {
        return EROFS;
    }
    err = share_open(session->folder, fid->path,
                     flags & (O_ACCMODE | O_APPEND | O_DSYNC | O_SYNC | O_TRUNC), &fid->fd);
    if (!err) {
        err = share_stat(session->folder, fid->path, &st);
    }
    if (!err) {
        share_put_qid(session->folder, out, &st);
        p9_put(out, 0, 4); /* as much at once as a message holds */
    }
    return err;
}

static int read_xattr(const P9Fid *fid, uint64_t offset, uint32_t count, GByteArray *out)
{
    uint64_t left = fid->xattr->len - MIN(offset, fid->xattr->len);

    count = MIN(count, left);
    p9_put(out, count, 4);
    g_byte_array_append(out, fid->xattr->data + MIN(offset, fid->xattr->len), count);
    return 0;
}

int p9_read(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    uint64_t offset = p9_get(in, 8);
    uint32_t count = clip_count(session, p9_get(in, 4)), start;
    ssize_t n;

    if (in->bad || !fid) {
        return EBADF;
    }
    if (fid->kind == FID_XATTR_READ) {
        return read_xattr(fid, offset, count, out);
    }
    if (fid->kind != FID_FILE || fid->fd < 0 || fid->is_dir || offset > INT64_MAX) {
        return EBADF;
    }
    p9_put(out, 0, 4);
    start = out->len;
    g_byte_array_set_size(out, start + count);
    n = pread(fid->fd, out->data + start, count, offset);
    if (n < 0) {
        return errno;
    }
    g_byte_array_set_size(out, start + n);
    memcpy(out->data + start - 4, &(uint32_t){n}, 4);
    return 0;
}

static int write_xattr(P9Fid *fid, uint64_t offset, const uint8_t *data, uint32_t count)
{
    if (offset != fid->xattr->len || count > fid->xattr_size - offset) {
        return ENOSPC;
    }
    g_byte_array_append(fid->xattr, data, count);
    return 0;
}

int p9_write(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    uint64_t offset = p9_get(in, 8);
    uint32_t count = p9_get(in, 4);
    ssize_t n = count;

    if (in->bad || !fid || count > in->left) {
        return fid ? EINVAL : EBADF;
    }
    if (fid->kind == FID_XATTR_WRITE) {
        int err = write_xattr(fid, offset, in->data, count);

        p9_put(out, count, 4);
        return err;
    }
    if (fid->kind != FID_FILE || fid->fd < 0 || fid->is_dir || offset > INT64_MAX) {
        return EBADF;
    }
    n = pwrite(fid->fd, in->data, count, offset);
    if (n < 0) {
        return errno;
    }
    p9_put(out, n, 4);
    return 0;
}

int p9_fsync(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = open_fid(session, in);
    bool data_only = p9_get(in, 4); /* old clients leave it out */

    if (!fid) {
        return EBADF;
    }
    return (data_only ? fdatasync(fid->fd) : fsync(fid->fd)) < 0 ? errno : 0;
}

/* ---- Folders ---- */

/* What getdents64() gives. */
typedef struct HostDirent {
    uint64_t ino;
    int64_t next;
    uint16_t len;
    uint8_t type;
    char name[];
} HostDirent;

static void put_entry(P9Session *session, GByteArray *out, const HostDirent *entry,
                      const P9Fid *dir)
{
    struct stat st = {.st_ino = entry->ino, .st_mode = DTTOIF(entry->type)};
    int path;

    st.st_dev = session->folder->root_dev;
    /* What has mapped attributes, or is not said to be something, is looked at. */
    if ((session->folder->model == SHARE_MAPPED || entry->type == DT_UNKNOWN ||
         !strcmp(entry->name, "..")) &&
        share_walk(session->folder, dir->path, entry->name, &path) == 0) {
        share_stat(session->folder, path, &st);
        close(path);
    }
    share_put_qid(session->folder, out, &st);
    p9_put(out, entry->next, 8);
    p9_put(out, IFTODT(st.st_mode), 1);
    p9_put_string(out, entry->name);
}

int p9_readdir(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = open_fid(session, in);
    uint64_t offset = p9_get(in, 8);
    uint32_t count = clip_count(session, p9_get(in, 4)), start;
    uint8_t buf[16384] __attribute__((aligned(8)));

    if (in->bad || !fid || !fid->is_dir) {
        return fid ? ENOTDIR : EBADF;
    }
    p9_put(out, 0, 4);
    start = out->len;
    if (lseek(fid->fd, offset, SEEK_SET) < 0) {
        return errno;
    }
    for (;;) {
        long n = syscall(SYS_getdents64, fid->fd, buf, sizeof(buf));

        if (n < 0) {
            return errno;
        }
        for (long at = 0; at < n; at += ((HostDirent *)(buf + at))->len) {
            const HostDirent *entry = (HostDirent *)(buf + at);

            if (out->len - start + DIRENT_OVERHEAD + strlen(entry->name) > count) {
                n = 0;
                break;
            }
            put_entry(session, out, entry, fid);
        }
        if (n == 0) {
            memcpy(out->data + start - 4, &(uint32_t){out->len - start}, 4);
            return 0;
        }
    }
}

/* ---- Locks ---- */

typedef struct LockRequest {
    P9Fid *fid;
    struct flock lock;
    uint32_t proc_id;
    char *client;
} LockRequest;

/* The host's types of lock by the protocol's. */
static const short lock_types[] = {F_RDLCK, F_WRLCK, F_UNLCK};

static bool get_range(P9In *in, unsigned type, LockRequest *request)
{
    uint64_t start = p9_get(in, 8), len = p9_get(in, 8);

    request->proc_id = p9_get(in, 4);
    request->client = p9_get_string(in);
    if (in->bad || type >= ARRAY_SIZE(lock_types) || start > INT64_MAX || len > INT64_MAX) {
        return false;
    }
    request->lock = (struct flock){
        .l_type = lock_types[type], .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return true;
}

/* Locks are the open file's: those of processes of the guest are the guest kernel's matter. */
int p9_lock(P9Session *session, P9In *in, GByteArray *out)
{
    LockRequest request = {.fid = open_fid(session, in)};
    unsigned type = p9_get(in, 1);
    uint8_t status = LOCK_SUCCESS;
    bool ok;

    p9_get(in, 4); /* flags: whether to wait, which the client does */
    ok = get_range(in, type, &request);
    g_free(request.client);
    if (!ok || !request.fid) {
        return request.fid ? EINVAL : EBADF;
    }
    if (fcntl(request.fid->fd, F_OFD_SETLK, &request.lock) < 0) {
        status = errno == EAGAIN || errno == EACCES ? LOCK_BLOCKED : LOCK_ERROR;
    }
    p9_put(out, status, 1);
    return 0;
}

int p9_getlock(P9Session *session, P9In *in, GByteArray *out)
{
    LockRequest request = {.fid = open_fid(session, in)};
    bool ok = get_range(in, p9_get(in, 1), &request);
    int err = ok && request.fid ? 0 : EINVAL;

    if (!err && fcntl(request.fid->fd, F_OFD_GETLK, &request.lock) < 0) {
        err = errno;
    }
    if (!err) {
        p9_put(out, request.lock.l_type == F_RDLCK ? 0 : request.lock.l_type == F_WRLCK ? 1 : 2, 1);
        p9_put(out, request.lock.l_start, 8);
        p9_put(out, request.lock.l_len, 8);
        p9_put(out, request.proc_id, 4);
        p9_put_string(out, request.client);
    }
    g_free(request.client);
    return err;
}

/* ---- Extended attributes ---- */

int p9_xattrwalk(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *from = p9_find_fid(session, p9_get(in, 4)), *fid = NULL;
    uint32_t id = p9_get(in, 4);
    char *name = p9_get_string(in);
    GByteArray *value = g_byte_array_new();
    int err = EINVAL;

    if (!in->bad && from && from->kind == FID_FILE) {
        err = share_get_xattr(session->folder, from->path, name, value);
    }
    if (!err) {
        int path = fcntl(from->path, F_DUPFD_CLOEXEC, 3);

        err = path < 0 ? errno : p9_add_fid(session, id, from->uid, path, &fid);
    }
    if (!err) {
        fid->kind = FID_XATTR_READ;
        fid->xattr = g_byte_array_ref(value);
        p9_put(out, value->len, 8);
    }
    g_byte_array_unref(value);
    g_free(name);
    return err;
}

int p9_xattrcreate(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    char *name = p9_get_string(in);
    uint64_t size = p9_get(in, 8);
    uint32_t flags = p9_get(in, 4);
    int err = 0;

    if (in->bad || !fid || fid->kind != FID_FILE || fid->fd >= 0 || !*name) {
        err = EINVAL;
    } else if (session->folder->read_only) {
        err = EROFS;
    } else if (size > P9_MAX_XATTR) {
        err = E2BIG;
    }
    if (err) {
        g_free(name);
        return err;
    }
    fid->kind = FID_XATTR_WRITE;
    fid->xattr = g_byte_array_new();
    fid->xattr_name = name;
    fid->xattr_size = size;
    fid->xattr_flags = flags;
    return 0;
}

int p9_finish_xattr(P9Session *session, P9Fid *fid)
{
    if (fid->kind != FID_XATTR_WRITE) {
        return 0;
    }
    if (fid->xattr->len != fid->xattr_size) {
        return EINVAL;
    }
    return share_set_xattr(session->folder, fid->path, fid->xattr_name, fid->xattr->data,
                           fid->xattr->len, fid->xattr_flags);
}
