/*
 * Between the parts of the local APIC.
 */
#ifndef AMPHI_HW_APIC_INTERNAL_H
#define AMPHI_HW_APIC_INTERNAL_H

#include "hw/intc/apic.h"
#include "softmmu/base/bits.h"

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

#define LVT_MASKED (1u << 16)
#define LVT_TIMER_MODE 0x60000u
#define LVT_TIMER_PERIODIC 0x20000u
#define LVT_TIMER_DEADLINE 0x40000u

/* Delivery modes, bits 10..8 of messages, of ICR and of the LVT. */
enum {
    MODE_FIXED,
    MODE_LOWEST,
    MODE_SMI,
    MODE_RESERVED,
    MODE_NMI,
    MODE_INIT,
    MODE_SIPI,
    MODE_EXTINT
};

#define READY_NONE (-1)
#define READY_EXTINT 256

struct Apic {
    Device dev;
    ApicBus *bus;
    ApicCpu cpu;
    unsigned index;
    Timer timer;
    int ready; /* atomic: the vector that waits, READY_EXTINT or READY_NONE */

    uint32_t id; /* of x2APIC; its low 8 bits at first also xAPIC's */
    uint64_t base;
    uint8_t xapic_id, tpr;
    uint32_t ldr, dfr, svr;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t lvt[LVT_COUNT];
    uint32_t esr, errors; /* as last latched, and since */
    uint64_t icr;
    uint32_t initial_count, divide;
    uint64_t timer_start;  /* ns at which initial_count was what is left */
    bool timer_done;       /* a count that is not periodic has ended, and was told */
    uint64_t tsc_deadline; /* 0: none */
    bool lint[2];          /* levels of the pins */
};

/* A message on the bus. */
typedef struct ApicMessage {
    uint32_t dest;
    bool wide; /* @dest has 32 bits, from a processor in x2APIC mode */
    bool logical, lowest, level;
    uint8_t mode, vector;
} ApicMessage;

/* ---- apic.c ---- */

static inline bool apic_is_x2(const Apic *apic)
{
    return apic->base & APIC_BASE_X2APIC;
}

static inline bool apic_is_on(const Apic *apic)
{
    return apic->base & APIC_BASE_ENABLE;
}

/* Takes @message, which is for this APIC. */
void apic_deliver(Apic *apic, const ApicMessage *message);

/* The local interrupt @n of the LVT happens. */
void apic_local_interrupt(Apic *apic, unsigned n);

/* The priority that an interrupt must exceed. */
uint8_t apic_ppr(const Apic *apic);

/* Register accesses by a processor in xAPIC mode; @offset in the page. */
uint32_t apic_read(Apic *apic, uint32_t offset);
void apic_write(Apic *apic, uint32_t offset, uint32_t value);

/* ---- apic-timer.c ---- */

void apic_timer_init(Apic *apic);
uint32_t apic_timer_count(const Apic *apic);
void apic_timer_set_initial(Apic *apic, uint32_t value);
void apic_timer_set_divide(Apic *apic, uint32_t value);
/* Makes @left what is left of the count. */
void apic_timer_set_count(Apic *apic, uint32_t left);
/* The timer's LVT entry changes to @value. */
void apic_timer_set_lvt(Apic *apic, uint32_t value);
/* Arms the timer as the state says. */
void apic_timer_arm(Apic *apic);

/* ---- apic-bus.c ---- */

Apic *apic_bus_attach(ApicBus *bus, Apic *apic);
void apic_bus_send(ApicBus *bus, const ApicMessage *message);
/* To all but @except (NULL: to all). */
void apic_bus_broadcast(ApicBus *bus, const ApicMessage *message, const Apic *except);
void apic_bus_end_of_interrupt(ApicBus *bus, uint8_t vector);
Machine *apic_bus_machine(const ApicBus *bus);
/* The vector from the 8259. */
uint8_t apic_bus_pic_vector(ApicBus *bus);

#endif
