/*
 * QMP commands that say how this machine is.
 */
#include "softmmu/base/error.h"
#include "softmmu/cpus.h"
#include "softmmu/objects.h"
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

JsonNode *qmp_query_kvm(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    bool enabled = false, present = hooks->kvm && hooks->kvm(machine, &enabled);
    JsonObject *object = json_object_new();
    json_object_set_boolean_member(object, "enabled", enabled);
    json_object_set_boolean_member(object, "present", present);
    return qmp_node_object(object);
}

/* No machine here can sleep. */
JsonNode *qmp_query_current_machine(Machine *machine, JsonObject *args, GError **error)
{
    JsonObject *object = json_object_new();
    json_object_set_boolean_member(object, "wakeup-suspend-support", false);
    return qmp_node_object(object);
}

JsonNode *qmp_query_hotpluggable_cpus(Machine *machine, JsonObject *args, GError **error)
{
    error_set(error, "machine does not support hot-plugging CPUs");
    return NULL;
}

/* Memory that can be plugged in: none. */
JsonNode *qmp_query_memory_devices(Machine *machine, JsonObject *args, GError **error)
{
    return qmp_node_array(json_array_new());
}

JsonNode *qmp_query_memdev(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    const UserObject *object;
    for (unsigned i = 0; (object = object_nth(machine, i)) != NULL; i++) {
        if (!g_str_has_prefix(object_type(object), "memory-backend-")) {
            continue;
        }
        const RamBacking *backing = object_memory_backing(object);
        JsonObject *entry = json_object_new();
        json_object_set_string_member(entry, "id", object_id(object));
        json_object_set_int_member(entry, "size", object_memory_size(object));
        json_object_set_boolean_member(entry, "merge", false);
        json_object_set_boolean_member(entry, "dump", !machine->config.dont_dump);
        json_object_set_boolean_member(entry, "prealloc", backing->prealloc);
        json_object_set_boolean_member(entry, "share", backing->share);
        json_array_add_object_element(array, entry);
    }
    return qmp_node_array(array);
}

static JsonArray *pci_regions(const MonitorPci *pci)
{
    JsonArray *array = json_array_new();
    for (unsigned i = 0; i < ARRAY_SIZE(pci->bars); i++) {
        const MonitorPciBar *bar = &pci->bars[i];
        if (!bar->size) {
            continue;
        }
        JsonObject *object = json_object_new();
        json_object_set_int_member(object, "bar", i);
        json_object_set_string_member(object, "type", bar->io ? "io" : "memory");
        json_object_set_int_member(object, "address", bar->address);
        json_object_set_int_member(object, "size", bar->size);
        if (!bar->io) {
            json_object_set_boolean_member(object, "prefetch", bar->prefetch);
            json_object_set_boolean_member(object, "mem_type_64", bar->is_64bit);
        }
        json_array_add_object_element(array, object);
    }
    return array;
}

static JsonObject *pci_function(const MonitorPci *pci)
{
    JsonObject *object = json_object_new(), *id = json_object_new();
    JsonObject *class_info = json_object_new();
    json_object_set_int_member(object, "bus", pci->bus);
    json_object_set_int_member(object, "slot", pci->devfn >> 3);
    json_object_set_int_member(object, "function", pci->devfn & 7);
    json_object_set_string_member(object, "qdev_id", pci->id);
    json_object_set_int_member(class_info, "class", pci->class_code);
    json_object_set_object_member(object, "class_info", class_info);
    json_object_set_int_member(id, "vendor", pci->vendor);
    json_object_set_int_member(id, "device", pci->device);
    json_object_set_object_member(object, "id", id);
    if (pci->irq_pin) {
        json_object_set_int_member(object, "irq", pci->irq);
    }
    json_object_set_int_member(object, "irq_pin", pci->irq_pin);
    json_object_set_array_member(object, "regions", pci_regions(pci));
    return object;
}

/* Functions come bus by bus. */
JsonNode *qmp_query_pci(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    JsonArray *buses = json_array_new(), *devices = NULL;
    MonitorPci pci;
    int bus = -1;
    for (unsigned i = 0; hooks->pci_nth && hooks->pci_nth(machine, i, &pci); i++) {
        if (pci.bus != bus) {
            JsonObject *object = json_object_new();
            devices = json_array_new();
            bus = pci.bus;
            json_object_set_int_member(object, "bus", bus);
            json_object_set_array_member(object, "devices", devices);
            json_array_add_object_element(buses, object);
        }
        json_array_add_object_element(devices, pci_function(&pci));
    }
    return qmp_node_array(buses);
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
