/*
 * Random loops that walk through memory, for tcg/stream.c: pointers that advance by constants, by a variable, or
 * not at all, also back or at random; accesses around them, some of which cross or leave the pages; branches inside;
 * one or two ends; sometimes one loop in another, or a second one after it.
 */
#include "tests/ir/random-ir.h"

#define LOOP_PC UINT64_C(0x4000)
#define NPOINTERS 3
#define POINTER(n) (10 + (n))
#define STRIDE 15
#define COUNTER(depth) (16 + (depth))

typedef struct LoopGen {
    GRand *rng;
    IrRegion *ir;
    uint64_t pc;
} LoopGen;

static unsigned pick(LoopGen *g, unsigned n)
{
    return (unsigned)g_rand_int_range(g->rng, 0, (int)n);
}

static void start_insn(LoopGen *g)
{
    ir_insn_start(g->ir, g->pc);
    g->pc += 4;
}

static void set(LoopGen *g, unsigned var, uint64_t v)
{
    start_insn(g);
    ir_set_var(g->ir, var, ir_const(g->ir, IR_I64, (int64_t)v));
}

static void add(LoopGen *g, unsigned to, unsigned from, int64_t v)
{
    start_insn(g);
    ir_set_var(g->ir, to,
               ir_op2(g->ir, IR_add, IR_I64, 0, ir_get_var(g->ir, from),
                      ir_const(g->ir, IR_I64, v)));
}

/* Pointers into the pages, or close to their ends. */
static void set_up(LoopGen *g, unsigned depth)
{
    for (unsigned i = 0; i < NPOINTERS; i++) {
        uint64_t offset = pick(g, 4) ? pick(g, 3500) : 4096 * pick(g, 3) - pick(g, 64);

        set(g, POINTER(i), RANDOM_MEM_BASE + offset);
    }
    /* Mostly what loops over 32-bit floats find boxed is. */
    for (unsigned i = 0; pick(g, 4) && i < 4; i++) {
        start_insn(g);
        ir_set_var(g->ir, RANDOM_NX + i,
                   ir_op1(g->ir, IR_bits_if, IR_F64, 0,
                          ir_const(g->ir, IR_I64,
                                   (int64_t)(g_rand_int(g->rng) |
                                             (pick(g, 20) ? UINT64_C(0xffffffff) << 32 : 0)))));
    }
    set(g, STRIDE, pick(g, 8) ? pick(g, 40) : (uint64_t) - (int64_t)pick(g, 4));
    set(g, COUNTER(depth), 1 + pick(g, pick(g, 4) ? 12 : 400));
}

static void gen_access(LoopGen *g)
{
    static const uint8_t sizes[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32, IR_64};
    unsigned data = pick(g, 10), size = sizes[pick(g, G_N_ELEMENTS(sizes))];
    int32_t offset = (int32_t)pick(g, pick(g, 8) ? 32 : 512) - 8;
    IrRef at;

    start_insn(g);
    at = ir_get_var(g->ir, POINTER(pick(g, NPOINTERS)));
    switch (pick(g, 8)) {
    case 0:
        ir_st(g->ir, IR_F64, IR_64, at, offset, ir_get_var(g->ir, RANDOM_NX + pick(g, 4)));
        break;
    case 1:
        ir_set_var(g->ir, RANDOM_NX + pick(g, 4), ir_ld(g->ir, IR_F64, IR_64, at, offset));
        break;
    case 2:
        ir_set_var(g->ir, RANDOM_NX + RANDOM_NF, ir_ld(g->ir, IR_V128, IR_128, at, offset));
        break;
    case 3:
    case 4: ir_st(g->ir, IR_I64, size & ~IR_SIGNED, at, offset, ir_get_var(g->ir, data)); break;
    default: ir_set_var(g->ir, data, ir_ld(g->ir, IR_I64, size, at, offset)); break;
    }
}

static void gen_step(LoopGen *g)
{
    static const int16_t steps[] = {1, 1, 2, 4, 4, 8, 8, 16, 40, 700, 3000, -1, -8};
    unsigned p = POINTER(pick(g, NPOINTERS));

    switch (pick(g, 12)) {
    case 0:
        start_insn(g);
        ir_set_var(g->ir, p,
                   ir_op2(g->ir, IR_add, IR_I64, 0, ir_get_var(g->ir, p),
                          ir_get_var(g->ir, STRIDE)));
        break;
    case 1: add(g, p, POINTER(pick(g, NPOINTERS)), 8); break;
    case 2: set(g, p, RANDOM_MEM_BASE + pick(g, 8000)); break;
    default: add(g, p, p, steps[pick(g, G_N_ELEMENTS(steps))]); break;
    }
}

static void gen_data(LoopGen *g)
{
    IrRef a, b;

    start_insn(g);
    a = ir_get_var(g->ir, pick(g, 10));
    b = ir_get_var(g->ir, pick(g, 10));
    ir_set_var(g->ir, pick(g, 10), ir_op2(g->ir, pick(g, 2) ? IR_add : IR_xor, IR_I64, 0, a, b));
}

static IrRef get_float(LoopGen *g)
{
    return ir_op1(g->ir, IR_funbox, IR_F32, 0, ir_get_var(g->ir, RANDOM_NX + pick(g, 4)));
}

static void gen_float(LoopGen *g)
{
    IrRef a, b;

    start_insn(g);
    a = get_float(g);
    b = get_float(g);
    a = pick(g, 3) ? ir_op1(g->ir, IR_fcanon, IR_F32, 0, ir_op2(g->ir, IR_fadd, IR_F32, 0, a, b))
                   : ir_op2(g->ir, IR_fsgnj, IR_F32, 0, a, pick(g, 2) ? a : b);
    ir_set_var(g->ir, RANDOM_NX + pick(g, 4), ir_op1(g->ir, IR_fbox, IR_F64, 0, a));
}

static void gen_some(LoopGen *g, unsigned n)
{
    while (n--) {
        switch (pick(g, 7)) {
        case 2: gen_float(g); break;
        case 0: gen_step(g); break;
        case 1: gen_data(g); break;
        default: gen_access(g); break;
        }
    }
}

/* A branch around some of the body, or out of the loop. */
static void gen_branch(LoopGen *g, unsigned out)
{
    unsigned skip = ir_block_new(g->ir), rest = ir_block_new(g->ir);
    IrRef a;

    start_insn(g);
    a = ir_get_var(g->ir, pick(g, 10));
    ir_brcond(g->ir, IR_I64, (IrCond)pick(g, 10), a, ir_get_var(g->ir, pick(g, 10)), skip,
              pick(g, 4) ? rest : out);
    ir_block_place(g->ir, skip, g->pc);
    gen_some(g, pick(g, 4));
    ir_br(g->ir, rest);
    ir_block_place(g->ir, rest, g->pc);
}

/* Counts down and goes back to @header, at @pc. */
static void gen_back(LoopGen *g, unsigned depth, unsigned header, uint64_t pc, unsigned out)
{
    unsigned again = ir_block_new(g->ir);
    IrRef left;

    start_insn(g);
    left = ir_op2(g->ir, IR_sub, IR_I64, 0, ir_get_var(g->ir, COUNTER(depth)),
                  ir_const(g->ir, IR_I64, 1));
    ir_set_var(g->ir, COUNTER(depth), left);
    ir_brcond(g->ir, IR_I64, IR_GT, left, ir_const(g->ir, IR_I64, 0), again, out);
    ir_block_place(g->ir, again, pc);
    ir_emit(g->ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, (int64_t)pc);
    ir_br(g->ir, header);
}

static void gen_loop(LoopGen *g, unsigned depth)
{
    unsigned header = ir_block_new(g->ir), out = ir_block_new(g->ir), more;
    uint64_t pc = g->pc;

    ir_br(g->ir, header);
    ir_block_place(g->ir, header, pc);
    gen_some(g, 1 + pick(g, 6));
    if (depth == 0 && pick(g, 3) == 0) {
        set(g, COUNTER(1), 1 + pick(g, 20));
        gen_loop(g, 1);
    }
    if (pick(g, 3) == 0) {
        gen_branch(g, out);
    }
    if (pick(g, 6) == 0) {
        /* A second way back. */
        IrRef a;

        more = ir_block_new(g->ir);
        start_insn(g);
        a = ir_get_var(g->ir, pick(g, 10));
        unsigned back = ir_block_new(g->ir);
        ir_brcond(g->ir, IR_I64, IR_LT, a, ir_get_var(g->ir, pick(g, 10)), back, more);
        ir_block_place(g->ir, back, g->pc);
        gen_some(g, pick(g, 3));
        gen_back(g, depth, header, pc, out);
        ir_block_place(g->ir, more, g->pc);
        gen_some(g, pick(g, 4));
    }
    gen_back(g, depth, header, pc, out);
    ir_block_place(g->ir, out, g->pc);
}

void random_loop(GRand *rng, IrRegion *ir)
{
    LoopGen g = {.rng = rng, .ir = ir, .pc = LOOP_PC};

    ir_region_reset(ir);
    ir_block_begin(ir, g.pc);
    for (unsigned n = 1 + pick(&g, 2); n; n--) {
        set_up(&g, 0);
        gen_loop(&g, 0);
    }
    start_insn(&g);
    ir_exit_direct(ir, 0x9000);
}
