/*
 * virtio over PCI, modern only (VIRTIO 1.2 section 4.1): no legacy or transitional interface.
 *
 * One BAR has the four register blocks a page apart, found through vendor capabilities; another one the
 * MSI-X tables. A fifth capability gives access to the blocks through configuration space, for firmware that
 * has not mapped BARs yet. Locking: the machine lock.
 */
#include "hw/virtio/virtio-pci.h"
#include "softmmu/base/log.h"
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <string.h>

#define VENDOR_ID 0x1af4
#define DEVICE_ID_BASE 0x1040
#define SUBSYSTEM_ID 0x1100
#define REVISION 1

enum { BAR_MSIX = 1, BAR_BLOCKS = 4 };

#define BLOCK_SIZE 0x1000
#define BLOCKS_SIZE (4 * BLOCK_SIZE)
enum { BLOCK_COMMON, BLOCK_ISR, BLOCK_DEVICE, BLOCK_NOTIFY };

#define NOTIFY_MULTIPLIER 4

typedef struct VirtioPci {
    PciDevice pci;
    VirtioDevice *vdev;
    unsigned window_cap; /* offset of the capability for access through configuration space */
    uint32_t host_features_sel, guest_features_sel;
    uint16_t queue_sel;
} VirtioPci;

static VirtioPci *to_proxy(Device *dev)
{
    return container_of(dev, VirtioPci, pci.dev);
}

/* ---- Interrupts ---- */

static void proxy_update_irq(Device *dev)
{
    VirtioPci *proxy = to_proxy(dev);

    pci_set_intx(&proxy->pci, proxy->vdev->isr != 0);
}

static bool proxy_notify_vector(Device *dev, uint16_t vector)
{
    VirtioPci *proxy = to_proxy(dev);

    if (!pci_msix_enabled(&proxy->pci)) {
        return false;
    }
    if (vector != VIRTIO_NO_VECTOR) {
        pci_msix_notify(&proxy->pci, vector);
    }
    return true;
}

static const VirtioTransportOps proxy_transport_ops = {
    .update_irq = proxy_update_irq,
    .notify_vector = proxy_notify_vector,
};

/* @vector if the function has it; drivers read back whether it was taken. */
static uint16_t check_vector(const VirtioPci *proxy, uint16_t vector)
{
    return vector < proxy->pci.msix.vectors ? vector : VIRTIO_NO_VECTOR;
}

/* ---- Common configuration (4.1.4.3) ---- */

static uint32_t read_queue_field(const VirtQueue *vq, uint64_t offset)
{
    if (!vq) {
        return 0;
    }
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE: return vq->num;
    case VIRTIO_PCI_COMMON_Q_MSIX: return vq->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE: return vq->ready;
    case VIRTIO_PCI_COMMON_Q_NOFF: return vq->index;
    case VIRTIO_PCI_COMMON_Q_DESCLO: return vq->desc;
    case VIRTIO_PCI_COMMON_Q_DESCHI: return vq->desc >> 32;
    case VIRTIO_PCI_COMMON_Q_AVAILLO: return vq->driver;
    case VIRTIO_PCI_COMMON_Q_AVAILHI: return vq->driver >> 32;
    case VIRTIO_PCI_COMMON_Q_USEDLO: return vq->device;
    case VIRTIO_PCI_COMMON_Q_USEDHI: return vq->device >> 32;
    }
    return 0;
}

static uint32_t common_read(VirtioPci *proxy, uint64_t offset)
{
    VirtioDevice *vdev = proxy->vdev;

    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: return proxy->host_features_sel;
    case VIRTIO_PCI_COMMON_DF: return virtio_host_features(vdev, proxy->host_features_sel);
    case VIRTIO_PCI_COMMON_GFSELECT: return proxy->guest_features_sel;
    case VIRTIO_PCI_COMMON_GF: return virtio_guest_features(vdev, proxy->guest_features_sel);
    case VIRTIO_PCI_COMMON_MSIX: return vdev->config_vector;
    case VIRTIO_PCI_COMMON_NUMQ: return vdev->nqueues;
    case VIRTIO_PCI_COMMON_STATUS: return vdev->status;
    case VIRTIO_PCI_COMMON_CFGGENERATION: return vdev->generation & 0xff;
    case VIRTIO_PCI_COMMON_Q_SELECT: return proxy->queue_sel;
    }
    return read_queue_field(virtio_queue(vdev, proxy->queue_sel), offset);
}

static void write_queue_field(VirtioPci *proxy, VirtQueue *vq, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_Q_SIZE: virtio_queue_set_num(vq, value & 0xffff); break;
    case VIRTIO_PCI_COMMON_Q_MSIX: vq->vector = check_vector(proxy, value); break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        if (value == 1) { /* only a reset disables */
            virtio_queue_set_ready(vq, true);
        }
        break;
    case VIRTIO_PCI_COMMON_Q_DESCLO:
    case VIRTIO_PCI_COMMON_Q_DESCHI:
        virtio_queue_set_addr(vq, &vq->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_AVAILLO:
    case VIRTIO_PCI_COMMON_Q_AVAILHI:
        virtio_queue_set_addr(vq, &vq->driver, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
        break;
    case VIRTIO_PCI_COMMON_Q_USEDLO:
    case VIRTIO_PCI_COMMON_Q_USEDHI:
        virtio_queue_set_addr(vq, &vq->device, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
        break;
    default:
        log_guest_error("%s: write to common configuration at 0x%x\n", proxy->pci.dev.id,
                        (unsigned)offset);
    }
}

static void common_write(VirtioPci *proxy, uint64_t offset, uint32_t value)
{
    VirtioDevice *vdev = proxy->vdev;
    VirtQueue *vq;

    switch (offset) {
    case VIRTIO_PCI_COMMON_DFSELECT: proxy->host_features_sel = value; return;
    case VIRTIO_PCI_COMMON_GFSELECT: proxy->guest_features_sel = value; return;
    case VIRTIO_PCI_COMMON_GF:
        virtio_set_guest_features(vdev, proxy->guest_features_sel, value);
        return;
    case VIRTIO_PCI_COMMON_MSIX: vdev->config_vector = check_vector(proxy, value); return;
    case VIRTIO_PCI_COMMON_STATUS: virtio_set_status(vdev, value); return;
    case VIRTIO_PCI_COMMON_Q_SELECT: proxy->queue_sel = value; return;
    }
    vq = virtio_queue(vdev, proxy->queue_sel);
    if (vq) {
        write_queue_field(proxy, vq, offset, value);
    }
}

/* ---- The register blocks ---- */

static uint64_t blocks_read(void *opaque, uint64_t offset, unsigned size)
{
    VirtioPci *proxy = opaque;
    uint64_t in_block = offset % BLOCK_SIZE;
    uint64_t value = 0;

    switch (offset / BLOCK_SIZE) {
    case BLOCK_COMMON: value = common_read(proxy, in_block); break;
    case BLOCK_ISR: /* reading it acknowledges */
        if (in_block == 0) {
            value = proxy->vdev->isr;
            proxy->vdev->isr = 0;
            proxy_update_irq(&proxy->pci.dev);
        }
        break;
    case BLOCK_DEVICE: value = virtio_config_read(proxy->vdev, in_block, size); break;
    }
    return bits_get(value, 0, 8 * size);
}

static void blocks_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    VirtioPci *proxy = opaque;
    uint64_t in_block = offset % BLOCK_SIZE;

    switch (offset / BLOCK_SIZE) {
    case BLOCK_COMMON: common_write(proxy, in_block, value); break;
    case BLOCK_DEVICE: virtio_config_write(proxy->vdev, in_block, value, size); break;
    case BLOCK_NOTIFY: virtio_queue_notify(proxy->vdev, in_block / NOTIFY_MULTIPLIER); break;
    }
}

static const MmioOps blocks_ops = {
    .read = blocks_read,
    .write = blocks_write,
    .min_access = 1,
    .max_access = 4,
};

/* ---- Access through configuration space (4.1.4.9) ---- */

/* Whether an access of configuration space touches the data field, and the capability describes a
 * register access that exists; sets its offset and size. */
static bool window_access(VirtioPci *proxy, unsigned offset, unsigned size, uint32_t *reg,
                          uint32_t *len)
{
    unsigned data = proxy->window_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
    const uint8_t *cap = proxy->pci.config + proxy->window_cap;

    if (offset >= data + 4 || offset + size <= data || cap[VIRTIO_PCI_CAP_BAR] != BAR_BLOCKS) {
        return false;
    }
    *reg = pci_get32(cap, VIRTIO_PCI_CAP_OFFSET);
    *len = pci_get32(cap, VIRTIO_PCI_CAP_LENGTH);
    return (*len == 1 || *len == 2 || *len == 4) && *reg % *len == 0 && *reg < BLOCKS_SIZE;
}

static void proxy_config_read(PciDevice *pci, unsigned offset, unsigned size)
{
    VirtioPci *proxy = to_proxy(&pci->dev);
    uint32_t reg, len;

    if (window_access(proxy, offset, size, &reg, &len)) {
        pci_put32(pci->config,
                  proxy->window_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data),
                  blocks_read(proxy, reg, len));
    }
}

static void proxy_config_written(PciDevice *pci, unsigned offset, unsigned size)
{
    VirtioPci *proxy = to_proxy(&pci->dev);
    uint32_t reg, len;

    if (window_access(proxy, offset, size, &reg, &len)) {
        uint32_t value =
            pci_get32(pci->config,
                      proxy->window_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data));

        blocks_write(proxy, reg, bits_get(value, 0, 8 * len), len);
    }
}

/* ---- The function ---- */

static void proxy_reset(PciDevice *pci)
{
    VirtioPci *proxy = to_proxy(&pci->dev);

    proxy->host_features_sel = proxy->guest_features_sel = 0;
    proxy->queue_sel = 0;
    virtio_reset(proxy->vdev);
}

static const VmField proxy_fields[] = {
    VM_FIELD_STRUCT(VirtioPci, pci, &pci_vmstate),
    VM_FIELD_U32(VirtioPci, host_features_sel),
    VM_FIELD_U32(VirtioPci, guest_features_sel),
    VM_FIELD_U16(VirtioPci, queue_sel),
    VM_FIELD_END(),
};

static const VmDesc proxy_vmstate = {.name = "virtio-pci", .fields = proxy_fields};

#define PROXY_OPS(type)                                                           \
    {                                                                             \
        .device =                                                                 \
            {                                                                     \
                .name = type,                                                     \
                .reset = pci_device_reset,                                        \
                .vmstate = &proxy_vmstate,                                        \
                .finalize = pci_device_finalize,                                  \
            },                                                                    \
        .config_read = proxy_config_read, .config_written = proxy_config_written, \
        .reset = proxy_reset,                                                     \
    }

/* What differs with the device behind; the last row is for any other. */
static const struct {
    uint16_t device_id;
    uint32_t class_code;
    PciOps ops;
} proxy_types[] = {
    {VIRTIO_ID_NET, 0x020000, PROXY_OPS("virtio-net-pci")},        /* Ethernet controller */
    {VIRTIO_ID_BLOCK, 0x010000, PROXY_OPS("virtio-blk-pci")},      /* mass storage, SCSI */
    {VIRTIO_ID_CONSOLE, 0x078000, PROXY_OPS("virtio-serial-pci")}, /* communication, other */
    {VIRTIO_ID_INPUT, 0x090000, PROXY_OPS("virtio-keyboard-pci")}, /* input, keyboard */
    {VIRTIO_ID_9P, 0x000200, PROXY_OPS("virtio-9p-pci")},          /* unclassified */
    {VIRTIO_ID_BALLOON, 0x00ff00, PROXY_OPS("virtio-balloon-pci")},
    {VIRTIO_ID_RNG, 0x00ff00, PROXY_OPS("virtio-rng-pci")},
    {0, 0x00ff00, PROXY_OPS("virtio-pci")},
};

/* Adds a vendor capability for @block (of @type); returns its offset. */
static unsigned add_block_cap(PciDevice *pci, uint8_t type, unsigned block, unsigned cap_len)
{
    unsigned at = pci_add_capability(pci, PCI_CAP_ID_VNDR, cap_len);

    pci->config[at + VIRTIO_PCI_CAP_LEN] = cap_len;
    pci->config[at + VIRTIO_PCI_CAP_CFG_TYPE] = type;
    pci->config[at + VIRTIO_PCI_CAP_BAR] = BAR_BLOCKS;
    pci_put32(pci->config, at + VIRTIO_PCI_CAP_OFFSET, block * BLOCK_SIZE);
    pci_put32(pci->config, at + VIRTIO_PCI_CAP_LENGTH, BLOCK_SIZE);
    return at;
}

static void add_capabilities(VirtioPci *proxy)
{
    PciDevice *pci = &proxy->pci;
    unsigned plain = sizeof(struct virtio_pci_cap), at;

    add_block_cap(pci, VIRTIO_PCI_CAP_COMMON_CFG, BLOCK_COMMON, plain);
    add_block_cap(pci, VIRTIO_PCI_CAP_ISR_CFG, BLOCK_ISR, plain);
    add_block_cap(pci, VIRTIO_PCI_CAP_DEVICE_CFG, BLOCK_DEVICE, plain);
    at = add_block_cap(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, BLOCK_NOTIFY,
                       sizeof(struct virtio_pci_notify_cap));
    pci_put32(pci->config, at + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_MULTIPLIER);

    at = pci_add_capability(pci, PCI_CAP_ID_VNDR, sizeof(struct virtio_pci_cfg_cap));
    pci->config[at + VIRTIO_PCI_CAP_LEN] = sizeof(struct virtio_pci_cfg_cap);
    pci->config[at + VIRTIO_PCI_CAP_CFG_TYPE] = VIRTIO_PCI_CAP_PCI_CFG;
    pci->wmask[at + VIRTIO_PCI_CAP_BAR] = 0xff;
    pci_put32(pci->wmask, at + VIRTIO_PCI_CAP_OFFSET, UINT32_MAX);
    pci_put32(pci->wmask, at + VIRTIO_PCI_CAP_LENGTH, UINT32_MAX);
    pci_put32(pci->wmask, at + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), UINT32_MAX);
    proxy->window_cap = at;
}

PciDevice *virtio_pci_new(PciBus *bus, uint8_t devfn, VirtioDevice *vdev, const char *id,
                          uint32_t vectors)
{
    static const DeviceBusType bus_type = {"virtio-pci-bus", NULL};
    unsigned type = 0;

    while (proxy_types[type].device_id && proxy_types[type].device_id != vdev->ops->device_id) {
        type++;
    }
    PciIds ids = {
        .vendor = VENDOR_ID,
        .device = DEVICE_ID_BASE + vdev->ops->device_id,
        .subsystem_vendor = VENDOR_ID,
        .subsystem = SUBSYSTEM_ID,
        .revision = REVISION,
        .class_code = proxy_types[type].class_code,
    };
    VirtioPci *proxy =
        pci_device_new(bus, devfn, &proxy_types[type].ops, sizeof(*proxy), id, &ids, true);

    proxy->vdev = vdev;
    vdev->dev.bus = device_bus_new(&proxy->pci.dev, &bus_type, "virtio-bus");
    pci_add_bar(&proxy->pci, BAR_BLOCKS, PCI_BAR_MEM64_PREFETCH, BLOCKS_SIZE, &blocks_ops, proxy);
    for (unsigned n = 0; n < vdev->nqueues; n++) {
        memory_region_add_doorbell(proxy->pci.bars[BAR_BLOCKS].region,
                                   BLOCK_NOTIFY * BLOCK_SIZE + n * NOTIFY_MULTIPLIER, 0, false, 0,
                                   virtio_ring_doorbell, vdev, n);
    }
    add_capabilities(proxy);
    if (vectors) {
        pci_add_msix(&proxy->pci, MIN(vectors, vdev->nqueues + 1u), BAR_MSIX);
    }
    pci_device_ready(&proxy->pci);
    /* Without this feature addresses are the CPU's, whatever translates others' (6.1). */
    virtio_plug(vdev, &proxy->pci.dev, &proxy_transport_ops,
                vdev->host_features & VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM)
                    ? &proxy->pci.dma
                    : &proxy->pci.dma_past_iommu);
    return &proxy->pci;
}
