/*
 * The jit engine: translated host code.
 */
#ifndef AMPHI_JIT_H
#define AMPHI_JIT_H

#include "accel/regions.h"

/* Finds or makes the region for @pc in the current context. Faults unwind. NULL: no room in code memory. */
Region *jit_region(Vcpu *vcpu, uint64_t pc, uint32_t flags, uint32_t mode);

/* Makes the optimized region for @pc, if its first-tier region lives. */
void jit_optimize(Vcpu *vcpu, uint64_t pc);

/* A sample: on the vCPU's thread when it has left translated code at a poll. */
void jit_sample(Vcpu *vcpu);

/* Compiles accel->ir, which translate.h made for @region, to host code in the current segment; false if
 * there is no room, which is the end of the region. With the lock. */
bool jit_compile(Vcpu *vcpu, Region *region, bool optimize);

/* The sampling thread: made when the first vCPU enters translated code, and woken by those that follow. */
typedef struct JitSampler JitSampler;
void jit_sampler_wake(Accel *accel);
void jit_sampler_stop(Accel *accel); /* before the vCPUs' threads go, which it kicks */
void jit_sampler_free(Accel *accel);

/* Callbacks of translated code; see TcgRuntime. */
void *jit_resolve(void *vcpu, TcgExit *exit);
void *jit_lookup(void *vcpu);
void *jit_lookup_plain(void *vcpu);

/* Vcpu.sync of the engine. */
void jit_sync(Vcpu *vcpu);

#endif
