/*
 * Features by name, as -cpu spells them, and where CPUID has them: Intel SDM volume 2 (CPUID), AMD64 APM volume 3
 * appendix E; the paravirtual ones: Linux, Documentation/virt/kvm/x86/cpuid.rst.
 */
#include "cpu/x86/model.h"
#include <string.h>

/* Words of CPUID that are made of feature bits. */
const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS] = {
    [X86_F1_EDX] = {1, 0, false, X86_EDX},
    [X86_F1_ECX] = {1, 0, false, X86_ECX},
    [X86_F6_EAX] = {6, 0, false, X86_EAX},
    [X86_F7_EBX] = {7, 0, true, X86_EBX},
    [X86_F7_ECX] = {7, 0, true, X86_ECX},
    [X86_F7_EDX] = {7, 0, true, X86_EDX},
    [X86_F7_1_EAX] = {7, 1, true, X86_EAX},
    [X86_FD_1_EAX] = {0xd, 1, true, X86_EAX},
    [X86_FX1_EDX] = {0x80000001, 0, false, X86_EDX},
    [X86_FX1_ECX] = {0x80000001, 0, false, X86_ECX},
    [X86_FX7_EDX] = {0x80000007, 0, false, X86_EDX},
    [X86_FX8_EBX] = {0x80000008, 0, false, X86_EBX},
    [X86_FKVM_EAX] = {0x40000001, 0, false, X86_EAX},
};

/* clang-format off */
const X86Feature x86_features[] = {
    {"fpu", X86_F1_EDX, 0}, {"vme", X86_F1_EDX, 1}, {"de", X86_F1_EDX, 2}, {"pse", X86_F1_EDX, 3},
    {"tsc", X86_F1_EDX, 4}, {"msr", X86_F1_EDX, 5}, {"pae", X86_F1_EDX, 6}, {"mce", X86_F1_EDX, 7},
    {"cx8", X86_F1_EDX, 8}, {"apic", X86_F1_EDX, 9}, {"sep", X86_F1_EDX, 11},
    {"mtrr", X86_F1_EDX, 12}, {"pge", X86_F1_EDX, 13}, {"mca", X86_F1_EDX, 14},
    {"cmov", X86_F1_EDX, 15}, {"pat", X86_F1_EDX, 16}, {"pse36", X86_F1_EDX, 17},
    {"clflush", X86_F1_EDX, 19}, {"mmx", X86_F1_EDX, 23}, {"fxsr", X86_F1_EDX, 24},
    {"sse", X86_F1_EDX, 25}, {"sse2", X86_F1_EDX, 26}, {"ss", X86_F1_EDX, 27},
    {"ht", X86_F1_EDX, 28},

    {"sse3", X86_F1_ECX, 0}, {"pclmulqdq", X86_F1_ECX, 1}, {"monitor", X86_F1_ECX, 3},
    {"vmx", X86_F1_ECX, 5}, {"ssse3", X86_F1_ECX, 9}, {"fma", X86_F1_ECX, 12},
    {"cx16", X86_F1_ECX, 13}, {"pdcm", X86_F1_ECX, 15}, {"pcid", X86_F1_ECX, 17},
    {"sse4.1", X86_F1_ECX, 19}, {"sse4.2", X86_F1_ECX, 20}, {"x2apic", X86_F1_ECX, 21},
    {"movbe", X86_F1_ECX, 22}, {"popcnt", X86_F1_ECX, 23}, {"tsc-deadline", X86_F1_ECX, 24},
    {"aes", X86_F1_ECX, 25}, {"xsave", X86_F1_ECX, 26}, {"avx", X86_F1_ECX, 28},
    {"f16c", X86_F1_ECX, 29}, {"rdrand", X86_F1_ECX, 30}, {"hypervisor", X86_F1_ECX, 31},

    {"arat", X86_F6_EAX, 2},

    {"fsgsbase", X86_F7_EBX, 0}, {"tsc-adjust", X86_F7_EBX, 1}, {"sgx", X86_F7_EBX, 2},
    {"bmi1", X86_F7_EBX, 3}, {"hle", X86_F7_EBX, 4}, {"avx2", X86_F7_EBX, 5},
    {"smep", X86_F7_EBX, 7}, {"bmi2", X86_F7_EBX, 8}, {"erms", X86_F7_EBX, 9},
    {"invpcid", X86_F7_EBX, 10}, {"rtm", X86_F7_EBX, 11}, {"mpx", X86_F7_EBX, 14},
    {"avx512f", X86_F7_EBX, 16}, {"avx512dq", X86_F7_EBX, 17}, {"rdseed", X86_F7_EBX, 18},
    {"adx", X86_F7_EBX, 19}, {"smap", X86_F7_EBX, 20}, {"avx512ifma", X86_F7_EBX, 21},
    {"clflushopt", X86_F7_EBX, 23}, {"clwb", X86_F7_EBX, 24}, {"avx512pf", X86_F7_EBX, 26},
    {"avx512er", X86_F7_EBX, 27}, {"avx512cd", X86_F7_EBX, 28}, {"sha-ni", X86_F7_EBX, 29},
    {"avx512bw", X86_F7_EBX, 30}, {"avx512vl", X86_F7_EBX, 31},

    {"avx512vbmi", X86_F7_ECX, 1}, {"umip", X86_F7_ECX, 2}, {"pku", X86_F7_ECX, 3},
    {"waitpkg", X86_F7_ECX, 5}, {"avx512vbmi2", X86_F7_ECX, 6}, {"gfni", X86_F7_ECX, 8},
    {"vaes", X86_F7_ECX, 9}, {"vpclmulqdq", X86_F7_ECX, 10}, {"avx512vnni", X86_F7_ECX, 11},
    {"avx512bitalg", X86_F7_ECX, 12}, {"avx512-vpopcntdq", X86_F7_ECX, 14},
    {"la57", X86_F7_ECX, 16}, {"rdpid", X86_F7_ECX, 22}, {"bus-lock-detect", X86_F7_ECX, 24},
    {"cldemote", X86_F7_ECX, 25}, {"movdiri", X86_F7_ECX, 27}, {"movdir64b", X86_F7_ECX, 28},

    {"avx512-4vnniw", X86_F7_EDX, 2}, {"avx512-4fmaps", X86_F7_EDX, 3}, {"fsrm", X86_F7_EDX, 4},
    {"avx512-vp2intersect", X86_F7_EDX, 8}, {"md-clear", X86_F7_EDX, 10},
    {"serialize", X86_F7_EDX, 14}, {"amx-bf16", X86_F7_EDX, 22}, {"avx512-fp16", X86_F7_EDX, 23},
    {"amx-tile", X86_F7_EDX, 24}, {"amx-int8", X86_F7_EDX, 25}, {"spec-ctrl", X86_F7_EDX, 26},
    {"stibp", X86_F7_EDX, 27}, {"flush-l1d", X86_F7_EDX, 28}, {"arch-capabilities", X86_F7_EDX, 29},
    {"core-capability", X86_F7_EDX, 30}, {"ssbd", X86_F7_EDX, 31},

    {"avx-vnni", X86_F7_1_EAX, 4}, {"avx512-bf16", X86_F7_1_EAX, 5}, {"fzrm", X86_F7_1_EAX, 10},
    {"fsrs", X86_F7_1_EAX, 11}, {"fsrc", X86_F7_1_EAX, 12}, {"avx-ifma", X86_F7_1_EAX, 23},

    {"xsaveopt", X86_FD_1_EAX, 0}, {"xsavec", X86_FD_1_EAX, 1}, {"xgetbv1", X86_FD_1_EAX, 2},
    {"xsaves", X86_FD_1_EAX, 3},

    {"syscall", X86_FX1_EDX, 11}, {"nx", X86_FX1_EDX, 20}, {"mmxext", X86_FX1_EDX, 22},
    {"fxsr-opt", X86_FX1_EDX, 25}, {"pdpe1gb", X86_FX1_EDX, 26}, {"rdtscp", X86_FX1_EDX, 27},
    {"lm", X86_FX1_EDX, 29}, {"3dnowext", X86_FX1_EDX, 30}, {"3dnow", X86_FX1_EDX, 31},

    {"lahf-lm", X86_FX1_ECX, 0}, {"cmp-legacy", X86_FX1_ECX, 1}, {"svm", X86_FX1_ECX, 2},
    {"cr8legacy", X86_FX1_ECX, 4}, {"abm", X86_FX1_ECX, 5}, {"sse4a", X86_FX1_ECX, 6},
    {"misalignsse", X86_FX1_ECX, 7}, {"3dnowprefetch", X86_FX1_ECX, 8}, {"osvw", X86_FX1_ECX, 9},
    {"xop", X86_FX1_ECX, 11}, {"fma4", X86_FX1_ECX, 16}, {"tbm", X86_FX1_ECX, 21},
    {"topoext", X86_FX1_ECX, 22}, {"perfctr-core", X86_FX1_ECX, 23},

    {"invtsc", X86_FX7_EDX, 8},

    {"clzero", X86_FX8_EBX, 0}, {"xsaveerptr", X86_FX8_EBX, 2}, {"wbnoinvd", X86_FX8_EBX, 9},
    {"ibpb", X86_FX8_EBX, 12}, {"ibrs", X86_FX8_EBX, 14}, {"amd-stibp", X86_FX8_EBX, 15},
    {"amd-ssbd", X86_FX8_EBX, 24}, {"virt-ssbd", X86_FX8_EBX, 25},

    {"kvmclock-old", X86_FKVM_EAX, 0}, {"kvm-nopiodelay", X86_FKVM_EAX, 1},
    {"kvmclock", X86_FKVM_EAX, 3}, {"kvm-asyncpf", X86_FKVM_EAX, 4},
    {"kvm-steal-time", X86_FKVM_EAX, 5}, {"kvm-pv-eoi", X86_FKVM_EAX, 6},
    {"kvm-pv-unhalt", X86_FKVM_EAX, 7}, {"kvm-pv-tlb-flush", X86_FKVM_EAX, 9},
    {"kvm-pv-ipi", X86_FKVM_EAX, 11}, {"kvm-poll-control", X86_FKVM_EAX, 12},
    {"kvm-pv-sched-yield", X86_FKVM_EAX, 13}, {"kvm-asyncpf-int", X86_FKVM_EAX, 14},
    {"kvm-msi-ext-dest-id", X86_FKVM_EAX, 15}, {"kvmclock-stable-bit", X86_FKVM_EAX, 24},
    {0},
};
/* clang-format on */

/* What else a feature is called. */
/* clang-format off */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"pni", "sse3"}, {"pclmuldq", "pclmulqdq"}, {"sse4-1", "sse4.1"}, {"sse4_1", "sse4.1"},
    {"sse4-2", "sse4.2"}, {"sse4_2", "sse4.2"}, {"lzcnt", "abm"}, {"i64", "lm"}, {"xd", "nx"},
    {"sha", "sha-ni"},
};
/* clang-format on */

const X86Feature *x86_feature_find(const char *name)
{
    char *plain = g_strdelimit(g_strdup(name), "_", '-');
    const X86Feature *found = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (!strcmp(aliases[i].alias, name) || !strcmp(aliases[i].alias, plain)) {
            g_free(plain);
            plain = g_strdup(aliases[i].name);
            break;
        }
    }
    for (unsigned i = 0; x86_features[i].name && !found; i++) {
        if (!strcmp(x86_features[i].name, plain)) {
            found = &x86_features[i];
        }
    }
    g_free(plain);
    return found;
}
