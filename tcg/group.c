/* Groups of accesses. */
#include "tcg/optimize.h"

void opt_group_accesses(IrOptScratch *o)
{
}
