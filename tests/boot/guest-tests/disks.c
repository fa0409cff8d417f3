/*
 * A writer of disks that verifies: disks DEVICE SEED [verify].
 *
 * Four threads write blocks of their own stripes past the page cache, with syncs, discards and zeroing between, and
 * read back what they wrote; at the end everything is read once more. What is on the disk then follows from the
 * seed alone, so that `verify` can find it again after the next boot. Prints "disks: DEVICE N differences".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 4096, THREADS = 4, WRITES = 3000, MOST = 16 };

typedef struct Worker {
    int fd;
    unsigned number;
    uint32_t seed, differences;
    pthread_t thread;
    uint32_t version[BLOCKS]; /* of its blocks; 0: never written, or zeroed */
} Worker;

static Worker workers[THREADS];

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void fill(uint32_t *words, uint32_t block, uint32_t version)
{
    for (unsigned i = 0; i < BLOCK / 4; i++) {
        words[i] = version ? version * 2654435761u + block * 40503u + i : 0;
    }
}

static void fail(const char *what)
{
    printf("disks: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void check(Worker *w, uint32_t block, const uint32_t *words)
{
    uint32_t expected[BLOCK / 4];

    fill(expected, block, w->version[block]);
    if (memcmp(words, expected, BLOCK) != 0 && w->differences++ == 0) {
        printf("disks: block %u differs\n", block);
    }
}

/* The state after all writes, without doing them, if @really is false. */
static void run(Worker *w, int really)
{
    uint32_t stripe = BLOCKS / THREADS, seed = w->seed + w->number;
    uint32_t *buf;

    if (posix_memalign((void **)&buf, BLOCK, MOST * BLOCK) != 0) {
        fail("memory");
    }
    for (uint32_t n = 1; n <= WRITES; n++) {
        uint32_t count = 1 + next(&seed) % MOST, kind = next(&seed) % 40;
        uint32_t first = w->number * stripe + next(&seed) % (stripe - count);
        uint64_t range[2] = {(uint64_t)first * BLOCK, (uint64_t)count * BLOCK};

        if (kind == 0 && really && fdatasync(w->fd) != 0) {
            fail("sync");
        }
        if (kind == 1 && really && ioctl(w->fd, BLKDISCARD, range) != 0 && errno != EOPNOTSUPP) {
            fail("discard");
        }
        if (kind == 2 && really && ioctl(w->fd, BLKZEROOUT, range) != 0) {
            fail("zero");
        }
        for (uint32_t i = 0; i < count; i++) {
            w->version[first + i] = kind == 2 ? 0 : n;
            fill(buf + i * (BLOCK / 4), first + i, n);
        }
        if (!really || kind == 2) {
            continue;
        }
        if (pwrite(w->fd, buf, range[1], range[0]) != (ssize_t)range[1]) {
            fail("write");
        }
        if (kind < 12) {
            if (pread(w->fd, buf, range[1], range[0]) != (ssize_t)range[1]) {
                fail("read");
            }
            for (uint32_t i = 0; i < count; i++) {
                check(w, first + i, buf + i * (BLOCK / 4));
            }
        }
    }
    for (uint32_t block = w->number * stripe; block < (w->number + 1) * stripe; block++) {
        if (pread(w->fd, buf, BLOCK, (off_t)block * BLOCK) != BLOCK) {
            fail("read");
        }
        if (w->version[block]) { /* others may have held anything before */
            check(w, block, buf);
        }
    }
    free(buf);
}

static int really;

static void *work(void *opaque)
{
    run(opaque, really);
    return NULL;
}

int main(int argc, char **argv)
{
    uint32_t differences = 0;
    int fd;

    if (argc < 3) {
        printf("disks DEVICE SEED [verify]\n");
        return 1;
    }
    really = argc < 4;
    fd = open(argv[1], O_RDWR | O_DIRECT);
    if (fd < 0) {
        fail(argv[1]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].fd = fd;
        workers[i].number = i;
        workers[i].seed = atoi(argv[2]) * 7919;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fail("thread");
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        differences += workers[i].differences;
    }
    if (really && fsync(fd) != 0) {
        fail("sync");
    }
    printf("disks: %s %u differences\n", argv[1], differences);
    return differences != 0;
}
