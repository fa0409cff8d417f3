/*
 * The IR's container: the op table, regions, and the builder.
 *
 * A region is two flat arrays, instructions and blocks, that keep their storage from one
 * translation to the next, so that building allocates nothing in the steady state. A region belongs
 * to one thread at a time; nothing here locks.
 */
#include "tcg/ir.h"
#include "tcg/optimize.h"
#include <string.h>

#define P IR_FLAG_PURE
#define L IR_FLAG_LOAD
#define S IR_FLAG_STORE
#define F IR_FLAG_FAULT
#define E IR_FLAG_END
#define R IR_FLAG_READS_STATE
#define W IR_FLAG_WRITES_STATE
#define C IR_FLAG_COMMUTES
#define LETTER(x) (#x)[0]

const IrOpInfo ir_op_info[IR_NOPS] = {
#define OP(name, r, a, b, c, d, flags) \
    [IR_##name] = {#name, LETTER(r), {LETTER(a), LETTER(b), LETTER(c), LETTER(d)}, flags},
#include "tcg/ir-ops.def"
#undef OP
};

#undef P
#undef L
#undef S
#undef F
#undef E
#undef R
#undef W
#undef C
#undef LETTER

/* Block numbers are 16 bits in branches. */
#define IR_MAX_BLOCKS 60000u

void ir_region_init(IrRegion *ir, const IrVar *vars, unsigned nvars, const IrHelper *helpers,
                    unsigned nhelpers, int32_t pc_offset)
{
    memset(ir, 0, sizeof(*ir));
    ir->vars = vars;
    ir->nvars = nvars;
    ir->helpers = helpers;
    ir->nhelpers = nhelpers;
    ir->pc_offset = pc_offset;
    ir->pc_var = -1;
    for (unsigned i = 0; i < nvars; i++) {
        if (vars[i].offset == pc_offset && vars[i].type != IR_NONE) {
            ir->pc_var = (int32_t)i;
        }
    }
    ir->cap_insns = 256;
    ir->insns = g_new(IrInsn, ir->cap_insns);
    ir->cap_blocks = 16;
    ir->blocks = g_new(IrBlock, ir->cap_blocks);
}

void ir_region_add_scratch(IrRegion *ir, int32_t offset)
{
    static const char *const names[IR_SCRATCH_VARS] = {"s0",  "s1",  "s2",  "s3", "s4",  "s5",
                                                       "s6",  "s7",  "s8",  "s9", "s10", "s11",
                                                       "s12", "s13", "s14", "s15"};

    ir->scratch_vars = g_new(IrVar, ir->nvars + IR_SCRATCH_VARS);
    memcpy(ir->scratch_vars, ir->vars, ir->nvars * sizeof(IrVar));
    for (int32_t i = 0; i < IR_SCRATCH_VARS; i++) {
        ir->scratch_vars[ir->nvars + (unsigned)i] = (IrVar){names[i], IR_I64, offset + 8 * i};
    }
    ir->vars = ir->scratch_vars;
    ir->first_scratch = ir->nvars;
}

void ir_region_reset(IrRegion *ir)
{
    if (ir->scratch_vars) {
        ir->nvars = MIN(ir->nvars, ir->first_scratch);
    }
    ir->ninsns = 0;
    ir->nblocks = 0;
    ir->cur = 0;
    ir->overflow = false;
}

void ir_region_free(IrRegion *ir)
{
    g_free(ir->insns);
    g_free(ir->blocks);
    g_free(ir->scratch_vars);
    ir_opt_scratch_free(ir->scratch);
    memset(ir, 0, sizeof(*ir));
}

unsigned ir_block_new(IrRegion *ir)
{
    if (unlikely(ir->nblocks == IR_MAX_BLOCKS)) {
        ir->overflow = true;
        return ir->nblocks - 1;
    }
    if (unlikely(ir->nblocks == ir->cap_blocks)) {
        ir->cap_blocks *= 2;
        ir->blocks = g_renew(IrBlock, ir->blocks, ir->cap_blocks);
    }
    ir->blocks[ir->nblocks] = (IrBlock){.weight = 1};
    return ir->nblocks++;
}

void ir_block_place(IrRegion *ir, unsigned block, uint64_t pc)
{
    ir->blocks[block].first = ir->ninsns;
    ir->blocks[block].count = 0;
    ir->blocks[block].pc = pc;
    ir->cur = block;
}

unsigned ir_block_begin(IrRegion *ir, uint64_t pc)
{
    unsigned block = ir_block_new(ir);

    ir_block_place(ir, block, pc);
    return block;
}

static void put(IrRegion *ir, unsigned n, uint64_t head, uint64_t args, int64_t imm)
{
    IrInsn *insn = &ir->insns[n];

    insn->head = head;
    insn->args = args;
    insn->imm = imm;
}

/* ir_append() when there is no room. */
static __attribute__((noinline)) IrRef append_more(IrRegion *ir, uint64_t head, uint64_t args,
                                                   int64_t imm)
{
    if (ir->ninsns >= IR_MAX_INSNS) {
        /* Keep the caller going without harm; it looks at overflow at the end. */
        ir->overflow = true;
        put(ir, ir->ninsns - 1, head, args, imm);
        return (IrRef)(ir->ninsns - 1);
    }
    ir->cap_insns = MIN(ir->cap_insns * 2, IR_MAX_INSNS);
    ir->insns = g_renew(IrInsn, ir->insns, ir->cap_insns);
    return ir_append(ir, head, args, imm);
}

IrRef ir_append(IrRegion *ir, uint64_t head, uint64_t args, int64_t imm)
{
    unsigned n = ir->ninsns;

    if (unlikely(n == ir->cap_insns)) {
        return append_more(ir, head, args, imm);
    }
    put(ir, n, head, args, imm);
    ir->blocks[ir->cur].count++;
    ir->ninsns = n + 1;
    return (IrRef)n;
}

IrRef ir_call(IrRegion *ir, unsigned helper, unsigned nargs, const IrRef *args)
{
    IrRef arg[4] = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF};

    for (unsigned i = 0; i < nargs && i < 4; i++) {
        arg[i] = args[i];
    }
    return ir_emit(ir, IR_call, (IrType)ir->helpers[helper].result, 0, arg[0], arg[1], arg[2],
                   arg[3], helper);
}

void ir_br(IrRegion *ir, unsigned block)
{
    IrRef ref = ir_emit(ir, IR_br, IR_NONE, 0, IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF, 0);

    ir->insns[ref].target[0] = (uint16_t)block;
}

void ir_brcond(IrRegion *ir, IrType type, IrCond cond, IrRef a, IrRef b, unsigned yes, unsigned no)
{
    IrRef ref = ir_emit(ir, IR_brcond, type, cond, a, b, IR_NOREF, IR_NOREF, 0);

    ir->insns[ref].target[0] = (uint16_t)yes;
    ir->insns[ref].target[1] = (uint16_t)no;
}

IrType ir_result_type(const IrInsn *insn)
{
    switch (ir_op_info[insn->op].result) {
    case 'i':
    case 'f':
    case 'x':
    case 'v': return (IrType)insn->type;
    case 'w': return IR_I32;
    case 'q': return IR_I64;
    case 's': return IR_F32;
    case 'd': return IR_F64;
    case 'h': return IR_V128;
    case 'y': return IR_V256;
    default: return IR_NONE;
    }
}

unsigned ir_insn_flags(const IrRegion *ir, const IrInsn *insn)
{
    unsigned flags = 0, helper;

    if (likely(insn->op != IR_call)) {
        return ir_op_info[insn->op].flags;
    }
    helper = ir->helpers[insn->imm].flags;
    if (helper & IR_HELPER_PURE) {
        return IR_FLAG_PURE;
    }
    if (helper & IR_HELPER_READS_STATE) {
        flags |= IR_FLAG_READS_STATE;
    }
    if (helper & IR_HELPER_WRITES_STATE) {
        flags |= IR_FLAG_WRITES_STATE;
    }
    if (helper & IR_HELPER_MAY_FAULT) {
        flags |= IR_FLAG_FAULT;
    }
    return flags;
}
