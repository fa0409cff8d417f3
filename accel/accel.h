/*
 * Engines, and the loop that runs a vCPU on them.
 *
 * An engine executes guest instructions of one vCPU until there is a reason to stop. All engines leave
 * architectural state exact when run() returns, or hand it over in pull(); so a vCPU can change engines
 * between any two instructions.
 */
#ifndef AMPHI_ACCEL_H
#define AMPHI_ACCEL_H

#include "cpu/vcpu.h"
#include "softmmu/machine.h"

typedef struct Accel Accel;

/* The contract of an engine. */
struct AccelOps {
    const char *name;  /* as in -accel */
    const char *alias; /* another name or NULL */
    const char *desc;  /* one line for -accel help */
    /* Prepares it for a machine, once, when it is first selected; false with @error if it cannot work on
     * this host (the remedy in the message). Main thread. */
    bool (*init)(Accel *accel, GError **error);
    /* Releases what init() made. No vCPU runs. */
    void (*fini)(Accel *accel);
    /* Whether it can run guests of @arch at all. */
    bool (*supports)(const GuestArch *arch);
    /* As MachineRunner.init and vcpu_init, for an engine that is initialised; may be NULL. vcpu_fini()
     * also if vcpu_init() was not called or failed. */
    bool (*machine_init)(Accel *accel, GError **error);
    bool (*vcpu_init)(Vcpu *vcpu, GError **error);
    void (*vcpu_fini)(Vcpu *vcpu);
    /* It takes interrupts, keeps the guest's FP state and walks page tables itself, and has no translated
     * code: nothing is done about these around run(). */
    bool native;
    /* As MachineRunner.step, for native engines. */
    VcpuExit (*step)(Vcpu *vcpu);
    /* Runs guest code from exact state until an exit. On the vCPU's thread, without locks. May unwind
     * (vcpu_unwind()). Honours vcpu->budget if vcpu->counting. */
    VcpuExit (*run)(Vcpu *vcpu);
    /* Beside setting vcpu->kick: interrupts run(). Any thread; NULL if the word is enough. */
    void (*kick)(Vcpu *vcpu);
    /* Takes the vCPU over from, or gives it back to, architectural state; NULL if that is where the
     * engine keeps it anyway. On the vCPU's thread or while it is stopped. */
    void (*push)(Vcpu *vcpu);
    void (*pull)(Vcpu *vcpu);
    /* Guest memory moved; NULL if the TLB flush that goes with it is enough. Machine lock held. */
    void (*map_changed)(Accel *accel);
};

extern const AccelOps kvm_engine, jit_engine, interp_engine;

/* What the user may set: -accel jit,tb-size=64,thread=multi,hop=interp,hop-insns=7,features-off=avx2:fma */
typedef struct AccelConfig {
    uint64_t tb_size;    /* bytes of code memory; 0: the default */
    char *features_off;  /* host features not to use, comma-separated; NULL: none */
    const AccelOps *hop; /* engine to alternate with, NULL: none */
    uint64_t hop_insns;  /* instructions on each before hopping */
    unsigned tier2;      /* AccelTier2 */
    bool force;          /* use KVM even where it would be slow */
} AccelConfig;

typedef enum AccelTier2 { TIER2_HOT, TIER2_OFF, TIER2_ALWAYS } AccelTier2;

/* Chooses engines for @machine by a preference list of names with properties, one string for each -accel
 * ("kvm:jit" in one string as of -machine accel= too); empty: auto. Prints a line when it falls back.
 * Sets machine->accel and machine->runner. */
bool accel_new(Machine *machine, const char *const *list, GError **error);
void accel_free(Machine *machine);

/* AccelOps.supports of engines that translate. */
bool accel_translates(const GuestArch *arch);

/* Text for -accel help. */
void accel_help(GString *out);

/* Runs guest code until something concerns the vCPU's thread; see MachineRunner.run. */
VcpuExit accel_run(Vcpu *vcpu);

/* Executes exactly @insns instructions (less if something else makes it return: the rest stays in
 * vcpu->budget). For single steps and tests. */
VcpuExit accel_run_for(Vcpu *vcpu, uint64_t insns);

/* The instruction counter of a stopped vCPU; see MachineRunner.get_insns. */
uint64_t accel_get_insns(Vcpu *vcpu, bool *exact);
void accel_set_insns(Vcpu *vcpu, uint64_t insns, bool exact);

/* One instruction; see MachineRunner.step. */
VcpuExit accel_step(Vcpu *vcpu);

/* Switches vCPU @index, or all (-1), to engine @name while they run. False with @error for an unknown or
 * unusable engine. Main thread with the machine lock. */
bool accel_switch(Machine *machine, const char *name, int index, GError **error);

/* The name of the engine that vCPU is on. */
const char *accel_name(const Vcpu *vcpu);

/* Exits of native engines by reason: `info exits`. */
void accel_print_exits(Machine *machine, GString *out);

/* Statistics: `info jit`, -d profile. */
void accel_print_stats(Machine *machine, GString *out);

#endif
