/*
 * RV64I and M: arithmetic, jumps and branches (Unprivileged Architecture, RV32I, RV64I and M
 * chapters). Word forms compute in i32 and sign-extend.
 */
#include "cpu/riscv/translate.h"

/* ---- Shapes of instructions ---- */

static void gen_r(RiscvDis *ctx, const ArgsR *a, IrOp op, unsigned aux)
{
    set_x(ctx, a->rd, ir_op2(ctx->ir, op, IR_I64, aux, get_x(ctx, a->rs1), get_x(ctx, a->rs2)));
}

static void gen_r_w(RiscvDis *ctx, const ArgsR *a, IrOp op, unsigned aux)
{
    set_w(ctx, a->rd, ir_op2(ctx->ir, op, IR_I32, aux, get_w(ctx, a->rs1), get_w(ctx, a->rs2)));
}

static void gen_i(RiscvDis *ctx, const ArgsI *a, IrOp op, unsigned aux)
{
    set_x(ctx, a->rd, ir_op2(ctx->ir, op, IR_I64, aux, get_x(ctx, a->rs1), c64(ctx, a->imm)));
}

static void gen_shift(RiscvDis *ctx, const ArgsShift *a, IrOp op)
{
    set_x(ctx, a->rd, op2(ctx, op, get_x(ctx, a->rs1), c64(ctx, a->shamt)));
}

static void gen_shift_w(RiscvDis *ctx, const ArgsShift *a, IrOp op)
{
    set_w(ctx, a->rd, op2_w(ctx, op, get_w(ctx, a->rs1), c32(ctx, a->shamt)));
}

/* ---- Upper immediates, arithmetic ---- */

TRANS(lui, ArgsU, set_x(ctx, a->rd, c64(ctx, a->imm)))

bool trans_auipc(RiscvDis *ctx, const ArgsU *a)
{
    ctx->auipc_next = ctx->next;
    ctx->auipc_value = ctx->pc + (uint64_t)(int64_t)a->imm;
    ctx->auipc_reg = a->rd;
    set_x(ctx, a->rd, c64(ctx, (int64_t)ctx->auipc_value));
    return true;
}

/* With x0 or a zero immediate it is li or mv: no addition to be folded away later. */
bool trans_addi(RiscvDis *ctx, const ArgsI *a)
{
    if (a->rs1 == 0) {
        set_x(ctx, a->rd, c64(ctx, a->imm));
    } else if (a->imm == 0) {
        set_x(ctx, a->rd, get_x(ctx, a->rs1));
    } else {
        gen_i(ctx, a, IR_add, 0);
    }
    return true;
}

TRANS(slti, ArgsI, gen_i(ctx, a, IR_setcond, IR_LT))
TRANS(sltiu, ArgsI, gen_i(ctx, a, IR_setcond, IR_LTU))
TRANS(xori, ArgsI, gen_i(ctx, a, IR_xor, 0))
TRANS(ori, ArgsI, gen_i(ctx, a, IR_or, 0)) /* prefetch.* are those with rd = x0: they do nothing */
TRANS(andi, ArgsI, gen_i(ctx, a, IR_and, 0))
TRANS(slli, ArgsShift, gen_shift(ctx, a, IR_shl))
TRANS(srli, ArgsShift, gen_shift(ctx, a, IR_shr))
TRANS(srai, ArgsShift, gen_shift(ctx, a, IR_sar))

bool trans_add(RiscvDis *ctx, const ArgsR *a)
{
    if (a->rs1 == 0) { /* c.mv */
        set_x(ctx, a->rd, get_x(ctx, a->rs2));
    } else {
        gen_r(ctx, a, IR_add, 0);
    }
    return true;
}

TRANS(sub, ArgsR, gen_r(ctx, a, IR_sub, 0))
TRANS(sll, ArgsR, gen_r(ctx, a, IR_shl, 0))
TRANS(slt, ArgsR, gen_r(ctx, a, IR_setcond, IR_LT))
TRANS(sltu, ArgsR, gen_r(ctx, a, IR_setcond, IR_LTU))
TRANS(xor, ArgsR, gen_r(ctx, a, IR_xor, 0))
TRANS(srl, ArgsR, gen_r(ctx, a, IR_shr, 0))
TRANS(sra, ArgsR, gen_r(ctx, a, IR_sar, 0))
TRANS(or, ArgsR, gen_r(ctx, a, IR_or, 0))
TRANS(and, ArgsR, gen_r(ctx, a, IR_and, 0))

bool trans_addiw(RiscvDis *ctx, const ArgsI *a)
{
    IrRef v = get_w(ctx, a->rs1);
    set_w(ctx, a->rd, a->imm ? op2_w(ctx, IR_add, v, c32(ctx, a->imm)) : v);
    return true;
}

TRANS(slliw, ArgsShift, gen_shift_w(ctx, a, IR_shl))
TRANS(srliw, ArgsShift, gen_shift_w(ctx, a, IR_shr))
TRANS(sraiw, ArgsShift, gen_shift_w(ctx, a, IR_sar))
TRANS(addw, ArgsR, gen_r_w(ctx, a, IR_add, 0))
TRANS(subw, ArgsR, gen_r_w(ctx, a, IR_sub, 0))
TRANS(sllw, ArgsR, gen_r_w(ctx, a, IR_shl, 0))
TRANS(srlw, ArgsR, gen_r_w(ctx, a, IR_shr, 0))
TRANS(sraw, ArgsR, gen_r_w(ctx, a, IR_sar, 0))

/* ---- M ---- */

TRANS(mul, ArgsR, gen_r(ctx, a, IR_mul, 0))
TRANS(mulh, ArgsR, gen_r(ctx, a, IR_mulhs, 0))
TRANS(mulhsu, ArgsR, gen_r(ctx, a, IR_mulhsu, 0))
TRANS(mulhu, ArgsR, gen_r(ctx, a, IR_mulhu, 0))
TRANS(div, ArgsR, gen_r(ctx, a, IR_divs, IR_DIV0_ONES))
TRANS(divu, ArgsR, gen_r(ctx, a, IR_divu, IR_DIV0_ONES))
TRANS(rem, ArgsR, gen_r(ctx, a, IR_rems, 0))
TRANS(remu, ArgsR, gen_r(ctx, a, IR_remu, 0))
TRANS(mulw, ArgsR, gen_r_w(ctx, a, IR_mul, 0))
TRANS(divw, ArgsR, gen_r_w(ctx, a, IR_divs, IR_DIV0_ONES))
TRANS(divuw, ArgsR, gen_r_w(ctx, a, IR_divu, IR_DIV0_ONES))
TRANS(remw, ArgsR, gen_r_w(ctx, a, IR_rems, 0))
TRANS(remuw, ArgsR, gen_r_w(ctx, a, IR_remu, 0))

/* ---- Jumps ---- */

/* Without C, instructions are aligned to 4 bytes, and jumps elsewhere fault. */
static bool is_misaligned(RiscvDis *ctx, uint64_t target)
{
    return (target & 2) && !has_ext(ctx, RISCV_EXT_C);
}

static bool is_link(int reg)
{
    return reg == 1 || reg == 5;
}

static void gen_jump(RiscvDis *ctx, int rd, uint64_t target)
{
    if (is_misaligned(ctx, target)) {
        gen_raise(ctx, RISCV_FETCH_MISALIGNED, target);
        return;
    }
    set_x(ctx, rd, c64(ctx, (int64_t)ctx->next));
    gen_poll(ctx, target);
    if (is_link(rd) && ctx->flags == ctx->entry_flags) {
        ir_call_mark(ctx->ir, ctx->next);
    }
    gen_exit_direct(ctx, target);
    ctx->ended = true;
}

TRANS(jal, ArgsU, gen_jump(ctx, a->rd, ctx->pc + (uint64_t)(int64_t)a->imm))

static IrRef jalr_target(RiscvDis *ctx, const ArgsI *a)
{
    IrRef target = get_x(ctx, a->rs1);
    if (a->imm) {
        target = op2(ctx, IR_add, target, c64(ctx, a->imm));
    }
    return op2(ctx, IR_and, target, c64(ctx, -2));
}

/* Without C: goes to a new block that raises the fault if bit 1 of the target is set, and goes on
 * in another one. */
static void gen_check_alignment(RiscvDis *ctx, const ArgsI *a)
{
    unsigned fault = ir_block_new(ctx->ir), fine = ir_block_new(ctx->ir);
    IrRef misaligned = op2(ctx, IR_and, jalr_target(ctx, a), c64(ctx, 2));
    ir_brcond(ctx->ir, IR_I64, IR_NE, misaligned, c64(ctx, 0), fault, fine);
    ir_block_place(ctx->ir, fault, ctx->pc);
    ir_insn_start(ctx->ir, ctx->pc);
    call2(ctx, RISCV_HELPER_raise, c64(ctx, RISCV_FETCH_MISALIGNED), jalr_target(ctx, a));
    ir_exit_lookup(ctx->ir);
    ir_block_place(ctx->ir, fine, ctx->pc);
    ir_insn_start(ctx->ir, ctx->pc);
}

/* Return-address prediction as the manual's table of hints says; where it says pop, then push
 * (coroutines), this only pushes. */
bool trans_jalr(RiscvDis *ctx, const ArgsI *a)
{
    if (ctx->auipc_next == ctx->pc && a->rs1 && a->rs1 == ctx->auipc_reg) {
        gen_jump(ctx, a->rd, (ctx->auipc_value + (uint64_t)(int64_t)a->imm) & ~UINT64_C(1));
        return true;
    }
    if (!has_ext(ctx, RISCV_EXT_C)) {
        gen_check_alignment(ctx, a);
    }
    IrRef target = jalr_target(ctx, a);
    set_x(ctx, a->rd, c64(ctx, (int64_t)ctx->next));
    if (ctx->flags != ctx->entry_flags) {
        ir_st_env(ctx->ir, IR_I64, IR_64, ENV(pc), target);
        ir_exit_lookup(ctx->ir);
        ctx->ended = true;
        return true;
    }
    IrJump kind = is_link(a->rd) ? IR_JUMP_CALL : is_link(a->rs1) ? IR_JUMP_RETURN : IR_JUMP_ANY;
    if (kind == IR_JUMP_CALL) {
        ir_call_mark(ctx->ir, ctx->next);
    }
    ir_exit_indirect(ctx->ir, target, kind);
    ctx->ended = true;
    return true;
}

/* ---- Branches ---- */

static void gen_branch(RiscvDis *ctx, const ArgsS *a, IrCond cond)
{
    uint64_t target = ctx->pc + (uint64_t)(int64_t)a->imm, next = ctx->next;
    unsigned taken = ir_block_new(ctx->ir), not_taken = ir_block_new(ctx->ir);
    ir_brcond(ctx->ir, IR_I64, cond, get_x(ctx, a->rs1), get_x(ctx, a->rs2), taken, not_taken);
    ir_block_place(ctx->ir, taken, target);
    if (is_misaligned(ctx, target)) {
        ir_insn_start(ctx->ir, ctx->pc);
        gen_raise(ctx, RISCV_FETCH_MISALIGNED, target);
    } else {
        gen_poll(ctx, target);
        gen_exit_direct(ctx, target);
    }
    ir_block_place(ctx->ir, not_taken, next);
    gen_exit_direct(ctx, next);
    ctx->ended = true;
}

TRANS(beq, ArgsS, gen_branch(ctx, a, IR_EQ))
TRANS(bne, ArgsS, gen_branch(ctx, a, IR_NE))
TRANS(blt, ArgsS, gen_branch(ctx, a, IR_LT))
TRANS(bge, ArgsS, gen_branch(ctx, a, IR_GE))
TRANS(bltu, ArgsS, gen_branch(ctx, a, IR_LTU))
TRANS(bgeu, ArgsS, gen_branch(ctx, a, IR_GEU))
