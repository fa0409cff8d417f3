/*
 * Monitor commands that act on the machine.
 */
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "ui/gdb.h"
#include "ui/monitor-internal.h"
#include <string.h>

void hmp_cont(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    if (machine->state == RUN_STATE_SHUTDOWN || machine->state == RUN_STATE_INTERNAL_ERROR) {
        monitor_puts(mon, "Error: the guest is at its end; use system_reset first\n");
        return;
    }
    machine_start(machine);
}

void hmp_balloon(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    GError *error = NULL;
    char *end;
    uint64_t mib = g_ascii_strtoull(args, &end, 10);
    if (!g_ascii_isdigit(*args) || *end || mib > UINT64_MAX / MIB) {
        monitor_puts(mon, "Error: balloon takes a number of MiB\n");
    } else if (!hooks->balloon_set_target) {
        monitor_puts(mon, "Error: this machine can have no balloon\n");
    } else if (!hooks->balloon_set_target(monitor_machine(mon), mib * MIB, &error)) {
        monitor_error(mon, error);
    }
}

void hmp_stop(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    if (machine->state == RUN_STATE_RUNNING) {
        machine_stop(machine, RUN_STATE_PAUSED);
    }
}

void hmp_quit(Monitor *mon, char *args)
{
    machine_request_quit(monitor_machine(mon), 0);
}

void hmp_system_reset(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    if (machine->state == RUN_STATE_SHUTDOWN || machine->state == RUN_STATE_INTERNAL_ERROR) {
        machine_stop(machine, RUN_STATE_PAUSED); /* cont is possible again */
    }
    machine_request_reset(machine);
}

void hmp_system_powerdown(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    if (!machine->power_button.fn) {
        monitor_puts(mon, "Error: this machine has no power button; start it with -device "
                          "virtio-keyboard-pci, which has a power key, or use quit\n");
        return;
    }
    machine_powerdown(machine);
}

bool hmp_parse_cpu(Monitor *mon, const char *text, unsigned *index)
{
    char *end;
    uint64_t n = g_ascii_strtoull(text, &end, 10);
    unsigned ncpus = monitor_machine(mon)->ncpus;
    if (!g_ascii_isdigit(*text) || *end || n >= ncpus) {
        monitor_printf(mon, "invalid CPU index '%s'; there are %u from 0 up\n", text, ncpus);
        return false;
    }
    *index = n;
    return true;
}

void hmp_cpu(Monitor *mon, char *args)
{
    unsigned index;
    if (hmp_parse_cpu(mon, args, &index)) {
        monitor_set_cpu(mon, index);
    }
}

static void show_engines(Monitor *mon)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    Machine *machine = monitor_machine(mon);
    for (unsigned i = 0; hooks->accel_name && i < machine->ncpus; i++) {
        const char *name = hooks->accel_name(machine->cpus[i]);
        monitor_printf(mon, "CPU #%u: %s\n", i, name ? name : "none");
    }
    if (hooks->accel_help) {
        GString *text = g_string_new(NULL);
        hooks->accel_help(text);
        monitor_puts(mon, text->str);
        g_string_free(text, true);
    }
}

void hmp_accel(Monitor *mon, char *args)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    char *name = hmp_next_word(&args), *cpu = hmp_next_word(&args);
    unsigned index = 0;
    GError *error = NULL;
    if (!name) {
        show_engines(mon);
    } else if (!hooks->accel_switch) {
        monitor_puts(mon, "Error: this machine has no engines to switch between\n");
    } else if ((!cpu || hmp_parse_cpu(mon, cpu, &index)) &&
               !hooks->accel_switch(monitor_machine(mon), name, cpu ? (int)index : -1, &error)) {
        monitor_error(mon, error);
    }
}

static void forward(Monitor *mon, char *args, bool remove)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    char *first = hmp_next_word(&args), *second = hmp_next_word(&args);
    GError *error = NULL;
    if (!first) {
        monitor_printf(mon, "Error: a rule is missing, such as tcp::2222%s\n",
                       remove ? "" : "-:22");
    } else if (!hooks->forward) {
        monitor_puts(mon, "Error: this machine has no networks\n");
    } else if (!hooks->forward(monitor_machine(mon), second ? first : NULL, second ? second : first,
                               remove, &error)) {
        monitor_error(mon, error);
    }
}

void hmp_hostfwd_add(Monitor *mon, char *args)
{
    forward(mon, args, false);
}

void hmp_hostfwd_remove(Monitor *mon, char *args)
{
    forward(mon, args, true);
}

void hmp_gdbserver(Monitor *mon, char *args)
{
    const char *device = *args ? args : GDB_DEFAULT_DEVICE;
    GError *error = NULL;
    if (!gdb_server_start(monitor_machine(mon), device, &error)) {
        monitor_error(mon, error);
    } else if (monitor_machine(mon)->gdb) {
        monitor_printf(mon, "Waiting for gdb connection on device '%s'\n", device);
    } else {
        monitor_puts(mon, "Disabled gdbserver\n");
    }
}

void hmp_log(Monitor *mon, char *args)
{
    GError *error = NULL;
    if (!*args || !strcmp(args, "help") || !strcmp(args, "?")) {
        GString *text = g_string_new(NULL);
        log_help(text);
        monitor_puts(mon, text->str);
        g_string_free(text, true);
        return;
    }
    /* "help" in a list would go to standard output. */
    char **items = g_strsplit(args, ",", -1);
    bool ok = !g_strv_contains((const char *const *)items, "help") &&
              !g_strv_contains((const char *const *)items, "?");
    g_strfreev(items);
    if (!ok) {
        monitor_puts(mon, "Error: 'log help' stands alone\n");
    } else if (!log_set_items(args, &error)) {
        monitor_error(mon, error);
    }
}

void hmp_logfile(Monitor *mon, char *args)
{
    GError *error = NULL;
    if (!*args) {
        monitor_puts(mon, "Error: which file? logfile FILE\n");
    } else if (!log_set_file(args, &error)) {
        monitor_error(mon, error);
    }
}
