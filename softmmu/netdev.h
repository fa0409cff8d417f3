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
struct virtio_net_hdr;

/* What a card can take over for frames that come with a header: completing checksums, and TCP segments that
 * are larger than the network's frames. */
enum { NETDEV_CSUM = 1, NETDEV_TSO4 = 2, NETDEV_TSO6 = 4, NETDEV_ECN = 8 };

typedef struct NetdevOps {
    /* "user" */
    const char *name;
    void (*send)(Netdev *net, const uint8_t *frame, size_t len); /* from the guest */
    /* send() takes TCP segments of up to 64 KiB in one frame, with their checksum. */
    bool large_segments;
    /* A frame that leaves work to the back end, as @header says (linux/virtio_net.h; checked). NULL: there
     * is none to leave. */
    void (*send_header)(Netdev *net, const struct virtio_net_hdr *header, const uint8_t *frame,
                        size_t len);
    /* The card takes such frames, by its receive_header, if they need no more than @offloads. NULL: none
     * come. */
    void (*set_offloads)(Netdev *net, unsigned offloads);
    void (*can_receive_again)(Netdev *net); /* the card has room again; may be NULL */
    void (*close)(Netdev *net);
} NetdevOps;

struct Netdev {
    const NetdevOps *ops;
    char *id;
    /* What `info network` says of it beside its type, "net=10.0.2.0,restrict=off"; may be NULL. */
    char *info;
    /* The card: takes one frame, or returns false if it has no room (the back end keeps or drops it). */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t len);
    /* The same for a frame with a header; NULL if set_offloads() was never called. */
    bool (*receive_header)(void *opaque, const struct virtio_net_hdr *header, const uint8_t *frame,
                           size_t len);
    void *opaque;
};

#endif
