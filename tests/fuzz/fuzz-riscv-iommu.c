/*
 * Fuzzer of the RISC-V IOMMU: the input is a small program that writes tables, registers and commands, and makes
 * accesses of a device.
 *
 * Input: one byte that picks the options, then steps: a byte for the kind, and its operands; running out of
 * input ends the program.
 */
#include "tests/device/iommu-fixture.h"
#include "tests/fuzz/fuzz.h"

#define TABLES TEST_RAM_BASE
#define TABLE_PAGES 8

/* A page that exists, or nearly so. */
static uint64_t take_page(FuzzInput *in)
{
    unsigned which = fuzz_take(in, 1);

    return which == 255   ? IOMMU_REGS
           : which == 254 ? IO_MSI_BASE
           : which == 253 ? TEST_RAM_BASE + TEST_RAM_SIZE
                          : TABLES + which % TABLE_PAGES * 4096;
}

static uint64_t take_address(FuzzInput *in)
{
    static const unsigned shifts[] = {0, 12, 21, 30, 39, 48, 57, 63};
    uint64_t addr = fuzz_take(in, 2);

    return addr << shifts[fuzz_take(in, 1) % ARRAY_SIZE(shifts)];
}

/* Fills @n words from a place in a table with entries that lead to one page. */
static void fill(IommuFixture *f, FuzzInput *in)
{
    uint64_t at = take_page(in) + fuzz_take(in, 2) % 512 * 8;
    uint64_t value = io_ppn(take_page(in)) | fuzz_take(in, 2) | fuzz_take(in, 1) << 56;

    for (unsigned n = fuzz_take(in, 2) % 2048; n-- && at - TABLES < TABLE_PAGES * 4096; at += 8) {
        *io_words(f, at) = value;
    }
}

/* A word of a context: a field like satp, or anything. */
static void put_context(IommuFixture *f, FuzzInput *in)
{
    uint64_t at = TABLES + DEVICE_ID * 64 + fuzz_take(in, 1) % 8 * 8;
    uint64_t mode = fuzz_take(in, 1);

    *io_words(f, at) =
        mode & 128 ? fuzz_take(in, 8) : mode << 60 | take_page(in) >> 12 | fuzz_take(in, 1);
}

static void step(IommuFixture *f, FuzzInput *in)
{
    uint64_t value;

    switch (fuzz_take(in, 1) % 10) {
    case 0: fill(f, in); break;
    case 1:
        *io_words(f, TABLES + fuzz_take(in, 2) % (TABLE_PAGES * 512) * 8) = fuzz_take(in, 8);
        break;
    case 2: put_context(f, in); break;
    case 3: io_set64(f, REG_DDTP, io_ppn(take_page(in)) | fuzz_take(in, 1) % 8); break;
    case 4:
        machine_mmio_write(f->machine, IOMMU_REGS + fuzz_take(in, 2) % 0x420, fuzz_take(in, 8), 4);
        break;
    case 5:
        machine_mmio_write(f->machine, IOMMU_REGS + fuzz_take(in, 2) % 0x420, fuzz_take(in, 8), 8);
        break;
    case 6: dma_read_le(f->dma, take_address(in), &value, 8); break;
    case 7: dma_write_le(f->dma, take_address(in), fuzz_take(in, 8), 8); break;
    case 8: io_command(f, fuzz_take(in, 8), fuzz_take(in, 8)); break;
    default: dma_write_msi(f->dma, take_address(in), 1); clock_step(f->machine->clock, 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {"", ",intremap=off", ",ioatc-limit=0", ",ioatc-limit=4"};
    FuzzInput in = {data, size};
    IommuFixture f;

    io_setup_with(&f, options[fuzz_take(&in, 1) % ARRAY_SIZE(options)]);
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

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 1024));
    input->data[0] = g_rand_int(rand);
}

FUZZ_MAIN(1000, make_input)
