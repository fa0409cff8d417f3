/*
 * Running regions of the made-up guest (random-ir.h) on the host, for the tests of the emitter.
 */
#ifndef AMPHI_TESTS_NATIVE_H
#define AMPHI_TESTS_NATIVE_H

#include "tests/ir/random-ir.h"

#define NATIVE_CODE_BYTES (4u << 20)
#define NATIVE_MAX_REGIONS 64

/* One compiled region, known by its guest address. */
#define NATIVE_META_BYTES (256u * 1024)

typedef struct NativeRegion {
    uint64_t pc;
    TcgCode code;
} NativeRegion;

/* A small engine: regions by pc, and what the callbacks were asked. */
typedef struct Native {
    Tcg *tcg;
    TcgRuntime rt;
    RandomGuest *guest;
    NativeRegion regions[NATIVE_MAX_REGIONS];
    unsigned nregions;
    uint8_t *at;    /* free code memory */
    bool link;      /* direct exits are linked once taken */
    uint32_t flags; /* of regions and jump-cache entries */
    IrOp left_by;   /* exit_direct, exit_lookup, translate; IR_NOPS: by a reason */
    unsigned resolves, lookups;
    bool unknown_pc;                          /* tcg_restore() did not know a callback's address */
    void (*on_lookup)(struct Native *native); /* for tests that change things there; may be NULL */
} Native;

/* @off: host features not to use. */
Native *native_new(const char *off);
void native_free(Native *native);

/* Compiles @ir as the region at @pc. False if it does not fit. */
bool native_compile(Native *native, IrRegion *ir, uint64_t pc, bool optimize);
bool native_compile_how(Native *native, IrRegion *ir, TcgCompile how);

/* Forgets all regions. */
void native_reset(Native *native);

/* The region at @pc, NULL if there is none: then translated code leaves. */
NativeRegion *native_find(Native *native, uint64_t pc);

/* Runs from the region at @pc. */
void native_run(Native *native, uint64_t pc, uint32_t mxcsr, RandomResult *result);

/* Copies state, memory, budget and kick. */
void native_copy_guest(RandomGuest *to, const RandomGuest *from);

/* Which of the guest's pages hit: two bits a page, read and write. */
void native_fill_tlb(RandomGuest *guest, unsigned hits);

#endif
