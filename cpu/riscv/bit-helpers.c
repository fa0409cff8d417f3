/*
 * Helpers for bit-manipulation instructions that have no IR op (Zbb, Zbc and Zbkb). Pure functions.
 */
#include "cpu/riscv/helpers.h"

/* The 128-bit product of @a and @b without carries. */
static unsigned __int128 clmul128(uint64_t a, uint64_t b)
{
    unsigned __int128 product = 0, shifted = a;
    for (; b; b &= b - 1) {
        product ^= shifted << __builtin_ctzll(b);
    }
    return product;
}

uint64_t riscv_helper_clmul(Vcpu *vcpu, uint64_t a, uint64_t b)
{
    return (uint64_t)clmul128(a, b);
}

uint64_t riscv_helper_clmulh(Vcpu *vcpu, uint64_t a, uint64_t b)
{
    return (uint64_t)(clmul128(a, b) >> 64);
}

/* Bits 126..63 of the product. */
uint64_t riscv_helper_clmulr(Vcpu *vcpu, uint64_t a, uint64_t b)
{
    return (uint64_t)(clmul128(a, b) >> 63);
}

/* Each byte that is not 0 becomes 0xff. */
uint64_t riscv_helper_orc_b(Vcpu *vcpu, uint64_t v)
{
    const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t nonzero = (((v & low7) + low7) | v) & ~low7; /* bit 7 of each such byte */
    return (nonzero >> 7) * 0xff;
}

/* Reverses the bits of each byte. */
uint64_t riscv_helper_brev8(Vcpu *vcpu, uint64_t v)
{
    const uint64_t m1 = UINT64_C(0x5555555555555555), m2 = UINT64_C(0x3333333333333333),
                   m4 = UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v >> 1 & m1) | (v & m1) << 1;
    v = (v >> 2 & m2) | (v & m2) << 2;
    return (v >> 4 & m4) | (v & m4) << 4;
}
