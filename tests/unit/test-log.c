/*
 * The log: items, filter, destination, and the limit on the guest's errors.
 */
#include "softmmu/base/log.h"
#include <string.h>
#include <unistd.h>

static char *log_path;

/* What the log file holds; starts it anew. */
static char *take_log(void)
{
    char *text;
    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    g_assert_true(log_set_file(log_path, NULL));
    return text;
}

static void test_items(void)
{
    GError *error = NULL;
    g_assert_true(log_set_items("in_asm,int", &error));
    g_assert_cmphex(log_mask, ==, LOG_IN_ASM | LOG_INT);
    g_assert_true(log_enabled(LOG_INT) && !log_enabled(LOG_MMU));
    g_assert_false(log_set_items("in_asm,guest_erors", &error));
    g_assert_cmpstr(error->message, ==,
                    "-d: unknown log item 'guest_erors'; did you mean 'guest_errors'?");
    g_clear_error(&error);
    g_assert_cmphex(log_mask, ==, LOG_IN_ASM | LOG_INT);
    g_assert_true(log_set_items("none", &error));
    g_assert_cmphex(log_mask, ==, 0);
    /* The spellings of QEMU. */
    g_assert_true(log_set_items("op,op_opt,out_asm,exec,mmu,unimp", &error));
}

static void test_filter(void)
{
    static const char *const bad[] = {"",    "x",     "1..",   "5..4", "1+",
                                      "1+0", "1..2x", "1..2,", "-1..2"};
    GError *error = NULL;
    g_assert_true(log_filter(0));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_false(log_set_filter(bad[i], &error));
        g_assert_nonnull(error);
        g_clear_error(&error);
    }
    g_assert_true(log_set_filter("0x1000..0x1fff,0x8000+0x10,0x9000-0x10", &error));
    g_assert_true(log_filter(0x1000) && log_filter(0x1fff) && !log_filter(0x2000) &&
                  !log_filter(0xfff));
    g_assert_true(log_filter(0x800f) && !log_filter(0x8010));
    g_assert_true(log_filter(0x9000) && log_filter(0x8ff1) && !log_filter(0x8ff0));
    g_assert_true(log_set_filter("0..0xffffffffffffffff", &error));
    g_assert_true(log_filter(0) && log_filter(UINT64_MAX));
    g_assert_true(log_set_filter("0xfffffffffffffff0+0x100", &error));
    g_assert_true(log_filter(UINT64_MAX) && !log_filter(0));
    g_assert_true(log_set_filter("0..0xffffffffffffffff", &error));
}

static void test_write(void)
{
    GError *error = NULL;
    g_assert_true(log_set_items("int", &error));
    log_printf(LOG_INT, "line %d", 1);
    log_printf(LOG_MMU, "not this");
    log_printf(LOG_INT, "line 2\n");
    log_write("dump\n");
    char *text = take_log();
    g_assert_cmpstr(text, ==, "line 1\nline 2\ndump\n");
    g_free(text);
    g_assert_false(log_set_file("/nonexistent/log", &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/log"));
    g_clear_error(&error);
}

static gpointer write_lines(gpointer letter)
{
    for (unsigned i = 0; i < 200; i++) {
        log_printf(LOG_INT, "%.40s", (const char *)letter);
    }
    return NULL;
}

static void test_threads(void)
{
    static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    g_assert_true(log_set_items("int", NULL));
    GThread *thread = g_thread_new("log", write_lines, (gpointer)a);
    write_lines((gpointer)b);
    g_thread_join(thread);
    char *text = take_log();
    char **lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 401);
    for (unsigned i = 0; i < 400; i++) {
        g_assert_true(!strcmp(lines[i], a) || !strcmp(lines[i], b));
    }
    g_strfreev(lines);
    g_free(text);
}

static unsigned count_lines(void)
{
    char *text = take_log();
    unsigned n = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++) {
        n++;
    }
    g_free(text);
    return n;
}

static void test_guest_errors(void)
{
    g_assert_true(log_set_items("none", NULL));
    log_guest_error("not enabled");
    g_assert_cmpuint(count_lines(), ==, 0);
    g_assert_true(log_set_items("guest_errors", NULL));
    for (unsigned i = 0; i < 1000; i++) {
        log_guest_error("error %u", i);
    }
    unsigned n = count_lines();
    g_assert_cmpuint(n, >=, 20);
    g_assert_cmpuint(n, <=, 41);
    g_usleep(1100000);
    log_guest_error("later");
    g_assert_cmpuint(count_lines(), ==, 2); /* this, and how many were held back */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    char *dir = g_dir_make_tmp("amphi-log-XXXXXX", NULL);
    log_path = g_build_filename(dir, "log", NULL);
    g_assert_true(log_set_file(log_path, NULL));
    g_test_add_func("/log/items", test_items);
    g_test_add_func("/log/filter", test_filter);
    g_test_add_func("/log/write", test_write);
    g_test_add_func("/log/threads", test_threads);
    g_test_add_func("/log/guest-errors", test_guest_errors);
    int status = g_test_run();
    unlink(log_path);
    rmdir(dir);
    g_free(log_path);
    g_free(dir);
    return status;
}
