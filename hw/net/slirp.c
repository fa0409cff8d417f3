/*
 * The "user" network back end: a network of its own behind address translation, by libslirp.
 *
 * The guest sees 10.0.2.0/24 with a gateway and host at .2, a name server at .3 and DHCP from .15 on. No
 * rights on the host are needed.
 *
 * libslirp wants its file descriptors polled; they are kept in an epoll set, whose descriptor is the one that
 * the main loop's source polls. Frames that the card has no room for wait in a bounded queue. libslirp is
 * not thread-safe: it is called with the machine lock held only, from vCPU threads too.
 */
#include "hw/net/net.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_QUEUED 512
#define NS_PER_MS INT64_C(1000000)

typedef struct SlirpNet {
    Netdev net;
    Machine *machine;
    Slirp *slirp;
    GSource *source;
    int epoll;
    GHashTable *watched; /* fd -> events in the epoll set */
    GHashTable *wanted;  /* fd -> events of the last fill */
    GHashTable *ready;   /* fd -> events of the last poll */
    GQueue frames;       /* of GBytes: for the card when it has room again */
    gint woken;          /* the main loop was told to look at the descriptors again */
    bool flushing;
} SlirpNet;

typedef struct SlirpSource {
    GSource base;
    SlirpNet *user;
    gpointer epoll_tag;
    gint64 deadline; /* us of the monotonic clock; -1: none */
} SlirpSource;

typedef struct SlirpTimer {
    Timer timer;
    SlirpTimerCb fn;
    void *opaque;
} SlirpTimer;

/* ---- Frames ---- */

static bool give_to_card(SlirpNet *user, const void *frame, size_t len)
{
    return !user->net.receive || user->net.receive(user->net.opaque, frame, len);
}

static ssize_t send_packet(const void *frame, size_t len, void *opaque)
{
    SlirpNet *user = opaque;

    if (g_queue_is_empty(&user->frames) && give_to_card(user, frame, len)) {
        return len;
    }
    if (g_queue_get_length(&user->frames) < MAX_QUEUED) { /* else lost, as on a real wire */
        g_queue_push_tail(&user->frames, g_bytes_new(frame, len));
    }
    return len;
}

static void user_can_receive_again(Netdev *net)
{
    SlirpNet *user = container_of(net, SlirpNet, net);
    GBytes *bytes;

    if (user->flushing) {
        return;
    }
    user->flushing = true;
    while ((bytes = g_queue_peek_head(&user->frames))) {
        gsize len;
        const void *frame = g_bytes_get_data(bytes, &len);

        if (!give_to_card(user, frame, len)) {
            break;
        }
        g_bytes_unref(g_queue_pop_head(&user->frames));
    }
    user->flushing = false;
}

/* The main loop shall ask libslirp again what to wait for. */
static void wake_main_loop(SlirpNet *user)
{
    if (g_atomic_int_compare_and_exchange(&user->woken, 0, 1)) {
        g_main_context_wakeup(user->machine->context);
    }
}

static void user_send(Netdev *net, const uint8_t *frame, size_t len)
{
    SlirpNet *user = container_of(net, SlirpNet, net);

    slirp_input(user->slirp, frame, len);
    wake_main_loop(user);
}

/* ---- Descriptors ---- */

static const struct {
    int slirp;
    uint32_t epoll;
} event_map[] = {
    {SLIRP_POLL_IN, EPOLLIN},   {SLIRP_POLL_OUT, EPOLLOUT}, {SLIRP_POLL_PRI, EPOLLPRI},
    {SLIRP_POLL_ERR, EPOLLERR}, {SLIRP_POLL_HUP, EPOLLHUP},
};

static uint32_t to_epoll(int events)
{
    uint32_t result = 0;

    for (size_t i = 0; i < ARRAY_SIZE(event_map); i++) {
        result |= events & event_map[i].slirp ? event_map[i].epoll : 0;
    }
    return result;
}

static int from_epoll(uint32_t events)
{
    int result = 0;

    for (size_t i = 0; i < ARRAY_SIZE(event_map); i++) {
        result |= events & event_map[i].epoll ? event_map[i].slirp : 0;
    }
    return result;
}

static uint32_t fd_events(GHashTable *table, int fd)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(table, GINT_TO_POINTER(fd)));
}

static void set_fd_events(GHashTable *table, int fd, uint32_t events)
{
    g_hash_table_insert(table, GINT_TO_POINTER(fd), GUINT_TO_POINTER(events));
}

/* SlirpAddPollCb: the index is the descriptor itself. */
static int add_poll(int fd, int events, void *opaque)
{
    SlirpNet *user = opaque;

    set_fd_events(user->wanted, fd, fd_events(user->wanted, fd) | to_epoll(events));
    return fd;
}

static int get_revents(int fd, void *opaque)
{
    return from_epoll(fd_events(((SlirpNet *)opaque)->ready, fd));
}

static void watch(SlirpNet *user, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int op =
        g_hash_table_contains(user->watched, GINT_TO_POINTER(fd)) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (epoll_ctl(user->epoll, op, fd, &event) < 0) {
        /* The number was reused for another file. */
        op = errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        epoll_ctl(user->epoll, op, fd, &event);
    }
    set_fd_events(user->watched, fd, events);
}

/* Makes the epoll set what libslirp wants now. */
static void update_watches(SlirpNet *user)
{
    GHashTableIter iter;
    gpointer fd, events;

    g_hash_table_iter_init(&iter, user->watched);
    while (g_hash_table_iter_next(&iter, &fd, NULL)) {
        if (!g_hash_table_contains(user->wanted, fd)) {
            epoll_ctl(user->epoll, EPOLL_CTL_DEL, GPOINTER_TO_INT(fd), NULL);
            g_hash_table_iter_remove(&iter);
        }
    }
    g_hash_table_iter_init(&iter, user->wanted);
    while (g_hash_table_iter_next(&iter, &fd, &events)) {
        if (!g_hash_table_contains(user->watched, fd) ||
            fd_events(user->watched, GPOINTER_TO_INT(fd)) != GPOINTER_TO_UINT(events)) {
            watch(user, GPOINTER_TO_INT(fd), GPOINTER_TO_UINT(events));
        }
    }
}

static void register_poll_fd(int fd, void *opaque)
{
}

/* The descriptor is about to be closed. */
static void unregister_poll_fd(int fd, void *opaque)
{
    SlirpNet *user = opaque;

    if (g_hash_table_remove(user->watched, GINT_TO_POINTER(fd))) {
        epoll_ctl(user->epoll, EPOLL_CTL_DEL, fd, NULL);
    }
    g_hash_table_remove(user->ready, GINT_TO_POINTER(fd));
}

static gboolean source_prepare(GSource *base, gint *timeout)
{
    SlirpSource *source = (SlirpSource *)base;
    SlirpNet *user = source->user;
    uint32_t ms = UINT32_MAX;

    machine_lock(user->machine);
    g_atomic_int_set(&user->woken, 0);
    g_hash_table_remove_all(user->wanted);
    slirp_pollfds_fill(user->slirp, &ms, add_poll, user);
    update_watches(user);
    machine_unlock(user->machine);
    *timeout = ms > INT32_MAX ? -1 : (gint)ms;
    source->deadline = *timeout < 0 ? -1 : g_get_monotonic_time() + *timeout * INT64_C(1000);
    return FALSE;
}

static gboolean source_check(GSource *base)
{
    SlirpSource *source = (SlirpSource *)base;

    return g_source_query_unix_fd(base, source->epoll_tag) != 0 ||
           (source->deadline >= 0 && g_get_monotonic_time() >= source->deadline);
}

static gboolean source_dispatch(GSource *base, GSourceFunc fn, gpointer data)
{
    SlirpNet *user = ((SlirpSource *)base)->user;
    struct epoll_event events[64];
    int n;

    machine_lock(user->machine);
    g_hash_table_remove_all(user->ready);
    n = epoll_wait(user->epoll, events, ARRAY_SIZE(events), 0);
    for (int i = 0; i < n; i++) {
        set_fd_events(user->ready, events[i].data.fd, events[i].events);
    }
    slirp_pollfds_poll(user->slirp, 0, get_revents, user);
    machine_unlock(user->machine);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
};

/* ---- What libslirp calls ---- */

static void guest_error(const char *msg, void *opaque)
{
    log_guest_error("user network: %s\n", msg);
}

static int64_t clock_get_ns(void *opaque)
{
    return clock_now(((SlirpNet *)opaque)->machine->clock);
}

static void timer_fired(void *opaque)
{
    SlirpTimer *timer = opaque;

    timer->fn(timer->opaque);
}

static void *timer_new(SlirpTimerCb fn, void *fn_opaque, void *opaque)
{
    SlirpTimer *timer = g_new0(SlirpTimer, 1);

    timer->fn = fn;
    timer->opaque = fn_opaque;
    timer_init(&timer->timer, ((SlirpNet *)opaque)->machine->clock, timer_fired, timer);
    return timer;
}

static void timer_free(void *timer, void *opaque)
{
    timer_cancel(&((SlirpTimer *)timer)->timer);
    g_free(timer);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    timer_arm(&((SlirpTimer *)timer)->timer, expire_ms * NS_PER_MS);
}

static void notify(void *opaque)
{
    wake_main_loop(opaque);
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_new = timer_new,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = register_poll_fd,
    .unregister_poll_fd = unregister_poll_fd,
    .notify = notify,
};

/* ---- Options ---- */

/* Reads key=ADDRESS. */
static bool parse_addr(Options *opts, const char *key, struct in_addr *addr, GError **error)
{
    const char *text = options_get(opts, key, NULL);

    if (text && inet_pton(AF_INET, text, addr) != 1) {
        return error_set(error, "-netdev user: %s='%s' is no IPv4 address", key, text);
    }
    return true;
}

/* Reads net=ADDRESS[/BITS or /MASK] and sets the addresses that follow from it. */
static bool parse_net(Options *opts, SlirpConfig *config, GError **error)
{
    const char *text = options_get(opts, "net", "10.0.2.0/24");
    char **parts = g_strsplit(text, "/", 2);
    uint32_t mask = 0xffffff00;
    char *end = NULL;
    bool ok = inet_pton(AF_INET, parts[0], &config->vnetwork) == 1;

    if (ok && parts[1] && strchr(parts[1], '.')) {
        ok = inet_pton(AF_INET, parts[1], &config->vnetmask) == 1;
        mask = ntohl(config->vnetmask.s_addr);
    } else if (ok && parts[1]) {
        guint64 bits = g_ascii_strtoull(parts[1], &end, 10);

        ok = *parts[1] && !*end && bits >= 1 && bits <= 28;
        mask = ok ? ~(UINT32_MAX >> bits) : 0;
    }
    g_strfreev(parts);
    if (!ok || (mask & (~mask >> 1))) {
        return error_set(error, "-netdev user: net='%s' must be like 10.0.2.0/24", text);
    }
    config->vnetmask.s_addr = htonl(mask);
    config->vnetwork.s_addr &= htonl(mask);
    config->vhost.s_addr = config->vnetwork.s_addr | htonl(2);
    config->vnameserver.s_addr = config->vnetwork.s_addr | htonl(3);
    config->vdhcp_start.s_addr = config->vnetwork.s_addr | htonl(15);
    return true;
}

static bool parse_config(Options *opts, SlirpConfig *config, GError **error)
{
    bool restricted = false, ipv4 = true, ipv6 = true;

    *config = (SlirpConfig){.version = 3, .vprefix_len = 64};
    if (!options_get_bool(opts, "restrict", &restricted, error) ||
        !options_get_bool(opts, "ipv4", &ipv4, error) ||
        !options_get_bool(opts, "ipv6", &ipv6, error) || !parse_net(opts, config, error) ||
        !parse_addr(opts, "host", &config->vhost, error) ||
        !parse_addr(opts, "dns", &config->vnameserver, error) ||
        !parse_addr(opts, "dhcpstart", &config->vdhcp_start, error)) {
        return false;
    }
    config->restricted = restricted;
    config->in_enabled = ipv4;
    config->in6_enabled = ipv6;
    inet_pton(AF_INET6, "fec0::", &config->vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &config->vhost6);
    inet_pton(AF_INET6, "fec0::3", &config->vnameserver6);
    config->vhostname = options_get(opts, "hostname", NULL);
    config->vdomainname = options_get(opts, "domainname", NULL);
    config->tftp_path = options_get(opts, "tftp", NULL);
    config->bootfile = options_get(opts, "bootfile", NULL);
    if (config->tftp_path && !g_file_test(config->tftp_path, G_FILE_TEST_IS_DIR)) {
        return error_set(error, "-netdev user: tftp='%s' is not a directory", config->tftp_path);
    }
    return true;
}

/* Reads "[ADDRESS]:PORT" up to the character @stop at *@text, and moves behind it. */
static bool parse_endpoint(const char **text, char stop, struct in_addr *addr, int *port)
{
    const char *colon = strchr(*text, ':');
    char *host, *end;
    guint64 value;
    bool ok;

    if (!colon) {
        return false;
    }
    host = g_strndup(*text, colon - *text);
    ok = !*host || inet_pton(AF_INET, host, addr) == 1;
    g_free(host);
    value = g_ascii_strtoull(colon + 1, &end, 10);
    if (!ok || end == colon + 1 || *end != stop || value > 65535) {
        return false;
    }
    *port = value;
    *text = end + (stop ? 1 : 0);
    return true;
}

/* The beginning of a rule, "[tcp|udp]:[ADDRESS]:PORT", up to the character @stop; moves behind it. */
static bool parse_host_side(const char **rule, char stop, bool *udp, struct in_addr *host,
                            int *port)
{
    const char *p = strchr(*rule, ':');

    *udp = g_str_has_prefix(*rule, "udp:");
    if (!p || !(*udp || g_str_has_prefix(*rule, "tcp:") || p == *rule)) {
        return false;
    }
    *rule = p + 1;
    return parse_endpoint(rule, stop, host, port);
}

/* One hostfwd=[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT. */
static bool add_hostfwd(SlirpNet *user, const char *rule, GError **error)
{
    struct in_addr host = {.s_addr = INADDR_ANY}, guest = {0};
    int host_port = 0, guest_port = 0;
    const char *p = rule;
    bool udp;

    if (!parse_host_side(&p, '-', &udp, &host, &host_port) ||
        !parse_endpoint(&p, '\0', &guest, &guest_port) || !guest_port) {
        return error_set(error, "hostfwd='%s' must be like tcp::2222-:22", rule);
    }
    if (slirp_add_hostfwd(user->slirp, udp, host, host_port, guest, guest_port) < 0) {
        return error_set_errno(error, errno,
                               "could not set up host forwarding rule '%s'; is the port in use?",
                               rule);
    }
    return true;
}

static bool remove_hostfwd(SlirpNet *user, const char *rule, GError **error)
{
    struct in_addr host = {.s_addr = INADDR_ANY};
    const char *p = rule;
    int port = 0;
    bool udp;

    if (!parse_host_side(&p, '\0', &udp, &host, &port)) {
        return error_set(error, "'%s' must be like tcp::2222", rule);
    }
    return slirp_remove_hostfwd(user->slirp, udp, host, port) < 0
               ? error_set(error, "no host forwarding rule '%s'; info usernet shows them", rule)
               : true;
}

static bool add_forwards(SlirpNet *user, Options *opts, GError **error)
{
    const char *key, *value;

    options_mark_used(opts, "hostfwd");
    for (unsigned n = 0; options_nth(opts, n, &key, &value); n++) {
        if (strcmp(key, "hostfwd") == 0 && !add_hostfwd(user, value, error)) {
            return false;
        }
    }
    return true;
}

/* ---- Making and closing ---- */

static void user_close(Netdev *net)
{
    SlirpNet *user = container_of(net, SlirpNet, net);

    g_source_destroy(user->source);
    g_source_unref(user->source);
    slirp_cleanup(user->slirp);
    close(user->epoll);
    g_hash_table_unref(user->watched);
    g_hash_table_unref(user->wanted);
    g_hash_table_unref(user->ready);
    g_queue_clear_full(&user->frames, (GDestroyNotify)g_bytes_unref);
    g_free(user->net.id);
    g_free(user);
}

static const NetdevOps user_ops = {
    .name = "user",
    .send = user_send,
    .large_segments = true, /* libslirp ends TCP connections itself: data is data */
    .can_receive_again = user_can_receive_again,
    .close = user_close,
};

/* As QEMU's `info network`. */
static char *describe(const SlirpConfig *config)
{
    char net[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &config->vnetwork, net, sizeof(net));
    return g_strdup_printf("net=%s,restrict=%s", net, config->restricted ? "on" : "off");
}

Netdev *netdev_user_new(Machine *machine, const char *id, Options *opts, GError **error)
{
    SlirpConfig config;
    SlirpSource *source;
    SlirpNet *user;

    if (!parse_config(opts, &config, error)) {
        return NULL;
    }
    user = g_new0(SlirpNet, 1);
    user->net.ops = &user_ops;
    user->net.id = g_strdup(id);
    user->machine = machine;
    user->epoll = epoll_create1(EPOLL_CLOEXEC);
    user->watched = g_hash_table_new(NULL, NULL);
    user->wanted = g_hash_table_new(NULL, NULL);
    user->ready = g_hash_table_new(NULL, NULL);
    g_queue_init(&user->frames);
    user->slirp = slirp_new(&config, &callbacks, user);
    user->source = g_source_new(&source_funcs, sizeof(SlirpSource));
    source = (SlirpSource *)user->source;
    source->user = user;
    source->epoll_tag = g_source_add_unix_fd(user->source, user->epoll, G_IO_IN);
    if (!add_forwards(user, opts, error)) {
        user_close(&user->net);
        return NULL;
    }
    user->net.info = describe(&config);
    g_source_attach(user->source, machine->context);
    return &user->net;
}

bool netdev_user_forward(Netdev *net, const char *rule, bool remove, GError **error)
{
    SlirpNet *user = container_of(net, SlirpNet, net);
    bool ok;

    if (net->ops != &user_ops) {
        return error_set(error, "netdev '%s' is no user network", net->id);
    }
    ok = remove ? remove_hostfwd(user, rule, error) : add_hostfwd(user, rule, error);
    wake_main_loop(user);
    return ok;
}

void netdev_user_print(Netdev *net, GString *out)
{
    char *text;

    if (net->ops != &user_ops) {
        return;
    }
    text = slirp_connection_info(container_of(net, SlirpNet, net)->slirp);
    g_string_append(out, text);
    g_free(text);
}
