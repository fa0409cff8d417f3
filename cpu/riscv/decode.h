/*
 * The instruction tables that gen-decode.c makes of the .decode files, and functions over them.
 * Decoding has two steps: the word gives an instruction number (RiscvInsn), which is all that FP
 * helpers need; the dispatcher then extracts the arguments and calls trans_<name>(). Whether the
 * hart has the instruction's extension is asked in between, of its table row: no word means two
 * things in different extensions.
 *
 * All of it is constant data and pure functions.
 */
#ifndef AMPHI_RISCV_DECODE_H
#define AMPHI_RISCV_DECODE_H

#include <stdbool.h>
#include <stdint.h>

/* Instruction numbers, Args structs, prototypes of trans_ functions. */
#include "cpu/riscv/decode.inc"

/* Bits lsb.. of the instruction are bits val_lsb.. of the value. */
typedef struct RiscvSegment {
    uint8_t lsb, val_lsb, len;
} RiscvSegment;

/* How an instruction word gives the value of one member of its arguments: base + bits, or base if
 * there are no segments. */
typedef struct RiscvField {
    uint8_t member; /* RiscvMember */
    bool sign;
    int16_t base;
    uint8_t nsegs;
    RiscvSegment segs[8];
} RiscvField;

/* A condition on the arguments: member == RiscvMember @value if @equal, else member != @value. */
typedef struct RiscvCheck {
    uint8_t member;
    bool equal;
    int16_t value;
} RiscvCheck;

typedef struct RiscvPattern {
    const char *name, *operands;
    uint32_t mask, match;
    /* 1 << RiscvExt: all of the first and, if not 0, one of the second needed */
    uint64_t ext_all, ext_any;
    uint8_t bytes;   /* 2 or 4 */
    uint16_t target; /* RiscvInsn that this is a short form or alias of, or its own number */
    uint16_t first_alias, naliases;
    const RiscvField *fields;
    uint8_t nfields;
    const RiscvCheck *checks;
    uint8_t nchecks;
} RiscvPattern;

/* By RiscvInsn. */
extern const RiscvPattern riscv_patterns[RISCV_INSN_COUNT];
/* Pseudo-instructions, those of one instruction together. */
extern const RiscvPattern riscv_aliases[];
extern const unsigned riscv_naliases;

/* The instruction that a word encodes, of any extension, or RISCV_INSN_NONE. */
RiscvInsn riscv_decode16(uint32_t insn);
RiscvInsn riscv_decode32(uint32_t insn);

static inline bool riscv_insn_is_long(uint32_t insn)
{
    return (insn & 3) == 3;
}

static inline RiscvInsn riscv_decode(uint32_t insn)
{
    return riscv_insn_is_long(insn) ? riscv_decode32(insn) : riscv_decode16(insn & 0xffff);
}

/* Whether a hart with extensions @ext (1 << RiscvExt) has the instruction. */
static inline bool riscv_pattern_in(const RiscvPattern *p, uint64_t ext)
{
    return (ext & p->ext_all) == p->ext_all && (!p->ext_any || (ext & p->ext_any));
}

/* Calls the instruction's trans_ function with the arguments in @insn. False: it is reserved after
 * all. */
bool riscv_dispatch(RiscvDis *ctx, RiscvInsn id, uint32_t insn);

/* The value of @member in @insn, which matches @p; 0 if it has none. */
int32_t riscv_field_get(const RiscvPattern *p, uint32_t insn, RiscvMember member);

/* The 32-bit instruction that the 16-bit @insn, number @id, stands for. */
uint32_t riscv_expand(RiscvInsn id, uint32_t insn);

/* Whether @insn is a case of @p: fixed bits and checks. */
bool riscv_pattern_matches(const RiscvPattern *p, uint32_t insn);

/* The low @width bits of @v sign-extended. */
static inline int32_t riscv_decode_sext(uint32_t v, unsigned width)
{
    return (int32_t)(v << (32 - width)) >> (32 - width);
}

#endif
