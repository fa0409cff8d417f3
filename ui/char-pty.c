/*
 * A pseudo-terminal: the other end is a terminal device that any terminal program can open.
 *
 * While nobody has the slave side open, the master reports a hang-up; a timer looks for the end of
 * that, since there is no event for it. Output in the meantime is dropped.
 */
#include "ui/char-internal.h"
#include "softmmu/base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define PTY_POLL_MS 200

typedef struct CharPty {
    Chardev chr;
    CharFd fd;
    int master;
    GMainContext *context;
    GSource *timer;
} CharPty;

static void pty_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    char_fd_write(&((CharPty *)chr)->fd, buf, len);
}

static void pty_accept_input(Chardev *chr)
{
    char_fd_accept_input(&((CharPty *)chr)->fd);
}

static void pty_hangup(Chardev *chr);

static gboolean look_for_peer(void *data)
{
    CharPty *s = data;
    struct pollfd fd = {s->master, POLLIN, 0};
    if (poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP)) {
        return G_SOURCE_CONTINUE;
    }
    char_source_clear(&s->timer);
    s->fd.hangup = pty_hangup;
    char_fd_start(&s->fd, &s->chr, s->context, s->master, s->master);
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
    return G_SOURCE_REMOVE;
}

static void pty_hangup(Chardev *chr)
{
    CharPty *s = (CharPty *)chr;
    char_fd_stop(&s->fd);
    if (s->chr.open) {
        chardev_event(&s->chr, CHAR_EVENT_CLOSED);
    }
    s->timer = char_timer(s->context, PTY_POLL_MS, look_for_peer, s);
}

static void pty_close(Chardev *chr)
{
    CharPty *s = (CharPty *)chr;
    char_source_clear(&s->timer);
    char_fd_drain(&s->fd, 500);
    char_fd_stop(&s->fd);
    close(s->master);
}

static const CharOps pty_ops = {
    .name = "pty",
    .write = pty_write,
    .accept_input = pty_accept_input,
    .close = pty_close,
};

/* A master with its slave in raw mode, closed; its name in @name. -1 with errno. */
static int open_pty(char *name, size_t size)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) {
        return -1;
    }
    int slave = -1, err;
    if (grantpt(master) < 0 || unlockpt(master) < 0 || (err = ptsname_r(master, name, size)) != 0 ||
        (slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
        err = errno;
        close(master);
        errno = err;
        return -1;
    }
    struct termios settings;
    if (tcgetattr(slave, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(slave, TCSANOW, &settings);
    }
    close(slave); /* opened and closed once: from now on, nobody there is a hang-up */
    return master;
}

Chardev *char_pty_new(Machine *machine, const char *id, GError **error)
{
    char name[64];
    int master = open_pty(name, sizeof(name));
    if (master < 0) {
        error_set_errno(error, errno, "%s: cannot make a pseudo-terminal (is /dev/pts mounted?)",
                        id);
        return NULL;
    }
    CharPty *s = g_new0(CharPty, 1);
    s->master = master;
    s->context = machine->context;
    char_fd_stop(&s->fd);
    char_register(machine, &s->chr, &pty_ops, id, g_strdup_printf("pty:%s", name));
    s->timer = char_timer(s->context, PTY_POLL_MS, look_for_peer, s);
    /* Programs that start a virtual machine read the name from this line. */
    printf("char device redirected to %s (label %s)\n", name, id);
    fflush(stdout);
    return &s->chr;
}
