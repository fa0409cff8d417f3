/*
 * Semantics of IR ops on values as the interpreter keeps them: bit patterns in 64-bit words,
 * narrower ones zero-extended. Private to tcg/ and its tests.
 */
#ifndef AMPHI_TCG_INTERP_H
#define AMPHI_TCG_INTERP_H

#include "tcg/ir.h"

/* The value of an FP op (fadd to bits_is in ir-ops.def) under the MXCSR that is in force: rounding
 * mode, and sticky flags set there as the op's definition says. @aux and @type as in the
 * instruction. */
uint64_t ir_eval_fp(IrOp op, IrType type, unsigned aux, uint64_t a, uint64_t b, uint64_t c);

/* Whether an FP op may set sticky flags or depends on the rounding mode; the others only move
 * bits. */
bool ir_fp_has_flags(IrOp op);

/* A vector op on vectors of @bytes, 16 or 32, which the result and vector operands are; @aux as in the
 * instruction. The result may be one of the operands. */
void ir_eval_vec(IrOp op, unsigned bytes, unsigned aux, uint64_t *result, const uint64_t *a,
                 const uint64_t *b, const uint64_t *c);

#endif
