/*
 * Control flow: branches between blocks, and the ways out of a region.
 *
 * Direct exits end in a jump that tcg_link() patches: its displacement is aligned to 4 bytes so
 * that the write is atomic for other threads executing it. So is the execution id that guards an
 * exit to another page. Until linked, both lead to the exit's stub, which calls the engine.
 */
#include "tcg/x86_64/emit.h"

/* ---- Inside the region. ---- */

/* Jumps to a block; @cc < 0: always. */
static void jump_to_block(Emit *e, int cc, unsigned target)
{
    BlockInfo *info = &e->blocks[target];
    uint8_t *field;
    int32_t previous;

    if (info->label) {
        if (cc < 0) {
            x_jmp_back(&e->as, info->label);
        } else {
            x_jcc_back(&e->as, cc, info->label);
        }
        return;
    }
    field = cc < 0 ? x_jmp32(&e->as) : x_jcc32(&e->as, cc);
    previous = info->fixups ? info->fixups - e->base : 0;
    memcpy(field, &previous, 4);
    info->fixups = field;
}

/* Whether control falls from here to the block. */
static bool is_next(const Emit *e, unsigned target)
{
    unsigned i = e->order_index + 1;

    while (i < e->ir->nblocks && i < e->blocks[target].order) {
        const BlockInfo *info = &e->blocks[e->order[i]];

        if (info->preds && !info->inlined) {
            return false;
        }
        i++;
    }
    return e->blocks[target].order == i;
}

/* Tells a successor in which state it begins. */
static void enter_block(Emit *e, unsigned target, int32_t *state)
{
    BlockInfo *info = &e->blocks[target];

    if (!info->canonical) {
        if (*state < 0) {
            *state = regs_save_state(e);
        }
        info->state = *state;
        return;
    }
    if (!info->entered) {
        info->entered = true;
        info->pc = e->pc;
        info->undone = e->undone;
    }
    /* Holds by pins.c; a region for which it did not would be wrong. */
    if ((e->dirty_mask & ~info->dirty_in) || (info->valid_in & ~e->var_mask) ||
        (e->raw_mask & info->valid_in & ~info->raw_in)) {
        emit_fail(e);
    }
}

static void cold_poll(Emit *e, const Cold *c);

/* poll and br: the jump is the one of the kick's comparison. */
static void branch_polled(Emit *e, unsigned target)
{
    Cold *c;

    if (is_next(e, target)) {
        c = cold_new(e, cold_poll, x_jcc32(&e->as, CC_NE));
    } else {
        jump_to_block(e, CC_E, target);
        c = cold_new(e, cold_poll, x_jmp32(&e->as));
    }
    c->pc = e->poll_pc;
    e->poll_pending = false;
}

void op_br(Emit *e, const IrInsn *in)
{
    unsigned target = in->target[0];
    int32_t state = -1;

    if (e->blocks[target].canonical) {
        regs_make_canonical(e, e->blocks[target].valid_in, e->blocks[target].raw_in);
    }
    enter_block(e, target, &state);
    if (e->poll_pending) {
        branch_polled(e, target);
    } else if (!is_next(e, target)) {
        jump_to_block(e, -1, target);
    }
}

static const IrInsn *block_end(const Emit *e, unsigned block)
{
    const IrBlock *b = &e->ir->blocks[block];

    return &e->insns[b->first + b->count - 1];
}

static bool is_exit_block(const Emit *e, unsigned block)
{
    const IrInsn *end = block_end(e, block);

    return end->op != IR_br && end->op != IR_brcond;
}

/* Whether a block is nothing but a jump that can be patched into the branch to it. */
static bool is_plain_exit(const Emit *e, unsigned block)
{
    const IrBlock *b = &e->ir->blocks[block];

    return b->count == 1 && e->blocks[block].preds == 1 && !e->blocks[block].label &&
           !regs_dirty_guest(e) && e->insns[b->first].op == IR_exit_direct &&
           (e->insns[b->first].imm ^ b->pc) >> 12 == 0;
}

static void emit_chained(Emit *e, uint64_t block_pc, uint64_t pc, unsigned opcode);

/* Aligns the conditional jump that follows the comparison emitted from @compare on, with the
 * padding before the comparison, so that the host can fuse the two. */
static void align_compare(Emit *e, uint8_t *compare)
{
    uint8_t bytes[16];
    unsigned n = e->as.p - compare;

    if (n && n <= sizeof(bytes)) {
        memcpy(bytes, compare, n);
        e->as.p = compare;
        asm_align(&e->as, 4, n + 2);
        memcpy(e->as.p, bytes, n);
        e->as.p += n;
    }
}

/* The branch to a plain exit, in its place; @cc < 0: always. */
static void inline_exit(Emit *e, int cc, unsigned block)
{
    const IrBlock *b = &e->ir->blocks[block];

    e->blocks[block].inlined = true;
    emit_chained(e, b->pc, e->insns[b->first].imm, cc < 0 ? 0xe9 : 0x0f80 | cc);
}

/* The jumps of a conditional branch; @compare: where its comparison begins. */
static void branch_on(Emit *e, X86Cond cc, unsigned yes, unsigned no, uint8_t *compare)
{
    if (is_plain_exit(e, yes) || is_plain_exit(e, no)) {
        align_compare(e, compare);
    }
    if (is_plain_exit(e, yes)) {
        inline_exit(e, cc, yes);
    } else if (is_plain_exit(e, no)) {
        unsigned t = yes;

        cc ^= 1;
        inline_exit(e, cc, no);
        yes = no;
        no = t;
    } else if (is_next(e, yes)) {
        jump_to_block(e, cc ^ 1, no);
        return;
    } else {
        jump_to_block(e, cc, yes);
    }
    if (is_plain_exit(e, no)) {
        inline_exit(e, -1, no);
    } else if (!is_next(e, no)) {
        jump_to_block(e, -1, no);
    }
}

/* For edges to two blocks, one of which at least is a join. */
static void make_canonical_for(Emit *e, const BlockInfo *a, const BlockInfo *b)
{
    uint32_t valid = (a->canonical ? a->valid_in : 0) | (b->canonical ? b->valid_in : 0);
    uint32_t not_raw = (a->canonical ? a->valid_in & ~a->raw_in : 0) |
                       (b->canonical ? b->valid_in & ~b->raw_in : 0);

    regs_make_canonical(e, valid, ~not_raw);
}

void op_brcond(Emit *e, const IrInsn *in)
{
    unsigned yes = in->target[0], no = in->target[1];
    int32_t state = -1;
    uint8_t *start;
    Compare c;

    if (yes == no) {
        op_br(e, in);
        return;
    }
    if (e->blocks[yes].canonical || e->blocks[no].canonical) {
        make_canonical_for(e, &e->blocks[yes], &e->blocks[no]);
    } else if (is_exit_block(e, yes) && is_exit_block(e, no)) {
        regs_flush_guest(e); /* once, instead of in both */
    }
    c = compare_prepare(e, in->type, in->aux, in->arg[0], in->arg[1]);
    enter_block(e, yes, &state);
    enter_block(e, no, &state);
    start = e->as.p;
    compare_emit(e, &c);
    branch_on(e, c.cc, yes, no, start);
}

/* ---- Guest instructions and checks. ---- */

void op_insn_start(Emit *e, const IrInsn *in)
{
    e->pc = in->imm;
    if (e->undone) {
        e->undone--;
    }
}

/* Leaves with a reason and the pc to resume at. */
static void leave_with(Emit *e, int reason)
{
    x_rm(&e->as, X_MOV_MI, 0, ENV, env_disp(e->rt->off_exit_reason));
    asm_u32(&e->as, reason);
    x_jmp(&e->as, e->stubs->leave);
}

static void cold_budget(Emit *e, const Cold *c)
{
    x_alu_mem_imm(&e->as, ALU_ADD, X_W, ENV, env_disp(e->rt->off_budget), c->imm);
    emit_snapshot_stores(e, c->snap);
    emit_store_pc(e, c->pc);
    leave_with(e, e->rt->reason_budget);
}

void op_count(Emit *e, const IrInsn *in)
{
    Cold *c;

    x_alu_mem_imm(&e->as, ALU_SUB, X_W, ENV, env_disp(e->rt->off_budget), in->len);
    c = cold_new(e, cold_budget, x_jcc32(&e->as, CC_S));
    c->imm = in->len;
    c->pc = in->imm;
    e->undone = in->len + 1;
    e->counting = true;
}

static void cold_poll(Emit *e, const Cold *c)
{
    emit_snapshot_stores(e, c->snap);
    emit_store_pc(e, c->pc);
    leave_with(e, e->rt->reason_kick);
}

void op_poll(Emit *e, const IrInsn *in)
{
    Cold *c;

    if (in[1].op == IR_br && e->blocks[in[1].target[0]].canonical) {
        const BlockInfo *to = &e->blocks[in[1].target[0]];

        regs_make_canonical(e, to->valid_in, to->raw_in); /* may change flags */
    }
    x_alu_mem_imm(&e->as, ALU_CMP, 0, ENV, env_disp(e->rt->off_kick), 0);
    if (in[1].op == IR_br) {
        e->poll_pending = true;
        e->poll_pc = in->imm;
        return;
    }
    c = cold_new(e, cold_poll, x_jcc32(&e->as, CC_NE));
    c->pc = in->imm;
}

/* Compares the execution id of the page of @pc; returns the jump if not equal. *@imm gets the
 * writable address of the id in the code. */
static uint8_t *emit_exec_check(Emit *e, uint64_t pc, uint32_t id, uint8_t **imm)
{
    int32_t entry = e->rt->tlb_entries +
                    (pc >> 12 & ((1u << TCG_TLB_BITS) - 1)) * sizeof(TcgTlbEntry) +
                    offsetof(TcgTlbEntry, exec_id);
    unsigned disp_bytes = fits_s8(entry) ? 1 : 4;

    asm_align(&e->as, 4, 3 + disp_bytes);
    x_rm(&e->as, X_ALU_I, ALU_CMP, TLB, entry);
    *imm = e->as.p;
    asm_u32(&e->as, id);
    return x_jcc32(&e->as, CC_NE);
}

/* The plain lookup: it looks at the pages themselves, and so makes the check hold, where the jump
 * cache would lead here again. */
static void cold_check_page(Emit *e, const Cold *c)
{
    emit_snapshot_stores(e, c->snap);
    emit_store_pc(e, c->pc);
    x_jmp(&e->as, e->stubs->lookup_plain);
}

void op_check_page(Emit *e, const IrInsn *in)
{
    uint8_t *imm;
    Cold *c = cold_new(e, cold_check_page, emit_exec_check(e, in->imm + in->aux, in->len, &imm));

    c->pc = in->imm;
}

/* ---- Direct exits. ---- */

/* Where in code memory a writable address is, and back. */
static uint32_t code_offset(const Emit *e, const uint8_t *at)
{
    return at - e->memory;
}

static uint8_t *code_at(const Emit *e, uint32_t offset)
{
    return e->memory + offset;
}

/* The unlinked state. back: landing of a call, whose failed page check has to push as the call
 * does. */
static void cold_exit(Emit *e, const Cold *c)
{
    TcgExit *exit = &e->exits[c->insn];
    uint8_t *stub;
    int32_t rel;

    if (c->back && c->from[0]) {
        uint8_t *call;

        asm_u8(&e->as, 0xe8);
        call = e->as.p;
        asm_u32(&e->as, 0);
        x_jmp_back(&e->as, c->back);
        asm_patch32(&e->as, call);
    }
    stub = e->as.p;
    x_mov_imm(&e->as, RAX, (uintptr_t)exit - (uintptr_t)e->rt->exits_base);
    x_jmp(&e->as, e->stubs->resolve);
    exit->stub = code_offset(e, stub);
    rel = exit->stub - (exit->jump + 4);
    memcpy(code_at(e, exit->jump), &rel, 4);
}

/* The chainable jump to guest address @pc from a block at @block_pc. @opcode: a jump, a call, or
 * (0x0f80 and up) a conditional jump. */
static void emit_chained(Emit *e, uint64_t block_pc, uint64_t pc, unsigned opcode)
{
    unsigned index = e->nexits++;
    TcgExit *exit = &e->exits[index];
    uint8_t *jump = NULL, *imm = NULL;
    Cold *c;

    *exit = (TcgExit){.pc = pc};
    if ((pc ^ block_pc) >> 12) {
        jump = emit_exec_check(e, pc, UINT32_MAX, &imm);
    }
    asm_align(&e->as, 4, opcode > 0xff ? 2 : 1);
    if (opcode > 0xff) {
        asm_u8(&e->as, opcode >> 8);
    }
    asm_u8(&e->as, opcode);
    exit->jump = code_offset(e, e->as.p);
    exit->check = imm ? e->as.p - imm : 0;
    asm_u32(&e->as, 0);
    c = cold_new_clean(e, cold_exit, jump);
    c->insn = index;
    c->back = opcode == 0xe8 ? e->as.p : NULL;
}

/* ---- Return prediction. ---- */

static void cold_stack_overflow(Emit *e, const Cold *c)
{
    x_rm(&e->as, X_MOV | X_W, RSP, ENV, env_disp(e->rt->off_stack));
    x_jmp_back(&e->as, c->back);
}

/* The stack begins at a multiple of its size less 16 (see stubs.c), so it is full when the low bits
 * of rsp are all zero. Pushes the guest's return address. */
static void emit_push_mark(Emit *e)
{
    Cold *c;

    x_rr(&e->as, X_GROUP3, 0, RSP);
    asm_u32(&e->as, TCG_RETURN_STACK_BYTES - 1);
    c = cold_new_clean(e, cold_stack_overflow, x_jcc32(&e->as, CC_E));
    c->back = e->as.p;
    if (fits_s32(e->mark)) {
        asm_u8(&e->as, 0x68);
        asm_u32(&e->as, e->mark);
    } else {
        x_mov_imm(&e->as, RDX, e->mark);
        asm_u8(&e->as, 0x50 | RDX);
    }
}

/* Where a predicted return arrives. */
static void emit_landing(Emit *e)
{
    asm_u8(&e->as, 0x58 | RDX); /* the guest's return address */
    emit_chained(e, e->block->pc, e->mark, 0xe9);
}

void op_call_mark(Emit *e, const IrInsn *in)
{
    e->has_mark = true;
    e->mark = in->imm;
}

/* ---- Exits. ---- */

static void exit_to(Emit *e, uint64_t pc)
{
    if (e->has_mark) {
        emit_push_mark(e);
        emit_chained(e, e->block->pc, pc, 0xe8);
        emit_landing(e);
    } else {
        emit_chained(e, e->block->pc, pc, 0xe9);
    }
}

void op_exit_direct(Emit *e, const IrInsn *in)
{
    regs_flush_guest(e);
    exit_to(e, in->imm);
}

/* reg[0]: the guest pc. */
static void cold_indirect_kick(Emit *e, const Cold *c)
{
    x_rm(&e->as, X_MOV_MR | X_W, c->reg[0], ENV, env_disp(e->rt->off_pc));
    leave_with(e, e->rt->reason_kick);
}

static void cold_indirect_miss(Emit *e, const Cold *c)
{
    x_rm(&e->as, X_MOV_MR | X_W, c->reg[0], ENV, env_disp(e->rt->off_pc));
    if (c->back) {
        x_call(&e->as, e->stubs->lookup);
        x_jmp_back(&e->as, c->back);
    } else {
        x_jmp(&e->as, e->stubs->lookup);
    }
}

/* Jump-cache probe for the pc in @r: rcx = offset of the entry, jumps if it does not match. */
static void emit_jump_probe(Emit *e, unsigned r, uint8_t *miss[2])
{
    int32_t table = e->rt->tlb_jumps;

    /* (pc >> 1) * 32 */
    if (e->f->bmi2) {
        v_rrr(&e->as, X_RORX, RCX, 0, r);
        asm_u8(&e->as, 32 - 4);
    } else {
        x_mov(&e->as, 0, RCX, r);
        x_shift_imm(&e->as, SHIFT_SHL, 0, RCX, 4);
    }
    x_alu_imm(&e->as, ALU_AND, 0, RCX, ((1u << TCG_JUMP_BITS) - 1) * sizeof(TcgJumpEntry));
    x_rmx(&e->as, X_ALU(ALU_CMP) | X_W, r, TLB, RCX, 0, table + offsetof(TcgJumpEntry, pc));
    miss[0] = x_jcc32(&e->as, CC_NE);
    x_rmx(&e->as, X_ALU_I, ALU_CMP, TLB, RCX, 0, table + offsetof(TcgJumpEntry, flags));
    asm_u32(&e->as, e->how->flags);
    miss[1] = x_jcc32(&e->as, CC_NE);
}

static void emit_jump_cached(Emit *e, bool call)
{
    x_rmx(&e->as, X_GROUP5, call ? 2 : 4, TLB, RCX, 0,
          e->rt->tlb_jumps + offsetof(TcgJumpEntry, code));
}

/* A return that was not predicted. */
static void cold_return_probe(Emit *e, const Cold *c)
{
    uint8_t *miss[2];
    Cold *m;

    emit_jump_probe(e, c->reg[0], miss);
    emit_jump_cached(e, false);
    m = cold_new_clean(e, cold_indirect_miss, miss[0]);
    m->from[1] = miss[1];
    m->reg[0] = c->reg[0];
}

void op_exit_indirect(Emit *e, const IrInsn *in)
{
    unsigned r = reg_use(e, in->arg[0]);
    uint8_t *miss[2];
    uint64_t pc;
    Cold *c;

    regs_flush_guest(e);
    x_alu_mem_imm(&e->as, ALU_CMP, 0, ENV, env_disp(e->rt->off_kick), 0);
    c = cold_new_clean(e, cold_indirect_kick, x_jcc32(&e->as, CC_NE));
    c->reg[0] = r;
    if (value_const(e, in->arg[0], &pc)) {
        exit_to(e, pc);
        return;
    }
    if (in->aux == IR_JUMP_RETURN && !e->has_mark) {
        x_rm(&e->as, X_ALU(ALU_CMP) | X_W, r, RSP, 8);
        c = cold_new_clean(e, cold_return_probe, x_jcc32(&e->as, CC_NE));
        c->reg[0] = r;
        asm_u8(&e->as, 0xc3);
        return;
    }
    if (e->has_mark) {
        emit_push_mark(e);
    }
    emit_jump_probe(e, r, miss);
    emit_jump_cached(e, e->has_mark);
    c = cold_new_clean(e, cold_indirect_miss, miss[0]);
    c->from[1] = miss[1];
    c->reg[0] = r;
    if (e->has_mark) {
        c->back = e->as.p;
        emit_landing(e);
    }
}

void op_exit_lookup(Emit *e, const IrInsn *in)
{
    regs_flush_guest(e);
    x_jmp(&e->as, e->stubs->lookup_drop);
}

void op_exit_reason(Emit *e, const IrInsn *in)
{
    regs_flush_guest(e);
    leave_with(e, in->imm);
}
