/*
 * Home of the generated decoder and tables, and the functions that interpret the tables: for the
 * disassembler, the tests and the generator of random instructions, which need no speed.
 */
#include "cpu/riscv/decode.h"
#include "cpu/riscv/state.h"

/* The second half of the generated file. */
#define RISCV_DECODE_BODIES
#include "cpu/riscv/decode.inc"

static int32_t field_value(const RiscvField *f, uint32_t insn)
{
    uint32_t v = 0;
    unsigned width = 0;
    for (unsigned i = 0; i < f->nsegs; i++) {
        const RiscvSegment *s = &f->segs[i];
        v |= (uint32_t)bits_get(insn, s->lsb, s->len) << s->val_lsb;
        width = s->val_lsb + s->len > (int)width ? s->val_lsb + s->len : width;
    }
    if (f->sign && width) {
        v = (uint32_t)riscv_decode_sext(v, width);
    }
    return (int32_t)v + f->base;
}

int32_t riscv_field_get(const RiscvPattern *p, uint32_t insn, RiscvMember member)
{
    for (unsigned i = 0; i < p->nfields; i++) {
        if (p->fields[i].member == member) {
            return field_value(&p->fields[i], insn);
        }
    }
    return 0;
}

uint32_t riscv_expand(RiscvInsn id, uint32_t insn)
{
    const RiscvPattern *from = &riscv_patterns[id], *to = &riscv_patterns[from->target];
    uint32_t word = to->match;
    for (unsigned i = 0; i < to->nfields; i++) {
        const RiscvField *f = &to->fields[i];
        uint32_t v = (uint32_t)riscv_field_get(from, insn, f->member);
        for (unsigned k = 0; k < f->nsegs; k++) {
            const RiscvSegment *s = &f->segs[k];
            word = (uint32_t)bits_set(word, s->lsb, s->len, v >> s->val_lsb);
        }
    }
    return word;
}

bool riscv_pattern_matches(const RiscvPattern *p, uint32_t insn)
{
    bool match = (insn & p->mask) == p->match;
    for (unsigned i = 0; match && i < p->nchecks; i++) {
        const RiscvCheck *c = &p->checks[i];
        int32_t v = riscv_field_get(p, insn, c->member);
        match = c->equal ? v == riscv_field_get(p, insn, c->value) : v != c->value;
    }
    return match;
}
