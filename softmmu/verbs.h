/*
 * `amphi run FILE`: a command line for who does not want to write one.
 */
#ifndef AMPHI_VERBS_H
#define AMPHI_VERBS_H

#include <glib.h>

/* The command line that `amphi run FILE [OPTION]...` stands for: the machine that @argv[2], a kernel or a disk image, is
 * made for, with a terminal, memory, CPUs and a network, and then the options that follow. For g_strfreev(). NULL with
 * @error if there is no such file. */
char **verb_run(int argc, char **argv, GError **error);

#endif
