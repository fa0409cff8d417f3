/*
 * The 16550A UART.
 */
#include "hw/char/ns16550.h"
#include "tests/device/harness.h"

#define BASE 0x10000000

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR, DLL = DATA, DLM = IER };

typedef struct Fixture {
    Machine *machine;
    TestChardev *chr, *other_chr;
    IrqProbe irq;
    Device *uart;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->chr = test_chardev_new();
    f->other_chr = test_chardev_new();
    f->uart = ns16550_new(f->machine, BASE, irq_probe(&f->irq), &f->chr->chr);
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
    test_chardev_free(f->chr);
    test_chardev_free(f->other_chr);
}

static uint8_t rd(Fixture *f, unsigned reg)
{
    return machine_mmio_read(f->machine, BASE + reg, 1);
}

static void wr(Fixture *f, unsigned reg, uint8_t value)
{
    machine_mmio_write(f->machine, BASE + reg, value, 1);
}

static void test_after_reset(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(rd(f, IER), ==, 0);
    g_assert_cmphex(rd(f, IIR), ==, 0x01);
    g_assert_cmphex(rd(f, LCR), ==, 0);
    g_assert_cmphex(rd(f, LSR), ==, 0x60);
    g_assert_cmphex(rd(f, MSR), ==, 0xb0);
    g_assert_false(f->irq.level);
    wr(f, SCR, 0x5a);
    g_assert_cmphex(rd(f, SCR), ==, 0x5a);
    wr(f, LCR, 0x83);
    wr(f, DLL, 0x34);
    wr(f, DLM, 0x12);
    g_assert_cmphex(rd(f, DLL), ==, 0x34);
    g_assert_cmphex(rd(f, DLM), ==, 0x12);
    wr(f, LCR, 0x03);
    g_assert_cmphex(rd(f, IER), ==, 0);
}

static void test_transmit(Fixture *f, gconstpointer data)
{
    wr(f, DATA, 'h');
    wr(f, DATA, 'i');
    g_assert_cmpstr(f->chr->output->str, ==, "hi");
    g_assert_cmphex(rd(f, LSR) & 0x60, ==, 0x60);
    g_assert_false(f->irq.level);
    wr(f, IER, 2);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, IIR), ==, 0x02);
    g_assert_false(f->irq.level); /* reading IIR takes it back */
    g_assert_cmphex(rd(f, IIR), ==, 0x01);
    wr(f, DATA, '!');
    g_assert_true(f->irq.level);
    wr(f, IER, 0);
    g_assert_false(f->irq.level);
}

static void test_receive(Fixture *f, gconstpointer data)
{
    wr(f, IER, 1);
    g_assert_cmpuint(test_chardev_type(f->chr, "ab"), ==, 1); /* one register without FIFO */
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, IIR), ==, 0x04);
    g_assert_cmphex(rd(f, LSR), ==, 0x61);
    unsigned accepts = f->chr->accepts;
    g_assert_cmphex(rd(f, DATA), ==, 'a');
    g_assert_cmpuint(f->chr->accepts, >, accepts);
    g_assert_false(f->irq.level);
    g_assert_cmphex(rd(f, LSR), ==, 0x60);
    g_assert_cmphex(rd(f, DATA), ==, 0);
}

static void test_fifo(Fixture *f, gconstpointer data)
{
    wr(f, FCR, 0x81); /* trigger at 8 */
    wr(f, IER, 1);
    g_assert_cmphex(rd(f, IIR) & 0xc0, ==, 0xc0);
    g_assert_cmpuint(test_chardev_type(f->chr, "1234567"), ==, 7);
    g_assert_false(f->irq.level);
    g_assert_cmpuint(test_chardev_type(f->chr, "89abcdefghij"), ==, 9);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, IIR), ==, 0xc4);
    g_assert_cmphex(rd(f, LSR) & 2, ==, 0); /* flow control: no overrun */
    const char *expected = "123456789abcdefg";
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(rd(f, DATA), ==, expected[i]);
        g_assert_cmpint(f->irq.level, ==, 16 - i - 1 >= 8);
    }
    test_chardev_type(f->chr, "x");
    wr(f, FCR, 0x83); /* clears it */
    g_assert_cmphex(rd(f, LSR) & 1, ==, 0);
}

static void test_timeout(Fixture *f, gconstpointer data)
{
    wr(f, LCR, 0x83);
    wr(f, DLL, 2); /* 115200 bit/s: a character takes 87 us */
    wr(f, DLM, 0);
    wr(f, LCR, 0x03);
    wr(f, FCR, 0xc1);
    wr(f, IER, 1);
    test_chardev_type(f->chr, "ab");
    clock_step(f->machine->clock, 300000);
    g_assert_false(f->irq.level);
    clock_step(f->machine->clock, 60000);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, IIR), ==, 0xcc);
    g_assert_cmphex(rd(f, DATA), ==, 'a');
    g_assert_false(f->irq.level);
    clock_step(f->machine->clock, 400000);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, DATA), ==, 'b');
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_false(f->irq.level);
}

static void test_loopback(Fixture *f, gconstpointer data)
{
    wr(f, MCR, 0x1a); /* loop, OUT2, RTS */
    g_assert_cmphex(rd(f, MSR) & 0xf0, ==, 0x90);
    g_assert_cmpuint(test_chardev_type(f->chr, "x"), ==, 0);
    wr(f, DATA, 0x42);
    g_assert_cmphex(rd(f, DATA), ==, 0x42);
    g_assert_cmpuint(f->chr->output->len, ==, 0);
    /* Without flow control a second byte is an overrun. */
    wr(f, IER, 4);
    wr(f, DATA, 1);
    wr(f, DATA, 2);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, IIR), ==, 0x06);
    g_assert_cmphex(rd(f, LSR), ==, 0x63);
    g_assert_false(f->irq.level);
    /* Modem status changes. */
    wr(f, IER, 8);
    wr(f, MCR, 0x1b);
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, MSR) & 0x0f, ==, 0x02);
    g_assert_false(f->irq.level);
    wr(f, MCR, 0x08);
    g_assert_cmpuint(test_chardev_type(f->chr, "x"), ==, 0); /* the unread byte is still there */
    rd(f, DATA);
    g_assert_cmpuint(test_chardev_type(f->chr, "x"), ==, 1);
}

static void test_break(Fixture *f, gconstpointer data)
{
    wr(f, FCR, 0x01);
    wr(f, IER, 4);
    test_chardev_type(f->chr, "a");
    chardev_event(&f->chr->chr, CHAR_EVENT_BREAK);
    g_assert_cmphex(rd(f, LSR), ==, 0xe1); /* an error is in the FIFO, behind the first byte */
    g_assert_cmphex(rd(f, DATA), ==, 'a');
    g_assert_true(f->irq.level);
    g_assert_cmphex(rd(f, LSR), ==, 0xf1);
    g_assert_false(f->irq.level);
    g_assert_cmphex(rd(f, DATA), ==, 0);
    g_assert_cmphex(rd(f, LSR), ==, 0x60);
}

static void test_state(Fixture *f, gconstpointer data)
{
    IrqProbe irq = {0};
    Device *other = ns16550_new(f->machine, BASE + 0x1000, irq_probe(&irq), &f->other_chr->chr);
    wr(f, FCR, 0xc1);
    wr(f, IER, 7);
    test_chardev_type(f->chr, "abc");
    wild_accesses(f->machine, BASE + 0x1000, 8, 1000, 1);
    check_round_trip(f->uart, other);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE + 0x1000, 1), ==, 'a');
    clock_step(f->machine->clock, NS_PER_SECOND);
    g_assert_true(irq.level);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, BASE, 8, 100000, 42);
    test_chardev_type(f->chr, "0123456789abcdefghijklmnop");
    wild_accesses(f->machine, BASE, 8, 100000, 43);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/ns16550/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(after_reset);
    ADD(transmit);
    ADD(receive);
    ADD(fifo);
    ADD(timeout);
    ADD(loopback);
    ADD(break);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
