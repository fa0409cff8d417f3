/*
 * QMP commands that say how this machine is.
 */
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "ui/chardev.h"
#include "ui/qmp-internal.h"
#include <string.h>

/* The release of QEMU whose protocol and command line this is. What manages QEMU goes by it: libvirt
 * wants at least this one. */
enum { QEMU_MAJOR = 7, QEMU_MINOR = 2, QEMU_MICRO = 0 };

JsonObject *qmp_version(Machine *machine)
{
    const char *version = qmp_hooks(machine)->version;
    JsonObject *object = json_object_new(), *qemu = json_object_new();
    char *package = g_strdup_printf("amphi-%s", version ? version : "unknown");
    json_object_set_int_member(qemu, "major", QEMU_MAJOR);
    json_object_set_int_member(qemu, "minor", QEMU_MINOR);
    json_object_set_int_member(qemu, "micro", QEMU_MICRO);
    json_object_set_object_member(object, "qemu", qemu);
    json_object_set_string_member(object, "package", package);
    g_free(package);
    return object;
}

JsonNode *qmp_query_version(Machine *machine, JsonObject *args, GError **error)
{
    return qmp_node_object(qmp_version(machine));
}

JsonNode *qmp_query_status(Machine *machine, JsonObject *args, GError **error)
{
    static const char *const names[] = {
        [RUN_STATE_PRELAUNCH] = "prelaunch",
        [RUN_STATE_RUNNING] = "running",
        [RUN_STATE_PAUSED] = "paused",
        [RUN_STATE_SHUTDOWN] = "shutdown",
        [RUN_STATE_INTERNAL_ERROR] = "internal-error",
        [RUN_STATE_IO_ERROR] = "io-error",
        [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    };
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "status", names[machine->state]);
    json_object_set_boolean_member(object, "singlestep", false);
    json_object_set_boolean_member(object, "running", machine->state == RUN_STATE_RUNNING);
    return qmp_node_object(object);
}

JsonNode *qmp_query_name(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object = json_object_new();
    if (machine->config.name) {
        json_object_set_string_member(object, "name", machine->config.name);
    }
    return qmp_node_object(object);
}

JsonNode *qmp_query_uuid(Machine *machine, JsonObject *args, GError **error)
{
    const char *uuid = machine->config.uuid;
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "UUID",
                                  uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return qmp_node_object(object);
}

JsonNode *qmp_query_target(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "arch",
                                  machine->cls->arch ? machine->cls->arch->name : "none");
    return qmp_node_object(object);
}

/* There is no engine "kvm" yet. */
JsonNode *qmp_query_kvm(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object = json_object_new();
    json_object_set_boolean_member(object, "enabled", false);
    json_object_set_boolean_member(object, "present", false);
    return qmp_node_object(object);
}

JsonNode *qmp_query_memory_size_summary(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object = json_object_new();
    json_object_set_int_member(object, "base-memory", machine->config.ram_size);
    return qmp_node_object(object);
}

/* Whoever asks wants to place the threads, so they are made now, parked, if they were not before. */
JsonNode *qmp_query_cpus_fast(Machine *machine, JsonObject *args, GError **error)
{
    if (!cpus_start_threads(machine)) {
        error_set(error, "the host refuses threads for the CPUs");
        return NULL;
    }
    JsonArray *array = json_array_new();
    for (unsigned i = 0; i < machine->ncpus; i++) {
        const Vcpu *vcpu = machine->cpus[i];
        char *path = g_strdup_printf("/machine/cpu[%u]", i);
        JsonObject *object = json_object_new(), *props = json_object_new();
        json_object_set_int_member(props, "core-id", i);
        json_object_set_int_member(object, "cpu-index", i);
        json_object_set_string_member(object, "qom-path", path);
        json_object_set_int_member(object, "thread-id", vcpu_thread_id(vcpu));
        json_object_set_string_member(object, "target", vcpu->arch->name);
        json_object_set_object_member(object, "props", props);
        json_array_add_object_element(array, object);
        g_free(path);
    }
    return qmp_node_array(array);
}

JsonNode *qmp_query_iothreads(Machine *machine, JsonObject *args, GError **error)
{
    return qmp_node_array(json_array_new());
}

JsonNode *qmp_query_chardev(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        const Chardev *chr = machine->chardevs->pdata[i];
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "label", chr->id);
        json_object_set_string_member(object, "filename", chr->label);
        json_object_set_boolean_member(object, "frontend-open", chr->handlers != NULL);
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}

JsonNode *qmp_query_chardev_backends(Machine *machine, JsonObject *args, GError **error)
{
    const char *name;
    JsonArray *array = json_array_new();
    for (unsigned i = 0; (name = chardev_backend_nth(i)) != NULL; i++) {
        JsonObject *object = json_object_new();
        json_object_set_string_member(object, "name", name);
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}
