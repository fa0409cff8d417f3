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

#include "cpu/vcpu.h"
#include "softmmu/chardev.h"
#include "softmmu/device.h"
#include "softmmu/options.h"
#include "softmmu/netdev.h"

#define MACHINE_MAX_CPUS 8
#define MACHINE_MAX_SERIAL 4

typedef struct Accel Accel;

typedef enum RunState {
    RUN_STATE_PRELAUNCH, /* made, not started (-S) */
    RUN_STATE_RUNNING,
    RUN_STATE_PAUSED,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_IO_ERROR,       /* a disk's, which the user wants to mend before going on */
    RUN_STATE_GUEST_PANICKED, /* the guest says so; with -no-shutdown */
} RunState;

/* What happened to the machine as a whole, for who manages it. */
typedef enum MachineEvent {
    MACHINE_EVENT_STOP, /* it runs no longer */
    MACHINE_EVENT_RESUME,
    MACHINE_EVENT_RESET,
    MACHINE_EVENT_SHUTDOWN,          /* it ends, or with -no-shutdown stops for good */
    MACHINE_EVENT_POWERDOWN,         /* somebody pressed the power button */
    MACHINE_EVENT_BLOCK_IO_ERROR,    /* a disk request failed */
    MACHINE_EVENT_BALLOON_CHANGE,    /* the guest gave memory back, or took it */
    MACHINE_EVENT_GUEST_PANICKED,    /* the guest's kernel gave up */
    MACHINE_EVENT_GUEST_CRASHLOADED, /* ... and goes on in its crash kernel */
    MACHINE_EVENTS
} MachineEvent;

typedef struct MachineEventInfo {
    MachineEvent event;
    bool by_guest;      /* a reset or shutdown: who wanted it */
    const char *reason; /* "guest-reset", "host-signal"...; of a disk's error its text; else NULL */
    /* Of a disk's error: whose ("hd0" and the name of its node), in what ("read", "write"), and what is done
     * about it ("report", "ignore", "stop"). Of a panic only the action: "poweroff", "pause", "run". */
    const char *device, *node, *operation, *action;
    bool nospace;
    uint64_t actual; /* of BALLOON_CHANGE: bytes that the guest has now */
} MachineEventInfo;

/* What the user asked for; the board reads it. Strings outlive the machine and stay the caller's; Options
 * and arrays become the machine's. Arrays may be NULL. */
typedef struct MachineConfig {
    const char *name, *uuid; /* of the guest, for who asks; NULL: none */
    const char *cpu_model;   /* "rv64,sv57=off"; NULL: the board's default */
    unsigned cpus;
    unsigned cores, threads; /* of a socket, of a core, as far as -smp says; 0: it does not */
    uint64_t ram_size;       /* bytes; 0: the board's default */
    const char *kernel, *initrd, *append, *bios, *dtb, *dumpdtb;
    Options *machine_opts;               /* rest of -machine */
    Options *boot;                       /* all of -boot; NULL: none */
    GPtrArray *devices;                  /* of Options: -device */
    GPtrArray *drives;                   /* of Options: -drive */
    GPtrArray *blockdevs;                /* of Options: -blockdev */
    GPtrArray *netdevs;                  /* of Options: -netdev */
    GPtrArray *fsdevs;                   /* of Options: -fsdev */
    GPtrArray *objects;                  /* of Options: -object */
    GPtrArray *smbios;                   /* of Options: -smbios */
    GPtrArray *globals;                  /* of Options: -global, as driver=, property=, value= */
    Chardev *serial[MACHINE_MAX_SERIAL]; /* NULL: not connected */
    unsigned nserial;
    const char *memory_backend; /* id of the object that memory comes from; NULL: none */
    bool dont_dump;             /* memory stays out of core dumps */
    int64_t rtc_offset;         /* seconds that the guest's calendar clock is ahead of UTC */
    bool nodefaults;
    bool no_vga;      /* -vga none */
    bool no_reboot;   /* a reset ends the process with status 0 */
    bool no_shutdown; /* a shutdown by the guest only stops the machine */
} MachineConfig;

typedef struct MachineClass {
    const char *name; /* "virt" */
    const char *desc; /* in -machine help; other tools search these texts */
    const GuestArch *arch;
    unsigned max_cpus;
    uint64_t default_ram;
    const char *default_cpu;
    const char *drive_interface; /* of a -drive without if=: "ide"; NULL: "virtio" */
    bool smbios;                 /* it takes -smbios */
    /* Makes vCPUs and devices. */
    bool (*init)(Machine *machine, GError **error);
    /* After the user's devices were made, before the first reset: makes what tells the guest of all of them. May be
     * NULL. */
    bool (*complete)(Machine *machine, GError **error);
    /* After all devices were reset: loads the boot ROM's contents again. May be NULL. */
    void (*reset)(Machine *machine);
    /* Before the machine goes: releases what machine->board points to; the struct itself, if there is one,
     * is freed with g_free() afterwards. May be NULL. */
    void (*finalize)(Machine *machine);
} MachineClass;

/* How guest code is run: the vCPU threads' view of accel/, set before the machine is initialised. A
 * machine without runner (device tests) has no vCPU threads. See softmmu/cpus.h. */
typedef struct MachineRunner {
    const char *name; /* in thread names, as in "CPU 0/TCG" */
    /* Before the board makes vCPUs; may be NULL. */
    bool (*init)(Machine *machine, GError **error);
    /* Once for each vCPU, before its first reset: TLBs and the like; may be NULL. */
    bool (*vcpu_init)(Vcpu *vcpu, GError **error);
    /* On the vCPU's thread, without locks: runs guest code until there is a reason to return. With
     * vcpu->kick set it returns VCPU_EXIT_KICK; the caller clears that word before the next call. */
    VcpuExit (*run)(Vcpu *vcpu);
    /* Beside setting vcpu->kick: makes a running vCPU notice. Any thread; NULL if the word does. */
    void (*kick)(Vcpu *vcpu);
    /* As run(), for one instruction, breakpoints at its address notwithstanding: VCPU_EXIT_DEBUG when it,
     * or an exception instead of it, is done. NULL: there are no single steps. */
    VcpuExit (*step)(Vcpu *vcpu);
    /* Brings architectural state home from where the engine keeps it while the vCPU runs, until the next
     * run(). Without locks, on the vCPU's thread before it parks or does work for others, or on the one
     * that has all vCPUs stopped (vcpus_run_exclusive()); NULL if state is always home. */
    void (*sync)(Vcpu *vcpu);
    /* x86: the CPUID that the engine can give its processors; NULL: whatever a model wants. After init(). */
    const struct X86Cpuid *(*x86_cpuid)(Machine *machine);
    /* Drops what was translated from code at virtual address @addr: a breakpoint there comes or goes. No
     * vCPU runs. May be NULL. */
    void (*drop_code_at)(Machine *machine, uint64_t addr);
    /* Whether all points that a debugger wants (debug.h) can be set; NULL: any can. */
    bool (*debug_fits)(Machine *machine);
    unsigned debug_lacks; /* bits 1 << DebugKind: what the engine has not at all */
    /* Instructions that @vcpu has retired; *@exact: they are being counted, not estimated. For snapshots, on a
     * stopped vCPU, as set_insns(). May be NULL. */
    uint64_t (*get_insns)(Vcpu *vcpu, bool *exact);
    void (*set_insns)(Vcpu *vcpu, uint64_t insns, bool exact);
    /* All of memory has other contents now; no vCPU runs. May be NULL. */
    void (*memory_replaced)(Machine *machine);
    /* Releases what vcpu_init() made, on a stopped vCPU; may be NULL. */
    void (*vcpu_fini)(Vcpu *vcpu);
    /* The vCPU threads are about to end: nothing of the runner's kicks a vCPU from now on. May be NULL. */
    void (*stop)(Machine *machine);
    /* Releases everything else, before the vCPUs go; no vCPU runs. May be NULL. */
    void (*fini)(Machine *machine);
} MachineRunner;

struct Machine {
    const MachineClass *cls;
    MachineConfig config;
    GMutex lock;
    GMainContext *context;
    Clock *clock;
    MemoryMap *memory; /* the system bus */
    MemoryMap *io;     /* the 64 Ki ports of x86; nothing is there on other machines */
    AddressSpace dma;  /* identity */
    RamBlock *ram;
    Vcpu *cpus[MACHINE_MAX_CPUS];
    unsigned ncpus;
    GPtrArray *devices;  /* of Device, in order of creation */
    GPtrArray *buses;    /* of DeviceBus, the same */
    GPtrArray *objects;  /* of UserObject, of softmmu/objects.h; NULL: none */
    GArray *fds;         /* of softmmu/fds.c; NULL: none */
    GPtrArray *chardevs; /* of Chardev, each with its id; for -device x,chardev=ID */
    const struct MonitorHooks *monitor_hooks; /* of ui/monitor.h; set by main.c, may be NULL */
    uint8_t mux_escape;                       /* -echr; 0: Ctrl-A */
    Accel *accel;                             /* engines; see accel/accel.h */
    const MachineRunner *runner;
    struct PciBus *pci; /* the first PCI root bus, of hw/pci/pci.h; NULL: none */
    /* the engine's interrupt controllers, of softmmu/irqchip.h; NULL: none */
    struct Irqchip *irqchip;
    struct Cpus *cpu_threads; /* of softmmu/cpus.c */
    struct TlbSystem *tlb_system;
    struct MachineDebug *debug;      /* of softmmu/debug.h; NULL: nobody has debugged yet */
    struct GdbServer *gdb;           /* of ui/gdb.c; NULL: none */
    struct Semihosting *semihosting; /* of softmmu/semihosting.c; NULL: off */
    void *board;                     /* the board's own struct */
    RunState state;
    bool shutdown_requested, reset_requested; /* atomic */
    bool stop_requested;                      /* atomic */
    RunState stop_why;                        /* atomic */
    bool quit_requested;                      /* atomic; ends it even with -no-shutdown */
    bool guest_reset;                         /* atomic; who requested the reset */
    bool guest_panicked;                      /* why a shutdown was requested */
    bool signalled;                           /* a signal requested the end */
    int exit_status;
    bool migration_events;   /* wanted by who manages it */
    unsigned input_buttons;  /* of the pointer, held by who sends events through the monitor */
    GArray *inputs;          /* keyboards and pointers, of softmmu/input.c; NULL: none yet */
    GArray *displays;        /* of softmmu/display.c; NULL: none yet */
    GPtrArray *boot_devices; /* of hw/boot-order.c; NULL: none */
    IrqLine power_button;    /* system_powerdown; fn NULL where the board has none */
    GArray *state_listeners, *event_listeners;
};

extern const MachineClass *const machine_classes[]; /* NULL-terminated; in main-answers.c */

/* The lock, with owner tracking: machine_locked() is true on the thread that holds it. A thread may take
 * it again while it has it. Everything that the main loop calls runs with the lock held: the loop
 * gives it up only while it waits for events. */
void machine_lock(Machine *machine);
void machine_unlock(Machine *machine);
bool machine_locked(void);

/* Makes a machine without starting it. @stepped: for tests, virtual time by clock_step() only. Takes
 * over what @config points to. NULL with @error on failure, nothing left behind. */
Machine *machine_new(const MachineClass *cls, const MachineConfig *config, bool stepped,
                     GError **error);
/* Ends the vCPU threads, then frees everything. Not on a vCPU's thread. */
void machine_free(Machine *machine);

/* The parts of machine_new(), for who needs the lock, context, clock and memory map to make what the config points
 * to (character devices, engines), or adds devices before machine_complete(). If one fails, machine_free() is all
 * that can be done; the config is taken over all the same. */
Machine *machine_alloc(const MachineClass *cls, bool stepped);
bool machine_init(Machine *machine, const MachineConfig *config, GError **error);
bool machine_complete(Machine *machine, GError **error);

/* Microseconds since 1970 that the guest's calendar clock starts from. */
int64_t machine_real_time(const Machine *machine);

/* For boards: makes machine->ram of @size bytes, from the memory backend if the user named one. */
bool machine_make_ram(Machine *machine, uint64_t size, GError **error);

/* The character device with @id, or NULL. */
Chardev *machine_find_chardev(Machine *machine, const char *id);

/* Run state. With the machine lock held, any thread; stop returns when all vCPUs have stopped (unless
 * called on a vCPU thread, which stops at its next exit). While it waits for them the lock is free. */
void machine_start(Machine *machine);
void machine_stop(Machine *machine, RunState why);
void machine_add_state_listener(Machine *machine, void (*fn)(void *opaque, RunState state),
                                void *opaque);
void machine_remove_state_listener(Machine *machine, void (*fn)(void *opaque, RunState state),
                                   void *opaque);

/* Tells the listeners. With the machine lock held. */
void machine_raise_event(Machine *machine, const MachineEventInfo *info);

/* Calls @fn(@opaque, info) for each event, with the machine lock held, on whatever thread. Neither
 * function may be called from a listener. */
void machine_add_event_listener(Machine *machine,
                                void (*fn)(void *opaque, const MachineEventInfo *info),
                                void *opaque);
void machine_remove_event_listener(Machine *machine,
                                   void (*fn)(void *opaque, const MachineEventInfo *info),
                                   void *opaque);

/* Tells the listeners. With the machine lock held. */
void machine_raise_event(Machine *machine, const MachineEventInfo *info);

/* Asks the main loop to reset, or to end the process with @status. From any thread, any lock. The first
 * status counts. With -no-shutdown a shutdown, which is the guest's, only stops the machine; a quit,
 * which is the user's (monitor, signals), always ends it. */
void machine_request_reset(Machine *machine);
void machine_request_shutdown(Machine *machine, int status);
void machine_request_quit(Machine *machine, int status);

/* The guest reports that its kernel gave up: that is its shutdown; with -no-shutdown the machine stops and can
 * be looked at. Or that it has, but a crash kernel takes over: nothing is done. With the machine lock held. */
void machine_guest_panicked(Machine *machine);
void machine_guest_crashloaded(Machine *machine);

/* Asks the main loop to stop the machine, for who cannot wait until all vCPUs have stopped. */
void machine_request_stop(Machine *machine, RunState why);

/* Resets now: devices in order of creation, the board, the vCPUs. With the machine lock held, on the
 * main thread, as machine_stop(). */
void machine_reset(Machine *machine);

/* Presses the power button. */
void machine_powerdown(Machine *machine);

/* Runs until shutdown; returns the exit status. */
int machine_main_loop(Machine *machine);

/* For tests: one access on the system bus, as a vCPU would do it. */
uint64_t machine_mmio_read(Machine *machine, uint64_t addr, unsigned size);
void machine_mmio_write(Machine *machine, uint64_t addr, uint64_t value, unsigned size);

/* One access of 1, 2 or 4 bytes to an I/O port, by a vCPU or a test. */
uint32_t machine_pio_read(Machine *machine, uint16_t port, unsigned size);
void machine_pio_write(Machine *machine, uint16_t port, uint32_t value, unsigned size);

#endif
