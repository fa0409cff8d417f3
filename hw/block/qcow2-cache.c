/*
 * qcow2: caches of slices of L2 tables and refcount blocks. See qcow2.h for the order of writes.
 *
 * A slice is found by its offset in the file, and the one not used for longest goes first. Dirty ones are
 * written all at once, which is what makes room too.
 */
#include "hw/block/qcow2.h"
#include <errno.h>
#include <string.h>

#define L2_CACHE_BYTES (32 * MIB)
#define BLOCK_CACHE_BYTES (4 * MIB)

static void cache_init(SliceCache *cache, uint64_t bytes, unsigned slice_bits)
{
    cache->slices = g_hash_table_new(g_int64_hash, g_int64_equal);
    cache->dirty = g_ptr_array_new();
    cache->max = MAX(bytes >> slice_bits, 4);
}

void qcow2_caches_init(Qcow2 *q)
{
    cache_init(&q->l2_cache, L2_CACHE_BYTES, q->slice_bits);
    cache_init(&q->block_cache, BLOCK_CACHE_BYTES, q->slice_bits);
}

static void cache_free(SliceCache *cache)
{
    for (Slice *slice = cache->newest, *next; slice; slice = next) {
        next = slice->older;
        g_free(slice);
    }
    if (cache->slices) {
        g_hash_table_unref(cache->slices);
        g_ptr_array_unref(cache->dirty);
    }
}

void qcow2_caches_free(Qcow2 *q)
{
    cache_free(&q->l2_cache);
    cache_free(&q->block_cache);
}

/* ---- The order of use ---- */

static void list_remove(SliceCache *cache, Slice *slice)
{
    *(slice->newer ? &slice->newer->older : &cache->newest) = slice->older;
    *(slice->older ? &slice->older->newer : &cache->oldest) = slice->newer;
}

static void list_add(SliceCache *cache, Slice *slice)
{
    slice->newer = NULL;
    slice->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = slice;
    cache->newest = slice;
}

static void discard_slice(SliceCache *cache, Slice *slice)
{
    if (slice->dirty) {
        g_ptr_array_remove_fast(cache->dirty, slice);
    }
    g_hash_table_remove(cache->slices, &slice->offset);
    list_remove(cache, slice);
    g_free(slice);
}

/* ---- Writing ---- */

static int write_dirty(Qcow2 *q, SliceCache *cache, bool *wrote)
{
    while (cache->dirty->len) {
        Slice *slice = g_ptr_array_index(cache->dirty, cache->dirty->len - 1);
        int err = block_file_write(q->image.file, slice->offset, slice->data, 1u << q->slice_bits);

        if (err) {
            return err;
        }
        slice->dirty = false;
        g_ptr_array_set_size(cache->dirty, cache->dirty->len - 1);
        *wrote = true;
    }
    return 0;
}

int qcow2_write_refcounts(Qcow2 *q)
{
    bool wrote = false;
    int err = write_dirty(q, &q->block_cache, &wrote);

    return err || !wrote || q->lazy ? err : block_file_sync(q->image.file);
}

int qcow2_write_metadata(Qcow2 *q)
{
    bool wrote = false;
    int err = 0;

    if (!q->l2_cache.dirty->len) {
        return q->lazy ? 0 : write_dirty(q, &q->block_cache, &wrote);
    }
    if (!q->lazy) {
        err = qcow2_write_refcounts(q);
    }
    return err ? err : write_dirty(q, &q->l2_cache, &wrote);
}

/* ---- Reading ---- */

/* Makes room for one more. */
static int shrink(Qcow2 *q, SliceCache *cache)
{
    while (g_hash_table_size(cache->slices) >= cache->max) {
        if (cache->oldest->dirty) {
            bool wrote;
            int err =
                cache == &q->l2_cache ? qcow2_write_metadata(q) : write_dirty(q, cache, &wrote);

            if (err) {
                return err;
            }
        }
        discard_slice(cache, cache->oldest);
    }
    return 0;
}

int qcow2_slice(Qcow2 *q, SliceCache *cache, uint64_t offset, bool cached, Slice **slice)
{
    size_t size = 1u << q->slice_bits;
    uint64_t start = offset & ~(uint64_t)(size - 1);
    Slice *found = g_hash_table_lookup(cache->slices, &start);
    int err;

    if (found) {
        if (found != cache->newest) {
            list_remove(cache, found);
            list_add(cache, found);
        }
        *slice = found;
        return 0;
    }
    if (cached) {
        return EAGAIN;
    }
    err = shrink(q, cache);
    if (err) {
        return err;
    }
    found = g_malloc(sizeof(*found) + size);
    found->offset = start;
    found->dirty = false;
    err = block_file_read(q->image.file, start, found->data, size);
    if (err) {
        g_free(found);
        return err;
    }
    g_hash_table_insert(cache->slices, &found->offset, found);
    list_add(cache, found);
    *slice = found;
    return 0;
}

void qcow2_slice_dirty(SliceCache *cache, Slice *slice)
{
    if (!slice->dirty) {
        slice->dirty = true;
        g_ptr_array_add(cache->dirty, slice);
    }
}

void qcow2_slices_drop(Qcow2 *q, SliceCache *cache, uint64_t offset)
{
    for (uint64_t at = offset; at < offset + q->cluster_size; at += 1u << q->slice_bits) {
        Slice *slice = g_hash_table_lookup(cache->slices, &at);

        if (slice) {
            discard_slice(cache, slice);
        }
    }
}
