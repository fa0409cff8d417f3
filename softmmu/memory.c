/*
 * The map of guest-physical addresses: regions, and the flattened array that lookups use.
 *
 * Changes are rare (start-up, PCI BARs, flash modes) and rebuild the whole array; lookups are frequent,
 * come from all vCPUs at once, and take no lock: see memory-internal.h for how. Accesses to devices
 * take the machine lock first and look the address up again under it, so that a device is never called
 * with an offset from before a move.
 */
#include "softmmu/memory.h"
#include "softmmu/base/log.h"
#include "softmmu/device.h"
#include "softmmu/lock.h"
#include "softmmu/memory-internal.h"
#include <inttypes.h>
#include <string.h>

static void region_free(void *data)
{
    MemoryRegion *region = data;
    g_free(region->name);
    if (region->hints) {
        g_array_free(region->hints, true);
    }
    g_free(region);
}

static FlatArray *flat_array_new(unsigned capacity)
{
    FlatArray *flat = g_malloc0(sizeof(*flat) + capacity * sizeof(FlatEntry));
    flat->capacity = capacity;
    return flat;
}

MemoryMap *memory_map_new(GMutex *lock)
{
    MemoryMap *map = g_new0(MemoryMap, 1);
    map->lock = lock;
    g_mutex_init(&map->change);
    map->flat = flat_array_new(64);
    map->retired = g_ptr_array_new_with_free_func(g_free);
    map->regions = g_ptr_array_new_with_free_func(region_free);
    map->removed = g_ptr_array_new_with_free_func(region_free);
    map->blocks = g_ptr_array_new_with_free_func((GDestroyNotify)ram_block_free);
    map->listeners = g_array_new(false, false, sizeof(MapListener));
    return map;
}

void memory_map_free(MemoryMap *map)
{
    if (!map) {
        return;
    }
    g_ptr_array_free(map->regions, true);
    g_ptr_array_free(map->removed, true);
    g_ptr_array_free(map->retired, true);
    g_ptr_array_free(map->blocks, true);
    g_array_free(map->listeners, true);
    g_free(map->flat);
    g_mutex_clear(&map->change);
    g_free(map);
}

/*
 * Flattening.
 */

/* The part of @region from @first to @last as an entry. */
static FlatEntry flat_entry(MemoryRegion *region, uint64_t first, uint64_t last)
{
    uint64_t offset = first - region->base;
    FlatEntry entry = {first, last, region, offset, NULL, 0, region->readonly};
    if (region->ram && region->direct_read) {
        entry.host = region->ram->host + region->ram_offset + offset;
        entry.ram_page = region->ram->index + ((region->ram_offset + offset) >> RAM_PAGE_BITS);
    }
    return entry;
}

static gint compare_entries(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const FlatEntry *)a)->first, y = ((const FlatEntry *)b)->first;
    return x < y ? -1 : x > y;
}

/* Of higher priority first, of the same the later first. */
static gint compare_regions(gconstpointer a, gconstpointer b)
{
    const MemoryRegion *x = *(MemoryRegion *const *)a, *y = *(MemoryRegion *const *)b;
    if (x->priority != y->priority) {
        return x->priority > y->priority ? -1 : 1;
    }
    return x->serial > y->serial ? -1 : x->serial < y->serial;
}

/* Adds what of @region is not covered by @entries, which are sorted. */
static void flatten_region(GArray *entries, MemoryRegion *region)
{
    uint64_t first = region->base, last = region->base + region->size - 1;
    unsigned covered = entries->len;
    if (!region->enabled || region->size == 0) {
        return;
    }
    /* With a base that the guest chose too high, what is past the end is not there. */
    if (last < first) {
        last = UINT64_MAX;
    }
    for (unsigned i = 0; i < covered; i++) {
        FlatEntry above = g_array_index(entries, FlatEntry, i);
        if (above.last < first) {
            continue;
        }
        if (above.first > last) {
            break;
        }
        if (above.first > first) {
            FlatEntry gap = flat_entry(region, first, above.first - 1);
            g_array_append_val(entries, gap);
        }
        if (above.last >= last) {
            g_array_sort(entries, compare_entries);
            return;
        }
        first = above.last + 1;
    }
    FlatEntry rest = flat_entry(region, first, last);
    g_array_append_val(entries, rest);
    g_array_sort(entries, compare_entries);
}

static GArray *flatten(MemoryMap *map)
{
    GArray *entries = g_array_new(false, true, sizeof(FlatEntry));
    GPtrArray *order = g_ptr_array_sized_new(map->regions->len);
    for (unsigned i = 0; i < map->regions->len; i++) {
        g_ptr_array_add(order, map->regions->pdata[i]);
    }
    g_ptr_array_sort(order, compare_regions);
    for (unsigned i = 0; i < order->len; i++) {
        flatten_region(entries, order->pdata[i]);
    }
    g_ptr_array_free(order, true);
    return entries;
}

/*
 * The flat array, shared with lock-free readers.
 */

static void entry_store(FlatEntry *to, const FlatEntry *from)
{
    __atomic_store_n(&to->first, from->first, __ATOMIC_RELEASE);
    __atomic_store_n(&to->last, from->last, __ATOMIC_RELEASE);
    __atomic_store_n(&to->region, from->region, __ATOMIC_RELEASE);
    __atomic_store_n(&to->offset, from->offset, __ATOMIC_RELEASE);
    __atomic_store_n(&to->host, from->host, __ATOMIC_RELEASE);
    __atomic_store_n(&to->ram_page, from->ram_page, __ATOMIC_RELEASE);
    __atomic_store_n(&to->readonly, from->readonly, __ATOMIC_RELEASE);
}

static FlatEntry entry_load(const FlatEntry *from)
{
    FlatEntry entry;
    entry.first = __atomic_load_n(&from->first, __ATOMIC_ACQUIRE);
    entry.last = __atomic_load_n(&from->last, __ATOMIC_ACQUIRE);
    entry.region = __atomic_load_n(&from->region, __ATOMIC_ACQUIRE);
    entry.offset = __atomic_load_n(&from->offset, __ATOMIC_ACQUIRE);
    entry.host = __atomic_load_n(&from->host, __ATOMIC_ACQUIRE);
    entry.ram_page = __atomic_load_n(&from->ram_page, __ATOMIC_ACQUIRE);
    entry.readonly = __atomic_load_n(&from->readonly, __ATOMIC_ACQUIRE);
    return entry;
}

/* Makes @entries what readers see. With map->change held. */
static void publish(MemoryMap *map, const GArray *entries)
{
    FlatArray *flat = map->flat;
    __atomic_store_n(&map->seq, map->seq + 1, __ATOMIC_RELEASE);
    if (entries->len > flat->capacity) {
        g_ptr_array_add(map->retired, flat);
        flat = flat_array_new(MAX(2 * flat->capacity, entries->len));
        __atomic_store_n(&map->flat, flat, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&flat->n, entries->len, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < entries->len; i++) {
        entry_store(&flat->entries[i], &g_array_index(entries, FlatEntry, i));
    }
    __atomic_store_n(&map->seq, map->seq + 1, __ATOMIC_RELEASE);
}

static bool same_entries(const FlatArray *flat, const GArray *entries)
{
    return flat->n == entries->len &&
           (flat->n == 0 ||
            memcmp(flat->entries, entries->data, entries->len * sizeof(FlatEntry)) == 0);
}

/* Brings the flat array up to date; with map->change held, which it releases. */
static void update_and_unlock(MemoryMap *map)
{
    GArray *entries = flatten(map);
    bool changed = !same_entries(map->flat, entries);
    if (changed) {
        publish(map, entries);
    }
    g_array_free(entries, true);
    g_mutex_unlock(&map->change);
    if (changed) {
        memory_map_changed(map);
    }
}

void memory_map_changed(MemoryMap *map)
{
    for (unsigned i = 0; i < map->listeners->len; i++) {
        MapListener *listener = &g_array_index(map->listeners, MapListener, i);
        listener->fn(listener->opaque);
    }
}

/* The entry for @addr among the first @n; false if there is none. What it reads may be torn. */
static bool search(const FlatArray *flat, unsigned n, uint64_t addr, FlatEntry *out)
{
    unsigned low = 0, high = n;
    while (low < high) { /* the answer, if any, is in low..high-1; bounded whatever is read */
        unsigned mid = low + (high - low) / 2;
        const FlatEntry *entry = &flat->entries[mid];
        if (addr < __atomic_load_n(&entry->first, __ATOMIC_ACQUIRE)) {
            high = mid;
        } else if (addr > __atomic_load_n(&entry->last, __ATOMIC_ACQUIRE)) {
            low = mid + 1;
        } else {
            *out = entry_load(entry);
            return true;
        }
    }
    return false;
}

bool memory_map_find(MemoryMap *map, uint64_t addr, MemoryHit *hit)
{
    FlatEntry entry;
    bool found;
    for (;;) {
        uint32_t seq = __atomic_load_n(&map->seq, __ATOMIC_ACQUIRE);
        const FlatArray *flat = __atomic_load_n(&map->flat, __ATOMIC_ACQUIRE);
        unsigned n = MIN(__atomic_load_n(&flat->n, __ATOMIC_ACQUIRE), flat->capacity);
        found = search(flat, n, addr, &entry);
        if (!(seq & 1) && __atomic_load_n(&map->seq, __ATOMIC_RELAXED) == seq) {
            break;
        }
        __builtin_ia32_pause();
    }
    if (!found) {
        return false;
    }
    uint64_t distance = addr - entry.first;
    hit->region = entry.region;
    hit->offset = entry.offset + distance;
    hit->readonly = entry.readonly;
    hit->avail = entry.last - addr + 1;
    if (hit->avail == 0) { /* one region over all of 2^64 */
        hit->avail = UINT64_MAX;
    }
    hit->host = entry.host ? entry.host + distance : NULL;
    hit->ram_page =
        entry.ram_page + (((entry.first & (RAM_PAGE_SIZE - 1)) + distance) >> RAM_PAGE_BITS);
    return true;
}

/*
 * Regions.
 */

static MemoryRegion *region_add(MemoryMap *map, const char *name, uint64_t base, uint64_t size,
                                int priority, const MmioOps *ops, void *opaque)
{
    MemoryRegion *region = g_new0(MemoryRegion, 1);
    region->map = map;
    region->name = g_strdup(name);
    region->base = base;
    region->size = size;
    region->priority = priority;
    region->enabled = true;
    region->opaque = opaque;
    region->has_ops = ops != NULL;
    if (ops) {
        region->ops = *ops;
    }
    g_mutex_lock(&map->change);
    region->serial = map->next_serial++;
    g_ptr_array_add(map->regions, region);
    return region; /* the caller completes it and calls update_and_unlock() */
}

MemoryRegion *memory_map_add_ram(MemoryMap *map, const char *name, uint64_t base, uint64_t size,
                                 int priority, RamBlock *ram, uint64_t offset, bool readonly,
                                 const MmioOps *ops, void *opaque)
{
    g_return_val_if_fail(offset <= ram->size && size <= ram->size - offset, NULL);
    g_return_val_if_fail(((base | offset) & (RAM_PAGE_SIZE - 1)) == 0, NULL);
    MemoryRegion *region = region_add(map, name, base, size, priority, ops, opaque);
    region->ram = ram;
    region->ram_offset = offset;
    region->readonly = readonly || ops;
    region->direct_read = true;
    update_and_unlock(map);
    return region;
}

MemoryRegion *memory_map_add_mmio(MemoryMap *map, const char *name, uint64_t base, uint64_t size,
                                  int priority, const MmioOps *ops, void *opaque, Device *dev)
{
    MemoryRegion *region = region_add(map, name, base, size, priority, ops, opaque);
    region->dev = dev;
    update_and_unlock(map);
    return region;
}

void memory_region_set_base(MemoryRegion *region, uint64_t base)
{
    if (region->base != base) {
        g_mutex_lock(&region->map->change);
        region->base = base;
        update_and_unlock(region->map);
    }
}

void memory_region_set_enabled(MemoryRegion *region, bool enabled)
{
    if (region->enabled != enabled) {
        g_mutex_lock(&region->map->change);
        region->enabled = enabled;
        update_and_unlock(region->map);
    }
}

void memory_region_set_direct_read(MemoryRegion *region, bool direct)
{
    if (region->direct_read != direct) {
        g_mutex_lock(&region->map->change);
        region->direct_read = direct;
        update_and_unlock(region->map);
    }
}

void memory_region_remove(MemoryRegion *region)
{
    MemoryMap *map = region->map;
    g_mutex_lock(&map->change);
    unsigned index;
    if (g_ptr_array_find(map->regions, region, &index)) {
        g_ptr_array_steal_index(map->regions, index);
        g_ptr_array_add(map->removed, region);
    }
    update_and_unlock(map);
}

GArray *memory_map_ranges(MemoryMap *map)
{
    GArray *ranges = g_array_new(false, false, sizeof(MemoryRange));
    g_mutex_lock(&map->change);
    for (unsigned i = 0; i < map->flat->n; i++) {
        const FlatEntry *entry = &map->flat->entries[i];
        MemoryRange range = {
            .addr = entry->first,
            .size = entry->last - entry->first + 1,
            .host = entry->host,
            .region = entry->region,
            .offset = entry->offset,
            .readonly = entry->readonly,
        };
        if (entry->host) {
            g_array_append_val(ranges, range);
        }
    }
    g_mutex_unlock(&map->change);
    return ranges;
}

void memory_map_add_listener(MemoryMap *map, void (*fn)(void *opaque), void *opaque)
{
    MapListener listener = {fn, opaque};
    g_array_append_val(map->listeners, listener);
}

void memory_map_set_code_hook(MemoryMap *map,
                              void (*fn)(void *opaque, uint64_t ram_page, unsigned first,
                                         unsigned len),
                              void *opaque)
{
    map->code_opaque = opaque;
    map->code_hook = fn;
}

void memory_map_set_msi_sink(MemoryMap *map, uint64_t base, uint64_t size,
                             void (*fn)(void *opaque, uint64_t addr, uint32_t data), void *opaque)
{
    map->msi_base = base;
    map->msi_size = size;
    map->msi_sink = fn;
    map->msi_opaque = opaque;
}

bool memory_map_nth_of(MemoryMap *map, const Device *dev, unsigned n, uint64_t *base,
                       uint64_t *size)
{
    for (unsigned i = 0; i < map->regions->len; i++) {
        const MemoryRegion *region = map->regions->pdata[i];
        if (region->dev == dev && region->enabled && n-- == 0) {
            *base = region->base;
            *size = region->size;
            return true;
        }
    }
    return false;
}

void memory_map_print(MemoryMap *map, GString *out)
{
    g_mutex_lock(&map->change);
    for (unsigned i = 0; i < map->flat->n; i++) {
        const FlatEntry *entry = &map->flat->entries[i];
        const MemoryRegion *region = entry->region;
        const char *kind = !region->ram        ? "i/o"
                           : !region->readonly ? "ram"
                           : region->has_ops   ? "romd"
                                               : "rom";
        g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s",
                               entry->first, entry->last, region->priority, kind, region->name);
        if (entry->offset) {
            g_string_append_printf(out, " @%016" PRIx64, entry->offset);
        }
        g_string_append_c(out, '\n');
    }
    g_mutex_unlock(&map->change);
}

/*
 * Bus accesses.
 */

/* An access that does not lie within one entry: byte by byte. */
static MemResult access_bytes(MemoryMap *map, uint64_t addr, uint64_t *value, unsigned size,
                              bool write)
{
    uint64_t result = 0;
    for (unsigned i = 0; i < size; i++) {
        uint64_t byte = *value >> (8 * i) & 0xff;
        MemResult r = write ? memory_map_write(map, addr + i, byte, 1)
                            : memory_map_read(map, addr + i, &byte, 1);
        if (r != MEM_OK) {
            return r;
        }
        result |= byte << (8 * i);
    }
    *value = result;
    return MEM_OK;
}

/* An access that is not to plain RAM: looked up again under the lock, as the region may have moved. */
static MemResult access_device(MemoryMap *map, uint64_t addr, uint64_t *value, unsigned size,
                               bool write)
{
    MemoryHit hit;
    MemResult result = MEM_DECODE_ERROR;
    lock_acquire(map->lock);
    memory_map_flush_writes(map);
    if (memory_map_find(map, addr, &hit)) {
        if (hit.avail < size) {
            result = access_bytes(map, addr, value, size, write);
        } else if (hit.host && !write) {
            *value = ram_load(hit.host, size);
            result = MEM_OK;
        } else if (hit.region->has_ops) {
            result = mmio_access(hit.region, hit.offset, value, size, write);
        } else if (hit.host && !hit.readonly) {
            ram_store(hit.host, *value, size);
            ram_written(map, hit.ram_page, addr & (RAM_PAGE_SIZE - 1), size);
            result = MEM_OK;
        } else {
            result = MEM_OK; /* a write to ROM has no effect */
        }
    }
    lock_release(map->lock);
    return result;
}

MemResult memory_map_read(MemoryMap *map, uint64_t addr, uint64_t *value, unsigned size)
{
    MemoryHit hit;
    MemResult result = MEM_DECODE_ERROR;
    if (memory_map_find(map, addr, &hit)) {
        if (hit.avail < size) {
            *value = 0;
            result = access_bytes(map, addr, value, size, false);
        } else if (hit.host) {
            *value = ram_load(hit.host, size);
            return MEM_OK;
        } else {
            result = access_device(map, addr, value, size, false);
        }
    }
    if (result != MEM_OK) {
        *value = ~UINT64_C(0) >> (64 - 8 * size);
        log_guest_error("memory: no %u-byte read at 0x%" PRIx64 ": %s", size, addr,
                        result == MEM_BUS_ERROR ? "refused by the device" : "nothing there");
    }
    return result;
}

MemResult memory_map_write(MemoryMap *map, uint64_t addr, uint64_t value, unsigned size)
{
    MemoryHit hit;
    MemResult result = MEM_DECODE_ERROR;
    if (memory_map_find(map, addr, &hit)) {
        if (hit.avail < size) {
            result = access_bytes(map, addr, &value, size, true);
        } else if (hit.host && !hit.readonly) {
            ram_store(hit.host, value, size);
            ram_written(map, hit.ram_page, addr & (RAM_PAGE_SIZE - 1), size);
            return MEM_OK;
        } else {
            result = access_device(map, addr, &value, size, true);
        }
    }
    if (result != MEM_OK) {
        log_guest_error("memory: no %u-byte write at 0x%" PRIx64 ": %s", size, addr,
                        result == MEM_BUS_ERROR ? "refused by the device" : "nothing there");
    }
    return result;
}
