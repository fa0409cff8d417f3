/*
 * Network back ends (sockets, tap in a network of this test's own), forwarded ports, what is shown of them, and what
 * cards leave to be done: checksums and segmentation.
 */
#include "hw/net/gso.h"
#include "hw/net/net.h"
#include "tests/device/harness.h"
#include "tests/fuzz/bench.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A card that keeps the last frame. */
typedef struct Card {
    Netdev *net;
    bool full;
    unsigned count;
    size_t len;
    uint8_t frame[70000];
} Card;

static bool card_receive(void *opaque, const uint8_t *frame, size_t len)
{
    Card *card = opaque;

    if (card->full) {
        return false;
    }
    card->count++;
    card->len = len;
    memcpy(card->frame, frame, len);
    return true;
}

typedef struct Fixture {
    Machine *machine;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->machine->config.netdevs = g_ptr_array_new();
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

/* A card for the back end that @text describes; NULL with @error. */
static Netdev *plug(Fixture *f, Card *card, const char *text, GError **error)
{
    Options *opts = options_parse("-netdev", text, "type", NULL);
    Netdev *net;

    g_ptr_array_add(f->machine->config.netdevs, opts);
    net = netdev_take(f->machine, options_get(opts, "id", NULL), error);
    memset(card, 0, sizeof(*card));
    if (net) {
        card->net = net;
        net->receive = card_receive;
        net->opaque = card;
    }
    return net;
}

static void run_until(Fixture *f, const unsigned *count, unsigned wanted)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    while (*count < wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (!g_main_context_iteration(f->machine->context, FALSE)) {
            g_usleep(100);
        }
    }
}

static void settle(Fixture *f)
{
    for (unsigned i = 0; i < 50; i++) {
        while (g_main_context_iteration(f->machine->context, FALSE)) {
        }
        g_usleep(200);
    }
}

static void send_frame(Card *card, uint8_t seed, size_t len)
{
    uint8_t frame[65000];

    for (size_t i = 0; i < len; i++) {
        frame[i] = seed + i * 7;
    }
    card->net->ops->send(card->net, frame, len);
}

static void check_frame(const Card *card, uint8_t seed, size_t len)
{
    g_assert_cmpuint(card->len, ==, len);
    for (size_t i = 0; i < len; i++) {
        g_assert_cmphex(card->frame[i], ==, (uint8_t)(seed + i * 7));
    }
}

/* Frames both ways, large and small, also when the card has no room for a while. */
static void exchange(Fixture *f, Card *a, Card *b, size_t largest)
{
    settle(f);
    send_frame(a, 1, 60);
    run_until(f, &b->count, 1);
    check_frame(b, 1, 60);
    send_frame(b, 2, largest);
    run_until(f, &a->count, 1);
    check_frame(a, 2, largest);
    b->full = true;
    for (unsigned i = 0; i < 5; i++) {
        send_frame(a, 10 + i, 100 + i);
    }
    settle(f);
    g_assert_cmpuint(b->count, ==, 1);
    b->full = false;
    b->net->ops->can_receive_again(b->net);
    run_until(f, &b->count, 6);
    check_frame(b, 14, 104);
}

static unsigned free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    close(fd);
    return ntohs(addr.sin_port);
}

static Netdev *plug_format(Fixture *f, Card *card, const char *format, unsigned x, unsigned y)
{
    GError *error = NULL;
    char *text = g_strdup_printf(format, x, y);
    Netdev *net = plug(f, card, text, &error);

    g_assert_no_error(error);
    g_free(text);
    return net;
}

static void test_stream(Fixture *f, gconstpointer data)
{
    Card *a = g_new(Card, 1), *b = g_new(Card, 1);
    unsigned port = free_port();

    plug_format(f, a, "socket,id=a,listen=127.0.0.1:%u", port, 0);
    plug_format(f, b, "socket,id=b,connect=127.0.0.1:%u", port, 0);
    exchange(f, a, b, 60000);
    g_free(a);
    g_free(b);
}

/* Peers that send no stream of frames, or go in the middle of one: the listener waits for the next. */
static void test_bad_peers(Fixture *f, gconstpointer data)
{
    static const uint8_t too_long[] = {0x7f, 0xff, 0xff, 0xff}, part[] = {0, 0, 0, 20, 1, 2};
    static const uint8_t whole[] = {0, 0, 0, 14, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    Card *card = g_new(Card, 1);
    unsigned port = free_port();
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    plug_format(f, card, "socket,id=a,listen=127.0.0.1:%u", port, 0);
    send_frame(card, 1, 60); /* nobody is there */
    for (unsigned round = 0; round < 3; round++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
        settle(f);
        g_assert_cmpint(round == 0   ? write(fd, too_long, sizeof(too_long))
                        : round == 1 ? write(fd, part, sizeof(part))
                                     : write(fd, whole, sizeof(whole)),
                        >, 0);
        settle(f);
        g_assert_cmpuint(card->count, ==, round == 2);
        close(fd);
        settle(f);
    }
    g_assert_cmpuint(card->len, ==, 14);
    g_free(card);
}

static void test_unix_stream(Fixture *f, gconstpointer data)
{
    Card *a = g_new(Card, 1), *b = g_new(Card, 1);
    char *dir = g_dir_make_tmp("amphi-net-XXXXXX", NULL), *text;
    GError *error = NULL;

    text = g_strdup_printf("stream,id=a,server=on,addr.type=unix,addr.path=%s/s", dir);
    g_assert_nonnull(plug(f, a, text, &error));
    g_free(text);
    text = g_strdup_printf("stream,id=b,addr.type=unix,addr.path=%s/s", dir);
    g_assert_nonnull(plug(f, b, text, &error));
    g_free(text);
    exchange(f, a, b, 60000);
    text = g_strdup_printf("%s/s", dir);
    unlink(text);
    rmdir(dir);
    g_free(text);
    g_free(dir);
    g_free(a);
    g_free(b);
}

static void test_datagrams(Fixture *f, gconstpointer data)
{
    Card *a = g_new(Card, 1), *b = g_new(Card, 1);
    unsigned x = free_port(), y = free_port();

    plug_format(f, a, "socket,id=a,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", x, y);
    plug_format(f, b,
                "dgram,id=b,remote.type=inet,remote.host=127.0.0.1,remote.port=%u,"
                "local.type=inet,local.host=127.0.0.1,local.port=%u",
                y, x);
    exchange(f, a, b, 9000);
    g_free(a);
    g_free(b);
}

static void test_errors(Fixture *f, gconstpointer data)
{
    unsigned port = free_port();
    char *taken = g_strdup_printf("socket,id=taken,listen=127.0.0.1:%u", port);
    char *refused = g_strdup_printf("socket,id=r,connect=127.0.0.1:%u", free_port());
    const struct {
        const char *text, *expected;
    } cases[] = {
        {taken, "in use"},
        {refused, "cannot connect"},
        {"socket,id=x", "needs listen="},
        {"socket,id=x,listen=:1,connect=:1", "exclude each other"},
        {"socket,id=x,listen=1", "must be like"},
        {"socket,id=x,mcast=127.0.0.1:1", "no group"},
        {"socket,id=x,udp=127.0.0.1:1", "localaddr"},
        {"stream,id=x", "addr.type"},
        {"stream,id=x,addr.type=fd", "must be inet or unix"},
        {"dgram,id=x", "remote.type"},
        {"tap,id=x,vhost=on", "no vhost"},
        {"tap,id=x,fd=0", "no open tap"},
        {"tap,id=x,ifname=a-name-that-is-too-long", "no name of an interface"},
        {"usr,id=x", "there are: dgram, socket, stream, tap, user"},
    };
    Card *card = g_new(Card, 1);

    plug_format(f, card, "socket,id=first,listen=127.0.0.1:%u", port, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;

        g_assert_null(plug(f, card, cases[i].text, &error));
        options_free(g_ptr_array_remove_index(f->machine->config.netdevs, 1));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        g_assert_null(strchr(error->message, '\n'));
        g_error_free(error);
    }
    g_free(card);
    g_free(taken);
    g_free(refused);
}

static void test_forward(Fixture *f, gconstpointer data)
{
    Card *card = g_new(Card, 1);
    unsigned port = free_port();
    char *add = g_strdup_printf("tcp:127.0.0.1:%u-:22", port);
    char *remove = g_strdup_printf("tcp:127.0.0.1:%u", port);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    GError *error = NULL;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    g_assert_false(netdev_forward(f->machine, NULL, add, false, &error));
    g_assert_nonnull(strstr(error->message, "no user network"));
    g_clear_error(&error);
    plug_format(f, card, "user,id=u", 0, 0);
    g_assert_true(netdev_forward(f->machine, NULL, add, false, NULL));
    g_assert_false(netdev_forward(f->machine, "u", add, false, &error)); /* in use now */
    g_assert_nonnull(strstr(error->message, "is the port in use?"));
    g_clear_error(&error);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    close(fd);
    settle(f);
    g_assert_true(netdev_forward(f->machine, "u", remove, true, NULL));
    g_assert_false(netdev_forward(f->machine, "u", remove, true, &error));
    g_assert_nonnull(strstr(error->message, "no host forwarding rule"));
    g_clear_error(&error);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), <, 0);
    close(fd);
    g_assert_false(netdev_forward(f->machine, "v", remove, true, &error));
    g_clear_error(&error);
    g_assert_false(netdev_forward(f->machine, "u", "nonsense", true, &error));
    g_clear_error(&error);
    g_free(card);
    g_free(add);
    g_free(remove);
}

/* ---- tap ---- */

/* In a process of its own: a network, an interface, and frames both ways, one with a checksum that the
 * kernel completes. Exits with 77 if the host does not allow that. */
static void tap_process(void)
{
    struct ifreq request = {0};
    struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                    .csum_start = 34,
                                    .csum_offset = 6};
    uint8_t frame[62] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x12, 0x34}, back[2000];
    Card *card = g_new(Card, 1);
    GError *error = NULL;
    Fixture f;
    ssize_t n;
    int fd;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0) {
        _exit(77);
    }
    setup(&f, NULL);
    if (!plug(&f, card, "tap,id=t,ifname=amphi0,script=no,downscript=no,vhost=off", &error)) {
        _exit(error && strstr(error->message, "not permitted") ? 77 : 1);
    }
    fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    g_strlcpy(request.ifr_name, "amphi0", IFNAMSIZ);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
        _exit(2);
    }
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        _exit(3);
    }
    addr.sll_ifindex = if_nametoindex("amphi0");
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        _exit(4);
    }
    card->net->ops->send(card->net, frame, 60);
    do { /* the kernel says things of its own there */
        n = recv(fd, back, sizeof(back), 0);
    } while (n > 0 && (n != 60 || memcmp(back, frame, 14) != 0));
    frame[13] = 0x35;
    if (send(fd, frame, 60, 0) != 60) {
        _exit(5);
    }
    do {
        card->len = 0;
        unsigned before = card->count;
        run_until(&f, &card->count, before + 1);
    } while (memcmp(card->frame, frame, 14) != 0);
    if (card->len != 60) {
        _exit(6);
    }
    card->net->ops->set_offloads(card->net, NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6);
    card->net->ops->send_header(card->net, &header, frame, sizeof(frame));
    teardown(&f, NULL);
    _exit(0);
}

static void test_tap(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        tap_process();
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        g_test_skip("no tap interfaces here (user namespaces, /dev/net/tun)");
        return;
    }
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

/* ---- Segmentation ---- */

typedef struct Pieces {
    unsigned count;
    size_t data; /* bytes of TCP data so far */
    bool ipv6;
    size_t tcp, head;
} Pieces;

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void check_piece(void *opaque, const uint8_t *frame, size_t len)
{
    Pieces *p = opaque;
    const uint8_t *ip = frame + 14, *tcp = frame + p->tcp;
    size_t tcp_len = len - p->tcp, n = len - p->head;
    bool last = p->data + n == 3500;

    g_assert_cmpuint(n, ==, last ? 500 : 1000);
    g_assert_cmpuint(p->ipv6 ? ip[4] << 8 | ip[5] : ip[2] << 8 | ip[3], ==,
                     p->ipv6 ? len - 54 : len - 14);
    if (!p->ipv6) {
        g_assert_cmphex(sum16(ip, 20, 0), ==, 0xffff);
        g_assert_cmpuint(ip[4] << 8 | ip[5], ==, (0xfffe + p->count) & 0xffff);
    }
    g_assert_cmphex(sum16(tcp, tcp_len,
                          sum16(p->ipv6 ? ip + 8 : ip + 12, p->ipv6 ? 32 : 8, 6 + tcp_len)),
                    ==, 0xffff);
    g_assert_cmphex((uint32_t)tcp[4] << 24 | tcp[5] << 16 | tcp[6] << 8 | tcp[7], ==,
                    0xfffffff0u + (uint32_t)p->data);
    g_assert_cmphex(tcp[13], ==, 0x10 | (last ? 0x09 : 0) | (p->count == 0 ? 0x80 : 0));
    for (size_t i = 0; i < n; i++) {
        g_assert_cmphex(frame[p->head + i], ==, (uint8_t)((p->data + i) * 3));
    }
    p->data += n;
    p->count++;
}

static void test_segments(void)
{
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        uint8_t frame[4000] = {0};
        Pieces p = {.ipv6 = ipv6, .tcp = ipv6 ? 54 : 34, .head = ipv6 ? 86 : 66};
        size_t len = p.head + 3500;
        struct virtio_net_hdr header = {
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
            .gso_type = ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
            .gso_size = 1000,
            .csum_start = p.tcp,
            .csum_offset = 16,
        };

        frame[12] = ipv6 ? 0x86 : 8;
        frame[13] = ipv6 ? 0xdd : 0;
        frame[14] = ipv6 ? 0x60 : 0x45;
        frame[ipv6 ? 20 : 23] = 6;
        for (unsigned i = 22; i < 54 && ipv6; i++) {
            frame[i] = i;
        }
        if (!ipv6) {
            memcpy(frame + 18, "\xff\xfe", 2); /* identification, which wraps */
            memcpy(frame + 26, "\x0a\x00\x02\x0f\x0a\x00\x02\x02", 8);
        }
        memcpy(frame + p.tcp + 4, "\xff\xff\xff\xf0", 4); /* as the sequence does */
        frame[p.tcp + 12] = 0x80;
        frame[p.tcp + 13] = 0x80 | 0x10 | 0x09;
        for (unsigned i = 0; i < 3500; i++) {
            frame[p.head + i] = i * 3;
        }
        g_assert_true(gso_header_ok(&header, len));
        gso_segment(&header, frame, len, check_piece, &p);
        g_assert_cmpuint(p.count, ==, 4);
        g_assert_cmpuint(p.data, ==, 3500);
    }
}

static void count_piece(void *opaque, const uint8_t *frame, size_t len)
{
    ++*(unsigned *)opaque;
}

/* Headers and frames of any kind: no more pieces than bytes, nothing outside. */
static void test_wild_segments(void)
{
    GRand *rand = g_rand_new_with_seed(9);

    for (unsigned round = 0; round < 50000; round++) {
        size_t len = g_rand_int_range(rand, 14, 400);
        uint8_t *frame = g_malloc(len);
        struct virtio_net_hdr header;
        unsigned count = 0;

        for (unsigned i = 0; i < sizeof(header); i++) {
            ((uint8_t *)&header)[i] = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        }
        for (size_t i = 0; i < len; i++) {
            frame[i] = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        }
        if (len > 60 && round % 2) {
            memcpy(frame + 12, "\x08\x00\x45", 3);
            frame[23] = 6;
            header = (struct virtio_net_hdr){.flags = 1,
                                             .gso_type = 1,
                                             .gso_size = 64 + round % 99,
                                             .csum_start = 34,
                                             .csum_offset = 16};
        }
        if (gso_header_ok(&header, len)) {
            if (header.gso_type) {
                gso_segment(&header, frame, len, count_piece, &count);
            } else {
                gso_complete_checksum(&header, frame, len);
            }
        }
        g_assert_cmpuint(count, <=, len / 64 + 1);
        g_free(frame);
    }
    g_rand_free(rand);
}

static void check_info(Machine *machine, const char *want)
{
    GString *out = g_string_new(NULL);

    netdev_print_all(machine, out);
    g_assert_cmpstr(out->str, ==, want);
    g_string_free(out, TRUE);
}

/* info network: of cards. */
static void test_info_cards(void)
{
    Bench *bench = bench_new(BENCH_Q35);

    check_info(bench->machine,
               "e1000.0: index=0,type=nic,model=e1000,macaddr=52:54:00:12:34:56\n"
               " \\ n1: index=0,type=user,net=10.0.2.0,restrict=on\n"
               "e1000e.0: index=0,type=nic,model=e1000e,macaddr=52:54:00:12:34:57\n"
               "virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:58\n"
               " \\ n0: index=0,type=user,net=10.0.2.0,restrict=on\n");
    bench_free(bench);
}

/* Of back ends without card. */
static void test_info(Fixture *f, gconstpointer data)
{
    char *text = g_strdup_printf("socket,id=s,listen=127.0.0.1:%u", free_port());
    char *want = g_strdup_printf("u: index=0,type=user,net=192.168.7.0,restrict=off\n"
                                 "s: index=0,type=socket,socket: %s\n",
                                 strstr(text, "listen"));
    const char *const nets[] = {"user,id=u,net=192.168.7.0/24", text};
    GError *error = NULL;

    check_info(f->machine, "");
    for (unsigned i = 0; i < ARRAY_SIZE(nets); i++) {
        g_assert_true(
            netdev_add(f->machine, options_parse("-netdev", nets[i], "type", NULL), &error));
        g_assert_no_error(error);
    }
    check_info(f->machine, want);
    g_free(want);
    g_free(text);
}

#define TEST(name, fn) g_test_add("/netdev/" name, Fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("stream", test_stream);
    TEST("bad-peers", test_bad_peers);
    TEST("unix-stream", test_unix_stream);
    TEST("datagrams", test_datagrams);
    TEST("errors", test_errors);
    TEST("forward", test_forward);
    TEST("info", test_info);
    g_test_add_func("/netdev/info-cards", test_info_cards);
    g_test_add_func("/netdev/tap", test_tap);
    g_test_add_func("/netdev/segments", test_segments);
    g_test_add_func("/netdev/wild-segments", test_wild_segments);
    return g_test_run();
}
