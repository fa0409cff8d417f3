/*
 * The 9P server: what a client does, what a hostile one tries, and that nothing leaves the folder.
 */
#include "hw/share/p9-internal.h"
#include "tests/device/virtio-driver.h"
#include "hw/virtio/virtio-mmio.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    RLERROR = 7,
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TMKNOD = 18,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLOCK = 52,
    TGETLOCK = 54,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TATTACH = 104,
    TFLUSH = 108,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120,
    TREMOVE = 122,
};

#define NO_FID UINT32_MAX
#define ROOT 1

typedef struct Fixture {
    Machine *machine;
    char *outside, *top; /* folders; top is what is shared, in outside */
    ShareFolder *folder;
    P9Session *session;
    GByteArray *reply;
} Fixture;

static char *path_in(const char *folder, const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char *path = path_in(folder, name);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(path);
}

static char *read_file(const char *folder, const char *name)
{
    char *path = path_in(folder, name), *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    g_free(path);
    return text;
}

static void add(GByteArray *out, uint64_t value, unsigned bytes)
{
    g_byte_array_append(out, (const uint8_t *)&value, bytes);
}

/* Builds a request from @format: 1, 2, 4, 8 are numbers, s a string, b bytes with their length as unsigned. */
static GByteArray *build(unsigned type, const char *format, va_list ap)
{
    GByteArray *out = g_byte_array_new();

    add(out, 0, 4);
    add(out, type, 1);
    add(out, 99, 2);
    for (; *format; format++) {
        if (*format == 's') {
            const char *text = va_arg(ap, const char *);

            add(out, strlen(text), 2);
            g_byte_array_append(out, (const uint8_t *)text, strlen(text));
        } else if (*format == 'b') {
            const uint8_t *bytes = va_arg(ap, const uint8_t *);

            g_byte_array_append(out, bytes, va_arg(ap, unsigned));
        } else {
            add(out, va_arg(ap, uint64_t), *format - '0');
        }
    }
    memcpy(out->data, &out->len, 4);
    return out;
}

/* Sends a request; 0, or the error number. The reply's operands begin at f->reply->data + 7. */
static int ask(Fixture *f, unsigned type, const char *format, ...)
{
    va_list ap;
    GByteArray *request;
    uint32_t err;

    va_start(ap, format);
    request = build(type, format, ap);
    va_end(ap);
    g_byte_array_set_size(f->reply, 0);
    g_assert_true(p9_session_run(f->session, request->data, request->len, f->reply));
    g_byte_array_unref(request);
    g_assert_cmpuint(*(uint32_t *)f->reply->data, ==, f->reply->len);
    g_assert_cmpuint(f->reply->data[5] | f->reply->data[6] << 8, ==, 99);
    if (f->reply->data[4] != RLERROR) {
        g_assert_cmpuint(f->reply->data[4], ==, type + 1);
        return 0;
    }
    g_assert_cmpuint(f->reply->len, ==, 11);
    memcpy(&err, f->reply->data + 7, 4);
    g_assert_cmpuint(err, !=, 0);
    return err;
}

#define N(x) ((uint64_t)(x))

static uint64_t field(Fixture *f, unsigned offset, unsigned bytes)
{
    uint64_t value = 0;

    g_assert_cmpuint(7 + offset + bytes, <=, f->reply->len);
    memcpy(&value, f->reply->data + 7 + offset, bytes);
    return value;
}

static void attach(Fixture *f)
{
    g_assert_cmpint(ask(f, TVERSION, "4s", N(65536), "9P2000.L"), ==, 0);
    g_assert_cmpuint(field(f, 0, 4), ==, 65536);
    g_assert_cmpint(ask(f, TATTACH, "44ss4", N(ROOT), N(NO_FID), "root", "", N(NO_FID)), ==, 0);
    g_assert_cmphex(field(f, 0, 1), ==, 0x80);
}

static void setup(Fixture *f, gconstpointer options)
{
    GError *error = NULL;
    char *text;

    memset(f, 0, sizeof(*f));
    f->outside = g_dir_make_tmp("amphi-9p-XXXXXX", &error);
    g_assert_no_error(error);
    f->top = path_in(f->outside, "top");
    g_assert_cmpint(mkdir(f->top, 0700), ==, 0);
    write_file(f->outside, "secret", "secret");
    f->machine = harness_new();
    f->machine->config.fsdevs = g_ptr_array_new();
    text = g_strdup_printf("local,id=f0,path=%s,%s", f->top,
                           options ? (const char *)options : "security_model=none");
    g_ptr_array_add(f->machine->config.fsdevs, options_parse("-fsdev", text, "fsdriver", NULL));
    g_free(text);
    f->folder = share_folder_new(f->machine, "f0", &error);
    g_assert_no_error(error);
    f->session = p9_session_new(f->folder);
    f->reply = g_byte_array_new();
    attach(f);
}

static void teardown(Fixture *f, gconstpointer data)
{
    char *command = g_strdup_printf("rm -rf '%s'", f->outside), *secret;

    secret = read_file(f->outside, "secret");
    g_assert_cmpstr(secret, ==, "secret"); /* whatever the test did */
    g_free(secret);
    p9_session_free(f->session);
    share_folder_free(f->folder);
    harness_free(f->machine);
    g_byte_array_unref(f->reply);
    g_assert_cmpint(system(command), ==, 0);
    g_free(command);
    g_free(f->top);
    g_free(f->outside);
}

static int walk(Fixture *f, uint32_t from, uint32_t to, const char *name)
{
    return ask(f, TWALK, "442s", N(from), N(to), N(1), name);
}

static int clunk(Fixture *f, uint32_t fid)
{
    return ask(f, TCLUNK, "4", N(fid));
}

/* A fid @to for @name of the root, open with @flags. */
static int open_file(Fixture *f, uint32_t to, const char *name, uint32_t flags)
{
    int err = walk(f, ROOT, to, name);

    if (err) {
        return err;
    }
    err = ask(f, TLOPEN, "44", N(to), N(flags));
    if (err) {
        clunk(f, to);
    }
    return err;
}

static int create(Fixture *f, uint32_t to, const char *name, uint32_t mode)
{
    g_assert_cmpint(ask(f, TWALK, "442", N(ROOT), N(to), N(0)), ==, 0);
    int err = ask(f, TLCREATE, "4s444", N(to), name, N(O_RDWR), N(mode), N(NO_FID));
    if (err) {
        clunk(f, to);
    }
    return err;
}

static int mode_of(Fixture *f, uint32_t fid)
{
    g_assert_cmpint(ask(f, TGETATTR, "48", N(fid), N(0x7ff)), ==, 0);
    return field(f, 8 + 13, 4);
}

static void test_files(Fixture *f, gconstpointer data)
{
    char *text;

    g_assert_cmpint(create(f, 2, "file", 0640), ==, 0);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(2), N(0), N(5), "hello", 5u), ==, 0);
    g_assert_cmpuint(field(f, 0, 4), ==, 5);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(2), N(100), N(3), "end", 3u), ==, 0);
    g_assert_cmpint(ask(f, TREAD, "484", N(2), N(1), N(4)), ==, 0);
    g_assert_cmpmem(f->reply->data + 11, field(f, 0, 4), "ello", 4);
    g_assert_cmpint(ask(f, TREAD, "484", N(2), N(1000), N(4)), ==, 0);
    g_assert_cmpuint(field(f, 0, 4), ==, 0);
    g_assert_cmpint(ask(f, TFSYNC, "44", N(2), N(0)), ==, 0);
    g_assert_cmpint(ask(f, TGETATTR, "48", N(2), N(0x7ff)), ==, 0);
    g_assert_cmpuint(field(f, 8 + 13 + 12 + 16, 8), ==, 103); /* size */
    g_assert_cmphex(mode_of(f, 2), ==, S_IFREG | 0640);
    g_assert_cmpint(clunk(f, 2), ==, 0);
    g_assert_cmpint(clunk(f, 2), ==, EBADF);
    text = read_file(f->top, "file");
    g_assert_cmpstr(text, ==, "hello");
    g_free(text);
    /* Attributes. */
    g_assert_cmpint(walk(f, ROOT, 2, "file"), ==, 0);
    g_assert_cmpint(ask(f, TSETATTR,
                        "444448"
                        "8888",
                        N(2), N(1 | 8 | 0x20 | 0x100), N(0604), N(0), N(0), N(3), N(0), N(0),
                        N(1000000000), N(5)),
                    ==, 0);
    g_assert_cmphex(mode_of(f, 2), ==, S_IFREG | 0604);
    g_assert_cmpuint(field(f, 8 + 13 + 12 + 16, 8), ==, 3);
    g_assert_cmpuint(field(f, 8 + 13 + 12 + 40 + 16, 8), ==, 1000000000);
    /* Names. */
    g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), "dir", N(0755), N(NO_FID)), ==, 0);
    g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), "dir", N(0755), N(NO_FID)), ==, EEXIST);
    g_assert_cmpint(walk(f, ROOT, 3, "dir"), ==, 0);
    g_assert_cmpint(ask(f, TLINK, "44s", N(3), N(2), "hard"), ==, 0);
    g_assert_cmpint(ask(f, TRENAMEAT, "4s4s", N(ROOT), "file", N(3), "moved"), ==, 0);
    g_assert_cmpint(walk(f, ROOT, 4, "file"), ==, ENOENT);
    g_assert_cmpint(mode_of(f, 2), ==,
                    (S_IFREG | 0604)); /* the fid is the file's, not the name's */
    g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(ROOT), "dir", N(0x200)), ==, ENOTEMPTY);
    g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(3), "moved", N(0)), ==, 0);
    g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(3), "hard", N(0)), ==, 0);
    g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(ROOT), "dir", N(0x200)), ==, 0);
    /* Several names at once: as far as it goes. */
    g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), "a", N(0755), N(NO_FID)), ==, 0);
    g_assert_cmpint(ask(f, TWALK, "442sss", N(ROOT), N(9), N(3), "a", "..", "a"), ==, 0);
    g_assert_cmpuint(field(f, 0, 2), ==, 3);
    g_assert_cmpint(ask(f, TWALK, "442ss", N(ROOT), N(10), N(2), "a", "none"), ==, 0);
    g_assert_cmpuint(field(f, 0, 2), ==, 1);
    g_assert_cmpint(clunk(f, 10), ==, EBADF);
    g_assert_cmpint(ask(f, TSTATFS, "4", N(ROOT)), ==, 0);
    g_assert_cmphex(field(f, 0, 4), ==, 0x01021997);
    g_assert_cmpint(ask(f, TFLUSH, "2", N(3)), ==, 0);
}

/* All names of the root, each once, whatever the size of the pieces. */
static void test_readdir(Fixture *f, gconstpointer data)
{
    for (uint32_t count = 64; count <= 60000; count *= 5) {
        GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        uint64_t offset = 0, len;

        for (unsigned i = 0; i < 300; i++) {
            char name[32];

            g_snprintf(name, sizeof(name), "name-%u", i);
            write_file(f->top, name, "");
        }
        g_assert_cmpint(ask(f, TWALK, "442", N(ROOT), N(2), N(0)), ==, 0);
        g_assert_cmpint(ask(f, TLOPEN, "44", N(2), N(O_RDONLY)), ==, 0);
        for (;;) {
            g_assert_cmpint(ask(f, TREADDIR, "484", N(2), N(offset), N(count)), ==, 0);
            len = field(f, 0, 4);
            if (!len) {
                break;
            }
            for (unsigned at = 4; at < 4 + len;) {
                unsigned n = field(f, at + 22, 2);

                offset = field(f, at + 13, 8);
                g_assert_true(
                    g_hash_table_add(names, g_strndup((char *)f->reply->data + 7 + at + 24, n)));
                at += 24 + n;
            }
        }
        g_assert_cmpuint(g_hash_table_size(names), ==, 302);
        g_hash_table_unref(names);
        g_assert_cmpint(clunk(f, 2), ==, 0);
    }
}

static void test_links(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(ask(f, TSYMLINK, "4ss4", N(ROOT), "link", "../secret", N(NO_FID)), ==, 0);
    g_assert_cmpint(walk(f, ROOT, 2, "link"), ==, 0);
    g_assert_cmphex(field(f, 2, 1), ==, 0x02);
    g_assert_cmphex(mode_of(f, 2) & S_IFMT, ==, S_IFLNK);
    g_assert_cmpint(ask(f, TREADLINK, "4", N(2)), ==, 0);
    g_assert_cmpmem(f->reply->data + 9, field(f, 0, 2), "../secret", 9);
}

static void set_times(Fixture *f, uint32_t fid)
{
    ask(f, TSETATTR, "4444488888", N(fid), N(0x1b0), N(0), N(0), N(0), N(0), N(1), N(0), N(1),
        N(0));
}

/* A file may say of itself what it likes. */
static void test_qid(Fixture *f, gconstpointer data)
{
    struct stat st = {.st_mode = S_IFREG, .st_size = INT64_MAX, .st_dev = f->folder->root_dev};
    st.st_ino = 7;
    st.st_mtim.tv_nsec = 5;
    g_byte_array_set_size(f->reply, 0);
    share_put_qid(f->folder, f->reply, &st);
    const uint8_t expected[13] = {0, 5, 0xff, 0xff, 0xff, 7};
    g_assert_cmpmem(f->reply->data, f->reply->len, expected, sizeof(expected));
}

/* Every way out that there could be. */
static void test_confined(Fixture *f, gconstpointer data)
{
    static const char *const names[] = {"../secret", "..", "/etc", "a/b", ".", "", "link/secret"};
    char *link = path_in(f->top, "link"), *file = path_in(f->top, "to-file");
    char *secret = path_in(f->outside, "secret"), *fifo = path_in(f->top, "fifo");
    struct stat st;
    uint64_t root_ino;

    g_assert_cmpint(symlink("..", link), ==, 0);
    g_assert_cmpint(symlink(secret, file), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(stat(f->top, &st), ==, 0);
    root_ino = st.st_ino;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        int err = walk(f, ROOT, 2, names[i]);

        g_test_message("walk to '%s': %d", names[i], err);
        if (!strcmp(names[i], "..")) { /* the root is its own parent */
            g_assert_cmpint(err, ==, 0);
            g_assert_cmpuint(field(f, 2 + 5, 8), ==, root_ino);
            g_assert_cmpint(clunk(f, 2), ==, 0);
        } else {
            g_assert_cmpint(err, !=, 0);
        }
        g_assert_cmpint(create(f, 2, names[i], 0600), !=, 0);
        g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), names[i], N(0700), N(NO_FID)), !=, 0);
        g_assert_cmpint(ask(f, TSYMLINK, "4ss4", N(ROOT), names[i], "x", N(NO_FID)), !=, 0);
        g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(ROOT), names[i], N(0)), !=, 0);
        g_assert_cmpint(ask(f, TRENAMEAT, "4s4s", N(ROOT), "fifo", N(ROOT), names[i]), !=, 0);
        g_assert_cmpint(ask(f, TRENAMEAT, "4s4s", N(ROOT), names[i], N(ROOT), "x"), !=, 0);
    }
    /* Symbolic links are neither followed nor opened, and what is done to one is done to it. */
    g_assert_cmpint(ask(f, TWALK, "442ss", N(ROOT), N(2), N(2), "link", "secret"), ==, 0);
    g_assert_cmpuint(field(f, 0, 2), ==, 1);
    g_assert_cmpint(open_file(f, 2, "to-file", O_RDONLY), ==, ELOOP);
    g_assert_cmpint(create(f, 2, "to-file", 0600), ==, EEXIST);
    g_assert_cmpint(stat(secret, &st), ==, 0);
    g_assert_cmpint(walk(f, ROOT, 2, "to-file"), ==, 0);
    set_times(f, 2);
    g_assert_cmpint(ask(f, TSETATTR, "4444488888", N(2), N(1), N(0777), N(0), N(0), N(0), N(0),
                        N(0), N(0), N(0)),
                    !=, 0);
    g_assert_cmpint(ask(f, TSETATTR, "4444488888", N(2), N(8), N(0), N(0), N(0), N(0), N(0), N(0),
                        N(0), N(0)),
                    !=, 0);
    g_assert_cmpint(ask(f, TXATTRCREATE, "4s84", N(2), "user.x", N(1), N(0)), ==, 0);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(2), N(0), N(1), "x", 1u), ==, 0);
    clunk(f, 2);
    g_assert_cmpint(getxattr(secret, "user.x", link, 0), <, 0);
    struct stat now;
    g_assert_cmpint(stat(secret, &now), ==, 0);
    g_assert_cmpint(now.st_mode, ==, st.st_mode);
    g_assert_cmpint(now.st_mtim.tv_sec, ==, st.st_mtim.tv_sec);
    g_assert_cmpint(now.st_size, ==, st.st_size);
    /* What opening would wait for, or do something to, is not opened. */
    g_assert_cmpint(open_file(f, 2, "fifo", O_RDONLY), ==, ENXIO);
    g_assert_cmpint(ask(f, TMKNOD, "4s4444", N(ROOT), "dev", N(S_IFCHR | 0666), N(1), N(3),
                        N(NO_FID)),
                    ==, EPERM);
    /* A folder that somebody moves out while the guest is in it. */
    g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), "in", N(0700), N(NO_FID)), ==, 0);
    g_assert_cmpint(walk(f, ROOT, 2, "in"), ==, 0);
    char *in = path_in(f->top, "in"), *out = path_in(f->outside, "out");
    g_assert_cmpint(rename(in, out), ==, 0);
    g_assert_cmpint(walk(f, 2, 3, ".."), ==, ENOENT);
    g_free(in);
    g_free(out);
    g_free(link);
    g_free(file);
    g_free(secret);
    g_free(fifo);
}

static void test_xattr(Fixture *f, gconstpointer data)
{
    char value[16] = {0};
    char *path = path_in(f->top, "file");

    write_file(f->top, "file", "x");
    if (setxattr(path, "user.probe", "x", 1, 0) < 0) {
        g_free(path);
        g_test_skip("no extended attributes where temporary files are");
        return;
    }
    g_assert_cmpint(walk(f, ROOT, 2, "file"), ==, 0);
    g_assert_cmpint(ask(f, TWALK, "442", N(2), N(3), N(0)), ==, 0);
    g_assert_cmpint(ask(f, TXATTRCREATE, "4s84", N(3), "user.name", N(5), N(0)), ==, 0);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(3), N(0), N(2), "va", 2u), ==, 0);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(3), N(2), N(4), "lue!", 4u), ==, ENOSPC);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(3), N(2), N(3), "lue", 3u), ==, 0);
    g_assert_cmpint(clunk(f, 3), ==, 0);
    g_assert_cmpint(getxattr(path, "user.name", value, sizeof(value)), ==, 5);
    g_assert_cmpstr(value, ==, "value");
    g_assert_cmpint(ask(f, TXATTRWALK, "44s", N(2), N(3), "user.name"), ==, 0);
    g_assert_cmpuint(field(f, 0, 8), ==, 5);
    g_assert_cmpint(ask(f, TREAD, "484", N(3), N(1), N(100)), ==, 0);
    g_assert_cmpmem(f->reply->data + 11, field(f, 0, 4), "alue", 4);
    clunk(f, 3);
    g_assert_cmpint(ask(f, TXATTRWALK, "44s", N(2), N(3), "user.none"), ==, ENODATA);
    g_assert_cmpint(ask(f, TXATTRWALK, "44s", N(2), N(3), ""), ==, 0); /* the list */
    g_assert_cmpuint(field(f, 0, 8), ==, sizeof("user.probe") + sizeof("user.name"));
    clunk(f, 3);
    g_assert_cmpint(ask(f, TXATTRCREATE, "4s84", N(2), "user.x", N(1) << 40, N(0)), ==, E2BIG);
    g_free(path);
}

static void test_locks(Fixture *f, gconstpointer data)
{
    write_file(f->top, "file", "x");
    g_assert_cmpint(open_file(f, 2, "file", O_RDWR), ==, 0);
    g_assert_cmpint(open_file(f, 3, "file", O_RDWR), ==, 0);
    g_assert_cmpint(ask(f, TLOCK, "414884s", N(2), N(1), N(0), N(0), N(10), N(7), "me"), ==, 0);
    g_assert_cmpuint(field(f, 0, 1), ==, 0);
    g_assert_cmpint(ask(f, TLOCK, "414884s", N(3), N(0), N(0), N(5), N(10), N(8), "you"), ==, 0);
    g_assert_cmpuint(field(f, 0, 1), ==, 1); /* blocked */
    g_assert_cmpint(ask(f, TGETLOCK, "41884s", N(3), N(1), N(0), N(0), N(8), "you"), ==, 0);
    g_assert_cmpuint(field(f, 0, 1), ==, 1);
    g_assert_cmpuint(field(f, 9, 8), ==, 10);
    g_assert_cmpint(ask(f, TLOCK, "414884s", N(2), N(2), N(0), N(0), N(0), N(7), "me"), ==, 0);
    g_assert_cmpint(ask(f, TLOCK, "414884s", N(3), N(0), N(0), N(5), N(10), N(8), "you"), ==, 0);
    g_assert_cmpuint(field(f, 0, 1), ==, 0);
    g_assert_cmpint(ask(f, TLOCK, "414884s", N(3), N(9), N(0), N(5), N(10), N(8), "you"), ==,
                    EINVAL);
}

static void test_read_only(Fixture *f, gconstpointer data)
{
    write_file(f->top, "file", "x");
    g_assert_cmpint(create(f, 2, "new", 0600), ==, EROFS);
    g_assert_cmpint(ask(f, TMKDIR, "4s44", N(ROOT), "d", N(0700), N(NO_FID)), ==, EROFS);
    g_assert_cmpint(ask(f, TUNLINKAT, "4s4", N(ROOT), "file", N(0)), ==, EROFS);
    g_assert_cmpint(ask(f, TRENAMEAT, "4s4s", N(ROOT), "file", N(ROOT), "f"), ==, EROFS);
    g_assert_cmpint(open_file(f, 2, "file", O_RDWR), ==, EROFS);
    g_assert_cmpint(open_file(f, 2, "file", O_RDONLY | O_TRUNC), ==, EROFS);
    g_assert_cmpint(open_file(f, 2, "file", O_RDONLY), ==, 0);
    g_assert_cmpint(ask(f, TWRITE, "484b", N(2), N(0), N(1), "y", 1u), ==, EBADF);
    set_times(f, 2);
    g_assert_cmpint(ask(f, TLINK, "44s", N(ROOT), N(2), "hard"), ==, EROFS);
    g_assert_cmpint(walk(f, ROOT, 3, "file"), ==, 0);
    g_assert_cmpint(ask(f, TXATTRCREATE, "4s84", N(3), "user.x", N(1), N(0)), ==, EROFS);
    g_assert_cmpint(ask(f, TSETATTR, "4444488888", N(3), N(8), N(0), N(0), N(0), N(0), N(0), N(0),
                        N(0), N(0)),
                    ==, EROFS);
}

/* Owners and modes in attributes: what the guest made is its own, and harmless on the host. */
static void test_mapped(Fixture *f, gconstpointer data)
{
    char *path = path_in(f->top, "dev"), *text;
    struct stat st;
    int err = ask(f, TMKNOD, "4s4444", N(ROOT), "dev", N(S_IFCHR | 0666), N(1), N(3), N(44));

    if (err == EOPNOTSUPP) {
        g_free(path);
        g_test_skip("no extended attributes where temporary files are");
        return;
    }
    g_assert_cmpint(err, ==, 0);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmphex(st.st_mode, ==, S_IFREG | 0600);
    g_assert_cmpint(walk(f, ROOT, 2, "dev"), ==, 0);
    g_assert_cmphex(mode_of(f, 2), ==, S_IFCHR | 0666);
    g_assert_cmpuint(field(f, 8 + 13 + 8, 4), ==, 44); /* gid */
    g_assert_cmphex(field(f, 8 + 13 + 12 + 8, 8), ==, 0x103);
    g_assert_cmpint(ask(f, TSETATTR, "4444488888", N(2), N(1 | 2), N(04755), N(1234), N(0), N(0),
                        N(0), N(0), N(0), N(0)),
                    ==, 0);
    g_assert_cmphex(mode_of(f, 2), ==, S_IFCHR | 04755);
    g_assert_cmpuint(field(f, 8 + 13 + 4, 4), ==, 1234);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmphex(st.st_mode, ==, S_IFREG | 0600);
    g_assert_cmpint(ask(f, TXATTRWALK, "44s", N(2), N(3), "user.virtfs.uid"), ==, ENODATA);
    g_assert_cmpint(ask(f, TXATTRWALK, "44s", N(2), N(3), ""), ==, 0);
    g_assert_cmpuint(field(f, 0, 8), ==, 0);
    g_assert_cmpint(ask(f, TSYMLINK, "4ss4", N(ROOT), "link", "/etc/passwd", N(0)), ==, 0);
    text = read_file(f->top, "link");
    g_assert_cmpstr(text, ==, "/etc/passwd"); /* a file, which says so */
    g_free(text);
    g_assert_cmpint(walk(f, ROOT, 4, "link"), ==, 0);
    g_assert_cmphex(field(f, 2, 1), ==, 2);
    g_assert_cmpint(ask(f, TREADLINK, "4", N(4)), ==, 0);
    g_assert_cmpuint(field(f, 0, 2), ==, 11);
    g_free(path);
}

static void test_bad_messages(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(3);
    static const uint8_t types[] = {8,   12,  14,  16,  18,  22, 24, 26, 30,  32,
                                    40,  50,  52,  54,  70,  72, 74, 76, 104, 108,
                                    110, 116, 118, 120, 122, 20, 6,  0,  255};
    uint8_t request[300];

    write_file(f->top, "file", "x");
    g_assert_cmpint(ask(f, TREMOVE, "4", N(77)), ==, EBADF);
    g_assert_cmpint(ask(f, 102, ""), ==, EOPNOTSUPP);
    g_assert_cmpint(ask(f, TVERSION, "4s", N(10), "9P2000.L"), ==, EMSGSIZE);
    g_assert_cmpint(ask(f, TWALK, "442", N(ROOT), N(2), N(17)), ==, EINVAL);
    g_assert_cmpint(ask(f, TWALK, "442b", N(ROOT), N(2), N(1),
                        "\x04\x00"
                        "a\0bc",
                        6u),
                    ==, EINVAL);
    g_assert_cmpint(ask(f, TATTACH, "44ss4", N(ROOT), N(NO_FID), "", "", N(0)), ==, EBADF);
    for (unsigned round = 0; round < 30000; round++) {
        unsigned len = g_rand_int_range(rand, 0, sizeof(request));

        for (unsigned i = 0; i < sizeof(request); i++) {
            request[i] = g_rand_int(rand) >> g_rand_int_range(rand, 0, 31);
        }
        memcpy(request, &len, 4);
        request[4] = types[g_rand_int_range(rand, 0, ARRAY_SIZE(types))];
        request[7] = g_rand_int_range(rand, 0, 4); /* fids that exist */
        request[8] = request[9] = request[10] = 0;
        g_byte_array_set_size(f->reply, 0);
        g_assert_true(p9_session_run(f->session, request, len, f->reply) == (len >= 7));
        if (round % 100 == 0) {
            p9_session_reset(f->session);
            attach(f);
            walk(f, ROOT, 2, "file");
            open_file(f, 3, "file", O_RDWR);
        }
    }
    g_rand_free(rand);
    p9_session_reset(f->session);
    attach(f);
}

static void test_device(Fixture *f, gconstpointer data)
{
    static const uint8_t version[] = {21, 0, 0,   0,   TVERSION, 0xff, 0xff, 0,   32,  0,  0,
                                      8,  0, '9', 'P', '2',      '0',  '0',  '0', '.', 'L'};
    uint64_t in, out;
    Driver d;

    virtio_mmio_new(f->machine, 0x10001000, (IrqLine){0});
    create_device(f->machine, "virtio-9p-device,fsdev=f0,mount_tag=the-tag");
    machine_reset(f->machine);
    driver_init(&d, f->machine, 0x10001000);
    g_assert_true(driver_host_features(&d) & 1);
    driver_begin(&d, 1, 1);
    g_assert_cmphex(driver_config32(&d, 0), ==, 7 | 't' << 16 | 'h' << 24);
    out = driver_alloc(&d, 64, 8);
    in = driver_alloc(&d, 64, 8);
    memcpy(guest(f->machine, out), version, sizeof(version));
    g_assert_cmpuint(driver_run(&d, 0, (DriverBuf[]){{out, sizeof(version)}, {in, 64}}, 1, 1), ==,
                     21);
    g_assert_cmphex(*(uint8_t *)guest(f->machine, in + 4), ==, TVERSION + 1);
    /* A reply that does not fit; requests that are none. */
    driver_add(&d, 0, (DriverBuf[]){{out, sizeof(version)}, {in, 10}}, 1, 1, DRIVER_DIRECT);
    driver_kick(&d, 0);
    g_assert_true(driver_needs_reset(&d));
    driver_begin(&d, 1, 1);
    driver_add(&d, 0, (DriverBuf[]){{out, 3}, {in, 64}}, 1, 1, DRIVER_DIRECT);
    driver_kick(&d, 0);
    g_assert_true(driver_needs_reset(&d));
}

#define TEST(name, fn, options) g_test_add("/9p/" name, Fixture, options, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    umask(022);
    TEST("files", test_files, NULL);
    TEST("readdir", test_readdir, NULL);
    TEST("readdir/mapped", test_readdir, "security_model=mapped-xattr");
    TEST("links", test_links, NULL);
    TEST("qid", test_qid, NULL);
    TEST("confined", test_confined, NULL);
    TEST("xattr", test_xattr, NULL);
    TEST("locks", test_locks, NULL);
    TEST("read-only", test_read_only, "security_model=none,readonly=on");
    TEST("mapped", test_mapped, "security_model=mapped-xattr");
    TEST("bad-messages", test_bad_messages, NULL);
    TEST("bad-messages/mapped", test_bad_messages, "security_model=mapped");
    TEST("device", test_device, NULL);
    return g_test_run();
}
