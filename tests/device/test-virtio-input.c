/*
 * The virtio keyboard: what it says of itself, and its power key as the machine's power button.
 */
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <linux/input-event-codes.h>
#include <linux/virtio_input.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define REGS 0x10001000
#define CONFIG (REGS + VIRTIO_MMIO_CONFIG)

enum { EVENTS, STATUS };

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq;
    Driver driver;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    virtio_mmio_new(f->machine, REGS, irq_probe(&f->irq));
    create_device(f->machine, "virtio-keyboard-device");
    machine_reset(f->machine);
    driver_init(&f->driver, f->machine, REGS);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static unsigned select_config(Fixture *f, unsigned select, unsigned subsel)
{
    machine_mmio_write(f->machine, CONFIG, select, 1);
    machine_mmio_write(f->machine, CONFIG + 1, subsel, 1);
    return machine_mmio_read(f->machine, CONFIG + 2, 1);
}

static void test_config(Fixture *f, gconstpointer data)
{
    unsigned data_at = offsetof(struct virtio_input_config, u);
    g_assert_cmpuint(select_config(f, VIRTIO_INPUT_CFG_ID_NAME, 0), ==,
                     strlen("amphi Virtio Keyboard"));
    g_assert_cmpuint(machine_mmio_read(f->machine, CONFIG + data_at, 1), ==, 'a');
    g_assert_cmpuint(select_config(f, VIRTIO_INPUT_CFG_EV_BITS, EV_KEY), ==, 16);
    g_assert_true(
        machine_mmio_read(f->machine, CONFIG + data_at + KEY_POWER / 8, 1) >> (KEY_POWER % 8) & 1);
    g_assert_cmpuint(select_config(f, VIRTIO_INPUT_CFG_EV_BITS, EV_ABS), ==, 0);
    g_assert_cmpuint(select_config(f, VIRTIO_INPUT_CFG_ID_DEVIDS, 0), ==, 8);
    g_assert_cmpuint(select_config(f, 0x77, 0xff), ==, 0);
}

static uint64_t offer(Fixture *f)
{
    DriverBuf buf = {driver_alloc(&f->driver, sizeof(struct virtio_input_event), 8),
                     sizeof(struct virtio_input_event)};
    driver_add(&f->driver, EVENTS, &buf, 0, 1, DRIVER_DIRECT);
    driver_kick(&f->driver, EVENTS);
    return buf.addr;
}

static void expect_event(Fixture *f, uint64_t addr, unsigned type, unsigned code, unsigned value)
{
    const struct virtio_input_event *event = guest(f->machine, addr);
    g_assert_cmpuint(driver_wait(&f->driver, EVENTS), ==, sizeof(*event));
    g_assert_cmpuint(event->type, ==, type);
    g_assert_cmpuint(event->code, ==, code);
    g_assert_cmpuint(event->value, ==, value);
}

static void test_power(Fixture *f, gconstpointer data)
{
    machine_powerdown(f->machine); /* without a driver nobody hears it */
    driver_begin(&f->driver, 0, 2);
    machine_powerdown(f->machine); /* waits for buffers */
    uint64_t addr[4];
    for (unsigned i = 0; i < 4; i++) {
        addr[i] = offer(f);
    }
    expect_event(f, addr[0], EV_KEY, KEY_POWER, 1);
    expect_event(f, addr[1], EV_SYN, SYN_REPORT, 0);
    expect_event(f, addr[2], EV_KEY, KEY_POWER, 0);
    expect_event(f, addr[3], EV_SYN, SYN_REPORT, 0);
    g_assert_true(f->irq.raised);
}

static void test_flood(Fixture *f, gconstpointer data)
{
    unsigned presses = 0, releases = 0;
    driver_begin(&f->driver, 0, 2);
    for (unsigned i = 0; i < 1000; i++) {
        machine_powerdown(f->machine);
    }
    for (;;) {
        uint64_t addr = offer(f);
        const struct virtio_input_event *event = guest(f->machine, addr);
        uint16_t id;
        uint32_t len;
        if (!driver_get(&f->driver, EVENTS, &id, &len)) {
            break;
        }
        presses += event->type == EV_KEY && event->value == 1;
        releases += event->type == EV_KEY && event->value == 0;
    }
    g_assert_cmpuint(presses, >, 1);
    g_assert_cmpuint(presses, ==, releases);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, REGS, VIRTIO_MMIO_SIZE, 20000, 11);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/virtio/input/config", Fixture, NULL, setup, test_config, teardown);
    g_test_add("/virtio/input/power", Fixture, NULL, setup, test_power, teardown);
    g_test_add("/virtio/input/flood", Fixture, NULL, setup, test_flood, teardown);
    g_test_add("/virtio/input/wild", Fixture, NULL, setup, test_wild, teardown);
    return g_test_run();
}
