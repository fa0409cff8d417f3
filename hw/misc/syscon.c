/*
 * Power-off and reboot register of riscv64 virt: SiFive's test finisher, in device trees
 * "sifive,test0" and, with syscon-poweroff and syscon-reboot, what Linux and OpenSBI use.
 *
 * A write to offset 0 with 0x5555 in its low 16 bits ends the process with status 0, 0x3333 with the
 * status in the high 16 bits (a failure never becomes status 0), 0x7777 resets the machine. Stateless.
 * Locking: the machine lock.
 */
#include "hw/misc/syscon.h"
#include "softmmu/base/log.h"
#include <inttypes.h>

static uint64_t syscon_read(Device *dev, uint64_t offset, unsigned size)
{
    return 0;
}

static void syscon_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    int status = (value >> 16) & 0xff;
    if (offset == 0) {
        switch (value & 0xffff) {
        case SYSCON_FAIL: machine_request_shutdown(dev->machine, status ? status : 1); return;
        case SYSCON_PASS: machine_request_shutdown(dev->machine, 0); return;
        case SYSCON_RESET: machine_request_reset(dev->machine); return;
        }
    }
    log_guest_error("syscon: write of 0x%" PRIx64 " to offset 0x%" PRIx64 "\n", value, offset);
}

static const VmField syscon_fields[] = {VM_FIELD_END()};
static const VmDesc syscon_vmstate = {"syscon", syscon_fields, NULL, NULL};

static const DeviceOps syscon_ops = {
    .name = "riscv.sifive.test",
    .read = syscon_read,
    .write = syscon_write,
    .min_access = 2,
    .max_access = 4,
    .vmstate = &syscon_vmstate,
};

Device *syscon_new(Machine *machine, uint64_t base)
{
    Device *dev = device_new(machine, &syscon_ops, sizeof(Device), NULL);
    device_map_mmio(dev, base, 0x1000);
    return dev;
}
