/*
 * The log: a process-wide sink, like standard error, and the one global that layers share.
 *
 * Items are chosen with -d, the destination with -D, the guest address range with -dfilter.
 * log_mask is read without a lock on hot paths; it changes only from the main thread.
 */
#ifndef AMPHI_BASE_LOG_H
#define AMPHI_BASE_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum LogItem {
    LOG_IN_ASM = 1 << 0,      /* guest code of each translation */
    LOG_IR = 1 << 1,          /* IR as the front end made it */
    LOG_IR_OPT = 1 << 2,      /* IR after optimization */
    LOG_OUT_ASM = 1 << 3,     /* host code */
    LOG_INT = 1 << 4,         /* interrupts and exceptions */
    LOG_EXEC = 1 << 5,        /* each translation entered */
    LOG_MMU = 1 << 6,         /* page walks and faults */
    LOG_GUEST_ERROR = 1 << 7, /* what the guest does wrong */
    LOG_UNIMP = 1 << 8,       /* what the guest asks for and amphi does not have */
    LOG_PROFILE = 1 << 9,     /* where the time went, at exit */
} LogItem;

extern unsigned log_mask;

static inline bool log_enabled(LogItem item)
{
    return __builtin_expect((log_mask & item) != 0, 0);
}

/* Sets the items from a comma-separated list as of -d ("help" lists them on standard output and
 * returns false with no error). Unknown items: @error names the nearest. */
bool log_set_items(const char *list, GError **error);

/* Appends a line for each item. */
void log_help(GString *out);

/* Sends the log to file @path (created or truncated) instead of standard error. */
bool log_set_file(const char *path, GError **error);

/* Limits IN_ASM, IR, IR_OPT, OUT_ASM and EXEC to guest addresses as of -dfilter: "start..end",
 * "start+len", "start-len", several with commas. */
bool log_set_filter(const char *spec, GError **error);

/* Whether @pc passes the filter (true without one). */
bool log_filter(uint64_t pc);

/* Writes if @item is enabled. Thread-safe: one call is written in one piece. */
void log_printf(LogItem item, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Writes text that the caller has checked to be wanted, such as a dump in several lines. */
void log_write(const char *text);

/* As log_printf(LOG_GUEST_ERROR), limited to a burst of 20 lines a second over the process. */
void log_guest_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

#endif
