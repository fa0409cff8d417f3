/*
 * Option strings in QEMU's syntax: "first,key=value,flag,key2=a,,b" (",," is a comma).
 *
 * An Options holds the parsed keys; getters mark a key as used, and options_check_unused() complains
 * about the rest with the nearest known name.
 */
#ifndef AMPHI_OPTIONS_H
#define AMPHI_OPTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Options Options;

/* Parses @text. @implied names the key of a first item without "=" ("type", "driver", "path"; NULL:
 * none). A flag without value is "on", one with the prefix "no" stays as it is written. @what names
 * the option in messages: "-device". */
Options *options_parse(const char *what, const char *text, const char *implied, GError **error);
void options_free(Options *opts);
Options *options_copy(const Options *opts);

/* The value or @fallback. The string belongs to @opts. The last of repeated keys wins. */
const char *options_get(Options *opts, const char *key, const char *fallback);

/* on/off/yes/no/true/false; decimal or 0x numbers; sizes with k, M, G, T (bare: @unit bytes). If
 * @key is absent *@out is left as it is. False with @error for a malformed value. */
bool options_get_bool(Options *opts, const char *key, bool *out, GError **error);
bool options_get_u64(Options *opts, const char *key, uint64_t *out, GError **error);
bool options_get_size(Options *opts, const char *key, uint64_t unit, uint64_t *out, GError **error);

/* Appends a key. */
void options_add(Options *opts, const char *key, const char *value);

/* Iterates over keys in order; marks none as used. Returns false past the end. */
bool options_nth(Options *opts, unsigned n, const char **key, const char **value);
void options_mark_used(Options *opts, const char *key);

/* True with @error if a key that was never asked for looks like @wanted, which is missing. */
bool options_misspelt(Options *opts, const char *wanted, GError **error);

/* False with @error if a key was never asked for. */
bool options_check_unused(Options *opts, GError **error);

#endif
