/*
 * Character devices by name: what -serial, -monitor and -chardev ask for.
 *
 * Everything made here is entered in machine->chardevs, which owns it (freed by chardev_free()).
 * All functions are called on the main thread, with the machine lock held or before the machine
 * runs.
 */
#ifndef AMPHI_UI_CHARDEV_H
#define AMPHI_UI_CHARDEV_H

#include "softmmu/machine.h"

/* Opens what -serial and -monitor name in short form:
 *   null, vc             discards
 *   stdio                the terminal
 *   mon:SPEC             SPEC, shared with a monitor by the Ctrl-A multiplexer
 *   file:PATH            output into a file
 *   pty                  a new pseudo-terminal
 *   unix:PATH[,server=on][,wait=off]   also ",server,nowait"
 *   tcp:HOST:PORT[,server=on][,wait=off][,nodelay=on]
 *   chardev:ID           one made by -chardev; if it is a multiplexer, a new channel of it
 * NULL without @error for "none": nothing is connected. @id ("serial0") is new. */
Chardev *chardev_open(Machine *machine, const char *id, const char *spec, GError **error);

/* Makes what -chardev BACKEND,id=ID,... describes; @opts was parsed with the implied key "backend"
 * and stays the caller's. For "help" it prints the back ends on standard output and returns NULL
 * without @error. */
Chardev *chardev_new(Machine *machine, Options *opts, GError **error);

/* Takes up to @max of the oldest bytes that the ring buffer @id holds. NULL with @error if it is none. */
GByteArray *chardev_ringbuf_read(Machine *machine, const char *id, size_t max, GError **error);

/* The names of -chardev's back ends; NULL past the end. */
const char *chardev_backend_nth(unsigned n);

/* For -mon chardev=ID and the like: the device with @id, or a channel of its own if that is a
 * multiplexer. */
Chardev *chardev_claim(Machine *machine, const char *id, GError **error);

/* The escape character of multiplexers made from now on, from -echr's argument: a number 1..31. */
bool chardev_set_escape(Machine *machine, const char *text, GError **error);

#endif
