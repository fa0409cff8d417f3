/*
 * Snapshots of whole machines, with every type of device there is: what is loaded into a machine of the same
 * make, whose devices hold something else, saves the same again, and the two machines then do the same. Devices
 * get their state by random programs (tests/fuzz/bench.h), which know each register block of the machine.
 */
#include "hw/hw.h"
#include "softmmu/base/bits.h"
#include "softmmu/snapshot-internal.h"
#include "tests/device/harness.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/bench.h"
#include "ui/chardev.h"
#include <string.h>
#include <unistd.h>

#define RAM_SIZE (16 * MIB)

typedef struct Paths {
    char *disk, *snapshot;
} Paths;

/* In memory, if the host has a place for that: each snapshot is brought to stable storage. */
static char *make_file(const char *template, size_t size)
{
    const char *shared = "/dev/shm";
    char *path =
        g_build_filename(access(shared, W_OK) == 0 ? shared : g_get_tmp_dir(), template, NULL);
    int fd = g_mkstemp(path);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    return path;
}

static void setup(Paths *paths, gconstpointer data)
{
    paths->disk = make_file("amphi-disk-XXXXXX", MIB);
    paths->snapshot = make_file("amphi-snapshot-XXXXXX", 0);
}

static void teardown(Paths *paths, gconstpointer data)
{
    unlink(paths->disk);
    unlink(paths->snapshot);
    g_free(paths->disk);
    g_free(paths->snapshot);
}

static GPtrArray *one_option(const char *what, const char *text, const char *implied)
{
    GPtrArray *array = g_ptr_array_new();
    g_ptr_array_add(array, options_parse(what, text, implied, NULL));
    return array;
}

/* A machine that has what devices refer to, and the device that @text describes (NULL: none). */
static Bench *make_bench(BenchKind kind, const char *disk, const char *text)
{
    GError *error = NULL;
    bool virt = kind == BENCH_VIRT || kind == BENCH_Q35;
    char *drive = g_strdup_printf("%s,format=raw,if=none,id=d0,file.locking=off", disk);
    MachineConfig config = {
        .bios = "none",
        .cpus = 2,
        .ram_size = RAM_SIZE,
        .cpu_model = "max",
        .drives = virt ? one_option("-drive", drive, "file") : NULL,
        .fsdevs = one_option("-fsdev",
                             "local,id=f0,path=/proc/self/fdinfo,security_model=none,readonly=on",
                             "fsdriver"),
        .netdevs = virt ? one_option("-netdev", "user,id=n0", "type") : NULL,
        /* A board makes some of them itself when it sees the option. */
        .devices = text ? one_option("-device", text, "driver") : NULL,
    };
    Machine *machine = machine_new(bench_class(kind), &config, true, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    Options *chardev = options_parse("-chardev", "null,id=c0", "backend", NULL);
    g_assert_nonnull(chardev_new(machine, chardev, &error));
    options_free(chardev);
    g_free(drive);
    if (text && (strstr(text, "port") || strstr(text, "console"))) {
        create_device(machine, "virtio-serial-pci");
    }
    if (text) {
        hw_device_create(machine, machine->config.devices->pdata[0], &error);
        g_assert_no_error(error);
    }
    clock_start(machine->clock);
    return bench_new_of(kind, machine);
}

/* The machine that has the bus for devices of @type. */
static BenchKind kind_for(const char *type)
{
    const char *bus = hw_device_bus(type);
    bool pc = !g_strcmp0(bus, "ISA") || !g_strcmp0(bus, "IDE") || !g_strcmp0(bus, "System");
    return pc ? BENCH_Q35 : BENCH_VIRT;
}

/* What -device needs beside the name. */
static char *device_text(const char *type)
{
    static const struct {
        const char *prefix, *options;
    } rows[] = {
        {"virtio-9p", ",fsdev=f0,mount_tag=host"},
        {"virtio-blk", ",drive=d0,num-queues=2"},
        {"virtio-net", ",netdev=n0"},
        {"virtio-rng", ",max-bytes=64,period=10"},
        {"virtconsole", ",chardev=c0"},
        {"virtserialport", ",chardev=c0"},
        {"ide-hd", ",drive=d0"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (g_str_has_prefix(type, rows[i].prefix)) {
            return g_strconcat(type, rows[i].options, NULL);
        }
    }
    return g_strdup(type);
}

/* ---- Random state ---- */

/* @count bytes of program from @seed on; returns a number made of what was read. Programs are the same in all machines
 * that start with the same seed. */
static uint64_t run_wild(Bench *bench, uint32_t seed, unsigned count)
{
    GRand *rand = g_rand_new_with_seed(seed);
    GByteArray *program = g_byte_array_new();
    while (program->len < count) {
        /* Bytes that lead everywhere, then some with few bits for the registers. */
        uint32_t word = g_rand_int(rand);
        g_byte_array_append(program, (const uint8_t *)&word, 3);
        fuzz_random_bytes(rand, program, g_rand_int_range(rand, 1, 6));
    }
    FuzzInput in = {program->data, program->len};
    machine_lock(bench->machine);
    bench->sum = 0;
    bench_scribble(bench, rand);
    bench_run(bench, &in);
    bench_scribble(bench, rand); /* last: a program's reset leaves little */
    machine_unlock(bench->machine);
    g_byte_array_unref(program);
    g_rand_free(rand);
    return bench->sum;
}

/* ---- Comparing ---- */

static void check_same_states(Machine *a, Machine *b)
{
    GPtrArray *first = snapshot_states_save(a), *second = snapshot_states_save(b);
    g_assert_cmpuint(first->len, ==, second->len);
    for (unsigned i = 0; i < first->len; i++) {
        const SavedState *one = first->pdata[i], *other = second->pdata[i];
        g_assert_cmpstr(one->name, ==, other->name);
        if (one->len != other->len || memcmp(one->data, other->data, one->len) != 0) {
            g_error("the states of '%s' differ", one->name);
        }
    }
    g_ptr_array_unref(first);
    g_ptr_array_unref(second);
}

/* By the files, which does not populate what nobody touched. */
static void check_same_block(const RamBlock *one, const RamBlock *other)
{
    enum { STEP = 65536 };
    static uint8_t first[STEP], second[STEP];
    g_assert_cmpuint(one->size, ==, other->size);
    for (uint64_t at = 0; at < one->size; at += STEP) {
        ssize_t n = MIN(STEP, one->size - at);
        g_assert_cmpint(pread(one->fd, first, n, at), ==, n);
        g_assert_cmpint(pread(other->fd, second, n, at), ==, n);
        if (memcmp(first, second, n) != 0) {
            g_error("memory '%s' differs", one->name);
        }
    }
}

static void check_same_memory(Machine *a, Machine *b)
{
    g_assert_cmpuint(a->memory->blocks->len, ==, b->memory->blocks->len);
    for (unsigned i = 0; i < a->memory->blocks->len; i++) {
        check_same_block(a->memory->blocks->pdata[i], b->memory->blocks->pdata[i]);
    }
}

/* ---- Round trips ---- */

static void start(Machine *machine)
{
    machine_lock(machine);
    machine_start(machine);
    machine_unlock(machine);
}

/* Takes over the benches. */
static void round_trip(Bench *a, Bench *b, const Paths *paths, uint32_t seed)
{
    GError *error = NULL;
    run_wild(a, seed, 4000);
    run_wild(b, seed + 1, 3000);
    machine_lock(a->machine);
    snapshot_save(a->machine, paths->snapshot, NULL, &error);
    g_assert_no_error(error);
    machine_unlock(a->machine);
    machine_lock(b->machine);
    snapshot_load(b->machine, paths->snapshot, false, NULL, &error);
    g_assert_no_error(error);
    machine_unlock(b->machine);
    check_same_states(a->machine, b->machine);
    check_same_memory(a->machine, b->machine);
    /* From here on both do the same; they stand still, as after -S. */
    start(a->machine);
    start(b->machine);
    g_assert_cmphex(run_wild(a, seed + 2, 2000), ==, run_wild(b, seed + 2, 2000));
    check_same_states(a->machine, b->machine);
    bench_free(a);
    bench_free(b);
}

/* Each board with all of its devices. */
static void test_boards(Paths *paths, gconstpointer data)
{
    for (BenchKind kind = 0; kind < BENCH_BOARDS; kind++) {
        for (unsigned seed = 0; seed < 10; seed++) {
            Bench *a = bench_new(kind), *b = bench_new(kind);
            g_test_message("%s, seed %u", bench_class(kind)->name, seed * 100);
            round_trip(a, b, paths, seed * 100);
        }
    }
}

static void test_devices(Paths *paths, gconstpointer data)
{
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        g_test_message("%s", text);
        for (unsigned n = 0; n < 2; n++) {
            round_trip(make_bench(kind_for(type), paths->disk, text),
                       make_bench(kind_for(type), paths->disk, text), paths, i * 1000 + n * 10);
        }
        g_free(text);
    }
}

/* ---- Each table by itself, into poison ---- */

static void poison(const VmDesc *desc, void *opaque)
{
    for (const VmField *field = desc->fields; field->type != VM_END; field++) {
        for (size_t i = 0; i < field->count; i++) {
            char *element = (char *)opaque + field->offset + i * field->stride;
            if (field->type == VM_STRUCT) {
                poison(field->sub, element);
            } else if (field->type == VM_BOOL) {
                *(bool *)element = true;
            } else {
                memset(element, 0xa5, field->stride);
            }
        }
    }
}

static void check_table(const VmDesc *desc, void *from, void *to)
{
    GError *error = NULL;
    GByteArray *first = g_byte_array_new(), *second = g_byte_array_new();
    vmstate_save(first, desc, from);
    poison(desc, to);
    const uint8_t *data = first->data;
    size_t len = first->len;
    vmstate_load(&data, &len, desc, to, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(len, ==, 0);
    vmstate_save(second, desc, to);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
}

static void check_tables(BenchKind kind, const Paths *paths, const char *text)
{
    Bench *from = make_bench(kind, paths->disk, text), *to = make_bench(kind, paths->disk, text);
    Machine *a = from->machine, *b = to->machine;
    run_wild(from, 7, 4000);
    machine_lock(b);
    clock_step(b->clock, clock_now(a->clock)); /* for states that hold times */
    for (unsigned i = 0; i < a->ncpus; i++) {
        check_table(a->cpus[i]->arch->vmstate, vcpu_state(a->cpus[i]), vcpu_state(b->cpus[i]));
    }
    for (unsigned i = 0; i < a->devices->len; i++) {
        Device *dev = a->devices->pdata[i];
        if (dev->ops->vmstate) {
            check_table(dev->ops->vmstate, dev, b->devices->pdata[i]);
        }
    }
    machine_unlock(b);
    bench_free(from);
    bench_free(to);
}

static void test_poison(Paths *paths, gconstpointer data)
{
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        check_tables(kind_for(type), paths, text);
        g_free(text);
    }
    check_tables(BENCH_SPIKE, paths, NULL);
}

/* Whoever has registers, memory or queues has state, and a table of it; or his controller has. */
static void test_all_have_tables(Paths *paths, gconstpointer data)
{
    static const char *const without[] = {"block-back-ends",
                                          "net-back-ends",
                                          "gpex-pcihost",
                                          "isa-debugcon",
                                          "isa-debug-exit",
                                          "pvpanic",
                                          "ide-hd",
                                          "ide-cd",
                                          "virtconsole",
                                          "virtserialport",
                                          NULL};
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        Bench *bench = make_bench(kind_for(type), paths->disk, text);
        for (unsigned n = 0; n < bench->machine->devices->len; n++) {
            const Device *dev = bench->machine->devices->pdata[n];
            if (!dev->ops->vmstate && !g_strv_contains(without, dev->ops->name)) {
                g_error("device '%s' has no table of its state", dev->ops->name);
            }
        }
        bench_free(bench);
        g_free(text);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(Paths *paths, gconstpointer data);
    } tests[] = {
        {"/snapshot/boards", test_boards},
        {"/snapshot/devices", test_devices},
        {"/snapshot/poison", test_poison},
        {"/snapshot/all-have-tables", test_all_have_tables},
    };
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
        g_test_add(tests[i].name, Paths, NULL, setup, tests[i].fn, teardown);
    }
    return g_test_run();
}
