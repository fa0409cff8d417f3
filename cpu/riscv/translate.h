/*
 * What the files of the RISC-V front end share: the state of a translation in progress, and small
 * functions that emit IR for registers. Private to cpu/riscv/.
 *
 * riscv_translate() decodes one instruction after the other; each trans_<name>() in trans-*.c emits
 * its IR. A trans_ function returns false when the encoding is reserved after all, before it has
 * emitted anything; the instruction is then illegal.
 */
#ifndef AMPHI_RISCV_TRANSLATE_H
#define AMPHI_RISCV_TRANSLATE_H

#include "cpu/riscv/decode.h"
#include "cpu/riscv/state.h"

/* One translation in progress. */
struct RiscvDis {
    IrRegion *ir;
    uint64_t ext;         /* extensions of the hart: 1 << RiscvExt */
    uint32_t flags;       /* tb_flags(), as after the instructions so far */
    uint32_t entry_flags; /* of the region: what direct exits go on with */
    uint64_t pc, next;    /* of the current instruction and of the one after it */
    uint32_t insn;        /* the instruction's bits */
    RiscvInsn id;
    bool ended;      /* the current instruction ended the block */
    bool fs_dirtied; /* fs_dirty has been stored in this block */
    bool vs_dirtied;
    unsigned vlenb;
    bool wide;        /* pieces of vector registers have 32 bytes instead of 16 */
    bool semihosting; /* at this privilege */
    /* A comparison between a read of fflags and the write that puts them back, as compilers make
     * isless() of it, need not touch the flags: */
    uint64_t flags_read; /* the instruction after "frflags rd", or an odd address */
    uint64_t flags_back; /* after "frflags rd" and a comparison, or odd */
    int flags_reg;       /* rd */
    IrRef flags_cmp;     /* the comparison */
    /* A far call or jump is auipc and jalr: */
    uint64_t auipc_next;  /* the instruction after auipc, or an odd address */
    uint64_t auipc_value; /* its result */
    int auipc_reg;        /* where that is */
};

/* For the GuestArch of cpu.c. */
extern const IrVar riscv_vars[RISCV_NVARS];
extern const IrHelper riscv_helpers[RISCV_NHELPERS];
void riscv_translate(Vcpu *vcpu, IrRegion *ir, TranslateReq *req);
unsigned riscv_disassemble(Vcpu *vcpu, uint64_t pc, const uint8_t *code, size_t len, GString *out);

/* A trans_ function that always succeeds and is one expression. */
#define TRANS(name, Args, emit)                     \
    bool trans_##name(RiscvDis *ctx, const Args *a) \
    {                                               \
        emit;                                       \
        return true;                                \
    }

/* Offset of a member of RiscvState for ld_env and st_env. */
#define ENV(member) ((int32_t)offsetof(RiscvState, member))

static inline bool has_ext(const RiscvDis *ctx, RiscvExt ext)
{
    return (ctx->ext >> ext) & 1;
}

static inline RiscvPriv tb_priv(const RiscvDis *ctx)
{
    return (RiscvPriv)(ctx->flags & RISCV_TB_PRIV_MASK);
}

/* ---- Integers ---- */

static inline IrRef c64(RiscvDis *ctx, int64_t v)
{
    return ir_const(ctx->ir, IR_I64, v);
}

static inline IrRef c32(RiscvDis *ctx, int32_t v)
{
    return ir_const(ctx->ir, IR_I32, v);
}

static inline IrRef get_x(RiscvDis *ctx, int reg)
{
    return reg ? ir_get_var(ctx->ir, RISCV_VAR_X(reg)) : c64(ctx, 0);
}

/* The low 32 bits of a register, as i32. */
static inline IrRef get_w(RiscvDis *ctx, int reg)
{
    return reg ? ir_op1(ctx->ir, IR_trunc, IR_I64, 0, get_x(ctx, reg)) : c32(ctx, 0);
}

static inline void set_x(RiscvDis *ctx, int reg, IrRef v)
{
    if (reg) {
        ir_set_var(ctx->ir, RISCV_VAR_X(reg), v);
    }
}

/* Sets a register to an i32, sign-extended. */
static inline void set_w(RiscvDis *ctx, int reg, IrRef v)
{
    set_x(ctx, reg, ir_op1(ctx->ir, IR_sext, IR_I64, 0, v));
}

static inline IrRef op2(RiscvDis *ctx, IrOp op, IrRef a, IrRef b)
{
    return ir_op2(ctx->ir, op, IR_I64, 0, a, b);
}

static inline IrRef op2_w(RiscvDis *ctx, IrOp op, IrRef a, IrRef b)
{
    return ir_op2(ctx->ir, op, IR_I32, 0, a, b);
}

/* ---- Calls and ways out ---- */

static inline IrRef call1(RiscvDis *ctx, unsigned helper, IrRef a)
{
    return ir_call(ctx->ir, helper, 1, &a);
}

static inline IrRef call2(RiscvDis *ctx, unsigned helper, IrRef a, IrRef b)
{
    const IrRef args[] = {a, b};
    return ir_call(ctx->ir, helper, 2, args);
}

static inline IrRef call3(RiscvDis *ctx, unsigned helper, IrRef a, IrRef b, IrRef c)
{
    const IrRef args[] = {a, b, c};
    return ir_call(ctx->ir, helper, 3, args);
}

static inline IrRef call4(RiscvDis *ctx, unsigned helper, IrRef a, IrRef b, IrRef c, IrRef d)
{
    const IrRef args[] = {a, b, c, d};
    return ir_call(ctx->ir, helper, 4, args);
}

/* The current instruction's bits, for helpers that may raise an illegal-instruction exception. */
static inline IrRef c_insn(RiscvDis *ctx)
{
    return c64(ctx, ctx->insn);
}

/* Registers or flags of FP have been written. */
void gen_fp_dirty(RiscvDis *ctx);

/* Reads and writes of fflags, frm and fcsr that need no helper; false: one is wanted. */
bool gen_fp_csr_read(RiscvDis *ctx, int rd, unsigned csr);
bool gen_fp_csr_write(RiscvDis *ctx, int rd, int rs1, unsigned csr);

/* Ends the block with an exception. */
void gen_raise(RiscvDis *ctx, RiscvCause cause, uint64_t tval);

/* Ends the block at the next instruction, after a change of state that translations depend on. */
void gen_exit_next(RiscvDis *ctx);

/* Ends a block of IR with a jump to a known address. */
void gen_exit_direct(RiscvDis *ctx, uint64_t target);

/* What stands before a jump to a known address, so that loops can be interrupted. */
void gen_poll(RiscvDis *ctx, uint64_t target);

#endif
