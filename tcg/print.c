/*
 * The printer: a region as text, for -d ir and ir_opt and for the golden files of the tests. One
 * instruction a line: "%7 = add.i64 %5, %6". Driven by the op table; only immediates and aux fields
 * are spelled per op.
 */
#include "tcg/ir.h"
#include <inttypes.h>

static const char *const type_names[IR_NTYPES] = {"",     ".i32",  ".i64", ".f32",
                                                  ".f64", ".v128", ".v256"};
static const char *const cond_names[] = {"eq", "ne",  "lt",  "ge",  "le",
                                         "gt", "ltu", "geu", "leu", "gtu"};
static const char *const rmw_names[] = {"swap", "add", "and",  "or",  "xor",
                                        "min",  "max", "minu", "maxu"};
static const char *const fcmp_names[] = {"eq", "lt", "le", "ltq", "leq", "eqs", "lts", "les"};
static const char *const int_names[] = {"s32", "u32", "s64", "u64"};

static void print_memop(unsigned memop, GString *out)
{
    g_string_append_printf(out, "%c%u", memop & IR_SIGNED ? 's' : 'u', 8 * ir_memop_bytes(memop));
    if (memop & IR_BIG_ENDIAN) {
        g_string_append(out, "be");
    }
    if (memop & IR_ALIGNED) {
        g_string_append(out, "al");
    }
}

#define NAME_OF(table, i) ((i) < ARRAY_SIZE(table) ? table[i] : "?")

static void print_aux(const IrInsn *insn, GString *out)
{
    switch (insn->op) {
    case IR_setcond:
    case IR_select:
    case IR_brcond: g_string_append_printf(out, " %s", NAME_OF(cond_names, insn->aux)); break;
    case IR_ext:
    case IR_ld:
    case IR_st:
    case IR_ld_host:
    case IR_st_host:
    case IR_ld_env:
    case IR_st_env:
        g_string_append_c(out, ' ');
        print_memop(insn->aux, out);
        break;
    case IR_rmw: g_string_append_printf(out, " %s", NAME_OF(rmw_names, insn->aux)); break;
    case IR_fcmp: g_string_append_printf(out, " %s", NAME_OF(fcmp_names, insn->aux)); break;
    case IR_fcvt_fi:
    case IR_fcvt_if:
        g_string_append_printf(out, " %s%s", int_names[insn->aux & 3],
                               insn->aux & IR_CVT_TRUNC ? ",trunc" : "");
        break;
    case IR_divs:
    case IR_divu: g_string_append(out, insn->aux == IR_DIV0_ONES ? " ones" : " zero"); break;
    case IR_fma:
    case IR_fround:
    case IR_vadd:
    case IR_vsub:
    case IR_vsplat:
    case IR_vint:
    case IR_vfp:
    case IR_vfma:
    case IR_vcmp:
    case IR_vmask:
    case IR_vset:
    case IR_vext:
    case IR_valign:
    case IR_vnarrow:
    case IR_vfsqrt:
    case IR_vfcmp:
    case IR_vfcvt:
    case IR_vhalf:
    case IR_vbits:
    case IR_vget:
    case IR_exit_indirect: g_string_append_printf(out, " %u", insn->aux); break;
    case IR_translate:
        g_string_append_printf(out, " %s%u", insn->aux & IR_XLATE_WRITE ? "w" : "r", insn->len);
        break;
    case IR_probe: g_string_append(out, insn->aux & IR_XLATE_WRITE ? " w" : " r"); break;
    default: break;
    }
}

static void print_imm(const IrRegion *ir, const IrInsn *insn, GString *out)
{
    switch (insn->op) {
    case IR_const:
        if (insn->imm >= -4096 && insn->imm <= 4096) {
            g_string_append_printf(out, " %" PRId64, insn->imm);
        } else {
            g_string_append_printf(out, " 0x%" PRIx64, (uint64_t)insn->imm);
        }
        break;
    case IR_ld:
    case IR_st:
    case IR_ld_host:
    case IR_st_host:
    case IR_translate:
    case IR_probe:
    case IR_rmw:
    case IR_cas:
    case IR_ld_env:
    case IR_st_env:
        if (insn->imm || insn->op == IR_ld_env || insn->op == IR_st_env) {
            g_string_append_printf(out, " [%+" PRId64 "]", insn->imm);
        }
        break;
    case IR_get_var:
    case IR_set_var:
        g_string_append_printf(out, " %s",
                               (uint64_t)insn->imm < ir->nvars ? ir->vars[insn->imm].name : "?");
        break;
    case IR_call:
        g_string_append_printf(out, " %s",
                               (uint64_t)insn->imm < ir->nhelpers ? ir->helpers[insn->imm].name
                                                                  : "?");
        break;
    case IR_br: g_string_append_printf(out, " block%u", insn->target[0]); break;
    case IR_brcond:
        g_string_append_printf(out, " block%u else block%u", insn->target[0], insn->target[1]);
        break;
    case IR_exit_reason: g_string_append_printf(out, " %" PRId64, insn->imm); break;
    case IR_fconst:
    case IR_insn_start:
    case IR_poll:
    case IR_exit_direct:
    case IR_call_mark: g_string_append_printf(out, " 0x%" PRIx64, (uint64_t)insn->imm); break;
    case IR_count:
    case IR_check_page:
        g_string_append_printf(out, " %u, 0x%" PRIx64, insn->len, (uint64_t)insn->imm);
        break;
    default: break;
    }
}

static void print_insn(const IrRegion *ir, unsigned index, GString *out)
{
    const IrInsn *insn = &ir->insns[index];
    const char *separator = " ";

    if (insn->op >= IR_NOPS) {
        g_string_append_printf(out, "  op %u?\n", insn->op);
        return;
    }
    g_string_append(out, "  ");
    if (ir_result_type(insn) != IR_NONE) {
        g_string_append_printf(out, "%%%u = ", index);
    }
    g_string_append(out, ir_op_info[insn->op].name);
    if (insn->type < IR_NTYPES) {
        g_string_append(out, type_names[insn->type]);
    }
    print_aux(insn, out);
    for (unsigned i = 0; i < 4; i++) {
        if (insn->arg[i] != IR_NOREF) {
            g_string_append_printf(out, "%s%%%u", separator, insn->arg[i]);
            separator = ", ";
        }
    }
    print_imm(ir, insn, out);
    g_string_append_c(out, '\n');
}

void ir_print(const IrRegion *ir, GString *out)
{
    for (unsigned b = 0; b < ir->nblocks; b++) {
        const IrBlock *block = &ir->blocks[b];

        g_string_append_printf(out, "block%u: 0x%" PRIx64 "%s\n", b, block->pc,
                               block->cold ? " cold" : "");
        for (unsigned i = 0; i < block->count; i++) {
            print_insn(ir, block->first + i, out);
        }
    }
}
