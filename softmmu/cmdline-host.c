/*
 * Options about the guest's surroundings: names, clock, what is done at its end, and how the process itself runs.
 *
 * What tools pass in the same words to every emulator is taken in QEMU's meaning; what is not available is refused by
 * name, so that nothing is silently different.
 */
#include "softmmu/base/error.h"
#include "softmmu/cmdline-internal.h"
#include "softmmu/options-json.h"
#include <string.h>

/* The index of @value in @words, which end with NULL; -1 with @error if it is none of them. */
static int choose(const char *option, const char *key, const char *value, const char *const *words,
                  GError **error)
{
    for (int i = 0; words[i]; i++) {
        if (!strcmp(value, words[i])) {
            return i;
        }
    }
    char *list = g_strjoinv(" or ", (char **)words);
    error_set(error, "%s: %s is %s, not '%s'", option, key, list, value);
    g_free(list);
    return -1;
}

bool cmdline_name(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-name", value, "guest", error);
    bool threads = false; /* they always have names */
    if (!opts) {
        return false;
    }
    const char *name = options_get(opts, "guest", NULL);
    const char *process = options_get(opts, "process", NULL);
    cmd->config.name = name ? cmdline_keep(cmd, g_strdup(name)) : cmd->config.name;
    cmd->guest_name = cmd->config.name;
    cmd->process.name = process ? cmdline_keep(cmd, g_strdup(process)) : cmd->process.name;
    return cmdline_options_done(opts, options_get_bool(opts, "debug-threads", &threads, error),
                                error);
}

static bool set_uuid(CmdLine *cmd, const char *option, const char *value, GError **error)
{
    if (!g_uuid_string_is_valid(value)) {
        return error_set(error, "%s: '%s' is not of the form 12345678-1234-1234-1234-123456789abc",
                         option, value);
    }
    cmd->config.uuid = value;
    return true;
}

bool cmdline_uuid(CmdLine *cmd, const char *value, GError **error)
{
    return set_uuid(cmd, "-uuid", value, error);
}

/* The board looks at what is said; the machine's UUID is one for all. */
bool cmdline_smbios(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-smbios", value, NULL, error);
    if (!opts) {
        return false;
    }
    cmdline_append(&cmd->config.smbios, opts);
    const char *uuid = options_get(opts, "uuid", NULL);
    return !uuid || strcmp(options_get(opts, "type", ""), "1") != 0 ||
           set_uuid(cmd, "-smbios", cmdline_keep(cmd, g_strdup(uuid)), error);
}

/* Seconds that the guest's clock is to be ahead of UTC, for "localtime" or a date as in "2006-06-17T16:01:21". */
static bool parse_rtc_base(const char *base, int64_t *offset, GError **error)
{
    GTimeZone *utc = g_time_zone_new_utc();
    GDateTime *now = g_date_time_new_now_local(), *start = NULL;
    bool date_only = strlen(base) == strlen("2006-06-17");
    char *text = date_only ? g_strconcat(base, "T00:00:00", NULL) : g_strdup(base);
    if (!strcmp(base, "localtime")) {
        *offset = g_date_time_get_utc_offset(now) / G_USEC_PER_SEC;
    } else if ((start = g_date_time_new_from_iso8601(text, utc)) != NULL) {
        *offset = g_date_time_to_unix(start) - g_date_time_to_unix(now);
        g_date_time_unref(start);
    }
    bool ok = start || !strcmp(base, "localtime");
    g_free(text);
    g_date_time_unref(now);
    g_time_zone_unref(utc);
    return ok || error_set(error,
                           "-rtc: base is utc, localtime or a date such as "
                           "2006-06-17T16:01:21, not '%s'",
                           base);
}

bool cmdline_rtc(CmdLine *cmd, const char *value, GError **error)
{
    static const char *const clocks[] = {"host", "rt", "vm", NULL}, *const fixes[] = {"none",
                                                                                      "slew", NULL};
    Options *opts = options_parse("-rtc", value, "base", error);
    if (!opts) {
        return false;
    }
    const char *base = options_get(opts, "base", "utc");
    bool ok = !strcmp(base, "utc") || parse_rtc_base(base, &cmd->config.rtc_offset, error);
    /* The clock goes with the guest's time, and interrupts are not lost. */
    ok = ok && choose("-rtc", "clock", options_get(opts, "clock", "host"), clocks, error) >= 0 &&
         choose("-rtc", "driftfix", options_get(opts, "driftfix", "none"), fixes, error) >= 0;
    return cmdline_options_done(opts, ok, error);
}

bool cmdline_parallel(CmdLine *cmd, const char *value, GError **error)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "null") != 0) {
        return error_set(error, "-parallel: no machine has a parallel port; use 'none'");
    }
    return true;
}

bool cmdline_vnc(CmdLine *cmd, const char *value, GError **error)
{
    return !strcmp(value, "none") ||
           error_set(error, "-vnc is not available yet; use 'none' or leave it out");
}

bool cmdline_audiodev(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = value[0] == '{' ? options_parse_json("-audiodev", value, error)
                                    : options_parse("-audiodev", value, "driver", error);
    if (!opts) {
        return false;
    }
    const char *driver = options_get(opts, "driver", "");
    bool ok = true;
    if (strcmp(driver, "none") != 0) {
        ok = error_set(error,
                       "-audiodev: driver '%s' is not available: there is no sound; use 'none'",
                       driver);
    } else if (!options_get(opts, "id", NULL)) {
        ok = error_set(error, "-audiodev: id=ID is missing");
    }
    options_mark_used(opts, "timer-period");
    return cmdline_options_done(opts, ok, error);
}

/* One node with all of memory, which is what there is without the option too. */
bool cmdline_numa(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-numa", value, "type", error);
    uint64_t node = 0;
    if (!opts) {
        return false;
    }
    const char *memory = options_get(opts, "memdev", NULL), *type = options_get(opts, "type", "");
    bool ok = options_get_u64(opts, "nodeid", &node, error);
    options_mark_used(opts, "cpus");
    if (ok && (strcmp(type, "node") != 0 || node || cmd->numa)) {
        ok = error_set(error, "-numa: there is one node; use node,memdev=ID once, or leave it out");
    }
    if (ok && memory) {
        cmd->config.memory_backend = cmdline_keep(cmd, g_strdup(memory));
    }
    cmd->numa = true;
    return cmdline_options_done(opts, ok, error);
}

bool cmdline_action(CmdLine *cmd, const char *value, GError **error)
{
    static const char *const reboots[] = {"reset", "shutdown", NULL};
    static const char *const shutdowns[] = {"poweroff", "pause", NULL};
    Options *opts = options_parse("-action", value, NULL, error);
    int n = 0;
    if (!opts) {
        return false;
    }
    const char *reboot = options_get(opts, "reboot", NULL);
    const char *shutdown = options_get(opts, "shutdown", NULL);
    if (reboot && (n = choose("-action", "reboot", reboot, reboots, error)) >= 0) {
        cmd->config.no_reboot = n;
    }
    if (shutdown && n >= 0 &&
        (n = choose("-action", "shutdown", shutdown, shutdowns, error)) >= 0) {
        cmd->config.no_shutdown = n;
    }
    return cmdline_options_done(opts, n >= 0, error);
}

/*
 * The process.
 */

bool cmdline_overcommit(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-overcommit", value, NULL, error);
    bool power = false;
    if (!opts) {
        return false;
    }
    bool ok = options_get_bool(opts, "mem-lock", &cmd->process.lock_memory, error) &&
              options_get_bool(opts, "cpu-pm", &power, error);
    if (ok && power) {
        ok = error_set(error, "-overcommit: cpu-pm=on is not available; leave it out");
    }
    return cmdline_options_done(opts, ok, error);
}

bool cmdline_msg(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-msg", value, NULL, error);
    if (!opts) {
        return false;
    }
    bool ok = options_get_bool(opts, "timestamp", &cmd->process.stamp_messages, error) &&
              options_get_bool(opts, "guest-name", &cmd->process.name_messages, error);
    return cmdline_options_done(opts, ok, error);
}

bool cmdline_sandbox(CmdLine *cmd, const char *value, GError **error)
{
    static const char *const words[] = {"allow", "deny", NULL};
    static const char *const privileges[] = {"allow", "deny", "children", NULL};
    static const struct {
        const char *key;
        SandboxFlags flag;
        const char *usual;
    } parts[] = {
        {"obsolete", SANDBOX_OBSOLETE, "deny"},
        {"spawn", SANDBOX_SPAWN, "allow"},
        {"resourcecontrol", SANDBOX_RESOURCES, "allow"},
    };
    Options *opts = options_parse("-sandbox", value, "enable", error);
    bool on = false;
    int n = 0;
    if (!opts) {
        return false;
    }
    SandboxFlags flags = SANDBOX_ON;
    for (unsigned i = 0; n >= 0 && i < ARRAY_SIZE(parts); i++) {
        n = choose("-sandbox", parts[i].key, options_get(opts, parts[i].key, parts[i].usual), words,
                   error);
        flags |= n > 0 ? parts[i].flag : 0;
    }
    if (n >= 0) {
        n = choose("-sandbox", "elevateprivileges", options_get(opts, "elevateprivileges", "allow"),
                   privileges, error);
        flags |= n == 1 ? SANDBOX_PRIVILEGES : n == 2 ? SANDBOX_NO_NEW_PRIVILEGES : 0;
    }
    bool ok = n >= 0 && options_get_bool(opts, "enable", &on, error);
    cmd->process.sandbox = ok && on ? flags : 0;
    return cmdline_options_done(opts, ok, error);
}
