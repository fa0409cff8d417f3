/*
 * Loops that walk through memory: most loops read or write at addresses that a variable plus a constant gives,
 * where the variable only ever grows in the loop (or stays). Such a stream of accesses needs a TLB probe once a
 * page and not once an access.
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
 * The first iteration is always the original's, so that a loop which hardly ever repeats costs nothing more. With
 * loops inside, each header has its preparation and its check; a nest is taken as one, or the loops in it are,
 * whichever has more accesses in streams.
 *
 * What makes it exact: TLB entries only become invalid when this vCPU executes a helper that says so (loops that
 * call any that is not pure are left alone), or leaves translated code at a poll: another vCPU that changes the
 * memory map or translates code from a page that is written to here kicks (softmmu/tlb-code.c). So loops that
 * write, or that may go round without a stream that advances, keep their polls. Others are at an end of the page
 * soon: their poll is in the preparation, and limits are such that it is not late.
 */
#include "tcg/stream.h"
#include <string.h>

static const Sym unknown = {-1, -1, 0, 0};

/* ---- What the loop does with its variables. ---- */

/* What holds where two paths join. */
static Sym sym_join(const Sym *a, const Sym *b)
{
    if (a->var < 0 || a->var != b->var || a->grow != b->grow) {
        return unknown;
    }
    return (Sym){a->var, a->grow, MIN(a->low, b->low), MAX(a->high, b->high)};
}

static bool const_of(const IrRegion *ir, IrRef ref, int64_t *v)
{
    *v = ir->insns[ref].imm;
    return ir->insns[ref].op == IR_const;
}

static Sym sym_plus(Sym s, int64_t v)
{
    if (s.var < 0 || v < -MAX_RANGE || v > MAX_RANGE || s.low + v < -MAX_RANGE ||
        s.high + v > MAX_RANGE) {
        return unknown;
    }
    s.low += (int32_t)v;
    s.high += (int32_t)v;
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
        if (!s->set[b.var] && b.low == 0 && b.high == 0 && s->set[a.var]) {
            a.grow = b.var;
            return a;
        }
        if (!s->set[a.var] && a.low == 0 && a.high == 0 && s->set[b.var]) {
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
    int32_t high = at.high + (int32_t)ir_memop_bytes(insn->aux);
    Stream *stream;

    s->writes |= insn->op == IR_st;
    if (at.var < 0 || at.grow >= 0 || (insn->aux & IR_ALIGNED)) {
        return;
    }
    stream = stream_of(s, (unsigned)at.var);
    if (!stream || MAX(stream->high, high) - MIN(stream->low, at.low) > MAX_RANGE) {
        return;
    }
    stream->low = MIN(stream->low, at.low);
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

/* An edge to a header with the variables as in @state. */
static void note_check(Streamer *s, const Sym *state)
{
    for (unsigned i = 0; i < s->nstreams; i++) {
        Stream *stream = &s->streams[i];
        const Sym *sym = &state[stream->var];

        if (sym->var != (int)stream->var || (stream->latched && stream->grow != sym->grow)) {
            stream->min_step = -1; /* not a stream */
            stream->latched = true;
            continue;
        }
        stream->min_step = stream->latched ? MIN(stream->min_step, sym->low) : sym->low;
        stream->max_step = stream->latched ? MAX(stream->max_step, sym->high) : sym->high;
        stream->grow = sym->grow;
        stream->latched = true;
    }
}

static void enter(Streamer *s, unsigned block, const Sym *state, bool *entered)
{
    unsigned nvars = s->nvars, at = s->in[block] - 1u;
    Sym *to = s->states + (size_t)at * nvars;

    if (!entered[at]) {
        entered[at] = true;
        memcpy(to, state, nvars * sizeof(Sym));
        return;
    }
    for (unsigned v = 0; v < nvars; v++) {
        to[v] = sym_join(&to[v], &state[v]);
    }
}

/* What may not be in such a loop, beside calls of helpers that are not pure: counts have to be exact, and
 * translate leaves for code that knows nothing of us. */
static bool is_obstacle(const Streamer *s, const IrInsn *insn)
{
    return insn->op == IR_count || insn->op == IR_translate || insn->op == IR_call_mark ||
           (insn->op == IR_call && !(s->ir->helpers[insn->imm].flags & IR_HELPER_PURE));
}

/* Finds the guest pc of the header at position @k. False: it does not begin with an instruction. */
static bool header_pc(Streamer *s, unsigned k)
{
    const IrInsn *insn = &s->ir->insns[s->ir->blocks[s->loop->blocks[k]].first];

    insn += insn->op == IR_check_page;
    s->pc[k] = (uint64_t)insn->imm;
    return insn->op == IR_insn_start;
}

/* Looks at the loop for the first time. */
static bool survey(Streamer *s)
{
    const IrRegion *ir = s->ir;

    memset(s->in, 0, s->noriginal);
    memset(s->set, 0, s->nvars);
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
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        if (stream_header(s, k) && !header_pc(s, k)) {
            return false;
        }
    }
    return s->ninsns <= MAX_LOOP_INSNS && __builtin_popcount(s->loop->headers) <= MAX_HEADERS;
}

/* Edges to headers, once all streams are known; @state is room for all variables. */
static void note_checks(Streamer *s, Sym *state)
{
    const IrRegion *ir = s->ir;
    uint16_t out[2];

    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &ir->blocks[s->loop->blocks[k]];
        unsigned n = opt_successors(ir, s->loop->blocks[k], out);
        bool leads = false;

        for (unsigned t = 0; t < n; t++) {
            leads |= s->in[out[t]] && stream_header(s, s->in[out[t]] - 1u);
        }
        if (!leads) {
            continue;
        }
        memcpy(state, s->states + (size_t)k * s->nvars, s->nvars * sizeof(Sym));
        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            if (ir->insns[i].op == IR_set_var && ir->insns[i].type == IR_I64) {
                state[ir->insns[i].imm] = s->vals[ir->insns[i].arg[0]];
            }
        }
        note_check(s, state);
    }
}

static void analyse(Streamer *s)
{
    const IrRegion *ir = s->ir;
    unsigned nvars = s->nvars;
    bool entered[OPT_LOOP_BLOCKS] = {false};
    Sym *state = g_new(Sym, nvars);
    uint16_t out[2];

    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        unsigned b = s->loop->blocks[k], n = opt_successors(ir, b, out);

        for (unsigned v = 0; stream_header(s, k) && v < nvars; v++) {
            s->states[(size_t)k * nvars + v] = (Sym){(int16_t)v, -1, 0, 0};
        }
        memcpy(state, s->states + (size_t)k * nvars, nvars * sizeof(Sym));
        for (uint32_t i = ir->blocks[b].first; i < ir->blocks[b].first + ir->blocks[b].count; i++) {
            note_insn(s, i, state);
        }
        for (unsigned t = 0; t < n; t++) {
            if (s->in[out[t]] && !stream_header(s, s->in[out[t]] - 1u)) {
                enter(s, out[t], state, entered);
            }
        }
    }
    note_checks(s, state);
    g_free(state);
}

static bool is_stream(const Streamer *s, const Stream *stream)
{
    return stream->low <= stream->high && stream->min_step >= 0 && stream->max_step <= MAX_STRIDE &&
           (stream->grow < 0 || !s->set[stream->grow]);
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

        if (!is_stream(s, stream) || stream_scratch_left(ir) < 2) {
            continue;
        }
        stream->addend = ir->nvars++;
        stream->limit = -1;
        if (!stream_stands(stream)) {
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

/* The original's instructions, as they are. */
static void copy_all(IrOptScratch *o)
{
    o->n = 0;
    for (uint32_t i = 0; i < o->ir->ninsns; i++) {
        opt_put(o, &o->ir->insns[i]);
        o->map[i] = (IrRef)i;
    }
}

/* How much there is to be gained: the accesses that are part of streams, by how often they are executed. */
static uint64_t score(const Streamer *s)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];
        uint64_t weight = UINT64_C(1) << (3 * MIN(s->depth[s->loop->blocks[k]], 4));

        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            if (s->access[i] && is_stream(s, &s->streams[s->access[i] - 1])) {
                sum += weight;
            }
        }
    }
    return sum;
}

static void clear_access(Streamer *s)
{
    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];

        memset(s->access + block->first, 0, block->count);
    }
}

static bool examine(Streamer *s, const OptLoop *loop)
{
    s->loop = loop;
    clear_access(s);
    if (!survey(s)) {
        return false;
    }
    analyse(s);
    return true;
}

/* The loop that is worth the most and has no block that @taken marks, or NULL. */
static const OptLoop *best_loop(const GArray *loops, const uint64_t *scores, const uint8_t *taken)
{
    const OptLoop *best = NULL;
    uint64_t most = 0;

    for (unsigned i = 0; i < loops->len; i++) {
        const OptLoop *loop = &g_array_index(loops, OptLoop, i);
        bool is_free = scores[i] > most;

        for (unsigned k = 0; is_free && k < loop->nblocks; k++) {
            is_free = !taken[loop->blocks[k]];
        }
        if (is_free) {
            most = scores[i];
            best = loop;
        }
    }
    return best;
}

static void allocate(Streamer *s)
{
    IrRegion *ir = s->ir;

    s->nvars = ir->nvars;
    s->noriginal = ir->nblocks;
    ir->nvars = MAX(ir->nvars, ir->first_scratch);
    s->vals = g_new(Sym, ir->ninsns);
    s->access = g_new0(uint8_t, ir->ninsns);
    s->states = g_new(Sym, s->nvars * OPT_LOOP_BLOCKS);
    s->set = g_new(uint8_t, s->nvars);
    s->boxed = g_new(uint8_t, s->nvars);
    s->in = g_new0(uint8_t, ir->nblocks);
    s->depth = g_new(uint16_t, ir->nblocks);
    for (unsigned b = 0; b < ir->nblocks; b++) {
        s->depth[b] = ir->blocks[b].loop_depth;
    }
}

static void release(Streamer *s)
{
    g_free(s->vals);
    g_free(s->access);
    g_free(s->states);
    g_free(s->set);
    g_free(s->boxed);
    g_free(s->in);
    g_free(s->depth);
}

/* Calls @fn for the loop's instructions. Returns whether any call did. */
static bool each_insn(Streamer *s, bool (*fn)(Streamer *s, const IrInsn *insn))
{
    bool any = false;

    for (unsigned k = 0; k < s->loop->nblocks; k++) {
        const IrBlock *block = &s->ir->blocks[s->loop->blocks[k]];

        for (uint32_t i = block->first; i < block->first + block->count; i++) {
            any |= fn(s, &s->ir->insns[i]);
        }
    }
    return any;
}

/* A value that the loop finds boxed in a variable or not. */
static bool note_unboxed(Streamer *s, const IrInsn *insn)
{
    const IrInsn *from = &s->ir->insns[insn->op == IR_funbox ? insn->arg[0] : 0];
    bool is_read = insn->op == IR_funbox && from->op == IR_get_var;

    if (is_read) {
        s->boxed[from->imm] = 1;
    }
    return is_read;
}

/* Something that may not be boxed goes to a variable. */
static bool note_other(Streamer *s, const IrInsn *insn)
{
    const IrInsn *from;

    if (insn->op != IR_set_var || !s->boxed[insn->imm]) {
        return false;
    }
    from = &s->ir->insns[insn->arg[0]];
    if (from->op == IR_fbox || (from->op == IR_get_var && s->boxed[from->imm])) {
        return false;
    }
    s->boxed[insn->imm] = 0;
    return true;
}

/* Fills in s->boxed. */
static void find_boxed(Streamer *s)
{
    memset(s->boxed, 0, s->nvars);
    if (each_insn(s, note_unboxed)) {
        while (each_insn(s, note_other)) {
        }
    }
}

bool opt_stream_loops(IrOptScratch *o)
{
    IrRegion *ir = o->ir;
    GArray *loops = opt_find_loops(ir);
    Streamer s = {.o = o, .ir = ir};
    uint8_t *taken = g_new0(uint8_t, ir->nblocks);
    uint64_t *scores = g_new0(uint64_t, loops->len);
    const OptLoop *loop;
    bool any = false;

    if (loops->len) {
        allocate(&s);
    }
    for (unsigned i = 0; i < loops->len; i++) {
        scores[i] = examine(&s, &g_array_index(loops, OptLoop, i)) ? score(&s) : 0;
    }
    while ((loop = best_loop(loops, scores, taken)) != NULL) {
        for (unsigned k = 0; k < loop->nblocks; k++) {
            taken[loop->blocks[k]] = 1;
        }
        examine(&s, loop);
        if (choose(&s)) {
            if (!any) {
                copy_all(o);
            }
            any = true;
            find_boxed(&s);
            s.vectors = stream_vectors_find(&s);
            stream_transform(&s);
            stream_vectors_free(s.vectors);
        }
    }
    if (loops->len) {
        release(&s);
    }
    g_free(scores);
    g_free(taken);
    g_array_free(loops, TRUE);
    return any;
}
