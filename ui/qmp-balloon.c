/*
 * QMP commands about the memory balloon: its size, and its statistics, which are properties of its object. No
 * other object has properties that can be asked for.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"
#include <string.h>

#define PATH_PREFIX "/machine/peripheral/"

static bool balloon_info(Machine *machine, BalloonInfo *info, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);

    return hooks->balloon_info ? hooks->balloon_info(machine, info, error)
                               : error_set(error, "this machine can have no balloon");
}

JsonNode *qmp_balloon(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    int64_t value = json_object_get_int_member(args, "value");
    BalloonInfo info;

    if (!balloon_info(machine, &info, error)) {
        return NULL;
    }
    hooks->balloon_set_target(machine, MAX(value, 0), error);
    return NULL;
}

JsonNode *qmp_query_balloon(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object;
    BalloonInfo info;

    if (!balloon_info(machine, &info, error)) {
        return NULL;
    }
    object = json_object_new();
    json_object_set_int_member(object, "actual", info.actual);
    return qmp_node_object(object);
}

/* The object at @path, which must be the balloon. */
static bool find_object(Machine *machine, JsonObject *args, BalloonInfo *info, GError **error)
{
    const char *path = json_object_get_string_member(args, "path");

    if (!balloon_info(machine, info, NULL) || !g_str_has_prefix(path, PATH_PREFIX) ||
        strcmp(path + strlen(PATH_PREFIX), info->id) != 0) {
        g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_NOT_FOUND,
                    "device '%s' not found; a balloon with id=ID is " PATH_PREFIX "ID", path);
        return false;
    }
    return true;
}

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

static bool no_property(const char *name, GError **error)
{
    return error_set(error,
                     "property '%s' not found; there are guest-stats and "
                     "guest-stats-polling-interval",
                     name);
}

JsonNode *qmp_qom_get(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "property");
    BalloonInfo info;

    if (!find_object(machine, args, &info, error)) {
        return NULL;
    }
    if (!strcmp(name, "guest-stats")) {
        return guest_stats(&info);
    }
    if (!strcmp(name, "guest-stats-polling-interval")) {
        JsonNode *node = json_node_new(JSON_NODE_VALUE);

        json_node_set_int(node, info.interval);
        return node;
    }
    no_property(name, error);
    return NULL;
}

JsonNode *qmp_qom_set(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = json_object_get_string_member(args, "property");
    JsonNode *value = json_object_get_member(args, "value");
    BalloonInfo info;

    if (!find_object(machine, args, &info, error)) {
        return NULL;
    }
    if (strcmp(name, "guest-stats-polling-interval") != 0) {
        no_property(name, error);
    } else if (json_node_get_value_type(value) != G_TYPE_INT64 || json_node_get_int(value) < 0 ||
               json_node_get_int(value) > UINT32_MAX) {
        error_set(error, "guest-stats-polling-interval is a number of seconds");
    } else {
        qmp_hooks(machine)->balloon_set_interval(machine, json_node_get_int(value), error);
    }
    return NULL;
}
