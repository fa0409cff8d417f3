/*
 * Memory accesses by devices.
 *
 * All go through an AddressSpace, are checked against the map piece by piece, and reach RAM (reads also ROM)
 * only: a device that could be pointed at registers, its own among them, would be re-entered. The one
 * exception is an MSI, a write of 4 bytes whose purpose is to reach a register. Usually called with
 * the machine lock held, but only dma_write_msi() needs it and takes it itself.
 */
#include "softmmu/lock.h"
#include "softmmu/memory-internal.h"
#include <string.h>

/* Above are more bits of the destination of messages (hw/intc/apic.h), and no memory. */
#define MSI_ADDRESS_MASK ((UINT64_C(1) << 40) - 1)

/* A contiguous piece: at most *@len bytes (reduced) from @addr. */
static MemResult dma_piece(AddressSpace *as, uint64_t addr, uint64_t *len, bool write,
                           MemoryHit *hit, uint64_t *bus_addr)
{
    *bus_addr = addr;
    if (as->translate && !as->translate(as, addr, write, bus_addr, len)) {
        return MEM_DECODE_ERROR;
    }
    if (*len == 0 || !memory_map_find(as->map, *bus_addr, hit)) {
        return MEM_DECODE_ERROR;
    }
    if (!hit->host || (write && hit->readonly)) {
        return MEM_BUS_ERROR;
    }
    *len = MIN(*len, hit->avail);
    return MEM_OK;
}

static MemResult dma_copy(AddressSpace *as, uint64_t addr, uint8_t *buf, uint64_t len, bool write)
{
    if (len && addr + len - 1 < addr) {
        return MEM_DECODE_ERROR;
    }
    while (len) {
        MemoryHit hit;
        uint64_t n = len, bus_addr;
        MemResult result = dma_piece(as, addr, &n, write, &hit, &bus_addr);
        if (result != MEM_OK) {
            return result;
        }
        if (write) {
            memory_writes_begin(as->map);
            memcpy(hit.host, buf, n);
            memory_writes_end(as->map);
            ram_written(as->map, hit.ram_page, bus_addr & (RAM_PAGE_SIZE - 1), n);
        } else {
            memcpy(buf, hit.host, n);
        }
        addr += n;
        buf += n;
        len -= n;
    }
    return MEM_OK;
}

MemResult dma_read(AddressSpace *as, uint64_t addr, void *buf, uint64_t len)
{
    return dma_copy(as, addr, buf, len, false);
}

MemResult dma_write(AddressSpace *as, uint64_t addr, const void *buf, uint64_t len)
{
    return dma_copy(as, addr, (uint8_t *)buf, len, true);
}

MemResult dma_clear(AddressSpace *as, uint64_t addr, uint64_t len)
{
    if (len && addr + len - 1 < addr) {
        return MEM_DECODE_ERROR;
    }
    while (len) {
        MemoryHit hit;
        uint64_t n = len, bus_addr;
        MemResult result = dma_piece(as, addr, &n, true, &hit, &bus_addr);
        if (result != MEM_OK) {
            return result;
        }
        memory_writes_begin(as->map);
        ram_clear(as->map, hit.ram_page, hit.host, n);
        memory_writes_end(as->map);
        ram_written(as->map, hit.ram_page, bus_addr & (RAM_PAGE_SIZE - 1), n);
        addr += n;
        len -= n;
    }
    return MEM_OK;
}

MemResult dma_read_le(AddressSpace *as, uint64_t addr, uint64_t *value, unsigned size)
{
    MemoryHit hit;
    uint64_t n = size, bus_addr;
    *value = 0;
    MemResult result = dma_piece(as, addr, &n, false, &hit, &bus_addr);
    if (result == MEM_OK && n < size) { /* across two pieces */
        return dma_copy(as, addr, (uint8_t *)value, size, false);
    }
    if (result == MEM_OK) {
        *value = ram_load(hit.host, size);
    }
    return result;
}

MemResult dma_write_le(AddressSpace *as, uint64_t addr, uint64_t value, unsigned size)
{
    MemoryHit hit;
    uint64_t n = size, bus_addr;
    MemResult result = dma_piece(as, addr, &n, true, &hit, &bus_addr);
    if (result == MEM_OK && n < size) {
        return dma_copy(as, addr, (uint8_t *)&value, size, true);
    }
    if (result == MEM_OK) {
        memory_writes_begin(as->map);
        ram_store(hit.host, value, size);
        memory_writes_end(as->map);
        ram_written(as->map, hit.ram_page, bus_addr & (RAM_PAGE_SIZE - 1), size);
    }
    return result;
}

void *dma_map(AddressSpace *as, uint64_t addr, uint64_t *len, bool write)
{
    MemoryHit hit;
    uint64_t bus_addr;
    if (dma_piece(as, addr, len, write, &hit, &bus_addr) != MEM_OK) {
        *len = 0;
        return NULL;
    }
    return hit.host;
}

void dma_unmap(AddressSpace *as, void *host, uint64_t written)
{
    MemoryMap *map = as->map;
    uint8_t *start = host;
    for (unsigned i = 0; written && i < map->blocks->len; i++) {
        const RamBlock *block = map->blocks->pdata[i];
        if (start >= block->host && start < block->host + block->size) {
            uint64_t offset = start - block->host;
            ram_written(map, block->index + (offset >> RAM_PAGE_BITS), offset & (RAM_PAGE_SIZE - 1),
                        MIN(written, block->size - offset));
            return;
        }
    }
}

bool dma_is_msi(const MemoryMap *map, uint64_t addr)
{
    return (addr & MSI_ADDRESS_MASK) - map->msi_base < map->msi_size;
}

MemResult dma_write_msi(AddressSpace *as, uint64_t addr, uint32_t data)
{
    uint64_t len = sizeof(data);
    if (addr & 3) {
        return MEM_BUS_ERROR;
    }
    if (as->remap_msi ? !as->remap_msi(as, &addr, &data)
                      : as->translate && !as->translate(as, addr, true, &addr, &len)) {
        return MEM_DECODE_ERROR;
    }
    if (len < sizeof(data)) {
        return MEM_DECODE_ERROR;
    }
    if (dma_is_msi(as->map, addr)) {
        lock_acquire(as->map->lock);
        as->map->msi_sink(as->map->msi_opaque, addr, data);
        lock_release(as->map->lock);
        return MEM_OK;
    }
    return memory_map_write(as->map, addr, data, sizeof(data));
}
