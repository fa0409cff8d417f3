/*
 * What the two halves of the pass for streams share: stream.c finds them, stream-copy.c makes the fast copy of
 * a loop. Private to tcg/.
 */
#ifndef AMPHI_TCG_STREAM_H
#define AMPHI_TCG_STREAM_H

#include "tcg/optimize.h"

#define MAX_STREAMS 6
#define MAX_HEADERS 4  /* of a loop and the loops in it */
#define MAX_RANGE 2048 /* bytes from the variable that one iteration's accesses of a stream reach */
#define MAX_STRIDE 2048    /* by which a stream advances in an iteration */
#define MAX_LOOP_INSNS 500 /* of IR */

/* A value as a variable's at the last header + what lies between low and high + grow's; var < 0: something else. */
typedef struct Sym {
    int16_t var, grow; /* grow < 0: none */
    int32_t low, high;
} Sym;

typedef struct Stream {
    unsigned var;
    bool read, write;
    int32_t low, high;          /* of accesses, relative to the variable at the header */
    bool latched;               /* the following are known */
    int32_t min_step, max_step; /* constant part of the advance */
    int16_t grow;               /* and a variable that the loop leaves alone, < 0: none */
    unsigned addend;            /* scratch variable: host - guest */
    int limit; /* scratch variable; < 0: goes with an earlier stream or stands still */
} Stream;

typedef struct Vectors Vectors; /* of stream-vector.c */

typedef struct Streamer {
    IrOptScratch *o;
    IrRegion *ir;
    const OptLoop *loop;
    Sym *vals;       /* of all values of the region */
    uint8_t *access; /* of instructions: 1 + stream that it belongs to */
    Sym *states;     /* of variables, at the loop's blocks' entries */
    uint8_t *in;     /* of blocks: 1 + position in the loop */
    uint8_t *set;    /* of variables: the loop sets them */
    uint8_t *boxed;  /* of variables: FP ones that hold 32-bit values all through the loop if they
                      * do when it begins. The fast copy is entered only then, and tests none of them. */
    uint16_t *depth; /* of the original's blocks, before it was changed */
    Stream streams[MAX_STREAMS];
    unsigned nstreams;
    unsigned ninsns;                  /* of the loop */
    unsigned noriginal, nvars;        /* blocks and variables of the region as it was */
    uint64_t pc[OPT_LOOP_BLOCKS];     /* of headers */
    unsigned checks[OPT_LOOP_BLOCKS]; /* of headers: blocks that lead to their fast copies */
    unsigned preparation[OPT_LOOP_BLOCKS];
    bool writes, bounded, any_poll;
    Vectors *vectors; /* NULL: the loop has no copy for vectors */
} Streamer;

/* Whether the block at position @k of the loop is a header. */
static inline bool stream_header(const Streamer *s, unsigned k)
{
    return s->loop->headers >> k & 1;
}

/* Scratch variables that are not used yet. */
static inline unsigned stream_scratch_left(const IrRegion *ir)
{
    return ir->first_scratch + IR_SCRATCH_VARS - ir->nvars;
}

/* Whether it does not advance. */
static inline bool stream_stands(const Stream *stream)
{
    return stream->max_step == 0 && stream->grow < 0;
}

/* ---- stream-copy.c ---- */

/* Adds to the copy of the region in s->o what s->loop becomes; its streams have been chosen. */
void stream_transform(Streamer *s);

/* Begins a block of the copy that runs as often as block @like of the original, or, if that is NULL, seldom. */
void stream_begin(Streamer *s, unsigned block, uint64_t pc, const IrBlock *like);
void stream_end(Streamer *s, unsigned block);

/* Append ops on i64 to the copy. */
IrRef stream_put(Streamer *s, IrOp op, unsigned aux, IrRef a, IrRef b, int64_t imm);
IrRef stream_put_const(Streamer *s, int64_t v);
IrRef stream_put_get(Streamer *s, unsigned var);
IrRef stream_put_select(Streamer *s, IrCond cond, IrRef a, IrRef b, IrRef c, IrRef d);
void stream_put_brcond(Streamer *s, IrCond cond, IrRef a, IrRef b, unsigned yes, unsigned no);

/* ---- stream-vector.c ---- */

/* Whether s->loop, whose streams have been chosen, can do several iterations at once, and how; else NULL. */
Vectors *stream_vectors_find(Streamer *s);
void stream_vectors_free(Vectors *v);

/* Adds the block of these iterations, and its latch; they lead to @fast. */
unsigned stream_put_vectors(Vectors *v, unsigned fast);

/* In preparation: keeps the room that the accesses have for stream_put_setup(), which ends a block: goes to @vectors or
 * to @fast. */
void stream_put_room(Vectors *v, IrRef room);
void stream_put_setup(Vectors *v, unsigned vectors, unsigned fast);

#endif
