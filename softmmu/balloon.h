/*
 * What a memory balloon tells whoever manages the machine; see hw/virtio/virtio-balloon.c.
 */
#ifndef AMPHI_BALLOON_H
#define AMPHI_BALLOON_H

#include <stdint.h>

#define BALLOON_STATS 10

typedef struct BalloonInfo {
    const char *id;                /* of the device */
    uint64_t actual;               /* bytes of memory that the guest has left */
    uint32_t interval;             /* seconds between two reports of statistics; 0: none */
    int64_t last_update;           /* of them, in seconds since 1970; 0: never */
    uint64_t stats[BALLOON_STATS]; /* by VIRTIO_BALLOON_S_*; UINT64_MAX: not known */
} BalloonInfo;

#endif
