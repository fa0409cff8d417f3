/* Waits for interrupts that are all disabled. */
#include "tests/guest/hostile/hostile.h"

test:
    csrw mie, zero
1:  wfi
    j 1b
