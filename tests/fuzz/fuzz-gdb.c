/*
 * Fuzzer of the gdb server: the input is what a peer sends, in lines. Each line becomes a packet with a right
 * checksum, so that what is in it is looked at; a line that begins with a byte from 0x80 up is sent as it
 * is, without that byte. Between lines the main loop runs.
 *
 * The machine has no engine: nothing is executed. Monitor commands are left out; they are for whoever may
 * do everything (log files, chardevs).
 */
#include "tests/unit/riscv-hart.h"
#include "tests/fuzz/fuzz.h"
#include "ui/gdb-internal.h"
#include <string.h>

typedef struct Fake {
    Chardev chr;
    size_t sent;
} Fake;

static void fake_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    ((Fake *)chr)->sent += len;
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write};

static void feed(Fake *fake, const void *data, size_t len)
{
    chardev_receive(&fake->chr, data, len);
}

static void send_packet(Fake *fake, const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    char tail[4];
    for (size_t i = 0; i < len; i++) {
        sum += data[i];
    }
    g_snprintf(tail, sizeof(tail), "#%02x", sum);
    feed(fake, "$", 1);
    feed(fake, data, len);
    feed(fake, tail, 3);
}

static void send_line(Machine *machine, Fake *fake, const uint8_t *line, size_t len)
{
    if (len && line[0] >= 0x80) {
        feed(fake, line + 1, len - 1);
    } else {
        send_packet(fake, line, len);
    }
    g_main_context_iteration(machine->context, FALSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memmem(data, size, "qRcmd", 5)) {
        return 0;
    }
    Vcpu *vcpu = hart_new("rv64");
    Machine *machine = vcpu->machine;
    Fake *fake = g_new0(Fake, 1);

    machine_lock(machine);
    fake->chr.ops = &fake_ops;
    fake->chr.id = g_strdup("gdb");
    g_ptr_array_add(machine->chardevs, fake);
    gdb_server_attach(machine, &fake->chr);
    chardev_event(&fake->chr, CHAR_EVENT_OPENED);
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        send_line(machine, fake, data, len);
        data += end ? len + 1 : len;
        size -= end ? len + 1 : len;
    }
    /* Whatever was said, it still answers. */
    feed(fake, "\003#00#00", 7);
    fake->sent = 0;
    send_packet(fake, (const uint8_t *)"?", 1);
    g_assert_cmpuint(fake->sent, >, 0);
    chardev_event(&fake->chr, CHAR_EVENT_CLOSED);
    machine_unlock(machine);
    hart_free(vcpu);
    return 0;
}

static const char *const words[] = {
    "qSupported:multiprocess+",
    "vCont;",
    "c",
    "s",
    "C",
    "S",
    "05",
    ":",
    ";",
    "p1.1",
    "p1.-1",
    "-1",
    "Z0,",
    "Z1,",
    "Z2,",
    "Z3,",
    "Z4,",
    "z0,",
    "z2,",
    "80000000",
    "ffffffffffffffff",
    ",",
    "4",
    "0",
    "ffff",
    "m",
    "M",
    "X",
    "P",
    "p",
    "g",
    "G",
    "=",
    "20",
    "1041",
    "01234567890abcdef",
    "Hg",
    "Hc",
    "T",
    "?",
    "D",
    "k",
    "!",
    "qfThreadInfo",
    "qsThreadInfo",
    "qThreadExtraInfo,",
    "qAttached",
    "qXfer:features:read:",
    "target.xml:",
    "riscv-csr.xml:",
    "Qqemu.PhyMemMode:",
    "qqemu.sstep",
    "Qqemu.sstep=",
    "QStartNoAckMode",
    "qC",
    "vKill;",
    "}",
    "}\x03",
    "\n",
    "\n",
    "\n",
    "\n",
    "\n",
    "\x80\003",
    "\x80-",
    "\x80$",
    "\x80+",
    "#",
    "$",
    "\xff",
};

static void make_input(GRand *rand, GByteArray *input)
{
    for (int n = g_rand_int_range(rand, 1, 200); n > 0; n--) {
        if (g_rand_int_range(rand, 0, 8)) {
            const char *word = words[g_rand_int_range(rand, 0, ARRAY_SIZE(words))];
            g_byte_array_append(input, (const guint8 *)word, strlen(word));
        } else {
            fuzz_random_bytes(rand, input, 1);
        }
    }
}

FUZZ_MAIN(1000, make_input)
