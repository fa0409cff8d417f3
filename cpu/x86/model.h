/*
 * Between the files that make CPUID of a model's name.
 */
#ifndef AMPHI_X86_MODEL_H
#define AMPHI_X86_MODEL_H

#include "cpu/x86/cpuid.h"
#include "cpu/x86/priv.h"

/* clang-format off */
typedef enum X86FeatureIndex {
    X86_F1_EDX, X86_F1_ECX, X86_F6_EAX, X86_F7_EBX, X86_F7_ECX, X86_F7_EDX, X86_F7_1_EAX, X86_FD_1_EAX,
    X86_FX1_EDX, X86_FX1_ECX, X86_FX7_EDX, X86_FX8_EBX, X86_FKVM_EAX,
    X86_FEATURE_WORDS
} X86FeatureIndex;
/* clang-format on */

typedef struct X86FeatureWord {
    uint32_t leaf, subleaf;
    bool indexed;
    unsigned reg;
} X86FeatureWord;

typedef struct X86Feature {
    const char *name;
    uint8_t word; /* X86FeatureIndex */
    uint8_t bit;
} X86Feature;

extern const X86FeatureWord x86_feature_words[X86_FEATURE_WORDS];
extern const X86Feature x86_features[]; /* ends with name NULL */

/* By its name, another one that it has, or with _ for -. */
const X86Feature *x86_feature_find(const char *name);

/* What kind of CPU it is, apart from its features. */
typedef struct X86Identity {
    char vendor[13];
    unsigned family, model, stepping;
    char brand[49];
    unsigned phys_bits;
} X86Identity;

/* Hyper-V's enlightenments that were asked for: bits of hyperv.c's table, and values. */
typedef struct X86Hyperv {
    uint64_t features;
    uint32_t spinlocks;
    char vendor[13];
    bool enforce;            /* what is not in CPUID does not work either */
    uint16_t evmcs_versions; /* the engine's: the lowest and the highest */
} X86Hyperv;

struct X86Model {
    char *name; /* as given: with its properties */
    uint32_t features[X86_FEATURE_WORDS];
    X86Identity identity;
    X86Hyperv hyperv;
    bool kvm;                /* the paravirtual leaves are shown */
    bool host_cache;         /* caches are described as the host's */
    uint64_t tsc_khz;        /* that was asked for; 0: whatever there is */
    unsigned cores, threads; /* of a package, of a core */
    uint32_t apic_id;
    X86Cpuid cpuid;
};

/* Makes model->cpuid of the rest. @host: what the engine can give, or NULL. */
void x86_model_make_cpuid(X86Model *model, const X86Cpuid *host);

/* hyperv.c: takes a property named hv_* or hv-*. False: there is none of that name, or no such value, or the
 * engine has no such feature (@error is set). */
bool x86_hyperv_parse(X86Hyperv *hv, const char *name, const char *value, const X86Cpuid *host,
                      GError **error);
/* Whether all that what was asked for rests on was asked for too. */
bool x86_hyperv_check(const X86Hyperv *hv, GError **error);
void x86_hyperv_cpuid(const X86Hyperv *hv, X86Cpuid *out);
void x86_hyperv_help(GString *out);

#endif
