/*
 * Options from JSON: members of nested objects become keys with dots, null an empty value.
 */
#ifndef AMPHI_OPTIONS_JSON_H
#define AMPHI_OPTIONS_JSON_H

#include "softmmu/options.h"
#include <json-glib/json-glib.h>

/* @what names the option in messages, as for options_parse(). */
Options *options_from_object(const char *what, JsonObject *object);

/* NULL with @error if @text is not an object. */
Options *options_parse_json(const char *what, const char *text, GError **error);

#endif
