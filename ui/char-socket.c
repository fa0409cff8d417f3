/*
 * Unix and TCP sockets as character devices.
 *
 * A server has one client at a time; others wait in the listen queue until it is gone. A client
 * that loses its server tries again every reconnect milliseconds, or stays disconnected. Output
 * while nobody is connected is dropped.
 */
#include "ui/char-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/base/resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct CharSocket {
    Chardev chr;
    CharFd fd;
    GMainContext *context;
    int listener;   /* -1: a client */
    int connection; /* -1: none */
    GSource *listen_source, *retry_timer, *connect_source;
    bool nodelay, telnet;
    uint8_t telnet_state; /* of char_telnet_input() */
    unsigned reconnect_ms;
    char *path;      /* of a unix socket */
    dev_t bound_dev; /* the file that a server made, to remove only that */
    ino_t bound_ino;
    struct addrinfo *addresses; /* of a TCP client, to connect again */
} CharSocket;

/*
 * Addresses.
 */

static bool unix_address(const char *id, const char *path, struct sockaddr_un *addr, GError **error)
{
    memset(addr, 0, sizeof(*addr));
    addr->sun_family = AF_UNIX;
    if (!*path || strlen(path) >= sizeof(addr->sun_path)) {
        return error_set(
            error, "%s: the path of a unix socket has 1 to %zu characters, which '%s' has not", id,
            sizeof(addr->sun_path) - 1, path);
    }
    memcpy(addr->sun_path, path, strlen(path));
    return true;
}

static struct addrinfo *tcp_addresses(const char *id, const CharSocketConfig *config,
                                      GError **error)
{
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = config->server ? AI_PASSIVE : 0,
    };
    return resolve_address(id, config->host, config->port, &hints, error);
}

/*
 * The connection.
 */

static void look_for_client(CharSocket *s);
static gboolean try_connect(void *data);

static void connected(CharSocket *s, int fd)
{
    s->connection = fd;
    if (s->nodelay) {
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    s->fd.is_socket = true;
    char_fd_start(&s->fd, &s->chr, s->context, fd, fd);
    if (s->telnet) {
        s->telnet_state = 0;
        char_fd_write(&s->fd, char_telnet_greeting, sizeof(char_telnet_greeting));
    }
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
}

static void socket_hangup(Chardev *chr)
{
    CharSocket *s = (CharSocket *)chr;
    char_fd_drain(&s->fd, 0); /* it may only have shut down its sending side */
    char_fd_stop(&s->fd);
    close(s->connection);
    s->connection = -1;
    chardev_event(&s->chr, CHAR_EVENT_CLOSED);
    if (s->listener >= 0) {
        look_for_client(s);
    } else if (s->reconnect_ms) {
        s->retry_timer = char_timer(s->context, s->reconnect_ms, try_connect, s);
    }
}

/*
 * Server.
 */

static gboolean on_client(int listener, GIOCondition condition, void *data)
{
    CharSocket *s = data;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return G_SOURCE_CONTINUE; /* it left again */
    }
    char_source_clear(&s->listen_source);
    connected(s, fd);
    return G_SOURCE_REMOVE;
}

static void look_for_client(CharSocket *s)
{
    s->listen_source = char_watch(s->context, s->listener, G_IO_IN, on_client, s);
}

/* Removes the socket file that a dead process left; false if something else is there. */
static bool clear_stale_path(const char *id, const struct sockaddr_un *addr, GError **error)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) < 0) {
        return true;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return error_set(error,
                         "%s: '%s' exists and is not a socket; remove it or choose another path",
                         id, addr->sun_path);
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = connect(probe, (const struct sockaddr *)addr, sizeof(*addr));
    bool alive = result == 0 || errno == EAGAIN;
    close(probe);
    if (alive) {
        return error_set(error, "%s: another process serves '%s'; end it or choose another path",
                         id, addr->sun_path);
    }
    unlink(addr->sun_path);
    return true;
}

static int listen_unix(CharSocket *s, const char *id, GError **error)
{
    struct sockaddr_un addr;
    struct stat st;
    if (!unix_address(id, s->path, &addr, error) || !clear_stale_path(id, &addr, error)) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 4) < 0) {
        error_set_errno(error, errno, "%s: cannot listen on unix socket '%s'", id, s->path);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    if (lstat(s->path, &st) == 0) {
        s->bound_dev = st.st_dev;
        s->bound_ino = st.st_ino;
    }
    return fd;
}

static int listen_tcp(const char *id, const CharSocketConfig *config, GError **error)
{
    struct addrinfo *list = tcp_addresses(id, config, error);
    int fd = -1, err = 0;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        int one = 1;
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            err = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, 4) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    if (list && fd < 0) {
        error_set_errno(error, err, "%s: cannot listen on TCP port %s of '%s'", id, config->port,
                        config->host && *config->host ? config->host : "any address");
    }
    g_clear_pointer(&list, freeaddrinfo);
    return fd;
}

/* Waits for the first client, as wait=on says. */
static bool wait_for_client(CharSocket *s, const char *id, const char *label, GError **error)
{
    g_printerr("amphi: %s waits for a connection on %s\n", id, label);
    struct pollfd fd = {s->listener, POLLIN, 0};
    int client = -1;
    while (client < 0) {
        if (poll(&fd, 1, -1) < 0 ||
            ((client = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0 &&
             errno != EAGAIN && errno != ECONNABORTED)) {
            return error_set_errno(error, errno, "%s: waiting for a connection failed", id);
        }
    }
    s->connection = client;
    return true;
}

/*
 * Client.
 */

static gboolean on_connected(int fd, GIOCondition condition, void *data)
{
    CharSocket *s = data;
    int err = 0;
    socklen_t len = sizeof(err);
    char_source_clear(&s->connect_source);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (!err) {
        connected(s, fd);
    } else {
        close(fd);
        s->connection = -1;
        s->retry_timer = char_timer(s->context, s->reconnect_ms, try_connect, s);
    }
    return G_SOURCE_REMOVE;
}

/* Starts a connection, by @flags blocking or not. Returns the socket, *@err its errno or 0. */
static int start_connect(CharSocket *s, int flags, int *err)
{
    struct sockaddr_un un;
    int fd = -1;
    *err = 0;
    if (s->path) {
        unix_address(s->chr.id, s->path, &un, NULL);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        *err = fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ? errno : 0;
    }
    for (struct addrinfo *ai = s->addresses; ai; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        *err = fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0 ? errno : 0;
        if (*err == 0 || *err == EINPROGRESS || !ai->ai_next) {
            break;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    return fd;
}

static gboolean try_connect(void *data)
{
    CharSocket *s = data;
    int err, fd = start_connect(s, SOCK_NONBLOCK, &err);
    if (err && err != EINPROGRESS) {
        if (fd >= 0) {
            close(fd);
        }
        return G_SOURCE_CONTINUE; /* the timer comes again */
    }
    char_source_clear(&s->retry_timer);
    s->connection = fd;
    s->connect_source = char_watch(s->context, fd, G_IO_OUT | G_IO_ERR | G_IO_HUP, on_connected, s);
    return G_SOURCE_REMOVE;
}

/* The first connection, which has to succeed unless there are to be more tries. */
static bool connect_first(CharSocket *s, const char *id, const char *label, GError **error)
{
    int err, fd = start_connect(s, 0, &err);
    if (!err) {
        s->connection = fd;
        return true;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (s->reconnect_ms) {
        s->retry_timer = char_timer(s->context, s->reconnect_ms, try_connect, s);
        return true;
    }
    return error_set_errno(error, err,
                           "%s: cannot connect to %s; add server=on to listen there instead", id,
                           label);
}

/*
 * Life.
 */

static void release(CharSocket *s)
{
    struct stat st;
    char_source_clear(&s->listen_source);
    char_source_clear(&s->retry_timer);
    char_source_clear(&s->connect_source);
    if (s->connection >= 0) {
        close(s->connection);
    }
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->bound_ino && lstat(s->path, &st) == 0 && st.st_ino == s->bound_ino &&
        st.st_dev == s->bound_dev) {
        unlink(s->path);
    }
    g_clear_pointer(&s->addresses, freeaddrinfo);
    g_free(s->path);
}

static void socket_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    CharSocket *s = (CharSocket *)chr;
    if (s->telnet) {
        char_telnet_output(&s->fd, buf, len);
    } else {
        char_fd_write(&s->fd, buf, len);
    }
}

static size_t telnet_filter(Chardev *chr, uint8_t *buf, size_t len)
{
    bool pressed_break;
    size_t kept = char_telnet_input(&((CharSocket *)chr)->telnet_state, buf, len, &pressed_break);
    if (pressed_break) {
        chardev_event(chr, CHAR_EVENT_BREAK);
    }
    return kept;
}

static void socket_accept_input(Chardev *chr)
{
    char_fd_accept_input(&((CharSocket *)chr)->fd);
}

static void socket_close(Chardev *chr)
{
    CharSocket *s = (CharSocket *)chr;
    char_fd_drain(&s->fd, 200);
    char_fd_stop(&s->fd);
    release(s);
}

static const CharOps socket_ops = {
    .name = "socket",
    .write = socket_write,
    .accept_input = socket_accept_input,
    .close = socket_close,
};

/* Takes over an inherited descriptor. */
static bool adopt_fd(CharSocket *s, const char *id, const CharSocketConfig *config, GError **error)
{
    int listening = 0;
    socklen_t len = sizeof(listening);
    if (getsockopt(config->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
        return error_set_errno(error, errno, "%s: file descriptor %d is not a socket", id,
                               config->fd);
    }
    if (listening != config->server) {
        return error_set(error,
                         "%s: the socket of file descriptor %d is %slistening; set server=%s", id,
                         config->fd, listening ? "" : "not ", listening ? "on" : "off");
    }
    fcntl(config->fd, F_SETFD, FD_CLOEXEC);
    fcntl(config->fd, F_SETFL, fcntl(config->fd, F_GETFL) | O_NONBLOCK);
    *(config->server ? &s->listener : &s->connection) = config->fd;
    return true;
}

static bool open_socket(CharSocket *s, const char *id, const CharSocketConfig *config,
                        const char *label, GError **error)
{
    struct sockaddr_un addr;
    if (config->fd >= 0) {
        if (!adopt_fd(s, id, config, error)) {
            return false;
        }
    } else if (config->server) {
        s->listener = s->path ? listen_unix(s, id, error) : listen_tcp(id, config, error);
        if (s->listener < 0) {
            return false;
        }
    } else if (s->path) {
        if (!unix_address(id, s->path, &addr, error)) {
            return false;
        }
    } else {
        s->addresses = tcp_addresses(id, config, error);
        if (!s->addresses) {
            return false;
        }
    }
    if (config->server && config->wait) {
        return wait_for_client(s, id, label, error);
    }
    return config->server || config->fd >= 0 || connect_first(s, id, label, error);
}

static char *make_label(const CharSocketConfig *config)
{
    const char *server = config->server ? ",server=on" : "";
    if (config->fd >= 0) {
        return g_strdup_printf("fd:%d%s", config->fd, server);
    }
    if (config->path) {
        return g_strdup_printf("unix:%s%s", config->path, server);
    }
    return g_strdup_printf("tcp:%s:%s%s", config->host ? config->host : "", config->port, server);
}

Chardev *char_socket_new(Machine *machine, const char *id, const CharSocketConfig *config,
                         GError **error)
{
    CharSocket *s = g_new0(CharSocket, 1);
    char *label = make_label(config);
    s->context = machine->context;
    s->listener = s->connection = -1;
    s->nodelay = config->nodelay;
    s->reconnect_ms = config->reconnect_ms;
    s->telnet = config->telnet;
    s->fd.filter = config->telnet ? telnet_filter : NULL;
    s->path = g_strdup(config->path);
    s->fd.hangup = socket_hangup;
    char_fd_stop(&s->fd);
    if (!open_socket(s, id, config, label, error)) {
        release(s);
        g_free(s);
        g_free(label);
        return NULL;
    }
    char_register(machine, &s->chr, &socket_ops, id, label);
    if (s->connection >= 0) {
        connected(s, s->connection);
    } else if (s->listener >= 0) {
        look_for_client(s);
    }
    return &s->chr;
}
