/*
 * CPU models: what a name with its features comes to as CPUID.
 */
#include "cpu/x86/priv.h"
#include "softmmu/base/error.h"
#include <string.h>

struct X86Model {
    char *name;
    uint32_t apic_id;
};

const char *const x86_cpu_models[] = {"host", "max", "qemu64", "x86-64-v2", "x86-64-v3", NULL};

X86Model *x86_model_new(Machine *machine, const char *model, unsigned index, GError **error)
{
    const char *name = model ? model : "max";

    if (!g_strv_contains(x86_cpu_models, name)) {
        error_set(error, "-cpu: unknown model '%s'; '-cpu help' lists them", name);
        return NULL;
    }
    X86Model *m = g_new0(X86Model, 1);
    m->name = g_strdup(name);
    m->apic_id = index;
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
    return 0x663;
}

uint32_t x86_model_apic_id(const X86Model *model)
{
    return model->apic_id;
}

const char *x86_model_name(const X86Model *model)
{
    return model->name;
}

uint64_t x86_model_checksum(const X86Model *model)
{
    return g_str_hash(model->name);
}

void x86_cpu_help(GString *out)
{
    g_string_append(out, "Models of x86-64 machines:\n");
    for (unsigned i = 0; x86_cpu_models[i]; i++) {
        g_string_append_printf(out, "  %s\n", x86_cpu_models[i]);
    }
}
