/*
 * Device "pc-testdev" of QEMU, which kvm-unit-tests use:
 *
 *   port 0xe0..0xe3  a register of 4 bytes that keeps what is written
 *   port 0xe4        writing a page's address maps it anew; nothing of that is seen
 *   port 0xe8..0xeb  the register again, as a device that takes single bytes
 *   port 0x2000+n    writing sets the level of interrupt line n, 0 to 23; its device may raise it as well
 *   0xff000000       64 KiB of memory that is behind a device, not RAM
 *
 * Locking: the machine lock.
 */
#include "hw/x86/isa-devices.h"
#include "hw/x86/pc-irq.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define PORT_REGISTER 0xe0
#define PORT_FLUSH 0xe4
#define PORT_BYTES 0xe8
#define PORT_IRQS 0x2000
#define MEMORY_BASE 0xff000000u
#define MEMORY_SIZE 0x10000u

typedef struct PcTestdev {
    Device dev;
    uint32_t reg;
    uint8_t memory[MEMORY_SIZE];
} PcTestdev;

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
    PcTestdev *s = opaque;
    return s->reg >> 8 * offset;
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *s = opaque;
    s->reg = bits_set(s->reg, 8 * offset, 8 * size, value);
}

static uint64_t flush_read(void *opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static void flush_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static void irq_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *s = opaque;
    PcIrq *irqs = pc_irq_find(s->dev.machine);
    if (irqs) {
        IrqLine line = pc_irq_test_line(irqs, offset);
        irq_set(&line, value != 0);
    }
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size)
{
    PcTestdev *s = opaque;
    uint64_t value = 0;
    memcpy(&value, s->memory + offset, size);
    return value;
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *s = opaque;
    memcpy(s->memory + offset, &value, size);
}

static const MmioOps reg_ops = {reg_read, reg_write, 1, 4, false};
static const MmioOps byte_ops = {reg_read, reg_write, 1, 1, false};
static const MmioOps flush_ops = {flush_read, flush_write, 1, 4, true};
static const MmioOps irq_ops = {flush_read, irq_write, 1, 1, false};
static const MmioOps memory_ops = {memory_read, memory_write, 1, 4, false};

static void testdev_reset(Device *dev)
{
    PcTestdev *s = container_of(dev, PcTestdev, dev);
    s->reg = 0;
    memset(s->memory, 0, sizeof(s->memory));
    for (unsigned n = 0; n < PC_IRQS; n++) {
        irq_write(s, n, 0, 1);
    }
}

static const VmField testdev_fields[] = {
    VM_FIELD_U32(PcTestdev, reg),
    VM_ARRAY_U8(PcTestdev, memory),
    VM_FIELD_END(),
};

static const VmDesc testdev_vmstate = {"pc-testdev", testdev_fields, NULL, NULL};

static const DeviceOps testdev_ops = {
    .name = "pc-testdev",
    .reset = testdev_reset,
    .vmstate = &testdev_vmstate,
};

bool pc_testdev_create(Machine *machine, Options *opts, GError **error)
{
    if (!isa_check_machine(machine, "pc-testdev", error)) {
        return false;
    }
    MemoryMap *io = machine->io;
    PcTestdev *s = device_new(machine, &testdev_ops, sizeof(*s), options_get(opts, "id", NULL));
    isa_attach(&s->dev);
    memory_map_add_mmio(io, "pc-testdev", PORT_REGISTER, 4, 0, &reg_ops, s, &s->dev);
    memory_map_add_mmio(io, "pc-testdev-flush", PORT_FLUSH, 4, 0, &flush_ops, s, &s->dev);
    memory_map_add_mmio(io, "pc-testdev-bytes", PORT_BYTES, 4, 0, &byte_ops, s, &s->dev);
    memory_map_add_mmio(io, "pc-testdev-irqs", PORT_IRQS, PC_IRQS, 0, &irq_ops, s, &s->dev);
    memory_map_add_mmio(machine->memory, "pc-testdev-memory", MEMORY_BASE, MEMORY_SIZE, 1,
                        &memory_ops, s, &s->dev);
    return true;
}
