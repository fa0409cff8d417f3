/*
 * Breakpoints, watchpoints and single steps: what a debugger asks of a machine.
 *
 * A breakpoint is an address at which translations end and leave with VCPU_EXIT_DEBUG; a watchpoint keeps
 * its pages out of the TLB, so that accesses to them take the slow path, which looks. Without either,
 * machine->debug is NULL and nothing is slower. Both are for guest virtual addresses, of whatever address
 * space, and both stop before the instruction: registers are as they were. accel/kvm/debug.c does it with the
 * processor's means, which are few.
 *
 * Locking: points are asked for and taken back under the machine lock by whoever debugs, and take effect in
 * debug_commit(), while no vCPU runs; vCPUs read the table without a lock.
 */
#ifndef AMPHI_DEBUG_H
#define AMPHI_DEBUG_H

#include "softmmu/machine.h"

#define DEBUG_MAX_POINTS 1024u
#define DEBUG_MAX_LENGTH 4096u

/* Numbered as in gdb's Z packets. */
typedef enum DebugKind {
    DEBUG_BREAK_SOFTWARE,
    DEBUG_BREAK_HARDWARE, /* the same here */
    DEBUG_WATCH_WRITE,
    DEBUG_WATCH_READ,
    DEBUG_WATCH_ACCESS,
    DEBUG_KINDS
} DebugKind;

/* How a vCPU runs once the machine is started; Vcpu.debug_run. */
typedef enum DebugRun {
    DEBUG_RUN_FREE,
    DEBUG_RUN_STEP, /* one instruction, then the machine stops */
    DEBUG_RUN_HOLD, /* not at all */
} DebugRun;

/* Why a vCPU stopped the machine. */
typedef enum DebugWhy { DEBUG_WHY_NONE, DEBUG_WHY_BREAK, DEBUG_WHY_STEP, DEBUG_WHY_WATCH } DebugWhy;

typedef struct DebugPoint {
    DebugKind kind;
    uint64_t addr, len;
    bool wanted, applied;
} DebugPoint;

typedef struct MachineDebug {
    GArray *points;       /* of DebugPoint */
    bool step_interrupts; /* a step may enter an interrupt handler */
    unsigned generation;  /* counts changes of what is applied */
    /* The first vCPU that stopped since debug_forget(); its watchpoint and the address it accessed. */
    GMutex lock; /* guards what follows; a leaf */
    const Vcpu *stopped;
    DebugWhy why;
    DebugKind watch;
    uint64_t addr;
} MachineDebug;

/* The machine's, made when first asked for. Machine lock. */
MachineDebug *debug_of(Machine *machine);
void debug_free(Machine *machine);

/* Whether the engine has such points. One that has no watchpoints for reads alone says so: debuggers then watch
 * accesses, and compare values. */
bool debug_has_kind(const Machine *machine, DebugKind kind);

/* Asks for a point, and takes one back; in effect after debug_commit(). False: the length or the number of
 * points is too large, or the engine has no room for it; there is no such point. */
bool debug_insert(Machine *machine, DebugKind kind, uint64_t addr, uint64_t len);
bool debug_remove(Machine *machine, DebugKind kind, uint64_t addr, uint64_t len);
void debug_remove_all(Machine *machine);

/* Makes what was asked for so, and code that was written through memory_map_write() or dma_write() seen
 * by all vCPUs. Machine lock; waits until no vCPU runs. */
void debug_commit(Machine *machine);

/* Whether there is a breakpoint at @pc; the first one in (@pc, @pc + @len), or 0. */
bool debug_breakpoint_at(const Machine *machine, uint64_t pc);
uint64_t debug_next_breakpoint(const Machine *machine, uint64_t pc, uint64_t len);

/* Whether a watchpoint is on the page of 4 KiB around @addr. */
bool debug_find_watch(const MachineDebug *debug, uint64_t addr);
static inline bool debug_page_watched(const Machine *machine, uint64_t addr)
{
    return unlikely(machine->debug != NULL) && debug_find_watch(machine->debug, addr);
}

/* An access that a vCPU is about to make: leaves with VCPU_EXIT_DEBUG if it is watched. */
void debug_check_access(Vcpu *vcpu, uint64_t addr, unsigned size, bool read, bool write);

/* Notes that @vcpu stops, if it is the first; and forgets about that. */
void debug_note(const Vcpu *vcpu, DebugWhy why, DebugKind watch, uint64_t addr);
void debug_forget(Machine *machine);

#endif
