/*
 * Bit and alignment arithmetic that every layer uses.
 */
#ifndef AMPHI_BASE_BITS_H
#define AMPHI_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* The structure that contains @member at @ptr. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* @len bits of @v from bit @pos up; 1 <= len <= 64, pos + len <= 64. */
static inline uint64_t bits_get(uint64_t v, unsigned pos, unsigned len)
{
    return (v >> pos) & (~UINT64_C(0) >> (64 - len));
}

/* @v with @len bits from bit @pos up replaced by the low bits of @field. */
static inline uint64_t bits_set(uint64_t v, unsigned pos, unsigned len, uint64_t field)
{
    uint64_t mask = (~UINT64_C(0) >> (64 - len)) << pos;
    return (v & ~mask) | ((field << pos) & mask);
}

/* The low @len bits of @v sign-extended to 64 bits; 1 <= len <= 64. */
static inline int64_t bits_sext(uint64_t v, unsigned len)
{
    return (int64_t)(v << (64 - len)) >> (64 - len);
}

/* @v rounded down or up to a multiple of @align, a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

#endif
