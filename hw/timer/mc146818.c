/*
 * MC146818A real-time clock with 128 bytes of memory, as at ports 0x70 and 0x71 of a PC. Motorola MC146818A
 * data sheet; bit 7 of port 0x70, which masks NMIs, is kept out.
 *
 * The time is not counted: it is the machine's clock plus an offset, and turned into the registers'
 * format when it is read. While the guest has updates stopped (SET) or the divider held, the registers hold
 * what it writes, and become the new time when it lets them go. One timer serves whatever comes
 * next: a periodic interrupt, the update, or the alarm. Locking: the machine lock.
 */
#include "hw/timer/mc146818.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define SECONDS_OF_DAY (24 * 60 * 60)
#define PORT_BASE 0x70
#define BYTES 128
#define UPDATE_NS 244141 /* before the second, UIP is set */

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    CENTURY = 0x32
};

/* clang-format off */
enum {
    A_UIP = 0x80, A_DIVIDER = 0x70, A_DIVIDER_RUN = 0x20, A_RATE = 0x0f,
    B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 8, B_BINARY = 4, B_24H = 2, B_DSE = 1,
    C_IRQ = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10,
    D_VALID = 0x80,
};
/* clang-format on */

typedef struct Mc146818 {
    Device dev;
    IrqLine irq;
    Timer timer;
    uint8_t index;
    uint8_t bytes[BYTES];
    uint64_t offset;      /* ns to add to the machine's clock */
    uint64_t next_period; /* in the machine's time; 0: no periodic interrupt */
    uint64_t last_update; /* second of the clock's time that UF and AF were last looked at for */
    uint8_t initial[BYTES];
} Mc146818;

static uint64_t machine_now(const Mc146818 *s)
{
    return clock_now(s->dev.machine->clock);
}

/* Nanoseconds since 1970. */
static uint64_t rtc_now(const Mc146818 *s)
{
    return machine_now(s) + s->offset;
}

static bool time_runs(const Mc146818 *s)
{
    return !(s->bytes[REG_B] & B_SET) && (s->bytes[REG_A] & A_DIVIDER) == A_DIVIDER_RUN;
}

/* ---- Formats ---- */

static uint8_t encode(const Mc146818 *s, unsigned value)
{
    return s->bytes[REG_B] & B_BINARY ? value : value / 10 % 10 << 4 | value % 10;
}

static unsigned decode(const Mc146818 *s, uint8_t value)
{
    return s->bytes[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(const Mc146818 *s, unsigned hour)
{
    if (s->bytes[REG_B] & B_24H) {
        return encode(s, hour);
    }
    return encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
}

static unsigned decode_hour(const Mc146818 *s, uint8_t value)
{
    if (s->bytes[REG_B] & B_24H) {
        return decode(s, value);
    }
    return decode(s, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

/* Fills the registers with the time. */
static void show_time(Mc146818 *s)
{
    GDateTime *t = g_date_time_new_from_unix_utc(rtc_now(s) / NS_PER_SECOND);
    if (!t) {
        return; /* past the year 9999: it stays as it was */
    }
    s->bytes[SECONDS] = encode(s, g_date_time_get_second(t));
    s->bytes[MINUTES] = encode(s, g_date_time_get_minute(t));
    s->bytes[HOURS] = encode_hour(s, g_date_time_get_hour(t));
    s->bytes[WEEKDAY] = encode(s, g_date_time_get_day_of_week(t) % 7 + 1); /* Sunday is 1 */
    s->bytes[DAY] = encode(s, g_date_time_get_day_of_month(t));
    s->bytes[MONTH] = encode(s, g_date_time_get_month(t));
    s->bytes[YEAR] = encode(s, g_date_time_get_year(t) % 100);
    s->bytes[CENTURY] = encode(s, g_date_time_get_year(t) / 100);
    g_date_time_unref(t);
}

/* The time becomes what the registers hold; what is no date leaves it as it was. */
static void take_time(Mc146818 *s)
{
    unsigned year = decode(s, s->bytes[CENTURY]) * 100 + decode(s, s->bytes[YEAR]);
    GDateTime *t = g_date_time_new_utc(year, decode(s, s->bytes[MONTH]), decode(s, s->bytes[DAY]),
                                       decode_hour(s, s->bytes[HOURS]),
                                       decode(s, s->bytes[MINUTES]), decode(s, s->bytes[SECONDS]));
    if (t) {
        int64_t seconds = g_date_time_to_unix(t);
        s->offset = (uint64_t)seconds * NS_PER_SECOND - machine_now(s);
        s->last_update = seconds;
        g_date_time_unref(t);
    }
}

/* ---- Events ---- */

/* Nanoseconds of the periodic interrupt; 0: none. Table 5 of the data sheet, for a clock of 32768 Hz. */
static uint64_t period(const Mc146818 *s)
{
    unsigned rate = s->bytes[REG_A] & A_RATE;
    if (!rate || (s->bytes[REG_A] & A_DIVIDER) > A_DIVIDER_RUN) {
        return 0;
    }
    return muldiv64(NS_PER_SECOND, UINT64_C(1) << ((rate <= 2 ? rate + 7 : rate) - 1), 32768);
}

static void mc146818_update_irq(Mc146818 *s)
{
    uint8_t pending = s->bytes[REG_B] & s->bytes[REG_C] & (B_PIE | B_AIE | B_UIE);
    s->bytes[REG_C] = (s->bytes[REG_C] & ~C_IRQ) | (pending ? C_IRQ : 0);
    irq_set(&s->irq, pending != 0);
}

static bool alarm_field_matches(uint8_t alarm, uint8_t value)
{
    return (alarm & 0xc0) == 0xc0 || alarm == value;
}

/* Whether the alarm registers match @second, counted from 1970. */
static bool alarm_matches(const Mc146818 *s, uint64_t second)
{
    return alarm_field_matches(s->bytes[SECONDS_ALARM], encode(s, second % 60)) &&
           alarm_field_matches(s->bytes[MINUTES_ALARM], encode(s, second / 60 % 60)) &&
           alarm_field_matches(s->bytes[HOURS_ALARM], encode_hour(s, second / 3600 % 24));
}

/* Whether they match any second after @last up to @now: nobody may have looked for a while. */
static bool alarm_matched(const Mc146818 *s, uint64_t last, uint64_t now)
{
    if (now < last || now - last > SECONDS_OF_DAY) {
        last = now - SECONDS_OF_DAY; /* each time of day is among them */
    }
    while (last < now) {
        if (alarm_matches(s, ++last)) {
            return true;
        }
    }
    return false;
}

/* Sets the flags for what has happened up to now. */
static void catch_up(Mc146818 *s)
{
    uint64_t time = machine_now(s), second = rtc_now(s) / NS_PER_SECOND;
    if (s->next_period && time >= s->next_period) {
        uint64_t step = period(s);
        s->bytes[REG_C] |= C_PF;
        s->next_period += step ? ((time - s->next_period) / step + 1) * step : 0;
    }
    if (time_runs(s) && second != s->last_update) {
        bool alarm = alarm_matched(s, s->last_update, second);
        s->last_update = second;
        show_time(s);
        s->bytes[REG_C] |= C_UF | (alarm ? C_AF : 0);
    }
}

/* The timer runs only while somebody waits: an interrupt is enabled whose flag is not set yet. */
static void arm(Mc146818 *s)
{
    uint8_t missing = s->bytes[REG_B] & ~s->bytes[REG_C];
    uint64_t next = TIMER_NEVER;
    if ((missing & B_PIE) && s->next_period) {
        next = s->next_period;
    }
    if ((missing & (B_UIE | B_AIE)) && time_runs(s)) {
        uint64_t left = NS_PER_SECOND - rtc_now(s) % NS_PER_SECOND;
        next = MIN(next, machine_now(s) + left);
    }
    timer_arm(&s->timer, next);
}

static void update(Mc146818 *s)
{
    catch_up(s);
    mc146818_update_irq(s);
    arm(s);
}

static void timer_fired(void *opaque)
{
    update(opaque);
}

/* ---- Registers ---- */

static void start_period(Mc146818 *s)
{
    uint64_t step = period(s);
    s->next_period = step ? machine_now(s) + step : 0;
}

static void write_control(Mc146818 *s, unsigned index, uint8_t value)
{
    bool ran = time_runs(s);
    if (index == REG_A) {
        bool same_rate = !((s->bytes[REG_A] ^ value) & (A_RATE | A_DIVIDER));
        s->bytes[REG_A] = value & ~A_UIP;
        if (!same_rate) {
            start_period(s);
        }
    } else {
        s->bytes[REG_B] = value & (value & B_SET ? ~B_UIE : 0xff);
    }
    if (ran && !time_runs(s)) {
        show_time(s);
    } else if (!ran && time_runs(s)) {
        take_time(s);
    }
}

static void data_write(Mc146818 *s, uint8_t value)
{
    unsigned index = s->index;
    bool time_field = index <= YEAR || index == CENTURY;
    catch_up(s);
    if (index == REG_A || index == REG_B) {
        if (time_runs(s)) {
            show_time(s);
        }
        write_control(s, index, value);
    } else if (index == REG_C || index == REG_D) {
        return; /* read-only */
    } else if (time_field && time_runs(s) && index != SECONDS_ALARM && index != MINUTES_ALARM &&
               index != HOURS_ALARM) {
        show_time(s);
        s->bytes[index] = value;
        take_time(s);
    } else {
        s->bytes[index] = value;
    }
    update(s);
}

static uint8_t data_read(Mc146818 *s)
{
    uint8_t value;
    catch_up(s);
    switch (s->index) {
    case REG_A:
        value = s->bytes[REG_A];
        if (time_runs(s) && rtc_now(s) % NS_PER_SECOND >= NS_PER_SECOND - UPDATE_NS) {
            value |= A_UIP;
        }
        return value;
    case REG_C:
        mc146818_update_irq(s);
        value = s->bytes[REG_C];
        s->bytes[REG_C] = 0;
        update(s);
        return value;
    case REG_D: return D_VALID;
    default:
        if (time_runs(s) && (s->index < REG_A || s->index == CENTURY)) {
            show_time(s);
        }
        return s->bytes[s->index];
    }
}

static uint64_t mc146818_read(void *opaque, uint64_t offset, unsigned size)
{
    Mc146818 *s = opaque;
    return offset & 1 ? data_read(s) : 0xff; /* the index is write-only */
}

static void mc146818_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Mc146818 *s = opaque;
    if (offset & 1) {
        data_write(s, value);
    } else {
        s->index = value & (BYTES - 1);
    }
}

void mc146818_set_byte(Device *dev, unsigned index, uint8_t value)
{
    Mc146818 *s = container_of(dev, Mc146818, dev);
    s->bytes[index % BYTES] = s->initial[index % BYTES] = value;
}

/* ---- The device ---- */

/* A reset stops interrupts; the battery keeps the rest. What firmware was told is told again. */
static void mc146818_reset(Device *dev)
{
    Mc146818 *s = container_of(dev, Mc146818, dev);
    s->bytes[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    s->bytes[REG_C] = 0;
    s->index = 0;
    for (unsigned i = REG_D + 1; i < BYTES; i++) {
        if (i != CENTURY && s->initial[i]) {
            s->bytes[i] = s->initial[i];
        }
    }
    update(s);
}

static bool mc146818_post_load(void *opaque, GError **error)
{
    Mc146818 *s = opaque;
    s->index &= BYTES - 1;
    mc146818_update_irq(s);
    arm(s);
    return true;
}

static const VmField mc146818_fields[] = {
    VM_FIELD_U8(Mc146818, index),        VM_ARRAY_U8(Mc146818, bytes),
    VM_FIELD_U64(Mc146818, offset),      VM_FIELD_U64(Mc146818, next_period),
    VM_FIELD_U64(Mc146818, last_update), VM_FIELD_END(),
};

static const VmDesc mc146818_vmstate = {"mc146818", mc146818_fields, NULL, mc146818_post_load};

static void mc146818_finalize(Device *dev)
{
    Mc146818 *s = container_of(dev, Mc146818, dev);
    timer_cancel(&s->timer);
}

static const DeviceOps mc146818_ops = {
    .name = "mc146818rtc",
    .reset = mc146818_reset,
    .vmstate = &mc146818_vmstate,
    .finalize = mc146818_finalize,
};

Device *mc146818_new(Machine *machine, IrqLine irq, int64_t base)
{
    static const MmioOps ops = {mc146818_read, mc146818_write, 1, 1, false};
    Mc146818 *s = device_new(machine, &mc146818_ops, sizeof(*s), NULL);
    s->irq = irq;
    s->bytes[REG_A] = A_DIVIDER_RUN | 6;
    s->bytes[REG_B] = B_24H;
    s->offset = (uint64_t)base * NS_PER_SECOND - clock_now(machine->clock);
    s->last_update = base;
    timer_init(&s->timer, machine->clock, timer_fired, s);
    start_period(s);
    show_time(s);
    memory_map_add_mmio(machine->io, "rtc", PORT_BASE, 2, 0, &ops, s, &s->dev);
    return &s->dev;
}
