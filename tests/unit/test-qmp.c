/*
 * QMP on a fake character device: framing, negotiation, errors, results as the schema says, events,
 * and hostile input.
 */
#include "softmmu/base/error.h"
#include "ui/char-internal.h"
#include "ui/json-stream.h"
#include "ui/qmp-internal.h"
#include <string.h>

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
    g_assert_true(machine_init(f->machine, &config, &error));
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
    assert_error(f, "{'execute':'query-status'}", "CommandNotFound", "'qmp_capabilities' comes");
    machine_start(f->machine); /* no events before */
    assert_error(f, "{'execute':'qmp_capabilities','arguments':{'enable':['warp']}}",
                 "GenericError", "there is no capability 'warp'");
    assert_answer(f, "{'execute':'qmp_capabilities','arguments':{'enable':['oob']}}", OK);
    assert_error(f, "{'execute':'qmp_capabilities'}", "CommandNotFound", "capabilities neg");
    assert_contains(sent(f, "{'execute':'query-status'}"), "\"running\":true");
    /* The next client negotiates anew, and what this one left is forgotten. */
    sent(f, "{'execute':");
    chardev_event(&f->back->chr, CHAR_EVENT_CLOSED);
    g_string_truncate(f->back->text, 0);
    chardev_event(&f->back->chr, CHAR_EVENT_OPENED);
    g_assert_true(g_str_has_prefix(f->back->text->str, "{\"QMP\":"));
    assert_error(f, "{'execute':'stop'}", "CommandNotFound", "'qmp_capabilities' comes");
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
    assert_answer(f, "{'exec-oob':'stop','id':7}", "{\"return\":{},\"id\":7}\r\n");
    fixture_free(f);
}

static void test_bad_requests(void)
{
    static const struct {
        const char *request, *desc;
    } cases[] = {
        {"hello\n", "the request is not a JSON object: it begins"},
        {"]\n", "the request is not a JSON object: it begins"},
        {"{]\n", "the request is not a JSON object: a bracket"},
        {"{'a':'b\n", "the request is not a JSON object: there is a control character in"},
        {"{\x01\n", "the request is not a JSON object: there is a control character"},
        {"{'\\x'\n", "the request is not a JSON object: there is an unknown escape"},
        {"{/*}*/}\n", "the request is not a JSON object: there is a '/'"},
        {"{'a'}", "the request is not valid JSON"},
        {"{'a':}", "the request is not valid JSON"},
        {"{'a':1,}", "the request is not valid JSON"},
        {"{'a':'\xff'}", "the request is not valid JSON"},
        {"{}", "the request lacks the member 'execute'"},
        {"{'execute':1}", "the request's member 'execute' must be a string"},
        {"{'execute':null}", "the request's member 'execute' must be a string"},
        {"{'execute':'stop','exec-oob':'stop'}", "a request has 'execute' or 'exec-oob'"},
        {"{'execute':'stop','arguments':[]}", "the request's member 'arguments' must be"},
        {"{'execute':'stop','argumens':{}}", "a request has no member 'argumens'"},
        {"{'execute':'stop','arguments':{'now':true}}", "parameter 'now' is unexpected"},
        {"{'execute':'human-monitor-command'}", "parameter 'command-line' is missing"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':1}}",
         "parameter 'command-line' has the wrong type: it is a string"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':'x','cpu-index':0.5}}",
         "parameter 'cpu-index' has the wrong type: it is an integer"},
        {"{'execute':'human-monitor-command','arguments':{'command-line':'x','cpu-index':9}}",
         "there is no CPU 9"},
        {"{'execute':'screendump','arguments':{'filename':'/x'}}", "there is no display"},
        {"{'execute':'system_powerdown'}", "machine 'toy' has no power button"},
        {"{'execute':'query-command-line-options','arguments':{'option':'x'}}", "there is no opt"},
    };
    Fixture *f = fixture_new(true);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_error(f, cases[i].request, "GenericError", cases[i].desc);
        assert_answer(f, "{'execute':'stop'}", OK);
    }
    assert_error(f, "{'execute':'query-comands'}", "CommandNotFound",
                 "there is no command 'query-comands'; did you mean 'query-commands'?");
    assert_error(f, "{'execute':'device-list-properties','arguments':{'typename':'qxl'}}",
                 "DeviceNotFound", "there is no type 'qxl'");
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
    assert_error(f, deep->str, "GenericError", "the request is not a JSON object: too many");
    assert_answer(f, "{'execute':'stop'}", OK);
    g_string_assign(deep, "{'execute':'stop','id':'");
    char *filler = g_strnfill(2 * JSON_STREAM_MAX, 'x');
    g_string_append(deep, filler);
    g_string_append(deep, "'}\n");
    assert_error(f, deep->str, "GenericError", "the request is not a JSON object: it is too long");
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
        if (g_str_has_prefix(command->name, "query-") && !strstr(command->args, "type:")) {
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

/* Every type that the schema names is in it, once. */
static void test_schema(void)
{
    static const char *const references[] = {"arg-type", "ret-type", "element-type"};
    Fixture *f = fixture_new(true);
    JsonNode *schema = result_of(f, "query-qmp-schema");
    JsonArray *entries = json_node_get_array(schema);
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
    fixture_free(f);
}

static void test_balloon(void)
{
#define STATS "{'execute':'qom-get','arguments':{'path':'/machine/peripheral/balloon0','property':"
#define INTERVAL "'guest-stats-polling-interval'"
    Fixture *f = fixture_new(true);
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
    assert_error(f, STATS "'x'}}", "GenericError", "property 'x' not found");
    assert_error(f, "{'execute':'qom-get','arguments':{'path':'/machine','property':'x'}}",
                 "DeviceNotFound", "device '/machine' not found");
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
    g_test_add_func("/qmp/schema", test_schema);
    g_test_add_func("/qmp/events", test_events);
    g_test_add_func("/qmp/balloon", test_balloon);
    g_test_add_func("/qmp/guest-shutdown", test_guest_shutdown);
    g_test_add_func("/qmp/hostile", test_hostile);
    return g_test_run();
}
