/*
 * Intel's IOMMU, VT-d (Intel Virtualization Technology for Directed I/O, Architecture Specification 4.1),
 * in legacy mode.
 *
 * intel-iommu.c has the registers, faults and event messages, intel-iommu-queue.c invalidation,
 * intel-iommu-walk.c contexts, second-stage tables and the cache of translations, intel-iommu-remap.c the
 * remapping of interrupts.
 *
 * There: 39- and 48-bit second-stage tables with pages of 4 KiB, 2 MiB and 1 GiB, pass-through contexts, queued
 * and register-based invalidation, one fault record, interrupt remapping of both formats with 8- and 32-bit
 * destinations. Not there, and so not in the capabilities: scalable mode and process ids, device TLBs, posted
 * interrupts, caching mode, protected memory regions, the advanced fault log.
 *
 * All tables are in RAM: the IOMMU's accesses to them reach nothing else, and its own messages go only to where
 * messages go, so that it cannot enter itself. Locking: the machine lock.
 */
#ifndef AMPHI_INTEL_IOMMU_H
#define AMPHI_INTEL_IOMMU_H

#include "softmmu/device.h"
#include "softmmu/iommu.h"
#include "softmmu/machine.h"

#define INTEL_IOMMU_BASE UINT64_C(0xfed90000)
#define INTEL_IOMMU_SIZE 0x1000
typedef struct IntelIommuConfig {
    unsigned aw_bits; /* of addresses that devices use: 39 or 48 */
    bool intremap;    /* interrupts are remapped, if the guest says so */
    bool eim;         /* with 32-bit destinations */
} IntelIommuConfig;

/* Makes the IOMMU at its address. What it guards asks it through the result; the machine owns it. */
Iommu *intel_iommu_new(Machine *machine, const IntelIommuConfig *config);

/* What the machine's is like; NULL: it has none. */
const IntelIommuConfig *intel_iommu_find(Machine *machine);

#endif
