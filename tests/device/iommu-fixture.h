/*
 * For tests of the RISC-V IOMMU: a machine with one in slot 1 of its PCI bus, a random number generator behind it
 * in slot 2 and one that goes past it in slot 3, tables in the harness's RAM, and a register that takes
 * messages.
 */
#ifndef AMPHI_TEST_IOMMU_FIXTURE_H
#define AMPHI_TEST_IOMMU_FIXTURE_H

#include "hw/iommu/riscv-iommu.h"
#include "hw/pci/pci.h"
#include "tests/device/virtio-driver.h"

#define IO_MMIO64 UINT64_C(0x400000000)
#define IO_MSI_BASE 0x24000000
#define IOMMU_SLOT 1
#define RNG_SLOT 2
#define DEVICE_ID PCI_DEVFN(RNG_SLOT, 0)
#define IOMMU_REGS (IO_MMIO64 + IOMMU_SLOT * MIB)

#define PTE_LEAF (PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D)
#define IO_DATA (TEST_RAM_BASE + 0x300000)
#define IOVA UINT64_C(0x1234567000)

typedef struct IommuFixture {
    Machine *machine;
    IrqProbe intx[PCI_PINS];
    uint64_t heap;     /* next free page */
    uint32_t msi_data; /* the last message, and where */
    uint64_t msi_offset;
    unsigned msi_count;
    AddressSpace *dma; /* the random number generator's */
    uint64_t cq, fq;
    unsigned cq_tail;
    uint64_t *dc; /* its device context */
} IommuFixture;

/* Configuration space. */
uint64_t io_config_addr(unsigned slot, unsigned offset);
void io_config_write(IommuFixture *f, unsigned slot, unsigned offset, uint32_t value,
                     unsigned size);
/* Registers. */
uint64_t io_reg64(IommuFixture *f, unsigned offset);
uint32_t io_reg32(IommuFixture *f, unsigned offset);
void io_set64(IommuFixture *f, unsigned offset, uint64_t value);
void io_set32(IommuFixture *f, unsigned offset, uint32_t value);
/* @n zeroed pages, aligned to their size; the words at an address; an address as in entries. */
uint64_t io_new_pages(IommuFixture *f, unsigned n);
uint64_t *io_words(IommuFixture *f, uint64_t addr);
uint64_t io_ppn(uint64_t addr);
/* Puts BARs where the macros say, and lets the functions master the bus. */
void io_map_bars(IommuFixture *f);
void io_setup_with(IommuFixture *f, const char *options);
/* For g_test_add(): @options are appended to those of the IOMMU (NULL: none). */
void io_setup(IommuFixture *f, gconstpointer options);
void io_teardown(IommuFixture *f, gconstpointer data);
/* A directory of @levels levels with a context for the device, valid and without translation. */
void io_make_ddt(IommuFixture *f, unsigned levels);
/* Maps @va to @pa by an entry of @level in the table @root of @levels levels, of the second stage with @x4. */
uint64_t *io_map(IommuFixture *f, uint64_t root, unsigned levels, bool x4, uint64_t va, uint64_t pa,
                 unsigned level, uint64_t flags);
/* A field like satp. */
uint64_t io_atp(unsigned levels, uint64_t root);
/* Accesses of the generator: whether they pass. What is read must be @expected. */
bool io_reads(IommuFixture *f, uint64_t iova, uint64_t expected);
bool io_writes(IommuFixture *f, uint64_t iova, uint64_t value);
/* Takes the one fault record that there must be. */
const uint64_t *io_take_fault(IommuFixture *f);
void io_check_fault(IommuFixture *f, unsigned cause, unsigned ttyp, uint64_t iotval,
                    uint64_t iotval2);
/* No fault is recorded that was not taken. */
void io_no_fault(IommuFixture *f);
/* Queues a command; the second checks that it was executed. */
void io_command(IommuFixture *f, uint64_t word0, uint64_t word1);
void io_command_ok(IommuFixture *f, uint64_t word0, uint64_t word1);
/* Drops all that is cached. */
void io_flush(IommuFixture *f);
/* One page for the device: IOVA to DATA in Sv39. */
uint64_t *io_map_one(IommuFixture *f);

#endif
