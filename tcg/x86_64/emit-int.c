/*
 * Integer ops.
 *
 * Values of type i32 live in 64-bit registers whose upper half is undefined unless the value is
 * marked VALUE_ZX, so that truncation costs nothing.
 */
#include "tcg/x86_64/emit.h"

static unsigned width_flag(const IrInsn *in)
{
    return in->type == IR_I64 ? X_W : 0;
}

/* Results of 32-bit instructions. */
static unsigned zx_flag(const IrInsn *in)
{
    return in->type == IR_I64 ? 0 : VALUE_ZX;
}

/* Copies an integer of the op's width. */
static void mov_int(Emit *e, unsigned w, unsigned dst, unsigned src)
{
    if (dst != src) {
        x_mov(&e->as, w, dst, src);
    }
}

void op_const(Emit *e, const IrInsn *in)
{
    /* reg_use() makes it where it is wanted. */
}

/* The instruction just emitted set the flags for the current value. */
static void note_flags(Emit *e, AluOp op)
{
    e->flags_ref = e->cur;
    e->flags_logic = op == ALU_AND || op == ALU_OR || op == ALU_XOR;
    e->flags_end = e->as.p;
}

/* ---- Two operands, the first also the result. ---- */

static void alu_imm(Emit *e, const IrInsn *in, AluOp op, IrRef a, int32_t imm)
{
    unsigned w = width_flag(in), ra = reg_use(e, a), d;

    if (op == ALU_SUB && imm != INT32_MIN) {
        op = ALU_ADD;
        imm = -imm;
    }
    d = reg_def(e, ra, NOREG);
    if (op == ALU_ADD && d != ra) {
        x_rm(&e->as, X_LEA | w, d, ra, imm);
    } else {
        mov_int(e, w, d, ra);
        x_alu_imm(&e->as, op, w, d, imm);
        note_flags(e, op);
    }
    reg_bind(e, d, zx_flag(in));
}

static void alu_op(Emit *e, const IrInsn *in, AluOp op)
{
    unsigned w = width_flag(in), ra, rb, d;
    bool commutes = op != ALU_SUB;
    IrRef a = in->arg[0], b = in->arg[1];
    uint64_t v;
    int32_t imm;

    if (commutes && value_const(e, a, &v)) {
        a = in->arg[1];
        b = in->arg[0];
    }
    if (value_imm32(e, b, in->type, &imm)) {
        alu_imm(e, in, op, a, imm);
        return;
    }
    ra = reg_use(e, a);
    rb = reg_use(e, b);
    d = reg_def(e, ra, commutes ? rb : NOREG);
    if (d == ra) {
        x_alu(&e->as, op, w, d, rb);
        note_flags(e, op);
    } else if (d == rb) {
        if (!commutes) {
            x_rr(&e->as, X_GROUP3 | w, 3, d);
            op = ALU_ADD;
        }
        x_alu(&e->as, op, w, d, ra);
        note_flags(e, op);
    } else if (op == ALU_ADD) {
        /* A base of rbp or r13 costs a displacement byte. */
        bool swap = (ra & 7) == RBP;

        x_rmx(&e->as, X_LEA | w, d, swap ? rb : ra, swap ? ra : rb, 0, 0);
    } else {
        mov_int(e, w, d, ra);
        x_alu(&e->as, op, w, d, rb);
        note_flags(e, op);
    }
    reg_bind(e, d, zx_flag(in));
}

/* Operand of an ADD that is a shift made for it alone, as an index of LEA: 0 or 1, else -1. */
static int fused_operand(const Emit *e, const IrInsn *in)
{
    for (int k = 0; k < 2; k++) {
        if ((e->vals[in->arg[k]].flags & VALUE_FUSED) && e->insns[in->arg[k]].op == IR_shl) {
            return k;
        }
    }
    return -1;
}

void op_add(Emit *e, const IrInsn *in)
{
    int k = fused_operand(e, in);
    const IrInsn *shift;
    unsigned index, base, d;

    if (k < 0) {
        alu_op(e, in, ALU_ADD);
        return;
    }
    shift = &e->insns[in->arg[k]];
    index = reg_use(e, shift->arg[0]);
    base = reg_use(e, in->arg[k ^ 1]);
    d = reg_def(e, base, index);
    x_rmx(&e->as, X_LEA | width_flag(in), d, base, index, e->insns[shift->arg[1]].imm, 0);
    reg_bind(e, d, zx_flag(in));
}

void op_sub(Emit *e, const IrInsn *in)
{
    alu_op(e, in, ALU_SUB);
}

void op_or(Emit *e, const IrInsn *in)
{
    alu_op(e, in, ALU_OR);
}

void op_xor(Emit *e, const IrInsn *in)
{
    alu_op(e, in, ALU_XOR);
}

void op_and(Emit *e, const IrInsn *in)
{
    uint64_t v;

    /* A 32-bit operation clears the upper half, so masks up to 32 bits fit. */
    if (in->type == IR_I64 && value_const(e, in->arg[1], &v) && v <= UINT32_MAX && !fits_s32(v)) {
        unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

        if (v == UINT32_MAX || d != ra) {
            x_mov(&e->as, 0, d, ra);
        }
        if (v != UINT32_MAX) {
            x_alu_imm(&e->as, ALU_AND, 0, d, v);
        }
        reg_bind(e, d, VALUE_ZX);
        return;
    }
    alu_op(e, in, ALU_AND);
}

void op_andn(Emit *e, const IrInsn *in)
{
    unsigned w = width_flag(in), ra, rb, d;
    int32_t imm;

    if (value_imm32(e, in->arg[1], in->type, &imm)) {
        alu_imm(e, in, ALU_AND, in->arg[0], ~imm);
        return;
    }
    ra = reg_use(e, in->arg[0]);
    rb = reg_use(e, in->arg[1]);
    d = reg_def(e, rb, ra);
    if (e->f->bmi1) {
        v_rrr(&e->as, X_ANDN | w, d, rb, ra); /* ~vvvv & rm */
    } else if (d != ra) {
        mov_int(e, w, d, rb);
        x_rr(&e->as, X_GROUP3 | w, 2, d);
        x_alu(&e->as, ALU_AND, w, d, ra);
    } else {
        x_mov(&e->as, w, RAX, rb);
        x_rr(&e->as, X_GROUP3 | w, 2, RAX);
        x_alu(&e->as, ALU_AND, w, d, RAX);
    }
    reg_bind(e, d, zx_flag(in));
}

static void group3_unary(Emit *e, const IrInsn *in, unsigned sub)
{
    unsigned w = width_flag(in), ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    mov_int(e, w, d, ra);
    x_rr(&e->as, X_GROUP3 | w, sub, d);
    reg_bind(e, d, zx_flag(in));
}

void op_neg(Emit *e, const IrInsn *in)
{
    group3_unary(e, in, 3);
}

void op_not(Emit *e, const IrInsn *in)
{
    group3_unary(e, in, 2);
}

/* ---- Shifts and rotates. ---- */

static void shift_imm(Emit *e, const IrInsn *in, ShiftOp op, unsigned count)
{
    unsigned w = width_flag(in), ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (d != ra && op == SHIFT_SHL && count == 1) {
        x_rmx(&e->as, X_LEA | w, d, ra, ra, 0, 0);
    } else if (d != ra && (op == SHIFT_ROL || op == SHIFT_ROR) && e->f->bmi2) {
        v_rrr(&e->as, X_RORX | w, d, 0, ra);
        asm_u8(&e->as, op == SHIFT_ROR ? count : -count & (w ? 63 : 31));
    } else {
        if (d != ra || (!count && !w)) {
            x_mov(&e->as, w, d, ra);
        }
        if (count) {
            x_shift_imm(&e->as, op, w, d, count);
        }
    }
    reg_bind(e, d, zx_flag(in));
}

/* @vex: the flagless three-operand form, 0 if there is none. */
static void shift_op(Emit *e, const IrInsn *in, ShiftOp op, unsigned vex)
{
    unsigned w = width_flag(in), ra, rb, d;
    uint64_t count;

    if (value_const(e, in->arg[1], &count)) {
        shift_imm(e, in, op, count & (w ? 63 : 31));
        return;
    }
    ra = reg_use(e, in->arg[0]);
    rb = reg_use(e, in->arg[1]);
    d = reg_def(e, ra, rb);
    if (vex && e->f->bmi2) {
        v_rrr(&e->as, vex | w, d, rb, ra);
    } else {
        x_mov(&e->as, 0, RCX, rb);
        mov_int(e, w, d, ra);
        x_rr(&e->as, X_SHIFT_CL | w, op, d);
    }
    reg_bind(e, d, zx_flag(in));
}

void op_shl(Emit *e, const IrInsn *in)
{
    shift_op(e, in, SHIFT_SHL, X_SHLX);
}

void op_shr(Emit *e, const IrInsn *in)
{
    shift_op(e, in, SHIFT_SHR, X_SHRX);
}

void op_sar(Emit *e, const IrInsn *in)
{
    shift_op(e, in, SHIFT_SAR, X_SARX);
}

void op_rotl(Emit *e, const IrInsn *in)
{
    shift_op(e, in, SHIFT_ROL, 0);
}

void op_rotr(Emit *e, const IrInsn *in)
{
    shift_op(e, in, SHIFT_ROR, 0);
}

/* ---- Bit counts and byte order. ---- */

/* @fallback: bsf or bsr, which leave ZF set for a source of 0. */
static void count_zeros(Emit *e, const IrInsn *in, unsigned op, bool have, unsigned fallback)
{
    unsigned w = width_flag(in), bits = w ? 64 : 32;
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (have) {
        if (d != ra) {
            x_alu(&e->as, ALU_XOR, 0, d, d); /* older hosts wait for the old value */
        }
        x_rr(&e->as, op | w, d, ra);
    } else {
        bool leading = fallback == X_BSR;

        x_mov_imm(&e->as, RCX, leading ? 2 * bits - 1 : bits);
        x_rr(&e->as, fallback | w, RAX, ra);
        x_rr(&e->as, (X_CMOV + CC_E) | w, RAX, RCX);
        if (leading) {
            x_alu_imm(&e->as, ALU_XOR, 0, RAX, bits - 1);
        }
        x_mov(&e->as, 0, d, RAX);
    }
    reg_bind(e, d, VALUE_ZX);
}

void op_clz(Emit *e, const IrInsn *in)
{
    count_zeros(e, in, X_LZCNT, e->f->lzcnt, X_BSR);
}

void op_ctz(Emit *e, const IrInsn *in)
{
    count_zeros(e, in, X_TZCNT, e->f->bmi1, X_BSF);
}

/* One step of the parallel bit count in rax: pairs of fields of @shift bits are added. */
static void popcnt_step(Emit *e, unsigned shift, uint64_t mask)
{
    x_mov_imm(&e->as, RCX, mask);
    x_mov(&e->as, X_W, RDX, RAX);
    x_shift_imm(&e->as, SHIFT_SHR, X_W, RDX, shift);
    x_alu(&e->as, ALU_AND, X_W, RAX, RCX);
    x_alu(&e->as, ALU_AND, X_W, RDX, RCX);
    x_alu(&e->as, ALU_ADD, X_W, RAX, RDX);
}

void op_popcnt(Emit *e, const IrInsn *in)
{
    unsigned w = width_flag(in), ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    if (e->f->popcnt) {
        if (d != ra) {
            x_alu(&e->as, ALU_XOR, 0, d, d);
        }
        x_rr(&e->as, X_POPCNT | w, d, ra);
    } else {
        x_mov(&e->as, w, RAX, ra);
        popcnt_step(e, 1, UINT64_C(0x5555555555555555));
        popcnt_step(e, 2, UINT64_C(0x3333333333333333));
        popcnt_step(e, 4, UINT64_C(0x0f0f0f0f0f0f0f0f));
        x_mov_imm(&e->as, RCX, UINT64_C(0x0101010101010101));
        x_rr(&e->as, X_IMUL | X_W, RAX, RCX);
        x_shift_imm(&e->as, SHIFT_SHR, X_W, RAX, 56);
        x_mov(&e->as, 0, d, RAX);
    }
    reg_bind(e, d, VALUE_ZX);
}

void op_bswap(Emit *e, const IrInsn *in)
{
    unsigned w = width_flag(in), ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    mov_int(e, w, d, ra);
    x_opcode(&e->as, 0xc8 | (d & 7) | X_0F | w, 0, 0, d);
    reg_bind(e, d, zx_flag(in));
}

/* ---- Conversions between widths. ---- */

void op_ext(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG), w = width_flag(in);
    unsigned flags = VALUE_ZX;

    switch (in->aux & (IR_SIZE_MASK | IR_SIGNED)) {
    case IR_U8: x_rr(&e->as, X_MOVZX8, d, ra); break;
    case IR_U16: x_rr(&e->as, X_MOVZX16, d, ra); break;
    case IR_U32: x_mov(&e->as, 0, d, ra); break;
    case IR_S8:
        x_rr(&e->as, X_MOVSX8 | w, d, ra);
        flags = zx_flag(in);
        break;
    case IR_S16:
        x_rr(&e->as, X_MOVSX16 | w, d, ra);
        flags = zx_flag(in);
        break;
    case IR_S32:
        x_rr(&e->as, w ? X_MOVSXD : X_MOV, d, ra);
        flags = zx_flag(in);
        break;
    default:
        mov_int(e, w, d, ra);
        flags = 0;
        break;
    }
    reg_bind(e, d, flags);
}

void op_trunc(Emit *e, const IrInsn *in)
{
    reg_alias(e, in->arg[0], 0);
}

void op_sext(Emit *e, const IrInsn *in)
{
    unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

    x_rr(&e->as, X_MOVSXD, d, ra);
    reg_bind(e, d, 0);
}

void op_zext(Emit *e, const IrInsn *in)
{
    if (e->vals[in->arg[0]].flags & VALUE_ZX) {
        reg_alias(e, in->arg[0], VALUE_ZX);
    } else {
        unsigned ra = reg_use(e, in->arg[0]), d = reg_def(e, ra, NOREG);

        x_mov(&e->as, 0, d, ra);
        reg_bind(e, d, VALUE_ZX);
    }
}

/* ---- Comparisons. ---- */

static const uint8_t cond_codes[] = {
    [IR_EQ] = CC_E, [IR_NE] = CC_NE, [IR_LT] = CC_L,   [IR_GE] = CC_GE,  [IR_LE] = CC_LE,
    [IR_GT] = CC_G, [IR_LTU] = CC_B, [IR_GEU] = CC_AE, [IR_LEU] = CC_BE, [IR_GTU] = CC_A,
};

/* How far a definition may be from the user that takes it over: its own operands live until then. */
#define MAX_FUSE_DISTANCE 12

/* Whether nothing between the definition of @ref and @user, nor after it, uses @ref. */
static bool used_only_by(const Emit *e, IrRef ref, const IrInsn *user)
{
    const IrInsn *in = &e->insns[ref] + 1;

    if (e->vals[ref].last || user - in > MAX_FUSE_DISTANCE) {
        return false;
    }
    for (; in < user; in++) {
        for (unsigned k = 0; k < 4 && in->arg[k] != IR_NOREF; k++) {
            if (in->arg[k] == ref) {
                return false;
            }
        }
    }
    return true;
}

/* x + (y << 1..3) */
static bool shift_fuses(const Emit *e, const IrInsn *user, unsigned k)
{
    IrRef ref = user->arg[k];
    const IrInsn *def = &e->insns[ref];
    uint64_t count, other;

    return def->op == IR_shl && def->type == user->type && user->arg[k ^ 1] != ref &&
           value_const(e, def->arg[1], &count) && count >= 1 && count <= 3 &&
           !value_const(e, user->arg[k ^ 1], &other) && !value_const(e, def->arg[0], &other) &&
           used_only_by(e, ref, user);
}

/* A host address that is a sum of two values. */
static bool sum_fuses(const Emit *e, const IrInsn *user)
{
    const IrInsn *def = &e->insns[user->arg[0]];
    uint64_t v;

    return def->op == IR_add && user->arg[1] != user->arg[0] && !value_const(e, def->arg[0], &v) &&
           !value_const(e, def->arg[1], &v) && used_only_by(e, user->arg[0], user);
}

/* Bits to choose by, and those of a comparison, for which a mask register does. */
static bool mask_fuses(const Emit *e, const IrInsn *user)
{
    IrRef ref = user->arg[2];

    return e->f->avx512 && e->insns[ref].op == IR_vmask && user->arg[0] != ref &&
           user->arg[1] != ref && used_only_by(e, ref, user);
}

static bool compare_fuses(const Emit *e, const IrInsn *user)
{
    const IrInsn *def = &e->insns[user->arg[0]];

    return e->f->avx512 && def->op == IR_vcmp && (def->aux & 15) == user->aux &&
           used_only_by(e, user->arg[0], user);
}

IrRef fusable_operand(const Emit *e, const IrInsn *user)
{
    IrRef ref = user->arg[0];
    uint64_t zero;

    switch (user->op) {
    case IR_add:
        return shift_fuses(e, user, 0) ? ref : shift_fuses(e, user, 1) ? user->arg[1] : IR_NOREF;
    case IR_ld_host:
    case IR_st_host: return sum_fuses(e, user) ? ref : IR_NOREF;
    case IR_vsel: return mask_fuses(e, user) ? user->arg[2] : IR_NOREF;
    case IR_vbits: return compare_fuses(e, user) ? ref : IR_NOREF;
    case IR_brcond:
    case IR_setcond:
    case IR_select:
        if (e->insns[ref].op == IR_and && value_const(e, user->arg[1], &zero) && !zero &&
            user->arg[2] != ref && user->arg[3] != ref && used_only_by(e, ref, user)) {
            return ref;
        }
        return IR_NOREF;
    default: return IR_NOREF;
    }
}

/* TEST of the operands of a fused AND. */
static Compare prepare_test(Emit *e, const IrInsn *and, IrCond cond)
{
    Compare c = {
        .test = true,
        .w = width_flag(and),
        .cc = cond_codes[cond],
        .b = NOREG,
        .zero_ref = IR_NOREF,
    };
    IrRef a = and->arg[0], b = and->arg[1];
    uint64_t v;

    if (value_const(e, a, &v)) {
        a = and->arg[1];
        b = and->arg[0];
    }
    c.a = reg_use(e, a);
    if (!value_const(e, b, &v) || (and->type == IR_I64 && !fits_s32(v) && v > UINT32_MAX)) {
        c.b = reg_use(e, b);
    } else {
        c.imm = v;
        if (v <= INT32_MAX || (!fits_s32(v) && (cond == IR_EQ || cond == IR_NE))) {
            c.w = 0;
        } else if (!fits_s32(v) && c.w) {
            c.b = reg_use(e, b);
        }
    }
    return c;
}

Compare compare_prepare(Emit *e, unsigned type, IrCond cond, IrRef a, IrRef b)
{
    Compare c = {.w = type == IR_I64 ? X_W : 0, .b = NOREG, .zero_ref = IR_NOREF};
    uint64_t v;

    if (e->vals[a].flags & VALUE_FUSED) {
        return prepare_test(e, &e->insns[a], cond);
    }
    if (value_const(e, a, &v) && !value_const(e, b, &v)) {
        IrRef t = a;

        a = b;
        b = t;
        cond = ir_cond_swap(cond);
    }
    c.cc = cond_codes[cond];
    c.a = reg_use(e, a);
    if (!value_imm32(e, b, type, &c.imm)) {
        c.b = reg_use(e, b);
    } else if (c.imm == 0) {
        c.test = true;
        c.b = c.a;
        c.zero_ref = a;
    }
    return c;
}

/* Whether the flags of the instruction that computed the value serve; changes the condition to one
 * that does not look at overflow. */
static bool flags_serve(const Emit *e, Compare *c)
{
    if (c->zero_ref == IR_NOREF || c->zero_ref != e->flags_ref || e->flags_end != e->as.p) {
        return false;
    }
    if (!e->flags_logic && c->cc != CC_E && c->cc != CC_NE) {
        if (c->cc != CC_L && c->cc != CC_GE) {
            return false;
        }
        c->cc = c->cc == CC_L ? CC_S : CC_NS;
    }
    return true;
}

void compare_emit(Emit *e, Compare *c)
{
    if (flags_serve(e, c)) {
        return;
    }
    if (c->b != NOREG) {
        unsigned op = c->test ? X_TEST : X_ALU(ALU_CMP);

        x_rr(&e->as, op | c->w, c->test ? c->b : c->a, c->test ? c->a : c->b);
    } else if (!c->test) {
        x_alu_imm(&e->as, ALU_CMP, c->w, c->a, c->imm);
    } else if (c->imm >= 0 && c->imm <= 0x7f) {
        x_rr(&e->as, X_GROUP3B, 0, c->a);
        asm_u8(&e->as, c->imm);
    } else {
        x_rr(&e->as, X_GROUP3 | c->w, 0, c->a);
        asm_u32(&e->as, c->imm);
    }
}

void op_setcond(Emit *e, const IrInsn *in)
{
    Compare c = compare_prepare(e, in->type, in->aux, in->arg[0], in->arg[1]);
    unsigned d = reg_def(e, NOREG, NOREG);

    if (d != c.a && d != c.b) {
        x_alu(&e->as, ALU_XOR, 0, d, d);
        compare_emit(e, &c);
        x_rr(&e->as, X_SETCC + c.cc, 0, d);
    } else {
        compare_emit(e, &c);
        x_rr(&e->as, X_SETCC + c.cc, 0, RAX);
        x_rr(&e->as, X_MOVZX8, d, RAX);
    }
    reg_bind(e, d, VALUE_ZX);
}

void op_select(Emit *e, const IrInsn *in)
{
    unsigned w = width_flag(in), yes, no, d;
    Compare c = compare_prepare(e, in->type, in->aux, in->arg[0], in->arg[1]);

    /* Constants go to scratch registers before the comparison sets the flags. */
    yes = reg_use_or(e, in->arg[2], RAX);
    no = reg_use_or(e, in->arg[3], RDX);
    /* What is compared has been before the result is written: there may be no other register left. */
    e->locked &= ~(1u << c.a | (c.b == NOREG ? 0 : 1u << c.b)) | 1u << yes | 1u << no;
    d = reg_def(e, no, yes);
    compare_emit(e, &c);
    if (d == yes) {
        x_rr(&e->as, (X_CMOV + (c.cc ^ 1)) | w, d, no);
    } else {
        mov_int(e, w, d, no);
        x_rr(&e->as, (X_CMOV + c.cc) | w, d, yes);
    }
    reg_bind(e, d, zx_flag(in));
}
