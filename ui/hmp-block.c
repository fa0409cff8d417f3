/*
 * Monitor commands that act on disks.
 */
#include "softmmu/base/error.h"
#include "ui/monitor-internal.h"
#include <string.h>

void hmp_block_resize(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    char *name = hmp_next_word(&args), *size = name ? hmp_next_word(&args) : NULL;
    Options *opts = options_parse("block_resize", "", NULL, NULL);
    GError *error = NULL;
    uint64_t bytes = 0;

    if (!size) {
        error_set(&error, "block_resize takes a drive and a size");
    } else if (!hooks->block_resize) {
        error_set(&error, "this machine has no disks");
    } else {
        options_add(opts, "size", size);
        if (options_get_size(opts, "size", MIB, &bytes, &error)) {
            hooks->block_resize(monitor_machine(mon), name, bytes, &error);
        }
    }
    if (error) {
        monitor_error(mon, error);
    }
    options_free(opts);
}

void hmp_eject(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    char *name = hmp_next_word(&args);
    MonitorBlock block;

    for (unsigned i = 0;
         name && hooks->block_nth && hooks->block_nth(monitor_machine(mon), i, &block); i++) {
        if (!strcmp(name, block.id) || !g_strcmp0(name, block.user)) {
            monitor_printf(mon, "Error: device '%s' is not removable\n", name);
            return;
        }
    }
    monitor_puts(mon, name ? "Error: there is no such drive\n" : "Error: eject takes a drive\n");
}
