/*
 * What the two halves of loops by vectors share: stream-vector.c finds out whether and how, stream-vector-code.c makes
 * the code. Private to tcg/.
 */
#ifndef AMPHI_TCG_STREAM_VECTOR_H
#define AMPHI_TCG_STREAM_VECTOR_H

#include "tcg/stream.h"

#define MAX_PIECES 4
#define MAX_PAIRS 12

typedef enum Kind {
    NOTHING, /* not for vectors */
    UNIFORM, /* the same in all iterations */
    INTEGER, /* lanes of v->lane bytes */
    FLOAT,   /* lanes of the elements' size, a boxed one, too */
} Kind;

typedef enum Carry { CARRY_NONE, CARRY_STEP, CARRY_COUNT, CARRY_MIN, CARRY_MAX } Carry;

typedef struct Lanes {
    uint8_t kind, pieces;
    bool needed;
    IrFacts facts;
    IrRef piece[MAX_PIECES]; /* IR_NOREF: not made yet */
    IrRef scalar;            /* of UNIFORM */
} Lanes;

typedef struct Carried {
    uint8_t how; /* Carry */
    int64_t step;
    IrRef value;  /* of the others: what is added or compared */
    uint8_t bits; /* MIN, MAX: all are below 1 << bits */
} Carried;

typedef struct Access {
    unsigned stream;
    int32_t offset;
} Access;

typedef struct Pair {
    Access store, other;
} Pair;

struct Vectors {
    Streamer *s;
    const IrInsn *insns;
    unsigned first, end;     /* of the loop's instructions */
    unsigned size, lane;     /* bytes of elements, of integers' lanes */
    IrType type;             /* of vectors: as wide as the back end takes */
    unsigned n;              /* iterations at once */
    Lanes *lanes;            /* of instructions, from @first */
    Carried *carried;        /* of variables */
    uint8_t *guard;          /* of variables: bits that they have to fit into */
    IrRef base[MAX_STREAMS]; /* host addresses, in the block */
    Pair pairs[MAX_PAIRS];
    unsigned npairs;
    unsigned limit; /* scratch variable: of the first stream's variable */
    /* The end: when the variable + offset has become what the uniform value is. */
    unsigned counter;
    int64_t offset;
    IrRef last;
};

typedef struct Field {
    IrRef value;
    unsigned down, bits; /* shifted by, then so many */
} Field;

static inline Lanes *vectors_lanes(const Vectors *v, IrRef ref)
{
    return &v->lanes[ref - v->first];
}

static inline const IrInsn *vectors_def(const Vectors *v, IrRef ref)
{
    return &v->insns[ref];
}

static inline unsigned vectors_width(const IrInsn *insn)
{
    return insn->type == IR_I32 ? 32 : 64;
}

/* The bits that a value may need: it is less than 1 << these. */
static inline unsigned vectors_bits(const Vectors *v, IrRef ref)
{
    uint64_t zeros = vectors_lanes(v, ref)->facts.zeros;

    return zeros == ~UINT64_C(0) ? 0 : 64 - (zeros >> 63 ? (unsigned)__builtin_clzll(~zeros) : 0);
}

/* Maximum or minimum of the operands (which are small: with or without a sign), or CARRY_NONE. */
Carry vectors_minmax(const IrInsn *insn);

/* What a setcond or select compares: a - b compared with 0 is a compared with b. */
void vectors_compared(const Vectors *v, const IrInsn *insn, IrRef out[2]);

/* Of a shift to the right by a constant, maybe of what has been shifted to the left: which bits of what it takes. False:
 * lanes do not have them. */
bool vectors_field(const Vectors *v, const IrInsn *insn, Field *field);

Access vectors_access(const Vectors *v, unsigned index);

#endif
