/*
 * What a disk has done so far, for whoever manages the machine; see hw/block/blockdev.c.
 */
#ifndef AMPHI_BLOCK_STATS_H
#define AMPHI_BLOCK_STATS_H

#include <stdint.h>

typedef struct BlockOpStats {
    uint64_t count; /* requests that succeeded */
    uint64_t bytes;
    uint64_t ns; /* from each one's start to its end, added up */
} BlockOpStats;

typedef struct BlockStats {
    BlockOpStats read, write, flush, discard;
    uint64_t write_end; /* of the highest write, in bytes */
} BlockStats;

#endif
