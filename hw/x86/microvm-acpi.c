#include "hw/x86/microvm.h"
bool microvm_acpi_add(Machine *machine, X86Boot *boot, GError **error)
{
    return true;
}
