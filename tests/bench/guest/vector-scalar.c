/* The vector kernels' loops in plain C. See vector-loops.h. */
#include "vector-loops.h"

void loop_saxpy(float *restrict y, const float *restrict x, float a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] += a * x[i];
    }
}

/* Eight sums, so that a compiler may keep them in vector registers. */
float loop_dot(const float *x, const float *y, size_t count)
{
    float sums[8] = {0}, sum = 0;

    for (size_t i = 0; i < count; i += 8) {
        for (size_t j = 0; j < 8; j++) {
            sums[j] += x[i + j] * y[i + j];
        }
    }
    for (size_t j = 0; j < 8; j++) {
        sum += sums[j];
    }
    return sum;
}

void loop_fir(float *restrict out, const float *restrict in, const float *restrict taps,
              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0;

        for (size_t k = 0; k < 8; k++) {
            sum += in[i + k] * taps[k];
        }
        out[i] = sum;
    }
}

void loop_blend(uint8_t *restrict to, const uint8_t *restrict from, uint8_t alpha, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint16_t)(to[i] * (255 - alpha) + from[i] * alpha) >> 8;
    }
}

size_t loop_count(const uint8_t *data, uint8_t value, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += data[i] == value;
    }
    return found;
}

uint8_t loop_add_max(uint8_t *restrict to, const uint8_t *restrict from, size_t count)
{
    uint8_t largest = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned sum = to[i] + from[i];

        to[i] = sum > 255 ? 255 : sum;
        largest = to[i] > largest ? to[i] : largest;
    }
    return largest;
}
