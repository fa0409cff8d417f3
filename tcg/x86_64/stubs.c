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

/* Of the memory callbacks: a TcgFrame, 16 bytes for a vector, and padding, so that rsp is
 * aligned. */
#define FRAME_VECTOR ((int32_t)sizeof(TcgFrame))
#define FRAME_BYTES (FRAME_VECTOR + 16 + 8)
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

static void save_registers(Emit *e, bool xmm)
{
    x_rm(&e->as, X_LEA | X_W, RSP, RSP, -FRAME_BYTES);
    for (uint32_t mask = ALLOC_GPRS; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        x_rm(&e->as, X_MOV_MR | X_W, r, RSP, offsetof(TcgFrame, gpr) + 8 * r);
    }
    for (uint32_t mask = xmm ? ALLOC_XMMS : 0; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        fp_rm(e, X_MOVAPS_MR, r, RSP, offsetof(TcgFrame, xmm) + 16 * (r - XMM0));
    }
}

static void restore_registers(Emit *e, bool xmm)
{
    for (uint32_t mask = ALLOC_GPRS & ~CALLEE_SAVED; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        x_rm(&e->as, X_MOV | X_W, r, RSP, offsetof(TcgFrame, gpr) + 8 * r);
    }
    for (uint32_t mask = xmm ? ALLOC_XMMS : 0; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        fp_rm(e, X_MOVAPS, r, RSP, offsetof(TcgFrame, xmm) + 16 * (r - XMM0));
    }
    x_rm(&e->as, X_LEA | X_W, RSP, RSP, FRAME_BYTES);
    asm_u8(&e->as, 0xc3);
}

typedef enum Callback {
    CB_LOAD,
    CB_STORE,
    CB_LOAD128,
    CB_STORE128,
    CB_RMW,
    CB_CAS,
    CB_TRANSLATE
} Callback;

/* Arguments from where the out-of-line code put them (see Stubs) to where C wants them. r11: the
 * return address, at the TEST instruction with the information bytes. */
static void emit_callback_args(Emit *e, Callback cb)
{
    x_mov(&e->as, X_W, RSI, RAX);
    switch (cb) {
    case CB_LOAD: x_rm(&e->as, X_MOVZX8, RDX, R11, 1); break;
    case CB_STORE: x_rm(&e->as, X_MOVZX8, RCX, R11, 1); break;
    case CB_STORE128:
        fp_rm(e, X_MOVAPS_MR, XMM0, RSP, FRAME_VECTOR);
        x_rm(&e->as, X_LEA | X_W, RDX, RSP, FRAME_VECTOR);
        break;
    case CB_LOAD128: x_rm(&e->as, X_LEA | X_W, RDX, RSP, FRAME_VECTOR); break;
    case CB_RMW:
        x_rm(&e->as, X_MOVZX8, R8, R11, 1);
        x_rm(&e->as, X_MOVZX8, RCX, R11, 2);
        break;
    case CB_CAS: x_rm(&e->as, X_MOVZX8, R8, R11, 1); break;
    case CB_TRANSLATE: break;
    }
}

static void emit_callback(Emit *e, uint8_t *stub[2], Callback cb, const void *fn)
{
    for (int xmm = 0; xmm < 2; xmm++) {
        stub[xmm] = begin_stub(e);
        save_registers(e, xmm);
        x_rm(&e->as, X_MOV | X_W, R11, RSP, FRAME_RETURN);
        x_rm(&e->as, X_MOV_MR | X_W, R11, ENV, env_disp(e->rt->off_sync_pc));
        x_rm(&e->as, X_MOV_MR | X_W, RSP, ENV, env_disp(e->rt->off_sync_frame));
        emit_callback_args(e, cb);
        x_rm(&e->as, X_LEA | X_W, RDI, ENV, env_disp(e->rt->off_vcpu));
        x_call_c(&e->as, fn);
        x_store_imm(&e->as, ENV, env_disp(e->rt->off_sync_frame), 0, RCX);
        if (cb == CB_LOAD128) {
            fp_rm(e, X_MOVAPS, XMM0, RSP, FRAME_VECTOR);
        }
        restore_registers(e, xmm);
    }
}

static void emit_callbacks(Emit *e, Stubs *s)
{
    emit_callback(e, s->load, CB_LOAD, e->rt->load);
    emit_callback(e, s->store, CB_STORE, e->rt->store);
    emit_callback(e, s->load128, CB_LOAD128, e->rt->load128);
    emit_callback(e, s->store128, CB_STORE128, e->rt->store128);
    emit_callback(e, s->rmw, CB_RMW, e->rt->rmw);
    emit_callback(e, s->cas, CB_CAS, e->rt->cas);
    emit_callback(e, s->translate, CB_TRANSLATE, e->rt->translate);
}

static void emit_math(Emit *e, Stubs *s)
{
    s->math = begin_stub(e);
    save_registers(e, true);
    x_mov(&e->as, X_W, RDI, RCX);
    x_mov(&e->as, X_W, RSI, RDX);
    x_rr(&e->as, X_GROUP5, 2, RAX);
    restore_registers(e, true);
}

/* The constants of the pool that are regular. */
static void emit_lane_constants(uint8_t *pool)
{
    for (unsigned log2 = 0; log2 < 4; log2++) {
        unsigned size = 1 << log2;

        for (unsigned i = 0; i < 16 / size; i++) {
            pool[POOL_TOP + 16 * log2 + (i + 1) * size - 1] = 0x80;
            /* The comparison of 64-bit lanes is by 32 bits. */
            pool[POOL_BITS + 16 * log2 + i * size] = 1u << (i & 7);
            if (size == 8) {
                pool[POOL_BITS + 16 * log2 + i * size + 4] = 1u << i;
            }
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        pool[POOL_SPREAD + i] = i / 8;
        pool[POOL_LOW8 + i] = i % 2 ? 0 : 0xff;
        pool[POOL_LOW16 + i] = i % 4 < 2 ? 0xff : 0;
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
        [POOL_VNAN64 / 8] = UINT64_C(0x7ff8000000000000),
        [POOL_VNAN64 / 8 + 1] = UINT64_C(0x7ff8000000000000),
        [POOL_VNAN32 / 8] = UINT64_C(0x7fc000007fc00000),
        [POOL_VNAN32 / 8 + 1] = UINT64_C(0x7fc000007fc00000),
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
        .limit = tcg->mem.write + tcg->mem.size,
        .to_exec = tcg->mem.exec - tcg->mem.write,
    };
    emit_pool(e, s);
    emit_enter(e, s);
    emit_leave(e, s);
    emit_engine_calls(e, s);
    emit_callbacks(e, s);
    emit_math(e, s);
    asm_align(&e->as, 64, 0);
    tcg->stubs_size = e->as.p - tcg->mem.write;
}
