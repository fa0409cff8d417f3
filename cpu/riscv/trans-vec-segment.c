/*
 * Unit-stride loads and stores of segments (V 1.0, 7.8.1) as host vectors. Memory is accessed in
 * pieces of 16 bytes. As many of them as a segment has fields hold one piece of each field: elements
 * are dealt out, or brought together, by twos while the number of fields is even, else by shuffles.
 */
#include "cpu/riscv/trans-vec.h"

enum { MAX_FIELDS = 8 };

/* ---- Two by two ---- */

static IrRef align_bytes(RiscvDis *ctx, IrRef a, IrRef b, unsigned from)
{
    return vop2(ctx, IR_valign, from, a, b);
}

/* Elements of the lower halves of @a and @b in turn, or of the @upper ones. */
static IrRef zip(RiscvDis *ctx, int log2, bool upper, IrRef a, IrRef b)
{
    unsigned size = 1u << log2, aux = size | (upper ? IR_VEC_UPPER : 0);

    if (log2 == 3) {
        return upper ? align_bytes(ctx, a, align_bytes(ctx, b, b, 8), 8)
                     : align_bytes(ctx, align_bytes(ctx, a, a, 8), b, 8);
    }
    IrRef odd = align_bytes(ctx, vzero_16(ctx), vop1(ctx, IR_vext, aux, b), 16 - size);
    return vop2(ctx, IR_vor, 0, vop1(ctx, IR_vext, aux, a), odd);
}

/* Every second element of @a, then of @b, from the first or (@odd) the second on. */
static IrRef unzip(RiscvDis *ctx, int log2, bool odd, IrRef a, IrRef b)
{
    unsigned size = 1u << log2;

    if (log2 == 3) {
        return zip(ctx, log2, odd, a, b);
    }
    if (odd) {
        a = align_bytes(ctx, a, vzero_16(ctx), size);
        b = align_bytes(ctx, b, vzero_16(ctx), size);
    }
    return vop2(ctx, IR_vnarrow, size, a, b);
}

/* ---- By shuffles ---- */

/* For vshuffle: bytes of piece @k of @n that go to field @field if @deal, else the other way round.
 * False if there are none. */
static bool make_control(uint8_t *control, int log2, unsigned n, unsigned field, unsigned k,
                         bool deal)
{
    bool any = false;

    memset(control, 0x80, 16);
    for (unsigned byte = 0; byte < 16; byte++) {
        unsigned at = ((byte >> log2) * n + field) << log2 | (byte & ((1u << log2) - 1));

        if (at / 16 == k) {
            control[deal ? byte : at % 16] = (uint8_t)(deal ? at % 16 : byte);
            any = true;
        }
    }
    return any;
}

/* Piece @to of the result from all of @from. */
static IrRef shuffle_together(RiscvDis *ctx, int log2, unsigned n, const IrRef *from, unsigned to,
                              bool deal)
{
    IrRef sum = IR_NOREF;
    uint8_t control[16];

    for (unsigned i = 0; i < n; i++) {
        if (make_control(control, log2, n, deal ? to : i, deal ? i : to, deal)) {
            IrRef v = vop2(ctx, IR_vshuffle, 0, from[i], vec_const_16(ctx, control));

            sum = sum == IR_NOREF ? v : vop2(ctx, IR_vor, 0, sum, v);
        }
    }
    return sum;
}

/* ---- Segments ---- */

/* Deals the elements of @v, @n pieces, out to fields @first, @first + @step and so on: a piece each. */
static void deal(RiscvDis *ctx, int log2, unsigned n, const IrRef *v, IrRef *fields, unsigned first,
                 unsigned step)
{
    IrRef part[MAX_FIELDS / 2];

    if (n % 2) {
        for (unsigned i = 0; i < n; i++) {
            fields[first + i * step] = n == 1 ? v[0] : shuffle_together(ctx, log2, n, v, i, true);
        }
        return;
    }
    for (unsigned odd = 0; odd < 2; odd++) {
        for (unsigned i = 0; i < n / 2; i++) {
            part[i] = unzip(ctx, log2, odd, v[2 * i], v[2 * i + 1]);
        }
        deal(ctx, log2, n / 2, part, fields, first + odd * step, 2 * step);
    }
}

/* The other way round: @v from fields. */
static void collect(RiscvDis *ctx, int log2, unsigned n, IrRef *v, const IrRef *fields,
                    unsigned first, unsigned step)
{
    IrRef part[2][MAX_FIELDS];

    if (n % 2) {
        for (unsigned i = 0; i < n; i++) {
            part[0][i] = fields[first + i * step];
        }
        for (unsigned i = 0; i < n; i++) {
            v[i] = n == 1 ? part[0][0] : shuffle_together(ctx, log2, n, part[0], i, false);
        }
        return;
    }
    collect(ctx, log2, n / 2, part[0], fields, first, 2 * step);
    collect(ctx, log2, n / 2, part[1], fields, first + step, 2 * step);
    for (unsigned i = 0; i < n; i++) {
        v[i] = zip(ctx, log2, i % 2, part[0][i / 2], part[1][i / 2]);
    }
}

/* Bytes 16 * @i and on of each field. */
static void load_segments(RiscvDis *ctx, int log2, unsigned nfields, unsigned i, IrRef *fields)
{
    IrRef v[MAX_FIELDS], base = get_x(ctx, insn_rs1(ctx));

    for (unsigned k = 0; k < nfields; k++) {
        v[k] = ir_ld(ctx->ir, IR_V128, IR_128, base, (int32_t)(16 * (nfields * i + k)));
    }
    deal(ctx, log2, nfields, v, fields, 0, 1);
}

static void store_segments(RiscvDis *ctx, int log2, unsigned nfields, int group, unsigned i)
{
    IrRef v[MAX_FIELDS], fields[MAX_FIELDS], base = get_x(ctx, insn_rs1(ctx));

    for (unsigned k = 0; k < nfields; k++) {
        fields[k] = get_16(ctx, insn_rd(ctx) + (int)k * group, i);
    }
    collect(ctx, log2, nfields, v, fields, 0, 1);
    for (unsigned k = 0; k < nfields; k++) {
        ir_st(ctx->ir, IR_V128, IR_128, base, (int32_t)(16 * (nfields * i + k)), v[k]);
    }
}

void gen_vec_segments(RiscvDis *ctx, bool store, int log2, unsigned nfields, int group, unsigned n)
{
    IrRef fields[VEC_MAX_SEGMENT_16S][MAX_FIELDS], of_one[VEC_MAX_SEGMENT_16S];

    for (unsigned i = 0; i < n; i++) {
        if (store) {
            store_segments(ctx, log2, nfields, group, i);
        } else {
            load_segments(ctx, log2, nfields, i, fields[i]);
        }
    }
    for (unsigned k = 0; !store && k < nfields; k++) {
        for (unsigned i = 0; i < n; i++) {
            of_one[i] = fields[i][k];
        }
        set_16s(ctx, insn_rd(ctx) + (int)k * group, n, of_one);
    }
}
