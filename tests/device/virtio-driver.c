/*
 * For tests of virtio devices: see virtio-driver.h.
 */
#include "tests/device/virtio-driver.h"
#include "hw/hw.h"
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/* Blocks of virtio-pci in its BAR. */
enum { PCI_ISR = 0x1000, PCI_CONFIG = 0x2000, PCI_NOTIFY = 0x3000 };

void *guest(Machine *machine, uint64_t addr)
{
    g_assert_cmpuint(addr - TEST_RAM_BASE, <, TEST_RAM_SIZE);
    return machine->ram->host + (addr - TEST_RAM_BASE);
}

void driver_init(Driver *d, Machine *machine, uint64_t regs)
{
    *d = (Driver){.machine = machine, .regs = regs, .heap = TEST_RAM_BASE + 0x1000};
}

uint64_t driver_alloc(Driver *d, uint64_t size, uint64_t align)
{
    uint64_t addr = align_up(d->heap, align);

    d->heap = addr + size;
    g_assert_cmpuint(d->heap, <=, TEST_RAM_BASE + TEST_RAM_SIZE);
    memset(guest(d->machine, addr), 0, size);
    return addr;
}

/* A register that both transports have, at different places and of different sizes. */
static void put(Driver *d, unsigned mmio, unsigned pci, unsigned size, uint32_t value)
{
    if (d->pci) {
        machine_mmio_write(d->machine, d->regs + pci, value, size);
    } else {
        wr32(d->machine, d->regs + mmio, value);
    }
}

static uint32_t get(Driver *d, unsigned mmio, unsigned pci, unsigned size)
{
    return d->pci ? machine_mmio_read(d->machine, d->regs + pci, size)
                  : rd32(d->machine, d->regs + mmio);
}

static void set_status(Driver *d, uint8_t status)
{
    put(d, VIRTIO_MMIO_STATUS, VIRTIO_PCI_COMMON_STATUS, 1, status);
}

uint8_t driver_status(Driver *d)
{
    return get(d, VIRTIO_MMIO_STATUS, VIRTIO_PCI_COMMON_STATUS, 1);
}

bool driver_needs_reset(Driver *d)
{
    return driver_status(d) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

uint64_t driver_host_features(Driver *d)
{
    uint64_t features = 0;

    for (unsigned half = 0; half < 2; half++) {
        put(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_PCI_COMMON_DFSELECT, 4, half);
        features |= (uint64_t)get(d, VIRTIO_MMIO_DEVICE_FEATURES, VIRTIO_PCI_COMMON_DF, 4)
                    << (32 * half);
    }
    return features;
}

bool driver_negotiate(Driver *d, uint64_t features)
{
    set_status(d, 0);
    g_assert_cmpuint(driver_status(d), ==, 0);
    memset(d->queues, 0, sizeof(d->queues));
    set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    d->features = features | BIT(VIRTIO_F_VERSION_1);
    for (unsigned half = 0; half < 2; half++) {
        put(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
        put(d, VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_PCI_COMMON_GF, 4, d->features >> (32 * half));
    }
    set_status(d, driver_status(d) | VIRTIO_CONFIG_S_FEATURES_OK);
    return driver_status(d) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void put_addr(Driver *d, unsigned mmio, unsigned pci, uint64_t addr)
{
    addr += d->dma_offset;
    put(d, mmio, pci, 4, addr);
    put(d, mmio + 4, pci + 4, 4, addr >> 32);
}

void driver_setup_queue(Driver *d, unsigned n, unsigned num)
{
    DriverQueue *q = &d->queues[n];

    put(d, VIRTIO_MMIO_QUEUE_SEL, VIRTIO_PCI_COMMON_Q_SELECT, 2, n);
    num = MIN(num, get(d, VIRTIO_MMIO_QUEUE_NUM_MAX, VIRTIO_PCI_COMMON_Q_SIZE, 2));
    *q = (DriverQueue){.num = num, .avail_wrap = true, .used_wrap = true};
    q->packed = d->features & BIT(VIRTIO_F_RING_PACKED);
    q->desc = driver_alloc(d, 16 * num, 16);
    q->driver = driver_alloc(d, 6 + 2 * num, 4);
    q->device = driver_alloc(d, 6 + 8 * num, 4);
    put(d, VIRTIO_MMIO_QUEUE_NUM, VIRTIO_PCI_COMMON_Q_SIZE, 2, num);
    put_addr(d, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_PCI_COMMON_Q_DESCLO, q->desc);
    put_addr(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_PCI_COMMON_Q_AVAILLO, q->driver);
    put_addr(d, VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_PCI_COMMON_Q_USEDLO, q->device);
    put(d, VIRTIO_MMIO_QUEUE_READY, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    g_assert_cmpuint(get(d, VIRTIO_MMIO_QUEUE_READY, VIRTIO_PCI_COMMON_Q_ENABLE, 2), ==, 1);
}

void driver_start(Driver *d)
{
    set_status(d, driver_status(d) | VIRTIO_CONFIG_S_DRIVER_OK);
    g_assert_true(driver_status(d) & VIRTIO_CONFIG_S_DRIVER_OK);
}

void driver_begin(Driver *d, uint64_t features, unsigned queues)
{
    g_assert_true(driver_negotiate(d, features));
    for (unsigned i = 0; i < queues; i++) {
        driver_setup_queue(d, i, 16);
    }
    driver_start(d);
}

uint32_t driver_config32(Driver *d, unsigned offset)
{
    return rd32(d->machine, d->regs + (d->pci ? PCI_CONFIG : VIRTIO_MMIO_CONFIG) + offset);
}

uint8_t driver_ack(Driver *d)
{
    uint32_t isr;

    if (d->pci) {
        return machine_mmio_read(d->machine, d->regs + PCI_ISR, 1);
    }
    isr = rd32(d->machine, d->regs + VIRTIO_MMIO_INTERRUPT_STATUS);
    wr32(d->machine, d->regs + VIRTIO_MMIO_INTERRUPT_ACK, isr);
    return isr;
}

void driver_kick(Driver *d, unsigned n)
{
    if (d->pci) {
        machine_mmio_write(d->machine, d->regs + PCI_NOTIFY + 4 * n, n, 2);
    } else {
        wr32(d->machine, d->regs + VIRTIO_MMIO_QUEUE_NOTIFY, n);
    }
}

/* ---- Split rings ---- */

static struct vring_desc *split_desc(Driver *d, DriverQueue *q, uint64_t table, unsigned i)
{
    return (struct vring_desc *)guest(d->machine, table) + i;
}

/* A chain in @table: descriptors from @first on, around @entries of them. */
static void split_fill(Driver *d, DriverQueue *q, uint64_t table, unsigned first, unsigned entries,
                       const DriverBuf *bufs, unsigned nout, unsigned nin)
{
    for (unsigned i = 0; i < nout + nin; i++) {
        unsigned next = (first + i + 1) % entries;

        *split_desc(d, q, table, (first + i) % entries) = (struct vring_desc){
            .addr = bufs[i].addr + d->dma_offset,
            .len = bufs[i].len,
            .flags =
                (i >= nout ? VRING_DESC_F_WRITE : 0) | (i + 1 < nout + nin ? VRING_DESC_F_NEXT : 0),
            .next = next,
        };
    }
}

static uint16_t split_add(Driver *d, DriverQueue *q, const DriverBuf *bufs, unsigned nout,
                          unsigned nin, int how)
{
    struct vring_avail *avail = guest(d->machine, q->driver);
    uint16_t head = q->next_desc;

    if (how == DRIVER_INDIRECT) {
        uint64_t table = driver_alloc(d, 16 * (nout + nin), 16);

        split_fill(d, q, table, 0, nout + nin, bufs, nout, nin);
        *split_desc(d, q, q->desc, head) = (struct vring_desc){.addr = table + d->dma_offset,
                                                               .len = 16 * (nout + nin),
                                                               .flags = VRING_DESC_F_INDIRECT};
        q->next_desc = (head + 1) % q->num;
    } else {
        split_fill(d, q, q->desc, head, q->num, bufs, nout, nin);
        q->next_desc = (head + nout + nin) % q->num;
    }
    avail->ring[q->avail % q->num] = head;
    avail->idx = ++q->avail;
    return head;
}

static bool split_get(Driver *d, DriverQueue *q, uint16_t *id, uint32_t *len)
{
    struct vring_used *used = guest(d->machine, q->device);
    struct vring_used_elem *elem = &used->ring[q->used % q->num];

    if (used->idx == q->used) {
        return false;
    }
    *id = elem->id;
    *len = elem->len;
    q->used++;
    return true;
}

/* ---- Packed rings ---- */

static uint16_t packed_flags(bool wrap)
{
    return wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED;
}

static struct vring_packed_desc *packed_desc(Driver *d, uint64_t table, unsigned i)
{
    return (struct vring_packed_desc *)guest(d->machine, table) + i;
}

static void packed_next(DriverQueue *q, uint16_t *slot, bool *wrap)
{
    if (++*slot == q->num) {
        *slot = 0;
        *wrap = !*wrap;
    }
}

static uint16_t packed_add(Driver *d, DriverQueue *q, const DriverBuf *bufs, unsigned nout,
                           unsigned nin, int how)
{
    uint16_t id = q->next_id, first = q->avail;
    bool first_wrap = q->avail_wrap;
    uint16_t first_flags = 0;
    unsigned n = nout + nin;

    q->next_id = (id + 1) % q->num;
    if (how == DRIVER_INDIRECT) {
        uint64_t table = driver_alloc(d, 16 * n, 16);

        for (unsigned i = 0; i < n; i++) {
            *packed_desc(d, table, i) =
                (struct vring_packed_desc){.addr = bufs[i].addr + d->dma_offset,
                                           .len = bufs[i].len,
                                           .flags = i >= nout ? VRING_DESC_F_WRITE : 0};
        }
        *packed_desc(d, q->desc, first) =
            (struct vring_packed_desc){.addr = table + d->dma_offset,
                                       .len = 16 * n,
                                       .id = id,
                                       .flags = packed_desc(d, q->desc, first)->flags};
        first_flags = VRING_DESC_F_INDIRECT;
        packed_next(q, &q->avail, &q->avail_wrap);
        q->slots[id] = 1;
    } else {
        for (unsigned i = 0; i < n; i++) {
            struct vring_packed_desc *desc = packed_desc(d, q->desc, q->avail);
            uint16_t flags =
                (i >= nout ? VRING_DESC_F_WRITE : 0) | (i + 1 < n ? VRING_DESC_F_NEXT : 0);

            desc->addr = bufs[i].addr + d->dma_offset;
            desc->len = bufs[i].len;
            desc->id = id;
            if (i == 0) {
                first_flags = flags;
            } else {
                desc->flags = flags | packed_flags(q->avail_wrap);
            }
            packed_next(q, &q->avail, &q->avail_wrap);
        }
        q->slots[id] = n;
    }
    packed_desc(d, q->desc, first)->flags = first_flags | packed_flags(first_wrap);
    return id;
}

static bool packed_get(Driver *d, DriverQueue *q, uint16_t *id, uint32_t *len)
{
    struct vring_packed_desc *desc = packed_desc(d, q->desc, q->used);
    bool avail = desc->flags & 1u << VRING_PACKED_DESC_F_AVAIL;
    bool used = desc->flags & 1u << VRING_PACKED_DESC_F_USED;

    if (avail != used || used != q->used_wrap) {
        return false;
    }
    *id = desc->id;
    *len = desc->len;
    g_assert_cmpuint(*id, <, q->num);
    for (unsigned i = 0; i < q->slots[*id]; i++) {
        packed_next(q, &q->used, &q->used_wrap);
    }
    return true;
}

/* ---- Both ---- */

uint16_t driver_add(Driver *d, unsigned n, const DriverBuf *bufs, unsigned nout, unsigned nin,
                    int how)
{
    DriverQueue *q = &d->queues[n];

    return q->packed ? packed_add(d, q, bufs, nout, nin, how)
                     : split_add(d, q, bufs, nout, nin, how);
}

bool driver_get(Driver *d, unsigned n, uint16_t *id, uint32_t *len)
{
    DriverQueue *q = &d->queues[n];

    return q->packed ? packed_get(d, q, id, len) : split_get(d, q, id, len);
}

uint32_t driver_wait(Driver *d, unsigned n)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    uint16_t id;
    uint32_t len;

    while (!driver_get(d, n, &id, &len)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (!g_main_context_iteration(d->machine->context, FALSE)) {
            g_usleep(100);
        }
        clock_step(d->machine->clock, 1000);
    }
    return len;
}

uint32_t driver_run(Driver *d, unsigned n, const DriverBuf *bufs, unsigned nout, unsigned nin)
{
    driver_add(d, n, bufs, nout, nin, DRIVER_DIRECT);
    driver_kick(d, n);
    return driver_wait(d, n);
}

void create_device(Machine *machine, const char *text)
{
    GError *error = NULL;
    Options *opts = options_parse("-device", text, "driver", &error);

    g_assert_no_error(error);
    hw_device_create(machine, opts, &error);
    g_assert_no_error(error);
    options_free(opts);
}
