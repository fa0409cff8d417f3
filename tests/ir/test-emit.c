/*
 * The emitter against the interpreter: random regions, and every op on corner cases, end in the
 * same state, memory, budget and flags; with all host features, with none, and with some taken
 * away, through TLB hits and through callbacks.
 *
 * On a difference the seed, the region and its host code are printed.
 */
#include "tests/ir/native.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_PC UINT64_C(0x5eed0001) /* that no exit leads to */
#define DENORMAL_FLAG 2u              /* of MXCSR: not an IEEE flag, nobody reads it */

static const char *const feature_masks[] = {
    "", "all", "bmi1,lzcnt,popcnt", "avx", "fma,avx2", "bmi2,sse41", "fma", "avx512", "vbmi",
};

/* The ways to leave that translated code does not tell apart (an indirect exit to a constant is a
 * direct one, and an indirect exit polls). */
static void normalize(RandomResult *interp, RandomResult *native, bool kick)
{
    interp->mxcsr &= ~DENORMAL_FLAG;
    native->mxcsr &= ~DENORMAL_FLAG;
    if (interp->op == IR_exit_indirect) {
        interp->op = IR_exit_lookup;
        if (kick && native->op == IR_exit_reason && native->reason == RANDOM_REASON_KICK) {
            native->op = IR_exit_lookup;
            native->reason = 0;
        }
    }
    if (interp->op == IR_exit_direct) {
        interp->op = IR_exit_lookup;
    }
    if (native->op == IR_exit_direct) {
        native->op = IR_exit_lookup;
    }
    if (interp->op == IR_poll || interp->op == IR_count) {
        interp->op = IR_exit_reason;
    }
}

typedef struct Case {
    Native *native;
    RandomGuest *interp;
    const char *off;
    unsigned seed;
    unsigned left; /* runs that a test at the region's entry ended */
    unsigned left_in_all;
    IrRegion ir;
} Case;

static Case *case_new(const char *off)
{
    Case *c = g_new0(Case, 1);

    c->native = native_new(off);
    c->interp = random_guest_new();
    c->off = off;
    random_region_init(&c->ir);
    return c;
}

static void case_free(Case *c)
{
    ir_region_free(&c->ir);
    random_guest_free(c->interp);
    native_free(c->native);
    g_free(c);
}

static void fail_case(const Case *c, const char *what)
{
    GString *text = g_string_new(NULL);

    ir_print(&c->ir, text);
    if (c->native->nregions) {
        const TcgCode *code = &c->native->regions[0].code;

        tcg_disassemble(code->entry, code->size, text);
    }
    g_printerr("%s\nseed %u, features off: '%s'; interpreter / host:\n%s", text->str, c->seed,
               c->off, what);
    g_string_free(text, TRUE);
    exit(1);
}

static void compile_case(Case *c, bool optimize)
{
    GString *what = g_string_new(NULL);

    native_reset(c->native);
    if (!ir_verify(&c->ir, what)) {
        fail_case(c, what->str);
    }
    if (!native_compile(c->native, &c->ir, ENTRY_PC, optimize)) {
        fail_case(c, "does not compile\n");
    }
    g_string_free(what, TRUE);
}

/* Whether the region left at once, because a test at its entry failed, with nothing done. */
static bool left_at_entry(const Case *c, const RandomGuest *start, const RandomResult *r)
{
    RandomState state = start->state;

    state.pc = ENTRY_PC;
    return r->op == IR_translate && !r->faulted && r->budget == start->budget &&
           !memcmp(&state, &r->state, sizeof(state)) &&
           !memcmp(start->memory, r->memory, RANDOM_MEM_SIZE);
}

/* Runs from the interpreter guest's state on both. */
static void compare_run(Case *c, uint32_t mxcsr, unsigned hits)
{
    GString *what = g_string_new(NULL);
    bool kick = c->interp->kick;
    RandomResult a, b;

    native_copy_guest(c->native->guest, c->interp);
    native_fill_tlb(c->native->guest, hits);
    native_run(c->native, ENTRY_PC, mxcsr, &b);
    if (left_at_entry(c, c->interp, &b)) {
        g_assert_cmphex(b.mxcsr, ==, mxcsr);
        c->left++;
        c->left_in_all++;
        native_reset(c->native);
        native_copy_guest(c->native->guest, c->interp);
        g_assert_true(native_compile_how(c->native, &c->ir,
                                         (TcgCompile){
                                             .pc = ENTRY_PC,
                                             .optimize = true,
                                             .no_entry_tests = true,
                                         }));
        native_run(c->native, ENTRY_PC, mxcsr, &b);
    }
    random_run_interp(c->interp, &c->ir, mxcsr, &a);
    normalize(&a, &b, kick);
    if (c->native->unknown_pc) {
        g_string_append(what, "tcg_restore() fails\n");
    }
    if (!random_result_equal(&a, &b, what) || c->native->unknown_pc) {
        g_string_append_printf(what, "mxcsr %#x, tlb hits %#x\n", mxcsr, hits);
        fail_case(c, what->str);
    }
    g_string_free(what, TRUE);
}

/* ---- Random regions. ---- */

static void random_case(Case *c, unsigned seed, unsigned features)
{
    GRand *rng = g_rand_new_with_seed(seed);
    unsigned size = 4 + g_rand_int_range(rng, 0, seed % 16 ? 60 : 400);

    c->seed = seed;
    random_ir(rng, &c->ir, size, features);
    if (seed & 2) {
        ir_optimize(&c->ir, 1 + (seed >> 2 & 1));
    }
    for (unsigned b = 1; b < c->ir.nblocks; b++) {
        c->ir.blocks[b].cold = g_rand_int_range(rng, 0, 4) == 0;
        c->ir.blocks[b].loop_depth = (uint16_t)g_rand_int_range(rng, 0, 3);
    }
    compile_case(c, seed & 1);
    for (unsigned run = 0; run < 4; run++) {
        uint32_t mxcsr = 0x1f80 | (uint32_t)g_rand_int_range(rng, 0, 4) << 13;

        random_guest_fill(c->interp, rng);
        compare_run(c, mxcsr,
                    run == 0   ? 0
                    : run == 1 ? 15
                               : (unsigned)g_rand_int_range(rng, 0, 16));
    }
    g_rand_free(rng);
}

/* As they are, and with the copies that the optimizer makes of them. */
static void test_loops(void)
{
    unsigned cases = g_test_quick() ? 150 : 6000;

    for (size_t m = 0; m < G_N_ELEMENTS(feature_masks); m++) {
        Case *c = case_new(feature_masks[m]);

        for (unsigned i = 0; i < cases; i++) {
            GRand *rng = g_rand_new_with_seed(c->seed = (unsigned)m * 100000 + i);

            c->ir.wide = tcg_features(c->native->tcg)->avx2 && (i & 8);
            (i & 4 ? random_wide_loop : random_loop)(rng, &c->ir);
            if (i & 3) {
                ir_optimize(&c->ir, 2);
            }
            compile_case(c, true);
            for (unsigned run = 0; run < 3; run++) {
                random_guest_fill(c->interp, rng);
                c->interp->no_probe = g_rand_boolean(rng);
                compare_run(c, 0x1f80, run == 0 ? 15 : (unsigned)g_rand_int_range(rng, 0, 16));
            }
            g_rand_free(rng);
        }
        case_free(c);
    }
}

typedef struct RandomTest {
    const char *name;
    unsigned features, cases;
} RandomTest;

static const RandomTest random_tests[] = {
    {"integer", 0, 1500},
    {"memory", RANDOM_MEMORY | RANDOM_FAULT | RANDOM_ATOMIC | RANDOM_XLATE, 1500},
    {"call", RANDOM_CALL | RANDOM_FAULT | RANDOM_MEMORY, 1000},
    {"branch", RANDOM_BRANCH | RANDOM_COUNT | RANDOM_CALL | RANDOM_MEMORY | RANDOM_FAULT, 1500},
    {"fp", RANDOM_FP, 1500},
    {"fp-loops", RANDOM_FP | RANDOM_BRANCH | RANDOM_MEMORY | RANDOM_FAULT, 1500},
    {"vector", RANDOM_VECTOR | RANDOM_MEMORY, 700},
    {"wide", RANDOM_VECTOR | RANDOM_WIDE | RANDOM_MEMORY | RANDOM_FAULT | RANDOM_CALL, 1500},
    {"all", RANDOM_ALL, 3000},
};

static void test_random(gconstpointer data)
{
    const RandomTest *test = data;
    unsigned cases = test->cases / (g_test_quick() ? 3 : 1);

    for (size_t m = 0; m < G_N_ELEMENTS(feature_masks); m++) {
        Case *c = case_new(feature_masks[m]);
        unsigned without = tcg_features(c->native->tcg)->avx2 ? 0 : RANDOM_WIDE;

        for (unsigned i = 0; i < cases; i++) {
            random_case(c, (unsigned)m * 100000 + i, test->features & ~without);
        }
        g_test_message("%u runs left at the entry", c->left_in_all);
        case_free(c);
    }
}

/* ---- Every op on corner cases. ---- */

/* clang-format off */
static const uint64_t int_corners[] = {
    0, 1, 2, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
    0x80000000, 0xffffffff, 0x100000000, 0x123456789abcdef0, INT64_MAX, UINT64_C(1) << 63,
    UINT64_MAX, -UINT64_C(2), UINT64_C(0xffffffff80000000), UINT64_C(0xffffffff7fffffff),
};

static const uint64_t f64_corners[] = {
    0, UINT64_C(1) << 63, 0x3ff0000000000000, 0xbff0000000000000, 0x3fe0000000000000,
    0xbfe0000000000000, 0x3ff8000000000000, 0xbff8000000000000, 0x4004000000000000,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000123,
    0x7ff0000000000001, 0xfff4000000000000, 1, 0x8000000000000001, 0x000fffffffffffff,
    0x0010000000000000, 0x7fefffffffffffff, 0xffefffffffffffff, 0x41dfffffffc00000,
    0x41e0000000000000, 0xc1e0000000000000, 0xc1e0000000200000, 0x41efffffffe00000,
    0x41effffffff00000, 0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000,
    0xc3e0000000000000, 0xc3e0000000000001, 0x43efffffffffffff, 0x43f0000000000000,
    0x36a0000000000000, 0x47efffffefffffff, 0x47effffff0000000, 0x3810000000000000,
    0x380fffffffffffff, 0xbfdfffffffffffff, 0xbff0000000000001,
};

static const uint32_t f32_corners[] = {
    0, 0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbf000000, 0x3fc00000, 0xbfc00000,
    0x40200000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00123, 0x7f800001, 0xffa00000, 1,
    0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x4effffff, 0x4f000000,
    0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0xdf000000,
    0xdf000001, 0x5f7fffff, 0x5f800000, 0x0c000000, 0x3effffff, 0xbf800001,
};
/* clang-format on */

static IrRef noref(IrRegion *ir, IrOp op, IrType type, unsigned aux, unsigned n, const IrRef *args)
{
    return ir_emit(ir, op, type, aux, n > 0 ? args[0] : IR_NOREF, n > 1 ? args[1] : IR_NOREF,
                   n > 2 ? args[2] : IR_NOREF, n > 3 ? args[3] : IR_NOREF, 0);
}

/* Operands by the letters of ir-ops.def, from x0.. or f0..; operand @fixed is the constant
 * @value. */
static unsigned load_args(IrRegion *ir, IrOp op, IrType type, int fixed, uint64_t value,
                          IrRef *args)
{
    unsigned n = 0;

    for (; n < 4 && ir_op_info[op].arg[n] != '_'; n++) {
        char letter = ir_op_info[op].arg[n];
        IrType want = letter == 'q'   ? IR_I64
                      : letter == 'w' ? IR_I32
                      : letter == 's' ? IR_F32
                      : letter == 'd' ? IR_F64
                                      : type;

        if ((int)n == fixed && want <= IR_I64) {
            args[n] = ir_const(ir, want, (int64_t)value);
        } else if (want <= IR_I64) {
            args[n] = ir_get_var(ir, n);
            args[n] = want == IR_I32 ? ir_op1(ir, IR_trunc, IR_I32, 0, args[n]) : args[n];
        } else {
            args[n] = ir_get_var(ir, RANDOM_NX + n);
            args[n] = want == IR_F32 ? ir_op1(ir, IR_flow, IR_F32, 0, args[n]) : args[n];
        }
    }
    return n;
}

/* A region: x5 or f5 = op, both the plain result and the arguments' registers used again. */
static void build_op(Case *c, IrOp op, IrType type, unsigned aux, int fixed, uint64_t value)
{
    IrRegion *ir = &c->ir;
    IrRef args[4], v;
    unsigned n;

    ir_region_reset(ir);
    ir_block_begin(ir, ENTRY_PC);
    ir_insn_start(ir, ENTRY_PC);
    n = load_args(ir, op, type, fixed, value, args);
    v = noref(ir, op, type, aux, n, args);
    switch (ir_result_type(&ir->insns[v])) {
    case IR_I32:
        ir_set_var(ir, 5, ir_op1(ir, IR_zext, IR_I64, 0, v));
        ir_set_var(ir, 6, ir_op1(ir, IR_sext, IR_I64, 0, v));
        break;
    case IR_I64: ir_set_var(ir, 5, v); break;
    case IR_F32:
        /* Which NaN an operation gives is open. */
        v = ir_op1(ir, op >= IR_fabs && op <= IR_fsgnjx ? IR_mov : IR_fcanon, IR_F32, 0, v);
        ir_set_var(ir, RANDOM_NX + 5, ir_op1(ir, IR_fbox, IR_F64, 0, v));
        break;
    case IR_F64:
        v = ir_op1(ir, (op >= IR_fabs && op <= IR_fsgnjx) || op >= IR_fbox ? IR_mov : IR_fcanon,
                   IR_F64, 0, v);
        ir_set_var(ir, RANDOM_NX + 5, v);
        break;
    default: g_assert_not_reached();
    }
    ir_exit_direct(ir, 0x4000);
    compile_case(c, false);
}

static void start_guest(RandomGuest *guest)
{
    memset(&guest->state, 0, sizeof(guest->state));
    guest->budget = 100;
    guest->kick = 0;
}

static void run_int_corners(Case *c, unsigned nargs)
{
    for (size_t i = 0; i < G_N_ELEMENTS(int_corners); i++) {
        for (size_t j = 0; j < (nargs > 1 ? G_N_ELEMENTS(int_corners) : 1); j++) {
            start_guest(c->interp);
            c->interp->state.x[0] = int_corners[i];
            c->interp->state.x[1] = int_corners[j];
            c->interp->state.x[2] = UINT64_C(0x1111111122222222);
            c->interp->state.x[3] = UINT64_C(0x3333333344444444);
            compare_run(c, 0x1f80, 0);
        }
    }
}

/* How many aux values an integer op has, and whether an i32 form exists for it. */
static unsigned int_aux(IrOp op, IrType type, const uint8_t **values)
{
    static const uint8_t plain[] = {0}, two[] = {0, 1}, conds[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const uint8_t ext[] = {IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32};

    switch (op) {
    case IR_divs:
    case IR_divu: *values = two; return 2;
    case IR_setcond:
    case IR_select: *values = conds; return 10;
    case IR_ext: *values = ext; return type == IR_I32 ? 4 : 6;
    default: *values = plain; return 1;
    }
}

static void int_op_corners(Case *c, IrOp op, IrType type)
{
    const uint8_t *aux;
    unsigned naux = int_aux(op, type, &aux);
    unsigned nargs = ir_op_info[op].arg[1] == '_' ? 1 : 2;

    for (unsigned k = 0; k < naux; k++) {
        build_op(c, op, type, aux[k], -1, 0);
        run_int_corners(c, nargs);
        for (int fixed = 0; fixed < (int)nargs; fixed++) {
            for (size_t i = 0; i < G_N_ELEMENTS(int_corners); i += g_test_quick() ? 3 : 1) {
                build_op(c, op, type, aux[k], fixed, int_corners[i]);
                run_int_corners(c, fixed || g_test_quick() ? 1 : nargs);
            }
        }
    }
}

static void test_int_corners(void)
{
    static const uint8_t fixed_type[] = {IR_trunc, IR_sext, IR_zext};

    for (size_t m = 0; m < 3; m++) {
        Case *c = case_new(feature_masks[m]);

        for (unsigned op = IR_add; op <= IR_select; op++) {
            IrType first = memchr(fixed_type, (int)op, sizeof(fixed_type)) ? IR_I64 : IR_I32;

            for (IrType type = first; type <= IR_I64; type++) {
                int_op_corners(c, (IrOp)op, op == IR_trunc ? IR_I32 : type);
            }
        }
        case_free(c);
    }
}

/* How many values aux takes. */
static unsigned fp_aux(IrOp op)
{
    switch (op) {
    case IR_fma:
    case IR_fcvt_if: return 8;
    case IR_fcmp: return 8;
    case IR_fround: return 2;
    case IR_fcvt_fi: return 4;
    default: return 1;
    }
}

static uint64_t fp_corner(IrType type, size_t i)
{
    return type == IR_F64
               ? f64_corners[i % G_N_ELEMENTS(f64_corners)]
               : UINT64_C(0xffffffff00000000) | f32_corners[i % G_N_ELEMENTS(f32_corners)];
}

static void run_fp_corners(Case *c, IrOp op, IrType type)
{
    bool binary = ir_op_info[op].arg[1] != '_', ternary = ir_op_info[op].arg[2] != '_';
    bool from_int = ir_op_info[op].arg[0] == 'q' || ir_op_info[op].arg[0] == 'w';
    IrType arg = ir_op_info[op].arg[0] == 's'   ? IR_F32
                 : ir_op_info[op].arg[0] == 'd' ? IR_F64
                                                : type;
    size_t count = from_int        ? G_N_ELEMENTS(int_corners)
                   : arg == IR_F64 ? G_N_ELEMENTS(f64_corners)
                                   : G_N_ELEMENTS(f32_corners);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < (binary ? count : 1); j++) {
            uint32_t rounding = (uint32_t)(i + j) & 3;

            for (unsigned r = 0; r < (binary ? 1 : 4); r++) {
                start_guest(c->interp);
                c->interp->state.x[0] = int_corners[i % G_N_ELEMENTS(int_corners)];
                c->interp->state.f[0] = fp_corner(arg, i);
                c->interp->state.f[1] = fp_corner(arg, j);
                c->interp->state.f[2] = ternary ? fp_corner(arg, i * 7 + j * 3) : 0;
                compare_run(c, 0x1f80 | ((rounding + r) & 3) << 13, 0);
            }
        }
    }
}

static void test_fp_corners(void)
{
    for (size_t m = 0; m < G_N_ELEMENTS(feature_masks); m++) {
        Case *c = case_new(feature_masks[m]);

        for (unsigned op = IR_fadd; op <= IR_bits_is; op++) {
            char letter = ir_op_info[op].result, a = ir_op_info[op].arg[0];
            bool typed = letter == 'f' || a == 'f';

            for (unsigned aux = 0; aux < fp_aux((IrOp)op); aux++) {
                for (IrType type = IR_F32; type <= IR_F64; type++) {
                    IrType field = typed           ? type
                                   : letter == 'q' ? IR_I64
                                   : letter == 'w' ? IR_I32
                                   : letter == 's' ? IR_F32
                                                   : IR_F64;

                    build_op(c, (IrOp)op, field, aux, -1, 0);
                    run_fp_corners(c, (IrOp)op, type);
                    if (!typed) {
                        break;
                    }
                }
            }
        }
        case_free(c);
    }
}

/* ---- Memory. ---- */

/* x5 = load at x0 + offset, or store of x1 there, at each place around the page's end and start. */
static void memory_case(Case *c, unsigned memop, IrType type, int32_t offset, bool store)
{
    IrRegion *ir = &c->ir;
    IrRef addr;

    ir_region_reset(ir);
    ir_block_begin(ir, ENTRY_PC);
    ir_insn_start(ir, ENTRY_PC);
    addr = ir_get_var(ir, 0);
    ir_set_var(ir, 7, ir_const(ir, IR_I64, 77)); /* in a register or not: exact at a fault */
    ir_set_var(ir, 8, ir_get_var(ir, 1));
    if (store) {
        IrRef v = ir_get_var(ir, 1);

        v = type == IR_I32 ? ir_op1(ir, IR_trunc, IR_I32, 0, v) : v;
        ir_st(ir, type, memop & ~IR_SIGNED, addr, offset, v);
    } else {
        IrRef v = ir_ld(ir, type, memop, addr, offset);

        ir_set_var(ir, 5, type == IR_I32 ? ir_op1(ir, IR_zext, IR_I64, 0, v) : v);
    }
    ir_exit_direct(ir, 0x4000);
    compile_case(c, false);
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned hits = 0; hits < 16; hits += 5) {
            start_guest(c->interp);
            for (unsigned k = 0; k < RANDOM_MEM_SIZE; k++) {
                c->interp->memory[k] = (uint8_t)(k * 37 + 128);
            }
            c->interp->state.x[0] =
                RANDOM_MEM_BASE + (i < 16 ? 4088 : 0) + i % 16 - (uint64_t)(int64_t)offset;
            c->interp->state.x[1] = UINT64_C(0x8182838485868788);
            compare_run(c, 0x1f80, hits);
        }
    }
}

static void test_memory_corners(void)
{
    static const int32_t offsets[] = {0, 8, -2048, 0x7ffff000, INT32_MIN};
    static const uint8_t variants[] = {0, IR_ALIGNED, IR_BIG_ENDIAN};

    for (size_t m = 0; m < 2; m++) {
        Case *c = case_new(feature_masks[m]);

        for (unsigned size = IR_U8; size <= IR_64; size++) {
            for (size_t v = 0; v < G_N_ELEMENTS(variants); v++) {
                unsigned memop = size | variants[v];
                int32_t offset = offsets[(size + v) % G_N_ELEMENTS(offsets)];

                memory_case(c, memop, IR_I64, offset, false);
                memory_case(c, memop, IR_I64, offset, true);
                if (size < IR_64) {
                    memory_case(c, memop | IR_SIGNED, IR_I64, offset, false);
                    memory_case(c, memop, IR_I32, offset, false);
                    memory_case(c, memop, IR_I32, offset, true);
                    if (size < IR_U32) {
                        memory_case(c, memop | IR_SIGNED, IR_I32, offset, false);
                    }
                }
            }
        }
        case_free(c);
    }
}

/* Every atomic operation, its result used or not, at aligned and misaligned addresses. */
static void atomic_case(Case *c, IrType type, unsigned rmw, bool cas, bool used)
{
    IrRegion *ir = &c->ir;
    IrRef addr, a, b, v;

    ir_region_reset(ir);
    ir_block_begin(ir, ENTRY_PC);
    ir_insn_start(ir, ENTRY_PC);
    addr = ir_get_var(ir, 0);
    a = ir_get_var(ir, 1);
    b = ir_get_var(ir, 2);
    if (type == IR_I32) {
        a = ir_op1(ir, IR_trunc, IR_I32, 0, a);
        b = ir_op1(ir, IR_trunc, IR_I32, 0, b);
    }
    v = cas ? ir_emit(ir, IR_cas, type, 0, addr, a, b, IR_NOREF, 0)
            : ir_emit(ir, IR_rmw, type, rmw, addr, a, IR_NOREF, IR_NOREF, 0);
    if (used) {
        ir_set_var(ir, 5, type == IR_I32 ? ir_op1(ir, IR_zext, IR_I64, 0, v) : v);
    }
    ir_exit_direct(ir, 0x4000);
    compile_case(c, false);
    for (unsigned i = 0; i < 64; i++) {
        uint64_t old = int_corners[i % G_N_ELEMENTS(int_corners)];

        start_guest(c->interp);
        memcpy(c->interp->memory + 64, &old, 8);
        c->interp->state.x[0] = RANDOM_MEM_BASE + 64 + (i % 13 == 12 ? i % 8 : 0);
        c->interp->state.x[1] = i & 1 ? old : int_corners[i * 5 % G_N_ELEMENTS(int_corners)];
        c->interp->state.x[2] = int_corners[i * 3 % G_N_ELEMENTS(int_corners)];
        compare_run(c, 0x1f80, i & 2 ? 15 : 0);
    }
}

static void test_atomic_corners(void)
{
    Case *c = case_new("");

    for (IrType type = IR_I32; type <= IR_I64; type++) {
        for (int used = 0; used < 2; used++) {
            for (unsigned rmw = IR_RMW_SWAP; rmw <= IR_RMW_MAXU; rmw++) {
                atomic_case(c, type, rmw, false, used);
            }
            atomic_case(c, type, 0, true, used);
        }
    }
    case_free(c);
}

/* ---- NaNs in loops. ---- */

/* x0 times: f0 = f0 op f1, a copy in f2, a store of f2 every other time; f3 is what f2 was. */
static void build_nan_loop(Case *c, IrOp op, bool peeled)
{
    IrRegion *ir = &c->ir;
    unsigned head, store, next, done;
    IrRef v, n;

    ir_region_reset(ir);
    ir_block_begin(ir, ENTRY_PC);
    head = peeled ? ir_block_new(ir) : 0;
    store = ir_block_new(ir);
    next = ir_block_new(ir);
    done = ir_block_new(ir);
    if (peeled) {
        ir_insn_start(ir, ENTRY_PC);
        ir_set_var(ir, RANDOM_NX + 2, ir_get_var(ir, RANDOM_NX));
        ir_br(ir, head);
        ir_block_place(ir, head, ENTRY_PC + 4);
    }
    ir_insn_start(ir, ENTRY_PC + 4);
    ir_set_var(ir, RANDOM_NX + 3, ir_get_var(ir, RANDOM_NX + 2));
    v = ir_op2(ir, op, IR_F64, 0, ir_get_var(ir, RANDOM_NX), ir_get_var(ir, RANDOM_NX + 1));
    v = ir_op1(ir, IR_fcanon, IR_F64, 0, v);
    ir_set_var(ir, RANDOM_NX, v);
    ir_set_var(ir, RANDOM_NX + 2, v);
    ir_insn_start(ir, ENTRY_PC + 8);
    n = ir_op2(ir, IR_sub, IR_I64, 0, ir_get_var(ir, 0), ir_const(ir, IR_I64, 1));
    ir_set_var(ir, 0, n);
    ir_brcond(ir, IR_I64, IR_EQ, ir_op2(ir, IR_and, IR_I64, 0, n, ir_const(ir, IR_I64, 1)),
              ir_const(ir, IR_I64, 0), store, next);
    ir_block_place(ir, store, ENTRY_PC + 12);
    ir_insn_start(ir, ENTRY_PC + 12);
    ir_st(ir, IR_F64, IR_64, ir_get_var(ir, 1), 8, ir_get_var(ir, RANDOM_NX + 2));
    ir_br(ir, next);
    ir_block_place(ir, next, ENTRY_PC + 16);
    ir_brcond(ir, IR_I64, IR_NE, ir_get_var(ir, 0), ir_const(ir, IR_I64, 0), head, done);
    ir_block_place(ir, done, ENTRY_PC + 20);
    ir_exit_direct(ir, 0x4000);
    for (unsigned b = head; b < done; b++) {
        ir->blocks[b].loop_depth = 1;
    }
}

static void test_nan_loops(void)
{
    static const uint8_t ops[] = {IR_fadd, IR_fmul, IR_fdiv, IR_fminnum};
    const size_t count = G_N_ELEMENTS(f64_corners);

    for (size_t m = 0; m < G_N_ELEMENTS(feature_masks); m++) {
        Case *c = case_new(feature_masks[m]);

        for (unsigned k = 0; k < 2 * G_N_ELEMENTS(ops); k++) {
            for (size_t i = 0; i < count * count; i++) {
                if (c->left || i == 0) { /* with the entry's tests again */
                    build_nan_loop(c, ops[k / 2], k % 2);
                    compile_case(c, true);
                    c->left = 0;
                }
                start_guest(c->interp);
                c->interp->state.x[0] = 1 + i % 3;
                /* One of them faults. */
                c->interp->state.x[1] = i % 7 ? RANDOM_MEM_BASE + i % 5 * 8 : 0;
                c->interp->state.f[0] = f64_corners[i / count];
                c->interp->state.f[1] = f64_corners[i % count];
                c->interp->state.f[2] = f64_corners[i * 5 % count];
                c->interp->state.f[3] = f64_corners[i * 3 % count];
                compare_run(c, 0x1f80, i & 1 ? 15 : 0);
            }
            if (ops[k / 2] != IR_fminnum) { /* which needs no tests */
                g_assert_cmpuint(c->left_in_all, >, 0);
            }
            c->left_in_all = 0;
        }
        case_free(c);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/emit/corners/int", test_int_corners);
    g_test_add_func("/emit/corners/fp", test_fp_corners);
    g_test_add_func("/emit/corners/memory", test_memory_corners);
    g_test_add_func("/emit/corners/atomic", test_atomic_corners);
    g_test_add_func("/emit/random/loops", test_loops);
    g_test_add_func("/emit/nan-loops", test_nan_loops);
    for (size_t i = 0; i < G_N_ELEMENTS(random_tests); i++) {
        char *path = g_strdup_printf("/emit/random/%s", random_tests[i].name);

        g_test_add_data_func(path, &random_tests[i], test_random);
        g_free(path);
    }
    return g_test_run();
}
