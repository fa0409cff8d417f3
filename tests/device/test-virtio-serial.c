/*
 * The virtio console: one port, many ports, and the random number generator (which fits nowhere else).
 */
#include "hw/hw.h"
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <linux/virtio_console.h>
#include <string.h>

#define REGS 0x10001000
#define BIT(n) (UINT64_C(1) << (n))

enum { RX, TX, CONTROL_RX, CONTROL_TX };

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq;
    Driver driver;
    TestChardev *console, *port;
} Fixture;

static TestChardev *add_chardev(Machine *machine, const char *id)
{
    TestChardev *chr = test_chardev_new();

    chr->chr.id = g_strdup(id);
    chr->chr.open = true;
    g_ptr_array_add(machine->chardevs, &chr->chr);
    return chr;
}

/* @data: properties of the device; NULL: none. */
static void setup(Fixture *f, gconstpointer data)
{
    char *text = g_strdup_printf("virtio-serial-device,id=vs%s", data ? (const char *)data : "");

    f->machine = harness_new();
    f->console = add_chardev(f->machine, "con");
    f->port = add_chardev(f->machine, "prt");
    virtio_mmio_new(f->machine, REGS, irq_probe(&f->irq));
    create_device(f->machine, text);
    create_device(f->machine, "virtconsole,chardev=con");
    g_free(text);
    machine_reset(f->machine);
    driver_init(&f->driver, f->machine, REGS);
}

static void teardown(Fixture *f, gconstpointer data)
{
    g_ptr_array_set_free_func(f->machine->chardevs, NULL);
    harness_free(f->machine);
    g_free(f->console->chr.id);
    g_free(f->port->chr.id);
    test_chardev_free(f->console);
    test_chardev_free(f->port);
}

static DriverBuf text_buf(Driver *d, const char *text)
{
    DriverBuf buf = {driver_alloc(d, strlen(text) + 1, 1), strlen(text)};

    memcpy(guest(d->machine, buf.addr), text, buf.len);
    return buf;
}

static DriverBuf offer(Driver *d, unsigned queue, uint32_t len)
{
    DriverBuf buf = {driver_alloc(d, len, 8), len};

    driver_add(d, queue, &buf, 0, 1, DRIVER_DIRECT);
    driver_kick(d, queue);
    return buf;
}

static void send_text(Driver *d, unsigned queue, const char *text)
{
    DriverBuf buf = text_buf(d, text);

    driver_run(d, queue, &buf, 1, 0);
}

static void test_single(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverBuf buf;

    g_assert_false(driver_host_features(d) & BIT(VIRTIO_CONSOLE_F_MULTIPORT));
    driver_begin(d, 0, 2);
    send_text(d, TX, "hello ");
    send_text(d, TX, "world");
    g_assert_cmpstr(f->console->output->str, ==, "hello world");
    /* Input waits for room, then comes in pieces that fit. */
    g_assert_cmpuint(test_chardev_type(f->console, "abcdef"), ==, 6);
    buf = offer(d, RX, 4);
    g_assert_cmpuint(driver_wait(d, RX), ==, 4);
    g_assert_cmpmem(guest(f->machine, buf.addr), 4, "abcd", 4);
    buf = offer(d, RX, 4);
    g_assert_cmpuint(driver_wait(d, RX), ==, 2);
    g_assert_cmpmem(guest(f->machine, buf.addr), 2, "ef", 2);
    buf = offer(d, RX, 4);
    g_assert_cmpuint(test_chardev_type(f->console, "g"), ==, 1);
    g_assert_cmpuint(driver_wait(d, RX), ==, 1);
}

/* A flood of input to a guest that does not read is held back. */
static void test_backpressure(Fixture *f, gconstpointer data)
{
    char *flood = g_strnfill(100000, 'x');
    size_t taken;

    driver_begin(&f->driver, 0, 2);
    taken = test_chardev_type(f->console, flood);
    g_assert_cmpuint(taken, <, 10000);
    g_assert_cmpuint(test_chardev_type(f->console, flood), ==, 0);
    f->console->accepts = 0;
    offer(&f->driver, RX, 100);
    g_assert_cmpuint(f->console->accepts, ==, 1);
    g_assert_cmpuint(test_chardev_type(f->console, flood), ==, 100);
    g_free(flood);
}

static void test_emergency_write(Fixture *f, gconstpointer data)
{
    g_assert_true(driver_host_features(&f->driver) & BIT(VIRTIO_CONSOLE_F_EMERG_WRITE));
    wr32(f->machine, REGS + 0x100 + offsetof(struct virtio_console_config, emerg_wr), '!');
    g_assert_cmpstr(f->console->output->str, ==, "!");
}

static void send_control(Driver *d, uint32_t id, uint16_t event, uint16_t value)
{
    DriverBuf buf = {driver_alloc(d, 8, 8), sizeof(struct virtio_console_control)};

    *(struct virtio_console_control *)guest(d->machine, buf.addr) =
        (struct virtio_console_control){id, event, value};
    driver_run(d, CONTROL_TX, &buf, 1, 0);
}

/* The next control message; @name: what follows it. */
static struct virtio_console_control get_control(Driver *d, char *name)
{
    DriverBuf buf = offer(d, CONTROL_RX, 64);
    uint32_t len = driver_wait(d, CONTROL_RX);
    struct virtio_console_control control;

    g_assert_cmpuint(len, >=, sizeof(control));
    memcpy(&control, guest(d->machine, buf.addr), sizeof(control));
    if (name) {
        memcpy(name, (char *)guest(d->machine, buf.addr) + sizeof(control), len - sizeof(control));
        name[len - sizeof(control)] = '\0';
    }
    return control;
}

static void check_control(Driver *d, uint32_t id, uint16_t event)
{
    struct virtio_console_control control = get_control(d, NULL);

    g_assert_cmpuint(control.id, ==, id);
    g_assert_cmpuint(control.event, ==, event);
    g_assert_cmpuint(control.value, ==, 1);
}

static void test_multiport(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    char name[64];

    create_device(f->machine, "virtserialport,chardev=prt,name=org.example.agent,bus=vs.0");
    g_assert_cmpuint(driver_config32(d, offsetof(struct virtio_console_config, max_nr_ports)), ==,
                     31);
    g_assert_true(driver_negotiate(d, BIT(VIRTIO_CONSOLE_F_MULTIPORT)));
    for (unsigned i = 0; i < 4; i++) {
        driver_setup_queue(d, i, 16);
    }
    driver_start(d);
    send_control(d, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
    check_control(d, 0, VIRTIO_CONSOLE_PORT_ADD);
    check_control(d, 1, VIRTIO_CONSOLE_PORT_ADD);
    send_control(d, 0, VIRTIO_CONSOLE_PORT_READY, 1);
    check_control(d, 0, VIRTIO_CONSOLE_CONSOLE_PORT);
    check_control(d, 0, VIRTIO_CONSOLE_PORT_OPEN);
    send_control(d, 1, VIRTIO_CONSOLE_PORT_READY, 1);
    g_assert_cmpuint(get_control(d, name).event, ==, VIRTIO_CONSOLE_PORT_NAME);
    g_assert_cmpstr(name, ==, "org.example.agent");
    check_control(d, 1, VIRTIO_CONSOLE_PORT_OPEN);
    /* Input only once the guest has the port open. */
    g_assert_cmpuint(test_chardev_type(f->console, "early"), ==, 5);
    offer(d, RX, 16);
    uint16_t id;
    uint32_t len;
    g_assert_false(driver_get(d, RX, &id, &len));
    send_control(d, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
    g_assert_cmpuint(driver_wait(d, RX), ==, 5);
    send_text(d, TX, "out");
    g_assert_cmpstr(f->console->output->str, ==, "out");
}

/* Control messages about nothing, and far too many of them. */
static void test_control_abuse(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    GRand *rand = g_rand_new_with_seed(5);

    g_assert_true(driver_negotiate(d, BIT(VIRTIO_CONSOLE_F_MULTIPORT)));
    for (unsigned i = 0; i < 4; i++) {
        driver_setup_queue(d, i, 16);
    }
    driver_start(d);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t heap = d->heap;

        send_control(d, g_rand_boolean(rand) ? 0 : g_rand_int(rand), g_rand_int_range(rand, 0, 10),
                     1);
        d->heap = heap;
    }
    for (unsigned i = 0; i < 256; i++) {
        get_control(d, NULL);
    }
    g_assert_false(driver_needs_reset(d));
    g_rand_free(rand);
}

static void test_port_errors(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"virtconsole", "chardev=ID"},
        {"virtconsole,chardev=nope", "no character device 'nope'"},
        {"virtconsole,chardev=con", "in use"},
        {"virtconsole,chardev=prt,nr=0", "in use"},
        {"virtconsole,chardev=prt,nr=31", "none free"},
        {"virtconsole,chardev=prt,bus=other.0", "no bus 'other.0'"},
        {"virtio-serial-device,max_ports=0", "virtio-mmio slots are in use"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        Options *opts = options_parse("-device", cases[i].text, "driver", NULL);

        g_assert_false(hw_device_create(f->machine, opts, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        g_clear_error(&error);
        options_free(opts);
    }
}

static Device *device_of_type(Machine *machine, const char *type, unsigned n)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        if (strcmp(dev->ops->name, type) == 0 && n-- == 0) {
            return dev;
        }
    }
    g_assert_not_reached();
}

static void test_save(Fixture *f, gconstpointer data)
{
    driver_begin(&f->driver, 0, 2);
    test_chardev_type(f->console, "typed ahead");
    virtio_mmio_new(f->machine, REGS + 0x1000, (IrqLine){0});
    create_device(f->machine, "virtio-serial-device,id=other");
    create_device(f->machine, "virtconsole,bus=other.0,chardev=prt");
    check_round_trip(device_of_type(f->machine, "virtio-serial-device", 0),
                     device_of_type(f->machine, "virtio-serial-device", 1));
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, REGS, VIRTIO_MMIO_SIZE, 20000, 7);
}

/* ---- Random numbers ---- */

static void test_rng(void)
{
    Machine *machine = harness_new();
    Driver d;
    uint16_t id;
    uint32_t len;

    virtio_mmio_new(machine, REGS, (IrqLine){0});
    create_device(machine, "virtio-rng-device,max-bytes=100,period=1000");
    machine_reset(machine);
    driver_init(&d, machine, REGS);
    driver_begin(&d, 0, 1);
    DriverBuf first = offer(&d, 0, 64);
    g_assert_true(driver_get(&d, 0, &id, &len));
    g_assert_cmpuint(len, ==, 64);
    DriverBuf second = offer(&d, 0, 64);
    g_assert_true(driver_get(&d, 0, &id, &len));
    g_assert_cmpuint(len, ==, 36);
    g_assert_true(memcmp(guest(machine, first.addr), guest(machine, second.addr), 36) != 0);
    /* The rate is used up until the period ends. */
    offer(&d, 0, 64);
    g_assert_false(driver_get(&d, 0, &id, &len));
    clock_step(machine->clock, 500 * 1000 * 1000);
    g_assert_false(driver_get(&d, 0, &id, &len));
    clock_step(machine->clock, 501 * 1000 * 1000);
    g_assert_true(driver_get(&d, 0, &id, &len));
    g_assert_cmpuint(len, ==, 64);
    /* A buffer that is only readable. */
    DriverBuf odd = {driver_alloc(&d, 4, 4), 4};
    g_assert_cmpuint(driver_run(&d, 0, &odd, 1, 0), ==, 0);
    harness_free(machine);
}

#define ADD(name, data, fn) g_test_add("/virtio/serial/" name, Fixture, data, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("single", ",max_ports=1", test_single);
    ADD("single-of-many", NULL, test_backpressure);
    ADD("backpressure", ",max_ports=1", test_backpressure);
    ADD("emergency-write", NULL, test_emergency_write);
    ADD("multiport", NULL, test_multiport);
    ADD("control-abuse", NULL, test_control_abuse);
    ADD("port-errors", NULL, test_port_errors);
    ADD("save", NULL, test_save);
    ADD("wild", NULL, test_wild);
    g_test_add_func("/virtio/rng", test_rng);
    return g_test_run();
}
