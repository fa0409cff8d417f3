/*
 * CPU models and their properties: -cpu rv64,sv57=off,zba=off.
 *
 * One table has a row per extension: its name (also in the ISA string and the device tree), the models
 * that have it, and the extensions it cannot do without. Turning an extension off takes with it those
 * that need it, unless they were asked for by name: then that is an error.
 *
 * Command lines made for QEMU also say things that go without saying here: extensions that amphi has not may be
 * off, and what has one value may be given that. Names are compared without regard to case, as QEMU has some
 * with a capital.
 */
#include "cpu/riscv/priv.h"
#include "softmmu/base/error.h"
#include <string.h>

#define BIT(ext) (UINT64_C(1) << RISCV_EXT_##ext)

enum { MODEL_RV64 = 1, MODEL_MAX = 2, MODEL_RVA22 = 4, MODEL_FULL = 3, MODEL_ALL = 7 };

typedef struct ExtRow {
    const char *name;
    RiscvExt ext;
    uint64_t needs;
    uint8_t models;
    bool fixed;    /* cannot be turned off */
    bool internal; /* not an extension to software: not in the ISA string */
    const char *help;
} ExtRow;

/* In the order of the ISA string: single letters, then Z by category, then S. */
static const ExtRow ext_rows[] = {
    {"i", RISCV_EXT_I, 0, MODEL_ALL, true, false, "base integer instructions"},
    {"m", RISCV_EXT_M, 0, MODEL_ALL, false, false, "multiplication and division"},
    {"a", RISCV_EXT_A, 0, MODEL_ALL, false, false, "atomic instructions"},
    {"f", RISCV_EXT_F, 0, MODEL_ALL, false, false, "single-precision floating point"},
    {"d", RISCV_EXT_D, BIT(F), MODEL_ALL, false, false, "double-precision floating point"},
    {"c", RISCV_EXT_C, 0, MODEL_ALL, false, false, "compressed instructions"},
    {"v", RISCV_EXT_V, BIT(D), MODEL_MAX, false, false, "vectors (see vlen)"},
    {"zicbom", RISCV_EXT_ZICBOM, 0, MODEL_ALL, false, false, "cache-block management"},
    {"zicbop", RISCV_EXT_ZICBOP, 0, MODEL_ALL, false, false, "cache-block prefetch hints"},
    {"zicboz", RISCV_EXT_ZICBOZ, 0, MODEL_ALL, false, false, "cache-block zero"},
    {"zicntr", RISCV_EXT_ZICNTR, 0, MODEL_ALL, false, false, "cycle, time and instret"},
    {"zicond", RISCV_EXT_ZICOND, 0, MODEL_FULL, false, false, "conditional operations"},
    {"zicsr", RISCV_EXT_ZICSR, 0, MODEL_ALL, true, false, "control and status registers"},
    {"zifencei", RISCV_EXT_ZIFENCEI, 0, MODEL_ALL, false, false, "instruction-fetch fence"},
    {"zihintpause", RISCV_EXT_ZIHINTPAUSE, 0, MODEL_ALL, false, false, "pause hint"},
    {"zihpm", RISCV_EXT_ZIHPM, 0, MODEL_ALL, false, false, "performance counters (all zero)"},
    {"zacas", RISCV_EXT_ZACAS, BIT(A), MODEL_FULL, false, false, "atomic compare-and-swap"},
    {"zawrs", RISCV_EXT_ZAWRS, BIT(A), MODEL_FULL, false, false, "wait on a reservation set"},
    {"zfa", RISCV_EXT_ZFA, BIT(F), MODEL_FULL, false, false, "additional floating point"},
    {"zfh", RISCV_EXT_ZFH, BIT(F) | BIT(ZFHMIN), MODEL_FULL, false, false,
     "half-precision floating point"},
    {"zfhmin", RISCV_EXT_ZFHMIN, BIT(F), MODEL_ALL, false, false, "half-precision conversions"},
    {"zba", RISCV_EXT_ZBA, 0, MODEL_ALL, false, false, "address generation"},
    {"zbb", RISCV_EXT_ZBB, 0, MODEL_ALL, false, false, "basic bit manipulation"},
    {"zbc", RISCV_EXT_ZBC, 0, MODEL_FULL, false, false, "carry-less multiplication"},
    {"zbkb", RISCV_EXT_ZBKB, 0, MODEL_FULL, false, false, "bit manipulation for cryptography"},
    {"zbs", RISCV_EXT_ZBS, 0, MODEL_ALL, false, false, "single-bit instructions"},
    {"zkt", RISCV_EXT_ZKT, 0, MODEL_ALL, false, false, "data-independent execution latency"},
    {"smstateen", RISCV_EXT_SMSTATEEN, 0, MODEL_FULL, false, false, "state enable"},
    {"sstc", RISCV_EXT_SSTC, 0, MODEL_FULL, false, false, "supervisor timer"},
    {"svade", RISCV_EXT_SVADE, 0, MODEL_ALL, false, false, "page faults for clear A and D bits"},
    {"svadu", RISCV_EXT_SVADU, 0, MODEL_FULL, false, false, "hardware updating of A and D bits"},
    {"svinval", RISCV_EXT_SVINVAL, 0, MODEL_ALL, false, false,
     "fine-grained address-translation fences"},
    {"svnapot", RISCV_EXT_SVNAPOT, 0, MODEL_FULL, false, false, "64 KiB pages"},
    {"svpbmt", RISCV_EXT_SVPBMT, 0, MODEL_ALL, false, false, "page-based memory types"},
    {"s", RISCV_EXT_S, 0, MODEL_ALL, true, true, "supervisor mode"},
    {"u", RISCV_EXT_U, 0, MODEL_ALL, true, true, "user mode"},
    {"sv48", RISCV_EXT_SV48, 0, MODEL_FULL, false, true, "48-bit virtual addresses"},
    {"sv57", RISCV_EXT_SV57, BIT(SV48), MODEL_FULL, false, true, "57-bit virtual addresses"},
    {"pmp", RISCV_EXT_PMP, 0, MODEL_ALL, false, true, "physical memory protection"},
};

/* What holds of every model by the way it is built; in the ISA string for software that asks (RVA22 and
 * the Linux device-tree binding name these). @needs: only with these. */
static const struct {
    const char *name;
    const char *before; /* the row of ext_rows that it precedes in the ISA string */
    uint64_t needs;
} implied[] = {
    {"zic64b", "zicbom", 0},
    {"ziccamoa", "zicntr", BIT(A)},
    {"ziccif", "zicntr", 0},
    {"zicclsm", "zicntr", 0},
    {"ziccrse", "zicntr", BIT(A)},
    {"za64rs", "zacas", BIT(A)},
    {"ssccptr", "sstc", 0},
    {"sscounterenw", "sstc", BIT(ZIHPM)},
    {"ssstateen", "sstc", BIT(SMSTATEEN)},
    {"sstvala", "svade", 0},
    {"sstvecd", "svade", 0},
};

/* Extensions of QEMU's CPUs that there are none of here: they may be off. */
static const char *const absent[] = {
    "e",     "h",     "j",      "zfinx",    "zdinx", "zhinx", "zhinxmin", "zbkc",  "zbkx",
    "zk",    "zkn",   "zknd",   "zkne",     "zknh",  "zkr",   "zks",      "zksed", "zksh",
    "smaia", "ssaia", "smepmp", "sscofpmf", "epmp",  "zvfh",  "zvfhmin",  "zjpm",  NULL,
};

/* Properties that have one value here. */
static const struct {
    const char *name, *value;
} fixed[] = {
    {"elen", "64"},           {"vext_spec", "v1.0"},    {"priv_spec", "v1.12.0"},
    {"cbom_blocksize", "64"}, {"cbop_blocksize", "64"}, {"cboz_blocksize", "64"},
};

static const struct {
    const char *name;
    uint8_t bit;
    const char *help;
} models[] = {
    {"rv64", MODEL_RV64, "64-bit RISC-V with what amphi has"},
    {"max", MODEL_MAX, "everything amphi has"},
    {"rva22s64", MODEL_RVA22, "the mandatory part of profile RVA22S64"},
};

const char *const riscv_cpu_models[] = {"rv64", "max", "rva22s64", NULL};

static bool has_all(uint64_t ext, uint64_t needs)
{
    return (ext & needs) == needs;
}

static const ExtRow *find_row(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        if (g_ascii_strcasecmp(ext_rows[i].name, name) == 0) {
            return &ext_rows[i];
        }
    }
    return NULL;
}

/* The name of an extension in @bits. */
static const char *name_of(uint64_t bits)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        if ((bits >> ext_rows[i].ext) & 1) {
            return ext_rows[i].name;
        }
    }
    return "?";
}

static bool unknown_property(const char *model, const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(ext_rows) + 1] = {NULL};

    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        names[i] = ext_rows[i].name;
    }
    const char *near = error_nearest(name, names);
    if (near) {
        return error_set(error, "-cpu %s has no property '%s'; did you mean '%s'?", model, name,
                         near);
    }
    return error_set(error, "-cpu %s has no property '%s'; -cpu help lists them", model, name);
}

static bool parse_switch(const char *model, const char *name, const char *value, bool *on,
                         GError **error)
{
    if (!strcmp(value, "on") || !strcmp(value, "true") || !strcmp(value, "yes")) {
        *on = true;
    } else if (!strcmp(value, "off") || !strcmp(value, "false") || !strcmp(value, "no")) {
        *on = false;
    } else {
        return error_set(error, "-cpu %s: property '%s' is on or off, not '%s'", model, name,
                         value);
    }
    return true;
}

static bool parse_vlen(const char *model, const char *value, unsigned *vlenb, GError **error)
{
    static const char *const sizes[] = {"128", "256", "512"};

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        if (!strcmp(value, sizes[i])) {
            *vlenb = 16u << i;
            return true;
        }
    }
    return error_set(error, "-cpu %s: vlen is 128, 256 or 512, not '%s'", model, value);
}

/* A property of QEMU's that changes nothing; the value has to be the one that it has here. */
static bool apply_foreign(const char *model, const char *name, const char *value, GError **error)
{
    bool on = true;

    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        if (strcmp(fixed[i].name, name) == 0) {
            return strcmp(fixed[i].value, value) == 0 ||
                   error_set(error, "-cpu %s: property '%s' is %s here, not '%s'", model, name,
                             fixed[i].value, value);
        }
    }
    for (unsigned i = 0; absent[i]; i++) {
        if (g_ascii_strcasecmp(absent[i], name) == 0) {
            return parse_switch(model, name, value, &on, error) &&
                   (!on ||
                    error_set(error, "-cpu %s: there is no '%s' here; leave it out", model, name));
        }
    }
    return unknown_property(model, name, error);
}

/* Applies "name=on", "name=off" or "name". @asked collects what was turned on by name. */
static bool apply_property(const char *model, const char *item, uint64_t *ext, uint64_t *asked,
                           unsigned *vlenb, GError **error)
{
    const char *equals = strchr(item, '=');
    g_autofree char *name = equals ? g_strndup(item, equals - item) : g_strdup(item);
    const ExtRow *row = find_row(name);
    bool on = true;

    if (equals && !strcmp(name, "vlen")) {
        return parse_vlen(model, equals + 1, vlenb, error);
    }
    if (!row) {
        return apply_foreign(model, name, equals ? equals + 1 : "on", error);
    }
    if (equals && !parse_switch(model, name, equals + 1, &on, error)) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << row->ext;
    if (!on && row->fixed) {
        return error_set(error, "-cpu %s: '%s' cannot be turned off", model, name);
    }
    *ext = on ? *ext | bit : *ext & ~bit;
    *asked = on ? *asked | bit : *asked & ~bit;
    return true;
}

/* Turns off what lacks something it needs, until nothing changes. */
static bool settle(const char *model, uint64_t *ext, uint64_t asked, GError **error)
{
    bool changed;

    do {
        changed = false;
        for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
            const ExtRow *row = &ext_rows[i];
            uint64_t bit = UINT64_C(1) << row->ext;
            if (!(*ext & bit) || has_all(*ext, row->needs)) {
                continue;
            }
            if (asked & bit) {
                return error_set(error,
                                 "-cpu %s: '%s' needs '%s', which is off; turn it on or leave "
                                 "'%s' out",
                                 model, row->name, name_of(row->needs & ~*ext), row->name);
            }
            *ext &= ~bit;
            changed = true;
        }
    } while (changed);
    return true;
}

bool riscv_config_parse(const char *text, RiscvCpuConfig *config, GError **error)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    const char *name = items[0] ? items[0] : "";
    uint64_t ext = 0, asked = 0;
    unsigned model = 0, vlenb = 16;

    while (model < ARRAY_SIZE(models) && strcmp(models[model].name, name) != 0) {
        model++;
    }
    if (model == ARRAY_SIZE(models)) {
        const char *near = error_nearest(name, riscv_cpu_models);
        return error_set(error,
                         near ? "unknown CPU model '%s'; did you mean '%s'?"
                              : "unknown CPU model '%s'; -cpu help lists the known ones",
                         name, near);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        if (ext_rows[i].models & models[model].bit) {
            ext |= UINT64_C(1) << ext_rows[i].ext;
        }
    }
    for (unsigned i = 1; items[i]; i++) {
        if (!apply_property(name, items[i], &ext, &asked, &vlenb, error)) {
            return false;
        }
    }
    if (!settle(name, &ext, asked, error)) {
        return false;
    }
    config->ext = ext;
    config->model = models[model].name;
    config->vlenb = vlenb;
    return true;
}

bool riscv_config_same(const RiscvState *s, uint64_t ext, unsigned vlenb, GError **error)
{
    uint64_t other = ext ^ s->config.ext;

    if (other) {
        bool there = (ext & other & -other) != 0;
        const char *name = name_of(other & -other);
        return error_set(error,
                         "the snapshot's CPU has %s%s, this one has %s; start with -cpu %s,%s=%s",
                         there ? "" : "no ", name, there ? "not" : "it", s->config.model, name,
                         there ? "on" : "off");
    }
    if (vlenb != s->vlenb) {
        return error_set(
            error,
            "the snapshot's CPU has vectors of %u bits, this one of %u; start with -cpu "
            "%s,vlen=%u",
            vlenb * 8, s->vlenb * 8, s->config.model, vlenb * 8);
    }
    return true;
}

/* ---- What the device tree says ---- */

/* Names in the order of the ISA string. */
static GPtrArray *extension_names(const RiscvState *s)
{
    GPtrArray *names = g_ptr_array_new();

    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        for (unsigned k = 0; k < ARRAY_SIZE(implied); k++) {
            if (!strcmp(implied[k].before, ext_rows[i].name) &&
                has_all(s->config.ext, implied[k].needs)) {
                g_ptr_array_add(names, g_strdup(implied[k].name));
            }
        }
        if (!ext_rows[i].internal && riscv_has(s, ext_rows[i].ext)) {
            g_ptr_array_add(names, g_strdup(ext_rows[i].name));
        }
    }
    g_ptr_array_add(names, NULL);
    return names;
}

char **riscv_isa_extensions(Vcpu *vcpu)
{
    return (char **)g_ptr_array_free(extension_names(riscv_state(vcpu)), FALSE);
}

char *riscv_isa_string(Vcpu *vcpu)
{
    g_auto(GStrv) names = riscv_isa_extensions(vcpu);
    GString *isa = g_string_new("rv64");

    for (unsigned i = 0; names[i]; i++) {
        g_string_append_printf(isa, strlen(names[i]) > 1 ? "_%s" : "%s", names[i]);
    }
    return g_string_free(isa, FALSE);
}

const char *riscv_mmu_type(Vcpu *vcpu)
{
    const RiscvState *s = riscv_state(vcpu);

    return riscv_has(s, RISCV_EXT_SV57)   ? "riscv,sv57"
           : riscv_has(s, RISCV_EXT_SV48) ? "riscv,sv48"
                                          : "riscv,sv39";
}

unsigned riscv_cbo_block_size(Vcpu *vcpu)
{
    uint64_t any = BIT(ZICBOM) | BIT(ZICBOP) | BIT(ZICBOZ);
    return riscv_state(vcpu)->config.ext & any ? RISCV_CBO_BLOCK : 0;
}

bool riscv_cpu_expand(const char *model, void (*each)(void *opaque, const char *name, bool on),
                      void *opaque, GError **error)
{
    RiscvCpuConfig config;

    if (!riscv_config_parse(model, &config, error)) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        each(opaque, ext_rows[i].name, (config.ext >> ext_rows[i].ext) & 1);
    }
    return true;
}

void riscv_cpu_help(GString *out)
{
    g_string_append(out, "CPU models (-cpu MODEL,PROPERTY=on|off,...):\n");
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
        g_string_append_printf(out, "  %-12s %s\n", models[i].name, models[i].help);
    }
    g_string_append(out, "Properties:\n");
    for (unsigned i = 0; i < ARRAY_SIZE(ext_rows); i++) {
        const ExtRow *row = &ext_rows[i];
        if (!row->fixed) {
            g_string_append_printf(out, "  %-12s %s%s\n", row->name, row->help,
                                   row->models == MODEL_ALL   ? ""
                                   : row->models != MODEL_MAX ? " (not in rva22s64)"
                                                              : " (only in max by default)");
        }
    }
    g_string_append(out, "  vlen         bits of a vector register: 128 (default), 256 or 512\n");
}
