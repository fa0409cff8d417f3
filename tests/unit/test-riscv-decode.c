/*
 * The RISC-V instruction tables: every word has at most one meaning, the decoder finds it, the
 * expansion of compressed instructions is right, and the disassembly agrees with GNU objdump where
 * that knows the instruction.
 */
#include "cpu/riscv/translate.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The patterns that may match words with these seven lowest bits (or two, for 16-bit words). */
static GPtrArray *patterns_of_opcode(uint32_t opcode, unsigned bytes)
{
    GPtrArray *list = g_ptr_array_new();
    uint32_t low = bytes == 4 ? 0x7f : 3;
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        const RiscvPattern *p = &riscv_patterns[i];
        if (p->bytes == bytes && !((p->match ^ opcode) & p->mask & low)) {
            g_ptr_array_add(list, (void *)p);
        }
    }
    return list;
}

/* The only pattern of @list that matches, by the tables alone. */
static RiscvInsn find_by_table(GPtrArray *list, uint32_t insn)
{
    RiscvInsn found = RISCV_INSN_NONE;
    for (unsigned i = 0; i < list->len; i++) {
        const RiscvPattern *p = list->pdata[i];
        if (riscv_pattern_matches(p, insn)) {
            g_assert_cmpint(found, ==, RISCV_INSN_NONE);
            found = (RiscvInsn)(p - riscv_patterns);
        }
    }
    return found;
}

static void test_walk16(void)
{
    unsigned known = 0;
    for (uint32_t quadrant = 0; quadrant < 3; quadrant++) {
        GPtrArray *list = patterns_of_opcode(quadrant, 2);
        for (uint32_t insn = quadrant; insn < 0x10000; insn += 4) {
            RiscvInsn id = riscv_decode(insn);
            g_assert_cmpint(id, ==, find_by_table(list, insn));
            if (id != RISCV_INSN_NONE) {
                const RiscvPattern *p = &riscv_patterns[id];
                g_assert_cmpint(riscv_decode32(riscv_expand(id, insn)), ==, p->target);
                known++;
            }
        }
        g_ptr_array_free(list, TRUE);
    }
    /* Of 49152 words: a row of quadrant 0 and few others are reserved. */
    g_assert_cmpuint(known, >, 44000);
    g_assert_cmpint(riscv_decode(0), ==, RISCV_INSN_NONE);
}

/* All combinations of opcode, funct3, funct7 and rs2, with a few register numbers in the rest. */
static void test_walk32(void)
{
    static const uint32_t rest[] = {0, 1 << 7 | 1 << 15, 31 << 7 | 30 << 15};
    for (uint32_t opcode = 3; opcode < 128; opcode += 4) {
        GPtrArray *list = patterns_of_opcode(opcode, 4);
        for (uint32_t fields = 0; fields < 1 << 15; fields++) {
            uint32_t insn = opcode | (fields & 7) << 12 | fields >> 3 << 20;
            for (unsigned i = 0; i < ARRAY_SIZE(rest); i++) {
                g_assert_cmpint(riscv_decode(insn | rest[i]), ==,
                                find_by_table(list, insn | rest[i]));
            }
        }
        g_ptr_array_free(list, TRUE);
    }
}

/* A random word that is @p. */
static uint32_t random_word(const RiscvPattern *p)
{
    uint32_t insn;
    do {
        insn = p->match | (g_test_rand_int() & ~p->mask & (p->bytes == 2 ? 0xffff : ~0u));
    } while (!riscv_pattern_matches(p, insn));
    return insn;
}

static void test_patterns(void)
{
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        const RiscvPattern *p = &riscv_patterns[i];
        for (unsigned k = 0; k < 1000; k++) {
            g_assert_cmpint(riscv_decode(random_word(p)), ==, i);
        }
        g_assert_true(riscv_pattern_in(p, ~UINT64_C(0)));
        g_assert_false(riscv_pattern_in(p, 0));
    }
    for (unsigned i = 0; i < riscv_naliases; i++) {
        for (unsigned k = 0; k < 100; k++) {
            g_assert_cmpint(riscv_decode(random_word(&riscv_aliases[i])), ==,
                            riscv_aliases[i].target);
        }
    }
}

static char *disassemble(uint32_t insn, uint64_t pc)
{
    const uint8_t code[4] = {insn, insn >> 8, insn >> 16, insn >> 24};
    GString *text = g_string_new(NULL);
    unsigned bytes = riscv_disassemble(NULL, pc, code, 4, text);
    g_assert_cmpuint(bytes, ==, riscv_insn_is_long(insn) ? 4 : 2);
    return g_string_free(text, FALSE);
}

static void test_text(void)
{
    static const struct {
        uint32_t insn;
        const char *text;
    } cases[] = {
        {0x00008067, "ret"},
        {0x8082, "ret"},
        {0x00000013, "nop"},
        {0x0001, "nop"},
        {0xfe010113, "addi    sp,sp,-32"},
        {0x1101, "addi    sp,sp,-32"},
        {0x00813c23, "sd      s0,24(sp)"},
        {0xfe0518e3, "bnez    a0,0x80000ff0"},
        {0x123452b7, "lui     t0,0x12345"},
        {0x30529073, "csrw    mtvec,t0"},
        {0x3b002573, "csrr    a0,pmpaddr0"},
        {0xc0102573, "rdtime  a0"},
        {0x06a5a52f, "amoadd.w.aqrl a0,a0,(a1)"},
        {0x02c5f553, "fadd.d  fa0,fa1,fa2"},
        {0x02c59553, "fadd.d  fa0,fa1,fa2,rtz"},
        {0xf2180553, "fli.d   fa0,1.0"},
        {0x0ff0000f, "fence"},
        {0x0100000f, "pause"},
        {0x0000, ".short  0x0000"},
        {0xffffffff, ".word   0xffffffff"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = disassemble(cases[i].insn, 0x80001000);
        g_assert_cmpstr(text, ==, cases[i].text);
        g_free(text);
    }
}

/* ---- Against objdump ---- */

static bool has_tool(const char *name)
{
    char *path = g_find_program_in_path(name);
    g_free(path);
    return path != NULL;
}

static void run_tool(const char *command, char **out)
{
    int status;
    GError *error = NULL;
    g_spawn_command_line_sync(command, out, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

/* One space between mnemonic and operands; no comments and symbols. */
static char *normalize(const char *text)
{
    char *copy = g_strdup(text);
    char *end = strpbrk(copy, "#<");
    if (end) {
        *end = 0;
    }
    GString *result = g_string_new(NULL);
    for (char *w = strtok(copy, " \t"); w; w = strtok(NULL, " \t")) {
        g_string_append_printf(result, "%s%s", result->len ? " " : "", w);
    }
    g_free(copy);
    return g_string_free(result, FALSE);
}

/* What objdump prints for words that it does not know as instructions (vmsge.vx is none). */
static bool is_unknown(const char *text)
{
    return g_str_has_prefix(text, "vmsge.vx") || g_str_has_prefix(text, "vmsgeu.vx") ||
           text[0] == '.' || !strcmp(text, "unimp") || !strcmp(text, "c.unimp");
}

/* Where the two are known to differ: objdump prints addi as add (and so on), HINTs by names of
 * their own, targets without 0x, and knows names of other registers. */
static bool is_same(uint32_t insn, const char *ours, const char *theirs)
{
    if (!strcmp(ours, theirs)) {
        return true;
    }
    if (g_str_has_prefix(theirs, "c.")) {
        return strstr(ours, "zero,") || g_str_has_suffix(ours, ",0x0") || !strcmp(ours, "nop");
    }
    if (g_str_has_prefix(ours, "csr") && strstr(ours, "0x")) {
        return true;
    }
    if (insn == 0x6101) { /* c.addi16sp 0 is reserved */
        return is_unknown(ours);
    }
    if (g_str_has_prefix(ours, "mv ")) { /* c.addi with 0, a HINT; add of x0 */
        return g_str_has_prefix(theirs, "add ");
    }
    char *other = g_strdup(ours), *hex = strstr(other, "0x");
    if (hex) {
        memmove(hex, hex + 2, strlen(hex + 2) + 1);
    }
    bool same = !strcmp(other, theirs);
    strcpy(other, ours);
    size_t i = strcspn(other, " ") - 1;
    i -= other[i] == 'w';
    if (other[i] == 'i') {
        memmove(other + i, other + i + 1, strlen(other + i));
    }
    same = same || !strcmp(other, theirs);
    g_free(other);
    return same;
}

static unsigned compare_line(const char *line, unsigned *compared)
{
    unsigned address, word;
    int at = 0;
    if (sscanf(line, " %x:\t%x %n", &address, &word, &at) != 2 || !at) {
        return 0;
    }
    char *theirs = normalize(line + at), *text = disassemble(word, address),
         *ours = normalize(text);
    bool differ = false;
    if (!is_unknown(theirs) || is_unknown(ours)) { /* objdump 2.40 does not know all we have */
        differ = !is_same(word, ours, theirs) && !(is_unknown(theirs) && is_unknown(ours));
        (*compared)++;
    }
    if (differ) {
        g_test_message("%08x: \"%s\", objdump says \"%s\"", word, ours, theirs);
    }
    g_free(theirs);
    g_free(text);
    g_free(ours);
    return differ;
}

static void test_objdump(void)
{
    if (!has_tool("riscv64-linux-gnu-as") || !has_tool("riscv64-linux-gnu-objdump")) {
        g_test_skip("needs riscv64-linux-gnu-as and objdump (package binutils-riscv64-linux-gnu)");
        return;
    }
    char *dir = g_dir_make_tmp("amphi-decode.XXXXXX", NULL);
    char *source = g_strdup_printf("%s/t.s", dir), *object = g_strdup_printf("%s/t.o", dir);
    FILE *f = fopen(source, "w");
    for (uint32_t insn = 0; insn < 0x10000; insn++) {
        if ((insn & 3) != 3) {
            fprintf(f, ".insn 0x%04x\n", insn);
        }
    }
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        for (unsigned k = 0; riscv_patterns[i].bytes == 4 && k < 40; k++) {
            fprintf(f, ".insn 0x%08x\n", random_word(&riscv_patterns[i]));
        }
    }
    for (unsigned i = 0; i < riscv_naliases; i++) {
        fprintf(f, ".insn 0x%08x\n", random_word(&riscv_aliases[i]));
    }
    fclose(f);
    char *out, *command = g_strdup_printf(
                   "riscv64-linux-gnu-as "
                   "-march=rv64gcv_zba_zbb_zbc_zbs_zbkb_zfh_zawrs_zicbom_zicboz_zicbop_svinval_"
                   "zihintpause -o %s %s",
                   object, source);
    run_tool(command, &out);
    g_free(out);
    g_free(command);
    command = g_strdup_printf("riscv64-linux-gnu-objdump -d %s", object);
    run_tool(command, &out);
    unsigned differences = 0, compared = 0;
    char **lines = g_strsplit(out, "\n", -1);
    for (char **line = lines; *line; line++) {
        differences += compare_line(*line, &compared);
    }
    g_test_message("%u words compared", compared);
    g_assert_cmpuint(compared, >, 50000);
    g_assert_cmpuint(differences, ==, 0);
    g_strfreev(lines);
    remove(source);
    remove(object);
    rmdir(dir);
    g_free(out);
    g_free(command);
    g_free(source);
    g_free(object);
    g_free(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/decode/walk16", test_walk16);
    g_test_add_func("/riscv/decode/walk32", test_walk32);
    g_test_add_func("/riscv/decode/patterns", test_patterns);
    g_test_add_func("/riscv/decode/text", test_text);
    g_test_add_func("/riscv/decode/objdump", test_objdump);
    return g_test_run();
}
