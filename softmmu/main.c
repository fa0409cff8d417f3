/*
 * The program: from the command line to a running machine.
 *
 * This is the one file that sees across the layers: it picks the machine from the table, connects the
 * character devices and the monitor of ui/, and chooses the engines of accel/. Errors are one line on
 * standard error, after which the process ends with status 1.
 */
#include "accel/accel.h"
#include "accel/doctor.h"
#include "cpu/riscv/riscv.h"
#include "cpu/x86/x86.h"
#include "hw/block/drive.h"
#include "hw/block/nodes.h"
#include "hw/hw.h"
#include "hw/net/net.h"
#include "hw/pci/pci.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "hw/virtio/virtio-balloon.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/cmdline.h"
#include "softmmu/daemon.h"
#include "softmmu/fds.h"
#include "softmmu/objects.h"
#include "softmmu/process.h"
#include "softmmu/progress.h"
#include "softmmu/semihosting.h"
#include "softmmu/snapshot.h"
#include "softmmu/verbs.h"
#include "ui/chardev.h"
#include "ui/gdb.h"
#include "ui/monitor.h"
#include "ui/qmp.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AMPHI_VERSION "0.1.0"
#define QEMU_RELEASE "7.2.0" /* as query-version says it */

const MachineClass *const machine_classes[] = {&riscv_virt_machine,  &riscv_spike_machine,
                                               &riscv_none_machine,  &x86_q35_machine,
                                               &x86_microvm_machine, NULL};

static bool block_nth(Machine *machine, unsigned n, MonitorBlock *out)
{
    BlockDev *blk = blockdev_nth(machine, n);
    BlockInfo info;
    if (!blk) {
        return false;
    }
    blockdev_info(blk, &info);
    *out = (MonitorBlock){
        .id = blockdev_id(blk),
        .path = blockdev_path(blk),
        .format = blockdev_format(blk),
        .user = blockdev_user(blk),
        .node = blockdev_node(blk),
        .backing = info.backing,
        .depth = info.depth,
        .size = blockdev_size(blk),
        .host_size = info.host_size,
        .read_only = blockdev_read_only(blk),
        .write_back = info.write_back,
        .no_flush = info.no_flush,
        .direct = info.direct,
        .detect_zeroes = info.detect_unmap    ? "unmap"
                         : info.detect_zeroes ? "on"
                                              : "off",
        .read_bytes = info.read_bytes,
        .read_count = info.read_count,
        .written_bytes = info.written_bytes,
        .write_count = info.write_count,
        .flush_count = info.flush_count,
        .discard_count = info.discard_count,
    };
    return true;
}

static bool block_resize(Machine *machine, const char *id, uint64_t size, GError **error)
{
    BlockDev *blk = blockdev_find(machine, id);
    return blk ? blockdev_resize(blk, size, error)
               : error_set(error, "there is no drive '%s'; 'info block' lists them", id);
}

static bool pci_nth(Machine *machine, unsigned n, MonitorPci *out)
{
    int bus = 0;
    const PciDevice *pci = pci_function_nth(machine, n, &bus);
    if (!pci) {
        return false;
    }
    *out = (MonitorPci){
        .id = pci->dev.id,
        .bus = bus,
        .devfn = pci->devfn,
        .irq = pci->config[PCI_INTERRUPT_LINE],
        .irq_pin = pci->config[PCI_INTERRUPT_PIN],
        .vendor = pci_get16(pci->config, PCI_VENDOR_ID),
        .device = pci_get16(pci->config, PCI_DEVICE_ID),
        .class_code = pci_get16(pci->config, PCI_CLASS_DEVICE),
    };
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const PciBar *bar = &pci->bars[i];
        out->bars[i] = (MonitorPciBar){
            .address = bar->size ? pci_bar_address(pci, i) : 0,
            .size = bar->size,
            .io = bar->type == PCI_BAR_IO,
            .prefetch = bar->type == PCI_BAR_MEM32_PREFETCH || bar->type == PCI_BAR_MEM64_PREFETCH,
            .is_64bit = bar->type == PCI_BAR_MEM64 || bar->type == PCI_BAR_MEM64_PREFETCH,
        };
    }
    return true;
}

static bool kvm_state(Machine *machine, bool *enabled)
{
    *enabled = machine->ncpus && !g_strcmp0(accel_name(machine->cpus[0]), "kvm");
    return access("/dev/kvm", R_OK | W_OK) == 0;
}

static const MonitorHooks monitor_hooks = {
    .version = AMPHI_VERSION,
    .jit_stats = accel_print_stats,
    .exits = accel_print_exits,
    .accel_switch = accel_switch,
    .accel_name = accel_name,
    .accel_help = accel_help,
    .block = blockdev_print_all,
    .snapshots = blockdev_print_snapshots,
    .network = netdev_print_all,
    .usernet = netdev_print_connections,
    .pci = pci_print_all,
    .forward = netdev_forward,
    .balloon_info = virtio_balloon_info,
    .balloon_set_target = virtio_balloon_set_target,
    .balloon_set_interval = virtio_balloon_set_interval,
    .block_nth = block_nth,
    .block_add = node_add,
    .block_remove = node_remove,
    .block_resize = block_resize,
    .pci_nth = pci_nth,
    .kvm = kvm_state,
    .netdev_add = netdev_add,
    .netdev_remove = netdev_remove,
    .device_add = hw_device_hotplug,
    .device_remove = hw_device_unplug,
    .device_nth = hw_device_nth,
    .device_property_nth = hw_device_property_nth,
    .machines = machine_classes,
    .cpu_expand = riscv_cpu_expand,
};

/*
 * Listings.
 */

static void list_machines(void)
{
    printf("Supported machines are:\n");
    for (unsigned i = 0; machine_classes[i]; i++) {
        printf("%-20s %s%s\n", machine_classes[i]->name, machine_classes[i]->desc,
               i == 0 ? " (default)" : "");
    }
}

/* Prints what @fn appends. */
static void print_text(void (*fn)(GString *out))
{
    GString *text = g_string_new(NULL);
    fn(text);
    fputs(text->str, stdout);
    g_string_free(text, true);
}

static void list_chardevs(void)
{
    Options *opts = options_parse("-chardev", "help", "backend", NULL);
    chardev_new(NULL, opts, NULL);
    options_free(opts);
}

static void list_netdevs(void)
{
    printf("Available netdev backend types:\n");
    for (unsigned i = 0; netdev_kind_nth(i); i++) {
        printf("%s\n", netdev_kind_nth(i));
    }
}

static void list_objects(void)
{
    printf("List of user creatable objects:\n");
    for (unsigned i = 0; object_type_nth(i); i++) {
        printf("  %s\n", object_type_nth(i));
    }
}

/* -object TYPE,help. */
static bool object_help(const char *type, GError **error)
{
    Property property;
    for (unsigned i = 0; object_type_nth(i); i++) {
        if (!strcmp(object_type_nth(i), type)) {
            printf("%s options:\n", type);
            GString *text = g_string_new(NULL);
            for (unsigned n = 0; object_property_nth(type, n, &property); n++) {
                property_print(&property, text);
            }
            fputs(text->str, stdout);
            g_string_free(text, true);
            return true;
        }
    }
    return error_set(error, "-object: unknown type '%s'; -object help lists them", type);
}

/* -device TYPE,help. */
static bool device_help(const char *type, GError **error)
{
    GString *text = g_string_new(NULL);
    bool ok = hw_device_type_help(type, text, error);
    fputs(text->str, stdout);
    g_string_free(text, true);
    return ok;
}

static const MachineClass *find_machine(const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(machine_classes)] = {NULL};
    if (!name) {
        return machine_classes[0];
    }
    for (unsigned i = 0; machine_classes[i]; i++) {
        names[i] = machine_classes[i]->name;
        if (!strcmp(name, names[i])) {
            return machine_classes[i];
        }
    }
    const char *nearest = error_nearest(name, names);
    if (nearest) {
        error_set(error, "unknown machine '%s'; did you mean '%s'?", name, nearest);
    } else {
        error_set(error, "unknown machine '%s'; '-machine help' lists them", name);
    }
    return NULL;
}

/* Those of @machine; without one, of all. */
static bool list_cpus(const char *machine, GError **error)
{
    const MachineClass *cls = machine ? find_machine(machine, error) : NULL;
    if (machine && !cls) {
        return false;
    }
    if (!cls || cls->arch == &riscv64_guest) {
        print_text(riscv_cpu_help);
    }
    if (!cls || cls->arch == &x86_64_guest) {
        print_text(x86_cpu_help);
    }
    return true;
}

/* Answers a question instead of running. */
static bool answer(CmdLine *cmd, GError **error)
{
    switch (cmd->action) {
    case CMD_HELP: return cmdline_help(cmd->help_topic, error);
    case CMD_VERSION:
        /* Tools want the release of QEMU whose command line this is, in these words. */
        printf("QEMU emulator version " QEMU_RELEASE " compatible: amphi " AMPHI_VERSION "\n");
        break;
    case CMD_LIST_MACHINES: list_machines(); break;
    case CMD_LIST_CPUS: return list_cpus(cmd->machine, error);
    case CMD_LIST_ACCELS: print_text(accel_help); break;
    case CMD_LIST_DEVICES: print_text(hw_device_help); break;
    case CMD_DEVICE_HELP: return device_help(cmd->type_help, error);
    case CMD_LIST_NETDEVS: list_netdevs(); break;
    case CMD_LIST_CHARDEVS: list_chardevs(); break;
    case CMD_LIST_DISPLAYS: printf("Available display backend types:\nnone\n"); break;
    case CMD_LIST_OBJECTS: list_objects(); break;
    case CMD_OBJECT_HELP: return object_help(cmd->type_help, error);
    case CMD_LIST_AUDIODEVS: printf("Available audio drivers:\nnone\n"); break;
    case CMD_LIST_LOG: return log_set_items("help", error) || !*error;
    case CMD_RUN: break;
    }
    return true;
}

/*
 * Character devices and monitors.
 */

static bool names_stdio(const GPtrArray *specs)
{
    for (unsigned i = 0; specs && i < specs->len; i++) {
        if (strstr(specs->pdata[i], "stdio")) {
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

/* What -serial and -monitor are if not given: with a terminal for a screen, both are there. */
static void default_terminal(CmdLine *cmd)
{
    bool terminal = cmd->nographic || !cmd->display;
    if (cmd->config.nodefaults || !terminal || names_stdio(cmd->serials) ||
        names_stdio(cmd->monitors) || names_stdio(cmd->qmps) || names_stdio(cmd->pretty_qmps) ||
        chardevs_use_stdio(cmd->chardevs) || !g_strcmp0(cmd->gdb, "stdio")) {
        return;
    }
    bool own_monitor = !cmd->monitors && !cmd->mons;
    if (!cmd->serials) {
        cmd->serials = g_ptr_array_new();
        g_ptr_array_add(cmd->serials, own_monitor ? "mon:stdio" : "stdio");
    } else if (own_monitor) {
        cmd->monitors = g_ptr_array_new();
        g_ptr_array_add(cmd->monitors, "stdio");
    }
}

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

static bool open_chardevs(Machine *machine, CmdLine *cmd, GError **error)
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

static bool open_serials(Machine *machine, CmdLine *cmd, GError **error)
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

static bool open_monitors(Machine *machine, CmdLine *cmd, GError **error)
{
    machine->monitor_hooks = &monitor_hooks;
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
 * The machine.
 */

static bool set_up_log(const CmdLine *cmd, GError **error)
{
    return (!cmd->log_file || log_set_file(cmd->log_file, error)) &&
           (!cmd->log_filter || log_set_filter(cmd->log_filter, error)) &&
           (!cmd->log_items || log_set_items(cmd->log_items, error));
}

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

static bool set_up_semihosting(Machine *machine, const CmdLine *cmd, GError **error)
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
              hw_create_netdevs(machine, error);
    if (ok) {
        machine_reset(machine); /* with what was added */
    }
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
    default_terminal(cmd);
    return add_fds(machine, cmd->given_fds, error) &&
           create_objects(machine, cmd->config.objects, error) &&
           open_chardevs(machine, cmd, error) && open_serials(machine, cmd, error) &&
           set_up_semihosting(machine, cmd, error) && set_up_accel(machine, cmd, error) &&
           set_up_board(machine, cmd, error) && open_monitors(machine, cmd, error) &&
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
        return answer(cmd, error) ? 0 : -1;
    }
    const MachineClass *cls = find_machine(cmd->machine, error);
    if (!cls || !set_up_log(cmd, error) || !process_prepare(&cmd->process, error) ||
        !daemon_begin(&daemon, cmd->daemonize, error)) {
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

/* One line on standard error, as -msg wants it. */
static void report(const CmdLine *cmd, const char *message)
{
    GDateTime *now = g_date_time_new_now_utc();
    char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ");
    const char *name = cmd->process.name_messages ? cmd->guest_name : NULL;
    fprintf(stderr, "%s%s%samphi: %s\n", cmd->process.stamp_messages ? stamp : "", name ? name : "",
            name ? " " : "", message);
    g_free(stamp);
    g_date_time_unref(now);
}

/* `amphi doctor`. */
static int doctor(void)
{
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
    if (argc == 2 && !strcmp(argv[1], "doctor")) {
        return doctor();
    }
    int status = -1;
    if (argc > 1 && !strcmp(argv[1], "run")) {
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
