/*
 * Snapshot files: what is saved is loaded, and whatever else a file holds is refused with one line and the
 * machine stays as it was: each byte altered, each length, made-up contents with checksums that fit, machines
 * of another make; a disk that is full.
 */
#include "softmmu/base/error.h"
#include "tests/device/harness.h"
#include "tests/fuzz/snapshot-forge.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A device with a field that must not be more than 9. */
typedef struct Toy {
    Device dev;
    uint32_t digit;
    Timer timer;
    unsigned loads;
} Toy;

static bool toy_post_load(void *opaque, GError **error)
{
    const Toy *toy = opaque;
    return toy->digit <= 9 || error_set(error, "toy: %u is no digit", toy->digit);
}

static void toy_reset(Device *dev)
{
    timer_cancel(&((Toy *)dev)->timer);
}

static void toy_loaded(Device *dev)
{
    ((Toy *)dev)->loads++;
}

static void toy_finalize(Device *dev)
{
    timer_cancel(&((Toy *)dev)->timer);
}

static const VmField toy_fields[] = {VM_FIELD_U32(Toy, digit), VM_FIELD_END()};
static const VmDesc toy_vmstate = {"toy", toy_fields, NULL, toy_post_load};
static const DeviceOps toy_ops = {
    .name = "toy",
    .reset = toy_reset,
    .vmstate = &toy_vmstate,
    .loaded = toy_loaded,
    .finalize = toy_finalize,
};
static const DeviceOps other_ops = {.name = "other",
                                    .reset = toy_reset,
                                    .vmstate = &toy_vmstate,
                                    .finalize = toy_finalize};

static void toy_fired(void *opaque)
{
    g_assert_not_reached();
}

static Toy *toy_new(Machine *machine, const DeviceOps *ops, const char *id)
{
    Toy *toy = device_new(machine, ops, sizeof(*toy), id);
    timer_init(&toy->timer, machine->clock, toy_fired, toy);
    return toy;
}

typedef struct Rig {
    Machine *machine;
    Toy *first, *second;
    char *dir, *path;
} Rig;

/* @private: whether memory is of this process alone. */
static void setup(Rig *rig, gconstpointer private)
{
    rig->dir = g_dir_make_tmp("amphi-snapshot-XXXXXX", NULL);
    rig->path = g_build_filename(rig->dir, "vm", NULL);
    rig->machine = private ? harness_new_private() : harness_new();
    rig->first = toy_new(rig->machine, &toy_ops, "first");
    rig->second = toy_new(rig->machine, &toy_ops, "second");
}

static void teardown(Rig *rig, gconstpointer data)
{
    harness_free(rig->machine);
    unlink(rig->path);
    g_assert_cmpint(rmdir(rig->dir), ==, 0); /* nothing else was left there */
    g_free(rig->dir);
    g_free(rig->path);
}

/* Something that is easy to tell from anything else. */
static void fill(Rig *rig, unsigned what)
{
    rig->first->digit = what;
    rig->second->digit = what + 1;
    memset(rig->machine->ram->host, what, 5000);
    memset(rig->machine->ram->host + 2 * MIB - 10, what + 1, 20);
    clock_step(rig->machine->clock, 1000 + what);
}

static void expect_filled(Rig *rig, unsigned what)
{
    const uint8_t *ram = rig->machine->ram->host;
    g_assert_cmpuint(rig->first->digit, ==, what);
    g_assert_cmpuint(rig->second->digit, ==, what + 1);
    g_assert_cmpuint(ram[0], ==, what);
    g_assert_cmpuint(ram[4999], ==, what);
    g_assert_cmpuint(ram[5000], ==, 0);
    g_assert_cmpuint(ram[2 * MIB - 10], ==, what + 1);
    g_assert_cmpuint(ram[2 * MIB + 9], ==, what + 1);
    g_assert_cmpuint(ram[3 * MIB], ==, 0);
}

static GByteArray *read_snapshot(Rig *rig)
{
    GError *error = NULL;
    char *data;
    gsize len;
    g_file_get_contents(rig->path, &data, &len, &error);
    g_assert_no_error(error);
    return g_byte_array_new_take((uint8_t *)data, len);
}

/* A snapshot of fill(1); the machine then goes on to fill(3). */
static GByteArray *make_snapshot(Rig *rig)
{
    GError *error = NULL;
    fill(rig, 1);
    snapshot_save(rig->machine, rig->path, NULL, &error);
    g_assert_no_error(error);
    fill(rig, 3);
    return read_snapshot(rig);
}

/* Loads @data; the message, or NULL if it was loaded. For g_free(). */
static char *load(Rig *rig, const void *data, size_t len)
{
    GError *error = NULL;
    int fd = open(rig->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    g_assert_cmpint(write(fd, data, len), ==, len);
    close(fd);
    if (snapshot_load(rig->machine, rig->path, false, NULL, &error)) {
        g_assert_no_error(error);
        return NULL;
    }
    g_assert_nonnull(error);
    g_assert_null(strchr(error->message, '\n'));
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

static void expect_refused(Rig *rig, const GByteArray *file, size_t len, const char *why)
{
    int64_t now = clock_now(rig->machine->clock);
    char *message = load(rig, file->data, len);
    g_assert_nonnull(message);
    if (!strstr(message, why)) {
        g_error("expected '%s' in '%s'", why, message);
    }
    g_free(message);
    expect_filled(rig, 3);
    g_assert_cmpint(clock_now(rig->machine->clock), ==, now);
}

static void test_round_trip(Rig *rig, gconstpointer data)
{
    int64_t then = 1001;
    GByteArray *file = make_snapshot(rig);
    timer_arm(&rig->first->timer,
              clock_now(rig->machine->clock) + 5); /* goes with what is replaced */
    g_assert_null(load(rig, file->data, file->len));
    expect_filled(rig, 1);
    g_assert_cmpint(clock_now(rig->machine->clock), ==, then);
    g_assert_cmpuint(rig->first->loads, ==, 1);
    clock_step(rig->machine->clock, 10000);
    g_byte_array_unref(file);
}

static void test_altered(Rig *rig, gconstpointer data)
{
    GByteArray *file = make_snapshot(rig);
    for (unsigned i = 0; i < file->len; i++) {
        file->data[i] ^= 1u << i % 8;
        expect_refused(rig, file, file->len, "cannot load snapshot");
        file->data[i] ^= 1u << i % 8;
    }
    g_byte_array_append(file, (const uint8_t *)"", 1);
    expect_refused(rig, file, file->len, "something after its end");
    g_assert_null(load(rig, file->data, file->len - 1));
    g_byte_array_unref(file);
}

static void test_truncated(Rig *rig, gconstpointer data)
{
    GByteArray *file = make_snapshot(rig);
    for (unsigned len = 0; len < file->len; len++) {
        expect_refused(rig, file, len, "it is truncated");
    }
    g_byte_array_unref(file);
}

/*
 * Made-up files: checksums fit.
 */

static ForgedHeader *section_of(GByteArray *file, SectionKind kind, unsigned n)
{
    ForgedHeader *section = snapshot_find_section(file->data, file->len, kind, n);
    g_assert_nonnull(section);
    return section;
}

static void expect_forged_refused(Rig *rig, GByteArray *file, const char *why)
{
    snapshot_forge(file->data, file->len);
    expect_refused(rig, file, file->len, why);
}

/* The payload of section @n of @kind in a fresh copy of @good. */
static uint8_t *forge(const GByteArray *good, GByteArray **copy, SectionKind kind, unsigned n)
{
    *copy = g_byte_array_new();
    g_byte_array_append(*copy, good->data, good->len);
    return (uint8_t *)(section_of(*copy, kind, n) + 1);
}

static void test_forged_memory(Rig *rig, gconstpointer data)
{
    enum { BLOCK = 0, PAGES = 4, FIRST = 8, BITMAP = 16, FRAME = 48 };
    static const struct {
        unsigned at;
        uint64_t value;
        unsigned size;
    } changes[] = {
        {BLOCK, 1, 4},          {BLOCK, UINT32_MAX, 4}, {PAGES, 0, 4},   {PAGES, 257, 4},
        {PAGES, UINT32_MAX, 4}, {FIRST, 1024, 8},       {FIRST, 769, 8}, {FIRST, UINT64_MAX, 8},
        {BITMAP, 0, 1},         {BITMAP, 7, 1},         {FRAME, 0, 4},
    };
    GByteArray *good = make_snapshot(rig), *copy;
    for (unsigned i = 0; i < ARRAY_SIZE(changes); i++) {
        memcpy(forge(good, &copy, SECTION_RAM, 0) + changes[i].at, &changes[i].value,
               changes[i].size);
        expect_forged_refused(rig, copy, "its pages of memory are not possible");
        g_byte_array_unref(copy);
    }
    g_byte_array_unref(good);
}

static void test_forged_sections(Rig *rig, gconstpointer data)
{
    GByteArray *good = make_snapshot(rig), *copy;
    uint8_t *payload = forge(good, &copy, SECTION_RAM, 0);
    ((ForgedHeader *)payload)[-1].kind = 99;
    expect_forged_refused(rig, copy, "section 1 is not possible");
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_RAM, 0);
    ((ForgedHeader *)payload)[-1].kind = SECTION_CONFIG;
    expect_forged_refused(rig, copy, "it describes two machines");
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_CONFIG, 0);
    ((ForgedHeader *)payload)[-1].kind = SECTION_STATE;
    expect_forged_refused(rig, copy, "it does not say first what machine it is of");
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_RAM, 0);
    ((ForgedHeader *)payload)[-1].length = UINT64_MAX;
    snapshot_forge(copy->data, copy->len); /* it takes in all that follows: the end is gone */
    expect_refused(rig, copy, copy->len, "");
    g_byte_array_unref(copy);
    g_byte_array_unref(good);
}

/* What would be told of such a machine is no line. */
static void test_forged_config(Rig *rig, gconstpointer data)
{
    GByteArray *good = make_snapshot(rig), *copy;
    uint8_t *payload = forge(good, &copy, SECTION_CONFIG, 0);
    char *key = memmem(payload, ((ForgedHeader *)payload)[-1].length, "machine", sizeof("machine"));
    g_assert_nonnull(key);
    key[sizeof("machine")] = '\n';
    expect_forged_refused(rig, copy, "its description of the machine is not possible");
    g_byte_array_unref(copy);
    g_byte_array_unref(good);
}

enum { CHUNKS = TEST_RAM_SIZE / MIB };

/* A snapshot of memory that is full of something that does not compress, of which @contents gets a copy. */
static GByteArray *make_full_snapshot(Rig *rig, uint8_t **contents)
{
    uint8_t *ram = rig->machine->ram->host;
    GError *error = NULL;
    GRand *rand = g_rand_new_with_seed(1);
    for (size_t i = 0; i < TEST_RAM_SIZE; i++) {
        ram[i] = g_rand_int(rand);
    }
    g_rand_free(rand);
    *contents = g_memdup2(ram, TEST_RAM_SIZE);
    snapshot_save(rig->machine, rig->path, NULL, &error);
    g_assert_no_error(error);
    memset(ram, 0, TEST_RAM_SIZE);
    fill(rig, 3);
    return read_snapshot(rig);
}

/* Chunk @impossible has no pages, and after that is made to fit, byte @altered of the file is another. */
static GByteArray *damage(const GByteArray *good, unsigned impossible, size_t altered)
{
    GByteArray *copy;
    uint32_t pages = 0;
    memcpy(forge(good, &copy, SECTION_RAM, impossible) + 4, &pages, sizeof(pages));
    snapshot_forge(copy->data, copy->len);
    copy->data[altered] ^= 0x10;
    return copy;
}

/* However many threads work on a file and whoever is first: the first error in the file is the one that is told. */
static void expect_first_error(Rig *rig, GByteArray *good)
{
    size_t state = (uint8_t *)section_of(good, SECTION_STATE, 0) - good->data;
    for (unsigned impossible = 0; impossible < CHUNKS; impossible++) {
        size_t begin = (uint8_t *)section_of(good, SECTION_RAM, impossible) - good->data;
        for (unsigned n = 0; n < CHUNKS; n++) {
            size_t middle = (uint8_t *)section_of(good, SECTION_RAM, n) - good->data + MIB / 2;
            GByteArray *copy = damage(good, impossible, middle);
            expect_refused(rig, copy, copy->len,
                           middle > begin + MIB ? "pages of memory are not possible"
                                                : "a checksum does not fit");
            g_byte_array_unref(copy);
        }
        GByteArray *copy = damage(good, impossible, state);
        expect_refused(rig, copy, copy->len, "pages of memory are not possible");
        expect_refused(rig, copy, state + 10, "pages of memory are not possible");
        g_byte_array_unref(copy);
    }
}

static void test_threads(Rig *rig, gconstpointer data)
{
    static const unsigned counts[] = {1, 2, 8};
    uint8_t *contents;
    GByteArray *good = make_full_snapshot(rig, &contents);
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        snapshot_ram_set_threads(counts[i]);
        expect_first_error(rig, good);
        g_assert_null(load(rig, good->data, good->len));
        g_assert_cmpmem(rig->machine->ram->host, TEST_RAM_SIZE, contents, TEST_RAM_SIZE);
        memset(rig->machine->ram->host, 0, TEST_RAM_SIZE);
        fill(rig, 3);
    }
    snapshot_ram_set_threads(0);
    g_free(contents);
    g_byte_array_unref(good);
}

static void test_forged_states(Rig *rig, gconstpointer data)
{
    GByteArray *good = make_snapshot(rig), *copy;
    uint8_t *payload;
    /* clock, then the devices: a state is its name's length, its name, and the value. */
    enum { NAME = 2, FIRST = 1, SECOND = 2 };
    payload = forge(good, &copy, SECTION_STATE, SECOND);
    g_assert_cmpmem(payload + NAME, 13, "device:second", 13);
    payload[NAME + 13] = 10;
    expect_forged_refused(rig, copy, "toy: 10 is no digit");
    g_assert_cmpint(rig->machine->state, ==, RUN_STATE_PAUSED);
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_STATE, FIRST);
    payload[NAME] = 'x';
    expect_forged_refused(rig, copy, "the state of 'first' is missing");
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_STATE, FIRST);
    payload[0] = 255;
    expect_forged_refused(rig, copy, "a device's state is not possible");
    g_byte_array_unref(copy);
    /* Two of one, by twice the same section. */
    payload = forge(good, &copy, SECTION_STATE, FIRST);
    size_t len = sizeof(SectionHeader) + ((ForgedHeader *)payload)[-1].length;
    size_t at = payload - sizeof(SectionHeader) - copy->data;
    uint8_t *twice = g_memdup2(copy->data + at, len);
    GByteArray *longer = g_byte_array_new();
    g_byte_array_append(longer, copy->data, at);
    g_byte_array_append(longer, twice, len);
    g_byte_array_append(longer, copy->data + at, copy->len - at);
    expect_forged_refused(rig, longer, "two of one");
    g_free(twice);
    g_byte_array_unref(longer);
    g_byte_array_unref(copy);
    payload = forge(good, &copy, SECTION_STATE, 0);
    memset(payload + NAME + strlen("clock"), 0xff, 8);
    expect_forged_refused(rig, copy, "virtual time is not possible");
    g_byte_array_unref(copy);
    g_byte_array_unref(good);
}

/*
 * Machines of another make.
 */

static void test_other_devices(Rig *rig, gconstpointer data)
{
    GByteArray *file = make_snapshot(rig);
    toy_new(rig->machine, &toy_ops, "third");
    expect_refused(rig, file, file->len, "this machine has the device 'third' (toy)");
    g_byte_array_unref(file);
    fill(rig, 1);
    file = make_snapshot(rig);
    Rig less = {0};
    machine_unlock(rig->machine);
    setup(&less, NULL);
    char *message = load(&less, file->data, file->len);
    g_assert_nonnull(strstr(message, "its machine has the device 'third' (toy), this one has not"));
    g_free(message);
    toy_new(less.machine, &other_ops, "third");
    message = load(&less, file->data, file->len);
    g_assert_nonnull(strstr(message, "device 'third' of its machine is of type toy, here other"));
    g_free(message);
    teardown(&less, NULL);
    machine_lock(rig->machine);
    g_byte_array_unref(file);
}

/*
 * Files.
 */

static void test_no_file(Rig *rig, gconstpointer data)
{
    static const struct {
        const char *path, *why;
    } cases[] = {
        {"/nonexistent/x", "it cannot be opened: No such file"},
        {"/", "it is no file"},
        {"/dev/null", "it is no file"},
        {"/proc/self/exe", "it is no snapshot"},
    };
    fill(rig, 3);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        GError *error = NULL;
        g_assert_false(snapshot_load(rig->machine, cases[i].path, false, NULL, &error));
        g_assert_nonnull(strstr(error->message, cases[i].why));
        g_error_free(error);
    }
    expect_filled(rig, 3);
}

static void test_not_replaced(Rig *rig, gconstpointer data)
{
    GError *error = NULL;
    g_assert_true(g_file_set_contents(rig->path, "precious", -1, NULL));
    g_assert_false(snapshot_save(rig->machine, rig->path, NULL, &error));
    g_assert_nonnull(strstr(error->message, "is there and no snapshot"));
    g_clear_error(&error);
    g_assert_false(snapshot_save(rig->machine, rig->dir, NULL, &error));
    g_assert_nonnull(strstr(error->message, "it is a directory"));
    g_clear_error(&error);
    g_assert_false(snapshot_save(rig->machine, "/nonexistent/x", NULL, &error));
    g_clear_error(&error);
}

/* The old file is there as it was; of the new one nothing. */
static void test_full_disk(Rig *rig, gconstpointer data)
{
    GError *error = NULL;
    struct rlimit old, limit;
    GByteArray *file = make_snapshot(rig);
    memset(rig->machine->ram->host, 9, TEST_RAM_SIZE);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){file->len / 2, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    g_assert_false(snapshot_save(rig->machine, rig->path, NULL, &error));
    setrlimit(RLIMIT_FSIZE, &old);
    g_assert_nonnull(strstr(error->message, "cannot write snapshot"));
    g_error_free(error);
    GByteArray *again = read_snapshot(rig);
    g_assert_cmpmem(file->data, file->len, again->data, again->len);
    g_byte_array_unref(file);
    g_byte_array_unref(again);
}

/* RFC 3720, appendix B.4. */
static void test_crc(Rig *rig, gconstpointer data)
{
    uint8_t bytes[32] = {0};
    g_assert_cmphex(snapshot_crc(bytes, sizeof(bytes)), ==, 0x8a9136aa);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i;
    }
    g_assert_cmphex(snapshot_crc(bytes, sizeof(bytes)), ==, 0x46dd794e);
    g_assert_cmphex(snapshot_crc_more(snapshot_crc(bytes, 11), bytes + 11, 21), ==, 0x46dd794e);
    /* Long ones are computed in another way. */
    uint32_t whole[9 * 1024], sum = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(whole); i++) {
        whole[i] = i * 2654435761u;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(whole); i++) {
        sum = snapshot_crc_more(sum, &whole[i], sizeof(whole[i]));
    }
    g_assert_cmphex(snapshot_crc(whole, sizeof(whole)), ==, sum);
}

static void test_info(Rig *rig, gconstpointer data)
{
    SnapshotInfo info;
    GByteArray *file = make_snapshot(rig);
    g_assert_true(snapshot_info(rig->path, &info, NULL));
    g_assert_cmpstr(info.machine, ==, "harness");
    g_assert_cmpuint(info.ram_size, ==, TEST_RAM_SIZE);
    g_assert_cmpuint(info.file_size, ==, file->len);
    g_assert_cmpint(info.clock, ==, 1001);
    snapshot_info_clear(&info);
    g_assert_false(snapshot_info("/proc/self/exe", &info, NULL));
    snapshot_info_clear(&info);
    g_byte_array_unref(file);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(Rig *rig, gconstpointer data);
    } tests[] = {
        {"/snapshot/round-trip", test_round_trip},
        {"/snapshot/private/round-trip", test_round_trip},
        {"/snapshot/private/forged-memory", test_forged_memory},
        {"/snapshot/private/threads", test_threads},
        {"/snapshot/altered", test_altered},
        {"/snapshot/truncated", test_truncated},
        {"/snapshot/forged-memory", test_forged_memory},
        {"/snapshot/forged-sections", test_forged_sections},
        {"/snapshot/forged-config", test_forged_config},
        {"/snapshot/forged-states", test_forged_states},
        {"/snapshot/threads", test_threads},
        {"/snapshot/other-devices", test_other_devices},
        {"/snapshot/no-file", test_no_file},
        {"/snapshot/not-replaced", test_not_replaced},
        {"/snapshot/full-disk", test_full_disk},
        {"/snapshot/crc", test_crc},
        {"/snapshot/info", test_info},
    };
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
        g_test_add(tests[i].name, Rig, strstr(tests[i].name, "private"), setup, tests[i].fn,
                   teardown);
    }
    return g_test_run();
}
