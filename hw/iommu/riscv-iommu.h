/*
 * The RISC-V IOMMU, apart from where it sits (RISC-V IOMMU Architecture Specification 1.0).
 *
 * riscv-iommu.c has the registers, riscv-iommu-queue.c the command and fault queues and interrupts,
 * riscv-iommu-context.c the device and process directories, riscv-iommu-walk.c both stages of page tables
 * and MSI page tables, riscv-iommu-cache.c the cache of translations. riscv-iommu-pci.c is the PCI function.
 *
 * There: first stage Sv39 to Sv57, second stage Sv39x4 to Sv57x4, directories of all depths in both formats,
 * updates of accessed and dirty bits, memory types, MSI page tables in basic mode, the debug
 * interface. Not there, and so not in the capabilities: ATS and page requests, memory-resident interrupt
 * files, performance counters, 32-bit modes and big-endian tables.
 *
 * All tables and queues are in RAM: the IOMMU's accesses to them reach nothing else (but a fence's
 * store, which may be a message). While it translates or runs commands its registers refuse accesses, so
 * that no table and no message can make it enter itself. Locking: the machine lock.
 */
#ifndef AMPHI_RISCV_IOMMU_H
#define AMPHI_RISCV_IOMMU_H

#include "hw/iommu/riscv-iommu-bits.h"
#include "softmmu/device.h"
#include "softmmu/iommu.h"
#include "softmmu/machine.h"

#define RISCV_IOMMU_CACHE_MAX 4096

/* A cached translation of one 4 KiB page. */
typedef struct IommuCacheEntry {
    uint64_t iova; /* of the page; bit 0: valid */
    uint64_t addr;
    uint32_t device_id, process_id;
    uint32_t pscid, gscid;
    bool has_process_id, supervisor;
    bool first_stage, second_stage; /* not Bare, so that pscid or gscid holds */
    bool global;
    uint8_t perms; /* PTE_R, PTE_W, PTE_X */
    uint8_t shift; /* of the first stage's page */
    uint8_t pbmt;
} IommuCacheEntry;

typedef struct RiscvIommu {
    Iommu iommu;
    Machine *machine;
    Device *dev; /* whose registers these are; its in_access is set while this is at work */
    uint64_t caps;
    uint8_t reset_mode; /* DDTP_OFF or DDTP_BARE */
    /* Signals interrupt cause vector @vector, or sets the level of the wire. */
    void (*send_msi)(Device *dev, unsigned vector);
    void (*set_wire)(Device *dev, bool level);
    /* Registers */
    uint32_t fctl;
    uint64_t ddtp;
    uint64_t cqb, fqb;
    uint32_t cqh, cqt, fqh, fqt;
    uint32_t cqcsr, fqcsr;
    uint32_t ipsr;
    uint64_t icvec;
    uint64_t tr_req_iova, tr_req_ctl, tr_response;
    uint32_t unsent;     /* causes whose message is still to be sent, from the timer */
    Timer timer;         /* sends them, and goes on with a long command queue */
    unsigned busy;       /* depth of translations and commands under way */
    unsigned cache_size; /* a power of two, or 0 */
    IommuCacheEntry *cache;
} RiscvIommu;

extern const VmDesc riscv_iommu_vmstate;

/* ---- For the device that embeds it ---- */

/* What the user may choose. */
typedef struct RiscvIommuConfig {
    bool off; /* after a reset nothing passes; else everything does, untranslated */
    bool s_stage, g_stage;
    bool msi_flat;        /* MSI page tables, and with them the extended device context */
    uint64_t cache_limit; /* translations */
} RiscvIommuConfig;

void riscv_iommu_init(RiscvIommu *s, Machine *machine, Device *dev, const RiscvIommuConfig *config);
void riscv_iommu_reset(RiscvIommu *s);
void riscv_iommu_finalize(RiscvIommu *s);

/* Register accesses of 4 or 8 aligned bytes, except for the MSI configuration table. */
uint64_t riscv_iommu_read(RiscvIommu *s, uint64_t offset, unsigned size);
void riscv_iommu_write(RiscvIommu *s, uint64_t offset, uint64_t value, unsigned size);

/* A message of the IOMMU's own to @addr led nowhere. */
void riscv_iommu_msi_failed(RiscvIommu *s, uint64_t addr);

/* ---- Between its parts ---- */

/* Why a translation failed. */
typedef struct IommuFault {
    unsigned cause;
    uint64_t iotval2;
    bool silent; /* the device context says that such are not reported */
} IommuFault;

/* What the directories say about a request. */
typedef struct IommuContext {
    uint64_t tc;
    uint64_t iosatp, iohgatp;
    uint32_t pscid;
    bool supervisor, sum;
    uint64_t msiptp, msi_mask, msi_pattern; /* page numbers, the latter two */
} IommuContext;

typedef enum IommuAccess { IOMMU_READ, IOMMU_WRITE, IOMMU_EXECUTE } IommuAccess;

/* Finds the contexts of @request. False with @fault. */
bool riscv_iommu_find_context(RiscvIommu *s, const IommuRequest *request, IommuContext *context,
                              IommuFault *fault);

/* Translates the guest-physical address @gpa of an implicit read. False with @fault, whose cause is that of
 * an original access @access. */
bool riscv_iommu_second_stage(RiscvIommu *s, const IommuContext *context, uint64_t gpa,
                              IommuAccess access, uint64_t *addr, IommuFault *fault);

/* A complete translation. */
typedef struct IommuLeaf {
    uint64_t addr;
    unsigned shift;       /* log2 of the range around the address that it holds for, at most 63 */
    unsigned first_shift; /* the same of the first stage alone */
    uint8_t perms;        /* what needs no further change of the tables */
    uint8_t pbmt;
    bool global, msi;
} IommuLeaf;

bool riscv_iommu_walk(RiscvIommu *s, const IommuContext *context, uint64_t iova, IommuAccess access,
                      IommuLeaf *leaf, IommuFault *fault);

/* Iommu.translate, with more to tell. */
bool riscv_iommu_translate(RiscvIommu *s, const IommuRequest *request, IommuLeaf *leaf);

/* The cache. */
const IommuCacheEntry *riscv_iommu_cache_find(RiscvIommu *s, const IommuRequest *request);
void riscv_iommu_cache_fill(RiscvIommu *s, const IommuRequest *request, const IommuContext *context,
                            const IommuLeaf *leaf);
void riscv_iommu_cache_flush(RiscvIommu *s);
/* Drops what @matches(entry, @opaque). */
void riscv_iommu_cache_drop(RiscvIommu *s,
                            bool (*matches)(const IommuCacheEntry *entry, const void *opaque),
                            const void *opaque);

/* Queues and interrupts. */
void riscv_iommu_report(RiscvIommu *s, const IommuRequest *request, unsigned cause, uint64_t iotval,
                        uint64_t iotval2);
void riscv_iommu_run_commands(RiscvIommu *s);
void riscv_iommu_write_cqcsr(RiscvIommu *s, uint32_t value);
void riscv_iommu_write_fqcsr(RiscvIommu *s, uint32_t value);
/* The index bits of a queue with base register @base. */
uint32_t riscv_iommu_queue_mask(uint64_t base);
/* Sets the pending bits that follow from the queues' states, clears @clear first; signals what is new. */
void riscv_iommu_update_ipsr(RiscvIommu *s, uint32_t clear, uint32_t set);
void riscv_iommu_update_wire(RiscvIommu *s);

/* One aligned doubleword of a table. */
static inline bool riscv_iommu_load(RiscvIommu *s, uint64_t addr, uint64_t *value)
{
    return dma_read_le(&s->machine->dma, addr, value, sizeof(*value)) == MEM_OK;
}

#endif
