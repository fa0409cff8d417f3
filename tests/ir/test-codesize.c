/*
 * Quality of the emitted code: how many host instructions a list of hot idioms takes, so that a
 * regression (or a gain) shows as a change of this table. The counts are of the hot path, padding
 * not counted, on a host with BMI, AVX2 and FMA.
 *
 * The IR is as it reaches the emitter, after optimization; variables start in memory, and the ones
 * written are stored at the exit, so each idiom's count holds those loads, stores and the final
 * jump.
 */
#include "tests/ir/native.h"

#include <string.h>

typedef struct Idiom {
    const char *name;
    unsigned expected;
    void (*build)(IrRegion *ir);
} Idiom;

#define X(n) ir_get_var(ir, n)
#define F(n) ir_get_var(ir, RANDOM_NX + (n))
#define SET(n, v) ir_set_var(ir, n, v)
#define SETF(n, v) ir_set_var(ir, RANDOM_NX + (n), v)

static IrRef k64(IrRegion *ir, int64_t v)
{
    return ir_const(ir, IR_I64, v);
}

static IrRef op(IrRegion *ir, IrOp op, IrRef a, IrRef b)
{
    return ir_op2(ir, op, IR_I64, 0, a, b);
}

static IrRef word(IrRegion *ir, IrRef v)
{
    return ir_op1(ir, IR_trunc, IR_I32, 0, v);
}

/* ---- Straight code; each ends in the exit that run_idiom() adds. ---- */

static void addi(IrRegion *ir)
{
    SET(1, op(ir, IR_add, X(1), k64(ir, 16)));
}

static void add(IrRegion *ir)
{
    SET(3, op(ir, IR_add, X(1), X(2)));
}

static void sub(IrRegion *ir)
{
    SET(3, op(ir, IR_sub, X(1), X(2)));
}

static void addw(IrRegion *ir)
{
    SET(3, ir_op1(ir, IR_sext, IR_I64, 0,
                  ir_op2(ir, IR_add, IR_I32, 0, word(ir, X(1)), word(ir, X(2)))));
}

static void addiw_same(IrRegion *ir)
{
    SET(1, ir_op1(ir, IR_sext, IR_I64, 0,
                  ir_op2(ir, IR_add, IR_I32, 0, word(ir, X(1)), ir_const(ir, IR_I32, 1))));
}

static void li_big(IrRegion *ir)
{
    SET(1, k64(ir, INT64_C(0x123456789abc)));
}

static void mv(IrRegion *ir)
{
    SET(2, X(1));
}

static void slli(IrRegion *ir)
{
    SET(2, ir_op2(ir, IR_shl, IR_I64, 0, X(1), k64(ir, 3)));
}

static void srl(IrRegion *ir)
{
    SET(3, op(ir, IR_shr, X(1), X(2)));
}

static void sh2add(IrRegion *ir)
{
    SET(3, op(ir, IR_add, op(ir, IR_shl, X(1), k64(ir, 2)), X(2)));
}

/* slli and add to one address, with others in between. */
static void array_index(IrRegion *ir)
{
    IrRef index = op(ir, IR_shl, X(1), k64(ir, 3));

    SET(2, op(ir, IR_add, X(2), k64(ir, 1)));
    SET(1, op(ir, IR_add, index, X(3)));
}

static void sltu(IrRegion *ir)
{
    SET(3, ir_op2(ir, IR_setcond, IR_I64, IR_LTU, X(1), X(2)));
}

static void min(IrRegion *ir)
{
    IrRef a = X(1), b = X(2);

    SET(3, ir_select(ir, IR_I64, IR_LT, a, b, a, b));
}

static void mul(IrRegion *ir)
{
    SET(3, op(ir, IR_mul, X(1), X(2)));
}

static void mulhu(IrRegion *ir)
{
    SET(3, op(ir, IR_mulhu, X(1), X(2)));
}

static void div_(IrRegion *ir)
{
    SET(3, op(ir, IR_divs, X(1), X(2)));
}

static void ctz(IrRegion *ir)
{
    SET(3, ir_op1(ir, IR_ctz, IR_I64, 0, X(1)));
}

static void ld(IrRegion *ir)
{
    SET(2, ir_ld(ir, IR_I64, IR_64, X(1), 0));
}

static void ld_offset(IrRegion *ir)
{
    SET(2, ir_ld(ir, IR_I64, IR_64, X(1), 8));
}

static void ld_known(IrRegion *ir)
{
    SET(2, ir_ld(ir, IR_I64, IR_64, k64(ir, 0x123450), 8));
}

static void sw_known(IrRegion *ir)
{
    ir_st(ir, IR_I64, IR_U32, k64(ir, 0x123450), 8, X(2));
}

static void lw(IrRegion *ir)
{
    SET(2, ir_ld(ir, IR_I64, IR_S32, X(1), 0));
}

static void sd(IrRegion *ir)
{
    ir_st(ir, IR_I64, IR_64, X(1), 0, X(2));
}

static void sb_zero(IrRegion *ir)
{
    ir_st(ir, IR_I64, IR_U8, X(1), 0, k64(ir, 0));
}

static void amoadd(IrRegion *ir)
{
    SET(3, ir_emit(ir, IR_rmw, IR_I64, IR_RMW_ADD, X(1), X(2), IR_NOREF, IR_NOREF, 0));
}

static void fadd_d(IrRegion *ir)
{
    SETF(3, ir_op1(ir, IR_fcanon, IR_F64, 0, ir_op2(ir, IR_fadd, IR_F64, 0, F(1), F(2))));
}

static void fmadd_d(IrRegion *ir)
{
    IrRef v = ir_emit(ir, IR_fma, IR_F64, IR_FMA_INF_ZERO, F(1), F(2), F(3), IR_NOREF, 0);

    SETF(4, ir_op1(ir, IR_fcanon, IR_F64, 0, v));
}

static void fadd_s(IrRegion *ir)
{
    IrRef a = ir_op1(ir, IR_funbox, IR_F32, 0, F(1)), b = ir_op1(ir, IR_funbox, IR_F32, 0, F(2));
    IrRef v = ir_op1(ir, IR_fcanon, IR_F32, 0, ir_op2(ir, IR_fadd, IR_F32, 0, a, b));

    SETF(3, ir_op1(ir, IR_fbox, IR_F64, 0, v));
}

static void flt_d(IrRegion *ir)
{
    SET(3, ir_op2(ir, IR_fcmp, IR_F64, IR_FLT_SIGNAL, F(1), F(2)));
}

static void fmin_d(IrRegion *ir)
{
    SETF(3, ir_op2(ir, IR_fminnum, IR_F64, 0, F(1), F(2)));
}

static void fcvt_w_d(IrRegion *ir)
{
    SET(3, ir_op1(ir, IR_fcvt_if, IR_F64, IR_INT_S32 | IR_CVT_TRUNC, F(1)));
}

static void fcvt_d_l(IrRegion *ir)
{
    SETF(3, ir_op1(ir, IR_fcvt_fi, IR_F64, IR_INT_S64, X(1)));
}

/* ---- Ends of blocks. ---- */

static void branch(IrRegion *ir)
{
    unsigned yes = ir_block_new(ir), no = ir_block_new(ir);

    ir_brcond(ir, IR_I64, IR_NE, X(1), X(2), yes, no);
    ir_block_place(ir, yes, 0x1100);
    ir_exit_direct(ir, 0x1100);
    ir_block_place(ir, no, 0x1004);
}

static void andi_beqz(IrRegion *ir)
{
    unsigned yes = ir_block_new(ir), no = ir_block_new(ir);
    IrRef v = op(ir, IR_and, X(1), k64(ir, 15));

    SET(1, v);
    ir_brcond(ir, IR_I64, IR_EQ, v, k64(ir, 0), yes, no);
    ir_block_place(ir, yes, 0x1100);
    ir_exit_direct(ir, 0x1100);
    ir_block_place(ir, no, 0x1004);
}

static void call(IrRegion *ir)
{
    SET(1, k64(ir, 0x1008));
    ir_call_mark(ir, 0x1008);
}

static void ret(IrRegion *ir)
{
    ir_exit_indirect(ir, op(ir, IR_and, X(1), k64(ir, -2)), IR_JUMP_RETURN);
}

static void jalr(IrRegion *ir)
{
    ir_exit_indirect(ir, X(1), IR_JUMP_ANY);
}

static void helper(IrRegion *ir)
{
    IrRef args[] = {X(1), X(2)};

    SET(3, ir_call(ir, 0, 2, args));
}

/* ---- Loops: the whole region, entry and exit included. ---- */

static void poll(IrRegion *ir)
{
    ir_emit(ir, IR_poll, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0x1000);
}

/* Closes a loop on block 0 while @a cond @b. */
static void loop_end(IrRegion *ir, IrCond cond, IrRef a, IrRef b)
{
    unsigned again = ir_block_new(ir), out = ir_block_new(ir);

    ir_brcond(ir, IR_I64, cond, a, b, again, out);
    ir_block_place(ir, again, 0x1000);
    poll(ir);
    ir_br(ir, 0);
    ir_block_place(ir, out, 0x1100);
    for (unsigned b0 = 0; b0 < 2; b0++) {
        ir->blocks[b0].loop_depth = 1;
    }
}

/* do { x1--; } while (x1); */
static void loop_count(IrRegion *ir)
{
    IrRef v = op(ir, IR_add, X(1), k64(ir, -1));

    SET(1, v);
    loop_end(ir, IR_NE, v, k64(ir, 0));
}

/* do { x3 += *x1; x1 += 8; } while (x1 != x2); */
static void loop_sum(IrRegion *ir)
{
    IrRef p = X(1), next;

    SET(3, op(ir, IR_add, X(3), ir_ld(ir, IR_I64, IR_64, p, 0)));
    next = op(ir, IR_add, p, k64(ir, 8));
    SET(1, next);
    loop_end(ir, IR_NE, next, X(2));
}

/* do { x4 = *x1; *x2 = x4; x1 += 8; x2 += 8; } while (x1 < x3); */
static void loop_copy(IrRegion *ir)
{
    IrRef from = X(1), to = X(2), next, v = ir_ld(ir, IR_I64, IR_64, from, 0);

    SET(4, v);
    ir_st(ir, IR_I64, IR_64, to, 0, v);
    next = op(ir, IR_add, from, k64(ir, 8));
    SET(1, next);
    SET(2, op(ir, IR_add, to, k64(ir, 8)));
    loop_end(ir, IR_LTU, next, X(3));
}

/* do { x3 += *x1++ == x4; } while (x1 != x2); */
static void loop_bytes(IrRegion *ir)
{
    IrRef p = X(1), next, v = ir_ld(ir, IR_I64, IR_U8, p, 0);

    v = ir_op2(ir, IR_setcond, IR_I64, IR_EQ, v, X(4));
    SET(3, op(ir, IR_add, X(3), v));
    next = op(ir, IR_add, p, k64(ir, 1));
    SET(1, next);
    loop_end(ir, IR_NE, next, X(2));
}

static IrRef canon(IrRegion *ir, IrOp op, IrRef a, IrRef b)
{
    return ir_op1(ir, IR_fcanon, IR_F64, 0, ir_op2(ir, op, IR_F64, 0, a, b));
}

/* do { f1 = f1 * f2 + f3; f4 = f1; x1 += 1; } while (x1 != x2); NaNs are canonical at the exit. */
static void loop_fp(IrRegion *ir)
{
    IrRef v = canon(ir, IR_fadd, canon(ir, IR_fmul, F(1), F(2)), F(3)), next;

    SETF(1, v);
    SETF(4, v);
    next = op(ir, IR_add, X(1), k64(ir, 1));
    SET(1, next);
    loop_end(ir, IR_NE, next, X(2));
}

/* ---- Vectors. ---- */

#define V(n) ir_get_var(ir, RANDOM_NX + RANDOM_NF + (n))
#define SETV(n, v) ir_set_var(ir, RANDOM_NX + RANDOM_NF + (n), v)

static IrRef vop(IrRegion *ir, IrOp op, unsigned aux, IrRef a, IrRef b)
{
    return ir_op2(ir, op, IR_V128, aux, a, b);
}

static IrRef select_lanes(IrRegion *ir, IrRef v, IrRef old, unsigned lane, IrRef bits)
{
    return ir_emit(ir, IR_vsel, IR_V128, 0, v, old, vop(ir, IR_vmask, lane, bits, IR_NOREF),
                   IR_NOREF, 0);
}

static void vadd(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vadd, 4, V(1), V(0)));
}

static void vadd_masked(IrRegion *ir)
{
    SETV(1, select_lanes(ir, vop(ir, IR_vadd, 1, V(1), V(0)), V(1), 1, X(1)));
}

static void vmseq(IrRegion *ir)
{
    SET(1, vop(ir, IR_vbits, 2, vop(ir, IR_vcmp, IR_VEC_EQ | 2, V(0), V(1)), IR_NOREF));
}

static void vmsltu(IrRegion *ir)
{
    SET(1, vop(ir, IR_vbits, 4, vop(ir, IR_vcmp, IR_VEC_GTU | 4, V(1), V(0)), IR_NOREF));
}

static void vwmul(IrRegion *ir)
{
    IrRef a = vop(ir, IR_vext, IR_VEC_SIGNED | 1, V(0), IR_NOREF);
    IrRef b = vop(ir, IR_vext, IR_VEC_SIGNED | IR_VEC_UPPER | 1, V(1), IR_NOREF);

    SETV(1, vop(ir, IR_vint, IR_VEC_MUL | 2, a, b));
}

static void vnsrl(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vnarrow, 2, V(0), V(1)));
}

static void vslidedown(IrRegion *ir)
{
    SETV(1, vop(ir, IR_valign, 4, V(0), V(1)));
}

static void vsadd(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vint, IR_VEC_ADDS | 1, V(0), V(1)));
}

static void vmv_x_s(IrRegion *ir)
{
    SET(1, vop(ir, IR_vget, 4, V(0), IR_NOREF));
}

static void vredsum(IrRegion *ir)
{
    IrRef v = V(0);

    for (unsigned half = 8; half >= 4; half /= 2) {
        IrRef upper = vop(ir, IR_vget, half | 1 << 4, v, IR_NOREF);
        v = vop(ir, IR_vadd, 4, v, vop(ir, IR_vsplat, half, upper, IR_NOREF));
    }
    SETV(1, vop(ir, IR_vset, 4, V(1), vop(ir, IR_vget, 4, v, IR_NOREF)));
}

static void vfadd(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vfp, IR_VEC_FADD | 4, V(0), V(1)));
}

static void vfmax(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vfp, IR_VEC_FMAX | 8, V(0), V(1)));
}

static void vfmacc(IrRegion *ir)
{
    SETV(1, ir_emit(ir, IR_vfma, IR_V128, 4, V(0), V(0), V(1), IR_NOREF, 0));
}

static void vfsqrt(IrRegion *ir)
{
    SETV(1, vop(ir, IR_vfsqrt, 4, V(0), IR_NOREF));
}

static void vmflt(IrRegion *ir)
{
    SET(1, vop(ir, IR_vbits, 8, vop(ir, IR_vfcmp, IR_FLT_SIGNAL << 4 | 8, V(0), V(1)), IR_NOREF));
}

/* The same of 256 bits, and what only they have. */
#define W(n) ir_get_var(ir, RANDOM_NX + RANDOM_NF + RANDOM_NV + (n))
#define SETW(n, v) ir_set_var(ir, RANDOM_NX + RANDOM_NF + RANDOM_NV + (n), v)

static IrRef wop(IrRegion *ir, IrOp op, unsigned aux, IrRef a, IrRef b)
{
    return ir_op2(ir, op, IR_V256, aux, a, b);
}

static void wide_vadd_masked(IrRegion *ir)
{
    IrRef mask = wop(ir, IR_vmask, 2, X(1), IR_NOREF), sum = wop(ir, IR_vadd, 2, W(1), W(0));

    SETW(1, ir_emit(ir, IR_vsel, IR_V256, 0, sum, W(1), mask, IR_NOREF, 0));
}

static void wide_vfmacc(IrRegion *ir)
{
    SETW(1, ir_emit(ir, IR_vfma, IR_V256, 4, W(0), W(0), W(1), IR_NOREF, 0));
}

static void wide_vmseq(IrRegion *ir)
{
    SET(1, wop(ir, IR_vbits, 2, wop(ir, IR_vcmp, IR_VEC_EQ | 2, W(0), W(1)), IR_NOREF));
}

static void wide_vnsrl(IrRegion *ir)
{
    SETW(1, wop(ir, IR_vnarrow, 2, W(0), W(1)));
}

static void wide_vslidedown(IrRegion *ir)
{
    SETW(1, wop(ir, IR_valign, 4, W(0), W(1)));
}

static void set_low_half(IrRegion *ir)
{
    SETW(1, wop(ir, IR_vjoin, 0, V(0), ir_op1(ir, IR_vhalf, IR_V128, 1, W(1))));
}

static const Idiom straight[] = {
    {"addi", 4, addi},
    {"add", 5, add},
    {"sub", 5, sub},
    {"addw", 6, addw},
    {"addiw same", 5, addiw_same},
    {"li big", 3, li_big},
    {"mv", 4, mv},
    {"slli", 4, slli},
    {"srl", 5, srl},
    {"sh2add", 5, sh2add},
    {"array index", 8, array_index},
    {"sltu", 7, sltu},
    {"min", 6, min},
    {"mul", 5, mul},
    {"mulhu", 6, mulhu},
    {"div", 11, div_},
    {"ctz", 4, ctz},
    {"ld", 11, ld},
    {"ld offset", 12, ld_offset},
    {"ld known address", 6, ld_known},
    {"sw known address", 6, sw_known},
    {"lw", 11, lw},
    {"sd", 11, sd},
    {"sb zero", 10, sb_zero},
    {"amoadd", 17, amoadd},
    {"fadd.d", 7, fadd_d},
    {"fmadd.d", 8, fmadd_d},
    {"fadd.s", 16, fadd_s},
    {"flt.d", 7, flt_d},
    {"fmin.d", 7, fmin_d},
    {"fcvt.w.d", 7, fcvt_w_d},
    {"fcvt.d.l", 5, fcvt_d_l},
    {"branch", 5, branch},
    {"andi, beqz", 5, andi_beqz},
    {"call", 7, call},
    {"ret", 7, ret},
    {"jalr", 10, jalr},
    {"helper", 9, helper},
    {"vadd.vv", 5, vadd},
    {"vadd.vv masked", 11, vadd_masked},
    {"vmseq.vv", 8, vmseq},
    {"vmsltu.vv", 8, vmsltu},
    {"vwmul.vv", 8, vwmul},
    {"vnsrl.wi", 7, vnsrl},
    {"vslidedown.vi", 5, vslidedown},
    {"vsadd.vv", 5, vsadd},
    {"vmv.x.s", 4, vmv_x_s},
    {"vredsum.vs", 16, vredsum},
    {"vfadd.vv", 8, vfadd},
    {"vfmax.vv", 10, vfmax},
    {"vfmacc.vv", 8, vfmacc},
    {"vfsqrt.v", 7, vfsqrt},
    {"vmflt.vv", 6, vmflt},
    {"wide vadd masked", 11, wide_vadd_masked},
    {"wide vfmacc", 8, wide_vfmacc},
    {"wide vmseq", 8, wide_vmseq},
    {"wide vnsrl", 8, wide_vnsrl},
    {"wide vslidedown", 6, wide_vslidedown},
    {"set low half", 6, set_low_half},
};

/* Second tier. */
static const Idiom loops[] = {
    {"loop: count", 8, loop_count},
    {"loop: sum", 21, loop_sum},
    {"loop: copy", 31, loop_copy},
    {"loop: fp", 32, loop_fp},
};

/* The same, optimized: the first iteration, and the copy that goes straight to memory. */
static const Idiom streams[] = {
    {"stream: sum", 26, loop_sum},
    {"stream: copy", 39, loop_copy},
    {"stream: count bytes", 33, loop_bytes},
};

/* And the copy that does several iterations at once. */
static const Idiom wide_streams[] = {
    {"wide stream: count bytes", 47, loop_bytes},
};

/* Instructions in a disassembly, padding not counted. */
static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (const char *p = text; (p = strchr(p, '\n')); p++) {
        const char *line = p;

        while (line > text && line[-1] != '\n') {
            line--;
        }
        n += !g_strstr_len(line, p - line, "nop");
    }
    return n;
}

static void run_idiom(Native *native, IrRegion *ir, const Idiom *idiom, int level)
{
    GString *text = g_string_new(NULL);
    const TcgCode *code;
    unsigned n;

    ir_region_reset(ir);
    ir_block_begin(ir, 0x1000);
    ir_insn_start(ir, 0x1000);
    idiom->build(ir);
    if (ir->blocks[ir->cur].count == 0 ||
        !(ir_op_info[ir->insns[ir->ninsns - 1].op].flags & IR_FLAG_END)) {
        ir_exit_direct(ir, 0x1004);
    }
    if (!ir_verify(ir, text)) {
        g_error("%s: %s", idiom->name, text->str);
    }
    if (level == 2) {
        ir_optimize(ir, 2);
    }
    native_reset(native);
    g_assert_true(native_compile(native, ir, 0x1000, level > 0));
    code = &native->regions[0].code;
    tcg_disassemble(code->entry, code->main_size, text);
    n = count_lines(text->str);
    if (n != idiom->expected) {
        g_printerr("%s: %u host instructions, expected %u:\n%s", idiom->name, n, idiom->expected,
                   text->str);
        g_test_fail();
    }
    g_string_free(text, TRUE);
}

static void test_codesize(void)
{
    Native *native = native_new("avx512");
    const TcgFeatures *f = tcg_features(native->tcg);
    IrRegion ir;

    if (!f->bmi1 || !f->bmi2 || !f->avx2 || !f->fma || !f->lzcnt) {
        g_test_skip("the host lacks BMI, AVX2 or FMA, for which the counts hold");
        native_free(native);
        return;
    }
    random_region_init(&ir);
    for (size_t i = 0; i < G_N_ELEMENTS(straight); i++) {
        run_idiom(native, &ir, &straight[i], 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(loops); i++) {
        run_idiom(native, &ir, &loops[i], 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(wide_streams); i++) {
        run_idiom(native, &ir, &wide_streams[i], 2);
    }
    ir.kick_offset = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
        run_idiom(native, &ir, &streams[i], 2);
    }
    ir_region_free(&ir);
    native_free(native);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codesize/idioms", test_codesize);
    return g_test_run();
}
