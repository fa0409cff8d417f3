/*
 * Groups of memory accesses: several loads or stores off one base, or off its sums with constants, become
 * one translate, which checks the whole range, and accesses through the host pointer that it gives.
 *
 * The translate stands before the first access of its group. It leaves the region if the range is
 * not in one page of RAM; then nothing of the guest instruction has happened (it must not have had
 * an effect before), and the first tier executes it, and what follows, access by access. So a group
 * changes no fault and no order of accesses.
 *
 * A group goes on into blocks that only its own leads to, if a variable still holds the base or a sum of it:
 * then the host pointer is kept in a scratch variable.
 *
 * What makes it exact:
 * - A translate for writing stands before a store, so that it marks no page dirty that is not
 *   written. Loads may follow in a group that a store began (what may be written may be read), but
 *   not the other way round.
 * - Nothing in between may change what the addresses mean. Helpers that write state end all groups.
 *   A store outside of a group may hit a device that changes the memory map, so it ends groups of
 *   loads (their page might be flash memory; a page that takes stores directly is plain RAM).
 */
#include "tcg/optimize.h"
#include <string.h>

/* The longest range of a group: the longer, the more often it crosses a page. */
#define MAX_RANGE 256

/* How many groups an access may choose from. */
#define MAX_OPEN 8

struct OptGroup {
    IrRef base;
    bool write;
    uint32_t first; /* instruction */
    unsigned block; /* of that */
    int64_t low, high;
    unsigned count;
    int scratch;         /* variable that holds the host pointer for other blocks, or -1 */
    IrRef host;          /* in the copy, in @host_block */
    unsigned host_block; /* NO_BLOCK: not there yet */
};

#define NO_BLOCK UINT32_MAX

/* A group that may get more members, as the current block sees it. */
typedef struct Open {
    uint32_t group;
    /* the value that is @shift more than the group's base; IR_NOREF: not read yet, it is */
    IrRef base;
    unsigned var; /* ... in this variable at the block's beginning */
    int64_t shift;
} Open;

/* Along a path of blocks that only lead to each other: oldest first. */
typedef struct Path {
    Open open[MAX_OPEN];
    unsigned n;
} Path;

typedef struct Grouper {
    IrOptScratch *o;
    OptGroup *groups;
    unsigned n; /* groups */
    bool write; /* the kind that is being looked for */
    bool clean; /* the current guest instruction has had no effect yet */
    bool any;   /* there is a group with two members */
    unsigned block;
    int32_t *offset; /* of members, from their groups' bases */
} Grouper;

/* Members are marked by their group's number + 1 in `len`, which loads and stores do not use. */
#define MEMBER(insn) ((insn)->len)

static bool is_access(const IrInsn *insn)
{
    return (insn->op == IR_ld || insn->op == IR_st) && !(insn->aux & (IR_ALIGNED | IR_BIG_ENDIAN));
}

/* Whether an access is in a group that will be one. */
static bool is_grouped(const Grouper *g, const IrInsn *insn)
{
    return MEMBER(insn) && g->groups[MEMBER(insn) - 1].count >= 2;
}

/* The value that @ref + *@offset is *@offset from: additions of constants are looked through. */
static IrRef base_of(const IrRegion *ir, IrRef ref, int64_t *offset)
{
    for (;;) {
        const IrInsn *def = &ir->insns[ref];
        int64_t sum;

        if (def->op != IR_add || ir->insns[def->arg[1]].op != IR_const) {
            return ref;
        }
        sum = (int64_t)((uint64_t)*offset + (uint64_t)ir->insns[def->arg[1]].imm);
        if (sum != (int32_t)sum) {
            return ref;
        }
        ref = def->arg[0];
        *offset = sum;
    }
}

/* ---- Within a block ---- */

static bool has_scratch(const IrRegion *ir)
{
    return ir->scratch_vars && ir->nvars < ir->first_scratch + IR_SCRATCH_VARS;
}

/* Whether the current block can have members of a group. */
static bool reaches_here(Grouper *g, OptGroup *group)
{
    IrRegion *ir = g->o->ir;

    if (group->block != g->block && group->scratch < 0) {
        if (!has_scratch(ir)) {
            return false;
        }
        ir->nvars = MAX(ir->nvars, ir->first_scratch);
        group->scratch = (int)ir->nvars++;
    }
    return true;
}

static void join_group(Grouper *g, unsigned group, uint32_t index, int64_t offset)
{
    IrInsn *insn = &g->o->ir->insns[index];
    OptGroup *to = &g->groups[group];

    to->low = MIN(to->low, offset);
    to->high = MAX(to->high, offset + ir_memop_bytes(insn->aux));
    to->count++;
    g->any |= to->count == 2;
    g->offset[index] = (int32_t)offset;
    MEMBER(insn) = group + 1;
}

static void open_group(Grouper *g, Path *path, uint32_t index, IrRef base, int64_t offset)
{
    IrOptScratch *o = g->o;

    if (g->n == o->cap_groups) {
        o->cap_groups = MAX(o->cap_groups * 2, 32);
        o->groups = g->groups = g_renew(OptGroup, g->groups, o->cap_groups);
    }
    g->groups[g->n] = (OptGroup){.base = base,
                                 .write = g->write,
                                 .first = index,
                                 .block = g->block,
                                 .low = offset,
                                 .high = offset,
                                 .scratch = -1,
                                 .host_block = NO_BLOCK};
    if (path->n == MAX_OPEN) {
        memmove(path->open, path->open + 1, --path->n * sizeof(Open));
    }
    path->open[path->n++] = (Open){.group = g->n, .base = base};
    join_group(g, g->n++, index, offset);
}

/* Puts an access into a group of the current kind if it may belong to one. */
static void place(Grouper *g, Path *path, uint32_t index)
{
    IrInsn *insn = &g->o->ir->insns[index];
    int64_t offset = insn->imm;
    IrRef base;

    if (is_grouped(g, insn) || (insn->op == IR_st && !g->write)) {
        return;
    }
    MEMBER(insn) = 0;
    base = base_of(g->o->ir, insn->arg[0], &offset);
    for (unsigned i = path->n; i-- > 0;) {
        const Open *open = &path->open[i];
        OptGroup *group = &g->groups[open->group];
        int64_t low = open->shift + offset, high = low + ir_memop_bytes(insn->aux);

        if (open->base == base && low == (int32_t)low &&
            MAX(group->high, high) - MIN(group->low, low) <= MAX_RANGE && reaches_here(g, group)) {
            join_group(g, open->group, index, low);
            return;
        }
    }
    if (g->clean && g->write == (insn->op == IR_st)) {
        open_group(g, path, index, base, offset);
    }
}

static void bind_variable(Path *path, unsigned var, IrRef ref)
{
    for (unsigned i = 0; i < path->n; i++) {
        if (path->open[i].base == IR_NOREF && path->open[i].var == var) {
            path->open[i].base = ref;
        }
    }
}

static void walk_block(Grouper *g, Path *path)
{
    IrRegion *ir = g->o->ir;
    const IrBlock *block = &ir->blocks[g->block];

    g->clean = false;
    for (uint32_t i = block->first; i < block->first + block->count; i++) {
        IrInsn *insn = &ir->insns[i];
        unsigned flags = ir_insn_flags(ir, insn);

        if (insn->op == IR_insn_start) {
            g->clean = true;
        } else if (insn->op == IR_get_var) {
            bind_variable(path, (unsigned)insn->imm, (IrRef)i);
        } else if (insn->op == IR_set_var) {
            bind_variable(path, (unsigned)insn->imm,
                          (IrRef)i); /* which no address is: it is lost */
        } else if (is_access(insn)) {
            place(g, path, i);
        }
        if ((insn->op == IR_call && (flags & IR_FLAG_WRITES_STATE)) ||
            (!g->write && (flags & IR_FLAG_STORE) && insn->op != IR_fence &&
             !is_grouped(g, insn))) {
            path->n = 0;
        }
        if (flags & (IR_FLAG_FAULT | IR_FLAG_WRITES_STATE | IR_FLAG_STORE)) {
            g->clean = false;
        }
    }
}

/* ---- From block to block ---- */

/* Finds a variable that holds @open's base, or a sum of it, at the end of the current block. */
static bool find_variable(const Grouper *g, Open *open)
{
    const IrRegion *ir = g->o->ir;
    const IrBlock *block = &ir->blocks[g->block];
    const IrInsn *def = open->base == IR_NOREF ? NULL : &ir->insns[open->base];
    int var = !def ? (int)open->var : def->op == IR_get_var ? (int)def->imm : -1;
    uint8_t later[ir->nvars]; /* set later than where we look */
    bool found = false;

    memset(later, 0, ir->nvars);
    for (uint32_t i = block->first + block->count; i-- > block->first;) {
        const IrInsn *insn = &ir->insns[i];
        int64_t offset = 0;

        if (insn->op != IR_set_var || later[insn->imm]) {
            continue;
        }
        later[insn->imm] = 1;
        if (!found && def && base_of(ir, insn->arg[0], &offset) == open->base) {
            found = true;
            open->var = (unsigned)insn->imm;
            open->shift += offset;
        }
    }
    if (!found && var >= 0 && !later[var]) {
        found = true;
        open->var = (unsigned)var;
    }
    open->base = IR_NOREF;
    return found;
}

static void walk_path(Grouper *g, unsigned block, Path path)
{
    const IrOptScratch *o = g->o;
    uint16_t next[2];
    unsigned nnext = opt_successors(o->ir, block, next), n = 0;

    g->block = block;
    walk_block(g, &path);
    for (unsigned i = 0; i < path.n; i++) {
        if (find_variable(g, &path.open[i])) {
            path.open[n++] = path.open[i];
        }
    }
    path.n = n;
    for (unsigned k = 0; k < nnext; k++) {
        if (o->preds[next[k]] == 1 && next[k] != 0) {
            walk_path(g, next[k], path);
        }
    }
}

/* Finds the groups of one kind. */
static void find_groups(Grouper *g, bool write)
{
    const IrOptScratch *o = g->o;

    g->write = write;
    for (unsigned b = 0; b < o->ir->nblocks; b++) {
        if (b == 0 || o->preds[b] > 1) {
            walk_path(g, b, (Path){.n = 0});
        }
    }
}

/* ---- The copy with translate ops ---- */

static IrInsn variable_op(IrOp op, int var, IrRef value)
{
    return (IrInsn){.op = (uint8_t)op,
                    .type = IR_I64,
                    .imm = var,
                    .arg = {value, IR_NOREF, IR_NOREF, IR_NOREF}};
}

/* The host pointer of a group in the current block, for a member. */
static IrRef host_pointer(Grouper *g, OptGroup *group, uint32_t index)
{
    IrOptScratch *o = g->o;

    if (group->first == index) {
        IrInsn translate = {.op = IR_translate,
                            .type = IR_I64,
                            .aux = group->write ? IR_XLATE_WRITE : 0,
                            .len = (uint32_t)(group->high - group->low),
                            .imm = group->low,
                            .arg = {o->map[group->base], IR_NOREF, IR_NOREF, IR_NOREF}};

        group->host = opt_put(o, &translate);
        if (group->scratch >= 0) {
            IrInsn keep = variable_op(IR_set_var, group->scratch, group->host);

            opt_put(o, &keep);
        }
    } else if (group->host_block != g->block) {
        IrInsn get = variable_op(IR_get_var, group->scratch, IR_NOREF);

        group->host = opt_put(o, &get);
    }
    group->host_block = g->block;
    return group->host;
}

static void copy_insn(Grouper *g, uint32_t index)
{
    IrOptScratch *o = g->o;
    IrInsn insn = o->ir->insns[index];
    IrRef ref;

    for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
        insn.arg[k] = o->map[insn.arg[k]];
    }
    if (is_access(&insn)) {
        if (is_grouped(g, &insn)) {
            OptGroup *group = &g->groups[MEMBER(&insn) - 1];

            insn.op = insn.op == IR_ld ? IR_ld_host : IR_st_host;
            insn.arg[0] = host_pointer(g, group, index);
            insn.imm = g->offset[index] - group->low;
        }
        MEMBER(&insn) = 0;
    }
    ref = opt_put(o, &insn); /* may move the map */
    o->map[index] = ref;
}

static void copy(Grouper *g)
{
    IrOptScratch *o = g->o;

    o->n = 0;
    for (g->block = 0; g->block < o->ir->nblocks; g->block++) {
        IrBlock *block = &o->ir->blocks[g->block];
        uint32_t first = block->first, end = first + block->count;

        block->first = o->n;
        for (uint32_t i = first; i < end; i++) {
            copy_insn(g, i);
        }
        block->count = o->n - block->first;
    }
}

static void forget_members(IrRegion *ir)
{
    for (uint32_t i = 0; i < ir->ninsns; i++) {
        if (is_access(&ir->insns[i])) {
            MEMBER(&ir->insns[i]) = 0;
        }
    }
}

bool opt_group_accesses(IrOptScratch *o)
{
    Grouper g = {.o = o, .groups = o->groups, .offset = g_new(int32_t, o->ir->ninsns)};

    opt_count_preds(o);
    find_groups(&g, true);
    find_groups(&g, false);
    if (g.any) {
        copy(&g);
    } else {
        forget_members(o->ir);
    }
    g_free(g.offset);
    return g.any;
}
