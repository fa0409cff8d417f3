/*
 * The program: from the command line to a running machine.
 *
 * Like the other files of main-internal.h it sees across the layers: it makes the machine that was asked for, with
 * the engines of accel/, the devices of hw/, and what ui/ connects to them. Errors are one line on standard error,
 * after which the process ends with status 1.
 */
#include "accel/accel.h"
#include "accel/doctor.h"
#include "hw/block/drive.h"
#include "hw/hw.h"
#include "hw/net/net.h"
#include "hw/share/share.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/daemon.h"
#include "softmmu/fds.h"
#include "softmmu/main-internal.h"
#include "softmmu/objects.h"
#include "softmmu/progress.h"
#include "softmmu/snapshot.h"
#include "softmmu/verbs.h"
#include "ui/gdb.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/*
 * The machine.
 */

/* -add-fd: a copy, so that others may name the same descriptor. */
static bool add_fd(Machine *machine, Options *opts, GError **error)
{
    uint64_t fd = UINT64_MAX, set = UINT64_MAX;
    const char *opaque = options_get(opts, "opaque", NULL);
    if (!options_get_u64(opts, "fd", &fd, error) || !options_get_u64(opts, "set", &set, error) ||
        !options_check_unused(opts, error)) {
        return false;
    }
    if (fd < 3 || fd > INT_MAX || set > INT_MAX) {
        return error_set(error, "-add-fd: fd= from 3 up and set= from 0 up are needed");
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return error_set_errno(error, errno, "-add-fd: file descriptor %d", (int)fd);
    }
    return fds_add(machine, copy, set, opaque, error) >= 0;
}

static bool add_fds(Machine *machine, const GPtrArray *given, GError **error)
{
    for (unsigned i = 0; given && i < given->len; i++) {
        if (!add_fd(machine, given->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

static bool set_up_log(const CmdLine *cmd, GError **error)
{
    return (!cmd->log_file || log_set_file(cmd->log_file, error)) &&
           (!cmd->log_filter || log_set_filter(cmd->log_filter, error)) &&
           (!cmd->log_items || log_set_items(cmd->log_items, error));
}

static bool set_up_accel(Machine *machine, CmdLine *cmd, GError **error)
{
    if (cmd->accels) {
        g_ptr_array_add(cmd->accels, NULL);
    }
    return accel_new(machine, cmd->accels ? (const char *const *)cmd->accels->pdata : NULL, error);
}

static bool create_objects(Machine *machine, const GPtrArray *objects, GError **error)
{
    for (unsigned i = 0; objects && i < objects->len; i++) {
        if (!object_add(machine, objects->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

static bool has_option(Options *opts, const char *name)
{
    const char *key, *value;
    for (unsigned i = 0; options_nth(opts, i, &key, &value); i++) {
        if (!strcmp(key, name)) {
            return true;
        }
    }
    return false;
}

/* Adds what -global says of the driver of @device, unless the device says otherwise itself. */
static void apply_globals(const GPtrArray *globals, Options *device)
{
    const char *driver = options_get(device, "driver", "");
    for (unsigned i = globals ? globals->len : 0; i-- > 0;) { /* the last one counts */
        Options *global = globals->pdata[i];
        const char *property = options_get(global, "property", "");
        if (!strcmp(options_get(global, "driver", ""), driver) && !has_option(device, property)) {
            options_add(device, property, options_get(global, "value", ""));
        }
    }
}

static bool create_devices(Machine *machine, GError **error)
{
    const GPtrArray *devices = machine->config.devices;
    for (unsigned i = 0; devices && i < devices->len; i++) {
        apply_globals(machine->config.globals, devices->pdata[i]);
        if (!hw_device_create(machine, devices->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

/* Hands the configuration over to @machine and makes it. */
static bool set_up_board(Machine *machine, CmdLine *cmd, GError **error)
{
    MachineConfig config = cmd->config;
    memset(&cmd->config, 0, sizeof(cmd->config));
    if (!machine_init(machine, &config, error)) {
        return false;
    }
    machine_lock(machine);
    bool ok = create_devices(machine, error) && hw_create_drives(machine, error) &&
              hw_create_netdevs(machine, error) && share_check_all(machine, error) &&
              machine_complete(machine, error);
    machine_unlock(machine);
    return ok;
}

static bool open_gdb(Machine *machine, const CmdLine *cmd, GError **error)
{
    if (!cmd->gdb) {
        return true;
    }
    machine_lock(machine);
    bool ok = gdb_server_start(machine, cmd->gdb, error);
    machine_unlock(machine);
    return ok;
}

/* For a terminal: long work shows how far it is. */
static void show_loading(void *opaque, uint64_t done, uint64_t total)
{
    progress_show(opaque, done, total);
}

static bool load_snapshot(Machine *machine, const CmdLine *cmd, GError **error)
{
    if (!cmd->loadvm) {
        return true;
    }
    Progress bar;
    progress_begin(&bar, "loading");
    SnapshotProgress progress = {show_loading, &bar};
    machine_lock(machine);
    bool ok = snapshot_load(machine, cmd->loadvm, true, &progress, error);
    machine_unlock(machine);
    progress_end(&bar);
    return ok;
}

static bool set_up(Machine *machine, CmdLine *cmd, GError **error)
{
    return add_fds(machine, cmd->given_fds, error) &&
           create_objects(machine, cmd->config.objects, error) &&
           main_open_chardevs(machine, cmd, error) && main_open_serials(machine, cmd, error) &&
           main_set_up_semihosting(machine, cmd, error) && set_up_accel(machine, cmd, error) &&
           set_up_board(machine, cmd, error) && main_open_monitors(machine, cmd, error) &&
           open_gdb(machine, cmd, error) && load_snapshot(machine, cmd, error);
}

static int run(Machine *machine, bool paused)
{
    if (!paused) {
        machine_lock(machine);
        machine_start(machine);
        machine_unlock(machine);
    }
    int status = machine_main_loop(machine);
    if (log_enabled(LOG_PROFILE)) {
        GString *text = g_string_new(NULL);
        accel_print_stats(machine, text);
        log_write(text->str);
        g_string_free(text, true);
    }
    return status;
}

/* Does what @cmd says. The exit status, or -1 with @error set. */
static int act(CmdLine *cmd, GError **error)
{
    Daemon daemon;
    int status = -1;
    if (cmd->action != CMD_RUN) {
        return main_answer(cmd, error) ? 0 : -1;
    }
    const MachineClass *cls = main_find_machine(cmd->machine, error);
    if (!cls || !main_default_terminal(cmd, error) || !set_up_log(cmd, error) ||
        !process_prepare(&cmd->process, error) || !daemon_begin(&daemon, cmd->daemonize, error)) {
        return -1;
    }
    Machine *machine = machine_alloc(cls, false);
    if (set_up(machine, cmd, error) && daemon_ready(&daemon, cmd->pidfile, error) &&
        process_enter_sandbox(cmd->process.sandbox, error)) {
        status = run(machine, cmd->paused);
    }
    machine_free(machine);
    daemon_end(&daemon);
    return status;
}

/* @message without the line ends and other control characters of what it may quote; for g_free(). */
static char *one_line(const char *message)
{
    GString *line = g_string_new(NULL);
    for (; *message; message++) {
        g_string_append_printf(line, g_ascii_iscntrl(*message) ? "\\x%02x" : "%c", *message);
    }
    return g_string_free(line, false);
}

/* One line on standard error, as -msg wants it. */
static void report(const CmdLine *cmd, const char *message)
{
    char *line = one_line(message);
    GDateTime *now = g_date_time_new_now_utc();
    char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ");
    const char *name = cmd->process.name_messages ? cmd->guest_name : NULL;
    fprintf(stderr, "%s%s%samphi: %s\n", cmd->process.stamp_messages ? stamp : "", name ? name : "",
            name ? " " : "", line);
    g_free(line);
    g_free(stamp);
    g_date_time_unref(now);
}

/* `amphi doctor`. The exit status, or -1 with @error set. */
static int doctor(int argc, GError **error)
{
    if (argc > 2) {
        error_set(error, "doctor takes no options: it is about the host");
        return -1;
    }
    GString *text = g_string_new(NULL);
    unsigned bad = doctor_report(&doctor_this_host, text);
    fputs(text->str, stdout);
    g_string_free(text, true);
    return bad ? 1 : 0;
}

/* `amphi run FILE ...`, told in full, so that one may go on from there. */
static char **expand_run(int argc, char **argv, GError **error)
{
    char **expanded = verb_run(argc, argv, error);
    char *text = expanded ? g_strjoinv(" ", expanded) : NULL;
    if (text) {
        fprintf(stderr, "amphi: run means: %s\n", text);
    }
    g_free(text);
    return expanded;
}

int main(int argc, char **argv)
{
    CmdLine cmd = {0};
    char **expanded = NULL;
    GError *error = NULL;
    signal(SIGPIPE, SIG_IGN); /* writing to a reader that is gone is an error like others */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not become longer */
    int status = -1;
    if (argc > 1 && !strcmp(argv[1], "doctor")) {
        status = doctor(argc, &error);
        argc = 0;
    } else if (argc > 1 && !strcmp(argv[1], "run")) {
        expanded = expand_run(argc, argv, &error);
        argv = expanded;
        argc = expanded ? g_strv_length(expanded) : 0;
    }
    if (argc && cmdline_parse(&cmd, argc, argv, &error)) {
        status = act(&cmd, &error);
    }
    if (status < 0) {
        /* Without an error, a question was answered on the way. */
        status = error ? 1 : 0;
    }
    if (error) {
        report(&cmd, error->message);
        g_error_free(error);
    }
    cmdline_clear(&cmd);
    g_strfreev(expanded);
    return status;
}
