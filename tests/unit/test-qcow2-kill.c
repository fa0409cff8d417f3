/*
 * qcow2 images whose writer is killed: qemu-img finds nothing worse than clusters that nobody uses, and
 * everything that was flushed is there.
 *
 * The writer is a process of its own. Blocks hold their number and a version; in shared memory it notes the
 * version of each block before writing it, and after a flush which versions are stable.
 */
#include "hw/block/image.h"
#include "softmmu/base/error.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 2048
#define ROUNDS 12

/* Of each block: the version last begun to be written, and the last one that was flushed. */
typedef struct Ledger {
    uint32_t begun[BLOCKS], stable[BLOCKS], flushes;
} Ledger;

static void fill(uint8_t *buf, uint32_t block, uint32_t version)
{
    uint32_t *words = (uint32_t *)buf;

    for (unsigned i = 0; i < BLOCK / 4; i += 2) {
        words[i] = version ? block : 0;
        words[i + 1] = version;
    }
}

static BlockImage *open_image(const char *path)
{
    GError *error = NULL;
    /* What a killed process wrote the host still has, so its disk need not be waited for. */
    BlockImage *image =
        image_open(&(ImageOpen){.path = path, .format = "qcow2", .ignore_flush = true}, &error);

    g_assert_no_error(error);
    return image;
}

/* Writes until it is killed. */
static void writer(const char *path, Ledger *ledger, uint32_t seed)
{
    BlockImage *image = open_image(path);
    GRand *rand = g_rand_new_with_seed(seed);
    uint32_t *written = g_memdup2(ledger->stable, sizeof(ledger->stable));
    uint8_t buf[8 * BLOCK];

    for (;;) {
        uint32_t block = g_rand_int_range(rand, 0, BLOCKS - 8), n = g_rand_int_range(rand, 1, 9);
        struct iovec iov = {buf, n * BLOCK};

        if (g_rand_int_range(rand, 0, 10) == 0) {
            if (image->ops->flush(image) != 0) {
                _exit(2);
            }
            memcpy(ledger->stable, written, sizeof(ledger->stable));
            ledger->flushes++;
            continue;
        }
        for (uint32_t i = 0; i < n; i++) {
            fill(buf + i * BLOCK, block + i,
                 __atomic_add_fetch(&ledger->begun[block + i], 1, __ATOMIC_SEQ_CST));
        }
        if (g_rand_int_range(rand, 0, 12) == 0) { /* what was there is freed, and taken again */
            image->ops->discard(image, (uint64_t)block * BLOCK, n * BLOCK);
        }
        if (image->ops->writev(image, (uint64_t)block * BLOCK, &iov, 1) != 0) {
            _exit(3);
        }
        memcpy(written + block, ledger->begun + block, n * sizeof(*written));
    }
}

static void run_writer(const char *path, Ledger *ledger, uint32_t seed)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        writer(path, ledger, seed);
    }
    for (unsigned i = 0; i < 200 && ledger->flushes < 3; i++) { /* well under way */
        g_usleep(10 * 1000);
    }
    g_usleep(seed * 7919 % 40000);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpuint(ledger->flushes, >, 0);
}

/* Every word of a block has one of the versions that it may have: the one that was flushed, or one begun since. A
 * block may be torn, and one that was discarded zero, if a newer version was begun. */
static void check_blocks(const char *path, Ledger *ledger)
{
    BlockImage *image = open_image(path);
    uint32_t words[BLOCK / 4];
    struct iovec iov = {words, BLOCK};

    for (uint32_t block = 0; block < BLOCKS; block++) {
        uint32_t oldest = UINT32_MAX;

        g_assert_cmpint(image->ops->readv(image, (uint64_t)block * BLOCK, &iov, 1), ==, 0);
        for (unsigned i = 0; i < BLOCK / 4; i += 2) {
            uint32_t version = words[i + 1];

            g_assert_cmpuint(words[i], ==, version ? block : 0);
            g_assert_cmpuint(version, <=, ledger->begun[block]);
            if (version || ledger->begun[block] == ledger->stable[block]) {
                g_assert_cmpuint(version, >=, ledger->stable[block]);
            }
            oldest = MIN(oldest, version);
        }
        ledger->stable[block] = oldest;
    }
    ledger->flushes = 0;
    g_assert_cmpint(image_close(image), ==, 0);
}

static int run(const char *fmt, const char *options, const char *path)
{
    char *command = g_strdup_printf(fmt, options, path), *output = NULL, *errors = NULL;
    int status = -1;

    g_assert_true(g_spawn_command_line_sync(command, &output, &errors, &status, NULL));
    g_free(output);
    g_free(errors);
    g_free(command);
    return WEXITSTATUS(status);
}

static void test_kill(gconstpointer options)
{
    char *dir = g_dir_make_tmp("amphi-kill-XXXXXX", NULL);
    char *path = g_build_filename(dir, "disk.qcow2", NULL);
    Ledger *ledger =
        mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool lazy = strstr(options, "lazy") != NULL;

    if (run("qemu-img create -q -f qcow2 -o %s %s 8M", options, path) != 0) {
        g_test_skip("needs qemu-img (package qemu-utils)");
        return;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        run_writer(path, ledger, round);
        if (!lazy) { /* 3: only clusters that nobody uses */
            int status = run("qemu-img check -q -f qcow2%s %s", "", path);

            g_assert_true(status == 0 || status == 3);
        } else if (round % 2) { /* qemu-img mends it, or we do when it is opened */
            run("qemu-img check -q -f qcow2 -r %s %s", "all", path);
        }
        check_blocks(path, ledger);
        if (!lazy && round % 4 == 3) {
            g_assert_cmpint(run("qemu-img check -q -f qcow2 -r %s %s", "leaks", path), ==, 0);
        }
        g_assert_true((run("qemu-img check -q -f qcow2%s %s", "", path) & ~3) == 0);
    }
    munmap(ledger, sizeof(*ledger));
    g_unlink(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/qcow2-kill/usual", "compat=1.1", test_kill);
    g_test_add_data_func("/qcow2-kill/old", "compat=0.10", test_kill);
    g_test_add_data_func("/qcow2-kill/small", "cluster_size=512", test_kill);
    g_test_add_data_func("/qcow2-kill/4k", "cluster_size=4096,refcount_bits=1", test_kill);
    g_test_add_data_func("/qcow2-kill/lazy", "lazy_refcounts=on", test_kill);
    g_test_add_data_func("/qcow2-kill/lazy-small", "lazy_refcounts=on,cluster_size=1024",
                         test_kill);
    return g_test_run();
}
