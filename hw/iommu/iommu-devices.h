/*
 * The IOMMUs that -device makes.
 */
#ifndef AMPHI_IOMMU_DEVICES_H
#define AMPHI_IOMMU_DEVICES_H

#include "hw/hw.h"

/* Ends with a NULL name. */
extern const HwDeviceType iommu_device_types[];

#endif
