/*
 * Access to guest RAM: scalars, clearing, pages of zeros. Where the memory comes from is in ram-backing.c.
 *
 * RAM is shared with running vCPUs: scalars are accessed in one piece, and nobody relies on two reads giving
 * the same value.
 */
#include "softmmu/memory-internal.h"
#include <string.h>

uint64_t ram_load(const uint8_t *host, unsigned size)
{
    if ((uintptr_t)host & (size - 1)) {
        uint64_t value = 0;
        memcpy(&value, host, MIN(size, 8));
        return value;
    }
    switch (size) {
    case 1: return __atomic_load_n(host, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)host, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)host, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)host, __ATOMIC_RELAXED);
    }
}

void ram_store(uint8_t *host, uint64_t value, unsigned size)
{
    if ((uintptr_t)host & (size - 1)) {
        memcpy(host, &value, MIN(size, 8));
        return;
    }
    switch (size) {
    case 1: __atomic_store_n(host, value, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)host, value, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)host, value, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)host, value, __ATOMIC_RELAXED); break;
    }
}

static RamBlock *block_of_page(const MemoryMap *map, uint64_t ram_page)
{
    for (unsigned i = 0; i < map->blocks->len; i++) {
        RamBlock *block = map->blocks->pdata[i];
        if (ram_page - block->index < block->size >> RAM_PAGE_BITS) {
            return block;
        }
    }
    return NULL;
}

void ram_clear(MemoryMap *map, uint64_t ram_page, uint8_t *host, uint64_t len)
{
    const RamBlock *block = block_of_page(map, ram_page);
    uint64_t from = host - block->host, to = from + len;
    uint64_t hole = align_up(from, RAM_PAGE_SIZE), hole_end = align_down(to, RAM_PAGE_SIZE);

    if (hole < hole_end) {
        memset(host, 0, hole - from);
        ram_block_discard(block, hole, hole_end - hole);
        memset(block->host + hole_end, 0, to - hole_end);
    } else {
        memset(host, 0, len);
    }
}

/* Each side announces itself before it looks for the other. */
void memory_writes_begin(MemoryMap *map)
{
    __atomic_fetch_add(&map->writers, 1, __ATOMIC_SEQ_CST);
    while (unlikely(__atomic_load_n(&map->giving_back, __ATOMIC_SEQ_CST))) {
        __atomic_fetch_sub(&map->writers, 1, __ATOMIC_SEQ_CST);
        g_usleep(20);
        __atomic_fetch_add(&map->writers, 1, __ATOMIC_SEQ_CST);
    }
}

void memory_writes_end(MemoryMap *map)
{
    __atomic_fetch_sub(&map->writers, 1, __ATOMIC_SEQ_CST);
}

static bool is_zero_page(const uint8_t *page)
{
    static const uint8_t zeros[RAM_PAGE_SIZE];

    return !memcmp(page, zeros, RAM_PAGE_SIZE);
}

/* Gives pages [first, end) of @block back. */
static void give_back(const RamBlock *block, uint64_t first, uint64_t end)
{
    if (first < end) {
        ram_block_discard(block, first << RAM_PAGE_BITS, (end - first) << RAM_PAGE_BITS);
    }
}

unsigned memory_give_back_zeros(MemoryMap *map, const uint32_t *ram_pages, unsigned n)
{
    const RamBlock *block = NULL;
    uint64_t first = 0, end = 0; /* a run of pages in @block */
    unsigned given = 0;

    __atomic_store_n(&map->giving_back, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < n && !__atomic_load_n(&map->writers, __ATOMIC_SEQ_CST); i++) {
        const RamBlock *its = block_of_page(map, ram_pages[i]);
        uint64_t page = ram_pages[i] - its->index;
        if (!is_zero_page(its->host + (page << RAM_PAGE_BITS))) {
            continue;
        }
        given++;
        if (its == block && page == end) {
            end++;
            continue;
        }
        give_back(block, first, end);
        block = its;
        first = page;
        end = page + 1;
    }
    give_back(block, first, end);
    __atomic_store_n(&map->giving_back, false, __ATOMIC_SEQ_CST);
    return given;
}

void ram_block_written(MemoryMap *map, const RamBlock *block, uint64_t offset, uint64_t len)
{
    ram_written(map, block->index + (offset >> RAM_PAGE_BITS), offset & (RAM_PAGE_SIZE - 1), len);
}

void ram_written(MemoryMap *map, uint64_t ram_page, uint64_t first, uint64_t len)
{
    while (map->code_hook && len) {
        uint64_t n = MIN(len, RAM_PAGE_SIZE - first);
        map->code_hook(map->code_opaque, ram_page, first, n);
        len -= n;
        first = 0;
        ram_page++;
    }
}
