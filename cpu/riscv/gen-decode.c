/*
 * Build-time generator: reads the .decode tables and writes the instruction decoder, so that an
 * instruction's encoding is written once, in the notation of the manual, and serves the translator,
 * the disassembler and the tests.
 *
 *   gen-decode OUTPUT.inc INPUT.decode...
 *
 * Input, one item a line, `#` starts a comment; the order of lines and files does not matter:
 *
 *   field NAME WIDTH [as MEMBER] [+BASE]    a plain bit field; its value is BASE + bits
 *   field NAME signed|unsigned [as MEMBER]  an immediate, used as NAME[31:12] or NAME[4:1|11]
 *   args NAME MEMBER...                     a set of arguments: struct Args<Name>
 *   NAME BITS... [CHECK...] [= TARGET [MEMBER=VALUE]...] [trans=FUNCTION] [ext=EXT] [: OPERANDS]
 *   alias NAME BITS... [CHECK...] [ext=EXT] : OPERANDS
 *
 * BITS are 0, 1, - (ignored) and fields, from bit 31 or 15 down to 0. CHECK is MEMBER!=NUMBER or,
 * in an alias, MEMBER==MEMBER. `= TARGET` makes the instruction another spelling of TARGET
 * (compressed instructions), whose further arguments are given as a number or another member. ext
 * is a list of RISCV_EXT_ names joined by & (all needed) or | (any). An alias is a special case of
 * an instruction that only the disassembler knows (pseudo-instructions). Operands are explained in
 * disas.c.
 *
 * Two patterns that match the same word are an error here. Each instruction calls its
 * trans_<function>, so a missing one is a link error.
 */
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Segment {
    unsigned lsb, val_lsb, len; /* bits lsb.. of the instruction are bits val_lsb.. of the value */
} Segment;

typedef struct FieldDecl {
    char *name, *member;
    unsigned width; /* 0: an immediate */
    bool sign;
    int base;
} FieldDecl;

/* How a pattern gives a value to a member. No segments: the constant base. */
typedef struct FieldUse {
    char *member;
    bool sign;
    int base;
    unsigned nsegs;
    Segment segs[8];
} FieldUse;

typedef struct Check {
    char *member, *other; /* other: member == other; else member != value */
    int value;
} Check;

typedef struct ArgSet {
    char *name;
    char **members;
} ArgSet;

typedef struct Pattern {
    const char *file;
    int line;
    char *name, *cname; /* cname: with _ for . */
    char *operands, *target, *trans, *ext;
    bool alias;
    unsigned bytes;
    uint32_t mask, match;
    GPtrArray *fields; /* FieldUse */
    GPtrArray *checks; /* Check */
    char **assigns;    /* of = TARGET */
    ArgSet *args;
    unsigned id;
    unsigned first_alias, naliases;
    struct Pattern *base; /* the TARGET, or the instruction that an alias is a case of */
} Pattern;

static GPtrArray *decls, *arg_sets, *insns, *aliases;
static const char *cur_file;
static int cur_line;

static G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) void fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fprintf(stderr, "%s:%d: ", cur_file, cur_line);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static void locate(const Pattern *p)
{
    cur_file = p->file;
    cur_line = p->line;
}

/* ---- Reading ---- */

static int parse_number(const char *text)
{
    char *end;
    long v = strtol(text, &end, 0);
    if (end == text || *end) {
        fail("`%s' is not a number", text);
    }
    return (int)v;
}

static void parse_field(char **word)
{
    FieldDecl *d = g_new0(FieldDecl, 1);
    if (!word[1] || !word[2]) {
        fail("field NAME WIDTH|signed|unsigned [as MEMBER] [+BASE]");
    }
    d->name = d->member = word[1];
    if (!strcmp(word[2], "signed")) {
        d->sign = true;
    } else if (strcmp(word[2], "unsigned")) {
        d->width = (unsigned)parse_number(word[2]);
    }
    for (char **w = word + 3; *w; w++) {
        if (!strcmp(*w, "as") && w[1]) {
            d->member = *++w;
        } else if (**w == '+') {
            d->base = parse_number(*w + 1);
        } else {
            fail("`%s' does not belong into a field", *w);
        }
    }
    g_ptr_array_add(decls, d);
}

static const FieldDecl *find_decl(const char *name, size_t len)
{
    for (unsigned i = 0; i < decls->len; i++) {
        const FieldDecl *d = decls->pdata[i];
        if (strlen(d->name) == len && !strncmp(d->name, name, len)) {
            return d;
        }
    }
    fail("no field is called `%.*s'", (int)len, name);
}

static FieldUse *find_use(const Pattern *p, const char *member)
{
    for (unsigned i = 0; i < p->fields->len; i++) {
        FieldUse *use = p->fields->pdata[i];
        if (!strcmp(use->member, member)) {
            return use;
        }
    }
    return NULL;
}

static FieldUse *add_use(Pattern *p, const char *member)
{
    FieldUse *use = find_use(p, member);
    if (!use) {
        use = g_new0(FieldUse, 1);
        use->member = g_strdup(member);
        g_ptr_array_add(p->fields, use);
    }
    return use;
}

/* One piece of an immediate, "5:2" or "5", or all of a plain field; its top bit in the instruction
 * is below @pos. Returns the new position. */
static unsigned add_segment(FieldUse *use, unsigned pos, unsigned high, unsigned low)
{
    unsigned len = high - low + 1;
    if (high < low || high > 31 || len > pos || use->nsegs == G_N_ELEMENTS(use->segs)) {
        fail("field `%s' does not fit", use->member);
    }
    use->segs[use->nsegs++] = (Segment){pos - len, low, len};
    return pos - len;
}

static unsigned parse_slot(Pattern *p, const char *token, unsigned pos)
{
    const char *bracket = strchr(token, '[');
    size_t len = bracket ? (size_t)(bracket - token) : strlen(token);
    const FieldDecl *d = find_decl(token, len);
    FieldUse *use = add_use(p, d->member);
    use->sign = d->sign;
    use->base = d->base;
    if (!bracket != !!d->width) {
        fail("field `%s': brackets are for immediates only", token);
    }
    if (!bracket) {
        return add_segment(use, pos, d->width - 1, 0);
    }
    char **pieces = g_strsplit_set(bracket + 1, "|]", -1);
    for (char **piece = pieces; *piece && **piece; piece++) {
        unsigned high, low;
        int n = sscanf(*piece, "%u:%u", &high, &low);
        if (n < 1) {
            fail("bad bit range in `%s'", token);
        }
        pos = add_segment(use, pos, high, n == 2 ? low : high);
    }
    g_strfreev(pieces);
    return pos;
}

static bool is_bits(const char *token)
{
    return token[strspn(token, "01-")] == 0;
}

static unsigned slot_width(const char *token)
{
    if (is_bits(token)) {
        return strlen(token);
    }
    Pattern scratch = {.fields = g_ptr_array_new_with_free_func(g_free)};
    unsigned width = 32 - parse_slot(&scratch, token, 32);
    g_ptr_array_free(scratch.fields, TRUE);
    return width;
}

static void parse_bits(Pattern *p, GPtrArray *slots)
{
    unsigned width = 0;
    for (unsigned i = 0; i < slots->len; i++) {
        width += slot_width(slots->pdata[i]);
    }
    if (width != 16 && width != 32) {
        fail("`%s' has %u bits, not 16 or 32", p->name, width);
    }
    p->bytes = width / 8;
    unsigned pos = width;
    for (unsigned i = 0; i < slots->len; i++) {
        const char *token = slots->pdata[i];
        if (!is_bits(token)) {
            pos = parse_slot(p, token, pos);
            continue;
        }
        for (; *token; token++) {
            pos--;
            if (*token != '-') {
                p->mask |= 1u << pos;
                p->match |= (uint32_t)(*token == '1') << pos;
            }
        }
    }
    bool low_ones = (p->mask & 3) == 3 && (p->match & 3) == 3;
    if ((p->mask & 3) != 3 || low_ones != (width == 32)) {
        fail("`%s': the two lowest bits give the length", p->name);
    }
}

static void parse_check(Pattern *p, const char *token)
{
    Check *c = g_new0(Check, 1);
    char *op = strpbrk(token, "!=");
    c->member = g_strndup(token, (gsize)(op - token));
    if (*op == '=') {
        c->other = g_strdup(op + 2);
    } else {
        c->value = parse_number(op + 2);
    }
    if (!find_use(p, c->member) || (c->other && !find_use(p, c->other))) {
        fail("`%s': no such field in the pattern", token);
    }
    g_ptr_array_add(p->checks, c);
}

static void parse_insn(char **word, char *operands)
{
    Pattern *p = g_new0(Pattern, 1);
    GPtrArray *slots = g_ptr_array_new(), *checks = g_ptr_array_new();
    p->file = cur_file;
    p->line = cur_line;
    p->fields = g_ptr_array_new();
    p->checks = g_ptr_array_new();
    p->operands = operands ? g_strstrip(operands) : g_strdup("");
    p->ext = "I";
    p->alias = !strcmp(word[0], "alias");
    word += p->alias;
    p->name = *word++;
    p->cname = g_strdelimit(g_strdup(p->name), ".", '_');
    p->trans = p->cname;
    GPtrArray *assigns = g_ptr_array_new();
    for (; *word; word++) {
        if (g_str_has_prefix(*word, "ext=")) {
            p->ext = *word + 4;
        } else if (g_str_has_prefix(*word, "trans=")) {
            p->trans = *word + 6;
        } else if (!strcmp(*word, "=") && word[1]) {
            p->target = *++word;
        } else if (p->target) {
            g_ptr_array_add(assigns, *word);
        } else if (strstr(*word, "!=") || strstr(*word, "==")) {
            g_ptr_array_add(checks, *word);
        } else {
            g_ptr_array_add(slots, *word);
        }
    }
    parse_bits(p, slots);
    for (unsigned i = 0; i < checks->len; i++) {
        parse_check(p, checks->pdata[i]);
    }
    g_ptr_array_add(assigns, NULL);
    p->assigns = (char **)g_ptr_array_free(assigns, FALSE);
    g_ptr_array_add(p->alias ? aliases : insns, p);
    g_ptr_array_free(slots, TRUE);
    g_ptr_array_free(checks, TRUE);
}

/* Calls @handle for the lines of @text that are @declarations or not. */
static void read_lines(const char *file, const char *text, bool declarations)
{
    char **lines = g_strsplit(text, "\n", -1);
    cur_file = file;
    for (int i = 0; lines[i]; i++) {
        cur_line = i + 1;
        char *comment = strchr(lines[i], '#');
        if (comment) {
            *comment = 0;
        }
        char *colon = strstr(lines[i], " :");
        char *operands = colon ? g_strdup(colon + 2) : NULL;
        if (colon) {
            *colon = 0;
        }
        char *line = g_strdelimit(g_strstrip(lines[i]), "\t", ' ');
        GPtrArray *words = g_ptr_array_new();
        for (char *w = strtok(line, " "); w; w = strtok(NULL, " ")) {
            g_ptr_array_add(words, g_strdup(w));
        }
        g_ptr_array_add(words, NULL);
        char **word = (char **)g_ptr_array_free(words, FALSE);
        if (!word[0]) {
            continue;
        }
        bool is_args = !strcmp(word[0], "args"), is_field = !strcmp(word[0], "field");
        if (declarations && is_field) {
            parse_field(word);
        } else if (declarations && is_args) {
            ArgSet *set = g_new0(ArgSet, 1);
            set->name = word[1];
            set->members = word + 2;
            g_ptr_array_add(arg_sets, set);
        } else if (!declarations && !is_args && !is_field) {
            parse_insn(word, operands);
        }
    }
    g_strfreev(lines);
}

/* ---- Resolving ---- */

static Pattern *find_insn(const char *name)
{
    for (unsigned i = 0; i < insns->len; i++) {
        Pattern *p = insns->pdata[i];
        if (!strcmp(p->name, name)) {
            return p;
        }
    }
    fail("no instruction is called `%s'", name);
}

/* The argument set whose members are exactly the pattern's. */
static ArgSet *find_args(const Pattern *p)
{
    for (unsigned i = 0; i < arg_sets->len; i++) {
        ArgSet *set = arg_sets->pdata[i];
        unsigned n = 0;
        while (set->members[n] && find_use(p, set->members[n])) {
            n++;
        }
        if (!set->members[n] && n == p->fields->len) {
            return set;
        }
    }
    fail("no args line has exactly the members of `%s'", p->name);
}

static void resolve_target(Pattern *p)
{
    locate(p);
    p->base = find_insn(p->target);
    for (char **a = p->assigns; *a; a++) {
        char **part = g_strsplit(*a, "=", 2);
        if (!part[1]) {
            fail("`%s' is not MEMBER=VALUE", *a);
        }
        const FieldUse *from = find_use(p, part[1]);
        FieldUse *use = add_use(p, part[0]);
        if (from) {
            char *member = use->member;
            *use = *from;
            use->member = member;
        } else {
            use->base = parse_number(part[1]);
        }
    }
    p->args = find_args(p);
    if (p->args != p->base->args) {
        fail("`%s' has not the arguments of `%s'", p->name, p->target);
    }
    p->trans = p->base->trans;
}

static uint32_t segment_mask(const FieldUse *use)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < use->nsegs; i++) {
        mask |= (uint32_t)((UINT64_C(1) << use->segs[i].len) - 1) << use->segs[i].lsb;
    }
    return mask;
}

/* The bits of the instruction that give @use the value @v. */
static uint32_t segment_bits(const FieldUse *use, int v)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < use->nsegs; i++) {
        const Segment *s = &use->segs[i];
        uint32_t piece =
            ((uint32_t)(v - use->base) >> s->val_lsb) & (uint32_t)((UINT64_C(1) << s->len) - 1);
        bits |= piece << s->lsb;
    }
    return bits;
}

/* Whether a check of @a excludes everything that @b matches. */
static bool excludes(const Pattern *a, const Pattern *b)
{
    for (unsigned i = 0; i < a->checks->len; i++) {
        const Check *c = a->checks->pdata[i];
        const FieldUse *use = find_use(a, c->member);
        uint32_t mask = segment_mask(use);
        if (!c->other && (b->mask & mask) == mask &&
            (b->match & mask) == segment_bits(use, c->value)) {
            return true;
        }
    }
    return false;
}

static void check_overlaps(void)
{
    for (unsigned i = 0; i < insns->len; i++) {
        const Pattern *a = insns->pdata[i];
        for (unsigned j = i + 1; j < insns->len; j++) {
            const Pattern *b = insns->pdata[j];
            if (a->bytes == b->bytes && !((a->match ^ b->match) & a->mask & b->mask) &&
                !excludes(a, b) && !excludes(b, a)) {
                locate(b);
                fail("`%s' overlaps `%s' of %s:%d", b->name, a->name, a->file, a->line);
            }
            if (!strcmp(a->cname, b->cname)) {
                locate(b);
                fail("`%s' is already defined at %s:%d", b->name, a->file, a->line);
            }
        }
    }
}

static void resolve_alias(Pattern *alias)
{
    locate(alias);
    for (unsigned i = 0; i < insns->len; i++) {
        Pattern *p = insns->pdata[i];
        if (p->bytes == alias->bytes && (alias->mask & p->mask) == p->mask &&
            (alias->match & p->mask) == p->match && !excludes(p, alias)) {
            alias->base = p;
            return;
        }
    }
    fail("alias `%s' is not a case of any instruction", alias->name);
}

static int compare_aliases(const void *a, const void *b)
{
    const Pattern *x = *(Pattern *const *)a, *y = *(Pattern *const *)b;
    if (x->base->id != y->base->id) {
        return x->base->id < y->base->id ? -1 : 1;
    }
    return x->line - y->line; /* all of one base are in one file, or their order does not matter */
}

static void resolve(void)
{
    for (unsigned i = 0; i < insns->len; i++) {
        Pattern *p = insns->pdata[i];
        p->id = i;
        locate(p);
        if (!p->target) {
            p->base = p;
            p->args = find_args(p);
        }
    }
    for (unsigned i = 0; i < insns->len; i++) {
        Pattern *p = insns->pdata[i];
        if (p->target) {
            resolve_target(p);
        }
    }
    for (unsigned i = 0; i < insns->len; i++) { /* those of one function have the same args */
        const Pattern *p = insns->pdata[i];
        for (unsigned j = 0; j < i; j++) {
            const Pattern *q = insns->pdata[j];
            if (!strcmp(p->trans, q->trans) && p->args != q->args) {
                locate(p);
                fail("trans_%s has other arguments in `%s'", p->trans, q->name);
            }
        }
    }
    check_overlaps();
    for (unsigned i = 0; i < aliases->len; i++) {
        resolve_alias(aliases->pdata[i]);
    }
    g_ptr_array_sort(aliases, compare_aliases);
    for (unsigned i = 0; i < aliases->len; i++) {
        Pattern *base = ((Pattern *)aliases->pdata[i])->base;
        if (base->naliases++ == 0) {
            base->first_alias = i;
        }
    }
}

/* ---- Writing ---- */

static FILE *out;

static char *args_type(const ArgSet *set)
{
    char *type = g_strconcat("Args", set->name, NULL);
    type[4] = g_ascii_toupper(type[4]);
    return type;
}

static void write_declarations(void)
{
    fputs("typedef enum RiscvInsn {\n", out);
    for (unsigned i = 0; i < insns->len; i++) {
        fprintf(out, "    RISCV_INSN_%s,\n", ((Pattern *)insns->pdata[i])->cname);
    }
    fputs("    RISCV_INSN_COUNT, RISCV_INSN_NONE = RISCV_INSN_COUNT\n} RiscvInsn;\n\n", out);

    GPtrArray *members = g_ptr_array_new();
    for (unsigned i = 0; i < arg_sets->len; i++) {
        const ArgSet *set = arg_sets->pdata[i];
        fprintf(out, "typedef struct %s {\n", args_type(set));
        for (char **m = set->members; *m; m++) {
            fprintf(out, "    int32_t %s;\n", *m);
            if (!g_ptr_array_find_with_equal_func(members, *m, g_str_equal, NULL)) {
                g_ptr_array_add(members, *m);
            }
        }
        fprintf(out, "%s} %s;\n", set->members[0] ? "" : "    int32_t unused;\n", args_type(set));
    }
    fputs("\ntypedef enum RiscvMember {\n", out);
    for (unsigned i = 0; i < members->len; i++) {
        fprintf(out, "    RISCV_MEMBER_%s,\n", (char *)members->pdata[i]);
    }
    fputs("    RISCV_MEMBER_COUNT\n} RiscvMember;\n\n", out);

    fputs("typedef struct RiscvDis RiscvDis;\n", out);
    GHashTable *done = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < insns->len; i++) {
        const Pattern *p = insns->pdata[i];
        if (g_hash_table_add(done, p->trans)) {
            fprintf(out, "bool trans_%s(RiscvDis *ctx, const %s *a);\n", p->trans,
                    args_type(p->args));
        }
    }
}

static void write_check(const Pattern *p, const Check *c)
{
    const FieldUse *use = find_use(p, c->member);
    fprintf(out, " && (insn & 0x%xu) != 0x%xu", segment_mask(use), segment_bits(use, c->value));
}

/* Tests what the switches around have not decided yet. */
static void write_leaf(const Pattern *p, uint32_t decided, unsigned depth)
{
    uint32_t rest = p->mask & ~decided;
    fprintf(out, "%*sif (", depth * 4, "");
    if (rest) {
        fprintf(out, "(insn & 0x%xu) == 0x%xu", rest, p->match & rest);
    } else {
        fputs("true", out);
    }
    for (unsigned i = 0; i < p->checks->len; i++) {
        write_check(p, p->checks->pdata[i]);
    }
    fprintf(out, ") {\n%*sreturn RISCV_INSN_%s;\n%*s}\n", depth * 4 + 4, "", p->cname, depth * 4,
            "");
}

static unsigned distinct_values(GPtrArray *set, uint32_t mask)
{
    GHashTable *values = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < set->len; i++) {
        g_hash_table_add(values, GUINT_TO_POINTER(((Pattern *)set->pdata[i])->match & mask));
    }
    unsigned n = g_hash_table_size(values);
    g_hash_table_destroy(values);
    return n;
}

/* The run of consecutive bits of @mask that tells the patterns apart best; a run of more than 7 is
 * cut. */
static uint32_t best_run(GPtrArray *set, uint32_t mask)
{
    uint32_t best = 0;
    unsigned best_values = 1;
    for (unsigned low = 0; low < 32;) {
        unsigned len = 0;
        while (low + len < 32 && len < 7 && ((mask >> (low + len)) & 1)) {
            len++;
        }
        uint32_t run = len ? ((1u << len) - 1) << low : 0;
        unsigned values = len ? distinct_values(set, run) : 0;
        if (values > best_values) {
            best = run;
            best_values = values;
        }
        low += len ? len : 1;
    }
    return best;
}

static void write_tree(GPtrArray *set, uint32_t decided, unsigned depth)
{
    uint32_t common = ~decided;
    for (unsigned i = 0; i < set->len; i++) {
        common &= ((Pattern *)set->pdata[i])->mask;
    }
    uint32_t run = set->len > 1 ? best_run(set, common) : 0;
    if (!run) { /* few patterns that only checks or ignored bits keep apart */
        for (unsigned i = 0; i < set->len; i++) {
            write_leaf(set->pdata[i], decided, depth);
        }
        return;
    }
    unsigned low = (unsigned)__builtin_ctz(run);
    fprintf(out, "%*sswitch ((insn >> %u) & 0x%x) {\n", depth * 4, "", low, run >> low);
    for (uint32_t v = 0; v <= run >> low; v++) {
        GPtrArray *part = g_ptr_array_new();
        for (unsigned i = 0; i < set->len; i++) {
            Pattern *p = set->pdata[i];
            if ((p->match & run) >> low == v) {
                g_ptr_array_add(part, p);
            }
        }
        if (part->len) {
            fprintf(out, "%*scase 0x%x:\n", depth * 4, "", v);
            write_tree(part, decided | run, depth + 1);
            fprintf(out, "%*sbreak;\n", depth * 4 + 4, "");
        }
        g_ptr_array_free(part, TRUE);
    }
    fprintf(out, "%*s}\n", depth * 4, "");
}

static void write_decoder(unsigned bytes)
{
    GPtrArray *set = g_ptr_array_new();
    for (unsigned i = 0; i < insns->len; i++) {
        Pattern *p = insns->pdata[i];
        if (p->bytes == bytes) {
            g_ptr_array_add(set, p);
        }
    }
    fprintf(out, "\nRiscvInsn riscv_decode%u(uint32_t insn)\n{\n", bytes * 8);
    write_tree(set, 0, 1);
    fputs("    return RISCV_INSN_NONE;\n}\n", out);
    g_ptr_array_free(set, TRUE);
}

static void append_extraction(GString *text, const FieldUse *use)
{
    unsigned width = 0;
    g_string_append_printf(text, "    a->%s = ", use->member);
    if (use->sign && use->nsegs) {
        g_string_append(text, "riscv_decode_sext(");
    }
    for (unsigned i = 0; i < use->nsegs; i++) {
        const Segment *s = &use->segs[i];
        g_string_append_printf(text, "%s((insn >> %u) & 0x%xu) << %u", i ? " | " : "", s->lsb,
                               (unsigned)((UINT64_C(1) << s->len) - 1), s->val_lsb);
        width = MAX(width, s->val_lsb + s->len);
    }
    if (use->sign && use->nsegs) {
        g_string_append_printf(text, ", %u)", width);
    }
    if (!use->nsegs) {
        g_string_append_printf(text, "%d", use->base);
    } else if (use->base) {
        g_string_append_printf(text, " | %d", use->base); /* bases are above the field's bits */
    }
    g_string_append(text, ";\n");
}

/* Patterns with the same arguments in the same places share a function. */
static void write_dispatch(void)
{
    GHashTable *functions = g_hash_table_new(g_str_hash, g_str_equal);
    GString *cases = g_string_new(NULL);
    for (unsigned i = 0; i < insns->len; i++) {
        const Pattern *p = insns->pdata[i];
        GString *body = g_string_new(NULL);
        for (unsigned k = 0; k < p->fields->len; k++) {
            append_extraction(body, p->fields->pdata[k]);
        }
        if (!p->fields->len) {
            g_string_append(body, "    a->unused = 0;\n");
        }
        char *type = args_type(p->args);
        char *key = g_strconcat(type, "\n", body->str, NULL);
        char *function = g_hash_table_lookup(functions, key);
        if (!function) {
            function =
                g_strdup_printf("extract_%s_%u", p->args->name, g_hash_table_size(functions));
            g_hash_table_insert(functions, key, function);
            fprintf(out, "\nstatic inline void %s(%s *a, uint32_t insn)\n{\n%s}\n", function, type,
                    body->str);
        }
        g_string_append_printf(cases,
                               "    case RISCV_INSN_%s:\n        %s(&args.%s, insn);\n"
                               "        return trans_%s(ctx, &args.%s);\n",
                               p->cname, function, p->args->name, p->trans, p->args->name);
    }
    fputs("\nbool riscv_dispatch(RiscvDis *ctx, RiscvInsn id, uint32_t insn)\n{\n    union {\n",
          out);
    for (unsigned i = 0; i < arg_sets->len; i++) {
        const ArgSet *set = arg_sets->pdata[i];
        fprintf(out, "        %s %s;\n", args_type(set), set->name);
    }
    fprintf(out,
            "    } args;\n    switch (id) {\n%s    default:\n        return false;\n    }\n}\n",
            cases->str);
}

static char *ext_mask(const char *ext, char separator, bool wanted)
{
    GString *text = g_string_new(NULL);
    char **names = g_strsplit_set(ext, "&|", -1);
    for (char **n = names; wanted && *n; n++) {
        g_string_append_printf(text, "%sUINT64_C(1) << RISCV_EXT_%s", text->len ? " | " : "", *n);
    }
    g_strfreev(names);
    if (strchr(ext, separator == '&' ? '|' : '&') && strchr(ext, separator)) {
        fail("ext=%s mixes & and |", ext);
    }
    return g_string_free(text->len ? text : g_string_append(text, "0"), FALSE);
}

static void write_pattern(const Pattern *p, const char *prefix)
{
    locate(p);
    bool any = strchr(p->ext, '|') != NULL;
    fprintf(out,
            "    {\"%s\", \"%s\", 0x%x, 0x%x,\n     %s,\n     %s,\n     %u, RISCV_INSN_%s, %u, %u, "
            "%s_fields_%s, %u, %s_checks_%s, %u},\n",
            p->name, p->operands, p->mask, p->match, ext_mask(p->ext, '&', !any),
            ext_mask(p->ext, '|', any), p->bytes, p->base->cname, p->first_alias, p->naliases,
            prefix, p->cname, p->fields->len, prefix, p->cname, p->checks->len);
}

static void write_parts(const Pattern *p, const char *prefix)
{
    fprintf(out, "static const RiscvField %s_fields_%s[] = {\n", prefix, p->cname);
    for (unsigned i = 0; i < p->fields->len; i++) {
        const FieldUse *use = p->fields->pdata[i];
        fprintf(out, "    {RISCV_MEMBER_%s, %s, %d, %u, {", use->member,
                use->sign ? "true" : "false", use->base, use->nsegs);
        for (unsigned k = 0; k < use->nsegs; k++) {
            const Segment *s = &use->segs[k];
            fprintf(out, "{%u, %u, %u}, ", s->lsb, s->val_lsb, s->len);
        }
        fputs("}},\n", out);
    }
    fprintf(out, "%s};\nstatic const RiscvCheck %s_checks_%s[] = {\n",
            p->fields->len ? "" : "    {0}\n", prefix, p->cname);
    for (unsigned i = 0; i < p->checks->len; i++) {
        const Check *c = p->checks->pdata[i];
        if (c->other) {
            fprintf(out, "    {RISCV_MEMBER_%s, true, RISCV_MEMBER_%s},\n", c->member, c->other);
        } else {
            fprintf(out, "    {RISCV_MEMBER_%s, false, %d},\n", c->member, c->value);
        }
    }
    fputs(p->checks->len ? "};\n" : "    {0}\n};\n", out);
}

static void write_tables(void)
{
    fputs("\n", out);
    for (unsigned i = 0; i < insns->len; i++) {
        write_parts(insns->pdata[i], "insn");
    }
    for (unsigned i = 0; i < aliases->len; i++) {
        Pattern *p = aliases->pdata[i];
        p->cname = g_strdup_printf("%s_%u", p->cname, i); /* several may have one name */
        write_parts(p, "alias");
    }
    fputs("\nconst RiscvPattern riscv_patterns[] = {\n", out);
    for (unsigned i = 0; i < insns->len; i++) {
        write_pattern(insns->pdata[i], "insn");
    }
    fputs("};\n\nconst RiscvPattern riscv_aliases[] = {\n", out);
    for (unsigned i = 0; i < aliases->len; i++) {
        write_pattern(aliases->pdata[i], "alias");
    }
    fprintf(out, "    {0}\n};\nconst unsigned riscv_naliases = %u;\n", aliases->len);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: gen-decode OUTPUT.inc INPUT.decode...\n");
        return 1;
    }
    decls = g_ptr_array_new();
    arg_sets = g_ptr_array_new();
    insns = g_ptr_array_new();
    aliases = g_ptr_array_new();
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 2; i < argc; i++) {
            char *text;
            if (!g_file_get_contents(argv[i], &text, NULL, NULL)) {
                fprintf(stderr, "gen-decode: cannot read %s\n", argv[i]);
                return 1;
            }
            read_lines(argv[i], text, pass == 0);
            g_free(text);
        }
    }
    resolve();
    out = fopen(argv[1], "w");
    if (!out) {
        fprintf(stderr, "gen-decode: cannot write %s\n", argv[1]);
        return 1;
    }
    fputs("/* Made by cpu/riscv/gen-decode.c from the .decode files; see decode.h. */\n\n", out);
    fputs("#ifndef RISCV_DECODE_BODIES\n\n", out);
    write_declarations();
    fputs("\n#else /* RISCV_DECODE_BODIES */\n", out);
    write_decoder(2);
    write_decoder(4);
    write_dispatch();
    write_tables();
    fputs("\n#endif\n", out);
    if (fclose(out)) {
        fprintf(stderr, "gen-decode: cannot write %s\n", argv[1]);
        return 1;
    }
    return 0;
}
