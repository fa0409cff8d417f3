/*
 * A RISC-V hart in a machine that has only RAM and a stepped clock: for tests of the CPU's state, without
 * an engine. Helpers are called as translated code would call them.
 */
#ifndef AMPHI_TEST_RISCV_HART_H
#define AMPHI_TEST_RISCV_HART_H

#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include "softmmu/machine.h"

#define HART_RAM_BASE UINT64_C(0x80000000)
#define HART_RAM_SIZE (16 * MIB)
#define HART_TIMEBASE UINT64_C(10000000)

/* Makes hart 0 of @model in a machine of its own, just reset. */
Vcpu *hart_new(const char *model);
void hart_free(Vcpu *vcpu);

/* Moves virtual time. */
void hart_step(Vcpu *vcpu, int64_t ns);

/* Goes to a privilege with what follows from it. */
void hart_set_priv(Vcpu *vcpu, RiscvPriv priv);

/* Physical memory, 64 bits. */
void hart_poke(Vcpu *vcpu, uint64_t addr, uint64_t value);
uint64_t hart_peek(Vcpu *vcpu, uint64_t addr);

/* Runs the statement as guest code; true if it raised an exception, which has then been taken. */
#define HART_TRAPS(vcpu, statement)              \
    ({                                           \
        volatile bool trapped_ = true;           \
        (vcpu)->unwind_valid = true;             \
        if (sigsetjmp((vcpu)->unwind, 0) == 0) { \
            statement;                           \
            trapped_ = false;                    \
        }                                        \
        (vcpu)->unwind_valid = false;            \
        trapped_;                                \
    })

/* CSR accesses that must succeed, and ones that must be illegal: these leave the hart as it was. */
uint64_t hart_csr_read(Vcpu *vcpu, unsigned csr);
void hart_csr_write(Vcpu *vcpu, unsigned csr, uint64_t value);
uint64_t hart_csr_set(Vcpu *vcpu, unsigned csr, uint64_t mask);
uint64_t hart_csr_clear(Vcpu *vcpu, unsigned csr, uint64_t mask);
bool hart_csr_readable(Vcpu *vcpu, unsigned csr);
bool hart_csr_writable(Vcpu *vcpu, unsigned csr);

/* Names of CSRs by number. */
enum {
    CSR_FFLAGS = 0x001,
    CSR_FRM = 0x002,
    CSR_FCSR = 0x003,
    CSR_SSTATUS = 0x100,
    CSR_SIE = 0x104,
    CSR_STVEC = 0x105,
    CSR_SCOUNTEREN = 0x106,
    CSR_SENVCFG = 0x10a,
    CSR_SSTATEEN0 = 0x10c,
    CSR_SSCRATCH = 0x140,
    CSR_SEPC = 0x141,
    CSR_SCAUSE = 0x142,
    CSR_STVAL = 0x143,
    CSR_SIP = 0x144,
    CSR_STIMECMP = 0x14d,
    CSR_SATP = 0x180,
    CSR_MSTATUS = 0x300,
    CSR_MISA = 0x301,
    CSR_MEDELEG = 0x302,
    CSR_MIDELEG = 0x303,
    CSR_MIE = 0x304,
    CSR_MTVEC = 0x305,
    CSR_MCOUNTEREN = 0x306,
    CSR_MENVCFG = 0x30a,
    CSR_MSTATEEN0 = 0x30c,
    CSR_MCOUNTINHIBIT = 0x320,
    CSR_MSCRATCH = 0x340,
    CSR_MEPC = 0x341,
    CSR_MCAUSE = 0x342,
    CSR_MTVAL = 0x343,
    CSR_MIP = 0x344,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPADDR0 = 0x3b0,
    CSR_TSELECT = 0x7a0,
    CSR_MCYCLE = 0xb00,
    CSR_MHPMCOUNTER3 = 0xb03,
    CSR_CYCLE = 0xc00,
    CSR_TIME = 0xc01,
    CSR_HPMCOUNTER3 = 0xc03,
    CSR_MHARTID = 0xf14,
    CSR_MCONFIGPTR = 0xf15,
};

#endif
