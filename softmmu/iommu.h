/*
 * IOMMUs: what stands between the devices of a bus and memory.
 *
 * A bus whose devices an IOMMU guards (hw/pci/pci.h) puts it into the path of their address spaces: each
 * access of a device by dma.c is a request here, named by the id that the bus gives the device. Nothing in
 * this interface is an architecture's: the RISC-V IOMMU and such that remap messages by other tables than
 * those of ordinary accesses fit it.
 *
 * Locking: the machine lock is held.
 */
#ifndef AMPHI_IOMMU_H
#define AMPHI_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Iommu Iommu;

/* One access of a device. */
typedef struct IommuRequest {
    uint32_t device_id;  /* on PCI: bus << 8 | slot << 3 | function */
    uint32_t process_id; /* on PCI the PASID; 0 without one */
    bool has_process_id;
    bool supervisor; /* asks for that privilege; only with a process id */
    bool write, execute;
    uint64_t iova;
} IommuRequest;

typedef struct IommuResult {
    uint64_t addr; /* on the system bus */
    uint64_t len; /* bytes from there that the same translation holds for; UINT64_MAX: to the end */
} IommuResult;

typedef struct IommuOps {
    /* Translates. False if the access is not allowed; a fault has been reported to the guest then. */
    bool (*translate)(Iommu *iommu, const IommuRequest *request, IommuResult *result);
    /* Remaps a message-signalled interrupt, a write of *@data to *@addr. False if it is not allowed.
     * NULL: such a write is translated as others are. */
    bool (*remap_msi)(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data);
    /* What remap_msi() would do at present; reports nothing. NULL with remap_msi(). */
    bool (*peek_msi)(Iommu *iommu, uint32_t device_id, uint64_t *addr, uint32_t *data);
} IommuOps;

/* Embedded in the device that is one. */
struct Iommu {
    const IommuOps *ops;
    /* For who keeps what remap_msi() said: a number that changes when that may not hold any more, and a call
     * when it has; NULL: nobody wants one. */
    uint32_t msi_epoch;
    void (*msi_changed)(void *opaque);
    void *msi_opaque;
};

/* For the IOMMU: messages may be remapped in another way from now on. */
static inline void iommu_msi_changed(Iommu *iommu)
{
    iommu->msi_epoch++;
    if (iommu->msi_changed) {
        iommu->msi_changed(iommu->msi_opaque);
    }
}

#endif
