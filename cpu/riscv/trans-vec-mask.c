/*
 * Vector instructions around masks, and those of single elements: which elements are active, comparison,
 * merging, logic of masks and counting in them (V 1.0, chapter 15), reductions (14), moves between vector
 * and scalar registers (16.1, 16.2), as host vectors and 64-bit words of masks. See trans-vec-elem.c.
 */
#include "cpu/riscv/trans-vec.h"

static bool has_flags(const RiscvDis *ctx, uint32_t flags)
{
    return (ctx->flags & flags) == flags;
}

unsigned vec_whole_bytes(const RiscvDis *ctx, int emul)
{
    unsigned bytes = emul >= 0 ? ctx->vlenb << emul : ctx->vlenb >> -emul;
    return has_flags(ctx, RISCV_TB_VLMAX | RISCV_TB_VSTART0) && !insn_masked(ctx) ? bytes : 0;
}

unsigned vec_whole_pieces(const RiscvDis *ctx, int emul)
{
    return vec_whole_bytes(ctx, emul) / vec_piece_bytes(ctx);
}

bool vec_host_mode(const RiscvDis *ctx)
{
    enum { MAX_HOST_FRM = 3 };
    return ((ctx->flags & RISCV_TB_FRM_MASK) >> RISCV_TB_FRM_SHIFT) <= MAX_HOST_FRM;
}

/* ---- Which elements are active ---- */

static unsigned words_of(unsigned n)
{
    return (n + 63) / 64;
}

/* The bits of word @k that belong to the first @n elements. */
static uint64_t word_mask(unsigned n, unsigned k)
{
    unsigned bits = n - MIN(n, 64 * k);
    return bits >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
}

IrRef vec_first_bits(RiscvDis *ctx, IrRef n, unsigned k)
{
    IrRef ones = c64(ctx, -1), left = op2(ctx, IR_sub, n, c64(ctx, 64 * (int64_t)k));
    IrRef some = ir_op1(ctx->ir, IR_not, IR_I64, 0, op2(ctx, IR_shl, ones, left));
    IrRef v = ir_select(ctx->ir, IR_I64, IR_LT, left, c64(ctx, 64), some, ones);
    return k ? ir_select(ctx->ir, IR_I64, IR_LT, left, c64(ctx, 0), c64(ctx, 0), v) : v;
}

bool vec_active_begin(RiscvDis *ctx, VecActive *active, bool masked)
{
    bool full = has_flags(ctx, RISCV_TB_VLMAX);
    active->n = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx));
    if (!has_flags(ctx, RISCV_TB_VSTART0)) {
        return false;
    }
    active->all = full && !masked && (active->n << vec_sew(ctx)) % vec_piece_bytes(ctx) == 0;
    IrRef vl = full || active->all ? IR_NOREF : ir_ld_env(ctx->ir, IR_I64, IR_64, ENV(vl));
    for (unsigned k = 0; !active->all && k < words_of(active->n); k++) {
        IrRef tail = full ? c64(ctx, (int64_t)word_mask(active->n, k)) : vec_first_bits(ctx, vl, k);
        active->word[k] = masked ? op2(ctx, IR_and, vword(ctx, 0, k), tail) : tail;
    }
    return true;
}

IrRef vec_piece_mask(RiscvDis *ctx, const IrRef *word, unsigned piece, int log2)
{
    unsigned at = vec_first_element(ctx, piece, log2);
    IrRef bits = word[at / 64];
    if (at % 64) {
        bits = op2(ctx, IR_shr, bits, c64(ctx, at % 64));
    }
    return vop1(ctx, IR_vmask, 1u << log2, bits);
}

/* ---- Comparison ---- */

typedef struct CompareRow {
    VecFn *fn;
    uint8_t op, aux;
    bool swap, invert;
} CompareRow;

static const CompareRow compare_rows[] = {
    {riscv_vec_seq, IR_vcmp, IR_VEC_EQ, false, false},
    {riscv_vec_sne, IR_vcmp, IR_VEC_EQ, false, true},
    {riscv_vec_sltu, IR_vcmp, IR_VEC_GTU, true, false},
    {riscv_vec_slt, IR_vcmp, IR_VEC_GTS, true, false},
    {riscv_vec_sleu, IR_vcmp, IR_VEC_GTU, false, true},
    {riscv_vec_sle, IR_vcmp, IR_VEC_GTS, false, true},
    {riscv_vec_sgtu, IR_vcmp, IR_VEC_GTU, false, false},
    {riscv_vec_sgt, IR_vcmp, IR_VEC_GTS, false, false},
    {riscv_vec_feq, IR_vfcmp, IR_FEQ_QUIET << 4, false, false},
    {riscv_vec_fne, IR_vfcmp, IR_FEQ_QUIET << 4, false, true},
    {riscv_vec_flt, IR_vfcmp, IR_FLT_SIGNAL << 4, false, false},
    {riscv_vec_fle, IR_vfcmp, IR_FLE_SIGNAL << 4, false, false},
    {riscv_vec_fgt, IR_vfcmp, IR_FLT_SIGNAL << 4, true, false},
    {riscv_vec_fge, IR_vfcmp, IR_FLE_SIGNAL << 4, true, false},
};

/* Word @k of mask register @rd = @bits where elements are active. */
static void set_mask_word(RiscvDis *ctx, int rd, unsigned k, const VecActive *active, IrRef bits)
{
    bool whole = active->all && active->n >= 64 * (k + 1);
    if (!whole) {
        IrRef valid = active->all ? c64(ctx, (int64_t)word_mask(active->n, k)) : active->word[k];
        IrRef kept = op2(ctx, IR_andn, vword(ctx, rd, k), valid);
        bits = op2(ctx, IR_or, kept, op2(ctx, IR_and, bits, valid));
    }
    set_16(ctx, rd, k / 2, vop2(ctx, IR_vset, 8 | (k % 2) << 4, get_16(ctx, rd, k / 2), bits));
}

static IrRef compare_piece(RiscvDis *ctx, const CompareRow *r, IrRef a, IrRef b, IrRef mask)
{
    if (r->op == IR_vfcmp && mask != IR_NOREF) { /* no flags for other elements */
        a = vop2(ctx, IR_vand, 0, a, mask);
        b = vop2(ctx, IR_vand, 0, b, mask);
    }
    return vop2(ctx, (IrOp)r->op, r->aux | 1u << vec_sew(ctx), r->swap ? b : a, r->swap ? a : b);
}

static bool gen_compare(RiscvDis *ctx, const VecRow *row)
{
    const CompareRow *r = NULL;
    int log2 = vec_sew(ctx);
    VecActive active;
    for (unsigned i = 0; i < ARRAY_SIZE(compare_rows); i++) {
        r = compare_rows[i].fn == row->fn ? &compare_rows[i] : r;
    }
    if (!r || (r->op == IR_vfcmp && log2 < 2) ||
        !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    IrRef scalar = row->form == VEC_V ? IR_NOREF : vsplat(ctx, log2, vec_scalar(ctx, row));
    IrRef words[VEC_MAX_WORDS];
    unsigned lanes = vec_piece_bytes(ctx) >> log2, n = words_of(active.n);
    for (unsigned k = 0; k < n; k++) {
        words[k] = c64(ctx, 0);
    }
    for (unsigned i = 0; i * lanes < active.n; i++) {
        IrRef mask = active.all ? IR_NOREF : vec_piece_mask(ctx, active.word, i, log2);
        IrRef b = scalar == IR_NOREF ? get_piece(ctx, insn_rs1(ctx), i) : scalar;
        IrRef v = compare_piece(ctx, r, get_piece(ctx, insn_rs2(ctx), i), b, mask);
        unsigned at = vec_first_element(ctx, i, log2);
        IrRef bits = vop1(ctx, IR_vbits, 1u << log2, v);
        bits = op2(ctx, IR_shl, bits, c64(ctx, at % 64));
        words[at / 64] = op2(ctx, IR_or, words[at / 64], bits);
    }
    for (unsigned k = 0; k < n; k++) {
        IrRef v = r->invert ? ir_op1(ctx->ir, IR_not, IR_I64, 0, words[k]) : words[k];
        set_mask_word(ctx, insn_rd(ctx), k, &active, v);
    }
    return true;
}

/* ---- Merging ---- */

static bool gen_merge(RiscvDis *ctx, const VecRow *row)
{
    int log2 = vec_sew(ctx);
    VecActive active;
    IrRef chosen[VEC_MAX_WORDS];
    if (!vec_active_begin(ctx, &active, false)) {
        return false;
    }
    IrRef scalar = row->form == VEC_V ? IR_NOREF : vsplat(ctx, log2, vec_scalar(ctx, row));
    for (unsigned k = 0; k < words_of(active.n); k++) {
        chosen[k] = vword(ctx, 0, k);
    }
    for (unsigned i = 0; vec_first_element(ctx, i, log2) < active.n; i++) {
        IrRef b = scalar == IR_NOREF ? get_piece(ctx, insn_rs1(ctx), i) : scalar;
        IrRef v =
            vsel(ctx, b, get_piece(ctx, insn_rs2(ctx), i), vec_piece_mask(ctx, chosen, i, log2));
        if (!active.all) {
            v = vsel(ctx, v, get_piece(ctx, insn_rd(ctx), i),
                     vec_piece_mask(ctx, active.word, i, log2));
        }
        set_piece(ctx, insn_rd(ctx), i, v);
    }
    return true;
}

/* ---- Logic of masks ---- */

typedef struct LogicRow {
    VecFn *fn;
    uint8_t op;
    bool invert, invert_b;
} LogicRow;

static const LogicRow logic_rows[] = {
    {riscv_vec_mand, IR_and, false, false}, {riscv_vec_mnand, IR_and, true, false},
    {riscv_vec_mandn, IR_and, false, true}, {riscv_vec_mxor, IR_xor, false, false},
    {riscv_vec_mor, IR_or, false, false},   {riscv_vec_mnor, IR_or, true, false},
    {riscv_vec_morn, IR_or, false, true},   {riscv_vec_mxnor, IR_xor, true, false},
};

static bool gen_logic(RiscvDis *ctx, const VecRow *row)
{
    const LogicRow *r = NULL;
    VecActive active;
    for (unsigned i = 0; i < ARRAY_SIZE(logic_rows); i++) {
        r = logic_rows[i].fn == row->fn ? &logic_rows[i] : r;
    }
    if (!r || !vec_active_begin(ctx, &active, false)) {
        return false;
    }
    for (unsigned k = 0; k < words_of(active.n); k++) {
        IrRef a = vword(ctx, insn_rs2(ctx), k), b = vword(ctx, insn_rs1(ctx), k);
        b = r->invert_b ? ir_op1(ctx->ir, IR_not, IR_I64, 0, b) : b;
        IrRef v = op2(ctx, (IrOp)r->op, a, b);
        set_mask_word(ctx, insn_rd(ctx), k, &active,
                      r->invert ? ir_op1(ctx->ir, IR_not, IR_I64, 0, v) : v);
    }
    return true;
}

/* The bits of vs2 that are of active elements, word @k. */
static IrRef active_bits(RiscvDis *ctx, const VecActive *active, unsigned k)
{
    IrRef valid = active->all ? c64(ctx, (int64_t)word_mask(active->n, k)) : active->word[k];
    return op2(ctx, IR_and, vword(ctx, insn_rs2(ctx), k), valid);
}

static bool gen_count(RiscvDis *ctx, bool first)
{
    VecActive active;
    if (!vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    IrRef result = c64(ctx, first ? -1 : 0);
    for (unsigned k = words_of(active.n); k-- > 0;) {
        IrRef bits = active_bits(ctx, &active, k);
        if (first) {
            IrRef at = op2(ctx, IR_add, ir_op1(ctx->ir, IR_ctz, IR_I64, 0, bits),
                           c64(ctx, 64 * (int64_t)k));
            result = ir_select(ctx->ir, IR_I64, IR_NE, bits, c64(ctx, 0), at, result);
        } else {
            result = op2(ctx, IR_add, result, ir_op1(ctx->ir, IR_popcnt, IR_I64, 0, bits));
        }
    }
    set_x(ctx, insn_rd(ctx), result);
    return true;
}

/* The bits before the first one of @x, or that one, or both. */
static IrRef bits_to_first(RiscvDis *ctx, IrRef x, bool before, bool at)
{
    IrRef less = op2(ctx, IR_sub, x, c64(ctx, 1));
    if (before && at) {
        return op2(ctx, IR_xor, x, less);
    }
    return before ? op2(ctx, IR_andn, less, x) : op2(ctx, IR_andn, x, less);
}

/* vmsbf, vmsif, vmsof: after the word that has the first bit there are no more. */
static bool gen_set_first(RiscvDis *ctx, bool before, bool at)
{
    VecActive active;
    if (!vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    IrRef found = IR_NOREF;
    for (unsigned k = 0; k < words_of(active.n); k++) {
        IrRef x = active_bits(ctx, &active, k), v = bits_to_first(ctx, x, before, at);
        if (found != IR_NOREF) {
            v = ir_select(ctx->ir, IR_I64, IR_EQ, found, c64(ctx, 0), v, c64(ctx, 0));
        }
        set_mask_word(ctx, insn_rd(ctx), k, &active, v);
        found = found == IR_NOREF ? x : op2(ctx, IR_or, found, x);
    }
    return true;
}

bool gen_vec_masks(RiscvDis *ctx, const VecRow *row)
{
    switch (row->cls) {
    case VEC_COMPARE: return gen_compare(ctx, row);
    case VEC_MERGE: return gen_merge(ctx, row);
    case VEC_MASK: return gen_logic(ctx, row);
    case VEC_SPECIAL:
        if (row->run == riscv_vec_run_cpop || row->run == riscv_vec_run_first) {
            return gen_count(ctx, row->run == riscv_vec_run_first);
        }
        if (row->run == riscv_vec_run_msbf || row->run == riscv_vec_run_msif ||
            row->run == riscv_vec_run_msof) {
            return gen_set_first(ctx, row->run != riscv_vec_run_msof,
                                 row->run != riscv_vec_run_msbf);
        }
        return false;
    default: return false;
    }
}

/* ---- Reductions ---- */

typedef struct ReduceRow {
    VecFn *fn;
    uint8_t op, aux, lanes;
    uint8_t neutral; /* of elements that are not active: 0, all ones, or all but the top bit... */
} ReduceRow;

enum { ZERO, ONES, LARGEST, SMALLEST };

static const ReduceRow reduce_rows[] = {
    {riscv_vec_add, IR_vadd, 0, 15, ZERO},
    {riscv_vec_and, IR_vand, 0, 15, ONES},
    {riscv_vec_or, IR_vor, 0, 15, ZERO},
    {riscv_vec_xor, IR_vxor, 0, 15, ZERO},
    {riscv_vec_minu, IR_vint, IR_VEC_MINU, 7, ONES},
    {riscv_vec_maxu, IR_vint, IR_VEC_MAXU, 7, ZERO},
    {riscv_vec_min, IR_vint, IR_VEC_MINS, 7, LARGEST},
    {riscv_vec_max, IR_vint, IR_VEC_MAXS, 7, SMALLEST},
};

static IrRef neutral_element(RiscvDis *ctx, const ReduceRow *r, int log2)
{
    uint64_t top = UINT64_C(1) << ((8u << log2) - 1);
    uint64_t values[] = {[ZERO] = 0, [ONES] = UINT64_MAX, [LARGEST] = top - 1, [SMALLEST] = top};
    return vsplat(ctx, log2, c64(ctx, values[r->neutral]));
}

/* Halves of a vector of 16 bytes onto each other, down to one lane of 1 << @log2 bytes. */
static IrRef fold_lanes(RiscvDis *ctx, IrOp op, unsigned aux, IrRef v, int log2)
{
    for (int half = 3; half >= log2; half--) {
        IrRef upper = vsplat_16(ctx, half, vop1(ctx, IR_vget, 1u << half | 1 << 4, v));
        v = vop2(ctx, op, aux, v, upper);
    }
    return v;
}

static void set_element0(RiscvDis *ctx, int log2, IrRef v)
{
    int rd = insn_rd(ctx);
    set_16(ctx, rd, 0, vop2(ctx, IR_vset, 1u << log2, get_16(ctx, rd, 0), v));
}

static bool gen_reduce_int(RiscvDis *ctx, const VecRow *row)
{
    const ReduceRow *r = NULL;
    int log2 = vec_sew(ctx);
    VecActive active;
    for (unsigned i = 0; i < ARRAY_SIZE(reduce_rows); i++) {
        r = reduce_rows[i].fn == row->fn ? &reduce_rows[i] : r;
    }
    if (!r || row->d || !((r->lanes >> log2) & 1) || !has_flags(ctx, RISCV_TB_VLMAX) ||
        !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    unsigned aux = r->aux | 1u << log2;
    IrRef sum = IR_NOREF;
    for (unsigned i = 0; vec_first_element(ctx, i, log2) < active.n; i++) {
        IrRef v = get_piece(ctx, insn_rs2(ctx), i);
        if (!active.all) {
            v = vsel(ctx, v, neutral_element(ctx, r, log2),
                     vec_piece_mask(ctx, active.word, i, log2));
        }
        sum = sum == IR_NOREF ? v : vop2(ctx, (IrOp)r->op, aux, sum, v);
    }
    if (ctx->wide) {
        sum = vop2(ctx, (IrOp)r->op, aux, vhalf(ctx, sum, 0), vhalf(ctx, sum, 1));
    }
    sum = fold_lanes(ctx, (IrOp)r->op, aux, sum, log2);
    sum = vop2(ctx, (IrOp)r->op, aux, sum, get_16(ctx, insn_rs1(ctx), 0));
    set_element0(ctx, log2, vop1(ctx, IR_vget, 1u << log2, sum));
    return true;
}

/* Element @i of a group as a scalar FP value. */
static IrRef fp_element(RiscvDis *ctx, int reg, unsigned i, int log2)
{
    unsigned lanes = 16u >> log2;
    IrRef v = vop1(ctx, IR_vget, 1u << log2 | i % lanes << 4, get_16(ctx, reg, i / lanes));
    if (log2 == 3) {
        return ir_op1(ctx->ir, IR_bits_if, IR_F64, 0, v);
    }
    return ir_op1(ctx->ir, IR_bits_is, IR_F32, 0, ir_op1(ctx->ir, IR_trunc, IR_I64, 0, v));
}

/* In order, one after the other, also where any order would do: results are those of the helper. */
static bool gen_reduce_fp(RiscvDis *ctx, const VecRow *row)
{
    enum { MAX_ELEMENTS = 16 };
    int log2 = vec_sew(ctx);
    unsigned n = vec_whole_bytes(ctx, vec_emul(ctx)) >> log2;
    IrType type = log2 == 3 ? IR_F64 : IR_F32;
    IrOp op = row->fn == riscv_vec_fredsum ? IR_fadd
              : row->fn == riscv_vec_fmin  ? IR_fminnum
                                           : IR_fmaxnum;
    if (!n || n > MAX_ELEMENTS || row->d || log2 < 2 || !vec_host_mode(ctx)) {
        return false;
    }
    IrRef sum = fp_element(ctx, insn_rs1(ctx), 0, log2);
    for (unsigned i = 0; i < n; i++) {
        sum = ir_op2(ctx->ir, op, type, 0, sum, fp_element(ctx, insn_rs2(ctx), i, log2));
        sum = ir_op1(ctx->ir, IR_fcanon, type, 0, sum);
    }
    if (log2 == 2) {
        sum = ir_op1(ctx->ir, IR_zext, IR_I64, 0, ir_op1(ctx->ir, IR_bits_si, IR_I32, 0, sum));
    } else {
        sum = ir_op1(ctx->ir, IR_bits_fi, IR_I64, 0, sum);
    }
    set_element0(ctx, log2, sum);
    return true;
}

/* ---- Moves ---- */

static void gen_get_element0(RiscvDis *ctx, const VecRow *row)
{
    static const uint8_t memops[] = {IR_S8, IR_S16, IR_S32};
    int log2 = vec_sew(ctx);
    IrRef v = vop1(ctx, IR_vget, 1u << log2, get_16(ctx, insn_rs2(ctx), 0));
    if (row->flags & VEC_TO_F) {
        if (log2 == 2) {
            v = op2(ctx, IR_or, v, c64(ctx, ~INT64_C(0xffffffff)));
        }
        ir_set_var(ctx->ir, RISCV_VAR_F(insn_rd(ctx)), ir_op1(ctx->ir, IR_bits_if, IR_F64, 0, v));
    } else {
        set_x(ctx, insn_rd(ctx), log2 == 3 ? v : ir_op1(ctx->ir, IR_ext, IR_I64, memops[log2], v));
    }
}

static bool gen_move_group(RiscvDis *ctx)
{
    enum { MAX_PIECES = 32 };
    unsigned n = (unsigned)(insn_rs1(ctx) + 1) * ctx->vlenb / vec_piece_bytes(ctx);
    IrRef v[MAX_PIECES];
    for (unsigned i = 0; i < n; i++) {
        v[i] = get_piece(ctx, insn_rs2(ctx), i);
    }
    for (unsigned i = 0; i < n; i++) {
        set_piece(ctx, insn_rd(ctx), i, v[i]);
    }
    return true;
}

bool gen_vec_scalars(RiscvDis *ctx, const VecRow *row)
{
    if (!has_flags(ctx, RISCV_TB_VSTART0)) {
        return false;
    }
    if (row->cls == VEC_REDUCE) {
        return row->flags & VEC_FP ? gen_reduce_fp(ctx, row) : gen_reduce_int(ctx, row);
    }
    if (row->cls != VEC_SPECIAL) {
        return false;
    }
    if (row->run == riscv_vec_run_mv_x_s) {
        gen_get_element0(ctx, row);
        return true;
    }
    if (row->run == riscv_vec_run_mv_s_x && has_flags(ctx, RISCV_TB_VLMAX)) {
        set_element0(ctx, vec_sew(ctx), vec_scalar(ctx, row));
        return true;
    }
    if (row->run == riscv_vec_run_move) {
        return gen_move_group(ctx);
    }
    return false;
}
