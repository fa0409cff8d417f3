/*
 * -daemonize and -pidfile.
 *
 * Going to the background takes two steps: daemon_begin() forks before there are threads, and the original
 * process waits; daemon_ready() lets it end with status 0, once everything that others wait for (sockets,
 * the pid file) is there. If the set-up fails instead, it ends with status 1, and the message has gone to
 * the standard error that both share until then.
 */
#ifndef AMPHI_DAEMON_H
#define AMPHI_DAEMON_H

#include <glib.h>
#include <stdbool.h>

typedef struct Daemon {
    int parent; /* pipe to the waiting process, or -1 */
    int pid_fd; /* the locked pid file, or -1 */
    char *pid_path;
} Daemon;

/* Forks if @background; returns in the child only. */
bool daemon_begin(Daemon *daemon, bool background, GError **error);

/* Writes the pid file @pid_path (NULL: none), which must not be another running process's, and lets go
 * of the terminal and the waiting process. */
bool daemon_ready(Daemon *daemon, const char *pid_path, GError **error);

/* Removes the pid file. */
void daemon_end(Daemon *daemon);

#endif
