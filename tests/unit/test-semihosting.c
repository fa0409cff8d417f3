/*
 * Semihosting's files: names that lead out of the directory, or to what is no file, whatever is in it.
 */
#include "softmmu/semihosting-internal.h"
#include "tests/device/harness.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ = 0, READ_PLUS = 2, WRITE = 4, APPEND = 8 };

typedef struct Rig {
    Machine *machine;
    Semihosting *s;
    char *top, *dir; /* the directory is below top */
} Rig;

static char *in(const char *dir, const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static void write_file(const char *dir, const char *name)
{
    char *path = in(dir, name);
    g_assert_true(g_file_set_contents(path, "secret", -1, NULL));
    g_free(path);
}

static void link_to(const char *target, const char *dir, const char *name)
{
    char *path = in(dir, name);
    g_assert_cmpint(symlink(target, path), ==, 0);
    g_free(path);
}

static void setup(Rig *rig, gconstpointer data)
{
    rig->top = g_dir_make_tmp("amphi-semi-XXXXXX", NULL);
    rig->dir = in(rig->top, "dir");
    char *sub = in(rig->dir, "sub"), *fifo = in(rig->dir, "fifo");
    g_assert_cmpint(mkdir(rig->dir, 0700), ==, 0);
    g_assert_cmpint(mkdir(sub, 0700), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    write_file(rig->top, "outside");
    write_file(rig->dir, "file");
    write_file(sub, "file");
    link_to("../outside", rig->dir, "link");
    link_to("file", rig->dir, "inner-link");
    link_to("..", rig->dir, "link-up");
    link_to("/", rig->dir, "link-root");
    g_free(sub);
    g_free(fifo);
    rig->machine = harness_new();
    SemihostingConfig config = {.directory = rig->dir};
    g_assert_true(semihosting_new(rig->machine, &config, NULL));
    rig->s = rig->machine->semihosting;
}

static void teardown(Rig *rig, gconstpointer data)
{
    harness_free(rig->machine);
    char *line = g_strdup_printf("rm -r '%s'", rig->top);
    g_assert_true(g_spawn_command_line_sync(line, NULL, NULL, NULL, NULL));
    g_free(line);
    g_free(rig->top);
    g_free(rig->dir);
}

static int try_open(Rig *rig, const char *path, unsigned mode)
{
    unsigned handle = 0;
    int err = semi_open(rig->s, path, mode, &handle);
    if (!err) {
        g_assert_cmpint(semi_close(rig->s, handle), ==, 0);
    }
    return err;
}

static void test_inside(Rig *rig, gconstpointer data)
{
    static const char *const names[] = {"file", "sub/file", "./file", "sub//file", "sub/./file"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_test_message("%s", names[i]);
        g_assert_cmpint(try_open(rig, names[i], READ), ==, 0);
        g_assert_cmpint(try_open(rig, names[i], READ_PLUS), ==, 0);
        char *absolute = in(rig->dir, names[i]);
        g_assert_cmpint(try_open(rig, absolute, READ), ==, 0);
        g_free(absolute);
    }
    g_assert_cmpint(try_open(rig, "new", READ), ==, ENOENT);
    g_assert_cmpint(try_open(rig, "new", APPEND), ==, 0);
    g_assert_cmpint(try_open(rig, "new", READ), ==, 0);
    g_assert_cmpint(semi_rename(rig->s, "new", "sub/newer"), ==, 0);
    g_assert_cmpint(semi_remove(rig->s, "sub/newer"), ==, 0);
    g_assert_cmpint(semi_remove(rig->s, "sub"), ==, EISDIR);
}

static void test_outside(Rig *rig, gconstpointer data)
{
    static const char *const names[] = {
        "../outside",
        "sub/../../outside",
        "sub/../file",
        "link",
        "inner-link",
        "link-up/outside",
        "link-up",
        "link-root/etc/passwd",
        "/etc/passwd",
        "/",
        "",
        ".",
        "sub",
        "fifo",
        "sub/",
        "file/",
        "file/x",
        "..",
        "link/",
        "sub/..",
    };
    char *beside = g_strconcat(rig->dir, "x", NULL), *up = in(rig->dir, "../outside");
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        for (unsigned mode = READ; mode <= APPEND; mode += 2) {
            if (!strcmp(names[i], "sub/") || !strcmp(names[i], "file/")) {
                continue; /* the slash at the end is as if it were not there */
            }
            if (try_open(rig, names[i], mode) == 0) {
                g_error("'%s' was opened with mode %u", names[i], mode);
            }
        }
    }
    g_assert_cmpint(try_open(rig, beside, WRITE), !=, 0);
    g_assert_cmpint(try_open(rig, up, READ), !=, 0);
    g_assert_cmpint(semi_remove(rig->s, "../outside"), ==, EACCES);
    g_assert_cmpint(semi_remove(rig->s, "link-up/outside"), !=, 0);
    g_assert_cmpint(semi_rename(rig->s, "file", "../stolen"), ==, EACCES);
    g_assert_cmpint(semi_rename(rig->s, "../outside", "stolen"), ==, EACCES);
    char *outside = in(rig->top, "outside"), *text = NULL;
    g_assert_true(g_file_get_contents(outside, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "secret");
    g_free(text);
    g_free(outside);
    g_free(beside);
    g_free(up);
}

static void test_handles(Rig *rig, gconstpointer data)
{
    unsigned handle = 0, n = 0;
    while (semi_open(rig->s, "file", READ, &handle) == 0) {
        n++;
        g_assert_cmpuint(handle, ==, n);
    }
    g_assert_cmpuint(n, ==, SEMI_HANDLES);
    g_assert_null(semi_handle(rig->s, 0));
    g_assert_null(semi_handle(rig->s, n + 1));
    g_assert_null(semi_handle(rig->s, UINT64_MAX));
    g_assert_cmpint(semi_close(rig->s, 7), ==, 0);
    g_assert_cmpint(semi_open(rig->s, ":tt", WRITE, &handle), ==, 0);
    g_assert_cmpuint(handle, ==, 7);
    machine_reset(rig->machine);
    g_assert_null(semi_handle(rig->s, 7));
    g_assert_null(semi_handle(rig->s, 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/semihosting/inside", Rig, NULL, setup, test_inside, teardown);
    g_test_add("/semihosting/outside", Rig, NULL, setup, test_outside, teardown);
    g_test_add("/semihosting/handles", Rig, NULL, setup, test_handles, teardown);
    return g_test_run();
}
