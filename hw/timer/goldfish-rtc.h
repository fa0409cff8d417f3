/*
 * Goldfish real-time clock, as on riscv64 virt. See goldfish-rtc.c.
 */
#ifndef AMPHI_HW_GOLDFISH_RTC_H
#define AMPHI_HW_GOLDFISH_RTC_H

#include "softmmu/machine.h"

Device *goldfish_rtc_new(Machine *machine, uint64_t base, IrqLine irq);

#endif
