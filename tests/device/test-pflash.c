/*
 * The NOR flash banks, with and without a file behind them.
 */
#include "hw/block/pflash-cfi01.h"
#include "tests/device/harness.h"
#include <glib/gstdio.h>

#define BASE 0x20000000
#define OTHER_BASE 0x22000000
#define SIZE (1 * MIB)
#define BLOCK 0x40000

typedef struct Fixture {
    Machine *machine;
    Device *flash;
    char *file; /* NULL: none */
} Fixture;

/* A bank in @machine; @drive: options of the drive behind it, NULL: none. */
static bool make(Machine *machine, const PflashChips *chips, const char *drive, GError **error)
{
    bool backed;
    if (drive) {
        machine->config.drives = g_ptr_array_new();
        g_ptr_array_add(machine->config.drives, options_parse("-drive", drive, NULL, error));
    }
    PflashConfig config = {.chips = chips, .base = BASE, .size = SIZE};
    if (!pflash_cfi01_new(machine, &config, &backed, error)) {
        return false;
    }
    g_assert_cmpint(backed, ==, drive != NULL);
    machine_reset(machine);
    return true;
}

static void setup_chips(Fixture *f, const PflashChips *chips, bool with_file)
{
    GError *error = NULL;
    char *drive = NULL;
    if (with_file) {
        char *contents = g_malloc(SIZE);
        memset(contents, 0xff, SIZE);
        memcpy(contents, "firmware", 8);
        int fd = g_file_open_tmp("amphi-flash-XXXXXX", &f->file, &error);
        g_assert_no_error(error);
        g_assert_true(g_close(fd, NULL));
        g_file_set_contents(f->file, contents, SIZE, &error);
        g_assert_no_error(error);
        g_free(contents);
        drive = g_strdup_printf("if=pflash,format=raw,unit=0,file=%s", f->file);
    }
    f->machine = harness_new();
    make(f->machine, chips, drive, &error);
    g_assert_no_error(error);
    f->flash = f->machine->devices->pdata[f->machine->devices->len - 1];
    g_free(drive);
}

static void setup(Fixture *f, gconstpointer with_file)
{
    setup_chips(f, &pflash_two_x16, with_file != NULL);
}

static void setup_pc(Fixture *f, gconstpointer with_file)
{
    setup_chips(f, &pflash_one_x8, with_file != NULL);
}

static void close_machine(Fixture *f)
{
    g_clear_pointer(&f->machine, harness_free);
}

static void teardown(Fixture *f, gconstpointer data)
{
    close_machine(f);
    if (f->file) {
        g_unlink(f->file);
        g_free(f->file);
    }
}

static void cmd(Fixture *f, uint64_t offset, uint8_t command)
{
    wr32(f->machine, BASE + offset, command | (uint32_t)command << 16);
}

static void erase(Fixture *f, uint64_t offset)
{
    cmd(f, offset, 0x20);
    cmd(f, offset, 0xd0);
    g_assert_cmphex(rd32(f->machine, BASE + offset), ==, 0x00800080);
    cmd(f, offset, 0xff);
}

static void program(Fixture *f, uint64_t offset, uint32_t value)
{
    cmd(f, offset, 0x40);
    wr32(f->machine, BASE + offset, value);
    cmd(f, offset, 0xff);
}

static void test_query(Fixture *f, gconstpointer data)
{
    cmd(f, 0x55 * 4, 0x98);
    char qry[4] = {0};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t word = rd32(f->machine, BASE + 4 * (0x10 + i));
        g_assert_cmphex(word >> 16, ==, word & 0xffff);
        qry[i] = word;
    }
    g_assert_cmpstr(qry, ==, "QRY");
    unsigned size_log2 = rd32(f->machine, BASE + 4 * 0x27) & 0xff;
    g_assert_cmpuint(2u << size_log2, ==, SIZE); /* two chips */
    unsigned blocks = (rd32(f->machine, BASE + 4 * 0x2d) & 0xff) + 1;
    unsigned block = (rd32(f->machine, BASE + 4 * 0x2f) & 0xff) * 256 +
                     (rd32(f->machine, BASE + 4 * 0x30) & 0xff) * 65536;
    g_assert_cmpuint(2 * block, ==, BLOCK);
    g_assert_cmpuint(blocks * 2 * block, ==, SIZE);
    cmd(f, 0, 0x90);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00890089);
    g_assert_cmphex(rd32(f->machine, BASE + 4), ==, 0x00180018);
    cmd(f, 0, 0xff);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0);
}

static void test_program(Fixture *f, gconstpointer data)
{
    erase(f, BLOCK + 8);
    g_assert_cmphex(rd32(f->machine, BASE + BLOCK), ==, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 2 * BLOCK - 4), ==, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 2 * BLOCK), ==, 0);
    program(f, BLOCK + 16, 0x12345678);
    g_assert_cmphex(rd32(f->machine, BASE + BLOCK + 16), ==, 0x12345678);
    program(f, BLOCK + 16, 0xffff0000); /* bits only go from 1 to 0 */
    g_assert_cmphex(rd32(f->machine, BASE + BLOCK + 16), ==, 0x12340000);
    cmd(f, 0, 0x70);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00800080);
    cmd(f, 0, 0x20); /* not confirmed */
    cmd(f, 0, 0x12);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00b000b0);
    cmd(f, 0, 0x50);
    cmd(f, 0, 0x70);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00800080);
}

static void test_buffer(Fixture *f, gconstpointer data)
{
    erase(f, 0);
    cmd(f, 0x100, 0xe8);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00800080);
    wr32(f->machine, BASE + 0x100, 0x00030003); /* four words of each chip */
    for (unsigned i = 0; i < 4; i++) {
        wr32(f->machine, BASE + 0x100 + 4 * i, 0x01010101 * (i + 1));
    }
    cmd(f, 0x100, 0xd0);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00800080);
    cmd(f, 0, 0xff);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(rd32(f->machine, BASE + 0x100 + 4 * i), ==, 0x01010101 * (i + 1));
    }
    g_assert_cmphex(rd32(f->machine, BASE + 0x110), ==, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE + 0xfc), ==, 0xffffffff);
    /* Too many words; words outside of one buffer. */
    cmd(f, 0, 0xe8);
    wr32(f->machine, BASE, 0xffffffff);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00900090);
    cmd(f, 0, 0x50);
    cmd(f, 0, 0xe8);
    wr32(f->machine, BASE, 0x00010001);
    wr32(f->machine, BASE, 0);
    wr32(f->machine, BASE + BLOCK, 0);
    cmd(f, 0, 0xd0);
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x00900090);
}

static void test_file(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    char *contents;
    size_t len;
    g_assert_cmphex(rd32(f->machine, BASE), ==, 0x6d726966); /* "firm" */
    erase(f, BLOCK);
    program(f, BLOCK + 4, 0x11223344);
    program(f, SIZE - 4, 0x55667788);
    close_machine(f);
    g_assert_true(g_file_get_contents(f->file, &contents, &len, &error));
    g_assert_cmpuint(len, ==, SIZE);
    g_assert_cmpmem(contents, 8, "firmware", 8);
    g_assert_cmpmem(contents + BLOCK + 4, 4, "\x44\x33\x22\x11", 4);
    g_assert_cmpmem(contents + SIZE - 4, 4, "\x88\x77\x66\x55", 4);
    g_free(contents);
}

static void test_wrong_size(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    close_machine(f);
    g_assert_true(g_file_set_contents(f->file, "short", -1, NULL));
    f->machine = harness_new();
    char *drive = g_strdup_printf("if=pflash,format=raw,unit=0,file=%s", f->file);
    g_assert_false(make(f->machine, &pflash_two_x16, drive, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "truncate"));
    g_error_free(error);
    g_free(drive);
}

static void test_state(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    bool backed;
    PflashConfig config = {.chips = &pflash_two_x16, .base = OTHER_BASE, .size = SIZE, .unit = 1};
    g_assert_nonnull(pflash_cfi01_new(f->machine, &config, &backed, &error));
    Device *copy = f->machine->devices->pdata[f->machine->devices->len - 1];
    wild_accesses(f->machine, OTHER_BASE, SIZE, 1000, 1);
    cmd(f, 0, 0xe8);
    wr32(f->machine, BASE, 0x00010001);
    wr32(f->machine, BASE + 8, 0xabcdef01);
    check_round_trip(f->flash, copy);
    g_assert_cmphex(rd32(f->machine, OTHER_BASE), ==, rd32(f->machine, BASE));
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, BASE, SIZE, 20000, 42);
    GRand *rand = g_rand_new_with_seed(43);
    static const uint8_t commands[] = {0xff, 0x90, 0x98, 0x70, 0x50, 0x40, 0x10,
                                       0xe8, 0x20, 0xd0, 0x60, 0x01, 0xb0, 3};
    for (unsigned i = 0; i < 20000; i++) {
        unsigned size = 1u << g_rand_int_range(rand, 0, 4);
        uint64_t offset = g_rand_int(rand) % SIZE & ~7u;
        uint64_t value = commands[g_rand_int(rand) % G_N_ELEMENTS(commands)];
        machine_mmio_write(f->machine, BASE + offset, value, size);
        machine_mmio_read(f->machine, BASE + offset, size);
    }
    g_rand_free(rand);
}

/* ---- The PC's: one chip of 8 bits ---- */

static void wr8(Fixture *f, uint64_t offset, uint8_t value)
{
    machine_mmio_write(f->machine, BASE + offset, value, 1);
}

static uint8_t rd8(Fixture *f, uint64_t offset)
{
    return machine_mmio_read(f->machine, BASE + offset, 1);
}

/* As OVMF's QemuFlashDetected() tells flash from RAM and ROM. */
static void test_pc_detect(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(rd8(f, 0), ==, 'f');
    wr8(f, 0, 0x50);
    g_assert_cmphex(rd8(f, 0), ==, 'f');
    wr8(f, 0, 0x70);
    g_assert_cmphex(rd8(f, 0), ==, 0);
    wr8(f, 0, 0xff);
    g_assert_cmphex(rd8(f, 0), ==, 'f');
    wr8(f, 0, 0x98);
    g_assert_cmphex(rd8(f, 0x10), ==, 'Q');
    g_assert_cmphex(machine_mmio_read(f->machine, BASE + 0x10, 4), ==, 0x01595251);
    g_assert_cmphex(rd8(f, 0x27), ==, 20); /* 2^20 bytes */
    g_assert_cmphex(rd8(f, 0x2a), ==, 8);
    g_assert_cmphex((rd8(f, 0x2e) << 8 | rd8(f, 0x2d)) + 1, ==, SIZE / 4096);
    g_assert_cmphex((rd8(f, 0x30) << 8 | rd8(f, 0x2f)) * 256, ==, 4096);
    wr8(f, 0, 0xff);
}

/* Blocks of 4 KiB, bytes one by one, and the drive has it all. */
static void test_pc_write(Fixture *f, gconstpointer data)
{
    static const char text[] = "variables";
    char *contents;
    size_t len;
    wr8(f, 0x1234, 0x20);
    wr8(f, 0x1234, 0xd0);
    g_assert_cmphex(rd8(f, 0x1234), ==, 0x80);
    for (unsigned i = 0; i < sizeof(text); i++) {
        wr8(f, 0x1ff0 + i, 0x10);
        wr8(f, 0x1ff0 + i, text[i]);
    }
    g_assert_cmphex(rd8(f, 0), ==, 0x80);
    wr8(f, 0, 0xff);
    g_assert_cmphex(rd8(f, 0), ==, 'f'); /* the block before is as it was */
    wr8(f, 0x3000, 0xe8);
    wr8(f, 0x3000, 1); /* two bytes */
    wr8(f, 0x3001, 0x5a);
    wr8(f, 0x3002, 0xa5);
    wr8(f, 0x3000, 0xd0);
    wr8(f, 0, 0xff);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE + 0x3000, 4), ==, 0xffa55aff);
    close_machine(f);
    g_assert_true(g_file_get_contents(f->file, &contents, &len, NULL));
    g_assert_cmpmem(contents + 0x1ff0, sizeof(text), text, sizeof(text));
    g_assert_cmpmem(contents, 8, "firmware", 8);
    g_free(contents);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    gconstpointer with_file = "file";
#define ADD(name, data) g_test_add("/pflash/" #name, Fixture, data, setup, test_##name, teardown)
    ADD(query, NULL);
    ADD(program, NULL);
    ADD(buffer, NULL);
    ADD(file, with_file);
    ADD(wrong_size, with_file);
    ADD(state, NULL);
    ADD(wild, NULL);
    g_test_add("/pflash/wild-file", Fixture, with_file, setup, test_wild, teardown);
    g_test_add("/pflash/pc/detect", Fixture, with_file, setup_pc, test_pc_detect, teardown);
    g_test_add("/pflash/pc/write", Fixture, with_file, setup_pc, test_pc_write, teardown);
    g_test_add("/pflash/pc/wild", Fixture, with_file, setup_pc, test_wild, teardown);
    return g_test_run();
}
