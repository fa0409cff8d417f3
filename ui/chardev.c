/*
 * Character devices by name: see chardev.h. The short forms are rewritten to -chardev's options, so
 * that there is one place that knows what a back end takes.
 */
#include "ui/chardev.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/fds.h"
#include "ui/char-internal.h"
#include "ui/monitor.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

void char_register(Machine *machine, Chardev *chr, const CharOps *ops, const char *id, char *label)
{
    chr->ops = ops;
    chr->id = g_strdup(id);
    chr->label = label;
    g_ptr_array_add(machine->chardevs, chr);
}

/*
 * Nothing.
 */

static void null_write(Chardev *chr, const uint8_t *buf, size_t len)
{
}

static const CharOps null_ops = {
    .name = "null",
    .write = null_write,
};

Chardev *char_null_new(Machine *machine, const char *id)
{
    Chardev *chr = g_new0(Chardev, 1);
    char_register(machine, chr, &null_ops, id, g_strdup("null"));
    chardev_event(chr, CHAR_EVENT_OPENED);
    return chr;
}

/*
 * Back ends by their options.
 */

static Chardev *create_null(Machine *machine, const char *id, Options *opts, GError **error)
{
    return options_check_unused(opts, error) ? char_null_new(machine, id) : NULL;
}

static Chardev *create_stdio(Machine *machine, const char *id, Options *opts, GError **error)
{
    bool signals = true;
    if (!options_get_bool(opts, "signal", &signals, error) || !options_check_unused(opts, error)) {
        return NULL;
    }
    return char_stdio_new(machine, id, signals, error);
}

static Chardev *create_file(Machine *machine, const char *id, Options *opts, GError **error)
{
    const char *path = options_get(opts, "path", NULL);
    const char *input = options_get(opts, "input-path", NULL);
    bool append = false;
    if (!options_get_bool(opts, "append", &append, error) || !options_check_unused(opts, error)) {
        return NULL;
    }
    if (!path || !*path) {
        error_set(error, "%s: a character device of type file needs path=FILE", id);
        return NULL;
    }
    return char_file_new(machine, id, path, input, append, error);
}

static Chardev *create_pipe(Machine *machine, const char *id, Options *opts, GError **error)
{
    const char *path = options_get(opts, "path", NULL);
    if (!options_check_unused(opts, error)) {
        return NULL;
    }
    if (!path || !*path) {
        error_set(error, "%s: a character device of type pipe needs path=FIFO", id);
        return NULL;
    }
    return char_pipe_new(machine, id, path, error);
}

static Chardev *create_ringbuf(Machine *machine, const char *id, Options *opts, GError **error)
{
    uint64_t size = 64 * KIB;
    return options_get_size(opts, "size", 1, &size, error) && options_check_unused(opts, error)
               ? char_ringbuf_new(machine, id, size, error)
               : NULL;
}

static Chardev *create_pty(Machine *machine, const char *id, Options *opts, GError **error)
{
    return options_check_unused(opts, error) ? char_pty_new(machine, id, error) : NULL;
}

/* Reads reconnect= (seconds) or reconnect-ms=. */
static bool get_reconnect(Options *opts, const char *id, unsigned *ms, GError **error)
{
    uint64_t s = 0, value = 0;
    if (!options_get_u64(opts, "reconnect", &s, error) ||
        !options_get_u64(opts, "reconnect-ms", &value, error)) {
        return false;
    }
    if (s > 86400 || value > 86400000) {
        return error_set(error, "%s: reconnect is at most a day (86400 seconds)", id);
    }
    *ms = value ? value : s * 1000;
    return true;
}

static Chardev *create_socket(Machine *machine, const char *id, Options *opts, GError **error)
{
    CharSocketConfig config = {
        .path = options_get(opts, "path", NULL),
        .host = options_get(opts, "host", NULL),
        .port = options_get(opts, "port", NULL),
        .fd = -1,
    };
    const char *fd = options_get(opts, "fd", NULL);
    bool nowait = false;
    if (!options_get_bool(opts, "server", &config.server, error) ||
        !options_get_bool(opts, "nowait", &nowait, error)) { /* old spelling of wait=off */
        return NULL;
    }
    config.wait = config.server && !nowait;
    if (!options_get_bool(opts, "wait", &config.wait, error) ||
        !options_get_bool(opts, "nodelay", &config.nodelay, error) ||
        !options_get_bool(opts, "telnet", &config.telnet, error) ||
        !get_reconnect(opts, id, &config.reconnect_ms, error) ||
        !options_check_unused(opts, error) ||
        (fd && (config.fd = fds_take(machine, fd, error)) < 0)) {
        return NULL;
    }
    if ((config.path != NULL) + (config.port != NULL) + (config.fd >= 0) != 1) {
        error_set(error,
                  "%s: a socket has either path=FILE (unix), host=HOST,port=PORT (TCP) or fd=N",
                  id);
        return NULL;
    }
    return char_socket_new(machine, id, &config, error);
}

typedef struct CharBackend {
    const char *name;
    const char *help;
    Chardev *(*create)(Machine *machine, const char *id, Options *opts, GError **error);
} CharBackend;

static const CharBackend backends[] = {
    {"file", "output into a file: path=FILE[,append=on][,input-path=FILE]", create_file},
    {"null", "discards", create_null},
    {"pipe", "FIFOs PATH.in and PATH.out, or PATH: path=PATH", create_pipe},
    {"pty", "a new pseudo-terminal", create_pty},
    {"ringbuf", "the last output, for ringbuf-read[: size=64K]", create_ringbuf},
    {"socket",
     "path=FILE or host=HOST,port=PORT or fd=N[,server=on[,wait=off][,telnet=on]]"
     "[,reconnect=SECONDS]",
     create_socket},
    {"stdio", "the terminal[,signal=off: Ctrl-C is input]", create_stdio},
};

const char *chardev_backend_nth(unsigned n)
{
    return n < ARRAY_SIZE(backends) ? backends[n].name : NULL;
}

static void print_backends(void)
{
    printf("Available chardev backend types (-chardev TYPE,id=ID[,mux=on][,logfile=FILE],...):\n");
    for (unsigned i = 0; i < ARRAY_SIZE(backends); i++) {
        printf("  %-8s %s\n", backends[i].name, backends[i].help);
    }
}

static const CharBackend *find_backend(const char *name, GError **error)
{
    const char *names[ARRAY_SIZE(backends) + 1] = {NULL};
    for (unsigned i = 0; i < ARRAY_SIZE(backends); i++) {
        if (!strcmp(backends[i].name, name)) {
            return &backends[i];
        }
        names[i] = backends[i].name;
    }
    const char *nearest = error_nearest(name, names);
    if (nearest) {
        error_set(error, "-chardev: unknown type '%s'; did you mean '%s'?", name, nearest);
    } else {
        error_set(error, "-chardev: unknown type '%s'; '-chardev help' lists them", name);
    }
    return NULL;
}

/* What all back ends take; the strings belong to the options. */
typedef struct CommonOptions {
    const char *backend, *id, *logfile;
    bool mux, logappend;
} CommonOptions;

static bool get_common(Options *opts, CommonOptions *common, GError **error)
{
    common->backend = options_get(opts, "backend", NULL);
    common->id = options_get(opts, "id", NULL);
    common->logfile = options_get(opts, "logfile", NULL);
    return options_get_bool(opts, "mux", &common->mux, error) &&
           options_get_bool(opts, "logappend", &common->logappend, error);
}

static FILE *open_log(Machine *machine, const CommonOptions *common)
{
    int how = common->logappend ? O_APPEND : O_TRUNC;
    int fd = fds_open(machine, common->logfile, O_WRONLY | O_CREAT | how);
    return fd < 0 ? NULL : fdopen(fd, "a");
}

/* Makes the device, with a multiplexer on top if wanted. */
static Chardev *create(Machine *machine, Options *opts, const CommonOptions *common, GError **error)
{
    const CharBackend *backend = find_backend(common->backend, error);
    FILE *log = NULL;
    if (!backend) {
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write(), no reason to end */
    if (common->logfile && !(log = open_log(machine, common))) {
        error_set_errno(error, errno, "%s: cannot write to log file '%s'", common->id,
                        common->logfile);
        return NULL;
    }
    char *base_id = g_strdup_printf("%s%s", common->id, common->mux ? "-base" : "");
    Chardev *chr = backend->create(machine, base_id, opts, error);
    g_free(base_id);
    if (chr) {
        chr->log = log;
    } else if (log) {
        fclose(log);
    }
    return chr && common->mux ? char_mux_new(machine, common->id, chr) : chr;
}

Chardev *chardev_new(Machine *machine, Options *opts, GError **error)
{
    CommonOptions common = {0};
    if (!get_common(opts, &common, error)) {
        return NULL;
    }
    if (!common.backend) {
        error_set(error, "-chardev: no type; '-chardev help' lists them");
        return NULL;
    }
    if (!strcmp(common.backend, "help") || !strcmp(common.backend, "?")) {
        print_backends();
        return NULL;
    }
    if (!common.id || !*common.id) {
        error_set(error, "-chardev %s: needs a name for others to refer to; add id=NAME",
                  common.backend);
        return NULL;
    }
    if (machine_find_chardev(machine, common.id)) {
        error_set(error, "-chardev: there are two with id '%s'; rename one", common.id);
        return NULL;
    }
    return create(machine, opts, &common, error);
}

/*
 * Short forms.
 */

/* Parses what follows the address, from the first comma on. */
static bool add_rest(Options *opts, const char *id, const char *rest, GError **error)
{
    Options *parsed = options_parse(id, rest, NULL, error);
    const char *key, *value;
    if (!parsed) {
        return false;
    }
    for (unsigned n = 0; options_nth(parsed, n, &key, &value); n++) {
        options_add(opts, key, value);
    }
    options_free(parsed);
    return true;
}

/* "HOST:PORT" or ":PORT" or "[IPV6]:PORT". */
static bool add_host_port(Options *opts, const char *id, const char *address, GError **error)
{
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1]) {
        return error_set(error, "%s: 'tcp:%s' has no port; write tcp:HOST:PORT", id, address);
    }
    char *host = g_strndup(address, colon - address);
    size_t len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = 0;
        options_add(opts, "host", host + 1);
    } else {
        options_add(opts, "host", host);
    }
    options_add(opts, "port", colon + 1);
    g_free(host);
    return true;
}

/* The options for short form @spec, NULL with @error if it is none. */
static Options *expand_spec(const char *id, const char *spec, GError **error)
{
    static const char *const words[] = {
        "null",      "vc",         "none",      "stdio",         "mon:stdio",
        "pty",       "file:PATH",  "unix:PATH", "tcp:HOST:PORT", "telnet:HOST:PORT",
        "pipe:PATH", "chardev:ID", NULL};
    const char *comma = strchr(spec, ',');
    const char *rest = comma ? comma + 1 : "";
    char *name = comma ? g_strndup(spec, comma - spec) : g_strdup(spec);
    Options *opts = options_parse(id, "", NULL, NULL);
    bool ok = true;

    if (!strcmp(name, "null") || !strcmp(name, "vc") || g_str_has_prefix(name, "vc:")) {
        options_add(opts, "backend", "null"); /* there are no virtual consoles yet */
    } else if (!strcmp(name, "stdio") || !strcmp(name, "pty")) {
        options_add(opts, "backend", name);
    } else if (g_str_has_prefix(spec, "file:")) {
        options_add(opts, "backend", "file");
        options_add(opts, "path", spec + strlen("file:")); /* commas are part of it */
        rest = "";
    } else if (g_str_has_prefix(name, "unix:")) {
        options_add(opts, "backend", "socket");
        options_add(opts, "path", name + strlen("unix:"));
    } else if (g_str_has_prefix(name, "tcp:")) {
        options_add(opts, "backend", "socket");
        ok = add_host_port(opts, id, name + strlen("tcp:"), error);
    } else if (g_str_has_prefix(name, "telnet:")) {
        options_add(opts, "backend", "socket");
        options_add(opts, "telnet", "on");
        ok = add_host_port(opts, id, name + strlen("telnet:"), error);
    } else if (g_str_has_prefix(spec, "pipe:")) {
        options_add(opts, "backend", "pipe");
        options_add(opts, "path", spec + strlen("pipe:"));
        rest = "";
    } else {
        const char *nearest = error_nearest(name, words);
        ok = error_set(error, "%s: unknown character device '%s'; %s%s", id, spec,
                       nearest
                           ? "did you mean "
                           : "known are null, none, stdio, mon:stdio, pty, "
                             "file:PATH, pipe:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT and "
                             "chardev:ID",
                       nearest ? nearest : "");
    }
    ok = ok && (!*rest || add_rest(opts, id, rest, error));
    g_free(name);
    if (!ok) {
        g_clear_pointer(&opts, options_free);
    }
    return opts;
}

Chardev *chardev_claim(Machine *machine, const char *id, GError **error)
{
    Chardev *chr = machine_find_chardev(machine, id);
    if (!chr) {
        const char *names[64] = {NULL};
        for (unsigned i = 0; i < MIN(machine->chardevs->len, ARRAY_SIZE(names) - 1); i++) {
            names[i] = ((Chardev *)machine->chardevs->pdata[i])->id;
        }
        const char *nearest = error_nearest(id, names);
        error_set(error, "there is no character device '%s'; %s%s%s", id,
                  nearest ? "did you mean '" : "make it by -chardev TYPE,id=",
                  nearest ? nearest : id, nearest ? "'?" : "");
        return NULL;
    }
    if (!char_is_mux(chr)) {
        return chr;
    }
    char *channel_id = NULL;
    for (unsigned n = 1; !channel_id; n++) {
        channel_id = g_strdup_printf("%s.%u", id, n);
        if (machine_find_chardev(machine, channel_id)) {
            g_clear_pointer(&channel_id, g_free);
        }
    }
    Chardev *channel = char_mux_channel(machine, channel_id, chr);
    g_free(channel_id);
    return channel;
}

Chardev *chardev_open(Machine *machine, const char *id, const char *spec, GError **error)
{
    CommonOptions common = {.id = id};
    if (!strcmp(spec, "none")) {
        return NULL;
    }
    if (g_str_has_prefix(spec, "chardev:")) {
        return chardev_claim(machine, spec + strlen("chardev:"), error);
    }
    bool monitor = g_str_has_prefix(spec, "mon:");
    if (monitor) {
        spec += strlen("mon:");
    }
    Options *opts = expand_spec(id, spec, error);
    if (!opts) {
        return NULL;
    }
    if (monitor && !strcmp(options_get(opts, "backend", ""), "stdio")) {
        options_add(opts, "signal", "off"); /* Ctrl-C is the guest's; Ctrl-A X ends it */
    }
    Chardev *chr = NULL;
    if (get_common(opts, &common, error)) {
        common.id = id;
        common.mux |= monitor;
        chr = create(machine, opts, &common, error);
    }
    options_free(opts);
    if (!chr || !monitor) {
        return chr;
    }
    char *monitor_id = g_strdup_printf("%s-monitor", id);
    Chardev *channel = char_mux_channel(machine, monitor_id, chr);
    g_free(monitor_id);
    return monitor_new(machine, channel, error) ? chr : NULL;
}

bool chardev_set_escape(Machine *machine, const char *text, GError **error)
{
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end || value < 1 || value > 31) {
        return error_set(
            error,
            "-echr: the escape is the number of a control character, 1 (Ctrl-A) to 31, "
            "not '%s'",
            text);
    }
    machine->mux_escape = value;
    return true;
}
