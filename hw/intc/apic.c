/*
 * The local APIC: registers, priorities, acceptance of interrupts. Intel SDM vol. 3A, chapter 10 (x2APIC:
 * 10.12).
 *
 * What waits for the processor is computed in one place, apic_update(), from the request and service
 * registers, the task priority and the pins. Its result is one atomic word, which the vCPU's thread looks at
 * without a lock. Locking: the machine lock.
 */
#include "hw/intc/apic-internal.h"
#include "softmmu/base/log.h"
#include <string.h>

/* clang-format off */
enum {
    REG_ID = 0x20, REG_VERSION = 0x30, REG_TPR = 0x80, REG_APR = 0x90, REG_PPR = 0xa0, REG_EOI = 0xb0,
    REG_LDR = 0xd0, REG_DFR = 0xe0, REG_SVR = 0xf0, REG_ISR = 0x100, REG_TMR = 0x180, REG_IRR = 0x200,
    REG_ESR = 0x280, REG_ICR = 0x300, REG_ICR_HIGH = 0x310, REG_LVT = 0x320, REG_INITIAL = 0x380,
    REG_CURRENT = 0x390, REG_DIVIDE = 0x3e0, REG_SELF_IPI = 0x3f0,
};
/* clang-format on */

#define VERSION (0x14u | (LVT_COUNT - 1) << 16 | 1u << 24) /* with suppression of EOI broadcasts */
#define SVR_ON (1u << 8)
#define SVR_NO_BROADCAST (1u << 12)
#define SVR_WRITABLE (0x1ffu | SVR_NO_BROADCAST)
#define ICR_WRITABLE 0xccfffu
#define ERROR_SEND_VECTOR (1u << 5)
#define ERROR_RECEIVE_VECTOR (1u << 6)
#define ERROR_REGISTER (1u << 7)
#define FIRST_VECTOR 16
#define PAGE_BYTES 1024

/* ---- 256 bits ---- */

static bool bit_of(const uint32_t *bits, uint8_t n)
{
    return bits[n / 32] >> (n % 32) & 1;
}

static void set_bit(uint32_t *bits, uint8_t n, bool on)
{
    bits[n / 32] = (bits[n / 32] & ~(1u << n % 32)) | (uint32_t)on << n % 32;
}

/* The number of the highest one, or -1. */
static int highest(const uint32_t *bits)
{
    for (int i = 7; i >= 0; i--) {
        if (bits[i]) {
            return 32 * i + 31 - __builtin_clz(bits[i]);
        }
    }
    return -1;
}

/* ---- What waits for the processor ---- */

static bool software_enabled(const Apic *apic)
{
    return apic_is_on(apic) && (apic->svr & SVR_ON);
}

uint8_t apic_ppr(const Apic *apic)
{
    int serving = highest(apic->isr);
    unsigned class = serving < 0 ? 0 : serving & 0xf0;
    return (apic->tpr & 0xf0) >= class ? apic->tpr : class;
}

/* Whether the 8259's request reaches the processor: through the pin if the APIC is off. */
static bool extint_waits(const Apic *apic)
{
    uint32_t lvt = apic->lvt[LVT_LINT0];
    if (!apic_is_on(apic)) {
        return apic->lint[0];
    }
    return apic->lint[0] && !(lvt & LVT_MASKED) && bits_get(lvt, 8, 3) == MODE_EXTINT;
}

static void apic_update(Apic *apic)
{
    int vector = highest(apic->irr), ready = READY_NONE;
    if (software_enabled(apic) && vector >= 0 && (vector & 0xf0) > (apic_ppr(apic) & 0xf0)) {
        ready = vector;
    } else if (extint_waits(apic)) {
        ready = READY_EXTINT;
    }
    __atomic_store_n(&apic->ready, ready, __ATOMIC_SEQ_CST);
    if (apic->cpu.interrupt) {
        apic->cpu.interrupt(apic->cpu.opaque, ready != READY_NONE);
    }
}

bool apic_pending(const Apic *apic)
{
    return __atomic_load_n(&apic->ready, __ATOMIC_SEQ_CST) != READY_NONE;
}

int apic_acknowledge(Apic *apic)
{
    int ready = apic->ready;
    if (ready == READY_NONE) {
        return -1;
    }
    if (ready == READY_EXTINT) {
        ready = apic_bus_pic_vector(apic->bus);
    } else {
        set_bit(apic->irr, ready, false);
        set_bit(apic->isr, ready, true);
    }
    apic_update(apic);
    return ready;
}

/* ---- Interrupts that arrive ---- */

static void note_error(Apic *apic, uint32_t error)
{
    bool known = apic->errors & error;
    apic->errors |= error;
    if (!known && !(apic->lvt[LVT_ERROR] & LVT_MASKED) &&
        (apic->lvt[LVT_ERROR] & 0xff) >= FIRST_VECTOR) {
        apic_local_interrupt(apic, LVT_ERROR);
    }
}

static void accept_fixed(Apic *apic, uint8_t vector, bool level)
{
    if (!software_enabled(apic)) {
        return;
    }
    if (vector < FIRST_VECTOR) {
        note_error(apic, ERROR_RECEIVE_VECTOR);
        return;
    }
    set_bit(apic->irr, vector, true);
    set_bit(apic->tmr, vector, level);
    apic_update(apic);
}

static void call(const Apic *apic, void (*hook)(void *opaque))
{
    if (hook) {
        hook(apic->cpu.opaque);
    }
}

void apic_deliver(Apic *apic, const ApicMessage *m)
{
    switch (m->mode) {
    case MODE_FIXED: accept_fixed(apic, m->vector, m->level); break;
    case MODE_SMI: call(apic, apic->cpu.smi); break;
    case MODE_NMI: call(apic, apic->cpu.nmi); break;
    case MODE_INIT: call(apic, apic->cpu.init); break;
    case MODE_SIPI:
        if (apic->cpu.sipi) {
            apic->cpu.sipi(apic->cpu.opaque, m->vector);
        }
        break;
    case MODE_EXTINT: accept_fixed(apic, apic_bus_pic_vector(apic->bus), false); break;
    default: log_guest_error("apic: message with reserved delivery mode %u", m->mode); break;
    }
}

void apic_local_interrupt(Apic *apic, unsigned n)
{
    uint32_t lvt = apic->lvt[n];
    bool fixed_only = n == LVT_TIMER || n == LVT_ERROR;
    unsigned mode = fixed_only ? MODE_FIXED : bits_get(lvt, 8, 3);
    if (lvt & LVT_MASKED) {
        return;
    }
    switch (mode) {
    case MODE_FIXED: accept_fixed(apic, lvt, false); break;
    case MODE_SMI: call(apic, apic->cpu.smi); break;
    case MODE_NMI: call(apic, apic->cpu.nmi); break;
    default: break; /* ExtINT follows the level of its pin */
    }
}

static void set_lint(void *opaque, unsigned n, bool level)
{
    Apic *apic = opaque;
    bool rises = level && !apic->lint[n];
    apic->lint[n] = level;
    if (rises && !apic_is_on(apic) && n == 1) {
        call(apic, apic->cpu.nmi); /* the pin is the processor's NMI */
    } else if (rises && apic_is_on(apic)) {
        apic_local_interrupt(apic, LVT_LINT0 + n);
    }
    apic_update(apic);
}

IrqLine apic_lint(Apic *apic, unsigned n)
{
    return irq_line(set_lint, apic, n & 1);
}

/* ---- Interrupts that are sent ---- */

static void write_icr(Apic *apic, uint64_t value)
{
    unsigned shorthand = bits_get(value, 18, 2);
    ApicMessage message = {
        .dest = apic_is_x2(apic) ? value >> 32 : value >> 56,
        .wide = apic_is_x2(apic),
        .logical = bits_get(value, 11, 1),
        .mode = bits_get(value, 8, 3),
        .vector = value,
    };
    apic->icr = value & ~(UINT64_C(1) << 12); /* it is never busy */
    if (message.mode == MODE_INIT && bits_get(value, 15, 1) && !bits_get(value, 14, 1)) {
        return; /* de-assertion of INIT does nothing */
    }
    if (message.mode == MODE_LOWEST) {
        message.mode = MODE_FIXED;
        message.lowest = true;
    }
    if (message.mode == MODE_FIXED && message.vector < FIRST_VECTOR) {
        note_error(apic, ERROR_SEND_VECTOR);
        return;
    }
    switch (shorthand) {
    case 0: apic_bus_send(apic->bus, &message); break;
    case 1: apic_deliver(apic, &message); break;
    case 2: apic_bus_broadcast(apic->bus, &message, NULL); break;
    case 3: apic_bus_broadcast(apic->bus, &message, apic); break;
    }
}

static void end_of_interrupt(Apic *apic)
{
    int vector = highest(apic->isr);
    if (vector < 0) {
        return;
    }
    set_bit(apic->isr, vector, false);
    apic_update(apic);
    if (bit_of(apic->tmr, vector) && !(apic->svr & SVR_NO_BROADCAST)) {
        apic_bus_end_of_interrupt(apic->bus, vector);
    }
}

/* ---- Registers ---- */

static void write_lvt(Apic *apic, unsigned n, uint32_t value)
{
    static const uint32_t writable[LVT_COUNT] = {0x700ff, 0x107ff, 0x107ff,
                                                 0x1a7ff, 0x1a7ff, 0x100ff};
    value &= writable[n];
    if (!(apic->svr & SVR_ON)) {
        value |= LVT_MASKED;
    }
    if (n == LVT_TIMER) {
        apic_timer_set_lvt(apic, value);
    } else {
        apic->lvt[n] = value;
    }
    apic_update(apic);
}

static void write_svr(Apic *apic, uint32_t value)
{
    apic->svr = value & SVR_WRITABLE;
    for (unsigned i = 0; i < LVT_COUNT && !(apic->svr & SVR_ON); i++) {
        write_lvt(apic, i, apic->lvt[i]);
    }
    apic_update(apic);
}

/* Registers that both modes have, but for ICR. False: there is none at @offset. */
static bool write_common(Apic *apic, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case REG_TPR:
        apic->tpr = value;
        apic_update(apic);
        return true;
    case REG_EOI: end_of_interrupt(apic); return true;
    case REG_SVR: write_svr(apic, value); return true;
    case REG_ESR:
        apic->esr = apic->errors;
        apic->errors = 0;
        return true;
    case REG_INITIAL: apic_timer_set_initial(apic, value); return true;
    case REG_DIVIDE: apic_timer_set_divide(apic, value); return true;
    default:
        if (offset >= REG_LVT && offset < REG_LVT + 16 * LVT_COUNT && !(offset & 15)) {
            write_lvt(apic, (offset - REG_LVT) / 16, value);
            return true;
        }
        return false;
    }
}

static bool read_common(Apic *apic, uint32_t offset, uint32_t *value)
{
    const uint32_t *bits = offset < REG_TMR ? apic->isr : offset < REG_IRR ? apic->tmr : apic->irr;
    switch (offset) {
    case REG_VERSION: *value = VERSION; return true;
    case REG_TPR: *value = apic->tpr; return true;
    case REG_PPR: *value = apic_ppr(apic); return true;
    case REG_LDR: *value = apic->ldr; return true;
    case REG_SVR: *value = apic->svr; return true;
    case REG_ESR: *value = apic->esr; return true;
    case REG_INITIAL: *value = apic->initial_count; return true;
    case REG_CURRENT: *value = apic_timer_count(apic); return true;
    case REG_DIVIDE: *value = apic->divide; return true;
    default:
        if (offset >= REG_ISR && offset < REG_ESR) {
            *value = bits[(offset & 0x7f) / 16];
            return true;
        }
        if (offset >= REG_LVT && offset < REG_LVT + 16 * LVT_COUNT) {
            *value = apic->lvt[(offset - REG_LVT) / 16];
            return true;
        }
        return false;
    }
}

uint32_t apic_read(Apic *apic, uint32_t offset)
{
    uint32_t value = 0;
    if (offset & 15) {
        return 0;
    }
    switch (offset) {
    case REG_ID: return (uint32_t)apic->xapic_id << 24;
    case REG_APR: return 0;
    case REG_DFR: return apic->dfr;
    case REG_ICR: return apic->icr;
    case REG_ICR_HIGH: return apic->icr >> 32;
    default:
        if (!read_common(apic, offset, &value)) {
            note_error(apic, ERROR_REGISTER);
        }
        return value;
    }
}

void apic_write(Apic *apic, uint32_t offset, uint32_t value)
{
    if (offset & 15) {
        return;
    }
    switch (offset) {
    case REG_ID: apic->xapic_id = value >> 24; break;
    case REG_LDR: apic->ldr = value & 0xff000000; break;
    case REG_DFR: apic->dfr = value | 0x0fffffff; break;
    case REG_ICR:
        write_icr(apic, (apic->icr & ~UINT64_C(0xffffffff)) | (value & ICR_WRITABLE));
        break;
    case REG_ICR_HIGH:
        apic->icr = (apic->icr & UINT32_MAX) | (uint64_t)(value & 0xff000000) << 32;
        break;
    default:
        if (!write_common(apic, offset, value)) {
            note_error(apic, ERROR_REGISTER);
        }
        break;
    }
}

/* ---- x2APIC ---- */

bool apic_read_msr(Apic *apic, uint32_t msr, uint64_t *value)
{
    uint32_t offset = (msr - APIC_X2APIC_MSR) << 4, low = 0;
    if (!apic_is_x2(apic)) {
        return false;
    }
    switch (offset) {
    case REG_ID: *value = apic->id; return true;
    case REG_ICR: *value = apic->icr; return true;
    case REG_ICR_HIGH:
    case REG_DFR:
    case REG_EOI: return false;
    default:
        if (offset >= PAGE_BYTES || !read_common(apic, offset, &low)) {
            return false;
        }
        *value = low;
        return true;
    }
}

/* Bits that must be zero when MSR at @offset is written. */
static uint64_t reserved_bits(uint32_t offset)
{
    switch (offset) {
    case REG_TPR: return ~UINT64_C(0xff);
    case REG_EOI:
    case REG_ESR: return ~UINT64_C(0);
    case REG_SVR: return ~(uint64_t)SVR_WRITABLE;
    case REG_DIVIDE: return ~UINT64_C(0xb);
    case REG_SELF_IPI: return ~UINT64_C(0xff);
    case REG_ICR: return ~(UINT64_C(0xffffffff00000000) | ICR_WRITABLE);
    default: return ~UINT64_C(0xffffffff);
    }
}

bool apic_write_msr(Apic *apic, uint32_t msr, uint64_t value)
{
    uint32_t offset = (msr - APIC_X2APIC_MSR) << 4;
    if (!apic_is_x2(apic) || offset >= PAGE_BYTES || (value & reserved_bits(offset))) {
        return false;
    }
    if (offset == REG_ICR) {
        write_icr(apic, value);
        return true;
    }
    if (offset == REG_SELF_IPI) {
        ApicMessage message = {.mode = MODE_FIXED, .vector = value};
        apic_deliver(apic, &message);
        return true;
    }
    return write_common(apic, offset, value);
}

uint64_t apic_get_base(const Apic *apic)
{
    return apic->base;
}

/* LDR follows from the identity in x2APIC mode. */
static void enter_x2apic(Apic *apic)
{
    apic->ldr = (apic->id >> 4) << 16 | 1u << (apic->id & 15);
    apic->icr &= UINT32_MAX;
}

bool apic_set_base(Apic *apic, uint64_t value, bool x2apic)
{
    uint32_t mode = value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    uint32_t old = apic->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    uint64_t allowed = UINT64_C(0xffffffffff000) | APIC_BASE_BSP | APIC_BASE_ENABLE |
                       (x2apic ? APIC_BASE_X2APIC : 0);
    bool from_x2 = old & APIC_BASE_X2APIC, off = !mode;
    if ((value & ~allowed) || mode == APIC_BASE_X2APIC || (from_x2 && mode == APIC_BASE_ENABLE) ||
        (!old && (mode & APIC_BASE_X2APIC))) {
        return false; /* figure 10-27: these transitions do not exist */
    }
    if ((value & ~UINT64_C(0xfff)) != APIC_BASE_ADDRESS) {
        log_guest_error("apic: moving an APIC away from 0x%x is not supported", APIC_BASE_ADDRESS);
        value = (value & 0xfff) | APIC_BASE_ADDRESS;
    }
    apic->base = value;
    if (off && old) {
        apic_init(apic);
    } else if (!from_x2 && (mode & APIC_BASE_X2APIC)) {
        enter_x2apic(apic);
    }
    apic_update(apic);
    return true;
}

uint8_t apic_get_cr8(const Apic *apic)
{
    return apic->tpr >> 4;
}

void apic_set_cr8(Apic *apic, uint8_t cr8)
{
    apic->tpr = cr8 << 4;
    apic_update(apic);
}

/* ---- The whole state ---- */

void apic_init(Apic *apic)
{
    memset(apic->isr, 0, sizeof(apic->isr));
    memset(apic->tmr, 0, sizeof(apic->tmr));
    memset(apic->irr, 0, sizeof(apic->irr));
    apic->tpr = 0;
    apic->ldr = 0;
    apic->dfr = UINT32_MAX;
    apic->svr = 0xff;
    apic->esr = apic->errors = 0;
    apic->icr = 0;
    apic->initial_count = apic->divide = 0;
    apic->tsc_deadline = 0;
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        apic->lvt[i] = LVT_MASKED;
    }
    if (apic_is_x2(apic)) {
        enter_x2apic(apic);
    }
    apic_timer_arm(apic);
    apic_update(apic);
}

static void apic_reset(Device *dev)
{
    Apic *apic = container_of(dev, Apic, dev);
    apic->base = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | (apic->index == 0 ? APIC_BASE_BSP : 0);
    apic->xapic_id = apic->id;
    apic_init(apic);
    if (apic->index == 0) { /* as a BIOS leaves it: the 8259 reaches the first processor */
        apic->lvt[LVT_LINT0] = MODE_EXTINT << 8;
    }
}

static void put(uint8_t *page, uint32_t offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof(value));
}

static uint32_t get(const uint8_t *page, uint32_t offset)
{
    uint32_t value;
    memcpy(&value, page + offset, sizeof(value));
    return value;
}

void apic_get_page(Apic *apic, uint8_t *page)
{
    memset(page, 0, PAGE_BYTES);
    for (uint32_t offset = REG_VERSION; offset < PAGE_BYTES; offset += 16) {
        uint32_t value = 0;
        if (read_common(apic, offset, &value)) {
            put(page, offset, value);
        }
    }
    put(page, REG_ID, apic_is_x2(apic) ? apic->id : (uint32_t)apic->xapic_id << 24);
    put(page, REG_DFR, apic->dfr);
    put(page, REG_ICR, apic->icr);
    put(page, REG_ICR_HIGH, apic->icr >> 32);
}

void apic_set_page(Apic *apic, const uint8_t *page)
{
    if (!apic_is_x2(apic)) {
        apic->xapic_id = get(page, REG_ID) >> 24;
    }
    apic->tpr = get(page, REG_TPR);
    apic->ldr = get(page, REG_LDR);
    apic->dfr = get(page, REG_DFR) | 0x0fffffff;
    apic->svr = get(page, REG_SVR) & SVR_WRITABLE;
    apic->esr = get(page, REG_ESR);
    apic->icr = get(page, REG_ICR) | (uint64_t)get(page, REG_ICR_HIGH) << 32;
    apic->divide = get(page, REG_DIVIDE) & 0xb;
    for (unsigned i = 0; i < 8; i++) {
        apic->isr[i] = get(page, REG_ISR + 16 * i);
        apic->tmr[i] = get(page, REG_TMR + 16 * i);
        apic->irr[i] = get(page, REG_IRR + 16 * i);
    }
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        write_lvt(apic, i, get(page, REG_LVT + 16 * i));
    }
    apic->initial_count = get(page, REG_INITIAL);
    apic_timer_set_count(apic, get(page, REG_CURRENT));
    apic_update(apic);
}

static bool apic_post_load(void *opaque, GError **error)
{
    Apic *apic = opaque;
    apic->base = (apic->base & 0xd00) | APIC_BASE_ADDRESS;
    apic->divide &= 0xb;
    apic_timer_arm(apic);
    apic_update(apic);
    return true;
}

static const VmField apic_fields[] = {
    VM_FIELD_U64(Apic, base),
    VM_FIELD_U8(Apic, xapic_id),
    VM_FIELD_U8(Apic, tpr),
    VM_FIELD_U32(Apic, ldr),
    VM_FIELD_U32(Apic, dfr),
    VM_FIELD_U32(Apic, svr),
    VM_ARRAY_U32(Apic, isr),
    VM_ARRAY_U32(Apic, tmr),
    VM_ARRAY_U32(Apic, irr),
    VM_ARRAY_U32(Apic, lvt),
    VM_FIELD_U32(Apic, esr),
    VM_FIELD_U32(Apic, errors),
    VM_FIELD_U64(Apic, icr),
    VM_FIELD_U32(Apic, initial_count),
    VM_FIELD_U32(Apic, divide),
    VM_FIELD_U64(Apic, timer_start),
    VM_FIELD_BOOL(Apic, timer_done),
    VM_FIELD_U64(Apic, tsc_deadline),
    VM_FIELD_BOOL(Apic, lint[0]),
    VM_FIELD_BOOL(Apic, lint[1]),
    VM_FIELD_END(),
};

static const VmDesc apic_vmstate = {"apic", apic_fields, NULL, apic_post_load};

static void apic_finalize(Device *dev)
{
    Apic *apic = container_of(dev, Apic, dev);
    timer_cancel(&apic->timer);
}

static void print_vectors(GString *out, const char *name, const uint32_t *bits)
{
    g_string_append_printf(out, "  %s", name);
    for (unsigned n = 0; n < 256; n++) {
        if (bits[n / 32] >> n % 32 & 1) {
            g_string_append_printf(out, " %02x", n);
        }
    }
    g_string_append_c(out, '\n');
}

/* What waits, what is served, and where the local interrupts go. */
static void apic_print_irqs(Device *dev, GString *out)
{
    static const char *const names[LVT_COUNT] = {"timer", "thermal", "perf",
                                                 "lint0", "lint1",   "error"};
    const Apic *apic = container_of(dev, Apic, dev);
    g_string_append_printf(out, "  id %u%s, task priority %02x\n", apic->id,
                           !apic_is_on(apic)  ? " off"
                           : apic_is_x2(apic) ? " x2APIC"
                                              : "",
                           apic->tpr);
    print_vectors(out, "waiting:", apic->irr);
    print_vectors(out, "in service:", apic->isr);
    for (unsigned n = 0; n < LVT_COUNT; n++) {
        bool pin = n == LVT_LINT0 || n == LVT_LINT1;
        g_string_append_printf(out, "  %s: vector %02x mode %u%s%s\n", names[n],
                               apic->lvt[n] & 0xff, apic->lvt[n] >> 8 & 7,
                               apic->lvt[n] & LVT_MASKED ? " masked" : "",
                               pin && apic->lint[n - LVT_LINT0] ? " raised" : "");
    }
}

static const DeviceOps apic_ops = {
    .name = "apic",
    .print_irqs = apic_print_irqs,
    .reset = apic_reset,
    .vmstate = &apic_vmstate,
    .finalize = apic_finalize,
};

Apic *apic_new(ApicBus *bus, unsigned index, uint32_t id, const ApicCpu *cpu)
{
    Apic *apic = device_new(apic_bus_machine(bus), &apic_ops, sizeof(*apic), NULL);
    apic->bus = bus;
    apic->cpu = *cpu;
    apic->index = index;
    apic->id = id;
    apic->ready = READY_NONE;
    apic_timer_init(apic);
    return apic_bus_attach(bus, apic);
}
