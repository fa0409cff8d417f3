/*
 * Host features, from CPUID (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E). AVX and
 * later need the operating system to save the wider registers: XCR0 says so.
 */
#include "softmmu/base/error.h"
#include "tcg/x86_64/emit.h"

#include <cpuid.h>

typedef struct FeatureName {
    const char *name;
    size_t offset;
} FeatureName;

#define FEATURE(name)                      \
    {                                      \
#name, offsetof(TcgFeatures, name) \
    }
static const FeatureName feature_names[] = {
    FEATURE(bmi1), FEATURE(bmi2), FEATURE(lzcnt), FEATURE(popcnt), FEATURE(movbe),  FEATURE(sse41),
    FEATURE(avx),  FEATURE(avx2), FEATURE(fma),   FEATURE(f16c),   FEATURE(avx512), FEATURE(vbmi),
};

static uint64_t read_xcr0(void)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static void detect(TcgFeatures *f)
{
    unsigned a, b, c, d;
    bool ymm = false, zmm = false;

    if (__get_cpuid(1, &a, &b, &c, &d)) {
        if (c & 1u << 27) {
            uint64_t xcr0 = read_xcr0();

            ymm = (xcr0 & 6) == 6;
            zmm = (xcr0 & 0xe6) == 0xe6;
        }
        f->sse41 = c >> 19 & 1;
        f->popcnt = c >> 23 & 1;
        f->movbe = c >> 22 & 1;
        f->avx = ymm && (c >> 28 & 1);
        f->fma = f->avx && (c >> 12 & 1);
        f->f16c = f->avx && (c >> 29 & 1);
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;

        /* BMI instructions are VEX-encoded too, but touch no vector state. */
        f->bmi1 = b >> 3 & 1;
        f->bmi2 = b >> 8 & 1;
        f->avx2 = f->avx && (b >> 5 & 1);
        f->avx512 = f->avx2 && zmm && (b & avx512) == avx512;
        f->vbmi = f->avx512 && (c >> 1 & 1);
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        f->lzcnt = c >> 5 & 1;
    }
}

static bool take_away(TcgFeatures *f, const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(feature_names) + 2];
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
        if (g_str_equal(name, feature_names[i].name)) {
            *((bool *)((char *)f + feature_names[i].offset)) = false;
            return true;
        }
        names[n++] = feature_names[i].name;
    }
    if (g_str_equal(name, "all")) {
        memset(f, 0, sizeof(*f));
        return true;
    }
    names[n++] = "all";
    names[n] = NULL;
    const char *near = error_nearest(name, names);
    return error_set(error, "unknown host feature '%s'%s%s%s", name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

bool features_detect(TcgFeatures *f, const char *off, GError **error)
{
    bool ok = true;

    memset(f, 0, sizeof(*f));
    detect(f);
    if (off && *off) {
        char **list = g_strsplit(off, ",", -1);

        for (char **p = list; *p && ok; p++) {
            ok = take_away(f, *p, error);
        }
        g_strfreev(list);
    }
    /* Each needs the one before it. */
    f->avx2 &= f->avx;
    f->fma &= f->avx;
    f->f16c &= f->avx;
    f->avx512 &= f->avx2;
    f->vbmi &= f->avx512;
    return ok;
}
