/*
 * A small x86-64 assembler: encoders that the emitter calls with registers and operands.
 *
 * An instruction is described by one word (X86Op): opcode byte, opcode map, mandatory prefix and
 * operand size. The same word serves the legacy and the VEX encoding, so that SSE and AVX forms
 * share a table. Operands are always written in the order of the reg field first, then the r/m
 * field.
 *
 * Encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2
 * (formats) and the instruction pages. tests/ir/test-emit.c checks them by executing them.
 *
 * Code is written through the writable view (Asm.p) and addressed as it is executed (asm_here()).
 */
#ifndef AMPHI_TCG_X86_64_ASM_H
#define AMPHI_TCG_X86_64_ASM_H

#include "softmmu/base/bits.h"
#include <string.h>

/* Host registers of both classes in one numbering. */
/* clang-format off */
typedef enum HostReg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
    XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7, XMM8, XMM9, XMM10, XMM11, XMM12, XMM13,
    XMM14, XMM15,
    NHOSTREGS,
    NOREG = 0xff
} HostReg;
/* clang-format on */

typedef struct Asm {
    uint8_t *p;        /* next byte, in the writable view */
    ptrdiff_t to_exec; /* executable address - writable address */
} Asm;

#define X_0F (1u << 8)
#define X_0F38 (2u << 8)
#define X_0F3A (3u << 8)
#define X_66 (1u << 10)
#define X_F3 (2u << 10)
#define X_F2 (3u << 10)
#define X_W (1u << 12)    /* 64-bit operand */
#define X_BREG (1u << 13) /* reg field names a byte register */
#define X_BRM (1u << 14)  /* r/m field names a byte register */
#define X_L (1u << 15)    /* VEX: 256 bits */

/* The eight classic operations: register <- register op r/m. */
#define X_ALU(n) (0x03u + 8 * (n))
#define X_ALU_MR(n) (0x01u + 8 * (n)) /* r/m <- r/m op register */
typedef enum AluOp { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP } AluOp;
typedef enum ShiftOp { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL = 4, SHIFT_SHR = 5, SHIFT_SAR = 7 } ShiftOp;

/* clang-format off */
typedef enum X86Op {
    /* Integer. */
    X_MOV = 0x8b, X_MOV_MR = 0x89, X_MOV8_MR = 0x88 | X_BREG, X_MOV16_MR = 0x89 | X_66,
    X_MOV_MI = 0xc7, X_MOV8_MI = 0xc6, X_MOV16_MI = 0xc7 | X_66,
    X_LEA = 0x8d, X_TEST = 0x85, X_XCHG = 0x87,
    X_MOVZX8 = 0xb6 | X_0F | X_BRM, X_MOVZX16 = 0xb7 | X_0F,
    X_MOVSX8 = 0xbe | X_0F | X_BRM, X_MOVSX16 = 0xbf | X_0F, X_MOVSXD = 0x63 | X_W,
    X_IMUL = 0xaf | X_0F, X_IMUL_I = 0x69, X_IMUL_I8 = 0x6b,
    X_GROUP3 = 0xf7,    /* /2 not /3 neg /4 mul /5 imul /6 div /7 idiv, /0 test imm */
    X_GROUP3B = 0xf6 | X_BRM,
    X_GROUP5 = 0xff,    /* /2 call /4 jmp /6 push */
    X_SHIFT_I = 0xc1, X_SHIFT_CL = 0xd3,
    X_ALU_I8 = 0x83, X_ALU_I = 0x81,
    X_CMOV = 0x40 | X_0F, X_SETCC = 0x90 | X_0F | X_BRM,
    X_BSF = 0xbc | X_0F, X_BSR = 0xbd | X_0F,
    X_TZCNT = 0xbc | X_0F | X_F3, X_LZCNT = 0xbd | X_0F | X_F3, X_POPCNT = 0xb8 | X_0F | X_F3,
    X_STMXCSR = 0xae | X_0F, /* /3 */
    X_CMPXCHG = 0xb1 | X_0F, X_XADD = 0xc1 | X_0F,
    /* VEX integer. */
    X_ANDN = 0xf2 | X_0F38, X_SHLX = 0xf7 | X_0F38 | X_66, X_SARX = 0xf7 | X_0F38 | X_F3,
    X_SHRX = 0xf7 | X_0F38 | X_F2, X_RORX = 0xf0 | X_0F3A | X_F2, X_MULX = 0xf6 | X_0F38 | X_F2,

    /* Moves between and with vector registers. */
    X_MOVAPS = 0x28 | X_0F, X_MOVUPS = 0x10 | X_0F, X_MOVUPS_MR = 0x11 | X_0F,
    X_MOVAPS_MR = 0x29 | X_0F,
    X_MOVSS = 0x10 | X_0F | X_F3, X_MOVSS_MR = 0x11 | X_0F | X_F3,
    X_MOVSD = 0x10 | X_0F | X_F2, X_MOVSD_MR = 0x11 | X_0F | X_F2,
    X_MOVD_X = 0x6e | X_0F | X_66, X_MOVD_R = 0x7e | X_0F | X_66, /* + X_W: 64 bits */

    /* Scalar FP: single; + X_F2 - X_F3 = double, see x_sd(). */
    X_ADDSS = 0x58 | X_0F | X_F3, X_MULSS = 0x59 | X_0F | X_F3, X_SUBSS = 0x5c | X_0F | X_F3,
    X_MINSS = 0x5d | X_0F | X_F3, X_DIVSS = 0x5e | X_0F | X_F3, X_MAXSS = 0x5f | X_0F | X_F3,
    X_SQRTSS = 0x51 | X_0F | X_F3, X_CMPSS = 0xc2 | X_0F | X_F3,
    X_UCOMISS = 0x2e | X_0F, X_COMISS = 0x2f | X_0F, /* | X_66: double */
    X_CVTSS2SD = 0x5a | X_0F | X_F3, X_CVTSD2SS = 0x5a | X_0F | X_F2,
    X_CVTSI2SS = 0x2a | X_0F | X_F3, X_CVTSS2SI = 0x2d | X_0F | X_F3,
    X_CVTTSS2SI = 0x2c | X_0F | X_F3,
    X_ROUNDSS = 0x0a | X_0F3A | X_66, X_ROUNDSD = 0x0b | X_0F3A | X_66,
    X_FMADD231SS = 0xb9 | X_0F38 | X_66, X_FMSUB231SS = 0xbb | X_0F38 | X_66,
    X_FNMADD231SS = 0xbd | X_0F38 | X_66, X_FNMSUB231SS = 0xbf | X_0F38 | X_66,

    /* Packed. */
    X_ANDPS = 0x54 | X_0F, X_ANDNPS = 0x55 | X_0F, X_ORPS = 0x56 | X_0F, X_XORPS = 0x57 | X_0F,
    X_PXOR = 0xef | X_0F | X_66, X_PAND = 0xdb | X_0F | X_66, X_POR = 0xeb | X_0F | X_66,
    X_PADDB = 0xfc | X_0F | X_66, X_PADDW = 0xfd | X_0F | X_66, X_PADDD = 0xfe | X_0F | X_66,
    X_PADDQ = 0xd4 | X_0F | X_66, X_PSUBB = 0xf8 | X_0F | X_66, X_PSUBW = 0xf9 | X_0F | X_66,
    X_PSUBD = 0xfa | X_0F | X_66, X_PSUBQ = 0xfb | X_0F | X_66,
    X_PSHUFD = 0x70 | X_0F | X_66, X_PSHUFLW = 0x70 | X_0F | X_F2,
    X_PUNPCKLBW = 0x60 | X_0F | X_66, X_PUNPCKLQDQ = 0x6c | X_0F | X_66,
    X_PMULLW = 0xd5 | X_0F | X_66, X_PMULLD = 0x40 | X_0F38 | X_66,
    X_PMINSB = 0x38 | X_0F38 | X_66, X_PMINSW = 0xea | X_0F | X_66, X_PMINSD = 0x39 | X_0F38 | X_66,
    X_PMAXSB = 0x3c | X_0F38 | X_66, X_PMAXSW = 0xee | X_0F | X_66, X_PMAXSD = 0x3d | X_0F38 | X_66,
    X_PMINUB = 0xda | X_0F | X_66, X_PMINUW = 0x3a | X_0F38 | X_66, X_PMINUD = 0x3b | X_0F38 | X_66,
    X_PMAXUB = 0xde | X_0F | X_66, X_PMAXUW = 0x3e | X_0F38 | X_66, X_PMAXUD = 0x3f | X_0F38 | X_66,
    X_PADDSB = 0xec | X_0F | X_66, X_PADDSW = 0xed | X_0F | X_66,
    X_PADDUSB = 0xdc | X_0F | X_66, X_PADDUSW = 0xdd | X_0F | X_66,
    X_PSUBSB = 0xe8 | X_0F | X_66, X_PSUBSW = 0xe9 | X_0F | X_66,
    X_PSUBUSB = 0xd8 | X_0F | X_66, X_PSUBUSW = 0xd9 | X_0F | X_66,
    X_PMULHW = 0xe5 | X_0F | X_66, X_PMULHUW = 0xe4 | X_0F | X_66,
    X_PAVGB = 0xe0 | X_0F | X_66, X_PAVGW = 0xe3 | X_0F | X_66,
    X_PCMPEQB = 0x74 | X_0F | X_66, X_PCMPEQW = 0x75 | X_0F | X_66, X_PCMPEQD = 0x76 | X_0F | X_66,
    X_PCMPEQQ = 0x29 | X_0F38 | X_66,
    X_PCMPGTB = 0x64 | X_0F | X_66, X_PCMPGTW = 0x65 | X_0F | X_66, X_PCMPGTD = 0x66 | X_0F | X_66,
    X_PCMPGTQ = 0x37 | X_0F38 | X_66,
    X_PANDN = 0xdf | X_0F | X_66, X_VPBLENDVB = 0x4c | X_0F3A | X_66, /* mask register: imm8[7:4] */
    X_PMOVMSKB = 0xd7 | X_0F | X_66, X_MOVMSKPS = 0x50 | X_0F, /* reg: general */
    X_PACKSSWB = 0x63 | X_0F | X_66, X_PACKUSWB = 0x67 | X_0F | X_66, X_PACKUSDW = 0x2b | X_0F38 | X_66,
    X_PSHUFB = 0x00 | X_0F38 | X_66, X_SHUFPS = 0xc6 | X_0F,
    X_PSRLDQ = 0x73 | X_0F | X_66, /* /3; VEX: result in vvvv */
    X_PALIGNR = 0x0f | X_0F3A | X_66,
    X_PINSRB = 0x20 | X_0F3A | X_66, X_PINSRW = 0xc4 | X_0F | X_66, X_PINSRD = 0x22 | X_0F3A | X_66,
    X_PMOVSXBW = 0x20 | X_0F38 | X_66, X_PMOVSXWD = 0x23 | X_0F38 | X_66, X_PMOVSXDQ = 0x25 | X_0F38 | X_66,
    X_PMOVZXBW = 0x30 | X_0F38 | X_66, X_PMOVZXWD = 0x33 | X_0F38 | X_66, X_PMOVZXDQ = 0x35 | X_0F38 | X_66,
    X_VEXTRACTI128 = 0x39 | X_0F3A | X_66 | X_L, /* reg: source */
    X_VINSERTI128 = 0x38 | X_0F3A | X_66 | X_L, X_VPERM2I128 = 0x46 | X_0F3A | X_66 | X_L,
    X_VPERMQ = 0x00 | X_0F3A | X_66 | X_W | X_L,
    /* Shifts by a constant: /6 left, /2 right, /4 right with sign; VEX: result in vvvv. By the low quadword of r/m. */
    X_PSHIFTW_I = 0x71 | X_0F | X_66, X_PSHIFTD_I = 0x72 | X_0F | X_66, X_PSHIFTQ_I = 0x73 | X_0F | X_66,
    X_PSLLW = 0xf1 | X_0F | X_66, X_PSRLW = 0xd1 | X_0F | X_66, X_PSRAW = 0xe1 | X_0F | X_66,
    X_PMULDQ = 0x28 | X_0F38 | X_66, X_PMULUDQ = 0xf4 | X_0F | X_66,
    X_PBLENDW = 0x0e | X_0F3A | X_66, X_VPBLENDD = 0x02 | X_0F3A | X_66,
    X_PMOVZXWQ = 0x34 | X_0F38 | X_66,
    /* W: 64-bit lanes. */
    X_VPSLLV = 0x47 | X_0F38 | X_66, X_VPSRLV = 0x45 | X_0F38 | X_66, X_VPSRAVD = 0x46 | X_0F38 | X_66,
    X_VFMADD231PS = 0xb8 | X_0F38 | X_66, X_VFMSUB231PS = 0xba | X_0F38 | X_66,
    X_VFNMADD231PS = 0xbc | X_0F38 | X_66, X_VFNMSUB231PS = 0xbe | X_0F38 | X_66,
    /* | X_66: double */
    X_ADDPS = 0x58 | X_0F, X_SUBPS = 0x5c | X_0F, X_MULPS = 0x59 | X_0F, X_DIVPS = 0x5e | X_0F,
    X_CVTPS2PD = 0x5a | X_0F, X_CVTPD2PS = 0x5a | X_0F | X_66,
    X_CVTDQ2PS = 0x5b | X_0F, X_CVTPS2DQ = 0x5b | X_0F | X_66, X_CVTTPS2DQ = 0x5b | X_0F | X_F3,
    X_CMPPS = 0xc2 | X_0F, X_SQRTPS = 0x51 | X_0F, X_MINPS = 0x5d | X_0F, X_MAXPS = 0x5f | X_0F,
    X_VZEROUPPER = 0x77 | X_0F,
    /* VEX; k registers by number. */
    X_KMOVD_K = 0x92 | X_0F | X_F2, X_KMOVD_R = 0x93 | X_0F | X_F2, X_KNOTD = 0x44 | X_0F | X_66 | X_W,
    /* EVEX. W: 16-bit lanes instead of 8, 64 instead of 32. */
    X_VPMOVM2B = 0x28 | X_0F38 | X_F3, X_VPMOVM2D = 0x38 | X_0F38 | X_F3,
    X_VPMOVB2M = 0x29 | X_0F38 | X_F3, X_VPMOVD2M = 0x39 | X_0F38 | X_F3,
    X_VPBLENDMB = 0x66 | X_0F38 | X_66, X_VPBLENDMD = 0x64 | X_0F38 | X_66,
    X_VPCMPB = 0x3f | X_0F3A | X_66, X_VPCMPUB = 0x3e | X_0F3A | X_66, /* reg: k */
    X_VPCMPD = 0x1f | X_0F3A | X_66, X_VPCMPUD = 0x1e | X_0F3A | X_66,
    X_VPERMB = 0x8d | X_0F38 | X_66,
    X_VPSLLVW = 0x12 | X_0F38 | X_66 | X_W, X_VPSRLVW = 0x10 | X_0F38 | X_66 | X_W,
    X_VPSRAVW = 0x11 | X_0F38 | X_66 | X_W, X_VPSRAVQ = 0x46 | X_0F38 | X_66 | X_W,
    X_VPMULLQ = 0x40 | X_0F38 | X_66 | X_W,
    X_VPMINSQ = 0x39 | X_0F38 | X_66 | X_W, X_VPMAXSQ = 0x3d | X_0F38 | X_66 | X_W,
    X_VPMINUQ = 0x3b | X_0F38 | X_66 | X_W, X_VPMAXUQ = 0x3f | X_0F38 | X_66 | X_W,
    X_VCVTQQ2PD = 0xe6 | X_0F | X_F3 | X_W, X_VCVTUQQ2PD = 0x7a | X_0F | X_F3 | X_W,
    X_VCVTUDQ2PS = 0x7a | X_0F | X_F2, X_VCVTPS2UDQ = 0x79 | X_0F, X_VCVTTPS2UDQ = 0x78 | X_0F,
    X_VCVTPD2QQ = 0x7b | X_0F | X_66 | X_W, X_VCVTTPD2QQ = 0x7a | X_0F | X_66 | X_W,
    X_VCVTPD2UQQ = 0x79 | X_0F | X_66 | X_W, X_VCVTTPD2UQQ = 0x78 | X_0F | X_66 | X_W,
    X_VTESTPS = 0x0e | X_0F38 | X_66, X_VTESTPD = 0x0f | X_0F38 | X_66,
    X_VPBROADCASTB = 0x78 | X_0F38 | X_66, X_VPBROADCASTW = 0x79 | X_0F38 | X_66,
    X_VPBROADCASTD = 0x58 | X_0F38 | X_66, X_VPBROADCASTQ = 0x59 | X_0F38 | X_66,
} X86Op;
/* clang-format on */

/* Condition codes of jcc, setcc, cmovcc. cc ^ 1 inverts. */
typedef enum X86Cond {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G
} X86Cond;

/* The double form of a scalar single operation. */
static inline unsigned x_sd(unsigned op)
{
    return (op & ~X_F2) | X_F2;
}

static inline void asm_u8(Asm *a, unsigned v)
{
    *a->p++ = v;
}

static inline void asm_u32(Asm *a, uint32_t v)
{
    memcpy(a->p, &v, 4);
    a->p += 4;
}

static inline void asm_u64(Asm *a, uint64_t v)
{
    memcpy(a->p, &v, 8);
    a->p += 8;
}

/* The executable address of the next byte, and of a writable address. */
static inline uint8_t *asm_exec(const Asm *a, const uint8_t *writable)
{
    return (uint8_t *)writable + a->to_exec;
}

static inline uint8_t *asm_here(const Asm *a)
{
    return asm_exec(a, a->p);
}

static inline bool fits_s8(int64_t v)
{
    return v == (int8_t)v;
}

static inline bool fits_s32(int64_t v)
{
    return v == (int32_t)v;
}

/* The pieces of an instruction: each takes where to write and returns where that ends, so that the place stays in a
 * register (a->p may be among the bytes written, for all that the compiler knows). */

/* Prefixes, REX and opcode in the legacy encoding. */
static inline uint8_t *put_opcode(uint8_t *p, unsigned op, unsigned reg, unsigned index,
                                  unsigned rm)
{
    static const uint8_t prefix[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned pp = (op >> 10) & 3, map = (op >> 8) & 3;
    unsigned rex = (op & X_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (rm & 8) >> 3;

    if (pp) {
        *p++ = prefix[pp];
    }
    if (((op & X_BREG) && reg >= 4) || ((op & X_BRM) && rm >= 4)) {
        rex |= 0x40;
    }
    *p = 0x40 | rex;
    p += rex != 0;
    if (map) {
        *p++ = 0x0f;
        if (map > 1) {
            *p++ = map == 2 ? 0x38 : 0x3a;
        }
    }
    *p++ = op;
    return p;
}

/* The VEX encoding. */
static inline uint8_t *put_vex(uint8_t *p, unsigned op, unsigned reg, unsigned vvvv, unsigned index,
                               unsigned rm)
{
    unsigned pp = (op >> 10) & 3, map = (op >> 8) & 3;
    unsigned tail = ((~vvvv & 15) << 3) | (op & X_L ? 4 : 0) | pp;

    if (map == 1 && !(op & X_W) && !((index | rm) & 8)) {
        *p++ = 0xc5;
        *p++ = (~reg & 8) << 4 | tail;
    } else {
        *p++ = 0xc4;
        *p++ = (~reg & 8) << 4 | (~index & 8) << 3 | (~rm & 8) << 2 | map;
        *p++ = (op & X_W ? 0x80 : 0) | tail;
    }
    *p++ = op;
    return p;
}

static inline uint8_t *put_modrm_reg(uint8_t *p, unsigned reg, unsigned rm)
{
    *p++ = 0xc0 | (reg & 7) << 3 | (rm & 7);
    return p;
}

static inline unsigned disp_mod(unsigned base, int32_t disp)
{
    return disp == 0 && (base & 7) != RBP ? 0 : fits_s8(disp) ? 1 : 2;
}

/* There is room for four bytes, whether they count or not. */
static inline uint8_t *put_disp(uint8_t *p, unsigned mod, int32_t disp)
{
    memcpy(p, &disp, 4);
    return p + (mod == 2 ? 4 : mod);
}

static inline uint8_t *put_modrm_mem(uint8_t *p, unsigned reg, unsigned base, int32_t disp)
{
    unsigned mod = disp_mod(base, disp);

    *p++ = mod << 6 | (reg & 7) << 3 | (base & 7);
    if ((base & 7) == RSP) {
        *p++ = 0x24;
    }
    return put_disp(p, mod, disp);
}

static inline uint8_t *put_modrm_sib(uint8_t *p, unsigned reg, unsigned base, unsigned index,
                                     unsigned scale, int32_t disp)
{
    unsigned mod = disp_mod(base, disp);

    *p++ = mod << 6 | (reg & 7) << 3 | 4;
    *p++ = scale << 6 | (index & 7) << 3 | (base & 7);
    return put_disp(p, mod, disp);
}

static inline void x_opcode(Asm *a, unsigned op, unsigned reg, unsigned index, unsigned rm)
{
    a->p = put_opcode(a->p, op, reg, index, rm);
}

/* @trailing: bytes of the instruction after the displacement. */
static inline void asm_modrm_rip(Asm *a, unsigned reg, const void *target, unsigned trailing)
{
    asm_u8(a, (reg & 7) << 3 | 5);
    asm_u32(a, (const uint8_t *)target - (asm_here(a) + 4 + trailing));
}

/* Legacy encodings: register and register; memory at base + disp; memory at base + index << scale +
 * disp; memory at an executable address. */
static inline void x_rr(Asm *a, unsigned op, unsigned reg, unsigned rm)
{
    a->p = put_modrm_reg(put_opcode(a->p, op, reg & 15, 0, rm & 15), reg, rm);
}

static inline void x_rm(Asm *a, unsigned op, unsigned reg, unsigned base, int32_t disp)
{
    a->p = put_modrm_mem(put_opcode(a->p, op & ~X_BRM, reg & 15, 0, base & 15), reg, base, disp);
}

static inline void x_rmx(Asm *a, unsigned op, unsigned reg, unsigned base, unsigned index,
                         unsigned scale, int32_t disp)
{
    a->p = put_modrm_sib(put_opcode(a->p, op & ~X_BRM, reg & 15, index & 15, base & 15), reg, base,
                         index, scale, disp);
}

static inline void x_rip(Asm *a, unsigned op, unsigned reg, const void *target)
{
    x_opcode(a, op & ~X_BRM, reg & 15, 0, 0);
    asm_modrm_rip(a, reg, target, 0);
}

/* VEX encodings, with the second source in vvvv. */
static inline void v_rrr(Asm *a, unsigned op, unsigned reg, unsigned vvvv, unsigned rm)
{
    a->p = put_modrm_reg(put_vex(a->p, op, reg & 15, vvvv & 15, 0, rm & 15), reg, rm);
}

/* The EVEX encoding, registers 0 to 15, with mask register @k or 0: lanes that it leaves out stay as they are (of
 * blends: come from @vvvv). */
static inline void e_merge(Asm *a, unsigned op, unsigned k, unsigned reg, unsigned vvvv,
                           unsigned rm)
{
    uint8_t *p = a->p;

    *p++ = 0x62;
    *p++ = (~reg & 8) << 4 | 0x40 | (~rm & 8) << 2 | 0x10 | ((op >> 8) & 3);
    *p++ = (op & X_W ? 0x80 : 0) | (~vvvv & 15) << 3 | 4 | ((op >> 10) & 3);
    *p++ = (op & X_L ? 0x20 : 0) | 8 | (k & 0x87);
    *p++ = op;
    a->p = put_modrm_reg(p, reg, rm);
}

/* The same, and those lanes become 0. */
static inline void e_rrr(Asm *a, unsigned op, unsigned k, unsigned reg, unsigned vvvv, unsigned rm)
{
    e_merge(a, op, k ? k | 0x80 : 0, reg, vvvv, rm);
}

static inline void v_rrm(Asm *a, unsigned op, unsigned reg, unsigned vvvv, unsigned base,
                         int32_t disp)
{
    a->p = put_modrm_mem(put_vex(a->p, op, reg & 15, vvvv & 15, 0, base & 15), reg, base, disp);
}

static inline void v_rrmx(Asm *a, unsigned op, unsigned reg, unsigned vvvv, unsigned base,
                          unsigned index, unsigned scale, int32_t disp)
{
    a->p = put_modrm_sib(put_vex(a->p, op, reg & 15, vvvv & 15, index & 15, base & 15), reg, base,
                         index, scale, disp);
}

static inline void v_rip(Asm *a, unsigned op, unsigned reg, unsigned vvvv, const void *target)
{
    a->p = put_vex(a->p, op, reg & 15, vvvv & 15, 0, 0);
    asm_modrm_rip(a, reg, target, 0);
}

/* Clears the upper halves of all vector registers: before SSE code, which is slow otherwise on some hosts. */
static inline void x_vzeroupper(Asm *a)
{
    a->p = put_vex(a->p, X_VZEROUPPER, 0, 0, 0, 0);
}

/* Common instructions. @w is X_W for 64 bits, 0 for 32. */
static inline void x_mov(Asm *a, unsigned w, unsigned dst, unsigned src)
{
    x_rr(a, X_MOV | w, dst, src);
}

static inline void x_alu(Asm *a, AluOp op, unsigned w, unsigned dst, unsigned src)
{
    x_rr(a, X_ALU(op) | w, dst, src);
}

static inline void x_alu_imm(Asm *a, AluOp op, unsigned w, unsigned dst, int32_t imm)
{
    if (fits_s8(imm)) {
        x_rr(a, X_ALU_I8 | w, op, dst);
        asm_u8(a, imm);
    } else if (dst == RAX) {
        x_opcode(a, (0x05u + 8 * op) | w, 0, 0, 0);
        asm_u32(a, imm);
    } else {
        x_rr(a, X_ALU_I | w, op, dst);
        asm_u32(a, imm);
    }
}

/* Operation on memory with an immediate, 32 or 64 bits. */
static inline void x_alu_mem_imm(Asm *a, AluOp op, unsigned w, unsigned base, int32_t disp,
                                 int32_t imm)
{
    if (fits_s8(imm)) {
        x_rm(a, X_ALU_I8 | w, op, base, disp);
        asm_u8(a, imm);
    } else {
        x_rm(a, X_ALU_I | w, op, base, disp);
        asm_u32(a, imm);
    }
}

static inline void x_shift_imm(Asm *a, ShiftOp op, unsigned w, unsigned dst, unsigned count)
{
    x_rr(a, X_SHIFT_I | w, op, dst);
    asm_u8(a, count);
}

/* Shortest move of a constant; may change flags. */
void x_mov_imm(Asm *a, unsigned dst, uint64_t v);

/* Constant to 64 bits of memory; @scratch is used when it does not fit an immediate. */
void x_store_imm(Asm *a, unsigned base, int32_t disp, uint64_t v, unsigned scratch);

/* Jumps. Those to a place not yet known return it to asm_patch32() or asm_patch8(). */
static inline uint8_t *x_jcc32(Asm *a, X86Cond cc)
{
    asm_u8(a, 0x0f);
    asm_u8(a, 0x80 | cc);
    asm_u32(a, 0);
    return a->p - 4;
}

static inline uint8_t *x_jmp32(Asm *a)
{
    asm_u8(a, 0xe9);
    asm_u32(a, 0);
    return a->p - 4;
}

static inline uint8_t *x_jcc8(Asm *a, X86Cond cc)
{
    asm_u8(a, 0x70 | cc);
    asm_u8(a, 0);
    return a->p - 1;
}

static inline uint8_t *x_jmp8(Asm *a)
{
    asm_u8(a, 0xeb);
    asm_u8(a, 0);
    return a->p - 1;
}

/* Makes the jump whose displacement is at @at (writable) lead to here. */
static inline void asm_patch8(Asm *a, uint8_t *at)
{
    *at = a->p - (at + 1);
}

static inline void asm_patch32(Asm *a, uint8_t *at)
{
    int32_t rel = a->p - (at + 4);
    memcpy(at, &rel, 4);
}

/* Jumps to a known writable address of the same code, shortest form. */
void x_jmp_back(Asm *a, const uint8_t *target);
void x_jcc_back(Asm *a, X86Cond cc, const uint8_t *target);

/* Jump and call to an executable address within reach of a 32-bit displacement. */
static inline void x_jmp(Asm *a, const void *target)
{
    asm_u8(a, 0xe9);
    asm_u32(a, (const uint8_t *)target - (asm_here(a) + 4));
}

static inline void x_call(Asm *a, const void *target)
{
    asm_u8(a, 0xe8);
    asm_u32(a, (const uint8_t *)target - (asm_here(a) + 4));
}

/* Call of a C function anywhere; clobbers rax when it is far. */
void x_call_c(Asm *a, const void *fn);

/* Pads with no-operations until (address + @ahead) is a multiple of @align. */
void asm_align(Asm *a, unsigned align, unsigned ahead);

#endif
