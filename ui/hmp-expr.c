/*
 * Expressions of the monitor: C's operators on 64-bit integers, and $register.
 *
 * A descent by precedence. Input is hostile: nesting has a limit, and arithmetic wraps.
 */
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "ui/monitor-internal.h"
#include <errno.h>
#include <string.h>

#define MAX_DEPTH 64

typedef struct Parser {
    Monitor *mon;
    const char *p;
    unsigned depth;
    GError **error;
} Parser;

static bool parse_binary(Parser *s, unsigned level, uint64_t *value);

static void skip_blanks(Parser *s)
{
    s->p += strspn(s->p, " \t");
}

/* Finds @name, in any case, in @text, a register dump: names (several with '/'), blanks or '=', a
 * hexadecimal value. */
static bool find_register(const char *text, const char *name, uint64_t *value)
{
    size_t len = strlen(name);
    for (const char *at = text; *at; at++) {
        bool starts = at == text || strchr(" \t\n/", at[-1]);
        if (!starts || g_ascii_strncasecmp(at, name, len) != 0 || !at[len] ||
            !strchr("/ \t=", at[len])) {
            continue;
        }
        const char *number = at + strcspn(at, " \t=\n");
        number += strspn(number, " \t=");
        char *end;
        uint64_t v = g_ascii_strtoull(number, &end, 16);
        if (end - number >= 4 && (!*end || g_ascii_isspace(*end))) {
            *value = v;
            return true;
        }
    }
    return false;
}

static bool read_register(Parser *s, const char *name, uint64_t *value)
{
    Vcpu *vcpu = monitor_cpu(s->mon);
    if (!vcpu) {
        return error_set(s->error, "there is no CPU");
    }
    GString *dump = g_string_new(NULL);
    hmp_dump_registers(vcpu, dump);
    bool ok = *name && (find_register(dump->str, name, value) ||
                        (strcmp(name, "pc") == 0 && find_register(dump->str, "rip", value)));
    g_string_free(dump, true);
    return ok ||
           error_set(s->error, "unknown register '$%s'; 'info registers' shows their names", name);
}

static bool parse_number(Parser *s, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = g_ascii_strtoull(s->p, &end, 0);
    if (errno || g_ascii_isalnum(*end)) {
        return error_set(s->error, "'%.40s' is not a number of 64 bits", s->p);
    }
    s->p = end;
    return true;
}

static bool parse_primary(Parser *s, uint64_t *value)
{
    skip_blanks(s);
    if (g_ascii_isdigit(*s->p)) {
        return parse_number(s, value);
    }
    if (*s->p == '$') {
        const char *start = ++s->p;
        while (g_ascii_isalnum(*s->p) || *s->p == '_') {
            s->p++;
        }
        char *name = g_strndup(start, s->p - start);
        bool ok = read_register(s, name, value);
        g_free(name);
        return ok;
    }
    if (*s->p == '\'' && s->p[1] && s->p[2] == '\'') {
        *value = (uint8_t)s->p[1];
        s->p += 3;
        return true;
    }
    if (*s->p == '(') {
        s->p++;
        if (!parse_binary(s, 0, value)) {
            return false;
        }
        if (*s->p != ')') {
            return error_set(s->error, "')' expected");
        }
        s->p++;
        return true;
    }
    return *s->p ? error_set(s->error, "a number, $register or '(' expected at '%.20s'", s->p)
                 : error_set(s->error, "unexpected end of expression");
}

static bool parse_unary(Parser *s, uint64_t *value)
{
    if (++s->depth > MAX_DEPTH) {
        return error_set(s->error, "the expression is nested too deeply");
    }
    skip_blanks(s);
    char op = *s->p;
    bool ok;
    if (op == '-' || op == '~' || op == '!' || op == '+') {
        s->p++;
        ok = parse_unary(s, value);
        *value = op == '-' ? -*value : op == '~' ? ~*value : op == '!' ? !*value : *value;
    } else {
        ok = parse_primary(s, value);
    }
    s->depth--;
    return ok;
}

/* Binary operators, each with its level of precedence: 0 binds least. */
static const struct {
    const char *text;
    unsigned level;
} operators[] = {
    {"<<", 3}, {">>", 3}, {"|", 0}, {"^", 1}, {"&", 2},
    {"+", 4},  {"-", 4},  {"*", 5}, {"/", 5}, {"%", 5},
};
#define MAX_LEVEL 5

static bool apply(Parser *s, char op, uint64_t a, uint64_t b, uint64_t *out)
{
    switch (op) {
    case '|': *out = a | b; return true;
    case '^': *out = a ^ b; return true;
    case '&': *out = a & b; return true;
    case '<': *out = b < 64 ? a << b : 0; return true;
    case '>': *out = b < 64 ? a >> b : 0; return true;
    case '+': *out = a + b; return true;
    case '-': *out = a - b; return true;
    case '*': *out = a * b; return true;
    default: break;
    }
    if (b == 0) {
        return error_set(s->error, "division by zero");
    }
    if (b == UINT64_MAX) { /* by -1: INT64_MIN would overflow */
        *out = op == '/' ? -a : 0;
    } else {
        *out = op == '/' ? (int64_t)a / (int64_t)b : (int64_t)a % (int64_t)b;
    }
    return true;
}

/* The operator of @level at the cursor, skipped; 0 if there is none. */
static char next_operator(Parser *s, unsigned level)
{
    skip_blanks(s);
    for (unsigned i = 0; i < ARRAY_SIZE(operators); i++) {
        if (operators[i].level == level && g_str_has_prefix(s->p, operators[i].text)) {
            s->p += strlen(operators[i].text);
            return operators[i].text[0];
        }
    }
    return 0;
}

static bool parse_binary(Parser *s, unsigned level, uint64_t *value)
{
    if (level > MAX_LEVEL) {
        return parse_unary(s, value);
    }
    if (!parse_binary(s, level + 1, value)) {
        return false;
    }
    char op;
    while ((op = next_operator(s, level)) != 0) {
        uint64_t right = 0;
        if (!parse_binary(s, level + 1, &right) || !apply(s, op, *value, right, value)) {
            return false;
        }
    }
    return true;
}

bool hmp_eval(Monitor *mon, const char *text, uint64_t *value, GError **error)
{
    Parser s = {.mon = mon, .p = text, .error = error};
    *value = 0;
    if (!parse_binary(&s, 0, value)) {
        return false;
    }
    return !*s.p || error_set(error, "'%.20s' is not an operator", s.p);
}
