/*
 * Semihosting's files: handles, and names that lead to nothing but regular files below one directory.
 *
 * A name is walked component by component; "..", symbolic links and what is no file or directory are refused, so
 * that there is no way out whatever is or comes into the directory. A name may begin with the directory's
 * own absolute path.
 */
#include "softmmu/base/log.h"
#include "softmmu/semihosting-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHFB_MAGIC, then the feature bits: SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR. */
static const uint8_t features[] = {0x53, 0x48, 0x46, 0x42, 0x03};

/* ---- Names ---- */

/* @path below the directory, without leading slashes; NULL if it is elsewhere. */
static const char *below(const Semihosting *s, const char *path)
{
    size_t len = strlen(s->directory_path);
    if (*path == '/') {
        if (strncmp(path, s->directory_path, len) != 0 ||
            (path[len] != '/' && path[len - 1] != '/')) {
            return NULL;
        }
        path += len;
    }
    return path + strspn(path, "/");
}

/* A descriptor of the directory that @path's last component is in, and that component in *@name, for
 * g_free(). Negative: minus an errno value. */
static int open_parent(const Semihosting *s, const char *path, char **name)
{
    const char *rest = s->directory < 0 ? NULL : below(s, path);
    if (!rest) {
        log_guest_error("semihosting: '%s' is outside of what may be used\n", path);
        return -EACCES;
    }
    int fd = fcntl(s->directory, F_DUPFD_CLOEXEC, 0);
    while (fd >= 0) {
        size_t len = strcspn(rest, "/");
        const char *next = rest + len + strspn(rest + len, "/");
        *name = g_strndup(rest, len);
        if (!len || !strcmp(*name, "..")) {
            close(fd);
            fd = len ? -EACCES : -ENOENT;
        } else if (!*next) {
            return fd;
        } else {
            int inner = openat(fd, *name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            int err = errno;
            close(fd);
            fd = inner < 0 ? -err : inner;
        }
        g_free(*name);
        *name = NULL;
        rest = next;
    }
    return fd == -1 ? -EMFILE : fd;
}

/* Opens a regular file; a descriptor, or minus an errno value. */
static int open_file(const Semihosting *s, const char *path, int flags, bool truncate)
{
    char *name = NULL;
    struct stat st;
    int parent = open_parent(s, path, &name);
    if (parent < 0) {
        return parent;
    }
    int fd = openat(parent, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    int err = fd < 0 ? errno : 0;
    if (!err && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        err = EACCES;
    } else if (!err && truncate && ftruncate(fd, 0) != 0) {
        err = errno;
    }
    if (err && fd >= 0) {
        close(fd);
    }
    close(parent);
    g_free(name);
    return err ? -err : fd;
}

/* ---- Handles ---- */

SemiHandle *semi_handle(Semihosting *s, uint64_t handle)
{
    return handle >= 1 && handle <= SEMI_HANDLES && s->handles[handle - 1].kind != SEMI_CLOSED
               ? &s->handles[handle - 1]
               : NULL;
}

/* Modes are those of fopen(): r, rb, r+, r+b, w, wb, w+, w+b, a, ab, a+, a+b. */
enum { MODES = 12, MODE_WRITE = 4, MODE_APPEND = 8 };

static int open_flags(unsigned mode)
{
    bool plus = mode & 2;
    switch (mode / 4) {
    case 0: return plus ? O_RDWR : O_RDONLY;
    case 1: return O_CREAT | (plus ? O_RDWR : O_WRONLY);
    default: return O_CREAT | O_APPEND | (plus ? O_RDWR : O_WRONLY);
    }
}

int semi_open(Semihosting *s, const char *path, unsigned mode, unsigned *handle)
{
    SemiHandle new = {.fd = -1};
    unsigned n = 0;
    while (n < SEMI_HANDLES && s->handles[n].kind != SEMI_CLOSED) {
        n++;
    }
    if (n == SEMI_HANDLES || mode >= MODES) {
        return mode >= MODES ? EINVAL : EMFILE;
    }
    if (!strcmp(path, ":tt")) {
        new.kind = mode < MODE_WRITE ? SEMI_STDIN : mode < MODE_APPEND ? SEMI_STDOUT : SEMI_STDERR;
    } else if (!strcmp(path, ":semihosting-features")) {
        if (mode > 1) {
            return EACCES;
        }
        new.kind = SEMI_FEATURES;
    } else {
        new.kind = SEMI_FILE;
        new.fd = open_file(s, path, open_flags(mode), mode / 4 == 1);
        if (new.fd < 0) {
            return -new.fd;
        }
    }
    s->handles[n] = new;
    *handle = n + 1;
    return 0;
}

int semi_close(Semihosting *s, uint64_t handle)
{
    SemiHandle *h = semi_handle(s, handle);
    if (!h) {
        return EBADF;
    }
    int err = h->kind == SEMI_FILE && close(h->fd) != 0 ? errno : 0;
    *h = (SemiHandle){.fd = -1};
    return err;
}

void semi_close_all(Semihosting *s)
{
    for (unsigned n = 1; n <= SEMI_HANDLES; n++) {
        semi_close(s, n);
    }
}

/* ---- Transfers ---- */

int semi_file_read(SemiHandle *handle, void *buf, size_t len, size_t *done)
{
    *done = 0;
    if (handle->kind == SEMI_FEATURES) {
        *done = MIN(len, sizeof(features) - handle->position);
        memcpy(buf, features + handle->position, *done);
        handle->position += *done;
        return 0;
    }
    if (handle->kind != SEMI_FILE) {
        return EBADF;
    }
    while (*done < len) {
        ssize_t n = read(handle->fd, (uint8_t *)buf + *done, len - *done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 && !*done ? errno : 0;
        }
        *done += n;
    }
    return 0;
}

int semi_file_write(SemiHandle *handle, const void *buf, size_t len, size_t *done)
{
    *done = 0;
    if (handle->kind != SEMI_FILE) {
        return EBADF;
    }
    while (*done < len) {
        ssize_t n = write(handle->fd, (const uint8_t *)buf + *done, len - *done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        *done += n;
    }
    return 0;
}

int semi_file_seek(SemiHandle *handle, uint64_t position)
{
    if (handle->kind == SEMI_FEATURES) {
        if (position > sizeof(features)) {
            return EINVAL;
        }
        handle->position = position;
        return 0;
    }
    if (handle->kind != SEMI_FILE) {
        return ESPIPE;
    }
    return position > INT64_MAX ? EINVAL : lseek(handle->fd, position, SEEK_SET) < 0 ? errno : 0;
}

int semi_file_length(SemiHandle *handle, uint64_t *length)
{
    struct stat st;
    if (handle->kind == SEMI_FEATURES) {
        *length = sizeof(features);
        return 0;
    }
    if (handle->kind != SEMI_FILE) {
        return EINVAL;
    }
    if (fstat(handle->fd, &st) != 0) {
        return errno;
    }
    *length = st.st_size;
    return 0;
}

/* ---- Directory entries ---- */

int semi_remove(Semihosting *s, const char *path)
{
    char *name = NULL;
    int parent = open_parent(s, path, &name);
    if (parent < 0) {
        return -parent;
    }
    int err = unlinkat(parent, name, 0) != 0 ? errno : 0;
    close(parent);
    g_free(name);
    return err;
}

int semi_rename(Semihosting *s, const char *from, const char *to)
{
    char *old_name = NULL, *new_name = NULL;
    int old_parent = open_parent(s, from, &old_name);
    int new_parent = old_parent < 0 ? -1 : open_parent(s, to, &new_name);
    int err = old_parent < 0 ? -old_parent : new_parent < 0 ? -new_parent : 0;
    if (!err && renameat(old_parent, old_name, new_parent, new_name) != 0) {
        err = errno;
    }
    if (old_parent >= 0) {
        close(old_parent);
    }
    if (new_parent >= 0) {
        close(new_parent);
    }
    g_free(old_name);
    g_free(new_name);
    return err;
}
