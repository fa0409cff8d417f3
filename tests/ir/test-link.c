/*
 * Translated code as a whole: chaining of regions, return prediction, indirect jumps through the
 * jump cache, page checks, leaving by kick and budget, changes of the TLB context.
 *
 * Regions are hand-made; a small engine (native.h) counts what it is asked.
 */
#include "tests/ir/native.h"

#define MXCSR 0x1f80

static IrRegion *region_new(void)
{
    IrRegion *ir = g_new0(IrRegion, 1);

    random_region_init(ir);
    return ir;
}

static IrRef constant(IrRegion *ir, int64_t v)
{
    return ir_const(ir, IR_I64, v);
}

/* x[var] += n */
static void emit_add(IrRegion *ir, unsigned var, int64_t n)
{
    ir_set_var(ir, var, ir_op2(ir, IR_add, IR_I64, 0, ir_get_var(ir, var), constant(ir, n)));
}

static void begin(IrRegion *ir, uint64_t pc)
{
    ir_region_reset(ir);
    ir_block_begin(ir, pc);
    ir_insn_start(ir, pc);
}

static void compile(Native *native, IrRegion *ir, uint64_t pc)
{
    GString *why = g_string_new(NULL);

    if (!ir_verify(ir, why)) {
        g_error("%s", why->str);
    }
    g_string_free(why, TRUE);
    g_assert_true(native_compile(native, ir, pc, false));
}

static void region_free(IrRegion *ir)
{
    ir_region_free(ir);
    g_free(ir);
}

static Native *engine_new(void)
{
    Native *native = native_new("");

    native->link = true;
    native->guest->budget = 1000000;
    return native;
}

/* ---- Direct exits. ---- */

/* 0x1000: x1--, to itself while x1 > 0, else to 0x1100 which has no region. */
static void make_loop(Native *native, IrRegion *ir)
{
    unsigned again, out;
    IrRef left;

    begin(ir, 0x1000);
    left = ir_op2(ir, IR_sub, IR_I64, 0, ir_get_var(ir, 1), constant(ir, 1));
    ir_set_var(ir, 1, left);
    again = ir_block_new(ir);
    out = ir_block_new(ir);
    ir_brcond(ir, IR_I64, IR_GT, left, constant(ir, 0), again, out);
    ir_block_place(ir, again, 0x1000);
    ir_exit_direct(ir, 0x1000);
    ir_block_place(ir, out, 0x1100);
    ir_exit_direct(ir, 0x1100);
    compile(native, ir, 0x1000);
}

static void test_chain(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;
    TcgExit *exits;

    make_loop(native, ir);
    native->guest->state.x[1] = 1000;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpint(r.op, ==, IR_exit_direct);
    g_assert_cmphex(r.state.pc, ==, 0x1100);
    g_assert_cmpint(r.state.x[1], ==, 0);
    /* Once to link the back edge, once to leave. */
    g_assert_cmpuint(native->resolves, ==, 2);

    /* Unlinked, every turn asks the engine; a link works again. */
    exits = native->regions[0].code.exits;
    g_assert_cmpuint(native->regions[0].code.nexits, ==, 2);
    native->link = false;
    for (unsigned i = 0; i < 2; i++) {
        tcg_unlink(native->tcg, &exits[i]);
    }
    native->resolves = 0;
    native->guest->state.x[1] = 10;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpuint(native->resolves, ==, 10);
    region_free(ir);
    native_free(native);
}

static TcgTlbEntry *entry_of(Native *native, uint64_t pc)
{
    return &native->guest->tlb->entries[pc >> 12 & ((1u << TCG_TLB_BITS) - 1)];
}

/* An exit to another page holds only while that page has the execution id it was linked for. */
static void test_page_check(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    begin(ir, 0x1000);
    emit_add(ir, 1, 1);
    ir_exit_direct(ir, 0x5004);
    compile(native, ir, 0x1000);
    begin(ir, 0x5004);
    emit_add(ir, 1, 10);
    ir_exit_direct(ir, 0x9000);
    compile(native, ir, 0x5004);

    entry_of(native, 0x5004)->exec_id = 7;
    native->guest->state.x[1] = 0;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpint(r.state.x[1], ==, 11);
    g_assert_cmpuint(native->resolves, ==, 2);
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpuint(native->resolves, ==, 3); /* only the way out */
    entry_of(native, 0x5004)->exec_id = 8;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpuint(native->resolves, ==, 5);
    g_assert_cmpint(r.state.x[1], ==, 33);

    /* The check of a page inside a region. */
    begin(ir, 0x2000);
    emit_add(ir, 1, 100);
    ir->insns[ir_emit(ir, IR_check_page, IR_NONE, 2, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF,
                      0x5ffe)]
        .len = 3;
    emit_add(ir, 1, 1000);
    ir_exit_direct(ir, 0x9000);
    compile(native, ir, 0x2000);
    entry_of(native, 0x6000)->exec_id = 3;
    native_run(native, 0x2000, MXCSR, &r);
    g_assert_cmpint(r.state.x[1], ==, 1133);
    entry_of(native, 0x6000)->exec_id = 4;
    native->lookups = 0;
    native_run(native, 0x2000, MXCSR, &r);
    g_assert_cmpint(r.state.x[1], ==, 1233);
    g_assert_cmphex(r.state.pc, ==, 0x5ffe);
    g_assert_cmpuint(native->lookups, ==, 1);
    region_free(ir);
    native_free(native);
}

/* ---- Calls and returns. x2 is the link register, x3 the stack pointer (of a stack in x4..).
 * ---- */

/* 0x1000: x1 = n; call 0x1200 -> 0x1008. 0x1008: x5++, exit to 0x1100 (nothing there). 0x1200: if
 * (x1-- == 0) return to x2. Else x6 = 0x1208 is pushed as return address on a stack in memory, and
 * 0x1200 calls itself; 0x1208 pops and returns. */
static void make_recursion(Native *native, IrRegion *ir)
{
    unsigned deeper, done;
    IrRef sp, left;

    begin(ir, 0x1000);
    ir_set_var(ir, 2, constant(ir, 0x1008));
    ir_call_mark(ir, 0x1008);
    ir_exit_direct(ir, 0x1200);
    compile(native, ir, 0x1000);

    begin(ir, 0x1008);
    emit_add(ir, 5, 1);
    ir_exit_direct(ir, 0x1100);
    compile(native, ir, 0x1008);

    begin(ir, 0x1200);
    left = ir_op2(ir, IR_sub, IR_I64, 0, ir_get_var(ir, 1), constant(ir, 1));
    ir_set_var(ir, 1, left);
    deeper = ir_block_new(ir);
    done = ir_block_new(ir);
    ir_brcond(ir, IR_I64, IR_GE, left, constant(ir, 0), deeper, done);
    ir_block_place(ir, deeper, 0x1204);
    sp = ir_op2(ir, IR_sub, IR_I64, 0, ir_get_var(ir, 3), constant(ir, 2));
    ir_st(ir, IR_I64, IR_U16, sp, 0, ir_get_var(ir, 2));
    ir_set_var(ir, 3, sp);
    ir_set_var(ir, 2, constant(ir, 0x1208));
    ir_call_mark(ir, 0x1208);
    ir_exit_direct(ir, 0x1200);
    ir_block_place(ir, done, 0x1206);
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_RETURN);
    compile(native, ir, 0x1200);

    begin(ir, 0x1208);
    emit_add(ir, 6, 1);
    sp = ir_get_var(ir, 3);
    ir_set_var(ir, 2, ir_ld(ir, IR_I64, IR_U16, sp, 0));
    ir_set_var(ir, 3, ir_op2(ir, IR_add, IR_I64, 0, sp, constant(ir, 2)));
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_RETURN);
    compile(native, ir, 0x1208);
}

static void run_recursion(Native *native, unsigned depth, RandomResult *r)
{
    RandomState *s = &native->guest->state;

    s->x[1] = depth;
    s->x[3] = RANDOM_MEM_BASE + RANDOM_MEM_SIZE;
    s->x[5] = s->x[6] = 0;
    native->lookups = native->resolves = 0;
    native_run(native, 0x1000, MXCSR, r);
    g_assert_false(r->faulted);
    g_assert_cmphex(r->state.pc, ==, 0x1100);
    g_assert_cmpint(r->state.x[5], ==, 1);
    g_assert_cmpint(r->state.x[6], ==, depth);
    g_assert_cmphex(r->state.x[3], ==, RANDOM_MEM_BASE + RANDOM_MEM_SIZE);
}

static void clear_jump_cache(Native *native)
{
    for (unsigned i = 0; i < 1u << TCG_JUMP_BITS; i++) {
        native->guest->tlb->jumps[i].pc = ~UINT64_C(0);
    }
}

static void test_return_prediction(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    make_recursion(native, ir);
    native_fill_tlb(native->guest, 15);
    run_recursion(native, 5, &r);
    clear_jump_cache(native);
    /* All is linked now: no return asks the engine. */
    run_recursion(native, 200, &r);
    g_assert_cmpuint(native->lookups, ==, 0);
    g_assert_cmpuint(native->resolves, ==, 1);
    /* Deeper than the return stack: what was dropped goes through the jump cache. */
    run_recursion(native, 3000, &r);
    g_assert_cmpuint(native->lookups, <=, 2);
    run_recursion(native, 4000, &r);
    /* The same through memory callbacks, which run on the same stack. */
    native_fill_tlb(native->guest, 0);
    run_recursion(native, 1000, &r);
    region_free(ir);
    native_free(native);
}

/* A return to an address that no call made is not taken for one. */
static void test_return_mismatch(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    begin(ir, 0x1000);
    ir_call_mark(ir, 0x1008);
    ir_exit_direct(ir, 0x1200);
    compile(native, ir, 0x1000);
    begin(ir, 0x1200);
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_RETURN);
    compile(native, ir, 0x1200);
    begin(ir, 0x1008);
    emit_add(ir, 5, 1);
    ir_exit_direct(ir, 0x1100);
    compile(native, ir, 0x1008);
    begin(ir, 0x1300);
    emit_add(ir, 5, 100);
    ir_exit_indirect(ir, constant(ir, 0x1008), IR_JUMP_RETURN);
    compile(native, ir, 0x1300);
    for (unsigned i = 0; i < 3; i++) {
        native->guest->state.x[5] = 0;
        native->guest->state.x[2] = 0x1300;
        native_run(native, 0x1000, MXCSR, &r);
        g_assert_cmpint(r.state.x[5], ==, 101);
        g_assert_cmphex(r.state.pc, ==, 0x1100);
    }
    /* The first return of a run has nothing on the stack. */
    native->guest->state.x[5] = 0;
    native->guest->state.x[2] = 0x1008;
    native_run(native, 0x1200, MXCSR, &r);
    g_assert_cmpint(r.state.x[5], ==, 1);
    region_free(ir);
    native_free(native);
}

/* ---- Indirect jumps. ---- */

static void test_jump_cache(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    begin(ir, 0x1000);
    emit_add(ir, 1, 1);
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_ANY);
    compile(native, ir, 0x1000);
    begin(ir, 0x7ffffffff002);
    emit_add(ir, 1, 10);
    ir_exit_direct(ir, 0x9000);
    compile(native, ir, 0x7ffffffff002);
    native->guest->state.x[1] = 0;
    native->guest->state.x[2] = 0x7ffffffff002;
    for (unsigned i = 0; i < 5; i++) {
        native_run(native, 0x1000, MXCSR, &r);
    }
    g_assert_cmpint(r.state.x[1], ==, 55);
    g_assert_cmpuint(native->lookups, ==, 1);
    /* Entries of other flags do not count. */
    native->guest->tlb->jumps[0x7ffffffff002 >> 1 & 1023].flags = 6;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpuint(native->lookups, ==, 2);

    /* A marked indirect call: the return is predicted, after a miss and after a hit. */
    begin(ir, 0x3000);
    ir_call_mark(ir, 0x3008);
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_CALL);
    compile(native, ir, 0x3000);
    begin(ir, 0x3200);
    emit_add(ir, 1, 1);
    ir_exit_indirect(ir, constant(ir, 0x3008), IR_JUMP_ANY); /* not as a return */
    compile(native, ir, 0x3200);
    begin(ir, 0x3300);
    emit_add(ir, 1, 1);
    ir_exit_indirect(ir, ir_get_var(ir, 3), IR_JUMP_RETURN);
    compile(native, ir, 0x3300);
    begin(ir, 0x3008);
    emit_add(ir, 1, 1000);
    ir_exit_direct(ir, 0x9000);
    compile(native, ir, 0x3008);
    for (unsigned i = 0; i < 4; i++) {
        native->guest->state.x[1] = 0;
        native->guest->state.x[2] = i & 1 ? 0x3200 : 0x3300;
        native->guest->state.x[3] = 0x3008;
        native_run(native, 0x3000, MXCSR, &r);
        g_assert_cmpint(r.state.x[1], ==, 1001);
    }
    region_free(ir);
    native_free(native);
}

/* ---- Leaving. ---- */

static void kick_guest(Native *native)
{
    native->guest->kick = 1;
}

static void test_kick(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    /* An endless loop of an indirect jump, and one with a poll, end when kicked. */
    begin(ir, 0x1000);
    emit_add(ir, 1, 1);
    ir_exit_indirect(ir, ir_get_var(ir, 2), IR_JUMP_ANY);
    compile(native, ir, 0x1000);
    native->on_lookup = kick_guest;
    native->guest->state.x[1] = 0;
    native->guest->state.x[2] = 0x1000;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpint(r.reason, ==, RANDOM_REASON_KICK);
    g_assert_cmphex(r.state.pc, ==, 0x1000);
    g_assert_cmpint(r.state.x[1], ==, 2);

    begin(ir, 0x2000);
    emit_add(ir, 1, 1);
    ir_emit(ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x2010);
    ir_exit_direct(ir, 0x2000);
    compile(native, ir, 0x2000);
    native_run(native, 0x2000, MXCSR, &r);
    g_assert_cmpint(r.reason, ==, RANDOM_REASON_KICK);
    g_assert_cmphex(r.state.pc, ==, 0x2010);
    g_assert_cmpint(r.state.x[1], ==, 3);
    region_free(ir);
    native_free(native);
}

static void test_budget(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;
    IrRef n;

    begin(ir, 0x1000);
    n = ir_emit(ir, IR_count, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x1000);
    ir->insns[n].len = 3;
    emit_add(ir, 1, 3);
    ir_exit_direct(ir, 0x1000);
    compile(native, ir, 0x1000);
    native->guest->state.x[1] = 0;
    native->guest->budget = 100;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpint(r.reason, ==, RANDOM_REASON_BUDGET);
    g_assert_cmpint(r.state.x[1], ==, 99);
    g_assert_cmpint(r.budget, ==, 1);
    region_free(ir);
    native_free(native);
}

/* ---- A change of context. ---- */

typedef struct Contexts {
    RandomTlb *other, *first;
} Contexts;

static Contexts contexts;

static void change_context(Native *native)
{
    RandomGuest *guest = native->guest;

    guest->tlb = guest->tlb == contexts.first ? contexts.other : contexts.first;
}

/* After exit_lookup, probes use the new context's TLB, and calls made before are forgotten. */
static void test_context(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    RandomResult r;

    contexts.first = native->guest->tlb;
    contexts.other = g_memdup2(contexts.first, sizeof(RandomTlb));
    native->on_lookup = change_context;
    begin(ir, 0x1000);
    ir_call_mark(ir, 0x1008);
    ir_exit_direct(ir, 0x1200);
    compile(native, ir, 0x1000);
    begin(ir, 0x1200);
    ir_st_env(ir, IR_I64, IR_64, offsetof(RandomState, pc), constant(ir, 0x1300));
    ir_exit_lookup(ir);
    compile(native, ir, 0x1200);
    begin(ir, 0x1300);
    ir_set_var(ir, 4, ir_ld(ir, IR_I64, IR_64, ir_get_var(ir, 3), 0));
    ir_exit_indirect(ir, constant(ir, 0x1008), IR_JUMP_RETURN);
    compile(native, ir, 0x1300);
    begin(ir, 0x1008);
    ir_exit_direct(ir, 0x9000);
    compile(native, ir, 0x1008);

    /* In the other context, memory's first page shows the second one's bytes. */
    native_fill_tlb(native->guest, 15);
    TcgTlbEntry *entry = entry_of(native, RANDOM_MEM_BASE);
    size_t index = entry - native->guest->tlb->entries;
    contexts.other->entries[index] = *entry;
    contexts.other->entries[index].addend += 4096;
    native->guest->memory[0] = 1;
    native->guest->memory[4096] = 2;
    native->guest->state.x[3] = RANDOM_MEM_BASE;
    native_run(native, 0x1000, MXCSR, &r);
    g_assert_cmpint(r.state.x[4], ==, 2);
    g_assert_cmphex(r.state.pc, ==, 0x9000);
    native->guest->tlb = contexts.first;
    g_free(contexts.other);
    region_free(ir);
    native_free(native);
}

/* ---- Errors. ---- */

static void test_features(void)
{
    TcgRuntime rt;
    GError *error = NULL;

    random_runtime(&rt);
    g_assert_null(tcg_new(&rt, 1 << 20, "bmi3", &error));
    g_assert_nonnull(strstr(error->message, "bmi"));
    g_clear_error(&error);
}

/* A region that does not fit is refused whole, whatever the room. */
static void test_room(void)
{
    Native *native = engine_new();
    IrRegion *ir = region_new();
    TcgCompile how = {.pc = 0x1000,
                      .meta = g_malloc(NATIVE_META_BYTES),
                      .meta_room = NATIVE_META_BYTES};
    uint8_t *start = tcg_code_start(native->tcg);
    bool fitted = false;

    for (size_t room = 0; room < 16384; room += 512) {
        GRand *rng = g_rand_new_with_seed(4);
        TcgCode code;

        random_ir(rng, ir, 120, RANDOM_ALL);
        g_rand_free(rng);
        if (tcg_compile(native->tcg, ir, &how, start, room, &code)) {
            g_assert_cmpuint(code.size, <=, room);
            g_assert_cmpuint(code.meta_size, <=, how.meta_room);
            fitted = true;
        } else {
            g_assert_null(code.exits);
            g_assert_false(fitted);
        }
    }
    g_assert_true(fitted);
    /* What is kept beside the code needs room, too. */
    bool meta_fitted = false;
    for (how.meta_room = 0; how.meta_room < 16384; how.meta_room += 64) {
        GRand *rng = g_rand_new_with_seed(4);
        TcgCode code;

        random_ir(rng, ir, 120, RANDOM_ALL);
        g_rand_free(rng);
        memset((char *)how.meta + how.meta_room, 0xa5, 64);
        if (tcg_compile(native->tcg, ir, &how, start, 16384, &code)) {
            g_assert_cmpuint(code.meta_size, <=, how.meta_room);
            meta_fitted = true;
        } else {
            g_assert_false(meta_fitted);
        }
        for (unsigned i = 0; i < 64; i++) {
            g_assert_cmphex(((uint8_t *)how.meta)[how.meta_room + i], ==, 0xa5);
        }
    }
    g_assert_true(meta_fitted);
    g_free(how.meta);
    region_free(ir);
    native_free(native);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/chain", test_chain);
    g_test_add_func("/link/page-check", test_page_check);
    g_test_add_func("/link/return-prediction", test_return_prediction);
    g_test_add_func("/link/return-mismatch", test_return_mismatch);
    g_test_add_func("/link/jump-cache", test_jump_cache);
    g_test_add_func("/link/kick", test_kick);
    g_test_add_func("/link/budget", test_budget);
    g_test_add_func("/link/context", test_context);
    g_test_add_func("/link/features", test_features);
    g_test_add_func("/link/room", test_room);
    return g_test_run();
}
