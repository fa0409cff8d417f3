/*
 * Random vector instructions under amphi's engines, compared with QEMU's user-mode emulation: random
 * vtype, vl, vstart, rounding modes, operands; reserved encodings too, which are skipped and counted.
 * A difference is narrowed down to the first unit of the program that shows it.
 *
 * AMPHI names the binary (skipped without it), AMPHI_FUZZ_PROGRAMS how many programs of each kind
 * (default 4), --seed= repeats a run.
 */
#include "cpu/riscv/translate.h"
#include "tests/fuzz/random-rig.h"
#include <stdlib.h>
#include <string.h>

#define IMAGE 0x80040000u
#define DATA_SIZE 65536
#define FINISH 0x80001000u
#define MAX_UNITS 2000

/* As vector.S has it. */
typedef struct Image {
    char magic[16];
    uint64_t x[32], f[32];
    uint8_t v[2048], data[DATA_SIZE], code[65536];
} Image;

typedef struct Program {
    Image image;
    uint32_t size;
    uint32_t units[MAX_UNITS + 1];
    unsigned nunits;
} Program;

typedef struct Kind {
    const char *path;
    bool fp, integer, memory, other;
    bool whole; /* segments and compression, mostly of all elements */
    unsigned vlen;
    unsigned vstart_percent;
    bool own_mode;
} Kind;

typedef struct Maker {
    GRand *rand;
    Program *p;
    const Kind *kind;
    GPtrArray *patterns;
    unsigned sew;
    int lmul;
} Maker;

/* Registers: x8 points to about the middle of the data, x9 is a stride, x10 masks indices, x11..x15 are
 * vector lengths, x16..x26 get results; x5 and x28 on are for anything. */
enum { BASE = 8, STRIDE = 9, MASK = 10 };

static unsigned below(Maker *m, unsigned n)
{
    return (unsigned)g_rand_int_range(m->rand, 0, (gint32)n);
}

static bool percent(Maker *m, unsigned n)
{
    return below(m, 100) < n;
}

/* ---- Values ---- */

static uint64_t random64(Maker *m)
{
    return (uint64_t)g_rand_int(m->rand) << 32 | g_rand_int(m->rand);
}

static uint32_t random_float(Maker *m)
{
    static const uint32_t special[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000,
                                       0x7f800001, 0x00000001, 0x807fffff, 0x3f800000, 0x7f7fffff,
                                       0xbf800000, 0x4effffff, 0x4f000000, 0x00800000};
    uint32_t v = g_rand_int(m->rand);
    if (percent(m, 30)) {
        return special[below(m, G_N_ELEMENTS(special))];
    }
    return percent(m, 50) ? (v & 0x83ffffff) | 0x3c000000 : v;
}

static uint64_t random_double(Maker *m)
{
    static const uint64_t special[] = {0,
                                       UINT64_C(1) << 63,
                                       UINT64_C(0x7ff0000000000000),
                                       UINT64_C(0xfff0000000000000),
                                       UINT64_C(0x7ff8000000000000),
                                       UINT64_C(0x7ff0000000000001),
                                       1,
                                       UINT64_C(0x800fffffffffffff),
                                       UINT64_C(0x3ff0000000000000),
                                       UINT64_C(0x7fefffffffffffff),
                                       UINT64_C(0x41dfffffffc00000),
                                       UINT64_C(0x43e0000000000000)};
    if (percent(m, 30)) {
        return special[below(m, G_N_ELEMENTS(special))];
    }
    uint64_t v = random64(m);
    return percent(m, 60) ? (v & UINT64_C(0x807fffffffffffff)) | UINT64_C(0x3f80000000000000) : v;
}

static uint64_t random_value(Maker *m)
{
    switch (below(m, 6)) {
    case 0: return random_double(m);
    case 1:
    case 2: return (uint64_t)random_float(m) << 32 | random_float(m);
    case 3: return random64(m) & random64(m) & random64(m);
    case 4: return random64(m) | random64(m) | random64(m);
    default: return random64(m);
    }
}

static void fill(Maker *m, void *to, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t v = random_value(m);
        memcpy((char *)to + i, &v, 8);
    }
}

static void make_registers(Maker *m)
{
    Image *im = &m->p->image;
    memcpy(im->magic, "amphi image here", 16);
    fill(m, im->x, sizeof(im->x));
    for (unsigned i = 0; i < 32; i++) {
        im->f[i] = percent(m, 50)   ? random_double(m)
                   : percent(m, 90) ? random_float(m) | UINT64_C(0xffffffff00000000)
                                    : random_value(m);
    }
    fill(m, im->v, sizeof(im->v));
    fill(m, im->data, sizeof(im->data));
    im->x[BASE] = IMAGE + offsetof(Image, data) + DATA_SIZE / 2;
    if (percent(m, 50)) { /* near the end of a page */
        im->x[BASE] = (im->x[BASE] & ~UINT64_C(0xfff)) - below(m, 64);
    }
    im->x[STRIDE] = (uint64_t)(int64_t)((int)below(m, 81) - 40);
    im->x[MASK] = 0xfff;
    for (unsigned i = 11; i < 16; i++) {
        im->x[i] = percent(m, 20) ? random64(m) : below(m, percent(m, 50) ? 20 : 300);
    }
    im->x[27] = 0;
}

/* ---- Code ---- */

static void put(Maker *m, uint32_t insn)
{
    memcpy(m->p->image.code + m->p->size, &insn, 4);
    m->p->size += 4;
}

static void put_vsetvli(Maker *m, unsigned rd, unsigned rs1, unsigned vtype)
{
    put(m, vtype << 20 | rs1 << 15 | 7 << 12 | rd << 7 | 0x57);
}

static void put_vtype(Maker *m)
{
    static const int8_t lmuls[] = {0, 1, 2, 3, -3, -2, -1};
    do { /* seldom illegal; not for vmv1r.v, which QEMU 7.2 executes nevertheless */
        m->sew = m->kind->fp && percent(m, 80) ? 2 + below(m, 2) : below(m, 4);
        m->lmul = lmuls[below(m, m->kind->whole ? 3 : percent(m, 60) ? 4 : 7)];
    } while ((int)m->sew > 3 + MIN(m->lmul, 0) && (m->kind->other || !percent(m, 2)));
    unsigned vtype = ((unsigned)m->lmul & 7) | m->sew << 3 | below(m, 4) << 6;
    unsigned rd = percent(m, 30) ? 16 + below(m, 11) : 0;
    switch (m->kind->whole && percent(m, 70) ? 1 : below(m, 4)) {
    case 0: put(m, 3u << 30 | vtype << 20 | below(m, 32) << 15 | 7 << 12 | rd << 7 | 0x57); break;
    case 1: put_vsetvli(m, rd ? rd : 16, 0, vtype); break;
    default: put_vsetvli(m, rd, 11 + below(m, 5), vtype); break;
    }
}

static void put_csrwi(Maker *m, unsigned csr, unsigned value)
{
    put(m, csr << 20 | value << 15 | 5 << 12 | 0x73);
}

static uint32_t set_field(uint32_t insn, unsigned at, unsigned v)
{
    return (uint32_t)bits_set(insn, at, 5, v);
}

/* Registers of groups are mostly made multiples of LMUL, or of what a wide operand needs. */
static uint32_t align_registers(Maker *m, uint32_t insn, const char *operands)
{
    static const struct {
        const char *name;
        unsigned at;
    } fields[] = {{"vd", 7}, {"vs3", 7}, {"vs2", 20}, {"vs1", 15}};
    int lmul = MAX(m->lmul + (int)percent(m, 25), 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (strstr(operands, fields[i].name) && !percent(m, 3)) {
            unsigned reg = (unsigned)bits_get(insn, fields[i].at, 5);
            insn = set_field(insn, fields[i].at, reg & ~((1u << lmul) - 1) & 31);
        }
    }
    return insn;
}

static uint32_t random_insn(Maker *m, const RiscvPattern *p)
{
    const char *o = p->operands;
    uint32_t insn = p->match | (g_rand_int(m->rand) & ~p->mask);
    if (strstr(o, "vm") && strstr(o, "(xs1)")) {
        bool segments = percent(m, m->kind->whole ? 90 : 40);
        insn = segments ? insn : insn & 0x1fffffff;
        insn |= (uint32_t)(m->kind->whole && percent(m, 80)) << 25;
    }
    insn = align_registers(m, insn, o);
    if (strstr(o, "(xs1)")) {
        insn = set_field(insn, 15, BASE);
    } else if (strstr(o, "xs1")) {
        insn = set_field(insn, 15, percent(m, 50) ? 11 + below(m, 5) : 16 + below(m, 16));
    }
    if (strstr(o, "xs2")) {
        insn = set_field(insn, 20, percent(m, 80) ? STRIDE : 0);
    }
    if (strstr(o, "xd")) {
        insn = set_field(insn, 7, 16 + below(m, 11));
    }
    return insn;
}

static bool is_fp(const RiscvPattern *p)
{
    return (p->name[1] == 'f' && !g_str_has_prefix(p->name, "vfirst")) ||
           g_str_has_prefix(p->name, "vmf");
}

/* Indices within the data. */
static void put_index_mask(Maker *m, uint32_t insn)
{
    unsigned width = (unsigned)bits_get(insn, 12, 2), reg = (unsigned)bits_get(insn, 20, 5) & 24;
    if (width) {
        put_vsetvli(m, 5, 0, 3 | width << 3);
        put(m, 0x27u << 26 | 1u << 25 | (reg + 0) << 20 | MASK << 15 | 4 << 12 | reg << 7 | 0x57);
        m->p->size -= 4; /* vand.vx */
        put(m, 0x09u << 26 | 1u << 25 | reg << 20 | MASK << 15 | 4 << 12 | reg << 7 | 0x57);
    }
}

static void put_unit(Maker *m)
{
    const RiscvPattern *p = m->patterns->pdata[below(m, m->patterns->len)];
    bool indexed = strstr(p->operands, "(xs1),vs2");
    m->p->units[m->p->nunits++] = m->p->size;
    uint32_t insn = 0;
    if (indexed) {
        put_index_mask(m, p->match | 24u << 20);
        m->sew = 99;
    }
    if (indexed || percent(m, 40)) {
        put_vtype(m);
    }
    while (is_fp(p) && m->sew < 2) { /* QEMU 7.2 has half precision without being told to */
        put_vtype(m);
    }
    if (percent(m, 5)) {
        put_csrwi(m, 0x00a, below(m, 4)); /* vxrm */
    }
    if (percent(m, 5)) {
        put_csrwi(m, 0x002, below(m, 5)); /* frm; QEMU 7.2 stops at others */
    }
    bool vstart = percent(m, m->kind->vstart_percent);
    if (vstart) {
        put_csrwi(m, 0x008, below(m, percent(m, 80) ? 4 : 32));
    }
    if (m->kind->own_mode) {
        put(m, 0x00001053); /* fadd.s to zero, or QEMU stops */
    }
    insn = random_insn(m, p);
    if (indexed) {
        insn = set_field(insn, 20, 24);
    }
    put(m, insn);
    if (vstart) {
        put_csrwi(m, 0x008, 0); /* it may have been illegal */
        put(m, 0x0040006f);     /* QEMU 7.2 looks at vstart only when a block begins */
    }
}

static void put_end(Program *p)
{
    uint32_t pc = (uint32_t)(IMAGE + offsetof(Image, code)) + p->size;
    int32_t offset = (int32_t)(FINISH - pc);
    uint32_t o = (uint32_t)offset;
    uint32_t insn = ((o >> 20) & 1) << 31 | ((o >> 1) & 0x3ff) << 21 | ((o >> 11) & 1) << 20 |
                    ((o >> 12) & 0xff) << 12 | 0x6f;
    memcpy(p->image.code + p->size, &insn, 4);
}

/* QEMU 7.2 stops at conversions with a rounding mode of their own among those without: these have a kind
 * of their own. */
static bool is_excluded(const Maker *m, const char *name)
{
    bool own_mode = strstr(name, ".rtz.") || strstr(name, ".rod.");
    return g_str_has_prefix(name, "vset") || own_mode != m->kind->own_mode;
}

static void choose_patterns(Maker *m)
{
    m->patterns = g_ptr_array_new();
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        const RiscvPattern *p = &riscv_patterns[i];
        if (!riscv_pattern_in(p, UINT64_C(1) << RISCV_EXT_V) || is_excluded(m, p->name)) {
            continue;
        }
        const char *only = g_getenv("AMPHI_FUZZ_ONLY");
        bool fp = is_fp(p), memory = strstr(p->operands, "(xs1)");
        bool other = p->name[1] == 'm' || strstr(p->name, "slide") || strstr(p->name, "gather");
        bool compress = !strcmp(p->name, "vcompress.vm");
        if (only ? g_str_has_prefix(p->name, only)
                 : (m->kind->whole ? memory || compress
                    : memory       ? m->kind->memory
                    : fp           ? m->kind->fp
                    : other        ? m->kind->other
                                   : m->kind->integer)) {
            for (unsigned n = m->kind->whole && compress ? 8 : 1; n; n--) {
                g_ptr_array_add(m->patterns, (void *)p);
            }
        }
    }
}

static Program *program_new(GRand *rand, const Kind *kind, unsigned units)
{
    Maker m = {.rand = rand, .p = g_new0(Program, 1), .kind = kind};
    choose_patterns(&m);
    make_registers(&m);
    for (unsigned i = 0; i < units; i++) {
        put_unit(&m);
    }
    m.p->units[m.p->nunits] = m.p->size;
    put_end(m.p);
    g_ptr_array_free(m.patterns, TRUE);
    return m.p;
}

/* ---- The program as a subject ---- */

static const char *const engines[] = {"interp",
                                      "jit",
                                      "jit,hop=interp,hop-insns=7",
                                      "jit,features-off=avx:avx2:fma:sse41",
                                      "jit,features-off=avx512",
                                      "jit,tier2=always"};

static unsigned vlen; /* of the program that is compared */

static void write_prefix(const void *program, unsigned units)
{
    const Program *p = program;
    Program *cut = g_memdup2(p, sizeof(*p));
    cut->size = p->units[units];
    cut->nunits = units;
    put_end(cut);
    rig_write(&cut->image, sizeof(cut->image));
    g_free(cut);
}

static char *name_line(unsigned line)
{
    static const char *const csrs[] = {"fcsr", "vstart", "vl", "vtype", "vcsr", "data"};
    unsigned per = vlen / 64;
    if (line < 64) {
        return g_strdup_printf("%c%u", "xf"[line / 32], line % 32);
    }
    return line < 72 ? g_strdup(csrs[MIN(line - 64, 5)])
                     : g_strdup_printf("v%u[%u]", (line - 72) / per, (line - 72) % per);
}

static void disassemble_unit(const void *program, unsigned unit)
{
    const Program *p = program;
    for (uint32_t at = p->units[unit]; at < p->units[unit + 1]; at += 4) {
        GString *text = g_string_new(NULL);
        riscv_disassemble(NULL, at, p->image.code + at, 4, text);
        uint32_t insn;
        memcpy(&insn, p->image.code + at, 4);
        g_test_message("    %08x %s", insn, text->str);
        g_string_free(text, TRUE);
    }
}

/* ---- Tests ---- */

/* Whether QEMU had an answer: it stops at assertions of its own. */
static bool compare(const RandomRig *rig, const Program *p)
{
    const RandomSubject subject = {p, p->nunits, write_prefix, disassemble_unit, name_line};
    rig_write(&p->image, sizeof(p->image));
    char *want = rig_run_qemu(rig);
    bool answered = want != NULL;
    for (unsigned i = 0; answered && i < G_N_ELEMENTS(engines) && !g_test_failed(); i++) {
        char *have = rig_run(rig, engines[i]);
        if (!have || strcmp(want, have)) {
            rig_narrow(rig, &subject, engines[i], true);
            rig_keep_files();
            g_test_fail();
        }
        g_free(have);
    }
    g_free(want);
    return answered;
}

static RandomRig rig = {.frame = "tests/guest/random/vector.S", .march = "rv64gcv"};

static void test_kind(const void *data)
{
    const Kind *kind = data;
    const char *count = g_getenv("AMPHI_FUZZ_PROGRAMS");
    if (!rig_available(true)) {
        return;
    }
    char *cpu = g_strdup_printf("rv64,v=on,vlen=%u", kind->vlen);
    char *qemu_cpu = g_strdup_printf("rv64,v=true,vext_spec=v1.0,vlen=%u", kind->vlen);
    rig.cpu = cpu;
    rig.qemu_cpu = qemu_cpu;
    vlen = kind->vlen;
    unsigned compared = 0;
    for (int n = count ? atoi(count) : 4; n && !g_test_failed(); n--) {
        GRand *rand = g_rand_new_with_seed((guint32)g_test_rand_int());
        Program *p = program_new(rand, kind, 400);
        compared += compare(&rig, p);
        g_free(p);
        g_rand_free(rand);
    }
    g_assert_cmpuint(compared, >, 0);
    g_free(cpu);
    g_free(qemu_cpu);
}

int main(int argc, char **argv)
{
    static const Kind kinds[] = {
        {"/riscv/vector/integer", .integer = true, .vlen = 128, .vstart_percent = 2},
        {"/riscv/vector/fp", .fp = true, .vlen = 128, .vstart_percent = 2},
        {"/riscv/vector/memory", .memory = true, .vlen = 128, .vstart_percent = 2},
        {"/riscv/vector/masks", .other = true, .vlen = 128, .vstart_percent = 2},
        {"/riscv/vector/whole", .whole = true, .vlen = 128, .vstart_percent = 1},
        {"/riscv/vector/whole-256", .whole = true, .vlen = 256, .vstart_percent = 1},
        {"/riscv/vector/whole-512", .whole = true, .vlen = 512, .vstart_percent = 1},
        {"/riscv/vector/256", true, true, true, true, .vlen = 256, .vstart_percent = 1},
        {"/riscv/vector/512", true, true, true, true, .vlen = 512, .vstart_percent = 1},
    };
    g_test_init(&argc, &argv, NULL);
    rig_set_up(&rig);
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_test_add_data_func(kinds[i].path, &kinds[i], test_kind);
    }
    int status = g_test_run();
    rig_clean_up();
    return status;
}
