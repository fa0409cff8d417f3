/*
 * Fuzzer of snapshots: the input says how a sound file is altered, which then is loaded into a board with devices.
 * A file that is refused leaves the machine as it was. After one that is not, it saves and loads what it saved, and then
 * the devices are used: what they took from the file may trip them up only then.
 *
 * Input: a byte of flags, a byte with the number of changes in its low 4 bits, the changes, and a program (bench.h) for
 * what a file made of the devices. Flags, bit 0: checksums are made to fit afterwards, so that what is behind them is
 * reached. Bit 1: no sound file; the rest of the input is the file. Bits 2 and 3: the board. Bit 4: which sound file.
 * Bits 5 and 6: both set, and it is seen whether the machine loads what it saves, which takes more time than all else.
 *
 * Bit 7: changes are of fields of state tables, of which all are as likely, however large the arrays are: 2 bytes for the
 * field, 2 for the element if it is in arrays, one for the kind (low 3 bits) and a number; and the value, if that is its
 * own. Otherwise a change is 3 bytes for the place, counted from the end, where the states of devices are; one for the
 * kind (low 2 bits) and length; and bytes.
 *
 * Nothing of a machine is copied that need not be: of memory only the pages that have something in them, and what the
 * machine was before an input is known from the end of the last one.
 *
 * libFuzzer: -detect_leaks=0 -max_len=1000
 * (a board's machine serves all inputs)
 */
#include "hw/pci/pci.h"
#include "softmmu/base/bits.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/bench.h"
#include "tests/fuzz/snapshot-forge.h"
#include <linux/virtio_mmio.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VIRTIO_BAR 4 /* of a virtio function: its registers */
#define QUEUE_SIZE 8
#define BUFFER_SIZE 512
/* Flags: */
#define ROUND_TRIP 0x60
#define OF_FIELDS 0x80

/* The sound files: of devices whose drivers are at work; and of such that have random values in all registers. */
enum { DRIVEN, SCRIBBLED, SOUND_FILES };

typedef struct Board {
    unsigned virtio; /* devices */
    Bench *bench;
    GByteArray *sound[SOUND_FILES];
    GArray *fields;     /* of ForgedField; where they are is counted from the end of a sound file */
    GPtrArray *states;  /* of the machine as the last input left it; NULL: none did */
    GByteArray *memory; /* likewise: see put_memory() */
} Board;

/* Each for all inputs: one is loaded into what the last left. */
static Board boards[BENCH_BOARDS] = {
    [BENCH_VIRT] = {.virtio = 11},
    [BENCH_Q35] = {.virtio = 2},
    [BENCH_MICROVM] = {.virtio = 2},
};
static Machine *machine; /* the input's board's */
static unsigned loaded;

/* ---- What drivers do ---- */

static bool has_queue(const Driver *d, unsigned n)
{
    uint64_t select = d->pci ? VIRTIO_PCI_COMMON_Q_SELECT : VIRTIO_MMIO_QUEUE_SEL;
    uint64_t size = d->pci ? VIRTIO_PCI_COMMON_Q_SIZE : VIRTIO_MMIO_QUEUE_NUM_MAX;
    machine_mmio_write(machine, d->regs + select, n, d->pci ? 2 : 4);
    return machine_mmio_read(machine, d->regs + size, d->pci ? 2 : 4) != 0;
}

/* A driver of all that the device at @regs has, with a request in each of its queues; false if it does not want one. */
static bool drive(uint64_t *heap, uint64_t ram, uint64_t regs, bool pci)
{
    Driver d;
    driver_init(&d, machine, regs);
    d.pci = pci;
    d.heap = *heap;
    d.dma_offset = ram - TEST_RAM_BASE;
    if (!driver_negotiate(&d, driver_host_features(&d))) {
        return false;
    }
    for (unsigned i = 0; i < DRIVER_QUEUES; i++) {
        if (has_queue(&d, i)) {
            driver_setup_queue(&d, i, QUEUE_SIZE);
        }
    }
    driver_start(&d);
    for (unsigned i = 0; i < DRIVER_QUEUES; i++) {
        uint64_t buffers = driver_alloc(&d, 2 * BUFFER_SIZE, BUFFER_SIZE);
        const DriverBuf bufs[] = {{buffers, 16}, {buffers + BUFFER_SIZE, BUFFER_SIZE}};
        if (d.queues[i].num) {
            driver_add(&d, i, bufs, 1, 1, DRIVER_DIRECT);
            driver_kick(&d, i);
        }
    }
    *heap = d.heap;
    return true;
}

/* Every virtio device of the board, as its driver leaves it that has work under way; returns how many there are. */
static unsigned drive_all(Bench *bench)
{
    uint64_t heap = TEST_RAM_BASE + 0x1000, ram = bench_ram(bench);
    const MemoryMap *map = machine->memory;
    unsigned count = 0;
    for (unsigned i = 0; i < map->regions->len; i++) {
        const MemoryRegion *region = map->regions->pdata[i];
        if (region->dev && !strcmp(region->dev->ops->name, "virtio-mmio") &&
            rd32(machine, region->base + VIRTIO_MMIO_DEVICE_ID)) {
            count += drive(&heap, ram, region->base, false);
        }
    }
    PciBus *bus = pci_find_bus(machine, NULL);
    for (unsigned devfn = 0; bus && devfn < PCI_DEVFNS; devfn++) {
        const PciDevice *pci = bus->devices[devfn];
        if (pci && g_str_has_prefix(pci->dev.ops->name, "virtio-")) {
            count += drive(&heap, ram, pci->bars[VIRTIO_BAR].region->base, true);
        }
    }
    return count;
}

/* ---- What a machine is ---- */

/* Appends the pages of memory that have something in them, each behind the number of its block and where in it it is. */
static void put_memory(GByteArray *out)
{
    static const uint8_t zeros[RAM_PAGE_SIZE];
    const GPtrArray *blocks = machine->memory->blocks;
    for (uint64_t n = 0; n < blocks->len; n++) {
        const RamBlock *block = blocks->pdata[n];
        for (uint64_t at = ram_block_next_data(block, 0); at < block->size;
             at = ram_block_next_data(block, at + RAM_PAGE_SIZE)) {
            if (memcmp(block->host + at, zeros, RAM_PAGE_SIZE) != 0) {
                g_byte_array_append(out, (const uint8_t *)&n, sizeof(n));
                g_byte_array_append(out, (const uint8_t *)&at, sizeof(at));
                g_byte_array_append(out, block->host + at, RAM_PAGE_SIZE);
            }
        }
    }
}

static void forget(Board *board)
{
    g_clear_pointer(&board->states, g_ptr_array_unref);
}

static void note(Board *board)
{
    forget(board);
    board->states = snapshot_states_save(machine);
    g_byte_array_set_size(board->memory, 0);
    put_memory(board->memory);
}

/* What the machine has that is not as it was noted; NULL: nothing. */
static const char *changed(const Board *board, const GPtrArray *states)
{
    static GByteArray *memory;
    for (unsigned i = 0; i < states->len; i++) {
        const SavedState *now = states->pdata[i], *before = board->states->pdata[i];
        if (now->len != before->len || memcmp(now->data, before->data, now->len) != 0) {
            return now->name;
        }
    }
    memory = memory ? memory : g_byte_array_new();
    g_byte_array_set_size(memory, 0);
    put_memory(memory);
    bool same = memory->len == board->memory->len &&
                memcmp(memory->data, board->memory->data, memory->len) == 0;
    return same ? NULL : "memory";
}

static void check_unchanged(const Board *board)
{
    GPtrArray *states = snapshot_states_save(machine);
    g_assert_cmpstr(changed(board, states), ==, NULL);
    g_ptr_array_unref(states);
}

/* ---- Files ---- */

/* A file with @data; its name is good until @fd is closed. */
static int make_file(const uint8_t *data, size_t size, char *name, size_t name_size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, size);
    g_snprintf(name, name_size, "/proc/self/fd/%d", fd);
    return fd;
}

static bool load_bytes(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    char name[64];
    int fd = make_file(data, size, name, sizeof(name));
    bool ok = snapshot_load(machine, name, false, NULL, &error);
    g_assert_true(ok == (error == NULL));
    g_assert_true(ok || !strchr(error->message, '\n'));
    g_assert_cmpint(machine->state, ==, RUN_STATE_PAUSED);
    g_clear_error(&error);
    close(fd);
    return ok;
}

static bool memory_write(void *opaque, const void *buf, size_t len, GError **error)
{
    g_byte_array_append(opaque, buf, len);
    return true;
}

/* The machine's own snapshot, with the states that were noted. */
static GByteArray *save_bytes(const Board *board)
{
    GByteArray *out = g_byte_array_new(), *config = g_byte_array_new();
    StateStream stream = {.write = memory_write, .opaque = out};
    snapshot_config_write(machine, config);
    g_assert_true(stream_write_header(&stream, NULL));
    g_assert_true(stream_write_section(&stream, SECTION_CONFIG, config->data, config->len,
                                       snapshot_crc(config->data, config->len), NULL));
    g_assert_true(snapshot_ram_save(machine, &stream, NULL, NULL));
    for (unsigned i = 0; i < board->states->len; i++) {
        const SavedState *state = board->states->pdata[i];
        size_t len = state->data + state->len - state->payload;
        g_assert_true(stream_write_section(&stream, SECTION_STATE, state->payload, len,
                                           snapshot_crc(state->payload, len), NULL));
    }
    g_assert_true(stream_write_end(&stream, NULL));
    g_byte_array_unref(config);
    return out;
}

/* What the machine has become, it can be again. */
static void check_loaded(Board *board)
{
    note(board);
    GByteArray *file = save_bytes(board);
    g_assert_true(load_bytes(file->data, file->len));
    check_unchanged(board);
    g_byte_array_unref(file);
}

/* ---- Boards ---- */

static void stop(void)
{
    machine_stop(machine, RUN_STATE_PAUSED);
    machine->reset_requested = machine->shutdown_requested = machine->quit_requested = false;
}

static void make_sound(Board *board, unsigned which, GRand *rand)
{
    if (which == DRIVEN) {
        g_assert_cmpuint(drive_all(board->bench), ==, board->virtio);
    } else {
        bench_scribble(board->bench, rand);
    }
    stop();
    note(board);
    board->sound[which] = save_bytes(board);
    forget(board);
}

/* The table of the state that a file calls @name; NULL: not listed. */
static const VmDesc *find_table(const char *name)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        const Device *dev = machine->devices->pdata[i];
        if (g_str_has_prefix(name, "device:") && !strcmp(name + strlen("device:"), dev->id)) {
            return dev->ops->vmstate;
        }
    }
    return g_str_has_prefix(name, "cpu:") ? machine->cpus[0]->arch->vmstate : NULL;
}

static GArray *list_fields(const GByteArray *file)
{
    GArray *fields = g_array_new(false, false, sizeof(ForgedField));
    const ForgedHeader *section;
    for (unsigned n = 0;
         (section = snapshot_find_section(file->data, file->len, SECTION_STATE, n)) != NULL; n++) {
        const char *payload = (const char *)(section + 1);
        size_t end = (const uint8_t *)payload + section->length - file->data;
        char *name = g_strndup(payload + 2, (uint8_t)payload[0]);
        const VmDesc *desc = find_table(name);
        if (desc) { /* of CPUs there is something before */
            snapshot_list_fields(desc, end - snapshot_list_fields(desc, 0, NULL), fields);
        }
        g_free(name);
    }
    for (unsigned i = 0; i < fields->len; i++) {
        ForgedField *field = &g_array_index(fields, ForgedField, i);
        field->at = file->len - field->at;
    }
    return fields;
}

static void make_board(Board *board, BenchKind kind)
{
    GRand *rand = g_rand_new_with_seed(kind);
    snapshot_ram_set_threads(1); /* more have hardly any work, but are made for each file */
    board->bench = bench_new(kind);
    board->memory = g_byte_array_new();
    machine = board->bench->machine;
    machine_lock(machine);
    for (unsigned which = 0; which < SOUND_FILES; which++) {
        make_sound(board, which, rand);
    }
    for (unsigned which = 0; which < SOUND_FILES; which++) {
        g_assert_true(load_bytes(board->sound[which]->data, board->sound[which]->len));
    }
    board->fields = list_fields(board->sound[DRIVEN]);
    machine_unlock(machine);
    g_rand_free(rand);
}

/* With its machine in `machine`, and that locked. */
static Board *take_board(unsigned flags)
{
    BenchKind kind = (flags >> 2 & 3) % BENCH_BOARDS;
    Board *board = &boards[kind];
    if (!board->bench) {
        make_board(board, kind);
    }
    machine = board->bench->machine;
    machine_lock(machine);
    if (!board->states) {
        note(board);
    }
    return board;
}

/* The guest goes on with what a file made of its devices. */
static void go_on(Board *board, FuzzInput *in)
{
    forget(board);
    machine_start(machine);
    clock_step(machine->clock, 1000);
    board->bench->drawings = 0;
    bench_run(board->bench, in);
    stop();
}

/* ---- Inputs ---- */

typedef enum ChangeKind { CHANGE_SET, CHANGE_FLIP, CHANGE_INSERT, CHANGE_REMOVE } ChangeKind;

static void change(GByteArray *file, FuzzInput *in)
{
    size_t at = fuzz_take(in, 3) % (file->len + 1), how = fuzz_take(in, 1), n = how >> 2;
    at = file->len - at;
    n = MIN(n + 1, file->len - at);
    switch ((ChangeKind)(how & 3)) {
    case CHANGE_INSERT: {
        g_byte_array_set_size(file, file->len + n);
        memmove(file->data + at + n, file->data + at, file->len - n - at);
        break;
    }
    case CHANGE_REMOVE: g_byte_array_remove_range(file, at, n); return;
    case CHANGE_FLIP:
        if (n) {
            file->data[at] ^= 1u << (n & 7);
        }
        return;
    case CHANGE_SET: break;
    }
    for (size_t i = 0; i < n; i++) {
        file->data[at + i] = fuzz_take(in, 1);
    }
}

static void change_field(const Board *board, GByteArray *file, FuzzInput *in)
{
    const ForgedField *field =
        &g_array_index(board->fields, ForgedField, fuzz_take(in, 2) % board->fields->len);
    size_t at = file->len - field->at, which = field->in[0].count ? fuzz_take(in, 2) : 0;
    for (unsigned i = 0; i < FORGE_DIMENSIONS && field->in[i].count; i++) {
        at += which % field->in[i].count * field->in[i].stride;
        which /= field->in[i].count;
    }
    unsigned how = fuzz_take(in, 1), number = how >> 3;
    uint64_t value = 0;
    memcpy(&value, file->data + at, field->size);
    switch (how & 7) {
    case 0: value = fuzz_take(in, field->size); break;
    case 1: value = 0; break;
    case 2: value = UINT64_MAX; break;
    case 3: value = UINT64_C(1) << number; break;
    case 4: value += 1 + number; break;
    case 5: value -= 1 + number; break;
    case 6: value ^= UINT64_C(1) << number; break;
    case 7: value = number; break;
    }
    value = field->flag ? value & 1 : value;
    memcpy(file->data + at, &value, field->size);
}

static GByteArray *make_altered(const Board *board, unsigned flags, FuzzInput *in)
{
    GByteArray *file = g_byte_array_new();
    if (flags & 2) {
        g_byte_array_append(file, in->data, in->left);
        in->left = 0;
    } else {
        const GByteArray *sound = board->sound[flags >> 4 & 1];
        g_byte_array_append(file, sound->data, sound->len);
        for (unsigned n = fuzz_take(in, 1) & 15; n > 0 && in->left; n--) {
            if (flags & OF_FIELDS) {
                change_field(board, file, in);
            } else {
                change(file, in);
            }
        }
    }
    if (flags & 1) {
        snapshot_forge(file->data, file->len);
    }
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    unsigned flags = fuzz_take(&in, 1);
    Board *board = take_board(flags);
    GByteArray *file = make_altered(board, flags, &in);
    if (load_bytes(file->data, file->len)) {
        loaded++;
        if ((flags & ROUND_TRIP) == ROUND_TRIP) {
            check_loaded(board);
        }
        go_on(board, &in);
    } else {
        check_unchanged(board);
    }
    machine_unlock(machine);
    g_byte_array_unref(file);
    return 0;
}

static void make_changes(GRand *rand, GByteArray *input, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        uint32_t back = g_rand_int(rand) >> g_rand_int_range(rand, 15, 27);
        uint8_t how = g_rand_int_range(rand, 0, 8) ? g_rand_int(rand) & 0x1d : g_rand_int(rand);
        g_byte_array_append(input, (const uint8_t *)&back, 3);
        g_byte_array_append(input, &how, 1);
        fuzz_random_bytes(rand, input, how & 2 ? 0 : 1 + (how >> 2));
    }
}

static void make_input(GRand *rand, GByteArray *input)
{
    static unsigned made;
    unsigned changes = g_rand_int_range(rand, 1, 6);
    g_assert_true(made++ < 100 || loaded > 5); /* or it does not come far */
    g_byte_array_append(input, (const uint8_t[]){g_rand_int(rand) & 0x7c, changes}, 2);
    input->data[0] |= made % 8 ? 1 : made % 16 ? 0 : 3;
    if (made % 4) {
        input->data[0] |= OF_FIELDS;
        for (unsigned n = 0; n < changes; n++) {
            uint64_t bytes = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
            g_byte_array_append(input, (const uint8_t *)&bytes, 5);
        }
    } else {
        make_changes(rand, input, changes);
    }
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 0, 200));
}

FUZZ_MAIN(300, make_input)
