/*
 * Executing vector instructions element by element: the helper that does any of them, and those that
 * are no function of single elements (V 1.0, chapters 14 to 16: reductions, masks, permutations).
 *
 * What is reserved has been rejected at translation (trans-vec.c). Elements past vl and masked-off
 * elements are left undisturbed, which any setting of vta and vma allows.
 */
#include "cpu/riscv/helpers.h"
#include "cpu/riscv/priv.h"
#include "cpu/riscv/vector.h"
#include <string.h>

/* ---- Classes ---- */

/* vs1[i] or the scalar. */
static uint64_t operand_b(const VecCtx *c, unsigned i, uint64_t scalar)
{
    const VecRow *row = c->row;
    if (row->form != VEC_V) {
        return scalar;
    }
    unsigned log2 = (unsigned)(c->sew + row->b);
    return vec_extend(vec_get(c->vs1, i, log2), log2, row->flags & VEC_SB);
}

static uint64_t operand_a(const VecCtx *c, unsigned i)
{
    unsigned log2 = (unsigned)(c->sew + c->row->a);
    return vec_extend(vec_get(c->vs2, i, log2), log2, c->row->flags & VEC_SA);
}

static void run_elements(VecCtx *c, uint64_t scalar)
{
    const VecRow *row = c->row;
    unsigned d = (unsigned)(c->sew + row->d);
    bool carry = row->cls == VEC_CARRY;
    for (unsigned i = c->vstart; i < c->vl; i++) {
        if (!carry && !vec_active(c, i)) {
            continue;
        }
        uint64_t old =
            carry ? vec_bit(c->v0, i) : vec_extend(vec_get(c->vd, i, d), d, row->flags & VEC_SD);
        vec_put(c->vd, i, d, row->fn(c, operand_a(c, i), operand_b(c, i, scalar), old));
    }
}

static void run_merge(VecCtx *c, uint64_t scalar)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        uint64_t v = vec_bit(c->v0, i) ? operand_b(c, i, scalar) : operand_a(c, i);
        vec_put(c->vd, i, c->sew, v);
    }
}

static void run_compare(VecCtx *c, uint64_t scalar)
{
    bool carry = c->row->cls == VEC_CARRY_OUT;
    for (unsigned i = c->vstart; i < c->vl; i++) {
        if (carry || vec_active(c, i)) {
            uint64_t in = carry && c->masked ? vec_bit(c->v0, i) : 0;
            bool v = c->row->fn(c, operand_a(c, i), operand_b(c, i, scalar), in);
            vec_put_bit(c->vd, i, v);
        }
    }
}

static void run_mask(VecCtx *c)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        vec_put_bit(c->vd, i, c->row->fn(c, vec_bit(c->vs2, i), vec_bit(c->vs1, i), 0));
    }
}

static void run_reduce(VecCtx *c)
{
    unsigned d = (unsigned)(c->sew + c->row->d);
    if (c->vl == 0) {
        return;
    }
    uint64_t sum = operand_b(c, 0, 0);
    for (unsigned i = 0; i < c->vl; i++) {
        if (vec_active(c, i)) {
            sum = c->row->fn(c, sum, operand_a(c, i), 0);
        }
    }
    vec_put(c->vd, 0, d, sum);
}

/* ---- Moves between vector and scalar registers, and of whole registers ---- */

void riscv_vec_run_mv_x_s(VecCtx *c)
{
    c->result = vec_extend(vec_get(c->vs2, 0, c->sew), c->sew, true);
}

void riscv_vec_run_mv_s_x(VecCtx *c)
{
    if (c->vstart < c->vl) {
        vec_put(c->vd, 0, c->sew, c->x);
    }
}

/* The number of registers less one is in the place of vs1; vstart counts elements of SEW. */
void riscv_vec_run_move(VecCtx *c)
{
    size_t bytes = (bits_get(c->insn, 15, 5) + 1) * (size_t)c->s->vlenb;
    size_t from = (size_t)c->vstart << c->sew;
    if (from < bytes) {
        memmove(c->vd + from, c->vs2 + from, bytes - from);
    }
}

/* ---- Slides, gathers, compression ---- */

/* Elements @from to @to - 1 of vd become those of vs2 from @source on, all at once. */
static void move_elements(VecCtx *c, unsigned from, unsigned to, unsigned source)
{
    memmove(c->vd + ((size_t)from << c->sew), c->vs2 + ((size_t)source << c->sew),
            (size_t)(to - from) << c->sew);
}

void riscv_vec_run_slideup(VecCtx *c)
{
    uint64_t i = MAX(c->x, c->vstart);
    if (!c->masked && i < c->vl) {
        move_elements(c, (unsigned)i, c->vl, (unsigned)(i - c->x));
        return;
    }
    for (; i < c->vl; i++) {
        if (vec_active(c, (unsigned)i)) {
            vec_put(c->vd, (unsigned)i, c->sew, vec_get(c->vs2, (unsigned)(i - c->x), c->sew));
        }
    }
}

void riscv_vec_run_slidedown(VecCtx *c)
{
    unsigned left = c->x < c->vlmax ? c->vlmax - (unsigned)c->x : 0, i = c->vstart;
    unsigned end = MIN(c->vl, left); /* of what comes from within the group */
    if (!c->masked && i < end) {
        move_elements(c, i, end, i + (unsigned)c->x);
        i = end;
    }
    for (; i < c->vl; i++) {
        if (vec_active(c, i)) {
            vec_put(c->vd, i, c->sew, i < end ? vec_get(c->vs2, i + (unsigned)c->x, c->sew) : 0);
        }
    }
}

void riscv_vec_run_slide1up(VecCtx *c)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        if (vec_active(c, i)) {
            vec_put(c->vd, i, c->sew, i ? vec_get(c->vs2, i - 1, c->sew) : c->x);
        }
    }
}

void riscv_vec_run_slide1down(VecCtx *c)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        if (vec_active(c, i)) {
            bool last = i == c->vl - 1;
            vec_put(c->vd, i, c->sew, last ? c->x : vec_get(c->vs2, i + 1, c->sew));
        }
    }
}

static void gather(VecCtx *c, unsigned i, uint64_t index)
{
    if (vec_active(c, i)) {
        vec_put(c->vd, i, c->sew, index < c->vlmax ? vec_get(c->vs2, (unsigned)index, c->sew) : 0);
    }
}

void riscv_vec_run_gather(VecCtx *c)
{
    unsigned log2 = c->row->flags & VEC_B_16 ? 1 : c->sew;
    for (unsigned i = c->vstart; i < c->vl; i++) {
        gather(c, i, vec_get(c->vs1, i, log2));
    }
}

void riscv_vec_run_gather_x(VecCtx *c)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        gather(c, i, c->x);
    }
}

void riscv_vec_run_compress(VecCtx *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->vl; i++) {
        if (vec_bit(c->vs1, i)) {
            vec_put(c->vd, n++, c->sew, vec_get(c->vs2, i, c->sew));
        }
    }
}

/* ---- Masks ---- */

void riscv_vec_run_cpop(VecCtx *c)
{
    unsigned whole = c->masked ? 0 : c->vl / 64;
    c->result = 0;
    for (unsigned i = 0; i < whole; i++) {
        c->result += (unsigned)__builtin_popcountll(vec_get(c->vs2, i, 3));
    }
    for (unsigned i = whole * 64; i < c->vl; i++) {
        c->result += vec_active(c, i) && vec_bit(c->vs2, i);
    }
}

void riscv_vec_run_first(VecCtx *c)
{
    c->result = ~UINT64_C(0);
    for (unsigned i = 0; i < c->vl; i++) {
        if (vec_active(c, i) && vec_bit(c->vs2, i)) {
            c->result = i;
            break;
        }
    }
}

/* Sets bits before, at and after the first one of vs2. */
static void set_first(VecCtx *c, bool before, bool at, bool after)
{
    bool found = false;
    for (unsigned i = 0; i < c->vl; i++) {
        if (vec_active(c, i)) {
            bool here = !found && vec_bit(c->vs2, i);
            vec_put_bit(c->vd, i, here ? at : found ? after : before);
            found |= here;
        }
    }
}

void riscv_vec_run_msbf(VecCtx *c)
{
    set_first(c, true, false, false);
}

void riscv_vec_run_msif(VecCtx *c)
{
    set_first(c, true, true, false);
}

void riscv_vec_run_msof(VecCtx *c)
{
    set_first(c, false, true, false);
}

void riscv_vec_run_iota(VecCtx *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->vl; i++) {
        if (vec_active(c, i)) {
            vec_put(c->vd, i, c->sew, n);
            n += vec_bit(c->vs2, i);
        }
    }
}

void riscv_vec_run_id(VecCtx *c)
{
    for (unsigned i = c->vstart; i < c->vl; i++) {
        if (vec_active(c, i)) {
            vec_put(c->vd, i, c->sew, i);
        }
    }
}

/* ---- The helper ---- */

static void run(VecCtx *c, uint64_t scalar)
{
    switch (c->row->cls) {
    case VEC_ELEM:
    case VEC_CARRY: run_elements(c, scalar); break;
    case VEC_MERGE: run_merge(c, scalar); break;
    case VEC_COMPARE:
    case VEC_CARRY_OUT: run_compare(c, scalar); break;
    case VEC_REDUCE: run_reduce(c); break;
    case VEC_MASK: run_mask(c); break;
    case VEC_SPECIAL: c->row->run(c); break;
    default: break;
    }
}

static SfFormat format_of(int log2)
{
    return log2 == 3 ? SF_F64 : log2 == 2 ? SF_F32 : SF_F16;
}

/* A NaN-boxed scalar of an f register. */
static uint64_t unbox(unsigned sew, uint64_t image)
{
    if (sew == 3) {
        return image;
    }
    return image >> 32 == 0xffffffff ? (uint32_t)image : sf_default_nan(SF_F32);
}

/* The scalar operand in full, before it is cut to an element. */
static uint64_t full_scalar(const VecCtx *c, uint64_t x)
{
    unsigned imm = (unsigned)bits_get(c->insn, 15, 5);
    switch (c->row->form) {
    case VEC_I: return (uint64_t)bits_sext(imm, 5);
    case VEC_U: return imm;
    case VEC_F: return unbox(c->sew, x);
    default: return x;
    }
}

uint64_t riscv_helper_vec(Vcpu *vcpu, uint64_t what, uint64_t x)
{
    RiscvState *s = riscv_state(vcpu);
    uint32_t insn = (uint32_t)what;
    const VecRow *row = &riscv_vec_rows[what >> 32];
    VecCtx c = {
        .vcpu = vcpu,
        .s = s,
        .row = row,
        .insn = insn,
        .masked = !((insn >> 25) & 1),
        .sew = (uint8_t)bits_get(s->vtype, 3, 3),
        .vxrm = s->vxrm,
        .vd = vec_reg(s, (unsigned)bits_get(insn, 7, 5)),
        .vs1 = vec_reg(s, (unsigned)bits_get(insn, 15, 5)),
        .vs2 = vec_reg(s, (unsigned)bits_get(insn, 20, 5)),
        .v0 = s->v,
        .vl = (unsigned)s->vl,
        .vstart = (unsigned)s->vstart,
        .env = {.round = row->flags & VEC_RTZ ? SF_TO_ZERO : (SfRound)s->frm},
    };
    c.bits = (uint8_t)(8u << c.sew);
    c.a_bits = (uint8_t)(8u << (c.sew + row->a));
    c.vlmax = vec_vlmax(s->vlenb, c.sew, vec_lmul(s->vtype));
    c.f_d = format_of(c.sew + row->d);
    c.f_a = format_of(c.sew + row->a);
    c.x = full_scalar(&c, x);
    uint64_t scalar = vec_extend(c.x, c.sew, row->flags & VEC_SB);
    if (!riscv_vec_fast(&c, scalar)) {
        run(&c, scalar);
    }
    s->vxsat |= c.sat;
    s->fflags |= c.env.flags;
    s->vstart = 0;
    return c.result;
}
