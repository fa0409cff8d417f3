/*
 * Vector instructions that move elements within a group (V 1.0, 16.3 to 16.5): slides by a constant,
 * gathers of one element or from a few pieces, compression, indices (15.8, 15.9), as host vectors.
 * See trans-vec-elem.c.
 */
#include "cpu/riscv/trans-vec.h"

/* The most pieces of a group. */
enum { MAX_PIECES = 16 };

/* The pieces of the group of vs2, 0 if it is not made of whole ones or of too many. */
static unsigned source_pieces(const RiscvDis *ctx)
{
    unsigned bytes = vec_vlmax(ctx->vlenb, (unsigned)vec_sew(ctx), vec_emul(ctx)) << vec_sew(ctx);
    unsigned piece = vec_piece_bytes(ctx);
    return bytes % piece == 0 && bytes <= piece * MAX_PIECES ? bytes / piece : 0;
}

/* ---- Slides: each piece of the result is made of two neighbours of the source's ---- */

/* A piece of the group of vs2 from byte @at on, where @before comes before it and @after after it. */
static IrRef source_bytes(RiscvDis *ctx, unsigned n, int at, IrRef before, IrRef after)
{
    int log2 = ctx->wide ? 5 : 4, piece = at >> log2;
    unsigned from = (unsigned)at & (vec_piece_bytes(ctx) - 1);
    IrRef v[2];

    for (int k = 0; k < 2; k++) {
        v[k] = piece + k < 0        ? before
               : piece + k < (int)n ? get_piece(ctx, insn_rs2(ctx), (unsigned)(piece + k))
                                    : after;
    }
    return from ? vop2(ctx, IR_valign, from, v[0], v[1]) : v[0];
}

/* Sets the active elements of vd, of all that are not below @first. */
static void set_group(RiscvDis *ctx, VecActive *active, unsigned n, unsigned first, const IrRef *v)
{
    int log2 = vec_sew(ctx), rd = insn_rd(ctx);

    for (unsigned k = 0; first && 64 * k < active->n; k++) {
        unsigned below = first - MIN(first, 64 * k);
        IrRef word = active->all ? c64(ctx, -1) : active->word[k];
        int64_t mask = below >= 64 ? 0 : (int64_t)(~UINT64_C(0) << below);

        active->word[k] = op2(ctx, IR_and, word, c64(ctx, mask));
    }
    for (unsigned i = 0; i < n; i++) {
        bool whole = active->all && vec_first_element(ctx, i, log2) >= first;

        set_piece(ctx, rd, i,
                  whole ? v[i]
                        : vsel(ctx, v[i], get_piece(ctx, rd, i),
                               vec_piece_mask(ctx, active->word, i, log2)));
    }
}

/* By @elements, down if negative; what comes in at the end is @in, or for IR_NOREF the old content (up) or 0. */
static bool gen_slide(RiscvDis *ctx, int elements, IrRef in)
{
    unsigned n = source_pieces(ctx);
    IrRef v[MAX_PIECES], end;
    VecActive active;

    if (!n || !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    end = in == IR_NOREF ? vzero(ctx) : in;
    for (unsigned i = 0; i < n; i++) {
        int at = (int)(vec_piece_bytes(ctx) * i) - elements * (1 << vec_sew(ctx));

        v[i] = source_bytes(ctx, n, at, end, end);
    }
    set_group(ctx, &active, n, elements > 0 && in == IR_NOREF ? (unsigned)elements : 0, v);
    return true;
}

static bool gen_slide1(RiscvDis *ctx, const VecRow *row, int elements)
{
    /* The last element is that of vl. */
    if (elements < 0 && !(ctx->flags & RISCV_TB_VLMAX)) {
        return false;
    }
    if (!source_pieces(ctx) || !(ctx->flags & RISCV_TB_VSTART0)) {
        return false;
    }
    return gen_slide(ctx, elements, vsplat(ctx, vec_sew(ctx), vec_scalar(ctx, row)));
}

/* ---- Gathers ---- */

static bool gen_gather_one(RiscvDis *ctx)
{
    unsigned n = source_pieces(ctx), index = (unsigned)insn_rs1(ctx), lanes = 16u >> vec_sew(ctx);
    IrRef v[MAX_PIECES], all;
    VecActive active;

    if (!n || !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    if (index < active.n) {
        IrRef from = get_16(ctx, insn_rs2(ctx), index / lanes);

        all = vsplat(ctx, vec_sew(ctx),
                     vop1(ctx, IR_vget, 1u << vec_sew(ctx) | index % lanes << 4, from));
    } else {
        all = vzero(ctx);
    }
    for (unsigned i = 0; i < n; i++) {
        v[i] = all;
    }
    set_group(ctx, &active, n, 0, v);
    return true;
}

/* The bytes that elements of vs1 mean in a source of at most 128 bytes; for what is beyond that, more. */
static IrRef byte_indices(RiscvDis *ctx, IrRef v)
{
    static const uint64_t bytes[] = {0, 0x0100, 0x03020100, UINT64_C(0x0706050403020100)};
    int log2 = vec_sew(ctx);
    unsigned lane = 1u << log2;

    if (log2) {
        v = vop2(ctx, IR_vint, IR_VEC_MINU | lane, v, vsplat(ctx, log2, c64(ctx, 128 >> log2)));
        /* Times the size, in each byte, and the byte's own place. */
        uint64_t all = UINT64_C(0x0101010101010101) >> (64 - 8 * lane), size = all * lane;

        v = vop2(ctx, IR_vint, IR_VEC_MUL | lane, v, vsplat(ctx, log2, c64(ctx, (int64_t)size)));
        v = vop2(ctx, IR_vadd, 1, v, vsplat(ctx, log2, c64(ctx, (int64_t)bytes[log2])));
    }
    return v;
}

/* Each piece of the result is of as many parts as the source has pieces. */
static IrRef gather_piece(RiscvDis *ctx, unsigned n, IrRef indices)
{
    unsigned bytes = vec_piece_bytes(ctx);
    IrRef sum = IR_NOREF;

    for (unsigned k = 0; k < n; k++) {
        IrRef from =
            k ? vop2(ctx, IR_vsub, 1, indices, vsplat(ctx, 0, c64(ctx, k * bytes))) : indices;
        /* Those of other pieces get their top bit set. */
        IrRef control =
            vop2(ctx, IR_vint, IR_VEC_ADDU | 1, from, vsplat(ctx, 0, c64(ctx, 0x80 - bytes)));
        IrRef part = vop2(ctx, IR_vshuffle, 0, get_piece(ctx, insn_rs2(ctx), k), control);

        sum = k ? vop2(ctx, IR_vor, 0, sum, part) : part;
    }
    return sum;
}

/* Of groups of at most 128 bytes and four pieces. */
static bool gen_gather(RiscvDis *ctx, const VecRow *row)
{
    enum { MAX_GATHERED = 4 };
    unsigned n = source_pieces(ctx);
    IrRef v[MAX_GATHERED];
    VecActive active;

    if (!n || n > MAX_GATHERED || ((row->flags & VEC_B_16) && vec_sew(ctx) != 1) ||
        !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        v[i] = gather_piece(ctx, n, byte_indices(ctx, get_piece(ctx, insn_rs1(ctx), i)));
    }
    set_group(ctx, &active, n, 0, v);
    return true;
}

/* ---- Indices ---- */

/* 0, 1, 2 and so on. */
static bool gen_index(RiscvDis *ctx)
{
    int log2 = vec_sew(ctx);
    unsigned n = source_pieces(ctx), lanes = vec_piece_bytes(ctx) >> log2;
    IrRef v[MAX_PIECES];
    VecActive active;

    if (!n || !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t words[4];
        for (unsigned k = 0; k < lanes; k++) {
            uint64_t lane = i * lanes + k;
            memcpy((char *)words + ((size_t)k << log2), &lane, (size_t)1 << log2);
        }
        v[i] = vec_const(ctx, words);
    }
    set_group(ctx, &active, n, 0, v);
    return true;
}

/* How many bits before a lane's are set in @ones, which has 0 or 1 in each lane. */
static IrRef sum_before(RiscvDis *ctx, int log2, IrRef ones)
{
    unsigned size = 1u << log2;
    IrRef sum = ones;

    for (unsigned by = size; by < vec_piece_bytes(ctx); by *= 2) {
        IrRef moved = vop2(ctx, IR_valign, vec_piece_bytes(ctx) - by, vzero(ctx), sum);

        sum = vop2(ctx, IR_vadd, size, sum, moved);
    }
    return vop2(ctx, IR_vsub, size, sum, ones);
}

/* How many bits of vs2 are set before each element's, among the active ones. */
static bool gen_iota(RiscvDis *ctx)
{
    int log2 = vec_sew(ctx);
    unsigned n = source_pieces(ctx), lanes = vec_piece_bytes(ctx) >> log2, size = 1u << log2;
    IrRef v[MAX_PIECES], count = c64(ctx, 0);
    VecActive active;

    if (!n || !vec_active_begin(ctx, &active, insn_masked(ctx))) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned at = i * lanes;
        IrRef bits = vword(ctx, insn_rs2(ctx), at / 64);

        if (!active.all) {
            bits = op2(ctx, IR_and, bits, active.word[at / 64]);
        }
        if (at % 64) {
            bits = op2(ctx, IR_shr, bits, c64(ctx, at % 64));
        }
        bits = op2(ctx, IR_and, bits, c64(ctx, (int64_t)((UINT64_C(1) << lanes) - 1)));
        IrRef ones = vop2(ctx, IR_vsub, size, vzero(ctx), vop1(ctx, IR_vmask, size, bits));
        v[i] = vop2(ctx, IR_vadd, size, sum_before(ctx, log2, ones), vsplat(ctx, log2, count));
        count = op2(ctx, IR_add, count, ir_op1(ctx->ir, IR_popcnt, IR_I64, 0, bits));
    }
    set_group(ctx, &active, n, 0, v);
    return true;
}

/* ---- Compression ---- */

/* The most elements that are looked up at once; by their size and which of them are chosen: the bytes
 * of those, for vshuffle. */
enum { CHUNK = 8 };
typedef uint8_t Choice[16];
static Choice choices[4][1 << CHUNK];

static unsigned chunk_elements(int log2)
{
    return MIN(16u >> log2, (unsigned)CHUNK);
}

static void *make_choices(void *unused)
{
    memset(choices, 0x80, sizeof(choices));
    for (int log2 = 0; log2 < 4; log2++) {
        for (unsigned bits = 0; bits < 1u << chunk_elements(log2); bits++) {
            unsigned n = 0;

            for (unsigned byte = 0; byte < chunk_elements(log2) << log2; byte++) {
                if ((bits >> (byte >> log2)) & 1) {
                    choices[log2][bits][n++] = (uint8_t)byte;
                }
            }
        }
    }
    return choices;
}

/* The elements of vs2 from @at on whose bits in @bits are set, side by side, and zeros. */
static IrRef chosen_elements(RiscvDis *ctx, unsigned at, IrRef bits)
{
    static GOnce once = G_ONCE_INIT;
    int log2 = vec_sew(ctx);
    Choice *table = (Choice *)g_once(&once, make_choices, NULL) + (log2 << CHUNK);
    IrRef entry =
        op2(ctx, IR_add, op2(ctx, IR_shl, bits, c64(ctx, 4)), c64(ctx, (int64_t)(intptr_t)table));
    IrRef choice =
        ir_emit(ctx->ir, IR_ld_host, IR_V128, IR_128, entry, IR_NOREF, IR_NOREF, IR_NOREF, 0);
    IrRef v = get_16(ctx, insn_rs2(ctx), at << log2 >> 4);

    if ((at << log2) % 16) {
        v = vop2(ctx, IR_valign, (at << log2) % 16, v, v);
    }
    return vop2(ctx, IR_vshuffle, 0, v, choice);
}

/* Adds @v to the vectors of 16 bytes of @sum, of which the first @n may be concerned, from byte @at on. */
static void add_bytes(RiscvDis *ctx, IrRef *sum, unsigned n, IrRef v, IrRef at)
{
    static const uint8_t places[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    IrRef from = vop2(ctx, IR_vsub, 1, vec_const_16(ctx, places), vsplat_16(ctx, 0, at));

    for (unsigned i = 0; i < n; i++) {
        /* What is not 0 to 15, as a signed number, gets its top bit set. */
        IrRef control =
            vop2(ctx, IR_vint, IR_VEC_ADDU | 1, from, vsplat_16(ctx, 0, c64(ctx, 0x70)));
        IrRef part = vop2(ctx, IR_vshuffle, 0, v, control);

        sum[i] = sum[i] == IR_NOREF ? part : vop2(ctx, IR_vor, 0, sum[i], part);
        from = vop2(ctx, IR_vadd, 1, from, vsplat_16(ctx, 0, c64(ctx, 16)));
    }
}

/* The chosen elements are packed chunk by chunk, and each such row is put where the ones before end. */
static bool gen_compress(RiscvDis *ctx)
{
    enum { MAX_COMPRESSED = 4 };
    int log2 = vec_sew(ctx);
    unsigned n = source_pieces(ctx) * vec_piece_bytes(ctx) / 16, step = chunk_elements(log2);
    IrRef sum[MAX_COMPRESSED] = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}, count = c64(ctx, 0);
    VecActive active;

    if (!n || n > MAX_COMPRESSED || !vec_active_begin(ctx, &active, false)) {
        return false;
    }
    for (unsigned at = 0; at < active.n; at += step) {
        IrRef bits = vword(ctx, insn_rs1(ctx), at / 64);

        if (!active.all) {
            bits = op2(ctx, IR_and, bits, active.word[at / 64]);
        }
        bits = op2(ctx, IR_shr, bits, c64(ctx, at % 64));
        bits = op2(ctx, IR_and, bits, c64(ctx, (1 << step) - 1));
        add_bytes(ctx, sum, (at << log2) / 16 + 1, chosen_elements(ctx, at, bits),
                  op2(ctx, IR_shl, count, c64(ctx, log2)));
        count = op2(ctx, IR_add, count, ir_op1(ctx->ir, IR_popcnt, IR_I64, 0, bits));
    }
    active.all = false;
    for (unsigned k = 0; 64 * k < active.n; k++) {
        active.word[k] = vec_first_bits(ctx, count, k);
    }
    for (unsigned i = 0; ctx->wide && i < n / 2; i++) {
        sum[i] = vjoin(ctx, sum[2 * i], sum[2 * i + 1]);
    }
    set_group(ctx, &active, source_pieces(ctx), 0, sum);
    return true;
}

bool gen_vec_moves(RiscvDis *ctx, const VecRow *row)
{
    if (row->cls != VEC_SPECIAL) {
        return false;
    }
    if (row->run == riscv_vec_run_slide1up || row->run == riscv_vec_run_slide1down) {
        return gen_slide1(ctx, row, row->run == riscv_vec_run_slide1up ? 1 : -1);
    }
    if (row->run == riscv_vec_run_gather) {
        return gen_gather(ctx, row);
    }
    if (row->run == riscv_vec_run_compress) {
        return gen_compress(ctx);
    }
    if (row->run == riscv_vec_run_iota) {
        return gen_iota(ctx);
    }
    if (row->run == riscv_vec_run_id) {
        return gen_index(ctx);
    }
    if (row->form != VEC_U) {
        return false;
    }
    if (row->run == riscv_vec_run_slideup || row->run == riscv_vec_run_slidedown) {
        int by = insn_rs1(ctx);

        return gen_slide(ctx, row->run == riscv_vec_run_slideup ? by : -by, IR_NOREF);
    }
    return row->run == riscv_vec_run_gather_x && gen_gather_one(ctx);
}
