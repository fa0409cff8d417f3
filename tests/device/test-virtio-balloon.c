/*
 * virtio-balloon: memory really goes back to the host, and comes back; statistics; targets and events.
 */
#include "hw/virtio/virtio-balloon.h"
#include "hw/virtio/virtio-mmio.h"
#include "softmmu/memory-internal.h"
#include "tests/device/virtio-driver.h"
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <string.h>

#define REGS 0x10001000
#define PAGES (TEST_RAM_BASE + MIB) /* used by the tests */
#define BIT(n) (UINT64_C(1) << (n))
enum { INFLATE, DEFLATE, STATS, REPORTING };

typedef struct Fixture {
    Machine *machine;
    Driver d;
    unsigned events;
    uint64_t actual;
} Fixture;

static void on_event(void *opaque, const MachineEventInfo *info)
{
    Fixture *f = opaque;

    g_assert_cmpint(info->event, ==, MACHINE_EVENT_BALLOON_CHANGE);
    f->events++;
    f->actual = info->actual;
}

static void begin(Fixture *f, Machine *machine, const char *device)
{
    memset(f, 0, sizeof(*f));
    f->machine = machine;
    virtio_mmio_new(f->machine, REGS, (IrqLine){0});
    create_device(f->machine, device ? device : "virtio-balloon-device,free-page-reporting=on");
    machine_reset(f->machine);
    machine_add_event_listener(f->machine, on_event, f);
    driver_init(&f->d, f->machine, REGS);
    driver_begin(&f->d, driver_host_features(&f->d), device ? 3 : 4);
}

static void setup(Fixture *f, gconstpointer device)
{
    begin(f, harness_new(), device);
}

static void setup_private(Fixture *f, gconstpointer device)
{
    begin(f, harness_new_private(), device);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

/* What guest memory takes on the host, in pages. */
static uint64_t host_pages(Fixture *f)
{
    return ram_block_populated(f->machine->ram) / 4096;
}

static uint32_t inflate(Fixture *f, unsigned queue, const uint32_t *pfns, unsigned n)
{
    uint64_t addr = driver_alloc(&f->d, 4 * n, 4);

    memcpy(guest(f->machine, addr), pfns, 4 * n);
    return driver_run(&f->d, queue, &(DriverBuf){addr, 4 * n}, 1, 0);
}

static void test_inflate(Fixture *f, gconstpointer data)
{
    uint32_t first = PAGES >> 12, pfns[100];
    uint8_t *ram = guest(f->machine, PAGES);
    uint64_t before, after;

    memset(ram, 0x5a, 128 * 4096);
    for (unsigned i = 0; i < 100; i++) { /* in no order */
        pfns[i] = first + 10 + i * 37 % 100;
    }
    before = host_pages(f);
    inflate(f, INFLATE, pfns, 100);
    after = host_pages(f);
    g_assert_cmpuint(before - after, >=, 99); /* and one for the list of them */
    g_assert_cmpuint(before - after, <=, 100);
    for (unsigned page = 0; page < 128; page++) {
        bool in = page >= 10 && page < 110;

        g_assert_cmphex(ram[page * 4096], ==, in ? 0 : 0x5a);
        g_assert_cmphex(ram[page * 4096 + 4095], ==, in ? 0 : 0x5a);
    }
    inflate(f, DEFLATE, pfns, 100);
    memset(ram, 0xa5, 128 * 4096);
    g_assert_cmphex(ram[50 * 4096], ==, 0xa5);
    g_assert_cmpuint(host_pages(f), >=, before);
}

/* Pages that are not memory, and lists that are none. */
static void test_wrong_pages(Fixture *f, gconstpointer data)
{
    uint32_t pfns[] = {0, UINT32_MAX, REGS >> 12, (TEST_RAM_BASE >> 12) - 1,
                       (TEST_RAM_BASE + TEST_RAM_SIZE) >> 12};
    uint64_t addr = driver_alloc(&f->d, 64, 4);

    memset(guest(f->machine, PAGES), 0x5a, 4096);
    inflate(f, INFLATE, pfns, ARRAY_SIZE(pfns));
    driver_run(&f->d, INFLATE, &(DriverBuf){addr, 3}, 1, 0);
    driver_run(&f->d, INFLATE, &(DriverBuf){addr, 64}, 0, 1);
    g_assert_false(driver_needs_reset(&f->d));
    g_assert_cmphex(*(uint8_t *)guest(f->machine, PAGES), ==, 0x5a);
    driver_add(&f->d, INFLATE, &(DriverBuf){0x1000, 64}, 1, 0, DRIVER_DIRECT);
    driver_kick(&f->d, INFLATE);
    g_assert_true(driver_needs_reset(&f->d));
}

static void test_reporting(Fixture *f, gconstpointer data)
{
    uint8_t *ram = guest(f->machine, PAGES);
    uint64_t before;

    memset(ram, 0x5a, 128 * 4096);
    before = host_pages(f);
    driver_run(&f->d, REPORTING,
               (DriverBuf[]){{PAGES, 64 * 4096}, {PAGES + 65 * 4096 + 5, 2 * 4096}}, 0, 2);
    g_assert_cmpuint(host_pages(f), ==, before - 65); /* whole pages only */
    g_assert_cmphex(ram[0], ==, 0);
    g_assert_cmphex(ram[64 * 4096], ==, 0x5a);
    g_assert_cmphex(ram[65 * 4096], ==, 0x5a);
    g_assert_cmphex(ram[66 * 4096], ==, 0);
    g_assert_cmphex(ram[67 * 4096], ==, 0x5a);
}

static void write_actual(Fixture *f, uint32_t pages)
{
    wr32(f->machine, REGS + 0x100 + 4, pages);
}

static void test_target(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    BalloonInfo info;

    g_assert_cmpuint(driver_config32(&f->d, 0), ==, 0);
    g_assert_true(virtio_balloon_set_target(f->machine, TEST_RAM_SIZE - MIB, NULL));
    g_assert_cmpuint(driver_config32(&f->d, 0), ==, 256);
    g_assert_cmpuint(driver_ack(&f->d), ==, 2); /* the driver is told */
    write_actual(f, 100);
    g_assert_cmpuint(f->events, ==, 1);
    g_assert_cmpuint(f->actual, ==, TEST_RAM_SIZE - 100 * 4096);
    write_actual(f, 200);
    write_actual(f, 256);
    write_actual(f, 256);
    g_assert_cmpuint(f->events, ==, 1); /* one a second */
    clock_step(f->machine->clock, 1000000000);
    g_assert_cmpuint(f->events, ==, 2);
    g_assert_cmpuint(f->actual, ==, TEST_RAM_SIZE - MIB);
    clock_step(f->machine->clock, INT64_C(5000000000));
    g_assert_cmpuint(f->events, ==, 2);
    g_assert_true(virtio_balloon_info(f->machine, &info, NULL));
    g_assert_cmpuint(info.actual, ==, TEST_RAM_SIZE - MIB);
    g_assert_true(virtio_balloon_set_target(f->machine, UINT64_MAX, NULL));
    g_assert_cmpuint(driver_config32(&f->d, 0), ==, 0);
    g_assert_false(virtio_balloon_set_target(f->machine, 0, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    write_actual(f, UINT32_MAX); /* more than there is */
    g_assert_true(virtio_balloon_info(f->machine, &info, NULL));
    g_assert_cmpuint(info.actual, ==, 0);
    wr32(f->machine, REGS + 0x100, 77); /* the target is not the driver's */
    g_assert_cmpuint(driver_config32(&f->d, 0), ==, 0);
}

static void test_stats(Fixture *f, gconstpointer data)
{
    struct virtio_balloon_stat stats[3] = {{VIRTIO_BALLOON_S_MEMFREE, 1111},
                                           {VIRTIO_BALLOON_S_MEMTOT, 2222},
                                           {99, 3333}};
    uint64_t addr = driver_alloc(&f->d, sizeof(stats), 8);
    DriverBuf buf = {addr, sizeof(stats)};
    BalloonInfo info;
    uint16_t id;
    uint32_t len;

    memcpy(guest(f->machine, addr), stats, sizeof(stats));
    driver_add(&f->d, STATS, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(&f->d, STATS);
    g_assert_true(virtio_balloon_info(f->machine, &info, NULL));
    g_assert_cmpuint(info.stats[VIRTIO_BALLOON_S_MEMFREE], ==, 1111);
    g_assert_cmpuint(info.stats[VIRTIO_BALLOON_S_MEMTOT], ==, 2222);
    g_assert_cmpuint(info.stats[VIRTIO_BALLOON_S_SWAP_IN], ==, UINT64_MAX);
    g_assert_cmpint(info.last_update, >, 0);
    clock_step(f->machine->clock, INT64_C(100000000000));
    g_assert_false(driver_get(&f->d, STATS, &id, &len)); /* nobody wants to know */
    g_assert_true(virtio_balloon_set_interval(f->machine, 2, NULL));
    clock_step(f->machine->clock, 1999999999);
    g_assert_false(driver_get(&f->d, STATS, &id, &len));
    clock_step(f->machine->clock, 1);
    g_assert_true(driver_get(&f->d, STATS, &id, &len));
    stats[0].val = 4444;
    memcpy(guest(f->machine, addr), stats, sizeof(stats));
    driver_add(&f->d, STATS, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(&f->d, STATS);
    g_assert_true(virtio_balloon_info(f->machine, &info, NULL));
    g_assert_cmpuint(info.stats[VIRTIO_BALLOON_S_MEMFREE], ==, 4444);
    g_assert_cmpuint(info.interval, ==, 2);
    /* A reset with the buffer in the device's hands. */
    driver_begin(&f->d, driver_host_features(&f->d), 4);
    g_assert_true(virtio_balloon_info(f->machine, &info, NULL));
    g_assert_cmpuint(info.stats[VIRTIO_BALLOON_S_MEMFREE], ==, UINT64_MAX);
}

static Device *the_balloon(Fixture *f)
{
    for (unsigned i = 0; i < f->machine->devices->len; i++) {
        Device *dev = f->machine->devices->pdata[i];

        if (!strcmp(dev->ops->name, "virtio-balloon-device")) {
            return dev;
        }
    }
    g_assert_not_reached();
}

static void test_state(Fixture *f, gconstpointer data)
{
    GByteArray *bytes = g_byte_array_new();
    Device *dev = the_balloon(f);
    const uint8_t *at;
    size_t len;

    virtio_balloon_set_target(f->machine, MIB, NULL);
    write_actual(f, 300);
    vmstate_save(bytes, dev->ops->vmstate, dev);
    virtio_balloon_set_target(f->machine, 2 * MIB, NULL);
    machine_reset(f->machine);
    at = bytes->data;
    len = bytes->len;
    g_assert_true(vmstate_load(&at, &len, dev->ops->vmstate, dev, NULL));
    g_assert_cmpuint(len, ==, 0);
    g_assert_cmpuint(driver_config32(&f->d, 0), ==, (TEST_RAM_SIZE - MIB) / 4096);
    g_assert_cmpuint(driver_config32(&f->d, 4), ==, 300);
    g_byte_array_unref(bytes);
}

static void test_features(Fixture *f, gconstpointer data)
{
    uint64_t features = driver_host_features(&f->d);

    g_assert_true(features & BIT(VIRTIO_BALLOON_F_STATS_VQ));
    g_assert_true(features & BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
    g_assert_false(features & BIT(VIRTIO_BALLOON_F_REPORTING));
    g_assert_false(features & BIT(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
    wild_accesses(f->machine, REGS, 0x120, 5000, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/virtio-balloon/inflate", Fixture, NULL, setup, test_inflate, teardown);
    g_test_add("/virtio-balloon/private/inflate", Fixture, NULL, setup_private, test_inflate,
               teardown);
    g_test_add("/virtio-balloon/private/reporting", Fixture, NULL, setup_private, test_reporting,
               teardown);
    g_test_add("/virtio-balloon/wrong-pages", Fixture, NULL, setup, test_wrong_pages, teardown);
    g_test_add("/virtio-balloon/reporting", Fixture, NULL, setup, test_reporting, teardown);
    g_test_add("/virtio-balloon/target", Fixture, NULL, setup, test_target, teardown);
    g_test_add("/virtio-balloon/stats", Fixture, NULL, setup, test_stats, teardown);
    g_test_add("/virtio-balloon/state", Fixture, NULL, setup, test_state, teardown);
    g_test_add("/virtio-balloon/features", Fixture, "virtio-balloon-device,deflate-on-oom=on",
               setup, test_features, teardown);
    return g_test_run();
}
