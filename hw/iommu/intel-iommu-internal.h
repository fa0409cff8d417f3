/*
 * What the files of the VT-d IOMMU share. The names are the specification's, chapters 9 (tables), 6.5
 * (descriptors), 11.4 (registers).
 */
#ifndef AMPHI_INTEL_IOMMU_INTERNAL_H
#define AMPHI_INTEL_IOMMU_INTERNAL_H

#include "hw/iommu/intel-iommu.h"
#include "softmmu/base/bits.h"

/* Registers, as indices of 32-bit words in IntelIommu.regs. _HI is the upper half. */
typedef enum IntelIommuReg {
    VER,
    CAP,
    CAP_HI,
    ECAP,
    ECAP_HI,
    GCMD,
    GSTS,
    RTADDR,
    RTADDR_HI,
    CCMD,
    CCMD_HI,
    FSTS,
    FECTL,
    FEDATA,
    FEADDR,
    FEUADDR,
    PMEN,
    IQH,
    IQH_HI,
    IQT,
    IQT_HI,
    IQA,
    IQA_HI,
    ICS,
    IECTL,
    IEDATA,
    IEADDR,
    IEUADDR,
    IQERCD,
    IQERCD_HI,
    IRTA,
    IRTA_HI,
    IVA,
    IVA_HI,
    IOTLB,
    IOTLB_HI,
    FRCD0,
    FRCD1,
    FRCD2,
    FRCD3,
    NREGS,
} IntelIommuReg;

enum {
    IVA_OFFSET = 0xf0,   /* in ECAP */
    FRCD_OFFSET = 0x220, /* in CAP */
};

/* GCMD and GSTS */
#define CMD_TE (1u << 31)
#define CMD_SRTP (1u << 30)
#define CMD_QIE (1u << 26)
#define CMD_IRE (1u << 25)
#define CMD_SIRTP (1u << 24)
#define CMD_CFI (1u << 23)

/* FSTS */
#define FSTS_PFO (1u << 0) /* a fault found the record in use */
#define FSTS_PPF (1u << 1) /* there is one */
#define FSTS_IQE (1u << 4)
#define FSTS_ICE (1u << 5)
#define FSTS_ITE (1u << 6)

/* FECTL and IECTL */
#define EVENT_MASKED (1u << 31)
#define EVENT_PENDING (1u << 30)

#define ICS_IWC (1u << 0)
#define FRCD3_F (1u << 31)

/* Why a request was refused (chapter 7.1.3, table 17). */
typedef enum IntelIommuFault {
    FAULT_NONE = 0,
    FAULT_ROOT_NOT_PRESENT = 0x1,
    FAULT_CONTEXT_NOT_PRESENT = 0x2,
    FAULT_CONTEXT_INVALID = 0x3,
    FAULT_ADDRESS_BEYOND = 0x4,
    FAULT_WRITE = 0x5,
    FAULT_READ = 0x6,
    FAULT_TABLE_ACCESS = 0x7,
    FAULT_ROOT_ACCESS = 0x8,
    FAULT_CONTEXT_ACCESS = 0x9,
    FAULT_ROOT_RESERVED = 0xa,
    FAULT_CONTEXT_RESERVED = 0xb,
    FAULT_TABLE_RESERVED = 0xc,
    FAULT_IR_REQUEST_RESERVED = 0x20,
    FAULT_IR_INDEX = 0x21,
    FAULT_IR_NOT_PRESENT = 0x22,
    FAULT_IR_ACCESS = 0x23,
    FAULT_IR_ENTRY_RESERVED = 0x24,
    FAULT_IR_COMPATIBILITY = 0x25,
    FAULT_IR_SOURCE = 0x26,
} IntelIommuFault;

#define INTEL_IOMMU_CACHE 1024

/* A cached translation of one 4 KiB page. */
typedef struct IntelIommuCacheEntry {
    uint64_t iova; /* of the page; bit 0: valid */
    uint64_t addr;
    uint16_t source, domain;
    bool read, write;
} IntelIommuCacheEntry;

typedef struct IntelIommu {
    Device dev;
    Iommu iommu;
    IntelIommuConfig config;
    uint32_t regs[NREGS];
    uint64_t root; /* of contexts, as the guest set it: RTADDR */
    uint64_t irt;  /* the same of interrupts: IRTA */
    IntelIommuCacheEntry cache[INTEL_IOMMU_CACHE];
} IntelIommu;

static inline uint64_t intel_iommu_reg64(const IntelIommu *s, IntelIommuReg low)
{
    return s->regs[low] | (uint64_t)s->regs[low + 1] << 32;
}

/* A table entry of 16 bytes. False if it is not in RAM. */
bool intel_iommu_read128(IntelIommu *s, uint64_t addr, uint64_t entry[2]);

/* Records that requester @source was refused: @info is the page, or the interrupt's index << 48. */
void intel_iommu_report(IntelIommu *s, uint16_t source, IntelIommuFault fault, uint64_t info,
                        bool write);

/* Sends the event of the register block that begins with @control (FECTL or IECTL), or notes it. */
void intel_iommu_event(IntelIommu *s, IntelIommuReg control);

/* ---- Invalidation ---- */

/* Sets bits in FSTS, with the event that goes with the first of them. */
void intel_iommu_error(IntelIommu *s, uint32_t bits);

void intel_iommu_run_queue(IntelIommu *s);
/* What CCMD and IOTLB ask for, of what the guest wrote to the upper half. */
void intel_iommu_context_command(IntelIommu *s);
void intel_iommu_iotlb_command(IntelIommu *s);

/* ---- The cache. All of it, that of a domain, its pages [@iova, @iova + @pages), that of requesters. ---- */

void intel_iommu_flush_all(IntelIommu *s);
void intel_iommu_flush_domain(IntelIommu *s, uint16_t domain);
void intel_iommu_flush_pages(IntelIommu *s, uint16_t domain, uint64_t iova, uint64_t pages);
void intel_iommu_flush_source(IntelIommu *s, uint16_t source, uint16_t mask);

/* ---- The functions of Iommu ---- */

bool intel_iommu_translate(Iommu *iommu, const IommuRequest *request, IommuResult *result);
bool intel_iommu_remap_msi(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data);
bool intel_iommu_peek_msi(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data);

static inline IntelIommu *intel_iommu_of(Iommu *iommu)
{
    return container_of(iommu, IntelIommu, iommu);
}

#endif
