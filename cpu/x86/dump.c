/*
 * All registers as text: `info registers`, and what is printed when no engine can go on.
 */
#include "cpu/x86/priv.h"
#include <inttypes.h>
#include <string.h>

static const char *const reg_names[X86_NREGS] = {
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
    "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15",
};

static void dump_flags(uint64_t flags, GString *out)
{
    static const char letters[] = "C.P.A.ZSTIDO";
    for (unsigned i = sizeof(letters) - 1; i-- > 0;) {
        if (letters[i] != '.') {
            g_string_append_c(out, flags >> i & 1 ? letters[i] : '-');
        }
    }
}

static void dump_segment(const char *name, const X86Segment *seg, GString *out)
{
    g_string_append_printf(out, "%s=%04x base %016" PRIx64 " limit %08x", name, seg->selector,
                           seg->base, seg->limit);
    if (seg->attr & X86_SEG_UNUSABLE) {
        g_string_append(out, " unusable\n");
        return;
    }
    g_string_append_printf(
        out, " %s type %x dpl %u%s%s%s%s\n", seg->attr & X86_SEG_S ? "mem" : "sys",
        seg->attr & X86_SEG_TYPE, seg->attr >> X86_SEG_DPL_SHIFT & 3,
        seg->attr & X86_SEG_P ? " present" : "", seg->attr & X86_SEG_L ? " 64-bit" : "",
        seg->attr & X86_SEG_DB ? " 32-bit" : "", seg->attr & X86_SEG_G ? " pages" : "");
}

static void dump_segments(const X86State *s, GString *out)
{
    static const char *const names[X86_NSEGS] = {"ES ", "CS ", "SS ", "DS ", "FS ", "GS "};
    for (unsigned i = 0; i < X86_NSEGS; i++) {
        dump_segment(names[i], &s->segs[i], out);
    }
    dump_segment("LDT", &s->ldtr, out);
    dump_segment("TR ", &s->tr, out);
    g_string_append_printf(out, "GDT= base %016" PRIx64 " limit %04x\n", s->gdtr.base,
                           s->gdtr.limit);
    g_string_append_printf(out, "IDT= base %016" PRIx64 " limit %04x\n", s->idtr.base,
                           s->idtr.limit);
}

static void dump_control(const X86State *s, GString *out)
{
    g_string_append_printf(out,
                           "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64
                           " CR8=%" PRIx64 "\n",
                           s->cr0, s->cr2, s->cr3, s->cr4, s->cr8);
    g_string_append_printf(out,
                           "DR0=%016" PRIx64 " DR1=%016" PRIx64 " DR2=%016" PRIx64
                           " DR3=%016" PRIx64 "\nDR6=%08" PRIx64 " DR7=%08" PRIx64
                           " EFER=%04" PRIx64 " XCR0=%" PRIx64 "\n",
                           s->dr[0], s->dr[1], s->dr[2], s->dr[3], s->dr6, s->dr7, s->efer,
                           s->xcr0);
}

static uint64_t le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void dump_fpu(const X86State *s, GString *out)
{
    const uint8_t *x = s->xsave;
    g_string_append_printf(out, "FCW=%04x FSW=%04x FTW=%02x MXCSR=%08x\n",
                           (unsigned)le64(x + X86_FCW_OFFSET) & 0xffff,
                           (unsigned)le64(x + X86_FSW_OFFSET) & 0xffff, x[X86_FTW_OFFSET],
                           (unsigned)le64(x + X86_MXCSR_OFFSET));
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = x + X86_ST_OFFSET + 16 * i;
        g_string_append_printf(out, "ST%u=%04x %016" PRIx64 "%s", i, st[8] | st[9] << 8, le64(st),
                               i % 2 ? "\n" : " ");
    }
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *xmm = x + X86_XMM_OFFSET + 16 * i;
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%s", i, le64(xmm + 8),
                               le64(xmm), i % 2 ? "\n" : " ");
    }
}

void x86_dump(Vcpu *vcpu, GString *out)
{
    static const char *const activities[] = {"", " not started", " waits for SIPI", " halted"};
    const X86State *s = x86_state(vcpu);

    for (unsigned i = 0; i < X86_NREGS; i++) {
        g_string_append_printf(out, "%s=%016" PRIx64 "%s", reg_names[i], s->regs[i],
                               i % 4 == 3 ? "\n" : " ");
    }
    g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " [", s->rip, s->rflags);
    dump_flags(s->rflags, out);
    g_string_append_printf(out, "] CPL=%u %u-bit%s\n",
                           s->segs[X86_SS].attr >> X86_SEG_DPL_SHIFT & 3, x86_code_bits(s),
                           activities[s->activity & 3]);
    dump_segments(s, out);
    dump_control(s, out);
    dump_fpu(s, out);
}
