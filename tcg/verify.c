/*
 * The verifier: whether a region keeps the rules of ir-ops.def and ir.h. Debug builds run it after
 * the front end and after every optimizer pass; tests always do. Everything is checked against the
 * op table, so a new op needs nothing here unless its immediate operands have rules of their own.
 */
#include "tcg/ir.h"
#include <inttypes.h>
#include <stdarg.h>

typedef struct Verifier {
    const IrRegion *ir;
    GString *why;
    unsigned block, index; /* what is being checked */
} Verifier;

static bool G_GNUC_PRINTF(2, 3) fail(Verifier *v, const char *fmt, ...)
{
    va_list ap;

    if (v->why) {
        g_string_append_printf(v->why, "block %u, %%%u", v->block, v->index);
        if (v->index < v->ir->ninsns && v->ir->insns[v->index].op < IR_NOPS) {
            g_string_append_printf(v->why, " (%s)", ir_op_info[v->ir->insns[v->index].op].name);
        }
        g_string_append(v->why, ": ");
        va_start(ap, fmt);
        g_string_append_vprintf(v->why, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* The type that @letter of the op table stands for in @insn. */
static IrType letter_type(const IrInsn *insn, char letter)
{
    switch (letter) {
    case 'w': return IR_I32;
    case 'q': return IR_I64;
    case 's': return IR_F32;
    case 'd': return IR_F64;
    case 'h': return IR_V128;
    case 'y': return IR_V256;
    case '_': return IR_NONE;
    default: return (IrType)insn->type;
    }
}

static bool type_field_ok(const IrInsn *insn)
{
    const IrOpInfo *info = &ir_op_info[insn->op];
    const char letters[] = {info->result, info->arg[0], info->arg[1]};

    for (unsigned i = 0; i < ARRAY_SIZE(letters); i++) {
        if (letters[i] == 'i' && insn->type != IR_I32 && insn->type != IR_I64) {
            return false;
        }
        if (letters[i] == 'f' && insn->type != IR_F32 && insn->type != IR_F64) {
            return false;
        }
        if (letters[i] == 'v' && !ir_type_is_vector(insn->type)) {
            return false;
        }
        if (letters[i] == 'x' && insn->op != IR_call &&
            (insn->type == IR_NONE || insn->type >= IR_NTYPES)) {
            return false;
        }
    }
    return true;
}

static bool check_args(Verifier *v, const IrInsn *insn)
{
    const IrRegion *ir = v->ir;
    unsigned first = ir->blocks[v->block].first;

    for (unsigned i = 0; i < 4; i++) {
        IrType want = letter_type(insn, ir_op_info[insn->op].arg[i]), have;
        IrRef ref = insn->arg[i];

        if (insn->op == IR_call) {
            want = (IrType)ir->helpers[insn->imm].args[i];
        }
        if (want == IR_NONE) {
            if (ref != IR_NOREF) {
                return fail(v, "operand %u should not be there", i);
            }
            continue;
        }
        if (ref == IR_NOREF) {
            return fail(v, "operand %u is missing", i);
        }
        if (ref < first || ref >= v->index) {
            return fail(v, "operand %u, %%%u, is not defined before in this block", i, ref);
        }
        have = ir_result_type(&ir->insns[ref]);
        if (have != want) {
            return fail(v, "operand %u, %%%u, has type %d instead of %d", i, ref, have, want);
        }
    }
    return true;
}

static bool check_memop(Verifier *v, const IrInsn *insn)
{
    unsigned size = insn->aux & IR_SIZE_MASK;
    bool ok;

    switch (insn->type) {
    case IR_I32: ok = size <= IR_U32; break;
    case IR_I64: ok = size <= IR_64; break;
    case IR_F32: ok = size == IR_U32; break;
    case IR_F64: ok = size == IR_64; break;
    case IR_V128: ok = size == IR_128; break;
    default: ok = size == IR_256; break;
    }
    if (!ok) {
        return fail(v, "access of 1 << %u bytes does not fit the type", size);
    }
    if (insn->imm != (int32_t)insn->imm) {
        return fail(v, "offset is beyond 32 bits");
    }
    return true;
}

static bool check_var(Verifier *v, const IrInsn *insn)
{
    if (insn->imm < 0 || insn->imm >= v->ir->nvars) {
        return fail(v, "no variable %" PRId64, insn->imm);
    }
    if (v->ir->vars[insn->imm].type != insn->type) {
        return fail(v, "variable %s has another type", v->ir->vars[insn->imm].name);
    }
    return true;
}

static bool check_imm(Verifier *v, const IrInsn *insn)
{
    const IrRegion *ir = v->ir;

    switch (insn->op) {
    case IR_const:
        return insn->type != IR_I32 || insn->imm == (uint32_t)insn->imm
                   ? true
                   : fail(v, "i32 constant is not zero-extended");
    case IR_get_var:
    case IR_set_var: return check_var(v, insn);
    case IR_ld:
    case IR_st:
    case IR_ld_host:
    case IR_st_host:
    case IR_ld_env:
    case IR_st_env: return check_memop(v, insn);
    case IR_ext:
        return (insn->aux & IR_SIZE_MASK) < (insn->type == IR_I32 ? IR_U32 : IR_64)
                   ? true
                   : fail(v, "extends from the width of its type");
    case IR_setcond:
    case IR_select: return insn->aux <= IR_GTU ? true : fail(v, "no such condition");
    case IR_brcond:
    case IR_br:
        if (insn->target[0] >= ir->nblocks ||
            (insn->op == IR_brcond && (insn->target[1] >= ir->nblocks || insn->aux > IR_GTU))) {
            return fail(v, "bad target or condition");
        }
        return true;
    case IR_translate: return insn->len >= 1 && insn->len <= 4096 ? true : fail(v, "bad length");
    case IR_call:
        return ir->helpers[insn->imm].result == insn->type ? true : fail(v, "bad result type");
    default: return true;
    }
}

static bool check_block(Verifier *v)
{
    const IrRegion *ir = v->ir;
    const IrBlock *block = &ir->blocks[v->block];

    v->index = block->first;
    if (block->count == 0 || block->first >= ir->ninsns ||
        block->count > ir->ninsns - block->first) {
        return fail(v, "block is empty or was not placed");
    }
    for (unsigned end = block->first + block->count; v->index < end; v->index++) {
        const IrInsn *insn = &ir->insns[v->index];

        if (insn->op >= IR_NOPS) {
            return fail(v, "no such op");
        }
        if (insn->op == IR_call && (insn->imm < 0 || insn->imm >= ir->nhelpers)) {
            return fail(v, "no helper %" PRId64, insn->imm);
        }
        if (!type_field_ok(insn)) {
            return fail(v, "type %d does not suit", insn->type);
        }
        if (!check_args(v, insn) || !check_imm(v, insn)) {
            return false;
        }
        if (((ir_op_info[insn->op].flags & IR_FLAG_END) != 0) != (v->index == end - 1)) {
            return fail(v, "block does not end here, or has no end");
        }
    }
    return true;
}

bool ir_verify(const IrRegion *ir, GString *why)
{
    Verifier v = {.ir = ir, .why = why};

    if (ir->overflow || ir->nblocks == 0) {
        return fail(&v, ir->overflow ? "region is too large" : "region is empty");
    }
    for (v.block = 0; v.block < ir->nblocks; v.block++) {
        if (!check_block(&v)) {
            return false;
        }
    }
    return true;
}
