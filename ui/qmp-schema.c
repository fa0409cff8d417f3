/*
 * The types of QMP's arguments and results: checks by them, and what query-qmp-schema says of them.
 * See qmp-internal.h for the notation; the answer is an array of what QAPI calls SchemaInfo.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"
#include <string.h>

/* A member in the text of an object type. */
typedef struct Member {
    char name[48];
    bool optional;
    const char *type;
} Member;

static const struct {
    const char *name, *json_type, *words;
} builtins[] = {
    {"str", "string", "string"},    {"int", "int", "integer"}, {"number", "number", "number"},
    {"bool", "boolean", "boolean"}, {"any", "value", "value"},
};

/* What follows the type that @type begins with. */
static const char *type_end(const char *type)
{
    unsigned depth = 0;
    do {
        depth += *type == '{' || *type == '[';
        depth -= *type == '}' || *type == ']';
        type++;
    } while (*type && (depth || !strchr(",]}", *type)));
    return type;
}

/* The member at *@cursor, which starts behind the brace and moves on; false at the end. */
static bool next_member(const char **cursor, Member *member)
{
    const char *name = *cursor + (**cursor == ',');
    if (*name == '}') {
        return false;
    }
    size_t len = strcspn(name, "?:");
    g_strlcpy(member->name, name, MIN(len + 1, sizeof(member->name)));
    member->optional = name[len] == '?';
    member->type = name + len + 1 + member->optional;
    *cursor = type_end(member->type);
    return true;
}

static bool find_member(const char *type, const char *name)
{
    const char *cursor = type + 1;
    Member member;
    while (next_member(&cursor, &member)) {
        if (!strcmp(member.name, name) || !strcmp(member.name, "*")) {
            return true;
        }
    }
    return false;
}

/*
 * Checks.
 */

static bool check_node(const char *name, const char *type, JsonNode *node, GError **error);

static bool check_object(const char *type, JsonObject *object, GError **error)
{
    const char *cursor = type + 1, *name;
    Member member;
    JsonObjectIter iter;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, NULL)) {
        if (!find_member(type, name)) {
            return error_set(error, "Parameter '%.64s' is unexpected", name);
        }
    }
    while (next_member(&cursor, &member)) {
        JsonNode *node = json_object_get_member(object, member.name);
        if (!node && !member.optional) {
            return error_set(error, "Parameter '%s' is missing", member.name);
        }
        if (node && !check_node(member.name, member.type, node, error)) {
            return false;
        }
    }
    return true;
}

static bool check_array(const char *name, const char *type, JsonArray *array, GError **error)
{
    for (unsigned i = 0; i < json_array_get_length(array); i++) {
        if (!check_node(name, type + 1, json_array_get_element(array, i), error)) {
            return false;
        }
    }
    return true;
}

static bool is_plain(const char *type, JsonNode *node)
{
    GType held = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
    switch (type[0]) {
    case 's': return held == G_TYPE_STRING;
    case 'i': return held == G_TYPE_INT64;
    case 'n': return held == G_TYPE_INT64 || held == G_TYPE_DOUBLE;
    case 'b': return held == G_TYPE_BOOLEAN;
    default: return true;
    }
}

static bool check_node(const char *name, const char *type, JsonNode *node, GError **error)
{
    const char *words = type[0] == '{' ? "object" : "array";
    if (type[0] == '{' && JSON_NODE_HOLDS_OBJECT(node)) {
        return check_object(type, json_node_get_object(node), error);
    }
    if (type[0] == '[' && JSON_NODE_HOLDS_ARRAY(node)) {
        return check_array(name, type, json_node_get_array(node), error);
    }
    if (type[0] != '{' && type[0] != '[' && is_plain(type, node)) {
        return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(builtins); i++) {
        if (builtins[i].name[0] == type[0]) {
            words = builtins[i].words;
        }
    }
    return error_set(error, "Invalid parameter type for '%s', expected: %s", name, words);
}

bool qmp_check_args(const char *type, JsonObject *args, GError **error)
{
    return check_object(type, args, error);
}

bool qmp_matches(const char *type, JsonNode *node)
{
    return check_node("return", type, node, NULL);
}

/*
 * query-qmp-schema.
 */

typedef struct Schema {
    JsonArray *entries;
    GHashTable *known; /* names of the types that are there */
} Schema;

static JsonObject *add_entry(Schema *schema, const char *name, const char *meta)
{
    JsonObject *entry = json_object_new();
    json_object_set_string_member(entry, "name", name);
    json_object_set_string_member(entry, "meta-type", meta);
    json_array_add_object_element(schema->entries, entry);
    return entry;
}

static char *add_type(Schema *schema, const char *type, const char *name);

static char *add_array(Schema *schema, const char *type, const char *name)
{
    char *element = add_type(schema, type + 1, name);
    char *own = g_strdup_printf("[%s]", element);
    if (g_hash_table_add(schema->known, g_strdup(own))) {
        json_object_set_string_member(add_entry(schema, own, "array"), "element-type", element);
    }
    g_free(element);
    return own;
}

static char *add_object(Schema *schema, const char *type, const char *name)
{
    const char *cursor = type + 1;
    JsonArray *members = json_array_new();
    Member member;
    while (next_member(&cursor, &member)) {
        if (!strcmp(member.name, "*")) {
            continue;
        }
        JsonObject *entry = json_object_new();
        char *inner = g_strdup_printf("%s-%s", name, member.name);
        char *member_type = add_type(schema, member.type, inner);
        json_object_set_string_member(entry, "name", member.name);
        json_object_set_string_member(entry, "type", member_type);
        if (member.optional) {
            json_object_set_null_member(entry, "default");
        }
        json_array_add_object_element(members, entry);
        g_free(member_type);
        g_free(inner);
    }
    json_object_set_array_member(add_entry(schema, name, "object"), "members", members);
    return g_strdup(name);
}

/* Adds what is not there yet of @type, called @name if it is an object. The type's name, for g_free(). */
static char *add_type(Schema *schema, const char *type, const char *name)
{
    if (type[0] == '[') {
        return add_array(schema, type, name);
    }
    if (type[0] != '{') {
        return g_strndup(type, type_end(type) - type);
    }
    if (type[1] != '}') {
        return add_object(schema, type, name);
    }
    if (g_hash_table_add(schema->known, g_strdup("empty"))) {
        g_free(add_object(schema, type, "empty"));
    }
    return g_strdup("empty");
}

/* Sets the member @role of @entry to the name of @type (NULL: an empty object). */
static void set_type(Schema *schema, JsonObject *entry, const char *role, const char *type)
{
    char *name = g_strdup_printf("%s-%s", json_object_get_string_member(entry, "name"),
                                 !strcmp(role, "ret-type") ? "ret" : "arg");
    char *type_name = add_type(schema, type ? type : "{}", name);
    json_object_set_string_member(entry, role, type_name);
    g_free(type_name);
    g_free(name);
}

JsonNode *qmp_query_qmp_schema(Machine *machine, JsonObject *args, GError **error)
{
    Schema schema = {json_array_new(),
                     g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    for (unsigned i = 0; i < ARRAY_SIZE(builtins); i++) {
        JsonObject *entry = add_entry(&schema, builtins[i].name, "builtin");
        json_object_set_string_member(entry, "json-type", builtins[i].json_type);
    }
    for (const QmpCommand *command = qmp_commands; command->name; command++) {
        JsonObject *entry = add_entry(&schema, command->name, "command");
        set_type(&schema, entry, "arg-type", command->args);
        set_type(&schema, entry, "ret-type", command->result);
        json_object_set_boolean_member(entry, "allow-oob", false);
        if (!strcmp(command->name, "device_add")) { /* -device takes JSON, too */
            JsonArray *features = json_array_new();
            json_array_add_string_element(features, "json-cli");
            json_array_add_string_element(features, "json-cli-hotplug");
            json_object_set_array_member(entry, "features", features);
        }
    }
    for (unsigned i = 0; i < MACHINE_EVENTS; i++) {
        JsonObject *entry = add_entry(&schema, qmp_events[i].name, "event");
        set_type(&schema, entry, "arg-type", qmp_events[i].data);
    }
    g_hash_table_unref(schema.known);
    return qmp_node_array(schema.entries);
}
