/*
 * A q35 machine with one PCI function: see pc-function.h.
 */
#include "tests/device/pc-function.h"
#include "hw/hw.h"
#include "hw/x86/boards.h"
#include <linux/pci_regs.h>

Machine *pc_function_new(const char *device, PciDevice **pci)
{
    GError *error = NULL;
    MachineConfig config = {.bios = "none", .cpus = 1, .ram_size = 16 * MIB, .no_vga = true};
    Machine *machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(machine);
    clock_start(machine->clock);
    char *text = g_strdup_printf("%s,addr=5", device);
    Options *opts = options_parse("-device", text, "driver", &error);
    g_assert_true(hw_device_create(machine, opts, &error));
    g_assert_no_error(error);
    options_free(opts);
    g_free(text);
    machine_reset(machine);
    *pci = machine->pci->devices[PCI_DEVFN(5, 0)];
    pci_config_write(machine->pci, 0, (*pci)->devfn, PCI_BASE_ADDRESS_0, PC_FUNCTION_MEMORY, 4);
    pci_config_write(machine->pci, 0, (*pci)->devfn, PCI_BASE_ADDRESS_1, PC_FUNCTION_PORTS, 4);
    pci_config_write(machine->pci, 0, (*pci)->devfn, PCI_COMMAND,
                     PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    return machine;
}

void pc_function_free(Machine *machine)
{
    machine_unlock(machine);
    machine_free(machine);
}

bool pc_function_pin(const PciDevice *pci)
{
    return pci_get16(pci->config, PCI_STATUS) & PCI_STATUS_INTERRUPT;
}
