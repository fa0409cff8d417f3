/*
 * virtio network device (VIRTIO 1.2 section 5.1): frames between the driver's queues and a host back end.
 *
 * Offloads: the driver may leave checksums to be completed here (CSUM) and trusts those of incoming frames
 * (GUEST_CSUM), which the back end made itself. Frames that the driver has no buffers for stay with the
 * back end, which is told when there are new ones. Locking: the machine lock.
 */
#include "hw/net/net.h"
#include "hw/virtio/virtio-net-internal.h"
#include "softmmu/base/error.h"
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <string.h>

#define CONFIG_SIZE offsetof(struct virtio_net_config, mtu)
#define HEADER_SIZE sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define MAX_FRAME (64 * 1024 + 64)
#define MAX_MERGED 64 /* buffers for one frame */

enum { QUEUE_RX, QUEUE_TX, QUEUE_CONTROL };

/* ---- From the network to the driver ---- */

static void put_back(VirtQueue *vq, VirtqElement **elems, unsigned n)
{
    while (n) {
        virtq_unpop(vq, elems[--n]);
    }
}

/* Takes buffers for @total bytes; returns how many, 0 if there are too few now. */
static unsigned take_buffers(VirtioNet *net, VirtQueue *vq, size_t total, VirtqElement **elems)
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
        if (elem->in_len < HEADER_SIZE || (!mergeable && room < total)) {
            virtio_set_broken(&net->virtio, "a receive buffer too small for a frame");
            put_back(vq, elems, n);
            return 0;
        }
    }
    return n;
}

static void deliver(VirtioNet *net, VirtQueue *vq, VirtqElement **elems, unsigned n,
                    const uint8_t *frame, size_t len)
{
    struct virtio_net_hdr_mrg_rxbuf header = {.num_buffers = n};
    uint32_t written[MAX_MERGED];
    size_t offset = HEADER_SIZE;

    if (virtio_has_feature(&net->virtio, VIRTIO_NET_F_GUEST_CSUM)) {
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

/* Netdev.receive: one frame from the back end. */
static bool net_receive(void *opaque, const uint8_t *frame, size_t len)
{
    VirtioNet *net = opaque;
    VirtioDevice *vdev = &net->virtio;
    VirtQueue *vq = &vdev->queues[QUEUE_RX];
    VirtqElement *elems[MAX_MERGED];
    unsigned n;

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
    deliver(net, vq, elems, n, frame, len);
    return true;
}

static void handle_rx(VirtioDevice *vdev, VirtQueue *vq)
{
    Netdev *peer = to_net(vdev)->peer;

    if (peer && peer->ops->can_receive_again) {
        peer->ops->can_receive_again(peer);
    }
}

/* ---- From the driver to the network ---- */

/* Completes the checksum that the header asks for: over all from csum_start on. */
static bool complete_checksum(uint8_t *frame, size_t len, const struct virtio_net_hdr *header)
{
    size_t start = header->csum_start, at = start + header->csum_offset;
    uint32_t sum = 0;

    if (at + 2 > len) {
        return false;
    }
    for (size_t i = start; i < len; i++) {
        sum += (i - start) % 2 ? frame[i] : frame[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = ~sum & 0xffff;
    sum = sum ? sum : 0xffff; /* the same number; 0 would be "none" in UDP */
    frame[at] = sum >> 8;
    frame[at + 1] = sum;
    return true;
}

static bool handle_frame(VirtQueue *vq, VirtqElement *elem)
{
    VirtioNet *net = to_net(vq->vdev);
    struct virtio_net_hdr_mrg_rxbuf header;
    uint64_t len = elem->out_len - MIN(elem->out_len, HEADER_SIZE);
    uint8_t *frame;

    if (virtq_read(vq, elem, 0, &header, HEADER_SIZE) != HEADER_SIZE) {
        virtio_set_broken(&net->virtio, "a frame without header");
        g_free(elem);
        return false;
    }
    if (net->peer && len >= 2 * NET_ADDR_LEN && len <= MAX_FRAME &&
        header.hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
        frame = g_malloc(len);
        if (virtq_read(vq, elem, HEADER_SIZE, frame, len) == len &&
            (!(header.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
             complete_checksum(frame, len, &header.hdr))) {
            net->peer->ops->send(net->peer, frame, len);
        }
        g_free(frame);
    }
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_tx(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_frame);
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
}

static void net_finalize(Device *dev)
{
    VirtioNet *net = to_net(container_of(dev, VirtioDevice, dev));

    if (net->peer) {
        net->peer->receive = NULL;
        net->peer->opaque = NULL;
    }
    virtio_device_finalize(dev);
}

static const VmField net_fields[] = {
    VM_FIELD_STRUCT(VirtioNet, virtio, &virtio_vmstate),
    VM_ARRAY_U8(VirtioNet, mac),
    VM_FIELD_STRUCT(VirtioNet, filter, &net_filter_vmstate),
    VM_FIELD_END(),
};

static const VmDesc net_vmstate = {.name = "virtio-net", .fields = net_fields};

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
};

/* ---- Making one ---- */

/* 52:54:00:12:34:56 and up, in order of creation. */
static void default_mac(Machine *machine, uint8_t *mac)
{
    static const uint8_t first[NET_ADDR_LEN] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    unsigned n = 0;

    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        n += dev->ops == &net_ops.device;
    }
    memcpy(mac, first, NET_ADDR_LEN);
    mac[NET_ADDR_LEN - 1] += n;
}

static bool parse_mac(const char *text, uint8_t *mac, GError **error)
{
    unsigned b[NET_ADDR_LEN];
    int end = 0;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) !=
            NET_ADDR_LEN ||
        text[end]) {
        return error_set(error, "mac='%s' is no Ethernet address; write it as 52:54:00:12:34:56",
                         text);
    }
    if (b[0] & 1) {
        return error_set(error, "mac='%s' is a group address; its first byte must be even", text);
    }
    for (unsigned i = 0; i < NET_ADDR_LEN; i++) {
        mac[i] = b[i];
    }
    return true;
}

VirtioDevice *virtio_net_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    const char *netdev = options_get(opts, "netdev", NULL);
    const char *mac_text = options_get(opts, "mac", NULL);
    uint16_t rx_size = 256, tx_size = 256;
    bool csum = true, guest_csum = true, mrg_rxbuf = true, ctrl_vq = true;
    uint8_t mac[NET_ADDR_LEN];
    uint64_t features;
    Netdev *peer = NULL;
    VirtioNet *net;

    options_mark_used(opts, "bootindex");
    default_mac(machine, mac);
    if (!virtio_parse_features(opts, &features, error) ||
        !virtio_parse_queue_size(opts, "rx_queue_size", &rx_size, error) ||
        !virtio_parse_queue_size(opts, "tx_queue_size", &tx_size, error) ||
        !options_get_bool(opts, "csum", &csum, error) ||
        !options_get_bool(opts, "guest_csum", &guest_csum, error) ||
        !options_get_bool(opts, "mrg_rxbuf", &mrg_rxbuf, error) ||
        !options_get_bool(opts, "ctrl_vq", &ctrl_vq, error) ||
        (mac_text && !parse_mac(mac_text, mac, error))) {
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
        peer->opaque = net;
    }
    memcpy(net->default_mac, mac, sizeof(mac));
    memcpy(net->mac, mac, sizeof(mac));
    net_filter_reset(&net->filter);
    net->virtio.host_features =
        features | VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) |
        (csum ? VIRTIO_BIT(VIRTIO_NET_F_CSUM) : 0) |
        (guest_csum ? VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) : 0) |
        (mrg_rxbuf ? VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
        (ctrl_vq ? VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
                       VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
                       VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR)
                 : 0);
    virtio_add_queue(&net->virtio, rx_size, handle_rx);
    virtio_add_queue(&net->virtio, tx_size, handle_tx);
    if (ctrl_vq) {
        virtio_add_queue(&net->virtio, 64, net_handle_control);
    }
    return &net->virtio;
}
