/*
 * What the files that fold integer ops share. Private to tcg/.
 *
 * A fold function gets an instruction with operands of the new copy. It returns the value that stands
 * for the result, or IR_NOREF after changing the instruction, or not, to what shall be appended.
 */
#ifndef AMPHI_TCG_FOLD_H
#define AMPHI_TCG_FOLD_H

#include "tcg/optimize.h"

#define ALL_BITS (~UINT64_C(0))

static inline uint64_t mask_of(IrType type)
{
    return type == IR_I32 ? UINT32_MAX : ALL_BITS;
}

static inline unsigned width_of(IrType type)
{
    return type == IR_I32 ? 32 : 64;
}

static inline uint64_t sign_bit(IrType type)
{
    return type == IR_I32 ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
}

static inline const IrInsn *def(const IrOptScratch *o, IrRef ref)
{
    return &o->out[ref];
}

/* Whether @ref is computed by @op in a way that may be looked through. */
static inline bool is_op(const IrOptScratch *o, IrRef ref, IrOp op)
{
    return def(o, ref)->op == op && opt_may_bypass(o, ref, def(o, ref)->arg[0]);
}

/* The same, for extensions and the like. */
static inline bool is_near_op(const IrOptScratch *o, IrRef ref, IrOp op)
{
    return def(o, ref)->op == op && opt_may_bypass_near(o, ref, def(o, ref)->arg[0]);
}

static inline void set_op1(IrInsn *insn, IrOp op, unsigned aux, IrRef a)
{
    insn->op = (uint8_t)op;
    insn->aux = (uint8_t)aux;
    insn->arg[0] = a;
    insn->arg[1] = IR_NOREF;
}

static inline void set_op2(IrInsn *insn, IrOp op, IrRef a, IrRef b)
{
    insn->op = (uint8_t)op;
    insn->aux = 0;
    insn->arg[0] = a;
    insn->arg[1] = b;
}

/* fold-muldiv.c */
IrRef fold_mul(IrOptScratch *o, IrInsn *insn);
IrRef fold_mulh(IrOptScratch *o, IrInsn *insn);
IrRef fold_div(IrOptScratch *o, IrInsn *insn);

/* fold-cond.c */
IrRef fold_setcond(IrOptScratch *o, IrInsn *insn);
IrRef fold_select(IrOptScratch *o, IrInsn *insn);

#endif
