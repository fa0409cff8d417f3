/*
 * Output into a file, as -serial file:PATH; optionally with input from another (input-path=). And FIFOs.
 */
#include "ui/char-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct CharFile {
    Chardev chr;
    CharFd fd;
    int in, out;
} CharFile;

static void file_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    char_fd_write(&((CharFile *)chr)->fd, buf, len);
}

static void file_accept_input(Chardev *chr)
{
    char_fd_accept_input(&((CharFile *)chr)->fd);
}

static void file_close(Chardev *chr)
{
    CharFile *s = (CharFile *)chr;
    char_fd_drain(&s->fd, 500);
    char_fd_stop(&s->fd);
    close(s->out);
    if (s->in >= 0) {
        close(s->in);
    }
}

static const CharOps file_ops = {
    .name = "file",
    .write = file_write,
    .accept_input = file_accept_input,
    .close = file_close,
};

static const CharOps pipe_ops = {
    .name = "pipe",
    .write = file_write,
    .accept_input = file_accept_input,
    .close = file_close,
};

/* A device over descriptors that it takes over. */
static Chardev *start(Machine *machine, const CharOps *ops, const char *id, char *label, int in,
                      int out)
{
    CharFile *s = g_new0(CharFile, 1);
    s->in = in;
    s->out = out;
    char_register(machine, &s->chr, ops, id, label);
    char_fd_start(&s->fd, &s->chr, machine->context, in, out);
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
    return &s->chr;
}

/* Opens for writing. Non-blocking, which matters for FIFOs and devices. */
static int open_output(Machine *machine, const char *path, bool append)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = fds_open(machine, path, flags | (append ? O_APPEND : O_TRUNC));
    int inherited;
    char end;
    /* /proc/self/fd/N cannot be opened when it is a socket, but that is what is meant. */
    if (fd < 0 && errno == ENXIO &&
        (sscanf(path, "/proc/self/fd/%d%c", &inherited, &end) == 1 ||
         sscanf(path, "/dev/fd/%d%c", &inherited, &end) == 1)) {
        return fcntl(inherited, F_DUPFD_CLOEXEC, 3);
    }
    if (fd < 0 && errno == ENXIO) {
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO without reader yet */
    }
    return fd;
}

Chardev *char_file_new(Machine *machine, const char *id, const char *path, const char *input,
                       bool append, GError **error)
{
    int in = input ? fds_open(machine, input, O_RDONLY | O_NOCTTY | O_NONBLOCK) : -1;
    if (input && in < 0) {
        error_set_errno(error, errno, "%s: cannot read from file '%s'", id, input);
        return NULL;
    }
    int out = open_output(machine, path, append); /* last: it empties the file */
    if (out < 0) {
        error_set_errno(error, errno, "%s: cannot write to file '%s'", id, path);
        if (in >= 0) {
            close(in);
        }
        return NULL;
    }
    return start(machine, &file_ops, id, g_strdup_printf("file:%s", path), in, out);
}

/* Opens a FIFO for both directions, so that it has neither end nor hang-up while others come and go. Not what would
 * be overwritten. */
static int open_fifo(Machine *machine, const char *path, const char *suffix)
{
    char *name = g_strconcat(path, suffix, NULL);
    int fd = fds_open(machine, name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    g_free(name);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        close(fd);
        errno = ESPIPE;
        return -1;
    }
    return fd;
}

Chardev *char_pipe_new(Machine *machine, const char *id, const char *path, GError **error)
{
    int in = open_fifo(machine, path, ".in"), out = open_fifo(machine, path, ".out");
    if (in < 0 || out < 0) {
        int other = in < 0 ? out : in;
        if (other >= 0) {
            close(other);
        }
        in = open_fifo(machine, path, "");
        out = in < 0 ? -1 : fcntl(in, F_DUPFD_CLOEXEC, 3);
    }
    if (in < 0 || out < 0) {
        error_set_errno(error, errno,
                        "%s: cannot open the FIFOs '%s.in' and '%s.out', or '%s' (see mkfifo)", id,
                        path, path, path);
        if (in >= 0) {
            close(in);
        }
        return NULL;
    }
    return start(machine, &pipe_ops, id, g_strdup_printf("pipe:%s", path), in, out);
}
