/*
 * The intermediate representation.
 *
 * A region is a list of blocks; a block is a list of instructions that ends in one that has the E flag.
 * An instruction that has a result defines the value named by its own index, once (SSA), for use later
 * in the same block. What lives across blocks lives in guest state: variables (set_var/get_var), which
 * the back end keeps in host registers over the region.
 *
 * ops: ir-ops.def. The module knows no guest: variables and helpers are tables that the guest
 * architecture gives.
 */
#ifndef AMPHI_TCG_IR_H
#define AMPHI_TCG_IR_H

#include "softmmu/base/bits.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum IrType { IR_NONE, IR_I32, IR_I64, IR_F32, IR_F64, IR_V128, IR_V256, IR_NTYPES } IrType;

typedef enum IrOp {
#define OP(name, r, a, b, c, d, flags) IR_##name,
#include "tcg/ir-ops.def"
#undef OP
    IR_NOPS
} IrOp;

typedef enum IrOpFlags {
    IR_FLAG_PURE = 1,
    IR_FLAG_LOAD = 2,
    IR_FLAG_STORE = 4,
    IR_FLAG_FAULT = 8,
    IR_FLAG_END = 16,
    IR_FLAG_READS_STATE = 32,
    IR_FLAG_WRITES_STATE = 64,
    IR_FLAG_COMMUTES = 128,
} IrOpFlags;

/* clang-format off */
/* Conditions of setcond, select, brcond. ir_cond_invert(c) = c ^ 1. */
typedef enum IrCond {
    IR_EQ, IR_NE, IR_LT, IR_GE, IR_LE, IR_GT, IR_LTU, IR_GEU, IR_LEU, IR_GTU
} IrCond;

/* Size and sign of a memory or env access: log2 of bytes, plus the sign bit. */
typedef enum IrMemOp {
    IR_U8 = 0, IR_U16 = 1, IR_U32 = 2, IR_64 = 3, IR_128 = 4, IR_256 = 5,
    IR_SIGNED = 8, IR_S8 = 8, IR_S16 = 9, IR_S32 = 10,
    IR_SIZE_MASK = 7,
    IR_BIG_ENDIAN = 16,
    IR_ALIGNED = 32, /* a misaligned access faults (MMU_MISALIGNED) */
} IrMemOp;

static inline unsigned ir_memop_bytes(unsigned memop)
{
    return 1u << (memop & IR_SIZE_MASK);
}

static inline bool ir_type_is_vector(unsigned type)
{
    return type == IR_V128 || type == IR_V256;
}

/* Bytes of a value. */
static inline unsigned ir_type_bytes(unsigned type)
{
    return type == IR_V256 ? 32 : type == IR_V128 ? 16 : type == IR_I64 || type == IR_F64 ? 8 : 4;
}

typedef enum IrDivZero { IR_DIV0_ONES, IR_DIV0_ZERO } IrDivZero;

typedef enum IrFma {
    IR_FMA_NEG_MUL = 1,
    IR_FMA_NEG_ADD = 2,
    IR_FMA_INF_ZERO = 4, /* infinity times zero is invalid also when a quiet NaN is added; NaN results are
                            canonical as by fcanon (RISC-V) */
} IrFma;

/* Of lanes; the lane size in bytes is in the low four bits of aux. Shifts: each lane by its lane of b, which
 * must be less than the lane's width. */
typedef enum IrVecInt {
    IR_VEC_MUL = 0x00,
    IR_VEC_MINS = 0x10, IR_VEC_MAXS = 0x20, IR_VEC_MINU = 0x30, IR_VEC_MAXU = 0x40,
    IR_VEC_SHL = 0x50, IR_VEC_SHR = 0x60, IR_VEC_SAR = 0x70,
    IR_VEC_ADDS = 0x80, IR_VEC_ADDU = 0x90, IR_VEC_SUBS = 0xa0, IR_VEC_SUBU = 0xb0, /* saturating: 1, 2 */
    IR_VEC_MULHS = 0xc0, IR_VEC_MULHU = 0xd0, /* high halves: 1, 2, 4 */
    IR_VEC_AVGU = 0xe0, /* (a + b + 1) >> 1, unsigned: 1, 2 */
} IrVecInt;
/* FMIN, FMAX: as fminnum and fmaxnum. */
typedef enum IrVecFp {
    IR_VEC_FADD = 0x00, IR_VEC_FSUB = 0x10, IR_VEC_FMUL = 0x20, IR_VEC_FDIV = 0x30, IR_VEC_FMIN = 0x40,
    IR_VEC_FMAX = 0x50
} IrVecFp;
/* Within lanes of one size, but for WIDEN: the lower or upper f32 lanes to f64, and NARROW: f64 lanes of a, then
 * of b, to f32. */
typedef enum IrVecCvt {
    IR_VEC_S_TO_F = 0x00, IR_VEC_U_TO_F = 0x10, IR_VEC_F_TO_S = 0x20, IR_VEC_F_TO_U = 0x30,
    IR_VEC_TRUNC_S = 0x40, IR_VEC_TRUNC_U = 0x50, IR_VEC_WIDEN = 0x60, IR_VEC_WIDEN_UPPER = 0x70,
    IR_VEC_NARROW = 0x80
} IrVecCvt;
typedef enum IrVecCmp { IR_VEC_EQ = 0x00, IR_VEC_GTS = 0x10, IR_VEC_GTU = 0x20 } IrVecCmp;
typedef enum IrVecExt { IR_VEC_SIGNED = 0x10, IR_VEC_UPPER = 0x20 /* of the source's lanes, the upper half */ } IrVecExt;

/* Quiet: no invalid flag for a quiet NaN. Silent: no flag at all. */
typedef enum IrFcmp {
    IR_FEQ_QUIET, IR_FLT_SIGNAL, IR_FLE_SIGNAL, IR_FLT_QUIET, IR_FLE_QUIET,
    IR_FEQ_SILENT, IR_FLT_SILENT, IR_FLE_SILENT
} IrFcmp;

/* Of the fflags op, as RISC-V and softfloat.h number them. */
typedef enum IrFpFlag {
    IR_FP_INEXACT = 1, IR_FP_UNDERFLOW = 2, IR_FP_OVERFLOW = 4, IR_FP_DIV_ZERO = 8, IR_FP_INVALID = 16
} IrFpFlag;
/* clang-format on */

/* IrFpFlag of the sticky bits of MXCSR. */
static inline unsigned ir_fp_flags_of_mxcsr(uint32_t mxcsr)
{
    return (mxcsr & 0x01 ? IR_FP_INVALID : 0) | (mxcsr & 0x04 ? IR_FP_DIV_ZERO : 0) |
           (mxcsr & 0x08 ? IR_FP_OVERFLOW : 0) | (mxcsr & 0x10 ? IR_FP_UNDERFLOW : 0) |
           (mxcsr & 0x20 ? IR_FP_INEXACT : 0);
}

/* clang-format off */
typedef enum IrIntKind { IR_INT_S32, IR_INT_U32, IR_INT_S64, IR_INT_U64, IR_CVT_TRUNC = 4 } IrIntKind;

typedef enum IrRmw {
    IR_RMW_SWAP, IR_RMW_ADD, IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR,
    IR_RMW_MIN, IR_RMW_MAX, IR_RMW_MINU, IR_RMW_MAXU
} IrRmw;
/* clang-format on */

/* Hint for exit_indirect. */
typedef enum IrJump { IR_JUMP_ANY, IR_JUMP_CALL, IR_JUMP_RETURN } IrJump;

#define IR_XLATE_WRITE 1

typedef uint16_t IrRef; /* index of the defining instruction in its region */
#define IR_NOREF ((IrRef)0xffff)

typedef struct IrInsn {
    union {
        struct {
            uint8_t op;
            uint8_t type; /* IrType: of the op's type letter; of a call, of its result */
            uint8_t aux;
            uint8_t flags; /* of passes and the back end */
            uint32_t len;  /* see translate and check_page */
        };
        uint64_t head; /* these as one, for ir_append() */
    };
    union {
        IrRef arg[4]; /* unused ones IR_NOREF */
        uint64_t args;
    };
    union {
        int64_t imm;
        uint16_t target[2]; /* br, brcond */
    };
} IrInsn;

typedef struct IrBlock {
    uint32_t first, count; /* instructions, contiguous in the region */
    uint64_t pc;           /* guest address, for the printer and the region builder */
    uint32_t weight;       /* estimated executions relative to the entry; 1 in straight code */
    uint16_t loop_depth;
    bool cold; /* placed out of line */
} IrBlock;

/* A piece of guest state that may live in a host register through a region. */
typedef struct IrVar {
    const char *name;
    uint8_t type;   /* IrType: IR_I64, IR_F64, IR_V128, IR_V256 */
    int32_t offset; /* bytes from the start of architectural state */
} IrVar;

/* Helper functions. The first argument is always the Vcpu; up to 4 more, integers (i32, i64) or f32/f64. */
typedef enum IrHelperFlags {
    IR_HELPER_PURE = 1,         /* neither reads nor writes state: may be removed or moved */
    IR_HELPER_READS_STATE = 2,  /* variables are stored before */
    IR_HELPER_WRITES_STATE = 4, /* variables are reloaded after */
    IR_HELPER_MAY_FAULT = 8,    /* may unwind: state (with pc) is stored before */
} IrHelperFlags;

typedef struct IrHelper {
    const char *name;
    void *fn;
    uint8_t result;  /* IrType, IR_NONE for void */
    uint8_t args[4]; /* IrType, IR_NONE ends */
    uint8_t flags;
} IrHelper;

typedef struct IrRegion {
    IrInsn *insns;
    uint32_t ninsns, cap_insns;
    IrBlock *blocks;
    uint32_t nblocks, cap_blocks;
    uint32_t cur; /* block under construction */
    const IrVar *vars;
    unsigned nvars;      /* that this region may use */
    IrVar *scratch_vars; /* NULL, or storage of vars: see ir_region_add_scratch() */
    unsigned first_scratch;
    const IrHelper *helpers;
    unsigned nhelpers;
    int32_t pc_var;    /* index of the variable or -1: see pc_offset */
    int32_t pc_offset; /* of the guest pc (64 bits) in architectural state */
    bool overflow;     /* more than IR_MAX_INSNS: the region is useless, make it smaller */
    /* of the word that poll looks at, or 0: level 2 makes no vector loops; kept by reset */
    int32_t kick_offset;
    bool wide;                    /* the back end takes v256; kept by reset */
    bool no_groups;               /* level 2 does not make translate ops; kept by reset */
    struct IrOptScratch *scratch; /* of the optimizer, kept from region to region */
} IrRegion;

#define IR_MAX_INSNS 30000u

typedef struct IrOpInfo {
    const char *name;
    char result, arg[4]; /* letters of ir-ops.def, '_' for none */
    uint8_t flags;       /* IrOpFlags */
} IrOpInfo;

extern const IrOpInfo ir_op_info[IR_NOPS];

/* A region is reused: reset keeps its storage. */
void ir_region_init(IrRegion *ir, const IrVar *vars, unsigned nvars, const IrHelper *helpers,
                    unsigned nhelpers, int32_t pc_offset);
void ir_region_reset(IrRegion *ir);

/* Gives the optimizer variables of its own: IR_SCRATCH_VARS of 64 bits at @offset from the start of
 * architectural state. Their content means nothing outside of one run of the region. Without them, level 2
 * leaves loops as they are. After ir_region_init(). */
#define IR_SCRATCH_VARS 16
void ir_region_add_scratch(IrRegion *ir, int32_t offset);
void ir_region_free(IrRegion *ir);

/* Begins a block at the end of the region and makes it current. Only when the current one has ended. */
unsigned ir_block_begin(IrRegion *ir, uint64_t pc);

/* Reserves a block number to branch to; ir_block_place() begins it. */
unsigned ir_block_new(IrRegion *ir);
void ir_block_place(IrRegion *ir, unsigned block, uint64_t pc);

/* Appends an instruction to the current block; returns its value. Types of operands are the caller's
 * duty (the verifier checks them in debug builds). What the caller knows is put together when it is compiled. */
IrRef ir_append(IrRegion *ir, uint64_t head, uint64_t args, int64_t imm);
static inline IrRef ir_emit(IrRegion *ir, IrOp op, IrType type, unsigned aux, IrRef a, IrRef b,
                            IrRef c, IrRef d, int64_t imm)
{
    return ir_append(ir, (uint8_t)op | (uint8_t)type << 8 | (uint8_t)aux << 16,
                     a | (uint64_t)b << 16 | (uint64_t)c << 32 | (uint64_t)d << 48, imm);
}

/* Builders over ir_emit(), the common cases. All arithmetic is i64 unless the name ends in 32. */
static inline IrRef ir_const(IrRegion *ir, IrType type, int64_t v)
{
    return ir_emit(ir, IR_const, type, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF,
                   type == IR_I32 ? (int64_t)(uint32_t)v : v);
}
static inline IrRef ir_op1(IrRegion *ir, IrOp op, IrType type, unsigned aux, IrRef a)
{
    return ir_emit(ir, op, type, aux, a, IR_NOREF, IR_NOREF, IR_NOREF, 0);
}
static inline IrRef ir_op2(IrRegion *ir, IrOp op, IrType type, unsigned aux, IrRef a, IrRef b)
{
    return ir_emit(ir, op, type, aux, a, b, IR_NOREF, IR_NOREF, 0);
}
static inline IrRef ir_select(IrRegion *ir, IrType type, IrCond cond, IrRef a, IrRef b, IrRef c,
                              IrRef d)
{
    return ir_emit(ir, IR_select, type, cond, a, b, c, d, 0);
}
static inline IrRef ir_get_var(IrRegion *ir, unsigned var)
{
    return ir_emit(ir, IR_get_var, ir->vars[var].type, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF,
                   var);
}
static inline void ir_set_var(IrRegion *ir, unsigned var, IrRef v)
{
    ir_emit(ir, IR_set_var, ir->vars[var].type, 0, v, IR_NOREF, IR_NOREF, IR_NOREF, var);
}
static inline IrRef ir_ld_env(IrRegion *ir, IrType type, unsigned memop, int32_t offset)
{
    return ir_emit(ir, IR_ld_env, type, memop, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, offset);
}
static inline void ir_st_env(IrRegion *ir, IrType type, unsigned memop, int32_t offset, IrRef v)
{
    ir_emit(ir, IR_st_env, type, memop, v, IR_NOREF, IR_NOREF, IR_NOREF, offset);
}
static inline IrRef ir_ld(IrRegion *ir, IrType type, unsigned memop, IrRef addr, int32_t offset)
{
    return ir_emit(ir, IR_ld, type, memop, addr, IR_NOREF, IR_NOREF, IR_NOREF, offset);
}
static inline void ir_st(IrRegion *ir, IrType type, unsigned memop, IrRef addr, int32_t offset,
                         IrRef v)
{
    ir_emit(ir, IR_st, type, memop, addr, v, IR_NOREF, IR_NOREF, offset);
}
IrRef ir_call(IrRegion *ir, unsigned helper, unsigned nargs, const IrRef *args);
void ir_br(IrRegion *ir, unsigned block);
void ir_brcond(IrRegion *ir, IrType type, IrCond cond, IrRef a, IrRef b, unsigned yes, unsigned no);
static inline void ir_insn_start(IrRegion *ir, uint64_t pc)
{
    ir_emit(ir, IR_insn_start, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, (int64_t)pc);
}
static inline void ir_exit_direct(IrRegion *ir, uint64_t pc)
{
    ir_emit(ir, IR_exit_direct, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, (int64_t)pc);
}
static inline void ir_exit_indirect(IrRegion *ir, IrRef pc, IrJump kind)
{
    ir_emit(ir, IR_exit_indirect, IR_I64, kind, pc, IR_NOREF, IR_NOREF, IR_NOREF, 0);
}
static inline void ir_exit_lookup(IrRegion *ir)
{
    ir_emit(ir, IR_exit_lookup, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0);
}
static inline void ir_exit_reason(IrRegion *ir, int reason)
{
    ir_emit(ir, IR_exit_reason, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, reason);
}
static inline void ir_call_mark(IrRegion *ir, uint64_t return_pc)
{
    ir_emit(ir, IR_call_mark, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF,
            (int64_t)return_pc);
}

/* Checks the region against the op table: types, single definition before use in the same block, block
 * ends, targets, variables, helpers. Returns false and says what in @why (may be NULL). */
bool ir_verify(const IrRegion *ir, GString *why);

/* Appends readable text, one instruction a line, blocks labelled. */
void ir_print(const IrRegion *ir, GString *out);

/* Effective flags of an instruction (IrOpFlags): the table's, or the helper's for a call. */
unsigned ir_insn_flags(const IrRegion *ir, const IrInsn *insn);

/* Type of the value that an instruction defines; IR_NONE if it defines none. */
IrType ir_result_type(const IrInsn *insn);

static inline IrCond ir_cond_invert(IrCond c)
{
    return (IrCond)(c ^ 1);
}

static inline IrCond ir_cond_swap(IrCond c) /* for exchanged operands */
{
    static const uint8_t swap[] = {IR_EQ, IR_NE,  IR_GT,  IR_LE,  IR_GE,
                                   IR_LT, IR_GTU, IR_LEU, IR_GEU, IR_LTU};
    return (IrCond)swap[c];
}

/* The value of an integer op on constants; used by folding and by the interpreter. @type i32 or i64; i32
 * results are zero-extended. Covers add..setcond, select of ir-ops.def. */
uint64_t ir_eval_int(const IrInsn *insn, IrType type, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t d);

/* Parts of it: the truth of @a @cond @b, and the value extended as a memop says (no change for 8 bytes). */
bool ir_eval_cond(IrCond cond, IrType type, uint64_t a, uint64_t b);
uint64_t ir_eval_ext(unsigned memop, uint64_t v);

/* Optimization. Level 0: nothing; 1: one forward and one backward pass (first translation); 2: all. With
 * AMPHI_DEBUG the result of every pass is verified. */
void ir_optimize(IrRegion *ir, int level);

#endif
