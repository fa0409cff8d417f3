/*
 * Accesses to device registers: fits what the guest does to what the device takes.
 *
 * A device says which sizes it takes and whether they may be unaligned (MmioOps). A larger access is split
 * into accesses in ascending order of address; a smaller one is made within the aligned word of the
 * smallest size: a read takes its bytes out of that word, a write has zeros in the others. All with the
 * machine lock held.
 */
#include "softmmu/base/log.h"
#include "softmmu/device.h"
#include "softmmu/memory-internal.h"
#include <inttypes.h>

static uint64_t byte_mask(unsigned bytes)
{
    return ~UINT64_C(0) >> (64 - 8 * bytes);
}

/* One access that the device takes as it is. */
static bool access_one(MemoryRegion *region, uint64_t offset, uint64_t *value, unsigned size,
                       bool write)
{
    if (write) {
        if (region->ops.write) {
            region->ops.write(region->opaque, offset, *value & byte_mask(size), size);
        }
        return region->ops.write != NULL;
    }
    if (region->ops.read) {
        *value = region->ops.read(region->opaque, offset, size) & byte_mask(size);
    }
    return region->ops.read != NULL;
}

/* One access of fewer bytes than the device takes: by the aligned word around it. Returns the bytes done,
 * which may end at that word's end; 0 if the device refuses. */
static unsigned access_widened(MemoryRegion *region, uint64_t offset, uint64_t *value,
                               unsigned left, unsigned min, bool write)
{
    uint64_t start = align_down(offset, min);
    unsigned skip = offset - start, n = MIN(left, min - skip);
    if (region->size < min || start > region->size - min) {
        return 0;
    }
    uint64_t word = (*value & byte_mask(n)) << (8 * skip);
    if (!access_one(region, start, &word, min, write)) {
        return 0;
    }
    *value = word >> (8 * skip) & byte_mask(n);
    return n;
}

/* The largest power of two that is at most @limit and, unless @unaligned, divides @offset. */
static unsigned piece_size(uint64_t offset, unsigned limit, bool unaligned)
{
    unsigned size = 1;
    while (size * 2 <= limit && (unaligned || !(offset & (size * 2 - 1)))) {
        size *= 2;
    }
    return size;
}

static MemResult access_pieces(MemoryRegion *region, uint64_t offset, uint64_t *value,
                               unsigned size, bool write)
{
    unsigned min = region->ops.min_access ? region->ops.min_access : 1;
    unsigned max = region->ops.max_access ? region->ops.max_access : 8;
    uint64_t result = 0;
    for (unsigned done = 0; done < size;) {
        uint64_t part = write ? *value >> (8 * done) : 0;
        unsigned n = piece_size(offset + done, MIN(size - done, max), region->ops.unaligned);
        if (n < min) {
            n = access_widened(region, offset + done, &part, size - done, min, write);
        } else if (!access_one(region, offset + done, &part, n, write)) {
            n = 0;
        }
        if (!n) {
            return MEM_BUS_ERROR;
        }
        if (!write) {
            result |= part << (8 * done);
        }
        done += n;
    }
    if (!write) {
        *value = result;
    }
    return MEM_OK;
}

MemResult mmio_access(MemoryRegion *region, uint64_t offset, uint64_t *value, unsigned size,
                      bool write)
{
    Device *dev = region->dev;
    if (!dev) {
        return access_pieces(region, offset, value, size, write);
    }
    if (dev->in_access) {
        log_guest_error("%s: access to '%s' at 0x%" PRIx64 " from within one of its own is refused",
                        dev->id, region->name, offset);
        return MEM_BUS_ERROR;
    }
    dev->in_access = true;
    MemResult result = access_pieces(region, offset, value, size, write);
    dev->in_access = false;
    return result;
}
