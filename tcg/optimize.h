/*
 * What the optimizer's passes share. Private to tcg/.
 *
 * The forward pass copies the region's instructions into a second array, rewriting them on the way,
 * and the two arrays then change places; so a rewrite may become any number of instructions, or
 * none. All arrays belong to the region's scratch memory and are reused: nothing is allocated once
 * they have grown. What is known of a value is kept beside it, indexed by its number: nothing is
 * hashed or searched.
 */
#ifndef AMPHI_TCG_OPTIMIZE_H
#define AMPHI_TCG_OPTIMIZE_H

#include "tcg/ir.h"

/* What is known of a value's bits, whatever its type (of v128, nothing). Upper halves of i32 and
 * f32 count as known zeros. */
typedef struct IrFacts {
    uint64_t zeros, ones; /* bits known to be 0, to be 1 */
    uint8_t sign;         /* equal bits from the top of an i32 or i64 down, >= 1 */
    uint8_t held;         /* how many variables have this value now: a hint */
} IrFacts;

/* IrInsn.flags while optimizing. */
#define IR_INSN_DEAD 1

/* What the current block knows of a variable. Entries of older epochs mean nothing. */
typedef struct OptVar {
    uint32_t known;   /* epoch in which @value was seen */
    uint32_t pending; /* observation epoch in which @set was emitted */
    IrRef value;
    IrRef set;       /* the set_var that nothing has observed yet */
    uint16_t column; /* of entry facts; OPT_NO_COLUMN: the region does not read it */
} OptVar;

#define OPT_NO_COLUMN UINT16_MAX

/* A field of env whose content is known. */
typedef struct OptEnv {
    int32_t offset;
    uint8_t size; /* log2 of bytes */
    uint8_t type; /* of @value */
    IrRef value;
    IrRef store; /* the st_env that put it there, IR_NOREF if observed since */
    uint32_t pending;
} OptEnv;

#define OPT_NENV 8

typedef struct OptGroup OptGroup; /* of group.c */
typedef struct IrOptScratch IrOptScratch;

struct IrOptScratch {
    IrRegion *ir;
    int level;
    IrInsn *out; /* copy in the making */
    uint32_t n, cap;
    IrRef *map;     /* of the original's values to the copy's */
    uint16_t *uses; /* of the copy's values */
    IrFacts *facts; /* of the copy's values */

    OptVar *vars;
    unsigned cap_vars;
    OptEnv env[OPT_NENV];
    unsigned nenv;
    uint32_t epoch;  /* vars[].value is of this block and valid */
    uint32_t oldest; /* vars[].value of an epoch since then: its facts hold, if not the value */
    uint32_t observation; /* counts ops that let state be seen */

    uint16_t *preds;         /* of blocks */
    uint8_t *mark;           /* of blocks: work of passes */
    uint16_t *order, *stack; /* of blocks: work of passes */
    unsigned cap_blocks;
    /* Level 2: facts of variables at block entries, ncolumns for each block; NULL: none. */
    IrFacts *entry;
    unsigned ncolumns;
    IrFacts *flow; /* storage of entry and of the analysis: cap_flow bytes */
    size_t cap_flow;
    OptGroup *groups;
    unsigned cap_groups;
    const IrFacts *block_entry; /* those of the current block, NULL: unknown */
};

/* Frees the arrays that a region keeps for the optimizer; NULL is allowed. */
void ir_opt_scratch_free(IrOptScratch *scratch);

/* ---- facts.c ---- */

extern const IrFacts ir_facts_none; /* of an i64 of which nothing is known */

IrFacts ir_facts_const(IrType type, uint64_t v);

/* Facts of what @insn computes; @facts is indexed by its operands. The second form is the quicker one. */
IrFacts ir_facts_of(const IrInsn *insn, const IrFacts *facts);
void ir_facts_set(IrFacts *to, const IrInsn *insn, const IrFacts *facts);

/* What holds for both. */
IrFacts ir_facts_join(const IrFacts *a, const IrFacts *b);

static inline bool ir_facts_is_const(const IrFacts *f)
{
    return (f->zeros | f->ones) == ~UINT64_C(0);
}

/* Whether a 64-bit FP value is known to hold a boxed 32-bit one. */
static inline bool ir_facts_boxed(const IrFacts *f)
{
    return f->ones >> 32 == UINT32_MAX;
}

/* ---- optimize.c ---- */

/* Makes sure that one more instruction, whatever it becomes, fits into the copy. */
void opt_reserve(IrOptScratch *o);

/* Appends to the copy as it is, keeping neither facts nor uses: for passes after the forward one. */
IrRef opt_put(IrOptScratch *o, const IrInsn *insn);

/* Appends to the copy. */
IrRef opt_emit(IrOptScratch *o, const IrInsn *insn);
IrRef opt_const(IrOptScratch *o, IrType type, uint64_t v);

/* Appends an integer op after simplifying it; for rewrites into several ops. */
IrRef opt_int(IrOptScratch *o, IrOp op, IrType type, unsigned aux, IrRef a, IrRef b);

static inline bool opt_is_const(const IrOptScratch *o, IrRef ref, uint64_t *v)
{
    *v = o->facts[ref].ones;
    return ir_facts_is_const(&o->facts[ref]);
}

static inline bool opt_is_value(const IrOptScratch *o, IrRef ref, uint64_t v)
{
    return ir_facts_is_const(&o->facts[ref]) && o->facts[ref].ones == v;
}

/* ---- fold*.c: algebra. Operands of @insn are the copy's. They return the value that
 * stands for the result, or IR_NOREF for "append @insn", which they may have changed. ---- */

IrRef opt_fold_int(IrOptScratch *o, IrInsn *insn);
IrRef opt_fold_fp(IrOptScratch *o, IrInsn *insn);

/* Changes the operands and the condition of a brcond for the better. */
void opt_fold_condition(IrOptScratch *o, IrInsn *insn);

/* Whether using @inner instead of @outer, which is computed from it, keeps no extra value alive. */
static inline bool opt_may_bypass(const IrOptScratch *o, IrRef outer, IrRef inner)
{
    return o->facts[outer].held == 0 || o->facts[inner].held != 0;
}

/* The same for extensions and negations, which cost the host little beside their operand: in a
 * chain of word arithmetic, the variable that holds the outer value is mostly overwritten soon. */
#define OPT_NEAR 16
static inline bool opt_may_bypass_near(const IrOptScratch *o, IrRef outer, IrRef inner)
{
    return opt_may_bypass(o, outer, inner) || o->n - outer < OPT_NEAR;
}

/* ---- optimize-state.c: guest state ---- */

/* Room for the variables' table. */
void opt_state_reserve(IrOptScratch *o);
void opt_state_init(IrOptScratch *o);
/* A block begins; @follows: its only predecessor is the block before. */
void opt_state_block(IrOptScratch *o, unsigned block, bool follows);
IrRef opt_get_var(IrOptScratch *o, IrInsn *insn);
void opt_set_var(IrOptScratch *o, IrInsn *insn);
IrRef opt_ld_env(IrOptScratch *o, IrInsn *insn);
void opt_st_env(IrOptScratch *o, IrInsn *insn);
/* State may be seen, or changed, by what @insn does. */
void opt_state_effects(IrOptScratch *o, unsigned insn_flags);

/* ---- Further passes ---- */

/* dce.c: drops what nothing uses and blocks that nothing reaches, from the copy into itself. */
void opt_remove_dead(IrOptScratch *o);

/* flow.c: fills o->entry. */
void opt_flow(IrOptScratch *o);

/* Counts predecessors that can be reached of the blocks of the region; the entry has one more. */
void opt_count_preds(IrOptScratch *o);

/* loops.c: successors of a block, without repetition; returns their number. */
unsigned opt_successors(const IrRegion *ir, unsigned block, uint16_t out[2]);

/* A loop that is entered only at its header. Of its blocks the header comes first, and each one after those that
 * lead to it, but for back edges; these lead to headers, of this loop or of one inside. (To its own header, others may
 * come from a loop around it.) */
#define OPT_LOOP_BLOCKS 32
typedef struct OptLoop {
    uint16_t blocks[OPT_LOOP_BLOCKS];
    unsigned nblocks; /* less than OPT_LOOP_BLOCKS */
    uint32_t headers; /* bit k: blocks[k] is one */
} OptLoop;

/* Array of OptLoop: any two are disjoint, or one is part of the other. */
GArray *opt_find_loops(const IrRegion *ir);

/* branches.c: selects instead of branches around next to nothing. True: there is a new copy. */
bool opt_short_branches(IrOptScratch *o);

/* stream.c: loops that walk through memory get a copy without TLB probes. True: there is a new copy. */
bool opt_stream_loops(IrOptScratch *o);

/* group.c: one translate for several accesses off one base. True: there is a new copy. */
bool opt_group_accesses(IrOptScratch *o);

#endif
