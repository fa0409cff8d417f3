/*
 * Virtqueues: each kind of ring through a device that copies what it reads to where it may write, and what
 * happens to drivers that break the rules.
 */
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define REGS 0x10001000
#define MMIO_PAGE 0x10002000 /* of another, empty slot: no memory */
#define QUEUE_MAX 64
#define BIT(n) (UINT64_C(1) << (n))
#define ALL_RING_FEATURES \
    (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED))

/* ---- The device ---- */

typedef struct Echo {
    VirtioDevice virtio;
    unsigned requests;
} Echo;

static bool echo_one(VirtQueue *vq, VirtqElement *elem)
{
    uint8_t buf[4096];
    size_t n = virtq_read(vq, elem, 0, buf, sizeof(buf));

    container_of(vq->vdev, Echo, virtio)->requests++;
    virtq_push(vq, elem, virtq_write(vq, elem, 0, buf, n));
    return true;
}

static void echo_handle(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, echo_one);
}

static const VirtioOps echo_ops = {
    .device =
        {
            .name = "test-echo",
            .reset = virtio_device_reset,
            .vmstate = &virtio_vmstate,
            .finalize = virtio_device_finalize,
        },
    .device_id = 63,
};

static Echo *echo_new(Machine *machine, uint64_t regs, IrqLine irq)
{
    Echo *echo = virtio_new(machine, &echo_ops, sizeof(Echo), NULL);
    GError *error = NULL;

    echo->virtio.host_features = BIT(VIRTIO_F_VERSION_1) | ALL_RING_FEATURES;
    virtio_add_queue(&echo->virtio, QUEUE_MAX, echo_handle);
    virtio_mmio_new(machine, regs, irq);
    virtio_mmio_plug(virtio_mmio_find_slot(machine, NULL, &error), &echo->virtio);
    return echo;
}

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq;
    Echo *echo;
    Driver driver;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->echo = echo_new(f->machine, REGS, irq_probe(&f->irq));
    virtio_mmio_new(f->machine, MMIO_PAGE, (IrqLine){0});
    machine_reset(f->machine);
    driver_init(&f->driver, f->machine, REGS);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

/* Starts the driver with the ring features in @data. */
static void begin(Fixture *f, gconstpointer data)
{
    driver_init(&f->driver, f->machine, REGS);
    driver_begin(&f->driver, GPOINTER_TO_SIZE(data), 1);
}

/* ---- What works ---- */

static DriverBuf text_buf(Driver *d, const char *text)
{
    DriverBuf buf = {driver_alloc(d, strlen(text) + 1, 1), strlen(text) + 1};

    memcpy(guest(d->machine, buf.addr), text, buf.len);
    return buf;
}

static void test_echo(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    bool indirect = GPOINTER_TO_SIZE(data) & BIT(VIRTIO_RING_F_INDIRECT_DESC);

    begin(f, data);
    for (unsigned round = 0; round < 100; round++) {
        DriverBuf bufs[4] = {text_buf(d, "amphi"),
                             text_buf(d, "bian"),
                             {driver_alloc(d, 4, 1), 4},
                             {driver_alloc(d, 100, 1), 100}};
        int how = indirect && round % 3 ? DRIVER_INDIRECT : DRIVER_DIRECT;
        uint16_t id = driver_add(d, 0, bufs, 2, 2, how), got_id;
        uint32_t len;

        driver_kick(d, 0);
        g_assert_true(driver_get(d, 0, &got_id, &len));
        g_assert_cmpuint(got_id, ==, id);
        g_assert_cmpuint(len, ==, 11);
        g_assert_cmpmem(guest(f->machine, bufs[2].addr), 4, "amph", 4);
        g_assert_cmpmem(guest(f->machine, bufs[3].addr), 7, "i\0bian", 7);
        g_assert_false(driver_get(d, 0, &got_id, &len));
    }
    g_assert_false(driver_needs_reset(d));
}

/* Many requests, so that indices wrap at 65536 and at the ring's end. */
static void test_wrap(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverBuf bufs[3];

    begin(f, data);
    bufs[0] = text_buf(d, "x");
    bufs[1] = (DriverBuf){driver_alloc(d, 1, 1), 1};
    bufs[2] = (DriverBuf){driver_alloc(d, 1, 1), 1};
    for (unsigned done = 0; done < 70000;) {
        unsigned batch = 1 + done % 5;
        uint16_t id;
        uint32_t len;

        for (unsigned i = 0; i < batch; i++) {
            driver_add(d, 0, bufs, 1, 2, DRIVER_DIRECT);
        }
        driver_kick(d, 0);
        for (unsigned i = 0; i < batch; i++) {
            g_assert_true(driver_get(d, 0, &id, &len));
            g_assert_cmpuint(len, ==, 2);
        }
        g_assert_false(driver_get(d, 0, &id, &len));
        done += batch;
    }
}

/* With or without event index, one interrupt for a batch, and none when the driver wants none. */
static void test_interrupts(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverQueue *q = &d->queues[0];
    bool event_idx = GPOINTER_TO_SIZE(data) & BIT(VIRTIO_RING_F_EVENT_IDX);
    DriverBuf buf;

    begin(f, data);
    buf = text_buf(d, "x");
    driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
    driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(d, 0);
    g_assert_true(f->irq.level);
    g_assert_cmpuint(f->irq.raised, ==, 1);
    g_assert_cmpuint(driver_ack(d), ==, VIRTIO_ISR_QUEUE);
    g_assert_false(f->irq.level);
    if (q->packed) {
        uint16_t *event = guest(f->machine, q->driver);

        event[0] = 5 | 1u << 15; /* after the one in slot 5 */
        event[1] = event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_DISABLE;
    } else {
        struct vring_avail *avail = guest(f->machine, q->driver);

        avail->flags = VRING_AVAIL_F_NO_INTERRUPT; /* for who does not look at the event */
        avail->ring[q->num] = 5;
    }
    for (unsigned i = 2; i < 5; i++) {
        driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
        driver_kick(d, 0);
        g_assert_false(f->irq.level);
    }
    driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(d, 0);
    g_assert_cmpuint(f->irq.level, ==, event_idx);
}

/* The device says when it wants to be notified. */
static void test_notifications(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverQueue *q = &d->queues[0];
    bool event_idx = GPOINTER_TO_SIZE(data) & BIT(VIRTIO_RING_F_EVENT_IDX);
    DriverBuf buf;

    begin(f, data);
    buf = text_buf(d, "x");
    for (unsigned i = 1; i < 8; i++) {
        driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
        driver_kick(d, 0);
        if (q->packed) {
            uint16_t *event = guest(f->machine, q->device);

            g_assert_cmpuint(event[1], ==,
                             event_idx ? VRING_PACKED_EVENT_FLAG_DESC
                                       : VRING_PACKED_EVENT_FLAG_ENABLE);
            g_assert_cmpuint(event[0], ==, event_idx ? i | 1u << 15 : 0);
        } else {
            struct vring_used *used = guest(f->machine, q->device);

            g_assert_cmpuint(used->flags, ==, 0);
            g_assert_cmpuint(*(uint16_t *)&used->ring[q->num], ==, event_idx ? i : 0);
        }
    }
}

/* Endless requests are done a queue's length at a time; the rest waits for the main loop. */
static void test_bounded(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverBuf buf;

    begin(f, data);
    buf = text_buf(d, "x");
    f->echo->virtio.stopped = true;
    for (unsigned i = 0; i < 16; i++) {
        driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
    }
    driver_kick(d, 0);
    g_assert_cmpuint(f->echo->requests, ==, 0);
    f->echo->virtio.stopped = false;
    driver_kick(d, 0);
    g_assert_cmpuint(f->echo->requests, ==, 16);
    g_assert_true(timer_armed(&f->echo->virtio.work_timer));
    clock_step(f->machine->clock, 1);
    g_assert_false(timer_armed(&f->echo->virtio.work_timer));
}

/* Saved in the middle of it all and loaded into another device, requests go on. */
static void test_save(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    IrqProbe irq = {0};
    Echo *other = echo_new(f->machine, REGS + 0x4000, irq_probe(&irq));
    Driver moved;
    DriverBuf bufs[2];
    uint16_t id;
    uint32_t len;

    begin(f, data);
    bufs[0] = text_buf(d, "x");
    bufs[1] = text_buf(d, "y");
    for (unsigned i = 0; i < 21; i++) {
        driver_add(d, 0, bufs, 1, 1, DRIVER_DIRECT);
        driver_kick(d, 0);
        g_assert_true(driver_get(d, 0, &id, &len));
    }
    check_round_trip(&f->echo->virtio.dev, &other->virtio.dev);
    g_assert_true(irq.level);
    moved = *d;
    moved.regs = REGS + 0x4000;
    for (unsigned i = 0; i < 40; i++) {
        driver_add(&moved, 0, bufs, 1, 1, DRIVER_DIRECT);
        driver_kick(&moved, 0);
        g_assert_true(driver_get(&moved, 0, &id, &len));
        g_assert_cmpuint(len, ==, 2);
    }
}

/* ---- What drivers must not do ---- */

/* The device noticed, says so once, does nothing more, and works again after a reset. */
static void check_broken(Fixture *f, gconstpointer data)
{
    Driver *d = &f->driver;
    DriverBuf buf;
    uint16_t id;
    uint32_t len;

    g_assert_true(driver_needs_reset(d));
    g_assert_true(f->irq.level);
    g_assert_true(driver_ack(d) & VIRTIO_ISR_CONFIG);
    f->echo->requests = 0;
    driver_kick(d, 0);
    g_assert_cmpuint(f->echo->requests, ==, 0);
    begin(f, data);
    buf = text_buf(d, "x");
    driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(d, 0);
    g_assert_true(driver_get(d, 0, &id, &len));
    g_assert_false(driver_needs_reset(d));
}

static void test_wild_buffer(Fixture *f, gconstpointer data)
{
    static const uint64_t addrs[] = {0, MMIO_PAGE, REGS + VIRTIO_MMIO_QUEUE_NOTIFY,
                                     TEST_RAM_BASE + TEST_RAM_SIZE - 2, UINT64_MAX - 2};

    for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
        DriverBuf bufs[2] = {{addrs[i], 4}, {TEST_RAM_BASE, 4}};

        begin(f, data);
        driver_add(&f->driver, 0, bufs, 1, 1, DRIVER_DIRECT);
        driver_kick(&f->driver, 0);
        check_broken(f, data);
        bufs[0] = bufs[1];
        bufs[1].addr = addrs[i];
        begin(f, data);
        driver_add(&f->driver, 0, bufs, 1, 1, DRIVER_DIRECT);
        driver_kick(&f->driver, 0);
        check_broken(f, data);
    }
}

/* A ring at @which of the three addresses is somewhere else. */
static void test_wild_ring(Fixture *f, gconstpointer data)
{
    static const uint64_t addrs[] = {0, MMIO_PAGE, TEST_RAM_BASE + TEST_RAM_SIZE,
                                     UINT64_C(0xfffffffffffffff0)};

    for (unsigned i = 0; i < 3 * ARRAY_SIZE(addrs); i++) {
        Driver *d = &f->driver;
        DriverBuf buf;

        begin(f, data);
        buf = text_buf(d, "x");
        VirtQueue *vq = &f->echo->virtio.queues[0];
        uint64_t *const which[] = {&vq->desc, &vq->driver, &vq->device};

        *which[i % 3] = addrs[i / 3];
        driver_add(d, 0, &buf, 1, 0, DRIVER_DIRECT);
        driver_kick(d, 0);
        check_broken(f, data);
    }
}

static void test_misaligned_ring(Fixture *f, gconstpointer data)
{
    static const struct {
        unsigned reg, offset;
    } cases[] = {{VIRTIO_MMIO_QUEUE_DESC_LOW, 8},
                 {VIRTIO_MMIO_QUEUE_AVAIL_LOW, 1},
                 {VIRTIO_MMIO_QUEUE_USED_LOW, 2}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_assert_true(driver_negotiate(&f->driver, GPOINTER_TO_SIZE(data)));
        wr32(f->machine, REGS + VIRTIO_MMIO_QUEUE_SEL, 0);
        wr32(f->machine, REGS + cases[i].reg, TEST_RAM_BASE + cases[i].offset);
        wr32(f->machine, REGS + VIRTIO_MMIO_QUEUE_READY, 1);
        g_assert_cmpuint(rd32(f->machine, REGS + VIRTIO_MMIO_QUEUE_READY), ==, 0);
        g_assert_true(driver_needs_reset(&f->driver));
    }
}

/* The i-th descriptor of the ring, split or packed: addr, len, and two 16-bit words. */
static struct vring_desc *raw_desc(Fixture *f, unsigned i)
{
    return (struct vring_desc *)guest(f->machine, f->driver.queues[0].desc) + i;
}

static void offer_split(Fixture *f, uint16_t head)
{
    struct vring_avail *avail = guest(f->machine, f->driver.queues[0].driver);

    avail->ring[0] = head;
    avail->idx = 1;
    driver_kick(&f->driver, 0);
}

static void test_split_loop(Fixture *f, gconstpointer data)
{
    begin(f, data);
    for (unsigned i = 0; i < 3; i++) {
        *raw_desc(f, i) = (struct vring_desc){TEST_RAM_BASE, 1, VRING_DESC_F_NEXT, (i + 1) % 3};
    }
    offer_split(f, 0);
    check_broken(f, data);
}

static void test_split_out_of_range(Fixture *f, gconstpointer data)
{
    begin(f, data);
    offer_split(f, 16);
    check_broken(f, data);
    begin(f, data);
    *raw_desc(f, 0) = (struct vring_desc){TEST_RAM_BASE, 1, VRING_DESC_F_NEXT, 16};
    offer_split(f, 0);
    check_broken(f, data);
    begin(f, data);
    ((struct vring_avail *)guest(f->machine, f->driver.queues[0].driver))->idx = 17;
    driver_kick(&f->driver, 0);
    check_broken(f, data);
}

static void test_split_order(Fixture *f, gconstpointer data)
{
    begin(f, data);
    *raw_desc(f, 0) =
        (struct vring_desc){TEST_RAM_BASE, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1};
    *raw_desc(f, 1) = (struct vring_desc){TEST_RAM_BASE, 1, 0, 0};
    offer_split(f, 0);
    check_broken(f, data);
}

static void test_split_indirect(Fixture *f, gconstpointer data)
{
    static const struct vring_desc bad[] = {
        {TEST_RAM_BASE, 0, VRING_DESC_F_INDIRECT, 0},  /* empty */
        {TEST_RAM_BASE, 24, VRING_DESC_F_INDIRECT, 0}, /* one and a half */
        {TEST_RAM_BASE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1},
        {0x1000, 16, VRING_DESC_F_INDIRECT, 0},                       /* no memory */
        {TEST_RAM_BASE, UINT32_MAX & ~15u, VRING_DESC_F_INDIRECT, 0}, /* a loop in a huge table */
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        begin(f, data);
        *(struct vring_desc *)guest(f->machine, TEST_RAM_BASE) =
            (struct vring_desc){TEST_RAM_BASE, 1, VRING_DESC_F_NEXT, 0};
        *raw_desc(f, 0) = bad[i];
        offer_split(f, 0);
        check_broken(f, data);
    }
    /* A table in a table. */
    begin(f, data);
    *(struct vring_desc *)guest(f->machine, TEST_RAM_BASE) =
        (struct vring_desc){TEST_RAM_BASE, 16, VRING_DESC_F_INDIRECT, 0};
    *raw_desc(f, 0) = (struct vring_desc){TEST_RAM_BASE, 16, VRING_DESC_F_INDIRECT, 0};
    offer_split(f, 0);
    check_broken(f, data);
}

/* Not negotiated, so not allowed. */
static void test_indirect_not_negotiated(Fixture *f, gconstpointer data)
{
    DriverBuf buf = {TEST_RAM_BASE, 4};

    begin(f, data);
    driver_add(&f->driver, 0, &buf, 1, 0, DRIVER_INDIRECT);
    driver_kick(&f->driver, 0);
    check_broken(f, data);
}

static void test_packed_loop(Fixture *f, gconstpointer data)
{
    begin(f, data);
    for (unsigned i = 0; i < 16; i++) {
        struct vring_packed_desc desc = {.addr = TEST_RAM_BASE,
                                         .len = 1,
                                         .flags =
                                             VRING_DESC_F_NEXT | 1u << VRING_PACKED_DESC_F_AVAIL};
        memcpy(raw_desc(f, i), &desc, sizeof(desc));
    }
    driver_kick(&f->driver, 0);
    check_broken(f, data);
}

/* Everything in the rings is random, for many rounds: nothing happens to the process. */
static void test_garbage(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(1);

    for (unsigned round = 0; round < 3000; round++) {
        Driver *d = &f->driver;

        begin(f, data);
        for (uint64_t addr = d->queues[0].desc; addr < d->heap; addr += 2) {
            uint16_t *word = guest(f->machine, addr);

            *word = g_rand_int(rand) >> (g_rand_boolean(rand) ? 0 : 27);
        }
        for (unsigned i = 0; i < 16; i++) { /* some addresses that exist */
            raw_desc(f, i)->addr = TEST_RAM_BASE + g_rand_int_range(rand, 0, 8192);
            if (g_rand_boolean(rand)) {
                raw_desc(f, i)->len %= 1000;
            }
        }
        driver_kick(d, 0);
        clock_step(f->machine->clock, 1000);
    }
    g_rand_free(rand);
}

#define ADD(path, features, fn) \
    g_test_add("/virtio/ring/" path, Fixture, GSIZE_TO_POINTER(features), setup, fn, teardown)

static void add_for_each_ring(void)
{
    static const struct {
        const char *name;
        uint64_t features;
    } rings[] = {
        {"split", 0},
        {"split-event", BIT(VIRTIO_RING_F_EVENT_IDX)},
        {"split-indirect", BIT(VIRTIO_RING_F_INDIRECT_DESC)},
        {"split-all", BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX)},
        {"packed", BIT(VIRTIO_F_RING_PACKED)},
        {"packed-event", BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX)},
        {"packed-all", ALL_RING_FEATURES},
    };
    static const struct {
        const char *name;
        void (*fn)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"echo", test_echo},
        {"wrap", test_wrap},
        {"interrupts", test_interrupts},
        {"notifications", test_notifications},
        {"bounded", test_bounded},
        {"save", test_save},
        {"wild-buffer", test_wild_buffer},
        {"wild-ring", test_wild_ring},
        {"garbage", test_garbage},
    };

    for (size_t r = 0; r < ARRAY_SIZE(rings); r++) {
        for (size_t t = 0; t < ARRAY_SIZE(tests); t++) {
            char *path = g_strdup_printf("/virtio/ring/%s/%s", rings[r].name, tests[t].name);

            g_test_add(path, Fixture, GSIZE_TO_POINTER(rings[r].features), setup, tests[t].fn,
                       teardown);
            g_free(path);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_for_each_ring();
    ADD("misaligned", 0, test_misaligned_ring);
    ADD("split/loop", 0, test_split_loop);
    ADD("split/out-of-range", 0, test_split_out_of_range);
    ADD("split/order", 0, test_split_order);
    ADD("split/bad-indirect", BIT(VIRTIO_RING_F_INDIRECT_DESC), test_split_indirect);
    ADD("split/indirect-not-negotiated", 0, test_indirect_not_negotiated);
    ADD("packed/loop", BIT(VIRTIO_F_RING_PACKED), test_packed_loop);
    ADD("packed/indirect-not-negotiated", BIT(VIRTIO_F_RING_PACKED), test_indirect_not_negotiated);
    return g_test_run();
}
