/*
 * QMP commands that make and remove parts: objects, networks, character devices, devices.
 */
#include "softmmu/base/error.h"
#include "softmmu/objects.h"
#include "softmmu/options-json.h"
#include "ui/chardev.h"
#include "ui/qmp-internal.h"
#include <string.h>

JsonNode *qmp_object_add(Machine *machine, JsonObject *args, GError **error)
{
    Options *opts = options_from_object("object-add", args);
    object_add(machine, opts, error);
    options_free(opts);
    return NULL;
}

JsonNode *qmp_object_del(Machine *machine, JsonObject *args, GError **error)
{
    object_remove(machine, qmp_get_string(args, "id", ""), error);
    return NULL;
}

/*
 * Networks and devices, by the hooks.
 */

JsonNode *qmp_netdev_add(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    if (hooks->netdev_add) {
        hooks->netdev_add(machine, options_from_object("netdev_add", args), error);
    } else {
        error_set(error, "this machine has no networks");
    }
    return NULL;
}

static bool not_found(const char *id, GError **error)
{
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Device '%.64s' not found", id);
    return false;
}

JsonNode *qmp_netdev_del(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    const char *id = qmp_get_string(args, "id", "");
    if (hooks->netdev_remove) {
        hooks->netdev_remove(machine, id, error);
    } else {
        not_found(id, error);
    }
    return NULL;
}

JsonNode *qmp_device_add(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    Options *opts = options_from_object("device_add", args);
    if (hooks->device_add) {
        hooks->device_add(machine, opts, error);
    } else {
        error_set(error, "'%s' is not a valid device model name",
                  qmp_get_string(args, "driver", ""));
    }
    options_free(opts);
    return NULL;
}

JsonNode *qmp_device_del(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    const char *id = qmp_get_string(args, "id", "");
    if (hooks->device_remove) {
        hooks->device_remove(machine, id, error);
    } else {
        not_found(id, error);
    }
    return NULL;
}

/*
 * Character devices. The backend is {"type": "socket", "data": {...}}, in which addresses are
 * {"type": "unix", "data": {"path": ...}}: other words for what -chardev takes.
 */

/* The text of member @name of @object as option @key. */
static void copy_member(Options *opts, JsonObject *object, const char *name, const char *key)
{
    JsonNode *node = json_object_get_member(object, name);
    if (node && JSON_NODE_HOLDS_VALUE(node)) {
        GType type = json_node_get_value_type(node);
        char *text = type == G_TYPE_STRING ? g_strdup(json_node_get_string(node))
                     : type == G_TYPE_BOOLEAN
                         ? g_strdup(json_node_get_boolean(node) ? "on" : "off")
                         : g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
        options_add(opts, key, text);
        g_free(text);
    }
}

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const struct {
    const char *member, *key;
} chardev_words[] = {
    {"out", "path"},        {"in", "input-path"},       {"append", "append"},
    {"wait", "wait"},       {"nodelay", "nodelay"},     {"reconnect", "reconnect"},
    {"logfile", "logfile"}, {"logappend", "logappend"}, {"size", "size"},
    {"signal", "signal"},   {"telnet", "telnet"},       {"device", "path"},
};

static bool add_address(Options *opts, JsonObject *data, GError **error)
{
    static const char *const parts[] = {"path", "host", "port"};
    JsonObject *address = object_member(data, "addr"), *where = object_member(address, "data");
    bool server = json_object_get_boolean_member_with_default(data, "server", true);
    if (!where) {
        return error_set(error, "Parameter 'backend.data.addr' is missing");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        copy_member(opts, where, parts[i], parts[i]);
    }
    if (!strcmp(qmp_get_string(address, "type", ""), "fd")) {
        copy_member(opts, where, "str", "fd");
    }
    options_add(opts, "server", server ? "on" : "off");
    if (server && !json_object_has_member(data, "wait")) {
        options_add(opts, "wait", "off");
    }
    return true;
}

JsonNode *qmp_chardev_add(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *backend = json_object_get_object_member(args, "backend");
    JsonObject *data = object_member(backend, "data");
    const char *type = qmp_get_string(backend, "type", "");
    Options *opts = options_parse("chardev-add", "", NULL, NULL);
    bool ok = true;

    options_add(opts, "backend", type);
    options_add(opts, "id", qmp_get_string(args, "id", ""));
    for (unsigned i = 0; data && i < ARRAY_SIZE(chardev_words); i++) {
        copy_member(opts, data, chardev_words[i].member, chardev_words[i].key);
    }
    if (!strcmp(type, "socket")) {
        ok = data ? add_address(opts, data, error)
                  : error_set(error, "Parameter 'backend.data' is missing");
    }
    Chardev *chr = ok ? chardev_new(machine, opts, error) : NULL;
    options_free(opts);
    if (!chr) {
        return NULL;
    }
    JsonObject *result = json_object_new();
    if (g_str_has_prefix(chr->label, "pty:")) {
        json_object_set_string_member(result, "pty", chr->label + strlen("pty:"));
    }
    return qmp_node_object(result);
}

JsonNode *qmp_chardev_remove(Machine *machine, JsonObject *args, GError **error)
{
    const char *id = qmp_get_string(args, "id", "");
    Chardev *chr = machine_find_chardev(machine, id);
    if (!chr) {
        error_set(error, "Chardev '%.64s' not found", id);
    } else if (chr->handlers) {
        error_set(error, "Chardev '%s' is busy", id);
    } else {
        g_ptr_array_remove(machine->chardevs, chr);
    }
    return NULL;
}

JsonNode *qmp_ringbuf_read(Machine *machine, JsonObject *args, GError **error)
{
    int64_t size = json_object_get_int_member(args, "size");
    const char *format = qmp_get_string(args, "format", "utf8");
    bool base64 = !strcmp(format, "base64");
    if (size <= 0) {
        error_set(error, "size must be greater than zero");
        return NULL;
    }
    if (!base64 && strcmp(format, "utf8") != 0) {
        error_set(error, "Parameter 'format' does not accept value '%.64s'", format);
        return NULL;
    }
    GByteArray *bytes =
        chardev_ringbuf_read(machine, qmp_get_string(args, "device", ""), size, error);
    if (!bytes) {
        return NULL;
    }
    /* A zero byte would end the text; it is shown as what is no UTF-8 is. */
    for (unsigned i = 0; !base64 && i < bytes->len; i++) {
        bytes->data[i] = bytes->data[i] ? bytes->data[i] : 0xff;
    }
    g_byte_array_append(bytes, (const guint8 *)"", 1); /* so that there is something in any case */
    char *text = base64 ? g_base64_encode(bytes->data, bytes->len - 1)
                        : g_utf8_make_valid((const char *)bytes->data, bytes->len - 1);
    JsonNode *node = json_node_init_string(json_node_alloc(), text);
    g_free(text);
    g_byte_array_unref(bytes);
    return node;
}
