/*
 * Semihosting: a program that runs without an operating system borrows the host's files, console, time and exit
 * status, by an instruction that does nothing else.
 *
 * Sources: Semihosting for AArch32 and AArch64 (Arm), 2024Q3, chapters 5 and 6; RISC-V Semihosting 0.4, which takes
 * those operations over.
 *
 * What a program may reach of the host: its own console, and files below one directory, never through symbolic
 * links; no commands. All of this is called by the architectures through vcpu_semihosting().
 */
#ifndef AMPHI_SEMIHOSTING_H
#define AMPHI_SEMIHOSTING_H

#include "softmmu/machine.h"

/* What -semihosting-config says; all keys are optional. Takes no ownership. */
typedef struct SemihostingConfig {
    bool userspace;        /* also from user mode */
    Chardev *console;      /* NULL: output goes to standard error, input is at its end */
    const char *directory; /* where files are; NULL: none may be opened */
    const char *arguments; /* the command line that programs see */
} SemihostingConfig;

/* Offers semihosting in @machine, before that is initialised. False with @error if the directory cannot be
 * opened, or the console is taken. */
bool semihosting_new(Machine *machine, const SemihostingConfig *config, GError **error);

#endif
