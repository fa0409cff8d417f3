/*
 * QMP commands that say what machines can be made of: machines, CPUs, devices, options, commands.
 *
 * QEMU knows these as types of one object model; here they are separate tables, shown under the type
 * names that tools look for: "virtio-blk-pci", "virt-machine", "rv64-riscv64-cpu".
 */
#include "softmmu/base/error.h"
#include "softmmu/cmdline.h"
#include "softmmu/objects.h"
#include "ui/qmp-internal.h"
#include <string.h>

static void add_named(JsonArray *array, const char *name)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "name", name);
    json_array_add_object_element(array, object);
}

JsonNode *qmp_query_commands(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    for (const QmpCommand *command = qmp_commands; command->name; command++) {
        add_named(array, command->name);
    }
    return qmp_node_array(array);
}

/* The options that have an effect; what they take is not described. */
JsonNode *qmp_query_command_line_options(Machine *machine, JsonObject *args, GError **error)
{
    const char *only = qmp_get_string(args, "option", NULL);
    JsonArray *array = json_array_new();
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        if (option->kind == CMD_LATER || option->kind == CMD_IGNORE ||
            (only && strcmp(only, option->name) != 0)) {
            continue;
        }
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "option", option->name);
        json_object_set_array_member(object, "parameters", json_array_new());
        json_array_add_object_element(array, object);
    }
    if (only && json_array_get_length(array) == 0) {
        json_array_unref(array);
        error_set(error, "there is no option '%.64s'", only);
        return NULL;
    }
    return qmp_node_array(array);
}

/*
 * Machines and CPUs.
 */

static const MachineClass *const *machine_list(Machine *machine)
{
    static const MachineClass *const none[] = {NULL};
    const MonitorHooks *hooks = qmp_hooks(machine);
    return hooks->machines ? hooks->machines : none;
}

static char *machine_type(const MachineClass *cls)
{
    return g_strdup_printf("%s-machine", cls->name);
}

static char *cpu_type(const GuestArch *arch, const char *model)
{
    return g_strdup_printf("%s-%s-cpu", model, arch->name);
}

JsonNode *qmp_query_machines(Machine *machine, JsonObject *args, GError **error)
{
    const MachineClass *const *list = machine_list(machine);
    JsonArray *array = json_array_new();
    for (unsigned i = 0; list[i]; i++) {
        const MachineClass *cls = list[i];
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "name", cls->name);
        if (i == 0) {
            json_object_set_boolean_member(object, "is-default", true);
        }
        json_object_set_int_member(object, "cpu-max", MIN(cls->max_cpus, MACHINE_MAX_CPUS));
        json_object_set_boolean_member(object, "hotpluggable-cpus", false);
        json_object_set_boolean_member(object, "numa-mem-supported", false);
        json_object_set_boolean_member(object, "deprecated", false);
        if (cls->arch && cls->default_cpu) {
            char *type = cpu_type(cls->arch, cls->default_cpu);
            json_object_set_string_member(object, "default-cpu-type", type);
            g_free(type);
        }
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}

static const char *const *cpu_models(const Machine *machine)
{
    static const char *const none[] = {NULL};
    const GuestArch *arch = machine->cls->arch;
    return arch && arch->cpu_models ? arch->cpu_models : none;
}

JsonNode *qmp_query_cpu_definitions(Machine *machine, JsonObject *args, GError **error)
{
    const char *const *models = cpu_models(machine);
    JsonArray *array = json_array_new();
    for (unsigned i = 0; models[i]; i++) {
        JsonObject *object = json_object_new();
        char *type = cpu_type(machine->cls->arch, models[i]);
        json_object_set_string_member(object, "name", models[i]);
        json_object_set_string_member(object, "typename", type);
        json_object_set_boolean_member(object, "static", false);
        json_object_set_boolean_member(object, "deprecated", false);
        json_object_set_array_member(object, "unavailable-features", json_array_new());
        json_array_add_object_element(array, object);
        g_free(type);
    }
    return qmp_node_array(array);
}

/* -cpu's text for @model, NULL with @error if its props are not on or off. For g_free(). */
static char *cpu_text(JsonObject *model, GError **error)
{
    GString *text = g_string_new(qmp_get_string(model, "name", ""));
    JsonNode *props = json_object_get_member(model, "props"), *value;
    bool ok = !strchr(text->str, ',') && (!props || JSON_NODE_HOLDS_OBJECT(props));
    JsonObjectIter iter;
    const char *name;
    if (ok && props) {
        json_object_iter_init_ordered(&iter, json_node_get_object(props));
        while (ok && json_object_iter_next_ordered(&iter, &name, &value)) {
            ok = JSON_NODE_HOLDS_VALUE(value) &&
                 json_node_get_value_type(value) == G_TYPE_BOOLEAN && !strpbrk(name, ",=");
            g_string_append_printf(text, ",%s=%s", name,
                                   ok && json_node_get_boolean(value) ? "on" : "off");
        }
    }
    if (!ok) {
        error_set(error, "a CPU model is a name, and props an object of what is true or false");
        g_string_free(text, true);
        return NULL;
    }
    return g_string_free(text, false);
}

static void add_switch(void *props, const char *name, bool on)
{
    json_object_set_boolean_member(props, name, on);
}

/* Only in full: there is no model that others would be described by. */
JsonNode *qmp_query_cpu_model_expansion(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    JsonObject *model = json_object_get_object_member(args, "model");
    if (strcmp(qmp_get_string(args, "type", ""), "full") != 0 || !hooks->cpu_expand) {
        error_set(error, "the only type of expansion is 'full'");
        return NULL;
    }
    char *text = cpu_text(model, error);
    JsonObject *props = json_object_new();
    bool ok = text && hooks->cpu_expand(text, add_switch, props, error);
    g_free(text);
    if (!ok) {
        json_object_unref(props);
        return NULL;
    }
    JsonObject *result = json_object_new(), *expanded = json_object_new();
    json_object_set_string_member(expanded, "name", qmp_get_string(model, "name", ""));
    json_object_set_object_member(expanded, "props", props);
    json_object_set_object_member(result, "model", expanded);
    return qmp_node_object(result);
}

/*
 * Types.
 */

typedef struct TypeList {
    JsonArray *array;
    const char *implements; /* only these; NULL: all */
} TypeList;

/* Adds a type whose ancestors are @parent and, if that is another, "object". Takes @name over. */
static void add_type(TypeList *list, char *name, const char *parent)
{
    const char *wanted = list->implements;
    if (!wanted || !strcmp(wanted, name) || !strcmp(wanted, parent) || !strcmp(wanted, "object")) {
        add_named(list->array, name);
        JsonObject *object =
            json_array_get_object_element(list->array, json_array_get_length(list->array) - 1);
        json_object_set_string_member(object, "parent", parent);
    }
    g_free(name);
}

static const char *device_nth(Machine *machine, unsigned n)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    return hooks->device_nth ? hooks->device_nth(n) : NULL;
}

/* What is there beside what the user makes: engines, and parts of boards that managers look for. */
static const struct {
    const char *name, *parent;
} parts[] = {
    {"tcg-accel", "accel"},
    {"kvm-accel", "accel"},
    {"gpex-pcihost", "sys-bus-device"},
    {"virtio-mmio", "sys-bus-device"},
};

JsonNode *qmp_qom_list_types(Machine *machine, JsonObject *args, GError **error)
{
    const MachineClass *const *machines = machine_list(machine);
    const char *const *models = cpu_models(machine), *name;
    TypeList list = {json_array_new(), qmp_get_string(args, "implements", NULL)};
    for (unsigned i = 0; (name = device_nth(machine, i)) != NULL; i++) {
        add_type(&list, g_strdup(name), "device");
    }
    for (unsigned i = 0; machines[i]; i++) {
        add_type(&list, machine_type(machines[i]), "machine");
    }
    for (unsigned i = 0; models[i]; i++) {
        add_type(&list, cpu_type(machine->cls->arch, models[i]), "cpu");
    }
    for (unsigned i = 0; object_type_nth(i); i++) {
        add_type(&list, g_strdup(object_type_nth(i)), "object");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        add_type(&list, g_strdup(parts[i].name), parts[i].parent);
    }
    return qmp_node_array(list.array);
}

/*
 * Properties.
 */

static void add_property(JsonArray *array, const Property *property)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "name", property->name);
    json_object_set_string_member(object, "type", property->kind);
    if (property->help) {
        json_object_set_string_member(object, "description", property->help);
    }
    json_array_add_object_element(array, object);
}

static bool is_device(Machine *machine, const char *type)
{
    const char *name;
    for (unsigned i = 0; (name = device_nth(machine, i)) != NULL; i++) {
        if (!strcmp(name, type)) {
            return true;
        }
    }
    return false;
}

static JsonNode *no_type(const char *type, GError **error)
{
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Device '%.64s' not found", type);
    return NULL;
}

JsonNode *qmp_device_list_properties(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    const char *type = qmp_get_string(args, "typename", "");
    Property property;
    if (!is_device(machine, type)) {
        return no_type(type, error);
    }
    JsonArray *array = json_array_new();
    for (unsigned i = 0;
         hooks->device_property_nth && hooks->device_property_nth(type, i, &property); i++) {
        add_property(array, &property);
    }
    return qmp_node_array(array);
}

/* The properties of -machine that all machines have. */
static JsonNode *machine_properties(void)
{
    static const char *const names[] = {"append", "dtb",    "dumpdtb",       "firmware",
                                        "initrd", "kernel", "memory-backend"};
    JsonArray *array = json_array_new();
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        add_property(array, &(Property){.name = names[i], .kind = "string"});
    }
    return qmp_node_array(array);
}

static JsonNode *object_properties(const char *type)
{
    JsonArray *array = json_array_new();
    Property property;
    for (unsigned n = 0; object_property_nth(type, n, &property); n++) {
        add_property(array, &property);
    }
    return qmp_node_array(array);
}

JsonNode *qmp_qom_list_properties(Machine *machine, JsonObject *args, GError **error)
{
    const char *type = qmp_get_string(args, "typename", "");
    const MachineClass *const *machines = machine_list(machine);
    for (unsigned i = 0; machines[i]; i++) {
        char *name = machine_type(machines[i]);
        bool same = !strcmp(name, type);
        g_free(name);
        if (same) {
            return machine_properties();
        }
    }
    if (is_device(machine, type)) {
        return qmp_device_list_properties(machine, args, error);
    }
    for (unsigned i = 0; object_type_nth(i); i++) {
        if (!strcmp(object_type_nth(i), type)) {
            return object_properties(type);
        }
    }
    return no_type(type, error);
}
