/*
 * Registers as gdb numbers them, and the target description that says so (GDB manual, "Standard Target
 * Features", i386). After the standard features there is one of our own with control registers.
 */
#include "cpu/x86/priv.h"
#include <string.h>

enum {
    GDB_RIP = 16,
    GDB_EFLAGS,
    GDB_SELECTORS, /* 6 */
    GDB_ST = GDB_SELECTORS + 6,
    GDB_FPU = GDB_ST + 8, /* fctrl .. fop */
    GDB_XMM = GDB_FPU + 8,
    GDB_MXCSR = GDB_XMM + 16,
    GDB_FS_BASE,
    GDB_GS_BASE,
    GDB_YMMH,
    GDB_SYSTEM = GDB_YMMH + 16,
};

/* gdb's order of general registers and selectors. */
static const uint8_t general[16] = {X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI,
                                    X86_RBP, X86_RSP, X86_R8,  X86_R9,  X86_R10, X86_R11,
                                    X86_R12, X86_R13, X86_R14, X86_R15};
static const uint8_t selectors[6] = {X86_CS, X86_SS, X86_DS, X86_ES, X86_FS, X86_GS};

static const struct {
    const char *name;
    size_t offset;
} system_registers[] = {
    {"cr0", offsetof(X86State, cr0)},
    {"cr2", offsetof(X86State, cr2)},
    {"cr3", offsetof(X86State, cr3)},
    {"cr4", offsetof(X86State, cr4)},
    {"cr8", offsetof(X86State, cr8)},
    {"efer", offsetof(X86State, efer)},
    {"k_gs_base", offsetof(X86State, kernel_gs_base)},
};

/* ---- The x87's tag word, of which XSAVE has one bit a register ---- */

static unsigned tag_of(const uint8_t *st)
{
    uint64_t mantissa;
    unsigned exponent = (st[8] | st[9] << 8) & 0x7fff;

    memcpy(&mantissa, st, 8);
    if (exponent == 0 && mantissa == 0) {
        return 1;
    }
    return exponent == 0 || exponent == 0x7fff || !(mantissa >> 63) ? 2 : 0;
}

static uint32_t full_tags(const X86State *s)
{
    unsigned top = s->xsave[X86_FSW_OFFSET + 1] >> 3 & 7;
    uint32_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = s->xsave + X86_ST_OFFSET + 16 * ((i - top) & 7);
        unsigned tag = s->xsave[X86_FTW_OFFSET] >> i & 1 ? tag_of(st) : 3;
        tags |= tag << (2 * i);
    }
    return tags;
}

/* fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop */
static uint32_t fpu_register(const X86State *s, unsigned n)
{
    static const struct {
        uint8_t offset, size;
    } where[8] = {{0, 2}, {2, 2}, {4, 1}, {12, 2}, {8, 4}, {20, 2}, {16, 4}, {6, 2}};
    uint32_t value = 0;

    if (n == 2) {
        return full_tags(s);
    }
    memcpy(&value, s->xsave + where[n].offset, where[n].size);
    return value;
}

/* ---- Single registers ---- */

/* The bytes of register @n where the state has it as gdb wants it; NULL: it has to be made. */
static uint8_t *plain(X86State *s, unsigned n, unsigned *size)
{
    *size = 8;
    if (n < GDB_RIP) {
        return (uint8_t *)&s->regs[general[n]];
    }
    if (n == GDB_RIP) {
        return (uint8_t *)&s->rip;
    }
    if (n >= GDB_ST && n < GDB_FPU) {
        *size = 10;
        return s->xsave + X86_ST_OFFSET + 16 * (n - GDB_ST);
    }
    if (n >= GDB_XMM && n < GDB_MXCSR) {
        *size = 16;
        return s->xsave + X86_XMM_OFFSET + 16 * (n - GDB_XMM);
    }
    if (n == GDB_MXCSR) {
        *size = 4;
        return s->xsave + X86_MXCSR_OFFSET;
    }
    if (n == GDB_FS_BASE || n == GDB_GS_BASE) {
        return (uint8_t *)&s->segs[n == GDB_FS_BASE ? X86_FS : X86_GS].base;
    }
    if (n >= GDB_YMMH && n < GDB_SYSTEM) {
        *size = 16;
        return s->xsave + X86_YMMH_OFFSET + 16 * (n - GDB_YMMH);
    }
    if (n - GDB_SYSTEM < ARRAY_SIZE(system_registers)) {
        return (uint8_t *)s + system_registers[n - GDB_SYSTEM].offset;
    }
    return NULL;
}

static bool made(const X86State *s, unsigned n, uint32_t *value)
{
    if (n == GDB_EFLAGS) {
        *value = s->rflags;
    } else if (n >= GDB_SELECTORS && n < GDB_ST) {
        *value = s->segs[selectors[n - GDB_SELECTORS]].selector;
    } else if (n >= GDB_FPU && n < GDB_XMM) {
        *value = fpu_register(s, n - GDB_FPU);
    } else {
        return false;
    }
    return true;
}

static unsigned gdb_read(Vcpu *vcpu, unsigned n, uint8_t *buf)
{
    X86State *s = x86_state(vcpu);
    unsigned size;
    uint32_t value;
    const uint8_t *at = plain(s, n, &size);

    if (at) {
        memcpy(buf, at, size);
        return size;
    }
    if (made(s, n, &value)) {
        memcpy(buf, &value, sizeof(value));
        return sizeof(value);
    }
    return 0;
}

/* What was written is no longer in its initial state. */
static void mark_in_use(X86State *s, unsigned n)
{
    if (n >= GDB_ST && n < GDB_XMM) {
        s->xsave[X86_XSTATE_BV_OFFSET] |= X86_XCR0_X87;
    } else if (n >= GDB_XMM && n <= GDB_MXCSR) {
        s->xsave[X86_XSTATE_BV_OFFSET] |= X86_XCR0_SSE;
    } else if (n >= GDB_YMMH && n < GDB_SYSTEM) {
        s->xsave[X86_XSTATE_BV_OFFSET] |= X86_XCR0_AVX;
    }
}

/* Selectors and the x87's environment stay as they are: gdb may only write what is there. */
static bool gdb_write(Vcpu *vcpu, unsigned n, const uint8_t *buf)
{
    X86State *s = x86_state(vcpu);
    unsigned size;
    uint32_t value, now;
    uint8_t *at = plain(s, n, &size);

    if (at) {
        memcpy(at, buf, size);
        mark_in_use(s, n);
        return true;
    }
    memcpy(&value, buf, sizeof(value));
    if (n == GDB_EFLAGS) {
        s->rflags = value | X86_FLAG1;
        return true;
    }
    return made(s, n, &now) && value == now;
}

/* ---- The description ---- */

static void reg(GString *out, const char *name, unsigned bits, const char *type)
{
    g_string_append_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", name, bits, type);
}

static void row(GString *out, const char *prefix, const char *suffix, unsigned n, unsigned bits,
                const char *type)
{
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        g_snprintf(name, sizeof(name), "%s%u%s", prefix, i, suffix);
        reg(out, name, bits, type);
    }
}

static void names(GString *out, const char *list, unsigned bits, const char *type)
{
    char **each = g_strsplit(list, " ", -1);
    for (unsigned i = 0; each[i]; i++) {
        reg(out, each[i], bits, type);
    }
    g_strfreev(each);
}

static void describe_flags(GString *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } flags[] = {{"CF", 0},  {"PF", 2},   {"AF", 4},   {"ZF", 6},  {"SF", 7},  {"TF", 8},
                 {"IF", 9},  {"DF", 10},  {"OF", 11},  {"NT", 14}, {"RF", 16}, {"VM", 17},
                 {"AC", 18}, {"VIF", 19}, {"VIP", 20}, {"ID", 21}};

    g_string_append(out, "<flags id=\"i386_eflags\" size=\"4\">");
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        g_string_append_printf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", flags[i].name,
                               flags[i].bit, flags[i].bit);
    }
    g_string_append(out, "</flags>");
}

static void describe_core(GString *out)
{
    g_string_append(out, "<feature name=\"org.gnu.gdb.i386.core\">");
    describe_flags(out);
    names(out, "rax rbx rcx rdx rsi rdi", 64, "int64");
    names(out, "rbp rsp", 64, "data_ptr");
    for (unsigned i = 8; i < 16; i++) {
        char name[8];
        g_snprintf(name, sizeof(name), "r%u", i);
        reg(out, name, 64, "int64");
    }
    reg(out, "rip", 64, "code_ptr");
    reg(out, "eflags", 32, "i386_eflags");
    names(out, "cs ss ds es fs gs", 32, "int32");
    row(out, "st", "", 8, 80, "i387_ext");
    names(out, "fctrl fstat ftag fiseg fioff foseg fooff fop", 32, "int");
    g_string_append(out, "</feature>");
}

static bool gdb_describe(Vcpu *vcpu, const char *name, GString *out)
{
    if (strcmp(name, "target.xml") != 0) {
        return false;
    }
    g_string_append(out,
                    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                    "<architecture>i386:x86-64</architecture>");
    describe_core(out);
    g_string_append(out, "<feature name=\"org.gnu.gdb.i386.sse\">"
                         "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
                         "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
                         "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
                         "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
                         "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
                         "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
                         "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
                         "<field name=\"v2_double\" type=\"v2d\"/>"
                         "<field name=\"v16_int8\" type=\"v16i8\"/>"
                         "<field name=\"v8_int16\" type=\"v8i16\"/>"
                         "<field name=\"v4_int32\" type=\"v4i32\"/>"
                         "<field name=\"v2_int64\" type=\"v2i64\"/>"
                         "<field name=\"uint128\" type=\"uint128\"/></union>");
    row(out, "xmm", "", 16, 128, "vec128");
    reg(out, "mxcsr", 32, "int");
    g_string_append(out, "</feature><feature name=\"org.gnu.gdb.i386.segments\">");
    names(out, "fs_base gs_base", 64, "int");
    g_string_append(out, "</feature><feature name=\"org.gnu.gdb.i386.avx\">");
    row(out, "ymm", "h", 16, 128, "uint128");
    g_string_append(out, "</feature><feature name=\"amphi.x86.system\">");
    for (unsigned i = 0; i < ARRAY_SIZE(system_registers); i++) {
        reg(out, system_registers[i].name, 64, "int64");
    }
    g_string_append(out, "</feature></target>");
    return true;
}

const GuestGdb x86_gdb = {
    .core = GDB_YMMH,
    .read = gdb_read,
    .write = gdb_write,
    .describe = gdb_describe,
};
