/*
 * Calls of helpers (System V x86-64 ABI): the vCPU in rdi, then up to four arguments in rsi, rdx,
 * rcx, r8 or xmm0 to xmm3. rsp is always 16-byte aligned in translated code, see emit-control.c.
 */
#include "tcg/x86_64/emit.h"

#define MAX_ARGS 4

typedef struct ArgMove {
    uint8_t dst, src; /* src NOREG: constant or spill slot */
    IrRef ref;
} ArgMove;

typedef struct ArgMoves {
    ArgMove move[MAX_ARGS];
    unsigned n;
} ArgMoves;

static void exchange(Emit *e, unsigned a, unsigned b)
{
    if (is_xmm(a)) {
        fp_rr(e, X_MOVD_R | X_W, a, RAX);
        emit_mov(e, a, b);
        fp_rr(e, X_MOVD_X | X_W, b, RAX);
    } else {
        x_rr(&e->as, X_XCHG | X_W, a, b);
    }
}

/* Index of a move whose destination is no other's source, or -1. */
static int find_unblocked(const ArgMoves *m)
{
    for (unsigned k = 0; k < m->n; k++) {
        bool blocked = false;

        for (unsigned j = 0; j < m->n; j++) {
            blocked |= j != k && m->move[j].src == m->move[k].dst;
        }
        if (!blocked) {
            return k;
        }
    }
    return -1;
}

/* Moves arguments between registers; sources may be others' destinations. */
static void move_registers(Emit *e, ArgMoves *m)
{
    while (m->n) {
        int k = find_unblocked(m);

        if (k < 0) {
            /* Only cycles are left: an exchange settles the first. */
            unsigned a = m->move[0].dst, b = m->move[0].src;

            if (a != b) {
                exchange(e, a, b);
            }
            for (unsigned j = 1; j < m->n; j++) {
                uint8_t *src = &m->move[j].src;

                *src = *src == a ? b : *src == b ? a : *src;
            }
            k = 0;
        } else {
            emit_mov(e, m->move[k].dst, m->move[k].src);
        }
        m->move[k] = m->move[--m->n];
    }
}

/* Assigns argument registers: @regs of those that are in registers, @late the others. */
static void assign_args(const Emit *e, const IrInsn *in, ArgMoves *ints, ArgMoves *fps,
                        ArgMoves *late)
{
    static const uint8_t int_regs[MAX_ARGS] = {RSI, RDX, RCX, R8};
    unsigned nints = 0, nfps = 0;

    ints->n = fps->n = late->n = 0;
    for (unsigned k = 0; k < MAX_ARGS && in->arg[k] != IR_NOREF; k++) {
        IrRef ref = in->arg[k];
        bool is_int = type_is_int(result_type(&e->insns[ref]));
        ArgMove m = {.src = e->vals[ref].reg, .ref = ref};
        ArgMoves *list = m.src == NOREG ? late : is_int ? ints : fps;

        m.dst = is_int ? int_regs[nints++] : XMM0 + nfps++;
        list->move[list->n++] = m;
    }
}

/* If the helper unwinds, this instruction and those after it have not been executed. */
static void emit_store_undone(Emit *e, uint32_t undone)
{
    x_rm(&e->as, X_MOV_MI, 0, ENV, env_disp(e->rt->off_undone));
    asm_u32(&e->as, undone);
}

void op_call(Emit *e, const IrInsn *in)
{
    const IrHelper *h = &e->ir->helpers[in->imm];
    bool state = h->flags & (IR_HELPER_READS_STATE | IR_HELPER_WRITES_STATE | IR_HELPER_MAY_FAULT);
    bool counted = (h->flags & IR_HELPER_MAY_FAULT) && e->undone;
    ArgMoves ints, fps, late;

    for (unsigned k = 0; k < MAX_ARGS && in->arg[k] != IR_NOREF; k++) {
        if (e->vals[in->arg[k]].reg != NOREG) {
            reg_canonicalize(e, e->vals[in->arg[k]].reg);
        }
    }
    if (state) {
        regs_flush(e);
        emit_store_pc(e, e->pc);
    }
    if (counted) {
        emit_store_undone(e, e->undone);
    }
    assign_args(e, in, &ints, &fps, &late);
    regs_save_for_call(e); /* only stores: the registers keep their contents */
    move_registers(e, &fps);
    move_registers(e, &ints);
    for (unsigned k = 0; k < late.n; k++) {
        reg_load_to(e, late.move[k].ref, late.move[k].dst);
    }
    x_rm(&e->as, X_LEA | X_W, RDI, ENV, env_disp(e->rt->off_vcpu));
    if (e->vectors == VECTORS_YMM) {
        x_vzeroupper(&e->as);
    }
    x_call_c(&e->as, h->fn);
    if (counted) {
        emit_store_undone(e, 0);
    }
    if (h->flags & IR_HELPER_WRITES_STATE) {
        regs_forget_vars(e);
    }
    e->locked = 0;
    if (h->result != IR_NONE && e->vals[e->cur].last) {
        unsigned d = reg_def(e, NOREG, NOREG);

        emit_mov(e, d, is_xmm(d) ? XMM0 : RAX);
        reg_bind(e, d, 0);
    }
}
