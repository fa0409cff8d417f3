/*
 * The RV64 hart for gdb: its registers by number, and the target description.
 *
 * The features and register names are those of the GDB manual, "RISC-V Features"; the file names are those
 * that tools look for. Numbers are as gdb has always numbered RISC-V registers: x0..x31, pc, f0..f31, the
 * CSRs from 65 on, and behind them the privilege level; the vector registers follow.
 */
#include "cpu/riscv/priv.h"
#include <string.h>

enum {
    GDB_PC = 32,
    GDB_F0 = 33,
    GDB_CSR0 = 65,
    GDB_PRIV = GDB_CSR0 + 4096,
    GDB_V0 = GDB_PRIV + 1,
};

enum {
    CSR_FFLAGS = 1,
    CSR_FCSR = 3,
    CSR_VSTART = 8,
    CSR_VCSR = 0xf,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPADDR0 = 0x3b0,
    CSR_VL = 0xc20,
    CSR_VLENB = 0xc22,
};

static unsigned put64(uint8_t *buf, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        buf[i] = value >> (8 * i);
    }
    return 8;
}

static uint64_t get64(const uint8_t *buf)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)buf[i] << (8 * i);
    }
    return value;
}

static bool has_fp(const RiscvState *s)
{
    return riscv_has(s, RISCV_EXT_F);
}

static bool has_vector(const RiscvState *s)
{
    return riscv_has(s, RISCV_EXT_V) && s->vlenb;
}

static unsigned gdb_read(Vcpu *vcpu, unsigned n, uint8_t *buf)
{
    const RiscvState *s = riscv_state(vcpu);
    uint64_t value;

    if (n < GDB_PC) {
        return put64(buf, s->x[n]);
    }
    if (n == GDB_PC) {
        return put64(buf, s->pc);
    }
    if (n < GDB_CSR0) {
        return has_fp(s) ? put64(buf, s->f[n - GDB_F0]) : 0;
    }
    if (n < GDB_PRIV) {
        return riscv_csr_debug_read(vcpu, n - GDB_CSR0, &value) ? put64(buf, value) : 0;
    }
    if (n == GDB_PRIV) {
        return put64(buf, s->priv);
    }
    if (n - GDB_V0 < 32 && has_vector(s)) {
        memcpy(buf, s->v + (n - GDB_V0) * s->vlenb, s->vlenb);
        return s->vlenb;
    }
    return 0;
}

static bool write_priv(Vcpu *vcpu, uint64_t value)
{
    if (value != RISCV_PRIV_U && value != RISCV_PRIV_S && value != RISCV_PRIV_M) {
        return false;
    }
    riscv_set_status(vcpu, (RiscvPriv)value, riscv_mstatus(riscv_state(vcpu)));
    return true;
}

static bool gdb_write(Vcpu *vcpu, unsigned n, const uint8_t *buf)
{
    RiscvState *s = riscv_state(vcpu);
    uint64_t value = get64(buf);

    if (n < GDB_PC) {
        s->x[n] = n ? value : 0;
        return true;
    }
    if (n == GDB_PC) {
        s->pc = value & ~UINT64_C(1);
        return true;
    }
    if (n < GDB_CSR0) {
        if (has_fp(s)) {
            s->f[n - GDB_F0] = value;
            riscv_fp_dirty(s);
        }
        return has_fp(s);
    }
    if (n < GDB_PRIV) {
        return riscv_csr_debug_write(vcpu, n - GDB_CSR0, value);
    }
    if (n == GDB_PRIV) {
        return write_priv(vcpu, value);
    }
    if (n - GDB_V0 < 32 && has_vector(s)) {
        memcpy(s->v + (n - GDB_V0) * s->vlenb, buf, s->vlenb);
        s->vs_dirty = 1;
        return true;
    }
    return false;
}

/*
 * The description.
 */

static void feature_begin(GString *out, const char *name)
{
    g_string_append_printf(out,
                           "<?xml version=\"1.0\"?>\n<!DOCTYPE feature SYSTEM \"gdb-target.dtd\">\n"
                           "<feature name=\"org.gnu.gdb.riscv.%s\">\n",
                           name);
}

static void feature_end(GString *out)
{
    g_string_append(out, "</feature>\n");
}

static void append_reg(GString *out, const char *name, unsigned number, const char *type,
                       const char *group)
{
    g_string_append_printf(out,
                           "  <reg name=\"%s\" bitsize=\"64\" regnum=\"%u\" type=\"%s\"%s%s%s/>\n",
                           name, number, type, group ? " group=\"" : "", group ? group : "",
                           group ? "\"" : "");
}

static void describe_cpu(Vcpu *vcpu, GString *out)
{
    static const char *const names[32] = {
        "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "fp", "s1", "a0",
        "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
        "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };

    feature_begin(out, "cpu");
    for (unsigned i = 0; i < 32; i++) {
        static const uint32_t data_pointers = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 8;
        append_reg(out, names[i], i,
                   i == 1                   ? "code_ptr"
                   : data_pointers >> i & 1 ? "data_ptr"
                                            : "int",
                   NULL);
    }
    append_reg(out, "pc", GDB_PC, "code_ptr", NULL);
    feature_end(out);
}

static void describe_fpu(Vcpu *vcpu, GString *out)
{
    static const char *const flags[] = {"fflags", "frm", "fcsr"};
    static const struct {
        const char *prefix;
        unsigned first, from, to;
    } names[] = {
        {"ft", 0, 0, 7}, {"fs", 0, 8, 9}, {"fa", 0, 10, 17}, {"fs", 2, 18, 27}, {"ft", 8, 28, 31}};

    feature_begin(out, "fpu");
    g_string_append(out, "  <union id=\"riscv_double\">\n"
                         "    <field name=\"float\" type=\"ieee_single\"/>\n"
                         "    <field name=\"double\" type=\"ieee_double\"/>\n"
                         "  </union>\n");
    for (unsigned k = 0; k < ARRAY_SIZE(names); k++) {
        for (unsigned i = names[k].from; i <= names[k].to; i++) {
            char name[16];
            g_snprintf(name, sizeof(name), "%s%u", names[k].prefix,
                       names[k].first + i - names[k].from);
            append_reg(out, name, GDB_F0 + i, "riscv_double", NULL);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        append_reg(out, flags[i], GDB_CSR0 + CSR_FFLAGS + i, "int", "float");
    }
    feature_end(out);
}

static void describe_virtual(Vcpu *vcpu, GString *out)
{
    feature_begin(out, "virtual");
    append_reg(out, "priv", GDB_PRIV, "int", NULL);
    feature_end(out);
}

/* The first number of the group of CSRs that share the name of row @csr and differ by a number at its end;
 * the row itself if it stands alone. */
static bool csr_is_numbered(unsigned csr, unsigned *index)
{
    static const struct {
        unsigned from, to, zero;
    } groups[] = {
        {0x323, 0x33f, 0x320}, /* mhpmevent3.. */
        {0x3b0, 0x3ef, 0x3b0}, /* pmpaddr0.. */
        {0xb03, 0xb1f, 0xb00}, /* mhpmcounter3.. */
        {0xc03, 0xc1f, 0xc00}, /* hpmcounter3.. */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
        if (csr >= groups[i].from && csr <= groups[i].to) {
            *index = csr - groups[i].zero;
            return true;
        }
    }
    return false;
}

/* Those that this hart has; the FPU's own feature has the FP ones. */
static bool csr_shown(const RiscvState *s, unsigned csr)
{
    if (!riscv_csr_find(csr) || (csr >= CSR_FFLAGS && csr <= CSR_FCSR)) {
        return false;
    }
    if (csr >= CSR_PMPCFG0 && csr < CSR_PMPADDR0 + 64) {
        unsigned entry = csr < CSR_PMPADDR0 ? (csr - CSR_PMPCFG0) * 4 : csr - CSR_PMPADDR0;
        return riscv_has(s, RISCV_EXT_PMP) && entry < RISCV_PMP_ENTRIES;
    }
    bool vector = (csr >= CSR_VSTART && csr <= CSR_VCSR) || (csr >= CSR_VL && csr <= CSR_VLENB);
    return !vector || has_vector(s);
}

static void describe_csr(Vcpu *vcpu, GString *out)
{
    feature_begin(out, "csr");
    for (unsigned csr = 0; csr < 4096; csr++) {
        unsigned index;
        char name[32];
        if (!csr_shown(riscv_state(vcpu), csr)) {
            continue;
        }
        if (csr_is_numbered(csr, &index)) {
            g_snprintf(name, sizeof(name), "%s%u", riscv_csr_find(csr)->name, index);
        } else {
            g_strlcpy(name, riscv_csr_find(csr)->name, sizeof(name));
        }
        append_reg(out, name, GDB_CSR0 + csr, "int", "csr");
    }
    feature_end(out);
}

static void describe_vector(Vcpu *vcpu, GString *out)
{
    static const char *const names[] = {"bytes", "shorts", "words", "longs", "quads"};
    unsigned vlenb = riscv_state(vcpu)->vlenb;

    feature_begin(out, "vector");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        g_string_append_printf(out, "  <vector id=\"%s\" type=\"uint%u\" count=\"%u\"/>\n",
                               names[i], 8u << i, vlenb >> i);
    }
    g_string_append(out, "  <union id=\"riscv_vector\">\n");
    for (unsigned i = ARRAY_SIZE(names); i-- > 0;) {
        g_string_append_printf(out, "    <field name=\"%c\" type=\"%s\"/>\n", names[i][0],
                               names[i]);
    }
    g_string_append(out, "  </union>\n");
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(out,
                               "  <reg name=\"v%u\" bitsize=\"%u\" regnum=\"%u\" "
                               "type=\"riscv_vector\" group=\"vector\"/>\n",
                               i, vlenb * 8, GDB_V0 + i);
    }
    feature_end(out);
}

static const struct {
    const char *name;
    void (*describe)(Vcpu *vcpu, GString *out);
    bool (*there)(const RiscvState *s); /* NULL: always */
} files[] = {
    {"riscv-64bit-cpu.xml", describe_cpu, NULL},
    {"riscv-64bit-fpu.xml", describe_fpu, has_fp},
    {"riscv-64bit-virtual.xml", describe_virtual, NULL},
    {"riscv-64bit-vector.xml", describe_vector, has_vector},
    {"riscv-csr.xml", describe_csr, NULL},
};

static bool gdb_describe(Vcpu *vcpu, const char *name, GString *out)
{
    const RiscvState *s = riscv_state(vcpu);
    bool target = strcmp(name, "target.xml") == 0;

    if (target) {
        g_string_append(out,
                        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                        "<target>\n  <architecture>riscv:rv64</architecture>\n");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        if (files[i].there && !files[i].there(s)) {
            continue;
        }
        if (target) {
            g_string_append_printf(out, "  <xi:include href=\"%s\"/>\n", files[i].name);
        } else if (strcmp(name, files[i].name) == 0) {
            files[i].describe(vcpu, out);
            return true;
        }
    }
    if (target) {
        g_string_append(out, "</target>\n");
    }
    return target;
}

const GuestGdb riscv_gdb = {
    .core = GDB_PC + 1,
    .read = gdb_read,
    .write = gdb_write,
    .describe = gdb_describe,
};
