/*
 * The optimizer's driver.
 */
#include "tcg/optimize.h"

void ir_opt_scratch_free(IrOptScratch *scratch)
{
    g_free(scratch);
}

void ir_optimize(IrRegion *ir, int level)
{
}
