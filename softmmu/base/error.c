/*
 * Errors for users: see error.h. Thread-safe.
 */
#include "softmmu/base/error.h"
#include <string.h>

G_DEFINE_QUARK(amphi - error - quark, amphi_error)

bool error_set(GError **error, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (error && !*error) {
        *error = g_error_new_valist(AMPHI_ERROR, AMPHI_ERROR_FAILED, fmt, args);
    }
    va_end(args);
    return false;
}

bool error_set_errno(GError **error, int err, const char *fmt, ...)
{
    if (error && !*error) {
        va_list args;
        va_start(args, fmt);
        char *text = g_strdup_vprintf(fmt, args);
        va_end(args);
        g_set_error(error, AMPHI_ERROR, AMPHI_ERROR_FAILED, "%s: %s", text, g_strerror(err));
        g_free(text);
    }
    return false;
}

/* Edit distance where a swap of neighbours is one step too; words longer than the rows differ. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { MAX_WORD = 64 };
    size_t alen = strlen(a), blen = strlen(b);
    if (alen >= MAX_WORD || blen >= MAX_WORD) {
        return MAX(alen, blen);
    }
    unsigned rows[3][MAX_WORD];
    for (size_t j = 0; j <= blen; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= alen; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= blen; j++) {
            char ca = g_ascii_tolower(a[i - 1]), cb = g_ascii_tolower(b[j - 1]);
            unsigned best = above[j - 1] + (ca != cb);
            best = MIN(best, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, above2[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[alen % 3][blen];
}

const char *error_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    unsigned best = MAX(strlen(word) / 3, 1) + 1; /* exclusive: one letter in three may be wrong */
    for (unsigned i = 0; word[0] && names[i]; i++) {
        unsigned distance = edit_distance(word, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    if (!nearest && strlen(word) >= 3) { /* what begins alike: "virtio" for "virtio-blk-device" */
        for (unsigned i = 0; names[i] && !nearest; i++) {
            if (g_str_has_prefix(names[i], word)) {
                nearest = names[i];
            }
        }
    }
    return nearest;
}
