/*
 * Streams: a copy of a loop that does several iterations at once, with vectors of 128 or 256 bits.
 *
 * What the fast copy (stream-copy.c) makes of a loop cannot fault, is not counted, and leaves only at polls. So if the
 * loop is one block, all of its accesses are in streams of the same element size that advance by one element an
 * iteration, and no iteration reads or writes what another one writes, then several iterations may be one: each value
 * becomes the vector of what it is in these iterations. Preparation finds out how many iterations there are before an
 * access leaves its page and before the loop ends; at least one of them is left to the fast copy. That one gives
 * variables that are not carried from iteration to iteration their last values, polls, and finds the end.
 *
 *     preparation ---> setup ---> vectors <---> latch
 *                        |           |            |
 *                        +-----------+------------+---> fast header
 *
 * Integers are in lanes of L bytes, as wide as or wider than elements: a lane has the value modulo 1 << 8 * L. That
 * determines sums, products and the like modulo that power; comparisons and shifts to the right need values that are
 * known to be less. A value of that many elements in wider lanes is in several vectors, its pieces. What the loop does not
 * change is in all lanes; if it has to be small and nothing tells, setup looks whether it is.
 *
 * Variables that are carried: those that advance by a constant, counts (a value of 0 or 1 is added), and maxima and
 * minima.
 */
#include "tcg/interp.h"
#include "tcg/stream-vector.h"
#include <string.h>

static bool is_const(const Vectors *v, IrRef ref, uint64_t value)
{
    return vectors_def(v, ref)->op == IR_const && (uint64_t)vectors_def(v, ref)->imm == value;
}

/* ---- Is it such a loop? ---- */

/* The block of all that is done; others only poll. */
static bool find_body(Vectors *v)
{
    const Streamer *s = v->s;
    const IrBlock *body = &s->ir->blocks[s->loop->blocks[0]];

    if (s->loop->headers != 1 || s->loop->nblocks > 3) {
        return false;
    }
    v->insns = s->ir->insns;
    v->first = body->first;
    v->end = body->first + body->count - 1;
    for (unsigned k = 1; k < s->loop->nblocks; k++) {
        const IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];

        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            if (v->insns[i].op != IR_poll && v->insns[i].op != IR_br) {
                return false;
            }
        }
    }
    return v->insns[v->end].op == IR_brcond;
}

/* All accesses are in streams of one size that advance by it. */
static bool find_size(Vectors *v)
{
    const Streamer *s = v->s;

    for (unsigned i = v->first; i < v->end; i++) {
        const IrInsn *insn = &v->insns[i];

        if (insn->op != IR_ld && insn->op != IR_st) {
            continue;
        }
        if (!s->access[i] || (insn->aux & IR_BIG_ENDIAN) ||
            s->vals[insn->arg[0]].low != s->vals[insn->arg[0]].high ||
            (v->size && v->size != ir_memop_bytes(insn->aux))) {
            return false;
        }
        v->size = ir_memop_bytes(insn->aux);
    }
    for (unsigned i = 0; i < s->nstreams; i++) {
        const Stream *stream = &s->streams[i];

        if (stream->grow >= 0 || stream->min_step != (int)v->size ||
            stream->max_step != (int)v->size) {
            return false;
        }
    }
    v->type = s->ir->wide ? IR_V256 : IR_V128;
    v->n = v->size && v->size <= 8 ? ir_type_bytes(v->type) / v->size : 0;
    return v->n > 1;
}

static bool find_end(Vectors *v)
{
    const Streamer *s = v->s;
    const IrInsn *last = &v->insns[v->end];
    bool inside = s->in[last->target[0]];

    if (last->type != IR_I64 || inside == (s->in[last->target[1]] != 0) ||
        last->aux != (inside ? IR_NE : IR_EQ)) {
        return false;
    }
    for (unsigned k = 0; k < 2; k++) {
        Sym sym = s->vals[last->arg[k]];
        IrRef other = last->arg[!k];
        const IrInsn *d = vectors_def(v, other);

        if (sym.var >= 0 && sym.grow < 0 && sym.low == sym.high && s->set[sym.var] &&
            (d->op == IR_const || (d->op == IR_get_var && !s->set[d->imm]))) {
            int64_t step = v->carried[sym.var].step;

            v->counter = (unsigned)sym.var;
            v->offset = sym.low;
            v->last = other;
            return v->carried[sym.var].how == CARRY_STEP && step &&
                   ((step < 0 ? -step : step) & ((step < 0 ? -step : step) - 1)) == 0;
        }
    }
    return false;
}

/* ---- Variables that are carried from one iteration to the next. ---- */

static bool reads(const Vectors *v, IrRef ref, unsigned var)
{
    return vectors_def(v, ref)->op == IR_get_var && vectors_def(v, ref)->imm == (int64_t)var;
}

Carry vectors_minmax(const IrInsn *insn)
{
    bool straight = insn->arg[0] == insn->arg[2] && insn->arg[1] == insn->arg[3];
    bool crossed = insn->arg[0] == insn->arg[3] && insn->arg[1] == insn->arg[2];

    if (insn->op != IR_select || !(straight || crossed)) {
        return CARRY_NONE;
    }
    switch (insn->aux) {
    case IR_LT:
    case IR_LE:
    case IR_LTU:
    case IR_LEU: return straight ? CARRY_MIN : CARRY_MAX;
    case IR_GT:
    case IR_GE:
    case IR_GTU:
    case IR_GEU: return straight ? CARRY_MAX : CARRY_MIN;
    default: return CARRY_NONE;
    }
}

static bool find_carried(Vectors *v, unsigned var, IrRef value)
{
    Carried *c = &v->carried[var];
    Sym sym = v->s->vals[value];
    const IrInsn *d = vectors_def(v, value);

    if (sym.var == (int)var && sym.grow < 0 && sym.low == sym.high) {
        c->how = CARRY_STEP;
        c->step = sym.low;
        return true;
    }
    c->bits = (uint8_t)(8 * v->lane);
    if (d->op == IR_ext && !(d->aux & IR_SIGNED)) {
        c->bits = (uint8_t)MIN(c->bits, 8 * ir_memop_bytes(d->aux));
        d = vectors_def(v, d->arg[0]);
    }
    if (d->type != IR_I64 || (d->op != IR_add && d->op != IR_select)) {
        return false;
    }
    c->how = d->op == IR_add ? (uint8_t)CARRY_COUNT : (uint8_t)vectors_minmax(d);
    if (d->op == IR_add && d != vectors_def(v, value)) {
        return false;
    }
    c->value = reads(v, d->arg[0], var) ? d->arg[1] : d->arg[0];
    if (!reads(v, d->arg[0], var) && !reads(v, d->arg[1], var)) {
        return false;
    }
    if (c->how == CARRY_COUNT) {
        return vectors_def(v, c->value)->op == IR_setcond;
    }
    v->guard[var] = MIN(v->guard[var], c->bits);
    return c->how != CARRY_NONE && v->lane < 8;
}

/* Every variable that is set is carried, or read nowhere before: what it has then is the last iteration's matter. */
static bool find_all_carried(Vectors *v)
{
    for (unsigned i = v->first; i < v->end; i++) {
        const IrInsn *insn = &v->insns[i];
        bool is_read = false;

        if (insn->op != IR_set_var) {
            continue;
        }
        for (unsigned k = v->first; k < v->end; k++) {
            is_read |= reads(v, (IrRef)k, (unsigned)insn->imm);
        }
        if (is_read &&
            !(insn->type == IR_I64 && find_carried(v, (unsigned)insn->imm, insn->arg[0]))) {
            return false;
        }
        if (!is_read && ir_type_is_vector(insn->type)) {
            return false;
        }
    }
    return true;
}

/* ---- What values are. ---- */

static Kind kind_of(const Vectors *v, IrRef ref)
{
    return (Kind)vectors_lanes(v, ref)->kind;
}

static bool all_uniform(const Vectors *v, const IrInsn *insn)
{
    for (unsigned k = 0; k < 4 && insn->arg[k] != IR_NOREF; k++) {
        if (kind_of(v, insn->arg[k]) != UNIFORM) {
            return false;
        }
    }
    return true;
}

static Kind classify(const Vectors *v, const IrInsn *insn)
{
    const Streamer *s = v->s;
    bool f = insn->type == (v->size == 4 ? IR_F32 : IR_F64);

    switch (insn->op) {
    case IR_const: return UNIFORM;
    case IR_get_var: return s->set[insn->imm] || ir_type_is_vector(insn->type) ? NOTHING : UNIFORM;
    case IR_ld: return insn->type == IR_I64 || insn->type == IR_I32 ? INTEGER : f ? FLOAT : NOTHING;
    case IR_trunc:
    case IR_zext:
    case IR_sext:
    case IR_ext: return all_uniform(v, insn) ? UNIFORM : INTEGER;
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_and:
    case IR_or:
    case IR_xor:
    case IR_shl:
    case IR_shr:
    case IR_setcond:
    case IR_select: return INTEGER;
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fma:
    case IR_fsqrt:
    case IR_fcanon: return f ? FLOAT : NOTHING;
    case IR_fbox:
    case IR_flow: return v->size == 4 ? kind_of(v, insn->arg[0]) : NOTHING;
    case IR_funbox:
        return v->size == 4 && vectors_def(v, insn->arg[0])->op == IR_get_var &&
                       s->boxed[vectors_def(v, insn->arg[0])->imm]
                   ? kind_of(v, insn->arg[0])
                   : NOTHING;
    default: return NOTHING;
    }
}

static void classify_all(Vectors *v)
{
    IrFacts *facts = g_new(IrFacts, v->end);

    for (unsigned i = v->first; i < v->end; i++) {
        const IrInsn *insn = &v->insns[i];
        Lanes *lanes = vectors_lanes(v, (IrRef)i);

        memset(lanes, 0, sizeof(*lanes));
        memset(lanes->piece, 0xff, sizeof(lanes->piece));
        lanes->scalar = IR_NOREF;
        if (ir_result_type(insn) == IR_NONE) {
            continue;
        }
        lanes->kind = (uint8_t)classify(v, insn);
        lanes->pieces = lanes->kind == INTEGER ? (uint8_t)(v->lane / v->size) : 1;
        lanes->facts = facts[i] = insn->op == IR_get_var ? ir_facts_none : ir_facts_of(insn, facts);
    }
    g_free(facts);
}

/* ---- What is needed of them, and whether vectors have it. ---- */

static bool need(Vectors *v, IrRef ref, Kind kind)
{
    Lanes *lanes = vectors_lanes(v, ref);

    lanes->needed = true;
    return lanes->kind == kind || lanes->kind == UNIFORM;
}

/* A value that has to be less than 1 << bits. */
static bool need_below(Vectors *v, IrRef ref, unsigned bits)
{
    const IrInsn *d = vectors_def(v, ref);

    if (!need(v, ref, INTEGER)) {
        return false;
    }
    if (vectors_bits(v, ref) <= bits) {
        return true;
    }
    while (d->op == IR_trunc || d->op == IR_zext) {
        d = vectors_def(v, d->arg[0]);
    }
    if (kind_of(v, ref) != UNIFORM || d->op != IR_get_var || d->type != IR_I64) {
        return false;
    }
    v->guard[d->imm] = (uint8_t)MIN(v->guard[d->imm], bits);
    return true;
}

void vectors_compared(const Vectors *v, const IrInsn *insn, IrRef out[2])
{
    const IrInsn *d = vectors_def(v, insn->arg[0]);

    out[0] = insn->arg[0];
    out[1] = insn->arg[1];
    if ((insn->aux == IR_EQ || insn->aux == IR_NE) && d->op == IR_sub &&
        is_const(v, insn->arg[1], 0)) {
        out[0] = d->arg[0];
        out[1] = d->arg[1];
    }
}

static bool need_compared(Vectors *v, const IrInsn *insn)
{
    /* Without the top bit, signed is unsigned. */
    unsigned bits = 8 * v->lane - (insn->aux >= IR_LT && insn->aux <= IR_GT);
    IrRef ops[2];

    vectors_compared(v, insn, ops);
    return need_below(v, ops[0], bits) && need_below(v, ops[1], bits);
}

bool vectors_field(const Vectors *v, const IrInsn *insn, Field *field)
{
    const IrInsn *count = vectors_def(v, insn->arg[1]), *d = vectors_def(v, insn->arg[0]);
    unsigned w = vectors_width(insn), c = (unsigned)count->imm & (w - 1), up;

    if (count->op != IR_const) {
        return false;
    }
    *field = (Field){insn->arg[0], c, w - c};
    while (d->op == IR_trunc || d->op == IR_zext) {
        d = vectors_def(v, d->arg[0]);
    }
    if (d->op == IR_shl && vectors_def(v, d->arg[1])->op == IR_const && vectors_width(d) >= w) {
        up = (unsigned)vectors_def(v, d->arg[1])->imm & (vectors_width(d) - 1);
        if (up <= c && w - up <= 8 * v->lane) {
            *field = (Field){d->arg[0], c - up, w - c};
            return true;
        }
    }
    return vectors_bits(v, insn->arg[0]) <= 8 * v->lane;
}

static bool need_shift_right(Vectors *v, const IrInsn *insn)
{
    Field field;

    return v->lane > 1 && v->lane < 8 && vectors_field(v, insn, &field) &&
           need(v, field.value, INTEGER);
}

/* Low bits that are extended. */
static bool need_ext(Vectors *v, const IrInsn *insn, unsigned from, bool is_signed)
{
    return need(v, insn->arg[0], INTEGER) && (!is_signed || from >= 8 * v->lane);
}

static bool need_all(Vectors *v, const IrInsn *insn, Kind kind)
{
    bool ok = true;

    for (unsigned k = 0; k < 4 && insn->arg[k] != IR_NOREF; k++) {
        ok &= need(v, insn->arg[k], kind);
    }
    return ok;
}

static bool need_operands(Vectors *v, const IrInsn *insn)
{
    unsigned lane = v->lane;

    switch (insn->op) {
    case IR_const:
    case IR_get_var: return true;
    case IR_ld: return insn->aux & IR_SIGNED ? v->lane == v->size : true;
    case IR_trunc:
    case IR_zext:
    case IR_sext: return lane <= 4 && need(v, insn->arg[0], INTEGER);
    case IR_ext: return need_ext(v, insn, 8 * ir_memop_bytes(insn->aux), insn->aux & IR_SIGNED);
    case IR_mul: return (lane == 2 || lane == 4) && need_all(v, insn, INTEGER);
    case IR_shl:
        return vectors_def(v, insn->arg[1])->op == IR_const && (lane == 2 || lane == 4) &&
               need(v, insn->arg[0], INTEGER);
    case IR_shr: return need_shift_right(v, insn);
    case IR_setcond: return need_compared(v, insn);
    case IR_select:
        return need_compared(v, insn) && need(v, insn->arg[2], INTEGER) &&
               need(v, insn->arg[3], INTEGER);
    case IR_fma: return (insn->aux & IR_FMA_INF_ZERO) && need_all(v, insn, FLOAT);
    case IR_funbox: return need_all(v, insn, UNIFORM);
    case IR_fbox:
    case IR_flow:
    case IR_fcanon:
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt: return need_all(v, insn, FLOAT);
    default: return need_all(v, insn, INTEGER);
    }
}

/* What has to be done in each iteration, and not only in the last. False: vectors do not have it. */
static bool need_effects(Vectors *v, const IrInsn *insn)
{
    const Carried *c;

    switch (insn->op) {
    case IR_st:
        return need(v, insn->arg[1],
                    insn->type == IR_F32 || insn->type == IR_F64 ? FLOAT : INTEGER);
    case IR_set_var:
        c = &v->carried[insn->imm];
        if (c->how == CARRY_COUNT) {
            return need(v, c->value, INTEGER);
        }
        return c->how < CARRY_MIN || need_below(v, c->value, c->bits);
    case IR_ld:
    case IR_get_var:
    case IR_st_env:
    case IR_insn_start: return true;
    default:
        if (ir_fp_has_flags((IrOp)insn->op)) {
            vectors_lanes(v, (IrRef)(insn - v->insns))->needed = true;
        }
        return ir_op_info[insn->op].flags & IR_FLAG_PURE;
    }
}

static bool need_value(Vectors *v, const IrInsn *insn, Kind kind)
{
    return kind == UNIFORM ? all_uniform(v, insn) : kind != NOTHING && need_operands(v, insn);
}

static bool plan(Vectors *v)
{
    classify_all(v);
    for (unsigned i = v->end; i-- > v->first;) {
        const IrInsn *insn = &v->insns[i];
        const Lanes *lanes = vectors_lanes(v, (IrRef)i);

        if (!need_effects(v, insn) || (lanes->needed && !need_value(v, insn, (Kind)lanes->kind))) {
            return false;
        }
    }
    return true;
}

/* ---- Iterations that are in each other's way. ---- */

Access vectors_access(const Vectors *v, unsigned index)
{
    const IrInsn *insn = &v->insns[index];

    return (Access){v->s->access[index] - 1u, (int32_t)(v->s->vals[insn->arg[0]].low + insn->imm)};
}

static bool is_access(const IrInsn *insn)
{
    return insn->op == IR_ld || insn->op == IR_st;
}

/* Whether a store and another access that are so far apart go together. Equal addresses do: of one iteration, the
 * order stays. */
static bool is_far(const Vectors *v, int64_t distance)
{
    int64_t span = v->n * v->size;

    return distance == 0 || distance >= span || distance <= -span;
}

/* Notes pairs of accesses whose distance has to be looked at when the loop begins. */
static bool find_overlaps(Vectors *v)
{
    v->npairs = 0;
    for (unsigned i = v->first; i < v->end; i++) {
        for (unsigned k = v->first; v->insns[i].op == IR_st && k < v->end; k++) {
            Pair pair = {vectors_access(v, i), {0, 0}};

            if (k == i || !is_access(&v->insns[k])) {
                continue;
            }
            pair.other = vectors_access(v, k);
            if (pair.store.stream == pair.other.stream) {
                if (!is_far(v, pair.other.offset - pair.store.offset)) {
                    return false;
                }
            } else if (v->npairs < MAX_PAIRS) {
                v->pairs[v->npairs++] = pair;
            } else {
                return false;
            }
        }
    }
    return true;
}

static bool try_lanes(Vectors *v, unsigned lane)
{
    unsigned nvars = v->s->nvars;

    v->lane = lane;
    memset(v->carried, 0, nvars * sizeof(Carried));
    memset(v->guard, 64, nvars);
    return find_all_carried(v) && find_end(v) && plan(v) && find_overlaps(v);
}

static Vectors *vectors_new(Streamer *s)
{
    Vectors *v = g_new0(Vectors, 1);

    v->s = s;
    v->carried = g_new(Carried, s->nvars);
    v->guard = g_new(uint8_t, s->nvars);
    return v;
}

void stream_vectors_free(Vectors *v)
{
    if (v) {
        g_free(v->lanes);
        g_free(v->carried);
        g_free(v->guard);
        g_free(v);
    }
}

Vectors *stream_vectors_find(Streamer *s)
{
    Vectors *v = vectors_new(s);

    if (s->ir->kick_offset && stream_scratch_left(s->ir) > 0 && find_body(v) && find_size(v)) {
        v->lanes = g_new(Lanes, v->end - v->first + 1);
        for (unsigned pieces = 1; pieces <= MAX_PIECES && v->size * pieces <= 8; pieces *= 2) {
            if (try_lanes(v, v->size * pieces)) {
                v->limit = s->ir->nvars++;
                return v;
            }
        }
    }
    stream_vectors_free(v);
    return NULL;
}
