/*
 * Loops of a region: natural loops, for passes that work on one.
 *
 * A back edge is one to a block on the path of a depth-first walk. The blocks of a loop are those that
 * reach one of its back edges without passing its header; where that takes in the region's entry, the
 * loop can be entered in the middle and is left alone. Of several back edges to one header, some may close
 * inner loops and others loops around them: both are found. Regions are small, so sets are byte arrays.
 */
#include "tcg/optimize.h"
#include <string.h>

unsigned opt_successors(const IrRegion *ir, unsigned block, uint16_t out[2])
{
    const IrInsn *last = &ir->insns[ir->blocks[block].first + ir->blocks[block].count - 1];

    if (last->op != IR_br && last->op != IR_brcond) {
        return 0;
    }
    out[0] = last->target[0];
    out[1] = last->target[1];
    return last->op == IR_br || out[0] == out[1] ? 1 : 2;
}

typedef struct Walk {
    const IrRegion *ir;
    uint16_t *order; /* reverse postorder, nreached of them */
    unsigned nreached;
    uint8_t *header; /* of blocks: a back edge leads here */
    uint8_t *back;   /* of blocks: bit k, its k-th successor is along a back edge */
} Walk;

enum { NEW, ON_PATH, DONE = 4 };

static void walk(Walk *w)
{
    unsigned n = w->ir->nblocks, depth = 0, at = n;
    uint16_t *stack = g_new(uint16_t, n), out[2];
    uint8_t *state = g_new0(uint8_t, n);

    stack[depth++] = 0;
    state[0] = ON_PATH;
    while (depth) {
        unsigned b = stack[depth - 1], k = state[b] - ON_PATH;

        if (k < opt_successors(w->ir, b, out)) {
            unsigned to = out[k];

            state[b]++;
            if (state[to] == NEW) {
                state[to] = ON_PATH;
                stack[depth++] = (uint16_t)to;
            } else if (state[to] < DONE) {
                w->header[to] = 1;
                w->back[b] |= (uint8_t)(1u << k);
            }
        } else {
            state[b] = DONE;
            w->order[--at] = (uint16_t)b;
            depth--;
        }
    }
    w->nreached = n - at;
    memmove(w->order, w->order + at, w->nreached * sizeof(w->order[0]));
    g_free(stack);
    g_free(state);
}

/* Adds to @in, which has @header, the blocks of the loop that the back edge from @latch closes. False, with @in as it
 * was: it can be entered in the middle, or has loops inside and @inner is set. */
static bool add_body(const Walk *w, unsigned header, unsigned latch, bool inner, uint8_t *in)
{
    unsigned n = w->ir->nblocks;
    uint8_t *mine = g_new0(uint8_t, n);
    bool changed = true, good = true;
    uint16_t out[2];

    mine[header] = mine[latch] = 1;
    good = latch == header || (latch != 0 && !(inner && w->header[latch]));
    while (changed && good) {
        changed = false;
        for (unsigned i = w->nreached; i-- > 0 && good;) {
            unsigned b = w->order[i], nout = opt_successors(w->ir, b, out);

            for (unsigned k = 0; !mine[b] && k < nout; k++) {
                if (out[k] != header && mine[out[k]]) {
                    good = b != 0 && !(inner && w->header[b]);
                    mine[b] = 1;
                    changed = true;
                }
            }
        }
    }
    for (unsigned b = 0; good && b < n; b++) {
        in[b] |= mine[b];
    }
    g_free(mine);
    return good;
}

/* Marks the blocks of the loops of @header in @in. False: there is none. */
static bool find_body(const Walk *w, unsigned header, bool inner, uint8_t *in)
{
    uint16_t out[2];
    bool any = false;

    memset(in, 0, w->ir->nblocks);
    in[header] = 1;
    for (unsigned i = 0; i < w->nreached; i++) {
        unsigned b = w->order[i], n = opt_successors(w->ir, b, out);

        for (unsigned k = 0; k < n; k++) {
            if (out[k] == header && (w->back[b] >> k & 1)) {
                any |= add_body(w, header, b, inner, in);
            }
        }
    }
    return any;
}

/* Appends the loop of the blocks in @in, the first of which in order is at @from. */
static void add_loop(const Walk *w, const uint8_t *in, unsigned from, GArray *loops)
{
    OptLoop loop = {.nblocks = 0};

    for (unsigned k = from; k < w->nreached && loop.nblocks < OPT_LOOP_BLOCKS; k++) {
        if (in[w->order[k]]) {
            loop.headers |= w->header[w->order[k]] ? 1u << loop.nblocks : 0;
            loop.blocks[loop.nblocks++] = w->order[k];
        }
    }
    if (loop.nblocks < OPT_LOOP_BLOCKS) {
        g_array_append_val(loops, loop);
    }
}

GArray *opt_find_loops(const IrRegion *ir)
{
    Walk w = {.ir = ir,
              .order = g_new(uint16_t, ir->nblocks),
              .header = g_new0(uint8_t, ir->nblocks),
              .back = g_new0(uint8_t, ir->nblocks)};
    uint8_t *in = g_new(uint8_t, ir->nblocks), *inner = g_new(uint8_t, ir->nblocks);
    GArray *loops = g_array_new(FALSE, FALSE, sizeof(OptLoop));

    walk(&w);
    for (unsigned i = 0; i < w.nreached; i++) {
        unsigned header = w.order[i];
        bool has_inner;

        if (!w.header[header]) {
            continue;
        }
        has_inner = find_body(&w, header, true, inner);
        if (has_inner) {
            add_loop(&w, inner, i, loops);
        }
        if (find_body(&w, header, false, in) &&
            !(has_inner && memcmp(in, inner, ir->nblocks) == 0)) {
            add_loop(&w, in, i, loops);
        }
    }
    g_free(w.order);
    g_free(w.header);
    g_free(w.back);
    g_free(in);
    g_free(inner);
    return loops;
}
