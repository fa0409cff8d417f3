/*
 * virtio network device: the receive filter and the control queue that sets it (VIRTIO 1.2 section
 * 5.1.6.5). Locking: the machine lock.
 */
#include "hw/virtio/virtio-net-internal.h"
#include "softmmu/base/error.h"
#include <linux/virtio_net.h>
#include <string.h>

#define ETHERTYPE_OFFSET 12
#define ETHERTYPE_VLAN 0x8100

void net_filter_reset(NetFilter *filter)
{
    memset(filter, 0, sizeof(*filter));
    filter->promisc = true;
    memset(filter->vlans, 0xff, sizeof(filter->vlans));
}

static bool table_has(const NetFilter *filter, unsigned first, unsigned end, const uint8_t *mac)
{
    for (unsigned i = first; i < end; i++) {
        if (memcmp(filter->macs + i * NET_ADDR_LEN, mac, NET_ADDR_LEN) == 0) {
            return true;
        }
    }
    return false;
}

bool net_filter_wants(const VirtioNet *net, const uint8_t *frame, size_t len)
{
    static const uint8_t broadcast[NET_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const NetFilter *f = &net->filter;

    if (f->promisc) {
        return true;
    }
    if (len >= ETHERTYPE_OFFSET + 4 &&
        (frame[ETHERTYPE_OFFSET] << 8 | frame[ETHERTYPE_OFFSET + 1]) == ETHERTYPE_VLAN) {
        unsigned vid = (frame[ETHERTYPE_OFFSET + 2] << 8 | frame[ETHERTYPE_OFFSET + 3]) & 0xfff;

        if (!(f->vlans[vid / 8] >> (vid % 8) & 1)) {
            return false;
        }
    }
    if (memcmp(frame, broadcast, NET_ADDR_LEN) == 0) {
        return !f->nobcast;
    }
    if (frame[0] & 1) {
        return !f->nomulti &&
               (f->allmulti || f->multi_overflow || table_has(f, f->first_multi, f->count, frame));
    }
    return !f->nouni &&
           (f->alluni || f->uni_overflow || memcmp(frame, net->mac, NET_ADDR_LEN) == 0 ||
            table_has(f, 0, f->first_multi, frame));
}

/* Class RX: one flag each. */
static bool set_rx_mode(VirtioNet *net, uint8_t cmd, uint8_t on)
{
    NetFilter *f = &net->filter;
    bool *const flags[] = {
        [VIRTIO_NET_CTRL_RX_PROMISC] = &f->promisc, [VIRTIO_NET_CTRL_RX_ALLMULTI] = &f->allmulti,
        [VIRTIO_NET_CTRL_RX_ALLUNI] = &f->alluni,   [VIRTIO_NET_CTRL_RX_NOMULTI] = &f->nomulti,
        [VIRTIO_NET_CTRL_RX_NOUNI] = &f->nouni,     [VIRTIO_NET_CTRL_RX_NOBCAST] = &f->nobcast,
    };

    if (cmd >= ARRAY_SIZE(flags)) {
        return false;
    }
    *flags[cmd] = on;
    return true;
}

/* Reads one of the two tables of MAC_TABLE_SET at *@offset, and moves on. */
static bool read_mac_table(VirtQueue *vq, const VirtqElement *elem, uint64_t *offset, NetFilter *f,
                           bool *overflow)
{
    uint32_t n;

    if (virtq_read(vq, elem, *offset, &n, sizeof(n)) != sizeof(n)) {
        return false;
    }
    *offset += sizeof(n);
    if ((uint64_t)n * NET_ADDR_LEN > elem->out_len - *offset) {
        return false;
    }
    *overflow = n > NET_MAC_TABLE - f->count;
    if (!*overflow) {
        size_t len = n * NET_ADDR_LEN;

        if (virtq_read(vq, elem, *offset, f->macs + f->count * NET_ADDR_LEN, len) != len) {
            return false;
        }
        f->count += n;
    }
    *offset += (uint64_t)n * NET_ADDR_LEN;
    return true;
}

static bool set_mac_table(VirtQueue *vq, const VirtqElement *elem)
{
    NetFilter *f = &to_net(vq->vdev)->filter;
    NetFilter wanted = *f;
    uint64_t offset = sizeof(struct virtio_net_ctrl_hdr);

    wanted.count = 0;
    if (!read_mac_table(vq, elem, &offset, &wanted, &wanted.uni_overflow)) {
        return false;
    }
    wanted.first_multi = wanted.count;
    if (!read_mac_table(vq, elem, &offset, &wanted, &wanted.multi_overflow)) {
        return false;
    }
    *f = wanted;
    return true;
}

static bool set_vlan(VirtioNet *net, uint8_t cmd, uint16_t vid)
{
    if (vid >= NET_VLANS || cmd > VIRTIO_NET_CTRL_VLAN_DEL) {
        return false;
    }
    if (cmd == VIRTIO_NET_CTRL_VLAN_ADD) {
        net->filter.vlans[vid / 8] |= 1u << (vid % 8);
    } else {
        net->filter.vlans[vid / 8] &= ~(1u << (vid % 8));
    }
    return true;
}

/* What incoming frames may leave to the driver, of what was negotiated. */
static bool set_guest_offloads(VirtioNet *net, uint8_t cmd, uint64_t offloads)
{
    if (cmd != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET || (offloads & ~net->virtio.guest_features)) {
        return false;
    }
    net->guest_offloads = offloads;
    net_update_offloads(net);
    return true;
}

/* Obeys one command; false if it is malformed or not known. */
static bool run_command(VirtQueue *vq, const VirtqElement *elem)
{
    VirtioNet *net = to_net(vq->vdev);
    struct virtio_net_ctrl_hdr header;
    uint8_t mac[NET_ADDR_LEN];
    uint64_t offloads;
    uint16_t vid;
    uint8_t on;
    uint64_t at = sizeof(header);

    if (virtq_read(vq, elem, 0, &header, sizeof(header)) != sizeof(header)) {
        return false;
    }
    switch (header.class) {
    case VIRTIO_NET_CTRL_RX:
        return virtq_read(vq, elem, at, &on, 1) == 1 && set_rx_mode(net, header.cmd, on);
    case VIRTIO_NET_CTRL_MAC:
        if (header.cmd == VIRTIO_NET_CTRL_MAC_TABLE_SET) {
            return set_mac_table(vq, elem);
        }
        if (header.cmd != VIRTIO_NET_CTRL_MAC_ADDR_SET ||
            virtq_read(vq, elem, at, mac, sizeof(mac)) != sizeof(mac)) {
            return false;
        }
        memcpy(net->mac, mac, sizeof(mac));
        return true;
    case VIRTIO_NET_CTRL_VLAN:
        return virtq_read(vq, elem, at, &vid, sizeof(vid)) == sizeof(vid) &&
               set_vlan(net, header.cmd, vid);
    case VIRTIO_NET_CTRL_GUEST_OFFLOADS:
        return virtq_read(vq, elem, at, &offloads, sizeof(offloads)) == sizeof(offloads) &&
               set_guest_offloads(net, header.cmd, offloads);
    }
    return false;
}

static bool handle_command(VirtQueue *vq, VirtqElement *elem)
{
    uint8_t ack = run_command(vq, elem) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
    size_t written = elem->in_len ? virtq_write(vq, elem, elem->in_len - 1, &ack, 1) : 0;

    virtq_push(vq, elem, written);
    return true;
}

void net_handle_control(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_command);
}

static bool filter_post_load(void *opaque, GError **error)
{
    NetFilter *filter = opaque;

    return filter->count <= NET_MAC_TABLE && filter->first_multi <= filter->count
               ? true
               : error_set(error, "virtio-net: bad saved address table");
}

static const VmField filter_fields[] = {
    VM_FIELD_BOOL(NetFilter, promisc),
    VM_FIELD_BOOL(NetFilter, allmulti),
    VM_FIELD_BOOL(NetFilter, alluni),
    VM_FIELD_BOOL(NetFilter, nomulti),
    VM_FIELD_BOOL(NetFilter, nouni),
    VM_FIELD_BOOL(NetFilter, nobcast),
    VM_FIELD_BOOL(NetFilter, multi_overflow),
    VM_FIELD_BOOL(NetFilter, uni_overflow),
    VM_FIELD_U32(NetFilter, count),
    VM_FIELD_U32(NetFilter, first_multi),
    VM_ARRAY_U8(NetFilter, macs),
    VM_ARRAY_U8(NetFilter, vlans),
    VM_FIELD_END(),
};

const VmDesc net_filter_vmstate = {
    .name = "virtio-net-filter",
    .fields = filter_fields,
    .post_load = filter_post_load,
};
