/*
 * Option strings from JSON: -blockdev '{"driver": "qcow2", "file": {"driver": "file", ...}}'. See options.h.
 */
#include "softmmu/options-json.h"
#include "softmmu/base/error.h"
#include <string.h>

#define MAX_DEPTH 16

static void add_node(Options *opts, const char *key, JsonNode *node, unsigned depth);

static void add_object(Options *opts, const char *prefix, JsonObject *object, unsigned depth)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &node)) {
        char *key = prefix ? g_strdup_printf("%s.%s", prefix, name) : g_strdup(name);

        add_node(opts, key, node, depth);
        g_free(key);
    }
}

static void add_node(Options *opts, const char *key, JsonNode *node, unsigned depth)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
    char *text;

    if (depth == MAX_DEPTH) {
        return;
    }
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        add_object(opts, key, json_node_get_object(node), depth + 1);
    } else if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *array = json_node_get_array(node);

        for (unsigned i = 0; i < json_array_get_length(array); i++) {
            text = g_strdup_printf("%s.%u", key, i);
            add_node(opts, text, json_array_get_element(array, i), depth + 1);
            g_free(text);
        }
    } else if (type == G_TYPE_STRING) {
        options_add(opts, key, json_node_get_string(node));
    } else if (type == G_TYPE_BOOLEAN) {
        options_add(opts, key, json_node_get_boolean(node) ? "on" : "off");
    } else if (type == G_TYPE_INT64) {
        text = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
        options_add(opts, key, text);
        g_free(text);
    } else { /* null, or a number that no option has */
        options_add(opts, key, "");
    }
}

Options *options_from_object(const char *what, JsonObject *object)
{
    Options *opts = options_parse(what, "", NULL, NULL);

    add_object(opts, NULL, object, 0);
    return opts;
}

Options *options_parse_json(const char *what, const char *text, GError **error)
{
    JsonParser *parser = json_parser_new();
    Options *opts = NULL;

    if (json_parser_load_from_data(parser, text, -1, NULL) && json_parser_get_root(parser) &&
        JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
        opts = options_from_object(what, json_node_get_object(json_parser_get_root(parser)));
    } else {
        error_set(error, "%s: '%.64s' is not a JSON object", what, text);
    }
    g_object_unref(parser);
    return opts;
}
