/*
 * QMP on a fake character device: framing, negotiation, errors, results as the schema says, events,
 * and hostile input.
 */
#include "softmmu/base/error.h"
#include "softmmu/input.h"
#include "ui/char-internal.h"
#include "ui/json-stream.h"
#include "ui/qmp-internal.h"
#include <string.h>
#include <unistd.h>

/*
 * The other end.
 */

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
    g_string_free(((Fake *)chr)->text, true);
}

static const CharOps fake_ops = {.name = "fake", .write = fake_write, .close = fake_close};

static const MachineClass toy_machine = {.name = "toy", .desc = "toy", .max_cpus = 2};
static const MachineClass *const toy_machines[] = {&toy_machine, NULL};

static bool fake_block_nth(Machine *machine, unsigned n, MonitorBlock *out)
{
    *out = (MonitorBlock){.id = "hd0",
                          .path = "/disk.img",
                          .format = "raw",
                          .user = "disk@0",
                          .node = "hd0",
                          .detect_zeroes = "off",
                          .size = 4096};
    return n == 0;
}

static const char *fake_device_nth(unsigned n)
{
    return n == 0 ? "toy-disk" : NULL;
}

static bool fake_property_nth(const char *type, unsigned n, Property *out)
{
    *out = (Property){.name = "drive", .kind = "str", .help = "a disk"};
    return n == 0;
}

static bool fake_expand(const char *model, void (*each)(void *opaque, const char *name, bool on),
                        void *opaque, GError **error)
{
    if (strcmp(model, "toy,a=off,b=on") != 0) {
        return error_set(error, "unknown CPU model '%s'", model);
    }
    each(opaque, "a", false);
    each(opaque, "b", true);
    return true;
}

/* A balloon that does at once what it is asked for, and says so. */
static BalloonInfo balloon = {.id = "balloon0", .actual = 4 << 20, .last_update = 99};

static bool fake_balloon_info(Machine *machine, BalloonInfo *info, GError **error)
{
    *info = balloon;
    return true;
}

static bool fake_balloon_set_target(Machine *machine, uint64_t bytes, GError **error)
{
    MachineEventInfo info = {.event = MACHINE_EVENT_BALLOON_CHANGE, .actual = bytes};
    balloon.actual = bytes;
    machine_raise_event(machine, &info);
    return true;
}

static bool fake_balloon_set_interval(Machine *machine, uint32_t seconds, GError **error)
{
    balloon.interval = seconds;
    return true;
}

static const MonitorHooks hooks = {
    .version = "9.9",
    .balloon_info = fake_balloon_info,
    .balloon_set_target = fake_balloon_set_target,
    .balloon_set_interval = fake_balloon_set_interval,
    .block_nth = fake_block_nth,
    .device_nth = fake_device_nth,
    .device_property_nth = fake_property_nth,
    .machines = toy_machines,
    .cpu_expand = fake_expand,
};

typedef struct Fixture {
    Machine *machine;
    Fake *back;
} Fixture;

static Fixture *fixture_new(bool negotiate)
{
    MachineConfig config = {.name = "guest", .no_shutdown = true};
    GError *error = NULL;
    Fixture *f = g_new0(Fixture, 1);
    f->machine = machine_alloc(&toy_machine, true);
    f->machine->monitor_hooks = &hooks;
    g_assert_true(machine_init(f->machine, &config, &error) &&
                  machine_complete(f->machine, &error));
    f->back = g_new0(Fake, 1);
    f->back->text = g_string_new(NULL);
    char_register(f->machine, &f->back->chr, &fake_ops, "qmp", g_strdup("fake"));
    machine_lock(f->machine);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    g_assert_true(qmp_new(f->machine, &f->back->chr, false, &error));
    if (negotiate) {
        const char *text = "{'execute':'qmp_capabilities'}\n";
        chardev_receive(&f->back->chr, (const uint8_t *)text, strlen(text));
    }
    return f;
}

static void fixture_free(Fixture *f)
{
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_free(f);
}

/* What comes back for @text, until the next call. */
static const char *sent(Fixture *f, const char *text)
{
    g_string_truncate(f->back->text, 0);
    size_t len = strlen(text);
    g_assert_cmpuint(chardev_receive(&f->back->chr, (const uint8_t *)text, len), ==, len);
    return f->back->text->str;
}

#define OK "{\"return\":{}}\r\n"
#define assert_answer(f, request, expected) g_assert_cmpstr(sent(f, request), ==, expected)
#define assert_contains(text, part) g_assert_nonnull(strstr(text, part))

static void assert_error(Fixture *f, const char *request, const char *class, const char *desc)
{
    char *start = g_strdup_printf("{\"error\":{\"class\":\"%s\",\"desc\":\"%s", class, desc);
    const char *answer = sent(f, request);
    g_test_message("%s", answer);
    g_assert_true(g_str_has_prefix(answer, start));
    g_assert_true(strchr(answer, '\n') == answer + strlen(answer) - 1);
    g_free(start);
}

static void test_negotiation(void)
{
    Fixture *f = fixture_new(false);
    g_assert_cmpstr(f->back->text->str, ==,
                    "{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2,\"micro\":0},"
                    "\"package\":\"amphi-9.9\"},\"capabilities\":[]}}\r\n");
    assert_error(f, "{'execute':'query-status'}", "CommandNotFound",
                 "Expecting capabilities negotiation with 'qmp_capabilities'");
    machine_start(f->machine); /* no events before */
    assert_error(f, "{'execute':'qmp_capabilities','arguments':{'enable':['warp']}}",
                 "GenericError", "Capability 'warp' not available");
    assert_error(f, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}", "GenericError",
                 "Capability 'oob' not available"); /* it was not offered */
    assert_answer(f, "{'execute':'qmp_capabilities','arguments':{'enable':[]}}", OK);
    assert_error(f, "{'execute':'qmp_capabilities'}", "CommandNotFound", "Capabilities neg");
    assert_contains(sent(f, "{'execute':'query-status'}"), "\"running\":true");
    /* The next client negotiates anew, and what this one left is forgotten. */
    sent(f, "{'execute':");
    chardev_event(&f->back->chr, CHAR_EVENT_CLOSED);
    g_string_truncate(f->back->text, 0);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    g_assert_true(g_str_has_prefix(f->back->text->str, "{\"QMP\":"));
    assert_error(f, "{'execute':'stop'}", "CommandNotFound",
                 "Expecting capabilities negotiation with 'qmp_capabilities'");
    /* Nobody else gets the device. */
    GError *error = NULL;
    g_assert_false(qmp_new(f->machine, &f->back->chr, false, &error));
    g_error_free(error);
    fixture_free(f);
}

static void test_framing(void)
{
    Fixture *f = fixture_new(true);
    static const char stop[] = "{\"execute\":\"stop\"}";
    assert_answer(f, stop, OK);
    assert_answer(f, "{'execute':'stop'}{'execute':'stop'} \r\n\t{'execute':'stop'}", OK OK OK);
    for (unsigned i = 0; stop[i]; i++) {
        char byte[2] = {stop[i], 0};
        assert_answer(f, byte, stop[i + 1] ? "" : OK);
    }
    /* Strings: brackets and quotes in them, escapes. */
    assert_answer(f, "{'execute':'stop','id':'}{\\'\"]\\\\'}",
                  "{\"return\":{},\"id\":\"}{'\\\"]\\\\\"}\r\n");
    assert_answer(f, "{\"execute\":\"stop\",\"id\":\"it's \\u00e4\\n\"}",
                  "{\"return\":{},\"id\":\"it's ä\\n\"}\r\n");
    /* Any value is an id. */
    assert_answer(f, "{'execute':'stop','id':{'a':[1,null,true,{}]}}",
                  "{\"return\":{},\"id\":{\"a\":[1,null,true,{}]}}\r\n");
    fixture_free(f);
}

static void test_bad_requests(void)
{
    static const struct {
        const char *request, *desc;
    } cases[] = {
        {"hello\n", "JSON parse error, it begins"},
        {"]\n", "JSON parse error, it begins"},
        {"{]\n", "JSON parse error, a bracket"},
        {"{'a':'b\n", "JSON parse error, there is a control character in"},
        {"{\x01\n", "JSON parse error, there is a control character"},
        {"{'\\x'\n", "JSON parse error, there is an unknown escape"},
        {"{/*}*/}\n", "JSON parse error, there is a '/'"},
        {"{'a'}", "JSON parse error, invalid JSON"},
        {"{'a':}", "JSON parse error, invalid JSON"},
        {"{'a':1,}", "JSON parse error, invalid JSON"},
        {"{'a':'\xff'}", "JSON parse error, invalid JSON"},
        {"{}", "QMP input lacks member 'execute'"},
        {"{'execute':1}", "QMP input member 'execute' must be a string"},
        {"{'execute':null}", "QMP input member 'execute' must be a string"},
        {"{'execute':'stop','exec-oob':'stop'}", "QMP input member 'exec-oob' is unexpected"},
        {"{'execute':'stop','arguments':[]}", "QMP input member 'arguments' must be an object"},
        {"{'execute':'stop','argumens':{}}", "QMP input member 'argumens' is unexpected"},
        {"{'execute':'stop','arguments':{'now':true}}", "Parameter 'now' is unexpected"},
        {"{'execute':'human-monitor-command'}", "Parameter 'command-line' is missing"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':1}}",
         "Invalid parameter type for 'command-line', expected: string"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':'x','cpu-index':0.5}}",
         "Invalid parameter type for 'cpu-index', expected: integer"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':'x','cpu-index':9}}",
         "there is no CPU 9"},
        {"{'execute':'screendump','arguments':{'filename':'/x'}}", "There is no console"},
        {"{'execute':'system_powerdown'}", "machine 'toy' has no power button"},
        {"{'execute':'query-command-line-options','arguments':{'option':'x'}}", "there is no opt"},
    };
    Fixture *f = fixture_new(true);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_error(f, cases[i].request, "GenericError", cases[i].desc);
        assert_answer(f, "{'execute':'stop'}", OK);
    }
    assert_error(f, "{'execute':'query-comands'}", "CommandNotFound",
                 "The command query-comands has not been found; did you mean 'query-commands'?");
    assert_error(f, "{'execute':'device-list-properties','arguments':{'typename':'qxl'}}",
                 "DeviceNotFound", "Device 'qxl' not found");
    fixture_free(f);
}

static void test_limits(void)
{
    Fixture *f = fixture_new(true);
    GString *deep = g_string_new("{'execute':'stop','id':");
    for (unsigned i = 0; i < 100000; i++) {
        g_string_append_c(deep, '[');
    }
    g_string_append_c(deep, '\n');
    assert_error(f, deep->str, "GenericError", "JSON parse error, too many");
    assert_answer(f, "{'execute':'stop'}", OK);
    g_string_assign(deep, "{'execute':'stop','id':'");
    char *filler = g_strnfill(2 * JSON_STREAM_MAX, 'x');
    g_string_append(deep, filler);
    g_string_append(deep, "'}\n");
    assert_error(f, deep->str, "GenericError", "JSON parse error, it is too long");
    assert_answer(f, "{'execute':'stop'}", OK);
    g_free(filler);
    g_string_free(deep, true);
    fixture_free(f);
}

/* The return value of command @name, with a reference to be dropped. */
static JsonNode *result_of(Fixture *f, const char *name)
{
    GError *error = NULL;
    char *request = g_strdup_printf("{\"execute\":\"%s\"}", name);
    JsonNode *answer = json_from_string(sent(f, request), &error);
    g_assert_no_error(error);
    JsonObject *object = json_node_get_object(answer);
    g_assert_true(json_object_has_member(object, "return"));
    JsonNode *result = json_node_copy(json_object_get_member(object, "return"));
    json_node_unref(answer);
    g_free(request);
    return result;
}

static void test_results(void)
{
    Fixture *f = fixture_new(true);
    for (const QmpCommand *command = qmp_commands; command->name; command++) {
        if (g_str_has_prefix(command->name, "query-") && !strstr(command->args, "type:") &&
            strcmp(command->name, "query-hotpluggable-cpus") != 0) {
            JsonNode *result = result_of(f, command->name);
            g_test_message("%s", command->name);
            g_assert_true(qmp_matches(command->result, result));
            json_node_unref(result);
        }
    }
    assert_answer(f, "{'execute':'query-name'}", "{\"return\":{\"name\":\"guest\"}}\r\n");
    assert_contains(sent(f, "{'execute':'query-uuid'}"),
                    "\"00000000-0000-0000-0000-000000000000\"");
    assert_contains(sent(f, "{'execute':'query-block'}"), "\"filename\":\"/disk.img\"");
    assert_contains(sent(f, "{'execute':'query-chardev'}"), "\"label\":\"qmp\"");
    assert_contains(sent(f, "{'execute':'qom-list-types'}"), "{\"name\":\"toy-machine\"");
    assert_answer(f, "{'execute':'qom-list-types','arguments':{'implements':'device'}}",
                  "{\"return\":[{\"name\":\"toy-disk\",\"parent\":\"device\"}]}\r\n");
    assert_answer(f, "{'execute':'device-list-properties','arguments':{'typename':'toy-disk'}}",
                  "{\"return\":[{\"name\":\"drive\",\"type\":\"str\","
                  "\"description\":\"a disk\"}]}\r\n");
    assert_answer(f,
                  "{'execute':'human-monitor-command','arguments':{'command-line':'info version'}}",
                  "{\"return\":\"9.9\\r\\n\"}\r\n");
    fixture_free(f);
}

#define EXPAND(kind, model) \
    "{'execute':'query-cpu-model-expansion','arguments':{'type':'" kind "','model':" model "}}"

static void test_cpu_models(void)
{
    Fixture *f = fixture_new(true);
    assert_answer(f, EXPAND("full", "{'name':'toy','props':{'a':false,'b':true}}"),
                  "{\"return\":{\"model\":{\"name\":\"toy\",\"props\":{\"a\":false,"
                  "\"b\":true}}}}\r\n");
    assert_error(f, EXPAND("full", "{'name':'host'}"), "GenericError", "unknown CPU model 'host'");
    assert_error(f, EXPAND("static", "{'name':'toy'}"), "GenericError", "the only type");
    assert_error(f, EXPAND("full", "{'name':'toy,a=off,b=on'}"), "GenericError", "a CPU model is");
    assert_error(f, EXPAND("full", "{'name':'toy','props':[]}"), "GenericError", "a CPU model is");
    assert_error(f, EXPAND("full", "{'name':'toy','props':{'a':1}}"), "GenericError", "a CPU mod");
    assert_error(f, EXPAND("full", "{'name':'toy','props':{'a=on,b':true}}"), "GenericError",
                 "a CPU model is");
    fixture_free(f);
}

/* Commands whose arguments are not the schema's are refused before they are run, in QEMU's words. */
static void test_arguments(void)
{
    Fixture *f = fixture_new(true);
    for (const QmpCommand *command = qmp_commands; command->name; command++) {
        bool open_ended = strstr(command->args, "*?") != NULL;
        bool needs =
            strchr(command->args, ':') && strcspn(command->args, "?") > strcspn(command->args, ":");
        if ((!command->run && !command->run_with_fds) || open_ended) {
            continue;
        }
        char *request = g_strdup_printf("{'execute':'%s','arguments':{'bogus':1}}", command->name);
        assert_error(f, request, "GenericError", "Parameter 'bogus' is unexpected");
        g_free(request);
        request = g_strdup_printf("{'execute':'%s'}", command->name);
        g_test_message("%s %d", command->args, needs);
        if (needs) {
            assert_error(f, request, "GenericError", "Parameter '");
            assert_contains(f->back->text->str, "is missing");
        }
        g_free(request);
    }
    fixture_free(f);
}

static void test_tree(void)
{
    static const DeviceOps ops = {.name = "toy-disk"};
    Fixture *f = fixture_new(true);
    device_new(f->machine, &ops, sizeof(Device), "disk0");
    device_new(f->machine, &ops, sizeof(Device), NULL);
    assert_answer(f,
                  "{'execute':'object-add','arguments':{'qom-type':'rng-random','id':'r0',"
                  "'filename':'/dev/urandom'}}",
                  OK);
    assert_contains(sent(f, "{'execute':'qom-list','arguments':{'path':'/'}}"),
                    "{\"name\":\"machine\",\"type\":\"child<machine>\"}");
    assert_answer(f, "{'execute':'qom-list','arguments':{'path':'/machine/peripheral'}}",
                  "{\"return\":[{\"name\":\"type\",\"type\":\"string\"},"
                  "{\"name\":\"disk0\",\"type\":\"child<toy-disk>\"}]}\r\n");
    assert_contains(sent(f, "{'execute':'qom-list','arguments':{'path':'/machine/unattached'}}"),
                    "{\"name\":\"toy-disk@0\",\"type\":\"child<toy-disk>\"}");
    assert_contains(sent(f, "{'execute':'qom-list','arguments':{'path':'/chardevs'}}"),
                    "{\"name\":\"qmp\",\"type\":\"child<chardev-fake>\"}");
    assert_contains(sent(f, "{'execute':'qom-list','arguments':{'path':'/objects/r0'}}"),
                    "{\"name\":\"filename\",\"type\":\"str\"}");
    assert_answer(f,
                  "{'execute':'qom-get','arguments':{'path':'/objects/r0','property':'filename'}}",
                  "{\"return\":\"/dev/urandom\"}\r\n");
    assert_answer(f, "{'execute':'qom-get','arguments':{'path':'/machine','property':'type'}}",
                  "{\"return\":\"toy-machine\"}\r\n");
    assert_error(
        f, "{'execute':'qom-get','arguments':{'path':'/machine/peripheral/x','property':'type'}}",
        "DeviceNotFound", "Device '/machine/peripheral/x' not found");
    assert_error(
        f, "{'execute':'qom-set','arguments':{'path':'/machine','property':'type','value':1}}",
        "GenericError", "Property 'type' not found");
    assert_answer(f, "{'execute':'object-del','arguments':{'id':'r0'}}", OK);
    assert_error(f, "{'execute':'object-del','arguments':{'id':'r0'}}", "GenericError",
                 "object 'r0' not found");
    assert_error(f, "{'execute':'device_add','arguments':{'driver':'toaster'}}", "GenericError",
                 "'toaster' is not a valid device model name");
    assert_error(f, "{'execute':'device_del','arguments':{'id':'x'}}", "DeviceNotFound",
                 "Device 'x' not found");
    fixture_free(f);
}

static void test_migration_capabilities(void)
{
#define SET(name)                                                        \
    "{'execute':'migrate-set-capabilities','arguments':{'capabilities':" \
    "[{'capability':'" name "','state':true}]}}"
#define QUERY "{'execute':'query-migrate-capabilities'}"
    Fixture *f = fixture_new(true);
    assert_answer(f, QUERY, "{\"return\":[{\"state\":false,\"capability\":\"events\"}]}\r\n");
    assert_error(f, SET("postcopy-ram"), "GenericError",
                 "Parameter 'capability' does not accept value 'post");
    assert_answer(f, SET("events"), OK);
    assert_answer(f, QUERY, "{\"return\":[{\"state\":true,\"capability\":\"events\"}]}\r\n");
    fixture_free(f);
}

static void test_chardevs(void)
{
#define READ(id, size, format)                                                                   \
    "{'execute':'ringbuf-read','arguments':{'device':'" id "','size':" size ",'format':'" format \
    "'}}"
#define ADD(id, backend) \
    "{'execute':'chardev-add','arguments':{'id':'" id "','backend':" backend "}}"
    Fixture *f = fixture_new(true);
    char *path = g_strdup_printf("%s/amphi-qmp-%d", g_get_tmp_dir(), (int)getpid());
    char *socket =
        g_strdup_printf(ADD("c1", "{'type':'socket','data':{'addr':{'type':'unix','data':"
                                  "{'path':'%s'}},'server':true}}"),
                        path);
    assert_answer(f, ADD("c0", "{'type':'null','data':{}}"), OK);
    assert_answer(f, socket, OK);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_error(f, ADD("c0", "{'type':'null','data':{}}"), "GenericError",
                 "-chardev: there are two");
    assert_error(f, ADD("c2", "{'type':'socket','data':{}}"), "GenericError",
                 "Parameter 'backend.data.addr' is missing");
    assert_error(f, ADD("c2", "{'type':'toaster','data':{}}"), "GenericError",
                 "-chardev: unknown type");
    assert_contains(sent(f, ADD("c3", "{'type':'pty','data':{}}")),
                    "{\"return\":{\"pty\":\"/dev/pts/");
    assert_answer(f, "{'execute':'chardev-remove','arguments':{'id':'c1'}}", OK);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_error(f, "{'execute':'chardev-remove','arguments':{'id':'c1'}}", "GenericError",
                 "Chardev 'c1' not found");
    assert_error(f, "{'execute':'chardev-remove','arguments':{'id':'qmp'}}", "GenericError",
                 "Chardev 'qmp' is busy");
    /* A ring buffer keeps the end of what was written. */
    assert_answer(f, ADD("ring", "{'type':'ringbuf','data':{'size':8}}"), OK);
    chardev_write(machine_find_chardev(f->machine, "ring"), "0123456789", 10);
    assert_answer(f, READ("ring", "3", "utf8"), "{\"return\":\"234\"}\r\n");
    chardev_write(machine_find_chardev(f->machine, "ring"), "\xff", 1);
    assert_answer(f, READ("ring", "100", "base64"), "{\"return\":\"NTY3ODn/\"}\r\n");
    assert_answer(f, READ("ring", "100", "utf8"), "{\"return\":\"\"}\r\n");
    assert_error(f, READ("c0", "1", "utf8"), "GenericError", "c0 is not a ringbuf device");
    assert_error(f, READ("ring", "0", "utf8"), "GenericError", "size must be greater than zero");
    assert_error(f, READ("ring", "1", "utf9"), "GenericError",
                 "Parameter 'format' does not accept");
    assert_error(f, ADD("r2", "{'type':'ringbuf','data':{'size':9}}"), "GenericError",
                 "r2: size of a ring");
    g_free(socket);
    g_free(path);
    fixture_free(f);
}

static GString *keys;

static void note_key(void *opaque, unsigned key, bool down)
{
    g_string_append_printf(keys, "%c%u ", down ? '+' : '-', key);
}

static void note_move(void *opaque, int dx, int dy, int wheel, unsigned buttons)
{
    g_string_append_printf(keys, "%d,%d,%d,%u ", dx, dy, wheel, buttons);
}

static void test_input(void)
{
#define SEND(events) "{'execute':'input-send-event','arguments':{'events':[" events "]}}"
    static const InputOps ops = {.key = note_key, .move = note_move};
    Fixture *f = fixture_new(true);
    keys = g_string_new(NULL);
    assert_error(f, "{'execute':'send-key','arguments':{'keys':[{'type':'qcode','data':'a'}]}}",
                 "GenericError", "the machine has no keyboard");
    input_add_device(f->machine, &ops, f);
    assert_answer(f,
                  "{'execute':'send-key','arguments':{'keys':[{'type':'qcode','data':'ctrl'},"
                  "{'type':'number','data':30}]}}",
                  OK);
    g_assert_cmpstr(keys->str, ==, "+29 +30 -30 -29 ");
    assert_error(f, "{'execute':'send-key','arguments':{'keys':[{'type':'qcode','data':'any'}]}}",
                 "GenericError", "Parameter 'data' does not accept value 'any'");
    g_string_truncate(keys, 0);
    assert_answer(f,
                  SEND("{'type':'key','data':{'down':true,'key':{'type':'qcode','data':'a'}}},"
                       "{'type':'rel','data':{'axis':'x','value':5}},"
                       "{'type':'rel','data':{'axis':'y','value':-2}},"
                       "{'type':'btn','data':{'button':'left','down':true}}"),
                  OK);
    assert_answer(f, SEND("{'type':'btn','data':{'button':'wheel-up','down':true}}"), OK);
    assert_answer(f, SEND("{'type':'btn','data':{'button':'left','down':false}}"), OK);
    g_assert_cmpstr(keys->str, ==, "+30 5,-2,0,1 0,0,-1,1 0,0,0,0 ");
    assert_error(f, SEND("{'type':'abs','data':{'axis':'x','value':5}}"), "GenericError",
                 "input events here");
    assert_contains(sent(f, "{'execute':'query-mice'}"), "\"current\":true");
    input_remove_device(f->machine, f);
    g_string_free(keys, true);
    fixture_free(f);
}

/* Every type that the schema names is in it, once. */
static void test_schema(void)
{
    static const char *const references[] = {"arg-type", "ret-type", "element-type"};
    Fixture *f = fixture_new(true);
    JsonNode *schema = result_of(f, "query-qmp-schema");
    JsonArray *entries = json_node_get_array(schema);
    char *text = json_to_string(schema, FALSE);
    for (unsigned i = 0; i < MACHINE_EVENTS; i++) {
        g_assert_nonnull(qmp_events[i].name);
        char *entry =
            g_strdup_printf("{\"name\":\"%s\",\"meta-type\":\"event\"", qmp_events[i].name);
        assert_contains(text, entry);
        g_free(entry);
    }
    g_free(text);
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < json_array_get_length(entries); i++) {
        JsonObject *entry = json_array_get_object_element(entries, i);
        g_assert_true(
            g_hash_table_add(names, (char *)json_object_get_string_member(entry, "name")));
    }
    for (unsigned i = 0; i < json_array_get_length(entries); i++) {
        JsonObject *entry = json_array_get_object_element(entries, i);
        for (unsigned k = 0; k < G_N_ELEMENTS(references); k++) {
            if (json_object_has_member(entry, references[k])) {
                const char *name = json_object_get_string_member(entry, references[k]);
                g_assert_true(g_hash_table_contains(names, name));
            }
        }
        JsonArray *members = json_object_has_member(entry, "members")
                                 ? json_object_get_array_member(entry, "members")
                                 : NULL;
        for (unsigned k = 0; members && k < json_array_get_length(members); k++) {
            JsonObject *member = json_array_get_object_element(members, k);
            g_assert_true(
                g_hash_table_contains(names, json_object_get_string_member(member, "type")));
        }
    }
    for (const QmpCommand *command = qmp_commands; command->name; command++) {
        g_assert_true(g_hash_table_contains(names, command->name));
    }
    g_hash_table_unref(names);
    json_node_unref(schema);
    fixture_free(f);
}

/* The events in what came, by name. */
static char *events_in(const char *text)
{
    GString *names = g_string_new(NULL);
    char **lines = g_strsplit(text, "\r\n", -1);
    for (unsigned i = 0; lines[i] && *lines[i]; i++) {
        JsonNode *node = json_from_string(lines[i], NULL);
        JsonObject *object = json_node_get_object(node);
        if (json_object_has_member(object, "event")) {
            JsonObject *time = json_object_get_object_member(object, "timestamp");
            g_assert_cmpint(json_object_get_int_member(time, "seconds"), >, 1600000000);
            g_assert_cmpint(json_object_get_int_member(time, "microseconds"), <, 1000000);
            g_string_append_printf(names, "%s ", json_object_get_string_member(object, "event"));
        }
        if (json_object_has_member(object, "data")) {
            JsonObject *data = json_object_get_object_member(object, "data");
            g_string_append_printf(names, "(%s) ", json_object_get_string_member(data, "reason"));
        }
        json_node_unref(node);
    }
    g_strfreev(lines);
    return g_string_free(names, false);
}

static void assert_events(Fixture *f, const char *request, const char *expected)
{
    char *names = events_in(sent(f, request));
    g_assert_cmpstr(names, ==, expected);
    g_free(names);
}

static gboolean send_quit(gpointer data)
{
    Fixture *f = data;
    const char *text = "{'execute':'query-status'}{'execute':'cont'}{'execute':'quit'}";
    chardev_receive(&f->back->chr, (const uint8_t *)text, strlen(text));
    return G_SOURCE_REMOVE;
}

static void press(void *opaque, unsigned n, bool level)
{
}

static void test_events(void)
{
    Fixture *f = fixture_new(true);
    assert_events(f, "{'execute':'cont'}", "RESUME ");
    assert_events(f, "{'execute':'cont'}", "");
    assert_events(f, "{'execute':'stop'}", "STOP ");
    assert_events(f, "{'execute':'stop'}", "");
    f->machine->power_button = (IrqLine){press, NULL, 0};
    assert_events(f, "{'execute':'system_powerdown'}", "POWERDOWN ");

    /* What the main loop does: a reset, then the end. */
    sent(f, "{'execute':'cont'}{'execute':'system_reset'}");
    GSource *source = g_idle_source_new();
    g_source_set_callback(source, send_quit, f, NULL);
    g_source_attach(source, f->machine->context);
    g_source_unref(source);
    machine_unlock(f->machine);
    g_assert_cmpint(machine_main_loop(f->machine), ==, 0);
    machine_lock(f->machine);
    char *names = events_in(f->back->text->str);
    g_assert_cmpstr(names, ==, "RESUME RESET (host-qmp-system-reset) SHUTDOWN (host-qmp-quit) ");
    g_free(names);

    machine_guest_panicked(f->machine);
    assert_contains(f->back->text->str,
                    "\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":\"pause\"}}");
    fixture_free(f);
}

static void test_balloon(void)
{
#define STATS "{'execute':'qom-get','arguments':{'path':'/machine/peripheral/balloon0','property':"
#define INTERVAL "'guest-stats-polling-interval'"
    static const DeviceOps ops = {.name = "toy-balloon"};
    Fixture *f = fixture_new(true);
    device_new(f->machine, &ops, sizeof(Device), "balloon0");
    assert_answer(f, "{'execute':'query-balloon'}", "{\"return\":{\"actual\":4194304}}\r\n");
    char *answer = g_strdup(sent(f, "{'execute':'balloon','arguments':{'value':1048576}}"));
    assert_contains(answer, "\"event\":\"BALLOON_CHANGE\",\"data\":{\"actual\":1048576}}");
    assert_contains(answer, "{\"return\":{}}");
    g_free(answer);
    assert_answer(f, "{'execute':'query-balloon'}", "{\"return\":{\"actual\":1048576}}\r\n");
    assert_contains(sent(f, STATS "'guest-stats'}}"), "\"stat-free-memory\":0");
    assert_contains(sent(f, STATS "'guest-stats'}}"), "\"last-update\":99");
    assert_answer(f,
                  "{'execute':'qom-set','arguments':{'path':'/machine/peripheral/balloon0',"
                  "'property':" INTERVAL ",'value':7}}",
                  "{\"return\":{}}\r\n");
    assert_answer(f, STATS INTERVAL "}}", "{\"return\":7}\r\n");
    assert_error(f,
                 "{'execute':'qom-set','arguments':{'path':'/machine/peripheral/balloon0',"
                 "'property':" INTERVAL ",'value':'x'}}",
                 "GenericError", "guest-stats-polling-interval is");
    assert_error(f, STATS "'x'}}", "GenericError", "Property 'x' not found");
    assert_error(f, "{'execute':'qom-get','arguments':{'path':'/machine','property':'x'}}",
                 "GenericError", "Property 'x' not found");
    fixture_free(f);
}

/* The guest powers off: with -no-shutdown it stops, and only a reset lets it go on. */
static void test_guest_shutdown(void)
{
    Fixture *f = fixture_new(true);
    sent(f, "{'execute':'cont'}");
    machine_request_shutdown(f->machine, 3);
    GSource *source = g_idle_source_new();
    g_source_set_callback(source, send_quit, f, NULL);
    g_source_attach(source, f->machine->context);
    g_source_unref(source);
    machine_unlock(f->machine);
    g_assert_cmpint(machine_main_loop(f->machine), ==, 0);
    machine_lock(f->machine);
    const char *text = f->back->text->str;
    assert_contains(text, "\"status\":\"shutdown\"");
    assert_contains(text, "system_reset is required");
    char *names = events_in(text);
    g_assert_cmpstr(names, ==, "RESUME SHUTDOWN (guest-shutdown) STOP SHUTDOWN (host-qmp-quit) ");
    g_free(names);
    fixture_free(f);
}

/* Requests with bytes changed, left out and put in: an answer or silence, never more. */
static void test_hostile(void)
{
    static const char *const seeds[] = {
        "{\"execute\":\"query-status\",\"id\":[1,2.5e3,{\"x\":\"\\u1234\"}]}\n",
        "{'execute':'human-monitor-command','arguments':{'command-line':'info status'}}\n",
        "{'execute':'device-list-properties','arguments':{'typename':'toy-disk'},'id':null}\n",
        "{'execute':'query-qmp-schema','arguments':{},'id':-9223372036854775808}\n",
    };
    Fixture *f = fixture_new(true);
    for (unsigned round = 0; round < 3000; round++) {
        GString *text = g_string_new(seeds[g_test_rand_int_range(0, G_N_ELEMENTS(seeds))]);
        unsigned changes = g_test_rand_int_range(1, 5);
        for (unsigned i = 0; i < changes && text->len > 1; i++) {
            unsigned at = g_test_rand_int_range(0, text->len - 1);
            static const char pool[] = "{}[]\"'\\,:0-1e.u \t\n\x01\x80\xff/*ntf";
            char c = pool[g_test_rand_int_range(0, sizeof(pool))];
            switch (g_test_rand_int_range(0, 3)) {
            case 0: text->str[at] = c; break;
            case 1: g_string_erase(text, at, 1); break;
            default: g_string_insert_c(text, at, c); break;
            }
        }
        chardev_receive(&f->back->chr, (const uint8_t *)text->str, text->len);
        g_string_free(text, true);
        g_string_truncate(f->back->text, 0);
    }
    /* It is still there for who behaves. */
    chardev_event(&f->back->chr, CHAR_EVENT_CLOSED);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    assert_answer(f, "{'execute':'qmp_capabilities'}", OK);
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/negotiation", test_negotiation);
    g_test_add_func("/qmp/framing", test_framing);
    g_test_add_func("/qmp/bad-requests", test_bad_requests);
    g_test_add_func("/qmp/limits", test_limits);
    g_test_add_func("/qmp/results", test_results);
    g_test_add_func("/qmp/cpu-models", test_cpu_models);
    g_test_add_func("/qmp/arguments", test_arguments);
    g_test_add_func("/qmp/tree", test_tree);
    g_test_add_func("/qmp/migration-capabilities", test_migration_capabilities);
    g_test_add_func("/qmp/chardevs", test_chardevs);
    g_test_add_func("/qmp/input", test_input);
    g_test_add_func("/qmp/schema", test_schema);
    g_test_add_func("/qmp/events", test_events);
    g_test_add_func("/qmp/balloon", test_balloon);
    g_test_add_func("/qmp/guest-shutdown", test_guest_shutdown);
    g_test_add_func("/qmp/hostile", test_hostile);
    return g_test_run();
}
