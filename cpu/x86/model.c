/*
 * CPU models: from "x86-64-v2,+avx,-aes" to the features and the identity of a processor.
 *
 * A model is a set of features and an identity. What the engine cannot give is left out: with one line if the
 * model wants it, as an error if the user asked for it by name. Nested virtualization and AMX are not offered:
 * their state is not part of X86State.
 */
#include "cpu/x86/model.h"
#include "softmmu/base/error.h"
#include <stdio.h>
#include <string.h>

/* ---- The models ---- */

/* Levels of the x86-64 psABI, section 3.1.1, and what every model has beside. */
#define BASE                                                                                \
    "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr " \
    "sse sse2 sse3 cx16 syscall nx lm x2apic hypervisor tsc-adjust arat "
#define V2 BASE "lahf-lm popcnt sse4.1 sse4.2 ssse3 "
#define V3 V2 "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave "
#define PARAVIRTUAL                                                                                \
    "tsc-deadline kvmclock-old kvmclock kvm-nopiodelay kvm-steal-time kvm-pv-eoi kvm-asyncpf-int " \
    "kvm-pv-unhalt kvm-pv-tlb-flush kvm-pv-ipi kvm-pv-sched-yield kvmclock-stable-bit"

static const struct {
    const char *name, *desc;
    const char *features; /* NULL: all that the engine can give */
    const char *brand;
    unsigned family, model, stepping;
} models[] = {
    {"host", "the host's processor, with all that KVM can give of it", NULL, NULL, 0, 0, 0},
    {"max", "all features that the engine can give", NULL, NULL, 0, 0, 0},
    {"qemu64", "a plain 64-bit processor, as other emulators' default", BASE PARAVIRTUAL,
     "amphi virtual CPU", 15, 107, 1},
    {"x86-64-v2", "the second level of the x86-64 psABI: with SSE4.2", V2 PARAVIRTUAL,
     "amphi virtual CPU v2", 15, 107, 1},
    {"x86-64-v3", "its third level: with AVX2", V3 PARAVIRTUAL, "amphi virtual CPU v3", 15, 107, 1},
};

const char *const x86_cpu_models[] = {"host", "max", "qemu64", "x86-64-v2", "x86-64-v3", NULL};

/* Never offered. */
static const char hidden[] = "vmx svm sgx mpx hle rtm amx-tile amx-int8 amx-bf16 pdcm perfctr-core "
                             "core-capability bus-lock-detect monitor kvm-asyncpf "
                             "kvm-msi-ext-dest-id osvw waitpkg";

static void set_feature(uint32_t *words, const X86Feature *f, bool on)
{
    words[f->word] = (words[f->word] & ~(1u << f->bit)) | (uint32_t)on << f->bit;
}

static void set_features(uint32_t *words, const char *list, bool on)
{
    char **names = g_strsplit(list, " ", -1);
    for (unsigned i = 0; names[i]; i++) {
        const X86Feature *f = *names[i] ? x86_feature_find(names[i]) : NULL;
        if (f) {
            set_feature(words, f, on);
        }
    }
    g_strfreev(names);
}

/* ---- What the engine can give ---- */

static uint32_t word_of(const X86Cpuid *cpuid, unsigned word)
{
    const X86FeatureWord *w = &x86_feature_words[word];
    const X86CpuidEntry *e = x86_cpuid_find(cpuid, w->leaf, w->subleaf);
    return e ? e->reg[w->reg] : 0;
}

static void supported_features(const X86Cpuid *host, uint32_t *words)
{
    for (unsigned i = 0; i < X86_FEATURE_WORDS; i++) {
        words[i] = word_of(host, i);
    }
    /* KVM does not list what it does without being asked. */
    if (x86_cpuid_find(host, 0x40000001, 0)) {
        set_features(words, "x2apic hypervisor arat", true);
    }
    set_features(words, hidden, false);
}

/* Without an engine to ask (device tests), the models as they are written. */
static void all_features(uint32_t *words)
{
    for (unsigned i = 0; i < X86_FEATURE_WORDS; i++) {
        words[i] = 0;
    }
    set_features(words, V3, true);
}

/* ---- Identity ---- */

static void identity_of_host(const X86Cpuid *host, X86Identity *id)
{
    const X86CpuidEntry *e = x86_cpuid_find(host, 0, 0);
    const uint32_t order[3] = {X86_EBX, X86_EDX, X86_ECX};

    for (unsigned i = 0; e && i < 3; i++) {
        memcpy(id->vendor + 4 * i, &e->reg[order[i]], 4);
    }
    e = x86_cpuid_find(host, 1, 0);
    if (e) {
        uint32_t eax = e->reg[X86_EAX], base = eax >> 8 & 15;
        id->family = base == 15 ? base + (eax >> 20 & 0xff) : base;
        id->model = (eax >> 4 & 15) | (base == 6 || base == 15 ? eax >> 12 & 0xf0 : 0);
        id->stepping = eax & 15;
    }
    for (unsigned i = 0; i < 3; i++) {
        e = x86_cpuid_find(host, 0x80000002 + i, 0);
        if (e) {
            memcpy(id->brand + 16 * i, e->reg, 16);
        }
    }
}

static void set_identity(X86Model *m, unsigned which, const X86Cpuid *host)
{
    const X86CpuidEntry *sizes = host ? x86_cpuid_find(host, 0x80000008, 0) : NULL;

    g_strlcpy(m->identity.vendor, "AuthenticAMD", sizeof(m->identity.vendor));
    if (host) { /* also for the others: instructions differ between vendors in small things */
        identity_of_host(host, &m->identity);
    }
    if (models[which].brand) {
        m->identity.family = models[which].family;
        m->identity.model = models[which].model;
        m->identity.stepping = models[which].stepping;
        g_strlcpy(m->identity.brand, models[which].brand, sizeof(m->identity.brand));
    } else if (!m->identity.family) {
        m->identity.family = 15;
        m->identity.model = 107;
    }
    m->identity.phys_bits = sizes ? sizes->reg[X86_EAX] & 0xff : 40;
}

/* ---- Parsing ---- */

typedef struct Parse {
    X86Model *model;
    const X86Cpuid *host;
    uint32_t supported[X86_FEATURE_WORDS];
} Parse;

static bool unknown_feature(const char *name, GError **error)
{
    const char *names[300];
    unsigned n = 0;

    for (unsigned i = 0; x86_features[i].name; i++) {
        names[n++] = x86_features[i].name;
    }
    names[n] = NULL;
    const char *near = error_nearest(name, names);
    return near ? error_set(error, "-cpu: unknown feature '%s'; did you mean '%s'?", name, near)
                : error_set(error, "-cpu: unknown feature '%s'; '-cpu help' lists them", name);
}

static bool want_feature(Parse *p, const char *name, bool on, GError **error)
{
    const X86Feature *f = x86_feature_find(name);

    if (!f) {
        return unknown_feature(name, error);
    }
    if (on && !(p->supported[f->word] >> f->bit & 1)) {
        return error_set(error, "-cpu: this engine has no '%s' to give on this host; leave it out",
                         name);
    }
    set_feature(p->model->features, f, on);
    return true;
}

static bool parse_switch(const char *value, bool *on)
{
    *on = !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true");
    return *on || !strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "false");
}

/* In Hz, or with a suffix: 2500000000, 2.5G. */
static bool parse_frequency(const char *value, uint64_t *khz, GError **error)
{
    static const char suffixes[] = "kMG";
    char *end;
    double hz = g_ascii_strtod(value, &end);
    const char *suffix = *end ? strchr(suffixes, *end) : NULL;

    for (long i = suffix ? suffix - suffixes : -1; i >= 0; i--) {
        hz *= 1000;
    }
    if (end == value || (*end && !suffix) || (suffix && end[1]) || !(hz >= 1e6 && hz <= 1e12)) {
        return error_set(
            error, "-cpu: tsc-frequency is a number of Hz such as 2500000000 or 2.5G, not '%s'",
            value);
    }
    *khz = hz / 1000;
    return true;
}

/* name=value, or a flag. */
static bool parse_property(Parse *p, const char *name, const char *value, GError **error)
{
    bool on;

    if (g_str_has_prefix(name, "hv_") || g_str_has_prefix(name, "hv-")) {
        return x86_hyperv_parse(&p->model->hyperv, name, value, p->host, error);
    }
    if (!strcmp(name, "tsc-frequency")) {
        return parse_frequency(value, &p->model->tsc_khz, error);
    }
    if (!parse_switch(value, &on)) {
        return error_set(error, "-cpu: %s is on or off, not '%s'", name, value);
    }
    if (!strcmp(name, "kvm")) {
        p->model->kvm = on;
        return true;
    }
    if (!strcmp(name, "host-cache-info")) {
        p->model->host_cache = on;
        return true;
    }
    if (!strcmp(name, "migratable") || !strcmp(name, "check") || !strcmp(name, "enforce")) {
        return true; /* what others need them for is so anyway */
    }
    return want_feature(p, name, on, error);
}

static bool parse_item(Parse *p, char *item, GError **error)
{
    if (item[0] == '+' || item[0] == '-') {
        return want_feature(p, item + 1, item[0] == '+', error);
    }
    char *equals = strchr(item, '=');
    if (equals) {
        *equals = 0;
    }
    return parse_property(p, item, equals ? equals + 1 : "on", error);
}

/* The model's own wishes that the engine does not have. */
static void say_missing(const char *model, const uint32_t *missing)
{
    GString *names = g_string_new(NULL);

    for (unsigned i = 0; x86_features[i].name; i++) {
        const X86Feature *f = &x86_features[i];
        if ((missing[f->word] >> f->bit & 1) && f->word != X86_FKVM_EAX &&
            strcmp(f->name, "tsc-deadline") != 0) { /* these two come and go with the engine */
            g_string_append_printf(names, " %s", f->name);
        }
    }
    if (names->len) {
        fprintf(stderr, "amphi: -cpu %s without%s, which this host's engine does not have\n", model,
                names->str);
    }
    g_string_free(names, true);
}

static void take_model(Parse *p, unsigned which, bool quiet)
{
    uint32_t *words = p->model->features, missing[X86_FEATURE_WORDS];

    if (!models[which].features) {
        memcpy(words, p->supported, sizeof(p->supported));
        return;
    }
    set_features(words, models[which].features, true);
    for (unsigned i = 0; i < X86_FEATURE_WORDS; i++) {
        missing[i] = words[i] & ~p->supported[i];
        words[i] &= p->supported[i];
    }
    if (!quiet) {
        say_missing(models[which].name, missing);
    }
}

/* What needs another feature goes with it. */
static void drop_dependents(uint32_t *words)
{
    static const struct {
        const char *needs, *features;
    } rules[] = {
        {"xsave", "avx xsaveopt xsavec xgetbv1 xsaves pku"},
        {"avx", "avx2 fma f16c vaes vpclmulqdq xop fma4 avx-vnni avx-ifma avx512f"},
        {"avx512f",
         "avx512dq avx512ifma avx512pf avx512er avx512cd avx512bw avx512vl avx512vbmi "
         "avx512vbmi2 avx512vnni avx512bitalg avx512-vpopcntdq avx512-4vnniw avx512-4fmaps "
         "avx512-vp2intersect avx512-fp16 avx512-bf16"},
        {"lm", "syscall lahf-lm pdpe1gb la57"},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        const X86Feature *f = x86_feature_find(rules[i].needs);
        if (!(words[f->word] >> f->bit & 1)) {
            set_features(words, rules[i].features, false);
        }
    }
}

static bool parse(Parse *p, const char *text, bool quiet, GError **error)
{
    char **items = g_strsplit(text, ",", -1);
    unsigned which = 0;
    bool ok = true;

    while (which < ARRAY_SIZE(models) && g_strcmp0(items[0], models[which].name)) {
        which++;
    }
    if (which == ARRAY_SIZE(models)) {
        const char *near = items[0] ? error_nearest(items[0], x86_cpu_models) : NULL;
        ok = near ? error_set(error, "-cpu: unknown model '%s'; did you mean '%s'?", items[0], near)
                  : error_set(error, "-cpu: unknown model '%s'; '-cpu help' lists them", text);
    } else {
        take_model(p, which, quiet);
        set_identity(p->model, which, p->host);
        p->model->host_cache = !models[which].brand;
    }
    for (unsigned i = 1; ok && items[i]; i++) {
        ok = parse_item(p, items[i], error);
    }
    ok = ok && x86_hyperv_check(&p->model->hyperv, error);
    drop_dependents(p->model->features);
    g_strfreev(items);
    return ok;
}

static X86Model *model_parse(const char *text, const X86Cpuid *host, bool quiet, GError **error)
{
    Parse p = {.model = g_new0(X86Model, 1), .host = host};

    if (host) {
        supported_features(host, p.supported);
    } else {
        all_features(p.supported);
    }
    p.model->name = g_strdup(text);
    p.model->kvm = host && x86_cpuid_find(host, 0x40000001, 0);
    if (!parse(&p, text, quiet, error)) {
        x86_model_free(p.model);
        return NULL;
    }
    return p.model;
}

/* ---- Processors of a machine ---- */

static unsigned bits_for(unsigned n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

/* Threads and cores as given, or all CPUs the cores of one package. APIC ids have a field for each. */
static void set_topology(X86Model *m, const X86Place *place)
{
    m->threads = MAX(place->threads, 1);
    m->cores = place->cores ? place->cores : (MAX(place->cpus, 1) + m->threads - 1) / m->threads;
    unsigned thread = place->index % m->threads, core = place->index / m->threads % m->cores;
    unsigned package = place->index / m->threads / m->cores;
    unsigned core_shift = bits_for(m->threads), package_shift = core_shift + bits_for(m->cores);
    m->apic_id = package << package_shift | core << core_shift | thread;
}

X86Model *x86_model_new(const char *text, const X86Cpuid *host, const X86Place *place,
                        GError **error)
{
    X86Model *m = model_parse(text ? text : "max", host, place->index > 0, error);

    if (m) {
        set_topology(m, place);
        x86_model_make_cpuid(m, host);
    }
    return m;
}

void x86_model_free(X86Model *model)
{
    if (model) {
        g_free(model->name);
        g_free(model);
    }
}

uint32_t x86_model_signature(const X86Model *model)
{
    const X86CpuidEntry *e = x86_cpuid_find(&model->cpuid, 1, 0);
    return e ? e->reg[X86_EAX] : 0;
}

uint32_t x86_model_apic_id(const X86Model *model)
{
    return model->apic_id;
}

const X86Cpuid *x86_model_cpuid(const X86Model *model)
{
    return &model->cpuid;
}

uint64_t x86_cpu_wanted_tsc_khz(const Vcpu *vcpu)
{
    return x86_state(vcpu)->model->tsc_khz;
}

bool x86_cpu_enforces_hyperv(const Vcpu *vcpu)
{
    return x86_state(vcpu)->model->hyperv.enforce;
}

const char *x86_model_name(const X86Model *model)
{
    return model->name;
}

/* FNV-1a over features and identity. */
uint64_t x86_model_checksum(const X86Model *model)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    uint8_t bytes[sizeof(model->features) + sizeof(model->identity)];

    memcpy(bytes, model->features, sizeof(model->features));
    memcpy(bytes + sizeof(model->features), &model->identity, sizeof(model->identity));
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

const X86Cpuid *x86_cpu_cpuid_table(const Vcpu *vcpu)
{
    return x86_model_cpuid(x86_state(vcpu)->model);
}

void x86_cpu_cpuid(const Vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const X86CpuidEntry *e = x86_cpuid_find(x86_cpu_cpuid_table(vcpu), leaf, subleaf);

    memset(out, 0, 4 * sizeof(uint32_t));
    if (e) {
        memcpy(out, e->reg, 4 * sizeof(uint32_t));
    }
}

void x86_cpu_topology(const Vcpu *vcpu, unsigned *cores, unsigned *threads)
{
    const X86Model *m = x86_state(vcpu)->model;

    *cores = m->cores;
    *threads = m->threads;
}

/* ---- Help ---- */

void x86_cpu_help(GString *out)
{
    unsigned column = 0;

    g_string_append(out, "Models of x86-64 machines:\n");
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
        g_string_append_printf(out, "  %-12s %s\n", models[i].name, models[i].desc);
    }
    g_string_append(out, "Features, as +NAME, -NAME or NAME=on|off:\n ");
    for (unsigned i = 0; x86_features[i].name; i++) {
        if (column + strlen(x86_features[i].name) > 95) {
            g_string_append(out, "\n ");
            column = 0;
        }
        g_string_append_printf(out, " %s", x86_features[i].name);
        column += strlen(x86_features[i].name) + 1;
    }
    g_string_append(out,
                    "\nProperties:\n"
                    "  kvm=off              hides KVM's own leaves\n"
                    "  host-cache-info=on   describes the host's caches\n"
                    "  tsc-frequency=HZ     of the time-stamp counter, as 2.5G [the host's]\n");
    x86_hyperv_help(out);
}

bool x86_cpu_expand(const char *model, void (*each)(void *opaque, const char *name, bool on),
                    void *opaque, GError **error)
{
    X86Model *m = model_parse(model, NULL, true, error);

    if (!m) {
        return false;
    }
    for (unsigned i = 0; x86_features[i].name; i++) {
        const X86Feature *f = &x86_features[i];
        each(opaque, f->name, m->features[f->word] >> f->bit & 1);
    }
    x86_model_free(m);
    return true;
}
