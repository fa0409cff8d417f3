/*
 * RISC-V IOMMU: registers (chapter 5), requests, saved state. See riscv-iommu.h.
 *
 * A register of 8 bytes may be accessed by halves; what a write does happens with the half that has the
 * control bits, the low one. Locking: the machine lock.
 */
#include "hw/iommu/riscv-iommu.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"

#define DDTP_WRITABLE (DDTP_MODE | PPN_FIELD)
#define QUEUE_BASE_WRITABLE (QUEUE_LOG2SZ_1 | PPN_FIELD)
#define ICVEC_WRITABLE UINT64_C(0x3333) /* four vectors */
#define TR_REQ_WRITABLE (BITS64(63, 40) | BITS64(32, 12) | BITS64(3, 1))

/* ---- Requests ---- */

static bool translate(RiscvIommu *s, const IommuRequest *request, IommuLeaf *leaf)
{
    IommuAccess access = request->execute ? IOMMU_EXECUTE
                         : request->write ? IOMMU_WRITE
                                          : IOMMU_READ;
    unsigned mode = s->ddtp & DDTP_MODE;
    const IommuCacheEntry *entry;
    IommuFault fault = {0};
    IommuContext context;

    if (mode == DDTP_BARE) {
        *leaf = (IommuLeaf){.addr = request->iova, .shift = 63};
        return true;
    }
    if (mode == DDTP_OFF) {
        fault.cause = CAUSE_ALL_DISALLOWED;
    } else if ((entry = riscv_iommu_cache_find(s, request))) {
        *leaf = (IommuLeaf){
            .addr = entry->addr | (request->iova & BITS64(PAGE_BITS - 1, 0)),
            .shift = PAGE_BITS,
            .pbmt = entry->pbmt,
        };
        return true;
    } else if (riscv_iommu_find_context(s, request, &context, &fault) &&
               riscv_iommu_walk(s, &context, request->iova, access, leaf, &fault)) {
        riscv_iommu_cache_fill(s, request, &context, leaf);
        return true;
    }
    if (!fault.silent) {
        riscv_iommu_report(s, request, fault.cause, request->iova, fault.iotval2);
    }
    return false;
}

bool riscv_iommu_translate(RiscvIommu *s, const IommuRequest *request, IommuLeaf *leaf)
{
    bool nested = s->dev->in_access, ok;

    s->busy++;
    s->dev->in_access = true;
    ok = translate(s, request, leaf);
    s->dev->in_access = nested;
    s->busy--;
    return ok;
}

static bool iommu_translate(Iommu *iommu, const IommuRequest *request, IommuResult *result)
{
    RiscvIommu *s = container_of(iommu, RiscvIommu, iommu);
    IommuLeaf leaf;
    uint64_t range;

    if (!riscv_iommu_translate(s, request, &leaf)) {
        return false;
    }
    range = (UINT64_C(1) << leaf.shift) - 1;
    result->addr = leaf.addr;
    result->len = leaf.shift == 63 ? UINT64_MAX : range - (request->iova & range) + 1;
    return true;
}

static const IommuOps iommu_ops = {.translate = iommu_translate};

/* The debug interface: one translation, whose result is in a register. */
static void run_tr_request(RiscvIommu *s)
{
    uint64_t ctl = s->tr_req_ctl;
    IommuRequest request = {
        .device_id = ctl >> 40,
        .has_process_id = ctl & TR_REQ_PV,
        .process_id = ctl & TR_REQ_PV ? bits_get(ctl, 12, 20) : 0,
        .supervisor = (ctl & TR_REQ_PV) && (ctl & TR_REQ_PRIV),
        .execute = ctl & TR_REQ_EXE,
        .write = !(ctl & (TR_REQ_NW | TR_REQ_EXE)),
        .iova = align_down(s->tr_req_iova, 1u << PAGE_BITS),
    };
    IommuLeaf leaf;

    if (!riscv_iommu_translate(s, &request, &leaf)) {
        s->tr_response = TR_RESPONSE_FAULT;
        return;
    }
    s->tr_response = (leaf.addr >> PAGE_BITS << 10 & PPN_FIELD) | (uint64_t)leaf.pbmt
                                                                      << TR_RESPONSE_PBMT;
    if (leaf.shift > PAGE_BITS && leaf.shift < 63) { /* the low bits of the number say the size */
        uint64_t pages = UINT64_C(1) << (leaf.shift - PAGE_BITS);

        s->tr_response &= ~((pages - 1) << 10);
        s->tr_response |= (pages / 2 - 1) << 10 | TR_RESPONSE_S;
    }
}

/* ---- Registers ---- */

static uint64_t read_reg(RiscvIommu *s, uint64_t offset)
{
    switch (offset) {
    case REG_CAPABILITIES: return s->caps;
    case REG_FCTL: return s->fctl;
    case REG_DDTP: return s->ddtp;
    case REG_CQB: return s->cqb;
    case REG_CQH: return s->cqh | (uint64_t)s->cqt << 32;
    case REG_FQB: return s->fqb;
    case REG_FQH: return s->fqh | (uint64_t)s->fqt << 32;
    case REG_CQCSR: return s->cqcsr | (uint64_t)s->fqcsr << 32;
    case REG_IPSR & ~7: return (uint64_t)s->ipsr << 32;
    case REG_TR_REQ_IOVA: return s->tr_req_iova;
    case REG_TR_REQ_CTL: return s->tr_req_ctl;
    case REG_TR_RESPONSE: return s->tr_response;
    case REG_ICVEC: return s->icvec;
    }
    return 0;
}

uint64_t riscv_iommu_read(RiscvIommu *s, uint64_t offset, unsigned size)
{
    uint64_t value = read_reg(s, align_down(offset, 8));

    return size == 8 ? value : bits_get(value, offset & 4 ? 32 : 0, 32);
}

static void write_ddtp(RiscvIommu *s, uint64_t value)
{
    unsigned mode = value & DDTP_MODE;

    if (mode > DDTP_3LVL) { /* not one: the field stays as it was */
        mode = s->ddtp & DDTP_MODE;
    }
    s->ddtp = (value & DDTP_WRITABLE & ~DDTP_MODE) | mode;
    riscv_iommu_cache_flush(s);
}

/* Writes the 64-bit register at @offset, as a whole; @low: its low half is part of what the guest wrote. */
static void write_reg64(RiscvIommu *s, uint64_t offset, uint64_t value, bool low)
{
    switch (offset) {
    case REG_DDTP: write_ddtp(s, value); break;
    case REG_CQB:
        s->cqb = value & QUEUE_BASE_WRITABLE;
        s->cqh &= riscv_iommu_queue_mask(s->cqb);
        s->cqt &= riscv_iommu_queue_mask(s->cqb);
        break;
    case REG_FQB:
        s->fqb = value & QUEUE_BASE_WRITABLE;
        s->fqh &= riscv_iommu_queue_mask(s->fqb);
        s->fqt &= riscv_iommu_queue_mask(s->fqb);
        break;
    case REG_TR_REQ_IOVA: s->tr_req_iova = value; break;
    case REG_TR_REQ_CTL:
        s->tr_req_ctl = value & TR_REQ_WRITABLE;
        if (low && (value & TR_REQ_GO)) {
            run_tr_request(s);
        }
        break;
    case REG_ICVEC: s->icvec = value & ICVEC_WRITABLE; break;
    case REG_CAPABILITIES:
    case REG_TR_RESPONSE: break;
    default:
        log_guest_error("%s: write of 0x%" G_GINT64_MODIFIER "x to register 0x%x\n", s->dev->id,
                        value, (unsigned)offset);
    }
}

/* Writes the 32-bit register at @offset; false if there is none. */
static bool write_reg32(RiscvIommu *s, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case REG_FCTL:
        s->fctl = value & FCTL_WSI;
        riscv_iommu_update_wire(s);
        return true;
    case REG_CQT:
        s->cqt = value & riscv_iommu_queue_mask(s->cqb);
        riscv_iommu_run_commands(s);
        return true;
    case REG_FQH: s->fqh = value & riscv_iommu_queue_mask(s->fqb); return true;
    case REG_CQCSR: riscv_iommu_write_cqcsr(s, value); return true;
    case REG_FQCSR: riscv_iommu_write_fqcsr(s, value); return true;
    case REG_IPSR: riscv_iommu_update_ipsr(s, value, 0); return true;
    case REG_CQH:
    case REG_FQT:
    case REG_FCTL + 4: return true; /* read-only, and for custom use */
    }
    return false;
}

void riscv_iommu_write(RiscvIommu *s, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t reg = align_down(offset, 8);
    bool low = !(offset & 4);

    if (write_reg32(s, offset, value)) {
        if (size == 8) {
            write_reg32(s, offset + 4, value >> 32);
        }
        return;
    }
    if (size == 8 && write_reg32(s, offset + 4, value >> 32)) {
        return;
    }
    if (size == 4) {
        value = bits_set(read_reg(s, reg), low ? 0 : 32, 32, value);
    }
    write_reg64(s, reg, value, low);
}

/* ---- Life ---- */

static void timer_fired(void *opaque)
{
    RiscvIommu *s = opaque;
    bool nested = s->dev->in_access;

    s->dev->in_access = true;
    riscv_iommu_run_commands(s);
    s->dev->in_access = nested;
}

void riscv_iommu_init(RiscvIommu *s, Machine *machine, Device *dev, const RiscvIommuConfig *config)
{
    s->iommu.ops = &iommu_ops;
    s->machine = machine;
    s->dev = dev;
    s->caps = CAP_VERSION_1_0 | CAP_SVPBMT | CAP_AMO_HWAD | CAP_IGS_BOTH | CAP_DBG | CAP_PAS_56 |
              CAP_PD8 | CAP_PD17 | CAP_PD20 |
              (config->s_stage ? CAP_SV39 | CAP_SV48 | CAP_SV57 : 0) |
              (config->g_stage ? CAP_SV39X4 | CAP_SV48X4 | CAP_SV57X4 : 0) |
              (config->msi_flat ? CAP_MSI_FLAT : 0);
    s->reset_mode = config->off ? DDTP_OFF : DDTP_BARE;
    while (s->cache_size < RISCV_IOMMU_CACHE_MAX &&
           MAX(2 * s->cache_size, 1) <= config->cache_limit) {
        s->cache_size = MAX(2 * s->cache_size, 1);
    }
    s->cache = g_new0(IommuCacheEntry, s->cache_size);
    timer_init(&s->timer, machine->clock, timer_fired, s);
    s->ddtp = s->reset_mode;
}

void riscv_iommu_reset(RiscvIommu *s)
{
    timer_cancel(&s->timer);
    s->ddtp = s->reset_mode;
    s->fctl = 0;
    s->cqb = s->fqb = 0;
    s->cqh = s->cqt = s->fqh = s->fqt = 0;
    s->cqcsr = s->fqcsr = 0;
    s->ipsr = s->unsent = 0;
    s->icvec = 0;
    s->tr_req_iova = s->tr_req_ctl = s->tr_response = 0;
    riscv_iommu_cache_flush(s);
    riscv_iommu_update_wire(s);
}

void riscv_iommu_finalize(RiscvIommu *s)
{
    timer_cancel(&s->timer);
    g_free(s->cache);
}

/* ---- Saved state ---- */

static bool iommu_post_load(void *opaque, GError **error)
{
    RiscvIommu *s = opaque;

    if ((s->ddtp & DDTP_MODE) > DDTP_3LVL || (s->cqt & ~riscv_iommu_queue_mask(s->cqb)) ||
        (s->cqh & ~riscv_iommu_queue_mask(s->cqb)) || (s->fqh & ~riscv_iommu_queue_mask(s->fqb)) ||
        (s->fqt & ~riscv_iommu_queue_mask(s->fqb)) || (s->icvec & ~ICVEC_WRITABLE)) {
        return error_set(error, "riscv-iommu: the saved state is not possible");
    }
    riscv_iommu_cache_flush(s);
    timer_arm(&s->timer, clock_now(s->machine->clock)); /* for what was not done yet */
    riscv_iommu_update_wire(s);
    return true;
}

static const VmField iommu_fields[] = {
    VM_FIELD_U32(RiscvIommu, fctl),
    VM_FIELD_U64(RiscvIommu, ddtp),
    VM_FIELD_U64(RiscvIommu, cqb),
    VM_FIELD_U64(RiscvIommu, fqb),
    VM_FIELD_U32(RiscvIommu, cqh),
    VM_FIELD_U32(RiscvIommu, cqt),
    VM_FIELD_U32(RiscvIommu, fqh),
    VM_FIELD_U32(RiscvIommu, fqt),
    VM_FIELD_U32(RiscvIommu, cqcsr),
    VM_FIELD_U32(RiscvIommu, fqcsr),
    VM_FIELD_U32(RiscvIommu, ipsr),
    VM_FIELD_U64(RiscvIommu, icvec),
    VM_FIELD_U64(RiscvIommu, tr_req_iova),
    VM_FIELD_U64(RiscvIommu, tr_req_ctl),
    VM_FIELD_U64(RiscvIommu, tr_response),
    VM_FIELD_U32(RiscvIommu, unsent),
    VM_FIELD_END(),
};

const VmDesc riscv_iommu_vmstate = {
    .name = "riscv-iommu",
    .fields = iommu_fields,
    .post_load = iommu_post_load,
};
