/*
 * Disk images: recognising formats, and the chain of files that an image stands on. See image.h.
 *
 * Images come from elsewhere, and name other files: backing files, data files. One that names a file of the
 * host's that its user did not think of would show it to the guest. So the rule: a backing file is opened if
 * it is in the same directory as the image that names it, however that spells it; all others only if the user
 * allowed them. Symbolic links count as what they lead to.
 */
#include "hw/block/image.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHAIN_MAX 64 /* files below one another */

/* ---- Formats ---- */

static const struct {
    const char *name, *magic;
    size_t offset, len;
} magics[] = {
    {"qcow2", "QFI\xfb", 0, 4},     {"vmdk", "KDMV", 0, 4},    {"vmdk", "COWD", 0, 4},
    {"vhdx", "vhdxfile", 0, 8},     {"vpc", "conectix", 0, 8}, {"vdi", "\x7f\x10\xda\xbe", 64, 4},
    {"luks", "LUKS\xba\xbe", 0, 6}, {"qed", "QED\0", 0, 4},    {"dmg", "koly", 0, 4},
};

const char *image_probe(const uint8_t *head, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        if (len >= magics[i].offset + magics[i].len &&
            memcmp(head + magics[i].offset, magics[i].magic, magics[i].len) == 0) {
            return magics[i].name;
        }
    }
    return "raw";
}

/* The format of @file: as the user says, or as it looks like. */
static const char *choose_format(BlockFile *file, const ImageOpen *how, bool *probed,
                                 GError **error)
{
    uint8_t head[BLOCK_SECTOR];
    int err;

    if (how->format) {
        return how->format;
    }
    err = block_file_read(file, 0, head, sizeof(head));
    if (err) {
        error_set_errno(error, err, "cannot read '%s'", file->path);
        return NULL;
    }
    *probed = true;
    return image_probe(head, sizeof(head));
}

static BlockImage *open_format(BlockFile *file, const char *format, bool probed,
                               const ImageOpen *how, GError **error)
{
    if (strcmp(format, "raw") == 0) {
        BlockImage *image = raw_open(file, how, error);

        if (image && probed && !how->overlay) {
            image->probed = true;
            if (!how->read_only && !how->quiet) {
                g_printerr("amphi: '%s': the format was not given and seems to be raw; writing "
                           "another format's header to its first sector will fail; say format=raw "
                           "to be rid of that\n",
                           file->path);
            }
        }
        return image;
    }
    if (strcmp(format, "qcow2") == 0) {
        return qcow2_open(file, how, error);
    }
    error_set(error,
              probed ? "'%s' is a %s image, which is not supported; convert it with `qemu-img "
                       "convert -O qcow2` (or say format=raw if it is not)"
                     : "'%s': format '%s' is not supported; convert it with `qemu-img convert "
                       "-O qcow2` and use format=qcow2",
              file->path, format);
    return NULL;
}

/* ---- Names ---- */

/* Without the protocol that every name may begin with. */
static const char *plain_name(const char *name)
{
    return g_str_has_prefix(name, "file:") ? name + 5 : name;
}

/* The path in @name, which may begin with "file:". False for what is no file. */
static bool plain_path(const char *name, const char **path, GError **error)
{
    static const char *const protocols[] = {"nbd",     "nbd+unix", "http", "https", "ftp",
                                            "ftps",    "ssh",      "rbd",  "iscsi", "nfs",
                                            "gluster", "json",     "fat",  "vvfat", "blkdebug",
                                            "null-co", "null-aio", NULL};
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');
    char *protocol;
    bool known;

    *path = plain_name(name);
    if (!colon || (slash && slash < colon)) {
        return true;
    }
    protocol = g_strndup(name, colon - name);
    known = g_strv_contains(protocols, protocol);
    if (known) {
        error_set(error,
                  "'%s': disks reached by '%s:' are not supported; use a file or a block "
                  "device",
                  name, protocol);
    }
    g_free(protocol);
    return !known;
}

char *image_resolve(const BlockFile *file, const char *name)
{
    char *dir, *path;

    name = plain_name(name);
    if (g_path_is_absolute(name)) {
        return g_strdup(name);
    }
    dir = g_path_get_dirname(file->path);
    /* With a directory a name is nothing but that, whatever it begins with. */
    path = strcmp(dir, ".") == 0 && !strchr(name, ':') ? g_strdup(name)
                                                       : g_build_filename(dir, name, NULL);
    g_free(dir);
    return path;
}

/* Whether @path is @dir or in it; both have no links. */
static bool is_within(const char *path, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(path, dir, len) == 0 &&
           (path[len] == '/' || path[len] == 0 || (len && dir[len - 1] == '/'));
}

bool image_may_open(const BlockFile *file, const char *name, const ImageOpen *how)
{
    char *path = image_resolve(file, name);
    char *real = realpath(path, NULL), *image = realpath(file->path, NULL);
    bool may = false;

    if (real && image) {
        char *dir = g_path_get_dirname(image), *other = g_path_get_dirname(real);

        may = strcmp(dir, other) == 0;
        g_free(dir);
        g_free(other);
    }
    for (unsigned i = 0; !may && real && how->allowed && how->allowed[i]; i++) {
        char *allowed = realpath(how->allowed[i], NULL);

        may = allowed && is_within(real, allowed);
        free(allowed);
    }
    free(real);
    free(image);
    g_free(path);
    return may;
}

/* ---- Opening ---- */

/* Whether the file at @path is already in the chain above it. Looked at before it is opened, since its own lock
 * would be in the way. */
static bool check_chain(const char *path, const ImageOpen *how, GError **error)
{
    unsigned depth = 0;
    struct stat st;

    for (const ImageOpen *above = how; above && above->overlay_file; above = above->overlay) {
        const BlockFile *file = above->overlay_file;

        if (stat(path, &st) == 0 && !file->device && file->dev == st.st_dev &&
            file->ino == st.st_ino) {
            return error_set(error,
                             "'%s' is, through its backing files, its own backing file; mend "
                             "that with `qemu-img rebase -u`",
                             path);
        }
        if (++depth >= CHAIN_MAX) {
            return error_set(error,
                             "'%s' is the backing file of more than %u images on top of each "
                             "other; merge some with `qemu-img rebase`",
                             path, CHAIN_MAX);
        }
    }
    return true;
}

BlockImage *image_open(const ImageOpen *how, GError **error)
{
    BlockFileOpen open = {.read_only = how->read_only,
                          .no_locking = how->no_locking,
                          .direct = how->direct,
                          .ignore_flush = how->ignore_flush};
    bool probed = false;
    const char *format;
    BlockImage *image = NULL;
    BlockFile *file;

    if (!plain_path(how->path, &open.path, error) || !check_chain(open.path, how, error)) {
        return NULL;
    }
    file = block_file_open(&open, error);
    if (!file) {
        return NULL;
    }
    format = choose_format(file, how, &probed, error);
    if (format) {
        image = open_format(file, format, probed, how, error);
    }
    if (!image) {
        block_file_close(file);
    }
    return image;
}

BlockImage *image_open_backing(BlockFile *file, const char *name, const char *format,
                               const ImageOpen *how, GError **error)
{
    char *path = image_resolve(file, name);
    ImageOpen backing = {.path = path,
                         .format = format && *format ? format : NULL,
                         .read_only = true,
                         .no_locking = how->no_locking,
                         .direct = how->direct,
                         .allowed = how->allowed,
                         .overlay = how,
                         .overlay_file = file};
    BlockImage *image = NULL;

    if (access(path, F_OK) != 0 && errno == ENOENT) {
        error_set(error,
                  "'%s' has the backing file '%s', which is not there; put it there, or "
                  "name another with `qemu-img rebase -u -b`",
                  file->path, path);
    } else if (!how->backing && !image_may_open(file, name, how)) {
        error_set(error,
                  "'%s' has the backing file '%s', which is outside of its directory; if you trust "
                  "the image, add allow-path=%s to its -drive",
                  file->path, path, path);
    } else {
        image = image_open(&backing, error);
    }
    g_free(path);
    return image;
}

BlockImage *image_overlay(BlockImage *base, GError **error)
{
    Qcow2Create create = {.size = base->size, .cluster_bits = 16, .version = 3};
    BlockFile *file = block_file_temporary(error);
    BlockImage *image;

    if (!file) {
        return NULL;
    }
    image = qcow2_create(file, &create, error)
                ? qcow2_open(file, &(ImageOpen){.path = file->path}, error)
                : NULL;
    if (!image) {
        block_file_close(file);
        return NULL;
    }
    image->backing = base;
    return image;
}

int image_close(BlockImage *image)
{
    BlockImage *backing = image->backing;
    BlockFile *file = image->file;
    int err = image->ops->close(image);

    block_file_close(file);
    g_free(image);
    if (backing) {
        image_close(backing);
    }
    return err;
}

/* ---- What formats share ---- */

int image_readv(BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    size_t len = iov_bytes(iov, n);
    uint64_t there = offset < image->size ? MIN(len, image->size - offset) : 0;
    struct iovec *part;
    int err = 0;

    if (there == len) {
        return image->ops->readv(image, offset, iov, n);
    }
    part = g_new(struct iovec, n);
    if (there) {
        err = image->ops->readv(image, offset, part, iov_slice(iov, n, 0, there, part));
    }
    iov_zero(part, iov_slice(iov, n, there, len - there, part));
    g_free(part);
    return err;
}

void image_report(BlockImage *image, const char *fmt, ...)
{
    va_list ap;
    char *text;

    if (__atomic_exchange_n(&image->reported, true, __ATOMIC_RELAXED)) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    g_printerr("amphi: '%s': %s\n", image->file->path, text);
    g_free(text);
}
