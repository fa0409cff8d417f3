/*
 * Power management of the ICH9: ACPI's fixed registers, general purpose events, the power button, the timer.
 * ICH9 data sheet (316972) section 13.8; ACPI 6.4 section 4.8.
 *
 * The block is 128 bytes with masks of what can be written and what is cleared by ones; what follows from the
 * bytes, the SCI and the timer's interrupt, is computed after each change. There is no system management
 * mode: writing to the APM port does here what its handler would, and firmware finds SMIs set up
 * already, so that it does not try to. Locking: the machine lock.
 */
#include "hw/x86/ich9.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <string.h>

enum {
    PM1_STS = 0x00,
    PM1_EN = 0x02,
    PM1_CNT = 0x04,
    PM_TMR = 0x08,
    GPE0_STS = 0x20,
    GPE0_EN = 0x28,
    SMI_EN = 0x30,
    SMI_STS = 0x34,
    TCO_BASE = 0x60,
};
#define GPE_BYTES 8

/* PM1_STS and PM1_EN */
enum {
    STS_TIMER = 1 << 0,
    STS_GLOBAL = 1 << 5,
    STS_POWER = 1 << 8,
    STS_RTC = 1 << 10,
    STS_WAKE = 1 << 15
};
#define EN_BITS (STS_TIMER | STS_GLOBAL | STS_POWER | STS_RTC)
enum { CNT_SCI = 1 << 0, CNT_SLEEP_TYPE = 7 << 10, CNT_SLEEP = 1 << 13 };
#define SLEEP_OFF 0
#define SMI_EN_GLOBAL (1 << 0)
#define SMI_EN_APM (1 << 5)
#define TIMER_BITS 24

struct Ich9Pm {
    Device dev;
    IrqLine sci;
    MemoryRegion *region;
    Timer overflow;
    uint8_t bytes[ICH9_PM_SIZE];
    uint8_t wmask[ICH9_PM_SIZE], w1c[ICH9_PM_SIZE]; /* fixed */
    uint8_t apm[2];                                 /* ports 0xb2 and 0xb3 */
    uint64_t timer_seen; /* half periods of the timer that STS_TIMER was set for */
};

/* ---- The timer ---- */

static uint64_t ticks(const Ich9Pm *s)
{
    return muldiv64(clock_now(s->dev.machine->clock), ICH9_PM_TIMER_HZ, NS_PER_SECOND);
}

/* STS_TIMER is set whenever the timer's highest bit changes. */
static void note_overflow(Ich9Pm *s)
{
    uint64_t halves = ticks(s) >> (TIMER_BITS - 1);
    if (halves != s->timer_seen) {
        s->timer_seen = halves;
        s->bytes[PM1_STS] |= STS_TIMER;
    }
}

static void ich9_pm_update_sci(Ich9Pm *s)
{
    bool pending = pci_get16(s->bytes, PM1_STS) & pci_get16(s->bytes, PM1_EN) & EN_BITS;
    for (unsigned i = 0; i < GPE_BYTES; i++) {
        pending = pending || (s->bytes[GPE0_STS + i] & s->bytes[GPE0_EN + i]);
    }
    irq_set(&s->sci, pending && (s->bytes[PM1_CNT] & CNT_SCI));
}

static void arm_overflow(Ich9Pm *s)
{
    bool wanted = (s->bytes[PM1_EN] & STS_TIMER) && !(s->bytes[PM1_STS] & STS_TIMER);
    uint64_t next = ((ticks(s) >> (TIMER_BITS - 1)) + 1) << (TIMER_BITS - 1);
    timer_arm(&s->overflow,
              wanted ? (int64_t)muldiv64(next, NS_PER_SECOND, ICH9_PM_TIMER_HZ) + 1 : TIMER_NEVER);
}

static void update(Ich9Pm *s)
{
    note_overflow(s);
    ich9_pm_update_sci(s);
    arm_overflow(s);
}

static void overflowed(void *opaque)
{
    update(opaque);
}

/* ---- Events ---- */

static void power_button(void *opaque, unsigned n, bool level)
{
    Ich9Pm *s = opaque;
    if (level) {
        pci_put16(s->bytes, PM1_STS, pci_get16(s->bytes, PM1_STS) | STS_POWER);
        update(s);
    }
}

static void go_to_sleep(Ich9Pm *s)
{
    uint16_t control = pci_get16(s->bytes, PM1_CNT);
    unsigned type = (control & CNT_SLEEP_TYPE) >> 10;
    pci_put16(s->bytes, PM1_CNT, control & ~CNT_SLEEP);
    if (type == SLEEP_OFF) {
        machine_request_shutdown(s->dev.machine, 0);
    } else {
        log_guest_error("ich9-pm: there is no sleep state of type %u", type);
    }
}

/* ---- Registers ---- */

static uint64_t pm_read(void *opaque, uint64_t offset, unsigned size)
{
    Ich9Pm *s = opaque;
    uint32_t value = 0;
    note_overflow(s);
    pci_put32(s->bytes, PM_TMR, ticks(s) & ((1u << TIMER_BITS) - 1));
    memcpy(&value, s->bytes + offset, MIN(size, ICH9_PM_SIZE - offset));
    return value;
}

static void pm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Pm *s = opaque;
    note_overflow(s);
    for (unsigned i = 0; i < size && offset + i < ICH9_PM_SIZE; i++, value >>= 8) {
        uint8_t *byte = &s->bytes[offset + i], w = s->wmask[offset + i];
        *byte = ((*byte & ~w) | (value & w)) & ~(value & s->w1c[offset + i]);
    }
    if (pci_get16(s->bytes, PM1_CNT) & CNT_SLEEP) {
        go_to_sleep(s);
    }
    update(s);
}

/* What the handler of a system management interrupt would do. */
static void apm_command(Ich9Pm *s, uint8_t command)
{
    if (command == ICH9_ACPI_ENABLE) {
        s->bytes[PM1_CNT] |= CNT_SCI;
    } else if (command == ICH9_ACPI_DISABLE) {
        s->bytes[PM1_CNT] &= ~CNT_SCI;
    }
    update(s);
}

static uint64_t apm_read(void *opaque, uint64_t offset, unsigned size)
{
    Ich9Pm *s = opaque;
    return s->apm[offset & 1];
}

static void apm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Pm *s = opaque;
    s->apm[offset & 1] = value;
    if (offset == 0) {
        apm_command(s, value);
    }
}

static const MmioOps pm_ops = {pm_read, pm_write, 1, 4, true};
static const MmioOps apm_ops = {apm_read, apm_write, 1, 1, false};

void ich9_pm_map(Ich9Pm *s, uint16_t base, bool enabled)
{
    memory_region_set_base(s->region, base);
    memory_region_set_enabled(s->region, enabled);
}

/* ---- The device ---- */

static void init_masks(Ich9Pm *s)
{
    pci_put16(s->w1c, PM1_STS, STS_TIMER | STS_GLOBAL | STS_POWER | STS_RTC | STS_WAKE);
    pci_put16(s->wmask, PM1_EN, EN_BITS);
    pci_put16(s->wmask, PM1_CNT, CNT_SCI | 2 | CNT_SLEEP_TYPE | CNT_SLEEP);
    memset(s->w1c + GPE0_STS, 0xff, GPE_BYTES);
    memset(s->wmask + GPE0_EN, 0xff, GPE_BYTES);
    pci_put32(s->wmask, SMI_EN, ~(uint32_t)(SMI_EN_APM | SMI_EN_GLOBAL));
    memset(s->wmask + TCO_BASE, 0xff, ICH9_PM_SIZE - TCO_BASE);
}

static void ich9_pm_reset(Device *dev)
{
    Ich9Pm *s = container_of(dev, Ich9Pm, dev);
    memset(s->bytes, 0, sizeof(s->bytes));
    memset(s->apm, 0, sizeof(s->apm));
    pci_put32(s->bytes, SMI_EN, SMI_EN_APM | SMI_EN_GLOBAL); /* "done already" */
    s->timer_seen = ticks(s) >> (TIMER_BITS - 1);
    update(s);
}

static bool ich9_pm_post_load(void *opaque, GError **error)
{
    update(opaque);
    return true;
}

static const VmField ich9_pm_fields[] = {
    VM_ARRAY_U8(Ich9Pm, bytes),
    VM_ARRAY_U8(Ich9Pm, apm),
    VM_FIELD_U64(Ich9Pm, timer_seen),
    VM_FIELD_END(),
};

static const VmDesc ich9_pm_vmstate = {"ich9-pm", ich9_pm_fields, NULL, ich9_pm_post_load};

static void ich9_pm_finalize(Device *dev)
{
    Ich9Pm *s = container_of(dev, Ich9Pm, dev);
    timer_cancel(&s->overflow);
}

static const DeviceOps ich9_pm_ops = {
    .name = "ich9-pm",
    .reset = ich9_pm_reset,
    .vmstate = &ich9_pm_vmstate,
    .finalize = ich9_pm_finalize,
};

Ich9Pm *ich9_pm_new(Machine *machine, IrqLine sci)
{
    Ich9Pm *s = device_new(machine, &ich9_pm_ops, sizeof(*s), NULL);
    s->sci = sci;
    init_masks(s);
    timer_init(&s->overflow, machine->clock, overflowed, s);
    s->region =
        memory_map_add_mmio(machine->io, "ich9-pm", 0, ICH9_PM_SIZE, 0, &pm_ops, s, &s->dev);
    memory_region_set_enabled(s->region, false);
    memory_map_add_mmio(machine->io, "apm", ICH9_SMI_PORT, 2, 0, &apm_ops, s, &s->dev);
    machine->power_button = irq_line(power_button, s, 0);
    return s;
}
