/*
 * The VT-d IOMMU: what its tables allow passes, everything else is stopped and reported, and nothing that they
 * say hangs it. The tables are in the harness's RAM.
 */
#include "hw/iommu/intel-iommu.h"
#include "hw/pci/gpex.h"
#include "hw/pci/pci.h"
#include "tests/device/virtio-driver.h"
#include <linux/pci_regs.h>
#include <string.h>

/* Registers (Architecture Specification 11.4). */
enum {
    CAP = 0x08,
    ECAP = 0x10,
    GCMD = 0x18,
    GSTS = 0x1c,
    RTADDR = 0x20,
    CCMD = 0x28,
    FSTS = 0x34,
    FECTL = 0x38,
    FEDATA = 0x3c,
    FEADDR = 0x40,
    IQH = 0x80,
    IQT = 0x88,
    IQA = 0x90,
    ICS = 0x9c,
    IECTL = 0xa0,
    IEDATA = 0xa4,
    IEADDR = 0xa8,
    IRTA = 0xb8,
    IOTLB = 0xf8,
    FRCD = 0x220,
};
#define TE (1u << 31)
#define SRTP (1u << 30)
#define QIE (1u << 26)
#define IRE (1u << 25)
#define SIRTP (1u << 24)
#define CFI (1u << 23)

#define ROOT (TEST_RAM_BASE + 0x10000)
#define CONTEXTS (TEST_RAM_BASE + 0x11000)
#define TABLES (TEST_RAM_BASE + 0x20000) /* one for each level, the highest first */
#define QUEUE (TEST_RAM_BASE + 0x30000)
#define IRTES (TEST_RAM_BASE + 0x40000)
#define DATA (TEST_RAM_BASE + 0x100000)
#define STATUS (TEST_RAM_BASE + 0x50000)
#define IOVA UINT64_C(0x7612345000)
#define SOURCE PCI_DEVFN(2, 0)
#define DOMAIN 5

typedef struct Fixture {
    Machine *machine;
    Iommu *iommu;
    unsigned tail;
    uint64_t message_addr; /* the last one */
    uint32_t message_data;
    unsigned messages;
} Fixture;

static uint32_t reg32(Fixture *f, unsigned offset)
{
    return rd32(f->machine, INTEL_IOMMU_BASE + offset);
}

static void set32(Fixture *f, unsigned offset, uint32_t value)
{
    wr32(f->machine, INTEL_IOMMU_BASE + offset, value);
}

static uint64_t reg64(Fixture *f, unsigned offset)
{
    return machine_mmio_read(f->machine, INTEL_IOMMU_BASE + offset, 8);
}

static void set64(Fixture *f, unsigned offset, uint64_t value)
{
    machine_mmio_write(f->machine, INTEL_IOMMU_BASE + offset, value, 8);
}

static uint64_t *words(Fixture *f, uint64_t addr)
{
    return guest(f->machine, addr);
}

static void take_message(void *opaque, uint64_t addr, uint32_t data)
{
    Fixture *f = opaque;

    f->message_addr = addr;
    f->message_data = data;
    f->messages++;
}

static void setup_with(Fixture *f, unsigned aw_bits)
{
    IntelIommuConfig config = {.aw_bits = aw_bits, .intremap = true};

    memset(f, 0, sizeof(*f));
    f->machine = harness_new();
    memory_map_set_msi_sink(f->machine->memory, 0xfee00000, MIB, take_message, f);
    f->iommu = intel_iommu_new(f->machine, &config);
    machine_reset(f->machine);
}

static void setup(Fixture *f, gconstpointer data)
{
    setup_with(f, 48);
}

static void teardown(Fixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

/* ---- Tables ---- */

static void set_flags(Fixture *f, uint32_t flags)
{
    set32(f, GCMD, (reg32(f, GSTS) & (TE | QIE | IRE | CFI)) | flags);
}

/* A context for the device with @levels levels of tables, which are empty; translation on. */
static void make_context(Fixture *f, unsigned levels)
{
    words(f, ROOT)[0] = CONTEXTS | 1;
    words(f, CONTEXTS)[SOURCE * 2] = TABLES | 1;
    words(f, CONTEXTS)[SOURCE * 2 + 1] = DOMAIN << 8 | (levels - 2);
    set64(f, RTADDR, ROOT);
    set32(f, GCMD, SRTP);
    g_assert_cmphex(reg32(f, GSTS) & SRTP, ==, SRTP);
    set_flags(f, TE);
    g_assert_cmphex(reg32(f, GSTS) & TE, ==, TE);
}

/* Maps IOVA to DATA by an entry of @leaf (1: a page of 4 KiB). */
static uint64_t *map(Fixture *f, unsigned levels, unsigned leaf, uint64_t flags)
{
    uint64_t table = TABLES;

    for (unsigned level = levels;; level--, table += 4096) {
        uint64_t *entry = &words(f, table)[IOVA >> (12 + 9 * (level - 1)) & 0x1ff];
        if (level == leaf) {
            *entry = align_down(DATA, UINT64_C(1) << (12 + 9 * (leaf - 1))) | flags |
                     (leaf > 1 ? 1 << 7 : 0);
            return entry;
        }
        *entry = (table + 4096) | 3;
    }
}

static bool translates(Fixture *f, uint64_t iova, bool write, uint64_t *addr)
{
    IommuRequest request = {.device_id = SOURCE, .write = write, .iova = iova};
    IommuResult result;
    bool ok = f->iommu->ops->translate(f->iommu, &request, &result);

    *addr = ok ? result.addr : 0;
    return ok;
}

static void check_passes(Fixture *f, uint64_t iova, bool write, uint64_t want)
{
    uint64_t addr;

    g_assert_true(translates(f, iova, write, &addr));
    g_assert_cmphex(addr, ==, want);
    g_assert_cmphex(reg32(f, FSTS), ==, 0);
}

/* Takes the fault that there must be. */
static void check_fault(Fixture *f, unsigned reason, uint64_t info, bool write)
{
    g_assert_cmphex(reg32(f, FSTS), ==, 2);
    g_assert_cmphex(reg64(f, FRCD), ==, info);
    g_assert_cmphex(reg64(f, FRCD + 8), ==,
                    UINT64_C(1) << 63 | (write ? 0 : UINT64_C(1) << 62) | (uint64_t)reason << 32 |
                        SOURCE);
    set32(f, FRCD + 12, 1u << 31);
    g_assert_cmphex(reg32(f, FSTS), ==, 0);
}

static void check_refused(Fixture *f, uint64_t iova, bool write, unsigned reason)
{
    uint64_t addr;

    g_assert_false(translates(f, iova, write, &addr));
    check_fault(f, reason, iova & ~UINT64_C(0xfff), write);
}

static void command(Fixture *f, uint64_t word0, uint64_t word1)
{
    if (!(reg32(f, GSTS) & QIE)) {
        set64(f, IQA, QUEUE);
        set_flags(f, QIE);
        f->tail = 0;
    }
    words(f, QUEUE)[f->tail / 8] = word0;
    words(f, QUEUE)[f->tail / 8 + 1] = word1;
    f->tail = (f->tail + 16) % 4096;
    set64(f, IQT, f->tail);
}

/* ---- Tests ---- */

static void test_off(Fixture *f, gconstpointer data)
{
    check_passes(f, IOVA, true, IOVA);
    g_assert_cmphex(reg64(f, CAP) >> 8 & 31, ==, 6);
    g_assert_cmphex(reg64(f, CAP) >> 16 & 63, ==, 47);
    g_assert_cmphex(reg64(f, ECAP) & 0xff, ==, 0xcb);
}

static void test_pages(Fixture *f, gconstpointer data)
{
    for (unsigned levels = 3; levels <= 4; levels++) {
        for (unsigned leaf = 1; leaf <= 3; leaf++) {
            uint64_t size = UINT64_C(1) << (12 + 9 * (leaf - 1));
            memset(words(f, TABLES), 0, 4 * 4096);
            make_context(f, levels);
            map(f, levels, leaf, 3);
            command(f, 1 | 1 << 4, 0); /* contexts, all */
            check_passes(f, IOVA + 8, false, align_down(DATA, size) | (IOVA & (size - 1)) | 8);
            check_passes(f, IOVA + 8, true, align_down(DATA, size) | (IOVA & (size - 1)) | 8);
        }
    }
}

static void test_faults(Fixture *f, gconstpointer data)
{
    make_context(f, 4);
    check_refused(f, IOVA, false, 6);
    map(f, 4, 1, 1);
    check_refused(f, IOVA + 0x123, true, 5);
    check_passes(f, IOVA, false, DATA);
    check_refused(f, UINT64_C(1) << 48, false, 4);
    *map(f, 4, 2, 3) |= 1 << 12; /* a large page at an odd place */
    command(f, 2 | 1 << 4, 0);
    check_refused(f, IOVA, false, 0xc);
    words(f, TABLES)[IOVA >> 39 & 0x1ff] |= 1 << 7; /* a page of 512 GiB */
    check_refused(f, IOVA, false, 0xc);
    words(f, TABLES)[IOVA >> 39 & 0x1ff] = 0xfffffffff003; /* a table that is not there */
    check_refused(f, IOVA, false, 7);
}

static void test_contexts(Fixture *f, gconstpointer data)
{
    uint64_t *context = &words(f, CONTEXTS)[SOURCE * 2];

    make_context(f, 4);
    context[0] = 0;
    check_refused(f, IOVA, false, 2);
    context[0] = TABLES | 1 | 1 << 2; /* with a device TLB */
    check_refused(f, IOVA, false, 3);
    context[0] = TABLES | 1 | 1 << 5;
    check_refused(f, IOVA, false, 0xb);
    context[0] = TABLES | 1;
    context[1] = DOMAIN << 8 | 3; /* five levels */
    check_refused(f, IOVA, false, 3);
    context[0] = 1 | 2 << 2; /* pass-through */
    context[1] = DOMAIN << 8 | 2;
    check_passes(f, IOVA, true, IOVA);
    words(f, ROOT)[0] = 0;
    check_refused(f, IOVA, false, 1);
    words(f, ROOT)[0] = CONTEXTS | 3;
    check_refused(f, IOVA, false, 0xa);
    words(f, ROOT)[0] = UINT64_C(0xffff000000001);
    check_refused(f, IOVA, false, 9);
    set64(f, RTADDR, UINT64_C(0xffff000000000));
    set_flags(f, SRTP);
    check_refused(f, IOVA, false, 8);
}

/* A context may say that its faults are not reported; a second fault is one too many. */
static void test_silent(Fixture *f, gconstpointer data)
{
    uint64_t addr;

    make_context(f, 4);
    words(f, CONTEXTS)[SOURCE * 2] |= 2;
    g_assert_false(translates(f, IOVA, false, &addr));
    g_assert_cmphex(reg32(f, FSTS), ==, 0);
    words(f, CONTEXTS)[SOURCE * 2] &= ~UINT64_C(2);
    g_assert_false(translates(f, IOVA, false, &addr));
    g_assert_false(translates(f, IOVA + 4096, false, &addr));
    g_assert_cmphex(reg32(f, FSTS), ==, 3);
    set32(f, FSTS, 1);
    check_fault(f, 6, IOVA, false);
}

static void test_event(Fixture *f, gconstpointer data)
{
    uint64_t addr;

    make_context(f, 4);
    set32(f, FEDATA, 0x41);
    set32(f, FEADDR, 0xfee01000);
    g_assert_false(translates(f, IOVA, false, &addr));
    g_assert_cmpuint(f->messages, ==, 0); /* masked, as after a reset */
    g_assert_cmphex(reg32(f, FECTL), ==, 3u << 30);
    set32(f, FECTL, 0);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->message_addr, ==, 0xfee01000);
    g_assert_cmphex(f->message_data, ==, 0x41);
    check_fault(f, 6, IOVA, false);
    set32(f, FEADDR, INTEL_IOMMU_BASE + GCMD); /* not where messages go */
    g_assert_false(translates(f, IOVA, false, &addr));
    g_assert_cmphex(reg32(f, GSTS) & TE, ==, TE);
    g_assert_cmpuint(f->messages, ==, 1);
}

/* What is cached stays until it is invalidated, in each of the ways. */
static void test_invalidation(Fixture *f, gconstpointer data)
{
    static const struct {
        uint64_t word0, word1;
        bool hits;
    } cases[] = {
        {1 | 1 << 4, 0, true},
        {1 | 2 << 4 | DOMAIN << 16, 0, true},
        {1 | 2 << 4 | (DOMAIN + 1) << 16, 0, false},
        {1 | 3 << 4 | DOMAIN << 16 | (uint64_t)SOURCE << 32, 0, true},
        {1 | 3 << 4 | DOMAIN << 16 | (uint64_t)(SOURCE + 1) << 32, 0, false},
        {1 | 3 << 4 | DOMAIN << 16 | (uint64_t)(SOURCE + 1) << 32 | UINT64_C(3) << 48, 0, true},
        {2 | 1 << 4, 0, true},
        {2 | 2 << 4 | DOMAIN << 16, 0, true},
        {2 | 2 << 4 | (DOMAIN + 1) << 16, 0, false},
        {2 | 3 << 4 | DOMAIN << 16, IOVA, true},
        {2 | 3 << 4 | DOMAIN << 16, IOVA + 4096, false},
        {2 | 3 << 4 | DOMAIN << 16, IOVA | 9, true},
        {2 | 3 << 4 | (DOMAIN + 1) << 16, IOVA, false},
    };

    make_context(f, 4);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t *entry = map(f, 4, 1, 3);
        command(f, 2 | 1 << 4, 0);
        check_passes(f, IOVA, false, DATA);
        *entry = 0;
        check_passes(f, IOVA, false, DATA);
        command(f, cases[i].word0, cases[i].word1);
        if (cases[i].hits) {
            check_refused(f, IOVA, false, 6);
        } else {
            check_passes(f, IOVA, false, DATA);
        }
    }
    map(f, 4, 1, 3);
    check_passes(f, IOVA, false, DATA);
    *map(f, 4, 1, 3) = 0;
    set64(f, IOTLB, UINT64_C(1) << 63 | UINT64_C(2) << 60 | (uint64_t)DOMAIN << 32);
    g_assert_cmphex(reg64(f, IOTLB) >> 57, ==, 2 << 3 | 2); /* no longer busy; what was done */
    check_refused(f, IOVA, false, 6);
    set64(f, CCMD, UINT64_C(1) << 63 | UINT64_C(1) << 61);
    g_assert_cmphex(reg64(f, CCMD) >> 59, ==, 1 << 2 | 1);
}

static void test_queue(Fixture *f, gconstpointer data)
{
    set32(f, IEDATA, 0x52);
    set32(f, IEADDR, 0xfee02000);
    set32(f, IECTL, 0);
    command(f, 5 | 1 << 5 | UINT64_C(0x1234) << 32, STATUS);
    g_assert_cmphex(words(f, STATUS)[0], ==, 0x1234);
    g_assert_cmphex(reg32(f, ICS), ==, 0);
    command(f, 5 | 1 << 4, 0);
    command(f, 5 | 1 << 4, 0);
    g_assert_cmpuint(f->messages, ==, 1);
    g_assert_cmphex(f->message_data, ==, 0x52);
    g_assert_cmphex(reg32(f, ICS), ==, 1);
    set32(f, ICS, 1);
    g_assert_cmphex(reg32(f, ICS), ==, 0);
    /* What it does not know stops it, until the error is cleared. */
    command(f, 15, 0);
    g_assert_cmphex(reg32(f, FSTS), ==, 1 << 4);
    g_assert_cmphex(reg32(f, IQH), ==, 48);
    words(f, QUEUE)[6] = 5;
    set32(f, FSTS, 1 << 4);
    g_assert_cmphex(reg32(f, FSTS), ==, 0);
    g_assert_cmphex(reg32(f, IQH), ==, 64);
    /* A tail behind the end. */
    set64(f, IQT, 0x7fff0);
    g_assert_cmphex(reg32(f, FSTS), ==, 1 << 4);
}

/* ---- Interrupts ---- */

static bool remaps(Fixture *f, uint64_t addr, uint32_t data)
{
    f->message_addr = addr;
    f->message_data = data;
    return f->iommu->ops->remap_msi(f->iommu, SOURCE, &f->message_addr, &f->message_data);
}

static void test_interrupts(Fixture *f, gconstpointer data)
{
    uint64_t *irte = &words(f, IRTES)[2 * 7];
    uint64_t addr = 0xfee00010 | 5 << 5 | 8; /* handle 5, and 2 of the data */

    g_assert_true(remaps(f, 0xfee01004, 0x4123)); /* off */
    g_assert_cmphex(f->message_addr, ==, 0xfee01004);
    set64(f, IRTA, IRTES | 3); /* 16 entries */
    set_flags(f, SIRTP);
    set_flags(f, IRE);
    irte[0] = 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 0x61 << 16 | UINT64_C(0x300) << 32;
    irte[1] = SOURCE | 1 << 18;
    g_assert_true(remaps(f, addr, 2));
    g_assert_cmphex(f->message_addr, ==, 0xfee0300c);
    g_assert_cmphex(f->message_data, ==, 0x61 | 1 << 8 | 3 << 14);
    g_assert_false(remaps(f, 0xfee01000, 0x20)); /* the old format */
    check_fault(f, 0x25, 0, false);
    set_flags(f, CFI);
    g_assert_true(remaps(f, 0xfee01000, 0x20));
    g_assert_false(remaps(f, addr, 11));
    check_fault(f, 0x21, UINT64_C(16) << 48, false);
    g_assert_false(remaps(f, addr, 3));
    check_fault(f, 0x22, UINT64_C(8) << 48, false);
    irte[1] = (SOURCE ^ 1) | 1 << 18;
    g_assert_false(remaps(f, addr, 2));
    check_fault(f, 0x26, UINT64_C(7) << 48, false);
    irte[1] |= 3 << 16; /* any function */
    g_assert_true(remaps(f, addr, 2));
    irte[1] = 1 << 18 << 1; /* buses 0 to 0 */
    g_assert_true(remaps(f, addr, 2));
    irte[0] |= 1 << 15; /* posted */
    g_assert_false(remaps(f, addr, 2));
    check_fault(f, 0x24, UINT64_C(7) << 48, false);
    irte[0] = 2;
    g_assert_false(remaps(f, addr, 2));
    g_assert_cmphex(reg32(f, FSTS), ==, 0); /* not present, and not to be reported */
}

/* ---- As a whole ---- */

/* A function's accesses reach what is mapped, and nothing else. */
static void test_device(Fixture *f, gconstpointer data)
{
    GpexConfig config = {.ecam_base = 0x30000000,
                         .ecam_size = 256 * MIB,
                         .mmio32_base = 0x40000000,
                         .mmio32_size = GIB,
                         .mmio64_base = UINT64_C(0x400000000),
                         .mmio64_size = GIB};
    uint64_t secret = 0x5ec7e7, value = 0;

    gpex_new(f->machine, &config);
    create_device(f->machine, "virtio-rng-pci,addr=2,iommu_platform=on");
    PciBus *bus = pci_find_bus(f->machine, NULL);
    AddressSpace *dma = &bus->devices[SOURCE]->dma;
    machine_reset(f->machine);
    bus->iommu = f->iommu;
    machine_mmio_write(f->machine, 0x30000000 + (SOURCE << 12) + PCI_COMMAND,
                       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    make_context(f, 4);
    map(f, 4, 1, 3);
    words(f, DATA)[0] = secret;
    g_assert_cmpint(dma_read(dma, IOVA, &value, 8), ==, MEM_OK);
    g_assert_cmphex(value, ==, secret);
    g_assert_cmpint(dma_write(dma, DATA, &value, 8), !=, MEM_OK);
    check_fault(f, 5, DATA, true);
    g_assert_cmpint(dma_write(dma, IOVA + 4092, &value, 8), !=, MEM_OK); /* half of it */
    check_fault(f, 5, IOVA + 4096, true);
    bus->iommu = NULL;
}

static void test_vmstate(Fixture *f, gconstpointer data)
{
    IntelIommuConfig config = {.aw_bits = 48, .intremap = true};

    make_context(f, 4);
    set64(f, IRTA, IRTES | 3);
    set_flags(f, SIRTP);
    command(f, 5, 0);
    intel_iommu_new(f->machine, &config);
    check_round_trip(f->machine->devices->pdata[0], f->machine->devices->pdata[1]);
    config.intremap = false; /* a snapshot of another one is refused */
    intel_iommu_new(f->machine, &config);
    Device *from = f->machine->devices->pdata[0], *to = f->machine->devices->pdata[2];
    GByteArray *bytes = g_byte_array_new();
    GError *error = NULL;
    to->ops->reset(to);
    vmstate_save(bytes, from->ops->vmstate, from);
    const uint8_t *at = bytes->data;
    size_t len = bytes->len;
    g_assert_false(vmstate_load(&at, &len, to->ops->vmstate, to, &error));
    g_assert_nonnull(strstr(error->message, "other properties"));
    g_error_free(error);
    g_byte_array_unref(bytes);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    uint64_t addr;

    make_context(f, 4);
    for (unsigned i = 0; i < 512; i++) { /* a table that leads to itself */
        words(f, TABLES)[i] = TABLES | 3;
    }
    check_passes(f, IOVA, true, TABLES);
    for (uint32_t seed = 1; seed < 20; seed++) {
        wild_accesses(f->machine, INTEL_IOMMU_BASE, INTEL_IOMMU_SIZE, 2000, seed);
        translates(f, IOVA, true, &addr);
        remaps(f, 0xfee00018, seed);
    }
    machine_reset(f->machine);
    check_passes(f, IOVA, true, IOVA);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/intel-iommu/" name, Fixture, NULL, setup, fn, teardown)
    ADD("off", test_off);
    ADD("pages", test_pages);
    ADD("faults", test_faults);
    ADD("contexts", test_contexts);
    ADD("silent", test_silent);
    ADD("event", test_event);
    ADD("invalidation", test_invalidation);
    ADD("queue", test_queue);
    ADD("interrupts", test_interrupts);
    ADD("device", test_device);
    ADD("vmstate", test_vmstate);
    ADD("wild", test_wild);
    return g_test_run();
}
