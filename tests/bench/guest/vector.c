/*
 * Vector kernels: loops over floats and bytes. Their numbers are small integers, so that neither
 * the order of additions nor fused operations change a result.
 */
#include "bench.h"
#include "vector-loops.h"

/* The vector extension is so slow in QEMU that a quarter of the work is enough. */
#ifdef VECTOR_ONLY
#define ROUNDS(n) ((n) / 4)
#else
#define ROUNDS(n) (n)
#endif

#define FLOATS 4096
#define BYTES 16384

static float float_x[FLOATS + 8], float_y[FLOATS + 8];
static uint8_t byte_x[BYTES], byte_y[BYTES];

static void vector_setup(void)
{
    uint64_t seed = 6;

    for (int i = 0; i < FLOATS + 8; i++) {
        float_x[i] = (int)(bench_random(&seed) >> 60) - 8;
        float_y[i] = (int)(bench_random(&seed) >> 60) - 8;
    }
    for (int i = 0; i < BYTES; i++) {
        byte_x[i] = bench_random(&seed) >> 56;
        byte_y[i] = bench_random(&seed) >> 56;
    }
}

static uint64_t sum_floats(const float *data)
{
    uint64_t sum = 0;

    for (int i = 0; i < FLOATS; i++) {
        sum = bench_mix(sum, (int64_t)data[i]);
    }
    return sum;
}

static uint64_t sum_bytes(const uint8_t *data)
{
    uint64_t sum = 0;

    for (int i = 0; i < BYTES; i++) {
        sum = bench_mix(sum, data[i]);
    }
    return sum;
}

static uint64_t saxpy_run(void)
{
    for (int round = 0; round < ROUNDS(24000); round++) {
        loop_saxpy(float_y, float_x, round % 7 - 2, FLOATS);
    }
    return sum_floats(float_y);
}

static uint64_t dot_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < ROUNDS(24000); round++) {
        float_x[round % FLOATS] = round % 13;
        sum = bench_mix(sum, (int64_t)loop_dot(float_x, float_y, FLOATS));
    }
    return sum;
}

static uint64_t fir_run(void)
{
    static const float taps[8] = {1, -2, 3, 4, -3, 2, -1, 5};

    for (int round = 0; round < ROUNDS(6000); round++) {
        float_x[round % FLOATS] = round % 11;
        loop_fir(float_y, float_x, taps, FLOATS);
    }
    return sum_floats(float_y);
}

static uint64_t blend_run(void)
{
    for (int round = 0; round < ROUNDS(20000); round++) {
        loop_blend(byte_y, byte_x, 100 + round % 100, BYTES);
        byte_x[round % BYTES] += round;
    }
    return sum_bytes(byte_y);
}

static uint64_t count_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < ROUNDS(24000); round++) {
        byte_x[round % BYTES] = round;
        sum += loop_count(byte_x, round, BYTES) * round;
    }
    return sum;
}

static uint64_t addmax_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < ROUNDS(20000); round++) {
        byte_x[round % BYTES] = round % 3;
        sum = bench_mix(sum, loop_add_max(byte_y, byte_x, BYTES));
        byte_y[round * 7 % BYTES] = 0;
    }
    return bench_mix(sum, sum_bytes(byte_y));
}

const Kernel vector_kernels[] = {
    {"saxpy", vector_setup, saxpy_run},
    {"dot", vector_setup, dot_run},
    {"fir", vector_setup, fir_run},
    {"blend", vector_setup, blend_run},
    {"count", vector_setup, count_run},
    {"addmax", vector_setup, addmax_run},
    {NULL, NULL, NULL},
};
