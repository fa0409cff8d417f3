/*
 * The RISC-V front end emits valid IR for every instruction, in every FP state and privilege, with
 * and without extensions; and some translations as text.
 */
#include "cpu/riscv/translate.h"
#include "cpu/riscv/vector.h"

#define PC UINT64_C(0x80000ffe)

static void begin(IrRegion *ir, RiscvDis *ctx, uint32_t insn, uint32_t flags, uint64_t ext)
{
    ir_region_reset(ir);
    ir_block_begin(ir, PC);
    ir_insn_start(ir, PC);
    *ctx = (RiscvDis){.ir = ir, .ext = ext, .flags = flags, .insn = insn, .id = riscv_decode(insn)};
    ctx->pc = PC;
    ctx->next = PC + (riscv_insn_is_long(insn) ? 4 : 2);
}

/* Translates one instruction; false: it is reserved. */
static bool translate(IrRegion *ir, uint32_t insn, uint32_t flags, uint64_t ext)
{
    RiscvDis ctx;
    begin(ir, &ctx, insn, flags, ext);
    uint32_t before = ir->ninsns;
    bool ok = riscv_dispatch(&ctx, ctx.id, insn);
    if (!ok) {
        g_assert_false(ctx.ended);
        g_assert_cmpuint(ir->ninsns, ==, before);
    }
    if (!ctx.ended) {
        ir_exit_direct(ir, ctx.next);
    }
    return ok;
}

static void check_valid(IrRegion *ir, uint32_t insn)
{
    GString *why = g_string_new(NULL);
    if (!ir_verify(ir, why)) {
        ir_print(ir, why);
        g_test_message("%08x, %s: %s", insn, riscv_patterns[riscv_decode(insn)].name, why->str);
        g_test_fail();
    }
    g_string_free(why, TRUE);
}

static void init_region(IrRegion *ir)
{
    ir_region_init(ir, riscv_vars, RISCV_NVARS, riscv_helpers, RISCV_NHELPERS,
                   offsetof(RiscvState, pc));
}

static uint32_t random_word(const RiscvPattern *p)
{
    uint32_t insn;
    do {
        insn = p->match | (g_test_rand_int() & ~p->mask & (p->bytes == 2 ? 0xffff : ~0u));
    } while (!riscv_pattern_matches(p, insn));
    return insn;
}

static void test_valid(void)
{
    static const RiscvPriv privs[] = {RISCV_PRIV_U, RISCV_PRIV_S, RISCV_PRIV_M};
    IrRegion ir;
    init_region(&ir);
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        for (unsigned k = 0; k < 200; k++) {
            uint32_t insn = random_word(&riscv_patterns[i]);
            uint32_t frm = k % 8;
            uint32_t flags = privs[k % 3] | (k & 16 ? RISCV_TB_FS | frm << RISCV_TB_FRM_SHIFT : 0);
            uint64_t ext = k & 32 ? ~UINT64_C(0) : ~(UINT64_C(1) << RISCV_EXT_C);
            translate(&ir, insn, flags, ext);
            check_valid(&ir, insn);
        }
    }
    ir_region_free(&ir);
}

/* Vector instructions, of all and not of all elements, with pieces of 16 and of 32 bytes. */
static void test_vectors(void)
{
    IrRegion ir;
    init_region(&ir);
    for (unsigned i = 0; i < RISCV_INSN_COUNT; i++) {
        bool is_vector = riscv_patterns[i].ext_all >> RISCV_EXT_V & 1;
        for (unsigned k = 0; is_vector && k < 1000; k++) {
            const uint32_t on = RISCV_TB_VS | RISCV_TB_FS | RISCV_TB_VSTART0;
            uint32_t insn = random_word(&riscv_patterns[i]);
            uint32_t vtype = (uint32_t)g_test_rand_int_range(0, 4) << 3 | (k % 8 == 4 ? 0 : k % 8);
            RiscvDis ctx;
            if (riscv_vtype_legal(vtype) & RISCV_VILL) {
                continue;
            }
            begin(&ir, &ctx, k % 3 ? insn & ~0x00f08f80u : insn, /* registers of groups */
                  on | vtype << RISCV_TB_VTYPE_SHIFT | (k & 8 ? RISCV_TB_VLMAX : 0), ~UINT64_C(0));
            ctx.vlenb = 16u << k % 3;
            ctx.wide = ctx.vlenb >= 32 && (k & 16);
            riscv_dispatch(&ctx, ctx.id, ctx.insn);
            if (!ctx.ended) {
                ir_exit_direct(&ir, ctx.next);
            }
            check_valid(&ir, ctx.insn);
        }
    }
    ir_region_free(&ir);
}

/* The rounding modes that are reserved, statically and in frm; FP off. */
static void test_fp_illegal(void)
{
    const uint32_t fadd_s = 0x00b57553, fcvt_d_s = 0x42050553; /* rm: 7 and 0 */
    const uint32_t on = RISCV_TB_FS;
    IrRegion ir;
    init_region(&ir);
    g_assert_true(translate(&ir, fadd_s, on, ~UINT64_C(0)));
    g_assert_false(translate(&ir, fadd_s, 0, ~UINT64_C(0)));
    for (uint32_t frm = 0; frm < 8; frm++) {
        uint32_t flags = on | frm << RISCV_TB_FRM_SHIFT;
        g_assert_cmpint(translate(&ir, fadd_s, flags, ~UINT64_C(0)), ==, frm <= 4);
        g_assert_true(translate(&ir, fadd_s & ~0x7000u, flags, ~UINT64_C(0)));
        g_assert_cmpint(translate(&ir, fcvt_d_s | 0x7000u, flags, ~UINT64_C(0)), ==, frm <= 4);
    }
    g_assert_false(translate(&ir, fcvt_d_s | 0x5000u, on, ~UINT64_C(0)));
    g_assert_false(translate(&ir, fcvt_d_s | 0x6000u, on, ~UINT64_C(0)));
    ir_region_free(&ir);
}

static void test_reserved(void)
{
    IrRegion ir;
    init_region(&ir);
    g_assert_true(translate(&ir, 0x28c5c52f, 0, ~UINT64_C(0)));  /* amocas.q a0,a2,(a1) */
    g_assert_false(translate(&ir, 0x28c5c5af, 0, ~UINT64_C(0))); /* rd = a1 */
    g_assert_false(translate(&ir, 0x28d5c52f, 0, ~UINT64_C(0))); /* rs2 = a3 */
    ir_region_free(&ir);
}

/* Number of instructions with @op in the region. */
static unsigned count_ops(const IrRegion *ir, IrOp op)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < ir->ninsns; i++) {
        n += ir->insns[i].op == op;
    }
    return n;
}

static void test_exits(void)
{
    IrRegion ir;
    init_region(&ir);
    translate(&ir, 0xfe0518e3, 0, ~UINT64_C(0)); /* bnez a0, backward */
    g_assert_cmpuint(count_ops(&ir, IR_poll), ==, 1);
    g_assert_cmpuint(count_ops(&ir, IR_exit_direct), ==, 2);
    translate(&ir, 0x0000006f, 0, ~UINT64_C(0)); /* j . */
    g_assert_cmpuint(count_ops(&ir, IR_poll), ==, 1);
    translate(&ir, 0x00c000ef, 0, ~UINT64_C(0)); /* jal ra, forward */
    g_assert_cmpuint(count_ops(&ir, IR_poll), ==, 0);
    g_assert_cmpuint(count_ops(&ir, IR_call_mark), ==, 1);
    translate(&ir, 0x00008067, 0, ~UINT64_C(0)); /* ret */
    g_assert_cmpuint(count_ops(&ir, IR_call_mark), ==, 0);
    g_assert_cmpint(ir.insns[ir.ninsns - 1].op, ==, IR_exit_indirect);
    g_assert_cmpint(ir.insns[ir.ninsns - 1].aux, ==, IR_JUMP_RETURN);
    translate(&ir, 0x000500e7, 0, ~UINT64_C(0)); /* jalr a0 */
    g_assert_cmpint(ir.insns[ir.ninsns - 1].aux, ==, IR_JUMP_CALL);
    translate(&ir, 0x34029073, RISCV_PRIV_M, ~UINT64_C(0)); /* csrw mscratch,t0 */
    g_assert_cmpuint(count_ops(&ir, IR_call), ==, 0);
    g_assert_cmpuint(count_ops(&ir, IR_exit_lookup), ==, 0);
    translate(&ir, 0x34029073, RISCV_PRIV_S, ~UINT64_C(0)); /* raises */
    g_assert_cmpuint(count_ops(&ir, IR_call), ==, 1);
    translate(&ir, 0x30029073, RISCV_PRIV_M, ~UINT64_C(0)); /* csrw mstatus,t0 */
    g_assert_cmpuint(count_ops(&ir, IR_exit_lookup), ==, 1);
    ir_region_free(&ir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/riscv/translate/valid", test_valid);
    g_test_add_func("/riscv/translate/vectors", test_vectors);
    g_test_add_func("/riscv/translate/fp-illegal", test_fp_illegal);
    g_test_add_func("/riscv/translate/reserved", test_reserved);
    g_test_add_func("/riscv/translate/exits", test_exits);
    return g_test_run();
}
