/*
 * The command line: QEMU's spelling where QEMU has the option, with one or two dashes.
 *
 * cmdline-table.c holds the table of options, by which cmdline.c parses and help.c prints; main.c acts on
 * the result. Main thread only.
 */
#ifndef AMPHI_CMDLINE_H
#define AMPHI_CMDLINE_H

#include "softmmu/machine.h"
#include "softmmu/process.h"

/* What is asked for. */
typedef enum CmdAction {
    CMD_RUN,
    CMD_HELP, /* --help, with help_topic */
    CMD_VERSION,
    CMD_LIST_MACHINES,
    CMD_LIST_CPUS,
    CMD_LIST_ACCELS,
    CMD_LIST_DEVICES,
    CMD_DEVICE_HELP, /* -device TYPE,help: of type_help */
    CMD_LIST_NETDEVS,
    CMD_LIST_CHARDEVS,
    CMD_LIST_DISPLAYS,
    CMD_LIST_OBJECTS,
    CMD_LIST_SMBIOS,
    CMD_OBJECT_HELP, /* -object TYPE,help: of type_help */
    CMD_LIST_AUDIODEVS,
    CMD_LIST_LOG,
} CmdAction;

typedef struct CmdLine {
    CmdAction action;
    const char *help_topic;        /* NULL: the overview */
    const char *type_help;         /* what help is asked about */
    const char *machine;           /* NULL: the default */
    MachineConfig config;          /* without character devices */
    GPtrArray *accels;             /* of char *, as accel_new() takes them, in order */
    GPtrArray *serials, *monitors; /* of char *, as given */
    GPtrArray *qmps, *pretty_qmps; /* as well: -qmp, -qmp-pretty */
    GPtrArray *chardevs, *mons;    /* of Options */
    GPtrArray *given_fds;          /* of Options: -add-fd */
    const char *display, *escape, *pidfile;
    const char *gdb;        /* NULL: no gdb server */
    const char *loadvm;     /* NULL: no snapshot */
    GPtrArray *semihosting; /* of Options: -semihosting-config; NULL: off */
    const char *log_items, *log_file, *log_filter;
    bool nographic, paused, daemonize, snapshot;
    bool numa; /* -numa was given */
    ProcessOptions process;
    const char *guest_name; /* also here, for messages after the config is gone */
    GPtrArray *strings;     /* owned */
} CmdLine;

/* Parses. On failure @error is one line. Either way cmdline_clear() releases what @cmd holds. Option
 * arrays of cmd->config become the machine's with machine_init(); the caller then clears them. */
bool cmdline_parse(CmdLine *cmd, int argc, char **argv, GError **error);
void cmdline_clear(CmdLine *cmd);

/*
 * The table.
 */

/* What --help TOPIC shows together. */
typedef enum CmdTopic {
    TOPIC_MACHINE,
    TOPIC_BOOT,
    TOPIC_DISKS,
    TOPIC_DEVICES,
    TOPIC_TERMINAL,
    TOPIC_DEBUG,
    TOPIC_PROCESS,
    TOPIC_NONE, /* not shown: other spellings, accepted without effect, not available yet */
} CmdTopic;

typedef enum CmdKind {
    CMD_FLAG,    /* sets the bool at offset */
    CMD_STRING,  /* the const char * at offset */
    CMD_STRINGS, /* appends to the GPtrArray * at offset */
    CMD_OPTIONS, /* parses, with the implied key, and appends to the GPtrArray * at offset */
    CMD_CALL,    /* calls fn */
    CMD_IGNORE,  /* no effect, no value */
    CMD_IGNORE_VALUE,
    CMD_LATER, /* known, not available yet */
} CmdKind;

typedef struct CmdOption {
    const char *name;
    const char *value; /* for help; NULL: the option takes none */
    CmdTopic topic;
    bool common; /* in the overview */
    const char *help;
    CmdKind kind;
    size_t offset; /* in CmdLine */
    const char *implied;
    CmdAction list; /* of CMD_OPTIONS and CMD_STRINGS: what the value "help" asks for, or CMD_RUN */
    bool (*fn)(CmdLine *cmd, const char *value, GError **error);
} CmdOption;

extern const CmdOption cmdline_options[]; /* ends with name NULL */

/* Prints the overview, a topic or an option's help on standard output; an unknown topic is an error. */
bool cmdline_help(const char *topic, GError **error);

#endif
