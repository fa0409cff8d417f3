/*
 * The vector extension (RISC-V "V" 1.0) between its files: the table that says what each instruction
 * does to elements, and access to elements. Private to cpu/riscv/.
 *
 * Every instruction can be executed by one helper that goes over the elements as its row says; what
 * the translator does inline (trans-vec.c) is the same for the common cases. Elements are handled as
 * 64-bit integers, extended as the row says; FP values are bit patterns.
 *
 * All belongs to the vCPU's thread.
 */
#ifndef AMPHI_RISCV_VECTOR_H
#define AMPHI_RISCV_VECTOR_H

#include "cpu/riscv/decode.h"
#include "cpu/riscv/state.h"
#include "cpu/softfloat.h"

typedef struct VecRow VecRow;

/* An instruction being executed. */
typedef struct VecCtx {
    Vcpu *vcpu;
    RiscvState *s;
    const VecRow *row;
    uint32_t insn;
    bool masked;    /* by v0 */
    uint8_t sew;    /* log2 of bytes: vtype.vsew */
    uint8_t bits;   /* SEW */
    uint8_t a_bits; /* of an element of vs2 */
    uint8_t vxrm;
    bool sat; /* something was saturated */
    uint8_t *vd, *vs1, *vs2;
    const uint8_t *v0;
    unsigned vl, vlmax, vstart;
    uint64_t x;        /* the scalar operand or immediate, in full */
    uint64_t result;   /* for an x or f register */
    SfFormat f_d, f_a; /* formats of elements of vd and vs2 */
    SfEnv env;
} VecCtx;

/* The result for one element: @a of vs2, @b of vs1 or the scalar, @d of vd as it was (or carry-in). */
typedef uint64_t VecFn(VecCtx *c, uint64_t a, uint64_t b, uint64_t d);

typedef enum VecClass {
    VEC_NONE,
    VEC_ELEM,      /* vd[i] = fn() */
    VEC_CARRY,     /* vd[i] = fn() with the bit of v0 as d, all elements */
    VEC_MERGE,     /* vd[i] = v0[i] ? b : a */
    VEC_COMPARE,   /* mask bit i of vd = fn() */
    VEC_CARRY_OUT, /* mask bit i of vd = fn() with the bit of v0 as d if vm is 0, all elements */
    VEC_REDUCE,    /* vd[0] = fn(accumulated, vs2[i]) from vs1[0] on */
    VEC_MASK,      /* mask bit i of vd = fn(mask bits) */
    VEC_SPECIAL,   /* run() */
} VecClass;

typedef enum VecForm { VEC_V, VEC_X, VEC_I, VEC_U, VEC_F, VEC_UNARY } VecForm;

typedef enum VecFlags {
    VEC_SA = 1,
    VEC_SB = 2,
    VEC_SD = 4, /* sign-extend a, b, d */
    VEC_FA = 8,
    VEC_FB = 16,
    VEC_FD = 32,      /* FP values */
    VEC_FP = 64,      /* FP environment: FS on, frm valid */
    VEC_APART = 128,  /* vd does not overlap sources (nor v0 as the mask) */
    VEC_START0 = 256, /* reserved if vstart is not 0 */
    VEC_A_MASK = 512, /* vs2 is a mask */
    VEC_B_MASK = 1024,
    VEC_D_MASK = 2048,   /* vd is a mask */
    VEC_SCALAR_D = 4096, /* only element 0 of vd */
    VEC_SCALAR_A = 8192, /* only element 0 of vs2 */
    VEC_TO_X = 16384,
    VEC_TO_F = 32768, /* the result is a register */
    VEC_B_16 = 65536, /* elements of vs1 have 16 bits */
    VEC_RTZ = 1 << 17,
    VEC_NO_A = 1 << 18,
    VEC_SCALAR_B = 1 << 19,
    VEC_MOVE = 1 << 20, /* whole registers */
} VecFlags;

struct VecRow {
    union {
        VecFn *fn;
        void (*run)(VecCtx *c);
    };
    uint8_t cls, form;
    int8_t d, a, b; /* widths of elements: log2 relative to SEW */
    uint32_t flags;
};

/* By RiscvInsn; class VEC_NONE if it is no vector arithmetic. */
extern const VecRow riscv_vec_rows[RISCV_INSN_COUNT];

/* ---- Elements ---- */

static inline uint64_t vec_get(const uint8_t *group, unsigned i, unsigned log2)
{
    switch (log2) {
    case 0: return group[i];
    case 1: return ((const uint16_t *)group)[i];
    case 2: return ((const uint32_t *)group)[i];
    default: return ((const uint64_t *)group)[i];
    }
}

static inline void vec_put(uint8_t *group, unsigned i, unsigned log2, uint64_t v)
{
    switch (log2) {
    case 0: group[i] = (uint8_t)v; break;
    case 1: ((uint16_t *)group)[i] = (uint16_t)v; break;
    case 2: ((uint32_t *)group)[i] = (uint32_t)v; break;
    default: ((uint64_t *)group)[i] = v; break;
    }
}

static inline uint64_t vec_extend(uint64_t v, unsigned log2, bool sign)
{
    unsigned shift = 64 - (8u << log2);
    return sign ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

static inline bool vec_bit(const uint8_t *mask, unsigned i)
{
    return (mask[i / 8] >> (i % 8)) & 1;
}

static inline void vec_put_bit(uint8_t *mask, unsigned i, bool v)
{
    mask[i / 8] = (uint8_t)((mask[i / 8] & ~(1u << (i % 8))) | (unsigned)v << (i % 8));
}

static inline bool vec_active(const VecCtx *c, unsigned i)
{
    return !c->masked || vec_bit(c->v0, i);
}

static inline uint8_t *vec_reg(RiscvState *s, unsigned n)
{
    return s->v + n * s->vlenb;
}

/* log2 of LMUL, -3..3, from vtype. */
static inline int vec_lmul(uint64_t vtype)
{
    int lmul = (int)(vtype & 7);
    return lmul >= 4 ? lmul - 8 : lmul;
}

/* vl for all of a register group. */
static inline unsigned vec_vlmax(unsigned vlenb, unsigned sew, int lmul)
{
    int shift = lmul - (int)sew;
    return shift >= 0 ? vlenb << shift : vlenb >> -shift;
}

/* Executes the instruction by a loop for its types, if it has one. vec-fast.c */
bool riscv_vec_fast(VecCtx *c, uint64_t scalar);

/* What vsetvl makes of @vtype: itself, or RISCV_VILL if it is not supported. */
uint64_t riscv_vtype_legal(uint64_t vtype);

/* ---- Element functions (vec-int.c, vec-fp.c) and runs (vec-run.c), named in vec-table.c ---- */

/* clang-format off */
#define VEC_FUNCTIONS(F)                                                                           \
    F(mov) F(add) F(sub) F(rsub) F(and) F(or) F(xor) F(minu) F(min) F(maxu) F(max) F(sll) F(srl)   \
    F(sra) F(mul) F(mulh) F(mulhu) F(mulhsu) F(divu) F(div) F(remu) F(rem) F(macc) F(nmsac)        \
    F(madd) F(nmsub) F(saddu) F(sadd) F(ssubu) F(ssub) F(aaddu) F(aadd) F(asubu) F(asub) F(smul)   \
    F(ssrl) F(ssra) F(nclipu) F(nclip) F(seq) F(sne) F(sltu) F(slt) F(sleu) F(sle) F(sgtu) F(sgt)  \
    F(adc) F(sbc) F(madc) F(msbc) F(exta) F(mand) F(mnand) F(mandn) F(mxor) F(mor) F(mnor)         \
    F(morn) F(mxnor) F(fadd) F(fsub) F(frsub) F(fmul) F(fdiv) F(frdiv) F(fsqrt) F(fmin) F(fmax)    \
    F(fsgnj) F(fsgnjn) F(fsgnjx) F(feq) F(fne) F(flt) F(fle) F(fgt) F(fge) F(fclass) F(frec7)      \
    F(frsqrt7) F(fmadd) F(fnmadd) F(fmsub) F(fnmsub) F(fmacc) F(fnmacc) F(fmsac) F(fnmsac)         \
    F(fcvt_xu_f) F(fcvt_x_f) F(fcvt_f_xu) F(fcvt_f_x) F(fcvt_f_f) F(fcvt_rod) F(fredsum)
/* clang-format on */
#define VEC_DECLARE(name) uint64_t riscv_vec_##name(VecCtx *c, uint64_t a, uint64_t b, uint64_t d);
VEC_FUNCTIONS(VEC_DECLARE)
#undef VEC_DECLARE

/* clang-format off */
#define VEC_RUNS(F)                                                                                \
    F(mv_x_s) F(mv_s_x) F(slideup) F(slidedown) F(slide1up) F(slide1down) F(gather) F(gather_x)    \
    F(compress) F(cpop) F(first) F(msbf) F(msif) F(msof) F(iota) F(id) F(move)
/* clang-format on */
#define VEC_DECLARE(name) void riscv_vec_run_##name(VecCtx *c);
VEC_RUNS(VEC_DECLARE)
#undef VEC_DECLARE

#endif
