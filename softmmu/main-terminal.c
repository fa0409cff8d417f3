/*
 * What is connected to the outside: character devices, serial ports, monitors, semihosting's console.
 */
#include "softmmu/main-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/semihosting.h"
#include "ui/chardev.h"
#include "ui/qmp.h"
#include <string.h>

static bool names_stdio(const GPtrArray *specs)
{
    for (unsigned i = 0; specs && i < specs->len; i++) {
        const char *spec = specs->pdata[i];
        if (g_str_has_prefix(spec, "stdio") || g_str_has_prefix(spec, "mon:stdio")) {
            return true;
        }
    }
    return false;
}

static bool chardevs_use_stdio(const GPtrArray *chardevs)
{
    for (unsigned i = 0; chardevs && i < chardevs->len; i++) {
        if (!strcmp(options_get(chardevs->pdata[i], "backend", ""), "stdio")) {
            return true;
        }
    }
    return false;
}

/* Whether something takes the terminal by name. */
static bool uses_stdio(const CmdLine *cmd)
{
    return names_stdio(cmd->serials) || names_stdio(cmd->monitors) || names_stdio(cmd->qmps) ||
           names_stdio(cmd->pretty_qmps) || chardevs_use_stdio(cmd->chardevs) ||
           !g_strcmp0(cmd->gdb, "stdio");
}

/* Connects the ports and the monitor that were not said anything of. */
static void take_terminal(CmdLine *cmd)
{
    bool own_monitor = !cmd->monitors && !cmd->mons;
    if (!cmd->serials) {
        cmd->serials = g_ptr_array_new();
        g_ptr_array_add(cmd->serials, own_monitor ? "mon:stdio" : "stdio");
    } else if (own_monitor) {
        cmd->monitors = g_ptr_array_new();
        g_ptr_array_add(cmd->monitors, "stdio");
    }
}

bool main_default_terminal(CmdLine *cmd, GError **error)
{
    bool taken = uses_stdio(cmd), open = !cmd->serials || (!cmd->monitors && !cmd->mons);
    bool wanted = (cmd->nographic || !cmd->display) && !cmd->config.nodefaults && !taken && open;
    if (cmd->daemonize) {
        return !(taken || (wanted && cmd->nographic)) ||
               error_set(error, "-daemonize leaves the terminal; use -display none, and -serial "
                                "file:PATH or unix:PATH,server=on instead of stdio or -nographic");
    }
    if (wanted) {
        take_terminal(cmd);
    }
    return true;
}

bool main_open_chardevs(Machine *machine, CmdLine *cmd, GError **error)
{
    if (cmd->escape && !chardev_set_escape(machine, cmd->escape, error)) {
        return false;
    }
    for (unsigned i = 0; cmd->chardevs && i < cmd->chardevs->len; i++) {
        if (!chardev_new(machine, cmd->chardevs->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

bool main_open_serials(Machine *machine, CmdLine *cmd, GError **error)
{
    unsigned n = cmd->serials ? cmd->serials->len : 0;
    if (n > MACHINE_MAX_SERIAL) {
        return error_set(error, "-serial: a machine has at most %u serial ports",
                         MACHINE_MAX_SERIAL);
    }
    for (unsigned i = 0; i < n; i++) {
        GError *why = NULL;
        char id[16];
        g_snprintf(id, sizeof(id), "serial%u", i);
        cmd->config.serial[i] = chardev_open(machine, id, cmd->serials->pdata[i], &why);
        if (why) {
            g_propagate_error(error, why);
            return false;
        }
    }
    cmd->config.nserial = n;
    return true;
}

/* A monitor on what -mon names. */
static bool open_mon(Machine *machine, Options *opts, GError **error)
{
    const char *id = options_get(opts, "chardev", NULL);
    const char *mode = options_get(opts, "mode", "readline");
    options_mark_used(opts, "id");
    bool pretty = false;
    bool control = !strcmp(mode, "control");
    if (!id) {
        return error_set(error, "-mon: chardev=ID is missing");
    }
    if (!control && strcmp(mode, "readline") != 0) {
        return error_set(error, "-mon: mode is readline or control (QMP), not '%s'", mode);
    }
    if (!options_get_bool(opts, "pretty", &pretty, error) || !options_check_unused(opts, error)) {
        return false;
    }
    Chardev *chr = chardev_claim(machine, id, error);
    return chr &&
           (control ? qmp_new(machine, chr, pretty, error) : monitor_new(machine, chr, error));
}

typedef enum MonitorKind { MONITOR_TEXT, MONITOR_QMP, MONITOR_QMP_PRETTY } MonitorKind;

/* Monitors on what @specs name; *@n counts them all. */
static bool open_monitor_list(Machine *machine, const GPtrArray *specs, MonitorKind kind,
                              unsigned *n, GError **error)
{
    for (unsigned i = 0; specs && i < specs->len; i++) {
        GError *why = NULL;
        char id[24];
        g_snprintf(id, sizeof(id), "compat_monitor%u", (*n)++); /* the name that tools know */
        Chardev *chr = chardev_open(machine, id, specs->pdata[i], &why);
        if (why) {
            g_propagate_error(error, why);
            return false;
        }
        if (chr &&
            !(kind == MONITOR_TEXT ? monitor_new(machine, chr, error)
                                   : qmp_new(machine, chr, kind == MONITOR_QMP_PRETTY, error))) {
            return false;
        }
    }
    return true;
}

bool main_open_monitors(Machine *machine, CmdLine *cmd, GError **error)
{
    machine->monitor_hooks = &main_monitor_hooks;
    unsigned n = 0;
    if (!open_monitor_list(machine, cmd->monitors, MONITOR_TEXT, &n, error) ||
        !open_monitor_list(machine, cmd->qmps, MONITOR_QMP, &n, error) ||
        !open_monitor_list(machine, cmd->pretty_qmps, MONITOR_QMP_PRETTY, &n, error)) {
        return false;
    }
    for (unsigned i = 0; cmd->mons && i < cmd->mons->len; i++) {
        if (!open_mon(machine, cmd->mons->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

/*
 * Semihosting.
 */

/* Keys of -semihosting-config; those given later count. */
typedef struct SemihostingOptions {
    bool enable;
    const char *chardev, *target;
    GString *arguments; /* with blanks between */
    SemihostingConfig config;
} SemihostingOptions;

static bool parse_semihosting(Options *opts, SemihostingOptions *o, GError **error)
{
    const char *key, *value;
    o->chardev = options_get(opts, "chardev", o->chardev);
    o->target = options_get(opts, "target", o->target);
    o->config.directory = options_get(opts, "dir", o->config.directory);
    options_mark_used(opts, "arg");
    for (unsigned i = 0; options_nth(opts, i, &key, &value); i++) {
        if (!strcmp(key, "arg")) {
            g_string_append_printf(o->arguments, "%s%s", o->arguments->len ? " " : "", value);
        }
    }
    if (strcmp(o->target, "native") != 0 && strcmp(o->target, "auto") != 0) {
        return error_set(error, "-semihosting-config: target='%s' is not available; use native",
                         o->target);
    }
    return options_get_bool(opts, "enable", &o->enable, error) &&
           options_get_bool(opts, "userspace", &o->config.userspace, error) &&
           options_check_unused(opts, error);
}

/* Without arg=, programs see their kernel's name and -append. */
static void default_arguments(const CmdLine *cmd, GString *text)
{
    if (!text->len && cmd->config.kernel) {
        g_string_append(text, cmd->config.kernel);
        if (cmd->config.append) {
            g_string_append_printf(text, " %s", cmd->config.append);
        }
    }
}

bool main_set_up_semihosting(Machine *machine, const CmdLine *cmd, GError **error)
{
    SemihostingOptions o = {true, NULL, "auto", g_string_new(NULL), {.directory = "."}};
    bool ok = true;
    for (unsigned i = 0; ok && cmd->semihosting && i < cmd->semihosting->len; i++) {
        ok = parse_semihosting(cmd->semihosting->pdata[i], &o, error);
    }
    if (ok && cmd->semihosting && o.enable) {
        default_arguments(cmd, o.arguments);
        o.config.arguments = o.arguments->str;
        if (o.chardev) {
            o.config.console = chardev_claim(machine, o.chardev, error);
            ok = o.config.console != NULL;
        }
        if (!strcmp(o.config.directory, "none")) {
            o.config.directory = NULL;
        }
        ok = ok && semihosting_new(machine, &o.config, error);
    }
    g_string_free(o.arguments, true);
    return ok;
}
