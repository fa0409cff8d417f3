/*
 * Whole boards, each with every device it can have, and programs for them: accesses of their registers as any guest
 * can make them, of tables in memory that registers may point to, and of virtual time.
 *
 * A program is bytes: steps of a byte for the kind of access, one for the register block, offset, value; or what would
 * not be hit on by registers alone, fw_cfg's transfers and the drawing of a screen. The blocks are those that the memory
 * map and the map of ports have once firmware has placed the functions of the PCI bus: none is left out.
 */
#ifndef AMPHI_TESTS_BENCH_H
#define AMPHI_TESTS_BENCH_H

#include "softmmu/display.h"
#include "softmmu/machine.h"
#include "tests/fuzz/fuzz.h"

typedef enum BenchKind {
    BENCH_VIRT,
    BENCH_Q35,
    BENCH_SPIKE,
    BENCH_MICROVM,
    BENCH_BOARDS
} BenchKind;

typedef struct BenchBoard BenchBoard;

typedef struct Bench {
    const BenchBoard *board;
    Machine *machine;
    GPtrArray *blocks; /* of MemoryRegion */
    uint64_t sum;      /* made of all that was read */
    DisplaySurface surface;
    unsigned drawings; /* since the last reset */
} Bench;

/* A board with a stepped clock that runs, as it comes out of a reset and firmware's hands. For bench_free(). The
 * lock of its machine is free, as a thread can hold but one. */
Bench *bench_new(BenchKind kind);
/* The same around a machine of the caller's make, whose lock it has; both are given up. */
Bench *bench_new_of(BenchKind kind, Machine *machine);
void bench_free(Bench *bench);

const MachineClass *bench_class(BenchKind kind);

/* Where its RAM begins. */
uint64_t bench_ram(const Bench *bench);

/* As it was when it was made. With the lock of its machine, as what follows. */
void bench_reset(Bench *bench);

/* Writes random values to about half of the first registers of each block. A reset that it asks for does not happen. */
void bench_scribble(Bench *bench, GRand *rand);

/* All of the program @in. A reset that it asks for happens. */
void bench_run(Bench *bench, FuzzInput *in);

#endif
