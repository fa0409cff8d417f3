/*
 * Where a vCPU's time goes: for -d profile, which prints the split at exit. Off, it costs a test of the log
 * mask in code that is slow anyway.
 */
#ifndef AMPHI_PROFILE_H
#define AMPHI_PROFILE_H

#include "softmmu/base/log.h"
#include <stdint.h>
#include <time.h>

static inline uint64_t profile_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

/* The time now in ns, or 0 if nobody wants a profile. */
static inline uint64_t profile_begin(void)
{
    return log_enabled(LOG_PROFILE) ? profile_now() : 0;
}

/* Adds the time since @begin to @sum. */
static inline void profile_end(uint64_t *sum, uint64_t begin)
{
    if (__builtin_expect(begin != 0, 0)) {
        *sum += profile_now() - begin;
    }
}

#endif
