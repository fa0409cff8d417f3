/*
 * A QMP session: greeting, requests and their answers, events. See qmp.h; the commands are in
 * qmp-table.c.
 *
 * One client at a time; the next one starts with a new greeting and its own negotiation. Requests are
 * done in the order they come: no command here takes so long that others should overtake it, so the capability
 * "oob" is not offered. Everything
 * happens on the main thread with the machine lock held, except that vCPU threads may raise events.
 */
#include "ui/qmp.h"
#include "softmmu/base/error.h"
#include "ui/char-internal.h"
#include "ui/json-stream.h"
#include "ui/qmp-internal.h"
#include <string.h>

typedef struct Qmp {
    Machine *machine;
    Chardev *chr;
    JsonStream *stream;
    bool pretty;
    bool ready; /* the client has sent qmp_capabilities */
} Qmp;

G_DEFINE_QUARK(amphi - qmp - error, qmp_error)

/*
 * For commands.
 */

const MonitorHooks *qmp_hooks(Machine *machine)
{
    static const MonitorHooks none;
    return machine->monitor_hooks ? machine->monitor_hooks : &none;
}

JsonNode *qmp_node_object(JsonObject *object)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, object);
    return node;
}

JsonNode *qmp_node_array(JsonArray *array)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);
    json_node_take_array(node, array);
    return node;
}

const char *qmp_get_string(JsonObject *args, const char *name, const char *fallback)
{
    return json_object_get_string_member_with_default(args, name, fallback);
}

/*
 * Output.
 */

/* Sends @message and releases it. */
static void send(Qmp *qmp, JsonObject *message)
{
    JsonNode *node = qmp_node_object(message);
    char *text = json_to_string(node, qmp->pretty);
    chardev_write(qmp->chr, text, strlen(text));
    chardev_write(qmp->chr, "\r\n", 2);
    g_free(text);
    json_node_unref(node);
}

static void greet(Qmp *qmp)
{
    JsonObject *message = json_object_new(), *greeting = json_object_new();
    json_object_set_object_member(greeting, "version", qmp_version(qmp->machine));
    json_object_set_array_member(greeting, "capabilities", json_array_new());
    json_object_set_object_member(message, "QMP", greeting);
    send(qmp, message);
}

/* A copy of the request's id goes into the answer. */
static void add_id(JsonObject *message, JsonNode *id)
{
    if (id) {
        json_object_set_member(message, "id", json_node_copy(id));
    }
}

static const char *class_of(const GError *error)
{
    static const char *const names[] = {
        [QMP_ERROR_GENERIC] = "GenericError",
        [QMP_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
        [QMP_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    };
    if (error && error->domain == QMP_ERROR) {
        return names[error->code];
    }
    return names[g_error_matches(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND)
                     ? QMP_ERROR_DEVICE_NOT_FOUND
                     : QMP_ERROR_GENERIC];
}

/* Answers with @error, which it frees. */
static void send_error(Qmp *qmp, JsonNode *id, GError *error)
{
    JsonObject *message = json_object_new(), *body = json_object_new();
    json_object_set_string_member(body, "class", class_of(error));
    json_object_set_string_member(body, "desc", error ? error->message : "failed");
    json_object_set_object_member(message, "error", body);
    add_id(message, id);
    send(qmp, message);
    g_clear_error(&error);
}

/* Answers with @result, which it takes over; NULL: an empty object. */
static void send_result(Qmp *qmp, JsonNode *id, JsonNode *result)
{
    JsonObject *message = json_object_new();
    json_object_set_member(message, "return", result ? result : qmp_node_object(json_object_new()));
    add_id(message, id);
    send(qmp, message);
}

/*
 * Events.
 */

static JsonObject *io_error_data(const MachineEventInfo *info)
{
    JsonObject *data = json_object_new();
    json_object_set_string_member(data, "device", info->device);
    json_object_set_string_member(data, "node-name", info->node);
    json_object_set_string_member(data, "operation", info->operation);
    json_object_set_string_member(data, "action", info->action);
    json_object_set_boolean_member(data, "nospace", info->nospace);
    json_object_set_string_member(data, "reason", info->reason);
    return data;
}

static JsonObject *event_data(const MachineEventInfo *info)
{
    if (info->event == MACHINE_EVENT_BLOCK_IO_ERROR) {
        return io_error_data(info);
    }
    JsonObject *data = json_object_new();
    if (info->event == MACHINE_EVENT_BALLOON_CHANGE) {
        json_object_set_int_member(data, "actual", info->actual);
        return data;
    }
    if (info->action) {
        json_object_set_string_member(data, "action", info->action);
        return data;
    }
    json_object_set_boolean_member(data, "guest", info->by_guest);
    json_object_set_string_member(data, "reason", info->reason);
    return data;
}

static void on_event(void *opaque, const MachineEventInfo *info)
{
    Qmp *qmp = opaque;
    if (!qmp->ready) {
        return;
    }
    int64_t now = g_get_real_time();
    JsonObject *message = json_object_new(), *timestamp = json_object_new();
    json_object_set_int_member(timestamp, "seconds", now / G_USEC_PER_SEC);
    json_object_set_int_member(timestamp, "microseconds", now % G_USEC_PER_SEC);
    json_object_set_object_member(message, "timestamp", timestamp);
    json_object_set_string_member(message, "event", qmp_events[info->event].name);
    if (info->reason || info->action || info->event == MACHINE_EVENT_BALLOON_CHANGE) {
        json_object_set_object_member(message, "data", event_data(info));
    }
    send(qmp, message);
}

/*
 * Requests.
 */

/* qmp_capabilities: from now on the other commands may be used. */
static bool negotiate(Qmp *qmp, JsonObject *args, GError **error)
{
    JsonArray *enable = json_object_has_member(args, "enable")
                            ? json_object_get_array_member(args, "enable")
                            : NULL;
    if (qmp->ready) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                    "Capabilities negotiation is already complete, command ignored");
        return false;
    }
    if (enable && json_array_get_length(enable)) {
        return error_set(error, "Capability '%.64s' not available",
                         json_array_get_string_element(enable, 0));
    }
    qmp->ready = true;
    return true;
}

/* The members that a request may have; its command in @name, its arguments in @args. */
static bool check_request(JsonObject *request, const char **name, JsonObject **args, GError **error)
{
    static const char *const known[] = {"execute", "arguments", "id", NULL};
    JsonNode *command = json_object_get_member(request, "execute");
    JsonNode *arguments = json_object_get_member(request, "arguments");
    JsonObjectIter iter;
    const char *member;

    json_object_iter_init(&iter, request);
    while (json_object_iter_next(&iter, &member, NULL)) {
        if (!g_strv_contains(known, member)) {
            return error_set(error, "QMP input member '%.64s' is unexpected", member);
        }
    }
    if (!command) {
        return error_set(error, "QMP input lacks member 'execute'");
    }
    if (!JSON_NODE_HOLDS_VALUE(command) || json_node_get_value_type(command) != G_TYPE_STRING) {
        return error_set(error, "QMP input member 'execute' must be a string");
    }
    if (arguments && !JSON_NODE_HOLDS_OBJECT(arguments)) {
        return error_set(error, "QMP input member 'arguments' must be an object");
    }
    *name = json_node_get_string(command);
    *args = arguments ? json_node_get_object(arguments) : NULL;
    return true;
}

/* Does what @request asks for. False with @error set; @result may stay NULL. */
static bool dispatch(Qmp *qmp, JsonObject *request, JsonNode **result, GError **error)
{
    const char *name = NULL;
    JsonObject *args = NULL;
    GError *why = NULL;
    if (!check_request(request, &name, &args, error)) {
        return false;
    }
    if (!qmp->ready && strcmp(name, "qmp_capabilities") != 0) {
        g_set_error(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND,
                    "Expecting capabilities negotiation with 'qmp_capabilities'");
        return false;
    }
    const QmpCommand *command = qmp_find_command(name, error);
    if (!command) {
        return false;
    }
    args = args ? json_object_ref(args) : json_object_new();
    if (qmp_check_args(command->args, args, &why)) {
        if (command->run_with_fds) {
            *result = command->run_with_fds(qmp->machine, qmp->chr, args, &why);
        } else if (command->run) {
            *result = command->run(qmp->machine, args, &why);
        } else {
            negotiate(qmp, args, &why);
        }
    }
    json_object_unref(args);
    if (why) {
        g_propagate_error(error, why);
    }
    return !why;
}

static void on_object(void *opaque, const char *text, size_t len)
{
    Qmp *qmp = opaque;
    GError *error = NULL;
    JsonNode *result = NULL, *id = NULL;
    JsonParser *parser = json_parser_new();
    if (!json_parser_load_from_data(parser, text, len, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
        error_set(&error, "JSON parse error, invalid JSON");
        send_error(qmp, NULL, error);
    } else {
        JsonObject *request = json_node_get_object(json_parser_get_root(parser));
        id = json_object_get_member(request, "id");
        if (dispatch(qmp, request, &result, &error)) {
            send_result(qmp, id, result);
        } else {
            send_error(qmp, id, error);
        }
    }
    g_object_unref(parser);
}

static void on_stream_error(void *opaque, const char *why)
{
    GError *error = NULL;
    error_set(&error, "JSON parse error, %s", why);
    send_error(opaque, NULL, error);
}

static const JsonStreamOps stream_ops = {.object = on_object, .error = on_stream_error};

/*
 * The character device.
 */

static size_t qmp_can_receive(void *opaque)
{
    return 4096;
}

static void qmp_receive(void *opaque, const uint8_t *buf, size_t len)
{
    json_stream_feed(((Qmp *)opaque)->stream, buf, len);
}

static void qmp_event(void *opaque, CharEvent event)
{
    Qmp *qmp = opaque;
    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        qmp->ready = false;
        json_stream_reset(qmp->stream);
        chardev_drop_fds(qmp->chr);
    }
    if (event == CHAR_EVENT_OPENED) {
        greet(qmp);
    }
}

static void qmp_released(void *opaque)
{
    Qmp *qmp = opaque;
    machine_remove_event_listener(qmp->machine, on_event, qmp);
    json_stream_free(qmp->stream);
    g_free(qmp);
}

static const CharHandlers qmp_handlers = {
    .can_receive = qmp_can_receive,
    .receive = qmp_receive,
    .event = qmp_event,
    .released = qmp_released,
    .background = true,
};

bool qmp_new(Machine *machine, Chardev *chr, bool pretty, GError **error)
{
    if (chr->handlers) {
        return error_set(error,
                         "QMP cannot have character device '%s', which is in use; make another",
                         chr->id);
    }
    Qmp *qmp = g_new0(Qmp, 1);
    qmp->machine = machine;
    qmp->chr = chr;
    qmp->pretty = pretty;
    qmp->stream = json_stream_new(&stream_ops, qmp);
    machine_add_event_listener(machine, on_event, qmp);
    chardev_set_handlers(chr, &qmp_handlers, qmp);
    return true;
}
