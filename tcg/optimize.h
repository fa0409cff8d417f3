/*
 * What the optimizer's passes share. Private to tcg/.
 */
#ifndef AMPHI_TCG_OPTIMIZE_H
#define AMPHI_TCG_OPTIMIZE_H

#include "tcg/ir.h"

typedef struct IrOptScratch IrOptScratch;

/* Frees the arrays that a region keeps for the optimizer; NULL is allowed. */
void ir_opt_scratch_free(IrOptScratch *scratch);

#endif
