/*
 * Guest-physical memory: RAM blocks and the map from physical addresses to RAM and devices.
 *
 * A MemoryMap is a set of regions, each with a priority; where regions overlap, the one of higher
 * priority wins (of equal ones, the later). The set is kept flattened in a sorted array. Readers
 * (vCPU threads filling TLB entries, DMA) look addresses up without a lock under a sequence count;
 * changes happen under the machine lock and tell listeners, which drop what they have cached.
 *
 * Lock order: machine lock, then the map's own lock.
 */
#ifndef AMPHI_MEMORY_H
#define AMPHI_MEMORY_H

#include "softmmu/base/bits.h"
#include <glib.h>

typedef struct MemoryMap MemoryMap;
typedef struct MemoryRegion MemoryRegion;
typedef struct Device Device;

/* Pages of guest RAM that a machine can have, so that what is kept of each is an array: 64 GiB. */
#define MEMORY_MAX_PAGES (UINT64_C(1) << 24)

/* Host memory that backs guest memory, populated on first touch. */
typedef struct RamBlock {
    char *name;
    int fd;        /* of which it is a shared mapping; -1: it is this process's own */
    uint64_t size; /* bytes, a multiple of 4096 */
    uint8_t *host;
    uint64_t index; /* page number, over all blocks of the machine's map, of the first page:
                       ram_page = index + offset / 4096 identifies a page of guest RAM */
} RamBlock;

/* Where guest memory comes from. */
typedef struct RamBacking {
    const char *name; /* for messages */
    const char *path; /* a file, or a directory for a file without name; NULL: memory only */
    /* What the guest writes goes to the file, and others may map it; else a file's contents are copied. */
    bool share;
    bool prealloc; /* all of it now */
} RamBacking;

/* Blocks that are made from now on, unless from a backing that is shared or has a path, are memory of this process alone, which
 * the host gives large pages. To be called where nobody needs another mapping of them. */
void memory_map_set_private(MemoryMap *map);

/* Allocates @size bytes (rounded up to a page) lazily. Fails if the host would not back them. */
RamBlock *ram_block_new(MemoryMap *map, const char *name, uint64_t size, GError **error);

/* As ram_block_new(), from @backing (NULL: anonymous memory). */
RamBlock *ram_block_new_backed(MemoryMap *map, const char *name, uint64_t size,
                               const RamBacking *backing, GError **error);

/* Results of a bus access. */
typedef enum MemResult {
    MEM_OK,
    MEM_DECODE_ERROR, /* nothing there, or not writable */
    MEM_BUS_ERROR,    /* a device is there and refuses this access (size, re-entrancy) */
} MemResult;

/* What is at an address. */
typedef struct MemoryHit {
    uint8_t *host;     /* RAM or ROM: host address of the byte; NULL for a device */
    bool readonly;     /* writes do not go to @host (ROM: dropped; flash: to the region's ops) */
    uint64_t ram_page; /* of RAM: see RamBlock.index */
    MemoryRegion *region;
    uint64_t offset; /* of the address in the region */
    uint64_t avail;  /* bytes from the address to the end of what is contiguous here */
} MemoryHit;

/* Accesses to a device region. Called with the machine lock held. @offset is relative to the
 * region's start, aligned to @size when unaligned accesses are off; @size is 1, 2, 4 or 8 and
 * within min_access..max_access: the core splits or widens others as accesses of the nearest size. */
typedef struct MmioOps {
    uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
    void (*write)(void *opaque, uint64_t offset, uint64_t value, unsigned size);
    uint8_t min_access, max_access; /* bytes; 0 means 1 and 8 */
    bool unaligned;                 /* takes accesses that are not naturally aligned */
} MmioOps;

MemoryMap *memory_map_new(GMutex *lock);
void memory_map_free(MemoryMap *map);

/* Maps @size bytes of @ram from @offset at @base. @readonly: ROM. With @ops (flash memories), writes
 * go to ops->write(@opaque) while reads come from the RAM block. @ops may be NULL. */
MemoryRegion *memory_map_add_ram(MemoryMap *map, const char *name, uint64_t base, uint64_t size,
                                 int priority, RamBlock *ram, uint64_t offset, bool readonly,
                                 const MmioOps *ops, void *opaque);

/* Maps a device's registers. @dev, if not NULL, guards against re-entrancy: an access to @dev while
 * it is in an access of its own fails with MEM_BUS_ERROR. */
MemoryRegion *memory_map_add_mmio(MemoryMap *map, const char *name, uint64_t base, uint64_t size,
                                  int priority, const MmioOps *ops, void *opaque, Device *dev);

/* Moves a region, shows or hides it (PCI BARs); reads from RAM (true) or by its ops (flash in command
 * mode). No-ops if nothing changes. Called with the machine lock held. */
void memory_region_set_base(MemoryRegion *region, uint64_t base);
void memory_region_set_enabled(MemoryRegion *region, bool enabled);
void memory_region_set_direct_read(MemoryRegion *region, bool direct);

/* Tells that a device has changed [@offset, @offset + @len) of @block itself, not by a write to the map: what
 * was translated from there is dropped. Called with the machine lock held. */
void ram_block_written(MemoryMap *map, const RamBlock *block, uint64_t offset, uint64_t len);
void memory_region_remove(MemoryRegion *region);

/* A piece of the flattened map that reads go to directly. */
typedef struct MemoryRange {
    uint64_t addr, size;
    uint8_t *host;
    MemoryRegion *region;
    uint64_t offset; /* in the region */
    bool readonly;   /* writes do not go to @host */
} MemoryRange;

/* All of them in ascending order, as a GArray of MemoryRange; the caller frees it. */
GArray *memory_map_ranges(MemoryMap *map);

/*
 * Hints for engines that run guest code natively (memory-hints.c). Devices give them, with the machine lock
 * held; without such an engine they have no effect.
 */

/* A register whose writes only make the device look at something: the engine may note a write of @size
 * bytes (0: any size) at @offset of @region, of @value if @match, and let the vCPU go on; @ring(@opaque, @n) is
 * then called from the main loop instead of the region's write function. */
void memory_region_add_doorbell(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                                uint64_t value, void (*ring)(void *opaque, unsigned n),
                                void *opaque, unsigned n);

/* Writes to [offset, offset + size) may be collected and made, in order, before a device is next accessed in any way
 * through a map, or somebody calls memory_map_flush_writes(). */
void memory_region_set_coalesced(MemoryRegion *region, uint64_t offset, uint64_t size);

/* Makes the writes that an engine has collected: for who looks at a device otherwise than by an access. With the machine
 * lock held. */
void memory_map_flush_writes(MemoryMap *map);

/*
 * Notes which pages of RAM @region the guest writes to; some that it only reads may be among them, what devices write
 * there by DMA is not, so this alone does not tell what has changed. No device has notes taken yet: pictures are only
 * drawn for screendump, as a whole, and notes would cost the guest faults. They are for a window that draws what
 * changed many times a second.
 */
void memory_region_set_dirty_log(MemoryRegion *region, bool on);
bool memory_region_logs_dirty(const MemoryRegion *region);

/* Sets in @bitmap (a bit for each page of @region) what was written since the last call. False: nobody took
 * notes, anything may have been. */
bool memory_region_take_dirty(MemoryRegion *region, unsigned long *bitmap);

/* For engines: the doorbells and coalesced ranges that are visible at present, at their addresses. */
typedef struct MemoryHint {
    uint64_t addr, size;
    bool match, doorbell; /* otherwise a range */
    uint64_t value;
    void (*ring)(void *opaque, unsigned n);
    void *opaque;
    unsigned n;
} MemoryHint;
GArray *memory_map_hints(MemoryMap *map); /* of MemoryHint; the caller frees it */
void memory_map_set_dirty_source(MemoryMap *map,
                                 bool (*fn)(void *opaque, MemoryRegion *region,
                                            unsigned long *bitmap),
                                 void *opaque);
void memory_map_set_flush(MemoryMap *map, void (*fn)(void *opaque), void *opaque);

/* Tells the listeners as after a change. */
void memory_map_changed(MemoryMap *map);

/* Calls @fn after each change of the map. */
void memory_map_add_listener(MemoryMap *map, void (*fn)(void *opaque), void *opaque);

/* Looks @addr up. Lock-free. False if nothing is there. */
bool memory_map_find(MemoryMap *map, uint64_t addr, MemoryHit *hit);

/* One bus access of 1, 2, 4 or 8 bytes, host-endian (little). Takes the machine lock if a device is
 * hit and the calling thread does not hold it. Reads of nothing give all ones. */
MemResult memory_map_read(MemoryMap *map, uint64_t addr, uint64_t *value, unsigned size);
MemResult memory_map_write(MemoryMap *map, uint64_t addr, uint64_t value, unsigned size);

/* Called when RAM is written behind the vCPUs' backs (DMA, loaders, gdb), so that translations of
 * code there are dropped. Set by the accelerator; @ram_page as in MemoryHit. */
void memory_map_set_code_hook(MemoryMap *map,
                              void (*fn)(void *opaque, uint64_t ram_page, unsigned first,
                                         unsigned len),
                              void *opaque);

/* Where dma_write_msi() to [@base, @base + @size) goes, instead of to what the map has there: on x86 a
 * device's write to these addresses is a message, a processor's is an access to its local APIC. @fn is
 * called with the machine lock held. */
void memory_map_set_msi_sink(MemoryMap *map, uint64_t base, uint64_t size,
                             void (*fn)(void *opaque, uint64_t addr, uint32_t data), void *opaque);

/*
 * Pages of zeros. A guest clears much memory that it then does not use (tables with room for the largest
 * machine, pages that are cleared when they are allocated); memory_give_back_zeros() gives it back to the
 * host, which populates it again when it is used. Nobody may write to RAM meanwhile: the caller sees to it that
 * no vCPU runs and holds the machine lock, and everyone who writes for other reasons without the machine
 * lock, or keeps a pointer from dma_map() longer than that, does so between these two (dma_write() and the
 * like do). They do not nest and may wait for a moment.
 */
void memory_writes_begin(MemoryMap *map);
void memory_writes_end(MemoryMap *map);
/* Gives back those of the @n pages in @ram_pages that are all zeros; none, if there are writes. Returns how many. */
unsigned memory_give_back_zeros(MemoryMap *map, const uint32_t *ram_pages, unsigned n);

/* The @n-th region of @map with registers of @dev that is visible: its address and bytes. False past the end. With the
 * machine lock held. */
bool memory_map_nth_of(MemoryMap *map, const Device *dev, unsigned n, uint64_t *base,
                       uint64_t *size);

/* Text of the flattened map, for `info mtree`. */
void memory_map_print(MemoryMap *map, GString *out);

/*
 * DMA. A device reaches memory only through the AddressSpace it was given, so that an IOMMU can stand
 * between. Every function is bounds-checked; nothing is ever partly outside.
 */
typedef struct AddressSpace AddressSpace;

struct AddressSpace {
    MemoryMap *map;
    /* Translates for a device; NULL means identity. Returns false (and has reported the fault) if
     * the access is not allowed. @len is reduced to what is contiguous. */
    bool (*translate)(AddressSpace *as, uint64_t iova, bool write, uint64_t *addr, uint64_t *len);
    /* The same for a message-signalled interrupt, a write of *@data to *@addr. NULL: as other writes. */
    bool (*remap_msi)(AddressSpace *as, uint64_t *addr, uint32_t *data);
    void *opaque;
};

/* Copies between guest memory and @buf. RAM only when @dev-to-device DMA would re-enter; accesses to
 * device registers by DMA fail with MEM_BUS_ERROR. On failure the copy may be partial. */
MemResult dma_read(AddressSpace *as, uint64_t addr, void *buf, uint64_t len);
MemResult dma_write(AddressSpace *as, uint64_t addr, const void *buf, uint64_t len);
/* Writes zeros; the host gets the memory of whole pages back until they are used again. */
MemResult dma_clear(AddressSpace *as, uint64_t addr, uint64_t len);

/* Little-endian scalars. */
MemResult dma_read_le(AddressSpace *as, uint64_t addr, uint64_t *value, unsigned size);
MemResult dma_write_le(AddressSpace *as, uint64_t addr, uint64_t value, unsigned size);

/* A direct pointer to up to *@len bytes of RAM at @addr; *@len is reduced to what is contiguous. NULL
 * if it is not RAM. Valid until the map changes: use within one event (see memory_writes_begin()). After writing through it, call
 * dma_unmap() with the bytes written, so that dirty and code tracking see them. */
void *dma_map(AddressSpace *as, uint64_t addr, uint64_t *len, bool write);
void dma_unmap(AddressSpace *as, void *host, uint64_t written);

/* One register access by DMA, for MSI writes: 4 bytes to wherever @addr leads, devices included. */
MemResult dma_write_msi(AddressSpace *as, uint64_t addr, uint32_t data);

/* Whether a message to @addr, an address on the system bus, goes to the sink of memory_map_set_msi_sink(). */
bool dma_is_msi(const MemoryMap *map, uint64_t addr);

#endif
