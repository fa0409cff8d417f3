/*
 * The virtio block device on a raw file, and the ways that opening a drive fails.
 */
#include "hw/block/drive.h"
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define REGS 0x10001000
#define DISK_SIZE (1 * MIB)
#define BIT(n) (UINT64_C(1) << (n))

typedef struct Fixture {
    Machine *machine;
    char *path;
    IrqProbe irq;
    Driver driver;
    uint64_t header, status, data; /* in guest RAM */
} Fixture;

static void add_drive(Machine *machine, const char *text)
{
    GError *error = NULL;

    if (!machine->config.drives) {
        machine->config.drives = g_ptr_array_new();
    }
    g_ptr_array_add(machine->config.drives, options_parse("-drive", text, "file", &error));
    g_assert_no_error(error);
}

static void clear_drives(Machine *machine)
{
    GPtrArray *drives = machine->config.drives;

    for (unsigned i = 0; drives && i < drives->len; i++) {
        options_free(g_ptr_array_index(drives, i));
    }
    if (drives) {
        g_ptr_array_set_size(drives, 0);
    }
}

/* The disk is a file in @dir; @data: more properties of the drive; NULL: none. */
static void setup_in(Fixture *f, const char *dir, gconstpointer data)
{
    uint8_t *contents = g_malloc(DISK_SIZE);
    char *text;

    f->path = g_build_filename(dir, "amphi-test-XXXXXX", NULL);
    int fd = g_mkstemp(f->path);
    g_assert_cmpint(fd, >=, 0);
    for (unsigned i = 0; i < DISK_SIZE; i++) {
        contents[i] = i / 512 + i;
    }
    g_assert_cmpint(write(fd, contents, DISK_SIZE), ==, DISK_SIZE);
    close(fd);
    g_free(contents);
    f->machine = harness_new();
    text =
        g_strdup_printf("%s,format=raw,if=none,id=d0%s", f->path, data ? (const char *)data : "");
    add_drive(f->machine, text);
    g_free(text);
    virtio_mmio_new(f->machine, REGS, irq_probe(&f->irq));
    create_device(f->machine, "virtio-blk-device,drive=d0,serial=amphi-1,queue-size=256");
    machine_reset(f->machine);
    driver_init(&f->driver, f->machine, REGS);
    driver_begin(&f->driver, BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_RING_F_INDIRECT_DESC), 1);
    f->header = driver_alloc(&f->driver, sizeof(struct virtio_blk_outhdr), 8);
    f->status = driver_alloc(&f->driver, 1, 1);
    f->data = driver_alloc(&f->driver, 64 * 1024, 8);
}

static void setup(Fixture *f, gconstpointer data)
{
    setup_in(f, g_get_tmp_dir(), data);
}

/* Where transfers are made at once, if the host has such a place. */
static void setup_in_memory(Fixture *f, gconstpointer data)
{
    setup_in(f, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir(), data);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
    g_unlink(f->path);
    g_free(f->path);
}

static void put_header(Fixture *f, uint32_t type, uint64_t sector)
{
    *(struct virtio_blk_outhdr *)guest(f->machine, f->header) =
        (struct virtio_blk_outhdr){.type = type, .sector = sector};
    *(uint8_t *)guest(f->machine, f->status) = 0xee;
}

/* One request with @len bytes at f->data; returns the status byte. @written: as the device says. */
static uint8_t request(Fixture *f, uint32_t type, uint64_t sector, uint32_t len, bool to_guest,
                       uint32_t *written)
{
    DriverBuf bufs[3] = {{f->header, sizeof(struct virtio_blk_outhdr)}};
    unsigned n = 1, nout;
    uint32_t used;

    put_header(f, type, sector);
    if (len) {
        bufs[n++] = (DriverBuf){f->data, len};
    }
    nout = to_guest ? 1 : n;
    bufs[n++] = (DriverBuf){f->status, 1};
    used = driver_run(&f->driver, 0, bufs, nout, n - nout);
    if (written) {
        *written = used;
    }
    return *(uint8_t *)guest(f->machine, f->status);
}

static void check_file(Fixture *f, uint64_t offset, const void *bytes, size_t len)
{
    int fd = open(f->path, O_RDONLY);
    uint8_t *buf = g_malloc(len);

    g_assert_cmpint(pread(fd, buf, len, offset), ==, len);
    g_assert_cmpmem(buf, len, bytes, len);
    g_free(buf);
    close(fd);
}

static void test_config(Fixture *f, gconstpointer data)
{
    uint64_t features = driver_host_features(&f->driver);

    g_assert_cmpuint(driver_config32(&f->driver, 0), ==, DISK_SIZE / 512);
    g_assert_cmpuint(driver_config32(&f->driver, 4), ==, 0);
    g_assert_cmpuint(driver_config32(&f->driver, offsetof(struct virtio_blk_config, blk_size)), ==,
                     512);
    g_assert_cmpuint(driver_config32(&f->driver, offsetof(struct virtio_blk_config, seg_max)), ==,
                     254);
    g_assert_true(features & BIT(VIRTIO_BLK_F_FLUSH));
    g_assert_true(features & BIT(VIRTIO_BLK_F_DISCARD));
    g_assert_false(features & BIT(VIRTIO_BLK_F_RO));
    g_assert_false(features & BIT(VIRTIO_BLK_F_MQ));
    /* Single bytes and halves, and past the end. */
    g_assert_cmpuint(machine_mmio_read(f->machine, REGS + 0x101, 1), ==, DISK_SIZE / 512 >> 8);
    g_assert_cmpuint(machine_mmio_read(f->machine, REGS + 0x102, 2), ==, 0);
    g_assert_cmpuint(machine_mmio_read(f->machine, REGS + 0x1fc, 4), ==, 0);
}

static void test_read(Fixture *f, gconstpointer data)
{
    uint32_t written;

    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 7, 1024, true, &written), ==, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(written, ==, 1025);
    check_file(f, 7 * 512, guest(f->machine, f->data), 1024);
    g_assert_true(f->irq.level);
}

static void test_write(Fixture *f, gconstpointer data)
{
    memset(guest(f->machine, f->data), 0x5a, 4096);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_OUT, 16, 4096, false, NULL), ==, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_FLUSH, 0, 0, false, NULL), ==, VIRTIO_BLK_S_OK);
    check_file(f, 16 * 512, guest(f->machine, f->data), 4096);
}

/* More than is buffered at once: the whole disk into the same few pages, through an indirect table. */
static void test_big(Fixture *f, gconstpointer data)
{
    DriverBuf bufs[18] = {{f->header, sizeof(struct virtio_blk_outhdr)}};

    for (unsigned i = 0; i < 16; i++) {
        bufs[i + 1] = (DriverBuf){f->data, 64 * 1024};
    }
    bufs[17] = (DriverBuf){f->status, 1};
    put_header(f, VIRTIO_BLK_T_IN, 0);
    driver_add(&f->driver, 0, bufs, 1, 17, DRIVER_INDIRECT);
    driver_kick(&f->driver, 0);
    g_assert_cmpuint(driver_wait(&f->driver, 0), ==, DISK_SIZE + 1);
    g_assert_cmpuint(*(uint8_t *)guest(f->machine, f->status), ==, VIRTIO_BLK_S_OK);
    check_file(f, DISK_SIZE - 64 * 1024, guest(f->machine, f->data), 64 * 1024);
}

static void test_get_id(Fixture *f, gconstpointer data)
{
    uint32_t written;

    g_assert_cmpuint(request(f, VIRTIO_BLK_T_GET_ID, 0, 20, true, &written), ==, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(written, ==, 21);
    g_assert_cmpstr(guest(f->machine, f->data), ==, "amphi-1");
}

static void test_zeroes(Fixture *f, gconstpointer data)
{
    static const uint8_t zeroes[1024];
    struct virtio_blk_discard_write_zeroes *range = guest(f->machine, f->data);

    *range = (struct virtio_blk_discard_write_zeroes){.sector = 8, .num_sectors = 2};
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(*range), false, NULL), ==,
                     VIRTIO_BLK_S_OK);
    check_file(f, 8 * 512, zeroes, 1024);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_DISCARD, 0, sizeof(*range), false, NULL), ==,
                     VIRTIO_BLK_S_OK);
    range->flags = 1; /* unmap: for zeroes only */
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_DISCARD, 0, sizeof(*range), false, NULL), ==,
                     VIRTIO_BLK_S_UNSUPP);
    range->sector = DISK_SIZE / 512 - 1;
    range->flags = 0;
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_WRITE_ZEROES, 0, sizeof(*range), false, NULL), ==,
                     VIRTIO_BLK_S_IOERR);
}

static void test_errors(Fixture *f, gconstpointer data)
{
    static const uint64_t sectors[] = {DISK_SIZE / 512, DISK_SIZE / 512 - 1, UINT64_MAX / 512,
                                       UINT64_MAX};

    for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
        g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, sectors[i], 1024, true, NULL), ==,
                         VIRTIO_BLK_S_IOERR);
        g_assert_cmpuint(request(f, VIRTIO_BLK_T_OUT, sectors[i], 1024, false, NULL), ==,
                         VIRTIO_BLK_S_IOERR);
    }
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 0, 100, true, NULL), ==, VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(request(f, 99, 0, 512, true, NULL), ==, VIRTIO_BLK_S_UNSUPP);
    g_assert_false(driver_needs_reset(&f->driver));
}

/* A request too short to be one. */
static void test_malformed(Fixture *f, gconstpointer data)
{
    DriverBuf buf = {f->header, 4};

    driver_add(&f->driver, 0, &buf, 1, 0, DRIVER_DIRECT);
    driver_kick(&f->driver, 0);
    g_assert_true(driver_needs_reset(&f->driver));
}

static void test_read_only(Fixture *f, gconstpointer data)
{
    g_assert_true(driver_host_features(&f->driver) & BIT(VIRTIO_BLK_F_RO));
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_OUT, 0, 512, false, NULL), ==, VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 0, 512, true, NULL), ==, VIRTIO_BLK_S_OK);
}

/* More requests than are taken at once, all at once; then a reset while they are under way. */
static void test_many(Fixture *f, gconstpointer unused)
{
    Driver *d = &f->driver;
    DriverBuf bufs[3] = {{f->header, sizeof(struct virtio_blk_outhdr)},
                         {f->data, 4096},
                         {f->status, 1}};

    driver_negotiate(d, BIT(VIRTIO_RING_F_INDIRECT_DESC));
    driver_setup_queue(d, 0, 256);
    driver_start(d);
    put_header(f, VIRTIO_BLK_T_IN, 0);
    uint64_t data = driver_alloc(d, 200 * 4096, 8);
    for (unsigned i = 0; i < 200; i++) {
        bufs[1].addr = data + i * 4096;
        driver_add(d, 0, bufs, 1, 2, DRIVER_INDIRECT);
    }
    driver_kick(d, 0);
    for (unsigned i = 0; i < 200; i++) {
        g_assert_cmpuint(driver_wait(d, 0), ==, 4097);
    }
    for (unsigned i = 0; i < 50; i++) {
        bufs[1].addr = data + i * 4096;
        driver_add(d, 0, bufs, 1, 2, DRIVER_INDIRECT);
    }
    driver_kick(d, 0);
    driver_begin(d, 0, 1);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 1, 512, true, NULL), ==, VIRTIO_BLK_S_OK);
}

/* Stopping the machine waits for what is under way, and starts nothing. */
static void test_stop(Fixture *f, gconstpointer data)
{
    DriverBuf bufs[3] = {{f->header, sizeof(struct virtio_blk_outhdr)},
                         {f->data, 512},
                         {f->status, 1}};
    uint16_t id;
    uint32_t len;

    machine_start(f->machine);
    put_header(f, VIRTIO_BLK_T_IN, 3);
    driver_add(&f->driver, 0, bufs, 1, 2, DRIVER_DIRECT);
    driver_kick(&f->driver, 0);
    machine_stop(f->machine, RUN_STATE_PAUSED);
    g_assert_true(driver_get(&f->driver, 0, &id, &len));
    g_assert_cmpuint(len, ==, 513);
    driver_add(&f->driver, 0, bufs, 1, 2, DRIVER_DIRECT);
    driver_kick(&f->driver, 0);
    for (unsigned i = 0; i < 20; i++) {
        g_main_context_iteration(f->machine->context, FALSE);
    }
    g_assert_false(driver_get(&f->driver, 0, &id, &len));
    machine_start(f->machine);
    g_assert_cmpuint(driver_wait(&f->driver, 0), ==, 513);
}

/* ---- Errors of the host's: its files may not be longer than the first half of the disk ---- */

static void limit_files(uint64_t size)
{
    struct rlimit limit;

    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = size ? size : limit.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

static void count_event(void *opaque, const MachineEventInfo *info)
{
    if (info->event == MACHINE_EVENT_BLOCK_IO_ERROR) {
        g_assert_cmpstr(info->device, ==, "d0");
        g_assert_cmpstr(info->operation, ==, "write");
        ++*(unsigned *)opaque;
    }
}

/* @data: the drive's options; what they make of an error is checked. */
static void test_host_error(Fixture *f, gconstpointer data)
{
    bool ignore = strstr(data, "ignore") != NULL;
    unsigned events = 0;

    signal(SIGXFSZ, SIG_IGN);
    machine_add_event_listener(f->machine, count_event, &events);
    limit_files(DISK_SIZE / 2);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_OUT, 8, 4096, false, NULL), ==, VIRTIO_BLK_S_OK);
    g_assert_cmpuint(events, ==, 0);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_OUT, DISK_SIZE / 512 - 16, 4096, false, NULL), ==,
                     ignore ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
    g_assert_cmpuint(events, ==, 1);
    limit_files(0);
    machine_remove_event_listener(f->machine, count_event, &events);
}

static void start_failing_write(Fixture *f)
{
    DriverBuf bufs[3] = {{f->header, sizeof(struct virtio_blk_outhdr)},
                         {f->data, 4096},
                         {f->status, 1}};

    memset(guest(f->machine, f->data), 0x5a, 4096);
    put_header(f, VIRTIO_BLK_T_OUT, DISK_SIZE / 512 - 16);
    driver_add(&f->driver, 0, bufs, 2, 1, DRIVER_DIRECT);
    limit_files(DISK_SIZE / 2);
    driver_kick(&f->driver, 0);
    for (unsigned i = 0; i < 2000 && !f->machine->stop_requested; i++) {
        g_main_context_iteration(f->machine->context, FALSE);
        g_usleep(1000);
    }
    g_assert_true(f->machine->stop_requested);
    g_assert_cmpint(f->machine->stop_why, ==, RUN_STATE_IO_ERROR);
    f->machine->stop_requested = false;
    machine_stop(f->machine, RUN_STATE_IO_ERROR);
    limit_files(0);
}

/* The machine stops; the request is done when it goes on. */
static void test_host_error_stop(Fixture *f, gconstpointer data)
{
    uint8_t expected[4096];
    uint16_t id;
    uint32_t len;

    signal(SIGXFSZ, SIG_IGN);
    memset(expected, 0x5a, sizeof(expected));
    machine_start(f->machine);
    start_failing_write(f);
    g_assert_false(driver_get(&f->driver, 0, &id, &len));
    machine_start(f->machine);
    g_assert_cmpuint(driver_wait(&f->driver, 0), ==, 1);
    g_assert_cmpuint(*(uint8_t *)guest(f->machine, f->status), ==, VIRTIO_BLK_S_OK);
    check_file(f, DISK_SIZE - 8192, expected, sizeof(expected));
    /* Once more, and reset meanwhile: the request is gone. */
    start_failing_write(f);
    machine_reset(f->machine);
    machine_start(f->machine);
    driver_begin(&f->driver, BIT(VIRTIO_BLK_F_FLUSH), 1);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 1, 512, true, NULL), ==, VIRTIO_BLK_S_OK);
}

static void test_write_cache(Fixture *f, gconstpointer data)
{
    BlockDev *blk = blockdev_find(f->machine, "d0");
    uint64_t wce = REGS + 0x100 + offsetof(struct virtio_blk_config, wce);

    g_assert_true(driver_negotiate(&f->driver, BIT(VIRTIO_BLK_F_CONFIG_WCE)));
    g_assert_cmpuint(machine_mmio_read(f->machine, wce, 1), ==, 1);
    g_assert_false(blockdev_write_through(blk));
    machine_mmio_write(f->machine, wce, 0, 1);
    g_assert_cmpuint(machine_mmio_read(f->machine, wce, 1), ==, 0);
    g_assert_true(blockdev_write_through(blk));
    /* A driver without any way to flush. */
    driver_begin(&f->driver, 0, 1);
    g_assert_true(blockdev_write_through(blk));
    driver_begin(&f->driver, BIT(VIRTIO_BLK_F_FLUSH), 1);
    g_assert_false(blockdev_write_through(blk));
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, REGS, VIRTIO_MMIO_SIZE, 20000, 1);
    driver_begin(&f->driver, BIT(VIRTIO_BLK_F_FLUSH), 1);
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 1, 512, true, NULL), ==, VIRTIO_BLK_S_OK);
}

/* Random requests; whatever they do, they end. */
static void test_random(Fixture *f, gconstpointer data)
{
    static const uint32_t types[] = {VIRTIO_BLK_T_IN,
                                     VIRTIO_BLK_T_OUT,
                                     VIRTIO_BLK_T_FLUSH,
                                     VIRTIO_BLK_T_GET_ID,
                                     VIRTIO_BLK_T_DISCARD,
                                     VIRTIO_BLK_T_WRITE_ZEROES,
                                     77};
    GRand *rand = g_rand_new_with_seed(3);

    for (unsigned round = 0; round < 300; round++) {
        DriverBuf bufs[4] = {{f->header, g_rand_int_range(rand, 12, 18)},
                             {f->data, g_rand_int_range(rand, 0, 4) * 512},
                             {f->data, g_rand_int_range(rand, 0, 1026)},
                             {f->status, 1}};

        if (driver_needs_reset(&f->driver)) {
            f->driver.heap = f->data + 64 * 1024;
            driver_begin(&f->driver, BIT(VIRTIO_BLK_F_FLUSH), 1);
        }
        put_header(f, types[g_rand_int_range(rand, 0, ARRAY_SIZE(types))],
                   g_rand_int_range(rand, 0, 3000));
        unsigned nout = g_rand_int_range(rand, 0, 5);
        driver_add(&f->driver, 0, bufs, nout, 4 - nout, DRIVER_DIRECT);
        driver_kick(&f->driver, 0);
        if (!driver_needs_reset(&f->driver)) {
            driver_wait(&f->driver, 0);
        }
    }
    g_rand_free(rand);
}

/* @data with werror=stop: with a request that waits for the machine to go on. */
static void test_save(Fixture *f, gconstpointer data)
{
    Device *from = NULL, *to = NULL;
    char *copy = g_strconcat(f->path, ".copy", NULL);
    char *text = g_strdup_printf("%s,format=raw,if=none,id=d1", copy);

    g_file_set_contents(copy, "x", 1, NULL);
    g_assert_cmpint(truncate(copy, DISK_SIZE), ==, 0); /* a disk of another size is refused */
    g_assert_cmpuint(request(f, VIRTIO_BLK_T_IN, 1, 512, true, NULL), ==, VIRTIO_BLK_S_OK);
    if (data) {
        signal(SIGXFSZ, SIG_IGN);
        machine_start(f->machine);
        start_failing_write(f);
    }
    add_drive(f->machine, text);
    virtio_mmio_new(f->machine, REGS + 0x1000, (IrqLine){0});
    create_device(f->machine, "virtio-blk-device,drive=d1");
    for (unsigned i = 0; i < f->machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(f->machine->devices, i);

        if (strcmp(dev->ops->name, "virtio-blk-device") == 0) {
            from = from ? from : dev;
            to = dev;
        }
    }
    g_assert_true(from != to);
    check_round_trip(from, to);
    g_unlink(copy);
    g_free(copy);
    g_free(text);
}

/* ---- Opening ---- */

/* Opening a drive with @props of the file @path fails with a message that has @expected in it. */
static void check_open_fails(Machine *machine, const char *path, const char *props,
                             const char *expected)
{
    char *text = g_strdup_printf("%s,if=virtio%s", path, props);
    GError *error = NULL;

    clear_drives(machine);
    add_drive(machine, text);
    g_assert_false(hw_create_drives(machine, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    g_free(text);
}

static void test_open_errors(void)
{
    Machine *machine = harness_new();
    char *dir = g_dir_make_tmp("amphi-test-XXXXXX", NULL);
    char *path = g_build_filename(dir, "disk.img", NULL);
    BlockOpen how = {.image = {.path = path}, .id = "first"};
    GError *error = NULL;

    check_open_fails(machine, path, "", "there is no file");
    check_open_fails(machine, dir, "", "is a directory");
    check_open_fails(machine, "/dev/null", "", "neither a file nor a block device");
    g_assert_true(g_file_set_contents(path, "QFI\xfb\0\0\0\3", 8, NULL));
    check_open_fails(machine, path, "", "is damaged");
    check_open_fails(machine, path, ",format=vdi", "format 'vdi' is not supported");
    check_open_fails(machine, path, ",format=raw,cache=writebak", "did you mean 'writeback'");
    check_open_fails(machine, path, ",format=raw,chache=none", "chache");
    check_open_fails(machine, path, ",format=raw,if=virtoi", "if=virtio");
    g_assert_nonnull(
        blockdev_open(machine, &(BlockOpen){.image = {.path = path, .format = "raw"}}, &error));
    g_assert_no_error(error);
    check_open_fails(machine, path, ",format=raw", "is in use");
    check_open_fails(machine, path, ",format=raw,readonly=on", "is in use");
    g_chmod(path, 0400);
    if (geteuid() != 0) {
        check_open_fails(machine, path, ",format=raw", "is not writable");
    }
    g_assert_null(blockdev_open(machine, &how, NULL));
    harness_free(machine);
    g_unlink(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
}

/* Two readers are fine; -device errors name what is there. */
static void test_device_errors(void)
{
    Machine *machine = harness_new();
    char *path;
    int fd = g_file_open_tmp("amphi-test-XXXXXX", &path, NULL);
    char *text = g_strdup_printf("%s,format=raw,readonly=on,if=none,id=disk0", path);
    static const struct {
        const char *device, *expected;
    } cases[] = {
        {"virtio-blk-device", "needs a disk"},
        {"virtio-blk-device,drive=disk1", "did you mean 'disk0'"},
        {"virtio-blk-device,drive=disk0,num-queues=0", "num-queues="},
        {"virtio-blk-device,drive=disk0,queue-size=100", "power of two"},
        {"virtio-blk-device,drive=disk0,logical_block_size=100", "powers of two"},
        {"virtio-blk-device,drive=disk0,bus=virtio-mmio-bus.7", "there is no bus"},
        {"virtio-blk-pci,drive=disk0", "no PCI bus"},
        {"virtio-blk-device,drive=disk0,packed=maybe", "packed"},
    };

    add_drive(machine, text);
    virtio_mmio_new(machine, REGS, (IrqLine){0});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        Options *opts = options_parse("-device", cases[i].device, "driver", NULL);

        g_assert_false(hw_device_create(machine, opts, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        g_clear_error(&error);
        options_free(opts);
    }
    g_assert_nonnull(drive_by_id(machine, "disk0", NULL));
    g_assert_nonnull(blockdev_open(
        machine, &(BlockOpen){.image = {.path = path, .format = "raw", .read_only = true}}, NULL));
    harness_free(machine);
    close(fd);
    g_unlink(path);
    g_free(path);
    g_free(text);
}

#define ADD(name, data, fn) g_test_add("/virtio/blk/" name, Fixture, data, setup, fn, teardown)
#define ADD_IN_MEMORY(name, data, fn) \
    g_test_add("/virtio/blk/in-memory/" name, Fixture, data, setup_in_memory, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("config", NULL, test_config);
    ADD("read", NULL, test_read);
    ADD("write", NULL, test_write);
    ADD("write-through", ",cache=writethrough", test_write);
    ADD("big", NULL, test_big);
    ADD("get-id", NULL, test_get_id);
    ADD("zeroes", NULL, test_zeroes);
    ADD("zeroes-unmap", ",discard=unmap", test_zeroes);
    ADD("errors", NULL, test_errors);
    ADD("malformed", NULL, test_malformed);
    ADD("read-only", ",readonly=on", test_read_only);
    ADD("many", NULL, test_many);
    ADD("stop", NULL, test_stop);
    ADD("write-cache", NULL, test_write_cache);
    ADD("wild", NULL, test_wild);
    ADD("random", NULL, test_random);
    ADD("save", NULL, test_save);
    ADD("save-parked", ",werror=stop", test_save);
    ADD("host-error/report", ",werror=report", test_host_error);
    ADD("host-error/enospc", ",werror=enospc", test_host_error);
    ADD("host-error/ignore", ",werror=ignore", test_host_error);
    ADD("host-error/threads", ",aio=threads", test_host_error);
    ADD("host-error/stop", ",werror=stop", test_host_error_stop);
    ADD("write-threads", ",aio=threads", test_write);
    ADD("write-direct", ",cache=none", test_write);
    ADD("many-threads", ",aio=threads", test_many);
    ADD("read-snapshot", ",snapshot=on", test_read);
    ADD("many-snapshot", ",snapshot=on", test_many);
    ADD_IN_MEMORY("read", NULL, test_read);
    ADD_IN_MEMORY("read-snapshot", ",snapshot=on", test_read);
    ADD_IN_MEMORY("write", NULL, test_write);
    ADD_IN_MEMORY("write-through", ",cache=writethrough", test_write);
    ADD_IN_MEMORY("big", NULL, test_big);
    ADD_IN_MEMORY("errors", NULL, test_errors);
    ADD_IN_MEMORY("many", NULL, test_many);
    ADD_IN_MEMORY("random", NULL, test_random);
    ADD_IN_MEMORY("save", NULL, test_save);
    g_test_add_func("/virtio/blk/open-errors", test_open_errors);
    g_test_add_func("/virtio/blk/device-errors", test_device_errors);
    return g_test_run();
}
