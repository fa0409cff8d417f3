/*
 * Where executable memory is refused, -accel auto says so in one line and goes on with interp, and -accel jit ends
 * with one line and status 1. A seccomp filter in the child process refuses what the host would.
 */
#include "softmmu/base/bits.h"
#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* mmap with PROT_EXEC of something shared fails with EACCES: libraries, which are private, still load. */
static void refuse_executable_memory(gpointer unused)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {ARRAY_SIZE(code), code};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Runs the hop test's program; returns the exit status and standard error. */
static int run(const char *accel, char **err)
{
    const char *build = g_getenv("AMPHI_BUILD");
    char *amphi = g_build_filename(build ? build : "build", "amphi", NULL);
    char *kernel = g_build_filename(build ? build : "build", "tests/guest/hop.elf", NULL);
    char *argv[] = {amphi,  "-machine", "spike",       "-bios",    "none", "-display",
                    "none", "-serial",  "null",        "-monitor", "none", "-kernel",
                    kernel, "-accel",   (char *)accel, NULL};
    GError *error = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, refuse_executable_memory, NULL, NULL, err,
                      &status, &error)) {
        g_error("%s", error->message);
    }
    g_free(amphi);
    g_free(kernel);
    return g_spawn_check_wait_status(status, NULL) ? 0 : 1;
}

static void test_auto(void)
{
    char *err;

    g_assert_cmpint(run("auto", &err), ==, 0);
    g_assert_true(g_str_has_prefix(err, "amphi: "));
    g_assert_nonnull(strstr(err, "going on with -accel interp"));
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
    g_free(err);
}

static void test_jit(void)
{
    char *err;

    g_assert_cmpint(run("jit", &err), ==, 1);
    g_assert_true(g_str_has_prefix(err, "amphi: "));
    g_assert_true(strchr(err, '\n') == err + strlen(err) - 1);
    g_free(err);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fallback/auto", test_auto);
    g_test_add_func("/fallback/jit", test_jit);
    return g_test_run();
}
