/*
 * The 9P2000.L server: messages, their dispatch, fids.
 *
 * A message is size[4] type[1] tag[2] and operands, little-endian. Each request is answered before the
 * next is read, so that there is nothing for a flush to wait for. What a client may say wrong costs it an error
 * reply; it has a bounded number of fids. Locking: the machine lock.
 */
#include "hw/share/p9-internal.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HEADER_SIZE 7
#define MIN_MSIZE 4096
#define MAX_NAME 4096

enum {
    P9_RLERROR = 7,
    P9_TSTATFS = 8,
    P9_TLOPEN = 12,
    P9_TLCREATE = 14,
    P9_TSYMLINK = 16,
    P9_TMKNOD = 18,
    P9_TREADLINK = 22,
    P9_TGETATTR = 24,
    P9_TSETATTR = 26,
    P9_TXATTRWALK = 30,
    P9_TXATTRCREATE = 32,
    P9_TREADDIR = 40,
    P9_TFSYNC = 50,
    P9_TLOCK = 52,
    P9_TGETLOCK = 54,
    P9_TLINK = 70,
    P9_TMKDIR = 72,
    P9_TRENAMEAT = 74,
    P9_TUNLINKAT = 76,
    P9_TVERSION = 100,
    P9_TATTACH = 104,
    P9_TFLUSH = 108,
    P9_TWALK = 110,
    P9_TREAD = 116,
    P9_TWRITE = 118,
    P9_TCLUNK = 120,
    P9_TREMOVE = 122,
    P9_TYPES = 128,
};

/* ---- Wire ---- */

uint64_t p9_get(P9In *in, unsigned bytes)
{
    uint64_t value = 0;

    if (in->left < bytes) {
        in->bad = true;
        in->left = 0;
        return 0;
    }
    memcpy(&value, in->data, bytes); /* the host is little-endian too */
    in->data += bytes;
    in->left -= bytes;
    return value;
}

char *p9_get_string(P9In *in)
{
    size_t len = p9_get(in, 2);
    char *text;

    if (in->left < len || len > MAX_NAME || memchr(in->data, 0, len)) {
        in->bad = true;
        len = 0;
    }
    text = g_strndup((const char *)in->data, len);
    in->data += len;
    in->left -= len;
    return text;
}

void p9_put(GByteArray *out, uint64_t value, unsigned bytes)
{
    g_byte_array_append(out, (const uint8_t *)&value, bytes);
}

void p9_put_string(GByteArray *out, const char *text)
{
    size_t len = MIN(strlen(text), UINT16_MAX);

    p9_put(out, len, 2);
    g_byte_array_append(out, (const uint8_t *)text, len);
}

/* ---- Fids ---- */

static void fid_free(gpointer data)
{
    P9Fid *fid = data;

    if (fid->fd >= 0) {
        close(fid->fd);
    }
    if (fid->path >= 0) {
        close(fid->path);
    }
    if (fid->xattr) {
        g_byte_array_unref(fid->xattr);
    }
    g_free(fid->xattr_name);
    g_free(fid);
}

P9Fid *p9_find_fid(P9Session *session, uint32_t id)
{
    return g_hash_table_lookup(session->fids, GUINT_TO_POINTER(id));
}

int p9_add_fid(P9Session *session, uint32_t id, uint32_t uid, int path, P9Fid **result)
{
    struct stat st;
    P9Fid *fid;

    if (id == P9_NO_ID || p9_find_fid(session, id) || fstat(path, &st) < 0 ||
        g_hash_table_size(session->fids) >= P9_MAX_FIDS) {
        close(path);
        return id == P9_NO_ID || p9_find_fid(session, id) ? EBADF : EMFILE;
    }
    fid = g_new0(P9Fid, 1);
    *fid = (P9Fid){.id = id, .uid = uid, .path = path, .fd = -1, .is_dir = S_ISDIR(st.st_mode)};
    g_hash_table_insert(session->fids, GUINT_TO_POINTER(id), fid);
    if (result) {
        *result = fid;
    }
    return 0;
}

void p9_drop_fid(P9Session *session, P9Fid *fid)
{
    g_hash_table_remove(session->fids, GUINT_TO_POINTER(fid->id));
}

static int clunk(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));
    int err;

    if (!fid) {
        return EBADF;
    }
    err = p9_finish_xattr(session, fid);
    p9_drop_fid(session, fid);
    return err;
}

/* Clients know unlinkat; this old request only has a fid, which does not say by what name. */
static int do_remove(P9Session *session, P9In *in, GByteArray *out)
{
    P9Fid *fid = p9_find_fid(session, p9_get(in, 4));

    if (!fid) {
        return EBADF;
    }
    p9_drop_fid(session, fid);
    return EOPNOTSUPP;
}

/* ---- Sessions ---- */

static int version(P9Session *session, P9In *in, GByteArray *out)
{
    uint32_t msize = p9_get(in, 4);
    char *name = p9_get_string(in);
    bool known = strcmp(name, "9P2000.L") == 0;

    g_free(name);
    if (msize < MIN_MSIZE) {
        return EMSGSIZE;
    }
    p9_session_reset(session);
    session->msize = MIN(msize, P9_MAX_MSIZE);
    p9_put(out, session->msize, 4);
    p9_put_string(out, known ? "9P2000.L" : "unknown");
    return 0;
}

static int flush(P9Session *session, P9In *in, GByteArray *out)
{
    p9_get(in, 2);
    return 0;
}

static P9Handler *const handlers[P9_TYPES] = {
    [P9_TSTATFS] = p9_statfs,
    [P9_TLOPEN] = p9_lopen,
    [P9_TLCREATE] = p9_lcreate,
    [P9_TSYMLINK] = p9_symlink,
    [P9_TMKNOD] = p9_mknod,
    [P9_TREADLINK] = p9_readlink,
    [P9_TGETATTR] = p9_getattr,
    [P9_TSETATTR] = p9_setattr,
    [P9_TXATTRWALK] = p9_xattrwalk,
    [P9_TXATTRCREATE] = p9_xattrcreate,
    [P9_TREADDIR] = p9_readdir,
    [P9_TFSYNC] = p9_fsync,
    [P9_TLOCK] = p9_lock,
    [P9_TGETLOCK] = p9_getlock,
    [P9_TLINK] = p9_link,
    [P9_TMKDIR] = p9_mkdir,
    [P9_TRENAMEAT] = p9_renameat,
    [P9_TUNLINKAT] = p9_unlinkat,
    [P9_TVERSION] = version,
    [P9_TATTACH] = p9_attach,
    [P9_TFLUSH] = flush,
    [P9_TWALK] = p9_walk,
    [P9_TREAD] = p9_read,
    [P9_TWRITE] = p9_write,
    [P9_TCLUNK] = clunk,
    [P9_TREMOVE] = do_remove,
};

P9Session *p9_session_new(const ShareFolder *folder)
{
    P9Session *session = g_new0(P9Session, 1);

    session->folder = folder;
    session->msize = MIN_MSIZE;
    session->fids = g_hash_table_new_full(NULL, NULL, NULL, fid_free);
    return session;
}

void p9_session_free(P9Session *session)
{
    g_hash_table_unref(session->fids);
    g_free(session);
}

void p9_session_reset(P9Session *session)
{
    g_hash_table_remove_all(session->fids);
    session->msize = MIN_MSIZE;
}

static int run(P9Session *session, unsigned type, P9In *in, GByteArray *out)
{
    size_t start = out->len;
    int err;

    if (type >= P9_TYPES || !handlers[type]) {
        return EOPNOTSUPP;
    }
    err = handlers[type](session, in, out);
    if (!err && out->len > session->msize) {
        err = EMSGSIZE;
    }
    if (err) {
        g_byte_array_set_size(out, start);
    }
    return err;
}

bool p9_session_run(P9Session *session, const uint8_t *request, size_t len, GByteArray *reply)
{
    P9In in = {request, len, false};
    uint32_t size = p9_get(&in, 4);
    unsigned type = p9_get(&in, 1), tag = p9_get(&in, 2);
    int err = EINVAL;

    if (in.bad) {
        return false;
    }
    p9_put(reply, 0, 4);
    p9_put(reply, type + 1, 1);
    p9_put(reply, tag, 2);
    if (size >= HEADER_SIZE && size - HEADER_SIZE <= in.left) {
        in.left = size - HEADER_SIZE;
        err = run(session, type, &in, reply);
    }
    if (err) {
        reply->data[4] = P9_RLERROR;
        p9_put(reply, err, 4);
    }
    memcpy(reply->data, &reply->len, 4);
    return true;
}
