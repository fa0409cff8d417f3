/*
 * Host network back ends, as of -netdev: the peer of one network card.
 *
 * Frames are Ethernet frames without FCS. All calls hold the machine lock.
 */
#ifndef AMPHI_NETDEV_H
#define AMPHI_NETDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Netdev Netdev;

typedef struct NetdevOps {
    const char *name; /* "user" */
    void (*send)(Netdev *net, const uint8_t *frame, size_t len); /* from the guest */
    void (*can_receive_again)(Netdev *net); /* the card has room again; may be NULL */
    void (*close)(Netdev *net);
} NetdevOps;

struct Netdev {
    const NetdevOps *ops;
    char *id;
    /* The card: takes one frame, or returns false if it has no room (the back end keeps or drops it). */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
    void *opaque;
};

#endif
