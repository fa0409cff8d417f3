/*
 * The side table that makes guest state exact at a memory callback: for each call, by its return
 * address, the guest pc, the undone instructions of a count op, and which host registers hold
 * variables that are newer than memory. The registers' contents come from the frame that the common
 * stub saved.
 *
 * The table stands by itself (it holds offsets and register numbers, not variables), so that it can
 * be kept and used without the region's IR. Any thread may read it. There is a record for every other guest
 * instruction ever translated, so they are bytes, each record told by its difference from the one
 * before; tcg_restore() reads a region's table from its start. Numbers are LEB128, signed ones
 * with the sign in the lowest bit:
 *
 *     host address: difference from the last one
 *     guest pc: signed difference, at first from that of the region's entry
 *     undone instructions, if the table's first byte is 1
 *     2 * registers in the snapshot + 0, then for each of them a byte SNAP_REG | SNAP_KIND << 5 and
 *     the signed offset in state of what it holds; or just 1: the same snapshot as in the last record
 */
#include "tcg/x86_64/emit.h"

/* No record takes more than this, apart from its snapshot; and no register of a snapshot. */
#define MAX_RECORD_BYTES 40
#define MAX_REGISTER_BYTES 6

static uint8_t *put(uint8_t *to, uint64_t v)
{
    while (v >= 0x80) {
        *to++ = v | 0x80;
        v >>= 7;
    }
    *to++ = v;
    return to;
}

static uint8_t *put_signed(uint8_t *to, int64_t v)
{
    return put(to, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static uint64_t get(const uint8_t **from)
{
    uint64_t v = 0;
    unsigned shift = 0;

    do {
        v |= (uint64_t)(**from & 0x7f) << shift;
        shift += 7;
    } while (*(*from)++ & 0x80);
    return v;
}

static int64_t get_signed(const uint8_t **from)
{
    uint64_t v = get(from);

    return (int64_t)(v >> 1 ^ -(v & 1));
}

static uint8_t *put_snapshot(uint8_t *to, const uint32_t *words)
{
    to = put(to, (uint64_t)words[0] * 2);
    for (uint32_t k = 1; k <= words[0]; k++) {
        *to++ = words[k] & SNAP_LOW;
        to = put_signed(to, SNAP_OFFSET(words[k]));
    }
    return to;
}

void sync_begin(Emit *e, uint8_t *at, uint8_t *end)
{
    e->sync =
        (SyncWriter){.at = at < end ? at : NULL, .end = end, .pc = e->how->pc, .snap = NOSNAP};
    if (e->sync.at) {
        *e->sync.at++ = e->counting;
    }
}

void sync_add(Emit *e, const Cold *c)
{
    SyncWriter *w = &e->sync;
    const uint32_t *words = &e->words.at[c->snap];
    uint32_t host = e->as.p - e->base;

    if (!w->at ||
        (size_t)(w->end - w->at) < MAX_RECORD_BYTES + (size_t)words[0] * MAX_REGISTER_BYTES) {
        w->at = NULL;
        return;
    }
    w->at = put(w->at, host - w->host);
    w->at = put_signed(w->at, (int64_t)(c->pc - w->pc));
    if (e->counting) {
        w->at = put(w->at, c->undone);
    }
    w->at = c->snap == w->snap ? put(w->at, 1) : put_snapshot(w->at, words);
    w->host = host;
    w->pc = c->pc;
    w->snap = c->snap;
}

static const uint8_t *skip_snapshot(const uint8_t *at, uint64_t nregs)
{
    for (uint64_t k = 0; k < nregs; k++) {
        at++;
        get_signed(&at);
    }
    return at;
}

/* Stores the registers of the snapshot at @at to @state. */
static void restore_snapshot(const uint8_t *at, const TcgFrame *frame, void *state)
{
    for (uint64_t n = get(&at) / 2; n; n--) {
        unsigned reg = SNAP_REG(*at), bytes = MAX(ir_type_bytes(snap_type(*at)), 8u);
        bool raw = SNAP_RAW(*at);

        at++;
        char *to = (char *)state + get_signed(&at);
        if (is_xmm(reg)) {
            memcpy(to, frame->ymm[reg - XMM0], bytes);
            if (raw) {
                nan_make_canonical(to);
            }
        } else {
            memcpy(to, &frame->gpr[reg], 8);
        }
    }
}

bool tcg_restore(const TcgCode *code, uint64_t entry_pc, uintptr_t host_pc, const TcgFrame *frame,
                 void *state, uint64_t *pc, unsigned *insns)
{
    const uint8_t *at = (const uint8_t *)(code->exits + code->nexits);
    const uint8_t *end = (const uint8_t *)code->exits + code->meta_size, *snapshot = NULL;
    uintptr_t offset = host_pc - (uintptr_t)code->entry, host = 0;
    bool counting = *at++;

    if (offset >= code->size) {
        return false;
    }
    while (at < end && host < offset) {
        host += get(&at);
        entry_pc += get_signed(&at);
        *insns = counting ? get(&at) : 0;
        const uint8_t *here = at;
        uint64_t n = get(&at);
        if (!(n & 1)) {
            snapshot = here;
            at = skip_snapshot(at, n / 2);
        }
    }
    if (host != offset || !snapshot) {
        return false;
    }
    restore_snapshot(snapshot, frame, state);
    *pc = entry_pc;
    return true;
}
