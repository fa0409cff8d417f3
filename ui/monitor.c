/*
 * The human monitor: lines in, commands out. See monitor.h; the commands are in hmp-*.c.
 *
 * The prompt is the one that tools which send commands by text wait for, "(qemu) ".
 */
#include "ui/monitor.h"
#include "softmmu/base/error.h"
#include "ui/line-editor.h"
#include "ui/monitor-internal.h"
#include <string.h>

#define MONITOR_PROMPT "(qemu) "

struct Monitor {
    Machine *machine;
    Chardev *chr;
    LineEditor *editor; /* NULL for one command: see monitor_run_text() */
    GString *text;      /* what that printed */
    unsigned cpu;
    bool focused; /* false on a multiplexer that shows something else */
    bool greeted; /* this peer has seen the banner */
};

/*
 * Output.
 */

void monitor_puts(Monitor *mon, const char *text)
{
    if (mon->text) {
        g_string_append(mon->text, text);
        return;
    }
    while (*text) {
        size_t n = strcspn(text, "\n");
        chardev_write(mon->chr, text, n);
        text += n;
        if (*text) {
            chardev_write(mon->chr, "\r\n", 2);
            text++;
        }
    }
}

void monitor_printf(Monitor *mon, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    monitor_puts(mon, text);
    g_free(text);
}

void monitor_error(Monitor *mon, GError *error)
{
    monitor_printf(mon, "Error: %s\n", error ? error->message : "failed");
    g_clear_error(&error);
}

/*
 * For commands.
 */

Machine *monitor_machine(Monitor *mon)
{
    return mon->machine;
}

const MonitorHooks *monitor_hooks(Monitor *mon)
{
    static const MonitorHooks none;
    return mon->machine->monitor_hooks ? mon->machine->monitor_hooks : &none;
}

Vcpu *monitor_cpu(Monitor *mon)
{
    if (mon->cpu >= mon->machine->ncpus) {
        monitor_puts(mon, "No CPU available\n");
        return NULL;
    }
    return mon->machine->cpus[mon->cpu];
}

void monitor_set_cpu(Monitor *mon, unsigned index)
{
    mon->cpu = index;
}

const char *monitor_history(Monitor *mon, unsigned n)
{
    return mon->editor ? line_editor_history(mon->editor, n) : NULL;
}

/*
 * Command lines.
 */

char *hmp_next_word(char **text)
{
    char *start = *text + strspn(*text, " \t");
    char *end = start + strcspn(start, " \t");
    if (start == end) {
        *text = end;
        return NULL;
    }
    *text = *end ? end + 1 : end;
    *end = 0;
    return start;
}

const HmpCommand *hmp_find(const HmpCommand *table, const char *word)
{
    for (const HmpCommand *cmd = table; cmd->name; cmd++) {
        if (!strcmp(cmd->name, word) || (cmd->alias && !strcmp(cmd->alias, word))) {
            return cmd;
        }
    }
    return NULL;
}

const HmpCommand *hmp_lookup(Monitor *mon, const HmpCommand *table, const char *prefix,
                             const char *word)
{
    const char *names[128] = {NULL};
    const HmpCommand *cmd = hmp_find(table, word);
    if (cmd) {
        return cmd;
    }
    for (unsigned i = 0; table[i].name && i < ARRAY_SIZE(names) - 1; i++) {
        names[i] = table[i].name;
    }
    const char *nearest = error_nearest(word, names);
    if (nearest) {
        monitor_printf(mon, "unknown command: '%s%s'; did you mean '%s%s'?\n", prefix, word, prefix,
                       nearest);
    } else {
        monitor_printf(mon, "unknown command: '%s%s'; 'help%s%s' lists them\n", prefix, word,
                       *prefix ? " " : "", g_str_has_prefix(prefix, "info") ? "info" : "");
    }
    return NULL;
}

/* Whether @word may have a format attached, as "x/4i". */
static bool takes_format(const char *word)
{
    static const char *const names[] = {"x/", "xp/", "p/", "print/"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (g_str_has_prefix(word, names[i])) {
            return true;
        }
    }
    return false;
}

void monitor_run_command(Monitor *mon, char *line)
{
    char *rest = g_strstrip(line), *copy = NULL;
    if (!*rest) {
        return;
    }
    size_t word_len = strcspn(rest, " \t");
    char *slash = memchr(rest, '/', word_len);
    if (slash && takes_format(rest)) {
        /* "x/4i ADDR" is "x /4i ADDR". */
        copy = g_strdup_printf("%.*s %s", (int)(slash - rest), rest, slash);
        rest = copy;
    }
    char *word = hmp_next_word(&rest);
    const HmpCommand *cmd = hmp_lookup(mon, hmp_commands, "", word);
    if (cmd && cmd->sub) {
        char *prefix = g_strdup_printf("%s ", cmd->name);
        char *second = hmp_next_word(&rest);
        if (second) {
            cmd = hmp_lookup(mon, cmd->sub, prefix, second);
        } else {
            char topic[] = "info";
            hmp_help(mon, topic);
            cmd = NULL;
        }
        g_free(prefix);
    }
    if (cmd) {
        cmd->run(mon, g_strstrip(rest));
    }
    g_free(copy);
}

void monitor_run_text(Machine *machine, const char *line, GString *out)
{
    monitor_run_text_on(machine, 0, line, out);
}

void monitor_run_text_on(Machine *machine, unsigned cpu, const char *line, GString *out)
{
    Monitor mon = {.machine = machine, .cpu = cpu, .text = out};
    char *copy = g_strdup(line);
    monitor_run_command(&mon, copy);
    g_free(copy);
}

/*
 * Completion.
 */

static void add_names(const HmpCommand *table, const char *prefix, GPtrArray *out)
{
    for (const HmpCommand *cmd = table; cmd->name; cmd++) {
        if (g_str_has_prefix(cmd->name, prefix)) {
            g_ptr_array_add(out, g_strdup(cmd->name));
        }
    }
}

static void keep_prefixed(GPtrArray *words, const char *prefix)
{
    for (unsigned i = words->len; i-- > 0;) {
        if (!g_str_has_prefix(words->pdata[i], prefix)) {
            g_ptr_array_remove_index(words, i);
        }
    }
}

static void monitor_complete(void *opaque, const char *line, GPtrArray *out)
{
    Monitor *mon = opaque;
    const HmpCommand *table = hmp_commands, *cmd = NULL;
    char **words = g_strsplit_set(line, " \t", -1);
    unsigned n = g_strv_length(words);
    /* Walk down the commands already typed; the last word is what is to be completed. */
    for (unsigned i = 0; i + 1 < n; i++) {
        if (*words[i] && table) {
            cmd = hmp_find(table, words[i]);
            table = cmd ? cmd->sub : NULL;
        }
    }
    const char *last = n ? words[n - 1] : "";
    if (table) {
        add_names(table, last, out);
    } else if (cmd && cmd->complete) {
        cmd->complete(mon, last, out);
        keep_prefixed(out, last);
    }
    g_strfreev(words);
}

/*
 * The character device.
 */

static void editor_write(void *opaque, const char *text, size_t len)
{
    chardev_write(((Monitor *)opaque)->chr, text, len);
}

static void editor_enter(void *opaque, char *line)
{
    Monitor *mon = opaque;
    monitor_run_command(mon, line);
    if (!__atomic_load_n(&mon->machine->quit_requested, __ATOMIC_RELAXED)) {
        line_editor_show(mon->editor);
    }
}

static const LineEditorOps editor_ops = {
    .write = editor_write,
    .enter = editor_enter,
    .complete = monitor_complete,
};

static void greet(Monitor *mon)
{
    if (!mon->greeted) {
        const char *version = monitor_hooks(mon)->version;
        mon->greeted = true;
        monitor_printf(mon, "amphi %s monitor - type 'help' for more information\n",
                       version ? version : "");
    }
    line_editor_show(mon->editor);
}

static size_t monitor_can_receive(void *opaque)
{
    return 4096;
}

static void monitor_receive(void *opaque, const uint8_t *buf, size_t len)
{
    line_editor_feed(((Monitor *)opaque)->editor, buf, len);
}

static void monitor_event(void *opaque, CharEvent event)
{
    Monitor *mon = opaque;
    switch (event) {
    case CHAR_EVENT_OPENED:
        if (mon->focused) {
            greet(mon);
        }
        break;
    case CHAR_EVENT_CLOSED:
        mon->greeted = false;
        line_editor_reset(mon->editor);
        break;
    case CHAR_EVENT_FOCUS:
        if (!mon->focused && mon->chr->open) {
            monitor_puts(mon, "\n");
            greet(mon);
        }
        mon->focused = true;
        break;
    case CHAR_EVENT_UNFOCUS: mon->focused = false; break;
    case CHAR_EVENT_BREAK: break;
    }
}

static void monitor_released(void *opaque)
{
    Monitor *mon = opaque;
    line_editor_free(mon->editor);
    g_free(mon);
}

static const CharHandlers monitor_handlers = {
    .can_receive = monitor_can_receive,
    .receive = monitor_receive,
    .event = monitor_event,
    .released = monitor_released,
    .background = true,
};

bool monitor_new(Machine *machine, Chardev *chr, GError **error)
{
    if (chr->handlers) {
        return error_set(error,
                         "the monitor cannot have character device '%s', which is in use; make it "
                         "a shared one with mux=on",
                         chr->id);
    }
    Monitor *mon = g_new0(Monitor, 1);
    mon->machine = machine;
    mon->chr = chr;
    mon->focused = true;
    mon->editor = line_editor_new(MONITOR_PROMPT, &editor_ops, mon);
    chardev_set_handlers(chr, &monitor_handlers, mon);
    return true;
}
