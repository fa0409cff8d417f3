/*
 * A progress bar on the terminal: see progress.h. The terminal may be in raw mode.
 */
#include "softmmu/progress.h"
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 40
#define FIRST_US (500 * 1000)
#define EVERY_US (100 * 1000)

void progress_begin(Progress *progress, const char *what)
{
    const char *term = g_getenv("TERM");
    int64_t now = g_get_monotonic_time();
    bool dumb = !term || !strcmp(term, "dumb");
    *progress = (Progress){what, !dumb && isatty(STDERR_FILENO), false, now, now};
}

void progress_show(Progress *progress, uint64_t done, uint64_t total)
{
    static const char full[] = "########################################"; /* WIDTH */
    int64_t now = progress->terminal ? g_get_monotonic_time() : 0;
    if (!progress->terminal || now - progress->began < FIRST_US ||
        now - progress->last < EVERY_US) {
        return;
    }
    double part = total ? MIN((double)done / total, 1.0) : 1.0;
    progress->last = now;
    progress->shown = true;
    fprintf(stderr, "\r%s [%-*.*s] %3d%% of %u MiB ", progress->what, WIDTH, (int)(part * WIDTH),
            full, (int)(part * 100), (unsigned)(total >> 20));
}

void progress_end(Progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r\33[K");
    }
    progress->shown = false;
}
