/*
 * QMP commands about the memory balloon: its size. Its statistics are in qmp-qom.c.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"

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
