/*
 * The window at 0xa0000 into video memory: planes, latches, and the ways to write them. IBM VGA technical
 * reference, "graphics controller"; FreeVGA, "Accessing the VGA Display Memory".
 */
#include "hw/display/vga-internal.h"
#include <string.h>

#define CHAIN4 8      /* sr[4] */
#define ODD_EVEN 0x10 /* gr[5] */

/* The offset in the window as an address of video memory; false: the window is elsewhere now. */
static bool window_address(const Vga *s, uint64_t offset, uint32_t *addr)
{
    static const struct {
        uint32_t start, size;
    } maps[] = {{0, 0x20000}, {0, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};
    unsigned map = s->gr[6] >> 2 & 3;
    if (offset < maps[map].start || offset - maps[map].start >= maps[map].size) {
        return false;
    }
    *addr = offset - maps[map].start;
    if (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) {
        *addr += (uint32_t)s->dispi[DISPI_BANK] << 16;
    }
    return true;
}

/* The byte at @index of video memory, which wraps around. */
static uint8_t *byte_at(const Vga *s, uint32_t index)
{
    return s->vram->host + (index & (s->vram->size - 1));
}

static uint8_t compare_colors(const Vga *s)
{
    uint8_t match = 0xff;
    for (unsigned plane = 0; plane < 4; plane++) {
        uint8_t want = s->gr[2] >> plane & 1 ? 0xff : 0;
        if (s->gr[7] >> plane & 1) {
            match &= ~(s->latch[plane] ^ want);
        }
    }
    return match;
}

static uint8_t read_byte(Vga *s, uint64_t offset)
{
    uint32_t addr;
    if (!window_address(s, offset, &addr)) {
        return 0xff;
    }
    if (s->sr[4] & CHAIN4) {
        return *byte_at(s, addr);
    }
    if (s->gr[5] & ODD_EVEN) {
        return *byte_at(s, (addr & ~1u) << 1 | (s->gr[4] & 2) | (addr & 1));
    }
    memcpy(s->latch, byte_at(s, addr << 2), 4);
    return s->gr[5] & 8 ? compare_colors(s) : s->latch[s->gr[4] & 3];
}

static uint8_t combine(unsigned function, uint8_t value, uint8_t latch)
{
    switch (function) {
    case 1: return value & latch;
    case 2: return value | latch;
    case 3: return value ^ latch;
    default: return value;
    }
}

/* What write mode 0..3 makes of @value for @plane. */
static uint8_t plane_value(const Vga *s, unsigned plane, uint8_t value)
{
    unsigned rotate = s->gr[3] & 7, function = s->gr[3] >> 3 & 3;
    uint8_t rotated = value >> rotate | value << (8 - rotate), latch = s->latch[plane];
    uint8_t set = s->gr[0] >> plane & 1 ? 0xff : 0, mask = s->gr[8];
    switch (s->gr[5] & 3) {
    case 1: return latch;
    case 2: value = combine(function, value >> plane & 1 ? 0xff : 0, latch); break;
    case 3:
        mask &= rotated;
        value = set;
        break;
    default: value = combine(function, s->gr[1] >> plane & 1 ? set : rotated, latch); break;
    }
    return (value & mask) | (latch & ~mask);
}

static void write_byte(Vga *s, uint64_t offset, uint8_t value)
{
    uint32_t addr;
    if (!window_address(s, offset, &addr)) {
        return;
    }
    if (s->sr[4] & CHAIN4) {
        if (s->sr[2] >> (addr & 3) & 1) {
            *byte_at(s, addr) = value;
        }
        return;
    }
    if (s->gr[5] & ODD_EVEN) {
        unsigned plane = (s->gr[4] & 2) | (addr & 1);
        if (s->sr[2] >> plane & 1) {
            *byte_at(s, (addr & ~1u) << 1 | plane) = value;
        }
        return;
    }
    for (unsigned plane = 0; plane < 4; plane++) {
        if (s->sr[2] >> plane & 1) {
            *byte_at(s, addr << 2 | plane) = plane_value(s, plane, value);
        }
    }
}

uint64_t vga_window_read(void *opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)read_byte(opaque, offset + i) << 8 * i;
    }
    return value;
}

void vga_window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        write_byte(opaque, offset + i, value >> 8 * i);
    }
}
