/*
 * QMP's view of the machine as a tree of objects: qom-list, qom-get, qom-set.
 *
 * There is no such tree here; these are the paths that managers of QEMU use:
 *
 *   /machine/peripheral/ID       a device that the user gave an id
 *   /machine/unattached/ID       the others, by the names they were given here
 *   /machine/cpu[N]              a vCPU
 *   /objects/ID                  what -object makes
 *   /chardevs/ID                 character devices
 *
 * A short path is a name that is unique below / ("peripheral"), as QEMU has it for /machine's children.
 */
#include "softmmu/base/error.h"
#include "softmmu/objects.h"
#include "ui/qmp-internal.h"
#include <string.h>

typedef enum QomKind {
    QOM_ROOT,
    QOM_MACHINE,
    QOM_PERIPHERAL,
    QOM_UNATTACHED,
    QOM_OBJECTS,
    QOM_CHARDEVS,
    QOM_DEVICE,
    QOM_CPU,
    QOM_OBJECT,
    QOM_CHARDEV,
} QomKind;

static const char *const containers[] = {
    [QOM_ROOT] = "/",
    [QOM_MACHINE] = "/machine",
    [QOM_PERIPHERAL] = "/machine/peripheral",
    [QOM_UNATTACHED] = "/machine/unattached",
    [QOM_OBJECTS] = "/objects",
    [QOM_CHARDEVS] = "/chardevs",
};

typedef struct QomNode {
    QomKind kind;
    Device *dev;
    Vcpu *vcpu;
    UserObject *object;
    Chardev *chr;
} QomNode;

static Device *find_device(Machine *machine, const char *id, bool peripheral)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = machine->devices->pdata[i];
        if (device_is_named(dev) == peripheral && !strcmp(dev->id, id)) {
            return dev;
        }
    }
    return NULL;
}

/* What follows "@container/" in @path; NULL: it is not there. */
static const char *below(const char *path, QomKind container)
{
    size_t len = strlen(containers[container]);
    return g_str_has_prefix(path, containers[container]) && path[len] == '/' ? path + len + 1
                                                                             : NULL;
}

static bool find_leaf(Machine *machine, const char *path, QomNode *node)
{
    const char *id;
    if ((id = below(path, QOM_PERIPHERAL)) != NULL) {
        *node = (QomNode){.kind = QOM_DEVICE, .dev = find_device(machine, id, true)};
        return node->dev;
    }
    if ((id = below(path, QOM_UNATTACHED)) != NULL) {
        *node = (QomNode){.kind = QOM_DEVICE, .dev = find_device(machine, id, false)};
        return node->dev;
    }
    if ((id = below(path, QOM_CHARDEVS)) != NULL) {
        *node = (QomNode){.kind = QOM_CHARDEV, .chr = machine_find_chardev(machine, id)};
        return node->chr;
    }
    if ((id = below(path, QOM_OBJECTS)) != NULL) {
        *node = (QomNode){.kind = QOM_OBJECT};
        for (unsigned i = 0; (node->object = object_nth(machine, i)) != NULL; i++) {
            if (!strcmp(object_id(node->object), id)) {
                return true;
            }
        }
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        char *name = g_strdup_printf("/machine/cpu[%u]", i);
        bool same = !strcmp(name, path);
        g_free(name);
        if (same) {
            *node = (QomNode){.kind = QOM_CPU, .vcpu = machine->cpus[i]};
            return true;
        }
    }
    return false;
}

static bool find_node(Machine *machine, const char *path, QomNode *node, GError **error)
{
    for (unsigned i = 0; i < ARRAY_SIZE(containers); i++) {
        if (!strcmp(path, containers[i])) {
            *node = (QomNode){.kind = i};
            return true;
        }
    }
    if (find_leaf(machine, path, node)) {
        return true;
    }
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "Device '%.128s' not found", path);
    return false;
}

static char *type_of(Machine *machine, const QomNode *node)
{
    switch (node->kind) {
    case QOM_MACHINE: return g_strdup_printf("%s-machine", machine->cls->name);
    case QOM_DEVICE: return g_strdup(node->dev->ops->name);
    case QOM_CPU: return g_strdup_printf("%s-cpu", node->vcpu->arch->name);
    case QOM_OBJECT: return g_strdup(object_type(node->object));
    case QOM_CHARDEV: return g_strdup_printf("chardev-%s", node->chr->ops->name);
    default: return g_strdup("container");
    }
}

/*
 * qom-list.
 */

static void add_entry(JsonArray *array, const char *name, const char *type)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "name", name);
    json_object_set_string_member(object, "type", type);
    json_array_add_object_element(array, object);
}

static void add_child(JsonArray *array, const char *name, const char *type)
{
    char *child = g_strdup_printf("child<%s>", type);
    add_entry(array, name, child);
    g_free(child);
}

static void add_devices(Machine *machine, JsonArray *array, bool peripheral)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        const Device *dev = machine->devices->pdata[i];
        if (device_is_named(dev) == peripheral) {
            add_child(array, dev->id, dev->ops->name);
        }
    }
}

static void add_cpus(Machine *machine, JsonArray *array)
{
    for (unsigned i = 0; i < machine->ncpus; i++) {
        char *name = g_strdup_printf("cpu[%u]", i);
        char *type = g_strdup_printf("%s-cpu", machine->cpus[i]->arch->name);
        add_child(array, name, type);
        g_free(type);
        g_free(name);
    }
}

static void add_objects(Machine *machine, JsonArray *array)
{
    const UserObject *object;
    for (unsigned i = 0; (object = object_nth(machine, i)) != NULL; i++) {
        add_child(array, object_id(object), object_type(object));
    }
}

static void add_chardevs(Machine *machine, JsonArray *array)
{
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        const Chardev *chr = machine->chardevs->pdata[i];
        char *type = g_strdup_printf("chardev-%s", chr->ops->name);
        add_child(array, chr->id, type);
        g_free(type);
    }
}

static bool is_balloon(Machine *machine, const QomNode *node, BalloonInfo *info)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    return node->kind == QOM_DEVICE && hooks->balloon_info &&
           hooks->balloon_info(machine, info, NULL) && !strcmp(info->id, node->dev->id);
}

static void add_own(Machine *machine, const QomNode *node, JsonArray *array)
{
    Property property;
    BalloonInfo info;
    if (node->kind == QOM_OBJECT) {
        for (unsigned n = 0; object_property_nth(object_type(node->object), n, &property); n++) {
            add_entry(array, property.name, property.kind);
        }
    } else if (is_balloon(machine, node, &info)) {
        add_entry(array, "guest-stats", "guest statistics");
        add_entry(array, "guest-stats-polling-interval", "int");
    }
}

JsonNode *qmp_qom_list(Machine *machine, JsonObject *args, GError **error)
{
    QomNode node;
    if (!find_node(machine, qmp_get_string(args, "path", ""), &node, error)) {
        return NULL;
    }
    JsonArray *array = json_array_new();
    add_entry(array, "type", "string");
    switch (node.kind) {
    case QOM_ROOT:
        add_child(array, "machine", "machine");
        add_child(array, "objects", "container");
        add_child(array, "chardevs", "container");
        break;
    case QOM_MACHINE:
        add_child(array, "peripheral", "container");
        add_child(array, "unattached", "container");
        add_cpus(machine, array);
        break;
    case QOM_PERIPHERAL: add_devices(machine, array, true); break;
    case QOM_UNATTACHED: add_devices(machine, array, false); break;
    case QOM_OBJECTS: add_objects(machine, array); break;
    case QOM_CHARDEVS: add_chardevs(machine, array); break;
    default: add_own(machine, &node, array); break;
    }
    return qmp_node_array(array);
}

/*
 * qom-get and qom-set.
 */

static JsonNode *guest_stats(const BalloonInfo *info)
{
    static const char *const names[] = {
        "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
        "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
        "stat-htlb-pgalloc", "stat-htlb-pgfail",
    };
    JsonObject *object = json_object_new(), *stats = json_object_new();
    for (unsigned i = 0; i < BALLOON_STATS; i++) {
        json_object_set_int_member(stats, names[i], info->stats[i]);
    }
    json_object_set_object_member(object, "stats", stats);
    json_object_set_int_member(object, "last-update", info->last_update);
    return qmp_node_object(object);
}

static JsonNode *string_node(const char *text)
{
    return json_node_init_string(json_node_alloc(), text);
}

static JsonNode *object_value(const UserObject *object, const char *name)
{
    const char *value = object_get(object, name);
    if (!strcmp(object_type(object), "secret") || !value) {
        return NULL; /* secrets stay secret */
    }
    if (!strcmp(name, "size")) {
        return json_node_init_int(json_node_alloc(), object_memory_size(object));
    }
    bool is_switch = !strcmp(value, "on") || !strcmp(value, "off");
    return is_switch ? json_node_init_boolean(json_node_alloc(), !strcmp(value, "on"))
                     : string_node(value);
}

JsonNode *qmp_qom_get(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = qmp_get_string(args, "property", "");
    JsonNode *value = NULL;
    QomNode node;
    BalloonInfo info;

    if (!find_node(machine, qmp_get_string(args, "path", ""), &node, error)) {
        return NULL;
    }
    if (!strcmp(name, "type")) {
        char *type = type_of(machine, &node);
        value = string_node(type);
        g_free(type);
    } else if (node.kind == QOM_OBJECT) {
        value = object_value(node.object, name);
    } else if (!strcmp(name, "guest-stats") && is_balloon(machine, &node, &info)) {
        value = guest_stats(&info);
    } else if (!strcmp(name, "guest-stats-polling-interval") && is_balloon(machine, &node, &info)) {
        value = json_node_init_int(json_node_alloc(), info.interval);
    }
    if (!value) {
        error_set(error, "Property '%.64s' not found", name);
    }
    return value;
}

JsonNode *qmp_qom_set(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = qmp_get_string(args, "property", "");
    JsonNode *value = json_object_get_member(args, "value");
    QomNode node;
    BalloonInfo info;

    if (!find_node(machine, qmp_get_string(args, "path", ""), &node, error)) {
        return NULL;
    }
    if (strcmp(name, "guest-stats-polling-interval") != 0 || !is_balloon(machine, &node, &info)) {
        error_set(error, "Property '%.64s' not found", name);
    } else if (!JSON_NODE_HOLDS_VALUE(value) || json_node_get_value_type(value) != G_TYPE_INT64 ||
               json_node_get_int(value) < 0 || json_node_get_int(value) > UINT32_MAX) {
        error_set(error, "guest-stats-polling-interval is a number of seconds");
    } else {
        qmp_hooks(machine)->balloon_set_interval(machine, json_node_get_int(value), error);
    }
    return NULL;
}
