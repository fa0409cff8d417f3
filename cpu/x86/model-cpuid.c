/*
 * The CPUID leaves of a model: features, identity, topology, caches, sizes of XSAVE, paravirtual leaves, so that
 * they agree with each other. Intel SDM volume 2 (CPUID), AMD64 APM volume 3 appendix E.
 *
 * Bits that change while the guest runs (OSXSAVE, the size for the current XCR0) are the engine's.
 */
#include "cpu/x86/model.h"
#include <string.h>

#define CLFLUSH_BYTES 64u
#define XSAVE_HEADER_END 576u
/* Features of leaf 1 that AMD processors show in leaf 0x80000001 too. */
#define AMD_COMMON 0x0183f3ffu

static void set(X86Model *m, uint32_t leaf, int subleaf, uint32_t a, uint32_t b, uint32_t c,
                uint32_t d)
{
    const uint32_t reg[4] = {a, b, c, d};
    x86_cpuid_set(&m->cpuid, leaf, MAX(subleaf, 0), subleaf >= 0, reg);
}

static uint32_t word4(const char *text)
{
    uint32_t value;
    memcpy(&value, text, 4);
    return value;
}

static bool has(const X86Model *m, const char *name)
{
    const X86Feature *f = x86_feature_find(name);
    return m->features[f->word] >> f->bit & 1;
}

static bool is_amd(const X86Model *m)
{
    return !strcmp(m->identity.vendor, "AuthenticAMD") ||
           !strcmp(m->identity.vendor, "HygonGenuine");
}

/* ---- Topology: field widths of APIC ids ---- */

static unsigned log2_ceil(unsigned n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

static unsigned core_shift(const X86Model *m)
{
    return log2_ceil(m->threads);
}

static unsigned package_shift(const X86Model *m)
{
    return core_shift(m) + log2_ceil(m->cores);
}

static void add_topology(X86Model *m, uint32_t leaf)
{
    set(m, leaf, 0, core_shift(m), m->threads, 1u << 8 | 0, m->apic_id);
    set(m, leaf, 1, package_shift(m), m->cores * m->threads, 2u << 8 | 1, m->apic_id);
    set(m, leaf, 2, 0, 0, 2, m->apic_id);
}

/* ---- Basic leaves ---- */

static uint32_t signature(const X86Identity *id)
{
    uint32_t base = MIN(id->family, 15u), extended = id->family - base;
    return id->stepping | (id->model & 15) << 4 | base << 8 | (id->model >> 4) << 16 |
           extended << 20;
}

static void add_identity(X86Model *m, uint32_t max_basic)
{
    const char *vendor = m->identity.vendor;
    unsigned logical = m->cores * m->threads;

    set(m, 0, -1, max_basic, word4(vendor), word4(vendor + 8), word4(vendor + 4));
    set(m, 1, -1, signature(&m->identity),
        m->apic_id << 24 | (1u << package_shift(m)) << 16 | CLFLUSH_BYTES / 8 << 8,
        m->features[X86_F1_ECX], m->features[X86_F1_EDX] | (logical > 1 ? 1u << 28 : 0));
}

/* One cache as leaf 4 and leaf 0x8000001d describe it. */
typedef struct Cache {
    unsigned type, level; /* 1 data, 2 code, 3 both */
    unsigned ways, sets;
    bool shared; /* by the package */
} Cache;

static const Cache caches[] = {{1, 1, 8, 64, false},
                               {2, 1, 8, 64, false},
                               {3, 2, 16, 1024, false},
                               {3, 3, 16, 16384, true}};

static uint32_t cache_sharing(const X86Model *m, bool shared)
{
    return ((1u << (shared ? package_shift(m) : core_shift(m))) - 1) << 14;
}

static void add_own_caches(X86Model *m, uint32_t leaf, uint32_t top)
{
    for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
        const Cache *c = &caches[i];
        set(m, leaf, i, c->type | c->level << 5 | 1u << 8 | cache_sharing(m, c->shared) | top,
            (c->ways - 1) << 22 | (CLFLUSH_BYTES - 1), c->sets - 1, 0);
    }
    set(m, leaf, ARRAY_SIZE(caches), 0, 0, 0, 0);
}

/* The host's caches, shared as the guest's processors are. */
static bool add_host_caches(X86Model *m, const X86Cpuid *host, uint32_t leaf, uint32_t top)
{
    unsigned n = 0;

    for (; n < 8; n++) {
        const X86CpuidEntry *e = x86_cpuid_find(host, leaf, n);
        if (!e || !(e->reg[X86_EAX] & 31)) {
            break;
        }
        unsigned level = e->reg[X86_EAX] >> 5 & 7;
        set(m, leaf, n, (e->reg[X86_EAX] & 0x3ff) | cache_sharing(m, level >= 3) | top,
            e->reg[X86_EBX], e->reg[X86_ECX], e->reg[X86_EDX]);
    }
    if (n) {
        set(m, leaf, n, 0, 0, 0, 0);
    }
    return n > 0;
}

static void add_caches(X86Model *m, const X86Cpuid *host, uint32_t leaf)
{
    uint32_t top = leaf == 4 ? ((1u << (package_shift(m) - core_shift(m))) - 1) << 26 : 0;

    if (!host || !m->host_cache || !add_host_caches(m, host, leaf, top)) {
        add_own_caches(m, leaf, top);
    }
}

/* ---- XSAVE ---- */

static uint64_t xsave_components(const X86Model *m)
{
    uint64_t mask = X86_XCR0_X87 | X86_XCR0_SSE;

    if (!has(m, "xsave")) {
        return 0;
    }
    mask |= has(m, "avx") ? X86_XCR0_AVX : 0;
    mask |= has(m, "avx512f") ? UINT64_C(7) << 5 : 0;
    mask |= has(m, "pku") ? UINT64_C(1) << 9 : 0;
    return mask;
}

/* Size and offset of component @n: the host's, for its processor stores them. */
static bool component(const X86Cpuid *host, unsigned n, uint32_t reg[4])
{
    const X86CpuidEntry *e = host ? x86_cpuid_find(host, 0xd, n) : NULL;

    memset(reg, 0, 4 * sizeof(uint32_t));
    if (e) {
        memcpy(reg, e->reg, 4 * sizeof(uint32_t));
    } else if (n == 2) {
        reg[X86_EAX] = 256;
        reg[X86_EBX] = X86_YMMH_OFFSET;
    }
    return reg[X86_EAX] != 0;
}

static void add_xsave(X86Model *m, const X86Cpuid *host)
{
    uint64_t mask = xsave_components(m);
    uint32_t size = XSAVE_HEADER_END, reg[4];
    bool compacted = has(m, "xsavec") || has(m, "xsaves");

    for (unsigned n = 2; n < 63; n++) {
        if (!(mask >> n & 1)) {
            continue;
        }
        if (!component(host, n, reg) || reg[X86_EBX] + reg[X86_EAX] > X86_XSAVE_SIZE) {
            mask &= ~(UINT64_C(1) << n);
            continue;
        }
        size = MAX(size, reg[X86_EBX] + reg[X86_EAX]);
        x86_cpuid_set(&m->cpuid, 0xd, n, true, reg);
    }
    set(m, 0xd, 0, mask, mask ? size : 0, mask ? size : 0, mask >> 32);
    set(m, 0xd, 1, mask ? m->features[X86_FD_1_EAX] : 0, mask && compacted ? size : 0, 0, 0);
}

/* ---- Extended leaves ---- */

static void add_amd(X86Model *m, const X86Cpuid *host)
{
    /* 64 KiB of data and code in lines of 64 bytes, 2 ways; 512 KiB and 16 MiB behind. */
    set(m, 0x80000005, -1, 0x01ff01ff, 0x01ff01ff, 64u << 24 | 2u << 16 | 1u << 8 | 64,
        64u << 24 | 2u << 16 | 1u << 8 | 64);
    set(m, 0x80000006, -1, 0, 0x42004200, 512u << 16 | 8u << 12 | 1u << 8 | 64,
        32u << 18 | 9u << 12 | 1u << 8 | 64);
    if (has(m, "topoext")) {
        add_caches(m, host, 0x8000001d);
        set(m, 0x8000001e, -1, m->apic_id, (m->threads - 1) << 8 | (m->apic_id >> core_shift(m)), 0,
            0);
    }
}

static void add_extended(X86Model *m, const X86Cpuid *host)
{
    bool amd = is_amd(m);
    const char *brand = m->identity.brand;
    unsigned logical = m->cores * m->threads, virt = has(m, "la57") ? 57 : 48;

    set(m, 0x80000000, -1, amd && has(m, "topoext") ? 0x8000001e : 0x80000008,
        word4(m->identity.vendor), word4(m->identity.vendor + 8), word4(m->identity.vendor + 4));
    set(m, 0x80000001, -1, signature(&m->identity), 0,
        m->features[X86_FX1_ECX] | (amd && logical > 1 ? 2 : 0),
        (m->features[X86_FX1_EDX] & ~AMD_COMMON) |
            (amd ? m->features[X86_F1_EDX] & AMD_COMMON : 0));
    for (unsigned i = 0; i < 3; i++) {
        set(m, 0x80000002 + i, -1, word4(brand + 16 * i), word4(brand + 16 * i + 4),
            word4(brand + 16 * i + 8), word4(brand + 16 * i + 12));
    }
    set(m, 0x80000007, -1, 0, 0, 0, m->features[X86_FX7_EDX]);
    set(m, 0x80000008, -1, m->identity.phys_bits | virt << 8, m->features[X86_FX8_EBX],
        amd ? (logical - 1) | package_shift(m) << 12 : 0, 0);
    if (amd) {
        add_amd(m, host);
    }
}

/* ---- Paravirtual leaves ---- */

static void add_paravirtual(X86Model *m)
{
    uint32_t base = 0x40000000;

    if (m->hyperv.features) {
        x86_hyperv_cpuid(&m->hyperv, &m->cpuid);
        base += 0x100;
    }
    if (m->kvm) {
        static const char signature[12] = "KVMKVMKVM";
        set(m, base, -1, base + 1, word4(signature), word4(signature + 4), word4(signature + 8));
        set(m, base + 1, -1, m->features[X86_FKVM_EAX], 0, 0, 0);
    }
}

void x86_model_make_cpuid(X86Model *m, const X86Cpuid *host)
{
    bool leaf_1f = host && x86_cpuid_find(host, 0x1f, 0) && m->host_cache;
    uint32_t max_basic = leaf_1f ? 0x1f : 0xd;

    add_identity(m, max_basic);
    if (!is_amd(m)) {
        set(m, 2, -1, 0x00feff01, 0, 0, 0); /* see leaves 4 and 0x18 */
        add_caches(m, host, 4);
    }
    set(m, 6, -1, m->features[X86_F6_EAX], 0, 0, 0);
    set(m, 7, 0, m->features[X86_F7_1_EAX] ? 1 : 0, m->features[X86_F7_EBX],
        m->features[X86_F7_ECX], m->features[X86_F7_EDX]);
    if (m->features[X86_F7_1_EAX]) {
        set(m, 7, 1, m->features[X86_F7_1_EAX], 0, 0, 0);
    }
    add_topology(m, 0xb);
    add_xsave(m, host);
    if (leaf_1f) {
        add_topology(m, 0x1f);
    }
    add_extended(m, host);
    add_paravirtual(m);
}
