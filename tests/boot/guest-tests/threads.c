/*
 * Stress of everything that several harts share: threads with mutexes, condition variables and
 * atomics, signals, fork with copy-on-write, mmap and munmap with TLB shootdowns. Every part knows
 * its result; the first difference ends the program with status 1. Argument: seconds.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 16
#define STEPS 1000

static void fail(const char *what, uint64_t actual, uint64_t wanted)
{
    printf("threads: %s: %llx instead of %llx\n", what, (unsigned long long)actual,
           (unsigned long long)wanted);
    exit(1);
}

static void check(const char *what, uint64_t actual, uint64_t wanted)
{
    if (actual != wanted) {
        fail(what, actual, wanted);
    }
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x7fb5d329728ea185;
    return x ^ x >> 27;
}

/* ---- Counters: the same additions by a mutex, by fetch_add and by compare-and-swap ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t locked;
static _Atomic uint64_t added, swapped;
static _Atomic uint16_t small; /* narrower than an LR/SC */

static void *count(void *arg)
{
    uint64_t x = (uintptr_t)arg;
    for (int i = 0; i < STEPS; i++) {
        x = mix(x + i);
        pthread_mutex_lock(&mutex);
        locked += x;
        pthread_mutex_unlock(&mutex);
        atomic_fetch_add(&added, x);
        uint64_t old = atomic_load(&swapped);
        while (!atomic_compare_exchange_weak(&swapped, &old, old + x)) {
        }
        atomic_fetch_add(&small, (uint16_t)x);
    }
    return NULL;
}

static void run_threads(void *(*fn)(void *), unsigned n)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, fn, (void *)(uintptr_t)(i + 1))) {
            fail("pthread_create", i, n);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void test_counters(void)
{
    uint64_t sum = 0;
    for (uint64_t t = 1; t <= THREADS; t++) {
        uint64_t x = t;
        for (int i = 0; i < STEPS; i++) {
            x = mix(x + i);
            sum += x;
        }
    }
    locked = added = swapped = small = 0;
    run_threads(count, THREADS);
    check("mutex", locked, sum);
    check("fetch_add", added, sum);
    check("compare_exchange", swapped, sum);
    check("16-bit fetch_add", small, sum & 0xffff);
}

/* ---- A ring: each thread waits for its turn ---- */

static pthread_cond_t turn_cond = PTHREAD_COND_INITIALIZER;
static unsigned turn;

static void *take_turns(void *arg)
{
    unsigned me = (uintptr_t)arg - 1;
    for (unsigned i = 0; i < 50; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 4 != me) {
            pthread_cond_wait(&turn_cond, &mutex);
        }
        turn++;
        pthread_cond_broadcast(&turn_cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

/* ---- Message passing and store buffering without locks: what fences promise ---- */

static _Atomic int flag_a, flag_b, seen_a, seen_b;
static pthread_barrier_t barrier;

static void *store_buffering(void *arg)
{
    int first = (uintptr_t)arg == 1;
    for (int i = 1; i <= 150; i++) {
        pthread_barrier_wait(&barrier);
        atomic_store_explicit(first ? &flag_a : &flag_b, i, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        int other = atomic_load_explicit(first ? &flag_b : &flag_a, memory_order_relaxed);
        *(first ? &seen_a : &seen_b) = other;
        pthread_barrier_wait(&barrier);
        if (first && seen_a != i && seen_b != i) {
            fail("store buffering", seen_a, i);
        }
    }
    return NULL;
}

/* ---- Signals: none is lost that was waited for; registers survive ---- */

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    volatile double clobber = number * 1.5;
    (void)clobber;
    signals++;
}

static void test_signals(void)
{
    double sum = 0;
    uint64_t hash = 1;
    struct timespec pause = {0, 1000};
    signals = 0;
    for (int i = 0; i < 200; i++) {
        sum += i * 0.25;
        hash = mix(hash);
        raise(SIGUSR1);
        if (i % 50 == 0) {
            nanosleep(&pause, NULL);
        }
    }
    check("signals", signals, 200);
    check("sum over signals", (uint64_t)(sum * 4), 199 * 200 / 2);
    uint64_t again = 1;
    for (int i = 0; i < 200; i++) {
        again = mix(again);
    }
    check("hash over signals", hash, again);
}

/* ---- Memory: copy-on-write after fork, unmapping under other threads' feet ---- */

static void test_fork(void)
{
    size_t size = 1 << 20;
    uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size / 8; i += 64) {
        memory[i] = mix(i);
    }
    pid_t children[4];
    for (int c = 0; c < 4; c++) {
        children[c] = fork();
        if (!children[c]) {
            for (size_t i = 0; i < size / 8; i += 64) {
                if (memory[i] != mix(i)) {
                    _exit(2);
                }
                memory[i] = c;
            }
            for (size_t i = 0; i < size / 8; i += 64) {
                if (memory[i] != (uint64_t)c) {
                    _exit(3);
                }
            }
            _exit(40 + c);
        }
    }
    for (int c = 0; c < 4; c++) {
        int status;
        waitpid(children[c], &status, 0);
        check("child's exit status", status, (40 + c) << 8);
    }
    for (size_t i = 0; i < size / 8; i += 64) {
        check("memory after fork", memory[i], mix(i));
    }
    munmap(memory, size);
}

static void *map_and_unmap(void *arg)
{
    for (uintptr_t i = 0; i < 25; i++) {
        size_t size = 4096 * (1 + (i & 7));
        uint64_t *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t page = 0; page < size / 8; page += 512) {
            check("fresh memory", m[page], 0);
            m[page] = i ^ (uintptr_t)arg;
        }
        mprotect(m, size, PROT_READ);
        for (size_t page = 0; page < size / 8; page += 512) {
            check("mapped memory", m[page], i ^ (uintptr_t)arg);
        }
        munmap(m, size);
    }
    return NULL;
}

/* Code written, run and rewritten: addi a0, a0, n; ret. */
static void test_code(void)
{
    uint32_t *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t n = 0; n < 50; n++) {
        code[0] = n << 20 | 0x50513;
        code[1] = 0x8067;
        __builtin___clear_cache((char *)code, (char *)(code + 2));
        check("written code", ((uint64_t(*)(uint64_t))code)(1000), 1000 + n);
    }
    munmap(code, 4096);
}

int main(int argc, char **argv)
{
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
    unsigned rounds = 0;

    signal(SIGUSR1, on_signal);
    pthread_barrier_init(&barrier, NULL, 2);
    do {
        test_counters();
        turn = 0;
        run_threads(take_turns, 4);
        check("turns", turn, 200);
        run_threads(store_buffering, 2);
        test_signals();
        test_fork();
        run_threads(map_and_unmap, 8);
        test_code();
        rounds++;
    } while (time(NULL) < end);
    printf("threads: %u rounds without a difference\n", rounds);
    return 0;
}
