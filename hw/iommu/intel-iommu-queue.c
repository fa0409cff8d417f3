/*
 * The VT-d IOMMU: invalidation by queue and by register (chapter 6.5). Nothing is pending when a command
 * is done, so waits end at once.
 */
#include "hw/iommu/intel-iommu-internal.h"
#include "softmmu/memory.h"

enum {
    DESC_CONTEXT = 1,
    DESC_IOTLB = 2,
    DESC_INTERRUPT = 4,
    DESC_WAIT = 5,
};

/* Granularity, as the descriptors and the IOTLB register have it. */
enum { GRANULE_GLOBAL = 1, GRANULE_DOMAIN = 2, GRANULE_FINE = 3 };

/* The error that stopped the queue (IQERCD.IQEI), 11.4.9.10. */
enum { IQEI_TAIL = 2, IQEI_FETCH = 3, IQEI_TYPE = 4, IQEI_RESERVED = 5 };

#define COMMAND_BUSY (1u << 31)

/* ---- What descriptors and registers have in common ---- */

static bool invalidate_contexts(IntelIommu *s, unsigned granule, uint16_t domain, uint16_t source,
                                unsigned function_mask)
{
    static const uint16_t ignored[] = {0, 4, 6, 7}; /* bits of the function number */

    switch (granule) {
    case GRANULE_GLOBAL: intel_iommu_flush_all(s); return true;
    case GRANULE_DOMAIN: intel_iommu_flush_domain(s, domain); return true;
    case GRANULE_FINE:
        intel_iommu_flush_source(s, source, (uint16_t)~ignored[function_mask & 3]);
        return true;
    }
    return false;
}

static bool invalidate_pages(IntelIommu *s, unsigned granule, uint16_t domain, uint64_t address)
{
    unsigned order = address & 63;

    switch (granule) {
    case GRANULE_GLOBAL: intel_iommu_flush_all(s); return true;
    case GRANULE_DOMAIN: intel_iommu_flush_domain(s, domain); return true;
    case GRANULE_FINE:
        if (order > 18) { /* CAP.MAMV */
            return false;
        }
        intel_iommu_flush_pages(s, domain, align_down(address & ~UINT64_C(0xfff), 4096ull << order),
                                UINT64_C(1) << order);
        return true;
    }
    return false;
}

void intel_iommu_context_command(IntelIommu *s)
{
    uint32_t *high = &s->regs[CCMD_HI], low = s->regs[CCMD];
    unsigned granule = bits_get(*high, 29, 2);

    if (*high & COMMAND_BUSY) {
        bool done = invalidate_contexts(s, granule, low, low >> 16, *high & 3);
        *high &= ~(COMMAND_BUSY | 3u << 27);
        *high |= done ? granule << 27 : 0; /* CAIG: what was done */
    }
}

void intel_iommu_iotlb_command(IntelIommu *s)
{
    uint32_t *high = &s->regs[IOTLB_HI];
    unsigned granule = bits_get(*high, 28, 2);

    if (*high & COMMAND_BUSY) {
        bool done = invalidate_pages(s, granule, *high, intel_iommu_reg64(s, IVA));
        *high &= ~(COMMAND_BUSY | 3u << 25);
        *high |= done ? granule << 25 : 0; /* IAIG */
    }
}

/* ---- The queue ---- */

static void wait(IntelIommu *s, const uint64_t desc[2])
{
    if (desc[0] & 1 << 5) { /* SW: a status word */
        dma_write_le(&s->dev.machine->dma, desc[1] & ~UINT64_C(3), desc[0] >> 32, 4);
    }
    if ((desc[0] & 1 << 4) && !(s->regs[ICS] & ICS_IWC)) { /* IF: an event */
        s->regs[ICS] |= ICS_IWC;
        intel_iommu_event(s, IECTL);
    }
}

/* 0, or why not. */
static unsigned execute(IntelIommu *s, const uint64_t desc[2])
{
    unsigned granule = bits_get(desc[0], 4, 2);
    uint16_t domain = desc[0] >> 16;

    switch ((desc[0] & 15) | (desc[0] >> 5 & 0x70)) {
    case DESC_CONTEXT:
        return invalidate_contexts(s, granule, domain, desc[0] >> 32, desc[0] >> 48)
                   ? 0
                   : IQEI_RESERVED;
    case DESC_IOTLB:
        return invalidate_pages(s, granule, domain, desc[1] & ~UINT64_C(0xfc0)) ? 0 : IQEI_RESERVED;
    case DESC_INTERRUPT:
        iommu_msi_changed(&s->iommu);
        return 0; /* there is no cache of entries here */
    case DESC_WAIT: wait(s, desc); return 0;
    }
    return IQEI_TYPE;
}

static void stop(IntelIommu *s, unsigned why)
{
    s->regs[IQERCD] = why;
    intel_iommu_error(s, FSTS_IQE);
}

void intel_iommu_run_queue(IntelIommu *s)
{
    uint64_t base = intel_iommu_reg64(s, IQA);
    uint32_t bytes = 4096u << (base & 7);

    while ((s->regs[GSTS] & CMD_QIE) && !(s->regs[FSTS] & FSTS_IQE) &&
           s->regs[IQH] != s->regs[IQT]) {
        uint64_t desc[2];
        if (s->regs[IQT] >= bytes || s->regs[IQH] >= bytes) {
            stop(s, IQEI_TAIL);
            return;
        }
        if (!intel_iommu_read128(s, (base & ~UINT64_C(0xfff)) + s->regs[IQH], desc)) {
            stop(s, IQEI_FETCH);
            return;
        }
        unsigned error = execute(s, desc);
        if (error) {
            stop(s, error);
            return;
        }
        s->regs[IQH] = (s->regs[IQH] + 16) % bytes;
    }
}
