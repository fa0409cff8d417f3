/*
 * The RISC-V CPU as boards see it.
 */
#ifndef AMPHI_RISCV_H
#define AMPHI_RISCV_H

#include "cpu/vcpu.h"
#include "softmmu/irq.h"

extern const GuestArch riscv64_guest;

/* Interrupt numbers in mip and mie (Privileged Architecture 3.1.9). */
/* clang-format off */
enum {
    RISCV_IRQ_SSI = 1, RISCV_IRQ_MSI = 3, RISCV_IRQ_STI = 5, RISCV_IRQ_MTI = 7, RISCV_IRQ_SEI = 9,
    RISCV_IRQ_MEI = 11, RISCV_IRQ_COF = 13,
};
/* clang-format on */

/* Makes hart @hartid of model @model ("rv64", "rv64,sv57=off,zba=off", "max"). @timebase: frequency in Hz
 * of the time CSR, whose value is that of mtime (virtual time). Halts at reset until riscv_cpu_reset. */
Vcpu *riscv_cpu_new(Machine *machine, const char *model, unsigned hartid, uint64_t timebase,
                    GError **error);

/* The line that sets bit @irq of mip from outside: MSI, MTI, SEI, MEI. Safe from any thread. */
IrqLine riscv_cpu_irq(Vcpu *vcpu, unsigned irq);

/* The address of the first instruction after reset. */
void riscv_cpu_set_reset_pc(Vcpu *vcpu, uint64_t pc);

/* Value of mtime now, and writing it (moves the offset to virtual time for all harts of the machine, and
 * their stimecmp timers with it). */
uint64_t riscv_time(Vcpu *vcpu);
void riscv_set_time(Vcpu *vcpu, uint64_t value);

/* For the device tree: the ISA string ("rv64imafdc_zicntr_..."), the extensions one by one
 * (NULL-terminated, caller frees with g_strfreev), the largest MMU mode ("riscv,sv48"), and the sizes of
 * cache blocks in bytes (0 without the extension). */
char *riscv_isa_string(Vcpu *vcpu);
char **riscv_isa_extensions(Vcpu *vcpu);
const char *riscv_mmu_type(Vcpu *vcpu);
unsigned riscv_cbo_block_size(Vcpu *vcpu);

/* What @model ("max", "rv64,zba=off") comes to: calls @each for every property that is on or off. */
bool riscv_cpu_expand(const char *model, void (*each)(void *opaque, const char *name, bool on),
                      void *opaque, GError **error);

/* Prints the models and the properties for -cpu help. */
void riscv_cpu_help(GString *out);

#endif
