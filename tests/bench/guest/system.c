/*
 * System kernels: what programs ask of the operating system, and with it what system emulation
 * pays for traps, address spaces and page tables. All work on one processor.
 */
#include "bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Wait for the child and return its exit status. */
static int wait_for(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        bench_die("waitpid");
    }
    return WEXITSTATUS(status);
}

static uint64_t syscall_run(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 1200000; i++) {
        sum += syscall(SYS_getuid) == 0;
    }
    return sum;
}

/* A byte goes to another process and back. */
static uint64_t pipe_run(void)
{
    enum { ROUNDS = 8000 };
    int there[2], back[2];
    uint64_t sum = 0;
    uint8_t byte = 0;
    pid_t child;

    if (pipe(there) != 0 || pipe(back) != 0 || (child = fork()) < 0) {
        bench_die("pipe");
    }
    if (child == 0) {
        for (int i = 0; i < ROUNDS; i++) {
            if (read(there[0], &byte, 1) != 1) {
                _exit(1);
            }
            byte++;
            if (write(back[1], &byte, 1) != 1) {
                _exit(1);
            }
        }
        _exit(0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) {
            bench_die("pipe");
        }
        sum = bench_mix(sum, byte);
    }
    sum += wait_for(child);
    close(there[0]);
    close(there[1]);
    close(back[0]);
    close(back[1]);
    return sum;
}

static uint64_t fork_run(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 600; i++) {
        pid_t child = fork();

        if (child < 0) {
            bench_die("fork");
        }
        if (child == 0) {
            _exit(i & 63);
        }
        sum += wait_for(child);
    }
    return sum;
}

/* This program, statically linked, with an argument that makes it end at once. */
static uint64_t exec_run(void)
{
    char *arguments[] = {(char *)bench_path, "nothing", NULL};
    uint64_t sum = 0;

    for (int i = 0; i < 200; i++) {
        pid_t child;

        if (posix_spawn(&child, bench_path, NULL, NULL, arguments, NULL) != 0) {
            bench_die("posix_spawn");
        }
        sum += wait_for(child);
    }
    return sum;
}

/* Fresh pages, touched one by one. */
static uint64_t fault_run(void)
{
    enum { PAGES = 4096, PAGE = 4096 };
    uint64_t sum = 0;

    for (int round = 0; round < 8; round++) {
        uint8_t *map =
            mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (map == MAP_FAILED) {
            bench_die("mmap");
        }
        madvise(map, PAGES * PAGE, MADV_NOHUGEPAGE);
        for (int i = 0; i < PAGES; i++) {
            map[i * PAGE + i % PAGE] = i + round;
            sum += map[i * PAGE + i % PAGE];
        }
        munmap(map, PAGES * PAGE);
    }
    return sum;
}

/* Files on a tmpfs: created, written, read back, removed. */
static uint64_t tmpfs_run(void)
{
    enum { BLOCK = 4096, BLOCKS = 16 };
    static uint8_t block[BLOCK];
    char name[256];
    uint64_t sum = 0;

    for (int i = 0; i < 800; i++) {
        int file;

        snprintf(name, sizeof(name), "%s/bench-%ld-%d", bench_tmp, (long)getpid(), i);
        file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (file < 0) {
            bench_die(name);
        }
        for (int j = 0; j < BLOCKS; j++) {
            block[j] = i + j;
            if (write(file, block, BLOCK) != BLOCK) {
                bench_die("write");
            }
        }
        for (int j = 0; j < BLOCKS; j++) {
            if (pread(file, block, BLOCK, j * BLOCK) != BLOCK) {
                bench_die("pread");
            }
            sum = bench_mix(sum, block[j]);
        }
        close(file);
        unlink(name);
    }
    return sum;
}

static volatile uint64_t signals_seen;

static void on_signal(int number)
{
    signals_seen += number;
}

static uint64_t signal_run(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    pid_t self = getpid();

    signals_seen = 0;
    sigaction(SIGUSR1, &action, &before);
    for (int i = 0; i < 20000; i++) {
        kill(self, SIGUSR1);
    }
    sigaction(SIGUSR1, &before, NULL);
    return signals_seen;
}

/* Threads that contend for a lock: who holds it gives up the processor now and then. */

enum { THREADS = 4, TURNS = 20000 };

static pthread_mutex_t futex_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t futex_count;

static void *futex_thread(void *unused)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&futex_lock);
        futex_count++;
        if (i % 4 == 0) {
            sched_yield();
        }
        pthread_mutex_unlock(&futex_lock);
    }
    return unused;
}

static uint64_t futex_run(void)
{
    pthread_t threads[THREADS];

    futex_count = 0;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, futex_thread, NULL) != 0) {
            bench_die("pthread_create");
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return futex_count;
}

const Kernel system_kernels[] = {
    {"syscall", NULL, syscall_run}, {"pipe", NULL, pipe_run},   {"fork", NULL, fork_run},
    {"exec", NULL, exec_run},       {"fault", NULL, fault_run}, {"tmpfs", NULL, tmpfs_run},
    {"signal", NULL, signal_run},   {"futex", NULL, futex_run}, {NULL, NULL, NULL},
};
