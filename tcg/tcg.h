/*
 * The translator's back half as engines use it: code memory, compiling a region to host code, links
 * between regions, restoring guest state, and the interpreter of the same IR.
 *
 * It knows neither guests nor the rest of the emulator. What translated code needs of the vCPU is given
 * once as a TcgRuntime: offsets of fields and functions to call.
 *
 * Host register plan (x86-64): rbp = env, the address of architectural state + TCG_ENV_BIAS; r15 = the
 * current TLB context; rsp = the return-prediction stack; rax, rcx, rdx, xmm0, xmm1 scratch; the rest
 * is allocated. MXCSR holds the guest's rounding mode and sticky flags.
 *
 * Return prediction: call_mark makes the exit that follows push {guest return address} and use a host
 * `call`; exit_indirect of kind IR_JUMP_RETURN compares its pc with the one on the host stack and uses
 * `ret`. The bottom of the stack holds an address that never matches. Leaving translated code, a change
 * of context (exit_lookup) and overflow drop the whole stack, so nothing on it can be stale. Values are
 * therefore spilled relative to env, never to rsp.
 */
#ifndef AMPHI_TCG_H
#define AMPHI_TCG_H

#include "tcg/ir.h"

#define TCG_ENV_BIAS 128   /* so that 32 64-bit registers have 8-bit displacements */
#define TCG_SPILL_SLOTS 64 /* 16 bytes each; a v256 takes two */
#define TCG_RETURN_STACK_BYTES 4096

/* Layout of a TLB context as inline probes see it: a table of 1 << entry_bits entries of 32 bytes,
 * indexed by address bits 12 and up. An access of s bytes at a hits when (a ^ tag) <= 4096 - s, unsigned;
 * its host address is then a + addend. (With IR_ALIGNED, also (a & (s - 1)) == 0.) A tag that never
 * matches has the wrong index bits. exec_id names the pair of virtual and physical page that fetches from
 * the page see, 0 if unknown. */
typedef struct TcgTlbEntry {
    uint64_t read_tag, write_tag, addend;
    uint32_t exec_id, info;
} TcgTlbEntry;

/* Jump cache of a context, indexed by (pc >> 1) & mask. A hit has equal pc and flags. */
typedef struct TcgJumpEntry {
    uint64_t pc;
    void *code;
    uint32_t flags, pad;
    uint64_t pad2;
} TcgJumpEntry;

#define TCG_TLB_BITS 12
#define TCG_JUMP_BITS 10

typedef struct TcgExit TcgExit;

/* Memory callbacks may unwind (not return). @memop is IrMemOp; loads give the value extended as it says.
 * Accesses of vectors, 16 or 32 bytes, go by pointer. */
typedef struct TcgRuntime {
    uint64_t (*load)(void *vcpu, uint64_t addr, unsigned memop);
    void (*store)(void *vcpu, uint64_t addr, uint64_t value, unsigned memop);
    void (*load_vector)(void *vcpu, uint64_t addr, void *value, unsigned bytes);
    void (*store_vector)(void *vcpu, uint64_t addr, const void *value, unsigned bytes);
    uint64_t (*rmw)(void *vcpu, uint64_t addr, uint64_t value, unsigned rmw, unsigned memop);
    uint64_t (*cas)(void *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned memop);
    /* Host pointer for a translate op after a miss, NULL if the range cannot have one or an access would fault.
     * Does not unwind: the access that faults has to name its own address. */
    void *(*translate)(void *vcpu, uint64_t addr, unsigned len, bool write);
    /* The result of a probe op, for the interpreter; may be NULL. Does not unwind and changes nothing. */
    uint64_t (*probe)(void *vcpu, uint64_t addr, bool write);

    /* Translated code only. State is exact, pc included. The result is the host code to go on at: of a
     * region, or tcg_exit_code() after setting the exit reason. */
    void *(*resolve)(void *vcpu, TcgExit *exit); /* an unlinked direct exit was taken */
    void *(*lookup)(void *vcpu);                 /* exit_lookup, or a miss of exit_indirect */
    /* a translate or check_page op failed: first-tier code for pc, whose pages are looked at again
     * */
    void *(*lookup_plain)(void *vcpu);

    /* Offsets in bytes from the start of architectural state (negative: in the Vcpu before it). */
    int32_t off_vcpu;        /* of the Vcpu */
    int32_t off_kick;        /* uint32_t */
    int32_t off_budget;      /* int64_t */
    int32_t off_tlb;         /* pointer to the current TLB context */
    int32_t off_exit_reason; /* int */
    int32_t off_pc;          /* uint64_t */
    int32_t off_sync_frame;  /* TcgFrame *, set during memory callbacks, NULL otherwise */
    int32_t off_sync_pc;     /* uintptr_t: host address that tcg_restore() takes */
    int32_t off_spill;       /* TCG_SPILL_SLOTS * 16 bytes, 16-byte aligned */
    int32_t off_stack;       /* base of the return-prediction stack: a pointer, set by tcg_run() */
    /* Offsets in a TLB context. */
    int32_t tlb_entries, tlb_jumps;
    const void *exits_base; /* TcgExits lie within 4 GiB from here (NULL: anywhere) */
    /* uint32_t: in regions with a count op, stored before each call of a helper that may fault (and
     * by the interpreter at insn_start): the instructions of the last count op that are not done
     * yet, the current one included */
    int32_t off_undone;
    int reason_kick, reason_budget;
} TcgRuntime;

/* Host registers as saved around memory callbacks, in the hardware's numbering. */
typedef struct TcgFrame {
    uint64_t gpr[16];
    uint64_t ymm[16][4]; /* low halves only, or nothing, if the region has no more */
} TcgFrame;

/* Host features, detected once per Tcg; a mask can take some away ("bmi2,fma,avx2,lzcnt,..."). */
typedef struct TcgFeatures {
    bool bmi1, bmi2, lzcnt, popcnt, movbe, sse41, avx, avx2, fma, f16c;
    bool avx512; /* F, DQ, BW, VL */
    bool vbmi;   /* of AVX-512 */
} TcgFeatures;

/* A direct way out of a region (also where a predicted return lands). Lives as long as the region. There are
 * two of them for each region and many regions, so they are kept small. */
struct TcgExit {
    uint64_t pc;       /* guest target */
    uint32_t region;   /* engine's: the region it belongs to */
    uint32_t target;   /* engine's: the region it is linked to, 0 if none */
    uint32_t next;     /* engine's: next exit linked to the same target */
    uint32_t previous; /* engine's: the one before in that list */
    uint32_t exec_id;  /* engine's: that it was first linked with, 0 if never */
    uint32_t jump;     /* where the rel32 to patch is in code memory */
    uint32_t stub;     /* where it leads to while the exit is not linked */
    /* how far before @jump the imm32 to patch is, 0 if the target is on the same page */
    uint32_t check;
};

typedef struct Tcg Tcg;

/* The result of compiling a region. */
typedef struct TcgCode {
    void *entry;        /* executable address */
    TcgExit *exits;     /* nexits of them, then the table for tcg_restore() */
    uint32_t size;      /* bytes of code memory used, stubs included */
    uint32_t main_size; /* of the part that is on the hot path */
    uint32_t meta_size; /* bytes used from @exits on */
    uint32_t nexits;
} TcgCode;

/* What the code generator has to know beside the IR. */
typedef struct TcgCompile {
    uint64_t pc;    /* of the entry */
    uint32_t flags; /* that jump-cache hits must have */
    bool optimize;  /* second tier: spend more on register allocation */
    /* nothing is expected of values at the entry: if they are not so, the region leaves by
     * lookup_plain at once */
    bool no_entry_tests;
    /* memory for what is kept beside the code, 8-byte aligned; it lives as long as the code */
    void *meta;
    size_t meta_room; /* bytes of it */
} TcgCompile;

/* Maps @size bytes of code memory twice from one memfd: writable, and executable (never both). @features:
 * what not to use, NULL or "" for none (unknown names: error). Fails where executable memory is refused. */
Tcg *tcg_new(const TcgRuntime *runtime, size_t size, const char *features_off, GError **error);
void tcg_free(Tcg *tcg);
const TcgFeatures *tcg_features(const Tcg *tcg);

/* The part of code memory that the engine may manage (after the common stubs), executable addresses. */
uint8_t *tcg_code_start(const Tcg *tcg);
size_t tcg_code_size(const Tcg *tcg);

/* Says that [@start, @start + @size), executable addresses, is filled: the writable view of it need not stay in
 * memory. It may still be patched. */
void tcg_code_settled(const Tcg *tcg, uint8_t *start, size_t size);

/* Says that [@start, @start + @size), executable addresses, will be filled soon. */
void tcg_code_expect(const Tcg *tcg, const uint8_t *start, size_t size);

/* Compiles @ir to host code at executable address @at, using at most @room bytes. Returns false if the room
 * there or at how->meta does not suffice (nothing is kept). The IR must be valid; it may be changed. One thread at a time. */
bool tcg_compile(Tcg *tcg, IrRegion *ir, const TcgCompile *how, uint8_t *at, size_t room,
                 TcgCode *code);

/* Runs host code at @code until something leaves; the reason is in the vCPU. MXCSR is the caller's. */
void tcg_run(Tcg *tcg, void *state, void *code);

/* The address that a callback returns to leave tcg_run(). */
void *tcg_exit_code(const Tcg *tcg);

/* Links @exit to host code @entry, whose first page must have execution id @exec_id, and back to its stub.
 * Safe while other threads execute the exit. */
void tcg_link(Tcg *tcg, TcgExit *exit, void *entry, uint32_t exec_id);
void tcg_unlink(Tcg *tcg, TcgExit *exit);

/* Writes to @state the registers that translated code, compiled for @entry_pc, held in host registers when it
 * made a memory callback from @host_pc (sync_pc). *@pc gets the guest pc of the instruction, *@insns how many
 * instructions of a count op before it remain undone (including it). False if @host_pc is not of this
 * region. */
bool tcg_restore(const TcgCode *code, uint64_t entry_pc, uintptr_t host_pc, const TcgFrame *frame,
                 void *state, uint64_t *pc, unsigned *insns);

/* Appends a disassembly of host code. */
void tcg_disassemble(const void *code, size_t size, GString *out);

/*
 * The interpreter of IR. Guest state is exact in memory at every instruction (pc at insn_start).
 */
typedef struct IrCode IrCode; /* a region frozen for execution */

typedef struct IrInterpExit {
    IrOp op;    /* exit_direct, exit_indirect, exit_lookup, exit_reason, check_page, poll or count;
                       the pc to go on at is in state */
    int reason; /* of exit_reason, poll, count */
    /* of check_page: the page to be checked... the interpreter leaves it to the engine */
    uint64_t pc;
} IrInterpExit;

/* Copies @ir into a form for execution; the copy is freed with g_free(). */
IrCode *ir_code_new(const IrRegion *ir, size_t *bytes);

/* Executes from block 0 until an exit. Helpers are called through libffi. @rt: the memory callbacks and
 * offsets are used. check_page is passed as true (the engine checks pages before it enters). */
void ir_interp(const IrCode *code, const TcgRuntime *rt, void *state, IrInterpExit *exit);

#endif
