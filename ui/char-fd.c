/*
 * Streams over file descriptors: input with flow control by the front end, output that never
 * blocks.
 *
 * Output goes out at once as far as the descriptor takes it; the rest waits in a buffer that the
 * main loop empties, up to CHAR_BUFFER_LIMIT; then output is dropped and, once, said so. Input is
 * read only as far as the front end has room; while it has none nothing watches the descriptor, so
 * that a peer that left after its last words does not spin the main loop, and is not cut short
 * either.
 */
#include "ui/char-internal.h"
#include "softmmu/base/log.h"
#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 16 /* that wait for who wants them */

void char_warn(const Chardev *chr, const char *fmt, ...)
{
    /* Standard error may be the very pipe that nobody reads. */
    struct pollfd err = {STDERR_FILENO, POLLOUT, 0};
    if (poll(&err, 1, 0) != 1 || !(err.revents & POLLOUT)) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    char *line = g_strdup_printf("amphi: %s (%s): %s\n", chr->id, chr->label, text);
    log_write(line);
    g_free(line);
    g_free(text);
}

/*
 * Sources.
 */

GSource *char_timer(GMainContext *context, unsigned ms, GSourceFunc fn, void *data)
{
    GSource *source = g_timeout_source_new(ms);
    g_source_set_callback(source, fn, data, NULL);
    g_source_attach(source, context);
    return source;
}

GSource *char_watch(GMainContext *context, int fd, GIOCondition condition,
                    gboolean (*fn)(int fd, GIOCondition condition, void *data), void *data)
{
    GSource *source = g_unix_fd_source_new(fd, condition);
    g_source_set_callback(source, G_SOURCE_FUNC(fn), data, NULL);
    g_source_attach(source, context);
    return source;
}

void char_source_clear(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

/*
 * Input.
 */

/* Hands over what is held; true if nothing is left. */
static bool deliver_held(CharFd *s)
{
    while (s->held_start < s->held_end) {
        size_t start = s->held_start;
        size_t taken = chardev_receive(s->chr, s->held + start, s->held_end - start);
        if (s->held_end == 0) {
            return false; /* the front end's reaction ended the stream */
        }
        s->held_start = start + taken;
        if (!taken) {
            return false;
        }
    }
    s->held_start = s->held_end = 0;
    return true;
}

/* How much the front end would take now; everything, to be thrown away, if there is none. */
static size_t front_room(CharFd *s)
{
    const CharHandlers *handlers = s->chr->handlers;
    if (!handlers || !handlers->can_receive) {
        return sizeof(s->held);
    }
    return MIN(handlers->can_receive(s->chr->opaque), sizeof(s->held));
}

/* Keeps the descriptors of @message for the front end, as many as it could want. */
static void keep_fds(Chardev *chr, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        unsigned n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (unsigned i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (!chr->fds) {
                chr->fds = g_array_new(false, false, sizeof(int));
            }
            if (chr->fds->len < MAX_FDS) {
                g_array_append_val(chr->fds, fd);
            } else {
                close(fd);
            }
        }
    }
}

/* As read(); on a socket also takes the descriptors that come along. */
static ssize_t read_some(CharFd *s, int fd, size_t room)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct iovec iov = {s->held, room};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    if (!s->is_socket) {
        return read(fd, s->held, room);
    }
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (n >= 0) {
        keep_fds(s->chr, &message);
    }
    return n;
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
    CharFd *s = data;
    size_t room = s->held_end ? 0 : front_room(s);
    if (!room) {
        char_source_clear(&s->in_source);
        return G_SOURCE_REMOVE;
    }
    ssize_t n = read_some(s, fd, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (n <= 0) {
        char_source_clear(&s->in_source);
        s->in = -1;
        if (s->hangup) {
            s->hangup(s->chr);
        } else {
            __atomic_store_n(&s->chr->ended, true, __ATOMIC_RELAXED);
        }
        return G_SOURCE_REMOVE;
    }
    s->held_end = s->filter ? s->filter(s->chr, s->held, n) : (size_t)n;
    if (!deliver_held(s) && s->held_end) {
        char_source_clear(&s->in_source);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void update_in_source(CharFd *s)
{
    if (s->in >= 0 && !s->in_source) {
        s->in_source = char_watch(s->context, s->in, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, s);
    }
}

static gboolean on_accept(void *data)
{
    CharFd *s = data;
    char_source_clear(&s->in_source);
    if (deliver_held(s)) {
        update_in_source(s);
    }
    return G_SOURCE_REMOVE;
}

void char_fd_accept_input(CharFd *s)
{
    /* From the main loop, not from within the device that just made room. */
    if (s->in >= 0 && !s->in_source) {
        s->in_source = char_timer(s->context, 0, on_accept, s);
    }
}

/*
 * Output.
 */

/* Bytes taken, 0 if none can be taken now, -1 on an error that is final. */
static ssize_t write_some(CharFd *s, const uint8_t *buf, size_t len)
{
    ssize_t n;
    do {
        n = s->is_socket ? send(s->out, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT)
                         : write(s->out, buf, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : n;
}

static size_t pending_len(const CharFd *s)
{
    return s->pending ? s->pending->len - s->pending_start : 0;
}

static void drop_pending(CharFd *s)
{
    if (s->pending) {
        g_byte_array_set_size(s->pending, 0);
    }
    s->pending_start = 0;
    char_source_clear(&s->out_source);
}

/* Writes what is pending as far as it is taken; false if that is over for good. */
static bool flush_pending(CharFd *s)
{
    while (pending_len(s)) {
        ssize_t n = write_some(s, s->pending->data + s->pending_start, pending_len(s));
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            break;
        }
        s->pending_start += n;
    }
    if (!pending_len(s)) {
        s->dropped = 0;
    }
    if (s->pending_start && s->pending_start >= s->pending->len / 2) {
        g_byte_array_remove_range(s->pending, 0, s->pending_start);
        s->pending_start = 0;
    }
    return true;
}

static void output_failed(CharFd *s, int err)
{
    /* That a peer left is no news; its reading side ends the stream. */
    if (err != EPIPE && err != ECONNRESET && err != EIO) {
        char_warn(s->chr, "output is lost from here on: %s", g_strerror(err));
    }
    s->out_failed = true;
    drop_pending(s);
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
    CharFd *s = data;
    if (!flush_pending(s)) {
        output_failed(s, errno);
        return G_SOURCE_REMOVE;
    }
    if (pending_len(s)) {
        return G_SOURCE_CONTINUE;
    }
    char_source_clear(&s->out_source);
    return G_SOURCE_REMOVE;
}

static void append_pending(CharFd *s, const uint8_t *buf, size_t len)
{
    size_t used = pending_len(s);
    size_t keep = MIN(len, CHAR_BUFFER_LIMIT - used);
    if (keep < len) {
        if (!s->dropped) {
            char_warn(s->chr, "nobody reads this; output beyond %u KiB is dropped",
                      CHAR_BUFFER_LIMIT >> 10);
        }
        s->dropped += len - keep;
    }
    if (keep) {
        if (!s->pending) {
            s->pending = g_byte_array_new();
        }
        g_byte_array_append(s->pending, buf, keep);
    }
    if (!s->out_source) {
        s->out_source =
            char_watch(s->context, s->out, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_writable, s);
    }
}

void char_fd_write(CharFd *s, const uint8_t *buf, size_t len)
{
    if (s->out < 0 || s->out_failed) {
        return;
    }
    while (len && !pending_len(s)) {
        ssize_t n = write_some(s, buf, len);
        if (n < 0) {
            output_failed(s, errno);
            return;
        }
        if (n == 0) {
            break;
        }
        buf += n;
        len -= n;
    }
    if (len) {
        append_pending(s, buf, len);
    }
}

void char_fd_drain(CharFd *s, int timeout_ms)
{
    while (s->out >= 0 && !s->out_failed && pending_len(s)) {
        struct pollfd fd = {s->out, POLLOUT, 0};
        size_t before = pending_len(s);
        if (poll(&fd, 1, timeout_ms) <= 0 || !flush_pending(s) || pending_len(s) == before) {
            break;
        }
    }
}

/*
 * Life.
 */

void char_fd_start(CharFd *s, Chardev *chr, GMainContext *context, int in, int out)
{
    char_fd_stop(s);
    s->chr = chr;
    s->context = context;
    s->in = in;
    s->out = out;
    s->dropped = 0;
    s->out_failed = false;
    update_in_source(s);
}

void char_fd_stop(CharFd *s)
{
    char_source_clear(&s->in_source);
    drop_pending(s);
    g_clear_pointer(&s->pending, g_byte_array_unref);
    s->held_start = s->held_end = 0;
    s->in = s->out = -1;
}
