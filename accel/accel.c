/*
 * Choosing engines, and what the rest of the emulator asks of them.
 */
#include "accel/accel.h"
#include "accel/jit/jit.h"
#include "accel/regions.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/cpus.h"
#include <string.h>

static const AccelOps *const engines[] = {&jit_engine, &interp_engine, NULL};

/* Names that other tools and later versions use; not in this build. */
static const struct {
    const char *name, *why;
} absent[] = {
    {"kvm", "runs guests of the host's architecture only"},
    {"direct", "runs guests of the host's architecture only"},
};

void accel_help(GString *out)
{
    g_string_append(out, "Accelerators supported in this binary:\n");
    for (unsigned i = 0; engines[i]; i++) {
        g_string_append_printf(out, "%s\n", engines[i]->name);
        if (engines[i]->alias) {
            g_string_append_printf(out, "%s\n", engines[i]->alias);
        }
    }
    g_string_append(out, "auto\n");
}

static const AccelOps *engine_by_name(const char *name)
{
    for (unsigned i = 0; engines[i]; i++) {
        if (!strcmp(engines[i]->name, name) || !g_strcmp0(engines[i]->alias, name)) {
            return engines[i];
        }
    }
    return NULL;
}

static bool unknown_engine(const char *name, GError **error)
{
    static const char *const names[] = {"jit", "tcg", "interp", "auto", "kvm", NULL};
    const char *near = error_nearest(name, names);

    return near ? error_set(error, "-accel: unknown engine '%s'; did you mean '%s'?", name, near)
                : error_set(error, "-accel: unknown engine '%s'; see -accel help", name);
}

static bool *engine_ready(Accel *accel, const AccelOps *engine)
{
    return engine == &jit_engine ? &accel->ready_jit : &accel->ready_interp;
}

static bool engine_init(Accel *accel, const AccelOps *engine, GError **error)
{
    bool *ready = engine_ready(accel, engine);

    if (!*ready && engine->init && !engine->init(accel, error)) {
        return false;
    }
    *ready = true;
    return true;
}

/* Takes one property list; the engine's name is under "accel". */
static bool read_config(AccelConfig *config, Options *opts, GError **error)
{
    const char *thread = options_get(opts, "thread", "multi");
    const char *hop = options_get(opts, "hop", NULL);
    const char *tier2 = options_get(opts, "tier2", "hot");
    const char *off = options_get(opts, "features-off", NULL);

    if (strcmp(thread, "multi") && strcmp(thread, "single")) {
        return error_set(error, "-accel: thread must be 'multi' or 'single', not '%s'", thread);
    }
    config->tier2 = !strcmp(tier2, "hot")   ? TIER2_HOT
                    : !strcmp(tier2, "off") ? TIER2_OFF
                                            : TIER2_ALWAYS;
    if (config->tier2 == TIER2_ALWAYS && strcmp(tier2, "always")) {
        return error_set(error, "-accel: tier2 must be 'hot', 'off' or 'always', not '%s'", tier2);
    }
    if (hop) {
        config->hop = engine_by_name(hop);
        if (!config->hop) {
            return unknown_engine(hop, error);
        }
        config->hop_insns = 1000;
    }
    if (off) {
        g_free(config->features_off);
        config->features_off = g_strdelimit(g_strdup(off), ":", ',');
    }
    if (!options_get_size(opts, "tb-size", MIB, &config->tb_size, error) ||
        !options_get_u64(opts, "hop-insns", &config->hop_insns, error) ||
        !options_check_unused(opts, error)) {
        return false;
    }
    if (config->hop && !config->hop_insns) {
        return error_set(error, "-accel: hop-insns must be at least 1");
    }
    return true;
}

/* Tries one name. Returns the engine, or NULL with @error set. */
static const AccelOps *try_engine(Accel *accel, const char *name, GError **error)
{
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        if (!strcmp(name, absent[i].name)) {
            error_set(error, "-accel %s %s; use -accel jit", name, absent[i].why);
            return NULL;
        }
    }
    if (!strcmp(name, "auto")) {
        GError *jit_error = NULL;
        if (engine_init(accel, &jit_engine, &jit_error)) {
            return &jit_engine;
        }
        fprintf(stderr, "amphi: %s; going on with -accel interp, which is slow\n",
                jit_error->message);
        g_clear_error(&jit_error);
        name = "interp";
    }
    const AccelOps *engine = engine_by_name(name);
    if (!engine) {
        unknown_engine(name, error);
        return NULL;
    }
    return engine_init(accel, engine, error) ? engine : NULL;
}

static bool choose(Accel *accel, const char *const *list, GError **error)
{
    static const char *const automatic[] = {"auto", NULL};
    const char *const *prefs = list && list[0] ? list : automatic;

    for (unsigned i = 0; prefs[i]; i++) {
        g_clear_error(error);
        Options *opts = options_parse("-accel", prefs[i], "accel", error);
        if (!opts) {
            return false;
        }
        char **names = g_strsplit(options_get(opts, "accel", "auto"), ":", -1);
        bool ok = read_config(&accel->config, opts, error);
        options_free(opts);
        for (unsigned n = 0; ok && !accel->engine && names[n]; n++) {
            g_clear_error(error);
            accel->engine = try_engine(accel, names[n], error);
        }
        g_strfreev(names);
        if (!ok || accel->engine) {
            break;
        }
    }
    if (accel->engine && accel->config.hop && !engine_init(accel, accel->config.hop, error)) {
        return false;
    }
    return accel->engine != NULL;
}

/* Code was written to; see tlb_set_code_hook(). */
static bool code_written(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    Accel *accel = opaque;
    unsigned last = first + len - 1;
    bool again = true;

    g_mutex_lock(&accel->lock);
    while (again) {
        again = false;
        RegionSpan *span = accel->pages[ram_page];
        for (; span && !again; span = span->next) {
            if (span->first <= last && span->last >= first) {
                regions_drop(accel, regions_of_span(span)); /* changes the list */
                again = true;
            }
        }
    }
    bool left = accel->pages[ram_page] != NULL;
    g_mutex_unlock(&accel->lock);
    return left;
}

static void ram_written(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    Accel *accel = opaque;
    tlb_code_written(accel->machine->tlb_system, ram_page, first, len);
}

static void runner_vcpu_init(Vcpu *vcpu)
{
    Accel *accel = vcpu->machine->accel;
    AccelVcpu *av = g_new0(AccelVcpu, 1);

    av->accel = accel;
    av->want = accel->engine;
    vcpu->accel_data = av;
    tlb_vcpu_init(vcpu->machine->tlb_system, vcpu);
    if (!accel->ir.vars) {
        ir_region_init(&accel->ir, vcpu->arch->vars, vcpu->arch->nvars, vcpu->arch->helpers,
                       vcpu->arch->nhelpers, vcpu->arch->pc_offset);
    }
}

static void runner_vcpu_fini(Vcpu *vcpu)
{
    g_free(vcpu->accel_data);
    vcpu->accel_data = NULL;
    tlb_vcpu_free(vcpu);
}

static void runner_drop_code_at(Machine *machine, uint64_t addr)
{
    regions_drop_at(machine->accel, addr);
}

static void runner_memory_replaced(Machine *machine)
{
    regions_drop_all(machine->accel);
}

static void runner_stop(Machine *machine)
{
    jit_sampler_stop(machine->accel);
}

static const MachineRunner runner = {
    .name = "TCG",
    .vcpu_init = runner_vcpu_init,
    .run = accel_run,
    .step = accel_step,
    .drop_code_at = runner_drop_code_at,
    .get_insns = accel_get_insns,
    .set_insns = accel_set_insns,
    .memory_replaced = runner_memory_replaced,
    .vcpu_fini = runner_vcpu_fini,
    .stop = runner_stop,
    .fini = accel_free,
};

bool accel_new(Machine *machine, const char *const *list, GError **error)
{
    Accel *accel = g_new0(Accel, 1);

    accel->machine = machine;
    machine->accel = accel;
    regions_init(accel);
    accel_runtime_init(accel);
    tlb_system_new(machine);
    tlb_set_code_hook(machine->tlb_system, code_written, accel);
    memory_map_set_code_hook(machine->memory, ram_written, accel);
    if (!choose(accel, list, error)) {
        accel_free(machine);
        return false;
    }
    machine->runner = &runner;
    return true;
}

void accel_free(Machine *machine)
{
    Accel *accel = machine->accel;

    if (!accel) {
        return;
    }
    regions_fini(accel);
    for (unsigned i = 0; engines[i]; i++) {
        if (*engine_ready(accel, engines[i]) && engines[i]->fini) {
            engines[i]->fini(accel);
        }
    }
    if (accel->ir.vars) {
        ir_region_free(&accel->ir);
    }
    tlb_system_free(machine->tlb_system);
    machine->tlb_system = NULL;
    g_free(accel->config.features_off);
    g_free(accel);
    machine->accel = NULL;
}

bool accel_switch(Machine *machine, const char *name, int index, GError **error)
{
    const AccelOps *engine = engine_by_name(name);

    if (!engine) {
        return unknown_engine(name, error);
    }
    if (index >= (int)machine->ncpus) {
        return error_set(error, "there is no CPU %d; the machine has %u", index, machine->ncpus);
    }
    if (!engine_init(machine->accel, engine, error)) {
        return false;
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        if (index < 0 || (unsigned)index == i) {
            __atomic_store_n(&accel_vcpu(machine->cpus[i])->want, engine, __ATOMIC_RELAXED);
            vcpu_kick(machine->cpus[i]);
        }
    }
    if (index < 0) {
        __atomic_store_n(&machine->accel->engine, engine, __ATOMIC_RELAXED);
    }
    return true;
}

const char *accel_name(const Vcpu *vcpu)
{
    return accel_vcpu(vcpu)->want->name;
}
