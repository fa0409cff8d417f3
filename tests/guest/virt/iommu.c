/*
 * Drives the RISC-V IOMMU, as an operating system would, with two devices behind it: a random number generator
 * and a disk whose first sector begins with 0x1122334455667788. What was mapped is reached; nothing else
 * is, whatever the tables look like; each attempt is in the fault queue.
 */
#include "tests/guest/virt/virt.h"

#define V 1ul
#define LEAF 0xd7ul /* V R W U A D */
#define READ_ONLY (LEAF & ~4ul)

enum { CAPS = 0, FCTL = 8, DDTP = 16, CQB = 24, CQH = 32, CQT = 36, FQB = 40, FQH = 48, FQT = 52 };
enum { CQCSR = 72, FQCSR = 76, IPSR = 84, ICVEC = 760, MSI_TABLE = 768 };

#define IOVA 0x7700000000ul
#define GUEST 0x500000000ul /* where the second stage has the program's memory */

static uint8_t pages[64][4096] __attribute__((aligned(16384)));
static unsigned used_pages;
static uint64_t regs;
static uint64_t commands, faults, tail;
static Function iommu, rng, disk;
static Queue rng_queue, disk_queue;
static uint64_t ring, disk_ring, target, victim; /* pages */

static uint64_t new_pages(unsigned n)
{
    used_pages = (used_pages + n - 1) & -n;
    uint64_t page = (uint64_t)pages[used_pages];
    used_pages += n;
    memset((void *)page, 0, n * 4096ul);
    return page;
}

static uint64_t entry(uint64_t addr)
{
    return addr >> 12 << 10;
}

/* Enters @pa at @va into the table @root of @levels levels (of the second stage with @wide) in pages that
 * the reader of the tables knows as their address + @offset. */
static void map(uint64_t root, unsigned levels, unsigned wide, uint64_t va, uint64_t pa,
                uint64_t flags, uint64_t offset)
{
    uint64_t table = root;

    for (unsigned level = levels - 1;; level--) {
        uint64_t mask = level == levels - 1 ? (512ul << wide) - 1 : 511;
        volatile uint64_t *pte = at64(table + (va >> (12 + 9 * level) & mask) * 8);

        if (level == 0) {
            *pte = entry(pa) | flags;
            return;
        }
        if (!*pte) {
            *pte = entry(new_pages(1) + offset) | V;
        }
        table = (*pte >> 10 << 12) - offset;
    }
}

/* ---- The IOMMU ---- */

static void command(uint64_t word0, uint64_t word1)
{
    *at64(commands + 16 * tail) = word0;
    *at64(commands + 16 * tail + 8) = word1;
    tail = (tail + 1) % 256;
    fence();
    *at32(regs + CQT) = tail;
}

/* Drops all caches, and waits for that by a fence that writes. */
static void flush(void)
{
    static volatile uint32_t done;
    static uint32_t sequence;

    sequence++;
    command(3, 0);          /* IODIR.INVAL_DDT */
    command(1, 0);          /* IOTINVAL.VMA */
    command(1 | 1 << 7, 0); /* IOTINVAL.GVMA */
    command(2 | 1 << 10 | 3 << 12 | (uint64_t)sequence << 32, (uint64_t)&done >> 2);
    for (unsigned i = 0; i < 1000000 && done != sequence; i++) {
    }
    check("fence", done, sequence);
    check("command queue", *at32(regs + CQCSR), 0x10001);
}

/* The newest fault: cause and kind, and its address; then the queue is empty. */
static void take_fault(const char *what, unsigned cause, unsigned kind, unsigned slot,
                       uint64_t iova)
{
    uint64_t head = *at32(regs + FQH), end = *at32(regs + FQT), record = faults + 32 * head;

    check(what, end != head, 1);
    check(what, *at64(record) & 0xfff, cause);
    check(what, *at64(record) >> 34 & 63, kind);
    check(what, *at64(record) >> 40, slot << 3);
    check(what, *at64(record + 16), iova);
    *at32(regs + FQH) = end;
}

static void no_fault(const char *what)
{
    check(what, *at32(regs + FQH), *at32(regs + FQT));
}

/* A directory of @levels levels in which both devices have the same context. */
static void set_context(unsigned levels, const uint64_t *context)
{
    uint64_t root = new_pages(1), table = root;
    unsigned slots[] = {rng.slot, disk.slot};

    for (unsigned i = 1; i < levels; i++) {
        uint64_t next = new_pages(1);

        *at64(table) = entry(next) | V; /* the numbers are small */
        table = next;
    }
    /* 64 contexts to a page: slots up to 7, function 0 */
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned word = 0; word < 7; word++) {
            *at64(table + ((uint64_t)slots[i] << 3) * 64 + 8 * word) = context[word];
        }
    }
    *at64(regs + DDTP) = 0;
    *at64(regs + DDTP) = entry(root) | (levels + 1);
    flush();
}

/* ---- Devices ---- */

static bool is_zero(uint64_t addr, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        if (*at8(addr + i)) {
            return false;
        }
    }
    return true;
}

/* Random bytes to @iova; whether the request came back. */
static bool get_random(uint64_t iova, unsigned len)
{
    Buffer buffer = {iova, len, true};

    return virtio_request(&rng_queue, &buffer, 1);
}

/* One sector between the disk and @iova; its header and status are in @page, seen at @page_iova. */
static bool transfer(uint64_t page, uint64_t page_iova, uint64_t iova, uint64_t sector, bool write)
{
    Buffer buffers[] = {{page_iova, 16, false}, {iova, 512, !write}, {page_iova + 16, 1, true}};

    *at32(page) = write;
    *at32(page + 4) = 0;
    *at64(page + 8) = sector;
    *at8(page + 16) = 0xff;
    return virtio_request(&disk_queue, buffers, 3) && *at8(page + 16) == 0;
}

/* Everything that a mapping at @offset from the program's memory allows and forbids. The page behind the
 * target is not mapped, the one before it is read-only. */
static void use_mapping(const char *what, uint64_t offset, unsigned cause)
{
    uint64_t header = disk_ring + 3072, beyond = victim + offset;

    check(what, virtio_start(&rng, &rng_queue, ring, offset), true);
    check(what, virtio_start(&disk, &disk_queue, disk_ring, offset), true);
    memset((void *)target, 0, 4096);
    memset((void *)victim, 0, 4096);
    check(what, get_random(target + offset, 64), true);
    check(what, is_zero(target, 64), false);
    check(what, is_zero(target + 64, 4032), true);
    check(what, transfer(header, header + offset, target + offset, 0, false), true);
    check(what, *at64(target), 0x1122334455667788);
    *at64(target) = offset;
    check(what, transfer(header, header + offset, target + offset, 1, true), true);
    *at64(target) = 0;
    check(what, transfer(header, header + offset, target + offset, 1, false), true);
    check(what, *at64(target), offset);
    no_fault(what);

    check(what, get_random(beyond, 64), false);
    take_fault(what, cause, 3, rng.slot, beyond);
    check(what, transfer(header, header + offset, beyond, 0, false), false);
    take_fault(what, cause, 3, disk.slot, beyond);
    check(what, virtio_start(&rng, &rng_queue, ring, offset), true);
    check(what, get_random(target + offset + 4096 - 32, 64), false); /* across the end */
    take_fault(what, cause, 3, rng.slot, target + offset + 4096);
    check(what, virtio_start(&rng, &rng_queue, ring, offset), true);
    check(what, get_random(victim, 64), false); /* its physical address */
    *at32(regs + FQH) = *at32(regs + FQT);
    check(what, is_zero(victim, 4096), true);
    /* Nothing is broken for good. */
    check(what, virtio_start(&rng, &rng_queue, ring, offset), true);
    check(what, get_random(target + offset, 64), true);
    no_fault(what);
}

/* ---- The parts ---- */

static void test_off(void)
{
    memset((void *)target, 0, 4096);
    check("off", virtio_start(&rng, &rng_queue, ring, 0), true);
    check("off", get_random(target, 64), false);
    check("off", *at64(faults) & 0xfff, 256);
    check("off", is_zero(target, 64), true);
    *at32(regs + FQH) = *at32(regs + FQT);
    *at64(regs + DDTP) = 1; /* Bare */
    check("bare", virtio_start(&rng, &rng_queue, ring, 0), true);
    check("bare", get_random(target, 64), true);
    no_fault("bare");
}

static void map_pages(uint64_t root, unsigned levels, unsigned wide, uint64_t offset)
{
    map(root, levels, wide, ring + offset, ring, LEAF, 0);
    map(root, levels, wide, disk_ring + offset, disk_ring, LEAF, 0);
    map(root, levels, wide, target + offset, target, LEAF, 0);
}

static void test_first_stage(void)
{
    for (uint64_t levels = 3; levels <= 5; levels++) {
        uint64_t root = new_pages(1), offset = IOVA * (levels == 3 ? 0 : 1) + 0x100000000;
        uint64_t context[8] = {V, 0, 0, (levels + 5) << 60 | root >> 12};

        used_pages = used_pages < 8 ? 8 : used_pages;
        map_pages(root, levels, 0, offset);
        set_context(levels - 2, context);
        use_mapping("first stage", offset, 15);
        /* What is taken away is out of reach after the invalidation. */
        map(root, levels, 0, target + offset, target, READ_ONLY, 0);
        command(1 | 1 << 10, (target + offset) >> 12 << 10);
        flush();
        memset((void *)target, 0, 64);
        check("read-only", get_random(target + offset, 64), false);
        take_fault("read-only", 15, 3, rng.slot, target + offset);
        check("read-only", is_zero(target, 64), true);
        check("again", virtio_start(&rng, &rng_queue, ring, offset), true);
    }
}

static void test_second_stage(void)
{
    uint64_t root = new_pages(4);
    uint64_t context[8] = {V, 8ul << 60 | 5ul << 44 | root >> 12};

    map_pages(root, 3, 2, GUEST);
    set_context(1, context);
    use_mapping("second stage", GUEST, 23);
}

/* The first stage's tables are at addresses of the second, and all that they map too. */
static void test_both_stages(void)
{
    uint64_t second = new_pages(4), first = new_pages(1);
    uint64_t context[8] = {V, 8ul << 60 | 5ul << 44 | second >> 12, 3 << 12,
                           8ul << 60 | (first + GUEST) >> 12};
    uint64_t parts[] = {ring, disk_ring, target};

    for (unsigned i = 0; i < 3; i++) {
        map(first, 3, 0, parts[i] + 0x900000000, parts[i] + GUEST, LEAF, GUEST);
    }
    for (uint64_t page = (uint64_t)pages; page < (uint64_t)pages + sizeof(pages); page += 4096) {
        map(second, 3, 2, page + GUEST, page, LEAF, 0);
    }
    set_context(2, context);
    use_mapping("both stages", 0x900000000, 15);
}

/* The generator's interrupt goes where the MSI page table says, which here is memory. */
static void test_messages(void)
{
    uint64_t root = new_pages(4), table = new_pages(1), file = new_pages(1), where = 0x28003000;
    uint64_t context[8] = {V,
                           8ul << 60 | 5ul << 44 | root >> 12,
                           0,
                           0,
                           1ul << 60 | table >> 12,
                           3,
                           where >> 12 & ~3ul};
    uint64_t cap = pci_cap(&rng, 17, 0), vectors = rng.bars[*at32(cap + 4) & 7];

    map_pages(root, 3, 2, GUEST);
    *at64(table + 3 * 16) = entry(file) | 3 << 1 | V;
    set_context(1, context);
    *at32(vectors) = where + 0x10;
    *at32(vectors + 4) = 0;
    *at32(vectors + 8) = 0x55aa;
    *at32(vectors + 12) = 0;
    *at16(cap + 2) = 0x8000;
    check("message", virtio_start(&rng, &rng_queue, ring, GUEST), true);
    check("message", get_random(target + GUEST, 8), true);
    check("message", *at32(file + 0x10), 0x55aa);
    no_fault("message");
    *at64(table + 3 * 16) = 0;
    *at32(file + 0x10) = 0;
    check("no message", get_random(target + GUEST, 8), true);
    check("no message", *at32(file + 0x10), 0);
    take_fault("no message", 262, 3, rng.slot, where + 0x10);
    *at16(cap + 2) = 0;
}

/* Faults interrupt: by the wire to the PLIC, and by a message, here to memory. */
static void test_interrupts(void)
{
    uint64_t word = new_pages(1), cap = pci_cap(&iommu, 17, 0);
    unsigned source = 32 + iommu.slot % 4;

    *at32(regs + FCTL) = 2;
    *at32(regs + FQCSR) = 3;
    check("wire", virtio_start(&rng, &rng_queue, ring, GUEST), true);
    check("wire", *at32(0xc001004) >> (source - 32) & 1, 0);
    check("wire", get_random(victim, 8), false);
    check("wire", *at32(0xc001004) >> (source - 32) & 1, 1);
    *at32(regs + IPSR) = 2;
    *at32(regs + FQH) = *at32(regs + FQT);
    *at32(regs + FCTL) = 0;
    *at32(regs + ICVEC) = 0x10;
    *at64(regs + MSI_TABLE + 16) = word;
    *at32(regs + MSI_TABLE + 24) = 0x77;
    *at32(regs + MSI_TABLE + 28) = 0;
    *at16(cap + 2) = 0x8000;
    check("fault's message", virtio_start(&rng, &rng_queue, ring, GUEST), true);
    check("fault's message", get_random(victim, 8), false);
    for (unsigned i = 0; i < 10000000 && !*at32(word); i++) {
    }
    check("fault's message", *at32(word), 0x77);
    *at32(regs + FQCSR) = 1;
    *at32(regs + FQH) = *at32(regs + FQT);
    *at32(regs + IPSR) = 15;
}

/* Tables that lead back to themselves, and into registers. */
static void test_loops(void)
{
    uint64_t loop = new_pages(4), contexts[3][8] = {
                                      {V, 0, 0, 10ul << 60 | loop >> 12},
                                      {V, 10ul << 60 | loop >> 12, 0, 10ul << 60 | loop >> 12},
                                      {V, 0, 0, 8ul << 60 | regs >> 12},
                                  };
    static const unsigned causes[] = {15, 23, 7};

    for (unsigned i = 0; i < 2048; i++) {
        *at64(loop + 8 * i) = entry(loop) | V;
    }
    for (unsigned i = 0; i < 3; i++) {
        set_context(1, contexts[i]);
        virtio_start(&rng, &rng_queue, ring, GUEST);
        check("loop", get_random(GUEST, 8), false);
        check("loop", *at64(faults + 32 * *at32(regs + FQH)) & 0xfff, causes[i]);
        *at32(regs + FQH) = *at32(regs + FQT);
    }
    *at64(regs + DDTP) = 0;
    *at64(regs + DDTP) = entry(loop) | 4;
    virtio_start(&rng, &rng_queue, ring, GUEST);
    check("directory loop", get_random(GUEST, 8), false);
    *at32(regs + FQH) = *at32(regs + FQT);
}

static void run(const char *name, void (*part)(void))
{
    int before = failures;

    used_pages = 8;
    part();
    put(failures == before ? "ok - " : "not ok - ");
    put(name);
    put("\n");
}

int main(void)
{
    if (!pci_open(&iommu, 0x00141b36) || !pci_open(&rng, 0x10441af4) ||
        !pci_open(&disk, 0x10421af4)) {
        put("not ok - a device is missing\n");
        return 1;
    }
    regs = iommu.bars[0];
    commands = new_pages(1);
    faults = new_pages(1);
    ring = new_pages(1);
    disk_ring = new_pages(1);
    target = new_pages(1);
    victim = new_pages(1);
    check("version", *at64(regs + CAPS) & 0xff, 0x10);
    *at64(regs + CQB) = entry(commands) | 7;
    *at64(regs + FQB) = entry(faults) | 6;
    *at32(regs + CQCSR) = 1;
    *at32(regs + FQCSR) = 1;
    run("off and bare", test_off);
    run("first stage, directories of one to three levels", test_first_stage);
    run("second stage", test_second_stage);
    run("both stages", test_both_stages);
    run("MSI page table", test_messages);
    run("interrupts", test_interrupts);
    run("loops", test_loops);
    return failures != 0;
}
