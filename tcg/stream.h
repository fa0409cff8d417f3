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
} Streamer;

/* Whether the block at position @k of the loop is a header. */
static inline bool stream_header(const Streamer *s, unsigned k)
{
    return s->loop->headers >> k & 1;
}

/* Whether it does not advance. */
static inline bool stream_stands(const Stream *stream)
{
    return stream->max_step == 0 && stream->grow < 0;
}

/* Adds to the copy of the region in s->o what s->loop becomes; its streams have been chosen. */
void stream_transform(Streamer *s);

#endif
