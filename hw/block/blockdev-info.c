/*
 * What there is to say of block back ends, for the monitors. Locking: the machine lock.
 */
#include "hw/block/blockdev-internal.h"

const char *blockdev_id(const BlockDev *blk)
{
    return blk->id;
}

BlockDev *blockdev_nth(Machine *machine, unsigned n)
{
    BlockRegistry *registry = blockdev_registry(machine);

    return registry && n < registry->disks->len ? g_ptr_array_index(registry->disks, n) : NULL;
}

const char *blockdev_path(const BlockDev *blk)
{
    return blk->path;
}

const char *blockdev_format(const BlockDev *blk)
{
    return blk->image->ops->format;
}

const char *blockdev_user(const BlockDev *blk)
{
    return blk->user;
}

const char *blockdev_node(const BlockDev *blk)
{
    return blk->node;
}

void blockdev_info(const BlockDev *blk, BlockInfo *info)
{
    const BlockImage *image = blk->image;
    struct stat st;

    *info = (BlockInfo){.backing = image->backing ? image->backing->file->path : NULL,
                        .write_back = !blk->write_through,
                        .no_flush = blk->ignore_flush,
                        .direct = image->file->direct_fd >= 0,
                        .detect_zeroes = blk->detect_zeroes,
                        .detect_unmap = blk->detect_unmap,
                        .temporary = image->file->temporary,
                        .stats = blk->stats};
    for (image = image->backing; image; image = image->backing) {
        info->depth++;
    }
    if (fstat(blk->image->file->fd, &st) == 0) {
        info->host_size = (uint64_t)st.st_blocks * 512;
    }
}

static void print_details(const BlockDev *blk, GString *out)
{
    char *size =
        g_format_size_full(blk->image->size, G_FORMAT_SIZE_IEC_UNITS | G_FORMAT_SIZE_LONG_FORMAT);
    BlockInfo info;

    blockdev_info(blk, &info);
    g_string_append_printf(out, "    Disk size:        %s\n", size);
    g_string_append_printf(out,
                           "    So far:           %" G_GUINT64_FORMAT " reads, %" G_GUINT64_FORMAT
                           " bytes; %" G_GUINT64_FORMAT " writes, %" G_GUINT64_FORMAT
                           " bytes; %" G_GUINT64_FORMAT " flushes\n",
                           info.stats.read.count, info.stats.read.bytes, info.stats.write.count,
                           info.stats.write.bytes, info.stats.flush.count);
    if (blk->image->ops->print) {
        blk->image->ops->print(blk->image, out);
    }
    for (BlockImage *image = blk->image->backing; image; image = image->backing) {
        g_string_append_printf(out, "  on top of %s (%s)\n", image->file->path, image->ops->format);
        if (image->ops->print) {
            image->ops->print(image, out);
        }
    }
    g_free(size);
}

void blockdev_print_all(Machine *machine, GString *out, bool verbose)
{
    BlockDev *blk;

    for (unsigned i = 0; (blk = blockdev_nth(machine, i)) != NULL; i++) {
        const BlockImage *backing = blk->image->backing;

        g_string_append_printf(out, "%s: %s (%s%s%s)\n", blk->id, blk->path,
                               blk->image->file->temporary ? backing->ops->format
                                                           : blk->image->ops->format,
                               blk->read_only ? ", read-only" : "",
                               blk->image->file->temporary ? ", changes are thrown away" : "");
        g_string_append_printf(out, "    Attached to:      %s\n", blk->user ? blk->user : "-");
        g_string_append_printf(out, "    Cache mode:       %s%s\n",
                               blk->ignore_flush    ? "writeback, ignore flushes"
                               : blk->write_through ? "writethrough"
                                                    : "writeback",
                               blk->image->file->direct_fd >= 0 ? ", direct" : "");
        if (backing && !blk->image->file->temporary) {
            g_string_append_printf(out, "    Backing file:     %s\n", backing->file->path);
        }
        if (verbose) {
            print_details(blk, out);
        }
    }
}

void blockdev_print_snapshots(Machine *machine, GString *out)
{
    BlockDev *blk;

    for (unsigned i = 0; (blk = blockdev_nth(machine, i)) != NULL; i++) {
        GString *text = g_string_new(NULL);
        BlockImage *image = blk->image->file->temporary ? blk->image->backing : blk->image;

        if (image->ops->print_snapshots) {
            image->ops->print_snapshots(image, text);
        }
        if (text->len) {
            g_string_append_printf(out, "Snapshots in '%s':\n%s", blk->id, text->str);
        }
        g_string_free(text, true);
    }
}
