/*
 * What the monitor's commands share.
 *
 * A command is a row of a const table (hmp-table.c) and a function with the monitor and the text
 * behind the command's name. It runs on the main thread with the machine lock held and answers by
 * monitor_printf().
 */
#ifndef AMPHI_UI_MONITOR_INTERNAL_H
#define AMPHI_UI_MONITOR_INTERNAL_H

#include "ui/monitor.h"

typedef struct Monitor Monitor;

typedef struct HmpCommand {
    const char *name, *alias; /* alias may be NULL */
    const char *args;         /* for help: "[-a]" */
    const char *help;
    /* @args: without blanks at either end; may be changed. */
    void (*run)(Monitor *mon, char *args);
    const struct HmpCommand *sub; /* its second word chooses one of these; then run is NULL */
    /* Adds words that the last argument, of which @word is there, could become; others than those that begin with
     * @word are taken out again. May be NULL. */
    void (*complete)(Monitor *mon, const char *word, GPtrArray *out);
} HmpCommand;

extern const HmpCommand hmp_commands[], hmp_info_commands[]; /* end with a NULL name */

/* Writes text; "\n" becomes "\r\n". */
void monitor_printf(Monitor *mon, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void monitor_puts(Monitor *mon, const char *text);

/* Reports and frees a failed command's @error. */
void monitor_error(Monitor *mon, GError *error);

Machine *monitor_machine(Monitor *mon);

/* The hooks; never NULL. */
const MonitorHooks *monitor_hooks(Monitor *mon);

/* The vCPU that commands are about; NULL, having said so, if the machine has none. */
Vcpu *monitor_cpu(Monitor *mon);
void monitor_set_cpu(Monitor *mon, unsigned index);

const char *monitor_history(Monitor *mon, unsigned n);

/* Runs one command line. */
void monitor_run_command(Monitor *mon, char *line);

/* The next word of *@text, cut off and terminated; NULL at the end. */
char *hmp_next_word(char **text);

/* Parses an index of a vCPU; complains and returns false if it is none. */
bool hmp_parse_cpu(Monitor *mon, const char *text, unsigned *index);

/* Evaluates @text, a C expression of 64-bit integers with $register names. False with @error. */
bool hmp_eval(Monitor *mon, const char *text, uint64_t *value, GError **error);

/* Appends the text of @vcpu's registers, taken while no vCPU runs. */
void hmp_dump_registers(Vcpu *vcpu, GString *out);

/* The command called @word in @table; NULL if there is none. */
const HmpCommand *hmp_find(const HmpCommand *table, const char *word);
/* As hmp_find(), complaining that "@prefix@word" is unknown and naming the nearest. */
const HmpCommand *hmp_lookup(Monitor *mon, const HmpCommand *table, const char *prefix,
                             const char *word);

void hmp_help(Monitor *mon, char *args);
void hmp_complete_help(Monitor *mon, const char *word, GPtrArray *out);

/* hmp-control.c */
void hmp_balloon(Monitor *mon, char *args);
void hmp_block_resize(Monitor *mon, char *args);
void hmp_cont(Monitor *mon, char *args);
void hmp_eject(Monitor *mon, char *args);
void hmp_stop(Monitor *mon, char *args);
void hmp_quit(Monitor *mon, char *args);
void hmp_system_reset(Monitor *mon, char *args);
void hmp_system_powerdown(Monitor *mon, char *args);
void hmp_cpu(Monitor *mon, char *args);
void hmp_accel(Monitor *mon, char *args);
void hmp_hostfwd_add(Monitor *mon, char *args);
void hmp_hostfwd_remove(Monitor *mon, char *args);
void hmp_gdbserver(Monitor *mon, char *args);
void hmp_log(Monitor *mon, char *args);
void hmp_logfile(Monitor *mon, char *args);

/* hmp-objects.c */
void hmp_device_add(Monitor *mon, char *args);
void hmp_device_del(Monitor *mon, char *args);
void hmp_netdev_add(Monitor *mon, char *args);
void hmp_netdev_del(Monitor *mon, char *args);
void hmp_object_add(Monitor *mon, char *args);
void hmp_object_del(Monitor *mon, char *args);

/* hmp-snapshot.c */
void hmp_savevm(Monitor *mon, char *args);
void hmp_screendump(Monitor *mon, char *args);
void hmp_sendkey(Monitor *mon, char *args);
void hmp_loadvm(Monitor *mon, char *args);

/* hmp-info.c */
void hmp_info_balloon(Monitor *mon, char *args);
void hmp_info_chardev(Monitor *mon, char *args);
void hmp_info_cpus(Monitor *mon, char *args);
void hmp_info_history(Monitor *mon, char *args);
void hmp_info_irq(Monitor *mon, char *args);
void hmp_info_kvm(Monitor *mon, char *args);
void hmp_info_mem(Monitor *mon, char *args);
void hmp_info_name(Monitor *mon, char *args);
void hmp_info_qom_tree(Monitor *mon, char *args);
void hmp_info_uuid(Monitor *mon, char *args);
void hmp_info_jit(Monitor *mon, char *args);
void hmp_info_exits(Monitor *mon, char *args);
void hmp_info_block(Monitor *mon, char *args);
void hmp_info_network(Monitor *mon, char *args);
void hmp_info_usernet(Monitor *mon, char *args);
void hmp_info_pci(Monitor *mon, char *args);
void hmp_info_mtree(Monitor *mon, char *args);
void hmp_info_qtree(Monitor *mon, char *args);
void hmp_info_registers(Monitor *mon, char *args);
void hmp_info_snapshots(Monitor *mon, char *args);
void hmp_info_status(Monitor *mon, char *args);
void hmp_info_version(Monitor *mon, char *args);

/* hmp-memory.c */
void hmp_examine(Monitor *mon, char *args);
void hmp_examine_physical(Monitor *mon, char *args);
void hmp_print(Monitor *mon, char *args);
void hmp_sum(Monitor *mon, char *args);

#endif
