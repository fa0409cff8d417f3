/*
 * The disassembler: text in GNU style from the instruction tables, for -d in_asm and the monitor. A
 * compressed instruction is printed as the 32-bit one that it stands for, and where an alias of
 * pseudo.decode matches, as that. Every extension's instructions are printed, whether the hart has
 * it or not.
 *
 * In a table's operands, a word is replaced by what print_operand() gives for it; other characters
 * stand for themselves.
 */
#include "cpu/riscv/priv.h"
#include "cpu/riscv/translate.h"
#include <ctype.h>
#include <inttypes.h>

static const char *const x_names[32] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char *const f_names[32] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

static const char *const rm_names[8] = {"rne", "rtz",     "rdn",     "rup",
                                        "rmm", "unknown", "unknown", "dyn"};

static const char *const fli_names[32] = {
    "-1.0", "min",    "0x1p-16", "0x1p-15", "0x1p-8",  "0x1p-7",  "0.0625", "0.125",
    "0.25", "0.3125", "0.375",   "0.4375",  "0.5",     "0.625",   "0.75",   "0.875",
    "1.0",  "1.25",   "1.5",     "1.75",    "2.0",     "2.5",     "3.0",    "4.0",
    "8.0",  "16.0",   "128.0",   "256.0",   "0x1p+15", "0x1p+16", "inf",    "nan",
};

/* One instruction that is being printed. */
typedef struct Line {
    const RiscvPattern *insn; /* not the alias: it has all members */
    uint32_t word;
    uint64_t pc;
    GString *out;
} Line;

static int32_t member(const Line *l, RiscvMember m)
{
    return riscv_field_get(l->insn, l->word, m);
}

/* Registers that exist by the dozen have one name in the table of CSRs. */
static void print_csr(const Line *l)
{
    static const struct {
        unsigned first, last, zero;
    } numbered[] = {
        {0xc03, 0xc1f, 0xc00},
        {0xb03, 0xb1f, 0xb00},
        {0x323, 0x33f, 0x320},
        {0x3b0, 0x3ef, 0x3b0},
    };
    unsigned csr = (unsigned)member(l, RISCV_MEMBER_csr);
    const RiscvCsr *row = riscv_csr_find(csr);
    if (!row) {
        g_string_append_printf(l->out, "0x%x", csr);
        return;
    }
    g_string_append(l->out, row->name);
    for (unsigned i = 0; i < ARRAY_SIZE(numbered); i++) {
        if (csr >= numbered[i].first && csr <= numbered[i].last) {
            g_string_append_printf(l->out, "%u", csr - numbered[i].zero);
        }
    }
}

static void print_fence_set(const Line *l, int32_t set)
{
    static const char letters[] = "iorw";
    for (int i = 0; i < 4; i++) {
        if (set & (8 >> i)) {
            g_string_append_c(l->out, letters[i]);
        }
    }
    if (!set) {
        g_string_append(l->out, "0");
    }
}

/* The dynamic rounding mode is not printed, nor is the comma before it. */
static void print_rm(const Line *l)
{
    int32_t rm = member(l, RISCV_MEMBER_rm);
    if (rm == 7) {
        g_string_truncate(l->out, l->out->len - 1);
    } else {
        g_string_append(l->out, rm_names[rm]);
    }
}

/* vtype as vsetvli has it; numeric if it is reserved. */
static void print_vtype(const Line *l)
{
    static const char *const lmul[8] = {"m1", "m2", "m4", "m8", NULL, "mf8", "mf4", "mf2"};
    unsigned v =
        (unsigned)member(l, RISCV_MEMBER_zimm11) | (unsigned)member(l, RISCV_MEMBER_zimm10);
    if (v >> 8 || ((v >> 3) & 7) > 3 || !lmul[v & 7]) {
        g_string_append_printf(l->out, "%u", v);
        return;
    }
    g_string_append_printf(l->out, "e%u,%s,%s,%s", 8u << ((v >> 3) & 7), lmul[v & 7],
                           v & 0x40 ? "ta" : "tu", v & 0x80 ? "ma" : "mu");
}

/* Operands of vector instructions: vs3 is a register in the place of rd; vm the mask if there is one;
 * simm and uimm5 immediates in the place of rs1; vtypei. False: it is none of these. */
static bool print_vector_operand(const Line *l, const char *name)
{
    if (!strcmp(name, "vs3")) {
        g_string_append_printf(l->out, "v%d", member(l, RISCV_MEMBER_rd));
    } else if (!strcmp(name, "vm")) {
        if (member(l, RISCV_MEMBER_vm)) {
            g_string_truncate(l->out, l->out->len - 1);
        } else {
            g_string_append(l->out, "v0.t");
        }
    } else if (!strcmp(name, "simm")) {
        g_string_append_printf(l->out, "%d",
                               riscv_decode_sext((uint32_t)member(l, RISCV_MEMBER_rs1), 5));
    } else if (!strcmp(name, "uimm5")) {
        g_string_append_printf(l->out, "%d", member(l, RISCV_MEMBER_rs1));
    } else if (!strcmp(name, "vtypei")) {
        print_vtype(l);
    } else {
        return false;
    }
    return true;
}

/* vlseg2e8.v and so on: the number of fields is not part of the table's name, vle8.v. */
static void print_name(const Line *l, const char *name)
{
    int32_t fields = member(l, RISCV_MEMBER_nf);
    size_t at = strcspn(name, "0123456789");
    while (fields && name[at] != 'e') {
        at--;
    }
    g_string_append_len(l->out, name, fields ? (gssize)at : (gssize)strlen(name));
    if (fields) {
        g_string_append_printf(l->out, "seg%d%s", fields + 1, name + at);
    }
}

/* The operand called @name: xd, xs1, xs2 and fd, fs1, fs2, fs3 are registers; upper is bits 31:12;
 * block a multiple of 32; target is an address relative to pc; fli the constant of that
 * instruction. */
static void print_operand(const Line *l, const char *name)
{
    static const struct {
        const char *name;
        RiscvMember member;
    } registers[] = {
        {"d", RISCV_MEMBER_rd},
        {"s1", RISCV_MEMBER_rs1},
        {"s2", RISCV_MEMBER_rs2},
        {"s3", RISCV_MEMBER_rs3},
    };
    if (print_vector_operand(l, name)) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        if (strchr("xfv", name[0]) && !strcmp(name + 1, registers[i].name)) {
            int32_t number = member(l, registers[i].member);
            if (name[0] == 'v') {
                g_string_append_printf(l->out, "v%d", number);
                return;
            }
            g_string_append(l->out, name[0] == 'x' ? x_names[number] : f_names[number]);
            return;
        }
    }
    int32_t imm = member(l, RISCV_MEMBER_imm);
    if (!strcmp(name, "imm")) {
        g_string_append_printf(l->out, "%d", imm);
    } else if (!strcmp(name, "block")) {
        g_string_append_printf(l->out, "%d", imm & ~31);
    } else if (!strcmp(name, "upper")) {
        g_string_append_printf(l->out, "0x%x", (uint32_t)imm >> 12);
    } else if (!strcmp(name, "target")) {
        g_string_append_printf(l->out, "0x%" PRIx64, l->pc + (uint64_t)(int64_t)imm);
    } else if (!strcmp(name, "shamt")) {
        g_string_append_printf(l->out, "0x%x", member(l, RISCV_MEMBER_shamt));
    } else if (!strcmp(name, "zimm")) {
        g_string_append_printf(l->out, "%d", member(l, RISCV_MEMBER_zimm));
    } else if (!strcmp(name, "csr")) {
        print_csr(l);
    } else if (!strcmp(name, "rm")) {
        print_rm(l);
    } else if (!strcmp(name, "pred")) {
        print_fence_set(l, member(l, RISCV_MEMBER_pred));
    } else if (!strcmp(name, "succ")) {
        print_fence_set(l, member(l, RISCV_MEMBER_succ));
    } else if (!strcmp(name, "fli")) {
        g_string_append(l->out, fli_names[member(l, RISCV_MEMBER_rs1)]);
    } else {
        g_string_append(l->out, name); /* the word itself, like rtz */
    }
}

static void print_operands(const Line *l, const char *text)
{
    while (*text) {
        char word[16];
        unsigned n = 0;
        while (isalnum((unsigned char)*text) && n < sizeof(word) - 1) {
            word[n++] = *text++;
        }
        word[n] = 0;
        if (n) {
            print_operand(l, word);
        } else {
            g_string_append_c(l->out, *text++);
        }
    }
}

/* The alias that @word, an @insn, is printed as, or @insn itself. */
static const RiscvPattern *find_alias(const RiscvPattern *insn, uint32_t word)
{
    for (unsigned i = 0; i < insn->naliases; i++) {
        const RiscvPattern *alias = &riscv_aliases[insn->first_alias + i];
        if (riscv_pattern_matches(alias, word)) {
            return alias;
        }
    }
    return insn;
}

static void print_insn(const RiscvPattern *insn, uint32_t word, uint64_t pc, GString *out)
{
    Line line = {insn, word, pc, out};
    const RiscvPattern *as = find_alias(insn, word);
    gsize start = out->len;
    print_name(&line, as->name);
    if (member(&line, RISCV_MEMBER_aq) || member(&line, RISCV_MEMBER_rl)) {
        g_string_append_c(out, '.');
        g_string_append(out, member(&line, RISCV_MEMBER_aq) ? "aq" : "");
        g_string_append(out, member(&line, RISCV_MEMBER_rl) ? "rl" : "");
    }
    if (as->operands[0]) {
        do {
            g_string_append_c(out, ' ');
        } while (out->len - start < 8);
        print_operands(&line, as->operands);
    }
}

unsigned riscv_disassemble(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len, GString *out)
{
    if (len < 2 || (riscv_insn_is_long(code[0]) && len < 4)) {
        return 0;
    }
    uint32_t insn = code[0] | (uint32_t)code[1] << 8;
    unsigned bytes = riscv_insn_is_long(insn) ? 4 : 2;
    if (bytes == 4) {
        insn |= (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
    }
    RiscvInsn id = riscv_decode(insn);
    if (id == RISCV_INSN_NONE) {
        g_string_append_printf(out, bytes == 4 ? ".word   0x%08x" : ".short  0x%04x", insn);
    } else if (bytes == 2) {
        print_insn(&riscv_patterns[riscv_patterns[id].target], riscv_expand(id, insn), pc, out);
    } else {
        print_insn(&riscv_patterns[id], insn, pc, out);
    }
    return bytes;
}
