/*
 * The RISC-V front end's main loop: guest code to IR, one basic block at a time. A block ends at a
 * jump, a branch, an instruction that changes what translations depend on, and at the end of the
 * page: an instruction that straddles two pages is translated only as the first of its block, so
 * that a fault on its second half is always the first instruction's fault.
 *
 * Instructions are in trans-*.c, one function each; the Args structs and prototypes are generated.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/translate.h"

#define PAGE UINT64_C(4096)

/* ---- Tables for the back end ---- */

#define X(n)                                            \
    {                                                   \
        "x" #n, IR_I64, offsetof(RiscvState, x) + (n)*8 \
    }
#define F(n)                                            \
    {                                                   \
        "f" #n, IR_F64, offsetof(RiscvState, f) + (n)*8 \
    }
#define V(at, type)                                          \
    {                                                        \
        "v+" #at "h", type, offsetof(RiscvState, v) + 0x##at \
    }
/* Pieces of vector registers: of 32 bytes, of 256. */
#define V32(n, even, odd) V(n##even##0, IR_V128), V(n##odd##0, IR_V128), V(n##even##0, IR_V256)
#define V256(n)                                                                         \
    V32(n, 0, 1), V32(n, 2, 3), V32(n, 4, 5), V32(n, 6, 7), V32(n, 8, 9), V32(n, a, b), \
        V32(n, c, d), V32(n, e, f)
const IrVar riscv_vars[RISCV_NVARS] = {
    X(0),    X(1),    X(2),    X(3),    X(4),    X(5),    X(6),  X(7),  X(8),  X(9),    X(10),
    X(11),   X(12),   X(13),   X(14),   X(15),   X(16),   X(17), X(18), X(19), X(20),   X(21),
    X(22),   X(23),   X(24),   X(25),   X(26),   X(27),   X(28), X(29), X(30), X(31),   F(0),
    F(1),    F(2),    F(3),    F(4),    F(5),    F(6),    F(7),  F(8),  F(9),  F(10),   F(11),
    F(12),   F(13),   F(14),   F(15),   F(16),   F(17),   F(18), F(19), F(20), F(21),   F(22),
    F(23),   F(24),   F(25),   F(26),   F(27),   F(28),   F(29), F(30), F(31), V256(0), V256(1),
    V256(2), V256(3), V256(4), V256(5), V256(6), V256(7),
};
#undef X
#undef F
#undef V
#undef V32
#undef V256

#define READS_STATE IR_HELPER_READS_STATE
#define WRITES_STATE IR_HELPER_WRITES_STATE
#define MAY_FAULT IR_HELPER_MAY_FAULT
#define PURE IR_HELPER_PURE
const IrHelper riscv_helpers[RISCV_NHELPERS] = {
#define H(name, result, a, b, c, d, flags) \
    {#name, riscv_helper_##name, IR_##result, {IR_##a, IR_##b, IR_##c, IR_##d}, flags},
#include "cpu/riscv/helpers.def"
#undef H
};

/* ---- Ways out ---- */

void gen_raise(RiscvDis *ctx, RiscvCause cause, uint64_t tval)
{
    call2(ctx, RISCV_HELPER_raise, c64(ctx, cause), c64(ctx, (int64_t)tval));
    ir_exit_lookup(ctx->ir); /* not reached; blocks have to end */
    ctx->ended = true;
}

void gen_exit_next(RiscvDis *ctx)
{
    ir_st_env(ctx->ir, IR_I64, IR_64, ENV(pc), c64(ctx, (int64_t)ctx->next));
    ir_exit_lookup(ctx->ir);
    ctx->ended = true;
}

void gen_exit_direct(RiscvDis *ctx, uint64_t target)
{
    if (ctx->flags == ctx->entry_flags) {
        ir_exit_direct(ctx->ir, target);
        return;
    }
    ir_st_env(ctx->ir, IR_I64, IR_64, ENV(pc), c64(ctx, (int64_t)target));
    ir_exit_lookup(ctx->ir);
}

void gen_poll(RiscvDis *ctx, uint64_t target)
{
    if (target <= ctx->pc) {
        ir_emit(ctx->ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF,
                (int64_t)target);
    }
}

/* ---- The loop ---- */

/* Code of the page of a block, fetched at once. */
typedef struct CodeWindow {
    uint64_t pc;
    unsigned len;
    uint8_t bytes[PAGE + 2];
} CodeWindow;

static uint32_t window_get16(const CodeWindow *w, unsigned at)
{
    return w->bytes[at] | (uint32_t)w->bytes[at + 1] << 8;
}

/* Fetches what the block may need. The first instruction is there whole, or this unwinds. */
static void window_fetch(Vcpu *vcpu, CodeWindow *w, const TranslateReq *req)
{
    uint64_t room = PAGE - (req->pc & (PAGE - 1)), want = req->max_insns * UINT64_C(4);
    w->pc = req->pc;
    w->len = vcpu_fetch(vcpu, req->pc, w->bytes, (unsigned)MIN(room, want));
    if (w->len < 4 && riscv_insn_is_long(w->bytes[0])) {
        w->len = 2 + vcpu_fetch(vcpu, req->pc + 2, w->bytes + 2, 2);
    }
}

/* The instruction at offset @at, and its length; 0 if it is not wholly in the window. */
static unsigned window_insn(const CodeWindow *w, unsigned at, uint32_t *insn)
{
    if (at + 2 > w->len) {
        return 0;
    }
    *insn = window_get16(w, at);
    if (!riscv_insn_is_long(*insn)) {
        return 2;
    }
    if (at + 4 > w->len) {
        return 0;
    }
    *insn |= window_get16(w, at + 2) << 16;
    return 4;
}

static void translate_insn(RiscvDis *ctx)
{
    ctx->id = riscv_decode(ctx->insn);
    ir_insn_start(ctx->ir, ctx->pc);
    if (ctx->id == RISCV_INSN_NONE || !riscv_pattern_in(&riscv_patterns[ctx->id], ctx->ext) ||
        !riscv_dispatch(ctx, ctx->id, ctx->insn)) {
        gen_raise(ctx, RISCV_ILLEGAL, ctx->insn);
    }
}

void riscv_translate(Vcpu *vcpu, IrRegion *ir, TranslateReq *req)
{
    CodeWindow window;
    RiscvDis ctx = {
        .ir = ir,
        .ext = riscv_state(vcpu)->config.ext,
        .vlenb = riscv_state(vcpu)->vlenb,
        .wide = ir->wide && riscv_state(vcpu)->vlenb >= 32,
        .flags = req->flags,
        .entry_flags = req->flags,
        .flags_read = 1, /* no instruction is there */
        .flags_back = 1,
        .auipc_next = 1,
        .pc = req->pc,
        .semihosting =
            vcpu_semihosting_allowed(vcpu, (req->flags & RISCV_TB_PRIV_MASK) == RISCV_PRIV_U),
    };
    ir->nvars = req->flags & RISCV_TB_VS ? RISCV_NVARS_VECTOR(ctx.vlenb) : RISCV_NVARS_SCALAR;
    window_fetch(vcpu, &window, req);
    req->insns = 0;
    req->bytes = 0;
    while (!ctx.ended) {
        bool end = req->insns == req->max_insns || (req->insns && ctx.pc == req->end_pc);
        unsigned len = end ? 0 : window_insn(&window, req->bytes, &ctx.insn);
        if (!len) {
            gen_exit_direct(&ctx, ctx.pc);
            break;
        }
        ctx.next = ctx.pc + len;
        translate_insn(&ctx);
        ctx.pc = ctx.next;
        req->insns++;
        req->bytes += len;
    }
}
