/*
 * Command line parsing: see cmdline.h.
 *
 * Most options only store their value, and are a row of the table in cmdline-table.c; what needs more is
 * a function there. This file walks argv by that table.
 */
#include "softmmu/cmdline-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/options-json.h"
#include <string.h>

static bool is_help(const char *value)
{
    return !strcmp(value, "help") || !strcmp(value, "?");
}

char *cmdline_keep(CmdLine *cmd, char *text)
{
    g_ptr_array_add(cmd->strings, text);
    return text;
}

void cmdline_append(GPtrArray **array, void *item)
{
    if (!*array) {
        *array = g_ptr_array_new();
    }
    g_ptr_array_add(*array, item);
}

bool cmdline_options_done(Options *opts, bool ok, GError **error)
{
    ok = ok && options_check_unused(opts, error);
    options_free(opts);
    return ok;
}

static const CmdOption *find_option(const char *name)
{
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        if (!strcmp(option->name, name)) {
            return option;
        }
    }
    return NULL;
}

static bool unknown_option(const char *arg, const char *name, GError **error)
{
    GPtrArray *names = g_ptr_array_new();
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        g_ptr_array_add(names, (char *)option->name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = error_nearest(name, (const char *const *)names->pdata);
    g_ptr_array_free(names, true);
    if (nearest) {
        return error_set(error, "unknown option '%s'; did you mean '-%s'?", arg, nearest);
    }
    return error_set(error, "unknown option '%s'; --help shows what there is", arg);
}

/* Whether "help" or "?" is among the flags of "name,help". */
static bool asks_for_help(Options *opts)
{
    const char *key, *value;
    for (unsigned i = 0; options_nth(opts, i, &key, &value); i++) {
        if (is_help(key)) {
            return true;
        }
    }
    return false;
}

static void set_action(CmdLine *cmd, CmdAction action)
{
    if (cmd->action == CMD_RUN) { /* the first question is answered */
        cmd->action = action;
    }
}

static bool apply_options(CmdLine *cmd, const CmdOption *option, const char *value, GError **error)
{
    char *what = g_strconcat("-", option->name, NULL);
    Options *opts = value[0] == '{' ? options_parse_json(what, value, error)
                                    : options_parse(what, value, option->implied, error);
    g_free(what);
    if (!opts) {
        return false;
    }
    bool device = option->list == CMD_LIST_DEVICES;
    if ((device || option->list == CMD_LIST_OBJECTS) && asks_for_help(opts)) {
        cmd->type_help = cmdline_keep(cmd, g_strdup(options_get(opts, option->implied, "")));
        set_action(cmd, device ? CMD_DEVICE_HELP : CMD_OBJECT_HELP);
        options_free(opts);
        return true;
    }
    cmdline_append((GPtrArray **)((char *)cmd + option->offset), opts);
    return true;
}

static bool apply(CmdLine *cmd, const CmdOption *option, const char *value, GError **error)
{
    void *slot = (char *)cmd + option->offset;
    if (value && option->list != CMD_RUN && is_help(value)) {
        set_action(cmd, option->list);
        return true;
    }
    switch (option->kind) {
    case CMD_FLAG: *(bool *)slot = true; break;
    case CMD_STRING: *(const char **)slot = value; break;
    case CMD_STRINGS: cmdline_append(slot, (char *)value); break;
    case CMD_OPTIONS: return apply_options(cmd, option, value, error);
    case CMD_CALL: return option->fn(cmd, value, error);
    case CMD_LATER: return error_set(error, "-%s is not available yet; leave it out", option->name);
    case CMD_IGNORE:
    case CMD_IGNORE_VALUE: break;
    }
    return true;
}

/* What is said only once all options are known. */
static void complete(CmdLine *cmd)
{
    for (unsigned i = 0; cmd->snapshot && cmd->config.drives && i < cmd->config.drives->len; i++) {
        options_add(cmd->config.drives->pdata[i], "snapshot", "on");
    }
}

bool cmdline_parse(CmdLine *cmd, int argc, char **argv, GError **error)
{
    memset(cmd, 0, sizeof(*cmd));
    cmd->strings = g_ptr_array_new_with_free_func(g_free);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (name[0] != '-' || !name[1]) {
            return error_set(error,
                             "'%s' is not an option; a disk image is given with -drive file=%s",
                             name, name);
        }
        name += name[1] == '-' ? 2 : 1;
        const CmdOption *option = find_option(name);
        if (!option) {
            return unknown_option(argv[i], name, error);
        }
        const char *value = NULL;
        if (option->kind == CMD_CALL && !strcmp(option->name, "help")) {
            value = i + 1 < argc ? argv[++i] : NULL; /* its topic is optional */
        } else if (option->value && option->kind != CMD_LATER) {
            if (i + 1 == argc) {
                return error_set(error, "%s needs a value: -%s %s", argv[i], option->name,
                                 option->value);
            }
            value = argv[++i];
        }
        if (!apply(cmd, option, value, error)) {
            return false;
        }
    }
    if (argc == 1) {
        cmd->action = CMD_HELP;
    }
    complete(cmd);
    return true;
}

static void free_options(GPtrArray *array)
{
    for (unsigned i = 0; array && i < array->len; i++) {
        options_free(array->pdata[i]);
    }
    if (array) {
        g_ptr_array_free(array, true);
    }
}

void cmdline_clear(CmdLine *cmd)
{
    GPtrArray *plain[] = {cmd->accels, cmd->serials,     cmd->monitors,
                          cmd->qmps,   cmd->pretty_qmps, cmd->strings};
    options_free(cmd->config.machine_opts);
    options_free(cmd->config.boot);
    free_options(cmd->config.devices);
    free_options(cmd->config.drives);
    free_options(cmd->config.blockdevs);
    free_options(cmd->config.netdevs);
    free_options(cmd->config.fsdevs);
    free_options(cmd->config.objects);
    free_options(cmd->config.smbios);
    free_options(cmd->config.globals);
    free_options(cmd->chardevs);
    free_options(cmd->given_fds);
    free_options(cmd->semihosting);
    free_options(cmd->mons);
    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        if (plain[i]) {
            g_ptr_array_free(plain[i], true);
        }
    }
    memset(cmd, 0, sizeof(*cmd));
}
