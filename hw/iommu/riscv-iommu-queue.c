/*
 * RISC-V IOMMU: the command queue, the fault queue, and interrupts (chapters 3 and 5).
 *
 * Commands run when the guest moves the tail, at most COMMAND_BUDGET at once; a timer goes on with what is left.
 * Caches are invalidated by the command itself, so a fence has nothing to wait for: devices' accesses are
 * done when their functions return. Messages for interrupts that come up while a translation is under way are
 * sent from the timer: the device that caused them must not be entered by them. Locking: the machine
 * lock.
 */
#include "hw/iommu/riscv-iommu.h"
#include "softmmu/base/log.h"

#define COMMAND_BUDGET 1024
#define COMMAND_SIZE 16
#define RECORD_WORDS 4

uint32_t riscv_iommu_queue_mask(uint64_t base)
{
    return (UINT64_C(2) << (base & QUEUE_LOG2SZ_1)) - 1;
}

/* ---- Interrupts ---- */

void riscv_iommu_update_wire(RiscvIommu *s)
{
    s->set_wire(s->dev, (s->fctl & FCTL_WSI) && s->ipsr);
}

static void send_messages(RiscvIommu *s)
{
    uint32_t causes = s->unsent;

    s->unsent = 0;
    for (unsigned cause = 0; cause < INTR_COUNT; cause++) {
        if (causes >> cause & 1) {
            s->send_msi(s->dev, bits_get(s->icvec, 4 * cause, 4));
        }
    }
}

static void arm_timer(RiscvIommu *s)
{
    if (!timer_armed(&s->timer)) {
        timer_arm(&s->timer, clock_now(s->machine->clock));
    }
}

/* Causes that are there as long as some status bit is. */
static uint32_t standing_causes(const RiscvIommu *s)
{
    uint32_t causes = 0;

    if ((s->cqcsr & QCSR_IE) && (s->cqcsr & (QCSR_MEM_FAULT | CQCSR_CMD_ILL | CQCSR_FENCE_W_IP))) {
        causes |= 1u << INTR_COMMAND;
    }
    if ((s->fqcsr & QCSR_IE) && (s->fqcsr & (QCSR_MEM_FAULT | FQCSR_OVERFLOW))) {
        causes |= 1u << INTR_FAULT;
    }
    return causes;
}

void riscv_iommu_update_ipsr(RiscvIommu *s, uint32_t clear, uint32_t set)
{
    uint32_t old = s->ipsr & ~clear;

    s->ipsr = old | set | standing_causes(s);
    riscv_iommu_update_wire(s);
    if (!(s->fctl & FCTL_WSI)) {
        s->unsent |= s->ipsr & ~old;
        if (s->unsent && s->busy) {
            arm_timer(s);
        } else {
            send_messages(s);
        }
    }
}

void riscv_iommu_msi_failed(RiscvIommu *s, uint64_t addr)
{
    riscv_iommu_report(s, NULL, CAUSE_MSI_WRITE, addr, 0);
}

/* ---- The fault queue ---- */

static bool store_record(RiscvIommu *s, const uint64_t *record)
{
    uint64_t addr = PPN_ADDR(s->fqb) + (uint64_t)s->fqt * RECORD_WORDS * 8;

    return dma_write(&s->machine->dma, addr, record, RECORD_WORDS * 8) == MEM_OK;
}

void riscv_iommu_report(RiscvIommu *s, const IommuRequest *request, unsigned cause, uint64_t iotval,
                        uint64_t iotval2)
{
    uint32_t next = (s->fqt + 1) & riscv_iommu_queue_mask(s->fqb);
    uint64_t record[RECORD_WORDS] = {cause, 0, iotval, iotval2};

    if (!(s->fqcsr & QCSR_ON) || (s->fqcsr & (QCSR_MEM_FAULT | FQCSR_OVERFLOW))) {
        return;
    }
    if (request) {
        unsigned ttyp = request->execute ? TTYP_EXEC : request->write ? TTYP_WRITE : TTYP_READ;

        record[0] |= (uint64_t)ttyp << 34 | (uint64_t)request->device_id << 40;
        if (request->has_process_id) {
            record[0] |= (uint64_t)request->process_id << 12 | UINT64_C(1) << 32 |
                         (uint64_t)request->supervisor << 33;
        }
    }
    if (next == s->fqh) {
        s->fqcsr |= FQCSR_OVERFLOW;
    } else if (!store_record(s, record)) {
        s->fqcsr |= QCSR_MEM_FAULT;
    } else {
        s->fqt = next;
    }
    riscv_iommu_update_ipsr(s, 0, s->fqcsr & QCSR_IE ? 1u << INTR_FAULT : 0);
}

void riscv_iommu_write_fqcsr(RiscvIommu *s, uint32_t value)
{
    bool on = value & QCSR_ENABLE;

    if (on != !!(s->fqcsr & QCSR_ON)) {
        s->fqh = s->fqt = 0;
        s->fqcsr = 0;
    }
    s->fqcsr &= ~(value & (QCSR_MEM_FAULT | FQCSR_OVERFLOW));
    s->fqcsr &= ~(QCSR_ENABLE | QCSR_IE | QCSR_ON);
    s->fqcsr |= (value & (QCSR_ENABLE | QCSR_IE)) | (on ? QCSR_ON : 0);
    riscv_iommu_update_ipsr(s, 0, 0);
}

/* ---- Commands ---- */

typedef struct Inval {
    bool by_gscid, by_pscid, by_addr;
    uint32_t gscid, pscid;
    uint64_t addr;
} Inval;

/* IOTINVAL.VMA: first-stage entries. */
static bool matches_vma(const IommuCacheEntry *entry, const void *opaque)
{
    const Inval *inval = opaque;

    if (inval->by_gscid ? !entry->second_stage || entry->gscid != inval->gscid
                        : entry->second_stage) {
        return false;
    }
    if (inval->by_pscid && (!entry->first_stage || entry->pscid != inval->pscid || entry->global)) {
        return false;
    }
    return !inval->by_addr || (entry->iova ^ inval->addr) >> entry->shift == 0;
}

/* IOTINVAL.GVMA: whatever the second stage had a part in, at any address. */
static bool matches_gvma(const IommuCacheEntry *entry, const void *opaque)
{
    const Inval *inval = opaque;

    return entry->second_stage && (!inval->by_gscid || entry->gscid == inval->gscid);
}

static bool do_iotinval(RiscvIommu *s, const uint64_t *command)
{
    bool guest = CMD_FUNC3(command[0]) == IOTINVAL_GVMA;
    Inval inval = {
        .by_gscid = command[0] & IOTINVAL_GV,
        .by_pscid = command[0] & IOTINVAL_PSCV,
        .by_addr = command[0] & CMD_AV,
        .gscid = bits_get(command[0], 44, 16),
        .pscid = bits_get(command[0], 12, 20),
        .addr = command[1] >> 10 << PAGE_BITS,
    };

    if (CMD_FUNC3(command[0]) > IOTINVAL_GVMA || (command[0] & IOTINVAL_RESERVED) ||
        (command[1] & IOTINVAL_RESERVED1) || (guest && inval.by_pscid)) {
        return false;
    }
    riscv_iommu_cache_drop(s, guest ? matches_gvma : matches_vma, &inval);
    return true;
}

/* *@fault: the fence's store led nowhere. */
static bool do_iofence(RiscvIommu *s, const uint64_t *command, bool *fault)
{
    uint64_t addr = command[1] << 2;

    if (CMD_FUNC3(command[0]) != 0 || (command[0] & IOFENCE_RESERVED) || command[1] >> 62 ||
        ((command[0] & IOFENCE_WSI) && !(s->fctl & FCTL_WSI))) {
        return false;
    }
    if ((command[0] & CMD_AV) &&
        dma_write_msi(&s->machine->dma, addr, command[0] >> 32) != MEM_OK) {
        *fault = true;
        return true;
    }
    if (command[0] & IOFENCE_WSI) {
        s->cqcsr |= CQCSR_FENCE_W_IP;
    }
    return true;
}

typedef struct Owner {
    bool any_device, any_process;
    uint32_t device_id, process_id;
} Owner;

/* Requests without a process id may have been translated by the context of process 0. */
static bool matches_owner(const IommuCacheEntry *entry, const void *opaque)
{
    const Owner *owner = opaque;

    return (owner->any_device || entry->device_id == owner->device_id) &&
           (owner->any_process || entry->process_id == owner->process_id);
}

static bool do_iodir(RiscvIommu *s, const uint64_t *command)
{
    bool process = CMD_FUNC3(command[0]) == IODIR_PDT;
    Owner owner = {
        .any_device = !(command[0] & IODIR_DV),
        .any_process = !process,
        .device_id = command[0] >> 40,
        .process_id = bits_get(command[0], 12, 20),
    };

    if (CMD_FUNC3(command[0]) > IODIR_PDT || (command[0] & IODIR_RESERVED) || command[1] ||
        (process ? owner.any_device : owner.process_id)) {
        return false;
    }
    riscv_iommu_cache_drop(s, matches_owner, &owner);
    return true;
}

/* Runs one command; false if it is illegal. */
static bool run_command(RiscvIommu *s, const uint64_t *command, bool *fault)
{
    switch (CMD_OPCODE(command[0])) {
    case CMD_IOTINVAL: return do_iotinval(s, command);
    case CMD_IOFENCE: return do_iofence(s, command, fault);
    case CMD_IODIR: return do_iodir(s, command);
    }
    return false;
}

static bool can_run(const RiscvIommu *s)
{
    return (s->cqcsr & QCSR_ON) && !(s->cqcsr & (QCSR_MEM_FAULT | CQCSR_CMD_ILL)) &&
           s->cqh != s->cqt;
}

void riscv_iommu_run_commands(RiscvIommu *s)
{
    unsigned budget = COMMAND_BUDGET;

    s->busy++;
    for (; can_run(s) && budget; budget--) {
        uint64_t addr = PPN_ADDR(s->cqb) + (uint64_t)s->cqh * COMMAND_SIZE, command[2];
        bool fault = dma_read(&s->machine->dma, addr, command, sizeof(command)) != MEM_OK;

        if (!fault && !run_command(s, command, &fault)) {
            log_guest_error("%s: illegal command 0x%" G_GINT64_MODIFIER "x\n", s->dev->id,
                            command[0]);
            s->cqcsr |= CQCSR_CMD_ILL;
        } else if (fault) {
            s->cqcsr |= QCSR_MEM_FAULT;
        } else {
            s->cqh = (s->cqh + 1) & riscv_iommu_queue_mask(s->cqb);
        }
    }
    s->busy--;
    if (can_run(s)) {
        arm_timer(s);
    }
    riscv_iommu_update_ipsr(s, 0, 0);
}

void riscv_iommu_write_cqcsr(RiscvIommu *s, uint32_t value)
{
    bool on = value & QCSR_ENABLE;

    if (on != !!(s->cqcsr & QCSR_ON)) {
        s->cqh = s->cqt = 0;
        s->cqcsr = 0;
    }
    s->cqcsr &= ~(value & (QCSR_MEM_FAULT | CQCSR_CMD_ILL | CQCSR_FENCE_W_IP));
    s->cqcsr &= ~(QCSR_ENABLE | QCSR_IE | QCSR_ON);
    s->cqcsr |= (value & (QCSR_ENABLE | QCSR_IE)) | (on ? QCSR_ON : 0);
    riscv_iommu_run_commands(s);
}
