/*
 * The network device's parts: virtio-net.c (frames, queues) and virtio-net-ctrl.c (receive filter and the
 * control queue).
 */
#ifndef AMPHI_VIRTIO_NET_INTERNAL_H
#define AMPHI_VIRTIO_NET_INTERNAL_H

#include "hw/net/net.h"
#include "hw/virtio/virtio-devices.h"

#define NET_MAC_TABLE 64
#define NET_VLANS 4096
#define MAX_FRAME (64 * 1024 + 64)

/* What frames the guest wants (5.1.6.5.1 and on). */
typedef struct NetFilter {
    bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
    bool multi_overflow, uni_overflow; /* more addresses than the table holds: all of that kind */
    uint32_t count, first_multi;       /* of addresses; where those of groups begin */
    uint8_t macs[NET_MAC_TABLE * NET_ADDR_LEN];
    uint8_t vlans[NET_VLANS / 8];
} NetFilter;

typedef struct VirtioNet {
    VirtioDevice virtio;
    Netdev *peer; /* NULL: the cable is out */
    uint8_t mac[NET_ADDR_LEN], default_mac[NET_ADDR_LEN];
    NetFilter filter;
    /* VIRTIO_NET_F_GUEST_*: what incoming frames may leave to the driver now */
    uint64_t guest_offloads;
    bool host_tso;
    uint8_t frame[MAX_FRAME]; /* being sent */
} VirtioNet;

static inline VirtioNet *to_net(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioNet, virtio);
}

/* State after a reset: everything passes. */
void net_filter_reset(NetFilter *filter);

/* Whether the guest wants @frame. */
bool net_filter_wants(const VirtioNet *net, const uint8_t *frame, size_t len);

/* Handler of the control queue. */
void net_handle_control(VirtioDevice *vdev, VirtQueue *vq);

/* Tells the back end what it may leave to the driver. */
void net_update_offloads(VirtioNet *net);

extern const VmDesc net_filter_vmstate;

#endif
