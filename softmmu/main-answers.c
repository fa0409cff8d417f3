/*
 * What there is: machines, and the answers to -machine help and the like, on standard output.
 */
#include "softmmu/main-internal.h"
#include "accel/accel.h"
#include "cpu/riscv/riscv.h"
#include "cpu/x86/x86.h"
#include "hw/hw.h"
#include "hw/x86/smbios-options.h"
#include "hw/net/net.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include "softmmu/objects.h"
#include "ui/chardev.h"
#include <stdio.h>
#include <string.h>

#define QEMU_RELEASE "7.2.0" /* as query-version says it */

const MachineClass *const machine_classes[] = {&riscv_virt_machine,  &riscv_spike_machine,
                                               &riscv_none_machine,  &x86_q35_machine,
                                               &x86_microvm_machine, NULL};

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

const MachineClass *main_find_machine(const char *name, GError **error)
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
    const MachineClass *cls = machine ? main_find_machine(machine, error) : NULL;
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

bool main_answer(CmdLine *cmd, GError **error)
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
    case CMD_LIST_SMBIOS: print_text(smbios_help); break;
    case CMD_OBJECT_HELP: return object_help(cmd->type_help, error);
    case CMD_LIST_AUDIODEVS: printf("Available audio drivers:\nnone\n"); break;
    case CMD_LIST_LOG: return log_set_items("help", error) || !*error;
    case CMD_RUN: break;
    }
    return true;
}
