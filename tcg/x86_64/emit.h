/*
 * The code generator's internals, shared by the files of this directory.
 *
 * One pass over the region emits host code with local register allocation. Every host register may
 * hold at the same time a guest variable (clean, or dirty: newer than state in memory) and any
 * number of IR values that are equal to it. get_var makes a value an alias of the variable's
 * register and set_var makes the value's register the variable's, so most of them cost nothing.
 *
 * State across blocks: a block with one predecessor starts with the registers as that one left
 * them. A join (several predecessors, or a back edge) starts from a canonical state: only pinned
 * variables, each in its home register, all others in memory. Pins are chosen over the region; see
 * pins.c.
 *
 * Rare code goes out of line: a Cold record says how to emit it once the main code is complete.
 * Ways out that need state in memory carry a snapshot of the dirty registers; the sync table keeps
 * the same snapshots for tcg_restore().
 */
#ifndef AMPHI_TCG_X86_64_EMIT_H
#define AMPHI_TCG_X86_64_EMIT_H

#include "tcg/codemem.h"
#include "tcg/tcg.h"
#include "tcg/x86_64/asm.h"

#define GPR_MASK 0x0000ffffu
#define XMM_MASK 0xffff0000u
/* What the allocator hands out: see the register plan in tcg.h. */
#define ALLOC_GPRS (1u << RBX | 1u << RSI | 1u << RDI | 0x7f00u)
#define ALLOC_XMMS (0xfffcu << 16)
/* Preserved by C functions, among the allocatable. */
#define CALLEE_SAVED (1u << RBX | 1u << R12 | 1u << R13 | 1u << R14)
#define CALLER_SAVED ((ALLOC_GPRS | ALLOC_XMMS) & ~CALLEE_SAVED)

#define ENV RBP
#define TLB R15

#define NOSLOT 0xff
#define NOVAR (-1)
#define NOSNAP UINT32_MAX
/* No IR instruction makes more code than this in the main part or in one cold piece. */
#define MAX_OP_BYTES 2048

typedef enum ValueFlags {
    VALUE_ZX = 1,    /* the upper half of its register is zero */
    VALUE_FUSED = 2, /* not emitted by itself: its only user does */
    VALUE_CANON = 4, /* of a get_var: nan.c */
} ValueFlags;

/* 16 bytes: set up, and found, in one step. */
typedef struct Value {
    uint32_t last;    /* index of the last user, 0 if none */
    uint32_t hint_at; /* the set_var that makes the hint so */
    IrRef next;       /* next value in the same register */
    uint8_t reg;      /* HostReg or NOREG */
    uint8_t slot;     /* spill slot that holds it or NOSLOT */
    uint8_t flags;    /* ValueFlags */
    uint8_t hint;     /* 1 + the variable it is about to become, 0 if none */
    uint16_t unused;
} Value;

typedef struct RegDesc {
    int16_t var;    /* variable held or NOVAR */
    IrRef head;     /* first value held or IR_NOREF */
    uint32_t touch; /* instruction that used it last */
} RegDesc;

/* What is known at the start of a block. */
typedef struct BlockState {
    uint32_t vars;          /* registers that hold a variable: */
    int16_t var[NHOSTREGS]; /* which one */
    uint32_t dirty, raw;    /* host registers */
    uint64_t pc;
    uint32_t undone;
} BlockState;

typedef struct BlockInfo {
    uint8_t *label;  /* writable address once emitted */
    uint8_t *fixups; /* chain of rel32 fields that wait for the label */
    int32_t state;   /* BlockState it inherits, -1: canonical */
    uint32_t preds;
    uint32_t order;    /* position of emission */
    uint32_t dirty_in; /* canonical: homes that may be dirty */
    uint32_t valid_in; /* canonical: homes that hold their variable */
    uint32_t raw_in;   /* canonical: of those, the ones that may be raw */
    bool canonical, entered;
    bool inlined; /* emitted with its predecessor's branch */
    uint64_t pc;  /* canonical: guest instruction at the first edge to it (entered) */
    uint32_t undone;
} BlockInfo;

typedef struct Emit Emit;

/* A table that grows, and keeps its storage between compilations. */
#define TABLE(type)      \
    struct {             \
        type *at;        \
        uint32_t n, cap; \
    }
/* The first of @k new rows; other rows may move. */
#define table_add(t, k)                                                            \
    ((t)->cap - (t)->n < (k)                                                       \
         ? (void)((t)->at = table_grow((t)->at, &(t)->cap, (k), sizeof(*(t)->at))) \
         : (void)0,                                                                \
     (t)->n += (k), &(t)->at[(t)->n - (k)])
void *table_grow(void *at, uint32_t *cap, uint32_t more, size_t row);

/* Code to be emitted out of line. */
typedef struct Cold Cold;
struct Cold {
    void (*emit)(Emit *e, const Cold *c);
    uint8_t *from[2]; /* rel32 fields of jumps that lead here, NULL if unused */
    uint8_t *back;    /* writable address to return to */
    uint64_t pc;      /* guest instruction, or where to go on */
    uint64_t imm;
    uint32_t snap; /* dirty registers */
    uint32_t undone;
    uint32_t insn; /* index of the IR instruction */
    uint8_t reg[4];
};

/* The side table being written; see sync.c. */
typedef struct SyncWriter {
    uint8_t *at, *end; /* NULL: there was no room */
    uint64_t pc;       /* of the last record: */
    uint32_t host;     /* offset of the callback's return address from the region's entry */
    uint32_t snap;     /* index of the snapshot's count, which as many words SNAP_WORD() follow */
} SyncWriter;

/* A register of a snapshot. What it holds: 8 bytes, an f64 that may be raw, a v128, a v256. */
enum { SNAP_8, SNAP_F64_RAW, SNAP_16, SNAP_32 };
#define SNAP_WORD(offset, kind, reg) ((uint32_t)(offset) << 8 | (kind) << 5 | (reg))
#define SNAP_OFFSET(word) ((int32_t)(word) >> 8)
#define SNAP_KIND(word) ((word) >> 5 & 3)
#define SNAP_RAW(word) (SNAP_KIND(word) == SNAP_F64_RAW)
#define SNAP_REG(word) ((word)&31)
#define SNAP_LOW 0x7f /* all but the offset */

static inline unsigned snap_kind(unsigned type, bool raw)
{
    return type == IR_V256 ? SNAP_32 : type == IR_V128 ? SNAP_16 : raw ? SNAP_F64_RAW : SNAP_8;
}

/* As a type to be stored. */
static inline unsigned snap_type(uint32_t word)
{
    return SNAP_KIND(word) == SNAP_32 ? IR_V256 : SNAP_KIND(word) == SNAP_16 ? IR_V128 : IR_F64;
}

/* What a region keeps in vector registers: nothing, at most 128 bits, more. */
typedef enum Vectors { VECTORS_NONE, VECTORS_XMM, VECTORS_YMM, NVECTORS } Vectors;

/* Common code at the start of code memory: executable addresses. */
typedef struct Stubs {
    void (*enter)(void *state, void *code);
    uint8_t *leave;
    uint8_t *resolve;     /* rax = TcgExit, from rt->exits_base */
    uint8_t *lookup;      /* pc is in state */
    uint8_t *lookup_drop; /* the same, dropping the return stack */
    uint8_t *lookup_plain;
    /* Memory callbacks, by what they preserve of vector registers (Vectors). rax = address, other
     * arguments in rdx, rcx, and bytes of the TEST instruction that follows the call; results in rax or
     * xmm0. */
    uint8_t *load[NVECTORS], *store[NVECTORS], *load_vector[NVECTORS], *store_vector[NVECTORS];
    uint8_t *rmw[NVECTORS], *cas[NVECTORS], *translate[NVECTORS];
    /* Calls the C function in rax with arguments in rcx, rdx and xmm0, xmm1; preserves the
     * allocatable registers; results in rax or xmm0. */
    uint8_t *math[NVECTORS];
    /* The same with a VectorFn, for what is in (x or y)mm0 and 1, to the first of which the result goes. */
    uint8_t *vector_math[NVECTORS];
    /* Constants, aligned to their size. */
    const uint8_t *pool;
} Stubs;

/* Offsets in the constant pool. */
enum {
    POOL_SIGN64 = 0,
    POOL_ABS64 = 16,
    POOL_SIGN32 = 32,
    POOL_ABS32 = 48,
    POOL_BOX = 64,
    POOL_NAN64 = 80,
    POOL_NAN32 = 96,
    POOL_FLAGS = 112, /* IrFpFlag of each value of MXCSR's six sticky bits */
    /* 32 bytes each. */
    POOL_VNAN64 = 192,
    POOL_VNAN32 = 224,
    POOL_TOP = 256,    /* by log2 of the lane size: the top bit of each lane */
    POOL_BITS = 384,   /* by log2 of the lane size: in lane i, bit i */
    POOL_SPREAD = 512, /* for PSHUFB: byte 0 eight times, byte 1 eight times and so on */
    POOL_LOW8 = 544,   /* the low byte of each 16 bits */
    POOL_LOW16 = 576,  /* and the low half of each 32 */
    POOL_HIGH16 = 608, /* the high half of each 32 */
    POOL_SHL8 = 640,   /* by the count, of bytes: what a shift leaves, left and right; */
    POOL_SHR8 = 896,
    POOL_SIGN8 = 1152, /* where the sign bit comes to be */
    POOL_SIZE = 1408
};

struct Emit {
    Asm as;
    const TcgRuntime *rt;
    const TcgFeatures *f;
    const Stubs *stubs;
    const TcgCompile *how;
    IrRegion *ir;
    IrInsn *insns;
    bool avx;
    bool failed;       /* out of spill slots: emit_fail() */
    uint8_t *room_end; /* no instruction of IR begins to be emitted beyond this */

    /* Registers and values. */
    Value *vals;
    RegDesc reg[NHOSTREGS];
    uint32_t alloc_mask; /* that the local allocator may use */
    uint32_t free_mask;  /* of those: hold nothing */
    uint32_t var_mask;   /* hold a variable */
    uint32_t dirty_mask;
    uint32_t raw_mask;    /* f64 whose NaN is not canonical yet, see nan.c */
    uint32_t entry_canon; /* homes that are tested at the region's entry */
    uint32_t locked;      /* operands of the current instruction */
    bool released;        /* those that it uses last hold no register any more */
    uint32_t pin_mask;    /* homes of pinned variables */
    Vectors vectors;      /* that the region has had so far */
    uint64_t slots_free;
    uint8_t *var_reg;     /* per variable: register that holds it, NOREG */
    uint8_t *home;        /* per variable: NOREG if not pinned */
    uint16_t *next_touch; /* per variable, prepass: nearest later get_var or set_var */
    uint16_t *var_last;   /* per variable: last access in the block */
    uint32_t cur;         /* current instruction */

    /* Precise state. */
    uint64_t pc;     /* of the current guest instruction */
    uint32_t undone; /* of the last count op, including the current instruction */
    bool counting;   /* the region has count ops */
    uint32_t snap;   /* snapshot of the current dirty registers, or NOSNAP */

    /* Blocks. */
    const IrBlock *block;
    BlockInfo *blocks;
    uint32_t *order;
    uint32_t order_index;
    bool forget_vars; /* no block after this one is likely to read the variables again */
    bool has_mark;    /* call_mark before the exit */
    uint64_t mark;
    bool poll_pending; /* the kick has been compared for the branch that follows */
    uint64_t poll_pc;

    /* The value whose ALU instruction was emitted last: flags tell its relation to 0. */
    IrRef flags_ref;
    bool flags_logic;   /* by a logic instruction: overflow and carry are clear */
    uint8_t *flags_end; /* where the code after that instruction begins */

    TABLE(BlockState) states;
    TABLE(Cold) cold;
    TABLE(uint32_t) words; /* snapshots */
    SyncWriter sync;

    TcgExit *exits;
    unsigned nexits;
    unsigned max_exits; /* that there is room for */
    uint8_t *base;      /* writable address of the region's first byte */
    uint8_t *memory;    /* and of code memory */
    uint32_t cap_vals, cap_blocks, cap_vars;
};

struct Tcg {
    TcgRuntime rt;
    TcgFeatures features;
    CodeMem mem;
    size_t stubs_size;
    Stubs stubs;
    Emit emit;
};

/* The x86 displacement of a state offset. */
static inline int32_t env_disp(int64_t offset)
{
    return offset - TCG_ENV_BIAS;
}

static inline bool is_xmm(unsigned reg)
{
    return reg >= XMM0;
}

static inline bool type_is_int(unsigned type)
{
    return type <= IR_I64;
}

/* Type of an instruction's result. */
extern const uint8_t op_result_type[IR_NOPS];
static inline unsigned result_type(const IrInsn *in)
{
    return op_result_type[in->op] ? op_result_type[in->op] : in->type;
}

/* X_L for an op on v256. */
static inline unsigned vec_width(const IrInsn *in)
{
    return in->type == IR_V256 ? X_L : 0;
}

/* Whether an instruction of this kind may be left out if nothing uses its value. */
extern const bool op_is_skippable[IR_NOPS];

/* Whether @ref is a constant, and its value. */
static inline bool value_const(const Emit *e, IrRef ref, uint64_t *v)
{
    const IrInsn *in = &e->insns[ref];

    if (in->op != IR_const) {
        return false;
    }
    *v = in->imm;
    return true;
}

/* Whether it is a constant that fits a sign-extended 32-bit immediate of operations of @type. */
static inline bool value_imm32(const Emit *e, IrRef ref, unsigned type, int32_t *imm)
{
    uint64_t v;

    if (!value_const(e, ref, &v) || (type == IR_I64 && !fits_s32(v))) {
        return false;
    }
    *imm = v;
    return true;
}

/* features.c */
bool features_detect(TcgFeatures *f, const char *off, GError **error);

/* stubs.c: emits the common code at the start of code memory. */
void stubs_emit(Tcg *tcg);

/* regalloc.c */
void regs_begin_region(Emit *e);
void regs_begin_block(Emit *e, const BlockState *state); /* inherited */
void regs_begin_join(Emit *e, const BlockInfo *info);
int32_t regs_save_state(Emit *e);
/* A value of @type, not an integer, is there from here on. */
static inline void regs_note_vector(Emit *e, unsigned type)
{
    e->vectors = MAX(e->vectors, type == IR_V256 ? VECTORS_YMM : VECTORS_XMM);
}
unsigned reg_use(Emit *e, IrRef ref);     /* in a register, locked */
unsigned reg_use_raw(Emit *e, IrRef ref); /* the same, by a user to whom all quiet NaNs are alike */
unsigned reg_use_or(Emit *e, IrRef ref,
                    unsigned scratch);              /* in its register, or loaded to @scratch */
void reg_load_to(Emit *e, IrRef ref, unsigned dst); /* a copy in a given register */
unsigned reg_def(Emit *e, unsigned prefer, unsigned prefer2); /* register for the current result */
void reg_bind(Emit *e, unsigned reg, unsigned flags);         /* the result is there now */
void reg_alias(Emit *e, IrRef ref, unsigned flags);           /* the result equals @ref */
void reg_get_var(Emit *e, unsigned var);
void reg_set_var(Emit *e, unsigned var, IrRef ref);
void regs_release_args(Emit *e);
void regs_flush(Emit *e);       /* stores what is dirty */
void regs_flush_guest(Emit *e); /* the same on the way out, where scratch variables mean nothing */
uint32_t regs_dirty_guest(const Emit *e); /* registers that it would store */
void regs_forget_vars(Emit *e);           /* after state changed below us; nothing may be dirty */
void regs_save_for_call(Emit *e);         /* empties the caller-saved registers */
/* For an edge to a join, with its valid_in and raw_in. */
void regs_make_canonical(Emit *e, uint32_t valid, uint32_t raw);
void regs_load_home(Emit *e, unsigned var);
/* At the region's entry, before that: scratch variables have no content to load. */
void regs_begin_scratch(Emit *e, uint32_t valid);
uint32_t regs_snapshot(Emit *e);
void emit_snapshot_stores(Emit *e, uint32_t snap);
int32_t slot_disp(const Emit *e, unsigned slot); /* of a spill slot */
unsigned slot_take(Emit *e, unsigned type);      /* NOSLOT (and e->failed): there is none */
void slot_give(Emit *e, unsigned type, unsigned slot);
void slot_store(Emit *e, unsigned type, unsigned slot, unsigned reg);
void emit_mov(Emit *e, unsigned dst, unsigned src);
void emit_load_const(Emit *e, unsigned dst, const IrInsn *in);

/* scan.c */
void scan_block(Emit *e, const IrBlock *block);

/* pins.c */
void pins_choose(Emit *e);
unsigned block_successors(const Emit *e, const IrBlock *block, unsigned out[2]);

/* nan.c */
void nan_plan(Emit *e); /* after pins_choose() */
void nan_check_entry(Emit *e);
void reg_canonicalize(Emit *e, unsigned r); /* changes host flags */
void emit_canonical(Emit *e, unsigned r);   /* the same for code out of line */
void nan_make_canonical(void *f64);         /* the same on memory */

/* sync.c */
void sync_begin(Emit *e, uint8_t *at, uint8_t *end); /* where it goes; before any cold code */
void sync_add(Emit *e, const Cold *c);               /* a callback returns here */

/* compile.c */
typedef void ColdFn(Emit *e, const Cold *c);
Cold *cold_new(Emit *e, ColdFn *emit, uint8_t *from);
Cold *cold_new_clean(Emit *e, ColdFn *emit, uint8_t *from); /* without a snapshot */
void emit_fail(Emit *e); /* what is emitted does not count; it ends with the current instruction */

/* Emitters of ops, by subject. */
typedef void EmitFn(Emit *e, const IrInsn *in);
#define OP(name, r, a, b, c, d, flags) EmitFn op_##name;
#include "tcg/ir-ops.def"
#undef OP

/* emit-int.c: a comparison whose operands are in registers, for the users of flags. */
typedef struct Compare {
    uint8_t a, b;   /* registers; b NOREG: immediate */
    bool test;      /* a & b (or imm) against 0 */
    IrRef zero_ref; /* the value that is compared with 0, or IR_NOREF */
    unsigned w;
    int32_t imm;
    X86Cond cc;
} Compare;
Compare compare_prepare(Emit *e, unsigned type, IrCond cond, IrRef a, IrRef b);
void compare_emit(Emit *e, Compare *c); /* may change c->cc */
/* The operand whose definition @user takes over (an AND compared with 0, a shift added), or
 * IR_NOREF; for the prepass, before it has seen the operands of @user. */
IrRef fusable_operand(const Emit *e, const IrInsn *user);

/* emit-fp.c: forms that choose between VEX and SSE. */
void fp_rr(Emit *e, unsigned op, unsigned reg, unsigned rm);
void fp_rrr(Emit *e, unsigned op, unsigned d, unsigned a, unsigned b); /* d = a op b */
void fp_rip(Emit *e, unsigned op, unsigned d, unsigned a, unsigned pool);
void fp_rip_load(Emit *e, unsigned op, unsigned d, unsigned pool);
void fp_rm(Emit *e, unsigned op, unsigned reg, unsigned base, int32_t disp);

/* emit-vec.c */
void vec_binary(Emit *e, const IrInsn *in, unsigned op,
                bool commutes); /* one instruction, for @in's width */
/* A splat of @v. May clobber rax. */
void emit_splat_const(Emit *e, unsigned d, const IrInsn *in, uint64_t v);
/* A function on vectors of two or four words: @ab[0], which becomes the result, and @ab[1]. */
typedef void VectorFn(uint64_t ab[2][4], uint64_t rcx, uint64_t rdx);
void emit_call_eval(Emit *e, const IrInsn *in); /* xmm0 = the op of xmm0 and xmm1, by a function */
void emit_check_nan(Emit *e, const IrInsn *in, unsigned d); /* makes NaN lanes canonical */

/* emit-vint.c: lanes that the host has no single instruction for, and counts that are known; false: by a function */
bool emit_vint(Emit *e, const IrInsn *in);

/* Stores a constant to the guest pc; clobbers rax. */
static inline void emit_store_pc(Emit *e, uint64_t pc)
{
    x_store_imm(&e->as, ENV, env_disp(e->rt->off_pc), pc, RAX);
}

#endif
