/*
 * The RISC-V IOMMU's queues and interrupts, its state, what hostile tables do to it, and what it does to the
 * devices behind it.
 */
#include "hw/hw.h"
#include "hw/virtio/virtio.h"
#include "tests/device/iommu-fixture.h"
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <string.h>

static void test_commands(IommuFixture *f, gconstpointer data)
{
    uint64_t *pte = io_map_one(f), value = *io_words(f, IO_DATA);

    f->dc[2] = 9 << 12;
    g_assert_true(io_reads(f, IOVA, value));
    *pte = 0;
    g_assert_true(io_reads(f, IOVA, value)); /* cached: that is allowed until the invalidation */
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_PSCV | 8 << 12, 0);
    io_command_ok(f, CMD_IOTINVAL | CMD_AV, (IOVA + 4096) >> 12 << 10);
    io_command_ok(f, CMD_IOTINVAL | 1 << 7, 0);
    io_command_ok(f, CMD_IODIR | IODIR_DV | (uint64_t)(DEVICE_ID + 1) << 40, 0);
    g_assert_true(io_reads(f, IOVA, value));
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_PSCV | 9 << 12 | CMD_AV, IOVA >> 12 << 10);
    g_assert_false(io_reads(f, IOVA, value));
    io_take_fault(f);
    /* Entries that are global stay unless all go. */
    *pte = io_ppn(IO_DATA) | PTE_LEAF | PTE_G;
    g_assert_true(io_reads(f, IOVA, value));
    *pte = 0;
    io_command_ok(f, CMD_IOTINVAL | IOTINVAL_PSCV | 9 << 12, 0);
    g_assert_true(io_reads(f, IOVA, value));
    io_command_ok(f, CMD_IODIR | IODIR_DV | (uint64_t)DEVICE_ID << 40, 0);
    g_assert_false(io_reads(f, IOVA, value));
    io_take_fault(f);
    /* A fence writes; to memory, or as a message. */
    io_command_ok(f, CMD_IOFENCE | CMD_AV | UINT64_C(0xcafe) << 32, (IO_DATA + 64) >> 2);
    g_assert_cmphex(io_words(f, IO_DATA)[8], ==, 0xcafe);
    io_command_ok(f, CMD_IOFENCE | CMD_AV | UINT64_C(5) << 32, (IO_MSI_BASE + 8) >> 2);
    g_assert_cmphex(f->msi_data, ==, 5);
    io_command_ok(f, CMD_IOFENCE | 3 << 12, 0);
}

static void test_bad_commands(IommuFixture *f, gconstpointer data)
{
    static const uint64_t bad[][2] = {
        {0, 0},
        {CMD_IOTINVAL | 2 << 7, 0},
        {CMD_IOTINVAL | 1 << 7 | IOTINVAL_PSCV, 0},
        {CMD_IOTINVAL | BIT64(34), 0},
        {CMD_IOTINVAL, 1},
        {CMD_IOFENCE | 1 << 7, 0},
        {CMD_IOFENCE | IOFENCE_WSI, 0}, /* wires are off */
        {CMD_IODIR | 1 << 7, 0},        /* without device */
        {CMD_IODIR | 1 << 12, 0},
        {CMD_IODIR, 1},
        {4, 0}, /* ATS */
        {127, 0},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        uint32_t head = f->cq_tail;

        io_command(f, bad[i][0], bad[i][1]);
        g_assert_cmpuint(io_reg32(f, REG_CQH), ==, head);
        g_assert_cmphex(io_reg32(f, REG_CQCSR), ==, QCSR_ENABLE | QCSR_ON | CQCSR_CMD_ILL);
        io_command(f, CMD_IOFENCE, 0); /* it does not go on */
        g_assert_cmpuint(io_reg32(f, REG_CQH), ==, head);
        io_words(f, f->cq)[2 * head] = CMD_IOFENCE;
        io_words(f, f->cq)[2 * head + 1] = 0;
        io_set32(f, REG_CQCSR, QCSR_ENABLE | CQCSR_CMD_ILL);
        g_assert_cmpuint(io_reg32(f, REG_CQH), ==, f->cq_tail);
    }
    /* A fence into nothing; a queue that is not there. */
    io_command(f, CMD_IOFENCE | CMD_AV, 0x1000 >> 2);
    g_assert_cmphex(io_reg32(f, REG_CQCSR), ==, QCSR_ENABLE | QCSR_ON | QCSR_MEM_FAULT);
    io_set32(f, REG_CQCSR, 0);
    g_assert_cmphex(io_reg32(f, REG_CQCSR), ==, 0);
    g_assert_cmpuint(io_reg32(f, REG_CQT), ==, 0);
    io_set64(f, REG_CQB, io_ppn(0x1000) | 4);
    io_set32(f, REG_CQCSR, QCSR_ENABLE);
    io_set32(f, REG_CQT, 1);
    g_assert_cmphex(io_reg32(f, REG_CQCSR), ==, QCSR_ENABLE | QCSR_ON | QCSR_MEM_FAULT);
    /* One of two hundred million commands does not hold up the machine. */
    io_set32(f, REG_CQCSR, 0);
    io_set64(f, REG_CQB, io_ppn(TEST_RAM_BASE) | 27);
    memset(guest(f->machine, TEST_RAM_BASE), 0, 65536);
    for (unsigned i = 0; i < 4096; i++) {
        io_words(f, TEST_RAM_BASE)[2 * i] = CMD_IOFENCE;
    }
    io_set32(f, REG_CQCSR, QCSR_ENABLE);
    io_set32(f, REG_CQT, 4096);
    g_assert_cmpuint(io_reg32(f, REG_CQH), <, 4096);
    for (unsigned i = 0; i < 8; i++) {
        clock_step(f->machine->clock, 1000);
    }
    g_assert_cmpuint(io_reg32(f, REG_CQH), ==, 4096);
}

static void test_fault_queue(IommuFixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < 7; i++) {
        g_assert_cmphex(io_reg32(f, REG_FQCSR), ==, QCSR_ENABLE | QCSR_ON);
        g_assert_cmpuint(io_reg32(f, REG_FQT), ==, i);
        g_assert_false(io_reads(f, i * 4096, 0));
    }
    g_assert_cmphex(io_words(f, f->fq)[6 * 4 + 2], ==, 6 * 4096);
    g_assert_false(io_reads(f, 0xdead, 0));
    g_assert_cmphex(io_reg32(f, REG_FQCSR), ==, QCSR_ENABLE | QCSR_ON | FQCSR_OVERFLOW);
    io_set32(f, REG_FQH, 7);
    g_assert_false(io_reads(f, 0xdead, 0)); /* not recorded until that is acknowledged */
    g_assert_cmpuint(io_reg32(f, REG_FQT), ==, 7);
    io_set32(f, REG_FQCSR, QCSR_ENABLE | FQCSR_OVERFLOW);
    g_assert_false(io_reads(f, 0xbeef, 0));
    io_check_fault(f, CAUSE_ALL_DISALLOWED, TTYP_READ, 0xbeef, 0);
    io_set32(f, REG_FQCSR, 0);
    g_assert_false(io_reads(f, 0xbeef, 0));
    io_set64(f, REG_FQB, io_ppn(0x1000) | 2);
    io_set32(f, REG_FQCSR, QCSR_ENABLE);
    g_assert_false(io_reads(f, 0xbeef, 0));
    g_assert_cmphex(io_reg32(f, REG_FQCSR), ==, QCSR_ENABLE | QCSR_ON | QCSR_MEM_FAULT);
    /* A device whose context says so is quiet. */
    io_set32(f, REG_FQCSR, 0);
    io_set64(f, REG_FQB, io_ppn(f->fq) | 2);
    io_set32(f, REG_FQCSR, QCSR_ENABLE);
    *io_map_one(f) = 0;
    f->dc[0] |= TC_DTF;
    g_assert_false(io_reads(f, IOVA, 0));
    io_no_fault(f);
}

static void enable_msix(IommuFixture *f)
{
    unsigned at = machine_mmio_read(f->machine, io_config_addr(IOMMU_SLOT, PCI_CAPABILITY_LIST), 1);

    g_assert_cmphex(machine_mmio_read(f->machine, io_config_addr(IOMMU_SLOT, at), 1), ==,
                    PCI_CAP_ID_MSIX);
    g_assert_cmphex(machine_mmio_read(f->machine, io_config_addr(IOMMU_SLOT, at + PCI_MSIX_TABLE),
                                      4),
                    ==, REG_MSI_CFG_TBL);
    io_config_write(f, IOMMU_SLOT, at + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
    for (unsigned i = 0; i < 4; i++) {
        io_set64(f, REG_MSI_CFG_TBL + 16 * i, IO_MSI_BASE + 16 * i);
        io_set32(f, REG_MSI_CFG_TBL + 16 * i + 8, 100 + i);
        io_set32(f, REG_MSI_CFG_TBL + 16 * i + 12, 0);
    }
}

static void test_messages(IommuFixture *f, gconstpointer data)
{
    enable_msix(f);
    io_set64(f, REG_ICVEC, 0x0021); /* faults: 2, commands: 1 */
    io_set32(f, REG_FQCSR, QCSR_ENABLE | QCSR_IE);
    io_set32(f, REG_CQCSR, QCSR_ENABLE | QCSR_IE);
    g_assert_false(io_reads(f, 0, 0));
    g_assert_cmpuint(f->msi_count, ==, 0); /* not from within the device's access */
    clock_step(f->machine->clock, 1);
    g_assert_cmpuint(f->msi_count, ==, 1);
    g_assert_cmpuint(f->msi_data, ==, 102);
    g_assert_cmphex(io_reg32(f, REG_IPSR), ==, 2);
    g_assert_false(io_reads(f, 0, 0));
    clock_step(f->machine->clock, 1);
    g_assert_cmpuint(f->msi_count, ==, 1); /* pending still */
    io_set32(f, REG_IPSR, 2);
    g_assert_cmphex(io_reg32(f, REG_IPSR), ==, 0);
    io_command(f, 0, 0);
    g_assert_cmpuint(f->msi_count, ==, 2);
    g_assert_cmpuint(f->msi_data, ==, 101);
    io_set32(f, REG_IPSR, 1); /* the reason is still there: another one */
    g_assert_cmpuint(f->msi_count, ==, 3);
    io_set32(f, REG_CQCSR, 0);
    io_set32(f, REG_IPSR, 1);
    g_assert_cmphex(io_reg32(f, REG_IPSR), ==, 0);
    /* Masked, it is kept. */
    io_set32(f, REG_MSI_CFG_TBL + 2 * 16 + 12, 1);
    g_assert_false(io_reads(f, 0, 0));
    clock_step(f->machine->clock, 1);
    g_assert_cmpuint(f->msi_count, ==, 3);
    io_set32(f, REG_MSI_CFG_TBL + 2 * 16 + 12, 0);
    g_assert_cmpuint(f->msi_count, ==, 4);
    /* A message to nowhere is a fault of the IOMMU's own. */
    io_set32(f, REG_FQH, io_reg32(f, REG_FQT));
    io_set32(f, REG_IPSR, 2);
    io_set64(f, REG_MSI_CFG_TBL + 2 * 16, 0x2000);
    g_assert_false(io_reads(f, 0, 0));
    io_set32(f, REG_FQH, io_reg32(f, REG_FQT));
    clock_step(f->machine->clock, 1);
    io_check_fault(f, CAUSE_MSI_WRITE, TTYP_NONE, 0x2000, 0);
}

static void test_wire(IommuFixture *f, gconstpointer data)
{
    IrqProbe *line = &f->intx[IOMMU_SLOT % PCI_PINS];

    io_set32(f, REG_FCTL, FCTL_WSI);
    io_set32(f, REG_FQCSR, QCSR_ENABLE | QCSR_IE);
    io_set32(f, REG_CQCSR, QCSR_ENABLE | QCSR_IE);
    g_assert_false(line->level);
    g_assert_false(io_reads(f, 0, 0));
    g_assert_true(line->level);
    io_set32(f, REG_IPSR, 2);
    g_assert_false(line->level);
    io_command(f, CMD_IOFENCE | IOFENCE_WSI, 0);
    g_assert_true(line->level);
    g_assert_cmphex(io_reg32(f, REG_CQCSR) & CQCSR_FENCE_W_IP, !=, 0);
    io_set32(f, REG_CQCSR, QCSR_ENABLE | QCSR_IE | CQCSR_FENCE_W_IP);
    g_assert_true(line->level);
    io_set32(f, REG_IPSR, 1);
    g_assert_false(line->level);
    g_assert_cmpuint(f->msi_count, ==, 0);
}

/* Page tables that point at themselves, and tables and queues in the IOMMU's own registers. */
static void test_loops(IommuFixture *f, gconstpointer data)
{
    uint64_t loop = io_new_pages(f, 4);

    io_make_ddt(f, 1);
    for (unsigned i = 0; i < 2048; i++) {
        io_words(f, loop)[i] = io_ppn(loop) | PTE_V;
    }
    f->dc[3] = io_atp(5, loop);
    g_assert_false(io_reads(f, IOVA, 0));
    io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, IOVA, 0);
    f->dc[1] = io_atp(5, loop);
    g_assert_false(io_reads(f, IOVA, 0));
    g_assert_cmphex(io_take_fault(f)[0] & 0xfff, ==, CAUSE_READ_GUEST);
    f->dc[1] = 0;
    f->dc[3] = io_atp(3, IOMMU_REGS);
    g_assert_false(io_reads(f, IOVA, 0));
    io_check_fault(f, CAUSE_READ_ACCESS, TTYP_READ, IOVA, 0);
    io_set64(f, REG_DDTP, io_ppn(IOMMU_REGS) | DDTP_1LVL);
    g_assert_false(io_reads(f, IOVA, 0));
    io_check_fault(f, CAUSE_DDT_LOAD, TTYP_READ, IOVA, 0);
    /* A message that would write the IOMMU's command tail, or fence into it. */
    enable_msix(f);
    io_set64(f, REG_MSI_CFG_TBL, IOMMU_REGS + REG_CQT);
    io_set32(f, REG_MSI_CFG_TBL + 8, 3);
    io_set32(f, REG_FQCSR, QCSR_ENABLE | QCSR_IE);
    g_assert_false(io_reads(f, IOVA, 0));
    clock_step(f->machine->clock, 1);
    g_assert_cmpuint(io_reg32(f, REG_CQT), ==, 0);
    io_command(f, CMD_IOFENCE | CMD_AV | UINT64_C(9) << 32, (IOMMU_REGS + REG_CQT) >> 2);
    g_assert_cmphex(io_reg32(f, REG_CQCSR) & QCSR_MEM_FAULT, !=, 0);
    g_assert_cmpuint(io_reg32(f, REG_CQT), ==, 1);
}

/* ---- Devices behind it ---- */

static void test_virtio(IommuFixture *f, gconstpointer data)
{
    uint64_t root = io_new_pages(f, 1), start = TEST_RAM_BASE, buf;
    static const uint8_t zeros[64];
    Driver d;

    io_make_ddt(f, 1);
    f->dc[3] = io_atp(3, root);
    for (uint64_t page = start; page < start + 0x20000; page += 4096) {
        io_map(f, root, 3, false, page - start + IOVA, page, 0, PTE_LEAF);
    }
    driver_init(&d, f->machine, IO_MMIO64 + RNG_SLOT * MIB);
    d.pci = true;
    d.dma_offset = IOVA - start;
    g_assert_false(driver_negotiate(&d, 0)); /* it may not choose to go past the IOMMU */
    driver_begin(&d, VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM), 1);
    buf = driver_alloc(&d, 64, 64);
    g_assert_cmpuint(driver_run(&d, 0, &(DriverBuf){buf, 64}, 0, 1), ==, 64);
    g_assert_cmpint(memcmp(guest(f->machine, buf), zeros, 64), !=, 0);
    io_no_fault(f);
    /* A buffer that nobody mapped stays as it is. */
    *io_words(f, IO_DATA) = 0;
    driver_add(&d, 0, &(DriverBuf){IO_DATA, 64}, 0, 1, DRIVER_DIRECT);
    driver_kick(&d, 0);
    io_check_fault(f, CAUSE_WRITE_PAGE, TTYP_WRITE, IO_DATA + d.dma_offset, 0);
    g_assert_cmpint(memcmp(guest(f->machine, IO_DATA), zeros, 64), ==, 0);
    g_assert_true(driver_needs_reset(&d));
    driver_begin(&d, VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM), 1);
    buf = driver_alloc(&d, 64, 64);
    g_assert_cmpuint(driver_run(&d, 0, &(DriverBuf){buf, 64}, 0, 1), ==, 64);
}

/* A device that was not told to use the platform's addresses uses the CPU's. */
static void test_past_iommu(IommuFixture *f, gconstpointer data)
{
    uint64_t buf;
    Driver d;

    driver_init(&d, f->machine, IO_MMIO64 + (RNG_SLOT + 1) * MIB);
    d.pci = true;
    driver_begin(&d, 0, 1);
    buf = driver_alloc(&d, 64, 64);
    g_assert_cmpuint(driver_run(&d, 0, &(DriverBuf){buf, 64}, 0, 1), ==, 64);
    io_no_fault(f);
}

static void test_options(IommuFixture *f, gconstpointer data)
{
    GError *error = NULL;
    Options *opts = options_parse("-device", "riscv-iommu-pci", "driver", NULL);

    g_assert_false(hw_device_create(f->machine, opts, &error));
    g_assert_nonnull(strstr(error->message, "has an IOMMU already"));
    g_clear_error(&error);
    options_free(opts);
    io_teardown(f, NULL);
    io_setup_with(f, ",s-stage=off,off=off,ioatc-limit=0");
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, DDTP_BARE);
    g_assert_cmphex(io_reg64(f, REG_CAPABILITIES) & (CAP_SV39 | CAP_SV39X4), ==, CAP_SV39X4);
    io_map_one(f);
    g_assert_false(io_reads(f, IOVA, 0));
    io_check_fault(f, CAUSE_DDT_MISCONFIGURED, TTYP_READ, IOVA, 0);
}

static GByteArray *save(Device *dev)
{
    GByteArray *bytes = g_byte_array_new();

    vmstate_save(bytes, dev->ops->vmstate, dev);
    return bytes;
}

static bool load(Device *dev, const GByteArray *bytes)
{
    const uint8_t *data = bytes->data;
    size_t len = bytes->len;

    return vmstate_load(&data, &len, dev->ops->vmstate, dev, NULL) && len == 0;
}

static void test_state(IommuFixture *f, gconstpointer data)
{
    Device *dev = &pci_find_bus(f->machine, NULL)->devices[PCI_DEVFN(IOMMU_SLOT, 0)]->dev;
    GByteArray *first, *second;
    uint64_t ddtp;

    io_map_one(f);
    g_assert_false(io_reads(f, 0, 0));
    g_assert_true(io_reads(f, IOVA, *io_words(f, IO_DATA)));
    enable_msix(f);
    ddtp = io_reg64(f, REG_DDTP);
    first = save(dev);
    machine_reset(f->machine);
    io_map_bars(f);
    wild_accesses(f->machine, IOMMU_REGS, REG_TR_REQ_CTL, 1000, 5);
    g_assert_true(load(dev, first));
    second = save(dev);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    g_assert_cmphex(io_reg64(f, REG_DDTP), ==, ddtp);
    io_check_fault(f, CAUSE_READ_PAGE, TTYP_READ, 0, 0);
    g_assert_true(io_reads(f, IOVA, *io_words(f, IO_DATA)));
    /* State that cannot be. */
    memset(second->data + second->len - 100, 0xff, 100);
    g_assert_false(load(dev, second));
    g_byte_array_unref(first);
    g_byte_array_unref(second);
}

static void test_wild(IommuFixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(1);

    for (unsigned i = 0; i < 200; i++) {
        wild_accesses(f->machine, IOMMU_REGS, 0x420, 100, i);
        for (unsigned n = 0; n < 20; n++) {
            uint64_t value;

            dma_read_le(f->dma, TEST_RAM_BASE + g_rand_int_range(rand, 0, TEST_RAM_SIZE), &value,
                        8);
        }
    }
    g_rand_free(rand);
}

#define TEST(name, fn, options) \
    g_test_add("/riscv-iommu-queues/" name, IommuFixture, options, io_setup, fn, io_teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("commands", test_commands, NULL);
    TEST("bad-commands", test_bad_commands, NULL);
    TEST("fault-queue", test_fault_queue, NULL);
    TEST("messages", test_messages, NULL);
    TEST("wire", test_wire, NULL);
    TEST("loops", test_loops, NULL);
    TEST("virtio", test_virtio, NULL);
    TEST("past-iommu", test_past_iommu, NULL);
    TEST("options", test_options, NULL);
    TEST("state", test_state, NULL);
    TEST("wild", test_wild, NULL);
    return g_test_run();
}
