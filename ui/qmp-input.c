/*
 * QMP commands about keyboard, pointer and picture.
 */
#include "softmmu/base/error.h"
#include "softmmu/input.h"
#include "ui/qmp-internal.h"
#include "ui/screendump.h"
#include <linux/input-event-codes.h>
#include <string.h>

#define MAX_KEYS 16 /* pressed together */

/*
 * Keys. A KeyValue is {"type": "qcode", "data": "a"}, or of type "number" with the code that a PC's keyboard sends.
 */

/* The number of key @value, 0 with @error. */
static unsigned parse_key(JsonObject *value, GError **error)
{
    const char *type = qmp_get_string(value, "type", "");
    JsonNode *data = json_object_get_member(value, "data");
    if (!strcmp(type, "qcode") && data && json_node_get_value_type(data) == G_TYPE_STRING) {
        unsigned key = input_key_by_name(json_node_get_string(data));
        if (!key) {
            error_set(error, "Parameter 'data' does not accept value '%s'",
                      json_node_get_string(data));
        }
        return key;
    }
    /* The codes below 0x54 are those of Linux. */
    if (!strcmp(type, "number") && data && json_node_get_value_type(data) == G_TYPE_INT64 &&
        json_node_get_int(data) > 0 && json_node_get_int(data) <= KEY_KPDOT) {
        return json_node_get_int(data);
    }
    error_set(error,
              "a key is {'type': 'qcode', 'data': NAME} or {'type': 'number', 'data': 1 to 83}");
    return 0;
}

JsonNode *qmp_send_key(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *list = json_object_get_array_member(args, "keys");
    unsigned n = json_array_get_length(list), keys[MAX_KEYS];
    if (n > MAX_KEYS) {
        error_set(error, "too many keys at once; there can be %u", MAX_KEYS);
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        keys[i] = parse_key(json_array_get_object_element(list, i), error);
        if (!keys[i]) {
            return NULL;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!input_key(machine, keys[i], true)) {
            error_set(error, "the machine has no keyboard");
            return NULL;
        }
    }
    while (n-- > 0) {
        input_key(machine, keys[n], false);
    }
    return NULL;
}

/*
 * Events.
 */

typedef struct PointerState {
    int dx, dy, wheel;
    unsigned buttons; /* held from now on */
    bool moved;
} PointerState;

static bool take_button(JsonObject *data, PointerState *pointer, GError **error)
{
    static const struct {
        const char *name;
        unsigned bit;
        int wheel;
    } buttons[] = {
        {"left", INPUT_LEFT, 0}, {"right", INPUT_RIGHT, 0}, {"middle", INPUT_MIDDLE, 0},
        {"wheel-up", 0, -1},     {"wheel-down", 0, 1},
    };
    const char *name = qmp_get_string(data, "button", "");
    bool down = json_object_get_boolean_member_with_default(data, "down", false);
    for (unsigned i = 0; i < ARRAY_SIZE(buttons); i++) {
        if (!strcmp(buttons[i].name, name)) {
            pointer->buttons =
                down ? pointer->buttons | buttons[i].bit : pointer->buttons & ~buttons[i].bit;
            pointer->wheel += down ? buttons[i].wheel : 0;
            pointer->moved = true;
            return true;
        }
    }
    return error_set(error, "Parameter 'button' does not accept value '%s'", name);
}

static bool take_movement(JsonObject *data, PointerState *pointer)
{
    int64_t value = json_object_get_int_member_with_default(data, "value", 0);
    value = CLAMP(value, -32768, 32767);
    if (!strcmp(qmp_get_string(data, "axis", ""), "x")) {
        pointer->dx += value;
    } else {
        pointer->dy += value;
    }
    pointer->moved = true;
    return true;
}

static bool take_event(Machine *machine, JsonObject *event, PointerState *pointer, GError **error)
{
    const char *type = qmp_get_string(event, "type", "");
    JsonObject *data = json_object_get_object_member(event, "data");
    if (!strcmp(type, "btn")) {
        return take_button(data, pointer, error);
    }
    if (!strcmp(type, "rel")) {
        return take_movement(data, pointer);
    }
    if (strcmp(type, "key") != 0) {
        return error_set(error, "input events here are key, btn and rel, not '%s'", type);
    }
    JsonNode *key = json_object_get_member(data, "key");
    if (!key || !JSON_NODE_HOLDS_OBJECT(key)) {
        return error_set(error, "Parameter 'key' is missing");
    }
    unsigned number = parse_key(json_node_get_object(key), error);
    return number && (input_key(machine, number,
                                json_object_get_boolean_member_with_default(data, "down", false)) ||
                      error_set(error, "the machine has no keyboard"));
}

JsonNode *qmp_input_send_event(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *events = json_object_get_array_member(args, "events");
    PointerState pointer = {.buttons = machine->input_buttons};
    for (unsigned i = 0; i < json_array_get_length(events); i++) {
        if (!take_event(machine, json_array_get_object_element(events, i), &pointer, error)) {
            return NULL;
        }
    }
    machine->input_buttons = pointer.buttons;
    if (pointer.moved &&
        !input_move(machine, pointer.dx, pointer.dy, pointer.wheel, pointer.buttons)) {
        error_set(error, "the machine has no pointer");
    }
    return NULL;
}

JsonNode *qmp_query_mice(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    for (unsigned i = 0, n = input_count_pointers(machine); i < n; i++) {
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "name", "mouse");
        json_object_set_int_member(object, "index", i);
        json_object_set_boolean_member(object, "current", i == n - 1);
        json_object_set_boolean_member(object, "absolute", false);
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}

/*
 * The picture.
 */

JsonNode *qmp_screendump(Machine *machine, JsonObject *args, GError **error)
{
    const char *path = qmp_get_string(args, "filename", "");
    const char *format = qmp_get_string(args, "format", "ppm");
    DisplaySurface surface = {0};
    if (strcmp(format, "ppm") != 0 && strcmp(format, "png") != 0) {
        error_set(error, "Parameter 'format' does not accept value '%s'", format);
    } else if (json_object_has_member(args, "device") ||
               json_object_get_int_member_with_default(args, "head", 0)) {
        error_set(error, "there is one display at most; leave out 'device' and 'head'");
    } else if (!display_render(machine, 0, &surface)) {
        error_set(error, "There is no console to take a screendump from");
    } else {
        screendump_save_as(&surface, path, !strcmp(format, "ppm"), error);
    }
    display_clear(&surface);
    return NULL;
}
