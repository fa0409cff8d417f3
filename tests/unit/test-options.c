/*
 * Option strings, errors, and the command line.
 */
#include "softmmu/base/error.h"
#include "softmmu/cmdline.h"
#include <errno.h>
#include <string.h>

static Options *parse(const char *text, const char *implied)
{
    GError *error = NULL;
    Options *opts = options_parse("-test", text, implied, &error);
    g_assert_no_error(error);
    return opts;
}

static void test_syntax(void)
{
    Options *opts = parse("first,key=value,flag,path=a,,b=c,empty=,nothing", "type");
    g_assert_cmpstr(options_get(opts, "type", NULL), ==, "first");
    g_assert_cmpstr(options_get(opts, "key", NULL), ==, "value");
    g_assert_cmpstr(options_get(opts, "flag", NULL), ==, "on");
    g_assert_cmpstr(options_get(opts, "path", NULL), ==, "a,b=c");
    g_assert_cmpstr(options_get(opts, "empty", NULL), ==, "");
    g_assert_cmpstr(options_get(opts, "nothing", NULL), ==, "on");
    g_assert_cmpstr(options_get(opts, "other", "x"), ==, "x");
    options_free(opts);

    opts = parse("type=t,a=1,a=2", "type");
    const char *key, *value;
    g_assert_cmpstr(options_get(opts, "type", NULL), ==, "t");
    g_assert_cmpstr(options_get(opts, "a", NULL), ==, "2");
    g_assert_true(options_nth(opts, 1, &key, &value));
    g_assert_cmpstr(key, ==, "a");
    g_assert_cmpstr(value, ==, "1");
    g_assert_false(options_nth(opts, 3, &key, &value));
    options_free(opts);

    GError *error = NULL;
    g_assert_null(options_parse("-test", "a,=b", NULL, &error));
    g_clear_error(&error);
}

static void check_size(const char *text, uint64_t unit, bool ok, uint64_t expect)
{
    GError *error = NULL;
    Options *opts = parse(text, "size");
    uint64_t size = 77;
    g_assert_true(options_get_size(opts, "size", unit, &size, &error) == ok);
    g_assert_true(ok == (error == NULL));
    g_assert_cmpuint(size, ==, ok ? expect : 77);
    g_clear_error(&error);
    options_free(opts);
}

static void test_values(void)
{
    check_size("512", MIB, true, 512 * MIB);
    check_size("512", 1, true, 512);
    check_size("2G", MIB, true, 2 * GIB);
    check_size("2g", MIB, true, 2 * GIB);
    check_size("1.5G", MIB, true, 3 * GIB / 2);
    check_size("100MB", MIB, true, 100 * MIB);
    check_size("4096B", MIB, true, 4096);
    check_size("0x10", MIB, true, 16 * MIB);
    check_size("-1", MIB, false, 0);
    check_size("1X", MIB, false, 0);
    check_size("G", MIB, false, 0);
    check_size("1.G", MIB, false, 0);
    check_size("16E", MIB, false, 0);
    check_size("99999999999999999999", 1, false, 0);
    check_size("0x", 1, false, 0);

    GError *error = NULL;
    Options *opts = parse("a=on,b=no,c=maybe,n=12,h=0x1F,bad=12x", NULL);
    bool flag = false;
    uint64_t number = 0;
    g_assert_true(options_get_bool(opts, "a", &flag, &error) && flag);
    g_assert_true(options_get_bool(opts, "b", &flag, &error) && !flag);
    g_assert_false(options_get_bool(opts, "c", &flag, &error));
    g_clear_error(&error);
    flag = true;
    g_assert_true(options_get_bool(opts, "absent", &flag, &error) && flag);
    g_assert_true(options_get_u64(opts, "n", &number, &error) && number == 12);
    g_assert_true(options_get_u64(opts, "h", &number, &error) && number == 31);
    g_assert_false(options_get_u64(opts, "bad", &number, &error));
    g_assert_nonnull(strstr(error->message, "-test"));
    g_clear_error(&error);
    options_free(opts);
}

static void test_unused(void)
{
    GError *error = NULL;
    Options *opts = parse("file=x,formt=raw", NULL);
    options_get(opts, "file", NULL);
    options_get(opts, "format", NULL);
    g_assert_false(options_check_unused(opts, &error));
    g_assert_cmpstr(error->message, ==, "-test: unknown property 'formt'; did you mean 'format'?");
    g_clear_error(&error);
    options_mark_used(opts, "formt");
    g_assert_true(options_check_unused(opts, &error));
    options_free(opts);
}

static void test_nearest(void)
{
    static const char *const names[] = {
        "virtio-blk-device", "virtio-net-device", "kernel", "m", "smp", NULL};
    g_assert_cmpstr(error_nearest("kernal", names), ==, "kernel");
    g_assert_cmpstr(error_nearest("kenrel", names), ==, "kernel");
    g_assert_cmpstr(error_nearest("virtio-blk-devic", names), ==, "virtio-blk-device");
    g_assert_cmpstr(error_nearest("virtio-net", names), ==, "virtio-net-device");
    g_assert_cmpstr(error_nearest("smpp", names), ==, "smp");
    g_assert_null(error_nearest("zebra", names));
    g_assert_null(error_nearest("", names));
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    g_assert_null(error_nearest(longest, names));
}

static void test_error_set(void)
{
    GError *error = NULL;
    g_assert_false(error_set(NULL, "ignored %d", 1));
    g_assert_false(error_set(&error, "first %d", 1));
    g_assert_false(error_set(&error, "second"));
    g_assert_cmpstr(error->message, ==, "first 1");
    g_assert_error(error, AMPHI_ERROR, AMPHI_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_false(error_set_errno(&error, ENOENT, "cannot open '%s'", "x"));
    g_assert_cmpstr(error->message, ==, "cannot open 'x': No such file or directory");
    g_clear_error(&error);
}

/*
 * The command line.
 */

static bool command(CmdLine *cmd, const char *line, GError **error)
{
    char **argv = g_strsplit(line, " ", -1);
    bool ok = cmdline_parse(cmd, g_strv_length(argv), argv, error);
    /* What was parsed points into the words. */
    for (unsigned i = 0; argv[i]; i++) {
        g_ptr_array_add(cmd->strings, argv[i]);
    }
    g_free(argv);
    return ok;
}

static void test_command(void)
{
    CmdLine cmd;
    GError *error = NULL;
    g_assert_true(
        command(&cmd,
                "amphi -machine virt,accel=kvm:tcg,aia=none -M usb=off --cpu rv64,sv57=off "
                "-smp 4,sockets=1,cores=4,threads=1 -m 2G -kernel Image -initrd rd.gz "
                "-append console=ttyS0 -drive file=a.img,if=none,id=d0 -drive b.img -snapshot "
                "-device virtio-blk-device,drive=d0 -netdev user,id=n0 -nographic -no-reboot "
                "-accel jit,tb-size=64 -global virtio-mmio.force-legacy=false -S -d int",
                &error));
    g_assert_no_error(error);
    g_assert_true(cmd.action == CMD_RUN);
    g_assert_cmpstr(cmd.machine, ==, "virt");
    g_assert_cmpuint(cmd.accels->len, ==, 2);
    g_assert_cmpstr(cmd.accels->pdata[0], ==, "kvm:tcg");
    g_assert_cmpstr(cmd.accels->pdata[1], ==, "jit,tb-size=64");
    g_assert_cmpstr(options_get(cmd.config.machine_opts, "aia", NULL), ==, "none");
    g_assert_null(options_get(cmd.config.machine_opts, "usb", NULL));
    g_assert_cmpstr(cmd.config.cpu_model, ==, "rv64,sv57=off");
    g_assert_cmpuint(cmd.config.cpus, ==, 4);
    g_assert_cmpuint(cmd.config.ram_size, ==, 2 * GIB);
    g_assert_cmpstr(cmd.config.kernel, ==, "Image");
    g_assert_cmpstr(cmd.config.append, ==, "console=ttyS0");
    g_assert_cmpuint(cmd.config.drives->len, ==, 2);
    g_assert_cmpstr(options_get(cmd.config.drives->pdata[1], "file", NULL), ==, "b.img");
    g_assert_cmpstr(options_get(cmd.config.drives->pdata[1], "snapshot", NULL), ==, "on");
    g_assert_cmpstr(options_get(cmd.config.devices->pdata[0], "driver", NULL), ==,
                    "virtio-blk-device");
    g_assert_cmpstr(options_get(cmd.config.netdevs->pdata[0], "type", NULL), ==, "user");
    g_assert_cmpstr(options_get(cmd.config.globals->pdata[0], "property", NULL), ==,
                    "force-legacy");
    g_assert_true(cmd.nographic && cmd.paused && cmd.config.no_reboot);
    cmdline_clear(&cmd);
}

/* What libvirt says about the process and the guest's surroundings. */
static void test_command_host(void)
{
    CmdLine cmd;
    GError *error = NULL;
    g_assert_true(
        command(&cmd,
                "amphi -name guest=vm1,process=qemu-vm1,debug-threads=on -machine "
                "virt,usb=off,dump-guest-core=off,memory-backend=ram0 -object "
                "{\"qom-type\":\"memory-backend-ram\",\"id\":\"ram0\",\"size\":67108864} "
                "-overcommit mem-lock=off "
                "-rtc base=2006-06-17T16:01:21,driftfix=slew -boot strict=on -action "
                "reboot=shutdown,shutdown=pause -audiodev {\"id\":\"audio1\",\"driver\":\"none\"} "
                "-vnc none "
                "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
                "-msg timestamp=on "
                "-device {\"driver\":\"virtio-rng-pci\",\"bus\":\"pcie.0\"}",
                &error));
    g_assert_no_error(error);
    g_assert_cmpstr(cmd.config.name, ==, "vm1");
    g_assert_cmpstr(cmd.process.name, ==, "qemu-vm1");
    g_assert_true(cmd.config.dont_dump);
    g_assert_cmpstr(cmd.config.memory_backend, ==, "ram0");
    g_assert_cmpstr(options_get(cmd.config.objects->pdata[0], "size", NULL), ==, "67108864");
    g_assert_cmpstr(options_get(cmd.config.devices->pdata[0], "bus", NULL), ==, "pcie.0");
    g_assert_true(cmd.config.no_reboot && cmd.config.no_shutdown);
    g_assert_false(cmd.process.lock_memory);
    g_assert_true(cmd.process.stamp_messages);
    g_assert_cmpint(cmd.process.sandbox, ==,
                    SANDBOX_ON | SANDBOX_OBSOLETE | SANDBOX_PRIVILEGES | SANDBOX_SPAWN |
                        SANDBOX_RESOURCES);
    gint64 then = g_get_real_time() / G_USEC_PER_SEC + cmd.config.rtc_offset;
    g_assert_cmpint(ABS(then - 1150560081), <, 3600); /* however slowly the test runs */
    cmdline_clear(&cmd);

    g_assert_true(
        command(&cmd, "amphi -sandbox on,elevateprivileges=children -sandbox off", &error));
    g_assert_cmpint(cmd.process.sandbox, ==, 0);
    cmdline_clear(&cmd);
    g_assert_true(command(&cmd, "amphi -no-reboot -action reboot=reset -rtc base=utc", &error));
    g_assert_false(cmd.config.no_reboot);
    g_assert_cmpint(cmd.config.rtc_offset, ==, 0);
    cmdline_clear(&cmd);
}

static void test_command_nic(void)
{
    CmdLine cmd;
    GError *error = NULL;
    g_assert_true(command(&cmd,
                          "amphi -nic user,model=virtio-net-device,hostfwd=tcp::1-:2,mac=1 "
                          "-net nic,model=virtio -net user",
                          &error));
    g_assert_cmpuint(cmd.config.netdevs->len, ==, 2);
    g_assert_cmpuint(cmd.config.devices->len, ==, 2);
    Options *net = cmd.config.netdevs->pdata[0], *dev = cmd.config.devices->pdata[0];
    g_assert_cmpstr(options_get(net, "hostfwd", NULL), ==, "tcp::1-:2");
    g_assert_null(options_get(net, "mac", NULL));
    g_assert_cmpstr(options_get(dev, "driver", NULL), ==, "virtio-net-device");
    g_assert_cmpstr(options_get(dev, "netdev", NULL), ==, options_get(net, "id", NULL));
    g_assert_cmpstr(options_get(dev, "mac", NULL), ==, "1");
    net = cmd.config.netdevs->pdata[1], dev = cmd.config.devices->pdata[1];
    g_assert_cmpstr(options_get(dev, "driver", NULL), ==, "virtio-net-pci");
    g_assert_cmpstr(options_get(dev, "netdev", NULL), ==, options_get(net, "id", NULL));
    cmdline_clear(&cmd);
}

static void test_command_smp(void)
{
    static const struct {
        const char *line;
        unsigned cpus;           /* 0: refused */
        unsigned cores, threads; /* of a socket, of a core; 0: not said */
    } cases[] = {
        {"amphi -smp 8", 8, 0, 0},
        {"amphi -smp cpus=3", 3, 0, 0},
        {"amphi -smp sockets=2,cores=2", 4, 2, 0},
        {"amphi -smp 2,maxcpus=4", 2, 0, 0},
        {"amphi -smp 4,cores=2", 4, 2, 0},
        {"amphi -smp 4,sockets=2", 4, 2, 0},
        {"amphi -smp 4,sockets=4", 4, 1, 0},
        {"amphi -smp 8,sockets=2,threads=2", 8, 2, 2},
        {"amphi -smp 8,sockets=1,dies=2,cores=2,threads=2", 8, 4, 2},
        {"amphi -smp 8,dies=2,cores=2", 8, 4, 0},
        {"amphi -smp 2,maxcpus=8,sockets=2", 2, 4, 0},
        {"amphi -smp 0", 0, 0, 0},
        {"amphi -smp 3,sockets=2,cores=2", 0, 0, 0},
        {"amphi -smp 4,maxcpus=2", 0, 0, 0},
        {"amphi -smp x", 0, 0, 0},
        {"amphi -smp 4,cors=2", 0, 0, 0},
        {"amphi -smp cores=4096,threads=4096", 0, 0, 0},
        {"amphi -smp cores=0", 0, 0, 0},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        CmdLine cmd;
        GError *error = NULL;
        g_test_message("%s", cases[i].line);
        g_assert_true(command(&cmd, cases[i].line, &error) == (cases[i].cpus != 0));
        g_assert_true((error == NULL) == (cases[i].cpus != 0));
        if (!error) {
            g_assert_cmpuint(cmd.config.cpus, ==, cases[i].cpus);
            g_assert_cmpuint(cmd.config.cores, ==, cases[i].cores);
            g_assert_cmpuint(cmd.config.threads, ==, cases[i].threads);
        }
        g_clear_error(&error);
        cmdline_clear(&cmd);
    }
}

static void test_command_help(void)
{
    static const struct {
        const char *line;
        CmdAction action;
    } cases[] = {
        {"amphi", CMD_HELP},
        {"amphi --help", CMD_HELP},
        {"amphi -h", CMD_HELP},
        {"amphi --help boot", CMD_HELP},
        {"amphi --version", CMD_VERSION},
        {"amphi -version", CMD_VERSION},
        {"amphi -machine help", CMD_LIST_MACHINES},
        {"amphi -M ?", CMD_LIST_MACHINES},
        {"amphi -M none -accel help", CMD_LIST_ACCELS},
        {"amphi -cpu help -machine virt", CMD_LIST_CPUS},
        {"amphi -device ?", CMD_LIST_DEVICES},
        {"amphi -device virtio-blk-pci,help", CMD_DEVICE_HELP},
        {"amphi -object help", CMD_LIST_OBJECTS},
        {"amphi -object secret,help", CMD_OBJECT_HELP},
        {"amphi -audiodev help", CMD_LIST_AUDIODEVS},
        {"amphi -smbios help", CMD_LIST_SMBIOS},
        {"amphi -netdev help", CMD_LIST_NETDEVS},
        {"amphi -chardev ?", CMD_LIST_CHARDEVS},
        {"amphi -d help", CMD_LIST_LOG},
        {"amphi -display help", CMD_LIST_DISPLAYS},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        CmdLine cmd;
        GError *error = NULL;
        g_assert_true(command(&cmd, cases[i].line, &error));
        g_assert_no_error(error);
        g_assert_cmpint(cmd.action, ==, cases[i].action);
        cmdline_clear(&cmd);
    }
}

static void test_command_bad(void)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"amphi -kernal x", "unknown option '-kernal'; did you mean '-kernel'?"},
        {"amphi --xyzzy", "unknown option '--xyzzy'; --help shows what there is"},
        {"amphi -kernel", "-kernel needs a value: -kernel FILE"},
        {"amphi disk.img",
         "'disk.img' is not an option; a disk image is given with -drive file=disk.img"},
        {"amphi -m 12Q", "-m: size is a size such as 512M or 2G, not '12Q'"},
        {"amphi -m 0", "-m: a machine without memory cannot run; give a size such as 512M"},
        {"amphi -m 1G,maxmen=2G", "-m: unknown property 'maxmen'; did you mean 'maxmem'?"},
        {"amphi -vnc :0", "-vnc is not available yet; use 'none' or leave it out"},
        {"amphi -action reboot=never", "-action: reboot is reset or shutdown, not 'never'"},
        {"amphi -action reset=shutdown", "-action: unknown property 'reset'; remove it"},
        {"amphi -sandbox on,spawn=no", "-sandbox: spawn is allow or deny, not 'no'"},
        {"amphi -audiodev alsa,id=a",
         "-audiodev: driver 'alsa' is not available: there is no sound; use 'none'"},
        {"amphi -audiodev none", "-audiodev: id=ID is missing"},
        {"amphi -numa node,nodeid=1",
         "-numa: there is one node; use node,memdev=ID once, or leave it out"},
        {"amphi -rtc base=noon",
         "-rtc: base is utc, localtime or a date such as 2006-06-17T16:01:21, not 'noon'"},
        {"amphi -rtc clock=sun", "-rtc: clock is host or rt or vm, not 'sun'"},
        {"amphi -overcommit cpu-pm=on", "-overcommit: cpu-pm=on is not available; leave it out"},
        {"amphi -device {\"driver\":", "-device: '{\"driver\":' is not a JSON object"},
        {"amphi -global x", "-global: 'x' is not DRIVER.PROPERTY=VALUE"},
        {"amphi -smbios type=1,uuid=12", "-smbios: '12' is not of the form "
                                         "12345678-1234-1234-1234-123456789abc"},
        {"amphi -net tap", "-net: 'tap' is not available; use 'nic' and 'user', or -netdev"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        CmdLine cmd;
        GError *error = NULL;
        g_assert_false(command(&cmd, cases[i].line, &error));
        g_assert_nonnull(error);
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_clear_error(&error);
        cmdline_clear(&cmd);
    }
}

/* Help is complete and fits: one screen for the overview, no line over 100 columns. */
static void test_help_table(void)
{
    unsigned common = 0;
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        common += option->common;
        g_assert_nonnull(option->help);
        g_assert_cmpuint(strlen(option->help), <=, option->common ? 59 : 77);
        g_assert_true((option->kind == CMD_CALL) == (option->fn != NULL));
    }
    g_assert_cmpuint(common + 4, <=, 24);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/syntax", test_syntax);
    g_test_add_func("/options/values", test_values);
    g_test_add_func("/options/unused", test_unused);
    g_test_add_func("/error/nearest", test_nearest);
    g_test_add_func("/error/set", test_error_set);
    g_test_add_func("/cmdline/run", test_command);
    g_test_add_func("/cmdline/host", test_command_host);
    g_test_add_func("/cmdline/nic", test_command_nic);
    g_test_add_func("/cmdline/smp", test_command_smp);
    g_test_add_func("/cmdline/help", test_command_help);
    g_test_add_func("/cmdline/bad", test_command_bad);
    g_test_add_func("/cmdline/table", test_help_table);
    return g_test_run();
}
