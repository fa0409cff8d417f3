/*
 * The VT-d IOMMU: root and context tables (chapters 9.1, 9.3), second-stage page tables (3.7, 9.8), and the cache
 * of their results, a page in each of its entries.
 */
#include "hw/iommu/intel-iommu-internal.h"
#include "softmmu/memory.h"

#define ADDRESS_MASK UINT64_C(0x000ffffffffff000)
#define PAGE_MASK UINT64_C(0xfff)

enum { PTE_R = 1, PTE_W = 2, PTE_PS = 1 << 7 };

/* Translation type of a context. */
enum { TT_UNTRANSLATED = 0, TT_PASS_THROUGH = 2 };

/* What a context says. */
typedef struct Context {
    uint64_t table;
    unsigned levels;
    uint16_t domain;
    bool pass_through, silent;
} Context;

/* ---- The cache ---- */

static IntelIommuCacheEntry *cache_entry(IntelIommu *s, uint16_t source, uint64_t iova)
{
    return &s->cache[(iova >> 12 ^ (uint64_t)source << 4) % INTEL_IOMMU_CACHE];
}

void intel_iommu_flush_all(IntelIommu *s)
{
    for (unsigned i = 0; i < INTEL_IOMMU_CACHE; i++) {
        s->cache[i].iova = 0;
    }
}

void intel_iommu_flush_domain(IntelIommu *s, uint16_t domain)
{
    for (unsigned i = 0; i < INTEL_IOMMU_CACHE; i++) {
        if (s->cache[i].domain == domain) {
            s->cache[i].iova = 0;
        }
    }
}

void intel_iommu_flush_pages(IntelIommu *s, uint16_t domain, uint64_t iova, uint64_t pages)
{
    for (unsigned i = 0; i < INTEL_IOMMU_CACHE; i++) {
        IntelIommuCacheEntry *entry = &s->cache[i];
        if (entry->domain == domain && (entry->iova >> 12) - (iova >> 12) < pages) {
            entry->iova = 0;
        }
    }
}

void intel_iommu_flush_source(IntelIommu *s, uint16_t source, uint16_t mask)
{
    for (unsigned i = 0; i < INTEL_IOMMU_CACHE; i++) {
        if (((s->cache[i].source ^ source) & mask) == 0) {
            s->cache[i].iova = 0;
        }
    }
}

/* ---- Tables ---- */

bool intel_iommu_read128(IntelIommu *s, uint64_t addr, uint64_t entry[2])
{
    AddressSpace *memory = &s->dev.machine->dma;

    return dma_read_le(memory, addr, &entry[0], 8) == MEM_OK &&
           dma_read_le(memory, addr + 8, &entry[1], 8) == MEM_OK;
}

static IntelIommuFault find_context(IntelIommu *s, uint16_t source, Context *context)
{
    uint64_t entry[2];

    if (!intel_iommu_read128(s, (s->root & ADDRESS_MASK) + (source >> 8) * 16, entry)) {
        return FAULT_ROOT_ACCESS;
    }
    if (!(entry[0] & 1)) {
        return FAULT_ROOT_NOT_PRESENT;
    }
    if ((entry[0] & ~(ADDRESS_MASK | 1)) || entry[1]) {
        return FAULT_ROOT_RESERVED;
    }
    if (!intel_iommu_read128(s, (entry[0] & ADDRESS_MASK) + (source & 0xff) * 16, entry)) {
        return FAULT_CONTEXT_ACCESS;
    }
    context->silent = entry[0] & 2;
    if (!(entry[0] & 1)) {
        return FAULT_CONTEXT_NOT_PRESENT;
    }
    if ((entry[0] & ~(ADDRESS_MASK | 15)) || (entry[1] & ~UINT64_C(0xffff7f))) {
        return FAULT_CONTEXT_RESERVED;
    }
    unsigned type = bits_get(entry[0], 2, 2), width = entry[1] & 7;
    if ((type != TT_UNTRANSLATED && type != TT_PASS_THROUGH) || width > 2 ||
        !(s->regs[CAP] >> (8 + width) & 1)) {
        return FAULT_CONTEXT_INVALID;
    }
    context->table = entry[0] & ADDRESS_MASK;
    context->levels = width + 2;
    context->domain = entry[1] >> 8;
    context->pass_through = type == TT_PASS_THROUGH;
    return FAULT_NONE;
}

/* Fills @leaf for the page of @iova. */
static IntelIommuFault walk(IntelIommu *s, const Context *context, uint64_t iova, bool write,
                            IntelIommuCacheEntry *leaf)
{
    uint64_t table = context->table, rights = PTE_R | PTE_W, pte;

    if (iova >> (12 + 9 * context->levels) || iova >> s->config.aw_bits) {
        return FAULT_ADDRESS_BEYOND;
    }
    for (unsigned level = context->levels;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t at = table + (iova >> shift & 0x1ff) * 8;

        if (dma_read_le(&s->dev.machine->dma, at, &pte, 8) != MEM_OK) {
            return FAULT_TABLE_ACCESS;
        }
        rights &= pte;
        if (!(rights & (write ? PTE_W : PTE_R))) {
            return write ? FAULT_WRITE : FAULT_READ;
        }
        bool is_leaf = level == 1 || (pte & PTE_PS);
        uint64_t offset = (UINT64_C(1) << shift) - 1;
        if ((level > 3 && (pte & PTE_PS)) ||
            (is_leaf && level > 1 && (pte & ADDRESS_MASK & offset))) {
            return FAULT_TABLE_RESERVED;
        }
        table = pte & ADDRESS_MASK;
        if (is_leaf) {
            leaf->addr = (table & ~offset) | (iova & offset & ~PAGE_MASK);
            leaf->read = rights & PTE_R;
            leaf->write = rights & PTE_W;
            return FAULT_NONE;
        }
    }
}

bool intel_iommu_translate(Iommu *iommu, const IommuRequest *request, IommuResult *result)
{
    IntelIommu *s = intel_iommu_of(iommu);
    uint64_t iova = request->iova, page = iova & ~PAGE_MASK;
    uint16_t source = request->device_id;
    IntelIommuCacheEntry *entry = cache_entry(s, source, iova);
    Context context = {0};

    *result = (IommuResult){iova, UINT64_MAX};
    if (!(s->regs[GSTS] & CMD_TE)) {
        return true;
    }
    if (entry->iova != (page | 1) || entry->source != source ||
        !(request->write ? entry->write : entry->read)) {
        IntelIommuFault fault = find_context(s, source, &context);
        if (fault == FAULT_NONE && context.pass_through) {
            return true;
        }
        if (fault == FAULT_NONE) {
            fault = walk(s, &context, iova, request->write, entry);
        }
        if (fault != FAULT_NONE) {
            entry->iova = 0;
            if (!context.silent) {
                intel_iommu_report(s, source, fault, page, request->write);
            }
            return false;
        }
        entry->iova = page | 1;
        entry->source = source;
        entry->domain = context.domain;
    }
    *result = (IommuResult){entry->addr | (iova & PAGE_MASK), 4096 - (iova & PAGE_MASK)};
    return true;
}
