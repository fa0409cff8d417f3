/*
 * What the files that translate vector instructions share: fields of the instruction, vtype, register
 * groups as pieces of 16 or 32 bytes, and which elements are active. Private to cpu/riscv/trans-vec*.c.
 */
#ifndef AMPHI_RISCV_TRANS_VEC_H
#define AMPHI_RISCV_TRANS_VEC_H

#include "cpu/riscv/translate.h"
#include "cpu/riscv/vector.h"
#include <string.h>

/* log2 of bytes of an element, and of LMUL. */
static inline int vec_sew(const RiscvDis *ctx)
{
    return (int)((ctx->flags >> (RISCV_TB_VTYPE_SHIFT + 3)) & 7);
}

static inline int vec_emul(const RiscvDis *ctx)
{
    return vec_lmul((ctx->flags >> RISCV_TB_VTYPE_SHIFT) & 7);
}

static inline int insn_rd(const RiscvDis *ctx)
{
    return (int)bits_get(ctx->insn, 7, 5);
}

static inline int insn_rs1(const RiscvDis *ctx)
{
    return (int)bits_get(ctx->insn, 15, 5);
}

static inline int insn_rs2(const RiscvDis *ctx)
{
    return (int)bits_get(ctx->insn, 20, 5);
}

static inline bool insn_masked(const RiscvDis *ctx)
{
    return !bits_get(ctx->insn, 25, 1);
}

/* ---- Pieces ---- */

static inline unsigned vec_piece_bytes(const RiscvDis *ctx)
{
    return ctx->wide ? 32 : 16;
}

static inline IrType vec_piece_type(const RiscvDis *ctx)
{
    return ctx->wide ? IR_V256 : IR_V128;
}

static inline IrRef get_piece(RiscvDis *ctx, int reg, unsigned piece)
{
    piece += (unsigned)reg * ctx->vlenb / vec_piece_bytes(ctx);
    return ir_get_var(ctx->ir, ctx->wide ? RISCV_VAR_V32(piece) : RISCV_VAR_V16(piece));
}

static inline void set_piece(RiscvDis *ctx, int reg, unsigned piece, IrRef v)
{
    piece += (unsigned)reg * ctx->vlenb / vec_piece_bytes(ctx);
    ir_set_var(ctx->ir, ctx->wide ? RISCV_VAR_V32(piece) : RISCV_VAR_V16(piece), v);
}

/* The type of an op with operand @a: its own, or that of a piece. */
static inline IrType vec_type(const RiscvDis *ctx, IrRef a)
{
    IrType type = a == IR_NOREF ? IR_NONE : ir_result_type(&ctx->ir->insns[a]);
    return ir_type_is_vector(type) ? type : vec_piece_type(ctx);
}

/* Vector ops; @aux is the lane size and what else the op has there. */
static inline IrRef vop1(RiscvDis *ctx, IrOp op, unsigned aux, IrRef a)
{
    return ir_op1(ctx->ir, op, vec_type(ctx, a), aux, a);
}

static inline IrRef vop2(RiscvDis *ctx, IrOp op, unsigned aux, IrRef a, IrRef b)
{
    return ir_op2(ctx->ir, op, vec_type(ctx, a), aux, a, b);
}

static inline IrRef vsel(RiscvDis *ctx, IrRef yes, IrRef no, IrRef mask)
{
    return ir_emit(ctx->ir, IR_vsel, vec_type(ctx, yes), 0, yes, no, mask, IR_NOREF, 0);
}

static inline IrRef vsplat(RiscvDis *ctx, int log2, IrRef v)
{
    return vop1(ctx, IR_vsplat, 1u << log2, v);
}

static inline IrRef vzero(RiscvDis *ctx)
{
    return vop1(ctx, IR_vzero, 0, IR_NOREF);
}

/* ---- 16 bytes, whatever a piece has ---- */

static inline IrRef vjoin(RiscvDis *ctx, IrRef low, IrRef high)
{
    return ir_op2(ctx->ir, IR_vjoin, IR_V256, 0, low, high);
}

static inline IrRef vhalf(RiscvDis *ctx, IrRef v, unsigned k)
{
    return ir_op1(ctx->ir, IR_vhalf, IR_V128, k, v);
}

/* Bytes 16 * @i and on of the group from register @reg on. */
static inline IrRef get_16(RiscvDis *ctx, int reg, unsigned i)
{
    return ctx->wide ? vhalf(ctx, get_piece(ctx, reg, i / 2), i % 2) : get_piece(ctx, reg, i);
}

static inline void set_16(RiscvDis *ctx, int reg, unsigned i, IrRef v)
{
    if (!ctx->wide) {
        set_piece(ctx, reg, i, v);
        return;
    }
    IrRef other = get_16(ctx, reg, i ^ 1);
    set_piece(ctx, reg, i / 2, i % 2 ? vjoin(ctx, other, v) : vjoin(ctx, v, other));
}

/* The first @n of them. */
static inline void set_16s(RiscvDis *ctx, int reg, unsigned n, const IrRef *v)
{
    unsigned i = 0;
    for (; ctx->wide && i + 2 <= n; i += 2) {
        set_piece(ctx, reg, i / 2, vjoin(ctx, v[i], v[i + 1]));
    }
    for (; i < n; i++) {
        set_16(ctx, reg, i, v[i]);
    }
}

static inline IrRef vzero_16(RiscvDis *ctx)
{
    return ir_op1(ctx->ir, IR_vzero, IR_V128, 0, IR_NOREF);
}

static inline IrRef vsplat_16(RiscvDis *ctx, int log2, IrRef v)
{
    return ir_op1(ctx->ir, IR_vsplat, IR_V128, 1u << log2, v);
}

/* 16 bytes that are known. */
static inline IrRef vec_const_16(RiscvDis *ctx, const void *bytes)
{
    uint64_t words[2];
    memcpy(words, bytes, 16);
    IrRef low = vsplat_16(ctx, 3, ir_const(ctx->ir, IR_I64, (int64_t)words[0]));
    IrRef high = ir_const(ctx->ir, IR_I64, (int64_t)words[1]);
    return words[0] == words[1] ? low : vop2(ctx, IR_vset, 8 | 1 << 4, low, high);
}

/* A piece that is known. */
static inline IrRef vec_const(RiscvDis *ctx, const void *bytes)
{
    IrRef low = vec_const_16(ctx, bytes);
    return ctx->wide ? vjoin(ctx, low, vec_const_16(ctx, (const char *)bytes + 16)) : low;
}

/* A 64-bit word of a register. */
static inline IrRef vword(RiscvDis *ctx, int reg, unsigned word)
{
    return vop1(ctx, IR_vget, 8 | (word % 2) << 4, get_16(ctx, reg, word / 2));
}

/* ---- Which elements are active ---- */

enum { VEC_MAX_WORDS = 8 };

/* A bit for each element: of v0 if the instruction is masked, less what is at vl and above. */
typedef struct VecActive {
    bool all;   /* of all pieces */
    unsigned n; /* VLMAX */
    IrRef word[VEC_MAX_WORDS];
} VecActive;

/* For elements of vtype's SEW and LMUL. False if vstart may not be 0. */
bool vec_active_begin(RiscvDis *ctx, VecActive *active, bool masked);

/* Word @k of a mask whose first @n bits are set. */
IrRef vec_first_bits(RiscvDis *ctx, IrRef n, unsigned k);

/* The lanes of piece @piece that are active, of elements of 1 << @log2 bytes, from words as in VecActive. */
IrRef vec_piece_mask(RiscvDis *ctx, const IrRef *word, unsigned piece, int log2);

/* The first element of a piece. */
static inline unsigned vec_first_element(const RiscvDis *ctx, unsigned piece, int log2)
{
    return piece * (vec_piece_bytes(ctx) >> log2);
}

/* Bytes of a group, if vl is VLMAX, nothing is masked and vstart is 0; else 0. */
unsigned vec_whole_bytes(const RiscvDis *ctx, int emul);

/* Pieces of one, if it is made of whole ones; else 0. */
unsigned vec_whole_pieces(const RiscvDis *ctx, int emul);

/* The scalar operand as an integer, whose low bits are the element's. */
IrRef vec_scalar(RiscvDis *ctx, const VecRow *row);

/* Whether the host rounds as frm says. */
bool vec_host_mode(const RiscvDis *ctx);

/* ---- Translation without a helper; false (and nothing emitted): with one. ---- */

bool gen_vec_elements(RiscvDis *ctx, const VecRow *row); /* trans-vec-elem.c */
bool gen_vec_masks(RiscvDis *ctx, const VecRow *row);    /* trans-vec-mask.c */
bool gen_vec_scalars(RiscvDis *ctx, const VecRow *row);
bool gen_vec_moves(RiscvDis *ctx, const VecRow *row); /* trans-vec-move.c */

/* 16 bytes each, of all fields. */
enum { VEC_MAX_SEGMENT_16S = 16 };

/* Loads or stores segments of @nfields (2 to 8) elements of 1 << @log2 bytes, all active, from where
 * rs1 says on. Each field has @group registers and @n times 16 bytes (trans-vec-segment.c). */
void gen_vec_segments(RiscvDis *ctx, bool store, int log2, unsigned nfields, int group, unsigned n);

#endif
