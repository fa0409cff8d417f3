/*
 * The software TLB: memory accesses off the inline fast path. See tlb.h.
 *
 * An access that crosses a page is checked on both pages before anything is written.
 */
#include "softmmu/profile.h"
#include "softmmu/debug.h"
#include "softmmu/tlb-internal.h"
#include <string.h>
#include <xmmintrin.h>

/* What orders accesses of vCPUs and devices is guest code, which ThreadSanitizer does not see. */
#if defined(__SANITIZE_THREAD__)
#define GUEST_ACCESS __attribute__((noinline, no_sanitize_thread))
#else
#define GUEST_ACCESS
#endif

GUEST_ACCESS static uint64_t host_load(const void *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return v;
}

/* Naturally aligned accesses must be single host accesses: other vCPUs may watch. */
GUEST_ACCESS static uint64_t host_load_atomic(const void *p, unsigned size)
{
    switch (size) {
    case 1: return __atomic_load_n((const uint8_t *)p, __ATOMIC_RELAXED);
    case 2: return __atomic_load_n((const uint16_t *)p, __ATOMIC_RELAXED);
    case 4: return __atomic_load_n((const uint32_t *)p, __ATOMIC_RELAXED);
    default: return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
    }
}

GUEST_ACCESS static void host_store_atomic(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1: __atomic_store_n((uint8_t *)p, v, __ATOMIC_RELAXED); break;
    case 2: __atomic_store_n((uint16_t *)p, v, __ATOMIC_RELAXED); break;
    case 4: __atomic_store_n((uint32_t *)p, v, __ATOMIC_RELAXED); break;
    default: __atomic_store_n((uint64_t *)p, v, __ATOMIC_RELAXED); break;
    }
}

static uint64_t extend(uint64_t v, unsigned memop)
{
    unsigned bits = 8 * ir_memop_bytes(memop);
    if (memop & IR_BIG_ENDIAN) {
        v = __builtin_bswap64(v) >> (64 - bits);
    }
    return memop & IR_SIGNED ? (uint64_t)bits_sext(v, bits) : v;
}

static uint64_t to_memory_order(uint64_t v, unsigned memop)
{
    return memop & IR_BIG_ENDIAN ? __builtin_bswap64(v) >> (64 - 8 * ir_memop_bytes(memop)) : v;
}

static void check_alignment(Vcpu *vcpu, uint64_t addr, unsigned size, unsigned memop,
                            MmuAccess access)
{
    if ((memop & IR_ALIGNED) && (addr & (size - 1))) {
        tlb_fault(vcpu, addr, access, MMU_MISALIGNED);
    }
}

static bool crosses_page(uint64_t addr, unsigned size)
{
    return (addr & ~TLB_PAGE_MASK) + size > TLB_PAGE_SIZE;
}

/* Where an access that crosses a page goes on: what a fault there reports. */
static uint64_t second_page(uint64_t addr, unsigned size)
{
    return (addr + size - 1) & TLB_PAGE_MASK;
}

/* Off the fast path, where all accesses to watched pages are. */
static void check_watch(Vcpu *vcpu, uint64_t addr, unsigned size, bool read, bool write)
{
    if (unlikely(vcpu->machine->debug)) {
        debug_check_access(vcpu, addr, size, read, write);
    }
}

/* Device models are host code: its floating point must not see the guest's rounding mode, nor leave
 * flags in it. */
static MemResult device_read(Vcpu *vcpu, uint64_t gpa, uint64_t *value, unsigned size)
{
    uint64_t begin = profile_begin();
    unsigned mxcsr = _mm_getcsr();

    _mm_setcsr(MXCSR_HOST);
    MemResult result = memory_map_read(vcpu->machine->memory, gpa, value, size);
    _mm_setcsr(mxcsr);
    profile_end(&vcpu->times.device, begin);
    return result;
}

static MemResult device_write(Vcpu *vcpu, uint64_t gpa, uint64_t value, unsigned size)
{
    uint64_t begin = profile_begin();
    unsigned mxcsr = _mm_getcsr();

    _mm_setcsr(MXCSR_HOST);
    MemResult result = memory_map_write(vcpu->machine->memory, gpa, value, size);
    _mm_setcsr(mxcsr);
    profile_end(&vcpu->times.device, begin);
    return result;
}

static uint64_t target_load(Vcpu *vcpu, uint64_t addr, const TlbTarget *target, unsigned size)
{
    uint64_t value;

    if (target->host) {
        return host_load_atomic(target->host, size);
    }
    if (device_read(vcpu, target->gpa, &value, size) != MEM_OK) {
        tlb_fault(vcpu, addr, MMU_READ, MMU_ACCESS_FAULT);
    }
    return value;
}

static void target_store(Vcpu *vcpu, uint64_t addr, const TlbTarget *target, uint64_t value,
                         unsigned size)
{
    if (target->host && !target->to_ops) {
        host_store_atomic(target->host, value, size);
        if (target->tracked) {
            tlb_code_written(vcpu->machine->tlb_system, target->ram_page, addr & ~TLB_PAGE_MASK,
                             size);
        }
        return;
    }
    if (device_write(vcpu, target->gpa, value, size) != MEM_OK) {
        tlb_fault(vcpu, addr, MMU_WRITE, MMU_ACCESS_FAULT);
    }
}

/* An access of @size bytes in parts: byte by byte, after resolving both pages. */
static uint64_t load_parts(Vcpu *vcpu, uint64_t addr, unsigned size)
{
    TlbTarget target;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        tlb_resolve(vcpu, addr + i, 1, MMU_READ, &target);
        value |= target_load(vcpu, addr + i, &target, 1) << (8 * i);
    }
    return value;
}

static void store_parts(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned size)
{
    TlbTarget target;

    tlb_resolve(vcpu, addr, 1, MMU_WRITE, &target);
    tlb_resolve(vcpu, second_page(addr, size), 1, MMU_WRITE, &target);
    for (unsigned i = 0; i < size; i++) {
        tlb_resolve(vcpu, addr + i, 1, MMU_WRITE, &target);
        target_store(vcpu, addr + i, &target, (value >> (8 * i)) & 0xff, 1);
    }
}

uint64_t tlb_load(Vcpu *vcpu, uint64_t addr, unsigned memop)
{
    unsigned size = ir_memop_bytes(memop);
    const TlbEntry *e = &vcpu->tlb->entries[tlb_index(addr)];
    uint64_t in_page = addr ^ e->read_tag;
    TlbTarget target;

    check_alignment(vcpu, addr, size, memop, MMU_READ);
    if (likely(in_page <= TLB_PAGE_SIZE - size)) {
        return extend(host_load_atomic((void *)(uintptr_t)(e->addend + addr), size), memop);
    }
    check_watch(vcpu, addr, size, true, false);
    if (unlikely(crosses_page(addr, size))) {
        return extend(load_parts(vcpu, addr, size), memop);
    }
    tlb_resolve(vcpu, addr, size, MMU_READ, &target);
    return extend(target_load(vcpu, addr, &target, size), memop);
}

void tlb_store(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned memop)
{
    unsigned size = ir_memop_bytes(memop);
    const TlbEntry *e = &vcpu->tlb->entries[tlb_index(addr)];
    uint64_t in_page =
        addr ^ __atomic_load_n(&e->write_tag, __ATOMIC_RELAXED); /* see revoke_writes() */
    TlbTarget target;

    check_alignment(vcpu, addr, size, memop, MMU_WRITE);
    value = to_memory_order(value, memop);
    if (likely(in_page <= TLB_PAGE_SIZE - size)) {
        host_store_atomic((void *)(uintptr_t)(e->addend + addr), value, size);
        return;
    }
    check_watch(vcpu, addr, size, false, true);
    if (unlikely(crosses_page(addr, size))) {
        store_parts(vcpu, addr, value, size);
        return;
    }
    tlb_resolve(vcpu, addr, size, MMU_WRITE, &target);
    target_store(vcpu, addr, &target, value, size);
}

uint64_t vcpu_load(Vcpu *vcpu, uint64_t addr, unsigned size)
{
    return tlb_load(vcpu, addr, __builtin_ctz(size));
}

void vcpu_store(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned size)
{
    tlb_store(vcpu, addr, value, __builtin_ctz(size));
}

void tlb_load_vector(Vcpu *vcpu, uint64_t addr, void *value, unsigned bytes)
{
    uint64_t v[4];

    for (unsigned i = 0; i < bytes / 8; i++) {
        v[i] = tlb_load(vcpu, addr + 8 * i, IR_64);
    }
    memcpy(value, v, bytes);
}

void tlb_store_vector(Vcpu *vcpu, uint64_t addr, const void *value, unsigned bytes)
{
    TlbTarget target;
    uint64_t v[4];

    memcpy(v, value, bytes);
    check_watch(vcpu, addr, bytes, false, true);
    tlb_resolve(vcpu, addr, 1, MMU_WRITE, &target);
    if (crosses_page(addr, bytes)) {
        tlb_resolve(vcpu, second_page(addr, bytes), 1, MMU_WRITE, &target);
    }
    for (unsigned i = 0; i < bytes / 8; i++) {
        tlb_store(vcpu, addr + 8 * i, v[i], IR_64);
    }
}

void *tlb_translate(Vcpu *vcpu, uint64_t addr, unsigned len, bool write)
{
    TlbTarget target;

    /* No fault from here: it has to carry the address of the access that faults. */
    if (crosses_page(addr, len) || debug_page_watched(vcpu->machine, addr) ||
        tlb_try_resolve(vcpu, addr, len, write ? MMU_WRITE : MMU_READ, &target) != MMU_OK ||
        !target.host || target.avail < len) {
        return NULL;
    }
    return write && (target.tracked || target.to_ops) ? NULL : target.host;
}

void *vcpu_direct(Vcpu *vcpu, uint64_t addr, unsigned len, bool write)
{
    return tlb_translate(vcpu, addr, len, write);
}

/* Atomic operations need RAM; @target is for code tracking after the operation. */
static void *atomic_ptr(Vcpu *vcpu, uint64_t addr, unsigned size, TlbTarget *target)
{
    if (addr & (size - 1)) {
        tlb_fault(vcpu, addr, MMU_WRITE, MMU_MISALIGNED);
    }
    check_watch(vcpu, addr, size, true, true);
    tlb_resolve(vcpu, addr, size, MMU_WRITE, target);
    if (!target->host || target->to_ops) {
        tlb_fault(vcpu, addr, MMU_WRITE, MMU_ACCESS_FAULT);
    }
    return target->host;
}

static uint64_t combine(uint64_t old, uint64_t value, unsigned rmw, unsigned size)
{
    int64_t so = bits_sext(old, 8 * size), sv = bits_sext(value, 8 * size);
    uint64_t mask = ~UINT64_C(0) >> (64 - 8 * size);
    uint64_t uo = old & mask, uv = value & mask;

    switch ((IrRmw)rmw) {
    case IR_RMW_SWAP: return value;
    case IR_RMW_ADD: return old + value;
    case IR_RMW_AND: return old & value;
    case IR_RMW_OR: return old | value;
    case IR_RMW_XOR: return old ^ value;
    case IR_RMW_MIN: return so < sv ? old : value;
    case IR_RMW_MAX: return so > sv ? old : value;
    case IR_RMW_MINU: return uo < uv ? old : value;
    case IR_RMW_MAXU: return uo > uv ? old : value;
    }
    return old;
}

static bool host_cas(void *p, uint64_t *expect, uint64_t desired, unsigned size)
{
    bool done;

    switch (size) {
    case 1: {
        uint8_t e = *expect;
        done = __atomic_compare_exchange_n((uint8_t *)p, &e, desired, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
        *expect = e;
        return done;
    }
    case 2: {
        uint16_t e = *expect;
        done = __atomic_compare_exchange_n((uint16_t *)p, &e, desired, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
        *expect = e;
        return done;
    }
    case 4: {
        uint32_t e = *expect;
        done = __atomic_compare_exchange_n((uint32_t *)p, &e, desired, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
        *expect = e;
        return done;
    }
    default:
        return __atomic_compare_exchange_n((uint64_t *)p, expect, desired, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
}

uint64_t tlb_rmw(Vcpu *vcpu, uint64_t addr, uint64_t value, unsigned rmw, unsigned memop)
{
    unsigned size = ir_memop_bytes(memop);
    TlbTarget target;
    void *host = atomic_ptr(vcpu, addr, size, &target);
    uint64_t old = host_load(host, size);

    while (!host_cas(host, &old, combine(old, value, rmw, size), size)) {
    }
    if (target.tracked) {
        tlb_code_written(vcpu->machine->tlb_system, target.ram_page, addr & ~TLB_PAGE_MASK, size);
    }
    return extend(old, memop);
}

uint64_t tlb_cas(Vcpu *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned memop)
{
    unsigned size = ir_memop_bytes(memop);
    TlbTarget target;
    void *host = atomic_ptr(vcpu, addr, size, &target);

    if (host_cas(host, &expect, desired, size) && target.tracked) {
        tlb_code_written(vcpu->machine->tlb_system, target.ram_page, addr & ~TLB_PAGE_MASK, size);
    }
    return extend(expect, memop);
}

uint64_t vcpu_cas(Vcpu *vcpu, uint64_t addr, uint64_t expect, uint64_t desired, unsigned size)
{
    return tlb_cas(vcpu, addr, expect, desired, __builtin_ctz(size));
}

void vcpu_cas128(Vcpu *vcpu, uint64_t addr, uint64_t expect[2], const uint64_t desired[2])
{
    TlbTarget target;
    unsigned __int128 *host = atomic_ptr(vcpu, addr, 16, &target);

    /* As an instruction, so that the file needs no -mcx16; every x86-64 host since 2006 has it. */
    __asm__ volatile("lock cmpxchg16b %2"
                     : "+a"(expect[0]), "+d"(expect[1]), "+m"(*host)
                     : "b"(desired[0]), "c"(desired[1])
                     : "cc", "memory");
    if (target.tracked) {
        tlb_code_written(vcpu->machine->tlb_system, target.ram_page, addr & ~TLB_PAGE_MASK, 16);
    }
}

bool vcpu_phys_exists(Vcpu *vcpu, uint64_t gpa)
{
    MemoryHit hit;

    return memory_map_find(vcpu->machine->memory, gpa, &hit);
}

bool vcpu_phys_load64(Vcpu *vcpu, uint64_t gpa, uint64_t *value)
{
    MemoryHit hit;

    if (!memory_map_find(vcpu->machine->memory, gpa, &hit) || !hit.host || hit.avail < 8 ||
        (gpa & 7)) {
        return false;
    }
    *value = host_load_atomic(hit.host, 8);
    return true;
}

bool vcpu_phys_cas64(Vcpu *vcpu, uint64_t gpa, uint64_t *expected, uint64_t desired)
{
    MemoryHit hit;

    if (!memory_map_find(vcpu->machine->memory, gpa, &hit) || !hit.host || hit.readonly ||
        hit.avail < 8 || (gpa & 7)) {
        return false;
    }
    host_cas(hit.host, expected, desired, 8);
    return true;
}
