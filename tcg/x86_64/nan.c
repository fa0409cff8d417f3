/*
 * When NaNs are made canonical.
 *
 * fcanon of an f64 result costs nothing where it stands: it only marks the register as raw, which
 * may hold the host's idea of a NaN instead of the canonical one. Arithmetic and comparisons do not
 * see the difference, because a NaN's payload shows neither in whether a result is a NaN nor in the
 * flags (all of these NaNs are quiet), and their results are made canonical in turn. Whatever does
 * see it (a store, a move to integers, state in memory) uses the register by reg_use(), which tests
 * it there and then, once. Ways out of the region do so out of line (emit_snapshot_stores()), and
 * tcg_restore() for state that is wanted in the middle of one.
 *
 * At a join a pinned variable may be raw if on every path to there it was last set to something
 * canonical. That is a forward data-flow problem over sets of homes. Entering a loop by the
 * region's start would spoil it, as state in memory may hold any NaN: so the variables for which
 * this makes a difference are tested at the entry, and the region is left for first-tier code if one
 * has a NaN other than the canonical one.
 */
#include "tcg/x86_64/emit.h"

#define NAN64 UINT64_C(0x7ff8000000000000)

/* reg: the register. */
static void cold_canonical(Emit *e, const Cold *c)
{
    fp_rip_load(e, X_MOVSD, c->reg[0], POOL_NAN64);
    x_jmp_back(&e->as, c->back);
}

void reg_canonicalize(Emit *e, unsigned r)
{
    uint32_t bit = 1u << r;
    Cold *c;

    if (!(e->raw_mask & bit)) {
        return;
    }
    e->raw_mask &= ~bit;
    if (e->dirty_mask & bit) {
        e->snap = NOSNAP;
    }
    fp_rr(e, X_UCOMISS | X_66, r, r);
    c = cold_new(e, cold_canonical, x_jcc32(&e->as, CC_P));
    c->reg[0] = r;
    c->back = e->as.p;
}

void emit_canonical(Emit *e, unsigned r)
{
    uint8_t *number;

    fp_rr(e, X_UCOMISS | X_66, r, r);
    number = x_jcc8(&e->as, CC_NP);
    fp_rip_load(e, X_MOVSD, r, POOL_NAN64);
    asm_patch8(&e->as, number);
}

static bool const_canonical(uint64_t v)
{
    return v << 1 <= UINT64_C(0xffe0000000000000) || v == NAN64;
}

void nan_make_canonical(void *f64)
{
    uint64_t v;

    memcpy(&v, f64, 8);
    if (!const_canonical(v)) {
        v = NAN64;
        memcpy(f64, &v, 8);
    }
}

/* ---- What is canonical at joins. ---- */

/* Whether a value is canonical: a number, or the canonical NaN (or will be made so). */
static bool value_canonical(const Emit *e, IrRef ref)
{
    const IrInsn *in = &e->insns[ref];
    uint64_t v;

    switch (in->op) {
    case IR_mov: return value_canonical(e, in->arg[0]);
    case IR_get_var: return e->vals[ref].flags & VALUE_CANON;
    case IR_fma: return in->aux & IR_FMA_INF_ZERO;
    case IR_fconst: return const_canonical(in->imm);
    case IR_bits_if: return value_const(e, in->arg[0], &v) && const_canonical(v);
    case IR_fcanon:
    case IR_fcvt_fi:
    case IR_fminnum:
    case IR_fmaxnum: return true;
    default: return false;
    }
}

/* The homes that hold something canonical at the end of @block if those in @canon do at its start. */
static uint32_t canon_through(Emit *e, const IrBlock *block, uint32_t canon)
{
    for (unsigned i = block->first; i < block->first + block->count; i++) {
        const IrInsn *in = &e->insns[i];

        if (in->op == IR_call && (e->ir->helpers[in->imm].flags & IR_HELPER_WRITES_STATE)) {
            canon = 0;
        }
        if ((in->op != IR_get_var && in->op != IR_set_var) || in->type != IR_F64) {
            continue;
        }
        uint32_t bit = e->home[in->imm] == NOREG ? 0 : 1u << e->home[in->imm];

        if (in->op == IR_get_var) {
            e->vals[i].flags = (e->vals[i].flags & ~VALUE_CANON) | (canon & bit ? VALUE_CANON : 0);
        } else if (value_canonical(e, in->arg[0])) {
            canon |= bit;
        } else {
            canon &= ~bit;
        }
    }
    return canon;
}

/* Puts into raw_in of each block what is canonical there if @entry is where the region begins. */
static void canon_solve(Emit *e, uint32_t entry)
{
    bool changed;

    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        e->blocks[b].raw_in = b ? UINT32_MAX : entry;
    }
    do {
        changed = false;
        for (unsigned b = 0; b < e->ir->nblocks; b++) {
            const IrBlock *block = &e->ir->blocks[b];
            unsigned out[2], n = block_successors(e, block, out);
            uint32_t canon = canon_through(e, block, e->blocks[b].raw_in);

            for (unsigned k = 0; k < n; k++) {
                BlockInfo *to = &e->blocks[out[k]];

                changed |= (to->raw_in & ~canon) != 0;
                to->raw_in &= canon;
            }
        }
    } while (changed);
}

/* Homes of variables that loops set to results of arithmetic, and of those copied to and from them. */
static uint32_t homes_worth_testing(const Emit *e)
{
    uint32_t homes = 0, before;

    do {
        before = homes;
        for (unsigned b = 0; b < e->ir->nblocks; b++) {
            const IrBlock *block = &e->ir->blocks[b];

            for (unsigned i = block->first; i < block->first + block->count; i++) {
                const IrInsn *in = &e->insns[i], *def = &e->insns[in->arg[0]];

                if (in->op != IR_set_var || in->type != IR_F64 || e->home[in->imm] == NOREG) {
                    continue;
                }
                uint32_t bit = 1u << e->home[in->imm];

                if (def->op == IR_fcanon && block->loop_depth) {
                    homes |= bit;
                } else if (def->op == IR_get_var && e->home[def->imm] != NOREG) {
                    uint32_t other = 1u << e->home[def->imm];

                    homes |= homes & (bit | other) ? bit | other : 0;
                }
            }
        }
    } while (homes != before);
    return homes;
}

void nan_plan(Emit *e)
{
    uint32_t all = homes_worth_testing(e), best[e->ir->nblocks];

    e->entry_canon = 0;
    if (!all) {
        return;
    }
    if (!e->how->no_entry_tests) {
        canon_solve(e, all);
    }
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        const BlockInfo *info = &e->blocks[b];

        bool head = info->canonical && e->ir->blocks[b].loop_depth;

        best[b] = head && !e->how->no_entry_tests ? info->raw_in & info->valid_in : 0;
    }
    canon_solve(e, 0);
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        e->entry_canon |= best[b] & ~e->blocks[b].raw_in & all;
    }
    if (e->entry_canon) {
        canon_solve(e, e->entry_canon);
    }
    for (unsigned b = 0; b < e->ir->nblocks; b++) {
        e->blocks[b].raw_in &= e->blocks[b].valid_in & all;
    }
}

/* ---- The test at the entry. ---- */

/* rax: a NaN shifted left by one. State is as at the entry. */
static void cold_entry_nan(Emit *e, const Cold *c)
{
    x_mov_imm(&e->as, RDX, NAN64 << 1);
    x_alu(&e->as, ALU_CMP, X_W, RAX, RDX);
    x_jcc_back(&e->as, CC_E, c->back);
    emit_store_pc(e, e->how->pc);
    x_jmp(&e->as, e->stubs->lookup_plain);
}

/* Without touching flags, as it may be signaling: shifted left by one, a NaN is above infinity. */
void nan_check_entry(Emit *e)
{
    if (e->entry_canon) {
        x_mov_imm(&e->as, RCX, UINT64_C(0xffe0000000000000));
    }
    for (unsigned var = 0; e->entry_canon && var < e->ir->nvars; var++) {
        unsigned home = e->home[var];
        Cold *c;

        if (home == NOREG || !(e->entry_canon & 1u << home)) {
            continue;
        }
        if (e->var_reg[var] == NOREG) {
            regs_load_home(e, var);
        }
        fp_rr(e, X_MOVD_R | X_W, home, RAX);
        x_alu(&e->as, ALU_ADD, X_W, RAX, RAX);
        x_alu(&e->as, ALU_CMP, X_W, RAX, RCX);
        c = cold_new(e, cold_entry_nan, x_jcc32(&e->as, CC_A));
        c->back = e->as.p;
    }
}
