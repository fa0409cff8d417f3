/*
 * Block kernels: a disk behind virtio-blk, past the guest's page cache. The first disk is a raw image, the
 * second a qcow2 image with all clusters there; both are in the host's page cache when measuring begins.
 * The checksum only says that everything was transferred: fio in the guest verifies contents.
 */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { DISK = 256 << 20, SMALL = 4096, LARGE = 1 << 20, THREADS = 8 };

typedef struct Job {
    int fd;
    size_t size; /* of a transfer */
    unsigned count;
    bool write, random, sync;
    uint64_t seed, bytes;
} Job;

static void *do_job(void *opaque)
{
    Job *job = opaque;
    uint64_t blocks = DISK / job->size;
    void *buf = NULL;

    if (posix_memalign(&buf, 4096, job->size) != 0) {
        bench_die("posix_memalign");
    }
    for (size_t i = 0; i < job->size; i++) {
        ((uint8_t *)buf)[i] = i * 7;
    }
    for (unsigned i = 0; i < job->count; i++) {
        uint64_t block = job->random ? bench_random(&job->seed) % blocks : i % blocks;
        ssize_t n = job->write ? pwrite(job->fd, buf, job->size, block * job->size)
                               : pread(job->fd, buf, job->size, block * job->size);

        if (n != (ssize_t)job->size || (job->sync && fdatasync(job->fd) != 0)) {
            bench_die("transfer");
        }
        job->bytes += n;
    }
    free(buf);
    return NULL;
}

/* @job in so many threads. */
static uint64_t run(const char *disk, Job job, unsigned threads)
{
    Job jobs[THREADS];
    pthread_t ids[THREADS];
    uint64_t sum = 0;

    job.fd = open(disk, O_RDWR | O_DIRECT);
    if (job.fd < 0) {
        bench_die(disk);
    }
    for (unsigned i = 0; i < threads; i++) {
        jobs[i] = job;
        jobs[i].seed = i + 1;
        if (pthread_create(&ids[i], NULL, do_job, &jobs[i]) != 0) {
            bench_die("pthread_create");
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum = bench_mix(sum, jobs[i].bytes);
    }
    close(job.fd);
    return sum;
}

#define DISK_KERNELS(name, disk)                                                                   \
    static uint64_t name##_read_large(void)                                                        \
    {                                                                                              \
        return run(disk, (Job){.size = LARGE, .count = 1024}, 1);                                  \
    }                                                                                              \
    static uint64_t name##_read(void)                                                              \
    {                                                                                              \
        return run(disk, (Job){.size = SMALL, .count = 12000, .random = true}, 1);                 \
    }                                                                                              \
    static uint64_t name##_read_deep(void)                                                         \
    {                                                                                              \
        return run(disk, (Job){.size = SMALL, .count = 3000, .random = true}, THREADS);            \
    }                                                                                              \
    static uint64_t name##_write_large(void)                                                       \
    {                                                                                              \
        return run(disk, (Job){.size = LARGE, .count = 512, .write = true}, 1);                    \
    }                                                                                              \
    static uint64_t name##_write(void)                                                             \
    {                                                                                              \
        return run(disk, (Job){.size = SMALL, .count = 8000, .random = true, .write = true}, 1);   \
    }                                                                                              \
    static uint64_t name##_write_deep(void)                                                        \
    {                                                                                              \
        return run(disk, (Job){.size = SMALL, .count = 2000, .random = true, .write = true},       \
                   THREADS);                                                                       \
    }                                                                                              \
    static uint64_t name##_sync(void)                                                              \
    {                                                                                              \
        return run(                                                                                \
            disk, (Job){.size = SMALL, .count = 100, .random = true, .write = true, .sync = true}, \
            1);                                                                                    \
    }

DISK_KERNELS(raw, "/dev/vda")
DISK_KERNELS(qcow2, "/dev/vdb")

const Kernel block_kernels[] = {
    {"raw-seq-read", NULL, raw_read_large},
    {"raw-read", NULL, raw_read},
    {"raw-deep-read", NULL, raw_read_deep},
    {"raw-seq-write", NULL, raw_write_large},
    {"raw-write", NULL, raw_write},
    {"raw-deep-write", NULL, raw_write_deep},
    {"raw-sync", NULL, raw_sync},
    {"qcow2-seq-read", NULL, qcow2_read_large},
    {"qcow2-read", NULL, qcow2_read},
    {"qcow2-deep-read", NULL, qcow2_read_deep},
    {"qcow2-seq-write", NULL, qcow2_write_large},
    {"qcow2-write", NULL, qcow2_write},
    {"qcow2-deep-write", NULL, qcow2_write_deep},
    {"qcow2-sync", NULL, qcow2_sync},
    {NULL, NULL, NULL},
};
