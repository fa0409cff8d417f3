/*
 * For tests of devices: a machine without vCPUs, with a clock that only the test moves, probes for interrupt
 * lines, and a character device that remembers what was written.
 */
#ifndef AMPHI_TEST_HARNESS_H
#define AMPHI_TEST_HARNESS_H

#include "softmmu/machine.h"

#define TEST_RAM_BASE UINT64_C(0x80000000)
#define TEST_RAM_SIZE (4 * MIB)

/* A machine with RAM only. The lock is held until harness_free(). */
Machine *harness_new(void);
/* The same with memory as under KVM: memory_map_set_private(). */
Machine *harness_new_private(void);
void harness_free(Machine *machine);

/* An interrupt line whose level can be asked. */
typedef struct IrqProbe {
    bool level;
    unsigned raised; /* how often it went from low to high */
} IrqProbe;

IrqLine irq_probe(IrqProbe *probe);

/* A chardev that collects output. Freed by test_chardev_free(). */
typedef struct TestChardev {
    Chardev chr;
    GString *output;
    unsigned accepts; /* calls of accept_input */
} TestChardev;

TestChardev *test_chardev_new(void);
void test_chardev_free(TestChardev *chr);
/* Offers @text as input; returns how much was taken. */
size_t test_chardev_type(TestChardev *chr, const char *text);

/* Saves @from, loads that into @to, and checks that @to saves the same. */
void check_round_trip(Device *from, Device *to);

/* @count random accesses of all sizes, aligned or not, in [base, base + size) and a little beyond. */
void wild_accesses(Machine *machine, uint64_t base, uint64_t size, unsigned count, uint32_t seed);

static inline uint32_t rd32(Machine *machine, uint64_t addr)
{
    return machine_mmio_read(machine, addr, 4);
}

static inline void wr32(Machine *machine, uint64_t addr, uint32_t value)
{
    machine_mmio_write(machine, addr, value, 4);
}

#endif
