/*
 * Between the files of the program, softmmu/main*.c, which see across the layers. Main thread.
 */
#ifndef AMPHI_MAIN_INTERNAL_H
#define AMPHI_MAIN_INTERNAL_H

#include "softmmu/cmdline.h"
#include "ui/monitor.h"

#define AMPHI_VERSION "0.1.0"

/* The machine called @name; the default for NULL. NULL with @error if there is none. */
const MachineClass *main_find_machine(const char *name, GError **error);

/* Answers a question instead of running. */
bool main_answer(CmdLine *cmd, GError **error);

extern const MonitorHooks main_monitor_hooks;

/* What -serial and -monitor are if not given: with a terminal for a screen, both are there. False with @error if the
 * terminal is wanted and left by -daemonize. */
bool main_default_terminal(CmdLine *cmd, GError **error);

/* -chardev, -serial (which go to cmd->config), the monitors. */
bool main_open_chardevs(Machine *machine, CmdLine *cmd, GError **error);
bool main_open_serials(Machine *machine, CmdLine *cmd, GError **error);
bool main_open_monitors(Machine *machine, CmdLine *cmd, GError **error);

bool main_set_up_semihosting(Machine *machine, const CmdLine *cmd, GError **error);

#endif
