/*
 * A load like a parallel build: processes, four at a time, each of which reads a text, takes it apart,
 * keeps its words in a table on the heap, and writes a file. What it shows is not the speed of any
 * of that but what more virtual processors than the host has real ones do to it: who holds a lock in the
 * guest may not be running.
 */
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS 144
#define AT_A_TIME 4
#define TEXT_BYTES (256 * 1024)
#define PASSES 3
#define BUCKETS 1024

static void file_name(char *name, size_t size, const char *what, unsigned n)
{
    snprintf(name, size, "%s/%s-%u", bench_tmp, what, n);
}

/* Words of a few letters, separated by blanks. */
static void make_text(void)
{
    static char text[TEXT_BYTES];
    uint64_t seed = 42;
    char name[64];
    int fd;

    for (size_t i = 0; i < sizeof(text); i++) {
        uint64_t r = bench_random(&seed) >> 40;
        text[i] = r % 6 == 0 ? ' ' : (char)('a' + r / 6 % 5);
    }
    file_name(name, sizeof(name), "text", 0);
    fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (fd < 0 || write(fd, text, sizeof(text)) != sizeof(text)) {
        bench_die(name);
    }
    close(fd);
}

typedef struct Word {
    struct Word *next;
    unsigned count;
    char text[];
} Word;

static Word *intern(Word **table, const char *text, size_t len)
{
    uint32_t hash = 5381;
    Word **at;

    for (size_t i = 0; i < len; i++) {
        hash = hash * 33 + (unsigned char)text[i];
    }
    for (at = &table[hash % BUCKETS]; *at; at = &(*at)->next) {
        if (!strncmp((*at)->text, text, len) && !(*at)->text[len]) {
            return *at;
        }
    }
    *at = calloc(1, sizeof(Word) + len + 1);
    if (!*at) {
        bench_die("calloc");
    }
    memcpy((*at)->text, text, len);
    return *at;
}

static void count_words(Word **table, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t end = i;

        while (end < len && text[end] != ' ') {
            end++;
        }
        intern(table, text + i, end - i)->count++;
        i = end + 1;
    }
}

/* One process: its exit status is 0 if it did all. */
int parallel_job(unsigned n)
{
    static Word *table[BUCKETS];
    char name[64], *text = malloc(TEXT_BYTES);
    FILE *file;

    file_name(name, sizeof(name), "text", 0);
    file = fopen(name, "r");
    if (!text || !file || fread(text, 1, TEXT_BYTES, file) != TEXT_BYTES) {
        bench_die(name);
    }
    fclose(file);
    for (unsigned pass = 0; pass < PASSES; pass++) {
        count_words(table, text + n * 64, TEXT_BYTES - n * 64);
    }
    file_name(name, sizeof(name), "object", n);
    file = fopen(name, "w");
    if (!file) {
        bench_die(name);
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (const Word *word = table[i]; word; word = word->next) {
            fprintf(file, "%s %u\n", word->text, word->count);
        }
    }
    return fclose(file) == 0 ? 0 : 1;
}

static void start_job(unsigned n)
{
    char number[12];
    char *arguments[] = {(char *)bench_path, "job", number, (char *)bench_tmp, NULL};
    pid_t child;

    snprintf(number, sizeof(number), "%u", n);
    if (posix_spawn(&child, bench_path, NULL, NULL, arguments, NULL) != 0) {
        bench_die("posix_spawn");
    }
}

static void end_job(void)
{
    int status = 0;

    if (wait(&status) < 0 || status != 0) {
        bench_die("a job failed");
    }
}

static uint64_t sum_object(uint64_t sum, unsigned n)
{
    char name[64], line[256];
    FILE *file;

    file_name(name, sizeof(name), "object", n);
    file = fopen(name, "r");
    if (!file) {
        bench_die(name);
    }
    while (fgets(line, sizeof(line), file)) {
        for (const char *c = line; *c; c++) {
            sum = bench_mix(sum, (unsigned char)*c);
        }
    }
    fclose(file);
    unlink(name);
    return sum;
}

static uint64_t compile_run(void)
{
    uint64_t sum = 0;

    for (unsigned n = 0; n < JOBS; n++) {
        if (n >= AT_A_TIME) {
            end_job();
        }
        start_job(n);
    }
    for (unsigned n = 0; n < AT_A_TIME; n++) {
        end_job();
    }
    for (unsigned n = 0; n < JOBS; n += JOBS / 4) {
        sum = sum_object(sum, n);
    }
    return sum;
}

const Kernel parallel_kernels[] = {
    {"compile", make_text, compile_run},
    {NULL, NULL, NULL},
};
