/*
 * RISC-V ACLINT in the layout of SiFive's CLINT. RISC-V Advanced Core Local Interruptor specification,
 * chapters 2 (MTIMER) and 3 (MSWI):
 *
 *   0x0000  msip[hart], 4 bytes each: bit 0 raises the hart's machine software interrupt
 *   0x4000  mtimecmp[hart], 8 bytes each: the timer interrupt is high while mtime >= mtimecmp
 *   0xbff8  mtime, 8 bytes
 *
 * Of a hart that is not there, registers read as zero and ignore writes. Locking: the machine lock.
 */
#include "hw/intc/aclint.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

#define MTIMECMP 0x4000
#define MTIME 0xbff8

typedef struct Aclint Aclint;

typedef struct AclintHart {
    Aclint *aclint;
    IrqLine msip_line, mtip_line;
    Timer timer;
    uint64_t mtimecmp;
    bool msip;
} AclintHart;

struct Aclint {
    Device dev;
    AclintTime time;
    unsigned nharts;
    AclintHart harts[MACHINE_MAX_CPUS];
};

static uint64_t get_time(Aclint *s)
{
    return s->time.get(s->time.opaque);
}

/* Sets the timer line of @hart, and the timer for when it will rise. */
static void update_timer(AclintHart *hart)
{
    Aclint *s = hart->aclint;
    uint64_t now = get_time(s);
    bool level = now >= hart->mtimecmp;
    irq_set(&hart->mtip_line, level);
    if (level || hart->mtimecmp == UINT64_MAX) {
        timer_cancel(&hart->timer);
        return;
    }
    unsigned __int128 ns = (unsigned __int128)(hart->mtimecmp - now) * NS_PER_SECOND;
    ns = (ns + s->time.hz - 1) / s->time.hz + clock_now(s->dev.machine->clock);
    timer_arm(&hart->timer, ns < TIMER_NEVER ? (int64_t)ns : TIMER_NEVER - 1);
}

static void timer_fired(void *opaque)
{
    update_timer(opaque);
}

static void aclint_update_irq(Aclint *s)
{
    for (unsigned i = 0; i < s->nharts; i++) {
        irq_set(&s->harts[i].msip_line, s->harts[i].msip);
        update_timer(&s->harts[i]);
    }
}

/* The 64-bit register that contains @offset, as far as there is one; its number goes to *@hart. */
enum { IS_NOTHING, IS_MSIP, IS_MTIMECMP, IS_MTIME };

static int locate(const Aclint *s, uint64_t offset, unsigned *hart)
{
    if (offset < 4 * s->nharts) {
        *hart = offset / 4;
        return IS_MSIP;
    }
    if (offset >= MTIMECMP && offset < MTIMECMP + 8 * s->nharts) {
        *hart = (offset - MTIMECMP) / 8;
        return IS_MTIMECMP;
    }
    return offset >= MTIME && offset < MTIME + 8 ? IS_MTIME : IS_NOTHING;
}

static uint64_t aclint_read(Device *dev, uint64_t offset, unsigned size)
{
    Aclint *s = (Aclint *)dev;
    unsigned hart = 0, shift = offset & 4 ? 32 : 0;
    switch (locate(s, offset, &hart)) {
    case IS_MSIP:
        return s->harts[hart].msip |
               (size == 8 && hart + 1 < s->nharts ? (uint64_t)s->harts[hart + 1].msip << 32 : 0);
    case IS_MTIMECMP: return s->harts[hart].mtimecmp >> shift;
    case IS_MTIME: return get_time(s) >> shift;
    default: return 0;
    }
}

static void write_msip(Aclint *s, unsigned hart, uint32_t value)
{
    if (hart < s->nharts) {
        s->harts[hart].msip = value & 1;
        irq_set(&s->harts[hart].msip_line, s->harts[hart].msip);
    }
}

/* @old with the part that was written replaced. */
static uint64_t merge(uint64_t old, uint64_t offset, uint64_t value, unsigned size)
{
    return size == 8 ? value : bits_set(old, offset & 4 ? 32 : 0, 32, (uint32_t)value);
}

static void aclint_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Aclint *s = (Aclint *)dev;
    unsigned hart = 0;
    switch (locate(s, offset, &hart)) {
    case IS_MSIP:
        write_msip(s, hart, value);
        if (size == 8) {
            write_msip(s, hart + 1, value >> 32);
        }
        break;
    case IS_MTIMECMP:
        s->harts[hart].mtimecmp = merge(s->harts[hart].mtimecmp, offset, value, size);
        update_timer(&s->harts[hart]);
        break;
    case IS_MTIME:
        if (s->time.set) {
            s->time.set(s->time.opaque, merge(get_time(s), offset, value, size));
            aclint_update_irq(s);
        }
        break;
    default: log_guest_error("aclint: write to unknown offset 0x%" PRIx64 "\n", offset);
    }
}

static void aclint_reset(Device *dev)
{
    Aclint *s = (Aclint *)dev;
    for (unsigned i = 0; i < s->nharts; i++) {
        s->harts[i].msip = false;
        s->harts[i].mtimecmp = UINT64_MAX;
    }
    aclint_update_irq(s);
}

static bool aclint_post_load(void *opaque, GError **error)
{
    aclint_update_irq(opaque);
    return true;
}

static const VmField hart_fields[] = {
    VM_FIELD_U64(AclintHart, mtimecmp),
    VM_FIELD_BOOL(AclintHart, msip),
    VM_FIELD_END(),
};

static const VmDesc hart_vmstate = {"aclint-hart", hart_fields, NULL, NULL};

static const VmField aclint_fields[] = {
    VM_ARRAY_STRUCT(Aclint, harts, &hart_vmstate),
    VM_FIELD_END(),
};

static const VmDesc aclint_vmstate = {"aclint", aclint_fields, NULL, aclint_post_load};

static void aclint_finalize(Device *dev)
{
    Aclint *s = (Aclint *)dev;
    for (unsigned i = 0; i < s->nharts; i++) {
        timer_cancel(&s->harts[i].timer);
    }
}

/* Each hart's two lines. */
static void aclint_print_irqs(Device *dev, GString *out)
{
    Aclint *s = container_of(dev, Aclint, dev);
    uint64_t now = get_time(s);
    g_string_append_printf(out, "  time 0x%016" PRIx64 "\n", now);
    for (unsigned i = 0; i < s->nharts; i++) {
        const AclintHart *hart = &s->harts[i];
        g_string_append_printf(out, "  hart %u: software%s, timer at 0x%016" PRIx64 "%s\n", i,
                               hart->msip ? " raised" : "", hart->mtimecmp,
                               now >= hart->mtimecmp ? " raised" : "");
    }
}

static const DeviceOps aclint_ops = {
    .name = "riscv.aclint",
    .print_irqs = aclint_print_irqs,
    .reset = aclint_reset,
    .read = aclint_read,
    .write = aclint_write,
    .min_access = 4,
    .max_access = 8,
    .vmstate = &aclint_vmstate,
    .finalize = aclint_finalize,
};

Device *aclint_new(Machine *machine, uint64_t base, unsigned harts, const AclintTime *time,
                   const IrqLine *msip, const IrqLine *mtip)
{
    Aclint *s = device_new(machine, &aclint_ops, sizeof(*s), NULL);
    s->time = *time;
    s->nharts = MIN(harts, MACHINE_MAX_CPUS);
    for (unsigned i = 0; i < s->nharts; i++) {
        AclintHart *hart = &s->harts[i];
        hart->aclint = s;
        hart->msip_line = msip[i];
        hart->mtip_line = mtip[i];
        timer_init(&hart->timer, machine->clock, timer_fired, hart);
    }
    device_map_mmio(&s->dev, base, ACLINT_SIZE);
    return &s->dev;
}
