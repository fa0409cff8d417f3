/*
 * The terminal on standard input in raw mode, restored whatever way the process ends.
 *
 * The terminal's settings belong to the process as a whole (and outlive it), so what is kept here
 * is process-wide too. Main thread only, except the handlers of SIGCONT and SIGABRT, which use
 * async-signal-safe functions only.
 */
#ifndef AMPHI_UI_TERMINAL_H
#define AMPHI_UI_TERMINAL_H

#include <stdbool.h>

/* Sets the terminal on standard input, if it is one, to raw mode: no echo, no lines, no flow
 * control by characters. @signals: Ctrl-C, Ctrl-Z and Ctrl-\ keep their meaning; otherwise they are
 * input. Settings come back with terminal_restore(), at exit(), and raw mode after a suspension. */
void terminal_set_raw(bool signals);

/* Back to the settings from before. Does nothing if they were not changed. */
void terminal_restore(void);

/* Makes writing to @fd (1 or 2) non-blocking without changing the file description that it shares
 * with other processes, where that is possible. Returns a descriptor to write to, the caller's to
 * close by terminal_close_output(). */
int terminal_open_output(int fd);
void terminal_close_output(int fd);

#endif
