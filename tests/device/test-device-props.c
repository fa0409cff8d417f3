/*
 * What QMP says a device takes, it takes: each type is made with all its properties at once.
 */
#include "hw/hw.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "softmmu/base/bits.h"
#include "softmmu/objects.h"
#include "tests/device/harness.h"
#include "tests/device/virtio-driver.h"
#include "ui/chardev.h"
#include <string.h>
#include <unistd.h>

/* Values for those whose kind leaves a choice. */
static const char *value_for(const char *name, const char *kind)
{
    static const struct {
        const char *name, *value;
    } values[] = {
        {"drive", "d0"},
        {"mac", "52:54:00:12:34:99"},
        {"chardev", "c0"},
        {"netdev", "n0"},
        {"fsdev", "f0"},
        {"queue-size", "64"},
        {"rx_queue_size", "64"},
        {"addr", "5"},
        {"tx_queue_size", "64"},
        {"nr", "3"},
        {"logical_block_size", "512"},
        {"disable-modern", "off"},
        {"vgamem_mb", "8"},
        {"membar", "4096"},
        {"rng", "r0"},
        {"physical_block_size", "4096"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        if (!strcmp(values[i].name, name)) {
            return values[i].value;
        }
    }
    return !strcmp(kind, "bool") ? "on" : "1";
}

static char *make_disk(void)
{
    GError *error = NULL;
    char *path, zeroes[4096] = {0};
    int fd = g_file_open_tmp("amphi-props-XXXXXX", &path, &error);
    g_assert_no_error(error);
    g_assert_cmpint(write(fd, zeroes, sizeof(zeroes)), ==, sizeof(zeroes));
    close(fd);
    return path;
}

static GPtrArray *one_option(const char *what, const char *text, const char *implied)
{
    GPtrArray *array = g_ptr_array_new();
    g_ptr_array_add(array, options_parse(what, text, implied, NULL));
    return array;
}

/* A machine that has what devices refer to. */
static Machine *make_machine(const MachineClass *cls, const char *disk, const char *text)
{
    GError *error = NULL;
    char *drive = g_strdup_printf("%s,format=raw,if=none,id=d0", disk);
    MachineConfig config = {
        .bios = cls == &riscv_virt_machine ? "none" : NULL,
        .drives = one_option("-drive", drive, "file"),
        .fsdevs =
            one_option("-fsdev", "local,id=f0,path=/,security_model=none,readonly=on", "fsdriver"),
        .netdevs = one_option("-netdev", "user,id=n0", "type"),
        /* A board makes some of them itself when it sees the option. */
        .devices = one_option("-device", text, "driver"),
    };
    Machine *machine = machine_new(cls, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    Options *chardev = options_parse("-chardev", "null,id=c0", "backend", NULL);
    g_assert_nonnull(chardev_new(machine, chardev, &error));
    options_free(chardev);
    Options *rng = options_parse("-object", "rng-builtin,id=r0", "qom-type", NULL);
    g_assert_true(object_add(machine, rng, &error));
    options_free(rng);
    g_free(drive);
    return machine;
}

static void check_type(const char *type, const char *disk)
{
    GError *error = NULL;
    const char *bus = hw_device_bus(type);
    bool pc = !strcmp(bus, "ISA") || !strcmp(bus, "IDE") || !strcmp(bus, "System");
    GString *text = g_string_new(type);
    Property property;
    for (unsigned n = 0; hw_device_property_nth(type, n, &property); n++) {
        g_string_append_printf(text, ",%s=%s", property.name,
                               value_for(property.name, property.kind));
        g_assert_cmpuint(strlen(property.help), >, 0);
    }
    g_test_message("%s", text->str);
    Machine *machine = make_machine(pc ? &x86_q35_machine : &riscv_virt_machine, disk, text->str);
    if (strstr(type, "port") || strstr(type, "console")) {
        create_device(machine, "virtio-serial-pci");
    }
    hw_device_create(machine, machine->config.devices->pdata[0], &error);
    g_assert_no_error(error);
    g_string_free(text, true);
    machine_unlock(machine);
    machine_free(machine);
}

static void test_all(void)
{
    char *disk = make_disk();
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        check_type(type, disk);
    }
    unlink(disk);
    g_free(disk);
}

/* What -device TYPE,help says. */
static void test_help(void)
{
    GString *text = g_string_new(NULL);
    GError *error = NULL;
    g_assert_true(hw_device_type_help("virtio-rng-pci", text, &error));
    g_assert_true(g_str_has_prefix(text->str, "virtio-rng-pci options:\n  rng=<str>  "));
    g_assert_nonnull(
        strstr(text->str, "\n  period=<uint32>              - milliseconds (default: 65536)\n"));
    g_assert_false(hw_device_type_help("virtio-rgn-pci", text, &error));
    g_assert_nonnull(strstr(error->message, "did you mean 'virtio-rng-pci'?"));
    g_error_free(error);
    g_string_free(text, true);
}

static void test_unknown(void)
{
    Property property;
    g_assert_false(hw_device_property_nth("qxl", 0, &property));
    g_assert_null(hw_device_nth(10000));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device-props/all", test_all);
    g_test_add_func("/device-props/help", test_help);
    g_test_add_func("/device-props/unknown", test_unknown);
    return g_test_run();
}
