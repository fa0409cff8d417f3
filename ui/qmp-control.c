/*
 * QMP commands that act on the machine.
 */
#include "softmmu/base/error.h"
#include "ui/qmp-internal.h"
#include <string.h>

static bool at_its_end(const Machine *machine)
{
    return machine->state == RUN_STATE_SHUTDOWN || machine->state == RUN_STATE_INTERNAL_ERROR;
}

JsonNode *qmp_cont(Machine *machine, JsonObject *args, GError **error)
{
    if (at_its_end(machine)) {
        error_set(error, "the guest is at its end: system_reset is required before cont");
        return NULL;
    }
    machine_start(machine);
    return NULL;
}

JsonNode *qmp_stop(Machine *machine, JsonObject *args, GError **error)
{
    if (machine->state == RUN_STATE_RUNNING) {
        machine_stop(machine, RUN_STATE_PAUSED);
    }
    return NULL;
}

JsonNode *qmp_system_reset(Machine *machine, JsonObject *args, GError **error)
{
    if (at_its_end(machine)) {
        machine_stop(machine, RUN_STATE_PAUSED); /* cont is possible again */
    }
    machine_request_reset(machine);
    return NULL;
}

JsonNode *qmp_system_powerdown(Machine *machine, JsonObject *args, GError **error)
{
    if (!machine->power_button.fn) {
        error_set(error,
                  "machine '%s' has no power button; start it with -device virtio-keyboard-pci, "
                  "which has a power key, or use quit",
                  machine->cls->name);
        return NULL;
    }
    machine_powerdown(machine);
    return NULL;
}

JsonNode *qmp_quit(Machine *machine, JsonObject *args, GError **error)
{
    machine_request_quit(machine, 0);
    return NULL;
}

/*
 * Migration. There is none, but managers set the one capability that is there before they start a guest: events
 * about what migrations do.
 */

#define EVENTS "events"

JsonNode *qmp_query_migrate_capabilities(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    JsonObject *object = json_object_new();
    json_object_set_boolean_member(object, "state", machine->migration_events);
    json_object_set_string_member(object, "capability", EVENTS);
    json_array_add_object_element(array, object);
    return qmp_node_array(array);
}

JsonNode *qmp_migrate_set_capabilities(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *list = json_object_get_array_member(args, "capabilities");
    for (unsigned i = 0; i < json_array_get_length(list); i++) {
        const char *name = qmp_get_string(json_array_get_object_element(list, i), "capability", "");
        if (strcmp(name, EVENTS) != 0) {
            error_set(error, "Parameter 'capability' does not accept value '%.64s'", name);
            return NULL;
        }
    }
    for (unsigned i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);
        machine->migration_events = json_object_get_boolean_member(entry, "state");
    }
    return NULL;
}

JsonNode *qmp_system_wakeup(Machine *machine, JsonObject *args, GError **error)
{
    error_set(error, "wake-up from suspend is not supported by this guest");
    return NULL;
}

/* What is done at a reset or the guest's end; from now on. */
JsonNode *qmp_set_action(Machine *machine, JsonObject *args, GError **error)
{
    const char *reboot = qmp_get_string(args, "reboot", NULL);
    const char *shutdown = qmp_get_string(args, "shutdown", NULL);
    if (reboot && strcmp(reboot, "reset") != 0 && strcmp(reboot, "shutdown") != 0) {
        error_set(error, "Parameter 'reboot' does not accept value '%.64s'", reboot);
    } else if (shutdown && strcmp(shutdown, "poweroff") != 0 && strcmp(shutdown, "pause") != 0) {
        error_set(error, "Parameter 'shutdown' does not accept value '%.64s'", shutdown);
    } else {
        machine->config.no_reboot =
            reboot ? !strcmp(reboot, "shutdown") : machine->config.no_reboot;
        machine->config.no_shutdown =
            shutdown ? !strcmp(shutdown, "pause") : machine->config.no_shutdown;
    }
    return NULL;
}

JsonNode *qmp_human_monitor_command(Machine *machine, JsonObject *args, GError **error)
{
    int64_t cpu = json_object_get_int_member_with_default(args, "cpu-index", 0);
    if (cpu < 0 || (cpu > 0 && cpu >= machine->ncpus)) {
        error_set(error, "there is no CPU %" G_GINT64_FORMAT, cpu);
        return NULL;
    }
    GString *text = g_string_new(NULL);
    monitor_run_text_on(machine, cpu, qmp_get_string(args, "command-line", ""), text);
    g_string_replace(text, "\n", "\r\n", 0);
    char *valid = g_utf8_make_valid(text->str, -1); /* it may quote what somebody else wrote */
    JsonNode *node = json_node_init_string(json_node_alloc(), valid);
    g_string_free(text, true);
    g_free(valid);
    return node;
}
