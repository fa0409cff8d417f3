/*
 * Network cards "e1000" (Intel 82540EM) and "e1000e" (82574L). See e1000.c.
 */
#ifndef AMPHI_HW_E1000_H
#define AMPHI_HW_E1000_H

#include "hw/hw.h"

extern const HwDeviceType e1000_device_types[];

#endif
