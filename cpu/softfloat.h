/*
 * Exact binary floating point in software: IEEE 754-2019 arithmetic on half, single and double precision,
 * in five rounding modes, with exception flags.
 *
 * For what the host's FP unit does not do, or not with the same result: rounding to nearest with ties
 * away, half precision, conversions out of range. Values are bit patterns in the low bits of a uint64_t
 * (the rest is ignored in operands and zero in results). Every NaN result is the default NaN: positive,
 * quiet, zero payload. All functions are pure but for the flags, which they add to env->flags.
 */
#ifndef AMPHI_SOFTFLOAT_H
#define AMPHI_SOFTFLOAT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum SfFormat { SF_F16, SF_F32, SF_F64 } SfFormat;

typedef enum SfRound { SF_NEAREST_EVEN, SF_TO_ZERO, SF_DOWN, SF_UP, SF_NEAREST_AWAY } SfRound;

typedef enum SfFlags {
    SF_INEXACT = 1,
    SF_UNDERFLOW = 2,
    SF_OVERFLOW = 4,
    SF_DIV_BY_ZERO = 8,
    SF_INVALID = 16
} SfFlags;

typedef struct SfEnv {
    SfRound round;
    uint8_t flags;    /* SfFlags, accrued */
    bool tiny_before; /* underflow is detected before rounding instead of after */
} SfEnv;

typedef enum SfOrder { SF_LESS, SF_EQUAL, SF_GREATER, SF_UNORDERED } SfOrder;

typedef enum SfClass {
    SF_NEG_INF,
    SF_NEG_NORMAL,
    SF_NEG_SUBNORMAL,
    SF_NEG_ZERO,
    SF_POS_ZERO,
    SF_POS_SUBNORMAL,
    SF_POS_NORMAL,
    SF_POS_INF,
    SF_SIGNALING_NAN,
    SF_QUIET_NAN
} SfClass;

typedef enum SfInt { SF_S32, SF_U32, SF_S64, SF_U64 } SfInt;

uint64_t sf_add(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_sub(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_mul(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_div(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_sqrt(SfEnv *env, SfFormat format, uint64_t a);

/* +-(a * b) +- c with one rounding. Infinity times zero is invalid even if c is a quiet NaN. */
uint64_t sf_fma(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, uint64_t c,
                bool negate_product, bool negate_addend);

uint64_t sf_convert(SfEnv *env, SfFormat from, SfFormat to, uint64_t a);

/* From an integer: @value is taken as int64_t if @is_signed, else as uint64_t (extend smaller ones). */
uint64_t sf_from_int(SfEnv *env, SfFormat format, uint64_t value, bool is_signed);

/* To an integer, rounded in env's mode, extended to 64 bits as its type says. Out of range: saturated, a NaN
 * as the largest; invalid, and then not inexact. */
uint64_t sf_to_int(SfEnv *env, SfFormat format, uint64_t a, SfInt type);

/* To an int32_t modulo 2^32, rounded to zero, NaN and infinity as 0; flags as of sf_to_int(SF_S32). */
int32_t sf_to_int32_modular(SfEnv *env, SfFormat format, uint64_t a);

/* To an integral value in env's mode. @exact: raises inexact where the value changes. */
uint64_t sf_round_to_int(SfEnv *env, SfFormat format, uint64_t a, bool exact);

/* @signaling: a quiet NaN is invalid too. */
SfOrder sf_compare(SfEnv *env, SfFormat format, uint64_t a, uint64_t b, bool signaling);

/* minimumNumber and maximumNumber: of a NaN and a number, the number. -0 is less than +0. */
uint64_t sf_min_number(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_max_number(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
/* minimum and maximum: a NaN if either is. */
uint64_t sf_minimum(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);
uint64_t sf_maximum(SfEnv *env, SfFormat format, uint64_t a, uint64_t b);

SfClass sf_classify(SfFormat format, uint64_t a);

uint64_t sf_default_nan(SfFormat format);

#endif
