/*
 * The network back ends over sockets: "socket" (listen=, connect=, mcast=, udp=), "stream" and "dgram".
 *
 * Over a connection each frame follows its length, 32 bits big-endian, so that other emulators understand it;
 * in datagrams a frame is one. A connection that ends is waited for again by who listens. What a slow peer
 * does not take is lost, as on a wire: a connection is never written to in part without the rest following.
 * The other side is not trusted: lengths are checked before anything is kept. Locking: the machine lock.
 */
#include "hw/net/net.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/base/resolve.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FRAME (64 * 1024 + 64)
#define LENGTH_SIZE 4
#define BUDGET 64
#define MAX_UNSENT (256 * 1024)

typedef struct SocketNet {
    Netdev net;
    Machine *machine;
    int listener, fd; /* -1: none */
    bool stream;
    struct sockaddr_storage to; /* of datagrams */
    socklen_t to_len;
    GSource *source;
    gpointer listen_tag, tag;
    bool waiting;       /* for the card */
    GByteArray *in;     /* of a stream: what came */
    GByteArray *unsent; /* the rest of frames whose beginning was sent */
    size_t pending;     /* of datagrams: bytes in buf that the card did not take yet */
    uint8_t buf[MAX_FRAME];
} SocketNet;

typedef struct SocketSource {
    GSource base;
    SocketNet *s;
} SocketSource;

static SocketNet *to_socket(Netdev *net)
{
    return container_of(net, SocketNet, net);
}

static void update_watch(SocketNet *s)
{
    if (s->tag) {
        g_source_modify_unix_fd(s->source, s->tag,
                                (s->waiting ? 0 : G_IO_IN) | (s->unsent->len ? G_IO_OUT : 0));
        g_main_context_wakeup(s->machine->context);
    }
}

static void set_connection(SocketNet *s, int fd)
{
    if (s->tag) {
        g_source_remove_unix_fd(s->source, s->tag);
        s->tag = NULL;
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = fd;
    s->waiting = false;
    g_byte_array_set_size(s->in, 0);
    g_byte_array_set_size(s->unsent, 0);
    if (fd >= 0) {
        s->tag = g_source_add_unix_fd(s->source, fd, G_IO_IN);
    }
    if (s->listen_tag) { /* one at a time */
        g_source_modify_unix_fd(s->source, s->listen_tag, fd < 0 ? G_IO_IN : 0);
    }
}

/* ---- From the guest ---- */

/* What of the unsent bytes goes now. */
static void send_rest(SocketNet *s)
{
    while (s->unsent->len) {
        ssize_t n = send(s->fd, s->unsent->data, s->unsent->len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                set_connection(s, -1);
            }
            return;
        }
        g_byte_array_remove_range(s->unsent, 0, n);
    }
}

static void send_stream(SocketNet *s, const uint8_t *frame, size_t len)
{
    uint32_t length = htonl(len);

    if (s->unsent->len + len > MAX_UNSENT) {
        return;
    }
    g_byte_array_append(s->unsent, (uint8_t *)&length, LENGTH_SIZE);
    g_byte_array_append(s->unsent, frame, len);
    send_rest(s);
    update_watch(s);
}

static void socket_send(Netdev *net, const uint8_t *frame, size_t len)
{
    SocketNet *s = to_socket(net);

    if (s->fd < 0) {
        return; /* nobody there */
    }
    if (s->stream) {
        send_stream(s, frame, len);
    } else {
        ssize_t n = s->to_len ? sendto(s->fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                                       (struct sockaddr *)&s->to, s->to_len)
                              : send(s->fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)n; /* lost or not, as on a wire */
    }
}

/* ---- To the guest ---- */

static bool give(SocketNet *s, const uint8_t *frame, size_t len)
{
    return !s->net.receive || s->net.receive(s->net.opaque, frame, len);
}

/* Gives the whole frames that came to the card. False if what came is no stream of frames. */
static bool give_stream(SocketNet *s)
{
    size_t at = 0;
    bool ok = true;

    while (!s->waiting && s->in->len - at >= LENGTH_SIZE) {
        uint32_t len;

        memcpy(&len, s->in->data + at, LENGTH_SIZE);
        len = ntohl(len);
        if (len > MAX_FRAME) {
            ok = false;
            break;
        }
        if (s->in->len - at - LENGTH_SIZE < len) {
            break;
        }
        if (!give(s, s->in->data + at + LENGTH_SIZE, len)) {
            s->waiting = true;
            break;
        }
        at += LENGTH_SIZE + len;
    }
    g_byte_array_remove_range(s->in, 0, at);
    return ok;
}

static void receive_stream(SocketNet *s)
{
    ssize_t n = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n > 0) {
        g_byte_array_append(s->in, s->buf, n);
    }
    if (n <= 0 || !give_stream(s)) {
        set_connection(s, -1);
    }
    update_watch(s);
}

static void receive_datagrams(SocketNet *s)
{
    for (unsigned i = 0; i < BUDGET && !s->waiting; i++) {
        if (!s->pending) {
            ssize_t n = recv(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT);

            if (n <= 0) { /* also errors that a datagram sent before came back with */
                break;
            }
            s->pending = n;
        }
        if (give(s, s->buf, s->pending)) {
            s->pending = 0;
        } else {
            s->waiting = true;
        }
    }
    update_watch(s);
}

static void socket_can_receive_again(Netdev *net)
{
    SocketNet *s = to_socket(net);

    if (!s->waiting) {
        return;
    }
    s->waiting = false;
    if (s->stream) {
        give_stream(s);
    } else if (s->pending && give(s, s->buf, s->pending)) {
        s->pending = 0;
    }
    update_watch(s);
}

static void accept_peer(SocketNet *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        set_connection(s, fd);
    }
}

static gboolean socket_dispatch(GSource *base, GSourceFunc fn, gpointer data)
{
    SocketNet *s = ((SocketSource *)base)->s;
    GIOCondition events;

    machine_lock(s->machine);
    events = s->tag ? g_source_query_unix_fd(base, s->tag) : 0;
    if (events & G_IO_OUT) {
        send_rest(s);
        update_watch(s);
    }
    if (events & (G_IO_IN | G_IO_HUP | G_IO_ERR) && s->tag) {
        if (s->stream) {
            receive_stream(s);
        } else {
            receive_datagrams(s);
        }
    }
    if (s->listen_tag && g_source_query_unix_fd(base, s->listen_tag)) {
        accept_peer(s);
    }
    machine_unlock(s->machine);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs socket_source = {.dispatch = socket_dispatch};

/* ---- Addresses ---- */

typedef struct Address {
    struct sockaddr_storage addr;
    socklen_t len;
} Address;

static bool set_inet(Address *address, const char *host, const char *port, GError **error)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_NUMERICSERV}, *found;

    found = resolve_address("-netdev", host && *host ? host : "0.0.0.0", port, &hints, error);
    if (!found) {
        return false;
    }
    memcpy(&address->addr, found->ai_addr, found->ai_addrlen);
    address->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* "[HOST]:PORT" */
static bool parse_host_port(const char *text, Address *address, GError **error)
{
    const char *colon = strrchr(text, ':');
    char *host;
    bool ok;

    if (!colon || !colon[1]) {
        return error_set(error, "-netdev socket: '%s' must be like 127.0.0.1:1234", text);
    }
    host = g_strndup(text, colon - text);
    ok = set_inet(address, host, colon + 1, error);
    g_free(host);
    return ok;
}

static bool set_unix(Address *address, const char *path, GError **error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&address->addr;

    if (!path || strlen(path) >= sizeof(un->sun_path)) {
        return error_set(error, "-netdev: path='%s' is no name of a socket", path ? path : "");
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    address->len = sizeof(*un);
    return true;
}

/* PREFIX.type=inet|unix with PREFIX.host, .port, .path. False without error if there is none. */
static bool parse_address(Options *opts, const char *prefix, Address *address, GError **error)
{
    char *keys[4];
    const char *type;
    bool ok = false;

    for (unsigned i = 0; i < 4; i++) {
        static const char *const names[] = {"type", "host", "port", "path"};

        keys[i] = g_strdup_printf("%s.%s", prefix, names[i]);
    }
    type = options_get(opts, keys[0], NULL);
    if (type && !strcmp(type, "inet")) {
        ok = set_inet(address, options_get(opts, keys[1], NULL), options_get(opts, keys[2], "0"),
                      error);
    } else if (type && !strcmp(type, "unix")) {
        ok = set_unix(address, options_get(opts, keys[3], NULL), error);
    } else if (type) {
        error_set(error, "-netdev: %s=%s; it must be inet or unix", keys[0], type);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_free(keys[i]);
    }
    return ok;
}

/* ---- Making and closing ---- */

static void socket_close(Netdev *net)
{
    SocketNet *s = to_socket(net);

    set_connection(s, -1);
    if (s->listener >= 0) {
        close(s->listener);
    }
    g_source_destroy(s->source);
    g_source_unref(s->source);
    g_byte_array_unref(s->in);
    g_byte_array_unref(s->unsent);
    g_free(net->id);
    g_free(s);
}

static const NetdevOps socket_ops = {
    .name = "socket",
    .send = socket_send,
    .can_receive_again = socket_can_receive_again,
    .close = socket_close,
};

static SocketNet *socket_new(Machine *machine, const char *id, bool stream)
{
    SocketNet *s = g_new0(SocketNet, 1);

    s->net.ops = &socket_ops;
    s->net.id = g_strdup(id);
    s->machine = machine;
    s->listener = s->fd = -1;
    s->stream = stream;
    s->in = g_byte_array_new();
    s->unsent = g_byte_array_new();
    s->source = g_source_new(&socket_source, sizeof(SocketSource));
    ((SocketSource *)s->source)->s = s;
    return s;
}

static Netdev *start(SocketNet *s)
{
    g_source_attach(s->source, s->machine->context);
    return &s->net;
}

static int open_socket(const Address *address, int type, GError **error)
{
    int fd = socket(address->addr.ss_family, type | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0) {
        error_set_errno(error, errno, "-netdev: cannot make a socket");
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    return fd;
}

static Netdev *make_listener(Machine *machine, const char *id, const Address *address,
                             GError **error)
{
    int fd = open_socket(address, SOCK_STREAM | SOCK_NONBLOCK, error);
    SocketNet *s;

    if (fd < 0) {
        return NULL;
    }
    if (bind(fd, (struct sockaddr *)&address->addr, address->len) < 0 || listen(fd, 1) < 0) {
        error_set_errno(error, errno,
                        "-netdev: cannot listen for '%s'; is the port in use? choose another", id);
        close(fd);
        return NULL;
    }
    s = socket_new(machine, id, true);
    s->listener = fd;
    s->listen_tag = g_source_add_unix_fd(s->source, fd, G_IO_IN);
    return start(s);
}

static Netdev *make_connection(Machine *machine, const char *id, const Address *address,
                               GError **error)
{
    int fd = open_socket(address, SOCK_STREAM, error);
    SocketNet *s;

    if (fd < 0) {
        return NULL;
    }
    if (connect(fd, (struct sockaddr *)&address->addr, address->len) < 0) {
        error_set_errno(error, errno, "-netdev: cannot connect '%s'; the other side listens first",
                        id);
        close(fd);
        return NULL;
    }
    s = socket_new(machine, id, true);
    set_connection(s, fd);
    return start(s);
}

static bool join_group(int fd, const Address *group, GError **error)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&group->addr;
    struct ip_mreq request = {.imr_multiaddr = in->sin_addr};
    int on = 1;

    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on)) < 0) {
        return error_set_errno(error, errno, "-netdev: cannot join the group '%s'",
                               inet_ntoa(in->sin_addr));
    }
    return true;
}

static bool is_group(const Address *address)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&address->addr;

    return in->sin_family == AF_INET && IN_MULTICAST(ntohl(in->sin_addr.s_addr));
}

/* Datagrams to @to from @from; of a group, @to is both. */
static Netdev *make_datagram(Machine *machine, const char *id, const Address *to,
                             const Address *from, GError **error)
{
    const Address *local = from && !is_group(to) ? from : to;
    int fd = open_socket(local, SOCK_DGRAM, error);
    SocketNet *s;

    if (fd < 0) {
        return NULL;
    }
    if ((from || is_group(to)) && bind(fd, (struct sockaddr *)&local->addr, local->len) < 0) {
        error_set_errno(error, errno,
                        "-netdev: cannot receive for '%s'; is the port in use? choose another", id);
        close(fd);
        return NULL;
    }
    if (is_group(to) && !join_group(fd, to, error)) {
        close(fd);
        return NULL;
    }
    s = socket_new(machine, id, false);
    s->to = to->addr;
    s->to_len = to->len;
    set_connection(s, fd);
    return start(s);
}

Netdev *netdev_socket_new(Machine *machine, const char *id, Options *opts, GError **error)
{
    static const char *const kinds[] = {"listen", "connect", "mcast", "udp"};
    const char *kind = NULL, *text = NULL, *from_text = options_get(opts, "localaddr", NULL);
    Address address, from;

    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        const char *value = options_get(opts, kinds[i], NULL);

        if (value && kind) {
            error_set(error, "-netdev socket: %s= and %s= exclude each other", kind, kinds[i]);
            return NULL;
        }
        kind = value ? kinds[i] : kind;
        text = value ? value : text;
    }
    if (!kind || (!strcmp(kind, "udp") && !from_text)) {
        error_set(error, "-netdev socket needs listen=, connect=, mcast=, or udp= with localaddr=");
        return NULL;
    }
    if (!parse_host_port(text, &address, error) ||
        (from_text && !strcmp(kind, "udp") && !parse_host_port(from_text, &from, error))) {
        return NULL;
    }
    if (!strcmp(kind, "mcast") && !is_group(&address)) {
        error_set(error, "-netdev socket: mcast=%s is no group; those begin with 224 to 239", text);
        return NULL;
    }
    Netdev *net = !strcmp(kind, "listen")    ? make_listener(machine, id, &address, error)
                  : !strcmp(kind, "connect") ? make_connection(machine, id, &address, error)
                  : !strcmp(kind, "udp")     ? make_datagram(machine, id, &address, &from, error)
                                             : make_datagram(machine, id, &address, NULL, error);
    if (net) {
        net->info = g_strdup_printf("socket: %s=%s", kind, text);
    }
    return net;
}

Netdev *netdev_stream_new(Machine *machine, const char *id, Options *opts, GError **error)
{
    bool server = false;
    Address address;
    GError *why = NULL;

    if (!options_get_bool(opts, "server", &server, error)) {
        return NULL;
    }
    if (!parse_address(opts, "addr", &address, &why)) {
        if (why) {
            g_propagate_error(error, why);
        } else {
            error_set(error, "-netdev stream needs addr.type=inet,addr.host=H,addr.port=P or "
                             "addr.type=unix,addr.path=P");
        }
        return NULL;
    }
    return server ? make_listener(machine, id, &address, error)
                  : make_connection(machine, id, &address, error);
}

Netdev *netdev_dgram_new(Machine *machine, const char *id, Options *opts, GError **error)
{
    GError *why = NULL;
    Address to, from;
    bool has_from = parse_address(opts, "local", &from, &why);
    bool has_to = !why && parse_address(opts, "remote", &to, &why);

    if (why) {
        g_propagate_error(error, why);
        return NULL;
    }
    if (!has_to || (!has_from && !is_group(&to))) {
        error_set(error,
                  "-netdev dgram needs remote.type=..., and local.type=... unless the remote "
                  "is a group");
        return NULL;
    }
    return make_datagram(machine, id, &to, has_from ? &from : NULL, error);
}
