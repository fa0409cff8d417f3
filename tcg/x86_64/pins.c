/*
 * Which variables stay in host registers through a region that has joins, and what is known where paths
 * join.
 */
#include "tcg/x86_64/emit.h"

void pins_choose(Emit *e)
{
}
