/*
 * What QMP's commands share.
 *
 * A command is a row of a const table (qmp-table.c): its name, the types of its arguments and of its
 * result, and a function. The types are written in a small notation from which both the check of
 * arguments and the answer of query-qmp-schema come (qmp-schema.c):
 *
 *   str int number bool any      plain values
 *   [TYPE]                       an array
 *   {a:TYPE,b?:TYPE}             an object; "?" marks members that may be missing
 *   {a:TYPE,*?:any}              one that may have others, too, which the command checks
 */
#ifndef AMPHI_UI_QMP_INTERNAL_H
#define AMPHI_UI_QMP_INTERNAL_H

#include "softmmu/base/bits.h"
#include "ui/monitor.h"
#include "ui/qmp.h"
#include <json-glib/json-glib.h>

#define QMP_ERROR qmp_error_quark()

/* QMP's classes of errors. An error of another domain is a GenericError, except AMPHI_ERROR_NOT_FOUND,
 * which is a DeviceNotFound. */
typedef enum QmpErrorClass {
    QMP_ERROR_GENERIC,
    QMP_ERROR_COMMAND_NOT_FOUND,
    QMP_ERROR_DEVICE_NOT_FOUND,
} QmpErrorClass;

GQuark qmp_error_quark(void);

typedef struct QmpCommand {
    const char *name;
    const char *args;   /* an object type; its members have been checked when run() is called */
    const char *result; /* NULL: an empty object */
    /* Returns the result, NULL with @error on failure. If the table says that there is none, NULL
     * without @error is success. NULL: the session does it itself. */
    JsonNode *(*run)(Machine *machine, JsonObject *args, GError **error);
    /* The same for what came with a file descriptor, over @chr. Instead of run(). */
    JsonNode *(*run_with_fds)(Machine *machine, Chardev *chr, JsonObject *args, GError **error);
} QmpCommand;

typedef struct QmpEvent {
    const char *name;
    const char *data; /* an object type; NULL: none */
} QmpEvent;

extern const QmpCommand qmp_commands[]; /* ends with a NULL name */
extern const QmpEvent qmp_events[MACHINE_EVENTS];

/* The command called @name; NULL with @error, naming the nearest, if there is none. */
const QmpCommand *qmp_find_command(const char *name, GError **error);

/* Checks @args against the object type @type. */
bool qmp_check_args(const char *type, JsonObject *args, GError **error);

/* Whether @node has type @type: for tests of results. */
bool qmp_matches(const char *type, JsonNode *node);

/* The hooks; never NULL. */
const MonitorHooks *qmp_hooks(Machine *machine);

/* The version as query-version and the greeting show it. */
JsonObject *qmp_version(Machine *machine);

/* An object or array as a node, which takes it over. */
JsonNode *qmp_node_object(JsonObject *object);
JsonNode *qmp_node_array(JsonArray *array);

/* The member @name of @args, or @fallback. */
const char *qmp_get_string(JsonObject *args, const char *name, const char *fallback);

/* qmp-schema.c */
JsonNode *qmp_query_qmp_schema(Machine *machine, JsonObject *args, GError **error);

/* qmp-balloon.c */
JsonNode *qmp_balloon(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_balloon(Machine *machine, JsonObject *args, GError **error);

/* qmp-input.c */
JsonNode *qmp_input_send_event(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_mice(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_screendump(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_send_key(Machine *machine, JsonObject *args, GError **error);

/* qmp-objects.c: what is made and removed */
JsonNode *qmp_chardev_add(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_chardev_remove(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_ringbuf_read(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_device_add(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_device_del(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_netdev_add(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_netdev_del(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_object_add(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_object_del(Machine *machine, JsonObject *args, GError **error);

/* qmp-fds.c */
JsonNode *qmp_add_fd(Machine *machine, Chardev *chr, JsonObject *args, GError **error);
JsonNode *qmp_getfd(Machine *machine, Chardev *chr, JsonObject *args, GError **error);
JsonNode *qmp_closefd(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_fdsets(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_remove_fd(Machine *machine, JsonObject *args, GError **error);

/* qmp-qom.c */
JsonNode *qmp_qom_get(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_qom_list(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_qom_set(Machine *machine, JsonObject *args, GError **error);

/* qmp-control.c */
JsonNode *qmp_migrate_set_capabilities(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_migrate_capabilities(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_set_action(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_system_wakeup(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_cont(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_human_monitor_command(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_quit(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_stop(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_system_powerdown(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_system_reset(Machine *machine, JsonObject *args, GError **error);

/* qmp-block.c */
JsonNode *qmp_block_resize(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_blockdev_add(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_blockdev_del(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_eject(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_block(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_blockstats(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_named_block_nodes(Machine *machine, JsonObject *args, GError **error);

/* qmp-query.c */
JsonNode *qmp_query_current_machine(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_hotpluggable_cpus(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_memdev(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_memory_devices(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_pci(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_chardev(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_chardev_backends(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_cpus_fast(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_iothreads(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_kvm(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_memory_size_summary(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_name(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_status(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_target(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_uuid(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_version(Machine *machine, JsonObject *args, GError **error);

/* qmp-types.c: what there is to make machines of */
JsonNode *qmp_device_list_properties(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_qom_list_properties(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_qom_list_types(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_command_line_options(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_commands(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_cpu_definitions(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_cpu_model_expansion(Machine *machine, JsonObject *args, GError **error);
JsonNode *qmp_query_machines(Machine *machine, JsonObject *args, GError **error);

#endif
