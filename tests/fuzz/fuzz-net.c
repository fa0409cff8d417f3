/*
 * Fuzzer of what comes from the network and from the card: bytes of a peer that should be a stream of frames, and
 * frames whose checksums and segments a card leaves to be made.
 *
 * Input: steps. A step is a byte for its kind, and its operands: the peer sends bytes or hangs up, the card is full
 * or not, sends a frame, or a large one with a header.
 *
 * libFuzzer: -detect_leaks=0 -max_len=2000
 * (one machine serves all inputs)
 */
#include "hw/net/gso.h"
#include "hw/net/net.h"
#include "tests/device/harness.h"
#include "tests/fuzz/fuzz.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_FRAME (64 * 1024 + 64)

typedef struct Bench {
    Machine *machine;
    Netdev *net;
    struct sockaddr_un addr;
    int peer; /* -1: none */
    bool full;
} Bench;

static bool card_receive(void *opaque, const uint8_t *frame, size_t len)
{
    const Bench *b = opaque;
    volatile uint8_t last = len ? frame[len - 1] : 0; /* it is there */
    (void)last;
    g_assert_cmpuint(len, <=, MAX_FRAME);
    return !b->full;
}

static void make_bench(Bench *b)
{
    GError *error = NULL;
    char *dir = g_dir_make_tmp("amphi-fuzz-net-XXXXXX", NULL);
    b->machine = harness_new();
    b->addr.sun_family = AF_UNIX;
    g_snprintf(b->addr.sun_path, sizeof(b->addr.sun_path), "%s/s", dir);
    char *text =
        g_strdup_printf("stream,id=a,server=on,addr.type=unix,addr.path=%s", b->addr.sun_path);
    b->machine->config.netdevs = g_ptr_array_new();
    g_ptr_array_add(b->machine->config.netdevs, options_parse("-netdev", text, "type", NULL));
    b->net = netdev_take(b->machine, "a", &error);
    g_assert_no_error(error);
    b->net->receive = card_receive;
    b->net->opaque = b;
    g_free(text);
    g_free(dir);
}

static void run_loop(Bench *b)
{
    while (g_main_context_iteration(b->machine->context, FALSE)) {
    }
}

static void hang_up(Bench *b)
{
    if (b->peer >= 0) {
        close(b->peer);
        b->peer = -1;
        run_loop(b);
    }
}

static void connect_peer(Bench *b)
{
    hang_up(b);
    b->peer = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    g_assert_cmpint(b->peer, >=, 0);
    g_assert_cmpint(connect(b->peer, (struct sockaddr *)&b->addr, sizeof(b->addr)), ==, 0);
    run_loop(b);
}

/* Bytes of the input as they are, or behind a length that fits. */
static void peer_sends(Bench *b, FuzzInput *in, bool framed)
{
    size_t len = fuzz_take(in, 1);
    len = MIN(len, in->left);
    uint8_t length[4] = {0, 0, 0, len};
    if (b->peer < 0) {
        connect_peer(b);
    }
    if (framed) {
        (void)!send(b->peer, length, 4, MSG_NOSIGNAL);
    }
    (void)!send(b->peer, in->data, len, MSG_NOSIGNAL);
    in->data += len;
    in->left -= len;
    run_loop(b);
}

static void count_piece(void *opaque, const uint8_t *frame, size_t len)
{
    g_assert_cmpuint(len, >, 0);
    ++*(unsigned *)opaque;
}

/* A frame of TCP over IPv4 or IPv6, some of which is otherwise, and a header for it. */
static void card_segments(FuzzInput *in)
{
    uint8_t *frame = g_malloc0(MAX_FRAME);
    unsigned how = fuzz_take(in, 1), pieces = 0;
    bool ipv6 = how & 1;
    size_t len = 54 + (ipv6 ? 20 : 0) + (fuzz_take(in, 2) >> (how >> 5));
    len = MIN(len, MAX_FRAME);
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = how & 2 ? VIRTIO_NET_HDR_GSO_NONE
                            : (ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4),
        .gso_size = 64 + fuzz_take(in, 2) % 2000,
        .hdr_len = ipv6 ? 74 : 54,
        .csum_start = ipv6 ? 54 : 34,
        .csum_offset = 16,
    };
    frame[12] = ipv6 ? 0x86 : 8;
    frame[13] = ipv6 ? 0xdd : 0;
    frame[14] = ipv6 ? 0x60 : 0x45;
    frame[ipv6 ? 20 : 23] = 6; /* TCP */
    frame[ipv6 ? 66 : 46] = 0x50;
    for (unsigned n = how >> 2 & 7; n > 0; n--) {
        unsigned at = fuzz_take(in, 1);
        uint8_t *byte = at & 0x80 ? (uint8_t *)&header + at % sizeof(header) : &frame[at];
        *byte = fuzz_take(in, 1);
    }
    /* In a block of its size, so that the sanitizer sees what is beyond. */
    uint8_t *exact = g_memdup2(frame, len);
    if (gso_header_ok(&header, len)) {
        if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
            gso_complete_checksum(&header, exact, len);
        } else {
            gso_segment(&header, exact, len, count_piece, &pieces);
            g_assert_cmpuint(pieces, <=, len / header.gso_size + 1);
        }
    }
    g_free(exact);
    g_free(frame);
}

static void card_sends(Bench *b, FuzzInput *in)
{
    static uint8_t frame[MAX_FRAME];
    b->net->ops->send(b->net, frame, 1 + fuzz_take(in, 2) % (MAX_FRAME - 1));
    run_loop(b);
}

static void step(Bench *b, FuzzInput *in)
{
    switch (fuzz_take(in, 1) % 8) {
    case 0:
    case 1: peer_sends(b, in, false); break;
    case 2: peer_sends(b, in, true); break;
    case 3: hang_up(b); break;
    case 4:
        b->full = !b->full;
        if (!b->full && b->net->ops->can_receive_again) {
            b->net->ops->can_receive_again(b->net);
        }
        run_loop(b);
        break;
    case 5: card_sends(b, in); break;
    default: card_segments(in); break;
    }
}

static Bench bench = {.peer = -1};

static void clean_up(void)
{
    g_unlink(bench.addr.sun_path);
    *strrchr(bench.addr.sun_path, '/') = '\0';
    g_rmdir(bench.addr.sun_path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    if (!bench.machine) {
        make_bench(&bench);
        atexit(clean_up);
    }
    bench.full = false;
    while (in.left) {
        step(&bench, &in);
    }
    hang_up(&bench);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 600));
}

FUZZ_MAIN(1000, make_input)
