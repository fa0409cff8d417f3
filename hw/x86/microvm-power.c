/*
 * Power of the "microvm" machine: sleep and reset registers of hardware-reduced ACPI (ACPI 6.4 sections 4.8.3.7 and
 * 4.8.3.6), and an event register that says that the power button was pressed. Locking: the machine lock.
 */
#include "hw/x86/microvm.h"
#include <elf.h>

#define SLEEP_ENABLE (1u << 5)
#define SLEEP_TYPE_SHIFT 2
#define EVENT_BUTTON 1

const LoaderArch microvm_arch = {"x86-64", EM_X86_64, 0x8664};

typedef struct Power {
    Device dev;
    IrqLine irq;
    uint8_t events;
} Power;

static void update_irq(Power *s)
{
    irq_set(&s->irq, s->events != 0);
}

static void button(void *opaque, unsigned n, bool level)
{
    Power *s = opaque;
    if (level) {
        s->events |= EVENT_BUTTON;
        update_irq(s);
    }
}

/* Reading the events takes them back. */
static uint64_t power_read(Device *dev, uint64_t offset, unsigned size)
{
    Power *s = container_of(dev, Power, dev);
    uint8_t events = s->events;

    if (offset != POWER_EVENT) {
        return 0;
    }
    s->events = 0;
    update_irq(s);
    return events;
}

static void power_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == POWER_SLEEP_CONTROL && (value & SLEEP_ENABLE) &&
        (value >> SLEEP_TYPE_SHIFT & 7) == POWER_S5) {
        machine_request_shutdown(dev->machine, 0);
    } else if (offset == POWER_RESET && value == POWER_RESET_VALUE) {
        machine_request_reset(dev->machine);
    }
}

static void power_reset(Device *dev)
{
    Power *s = container_of(dev, Power, dev);
    s->events = 0;
    update_irq(s);
}

static bool power_post_load(void *opaque, GError **error)
{
    update_irq(opaque);
    return true;
}

static const VmField power_fields[] = {VM_FIELD_U8(Power, events), VM_FIELD_END()};
static const VmDesc power_vmstate = {.name = "microvm-power",
                                     .fields = power_fields,
                                     .post_load = power_post_load};

static const DeviceOps power_ops = {
    .name = "microvm-power",
    .reset = power_reset,
    .read = power_read,
    .write = power_write,
    .max_access = 1,
    .vmstate = &power_vmstate,
};

void microvm_power_new(Machine *machine, IrqLine irq)
{
    Power *s = device_new(machine, &power_ops, sizeof(*s), NULL);

    s->irq = irq;
    device_map_pio(&s->dev, MICROVM_POWER_PORT, POWER_PORTS);
    machine->power_button = irq_line(button, s, 0);
}
