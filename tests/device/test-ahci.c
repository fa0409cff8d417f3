/*
 * The SATA controller with a disk at port 0 and a CD-ROM at port 2, as a driver uses it on machine q35.
 */
#include "hw/x86/boards.h"
#include "tests/device/ahci-driver.h"
#include "tests/device/harness.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define DISK_SECTORS 256

typedef struct Fixture {
    Machine *machine;
    char *disk, *cd;
} Fixture;

static char *make_file(unsigned sectors, unsigned sector_size)
{
    char *path, *data = g_malloc(sectors * sector_size);
    int fd = g_file_open_tmp("amphi-ahci-XXXXXX", &path, NULL);
    for (unsigned i = 0; i < sectors; i++) {
        memset(data + i * sector_size, i + 1, sector_size);
    }
    g_assert_cmpint(write(fd, data, sectors * sector_size), ==, sectors * sector_size);
    close(fd);
    g_free(data);
    return path;
}

static void add_drive(GPtrArray *drives, const char *path, const char *more)
{
    char *text = g_strdup_printf("file=%s,format=raw,if=ide,%s", path, more);
    g_ptr_array_add(drives, options_parse("-drive", text, "file", NULL));
    g_free(text);
}

static void setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    f->disk = make_file(DISK_SECTORS, 512);
    f->cd = make_file(16, 2048);
    MachineConfig config = {.bios = "none", .ram_size = 64 * MIB, .drives = g_ptr_array_new()};
    add_drive(config.drives, f->disk, "index=0,serial=ABC123");
    add_drive(config.drives, f->cd, "index=2,media=cdrom");
    f->machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(f->machine);
    ahci_driver_start(f->machine);
    ahci_driver_start_port(f->machine, 0);
}

static void teardown(Fixture *f, gconstpointer data)
{
    machine_unlock(f->machine);
    machine_free(f->machine);
    g_unlink(f->disk);
    g_unlink(f->cd);
    g_free(f->disk);
    g_free(f->cd);
}

/* Writes slot @slot's header and table: one region of @len bytes at AHCI_DATA + slot * 64 KiB. */
static uint8_t *build(Fixture *f, unsigned slot, uint8_t command, uint64_t lba, uint16_t count,
                      bool write, uint32_t len)
{
    AhciCommand c = {
        .command = command, .write = write, .lba = lba, .count = count, .regions = len != 0};
    uint8_t *table = ahci_driver_put(f->machine, slot, &c);
    ahci_driver_put_region(table, 0, AHCI_DATA + slot * 0x10000, len);
    return table;
}

static void issue(Fixture *f, unsigned port, uint32_t slots)
{
    wr32(f->machine, AHCI_PORT(port) + AHCI_CI, slots);
    for (unsigned i = 0; i < 1000 &&
                         ((rd32(f->machine, AHCI_PORT(port) + AHCI_CI) |
                           rd32(f->machine, AHCI_PORT(port) + AHCI_SACT)) &
                          slots) &&
                         !(rd32(f->machine, AHCI_PORT(port) + AHCI_TFD) & 1);
         i++) {
        g_main_context_iteration(f->machine->context, i < 500 ? true : false);
    }
}

static uint8_t *data_of(Fixture *f, unsigned slot)
{
    return f->machine->ram->host + AHCI_DATA + slot * 0x10000;
}

static void test_identify(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_SIG), ==, 0x101);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(1) + 0x28), ==, 0);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + 0x28), ==, 0x113);
    build(f, 0, 0xec, 0, 0, false, 512);
    issue(f, 0, 1);
    const uint8_t *d = data_of(f, 0);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_TFD), ==, 0x50);
    g_assert_cmpuint(d[200] | d[201] << 8, ==, DISK_SECTORS);
    g_assert_cmpmem(d + 20, 6, "BA1C32", 6);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_IS) & 2, ==, 2); /* by PIO Setup */
    g_assert_cmphex(rd32(f->machine, AHCI_LIST + 4), ==, 512);
}

static void test_read_write(Fixture *f, gconstpointer data)
{
    build(f, 3, 0x25, 7, 2, false, 1024);
    issue(f, 0, 1 << 3);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_CI), ==, 0);
    g_assert_cmphex(data_of(f, 3)[0], ==, 8);
    g_assert_cmphex(data_of(f, 3)[1023], ==, 9);
    g_assert_cmphex(rd32(f->machine, AHCI_ABAR + 8), ==, 1);
    memset(data_of(f, 0), 0xee, 512);
    build(f, 0, 0x35, 20, 1, true, 512);
    issue(f, 0, 1);
    build(f, 0, 0xea, 0, 0, false, 0);
    issue(f, 0, 1);
    memset(data_of(f, 0), 0, 512);
    build(f, 0, 0xc8, 20, 1, false, 512);
    issue(f, 0, 1);
    g_assert_cmphex(data_of(f, 0)[511], ==, 0xee);
    /* Past the end, and with too little room. */
    build(f, 0, 0x25, DISK_SECTORS - 1, 2, false, 1024);
    issue(f, 0, 1);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_TFD), ==, 0x1051);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_CI), ==, 1);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_IS) & 1u << 30, !=, 0);
    wr32(f->machine, AHCI_PORT(0) + AHCI_CMD, 0x10);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_CI), ==, 0);
    wr32(f->machine, AHCI_PORT(0) + AHCI_CMD, 0x11);
    build(f, 0, 0x25, 0, 2, false, 512);
    issue(f, 0, 1);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_TFD), ==, 0x451);
}

static void test_queued(Fixture *f, gconstpointer data)
{
    for (unsigned tag = 0; tag < 4; tag++) {
        uint8_t *fis = build(f, tag, 0x60, 30 + tag, tag << 3, false, 512);
        fis[3] = 1; /* the count is in the features */
    }
    wr32(f->machine, AHCI_PORT(0) + AHCI_SACT, 15);
    issue(f, 0, 15);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_SACT), ==, 0);
    for (unsigned tag = 0; tag < 4; tag++) {
        g_assert_cmphex(data_of(f, tag)[100], ==, 31 + tag);
    }
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_IS) & 8, ==, 8);
}

static void packet(Fixture *f, const uint8_t *bytes, uint32_t len)
{
    uint8_t *table = build(f, 0, 0xa0, 0, 0, false, len);
    memcpy(table + 0x40, bytes, 12);
    f->machine->ram->host[AHCI_LIST] |= 0x20;
    issue(f, 2, 1);
}

static void test_cdrom(Fixture *f, gconstpointer data)
{
    ahci_driver_start_port(f->machine, 2);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(2) + AHCI_SIG), ==, 0xeb140101);
    packet(f, (uint8_t[12]){0x12, 0, 0, 0, 36}, 36);
    g_assert_cmpmem(data_of(f, 0) + 8, 5, "amphi", 5);
    packet(f, (uint8_t[12]){0x25}, 8);
    g_assert_cmphex(data_of(f, 0)[3], ==, 15);
    g_assert_cmphex(data_of(f, 0)[6], ==, 8);
    packet(f, (uint8_t[12]){0x28, 0, 0, 0, 0, 5, 0, 0, 2}, 4096);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(2) + AHCI_TFD), ==, 0x50);
    g_assert_cmphex(data_of(f, 0)[0], ==, 6);
    g_assert_cmphex(data_of(f, 0)[4095], ==, 7);
    packet(f, (uint8_t[12]){0x43, 0, 0, 0, 0, 0, 0, 0, 20}, 20);
    g_assert_cmphex(data_of(f, 0)[14], ==, 0xaa);
    g_assert_cmphex(data_of(f, 0)[19], ==, 16);
    packet(f, (uint8_t[12]){0x28, 0, 0, 0, 0, 15, 0, 0, 2}, 4096);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(2) + AHCI_TFD) & 0xff, ==, 0x51);
    wr32(f->machine, AHCI_PORT(2) + AHCI_CMD, 0x10);
    wr32(f->machine, AHCI_PORT(2) + AHCI_CMD, 0x11);
    packet(f, (uint8_t[12]){0x03, 0, 0, 0, 18}, 18);
    g_assert_cmphex(data_of(f, 0)[2], ==, 5);
    g_assert_cmphex(data_of(f, 0)[12], ==, 0x21);
    packet(f, (uint8_t[12]){0xee}, 0);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(2) + AHCI_TFD) & 0xff, ==, 0x51);
}

/* Command lists, tables and regions anywhere, of anything. */
/* ---- Command lists that lead nowhere ---- */

/* The port has stopped with a fatal error of the host; it is started again, and works. */
static void check_fatal(Fixture *f, const char *what)
{
    if (!(rd32(f->machine, AHCI_PORT(0) + AHCI_IS) & 1u << 29)) {
        g_error("%s: no fatal error", what);
    }
    wr32(f->machine, AHCI_PORT(0) + AHCI_CMD, 0);
    wr32(f->machine, AHCI_PORT(0) + 0x04, 0);
    ahci_driver_start_port(f->machine, 0);
    build(f, 0, 0x25, 7, 1, false, 512);
    issue(f, 0, 1);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_CI), ==, 0);
    g_assert_cmphex(data_of(f, 0)[0], ==, 8);
}

/* Commands that may never end. */
static void issue_bad(Fixture *f, uint32_t slots)
{
    wr32(f->machine, AHCI_PORT(0) + AHCI_CI, slots);
    for (unsigned i = 0; i < 10000 && rd32(f->machine, AHCI_PORT(0) + AHCI_CI) &&
                         !(rd32(f->machine, AHCI_PORT(0) + AHCI_IS) & 1u << 29);
         i++) {
        if (!g_main_context_iteration(f->machine->context, false)) {
            g_usleep(20);
        }
    }
}

static void set_word(Fixture *f, uint64_t at, uint32_t value)
{
    memcpy(f->machine->ram->host + at, &value, 4);
}

static void test_hostile_lists(Fixture *f, gconstpointer data)
{
    static const uint64_t nowhere[] = {AHCI_ABAR, 0xfffff000, 64 * MIB - 0x80, UINT64_C(1) << 40,
                                       UINT64_MAX & ~UINT64_C(0x7f)};
    for (unsigned i = 0; i < G_N_ELEMENTS(nowhere); i++) {
        build(f, 0, 0x25, 7, 1, false, 512); /* the command's table */
        set_word(f, AHCI_LIST, 5 | 1 << 16);
        set_word(f, AHCI_LIST + 8, nowhere[i]);
        set_word(f, AHCI_LIST + 12, nowhere[i] >> 32);
        issue_bad(f, 1);
        check_fatal(f, "table");
        build(f, 0, 0x25, 7, 1, false,
              512); /* the data's place; at the end of RAM a part of it fits */
        set_word(f, AHCI_TABLE(0) + 0x80, nowhere[i] + 0x7e);
        set_word(f, AHCI_TABLE(0) + 0x84, nowhere[i] >> 32);
        issue_bad(f, 1);
        check_fatal(f, "data");
        wr32(f->machine, AHCI_PORT(0) + 0x00, nowhere[i] & ~0x3ffu); /* the list itself */
        wr32(f->machine, AHCI_PORT(0) + 0x04, nowhere[i] >> 32);
        if (nowhere[i] != 64 * MIB - 0x80) {
            issue_bad(f, 1);
            check_fatal(f, "list");
        }
        wr32(f->machine, AHCI_PORT(0) + 0x00, AHCI_LIST);
        wr32(f->machine, AHCI_PORT(0) + 0x04, 0);
    }
    /* More pieces than fit in memory. */
    build(f, 0, 0x25, 7, 1, false, 512);
    set_word(f, AHCI_LIST, 5 | 0xffffu << 16);
    set_word(f, AHCI_LIST + 8, 64 * MIB - 0x10000);
    issue_bad(f, 1);
    check_fatal(f, "entries");
    /* As many as there can be, all of 4 MiB and on top of each other: what is asked for comes, once. */
    build(f, 0, 0x25, 7, 2, false, 1024);
    set_word(f, AHCI_LIST, 5 | 0xffffu << 16);
    for (unsigned i = 0; i < 0xffff; i++) {
        set_word(f, AHCI_TABLE(0) + 0x80 + 16 * i, AHCI_DATA + 0x800000);
        set_word(f, AHCI_TABLE(0) + 0x84 + 16 * i, 0);
        set_word(f, AHCI_TABLE(0) + 0x8c + 16 * i, 0x3fffff);
    }
    issue(f, 0, 1);
    g_assert_cmphex(rd32(f->machine, AHCI_PORT(0) + AHCI_CI), ==, 0);
    g_assert_cmphex(rd32(f->machine, AHCI_LIST + 4), ==, 1024);
    g_assert_cmphex(f->machine->ram->host[AHCI_DATA + 0x800000 + 1023], ==, 9);
    g_assert_cmphex(f->machine->ram->host[AHCI_DATA + 0x800000 + 1024], ==, 0);
    /* All slots at once with the same table, which they overwrite by what they read. */
    for (unsigned slot = 0; slot < 32; slot++) {
        build(f, slot, 0x25, slot, 16, false, 8192);
        set_word(f, AHCI_LIST + 32 * slot + 8, AHCI_TABLE(0));
        set_word(f, AHCI_TABLE(0) + 0x80, AHCI_TABLE(0));
    }
    issue_bad(f, UINT32_MAX);
    wr32(f->machine, AHCI_PORT(0) + AHCI_CMD, 0);
    ahci_driver_start_port(f->machine, 0);
    build(f, 0, 0x25, 7, 1, false, 512);
    issue(f, 0, 1);
    g_assert_cmphex(data_of(f, 0)[0], ==, 8);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(11);
    ahci_driver_start_port(f->machine, 2);
    for (unsigned i = 0; i < 30000; i++) {
        unsigned port = g_rand_boolean(rand) ? 0 : 2, slot = g_rand_int_range(rand, 0, 32);
        uint8_t *table =
            build(f, slot, g_rand_int(rand), g_rand_int(rand) & 0x1ff, g_rand_int(rand) & 15,
                  g_rand_boolean(rand), 1 + (g_rand_int(rand) & 0x3fff));
        for (unsigned n = g_rand_int_range(rand, 0, 4); n > 0; n--) {
            table[g_rand_int_range(rand, 0, 144)] = g_rand_int(rand);
        }
        if (g_rand_int_range(rand, 0, 8) == 0) {
            f->machine->ram->host[AHCI_LIST + 32 * slot + g_rand_int_range(rand, 0, 16)] =
                g_rand_int(rand);
        }
        if (g_rand_int_range(rand, 0, 4) == 0) {
            wr32(f->machine, AHCI_PORT(port) + 4 * g_rand_int_range(rand, 0, 16), g_rand_int(rand));
        }
        wr32(f->machine, AHCI_PORT(port) + AHCI_SACT, g_rand_int(rand) & 1 ? 1u << slot : 0);
        wr32(f->machine, AHCI_PORT(port) + AHCI_CI, 1u << slot);
        while (g_main_context_iteration(f->machine->context, false)) {
        }
        if (i % 16 == 0) {
            wr32(f->machine, AHCI_PORT(port) + AHCI_CMD, 0);
            ahci_driver_start_port(f->machine, port);
        }
    }
    g_rand_free(rand);
    machine_reset(f->machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/ahci/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(identify);
    ADD(read_write);
    ADD(queued);
    ADD(cdrom);
    ADD(hostile_lists);
    ADD(wild);
    return g_test_run();
}
