/*
 * Monitor commands that make and remove parts: objects, networks, devices.
 */
#include "softmmu/base/error.h"
#include "softmmu/objects.h"
#include "ui/monitor-internal.h"

/* Shows @error, if it is set. */
static void show_error(Monitor *mon, GError *error)
{
    if (error) {
        monitor_error(mon, error);
    }
}

void hmp_object_add(Monitor *mon, char *args)
{
    GError *error = NULL;
    Options *opts = options_parse("object_add", args, "qom-type", &error);
    if (opts) {
        object_add(monitor_machine(mon), opts, &error);
        options_free(opts);
    }
    show_error(mon, error);
}

void hmp_object_del(Monitor *mon, char *args)
{
    GError *error = NULL;
    object_remove(monitor_machine(mon), args, &error);
    show_error(mon, error);
}

void hmp_netdev_add(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    Options *opts = options_parse("netdev_add", args, "type", &error);
    if (opts && !options_get(opts, "id", NULL)) {
        error_set(&error, "netdev_add: id=ID is missing");
    } else if (opts && hooks->netdev_add) {
        hooks->netdev_add(monitor_machine(mon), opts, &error);
        opts = NULL;
    } else if (opts) {
        error_set(&error, "this machine has no networks");
    }
    options_free(opts);
    show_error(mon, error);
}

void hmp_netdev_del(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    if (hooks->netdev_remove) {
        hooks->netdev_remove(monitor_machine(mon), args, &error);
    } else {
        error_set(&error, "Device '%s' not found", args);
    }
    show_error(mon, error);
}

void hmp_device_add(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    Options *opts = options_parse("device_add", args, "driver", &error);
    if (opts && hooks->device_add) {
        hooks->device_add(monitor_machine(mon), opts, &error);
    } else if (opts) {
        error_set(&error, "this machine has no devices to add");
    }
    options_free(opts);
    show_error(mon, error);
}

void hmp_device_del(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    if (hooks->device_remove) {
        hooks->device_remove(monitor_machine(mon), args, &error);
    } else {
        error_set(&error, "Device '%s' not found", args);
    }
    show_error(mon, error);
}
