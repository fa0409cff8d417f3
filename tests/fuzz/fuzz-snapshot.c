/*
 * Fuzzer of snapshots: the input says how a sound file is altered, which then is loaded into a board with devices.
 * A file that is refused leaves the machine as it was; after one that is not, it saves and loads what it saved.
 *
 * Input: a byte of flags, then changes. Bit 0: checksums are made to fit afterwards, so that what is behind them is
 * reached. Bit 1: no sound file; the rest of the input is the file. A change is 3 bytes for the place, counted from
 * the end, where the states of devices are; one for the kind (low 2 bits) and length; and bytes.
 *
 * libFuzzer: -detect_leaks=0 -max_len=1000
 * (one machine serves all inputs)
 */
#include "hw/riscv/boards.h"
#include "softmmu/base/bits.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/snapshot-forge.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static Machine *machine; /* one for all inputs: each is loaded into what the last one left */
static unsigned loaded;

static Machine *make_machine(void)
{
    static const char *const devices[] = {
        "virtio-rng-device,max-bytes=64,period=10",
        "virtio-net-device",
        "virtio-serial-pci",
        "virtio-rng-pci",
        "riscv-iommu-pci",
    };
    GError *error = NULL;
    MachineConfig config = {.bios = "none", .ram_size = 2 * MIB, .cpus = 2, .cpu_model = "max"};
    Machine *made = machine_new(&riscv_virt_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(made);
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        create_device(made, devices[i]);
    }
    machine_reset(made);
    return made;
}

static void put_states(GPtrArray *states, GByteArray *out)
{
    for (unsigned i = 0; i < states->len; i++) {
        const SavedState *state = states->pdata[i];
        g_byte_array_append(out, state->data, state->len);
    }
    g_ptr_array_unref(states);
}

/* States and memory in one. */
static GByteArray *whole_machine(void)
{
    GByteArray *out = g_byte_array_new();
    put_states(snapshot_states_save(machine), out);
    g_byte_array_append(out, machine->ram->host, machine->ram->size);
    return out;
}

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

/* The machine's own snapshot. */
static GByteArray *save_bytes(void)
{
    GByteArray *out = g_byte_array_new(), *config = g_byte_array_new();
    StateStream stream = {.write = memory_write, .opaque = out};
    GPtrArray *states = snapshot_states_save(machine);
    snapshot_config_write(machine, config);
    g_assert_true(stream_write_header(&stream, NULL));
    g_assert_true(stream_write_section(&stream, SECTION_CONFIG, config->data, config->len,
                                       snapshot_crc(config->data, config->len), NULL));
    g_assert_true(snapshot_ram_save(machine, &stream, NULL, NULL));
    for (unsigned i = 0; i < states->len; i++) {
        const SavedState *state = states->pdata[i];
        size_t len = state->data + state->len - state->payload;
        g_assert_true(stream_write_section(&stream, SECTION_STATE, state->payload, len,
                                           snapshot_crc(state->payload, len), NULL));
    }
    g_assert_true(stream_write_end(&stream, NULL));
    g_ptr_array_unref(states);
    g_byte_array_unref(config);
    return out;
}

static void check_refused(const GByteArray *before)
{
    GByteArray *after = whole_machine();
    g_assert_cmpmem(before->data, before->len, after->data, after->len);
    g_byte_array_unref(after);
}

/* What the machine has become, it can be again. */
static void check_loaded(void)
{
    GByteArray *file = save_bytes(), *before = whole_machine();
    g_assert_true(load_bytes(file->data, file->len));
    check_refused(before);
    g_byte_array_unref(file);
    g_byte_array_unref(before);
}

/* The sound file. */
static const GByteArray *sound_file(void)
{
    static GByteArray *file;
    if (!file) {
        machine = make_machine();
        machine_stop(machine, RUN_STATE_PAUSED);
        memset(machine->ram->host, 0x5a, 20000);
        file = save_bytes();
        g_assert_true(load_bytes(file->data, file->len));
    }
    return file;
}

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

static GByteArray *make_altered(const uint8_t *data, size_t size)
{
    const GByteArray *sound = sound_file();
    FuzzInput in = {data, size};
    unsigned flags = fuzz_take(&in, 1);
    GByteArray *file = g_byte_array_new();
    if (flags & 2) {
        g_byte_array_append(file, in.data, in.left);
    } else {
        g_byte_array_append(file, sound->data, sound->len);
        while (in.left) {
            change(file, &in);
        }
    }
    if (flags & 1) {
        snapshot_forge(file->data, file->len);
    }
    return file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GByteArray *file = make_altered(data, size), *before = whole_machine();
    if (load_bytes(file->data, file->len)) {
        loaded++;
        check_loaded();
    } else {
        check_refused(before);
    }
    g_byte_array_unref(file);
    g_byte_array_unref(before);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    static unsigned made;
    g_assert_true(made++ < 100 || loaded > 5); /* or it does not come far */
    fuzz_random_bytes(rand, input, 1);
    input->data[0] = made % 8 ? 1 : made % 16 ? 0 : 3;
    for (int n = g_rand_int_range(rand, 1, 6); n > 0; n--) {
        uint32_t back = g_rand_int(rand) >> g_rand_int_range(rand, 15, 27);
        uint8_t how = g_rand_int_range(rand, 0, 8) ? g_rand_int(rand) & 0x1d : g_rand_int(rand);
        g_byte_array_append(input, (const uint8_t *)&back, 3);
        g_byte_array_append(input, &how, 1);
        fuzz_random_bytes(rand, input, 1 + (how >> 2));
    }
}

FUZZ_MAIN(300, make_input)
