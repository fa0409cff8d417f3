/*
 * Local register allocation: which host register holds which variable and which values.
 *
 * Values are allocated on the fly. One backward scan of a block (scan.c) has said where each value
 * is used last, and which values are about to become a variable, so that they are computed where it
 * lives. Values never live across blocks, variables do.
 */
#include "tcg/x86_64/emit.h"

/* After it lost something: whether it is free now. */
static void note_free(Emit *e, unsigned r)
{
    if (e->reg[r].var == NOVAR && e->reg[r].head == IR_NOREF) {
        e->free_mask |= 1u << r & e->alloc_mask;
    }
}

static void link_value(Emit *e, IrRef ref, unsigned r)
{
    Value *v = &e->vals[ref];

    v->next = e->reg[r].head;
    v->reg = r;
    e->reg[r].head = ref;
    e->reg[r].touch = e->cur;
    e->free_mask &= ~(1u << r);
}

static void unlink_value(Emit *e, IrRef ref)
{
    Value *v = &e->vals[ref];
    unsigned r = v->reg;
    IrRef *p = &e->reg[r].head;

    while (*p != ref) {
        p = &e->vals[*p].next;
    }
    *p = v->next;
    v->reg = NOREG;
    note_free(e, r);
}

static void attach_var(Emit *e, unsigned r, unsigned var, bool dirty)
{
    e->reg[r].var = var;
    e->reg[r].touch = e->cur;
    e->var_reg[var] = r;
    e->var_mask |= 1u << r;
    e->free_mask &= ~(1u << r);
    if (dirty) {
        e->dirty_mask |= 1u << r;
        e->snap = NOSNAP;
    }
}

static void detach_var(Emit *e, unsigned r)
{
    if (e->reg[r].var != NOVAR) {
        e->var_reg[e->reg[r].var] = NOREG;
        e->reg[r].var = NOVAR;
        e->var_mask &= ~(1u << r);
        if (e->dirty_mask & 1u << r) {
            e->dirty_mask &= ~(1u << r);
            e->snap = NOSNAP;
        }
        note_free(e, r);
    }
}

/* ---- Moves between registers and memory. ---- */

void emit_mov(Emit *e, unsigned dst, unsigned src)
{
    if (dst != src) {
        if (is_xmm(dst)) {
            fp_rr(e, X_MOVAPS | (e->vectors == VECTORS_YMM ? X_L : 0), dst, src);
        } else {
            x_mov(&e->as, X_W, dst, src);
        }
    }
}

/* @vector or @scalar for a value of @type. */
static unsigned move_op(unsigned type, unsigned vector, unsigned scalar)
{
    return type == IR_V256 ? vector | X_L : type == IR_V128 ? vector : scalar;
}

static void emit_store(Emit *e, unsigned type, unsigned reg, int32_t disp)
{
    if (!is_xmm(reg)) {
        x_rm(&e->as, X_MOV_MR | X_W, reg, ENV, disp);
    } else {
        fp_rm(e, move_op(type, X_MOVUPS_MR, X_MOVSD_MR), reg, ENV, disp);
    }
}

static void emit_load(Emit *e, unsigned type, unsigned reg, int32_t disp)
{
    if (!is_xmm(reg)) {
        x_rm(&e->as, X_MOV | X_W, reg, ENV, disp);
    } else {
        fp_rm(e, move_op(type, X_MOVUPS, X_MOVSD), reg, ENV, disp);
    }
}

static void store_var(Emit *e, unsigned r)
{
    const IrVar *var = &e->ir->vars[e->reg[r].var];

    reg_canonicalize(e, r);
    emit_store(e, var->type, r, env_disp(var->offset));
    e->dirty_mask &= ~(1u << r);
    e->snap = NOSNAP;
}

/* @to gets what @from holds. */
static void copy_reg(Emit *e, unsigned to, unsigned from)
{
    emit_mov(e, to, from);
    e->raw_mask = (e->raw_mask & ~(1u << to)) | (e->raw_mask >> from & 1) << to;
}

static void load_var(Emit *e, unsigned r, unsigned var)
{
    e->raw_mask &= ~(1u << r);
    emit_load(e, e->ir->vars[var].type, r, env_disp(e->ir->vars[var].offset));
}

int32_t slot_disp(const Emit *e, unsigned slot)
{
    return env_disp(e->rt->off_spill + 16 * (int32_t)slot);
}

/* Constants that reg_use() makes when they are wanted. */
void emit_load_const(Emit *e, unsigned dst, const IrInsn *in)
{
    if (!is_xmm(dst)) {
        x_mov_imm(&e->as, dst, in->imm);
    } else if (in->op == IR_vsplat) {
        emit_splat_const(e, dst, in, e->insns[in->arg[0]].imm);
    } else if (in->op == IR_vzero || in->imm == 0) {
        fp_rrr(e, X_XORPS, dst, dst, dst);
    } else {
        unsigned w = in->type == IR_F64 ? X_W : 0;

        x_mov_imm(&e->as, RAX, w ? (uint64_t)in->imm : (uint32_t)in->imm);
        fp_rr(e, X_MOVD_X | w, dst, RAX);
    }
}

static bool is_const_op(const Emit *e, const IrInsn *in)
{
    return in->op == IR_const || in->op == IR_fconst || in->op == IR_vzero ||
           (in->op == IR_vsplat && e->insns[in->arg[0]].op == IR_const);
}

/* ---- Choosing registers. ---- */

static uint64_t slot_bits(unsigned type)
{
    return type == IR_V256 ? 3 : 1;
}

unsigned slot_take(Emit *e, unsigned type)
{
    uint64_t free = type == IR_V256 ? e->slots_free & e->slots_free >> 1 : e->slots_free;
    unsigned slot;

    if (free == 0) {
        emit_fail(e);
        return NOSLOT;
    }
    slot = __builtin_ctzll(free);
    e->slots_free &= ~(slot_bits(type) << slot);
    return slot;
}

void slot_give(Emit *e, unsigned type, unsigned slot)
{
    if (slot != NOSLOT) {
        e->slots_free |= slot_bits(type) << slot;
    }
}

void slot_store(Emit *e, unsigned type, unsigned slot, unsigned reg)
{
    if (slot != NOSLOT) {
        emit_store(e, type, reg, slot_disp(e, slot));
    }
}

static void spill_value(Emit *e, IrRef ref)
{
    Value *v = &e->vals[ref];

    if (v->slot == NOSLOT && !is_const_op(e, &e->insns[ref])) {
        unsigned type = result_type(&e->insns[ref]);

        reg_canonicalize(e, v->reg);
        v->slot = slot_take(e, type);
        slot_store(e, type, v->slot, v->reg);
    }
    unlink_value(e, ref);
}

/* Empties @r, keeping what it holds elsewhere. */
static void evict(Emit *e, unsigned r)
{
    while (e->reg[r].head != IR_NOREF) {
        spill_value(e, e->reg[r].head);
    }
    if (e->dirty_mask & 1u << r) {
        store_var(e, r);
    }
    detach_var(e, r);
}

/* How bad it is to empty @r; less is better. */
static uint32_t eviction_cost(const Emit *e, unsigned r)
{
    const RegDesc *d = &e->reg[r];
    uint32_t cost = 0;

    if (d->var != NOVAR) {
        bool dirty = e->dirty_mask >> r & 1;

        if (e->var_last[d->var] > e->cur) {
            cost = (dirty ? 0x40000 : 0x20000) - (e->cur - d->touch);
        } else {
            cost = dirty ? 0x100 : 0;
        }
    }
    if (d->head != IR_NOREF) {
        uint32_t last = 0;

        for (IrRef ref = d->head; ref != IR_NOREF; ref = e->vals[ref].next) {
            last = MAX(last, e->vals[ref].last);
        }
        cost += 0x100000 - last;
    }
    return cost;
}

static unsigned alloc_reg(Emit *e, uint32_t cls)
{
    uint32_t mask = e->free_mask & cls & ~e->locked;
    unsigned best = NOREG;
    uint32_t best_cost = UINT32_MAX;

    if (mask) {
        best = __builtin_ctz(mask);
        e->raw_mask &= ~(1u << best);
        return best;
    }
    for (mask = e->alloc_mask & cls & ~e->locked; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);
        uint32_t cost = eviction_cost(e, r);

        if (cost < best_cost) {
            best = r;
            best_cost = cost;
        }
    }
    evict(e, best);
    e->raw_mask &= ~(1u << best);
    return best;
}

/* Where values of @type go, one of which is about to. */
static uint32_t class_for(Emit *e, unsigned type)
{
    if (type_is_int(type)) {
        return GPR_MASK;
    }
    regs_note_vector(e, type);
    return XMM_MASK;
}

unsigned reg_use_raw(Emit *e, IrRef ref)
{
    Value *v = &e->vals[ref];
    const IrInsn *in = &e->insns[ref];

    if (v->reg == NOREG) {
        unsigned r = alloc_reg(e, class_for(e, result_type(in)));

        if (v->slot != NOSLOT) {
            emit_load(e, result_type(in), r, slot_disp(e, v->slot));
        } else {
            emit_load_const(e, r, in);
        }
        link_value(e, ref, r);
        e->released = false;
    }
    e->locked |= 1u << v->reg;
    e->reg[v->reg].touch = e->cur;
    return v->reg;
}

unsigned reg_use(Emit *e, IrRef ref)
{
    unsigned r = reg_use_raw(e, ref);

    reg_canonicalize(e, r);
    return r;
}

void reg_load_to(Emit *e, IrRef ref, unsigned dst)
{
    const Value *v = &e->vals[ref];
    const IrInsn *in = &e->insns[ref];

    if (v->reg != NOREG) {
        reg_canonicalize(e, v->reg);
        emit_mov(e, dst, v->reg);
    } else if (v->slot != NOSLOT) {
        emit_load(e, result_type(in), dst, slot_disp(e, v->slot));
    } else {
        emit_load_const(e, dst, in);
    }
}

unsigned reg_use_or(Emit *e, IrRef ref, unsigned scratch)
{
    const Value *v = &e->vals[ref];

    if (v->reg != NOREG) {
        e->locked |= 1u << v->reg;
        reg_canonicalize(e, v->reg);
        return v->reg;
    }
    reg_load_to(e, ref, scratch);
    return scratch;
}

static void release_value(Emit *e, IrRef ref, Value *v)
{
    if (v->reg != NOREG) {
        unlink_value(e, ref);
    }
    if (v->slot != NOSLOT) {
        slot_give(e, result_type(&e->insns[ref]), v->slot);
        v->slot = NOSLOT;
    }
}

/* The operands of a definition that the current instruction took over. */
static void release_fused(Emit *e, const IrInsn *def)
{
    for (unsigned k = 0; k < 4 && def->arg[k] != IR_NOREF; k++) {
        Value *v = &e->vals[def->arg[k]];

        if (v->last == e->cur) {
            release_value(e, def->arg[k], v);
        }
    }
}

static __attribute__((noinline)) void release_arg(Emit *e, IrRef ref, Value *v)
{
    if (v->flags & VALUE_FUSED) {
        release_fused(e, &e->insns[ref]);
    }
    release_value(e, ref, v);
}

/* Frees the operands that the current instruction uses last. Their registers stay locked. */
void regs_release_args(Emit *e)
{
    const IrInsn *in = &e->insns[e->cur];

    for (unsigned k = 0; k < 4 && in->arg[k] != IR_NOREF; k++) {
        Value *v = &e->vals[in->arg[k]];

        if (v->last == e->cur) {
            release_arg(e, in->arg[k], v);
        }
    }
    e->released = true;
}

/* Whether the result may overwrite @r: it holds nothing, or a clean variable that the block reads
 * no more. */
static bool reusable(const Emit *e, unsigned r, uint32_t cls)
{
    uint32_t bit;

    if (r == NOREG) {
        return false;
    }
    bit = 1u << r;
    if (!(bit & cls & e->alloc_mask) || e->reg[r].head != IR_NOREF || (bit & e->dirty_mask)) {
        return false;
    }
    return e->reg[r].var == NOVAR || (e->forget_vars && e->var_last[e->reg[r].var] <= e->cur);
}

/* Registers for the result, best first: where the variable lives that it becomes; one of the
 * operands' that is not needed any more; any. */
unsigned reg_def(Emit *e, unsigned prefer, unsigned prefer2)
{
    const Value *v = &e->vals[e->cur];
    uint32_t cls = class_for(e, result_type(&e->insns[e->cur]));
    unsigned r = NOREG;

    regs_release_args(e);
    if (v->hint) {
        unsigned var = v->hint - 1;

        r = e->home[var] != NOREG ? e->home[var] : e->var_reg[var];
        if (r != NOREG && e->reg[r].head == IR_NOREF) {
            e->locked |= 1u << r;
            return r;
        }
    }
    r = reusable(e, prefer, cls) ? prefer : reusable(e, prefer2, cls) ? prefer2 : alloc_reg(e, cls);
    e->locked |= 1u << r;
    return r;
}

void reg_bind(Emit *e, unsigned reg, unsigned flags)
{
    detach_var(e, reg);
    e->raw_mask &= ~(1u << reg);
    if (e->vals[e->cur].last) {
        link_value(e, e->cur, reg);
        e->vals[e->cur].flags |= flags;
    }
}

void reg_alias(Emit *e, IrRef ref, unsigned flags)
{
    unsigned r = reg_use_raw(e, ref);

    e->vals[e->cur].flags |= flags;
    link_value(e, e->cur, r);
}

/* ---- Variables. ---- */

void reg_get_var(Emit *e, unsigned var)
{
    unsigned r = e->var_reg[var];

    if (r == NOREG) {
        uint32_t cls = class_for(e, e->ir->vars[var].type);

        r = e->home[var];
        if (r == NOREG) {
            r = alloc_reg(e, cls);
        } else if (e->reg[r].head != IR_NOREF) {
            evict(e, r);
        }
        load_var(e, r, var);
        attach_var(e, r, var, false);
    }
    link_value(e, e->cur, r);
}

/* Moves the values in @r to another register. */
static void relocate_values(Emit *e, unsigned r)
{
    unsigned to;
    IrRef head = e->reg[r].head;

    if (head == IR_NOREF) {
        return;
    }
    e->locked |= 1u << r;
    to = alloc_reg(e, 1u << r & GPR_MASK ? GPR_MASK : XMM_MASK);
    copy_reg(e, to, r);
    for (IrRef ref = head; ref != IR_NOREF; ref = e->vals[ref].next) {
        e->vals[ref].reg = to;
    }
    e->reg[to].head = head;
    e->reg[to].touch = e->cur;
    e->reg[r].head = IR_NOREF;
    e->free_mask &= ~(1u << to);
    note_free(e, r);
}

static void set_pinned(Emit *e, unsigned var, IrRef ref)
{
    unsigned home = e->home[var];
    const Value *v = &e->vals[ref];

    if (v->reg == home) {
        if (e->var_reg[var] == NOREG) {
            attach_var(e, home, var, true); /* computed in place */
        }
        return; /* or: the variable to itself */
    }
    if (v->reg != NOREG) {
        e->locked |= 1u << v->reg;
    }
    relocate_values(e, home);
    detach_var(e, home);
    if (v->reg != NOREG) {
        copy_reg(e, home, v->reg);
    } else {
        reg_load_to(e, ref, home);
        e->raw_mask &= ~(1u << home);
    }
    attach_var(e, home, var, true);
}

void reg_set_var(Emit *e, unsigned var, IrRef ref)
{
    const IrInsn *def = &e->insns[ref];
    unsigned old, r;

    if (e->home[var] != NOREG) {
        set_pinned(e, var, ref);
        return;
    }
    old = e->var_reg[var];
    if (e->vals[ref].reg == NOREG && (def->op == IR_const || def->op == IR_fconst) &&
        fits_s32(def->imm) && !(def->op == IR_fconst && def->type == IR_F32)) {
        if (old != NOREG) {
            detach_var(e, old);
        }
        x_store_imm(&e->as, ENV, env_disp(e->ir->vars[var].offset), def->imm, RAX);
        return;
    }
    r = reg_use_raw(e, ref); /* may have evicted the old value */
    old = e->var_reg[var];
    if (r == old) {
        return;
    }
    if (e->reg[r].var != NOVAR || (e->pin_mask & 1u << r)) {
        unsigned copy = old != NOREG && e->reg[old].head == IR_NOREF
                            ? old
                            : alloc_reg(e, 1u << r & GPR_MASK ? GPR_MASK : XMM_MASK);

        copy_reg(e, copy, r);
        r = copy;
        old = e->var_reg[var];
    }
    if (old != NOREG) {
        detach_var(e, old);
    }
    attach_var(e, r, var, true);
}

/* Stores variables of the registers in @mask. */
static void flush(Emit *e, uint32_t mask)
{
    bool flags = e->flags_end == e->as.p && !(mask & e->raw_mask);

    for (; mask; mask &= mask - 1) {
        store_var(e, __builtin_ctz(mask));
    }
    if (flags) {
        e->flags_end = e->as.p; /* stores leave flags alone */
    }
}

uint32_t regs_dirty_guest(const Emit *e)
{
    uint32_t guest = 0;

    if (!e->ir->scratch_vars || !e->how->optimize) {
        return e->dirty_mask; /* nothing else is there */
    }
    for (uint32_t mask = e->dirty_mask; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        guest |= (uint32_t)(e->reg[r].var < (int)e->ir->first_scratch) << r;
    }
    return guest;
}

void regs_flush(Emit *e)
{
    flush(e, e->dirty_mask);
}

void regs_flush_guest(Emit *e)
{
    flush(e, regs_dirty_guest(e));
}

void regs_forget_vars(Emit *e)
{
    for (uint32_t mask = e->var_mask; mask; mask &= mask - 1) {
        detach_var(e, __builtin_ctz(mask));
    }
}

/* The call's own operands that die there are dropped (but not their spill slots: they may still be
 * loaded). Values in callee-saved registers stay. */
void regs_save_for_call(Emit *e)
{
    for (uint32_t mask = CALLER_SAVED & ~e->free_mask; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);
        IrRef next;

        for (IrRef ref = e->reg[r].head; ref != IR_NOREF; ref = next) {
            next = e->vals[ref].next;
            if (e->vals[ref].last == e->cur) {
                unlink_value(e, ref);
            }
        }
        evict(e, r);
    }
}

/* Loads a pinned variable to its home. */
void regs_load_home(Emit *e, unsigned var)
{
    relocate_values(e, e->home[var]);
    load_var(e, e->home[var], var);
    attach_var(e, e->home[var], var, false);
}

void regs_begin_scratch(Emit *e, uint32_t valid)
{
    for (unsigned var = e->ir->first_scratch; e->ir->scratch_vars && var < e->ir->nvars; var++) {
        unsigned home = e->home[var];

        if (home != NOREG && (valid & 1u << home)) {
            attach_var(e, home, var, false);
        }
    }
}

void regs_make_canonical(Emit *e, uint32_t valid, uint32_t raw)
{
    for (uint32_t mask = e->raw_mask & e->var_mask & valid & ~raw; mask; mask &= mask - 1) {
        reg_canonicalize(e, __builtin_ctz(mask));
    }
    for (uint32_t mask = e->dirty_mask & ~e->pin_mask; mask; mask &= mask - 1) {
        store_var(e, __builtin_ctz(mask));
    }
    if (!(valid & ~e->var_mask)) {
        return;
    }
    for (unsigned var = 0; var < e->ir->nvars; var++) {
        unsigned home = e->home[var];

        if (home != NOREG && (valid & 1u << home) && e->var_reg[var] == NOREG) {
            regs_load_home(e, var);
        }
    }
}

/* ---- Regions and blocks. ---- */

void regs_begin_region(Emit *e)
{
    e->alloc_mask = ALLOC_GPRS | ALLOC_XMMS;
    e->pin_mask = 0;
    e->raw_mask = 0;
    e->entry_canon = 0;
    e->slots_free = ~UINT64_C(0) >> (64 - TCG_SPILL_SLOTS);
    e->vectors = VECTORS_NONE;
    memset(e->home, NOREG, e->ir->nvars);
    memset(e->var_reg, NOREG, e->ir->nvars);
}

/* Nothing in registers but what @state says. */
void regs_begin_block(Emit *e, const BlockState *state)
{
    static const RegDesc empty[NHOSTREGS] = {
        [0 ... NHOSTREGS - 1] = {.var = NOVAR, .head = IR_NOREF}};

    memset(e->var_reg, NOREG, e->ir->nvars);
    memcpy(e->reg, empty, sizeof(empty));
    e->var_mask = state->vars;
    e->free_mask = e->alloc_mask & ~state->vars;
    e->dirty_mask = state->dirty;
    e->raw_mask = state->raw;
    e->locked = 0;
    e->snap = NOSNAP;
    for (uint32_t mask = state->vars; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        e->reg[r].var = state->var[r];
        e->var_reg[state->var[r]] = r;
    }
}

void regs_begin_join(Emit *e, const BlockInfo *info)
{
    BlockState state = {.dirty = info->dirty_in, .raw = info->raw_in};

    for (unsigned v = 0; v < e->ir->nvars && info->valid_in; v++) {
        if (e->home[v] != NOREG && (info->valid_in & 1u << e->home[v])) {
            state.vars |= 1u << e->home[v];
            state.var[e->home[v]] = v;
        }
    }
    regs_begin_block(e, &state);
}

int32_t regs_save_state(Emit *e)
{
    BlockState *s = table_add(&e->states, 1);

    s->vars = e->var_mask;
    s->dirty = e->dirty_mask;
    s->raw = e->raw_mask & e->var_mask;
    s->pc = e->pc;
    s->undone = e->undone;
    for (uint32_t mask = e->var_mask; mask; mask &= mask - 1) {
        unsigned r = __builtin_ctz(mask);

        s->var[r] = e->reg[r].var;
    }
    return e->states.n - 1;
}

/* ---- Snapshots. ---- */

uint32_t regs_snapshot(Emit *e)
{
    if (e->snap == NOSNAP) {
        uint32_t *words = table_add(&e->words, NHOSTREGS + 1), n = 0;

        for (uint32_t mask = regs_dirty_guest(e); mask; mask &= mask - 1) {
            unsigned r = __builtin_ctz(mask);
            const IrVar *var = &e->ir->vars[e->reg[r].var];

            words[++n] = SNAP_WORD(var->offset, snap_kind(var->type, e->raw_mask >> r & 1), r);
        }
        words[0] = n;
        e->words.n -= NHOSTREGS - n;
        e->snap = e->words.n - (n + 1);
    }
    return e->snap;
}

void emit_snapshot_stores(Emit *e, uint32_t snap)
{
    const uint32_t *words = &e->words.at[snap];

    for (uint32_t k = 1; k <= words[0]; k++) {
        if (SNAP_RAW(words[k])) {
            emit_canonical(e, SNAP_REG(words[k]));
        }
        emit_store(e, snap_type(words[k]), SNAP_REG(words[k]), env_disp(SNAP_OFFSET(words[k])));
    }
}
