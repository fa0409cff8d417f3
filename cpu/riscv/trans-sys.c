/*
 * Zicsr, Zifencei and the privileged instructions. Nearly all of it is done by helpers, which check
 * the privilege and raise exceptions. After one that may change what translations depend on, the
 * block ends with a lookup.
 */
#include "cpu/riscv/priv.h"
#include "cpu/riscv/translate.h"

/* ---- CSR instructions ---- */

/* The table's row if the CSR is a plain field of state that may be accessed at this privilege
 * (which is part of the translation's key): such accesses need no helper. NULL otherwise. */
static const RiscvCsr *inline_csr(RiscvDis *ctx, unsigned csr, bool write)
{
    const RiscvCsr *row = riscv_csr_find(csr);
    bool plain = row && !row->check && !row->read && !row->write;
    bool allowed = tb_priv(ctx) >= bits_get(csr, 8, 2) && !(write && bits_get(csr, 10, 2) == 3);
    return plain && allowed ? row : NULL;
}

static void store_csr(RiscvDis *ctx, const RiscvCsr *row, IrRef old, IrRef v)
{
    uint64_t mask = riscv_csr_mask(row, ctx->ext);

    if (mask != ~UINT64_C(0)) {
        IrRef kept = op2(ctx, IR_and, old, c64(ctx, (int64_t)~mask));
        v = op2(ctx, IR_or, kept, op2(ctx, IR_and, v, c64(ctx, (int64_t)mask)));
    }
    ir_st_env(ctx->ir, IR_I64, IR_64, row->offset, v);
}

static void gen_csr_read(RiscvDis *ctx, int rd, unsigned csr)
{
    const RiscvCsr *row = inline_csr(ctx, csr, false);
    if (gen_fp_csr_read(ctx, rd, csr)) {
        return;
    }
    if (row) {
        set_x(ctx, rd, ir_ld_env(ctx->ir, IR_I64, IR_64, row->offset));
    } else {
        set_x(ctx, rd, call2(ctx, RISCV_HELPER_csr_read, c64(ctx, csr), c_insn(ctx)));
        if (riscv_csr_counts_insns(csr)) {
            gen_exit_next(ctx); /* to a translation that counts */
        }
    }
}

/* csrrw, csrrs or csrrc, as @helper says, with the operand @v. */
static void gen_csr_write(RiscvDis *ctx, int rd, unsigned csr, IrRef v, unsigned helper)
{
    const RiscvCsr *row = inline_csr(ctx, csr, true);
    if (row) {
        IrRef old = ir_ld_env(ctx->ir, IR_I64, IR_64, row->offset);
        if (helper == RISCV_HELPER_csr_set) {
            v = op2(ctx, IR_or, old, v);
        } else if (helper == RISCV_HELPER_csr_clear) {
            v = op2(ctx, IR_andn, old, v);
        }
        store_csr(ctx, row, old, v);
        set_x(ctx, rd, old);
        return;
    }
    bool no_read = helper == RISCV_HELPER_csr_write && rd == 0;
    IrRef number = c64(ctx, no_read ? csr | 1 << 12 : csr);
    set_x(ctx, rd, call3(ctx, helper, number, v, c_insn(ctx)));
    if (riscv_csr_ends_block(csr)) {
        gen_exit_next(ctx);
    }
}

/* csrrs and csrrc of x0 or 0 only read. */
static void gen_csr_modify(RiscvDis *ctx, const ArgsCsr *a, unsigned helper)
{
    if (a->rs1 == 0) {
        gen_csr_read(ctx, a->rd, a->csr);
    } else {
        gen_csr_write(ctx, a->rd, a->csr, get_x(ctx, a->rs1), helper);
    }
}

static void gen_csr_modify_imm(RiscvDis *ctx, const ArgsCsri *a, unsigned helper)
{
    if (a->zimm == 0) {
        gen_csr_read(ctx, a->rd, a->csr);
    } else {
        gen_csr_write(ctx, a->rd, a->csr, c64(ctx, a->zimm), helper);
    }
}

TRANS(
    csrrw, ArgsCsr, if (!gen_fp_csr_write(ctx, a->rd, a->rs1, a->csr)) {
        gen_csr_write(ctx, a->rd, a->csr, get_x(ctx, a->rs1), RISCV_HELPER_csr_write);
    })
TRANS(csrrs, ArgsCsr, gen_csr_modify(ctx, a, RISCV_HELPER_csr_set))
TRANS(csrrc, ArgsCsr, gen_csr_modify(ctx, a, RISCV_HELPER_csr_clear))
TRANS(csrrwi, ArgsCsri,
      gen_csr_write(ctx, a->rd, a->csr, c64(ctx, a->zimm), RISCV_HELPER_csr_write))
TRANS(csrrsi, ArgsCsri, gen_csr_modify_imm(ctx, a, RISCV_HELPER_csr_set))
TRANS(csrrci, ArgsCsri, gen_csr_modify_imm(ctx, a, RISCV_HELPER_csr_clear))

/* ---- Instruction fetch ---- */

bool trans_fence_i(RiscvDis *ctx, const ArgsNone *a)
{
    ir_call(ctx->ir, RISCV_HELPER_fence_i, 0, NULL);
    gen_exit_next(ctx);
    return true;
}

/* ---- Traps and returns ---- */

bool trans_ecall(RiscvDis *ctx, const ArgsNone *a)
{
    ir_call(ctx->ir, RISCV_HELPER_ecall, 0, NULL);
    ir_exit_lookup(ctx->ir);
    ctx->ended = true;
    return true;
}

/* A breakpoint, or a semihosting call: that depends on the instructions around it, which the helper looks at
 * when it is executed. */
bool trans_ebreak(RiscvDis *ctx, const ArgsNone *a)
{
    if (!ctx->semihosting || ctx->next - ctx->pc != 4) {
        gen_raise(ctx, RISCV_BREAKPOINT, ctx->pc);
        return true;
    }
    ir_call(ctx->ir, RISCV_HELPER_ebreak, 0, NULL);
    ir_exit_lookup(ctx->ir);
    ctx->ended = true;
    return true;
}

/* These helpers set pc. */
static void gen_return(RiscvDis *ctx, unsigned helper)
{
    call1(ctx, helper, c_insn(ctx));
    ir_exit_lookup(ctx->ir);
    ctx->ended = true;
}

TRANS(mret, ArgsNone, gen_return(ctx, RISCV_HELPER_mret))
TRANS(sret, ArgsNone, gen_return(ctx, RISCV_HELPER_sret))

/* ---- Waiting ---- */

static void gen_wait(RiscvDis *ctx, unsigned helper)
{
    call1(ctx, helper, c_insn(ctx));
    gen_exit_next(ctx);
}

TRANS(wfi, ArgsNone, gen_wait(ctx, RISCV_HELPER_wfi))
TRANS(wrs, ArgsNone, gen_wait(ctx, RISCV_HELPER_wrs))

/* ---- Address-translation fences: sinval.vma does at once what the sequence around it may defer
 * ---- */

static void gen_sfence(RiscvDis *ctx, const ArgsRs *a)
{
    call3(ctx, RISCV_HELPER_sfence_vma, get_x(ctx, a->rs1), get_x(ctx, a->rs2), c_insn(ctx));
    gen_exit_next(ctx);
}

TRANS(sfence_vma, ArgsRs, gen_sfence(ctx, a))
TRANS(sinval_vma, ArgsRs, gen_sfence(ctx, a))
TRANS(sinval_check, ArgsNone, call1(ctx, RISCV_HELPER_sinval_check, c_insn(ctx)))
