/*
 * Loops that walk through memory: most inner loops read or write at addresses that a variable plus a constant
 * gives, where the variable only ever grows in the loop (or stays). Such a stream of accesses needs a TLB probe once
 * a page and not once an access.
 *
 * The loop gets a fast copy in which the accesses of streams go straight to host memory. It is entered from a
 * new block, the preparation: for each stream this probes the TLB for the page that the variable points to (an op
 * without side effects, so that no fault, no walk, no A or D bit comes too early), keeps the distance of host from
 * guest addresses in a scratch variable, and the last value of the variable for which all accesses of one
 * iteration are in that page in another. Each iteration of the fast copy begins with one comparison with that
 * limit. If it fails, preparation is tried again; if that fails, too, an iteration of the original is executed,
 * which does all that has to be done (fills the TLB, faults, reaches devices).
 *
 *     entry ---> original header ... back edges ---> preparation ---> fast header ... back edges
 *                      ^                              |   ^                ^              |
 *                      +------------ not now ---------+   +-- beyond ---- check <---------+
 *
 * The first iteration is always the original's, so that a loop which hardly ever repeats costs nothing more.
 *
 * What makes it exact: TLB entries only become invalid when this vCPU executes a helper that says so (loops that
 * call any that is not pure are left alone), or leaves translated code at a poll: another vCPU that changes the
 * memory map or translates code from a page that is written to here kicks (softmmu/tlb-code.c). So loops that
 * write, or of which no stream advances, keep their polls. Others end after at most a page: their
 * polls are in the preparation, and limits are such that it is reached soon.
 */
#include "tcg/optimize.h"
#include <string.h>

#define MAX_STREAMS 6
#define MAX_RANGE 2048     /* bytes from the variable that one iteration's accesses of a stream reach */
#define MAX_STRIDE 2048    /* by which a stream advances in an iteration */
#define MAX_LOOP_INSNS 500 /* of IR */
#define POLL_INSNS 8192    /* about so many are executed at most without a poll */

/* A value as a variable's at the header + off + grow's, var < 0: something else. */
typedef struct Sym {
    int16_t var, grow; /* grow < 0: none */
    int32_t off;
} Sym;

static const Sym unknown = {-1, -1, 0};

typedef struct Stream {
    unsigned var;
    bool read, write;
    int32_t low, high;         /* of accesses, relative to the variable at the header */
    bool latched;              /* the following are known */
    int32_t min_step, max_step; /* constant part of the advance */
    int16_t grow;              /* and a variable that the loop leaves alone, < 0: none */
    unsigned addend;           /* scratch variable: host - guest */
    int limit;                 /* scratch variable; < 0: goes with an earlier stream or stands still */
} Stream;

typedef struct Streamer {
    IrOptScratch *o;
    IrRegion *ir;
    const OptLoop *loop;
    Sym *vals;       /* of all values of the region */
    uint8_t *access; /* of instructions: 1 + stream that it belongs to */
    Sym *states;     /* of variables, at the loop's blocks' entries */
    uint8_t *in;     /* of blocks: 1 + position in the loop */
    uint8_t *set;    /* of variables: the loop sets them */
    uint16_t *depth; /* of the original's blocks, before it was changed */
    Stream streams[MAX_STREAMS];
    unsigned nstreams;
    unsigned ninsns; /* of the loop */
    uint64_t pc;     /* of the header */
    bool writes, bounded, any_poll;
} Streamer;

/* ---- What the loop does with its variables. ---- */

static bool sym_equal(const Sym *a, const Sym *b)
{
    return a->var == b->var && a->grow == b->grow && a->off == b->off;
}

static bool const_of(const IrRegion *ir, IrRef ref, int64_t *v)
{
    *v = ir->insns[ref].imm;
    return ir->insns[ref].op == IR_const;
}

static Sym sym_plus(Sym s, int64_t v)
{
    int64_t off = s.off + v;

    if (s.var < 0 || off < -MAX_RANGE || off > MAX_RANGE) {
        return unknown;
    }
    s.off = (int32_t)off;
    return s;
}

static Sym sym_add(const Streamer *s, const IrInsn *insn)
{
    Sym a = s->vals[insn->arg[0]], b = s->vals[insn->arg[1]];
    int64_t v;

    if (const_of(s->ir, insn->arg[1], &v)) {
        return sym_plus(a, v);
    }
    if (const_of(s->ir, insn->arg[0], &v)) {
        return sym_plus(b, v);
    }
    /* Of two variables, one that the loop leaves alone may be what the other grows by. */
    if (a.var >= 0 && b.var >= 0 && a.grow < 0 && b.grow < 0) {
        if (!s->set[b.var] && b.off == 0 && s->set[a.var]) {
            a.grow = b.var;
            return a;
        }
        if (!s->set[a.var] && a.off == 0 && s->set[b.var]) {
            b.grow = a.var;
            return b;
        }
    }
    return unknown;
}

static Stream *stream_of(Streamer *s, unsigned var)
{
    for (unsigned i = 0; i < s->nstreams; i++) {
        if (s->streams[i].var == var) {
            return &s->streams[i];
        }
    }
    if (s->nstreams == MAX_STREAMS) {
        return NULL;
    }
    s->streams[s->nstreams] = (Stream){.var = var, .low = INT32_MAX, .high = INT32_MIN};
    return &s->streams[s->nstreams++];
}

static void note_access(Streamer *s, uint32_t index, const IrInsn *insn)
{
    Sym at = sym_plus(s->vals[insn->arg[0]], insn->imm);
    int32_t high = at.off + (int32_t)ir_memop_bytes(insn->aux);
    Stream *stream;

    s->writes |= insn->op == IR_st;
    if (at.var < 0 || at.grow >= 0 || (insn->aux & IR_ALIGNED)) {
        return;
    }
    stream = stream_of(s, (unsigned)at.var);
    if (!stream || MAX(stream->high, high) - MIN(stream->low, at.off) > MAX_RANGE) {
        return;
    }
    stream->low = MIN(stream->low, at.off);
    stream->high = MAX(stream->high, high);
    stream->read |= insn->op == IR_ld;
    stream->write |= insn->op == IR_st;
    s->access[index] = (uint8_t)(stream - s->streams + 1);
}

static void note_insn(Streamer *s, uint32_t index, Sym *state)
{
    const IrInsn *insn = &s->ir->insns[index];

    s->vals[index] = unknown;
    switch (insn->op) {
    case IR_get_var:
        if (insn->type == IR_I64) {
            s->vals[index] = state[insn->imm];
        }
        break;
    case IR_set_var:
        if (insn->type == IR_I64) {
            state[insn->imm] = s->vals[insn->arg[0]];
        }
        break;
    case IR_add:
        if (insn->type == IR_I64) {
            s->vals[index] = sym_add(s, insn);
        }
        break;
    case IR_ld:
    case IR_st: note_access(s, index, insn); break;
    case IR_poll: s->any_poll = true; break;
    default: break;
    }
}

/* A back edge with the variables as in @state. */
static void note_latch(Streamer *s, const Sym *state)
{
    for (unsigned i = 0; i < s->nstreams; i++) {
        Stream *stream = &s->streams[i];
        const Sym *sym = &state[stream->var];

        if (sym->var != (int)stream->var || (stream->latched && stream->grow != sym->grow)) {
            stream->min_step = -1; /* not a stream */
            stream->latched = true;
            continue;
        }
        stream->min_step = stream->latched ? MIN(stream->min_step, sym->off) : sym->off;
        stream->max_step = stream->latched ? MAX(stream->max_step, sym->off) : sym->off;
        stream->grow = sym->grow;
        stream->latched = true;
    }
}

static void enter(Streamer *s, unsigned block, const Sym *state, bool *entered)
{
    unsigned nvars = s->ir->nvars, at = s->in[block] - 1u;
    Sym *to = s->states + (size_t)at * nvars;

    if (!entered[at]) {
        entered[at] = true;
        memcpy(to, state, nvars * sizeof(Sym));
        return;
    }
    for (unsigned v = 0; v < nvars; v++) {
        if (!sym_equal(&to[v], &state[v])) {
            to[v] = unknown;
        }
    }
}

/* What may not be in such a loop, beside calls of helpers that are not pure: counts have to be exact, and
 * translate leaves for code that knows nothing of us. */
static bool is_obstacle(const Streamer *s, const IrInsn *insn)
{
    return insn->op == IR_count || insn->op == IR_translate || insn->op == IR_call_mark ||
           (insn->op == IR_call && !(s->ir->helpers[insn->imm].flags & IR_HELPER_PURE));
}

/* Looks at the loop for the first time. */
static bool survey(Streamer *s)
{
    const IrRegion *ir = s->ir;

    memset(s->in, 0, ir->nblocks);
    memset(s->set, 0, ir->nvars);
    s->nstreams = s->ninsns = 0;
    s->writes = s->any_poll = false;
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &ir->blocks[s->loop->blocks[k]];

        s->in[s->loop->blocks[k]] = (uint8_t)(k + 1);
        s->ninsns += block->count;
        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            if (is_obstacle(s, &ir->insns[i])) {
                return false;
            }
            if (ir->insns[i].op == IR_set_var) {
                s->set[ir->insns[i].imm] = 1;
            }
        }
    }
    for (uint32_t i = ir->blocks[s->loop->blocks[0]].first, n = 0; n < 2; i++, n++) {
        if (ir->insns[i].op == IR_insn_start) {
            s->pc = (uint64_t)ir->insns[i].imm;
            return s->ninsns <= MAX_LOOP_INSNS;
        }
        if (ir->insns[i].op != IR_check_page) {
            break;
        }
    }
    return false;
}

static void analyse(Streamer *s)
{
    const IrRegion *ir = s->ir;
    unsigned nvars = ir->nvars;
    bool entered[OPT_LOOP_BLOCKS] = {true};
    Sym *state = g_new(Sym, nvars);
    uint16_t out[2];

    for (unsigned v = 0; v < nvars; v++) {
        s->states[v] = (Sym){(int16_t)v, -1, 0};
    }
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        unsigned b = s->loop->blocks[k], n = opt_successors(ir, b, out);

        memcpy(state, s->states + (size_t)k * nvars, nvars * sizeof(Sym));
        for (uint32_t i = ir->blocks[b].first; i < ir->blocks[b].first + ir->blocks[b].count; i++) {
            note_insn(s, i, state);
        }
        for (unsigned t = 0; t < n; t++) {
            if (s->in[out[t]] > 1) {
                enter(s, out[t], state, entered);
            }
        }
    }
    /* Once all streams are known. */
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        unsigned b = s->loop->blocks[k], n = opt_successors(ir, b, out);

        if ((n > 0 && s->in[out[0]] == 1) || (n > 1 && s->in[out[1]] == 1)) {
            memcpy(state, s->states + (size_t)k * nvars, nvars * sizeof(Sym));
            for (uint32_t i = ir->blocks[b].first; i < ir->blocks[b].first + ir->blocks[b].count;
                 i++) {
                if (ir->insns[i].op == IR_set_var && ir->insns[i].type == IR_I64) {
                    state[ir->insns[i].imm] = s->vals[ir->insns[i].arg[0]];
                }
            }
            note_latch(s, state);
        }
    }
    g_free(state);
}

static bool stands(const Stream *stream)
{
    return stream->max_step == 0 && stream->grow < 0;
}

static bool is_stream(const Streamer *s, const Stream *stream)
{
    return stream->low <= stream->high && stream->min_step >= 0 &&
           stream->max_step <= MAX_STRIDE &&
           (stream->grow < 0 || !s->set[stream->grow]);
}

static unsigned scratch_left(const IrRegion *ir)
{
    return ir->first_scratch + IR_SCRATCH_VARS - ir->nvars;
}

/* Drops what is no stream; gives the others their scratch variables. False: there is none. */
static bool choose(Streamer *s)
{
    IrRegion *ir = s->ir;
    uint8_t number[MAX_STREAMS + 1] = {0};
    unsigned n = 0;

    s->bounded = false;
    for (unsigned i = 0; i < s->nstreams; i++) {
        Stream *stream = &s->streams[i];

        if (!is_stream(s, stream) || scratch_left(ir) < 2) {
            continue;
        }
        stream->addend = ir->nvars++;
        stream->limit = -1;
        if (!stands(stream)) {
            /* Those that advance alike need one limit. */
            bool same = n > 0 && stream->grow < 0 && stream->min_step == stream->max_step &&
                        s->streams[0].grow < 0 && s->streams[0].limit >= 0 &&
                        s->streams[0].min_step == stream->min_step &&
                        s->streams[0].max_step == stream->min_step;

            if (!same) {
                stream->limit = (int)ir->nvars++;
            }
            s->bounded |= stream->min_step > 0 || (stream->grow >= 0 && s->ninsns <= 24);
        }
        s->streams[n] = *stream;
        number[i + 1] = (uint8_t)++n;
    }
    s->nstreams = n;
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &ir->blocks[s->loop->blocks[k]];

        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            s->access[i] = number[s->access[i]];
        }
    }
    return n > 0;
}

/* ---- New code. ---- */

static IrRef put_op(Streamer *s, IrOp op, unsigned aux, IrRef a, IrRef b, int64_t imm)
{
    IrInsn insn = {.op = (uint8_t)op,
                   .type = IR_I64,
                   .aux = (uint8_t)aux,
                   .arg = {a, b, IR_NOREF, IR_NOREF},
                   .imm = imm};

    return opt_put(s->o, &insn);
}

static IrRef put_const(Streamer *s, int64_t v)
{
    return put_op(s, IR_const, 0, IR_NOREF, IR_NOREF, v);
}

static IrRef put_get(Streamer *s, unsigned var)
{
    return put_op(s, IR_get_var, 0, IR_NOREF, IR_NOREF, var);
}

static void put_br(Streamer *s, unsigned target)
{
    IrInsn insn = {.op = IR_br, .arg = {IR_NOREF, IR_NOREF, IR_NOREF, IR_NOREF}};

    insn.target[0] = (uint16_t)target;
    opt_put(s->o, &insn);
}

static void put_brcond(Streamer *s, IrCond cond, IrRef a, IrRef b, unsigned yes, unsigned no)
{
    IrInsn insn = {.op = IR_brcond,
                   .type = IR_I64,
                   .aux = (uint8_t)cond,
                   .arg = {a, b, IR_NOREF, IR_NOREF}};

    insn.target[0] = (uint16_t)yes;
    insn.target[1] = (uint16_t)no;
    opt_put(s->o, &insn);
}

/* a cond b ? c : d */
static IrRef put_select(Streamer *s, IrCond cond, IrRef a, IrRef b, IrRef c, IrRef d)
{
    IrInsn insn = {.op = IR_select, .type = IR_I64, .aux = (uint8_t)cond, .arg = {a, b, c, d}};

    return opt_put(s->o, &insn);
}

/* Begins a block that runs as often as block @like of the original, or, if that is NULL, seldom. */
static void begin(Streamer *s, unsigned block, uint64_t pc, const IrBlock *like)
{
    s->ir->blocks[block] = (IrBlock){.first = s->o->n,
                                     .pc = pc,
                                     .weight = like ? like->weight : 1,
                                     .loop_depth = like ? s->depth[like - s->ir->blocks] : 0,
                                     .cold = !like};
}

static void end(Streamer *s, unsigned block)
{
    s->ir->blocks[block].count = s->o->n - s->ir->blocks[block].first;
}

/* By how much the variable of @stream may advance before an access leaves the page: negative if it is not
 * to be used now. */
static IrRef put_room(Streamer *s, const Stream *stream)
{
    IrRef var = put_get(s, stream->var), low = put_const(s, stream->low), none = put_const(s, -1);
    IrRef at = put_op(s, IR_add, 0, var, low, 0);
    IrRef addend =
        put_op(s, IR_probe, stream->write ? IR_XLATE_WRITE : 0, at, IR_NOREF, 0);
    IrRef in_page, room, grow;

    put_op(s, IR_set_var, 0, addend, IR_NOREF, stream->addend);
    in_page = put_op(s, IR_and, 0, at, put_const(s, 4095), 0);
    room = put_op(s, IR_sub, 0, put_const(s, 4096 - (stream->high - stream->low)), in_page, 0);
    room = put_select(s, IR_EQ, addend, put_const(s, 0), none, room);
    if (!stands(stream)) {
        /* At the top of the address space it would wrap past the limit. */
        IrRef far = put_op(s, IR_add, 0, var, put_const(s, 4096 + 2 * MAX_STRIDE), 0);

        room = put_select(s, IR_LTU, far, var, none, room);
    }
    if (stream->grow >= 0) {
        grow = put_op(s, IR_sub, 0, put_get(s, (unsigned)stream->grow), put_const(s, 1), 0);
        room = put_select(s, IR_GTU, grow, put_const(s, MAX_STRIDE - 1), none, room);
    }
    return room;
}

/* How far the limit may be if the loop has no poll of its own. */
static int64_t furthest(const Streamer *s, const Stream *stream)
{
    return MAX(POLL_INSNS / s->ninsns, 16u) * (unsigned)stream->min_step;
}

static void put_preparation(Streamer *s, unsigned block, unsigned original, unsigned fast)
{
    IrRef room[MAX_STREAMS], all = IR_NOREF;

    begin(s, block, s->pc, NULL);
    put_op(s, IR_poll, 0, IR_NOREF, IR_NOREF, (int64_t)s->pc);
    s->o->out[s->o->n - 1].type = IR_NONE;
    for (unsigned i = 0; i < s->nstreams; i++) {
        room[i] = put_room(s, &s->streams[i]);
        all = i ? put_select(s, IR_LT, room[i], all, room[i], all) : room[0];
    }
    for (unsigned i = 0; i < s->nstreams; i++) {
        const Stream *stream = &s->streams[i];

        if (stream->limit >= 0) {
            /* The first one's limit has to do for those that go with it. */
            IrRef far = i == 0 ? all : room[i];

            if (stream->min_step > 0) {
                IrRef max = put_const(s, furthest(s, stream));

                far = put_select(s, IR_LT, far, max, far, max);
            }
            put_op(s, IR_set_var, 0, put_op(s, IR_add, 0, put_get(s, stream->var), far, 0),
                   IR_NOREF, stream->limit);
        }
    }
    put_brcond(s, IR_LT, all, put_const(s, 0), original, fast);
    end(s, block);
}

/* The checks before a further iteration of the fast copy. */
static void put_checks(Streamer *s, unsigned block, unsigned again, unsigned preparation)
{
    bool any = false;

    begin(s, block, s->pc, &s->ir->blocks[s->loop->blocks[0]]);
    for (unsigned i = 0; i < s->nstreams; i++) {
        const Stream *stream = &s->streams[i];

        if (stream->limit >= 0) {
            if (any) {
                unsigned next = ir_block_new(s->ir);
                IrInsn *last = &s->o->out[s->o->n - 1];

                last->target[0] = (uint16_t)next;
                end(s, block);
                block = next;
                begin(s, block, s->pc, &s->ir->blocks[s->loop->blocks[0]]);
            }
            put_brcond(s, IR_LEU, put_get(s, stream->var), put_get(s, (unsigned)stream->limit),
                       again, preparation);
            any = true;
        }
    }
    if (!any) {
        put_br(s, again);
    }
    end(s, block);
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
            addend[i] = put_get(s, s->streams[i].addend);
        }
        insn.arg[0] = put_op(s, IR_add, 0, insn.arg[0], addend[i], 0);
        insn.op = insn.op == IR_ld ? IR_ld_host : IR_st_host;
    }
    ref = opt_put(o, &insn); /* may move the map */
    o->map[index] = ref;
}

/* A block through which the fast copy leaves to @target, so that what the edge needs is not done in the loop. The
 * constant keeps the block from being passed by. */
static unsigned put_way_out(Streamer *s, unsigned target)
{
    unsigned block = ir_block_new(s->ir);

    begin(s, block, s->ir->blocks[target].pc, NULL);
    put_const(s, 0);
    put_br(s, target);
    end(s, block);
    return block;
}

static void put_fast(Streamer *s, unsigned first, unsigned checks)
{
    IrRegion *ir = s->ir;
    unsigned n = s->loop->nblocks;

    for (unsigned k = 0; k < n; k++) {
        const IrBlock *from = &ir->blocks[s->loop->blocks[k]];
        uint32_t start = from->first, stop = start + from->count;
        IrRef addend[MAX_STREAMS];

        begin(s, first + k, from->pc, from);
        memset(addend, 0xff, sizeof(addend));
        for (uint32_t i = start; i < stop; i++) {
            copy_fast(s, i, addend);
        }
        end(s, first + k);
    }
    for (unsigned k = 0; k < n; k++) {
        uint32_t at = ir->blocks[first + k].first + ir->blocks[first + k].count - 1;
        unsigned ntargets = s->o->out[at].op == IR_brcond ? 2 : 1;

        for (unsigned t = 0; t < ntargets; t++) {
            unsigned target = s->o->out[at].target[t], in = s->in[target];
            unsigned to = in == 1 ? checks : in ? first + in - 1 : put_way_out(s, target);

            s->o->out[at].target[t] = (uint16_t)to;
        }
    }
}

/* The original's back edges lead to the preparation, and it is not where time is spent. */
static void divert_original(Streamer *s, unsigned preparation)
{
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];
        IrInsn *last = &s->o->out[block->first + block->count - 1];
        unsigned ntargets = last->op == IR_brcond ? 2 : 1;

        for (unsigned t = 0; t < ntargets; t++) {
            if (s->in[last->target[t]] == 1) {
                last->target[t] = (uint16_t)preparation;
            }
        }
        block->cold = s->loop->blocks[k] != 0;
        block->loop_depth = 0;
    }
}

/* The original's instructions, as they are. */
static void copy_all(IrOptScratch *o)
{
    o->n = 0;
    for (uint32_t i = 0; i < o->ir->ninsns; i++) {
        opt_put(o, &o->ir->insns[i]);
        o->map[i] = (IrRef)i;
    }
}

static void transform(Streamer *s)
{
    IrRegion *ir = s->ir;
    unsigned header = s->loop->blocks[0], n = s->loop->nblocks, first = ir->nblocks;
    unsigned checks, preparation;

    for (unsigned k = 0; k < n; k++) {
        ir_block_new(ir);
    }
    checks = ir_block_new(ir);
    preparation = ir_block_new(ir);
    put_fast(s, first, checks);
    put_checks(s, checks, first, preparation);
    put_preparation(s, preparation, header, first);
    divert_original(s, preparation);
}

bool opt_stream_loops(IrOptScratch *o)
{
    IrRegion *ir = o->ir;
    GArray *loops = opt_find_loops(ir);
    Streamer s = {.o = o, .ir = ir};
    unsigned nblocks = ir->nblocks;
    bool any = false;

    if (loops->len) {
        ir->nvars = MAX(ir->nvars, ir->first_scratch);
        s.vals = g_new(Sym, ir->ninsns);
        s.access = g_new0(uint8_t, ir->ninsns);
        s.states = g_new(Sym, (ir->nvars + IR_SCRATCH_VARS) * OPT_LOOP_BLOCKS);
        s.set = g_new(uint8_t, ir->nvars + IR_SCRATCH_VARS);
        s.in = g_new0(uint8_t, nblocks + loops->len * 4 * OPT_LOOP_BLOCKS);
        s.depth = g_new(uint16_t, nblocks);
        for (unsigned b = 0; b < nblocks; b++) {
            s.depth[b] = ir->blocks[b].loop_depth;
        }
    }
    for (unsigned i = 0; i < loops->len; i++) {
        s.loop = &g_array_index(loops, OptLoop, i);
        if (survey(&s)) {
            analyse(&s);
            if (choose(&s)) {
                if (!any) {
                    copy_all(o);
                }
                any = true;
                transform(&s);
            }
        }
    }
    g_array_free(loops, TRUE);
    g_free(s.vals);
    g_free(s.access);
    g_free(s.states);
    g_free(s.set);
    g_free(s.in);
    g_free(s.depth);
    return any;
}
