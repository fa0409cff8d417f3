/*
 * Sending by the e1000: sections 3.3 to 3.6 of 317453.
 *
 * Descriptors are fetched from the ring when its tail moves, and what they point to is put together in a buffer of
 * the host's. Checksums are completed and TCP segments cut here (hw/net/gso.h). A ring with very much to send is
 * taken in pieces, between which others come to their turn. Locking: the machine lock.
 */
#include "hw/net/e1000-internal.h"
#include "hw/net/gso.h"
#include "softmmu/base/log.h"
#include <string.h>

#define TCTL_ENABLE 2
#define MIN_FRAME 60
#define PIECE_BYTES (1 * MIB) /* sent in one go */
#define PIECE_DESCRIPTORS 1024

/* Descriptors: commands, in the high byte of the third word; options of data, in the fourth. */
enum {
    CMD_EOP = 0x01,
    CMD_IC = 0x04,  /* legacy: insert a checksum */
    CMD_TSE = 0x04, /* else: cut a TCP segment */
    CMD_RS = 0x08,
    CMD_DEXT = 0x20,
    CMD_VLE = 0x40,
};
enum { TUCMD_TCP = 0x01, TUCMD_IPV4 = 0x02 };
enum { OPTION_IP_SUM = 1, OPTION_TCP_SUM = 2 };
enum { TYPE_CONTEXT = 0, TYPE_DATA = 1 };
#define STATUS_DONE 1

/* ---- A frame that is complete ---- */

/* @frame with the tag between addresses and type, if there is one, and padded; to be freed. */
static uint8_t *tag_and_pad(const E1000 *s, const uint8_t *frame, size_t *len)
{
    uint16_t type = GUINT16_TO_BE(E1000_REG(s, E_VET)), tag = GUINT16_TO_BE(s->tx_tag);
    size_t at = 2 * NET_ADDR_LEN, rest = *len - at;
    uint8_t *out = g_malloc0(MAX(*len + 4, MIN_FRAME));

    memcpy(out, frame, at);
    if (s->tx_vlan) {
        memcpy(out + at, &type, 2);
        memcpy(out + at + 2, &tag, 2);
        at += 4;
    }
    memcpy(out + at, frame + 2 * NET_ADDR_LEN, rest);
    *len = MAX(at + rest, MIN_FRAME);
    return out;
}

static void send(void *opaque, const uint8_t *frame, size_t len)
{
    static const uint8_t everybody[NET_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    E1000 *s = opaque;
    uint8_t *copy = NULL;

    if (s->tx_vlan || len < MIN_FRAME) {
        frame = copy = tag_and_pad(s, frame, &len);
    }
    e1000_count(s, E_GPTC);
    e1000_count(s, E_TPT);
    e1000_count_bytes(s, E_GOTCL, len + 4);
    e1000_count_bytes(s, E_TOTL, len + 4);
    if (frame[0] & 1) {
        e1000_count(s, memcmp(frame, everybody, NET_ADDR_LEN) ? E_MPTC : E_BPTC);
    }
    if (s->peer) {
        s->peer->ops->send(s->peer, frame, len);
    }
    g_free(copy);
}

/* Completes the sum over [@start, @end] (0: to the end of the frame), whose place is @offset. */
static void add_sum(E1000 *s, unsigned start, unsigned offset, unsigned end)
{
    size_t len = end && end < s->tx_len ? end + 1u : s->tx_len;
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .csum_start = start,
        .csum_offset = offset - start,
    };

    if (offset >= start && gso_header_ok(&header, len)) {
        gso_complete_checksum(&header, s->tx_data, len);
    } else {
        log_guest_error("e1000: a checksum outside of its frame\n");
    }
}

static void send_segments(E1000 *s)
{
    const E1000Context *c = &s->context;
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = c->command & TUCMD_IPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
        .hdr_len = c->header_len,
        .gso_size = c->mss,
        .csum_start = c->tcp_start,
        .csum_offset = c->tcp_offset - c->tcp_start,
    };

    if (!(c->command & TUCMD_TCP) || c->tcp_offset < c->tcp_start ||
        !gso_header_ok(&header, s->tx_len)) {
        log_guest_error("e1000: a segment that cannot be cut\n");
        return;
    }
    e1000_count(s, E_TSCTC);
    gso_segment(&header, s->tx_data, s->tx_len, send, s);
}

static void send_frame(E1000 *s)
{
    const E1000Context *c = &s->context;

    if (s->tx_too_long || s->tx_len < 2 * NET_ADDR_LEN + 2) {
        log_guest_error("e1000: a frame of impossible length\n");
        return;
    }
    if (s->tx_segment) {
        send_segments(s);
        return;
    }
    if (s->tx_options & OPTION_IP_SUM) {
        add_sum(s, c->ip_start, c->ip_offset, c->ip_end);
    }
    if (s->tx_options & OPTION_TCP_SUM) {
        add_sum(s, c->tcp_start, c->tcp_offset, c->tcp_end);
    }
    if (s->tx_len <= E1000_MAX_FRAME) {
        send(s, s->tx_data, s->tx_len);
    }
}

void e1000_transmit_reset(E1000 *s)
{
    s->tx_len = 0;
    s->tx_too_long = s->tx_segment = s->tx_vlan = false;
    s->tx_options = 0;
    s->tx_tag = 0;
}

/* ---- Descriptors ---- */

static void read_context(E1000 *s, const uint8_t *desc, uint8_t command)
{
    s->context = (E1000Context){
        .ip_start = desc[0],
        .ip_offset = desc[1],
        .ip_end = pci_get16(desc, 2),
        .tcp_start = desc[4],
        .tcp_offset = desc[5],
        .tcp_end = pci_get16(desc, 6),
        .header_len = desc[13],
        .mss = pci_get16(desc, 14),
        .command = command,
    };
}

static void add_data(E1000 *s, uint64_t addr, uint32_t len)
{
    if (len > sizeof(s->tx_data) - s->tx_len) {
        s->tx_too_long = true;
        return;
    }
    if (dma_read(&s->pci.dma, addr, s->tx_data + s->tx_len, len) != MEM_OK) {
        memset(s->tx_data + s->tx_len, 0, len);
        s->tx_too_long = true; /* not to be sent */
    }
    s->tx_len += len;
}

/* A descriptor with data. The first of a frame says what is to be done with all of it. */
static void add_descriptor(E1000 *s, const uint8_t *desc, uint8_t command)
{
    bool extended = command & CMD_DEXT, first = s->tx_len == 0 && !s->tx_too_long;
    uint32_t len = extended ? pci_get32(desc, 8) & 0xfffff : pci_get16(desc, 8);
    uint64_t addr = pci_get32(desc, 0) | (uint64_t)pci_get32(desc, 4) << 32;

    if (first) {
        s->tx_segment = extended && (command & CMD_TSE);
        s->tx_options = extended ? desc[13] : 0;
    }
    add_data(s, addr, len);
    s->sent += len;
    if (!(command & CMD_EOP)) {
        return;
    }
    s->tx_vlan = (command & CMD_VLE) && (E1000_REG(s, E_CTRL) & CTRL_VME);
    s->tx_tag = pci_get16(desc, 14);
    if (!extended && (command & CMD_IC)) {
        add_sum(s, desc[13], desc[10], 0);
    }
    send_frame(s);
    e1000_transmit_reset(s);
}

/* One descriptor; returns what to tell about it. */
static uint32_t process(E1000 *s, unsigned index)
{
    uint64_t at = e1000_ring_desc(s, E_TDBAL, index);
    uint8_t desc[E1000_DESC], command;

    if (dma_read(&s->pci.dma, at, desc, sizeof(desc)) != MEM_OK) {
        log_guest_error("e1000: a descriptor that is not in memory\n");
        return 0;
    }
    command = desc[11];
    if ((command & CMD_DEXT) && (desc[10] >> 4) == TYPE_CONTEXT) {
        read_context(s, desc, command);
    } else if (!(command & CMD_DEXT) || (desc[10] >> 4) == TYPE_DATA) {
        add_descriptor(s, desc, command);
    }
    if (!(command & CMD_RS)) {
        return 0;
    }
    desc[12] |= STATUS_DONE;
    dma_write(&s->pci.dma, at + 12, desc + 12, 1);
    return IRQ_TXDW;
}

void e1000_transmit(E1000 *s)
{
    unsigned n = e1000_ring_size(s, E_TDBAL);
    uint32_t *head = &E1000_REG(s, E_TDH), causes = 0;

    if (!(E1000_REG(s, E_TCTL) & TCTL_ENABLE) || s->sending || *head >= n ||
        E1000_REG(s, E_TDT) >= n || *head == E1000_REG(s, E_TDT)) {
        return;
    }
    s->sending = true;
    s->sent = 0;
    for (unsigned i = 0; *head != E1000_REG(s, E_TDT); i++) {
        if (i == PIECE_DESCRIPTORS || s->sent > PIECE_BYTES) {
            timer_arm(&s->go_on, clock_now(s->pci.dev.machine->clock));
            break;
        }
        causes |= process(s, *head);
        e1000_ring_advance(s, E_TDBAL);
    }
    s->sending = false;
    e1000_raise(s, causes | (*head == E1000_REG(s, E_TDT) ? IRQ_TXQE : 0));
}
