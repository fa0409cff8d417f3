/*
 * The terminal (or whatever standard input and output are) as a character device.
 *
 * A terminal is in raw mode from the main loop's first round on, so that while the machine is made
 * Ctrl-C still ends the process. At the end of input the device stays: output goes on.
 */
#include "ui/char-internal.h"
#include "softmmu/base/error.h"
#include "ui/terminal.h"
#include <sys/stat.h>
#include <unistd.h>

typedef struct CharStdio {
    Chardev chr;
    CharFd fd;
    GSource *raw_source; /* sets raw mode */
    bool signals;
} CharStdio;

static void stdio_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    char_fd_write(&((CharStdio *)chr)->fd, buf, len);
}

static void stdio_accept_input(Chardev *chr)
{
    char_fd_accept_input(&((CharStdio *)chr)->fd);
}

static void stdio_close(Chardev *chr)
{
    CharStdio *s = (CharStdio *)chr;
    int out = s->fd.out;
    char_fd_drain(&s->fd, 500);
    char_fd_stop(&s->fd);
    char_source_clear(&s->raw_source);
    terminal_close_output(out);
    terminal_restore();
}

static const CharOps stdio_ops = {
    .name = "stdio",
    .write = stdio_write,
    .accept_input = stdio_accept_input,
    .close = stdio_close,
};

static gboolean on_started(void *data)
{
    CharStdio *s = data;
    terminal_set_raw(s->signals);
    char_source_clear(&s->raw_source);
    return G_SOURCE_REMOVE;
}

Chardev *char_stdio_new(Machine *machine, const char *id, bool signals, GError **error)
{
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        const Chardev *other = machine->chardevs->pdata[i];
        if (other->ops == &stdio_ops) {
            error_set(error,
                      "%s: the terminal is taken by '%s'; share it by -serial mon:stdio, or by "
                      "-chardev stdio,mux=on,id=... and chardev:ID",
                      id, other->id);
            return NULL;
        }
    }
    CharStdio *s = g_new0(CharStdio, 1);
    char_register(machine, &s->chr, &stdio_ops, id, g_strdup("stdio"));
    s->signals = signals;
    s->raw_source = char_timer(machine->context, 0, on_started, s);
    int out = terminal_open_output(STDOUT_FILENO);
    struct stat st;
    s->fd.is_socket = fstat(out, &st) == 0 && S_ISSOCK(st.st_mode);
    char_fd_start(&s->fd, &s->chr, machine->context, STDIN_FILENO, out);
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
    return &s->chr;
}
