/*
 * tcg_compile(): a region of IR to host code, and the Tcg itself.
 *
 * The blocks of the region are emitted in order, the cold ones last; then the out-of-line code.
 * Nothing is kept if the room does not suffice.
 */
#include "softmmu/base/error.h"
#include "tcg/x86_64/emit.h"

typedef void CompileFn(Emit *e, const IrInsn *in);

static CompileFn *const op_table[IR_NOPS] = {
#define OP(name, r, a, b, c, d, flags) op_##name,
#include "tcg/ir-ops.def"
#undef OP
};

/* Result types by letter; 0 where the type field says. */
#define RESULT_TYPE_i 0
#define RESULT_TYPE_x 0
#define RESULT_TYPE_f 0
#define RESULT_TYPE__ 0
#define RESULT_TYPE_w IR_I32
#define RESULT_TYPE_q IR_I64
#define RESULT_TYPE_s IR_F32
#define RESULT_TYPE_d IR_F64
#define RESULT_TYPE_v 0
#define RESULT_TYPE_h IR_V128
#define RESULT_TYPE_y IR_V256
const uint8_t op_result_type[IR_NOPS] = {
#define OP(name, r, a, b, c, d, flags) RESULT_TYPE_##r,
#include "tcg/ir-ops.def"
#undef OP
};

/* Pure, and without effect on FP flags. */
const bool op_is_skippable[IR_NOPS] = {
    [IR_const] = true,
    [IR_fconst] = true,
    [IR_vzero] = true,
    [IR_mov] = true,
    [IR_get_var] = true,
    [IR_probe] = true,
    [IR_add... IR_select] = true,
    [IR_fflags] = true,
    [IR_fcanon] = true,
    [IR_fabs... IR_fsgnjx] = true,
    [IR_fbox... IR_bits_is] = true,
    [IR_vand... IR_vint] = true,
    [IR_vcmp... IR_vnarrow] = true,
    [IR_vhalf... IR_vget] = true,
};

void op_mov(Emit *e, const IrInsn *in)
{
    reg_alias(e, in->arg[0], e->vals[in->arg[0]].flags & VALUE_ZX);
}

void op_get_var(Emit *e, const IrInsn *in)
{
    reg_get_var(e, in->imm);
}

void op_set_var(Emit *e, const IrInsn *in)
{
    reg_set_var(e, in->imm, in->arg[0]);
}

void *table_grow(void *at, uint32_t *cap, uint32_t more, size_t row)
{
    *cap = MAX(2 * *cap, *cap + more);
    return g_realloc_n(at, *cap, row);
}

/* ---- Out-of-line code. ---- */

/* A record for code that the jump at @from leads to. The pointer holds until the next one is
 * made. */
Cold *cold_new_clean(Emit *e, ColdFn *emit, uint8_t *from)
{
    Cold *c = table_add(&e->cold, 1);

    *c = (Cold){
        .emit = emit,
        .from = {from, NULL},
        .pc = e->pc,
        .snap = NOSNAP,
        .undone = e->undone,
        .insn = e->cur,
        .reg = {NOREG, NOREG, NOREG, NOREG},
    };
    return c;
}

Cold *cold_new(Emit *e, ColdFn *emit, uint8_t *from)
{
    Cold *c = cold_new_clean(e, emit, from);

    c->snap = regs_snapshot(e);
    return c;
}

void emit_fail(Emit *e)
{
    e->failed = true;
    e->room_end = e->base - 1;
}

static bool out_of_room(const Emit *e)
{
    return e->as.p > e->room_end;
}

/* Cold code may add more of it. */
static bool emit_cold(Emit *e)
{
    for (unsigned i = 0; i < e->cold.n; i++) {
        Cold c = e->cold.at[i];

        if (out_of_room(e)) {
            return false;
        }
        for (unsigned k = 0; k < 2; k++) {
            if (c.from[k]) {
                asm_patch32(&e->as, c.from[k]);
            }
        }
        c.emit(e, &c);
    }
    return true;
}

/* ---- Blocks. ---- */

/* The block that a branch to @target ends up in: blocks that only branch on are passed by, but for cold ones, which
 * are there for what the edge needs. */
static unsigned thread_target(const Emit *e, unsigned target)
{
    for (unsigned hops = 0; hops < 8; hops++) {
        const IrBlock *block = &e->ir->blocks[target];
        const IrInsn *in = &e->insns[block->first];

        if (block->count != 1 || in->op != IR_br || block->cold) {
            break;
        }
        target = in->target[0];
    }
    return target;
}

static void count_edge(Emit *e, unsigned from, unsigned to)
{
    BlockInfo *info = &e->blocks[to];

    info->preds++;
    if (e->blocks[from].order >= info->order) {
        info->canonical = true;
    }
}

/* The order of emission, and which blocks are joins. */
static void plan_blocks(Emit *e)
{
    unsigned n = 0, nblocks = e->ir->nblocks;

    memset(e->blocks, 0, nblocks * sizeof(BlockInfo));
    for (int cold = 0; cold < 2; cold++) {
        for (unsigned b = 0; b < nblocks; b++) {
            if (cold == (e->ir->blocks[b].cold && b != 0)) {
                e->order[n] = b;
                e->blocks[b].order = n++;
                e->blocks[b].state = -1;
            }
        }
    }
    if (nblocks == 1) {
        return;
    }
    e->blocks[0].preds = 1;
    for (unsigned b = 0; b < nblocks; b++) {
        const IrBlock *block = &e->ir->blocks[b];
        IrInsn *end = &e->insns[block->first + block->count - 1];

        if (end->op != IR_br && end->op != IR_brcond) {
            continue;
        }
        end->target[0] = thread_target(e, end->target[0]);
        if (block->count > 1 || block->cold || b == 0 || end->op == IR_brcond) {
            count_edge(e, b, end->target[0]);
        }
        if (end->op == IR_brcond) {
            end->target[1] = thread_target(e, end->target[1]);
            if (end->target[1] != end->target[0]) {
                count_edge(e, b, end->target[1]);
            }
        }
    }
    for (unsigned b = 0; b < nblocks; b++) {
        e->blocks[b].canonical |= e->blocks[b].preds > 1;
    }
}

/* Makes the jumps that wait for the block lead here. */
static void place_label(Emit *e, BlockInfo *info)
{
    uint8_t *field = info->fixups;

    while (field) {
        int32_t previous;

        memcpy(&previous, field, 4);
        asm_patch32(&e->as, field);
        field = previous ? e->base + previous : NULL;
    }
    info->label = e->as.p;
}

static const BlockState empty_state;

static void begin_block(Emit *e, const BlockInfo *info)
{
    if (info->canonical) {
        e->pc = info->pc;
        e->undone = info->undone;
        regs_begin_join(e, info);
    } else if (info->state >= 0) {
        const BlockState *state = &e->states.at[info->state];

        e->pc = state->pc;
        e->undone = state->undone;
        regs_begin_block(e, state);
    } else {
        regs_begin_block(e, &empty_state);
    }
    e->has_mark = false;
    e->poll_pending = false;
    e->flags_ref = IR_NOREF;
}

static bool emit_block(Emit *e, unsigned b)
{
    const IrBlock *block = &e->ir->blocks[b];
    BlockInfo *info = &e->blocks[b];
    const IrInsn *end;

    e->block = block;
    end = &e->insns[block->first + block->count - 1];
    e->forget_vars = !e->how->optimize || (end->op != IR_br && end->op != IR_brcond);
    scan_block(e, block);
    if (b == 0 && info->canonical) {
        regs_begin_block(e, &empty_state);
        regs_begin_scratch(e, info->valid_in);
        regs_make_canonical(e, info->valid_in, 0);
        nan_check_entry(e);
    }
    if (e->how->optimize && info->canonical && block->loop_depth) {
        asm_align(&e->as, 16, 0);
    }
    place_label(e, info);
    begin_block(e, info);
    if (b == 0 && !info->canonical) {
        nan_check_entry(e);
    }
    unsigned i = block->first, last = i + block->count;
    const IrInsn *in = &e->insns[i];
    const Value *v = &e->vals[i];

    for (; i < last; i++, in++, v++) {
        if (in->op == IR_insn_start) {
            op_insn_start(e, in);
            continue;
        }
        if (in->op == IR_const || (v->flags & VALUE_FUSED) ||
            (v->last == 0 && op_is_skippable[in->op])) {
            continue;
        }
        e->cur = i;
        e->released = in->arg[0] == IR_NOREF;
        op_table[in->op](e, in);
        if (!e->released) {
            regs_release_args(e);
        }
        e->locked = 0;
        if (out_of_room(e)) {
            return false;
        }
    }
    return true;
}

/* ---- Regions. ---- */

static void reserve(Emit *e)
{
    const IrRegion *ir = e->ir;

    if (e->cap_vals < ir->ninsns) {
        e->cap_vals = ir->ninsns + ir->ninsns / 2;
        e->vals = g_renew(Value, e->vals, e->cap_vals);
    }
    if (e->cap_blocks < ir->nblocks) {
        e->cap_blocks = ir->nblocks * 2;
        e->blocks = g_renew(BlockInfo, e->blocks, e->cap_blocks);
        e->order = g_renew(uint32_t, e->order, e->cap_blocks);
    }
    if (e->cap_vars < ir->nvars) {
        e->cap_vars = ir->nvars;
        e->var_reg = g_renew(uint8_t, e->var_reg, ir->nvars);
        e->home = g_renew(uint8_t, e->home, ir->nvars);
        e->next_touch = g_renew(uint16_t, e->next_touch, ir->nvars);
        e->var_last = g_renew(uint16_t, e->var_last, ir->nvars);
    }
}

/* A value before anything is known of it. */
static const Value new_value = {.reg = NOREG, .slot = NOSLOT, .next = IR_NOREF};

/* How many exits the region can have at most. */
static unsigned count_exits(const IrRegion *ir, bool optimized)
{
    unsigned n = 0;

    if (!optimized) {
        return 2 * ir->nblocks; /* as front ends make blocks: a mark, and the end */
    }
    for (unsigned i = 0; i < ir->ninsns; i++) {
        unsigned op = ir->insns[i].op;

        n += op == IR_exit_direct || op == IR_call_mark || op == IR_exit_indirect;
    }
    return n;
}

/* False: there is no room for the region's exits. */
static bool begin_region(Emit *e, Tcg *tcg, IrRegion *ir, const TcgCompile *how, uint8_t *at,
                         size_t room)
{
    unsigned max_exits = count_exits(ir, how->optimize);

    if (max_exits > how->meta_room / sizeof(TcgExit)) {
        return false;
    }
    e->ir = ir;
    e->insns = ir->insns;
    e->how = how;
    e->memory = tcg->mem.write;
    e->base = e->memory + (at - tcg->mem.exec);
    e->as.p = e->base;
    e->room_end = e->base + room - MAX_OP_BYTES;
    e->failed = false;
    e->counting = false;
    e->pc = how->pc;
    e->undone = 0;
    e->snap = NOSNAP;
    reserve(e);
    for (Value *v = e->vals, *end = v + ir->ninsns; v < end; v++) {
        *v = new_value;
    }
    e->states.n = e->cold.n = e->words.n = 0;
    e->nexits = 0;
    e->exits = how->meta;
    regs_begin_region(e);
    plan_blocks(e);
    pins_choose(e);
    return true;
}

bool tcg_compile(Tcg *tcg, IrRegion *ir, const TcgCompile *how, uint8_t *at, size_t room,
                 TcgCode *code)
{
    Emit *e = &tcg->emit;
    bool ok = room > MAX_OP_BYTES;
    size_t main_size = 0;

    memset(code, 0, sizeof(*code));
    if (!ok || !begin_region(e, tcg, ir, how, at, room)) {
        return false;
    }
    for (e->order_index = 0; ok && e->order_index < ir->nblocks; e->order_index++) {
        unsigned b = e->order[e->order_index];

        if (!main_size && b != 0 && ir->blocks[b].cold) {
            main_size = e->as.p - e->base;
        }
        if (b == 0 || (e->blocks[b].preds && !e->blocks[b].inlined)) {
            ok = emit_block(e, b);
        }
    }
    if (!main_size) {
        main_size = e->as.p - e->base;
    }
    /* Beside the code, after the exits, all of which are there now. */
    sync_begin(e, (uint8_t *)(e->exits + e->nexits), (uint8_t *)how->meta + how->meta_room);
    if (!ok || !emit_cold(e)) {
        /* More room would not help if it is spill slots that were wanting. */
        ir->overflow |= e->failed;
        return false;
    }
    if (!e->sync.at) {
        return false;
    }
    code->exits = e->exits;
    code->nexits = e->nexits;
    code->meta_size = e->sync.at - (uint8_t *)how->meta;
    code->entry = at;
    code->size = e->as.p - e->base;
    code->main_size = main_size;
    return true;
}

/* ---- The Tcg. ---- */

Tcg *tcg_new(const TcgRuntime *runtime, size_t size, const char *features_off, GError **error)
{
    Tcg *tcg = g_new0(Tcg, 1);
    Emit *e = &tcg->emit;

    tcg->rt = *runtime;
    if (!features_detect(&tcg->features, features_off, error) ||
        !codemem_init(&tcg->mem, size, (const void *)(uintptr_t)tcg_new, error)) {
        g_free(tcg);
        return NULL;
    }
    e->rt = &tcg->rt;
    e->f = &tcg->features;
    e->stubs = &tcg->stubs;
    e->avx = tcg->features.avx;
    stubs_emit(tcg);
    return tcg;
}

void tcg_free(Tcg *tcg)
{
    if (tcg) {
        Emit *e = &tcg->emit;

        codemem_free(&tcg->mem);
        g_free(e->states.at);
        g_free(e->cold.at);
        g_free(e->words.at);
        g_free(e->vals);
        g_free(e->blocks);
        g_free(e->order);
        g_free(e->var_reg);
        g_free(e->home);
        g_free(e->next_touch);
        g_free(e->var_last);
        g_free(tcg);
    }
}

const TcgFeatures *tcg_features(const Tcg *tcg)
{
    return &tcg->features;
}

uint8_t *tcg_code_start(const Tcg *tcg)
{
    return tcg->mem.exec + tcg->stubs_size;
}

size_t tcg_code_size(const Tcg *tcg)
{
    return tcg->mem.size - tcg->stubs_size;
}

void tcg_code_settled(const Tcg *tcg, uint8_t *start, size_t size)
{
    codemem_settled(&tcg->mem, start, size);
}

void tcg_code_expect(const Tcg *tcg, const uint8_t *start, size_t size)
{
    codemem_expect(&tcg->mem, start, size);
}

void tcg_run(Tcg *tcg, void *state, void *code)
{
    tcg->stubs.enter(state, code);
}

void *tcg_exit_code(const Tcg *tcg)
{
    return tcg->stubs.leave;
}

/* One aligned store: other threads execute the old or the new value. */
static void patch32(const Tcg *tcg, uint32_t offset, uint32_t value)
{
    __atomic_store_n((uint32_t *)(tcg->mem.write + offset), value, __ATOMIC_RELEASE);
}

void tcg_link(Tcg *tcg, TcgExit *exit, void *entry, uint32_t exec_id)
{
    patch32(tcg, exit->jump, (uint8_t *)entry - (tcg->mem.exec + exit->jump + 4));
    if (exit->check) {
        patch32(tcg, exit->jump - exit->check, exec_id);
    }
}

void tcg_unlink(Tcg *tcg, TcgExit *exit)
{
    if (exit->check) {
        patch32(tcg, exit->jump - exit->check, UINT32_MAX);
    }
    patch32(tcg, exit->jump, exit->stub - (exit->jump + 4));
}
