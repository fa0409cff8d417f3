/* Facts of variables at block entries. */
#include "tcg/optimize.h"

void opt_flow(IrOptScratch *o)
{
}
