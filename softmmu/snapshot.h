/*
 * Snapshots: the state of a whole machine in a file, and back.
 *
 * What is saved: memory, vCPUs, devices, virtual time. What is not: the contents of disks, and what is
 * outside, such as network connections. A file is loaded into a machine of the same make: the same machine
 * type, CPUs, memory and devices, in this process or another, under whatever engine.
 *
 * All functions are called on the main thread with the machine lock held.
 */
#ifndef AMPHI_SNAPSHOT_H
#define AMPHI_SNAPSHOT_H

#include "softmmu/machine.h"

/* Where to show how far it is: @done of @total bytes of memory. @fn may be NULL. */
typedef struct SnapshotProgress {
    void (*fn)(void *opaque, uint64_t done, uint64_t total);
    void *opaque;
} SnapshotProgress;

/* Stops the machine, writes its state to @path, and lets it go on if it was running. The file is there
 * whole or not at all, on stable storage; an older snapshot of that name is replaced, another file is not:
 * that is an error. False with @error: the machine is as it was. */
bool snapshot_save(Machine *machine, const char *path, const SnapshotProgress *progress,
                   GError **error);

/* Stops the machine, replaces its state by that in @path, and lets it go on if it was running. The whole
 * file is checked first: if it is refused the machine goes on as it was. @fresh: the machine has not run
 * yet and ends if this fails, which saves reading the file twice. */
bool snapshot_load(Machine *machine, const char *path, bool fresh, const SnapshotProgress *progress,
                   GError **error);

/* What a file says of itself. */
typedef struct SnapshotInfo {
    char *machine, *date, *name;  /* @name: of the guest; empty: none. For snapshot_info_clear() */
    uint64_t ram_size, file_size; /* bytes */
    int64_t clock;                /* virtual time, ns */
    unsigned cpus;
} SnapshotInfo;

/* Reads that; checks no more than it needs to. */
bool snapshot_info(const char *path, SnapshotInfo *info, GError **error);
void snapshot_info_clear(SnapshotInfo *info);

#endif
