/*
 * The Goldfish real-time clock, and through it the register tables of hw/regs.h.
 */
#include "hw/regs.h"
#include "hw/timer/goldfish-rtc.h"
#include "tests/device/harness.h"

#define BASE 0x101000

enum {
    TIME_LOW = 0,
    TIME_HIGH = 4,
    ALARM_LOW = 8,
    ALARM_HIGH = 12,
    IRQ_ENABLED = 16,
    CLEAR_ALARM = 20,
    ALARM_STATUS = 24,
    CLEAR_INTERRUPT = 28
};

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq;
    Device *rtc;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->rtc = goldfish_rtc_new(f->machine, BASE, irq_probe(&f->irq));
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static uint64_t now(Fixture *f)
{
    uint64_t low = rd32(f->machine, BASE + TIME_LOW);
    return (uint64_t)rd32(f->machine, BASE + TIME_HIGH) << 32 | low;
}

static void set_alarm(Fixture *f, uint64_t when)
{
    wr32(f->machine, BASE + ALARM_HIGH, when >> 32);
    wr32(f->machine, BASE + ALARM_LOW, when);
}

static void test_time(Fixture *f, gconstpointer data)
{
    uint64_t host = (uint64_t)g_get_real_time() * 1000, first = now(f);
    g_assert_cmpuint(host - first, <, 10 * NS_PER_SECOND);
    clock_step(f->machine->clock, 5 * NS_PER_SECOND);
    g_assert_cmpuint(now(f) - first, ==, 5 * NS_PER_SECOND);
    wr32(f->machine, BASE + TIME_HIGH, 0x12345678);
    wr32(f->machine, BASE + TIME_LOW, 0x9abcdef0);
    g_assert_cmphex(now(f), ==, 0x123456789abcdef0);
}

static void test_alarm(Fixture *f, gconstpointer data)
{
    wr32(f->machine, BASE + IRQ_ENABLED, 1);
    set_alarm(f, now(f) + 1000);
    g_assert_cmpuint(rd32(f->machine, BASE + ALARM_STATUS), ==, 1);
    clock_step(f->machine->clock, 999);
    g_assert_false(f->irq.level);
    clock_step(f->machine->clock, 1);
    g_assert_true(f->irq.level);
    g_assert_cmpuint(rd32(f->machine, BASE + ALARM_STATUS), ==, 0);
    wr32(f->machine, BASE + CLEAR_INTERRUPT, 0);
    g_assert_false(f->irq.level);
    set_alarm(f, now(f) - 1); /* in the past: at once */
    g_assert_true(f->irq.level);
    wr32(f->machine, BASE + IRQ_ENABLED, 0);
    g_assert_false(f->irq.level);
    wr32(f->machine, BASE + CLEAR_INTERRUPT, 0);
    wr32(f->machine, BASE + IRQ_ENABLED, 1);
    set_alarm(f, now(f) + 1000);
    wr32(f->machine, BASE + CLEAR_ALARM, 0);
    g_assert_cmpuint(rd32(f->machine, BASE + ALARM_STATUS), ==, 0);
    clock_step(f->machine->clock, 2000);
    g_assert_false(f->irq.level);
    set_alarm(f, UINT64_MAX);
    clock_step(f->machine->clock, 2000);
    g_assert_false(f->irq.level);
}

static void test_state(Fixture *f, gconstpointer data)
{
    IrqProbe irq = {0};
    Device *copy = goldfish_rtc_new(f->machine, BASE + 0x1000, irq_probe(&irq));
    wild_accesses(f->machine, BASE + 0x1000, 0x20, 1000, 1);
    wr32(f->machine, BASE + IRQ_ENABLED, 1);
    set_alarm(f, now(f) + 1000);
    check_round_trip(f->rtc, copy);
    g_assert_false(irq.level);
    clock_step(f->machine->clock, 1000);
    g_assert_true(irq.level);
    check_round_trip(f->rtc, copy);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, BASE, 0x24, 100000, 42);
    wild_accesses(f->machine, BASE, 0x1000, 10000, 43);
}

/* ---- Register tables ---- */

typedef struct Log {
    uint32_t values[3];
    uint32_t written;
} Log;

static uint32_t read_inverted(void *opaque, uint32_t stored)
{
    return ~stored;
}

static void note_written(void *opaque, uint32_t written)
{
    ((Log *)opaque)->written = written;
}

static void test_regs(void)
{
    static const RegDef defs[] = {
        {0x0, "PLAIN", 0x1234, 0xff, 0, NULL, NULL},
        {0x4, "STATUS", 0xf0f0, 0x8000, 0x00ff, NULL, note_written},
        {0xc, "INVERTED", 0, 0, 0, read_inverted, NULL},
    };
    static const RegBlock block = {"test", defs, G_N_ELEMENTS(defs)};
    Log log = {{0}, 0};
    regs_reset(&block, log.values);
    g_assert_cmphex(regs_read(&block, log.values, &log, 0), ==, 0x1234);
    regs_write(&block, log.values, &log, 0, 0xffffffff);
    g_assert_cmphex(regs_read(&block, log.values, &log, 0), ==, 0xffffff34);
    regs_write(&block, log.values, &log, 4, 0x00010030);
    g_assert_cmphex(regs_read(&block, log.values, &log, 4), ==, 0x000180c0);
    g_assert_cmphex(log.written, ==, 0x00010030);
    regs_write(&block, log.values, &log, 12, 5);
    g_assert_cmphex(regs_read(&block, log.values, &log, 12), ==, ~5u);
    g_assert_cmphex(regs_read(&block, log.values, &log, 8), ==, 0);
    regs_write(&block, log.values, &log, 8, 1);
    regs_write(&block, log.values, &log, UINT64_MAX, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/goldfish-rtc/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(time);
    ADD(alarm);
    ADD(state);
    ADD(wild);
    g_test_add_func("/regs/access", test_regs);
    return g_test_run();
}
