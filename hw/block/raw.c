/*
 * Raw images: the file is the disk. See image.h. No state, no locks.
 */
#include "hw/block/image.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <unistd.h>

static int raw_readv(BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    return block_file_readv(image->file, offset, iov, n);
}

/* Of an image that was taken for raw only because nothing else was recognised, the guest must not make one
 * that is something else the next time: that could name any file of the host as its backing file. */
static bool writes_magic(const BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    uint8_t head[BLOCK_SECTOR] = {0};
    struct iovec part[8];

    if (!image->probed || offset >= sizeof(head)) {
        return false;
    }
    n = iov_slice(iov, MIN(n, 8), 0, sizeof(head) - offset, part);
    for (int i = 0, at = offset; i < n; i++) {
        iov_store(&(struct iovec){head, sizeof(head)}, 1, at, part[i].iov_base, part[i].iov_len);
        at += part[i].iov_len;
    }
    return g_strcmp0(image_probe(head, sizeof(head)), "raw") != 0;
}

static int raw_writev(BlockImage *image, uint64_t offset, const struct iovec *iov, int n)
{
    if (writes_magic(image, offset, iov, n)) {
        image_report(image, "the guest writes another format's header; say format=raw to let it");
        return EPERM;
    }
    return block_file_writev(image->file, offset, iov, n);
}

static int raw_flush(BlockImage *image)
{
    return block_file_sync(image->file);
}

static int raw_zero(BlockImage *image, uint64_t offset, uint64_t len, bool unmap)
{
    return block_file_zero(image->file, offset, len, unmap);
}

static int raw_discard(BlockImage *image, uint64_t offset, uint64_t len)
{
    block_file_discard(image->file, offset, len);
    return 0;
}

static bool raw_map(BlockImage *image, uint64_t offset, uint64_t len, bool write, ImageMap *map)
{
    if (write && image->probed && offset < BLOCK_SECTOR) {
        return false; /* to be looked at */
    }
    *map = (ImageMap){image->file, offset};
    return true;
}

static bool raw_resize(BlockImage *image, uint64_t size, GError **error)
{
    if (image->file->device) {
        return error_set(error, "'%s' is a block device, whose size the host decides",
                         image->file->path);
    }
    if (ftruncate(image->file->fd, size) < 0) {
        return error_set_errno(error, errno, "cannot change the size of '%s'", image->file->path);
    }
    image->file->size = image->size = size;
    return true;
}

static int raw_close(BlockImage *image)
{
    return image->read_only ? 0 : block_file_sync(image->file);
}

static const ImageOps raw_ops = {
    .format = "raw",
    .readv = raw_readv,
    .writev = raw_writev,
    .flush = raw_flush,
    .zero = raw_zero,
    .discard = raw_discard,
    .map = raw_map,
    .plain_flush = true,
    .resize = raw_resize,
    .close = raw_close,
};

BlockImage *raw_open(BlockFile *file, const ImageOpen *how, GError **error)
{
    BlockImage *image = g_new0(BlockImage, 1);

    image->ops = &raw_ops;
    image->file = file;
    image->read_only = how->read_only;
    image->size = align_up(file->size, BLOCK_SECTOR);
    return image;
}
