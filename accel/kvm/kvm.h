/*
 * The KVM engine, to the rest of accel/ and between its own files.
 *
 * A machine has one KvmVm, each of its vCPUs a KvmVcpu. While a vCPU runs, its registers are in the kernel;
 * `home` says that X86State has them instead: kvm_pull() brings them home, and the next run puts back what
 * changed since. `shadow` is what the kernel has, so that writing back touches nothing else: the time-stamp
 * counter, say, goes on by itself.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst (the sections' names are those of the ioctls).
 *
 * Locking: a KvmVcpu belongs to its thread, except `run->immediate_exit`, `tid` and `inside`. What is per machine
 * changes under the machine lock, patches under their own.
 */
#ifndef AMPHI_ACCEL_KVM_H
#define AMPHI_ACCEL_KVM_H

#include "accel/regions.h"
#include "cpu/x86/cpuid.h"
#include "cpu/x86/state.h"
#include "softmmu/debug.h"
#include "softmmu/irqchip.h"
#include <linux/kvm.h>
#include <x86intrin.h>

typedef struct KvmVm KvmVm;
typedef struct KvmVcpu KvmVcpu;

#define KVM_EXIT_KINDS 64
#define KVM_KICK_SIGNAL SIGUSR1

/* What an exit cost: how often, and time-stamp ticks from leaving the guest to going back. Counted by the vCPU's thread;
 * others read it while that runs, so both are atomic. */
typedef struct KvmExitCount {
    uint64_t count, ticks;
} KvmExitCount;

/* Counts one more, of what @begin (a time-stamp) began. */
static inline void kvm_count(KvmExitCount *c, uint64_t begin)
{
    __atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&c->ticks, c->ticks + __rdtsc() - begin, __ATOMIC_RELAXED);
}

typedef struct KvmSlot {
    uint64_t addr, size; /* size 0: free */
    uint8_t *host;
    uint32_t flags; /* KVM_MEM_* */
    MemoryRegion *region;
    uint64_t offset; /* of the slot in the region */
    bool unlogged;   /* was written while nobody took notes, for all that is known */
} KvmSlot;

#define KVM_MAX_SLOTS 128

#define KVM_LEVEL_UNKNOWN 2

/* A message that a line stands for. */
typedef struct KvmRoute {
    uint64_t valid;
    uint64_t addr;
    uint64_t data;
} KvmRoute;

/* A breakpoint in memory: an INT3, which is there only while a vCPU runs. */
typedef struct KvmPatch {
    uint64_t addr;
    uint8_t *host, original;
    bool in;
} KvmPatch;
#define KVM_MAX_PATCHES 64

struct KvmVm {
    Machine *machine;
    int dev_fd, fd;
    size_t run_size;
    IrqchipMode mode;
    bool sync_regs, sregs2, payload, triple_fault, any_length; /* what the kernel can do */
    uint32_t *msrs;                                            /* that are saved and restored */
    unsigned nmsrs;
    unsigned tsc_khz; /* of the host's counter; 0: not known */
    bool tsc_control; /* a guest's may have another frequency */
    X86Cpuid cpuid;   /* supported */
    KvmSlot slots[KVM_MAX_SLOTS];
    bool ready; /* vCPUs are being made: slots follow the map */
    Irqchip irqchip;
    uint8_t levels[IRQCHIP_GSIS]; /* of the lines, as the kernel was told last; KVM_LEVEL_UNKNOWN */
    KvmRoute pins[IRQCHIP_GSIS];  /* of the board's I/O APIC */
    KvmRoute fd_routes[IRQCHIP_MAX_FDS];
    int fds[IRQCHIP_MAX_FDS]; /* 0: free */
    bool fd_bound[IRQCHIP_MAX_FDS];
    bool extint;     /* atomic: the board's 8259 has an interrupt */
    void *ring_page; /* of collected writes; NULL: the kernel collects none */
    bool flushing;
    GPtrArray *doorbells; /* of KvmDoorbell: what the kernel knows */
    bool blockirq;        /* single steps can keep interrupts out */
    GMutex patch_lock;    /* guards what follows; a leaf */
    KvmPatch patches[KVM_MAX_PATCHES];
    unsigned npatches, patched_for; /* generation of debug points */
    unsigned running;               /* vCPUs whose registers are in the kernel */
    GMutex gate_lock;               /* a leaf, with gate_moved: see gate.c */
    GCond gate_moved;
    bool gate_closed; /* atomic */
};

struct KvmVcpu {
    KvmVm *vm;
    Vcpu *vcpu;
    int fd;
    struct kvm_run *run;
    size_t run_size;
    pid_t tid;   /* atomic; 0: never ran */
    bool inside; /* atomic: the gate */
    bool home;
    bool shutdown; /* triple fault: nothing runs before a reset */
    bool pending;  /* an exit of this vCPU is complete only with the next KVM_RUN */
    bool stepping;
    uint64_t skip;       /* the breakpoint that it steps over; 0: none. Under the lock of patches */
    unsigned debug_seen; /* generation of debug points that the kernel knows */
    X86State *shadow;
    KvmExitCount exits[KVM_EXIT_KINDS];
    KvmExitCount guest; /* entries, ticks in KVM_RUN */
};

static inline KvmVcpu *kvm_vcpu(const Vcpu *vcpu)
{
    return accel_vcpu(vcpu)->kvm;
}

/* ioctl() that goes on after a signal. */
int kvm_ioctl(int fd, unsigned long request, void *arg);

/* probe.c. What the probe asks the host, so that tests can be a host that this one is not. */
typedef struct KvmHost {
    int (*open)(const char *path, int flags); /* -1 and errno, as ioctl() */
    int (*ioctl)(int fd, unsigned long request, unsigned long arg);
    double (*ring0_ns)(int fd); /* of an instruction in ring 0; negative: not known */
} KvmHost;

extern const KvmHost kvm_this_host;

/* Opens /dev/kvm and checks that it is of use; with @force it may be slow. The descriptor, or -1 with @error. */
int kvm_open(const KvmHost *host, bool force, GError **error);
/* A virtual machine. The descriptor, or -1 with @error. */
int kvm_create_vm(const KvmHost *host, int dev_fd, GError **error);

/* cpuid.c */
bool kvm_read_cpuid(KvmVm *vm, GError **error);
bool kvm_set_cpuid(KvmVcpu *kv, GError **error);
const X86Cpuid *kvm_host_cpuid(Machine *machine);

/* memory.c: keeps the slots in step with the memory map. */
void kvm_memory_update(void *vm);

/* gate.c: whoever has the kernel use guest memory for a vCPU does so inside, for KVM_RUN and for reading and writing
 * registers. Entering waits while the gate is closed; not with the machine lock, unless it is one's own to close it. */
void kvm_gate_enter(KvmVcpu *kv);
void kvm_gate_leave(KvmVcpu *kv);
/* Returns when no vCPU is inside. Not from inside. */
void kvm_gate_close(KvmVm *vm);
void kvm_gate_open(KvmVm *vm);

/* hints.c: doorbells as ioeventfds, coalesced writes, dirty pages. */
void kvm_doorbells_update(void *vm);
void kvm_doorbells_clear(KvmVm *vm);
void kvm_coalesced_init(KvmVm *vm, KvmVcpu *kv);
/* Makes the writes that were collected. Takes the machine lock if there are any. */
void kvm_coalesced_flush(void *vm);
bool kvm_take_dirty(void *vm, MemoryRegion *region, unsigned long *bitmap);

/* irqchip.c */
bool kvm_irqchip_init(KvmVm *vm, GError **error);
void kvm_irqchip_fini(KvmVm *vm);

/* machine-state.c: the clock and the kernel's interrupt controllers as a device. */
void kvm_state_new(KvmVm *vm);

/* vcpu.c */
VcpuExit kvm_run_vcpu(Vcpu *vcpu);
VcpuExit kvm_step_vcpu(Vcpu *vcpu);
void kvm_kick_vcpu(Vcpu *vcpu);
/* One KVM_RUN, with counting. 0, or a negative errno. */
int kvm_enter(KvmVcpu *kv);

/* points.c: which points have a debug register. */
#define KVM_DEBUG_REGISTERS 4
typedef struct KvmPoints {
    unsigned used;
    uint64_t addr[KVM_DEBUG_REGISTERS];
    uint8_t control[KVM_DEBUG_REGISTERS]; /* R/W and LEN of DR7 */
    const DebugPoint *point[KVM_DEBUG_REGISTERS];
} KvmPoints;
bool kvm_point_is_watch(const DebugPoint *p);
/* For the points that are @wanted, or for those in effect. @debug may be NULL. False: there is no room for all that
 * need a register. */
bool kvm_points_plan(const MachineDebug *debug, bool wanted, KvmPoints *plan);
/* Whether @p, which is among those of the plan, is to be an instruction in memory. */
bool kvm_points_in_memory(const KvmPoints *plan, const DebugPoint *p);

/* debug.c: breakpoints, watchpoints, steps. */
/* Whether all points that are wanted can be set. */
bool kvm_debug_fits(Machine *machine);
void kvm_debug_update(KvmVcpu *kv, bool step);
bool kvm_debug_exit(KvmVcpu *kv, VcpuExit *exit);
/* A vCPU's registers go to the kernel (+1) or come home (-1): nobody is to see breakpoints in the memory of a guest
 * that does not run. */
void kvm_debug_running(KvmVm *vm, int change);

/* exits.c: what an exit asks for. True: go on; false: leave with *@exit. */
bool kvm_handle_exit(KvmVcpu *kv, VcpuExit *exit);
/* An access of up to 8 bytes, also of odd lengths: the kernel makes such where one crosses a page. */
void kvm_bus_access(MemoryMap *map, uint64_t addr, uint8_t *data, unsigned len, bool write);
/* Prints @why the vCPU cannot go on, with its registers and the bytes at RIP. */
VcpuExit kvm_cannot_run(KvmVcpu *kv, const char *why);
void kvm_print_exits(Machine *machine, GString *out);

/* state.c: registers to and from the kernel. False: the kernel refuses, a message was printed. */
bool kvm_push(KvmVcpu *kv);
void kvm_pull(Vcpu *vcpu);
/* Whether frequencies in kHz differ by no more than clocks make up for. */
bool kvm_tsc_is_near(uint64_t a, uint64_t b);
bool kvm_first_state(KvmVcpu *kv, GError **error);

/* msr.c */
bool kvm_list_msrs(KvmVm *vm, int vcpu_fd, GError **error);
bool kvm_get_msrs(KvmVcpu *kv, X86State *s);
bool kvm_msrs_changed(const KvmVm *vm, const X86State *s, const X86State *old);
bool kvm_put_msrs(KvmVcpu *kv, const X86State *s, const X86State *old, bool late);

#endif
