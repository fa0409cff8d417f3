/*
 * Guest memory, host memory behind translated pointers, and state in memory (env).
 *
 * A guest access is an inline probe of the TLB (layout: tcg.h) and the access; what does not hit
 * goes out of line to a common stub that saves the registers for tcg_restore() and calls the
 * engine. The address is in its own register, or in rax when there is an offset; rcx is the offset
 * of the TLB entry, rdx becomes what is to be added for the host address.
 */
#include "tcg/x86_64/emit.h"

#define TLB_INDEX_MASK (((1u << TCG_TLB_BITS) - 1) * (unsigned)sizeof(TcgTlbEntry))
#define TLB_INDEX_SHIFT (12 - 5) /* page number to byte offset of its entry */

/* ---- Plain accesses. ---- */

/* A place in memory: base + index (NOREG: none) + disp. */
typedef struct Place {
    unsigned base, index;
    int32_t disp;
} Place;

static Place place_at(unsigned base, int32_t disp)
{
    return (Place){base, NOREG, disp};
}

static void int_rm(Emit *e, unsigned op, unsigned reg, Place at)
{
    if (at.index == NOREG) {
        x_rm(&e->as, op, reg, at.base, at.disp);
    } else {
        x_rmx(&e->as, op, reg, at.base, at.index, 0, at.disp);
    }
}

static void vec_rm(Emit *e, unsigned op, unsigned reg, Place at)
{
    if (at.index == NOREG) {
        fp_rm(e, op, reg, at.base, at.disp);
    } else if (e->avx) {
        v_rrmx(&e->as, op, reg, 0, at.base, at.index, 0, at.disp);
    } else {
        x_rmx(&e->as, op, reg, at.base, at.index, 0, at.disp);
    }
}

/* Loads an integer from base + disp in host order or swapped, extended to the op's type. */
static void load_int(Emit *e, unsigned memop, unsigned w, unsigned d, Place at)
{
    bool swap = (memop & IR_BIG_ENDIAN) && (memop & IR_SIZE_MASK);

    switch (memop & (IR_SIZE_MASK | IR_SIGNED)) {
    case IR_U8: int_rm(e, X_MOVZX8, d, at); break;
    case IR_S8: int_rm(e, X_MOVSX8 | w, d, at); break;
    case IR_U16: int_rm(e, X_MOVZX16, d, at); break;
    case IR_S16: int_rm(e, swap ? X_MOVZX16 : X_MOVSX16 | w, d, at); break;
    case IR_U32: int_rm(e, X_MOV, d, at); break;
    case IR_S32: int_rm(e, swap || !w ? X_MOV : X_MOVSXD, d, at); break;
    default: int_rm(e, X_MOV | w, d, at); break;
    }
    if (swap) {
        unsigned size = memop & IR_SIZE_MASK;

        x_opcode(&e->as, 0xc8 | (d & 7) | X_0F | (size == 3 ? X_W : 0), 0, 0, d);
        if (size == 1) {
            x_shift_imm(&e->as, memop & IR_SIGNED ? SHIFT_SAR : SHIFT_SHR, 0, d, 16);
        }
        if ((memop & IR_SIGNED) && w && size < 3) {
            x_rr(&e->as, X_MOVSXD, d, d);
        }
    }
}

static void store_int(Emit *e, unsigned memop, unsigned r, Place at)
{
    static const unsigned ops[4] = {X_MOV8_MR, X_MOV16_MR, X_MOV_MR, X_MOV_MR | X_W};
    unsigned size = memop & IR_SIZE_MASK;

    if ((memop & IR_BIG_ENDIAN) && size) {
        x_mov(&e->as, X_W, RAX, r);
        x_opcode(&e->as, 0xc8 | RAX | X_0F | (size == 3 ? X_W : 0), 0, 0, RAX);
        if (size == 1) {
            x_shift_imm(&e->as, SHIFT_SHR, 0, RAX, 16);
        }
        r = RAX;
    }
    int_rm(e, ops[size], r, at);
}

static void store_const(Emit *e, unsigned memop, uint64_t v, Place at)
{
    static const unsigned ops[4] = {X_MOV8_MI, X_MOV16_MI, X_MOV_MI, X_MOV_MI | X_W};
    unsigned size = memop & IR_SIZE_MASK;

    if (memop & IR_BIG_ENDIAN) {
        v = __builtin_bswap64(v) >> (64 - (8u << size));
    }
    int_rm(e, ops[size], 0, at);
    if (size == 0) {
        asm_u8(&e->as, v);
    } else if (size == 1) {
        asm_u8(&e->as, v);
        asm_u8(&e->as, v >> 8);
    } else {
        asm_u32(&e->as, v);
    }
}

/* Whether a constant can be stored by store_const(). */
static bool const_fits_store(unsigned memop, uint64_t v)
{
    return (memop & IR_SIZE_MASK) < 3 || (fits_s32(v) && !(memop & IR_BIG_ENDIAN));
}

static void load_value(Emit *e, const IrInsn *in, unsigned d, Place at)
{
    if (!is_xmm(d)) {
        load_int(e, in->aux, in->type == IR_I64 ? X_W : 0, d, at);
    } else if (ir_type_is_vector(in->type)) {
        vec_rm(e, X_MOVUPS | vec_width(in), d, at);
    } else if (in->aux & IR_BIG_ENDIAN) {
        bool f64 = in->type == IR_F64;

        load_int(e, (f64 ? IR_64 : IR_U32) | IR_BIG_ENDIAN, X_W, RAX, at);
        fp_rr(e, X_MOVD_X | (f64 ? X_W : 0), d, RAX);
    } else {
        vec_rm(e, in->type == IR_F64 ? X_MOVSD : X_MOVSS, d, at);
    }
}

/* @r: register of the value, NOREG: the constant @v. */
static void store_value(Emit *e, const IrInsn *in, unsigned r, uint64_t v, Place at)
{
    if (r == NOREG) {
        store_const(e, in->aux, v, at);
    } else if (!is_xmm(r)) {
        store_int(e, in->aux, r, at);
    } else if (ir_type_is_vector(in->type)) {
        vec_rm(e, X_MOVUPS_MR | vec_width(in), r, at);
    } else if (in->aux & IR_BIG_ENDIAN) {
        bool f64 = in->type == IR_F64;

        fp_rr(e, X_MOVD_R | (f64 ? X_W : 0), r, RAX);
        store_int(e, (f64 ? IR_64 : IR_U32) | IR_BIG_ENDIAN, RAX, at);
    } else {
        vec_rm(e, in->type == IR_F64 ? X_MOVSD_MR : X_MOVSS_MR, r, at);
    }
}

/* Register of a value to be stored, or NOREG with the constant in *@v. */
static unsigned use_stored(Emit *e, const IrInsn *in, IrRef ref, uint64_t *v)
{
    if (e->vals[ref].reg == NOREG && value_const(e, ref, v) && const_fits_store(in->aux, *v)) {
        return NOREG;
    }
    return reg_use(e, ref);
}

static unsigned load_flags(const IrInsn *in)
{
    return in->type == IR_I32 ||
                   (in->type == IR_I64 && !(in->aux & IR_SIGNED) && (in->aux & IR_SIZE_MASK) < 3)
               ? VALUE_ZX
               : 0;
}

void op_ld_env(Emit *e, const IrInsn *in)
{
    unsigned d = reg_def(e, NOREG, NOREG);

    load_value(e, in, d, place_at(ENV, env_disp(in->imm)));
    reg_bind(e, d, load_flags(in));
}

void op_st_env(Emit *e, const IrInsn *in)
{
    uint64_t v = 0;
    unsigned r = use_stored(e, in, in->arg[0], &v);

    store_value(e, in, r, v, place_at(ENV, env_disp(in->imm)));
}

/* Where ld_host and st_host go: a sum made for them alone is a base and an index. */
static Place use_host_place(Emit *e, const IrInsn *in)
{
    IrRef ref = in->arg[0];
    unsigned base;

    if (!(e->vals[ref].flags & VALUE_FUSED)) {
        return place_at(reg_use(e, ref), in->imm);
    }
    base = reg_use(e, e->insns[ref].arg[0]);
    return (Place){base, reg_use(e, e->insns[ref].arg[1]), in->imm};
}

void op_ld_host(Emit *e, const IrInsn *in)
{
    Place at = use_host_place(e, in);
    unsigned d = reg_def(e, at.base, at.index);

    load_value(e, in, d, at);
    reg_bind(e, d, load_flags(in));
}

void op_st_host(Emit *e, const IrInsn *in)
{
    uint64_t v = 0;
    Place at = use_host_place(e, in);
    unsigned r = use_stored(e, in, in->arg[1], &v);

    store_value(e, in, r, v, at);
}

/* ---- The probe. ---- */

/* The register that holds the guest address: the operand's, or rax. */
static unsigned use_address(Emit *e, const IrInsn *in)
{
    unsigned r = reg_use_or(e, in->arg[0], RAX);

    if (in->imm) {
        x_rm(&e->as, X_LEA | X_W, RAX, r, in->imm);
        r = RAX;
    }
    return r;
}

/* Leaves the offset in the page in rdx and the entry's offset in rcx; returns the jump of a
 * miss. */
static uint8_t *emit_probe(Emit *e, unsigned addr, unsigned len, bool write)
{
    int32_t tag = e->rt->tlb_entries +
                  (write ? offsetof(TcgTlbEntry, write_tag) : offsetof(TcgTlbEntry, read_tag));

    if (e->f->bmi2) {
        v_rrr(&e->as, X_RORX, RCX, 0, addr);
        asm_u8(&e->as, TLB_INDEX_SHIFT);
    } else {
        x_mov(&e->as, 0, RCX, addr);
        x_shift_imm(&e->as, SHIFT_SHR, 0, RCX, TLB_INDEX_SHIFT);
    }
    x_alu_imm(&e->as, ALU_AND, 0, RCX, TLB_INDEX_MASK);
    x_rmx(&e->as, X_MOV | X_W, RDX, TLB, RCX, 0, tag);
    x_alu(&e->as, ALU_XOR, X_W, RDX, addr);
    x_alu_imm(&e->as, ALU_CMP, X_W, RDX, 4096 - len);
    return x_jcc32(&e->as, CC_A);
}

/* Whether the address of an access of @len bytes is known, and with it the entry; it must fit a displacement. */
static bool known_address(const Emit *e, const IrInsn *in, unsigned len, uint64_t *addr)
{
    if (!value_const(e, in->arg[0], addr)) {
        return false;
    }
    *addr += in->imm;
    return fits_s32(*addr) && (*addr & 4095) + len <= 4096;
}

/* The probe for a known address: leaves what is to be added to it in rdx; returns the jump of a miss. */
static uint8_t *emit_probe_known(Emit *e, uint64_t addr, bool write)
{
    int32_t entry =
        e->rt->tlb_entries + (addr >> 12 & ((1u << TCG_TLB_BITS) - 1)) * sizeof(TcgTlbEntry);
    size_t tag = write ? offsetof(TcgTlbEntry, write_tag) : offsetof(TcgTlbEntry, read_tag);
    uint8_t *miss;

    x_alu_mem_imm(&e->as, ALU_CMP, X_W, TLB, entry + tag, addr & ~UINT64_C(4095));
    miss = x_jcc32(&e->as, CC_NE);
    x_rm(&e->as, X_MOV | X_W, RDX, TLB, entry + offsetof(TcgTlbEntry, addend));
    return miss;
}

/* After a hit: d = what turns the guest address into the host's. */
static void emit_addend(Emit *e, unsigned d)
{
    x_rmx(&e->as, X_MOV | X_W, d, TLB, RCX, 0,
          e->rt->tlb_entries + (int32_t)offsetof(TcgTlbEntry, addend));
}

/* Where the access goes. Swapping takes rax, which may hold the address. */
static Place emit_place(Emit *e, unsigned addr, unsigned memop)
{
    emit_addend(e, RDX);
    if (memop & IR_BIG_ENDIAN) {
        x_alu(&e->as, ALU_ADD, X_W, RDX, addr);
        return place_at(RDX, 0);
    }
    return (Place){RDX, addr, 0};
}

/* Jump if the offset in rdx is not a multiple of the size. */
static uint8_t *emit_align_check(Emit *e, unsigned memop)
{
    if ((memop & IR_SIZE_MASK) == 0) {
        return NULL;
    }
    x_rr(&e->as, X_GROUP3B, 0, RDX);
    asm_u8(&e->as, ir_memop_bytes(memop) - 1);
    return x_jcc32(&e->as, CC_NE);
}

/* ---- Out of line. reg: result or value, address or NOREG: it is known. ---- */

static void cold_address(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    uint64_t addr;

    if (c->reg[1] != NOREG) {
        emit_mov(e, RAX, c->reg[1]);
    } else if (value_const(e, in->arg[0], &addr)) {
        x_mov_imm(&e->as, RAX, addr + in->imm);
    }
}

/* @info: up to four bytes for the stub, in an instruction that does nothing. */
static void cold_callback(Emit *e, const Cold *c, uint8_t *const stub[NVECTORS],
                          unsigned info_bytes, uint32_t info)
{
    x_call(&e->as, stub[e->vectors]);
    sync_add(e, c);
    if (info_bytes == 1) {
        asm_u8(&e->as, 0xa8); /* test al, imm8 */
        asm_u8(&e->as, info);
    } else if (info_bytes) {
        asm_u8(&e->as, 0xa9); /* test eax, imm32 */
        asm_u32(&e->as, info);
    }
}

/* The callback's result from rax or xmm0 to its register. */
static void cold_result(Emit *e, const IrInsn *in, unsigned d)
{
    if (d == NOREG) {
        return;
    }
    if (!is_xmm(d)) {
        x_mov(&e->as, in->type == IR_I64 ? X_W : 0, d, RAX);
    } else if (ir_type_is_vector(in->type)) {
        emit_mov(e, d, XMM0);
    } else {
        fp_rr(e, X_MOVD_X | (in->type == IR_F64 ? X_W : 0), d, RAX);
    }
}

static void cold_load(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    cold_address(e, c);
    if (ir_type_is_vector(in->type)) {
        cold_callback(e, c, e->stubs->load_vector, 1, ir_type_bytes(in->type));
    } else {
        cold_callback(e, c, e->stubs->load, 1, in->aux);
    }
    cold_result(e, in, c->reg[0]);
    x_jmp_back(&e->as, c->back);
}

static void cold_store(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    cold_address(e, c);
    if (c->reg[0] == NOREG) {
        x_mov_imm(&e->as, RDX, c->imm);
    } else if (ir_type_is_vector(in->type)) {
        emit_mov(e, XMM0, c->reg[0]);
    } else if (is_xmm(c->reg[0])) {
        fp_rr(e, X_MOVD_R | (in->type == IR_F64 ? X_W : 0), c->reg[0], RDX);
    } else {
        x_mov(&e->as, X_W, RDX, c->reg[0]);
    }
    if (ir_type_is_vector(in->type)) {
        cold_callback(e, c, e->stubs->store_vector, 1, ir_type_bytes(in->type));
    } else {
        cold_callback(e, c, e->stubs->store, 1, in->aux);
    }
    x_jmp_back(&e->as, c->back);
}

/* ---- Loads and stores. ---- */

/* Bytes that a load or store accesses. */
static unsigned access_bytes(const IrInsn *in)
{
    return ir_memop_bytes(in->aux);
}

/* Whether emit_probe_known() does: alignment is known, too. */
static bool is_known_access(const Emit *e, const IrInsn *in, uint64_t *addr)
{
    unsigned bytes = access_bytes(in);

    return known_address(e, in, bytes, addr) && !(in->aux & IR_BIG_ENDIAN) &&
           !((in->aux & IR_ALIGNED) && *addr % bytes);
}

static void load_known(Emit *e, const IrInsn *in, uint64_t known)
{
    unsigned d = e->vals[e->cur].last ? reg_def(e, NOREG, NOREG) : NOREG;
    Cold *c = cold_new(e, cold_load, emit_probe_known(e, known, false));

    c->reg[0] = d;
    if (d != NOREG) {
        load_value(e, in, d, place_at(RDX, known));
        reg_bind(e, d, load_flags(in));
    }
    c->back = e->as.p;
}

static void store_known(Emit *e, const IrInsn *in, uint64_t known)
{
    uint64_t v = 0;
    unsigned r = use_stored(e, in, in->arg[1], &v);
    Cold *c = cold_new(e, cold_store, emit_probe_known(e, known, true));

    c->reg[0] = r;
    c->imm = v;
    store_value(e, in, r, v, place_at(RDX, known));
    c->back = e->as.p;
}

void op_ld(Emit *e, const IrInsn *in)
{
    unsigned addr, d = NOREG;
    uint64_t known;
    Cold *c;

    if (is_known_access(e, in, &known)) {
        load_known(e, in, known);
        return;
    }
    addr = use_address(e, in);
    if (e->vals[e->cur].last) {
        d = reg_def(e, addr, NOREG);
    }
    c = cold_new(e, cold_load, emit_probe(e, addr, access_bytes(in), false));
    c->reg[0] = d;
    c->reg[1] = addr;
    if (in->aux & IR_ALIGNED) {
        c->from[1] = emit_align_check(e, in->aux);
    }
    if (d != NOREG) {
        load_value(e, in, d, emit_place(e, addr, in->aux));
        reg_bind(e, d, load_flags(in));
    }
    c->back = e->as.p;
}

void op_st(Emit *e, const IrInsn *in)
{
    uint64_t v = 0, known;
    unsigned r, addr;
    Cold *c;

    if (is_known_access(e, in, &known)) {
        store_known(e, in, known);
        return;
    }
    r = use_stored(e, in, in->arg[1], &v);
    addr = use_address(e, in);
    c = cold_new(e, cold_store, emit_probe(e, addr, access_bytes(in), true));
    c->reg[0] = r;
    c->reg[1] = addr;
    c->imm = v;
    if (in->aux & IR_ALIGNED) {
        c->from[1] = emit_align_check(e, in->aux);
    }
    store_value(e, in, r, v, emit_place(e, addr, in->aux));
    c->back = e->as.p;
}

/* A translate that gives no pointer: on to first-tier code for this instruction. */
static void cold_translate(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];
    uint8_t *none;

    cold_address(e, c);
    x_mov_imm(&e->as, RDX, in->len);
    x_mov_imm(&e->as, RCX, in->aux & IR_XLATE_WRITE);
    cold_callback(e, c, e->stubs->translate, 0, 0);
    x_rr(&e->as, X_TEST | X_W, RAX, RAX);
    none = x_jcc8(&e->as, CC_E);
    emit_mov(e, c->reg[0], RAX);
    x_jmp_back(&e->as, c->back);
    asm_patch8(&e->as, none);
    if (c->undone) {
        x_alu_mem_imm(&e->as, ALU_ADD, X_W, ENV, env_disp(e->rt->off_budget), c->undone);
    }
    emit_snapshot_stores(e, c->snap);
    emit_store_pc(e, c->pc);
    x_jmp(&e->as, e->stubs->lookup_plain);
}

void op_translate(Emit *e, const IrInsn *in)
{
    unsigned addr = use_address(e, in), d = reg_def(e, addr, NOREG);
    Cold *c = cold_new(e, cold_translate, emit_probe(e, addr, in->len, in->aux & IR_XLATE_WRITE));

    c->reg[0] = d;
    c->reg[1] = addr;
    emit_addend(e, RDX);
    x_rmx(&e->as, X_LEA | X_W, d, RDX, addr, 0, 0);
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

static void cold_probe(Emit *e, const Cold *c)
{
    x_mov_imm(&e->as, c->reg[0], 0);
    x_jmp_back(&e->as, c->back);
}

void op_probe(Emit *e, const IrInsn *in)
{
    unsigned addr = use_address(e, in), d = reg_def(e, NOREG, NOREG);
    Cold *c = cold_new(e, cold_probe, emit_probe(e, addr, 1, in->aux & IR_XLATE_WRITE));

    c->reg[0] = d;
    emit_addend(e, d);
    c->back = e->as.p;
    reg_bind(e, d, 0);
}

/* ---- Atomics. ---- */

/* The memory operand's size comes from the op's type. */
static unsigned atomic_memop(const IrInsn *in)
{
    return in->type == IR_I64 ? IR_64 : IR_U32;
}

/* reg: result, address, value, desired value. */
static void cold_rmw(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    cold_address(e, c);
    x_mov(&e->as, X_W, RDX, c->reg[2]);
    cold_callback(e, c, e->stubs->rmw, 4, atomic_memop(in) | in->aux << 8);
    cold_result(e, in, c->reg[0]);
    x_jmp_back(&e->as, c->back);
}

static void cold_cas(Emit *e, const Cold *c)
{
    const IrInsn *in = &e->insns[c->insn];

    cold_address(e, c);
    x_mov(&e->as, X_W, RDX, c->reg[2]);
    x_mov(&e->as, X_W, RCX, c->reg[3]);
    cold_callback(e, c, e->stubs->cas, 1, atomic_memop(in));
    cold_result(e, in, c->reg[0]);
    x_jmp_back(&e->as, c->back);
}

/* Probe for an aligned write; the host address is in rdx. */
static Cold *emit_atomic_probe(Emit *e, const IrInsn *in, unsigned addr,
                               void (*cold)(Emit *, const Cold *))
{
    unsigned memop = atomic_memop(in);
    Cold *c = cold_new(e, cold, emit_probe(e, addr, ir_memop_bytes(memop), true));

    c->from[1] = emit_align_check(e, memop);
    c->reg[1] = addr;
    emit_addend(e, RDX);
    x_alu(&e->as, ALU_ADD, X_W, RDX, addr);
    return c;
}

/* rcx = what to store for the old value in rax. */
static void emit_rmw_value(Emit *e, unsigned rmw, unsigned w, unsigned value)
{
    static const uint8_t keep_old[] = {CC_L, CC_G, CC_B, CC_A};

    if (rmw >= IR_RMW_MIN) {
        x_alu(&e->as, ALU_CMP, w, RAX, value);
        x_mov(&e->as, w, RCX, value);
        x_rr(&e->as, (X_CMOV + keep_old[rmw - IR_RMW_MIN]) | w, RCX, RAX);
    } else {
        x_mov(&e->as, w, RCX, RAX);
        x_alu(&e->as,
              rmw == IR_RMW_AND  ? ALU_AND
              : rmw == IR_RMW_OR ? ALU_OR
                                 : ALU_XOR,
              w, RCX, value);
    }
}

static void emit_lock(Emit *e)
{
    asm_u8(&e->as, 0xf0);
}

void op_rmw(Emit *e, const IrInsn *in)
{
    static const uint8_t alu[] = {
        [IR_RMW_ADD] = ALU_ADD,
        [IR_RMW_AND] = ALU_AND,
        [IR_RMW_OR] = ALU_OR,
        [IR_RMW_XOR] = ALU_XOR,
    };
    unsigned w = in->type == IR_I64 ? X_W : 0, value = reg_use(e, in->arg[1]);
    unsigned addr = use_address(e, in), d = NOREG;
    Cold *c;

    if (e->vals[e->cur].last) {
        d = reg_def(e, NOREG, NOREG);
    }
    c = emit_atomic_probe(e, in, addr, cold_rmw);
    c->reg[0] = d;
    c->reg[2] = value;
    if (in->aux == IR_RMW_SWAP || (in->aux == IR_RMW_ADD && d != NOREG)) {
        x_mov(&e->as, w, RAX, value);
        if (in->aux == IR_RMW_SWAP) {
            x_rm(&e->as, X_XCHG | w, RAX, RDX, 0);
        } else {
            emit_lock(e);
            x_rm(&e->as, X_XADD | w, RAX, RDX, 0);
        }
    } else if (d == NOREG && in->aux < IR_RMW_MIN) {
        emit_lock(e);
        x_rm(&e->as, X_ALU_MR(alu[in->aux]) | w, value, RDX, 0);
    } else {
        uint8_t *loop;

        x_rm(&e->as, X_MOV | w, RAX, RDX, 0);
        loop = e->as.p;
        emit_rmw_value(e, in->aux, w, value);
        emit_lock(e);
        x_rm(&e->as, X_CMPXCHG | w, RCX, RDX, 0);
        x_jcc_back(&e->as, CC_NE, loop);
    }
    if (d != NOREG) {
        x_mov(&e->as, w, d, RAX);
        reg_bind(e, d, w ? 0 : VALUE_ZX);
    }
    c->back = e->as.p;
}

void op_cas(Emit *e, const IrInsn *in)
{
    unsigned w = in->type == IR_I64 ? X_W : 0, expect = reg_use(e, in->arg[1]);
    unsigned desired = reg_use(e, in->arg[2]), addr = use_address(e, in), d = NOREG;
    Cold *c;

    if (e->vals[e->cur].last) {
        d = reg_def(e, NOREG, NOREG);
    }
    c = emit_atomic_probe(e, in, addr, cold_cas);
    c->reg[0] = d;
    c->reg[2] = expect;
    c->reg[3] = desired;
    x_mov(&e->as, w, RAX, expect);
    emit_lock(e);
    x_rm(&e->as, X_CMPXCHG | w, desired, RDX, 0);
    if (d != NOREG) {
        x_mov(&e->as, w, d, RAX);
        reg_bind(e, d, w ? 0 : VALUE_ZX);
    }
    c->back = e->as.p;
}

/* A locked operation on the stack orders as mfence does and is quicker. */
void op_fence(Emit *e, const IrInsn *in)
{
    emit_lock(e);
    x_rm(&e->as, X_ALU_I8, ALU_OR, RSP, -8);
    asm_u8(&e->as, 0);
}
