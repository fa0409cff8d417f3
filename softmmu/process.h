/*
 * How the process runs: its name, memory that stays in memory, and the sandbox.
 */
#ifndef AMPHI_PROCESS_H
#define AMPHI_PROCESS_H

#include <glib.h>
#include <stdbool.h>

/* What the host's kernel refuses to the process; groups of system calls as -sandbox names them. */
typedef enum SandboxFlags {
    SANDBOX_ON = 1 << 0,
    SANDBOX_OBSOLETE = 1 << 1,
    SANDBOX_PRIVILEGES = 1 << 2,
    SANDBOX_NO_NEW_PRIVILEGES =
        1 << 3, /* only programs that are started get no more than they have */
    SANDBOX_SPAWN = 1 << 4,
    SANDBOX_RESOURCES = 1 << 5,
} SandboxFlags;

typedef struct ProcessOptions {
    const char *name; /* NULL: stays as it is */
    bool lock_memory;
    bool stamp_messages, name_messages; /* error messages begin with the time, the guest's name */
    SandboxFlags sandbox;               /* 0: none */
} ProcessOptions;

/* Names the process and locks its memory, also what it will have. */
bool process_prepare(const ProcessOptions *options, GError **error);

/* Enters the sandbox, for good and with all threads; to be called when everything is set up. */
bool process_enter_sandbox(SandboxFlags flags, GError **error);

#endif
