/*
 * The interpreter of IR: the engine where executable memory is refused, and the oracle for the
 * emitter.
 *
 * A region is frozen into an array of pre-decoded ops (IrCode): operands are indices of 64-bit
 * slots (two for v128, four for v256), immediates are where they are needed, branch targets are op indices. Ops
 * that differ by type, condition or size have different codes where it pays, so that executing one
 * is an indirect jump and little more. Constants cost nothing when executed: they are slots that
 * are filled on entry.
 *
 * Guest state is exact in memory wherever something can see it: variables are read from and written
 * to state at once, and insn_start writes the pc (left out for instructions during which nothing is
 * called). So a callback may unwind from anywhere without further ado.
 *
 * Helpers are called through libffi. The prepared call interfaces are part of IrCode, one for each
 * helper that the region calls: no cache to be shared, nothing to be locked.
 */
#include "tcg/interp.h"
#include "tcg/tcg.h"
#include <emmintrin.h>
#include <ffi.h>
#include <string.h>

/* Codes of pre-decoded ops. ALU: those with a code for i64 and one for i32. */
#define ALU_OPS(X) X(add) X(sub) X(mul) X(and) X(or) X(xor) X(andn) X(shl) X(shr) X(sar)
#define CONDS(X) X(EQ) X(NE) X(LT) X(GE) X(LE) X(GT) X(LTU) X(GEU) X(LEU) X(GTU)
/* clang-format off */
#define OTHERS(X)                                                                                \
    X(const) X(copy) X(copy_vec) X(load_state) X(load_state_vec) X(store_state)                  \
    X(store_state_vec) X(ld_env) X(st_env) X(eval) X(fp) X(fflags) X(vec) X(vec_bits)                                                     \
    X(ext_u8) X(ext_s8) X(ext_u16) X(ext_s16) X(low32) X(ext_s32)                                \
    X(ld) X(ld_low32) X(ld_vec) X(st) X(st_vec) X(translate) X(probe) X(ld_host) X(st_host) X(rmw) X(cas)   \
    X(fence) X(call) X(insn_start) X(insn_start_counted) X(count) X(poll) X(br)                  \
    X(exit_direct) X(exit_indirect) X(exit_lookup) X(exit_reason)
/* clang-format on */

typedef enum Code {
#define ALU_CODE(name) C_##name##64, C_##name##32,
#define COND_CODE(name)                                                                 \
    C_set##name##64, C_set##name##32, C_sel##name##64, C_sel##name##32, C_br##name##64, \
        C_br##name##32,
#define OTHER_CODE(name) C_##name,
    ALU_OPS(ALU_CODE) CONDS(COND_CODE) OTHERS(OTHER_CODE) NCODES
} Code;

/* The codes of one condition are six in a row. */
#define COND_CODES 6

typedef struct Op {
    uint16_t code;
    uint16_t dst, a, b; /* slots */
    uint16_t c, d;      /* slots */
    uint8_t op, aux;    /* of the IR, for codes that serve several ops */
    uint8_t type, nargs;
    union {
        int64_t imm;
        struct {
            uint32_t yes, no; /* op indices */
        } target;
        struct {
            int32_t offset;
            uint32_t len;
        } mem;
    };
} Op;

typedef struct CallInfo {
    ffi_cif cif;
    void (*fn)(void);
    ffi_type *types[5];
    uint32_t helper;
} CallInfo;

/* One allocation: this, the ops, the constants, the calls. */
struct IrCode {
    uint32_t nslots, nconsts, ncalls;
    const uint64_t *consts; /* of the first slots */
    CallInfo *calls;
    Op ops[];
};

/* Constants beyond this many become ops: entering a large region shall not copy them all. */
#define MAX_CONST_SLOTS 48

/* ---- Freezing ---- */

typedef struct Freezer {
    const IrRegion *ir;
    IrCode *code;
    Op *out;
    uint64_t *consts;
    uint16_t *slot;     /* of each IR value */
    uint32_t *block_op; /* op index of each block */
    unsigned block;     /* current */
    uint32_t next_slot; /* of the current block */
    bool counts;        /* there is a count op */
    unsigned unseen;    /* insn_start ops left out since the last one */
} Freezer;

static ffi_type *ffi_type_of(IrType type)
{
    switch (type) {
    case IR_I32: return &ffi_type_uint32;
    case IR_I64: return &ffi_type_uint64;
    case IR_F32: return &ffi_type_float;
    case IR_F64: return &ffi_type_double;
    default: return &ffi_type_void;
    }
}

/* The index of the call interface of @helper, prepared at first sight. */
static unsigned call_info(Freezer *f, uint32_t helper, unsigned *nargs)
{
    const IrHelper *row = &f->ir->helpers[helper];
    CallInfo *info = f->code->calls;
    unsigned n = 1, i;

    while (n < 5 && row->args[n - 1] != IR_NONE) {
        n++;
    }
    *nargs = n;
    for (i = 0; i < f->code->ncalls; i++, info++) {
        if (info->helper == helper) {
            return i;
        }
    }
    info->helper = helper;
    info->fn = (void (*)(void))row->fn;
    info->types[0] = &ffi_type_pointer;
    for (unsigned k = 1; k < n; k++) {
        info->types[k] = ffi_type_of((IrType)row->args[k - 1]);
    }
    /* Cannot fail: scalar types and the default ABI. */
    ffi_prep_cif(&info->cif, FFI_DEFAULT_ABI, n, ffi_type_of((IrType)row->result), info->types);
    return f->code->ncalls++;
}

static Code ext_code(const IrInsn *insn, bool *mask)
{
    static const uint8_t codes[] = {C_ext_u8, C_ext_u16, C_low32, C_copy};
    static const uint8_t signed_codes[] = {C_ext_s8, C_ext_s16, C_ext_s32, C_copy};
    unsigned size = insn->aux & 3;

    /* Sign extension to 32 bits goes by ir_eval_int(). */
    *mask = insn->type == IR_I32 && (insn->aux & IR_SIGNED);
    return (Code)(insn->aux & IR_SIGNED ? signed_codes[size] : codes[size]);
}

/* Codes of integer ops. */
static Code int_code(const IrInsn *insn)
{
    bool i32 = insn->type == IR_I32, mask = false;
    Code code;

    switch (insn->op) {
#define ALU_CASE(name) \
    case IR_##name: return i32 ? C_##name##32 : C_##name##64;
        ALU_OPS(ALU_CASE)
#undef ALU_CASE
    case IR_setcond: return (Code)(C_setEQ64 + COND_CODES * insn->aux + i32);
    case IR_select: return (Code)(C_selEQ64 + COND_CODES * insn->aux + i32);
    case IR_brcond: return (Code)(C_brEQ64 + COND_CODES * insn->aux + i32);
    case IR_trunc: return C_low32;
    case IR_sext: return C_ext_s32;
    case IR_zext: return C_copy;
    case IR_ext: code = ext_code(insn, &mask); return mask ? C_eval : code;
    default: return C_eval;
    }
}

/* Ops whose code has their name. (0 is not one of these codes.) */
static const uint8_t own_code[IR_NOPS] = {
    [IR_ld_env] = C_ld_env,
    [IR_fflags] = C_fflags,
    [IR_vbits] = C_vec_bits,
    [IR_vget] = C_vec_bits,
    [IR_st_env] = C_st_env,
    [IR_translate] = C_translate,
    [IR_probe] = C_probe,
    [IR_ld_host] = C_ld_host,
    [IR_st_host] = C_st_host,
    [IR_rmw] = C_rmw,
    [IR_cas] = C_cas,
    [IR_fence] = C_fence,
    [IR_call] = C_call,
    [IR_insn_start] = C_insn_start,
    [IR_count] = C_count,
    [IR_poll] = C_poll,
    [IR_br] = C_br,
    [IR_exit_direct] = C_exit_direct,
    [IR_exit_indirect] = C_exit_indirect,
    [IR_exit_lookup] = C_exit_lookup,
    [IR_exit_reason] = C_exit_reason,
};

static Code code_of(const IrInsn *insn)
{
    bool vec = ir_type_is_vector(insn->type);

    if (own_code[insn->op]) {
        return (Code)own_code[insn->op];
    }
    switch (insn->op) {
    case IR_const:
    case IR_fconst: return C_const;
    case IR_mov: return vec ? C_copy_vec : C_copy;
    case IR_get_var: return vec ? C_load_state_vec : C_load_state;
    case IR_set_var: return vec ? C_store_state_vec : C_store_state;
    case IR_ld:
        return vec ? C_ld_vec : insn->type == IR_I32 && (insn->aux & IR_SIGNED) ? C_ld_low32 : C_ld;
    case IR_st: return vec ? C_st_vec : C_st;
    default: break;
    }
    if (insn->op >= IR_fadd && insn->op <= IR_bits_is) {
        return C_fp;
    }
    return ir_type_is_vector(ir_result_type(insn)) ? C_vec : int_code(insn);
}

static void new_slot(Freezer *f, unsigned index)
{
    const IrInsn *insn = &f->ir->insns[index];
    IrType type = ir_result_type(insn);

    if (type == IR_NONE) {
        return;
    }
    f->slot[index] = (uint16_t)f->next_slot;
    f->next_slot += MAX(ir_type_bytes(type), 8u) / 8;
    f->code->nslots = MAX(f->code->nslots, f->next_slot);
}

/* Whether the count op follows the insn_start of the first instruction that it counts. */
static bool after_own_start(const Freezer *f, const IrInsn *count)
{
    const IrInsn *insn = count;

    while (insn > &f->ir->insns[f->ir->blocks[f->block].first]) {
        insn--;
        if (insn->op == IR_insn_start) {
            return insn->imm == count->imm;
        }
    }
    return false;
}

/* Whether nothing can see the pc of the instruction that starts at @start before the next one
 * starts. */
static bool is_unseen(const Freezer *f, uint32_t start)
{
    const IrBlock *block = &f->ir->blocks[f->block];

    for (uint32_t i = start + 1; i < block->first + block->count; i++) {
        const IrInsn *insn = &f->ir->insns[i];

        if (insn->op == IR_insn_start) {
            return true;
        }
        if (insn->op == IR_call || insn->op == IR_ld_env || insn->op == IR_st_env ||
            (ir_op_info[insn->op].flags & (IR_FLAG_FAULT | IR_FLAG_END))) {
            return false;
        }
    }
    return false;
}

/* Immediates, by code. */
static void freeze_imm(Freezer *f, Op *op, const IrInsn *insn)
{
    unsigned nargs;

    switch (op->code) {
    case C_load_state:
    case C_load_state_vec:
    case C_store_state:
    case C_store_state_vec: op->imm = f->ir->vars[insn->imm].offset; break;
    case C_translate:
        op->mem.offset = (int32_t)insn->imm;
        op->mem.len = insn->len;
        break;
    case C_count:
        /* The deduction has 32 bits; the operands are free. */
        op->imm = insn->imm;
        op->a = (uint16_t)insn->len;
        op->b = (uint16_t)(insn->len >> 16);
        op->c = !after_own_start(f, insn);
        break;
    case C_call:
        op->imm = call_info(f, (uint32_t)insn->imm, &nargs);
        op->nargs = (uint8_t)nargs;
        break;
    case C_insn_start:
        op->code = f->counts ? C_insn_start_counted : C_insn_start;
        op->imm = insn->imm;
        op->a = (uint16_t)(1 + f->unseen);
        f->unseen = 0;
        break;
    default: op->imm = insn->imm; break;
    }
}

static void freeze_insn(Freezer *f, unsigned index)
{
    const IrInsn *insn = &f->ir->insns[index];
    uint16_t args[4] = {0};
    Op *op = f->out;
    IrType type;

    if (insn->op == IR_check_page || insn->op == IR_call_mark) {
        return; /* the engine checks; there is no return prediction */
    }
    if (insn->op == IR_insn_start && is_unseen(f, index)) {
        f->unseen++;
        return;
    }
    if (insn->op == IR_const || insn->op == IR_fconst) {
        if (f->code->nconsts < MAX_CONST_SLOTS) {
            f->slot[index] = (uint16_t)f->code->nconsts;
            f->consts[f->code->nconsts++] = (uint64_t)insn->imm;
            return;
        }
    }
    new_slot(f, index);
    type = ir_result_type(insn);
    for (unsigned i = 0; i < 4; i++) {
        args[i] = insn->arg[i] == IR_NOREF ? 0 : f->slot[insn->arg[i]];
    }
    *op = (Op){.code = (uint16_t)code_of(insn),
               .dst = f->slot[index],
               .a = args[0],
               .b = args[1],
               .c = args[2],
               .d = args[3],
               .op = insn->op,
               .aux = insn->aux,
               .type = (uint8_t)(ir_type_is_vector(type) ? type : (IrType)insn->type)};
    if (insn->op == IR_br || insn->op == IR_brcond) {
        op->target.yes = insn->target[0];
        op->target.no = insn->op == IR_br ? 0 : insn->target[1];
    } else {
        freeze_imm(f, op, insn);
    }
    f->out++;
}

/* Blocks become op indices. */
static void patch_targets(Freezer *f)
{
    for (Op *op = f->code->ops; op < f->out; op++) {
        if (op->op == IR_br || op->op == IR_brcond) {
            op->target.yes = f->block_op[op->target.yes];
            op->target.no = f->block_op[op->target.no];
        }
    }
}

/* Counts what decides about the size of the result. */
static void survey(Freezer *f, unsigned *nconsts, unsigned *ncalls)
{
    for (unsigned i = 0; i < f->ir->ninsns; i++) {
        unsigned op = f->ir->insns[i].op;

        *nconsts += op == IR_const || op == IR_fconst;
        *ncalls += op == IR_call;
        f->counts |= op == IR_count;
    }
    *nconsts = MIN(*nconsts, MAX_CONST_SLOTS);
    *ncalls = MIN(*ncalls, f->ir->nhelpers);
}

IrCode *ir_code_new(const IrRegion *ir, size_t *bytes)
{
    Freezer f = {.ir = ir};
    unsigned nconsts = 0, ncalls = 0;
    size_t ops_size = sizeof(IrCode) + ir->ninsns * sizeof(Op), size;

    survey(&f, &nconsts, &ncalls);
    size = ops_size + nconsts * sizeof(uint64_t) + ncalls * sizeof(CallInfo);
    f.code = g_malloc(size);
    f.consts = (uint64_t *)((char *)f.code + ops_size);
    *f.code =
        (IrCode){.consts = f.consts, .calls = (CallInfo *)(f.consts + nconsts), .nslots = nconsts};
    f.out = f.code->ops;
    f.slot = g_new0(uint16_t, ir->ninsns + 1);
    f.block_op = g_new0(uint32_t, ir->nblocks + 1);
    for (unsigned b = 0; b < ir->nblocks; b++) {
        f.block = b;
        f.block_op[b] = (uint32_t)(f.out - f.code->ops);
        f.next_slot = nconsts;
        for (unsigned i = 0; i < ir->blocks[b].count; i++) {
            freeze_insn(&f, ir->blocks[b].first + i);
        }
    }
    patch_targets(&f);
    g_free(f.slot);
    g_free(f.block_op);
    if (bytes) {
        *bytes = size;
    }
    return f.code;
}

/* ---- Execution ---- */

static uint64_t load_sized(const void *p, unsigned memop)
{
    uint64_t v = 0;

    memcpy(&v, p, ir_memop_bytes(memop));
    if (memop & IR_BIG_ENDIAN) {
        v = __builtin_bswap64(v) >> (64 - 8 * ir_memop_bytes(memop));
    }
    return ir_eval_ext(memop, v);
}

static void store_sized(void *p, unsigned memop, uint64_t v)
{
    if (memop & IR_BIG_ENDIAN) {
        v = __builtin_bswap64(v) >> (64 - 8 * ir_memop_bytes(memop));
    }
    memcpy(p, &v, ir_memop_bytes(memop));
}

/* Loads for ld_host and ld_env: any type into slot @dst. */
static void load_value(uint64_t *slots, const Op *op, const void *p)
{
    if (ir_type_is_vector(op->type)) {
        memcpy(&slots[op->dst], p, ir_type_bytes(op->type));
        return;
    }
    slots[op->dst] = load_sized(p, op->aux);
    if (op->type == IR_I32) {
        slots[op->dst] = (uint32_t)slots[op->dst];
    }
}

static void store_value(uint64_t *slots, const Op *op, unsigned value, void *p)
{
    if (ir_type_is_vector(op->type)) {
        memcpy(p, &slots[value], ir_type_bytes(op->type));
    } else {
        store_sized(p, op->aux, slots[value]);
    }
}

static void call_helper(const CallInfo *info, const Op *op, uint64_t *slots, void *vcpu)
{
    void *args[5] = {&vcpu, &slots[op->a], &slots[op->b], &slots[op->c], &slots[op->d]};
    union {
        ffi_arg word;
        double d;
        float f;
        uint64_t bits;
    } result = {.bits = 0};

    /* libffi reads narrow arguments from the start of the slot, and widens narrow integer
     * results. */
    ffi_call((ffi_cif *)&info->cif, info->fn, &result, args);
    if (op->type == IR_I32 || op->type == IR_F32) {
        slots[op->dst] = (uint32_t)result.bits;
    } else if (op->type != IR_NONE) {
        slots[op->dst] = result.bits;
    }
}

static IrInsn insn_of(const Op *op)
{
    return (IrInsn){.op = op->op, .type = op->type, .aux = op->aux};
}

#define FIELD(type, offset) (*(type *)((char *)state + (offset)))

void ir_interp(const IrCode *code, const TcgRuntime *rt, void *state, IrInterpExit *exit)
{
    static const void *const labels[NCODES] = {
#define ALU_LABEL(name) &&L_##name##64, &&L_##name##32,
#define COND_LABEL(name)                                                                          \
    &&L_set##name##64, &&L_set##name##32, &&L_sel##name##64, &&L_sel##name##32, &&L_br##name##64, \
        &&L_br##name##32,
#define OTHER_LABEL(name) &&L_##name,
        ALU_OPS(ALU_LABEL) CONDS(COND_LABEL) OTHERS(OTHER_LABEL)};
    void *vcpu = (char *)state + rt->off_vcpu;
    uint64_t slots[code->nslots + 1];
    const Op *op = code->ops;
    uint32_t undone = 0;

    for (unsigned i = 0; i < code->nconsts; i++) {
        slots[i] = code->consts[i];
    }

#define NEXT()                  \
    do {                        \
        op++;                   \
        goto *labels[op->code]; \
    } while (0)
#define JUMP(index)               \
    do {                          \
        op = code->ops + (index); \
        goto *labels[op->code];   \
    } while (0)
#define A slots[op->a]
#define B slots[op->b]
#define DST slots[op->dst]
#define VECTOR_BYTES ir_type_bytes(op->type)

    goto *labels[op->code];

#define ALU(name, expr64, expr32)            \
    L_##name##64 : DST = expr64;             \
    NEXT();                                  \
    L_##name##32 : DST = (uint32_t)(expr32); \
    NEXT();
    ALU(add, A + B, A + B)
    ALU(sub, A - B, A - B)
    ALU(mul, A * B, A * B)
    ALU(and, A & B, A & B)
    ALU(or, A | B, A | B)
    ALU(xor, A ^ B, A ^ B)
    ALU(andn, A & ~B, A & ~B)
    ALU(shl, A << (B & 63), A << (B & 31))
    ALU(shr, A >> (B & 63), A >> (B & 31))
    ALU(sar, (uint64_t)((int64_t)A >> (B & 63)), (int32_t)A >> (B & 31))

#define COND(name, kind, oper)                                                                \
    L_set##name##64 : DST = (kind##64_t)A oper(kind##64_t) B;                                 \
    NEXT();                                                                                   \
    L_set##name##32 : DST = (kind##32_t)A oper(kind##32_t) B;                                 \
    NEXT();                                                                                   \
    L_sel##name##64 : DST = (kind##64_t)A oper(kind##64_t) B ? slots[op->c] : slots[op->d];   \
    NEXT();                                                                                   \
    L_sel##name##32 : DST = (kind##32_t)A oper(kind##32_t) B ? slots[op->c] : slots[op->d];   \
    NEXT();                                                                                   \
    L_br##name##64 : JUMP((kind##64_t)A oper(kind##64_t) B ? op->target.yes : op->target.no); \
    L_br##name##32 : JUMP((kind##32_t)A oper(kind##32_t) B ? op->target.yes : op->target.no);
    COND(EQ, uint, ==)
    COND(NE, uint, !=)
    COND(LT, int, <)
    COND(GE, int, >=)
    COND(LE, int, <=)
    COND(GT, int, >)
    COND(LTU, uint, <)
    COND(GEU, uint, >=)
    COND(LEU, uint, <=)
    COND(GTU, uint, >)

L_const:
    DST = (uint64_t)op->imm;
    NEXT();
L_copy:
    DST = A;
    NEXT();
L_copy_vec:
    memmove(&DST, &A, VECTOR_BYTES);
    NEXT();
L_ext_u8:
    DST = (uint8_t)A;
    NEXT();
L_ext_s8:
    DST = (uint64_t)(int8_t)A;
    NEXT();
L_ext_u16:
    DST = (uint16_t)A;
    NEXT();
L_ext_s16:
    DST = (uint64_t)(int16_t)A;
    NEXT();
L_low32:
    DST = (uint32_t)A;
    NEXT();
L_ext_s32:
    DST = (uint64_t)(int32_t)A;
    NEXT();
L_eval : {
    IrInsn insn = insn_of(op);

    DST = ir_eval_int(&insn, (IrType)op->type, A, B, slots[op->c], slots[op->d]);
    NEXT();
}
L_fp:
    DST = ir_eval_fp((IrOp)op->op, (IrType)op->type, op->aux, A, B, slots[op->c]);
    NEXT();
L_fflags:
    DST = ir_fp_flags_of_mxcsr(_mm_getcsr());
    NEXT();
L_vec_bits : {
    uint64_t r[4];

    ir_eval_vec((IrOp)op->op, VECTOR_BYTES, op->aux, r, &A, &A, &A);
    DST = r[0];
    NEXT();
}
L_vec:
    ir_eval_vec((IrOp)op->op, VECTOR_BYTES, op->aux, &DST, &A, &B, &slots[op->c]);
    NEXT();

L_load_state:
    DST = FIELD(uint64_t, op->imm);
    NEXT();
L_load_state_vec:
    memcpy(&DST, &FIELD(char, op->imm), VECTOR_BYTES);
    NEXT();
L_store_state:
    FIELD(uint64_t, op->imm) = A;
    NEXT();
L_store_state_vec:
    memcpy(&FIELD(char, op->imm), &A, VECTOR_BYTES);
    NEXT();
L_ld_env:
    load_value(slots, op, &FIELD(char, op->imm));
    NEXT();
L_st_env:
    store_value(slots, op, op->a, &FIELD(char, op->imm));
    NEXT();

L_ld:
    DST = rt->load(vcpu, A + (uint64_t)op->imm, op->aux);
    NEXT();
L_ld_low32:
    DST = (uint32_t)rt->load(vcpu, A + (uint64_t)op->imm, op->aux);
    NEXT();
L_ld_vec:
    rt->load_vector(vcpu, A + (uint64_t)op->imm, &DST, VECTOR_BYTES);
    NEXT();
L_st:
    rt->store(vcpu, A + (uint64_t)op->imm, B, op->aux);
    NEXT();
L_st_vec:
    rt->store_vector(vcpu, A + (uint64_t)op->imm, &B, VECTOR_BYTES);
    NEXT();
L_translate:
    DST = (uintptr_t)rt->translate(vcpu, A + (uint64_t)(int64_t)op->mem.offset, op->mem.len,
                                   op->aux & IR_XLATE_WRITE);
    if (unlikely(DST == 0)) {
        /* Nothing of the instruction has happened. */
        FIELD(int64_t, rt->off_budget) += undone;
        goto leave;
    }
    NEXT();
L_probe:
    DST = rt->probe ? rt->probe(vcpu, A + (uint64_t)op->imm, op->aux & IR_XLATE_WRITE) : 0;
    NEXT();
L_ld_host:
    load_value(slots, op, (const char *)(uintptr_t)A + op->imm);
    NEXT();
L_st_host:
    store_value(slots, op, op->b, (char *)(uintptr_t)A + op->imm);
    NEXT();
L_rmw:
    DST = rt->rmw(vcpu, A + (uint64_t)op->imm, B, op->aux, op->type == IR_I32 ? IR_U32 : IR_64);
    NEXT();
L_cas:
    DST =
        rt->cas(vcpu, A + (uint64_t)op->imm, B, slots[op->c], op->type == IR_I32 ? IR_U32 : IR_64);
    NEXT();
L_fence:
    _mm_mfence();
    NEXT();
L_call:
    call_helper(&code->calls[op->imm], op, slots, vcpu);
    NEXT();

L_insn_start:
    FIELD(uint64_t, rt->off_pc) = (uint64_t)op->imm;
    NEXT();
L_insn_start_counted:
    FIELD(uint64_t, rt->off_pc) = (uint64_t)op->imm;
    undone -= MIN(undone, op->a);
    FIELD(uint32_t, rt->off_undone) = undone;
    NEXT();
L_count : {
    uint32_t len = op->a | (uint32_t)op->b << 16;
    int64_t budget = FIELD(int64_t, rt->off_budget) - len;

    if (unlikely(budget < 0)) {
        exit->reason = rt->reason_budget;
        goto leave_to_imm;
    }
    FIELD(int64_t, rt->off_budget) = budget;
    /* insn_start of the first one may be still to come. */
    undone = len + op->c;
    FIELD(uint32_t, rt->off_undone) = len;
    NEXT();
}
L_poll:
    if (unlikely(__atomic_load_n(&FIELD(uint32_t, rt->off_kick), __ATOMIC_RELAXED))) {
        exit->reason = rt->reason_kick;
        goto leave_to_imm;
    }
    NEXT();
L_br:
    JUMP(op->target.yes);
L_exit_indirect:
    FIELD(uint64_t, rt->off_pc) = A;
    goto leave;
L_exit_reason:
    exit->reason = (int)op->imm;
    goto leave;
L_exit_direct:
leave_to_imm:
    FIELD(uint64_t, rt->off_pc) = (uint64_t)op->imm;
L_exit_lookup:
leave:
    if (undone) {
        FIELD(uint32_t, rt->off_undone) = 0;
    }
    exit->op = (IrOp)op->op;
    exit->pc = FIELD(uint64_t, rt->off_pc);
}
