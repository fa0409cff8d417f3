/*
 * Loops by vectors: the code; see stream-vector.c for what it is.
 */
#include "tcg/interp.h"
#include "tcg/stream-vector.h"
#include <string.h>

static IrRef put_typed(Vectors *v, IrOp op, IrType type, unsigned aux, IrRef a, IrRef b, IrRef c)
{
    IrInsn insn = {
        .op = (uint8_t)op, .type = (uint8_t)type, .aux = (uint8_t)aux, .arg = {a, b, c, IR_NOREF}};

    return opt_put(v->s->o, &insn);
}

static IrRef put_vector(Vectors *v, IrOp op, unsigned aux, IrRef a, IrRef b, IrRef c)
{
    return put_typed(v, op, v->type, aux, a, b, c);
}

static IrRef put_splat(Vectors *v, IrRef scalar, unsigned size)
{
    return put_vector(v, IR_vsplat, size, scalar, IR_NOREF, IR_NOREF);
}

static IrRef put_splat_const(Vectors *v, uint64_t value)
{
    return put_splat(v, stream_put_const(v->s, (int64_t)value), v->lane);
}

/* A value that is the same in all iterations. */
static IrRef put_scalar(Vectors *v, IrRef ref)
{
    Lanes *lanes = vectors_lanes(v, ref);

    if (lanes->scalar == IR_NOREF) {
        IrInsn insn = *vectors_def(v, ref);

        for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
            insn.arg[k] = put_scalar(v, insn.arg[k]);
        }
        insn.op = insn.op == IR_funbox ? IR_flow : insn.op; /* boxed it is */
        lanes->scalar = opt_put(v->s->o, &insn);
    }
    return lanes->scalar;
}

static void put_uniform(Vectors *v, IrRef ref)
{
    Lanes *lanes = vectors_lanes(v, ref);
    IrRef x = put_scalar(v, ref);
    unsigned size = v->lane;

    switch (ir_result_type(vectors_def(v, ref))) {
    case IR_F32:
        x = stream_put(v->s, IR_bits_si, 0, x, IR_NOREF, 0);
        x = stream_put(v->s, IR_zext, 0, x, IR_NOREF, 0);
        size = v->size;
        break;
    case IR_F64:
        x = stream_put(v->s, IR_bits_fi, 0, x, IR_NOREF, 0);
        size = v->size;
        break;
    case IR_I32: x = stream_put(v->s, IR_zext, 0, x, IR_NOREF, 0); break;
    default: break;
    }
    lanes->piece[0] = put_splat(v, x, size);
    for (unsigned k = 1; k < MAX_PIECES; k++) {
        lanes->piece[k] = lanes->piece[0];
    }
}

static IrRef put_base(Vectors *v, unsigned stream)
{
    if (v->base[stream] == IR_NOREF) {
        const Stream *st = &v->s->streams[stream];

        v->base[stream] = stream_put(v->s, IR_add, 0, stream_put_get(v->s, st->var),
                                     stream_put_get(v->s, st->addend), 0);
    }
    return v->base[stream];
}

static IrRef put_access(Vectors *v, unsigned index, IrRef stored)
{
    Access access = vectors_access(v, index);
    IrRef base = put_base(v, access.stream);
    IrRef ref = put_vector(v, stored == IR_NOREF ? IR_ld_host : IR_st_host,
                           v->type == IR_V256 ? IR_256 : IR_128, base, stored, IR_NOREF);

    v->s->o->out[ref].imm = access.offset;
    return ref;
}

/* Elements in wider lanes: each piece becomes two. */
static void put_load(Vectors *v, unsigned index)
{
    const IrInsn *insn = &v->insns[index];
    Lanes *lanes = vectors_lanes(v, (IrRef)index);
    unsigned is_signed = insn->aux & IR_SIGNED ? IR_VEC_SIGNED : 0;
    unsigned size = v->size, n = 1;

    lanes->piece[0] = put_access(v, index, IR_NOREF);
    for (; n < lanes->pieces; n *= 2, size *= 2) {
        for (unsigned k = n; k-- > 0;) {
            IrRef x = lanes->piece[k];

            lanes->piece[2 * k] = put_vector(v, IR_vext, size | is_signed, x, IR_NOREF, IR_NOREF);
            lanes->piece[2 * k + 1] =
                put_vector(v, IR_vext, size | is_signed | IR_VEC_UPPER, x, IR_NOREF, IR_NOREF);
        }
    }
}

static void put_store(Vectors *v, unsigned index)
{
    const Lanes *lanes = vectors_lanes(v, v->insns[index].arg[1]);
    bool is_float = v->insns[index].type == IR_F32 || v->insns[index].type == IR_F64;
    unsigned size = v->lane, n = is_float ? 1 : v->lane / v->size;
    IrRef x[MAX_PIECES];

    memcpy(x, lanes->piece, sizeof(x));
    for (; n > 1; n /= 2) {
        size /= 2;
        for (unsigned k = 0; k < n / 2; k++) {
            x[k] = put_vector(v, IR_vnarrow, size, x[2 * k], x[2 * k + 1], IR_NOREF);
        }
    }
    put_access(v, index, x[0]);
}

static const IrRef *pieces(Vectors *v, IrRef ref);

/* Lanes of ones where the condition holds, or (true) where it does not. */
static bool put_compare(Vectors *v, const IrInsn *insn, unsigned k, IrRef *mask)
{
    IrRef ops[2], a, b;
    bool top, less = insn->aux == IR_LT || insn->aux == IR_LTU || insn->aux == IR_GE ||
                     insn->aux == IR_GEU;

    vectors_compared(v, insn, ops);
    top = MAX(vectors_bits(v, ops[0]), vectors_bits(v, ops[1])) >= 8 * v->lane;
    a = pieces(v, ops[0])[k];
    b = pieces(v, ops[1])[k];
    if (insn->aux == IR_EQ || insn->aux == IR_NE) {
        *mask = put_vector(v, IR_vcmp, IR_VEC_EQ | v->lane, a, b, IR_NOREF);
        return insn->aux == IR_NE;
    }
    *mask = put_vector(v, IR_vcmp, (top ? IR_VEC_GTU : IR_VEC_GTS) | v->lane, less ? b : a,
                       less ? a : b, IR_NOREF);
    return insn->aux == IR_GE || insn->aux == IR_GEU || insn->aux == IR_LE || insn->aux == IR_LEU;
}

static IrRef put_setcond(Vectors *v, const IrInsn *insn, unsigned k)
{
    IrRef mask;
    bool inverted = put_compare(v, insn, k, &mask);

    return put_vector(v, inverted ? IR_vadd : IR_vand, v->lane, mask, put_splat_const(v, 1),
                      IR_NOREF);
}

static unsigned minmax_aux(const Vectors *v, Carry how)
{
    return (how == CARRY_MIN ? IR_VEC_MINU : IR_VEC_MAXU) | v->lane;
}

static IrRef put_choice(Vectors *v, const IrInsn *insn, unsigned k)
{
    Carry how = vectors_minmax(insn);
    IrRef a = pieces(v, insn->arg[2])[k], b = pieces(v, insn->arg[3])[k], mask;

    if (how != CARRY_NONE && v->lane < 8) {
        return put_vector(v, IR_vint, minmax_aux(v, how), a, b, IR_NOREF);
    }
    return put_compare(v, insn, k, &mask) ? put_vector(v, IR_vsel, 0, b, a, mask)
                                          : put_vector(v, IR_vsel, 0, a, b, mask);
}

/* By a constant. Lanes of two bytes are multiplied: not every host shifts them. */
static IrRef put_shift(Vectors *v, bool left, IrRef x, unsigned by)
{
    if (by == 0) {
        return x;
    }
    if (by >= 8 * v->lane) {
        return put_vector(v, IR_vzero, 0, IR_NOREF, IR_NOREF, IR_NOREF);
    }
    if (v->lane == 2) {
        return put_vector(v, IR_vint, (left ? IR_VEC_MUL : IR_VEC_MULHU) | 2, x,
                          put_splat_const(v, UINT64_C(1) << (left ? by : 16 - by)), IR_NOREF);
    }
    return put_vector(v, IR_vint, (left ? IR_VEC_SHL : IR_VEC_SHR) | v->lane, x,
                      put_splat_const(v, by), IR_NOREF);
}

/* The low @bits of lanes. */
static IrRef put_low(Vectors *v, IrRef x, unsigned bits)
{
    return put_vector(v, IR_vand, v->lane, x, put_splat_const(v, (UINT64_C(1) << bits) - 1),
                      IR_NOREF);
}

static IrRef put_field(Vectors *v, const IrInsn *insn, unsigned k)
{
    Field field;
    IrRef x;

    vectors_field(v, insn, &field);
    x = put_shift(v, false, pieces(v, field.value)[k], field.down);
    return field.bits + field.down < 8 * v->lane ? put_low(v, x, field.bits) : x;
}

static IrRef put_ext(Vectors *v, const IrInsn *insn, unsigned k)
{
    unsigned bits = 8 * ir_memop_bytes(insn->aux);
    IrRef x = pieces(v, insn->arg[0])[k];

    return bits >= 8 * v->lane || vectors_bits(v, insn->arg[0]) <= bits ? x : put_low(v, x, bits);
}

static IrRef put_binary(Vectors *v, IrOp op, unsigned aux, const IrInsn *insn, unsigned k)
{
    IrRef a = pieces(v, insn->arg[0])[k], b = pieces(v, insn->arg[1])[k];

    return put_vector(v, op, aux, a, b, IR_NOREF);
}

static IrRef put_piece(Vectors *v, const IrInsn *insn, unsigned k)
{
    static const uint8_t fp[] = {[IR_fadd - IR_fadd] = IR_VEC_FADD,
                                 [IR_fsub - IR_fadd] = IR_VEC_FSUB,
                                 [IR_fmul - IR_fadd] = IR_VEC_FMUL,
                                 [IR_fdiv - IR_fadd] = IR_VEC_FDIV};
    unsigned lane = v->lane;

    switch (insn->op) {
    case IR_add: return put_binary(v, IR_vadd, lane, insn, k);
    case IR_sub: return put_binary(v, IR_vsub, lane, insn, k);
    case IR_mul: return put_binary(v, IR_vint, IR_VEC_MUL | lane, insn, k);
    case IR_and: return put_binary(v, IR_vand, lane, insn, k);
    case IR_or: return put_binary(v, IR_vor, lane, insn, k);
    case IR_xor: return put_binary(v, IR_vxor, lane, insn, k);
    case IR_shl:
        return put_shift(v, true, pieces(v, insn->arg[0])[k],
                         (unsigned)vectors_def(v, insn->arg[1])->imm & (vectors_width(insn) - 1));
    case IR_shr: return put_field(v, insn, k);
    case IR_ext: return put_ext(v, insn, k);
    case IR_setcond: return put_setcond(v, insn, k);
    case IR_select: return put_choice(v, insn, k);
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv: return put_binary(v, IR_vfp, fp[insn->op - IR_fadd] | v->size, insn, k);
    case IR_fsqrt:
        return put_vector(v, IR_vfsqrt, v->size, pieces(v, insn->arg[0])[k], IR_NOREF, IR_NOREF);
    case IR_fma: {
        IrRef a = pieces(v, insn->arg[0])[k], b = pieces(v, insn->arg[1])[k];

        return put_vector(v, IR_vfma, (insn->aux & 3u) << 4 | v->size, a, b,
                          pieces(v, insn->arg[2])[k]);
    }
    default: return pieces(v, insn->arg[0])[k]; /* the same lanes */
    }
}

/* The vectors of a value, made where they are not yet. */
static const IrRef *pieces(Vectors *v, IrRef ref)
{
    Lanes *lanes = vectors_lanes(v, ref);

    if (lanes->piece[0] == IR_NOREF) {
        if (lanes->kind == UNIFORM) {
            put_uniform(v, ref);
        } else {
            for (unsigned k = 0; k < lanes->pieces; k++) {
                lanes->piece[k] = put_piece(v, vectors_def(v, ref), k);
            }
        }
    }
    return lanes->piece;
}

/* How often the condition holds. */
static IrRef put_count(Vectors *v, IrRef ref)
{
    IrRef sum = IR_NOREF, mask;
    bool inverted = false;

    for (unsigned k = 0; k < vectors_lanes(v, ref)->pieces; k++) {
        IrRef bits;

        inverted = put_compare(v, vectors_def(v, ref), k, &mask);
        bits = put_vector(v, IR_vbits, v->lane, mask, IR_NOREF, IR_NOREF);
        bits = stream_put(v->s, IR_popcnt, 0, bits, IR_NOREF, 0);
        sum = k ? stream_put(v->s, IR_add, 0, sum, bits, 0) : bits;
    }
    return inverted ? stream_put(v->s, IR_sub, 0, stream_put_const(v->s, v->n), sum, 0) : sum;
}

/* Of two vectors of 128 bits. */
static IrRef put_minmax(Vectors *v, Carry how, IrRef a, IrRef b)
{
    return put_typed(v, IR_vint, IR_V128, minmax_aux(v, how), a, b, IR_NOREF);
}

/* The largest or smallest of all lanes. */
static IrRef put_extreme(Vectors *v, IrRef ref, Carry how)
{
    IrRef x = pieces(v, ref)[0], low;

    for (unsigned k = 1; k < vectors_lanes(v, ref)->pieces; k++) {
        x = put_vector(v, IR_vint, minmax_aux(v, how), x, pieces(v, ref)[k], IR_NOREF);
    }
    if (v->type == IR_V256) {
        IrRef upper = put_typed(v, IR_vhalf, IR_V128, 1, x, IR_NOREF, IR_NOREF);

        x = put_typed(v, IR_vhalf, IR_V128, 0, x, IR_NOREF, IR_NOREF);
        x = put_minmax(v, how, x, upper);
    }
    low = stream_put(v->s, IR_vget, 8 | 1 << 4, x, IR_NOREF, 0);
    for (unsigned half = 32; half >= 4 * v->lane; half /= 2) {
        x = put_minmax(v, how, x, put_typed(v, IR_vsplat, IR_V128, 8, low, IR_NOREF, IR_NOREF));
        low = stream_put(v->s, IR_vget, 8, x, IR_NOREF, 0);
        low = stream_put(v->s, IR_shr, 0, low, stream_put_const(v->s, half), 0);
    }
    return stream_put(v->s, IR_vget, v->lane, x, IR_NOREF, 0);
}

static void put_carried(Vectors *v, unsigned var)
{
    const Carried *c = &v->carried[var];
    IrRef old, x;

    if (c->how == CARRY_NONE) {
        return;
    }
    old = stream_put_get(v->s, var);
    switch (c->how) {
    case CARRY_STEP:
        x = stream_put(v->s, IR_add, 0, old, stream_put_const(v->s, c->step * (int)v->n), 0);
        break;
    case CARRY_COUNT: x = stream_put(v->s, IR_add, 0, old, put_count(v, c->value), 0); break;
    default:
        x = put_extreme(v, c->value, (Carry)c->how);
        x = stream_put_select(v->s, c->how == CARRY_MIN ? IR_LTU : IR_GTU, old, x, old, x);
        break;
    }
    stream_put(v->s, IR_set_var, 0, x, IR_NOREF, var);
}

/* Several iterations. Accesses, and what sets FP flags, in the order of one. */
static void put_iterations(Vectors *v)
{
    memset(v->base, 0xff, sizeof(v->base));
    for (unsigned i = v->first; i < v->end; i++) {
        const IrInsn *insn = &v->insns[i];

        if (insn->op == IR_st) {
            pieces(v, insn->arg[1]);
            put_store(v, i);
        } else if (insn->op == IR_ld && vectors_lanes(v, (IrRef)i)->needed) {
            put_load(v, i);
        } else if (ir_fp_has_flags((IrOp)insn->op)) {
            pieces(v, (IrRef)i);
        }
    }
    for (unsigned var = 0; var < v->s->nvars; var++) {
        put_carried(v, var);
    }
}

/* @left, or -1 if a store and another access are in each other's way. */
static IrRef put_pair_check(Vectors *v, const Pair *pair, IrRef left)
{
    int64_t span = v->n * v->size;
    IrRef d = stream_put(v->s, IR_sub, 0, put_base(v, pair->other.stream),
                         put_base(v, pair->store.stream), 0);
    IrRef none = stream_put_const(v->s, -1), near, same;

    d = stream_put(v->s, IR_add, 0, d,
                   stream_put_const(v->s, pair->other.offset - pair->store.offset), 0);
    near = stream_put(v->s, IR_add, 0, d, stream_put_const(v->s, span - 1), 0);
    same = stream_put_select(v->s, IR_EQ, d, stream_put_const(v->s, 0), left, none);
    return stream_put_select(v->s, IR_LTU, near, stream_put_const(v->s, 2 * span - 1), same, left);
}

/* How many iterations certainly go on. */
static IrRef put_trips(Vectors *v)
{
    int64_t step = v->carried[v->counter].step;
    IrRef last, now = stream_put_get(v->s, v->counter);

    now = stream_put(v->s, IR_add, 0, now, stream_put_const(v->s, v->offset), 0);
    last = put_scalar(v, v->last);
    now = step > 0 ? stream_put(v->s, IR_sub, 0, last, now, 0)
                   : stream_put(v->s, IR_sub, 0, now, last, 0);
    return stream_put(v->s, IR_shr, 0, now, stream_put_const(v->s, __builtin_ctzll((uint64_t)step)),
                      0);
}

static void forget_scalars(Vectors *v)
{
    for (unsigned i = v->first; i <= v->end; i++) {
        vectors_lanes(v, (IrRef)i)->scalar = IR_NOREF;
    }
    memset(v->base, 0xff, sizeof(v->base));
}

void stream_put_setup(Vectors *v, unsigned vectors, unsigned fast)
{
    Streamer *s = v->s;
    unsigned shift = (unsigned)__builtin_ctz(v->size);
    IrRef left =
        stream_put(s, IR_shr, 0, stream_put_get(s, v->limit), stream_put_const(s, shift), 0);
    IrRef trips;

    forget_scalars(v);
    trips = put_trips(v);
    left = stream_put_select(s, IR_LTU, trips, left, trips, left);
    left = stream_put(s, IR_sub, 0, left, stream_put_const(s, v->n), 0);
    for (unsigned i = 0; i < v->npairs; i++) {
        left = put_pair_check(v, &v->pairs[i], left);
    }
    for (unsigned var = 0; var < s->nvars; var++) {
        if (v->guard[var] < 64) {
            IrRef high = stream_put(s, IR_shr, 0, stream_put_get(s, var),
                                    stream_put_const(s, v->guard[var]), 0);

            left = stream_put_select(s, IR_EQ, high, stream_put_const(s, 0), left,
                                     stream_put_const(s, -1));
        }
    }
    trips = stream_put(s, IR_shl, 0, left, stream_put_const(s, shift), 0);
    trips = stream_put(s, IR_add, 0, stream_put_get(s, s->streams[0].var), trips, 0);
    stream_put(s, IR_set_var, 0, trips, IR_NOREF, v->limit);
    stream_put_brcond(s, IR_LT, left, stream_put_const(s, 0), fast, vectors);
}

void stream_put_room(Vectors *v, IrRef room)
{
    stream_put(v->s, IR_set_var, 0, room, IR_NOREF, v->limit);
}

unsigned stream_put_vectors(Vectors *v, unsigned fast)
{
    Streamer *s = v->s;
    unsigned block = ir_block_new(s->ir), latch = ir_block_new(s->ir);
    const IrBlock *like = &s->ir->blocks[s->loop->blocks[0]];
    IrRef kick;

    forget_scalars(v);
    stream_begin(s, block, s->pc[0], like);
    put_iterations(v);
    /* Variables have been set, so this is what they are now. */
    stream_put_brcond(s, IR_LEU, stream_put_get(s, s->streams[0].var), stream_put_get(s, v->limit),
                      latch, fast);
    stream_end(s, block);
    stream_begin(s, latch, s->pc[0], like);
    kick = stream_put(s, IR_ld_env, IR_U32, IR_NOREF, IR_NOREF, s->ir->kick_offset);
    stream_put_brcond(s, IR_EQ, kick, stream_put_const(s, 0), block, fast);
    stream_end(s, latch);
    return block;
}
