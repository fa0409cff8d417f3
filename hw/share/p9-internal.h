/*
 * What the parts of the 9P server share: p9.c (messages, fids), p9-name.c (requests about names), p9-file.c
 * (requests about open files), p9-host.c (the host's side).
 *
 * Source: the 9P2000.L protocol (Linux Documentation/filesystems/9p, diod's protocol.md). Error numbers on the
 * wire are Linux's, which are the host's.
 */
#ifndef AMPHI_P9_INTERNAL_H
#define AMPHI_P9_INTERNAL_H

#include "hw/share/share.h"
#include "softmmu/base/bits.h"
#include <sys/stat.h>

#define P9_MAX_FIDS 65536
#define P9_MAX_XATTR 65536
#define P9_NO_ID UINT32_MAX

/* A request being read; reading past its end gives zeros and sets bad. */
typedef struct P9In {
    const uint8_t *data;
    size_t left;
    bool bad;
} P9In;

uint64_t p9_get(P9In *in, unsigned bytes);
/* A string, freed by the caller. One with a zero byte in it is bad. */
char *p9_get_string(P9In *in);

void p9_put(GByteArray *out, uint64_t value, unsigned bytes);
void p9_put_string(GByteArray *out, const char *text);

typedef enum FidKind { FID_FILE, FID_XATTR_READ, FID_XATTR_WRITE } FidKind;

typedef struct P9Fid {
    uint32_t id;
    uint32_t uid; /* of whoever attached */
    FidKind kind;
    int path; /* O_PATH descriptor of the file; it names that file whatever happens to names */
    int fd;   /* open for I/O, or -1 */
    bool is_dir;
    GByteArray *xattr; /* the value, of FID_XATTR_* */
    char *xattr_name;
    uint64_t xattr_size;
    int xattr_flags;
} P9Fid;

struct P9Session {
    const ShareFolder *folder;
    GHashTable *fids;
    uint32_t msize;
};

P9Fid *p9_find_fid(P9Session *session, uint32_t id);
/* A new fid for the O_PATH descriptor @path, which it takes over (also on failure). 0, or an error number. */
int p9_add_fid(P9Session *session, uint32_t id, uint32_t uid, int path, P9Fid **fid);
void p9_drop_fid(P9Session *session, P9Fid *fid);

/* One request: reads its operands, appends its results. 0, or an error number. */
typedef int P9Handler(P9Session *session, P9In *in, GByteArray *out);

P9Handler p9_attach, p9_walk, p9_getattr, p9_setattr, p9_statfs, p9_readlink;
P9Handler p9_lcreate, p9_mkdir, p9_mknod, p9_symlink, p9_link, p9_renameat, p9_unlinkat;
P9Handler p9_lopen, p9_read, p9_write, p9_readdir, p9_fsync, p9_lock, p9_getlock;
P9Handler p9_xattrwalk, p9_xattrcreate;
/* What closing @fid does: a new extended attribute is set then. */
int p9_finish_xattr(P9Session *session, P9Fid *fid);

/*
 * The host's side. Nothing here follows a symbolic link, or leaves the folder. Errors are error numbers.
 */

/* A qid: what a file is for the protocol, 13 bytes. */
void share_put_qid(const ShareFolder *folder, GByteArray *out, const struct stat *st);

/* Whether @name may be in a request: one component, none of the special ones. */
bool share_name_ok(const char *name);

/* Opens the file @name in the folder @dir (O_PATH); ".." of the root is the root. */
int share_walk(const ShareFolder *folder, int dir, const char *name, int *path);

/* As the guest shall see it. */
int share_stat(const ShareFolder *folder, int path, struct stat *st);

/* Opens what @path names for I/O; regular files and folders only. */
int share_open(const ShareFolder *folder, int path, int flags, int *fd);

/* Creates @name in @dir; *@path names it then, *@fd (if not NULL) is it. @mode has the type: regular file,
 * folder, device, fifo or socket; or symbolic link to @target. */
int share_create(const ShareFolder *folder, int dir, const char *name, uint32_t mode, int flags,
                 uint64_t rdev, const char *target, uint32_t uid, uint32_t gid, int *path, int *fd);

int share_readlink(const ShareFolder *folder, int path, char **target);
int share_chmod(const ShareFolder *folder, int path, uint32_t mode);
int share_chown(const ShareFolder *folder, int path, uint32_t uid, uint32_t gid);

/* Extended attributes; those that hold what is mapped are not there for the guest. */
int share_get_xattr(const ShareFolder *folder, int path, const char *name, GByteArray *value);
int share_set_xattr(const ShareFolder *folder, int path, const char *name, const void *value,
                    size_t len, int flags);

/* "/proc/self/fd/N": the file that a descriptor names, as a path. */
typedef char SharePath[32];
void share_fd_path(int fd, SharePath text);

#endif
