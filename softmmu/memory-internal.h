/*
 * What memory.c, mmio.c, ram.c and dma.c share about the map.
 *
 * The flat array is read without a lock. Every word of it is stored with release and loaded with acquire
 * order, between two looks at the sequence count; what a reader copies while a writer is at work may be
 * torn, and is thrown away. An entry therefore holds all that a lookup returns, so that nothing is
 * dereferenced before the count was checked. Arrays that were outgrown, and regions that were removed, are
 * kept until the map is freed, because a reader may still look at them; both happen only a bounded number
 * of times (arrays double in size, and a guest can move and hide regions but not make any).
 */
#ifndef AMPHI_MEMORY_INTERNAL_H
#define AMPHI_MEMORY_INTERNAL_H

#include "softmmu/memory.h"

#define RAM_PAGE_BITS 12
#define RAM_PAGE_SIZE (UINT64_C(1) << RAM_PAGE_BITS)

/* Addresses first..last (inclusive) lead to @region from @offset on. */
typedef struct FlatEntry {
    uint64_t first, last;
    MemoryRegion *region;
    uint64_t offset;
    uint8_t *host;     /* of first; NULL: by the region's ops */
    uint64_t ram_page; /* of first */
    uint64_t readonly;
} FlatEntry;

typedef struct FlatArray {
    unsigned capacity; /* of entries; fixed */
    unsigned n;        /* atomic */
    FlatEntry entries[];
} FlatArray;

struct MemoryRegion {
    MemoryMap *map;
    char *name;
    uint64_t base, size;
    int priority;
    unsigned serial; /* of equal priorities, the later wins */
    bool enabled, readonly, direct_read;
    RamBlock *ram; /* NULL for a device */
    uint64_t ram_offset;
    bool has_ops;
    MmioOps ops;
    void *opaque;
    Device *dev;
    GArray *hints; /* of MemoryHint, addr being the offset; NULL: none */
    bool log_dirty;
};

typedef struct MapListener {
    void (*fn)(void *opaque);
    void *opaque;
} MapListener;

struct MemoryMap {
    GMutex *lock;       /* the machine's; may be NULL in tests */
    GMutex change;      /* the map's own: serializes writers, guards blocks */
    uint32_t seq;       /* atomic; odd while the flat array changes */
    FlatArray *flat;    /* atomic */
    GPtrArray *retired; /* outgrown FlatArrays */
    GPtrArray *regions; /* of MemoryRegion */
    GPtrArray *removed; /* of MemoryRegion */
    unsigned next_serial;
    GPtrArray *blocks; /* of RamBlock */
    uint64_t next_page;
    unsigned writers;  /* atomic: between memory_writes_begin() and memory_writes_end() */
    bool private_ram;  /* of blocks that are made: see memory_map_set_private() */
    bool giving_back;  /* atomic: memory_give_back_zeros() is at work: writers wait */
    GArray *listeners; /* of MapListener */
    void (*code_hook)(void *opaque, uint64_t ram_page, unsigned first, unsigned len);
    void *code_opaque;
    uint64_t msi_base, msi_size; /* see memory_map_set_msi_sink(); size 0: none */
    void (*msi_sink)(void *opaque, uint64_t addr, uint32_t data);
    void *msi_opaque;
    bool (*dirty_source)(void *opaque, MemoryRegion *region, unsigned long *bitmap);
    void *dirty_opaque;
    void (*flush)(void *opaque); /* memory_map_flush_writes(); NULL: nothing is collected */
    void *flush_opaque;
};

/* One access of @size bytes at @offset of @region by its ops, split or widened as they ask. The machine
 * lock is held. */
MemResult mmio_access(MemoryRegion *region, uint64_t offset, uint64_t *value, unsigned size,
                      bool write);

/* Scalars in guest RAM; naturally aligned ones are accessed in one piece. */
uint64_t ram_load(const uint8_t *host, unsigned size);
void ram_store(uint8_t *host, uint64_t value, unsigned size);

/* Tells the code hook of @len bytes written at byte @first of page @ram_page and on. */
void ram_written(MemoryMap *map, uint64_t ram_page, uint64_t first, uint64_t len);

/* Writes zeros to @len bytes at @host, which begin in page @ram_page; the host gets the memory of whole pages back. */
void ram_clear(MemoryMap *map, uint64_t ram_page, uint8_t *host, uint64_t len);

/*
 * Blocks as a whole (ram-backing.c). Offsets are bytes.
 */

void ram_block_free(RamBlock *block);

/* Copies from and to a block; what was not touched before is not populated by reading where that can be had. 0, or an errno
 * value. */
int ram_block_read(const RamBlock *block, void *buf, size_t len, uint64_t at);
int ram_block_write(const RamBlock *block, const void *buf, size_t len, uint64_t at);

/* Makes whole pages zeros; the host gets their memory back. */
void ram_block_discard(const RamBlock *block, uint64_t at, uint64_t len);

/* The first place from @at on, the beginning of a page, where there may be something but zeros; the block's size if there is
 * none. */
uint64_t ram_block_next_data(const RamBlock *block, uint64_t at);

/* About how much of the block the host has populated. */
uint64_t ram_block_populated(const RamBlock *block);

#endif
