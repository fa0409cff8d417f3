/*
 * The side table that makes guest state exact at a memory callback: for each call, by its return
 * address, the guest pc, the undone instructions of a count op, and which host registers hold
 * variables that are newer than memory. The registers' contents come from the frame that the common
 * stub saved.
 *
 * The table stands by itself (it holds offsets and register numbers, not variables), so that it can
 * be kept and used without the region's IR. Any thread may read it.
 */
#include "tcg/x86_64/emit.h"

void sync_add(Emit *e, const Cold *c)
{
    SyncRecord record = {
        .pc = c->pc,
        .host = e->as.p - e->base,
        .snap = c->snap,
        .undone = c->undone,
    };

    g_array_append_val(e->records, record);
}

void *sync_finish(Emit *e, size_t *size)
{
    size_t records = e->records->len * sizeof(SyncRecord), words = e->words->len * sizeof(uint32_t);
    SyncTable *table = g_malloc(sizeof(SyncTable) + records + words);

    table->nrecords = e->records->len;
    table->nwords = e->words->len;
    memcpy(table->records, e->records->data, records);
    memcpy((char *)table->records + records, e->words->data, words);
    *size = sizeof(SyncTable) + records + words;
    return table;
}

static const SyncRecord *find_record(const SyncTable *table, uint32_t host)
{
    uint32_t low = 0, high = table->nrecords;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (table->records[mid].host < host) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < table->nrecords && table->records[low].host == host ? &table->records[low] : NULL;
}

bool tcg_restore(const TcgCode *code, uintptr_t host_pc, const TcgFrame *frame, void *state,
                 uint64_t *pc, unsigned *insns)
{
    const SyncTable *table = code->sync_table;
    uintptr_t offset = host_pc - (uintptr_t)code->entry;
    const SyncRecord *record = offset < code->size ? find_record(table, offset) : NULL;
    const uint32_t *words;

    if (!record) {
        return false;
    }
    words = (const uint32_t *)(table->records + table->nrecords) + record->snap;
    for (uint32_t k = 1; k <= words[0]; k++) {
        unsigned reg = SNAP_REG(words[k]);
        char *to = (char *)state + SNAP_OFFSET(words[k]);

        if (is_xmm(reg)) {
            memcpy(to, frame->xmm[reg - XMM0], SNAP_WIDE(words[k]) ? 16 : 8);
            if (SNAP_RAW(words[k])) {
                nan_make_canonical(to);
            }
        } else {
            memcpy(to, &frame->gpr[reg], 8);
        }
    }
    *pc = record->pc;
    *insns = record->undone;
    return true;
}
