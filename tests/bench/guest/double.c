/*
 * Double-precision kernels: matrix product, n-body, Mandelbrot set.
 *
 * Built with -ffp-contract=off, because a fused multiplication and addition rounds once. The
 * matrix product asks for it where the machine has it, as compilers do by default for riscv64;
 * its numbers are small integers, so the result is the same without.
 */
#include "bench.h"

#include <math.h>
#include <string.h>

static inline uint64_t double_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* ---- matrix ---- */

#define MATRIX_SIZE 160

static double matrix_a[MATRIX_SIZE][MATRIX_SIZE], matrix_b[MATRIX_SIZE][MATRIX_SIZE];
static double matrix_c[MATRIX_SIZE][MATRIX_SIZE];

static void matrix_setup(void)
{
    for (int i = 0; i < MATRIX_SIZE; i++) {
        for (int j = 0; j < MATRIX_SIZE; j++) {
            matrix_a[i][j] = i * 3 % 64 + j % 32;
            matrix_b[i][j] = i % 16 - j * 5 % 128;
            matrix_c[i][j] = 0;
        }
    }
}

static inline double multiply_add(double a, double b, double c)
{
#ifdef __FP_FAST_FMA
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

static uint64_t matrix_run(void)
{
    uint64_t sum = 0;

    for (int round = 0; round < 48; round++) {
        for (int i = 0; i < MATRIX_SIZE; i++) {
            for (int j = 0; j < MATRIX_SIZE; j++) {
                double c = round;

                for (int k = 0; k < MATRIX_SIZE; k++) {
                    c = multiply_add(matrix_a[i][k], matrix_b[k][j], c);
                }
                matrix_c[i][j] = c;
            }
        }
        for (int i = 0; i < MATRIX_SIZE; i++) {
            sum = bench_mix(sum, double_bits(matrix_c[i][(i + round) % MATRIX_SIZE]));
        }
    }
    return sum;
}

/* ---- nbody: five bodies that attract one another ---- */

#define BODIES 5

typedef struct Body {
    double x[3], v[3], mass;
} Body;

static void nbody_step(Body *bodies, double dt)
{
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            Body *a = &bodies[i], *b = &bodies[j];
            double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
            double square = dx * dx + dy * dy + dz * dz + 0.01;
            double force = dt / (square * sqrt(square));

            a->v[0] -= dx * b->mass * force;
            a->v[1] -= dy * b->mass * force;
            a->v[2] -= dz * b->mass * force;
            b->v[0] += dx * a->mass * force;
            b->v[1] += dy * a->mass * force;
            b->v[2] += dz * a->mass * force;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            bodies[i].x[k] += dt * bodies[i].v[k];
        }
    }
}

static uint64_t nbody_run(void)
{
    Body bodies[BODIES];
    uint64_t sum = 0;

    for (int i = 0; i < BODIES; i++) {
        bodies[i] = (Body){
            {i * 1.5, 0.25 * i * i, (i & 1) - 0.5},
            {0.1 * (i & 1), 0.3 - 0.1 * i, 0.05 * i},
            i ? 0.02 * i : 4.0,
        };
    }
    for (int i = 0; i < 800000; i++) {
        nbody_step(bodies, 0.001);
    }
    for (int i = 0; i < BODIES; i++) {
        sum = bench_mix(sum, double_bits(bodies[i].x[0]));
        sum = bench_mix(sum, double_bits(bodies[i].v[2]));
    }
    return sum;
}

/* ---- mandelbrot ---- */

static uint64_t mandelbrot_run(void)
{
    enum { WIDTH = 840, HEIGHT = 640, LIMIT = 400 };
    uint64_t sum = 0;

    for (int row = 0; row < HEIGHT; row++) {
        for (int column = 0; column < WIDTH; column++) {
            double cx = column * (3.0 / WIDTH) - 2.1, cy = row * (2.4 / HEIGHT) - 1.2;
            double x = 0, y = 0;
            int n = 0;

            while (n < LIMIT && x * x + y * y < 4) {
                double next = x * x - y * y + cx;

                y = 2 * x * y + cy;
                x = next;
                n++;
            }
            sum = sum * 3 + n;
        }
    }
    return sum;
}

const Kernel double_kernels[] = {
    {"matrix", matrix_setup, matrix_run},
    {"nbody", NULL, nbody_run},
    {"mandelbrot", NULL, mandelbrot_run},
    {NULL, NULL, NULL},
};
