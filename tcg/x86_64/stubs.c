/*
 * The common code at the start of code memory: entering and leaving translated code, calls of the
 * engine, and the slow paths of memory accesses. Emitted once per Tcg.
 *
 * The return-prediction stack is the upper part of tcg_run()'s own stack frame. Its base is a
 * multiple of TCG_RETURN_STACK_BYTES less 16, where (emit-control.c) the low bits of rsp tell a
 * full one:
 *
 *     base + 16   rsp of the caller of enter
 *     base + 8    an address that no guest return matches
 *     base        unused (the host address of an entry)
 *
 * rsp is a multiple of 16 whenever a region begins.
 */
#include "tcg/x86_64/emit.h"

#define NO_GUEST_ADDRESS UINT64_C(0x8000000000000001)

/* Of the memory callbacks: a TcgFrame and padding, so that rsp is aligned. The frame's places for xmm0 and xmm1,
 * which are not allocated, are for vectors in memory. */
#define FRAME_VECTOR ((int32_t)offsetof(TcgFrame, ymm))
#define FRAME_BYTES ((int32_t)sizeof(TcgFrame) + 8)
#define FRAME_RETURN FRAME_BYTES

static const uint8_t saved_by_enter[] = {RBP, RBX, R12, R13, R14, R15};

static void push(Emit *e, unsigned r)
{
    x_opcode(&e->as, 0x50 | (r & 7), 0, 0, r);
}

static void pop(Emit *e, unsigned r)
{
    x_opcode(&e->as, 0x58 | (r & 7), 0, 0, r);
}

static uint8_t *begin_stub(Emit *e)
{
    asm_align(&e->as, 16, 0);
    return asm_here(&e->as);
}

/* void enter(void *state, void *code) */
static void emit_enter(Emit *e, Stubs *s)
{
    uint8_t *entry = begin_stub(e);

    for (size_t i = 0; i < ARRAY_SIZE(saved_by_enter); i++) {
        push(e, saved_by_enter[i]);
    }
    x_mov(&e->as, X_W, RAX, RSP);
    x_alu_imm(&e->as, ALU_SUB, X_W, RSP, 64);
    x_alu_imm(&e->as, ALU_AND, X_W, RSP, -TCG_RETURN_STACK_BYTES);
    x_alu_imm(&e->as, ALU_SUB, X_W, RSP, 16);
    x_rm(&e->as, X_MOV_MR | X_W, RAX, RSP, 16);
    x_mov_imm(&e->as, RAX, NO_GUEST_ADDRESS);
    x_rm(&e->as, X_MOV_MR | X_W, RAX, RSP, 8);
    x_rm(&e->as, X_LEA | X_W, ENV, RDI, TCG_ENV_BIAS);
    x_rm(&e->as, X_MOV_MR | X_W, RSP, ENV, env_disp(e->rt->off_stack));
    x_rm(&e->as, X_MOV | X_W, TLB, ENV, env_disp(e->rt->off_tlb));
    x_rr(&e->as, X_GROUP5, 4, RSI);
    memcpy(&s->enter, &entry, sizeof(entry));
}

static void emit_leave(Emit *e, Stubs *s)
{
    s->leave = begin_stub(e);
    if (e->f->avx2) {
        x_vzeroupper(&e->as);
    }
    x_rm(&e->as, X_MOV | X_W, RSP, ENV, env_disp(e->rt->off_stack));
    x_rm(&e->as, X_MOV | X_W, RSP, RSP, 16);
    for (size_t i = ARRAY_SIZE(saved_by_enter); i-- > 0;) {
        pop(e, saved_by_enter[i]);
    }
    asm_u8(&e->as, 0xc3);
}

/* Calls an engine function whose result is where to go on; the context may have changed. */
static uint8_t *emit_engine_call(Emit *e, const void *fn, bool exit_arg)
{
    uint8_t *start = begin_stub(e), *same;

    if (exit_arg) {
        x_mov_imm(&e->as, RCX, (uintptr_t)e->rt->exits_base);
        x_alu(&e->as, ALU_ADD, X_W, RAX, RCX);
        x_rm(&e->as, X_MOV | X_W, RCX, RAX, offsetof(TcgExit, pc));
        x_rm(&e->as, X_MOV_MR | X_W, RCX, ENV, env_disp(e->rt->off_pc));
        x_mov(&e->as, X_W, RSI, RAX);
    }
    x_rm(&e->as, X_LEA | X_W, RDI, ENV, env_disp(e->rt->off_vcpu));
    x_call_c(&e->as, fn);
    x_rm(&e->as, X_ALU(ALU_CMP) | X_W, TLB, ENV, env_disp(e->rt->off_tlb));
    same = x_jcc8(&e->as, CC_E);
    x_rm(&e->as, X_MOV | X_W, TLB, ENV, env_disp(e->rt->off_tlb));
    x_rm(&e->as, X_MOV | X_W, RSP, ENV, env_disp(e->rt->off_stack));
    asm_patch8(&e->as, same);
    x_rr(&e->as, X_GROUP5, 4, RAX);
    return start;
}

static void emit_engine_calls(Emit *e, Stubs *s)
{
    s->resolve = emit_engine_call(e, e->rt->resolve, true);
    s->lookup = emit_engine_call(e, e->rt->lookup, false);
    s->lookup_plain = emit_engine_call(e, e->rt->lookup_plain, false);
    s->lookup_drop = begin_stub(e);
    x_rm(&e->as, X_MOV | X_W, RSP, ENV, env_disp(e->rt->off_stack));
    x_jmp(&e->as, s->lookup);
}

/* ---- Memory callbacks. ---- */

/* Moves a vector register (of 256 bits, if that is what @vectors says) from or to the frame. */
static void frame_vector(Emit *e, Vectors vectors, unsigned op, unsigned r)
{
    unsigned wide = vectors == VECTORS_YMM ? X_L : 0;

    fp_rm(e, op | wide, r, RSP, FRAME_VECTOR + 32 * (r - XMM0));
}

static void save_registers(Emit *e, Vectors vectors)
{
    x_rm(&e->as, X_LEA | X_W, RSP, RSP, -FRAME_BYTES);
    for (uint32_t mask = ALLOC_GPRS; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        x_rm(&e->as, X_MOV_MR | X_W, r, RSP, offsetof(TcgFrame, gpr) + 8 * r);
    }
    for (uint32_t mask = vectors ? ALLOC_XMMS : 0; mask; mask &= mask - 1) {
        frame_vector(e, vectors, X_MOVUPS_MR, __builtin_ctz(mask));
    }
}

/* Before a C function. */
static void clear_upper(Emit *e, Vectors vectors)
{
    if (vectors == VECTORS_YMM) {
        x_vzeroupper(&e->as);
    }
}

static void restore_registers(Emit *e, Vectors vectors)
{
    for (uint32_t mask = ALLOC_GPRS & ~CALLEE_SAVED; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        x_rm(&e->as, X_MOV | X_W, r, RSP, offsetof(TcgFrame, gpr) + 8 * r);
    }
    for (uint32_t mask = vectors ? ALLOC_XMMS : 0; mask; mask &= mask - 1) {
        frame_vector(e, vectors, X_MOVUPS, __builtin_ctz(mask));
    }
    x_rm(&e->as, X_LEA | X_W, RSP, RSP, FRAME_BYTES);
    asm_u8(&e->as, 0xc3);
}

typedef enum Callback {
    CB_LOAD,
    CB_STORE,
    CB_LOAD_VECTOR,
    CB_STORE_VECTOR,
    CB_RMW,
    CB_CAS,
    CB_TRANSLATE
} Callback;

/* Arguments from where the out-of-line code put them (see Stubs) to where C wants them. r11: the
 * return address, at the TEST instruction with the information bytes. */
static void emit_callback_args(Emit *e, Callback cb, Vectors vectors)
{
    x_mov(&e->as, X_W, RSI, RAX);
    switch (cb) {
    case CB_LOAD: x_rm(&e->as, X_MOVZX8, RDX, R11, 1); break;
    case CB_STORE: x_rm(&e->as, X_MOVZX8, RCX, R11, 1); break;
    case CB_STORE_VECTOR:
        frame_vector(e, vectors, X_MOVUPS_MR, XMM0);
        /* fall through */
    case CB_LOAD_VECTOR:
        x_rm(&e->as, X_LEA | X_W, RDX, RSP, FRAME_VECTOR);
        x_rm(&e->as, X_MOVZX8, RCX, R11, 1);
        break;
    case CB_RMW:
        x_rm(&e->as, X_MOVZX8, R8, R11, 1);
        x_rm(&e->as, X_MOVZX8, RCX, R11, 2);
        break;
    case CB_CAS: x_rm(&e->as, X_MOVZX8, R8, R11, 1); break;
    case CB_TRANSLATE: break;
    }
}

/* Hosts without AVX2 have no v256. */
static Vectors last_vectors(const Emit *e)
{
    return e->f->avx2 ? VECTORS_YMM : VECTORS_XMM;
}

static void emit_callback(Emit *e, uint8_t *stub[NVECTORS], Callback cb, const void *fn)
{
    for (Vectors vectors = VECTORS_NONE; vectors <= last_vectors(e); vectors++) {
        stub[vectors] = begin_stub(e);
        save_registers(e, vectors);
        x_rm(&e->as, X_MOV | X_W, R11, RSP, FRAME_RETURN);
        x_rm(&e->as, X_MOV_MR | X_W, R11, ENV, env_disp(e->rt->off_sync_pc));
        x_rm(&e->as, X_MOV_MR | X_W, RSP, ENV, env_disp(e->rt->off_sync_frame));
        emit_callback_args(e, cb, vectors);
        clear_upper(e, vectors);
        x_rm(&e->as, X_LEA | X_W, RDI, ENV, env_disp(e->rt->off_vcpu));
        x_call_c(&e->as, fn);
        x_store_imm(&e->as, ENV, env_disp(e->rt->off_sync_frame), 0, RCX);
        if (cb == CB_LOAD_VECTOR) {
            frame_vector(e, vectors, X_MOVUPS, XMM0);
        }
        restore_registers(e, vectors);
    }
}

static void emit_callbacks(Emit *e, Stubs *s)
{
    emit_callback(e, s->load, CB_LOAD, e->rt->load);
    emit_callback(e, s->store, CB_STORE, e->rt->store);
    emit_callback(e, s->load_vector, CB_LOAD_VECTOR, e->rt->load_vector);
    emit_callback(e, s->store_vector, CB_STORE_VECTOR, e->rt->store_vector);
    emit_callback(e, s->rmw, CB_RMW, e->rt->rmw);
    emit_callback(e, s->cas, CB_CAS, e->rt->cas);
    emit_callback(e, s->translate, CB_TRANSLATE, e->rt->translate);
}

static void emit_math(Emit *e, uint8_t *stub[NVECTORS])
{
    for (Vectors vectors = VECTORS_XMM; vectors <= last_vectors(e); vectors++) {
        stub[vectors] = begin_stub(e);
        save_registers(e, vectors);
        clear_upper(e, vectors);
        x_mov(&e->as, X_W, RDI, RCX);
        x_mov(&e->as, X_W, RSI, RDX);
        x_rr(&e->as, X_GROUP5, 2, RAX);
        restore_registers(e, vectors);
    }
}

static void emit_vector_math(Emit *e, uint8_t *stub[NVECTORS])
{
    for (Vectors vectors = VECTORS_XMM; vectors <= last_vectors(e); vectors++) {
        stub[vectors] = begin_stub(e);
        save_registers(e, vectors);
        frame_vector(e, vectors, X_MOVUPS_MR, XMM0);
        frame_vector(e, vectors, X_MOVUPS_MR, XMM1);
        clear_upper(e, vectors);
        x_rm(&e->as, X_LEA | X_W, RDI, RSP, FRAME_VECTOR);
        x_mov(&e->as, X_W, RSI, RCX);
        x_rr(&e->as, X_GROUP5, 2, RAX);
        frame_vector(e, vectors, X_MOVUPS, XMM0);
        restore_registers(e, vectors);
    }
}

/* The constants of the pool that are regular. */
static void emit_lane_constants(uint8_t *pool)
{
    for (unsigned log2 = 0; log2 < 4; log2++) {
        uint8_t *top = pool + POOL_TOP + 32 * log2, *bits = pool + POOL_BITS + 32 * log2;
        unsigned size = 1 << log2;

        for (unsigned i = 0; i < 32 / size; i++) {
            top[(i + 1) * size - 1] = 0x80;
            /* A vmask has bits of its lanes in lanes of 1 (spread) to 4 bytes. */
            bits[i * size + (size > 1 ? i / 8 : 0)] = 1u << (i & 7);
            if (size == 8) {
                bits[i * size + 4] = 1u << i;
            }
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        pool[POOL_VNAN64 + i] = i % 8 == 7 ? 0x7f : i % 8 == 6 ? 0xf8 : 0;
        pool[POOL_VNAN32 + i] = i % 4 == 3 ? 0x7f : i % 4 == 2 ? 0xc0 : 0;
        pool[POOL_SPREAD + i] = i / 8;
        pool[POOL_LOW8 + i] = i % 2 ? 0 : 0xff;
        pool[POOL_LOW16 + i] = i % 4 < 2 ? 0xff : 0;
        pool[POOL_HIGH16 + i] = i % 4 < 2 ? 0 : 0xff;
    }
    for (unsigned count = 0; count < 8; count++) {
        memset(pool + POOL_SHL8 + 32 * count, 0xff << count, 32);
        memset(pool + POOL_SHR8 + 32 * count, 0xff >> count, 32);
        memset(pool + POOL_SIGN8 + 32 * count, 0x80 >> count, 32);
    }
}

static void emit_pool(Emit *e, Stubs *s)
{
    static const uint64_t pool[POOL_SIZE / 8] = {
        [POOL_SIGN64 / 8] = UINT64_C(1) << 63,
        [POOL_ABS64 / 8] = INT64_MAX,
        [POOL_SIGN32 / 8] = UINT64_C(1) << 31,
        [POOL_ABS32 / 8] = INT32_MAX,
        [POOL_BOX / 8] = UINT64_C(0xffffffff00000000),
        [POOL_NAN64 / 8] = UINT64_C(0x7ff8000000000000),
        [POOL_NAN32 / 8] = UINT64_C(0x7fc00000),
    };

    asm_align(&e->as, 64, 0);
    s->pool = asm_here(&e->as);
    memcpy(e->as.p, pool, sizeof(pool));
    for (unsigned mxcsr = 0; mxcsr < 64; mxcsr++) {
        e->as.p[POOL_FLAGS + mxcsr] = ir_fp_flags_of_mxcsr(mxcsr);
    }
    emit_lane_constants(e->as.p);
    e->as.p += sizeof(pool);
}

void stubs_emit(Tcg *tcg)
{
    Emit *e = &tcg->emit;
    Stubs *s = &tcg->stubs;

    e->as = (Asm){
        .p = tcg->mem.write,
        .to_exec = tcg->mem.exec - tcg->mem.write,
    };
    emit_pool(e, s);
    emit_enter(e, s);
    emit_leave(e, s);
    emit_engine_calls(e, s);
    emit_callbacks(e, s);
    emit_math(e, s->math);
    emit_vector_math(e, s->vector_math);
    asm_align(&e->as, 64, 0);
    tcg->stubs_size = e->as.p - tcg->mem.write;
}
