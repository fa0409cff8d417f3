/*
 * The gdb server on a fake character device, over a machine with two harts: framing, queries, registers,
 * memory, and running under each engine. tests/boot/test-gdb does it with the real gdb, tests/fuzz/fuzz-gdb.c
 * with hostile input.
 */
#include "accel/accel.h"
#include "hw/riscv/boards.h"
#include "ui/gdb-internal.h"
#include <string.h>

#define CODE UINT64_C(0x80000000)
#define DATA UINT64_C(0x80010000)
#define GDB_FEATURES \
    "PacketSize=4000;qXfer:features:read+;vContSupported+;multiprocess+;QStartNoAckMode+"

typedef struct Fake {
    Chardev chr;
    GString *out; /* what the server sent and rpc() has not taken */
} Fake;

static void fake_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    g_string_append_len(((Fake *)chr)->out, (const char *)buf, len);
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write};

typedef struct Fixture {
    Machine *machine;
    Fake *fake;
} Fixture;

static Fixture fixture_with_cpu(const char *accel, const char *cpu)
{
    const char *const list[] = {accel, NULL};
    const char *build = g_getenv("AMPHI_BUILD");
    g_autofree char *kernel =
        g_build_filename(build ? build : "build", "tests/guest/hop.elf", NULL);
    MachineConfig config = {
        .cpu_model = cpu, .cpus = 2, .ram_size = 2 * MIB, .kernel = kernel, .bios = "none"};
    GError *error = NULL;
    Fixture f = {machine_alloc(&riscv_spike_machine, false), g_new0(Fake, 1)};

    g_assert_true(accel_new(f.machine, list, &error));
    if (!machine_init(f.machine, &config, &error) || !machine_complete(f.machine, &error)) {
        g_error("%s", error->message);
    }
    f.machine->config.kernel = NULL;
    machine_lock(f.machine);
    f.fake->chr.ops = &fake_ops;
    f.fake->chr.id = g_strdup("gdb");
    f.fake->out = g_string_new(NULL);
    g_ptr_array_add(f.machine->chardevs, f.fake);
    gdb_server_attach(f.machine, &f.fake->chr);
    chardev_event(&f.fake->chr, CHAR_EVENT_OPENED);
    return f;
}

static Fixture fixture_new(const char *accel)
{
    return fixture_with_cpu(accel, NULL);
}

static void fixture_free(Fixture *f)
{
    GString *out = f->fake->out;
    machine_stop(f->machine, RUN_STATE_PAUSED);
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_string_free(out, TRUE);
}

static void feed(Fixture *f, const char *data, size_t len)
{
    chardev_receive(&f->fake->chr, (const uint8_t *)data, len);
}

static void send_packet(Fixture *f, const char *data, size_t len)
{
    uint8_t sum = 0;
    char tail[4];
    for (size_t i = 0; i < len; i++) {
        sum += (uint8_t)data[i];
    }
    g_snprintf(tail, sizeof(tail), "#%02x", sum);
    feed(f, "$", 1);
    feed(f, data, len);
    feed(f, tail, 3);
}

/* The next packet from the server, waiting for it; its framing is checked and acknowledged. */
static char *next_reply(Fixture *f)
{
    GString *out = f->fake->out;
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    const char *hash;
    while (!(hash = strchr(out->str, '#')) || strlen(hash) < 3) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        machine_unlock(f->machine); /* as the main loop does while it waits */
        g_usleep(100);
        machine_lock(f->machine);
        g_main_context_iteration(f->machine->context, FALSE);
    }
    const char *start = strchr(out->str, '$');
    g_assert_true(start && start < hash);
    char *reply = g_strndup(start + 1, (size_t)(hash - start - 1));
    uint8_t sum = 0;
    for (const char *p = reply; *p; p++) {
        sum += (uint8_t)*p;
    }
    g_assert_cmpuint(sum, ==, g_ascii_xdigit_value(hash[1]) * 16 + g_ascii_xdigit_value(hash[2]));
    g_string_erase(out, 0, hash + 3 - out->str);
    return reply;
}

static char *rpc(Fixture *f, const char *packet)
{
    send_packet(f, packet, strlen(packet));
    return next_reply(f);
}

static void check(Fixture *f, const char *packet, const char *wanted)
{
    g_autofree char *reply = rpc(f, packet);
    if (strcmp(reply, wanted) != 0) {
        g_error("%s: '%s' instead of '%s'", packet, reply, wanted);
    }
}

/* Sets register @n of the current thread. */
static void set_register(Fixture *f, unsigned n, uint64_t value)
{
    g_autofree char *packet =
        g_strdup_printf("P%x=%016" G_GINT64_MODIFIER "x", n, GUINT64_SWAP_LE_BE(value));
    check(f, packet, "OK");
}

static void check_register(Fixture *f, unsigned n, uint64_t value)
{
    g_autofree char *packet = g_strdup_printf("p%x", n);
    g_autofree char *wanted =
        g_strdup_printf("%016" G_GINT64_MODIFIER "x", GUINT64_SWAP_LE_BE(value));
    check(f, packet, wanted);
}

/*
 * Framing.
 */

static void test_framing(void)
{
    Fixture f = fixture_new("interp");
    feed(&f, "$qC#00", 6); /* wrong sum */
    g_assert_cmpstr(f.fake->out->str, ==, "-");
    g_string_truncate(f.fake->out, 0);
    feed(&f, "junk\003+++$gar$qC#b4", 18); /* the beginning of a packet whose end was lost */
    g_assert_cmpstr(f.fake->out->str, ==, "+$QC01#f5");
    feed(&f, "-", 1); /* once more */
    g_assert_cmpstr(f.fake->out->str, ==, "+$QC01#f5$QC01#f5");
    g_string_truncate(f.fake->out, 0);

    char *huge = g_strnfill(3 * GDB_PACKET_MAX, 'm');
    feed(&f, "$", 1);
    feed(&f, huge, 3 * GDB_PACKET_MAX);
    feed(&f, "#00", 3);
    g_assert_cmpstr(f.fake->out->str, ==, "+$E22#a9");
    g_free(huge);
    g_string_truncate(f.fake->out, 0);

    check(&f, "QStartNoAckMode", "OK");
    g_string_truncate(f.fake->out, 0);
    feed(&f, "-", 1);
    check(&f, "qC", "QC01");
    check(&f, "", "");
    check(&f, "vMustReplyEmpty", "");
    check(&f, "QSomething:1", "");
    check(&f, "_", "");

    /* Who comes after a detach, on the same line, has not asked for that. */
    check(&f, "qSupported:multiprocess+", GDB_FEATURES);
    check(&f, "D;1", "OK");
    send_packet(&f, "qC", 2);
    g_assert_cmpstr(f.fake->out->str, ==, "+$QC01#f5");
    fixture_free(&f);
}

/*
 * Queries and the description.
 */

static void test_queries(void)
{
    Fixture f = fixture_new("interp");
    check(&f, "qSupported:multiprocess+;xmlRegisters=i386", GDB_FEATURES);
    check(&f, "?", "T05thread:p01.01;");
    check(&f, "vCont?", "vCont;c;C;s;S");
    check(&f, "qfThreadInfo", "mp01.01");
    check(&f, "qsThreadInfo", "mp01.02");
    check(&f, "qsThreadInfo", "l");
    check(&f, "qAttached:1", "1");
    check(&f, "Hgp1.2", "OK");
    check(&f, "qC", "QCp01.02");
    check(&f, "Hgp1.3", "E22");
    check(&f, "Hgp2.1", "E22");
    check(&f, "Hg99999999999999999999", "E22");
    check(&f, "Hc-1", "OK");
    check(&f, "Tp1.1", "OK");
    check(&f, "T7", "E22");
    check(&f, "H", "E22");
    fixture_free(&f);
}

/* A whole file of the description, read @part bytes at a time. */
static char *read_feature(Fixture *f, const char *name, unsigned part)
{
    GString *text = g_string_new(NULL);
    for (bool more = true; more;) {
        g_autofree char *packet =
            g_strdup_printf("qXfer:features:read:%s:%zx,%x", name, text->len, part);
        g_autofree char *reply = rpc(f, packet);
        more = reply[0] == 'm';
        g_assert_true(more || reply[0] == 'l');
        for (const char *p = reply + 1; *p; p++) {
            g_string_append_c(text, *p == '}' ? *++p ^ 0x20 : *p);
        }
    }
    return g_string_free(text, FALSE);
}

typedef struct Description {
    Fixture *f;
    GHashTable *numbers;
    unsigned features;
} Description;

static void on_element(GMarkupParseContext *context, const char *element, const char **names,
                       const char **values, gpointer data, GError **error);
static const GMarkupParser parser = {.start_element = on_element};

static void parse_feature(Description *d, const char *name, unsigned part)
{
    GError *error = NULL;
    g_autofree char *text = read_feature(d->f, name, part);
    GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, d, NULL);
    g_markup_parse_context_parse(context, text, -1, &error);
    g_markup_parse_context_end_parse(context, error ? NULL : &error);
    g_assert_no_error(error);
    g_markup_parse_context_free(context);
}

/* Each register has a number of its own, and is read with the size that the description says. */
static void on_element(GMarkupParseContext *context, const char *element, const char **names,
                       const char **values, gpointer data, GError **error)
{
    Description *d = data;
    const char *number = NULL, *bits = NULL;
    for (unsigned i = 0; names[i]; i++) {
        if (!strcmp(names[i], "href")) {
            d->features++;
            parse_feature(d, values[i], 100);
        }
        number = !strcmp(names[i], "regnum") ? values[i] : number;
        bits = !strcmp(names[i], "bitsize") ? values[i] : bits;
    }
    if (!strcmp(element, "reg")) {
        g_assert_true(number && bits);
        g_assert_true(g_hash_table_add(d->numbers, GINT_TO_POINTER(atoi(number))));
        g_autofree char *packet = g_strdup_printf("p%x", atoi(number));
        g_autofree char *reply = rpc(d->f, packet);
        g_assert_cmpuint(strlen(reply), ==, atoi(bits) / 4);
    }
}

static void test_vector(void)
{
    Fixture f = fixture_with_cpu("interp", "rv64,v=on");
    Description d = {&f, g_hash_table_new(g_direct_hash, g_direct_equal), 0};
    parse_feature(&d, "target.xml", 0x1000);
    g_assert_cmpuint(d.features, ==, 5);
    g_hash_table_destroy(d.numbers);
    g_autofree char *v31 = rpc(&f, "p1061");
    v31[1] = '7';
    g_autofree char *packet = g_strdup_printf("P1061=%s", v31);
    check(&f, packet, "OK");
    check(&f, "p1061", v31);
    check(&f, "P1061=1234", "E14");
    fixture_free(&f);
}

static void test_description(void)
{
    Fixture f = fixture_new("interp");
    Description d = {&f, g_hash_table_new(g_direct_hash, g_direct_equal), 0};
    parse_feature(&d, "target.xml", 0x1000);
    g_assert_cmpuint(d.features, >=, 4);
    g_assert_cmpuint(g_hash_table_size(d.numbers), >, 33 + 32 + 60);
    g_hash_table_destroy(d.numbers);
    check(&f, "qXfer:features:read:other.xml:0,100", "E00");
    check(&f, "qXfer:features:read:target.xml:ffffffffffffffff,100", "l");
    check(&f, "qXfer:features:read:target.xml:0", "E00");
    check(&f, "qXfer:features:read:", "E00");
    fixture_free(&f);
}

/*
 * Registers and memory.
 */

static void test_registers(void)
{
    Fixture f = fixture_new("interp");
    set_register(&f, 5, 0x1122334455667788);
    check_register(&f, 5, 0x1122334455667788);
    set_register(&f, 0, 1);
    check_register(&f, 0, 0);
    g_autofree char *all = rpc(&f, "g");
    g_assert_cmpuint(strlen(all), ==, 33 * 16);
    g_assert_cmpmem(all + 5 * 16, 16, "8877665544332211", 16);
    all[5 * 16] = '9';
    g_autofree char *packet = g_strdup_printf("G%s", all);
    check(&f, packet, "OK");
    check_register(&f, 5, 0x1122334455667798);
    set_register(&f, 65 + 0x340, 0x42); /* mscratch */
    check_register(&f, 65 + 0x340, 0x42);
    set_register(&f, 65 + 0xf14, 7); /* mhartid is not changed */
    check_register(&f, 65 + 0xf14, 0);
    set_register(&f, 65 + 4096, 1);
    check_register(&f, 65 + 4096, 1);
    check(&f, "P1041=0200000000000000", "E14"); /* there is no such privilege */
    check(&f, "P5=11", "E14");
    check(&f, "Pzz", "E14");
    check(&f, "p12345678", "E14");
    check(&f, "pffffffff00000001", "E14");
    check(&f, "G12", "E22");
    check(&f, "Hg2", "OK");
    check_register(&f, 65 + 0xf14, 1);
    fixture_free(&f);
}

static void test_memory(void)
{
    Fixture f = fixture_new("interp");
    check(&f, "M80010000,4:01020304", "OK");
    check(&f, "m80010000,4", "01020304");
    check(&f, "M80010ffe,4:a1a2a3a4", "OK"); /* two pages */
    check(&f, "m80010fff,2", "a2a3");
    static const char binary[] = "X80010000,5:\x01}\x03}\x04}\x5d\x00";
    send_packet(&f, binary, sizeof(binary) - 1);
    g_autofree char *reply = next_reply(&f);
    g_assert_cmpstr(reply, ==, "OK");
    check(&f, "m80010000,5", "0123247d00");
    check(&f, "X80010000,0:", "OK");
    check(&f, "X80010000,5:a", "E22");
    check(&f, "M80010000,4:0102", "E22");
    check(&f, "M80010000,ffffffffffffffff:00", "E22");
    check(&f, "m123456789000,4", "E14");
    check(&f, "M123456789000,1:00", "E14");
    check(&f, "mfffffffffffffffe,4", "E14");
    check(&f, "m80010000", "E22");
    check(&f, "m80010000,", "E22");
    check(&f, "m80010000,0", "");
    check(&f, "m801ffffe,8", "0000"); /* memory ends: what there is */
    g_autofree char *much = rpc(&f, "m80000000,ffffffffffff");
    g_assert_cmpuint(strlen(much), ==, GDB_PACKET_MAX);
    check(&f, "qqemu.PhyMemMode", "0");
    check(&f, "Qqemu.PhyMemMode:1", "OK");
    check(&f, "m80010000,2", "0123");
    check(&f, "qqemu.sstepbits", "ENABLE=1,NOIRQ=2,NOTIMER=4");
    check(&f, "Qqemu.sstep=5", "OK");
    check(&f, "qqemu.sstep", "0x5");
    check(&f, "Qqemu.sstep=ff", "E22");
    fixture_free(&f);
}

/*
 * Running.
 */

/* Each hart counts in a0 and stores it at a1. */
static void load_program(Fixture *f)
{
    check(f, "qSupported:multiprocess+", GDB_FEATURES);
    check(f, "M80000000,c:1305150023b0a5006ff09fff", "OK"); /* addi a0, a0, 1; sd a0, (a1); j */
    for (unsigned i = 0; i < 2; i++) {
        check(f, i ? "Hgp1.2" : "Hgp1.1", "OK");
        set_register(f, 32, CODE);
        set_register(f, 10, 100 * i);
        set_register(f, 11, DATA + 8 * i);
    }
    check(f, "Hgp1.1", "OK");
}

static bool no_room(Machine *machine)
{
    return false;
}

/* An engine with no room for a point, and one that has no such points. Before the engine has threads that look at it. */
static void test_no_room(void)
{
    Fixture f = fixture_new("interp");
    const MachineRunner *runner = f.machine->runner;
    MachineRunner limited = *runner;
    limited.debug_lacks = 1u << DEBUG_WATCH_READ;
    limited.debug_fits = no_room;
    f.machine->runner = &limited;
    check(&f, "Z2,80010000,8", "E22");
    check(&f, "z2,80010000,8", "E22");
    check(&f, "Z3,80010000,8", "");
    f.machine->runner = runner;
    fixture_free(&f);
}

static void test_run(gconstpointer accel)
{
    Fixture f = fixture_new(accel);
    load_program(&f);

    check(&f, "vCont;s:p1.1", "T05thread:p01.01;");
    check_register(&f, 32, CODE + 4);
    check_register(&f, 10, 1);
    check(&f, "Hgp1.2", "OK");
    check_register(&f, 32, CODE); /* the other one stood */
    check(&f, "Hgp1.1", "OK");

    /* A breakpoint where only one hart gets to: the other is held. */
    check(&f, "Z0,80000008,4", "OK");
    check(&f, "vCont;c:p1.1", "T05thread:p01.01;");
    check_register(&f, 32, CODE + 8);
    check(&f, "vCont;c:p1.1", "T05thread:p01.01;"); /* still there */
    check_register(&f, 10, 1);
    check(&f, "vCont;s:p1.1", "T05thread:p01.01;"); /* stepping passes it */
    check_register(&f, 32, CODE);
    check(&f, "vCont;c:p1.1", "T05thread:p01.01;");
    check_register(&f, 10, 2);
    check(&f, "vCont;c:p1.2", "T05thread:p01.02;");
    check_register(&f, 10, 101);
    check(&f, "z0,80000008,4", "OK");
    check(&f, "z0,80000008,4", "E22");

    /* Watchpoints, before the access; a read does not meet one for writes. */
    check(&f, "Z3,80010000,8", "OK");
    check(&f, "Z2,80010008,8", "OK");
    check(&f, "vCont;c", "T05thread:p01.02;watch:80010008;");
    check_register(&f, 32, CODE + 4);
    check_register(&f, 10, 102);
    check(&f, "m80010008,8", "6500000000000000");
    check(&f, "z2,80010008,8", "OK");
    check(&f, "z3,80010000,8", "OK");
    check(&f, "vCont;s:p1.2", "T05thread:p01.02;");
    check(&f, "m80010008,8", "6600000000000000");
    check(&f, "Z2,80010004,0", "E22");
    check(&f, "Z2,80010004,100000", "E22");
    check(&f, "Z2,ffffffffffffffff,8", "E22");
    check(&f, "Z9,80010004,4", "");

    /* Running until an interrupt, and code that gdb changes. */
    send_packet(&f, "vCont;c", 7);
    g_main_context_iteration(f.machine->context, FALSE);
    machine_unlock(f.machine);
    g_usleep(20000);
    machine_lock(f.machine);
    feed(&f, "\003", 1);
    g_autofree char *reply = next_reply(&f);
    g_assert_true(g_str_has_prefix(reply, "T02thread:p01."));
    check(&f, "M80000000,4:13052500", "OK"); /* addi a0, a0, 2 */
    check(&f, "Hgp1.1", "OK");
    set_register(&f, 32, CODE);
    set_register(&f, 10, 0);
    check(&f, "Z1,80000008,4", "OK");
    check(&f, "vCont;c:p1.1", "T05thread:p01.01;");
    check_register(&f, 10, 2);

    check(&f, "vCont", "");
    check(&f, "vCont;", "E22");
    check(&f, "vCont;x", "E22");
    check(&f, "vCont;c:p1.9", "E22");
    check(&f, "vCont;C", "E22");
    check(&f, "D;1", "OK");
    g_assert_cmpint(f.machine->state, ==, RUN_STATE_RUNNING);
    chardev_event(&f.fake->chr, CHAR_EVENT_CLOSED);
    g_assert_cmpint(f.machine->state, ==, RUN_STATE_RUNNING);
    fixture_free(&f);
}

static uint64_t load_count(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* A peer that goes while its breakpoints are set and a hart is held. */
static void test_leave(void)
{
    Fixture f = fixture_new("jit");
    load_program(&f);
    send_packet(&f, "Z0,80000ff0,4", 13);
    send_packet(&f, "vCont;c:p1.1", 12);
    chardev_event(&f.fake->chr, CHAR_EVENT_CLOSED);
    g_assert_cmpint(f.machine->state, ==, RUN_STATE_RUNNING);
    machine_unlock(f.machine);
    const uint64_t *counts = (const uint64_t *)(f.machine->ram->host + (DATA - CODE));
    for (unsigned i = 0; i < 1000 && (!load_count(&counts[0]) || load_count(&counts[1]) <= 100);
         i++) {
        g_usleep(20000);
    }
    machine_lock(f.machine);
    machine_stop(f.machine, RUN_STATE_PAUSED);
    g_assert_cmpuint(counts[0], >, 0);
    g_assert_cmpuint(counts[1], >, 100);
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    static const char *const engines[] = {"interp", "jit", "jit,tier2=always",
                                          "jit,hop=interp,hop-insns=1",
                                          "jit,hop=interp,hop-insns=7"};
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gdb/framing", test_framing);
    g_test_add_func("/gdb/queries", test_queries);
    g_test_add_func("/gdb/description", test_description);
    g_test_add_func("/gdb/vector", test_vector);
    g_test_add_func("/gdb/registers", test_registers);
    g_test_add_func("/gdb/memory", test_memory);
    g_test_add_func("/gdb/no-room", test_no_room);
    for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
        g_autofree char *path = g_strdup_printf("/gdb/run/%s", engines[i]);
        g_test_add_data_func(path, engines[i], test_run);
    }
    g_test_add_func("/gdb/leave", test_leave);
    return g_test_run();
}
