/*
 * Fuzzer of QMP: the input is what a client sends after negotiating, in pieces that end at bytes 0xff.
 * Between pieces the main loop runs. Whatever comes back has to be JSON, a line each.
 *
 * The machine has no engine and no CPU. Monitor commands are left out; they are for whoever may do
 * everything (log files, chardevs).
 */
#include "hw/riscv/boards.h"
#include "tests/fuzz/fuzz.h"
#include "ui/char-internal.h"
#include "ui/qmp-internal.h"
#include <string.h>

typedef struct Fake {
    Chardev chr;
    GString *text;
} Fake;

static void fake_write(Chardev *chr, const uint8_t *buf, size_t len)
{
    g_string_append_len(((Fake *)chr)->text, (const char *)buf, len);
}

static void fake_close(Chardev *chr)
{
    g_string_free(((Fake *)chr)->text, TRUE);
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write, .close = fake_close};

static void feed(Machine *machine, Fake *fake, const uint8_t *data, size_t len)
{
    chardev_receive(&fake->chr, data, len);
    g_main_context_iteration(machine->context, FALSE);
}

/* What was sent is one JSON object a line. */
static void check_output(Fake *fake)
{
    char **lines = g_strsplit(fake->text->str, "\r\n", -1);
    for (unsigned i = 0; lines[i] && *lines[i]; i++) {
        JsonNode *node = json_from_string(lines[i], NULL);
        g_assert_nonnull(node);
        g_assert_true(JSON_NODE_HOLDS_OBJECT(node));
        json_node_unref(node);
    }
    g_strfreev(lines);
}

/* Whether it names the command that is left out, be it by escapes. */
static bool left_out(const uint8_t *data, size_t size)
{
    return memmem(data, size, "human", 5) || memmem(data, size, "\\u00", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] = "{\"execute\":\"qmp_capabilities\"}";
    MachineConfig config = {0};
    if (left_out(data, size)) {
        return 0;
    }
    Machine *machine = machine_new(&riscv_none_machine, &config, true, NULL);
    Fake *fake = g_new0(Fake, 1);
    fake->text = g_string_new(NULL);
    char_register(machine, &fake->chr, &fake_ops, "qmp", g_strdup("fake"));
    machine_lock(machine);
    chardev_event(&fake->chr, CHAR_EVENT_OPENED);
    g_assert_true(qmp_new(machine, &fake->chr, false, NULL));
    feed(machine, fake, (const uint8_t *)hello, strlen(hello));
    while (size) {
        const uint8_t *end = memchr(data, 0xff, size);
        size_t len = end ? (size_t)(end - data) : size;
        feed(machine, fake, data, len);
        data += len + (end != NULL);
        size -= len + (end != NULL);
    }
    check_output(fake);
    machine_unlock(machine);
    machine_free(machine);
    return 0;
}

static void append_word(GRand *rand, GString *input)
{
    static const char *const words[] = {
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        ",",
        ":",
        "\\",
        "\n",
        "\xff",
        "/*",
        "//",
        "null",
        "true",
        "1e999",
        "-",
        "0x1",
        "'a'",
        "\"id\":",
        "\\ud800",
        "\xed\xa0",
        "\xc3\xa4",
        "1.5",
        "'typename':",
        "'option':",
        "99999999999999999999",
        "'arguments':{",
        "'enable':['oob']",
        "{'execute':'",
        "'}",
        "{'exec-oob':'",
        "'}\n",
        "'virt-machine'",
    };
    unsigned commands = 0;
    while (qmp_commands[commands].name) {
        commands++;
    }
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0: g_string_append_c(input, (char)g_rand_int(rand)); break;
    case 1:
    case 2:
        g_string_append_printf(input, "{'execute':'%s',",
                               qmp_commands[g_rand_int_range(rand, 0, commands)].name);
        break;
    default: g_string_append(input, words[g_rand_int_range(rand, 0, ARRAY_SIZE(words))]); break;
    }
}

static void make_input(GRand *rand, GByteArray *input)
{
    GString *text = g_string_new(NULL);
    for (int n = g_rand_int_range(rand, 1, 100); n > 0; n--) {
        append_word(rand, text);
    }
    g_byte_array_append(input, (const guint8 *)text->str, text->len);
    g_string_free(text, TRUE);
}

FUZZ_MAIN(1000, make_input)
