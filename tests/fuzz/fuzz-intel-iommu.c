/*
 * Fuzzer of the VT-d IOMMU: the input is a small program that writes tables, registers and descriptors, and makes
 * accesses and sends messages as devices do. It starts from tables that translate.
 *
 * Input: a byte that picks the configuration, then steps: a byte for the kind, and its operands. Tables are a few
 * pages, and what is written there mostly points to one of them: loops come by themselves.
 *
 * libFuzzer: -max_len=1000
 */
#include "hw/iommu/intel-iommu.h"
#include "hw/pci/pci.h"
#include "softmmu/base/bits.h"
#include "tests/device/virtio-driver.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

/* Registers (Architecture Specification 11.4) and bits of GCMD. */
enum { GCMD = 0x18, RTADDR = 0x20, IQT = 0x88, IQA = 0x90, IRTA = 0xb8 };
#define TE (1u << 31)
#define SRTP (1u << 30)
#define QIE (1u << 26)
#define IRE (1u << 25)
#define SIRTP (1u << 24)

enum { PAGE_ROOT, PAGE_CONTEXTS, PAGE_QUEUE, PAGE_INTERRUPTS, PAGE_TABLES, PAGES = 16 };
#define DATA_PAGE (TEST_RAM_BASE + 0x100000)
#define SOURCE PCI_DEVFN(2, 0)
#define DOMAIN 5
#define IOVA UINT64_C(0x1000)

typedef struct Bench {
    Machine *machine;
    Iommu *iommu;
    unsigned tail; /* bytes in the queue */
} Bench;

static uint64_t page(unsigned n)
{
    return TEST_RAM_BASE + 0x10000 + n % PAGES * 4096;
}

static uint64_t *words(Bench *b, uint64_t addr)
{
    return guest(b->machine, addr);
}

static void set32(Bench *b, unsigned offset, uint32_t value)
{
    wr32(b->machine, INTEL_IOMMU_BASE + offset, value);
}

static void set64(Bench *b, unsigned offset, uint64_t value)
{
    machine_mmio_write(b->machine, INTEL_IOMMU_BASE + offset, value, 8);
}

static void drop_message(void *opaque, uint64_t addr, uint32_t data)
{
}

/* One page of 4 KiB for the device at IOVA, one interrupt in the table, everything on. */
static void set_up(Bench *b, unsigned levels)
{
    memset(words(b, page(0)), 0, PAGES * 4096);
    b->tail = 0;
    words(b, page(PAGE_ROOT))[0] = page(PAGE_CONTEXTS) | 1;
    words(b, page(PAGE_CONTEXTS))[SOURCE * 2] = page(PAGE_TABLES) | 1;
    words(b, page(PAGE_CONTEXTS))[SOURCE * 2 + 1] = DOMAIN << 8 | (levels - 2);
    for (unsigned level = 0; level + 1 < levels; level++) {
        words(b, page(PAGE_TABLES + level))[0] = page(PAGE_TABLES + level + 1) | 3;
    }
    words(b, page(PAGE_TABLES + levels - 1))[IOVA >> 12] = DATA_PAGE | 3;
    words(b, page(PAGE_INTERRUPTS))[0] = 1 | UINT64_C(0x31) << 16;
    set64(b, RTADDR, page(PAGE_ROOT));
    set64(b, IRTA, page(PAGE_INTERRUPTS) | 7);
    set64(b, IQA, page(PAGE_QUEUE));
    set32(b, GCMD, SRTP);
    set32(b, GCMD, SIRTP);
    set32(b, GCMD, QIE);
    set32(b, GCMD, QIE | IRE);
    set32(b, GCMD, QIE | IRE | TE);
}

static bool translate(Bench *b, uint64_t iova, bool write, uint64_t *addr)
{
    IommuRequest request = {.device_id = SOURCE, .write = write, .iova = iova};
    IommuResult result;
    bool ok = b->iommu->ops->translate(b->iommu, &request, &result);
    *addr = ok ? result.addr : 0;
    return ok;
}

static uint64_t take_address(FuzzInput *in)
{
    static const unsigned shifts[] = {0, 12, 21, 30, 39, 48};
    uint64_t addr = fuzz_take(in, 2);
    return addr << shifts[fuzz_take(in, 1) % ARRAY_SIZE(shifts)];
}

/* Entries that lead to one page. */
static void fill(Bench *b, FuzzInput *in)
{
    uint64_t at = page(fuzz_take(in, 1)) + fuzz_take(in, 2) % 512 * 8;
    uint64_t value = page(fuzz_take(in, 1)) | fuzz_take(in, 2) | fuzz_take(in, 1) << 56;
    for (unsigned n = fuzz_take(in, 2) % 1024; n-- && at < page(0) + PAGES * 4096; at += 8) {
        *words(b, at) = value;
    }
}

static void queue(Bench *b, uint64_t low, uint64_t high)
{
    uint64_t *entry = words(b, page(PAGE_QUEUE) + b->tail);
    entry[0] = low;
    entry[1] = high;
    b->tail = (b->tail + 16) % 4096;
    set64(b, IQT, b->tail);
}

static void send_message(Bench *b, FuzzInput *in)
{
    uint64_t addr = 0xfee00000 | fuzz_take(in, 3);
    uint32_t data = fuzz_take(in, 2);
    b->iommu->ops->remap_msi(b->iommu, fuzz_take(in, 2), &addr, &data);
}

static void step(Bench *b, FuzzInput *in)
{
    uint64_t addr;
    switch (fuzz_take(in, 1) % 9) {
    case 0: fill(b, in); break;
    case 1: {
        uint64_t at = page(fuzz_take(in, 1)) + fuzz_take(in, 2) % 512 * 8;
        *words(b, at) = fuzz_take(in, 8);
        break;
    }
    case 2:
        addr = fuzz_take(in, 2) % 0x240;
        set32(b, addr, fuzz_take(in, 4));
        break;
    case 3:
        addr = fuzz_take(in, 2) % 0x240;
        set64(b, addr, fuzz_take(in, 8));
        break;
    case 4: machine_mmio_read(b->machine, INTEL_IOMMU_BASE + fuzz_take(in, 2) % 0x240, 4); break;
    case 5: queue(b, fuzz_take(in, 8), fuzz_take(in, 8)); break;
    case 6: send_message(b, in); break;
    case 7: translate(b, take_address(in), fuzz_take(in, 1) & 1, &addr); break;
    default: translate(b, IOVA + fuzz_take(in, 1), fuzz_take(in, 1) & 1, &addr); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzInput in = {data, size};
    unsigned how = fuzz_take(&in, 1), levels = how & 1 ? 4 : 3;
    IntelIommuConfig config = {.aw_bits = levels == 4 ? 48 : 39, .intremap = true, .eim = how & 2};
    Bench b = {.machine = harness_new()};
    uint64_t addr;
    memory_map_set_msi_sink(b.machine->memory, 0xfee00000, MIB, drop_message, NULL);
    b.iommu = intel_iommu_new(b.machine, &config);
    machine_reset(b.machine);
    set_up(&b, levels);
    while (in.left) {
        step(&b, &in);
    }
    /* Whatever happened, it works after a reset. */
    machine_reset(b.machine);
    set_up(&b, levels);
    g_assert_true(translate(&b, IOVA, true, &addr));
    g_assert_cmphex(addr, ==, DATA_PAGE);
    harness_free(b.machine);
    return 0;
}

static void make_input(GRand *rand, GByteArray *input)
{
    fuzz_random_bytes(rand, input, g_rand_int_range(rand, 1, 600));
    input->data[0] = g_rand_int(rand);
}

FUZZ_MAIN(2000, make_input)
