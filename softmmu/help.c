/*
 * Help for the command line, printed from the table of options.
 *
 * The overview fits on one screen (24 lines of 80 columns) and names the topics, each of which does too; the rest
 * is one option at a time.
 */
#include "softmmu/base/error.h"
#include "softmmu/cmdline.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *title;
} topics[TOPIC_NONE] = {
    [TOPIC_MACHINE] = {"machine", "The machine"},
    [TOPIC_BOOT] = {"boot", "What it boots"},
    [TOPIC_DISKS] = {"disks", "Disks"},
    [TOPIC_DEVICES] = {"devices", "Networks and other devices"},
    [TOPIC_TERMINAL] = {"terminal", "Terminal, serial ports and monitor"},
    [TOPIC_DEBUG] = {"debug", "Looking inside"},
    [TOPIC_PROCESS] = {"process", "amphi itself"},
};

/* "-m SIZE" and what it does, in two columns or, if the first is too wide, on two lines. */
static void print_option(const CmdOption *option)
{
    char *usage = g_strconcat("-", option->name, option->value ? " " : "",
                              option->value ? option->value : "", NULL);
    if (strlen(usage) <= 20) {
        printf("  %-20s  %s\n", usage, option->help);
    } else {
        printf("  %s\n  %-20s  %s\n", usage, "", option->help);
    }
    g_free(usage);
}

/* In the overview only the first alternative of a value is shown. */
static void print_common(const CmdOption *option)
{
    size_t len = option->value ? strcspn(option->value, "[|,") : 0;
    char *usage =
        g_strdup_printf("-%s %.*s", option->name, (int)len, option->value ? option->value : "");
    printf("  %-18s %s\n", usage, option->help);
    g_free(usage);
}

static void print_overview(void)
{
    printf("Usage: amphi [OPTION]...   runs a virtual machine; options are spelled as QEMU's\n"
           "       amphi run KERNEL|DISK [OPTION]...  with a machine that fits\n"
           "       amphi doctor                       what this host lacks, and the remedy\n");
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        if (option->common) {
            print_common(option);
        }
    }
    printf("Topics for --help:");
    for (unsigned i = 0; i < TOPIC_NONE; i++) {
        printf(" %s", topics[i].name);
    }
    printf(" all\n");
}

static void print_topic(CmdTopic topic)
{
    printf("%s:\n", topics[topic].title);
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        if (option->topic == topic) {
            print_option(option);
        }
    }
}

static bool unknown_topic(const char *topic, GError **error)
{
    GPtrArray *names = g_ptr_array_new();
    for (unsigned i = 0; i < TOPIC_NONE; i++) {
        g_ptr_array_add(names, (char *)topics[i].name);
    }
    for (const CmdOption *option = cmdline_options; option->name; option++) {
        g_ptr_array_add(names, (char *)option->name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = error_nearest(topic, (const char *const *)names->pdata);
    g_ptr_array_free(names, true);
    if (nearest) {
        return error_set(error, "--help: no topic or option '%s'; did you mean '%s'?", topic,
                         nearest);
    }
    return error_set(error, "--help: no topic or option '%s'; plain --help lists them", topic);
}

bool cmdline_help(const char *topic, GError **error)
{
    if (!topic) {
        print_overview();
        return true;
    }
    bool all = !strcmp(topic, "all"), found = all;
    for (unsigned i = 0; i < TOPIC_NONE; i++) {
        if (all || !strcmp(topic, topics[i].name)) {
            print_topic(i);
            found = true;
        }
    }
    const char *name = topic + strspn(topic, "-");
    for (const CmdOption *option = cmdline_options; !found && option->name; option++) {
        if (!strcmp(name, option->name)) {
            print_option(option);
            found = true;
        }
    }
    return found || unknown_topic(topic, error);
}
