/*
 * Checksums and segmentation of TCP: see gso.h.
 *
 * Source: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 1071 (the checksum).
 */
#include "hw/net/gso.h"
#include <glib.h>
#include <string.h>

#define ETH_HEADER 14
#define VLAN_TAG 4
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define IPV6_HEADER 40
#define TCP_MIN 20
#define PROTOCOL_TCP 6
#define MIN_SEGMENT 64 /* smaller ones would make thousands of frames of one */

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint16_t get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint16_t value)
{
    p[0] = value >> 8;
    p[1] = value;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value);
}

/* The one's complement sum, as if words were the host's: its bytes are in the order of the data's. */
static uint64_t sum_bytes(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;

    for (; len >= 4; data += 4, len -= 4) {
        uint32_t word;

        memcpy(&word, data, 4);
        sum += word;
    }
    if (len) {
        uint32_t word = 0;

        memcpy(&word, data, len);
        sum += word;
    }
    return sum;
}

/* The checksum of sums as above; 0 is 0xffff, the same number, because 0 would be "none" in UDP. */
static uint16_t fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = ~sum & 0xffff;
    return sum ? sum : 0xffff;
}

bool gso_header_ok(const struct virtio_net_hdr *header, size_t len)
{
    unsigned type = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

    if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
        (size_t)header->csum_start + header->csum_offset + 2 > len) {
        return false;
    }
    if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE) {
        return true;
    }
    return (type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_TCPV6) &&
           (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && header->gso_size >= MIN_SEGMENT;
}

void gso_complete_checksum(const struct virtio_net_hdr *header, uint8_t *frame, size_t len)
{
    uint16_t sum;

    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        sum = fold(sum_bytes(frame + header->csum_start, len - header->csum_start));
        memcpy(frame + header->csum_start + header->csum_offset, &sum, 2);
    }
}

/* Where the headers of a TCP frame are. */
typedef struct TcpFrame {
    size_t ip, tcp, data, len;
    bool ipv6;
} TcpFrame;

static bool parse(const struct virtio_net_hdr *header, const uint8_t *frame, size_t len,
                  TcpFrame *f)
{
    bool ipv6 = (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6;
    size_t ip = ETH_HEADER, header_len;

    if (len < ETH_HEADER + VLAN_TAG) {
        return false;
    }
    if (get16(frame + 12) == ETHERTYPE_VLAN) {
        ip += VLAN_TAG;
    }
    header_len = ipv6 ? IPV6_HEADER : (frame[ip] & 15) * 4;
    /* IPv6's extension headers are between; TCP is where the checksum begins. */
    *f = (TcpFrame){.ip = ip, .tcp = header->csum_start, .len = len, .ipv6 = ipv6};
    if (get16(frame + ip - 2) != (ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4) ||
        f->tcp < ip + header_len || header_len < 20 || f->tcp + TCP_MIN > len ||
        frame[ip] >> 4 != (ipv6 ? 6 : 4) || (!ipv6 && frame[ip + 9] != PROTOCOL_TCP)) {
        return false;
    }
    f->data = f->tcp + (frame[f->tcp + 12] >> 4) * 4;
    return f->data >= f->tcp + TCP_MIN && f->data <= len;
}

/* Writes the lengths and checksums of a frame with @n bytes of data. */
static void finish(const TcpFrame *f, uint8_t *frame, size_t n)
{
    size_t tcp_len = f->data - f->tcp + n;
    uint8_t pseudo[8] = {0, 0, 0, 0, 0, PROTOCOL_TCP, tcp_len >> 8, tcp_len};
    uint8_t *ip = frame + f->ip;
    uint64_t sum = sum_bytes(pseudo, sizeof(pseudo));
    uint16_t result;

    if (f->ipv6) {
        put16(ip + 4, f->data + n - f->ip - IPV6_HEADER);
        sum += sum_bytes(ip + 8, 32);
    } else {
        put16(ip + 2, f->data + n - f->ip);
        put16(ip + 10, 0);
        result = fold(sum_bytes(ip, (ip[0] & 15) * 4));
        memcpy(ip + 10, &result, 2);
        sum += sum_bytes(ip + 12, 8);
    }
    put16(frame + f->tcp + 16, 0);
    result = fold(sum + sum_bytes(frame + f->tcp, tcp_len));
    memcpy(frame + f->tcp + 16, &result, 2);
}

void gso_segment(const struct virtio_net_hdr *header, uint8_t *frame, size_t len,
                 void (*emit)(void *opaque, const uint8_t *frame, size_t len), void *opaque)
{
    uint8_t *piece = NULL;
    uint32_t sequence;
    uint16_t id = 0;
    uint8_t flags;
    TcpFrame f;

    if (!parse(header, frame, len, &f)) {
        return;
    }
    piece = g_malloc(f.data + header->gso_size);
    sequence = get32(frame + f.tcp + 4);
    flags = frame[f.tcp + 13];
    id = get16(frame + f.ip + 4);
    for (size_t at = f.data; at < len || at == f.data; at += header->gso_size) {
        size_t n = MIN(len - at, header->gso_size);
        bool first = at == f.data, last = at + n == len;

        memcpy(piece, frame, f.data);
        memcpy(piece + f.data, frame + at, n);
        put32(piece + f.tcp + 4, sequence + (at - f.data));
        piece[f.tcp + 13] = flags & ~((last ? 0 : TCP_FIN | TCP_PSH) | (first ? 0 : TCP_CWR));
        if (!f.ipv6) {
            put16(piece + f.ip + 4, id++);
        }
        finish(&f, piece, n);
        emit(opaque, piece, f.data + n);
    }
    g_free(piece);
}
