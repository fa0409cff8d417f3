/*
 * The monitor's commands, and help about them.
 */
#include "softmmu/base/bits.h"
#include "softmmu/objects.h"
#include "ui/gdb.h"
#include "ui/monitor-internal.h"
#include <string.h>

#define MAX_FILES 10000 /* looked at for a completion */

static void complete_cpus(Monitor *mon, const char *word, GPtrArray *out)
{
    for (unsigned i = 0; i < monitor_machine(mon)->ncpus; i++) {
        g_ptr_array_add(out, g_strdup_printf("%u", i));
    }
}

/* Names of files; directories end in a slash. */
static void complete_files(Monitor *mon, const char *word, GPtrArray *out)
{
    const char *slash = strrchr(word, '/'), *name;
    char *path = slash ? g_strndup(word, slash + 1 - word) : g_strdup("");
    GDir *directory = g_dir_open(*path ? path : ".", 0, NULL);
    for (unsigned n = 0; directory && n < MAX_FILES && (name = g_dir_read_name(directory)); n++) {
        if (g_str_has_prefix(name, word + strlen(path))) {
            char *file = g_strconcat(path, name, NULL);
            bool is_directory = g_file_test(file, G_FILE_TEST_IS_DIR);
            g_ptr_array_add(out, g_strconcat(file, is_directory ? "/" : "", NULL));
            g_free(file);
        }
    }
    if (directory) {
        g_dir_close(directory);
    }
    g_free(path);
}

static void complete_devices(Monitor *mon, const char *word, GPtrArray *out)
{
    const Machine *machine = monitor_machine(mon);
    for (unsigned i = 0; i < machine->devices->len; i++) {
        const Device *dev = machine->devices->pdata[i];
        if (device_is_named(dev)) {
            g_ptr_array_add(out, g_strdup(dev->id));
        }
    }
}

static void complete_device_types(Monitor *mon, const char *word, GPtrArray *out)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    const char *name;
    for (unsigned i = 0; hooks->device_nth && (name = hooks->device_nth(i)) != NULL; i++) {
        g_ptr_array_add(out, g_strdup(name));
    }
}

static void complete_objects(Monitor *mon, const char *word, GPtrArray *out)
{
    const UserObject *object;
    for (unsigned i = 0; (object = object_nth(monitor_machine(mon), i)) != NULL; i++) {
        g_ptr_array_add(out, g_strdup(object_id(object)));
    }
}

static void complete_object_types(Monitor *mon, const char *word, GPtrArray *out)
{
    for (unsigned i = 0; object_type_nth(i); i++) {
        g_ptr_array_add(out, g_strdup(object_type_nth(i)));
    }
}

/* Disks by their ids. */
static void complete_drives(Monitor *mon, const char *word, GPtrArray *out)
{
    const MonitorHooks *hooks = monitor_hooks(mon);
    MonitorBlock block;
    for (unsigned i = 0; hooks->block_nth && hooks->block_nth(monitor_machine(mon), i, &block);
         i++) {
        g_ptr_array_add(out, g_strdup(block.id));
    }
}

const HmpCommand hmp_commands[] = {
    {"accel", NULL, "[NAME [CPU]]",
     "show the engines, or switch to one of them (all vCPUs, or one)", hmp_accel, NULL, NULL},
    {"balloon", NULL, "MIB", "ask the guest to make do with so much memory", hmp_balloon, NULL,
     NULL},
    {"block_resize", NULL, "DRIVE SIZE", "make a disk larger; SIZE as 20G, plain in MiB",
     hmp_block_resize, NULL, complete_drives},
    {"cont", "c", "", "go on", hmp_cont, NULL, NULL},
    {"cpu", NULL, "N", "the vCPU that x, print and info registers are about", hmp_cpu, NULL,
     complete_cpus},
    {"device_add", NULL, "TYPE[,PROPERTY=VALUE...]", "add a device, as -device", hmp_device_add,
     NULL, complete_device_types},
    {"device_del", NULL, "ID", "remove a device", hmp_device_del, NULL, complete_devices},
    {"eject", NULL, "DRIVE", "take the medium out of a drive that has one", hmp_eject, NULL,
     complete_drives},
    {"gdbserver", NULL, "[DEVICE|none]",
     "start a gdb server on DEVICE, as -gdb; by default on " GDB_DEFAULT_DEVICE, hmp_gdbserver,
     NULL, NULL},
    {"help", "?", "[COMMAND]", "show this, or what a command takes", hmp_help, NULL,
     hmp_complete_help},
    {"hostfwd_add", NULL, "[NETDEV] [tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT",
     "forward a port of the host to the guest", hmp_hostfwd_add, NULL, NULL},
    {"hostfwd_remove", NULL, "[NETDEV] [tcp|udp]:[ADDRESS]:PORT", "forward it no longer",
     hmp_hostfwd_remove, NULL, NULL},
    {"info", NULL, "TOPIC", "show something about the machine; 'help info' lists the topics", NULL,
     hmp_info_commands, NULL},
    {"loadvm", NULL, "FILE", "replace the machine's state by that of a snapshot", hmp_loadvm, NULL,
     complete_files},
    {"log", NULL, "ITEM,...|none|help", "what to log, as -d", hmp_log, NULL, NULL},
    {"logfile", NULL, "FILE", "where the log goes, as -D", hmp_logfile, NULL, complete_files},
    {"netdev_add", NULL, "TYPE,id=ID[,...]", "add a network, as -netdev", hmp_netdev_add, NULL,
     NULL},
    {"netdev_del", NULL, "ID", "remove a network that has no card", hmp_netdev_del, NULL, NULL},
    {"object_add", NULL, "TYPE,id=ID[,...]", "add an object, as -object", hmp_object_add, NULL,
     complete_object_types},
    {"object_del", NULL, "ID", "remove an object that nothing uses", hmp_object_del, NULL,
     complete_objects},
    {"print", "p", "[/FORMAT] EXPRESSION", "evaluate; registers are $pc, $a0 and so on", hmp_print,
     NULL, NULL},
    {"quit", "q", "", "end amphi", hmp_quit, NULL, NULL},
    {"savevm", NULL, "FILE", "save memory, CPUs and devices (not disks) to a snapshot", hmp_savevm,
     NULL, complete_files},
    {"screendump", NULL, "FILE", "save what the guest's display shows; FILE ends in .png or .ppm",
     hmp_screendump, NULL, complete_files},
    {"sendkey", NULL, "KEYS", "press keys, as in ctrl-alt-delete or ret", hmp_sendkey, NULL, NULL},
    {"stop", "s", "", "stop the guest", hmp_stop, NULL, NULL},
    {"sum", NULL, "ADDRESS SIZE", "checksum of physical memory", hmp_sum, NULL, NULL},
    {"system_powerdown", NULL, "", "press the power button", hmp_system_powerdown, NULL, NULL},
    {"system_reset", NULL, "", "reset the machine", hmp_system_reset, NULL, NULL},
    {"x", NULL, "[/FORMAT] ADDRESS",
     "show memory at a virtual address; the format is a count, one of x d u o c i, and a size b h "
     "w g",
     hmp_examine, NULL, NULL},
    {"xp", NULL, "[/FORMAT] ADDRESS", "show memory at a physical address", hmp_examine_physical,
     NULL, NULL},
    {0},
};

const HmpCommand hmp_info_commands[] = {
    {"balloon", NULL, "", "how much memory the guest has", hmp_info_balloon, NULL, NULL},
    {"block", NULL, "[-v]", "drives; -v: with all details", hmp_info_block, NULL, NULL},
    {"chardev", NULL, "", "character devices", hmp_info_chardev, NULL, NULL},
    {"cpus", NULL, "", "vCPUs", hmp_info_cpus, NULL, NULL},
    {"exits", NULL, "", "exits from natively run guest code, by reason", hmp_info_exits, NULL,
     NULL},
    {"history", NULL, "", "commands entered", hmp_info_history, NULL, NULL},
    {"irq", NULL, "", "inputs of the interrupt controllers", hmp_info_irq, NULL, NULL},
    {"jit", NULL, "", "the translator's statistics", hmp_info_jit, NULL, NULL},
    {"kvm", NULL, "", "whether KVM runs the guest", hmp_info_kvm, NULL, NULL},
    {"mem", NULL, "", "what the current vCPU's page tables map", hmp_info_mem, NULL, NULL},
    {"mtree", NULL, "", "the map of physical memory", hmp_info_mtree, NULL, NULL},
    {"name", NULL, "", "the guest's name", hmp_info_name, NULL, NULL},
    {"network", NULL, "", "network back ends", hmp_info_network, NULL, NULL},
    {"pci", NULL, "", "PCI devices", hmp_info_pci, NULL, NULL},
    {"qom-tree", NULL, "", "devices and objects by their paths in QMP", hmp_info_qom_tree, NULL,
     NULL},
    {"qtree", NULL, "", "devices on their buses, with properties and registers", hmp_info_qtree,
     NULL, NULL},
    {"registers", NULL, "[-a|CPU]", "a vCPU's registers, or those of all", hmp_info_registers, NULL,
     complete_cpus},
    {"snapshots", NULL, "[FILE|DIRECTORY]", "snapshots in a directory, by default the current one",
     hmp_info_snapshots, NULL, complete_files},
    {"status", NULL, "", "whether the guest runs", hmp_info_status, NULL, NULL},
    {"usernet", NULL, "", "connections of user networks", hmp_info_usernet, NULL, NULL},
    {"uuid", NULL, "", "what identifies the guest", hmp_info_uuid, NULL, NULL},
    {"version", NULL, "", "amphi's version", hmp_info_version, NULL, NULL},
    {0},
};

static void print_command(Monitor *mon, const char *prefix, const HmpCommand *cmd)
{
    monitor_printf(mon, "%s%s%s%s%s%s -- %s\n", prefix, cmd->name, cmd->alias ? "|" : "",
                   cmd->alias ? cmd->alias : "", *cmd->args ? " " : "", cmd->args, cmd->help);
}

static void print_table(Monitor *mon, const char *prefix, const HmpCommand *table)
{
    for (const HmpCommand *cmd = table; cmd->name; cmd++) {
        print_command(mon, prefix, cmd);
    }
}

void hmp_help(Monitor *mon, char *args)
{
    char *word = hmp_next_word(&args);
    if (!word) {
        print_table(mon, "", hmp_commands);
        return;
    }
    const HmpCommand *cmd = hmp_lookup(mon, hmp_commands, "", word);
    if (!cmd) {
        return;
    }
    if (!cmd->sub) {
        print_command(mon, "", cmd);
        return;
    }
    char *prefix = g_strdup_printf("%s ", cmd->name);
    word = hmp_next_word(&args);
    const HmpCommand *sub = word ? hmp_lookup(mon, cmd->sub, prefix, word) : NULL;
    if (sub) {
        print_command(mon, prefix, sub);
    } else if (!word) {
        print_table(mon, prefix, cmd->sub);
    }
    g_free(prefix);
}

void hmp_complete_help(Monitor *mon, const char *word, GPtrArray *out)
{
    for (const HmpCommand *cmd = hmp_commands; cmd->name; cmd++) {
        g_ptr_array_add(out, g_strdup(cmd->name));
    }
}
