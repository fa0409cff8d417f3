/*
 * The VT-d IOMMU: remapping of interrupts (chapters 5.1, 9.9). A message to 0xFEEx_xxxx in the remappable format
 * names an entry of a table, which says what is delivered, and who may ask for it.
 */
#include "hw/iommu/intel-iommu-internal.h"
#include "softmmu/memory.h"

#define MSI_BASE UINT64_C(0xfee00000)
#define MSI_SIZE UINT64_C(0x100000)

#define IRTA_EIME (1 << 11)

/* Bits of the first word of an entry. */
enum {
    IRTE_PRESENT = 1 << 0,
    IRTE_SILENT = 1 << 1,
    IRTE_LOGICAL = 1 << 2,
    IRTE_REDIRECT = 1 << 3,
    IRTE_LEVEL = 1 << 4,
};
/* Posted format, and reserved ones. */
#define IRTE_UNSUPPORTED UINT64_C(0xff00f000)

/* Whether @source may use an entry whose second word is @word. */
static bool may_use(uint64_t word, uint16_t source)
{
    static const uint16_t ignored[] = {0, 4, 6, 7}; /* bits of the function number */
    uint16_t sid = word, mask = (uint16_t)~ignored[bits_get(word, 16, 2)];

    switch (bits_get(word, 18, 2)) {
    case 0: return true;
    case 1: return ((sid ^ source) & mask) == 0;
    case 2: return source >> 8 >= sid >> 8 && source >> 8 <= (sid & 0xff);
    }
    return false;
}

/* Where a message for @destination is written: bits 31..8 of a wide one are bits 63..40, as the machine's
 * interrupt controllers take them (hw/intc/apic.h). */
static uint64_t msi_address(uint32_t destination)
{
    return MSI_BASE | (destination & 0xff) << 12 | (uint64_t)(destination & ~0xffu) << 32;
}

/* What the entry delivers. */
static void deliver(const IntelIommu *s, uint64_t irte, uint64_t *addr, uint32_t *data)
{
    uint32_t destination = s->irt & IRTA_EIME ? irte >> 32 : irte >> 40 & 0xff;

    *addr =
        msi_address(destination) | (irte & IRTE_REDIRECT ? 8 : 0) | (irte & IRTE_LOGICAL ? 4 : 0);
    *data = bits_get(irte, 16, 8) | bits_get(irte, 5, 3) << 8 | (irte & IRTE_LEVEL ? 3u << 14 : 0);
}

static IntelIommuFault remap(IntelIommu *s, uint16_t source, uint32_t index, uint64_t *addr,
                             uint32_t *data, bool *silent)
{
    uint64_t irte[2];

    if (index >= 2u << (s->irt & 15)) {
        return FAULT_IR_INDEX;
    }
    if (!intel_iommu_read128(s, (s->irt & ~UINT64_C(0xfff)) + index * UINT64_C(16), irte)) {
        return FAULT_IR_ACCESS;
    }
    *silent = irte[0] & IRTE_SILENT;
    if (!(irte[0] & IRTE_PRESENT)) {
        return FAULT_IR_NOT_PRESENT;
    }
    if ((irte[0] & IRTE_UNSUPPORTED) || irte[1] >> 20) {
        return FAULT_IR_ENTRY_RESERVED;
    }
    if (!may_use(irte[1], source)) {
        return FAULT_IR_SOURCE;
    }
    deliver(s, irte[0], addr, data);
    return FAULT_NONE;
}

/* A message that is one. *@index: of its entry; *@silent: a fault is not to be reported. */
static IntelIommuFault remap_message(IntelIommu *s, uint16_t source, uint64_t *addr, uint32_t *data,
                                     uint32_t *index, bool *silent)
{
    bool with_subhandle = *addr & 8, remappable = *addr & 16;

    *index = 0;
    *silent = false;
    if (!(s->regs[GSTS] & CMD_IRE)) {
        return FAULT_NONE;
    }
    if (!remappable) {
        bool passes = !(s->irt & IRTA_EIME) && (s->regs[GSTS] & CMD_CFI);
        return passes ? FAULT_NONE : FAULT_IR_COMPATIBILITY;
    }
    *index = bits_get(*addr, 5, 15) | bits_get(*addr, 2, 1) << 15;
    *index += with_subhandle ? *data & 0xffff : 0;
    return remap(s, source, *index, addr, data, silent);
}

bool intel_iommu_peek_msi(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data)
{
    uint32_t index;
    bool silent;

    return *addr - MSI_BASE < MSI_SIZE && remap_message(intel_iommu_of(iommu), device_id, addr,
                                                        data, &index, &silent) == FAULT_NONE;
}

bool intel_iommu_remap_msi(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data)
{
    IntelIommu *s = intel_iommu_of(iommu);
    uint32_t index;
    bool silent;

    if (*addr - MSI_BASE >= MSI_SIZE) { /* no message: an ordinary write */
        IommuRequest request = {.device_id = device_id, .write = true, .iova = *addr};
        IommuResult result;
        bool ok = intel_iommu_translate(iommu, &request, &result);
        *addr = result.addr;
        return ok;
    }
    IntelIommuFault fault = remap_message(s, device_id, addr, data, &index, &silent);
    if (fault != FAULT_NONE && !silent) {
        intel_iommu_report(s, device_id, fault, (uint64_t)index << 48, false);
    }
    return fault == FAULT_NONE;
}
