/*
 * The gdb server: gdb's remote serial protocol over a character device.
 *
 * It runs on the main loop with the machine lock held.
 */
#ifndef AMPHI_UI_GDB_H
#define AMPHI_UI_GDB_H

#include "softmmu/machine.h"

/* Where -s listens. */
#define GDB_DEFAULT_DEVICE "tcp::1234"

/* Starts the machine's gdb server on what @device names, in place of the one there may be: as for -serial, but
 * sockets listen without "server=on" being said, and TCP without a host name on 127.0.0.1 only, as whoever
 * connects owns the guest. "none" ends the server. */
bool gdb_server_start(Machine *machine, const char *device, GError **error);

#endif
