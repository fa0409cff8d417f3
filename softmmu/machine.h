/*
 * A machine: memory, vCPUs, devices, clock, and its run state.
 *
 * Threads: the main thread runs the main loop (timers, file descriptors, monitor), one thread per vCPU
 * runs guest code. The machine lock guards devices, the memory map's changes, and the run state; it is
 * taken by main-loop callbacks and by vCPUs' device accesses, never held while guest code runs.
 * Lock order: machine lock > translation lock > a vCPU's TLB lock; clock lock is a leaf.
 */
#ifndef AMPHI_MACHINE_H
#define AMPHI_MACHINE_H

#include "softmmu/chardev.h"
#include "softmmu/device.h"
#include "softmmu/options.h"
#include "softmmu/netdev.h"

#define MACHINE_MAX_CPUS 8
#define MACHINE_MAX_SERIAL 4

typedef struct Vcpu Vcpu;
typedef struct GuestArch GuestArch;
typedef struct Accel Accel;

typedef enum RunState {
    RUN_STATE_PRELAUNCH, /* made, not started (-S) */
    RUN_STATE_RUNNING,
    RUN_STATE_PAUSED,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_INTERNAL_ERROR,
} RunState;

/* What the user asked for; the board reads it. Strings are owned by the config. */
typedef struct MachineConfig {
    const char *cpu_model; /* "rv64,sv57=off"; NULL: the board's default */
    unsigned cpus;
    uint64_t ram_size; /* bytes; 0: the board's default */
    const char *kernel, *initrd, *append, *bios, *dtb, *dumpdtb;
    Options *machine_opts; /* rest of -machine */
    GPtrArray *devices;    /* of Options: -device */
    GPtrArray *drives;     /* of Options: -drive */
    GPtrArray *netdevs;    /* of Options: -netdev */
    Chardev *serial[MACHINE_MAX_SERIAL]; /* NULL: not connected */
    unsigned nserial;
    bool nodefaults;
    bool no_reboot;
} MachineConfig;

typedef struct MachineClass {
    const char *name;  /* "virt" */
    const char *desc;  /* in -machine help; other tools search these texts */
    const GuestArch *arch;
    unsigned max_cpus;
    uint64_t default_ram;
    const char *default_cpu;
    /* Makes vCPUs and devices. */
    bool (*init)(Machine *machine, GError **error);
    /* After all devices were reset: loads the boot ROM's contents again. May be NULL. */
    void (*reset)(Machine *machine);
} MachineClass;

struct Machine {
    const MachineClass *cls;
    MachineConfig config;
    GMutex lock;
    GMainContext *context;
    Clock *clock;
    MemoryMap *memory;      /* the system bus */
    AddressSpace dma;       /* identity */
    RamBlock *ram;
    Vcpu *cpus[MACHINE_MAX_CPUS];
    unsigned ncpus;
    GPtrArray *devices;     /* of Device, in order of creation */
    Accel *accel;           /* engines; see accel/accel.h */
    struct TlbSystem *tlb_system;
    void *board;            /* the board's own struct */
    RunState state;
    bool shutdown_requested, reset_requested;
    int exit_status;
    IrqLine power_button;   /* system_powerdown; fn NULL where the board has none */
    GPtrArray *state_listeners;
};

extern const MachineClass *const machine_classes[]; /* NULL-terminated; in main.c */

/* The lock, with owner tracking: machine_locked() is true on the thread that holds it. */
void machine_lock(Machine *machine);
void machine_unlock(Machine *machine);
bool machine_locked(void);

/* Makes a machine without starting it. @stepped: for tests, virtual time by clock_step() only. Takes
 * over what @config points to. NULL with @error on failure, nothing left behind. */
Machine *machine_new(const MachineClass *cls, const MachineConfig *config, bool stepped,
                     GError **error);
void machine_free(Machine *machine);

/* Run state. With the machine lock held, any thread; stop returns when all vCPUs have stopped (unless
 * called on a vCPU thread, which stops at its next exit). */
void machine_start(Machine *machine);
void machine_stop(Machine *machine, RunState why);
void machine_add_state_listener(Machine *machine, void (*fn)(void *opaque, RunState state),
                                void *opaque);

/* Asks the main loop to reset, or to end the process with @status. From any thread, any lock. */
void machine_request_reset(Machine *machine);
void machine_request_shutdown(Machine *machine, int status);

/* Presses the power button. */
void machine_powerdown(Machine *machine);

/* Runs until shutdown; returns the exit status. */
int machine_main_loop(Machine *machine);

/* For tests: one access on the system bus, as a vCPU would do it. */
uint64_t machine_mmio_read(Machine *machine, uint64_t addr, unsigned size);
void machine_mmio_write(Machine *machine, uint64_t addr, uint64_t value, unsigned size);

#endif
