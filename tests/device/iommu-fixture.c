/*
 * For tests of the RISC-V IOMMU: see iommu-fixture.h.
 */
#include "tests/device/iommu-fixture.h"
#include "hw/pci/gpex.h"
#include <linux/pci_regs.h>
#include <string.h>

#define ECAM 0x30000000
#define MMIO32 0x40000000

static void msi_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    IommuFixture *f = opaque;

    f->msi_data = value;
    f->msi_offset = offset;
    f->msi_count++;
}

static uint64_t msi_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

uint64_t io_config_addr(unsigned slot, unsigned offset)
{
    return ECAM + ((uint64_t)PCI_DEVFN(slot, 0) << 12) + offset;
}

void io_config_write(IommuFixture *f, unsigned slot, unsigned offset, uint32_t value, unsigned size)
{
    machine_mmio_write(f->machine, io_config_addr(slot, offset), value, size);
}

/* ---- Registers, memory ---- */

uint64_t io_reg64(IommuFixture *f, unsigned offset)
{
    return machine_mmio_read(f->machine, IOMMU_REGS + offset, 8);
}

uint32_t io_reg32(IommuFixture *f, unsigned offset)
{
    return machine_mmio_read(f->machine, IOMMU_REGS + offset, 4);
}

void io_set64(IommuFixture *f, unsigned offset, uint64_t value)
{
    machine_mmio_write(f->machine, IOMMU_REGS + offset, value, 8);
}

void io_set32(IommuFixture *f, unsigned offset, uint32_t value)
{
    machine_mmio_write(f->machine, IOMMU_REGS + offset, value, 4);
}

uint64_t io_new_pages(IommuFixture *f, unsigned n)
{
    uint64_t page = align_up(f->heap, n * 4096);

    f->heap = page + n * 4096;
    g_assert_cmpuint(f->heap, <=, IO_DATA);
    memset(guest(f->machine, page), 0, n * 4096);
    return page;
}

uint64_t *io_words(IommuFixture *f, uint64_t addr)
{
    return guest(f->machine, addr);
}

uint64_t io_ppn(uint64_t addr)
{
    return addr >> 12 << 10;
}

/* ---- Set-up ---- */

static void make_devices(IommuFixture *f, const char *options)
{
    static const MmioOps msi_ops = {
        .read = msi_read, .write = msi_write, .min_access = 4, .max_access = 4};
    GpexConfig config = {
        .ecam_base = ECAM,
        .ecam_size = 256 * MIB,
        .mmio32_base = MMIO32,
        .mmio32_size = GIB,
        .mmio64_base = IO_MMIO64,
        .mmio64_size = 16 * GIB,
    };
    char *text = g_strdup_printf("riscv-iommu-pci,addr=1%s", options);

    f->machine = harness_new();
    for (unsigned i = 0; i < PCI_PINS; i++) {
        config.intx[i] = irq_probe(&f->intx[i]);
    }
    memory_map_add_mmio(f->machine->memory, "msi", IO_MSI_BASE, 65536, 0, &msi_ops, f, NULL);
    gpex_new(f->machine, &config);
    create_device(f->machine, text);
    create_device(f->machine, "virtio-rng-pci,addr=2,iommu_platform=on");
    create_device(f->machine, "virtio-rng-pci,addr=3");
    machine_reset(f->machine);
    g_free(text);
}

void io_map_bars(IommuFixture *f)
{
    for (unsigned slot = IOMMU_SLOT; slot <= RNG_SLOT + 1; slot++) {
        uint64_t base = IO_MMIO64 + slot * MIB;
        unsigned bar = slot == IOMMU_SLOT ? PCI_BASE_ADDRESS_0 : PCI_BASE_ADDRESS_4;

        io_config_write(f, slot, bar, base, 4);
        io_config_write(f, slot, bar + 4, base >> 32, 4);
        if (slot != IOMMU_SLOT) {
            io_config_write(f, slot, PCI_BASE_ADDRESS_1, MMIO32 + slot * MIB, 4);
        }
        io_config_write(f, slot, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    }
}

static void start_queues(IommuFixture *f)
{
    f->cq = io_new_pages(f, 1);
    f->fq = io_new_pages(f, 1);
    io_set64(f, REG_CQB, io_ppn(f->cq) | 4); /* 32 commands */
    io_set64(f, REG_FQB, io_ppn(f->fq) | 2); /* 8 records */
    io_set32(f, REG_CQCSR, QCSR_ENABLE);
    io_set32(f, REG_FQCSR, QCSR_ENABLE);
    g_assert_true(io_reg32(f, REG_CQCSR) & QCSR_ON);
    g_assert_true(io_reg32(f, REG_FQCSR) & QCSR_ON);
}

void io_setup_with(IommuFixture *f, const char *options)
{
    memset(f, 0, sizeof(*f));
    f->heap = TEST_RAM_BASE + 0x100000;
    make_devices(f, options);
    io_map_bars(f);
    start_queues(f);
    f->dma = &pci_find_bus(f->machine, NULL)->devices[DEVICE_ID]->dma;
}

void io_setup(IommuFixture *f, gconstpointer options)
{
    io_setup_with(f, options ? options : "");
}

void io_teardown(IommuFixture *f, gconstpointer data)
{
    harness_free(f->machine);
}

void io_make_ddt(IommuFixture *f, unsigned levels)
{
    bool extended = io_reg64(f, REG_CAPABILITIES) & CAP_MSI_FLAT;
    unsigned low = extended ? 6 : 7;
    uint64_t root = io_new_pages(f, 1), table = root;

    for (unsigned i = levels - 1; i > 0; i--) {
        uint64_t next = io_new_pages(f, 1);

        io_words(f, table)[DEVICE_ID >> (low + 9 * (i - 1)) & 0x1ff] = io_ppn(next) | DDTE_V;
        table = next;
    }
    f->dc = io_words(f, table) + (DEVICE_ID & ((1u << low) - 1)) * (extended ? 8 : 4);
    f->dc[0] = TC_V;
    io_set64(f, REG_DDTP, 0);
    io_set64(f, REG_DDTP, io_ppn(root) | (DDTP_1LVL + levels - 1));
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, io_ppn(root) | (DDTP_1LVL + levels - 1));
}

uint64_t *io_map(IommuFixture *f, uint64_t root, unsigned levels, bool x4, uint64_t va, uint64_t pa,
                 unsigned level, uint64_t flags)
{
    uint64_t table = root;

    for (unsigned i = levels - 1;; i--) {
        unsigned bits = 9 + (x4 && i == levels - 1 ? 2 : 0);
        uint64_t *pte = io_words(f, table) + bits_get(va, 12 + 9 * i, bits);

        if (i == level) {
            *pte = io_ppn(pa) | flags;
            return pte;
        }
        if (!*pte) {
            *pte = io_ppn(io_new_pages(f, 1)) | PTE_V;
        }
        table = *pte >> 10 << 12;
    }
}

uint64_t io_atp(unsigned levels, uint64_t root)
{
    return (uint64_t)(MODE_SV39 + levels - 3) << 60 | root >> 12;
}

/* ---- Accesses, faults, commands ---- */

bool io_reads(IommuFixture *f, uint64_t iova, uint64_t expected)
{
    uint64_t value = 0;
    bool ok = dma_read_le(f->dma, iova, &value, 8) == MEM_OK;

    g_assert_true(!ok || value == expected);
    return ok;
}

bool io_writes(IommuFixture *f, uint64_t iova, uint64_t value)
{
    return dma_write_le(f->dma, iova, value, 8) == MEM_OK;
}

const uint64_t *io_take_fault(IommuFixture *f)
{
    uint32_t head = io_reg32(f, REG_FQH), tail = io_reg32(f, REG_FQT);

    g_assert_cmpuint(tail, ==, (head + 1) % 8);
    io_set32(f, REG_FQH, tail);
    return io_words(f, f->fq + head * 32);
}

void io_check_fault(IommuFixture *f, unsigned cause, unsigned ttyp, uint64_t iotval,
                    uint64_t iotval2)
{
    const uint64_t *record = io_take_fault(f);

    g_assert_cmpuint(record[0] & 0xfff, ==, cause);
    g_assert_cmpuint(record[0] >> 34 & 63, ==, ttyp);
    g_assert_cmpuint(record[0] >> 40, ==, ttyp ? DEVICE_ID : 0);
    g_assert_cmphex(record[1], ==, 0);
    g_assert_cmphex(record[2], ==, iotval);
    g_assert_cmphex(record[3], ==, iotval2);
}

void io_no_fault(IommuFixture *f)
{
    g_assert_cmpuint(io_reg32(f, REG_FQH), ==, io_reg32(f, REG_FQT));
}

void io_command(IommuFixture *f, uint64_t word0, uint64_t word1)
{
    io_words(f, f->cq)[2 * f->cq_tail] = word0;
    io_words(f, f->cq)[2 * f->cq_tail + 1] = word1;
    f->cq_tail = (f->cq_tail + 1) % 32;
    io_set32(f, REG_CQT, f->cq_tail);
}

void io_command_ok(IommuFixture *f, uint64_t word0, uint64_t word1)
{
    io_command(f, word0, word1);
    g_assert_cmpuint(io_reg32(f, REG_CQH), ==, f->cq_tail);
    g_assert_cmphex(io_reg32(f, REG_CQCSR), ==, QCSR_ENABLE | QCSR_ON);
}

void io_flush(IommuFixture *f)
{
    io_command_ok(f, CMD_IODIR, 0);
    io_command_ok(f, CMD_IOTINVAL, 0);
    io_command_ok(f, CMD_IOTINVAL | 1 << 7, 0);
}

uint64_t *io_map_one(IommuFixture *f)
{
    uint64_t root = io_new_pages(f, 1);

    io_make_ddt(f, 1);
    f->dc[3] = io_atp(3, root);
    *io_words(f, IO_DATA) = 0x1122334455667788;
    return io_map(f, root, 3, false, IOVA, IO_DATA, 0, PTE_LEAF);
}
