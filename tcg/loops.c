/*
 * Loops of a region: natural loops that contain no other loop, for passes that work on one.
 *
 * A back edge is one to a block on the path of a depth-first walk. The blocks of a loop are those that
 * reach one of its back edges without passing its header; where that takes in the region's entry, the
 * loop can be entered in the middle and is left alone. Regions are small, so sets are byte arrays.
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

/* Marks the blocks of the loop of @header in @in. False: it is not one of the kind wanted. */
static bool find_body(const Walk *w, unsigned header, uint8_t *in)
{
    bool changed = true;
    uint16_t out[2];

    memset(in, 0, w->ir->nblocks);
    in[header] = 1;
    while (changed) {
        changed = false;
        for (unsigned i = w->nreached; i-- > 0;) {
            unsigned b = w->order[i], n = opt_successors(w->ir, b, out);

            for (unsigned k = 0; !in[b] && k < n; k++) {
                bool back = w->back[b] >> k & 1;

                /* Edges to the header count only if they close the loop. */
                if (out[k] == header ? back : in[out[k]]) {
                    if (b == 0 || w->header[b]) {
                        return false;
                    }
                    in[b] = 1;
                    changed = true;
                }
            }
        }
    }
    return true;
}

GArray *opt_find_loops(const IrRegion *ir)
{
    Walk w = {.ir = ir,
              .order = g_new(uint16_t, ir->nblocks),
              .header = g_new0(uint8_t, ir->nblocks),
              .back = g_new0(uint8_t, ir->nblocks)};
    uint8_t *in = g_new(uint8_t, ir->nblocks);
    GArray *loops = g_array_new(FALSE, FALSE, sizeof(OptLoop));

    walk(&w);
    for (unsigned i = 0; i < w.nreached; i++) {
        unsigned header = w.order[i];
        OptLoop loop = {.nblocks = 0};

        if (!w.header[header] || !find_body(&w, header, in)) {
            continue;
        }
        for (unsigned k = i; k < w.nreached && loop.nblocks < OPT_LOOP_BLOCKS; k++) {
            if (in[w.order[k]]) {
                loop.blocks[loop.nblocks++] = w.order[k];
            }
        }
        if (loop.nblocks < OPT_LOOP_BLOCKS) {
            g_array_append_val(loops, loop);
        }
    }
    g_free(w.order);
    g_free(w.header);
    g_free(w.back);
    g_free(in);
    return loops;
}
