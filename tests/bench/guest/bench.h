/*
 * What the benchmark kernels share.
 *
 * A kernel is one function that works for a fixed amount and returns a checksum of what it
 * computed. The same sources are built for the guest and for the host; the checksums of all runs
 * must agree, so kernels use nothing whose result may differ: no time, no addresses, no rounding
 * that depends on whether the compiler fuses a multiplication with an addition.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdbool.h>

typedef struct Kernel {
    const char *name;
    void (*setup)(void); /* not timed; makes the data, touches its pages. May be NULL */
    uint64_t (*run)(void);
} Kernel;

/* Each ends with an entry without a name. */
extern const Kernel integer_kernels[];
extern const Kernel muldiv_kernels[];
extern const Kernel double_kernels[];
extern const Kernel vector_kernels[];
extern const Kernel memory_kernels[];
extern const Kernel system_kernels[];
extern const Kernel block_kernels[];    /* only in the guest: they write to /dev/vda and vdb */
extern const Kernel parallel_kernels[]; /* only when asked for */

/* What the program does as one of the processes of a parallel kernel. */
int parallel_job(unsigned n);

/* Where the program itself is, for exec, and a directory on a tmpfs. */
extern const char *bench_path;
extern const char *bench_tmp;

/* End the process: "MESSAGE: errno's text". */
void bench_die(const char *message) __attribute__((noreturn));

/* Pseudo-random numbers (xorshift64*), the same everywhere. The seed must not be 0. */
static inline uint64_t bench_random(uint64_t *seed)
{
    uint64_t x = *seed;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return x * 0x2545f4914f6cdd1dull;
}

/* Add VALUE to the checksum SUM. */
static inline uint64_t bench_mix(uint64_t sum, uint64_t value)
{
    sum ^= value + 0x9e3779b97f4a7c15ull + (sum << 6) + (sum >> 2);
    return sum;
}

/* A function that is called as it stands: neither inlined nor specialised. */
#define BENCH_NOINLINE __attribute__((noipa))

#endif
