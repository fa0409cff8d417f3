/*
 * -device intel-iommu on the q35 machine: every function of the bus and the I/O APIC are behind it, and the ACPI table
 * says so. What the IOMMU itself does is in test-intel-iommu.c.
 */
#include "hw/hw.h"
#include "hw/iommu/intel-iommu.h"
#include "hw/intc/apic.h"
#include "hw/intc/ioapic.h"
#include "hw/pci/pci.h"
#include "hw/riscv/boards.h"
#include "hw/x86/boards.h"
#include "hw/x86/pc-iommu.h"
#include "tests/device/harness.h"
#include <linux/pci_regs.h>
#include <string.h>

#define ROOT 0x10000u
#define CONTEXTS 0x11000u
#define TABLES 0x12000u /* four levels */
#define IRTES 0x20000u
#define DATA 0x100000u
#define IOVA UINT64_C(0x12345000)
#define SECRET 0x200000u

enum { GCMD = 0x18, RTADDR = 0x20, FSTS = 0x34, IRTA = 0xb8, FRCD = 0x220 };
#define TE (1u << 31)
#define SRTP (1u << 30)
#define IRE (1u << 25)
#define SIRTP (1u << 24)
#define EIME (1u << 11)

#define SVR (APIC_BASE_ADDRESS + 0xf0)
#define IRR (APIC_BASE_ADDRESS + 0x200)
#define LINE 5

static Machine *make(const MachineClass *cls, const char *device, GError **error)
{
    MachineConfig config = {.bios = "none",
                            .ram_size = 64 * MIB,
                            .cpus = 2,
                            .no_vga = true,
                            .devices = g_ptr_array_new()};
    Options *opts = options_parse("-device", device, "driver", NULL);
    Machine *machine = NULL;

    g_ptr_array_add(config.devices, opts);
    machine = machine_new(cls, &config, true, error);
    if (machine) {
        machine_lock(machine);
        clock_start(machine->clock);
        if (!hw_device_create(machine, opts, error)) {
            machine_unlock(machine);
            machine_free(machine);
            return NULL;
        }
        machine_reset(machine);
    }
    return machine;
}

static Machine *make_q35(const char *device)
{
    GError *error = NULL;
    Machine *machine = make(&x86_q35_machine, device, &error);
    g_assert_no_error(error);
    return machine;
}

static void end(Machine *machine)
{
    machine_unlock(machine);
    machine_free(machine);
}

static void set32(Machine *m, unsigned offset, uint32_t value)
{
    wr32(m, INTEL_IOMMU_BASE + offset, value);
}

static void set64(Machine *m, unsigned offset, uint64_t value)
{
    machine_mmio_write(m, INTEL_IOMMU_BASE + offset, value, 8);
}

static uint64_t *words(Machine *m, uint64_t addr)
{
    return (uint64_t *)(m->ram->host + addr);
}

/* Takes the one fault: by whom, and why. */
static void check_fault(Machine *m, uint16_t source, unsigned reason)
{
    uint64_t record = machine_mmio_read(m, INTEL_IOMMU_BASE + FRCD + 8, 8);

    g_assert_cmphex(rd32(m, INTEL_IOMMU_BASE + FSTS), ==, 2);
    g_assert_cmphex(record & 0xffff, ==, source);
    g_assert_cmphex(record >> 32 & 0xff, ==, reason);
    set32(m, FRCD + 12, 1u << 31);
    g_assert_cmphex(rd32(m, INTEL_IOMMU_BASE + FSTS), ==, 0);
}

/* ---- DMA ---- */

/* A page for the function @devfn, and nothing for the others; tables that lead back to themselves elsewhere. */
static void map_page(Machine *m, uint8_t devfn)
{
    words(m, ROOT)[0] = CONTEXTS | 1;
    words(m, CONTEXTS)[devfn * 2] = TABLES | 1;
    words(m, CONTEXTS)[devfn * 2 + 1] = 7 << 8 | 2; /* 48 bits */
    for (unsigned level = 4; level > 0; level--) {
        uint64_t table = TABLES + (4 - level) * 4096;
        words(m, table)[IOVA >> (12 + 9 * (level - 1)) & 0x1ff] =
            (level > 1 ? table + 4096 : DATA) | 3;
        words(m, table)[511] = TABLES | 3;
    }
    set64(m, RTADDR, ROOT);
    set32(m, GCMD, SRTP);
    set32(m, GCMD, TE);
}

static void test_dma(void)
{
    Machine *m = make_q35("intel-iommu");
    unsigned functions = 0;

    map_page(m, PCI_DEVFN(31, 2));
    words(m, SECRET)[0] = 42;
    for (unsigned devfn = 0; devfn < PCI_DEVFNS; devfn++) {
        PciDevice *pci = m->pci->devices[devfn];
        uint64_t value = 0x1122334455667788;
        if (!pci) {
            continue;
        }
        functions++;
        pci_config_write(m->pci, 0, devfn, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
        bool disk = devfn == PCI_DEVFN(31, 2);
        g_assert_cmpint(dma_write(&pci->dma, IOVA + 8, &value, 8) == MEM_OK, ==, disk);
        if (disk) {
            g_assert_cmphex(words(m, DATA)[1], ==, value);
            g_assert_cmpint(dma_read(&pci->dma, IOVA + 4092, &value, 8), !=, MEM_OK); /* its end */
            check_fault(m, devfn, 6);
            g_assert_cmpint(dma_read(&pci->dma, UINT64_C(0xfffffffff000), &value, 8), ==, MEM_OK);
            g_assert_cmpint(dma_write(&pci->dma, SECRET, &value, 8), !=, MEM_OK);
            check_fault(m, devfn, 5);
        } else {
            check_fault(m, devfn, 2); /* there is no context for it */
        }
        g_assert_cmphex(words(m, SECRET)[0], ==, 42);
    }
    g_assert_cmpuint(functions, >=, 3);
    end(m);
}

#define EDU 0xc0000000u
#define EDU_BUFFER 0x40000

/* The device's own engine: @count bytes between its buffer and @iova. */
static void edu_transfer(Machine *m, bool to_memory, uint64_t iova, unsigned count)
{
    machine_mmio_write(m, EDU + 0x80, to_memory ? EDU_BUFFER : iova, 8);
    machine_mmio_write(m, EDU + 0x88, to_memory ? iova : EDU_BUFFER, 8);
    machine_mmio_write(m, EDU + 0x90, count, 8);
    machine_mmio_write(m, EDU + 0x98, to_memory ? 3 : 1, 8);
    clock_step(m->clock, NS_PER_SECOND);
    g_assert_cmphex(machine_mmio_read(m, EDU + 0x98, 8) & 1, ==, 0); /* it has ended either way */
}

static void test_rogue(void)
{
    const uint8_t devfn = PCI_DEVFN(5, 0);
    Machine *m = make_q35("intel-iommu");
    GError *error = NULL;
    Options *opts =
        options_parse("-device", "edu,addr=5,dma_mask=0xffffffffffffffff", "driver", &error);

    g_assert_true(hw_device_create(m, opts, &error));
    options_free(opts);
    machine_reset(m);
    pci_config_write(m->pci, 0, devfn, PCI_BASE_ADDRESS_0, EDU, 4);
    pci_config_write(m->pci, 0, devfn, PCI_COMMAND, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY, 2);
    map_page(m, devfn);
    words(m, DATA)[0] = 0x1122334455667788;
    words(m, SECRET)[0] = 42;
    edu_transfer(m, false, IOVA, 8);
    edu_transfer(m, true, IOVA + 64, 8);
    g_assert_cmphex(words(m, DATA)[8], ==, 0x1122334455667788); /* inside: there and back */
    g_assert_cmphex(rd32(m, INTEL_IOMMU_BASE + FSTS), ==, 0);
    edu_transfer(m, true, SECRET, 8);
    check_fault(m, devfn, 5);
    g_assert_cmphex(words(m, SECRET)[0], ==, 42);
    edu_transfer(m, false, SECRET, 8);
    check_fault(m, devfn, 6);
    edu_transfer(m, true, IOVA + 128, 8);
    g_assert_cmphex(words(m, DATA)[16], !=, 42); /* the secret did not get into the buffer */
    end(m);
}

/* ---- Interrupts ---- */

static void set_entry(Machine *m, unsigned pin, uint64_t entry)
{
    for (unsigned half = 0; half < 2; half++) {
        wr32(m, IOAPIC_BASE, 0x10 + 2 * pin + half);
        wr32(m, IOAPIC_BASE + 0x10, entry >> 32 * half);
    }
}

static void pulse(Machine *m)
{
    IrqLine line = pc_irq_line(pc_irq_find(m), LINE);
    irq_set(&line, true);
    irq_set(&line, false);
}

/* Whether the first processor has got @vector. */
static bool requested(Machine *m, uint8_t vector)
{
    return rd32(m, IRR + vector / 32 * 16) >> vector % 32 & 1;
}

static void test_interrupts(void)
{
    Machine *m = make_q35("intel-iommu,intremap=on");

    wr32(m, SVR, 0x1ff);
    set_entry(m, LINE, 0x31);
    pulse(m);
    g_assert_true(requested(m, 0x31)); /* as long as nobody has switched remapping on */

    set64(m, IRTA, IRTES | EIME | 7); /* 256 entries */
    set32(m, GCMD, SIRTP);
    set32(m, GCMD, IRE);
    set_entry(m, LINE, 0x32);
    pulse(m);
    g_assert_false(requested(m, 0x32)); /* of the old format */
    check_fault(m, PC_IRQ_IOAPIC_SOURCE, 0x25);

    set_entry(m, LINE, UINT64_C(3) << 49 | UINT64_C(1) << 48 | LINE);
    words(m, IRTES)[6] = UINT64_C(0) << 32 | 0x43 << 16 | 1;
    words(m, IRTES)[7] = 1 << 18 | PC_IRQ_IOAPIC_SOURCE;
    pulse(m);
    g_assert_true(requested(m, 0x43));

    words(m, IRTES)[6] = UINT64_C(0x100) << 32 | 0x44 << 16 | 1; /* for another processor */
    pulse(m);
    g_assert_false(requested(m, 0x44));
    g_assert_cmphex(rd32(m, INTEL_IOMMU_BASE + FSTS), ==, 0);

    words(m, IRTES)[6] = 0x45 << 16 | 1;
    words(m, IRTES)[7] = 1 << 18 | PCI_DEVFN(31, 2); /* somebody else's */
    pulse(m);
    g_assert_false(requested(m, 0x45));
    check_fault(m, PC_IRQ_IOAPIC_SOURCE, 0x26);
    end(m);
}

/* ---- What is told ---- */

static void check_table(const char *device, uint8_t width, uint8_t flags)
{
    Machine *m = make_q35(device);
    AcpiTables *t = acpi_tables_new();

    pc_iommu_add_table(t, m);
    acpi_finish(t);
    GBytes *bytes = acpi_get_tables(t, 0);
    const uint8_t *dmar = g_bytes_get_data(bytes, NULL);
    g_assert_cmpmem(dmar, 4, "DMAR", 4);
    g_assert_cmpuint(dmar[4], ==, 36 + 12 + 16 + 8);
    g_assert_cmpuint(dmar[36], ==, width);
    g_assert_cmpuint(dmar[37], ==, flags);
    g_assert_cmpuint(dmar[48 + 4], ==, 1);                        /* all of PCI */
    g_assert_cmpmem(dmar + 48 + 8, 8, "\0\0\331\376\0\0\0\0", 8); /* the registers */
    g_assert_cmpmem(dmar + 64, 8, "\3\10\0\0\0\377\0\0", 8);      /* the I/O APIC */
    g_bytes_unref(bytes);
    acpi_tables_free(t);
    end(m);
}

static void test_table(void)
{
    check_table("intel-iommu,intremap=on", 47, 1);
    check_table("intel-iommu,intremap=off,aw-bits=39", 38, 0);
}

static void check_refused(const MachineClass *cls, const char *device, const char *why)
{
    GError *error = NULL;

    g_assert_null(make(cls, device, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, why));
    g_clear_error(&error);
}

static void test_refused(void)
{
    check_refused(&riscv_virt_machine, "intel-iommu", "use -machine q35");
    check_refused(&x86_q35_machine, "intel-iommu,aw-bits=40", "39 or 48");
    check_refused(&x86_q35_machine, "intel-iommu,caching-mode=on", "leave it out");
    check_refused(&x86_q35_machine, "intel-iommu,intremp=on", "intremp");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc-iommu/dma", test_dma);
    g_test_add_func("/pc-iommu/rogue", test_rogue);
    g_test_add_func("/pc-iommu/interrupts", test_interrupts);
    g_test_add_func("/pc-iommu/table", test_table);
    g_test_add_func("/pc-iommu/refused", test_refused);
    return g_test_run();
}
