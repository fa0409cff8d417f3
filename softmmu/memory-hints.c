/*
 * What devices say of their regions so that an engine may save exits: doorbells, coalesced writes, dirty
 * pages. See memory.h.
 */
#include "softmmu/memory-internal.h"

static void add_hint(MemoryRegion *region, MemoryHint hint)
{
    if (!region->hints) {
        region->hints = g_array_new(false, false, sizeof(MemoryHint));
    }
    g_array_append_val(region->hints, hint);
    memory_map_changed(region->map);
}

void memory_region_add_doorbell(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                                uint64_t value, void (*ring)(void *opaque, unsigned n),
                                void *opaque, unsigned n)
{
    add_hint(region, (MemoryHint){offset, size, match, true, value, ring, opaque, n});
}

void memory_region_set_coalesced(MemoryRegion *region, uint64_t offset, uint64_t size)
{
    add_hint(region, (MemoryHint){.addr = offset, .size = size});
}

void memory_region_set_dirty_log(MemoryRegion *region, bool on)
{
    if (region->log_dirty != on) {
        region->log_dirty = on;
        memory_map_changed(region->map);
    }
}

bool memory_region_logs_dirty(const MemoryRegion *region)
{
    return region->log_dirty;
}

bool memory_region_take_dirty(MemoryRegion *region, unsigned long *bitmap)
{
    MemoryMap *map = region->map;
    return region->log_dirty && map->dirty_source &&
           map->dirty_source(map->dirty_opaque, region, bitmap);
}

void memory_map_set_dirty_source(MemoryMap *map,
                                 bool (*fn)(void *opaque, MemoryRegion *region,
                                            unsigned long *bitmap),
                                 void *opaque)
{
    map->dirty_source = fn;
    map->dirty_opaque = opaque;
}

void memory_map_set_flush(MemoryMap *map, void (*fn)(void *opaque), void *opaque)
{
    map->flush = fn;
    map->flush_opaque = opaque;
}

void memory_map_flush_writes(MemoryMap *map)
{
    if (map->flush) {
        map->flush(map->flush_opaque);
    }
}

/* Those of one region that nothing covers. */
static void visible_hints(const MemoryRegion *region, GArray *out)
{
    for (unsigned i = 0; i < region->hints->len; i++) {
        MemoryHint hint = g_array_index(region->hints, MemoryHint, i);
        uint64_t size = MAX(hint.size, 1);
        MemoryHit hit;
        hint.addr += region->base;
        if (memory_map_find(region->map, hint.addr, &hit) && hit.region == region &&
            hit.avail >= size) {
            g_array_append_val(out, hint);
        }
    }
}

GArray *memory_map_hints(MemoryMap *map)
{
    GArray *out = g_array_new(false, false, sizeof(MemoryHint));
    g_mutex_lock(&map->change);
    for (unsigned i = 0; i < map->regions->len; i++) {
        const MemoryRegion *region = map->regions->pdata[i];
        if (region->hints && region->enabled) {
            visible_hints(region, out);
        }
    }
    g_mutex_unlock(&map->change);
    return out;
}
