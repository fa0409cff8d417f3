/*
 * The x86-64 processor without an engine: models and their CPUID, reset, INIT and SIPI, page walks, saved state.
 */
#include "cpu/x86/cpuid.h"
#include "cpu/x86/msr.h"
#include "cpu/x86/priv.h"
#include "cpu/x86/state.h"
#include "softmmu/machine.h"
#include <string.h>

static bool no_init(Machine *machine, GError **error)
{
    machine->ram = ram_block_new(machine->memory, "ram", MIB, error);
    if (machine->ram) {
        memory_map_add_ram(machine->memory, "ram", 0, MIB, 0, machine->ram, 0, false, NULL, NULL);
    }
    for (unsigned i = 0; machine->ram && i < machine->config.cpus; i++) {
        if (!x86_cpu_new(machine, machine->config.cpu_model, error)) {
            return false;
        }
    }
    return machine->ram != NULL;
}

static const MachineClass toy = {.name = "toy",
                                 .arch = &x86_64_guest,
                                 .max_cpus = 8,
                                 .init = no_init};

static Machine *make(const char *model, unsigned cpus, unsigned cores, unsigned threads)
{
    MachineConfig config = {
        .cpu_model = model, .cpus = cpus, .cores = cores, .threads = threads, .ram_size = MIB};
    GError *error = NULL;
    Machine *machine = machine_new(&toy, &config, true, &error);
    g_assert_no_error(error);
    return machine;
}

static void expect_error(const char *model, const char *text)
{
    MachineConfig config = {.cpu_model = model, .cpus = 1, .ram_size = MIB};
    GError *error = NULL;
    g_assert_null(machine_new(&toy, &config, true, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, text));
    g_error_free(error);
}

static uint32_t reg(Machine *machine, unsigned cpu, uint32_t leaf, uint32_t subleaf, unsigned r)
{
    uint32_t out[4];
    x86_cpu_cpuid(machine->cpus[cpu], leaf, subleaf, out);
    return out[r];
}

static void test_models(void)
{
    Machine *v2 = make("x86-64-v2", 1, 0, 0), *v3 = make("x86-64-v3,-bmi2", 1, 0, 0);

    g_assert_cmpuint(reg(v2, 0, 1, 0, X86_ECX) >> 20 & 1, ==, 1); /* SSE4.2 */
    g_assert_cmpuint(reg(v2, 0, 1, 0, X86_ECX) >> 28 & 1, ==, 0); /* AVX */
    g_assert_cmpuint(reg(v2, 0, 0xd, 0, X86_EAX), ==, 0);         /* no XSAVE */
    g_assert_cmpuint(reg(v3, 0, 7, 0, X86_EBX) >> 5 & 1, ==, 1);  /* AVX2 */
    g_assert_cmpuint(reg(v3, 0, 7, 0, X86_EBX) >> 8 & 1, ==, 0);  /* BMI2 */
    g_assert_cmpuint(reg(v3, 0, 0xd, 0, X86_EAX), ==, 7);
    g_assert_cmpuint(reg(v3, 0, 0xd, 0, X86_ECX), ==, 832);
    g_assert_cmpuint(reg(v3, 0, 0xd, 1, X86_EBX), ==, 0); /* there is no compacted form */
    g_assert_cmpuint(reg(v3, 0, 0xd, 2, X86_EBX), ==, 576);
    g_assert_cmpuint(reg(v3, 0, 0xd, 2, X86_EAX), ==, 256);
    g_assert_cmpuint(reg(v3, 0, 0x80000001, 0, X86_EDX) >> 29 & 1, ==, 1); /* long mode */
    machine_free(v2);
    machine_free(v3);
    /* AVX goes with XSAVE. */
    Machine *plain = make("x86-64-v3,-xsave", 1, 0, 0);
    g_assert_cmpuint(reg(plain, 0, 1, 0, X86_ECX) >> 28 & 1, ==, 0);
    g_assert_cmpuint(reg(plain, 0, 7, 0, X86_EBX) >> 5 & 1, ==, 0);
    machine_free(plain);
}

static void test_bad_models(void)
{
    expect_error("x86-64-v9", "unknown model");
    expect_error("qemu63", "did you mean 'qemu64'");
    expect_error("max,+avx3", "unknown feature 'avx3'");
    expect_error("max,avx=maybe", "on or off");
    expect_error("max,+svm", "no 'svm' to give");
    expect_error("max,hv_relaxed=on", "does not offer");
    expect_error("max,hv_spinlocks=7", "hv_spinlocks");
    expect_error("max,tsc-frequency=fast", "tsc-frequency is a number of Hz");
    expect_error("max,tsc-frequency=2.5Gx", "tsc-frequency is a number of Hz");
    expect_error("max,tsc-frequency=2500", "tsc-frequency is a number of Hz");
    expect_error("max,tsc-frequency=nan", "tsc-frequency is a number of Hz");
    expect_error("max,+tsc-frequency", "unknown feature 'tsc-frequency'");
}

/* APIC ids have a field for each level, and all leaves agree on them. */
static void test_topology(void)
{
    Machine *machine = make("max", 6, 3, 2);

    static const uint8_t ids[] = {0, 1, 2, 3, 4, 5};
    for (unsigned i = 0; i < 6; i++) {
        g_assert_cmpuint(x86_cpu_apic_id(machine->cpus[i]), ==, ids[i]);
        g_assert_cmpuint(reg(machine, i, 1, 0, X86_EBX) >> 24, ==, ids[i]);
        g_assert_cmpuint(reg(machine, i, 0xb, 0, X86_EDX), ==, ids[i]);
    }
    g_assert_cmpuint(reg(machine, 0, 0xb, 0, X86_EAX), ==, 1); /* shift to the core */
    g_assert_cmpuint(reg(machine, 0, 0xb, 0, X86_EBX), ==, 2);
    g_assert_cmpuint(reg(machine, 0, 0xb, 1, X86_EAX), ==, 3); /* and to the package */
    g_assert_cmpuint(reg(machine, 0, 0xb, 1, X86_EBX), ==, 6);
    g_assert_cmpuint(reg(machine, 0, 1, 0, X86_EBX) >> 16 & 0xff, ==, 8);
    g_assert_cmpuint(reg(machine, 0, 1, 0, X86_EDX) >> 28 & 1, ==, 1);
    machine_free(machine);
    machine = make("max", 4, 1, 1);
    g_assert_cmpuint(x86_cpu_apic_id(machine->cpus[3]), ==, 3); /* four packages */
    g_assert_cmpuint(reg(machine, 3, 0xb, 1, X86_EAX), ==, 0);
    machine_free(machine);
}

/* ---- The leaves of one model against each other ---- */

#define MAX_CACHES 8

static void give(X86Cpuid *c, uint32_t leaf, int subleaf, uint32_t a, uint32_t b, uint32_t ecx,
                 uint32_t d)
{
    const uint32_t r[4] = {a, b, ecx, d};
    x86_cpuid_set(c, leaf, MAX(subleaf, 0), subleaf >= 0, r);
}

/* A host with every feature; its caches by AMD's or Intel's leaf: 48 KiB in 12 ways, 32 KiB in 8, 1.25 MiB in 20, and
 * a last level of 32 MiB in 16. */
static void fake_host(X86Cpuid *c, bool amd)
{
    static const uint32_t areas[][3] = {
        {2, 256, 576}, {5, 64, 1088}, {6, 512, 1152}, {7, 1024, 1664}, {9, 8, 2688}};
    static const struct {
        unsigned type, level, ways, sets;
    } caches[] = {{1, 1, 12, 64}, {2, 1, 8, 64}, {3, 2, 20, 1024}, {3, 3, 16, 32768}};
    const uint32_t leaf = amd ? 0x8000001d : 4;

    c->n = 0;
    if (amd) {
        give(c, 0, -1, 0xd, 0x68747541, 0x444d4163, 0x69746e65);
    } else {
        give(c, 0, -1, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
        give(c, 0x1f, 0, 1, 2, 0x100, 0);
    }
    give(c, 1, -1, 0x00a20f12, 0, UINT32_MAX, UINT32_MAX);
    give(c, 7, 0, 1, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    give(c, 0xd, 0, UINT32_MAX, 0, 0, 0);
    give(c, 0xd, 1, 0x1f, 0, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
        give(c, 0xd, areas[i][0], areas[i][1], areas[i][2], 0, 0);
    }
    give(c, 0x80000001, -1, 0, 0, UINT32_MAX, UINT32_MAX);
    give(c, 0x80000008, -1, 48, UINT32_MAX, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(caches); i++) {
        give(c, leaf, i, caches[i].type | caches[i].level << 5 | 1 << 8,
             (caches[i].ways - 1) << 22 | 63, caches[i].sets - 1, 0);
    }
    give(c, leaf, ARRAY_SIZE(caches), 0, 0, 0, 0);
}

static uint32_t of(const X86Cpuid *c, uint32_t leaf, uint32_t subleaf, unsigned r)
{
    const X86CpuidEntry *e = x86_cpuid_find(c, leaf, subleaf);
    return e ? e->reg[r] : 0;
}

/* KiB and ways, from the leaf that lists the caches; 0: there is none. */
static uint32_t listed(const X86Cpuid *c, uint32_t leaf, unsigned level, unsigned type,
                       uint32_t *ways)
{
    for (unsigned i = 0; i < MAX_CACHES; i++) {
        uint32_t a = of(c, leaf, i, X86_EAX), b = of(c, leaf, i, X86_EBX);
        if ((a & 31) == type && (a >> 5 & 7) == level) {
            *ways = (b >> 22) + 1;
            return *ways * ((b >> 12 & 0x3ff) + 1) * ((b & 0xfff) + 1) *
                   (of(c, leaf, i, X86_ECX) + 1) / 1024;
        }
    }
    return 0;
}

/* Leaves 0x80000005 and 6 against the list, and who shares what against the topology. */
static void check_caches(const X86Cpuid *c, bool amd, unsigned threads, unsigned logical)
{
    /* Ways by the code of leaf 0x80000006; 0: see the list. */
    static const uint32_t codes[16] = {0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, 0};
    uint32_t leaf = amd ? 0x8000001d : 4, second = of(c, 0x80000006, 0, X86_ECX);
    uint32_t third = of(c, 0x80000006, 0, X86_EDX), ways;

    g_assert_cmpuint(listed(c, leaf, 2, 3, &ways), ==, second >> 16);
    g_assert_true(codes[second >> 12 & 15] == ways || (second >> 12 & 15) == (amd ? 9 : 7));
    g_assert_cmpuint(second & 0xff, ==, 64);
    if (amd) {
        uint32_t data = of(c, 0x80000005, 0, X86_ECX), code = of(c, 0x80000005, 0, X86_EDX);
        g_assert_cmpuint(listed(c, leaf, 1, 1, &ways), ==, data >> 24);
        g_assert_cmpuint(ways, ==, data >> 16 & 0xff);
        g_assert_cmpuint(listed(c, leaf, 1, 2, &ways), ==, code >> 24);
        g_assert_cmpuint(ways, ==, code >> 16 & 0xff);
        g_assert_cmpuint(listed(c, leaf, 3, 3, &ways), ==, (third >> 18) * 512);
        g_assert_cmpuint(codes[third >> 12 & 15], ==, ways);
    }
    for (unsigned i = 0; of(c, leaf, i, X86_EAX) & 31; i++) {
        uint32_t a = of(c, leaf, i, X86_EAX), sharing = (a >> 14 & 0xfff) + 1;
        g_assert_cmpuint(sharing, >=, (a >> 5 & 7) == 3 ? logical : threads);
        g_assert_cmpuint(sharing, <=, of(c, 1, 0, X86_EBX) >> 16 & 0xff);
    }
}

/* Of leaf 0xd: the size is where the last of the components ends, and none lies in another. */
static void check_xsave(const X86Cpuid *c)
{
    uint64_t mask = of(c, 0xd, 0, X86_EAX) | (uint64_t)of(c, 0xd, 0, X86_EDX) << 32;
    uint32_t end = 576;

    g_assert_cmpuint(of(c, 1, 0, X86_ECX) >> 26 & 1, ==, mask != 0);
    if (!mask) {
        g_assert_cmpuint(of(c, 0xd, 0, X86_ECX), ==, 0);
        return;
    }
    g_assert_cmpuint(mask & 3, ==, 3);
    g_assert_cmpuint(of(c, 1, 0, X86_ECX) >> 28 & 1, ==, mask >> 2 & 1);       /* AVX */
    g_assert_cmpuint((of(c, 7, 0, X86_EBX) >> 16 & 1) * 7, ==, mask >> 5 & 7); /* AVX-512 */
    g_assert_cmpuint(of(c, 7, 0, X86_ECX) >> 3 & 1, ==, mask >> 9 & 1);        /* keys */
    for (unsigned i = 2; i < 63; i++) {
        uint32_t size = of(c, 0xd, i, X86_EAX), at = of(c, 0xd, i, X86_EBX);
        g_assert_cmpuint(size != 0, ==, mask >> i & 1);
        g_assert_true(!size || at >= end);
        end = size ? at + size : end;
    }
    g_assert_cmpuint(of(c, 0xd, 0, X86_EBX), ==, end);
    g_assert_cmpuint(of(c, 0xd, 0, X86_ECX), ==, end);
    g_assert_cmpuint(of(c, 0xd, 1, X86_EBX), ==, of(c, 0xd, 1, X86_EAX) & 0xa ? end : 0);
}

/* The width of the field for threads and cores, and their numbers, wherever they are said. */
static void check_topology(const X86Cpuid *c, bool amd, unsigned threads, unsigned logical)
{
    uint32_t id = of(c, 1, 0, X86_EBX) >> 24;

    g_assert_cmpuint(of(c, 0xb, 0, X86_EBX), ==, threads);
    g_assert_cmpuint(of(c, 0xb, 1, X86_EBX), ==, logical);
    g_assert_cmpuint(of(c, 1, 0, X86_EBX) >> 16 & 0xff, ==, 1u << of(c, 0xb, 1, X86_EAX));
    if (!amd) {
        g_assert_cmpuint((of(c, 4, 0, X86_EAX) >> 26) + 1, ==,
                         1u << (of(c, 0xb, 1, X86_EAX) - of(c, 0xb, 0, X86_EAX)));
        return;
    }
    g_assert_cmpuint((of(c, 0x80000008, 0, X86_ECX) & 0xff) + 1, ==, logical);
    g_assert_cmpuint(of(c, 0x80000008, 0, X86_ECX) >> 12 & 15, ==, of(c, 0xb, 1, X86_EAX));
    g_assert_cmpuint(of(c, 0x8000001e, 0, X86_EAX), ==, id);
    g_assert_cmpuint((of(c, 0x8000001e, 0, X86_EBX) >> 8 & 0xff) + 1, ==, threads);
    g_assert_cmpuint(of(c, 0x8000001e, 0, X86_EBX) & 0xff, <, logical / threads);
    g_assert_cmpuint(of(c, 0x8000001e, 0, X86_ECX) & 0xff, ==, id >> of(c, 0xb, 1, X86_EAX));
}

static void test_leaves(void)
{
    X86Cpuid *host = g_new0(X86Cpuid, 1);
    const X86Place place = {
        .cpus = 8, .cores = 3, .threads = 2, .index = 7}; /* the second package */

    for (unsigned amd = 0; amd < 2; amd++) {
        fake_host(host, amd);
        for (unsigned i = 0; x86_cpu_models[i]; i++) {
            for (unsigned own = 0; own < 2; own++) {
                char *text = g_strdup_printf("%s,host-cache-info=%s%s", x86_cpu_models[i],
                                             own ? "off" : "on", amd ? ",+topoext" : "");
                GError *error = NULL;
                X86Model *m = x86_model_new(text, host, &place, &error);
                g_assert_no_error(error);
                const X86Cpuid *c = x86_model_cpuid(m);
                uint32_t ways;
                g_assert_cmpuint(listed(c, amd ? 0x8000001d : 4, 1, 1, &ways), ==, own ? 32 : 48);
                check_caches(c, amd, 2, 6);
                check_xsave(c);
                check_topology(c, amd, 2, 6);
                x86_model_free(m);
                g_free(text);
            }
        }
    }
    g_free(host);
}

/* What was asked for stands in a leaf of its own, behind KVM's. */
static void test_frequencies(void)
{
    static const struct {
        const char *model;
        uint32_t khz; /* 0: nothing is said */
    } cases[] = {{"max", 0},
                 {"max,tsc-frequency=2500000000", 2500000},
                 {"max,tsc-frequency=2.4G", 2400000},
                 {"max,tsc-frequency=1800M", 1800000},
                 {"max,kvm=off,tsc-frequency=2.5G", 0}};
    const X86Place place = {.cpus = 1, .cores = 1, .threads = 1};
    g_autofree X86Cpuid *host = g_new0(X86Cpuid, 1);

    fake_host(host, false);
    give(host, 0x40000001, -1, UINT32_MAX, 0, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        X86Model *m = x86_model_new(cases[i].model, host, &place, &error);
        g_assert_no_error(error);
        const X86CpuidEntry *e = x86_cpuid_find(x86_model_cpuid(m), 0x40000010, 0);
        const X86CpuidEntry *base = x86_cpuid_find(x86_model_cpuid(m), 0x40000000, 0);
        g_assert_cmpuint(e ? e->reg[X86_EAX] : 0, ==, cases[i].khz);
        g_assert_cmpuint(e ? e->reg[X86_EBX] : 1000000, ==, 1000000);
        g_assert_cmphex(base ? base->reg[X86_EAX] : 0x40000001, ==, e ? 0x40000010 : 0x40000001);
        x86_model_free(m);
    }
}

/* ---- Hyper-V's enlightenments ---- */

/* Of what is said of @text on @host; NULL: it is fine, and @out, if not NULL, is what the model shows. */
static char *hyperv_error(const char *text, const X86Cpuid *host, X86Cpuid *out)
{
    const X86Place place = {.cpus = 1, .cores = 1, .threads = 1};
    GError *error = NULL;
    X86Model *m = x86_model_new(text, host, &place, &error);
    char *message = NULL;

    if (!m) {
        message = g_strdup(error->message);
        g_error_free(error);
        return message;
    }
    if (out) {
        *out = *x86_model_cpuid(m);
    }
    x86_model_free(m);
    return NULL;
}

static void check_hyperv(const char *text, const X86Cpuid *host, const char *error)
{
    g_autofree char *model = g_strdup_printf("max,%s", text);
    g_autofree char *said = hyperv_error(model, host, NULL);

    if (error ? !said || !strstr(said, error) : said != NULL) {
        g_error("%s: '%s' instead of '%s'", text, said, error);
    }
}

static void test_hyperv(void)
{
    g_autofree X86Cpuid *host = g_new0(X86Cpuid, 1), *out = g_new0(X86Cpuid, 1);

    fake_host(host, false);
    give(host, 0x40000003, -1, 0x2aff, 0, 0, 1u << 4 | 1u << 8 | 1u << 10 | 1u << 14 | 1u << 19);
    give(host, 0x40000004, -1, 0x4e2c, 0, 0, 0);
    give(host, 0x4000000a, -1, 0x101 | 1u << 17 | 1u << 19, 0, 0, 0);

    check_hyperv("hv_stimer,hv_synic,hv_time,hv_vpindex", host, NULL);
    check_hyperv("hv_stimer,hv_time,hv_vpindex", host, "hv_stimer needs hv_synic");
    check_hyperv("hv_stimer,hv_synic,hv_vpindex", host, "hv_stimer needs hv_time");
    check_hyperv("hv-synic", host, "hv_synic needs hv_vpindex");
    check_hyperv("hv-tlbflush", host, "hv_tlbflush needs hv_vpindex");
    check_hyperv("hv-ipi", host, "hv_ipi needs hv_vpindex");
    check_hyperv("hv-evmcs", host, "hv_evmcs needs hv_vapic");
    check_hyperv("hv-stimer-direct", host, "hv_stimer-direct needs hv_stimer");
    check_hyperv("hv-tlbflush-ext,hv-vpindex", host, "hv_tlbflush-ext needs hv_tlbflush");
    check_hyperv("hv-tlbflush-direct", host, "hv_tlbflush-direct needs hv_vapic");
    check_hyperv("hv-avic=on,hv-apicv,hv-reenlightenment,hv-xmm-input,hv-emsr-bitmap", host, NULL);
    check_hyperv("hv-passthrough,hv-vpindex=off", host, "needs hv_vpindex");
    check_hyperv("hv-passthrough=off,hv-enforce-cpuid", host, NULL);
    check_hyperv("hv-no-nonarch-coresharing", host, "does not offer");
    check_hyperv("hv-no-nonarch-coresharing=auto", host, NULL);
    check_hyperv("hv-relaxed=auto", host, "on or off");
    check_hyperv("hv-syndbg", host, "hv_syndbg");
    check_hyperv("hv-syndbg=off", host, NULL);
    check_hyperv("hv-passthru", host, "unknown enlightenment");

    g_assert_null(hyperv_error("max,hv-passthrough", host, out));
    g_assert_cmphex(of(out, 0x40000000, 0, X86_EAX), ==, 0x4000000a);
    g_assert_cmphex(of(out, 0x40000003, 0, X86_EAX), ==, 0x2aff);
    g_assert_cmphex(of(out, 0x40000004, 0, X86_EAX), ==, 0x4e2c);
    g_assert_cmphex(of(out, 0x4000000a, 0, X86_EAX), ==, 0x101 | 1u << 17 | 1u << 19);
    g_assert_null(hyperv_error("max,hv-relaxed", host, out));
    g_assert_cmphex(of(out, 0x40000000, 0, X86_EAX), ==, 0x40000005);
    g_assert_null(x86_cpuid_find(out, 0x4000000a, 0));
}

static void test_reset(void)
{
    Machine *machine = make("max", 2, 0, 0);
    X86State *s = x86_state(machine->cpus[0]), *ap = x86_state(machine->cpus[1]);
    uint64_t value;

    g_assert_cmphex(x86_64_guest.get_pc(machine->cpus[0]), ==, 0xfffffff0);
    g_assert_cmphex(s->cr0, ==, 0x60000010);
    g_assert_cmphex(s->rflags, ==, 2);
    g_assert_cmphex(s->regs[X86_RDX], ==, reg(machine, 0, 1, 0, X86_EAX));
    g_assert_cmphex(s->apic_base, ==, 0xfee00900);
    g_assert_cmphex(ap->apic_base, ==, 0xfee00800);
    g_assert_true(x86_is_waiting(ap));
    g_assert_true(x86_msr_get(s, X86_MSR_PAT, &value));
    g_assert_cmphex(value, ==, 0x0007040600070406);
    g_assert_false(x86_msr_get(s, 0x12345, &value));
    x86_msr_add(s, 0x12345, 7);
    g_assert_true(x86_msr_set(s, 0x12345, 9));
    machine_reset(machine);
    g_assert_true(x86_msr_get(s, 0x12345, &value));
    g_assert_cmpuint(value, ==, 7);
    machine_free(machine);
}

/* SIPI counts after INIT only, and not for who runs. */
static void test_start_up(void)
{
    Machine *machine = make("max", 2, 0, 0);
    Vcpu *ap = machine->cpus[1];
    X86State *s = x86_state(ap);

    x86_cpu_sipi(ap, 0x12);
    x86_take_signals(ap);
    g_assert_true(x86_is_waiting(s));
    x86_cpu_init(ap);
    g_assert_true(x86_64_guest.has_work(ap));
    x86_take_signals(ap);
    x86_cpu_sipi(ap, 0x9a);
    x86_take_signals(ap);
    g_assert_false(x86_is_waiting(s));
    g_assert_cmphex(x86_64_guest.get_pc(ap), ==, 0x9a000);
    g_assert_cmphex(s->segs[X86_CS].selector, ==, 0x9a00);
    x86_cpu_sipi(ap, 0x33);
    x86_take_signals(ap);
    g_assert_cmphex(x86_64_guest.get_pc(ap), ==, 0x9a000);

    /* A line that rises is one NMI, however long it stays. */
    IrqLine nmi = x86_cpu_irq(ap, X86_LINE_NMI);
    irq_set(&nmi, true);
    irq_set(&nmi, true);
    x86_take_signals(ap);
    g_assert_true(s->events.nmi_pending);
    s->events.nmi_pending = false;
    x86_take_signals(ap);
    g_assert_false(s->events.nmi_pending);
    machine_free(machine);
}

static void put64(Machine *machine, uint64_t addr, uint64_t value)
{
    machine_mmio_write(machine, addr, value, 8);
}

static void test_walk(void)
{
    Machine *machine = make("max", 1, 0, 0);
    Vcpu *vcpu = machine->cpus[0];
    X86State *s = x86_state(vcpu);
    uint64_t gpa;

    g_assert_true(x86_64_guest.debug_translate(vcpu, 0x1234, &gpa));
    g_assert_cmphex(gpa, ==, 0x1234);
    s->cr0 |= X86_CR0_PE | X86_CR0_PG;
    s->cr4 |= X86_CR4_PAE;
    s->efer = X86_EFER_LME | X86_EFER_LMA;
    s->cr3 = 0x1000;
    put64(machine, 0x1000 + 8 * 511, 0x2003);
    put64(machine, 0x2000 + 8 * 510, 0x3003);
    put64(machine, 0x3000 + 8 * 1, 0x4003);
    put64(machine, 0x3000 + 8 * 2, 0x40000083); /* 2 MiB */
    put64(machine, 0x4000 + 8 * 3, 0x5003);
    g_assert_true(x86_64_guest.debug_translate(vcpu, 0xffffffff80203456, &gpa));
    g_assert_cmphex(gpa, ==, 0x5456);
    g_assert_true(x86_64_guest.debug_translate(vcpu, 0xffffffff80512345, &gpa));
    g_assert_cmphex(gpa, ==, 0x40112345);
    g_assert_false(x86_64_guest.debug_translate(vcpu, 0xffffffff80204000, &gpa));
    g_assert_false(x86_64_guest.debug_translate(vcpu, 0x1000, &gpa));
    machine_free(machine);
}

/* Saved, loaded into a processor full of something else, saved: the same. */
static void test_saved_state(void)
{
    Machine *a = make("max", 1, 0, 0), *b = make("max", 1, 0, 0), *c = make("x86-64-v2", 1, 0, 0);
    X86State *s = x86_state(a->cpus[0]), *t = x86_state(b->cpus[0]);
    GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();
    GError *error = NULL;

    for (unsigned i = 0; i < X86_NREGS; i++) {
        s->regs[i] = UINT64_C(0x1111111111111111) * i;
    }
    s->xsave[X86_XMM_OFFSET + 5] = 0x5a;
    s->segs[X86_FS].base = 0x123456789a;
    s->events.nmi_masked = true;
    x86_msr_set(s, 0x777, 42);
    vmstate_save(first, x86_64_guest.vmstate, s);
    memset(t->regs, 0xee, sizeof(t->regs));
    memset(t->xsave, 0xee, sizeof(t->xsave));
    const uint8_t *data = first->data;
    size_t len = first->len;
    g_assert_true(vmstate_load(&data, &len, x86_64_guest.vmstate, t, &error));
    g_assert_no_error(error);
    vmstate_save(second, x86_64_guest.vmstate, t);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    /* Another model is refused. */
    data = first->data;
    len = first->len;
    g_assert_false(vmstate_load(&data, &len, x86_64_guest.vmstate, x86_state(c->cpus[0]), &error));
    g_assert_nonnull(strstr(error->message, "differs from -cpu"));
    g_error_free(error);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
    machine_free(a);
    machine_free(b);
    machine_free(c);
}

static void test_gdb(void)
{
    Machine *machine = make("max", 1, 0, 0);
    Vcpu *vcpu = machine->cpus[0];
    const GuestGdb *gdb = x86_64_guest.gdb;
    uint8_t buf[GUEST_GDB_MAX_BYTES];
    GString *text = g_string_new(NULL);
    uint64_t value = 0x1122334455667788;

    g_assert_true(gdb->describe(vcpu, "target.xml", text));
    g_assert_nonnull(strstr(text->str, "org.gnu.gdb.i386.core"));
    unsigned n = 0;
    for (const char *at = text->str; (at = strstr(at, "<reg ")) != NULL; at++) {
        g_assert_cmpuint(gdb->read(vcpu, n++, buf), >, 0);
    }
    g_assert_cmpuint(gdb->read(vcpu, n, buf), ==, 0);
    g_assert_true(gdb->write(vcpu, 5, (uint8_t *)&value)); /* rdi */
    g_assert_cmphex(x86_state(vcpu)->regs[X86_RDI], ==, value);
    g_assert_cmpuint(gdb->read(vcpu, 16, buf), ==, 8);
    g_assert_false(gdb->write(vcpu, 18, (uint8_t *)&value)); /* cs */
    g_string_free(text, true);
    machine_free(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86-cpu/frequencies", test_frequencies);
    g_test_add_func("/x86-cpu/hyperv", test_hyperv);
    g_test_add_func("/x86-cpu/models", test_models);
    g_test_add_func("/x86-cpu/bad-models", test_bad_models);
    g_test_add_func("/x86-cpu/topology", test_topology);
    g_test_add_func("/x86-cpu/leaves", test_leaves);
    g_test_add_func("/x86-cpu/reset", test_reset);
    g_test_add_func("/x86-cpu/start-up", test_start_up);
    g_test_add_func("/x86-cpu/walk", test_walk);
    g_test_add_func("/x86-cpu/saved-state", test_saved_state);
    g_test_add_func("/x86-cpu/gdb", test_gdb);
    return g_test_run();
}
