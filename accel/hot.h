/*
 * A second-tier region while it is put together: hot.c gathers blocks, hot-calls.c follows calls into what is
 * called and back.
 */
#ifndef AMPHI_ACCEL_HOT_H
#define AMPHI_ACCEL_HOT_H

#include "accel/translate.h"

#define HOT_MAX_BLOCKS REGION_MAX_SPANS
#define HOT_MAX_CALLS 12
#define HOT_MAX_FRAMES 8

typedef struct HotBlock {
    uint64_t pc;
    CodePage page;
    unsigned ir_block, ir_end;   /* IR blocks [ir_block, ir_end) */
    unsigned ir_choice, ir_last; /* and those that compare where it jumps to (hot-calls.c) */
    unsigned bytes;
    uint8_t depth; /* of loops */
    uint8_t frame;
} HotBlock;

/* A call at the end of a block. */
typedef struct HotCall {
    uint8_t block, frame;  /* frame: of what is called, if it is inside */
    bool inside, guessed;  /* guessed: it is indirect */
    uint64_t target, mark; /* mark: where it returns to */
} HotCall;

/* Blocks that jumps, not calls, lead from and to: a function, or the part of one around the head (frame 0). */
typedef struct HotFrame {
    uint8_t parent; /* another frame that turned out to be the same function, or itself */
    bool open;      /* it may call something outside, or leave not by a return */
} HotFrame;

typedef struct HotRegion {
    Vcpu *vcpu;
    IrRegion *ir;
    const Region *head;
    HotBlock blocks[HOT_MAX_BLOCKS];
    unsigned nblocks, done; /* the first @done are translated */
    HotCall calls[HOT_MAX_CALLS];
    unsigned ncalls;
    HotFrame frames[HOT_MAX_FRAMES];
    unsigned nframes;
    uint64_t jumps[HOT_MAX_BLOCKS];      /* by bits of blocks: edges in a frame */
    uint64_t successors[HOT_MAX_BLOCKS]; /* and all, with calls and returns */
} HotRegion;

G_STATIC_ASSERT(HOT_MAX_BLOCKS <= 64);

/* The block at @pc, or -1. */
int hot_find_block(const HotRegion *hot, uint64_t pc);

/* Adds the block at @pc to @frame if the first tier knows it in the current mapping. A block that is inside
 * already makes its frame and @frame one. Returns its number, or -1. */
int hot_consider(HotRegion *hot, uint64_t pc, unsigned frame);

/* Translates the blocks added so far and those that jumps lead to from there. False: there is no room for all. */
bool hot_gather(HotRegion *hot);

/* The last instruction of an IR block. */
static inline IrInsn *hot_last(const IrRegion *ir, unsigned block)
{
    return &ir->insns[ir->blocks[block].first + ir->blocks[block].count - 1];
}

/* What a call mark before it makes of the jump at the end of an IR block. */
static inline bool hot_is_call(const IrRegion *ir, unsigned block)
{
    return ir->blocks[block].count > 1 && hot_last(ir, block)[-1].op == IR_call_mark;
}

/* hot-calls.c */

unsigned hot_frame(const HotRegion *hot, unsigned frame); /* the one that stands for it */
void hot_merge_frames(HotRegion *hot, unsigned a, unsigned b);

/* Notes how block @b, just translated, leaves its frame. */
void hot_note_calls(HotRegion *hot, unsigned b);

/* After hot_gather(): takes in what is called, as far as it is known whole, and what follows the calls. */
void hot_follow_calls(HotRegion *hot);

/* Turns calls into what is inside, and returns from there, into edges. */
void hot_join_calls(HotRegion *hot);
void hot_join_returns(HotRegion *hot);

/* Adds to the loop depths of what is called those of the calls, up to @max. */
void hot_deepen_called(HotRegion *hot, unsigned max);

#endif
