/*
 * The board's side of an engine's interrupt controllers: see irqchip.h.
 */
#include "softmmu/irqchip.h"

IrqchipMode irqchip_mode(const Machine *machine)
{
    return machine->irqchip ? machine->irqchip->mode : IRQCHIP_OFF;
}

static void set_gsi(void *opaque, unsigned gsi, bool level)
{
    Machine *machine = opaque;
    machine->irqchip->ops->set_gsi(machine, gsi, level);
}

IrqLine irqchip_gsi(Machine *machine, unsigned gsi)
{
    g_return_val_if_fail(irqchip_mode(machine) == IRQCHIP_ON, (IrqLine){0});
    return irq_line(set_gsi, machine, gsi);
}

void irqchip_connect_pit(Machine *machine, bool on)
{
    g_return_if_fail(irqchip_mode(machine) == IRQCHIP_ON);
    machine->irqchip->ops->connect_pit(machine, on);
}

void irqchip_send_msi(Machine *machine, uint64_t addr, uint32_t data)
{
    g_return_if_fail(machine->irqchip);
    machine->irqchip->ops->send_msi(machine, addr, data);
}

void irqchip_set_route(Machine *machine, unsigned pin, uint64_t addr, uint32_t data, bool masked)
{
    g_return_if_fail(machine->irqchip && pin < IRQCHIP_GSIS);
    if (machine->irqchip->ops->set_route) {
        machine->irqchip->ops->set_route(machine, pin, addr, data, masked);
    }
}

void irqchip_on_eoi(Machine *machine, void (*fn)(void *opaque, uint8_t vector), void *opaque)
{
    g_return_if_fail(machine->irqchip);
    machine->irqchip->eoi = fn;
    machine->irqchip->eoi_opaque = opaque;
}

static void set_extint(void *opaque, unsigned n, bool level)
{
    Machine *machine = opaque;
    machine->irqchip->ops->extint(machine, level);
}

IrqLine irqchip_extint(Machine *machine, int (*acknowledge)(void *opaque), void *opaque)
{
    g_return_val_if_fail(irqchip_mode(machine) == IRQCHIP_SPLIT, (IrqLine){0});
    machine->irqchip->acknowledge = acknowledge;
    machine->irqchip->acknowledge_opaque = opaque;
    return irq_line(set_extint, machine, 0);
}

int irqchip_open_msi(Machine *machine, unsigned *n)
{
    return machine->irqchip && machine->irqchip->ops->open_msi
               ? machine->irqchip->ops->open_msi(machine, n)
               : -1;
}

bool irqchip_set_msi(Machine *machine, unsigned n, uint64_t addr, uint32_t data)
{
    return machine->irqchip->ops->set_msi(machine, n, addr, data);
}

void irqchip_close_msi(Machine *machine, unsigned n)
{
    if (machine->irqchip) {
        machine->irqchip->ops->close_msi(machine, n);
    }
}
