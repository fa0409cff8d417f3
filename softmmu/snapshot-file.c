/*
 * Snapshots' files. A new one is written beside the old one and takes its name when it is complete and on
 * stable storage, so that nobody finds half of one. It is readable for its owner only: a guest's
 * memory has its secrets in it.
 */
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (256 * 1024) /* of writing */
#define READ_AHEAD 4096          /* much more than a section's header would mostly be skipped */
#define WRITE_BEHIND (4 * 1024 * 1024) /* bytes that wait to be sent to the disk */

typedef struct SnapshotFile {
    int fd;
    char *path, *temporary;  /* temporary: of a new file */
    uint64_t size, position; /* of one that is read */
    /* of a new file: bytes in all, and those that are on their way to the disk */
    uint64_t written, sent;
    uint8_t *buffer;
    size_t used, filled; /* bytes in the buffer: used up (reading), in all */
} SnapshotFile;

static SnapshotFile *file_of(const StateStream *stream)
{
    return stream->opaque;
}

static void file_free(SnapshotFile *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    g_free(file->path);
    g_free(file->temporary);
    g_free(file->buffer);
    g_free(file);
}

/*
 * Writing.
 */

static bool write_all(SnapshotFile *file, const uint8_t *buf, size_t len, GError **error)
{
    while (len) {
        ssize_t n = write(file->fd, buf, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_set_errno(error, errno, "cannot write snapshot '%s'", file->path);
        }
        buf += n;
        len -= n;
        file->written += n;
    }
    /* So that less is left for the end; may fail. */
    if (file->written - file->sent >= WRITE_BEHIND) {
        sync_file_range(file->fd, file->sent, file->written - file->sent, SYNC_FILE_RANGE_WRITE);
        file->sent = file->written;
    }
    return true;
}

static bool flush_buffer(SnapshotFile *file, GError **error)
{
    size_t len = file->filled;
    file->filled = 0;
    return write_all(file, file->buffer, len, error);
}

static bool file_write(void *opaque, const void *buf, size_t len, GError **error)
{
    SnapshotFile *file = opaque;
    if (len > BUFFER_SIZE - file->filled && !flush_buffer(file, error)) {
        return false;
    }
    if (len > BUFFER_SIZE) {
        return write_all(file, buf, len, error);
    }
    memcpy(file->buffer + file->filled, buf, len);
    file->filled += len;
    return true;
}

/* What is called @path now may be replaced: nothing, or a snapshot. */
static bool check_replaceable(const char *path, GError **error)
{
    char magic[sizeof(SNAPSHOT_MAGIC) - 1];
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT || error_set_errno(error, errno, "cannot write snapshot '%s'", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return error_set(error, "cannot write snapshot '%s': it is a directory", path);
    }
    int fd = S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool ours = fd >= 0 && (st.st_size == 0 || (read(fd, magic, sizeof(magic)) == sizeof(magic) &&
                                                !memcmp(magic, SNAPSHOT_MAGIC, sizeof(magic))));
    if (fd >= 0) {
        close(fd);
    }
    return ours ||
           error_set(error, "'%s' is there and no snapshot; remove it first, or give another name",
                     path);
}

bool snapshot_file_create(StateStream *stream, const char *path, GError **error)
{
    if (!check_replaceable(path, error)) {
        return false;
    }
    char *temporary = g_strdup_printf("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot make snapshot '%s'", path);
        g_free(temporary);
        return false;
    }
    SnapshotFile *file = g_new0(SnapshotFile, 1);
    file->fd = fd;
    file->path = g_strdup(path);
    file->temporary = temporary;
    file->buffer = g_malloc(BUFFER_SIZE);
    *stream = (StateStream){.write = file_write, .opaque = file};
    return true;
}

/* That the directory's entry is on stable storage too. */
static void sync_directory(const char *path)
{
    char *directory = g_path_get_dirname(path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    g_free(directory);
}

bool snapshot_file_finish(StateStream *stream, bool ok, GError **error)
{
    SnapshotFile *file = file_of(stream);
    ok = ok && flush_buffer(file, error);
    if (ok && fsync(file->fd) != 0) {
        ok = error_set_errno(error, errno, "cannot write snapshot '%s'", file->path);
    }
    if (ok && rename(file->temporary, file->path) != 0) {
        ok = error_set_errno(error, errno, "cannot make snapshot '%s'", file->path);
    }
    if (ok) {
        sync_directory(file->path);
    } else {
        unlink(file->temporary);
    }
    file_free(file);
    return ok;
}

/*
 * Reading.
 */

static bool truncated(uint64_t size, GError **error)
{
    return error_set(error, "it is truncated: it ends after %" G_GUINT64_FORMAT " bytes", size);
}

/* Reads up to @len bytes from @at on, at least one; 0 with @error. */
static size_t read_some(const SnapshotFile *file, uint64_t at, void *buf, size_t len,
                        GError **error)
{
    ssize_t n;
    do {
        n = pread(file->fd, buf, len, at);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        error_set_errno(error, errno, "it cannot be read");
    } else if (n == 0) {
        truncated(at, error);
    }
    return MAX(n, 0);
}

static bool file_read_at(void *opaque, uint64_t at, void *buf, size_t len, GError **error)
{
    while (len) {
        size_t n = read_some(opaque, at, buf, len, error);
        if (!n) {
            return false;
        }
        at += n;
        buf = (uint8_t *)buf + n;
        len -= n;
    }
    return true;
}

/* What is in the buffer already, or of much data what there is without its detour. */
static size_t take_some(SnapshotFile *file, void *buf, size_t len, GError **error)
{
    if (file->used == file->filled) {
        if (len >= READ_AHEAD) {
            return read_some(file, file->position, buf, len, error);
        }
        file->used = 0;
        file->filled = read_some(file, file->position, file->buffer, READ_AHEAD, error);
    }
    size_t n = MIN(len, file->filled - file->used);
    memcpy(buf, file->buffer + file->used, n);
    file->used += n;
    return n;
}

static bool file_read(void *opaque, void *buf, size_t len, GError **error)
{
    SnapshotFile *file = opaque;
    while (len) {
        size_t n = take_some(file, buf, len, error);
        if (!n) {
            return false;
        }
        file->position += n;
        buf = (uint8_t *)buf + n;
        len -= n;
    }
    return true;
}

static bool file_skip(void *opaque, size_t len, uint64_t *at, GError **error)
{
    SnapshotFile *file = opaque;
    *at = file->position;
    if (file->position > file->size || len > file->size - file->position) {
        return truncated(file->size, error);
    }
    file->position += len;
    file->used += MIN(len, file->filled - file->used);
    return true;
}

bool snapshot_file_open(StateStream *stream, const char *path, GError **error)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return error_set_errno(error, errno, "it cannot be opened");
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(error, "it is no file");
    }
    SnapshotFile *file = g_new0(SnapshotFile, 1);
    file->fd = fd;
    file->path = g_strdup(path);
    file->size = st.st_size;
    file->buffer = g_malloc(READ_AHEAD);
    *stream = (StateStream){
        .read = file_read, .skip = file_skip, .read_at = file_read_at, .opaque = file};
    return true;
}

void snapshot_file_rewind(StateStream *stream)
{
    SnapshotFile *file = file_of(stream);
    file->used = file->filled = 0;
    file->position = 0;
    stream->sections = stream->crc = 0;
}

uint64_t snapshot_file_size(const StateStream *stream)
{
    return file_of(stream)->size;
}

uint64_t snapshot_file_position(const StateStream *stream)
{
    return file_of(stream)->position;
}

void snapshot_file_close(StateStream *stream)
{
    file_free(file_of(stream));
}
