/*
 * Run a command and time it from its exec to a line of its output.
 *
 *     stopwatch [-c CPU] [-t SECONDS] [-e] [-f FROM] [-x MIB] [-o FILE] TEXT COMMAND [ARGUMENT...]
 *
 * COMMAND runs pinned to CPU, with /dev/null as its standard input. What it prints is passed on.
 * When TEXT has come, three numbers are written to FILE: the time since just before exec (with -f, since
 * the line FROM) in seconds, the largest resident memory so far, and the resident memory outside of mappings
 * of at least MIB (which is what guest memory is), both in KiB. With -e the command is then ended. The
 * exit status is COMMAND's, 0 if it was ended so, 124 if it took longer than SECONDS in all
 * (default 300).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    int cpu;
    double limit;
    bool end;
    const char *from;
    const char *text;
    long large; /* KiB */
    const char *output;
    char **command;
} options = {.cpu = -1, .limit = 300, .large = LONG_MAX};

static void die(const char *what)
{
    fprintf(stderr, "stopwatch: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "+c:t:ef:x:o:")) != -1) {
        switch (option) {
        case 'c': options.cpu = atoi(optarg); break;
        case 't': options.limit = atof(optarg); break;
        case 'e': options.end = true; break;
        case 'f': options.from = optarg; break;
        case 'x': options.large = atol(optarg) * 1024; break;
        case 'o': options.output = optarg; break;
        default: exit(1);
        }
    }
    if (argc - optind < 2) {
        fprintf(stderr,
                "usage: stopwatch [-c CPU] [-t SECONDS] [-e] [-f FROM] [-x MIB] [-o FILE] TEXT "
                "COMMAND...\n");
        exit(1);
    }
    options.text = argv[optind];
    options.command = argv + optind + 1;
}

/* In the child. *START is shared with the parent. */
static void run_command(int output, double *start)
{
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, 0);
    dup2(output, 1);
    dup2(output, 2);
    if (options.cpu >= 0) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(options.cpu, &set);
        if (sched_setaffinity(0, sizeof(set), &set) != 0) {
            die("cannot pin the command to that CPU");
        }
    }
    *start = now();
    execvp(options.command[0], options.command);
    die(options.command[0]);
}

static long resident_peak(pid_t process)
{
    char path[64], line[256];
    long peak = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)process);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmHWM: %ld", &peak) == 1) {
            break;
        }
    }
    if (file) {
        fclose(file);
    }
    return peak;
}

/* Resident memory outside of the large mappings. */
static long resident_small(pid_t process)
{
    char path[64], line[4096];
    long size = 0, resident, sum = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)process);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Rss: %ld", &resident) == 1 && size < options.large) {
            sum += resident;
        }
        sscanf(line, "Size: %ld", &size);
    }
    if (file) {
        fclose(file);
    }
    return sum;
}

static void write_result(double elapsed, pid_t child)
{
    FILE *file = options.output ? fopen(options.output, "w") : NULL;

    if (options.output && !file) {
        die(options.output);
    }
    if (file) {
        fprintf(file, "%.6f %ld %ld\n", elapsed, resident_peak(child), resident_small(child));
        fclose(file);
    }
}

/* True if @text ends in, or is within, what has been printed. SEEN keeps the last bytes. */
static bool find_text(const char *text, char *seen, size_t size, const char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(seen);

        if (data[i] == '\n' || length + 1 == size) {
            seen[0] = 0;
            continue;
        }
        seen[length] = data[i];
        seen[length + 1] = 0;
        if (strstr(seen, text)) {
            return true;
        }
    }
    return false;
}

/* Pass the output on until it ends. Returns the exit status to end with, or -1: the command's. */
static int follow(int output, pid_t child, const double *start)
{
    double until = now() + options.limit;
    bool found = false, begun = !options.from;
    double from = now();
    char seen[512] = "", seen_from[512] = "", data[4096];

    for (;;) {
        struct pollfd wait = {.fd = output, .events = POLLIN};
        double left = until - now();
        ssize_t count;

        if (left <= 0) {
            fprintf(stderr, "stopwatch: %s: over %g s, ended\n", options.command[0], options.limit);
            return 124;
        }
        if (poll(&wait, 1, (int)(left * 1000) + 1) <= 0) {
            continue;
        }
        count = read(output, data, sizeof(data));
        if (count <= 0) {
            return -1;
        }
        if (!begun && find_text(options.from, seen_from, sizeof(seen_from), data, count)) {
            begun = true;
            from = now();
        }
        if (!found && find_text(options.text, seen, sizeof(seen), data, count)) {
            found = true;
            write_result(now() - (options.from ? from : *start), child);
            if (options.end) {
                return 0;
            }
        }
        fwrite(data, 1, count, stdout);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    double *start;
    int output[2], status, result;
    pid_t child;

    read_options(argc, argv);
    start = mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || pipe2(output, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        die("cannot start");
    }
    if (child == 0) {
        run_command(output[1], start);
    }
    close(output[1]);
    result = follow(output[0], child, start);
    if (result >= 0) {
        kill(child, SIGKILL);
    }
    if (waitpid(child, &status, 0) != child) {
        die("waitpid");
    }
    if (result >= 0) {
        return result;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
