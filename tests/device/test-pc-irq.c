/*
 * The interrupt controllers and timers of a PC, each by itself: 8259s, I/O APIC, local APICs, 8254, RTC, HPET,
 * keyboard controller.
 */
#include "hw/input/i8042.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818.h"
#include "softmmu/input.h"
#include "tests/device/harness.h"
#include <linux/input-event-codes.h>

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq, second;
    unsigned inits, sipi, nmis;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static uint8_t in(Fixture *f, uint16_t port)
{
    return machine_pio_read(f->machine, port, 1);
}

static void out(Fixture *f, uint16_t port, uint8_t value)
{
    machine_pio_write(f->machine, port, value, 1);
}

/* ---- 8259 ---- */

static Device *make_pic(Fixture *f)
{
    static const uint8_t words[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1},
                                       {0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 2}, {0xa1, 1}};
    Device *pic = i8259_new(f->machine, irq_probe(&f->irq));
    machine_reset(f->machine);
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        out(f, words[i][0], words[i][1]);
    }
    return pic;
}

static void set(Device *pic, unsigned n, bool level)
{
    IrqLine line = i8259_input(pic, n);
    irq_set(&line, level);
}

static void test_pic(Fixture *f, gconstpointer data)
{
    Device *pic = make_pic(f);
    set(pic, 3, true);
    g_assert_true(f->irq.level);
    set(pic, 1, true); /* of higher priority */
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x21);
    g_assert_false(f->irq.level); /* 3 has to wait */
    out(f, 0x20, 0x20);
    g_assert_true(f->irq.level);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x23);
    out(f, 0x20, 0x0b);
    g_assert_cmphex(in(f, 0x20), ==, 8); /* in service */
    out(f, 0x20, 0x63);                  /* specific */
    g_assert_cmphex(in(f, 0x20), ==, 0);
    set(pic, 12, true); /* through the cascade */
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x2c);
    out(f, 0xa0, 0x20);
    out(f, 0x20, 0x20);
    g_assert_false(f->irq.level); /* edges: a line that stays is old news */
    out(f, 0x4d1, 0x10);          /* now levels */
    g_assert_true(f->irq.level);
    out(f, 0xa1, 0x10); /* masked */
    g_assert_false(f->irq.level);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x27); /* spurious */
    out(f, 0x4d0, 0xff);
    g_assert_cmphex(in(f, 0x4d0), ==, 0xf8); /* some are always edges */
}

static void test_pic_state(Fixture *f, gconstpointer data)
{
    Device *pic = make_pic(f);
    set(pic, 5, true);
    set(pic, 9, true);
    i8259_acknowledge(pic);
    check_round_trip(pic, pic);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x27);
}

/* ---- Local and I/O APIC ---- */

static void on_interrupt(void *opaque, bool pending)
{
    ((Fixture *)opaque)->irq.level = pending;
}

static void on_init(void *opaque)
{
    ((Fixture *)opaque)->inits++;
}

static void on_sipi(void *opaque, uint8_t vector)
{
    ((Fixture *)opaque)->sipi = vector;
}

static void on_nmi(void *opaque)
{
    ((Fixture *)opaque)->nmis++;
}

typedef struct Apics {
    ApicBus *bus;
    Apic *apics[2];
    Device *ioapic;
} Apics;

static void send(void *opaque, uint64_t addr, uint32_t data)
{
    apic_bus_message(opaque, addr, data);
}

static Apics make_apics(Fixture *f)
{
    static const IoApicOps ops = {send, NULL};
    Apics a = {.bus = apic_bus_new(f->machine)};
    ApicCpu cpu = {
        .interrupt = on_interrupt, .nmi = on_nmi, .init = on_init, .sipi = on_sipi, .opaque = f};
    for (unsigned i = 0; i < 2; i++) {
        a.apics[i] = apic_new(a.bus, i, i, &cpu);
    }
    a.ioapic = ioapic_new(f->machine, IOAPIC_BASE, &ops, a.bus);
    apic_bus_set_eoi(a.bus, ioapic_end_of_interrupt, a.ioapic);
    machine_reset(f->machine);
    wr32(f->machine, APIC_BASE_ADDRESS + 0xf0, 0x1ff);
    return a;
}

static void lapic(Fixture *f, uint32_t reg, uint32_t value)
{
    wr32(f->machine, APIC_BASE_ADDRESS + reg, value);
}

static void redirect(Fixture *f, unsigned pin, uint32_t low, uint32_t high)
{
    wr32(f->machine, IOAPIC_BASE, 0x11 + 2 * pin);
    wr32(f->machine, IOAPIC_BASE + 0x10, high);
    wr32(f->machine, IOAPIC_BASE, 0x10 + 2 * pin);
    wr32(f->machine, IOAPIC_BASE + 0x10, low);
}

static void test_ioapic(Fixture *f, gconstpointer data)
{
    Apics a = make_apics(f);
    IrqLine edge = ioapic_input(a.ioapic, 4), level = ioapic_input(a.ioapic, 17);
    redirect(f, 4, 0x44, 0);
    redirect(f, 17, 0x8051, 0);
    irq_set(&edge, true);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x44);
    irq_set(&level, true);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x51); /* of higher priority */
    wr32(f->machine, IOAPIC_BASE, 0x10 + 2 * 17);
    g_assert_cmphex(rd32(f->machine, IOAPIC_BASE + 0x10), ==, 0xc051); /* remote IRR */
    lapic(f, 0xb0, 0);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x51); /* the line is still high */
    irq_set(&level, false);
    lapic(f, 0xb0, 0);
    lapic(f, 0xb0, 0);
    g_assert_false(apic_pending(a.apics[0]));
    g_assert_cmphex(rd32(f->machine, IOAPIC_BASE + 0x10), ==, 0x8051);
    dma_write_msi(&f->machine->dma, APIC_BASE_ADDRESS, 0x61); /* a device's message */
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x61);
}

static void test_ipi(Fixture *f, gconstpointer data)
{
    Apics a = make_apics(f);
    lapic(f, 0x310, 1 << 24);
    lapic(f, 0x300, 0x4500); /* INIT */
    lapic(f, 0x300, 0x4608); /* start at 0x8000 */
    g_assert_cmpuint(f->inits, ==, 1);
    g_assert_cmpuint(f->sipi, ==, 8);
    lapic(f, 0x300, 0x4400);
    g_assert_cmpuint(f->nmis, ==, 1);
    lapic(f, 0x300, 0x40033); /* to itself */
    lapic(f, 0x80, 0x30);
    g_assert_false(apic_pending(a.apics[0]));
    lapic(f, 0x80, 0);
    g_assert_true(apic_pending(a.apics[0]));
    g_assert_cmphex(rd32(f->machine, APIC_BASE_ADDRESS + 0x210), ==, 1 << 19);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x33);
    g_assert_cmphex(rd32(f->machine, APIC_BASE_ADDRESS + 0xa0), ==, 0x30);
    lapic(f, 0xb0, 0);
    /* x2APIC: by MSRs, with #GP for what is reserved. */
    uint64_t value;
    g_assert_false(apic_read_msr(a.apics[1], 0x802, &value));
    g_assert_false(apic_set_base(a.apics[1], 0xfee00400, true));
    g_assert_true(apic_set_base(a.apics[1], 0xfee00c00, true));
    g_assert_true(apic_read_msr(a.apics[1], 0x802, &value));
    g_assert_cmphex(value, ==, 1);
    g_assert_true(apic_read_msr(a.apics[1], 0x80d, &value));
    g_assert_cmphex(value, ==, 2);
    g_assert_false(apic_write_msr(a.apics[1], 0x80b, 1));
    g_assert_true(apic_write_msr(a.apics[1], 0x80f, 0x1ff));
    g_assert_true(apic_write_msr(a.apics[1], 0x83f, 0x77));
    g_assert_cmpint(apic_acknowledge(a.apics[1]), ==, 0x77);
    check_round_trip((Device *)a.apics[1], (Device *)a.apics[1]);
}

static void test_apic_timer(Fixture *f, gconstpointer data)
{
    Apics a = make_apics(f);
    lapic(f, 0x3e0, 3);     /* by 16 */
    lapic(f, 0x320, 0x40);  /* once */
    lapic(f, 0x380, 62500); /* 1 ms */
    clock_step(f->machine->clock, 500000);
    g_assert_cmpuint(rd32(f->machine, APIC_BASE_ADDRESS + 0x390), ==, 31250);
    g_assert_false(apic_pending(a.apics[0]));
    clock_step(f->machine->clock, 500000);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x40);
    lapic(f, 0xb0, 0);
    clock_step(f->machine->clock, 5000000);
    g_assert_false(apic_pending(a.apics[0]));
    lapic(f, 0x320, 0x20040); /* periodic */
    lapic(f, 0x380, 62500);
    for (unsigned i = 0; i < 3; i++) {
        clock_step(f->machine->clock, 1000000);
        g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x40);
        lapic(f, 0xb0, 0);
    }
    /* An end that comes before anyone looked is not lost; one while the entry is masked is. */
    lapic(f, 0x320, 0x40);
    lapic(f, 0x380, 62);
    clock_set(f->machine->clock, clock_now(f->machine->clock) + 5000);
    lapic(f, 0x320, 0x41);
    clock_step(f->machine->clock, 1);
    g_assert_cmpint(apic_acknowledge(a.apics[0]), ==, 0x41);
    lapic(f, 0xb0, 0);
    lapic(f, 0x320, 0x10041);
    lapic(f, 0x380, 62);
    clock_step(f->machine->clock, 5000);
    lapic(f, 0x320, 0x41);
    clock_step(f->machine->clock, 5000);
    g_assert_false(apic_pending(a.apics[0]));
    wild_accesses(f->machine, APIC_BASE_ADDRESS, 0x400, 20000, 3);
    wild_accesses(f->machine, IOAPIC_BASE, 0x50, 20000, 4);
}

/* ---- Timers ---- */

static void test_pit(Fixture *f, gconstpointer data)
{
    i8254_new(f->machine, irq_probe(&f->irq));
    machine_reset(f->machine);
    g_assert_cmpuint(f->irq.raised, ==, 0);
    machine_reset(f->machine);
    out(f, 0x43, 0x34); /* counter 0, both bytes, rate generator */
    out(f, 0x40, 11932 & 0xff);
    out(f, 0x40, 11932 >> 8);
    f->irq.raised = 0;
    for (unsigned i = 0; i < 100; i++) {
        clock_step(f->machine->clock, 10 * NS_PER_SECOND / 1000);
    }
    g_assert_cmpuint(f->irq.raised, >=, 99);
    g_assert_cmpuint(f->irq.raised, <=, 100);
    out(f, 0x43, 0xb0); /* counter 2, once */
    out(f, 0x61, 1);
    out(f, 0x42, 0x10);
    out(f, 0x42, 0);
    g_assert_cmphex(in(f, 0x61) & 0x20, ==, 0);
    clock_step(f->machine->clock, 20000);
    g_assert_cmphex(in(f, 0x61) & 0x20, ==, 0x20);
    out(f, 0x43, 0xe8); /* status of counter 2 */
    g_assert_cmphex(in(f, 0x42), ==, 0xb0);
}

static uint8_t cmos(Fixture *f, uint8_t index)
{
    out(f, 0x70, index);
    return in(f, 0x71);
}

static void test_rtc(Fixture *f, gconstpointer data)
{
    mc146818_new(f->machine, irq_probe(&f->irq), 951782399); /* 2000-02-28 23:59:59 */
    machine_reset(f->machine);
    g_assert_cmphex(cmos(f, 7), ==, 0x28);
    g_assert_cmphex(cmos(f, 4), ==, 0x23);
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_cmphex(cmos(f, 7), ==, 0x29);
    g_assert_cmphex(cmos(f, 8), ==, 0x02);
    g_assert_cmphex(cmos(f, 9), ==, 0x00);
    g_assert_cmphex(cmos(f, 0x32), ==, 0x20);
    g_assert_cmphex(cmos(f, 6), ==, 3); /* a Tuesday */
    cmos(f, 0x0c);
    out(f, 0x70, 0x0b);
    out(f, 0x71, 0x12); /* update-ended interrupt */
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_true(f->irq.level);
    g_assert_cmphex(cmos(f, 0x0c) & 0x90, ==, 0x90);
    g_assert_false(f->irq.level);
    out(f, 0x70, 0x0a);
    out(f, 0x71, 0x26); /* 1024 Hz */
    out(f, 0x70, 0x0b);
    out(f, 0x71, 0x42);
    cmos(f, 0x0c);
    clock_step(f->machine->clock, 976563);
    g_assert_true(f->irq.level);
}

static void set_cmos(Fixture *f, uint8_t index, uint8_t value)
{
    out(f, 0x70, index);
    out(f, 0x71, value);
}

static void test_rtc_alarm(Fixture *f, gconstpointer data)
{
    mc146818_new(f->machine, irq_probe(&f->irq), 951782390); /* 23:59:50 */
    machine_reset(f->machine);
    set_cmos(f, 0x0b, 0x22); /* alarm interrupt, 24 hours, BCD */
    set_cmos(f, 1, 0x05);
    set_cmos(f, 3, 0x00);
    set_cmos(f, 5, 0x00); /* at 00:00:05 */
    clock_step(f->machine->clock, 14 * NS_PER_SECOND + NS_PER_SECOND / 2);
    g_assert_false(f->irq.level);
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_true(f->irq.level);
    g_assert_cmphex(cmos(f, 0x0c) & 0xa0, ==, 0xa0);
    g_assert_false(f->irq.level);
    /* Any hour, any minute: once a minute, seen although nobody looks at the time. */
    set_cmos(f, 0x0b, 0x02);
    set_cmos(f, 3, 0xff);
    set_cmos(f, 5, 0xc0);
    cmos(f, 0x0c);
    clock_step(f->machine->clock, 50 * NS_PER_SECOND);
    g_assert_cmphex(cmos(f, 0x0c) & 0x20, ==, 0);
    clock_step(f->machine->clock, 20 * NS_PER_SECOND);
    g_assert_cmphex(cmos(f, 0x0c) & 0xb0, ==, 0x30);
    /* While time is being set it stands still; 12 hours; binary. */
    set_cmos(f, 0x0b, 0x84);
    set_cmos(f, 0, 58);
    set_cmos(f, 2, 59);
    set_cmos(f, 4, 0x80 | 11); /* 11 at night */
    clock_step(f->machine->clock, 10 * NS_PER_SECOND);
    g_assert_cmpuint(cmos(f, 0), ==, 58);
    set_cmos(f, 0x0b, 0x04);
    clock_step(f->machine->clock, 2 * NS_PER_SECOND);
    g_assert_cmpuint(cmos(f, 0), ==, 0);
    g_assert_cmpuint(cmos(f, 4), ==, 12); /* midnight */
    set_cmos(f, 0x0b, 0x06);
    g_assert_cmpuint(cmos(f, 4), ==, 0);
    /* Two days in which nobody looked. */
    set_cmos(f, 1, 30);
    set_cmos(f, 3, 30);
    set_cmos(f, 5, 12);
    cmos(f, 0x0c);
    clock_step(f->machine->clock, 48 * 3600 * NS_PER_SECOND);
    g_assert_cmphex(cmos(f, 0x0c) & 0x20, ==, 0x20);
}

static uint16_t latch(Fixture *f, unsigned counter)
{
    out(f, 0x43, counter << 6);
    uint16_t value = in(f, 0x40 + counter);
    return value | in(f, 0x40 + counter) << 8;
}

static void start_counter2(Fixture *f, unsigned mode, uint16_t count, bool bcd)
{
    out(f, 0x61, 0);
    out(f, 0x43, 0xb0 | mode << 1 | bcd);
    out(f, 0x42, count);
    out(f, 0x42, count >> 8);
    out(f, 0x61, 1);
}

static bool output2(Fixture *f)
{
    return in(f, 0x61) >> 5 & 1;
}

/* @ticks of the 8254's clock. */
static void step_ticks(Fixture *f, unsigned ticks)
{
    clock_step(f->machine->clock, ((uint64_t)ticks * NS_PER_SECOND + 1193181) / 1193182);
}

/* The modes of the 8254, whose data sheet (231244) has their wave forms, on counter 2 with its gate. */
static void test_pit_modes(Fixture *f, gconstpointer data)
{
    i8254_new(f->machine, irq_probe(&f->irq));
    machine_reset(f->machine);
    start_counter2(f, 0, 1000, false); /* low until it ends */
    step_ticks(f, 500);
    g_assert_cmpuint(latch(f, 2), >=, 498);
    g_assert_cmpuint(latch(f, 2), <=, 501);
    g_assert_false(output2(f));
    out(f, 0x61, 0); /* the gate stops it */
    uint16_t stopped = latch(f, 2);
    step_ticks(f, 5000);
    g_assert_cmpuint(latch(f, 2), ==, stopped);
    out(f, 0x61, 1);
    step_ticks(f, 600);
    g_assert_true(output2(f));
    g_assert_cmpuint(latch(f, 2), >, 60000); /* goes on below zero */
    start_counter2(f, 1, 100, false);        /* started by the gate; low while it runs */
    step_ticks(f, 50);
    g_assert_false(output2(f));
    step_ticks(f, 60);
    g_assert_true(output2(f));
    out(f, 0x61, 0);
    out(f, 0x61, 1); /* again */
    step_ticks(f, 50);
    g_assert_false(output2(f));
    start_counter2(f, 3, 1000, false); /* square wave */
    step_ticks(f, 250);
    g_assert_true(output2(f));
    step_ticks(f, 500);
    g_assert_false(output2(f));
    step_ticks(f, 500);
    g_assert_true(output2(f));
    start_counter2(f, 4, 100, false); /* strobe: low for one tick only */
    step_ticks(f, 50);
    g_assert_true(output2(f));
    step_ticks(f, 200);
    g_assert_true(output2(f));
    start_counter2(f, 0, 0x1000, true); /* decimal: 1000 */
    step_ticks(f, 500);
    uint16_t value = latch(f, 2);
    g_assert_cmphex(value, >=, 0x498);
    g_assert_cmphex(value, <=, 0x501);
    /* Read-back: status, then the count that was latched with it, however late it is read. */
    start_counter2(f, 2, 5000, false);
    step_ticks(f, 1000);
    out(f, 0x43, 0xc8);
    step_ticks(f, 1000);
    g_assert_cmphex(in(f, 0x42) & 0xbf, ==, 0xb4);
    value = in(f, 0x42);
    value |= in(f, 0x42) << 8;
    g_assert_cmpuint(value, >=, 3998);
    g_assert_cmpuint(value, <=, 4001);
    /* Only the low byte, only the high one. */
    out(f, 0x43, 0x90);
    out(f, 0x42, 0x80);
    step_ticks(f, 0x40);
    g_assert_cmphex(in(f, 0x42), <=, 0x41);
    out(f, 0x43, 0xa0);
    out(f, 0x42, 0x02);
    step_ticks(f, 0x80);
    g_assert_cmphex(in(f, 0x42), ==, 0x01);
}

static void test_hpet(Fixture *f, gconstpointer data)
{
    HpetConfig config = {.gsi = {[2] = irq_probe(&f->irq), [20] = irq_probe(&f->second)}};
    Device *hpet = hpet_new(f->machine, HPET_BASE, &config);
    machine_reset(f->machine);
    g_assert_cmphex(rd32(f->machine, HPET_BASE), ==, HPET_BLOCK_ID);
    wr32(f->machine, HPET_BASE + 0x100, 20 << 9 | 4 | 2); /* line 20, level */
    machine_mmio_write(f->machine, HPET_BASE + 0x108, 1000, 8);
    wr32(f->machine, HPET_BASE + 0x120, 2 << 9 | 4 | 8 | 0x40);
    machine_mmio_write(f->machine, HPET_BASE + 0x128, 20000, 8);
    machine_mmio_write(f->machine, HPET_BASE + 0x128, 20000, 8);
    wr32(f->machine, HPET_BASE + 0x10, 1);
    clock_step(f->machine->clock, 9999);
    g_assert_false(f->second.level);
    clock_step(f->machine->clock, 1);
    g_assert_true(f->second.level);
    wr32(f->machine, HPET_BASE + 0x20, 1);
    g_assert_false(f->second.level);
    clock_step(f->machine->clock, 990000);
    g_assert_cmpuint(f->irq.raised, ==, 5);
    g_assert_cmpuint(rd32(f->machine, HPET_BASE + 0xf0), ==, 100000);
    check_round_trip(hpet, hpet);
    wild_accesses(f->machine, HPET_BASE, 0x180, 20000, 9);
}

/* ---- Keyboard and mouse ---- */

static void test_keyboard(Fixture *f, gconstpointer data)
{
    Device *dev = i8042_new(f->machine, irq_probe(&f->irq), irq_probe(&f->second));
    machine_reset(f->machine);
    out(f, 0x64, 0xaa);
    g_assert_cmphex(in(f, 0x60), ==, 0x55);
    out(f, 0x64, 0x60);
    out(f, 0x60, 0x43); /* both interrupts, translation */
    g_assert_true(input_key(f->machine, KEY_A, true));
    g_assert_true(f->irq.level);
    g_assert_cmphex(in(f, 0x60), ==, 0x1e);
    input_key(f->machine, KEY_A, false);
    g_assert_cmphex(in(f, 0x60), ==, 0x9e);
    input_key(f->machine, KEY_UP, true);
    g_assert_cmphex(in(f, 0x60), ==, 0xe0);
    g_assert_cmphex(in(f, 0x60), ==, 0x48);
    g_assert_false(f->irq.level);
    out(f, 0x60, 0xf2);
    g_assert_cmphex(in(f, 0x60), ==, 0xfa);
    g_assert_cmphex(in(f, 0x60), ==, 0xab);
    g_assert_cmphex(in(f, 0x60), ==, 0x41);
    out(f, 0x64, 0xd4);
    out(f, 0x60, 0xf4);
    g_assert_cmphex(in(f, 0x64) & 0x21, ==, 0x21);
    g_assert_cmphex(in(f, 0x60), ==, 0xfa);
    input_move(f->machine, 5, -3, 0, INPUT_LEFT);
    g_assert_true(f->second.level);
    g_assert_cmphex(in(f, 0x60), ==, 0x09);
    g_assert_cmphex(in(f, 0x60), ==, 5);
    g_assert_cmphex(in(f, 0x60), ==, 3);
    input_key(f->machine, KEY_ENTER, true);
    check_round_trip(dev, dev);
    out(f, 0x64, 0xfe);
    g_assert_true(f->machine->reset_requested);
    f->machine->reset_requested = false;
    out(f, 0x92, 2);
    g_assert_cmphex(in(f, 0x92), ==, 2);
    g_assert_false(f->machine->reset_requested);
    out(f, 0x92, 3);
    g_assert_true(f->machine->reset_requested);
    for (unsigned i = 0; i < 65536; i++) {
        out(f, i & 0x100 ? 0x64 : 0x60, i);
        input_key(f->machine, i & 0x7f, i & 1);
        in(f, 0x60);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/pc/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(pic);
    ADD(pic_state);
    ADD(ioapic);
    ADD(ipi);
    ADD(apic_timer);
    ADD(pit);
    ADD(rtc);
    ADD(rtc_alarm);
    ADD(pit_modes);
    ADD(hpet);
    ADD(keyboard);
    return g_test_run();
}
