/*
 * The CPUID leaves of a model: features, identity, topology, caches, sizes of XSAVE, paravirtual leaves, so that
 * they agree with each other. Intel SDM volume 2 (CPUID), AMD64 APM volume 3 appendix E.
 *
 * Bits that change while the guest runs (OSXSAVE, the size for the current XCR0) are the engine's.
 */
#include "cpu/x86/model.h"
#include "softmmu/base/bits.h"
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

/* ---- Caches: one list, from which all leaves that speak of caches are made ---- */

enum { CACHE_DATA = 1, CACHE_CODE, CACHE_UNIFIED };

#define MAX_CACHES 8
#define ANY_WAYS UINT32_MAX /* fully associative */

typedef struct Cache {
    unsigned type, level;
    uint32_t ways, partitions, line, sets;
    uint32_t flags; /* EDX of leaf 4: inclusive and so on */
} Cache;

typedef struct Caches {
    Cache list[MAX_CACHES];
    unsigned n;
} Caches;

static const Caches own_caches = {
    .list = {{CACHE_DATA, 1, 8, 1, CLFLUSH_BYTES, 64, 0},
             {CACHE_CODE, 1, 8, 1, CLFLUSH_BYTES, 64, 0},
             {CACHE_UNIFIED, 2, 16, 1, CLFLUSH_BYTES, 1024, 0},
             {CACHE_UNIFIED, 3, 16, 1, CLFLUSH_BYTES, 16384, 0}},
    .n = 4,
};

/* The host's caches, by the leaf of AMD's processors or by Intel's. */
static bool read_host_caches(const X86Cpuid *host, uint32_t leaf, Caches *caches)
{
    const X86CpuidEntry *e;

    caches->n = 0;
    while (caches->n < MAX_CACHES && (e = x86_cpuid_find(host, leaf, caches->n)) &&
           (e->reg[X86_EAX] & 31)) {
        uint32_t a = e->reg[X86_EAX], b = e->reg[X86_EBX];
        caches->list[caches->n++] = (Cache){
            .type = a & 31,
            .level = a >> 5 & 7,
            .ways = a >> 9 & 1 ? ANY_WAYS : (b >> 22) + 1,
            .partitions = (b >> 12 & 0x3ff) + 1,
            .line = (b & 0xfff) + 1,
            .sets = e->reg[X86_ECX] + 1,
            .flags = e->reg[X86_EDX],
        };
    }
    return caches->n > 0;
}

static Caches get_caches(const X86Model *m, const X86Cpuid *host)
{
    Caches caches;

    if (host && m->host_cache &&
        ((is_amd(m) && read_host_caches(host, 0x8000001d, &caches)) ||
         read_host_caches(host, 4, &caches))) {
        return caches;
    }
    return own_caches;
}

/* One way of a fully associative cache is all of it: SDM, leaf 4, note on EBX. */
static uint64_t cache_kib(const Cache *c)
{
    uint64_t ways = c->ways == ANY_WAYS ? 1 : c->ways;
    return ways * c->partitions * c->line * c->sets / KIB;
}

/* Leaf 4, which counts the package's cores too, or 0x8000001d. Caches of level 3 are the package's, others the
 * core's, as the guest's processors are. */
static void add_caches(X86Model *m, const Caches *caches, uint32_t leaf)
{
    uint32_t top = leaf == 4 ? ((1u << (package_shift(m) - core_shift(m))) - 1) << 26 : 0;

    for (unsigned i = 0; i < caches->n; i++) {
        const Cache *c = &caches->list[i];
        bool full = c->ways == ANY_WAYS;
        uint32_t sharing = (1u << (c->level >= 3 ? package_shift(m) : core_shift(m))) - 1;
        set(m, leaf, i, c->type | c->level << 5 | 1u << 8 | full << 9 | sharing << 14 | top,
            (full ? 0 : c->ways - 1) << 22 | (c->partitions - 1) << 12 | (c->line - 1), c->sets - 1,
            c->flags);
    }
    set(m, leaf, caches->n, 0, 0, 0, 0);
}

static const Cache *find_cache(const Caches *caches, unsigned level, unsigned type)
{
    for (unsigned i = 0; i < caches->n; i++) {
        const Cache *c = &caches->list[i];
        if (c->level == level && (c->type == type || c->type == CACHE_UNIFIED)) {
            return c;
        }
    }
    return NULL;
}

/* Ways in the four bits of leaf 0x80000006; what has no code refers to the other leaf: AMD APM volume 3, E.4.5, SDM
 * volume 2, CPUID 80000006H. */
static uint32_t ways_code(const X86Model *m, uint32_t ways)
{
    static const uint8_t amd[] = {0, 1, 2, 3, 4, 0, 5, 0, 6}, intel[] = {0, 1, 2, 0, 4, 0, 0, 0, 6};
    static const struct {
        uint32_t ways, code;
    } large[] = {{16, 8}, {32, 10}, {48, 11}, {64, 12}, {96, 13}, {128, 14}, {ANY_WAYS, 15}};
    uint32_t code = 0;

    if (ways < ARRAY_SIZE(amd)) {
        code = is_amd(m) ? amd[ways] : intel[ways];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(large); i++) {
        code = ways == large[i].ways ? large[i].code : code;
    }
    return code ? code : is_amd(m) ? 9 : 7;
}

/* The last-but-one level, as both vendors' leaf 0x80000006 has it in ECX. */
static uint32_t second_level(const X86Model *m, const Caches *caches)
{
    const Cache *c = find_cache(caches, 2, CACHE_UNIFIED);
    return c ? (uint32_t)MIN(cache_kib(c), 0xffff) << 16 | ways_code(m, c->ways) << 12 | 1u << 8 |
                   MIN(c->line, 255)
             : 0;
}

/* One of the first level's, in leaf 0x80000005. */
static uint32_t first_level(const Caches *caches, unsigned type)
{
    const Cache *c = find_cache(caches, 1, type);
    return c ? (uint32_t)MIN(cache_kib(c), 255) << 24 | MIN(c->ways, 255) << 16 | 1u << 8 |
                   MIN(c->line, 255)
             : 0;
}

static void add_amd_caches(X86Model *m, const Caches *caches)
{
    const Cache *last = find_cache(caches, 3, CACHE_UNIFIED);

    /* Both with as many entries of TLBs as any; Linux prints them. */
    set(m, 0x80000005, -1, 0x01ff01ff, 0x01ff01ff, first_level(caches, CACHE_DATA),
        first_level(caches, CACHE_CODE));
    set(m, 0x80000006, -1, 0, 0x42004200, second_level(m, caches),
        last ? (uint32_t)MIN(cache_kib(last) / 512, 0x3fff) << 18 | ways_code(m, last->ways) << 12 |
                   1u << 8 | MIN(last->line, 255)
             : 0);
    if (has(m, "topoext")) {
        add_caches(m, caches, 0x8000001d);
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

/* AMD APM volume 3, E.4.17: the core within its package, which is a node. */
static void add_amd_topology(X86Model *m)
{
    unsigned core = (m->apic_id & ((1u << package_shift(m)) - 1)) >> core_shift(m);
    set(m, 0x8000001e, -1, m->apic_id, (m->threads - 1) << 8 | core,
        m->apic_id >> package_shift(m) & 0xff, 0);
}

static void add_extended(X86Model *m, const Caches *caches)
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
    if (!amd) {
        set(m, 0x80000006, -1, 0, 0, second_level(m, caches), 0);
        return;
    }
    add_amd_caches(m, caches);
    if (has(m, "topoext")) {
        add_amd_topology(m);
    }
}

/* ---- Paravirtual leaves ---- */

/* The time-stamp counter's frequency and that of the local APIC's timer in kHz, so that nobody has to measure them:
 * VMware's leaf, which guests of KVM know too. Hyper-V has its own registers for that. */
#define LEAF_FREQUENCIES 0x40000010u
#define APIC_BUS_KHZ 1000000

static void add_paravirtual(X86Model *m)
{
    uint32_t base = 0x40000000;

    if (m->hyperv.features) {
        x86_hyperv_cpuid(&m->hyperv, &m->cpuid);
        base += 0x100;
    }
    if (m->kvm) {
        static const char signature[12] = "KVMKVMKVM";
        bool frequencies = m->tsc_khz && !m->hyperv.features;
        set(m, base, -1, frequencies ? LEAF_FREQUENCIES : base + 1, word4(signature),
            word4(signature + 4), word4(signature + 8));
        set(m, base + 1, -1, m->features[X86_FKVM_EAX], 0, 0, 0);
        if (frequencies) {
            set(m, LEAF_FREQUENCIES, -1, m->tsc_khz, APIC_BUS_KHZ, 0, 0);
        }
    }
}

void x86_model_make_cpuid(X86Model *m, const X86Cpuid *host)
{
    bool leaf_1f = host && x86_cpuid_find(host, 0x1f, 0) && m->host_cache;
    uint32_t max_basic = leaf_1f ? 0x1f : 0xd;
    Caches caches = get_caches(m, host);

    add_identity(m, max_basic);
    if (!is_amd(m)) {
        set(m, 2, -1, 0x0000ff01, 0, 0, 0); /* caches: see leaf 4 */
        add_caches(m, &caches, 4);
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
    add_extended(m, &caches);
    add_paravirtual(m);
}
