/*
 * Hyper-V's enlightenments, which Windows knows how to use: properties hv_* and their CPUID leaves.
 *
 * Source: Hypervisor Top-Level Functional Specification 6.0b, section 2.4; Linux,
 * arch/x86/include/asm/hyperv-tlfs.h for the bits. What the engine can give is in its table at the same leaves
 * (from 0x40000003 on).
 */
#include "cpu/x86/model.h"
#include "softmmu/base/error.h"
#include <string.h>

#define LEAF_FEATURES 0x40000003u
#define LEAF_ADVICE 0x40000004u
#define HYPERCALL_MSRS (1u << 5) /* of LEAF_FEATURES EAX: everything else rests on them */
#define NEVER_NOTIFY_SPINLOCKS 0xffffffffu

static const struct {
    const char *name;
    uint32_t eax, edx; /* of LEAF_FEATURES */
    uint32_t advice;   /* of LEAF_ADVICE EAX */
} enlightenments[] = {
    {"relaxed", 0, 0, 1u << 5},
    {"vapic", 1u << 4, 0, 1u << 3},
    {"time", 1u << 1 | 1u << 9, 0, 0},
    {"crash", 0, 1u << 10, 0},
    {"reset", 1u << 7, 0, 0},
    {"vpindex", 1u << 6, 0, 0},
    {"runtime", 1u << 0, 0, 0},
    {"synic", 1u << 2, 0, 0},
    {"stimer", 1u << 3, 0, 0},
    {"stimer-direct", 0, 1u << 19, 0},
    {"frequencies", 1u << 11, 1u << 8, 0},
    {"tlbflush", 0, 0, 1u << 2 | 1u << 11},
    {"ipi", 0, 0, 1u << 10 | 1u << 11},
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
           !(enlightenments[n].advice & ~offered(host, LEAF_ADVICE, X86_EAX));
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
}

static bool set_one(X86Hyperv *hv, unsigned n, const char *value, const X86Cpuid *host,
                    GError **error)
{
    bool on = !strcmp(value, "on");

    if (!on && strcmp(value, "off") != 0) {
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
    return true;
}

bool x86_hyperv_parse(X86Hyperv *hv, const char *name, const char *value, const X86Cpuid *host,
                      GError **error)
{
    char *plain = g_strdelimit(g_strdup(name + 3), "_", '-');
    unsigned n = 0;
    bool ok;

    while (n < ARRAY_SIZE(enlightenments) && strcmp(plain, enlightenments[n].name) != 0) {
        n++;
    }
    if (n < ARRAY_SIZE(enlightenments)) {
        ok = set_one(hv, n, value, host, error);
    } else if (!strcmp(plain, "spinlocks")) {
        ok = set_spinlocks(hv, value, error);
    } else if (!strcmp(plain, "vendor-id")) {
        ok = set_vendor(hv, value, error);
    } else if (!strcmp(plain, "passthrough")) {
        set_offered(hv, host);
        ok = true;
    } else {
        ok = error_set(error, "-cpu: unknown enlightenment '%s'; '-cpu help' lists them", name);
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
    uint32_t eax = HYPERCALL_MSRS, edx = 0, advice = 0, vendor[3];

    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        if (hv->features >> i & 1) {
            eax |= enlightenments[i].eax;
            edx |= enlightenments[i].edx;
            advice |= enlightenments[i].advice;
        }
    }
    memcpy(vendor, hv->vendor[0] ? hv->vendor : "Microsoft Hv", sizeof(vendor));
    put(out, 0x40000000, 0x40000005, vendor[0], vendor[1], vendor[2]);
    put(out, 0x40000001, 0x31237648 /* Hv#1 */, 0, 0, 0);
    put(out, 0x40000002, 14393, 10u << 16, 0, 0); /* a build and version that Windows takes */
    put(out, LEAF_FEATURES, eax, 0, 0, edx);
    put(out, LEAF_ADVICE, advice, hv->spinlocks ? hv->spinlocks : NEVER_NOTIFY_SPINLOCKS, 0, 0);
    put(out, 0x40000005, 64, 64, 0, 0); /* virtual and logical processors at most */
}

void x86_hyperv_help(GString *out)
{
    g_string_append(out,
                    "  hv_NAME=on           Hyper-V's enlightenments, where KVM offers them:\n ");
    for (unsigned i = 0; i < ARRAY_SIZE(enlightenments); i++) {
        g_string_append_printf(out, " %s", enlightenments[i].name);
    }
    g_string_append(out, "\n  hv_passthrough=on    all that KVM offers\n"
                         "  hv_spinlocks=N, hv_vendor_id=TEXT\n");
}
