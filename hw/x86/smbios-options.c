/*
 * -smbios type=N,key=value,...: keys as QEMU has them, checked against one table. Options for the same type add up.
 */
#include "hw/x86/smbios-options.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TYPE 17
#define OEM_STRINGS 11
#define MAX_OEM_STRINGS 255 /* one byte says how many */

typedef enum KeyKind { KEY_TEXT, KEY_FLAG, KEY_WORD, KEY_LONG, KEY_RELEASE } KeyKind;

typedef struct SmbiosKey {
    uint8_t type;
    const char *name;
    KeyKind kind;
    const char *help;
} SmbiosKey;

/* clang-format off */
static const SmbiosKey keys[] = {
    {0, "vendor", KEY_TEXT, "who made the firmware"},
    {0, "version", KEY_TEXT, "its version"},
    {0, "date", KEY_TEXT, "when it was made: MM/DD/YYYY"},
    {0, "release", KEY_RELEASE, "its release: MAJOR.MINOR"},
    {0, "uefi", KEY_FLAG, "whether it is UEFI [off]"},
    {1, "manufacturer", KEY_TEXT, "who made the machine"},
    {1, "product", KEY_TEXT, "its name"},
    {1, "version", KEY_TEXT, "its version"},
    {1, "serial", KEY_TEXT, "its serial number"},
    {1, "uuid", KEY_TEXT, "as -uuid"},
    {1, "sku", KEY_TEXT, "its number in the shop"},
    {1, "family", KEY_TEXT, "what it is one of"},
    {2, "manufacturer", KEY_TEXT, "who made the board"},
    {2, "product", KEY_TEXT, "its name"},
    {2, "version", KEY_TEXT, "its version"},
    {2, "serial", KEY_TEXT, "its serial number"},
    {2, "asset", KEY_TEXT, "its asset tag"},
    {2, "location", KEY_TEXT, "where in the chassis it is"},
    {3, "manufacturer", KEY_TEXT, "who made the chassis"},
    {3, "version", KEY_TEXT, "its version"},
    {3, "serial", KEY_TEXT, "its serial number"},
    {3, "asset", KEY_TEXT, "its asset tag"},
    {3, "sku", KEY_TEXT, "its number in the shop"},
    {4, "sock_pfx", KEY_TEXT, "what the sockets' names begin with [CPU]"},
    {4, "manufacturer", KEY_TEXT, "who made the processors"},
    {4, "version", KEY_TEXT, "their version"},
    {4, "serial", KEY_TEXT, "their serial number"},
    {4, "asset", KEY_TEXT, "their asset tag"},
    {4, "part", KEY_TEXT, "their part number"},
    {4, "max-speed", KEY_WORD, "MHz that they can have [2000]"},
    {4, "current-speed", KEY_WORD, "MHz that they have [2000]"},
    {4, "processor-family", KEY_WORD, "their family, as in DSP0134, 7.5.2 [1: other]"},
    {4, "processor-id", KEY_LONG, "EAX and, above, EDX of CPUID leaf 1 [as CPUID has it]"},
    {OEM_STRINGS, "value", KEY_TEXT, "a string; may be given several times"},
    {OEM_STRINGS, "path", KEY_TEXT, "a file that holds one"},
    {17, "loc_pfx", KEY_TEXT, "what the modules' places begin with [DIMM]"},
    {17, "bank", KEY_TEXT, "their bank"},
    {17, "manufacturer", KEY_TEXT, "who made the modules"},
    {17, "serial", KEY_TEXT, "their serial number"},
    {17, "asset", KEY_TEXT, "their asset tag"},
    {17, "part", KEY_TEXT, "their part number"},
    {17, "speed", KEY_WORD, "millions of transfers a second"},
};
/* clang-format on */

static const char *const type_names[MAX_TYPE + 1] = {
    [0] = "firmware",       [1] = "system", [2] = "board",
    [3] = "chassis",        [4] = "CPUs",   [OEM_STRINGS] = "OEM strings",
    [17] = "memory modules"};

struct SmbiosOptions {
    Options *types[MAX_TYPE + 1]; /* what was given; NULL: nothing */
    GPtrArray *oem;               /* of char * */
};

static const SmbiosKey *find_key(unsigned type, const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].type == type && !strcmp(keys[i].name, name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool unknown_key(unsigned type, const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(keys) + 1];
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].type == type) {
            names[n++] = keys[i].name;
        }
    }
    names[n] = NULL;
    const char *nearest = error_nearest(name, names);
    if (nearest) {
        return error_set(error, "-smbios: unknown property '%s' of type %u; did you mean '%s'?",
                         name, type, nearest);
    }
    return error_set(error, "-smbios: unknown property '%s' of type %u; '-smbios help' lists them",
                     name, type);
}

/* "1.12": two bytes. */
static bool parse_release(const char *text, uint64_t *out)
{
    char *end, *last;
    unsigned long major = strtoul(text, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, &last, 10) : 0;

    *out = major | minor << 8;
    return g_ascii_isdigit(text[0]) && *end == '.' && g_ascii_isdigit(end[1]) && !*last &&
           major <= UINT8_MAX && minor <= UINT8_MAX;
}

static bool check_value(Options *opts, const SmbiosKey *key, const char *value, GError **error)
{
    uint64_t number = 0;
    bool flag;

    switch (key->kind) {
    case KEY_TEXT: return true;
    case KEY_FLAG: return options_get_bool(opts, key->name, &flag, error);
    case KEY_RELEASE:
        return parse_release(value, &number) ||
               error_set(error, "-smbios: %s is MAJOR.MINOR, each up to 255, not '%s'", key->name,
                         value);
    case KEY_WORD:
    case KEY_LONG: break;
    }
    return options_get_u64(opts, key->name, &number, error) &&
           (key->kind == KEY_LONG || number <= UINT16_MAX ||
            error_set(error, "-smbios: %s is at most 65535, not %s", key->name, value));
}

static bool add_oem(SmbiosOptions *s, bool path, const char *value, GError **error)
{
    char *text = NULL;
    gsize len;
    GError *why = NULL;

    if (!path) {
        text = g_strdup(value);
    } else if (!g_file_get_contents(value, &text, &len, &why)) {
        error_set(error, "-smbios: path: %s", why->message);
        g_error_free(why);
        return false;
    } else if (strlen(text) != len) {
        g_free(text);
        return error_set(error, "-smbios: '%s' is no text: it has a byte 0", value);
    }
    g_ptr_array_add(s->oem, text);
    return s->oem->len <= MAX_OEM_STRINGS ||
           error_set(error, "-smbios: there are at most %u strings of type 11", MAX_OEM_STRINGS);
}

/* Adds one -smbios. */
static bool add(SmbiosOptions *s, Options *opts, GError **error)
{
    uint64_t type = MAX_TYPE + 1;
    const char *name, *value;

    if (options_get(opts, "file", NULL)) {
        return error_set(error, "-smbios: file= is not available; give type= and its properties");
    }
    if (!options_get(opts, "type", NULL)) {
        return error_set(error, "-smbios: which structures? give type=1, say");
    }
    if (!options_get_u64(opts, "type", &type, error)) {
        return false;
    }
    if (type > MAX_TYPE || !type_names[type]) {
        return error_set(error,
                         "-smbios: type %" PRIu64
                         " is not available; '-smbios help' lists those that are",
                         type);
    }
    if (!s->types[type]) {
        s->types[type] = options_parse("-smbios", "", NULL, NULL);
    }
    for (unsigned i = 0; options_nth(opts, i, &name, &value); i++) {
        const SmbiosKey *key = find_key(type, name);
        if (!strcmp(name, "type")) {
            continue;
        }
        if (!key ? !unknown_key(type, name, error) : !check_value(opts, key, value, error)) {
            return false;
        }
        if (type == OEM_STRINGS && !add_oem(s, !strcmp(name, "path"), value, error)) {
            return false;
        }
        options_add(s->types[type], name, value);
    }
    return true;
}

SmbiosOptions *smbios_options_new(const GPtrArray *list, GError **error)
{
    SmbiosOptions *s = g_new0(SmbiosOptions, 1);

    s->oem = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; list && i < list->len; i++) {
        if (!add(s, list->pdata[i], error)) {
            smbios_options_free(s);
            return NULL;
        }
    }
    return s;
}

void smbios_options_free(SmbiosOptions *s)
{
    if (s) {
        for (unsigned i = 0; i <= MAX_TYPE; i++) {
            options_free(s->types[i]);
        }
        g_ptr_array_unref(s->oem);
        g_free(s);
    }
}

bool smbios_options_has(const SmbiosOptions *s, unsigned type)
{
    return s && s->types[type];
}

const char *smbios_options_text(const SmbiosOptions *s, unsigned type, const char *key,
                                const char *fallback)
{
    return smbios_options_has(s, type) ? options_get(s->types[type], key, fallback) : fallback;
}

uint64_t smbios_options_number(const SmbiosOptions *s, unsigned type, const char *key,
                               uint64_t fallback)
{
    const char *text = smbios_options_text(s, type, key, NULL);
    uint64_t number = fallback;

    if (text && find_key(type, key)->kind == KEY_RELEASE) {
        parse_release(text, &number);
    } else if (text) {
        options_get_u64(s->types[type], key, &number, NULL);
    }
    return number;
}

bool smbios_options_flag(const SmbiosOptions *s, unsigned type, const char *key)
{
    bool flag = false;

    if (smbios_options_has(s, type)) {
        options_get_bool(s->types[type], key, &flag, NULL);
    }
    return flag;
}

const char *smbios_options_oem(const SmbiosOptions *s, unsigned n)
{
    return s && n < s->oem->len ? s->oem->pdata[n] : NULL;
}

void smbios_help(GString *out)
{
    g_string_append(out, "-smbios type=TYPE,PROPERTY=VALUE,...: what the machine says of itself\n");
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        if (i == 0 || keys[i].type != keys[i - 1].type) {
            g_string_append_printf(out, "type=%u (%s):\n", keys[i].type, type_names[keys[i].type]);
        }
        g_string_append_printf(out, "  %-18s %s\n", keys[i].name, keys[i].help);
    }
}
