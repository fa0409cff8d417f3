/*
 * The vector extension (RISC-V "V" 1.0): what is reserved, and calls of the helpers.
 *
 * vtype, whether vl is VLMAX and whether vstart is 0 are part of the translation's key, so that all
 * checks are made here and helpers make none. A vsetvli after which they are known (vl is VLMAX, or
 * was kept) goes on in the block with the new values; other changes end it. A block that ends with
 * other values than it began with leaves by a lookup.
 */
#include "cpu/riscv/trans-vec.h"

/* ---- State ---- */

/* The VS field is not Off, and @vtype: vtype is valid. */
static bool vec_on(const RiscvDis *ctx, bool vtype)
{
    return (ctx->flags & RISCV_TB_VS) && !(vtype && (ctx->flags & RISCV_TB_VILL));
}

static void vec_dirty(RiscvDis *ctx)
{
    if (!ctx->vs_dirtied) {
        ctx->vs_dirtied = true;
        ir_st_env(ctx->ir, IR_I32, IR_U8, ENV(vs_dirty), c32(ctx, 1));
    }
}

/* After an instruction: vstart is 0 now. */
static void vec_done(RiscvDis *ctx)
{
    if (!(ctx->flags & RISCV_TB_VSTART0)) {
        gen_exit_next(ctx);
    }
}

/* ---- Register groups (V 1.0, 3.4.2 and 5.2) ---- */

/* An operand: a group of 2^emul registers, of elements of 2^eew bytes; of a mask, eew is MASK_EEW. */
enum { MASK_EEW = -8 };
typedef struct Group {
    int reg, emul, eew;
} Group;

static int group_size(const Group *g)
{
    return 1 << MAX(g->emul, 0);
}

static bool group_valid(const Group *g)
{
    return g->emul >= -3 && g->emul <= 3 && g->eew <= 3 && (g->eew >= 0 || g->eew == MASK_EEW) &&
           g->reg % group_size(g) == 0;
}

static bool groups_overlap(const Group *a, const Group *b)
{
    return a->reg < b->reg + group_size(b) && b->reg < a->reg + group_size(a);
}

/* Whether @d may be written while @s is read. */
static bool overlap_allowed(const Group *d, const Group *s, bool apart)
{
    if (!groups_overlap(d, s)) {
        return true;
    }
    if (apart) {
        return false;
    }
    if (d->eew < s->eew) {
        return d->reg == s->reg;
    }
    return d->eew == s->eew || (s->emul >= 0 && s->reg + group_size(s) == d->reg + group_size(d));
}

/* ---- Arithmetic: what is reserved ---- */

static Group operand(const RiscvDis *ctx, int reg, int width, uint32_t flags, uint32_t mask,
                     uint32_t scalar)
{
    Group g = {reg, vec_emul(ctx) + width, vec_sew(ctx) + width};
    if (flags & mask) {
        g = (Group){reg, 0, MASK_EEW};
    } else if (flags & scalar) {
        g.emul = 0;
    }
    return g;
}

static bool fp_format_valid(const RiscvDis *ctx, int width)
{
    int eew = vec_sew(ctx) + width;
    return eew == 2 || eew == 3;
}

static bool fp_valid(const RiscvDis *ctx, const VecRow *row)
{
    enum { MAX_FRM = 4 };
    uint32_t f = row->flags;
    return (ctx->flags & RISCV_TB_FS) &&
           ((ctx->flags & RISCV_TB_FRM_MASK) >> RISCV_TB_FRM_SHIFT) <= MAX_FRM &&
           (!(f & VEC_FA) || fp_format_valid(ctx, row->a)) &&
           (!(f & VEC_FB) || fp_format_valid(ctx, row->b)) &&
           (!(f & VEC_FD) || fp_format_valid(ctx, row->d));
}

static bool sources_valid(const RiscvDis *ctx, const VecRow *row, const Group *d)
{
    uint32_t f = row->flags;
    bool check_d = !(f & (VEC_TO_X | VEC_TO_F | VEC_SCALAR_D)), apart = f & VEC_APART;
    Group a = operand(ctx, insn_rs2(ctx), row->a, f, VEC_A_MASK, VEC_SCALAR_A);
    Group b = operand(ctx, insn_rs1(ctx), row->b, f, VEC_B_MASK, VEC_SCALAR_B);
    if (f & VEC_B_16) {
        b = (Group){b.reg, vec_emul(ctx) + 1 - vec_sew(ctx), 1};
    }
    if (!(f & VEC_NO_A) && (!group_valid(&a) || (check_d && !overlap_allowed(d, &a, apart)))) {
        return false;
    }
    return row->form != VEC_V || (group_valid(&b) && (!check_d || overlap_allowed(d, &b, apart)));
}

static bool op_valid(const RiscvDis *ctx, const VecRow *row)
{
    uint32_t f = row->flags;
    if (!vec_on(ctx, true) || ((f & VEC_FP) && !fp_valid(ctx, row)) ||
        ((f & VEC_START0) && !(ctx->flags & RISCV_TB_VSTART0))) {
        return false;
    }
    if (f & VEC_MOVE) {
        return !((insn_rd(ctx) | insn_rs2(ctx)) & insn_rs1(ctx));
    }
    Group d = operand(ctx, insn_rd(ctx), row->d, f, VEC_D_MASK, VEC_SCALAR_D);
    bool is_vector = !(f & (VEC_TO_X | VEC_TO_F));
    bool may_be_v0 = (f & (VEC_SCALAR_D | VEC_D_MASK)) && !(f & VEC_APART);
    if (is_vector && (!group_valid(&d) || (insn_masked(ctx) && d.reg == 0 && !may_be_v0))) {
        return false;
    }
    return sources_valid(ctx, row, &d);
}

/* ---- Arithmetic ---- */

static void set_f_bits(RiscvDis *ctx, int reg, IrRef v)
{
    if (vec_sew(ctx) == 2) {
        v = op2(ctx, IR_or, v, c64(ctx, ~INT64_C(0xffffffff)));
    }
    ir_set_var(ctx->ir, RISCV_VAR_F(reg), ir_op1(ctx->ir, IR_bits_if, IR_F64, 0, v));
}

static IrRef scalar_operand(RiscvDis *ctx, const VecRow *row)
{
    switch (row->form) {
    case VEC_X: return get_x(ctx, insn_rs1(ctx));
    case VEC_F:
        return ir_op1(ctx->ir, IR_bits_fi, IR_I64, 0,
                      ir_get_var(ctx->ir, RISCV_VAR_F(insn_rs1(ctx))));
    default: return c64(ctx, 0);
    }
}

static void gen_op_helper(RiscvDis *ctx, const VecRow *row)
{
    IrRef what = c64(ctx, (int64_t)((uint64_t)ctx->id << 32 | ctx->insn));
    IrRef result = call2(ctx, RISCV_HELPER_vec, what, scalar_operand(ctx, row));
    if (row->flags & VEC_TO_X) {
        set_x(ctx, insn_rd(ctx), result);
    } else if (row->flags & VEC_TO_F) {
        set_f_bits(ctx, insn_rd(ctx), result);
    }
}

IrRef vec_scalar(RiscvDis *ctx, const VecRow *row)
{
    switch (row->form) {
    case VEC_I: return c64(ctx, riscv_decode_sext((uint32_t)insn_rs1(ctx), 5));
    case VEC_U: return c64(ctx, insn_rs1(ctx));
    case VEC_F:
        if (vec_sew(ctx) == 2) {
            IrRef image = ir_get_var(ctx->ir, RISCV_VAR_F(insn_rs1(ctx)));
            IrRef v = ir_op1(ctx->ir, IR_funbox, IR_F32, 0, image);
            return ir_op1(ctx->ir, IR_zext, IR_I64, 0, ir_op1(ctx->ir, IR_bits_si, IR_I32, 0, v));
        }
        return scalar_operand(ctx, row);
    default: return scalar_operand(ctx, row);
    }
}

static bool gen_op_inline(RiscvDis *ctx, const VecRow *row)
{
    return gen_vec_elements(ctx, row) || gen_vec_masks(ctx, row) || gen_vec_scalars(ctx, row) ||
           gen_vec_moves(ctx, row);
}

static bool gen_op(RiscvDis *ctx)
{
    const VecRow *row = &riscv_vec_rows[ctx->id];
    if (!op_valid(ctx, row)) {
        return false;
    }
    vec_dirty(ctx);
    if (row->flags & VEC_FP) {
        gen_fp_dirty(ctx);
    }
    if (!gen_op_inline(ctx, row)) {
        gen_op_helper(ctx, row);
    }
    vec_done(ctx);
    return true;
}

/* One per form of operands. */
#define TRANS_OP(name, Args)                        \
    bool trans_##name(RiscvDis *ctx, const Args *a) \
    {                                               \
        return gen_op(ctx);                         \
    }
TRANS_OP(vop, ArgsVop)
TRANS_OP(vop_r, ArgsR)
TRANS_OP(vop_u, ArgsVop_u)
TRANS_OP(vop_r1, ArgsR1)
TRANS_OP(vop_r2, ArgsVop_r2)
TRANS_OP(vop_d, ArgsVop_d)

/* ---- Memory ---- */

/* Widths 0, 5, 6, 7: log2 of bytes. */
static int insn_eew(const RiscvDis *ctx)
{
    return (int)bits_get(ctx->insn, 12, 3) & 3;
}

static bool insn_is_store(const RiscvDis *ctx)
{
    return bits_get(ctx->insn, 5, 1);
}

static void gen_mem(RiscvDis *ctx, IrRef stride)
{
    vec_dirty(ctx);
    call3(ctx, RISCV_HELPER_vmem, c_insn(ctx), get_x(ctx, insn_rs1(ctx)), stride);
}

/* Less than 16 bytes. */
static void gen_mem_small(RiscvDis *ctx, unsigned bytes)
{
    static const uint8_t memops[] = {IR_U8, IR_U16, IR_U32, IR_64};
    unsigned memop = memops[__builtin_ctz(bytes)];
    IrRef base = get_x(ctx, insn_rs1(ctx)), v = get_16(ctx, insn_rd(ctx), 0);
    if (insn_is_store(ctx)) {
        ir_st(ctx->ir, IR_I64, memop, base, 0, vop1(ctx, IR_vget, bytes, v));
    } else {
        v = vop2(ctx, IR_vset, bytes, v, ir_ld(ctx->ir, IR_I64, memop, base, 0));
        set_16(ctx, insn_rd(ctx), 0, v);
    }
}

/* Accesses of @bytes by pieces, in memory order. One that faults is begun anew: pieces before it are loaded
 * again. */
static void gen_mem_inline(RiscvDis *ctx, unsigned bytes)
{
    unsigned step = vec_piece_bytes(ctx), memop = ctx->wide ? IR_256 : IR_128;
    int rd = insn_rd(ctx);
    vec_dirty(ctx);
    if (bytes < 16) {
        gen_mem_small(ctx, bytes);
        return;
    }
    for (unsigned at = 0; at < bytes; at += step) {
        IrRef base = get_x(ctx, insn_rs1(ctx));
        bool half = bytes - at < step;
        IrType type = half ? IR_V128 : vec_piece_type(ctx);
        if (insn_is_store(ctx)) {
            IrRef v = half ? get_16(ctx, rd, at / 16) : get_piece(ctx, rd, at / step);
            ir_st(ctx->ir, type, half ? IR_128 : memop, base, (int32_t)at, v);
        } else {
            IrRef v = ir_ld(ctx->ir, type, half ? IR_128 : memop, base, (int32_t)at);
            if (half) {
                set_16(ctx, rd, at / 16, v);
            } else {
                set_piece(ctx, rd, at / step, v);
            }
        }
    }
}

/* Loads of some elements, or of as many as can be read, where the whole group is in one page that the TLB has: then
 * nothing can fault, and what is not wanted may be read as well. Else by the helper, and the block ends. */
static bool gen_load_some(RiscvDis *ctx, const Group *d)
{
    unsigned step = vec_piece_bytes(ctx),
             n = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx));
    unsigned pieces = MAX((n << d->eew) / step, 1u);
    bool all = vec_whole_bytes(ctx, d->emul);
    if (!(ctx->flags & RISCV_TB_VSTART0) || (all && (n << d->eew) % step)) {
        return false;
    }
    unsigned fast = ir_block_new(ctx->ir), slow = ir_block_new(ctx->ir);
    vec_dirty(ctx);
    IrRef base = get_x(ctx, insn_rs1(ctx)), in_page = op2(ctx, IR_and, base, c64(ctx, 4095));
    IrRef addend = ir_op1(ctx->ir, IR_probe, IR_I64, 0, base), zero = c64(ctx, 0);
    IrRef last = c64(ctx, 4096 - (int64_t)(pieces * step));
    addend = ir_select(ctx->ir, IR_I64, IR_LEU, in_page, last, addend, zero);
    ir_brcond(ctx->ir, IR_I64, IR_NE, addend, zero, fast, slow);
    ir_block_place(ctx->ir, slow, ctx->pc);
    gen_mem(ctx, c64(ctx, 0));
    gen_exit_next(ctx);
    ctx->ended = false;
    ir_block_place(ctx->ir, fast, ctx->pc);
    VecActive active = {.all = true};
    if (!all) {
        vec_active_begin(ctx, &active, insn_masked(ctx));
    }
    for (unsigned i = 0; i < pieces; i++) {
        IrRef v = ir_ld(ctx->ir, vec_piece_type(ctx), ctx->wide ? IR_256 : IR_128,
                        get_x(ctx, insn_rs1(ctx)), (int32_t)(i * step));
        if (!all) {
            v = vsel(ctx, v, get_piece(ctx, d->reg, i),
                     vec_piece_mask(ctx, active.word, i, d->eew));
        }
        set_piece(ctx, d->reg, i, v);
    }
    return true;
}

/* Element @i of field @k of an access of elements one by one: loaded to @v, the 16 bytes that it belongs to. */
static IrRef gen_element(RiscvDis *ctx, const Group *d, unsigned i, unsigned k, IrRef addr, IrRef v)
{
    static const uint8_t memops[] = {IR_U8, IR_U16, IR_U32, IR_64};
    unsigned lanes = 16u >> d->eew, at = 1u << d->eew | i % lanes << 4;
    int32_t offset = (int32_t)(k << d->eew);
    if (insn_is_store(ctx)) {
        IrRef from = get_16(ctx, d->reg + (int)k * group_size(d), i / lanes);
        ir_st(ctx->ir, IR_I64, memops[d->eew], addr, offset, vop1(ctx, IR_vget, at, from));
        return IR_NOREF;
    }
    return vop2(ctx, IR_vset, at, v, ir_ld(ctx->ir, IR_I64, memops[d->eew], addr, offset));
}

/* Elements, or segments of @fields, one by one, at a stride or at indices. One that faults is begun
 * anew, as nothing has been loaded. */
static bool gen_elements_inline(RiscvDis *ctx, const Group *d, unsigned fields, const Group *index)
{
    enum { MAX_ELEMENTS = 32 };
    IrRef parts[MAX_ELEMENTS], base = get_x(ctx, insn_rs1(ctx)), addr = base;
    unsigned n = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx));
    unsigned per_field = vec_whole_bytes(ctx, d->emul) / 16;
    if (!per_field || n * fields > MAX_ELEMENTS) {
        return false;
    }
    vec_dirty(ctx);
    for (unsigned i = 0; i < fields * per_field; i++) {
        parts[i] = vzero_16(ctx);
    }
    for (unsigned i = 0; i < n; i++) {
        if (index) {
            unsigned per = 16u >> index->eew;
            IrRef v = get_16(ctx, index->reg, i / per);
            addr = op2(ctx, IR_add, base, vop1(ctx, IR_vget, 1u << index->eew | i % per << 4, v));
        } else if (i) {
            addr = op2(ctx, IR_add, addr, get_x(ctx, insn_rs2(ctx)));
        }
        for (unsigned k = 0; k < fields; k++) {
            IrRef *part = &parts[k * per_field + i / (16u >> d->eew)];
            *part = gen_element(ctx, d, i, k, addr, *part);
        }
    }
    for (unsigned k = 0; !insn_is_store(ctx) && k < fields; k++) {
        set_16s(ctx, d->reg + (int)k * group_size(d), per_field, parts + k * per_field);
    }
    return true;
}

/* The registers of @fields fields of a segment, each a group as @d. */
static bool fields_valid(const RiscvDis *ctx, const Group *d, int fields)
{
    int size = group_size(d);
    bool over_mask = insn_masked(ctx) && !insn_is_store(ctx) && d->reg == 0;
    return group_valid(d) && fields * size <= 8 && d->reg + fields * size <= 32 && !over_mask;
}

static bool index_valid(const RiscvDis *ctx, const Group *d, int fields)
{
    int eew = insn_eew(ctx);
    Group index = {insn_rs2(ctx), eew - vec_sew(ctx) + vec_emul(ctx), eew};
    if (!group_valid(&index)) {
        return false;
    }
    for (int k = 0; k < fields && !insn_is_store(ctx); k++) {
        Group field = {d->reg + k * group_size(d), d->emul, d->eew};
        if (!overlap_allowed(&field, &index, fields > 1)) {
            return false;
        }
    }
    return true;
}

/* Strided (bit 26 is 0) and indexed. */
bool trans_vmem(RiscvDis *ctx, const ArgsVmem *a)
{
    bool indexed = bits_get(ctx->insn, 26, 1);
    int eew = indexed ? vec_sew(ctx) : insn_eew(ctx);
    Group d = {a->rd, eew - vec_sew(ctx) + vec_emul(ctx), eew};
    if (!vec_on(ctx, true) || !fields_valid(ctx, &d, a->nf + 1) ||
        (indexed && !index_valid(ctx, &d, a->nf + 1))) {
        return false;
    }
    Group index = {insn_rs2(ctx), insn_eew(ctx) - vec_sew(ctx) + vec_emul(ctx), insn_eew(ctx)};
    if (gen_elements_inline(ctx, &d, (unsigned)a->nf + 1, indexed ? &index : NULL)) {
        return true;
    }
    gen_mem(ctx, indexed ? c64(ctx, 0) : get_x(ctx, a->rs2));
    vec_done(ctx);
    return true;
}

bool trans_vmem_unit(RiscvDis *ctx, const ArgsVunit *a)
{
    bool first_only = bits_get(ctx->insn, 24, 1);
    int eew = insn_eew(ctx);
    Group d = {a->rd, eew - vec_sew(ctx) + vec_emul(ctx), eew};
    if (!vec_on(ctx, true) || !fields_valid(ctx, &d, a->nf + 1)) {
        return false;
    }
    unsigned bytes = vec_whole_bytes(ctx, d.emul), fields = (unsigned)a->nf + 1;
    if (bytes && !first_only && fields == 1) {
        gen_mem_inline(ctx, bytes);
        return true;
    }
    if (bytes >= 16 && !first_only && bytes / 16 * fields <= VEC_MAX_SEGMENT_16S) {
        vec_dirty(ctx);
        gen_vec_segments(ctx, insn_is_store(ctx), eew, fields, group_size(&d), bytes / 16);
        return true;
    }
    if (fields == 1 && !insn_is_store(ctx) && gen_load_some(ctx, &d)) {
        return true;
    }
    gen_mem(ctx, c64(ctx, 0));
    if (first_only) {
        gen_exit_next(ctx); /* vl may have changed */
    } else {
        vec_done(ctx);
    }
    return true;
}

/* Whole registers, which need no vtype, and masks. */
bool trans_vmem_whole(RiscvDis *ctx, const ArgsR1 *a)
{
    bool mask = bits_get(ctx->insn, 20, 5) == 11;
    if (!vec_on(ctx, mask) || (a->rd & (int)bits_get(ctx->insn, 29, 3))) {
        return false;
    }
    if (!mask && (ctx->flags & RISCV_TB_VSTART0)) {
        gen_mem_inline(ctx, ((unsigned)bits_get(ctx->insn, 29, 3) + 1) * ctx->vlenb);
        return true;
    }
    gen_mem(ctx, c64(ctx, 0));
    vec_done(ctx);
    return true;
}

/* ---- Configuration ---- */

static bool gen_vsetvl(RiscvDis *ctx, int rd, IrRef vtype, IrRef avl)
{
    vec_dirty(ctx);
    set_x(ctx, rd, call2(ctx, RISCV_HELPER_vsetvl, vtype, avl));
    gen_exit_next(ctx);
    return true;
}

/* x0 as the source means as many as possible, or as now if it is also the destination. */
static IrRef source_avl(RiscvDis *ctx, int rd, int rs1)
{
    if (rs1) {
        return get_x(ctx, rs1);
    }
    return rd ? c64(ctx, -1) : ir_ld_env(ctx->ir, IR_I64, IR_64, ENV(vl));
}

static void store_state(RiscvDis *ctx, int32_t offset, IrRef v)
{
    ir_st_env(ctx->ir, IR_I64, IR_64, offset, v);
}

/* Whether a legal @vtype is the current one but for vta and vma, and vl is VLMAX: then vl stays as it is
 * if @avl is not less. */
static bool is_current(const RiscvDis *ctx, unsigned vtype)
{
    const uint32_t need = RISCV_TB_VLMAX | RISCV_TB_VSTART0;
    return (ctx->flags & (need | RISCV_TB_VILL)) == need &&
           ((ctx->flags >> RISCV_TB_VTYPE_SHIFT) & 0x3f) == (vtype & 0x3f);
}

/* vl and what follows from it, and a way out. */
static void gen_new_vl(RiscvDis *ctx, int rd, unsigned vtype, IrRef vl)
{
    store_state(ctx, ENV(vl), vl);
    store_state(ctx, ENV(vtype), c64(ctx, vtype));
    store_state(ctx, ENV(vstart), c64(ctx, 0));
    set_x(ctx, rd, vl);
    gen_exit_next(ctx);
}

/* From here on @vtype holds, and vl is VLMAX or is not: the block goes on. */
static void note_vtype(RiscvDis *ctx, unsigned vtype, bool full)
{
    const uint32_t all = RISCV_TB_VILL | RISCV_TB_VLMAX | 0x3fu << RISCV_TB_VTYPE_SHIFT;
    ctx->flags = (ctx->flags & ~all) | RISCV_TB_VSTART0 | (full ? RISCV_TB_VLMAX : 0) |
                 (vtype & 0x3f) << RISCV_TB_VTYPE_SHIFT;
}

/* vl that is known now. */
static void gen_known_vl(RiscvDis *ctx, int rd, unsigned vtype, unsigned vl, unsigned vlmax)
{
    if (vl != vlmax || !is_current(ctx, vtype)) {
        store_state(ctx, ENV(vl), c64(ctx, vl));
        store_state(ctx, ENV(vstart), c64(ctx, 0));
    }
    store_state(ctx, ENV(vtype), c64(ctx, vtype));
    set_x(ctx, rd, c64(ctx, vl));
    note_vtype(ctx, vtype, vl == vlmax);
}

/* vl is VLMAX if the value of @rs1 is not less, as in all rounds of a loop but the last: for that the block
 * goes on. */
static void gen_asked_vl(RiscvDis *ctx, int rd, int rs1, unsigned vtype, unsigned vlmax)
{
    unsigned full = ir_block_new(ctx->ir), less = ir_block_new(ctx->ir);
    ir_brcond(ctx->ir, IR_I64, IR_GEU, get_x(ctx, rs1), c64(ctx, vlmax), full, less);
    ir_block_place(ctx->ir, less, ctx->pc);
    gen_new_vl(ctx, rd, vtype, get_x(ctx, rs1));
    ctx->ended = false;
    ir_block_place(ctx->ir, full, ctx->pc);
    gen_known_vl(ctx, rd, vtype, vlmax, vlmax);
}

/* vl stays: the new vtype has to have the same VLMAX, else the helper says what happens. */
static bool gen_kept_vl(RiscvDis *ctx, unsigned vtype, unsigned vlmax)
{
    unsigned now = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx));
    if ((ctx->flags & RISCV_TB_VILL) || !(ctx->flags & RISCV_TB_VSTART0) || now != vlmax) {
        return false;
    }
    vec_dirty(ctx);
    store_state(ctx, ENV(vtype), c64(ctx, vtype));
    note_vtype(ctx, vtype, ctx->flags & RISCV_TB_VLMAX);
    return true;
}

/* A vtype that is known. @avl: an immediate, or the value of @rs1 if negative. */
static bool gen_vsetvli(RiscvDis *ctx, int rd, int rs1, int avl, unsigned vtype)
{
    bool keep = avl < 0 && !rs1 && !rd, legal = !(riscv_vtype_legal(vtype) & RISCV_VILL);
    unsigned vlmax = legal ? vec_vlmax(ctx->vlenb, (vtype >> 3) & 7, vec_lmul(vtype)) : 0;
    if (legal && keep && gen_kept_vl(ctx, vtype, vlmax)) {
        return true;
    }
    if (keep || !legal) {
        return gen_vsetvl(ctx, rd, c64(ctx, vtype),
                          avl >= 0 ? c64(ctx, avl) : source_avl(ctx, rd, rs1));
    }
    vec_dirty(ctx);
    if (avl >= 0 || !rs1) {
        bool all = avl < 0 || (unsigned)avl >= vlmax;
        gen_known_vl(ctx, rd, vtype, all ? vlmax : (unsigned)avl, vlmax);
    } else {
        gen_asked_vl(ctx, rd, rs1, vtype, vlmax);
    }
    return true;
}

bool trans_vsetvli(RiscvDis *ctx, const ArgsVsetvli *a)
{
    return vec_on(ctx, false) && gen_vsetvli(ctx, a->rd, a->rs1, -1, (unsigned)a->zimm11);
}

bool trans_vsetivli(RiscvDis *ctx, const ArgsVsetivli *a)
{
    return vec_on(ctx, false) && gen_vsetvli(ctx, a->rd, 0, a->zimm, (unsigned)a->zimm10);
}

bool trans_vsetvl(RiscvDis *ctx, const ArgsR *a)
{
    return vec_on(ctx, false) &&
           gen_vsetvl(ctx, a->rd, get_x(ctx, a->rs2), source_avl(ctx, a->rd, a->rs1));
}
