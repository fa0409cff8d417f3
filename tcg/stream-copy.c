/*
 * Streams: the new code for a loop; see stream.c for what it is.
 */
#include "tcg/stream.h"
#include <string.h>

#define POLL_INSNS 8192 /* of IR: about so many are executed at most without a poll */

IrRef stream_put(Streamer *s, IrOp op, unsigned aux, IrRef a, IrRef b, int64_t imm)
{
    IrInsn insn = {.op = (uint8_t)op,
                   .type = IR_I64,
                   .aux = (uint8_t)aux,
                   .arg = {a, b, IR_NOREF, IR_NOREF},
                   .imm = imm};

    return opt_put(s->o, &insn);
}

static IrRef put_typed(Streamer *s, IrOp op, IrType type, IrRef a, int64_t imm)
{
    IrRef ref = stream_put(s, op, 0, a, IR_NOREF, imm);

    s->o->out[ref].type = (uint8_t)type;
    return ref;
}

IrRef stream_put_const(Streamer *s, int64_t v)
{
    return stream_put(s, IR_const, 0, IR_NOREF, IR_NOREF, v);
}

IrRef stream_put_get(Streamer *s, unsigned var)
{
    return stream_put(s, IR_get_var, 0, IR_NOREF, IR_NOREF, var);
}

static IrRef put_get_f(Streamer *s, unsigned var)
{
    return put_typed(s, IR_get_var, IR_F64, IR_NOREF, var);
}

static void put_br(Streamer *s, unsigned target)
{
    IrInsn insn = {.op = IR_br, .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};

    insn.target[0] = (uint16_t)target;
    opt_put(s->o, &insn);
}

void stream_put_brcond(Streamer *s, IrCond cond, IrRef a, IrRef b, unsigned yes, unsigned no)
{
    IrInsn insn = {
        .op = IR_brcond, .type = IR_I64, .aux = (uint8_t)cond, .arg = {a, b, IR_NOREF, IR_NOREF}};

    insn.target[0] = (uint16_t)yes;
    insn.target[1] = (uint16_t)no;
    opt_put(s->o, &insn);
}

IrRef stream_put_select(Streamer *s, IrCond cond, IrRef a, IrRef b, IrRef c, IrRef d)
{
    IrInsn insn = {.op = IR_select, .type = IR_I64, .aux = (uint8_t)cond, .arg = {a, b, c, d}};

    return opt_put(s->o, &insn);
}

void stream_begin(Streamer *s, unsigned block, uint64_t pc, const IrBlock *like)
{
    s->ir->blocks[block] = (IrBlock){.first = s->o->n,
                                     .pc = pc,
                                     .weight = like ? like->weight : 1,
                                     .loop_depth = like ? s->depth[like - s->ir->blocks] : 0,
                                     .cold = !like};
}

void stream_end(Streamer *s, unsigned block)
{
    s->ir->blocks[block].count = s->o->n - s->ir->blocks[block].first;
}

/* By how much the variable of @stream may advance before an access leaves the page: negative if it is not
 * to be used now. */
static IrRef put_room(Streamer *s, const Stream *stream)
{
    IrRef var = stream_put_get(s, stream->var), low = stream_put_const(s, stream->low),
          none = stream_put_const(s, -1);
    IrRef at = stream_put(s, IR_add, 0, var, low, 0);
    IrRef addend = stream_put(s, IR_probe, stream->write ? IR_XLATE_WRITE : 0, at, IR_NOREF, 0);
    IrRef in_page, room, grow;

    stream_put(s, IR_set_var, 0, addend, IR_NOREF, stream->addend);
    in_page = stream_put(s, IR_and, 0, at, stream_put_const(s, 4095), 0);
    room = stream_put(s, IR_sub, 0, stream_put_const(s, 4096 - (stream->high - stream->low)),
                      in_page, 0);
    room = stream_put_select(s, IR_EQ, addend, stream_put_const(s, 0), none, room);
    if (!stream_stands(stream)) {
        /* At the top of the address space it would wrap past the limit. */
        IrRef far = stream_put(s, IR_add, 0, var, stream_put_const(s, 4096 + 2 * MAX_STRIDE), 0);

        room = stream_put_select(s, IR_LTU, far, var, none, room);
    }
    if (stream->grow >= 0) {
        grow = stream_put(s, IR_sub, 0, stream_put_get(s, (unsigned)stream->grow),
                          stream_put_const(s, 1), 0);
        room = stream_put_select(s, IR_GTU, grow, stream_put_const(s, MAX_STRIDE - 1), none, room);
    }
    return room;
}

/* @room, or -1 if one of the variables that have to be boxed is not. */
static IrRef put_boxed_check(Streamer *s, IrRef room)
{
    IrRef all = IR_NOREF;

    for (unsigned v = 0; v < s->nvars; v++) {
        if (s->boxed[v]) {
            IrRef bits = stream_put(s, IR_bits_fi, 0, put_get_f(s, v), IR_NOREF, 0);

            all = all == IR_NOREF ? bits : stream_put(s, IR_and, 0, all, bits, 0);
        }
    }
    if (all == IR_NOREF) {
        return room;
    }
    return stream_put_select(s, IR_LTU, all, stream_put_const(s, -(INT64_C(1) << 32)),
                             stream_put_const(s, -1), room);
}

/* Where preparation goes on to the fast copy @fast: boxes what has been found boxed, so that facts tell. */
static unsigned put_entry(Streamer *s, uint64_t pc, unsigned fast)
{
    unsigned block = ir_block_new(s->ir);
    unsigned vectors = s->vectors ? stream_put_vectors(s->vectors, fast) : 0;

    stream_begin(s, block, pc, NULL);
    for (unsigned v = 0; v < s->nvars; v++) {
        if (s->boxed[v]) {
            IrRef low = put_typed(s, IR_flow, IR_F32, put_get_f(s, v), 0);

            put_typed(s, IR_set_var, IR_F64, put_typed(s, IR_fbox, IR_F64, low, 0), v);
        }
    }
    if (s->vectors) {
        stream_put_setup(s->vectors, vectors, fast);
    } else {
        put_br(s, fast);
    }
    stream_end(s, block);
    return block;
}

/* How far the limit may be if the loop has no poll of its own. */
static int64_t furthest(const Streamer *s, const Stream *stream)
{
    return MAX(POLL_INSNS / s->ninsns, 16u) * (unsigned)stream->min_step;
}

/* The preparation for the header at position @k, whose fast copy is @fast. */
static void put_preparation(Streamer *s, unsigned k, unsigned fast)
{
    unsigned block = s->preparation[k], original = s->loop->blocks[k];
    unsigned entry = put_entry(s, s->pc[k], fast);
    IrRef room[MAX_STREAMS], all = IR_NOREF;

    stream_begin(s, block, s->pc[k], NULL);
    stream_put(s, IR_poll, 0, IR_NOREF, IR_NOREF, (int64_t)s->pc[k]);
    s->o->out[s->o->n - 1].type = IR_NONE;
    for (unsigned i = 0; i < s->nstreams; i++) {
        room[i] = put_room(s, &s->streams[i]);
        all = i ? stream_put_select(s, IR_LT, room[i], all, room[i], all) : room[0];
    }
    for (unsigned i = 0; i < s->nstreams; i++) {
        const Stream *stream = &s->streams[i];

        if (stream->limit >= 0) {
            /* The first one's limit has to do for those that go with it. */
            IrRef far = i == 0 ? all : room[i];

            if (stream->min_step > 0) {
                IrRef max = stream_put_const(s, furthest(s, stream));

                far = stream_put_select(s, IR_LT, far, max, far, max);
            }
            stream_put(s, IR_set_var, 0,
                       stream_put(s, IR_add, 0, stream_put_get(s, stream->var), far, 0), IR_NOREF,
                       stream->limit);
        }
    }
    if (s->vectors) {
        stream_put_room(s->vectors, all);
    }
    stream_put_brcond(s, IR_LT, put_boxed_check(s, all), stream_put_const(s, 0), original, entry);
    stream_end(s, block);
}

/* The checks before the header at position @k, whose fast copy is @again. */
static void put_checks(Streamer *s, unsigned k, unsigned again)
{
    unsigned block = s->checks[k], preparation = s->preparation[k];
    bool any = false;

    stream_begin(s, block, s->pc[k], &s->ir->blocks[s->loop->blocks[k]]);
    for (unsigned i = 0; i < s->nstreams; i++) {
        const Stream *stream = &s->streams[i];

        if (stream->limit >= 0) {
            if (any) {
                unsigned next = ir_block_new(s->ir);
                IrInsn *last = &s->o->out[s->o->n - 1];

                last->target[0] = (uint16_t)next;
                stream_end(s, block);
                block = next;
                stream_begin(s, block, s->pc[k], &s->ir->blocks[s->loop->blocks[k]]);
            }
            stream_put_brcond(s, IR_LEU, stream_put_get(s, stream->var),
                              stream_put_get(s, (unsigned)stream->limit), again, preparation);
            any = true;
        }
    }
    if (!any) {
        put_br(s, again);
    }
    stream_end(s, block);
}

/* Copies an instruction of the fast copy. @addend: of streams, the value in this block. */
static void copy_fast(Streamer *s, uint32_t index, IrRef *addend)
{
    IrOptScratch *o = s->o;
    IrInsn insn = s->ir->insns[index];
    IrRef ref;

    if (insn.op == IR_poll && s->bounded && !s->writes) {
        return;
    }
    for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
        insn.arg[k] = o->map[insn.arg[k]];
    }
    if (s->access[index]) {
        unsigned i = s->access[index] - 1u;

        if (addend[i] == IR_NOREF) {
            addend[i] = stream_put_get(s, s->streams[i].addend);
        }
        insn.arg[0] = stream_put(s, IR_add, 0, insn.arg[0], addend[i], 0);
        insn.op = insn.op == IR_ld ? IR_ld_host : IR_st_host;
    }
    ref = opt_put(o, &insn); /* may move the map */
    o->map[index] = ref;
}

/* A block through which the fast copy leaves to @target, so that what the edge needs is not done in the loop: cold
 * blocks are not passed by. */
static unsigned put_way_out(Streamer *s, unsigned target)
{
    unsigned block = ir_block_new(s->ir);

    stream_begin(s, block, s->ir->blocks[target].pc, NULL);
    put_br(s, target);
    stream_end(s, block);
    return block;
}

static void put_fast(Streamer *s, unsigned first)
{
    IrRegion *ir = s->ir;
    unsigned n = s->loop->nblocks;

    for (unsigned k = 0; k < n; k++) {
        const IrBlock *from = &ir->blocks[s->loop->blocks[k]];
        uint32_t start = from->first, stop = start + from->count;
        IrRef addend[MAX_STREAMS];

        stream_begin(s, first + k, from->pc, from);
        memset(addend, 0xff, sizeof(addend));
        for (uint32_t i = start; i < stop; i++) {
            copy_fast(s, i, addend);
        }
        stream_end(s, first + k);
    }
    for (unsigned k = 0; k < n; k++) {
        uint32_t at = ir->blocks[first + k].first + ir->blocks[first + k].count - 1;
        unsigned ntargets = s->o->out[at].op == IR_brcond ? 2 : 1;

        for (unsigned t = 0; t < ntargets; t++) {
            unsigned target = s->o->out[at].target[t], in = s->in[target];
            unsigned to = !in                        ? put_way_out(s, target)
                          : stream_header(s, in - 1) ? s->checks[in - 1]
                                                     : first + in - 1;

            s->o->out[at].target[t] = (uint16_t)to;
        }
    }
}

/* The original's back edges, which have polled, lead to preparations, and it is not where time is spent. */
static void divert_original(Streamer *s)
{
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];
        IrInsn *last = &s->o->out[block->first + block->count - 1];
        unsigned ntargets = last->op == IR_brcond ? 2 : 1;

        for (unsigned t = 0; t < ntargets; t++) {
            unsigned in = last->target[t] < s->noriginal ? s->in[last->target[t]] : 0;

            if (in && in <= k + 1 && stream_header(s, in - 1)) {
                last->target[t] = (uint16_t)s->preparation[in - 1];
            }
        }
        block->cold = s->loop->blocks[k] != 0;
        block->loop_depth = 0;
    }
}

void stream_transform(Streamer *s)
{
    IrRegion *ir = s->ir;
    unsigned n = s->loop->nblocks, first = ir->nblocks;

    for (unsigned k = 0; k < n; k++) {
        ir_block_new(ir);
    }
    for (unsigned k = 0; k < n; k++) {
        if (stream_header(s, k)) {
            s->checks[k] = ir_block_new(ir);
            s->preparation[k] = ir_block_new(ir);
        }
    }
    put_fast(s, first);
    for (unsigned k = 0; k < n; k++) {
        if (stream_header(s, k)) {
            put_checks(s, k, first + k);
            put_preparation(s, k, first + k);
        }
    }
    divert_original(s);
}
