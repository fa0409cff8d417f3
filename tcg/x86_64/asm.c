/*
 * The assembler's longer pieces; see asm.h.
 */
#include "tcg/x86_64/asm.h"

void x_mov_imm(Asm *a, unsigned dst, uint64_t v)
{
    if (v == 0) {
        x_rr(a, X_ALU(ALU_XOR), dst, dst);
    } else if (v <= UINT32_MAX) {
        x_opcode(a, 0xb8 | (dst & 7), 0, 0, dst);
        asm_u32(a, v);
    } else if (fits_s32(v)) {
        x_rr(a, X_MOV_MI | X_W, 0, dst);
        asm_u32(a, v);
    } else {
        x_opcode(a, 0xb8 | (dst & 7) | X_W, 0, 0, dst);
        asm_u64(a, v);
    }
}

void x_store_imm(Asm *a, unsigned base, int32_t disp, uint64_t v, unsigned scratch)
{
    if (fits_s32(v)) {
        x_rm(a, X_MOV_MI | X_W, 0, base, disp);
        asm_u32(a, v);
    } else {
        x_mov_imm(a, scratch, v);
        x_rm(a, X_MOV_MR | X_W, scratch, base, disp);
    }
}

void x_jmp_back(Asm *a, const uint8_t *target)
{
    ptrdiff_t rel = target - (a->p + 2);

    if (fits_s8(rel)) {
        asm_u8(a, 0xeb);
        asm_u8(a, rel);
    } else {
        asm_u8(a, 0xe9);
        asm_u32(a, target - (a->p + 4));
    }
}

void x_jcc_back(Asm *a, X86Cond cc, const uint8_t *target)
{
    ptrdiff_t rel = target - (a->p + 2);

    if (fits_s8(rel)) {
        asm_u8(a, 0x70 | cc);
        asm_u8(a, rel);
    } else {
        asm_u8(a, 0x0f);
        asm_u8(a, 0x80 | cc);
        asm_u32(a, target - (a->p + 4));
    }
}

void x_call_c(Asm *a, const void *fn)
{
    if (fits_s32((const uint8_t *)fn - (asm_here(a) + 5))) {
        x_call(a, fn);
    } else {
        x_mov_imm(a, RAX, (uintptr_t)fn);
        x_rr(a, X_GROUP5, 2, RAX);
    }
}

void asm_align(Asm *a, unsigned align, unsigned ahead)
{
    /* The recommended multi-byte forms, SDM volume 2, NOP. */
    static const uint8_t nops[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    unsigned pad = -((uintptr_t)asm_here(a) + ahead) & (align - 1);

    while (pad) {
        unsigned n = pad < 9 ? pad : 9;

        memcpy(a->p, nops[n - 1], n);
        a->p += n;
        pad -= n;
    }
}
