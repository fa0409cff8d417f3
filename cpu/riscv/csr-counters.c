/*
 * Counters (Privileged Architecture 3.1.10-3.1.12, 10.1.5; Zicntr, Zihpm).
 *
 * mcycle counts nanoseconds of virtual time, that is, a core at 1 GHz; minstret counts instructions
 * exactly from its first use on. Both are a source plus an offset; an inhibited counter stands still: its
 * offset holds the value itself. The hardware performance counters exist and are zero.
 */
#include "cpu/riscv/priv.h"

static unsigned counter_of(unsigned csr)
{
    return csr & 0x1f;
}

static bool inhibited(const RiscvState *s, unsigned counter)
{
    return (s->mcountinhibit >> counter) & 1;
}

static uint64_t counter_source(Vcpu *vcpu, unsigned counter)
{
    return counter == COUNTER_CY ? (uint64_t)clock_now(riscv_state(vcpu)->stimer.clock)
                                 : vcpu_insn_count(vcpu);
}

/* Kernels stop all counters when they boot: that alone is no reason to count. */
static uint64_t counter_at_stop(Vcpu *vcpu, unsigned counter)
{
    return counter == COUNTER_IR ? vcpu_insn_estimate(vcpu) : counter_source(vcpu, counter);
}

static uint64_t *counter_offset(RiscvState *s, unsigned counter)
{
    return counter == COUNTER_CY ? &s->mcycle_offset : &s->minstret_offset;
}

/* Access to cycle, time, instret and hpmcounters from below M is granted level by level. */
bool riscv_csr_check_counter(Vcpu *vcpu, unsigned csr)
{
    const RiscvState *s = riscv_state(vcpu);
    unsigned counter = counter_of(csr);

    if (!riscv_has(s, counter <= COUNTER_IR ? RISCV_EXT_ZICNTR : RISCV_EXT_ZIHPM)) {
        return false;
    }
    if (s->priv < RISCV_PRIV_M && !((s->mcounteren >> counter) & 1)) {
        return false;
    }
    return s->priv != RISCV_PRIV_U || ((s->scounteren >> counter) & 1);
}

uint64_t riscv_csr_read_counter(Vcpu *vcpu, unsigned csr)
{
    RiscvState *s = riscv_state(vcpu);
    unsigned counter = counter_of(csr);

    if (counter == COUNTER_TM) {
        return riscv_time_now(s);
    }
    uint64_t offset = *counter_offset(s, counter);
    if (inhibited(s, counter)) {
        return offset;
    }
    bool counted = vcpu->counting;
    uint64_t value = counter_source(vcpu, counter) + offset;
    if (counter == COUNTER_IR && !counted) {
        s->minstret_offset++; /* counting begins after this instruction: it would be missing */
    }
    return value;
}

void riscv_csr_write_counter(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    RiscvState *s = riscv_state(vcpu);
    unsigned counter = counter_of(csr);

    if (!inhibited(s, counter)) {
        bool counted = vcpu->counting;
        value -= counter_source(vcpu, counter);
        /* The next instruction reads what was written, though this one counts. */
        value -= counter == COUNTER_IR && counted;
    }
    *counter_offset(s, counter) = value;
}

void riscv_csr_write_mcountinhibit(Vcpu *vcpu, unsigned csr, uint64_t value)
{
    static const uint8_t counters[] = {COUNTER_CY, COUNTER_IR};
    RiscvState *s = riscv_state(vcpu);
    uint64_t mask = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
        unsigned counter = counters[i];
        bool stop = (value >> counter) & 1;
        if (stop && !inhibited(s, counter)) {
            *counter_offset(s, counter) += counter_at_stop(vcpu, counter);
        } else if (!stop && inhibited(s, counter)) {
            bool counted = vcpu->counting;
            *counter_offset(s, counter) -= counter_source(vcpu, counter);
            *counter_offset(s, counter) += counter == COUNTER_IR && !counted; /* as above */
        }
        mask |= UINT64_C(1) << counter;
    }
    s->mcountinhibit = value & mask;
}

/* mhpmcounter3..31 and mhpmevent3..31. */
bool riscv_csr_check_mhpm(Vcpu *vcpu, unsigned csr)
{
    return riscv_has(riscv_state(vcpu), RISCV_EXT_ZIHPM);
}
