/*
 * The neutral vCPU: what engines, memory and devices know of a processor of any guest architecture.
 *
 * A Vcpu is followed in memory by its architecture's state (cpu/<arch>/state.h), which is the one truth
 * about registers: an engine may keep some of it elsewhere only between accel_run() and its return, or
 * until it calls vcpu_sync(). Translated code addresses both structs from one base register, so hot
 * fields are close to the end of this struct.
 *
 * Threads: everything here belongs to the vCPU's own thread while it runs guest code, except the fields
 * marked atomic. Stopped vCPUs are touched under the machine lock.
 */
#ifndef AMPHI_VCPU_H
#define AMPHI_VCPU_H

#include "softmmu/base/bits.h"
#include "softmmu/base/vmstate.h"
#include "tcg/ir.h"
#include <setjmp.h>

typedef struct Machine Machine;
typedef struct Options Options;
typedef struct Vcpu Vcpu;
typedef struct GuestArch GuestArch;
typedef struct TlbContext TlbContext;
typedef struct VcpuTlb VcpuTlb;
typedef struct AccelOps AccelOps;

/* Kinds of guest memory access, as page walks and fault handlers see them. */
typedef enum MmuAccess { MMU_READ, MMU_WRITE, MMU_FETCH } MmuAccess;

/* Why a translation failed. */
typedef enum MmuFault {
    MMU_OK,
    MMU_PAGE_FAULT,   /* by the guest's page tables */
    MMU_ACCESS_FAULT, /* by physical memory protection, or nothing there */
    MMU_MISALIGNED,   /* an atomic access that is not naturally aligned */
} MmuFault;

/* Result of a page walk for one address. */
typedef struct MmuMapping {
    uint64_t gpa; /* guest-physical address of the byte */
    /* size of the translation, >= 4096 when cacheable: a large page stays large */
    uint64_t page_size;
    /* what else the same entry allows, with A and D as they are; writable only if D is set */
    bool readable, writable, executable;
    bool global;    /* the mapping is in all address spaces */
    bool cacheable; /* holds for the whole 4 KiB page around the address (false: physical protection
                            splits the page; check each access) */
} MmuMapping;

/* Reasons for leaving an engine's run function. */
typedef enum VcpuExit {
    VCPU_EXIT_KICK,       /* vcpu->kick was set */
    VCPU_EXIT_BUDGET,     /* the instruction budget is used up */
    VCPU_EXIT_HALT,       /* waits for an interrupt (vcpu->halted) */
    VCPU_EXIT_DEBUG,      /* a breakpoint or watchpoint */
    VCPU_EXIT_EXCEPTION,  /* an exception was delivered to the guest: state is at its handler */
    VCPU_EXIT_CANNOT_RUN, /* this engine cannot execute the next instruction; another might */
} VcpuExit;

/* Translation request; see GuestArch.translate. */
typedef struct TranslateReq {
    uint64_t pc;        /* guest virtual address of the block */
    uint32_t flags;     /* GuestArch.tb_flags() of the state it is for */
    unsigned max_insns; /* >= 1 */
    /* not 0: the block ends before the instruction there, unless it is the first */
    uint64_t end_pc;
    bool count; /* the region counts instructions exactly (the guest reads the counter or
                            a budget is set); informative */
    /* Results. */
    unsigned insns; /* guest instructions translated, >= 1 */
    unsigned bytes; /* of guest code covered, from pc; may reach into the next page by at most one
                            instruction */
} TranslateReq;

struct Vcpu {
    const GuestArch *arch;
    Machine *machine;
    unsigned index;
    const AccelOps *engine; /* that runs it now; NULL before the first run */
    void *accel_data;       /* of accel/ for this vCPU */
    void *thread;           /* of softmmu/cpus.c */
    VcpuTlb *tlbs;          /* all its TLB contexts */

    /* Exit from the depth of a helper: run loop's landing point. */
    sigjmp_buf unwind;
    bool unwind_valid;
    /* Set by an engine while it calls out with guest state in host registers: restores the exact state
     * of the instruction in progress. See vcpu_sync(). */
    void (*sync)(Vcpu *vcpu);
    void *sync_frame;
    uintptr_t sync_pc;

    bool halted; /* in WFI or not started */
    /* when halted: goes on after so long, whatever it waits for; 0: as has_work() says */
    unsigned nap_us;
    /* the one that it has interrupted and may be waiting for, or NULL */
    Vcpu *awaits;
    /* atomic; bit I: vCPU I is asleep until this one has handled that interrupt */
    uint32_t awaited_by;
    bool tlb_stale;        /* atomic: the memory map changed; see tlb_flush_if_stale() */
    bool stopped;          /* atomic; parked by machine_stop() */
    uint8_t debug_run;     /* DebugRun of softmmu/debug.h; set while it is stopped */
    int exit_reason;       /* VcpuExit, on leaving translated code and for unwinding */
    uint64_t epoch;        /* atomic: see accel/regions.h; 0 while it runs no translated code */
    uint64_t reserve_addr; /* load reservation: guest virtual address, or RESERVE_NONE */
    uint64_t reserve_value;
    bool counting; /* budget mode for good: the guest reads its instruction counter */

    /* With -d profile: ns spent in all, and of these in filling the TLB, in device models, in translating;
     * and asleep. See softmmu/profile.h. */
    struct VcpuTimes {
        uint64_t run, fill, device, translate, idle;
    } times;

    /* Hot: used by translated code. */
    int64_t budget;      /* instructions left, in counting translations */
    uint64_t insn_count; /* instructions retired before the current budget was set */
    /* the budget when it was set: retired = insn_count + budget_set - budget */
    int64_t budget_set;
    TlbContext *tlb; /* current translation context */
    uint32_t kick;   /* atomic: not zero = leave translated code soon */
    /* counting: instructions deducted from the budget that an exception leaves undone */
    uint32_t undone;
    /* base of the return-prediction stack, in the thread's own; set by tcg_run() */
    void *return_stack;
    uint64_t scratch[IR_SCRATCH_VARS]; /* of translated code, within one stay in a region */
    _Alignas(16) uint8_t spill[1024];  /* of translated code */
};

#define RESERVE_NONE (~UINT64_C(0))

/* The host's own FP control: all exceptions masked, round to nearest, no flags. */
#define MXCSR_HOST 0x1f80u

/* Distance from a Vcpu to its architectural state. */
#define VCPU_STATE_OFFSET align_up(sizeof(Vcpu), 64)

static inline void *vcpu_state(const Vcpu *vcpu)
{
    return (char *)vcpu + VCPU_STATE_OFFSET;
}

static inline Vcpu *vcpu_of_state(const void *state)
{
    return (Vcpu *)((char *)state - VCPU_STATE_OFFSET);
}

/* What the gdb stub sees of a vCPU: registers by number, and the target description that names them
 * (GDB manual, appendix "Target Descriptions"). On stopped vCPUs. */
#define GUEST_GDB_MAX_BYTES 256
typedef struct GuestGdb {
    unsigned core; /* registers 0..core-1 are those of a `g` packet */
    /* Puts register @n at @buf (GUEST_GDB_MAX_BYTES), in the guest's byte order; returns its bytes, 0 if
     * there is none. */
    unsigned (*read)(Vcpu *vcpu, unsigned n, uint8_t *buf);
    /* Sets it from as many bytes as read() gives. False: it cannot be written, or not with that. */
    bool (*write)(Vcpu *vcpu, unsigned n, const uint8_t *buf);
    /* Appends the file @name of the description, "target.xml" first. False: there is no such file. */
    bool (*describe)(Vcpu *vcpu, const char *name, GString *out);
} GuestGdb;

/* A guest architecture. All functions that take a Vcpu are called on its thread or while it is stopped. */
struct GuestArch {
    const char *name; /* "riscv64" */
    size_t state_size;
    const IrVar *vars; /* state that translations may keep in host registers */
    unsigned nvars;
    const IrHelper *helpers; /* the architecture's helpers; IR calls name them by index */
    unsigned nhelpers;
    unsigned min_insn_bytes, max_insn_bytes;
    bool big_endian;
    int32_t pc_offset; /* of the pc (64 bits) in architectural state */

    uint64_t (*get_pc)(const Vcpu *vcpu);
    void (*set_pc)(Vcpu *vcpu, uint64_t pc);

    /* What, beside the address and the code, a translation depends on: privilege, FP state and mode. */
    uint32_t (*tb_flags)(const Vcpu *vcpu);

    /* Appends IR for the guest basic block at req->pc to @ir, in a fresh IR block that is current on
     * entry. Fetches code by vcpu_fetch(). Every path ends in exit_direct, exit_indirect or exit_lookup
     * (the caller turns exits into edges when it joins blocks to a region). A fetch fault at the first
     * instruction unwinds; at a later one, the block ends before it. */
    void (*translate)(Vcpu *vcpu, IrRegion *ir, TranslateReq *req);

    /* Walks the page tables for @addr as of the current state, sets A and D bits as the architecture
     * says, checks physical protection for the access of @size bytes. */
    MmuFault (*walk)(Vcpu *vcpu, uint64_t addr, unsigned size, MmuAccess access, MmuMapping *out);

    /* As walk, without side effects, with supervisor rights: for the debugger. False: not mapped. */
    bool (*debug_translate)(Vcpu *vcpu, uint64_t addr, uint64_t *gpa);

    /* Appends what page tables map, for `info mem`; NULL: not for this architecture. */
    void (*print_mem)(Vcpu *vcpu, GString *out);

    /* Identifies the translation context of data accesses and fetches: equal keys may share TLB entries.
     * See vcpu_mmu_changed(). */
    void (*mmu_key)(const Vcpu *vcpu, uint64_t key[2]);

    /* Whether what a context with key @from holds of global mappings holds in one with key @to, too. NULL: never. */
    bool (*mmu_shares_globals)(const uint64_t from[2], const uint64_t to[2]);

    /* Delivers the exception for a failed access to the guest's handler (state is exact). */
    void (*deliver_fault)(Vcpu *vcpu, uint64_t addr, MmuAccess access, MmuFault fault);

    /* Takes the highest-priority pending enabled interrupt: state goes to its handler. False: none. */
    bool (*take_interrupt)(Vcpu *vcpu);

    /* Whether a halted vCPU has to wake. Any thread. */
    bool (*has_work)(const Vcpu *vcpu);

    void (*reset)(Vcpu *vcpu);

    /* Releases what belongs to the state; may be NULL. */
    void (*finalize)(Vcpu *vcpu);

    /* Appends the disassembly of the instruction at @code (@len bytes available) to @out; returns its
     * length in bytes, 0 if @len is too short. */
    unsigned (*disassemble)(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len, GString *out);

    /* Text of all registers for `info registers` and -d. */
    void (*dump)(Vcpu *vcpu, GString *out);

    /* FP: host MXCSR control for the current state (rounding mode), and merging of the sticky flags in
     * @mxcsr into architectural state. */
    uint32_t (*fp_enter)(const Vcpu *vcpu);
    void (*fp_leave)(Vcpu *vcpu, uint32_t mxcsr);

    const GuestGdb *gdb; /* NULL: no gdb stub for this architecture */
    const VmDesc *vmstate;
    const char *const *cpu_models; /* NULL-terminated, for -cpu help */
};

/* Allocates a vCPU with zeroed state and adds it to @machine. */
Vcpu *vcpu_new(Machine *machine, const GuestArch *arch);
void vcpu_free(Vcpu *vcpu);

/*
 * Services for architectures. Implemented in softmmu/ and accel/.
 */

/* Makes architectural state exact when called from below translated code. Every function that may be
 * reached from a memory access and touches state calls it first; cheap when there is nothing to do. */
static inline void vcpu_sync(Vcpu *vcpu)
{
    if (unlikely(vcpu->sync != NULL)) {
        vcpu->sync(vcpu);
    }
}

/* Leaves translated code for the run loop with @reason. State must be exact. */
G_GNUC_NORETURN void vcpu_unwind(Vcpu *vcpu, VcpuExit reason);

/* Makes the vCPU leave translated code soon, or wake from halt. Any thread. */
void vcpu_kick(Vcpu *vcpu);

/* After vcpu_kick(@other) for an interrupt: the vCPU that sent it, if this is a vCPU's thread, may go on to wait in
 * its handler until the other one has handled that. */
void vcpu_await_handled(Vcpu *other);

/* For the guest architecture, on the vCPU's own thread: it has returned from a handler. */
void vcpu_tell_handled(Vcpu *vcpu);

static inline void vcpu_handled(Vcpu *vcpu)
{
    if (unlikely(vcpu->awaits || __atomic_load_n(&vcpu->awaited_by, __ATOMIC_RELAXED))) {
        vcpu_tell_handled(vcpu);
    }
}

/* For helpers on the vCPU's own thread, when an interrupt may have become deliverable. */
static inline void vcpu_kick_self(Vcpu *vcpu)
{
    __atomic_store_n(&vcpu->kick, 1, __ATOMIC_RELAXED);
}

/* The translation context changed (mmu_key(), tb_flags()): selects the TLB. Call after every change of
 * privilege, address space or the like. Drops the reservation if @drop_reservation. */
void vcpu_mmu_changed(Vcpu *vcpu);

/* Drops cached translations. ~0 for @addr means all addresses. @match, if not NULL, chooses contexts by
 * their key; @keep_global keeps entries of global mappings. */
void vcpu_tlb_flush(Vcpu *vcpu, uint64_t addr, bool (*match)(const uint64_t key[2], uint64_t arg),
                    uint64_t arg, bool keep_global);

/* Reads @len bytes of code at @pc, for translate(). Returns the bytes that could be read before a fault,
 * at least 2; a fault on the first unwinds into the guest's handler. */
unsigned vcpu_fetch(Vcpu *vcpu, uint64_t pc, uint8_t *buf, unsigned len);

/* The same to look at code only, from a helper. */
unsigned vcpu_peek_code(Vcpu *vcpu, uint64_t pc, uint8_t *buf, unsigned len);

/* Data accesses through the TLB, from helpers and the interpreter. A fault unwinds into the guest's
 * handler; so does the guest's own access fault from a device. @size 1, 2, 4, 8; little-endian. */
uint64_t vcpu_load(Vcpu *vcpu, uint64_t addr, unsigned size);
void vcpu_store(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned size);

/* Compare-and-swap at naturally aligned @addr. Returns what was there; of 128 bits, @expect gets it. Faults unwind;
 * memory that is not RAM gives an access fault. @size 4, 8. */
uint64_t vcpu_cas(Vcpu *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned size);
void vcpu_cas128(Vcpu *vcpu, uint64_t addr, uint64_t expect[2], const uint64_t desired[2]);

/* Host pointer to @len bytes at @addr in one page of RAM for reading, or for writing that needs no tracking;
 * NULL if there is none that way, for whatever reason. Never faults. */
void *vcpu_direct(Vcpu *vcpu, uint64_t addr, unsigned len, bool write);

/* Whether there is anything, RAM or a device, at physical address @gpa. */
bool vcpu_phys_exists(Vcpu *vcpu, uint64_t gpa);

/* Page-table accesses of a walk. False: not RAM. */
bool vcpu_phys_load64(Vcpu *vcpu, uint64_t gpa, uint64_t *value);
/* Compare-and-swap of a table entry; *@expected gets what was there. False: not RAM or read-only. */
bool vcpu_phys_cas64(Vcpu *vcpu, uint64_t gpa, uint64_t *expected, uint64_t desired);

/* Makes all vCPUs' instruction fetches see earlier stores of this one (FENCE.I and the like). */
void vcpu_sync_code(Vcpu *vcpu);

/* Semihosting (softmmu/semihosting.h): whether the instruction sequence means that now; a call, which may unwind
 * with the state of the instruction in progress, to be executed again. Returns its result. */
bool vcpu_semihosting_allowed(const Vcpu *vcpu, bool user);
uint64_t vcpu_semihosting(Vcpu *vcpu, uint64_t operation, uint64_t param);

/* Instructions retired before the current one; exact once vcpu->counting is set (which the first call does,
 * from the next translation on: the front end ends a block that reads a counter by exit_lookup). */
uint64_t vcpu_insn_count(Vcpu *vcpu);

/* The same for who does not mean to read on: an estimate while the vCPU does not count, and it does not begin to. */
uint64_t vcpu_insn_estimate(const Vcpu *vcpu);

#endif
