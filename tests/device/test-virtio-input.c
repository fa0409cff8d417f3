/*
 * The virtio keyboard: what it says of itself, its power key as the machine's power button, and what is typed.
 */
#include "hw/virtio/virtio-mmio.h"
#include "softmmu/input.h"
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

/* The next event in its ring; false if there is none. */
static bool take_event(Fixture *f, struct virtio_input_event *event)
{
    uint64_t addr = offer(f);
    uint16_t id;
    uint32_t len;

    if (!driver_get(&f->driver, EVENTS, &id, &len)) {
        return false;
    }
    memcpy(event, guest(f->machine, addr), sizeof(*event));
    return true;
}

static void expect_key(Fixture *f, unsigned key, bool down)
{
    struct virtio_input_event event;
    g_assert_true(take_event(f, &event));
    g_assert_cmpuint(event.type, ==, EV_KEY);
    g_assert_cmpuint(event.code, ==, key);
    g_assert_cmpuint(event.value, ==, down);
    g_assert_true(take_event(f, &event));
    g_assert_cmpuint(event.type, ==, EV_SYN);
}

static void test_keys(Fixture *f, gconstpointer data)
{
    struct virtio_input_event event;
    g_assert_true(input_key(f->machine, KEY_A, true)); /* without a driver nobody hears it */
    driver_begin(&f->driver, 0, 2);
    g_assert_true(input_key(f->machine, KEY_LEFTCTRL, true));
    g_assert_true(input_key(f->machine, KEY_C, true));
    g_assert_true(input_key(f->machine, KEY_C, true));   /* held */
    g_assert_true(input_key(f->machine, KEY_A, false));  /* was not pressed */
    g_assert_true(input_key(f->machine, KEY_MAX, true)); /* has no such key */
    g_assert_true(input_key(f->machine, KEY_C, false));
    g_assert_true(input_key(f->machine, KEY_LEFTCTRL, false));
    expect_key(f, KEY_LEFTCTRL, true);
    expect_key(f, KEY_C, true);
    expect_key(f, KEY_C, false);
    expect_key(f, KEY_LEFTCTRL, false);
    g_assert_false(take_event(f, &event));
}

/* Chords into a ring that is soon full: nothing stays pressed. */
static void test_chords(Fixture *f, gconstpointer data)
{
    struct virtio_input_event event;
    bool down[KEY_CNT] = {false};
    unsigned presses = 0;
    driver_begin(&f->driver, 0, 2);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned key = KEY_1; key < KEY_1 + 1 + round % 7; key++) {
            input_key(f->machine, key, true);
        }
        for (unsigned key = KEY_1; key < KEY_1 + 1 + round % 7; key++) {
            input_key(f->machine, key, false);
        }
    }
    while (take_event(f, &event)) {
        if (event.type == EV_KEY) {
            g_assert_true(down[event.code] != event.value);
            down[event.code] = event.value;
            presses += event.value;
        }
    }
    g_assert_cmpuint(presses, >, 10);
    for (unsigned key = 0; key < KEY_CNT; key++) {
        g_assert_false(down[key]);
    }
}

static void note_key(void *opaque, unsigned key, bool down)
{
    *(unsigned *)opaque = key;
}

/* Keys go to a device to which the guest listens, though another came later. */
static void test_other_keyboard(Fixture *f, gconstpointer data)
{
    static const InputOps always = {.key = note_key};
    unsigned noted = 0;
    input_add_device(f->machine, &always, &noted);
    virtio_mmio_new(f->machine, REGS + VIRTIO_MMIO_SIZE, (IrqLine){0});
    create_device(f->machine, "virtio-keyboard-device");
    input_key(f->machine, KEY_A, true);
    g_assert_cmpuint(noted, ==, KEY_A);
    driver_init(&f->driver, f->machine, REGS + VIRTIO_MMIO_SIZE);
    driver_begin(&f->driver, 0, 2);
    input_key(f->machine, KEY_B, true);
    g_assert_cmpuint(noted, ==, KEY_A);
    expect_key(f, KEY_B, true);
    machine_reset(f->machine);
    input_key(f->machine, KEY_C, true);
    g_assert_cmpuint(noted, ==, KEY_C);
    input_remove_device(f->machine, &noted);
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
    g_test_add("/virtio/input/keys", Fixture, NULL, setup, test_keys, teardown);
    g_test_add("/virtio/input/chords", Fixture, NULL, setup, test_chords, teardown);
    g_test_add("/virtio/input/other-keyboard", Fixture, NULL, setup, test_other_keyboard, teardown);
    g_test_add("/virtio/input/wild", Fixture, NULL, setup, test_wild, teardown);
    return g_test_run();
}
