/* The serial port, flooded for ever. */
#include "tests/guest/hostile/hostile.h"

test:
    li s0, 0x10000000
    li s1, 'x'
1:  sb s1, (s0)
    lb t0, 5(s0)
    j 1b
