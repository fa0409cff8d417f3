/*
 * Hyper-V's enlightenments, which Windows knows how to use: properties hv_* and their CPUID leaves.
 *
 * Source: Hypervisor Top-Level Functional Specification 6.0b, section 2.4; Linux,
 * arch/x86/include/asm/hyperv-tlfs.h for the bits. What the engine can give is in its table at the same leaves
 * (from 0x40000003 on). Which needs which: QEMU, docs/system/i386/hyperv.rst.
 */
#include "cpu/x86/model.h"
#include "softmmu/base/error.h"
#include <string.h>

#define LEAF_FEATURES 0x40000003u
#define LEAF_ADVICE 0x40000004u
#define LEAF_NESTED 0x4000000au
#define HYPERCALL_MSRS (1u << 5) /* of LEAF_FEATURES EAX: everything else rests on them */
#define NEVER_NOTIFY_SPINLOCKS 0xffffffffu

static const struct {
    const char *name;
    uint32_t eax, edx; /* of LEAF_FEATURES */
    uint32_t advice;   /* of LEAF_ADVICE EAX */
    uint32_t nested;   /* of LEAF_NESTED EAX */
    const char *needs; /* names */
} enlightenments[] = {
    {.name = "relaxed", .advice = 1u << 5},
    {.name = "vapic", .eax = 1u << 4, .advice = 1u << 3},
    {.name = "time", .eax = 1u << 1 | 1u << 9},
    {.name = "crash", .edx = 1u << 10},
    {.name = "reset", .eax = 1u << 7},
    {.name = "vpindex", .eax = 1u << 6},
    {.name = "runtime", .eax = 1u << 0},
    {.name = "synic", .eax = 1u << 2, .needs = "vpindex"},
    {.name = "stimer", .eax = 1u << 3, .needs = "synic time vpindex"},
    {.name = "stimer-direct", .edx = 1u << 19, .needs = "stimer"},
    {.name = "frequencies", .eax = 1u << 11, .edx = 1u << 8},
    {.name = "reenlightenment", .eax = 1u << 13},
    {.name = "tlbflush", .advice = 1u << 2 | 1u << 11, .needs = "vpindex"},
    {.name = "tlbflush-ext", .edx = 1u << 14, .needs = "tlbflush"},
    {.name = "ipi", .advice = 1u << 10 | 1u << 11, .needs = "vpindex"},
    {.name = "avic", .advice = 1u << 9},
    {.name = "xmm-input", .edx = 1u << 4},
    {.name = "evmcs", .advice = 1u << 14, .needs = "vapic"},
    {.name = "tlbflush-direct", .nested = 1u << 17, .needs = "vapic"},
    {.name = "emsr-bitmap", .nested = 1u << 19},
    {.name = "no-nonarch-coresharing", .advice = 1u << 18},
};

static uint32_t offered(const X86Cpuid *host, uint32_t leaf, unsigned reg)
{
    const X86CpuidEntry *e = host ? x86_cpuid_find(host, leaf, 0) : NULL;
    return e ? e->reg[reg] : 0;
}

static bool is_offered(unsigned n, const X86Cpuid *host)
{
    return !(enlightenments[n].eax & ~offered(host, LEAF_FEATURES, X86_EAX)) &&
           !(enlightenments[n].edx & ~offered(host, LEAF_FEATURES, X86_EDX)) &&
           !(enlightenments[n].advice & ~offered(host, LEAF_ADVICE, X86_EAX)) &&
           !(enlightenments[n].nested & ~offered(host, LEAF_NESTED, X86_EAX));
}

static bool set_spinlocks(X86Hyperv *hv, const char *value, GError **error)
{
    char *end;
    guint64 retries = g_ascii_strtoull(value, &end, 0);

    if (*end || !*value || retries < 0xfff || retries > NEVER_NOTIFY_SPINLOCKS) {
        return error_set(error, "-cpu: hv_spinlocks is a number of retries from 0xfff on, not '%s'",
                         value);
    }
    hv->spinlocks = retries;
    hv->features |= UINT64_C(1) << 63;
    return true;
}

static bool set_vendor(X86Hyperv *hv, const char *value, GError **error)
{
    if (strlen(value) > 12) {
        return error_set(error, "-cpu: hv_vendor_id has at most 12 characters, not '%s'", value);
    }
    memset(hv->vendor, 0, sizeof(hv->vendor));
    memcpy(hv->vendor, value, strlen(value));
    return true;
}

/* All that the engine offers: hv_passthrough. */
static void set_offered(X86Hyperv *hv, const X86Cpuid *host)
{
    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        if (is_offered(i, host)) {
            hv->features |= UINT64_C(1) << i;
        }
    }
    hv->evmcs_versions = offered(host, LEAF_NESTED, X86_EAX) & 0xffff;
}

static bool set_one(X86Hyperv *hv, unsigned n, const char *value, const X86Cpuid *host,
                    GError **error)
{
    bool on = !strcmp(value, "on");

    if (!strcmp(value, "auto") && !strcmp(enlightenments[n].name, "no-nonarch-coresharing")) {
        on = is_offered(n, host);
    } else if (!on && strcmp(value, "off") != 0) {
        return error_set(error, "-cpu: hv_%s is on or off, not '%s'", enlightenments[n].name,
                         value);
    }
    if (on && !is_offered(n, host)) {
        return error_set(error,
                         "-cpu: this host's KVM does not offer hv_%s; leave it out, or use a "
                         "kernel with CONFIG_KVM_HYPERV",
                         enlightenments[n].name);
    }
    hv->features = (hv->features & ~(UINT64_C(1) << n)) | (uint64_t)on << n;
    hv->evmcs_versions = offered(host, LEAF_NESTED, X86_EAX) & 0xffff;
    return true;
}

/* What is no bit of CPUID, and is on or off. */
static bool set_other(X86Hyperv *hv, const char *plain, bool on, const X86Cpuid *host,
                      GError **error)
{
    if (!strcmp(plain, "passthrough")) {
        if (on) {
            set_offered(hv, host);
        }
        return true;
    }
    if (!strcmp(plain, "enforce-cpuid")) {
        hv->enforce = on;
        return true;
    }
    if (!strcmp(plain, "syndbg")) {
        return !on || error_set(error, "-cpu: hv_syndbg needs Hyper-V's debugger at the other end, "
                                       "which is not in this version; use -gdb");
    }
    return error_set(error, "-cpu: unknown enlightenment 'hv-%s'; '-cpu help' lists them", plain);
}

static bool is_on(const X86Hyperv *hv, const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        if (!strcmp(enlightenments[i].name, name)) {
            return hv->features >> i & 1;
        }
    }
    return false;
}

bool x86_hyperv_check(const X86Hyperv *hv, GError **error)
{
    bool ok = true;

    for (unsigned i = 0; ok && i < ARRAY_SIZE(enlightenments); i++) {
        if (!(hv->features >> i & 1) || !enlightenments[i].needs) {
            continue;
        }
        char **needs = g_strsplit(enlightenments[i].needs, " ", -1);
        for (unsigned n = 0; ok && needs[n]; n++) {
            ok = is_on(hv, needs[n]) ||
                 error_set(error, "-cpu: hv_%s needs hv_%s; add that, or leave it out",
                           enlightenments[i].name, needs[n]);
        }
        g_strfreev(needs);
    }
    return ok;
}

bool x86_hyperv_parse(X86Hyperv *hv, const char *name, const char *value, const X86Cpuid *host,
                      GError **error)
{
    char *plain = g_strdelimit(g_strdup(name + 3), "_", '-');
    unsigned n = 0;
    bool ok;

    if (!strcmp(plain, "apicv")) { /* Intel's name of the same */
        g_free(plain);
        plain = g_strdup("avic");
    }
    while (n < ARRAY_SIZE(enlightenments) && strcmp(plain, enlightenments[n].name) != 0) {
        n++;
    }
    if (n < ARRAY_SIZE(enlightenments)) {
        ok = set_one(hv, n, value, host, error);
    } else if (!strcmp(plain, "spinlocks")) {
        ok = set_spinlocks(hv, value, error);
    } else if (!strcmp(plain, "vendor-id")) {
        ok = set_vendor(hv, value, error);
    } else if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        ok = error_set(error, "-cpu: %s is on or off, not '%s'", name, value);
    } else {
        ok = set_other(hv, plain, !strcmp(value, "on"), host, error);
    }
    g_free(plain);
    return ok;
}

static void put(X86Cpuid *out, uint32_t leaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const uint32_t reg[4] = {a, b, c, d};
    x86_cpuid_set(out, leaf, 0, false, reg);
}

void x86_hyperv_cpuid(const X86Hyperv *hv, X86Cpuid *out)
{
    uint32_t eax = HYPERCALL_MSRS, edx = 0, advice = 0, nested = 0, vendor[3];

    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        if (hv->features >> i & 1) {
            eax |= enlightenments[i].eax;
            edx |= enlightenments[i].edx;
            advice |= enlightenments[i].advice;
            nested |= enlightenments[i].nested;
        }
    }
    nested |= is_on(hv, "evmcs") ? hv->evmcs_versions : 0;
    memcpy(vendor, hv->vendor[0] ? hv->vendor : "Microsoft Hv", sizeof(vendor));
    put(out, 0x40000000, nested ? LEAF_NESTED : 0x40000005, vendor[0], vendor[1], vendor[2]);
    put(out, 0x40000001, 0x31237648 /* Hv#1 */, 0, 0, 0);
    put(out, 0x40000002, 14393, 10u << 16, 0, 0); /* a build and version that Windows takes */
    put(out, LEAF_FEATURES, eax, 0, 0, edx);
    put(out, LEAF_ADVICE, advice, hv->spinlocks ? hv->spinlocks : NEVER_NOTIFY_SPINLOCKS, 0, 0);
    put(out, 0x40000005, 64, 64, 0, 0); /* virtual and logical processors at most */
    if (nested) {
        put(out, LEAF_NESTED, nested, 0, 0, 0);
    }
}

void x86_hyperv_help(GString *out)
{
    g_string_append(out,
                    "  hv_NAME=on           Hyper-V's enlightenments, where KVM offers them:\n ");
    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        g_string_append_printf(out, " %s", enlightenments[i].name);
    }
    g_string_append(out, "\n  hv_passthrough=on    all that KVM offers\n"
                         "  hv_enforce_cpuid=on  what is not in CPUID does not work either\n"
                         "  hv_spinlocks=N, hv_vendor_id=TEXT\n");
}
