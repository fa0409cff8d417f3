/*
 * The VT-d IOMMU: registers, faults and event messages. See intel-iommu.h.
 */
#include "hw/iommu/intel-iommu-internal.h"
#include "hw/regs.h"
#include "softmmu/base/error.h"
#include "softmmu/memory.h"

/* Where messages go: elsewhere, the IOMMU's own are lost. */
#define MSI_BASE UINT32_C(0xfee00000)
#define MSI_MASK UINT32_C(0xfff00000)

#define GSTS_FLAGS (CMD_TE | CMD_QIE | CMD_IRE)

/* ---- Events ---- */

void intel_iommu_event(IntelIommu *s, IntelIommuReg control)
{
    uint32_t *regs = &s->regs[control]; /* then data, address, upper address */

    if (regs[0] & EVENT_MASKED) {
        regs[0] |= EVENT_PENDING;
        return;
    }
    regs[0] &= ~EVENT_PENDING;
    if ((regs[2] & MSI_MASK) == MSI_BASE && regs[3] == 0) {
        dma_write_msi(&s->dev.machine->dma, regs[2] & ~3u, regs[1]);
    }
}

/* The mask was changed. */
static void update_mask(IntelIommu *s, IntelIommuReg control)
{
    if ((s->regs[control] & (EVENT_MASKED | EVENT_PENDING)) == EVENT_PENDING) {
        intel_iommu_event(s, control);
    }
}

static void write_fectl(void *opaque, uint32_t written)
{
    update_mask(opaque, FECTL);
}

static void write_iectl(void *opaque, uint32_t written)
{
    update_mask(opaque, IECTL);
}

static void write_ics(void *opaque, uint32_t written)
{
    IntelIommu *s = opaque;

    if (!(s->regs[ICS] & ICS_IWC)) {
        s->regs[IECTL] &= ~EVENT_PENDING;
    }
}

/* ---- Faults (chapter 7) ---- */

void intel_iommu_error(IntelIommu *s, uint32_t bits)
{
    bool first = !(s->regs[FSTS] & (FSTS_PFO | FSTS_PPF | FSTS_IQE | FSTS_ICE | FSTS_ITE));

    s->regs[FSTS] |= bits;
    if (first) {
        intel_iommu_event(s, FECTL);
    }
}

/* The event is over when all of its causes are. */
static void update_fault_status(IntelIommu *s)
{
    if (!(s->regs[FRCD3] & FRCD3_F)) {
        s->regs[FSTS] &= ~FSTS_PPF;
    }
    if (!s->regs[FSTS]) {
        s->regs[FECTL] &= ~EVENT_PENDING;
    }
}

static void write_fsts(void *opaque, uint32_t written)
{
    IntelIommu *s = opaque;

    update_fault_status(s);
    intel_iommu_run_queue(s); /* an error had stopped it */
}

static void write_frcd3(void *opaque, uint32_t written)
{
    update_fault_status(opaque);
}

void intel_iommu_report(IntelIommu *s, uint16_t source, IntelIommuFault fault, uint64_t info,
                        bool write)
{
    if (s->regs[FSTS] & FSTS_PFO) {
        return;
    }
    if (s->regs[FRCD3] & FRCD3_F) {
        intel_iommu_error(s, FSTS_PFO);
        return;
    }
    s->regs[FRCD0] = info & ~UINT64_C(0xfff);
    s->regs[FRCD1] = info >> 32;
    s->regs[FRCD2] = source;
    s->regs[FRCD3] = FRCD3_F | (write ? 0 : 1u << 30) | fault;
    intel_iommu_error(s, FSTS_PPF);
}

/* ---- Commands ---- */

static void set_root(IntelIommu *s)
{
    s->root = intel_iommu_reg64(s, RTADDR);
}

static void write_gcmd(void *opaque, uint32_t written)
{
    IntelIommu *s = opaque;
    uint32_t *status = &s->regs[GSTS];
    uint32_t flags = GSTS_FLAGS & (s->config.intremap ? ~0u : ~CMD_IRE);

    if (written & CMD_SRTP) {
        set_root(s);
        *status |= CMD_SRTP;
    }
    if ((written & CMD_SIRTP) && s->config.intremap) {
        s->irt = intel_iommu_reg64(s, IRTA);
        *status |= CMD_SIRTP;
    }
    if (!(*status & CMD_QIE) && (written & CMD_QIE)) {
        s->regs[IQH] = 0;
    }
    if (s->config.intremap) {
        flags |= CMD_CFI;
    }
    *status = (*status & ~flags) | (written & flags);
    s->regs[GCMD] = 0;
    iommu_msi_changed(&s->iommu);
    intel_iommu_run_queue(s);
}

static void write_ccmd(void *opaque, uint32_t written)
{
    intel_iommu_context_command(opaque);
}

static void write_iotlb(void *opaque, uint32_t written)
{
    intel_iommu_iotlb_command(opaque);
}

static void write_iqt(void *opaque, uint32_t written)
{
    intel_iommu_run_queue(opaque);
}

/* ---- The register block ---- */

static const RegDef defs[NREGS] = {
    [VER] = {0x00, "VER", 0x10, ~0u, 0, NULL, NULL},
    [CAP] = {0x08, "CAP", 0, ~0u, 0, NULL, NULL},
    [CAP_HI] = {0x0c, "CAP_HI", 0, ~0u, 0, NULL, NULL},
    [ECAP] = {0x10, "ECAP", 0, ~0u, 0, NULL, NULL},
    [ECAP_HI] = {0x14, "ECAP_HI", 0, ~0u, 0, NULL, NULL},
    [GCMD] = {0x18, "GCMD", 0, 0, 0, NULL, write_gcmd},
    [GSTS] = {0x1c, "GSTS", 0, ~0u, 0, NULL, NULL},
    [RTADDR] = {0x20, "RTADDR", 0, 0xfff, 0, NULL, NULL},
    [RTADDR_HI] = {0x24, "RTADDR_HI", 0, 0, 0, NULL, NULL},
    [CCMD] = {0x28, "CCMD", 0, 0, 0, NULL, NULL},
    [CCMD_HI] = {0x2c, "CCMD_HI", 0, 0x1ffffffc, 0, NULL, write_ccmd},
    [FSTS] = {0x34, "FSTS", 0, ~0x71u, 0x71, NULL, write_fsts},
    [FECTL] = {0x38, "FECTL", EVENT_MASKED, ~EVENT_MASKED, 0, NULL, write_fectl},
    [FEDATA] = {0x3c, "FEDATA", 0, 0xffff0000, 0, NULL, NULL},
    [FEADDR] = {0x40, "FEADDR", 0, 3, 0, NULL, NULL},
    [FEUADDR] = {0x44, "FEUADDR", 0, 0, 0, NULL, NULL},
    [PMEN] = {0x64, "PMEN", 0, ~0u, 0, NULL, NULL},
    [IQH] = {0x80, "IQH", 0, ~0u, 0, NULL, NULL},
    [IQH_HI] = {0x84, "IQH_HI", 0, ~0u, 0, NULL, NULL},
    [IQT] = {0x88, "IQT", 0, ~0x7fff0u, 0, NULL, write_iqt},
    [IQT_HI] = {0x8c, "IQT_HI", 0, ~0u, 0, NULL, NULL},
    [IQA] = {0x90, "IQA", 0, 0xff8, 0, NULL, NULL},
    [IQA_HI] = {0x94, "IQA_HI", 0, 0, 0, NULL, NULL},
    [ICS] = {0x9c, "ICS", 0, ~ICS_IWC, ICS_IWC, NULL, write_ics},
    [IECTL] = {0xa0, "IECTL", EVENT_MASKED, ~EVENT_MASKED, 0, NULL, write_iectl},
    [IEDATA] = {0xa4, "IEDATA", 0, 0xffff0000, 0, NULL, NULL},
    [IEADDR] = {0xa8, "IEADDR", 0, 3, 0, NULL, NULL},
    [IEUADDR] = {0xac, "IEUADDR", 0, 0, 0, NULL, NULL},
    [IQERCD] = {0xb0, "IQERCD", 0, ~0u, 0, NULL, NULL},
    [IQERCD_HI] = {0xb4, "IQERCD_HI", 0, ~0u, 0, NULL, NULL},
    [IRTA] = {0xb8, "IRTA", 0, 0x7f0, 0, NULL, NULL},
    [IRTA_HI] = {0xbc, "IRTA_HI", 0, 0, 0, NULL, NULL},
    [IVA] = {IVA_OFFSET, "IVA", 0, 0xf80, 0, NULL, NULL},
    [IVA_HI] = {IVA_OFFSET + 4, "IVA_HI", 0, 0, 0, NULL, NULL},
    [IOTLB] = {IVA_OFFSET + 8, "IOTLB", 0, ~0u, 0, NULL, NULL},
    [IOTLB_HI] = {IVA_OFFSET + 12, "IOTLB_HI", 0, 0x1c000000, 0, NULL, write_iotlb},
    [FRCD0] = {FRCD_OFFSET, "FRCD0", 0, ~0u, 0, NULL, NULL},
    [FRCD1] = {FRCD_OFFSET + 4, "FRCD1", 0, ~0u, 0, NULL, NULL},
    [FRCD2] = {FRCD_OFFSET + 8, "FRCD2", 0, ~0u, 0, NULL, NULL},
    [FRCD3] = {FRCD_OFFSET + 12, "FRCD3", 0, ~FRCD3_F, FRCD3_F, NULL, write_frcd3},
};

static const RegBlock block = {"intel-iommu", defs, NREGS};

/* Capability Register, 11.4.2. */
static uint64_t capability(const IntelIommuConfig *config)
{
    uint64_t widths = config->aw_bits == 48 ? 6 : 2; /* SAGAW: 39 bits, 48 bits */

    return 6                                       /* ND: 16-bit domain ids */
           | widths << 8                           /* SAGAW */
           | (uint64_t)(config->aw_bits - 1) << 16 /* MGAW */
           | UINT64_C(FRCD_OFFSET / 16) << 24      /* FRO */
           | UINT64_C(3) << 34                     /* SLLPS: 2 MiB and 1 GiB */
           | UINT64_C(1) << 39                     /* PSI */
           | UINT64_C(18) << 48                    /* MAMV: 2^18 pages at a time */
           | UINT64_C(3) << 54;                    /* DWD, DRD */
}

/* Extended Capability Register, 11.4.3. */
static uint64_t extended_capability(const IntelIommuConfig *config)
{
    return 1                                    /* C: tables are read as the caches have them */
           | 1 << 1                             /* QI */
           | (config->intremap ? 1 << 3 : 0)    /* IR */
           | (config->eim ? 1 << 4 : 0)         /* EIM */
           | 1 << 6                             /* PT */
           | 1 << 7                             /* SC */
           | (uint64_t)(IVA_OFFSET / 16) << 8   /* IRO */
           | (config->intremap ? 15 << 20 : 0); /* MHMV */
}

static uint64_t iommu_read(Device *dev, uint64_t offset, unsigned size)
{
    IntelIommu *s = (IntelIommu *)dev;
    uint64_t value = regs_read(&block, s->regs, s, offset);

    if (size == 8) {
        value |= (uint64_t)regs_read(&block, s->regs, s, offset + 4) << 32;
    }
    return value;
}

static void iommu_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    IntelIommu *s = (IntelIommu *)dev;

    regs_write(&block, s->regs, s, offset, value);
    if (size == 8) {
        regs_write(&block, s->regs, s, offset + 4, value >> 32);
    }
}

static void iommu_reset(Device *dev)
{
    IntelIommu *s = (IntelIommu *)dev;
    uint64_t cap = capability(&s->config), ecap = extended_capability(&s->config);

    regs_reset(&block, s->regs);
    s->regs[CAP] = cap;
    s->regs[CAP_HI] = cap >> 32;
    s->regs[ECAP] = ecap;
    s->regs[ECAP_HI] = ecap >> 32;
    s->root = s->irt = 0;
    intel_iommu_flush_all(s);
    iommu_msi_changed(&s->iommu);
}

static bool iommu_post_load(void *opaque, GError **error)
{
    IntelIommu *s = opaque;
    uint64_t cap = capability(&s->config), ecap = extended_capability(&s->config);

    intel_iommu_flush_all(s);
    iommu_msi_changed(&s->iommu);
    return (intel_iommu_reg64(s, CAP) == cap && intel_iommu_reg64(s, ECAP) == ecap) ||
           error_set(error, "intel-iommu: the snapshot's has other properties; use those");
}

static const VmField iommu_fields[] = {
    VM_ARRAY_U32(IntelIommu, regs),
    VM_FIELD_U64(IntelIommu, root),
    VM_FIELD_U64(IntelIommu, irt),
    VM_FIELD_END(),
};

static const VmDesc iommu_vmstate = {.name = "intel-iommu",
                                     .fields = iommu_fields,
                                     .post_load = iommu_post_load};

static const DeviceOps iommu_ops = {
    .name = "intel-iommu",
    .reset = iommu_reset,
    .read = iommu_read,
    .write = iommu_write,
    .min_access = 4,
    .max_access = 8,
    .vmstate = &iommu_vmstate,
};

static const IommuOps ops = {
    .translate = intel_iommu_translate,
    .remap_msi = intel_iommu_remap_msi,
    .peek_msi = intel_iommu_peek_msi,
};

const IntelIommuConfig *intel_iommu_find(Machine *machine)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);
        if (dev->ops == &iommu_ops) {
            return &container_of(dev, IntelIommu, dev)->config;
        }
    }
    return NULL;
}

Iommu *intel_iommu_new(Machine *machine, const IntelIommuConfig *config)
{
    IntelIommu *s = device_new(machine, &iommu_ops, sizeof(*s), NULL);

    s->iommu.ops = &ops;
    s->config = *config;
    device_map_mmio(&s->dev, INTEL_IOMMU_BASE, INTEL_IOMMU_SIZE);
    return &s->iommu;
}
