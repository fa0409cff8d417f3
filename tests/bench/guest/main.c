/*
 * The benchmark program: runs the kernels of the groups named by its arguments (default: all)
 * and prints for each
 *     BENCH GROUP KERNEL SECONDS CHECKSUM
 * and at last "BENCH end". GROUP/KERNEL as an argument runs one kernel.
 *
 * In a guest it is the first process: the kernel hands it the words after "--" of its command
 * line. It mounts the tmpfs that it needs, and powers the machine off at the end. `boot` as the
 * first argument prints "BENCH init" and powers off.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    const Kernel *kernels;
} groups[] = {
#ifdef VECTOR_ONLY
    {"vector-v", vector_kernels},
#else
    {"integer", integer_kernels}, {"muldiv", muldiv_kernels},     {"double", double_kernels},
    {"vector", vector_kernels},   {"memory", memory_kernels},     {"system", system_kernels},
    {"block", block_kernels},     {"parallel", parallel_kernels},
#endif
};

const char *bench_path;
const char *bench_tmp = "/dev/shm";

void bench_die(const char *message)
{
    printf("BENCH error: %s: %s\n", message, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void run_kernel(const char *group, const Kernel *kernel)
{
    double start;
    uint64_t sum;

    if (kernel->setup) {
        kernel->setup();
    }
    start = now();
    sum = kernel->run();
    printf("BENCH %s %s %.6f %016llx\n", group, kernel->name, now() - start,
           (unsigned long long)sum);
    fflush(stdout);
}

/* In a process of its own: no kernel finds what another left, in memory or as a crash. */
static void run_kernel_alone(const char *group, const Kernel *kernel)
{
    int status = 0;
    pid_t child = fork();

    if (child < 0) {
        bench_die("fork");
    }
    if (child == 0) {
        run_kernel(group, kernel);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0) {
        printf("BENCH error: %s %s: wait status %#x\n", group, kernel->name, status);
        fflush(stdout);
    }
}

/* True if WANTED, GROUP or GROUP/KERNEL, names this kernel. */
static bool names_kernel(const char *wanted, const char *group, const char *kernel)
{
    size_t length = strlen(group);

    if (strncmp(wanted, group, length) != 0) {
        return false;
    }
    return !wanted[length] || (wanted[length] == '/' && !strcmp(wanted + length + 1, kernel));
}

static bool is_wanted(char **wanted, const char *group, const char *kernel)
{
    if (!*wanted) {
        return strcmp(group, "block") != 0; /* which writes to disks */
    }
    for (; *wanted; wanted++) {
        if (names_kernel(*wanted, group, kernel)) {
            return true;
        }
    }
    return false;
}

static void run_groups(char **wanted)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        for (const Kernel *kernel = groups[i].kernels; kernel->name; kernel++) {
            if (is_wanted(wanted, groups[i].name, kernel->name)) {
                run_kernel_alone(groups[i].name, kernel);
            }
        }
    }
    printf("BENCH end\n");
    fflush(stdout);
}

static void power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
}

int main(int argc, char **argv)
{
    bool first_process = getpid() == 1;

    if (argc > 1 && !strcmp(argv[1], "nothing")) {
        return 42; /* what the exec kernel runs */
    }
    bench_path = argv[0];
#ifndef VECTOR_ONLY
    if (argc > 3 && !strcmp(argv[1], "job")) {
        bench_tmp = argv[3];
        return parallel_job((unsigned)atoi(argv[2]));
    }
#endif
    if (argc > 1 && !strcmp(argv[1], "boot")) {
        printf("BENCH init\n");
        fflush(stdout);
        if (first_process) {
            power_off();
        }
        return 0;
    }
    if (first_process) {
        bench_tmp = "/tmp";
        mkdir(bench_tmp, 0777);
        if (mount("tmpfs", bench_tmp, "tmpfs", 0, NULL) != 0) {
            printf("BENCH error: mount: %s\n", strerror(errno));
        }
    }
    run_groups(argv + 1);
    if (first_process) {
        power_off();
    }
    return 0;
}
