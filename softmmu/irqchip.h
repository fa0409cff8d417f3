/*
 * Interrupt controllers that are part of an engine, and how a board meets them.
 *
 * An engine may have the local APICs of an x86 machine, or these and the 8259s, the I/O APIC and the 8254. The
 * board asks irqchip_mode() once the runner is initialised (that is, in MachineClass.init), makes as devices
 * what the engine does not have, and connects them:
 *
 *   IRQCHIP_OFF    the board makes all of it: local APICs, 8259s, I/O APIC, 8254.
 *   IRQCHIP_SPLIT  the engine has the local APICs. The I/O APIC sends messages (irqchip_send_msi()), says what
 *                  each of its inputs would send (irqchip_set_route()) and hears of the end of level-triggered
 *                  interrupts (irqchip_on_eoi()). The 8259 drives irqchip_extint().
 *   IRQCHIP_ON     the engine has everything: interrupt sources drive irqchip_gsi(): 0..15 reach 8259s and
 *                  I/O APIC, 16..23 the I/O APIC; 0, the 8254's own, is input 2 of the I/O APIC. The board
 *                  maps no memory or ports for them.
 *
 * In both of the latter modes the board maps a region at 0xfee00000 for what devices write as messages, or
 * sets the memory map's sink for them (memory_map_set_msi_sink()), and passes these to irqchip_send_msi().
 *
 * Locking: the machine lock, unless said otherwise.
 */
#ifndef AMPHI_IRQCHIP_H
#define AMPHI_IRQCHIP_H

#include "softmmu/irq.h"
#include "softmmu/machine.h"

typedef enum IrqchipMode { IRQCHIP_OFF, IRQCHIP_SPLIT, IRQCHIP_ON } IrqchipMode;

#define IRQCHIP_GSIS 24
#define IRQCHIP_MAX_FDS 256

/* What an engine provides. Members that its mode does not need are NULL. */
typedef struct IrqchipOps {
    void (*set_gsi)(Machine *machine, unsigned gsi, bool level);      /* ON */
    void (*send_msi)(Machine *machine, uint64_t addr, uint32_t data); /* ON, SPLIT; any thread */
    void (*set_route)(Machine *machine, unsigned pin, uint64_t addr, uint32_t data, bool masked);
    void (*extint)(Machine *machine, bool level);   /* SPLIT */
    void (*connect_pit)(Machine *machine, bool on); /* ON */
    int (*open_msi)(Machine *machine, unsigned *n);
    bool (*set_msi)(Machine *machine, unsigned n, uint64_t addr, uint32_t data);
    void (*close_msi)(Machine *machine, unsigned n);
} IrqchipOps;

/* machine->irqchip: made by the engine in MachineRunner.init, NULL for IRQCHIP_OFF. */
typedef struct Irqchip {
    IrqchipMode mode;
    const IrqchipOps *ops;
    /* The I/O APIC's: an end of interrupt for @vector. */
    void (*eoi)(void *opaque, uint8_t vector);
    void *eoi_opaque;
    /* The 8259's: the vector of the interrupt that extint() announced, acknowledged; -1: none. */
    int (*acknowledge)(void *opaque);
    void *acknowledge_opaque;
} Irqchip;

IrqchipMode irqchip_mode(const Machine *machine);

/* The input @gsi of the engine's controllers; IRQCHIP_ON. */
IrqLine irqchip_gsi(Machine *machine, unsigned gsi);

/* Connects the output of the engine's 8254, or not, while an HPET stands in for it; IRQCHIP_ON. */
void irqchip_connect_pit(Machine *machine, bool on);

/* A message-signalled interrupt, as a device or I/O APIC writes it. Any thread. */
void irqchip_send_msi(Machine *machine, uint64_t addr, uint32_t data);

/*
 * Messages by eventfd: whoever writes to the descriptor sends the message, without locks and from any process
 * that has it.
 */

/* Makes one; its number in *@n. The descriptor, or -1: there are none (any more), use irqchip_send_msi(). */
int irqchip_open_msi(Machine *machine, unsigned *n);
/* What it sends from now on. False: it cannot. */
bool irqchip_set_msi(Machine *machine, unsigned n, uint64_t addr, uint32_t data);
void irqchip_close_msi(Machine *machine, unsigned n);

/* What input @pin of the board's I/O APIC sends at present; IRQCHIP_SPLIT. To be called whenever a
 * redirection entry changes, and after loading a snapshot. */
void irqchip_set_route(Machine *machine, unsigned pin, uint64_t addr, uint32_t data, bool masked);

/* Calls @fn when a processor ends a level-triggered interrupt that came from the I/O APIC; IRQCHIP_SPLIT. */
void irqchip_on_eoi(Machine *machine, void (*fn)(void *opaque, uint8_t vector), void *opaque);

/* The line from the board's 8259 to the first processor's LINT0, and who acknowledges; IRQCHIP_SPLIT. */
IrqLine irqchip_extint(Machine *machine, int (*acknowledge)(void *opaque), void *opaque);

#endif
