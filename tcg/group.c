/*
 * Groups of memory accesses: several loads or stores off one base, or off its sums with constants, become
 * one translate, which checks the whole range, and accesses through the host pointer that it gives.
 *
 * The translate stands before the first access of its group. It leaves the region if the range is
 * not in one page of RAM; then nothing of the guest instruction has happened (it must not have had
 * an effect before), and the first tier executes it, and what follows, access by access. So a group
 * changes no fault and no order of accesses.
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

/* The longest range of a group: the longer, the more often it crosses a page. */
#define MAX_RANGE 256

/* How many groups back an access looks for one that it fits into. */
#define MAX_OPEN 8

struct OptGroup {
    IrRef base;
    bool open, write;
    uint32_t first; /* instruction */
    int64_t low, high;
    unsigned count;
    IrRef host; /* in the copy, once the translate is there */
};

typedef struct Grouper {
    IrOptScratch *o;
    OptGroup *groups;
    unsigned n;     /* groups */
    unsigned block; /* groups before this are of blocks before */
    bool clean;     /* the current guest instruction has had no effect yet */
    bool any;       /* there is a group with two members */
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

static void close_groups(Grouper *g)
{
    for (unsigned i = g->block; i < g->n; i++) {
        g->groups[i].open = false;
    }
}

/* The value that an access's address is @offset from: additions of constants are looked through. */
static IrRef base_of(const IrRegion *ir, const IrInsn *insn, int64_t *offset)
{
    IrRef base = insn->arg[0];

    *offset = insn->imm;
    for (;;) {
        const IrInsn *def = &ir->insns[base];
        int64_t sum;

        if (def->op != IR_add || ir->insns[def->arg[1]].op != IR_const) {
            return base;
        }
        sum = (int64_t)((uint64_t)*offset + (uint64_t)ir->insns[def->arg[1]].imm);
        if (sum != (int32_t)sum) {
            return base;
        }
        base = def->arg[0];
        *offset = sum;
    }
}

static OptGroup *find_group(const Grouper *g, const IrInsn *insn, bool write)
{
    int64_t low, high;
    IrRef base = base_of(g->o->ir, insn, &low);
    unsigned tries = 0;

    high = low + ir_memop_bytes(insn->aux);
    for (unsigned i = g->n; i-- > g->block && tries++ < MAX_OPEN;) {
        OptGroup *group = &g->groups[i];

        if (group->open && group->write == write && group->base == base &&
            MAX(group->high, high) - MIN(group->low, low) <= MAX_RANGE) {
            return group;
        }
    }
    return NULL;
}

static void join_group(Grouper *g, OptGroup *group, IrInsn *insn)
{
    int64_t offset;

    base_of(g->o->ir, insn, &offset);
    group->low = MIN(group->low, offset);
    group->high = MAX(group->high, offset + ir_memop_bytes(insn->aux));
    group->count++;
    g->any |= group->count == 2;
    MEMBER(insn) = (uint32_t)(group - g->groups) + 1;
}

static void open_group(Grouper *g, uint32_t index, IrInsn *insn)
{
    IrOptScratch *o = g->o;
    OptGroup *group;
    int64_t offset;
    IrRef base = base_of(o->ir, insn, &offset);

    if (g->n == o->cap_groups) {
        o->cap_groups = MAX(o->cap_groups * 2, 32);
        o->groups = g->groups = g_renew(OptGroup, g->groups, o->cap_groups);
    }
    group = &g->groups[g->n++];
    *group = (OptGroup){.base = base,
                        .open = true,
                        .write = insn->op == IR_st,
                        .first = index,
                        .low = offset,
                        .high = offset,
                        .host = IR_NOREF};
    join_group(g, group, insn);
}

/* Puts an access into a group of kind @write if it may belong to one. */
static void place(Grouper *g, uint32_t index, IrInsn *insn, bool write)
{
    OptGroup *group;

    if (is_grouped(g, insn) || (insn->op == IR_st && !write)) {
        return;
    }
    MEMBER(insn) = 0;
    group = find_group(g, insn, write);
    if (group) {
        join_group(g, group, insn);
    } else if (g->clean && write == (insn->op == IR_st)) {
        open_group(g, index, insn);
    }
}

/* Finds a block's groups of one kind: those for writing first. */
static void find_groups(Grouper *g, const IrBlock *block, bool write)
{
    IrRegion *ir = g->o->ir;

    close_groups(g);
    g->clean = false;
    for (uint32_t i = block->first; i < block->first + block->count; i++) {
        IrInsn *insn = &ir->insns[i];
        unsigned flags = ir_insn_flags(ir, insn);

        if (insn->op == IR_insn_start) {
            g->clean = true;
        } else if (is_access(insn)) {
            place(g, i, insn, write);
        }
        if ((insn->op == IR_call && (flags & IR_FLAG_WRITES_STATE)) ||
            (!write && (flags & IR_FLAG_STORE) && insn->op != IR_fence && !is_grouped(g, insn))) {
            close_groups(g);
        }
        if (flags & (IR_FLAG_FAULT | IR_FLAG_WRITES_STATE | IR_FLAG_STORE)) {
            g->clean = false;
        }
    }
}

/* ---- The copy with translate ops ---- */

static void copy_insn(Grouper *g, uint32_t index)
{
    IrOptScratch *o = g->o;
    IrInsn insn = o->ir->insns[index];
    int64_t offset = 0;
    IrRef ref;

    if (is_access(&insn)) {
        base_of(o->ir, &insn, &offset);
    }
    for (unsigned k = 0; k < 4 && insn.arg[k] != IR_NOREF; k++) {
        insn.arg[k] = o->map[insn.arg[k]];
    }
    if (is_access(&insn) && is_grouped(g, &insn)) {
        const OptGroup *group = &g->groups[MEMBER(&insn) - 1];

        if (group->first == index) {
            IrInsn translate = {.op = IR_translate,
                                .type = IR_I64,
                                .aux = group->write ? IR_XLATE_WRITE : 0,
                                .len = (uint32_t)(group->high - group->low),
                                .imm = group->low,
                                .arg = {o->map[group->base], IR_NOREF, IR_NOREF, IR_NOREF}};

            g->groups[MEMBER(&insn) - 1].host = opt_put(o, &translate);
        }
        insn.op = insn.op == IR_ld ? IR_ld_host : IR_st_host;
        insn.arg[0] = group->host;
        insn.imm = offset - group->low;
    }
    if (is_access(&insn) || insn.op == IR_ld_host || insn.op == IR_st_host) {
        MEMBER(&insn) = 0;
    }
    ref = opt_put(o, &insn); /* may move the map */
    o->map[index] = ref;
}

static void copy(Grouper *g)
{
    IrOptScratch *o = g->o;

    o->n = 0;
    for (unsigned b = 0; b < o->ir->nblocks; b++) {
        IrBlock *block = &o->ir->blocks[b];
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
    Grouper g = {.o = o, .groups = o->groups};

    for (unsigned b = 0; b < o->ir->nblocks; b++) {
        g.block = g.n;
        find_groups(&g, &o->ir->blocks[b], true);
        find_groups(&g, &o->ir->blocks[b], false);
    }
    if (!g.any) {
        forget_members(o->ir);
        return false;
    }
    copy(&g);
    return true;
}
