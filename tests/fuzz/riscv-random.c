/*
 * Making random RISC-V programs. Whatever the decode tables have and is fit for it is used; an
 * instruction is made of random bits until it keeps the rules:
 *
 * - x2, x8 and x31 point to the middle of the data and are never written; memory is accessed
 *   through them. x30 counts loops.
 * - frm stays valid, and so are static rounding modes.
 * - No system instructions other than reading and writing the FP registers.
 */
#include "tests/fuzz/riscv-random.h"
#include "cpu/riscv/decode.h"
#include "cpu/riscv/state.h"
#include <string.h>

#define COUNTER 30
#define POINTERS (1u << 2 | 1u << 8 | 1u << 31)
#define RESERVED (POINTERS | 1u << COUNTER)

typedef enum Class {
    CLASS_INTEGER,
    CLASS_SHORT,
    CLASS_MEMORY,
    CLASS_FP,
    CLASS_FP_MEMORY,
    CLASS_ATOMIC,
    CLASS_COUNT
} Class;

typedef struct Maker {
    GRand *rand;
    RandomProgram *p;
    GPtrArray *classes[CLASS_COUNT]; /* of const RiscvPattern */
    const unsigned *weights;         /* of the classes */
    uint32_t avoid;                  /* registers not to be written */
} Maker;

static unsigned below(Maker *m, unsigned n)
{
    return (unsigned)g_rand_int_range(m->rand, 0, (gint32)n);
}

/* ---- Choosing patterns ---- */

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (g_str_has_prefix(name, *list)) {
            return true;
        }
    }
    return false;
}

/* What is not for random use: control flow and pairs are made separately. */
static bool is_special(const char *name)
{
    static const char *const jumps[] = {"jal", "beq", "bne", "blt", "bge", NULL};
    static const char *const system[] = {"ecall",   "ebreak", "sret",   "mret",     "wfi",
                                         "wrs",     "sfence", "sinval", "csr",      "cbo",
                                         "fence.i", "lr.",    "sc.",    "amocas.q", NULL};
    return is_one_of(name, jumps) || is_one_of(name, system);
}

static Class class_of(const RiscvPattern *p, const RiscvPattern *base)
{
    bool fp = strchr(base->operands, 'f') != NULL, memory = strstr(base->operands, "(xs1)") != NULL;
    if (p->bytes == 2) {
        return CLASS_SHORT;
    }
    if (fp) {
        return memory ? CLASS_FP_MEMORY : CLASS_FP;
    }
    return g_str_has_prefix(p->name, "amo") ? CLASS_ATOMIC : memory ? CLASS_MEMORY : CLASS_INTEGER;
}

static void sort_patterns(Maker *m, uint64_t ext, const char *const *without)
{
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        m->classes[i] = g_ptr_array_new();
    }
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        const RiscvPattern *p = &riscv_patterns[i], *base = &riscv_patterns[p->target];
        if (riscv_pattern_in(p, ext) && !is_special(base->name) && !is_one_of(p->name, without)) {
            g_ptr_array_add(m->classes[class_of(p, base)], (void *)p);
        }
    }
}

/* ---- Single instructions ---- */

/* Whether a 32-bit instruction keeps the rules. */
static bool is_fit(Maker *m, const RiscvPattern *p, uint32_t word)
{
    unsigned rd = (unsigned)riscv_field_get(p, word, RISCV_MEMBER_rd);
    unsigned rs1 = (unsigned)riscv_field_get(p, word, RISCV_MEMBER_rs1);
    int32_t rm = riscv_field_get(p, word, RISCV_MEMBER_rm);
    if (strstr(p->operands, "xd") && ((m->avoid >> rd) & 1)) {
        return false;
    }
    if (strstr(p->operands, "(xs1)") && !((POINTERS >> rs1) & 1)) {
        return false;
    }
    return rm != 5 && rm != 6;
}

/* A word that is @p and keeps the rules; 0 if none is found soon (c.addi16sp always writes x2). */
static uint32_t make_word(Maker *m, const RiscvPattern *p)
{
    bool is_short = p->bytes == 2;
    for (unsigned tries = 0; tries < 1000; tries++) {
        uint32_t word = p->match | (g_rand_int(m->rand) & ~p->mask & (is_short ? 0xffff : ~0u));
        if (riscv_pattern_matches(p, word)) {
            uint32_t full = is_short ? riscv_expand((RiscvInsn)(p - riscv_patterns), word) : word;
            if (is_fit(m, &riscv_patterns[p->target], full)) {
                return word;
            }
        }
    }
    return 0;
}

static void put(Maker *m, uint32_t word)
{
    unsigned bytes = riscv_insn_is_long(word) ? 4 : 2;
    g_assert(m->p->size + bytes <= sizeof(m->p->image.code));
    memcpy(m->p->image.code + m->p->size, &word, bytes);
    m->p->size += bytes;
}

static void put_at(Maker *m, uint32_t at, uint32_t word)
{
    memcpy(m->p->image.code + at, &word, 4);
}

/* A word of pattern @id with random fields, except that members get the values of the list of pairs
 * that ends in -1. */
static uint32_t encode(Maker *m, RiscvInsn id, ...)
{
    const RiscvPattern *p = &riscv_patterns[id];
    uint32_t word = p->match | (g_rand_int(m->rand) & ~p->mask);
    va_list ap;
    va_start(ap, id);
    for (int member; (member = va_arg(ap, int)) >= 0;) {
        uint32_t value = va_arg(ap, uint32_t);
        for (unsigned i = 0; i < p->nfields; i++) {
            const RiscvField *f = &p->fields[i];
            for (unsigned k = 0; f->member == member && k < f->nsegs; k++) {
                const RiscvSegment *s = &f->segs[k];
                word = (uint32_t)bits_set(word, s->lsb, s->len, value >> s->val_lsb);
            }
        }
    }
    va_end(ap);
    return word;
}

#define RD RISCV_MEMBER_rd
#define RS1 RISCV_MEMBER_rs1
#define RS2 RISCV_MEMBER_rs2
#define IMM RISCV_MEMBER_imm
#define END (-1)

static unsigned writable(Maker *m)
{
    unsigned reg;
    do {
        reg = below(m, 32);
    } while ((m->avoid >> reg) & 1);
    return reg;
}

static unsigned pointer(Maker *m)
{
    static const uint8_t pointers[] = {2, 8, 31};
    return pointers[below(m, 3)];
}

/* lr and sc of the same place; sometimes of different ones. */
static void put_lr_sc(Maker *m)
{
    bool wide = below(m, 2);
    put(m,
        encode(m, wide ? RISCV_INSN_lr_d : RISCV_INSN_lr_w, RD, writable(m), RS1, pointer(m), END));
    put(m,
        encode(m, wide ? RISCV_INSN_sc_d : RISCV_INSN_sc_w, RD, writable(m), RS1, pointer(m), END));
}

/* fflags by any CSR instruction, frm by values, fcsr read. */
static void put_csr(Maker *m)
{
    static const RiscvInsn forms[] = {RISCV_INSN_csrrw,  RISCV_INSN_csrrs,  RISCV_INSN_csrrc,
                                      RISCV_INSN_csrrwi, RISCV_INSN_csrrsi, RISCV_INSN_csrrci};
    switch (below(m, 3)) {
    case 0: put(m, encode(m, forms[below(m, 6)], RD, writable(m), RISCV_MEMBER_csr, 1, END)); break;
    case 1:
        put(m, encode(m, RISCV_INSN_csrrwi, RD, writable(m), RISCV_MEMBER_csr, 2, RISCV_MEMBER_zimm,
                      below(m, 5), END));
        break;
    default: put(m, encode(m, RISCV_INSN_csrrs, RD, writable(m), RISCV_MEMBER_csr, 3, RS1, 0, END));
    }
}

static void put_plain(Maker *m)
{
    unsigned total = 0;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        total += m->classes[i]->len ? m->weights[i] : 0;
    }
    unsigned choice = below(m, total + 4);
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        unsigned weight = m->classes[i]->len ? m->weights[i] : 0;
        if (choice < weight) {
            uint32_t word = make_word(m, m->classes[i]->pdata[below(m, m->classes[i]->len)]);
            if (word) {
                put(m, word);
            }
            return;
        }
        choice -= weight;
    }
    if (choice == 0) {
        put_lr_sc(m);
    } else {
        put_csr(m);
    }
}

static void put_some(Maker *m, unsigned max)
{
    for (unsigned n = below(m, max) + 1; n; n--) {
        put_plain(m);
    }
}

/* ---- Control flow ---- */

/* A conditional branch over some instructions. */
static void put_branch(Maker *m)
{
    static const RiscvInsn forms[] = {RISCV_INSN_beq, RISCV_INSN_bne,  RISCV_INSN_blt,
                                      RISCV_INSN_bge, RISCV_INSN_bltu, RISCV_INSN_bgeu};
    uint32_t at = m->p->size, word = encode(m, forms[below(m, 6)], END);
    put(m, word);
    put_some(m, 4);
    const RiscvPattern *p = &riscv_patterns[riscv_decode(word)];
    put_at(m, at,
           encode(m, (RiscvInsn)(p - riscv_patterns), IMM, m->p->size - at, RS1, below(m, 32), RS2,
                  below(m, 32), END));
}

/* jal over some instructions. */
static void put_jump(Maker *m)
{
    uint32_t at = m->p->size;
    put(m, encode(m, RISCV_INSN_jal, END));
    put_some(m, 3);
    put_at(m, at, encode(m, RISCV_INSN_jal, RD, writable(m), IMM, m->p->size - at, END));
}

/* auipc and jalr over some instructions. */
static void put_indirect(Maker *m)
{
    uint32_t at = m->p->size;
    unsigned reg;
    do {
        reg = writable(m);
    } while (reg == 0);
    put(m, encode(m, RISCV_INSN_auipc, RD, reg, IMM, 0, END));
    put(m, encode(m, RISCV_INSN_jalr, END));
    put_some(m, 3);
    put_at(m, at + 4,
           encode(m, RISCV_INSN_jalr, RD, writable(m), RS1, reg, IMM, m->p->size - at, END));
}

/* A call of a function that follows, and a jump over it. */
static void put_call(Maker *m)
{
    uint32_t at = m->p->size, old_avoid = m->avoid;
    unsigned link = below(m, 2) ? 1 : 5;
    if ((m->avoid >> link) & 1) {
        return;
    }
    put(m, encode(m, RISCV_INSN_jal, RD, link, IMM, 8, END));
    put(m, encode(m, RISCV_INSN_jal, END));
    m->avoid |= 1u << link;
    put_some(m, 5);
    m->avoid = old_avoid;
    put(m, encode(m, RISCV_INSN_jalr, RD, 0, RS1, link, IMM, 0, END));
    put_at(m, at + 4, encode(m, RISCV_INSN_jal, RD, 0, IMM, m->p->size - at - 4, END));
}

static void put_control(Maker *m)
{
    switch (below(m, 4)) {
    case 0: put_jump(m); break;
    case 1: put_indirect(m); break;
    case 2: put_call(m); break;
    default: put_branch(m);
    }
}

/* A loop, rarely a hot one. */
static void put_loop(Maker *m)
{
    unsigned times = below(m, 16) ? below(m, 40) + 1 : 2047;
    put(m, encode(m, RISCV_INSN_addi, RD, COUNTER, RS1, 0, IMM, times, END));
    uint32_t start = m->p->size;
    for (unsigned n = below(m, 6) + 1; n; n--) {
        if (below(m, 4)) {
            put_plain(m);
        } else {
            put_control(m);
        }
    }
    put(m, encode(m, RISCV_INSN_addi, RD, COUNTER, RS1, COUNTER, IMM, -1, END));
    put(m, encode(m, RISCV_INSN_bne, RS1, COUNTER, RS2, 0, IMM, start - m->p->size, END));
}

/* ---- Values ---- */

static uint64_t random_bits(GRand *rand)
{
    return (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
}

/* Numbers at which things change, in all widths, and any others. */
static uint64_t random_value(GRand *rand)
{
    static const uint64_t corners[] = {
        0,
        1,
        ~UINT64_C(0),
        0x7fffffff,
        0x80000000,
        0xffffffff,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        0xffffffff80000000,
        63,
        64,
        0x8000,
        0xff,
        /* doubles */
        0x3ff0000000000000,
        0xbff0000000000000,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000000,
        0xfff8000000000001,
        0x7ff0000000000001,
        0x0010000000000000,
        0x000fffffffffffff,
        0x7fefffffffffffff,
        0x3fe0000000000000,
        0x43e0000000000000,
        0xc3e0000000000000,
        0x41dfffffffc00000,
        0x41e0000000000000,
        0x3ff8000000000000,
        0x4004000000000000,
        0x8000000000000001,
        0x36a0000000000000,
        0x47efffffe0000000,
        /* boxed floats */
        0xffffffff3f800000,
        0xffffffffbf800000,
        0xffffffff7f800000,
        0xffffffffff800000,
        0xffffffff7fc00000,
        0xffffffff7f800001,
        0xffffffff00800000,
        0xffffffff007fffff,
        0xffffffff7f7fffff,
        0xffffffff3f000000,
        0xffffffff4f000000,
        0xffffffff5f000000,
        0xffffffff00000000,
        0xffffffff80000000,
        0xffffffff00000001,
        0xffffffff3fc00000,
        /* boxed halves */
        0xffffffffffff3c00,
        0xffffffffffffbc00,
        0xffffffffffff7c00,
        0xffffffffffff7e00,
        0xffffffffffff7c01,
        0xffffffffffff0400,
        0xffffffffffff03ff,
        0xffffffffffff7bff,
    };
    uint64_t v = random_bits(rand);
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0: return v;
    case 1: /* a double, or a boxed float, of moderate size */
        return (v & ~(UINT64_C(0x7ff) << 52)) | (UINT64_C(0x3f0) + v % 32) << 52;
    case 2: return UINT64_C(0xffffffff) << 32 | (v & 0x807fffff) | (112 + v % 32) << 23;
    case 3: return v >> (v & 63);
    default: return corners[v % G_N_ELEMENTS(corners)];
    }
}

static void make_values(GRand *rand, RandomImage *image)
{
    memcpy(image->magic, "amphi image here", 16);
    for (unsigned i = 0; i < 32; i++) {
        image->x[i] = (POINTERS >> i) & 1 ? RANDOM_DATA + 2048 : random_value(rand);
        image->f[i] = random_value(rand);
    }
    for (unsigned i = 0; i + 8 <= RANDOM_DATA_SIZE; i += 8) {
        uint64_t v = random_value(rand);
        memcpy(image->data + i, &v, 8);
    }
}

/* ---- Programs ---- */

static const unsigned flavours[][CLASS_COUNT] = {
    [RANDOM_MIXED] = {60, 50, 40, 50, 20, 8},
    [RANDOM_FP] = {10, 10, 10, 150, 60, 0},
    [RANDOM_INTEGER] = {100, 60, 50, 0, 0, 10},
};

static void put_finish(Maker *m)
{
    uint32_t offset = RANDOM_FINISH - (RANDOM_CODE + m->p->size);
    put(m, encode(m, RISCV_INSN_jal, RD, 0, IMM, offset, END));
}

RandomProgram *random_program_new(GRand *rand, RandomFlavour flavour, uint64_t ext,
                                  const char *const *without, unsigned insns)
{
    RandomProgram *p = g_new0(RandomProgram, 1);
    Maker m = {.rand = rand, .p = p, .weights = flavours[flavour], .avoid = RESERVED};
    p->units = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    sort_patterns(&m, ext, without);
    make_values(rand, &p->image);
    for (unsigned n = 0; n < insns && p->size < RANDOM_CODE_MAX; n++) {
        g_array_append_val(p->units, p->size);
        unsigned choice = below(&m, 40);
        if (choice == 0) {
            put_loop(&m);
        } else if (choice < 4) {
            put_control(&m);
        } else {
            put_plain(&m);
        }
    }
    g_array_append_val(p->units, p->size);
    put_finish(&m);
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        g_ptr_array_free(m.classes[i], TRUE);
    }
    return p;
}

void random_program_free(RandomProgram *p)
{
    g_array_free(p->units, TRUE);
    g_free(p);
}

void random_program_cut(RandomProgram *p, unsigned units)
{
    Maker m = {.p = p, .rand = g_rand_new_with_seed(0)};
    p->size = g_array_index(p->units, uint32_t, units);
    put_finish(&m);
    g_rand_free(m.rand);
}
