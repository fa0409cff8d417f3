/*
 * The log: see log.h.
 *
 * The sink is process-wide, like standard error. One mutex keeps lines whole; the mask and the filter
 * are changed by the main thread before vCPUs run or, by the monitor, while they do: the mask is a
 * plain word, the filter an immutable array that is replaced as a whole and never freed while the
 * process lives (a handful of monitor commands).
 */
#include "softmmu/base/log.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

unsigned log_mask;

typedef struct LogRange {
    uint64_t first, last;
} LogRange;

typedef struct LogFilter {
    struct LogFilter *replaced; /* the one before this: a thread may still look at it */
    unsigned n;
    LogRange ranges[];
} LogFilter;

static GMutex log_lock;
static FILE *log_file;        /* NULL: standard error */
static LogFilter *log_ranges; /* NULL: everything passes */

static const struct {
    const char *name;
    unsigned items;
    const char *help; /* NULL: another spelling, not listed */
} log_names[] = {
    {"in_asm", LOG_IN_ASM, "guest code of each translation"},
    {"ir", LOG_IR, "intermediate code as translated from the guest's"},
    {"op", LOG_IR, NULL},
    {"ir_opt", LOG_IR_OPT, "intermediate code after optimization"},
    {"op_opt", LOG_IR_OPT, NULL},
    {"out_asm", LOG_OUT_ASM, "host code of each translation"},
    {"int", LOG_INT, "interrupts and exceptions"},
    {"exec", LOG_EXEC, "each translation entered (much)"},
    {"mmu", LOG_MMU, "page walks and faults"},
    {"guest_errors", LOG_GUEST_ERROR, "what the guest does wrong"},
    {"unimp", LOG_UNIMP, "what the guest asks for and amphi does not have"},
    {"profile", LOG_PROFILE, "where the time went, at exit"},
    {"all", ~0u, "all of these"},
};

void log_help(GString *out)
{
    for (unsigned i = 0; i < ARRAY_SIZE(log_names); i++) {
        if (log_names[i].help) {
            g_string_append_printf(out, "  %-14s %s\n", log_names[i].name, log_names[i].help);
        }
    }
}

static void log_list_items(void)
{
    GString *text =
        g_string_new("Log items (-d ITEM,...; with -D FILE into a file, with -dfilter for some "
                     "addresses only):\n");
    log_help(text);
    fputs(text->str, stdout);
    g_string_free(text, true);
}

static bool unknown_item(const char *item, GError **error)
{
    const char *names[ARRAY_SIZE(log_names) + 1] = {NULL};
    for (unsigned i = 0; i < ARRAY_SIZE(log_names); i++) {
        names[i] = log_names[i].name;
    }
    const char *nearest = error_nearest(item, names);
    if (nearest) {
        return error_set(error, "-d: unknown log item '%s'; did you mean '%s'?", item, nearest);
    }
    return error_set(error, "-d: unknown log item '%s'; '-d help' lists them", item);
}

bool log_set_items(const char *list, GError **error)
{
    char **items = g_strsplit(list, ",", -1);
    unsigned mask = 0;
    bool ok = true;
    for (unsigned n = 0; ok && items[n]; n++) {
        unsigned i = 0;
        while (i < ARRAY_SIZE(log_names) && strcmp(items[n], log_names[i].name) != 0) {
            i++;
        }
        if (i < ARRAY_SIZE(log_names)) {
            mask |= log_names[i].items;
        } else if (!strcmp(items[n], "help") || !strcmp(items[n], "?")) {
            log_list_items();
            ok = false;
        } else if (strcmp(items[n], "none") != 0) {
            ok = unknown_item(items[n], error);
        }
    }
    g_strfreev(items);
    if (ok) {
        __atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
    }
    return ok;
}

bool log_set_file(const char *path, GError **error)
{
    FILE *file = fopen(path, "we");
    if (!file) {
        return error_set_errno(error, errno, "-D: cannot create log file '%s'", path);
    }
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = file;
    g_mutex_unlock(&log_lock);
    return true;
}

/* One range: "a..b", "a+len", "a-len". */
static bool parse_range(const char *text, LogRange *range)
{
    char *end;
    if (!g_ascii_isdigit(text[0])) {
        return false;
    }
    uint64_t a = g_ascii_strtoull(text, &end, 0);
    bool dots = g_str_has_prefix(end, "..");
    char op = *end;
    const char *second = end + (dots ? 2 : 1);
    if ((!dots && op != '+' && op != '-') || !g_ascii_isdigit(second[0])) {
        return false;
    }
    uint64_t b = g_ascii_strtoull(second, &end, 0);
    if (*end) {
        return false;
    }
    if (dots) {
        *range = (LogRange){a, b};
        return a <= b;
    }
    if (b == 0) {
        return false;
    }
    b--;
    if (op == '+') {
        *range = (LogRange){a, a + b < a ? UINT64_MAX : a + b};
    } else {
        *range = (LogRange){a < b ? 0 : a - b, a};
    }
    return true;
}

bool log_set_filter(const char *spec, GError **error)
{
    char **parts = g_strsplit(spec, ",", -1);
    unsigned n = g_strv_length(parts);
    LogFilter *filter = g_malloc0(sizeof(*filter) + n * sizeof(LogRange));
    bool ok = n > 0;
    if (!ok) {
        error_set(error, "-dfilter: no address range; use START..END, START+LENGTH or END-LENGTH");
    }
    for (unsigned i = 0; ok && i < n; i++) {
        ok = parse_range(parts[i], &filter->ranges[i]);
        if (!ok) {
            error_set(error,
                      "-dfilter: '%s' is not an address range; use START..END, START+LENGTH or "
                      "END-LENGTH",
                      parts[i]);
        }
    }
    filter->n = n;
    filter->replaced = log_ranges;
    g_strfreev(parts);
    if (!ok) {
        g_free(filter);
        return false;
    }
    __atomic_store_n(&log_ranges, filter, __ATOMIC_RELEASE);
    return true;
}

bool log_filter(uint64_t pc)
{
    const LogFilter *filter = __atomic_load_n(&log_ranges, __ATOMIC_ACQUIRE);
    if (likely(!filter)) {
        return true;
    }
    for (unsigned i = 0; i < filter->n; i++) {
        if (pc >= filter->ranges[i].first && pc <= filter->ranges[i].last) {
            return true;
        }
    }
    return false;
}

void log_write(const char *text)
{
    g_mutex_lock(&log_lock);
    FILE *file = log_file ? log_file : stderr;
    fputs(text, file);
    fflush(file); /* whatever happens next, what led to it can be read */
    g_mutex_unlock(&log_lock);
}

static G_GNUC_PRINTF(1, 0) void log_vprintf(const char *fmt, va_list args)
{
    char *text = g_strdup_vprintf(fmt, args);
    size_t len = strlen(text);
    if (len && text[len - 1] != '\n') {
        char *line = g_strconcat(text, "\n", NULL);
        g_free(text);
        text = line;
    }
    log_write(text);
    g_free(text);
}

void log_printf(LogItem item, const char *fmt, ...)
{
    if (log_enabled(item)) {
        va_list args;
        va_start(args, fmt);
        log_vprintf(fmt, args);
        va_end(args);
    }
}

/* Whether one more line may be written now: a burst of 20 a second. Sets *@dropped to the lines held
 * back before, when it starts a new second. */
static bool guest_error_allowed(unsigned *dropped)
{
    enum { BURST = 20 };
    static GMutex lock; /* process-wide like the sink that it protects */
    static int64_t second_start;
    static unsigned in_second, held_back;

    g_mutex_lock(&lock);
    int64_t now = g_get_monotonic_time();
    *dropped = 0;
    if (second_start == 0 || now - second_start >= G_USEC_PER_SEC) {
        second_start = now;
        in_second = 0;
        *dropped = held_back;
        held_back = 0;
    }
    bool allowed = in_second < BURST;
    if (allowed) {
        in_second++;
    } else {
        held_back++;
    }
    g_mutex_unlock(&lock);
    return allowed;
}

void log_guest_error(const char *fmt, ...)
{
    unsigned dropped;
    if (!log_enabled(LOG_GUEST_ERROR) || !guest_error_allowed(&dropped)) {
        return;
    }
    if (dropped) {
        log_printf(LOG_GUEST_ERROR, "(%u more lines about the guest's errors held back)\n",
                   dropped);
    }
    va_list args;
    va_start(args, fmt);
    log_vprintf(fmt, args);
    va_end(args);
}
