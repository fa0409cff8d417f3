/*
 * Snapshots of whole machines, with every type of device there is: what is loaded into a machine of the same
 * make, whose devices hold something else, saves the same again, and the two machines then do the same. Devices
 * get their state by random accesses.
 */
#include "hw/hw.h"
#include "hw/pci/pci.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "softmmu/base/bits.h"
#include "softmmu/snapshot-internal.h"
#include "tests/device/harness.h"
#include "tests/device/virtio-driver.h"
#include "ui/chardev.h"
#include <linux/pci_regs.h>
#include <string.h>
#include <unistd.h>

#define ECAM_BASE 0x30000000
#define MMIO_BASE 0x40000000
#define VIRTIO_MMIO_BASE 0x10001000
#define RAM_BASE 0x80000000
#define RAM_SIZE (16 * MIB)
#define SLOTS 8

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
static Machine *make_machine(const MachineClass *cls, const char *disk, const char *text)
{
    GError *error = NULL;
    bool virt = cls == &riscv_virt_machine || cls == &x86_q35_machine;
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
    Machine *machine = machine_new(cls, &config, true, &error);
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
    machine_reset(machine);
    clock_start(machine->clock);
    machine_unlock(machine); /* a thread holds the lock of one machine at a time */
    return machine;
}

/* What -device needs beside the name. */
/* The machine that has the bus for devices of @type. */
static const MachineClass *class_for(const char *type)
{
    const char *bus = hw_device_bus(type);
    bool pc = !g_strcmp0(bus, "ISA") || !g_strcmp0(bus, "IDE") || !g_strcmp0(bus, "System");
    return pc ? &x86_q35_machine : &riscv_virt_machine;
}

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

/* Accesses are the same in all machines that start with the same seed; reads are added up. */
typedef struct Wild {
    Machine *machine;
    GRand *rand;
    uint64_t sum;
} Wild;

static void access_one(Wild *wild, uint64_t base, uint64_t size)
{
    unsigned width = 1u << g_rand_int_range(wild->rand, 0, 4);
    uint64_t offset = align_down((uint64_t)g_rand_int(wild->rand) % size, width);
    uint64_t value = (uint64_t)g_rand_int(wild->rand) << 32 | g_rand_int(wild->rand);
    value >>= g_rand_int_range(wild->rand, 0, 64);
    if (g_rand_boolean(wild->rand)) {
        machine_mmio_write(wild->machine, base + offset, value, width);
    } else {
        wild->sum = wild->sum * 31 + machine_mmio_read(wild->machine, base + offset, width);
    }
}

/* Registers of the boards, where random values do no more than change state. */
static const struct {
    uint64_t base, size;
} blocks[] = {
    {0x2000000, 0x10},     {0x2004000, 0x20},   {0xc000000, 0x200},  {0xc002000, 0x200},
    {0xc200000, 0x3000},   {0x10000000, 0x8},   {0x101000, 0x20},    {0x10100000, 0x10},
    {0x20000000, 0x10000}, {0x22000000, 0x100}, {ECAM_BASE, 0x1000},
};

static PciBus *bus_of(Machine *machine)
{
    return machine->cls == &riscv_virt_machine ? pci_find_bus(machine, NULL) : NULL;
}

static uint64_t bar_base(unsigned slot, unsigned bar)
{
    return MMIO_BASE + slot * (UINT64_C(1) << 22) + bar * (UINT64_C(1) << 19);
}

/* Gives each function its addresses. */
static void map_bars(Machine *machine)
{
    PciBus *bus = bus_of(machine);
    for (unsigned slot = 1; bus && slot < SLOTS; slot++) {
        const PciDevice *pci = bus->devices[PCI_DEVFN(slot, 0)];
        for (unsigned bar = 0; pci && bar < PCI_BARS; bar++) {
            if (pci->bars[bar].size) {
                pci_config_write(bus, 0, PCI_DEVFN(slot, 0), PCI_BASE_ADDRESS_0 + 4 * bar,
                                 bar_base(slot, bar), 4);
            }
        }
        if (pci) {
            pci_config_write(bus, 0, PCI_DEVFN(slot, 0), PCI_COMMAND,
                             PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
        }
    }
}

static void access_pci(Wild *wild)
{
    PciBus *bus = bus_of(wild->machine);
    unsigned slot = g_rand_int_range(wild->rand, 1, SLOTS);
    unsigned bar = g_rand_int_range(wild->rand, 0, PCI_BARS);
    const PciDevice *pci = bus ? bus->devices[PCI_DEVFN(slot, 0)] : NULL;
    if (pci && pci->bars[bar].size) {
        access_one(wild, bar_base(slot, bar), pci->bars[bar].size);
    }
}

/* @count accesses from @seed on; returns a number made of what was read. */
static uint64_t run_wild(Machine *machine, uint32_t seed, unsigned count)
{
    Wild wild = {machine, g_rand_new_with_seed(seed), 0};
    machine_lock(machine);
    for (unsigned i = 0; i < count; i++) {
        unsigned block = g_rand_int_range(wild.rand, 0, ARRAY_SIZE(blocks));
        access_one(&wild, blocks[block].base, blocks[block].size);
        access_one(&wild, VIRTIO_MMIO_BASE + 0x1000 * (i % 8), 0x200);
        access_pci(&wild);
        if (i % 16 == 0) {
            machine_mmio_write(machine,
                               RAM_BASE + 4096 * (g_rand_int(wild.rand) % (RAM_SIZE / 4096)),
                               g_rand_int(wild.rand), 4);
            clock_step(machine->clock, g_rand_int_range(wild.rand, 0, 1000000));
            g_main_context_iteration(machine->context, false);
        }
    }
    machine_unlock(machine);
    g_rand_free(wild.rand);
    return wild.sum;
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

static void round_trip(const MachineClass *cls, const Paths *paths, const char *text, uint32_t seed)
{
    GError *error = NULL;
    Machine *a = make_machine(cls, paths->disk, text), *b = make_machine(cls, paths->disk, text);
    map_bars(a);
    map_bars(b);
    run_wild(a, seed, 400);
    run_wild(b, seed + 1, 300);
    machine_lock(a);
    snapshot_save(a, paths->snapshot, NULL, &error);
    g_assert_no_error(error);
    machine_unlock(a);
    machine_lock(b);
    snapshot_load(b, paths->snapshot, false, NULL, &error);
    g_assert_no_error(error);
    machine_unlock(b);
    check_same_states(a, b);
    check_same_memory(a, b);
    /* From here on both do the same; they stand still, as after -S. */
    start(a);
    start(b);
    g_assert_cmphex(run_wild(a, seed + 2, 200), ==, run_wild(b, seed + 2, 200));
    check_same_states(a, b);
    machine_free(a);
    machine_free(b);
}

static void test_boards(Paths *paths, gconstpointer data)
{
    for (unsigned seed = 0; seed < 10; seed++) {
        round_trip(&riscv_virt_machine, paths, NULL, seed * 100);
    }
}

static void test_devices(Paths *paths, gconstpointer data)
{
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        g_test_message("%s", text);
        for (unsigned n = 0; n < 2; n++) {
            round_trip(class_for(type), paths, text, i * 1000 + n * 10);
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

static void check_tables(const MachineClass *cls, const Paths *paths, const char *text)
{
    Machine *a = make_machine(cls, paths->disk, text), *b = make_machine(cls, paths->disk, text);
    map_bars(a);
    run_wild(a, 7, 400);
    machine_lock(b);
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
    machine_free(a);
    machine_free(b);
}

static void test_poison(Paths *paths, gconstpointer data)
{
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        check_tables(class_for(type), paths, text);
        g_free(text);
    }
    check_tables(&riscv_spike_machine, paths, NULL);
}

/* Whoever has registers, memory or queues has state, and a table of it. */
static void test_all_have_tables(Paths *paths, gconstpointer data)
{
    static const char *const without[] = {"block-back-ends", "net-back-ends",
                                          "gpex-pcihost",    "isa-debugcon",
                                          "isa-debug-exit",  "pvpanic",
                                          "pc-interrupts",   NULL};
    const char *type;
    for (unsigned i = 0; (type = hw_device_nth(i)) != NULL; i++) {
        char *text = device_text(type);
        Machine *machine = make_machine(class_for(type), paths->disk, text);
        for (unsigned n = 0; n < machine->devices->len; n++) {
            const Device *dev = machine->devices->pdata[n];
            if (!dev->ops->vmstate && !g_strv_contains(without, dev->ops->name)) {
                g_error("device '%s' has no table of its state", dev->ops->name);
            }
        }
        machine_free(machine);
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
