/*
 * Random loops that may do several iterations at once, for tcg/stream-vector.c: pointers that advance by the size of
 * what is accessed, close to each other or not; values of a few ops on what is loaded and on what stands still; counts,
 * maxima and minima. Some have one thing in them that does not go.
 */
#include "tests/ir/random-ir.h"

#define LOOP_PC UINT64_C(0x6000)
#define NPOINTERS 3
#define POINTER(n) (10 + (n))
#define LAST 13
#define COUNTER 14
#define TEMP 0  /* and the next ones: set in the loop */
#define STILL 4 /* and the next three: not */
#define SUM 8   /* and the next: carried */
#define NVALUES 24

typedef struct WideGen {
    GRand *rng;
    IrRegion *ir;
    uint64_t pc;
    unsigned size; /* of elements, log2 */
    IrRef values[NVALUES];
    unsigned nvalues;
} WideGen;

static unsigned pick(WideGen *g, unsigned n)
{
    return (unsigned)g_rand_int_range(g->rng, 0, (int)n);
}

static void start_insn(WideGen *g)
{
    ir_insn_start(g->ir, g->pc);
    g->pc += 4;
}

static IrRef constant(WideGen *g, int64_t v)
{
    return ir_const(g->ir, IR_I64, v);
}

static void set(WideGen *g, unsigned var, uint64_t v)
{
    start_insn(g);
    ir_set_var(g->ir, var, constant(g, (int64_t)v));
}

static void set_up(WideGen *g)
{
    uint64_t base = RANDOM_MEM_BASE + (pick(g, 2) ? pick(g, 3000) : 4096 - pick(g, 300));
    unsigned count = 1 + pick(g, pick(g, 2) ? 40 : 500), size = 1u << g->size;

    for (unsigned i = 0; i < NPOINTERS; i++) {
        /* Apart, or in each other's way. */
        uint64_t at = pick(g, 2) ? base + pick(g, 100) - 50 : RANDOM_MEM_BASE + pick(g, 8000);

        set(g, POINTER(i), pick(g, 4) ? at & -(uint64_t)size : at);
        if (i == 0) {
            start_insn(g);
            ir_set_var(g->ir, LAST,
                       ir_op2(g->ir, IR_add, IR_I64, 0, ir_get_var(g->ir, POINTER(0)),
                              constant(g, count * size)));
        }
    }
    set(g, COUNTER, count);
    for (unsigned i = 0; i < 4 && pick(g, 4); i++) {
        set(g, STILL + i, pick(g, 4) ? pick(g, 300) : g_rand_int(g->rng));
    }
    for (unsigned i = 0; i < 2 && pick(g, 8); i++) {
        set(g, SUM + i, pick(g, pick(g, 3) ? 256 : 70000));
    }
}

static IrRef any_value(WideGen *g)
{
    switch (pick(g, 8)) {
    case 0: return constant(g, (int64_t)pick(g, 300));
    case 1: return ir_get_var(g->ir, STILL + pick(g, 4));
    default: return g->values[pick(g, g->nvalues)];
    }
}

static IrRef narrow(WideGen *g, IrRef v)
{
    return ir_op1(g->ir, IR_trunc, IR_I64, 0, v);
}

static IrRef gen_load(WideGen *g)
{
    unsigned memop = g->size | (g->size < IR_64 && pick(g, 3) == 0 ? IR_SIGNED : 0);

    return ir_ld(g->ir, IR_I64, pick(g, 60) ? memop : IR_U16,
                 ir_get_var(g->ir, POINTER(pick(g, NPOINTERS))), (int32_t)pick(g, 3) << g->size);
}

/* As a front end makes them of instructions for words. */
static IrRef gen_word(WideGen *g)
{
    static const uint8_t ops[] = {IR_add, IR_sub, IR_mul};
    IrRef a = narrow(g, any_value(g)), b = narrow(g, any_value(g));

    a = ir_op2(g->ir, (IrOp)ops[pick(g, 3)], IR_I32, 0, a, b);
    return ir_op1(g->ir, pick(g, 2) ? IR_sext : IR_zext, IR_I64, 0, a);
}

static IrRef gen_shift(WideGen *g)
{
    IrRef a = any_value(g), by = ir_const(g->ir, IR_I32, pick(g, 32));
    unsigned down = pick(g, 64);

    if (pick(g, 2)) {
        a = ir_op2(g->ir, IR_shl, IR_I64, 0, a, constant(g, pick(g, down + 1)));
        return ir_op2(g->ir, IR_shr, IR_I64, 0, a, constant(g, down));
    }
    a = ir_op2(g->ir, IR_shl, IR_I32, 0, narrow(g, a), ir_const(g->ir, IR_I32, pick(g, 20)));
    return ir_op1(g->ir, IR_zext, IR_I64, 0, ir_op2(g->ir, IR_shr, IR_I32, 0, a, by));
}

static IrRef gen_choice(WideGen *g)
{
    IrRef a = any_value(g), b = any_value(g);
    bool swap = pick(g, 2);

    if (pick(g, 2)) {
        return ir_select(g->ir, IR_I64, (IrCond)pick(g, 10), a, b, swap ? a : b, swap ? b : a);
    }
    return ir_select(g->ir, IR_I64, (IrCond)pick(g, 10), a, b, any_value(g), any_value(g));
}

static IrRef gen_value(WideGen *g)
{
    static const uint8_t ops[] = {IR_add, IR_sub, IR_mul, IR_and, IR_or, IR_xor};
    static const uint8_t exts[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32};

    switch (pick(g, 9)) {
    case 0:
    case 1: return gen_load(g);
    case 2: return gen_word(g);
    case 3: return gen_shift(g);
    case 4: return gen_choice(g);
    case 5: return ir_op1(g->ir, IR_ext, IR_I64, exts[pick(g, 6)], any_value(g));
    case 6: return ir_op2(g->ir, IR_setcond, IR_I64, pick(g, 10), any_value(g), any_value(g));
    default: return ir_op2(g->ir, (IrOp)ops[pick(g, 6)], IR_I64, 0, any_value(g), any_value(g));
    }
}

static void gen_carried(WideGen *g)
{
    unsigned var = SUM + pick(g, 2);
    IrRef old = ir_get_var(g->ir, var), v = any_value(g);

    if (pick(g, 2)) {
        v = ir_op2(g->ir, IR_setcond, IR_I64, pick(g, 10), v, any_value(g));
        v = ir_op2(g->ir, IR_add, IR_I64, 0, old, v);
    } else {
        bool swap = pick(g, 2);

        v = ir_select(g->ir, IR_I64, pick(g, 8) ? IR_LTU + pick(g, 4) : IR_LT + pick(g, 4), old, v,
                      swap ? old : v, swap ? v : old);
        v = pick(g, 2) ? ir_op1(g->ir, IR_ext, IR_I64, pick(g, 2) ? IR_U8 : IR_U16, v) : v;
    }
    ir_set_var(g->ir, var, v);
}

static void gen_store(WideGen *g)
{
    ir_st(g->ir, IR_I64, g->size, ir_get_var(g->ir, POINTER(pick(g, NPOINTERS))),
          (int32_t)pick(g, 3) << g->size, any_value(g));
}

/* Elements as floats: loaded, computed, stored. */
static void gen_floats(WideGen *g)
{
    IrType type = g->size == 2 ? IR_F32 : IR_F64;
    IrRef v[3], at = ir_get_var(g->ir, POINTER(pick(g, NPOINTERS)));

    for (unsigned i = 0; i < 3; i++) {
        v[i] = ir_get_var(g->ir, RANDOM_NX + pick(g, 2));
        if (type == IR_F32) {
            v[i] = ir_op1(g->ir, IR_funbox, IR_F32, 0, v[i]);
        }
        if (i == 0 || pick(g, 2)) {
            v[i] = ir_ld(g->ir, type, g->size, ir_get_var(g->ir, POINTER(pick(g, NPOINTERS))), 0);
        }
    }
    if (pick(g, 2)) {
        static const uint8_t ops[] = {IR_fadd, IR_fsub, IR_fmul, IR_fdiv};

        v[0] = ir_op2(g->ir, (IrOp)ops[pick(g, 4)], type, 0, v[0], v[1]);
    } else {
        v[0] = ir_emit(g->ir, IR_fma, type, pick(g, 4) | IR_FMA_INF_ZERO, v[0], v[1], v[2],
                       IR_NOREF, 0);
    }
    v[0] = ir_op1(g->ir, IR_fcanon, type, 0, v[0]);
    if (pick(g, 4)) {
        ir_st(g->ir, type, g->size, at, 0, v[0]);
    }
    if (type == IR_F32) {
        v[0] = ir_op1(g->ir, IR_fbox, IR_F64, 0, v[0]);
    }
    ir_set_var(g->ir, RANDOM_NX + 2, v[0]);
}

static void add_value(WideGen *g, IrRef v)
{
    g->values[g->nvalues++] = v;
}

static void gen_body(WideGen *g)
{
    g->nvalues = 0;
    add_value(g, gen_load(g));
    for (unsigned n = 1 + pick(g, 8); n; n--) {
        start_insn(g);
        switch (pick(g, 8)) {
        case 0:
        case 1: gen_store(g); break;
        case 2: gen_carried(g); break;
        case 3:
            if (g->size >= IR_U32) {
                gen_floats(g);
            }
            break;
        default:
            add_value(g, gen_value(g));
            if (pick(g, 3) == 0) {
                ir_set_var(g->ir, TEMP + pick(g, 4), g->values[g->nvalues - 1]);
            }
            break;
        }
    }
}

/* Advances, and goes back to @header or out. */
static void gen_end(WideGen *g, unsigned header, uint64_t pc)
{
    unsigned again = ir_block_new(g->ir), out = ir_block_new(g->ir);
    bool count = pick(g, 3) == 0, turned = pick(g, 2);
    IrRef a = IR_NOREF, v;

    for (unsigned i = 0; i < NPOINTERS; i++) {
        start_insn(g);
        v = ir_op2(g->ir, IR_add, IR_I64, 0, ir_get_var(g->ir, POINTER(i)),
                   constant(g, 1 << g->size));
        ir_set_var(g->ir, POINTER(i), v);
        a = i == 0 ? v : a;
    }
    start_insn(g);
    v = ir_op2(g->ir, IR_add, IR_I64, 0, ir_get_var(g->ir, COUNTER), constant(g, -1));
    ir_set_var(g->ir, COUNTER, v);
    a = count ? v : a;
    v = count ? constant(g, 0) : ir_get_var(g->ir, LAST);
    ir_brcond(g->ir, IR_I64, turned ? IR_EQ : IR_NE, a, v, turned ? out : again,
              turned ? again : out);
    ir_block_place(g->ir, again, pc);
    ir_emit(g->ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, (int64_t)pc);
    ir_br(g->ir, header);
    ir_block_place(g->ir, out, g->pc);
}

void random_wide_loop(GRand *rng, IrRegion *ir)
{
    WideGen g = {.rng = rng, .ir = ir, .pc = LOOP_PC};
    unsigned header;
    uint64_t pc;

    g.size = pick(&g, 2) ? 0 : pick(&g, 4);
    ir_region_reset(ir);
    ir_block_begin(ir, g.pc);
    set_up(&g);
    header = ir_block_new(ir);
    ir_br(ir, header);
    pc = g.pc;
    ir_block_place(ir, header, pc);
    start_insn(&g);
    gen_body(&g);
    gen_end(&g, header, pc);
    start_insn(&g);
    ir_exit_direct(ir, 0x9000);
}
