/*
 * Random valid IR over a made-up guest, with a runtime to execute it. The optimizer's tests run a
 * region before and after optimization; the emitter's tests run it in the interpreter and on the
 * host.
 *
 * The guest: 20 integer and 10 FP variables, two vectors of each width, 64 bytes of env, and two pages of memory.
 * An access outside of them, a misaligned one where alignment is asked for, and the helper "trap"
 * fault: they leave by siglongjmp to guest->unwind.
 */
#ifndef AMPHI_TESTS_RANDOM_IR_H
#define AMPHI_TESTS_RANDOM_IR_H

#include "tcg/tcg.h"
#include <setjmp.h>

#define RANDOM_NX 20
#define RANDOM_NF 10
#define RANDOM_NV 2
#define RANDOM_NVARS (RANDOM_NX + RANDOM_NF + 2 * RANDOM_NV)
#define RANDOM_ENV_BYTES 64

#define RANDOM_MEM_BASE UINT64_C(0x7ffff000)
#define RANDOM_MEM_SIZE 8192u

/* Reasons that the runtime names. */
enum { RANDOM_REASON_KICK = 100, RANDOM_REASON_BUDGET = 101 };

typedef enum RandomFeature {
    RANDOM_FP = 1,      /* FP arithmetic and conversions */
    RANDOM_VECTOR = 2,  /* v128 values, variables and accesses */
    RANDOM_MEMORY = 4,  /* ld, st */
    RANDOM_ATOMIC = 8,  /* rmw, cas, fence */
    RANDOM_CALL = 16,   /* helpers */
    RANDOM_FAULT = 32,  /* some accesses and helpers fault */
    RANDOM_BRANCH = 64, /* several blocks, loops */
    RANDOM_XLATE = 128, /* translate, ld_host, st_host */
    RANDOM_COUNT = 256, /* count, poll */
    RANDOM_WIDE = 512,  /* with RANDOM_VECTOR: v256, too */
    RANDOM_ALL = 1023,
} RandomFeature;

/* What is compared after a run. */
typedef struct RandomState {
    uint64_t x[RANDOM_NX];
    uint64_t f[RANDOM_NF];
    uint64_t v[RANDOM_NV][2];
    uint64_t pc;
    uint8_t env[RANDOM_ENV_BYTES];
    uint64_t w[RANDOM_NV][4];
} RandomState;

typedef struct RandomTlb {
    TcgTlbEntry entries[1 << TCG_TLB_BITS];
    TcgJumpEntry jumps[1 << TCG_JUMP_BITS];
} RandomTlb;

typedef struct RandomGuest {
    _Alignas(64) uint64_t spill[TCG_SPILL_SLOTS * 2];
    sigjmp_buf unwind;
    /* Called before a fault leaves and by helpers that read state; for the emitter's tests, may be
     * NULL. */
    void (*sync)(struct RandomGuest *guest);
    void *opaque; /* of the test */
    uint64_t fault_addr;
    unsigned faults;
    bool no_translate;     /* translate ops find no host pointer */
    bool no_probe;         /* nor do probe ops */
    unsigned accesses;     /* through the callbacks, since the fill */
    unsigned access_limit; /* the access of this number, from 1 on, faults; 0: none does for that */
    void *sync_frame;
    uintptr_t sync_pc;
    void *stack;
    RandomTlb *tlb; /* set by random_guest_new() to one that never hits */
    int64_t budget;
    uint32_t kick;
    uint32_t undone;
    int exit_reason;
    uint64_t scratch[IR_SCRATCH_VARS];
    _Alignas(64) RandomState state;
    _Alignas(4096) uint8_t memory[RANDOM_MEM_SIZE];
} RandomGuest;

/* One run's end. */
typedef struct RandomResult {
    RandomState state;
    uint8_t memory[RANDOM_MEM_SIZE];
    int64_t budget;
    uint32_t mxcsr;
    bool faulted;
    uint64_t fault_addr; /* if it did */
    IrOp op;             /* that left, if it did not fault */
    int reason;
} RandomResult;

RandomGuest *random_guest_new(void);
void random_guest_free(RandomGuest *guest);

/* Fills variables, env and memory with random and interesting values; budget large, no kick. */
void random_guest_fill(RandomGuest *guest, GRand *rng);

/* Initializes @ir for the guest's variables and helpers. */
void random_region_init(IrRegion *ir);

/* Fills the memory callbacks and the offsets; the callbacks of translated code are left NULL. */
void random_runtime(TcgRuntime *rt);

/* Replaces @ir by a random valid region of about @size instructions, using RandomFeature bits. */
void random_ir(GRand *rng, IrRegion *ir, unsigned size, unsigned features);

/* Replaces @ir by random loops that walk through memory. */
void random_loop(GRand *rng, IrRegion *ir);

/* One that may do several iterations at once. */
void random_wide_loop(GRand *rng, IrRegion *ir);

/* Runs @ir once in the interpreter from the state that @guest has, with @mxcsr in force. */
void random_run_interp(RandomGuest *guest, const IrRegion *ir, uint32_t mxcsr,
                       RandomResult *result);

/* Compares; on a difference appends what differs to @out and returns false. */
bool random_result_equal(const RandomResult *a, const RandomResult *b, GString *out);

#endif
