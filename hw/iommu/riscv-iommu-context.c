/*
 * RISC-V IOMMU: from a device's and a process's number to the tables that hold for them (chapter 2, sections
 * "Process to locate the Device-context" and "... the Process-context").
 *
 * Directories have at most three levels, so that the walks end whatever the entries say. Locking: the
 * machine lock.
 */
#include "hw/iommu/riscv-iommu.h"

/* A device context as it is in memory; the base format ends after fsc. */
enum {
    DC_TC,
    DC_IOHGATP,
    DC_TA,
    DC_FSC,
    DC_MSIPTP,
    DC_MSI_MASK,
    DC_MSI_PATTERN,
    DC_RESERVED,
    DC_WORDS
};
#define DC_BASE_WORDS DC_MSIPTP

static bool fail(IommuFault *fault, unsigned cause)
{
    fault->cause = cause;
    return false;
}

static bool has(const RiscvIommu *s, uint64_t caps)
{
    return s->caps & caps;
}

/* Whether @mode of iosatp, or of iohgatp with @second, is there. */
static bool mode_ok(const RiscvIommu *s, unsigned mode, bool second)
{
    switch (mode) {
    case MODE_BARE: return true;
    case MODE_SV39: return has(s, second ? CAP_SV39X4 : CAP_SV39);
    case MODE_SV48: return has(s, second ? CAP_SV48X4 : CAP_SV48);
    case MODE_SV57: return has(s, second ? CAP_SV57X4 : CAP_SV57);
    }
    return false;
}

/* ---- Device contexts ---- */

static bool dc_fields_ok(const RiscvIommu *s, const uint64_t *dc)
{
    if ((dc[DC_TC] & ~TC_KNOWN) || (dc[DC_TA] & DC_TA_RESERVED) || (dc[DC_FSC] & ATP_RESERVED)) {
        return false;
    }
    return !has(s, CAP_MSI_FLAT) ||
           (!(dc[DC_MSIPTP] & ATP_RESERVED) && ATP_MODE(dc[DC_MSIPTP]) <= MSIPTP_FLAT &&
            !((dc[DC_MSI_MASK] | dc[DC_MSI_PATTERN]) & MSI_PAGE_RESERVED) && !dc[DC_RESERVED]);
}

/* Section "Device-context configuration checks". */
static bool dc_ok(const RiscvIommu *s, const uint64_t *dc)
{
    bool pdtv = dc[DC_TC] & TC_PDTV;
    unsigned mode = ATP_MODE(dc[DC_FSC]);

    if (!dc_fields_ok(s, dc)) {
        return false;
    }
    if (pdtv ? mode > PDTP_PD20 : !mode_ok(s, mode, false) || (dc[DC_TC] & TC_DPE)) {
        return false;
    }
    return mode_ok(s, ATP_MODE(dc[DC_IOHGATP]), true) &&
           (ATP_MODE(dc[DC_IOHGATP]) == MODE_BARE || !(dc[DC_IOHGATP] & 3)); /* 16 KiB */
}

/* The words of @device_id's context. */
static bool load_dc(RiscvIommu *s, uint32_t device_id, uint64_t *dc, IommuFault *fault)
{
    bool extended = has(s, CAP_MSI_FLAT);
    unsigned low = extended ? 6 : 7, words = extended ? DC_WORDS : DC_BASE_WORDS;
    unsigned levels = (s->ddtp & DDTP_MODE) - DDTP_1LVL + 1;
    uint64_t table = PPN_ADDR(s->ddtp);

    if (device_id >> MIN(24, low + 9 * (levels - 1))) {
        return fail(fault, CAUSE_TYPE_DISALLOWED);
    }
    for (unsigned i = levels - 1; i > 0; i--) {
        unsigned index = device_id >> (low + 9 * (i - 1)) & 0x1ff;
        uint64_t entry;

        if (!riscv_iommu_load(s, table + index * 8, &entry)) {
            return fail(fault, CAUSE_DDT_LOAD);
        }
        if (!(entry & DDTE_V)) {
            return fail(fault, CAUSE_DDT_INVALID);
        }
        if (entry & DDTE_RESERVED) {
            return fail(fault, CAUSE_DDT_MISCONFIGURED);
        }
        table = PPN_ADDR(entry);
    }
    table += (uint64_t)(device_id & ((1u << low) - 1)) * words * 8;
    for (unsigned i = 0; i < words; i++) {
        if (!riscv_iommu_load(s, table + 8 * i, &dc[i])) {
            return fail(fault, CAUSE_DDT_LOAD);
        }
    }
    if (!(dc[DC_TC] & TC_V)) {
        return fail(fault, CAUSE_DDT_INVALID);
    }
    return dc_ok(s, dc) || fail(fault, CAUSE_DDT_MISCONFIGURED);
}

/* ---- Process contexts ---- */

/* An entry of the directory: its addresses are those of the guest. */
static bool load_pdt(RiscvIommu *s, const IommuContext *context, uint64_t gpa, IommuAccess access,
                     uint64_t *value, IommuFault *fault)
{
    uint64_t addr;

    return riscv_iommu_second_stage(s, context, gpa, access, &addr, fault) &&
           (riscv_iommu_load(s, addr, value) || fail(fault, CAUSE_PDT_LOAD));
}

/* Finds the context of @process_id in the directory @pdtp, and with it the first stage. */
static bool find_process(RiscvIommu *s, IommuContext *context, uint64_t pdtp, uint32_t process_id,
                         IommuAccess access, IommuFault *fault)
{
    uint64_t table = ATP_ADDR(pdtp), entry, ta, fsc;

    for (unsigned i = ATP_MODE(pdtp) - 1; i > 0; i--) {
        unsigned index = process_id >> (8 + 9 * (i - 1)) & 0x1ff;

        if (!load_pdt(s, context, table + index * 8, access, &entry, fault)) {
            return false;
        }
        if (!(entry & DDTE_V)) {
            return fail(fault, CAUSE_PDT_INVALID);
        }
        if (entry & DDTE_RESERVED) {
            return fail(fault, CAUSE_PDT_MISCONFIGURED);
        }
        table = PPN_ADDR(entry);
    }
    table += (process_id & 0xff) * 16;
    if (!load_pdt(s, context, table, access, &ta, fault) ||
        !load_pdt(s, context, table + 8, access, &fsc, fault)) {
        return false;
    }
    if (!(ta & PC_V)) {
        return fail(fault, CAUSE_PDT_INVALID);
    }
    if ((ta & PC_TA_RESERVED) || (fsc & ATP_RESERVED) || !mode_ok(s, ATP_MODE(fsc), false)) {
        return fail(fault, CAUSE_PDT_MISCONFIGURED);
    }
    if (context->supervisor && !(ta & PC_ENS)) {
        return fail(fault, CAUSE_TYPE_DISALLOWED);
    }
    context->iosatp = fsc;
    context->pscid = TA_PSCID(ta);
    context->sum = ta & PC_SUM;
    return true;
}

static unsigned process_bits(unsigned pdtp_mode)
{
    static const unsigned bits[] = {20, 8, 17, 20}; /* Bare asks for none */

    return bits[pdtp_mode];
}

bool riscv_iommu_find_context(RiscvIommu *s, const IommuRequest *request, IommuContext *context,
                              IommuFault *fault)
{
    IommuAccess access = request->execute ? IOMMU_EXECUTE
                         : request->write ? IOMMU_WRITE
                                          : IOMMU_READ;
    uint64_t dc[DC_WORDS] = {0};
    bool pdtv;

    if (!load_dc(s, request->device_id, dc, fault)) {
        return false;
    }
    pdtv = dc[DC_TC] & TC_PDTV;
    fault->silent = dc[DC_TC] & TC_DTF;
    *context = (IommuContext){
        .tc = dc[DC_TC],
        .iosatp = pdtv ? 0 : dc[DC_FSC],
        .iohgatp = dc[DC_IOHGATP],
        .pscid = TA_PSCID(dc[DC_TA]),
        .supervisor = request->has_process_id && request->supervisor,
        .msiptp = dc[DC_MSIPTP],
        .msi_mask = dc[DC_MSI_MASK],
        .msi_pattern = dc[DC_MSI_PATTERN],
    };
    if (request->has_process_id &&
        (!pdtv || request->process_id >> process_bits(ATP_MODE(dc[DC_FSC])))) {
        return fail(fault, CAUSE_TYPE_DISALLOWED);
    }
    if (!pdtv || ATP_MODE(dc[DC_FSC]) == PDTP_BARE ||
        (!request->has_process_id && !(dc[DC_TC] & TC_DPE))) {
        return true;
    }
    return find_process(s, context, dc[DC_FSC], request->has_process_id ? request->process_id : 0,
                        access, fault);
}
