/*
 * Fuzzer of snapshots: the input is a file that is loaded into a board with devices; if its first byte is odd,
 * checksums are made to fit first, so that what is behind them is reached. The first byte itself is not part of
 * the file. A file that is refused leaves the machine as it was; after one that is not, it saves and
 * loads what it saved.
 *
 * libFuzzer: -detect_leaks=0 -len_control=0 -max_len=40000
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

static void be_ready(void)
{
    if (!machine) {
        machine = make_machine();
        machine_stop(machine, RUN_STATE_PAUSED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    be_ready();
    GByteArray *before = whole_machine();
    uint8_t *copy = g_memdup2(data + 1, size - 1);
    if (data[0] & 1) {
        snapshot_forge(copy, size - 1);
    }
    if (load_bytes(copy, size - 1)) {
        loaded++;
        check_loaded();
    } else {
        check_refused(before);
    }
    g_free(copy);
    g_byte_array_unref(before);
    return 0;
}

/* Some bytes of a good snapshot are others, mostly in the states of devices: they are at its end. */
static void alter(GByteArray *file, GRand *rand)
{
    for (int n = g_rand_int_range(rand, 1, 6); n > 0; n--) {
        unsigned back =
            g_rand_int_range(rand, 1, MIN(file->len, 1u << g_rand_int_range(rand, 6, 17)));
        uint8_t *at = &file->data[g_rand_boolean(rand) ? file->len - back : back];
        *at = g_rand_boolean(rand) ? *at ^ 1u << g_rand_int_range(rand, 0, 8) : g_rand_int(rand);
    }
}

static void make_input(GRand *rand, GByteArray *input)
{
    static GByteArray *good;
    static unsigned made;
    if (!good) {
        be_ready();
        memset(machine->ram->host, 0x5a, 20000);
        good = save_bytes();
        g_assert_true(load_bytes(good->data, good->len));
    }
    g_assert_true(made++ < 100 || loaded > 5); /* or it does not come far */
    g_byte_array_append(input, (const uint8_t[]){made % 8 ? 1 : 0}, 1);
    g_byte_array_append(input, good->data, good->len);
    alter(input, rand);
}

FUZZ_MAIN(300, make_input)
