/*
 * The memory map: flattening, lookups, bus accesses and their splitting, DMA, and lookups on two threads
 * while a third moves regions.
 */
#include "softmmu/device.h"
#include "softmmu/lock.h"
#include "softmmu/machine.h"
#include "softmmu/memory-internal.h"
#include <string.h>
#include <sys/mman.h>

/* A device that remembers its accesses. */
typedef struct Probe {
    Device dev;
    unsigned n;
    struct {
        bool write;
        uint64_t offset, value;
        unsigned size;
    } log[16];
    uint64_t answer;  /* each byte read is its low byte plus the offset */
    MemoryMap *again; /* accessed from within an access, at address 0x1000 */
    MemResult again_result;
    bool locked;
} Probe;

static void probe_note(Probe *p, bool write, uint64_t offset, uint64_t value, unsigned size)
{
    if (p->n < G_N_ELEMENTS(p->log)) {
        p->log[p->n].write = write;
        p->log[p->n].offset = offset;
        p->log[p->n].value = value;
        p->log[p->n].size = size;
    }
    p->n++;
    p->locked = machine_locked();
    if (p->again) {
        p->again_result = memory_map_write(p->again, 0x1000, 0, 4);
    }
}

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
    Probe *p = opaque;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)((p->answer + offset + i) & 0xff) << (8 * i);
    }
    probe_note(p, false, offset, 0, size);
    return value;
}

static void probe_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    probe_note(opaque, true, offset, value, size);
}

static const MmioOps any_ops = {probe_read, probe_write, 0, 0, false};
static const MmioOps word_ops = {probe_read, probe_write, 4, 4, false};
static const MmioOps byte_ops = {probe_read, probe_write, 1, 1, false};
static const MmioOps unaligned_ops = {probe_read, probe_write, 1, 4, true};
static const DeviceOps probe_device = {.name = "probe"};

static RamBlock *new_ram(MemoryMap *map, uint64_t size)
{
    GError *error = NULL;
    RamBlock *ram = ram_block_new(map, "test", size, &error);
    g_assert_no_error(error);
    return ram;
}

static void check_find(MemoryMap *map, uint64_t addr, MemoryRegion *region, uint64_t offset,
                       uint64_t avail)
{
    MemoryHit hit;
    if (!region) {
        g_assert_false(memory_map_find(map, addr, &hit));
        return;
    }
    g_assert_true(memory_map_find(map, addr, &hit));
    g_assert_true(hit.region == region);
    g_assert_cmphex(hit.offset, ==, offset);
    g_assert_cmphex(hit.avail, ==, avail);
}

static void test_overlap(void)
{
    MemoryMap *map = memory_map_new(NULL);
    Probe p = {.n = 0};
    MemoryRegion *low = memory_map_add_mmio(map, "low", 0x1000, 0x3000, 0, &any_ops, &p, NULL);
    MemoryRegion *high = memory_map_add_mmio(map, "high", 0x2000, 0x1000, 1, &any_ops, &p, NULL);
    check_find(map, 0xfff, NULL, 0, 0);
    check_find(map, 0x1000, low, 0, 0x1000);
    check_find(map, 0x2010, high, 0x10, 0xff0);
    check_find(map, 0x3000, low, 0x2000, 0x1000);
    check_find(map, 0x4000, NULL, 0, 0);

    /* The later of equal ones wins; what is hidden shows again. */
    MemoryRegion *later = memory_map_add_mmio(map, "later", 0x1800, 0x2000, 0, &any_ops, &p, NULL);
    check_find(map, 0x1fff, later, 0x7ff, 1);
    check_find(map, 0x2000, high, 0, 0x1000);
    check_find(map, 0x3000, later, 0x1800, 0x800);
    check_find(map, 0x3800, low, 0x2800, 0x800);
    memory_region_set_enabled(later, false);
    check_find(map, 0x3000, low, 0x2000, 0x1000);
    memory_region_set_base(high, 0x8000);
    check_find(map, 0x2000, low, 0x1000, 0x2000);
    check_find(map, 0x8fff, high, 0xfff, 1);
    memory_region_remove(low);
    check_find(map, 0x2000, NULL, 0, 0);

    /* At the top of the address space, and beyond. */
    memory_region_set_base(high, UINT64_MAX - 0xfff);
    check_find(map, UINT64_MAX, high, 0xfff, 1);
    memory_region_set_base(high, UINT64_MAX - 0xf);
    check_find(map, UINT64_MAX, high, 0xf, 1);
    check_find(map, 0, NULL, 0, 0);
    memory_map_free(map);
}

/* Against a map of bytes, for random sets of regions. */
static void test_random_flatten(void)
{
    enum { SPAN = 64, REGIONS = 8 };
    GRand *rand = g_rand_new_with_seed(1);
    Probe p = {.n = 0};
    for (unsigned round = 0; round < 300; round++) {
        MemoryMap *map = memory_map_new(NULL);
        MemoryRegion *expect[SPAN] = {NULL}, *regions[REGIONS];
        int prio[REGIONS], best[SPAN];
        uint64_t base[REGIONS], size[REGIONS];
        for (unsigned r = 0; r < REGIONS; r++) {
            prio[r] = g_rand_int_range(rand, -2, 3);
            base[r] = g_rand_int_range(rand, 0, SPAN);
            size[r] = g_rand_int_range(rand, 0, SPAN - base[r] + 1);
            regions[r] =
                memory_map_add_mmio(map, "r", base[r] / 2, size[r], prio[r], &any_ops, &p, NULL);
            memory_region_set_base(regions[r], base[r]);
        }
        for (unsigned r = 0; r < REGIONS; r++) {
            for (uint64_t a = base[r]; a < base[r] + size[r]; a++) {
                if (!expect[a] || prio[r] >= best[a]) {
                    expect[a] = regions[r];
                    best[a] = prio[r];
                }
            }
        }
        for (uint64_t a = 0; a < SPAN; a++) {
            MemoryHit hit;
            bool found = memory_map_find(map, a, &hit);
            g_assert_true(found == (expect[a] != NULL));
            g_assert_true(!found || hit.region == expect[a]);
        }
        memory_map_free(map);
    }
    g_rand_free(rand);
}

static void test_ram(void)
{
    MemoryMap *map = memory_map_new(NULL);
    RamBlock *a = new_ram(map, 0x4000), *b = new_ram(map, 0x2001);
    MemoryHit hit;
    uint64_t value;
    g_assert_cmphex(b->size, ==, 0x3000);
    g_assert_cmpuint(b->index, ==, a->index + 4);
    memory_map_add_ram(map, "a", 0x80000000, 0x4000, 0, a, 0, false, NULL, NULL);
    memory_map_add_ram(map, "b", 0x80004000, 0x2000, 0, b, 0x1000, true, NULL, NULL);
    g_assert_true(memory_map_find(map, 0x80002345, &hit));
    g_assert_true(hit.host == a->host + 0x2345 && hit.ram_page == a->index + 2 && !hit.readonly);
    g_assert_cmphex(hit.avail, ==, 0x4000 - 0x2345);
    g_assert_true(memory_map_find(map, 0x80005008, &hit));
    g_assert_true(hit.host == b->host + 0x2008 && hit.ram_page == b->index + 2 && hit.readonly);

    g_assert_true(memory_map_write(map, 0x80000001, 0x1122334455667788, 8) == MEM_OK);
    g_assert_true(memory_map_read(map, 0x80000000, &value, 4) == MEM_OK);
    g_assert_cmphex(value, ==, 0x66778800);
    /* ROM takes writes without effect. */
    g_assert_true(memory_map_write(map, 0x80004000, 1, 1) == MEM_OK);
    g_assert_cmpuint(b->host[0x1000], ==, 0);
    /* Across two regions. */
    a->host[0x3fff] = 0xaa;
    b->host[0x1000] = 0xbb;
    g_assert_true(memory_map_read(map, 0x80003fff, &value, 2) == MEM_OK);
    g_assert_cmphex(value, ==, 0xbbaa);
    /* Nothing there, also in part. */
    g_assert_true(memory_map_read(map, 0x1000, &value, 4) == MEM_DECODE_ERROR);
    g_assert_cmphex(value, ==, 0xffffffff);
    g_assert_true(memory_map_read(map, 0x80005ffe, &value, 8) == MEM_DECODE_ERROR);
    g_assert_cmphex(value, ==, UINT64_MAX);
    g_assert_true(memory_map_write(map, UINT64_MAX, 0, 8) == MEM_DECODE_ERROR);
    memory_map_free(map);
}

/* A block as a whole, of either kind. */
static void check_block(RamBlock *ram)
{
    uint8_t buf[3 * 4096], page[4096];

    g_assert_cmpuint(ram_block_next_data(ram, 0), ==, ram->size);
    g_assert_cmpuint(ram_block_populated(ram), ==, 0);
    ram->host[5 * 4096 + 7] = 1;
    memset(page, 2, sizeof(page));
    g_assert_cmpint(ram_block_write(ram, page, 4096, 600 * 4096), ==, 0);
    g_assert_cmpuint(ram_block_next_data(ram, 0), ==, 5 * 4096);
    g_assert_cmpuint(ram_block_next_data(ram, 5 * 4096), ==, 5 * 4096);
    g_assert_cmpuint(ram_block_next_data(ram, 6 * 4096), ==, 600 * 4096);
    g_assert_cmpuint(ram_block_next_data(ram, 601 * 4096), ==, ram->size);
    g_assert_cmpuint(ram_block_populated(ram), ==, 2 * 4096);
    g_assert_cmpint(ram_block_read(ram, buf, sizeof(buf), 599 * 4096), ==, 0);
    g_assert_true(buf[4095] == 0 && buf[4096] == 2 && buf[8191] == 2 && buf[8192] == 0);
    ram_block_discard(ram, 600 * 4096, 4096);
    g_assert_cmpuint(ram->host[600 * 4096], ==, 0);
    ram_block_discard(ram, 0, ram->size);
    g_assert_cmpuint(ram_block_populated(ram), ==, 0);
    g_assert_cmpuint(ram->host[5 * 4096 + 7], ==, 0);
}

static void test_blocks(void)
{
    MemoryMap *map = memory_map_new(NULL);
    RamBacking shared = {.name = "shared", .share = true},
               prealloc = {.name = "all", .prealloc = true};
    RamBlock *file = new_ram(map, 4 * MIB);

    memory_map_set_private(map);
    RamBlock *own = new_ram(map, 4 * MIB), *large = new_ram(map, 64 * MIB + 4096);
    g_assert_true(file->fd >= 0 && own->fd < 0);
    check_block(file);
    check_block(own);

    /* Room for large pages, which KVM maps only where they are aligned. */
    g_assert_cmphex((uintptr_t)large->host & (2 * MIB - 1), ==, 0);
    large->host[large->size - 1] = 1;
    g_assert_cmpuint(ram_block_next_data(large, 0), ==, large->size - 4096);

    /* What others are to see, and what is to be there at once. */
    RamBlock *seen = ram_block_new_backed(map, "seen", 4 * MIB, &shared, NULL);
    g_assert_true(seen->fd >= 0);
    RamBlock *all = ram_block_new_backed(map, "all", 4 * MIB, &prealloc, NULL);
    g_assert_true(all->fd < 0);
    g_assert_cmpuint(ram_block_populated(all), ==, 4 * MIB);
    memory_map_free(map);
}

static void test_ram_too_large(void)
{
    MemoryMap *map = memory_map_new(NULL);
    GError *error = NULL;
    g_assert_null(ram_block_new(map, "ram", UINT64_C(1) << 47, &error));
    g_assert_nonnull(strstr(error->message, "-m"));
    g_clear_error(&error);
    g_assert_null(ram_block_new(map, "ram", 0, &error));
    g_clear_error(&error);
    memory_map_free(map);
}

static void test_flash(void)
{
    MemoryMap *map = memory_map_new(NULL);
    RamBlock *ram = new_ram(map, 0x2000);
    Probe p = {.answer = 0x40};
    uint64_t value;
    MemoryHit hit;
    MemoryRegion *flash =
        memory_map_add_ram(map, "flash", 0, 0x2000, 0, ram, 0, false, &word_ops, &p);
    ram->host[4] = 7;
    g_assert_true(memory_map_read(map, 4, &value, 4) == MEM_OK && value == 7 && p.n == 0);
    g_assert_true(memory_map_find(map, 4, &hit) && hit.host && hit.readonly);
    g_assert_true(memory_map_write(map, 8, 0x98, 4) == MEM_OK);
    g_assert_true(p.n == 1 && p.log[0].write && p.log[0].offset == 8 && p.log[0].value == 0x98);
    memory_region_set_direct_read(flash, false);
    g_assert_true(memory_map_find(map, 4, &hit) && !hit.host);
    g_assert_true(memory_map_read(map, 4, &value, 4) == MEM_OK);
    g_assert_cmphex(value, ==, 0x47464544);
    memory_region_set_direct_read(flash, true);
    g_assert_true(memory_map_read(map, 4, &value, 4) == MEM_OK && value == 7);
    memory_map_free(map);
}

/* One access of @size at @offset of a region with @ops: what the device sees and what comes back. */
static void check_split(const MmioOps *ops, bool write, uint64_t offset, unsigned size,
                        uint64_t value, const char *expect)
{
    MemoryMap *map = memory_map_new(NULL);
    Probe p = {.answer = 0x10};
    GString *seen = g_string_new(NULL);
    memory_map_add_mmio(map, "io", 0x1000, 0x100, 0, ops, &p, NULL);
    MemResult result = write ? memory_map_write(map, 0x1000 + offset, value, size)
                             : memory_map_read(map, 0x1000 + offset, &value, size);
    for (unsigned i = 0; i < p.n; i++) {
        g_string_append_printf(seen, "%s%x/%u", i ? " " : "", (unsigned)p.log[i].offset,
                               p.log[i].size);
        if (write) {
            g_string_append_printf(seen, "=%" G_GINT64_MODIFIER "x", p.log[i].value);
        }
    }
    if (!write) {
        g_string_append_printf(seen, " -> %" G_GINT64_MODIFIER "x", value);
    }
    g_assert_true(result == MEM_OK);
    g_assert_cmpstr(seen->str, ==, expect);
    g_string_free(seen, true);
    memory_map_free(map);
}

static void test_split(void)
{
    check_split(&any_ops, false, 8, 8, 0, "8/8 -> 1f1e1d1c1b1a1918");
    check_split(&any_ops, false, 3, 1, 0, "3/1 -> 13");
    check_split(&any_ops, false, 3, 4, 0, "3/1 4/2 6/1 -> 16151413");
    check_split(&word_ops, false, 8, 8, 0, "8/4 c/4 -> 1f1e1d1c1b1a1918");
    check_split(&word_ops, true, 8, 8, 0x1122334455667788, "8/4=55667788 c/4=11223344");
    check_split(&word_ops, false, 6, 1, 0, "4/4 -> 16");
    check_split(&word_ops, false, 6, 2, 0, "4/4 -> 1716");
    check_split(&word_ops, true, 6, 2, 0xabcd, "4/4=abcd0000");
    check_split(&word_ops, false, 6, 4, 0, "4/4 8/4 -> 19181716");
    check_split(&byte_ops, true, 4, 4, 0x01020304, "4/1=4 5/1=3 6/1=2 7/1=1");
    check_split(&unaligned_ops, false, 3, 4, 0, "3/4 -> 16151413");
    check_split(&unaligned_ops, true, 3, 8, 0x1122334455667788, "3/4=55667788 7/4=11223344");
}

static void test_mmio_refused(void)
{
    static const MmioOps read_only = {probe_read, NULL, 4, 4, false};
    MemoryMap *map = memory_map_new(NULL);
    Probe p = {.n = 0};
    uint64_t value;
    memory_map_add_mmio(map, "odd", 0x1000, 6, 0, &word_ops, &p, NULL);
    memory_map_add_mmio(map, "ro", 0x2000, 0x100, 0, &read_only, &p, NULL);
    g_assert_true(memory_map_read(map, 0x1000, &value, 4) == MEM_OK);
    /* Would have to be widened past the end. */
    g_assert_true(memory_map_read(map, 0x1004, &value, 2) == MEM_BUS_ERROR);
    g_assert_cmphex(value, ==, 0xffff);
    g_assert_true(memory_map_write(map, 0x2000, 0, 4) == MEM_BUS_ERROR);
    memory_map_free(map);
}

static void test_reentrancy(void)
{
    GMutex lock;
    g_mutex_init(&lock);
    MemoryMap *map = memory_map_new(&lock);
    Probe p = {.dev = {.ops = &probe_device, .id = "probe@0"}};
    memory_map_add_mmio(map, "io", 0x1000, 0x1000, 0, &any_ops, &p, &p.dev);
    g_assert_true(memory_map_write(map, 0x1000, 1, 4) == MEM_OK);
    g_assert_true(p.locked);
    g_assert_false(machine_locked());
    p.again = map;
    p.n = 0;
    g_assert_true(memory_map_write(map, 0x1000, 1, 4) == MEM_OK);
    g_assert_cmpuint(p.n, ==, 1);
    g_assert_true(p.again_result == MEM_BUS_ERROR);
    g_assert_false(p.dev.in_access);
    memory_map_free(map);
    g_mutex_clear(&lock);
}

/*
 * DMA.
 */

static GString *hook_log;

static void code_hook(void *opaque, uint64_t ram_page, unsigned first, unsigned len)
{
    g_string_append_printf(hook_log, "%u:%x+%x ", (unsigned)ram_page, first, len);
}

static void test_dma(void)
{
    MemoryMap *map = memory_map_new(NULL);
    AddressSpace as = {.map = map};
    Probe p = {.n = 0};
    RamBlock *ram = new_ram(map, 0x4000);
    uint8_t buf[0x3000], back[0x3000];
    uint64_t value, len;
    hook_log = g_string_new(NULL);
    memory_map_set_code_hook(map, code_hook, NULL);
    memory_map_add_ram(map, "ram", 0x10000, 0x4000, 0, ram, 0, false, NULL, NULL);
    memory_map_add_ram(map, "rom", 0x20000, 0x1000, 0, ram, 0, true, NULL, NULL);
    memory_map_add_mmio(map, "io", 0x14000, 0x1000, 0, &any_ops, &p, NULL);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        buf[i] = i * 7;
    }
    g_assert_true(dma_write(&as, 0x10ff0, buf, 0x2020) == MEM_OK);
    g_assert_cmpstr(hook_log->str, ==, "0:ff0+10 1:0+1000 2:0+1000 3:0+10 ");
    g_assert_true(dma_read(&as, 0x10ff0, back, 0x2020) == MEM_OK);
    g_assert_cmpmem(buf, 0x2020, back, 0x2020);
    g_assert_true(dma_read(&as, 0x20000, back, 0x1000) == MEM_OK);
    g_assert_true(dma_write(&as, 0x20000, buf, 1) == MEM_BUS_ERROR);
    /* Into registers, past the end, around the end of the address space. */
    g_assert_true(dma_write(&as, 0x13ff0, buf, 0x20) == MEM_BUS_ERROR);
    g_assert_true(dma_read(&as, 0x14000, buf, 4) == MEM_BUS_ERROR);
    g_assert_true(dma_read(&as, 0x0, buf, 4) == MEM_DECODE_ERROR);
    g_assert_true(dma_read(&as, UINT64_MAX - 1, buf, 4) == MEM_DECODE_ERROR);
    g_assert_true(dma_read(&as, 0x10000, buf, 0) == MEM_OK);
    g_assert_cmpuint(p.n, ==, 0);

    g_assert_true(dma_write_le(&as, 0x10ffe, 0x11223344, 4) == MEM_OK);
    g_assert_true(dma_read_le(&as, 0x10ffe, &value, 4) == MEM_OK);
    g_assert_cmphex(value, ==, 0x11223344);
    g_assert_true(dma_write_le(&as, 0x13ffe, 0, 4) == MEM_BUS_ERROR);
    g_assert_true(dma_read_le(&as, 0x50000, &value, 8) == MEM_DECODE_ERROR);
    g_assert_cmphex(value, ==, 0);

    g_string_truncate(hook_log, 0);
    len = 0x10000;
    uint8_t *host = dma_map(&as, 0x12800, &len, true);
    g_assert_true(host == ram->host + 0x2800);
    g_assert_cmphex(len, ==, 0x1800);
    dma_unmap(&as, host, 0x900);
    g_assert_cmpstr(hook_log->str, ==, "2:800+800 3:0+100 ");
    len = 4;
    g_assert_null(dma_map(&as, 0x14000, &len, false));
    len = 4;
    g_assert_null(dma_map(&as, 0x20000, &len, true));

    g_assert_true(dma_write_msi(&as, 0x14008, 0x55) == MEM_OK);
    g_assert_true(p.n == 1 && p.log[0].offset == 8 && p.log[0].value == 0x55 && p.log[0].size == 4);
    g_assert_true(dma_write_msi(&as, 0x14002, 0x55) == MEM_BUS_ERROR);
    g_assert_true(dma_write_msi(&as, 0x0, 0x55) == MEM_DECODE_ERROR);
    memory_map_free(map);
    g_string_free(hook_log, true);
}

/* An IOMMU: pages 0x1000 to 0x2fff are RAM in reverse order, the second of them read-only. */
static bool translate(AddressSpace *as, uint64_t iova, bool write, uint64_t *addr, uint64_t *len)
{
    static const uint64_t pages[] = {0, 0x11000, 0x10000};
    uint64_t page = iova >> 12;
    if (page < 1 || page > 2 || (write && page == 2)) {
        return false;
    }
    *addr = pages[page] + (iova & 0xfff);
    *len = MIN(*len, 0x1000 - (iova & 0xfff));
    return true;
}

static void test_dma_translated(void)
{
    MemoryMap *map = memory_map_new(NULL);
    AddressSpace as = {.map = map, .translate = translate};
    RamBlock *ram = new_ram(map, 0x2000);
    uint8_t buf[16];
    memory_map_add_ram(map, "ram", 0x10000, 0x2000, 0, ram, 0, false, NULL, NULL);
    memset(ram->host, 1, 0x1000);
    memset(ram->host + 0x1000, 2, 0x1000);
    g_assert_true(dma_read(&as, 0x1ff8, buf, 16) == MEM_OK);
    g_assert_true(buf[7] == 2 && buf[8] == 1);
    g_assert_true(dma_write(&as, 0x1ff0, buf, 16) == MEM_OK);
    g_assert_true(dma_write(&as, 0x1ff8, buf, 16) == MEM_DECODE_ERROR);
    g_assert_true(dma_read(&as, 0x2ff8, buf, 16) == MEM_DECODE_ERROR);
    memory_map_free(map);
}

/*
 * Lookups against changes.
 */

typedef struct Stress {
    MemoryMap *map;
    RamBlock *ram;
    MemoryRegion *fixed;
    bool stop;
} Stress;

/* The fixed region must always be found, and a moving one only where it can be. */
static gpointer stress_reader(gpointer data)
{
    Stress *s = data;
    uint64_t lookups = 0;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        MemoryHit hit;
        uint64_t addr = 0x100000 + (lookups * 4099 & 0xfffff);
        g_assert_true(memory_map_find(s->map, addr, &hit));
        if (hit.region == s->fixed) {
            g_assert_true(hit.offset == addr - 0x100000 && hit.host == s->ram->host + hit.offset);
            g_assert_true(hit.avail <= 0x200000 - addr);
        } else { /* a moving one of 0x1000 bytes, at multiples of that */
            g_assert_true(!hit.host && hit.offset == (addr & 0xfff) &&
                          hit.avail == 0x1000 - hit.offset);
        }
        g_assert_false(memory_map_find(s->map, 0x50, &hit));
        lookups++;
    }
    return NULL;
}

static void test_concurrent(void)
{
    enum { MOVING = 40 }; /* enough for the flat array to grow while readers are in it */
    MemoryMap *map = memory_map_new(NULL);
    Probe p = {.n = 0};
    Stress s = {.map = map, .ram = new_ram(map, 0x100000)};
    MemoryRegion *moving[MOVING];
    GRand *rand = g_rand_new_with_seed(2);
    s.fixed = memory_map_add_ram(map, "ram", 0x100000, 0x100000, 0, s.ram, 0, false, NULL, NULL);
    GThread *readers[2];
    for (unsigned i = 0; i < 2; i++) {
        readers[i] = g_thread_new("reader", stress_reader, &s);
    }
    for (unsigned i = 0; i < MOVING; i++) {
        moving[i] =
            memory_map_add_mmio(map, "m", 0x100000 + 0x2000 * i, 0x1000, 1, &any_ops, &p, NULL);
    }
    int64_t end = g_get_monotonic_time() + G_USEC_PER_SEC;
    while (g_get_monotonic_time() < end) {
        MemoryRegion *region = moving[g_rand_int_range(rand, 0, MOVING)];
        if (g_rand_boolean(rand)) {
            memory_region_set_base(region, 0x100000 + 0x1000 * g_rand_int_range(rand, 0, 256));
        } else {
            memory_region_set_enabled(region, g_rand_boolean(rand));
        }
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++) {
        g_thread_join(readers[i]);
    }
    g_rand_free(rand);
    memory_map_free(map);
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

/*
 * Pages of zeros.
 */

/* Of the first @n pages of @ram, those that the host has given memory. */
static unsigned resident(const RamBlock *ram, unsigned n)
{
    unsigned char *vec = g_malloc(n);
    unsigned count = 0;
    g_assert_cmpint(mincore(ram->host, (size_t)n << 12, vec), ==, 0);
    for (unsigned i = 0; i < n; i++) {
        count += vec[i] & 1;
    }
    g_free(vec);
    return count;
}

static void test_zeros(void)
{
    MemoryMap *map = memory_map_new(NULL);
    AddressSpace as = {.map = map};
    RamBlock *other = new_ram(map, 0x4000), *ram = new_ram(map, 0x10000);
    uint32_t pages[16];
    memory_map_add_ram(map, "ram", 0x10000, 0x10000, 0, ram, 0, false, NULL, NULL);
    memset(ram->host, 0, 0x10000);
    memset(other->host, 0, 0x4000);
    ram->host[0x3fff] = 1; /* the last byte of page 3, the first of page 7 */
    ram->host[0x7000] = 2;
    for (unsigned i = 0; i < 16; i++) {
        pages[i] = ram->index + i;
    }
    g_assert_cmpuint(resident(ram, 16), ==, 16);
    memory_writes_begin(map);
    g_assert_cmpuint(memory_give_back_zeros(map, pages, 16), ==, 0);
    memory_writes_end(map);
    g_assert_cmpuint(resident(ram, 16), ==, 16);
    pages[5] = other->index; /* not in order, and of another block */
    g_assert_cmpuint(memory_give_back_zeros(map, pages, 16), ==, 14);
    g_assert_cmpuint(resident(ram, 16), ==, 3);
    g_assert_cmpuint(resident(other, 4), ==, 3);
    for (unsigned i = 0; i < 0x10000; i++) {
        g_assert_cmphex(ram->host[i], ==, i == 0x3fff ? 1 : i == 0x7000 ? 2 : 0);
    }

    /* dma_clear(): whole pages become holes, parts of pages zeros. */
    memset(ram->host, 0xff, 0x10000);
    g_assert_true(dma_clear(&as, 0x11800, 0x3000) == MEM_OK);
    g_assert_true(dma_clear(&as, 0x18010, 0x20) == MEM_OK);
    g_assert_cmpuint(resident(ram, 16), ==, 14);
    for (unsigned i = 0; i < 0x10000; i++) {
        bool zero = (i >= 0x1800 && i < 0x4800) || (i >= 0x8010 && i < 0x8030);
        g_assert_cmphex(ram->host[i], ==, zero ? 0 : 0xff);
    }
    g_assert_true(dma_clear(&as, 0x1f000, 0x2000) == MEM_DECODE_ERROR);
    memory_map_free(map);
}

/* Writes pages that are mostly zeros, and sees that what it wrote is there. */
static gpointer zeros_writer(gpointer data)
{
    Stress *s = data;
    AddressSpace as = {.map = s->map};
    for (uint64_t n = 1; !__atomic_load_n(&s->stop, __ATOMIC_RELAXED); n++) {
        uint64_t addr = 0x10000 + n * 0x1008 % 0x10000, zero = 0, back;
        g_assert_true(dma_write(&as, addr, &n, 8) == MEM_OK);
        g_assert_true(dma_read(&as, addr, &back, 8) == MEM_OK);
        g_assert_cmphex(back, ==, n);
        g_assert_true(dma_write(&as, addr, &zero, 8) == MEM_OK);
    }
    return NULL;
}

static void test_zeros_concurrent(void)
{
    Stress s = {.map = memory_map_new(NULL)};
    uint32_t pages[16];
    unsigned given = 0;
    s.ram = new_ram(s.map, 0x10000);
    memory_map_add_ram(s.map, "ram", 0x10000, 0x10000, 0, s.ram, 0, false, NULL, NULL);
    for (unsigned i = 0; i < 16; i++) {
        pages[i] = s.ram->index + i;
    }
    GThread *writer = g_thread_new("writer", zeros_writer, &s);
    int64_t end = g_get_monotonic_time() + G_TIME_SPAN_SECOND / 4;
    while (g_get_monotonic_time() < end) {
        given += memory_give_back_zeros(s.map, pages, 16);
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
    g_thread_join(writer);
    g_assert_cmpuint(given, >, 0);
    memory_map_free(s.map);
}

static void test_listener(void)
{
    MemoryMap *map = memory_map_new(NULL);
    Probe p = {.n = 0};
    unsigned changes = 0;
    memory_map_add_listener(map, count, &changes);
    MemoryRegion *io = memory_map_add_mmio(map, "io", 0x1000, 0x100, 0, &any_ops, &p, NULL);
    g_assert_cmpuint(changes, ==, 1);
    memory_region_set_base(io, 0x1000);
    memory_region_set_enabled(io, true);
    g_assert_cmpuint(changes, ==, 1);
    memory_region_set_enabled(io, false);
    g_assert_cmpuint(changes, ==, 2);
    memory_region_set_base(io, 0x3000); /* hidden: nothing to see */
    g_assert_cmpuint(changes, ==, 2);
    memory_region_set_enabled(io, true);
    GString *text = g_string_new(NULL);
    memory_map_print(map, text);
    g_assert_cmpstr(text->str, ==, "  0000000000003000-00000000000030ff (prio 0, i/o): io\n");
    g_string_free(text, true);
    memory_map_free(map);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/overlap", test_overlap);
    g_test_add_func("/memory/random-flatten", test_random_flatten);
    g_test_add_func("/memory/ram", test_ram);
    g_test_add_func("/memory/blocks", test_blocks);
    g_test_add_func("/memory/ram-too-large", test_ram_too_large);
    g_test_add_func("/memory/flash", test_flash);
    g_test_add_func("/memory/split", test_split);
    g_test_add_func("/memory/mmio-refused", test_mmio_refused);
    g_test_add_func("/memory/reentrancy", test_reentrancy);
    g_test_add_func("/memory/listener", test_listener);
    g_test_add_func("/memory/concurrent", test_concurrent);
    g_test_add_func("/memory/zeros", test_zeros);
    g_test_add_func("/memory/zeros-concurrent", test_zeros_concurrent);
    g_test_add_func("/dma/plain", test_dma);
    g_test_add_func("/dma/translated", test_dma_translated);
    return g_test_run();
}
