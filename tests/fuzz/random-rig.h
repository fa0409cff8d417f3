/*
 * Runs random RISC-V programs under amphi and under QEMU's user-mode emulation and finds the first
 * unit of one that makes a difference. A program is an image that is put into the ELF files made from a
 * frame (tests/guest/random/): one for a bare machine, one for Linux. They print their registers and data,
 * a line each, when they end.
 */
#ifndef AMPHI_TESTS_RANDOM_RIG_H
#define AMPHI_TESTS_RANDOM_RIG_H

#include <glib.h>
#include <stdbool.h>

/* What random tests of one kind have in common. */
typedef struct RandomRig {
    const char *frame;    /* source of the frame */
    const char *march;    /* that it is built for */
    const char *qemu_cpu; /* -cpu of qemu-riscv64 */
    const char *cpu;      /* -cpu of amphi; NULL: its default */
} RandomRig;

/* A program that can be cut. */
typedef struct RandomSubject {
    const void *program;
    unsigned units;
    /* Writes its first @units units (rig_write()). */
    void (*write)(const void *program, unsigned units);
    void (*disassemble)(const void *program, unsigned unit);
    /* What line @line of the output is about. */
    char *(*name_line)(unsigned line);
} RandomSubject;

/* Whether the tests can run; otherwise the test is skipped, with the reason. @qemu: it takes part. */
bool rig_available(bool qemu);

/* Builds the frame into a directory of its own, if the tools are there; removes all of it, unless
 * rig_keep_files() was called. */
void rig_set_up(const RandomRig *rig);
void rig_clean_up(void);
void rig_keep_files(void);

/* Puts @size bytes of @image, which begin with the frame's mark, into the ELF files. */
void rig_write(const void *image, gsize size);

/* The output of what was written under -accel @accel, or under QEMU: free with g_free(); NULL if it
 * failed. */
char *rig_run(const RandomRig *rig, const char *accel);
char *rig_run_qemu(const RandomRig *rig);

/* Finds by bisection the unit of @subject that makes the difference between @accel and QEMU (@qemu false:
 * the interpreter), and says what it is. */
void rig_narrow(const RandomRig *rig, const RandomSubject *subject, const char *accel, bool qemu);

#endif
