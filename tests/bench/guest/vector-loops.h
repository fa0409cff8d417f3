/*
 * The inner loops of the vector kernels, once in plain C (vector-scalar.c; the compiler makes SIMD
 * of it if it can) and once for the vector extension (vector-rvv.c).
 */
#ifndef VECTOR_LOOPS_H
#define VECTOR_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/* y[i] += a * x[i] */
void loop_saxpy(float *y, const float *x, float a, size_t count);

/* The sum of x[i] * y[i], in any order. */
float loop_dot(const float *x, const float *y, size_t count);

/* out[i] = the sum of in[i + k] * taps[k], k < 8; reads count + 7 of IN. */
void loop_fir(float *out, const float *in, const float *taps, size_t count);

/* to[i] = (to[i] * (255 - alpha) + from[i] * alpha) / 256 */
void loop_blend(uint8_t *to, const uint8_t *from, uint8_t alpha, size_t count);

/* How many of data[i] are VALUE. */
size_t loop_count(const uint8_t *data, uint8_t value, size_t count);

/* to[i] = to[i] + from[i], at most 255; returns the largest. */
uint8_t loop_add_max(uint8_t *to, const uint8_t *from, size_t count);

#endif
