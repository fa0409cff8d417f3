/*
 * The virtio network card: against a made-up back end, and against the user network, which it asks for an
 * address and connects through.
 */
#include "hw/hw.h"
#include "hw/net/net.h"
#include "hw/virtio/virtio-mmio.h"
#include "tests/device/virtio-driver.h"
#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REGS 0x10001000
#define BIT(n) (UINT64_C(1) << (n))
#define HEADER sizeof(struct virtio_net_hdr_mrg_rxbuf)

enum { RX, TX, CONTROL };

static const uint8_t card_mac[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

typedef struct Fixture {
    Machine *machine;
    IrqProbe irq;
    Driver driver;
    Netdev *user;
    GByteArray *sent; /* the last frame */
    unsigned sends, again;
} Fixture;

/* ---- A back end that the test plays ---- */

static Fixture *fixture;

static void fake_send(Netdev *net, const uint8_t *frame, size_t len)
{
    g_byte_array_set_size(fixture->sent, 0);
    g_byte_array_append(fixture->sent, frame, len);
    fixture->sends++;
}

static void fake_again(Netdev *net)
{
    fixture->again++;
}

static const NetdevOps fake_ops = {.name = "test",
                                   .send = fake_send,
                                   .can_receive_again = fake_again};

static const NetdevOps *real_ops;

/* @data: -netdev. */
static void setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = harness_new();
    f->machine->config.netdevs = g_ptr_array_new();
    g_ptr_array_add(f->machine->config.netdevs, options_parse("-netdev", data, "type", &error));
    g_assert_no_error(error);
    virtio_mmio_new(f->machine, REGS, irq_probe(&f->irq));
    create_device(f->machine, "virtio-net-device,netdev=n0");
    machine_reset(f->machine);
    driver_init(&f->driver, f->machine, REGS);
    f->sent = g_byte_array_new();
    f->sends = f->again = 0;
    fixture = f;
}

static void teardown(Fixture *f, gconstpointer data)
{
    if (f->user) {
        f->user->ops = real_ops;
    }
    harness_free(f->machine);
    g_byte_array_unref(f->sent);
}

/* Puts the made-up back end in the place of the real one, which is found by the card not being free. */
static void fake_back_end(Fixture *f)
{
    GError *error = NULL;

    g_assert_null(netdev_take(f->machine, "n0", &error));
    g_assert_nonnull(strstr(error->message, "has a card already"));
    g_clear_error(&error);
    f->user = netdev_find(f->machine, "n0");
    real_ops = f->user->ops;
    f->user->ops = &fake_ops;
}

static DriverBuf offer(Fixture *f, uint32_t len)
{
    DriverBuf buf = {driver_alloc(&f->driver, len, 8), len};

    driver_add(&f->driver, RX, &buf, 0, 1, DRIVER_DIRECT);
    driver_kick(&f->driver, RX);
    return buf;
}

/* Sends @frame with @header, in two buffers. */
static void send_frame(Fixture *f, struct virtio_net_hdr_mrg_rxbuf header, const uint8_t *frame,
                       size_t len)
{
    DriverBuf bufs[2] = {{driver_alloc(&f->driver, HEADER, 8), HEADER},
                         {driver_alloc(&f->driver, len, 8), len}};

    memcpy(guest(f->machine, bufs[0].addr), &header, HEADER);
    memcpy(guest(f->machine, bufs[1].addr), frame, len);
    driver_run(&f->driver, TX, bufs, 2, 0);
}

static bool deliver(Fixture *f, const uint8_t *frame, size_t len)
{
    return f->user->receive(f->user->opaque, frame, len);
}

static void fill_frame(uint8_t *frame, size_t len, const uint8_t *to)
{
    for (size_t i = 0; i < len; i++) {
        frame[i] = i;
    }
    memcpy(frame, to, 6);
}

/* ---- Frames ---- */

static void test_transmit(Fixture *f, gconstpointer data)
{
    uint8_t frame[100];

    fake_back_end(f);
    driver_begin(&f->driver, 0, 2);
    fill_frame(frame, sizeof(frame), card_mac);
    send_frame(f, (struct virtio_net_hdr_mrg_rxbuf){0}, frame, sizeof(frame));
    g_assert_cmpmem(f->sent->data, f->sent->len, frame, sizeof(frame));
    /* Too long, and with an offload that was not offered: dropped. */
    DriverBuf huge[3] = {{driver_alloc(&f->driver, HEADER, 8), HEADER},
                         {TEST_RAM_BASE, 4 * MIB},
                         {TEST_RAM_BASE, 4 * MIB}};
    driver_run(&f->driver, TX, huge, 3, 0);
    send_frame(f, (struct virtio_net_hdr_mrg_rxbuf){.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4},
               frame, sizeof(frame));
    g_assert_cmpuint(f->sends, ==, 1);
    g_assert_false(driver_needs_reset(&f->driver));
}

static void test_checksum(Fixture *f, gconstpointer data)
{
    struct virtio_net_hdr_mrg_rxbuf header = {
        .hdr = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 20, .csum_offset = 4}};
    uint8_t frame[31];
    uint32_t sum = 0;

    fake_back_end(f);
    driver_begin(&f->driver, BIT(VIRTIO_NET_F_CSUM), 2);
    fill_frame(frame, sizeof(frame), card_mac);
    send_frame(f, header, frame, sizeof(frame));
    g_assert_cmpuint(f->sent->len, ==, sizeof(frame));
    /* The sum over all with the checksum in place, less what was there before, is all ones. */
    for (unsigned i = 20; i < 31; i += 2) {
        sum += f->sent->data[i] << 8 | (i + 1 < 31 ? f->sent->data[i + 1] : 0);
    }
    sum += frame[24] << 8 | frame[25];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    g_assert_cmphex(sum, ==, 0xffff);
    /* Outside the frame: dropped. */
    header.hdr.csum_start = 65535;
    header.hdr.csum_offset = 65535;
    send_frame(f, header, frame, sizeof(frame));
    g_assert_cmpuint(f->sends, ==, 1);
}

static void test_receive(Fixture *f, gconstpointer data)
{
    uint8_t frame[300];
    DriverBuf buf;

    fake_back_end(f);
    fill_frame(frame, sizeof(frame), card_mac);
    g_assert_true(deliver(f, frame, sizeof(frame))); /* no driver: dropped */
    driver_begin(&f->driver, BIT(VIRTIO_NET_F_GUEST_CSUM), 2);
    g_assert_false(deliver(f, frame, sizeof(frame))); /* no buffer: kept */
    buf = offer(f, 2000);
    g_assert_cmpuint(f->again, ==, 1);
    g_assert_true(deliver(f, frame, sizeof(frame)));
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, HEADER + sizeof(frame));
    struct virtio_net_hdr_mrg_rxbuf *header = guest(f->machine, buf.addr);
    g_assert_cmpuint(header->num_buffers, ==, 1);
    g_assert_cmpuint(header->hdr.flags, ==, VIRTIO_NET_HDR_F_DATA_VALID);
    g_assert_cmpmem(header + 1, sizeof(frame), frame, sizeof(frame));
}

static void test_mergeable(Fixture *f, gconstpointer data)
{
    uint8_t frame[300];
    DriverBuf bufs[4];

    fake_back_end(f);
    driver_begin(&f->driver, BIT(VIRTIO_NET_F_MRG_RXBUF), 2);
    fill_frame(frame, sizeof(frame), card_mac);
    for (unsigned i = 0; i < 3; i++) {
        bufs[i] = offer(f, 100);
    }
    g_assert_false(deliver(f, frame, sizeof(frame))); /* 12 bytes short: all put back */
    bufs[3] = offer(f, 100);
    g_assert_true(deliver(f, frame, sizeof(frame)));
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, 100);
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, 100);
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, 100);
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, 12);
    struct virtio_net_hdr_mrg_rxbuf *header = guest(f->machine, bufs[0].addr);
    g_assert_cmpuint(header->num_buffers, ==, 4);
    g_assert_cmpmem(header + 1, 88, frame, 88);
    g_assert_cmpmem(guest(f->machine, bufs[3].addr), 12, frame + 288, 12);
}

/* A buffer too small for a frame, where frames are not spread over buffers. */
static void test_small_buffer(Fixture *f, gconstpointer data)
{
    uint8_t frame[300];

    fake_back_end(f);
    driver_begin(&f->driver, 0, 2);
    fill_frame(frame, sizeof(frame), card_mac);
    offer(f, 100);
    g_assert_true(
        deliver(f, frame, sizeof(frame))); /* lost; whoever sent it may not break the card */
    g_assert_false(driver_needs_reset(&f->driver));
    fill_frame(frame, 80, card_mac);
    g_assert_true(deliver(f, frame, 80));
    g_assert_cmpuint(driver_wait(&f->driver, RX), ==, 92);
    offer(f, 10); /* no room for a header */
    g_assert_true(deliver(f, frame, 80));
    g_assert_true(driver_needs_reset(&f->driver));
}

/* ---- The control queue ---- */

static uint8_t command(Fixture *f, uint8_t class, uint8_t cmd, const void *arg, size_t len)
{
    DriverBuf bufs[3] = {{driver_alloc(&f->driver, 2, 2), 2},
                         {driver_alloc(&f->driver, len, 2), len},
                         {driver_alloc(&f->driver, 1, 1), 1}};
    uint8_t *header = guest(f->machine, bufs[0].addr);

    header[0] = class;
    header[1] = cmd;
    memcpy(guest(f->machine, bufs[1].addr), arg, len);
    *(uint8_t *)guest(f->machine, bufs[2].addr) = 0xee;
    driver_run(&f->driver, CONTROL, bufs, 2, 1);
    return *(uint8_t *)guest(f->machine, bufs[2].addr);
}

/* Whether a frame to @to is received (and takes a buffer). */
static bool passes(Fixture *f, const uint8_t *to)
{
    uint8_t frame[60];
    uint16_t id;
    uint32_t len;

    fill_frame(frame, sizeof(frame), to);
    g_assert_true(deliver(f, frame, sizeof(frame)));
    return driver_get(&f->driver, RX, &id, &len);
}

static void test_filter(Fixture *f, gconstpointer data)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t group[6] = {0x33, 0x33, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 1};
    static const struct {
        uint32_t nuni;
        uint8_t uni[6];
        uint32_t nmulti;
        uint8_t multi[6];
    } __attribute__((packed)) table = {1, {2, 0, 0, 0, 0, 1}, 1, {0x33, 0x33, 0, 0, 0, 1}};
    uint8_t off = 0, on = 1;
    uint32_t many = UINT32_MAX;

    fake_back_end(f);
    driver_begin(&f->driver, BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX), 3);
    for (unsigned i = 0; i < 15; i++) {
        offer(f, 100);
    }
    g_assert_true(passes(f, other));
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &off, 1), ==, 0);
    g_assert_false(passes(f, other));
    g_assert_false(passes(f, group));
    g_assert_true(passes(f, card_mac));
    g_assert_true(passes(f, broadcast));
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, &table,
                             sizeof(table)),
                     ==, 0);
    g_assert_true(passes(f, other));
    g_assert_true(passes(f, group));
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI, &on, 1), ==, 0);
    g_assert_false(passes(f, group));
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6), ==,
                     0);
    g_assert_cmpuint(driver_config32(&f->driver, 0), ==, 2);
    /* Malformed or unknown. */
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, &many, 4), ==,
                     1);
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_RX, 6, &on, 1), ==, 1);
    g_assert_cmpuint(command(f, 77, 0, &on, 1), ==, 1);
    g_assert_cmpuint(command(f, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 3), ==,
                     1);
    g_assert_true(passes(f, other));
}

/* ---- The user network ---- */

static uint16_t ip_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? bytes[i] : bytes[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum;
}

/* An Ethernet frame around a UDP packet in @frame; returns its length. */
static size_t make_udp(uint8_t *frame, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport,
                       const uint8_t *payload, size_t len)
{
    uint8_t *ip = frame + 14, *udp = ip + 20;

    memset(frame, 0xff, 6);
    memcpy(frame + 6, card_mac, 6);
    memcpy(frame + 12, "\x08\x00", 2);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    ip[2] = (28 + len) >> 8;
    ip[3] = 28 + len;
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    src = htonl(src);
    dst = htonl(dst);
    memcpy(ip + 12, &src, 4);
    memcpy(ip + 16, &dst, 4);
    uint16_t sum = ip_sum(ip, 20, 0);
    ip[10] = sum >> 8;
    ip[11] = sum;
    udp[0] = sport >> 8;
    udp[1] = sport;
    udp[2] = dport >> 8;
    udp[3] = dport;
    udp[4] = (8 + len) >> 8;
    udp[5] = 8 + len;
    udp[6] = udp[7] = 0; /* no checksum */
    memcpy(udp + 8, payload, len);
    return 42 + len;
}

/* The next frame that the card receives. */
static const uint8_t *receive(Fixture *f, uint32_t *len)
{
    DriverBuf buf = offer(f, 2048);

    *len = driver_wait(&f->driver, RX) - HEADER;
    return (uint8_t *)guest(f->machine, buf.addr) + HEADER;
}

/* Asks for an address by DHCP: an offer of 10.0.2.15 by 10.0.2.2. */
static void test_user_dhcp(Fixture *f, gconstpointer data)
{
    static const uint8_t options[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
    uint8_t dhcp[300] = {1, 1, 6, 0, 1, 2, 3, 4}, frame[400];
    const uint8_t *reply;
    uint32_t len;
    size_t n;

    driver_begin(&f->driver, 0, 2);
    memcpy(dhcp + 28, card_mac, 6);
    memcpy(dhcp + 236, options, sizeof(options));
    n = make_udp(frame, 0, UINT32_MAX, 68, 67, dhcp, sizeof(dhcp));
    send_frame(f, (struct virtio_net_hdr_mrg_rxbuf){0}, frame, n);
    do { /* there may be router advertisements before it */
        reply = receive(f, &len);
    } while (len < 14 || memcmp(reply + 12, "\x08\x00", 2) != 0);
    g_assert_cmpuint(len, >, 42 + 240);
    g_assert_cmpmem(reply + 14 + 12, 4, "\x0a\x00\x02\x02", 4);
    g_assert_cmpmem(reply + 42 + 16, 4, "\x0a\x00\x02\x0f", 4); /* yiaddr */
}

/* Teaches the network where 10.0.2.15 is, by asking for the gateway. */
static void send_arp(Fixture *f)
{
    static const uint8_t request[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0,
                                        0x12, 0x34, 0x56, 8,    6,    0,    1,    8,    0,
                                        6,    4,    0,    1,    0x52, 0x54, 0,    0x12, 0x34,
                                        0x56, 10,   0,    2,    15,   0,    0,    0,    0,
                                        0,    0,    10,   0,    2,    2};
    const uint8_t *reply;
    uint32_t len;

    send_frame(f, (struct virtio_net_hdr_mrg_rxbuf){0}, request, sizeof(request));
    do {
        reply = receive(f, &len);
    } while (len < 14 || memcmp(reply + 12, "\x08\x06", 2) != 0);
    g_assert_cmpmem(reply + 28, 4, "\x0a\x00\x02\x02", 4);
}

/* A UDP packet to a server on the host's loopback through 10.0.2.2, and the answer. */
static void test_user_udp(Fixture *f, gconstpointer data)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from;
    socklen_t len = sizeof(addr);
    uint8_t frame[200], buf[100];
    const uint8_t *reply;
    uint32_t reply_len;
    size_t n;

    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&addr, &len), ==, 0);
    driver_begin(&f->driver, 0, 2);
    send_arp(f);
    n = make_udp(frame, 0x0a00020f, 0x0a000202, 5000, ntohs(addr.sin_port), (uint8_t *)"ping", 4);
    send_frame(f, (struct virtio_net_hdr_mrg_rxbuf){0}, frame, n);
    len = sizeof(from);
    g_assert_cmpint(recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), ==, 4);
    g_assert_cmpmem(buf, 4, "ping", 4);
    g_assert_cmpint(sendto(fd, "pong!", 5, 0, (struct sockaddr *)&from, len), ==, 5);
    do {
        reply = receive(f, &reply_len);
    } while (reply_len < 47 || memcmp(reply + 12, "\x08\x00", 2) != 0);
    g_assert_cmpmem(reply + 42, 5, "pong!", 5);
    close(fd);
}

static void test_user_errors(void)
{
    static const struct {
        const char *netdev, *expected;
    } cases[] = {
        {"usr,id=n0", "unknown network back end 'usr'"},
        {"user,id=n0,net=10.0.2", "net='10.0.2'"},
        {"user,id=n0,net=10.0.2.0/33", "10.0.2.0/24"},
        {"user,id=n0,hostfwd=tcp:22", "hostfwd='tcp:22'"},
        {"user,id=n0,hostfwd=tcp::99999-:22", "hostfwd="},
        {"user,id=n0,hostfwd=tcp:192.0.2.1:2222-:22", "could not set up host forwarding rule"},
        {"user,id=n0,restrict=perhaps", "restrict"},
        {"user,id=n0,hostfw=tcp::1-:2", "did you mean 'hostfwd'"},
        {"user,id=n0,dns=x", "no IPv4 address"},
        {"user,id=n0,tftp=/nonexistent", "not a directory"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Machine *machine = harness_new();
        GError *error = NULL;

        machine->config.netdevs = g_ptr_array_new();
        g_ptr_array_add(machine->config.netdevs,
                        options_parse("-netdev", cases[i].netdev, "type", NULL));
        g_assert_null(netdev_take(machine, "n0", &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].expected));
        g_clear_error(&error);
        g_assert_null(netdev_take(machine, "n1", &error));
        g_assert_nonnull(strstr(error->message, "did you mean 'n0'"));
        g_clear_error(&error);
        harness_free(machine);
    }
}

/* A connection from the host to a forwarded port reaches the card. */
static void test_user_hostfwd(Fixture *f, gconstpointer data)
{
    GString *text = g_string_new(NULL);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const uint8_t *frame;
    const char *line;
    unsigned port = 0;
    uint32_t len;

    driver_begin(&f->driver, 0, 2);
    send_arp(f);
    netdev_user_print(netdev_find(f->machine, "n0"), text);
    line = strstr(text->str, "127.0.0.1");
    g_assert_nonnull(line);
    g_assert_cmpint(sscanf(line, "127.0.0.1 %u", &port), ==, 1);
    addr.sin_port = htons(port);
    connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    do {
        frame = receive(f, &len);
    } while (len < 54 || memcmp(frame + 12, "\x08\x00", 2) != 0 || frame[23] != IPPROTO_TCP);
    g_assert_cmpuint(frame[36] << 8 | frame[37], ==, 22);
    g_assert_cmpuint(frame[47] & 0x12, ==, 2); /* SYN */
    close(fd);
    g_string_free(text, TRUE);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    fake_back_end(f);
    wild_accesses(f->machine, REGS, VIRTIO_MMIO_SIZE, 20000, 11);
}

static void test_save(Fixture *f, gconstpointer data)
{
    Device *first = NULL, *second = NULL;

    driver_begin(&f->driver, 0, 2);
    virtio_mmio_new(f->machine, REGS + 0x1000, (IrqLine){0});
    create_device(f->machine, "virtio-net-device,mac=52:54:00:aa:bb:cc");
    for (unsigned i = 0; i < f->machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(f->machine->devices, i);

        if (strcmp(dev->ops->name, "virtio-net-device") == 0) {
            first = first ? first : dev;
            second = dev;
        }
    }
    check_round_trip(first, second);
}

#define ADD(name, netdev, fn) g_test_add("/virtio/net/" name, Fixture, netdev, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("transmit", "user,id=n0", test_transmit);
    ADD("checksum", "user,id=n0", test_checksum);
    ADD("receive", "user,id=n0", test_receive);
    ADD("mergeable", "user,id=n0", test_mergeable);
    ADD("small-buffer", "user,id=n0", test_small_buffer);
    ADD("filter", "user,id=n0", test_filter);
    ADD("user/dhcp", "user,id=n0,net=10.0.2.0/24,restrict=on", test_user_dhcp);
    ADD("user/udp", "user,id=n0", test_user_udp);
    ADD("user/hostfwd", "user,id=n0,hostfwd=tcp:127.0.0.1:0-:22", test_user_hostfwd);
    ADD("wild", "user,id=n0", test_wild);
    ADD("save", "user,id=n0", test_save);
    g_test_add_func("/virtio/net/user/errors", test_user_errors);
    return g_test_run();
}
