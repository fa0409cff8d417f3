/*
 * File descriptors that somebody else opened for amphi: sets of -add-fd and add-fd, which files are opened from by the
 * path /dev/fdset/N, and single ones with a name, of getfd.
 *
 * They belong to the machine, which closes what nobody took. Main thread, with the machine lock or before it runs.
 */
#ifndef AMPHI_FDS_H
#define AMPHI_FDS_H

#include "softmmu/machine.h"

#define FDS_NEW_SET (-1)

/* Adds @fd, which is taken over, to set @set; FDS_NEW_SET: the first free number. @opaque, which may be NULL, is kept
 * for who lists them. Returns the set's number, -1 with @error if there is no such set to be. */
int fds_add(Machine *machine, int fd, int64_t set, const char *opaque, GError **error);

/* Closes @fd of @set; all of it if @fd is -1. False: there is no such. */
bool fds_remove(Machine *machine, int set, int fd);

/* A descriptor of a set; false past the end. */
bool fds_nth(Machine *machine, unsigned n, int *set, int *fd, const char **opaque);

/* As open(), of @path or, for "/dev/fdset/N", of a copy of the descriptor there that is open as @flags want it. -1
 * with errno. */
int fds_open(Machine *machine, const char *path, int flags);

/* Keeps @fd, which is taken over, by @name, and closes what had that name. */
void fds_name(Machine *machine, const char *name, int fd);

/* The descriptor that fd=@text means: a number, or a name whose descriptor is the caller's from now on. -1 with @error
 * if it is neither. */
int fds_take(Machine *machine, const char *text, GError **error);

void fds_free(Machine *machine);

#endif
