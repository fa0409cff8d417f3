/*
 * A progress bar on the terminal, for work that keeps its user waiting: on standard error, if that is a
 * terminal, and not before half a second has passed.
 */
#ifndef AMPHI_PROGRESS_H
#define AMPHI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
    const char *what; /* "saving" */
    bool terminal, shown;
    int64_t began, last; /* g_get_monotonic_time() */
} Progress;

void progress_begin(Progress *progress, const char *what);
void progress_show(Progress *progress, uint64_t done, uint64_t total);
/* Clears it away. */
void progress_end(Progress *progress);

#endif
