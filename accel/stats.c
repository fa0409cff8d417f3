/*
 * Figures of the translating engines: `info jit`, and -d profile at exit.
 */
#include "accel/kvm/kvm.h"

static double ms(uint64_t ns)
{
    return ns / 1e6;
}

/* With -d profile: where the vCPUs' time went. */
static void print_times(const Machine *machine, GString *out)
{
    struct VcpuTimes sum = {0};

    for (unsigned i = 0; i < machine->ncpus; i++) {
        const struct VcpuTimes *t = &machine->cpus[i]->times;
        sum.run += t->run;
        sum.fill += t->fill;
        sum.device += t->device;
        sum.translate += t->translate;
        sum.idle += t->idle;
    }
    uint64_t others = sum.fill + sum.device + sum.translate;
    if (sum.run < others) {
        return; /* not profiled from the start */
    }
    g_string_append_printf(out,
                           "vCPU time: execution %.1f ms, translation %.1f ms (%.1f %%), TLB fills "
                           "%.1f ms, device models %.1f ms, idle %.1f ms\n",
                           ms(sum.run - others), ms(sum.translate),
                           sum.run ? 100.0 * sum.translate / sum.run : 0.0, ms(sum.fill),
                           ms(sum.device), ms(sum.idle));
}

static void print_tlbs(const Machine *machine, GString *out)
{
    TlbStats sum = {0};

    for (unsigned i = 0; i < machine->ncpus; i++) {
        if (!machine->cpus[i]->tlbs) {
            continue;
        }
        const TlbStats *s = &machine->cpus[i]->tlbs->stats;
        sum.fills += s->fills;
        sum.walks += s->walks;
        sum.victim_hits += s->victim_hits;
        sum.large_hits += s->large_hits;
        sum.flushes += s->flushes;
        sum.page_flushes += s->page_flushes;
        sum.context_misses += s->context_misses;
        sum.given_back += s->given_back;
    }
    g_string_append_printf(out,
                           "TLB: fills %" G_GUINT64_FORMAT ", page walks %" G_GUINT64_FORMAT
                           ", victim hits %" G_GUINT64_FORMAT ", large-page hits %" G_GUINT64_FORMAT
                           "\n"
                           "TLB: context flushes %" G_GUINT64_FORMAT
                           ", page flushes %" G_GUINT64_FORMAT ", new contexts %" G_GUINT64_FORMAT
                           "\n",
                           sum.fills, sum.walks, sum.victim_hits, sum.large_hits, sum.flushes,
                           sum.page_flushes, sum.context_misses);
    g_string_append_printf(out, "pages of zeros given back to the host: %" G_GUINT64_FORMAT "\n",
                           sum.given_back);
}

void accel_print_stats(Machine *machine, GString *out)
{
    Accel *accel = machine->accel;
    const AccelStats *s = &accel->stats;
    size_t used = 0, size = 0;

    g_mutex_lock(&accel->lock);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        used += accel->segments[i].at - accel->segments[i].start;
        size += accel->segments[i].end - accel->segments[i].start;
    }
    g_string_append_printf(out,
                           "regions: %" G_GUINT64_FORMAT " translated (%" G_GUINT64_FORMAT
                           " optimized), %" G_GUINT64_FORMAT " dropped\n"
                           "guest instructions translated: %" G_GUINT64_FORMAT
                           ", IR instructions: %" G_GUINT64_FORMAT
                           ", host bytes: %" G_GUINT64_FORMAT "\n"
                           "code memory: %zu of %zu KiB in use, %" G_GUINT64_FORMAT " evictions\n",
                           s->regions, s->regions_opt, s->kills, s->guest_insns, s->ir_insns,
                           s->host_bytes, used >> 10, size >> 10, s->evictions);
    g_string_append_printf(out,
                           "time: first translation %.1f ms (%" G_GUINT64_FORMAT
                           " ns a region), optimization %.1f ms\n"
                           "links made: %" G_GUINT64_FORMAT "\n",
                           ms(s->translate_ns),
                           s->translate_ns / MAX(s->regions - s->regions_opt, 1),
                           ms(s->optimize_ns), s->resolves);
    g_mutex_unlock(&accel->lock);
    print_times(machine, out);
    accel_print_exits(machine, out);
    print_tlbs(machine, out);
    for (unsigned i = 0; i < machine->ncpus; i++) {
        const Vcpu *vcpu = machine->cpus[i];
        g_string_append_printf(out,
                               "CPU %u: engine %s%s, lookups %" G_GUINT64_FORMAT
                               ", samples %" G_GUINT64_FORMAT "\n",
                               i, accel_name(vcpu), vcpu->counting ? ", counting instructions" : "",
                               accel_vcpu(vcpu)->lookups, accel_vcpu(vcpu)->samples);
    }
}

void accel_print_exits(Machine *machine, GString *out)
{
    if (machine->accel->kvm) {
        kvm_print_exits(machine, out);
    }
}
