/*
 * The options of the command line: the table, and the functions of those that do more than keep a value.
 *
 * Rows of TOPIC_NONE are other spellings, and what scripts made for QEMU pass: either it has no effect here
 * and is accepted, or it is refused as not available yet, which says more than "unknown".
 */
#include "softmmu/base/error.h"
#include "softmmu/cmdline-internal.h"
#include "softmmu/options-json.h"
#include <string.h>

static void append_accel(CmdLine *cmd, const char *name)
{
    cmdline_append(&cmd->accels, (char *)name);
}

static bool opt_accel(CmdLine *cmd, const char *value, GError **error)
{
    append_accel(cmd, g_str_has_prefix(value, "accel=") ? value + 6 : value);
    return true;
}

static bool opt_gdb_default(CmdLine *cmd, const char *value, GError **error)
{
    cmd->gdb = "tcp::1234";
    return true;
}

static bool opt_enable_kvm(CmdLine *cmd, const char *value, GError **error)
{
    append_accel(cmd, "kvm");
    return true;
}

/* Properties of -machine that are options of their own too, or mean nothing here. */
static bool machine_property(CmdLine *cmd, const char *key, const char *value)
{
    static const char *const no_effect[] = {
        "mem-merge", "graphics", "vmport", "hpet", "smm", "kernel-irqchip",
    };
    struct {
        const char *key, **slot;
    } same[] = {
        {"type", &cmd->machine},           {"kernel", &cmd->config.kernel},
        {"initrd", &cmd->config.initrd},   {"append", &cmd->config.append},
        {"dtb", &cmd->config.dtb},         {"firmware", &cmd->config.bios},
        {"dumpdtb", &cmd->config.dumpdtb}, {"memory-backend", &cmd->config.memory_backend},
    };
    /* Names are marked for messages about others like them. */
    for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
        options_mark_used(cmd->config.machine_opts, same[i].key);
        if (!strcmp(key, same[i].key)) {
            *same[i].slot = cmdline_keep(cmd, g_strdup(value));
            return true;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(no_effect); i++) {
        options_mark_used(cmd->config.machine_opts, no_effect[i]);
        if (!strcmp(key, no_effect[i])) {
            return true;
        }
    }
    if (!strcmp(key, "usb") && !strcmp(value, "off")) {
        return true; /* there is none; what asks for it is the board's to refuse */
    }
    if (!strcmp(key, "dump-guest-core") && (!strcmp(value, "off") || !strcmp(value, "on"))) {
        cmd->config.dont_dump = !strcmp(value, "off");
        return true;
    }
    if (!strcmp(key, "accel")) {
        append_accel(cmd, cmdline_keep(cmd, g_strdup(value)));
        return true;
    }
    return false;
}

/* Repeated -machine options add up; what is left for the board goes to config.machine_opts. */
static bool opt_machine(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-machine", value, "type", error);
    if (!opts) {
        return false;
    }
    if (!cmd->config.machine_opts) {
        cmd->config.machine_opts = options_parse("-machine", "", NULL, NULL);
    }
    const char *key, *text;
    for (unsigned i = 0; options_nth(opts, i, &key, &text); i++) {
        if (!machine_property(cmd, key, text)) {
            options_add(cmd->config.machine_opts, key, text);
        }
    }
    options_free(opts);
    return true;
}

static bool opt_memory(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-m", value, "size", error);
    if (!opts) {
        return false;
    }
    options_mark_used(opts, "slots"); /* of memory hotplug, which there is none of */
    options_mark_used(opts, "maxmem");
    uint64_t size = UINT64_MAX;
    bool ok = options_get_size(opts, "size", MIB, &size, error);
    if (ok && size == 0) {
        ok = error_set(error, "-m: a machine without memory cannot run; give a size such as 512M");
    } else if (ok && size != UINT64_MAX) {
        cmd->config.ram_size = size;
    }
    return cmdline_options_done(opts, ok, error);
}

/* A factor of the number of CPUs: 1 unless given. */
static bool smp_factor(Options *opts, const char *key, uint64_t *product, bool *given,
                       GError **error)
{
    uint64_t factor = 0;
    if (!options_get(opts, key, NULL)) {
        return true;
    }
    if (!options_get_u64(opts, key, &factor, error)) {
        return false;
    }
    if (factor == 0 || factor > 4096) {
        return error_set(error, "-smp: %s must be from 1 up", key);
    }
    *product *= factor;
    *given = true;
    return true;
}

/* *@total: with those that could be added. */
static bool smp_count(Options *opts, uint64_t *cpus, uint64_t *total, GError **error)
{
    static const char *const levels[] = {"sockets", "dies", "clusters", "cores", "threads"};
    uint64_t product = 1, max = 0;
    bool given = false;
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        if (!smp_factor(opts, levels[i], &product, &given, error) || product > 4096) {
            return error_set(error,
                             "-smp: that many CPUs cannot be"); /* unless it has one already */
        }
    }
    bool has_cpus = options_get(opts, "cpus", NULL) != NULL;
    if (!options_get_u64(opts, "cpus", cpus, error) ||
        !options_get_u64(opts, "maxcpus", &max, error)) {
        return false;
    }
    if (!has_cpus) {
        *cpus = max ? max : product;
    }
    if (*cpus == 0 || *cpus > 4096) {
        return error_set(error, "-smp: a machine has at least one CPU and at most 4096");
    }
    if (max && max < *cpus) {
        return error_set(error, "-smp: maxcpus=%u is less than cpus=%u", (unsigned)max,
                         (unsigned)*cpus);
    }
    *total = max ? max : *cpus;
    bool whole = options_get(opts, "sockets", NULL) && options_get(opts, "cores", NULL);
    if (given && (whole ? product != *total : *total % product != 0)) {
        return error_set(error, "-smp: the topology has %u CPUs, not %u; make them agree",
                         (unsigned)product, (unsigned)*total);
    }
    return true;
}

static unsigned smp_level(Options *opts, const char *key, unsigned fallback)
{
    uint64_t value = fallback;
    options_get_u64(opts, key, &value, NULL);
    return value;
}

/* Cores of a socket, dies and clusters together: what is not said follows from the rest. 0: nothing is said. */
static unsigned smp_cores(Options *opts, uint64_t total)
{
    unsigned sockets = smp_level(opts, "sockets", 0), cores = smp_level(opts, "cores", 0);

    if (sockets) {
        return MAX(total / (sockets * smp_level(opts, "threads", 1)), 1);
    }
    return cores * smp_level(opts, "dies", 1) * smp_level(opts, "clusters", 1);
}

static bool opt_smp(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-smp", value, "cpus", error);
    if (!opts) {
        return false;
    }
    uint64_t cpus = 1, total = 1;
    bool ok = smp_count(opts, &cpus, &total, error);
    cmd->config.cores = ok ? smp_cores(opts, total) : 0;
    cmd->config.threads = smp_level(opts, "threads", 0);
    cmd->config.cpus = cpus;
    return cmdline_options_done(opts, ok, error);
}

/* "driver.property=value", or the three as keys. */
static bool opt_global(CmdLine *cmd, const char *value, GError **error)
{
    const char *dot = strchr(value, '.'), *equals = strchr(value, '=');
    Options *opts;
    if (dot && equals && dot < equals) {
        char *driver = g_strndup(value, dot - value);
        char *property = g_strndup(dot + 1, equals - dot - 1);
        opts = options_parse("-global", "", NULL, NULL);
        options_add(opts, "driver", driver);
        options_add(opts, "property", property);
        options_add(opts, "value", equals + 1);
        g_free(driver);
        g_free(property);
    } else {
        opts = options_parse("-global", value, NULL, error);
        if (!opts) {
            return false;
        }
        if (!options_get(opts, "driver", NULL) || !options_get(opts, "property", NULL) ||
            !options_get(opts, "value", NULL)) {
            options_free(opts);
            return error_set(error, "-global: '%s' is not DRIVER.PROPERTY=VALUE", value);
        }
    }
    cmdline_append(&cmd->config.globals, opts);
    return true;
}

/* The device name of a -nic or -net nic model. */
static const char *nic_device(const char *model)
{
    if (!model || !strcmp(model, "virtio") || !strcmp(model, "virtio-net")) {
        return "virtio-net-pci";
    }
    return model;
}

/* -device for a card of @model behind netdev @id. */
static void append_nic(CmdLine *cmd, const char *model, const char *mac, const char *id)
{
    Options *dev = options_parse("-device", "", NULL, NULL);
    options_add(dev, "driver", nic_device(model));
    options_add(dev, "netdev", id);
    if (mac) {
        options_add(dev, "mac", mac);
    }
    cmdline_append(&cmd->config.devices, dev);
}

static char *new_nic_id(CmdLine *cmd)
{
    return cmdline_keep(cmd, g_strdup_printf("nic%u",
                                             cmd->config.netdevs ? cmd->config.netdevs->len : 0));
}

/* -nic BACKEND[,model=M][,mac=A][,BACKEND'S OPTIONS]: a -netdev and its -device in one. */
static bool opt_nic(CmdLine *cmd, const char *value, GError **error)
{
    if (!strcmp(value, "none")) {
        return true;
    }
    Options *opts = options_parse("-nic", value, "type", error);
    if (!opts) {
        return false;
    }
    const char *id = options_get(opts, "id", new_nic_id(cmd));
    Options *netdev = options_parse("-nic", "", NULL, NULL);
    const char *key, *text;
    options_add(netdev, "type", options_get(opts, "type", "user"));
    options_add(netdev, "id", id);
    for (unsigned i = 0; options_nth(opts, i, &key, &text); i++) {
        static const char *const others[] = {"type", "id", "model", "mac", NULL};
        if (!g_strv_contains(others, key)) {
            options_add(netdev, key, text);
        }
    }
    cmdline_append(&cmd->config.netdevs, netdev);
    append_nic(cmd, options_get(opts, "model", NULL), options_get(opts, "mac", NULL), id);
    options_free(opts);
    return true;
}

/* -virtfs local,path=FOLDER,mount_tag=TAG,...: an -fsdev and its -device in one. */
static bool opt_virtfs(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-virtfs", value, "fsdriver", error);
    if (!opts) {
        return false;
    }
    const char *tag = options_get(opts, "mount_tag", NULL);
    if (!tag) {
        return cmdline_options_done(opts, error_set(error, "-virtfs: mount_tag=TAG is missing"),
                                    error);
    }
    char *made_up = g_strdup_printf("virtfs%u", cmd->config.fsdevs ? cmd->config.fsdevs->len : 0);
    const char *id = options_get(opts, "id", made_up);
    Options *fsdev = options_parse("-virtfs", "", NULL, NULL);
    Options *dev = options_parse("-device", "", NULL, NULL);
    const char *key, *text;
    options_add(fsdev, "id", id);
    for (unsigned i = 0; options_nth(opts, i, &key, &text); i++) {
        if (strcmp(key, "mount_tag") != 0 && strcmp(key, "id") != 0) {
            options_add(fsdev, key, text);
        }
    }
    options_add(dev, "driver", "virtio-9p-pci");
    options_add(dev, "fsdev", id);
    options_add(dev, "mount_tag", tag);
    cmdline_append(&cmd->config.fsdevs, fsdev);
    cmdline_append(&cmd->config.devices, dev);
    g_free(made_up);
    options_free(opts);
    return true;
}

/* -net nic and -net user, the old pair: both name the network "net0". */
static bool opt_net(CmdLine *cmd, const char *value, GError **error)
{
    static const char id[] = "net0";
    if (!strcmp(value, "none")) {
        return true;
    }
    Options *opts = options_parse("-net", value, "type", error);
    if (!opts) {
        return false;
    }
    const char *type = options_get(opts, "type", "");
    if (!strcmp(type, "user")) {
        options_add(opts, "id", id);
        cmdline_append(&cmd->config.netdevs, opts);
        return true;
    }
    bool ok = true;
    if (strcmp(type, "nic") != 0) {
        ok =
            error_set(error, "-net: '%s' is not available; use 'nic' and 'user', or -netdev", type);
    } else {
        append_nic(cmd, options_get(opts, "model", NULL), options_get(opts, "macaddr", NULL), id);
        options_mark_used(opts, "netdev");
    }
    return cmdline_options_done(opts, ok, error);
}

/* Repeated -boot options add up. */
static bool opt_boot(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = options_parse("-boot", value, "order", error);
    const char *key, *text;
    if (!opts || !cmd->config.boot) {
        cmd->config.boot = opts ? opts : cmd->config.boot;
        return opts != NULL;
    }
    for (unsigned i = 0; options_nth(opts, i, &key, &text); i++) {
        options_add(cmd->config.boot, key, text);
    }
    options_free(opts);
    return true;
}

static bool opt_pflash(CmdLine *cmd, const char *value, GError **error)
{
    Options *drive = options_parse("-pflash", "if=pflash,format=raw", NULL, NULL);
    options_add(drive, "file", value);
    cmdline_append(&cmd->config.drives, drive);
    return true;
}

/* -hda and its like: the disk number @index. */
static bool add_disk(CmdLine *cmd, const char *file, const char *index, const char *media)
{
    Options *drive = options_parse("-drive", "", NULL, NULL);
    options_add(drive, "file", file);
    options_add(drive, "index", index);
    options_add(drive, "media", media);
    cmdline_append(&cmd->config.drives, drive);
    return true;
}

static bool opt_hda(CmdLine *cmd, const char *value, GError **error)
{
    return add_disk(cmd, value, "0", "disk");
}

static bool opt_hdb(CmdLine *cmd, const char *value, GError **error)
{
    return add_disk(cmd, value, "1", "disk");
}

static bool opt_hdc(CmdLine *cmd, const char *value, GError **error)
{
    return add_disk(cmd, value, "2", "disk");
}

static bool opt_hdd(CmdLine *cmd, const char *value, GError **error)
{
    return add_disk(cmd, value, "3", "disk");
}

static bool opt_cdrom(CmdLine *cmd, const char *value, GError **error)
{
    return add_disk(cmd, value, "2", "cdrom");
}

static bool opt_blockdev(CmdLine *cmd, const char *value, GError **error)
{
    Options *opts = value[0] == '{' ? options_parse_json("-blockdev", value, error)
                                    : options_parse("-blockdev", value, "driver", error);
    if (opts) {
        cmdline_append(&cmd->config.blockdevs, opts);
    }
    return opts != NULL;
}

static bool opt_display(CmdLine *cmd, const char *value, GError **error)
{
    if (strcmp(value, "none") != 0) {
        return error_set(error,
                         "-display: '%s' is not available yet; use 'none', with the guest's serial "
                         "port in the terminal",
                         value);
    }
    cmd->display = value;
    return true;
}

static bool opt_vga(CmdLine *cmd, const char *value, GError **error)
{
    if (strcmp(value, "none") != 0 && strcmp(value, "std") != 0) {
        return error_set(error, "-vga: there is no '%s' card; use 'std' or 'none'", value);
    }
    cmd->config.no_vga = !strcmp(value, "none");
    return true;
}

static bool opt_help(CmdLine *cmd, const char *value, GError **error)
{
    if (cmd->action == CMD_RUN) {
        cmd->action = CMD_HELP;
        cmd->help_topic = value;
    }
    return true;
}

static bool opt_semihosting(CmdLine *cmd, const char *value, GError **error)
{
    cmdline_append(&cmd->semihosting, options_parse("-semihosting", "", NULL, NULL));
    return true;
}

static bool opt_version(CmdLine *cmd, const char *value, GError **error)
{
    if (cmd->action == CMD_RUN) {
        cmd->action = CMD_VERSION;
    }
    return true;
}

#define AT(member) offsetof(CmdLine, member)

/* clang-format off */
const CmdOption cmdline_options[] = {
    {"machine", "NAME[,PROPERTY=VALUE...]", TOPIC_MACHINE, true,
     "the machine to be; 'help' lists them", CMD_CALL, 0, NULL, CMD_LIST_MACHINES, opt_machine},
    {"M", "NAME[,...]", TOPIC_NONE, false, "same as -machine", CMD_CALL, 0, NULL, CMD_LIST_MACHINES,
     opt_machine},
    {"cpu", "MODEL[,PROPERTY=on|off...]", TOPIC_MACHINE, true,
     "its processor; 'help' lists models and properties", CMD_STRING, AT(config.cpu_model), NULL,
     CMD_LIST_CPUS, NULL},
    {"accel", "ENGINE[,PROPERTY=VALUE...]", TOPIC_MACHINE, true,
     "how to run guest code; 'help' lists engines", CMD_CALL, 0, NULL,
     CMD_LIST_ACCELS, opt_accel},
    {"smp", "N[,sockets=N][,cores=N][,threads=N]", TOPIC_MACHINE, true,
     "number of CPUs [1]", CMD_CALL, 0, NULL, CMD_RUN, opt_smp},
    {"m", "SIZE", TOPIC_MACHINE, true,
     "memory, in MiB or with a suffix: 512, 2G", CMD_CALL, 0, NULL, CMD_RUN, opt_memory},
    {"name", "NAME", TOPIC_MACHINE, false, "what to call the guest", CMD_CALL, 0, NULL, CMD_RUN, cmdline_name},
    {"uuid", "UUID", TOPIC_MACHINE, false, "what identifies the guest", CMD_CALL, 0, NULL, CMD_RUN,
     cmdline_uuid},
    {"smbios", "type=N,PROPERTY=VALUE...", TOPIC_MACHINE, false,
     "what a PC says of itself; 'help' lists properties", CMD_CALL, 0, NULL, CMD_LIST_SMBIOS, cmdline_smbios},
    {"rtc", "base=utc|localtime|2006-06-17T16:01:21", TOPIC_MACHINE, false,
     "start of the guest's calendar clock [utc]", CMD_CALL, 0, NULL, CMD_RUN, cmdline_rtc},
    {"numa", "node,memdev=ID", TOPIC_MACHINE, false, "the one node, whose memory comes from an object",
     CMD_CALL, 0, NULL, CMD_RUN, cmdline_numa},

    {"kernel", "FILE", TOPIC_BOOT, true, "kernel: an Image (also packed, or with EFI stub) or ELF",
     CMD_STRING, AT(config.kernel), NULL, CMD_RUN, NULL},
    {"initrd", "FILE", TOPIC_BOOT, true, "its initial RAM disk", CMD_STRING, AT(config.initrd), NULL,
     CMD_RUN, NULL},
    {"append", "TEXT", TOPIC_BOOT, true, "its command line", CMD_STRING, AT(config.append), NULL, CMD_RUN,
     NULL},
    {"bios", "FILE|none|default", TOPIC_BOOT, false, "firmware [OpenSBI on RISC-V]", CMD_STRING,
     AT(config.bios), NULL, CMD_RUN, NULL},
    {"dtb", "FILE", TOPIC_BOOT, false, "device tree, instead of the machine's own", CMD_STRING,
     AT(config.dtb), NULL, CMD_RUN, NULL},
    {"boot", "order=cdn[,once=d][,menu=on][,strict=on]", TOPIC_BOOT, false,
     "what a PC starts: c disk, d CD-ROM, n network", CMD_CALL,
     0, NULL, CMD_RUN, opt_boot},
    {"pflash", "FILE", TOPIC_BOOT, false, "image of the next flash bank", CMD_CALL, 0, NULL, CMD_RUN,
     opt_pflash},
    {"loadvm", "FILE", TOPIC_BOOT, false, "go on from a snapshot, as savevm in the monitor makes it", CMD_STRING,
     AT(loadvm), NULL, CMD_RUN, NULL},
    {"no-reboot", NULL, TOPIC_BOOT, false, "end instead of rebooting", CMD_FLAG, AT(config.no_reboot), NULL,
     CMD_RUN, NULL},
    {"no-shutdown", NULL, TOPIC_BOOT, false, "stay, stopped, when the guest powers off", CMD_FLAG,
     AT(config.no_shutdown), NULL, CMD_RUN, NULL},
    {"action", "reboot=reset|shutdown,shutdown=poweroff|pause", TOPIC_BOOT, false,
     "what is done when the guest does that", CMD_CALL, 0, NULL, CMD_RUN, cmdline_action},
    {"S", NULL, TOPIC_BOOT, false, "do not start before the monitor says so", CMD_FLAG, AT(paused), NULL,
     CMD_RUN, NULL},

    {"drive", "file=FILE[,if=virtio|none|pflash][,format=raw|qcow2][,id=ID]...", TOPIC_DISKS, true,
     "a disk; allow-path=PATH: backing files from elsewhere", CMD_OPTIONS, AT(config.drives),
     "file", CMD_RUN, NULL},
    {"hda", "FILE", TOPIC_DISKS, false, "the first disk, of any format", CMD_CALL, 0, NULL, CMD_RUN,
     opt_hda},
    {"hdb", "FILE", TOPIC_DISKS, false, "the second disk", CMD_CALL, 0, NULL, CMD_RUN, opt_hdb},
    {"hdc", "FILE", TOPIC_DISKS, false, "the third disk", CMD_CALL, 0, NULL, CMD_RUN, opt_hdc},
    {"hdd", "FILE", TOPIC_DISKS, false, "the fourth disk", CMD_CALL, 0, NULL, CMD_RUN, opt_hdd},
    {"cdrom", "FILE", TOPIC_DISKS, false, "a disk that is only read", CMD_CALL, 0, NULL, CMD_RUN,
     opt_cdrom},
    {"blockdev", "DRIVER,node-name=NAME,... or JSON", TOPIC_DISKS, false,
     "an image for a -device with drive=NAME", CMD_CALL, 0, NULL, CMD_RUN, opt_blockdev},
    {"snapshot", NULL, TOPIC_DISKS, false, "throw away what is written to disks", CMD_FLAG, AT(snapshot),
     NULL, CMD_RUN, NULL},
    {"device", "TYPE[,PROPERTY=VALUE...]", TOPIC_DEVICES, true,
     "another device; 'help' lists them", CMD_OPTIONS, AT(config.devices),
     "driver", CMD_LIST_DEVICES, NULL},
    {"netdev", "user|tap|socket|stream|dgram,id=ID[,hostfwd=tcp::PORT-:PORT]...", TOPIC_DEVICES, true,
     "a network of the host's for a -device with netdev=ID", CMD_OPTIONS, AT(config.netdevs), "type",
     CMD_LIST_NETDEVS, NULL},
    {"nic", "user[,model=NAME][,mac=ADDRESS][,hostfwd=...]", TOPIC_DEVICES, false,
     "a network and its card in one", CMD_CALL, 0, NULL, CMD_LIST_NETDEVS, opt_nic},
    {"net", "nic|user[,...]", TOPIC_DEVICES, false, "the same, in two", CMD_CALL, 0, NULL, CMD_LIST_NETDEVS,
     opt_net},
    {"virtfs", "local,path=FOLDER,mount_tag=TAG,security_model=MODEL[,readonly=on]", TOPIC_DEVICES, false,
     "a folder for mount -t 9p TAG; MODEL: none, mapped-xattr", CMD_CALL, 0, NULL, CMD_RUN, opt_virtfs},
    {"fsdev", "local,id=ID,path=FOLDER,security_model=MODEL[,readonly=on]", TOPIC_DEVICES, false,
     "the same for a -device virtio-9p-pci with fsdev=ID", CMD_OPTIONS, AT(config.fsdevs),
     "fsdriver", CMD_RUN, NULL},
    {"object", "TYPE,id=ID[,...]", TOPIC_DEVICES, false, "what devices refer to, as rng-random",
     CMD_OPTIONS, AT(config.objects), "qom-type", CMD_LIST_OBJECTS, NULL},
    {"global", "DRIVER.PROPERTY=VALUE", TOPIC_DEVICES, false, "sets a property of all devices of a type",
     CMD_CALL, 0, NULL, CMD_RUN, opt_global},
    {"nodefaults", NULL, TOPIC_DEVICES, false, "no devices that were not asked for", CMD_FLAG,
     AT(config.nodefaults), NULL, CMD_RUN, NULL},
    {"vga", "std|none", TOPIC_DEVICES, false, "the PC's graphics card [std]", CMD_CALL, 0, NULL, CMD_RUN,
     opt_vga},

    {"nographic", NULL, TOPIC_TERMINAL, true, "serial port and monitor in this terminal (Ctrl-A H)",
     CMD_FLAG, AT(nographic), NULL, CMD_RUN, NULL},
    {"display", "none", TOPIC_TERMINAL, false, "no window", CMD_CALL, 0, NULL, CMD_LIST_DISPLAYS,
     opt_display},
    {"serial", "stdio|mon:stdio|file:PATH|unix:PATH,server=on|pty|none", TOPIC_TERMINAL, true,
     "where the next serial port leads", CMD_STRINGS, AT(serials), NULL, CMD_RUN, NULL},
    {"monitor", "stdio|unix:PATH,server=on|none", TOPIC_TERMINAL, true, "where the monitor is",
     CMD_STRINGS, AT(monitors), NULL, CMD_RUN, NULL},
    {"chardev", "TYPE,id=ID[,...]", TOPIC_TERMINAL, false,
     "for -serial chardev:ID, -mon, -device; 'help': types", CMD_OPTIONS,
     AT(chardevs), "backend", CMD_LIST_CHARDEVS, NULL},
    {"echr", "NUMBER", TOPIC_TERMINAL, false, "the character instead of Ctrl-A [1]", CMD_STRING,
     AT(escape), NULL, CMD_RUN, NULL},
    {"qmp", "unix:PATH,server=on,wait=off|tcp:HOST:PORT,...|stdio", TOPIC_TERMINAL, false,
     "where programs reach the monitor (QMP)", CMD_STRINGS, AT(qmps), NULL, CMD_RUN, NULL},
    {"qmp-pretty", "DEVICE", TOPIC_NONE, false, "as -qmp, with indented answers", CMD_STRINGS,
     AT(pretty_qmps), NULL, CMD_RUN, NULL},
    {"mon", "chardev=ID[,mode=readline|control]", TOPIC_TERMINAL, false,
     "a monitor on a character device; control: QMP",
     CMD_OPTIONS, AT(mons), "chardev", CMD_RUN, NULL},

    {"d", "ITEM,...", TOPIC_DEBUG, true, "what to log; 'help' lists items", CMD_STRING, AT(log_items), NULL,
     CMD_LIST_LOG, NULL},
    {"D", "FILE", TOPIC_DEBUG, false, "where to [standard error]", CMD_STRING, AT(log_file), NULL, CMD_RUN,
     NULL},
    {"dfilter", "START..END|START+LENGTH,...", TOPIC_DEBUG, false, "code at these guest addresses only",
     CMD_STRING, AT(log_filter), NULL, CMD_RUN, NULL},

    {"semihosting", NULL, TOPIC_DEBUG, false, "files and console for programs without a system",
     CMD_CALL, 0, NULL, CMD_RUN, opt_semihosting},
    {"semihosting-config", "chardev=ID,dir=PATH,arg=TEXT,userspace=on...", TOPIC_DEBUG, false,
     "that, with console, directory [.], arguments", CMD_OPTIONS, AT(semihosting), "enable",
     CMD_RUN, NULL},
    {"s", NULL, TOPIC_DEBUG, true, "as -gdb tcp::1234", CMD_CALL, 0, NULL, CMD_RUN, opt_gdb_default},
    {"gdb", "tcp:[HOST]:PORT|unix:PATH|stdio|...", TOPIC_DEBUG, false,
     "a gdb server; without HOST for this host only", CMD_STRING, AT(gdb), NULL, CMD_RUN, NULL},

    {"pidfile", "FILE", TOPIC_PROCESS, false, "write the process id there", CMD_STRING, AT(pidfile), NULL,
     CMD_RUN, NULL},
    {"sandbox", "on[,spawn=deny][,elevateprivileges=deny|children]...", TOPIC_PROCESS, false,
     "let the host's kernel refuse what amphi does not need", CMD_CALL, 0, NULL, CMD_RUN, cmdline_sandbox},
    {"overcommit", "mem-lock=on", TOPIC_PROCESS, false, "keep the guest's memory from being swapped out",
     CMD_CALL, 0, NULL, CMD_RUN, cmdline_overcommit},
    {"msg", "timestamp=on,guest-name=on", TOPIC_PROCESS, false, "what messages begin with", CMD_CALL, 0,
     NULL, CMD_RUN, cmdline_msg},
    {"daemonize", NULL, TOPIC_PROCESS, false, "go to the background once everything is set up", CMD_FLAG,
     AT(daemonize), NULL, CMD_RUN, NULL},
    {"add-fd", "fd=N,set=N[,opaque=TEXT]", TOPIC_PROCESS, false,
     "an open file, for what opens /dev/fdset/SET", CMD_OPTIONS, AT(given_fds), NULL, CMD_RUN, NULL},
    {"version", NULL, TOPIC_PROCESS, true, "the version", CMD_CALL, 0, NULL, CMD_RUN, opt_version},
    {"help", "TOPIC|OPTION", TOPIC_PROCESS, true, "help, on all options of a topic, or on one option",
     CMD_CALL, 0, NULL, CMD_RUN, opt_help},
    {"h", NULL, TOPIC_NONE, false, "same as -help", CMD_CALL, 0, NULL, CMD_RUN, opt_help},

    /* Accepted, without effect here. */
    {"enable-kvm", NULL, TOPIC_NONE, false, "same as -accel kvm", CMD_CALL, 0, NULL, CMD_RUN,
     opt_enable_kvm},
    {"parallel", "none", TOPIC_NONE, false, "no parallel port", CMD_CALL, 0, NULL, CMD_RUN, cmdline_parallel},
    {"no-user-config", NULL, TOPIC_NONE, false, "no effect: there are no such files", CMD_IGNORE, 0, NULL,
     CMD_RUN, NULL},
    {"no-acpi", NULL, TOPIC_NONE, false, "no effect", CMD_IGNORE, 0, NULL, CMD_RUN, NULL},
    {"no-hpet", NULL, TOPIC_NONE, false, "no effect", CMD_IGNORE, 0, NULL, CMD_RUN, NULL},
    {"k", "LAYOUT", TOPIC_NONE, false, "no effect: keys are sent by position", CMD_IGNORE_VALUE, 0, NULL,
     CMD_RUN, NULL},
    {"audiodev", "none,id=ID", TOPIC_NONE, false, "no sound", CMD_CALL, 0, NULL, CMD_LIST_AUDIODEVS,
     cmdline_audiodev},

    /* To come. */
    {"vnc", "DISPLAY", TOPIC_NONE, false, "VNC", CMD_CALL, 0, NULL, CMD_RUN, cmdline_vnc},
    {"spice", "OPTIONS", TOPIC_NONE, false, "SPICE", CMD_LATER, 0, NULL, CMD_RUN, NULL},
    {"usb", NULL, TOPIC_NONE, false, "USB", CMD_LATER, 0, NULL, CMD_RUN, NULL},
    {"incoming", "URI", TOPIC_NONE, false, "migration", CMD_LATER, 0, NULL, CMD_RUN, NULL},
    {0},
};
/* clang-format on */
