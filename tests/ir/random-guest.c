/*
 * The made-up guest of random-ir.h: state, memory, helpers, and running a region in the
 * interpreter.
 */
#include "tests/ir/random-ir.h"
#include <string.h>
#include <xmmintrin.h>

#define STATE_OFFSET(field) \
    ((int32_t)offsetof(RandomGuest, field) - (int32_t)offsetof(RandomGuest, state))

#define VAR_X(n)                                         \
    {                                                    \
        "x" #n, IR_I64, offsetof(RandomState, x) + 8 * n \
    }
#define VAR_F(n)                                         \
    {                                                    \
        "f" #n, IR_F64, offsetof(RandomState, f) + 8 * n \
    }
#define VAR_V(n)                                           \
    {                                                      \
        "v" #n, IR_V128, offsetof(RandomState, v) + 16 * n \
    }

#define VAR_W(n)                                           \
    {                                                      \
        "w" #n, IR_V256, offsetof(RandomState, w) + 32 * n \
    }

static const IrVar random_vars[RANDOM_NVARS] = {
    VAR_X(0),  VAR_X(1),  VAR_X(2),  VAR_X(3),  VAR_X(4),  VAR_X(5),  VAR_X(6),
    VAR_X(7),  VAR_X(8),  VAR_X(9),  VAR_X(10), VAR_X(11), VAR_X(12), VAR_X(13),
    VAR_X(14), VAR_X(15), VAR_X(16), VAR_X(17), VAR_X(18), VAR_X(19), VAR_F(0),
    VAR_F(1),  VAR_F(2),  VAR_F(3),  VAR_F(4),  VAR_F(5),  VAR_F(6),  VAR_F(7),
    VAR_F(8),  VAR_F(9),  VAR_V(0),  VAR_V(1),  VAR_W(0),  VAR_W(1),
};

static G_GNUC_NORETURN void guest_fault(RandomGuest *guest, uint64_t addr)
{
    if (guest->sync) {
        guest->sync(guest);
    }
    guest->fault_addr = addr;
    guest->faults++;
    siglongjmp(guest->unwind, 1);
}

/* ---- Helpers ---- */

static uint64_t helper_mix(RandomGuest *guest, uint64_t a, uint64_t b)
{
    a ^= b * UINT64_C(0x9e3779b97f4a7c15);
    return a ^ a >> 29;
}

static uint32_t helper_mix32(RandomGuest *guest, uint32_t a, uint64_t b, uint32_t c, uint32_t d)
{
    return (a * 31 + (uint32_t)b) * 31 + (c ^ d);
}

static double helper_swap(RandomGuest *guest, double a)
{
    uint64_t bits;

    memcpy(&bits, &a, 8);
    bits = bits << 32 | bits >> 32;
    memcpy(&a, &bits, 8);
    return a;
}

static float helper_flip(RandomGuest *guest, float a, uint32_t mask)
{
    uint32_t bits;

    memcpy(&bits, &a, 4);
    bits ^= mask;
    memcpy(&a, &bits, 4);
    return a;
}

static uint64_t helper_sum(RandomGuest *guest)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < RANDOM_NX; i++) {
        sum = sum * 3 + guest->state.x[i];
    }
    for (unsigned i = 0; i < RANDOM_NF; i++) {
        sum = sum * 3 + guest->state.f[i];
    }
    for (unsigned i = 0; i < RANDOM_ENV_BYTES; i++) {
        sum = sum * 3 + guest->state.env[i];
    }
    return sum;
}

/* Changes some state; not x16 and up, which count loops. */
static void helper_shuffle(RandomGuest *guest, uint64_t a)
{
    RandomState *s = &guest->state;

    s->x[a % 16] += s->x[(a >> 8) % 16];
    s->f[a % RANDOM_NF] ^= a;
    s->env[a % RANDOM_ENV_BYTES]++;
}

static uint64_t helper_trap(RandomGuest *guest, uint64_t a, uint64_t wanted)
{
    if (wanted && a % 7 == 0) {
        guest_fault(guest, a);
    }
    return helper_sum(guest) ^ a;
}

static const IrHelper random_helpers[] = {
    {"mix", helper_mix, IR_I64, {IR_I64, IR_I64}, IR_HELPER_PURE},
    {"mix32", helper_mix32, IR_I32, {IR_I32, IR_I64, IR_I32, IR_I32}, IR_HELPER_PURE},
    {"swap", helper_swap, IR_F64, {IR_F64}, IR_HELPER_PURE},
    {"flip", helper_flip, IR_F32, {IR_F32, IR_I32}, IR_HELPER_PURE},
    {"sum", helper_sum, IR_I64, {IR_NONE}, IR_HELPER_READS_STATE},
    {"shuffle", helper_shuffle, IR_NONE, {IR_I64}, IR_HELPER_READS_STATE | IR_HELPER_WRITES_STATE},
    {"trap", helper_trap, IR_I64, {IR_I64, IR_I64}, IR_HELPER_READS_STATE | IR_HELPER_MAY_FAULT},
};

void random_region_init(IrRegion *ir)
{
    ir_region_init(ir, random_vars, RANDOM_NVARS, random_helpers, ARRAY_SIZE(random_helpers),
                   offsetof(RandomState, pc));
    ir_region_add_scratch(ir, STATE_OFFSET(scratch));
    ir->kick_offset = STATE_OFFSET(kick);
}

/* ---- Memory ---- */

static uint8_t *host_address(RandomGuest *guest, uint64_t addr, unsigned memop)
{
    unsigned bytes = ir_memop_bytes(memop);
    uint64_t offset = addr - RANDOM_MEM_BASE;

    if (guest->access_limit && guest->accesses >= guest->access_limit - 1) {
        guest_fault(guest, addr);
    }
    guest->accesses++;
    if (offset > RANDOM_MEM_SIZE - bytes || ((memop & IR_ALIGNED) && (addr & (bytes - 1)))) {
        guest_fault(guest, addr);
    }
    return guest->memory + offset;
}

static uint64_t guest_load(void *vcpu, uint64_t addr, unsigned memop)
{
    uint64_t value = 0;

    memcpy(&value, host_address(vcpu, addr, memop), ir_memop_bytes(memop));
    if (memop & IR_BIG_ENDIAN) {
        value = __builtin_bswap64(value) >> (64 - 8 * ir_memop_bytes(memop));
    }
    return ir_eval_ext(memop, value);
}

static void guest_store(void *vcpu, uint64_t addr, uint64_t value, unsigned memop)
{
    if (memop & IR_BIG_ENDIAN) {
        value = __builtin_bswap64(value) >> (64 - 8 * ir_memop_bytes(memop));
    }
    memcpy(host_address(vcpu, addr, memop), &value, ir_memop_bytes(memop));
}

static void guest_load_vector(void *vcpu, uint64_t addr, void *value, unsigned bytes)
{
    memcpy(value, host_address(vcpu, addr, bytes == 32 ? IR_256 : IR_128), bytes);
}

static void guest_store_vector(void *vcpu, uint64_t addr, const void *value, unsigned bytes)
{
    memcpy(host_address(vcpu, addr, bytes == 32 ? IR_256 : IR_128), value, bytes);
}

static uint64_t rmw_value(unsigned rmw, unsigned memop, uint64_t old, uint64_t value)
{
    /* Extended alike, both orders hold in 64 bits. */
    int64_t a = (int64_t)ir_eval_ext(memop | IR_SIGNED, old);
    int64_t b = (int64_t)ir_eval_ext(memop | IR_SIGNED, value);

    switch (rmw) {
    case IR_RMW_SWAP: return value;
    case IR_RMW_ADD: return old + value;
    case IR_RMW_AND: return old & value;
    case IR_RMW_OR: return old | value;
    case IR_RMW_XOR: return old ^ value;
    case IR_RMW_MIN: return (uint64_t)MIN(a, b);
    case IR_RMW_MAX: return (uint64_t)MAX(a, b);
    case IR_RMW_MINU: return MIN((uint64_t)a, (uint64_t)b);
    default: return MAX((uint64_t)a, (uint64_t)b);
    }
}

static uint64_t guest_rmw(void *vcpu, uint64_t addr, uint64_t value, unsigned rmw, unsigned memop)
{
    uint64_t old = guest_load(vcpu, addr, memop | IR_ALIGNED);

    guest_store(vcpu, addr, rmw_value(rmw, memop, old, value), memop);
    return old;
}

static uint64_t guest_cas(void *vcpu, uint64_t addr, uint64_t expect, uint64_t desired,
                          unsigned memop)
{
    uint64_t old = guest_load(vcpu, addr, memop | IR_ALIGNED);

    if (old == ir_eval_ext(memop, expect)) {
        guest_store(vcpu, addr, desired, memop);
    }
    return old;
}

static void *guest_translate(void *vcpu, uint64_t addr, unsigned len, bool write)
{
    RandomGuest *guest = vcpu;
    uint64_t offset = addr - RANDOM_MEM_BASE;

    if (guest->no_translate || offset >= RANDOM_MEM_SIZE || (offset & 4095) + len > 4096) {
        return NULL;
    }
    return guest->memory + offset;
}

static uint64_t guest_probe(void *vcpu, uint64_t addr, bool write)
{
    RandomGuest *guest = vcpu;

    /* Accesses that are counted go through the callbacks. */
    if (guest->no_probe || guest->access_limit || addr - RANDOM_MEM_BASE >= RANDOM_MEM_SIZE) {
        return 0;
    }
    return (uintptr_t)guest->memory - RANDOM_MEM_BASE;
}

void random_runtime(TcgRuntime *rt)
{
    *rt = (TcgRuntime){
        .load = guest_load,
        .store = guest_store,
        .load_vector = guest_load_vector,
        .store_vector = guest_store_vector,
        .rmw = guest_rmw,
        .cas = guest_cas,
        .translate = guest_translate,
        .probe = guest_probe,
        .off_vcpu = -(int32_t)offsetof(RandomGuest, state),
        .off_kick = STATE_OFFSET(kick),
        .off_budget = STATE_OFFSET(budget),
        .off_tlb = STATE_OFFSET(tlb),
        .off_exit_reason = STATE_OFFSET(exit_reason),
        .off_pc = offsetof(RandomState, pc),
        .off_sync_frame = STATE_OFFSET(sync_frame),
        .off_sync_pc = STATE_OFFSET(sync_pc),
        .off_spill = STATE_OFFSET(spill),
        .off_stack = STATE_OFFSET(stack),
        .tlb_entries = offsetof(RandomTlb, entries),
        .tlb_jumps = offsetof(RandomTlb, jumps),
        .off_undone = STATE_OFFSET(undone),
        .reason_kick = RANDOM_REASON_KICK,
        .reason_budget = RANDOM_REASON_BUDGET,
    };
}

/* ---- The guest ---- */

RandomGuest *random_guest_new(void)
{
    RandomGuest *guest = NULL;

    g_assert_cmpint(posix_memalign((void **)&guest, 4096, sizeof(*guest)), ==, 0);
    memset(guest, 0, sizeof(*guest));
    guest->tlb = g_new0(RandomTlb, 1);
    for (unsigned i = 0; i < 1u << TCG_TLB_BITS; i++) {
        /* The wrong index bits: never matches. */
        guest->tlb->entries[i].read_tag = guest->tlb->entries[i].write_tag = (uint64_t)(i ^ 1)
                                                                             << 12;
    }
    for (unsigned i = 0; i < 1u << TCG_JUMP_BITS; i++) {
        guest->tlb->jumps[i].pc = ~UINT64_C(0);
    }
    return guest;
}

void random_guest_free(RandomGuest *guest)
{
    g_free(guest->tlb);
    free(guest);
}

static uint64_t random_u64(GRand *rng)
{
    return (uint64_t)g_rand_int(rng) << 32 | g_rand_int(rng);
}

static uint64_t random_integer(GRand *rng)
{
    uint64_t v = random_u64(rng);

    switch (g_rand_int_range(rng, 0, 6)) {
    case 0: return v;
    case 1: return v >> (v & 63);
    case 2: return UINT64_C(1) << (v & 63);
    case 3: return (uint64_t)(int32_t)v;
    case 4: return -(v & 3);
    default: return (uint64_t)((int64_t)v >> (v & 63));
    }
}

static uint64_t random_f64(GRand *rng)
{
    static const uint64_t special[] = {
        0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000,
        0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001,
        0x7ff0000000000001, 0x0000000000000001, 0x7fefffffffffffff, 0x43e0000000000000,
        0xc3e0000000000000, 0x41dfffffffc00000, 0x3fe0000000000000, 0xffffffff3f800000,
        0xffffffff7f800000, 0xffffffff7fc00000, 0xffffffff7f800001, 0xffffffff80000000,
        0xffffffff00000001, 0xffffffff4f000000, 0xffffffff3f000000, 0x000000007f800000,
    };
    uint64_t v = random_u64(rng);

    switch (g_rand_int_range(rng, 0, 4)) {
    case 0: return special[v % ARRAY_SIZE(special)];
    case 1: return (v & 0x800fffffffffffff) | (uint64_t)(0x3f0 + (v >> 52 & 31)) << 52;
    case 2:
        return UINT64_C(0xffffffff00000000) | (v & 0x807fffff) |
               (uint64_t)(0x70 + (v >> 32 & 31)) << 23;
    default: return v;
    }
}

void random_guest_fill(RandomGuest *guest, GRand *rng)
{
    for (unsigned i = 0; i < RANDOM_NX; i++) {
        guest->state.x[i] = random_integer(rng);
    }
    for (unsigned i = 0; i < RANDOM_NF; i++) {
        guest->state.f[i] = random_f64(rng);
    }
    for (unsigned i = 0; i < RANDOM_NV * 2; i++) {
        guest->state.v[i / 2][i & 1] = random_u64(rng);
        guest->state.w[i / 2][i & 1] = random_u64(rng);
        guest->state.w[i / 2][2 + (i & 1)] = random_u64(rng);
    }
    for (unsigned i = 0; i < RANDOM_ENV_BYTES; i++) {
        guest->state.env[i] = (uint8_t)g_rand_int(rng);
    }
    for (unsigned i = 0; i < RANDOM_MEM_SIZE; i += 8) {
        uint64_t v = i & 8 ? random_f64(rng) : random_integer(rng);

        memcpy(guest->memory + i, &v, 8);
    }
    guest->state.pc = 0;
    guest->accesses = 0;
    guest->budget = g_rand_int_range(rng, 0, 4) ? 1000000 : g_rand_int_range(rng, 0, 60);
    guest->kick = g_rand_int_range(rng, 0, 16) == 0;
}

void random_run_interp(RandomGuest *guest, const IrRegion *ir, uint32_t mxcsr, RandomResult *result)
{
    TcgRuntime rt;
    IrCode *code = ir_code_new(ir, NULL);
    IrInterpExit exit = {0};
    volatile uint32_t host_mxcsr = _mm_getcsr();

    random_runtime(&rt);
    memset(result, 0, sizeof(*result));
    guest->fault_addr = 0;
    guest->undone = 0;
    if (sigsetjmp(guest->unwind, 0) == 0) {
        _mm_setcsr(mxcsr);
        ir_interp(code, &rt, &guest->state, &exit);
        result->op = exit.op;
        result->reason = exit.reason;
    } else {
        result->faulted = true;
        /* As an engine does: what did not retire is not counted. */
        guest->budget += guest->undone;
    }
    result->mxcsr = _mm_getcsr();
    _mm_setcsr(host_mxcsr);
    result->state = guest->state;
    memcpy(result->memory, guest->memory, RANDOM_MEM_SIZE);
    result->budget = guest->budget;
    result->fault_addr = guest->fault_addr;
    g_free(code);
}

bool random_result_equal(const RandomResult *a, const RandomResult *b, GString *out)
{
    gsize before = out->len;

#define DIFFER(...) g_string_append_printf(out, __VA_ARGS__)
    for (unsigned i = 0; i < RANDOM_NVARS; i++) {
        const char *pa = (const char *)&a->state + random_vars[i].offset;
        const char *pb = (const char *)&b->state + random_vars[i].offset;
        size_t size = ir_type_bytes(random_vars[i].type);

        if (memcmp(pa, pb, size) != 0) {
            uint64_t va, vb;

            memcpy(&va, pa, 8);
            memcpy(&vb, pb, 8);
            DIFFER("%s: %016" G_GINT64_MODIFIER "x / %016" G_GINT64_MODIFIER "x\n",
                   random_vars[i].name, va, vb);
        }
    }
    for (unsigned i = 0; i < RANDOM_ENV_BYTES; i++) {
        if (a->state.env[i] != b->state.env[i]) {
            DIFFER("env[%u]: %02x / %02x\n", i, a->state.env[i], b->state.env[i]);
        }
    }
    for (unsigned i = 0; i < RANDOM_MEM_SIZE; i++) {
        if (a->memory[i] != b->memory[i]) {
            DIFFER("memory[%u]: %02x / %02x\n", i, a->memory[i], b->memory[i]);
            break;
        }
    }
    if (a->state.pc != b->state.pc) {
        DIFFER("pc: %#" G_GINT64_MODIFIER "x / %#" G_GINT64_MODIFIER "x\n", a->state.pc,
               b->state.pc);
    }
    if (a->budget != b->budget) {
        DIFFER("budget: %" G_GINT64_FORMAT " / %" G_GINT64_FORMAT "\n", a->budget, b->budget);
    }
    if (a->mxcsr != b->mxcsr) {
        DIFFER("mxcsr: %#x / %#x\n", a->mxcsr, b->mxcsr);
    }
    if (a->faulted != b->faulted || a->fault_addr != b->fault_addr || a->op != b->op ||
        a->reason != b->reason) {
        DIFFER("end: fault %d at %#" G_GINT64_MODIFIER
               "x, op %d, reason %d / fault %d at %#" G_GINT64_MODIFIER "x, op %d, reason %d\n",
               a->faulted, a->fault_addr, a->op, a->reason, b->faulted, b->fault_addr, b->op,
               b->reason);
    }
#undef DIFFER
    return out->len == before;
}
