/*
 * The small devices at ports: isa-debugcon, isa-debug-exit, pvpanic, pc-testdev, each by the contract that QEMU's has
 * with the programs that use it.
 */
#include "hw/hw.h"
#include "hw/x86/boards.h"
#include "hw/x86/isa-devices.h"
#include "hw/x86/pc-irq.h"
#include "softmmu/snapshot-internal.h"
#include "tests/device/harness.h"
#include <string.h>

#define PVPANIC_EVENTS 3 /* panicked, crash kernel loaded: QEMU, docs/specs/pvpanic */

typedef struct Fixture {
    Machine *machine;
    TestChardev *chr;
    MachineEvent event; /* the last one */
    unsigned events;
} Fixture;

static void note_event(void *opaque, const MachineEventInfo *info)
{
    Fixture *f = opaque;
    f->event = info->event;
    f->events++;
}

static bool add(Fixture *f, const char *text, GError **error)
{
    Options *opts = options_parse("-device", text, "driver", NULL);
    bool ok = hw_device_create(f->machine, opts, error);
    options_free(opts);
    return ok;
}

static void setup(Fixture *f, gconstpointer device)
{
    MachineConfig config = {.bios = "none", .cpus = 1, .ram_size = 16 * MIB, .no_vga = true};
    GError *error = NULL;
    f->machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(f->machine);
    clock_start(f->machine->clock);
    f->chr = test_chardev_new();
    f->chr->chr.id = g_strdup("con");
    g_ptr_array_add(f->machine->chardevs, &f->chr->chr);
    g_assert_true(add(f, device, &error));
    g_assert_no_error(error);
    machine_reset(f->machine);
    machine_add_event_listener(f->machine, note_event, f);
}

static void teardown(Fixture *f, gconstpointer device)
{
    machine_remove_event_listener(f->machine, note_event, f);
    g_ptr_array_steal_index(f->machine->chardevs, 0);
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_clear_pointer(&f->chr->chr.id, g_free);
    test_chardev_free(f->chr);
}

static uint32_t in(Fixture *f, uint16_t port, unsigned size)
{
    return machine_pio_read(f->machine, port, size);
}

static void out(Fixture *f, uint16_t port, uint32_t value, unsigned size)
{
    machine_pio_write(f->machine, port, value, size);
}

static void expect_error(Fixture *f, const char *text, const char *part)
{
    GError *error = NULL;
    g_assert_false(add(f, text, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, part));
    g_error_free(error);
}

/* ---- isa-debugcon ---- */

static void test_debugcon(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(in(f, 0x402, 1), ==, 0xe9);
    for (const char *p = "text\n"; *p; p++) {
        out(f, 0x402, (uint8_t)*p, 1);
    }
    out(f, 0x403, 'x', 1); /* not its port */
    g_assert_cmpstr(f->chr->output->str, ==, "text\n");
    expect_error(f, "isa-debugcon,chardev=none", "no -chardev with id=none");
    expect_error(f, "isa-debugcon,iobase=0x10000", "no I/O port");
}

/* Without a character device, at its usual port, with another answer. */
static void test_debugcon_alone(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(in(f, 0xe9, 1), ==, 0x5a);
    out(f, 0xe9, 'x', 1);
    g_assert_cmpuint(f->chr->output->len, ==, 0);
}

/* ---- isa-debug-exit ---- */

static void test_debug_exit(Fixture *f, gconstpointer device)
{
    in(f, 0xf4, 4);
    out(f, 0xf8, 3, 1); /* behind its ports */
    g_assert_false(f->machine->quit_requested);
    out(f, 0xf4, 0x10, 4);
    g_assert_true(f->machine->quit_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 0x21);
    expect_error(f, "isa-debug-exit,iosize=3", "iosize= must be");
    expect_error(f, "isa-debug-exit,iobase=0xfffe,iosize=4", "no I/O port");
}

/* Never 0: also when the value's high bit is lost. */
static void test_debug_exit_status(Fixture *f, gconstpointer device)
{
    out(f, 0x501, 0x80, 1);
    g_assert_true(f->machine->quit_requested);
    g_assert_cmpint(f->machine->exit_status, ==, 1);
}

/* ---- pvpanic ---- */

static void test_pvpanic(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(isa_pvpanic_port(f->machine), ==, 0x505);
    g_assert_cmphex(in(f, 0x505, 1), ==, PVPANIC_EVENTS);
    out(f, 0x505, 2, 1);
    g_assert_cmpuint(f->events, ==, 1);
    g_assert_cmpint(f->event, ==, MACHINE_EVENT_GUEST_CRASHLOADED);
    g_assert_false(f->machine->shutdown_requested);
    out(f, 0x505, 0x80, 1); /* an event that it does not have */
    g_assert_cmpuint(f->events, ==, 1);
    out(f, 0x505, 1, 1);
    g_assert_cmpint(f->event, ==, MACHINE_EVENT_GUEST_PANICKED);
    g_assert_true(f->machine->guest_panicked);
    expect_error(f, "pvpanic,ioport=0", "ioport= must be");
}

static void test_pvpanic_port(Fixture *f, gconstpointer device)
{
    g_assert_cmphex(isa_pvpanic_port(f->machine), ==, 0x700);
    g_assert_cmphex(in(f, 0x700, 1), ==, PVPANIC_EVENTS);
    g_assert_cmphex(in(f, 0x505, 1), ==, 0xff);
}

/* ---- pc-testdev ---- */

/* One register at two places: as it is accessed at 0xe0, byte by byte at 0xe8. */
static void test_testdev_register(Fixture *f, gconstpointer device)
{
    static const uint16_t ports[] = {0xe0, 0xe8};
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        uint16_t port = ports[i], other = ports[!i];
        out(f, port, 0x11223344, 4);
        g_assert_cmphex(in(f, port, 4), ==, 0x11223344);
        g_assert_cmphex(in(f, other, 4), ==, 0x11223344);
        g_assert_cmphex(in(f, port + 1, 1), ==, 0x33);
        g_assert_cmphex(in(f, other + 2, 2), ==, 0x1122);
        out(f, port + 3, 0xaa, 1);
        out(f, port, 0xbbcc, 2);
        g_assert_cmphex(in(f, other, 4), ==, 0xaa22bbcc);
    }
    out(f, 0xe4, 0x1000, 4); /* flushes a page, of which nothing is seen */
    g_assert_cmphex(in(f, 0xe0, 4), ==, 0xaa22bbcc);
    machine_reset(f->machine);
    g_assert_cmphex(in(f, 0xe0, 4), ==, 0);
}

/* Lines 5 to 7 and 9 are level-triggered; reads are of requests. */
static void start_pics(Fixture *f)
{
    out(f, 0x4d0, 0xe0, 1);
    out(f, 0x4d1, 0x02, 1);
    for (unsigned port = 0x20; port <= 0xa0; port += 0x80) {
        out(f, port, 0x11, 1);
        out(f, port + 1, 0x30, 1);
        out(f, port + 1, port == 0x20 ? 4 : 2, 1);
        out(f, port + 1, 1, 1);
        out(f, port, 0x0a, 1);
    }
}

/* Interrupt lines, as the 8259s have them requested. */
static void test_testdev_lines(Fixture *f, gconstpointer device)
{
    start_pics(f);
    out(f, 0x2005, 1, 1);
    g_assert_cmphex(in(f, 0x20, 1), ==, 0x20);
    out(f, 0x2009, 0xff, 1);
    g_assert_cmphex(in(f, 0xa0, 1), ==, 2);
    out(f, 0x2005, 0, 1);
    out(f, 0x2009, 0, 1);
    g_assert_cmphex(in(f, 0x20, 1) & 0x20, ==, 0);
    g_assert_cmphex(in(f, 0xa0, 1), ==, 0);
    out(f, 0x2017, 1, 1); /* the I/O APIC's only, and none */
    out(f, 0x2018, 1, 1);
    g_assert_cmphex(in(f, 0xa0, 1), ==, 0);
}

/* A line that a device has too is raised while either raises it; a snapshot has both. */
static void test_testdev_saved_lines(Fixture *f, gconstpointer device)
{
    IrqLine line = pc_irq_line(pc_irq_find(f->machine), 5);
    GError *error = NULL;
    start_pics(f);
    irq_set(&line, true);
    out(f, 0x2005, 1, 1);
    out(f, 0x2006, 1, 1);
    irq_set(&line, false);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0x60);
    machine_stop(f->machine, RUN_STATE_PAUSED);
    GPtrArray *states = snapshot_states_save(f->machine);
    machine_reset(f->machine);
    start_pics(f);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0);
    snapshot_states_load(f->machine, states, &error);
    g_assert_no_error(error);
    g_ptr_array_unref(states);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0x60);
    irq_set(&line, true); /* again, now beside what was loaded */
    irq_set(&line, false);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0x60);
    out(f, 0x2005, 0, 1);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0x40);
    machine_reset(f->machine);
    start_pics(f);
    g_assert_cmphex(in(f, 0x20, 1) & 0x60, ==, 0);
}

static void test_testdev_memory(Fixture *f, gconstpointer device)
{
    const uint64_t base = 0xff000000;
    wr32(f->machine, base, 0x12345678);
    machine_mmio_write(f->machine, base + 0xfffc, 0x1122334455667788, 4);
    machine_mmio_write(f->machine, base + 1, 0xab, 1);
    g_assert_cmphex(rd32(f->machine, base), ==, 0x1234ab78);
    g_assert_cmphex(machine_mmio_read(f->machine, base + 2, 4), ==, 0x1234);
    g_assert_cmphex(rd32(f->machine, base + 0xfffc), ==, 0x55667788);
    g_assert_cmphex(rd32(f->machine, base + 0x10000), ==, 0xffffffff);
    wild_accesses(f->machine, base, 0x10000, 20000, 11);
    machine_reset(f->machine);
    g_assert_cmphex(rd32(f->machine, base), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, device) g_test_add("/isa/" #name, Fixture, device, setup, test_##name, teardown)
    ADD(debugcon, "isa-debugcon,iobase=0x402,chardev=con");
    ADD(debugcon_alone, "isa-debugcon,readback=0x5a");
    ADD(debug_exit, "isa-debug-exit,iobase=0xf4,iosize=4");
    ADD(debug_exit_status, "isa-debug-exit");
    ADD(pvpanic, "pvpanic");
    ADD(pvpanic_port, "pvpanic,ioport=0x700");
    ADD(testdev_register, "pc-testdev");
    ADD(testdev_lines, "pc-testdev");
    ADD(testdev_saved_lines, "pc-testdev");
    ADD(testdev_memory, "pc-testdev");
    return g_test_run();
}
