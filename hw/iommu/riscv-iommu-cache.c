/*
 * RISC-V IOMMU: the cache of complete translations.
 *
 * Direct-mapped, of 4 KiB pages, tagged with the device and process as well as with the soft-context ids that
 * invalidations name. What was read from directories is cached only as part of these translations. MSI page
 * tables are not cached. Locking: the machine lock.
 */
#include "hw/iommu/riscv-iommu.h"

#define VALID 1

static IommuCacheEntry *slot_of(RiscvIommu *s, const IommuRequest *request)
{
    uint64_t hash = (request->iova >> PAGE_BITS) + request->device_id * UINT64_C(0x9e3779b1) +
                    request->process_id * UINT64_C(0x85ebca6b);

    return &s->cache[hash & (s->cache_size - 1)];
}

static uint64_t page_of(uint64_t addr)
{
    return align_down(addr, 1u << PAGE_BITS);
}

const IommuCacheEntry *riscv_iommu_cache_find(RiscvIommu *s, const IommuRequest *request)
{
    const IommuCacheEntry *entry;
    uint8_t need = request->execute ? PTE_X : request->write ? PTE_W : PTE_R;

    if (!s->cache_size) {
        return NULL;
    }
    entry = slot_of(s, request);
    return entry->iova == (page_of(request->iova) | VALID) && (entry->perms & need) &&
                   entry->device_id == request->device_id &&
                   entry->process_id == request->process_id &&
                   entry->has_process_id == request->has_process_id &&
                   entry->supervisor == request->supervisor
               ? entry
               : NULL;
}

void riscv_iommu_cache_fill(RiscvIommu *s, const IommuRequest *request, const IommuContext *context,
                            const IommuLeaf *leaf)
{
    if (!s->cache_size || leaf->msi) {
        return;
    }
    *slot_of(s, request) = (IommuCacheEntry){
        .iova = page_of(request->iova) | VALID,
        .addr = page_of(leaf->addr),
        .device_id = request->device_id,
        .process_id = request->process_id,
        .pscid = context->pscid,
        .gscid = GSCID(context->iohgatp),
        .has_process_id = request->has_process_id,
        .supervisor = request->supervisor,
        .first_stage = ATP_MODE(context->iosatp) != MODE_BARE,
        .second_stage = ATP_MODE(context->iohgatp) != MODE_BARE,
        .global = leaf->global,
        .perms = leaf->perms,
        .shift = leaf->first_shift,
        .pbmt = leaf->pbmt,
    };
}

void riscv_iommu_cache_drop(RiscvIommu *s,
                            bool (*matches)(const IommuCacheEntry *entry, const void *opaque),
                            const void *opaque)
{
    for (unsigned i = 0; i < s->cache_size; i++) {
        if ((s->cache[i].iova & VALID) && matches(&s->cache[i], opaque)) {
            s->cache[i].iova = 0;
        }
    }
}

static bool match_all(const IommuCacheEntry *entry, const void *opaque)
{
    return true;
}

void riscv_iommu_cache_flush(RiscvIommu *s)
{
    riscv_iommu_cache_drop(s, match_all, NULL);
}
