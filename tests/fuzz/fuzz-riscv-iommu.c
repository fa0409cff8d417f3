/*
 * Fuzzer of the RISC-V IOMMU: the input is a small program that writes tables, registers and commands, and makes
 * accesses of a device. Built with clang -fsanitize=fuzzer -DAMPHI_LIBFUZZER it is a libFuzzer target;
 * otherwise a test that runs the files named on the command line, or many random inputs.
 *
 * Input: one byte that picks the options, then steps: a byte for the kind, and its operands; running out of
 * input ends the program.
 */
#include "tests/device/iommu-fixture.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TABLES TEST_RAM_BASE
#define TABLE_PAGES 8

typedef struct Input {
    const uint8_t *data;
    size_t left;
} Input;

static uint64_t take(Input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left; i++, in->left--) {
        value |= (uint64_t)*in->data++ << (8 * i);
    }
    return value;
}

/* A page that exists, or nearly so. */
static uint64_t take_page(Input *in)
{
    unsigned which = take(in, 1);

    return which == 255   ? IOMMU_REGS
           : which == 254 ? IO_MSI_BASE
           : which == 253 ? TEST_RAM_BASE + TEST_RAM_SIZE
                          : TABLES + which % TABLE_PAGES * 4096;
}

static uint64_t take_address(Input *in)
{
    static const unsigned shifts[] = {0, 12, 21, 30, 39, 48, 57, 63};
    uint64_t addr = take(in, 2);

    return addr << shifts[take(in, 1) % ARRAY_SIZE(shifts)];
}

/* Fills @n words from a place in a table with entries that lead to one page. */
static void fill(IommuFixture *f, Input *in)
{
    uint64_t at = take_page(in) + take(in, 2) % 512 * 8;
    uint64_t value = io_ppn(take_page(in)) | take(in, 2) | take(in, 1) << 56;

    for (unsigned n = take(in, 2) % 2048; n-- && at - TABLES < TABLE_PAGES * 4096; at += 8) {
        *io_words(f, at) = value;
    }
}

/* A word of a context: a field like satp, or anything. */
static void put_context(IommuFixture *f, Input *in)
{
    uint64_t at = TABLES + DEVICE_ID * 64 + take(in, 1) % 8 * 8;
    uint64_t mode = take(in, 1);

    *io_words(f, at) = mode & 128 ? take(in, 8) : mode << 60 | take_page(in) >> 12 | take(in, 1);
}

static void step(IommuFixture *f, Input *in)
{
    uint64_t value;

    switch (take(in, 1) % 10) {
    case 0: fill(f, in); break;
    case 1: *io_words(f, TABLES + take(in, 2) % (TABLE_PAGES * 512) * 8) = take(in, 8); break;
    case 2: put_context(f, in); break;
    case 3: io_set64(f, REG_DDTP, io_ppn(take_page(in)) | take(in, 1) % 8); break;
    case 4: machine_mmio_write(f->machine, IOMMU_REGS + take(in, 2) % 0x420, take(in, 8), 4); break;
    case 5: machine_mmio_write(f->machine, IOMMU_REGS + take(in, 2) % 0x420, take(in, 8), 8); break;
    case 6: dma_read_le(f->dma, take_address(in), &value, 8); break;
    case 7: dma_write_le(f->dma, take_address(in), take(in, 8), 8); break;
    case 8: io_command(f, take(in, 8), take(in, 8)); break;
    default: dma_write_msi(f->dma, take_address(in), 1); clock_step(f->machine->clock, 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"", ",intremap=off", ",ioatc-limit=0", ",ioatc-limit=4"};
    Input in = {data, size};
    IommuFixture f;

    io_setup_with(&f, options[take(&in, 1) % ARRAY_SIZE(options)]);
    while (in.left) {
        step(&f, &in);
    }
    /* Whatever happened, it works after a reset. */
    machine_reset(f.machine);
    io_map_bars(&f);
    f.heap = TEST_RAM_BASE + 0x100000;
    io_map_one(&f);
    g_assert_true(io_reads(&f, IOVA, *io_words(&f, IO_DATA)));
    io_teardown(&f, NULL);
    return 0;
}

#ifndef AMPHI_LIBFUZZER
static void test_file(gconstpointer path)
{
    GError *error = NULL;
    char *data;
    gsize size;

    g_file_get_contents(path, &data, &size, &error);
    g_assert_no_error(error);
    LLVMFuzzerTestOneInput((uint8_t *)data, size);
    g_free(data);
}

static void test_random(void)
{
    GRand *rand = g_rand_new_with_seed(7);
    uint8_t data[1024];

    for (unsigned round = 0; round < 1000; round++) {
        size_t size = g_rand_int_range(rand, 1, sizeof(data));

        for (size_t i = 0; i < size; i++) {
            data[i] = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        }
        data[0] = round;
        LLVMFuzzerTestOneInput(data, size);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 1; i < argc; i++) {
        char *name = g_strdup_printf("/fuzz/riscv-iommu/file-%d", i);

        g_test_add_data_func(name, argv[i], test_file);
        g_free(name);
    }
    if (argc == 1) {
        g_test_add_func("/fuzz/riscv-iommu/random", test_random);
    }
    return g_test_run();
}
#endif
