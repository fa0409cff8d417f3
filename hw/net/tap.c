/*
 * The "tap" network back end: an Ethernet interface of the host's kernel.
 *
 * The interface is opened by name (which takes the right to do so) or handed in as an open descriptor. Frames
 * have a virtio header in front, so that checksums and segmentation are the kernel's work; what it may
 * leave to the guest in return is what the card says. Frames that the card has no room for stay in
 * the kernel. Locking: the machine lock.
 */
#include "hw/net/net.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADER_SIZE sizeof(struct virtio_net_hdr)
#define MAX_FRAME (64 * 1024 + 64)
#define BUDGET 64 /* frames of one event */

typedef struct TapNet {
    Netdev net;
    Machine *machine;
    int fd;
    bool has_header; /* frames have one in front */
    GSource *source;
    gpointer tag;
    bool waiting;   /* for the card: the descriptor is not watched */
    size_t pending; /* bytes of the frame in buf that the card did not take yet */
    char *down_script, *ifname;
    uint8_t buf[HEADER_SIZE + MAX_FRAME];
} TapNet;

typedef struct TapSource {
    GSource base;
    TapNet *tap;
} TapSource;

static TapNet *to_tap(Netdev *net)
{
    return container_of(net, TapNet, net);
}

/* ---- From the guest ---- */

static void tap_send_header(Netdev *net, const struct virtio_net_hdr *header, const uint8_t *frame,
                            size_t len)
{
    TapNet *tap = to_tap(net);
    struct virtio_net_hdr copy = *header;
    struct iovec iov[2] = {{&copy, HEADER_SIZE}, {(void *)frame, len}};
    ssize_t n;

    do { /* what does not fit the kernel's queue is lost, as on a wire */
        n = tap->has_header ? writev(tap->fd, iov, 2) : write(tap->fd, frame, len);
    } while (n < 0 && errno == EINTR);
}

static void tap_send(Netdev *net, const uint8_t *frame, size_t len)
{
    static const struct virtio_net_hdr none;

    tap_send_header(net, &none, frame, len);
}

static void tap_set_offloads(Netdev *net, unsigned offloads)
{
    TapNet *tap = to_tap(net);
    unsigned flags = 0;

    if (offloads & NETDEV_CSUM) { /* all others need this one */
        flags =
            TUN_F_CSUM | (offloads & NETDEV_TSO4 ? TUN_F_TSO4 : 0) |
            (offloads & NETDEV_TSO6 ? TUN_F_TSO6 : 0) |
            (offloads & NETDEV_ECN && offloads & (NETDEV_TSO4 | NETDEV_TSO6) ? TUN_F_TSO_ECN : 0);
    }
    if (tap->has_header) {
        ioctl(tap->fd, TUNSETOFFLOAD, flags);
    }
}

/* ---- To the guest ---- */

static void watch(TapNet *tap, bool on)
{
    g_source_modify_unix_fd(tap->source, tap->tag, on ? G_IO_IN : 0);
    tap->waiting = !on;
}

/* Gives the frame in the buffer to the card; false if it has no room. */
static bool give(TapNet *tap)
{
    size_t header = tap->has_header ? HEADER_SIZE : 0;
    struct virtio_net_hdr copy;

    if (!tap->net.receive || tap->pending < header) {
        return true;
    }
    memcpy(&copy, tap->buf, header);
    return tap->has_header && tap->net.receive_header
               ? tap->net.receive_header(tap->net.opaque, &copy, tap->buf + header,
                                         tap->pending - header)
               : tap->net.receive(tap->net.opaque, tap->buf + header, tap->pending - header);
}

static void receive_some(TapNet *tap)
{
    for (unsigned i = 0; i < BUDGET; i++) {
        if (!tap->pending) {
            ssize_t n = read(tap->fd, tap->buf, sizeof(tap->buf));

            if (n <= 0) {
                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                    watch(tap, false); /* the interface is gone */
                }
                return;
            }
            tap->pending = n;
        }
        if (!give(tap)) {
            watch(tap, false);
            return;
        }
        tap->pending = 0;
    }
}

static void tap_can_receive_again(Netdev *net)
{
    TapNet *tap = to_tap(net);

    if (tap->waiting) {
        watch(tap, true);
        if (tap->pending && give(tap)) {
            tap->pending = 0;
        }
        g_main_context_wakeup(tap->machine->context);
    }
}

static gboolean tap_dispatch(GSource *base, GSourceFunc fn, gpointer data)
{
    TapNet *tap = ((TapSource *)base)->tap;

    machine_lock(tap->machine);
    receive_some(tap);
    machine_unlock(tap->machine);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs tap_source = {.dispatch = tap_dispatch};

/* ---- Making and closing ---- */

/* Runs @script with the interface's name, as up or down. */
static bool run_script(const char *script, const char *ifname, GError **error)
{
    char *argv[] = {(char *)script, (char *)ifname, NULL};
    GError *why = NULL;
    int status = 0;
    bool ok = g_spawn_sync(NULL, argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                           &status, &why) &&
              g_spawn_check_wait_status(status, &why);

    if (!ok) {
        error_set(error, "-netdev tap: script '%s' failed: %s; script=no goes without", script,
                  why->message);
        g_error_free(why);
    }
    return ok;
}

static void tap_close(Netdev *net)
{
    TapNet *tap = to_tap(net);

    if (tap->source) {
        g_source_destroy(tap->source);
        g_source_unref(tap->source);
    }
    if (tap->down_script) {
        run_script(tap->down_script, tap->ifname, NULL);
    }
    close(tap->fd);
    g_free(tap->down_script);
    g_free(tap->ifname);
    g_free(net->id);
    g_free(tap);
}

static const NetdevOps tap_ops = {
    .name = "tap",
    .send = tap_send,
    .send_header = tap_send_header,
    .set_offloads = tap_set_offloads,
    .can_receive_again = tap_can_receive_again,
    .close = tap_close,
};

/* Without headers in front (an inherited interface that has none), nothing may be left to it. */
static const NetdevOps plain_tap_ops = {
    .name = "tap",
    .send = tap_send,
    .can_receive_again = tap_can_receive_again,
    .close = tap_close,
};

static int open_by_name(const char *ifname, struct ifreq *request, GError **error)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    memset(request, 0, sizeof(*request));
    if (strlen(ifname) >= IFNAMSIZ) {
        error_set(error, "-netdev tap: '%s' is no name of an interface", ifname);
    } else if (fd < 0) {
        error_set_errno(error, errno, "-netdev tap: cannot open /dev/net/tun");
    } else {
        request->ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
        g_strlcpy(request->ifr_name, ifname, IFNAMSIZ);
        if (ioctl(fd, TUNSETIFF, request) == 0) {
            return fd;
        }
        error_set_errno(error, errno,
                        "-netdev tap: cannot open interface '%s'; it must be yours (ip tuntap add "
                        "mode tap user $USER name %s) and not in use",
                        ifname, *ifname ? ifname : "tap0");
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int inherit(uint64_t fd, struct ifreq *request, GError **error)
{
    memset(request, 0, sizeof(*request));
    if (fd > INT32_MAX || ioctl(fd, TUNGETIFF, request) < 0 || !(request->ifr_flags & IFF_TAP)) {
        error_set(error, "-netdev tap: fd=%" G_GUINT64_FORMAT " is no open tap interface", fd);
        return -1;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static const char *script_of(Options *opts, const char *key)
{
    const char *script = options_get(opts, key, "no");

    return strcmp(script, "no") != 0 && *script ? script : NULL;
}

Netdev *netdev_tap_new(Machine *machine, const char *id, Options *opts, GError **error)
{
    const char *ifname = options_get(opts, "ifname", ""), *up = script_of(opts, "script");
    const char *down = script_of(opts, "downscript"), *fd_text = options_get(opts, "fd", NULL);
    bool vhost = false;
    int given = -1;
    struct ifreq request;
    TapNet *tap;
    int fd, header_size = HEADER_SIZE;

    options_mark_used(opts, "br");
    if (!options_get_bool(opts, "vhost", &vhost, error) ||
        (fd_text && (given = fds_take(machine, fd_text, error)) < 0)) {
        return NULL;
    }
    if (vhost) {
        error_set(error, "-netdev tap: there is no vhost; leave out vhost=on");
        return NULL;
    }
    fd = fd_text ? inherit(given, &request, error) : open_by_name(ifname, &request, error);
    if (fd < 0) {
        return NULL;
    }
    tap = g_new0(TapNet, 1);
    tap->has_header = request.ifr_flags & IFF_VNET_HDR;
    tap->net.ops = tap->has_header ? &tap_ops : &plain_tap_ops;
    tap->net.id = g_strdup(id);
    tap->machine = machine;
    tap->fd = fd;
    tap->ifname = g_strdup(request.ifr_name);
    if (tap->has_header) {
        ioctl(fd, TUNSETVNETHDRSZ, &header_size);
        tap_set_offloads(&tap->net, 0);
    }
    if (up && !run_script(up, tap->ifname, error)) {
        tap_close(&tap->net);
        return NULL;
    }
    tap->down_script = g_strdup(down);
    tap->net.info = fd_text ? g_strdup_printf("fd=%d", fd)
                            : g_strdup_printf("ifname=%s,script=%s,downscript=%s", tap->ifname,
                                              up ? up : "no", down ? down : "no");
    tap->source = g_source_new(&tap_source, sizeof(TapSource));
    ((TapSource *)tap->source)->tap = tap;
    tap->tag = g_source_add_unix_fd(tap->source, fd, G_IO_IN);
    g_source_attach(tap->source, machine->context);
    return &tap->net;
}
