/*
 * The RISC-V IOMMU's translation: registers, directories, both stages, MSI page tables.
 */
#include "tests/device/iommu-fixture.h"
#include <linux/pci_regs.h>
#include <string.h>

static void test_registers(IommuFixture *f, gconstpointer data)
{
    uint64_t caps = io_reg64(f, REG_CAPABILITIES);

    g_assert_cmphex(machine_mmio_read(f->machine, io_config_addr(IOMMU_SLOT, 0), 4), ==,
                    0x00141b36);
    g_assert_cmphex(machine_mmio_read(f->machine, io_config_addr(IOMMU_SLOT, PCI_CLASS_DEVICE), 2),
                    ==, 0x0806);
    g_assert_cmphex(caps & 0xff, ==, 0x10);
    g_assert_true(caps & CAP_SV39 && caps & CAP_SV57 && caps & CAP_SV57X4 && caps & CAP_MSI_FLAT);
    g_assert_cmphex(caps & (BIT64(25) | BIT64(23) | BIT64(30)), ==, 0); /* ATS, MRIF, HPM */
    g_assert_cmphex(io_reg32(f, REG_CAPABILITIES + 4), ==, caps >> 32);
    io_set64(f, REG_CAPABILITIES, 0);
    g_assert_cmphex(io_reg64(f, REG_CAPABILITIES), ==, caps);
    /* What may be anything, and what keeps its value instead. */
    io_set64(f, REG_DDTP, UINT64_MAX);
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, PPN_FIELD | DDTP_OFF);
    io_set32(f, REG_DDTP + 4, 0x123);
    io_set32(f, REG_DDTP, DDTP_BARE);
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, UINT64_C(0x12300000001));
    io_set32(f, REG_FCTL, UINT32_MAX);
    g_assert_cmphex(io_reg32(f, REG_FCTL), ==, FCTL_WSI);
    io_set64(f, REG_ICVEC, UINT64_MAX);
    g_assert_cmphex(io_reg64(f, REG_ICVEC), ==, 0x3333);
    io_set64(f, REG_FQB, UINT64_MAX);
    g_assert_cmphex(io_reg64(f, REG_FQB), ==, PPN_FIELD | 31);
    /* Indices have as many bits as the queue. */
    io_set32(f, REG_FQCSR, 0);
    io_set64(f, REG_FQB, io_ppn(f->fq) | 2);
    io_set32(f, REG_FQH, 0xff);
    g_assert_cmphex(io_reg32(f, REG_FQH), ==, 7);
    io_set64(f, REG_FQB, io_ppn(f->fq));
    g_assert_cmphex(io_reg32(f, REG_FQH), ==, 1);
    /* Page requests are not there. */
    io_set64(f, 0x38, UINT64_MAX);
    g_assert_cmphex(io_reg64(f, 0x38), ==, 0);
    io_set32(f, 0x50, UINT32_MAX);
    g_assert_cmphex(io_reg32(f, 0x50), ==, 0);
    machine_reset(f->machine);
    io_map_bars(f);
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, DDTP_OFF);
    g_assert_cmphex(io_reg32(f, REG_FCTL) | io_reg32(f, REG_CQCSR) | io_reg32(f, REG_FQCSR), ==, 0);
}

static void test_off_and_bare(IommuFixture *f, gconstpointer data)
{
    *io_words(f, IO_DATA) = 42;
    g_assert_false(io_reads(f, IO_DATA, 42));
    io_check_fault(f, CAUSE_ALL_DISALLOWED, TTYP_READ, IO_DATA, 0);
    g_assert_false(io_writes(f, IO_DATA, 43));
    io_check_fault(f, CAUSE_ALL_DISALLOWED, TTYP_WRITE, IO_DATA, 0);
    g_assert_cmphex(*io_words(f, IO_DATA), ==, 42);
    io_set64(f, REG_DDTP, DDTP_BARE);
    g_assert_true(io_reads(f, IO_DATA, 42));
    g_assert_true(io_writes(f, IO_DATA, 43));
    g_assert_cmphex(*io_words(f, IO_DATA), ==, 43);
    io_no_fault(f);
    /* Nothing passes while the function may not master the bus, and it is not the IOMMU that says so. */
    io_config_write(f, RNG_SLOT, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_false(io_reads(f, IO_DATA, 43));
    io_no_fault(f);
}

static void test_directories(IommuFixture *f, gconstpointer data)
{
    *io_words(f, IO_DATA) = 42;
    for (unsigned levels = 1; levels <= 3; levels++) {
        io_make_ddt(f, levels);
        g_assert_true(io_reads(f, IO_DATA, 42));
        io_no_fault(f);
        f->dc[0] = 0;
        io_flush(f);
        g_assert_false(io_reads(f, IO_DATA, 42));
        io_check_fault(f, CAUSE_DDT_INVALID, TTYP_READ, IO_DATA, 0);
        f->dc[0] = TC_V | BIT64(1); /* ATS */
        g_assert_false(io_writes(f, IO_DATA, 42));
        io_check_fault(f, CAUSE_DDT_MISCONFIGURED, TTYP_WRITE, IO_DATA, 0);
        f->dc[0] = TC_V;
        f->dc[1] = io_atp(3, IO_DATA + 4096); /* not aligned to 16 KiB */
        g_assert_false(io_writes(f, IO_DATA, 42));
        io_check_fault(f, CAUSE_DDT_MISCONFIGURED, TTYP_WRITE, IO_DATA, 0);
    }
    /* Directories that are not there, and one that is full of itself. */
    io_set64(f, REG_DDTP, io_ppn(0x1000) | DDTP_3LVL);
    g_assert_false(io_reads(f, IO_DATA, 42));
    io_check_fault(f, CAUSE_DDT_LOAD, TTYP_READ, IO_DATA, 0);
    uint64_t loop = io_new_pages(f, 1);
    for (unsigned i = 0; i < 512; i++) {
        io_words(f, loop)[i] = io_ppn(loop) | DDTE_V;
    }
    io_set64(f, REG_DDTP, io_ppn(loop) | DDTP_3LVL);
    g_assert_false(io_reads(f, IO_DATA, 42));
    io_check_fault(f, CAUSE_DDT_MISCONFIGURED, TTYP_READ, IO_DATA, 0);
    io_words(f, loop)[0] = io_ppn(loop) | DDTE_V | BIT64(1);
    g_assert_false(io_reads(f, IO_DATA, 42));
    io_check_fault(f, CAUSE_DDT_MISCONFIGURED, TTYP_READ, IO_DATA, 0);
}

/* Device numbers beyond what the directory's depth covers, by the debug interface. */
static void test_device_width(IommuFixture *f, gconstpointer data)
{
    bool extended = io_reg64(f, REG_CAPABILITIES) & CAP_MSI_FLAT;

    for (unsigned levels = 1; levels <= 2; levels++) {
        io_make_ddt(f, levels);
        io_set64(f, REG_TR_REQ_CTL,
                 UINT64_C(1) << (40 + (extended ? 6 : 7) + 9 * (levels - 1)) | TR_REQ_GO);
        g_assert_true(io_reg64(f, REG_TR_RESPONSE) & TR_RESPONSE_FAULT);
        g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_TYPE_DISALLOWED);
    }
}

static void test_first_stage(IommuFixture *f, gconstpointer data)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        uint64_t root = io_new_pages(f, 1);
        uint64_t high = UINT64_C(1) << (12 + 9 * levels - 1); /* the first that is not canonical */
        uint64_t *pte;

        io_make_ddt(f, 2);
        f->dc[3] = io_atp(levels, root);
        pte = io_map(f, root, levels, false, IOVA, IO_DATA, 0, PTE_LEAF);
        io_map(f, root, levels, false, IOVA + 4096, IO_DATA + 3 * 4096, 0, PTE_LEAF & ~PTE_W);
        io_map(f, root, levels, false, IOVA + 2 * 4096, IO_DATA, 0, PTE_LEAF & ~PTE_U);
        *io_words(f, IO_DATA) = 1;
        *io_words(f, IO_DATA + 3 * 4096) = 2;
        g_assert_true(io_reads(f, IOVA, 1));
        g_assert_true(io_reads(f, IOVA, 1)); /* from the cache */
        g_assert_true(io_reads(f, IOVA + 4096, 2));
        g_assert_true(io_writes(f, IOVA, 3));
        g_assert_cmphex(*io_words(f, IO_DATA), ==, 3);
        io_no_fault(f);
        g_assert_false(io_writes(f, IOVA + 4096, 3));
        io_check_fault(f, CAUSE_WRITE_PAGE, TTYP_WRITE, IOVA + 4096, 0);
        g_assert_false(io_reads(f, IOVA + 2 * 4096, 0)); /* supervisor's */
        io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA + 2 * 4096, 0);
        g_assert_false(io_reads(f, IOVA + 3 * 4096, 0));
        io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA + 3 * 4096, 0);
        g_assert_false(io_reads(f, high, 0));
        io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, high, 0);
        g_assert_false(io_reads(f, IO_DATA, 0)); /* its physical address means nothing */
        io_take_fault(f);
        /* Across the end of what is mapped: the part before it is done. */
        uint8_t buf[8192];
        memset(buf, 0xaa, sizeof(buf));
        g_assert_cmpint(dma_write(f->dma, IOVA, buf, sizeof(buf)), !=, MEM_OK);
        io_check_fault(f, CAUSE_WRITE_PAGE, TTYP_WRITE, IOVA + 4096, 0);
        g_assert_cmphex(*io_words(f, IO_DATA + 3 * 4096), ==, 2);
        /* Entries that make no sense. */
        static const uint64_t bad[] = {
            0,
            PTE_V | PTE_W | PTE_U | PTE_A | PTE_D,
            PTE_LEAF | BIT64(63),
            PTE_LEAF | BIT64(54),
            PTE_LEAF | BITS64(62, 61),
            PTE_V /* a table below the last level */,
        };
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            *pte = io_ppn(IO_DATA) | bad[i];
            io_flush(f);
            g_assert_false(io_reads(f, IOVA, 0));
            io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA, 0);
        }
        f->heap = TEST_RAM_BASE + 0x110000;
    }
}

static void test_accessed_dirty(IommuFixture *f, gconstpointer data)
{
    uint64_t *pte = io_map_one(f);
    uint64_t plain = io_ppn(IO_DATA) | (PTE_LEAF & ~(PTE_A | PTE_D));

    *pte = plain;
    g_assert_false(io_reads(f, IOVA, 0));
    io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA, 0);
    *pte = plain | PTE_A;
    g_assert_true(io_reads(f, IOVA, *io_words(f, IO_DATA)));
    g_assert_false(io_writes(f, IOVA, 0)); /* not dirty, though cached for reading */
    io_check_fault(f, CAUSE_WRITE_PAGE, TTYP_WRITE, IOVA, 0);
    *pte = plain;
    f->dc[0] |= TC_SADE;
    io_flush(f);
    g_assert_true(io_reads(f, IOVA, *io_words(f, IO_DATA)));
    g_assert_cmphex(*pte, ==, plain | PTE_A);
    g_assert_true(io_writes(f, IOVA, 5));
    g_assert_cmphex(*pte, ==, plain | PTE_A | PTE_D);
    g_assert_cmphex(*io_words(f, IO_DATA), ==, 5);
    io_no_fault(f);
}

static void test_large_pages(IommuFixture *f, gconstpointer data)
{
    uint64_t root = io_new_pages(f, 1), iova = UINT64_C(0x40000000), response;

    io_make_ddt(f, 1);
    f->dc[3] = io_atp(3, root);
    io_map(f, root, 3, false, iova, TEST_RAM_BASE, 2, PTE_LEAF | BIT64(61)); /* 1 GiB */
    *io_words(f, IO_DATA) = 77;
    g_assert_true(io_reads(f, iova + (IO_DATA - TEST_RAM_BASE), 77));
    io_set64(f, REG_TR_REQ_IOVA, iova + 0x5000);
    io_set64(f, REG_TR_REQ_CTL, (uint64_t)DEVICE_ID << 40 | TR_REQ_GO);
    response = io_reg64(f, REG_TR_RESPONSE);
    g_assert_cmphex(response, ==,
                    io_ppn(TEST_RAM_BASE) | (GIB / 4096 / 2 - 1) << 10 | TR_RESPONSE_S | 1 << 7);
    /* An invalidation by any address in it takes all of it. */
    io_words(f, root)[1] = 0;
    g_assert_true(io_reads(f, iova + (IO_DATA - TEST_RAM_BASE), 77));
    io_command_ok(f, CMD_IOTINVAL | CMD_AV, (iova + 0x10000) >> 12 << 10);
    g_assert_false(io_reads(f, iova + (IO_DATA - TEST_RAM_BASE), 77));
    io_take_fault(f);
    io_map(f, root, 3, false, iova, TEST_RAM_BASE + MIB, 1, PTE_LEAF); /* misaligned */
    g_assert_false(io_reads(f, iova, 0));
    io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, iova, 0);
}

static void test_second_stage(IommuFixture *f, gconstpointer data)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        uint64_t root = io_new_pages(f, 4), gpa = IOVA | UINT64_C(1) << (12 + 9 * levels + 1);
        uint64_t *pte, plain = io_ppn(IO_DATA) | (PTE_LEAF & ~(PTE_A | PTE_D));

        io_make_ddt(f, 1);
        f->dc[1] = io_atp(levels, root) | UINT64_C(7) << 44;
        pte = io_map(f, root, levels, true, gpa, IO_DATA, 0, PTE_LEAF);
        *io_words(f, IO_DATA) = 9;
        g_assert_true(io_reads(f, gpa, 9));
        g_assert_false(io_reads(f, gpa + 4100, 9));
        io_check_fault(f, CAUSE_READ_GUEST, TTYP_READ, gpa + 4100, gpa + 4100);
        g_assert_false(io_writes(f, UINT64_C(1) << (12 + 9 * levels + 2), 9));
        io_take_fault(f);
        *pte = plain;
        io_flush(f);
        g_assert_false(io_writes(f, gpa, 10));
        io_check_fault(f, CAUSE_WRITE_GUEST, TTYP_WRITE, gpa, gpa);
        f->dc[0] |= TC_GADE;
        g_assert_true(io_writes(f, gpa, 10));
        g_assert_cmphex(*pte, ==, plain | PTE_A | PTE_D);
        *pte &= ~PTE_U;
        io_flush(f);
        g_assert_false(io_writes(f, gpa, 11));
        io_check_fault(f, CAUSE_WRITE_GUEST, TTYP_WRITE, gpa, gpa);
        g_assert_cmphex(*io_words(f, IO_DATA), ==, 10);
        f->heap = TEST_RAM_BASE + 0x110000;
    }
}

/* The first stage's tables are at addresses of the guest, which is at @guest_base. */
static void test_both_stages(IommuFixture *f, gconstpointer data)
{
    uint64_t second = io_new_pages(f, 4), first = io_new_pages(f, 1),
             guest_base = UINT64_C(0x100000000);
    uint64_t offset = guest_base - TEST_RAM_BASE, *pte, *table_pte;

    io_make_ddt(f, 3);
    f->dc[1] = io_atp(3, second) | UINT64_C(7) << 44;
    f->dc[2] = 5 << 12;
    f->dc[3] = io_atp(4, first + offset);
    pte = io_map(f, first, 4, false, IOVA, IO_DATA + offset, 0, PTE_LEAF);
    /* The same entries with the guest's idea of where tables are. */
    for (uint64_t table = first, i = 3; i > 0; i--) {
        uint64_t *entry = io_words(f, table) + bits_get(IOVA, 12 + 9 * i, 9);

        table = *entry >> 10 << 12;
        *entry += io_ppn(offset);
    }
    for (uint64_t page = TEST_RAM_BASE; page < TEST_RAM_BASE + TEST_RAM_SIZE; page += 2 * MIB) {
        io_map(f, second, 3, true, page + offset, page, 1, PTE_LEAF);
    }
    *io_words(f, IO_DATA) = 13;
    g_assert_true(io_reads(f, IOVA, 13));
    g_assert_true(io_writes(f, IOVA, 14));
    g_assert_cmphex(*io_words(f, IO_DATA), ==, 14);
    io_no_fault(f);
    /* The cache is dropped by the guest's number, and only then. */
    *pte = 0;
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_GV | UINT64_C(6) << 44, 0);
    g_assert_true(io_reads(f, IOVA, 14));
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_GV | UINT64_C(7) << 44 | IOTINVAL_PSCV | 4 << 12, 0);
    io_command_ok(f, CMD_IOTINVAL, 0); /* hosts' */
    g_assert_true(io_reads(f, IOVA, 14));
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_GV | UINT64_C(7) << 44 | IOTINVAL_PSCV | 5 << 12, 0);
    g_assert_false(io_reads(f, IOVA, 14));
    io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA, 0);
    /* The second stage takes the first's tables away. */
    table_pte = io_map(f, second, 3, true, first + offset, 0, 1, 0);
    g_assert_false(io_writes(f, IOVA, 14));
    io_check_fault(f, CAUSE_WRITE_GUEST, TTYP_WRITE, IOVA,
                   (first + offset + bits_get(IOVA, 39, 9) * 8) | 1);
    /* Entries there are to be updated, but may only be read. */
    *table_pte = io_ppn(align_down(first, 2 * MIB)) | (PTE_LEAF & ~PTE_W);
    *pte = io_ppn(IO_DATA + offset) | (PTE_LEAF & ~PTE_D);
    f->dc[0] |= TC_SADE;
    g_assert_true(io_reads(f, IOVA, 14));
    g_assert_false(io_writes(f, IOVA, 15));
    g_assert_cmphex(io_take_fault(f)[3] & 3, ==, 3);
    g_assert_cmphex(*io_words(f, IO_DATA), ==, 14);
}

/* Asks for @iova as process @pid; returns whether that is translated. */
static bool ask_as(IommuFixture *f, uint64_t iova, uint32_t pid, uint64_t flags, uint64_t expected)
{
    io_set64(f, REG_TR_REQ_IOVA, iova);
    io_set64(f, REG_TR_REQ_CTL,
             (uint64_t)DEVICE_ID << 40 | (uint64_t)pid << 12 | TR_REQ_PV | flags | TR_REQ_GO);
    g_assert_false(io_reg64(f, REG_TR_REQ_CTL) & TR_REQ_GO);
    uint64_t response = io_reg64(f, REG_TR_RESPONSE);
    g_assert_true((response & TR_RESPONSE_FAULT) || PPN_ADDR(response) == expected);
    return !(response & TR_RESPONSE_FAULT);
}

static void test_processes(IommuFixture *f, gconstpointer data)
{
    static const uint32_t pids[] = {0, 0xa5, 0x1a5a5, 0xba5a5};

    for (unsigned mode = PDTP_PD8; mode <= PDTP_PD20; mode++) {
        uint64_t pdt = io_new_pages(f, 1), table = pdt, root = io_new_pages(f, 1);
        uint32_t pid = pids[mode];
        uint64_t *pc;

        io_make_ddt(f, 1);
        f->dc[0] = TC_V | TC_PDTV;
        f->dc[3] = (uint64_t)mode << 60 | pdt >> 12;
        for (unsigned i = mode - 1; i > 0; i--) {
            uint64_t next = io_new_pages(f, 1);

            io_words(f, table)[pid >> (8 + 9 * (i - 1)) & 0x1ff] = io_ppn(next) | DDTE_V;
            table = next;
        }
        pc = io_words(f, table) + 2 * (pid & 0xff);
        pc[0] = PC_V | 3 << 12;
        pc[1] = io_atp(3, root);
        io_map(f, root, 3, false, IOVA, IO_DATA, 0, PTE_LEAF);
        io_map(f, root, 3, false, IOVA + 4096, IO_DATA + 4096, 0, (PTE_LEAF & ~PTE_U) | PTE_X);
        g_assert_true(ask_as(f, IOVA, pid, 0, IO_DATA));
        g_assert_false(ask_as(f, IOVA, pid ^ 1, 0, IO_DATA));
        const uint64_t *record = io_take_fault(f);
        g_assert_cmpuint(record[0] & 0xfff, ==, CAUSE_PDT_INVALID);
        g_assert_cmphex(record[0] >> 12 & 0xfffff, ==, pid ^ 1);
        g_assert_true(record[0] >> 32 & 1);
        if (mode != PDTP_PD20) {
            g_assert_false(ask_as(f, IOVA, 1u << (mode == PDTP_PD8 ? 8 : 17), 0, IO_DATA));
            g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_TYPE_DISALLOWED);
        }
        /* Privileges. */
        g_assert_false(ask_as(f, IOVA, pid, TR_REQ_PRIV, IO_DATA));
        g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_TYPE_DISALLOWED);
        pc[0] |= PC_ENS;
        g_assert_false(ask_as(f, IOVA, pid, TR_REQ_PRIV, IO_DATA));
        g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_WRITE_PAGE);
        g_assert_true(ask_as(f, IOVA + 4096, pid, TR_REQ_PRIV | TR_REQ_EXE, IO_DATA + 4096));
        g_assert_false(ask_as(f, IOVA + 4096, pid, TR_REQ_EXE, IO_DATA + 4096));
        g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_EXEC_PAGE);
        pc[0] |= PC_SUM;
        g_assert_true(ask_as(f, IOVA, pid, TR_REQ_PRIV, IO_DATA));
        /* An access without process: not translated, or as process 0. */
        g_assert_true(io_reads(f, IO_DATA, *io_words(f, IO_DATA)));
        f->dc[0] |= TC_DPE;
        io_flush(f);
        g_assert_false(io_reads(f, IO_DATA, 0));
        io_check_fault(f, CAUSE_PDT_INVALID, TTYP_READ, IO_DATA, 0);
        /* Cached until told so. */
        pc[0] = 0;
        g_assert_true(ask_as(f, IOVA + 4096, pid, TR_REQ_PRIV | TR_REQ_EXE, IO_DATA + 4096) ||
                      io_reg32(f, REG_FQT) != io_reg32(f, REG_FQH));
        io_set32(f, REG_FQH, io_reg32(f, REG_FQT));
        io_command_ok(
            f, CMD_IODIR | 1 << 7 | IODIR_DV | (uint64_t)DEVICE_ID << 40 | (uint64_t)pid << 12, 0);
        g_assert_false(ask_as(f, IOVA, pid, 0, IO_DATA));
        g_assert_cmpuint(io_take_fault(f)[0] & 0xfff, ==, CAUSE_PDT_INVALID);
        f->heap = TEST_RAM_BASE + 0x110000;
    }
}

static void test_msi_tables(IommuFixture *f, gconstpointer data)
{
    uint64_t table = io_new_pages(f, 1), gpa = UINT64_C(0x28000000);

    io_make_ddt(f, 1);
    f->dc[4] = UINT64_C(1) << 60 | table >> 12;
    f->dc[5] = 0x5; /* files differ in bits 0 and 2 */
    f->dc[6] = gpa >> 12;
    for (unsigned i = 0; i < 4; i++) {
        io_words(f, table)[2 * i] = io_ppn(IO_MSI_BASE + i * 4096) | 3 << 1 | MSIPTE_V;
    }
    g_assert_cmpint(dma_write_msi(f->dma, gpa + 4, 11), ==, MEM_OK);
    g_assert_cmphex(f->msi_offset, ==, 4);
    g_assert_cmpint(dma_write_msi(f->dma, gpa + 5 * 4096, 12), ==, MEM_OK);
    g_assert_cmphex(f->msi_offset, ==, 3 * 4096);
    g_assert_cmpuint(f->msi_data, ==, 12);
    io_no_fault(f);
    io_words(f, table)[0] = io_ppn(IO_MSI_BASE) | 1 << 1 | MSIPTE_V; /* a resident file */
    g_assert_cmpint(dma_write_msi(f->dma, gpa, 1), !=, MEM_OK);
    io_check_fault(f, CAUSE_MSI_MISCONFIGURED, TTYP_WRITE, gpa, 0);
    io_words(f, table)[0] = 0;
    g_assert_cmpint(dma_write_msi(f->dma, gpa, 1), !=, MEM_OK);
    io_check_fault(f, CAUSE_MSI_INVALID, TTYP_WRITE, gpa, 0);
    f->dc[4] = UINT64_C(1) << 60 | 1;
    io_flush(f);
    g_assert_cmpint(dma_write_msi(f->dma, gpa, 1), !=, MEM_OK);
    io_check_fault(f, CAUSE_MSI_LOAD, TTYP_WRITE, gpa, 0);
    g_assert_cmpuint(f->msi_count, ==, 2);
    /* Other pages go on to memory. */
    g_assert_true(io_writes(f, IO_DATA, 4));
    io_no_fault(f);
}

#define TEST(name, fn, options) \
    g_test_add("/riscv-iommu/" name, IommuFixture, options, io_setup, fn, io_teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("registers", test_registers, NULL);
    TEST("off-and-bare", test_off_and_bare, NULL);
    TEST("directories", test_directories, NULL);
    TEST("directories/base", test_directories, ",intremap=off");
    TEST("device-width", test_device_width, NULL);
    TEST("device-width/base", test_device_width, ",intremap=off");
    TEST("first-stage", test_first_stage, NULL);
    TEST("first-stage/uncached", test_first_stage, ",ioatc-limit=0,intremap=off");
    TEST("accessed-dirty", test_accessed_dirty, NULL);
    TEST("large-pages", test_large_pages, NULL);
    TEST("second-stage", test_second_stage, NULL);
    TEST("both-stages", test_both_stages, NULL);
    TEST("processes", test_processes, NULL);
    TEST("msi-tables", test_msi_tables, NULL);
    return g_test_run();
}
