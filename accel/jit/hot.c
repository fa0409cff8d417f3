/*
 * The jit engine: finding what is hot, and optimizing it.
 *
 * A thread looks at the running vCPUs about once a millisecond and kicks them. A vCPU that leaves
 * translated code at a poll is at the head of a loop or at an indirect jump, so where it left is a sample
 * of the loops that time is spent in; the second sample of the same pc has that loop optimized. Thus hot
 * code costs nothing to find: first-tier code carries no counters. The thread sleeps while no vCPU
 * runs.
 */
#include "accel/jit/jit.h"
#include "accel/translate.h"
#include "softmmu/cpus.h"
#include "softmmu/profile.h"

#define SAMPLE_NS (1000 * 1000)
#define SAMPLES_TO_OPTIMIZE 2
#define IDLE_ROUNDS 20

/* Host code that a second-tier region may need. */
#define HOST_BYTES_HOT (64 * 1024)

struct JitSampler {
    Accel *accel;
    GThread *thread;
    GMutex lock;
    GCond wake;
    bool sleeping; /* atomic */
    bool quit;
};

void jit_optimize(Vcpu *vcpu, uint64_t pc)
{
    Accel *accel = accel_vcpu(vcpu)->accel;
    uint32_t flags = vcpu->arch->tb_flags(vcpu);
    uint64_t begin = profile_now();
    CodePage page;

    if (vcpu->counting || !tlb_code_page_cached(vcpu, pc, &page)) {
        return;
    }
    regions_lock(vcpu);
    Region *head = regions_find(accel, pc, page.ram_page, flags, 0);
    if (head && !head->better && regions_room(accel, HOST_BYTES_HOT)) {
        Region *region = translate_hot(vcpu, head);
        if (region && jit_compile(vcpu, region, true)) {
            regions_add(accel, region);
            regions_supersede(accel, head, region);
            tlb_jump_clear_pc(vcpu, pc);
            accel->stats.regions_opt++;
        }
    }
    uint64_t took = profile_now() - begin;
    accel->stats.optimize_ns += took;
    vcpu->times.translate += took;
    regions_unlock(vcpu);
}

void jit_sample(Vcpu *vcpu)
{
    AccelVcpu *av = accel_vcpu(vcpu);
    uint64_t pc = vcpu->arch->get_pc(vcpu);
    unsigned slot = (pc >> 1 ^ pc >> 7) % ARRAY_SIZE(av->sample_pc);

    av->samples++;
    if (av->sample_pc[slot] != pc) {
        av->sample_pc[slot] = pc;
        av->sample_hits[slot] = 1;
    } else if (++av->sample_hits[slot] == SAMPLES_TO_OPTIMIZE) {
        av->sample_hits[slot] = 0;
        jit_optimize(vcpu, pc);
    }
}

static void *sampler_run(void *opaque)
{
    JitSampler *sampler = opaque;
    Machine *machine = sampler->accel->machine;
    unsigned idle = 0;

    g_mutex_lock(&sampler->lock);
    while (!sampler->quit) {
        if (idle >= IDLE_ROUNDS) {
            __atomic_store_n(&sampler->sleeping, true, __ATOMIC_SEQ_CST);
            g_cond_wait(&sampler->wake, &sampler->lock);
            __atomic_store_n(&sampler->sleeping, false, __ATOMIC_SEQ_CST);
            idle = 0;
            continue;
        }
        g_mutex_unlock(&sampler->lock);
        const struct timespec pause = {0, SAMPLE_NS};
        nanosleep(&pause, NULL);
        idle++;
        for (unsigned i = 0; i < machine->ncpus; i++) {
            Vcpu *vcpu = machine->cpus[i];
            if (__atomic_load_n(&vcpu->epoch, __ATOMIC_RELAXED)) {
                __atomic_store_n(&accel_vcpu(vcpu)->sample, true, __ATOMIC_RELAXED);
                /* Not just its word: the vCPU may have gone to sleep since, and whoever finds the word
                 * set leaves the waking to who set it. */
                vcpu_kick(vcpu);
                idle = 0;
            }
        }
        g_mutex_lock(&sampler->lock);
    }
    g_mutex_unlock(&sampler->lock);
    return NULL;
}

static JitSampler *sampler_new(Accel *accel)
{
    JitSampler *sampler = g_new0(JitSampler, 1);

    sampler->accel = accel;
    g_mutex_init(&sampler->lock);
    g_cond_init(&sampler->wake);
    sampler->thread = g_thread_new("sampler", sampler_run, sampler);
    return sampler;
}

void jit_sampler_wake(Accel *accel)
{
    JitSampler *sampler = __atomic_load_n(&accel->sampler, __ATOMIC_ACQUIRE);

    if (unlikely(!sampler)) {
        g_mutex_lock(&accel->lock);
        if (!accel->sampler) {
            __atomic_store_n(&accel->sampler, sampler_new(accel), __ATOMIC_RELEASE);
        }
        g_mutex_unlock(&accel->lock);
    } else if (unlikely(__atomic_load_n(&sampler->sleeping, __ATOMIC_RELAXED))) {
        g_mutex_lock(&sampler->lock);
        g_cond_signal(&sampler->wake);
        g_mutex_unlock(&sampler->lock);
    }
}

void jit_sampler_stop(Accel *accel)
{
    JitSampler *sampler = __atomic_load_n(&accel->sampler, __ATOMIC_ACQUIRE);

    if (!sampler || !sampler->thread) {
        return;
    }
    g_mutex_lock(&sampler->lock);
    sampler->quit = true;
    g_cond_signal(&sampler->wake);
    g_mutex_unlock(&sampler->lock);
    g_thread_join(sampler->thread);
    sampler->thread = NULL;
}

void jit_sampler_free(Accel *accel)
{
    JitSampler *sampler = accel->sampler;

    if (sampler) {
        jit_sampler_stop(accel);
        g_mutex_clear(&sampler->lock);
        g_cond_clear(&sampler->wake);
        g_free(sampler);
        accel->sampler = NULL;
    }
}
