/*
 * The firmware configuration device.
 */
#include "hw/misc/fw-cfg.h"
#include "tests/device/harness.h"

#define BASE 0x10100000
#define BLOCK (TEST_RAM_BASE + 0x1000) /* DMA command block */
#define BUFFER (TEST_RAM_BASE + 0x2000)

enum { ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

typedef struct Fixture {
    Machine *machine;
    FwCfg *fw_cfg;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->machine = harness_new();
    f->fw_cfg = fw_cfg_new(f->machine, BASE);
    GBytes *bytes = g_bytes_new_static("some text", 9);
    g_assert_true(fw_cfg_add_file(f->fw_cfg, "opt/text", bytes));
    g_assert_true(fw_cfg_add_file(f->fw_cfg, "etc/first", bytes));
    g_assert_false(fw_cfg_add_file(f->fw_cfg, "etc/first", bytes));
    g_bytes_unref(bytes);
    machine_reset(f->machine);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

static void select_item(Fixture *f, uint16_t key)
{
    machine_mmio_write(f->machine, BASE + 8, GUINT16_TO_BE(key), 2);
}

/* Executes a DMA command and returns the control word afterwards. */
static uint32_t dma(Fixture *f, uint32_t control, uint32_t len, uint64_t addr)
{
    uint32_t block[4] = {GUINT32_TO_BE(control), GUINT32_TO_BE(len), GUINT32_TO_BE(addr >> 32),
                         GUINT32_TO_BE((uint32_t)addr)};
    dma_write(&f->machine->dma, BLOCK, block, sizeof(block));
    machine_mmio_write(f->machine, BASE + 0x10, GUINT64_TO_BE(BLOCK), 8);
    dma_read(&f->machine->dma, BLOCK, block, 4);
    return GUINT32_FROM_BE(block[0]);
}

static void test_data(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(machine_mmio_read(f->machine, BASE, 4), ==, 0x554d4551); /* "QEMU" */
    g_assert_cmphex(machine_mmio_read(f->machine, BASE, 1), ==, 0);          /* past its end */
    select_item(f, FW_CFG_SIGNATURE);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(machine_mmio_read(f->machine, BASE, 1), ==, "QEMU"[i]);
    }
    select_item(f, FW_CFG_ID);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE, 8), ==, 3);
    select_item(f, 0x1234);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE, 8), ==, 0);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE + 0x10, 8), ==,
                    GUINT64_TO_BE(UINT64_C(0x51454d5520434647)));
    g_assert_cmphex(rd32(f->machine, BASE + 0x14), ==, 0x47464320);
}

static void test_directory(Fixture *f, gconstpointer data)
{
    struct {
        uint32_t count;
        struct {
            uint32_t size;
            uint16_t key, reserved;
            char name[56];
        } files[2];
    } dir;
    g_assert_cmphex(dma(f, SELECT | READ | FW_CFG_FILE_DIR << 16, sizeof(dir), BUFFER), ==, 0);
    dma_read(&f->machine->dma, BUFFER, &dir, sizeof(dir));
    g_assert_cmpuint(GUINT32_FROM_BE(dir.count), ==, 2);
    g_assert_cmpstr(dir.files[0].name, ==, "etc/first");
    g_assert_cmpstr(dir.files[1].name, ==, "opt/text");
    g_assert_cmpuint(GUINT32_FROM_BE(dir.files[1].size), ==, 9);
    char text[12];
    uint32_t key = GUINT16_FROM_BE(dir.files[1].key);
    g_assert_cmphex(dma(f, SELECT | SKIP | key << 16, 5, 0), ==, 0);
    g_assert_cmphex(dma(f, READ, sizeof(text), BUFFER), ==, 0);
    dma_read(&f->machine->dma, BUFFER, text, sizeof(text));
    g_assert_cmpmem(text, sizeof(text), "text\0\0\0\0\0\0\0\0", sizeof(text));
}

static void test_dma_errors(Fixture *f, gconstpointer data)
{
    uint64_t end = TEST_RAM_BASE + TEST_RAM_SIZE;
    g_assert_cmphex(dma(f, READ, 16, end - 8), ==, ERROR);
    g_assert_cmphex(dma(f, READ, 0xffffffff, BUFFER), ==, ERROR);
    g_assert_cmphex(dma(f, READ, 4, BASE), ==, ERROR); /* into its own registers */
    g_assert_cmphex(dma(f, READ, 4, UINT64_MAX), ==, ERROR);
    g_assert_cmphex(dma(f, WRITE, 4, BUFFER), ==, ERROR);
    /* Command blocks that are nowhere. */
    machine_mmio_write(f->machine, BASE + 0x10, UINT64_MAX, 8);
    machine_mmio_write(f->machine, BASE + 0x10, GUINT64_TO_BE(BASE), 8);
    machine_mmio_write(f->machine, BASE + 0x10, GUINT64_TO_BE(end - 4), 8);
    /* In halves, the low one starts it. */
    uint32_t block[4] = {GUINT32_TO_BE(SELECT | READ), GUINT32_TO_BE(4),
                         GUINT32_TO_BE(BUFFER >> 32), GUINT32_TO_BE((uint32_t)BUFFER)};
    dma_write(&f->machine->dma, BLOCK, block, sizeof(block));
    wr32(f->machine, BASE + 0x10, 0);
    wr32(f->machine, BASE + 0x14, GUINT32_TO_BE((uint32_t)BLOCK));
    g_assert_cmphex(rd32(f->machine, BUFFER), ==, 0x554d4551);
}

static void test_state(Fixture *f, gconstpointer data)
{
    FwCfg *copy = fw_cfg_new(f->machine, BASE + 0x1000);
    wild_accesses(f->machine, BASE + 0x1000, 0x18, 1000, 1);
    select_item(f, FW_CFG_SIGNATURE);
    machine_mmio_read(f->machine, BASE, 2);
    check_round_trip((Device *)f->fw_cfg, (Device *)copy);
    g_assert_cmphex(machine_mmio_read(f->machine, BASE + 0x1000, 4), ==, 0x554d);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    wild_accesses(f->machine, BASE, 0x18, 100000, 42);
    /* Random command blocks. */
    GRand *rand = g_rand_new_with_seed(43);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t addr = TEST_RAM_BASE + (g_rand_int(rand) & 0x7fffff) - 0x200000;
        dma(f, g_rand_int(rand) & 0x3f001f, g_rand_int(rand) & 0xffff, addr);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/fw-cfg/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(data);
    ADD(directory);
    ADD(dma_errors);
    ADD(state);
    ADD(wild);
    return g_test_run();
}
