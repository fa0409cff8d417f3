/*
 * Errors for users: GError in one domain. The message is one line that says what was wrong and what
 * to do about it; main() prints it after "amphi: " and exits with status 1.
 */
#ifndef AMPHI_BASE_ERROR_H
#define AMPHI_BASE_ERROR_H

#include <glib.h>
#include <stdbool.h>

#define AMPHI_ERROR amphi_error_quark()

typedef enum AmphiErrorCode {
    AMPHI_ERROR_FAILED,
    AMPHI_ERROR_NOT_FOUND, /* an unknown name of a device, property, option */
} AmphiErrorCode;

GQuark amphi_error_quark(void);

/* Sets @error (if not NULL) and returns false, so that `return error_set(error, ...)` reads well. */
bool error_set(GError **error, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* As error_set(), with ": " and the text of errno value @err appended. */
bool error_set_errno(GError **error, int err, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/* The member of NULL-terminated @names nearest to @word in edit distance, NULL if none is near. For
 * "unknown X 'foo'; did you mean 'food'?". */
const char *error_nearest(const char *word, const char *const *names);

#endif
