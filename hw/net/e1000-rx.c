/*
 * Receiving by the e1000 and e1000e: section 3.2 of 317453.
 *
 * A frame goes to as many descriptors as it needs, or stays with the network's back end until there are that many.
 * Checksums are not looked at, and the descriptors say so (IXSM). Locking: the machine lock.
 */
#include "hw/net/e1000-internal.h"
#include <string.h>
#include <zlib.h>

enum {
    RCTL_ENABLE = 1 << 1,
    RCTL_UNICAST = 1 << 3,
    RCTL_MULTICAST = 1 << 4,
    RCTL_LONG = 1 << 5,
    RCTL_BROADCAST = 1 << 15,
    RCTL_VLAN_FILTER = 1 << 18,
    RCTL_SIZE_EXTENDED = 1 << 25,
    RCTL_STRIP_CRC = 1 << 26,
};
#define RFCTL_EXTENDED (1u << 15)
enum { STATUS_DONE = 1, STATUS_EOP = 2, STATUS_IXSM = 4, STATUS_VLAN = 8, STATUS_NOT_EXACT = 0x80 };

#define ETHERNET_MAX 1518 /* without CRC, with a VLAN's tag */
#define MIN_FRAME 60
#define CRC_SIZE 4
#define RA_ENTRIES 16
#define RA_VALID (1u << 31)

static const uint8_t everybody[NET_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Of the four buffers that a descriptor has if packets are split (82574, 10.2.5.4). */
static unsigned split_size(const E1000 *s, unsigned n)
{
    uint32_t sizes = E1000_REG(s, E_PSRCTL);

    return n ? (sizes >> 8 * n & 0x3f) * 1024 : MAX(sizes & 0x7f, 1) * 128;
}

static unsigned buffer_size(const E1000 *s)
{
    uint32_t rctl = E1000_REG(s, E_RCTL);
    unsigned size = 2048u >> (rctl >> 16 & 3);

    if (e1000_splits(s)) {
        return split_size(s, 0) + split_size(s, 1) + split_size(s, 2) + split_size(s, 3);
    }
    return rctl & RCTL_SIZE_EXTENDED ? size * 16 : size; /* 2048 * 16 is reserved */
}

static uint16_t vlan_tag(const uint8_t *frame)
{
    return frame[14] << 8 | frame[15];
}

static bool is_tagged(const E1000 *s, const uint8_t *frame, size_t len)
{
    return len >= 18 && (frame[12] << 8 | frame[13]) == (int)(E1000_REG(s, E_VET) & 0xffff);
}

/* ---- Whether a frame is for us ---- */

static bool in_address_table(const E1000 *s, const uint8_t *addr)
{
    for (unsigned i = 0; i < RA_ENTRIES; i++) {
        uint32_t low = E1000_REG(s, E_RA + 8 * i), high = E1000_REG(s, E_RA + 8 * i + 4);

        if ((high & RA_VALID) && low == pci_get32(addr, 0) &&
            (high & 0xffff) == pci_get16(addr, 4)) {
            return true;
        }
    }
    return false;
}

/* Twelve bits of the address, which of them is chosen by RCTL, are a bit of the table (13.4.22, 13.5.1). */
static bool in_multicast_table(const E1000 *s, const uint8_t *addr)
{
    static const uint8_t shifts[4] = {4, 3, 2, 0};
    unsigned hash = pci_get16(addr, 4) >> shifts[E1000_REG(s, E_RCTL) >> 12 & 3] & 0xfff;

    return E1000_REG(s, E_MTA + 4 * (hash >> 5)) >> (hash & 31) & 1;
}

static bool wants_vlan(const E1000 *s, const uint8_t *frame, size_t len)
{
    if (!(E1000_REG(s, E_RCTL) & RCTL_VLAN_FILTER) || !is_tagged(s, frame, len)) {
        return true;
    }
    unsigned vlan = vlan_tag(frame) & 0xfff;
    return E1000_REG(s, E_VFTA + 4 * (vlan >> 5)) >> (vlan & 31) & 1;
}

/* *@exact: its address is one of those in the table. */
static bool wants(E1000 *s, const uint8_t *frame, size_t len, bool *exact)
{
    uint32_t rctl = E1000_REG(s, E_RCTL);
    bool broadcast = !memcmp(frame, everybody, NET_ADDR_LEN);

    *exact = in_address_table(s, frame);
    if (!wants_vlan(s, frame, len)) {
        return false;
    }
    if (*exact || (broadcast && (rctl & RCTL_BROADCAST))) {
        return true;
    }
    return frame[0] & 1 ? (rctl & RCTL_MULTICAST) || in_multicast_table(s, frame)
                        : (rctl & RCTL_UNICAST) != 0;
}

/* ---- Into memory ---- */

static unsigned free_descriptors(const E1000 *s)
{
    unsigned n = e1000_ring_size(s, E_RDBAL), head = E1000_REG(s, E_RDH),
             tail = E1000_REG(s, E_RDT);

    return head < n && tail < n ? (tail + n - head) % n : 0;
}

/* Whether what is left of the ring has fallen below the fraction in RCTL. */
static bool is_low(const E1000 *s)
{
    return free_descriptors(s) <= e1000_ring_size(s, E_RDBAL) >>
           (1 + (E1000_REG(s, E_RCTL) >> 8 & 3));
}

/* What a descriptor says of its buffer: the second half, or all of an extended one (82574, 7.1.5), which has no hash. */
static void write_back(E1000 *s, uint64_t at, size_t len, uint8_t status, uint16_t tag)
{
    uint8_t desc[E1000_DESC] = {0};

    if (s->model->extended && (E1000_REG(s, E_RFCTL) & RFCTL_EXTENDED)) {
        desc[8] = status;
        pci_put16(desc, 12, len);
        pci_put16(desc, 14, tag);
        dma_write(&s->pci.dma, at, desc, sizeof(desc));
        return;
    }
    pci_put16(desc, 8, len);
    desc[12] = status;
    pci_put16(desc, 14, tag);
    dma_write(&s->pci.dma, at + 8, desc + 8, sizeof(desc) - 8);
}

/* The same for one whose packets are split (7.1.6): all that comes is taken to be header, and goes on in the next buffer. */
static void fill_split(E1000 *s, uint64_t at, const uint8_t *data, size_t len, uint8_t status,
                       uint16_t tag)
{
    uint8_t desc[2 * E1000_DESC] = {0};

    for (unsigned i = 0; i < 4; i++) {
        size_t n = MIN(len, split_size(s, i));
        uint64_t addr = 0;

        dma_read_le(&s->pci.dma, at + 8 * i, &addr, 8);
        dma_write(&s->pci.dma, addr, data, n);
        pci_put16(desc, i ? 16 + 2 * i : 12, n);
        data += n;
        len -= n;
    }
    desc[8] = status;
    pci_put16(desc, 14, tag);
    dma_write(&s->pci.dma, at, desc, sizeof(desc));
}

/* Fills one descriptor with up to @len bytes; returns how many. */
static size_t fill(E1000 *s, const uint8_t *data, size_t len, uint8_t status, uint16_t tag)
{
    uint64_t at = e1000_ring_desc(s, E_RDBAL, E1000_REG(s, E_RDH)), addr = 0;

    len = MIN(len, buffer_size(s));
    if (e1000_splits(s)) {
        fill_split(s, at, data, len, status, tag);
    } else {
        dma_read_le(&s->pci.dma, at, &addr, 8);
        dma_write(&s->pci.dma, addr, data, len);
        write_back(s, at, len, status, tag);
    }
    e1000_ring_advance(s, E_RDBAL);
    return len;
}

static void count(E1000 *s, const uint8_t *frame, size_t len)
{
    e1000_count(s, E_GPRC);
    e1000_count(s, E_TPR);
    e1000_count_bytes(s, E_GORCL, len + CRC_SIZE);
    e1000_count_bytes(s, E_TORL, len + CRC_SIZE);
    if (frame[0] & 1) {
        e1000_count(s, memcmp(frame, everybody, NET_ADDR_LEN) ? E_MPRC : E_BPRC);
    }
}

/* The frame as it comes to memory: without its tag, if tags are taken off, padded, with CRC. */
static size_t prepare(E1000 *s, const uint8_t *frame, size_t len, uint8_t *out, uint16_t *tag,
                      uint8_t *status)
{
    size_t skip = 0;

    if ((E1000_REG(s, E_CTRL) & CTRL_VME) && is_tagged(s, frame, len)) {
        *tag = vlan_tag(frame);
        *status |= STATUS_VLAN;
        skip = 4;
    }
    memcpy(out, frame, 2 * NET_ADDR_LEN);
    memcpy(out + 2 * NET_ADDR_LEN, frame + 2 * NET_ADDR_LEN + skip, len - 2 * NET_ADDR_LEN - skip);
    len -= skip;
    if (len < MIN_FRAME) {
        memset(out + len, 0, MIN_FRAME - len);
        len = MIN_FRAME;
    }
    if (!(E1000_REG(s, E_RCTL) & RCTL_STRIP_CRC)) {
        pci_put32(out, len, crc32(0, out, len));
        len += CRC_SIZE;
    }
    return len;
}

bool e1000_receive(void *opaque, const uint8_t *frame, size_t len)
{
    E1000 *s = opaque;
    uint8_t data[E1000_MAX_FRAME + CRC_SIZE], status = STATUS_IXSM;
    size_t limit = E1000_REG(s, E_RCTL) & RCTL_LONG ? E1000_MAX_FRAME - CRC_SIZE : ETHERNET_MAX;
    uint16_t tag = 0;
    bool exact;

    if (!(E1000_REG(s, E_RCTL) & RCTL_ENABLE) || len < 2 * NET_ADDR_LEN + 2 || len > limit ||
        !wants(s, frame, len, &exact)) {
        return true; /* nobody there who wants it */
    }
    size_t total = prepare(s, frame, len, data, &tag, &status);
    if (free_descriptors(s) < (total + buffer_size(s) - 1) / buffer_size(s)) {
        return false;
    }
    status |= exact ? 0 : STATUS_NOT_EXACT;
    count(s, frame, len);
    for (size_t done = 0; done < total;) {
        bool last = total - done <= buffer_size(s);

        done +=
            fill(s, data + done, total - done, status | STATUS_DONE | (last ? STATUS_EOP : 0), tag);
    }
    e1000_raise(s, IRQ_RXT0 | (is_low(s) ? IRQ_RXDMT0 : 0));
    return true;
}
