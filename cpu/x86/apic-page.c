/*
 * The local APIC's registers after reset, for engines that have it: Intel SDM volume 3, section 11.4.7.
 */
#include "cpu/x86/priv.h"
#include <string.h>

/* clang-format off */
enum {
    APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_DFR = 0xe0, APIC_SPIV = 0xf0, APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330, APIC_LVT_PERF = 0x340, APIC_LVT_LINT0 = 0x350, APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
};
/* clang-format on */
#define VERSION_INTEGRATED 0x00050014u /* six local vectors */
#define LVT_MASKED (1u << 16)
#define LVT_EXTINT (7u << 8)

static void put32(X86State *s, unsigned offset, uint32_t value)
{
    memcpy(s->apic_page + offset, &value, 4);
}

void x86_apic_page_reset(X86State *s)
{
    static const uint16_t lvts[] = {APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
                                    APIC_LVT_LINT0, APIC_LVT_LINT1,   APIC_LVT_ERROR};

    memset(s->apic_page, 0, sizeof(s->apic_page));
    put32(s, APIC_ID, s->apic_id << 24);
    put32(s, APIC_VERSION, VERSION_INTEGRATED);
    put32(s, APIC_DFR, ~0u);
    put32(s, APIC_SPIV, 0xff);
    for (unsigned i = 0; i < ARRAY_SIZE(lvts); i++) {
        put32(s, lvts[i], LVT_MASKED);
    }
    if (s->bsp) { /* the 8259 reaches the processor before anyone has set the APIC up */
        put32(s, APIC_LVT_LINT0, LVT_EXTINT);
    }
    s->apic_page_valid = !s->apic_ops;
}
