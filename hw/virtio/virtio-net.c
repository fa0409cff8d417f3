/*
 * virtio network device (VIRTIO 1.2 section 5.1): frames between the driver's queues and a host back end.
 *
 * Offloads: the driver may leave checksums (CSUM) and the cutting of TCP segments (HOST_TSO) to be done here;
 * a back end that knows how (tap) gets such frames as they are, others get what they can take (hw/net/gso.h).
 * Incoming frames may leave the same to the driver (GUEST_CSUM, GUEST_TSO); the checksums of others it may trust.
 * Frames that the driver has no buffers for stay with the back end, which is told when there are new ones.
 * Locking: the machine lock.
 */
#include "hw/net/gso.h"
#include "hw/net/net.h"
#include "hw/virtio/virtio-net-internal.h"
#include "softmmu/base/error.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#define CONFIG_SIZE offsetof(struct virtio_net_config, mtu)
#define HEADER_SIZE sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define MAX_MERGED 64 /* buffers for one frame */

enum { QUEUE_RX, QUEUE_TX, QUEUE_CONTROL };

/* ---- From the network to the driver ---- */

static void put_back(VirtQueue *vq, VirtqElement **elems, unsigned n)
{
    while (n) {
        virtq_unpop(vq, elems[--n]);
    }
}

#define TOO_LARGE (-1) /* the driver's buffers will never do for such a frame */

/* Takes buffers for @total bytes; returns how many, 0 if there are too few now. */
static int take_buffers(VirtioNet *net, VirtQueue *vq, size_t total, VirtqElement **elems)
{
    bool mergeable = virtio_has_feature(&net->virtio, VIRTIO_NET_F_MRG_RXBUF);
    uint64_t room = 0;
    unsigned n = 0;

    while (room < total) {
        VirtqElement *elem = n == MAX_MERGED ? NULL : virtq_pop(vq);

        if (!elem) {
            put_back(vq, elems, n);
            return 0;
        }
        elems[n++] = elem;
        room += elem->in_len;
        if (elem->in_len < HEADER_SIZE) {
            virtio_set_broken(&net->virtio, "a receive buffer too small for a header");
            put_back(vq, elems, n);
            return 0;
        }
        if (!mergeable && room < total) {
            put_back(vq, elems, n);
            return TOO_LARGE;
        }
    }
    return n;
}

static void deliver(VirtioNet *net, VirtQueue *vq, VirtqElement **elems, unsigned n,
                    const struct virtio_net_hdr *from, const uint8_t *frame, size_t len)
{
    struct virtio_net_hdr_mrg_rxbuf header = {.num_buffers = n};
    uint32_t written[MAX_MERGED];
    size_t offset = HEADER_SIZE;

    if (from) {
        header.hdr = *from;
    } else if (virtio_has_feature(&net->virtio, VIRTIO_NET_F_GUEST_CSUM)) {
        header.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
    }
    virtq_write(vq, elems[0], 0, &header, HEADER_SIZE);
    for (unsigned i = 0; i < n; i++) {
        size_t done = virtq_write(vq, elems[i], offset, frame, len);

        written[i] = offset + done;
        frame += done;
        len -= done;
        offset = 0;
    }
    virtq_push_many(vq, elems, written, n);
    virtq_notify(vq);
}

/* Netdev.receive_header: one frame from the back end; @header may be NULL. */
static bool net_receive_header(void *opaque, const struct virtio_net_hdr *header,
                               const uint8_t *frame, size_t len)
{
    VirtioNet *net = opaque;
    VirtioDevice *vdev = &net->virtio;
    VirtQueue *vq = &vdev->queues[QUEUE_RX];
    VirtqElement *elems[MAX_MERGED];
    int n;

    if (vdev->stopped) {
        return false;
    }
    if (!virtio_is_running(vdev) || !vq->ready || len < 2 * NET_ADDR_LEN || len > MAX_FRAME ||
        !net_filter_wants(net, frame, len)) {
        return true; /* nobody there who wants it */
    }
    n = take_buffers(net, vq, HEADER_SIZE + len, elems);
    if (!n) {
        /* Ask to be told of new buffers; some may have come just before. */
        virtq_set_notification(vq, true);
        n = take_buffers(net, vq, HEADER_SIZE + len, elems);
        if (!n) {
            return vdev->broken;
        }
    }
    virtq_set_notification(vq, false);
    if (n != TOO_LARGE) {
        deliver(net, vq, elems, n, header, frame, len);
    }
    return true;
}

static bool net_receive(void *opaque, const uint8_t *frame, size_t len)
{
    return net_receive_header(opaque, NULL, frame, len);
}

static void handle_rx(VirtioDevice *vdev, VirtQueue *vq)
{
    Netdev *peer = to_net(vdev)->peer;

    if (peer && peer->ops->can_receive_again) {
        peer->ops->can_receive_again(peer);
    }
}

/* ---- From the driver to the network ---- */

static void send_plain(void *opaque, const uint8_t *frame, size_t len)
{
    Netdev *peer = opaque;

    peer->ops->send(peer, frame, len);
}

/* Sends a frame with what @header leaves to be done; nonsense is dropped. */
static void send_frame(VirtioNet *net, const struct virtio_net_hdr *header, uint8_t *frame,
                       size_t len)
{
    Netdev *peer = net->peer;

    if (!gso_header_ok(header, len) ||
        (header->gso_type != VIRTIO_NET_HDR_GSO_NONE && !net->host_tso)) {
        return;
    }
    if (peer->ops->send_header) {
        peer->ops->send_header(peer, header, frame, len);
    } else if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE || peer->ops->large_segments) {
        gso_complete_checksum(header, frame, len);
        peer->ops->send(peer, frame, len);
    } else {
        gso_segment(header, frame, len, send_plain, peer);
    }
}

static bool handle_frame(VirtQueue *vq, VirtqElement *elem)
{
    VirtioNet *net = to_net(vq->vdev);
    struct virtio_net_hdr_mrg_rxbuf header;
    uint64_t len = elem->out_len - MIN(elem->out_len, HEADER_SIZE);

    if (virtq_read(vq, elem, 0, &header, HEADER_SIZE) != HEADER_SIZE) {
        virtio_set_broken(&net->virtio, "a frame without header");
        g_free(elem);
        return false;
    }
    if (net->peer && len >= 2 * NET_ADDR_LEN && len <= MAX_FRAME &&
        virtq_read(vq, elem, HEADER_SIZE, net->frame, len) == len) {
        send_frame(net, &header.hdr, net->frame, len);
    }
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_tx(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_frame);
}

/* ---- Offloads ---- */

#define GUEST_OFFLOADS                                                           \
    (VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | \
     VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN))

void net_update_offloads(VirtioNet *net)
{
    static const struct {
        unsigned feature, offload;
    } map[] = {
        {VIRTIO_NET_F_GUEST_CSUM, NETDEV_CSUM},
        {VIRTIO_NET_F_GUEST_TSO4, NETDEV_TSO4},
        {VIRTIO_NET_F_GUEST_TSO6, NETDEV_TSO6},
        {VIRTIO_NET_F_GUEST_ECN, NETDEV_ECN},
    };
    unsigned offloads = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
        if (net->guest_offloads >> map[i].feature & 1) {
            offloads |= map[i].offload;
        }
    }
    if (net->peer && net->peer->ops->set_offloads) {
        net->peer->ops->set_offloads(net->peer, offloads);
    }
}

/* VirtioOps.status_changed: with the features, the driver has chosen. */
static void net_status_changed(VirtioDevice *vdev, uint8_t old)
{
    VirtioNet *net = to_net(vdev);

    if ((vdev->status & ~old) & VIRTIO_CONFIG_S_FEATURES_OK) {
        net->guest_offloads = vdev->guest_features & GUEST_OFFLOADS;
        net->host_tso = vdev->guest_features &
                        (VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6));
        net_update_offloads(net);
    }
}

/* ---- The device ---- */

static void net_get_config(VirtioDevice *vdev, uint8_t *config)
{
    VirtioNet *net = to_net(vdev);
    struct virtio_net_config c = {
        .status = net->peer ? VIRTIO_NET_S_LINK_UP : 0,
        .max_virtqueue_pairs = 1,
    };

    memcpy(c.mac, net->mac, NET_ADDR_LEN);
    memcpy(config, &c, CONFIG_SIZE);
}

static void net_reset(VirtioDevice *vdev)
{
    VirtioNet *net = to_net(vdev);

    memcpy(net->mac, net->default_mac, NET_ADDR_LEN);
    net_filter_reset(&net->filter);
    net->guest_offloads = 0;
    net->host_tso = false;
    net_update_offloads(net);
}

static bool net_post_load(void *opaque, GError **error)
{
    VirtioNet *net = opaque;

    net->guest_offloads &= net->virtio.guest_features & GUEST_OFFLOADS;
    net->host_tso = net->virtio.guest_features &
                    (VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6));
    net_update_offloads(net);
    return true;
}

static void net_finalize(Device *dev)
{
    VirtioNet *net = to_net(container_of(dev, VirtioDevice, dev));

    if (net->peer) {
        net->peer->receive = NULL;
        net->peer->receive_header = NULL;
        net->peer->opaque = NULL;
    }
    virtio_device_finalize(dev);
}

static const VmField net_fields[] = {
    VM_FIELD_STRUCT(VirtioNet, virtio, &virtio_vmstate),
    VM_ARRAY_U8(VirtioNet, mac),
    VM_FIELD_STRUCT(VirtioNet, filter, &net_filter_vmstate),
    VM_FIELD_U64(VirtioNet, guest_offloads),
    VM_FIELD_END(),
};

static const VmDesc net_vmstate = {.name = "virtio-net",
                                   .fields = net_fields,
                                   .post_load = net_post_load};

static const VirtioOps net_ops = {
    .device =
        {
            .name = "virtio-net-device",
            .reset = virtio_device_reset,
            .vmstate = &net_vmstate,
            .finalize = net_finalize,
        },
    .device_id = VIRTIO_ID_NET,
    .config_size = CONFIG_SIZE,
    .get_config = net_get_config,
    .reset = net_reset,
    .status_changed = net_status_changed,
};

/* ---- Making one ---- */

/* Features that the user may switch off; those of the guest need a back end that has headers. */
static const struct {
    const char *name;
    uint64_t features;
    bool need_header;
} choices[] = {
    {"csum", VIRTIO_BIT(VIRTIO_NET_F_CSUM), false},
    {"host_tso4", VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4), false},
    {"host_tso6", VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6), false},
    {"host_ecn", VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN), false},
    {"guest_csum", VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM), false},
    {"guest_tso4", VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4), true},
    {"guest_tso6", VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6), true},
    {"guest_ecn", VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN), true},
    {"mrg_rxbuf", VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF), false},
    {"ctrl_vq",
     VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
         VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
         VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS),
     false},
};

/* What the user chose, and what hangs together (5.1.3.1). */
static bool parse_choices(Options *opts, uint64_t *features, uint64_t *need_header, GError **error)
{
    static const struct {
        uint64_t without, none_of;
    } needs[] = {
        {VIRTIO_BIT(VIRTIO_NET_F_CSUM),
         VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6)},
        {VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM),
         VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6)},
        {VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4), VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN)},
        {VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4), VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN)},
    };

    *need_header = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(choices); i++) {
        bool on = true;

        if (!options_get_bool(opts, choices[i].name, &on, error)) {
            return false;
        }
        *features |= on ? choices[i].features : 0;
        *need_header |= choices[i].need_header ? choices[i].features : 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(needs); i++) {
        if (!(*features & needs[i].without)) {
            *features &= ~needs[i].none_of;
        }
    }
    return true;
}

VirtioDevice *virtio_net_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    const char *netdev = options_get(opts, "netdev", NULL);
    uint16_t rx_size = 256, tx_size = 256;
    uint8_t mac[NET_ADDR_LEN];
    uint64_t features, need_header;
    Netdev *peer = NULL;
    VirtioNet *net;

    options_mark_used(opts, "bootindex"); /* the transport's */
    if (!virtio_parse_features(opts, &features, error) ||
        !virtio_parse_queue_size(opts, "rx_queue_size", &rx_size, error) ||
        !virtio_parse_queue_size(opts, "tx_queue_size", &tx_size, error) ||
        !parse_choices(opts, &features, &need_header, error) ||
        !net_card_address(machine, opts, mac, error)) {
        return NULL;
    }
    if (netdev) {
        peer = netdev_take(machine, netdev, error);
        if (!peer) {
            return NULL;
        }
    }
    net = virtio_new(machine, &net_ops, sizeof(*net), id);
    net->peer = peer;
    if (peer) {
        peer->receive = net_receive;
        peer->receive_header = net_receive_header;
        peer->opaque = net;
    }
    if (!peer || !peer->ops->set_offloads) {
        features &= ~need_header;
    }
    memcpy(net->default_mac, mac, sizeof(mac));
    memcpy(net->mac, mac, sizeof(mac));
    net_filter_reset(&net->filter);
    net->virtio.host_features =
        features | VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS);
    virtio_add_queue(&net->virtio, rx_size, handle_rx);
    virtio_add_queue(&net->virtio, tx_size, handle_tx);
    if (features & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)) {
        virtio_add_queue(&net->virtio, 64, net_handle_control);
    }
    net_card_add(&net->virtio.dev, opts, net->mac, peer);
    return &net->virtio;
}
