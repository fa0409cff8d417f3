/*
 * Choosing engines, and what the rest of the emulator asks of them.
 */
#include "accel/accel.h"
#include "accel/jit/jit.h"
#include "accel/kvm/kvm.h"
#include "accel/late-stores.h"
#include "accel/regions.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/cpus.h"
#include <string.h>

/* In the order in which -accel auto tries them. */
static const AccelOps *const engines[] = {&kvm_engine, &jit_engine, &interp_engine, NULL};

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

bool accel_translates(const GuestArch *arch)
{
    return arch->translate != NULL;
}

static unsigned engine_index(const AccelOps *engine)
{
    unsigned i = 0;
    while (engines[i] != engine) {
        i++;
    }
    return i;
}

/* @engine for another architecture than it runs. */
static bool unsupported(const Accel *accel, const AccelOps *engine, GError **error)
{
    const char *arch = accel->machine->cls->arch->name;

    if (engine->native) {
        return error_set(error,
                         "-accel %s runs guests of the host's architecture only, not %s; use "
                         "-accel jit",
                         engine->name, arch);
    }
    return error_set(error, "-accel %s does not translate %s code yet; use -accel kvm",
                     engine->name, arch);
}

/* Adds to why a native engine does not work that another one would. */
static bool suggest_other(const Accel *accel, const AccelOps *engine, GError **error)
{
    if (engine->native && error && *error && accel_translates(accel->machine->cls->arch)) {
        char *text = g_strconcat((*error)->message, "; or use -accel jit", NULL);
        g_free((*error)->message);
        (*error)->message = text;
    }
    return false;
}

static bool engine_init(Accel *accel, const AccelOps *engine, GError **error)
{
    uint32_t bit = 1u << engine_index(engine);

    if (!engine->supports(accel->machine->cls->arch)) {
        return unsupported(accel, engine, error);
    }
    if (!(accel->ready & bit) && engine->init && !engine->init(accel, error)) {
        return suggest_other(accel, engine, error);
    }
    accel->ready |= bit;
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
        !options_get_bool(opts, "force", &config->force, error) ||
        !options_get_u64(opts, "hop-insns", &config->hop_insns, error) ||
        !options_check_unused(opts, error)) {
        return false;
    }
    if (config->hop && !config->hop_insns) {
        return error_set(error, "-accel: hop-insns must be at least 1");
    }
    return true;
}

/* The best engine that can run the machine's code on this host; a line for each that should and cannot. */
static const AccelOps *try_all(Accel *accel, GError **error)
{
    const GuestArch *arch = accel->machine->cls->arch;
    GError *why = NULL;

    for (unsigned i = 0; engines[i]; i++) {
        if (!engines[i]->supports(arch)) {
            continue;
        }
        if (why) {
            fprintf(stderr, "amphi: %s; going on with -accel %s%s\n", why->message,
                    engines[i]->name, engines[i] == &interp_engine ? ", which is slow" : "");
            g_clear_error(&why);
        }
        if (engine_init(accel, engines[i], &why)) {
            return engines[i];
        }
    }
    if (why) {
        g_propagate_error(error, why);
    } else {
        error_set(error, "-accel auto: no engine runs %s guests here", arch->name);
    }
    return NULL;
}

/* Tries one name. Returns the engine, or NULL with @error set. */
static const AccelOps *try_engine(Accel *accel, const char *name, GError **error)
{
    if (!strcmp(name, "direct")) {
        error_set(error, "-accel direct is not in this version; use -accel kvm or jit");
        return NULL;
    }
    if (!strcmp(name, "auto")) {
        return try_all(accel, error);
    }
    const AccelOps *engine = engine_by_name(name);
    if (!engine) {
        unknown_engine(name, error);
        return NULL;
    }
    return engine_init(accel, engine, error) ? engine : NULL;
}

/* Tries one name after the other. Of the errors of those that failed *@why is the one that matters: the first of an
 * engine for this guest (*@fits), else the first. */
static const AccelOps *try_names(Accel *accel, char **names, bool *fits, GError **why)
{
    for (unsigned n = 0; names[n]; n++) {
        GError *error = NULL;
        const AccelOps *engine = try_engine(accel, names[n], &error),
                       *named = engine_by_name(names[n]);
        bool fit = named && named->supports(accel->machine->cls->arch);
        if (engine && *why) {
            fprintf(stderr, "amphi: %s; going on with -accel %s\n", (*why)->message, engine->name);
        }
        if (engine) {
            return engine;
        }
        if (!*why || (fit && !*fits)) {
            g_clear_error(why);
            *why = error;
        } else {
            g_error_free(error);
        }
        *fits |= fit;
    }
    return NULL;
}

static bool choose(Accel *accel, const char *const *list, GError **error)
{
    static const char *const automatic[] = {"auto", NULL};
    const char *const *prefs = list && list[0] ? list : automatic;
    GError *why = NULL;
    bool fits = false;

    for (unsigned i = 0; prefs[i]; i++) {
        Options *opts = options_parse("-accel", prefs[i], "accel", error);
        if (!opts) {
            g_clear_error(&why);
            return false;
        }
        char **names = g_strsplit(options_get(opts, "accel", "auto"), ":", -1);
        bool ok = read_config(&accel->config, opts, error);
        options_free(opts);
        accel->engine = ok ? try_names(accel, names, &fits, &why) : NULL;
        g_strfreev(names);
        if (!ok || accel->engine) {
            g_clear_error(&why);
            break;
        }
    }
    if (why) {
        g_propagate_error(error, why);
    }
    if (accel->engine && accel->config.hop && !engine_init(accel, accel->config.hop, error)) {
        return false;
    }
    return accel->engine != NULL;
}

static void code_written(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    Accel *accel = opaque;

    g_mutex_lock(&accel->lock);
    regions_drop_written(accel, ram_page, first, first + len - 1);
    g_mutex_unlock(&accel->lock);
}

static const TlbCodeHooks code_hooks = {
    .written = code_written,
    .contested = late_stores_expect,
};

static void ram_written(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    Accel *accel = opaque;
    tlb_code_written(accel->machine->tlb_system, ram_page, first, len);
}

static bool runner_init(Machine *machine, GError **error)
{
    Accel *accel = machine->accel;

    for (unsigned i = 0; engines[i]; i++) {
        if ((accel->ready >> i & 1) && engines[i]->machine_init &&
            !engines[i]->machine_init(accel, error)) {
            return false;
        }
    }
    return true;
}

/* What the translating engines need. */
static void init_translation(Accel *accel, Vcpu *vcpu)
{
    tlb_vcpu_init(vcpu->machine->tlb_system, vcpu);
    if (!accel->ir.vars) {
        ir_region_init(&accel->ir, vcpu->arch->vars, vcpu->arch->nvars, vcpu->arch->helpers,
                       vcpu->arch->nhelpers, vcpu->arch->pc_offset);
        ir_region_add_scratch(&accel->ir,
                              (int32_t)offsetof(Vcpu, scratch) - (int32_t)VCPU_STATE_OFFSET);
        accel->ir.wide = !accel->tcg || tcg_features(accel->tcg)->avx2;
        /* Without AVX2, vector ops are mostly calls. */
        if (accel->tcg && tcg_features(accel->tcg)->avx2) {
            accel->ir.kick_offset = (int32_t)offsetof(Vcpu, kick) - (int32_t)VCPU_STATE_OFFSET;
        }
    }
}

static bool runner_vcpu_init(Vcpu *vcpu, GError **error)
{
    Accel *accel = vcpu->machine->accel;
    AccelVcpu *av = g_new0(AccelVcpu, 1);

    av->accel = accel;
    av->want = accel->engine;
    vcpu->accel_data = av;
    if (vcpu->arch->translate) {
        init_translation(accel, vcpu);
    }
    for (unsigned i = 0; engines[i]; i++) {
        if ((accel->ready >> i & 1) && engines[i]->vcpu_init &&
            !engines[i]->vcpu_init(vcpu, error)) {
            return false;
        }
    }
    return true;
}

static void runner_vcpu_fini(Vcpu *vcpu)
{
    if (!vcpu->accel_data) {
        return;
    }
    for (unsigned i = 0; engines[i]; i++) {
        if (engines[i]->vcpu_fini) {
            engines[i]->vcpu_fini(vcpu);
        }
    }
    g_free(vcpu->accel_data);
    vcpu->accel_data = NULL;
    if (vcpu->tlbs) {
        tlb_vcpu_free(vcpu);
    }
}

static void runner_kick(Vcpu *vcpu)
{
    const AccelOps *engine = __atomic_load_n(&vcpu->engine, __ATOMIC_SEQ_CST);

    if (engine && engine->kick) {
        engine->kick(vcpu);
    }
}

static void runner_sync(Vcpu *vcpu)
{
    if (vcpu->engine && vcpu->engine->pull) {
        vcpu->engine->pull(vcpu);
    }
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

#define RUNNER(thread_name, ...)                                                                   \
    {                                                                                              \
        .name = thread_name, .init = runner_init, .vcpu_init = runner_vcpu_init, .run = accel_run, \
        .kick = runner_kick, .step = accel_step, .sync = runner_sync,                              \
        .drop_code_at = runner_drop_code_at, .get_insns = accel_get_insns,                         \
        .set_insns = accel_set_insns, .memory_replaced = runner_memory_replaced,                   \
        .vcpu_fini = runner_vcpu_fini, .stop = runner_stop, .fini = accel_free, __VA_ARGS__        \
    }

static const MachineRunner runner = RUNNER("TCG", .x86_cpuid = NULL);
static const MachineRunner kvm_runner =
    RUNNER("KVM", .x86_cpuid = kvm_host_cpuid, .debug_fits = kvm_debug_fits,
           .debug_lacks = 1u << DEBUG_WATCH_READ);

/*
 * What kind of memory the guest gets, decided here for all of it. Where KVM alone runs it, memory of this process: with
 * large pages there are far fewer faults, each of which leaves the guest. Otherwise memfds: direct execution will map
 * them into the processes that guest programs run in.
 */
static void choose_memory(Accel *accel)
{
    if (accel->engine->native && !accel->config.hop) {
        memory_map_set_private(accel->machine->memory);
    }
}

bool accel_new(Machine *machine, const char *const *list, GError **error)
{
    Accel *accel = g_new0(Accel, 1);

    accel->machine = machine;
    machine->accel = accel;
    regions_init(accel);
    accel_runtime_init(accel);
    tlb_system_new(machine);
    tlb_set_code_hooks(machine->tlb_system, &code_hooks, accel);
    memory_map_set_code_hook(machine->memory, ram_written, accel);
    if (!choose(accel, list, error)) {
        accel_free(machine);
        return false;
    }
    choose_memory(accel);
    machine->runner = accel->engine == &kvm_engine ? &kvm_runner : &runner;
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
        if ((accel->ready >> i & 1) && engines[i]->fini) {
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
