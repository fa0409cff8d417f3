/*
 * The forward pass's knowledge of guest state within a block: values of variables and of env
 * fields, and which stores nothing has observed yet.
 *
 * Three counters stand for clearing tables. An entry of a variable is valid if its epoch is the
 * current one; a block whose only predecessor comes right before it may still use the facts of
 * older entries, down to `oldest`. A store is unobserved if its observation epoch is the current
 * one; everything that may fault, leave, or read state starts a new one.
 */
#include "tcg/optimize.h"
#include <string.h>

void opt_state_reserve(IrOptScratch *o)
{
    unsigned nvars = o->ir->nvars;

    if (o->cap_vars < nvars) {
        o->vars = g_renew(OptVar, o->vars, nvars);
        memset(o->vars, 0, nvars * sizeof(OptVar));
        o->cap_vars = nvars;
        o->epoch = o->observation = 0;
    }
}

void opt_state_init(IrOptScratch *o)
{
    if (unlikely(o->epoch > UINT32_MAX / 2 || o->observation > UINT32_MAX / 2)) {
        memset(o->vars, 0, o->cap_vars * sizeof(OptVar));
        o->epoch = o->observation = 0;
    }
    o->oldest = ++o->epoch;
    o->observation++;
    o->nenv = 0;
    o->block_entry = NULL;
}

void opt_state_block(IrOptScratch *o, unsigned block, bool follows)
{
    o->epoch++;
    o->observation++;
    o->nenv = 0;
    if (!follows) {
        o->oldest = o->epoch;
    }
    o->block_entry = o->entry ? o->entry + (size_t)block * o->ncolumns : NULL;
}

void opt_state_effects(IrOptScratch *o, unsigned insn_flags)
{
    if (insn_flags & (IR_FLAG_FAULT | IR_FLAG_READS_STATE | IR_FLAG_WRITES_STATE)) {
        o->observation++;
    }
    if (insn_flags & IR_FLAG_WRITES_STATE) {
        o->oldest = ++o->epoch;
        o->nenv = 0;
        o->block_entry = NULL;
    }
}

/* ---- Variables ---- */

static void hold(IrOptScratch *o, OptVar *var, IrRef value)
{
    if (var->known == o->epoch) {
        o->facts[var->value].held -= o->facts[var->value].held != 0;
    }
    if (o->facts[value].held < UINT8_MAX / 2) {
        o->facts[value].held++;
    }
    var->known = o->epoch;
    var->value = value;
}

/* What is known at a block's start of a variable that it has not touched. */
static const IrFacts *inherited(const IrOptScratch *o, const OptVar *var)
{
    if (o->block_entry) {
        return &o->block_entry[var->column];
    }
    return var->known >= o->oldest ? &o->facts[var->value] : NULL;
}

IrRef opt_get_var(IrOptScratch *o, IrInsn *insn)
{
    OptVar *var = &o->vars[insn->imm];
    const IrFacts *facts;
    IrRef ref;

    if (var->known == o->epoch) {
        return var->value;
    }
    facts = inherited(o, var);
    if (facts && ir_facts_is_const(facts) && insn->type == IR_I64) {
        ref = opt_const(o, IR_I64, facts->ones);
    } else {
        ref = opt_emit(o, insn);
        if (facts) {
            o->facts[ref].zeros = facts->zeros;
            o->facts[ref].ones = facts->ones;
            o->facts[ref].sign = facts->sign;
        }
    }
    hold(o, var, ref);
    return ref;
}

void opt_set_var(IrOptScratch *o, IrInsn *insn)
{
    OptVar *var = &o->vars[insn->imm];
    IrRef value = insn->arg[0];

    if (var->known == o->epoch && var->value == value) {
        return;
    }
    if (var->pending == o->observation) {
        o->out[var->set].flags |= IR_INSN_DEAD;
    }
    var->set = opt_emit(o, insn);
    var->pending = o->observation;
    hold(o, var, value);
}

/* ---- Env ---- */

/* The vCPU's own fields (negative offsets) change by themselves, and the pc is set by
 * insn_start. */
static bool is_tracked(const IrOptScratch *o, const IrInsn *insn)
{
    int64_t start = insn->imm, end = start + ir_memop_bytes(insn->aux);

    return start >= 0 && (end <= o->ir->pc_offset || start >= o->ir->pc_offset + 8);
}

static bool overlaps(const OptEnv *e, const IrInsn *insn)
{
    return e->offset < insn->imm + (int64_t)ir_memop_bytes(insn->aux) &&
           insn->imm < e->offset + (int64_t)(1 << e->size);
}

static bool same_field(const OptEnv *e, const IrInsn *insn)
{
    return e->offset == insn->imm && e->size == (insn->aux & IR_SIZE_MASK);
}

static void remember_env(IrOptScratch *o, const IrInsn *insn, IrRef value, IrRef store)
{
    unsigned i = o->nenv < OPT_NENV ? o->nenv++ : (uint32_t)insn->imm / 8 % OPT_NENV;

    o->env[i] = (OptEnv){.offset = (int32_t)insn->imm,
                         .size = insn->aux & IR_SIZE_MASK,
                         .type = insn->type,
                         .value = value,
                         .store = store,
                         .pending = o->observation};
}

static void forget_env(IrOptScratch *o, unsigned i)
{
    o->env[i] = o->env[--o->nenv];
}

IrRef opt_ld_env(IrOptScratch *o, IrInsn *insn)
{
    unsigned bits = insn->type == IR_I32 ? 32 : 64;
    IrRef ref;

    if (!is_tracked(o, insn) || (insn->aux & IR_BIG_ENDIAN)) {
        o->observation++;
        return opt_emit(o, insn);
    }
    for (unsigned i = 0; i < o->nenv; i++) {
        OptEnv *e = &o->env[i];

        if (same_field(e, insn) && e->type == insn->type) {
            if (8 * ir_memop_bytes(insn->aux) == bits) {
                return e->value;
            }
            return opt_int(o, IR_ext, (IrType)insn->type, insn->aux, e->value, IR_NOREF);
        }
        if (overlaps(e, insn)) {
            e->store = IR_NOREF;
        }
    }
    ref = opt_emit(o, insn);
    remember_env(o, insn, ref, IR_NOREF);
    return ref;
}

/* Whether the low bits that a store writes are the same in both values. */
static bool same_bits(const IrOptScratch *o, IrRef a, IrRef b, unsigned size)
{
    uint64_t mask = size >= IR_64 ? ~UINT64_C(0) : (UINT64_C(1) << (8u << size)) - 1;
    const IrFacts *fa = &o->facts[a], *fb = &o->facts[b];

    return a == b || (((fa->ones & fb->ones) | (fa->zeros & fb->zeros)) & mask) == mask;
}

void opt_st_env(IrOptScratch *o, IrInsn *insn)
{
    IrRef ref;

    if (!is_tracked(o, insn) || (insn->aux & IR_BIG_ENDIAN)) {
        o->nenv = 0;
        opt_emit(o, insn);
        return;
    }
    for (unsigned i = 0; i < o->nenv; i++) {
        OptEnv *e = &o->env[i];

        if (same_field(e, insn) && same_bits(o, e->value, insn->arg[0], e->size)) {
            return;
        }
    }
    for (unsigned i = o->nenv; i-- > 0;) {
        OptEnv *e = &o->env[i];

        if (overlaps(e, insn)) {
            if (same_field(e, insn) && e->store != IR_NOREF && e->pending == o->observation) {
                o->out[e->store].flags |= IR_INSN_DEAD;
            }
            forget_env(o, i);
        }
    }
    ref = opt_emit(o, insn);
    remember_env(o, insn, insn->arg[0], ref);
}
