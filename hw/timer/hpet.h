/*
 * The high precision event timer of a PC. See hpet.c.
 */
#ifndef AMPHI_HW_HPET_H
#define AMPHI_HW_HPET_H

#include "softmmu/machine.h"

#define HPET_BASE 0xfed00000u
#define HPET_TIMERS 3
#define HPET_BLOCK_ID 0x8086a201u /* low half of the capabilities */

typedef struct HpetConfig {
    IrqLine gsi[24]; /* interrupt lines; timers are routed to 2, 8 and 16..23 */
    /* The legacy replacement is switched on or off: timer 0 in place of the 8254, 1 of the RTC. May be NULL. */
    void (*legacy)(void *opaque, bool on);
    void *opaque;
} HpetConfig;

/* Makes it at @base. */
Device *hpet_new(Machine *machine, uint64_t base, const HpetConfig *config);

#endif
