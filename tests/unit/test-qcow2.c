/*
 * qcow2 images against a model of the disk in memory, and against qemu-img: images that it made are read and
 * written, what was written is checked and compared by it.
 */
#include "hw/block/qcow2.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Disk {
    char *dir, *path;
    uint64_t size;
    uint8_t *model; /* what must be on it */
    BlockImage *image;
    GRand *rand;
} Disk;

/* ---- qemu-img ---- */

/* Runs a command in a shell; its exit status. */
static int sh(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
static int sh(const char *fmt, ...)
{
    va_list ap;
    char *command, *output = NULL, *errors = NULL;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    int status = -1;
    GError *error = NULL;

    va_start(ap, fmt);
    command = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    argv[2] = command;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors, &status,
                 &error);
    g_assert_no_error(error);
    if (status) {
        g_test_message("%s: %s%s", command, output, errors);
    }
    g_free(output);
    g_free(errors);
    g_free(command);
    return status;
}

static void must(int status)
{
    g_assert_cmpint(status, ==, 0);
}

static bool have_qemu_img(void)
{
    char *path = g_find_program_in_path("qemu-img");
    bool have = path != NULL;

    g_free(path);
    if (!have) {
        g_test_skip("needs qemu-img (package qemu-utils)");
    }
    return have;
}

/* ---- A disk and its model ---- */

static BlockImage *open_with(Disk *d, ImageOpen how)
{
    GError *error = NULL;
    BlockImage *image;

    how.path = d->path;
    how.quiet = true;
    how.ignore_flush = true; /* of the host, for speed */
    image = image_open(&how, &error);
    g_assert_no_error(error);
    g_assert_nonnull(image);
    return image;
}

static void disk_open(Disk *d, bool read_only)
{
    d->image = open_with(d, (ImageOpen){.format = "qcow2", .read_only = read_only});
    g_assert_cmpuint(d->image->size, ==, d->size);
}

static void disk_close(Disk *d)
{
    g_assert_cmpint(image_close(d->image), ==, 0);
    d->image = NULL;
}

/* Where a test's files are, and a model of @size bytes of zeroes. */
static Disk *disk_new(uint64_t size)
{
    Disk *d = g_new0(Disk, 1);

    d->dir = g_dir_make_tmp("amphi-qcow2-XXXXXX", NULL);
    d->path = g_build_filename(d->dir, "disk.qcow2", NULL);
    d->size = size;
    d->model = g_malloc0(size);
    d->rand = g_rand_new_with_seed(7);
    return d;
}

static void disk_free(Disk *d)
{
    must(sh("rm -rf %s", d->dir));
    g_free(d->dir);
    g_free(d->path);
    g_free(d->model);
    g_rand_free(d->rand);
    g_free(d);
}

static void do_write(Disk *d, uint64_t offset, uint64_t len)
{
    uint8_t *buf = g_malloc(len);
    struct iovec iov[2] = {{buf, len / 3}, {buf + len / 3, len - len / 3}};

    for (uint64_t i = 0; i < len; i++) {
        buf[i] = g_rand_int(d->rand) >> 9;
    }
    memcpy(d->model + offset, buf, len);
    g_assert_cmpint(d->image->ops->writev(d->image, offset, iov, 2), ==, 0);
    g_free(buf);
}

static void do_zero(Disk *d, uint64_t offset, uint64_t len)
{
    memset(d->model + offset, 0, len);
    g_assert_cmpint(d->image->ops->zero(d->image, offset, len, true), ==, 0);
}

/* What is discarded may read as anything it was, or zero; then written, so that it is known again. */
static void do_discard(Disk *d, uint64_t offset, uint64_t len)
{
    g_assert_cmpint(d->image->ops->discard(d->image, offset, len), ==, 0);
    do_write(d, offset, len);
}

static void check_read(Disk *d, uint64_t offset, uint64_t len)
{
    uint8_t *buf = g_malloc(len);
    struct iovec iov[2] = {{buf, len / 2}, {buf + len / 2, len - len / 2}};

    memset(buf, 0xa5, len);
    g_assert_cmpint(d->image->ops->readv(d->image, offset, iov, 2), ==, 0);
    g_assert_true(memcmp(buf, d->model + offset, len) == 0);
    g_free(buf);
}

static void random_range(Disk *d, uint64_t *offset, uint64_t *len)
{
    uint64_t most = g_rand_int_range(d->rand, 0, 4) ? 16 : 600; /* sectors */

    *offset = (uint64_t)g_rand_int_range(d->rand, 0, d->size / 512) * 512;
    *len = (uint64_t)g_rand_int_range(d->rand, 1, most + 1) * 512;
    *len = MIN(d->size - *offset, *len);
    if (g_rand_int_range(d->rand, 0, 3) == 0) { /* at a boundary of whatever clusters there are */
        *offset &= ~(uint64_t)0xffff;
    }
}

static void random_requests(Disk *d, unsigned n)
{
    while (n--) {
        uint64_t offset, len;

        random_range(d, &offset, &len);
        switch (g_rand_int_range(d->rand, 0, 12)) {
        case 0: do_zero(d, offset, len); break;
        case 1: do_discard(d, offset, len); break;
        case 2: g_assert_cmpint(d->image->ops->flush(d->image), ==, 0); break;
        case 3:
        case 4:
        case 5: check_read(d, offset, len); break;
        default: do_write(d, offset, len);
        }
    }
}

/* qemu-img finds nothing wrong, and the same contents. */
static void check_with_qemu(Disk *d)
{
    char *raw = g_build_filename(d->dir, "model.raw", NULL);

    g_assert_true(g_file_set_contents(raw, (char *)d->model, d->size, NULL));
    must(sh("qemu-img check -q -f qcow2 %s", d->path));
    must(sh("qemu-img compare -q -f qcow2 -F raw %s %s", d->path, raw));
    g_unlink(raw);
    g_free(raw);
}

/* Fills the model with random data in places, and converts it to an image with qemu-img's @options. */
static void disk_convert(Disk *d, const char *options)
{
    char *raw = g_build_filename(d->dir, "model.raw", NULL);

    for (uint64_t at = 0; at < d->size; at += 24 * 1024) {
        uint64_t len = MIN(d->size - at, 10000);

        for (uint64_t i = 0; i < len; i++) {
            d->model[at + i] = i % 7 ? at >> 9 : g_rand_int(d->rand); /* can be compressed */
        }
    }
    g_assert_true(g_file_set_contents(raw, (char *)d->model, d->size, NULL));
    must(sh("qemu-img convert -q -f raw -O qcow2 %s %s %s", options, raw, d->path));
    g_unlink(raw);
    g_free(raw);
}

/* ---- Tests ---- */

static const char *const layouts[] = {
    "compat=1.1",
    "compat=0.10",
    "compat=1.1,cluster_size=512",
    "compat=1.1,cluster_size=4096,refcount_bits=1",
    "compat=1.1,cluster_size=1024,refcount_bits=2",
    "compat=1.1,cluster_size=8192,refcount_bits=4",
    "compat=1.1,cluster_size=16384,refcount_bits=8",
    "compat=1.1,cluster_size=2M",
    "compat=1.1,cluster_size=512,refcount_bits=64",
    "compat=1.1,cluster_size=32768,refcount_bits=32",
    "compat=1.1,lazy_refcounts=on",
    "compat=0.10,cluster_size=512",
    "compat=1.1,preallocation=metadata",
};

static void test_random(gconstpointer data)
{
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(8 * MIB + 1536); /* not a whole number of clusters */
    must(sh("qemu-img create -q -f qcow2 -o %s %s %" G_GUINT64_FORMAT, (const char *)data, d->path,
            d->size));
    for (unsigned round = 0; round < 3; round++) {
        disk_open(d, false);
        random_requests(d, 250);
        disk_close(d);
        check_with_qemu(d);
    }
    disk_open(d, true);
    check_read(d, 0, d->size);
    disk_close(d);
    disk_free(d);
}

/* Images of qemu-img's with contents, compressed or not. */
static void test_convert(gconstpointer data)
{
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(4 * MIB);
    disk_convert(d, data);
    disk_open(d, true);
    check_read(d, 0, d->size);
    disk_close(d);
    disk_open(d, false);
    random_requests(d, 200);
    check_read(d, 0, d->size);
    disk_close(d);
    check_with_qemu(d);
    disk_free(d);
}

/* A chain of three: raw, compressed qcow2, and what is written, each larger than what it stands on. */
static void test_backing(gconstpointer data)
{
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(3 * MIB);
    disk_convert(d, "-c -o cluster_size=4096");
    must(sh("cd %s && qemu-img convert -q -O raw disk.qcow2 base.raw && truncate -s 1M base.raw && "
            "qemu-img create -q -f qcow2 -F raw -b base.raw mid.qcow2 2M && rm disk.qcow2 && "
            "qemu-img create -q -f qcow2 -F qcow2 -b mid.qcow2 -o %s disk.qcow2 3M",
            d->dir, (const char *)data));
    memset(d->model + MIB, 0, 2 * MIB);
    disk_open(d, false);
    check_read(d, 0, d->size);
    random_requests(d, 300);
    check_read(d, 0, d->size);
    disk_close(d);
    check_with_qemu(d);
    must(sh("cd %s && qemu-img rebase -q -F qcow2 -b '' disk.qcow2 2> /dev/null || "
            "qemu-img rebase -q -b '' disk.qcow2",
            d->dir));
    check_with_qemu(d);
    disk_free(d);
}

/* Clusters that a snapshot shares are not overwritten. */
static void test_snapshot(void)
{
    GString *text = g_string_new(NULL);
    uint8_t *before;
    Disk *d;

    if (!have_qemu_img()) {
        g_string_free(text, true);
        return;
    }
    d = disk_new(4 * MIB);
    disk_convert(d, "-o cluster_size=4096");
    before = g_memdup2(d->model, d->size);
    must(sh("qemu-img snapshot -c first %s", d->path));
    disk_open(d, false);
    d->image->ops->print_snapshots(d->image, text);
    g_assert_nonnull(strstr(text->str, "first"));
    random_requests(d, 200);
    disk_close(d);
    check_with_qemu(d);
    must(sh("qemu-img snapshot -a first %s", d->path));
    memcpy(d->model, before, d->size);
    check_with_qemu(d);
    disk_open(d, false);
    random_requests(d, 100);
    disk_close(d);
    check_with_qemu(d);
    must(sh("qemu-img snapshot -d first %s", d->path));
    check_with_qemu(d);
    g_free(before);
    g_string_free(text, true);
    disk_free(d);
}

/* Larger, with the L1 table moving. */
static void test_resize(void)
{
    GError *error = NULL;
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(16 * MIB);
    must(sh("qemu-img create -q -f qcow2 -o cluster_size=512 %s 1M", d->path));
    d->size = MIB;
    disk_open(d, false);
    random_requests(d, 50);
    g_assert_true(d->image->ops->resize(d->image, 16 * MIB, &error));
    g_assert_no_error(error);
    d->size = 16 * MIB;
    random_requests(d, 200);
    g_assert_false(d->image->ops->resize(d->image, MIB, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    disk_close(d);
    check_with_qemu(d);
    disk_free(d);
}

/* A temporary image on top of one that stays as it is. */
static void test_overlay(void)
{
    GError *error = NULL;
    BlockImage *base;
    char *before, *after;
    gsize len_before, len_after;
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(4 * MIB);
    disk_convert(d, "");
    g_assert_true(g_file_get_contents(d->path, &before, &len_before, NULL));
    base = open_with(d, (ImageOpen){.format = "qcow2", .read_only = true});
    d->image = image_overlay(base, &error);
    g_assert_no_error(error);
    random_requests(d, 400);
    check_read(d, 0, d->size);
    disk_close(d);
    g_assert_true(g_file_get_contents(d->path, &after, &len_after, NULL));
    g_assert_cmpmem(before, len_before, after, len_after);
    g_free(before);
    g_free(after);
    disk_free(d);
}

/* Data in a file of its own. */
static void test_data_file(gconstpointer data)
{
    GError *error = NULL;
    char *data_path;
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(4 * MIB);
    data_path = g_build_filename(d->dir, "data.raw", NULL);
    must(sh("qemu-img create -q -f qcow2 -o data_file=%s%s %s 4M", data_path, (const char *)data,
            d->path));
    g_assert_null(image_open(&(ImageOpen){.path = d->path}, &error));
    g_assert_nonnull(strstr(error->message, "data-file="));
    g_clear_error(&error);
    d->image = open_with(d, (ImageOpen){.data_file = data_path});
    random_requests(d, 300);
    check_read(d, 0, d->size);
    disk_close(d);
    check_with_qemu(d);
    if (*(const char *)data) { /* the data file is a raw image of the disk */
        char *contents;
        gsize len;

        g_assert_true(g_file_get_contents(data_path, &contents, &len, NULL));
        g_assert_cmpmem(contents, len, d->model, d->size);
        g_free(contents);
    }
    g_free(data_path);
    disk_free(d);
}

/* Many threads on one image, each in blocks of its own that share clusters with those of others. */
typedef struct Worker {
    Disk *disk;
    unsigned number;
} Worker;

enum { WORKERS = 4, BLOCK = 1024 };

static gpointer work(gpointer opaque)
{
    Worker *w = opaque;
    Disk *d = w->disk;
    GRand *rand = g_rand_new_with_seed(w->number);

    for (unsigned i = 0; i < 400; i++) {
        uint64_t block = g_rand_int_range(rand, 0, d->size / BLOCK / WORKERS) * WORKERS + w->number;
        uint8_t buf[BLOCK];
        struct iovec iov = {buf, BLOCK};

        switch (g_rand_int_range(rand, 0, 8)) {
        case 0: g_assert_cmpint(d->image->ops->flush(d->image), ==, 0); break;
        case 1:
            memset(d->model + block * BLOCK, 0, BLOCK);
            g_assert_cmpint(d->image->ops->zero(d->image, block * BLOCK, BLOCK, true), ==, 0);
            break;
        case 2:
        case 3:
            g_assert_cmpint(d->image->ops->readv(d->image, block * BLOCK, &iov, 1), ==, 0);
            g_assert_true(memcmp(buf, d->model + block * BLOCK, BLOCK) == 0);
            break;
        default:
            for (unsigned n = 0; n < BLOCK; n++) {
                buf[n] = g_rand_int(rand) >> 5;
            }
            memcpy(d->model + block * BLOCK, buf, BLOCK);
            g_assert_cmpint(d->image->ops->writev(d->image, block * BLOCK, &iov, 1), ==, 0);
        }
    }
    g_rand_free(rand);
    return NULL;
}

static void test_threads(gconstpointer data)
{
    GThread *threads[WORKERS];
    Worker workers[WORKERS];
    Disk *d;

    if (!have_qemu_img()) {
        return;
    }
    d = disk_new(4 * MIB);
    disk_convert(d, data);
    disk_open(d, false);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (Worker){d, i};
        threads[i] = g_thread_new("worker", work, &workers[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        g_thread_join(threads[i]);
    }
    check_read(d, 0, d->size);
    disk_close(d);
    check_with_qemu(d);
    disk_free(d);
}

/* ---- Images that are damaged, or made to do harm ---- */

/* Opening fails with one line that has @expected in it. */
static void check_refused(Disk *d, ImageOpen how, const char *expected)
{
    GError *error = NULL;

    how.path = d->path;
    how.quiet = true;
    g_assert_null(image_open(&how, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, expected));
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
}

static void patch(const char *path, uint64_t offset, uint64_t value, unsigned bytes)
{
    uint64_t raw = GUINT64_TO_BE(value << (64 - 8 * bytes));
    int fd = open(path, O_WRONLY);

    g_assert_cmpint(pwrite(fd, &raw, bytes, offset), ==, bytes);
    close(fd);
}

static const struct {
    uint64_t offset, value;
    unsigned bytes;
    const char *expected;
} header_patches[] = {
    {4, 1, 4, "version 1"},
    {20, 8, 4, "512 bytes to 2 MiB"},
    {20, 22, 4, "512 bytes to 2 MiB"},
    {24, UINT64_C(0x7fffffffffffffff), 8, "damaged"},
    {24, UINT64_C(1) << 62, 8, "made to do harm"},
    {24, UINT64_C(1) << 45, 8, "L1 table is too small"},
    {32, 1, 4, "encrypted"},
    {36, 0xffffffff, 4, "more than there can be"},
    {36, 0x100000, 4, "not inside the file"},
    {40, 0x30001, 8, "not inside the file"},
    {40, UINT64_C(1) << 60, 8, "not inside the file"},
    {48, UINT64_C(1) << 60, 8, "not inside the file"},
    {56, 0xffffffff, 4, "more than there can be"},
    {56, 0, 4, "no refcount table"},
    {60, 0xffffffff, 4, "snapshots"},
    {72, UINT64_C(1) << 40, 8, "number 40"},
    {72, 1 << 1, 8, "says that it is damaged"},
    {72, 1 << 4, 8, "extended L2"},
    {96, 7, 4, "64 bits"},
    {100, 0xfffffff8, 4, "impossible length"},
    {100, 100, 4, "impossible length"},
    {104, UINT64_C(0x0300000000000000), 8, "compression type 3"},
    {8, 0x10000000, 8, NULL},                /* without a length, a place is nothing */
    {0x30000, 0x30000, 8, "tables overlap"}, /* an L2 table in the L1 table */
    {0x30000, UINT64_C(1) << 50, 8, "inside the file"},
    {0x10000, 0x10000, 8, "tables overlap"}, /* a refcount block in the refcount table */
    {0x10000, 0x20200, 8, "inside the file"},
};

static void test_hostile(void)
{
    Disk *d = disk_new(4 * MIB);
    GError *error = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(header_patches); i++) {
        BlockFile *file;

        g_assert_true(g_file_set_contents(d->path, "", 0, NULL));
        file = block_file_open(&(BlockFileOpen){.path = d->path}, &error);
        g_assert_no_error(error);
        g_assert_true(qcow2_create(
            file, &(Qcow2Create){.size = d->size, .cluster_bits = 16, .version = 3}, &error));
        block_file_close(file);
        if (header_patches[i].offset == 104) {
            patch(d->path, 100, 112, 4);
        }
        patch(d->path, header_patches[i].offset, header_patches[i].value, header_patches[i].bytes);
        if (header_patches[i].expected) {
            check_refused(d, (ImageOpen){.format = "qcow2"}, header_patches[i].expected);
        } else {
            disk_open(d, false);
            disk_close(d);
        }
    }
    disk_free(d);
}

/* Entries that point to where nothing is, or to tables: an error, and nothing else is harmed. */
static void test_bad_entries(void)
{
    static const uint64_t entries[] = {
        UINT64_C(1) << 50,                               /* past the end */
        0x50200,                                         /* not aligned */
        QCOW2_COPIED | 0x30000,                          /* the L1 table */
        QCOW2_COMPRESSED | UINT64_C(0x3fffffffffffffff), /* compressed, past the end */
        QCOW2_COMPRESSED | 0x30000,                      /* compressed, and not */
    };
    Disk *d = disk_new(4 * MIB);
    uint8_t buf[4096] = {1};
    struct iovec iov = {buf, sizeof(buf)};

    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        GError *error = NULL;
        BlockFile *file;
        uint64_t l2;
        int fd;

        g_assert_true(g_file_set_contents(d->path, "", 0, NULL));
        file = block_file_open(&(BlockFileOpen){.path = d->path}, &error);
        qcow2_create(file, &(Qcow2Create){.size = d->size, .cluster_bits = 16, .version = 3}, NULL);
        block_file_close(file);
        disk_open(d, false);
        do_write(d, 0, 512);
        disk_close(d);
        fd = open(d->path, O_RDONLY);
        g_assert_cmpint(pread(fd, &l2, 8, 0x30000), ==, 8);
        close(fd);
        patch(d->path, GUINT64_FROM_BE(l2) & QCOW2_OFFSET, entries[i], 8);
        disk_open(d, false);
        if (i != 2) { /* reading a table does no harm */
            g_assert_cmpint(d->image->ops->readv(d->image, 0, &iov, 1), ==, EIO);
        }
        g_assert_cmpint(d->image->ops->writev(d->image, 0, &iov, 1), ==, EIO);
        image_close(d->image);
    }
    disk_free(d);
}

/* Which backing files an image may have without the user's word: those in its own directory. */
static void check_name(Disk *d, const char *name, bool may)
{
    const char *allowed[] = {d->dir, NULL};

    must(sh("qemu-img create -q -u -f qcow2 -F raw -b %s %s 1M", name, d->path));
    if (!may) {
        check_refused(d, (ImageOpen){0}, "allow-path=");
    }
    d->image = open_with(d, (ImageOpen){.allowed = may ? NULL : allowed});
    check_read(d, 0, d->size);
    disk_close(d);
}

static void test_names(void)
{
    static const char *const good[] = {"base.raw",   "file:base.raw",   "near.raw",
                                       "./base.raw", "file:./base.raw", "sub/../base.raw"};
    static const char *const bad[] = {
        "sub/base.raw",
        "../other/base.raw",
        "far.raw" /* a link to another directory */,
        "linked/base.raw",
    };
    char *start = g_get_current_dir(), *images, *absolute;
    Disk *d;

    if (!have_qemu_img()) {
        g_free(start);
        return;
    }
    d = disk_new(MIB);
    must(sh("cd %s && mkdir -p other images/sub && cd images && "
            "truncate -s 1M base.raw sub/base.raw ../other/base.raw && ln -s base.raw near.raw && "
            "ln -s ../other/base.raw far.raw && ln -s ../other linked",
            d->dir));
    images = g_build_filename(d->dir, "images", NULL);
    absolute = g_build_filename(images, "base.raw", NULL);
    for (unsigned here = 0; here < 2;
         here++) { /* in the second round the image's own name is plain too */
        g_free(d->path);
        d->path = here ? g_strdup("disk.qcow2") : g_build_filename(images, "disk.qcow2", NULL);
        must(here ? g_chdir(images) : 0);
        for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
            check_name(d, good[i], true);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            check_name(d, bad[i], false);
        }
        check_name(d, absolute, true);
        /* The name is all but the first "file:", not that of the link. */
        must(sh("qemu-img create -q -u -f qcow2 -F raw -b file:file:far.raw %s 1M", d->path));
        check_refused(d, (ImageOpen){0}, "which is not there");
        must(sh("echo > %s/file:far.raw", images));
        d->image = open_with(d, (ImageOpen){0});
        g_assert_cmpuint(d->image->backing->size, ==, 512);
        disk_close(d);
        must(sh("rm %s/file:far.raw", images));
    }
    must(g_chdir(start));
    g_free(absolute);
    g_free(images);
    g_free(start);
    disk_free(d);
}

static void test_chains(void)
{
    char *outside = g_strdup_printf("%s/amphi-outside-%d.raw", g_get_tmp_dir(), getpid());
    const char *allowed[] = {outside, NULL};
    Disk *d;

    if (!have_qemu_img()) {
        g_free(outside);
        return;
    }
    d = disk_new(MIB);
    must(sh("cd %s && truncate -s 1M %s base.raw && "
            "qemu-img create -q -f qcow2 -F raw -b base.raw disk.qcow2 && "
            "qemu-img create -q -f qcow2 -F qcow2 -b disk.qcow2 top.qcow2 && "
            "qemu-img rebase -u -F qcow2 -b top.qcow2 disk.qcow2",
            d->dir, outside));
    check_refused(d, (ImageOpen){0}, "its own backing file");
    must(sh("cd %s && qemu-img rebase -u -F qcow2 -b disk.qcow2 disk.qcow2", d->dir));
    check_refused(d, (ImageOpen){0}, "its own backing file");
    must(sh("cd %s && qemu-img rebase -u -F raw -b gone.raw disk.qcow2", d->dir));
    check_refused(d, (ImageOpen){0}, "gone.raw', which is not there");
    must(sh("cd %s && qemu-img rebase -u -F vmdk -b base.raw disk.qcow2", d->dir));
    check_refused(d, (ImageOpen){0}, "format 'vmdk' is not supported");
    must(sh("cd %s && qemu-img rebase -u -F raw -b nbd:localhost:1 disk.qcow2", d->dir));
    check_refused(d, (ImageOpen){0}, "backing file");
    must(sh("cd %s && qemu-img rebase -u -F raw -b %s disk.qcow2", d->dir, outside));
    check_refused(d, (ImageOpen){0}, "allow-path=");
    must(sh("cd %s && ln -s %s link.raw && qemu-img rebase -u -F raw -b link.raw disk.qcow2",
            d->dir, outside));
    check_refused(d, (ImageOpen){0}, "allow-path=");
    d->image = open_with(d, (ImageOpen){.allowed = allowed});
    check_read(d, 0, d->size);
    disk_close(d);
    must(sh("cd %s && qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=64k disk.qcow2 1M",
            d->dir));
    check_refused(d, (ImageOpen){0}, "extended L2");
    must(sh("cd %s && qemu-img create -q -f vmdk disk.qcow2 1M", d->dir));
    check_refused(d, (ImageOpen){0}, "is a vmdk image");
    must(sh("cd %s && qemu-img create -q -f qcow2 disk.qcow2 1M && truncate -s 150000 disk.qcow2",
            d->dir));
    check_refused(d, (ImageOpen){0}, "cut short");
    g_unlink(outside);
    g_free(outside);
    disk_free(d);
}

/* What was taken for raw stays raw. */
static void test_probed(void)
{
    static uint8_t magic[512] = "QFI\xfb\0\0\0\3", other[512] = "anything";
    struct iovec first = {magic, 512}, second = {other, 512};
    Disk *d = disk_new(MIB);

    g_assert_true(g_file_set_contents(d->path, (char *)d->model, d->size, NULL));
    d->image = open_with(d, (ImageOpen){0});
    g_assert_cmpstr(d->image->ops->format, ==, "raw");
    g_assert_cmpint(d->image->ops->writev(d->image, 0, &first, 1), ==, EPERM);
    g_assert_cmpint(d->image->ops->writev(d->image, 0, &second, 1), ==, 0);
    disk_close(d);
    d->image = open_with(d, (ImageOpen){.format = "raw"});
    g_assert_cmpint(d->image->ops->writev(d->image, 0, &first, 1), ==, 0);
    disk_close(d);
    disk_free(d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        char *name = g_strdup_printf("/qcow2/random/%s", layouts[i]);

        g_test_add_data_func(name, layouts[i], test_random);
        g_free(name);
    }
    g_test_add_data_func("/qcow2/convert/plain", "", test_convert);
    g_test_add_data_func("/qcow2/convert/zlib", "-c", test_convert);
    g_test_add_data_func("/qcow2/convert/zlib-4k", "-c -o cluster_size=4096", test_convert);
    g_test_add_data_func("/qcow2/convert/zlib-2m", "-c -o cluster_size=2M", test_convert);
    g_test_add_data_func("/qcow2/convert/zlib-512", "-c -o cluster_size=512", test_convert);
    g_test_add_data_func("/qcow2/convert/zstd", "-c -o compression_type=zstd", test_convert);
    g_test_add_data_func("/qcow2/convert/zstd-4k", "-c -o compression_type=zstd,cluster_size=4096",
                         test_convert);
    g_test_add_data_func("/qcow2/backing/v3", "compat=1.1", test_backing);
    g_test_add_data_func("/qcow2/backing/v2", "compat=0.10", test_backing);
    g_test_add_data_func("/qcow2/backing/4k", "compat=1.1,cluster_size=4096", test_backing);
    g_test_add_func("/qcow2/snapshot", test_snapshot);
    g_test_add_func("/qcow2/resize", test_resize);
    g_test_add_func("/qcow2/overlay", test_overlay);
    g_test_add_data_func("/qcow2/data-file/plain", "", test_data_file);
    g_test_add_data_func("/qcow2/data-file/raw", ",data_file_raw=on", test_data_file);
    g_test_add_data_func("/qcow2/threads/plain", "", test_threads);
    g_test_add_data_func("/qcow2/threads/zlib", "-c -o cluster_size=4096", test_threads);
    g_test_add_func("/qcow2/hostile/headers", test_hostile);
    g_test_add_func("/qcow2/hostile/entries", test_bad_entries);
    g_test_add_func("/qcow2/hostile/chains", test_chains);
    g_test_add_func("/qcow2/hostile/names", test_names);
    g_test_add_func("/qcow2/probed", test_probed);
    return g_test_run();
}
