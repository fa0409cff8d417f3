/*
 * Option strings: see options.h. No locking: option strings are handled by the main thread.
 */
#include "softmmu/options.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <string.h>

typedef struct Option {
    char *key, *value;
    bool used;
} Option;

struct Options {
    char *what;
    GArray *items;      /* of Option, in order */
    GPtrArray *queried; /* keys that were asked for: the known names, for messages */
};

static void option_clear(void *data)
{
    Option *item = data;
    g_free(item->key);
    g_free(item->value);
}

static Options *options_alloc(const char *what)
{
    Options *opts = g_new0(Options, 1);
    opts->what = g_strdup(what);
    opts->items = g_array_new(false, true, sizeof(Option));
    g_array_set_clear_func(opts->items, option_clear);
    opts->queried = g_ptr_array_new_with_free_func(g_free);
    return opts;
}

void options_free(Options *opts)
{
    if (opts) {
        g_free(opts->what);
        g_array_free(opts->items, true);
        g_ptr_array_free(opts->queried, true);
        g_free(opts);
    }
}

void options_add(Options *opts, const char *key, const char *value)
{
    Option item = {g_strdup(key), g_strdup(value), false};
    g_array_append_val(opts->items, item);
}

Options *options_copy(const Options *opts)
{
    Options *copy = options_alloc(opts->what);
    for (unsigned i = 0; i < opts->items->len; i++) {
        const Option *item = &g_array_index(opts->items, Option, i);
        options_add(copy, item->key, item->value);
    }
    return copy;
}

/* The text up to a single comma, with ",," as a comma; *@text goes behind that comma, or to the end. */
static char *next_item(const char **text)
{
    GString *item = g_string_new(NULL);
    const char *p = *text;
    while (*p && !(p[0] == ',' && p[1] != ',')) {
        p += p[0] == ',';
        g_string_append_c(item, *p++);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(item, false);
}

Options *options_parse(const char *what, const char *text, const char *implied, GError **error)
{
    Options *opts = options_alloc(what);
    bool first = true;
    while (*text) {
        char *item = next_item(&text);
        char *equals = strchr(item, '=');
        bool ok = true;
        if (equals == item || !*item) {
            ok = error_set(error, "%s: an option without a name in '%s'", what,
                           *item ? item : "an empty item; write ',,' for a comma");
        } else if (equals) {
            *equals = 0;
            options_add(opts, item, equals + 1);
        } else if (first && implied) {
            options_add(opts, implied, item);
        } else {
            options_add(opts, item, "on");
        }
        first = false;
        g_free(item);
        if (!ok) {
            options_free(opts);
            return NULL;
        }
    }
    return opts;
}

/* Remembers @key as a name that is known here. */
static void note_query(Options *opts, const char *key)
{
    for (unsigned i = 0; i < opts->queried->len; i++) {
        if (!strcmp(opts->queried->pdata[i], key)) {
            return;
        }
    }
    g_ptr_array_add(opts->queried, g_strdup(key));
}

const char *options_get(Options *opts, const char *key, const char *fallback)
{
    const char *value = fallback;
    note_query(opts, key);
    for (unsigned i = 0; i < opts->items->len; i++) {
        Option *item = &g_array_index(opts->items, Option, i);
        if (!strcmp(item->key, key)) {
            item->used = true;
            value = item->value;
        }
    }
    return value;
}

bool options_get_bool(Options *opts, const char *key, bool *out, GError **error)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true"};
    const char *value = options_get(opts, key, NULL);
    if (!value) {
        return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcmp(value, words[i])) {
            *out = i % 2;
            return true;
        }
    }
    return error_set(error, "%s: %s is 'on' or 'off', not '%s'", opts->what, key, value);
}

/* A decimal or 0x number at @text; *@end behind it. False if there is none or it is too large. */
static bool parse_number(const char *text, uint64_t *out, const char **end)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *stop;
    if (hex ? !g_ascii_isxdigit(text[2]) : !g_ascii_isdigit(text[0])) {
        return false;
    }
    errno = 0;
    *out = g_ascii_strtoull(text, &stop, hex ? 16 : 10);
    *end = stop;
    return errno == 0;
}

bool options_get_u64(Options *opts, const char *key, uint64_t *out, GError **error)
{
    const char *value = options_get(opts, key, NULL), *end;
    uint64_t number;
    if (!value) {
        return true;
    }
    if (!parse_number(value, &number, &end) || *end) {
        return error_set(error, "%s: %s is a number, not '%s'", opts->what, key, value);
    }
    *out = number;
    return true;
}

/* The factor of a size suffix, 0 if it is none. */
static uint64_t suffix_factor(const char *suffix, uint64_t unit)
{
    static const char letters[] = "BKMGTPE";
    if (!*suffix) {
        return unit;
    }
    const char *at = strchr(letters, g_ascii_toupper(suffix[0]));
    if (suffix[1] && (g_ascii_toupper(suffix[1]) != 'B' || suffix[2])) {
        return 0; /* beside "512M", "512MB" is understood */
    }
    return at ? UINT64_C(1) << (10 * (at - letters)) : 0;
}

/* "512M", "1.5G", "0x1000". */
static bool parse_size(const char *text, uint64_t unit, uint64_t *out)
{
    uint64_t whole;
    const char *end;
    if (!parse_number(text, &whole, &end)) {
        return false;
    }
    double fraction = 0;
    if (*end == '.') {
        char *stop;
        if (!g_ascii_isdigit(end[1])) {
            return false;
        }
        fraction = g_ascii_strtod(end, &stop);
        end = stop;
    }
    uint64_t factor = suffix_factor(end, unit);
    unsigned __int128 total = (unsigned __int128)whole * factor + (uint64_t)(fraction * factor);
    if (!factor || total > INT64_MAX) {
        return false;
    }
    *out = total;
    return true;
}

bool options_get_size(Options *opts, const char *key, uint64_t unit, uint64_t *out, GError **error)
{
    const char *value = options_get(opts, key, NULL);
    if (value && !parse_size(value, unit, out)) {
        return error_set(error, "%s: %s is a size such as 512M or 2G, not '%s'", opts->what, key,
                         value);
    }
    return true;
}

bool options_nth(Options *opts, unsigned n, const char **key, const char **value)
{
    if (n >= opts->items->len) {
        return false;
    }
    const Option *item = &g_array_index(opts->items, Option, n);
    *key = item->key;
    *value = item->value;
    return true;
}

void options_mark_used(Options *opts, const char *key)
{
    options_get(opts, key, NULL);
}

bool options_misspelt(Options *opts, const char *wanted, GError **error)
{
    const char *const names[] = {wanted, NULL};

    for (unsigned i = 0; i < opts->items->len; i++) {
        const Option *item = &g_array_index(opts->items, Option, i);
        if (!item->used && error_nearest(item->key, names)) {
            error_set(error, "%s: unknown property '%s'; did you mean '%s'?", opts->what, item->key,
                      wanted);
            return true;
        }
    }
    return false;
}

bool options_check_unused(Options *opts, GError **error)
{
    for (unsigned i = 0; i < opts->items->len; i++) {
        const Option *item = &g_array_index(opts->items, Option, i);
        if (item->used) {
            continue;
        }
        g_ptr_array_add(opts->queried, NULL);
        const char *nearest = error_nearest(item->key, (const char *const *)opts->queried->pdata);
        g_ptr_array_set_size(opts->queried, opts->queried->len - 1);
        if (nearest) {
            return error_set(error, "%s: unknown property '%s'; did you mean '%s'?", opts->what,
                             item->key, nearest);
        }
        return error_set(error, "%s: unknown property '%s'; remove it", opts->what, item->key);
    }
    return true;
}
