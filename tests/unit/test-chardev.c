/*
 * Character devices: short forms and -chardev, the multiplexer, sockets on loopback,
 * pseudo-terminals, files, and readers that do not read.
 */
#include "softmmu/base/error.h"
#include "ui/char-internal.h"
#include "ui/monitor.h"
#include "ui/terminal.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static const MachineClass no_machine = {.name = "none", .max_cpus = 1};

/* A front end that keeps what it gets. */
typedef struct Front {
    GString *text;
    size_t room;
    unsigned opened, closed, breaks, focused, unfocused, released;
} Front;

static size_t front_can_receive(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_receive(void *opaque, const uint8_t *buf, size_t len)
{
    Front *f = opaque;
    g_assert_cmpuint(len, <=, f->room);
    f->room -= len;
    g_string_append_len(f->text, (const char *)buf, len);
}

static void front_event(void *opaque, CharEvent event)
{
    Front *f = opaque;
    unsigned *counts[] = {&f->opened, &f->closed, &f->breaks, &f->focused, &f->unfocused};
    ++*counts[event];
}

static void front_released(void *opaque)
{
    ((Front *)opaque)->released++;
}

static const CharHandlers front_handlers = {
    .can_receive = front_can_receive,
    .receive = front_receive,
    .event = front_event,
    .released = front_released,
};

static const CharHandlers background_handlers = {
    .can_receive = front_can_receive,
    .receive = front_receive,
    .event = front_event,
    .background = true,
};

static Front front_new(size_t room)
{
    return (Front){.text = g_string_new(NULL), .room = room};
}

static void front_free(Front *f)
{
    g_string_free(f->text, true);
}

/* A back end that keeps what is written. */
typedef struct FakeBack {
    Chardev chr;
    GString *text;
} FakeBack;

static void fake_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    g_string_append_len(((FakeBack *)chr)->text, (const char *)buf, len);
}

static void fake_close(Chardev *chr)
{
    g_string_free(((FakeBack *)chr)->text, true);
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write, .close = fake_close};

static FakeBack *fake_new(Machine *machine, const char *id)
{
    FakeBack *s = g_new0(FakeBack, 1);
    s->text = g_string_new(NULL);
    char_register(machine, &s->chr, &fake_ops, id, g_strdup("fake"));
    chardev_event(&s->chr, CHAR_EVENT_OPENED);
    return s;
}

static void type(FakeBack *back, const char *text)
{
    g_assert_cmpuint(chardev_receive(&back->chr, (const uint8_t *)text, strlen(text)), ==,
                     strlen(text));
}

/* Runs the main loop until @f has @text, for up to 5 seconds. */
static void wait_for(Machine *machine, Front *f, const char *text)
{
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
    while (!strstr(f->text->str, text) && g_get_monotonic_time() < end) {
        g_main_context_iteration(machine->context, false);
        g_usleep(500);
    }
    g_assert_nonnull(strstr(f->text->str, text));
}

static void wait_count(Machine *machine, const unsigned *count, unsigned value)
{
    gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
    while (*count < value && g_get_monotonic_time() < end) {
        g_main_context_iteration(machine->context, false);
        g_usleep(500);
    }
    g_assert_cmpuint(*count, ==, value);
}

static char *temp_path(const char *name)
{
    const char *dir = g_getenv("AMPHI_TMP");
    return g_strdup_printf("%s/amphi-test-%d-%s", dir ? dir : g_get_tmp_dir(), (int)getpid(), name);
}

static void read_exactly(int fd, char *buf, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, buf + done, len - done);
        g_assert_cmpint(n, >, 0);
        done += n;
    }
    buf[len] = 0;
}

/*
 * The multiplexer.
 */

static void test_mux(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    FakeBack *back = fake_new(machine, "base");
    Chardev *serial = char_mux_new(machine, "serial0", &back->chr);
    Chardev *other = char_mux_channel(machine, "other", serial);
    Front a = front_new(1000), b = front_new(1000);

    type(back, "lost"); /* nobody is there yet */
    chardev_set_handlers(other, &background_handlers, &b);
    g_assert_cmpuint(b.unfocused, ==, 1);
    wait_count(machine, &b.focused, 1); /* once the main loop runs and nobody else came */
    chardev_set_handlers(serial, &front_handlers, &a);
    g_assert_cmpuint(b.unfocused, ==, 2);
    g_assert_cmpuint(a.opened, ==, 1);
    g_assert_cmpuint(b.opened, ==, 1);

    type(back, "one");
    g_assert_cmpstr(a.text->str, ==, "one");
    type(back, "\x01"
               "ctwo");
    g_assert_cmpstr(b.text->str, ==, "two");
    type(back, "\x01");
    type(back, "Cthree\x01\x01");
    g_assert_cmpstr(a.text->str, ==, "onethree\x01");

    chardev_write(serial, "from a\n", 7);
    chardev_write(other, "from b\n", 7);
    g_assert_cmpstr(back->text->str, ==, "from a\nfrom b\n");

    type(back, "\x01"
               "b");
    g_assert_cmpuint(a.breaks, ==, 1);
    g_assert_cmpuint(b.breaks, ==, 0);

    g_string_truncate(back->text, 0);
    type(back, "\x01h");
    g_assert_nonnull(strstr(back->text->str, "Ctrl-A X"));
    type(back, "\x01s");
    g_assert_nonnull(strstr(back->text->str, "not there yet"));

    g_assert_false(machine->quit_requested);
    type(back, "\x01x");
    g_assert_true(machine->quit_requested);

    /* A front end that leaves gives the input to the next. */
    chardev_set_handlers(serial, NULL, NULL);
    wait_count(machine, &b.focused, 3);
    type(back, "four");
    g_assert_cmpstr(b.text->str, ==, "twofour");
    chardev_set_handlers(other, NULL, NULL);
    machine_free(machine);
    front_free(&a);
    front_free(&b);
}

static void test_mux_timestamps(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    FakeBack *back = fake_new(machine, "base");
    Chardev *serial = char_mux_new(machine, "serial0", &back->chr);
    type(back, "\x01t");
    chardev_write(serial, "ab", 2);
    chardev_write(serial, "c\nd\n", 4);
    char **lines = g_strsplit(back->text->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    g_assert_true(
        g_regex_match_simple("^\\[\\d\\d:\\d\\d:\\d\\d\\.\\d\\d\\d\\] abc$", lines[0], 0, 0));
    g_assert_true(
        g_regex_match_simple("^\\[\\d\\d:\\d\\d:\\d\\d\\.\\d\\d\\d\\] d$", lines[1], 0, 0));
    g_strfreev(lines);
    machine_free(machine);
}

/* A front end that is full holds up its own input only, and gets it later, whole. */
static void test_mux_flow(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    g_assert_true(chardev_set_escape(machine, "0x14", &error));
    FakeBack *back = fake_new(machine, "base");
    Chardev *serial = char_mux_new(machine, "serial0", &back->chr);
    Chardev *other = char_mux_channel(machine, "other", serial);
    Front a = front_new(3), b = front_new(1000);
    chardev_set_handlers(other, &background_handlers, &b);
    chardev_set_handlers(serial, &front_handlers, &a);
    type(back, "abcdefg\x14"
               "cxyz");
    g_assert_cmpstr(a.text->str, ==, "abc");
    g_assert_cmpstr(b.text->str, ==, "xyz");
    a.room = 2;
    chardev_accept_input(serial);
    g_assert_cmpstr(a.text->str, ==, "abcde");
    a.room = 100;
    chardev_accept_input(serial);
    g_assert_cmpstr(a.text->str, ==, "abcdefg");

    /* More than anybody buffers: the multiplexer takes no more. */
    type(back, "\x14"
               "c");
    a.room = 0;
    char *flood = g_strnfill(10000, 'f');
    size_t taken = 0, n;
    while ((n = chardev_receive(&back->chr, (const uint8_t *)flood, 1000)) > 0) {
        taken += n;
    }
    g_assert_cmpuint(taken, ==, 4096);
    g_free(flood);
    chardev_set_handlers(serial, NULL, NULL);
    chardev_set_handlers(other, NULL, NULL);
    machine_free(machine);
    front_free(&a);
    front_free(&b);
}

/*
 * Specs.
 */

static void test_bad_specs(void)
{
    static const struct {
        const char *spec, *message;
    } cases[] = {
        {"stdoi", "did you mean stdio"},
        {"unix:", "1 to 107 characters"},
        {"tcp:localhost", "no port"},
        {"tcp:127.0.0.1:1,sevrer=on", "did you mean 'server'"},
        {"unix:/nonexistent/socket", "cannot connect to unix:/nonexistent/socket"},
        {"unix:/nonexistent/socket,server=on,wait=off", "cannot listen"},
        {"file:/nonexistent/file", "cannot write to file '/nonexistent/file'"},
        {"file:/", "cannot write to file '/'"},
        {"chardev:nobody", "no character device 'nobody'"},
        {"pty,foo=1", "unknown property 'foo'"},
        {"", "unknown character device ''"},
        {"unix:/tmp/x,wait=maybe", "'on' or 'off'"},
    };
    Machine *machine = machine_alloc(&no_machine, true);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        g_assert_null(chardev_open(machine, "serial0", cases[i].spec, &error));
        g_assert_nonnull(error);
        g_test_message("%s: %s", cases[i].spec, error->message);
        g_assert_nonnull(strstr(error->message, cases[i].message));
        g_error_free(error);
    }
    g_assert_cmpuint(machine->chardevs->len, ==, 0);
    GError *error = NULL;
    g_assert_null(chardev_open(machine, "serial0", "none", &error));
    g_assert_no_error(error);
    g_assert_nonnull(chardev_open(machine, "serial0", "vc", &error));
    g_assert_no_error(error);
    machine_free(machine);
}

static Chardev *new_from(Machine *machine, const char *text, GError **error)
{
    Options *opts = options_parse("-chardev", text, "backend", NULL);
    Chardev *chr = chardev_new(machine, opts, error);
    options_free(opts);
    return chr;
}

static void test_chardev_options(void)
{
    static const char *const bad[] = {
        "null",
        "nul,id=x",
        "null,id=x,path=/tmp",
        "file,id=x",
        "socket,id=x",
        "id=x",
        "socket,id=x,path=/tmp/y,fd=0",
        "socket,id=x,fd=0,server=on",
        "stdio,id=x,signal=perhaps",
        "socket,id=x,path=/tmp/y,server=on,reconnect=99999999999",
    };
    Machine *machine = machine_alloc(&no_machine, true);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        GError *error = NULL;
        g_assert_null(new_from(machine, bad[i], &error));
        g_assert_nonnull(error);
        g_test_message("%s: %s", bad[i], error->message);
        g_error_free(error);
    }
    GError *error = NULL;
    char *log = temp_path("log");
    char *text = g_strdup_printf("null,id=con,mux=on,logfile=%s", log);
    Chardev *mux = new_from(machine, text, &error);
    g_assert_no_error(error);
    g_assert_true(char_is_mux(mux));
    g_assert_nonnull(machine_find_chardev(machine, "con-base"));
    Chardev *serial = chardev_open(machine, "serial0", "chardev:con", &error);
    Chardev *monitor = chardev_claim(machine, "con", &error);
    g_assert_true(char_is_mux(serial) && char_is_mux(monitor));
    g_assert_true(serial != mux && monitor != mux && serial != monitor);
    chardev_write(serial, "logged", 6);
    g_assert_null(new_from(machine, "null,id=con", &error));
    g_assert_nonnull(strstr(error->message, "two with id 'con'"));
    g_error_free(error);
    machine_free(machine);

    char *contents;
    g_assert_true(g_file_get_contents(log, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "logged");
    g_unlink(log);
    g_free(contents);
    g_free(log);
    g_free(text);
}

static void test_file(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    char *path = temp_path("a,b");
    char *spec = g_strconcat("file:", path, NULL);
    char *contents;
    Chardev *chr = chardev_open(machine, "serial0", spec, &error);
    g_assert_no_error(error);
    chardev_write(chr, "text", 4);
    chardev_write(NULL, "nowhere", 7);
    machine_free(machine);
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "text");
    g_unlink(path);
    g_free(contents);
    g_free(path);
    g_free(spec);
}

/* Writing to a full device fails without harm. */
static void test_full_disk(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    if (access("/dev/full", W_OK) != 0) {
        g_test_skip("no /dev/full here");
        machine_free(machine);
        return;
    }
    Chardev *chr = chardev_open(machine, "serial0", "file:/dev/full", &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < 100; i++) {
        chardev_write(chr, "text", 4);
    }
    machine_free(machine);
}

/*
 * Sockets.
 */

static int connect_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
}

static void test_unix_server(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    Front f = front_new(1 << 20);
    char buf[64];
    char *path = temp_path("sock");
    char *spec = g_strdup_printf("unix:%s,server,nowait", path);
    Chardev *chr = chardev_open(machine, "serial0", spec, &error);
    g_assert_no_error(error);
    chardev_set_handlers(chr, &front_handlers, &f);
    g_assert_cmpuint(f.opened, ==, 0);
    chardev_write(chr, "dropped", 7);

    for (unsigned round = 1; round <= 3; round++) { /* clients come and go */
        int fd = connect_unix(path);
        send_text(fd, "hello");
        wait_for(machine, &f, "hello");
        g_assert_cmpuint(f.opened, ==, round);
        chardev_write(chr, "answer", 6);
        read_exactly(fd, buf, 6);
        g_assert_cmpstr(buf, ==, "answer");
        close(fd);
        chardev_write(chr, "into the void", 13); /* no SIGPIPE */
        wait_count(machine, &f.closed, round);
        g_string_truncate(f.text, 0);
    }

    /* The address is taken: another server says so and leaves this one alone. */
    g_assert_null(chardev_open(machine, "serial1", spec, &error));
    g_assert_nonnull(strstr(error->message, "another process serves"));
    g_clear_error(&error);
    wait_count(machine, &f.opened, 4); /* its knock */
    wait_count(machine, &f.closed, 4);
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

    /* What a dead process left is replaced. */
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(stale, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    close(stale);
    machine = machine_alloc(&no_machine, true);
    g_assert_nonnull(chardev_open(machine, "serial0", spec, &error));
    g_assert_no_error(error);
    machine_free(machine);

    /* A file that is no socket is not. */
    g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
    machine = machine_alloc(&no_machine, true);
    g_assert_null(chardev_open(machine, "serial0", spec, &error));
    g_assert_nonnull(strstr(error->message, "is not a socket"));
    g_clear_error(&error);
    machine_free(machine);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_unlink(path);
    g_free(path);
    g_free(spec);
    front_free(&f);
}

/* A client that connects, sends and leaves at once loses nothing, even if the front end is slow. */
static void test_parting_words(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    Front f = front_new(2);
    char *path = temp_path("sock");
    char *spec = g_strdup_printf("unix:%s,server=on,wait=off", path);
    Chardev *chr = chardev_open(machine, "serial0", spec, &error);
    chardev_set_handlers(chr, &front_handlers, &f);
    int fd = connect_unix(path);
    send_text(fd, "abcdef");
    close(fd);
    wait_for(machine, &f, "ab");
    for (unsigned i = 0; i < 20; i++) {
        g_main_context_iteration(machine->context, false);
    }
    g_assert_cmpstr(f.text->str, ==, "ab");
    f.room = 100;
    chardev_accept_input(chr);
    wait_for(machine, &f, "abcdef");
    wait_count(machine, &f.closed, 1);
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    g_free(path);
    g_free(spec);
    front_free(&f);
}

/* A client that never reads costs a bounded buffer and no time. */
static void test_deaf_client(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    Front f = front_new(100);
    char *path = temp_path("sock");
    char *spec = g_strdup_printf("unix:%s,server=on,wait=off", path);
    Chardev *chr = chardev_open(machine, "serial0", spec, &error);
    chardev_set_handlers(chr, &front_handlers, &f);
    int fd = connect_unix(path);
    wait_count(machine, &f.opened, 1);
    char *block = g_strnfill(65536, 'x');
    for (unsigned i = 0; i < 80; i++) {
        chardev_write(chr, block, 65536);
    }
    /* Then it reads after all, and gets the first MiB or so, and what comes later. */
    size_t total = 0;
    for (unsigned idle = 0; idle < 50;) {
        g_main_context_iteration(machine->context, false);
        ssize_t n = recv(fd, block, 65536, MSG_DONTWAIT);
        total += MAX(n, 0);
        idle = n > 0 ? 0 : idle + 1;
    }
    g_assert_cmpuint(total, >=, CHAR_BUFFER_LIMIT);
    g_assert_cmpuint(total, <, 3 * CHAR_BUFFER_LIMIT);
    chardev_write(chr, "again", 5);
    read_exactly(fd, block, 5);
    g_assert_cmpstr(block, ==, "again");
    close(fd);
    wait_count(machine, &f.closed, 1);
    g_free(block);
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    g_free(path);
    g_free(spec);
    front_free(&f);
}

/* TCP by an inherited listening socket on a port of the system's choice, and a client that
 * reconnects. */
static void test_tcp(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&addr, &len), ==, 0);

    char *text = g_strdup_printf("socket,id=server,fd=%d,server=on,wait=off", listener);
    Chardev *server = new_from(machine, text, &error);
    g_assert_no_error(error);
    g_free(text);
    text = g_strdup_printf("tcp:127.0.0.1:%u,nodelay=on,reconnect-ms=20", ntohs(addr.sin_port));
    Chardev *client = chardev_open(machine, "client", text, &error);
    g_assert_no_error(error);
    g_free(text);
    Front a = front_new(1000), b = front_new(1000);
    chardev_set_handlers(server, &front_handlers, &a);
    chardev_set_handlers(client, &front_handlers, &b);
    chardev_write(client, "ping", 4);
    wait_for(machine, &a, "ping");
    chardev_write(server, "pong", 4);
    wait_for(machine, &b, "pong");

    /* The server's end is shut down: the client comes back. */
    for (unsigned i = 0; i < machine->chardevs->len; i++) {
        int fd;
        for (fd = 3; fd < 100; fd++) {
            struct sockaddr_in peer;
            len = sizeof(peer);
            if (getsockname(fd, (struct sockaddr *)&peer, &len) == 0 &&
                peer.sin_port == addr.sin_port && fd != listener) {
                shutdown(fd, SHUT_RDWR);
            }
        }
    }
    wait_count(machine, &b.closed, 1);
    wait_count(machine, &b.opened, 2);
    chardev_write(client, "back", 4);
    wait_for(machine, &a, "back");
    chardev_set_handlers(server, NULL, NULL);
    chardev_set_handlers(client, NULL, NULL);
    machine_free(machine);
    front_free(&a);
    front_free(&b);
}

/* What a telnet client says beside what is typed does not get through; what it would take for that is escaped. */
static void test_telnet(void)
{
    static const uint8_t typed[] = "a\xff\xfd\x01"                 /* DO ECHO */
                                   "b\xff\xfa\x1f\x00\x50\xff\xf0" /* a window's size */
                                   "c\r\0d\xff\xff\xff\xf3z";      /* a return, 0xff, a break */
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    int pair[2];
    uint8_t buf[64];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    char *text = g_strdup_printf("socket,id=t,fd=%d,telnet=on", pair[0]);
    Chardev *chr = new_from(machine, text, &error);
    g_assert_no_error(error);
    Front f = front_new(1000);
    chardev_set_handlers(chr, &front_handlers, &f);
    g_assert_cmpint(write(pair[1], typed, sizeof(typed) - 1), ==, sizeof(typed) - 1);
    wait_for(machine, &f, "abc\rd\xffz");
    g_assert_cmpuint(f.breaks, ==, 1);
    chardev_write(chr, "x\xffy", 3);
    g_assert_cmpint(read(pair[1], buf, sizeof(buf)), ==, CHAR_TELNET_GREETING + 4);
    g_assert_cmpint(memcmp(buf, "\xff\xfb\x01\xff\xfb\x03", 6), ==, 0);
    g_assert_cmpint(memcmp(buf + CHAR_TELNET_GREETING, "x\xff\xffy", 4), ==, 0);
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    front_free(&f);
    close(pair[1]);
    g_free(text);
}

static void test_pipe(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    char *path = temp_path("pipe"), buf[8];
    char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    char *spec = g_strconcat("pipe:", path, NULL);
    g_assert_null(chardev_open(machine, "serial0", spec, &error));
    g_assert_nonnull(strstr(error->message, "(see mkfifo): No such file"));
    g_clear_error(&error);
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    Chardev *chr = chardev_open(machine, "serial0", spec, &error);
    g_assert_no_error(error);
    Front f = front_new(1000);
    chardev_set_handlers(chr, &front_handlers, &f);
    for (unsigned round = 0; round < 2; round++) { /* others come and go */
        int fd = open(in, O_WRONLY);
        send_text(fd, "in");
        close(fd);
        wait_for(machine, &f, "in");
        g_string_truncate(f.text, 0);
        chardev_write(chr, "out", 3);
        fd = open(out, O_RDONLY);
        read_exactly(fd, buf, 3);
        g_assert_cmpstr(buf, ==, "out");
        close(fd);
    }
    g_assert_cmpuint(f.closed, ==, 0);
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    front_free(&f);
    unlink(in);
    unlink(out);
    g_free(spec);
    g_free(out);
    g_free(in);
    g_free(path);
}

/*
 * Terminals.
 */

static void test_pty(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    GError *error = NULL;
    Front f = front_new(1000);
    char buf[64];
    Chardev *chr = chardev_open(machine, "serial0", "pty", &error);
    g_assert_no_error(error);
    chardev_set_handlers(chr, &front_handlers, &f);
    const char *name = chr->label + strlen("pty:");
    for (unsigned round = 1; round <= 2; round++) {
        chardev_write(chr, "dropped", 7);
        int fd = open(name, O_RDWR | O_NOCTTY);
        g_assert_cmpint(fd, >=, 0);
        wait_count(machine, &f.opened, round);
        chardev_write(chr, "login:\n", 7);
        read_exactly(fd, buf, 7);
        g_assert_cmpstr(buf, ==, "login:\n");
        send_text(fd, "root\x03");
        wait_for(machine, &f, "root\x03");
        g_string_truncate(f.text, 0);
        close(fd);
        wait_count(machine, &f.closed, round);
    }
    chardev_set_handlers(chr, NULL, NULL);
    machine_free(machine);
    front_free(&f);
}

/* In a child with a pty as its controlling terminal: raw mode, and back at exit. */
static void test_raw_mode(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    g_assert_cmpint(master, >=, 0);
    grantpt(master);
    unlockpt(master);
    char name[64];
    g_assert_cmpint(ptsname_r(master, name, sizeof(name)), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        int slave = open(name, O_RDWR); /* becomes the controlling terminal */
        dup2(slave, 0);
        struct termios before, now;
        tcgetattr(0, &before);
        terminal_set_raw(false);
        tcgetattr(0, &now);
        if ((now.c_lflag & (ECHO | ICANON | ISIG)) != 0 || !(now.c_oflag & OPOST)) {
            _exit(2);
        }
        tcsetattr(0, TCSANOW, &before); /* as a shell does while it has us stopped */
        raise(SIGCONT);
        tcgetattr(0, &now);
        if (now.c_lflag & ECHO) {
            _exit(3);
        }
        exit(0);
    }
    int slave = open(name, O_RDWR | O_NOCTTY), status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    struct termios after;
    g_assert_cmpint(tcgetattr(slave, &after), ==, 0);
    g_assert_true((after.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG));
    close(slave);
    close(master);
}

/* Non-blocking output to a pipe does not change the pipe for others. */
static void test_output_description(void)
{
    int fds[2];
    g_assert_cmpint(pipe(fds), ==, 0);
    int own = terminal_open_output(fds[1]);
    g_assert_cmpint(own, !=, fds[1]);
    g_assert_true(fcntl(own, F_GETFL) & O_NONBLOCK);
    g_assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    terminal_close_output(own);
    close(fds[0]);
    close(fds[1]);
}

static void test_released(void)
{
    Machine *machine = machine_alloc(&no_machine, true);
    FakeBack *back = fake_new(machine, "base");
    Front f = front_new(10);
    chardev_set_handlers(&back->chr, &front_handlers, &f);
    g_assert_cmpuint(f.opened, ==, 1);
    machine_free(machine);
    g_assert_cmpuint(f.released, ==, 1);
    front_free(&f);
}

/* A multiplexer's parts may go in any order. */
static void test_mux_free(void)
{
    for (unsigned first = 0; first < 3; first++) {
        Machine *machine = machine_alloc(&no_machine, true);
        FakeBack *back = fake_new(machine, "base");
        Chardev *serial = char_mux_new(machine, "serial0", &back->chr);
        Chardev *parts[] = {&back->chr, serial, char_mux_channel(machine, "other", serial)};
        Front f = front_new(10);
        chardev_set_handlers(serial, &front_handlers, &f);
        g_ptr_array_set_free_func(machine->chardevs, NULL);
        g_ptr_array_set_size(machine->chardevs, 0);
        for (unsigned i = 0; i < 3; i++) {
            chardev_free(parts[(first + i) % 3]);
        }
        g_assert_cmpuint(f.released, ==, 1);
        machine_free(machine);
        front_free(&f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev/mux", test_mux);
    g_test_add_func("/chardev/mux-timestamps", test_mux_timestamps);
    g_test_add_func("/chardev/mux-flow", test_mux_flow);
    g_test_add_func("/chardev/mux-free", test_mux_free);
    g_test_add_func("/chardev/bad-specs", test_bad_specs);
    g_test_add_func("/chardev/options", test_chardev_options);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/full-disk", test_full_disk);
    g_test_add_func("/chardev/unix-server", test_unix_server);
    g_test_add_func("/chardev/parting-words", test_parting_words);
    g_test_add_func("/chardev/deaf-client", test_deaf_client);
    g_test_add_func("/chardev/tcp", test_tcp);
    g_test_add_func("/chardev/telnet", test_telnet);
    g_test_add_func("/chardev/pipe", test_pipe);
    g_test_add_func("/chardev/pty", test_pty);
    g_test_add_func("/chardev/raw-mode", test_raw_mode);
    g_test_add_func("/chardev/output-description", test_output_description);
    g_test_add_func("/chardev/released", test_released);
    return g_test_run();
}
