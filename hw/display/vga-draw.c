/*
 * The picture of the VGA: text, planar and packed graphics of its own modes, and those of the display interface.
 *
 * VGA's own modes are drawn as its CRT controller counts: for each scan line position() has the address, the line in the
 * character row and the panning; what is shown of them is the sequencer's and the attribute controller's. Where
 * lines are the same by design (double scan, rows of graphics) the picture has one of them. Sources: IBM VGA technical
 * reference; FreeVGA, "CRT Controller Registers", "Attribute Controller Registers", "VGA Text Mode Operation".
 *
 * Sizes are whatever the guest's registers say; every address is taken modulo the size of video memory.
 */
#include "hw/display/vga-internal.h"
#include "softmmu/clock.h"
#include <string.h>

#define GRAPHICS 1          /* gr[6] */
#define INTERLEAVED 0x20    /* gr[5] */
#define PACKED 0x40         /* gr[5] */
#define SCREEN_OFF 0x20     /* sr[1] */
#define EIGHT_DOTS 1        /* sr[1] */
#define MONO_EMULATION 0x02 /* ar[0x10] */
#define LINE_GRAPHICS 0x04  /* ar[0x10] */
#define BLINK 0x08          /* ar[0x10] */
#define PAN_UPPER_ONLY 0x20 /* ar[0x10] */
#define MAX_COLUMNS 256
#define FRAMES_PER_SECOND 70 /* of most modes */

static const uint8_t *byte_at(const Vga *s, uint32_t index)
{
    return s->vram->host + (index & (s->vram->size - 1));
}

/* Entry @n of the palette. */
static uint32_t dac_color(const Vga *s, uint8_t n)
{
    const uint8_t *entry = s->palette + 3 * (n & s->dac_mask);
    uint32_t color = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t v = entry[i];
        if (!(s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC)) {
            v = (v & 63) << 2 | (v & 63) >> 4;
        }
        color = color << 8 | v;
    }
    return color;
}

/* One of the 16 colours, by the attribute controller. */
static uint32_t attribute_color(const Vga *s, uint8_t n)
{
    uint8_t entry = s->ar[n & 15] & 0x3f, select = s->ar[0x14];
    if (s->ar[0x10] & 0x80) {
        return dac_color(s, (entry & 15) | (select & 15) << 4);
    }
    return dac_color(s, entry | (select & 12) << 4);
}

/* ---- What the CRT controller counts ---- */

/* Bits 8 and 9 of a number of lines are in registers 7 and another one. */
static unsigned display_lines(const Vga *s)
{
    unsigned lines = (s->cr[0x12] | (s->cr[7] & 2) << 7 | (s->cr[7] & 0x40) << 3) + 1;
    return s->cr[0x17] & 4 ? 2 * lines : lines; /* its counter may count every other line */
}

static unsigned line_compare(const Vga *s)
{
    return s->cr[0x18] | (s->cr[7] & 0x10) << 4 | (s->cr[9] & 0x40) << 3;
}

static unsigned row_height(const Vga *s)
{
    return (s->cr[9] & 31) + 1;
}

/* Frames since the guest's clock began: what blinks goes by them. */
static uint64_t frame(const Vga *s)
{
    return clock_now(s->pci.dev.machine->clock) / (NS_PER_SECOND / FRAMES_PER_SECOND);
}

typedef struct Position {
    uint32_t addr; /* of the first character or eight pixels */
    uint32_t mask; /* bits of an address that count; then these are set */
    uint32_t bank;
    unsigned scan; /* line within the row */
    unsigned pan;  /* as the register has it */
} Position;

static uint32_t planar_address(const Position *p, unsigned n)
{
    return ((p->addr + n) & p->mask) | p->bank;
}

/* CGA and Hercules have lines of a row in other parts of memory: bits 13 and 14 of the address may be those of the line.
 * With addresses in words, as the window's odd/even mode has them, they are each one lower here. */
static void set_bank(const Vga *s, Position *p)
{
    unsigned shift = 12 + (s->cr[0x17] >> 6 & 1);

    for (unsigned i = 0; i < 2; i++) {
        if (!(s->cr[0x17] >> i & 1)) {
            p->mask &= ~(1u << (shift + i));
            p->bank |= (p->scan >> i & 1) << (shift + i);
        }
    }
}

/* Scan line @y. Behind that of the line compare register the addresses begin again at 0. */
static Position position(const Vga *s, unsigned y)
{
    bool modern = s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
    bool lower = y > line_compare(s) && !modern;
    bool panned = !lower || !(s->ar[0x10] & PAN_UPPER_ONLY);
    unsigned line = (lower ? y - line_compare(s) - 1 : y) >> (s->cr[9] >> 7);
    Position p = {.mask = modern ? UINT32_MAX : 0xffff};

    line += lower ? 0 : s->cr[8] & 31;
    p.scan = line % row_height(s);
    p.addr = lower ? 0 : s->cr[0xc] << 8 | s->cr[0xd];
    p.addr += (panned ? s->cr[8] >> 5 & 3 : 0) + line / row_height(s) * s->cr[0x13] * 2;
    p.pan = panned ? s->ar[0x13] & 15 : 0;
    set_bank(s, &p);
    return p;
}

/* ---- Text ---- */

typedef struct TextMode {
    unsigned columns, glyph_width;
    uint32_t colors[16];
    uint32_t fonts[2]; /* offsets in plane 2 */
    uint32_t cursor;   /* where it is, if it is to be seen */
    bool cursor_on;
    bool blink, hidden; /* bit 7 of attributes means that; what blinks is not to be seen now */
} TextMode;

/* Where in plane 2 font @n is, in units of 8 KiB that are not in order. */
static uint32_t font_offset(unsigned n)
{
    return ((n & 3) * 2 + (n >> 2 & 1)) * 0x2000;
}

/* The cursor is there for 8 of 16 frames, blinking characters for 16 of 32. */
static TextMode text_mode(const Vga *s)
{
    TextMode t = {
        .columns = s->cr[1] + 1,
        .glyph_width = s->sr[1] & EIGHT_DOTS ? 8 : 9,
        .fonts = {font_offset((s->sr[3] & 3) | (s->sr[3] >> 2 & 4)),
                  font_offset((s->sr[3] >> 2 & 3) | (s->sr[3] >> 3 & 4))},
        .cursor = (s->cr[0xe] << 8 | s->cr[0xf]) + (s->cr[0xb] >> 5 & 3),
        .cursor_on = !(s->cr[0xa] & 0x20) && !(frame(s) & 8),
        .blink = s->ar[0x10] & BLINK,
        .hidden = frame(s) & 16,
    };

    for (unsigned i = 0; i < 16; i++) {
        t.colors[i] = attribute_color(s, i);
    }
    return t;
}

static bool has_cursor(const Vga *s, const TextMode *t, uint32_t cell, unsigned scan)
{
    return t->cursor_on && cell == t->cursor && scan >= (s->cr[0xa] & 31u) &&
           scan <= (s->cr[0xb] & 31u);
}

static void draw_cell(const Vga *s, const TextMode *t, uint32_t cell, unsigned scan, uint32_t *out)
{
    uint8_t code = *byte_at(s, cell << 2), attribute = *byte_at(s, cell << 2 | 1);
    uint32_t font = t->fonts[attribute >> 3 & 1];
    unsigned bits = *byte_at(s, (font + code * 32 + scan) << 2 | 2) << 1;
    uint32_t fg = t->colors[attribute & 15];
    uint32_t bg = t->colors[t->blink ? attribute >> 4 & 7 : attribute >> 4];

    if ((s->ar[0x10] & LINE_GRAPHICS) && code >= 0xc0 && code <= 0xdf) {
        bits |= bits >> 1 & 1; /* line drawing goes on into the gap */
    }
    if ((s->ar[0x10] & MONO_EMULATION) && (attribute & 7) == 1 && scan == (s->cr[0x14] & 31u)) {
        bits = 0x1ff; /* underlined */
    }
    if (t->blink && t->hidden && (attribute & 0x80)) {
        bits = 0;
    }
    if (has_cursor(s, t, cell, scan)) {
        bits = 0x1ff;
    }
    for (unsigned x = 0; x < t->glyph_width; x++) {
        out[x] = bits >> (8 - x) & 1 ? fg : bg;
    }
}

/* Of nine dots none is panned by 8, and one by 0. */
static unsigned text_pan(const TextMode *t, unsigned pan)
{
    if (t->glyph_width == 9) {
        return pan < 8 ? pan + 1 : 0;
    }
    return pan < 8 ? pan : 0;
}

static void draw_text(const Vga *s, DisplaySurface *surface)
{
    TextMode t = text_mode(s);
    uint32_t line[(MAX_COLUMNS + 1) * 9];
    unsigned repeat = s->cr[9] >> 7;

    display_resize(surface, t.columns * t.glyph_width, display_lines(s) >> repeat);
    for (unsigned y = 0; y < surface->height; y++) {
        Position p = position(s, y << repeat);
        for (unsigned x = 0; x <= t.columns; x++) {
            draw_cell(s, &t, planar_address(&p, x), p.scan, line + x * t.glyph_width);
        }
        display_line(surface, y, line + text_pan(&t, p.pan));
    }
}

/* ---- VGA's own graphics ---- */

/* Eight pixels of a bit in each plane. */
static void planar_pixels(const Vga *s, uint32_t addr, const uint32_t *colors, uint32_t *out)
{
    const uint8_t *planes = byte_at(s, addr << 2);

    for (unsigned x = 0; x < 8; x++) {
        unsigned n = 0;
        for (unsigned plane = 0; plane < 4; plane++) {
            n |= (planes[plane] >> (7 - x) & 1) << plane;
        }
        out[x] = colors[n & s->ar[0x12] & 15];
    }
}

/* Eight pixels of two bits in an even plane, and then in an odd one; the upper planes have the upper two bits. */
static void interleaved_pixels(const Vga *s, uint32_t addr, const uint32_t *colors, uint32_t *out)
{
    const uint8_t *planes = byte_at(s, addr << 2);

    for (unsigned x = 0; x < 8; x++) {
        unsigned plane = x >> 2, shift = 6 - 2 * (x & 3);
        unsigned n = (planes[plane] >> shift & 3) | (planes[plane + 2] >> shift & 3) << 2;
        out[x] = colors[n & s->ar[0x12] & 15];
    }
}

/* Four pixels of a byte, one from each plane. */
static void packed_pixels(const Vga *s, uint32_t addr, uint32_t *out)
{
    const uint8_t *planes = byte_at(s, addr << 2);

    for (unsigned x = 0; x < 4; x++) {
        out[x] = dac_color(s, planes[x]);
    }
}

static void draw_graphics(const Vga *s, DisplaySurface *surface)
{
    bool packed = s->gr[5] & PACKED;
    unsigned columns = s->cr[1] + 1, step = packed ? 4 : 8, repeat = 1u << (s->cr[9] >> 7);
    uint32_t line[(MAX_COLUMNS + 1) * 8], colors[16];

    if ((s->cr[0x17] & 3) == 3) { /* all lines of a row are from the same addresses */
        repeat *= row_height(s);
    }
    for (unsigned i = 0; i < 16; i++) {
        colors[i] = attribute_color(s, i);
    }
    display_resize(surface, columns * step, display_lines(s) / repeat);
    for (unsigned y = 0; y < surface->height; y++) {
        Position p = position(s, y * repeat);
        for (unsigned x = 0; x <= columns; x++) {
            uint32_t addr = planar_address(&p, x), *out = line + x * step;
            if (packed) {
                packed_pixels(s, addr, out);
            } else if (s->gr[5] & INTERLEAVED) {
                interleaved_pixels(s, addr, colors, out);
            } else {
                planar_pixels(s, addr, colors, out);
            }
        }
        display_line(surface, y, line + (packed ? p.pan >> 1 & 3 : p.pan & 7));
    }
}

/* ---- The display interface ---- */

static uint32_t scale(uint32_t value, unsigned bits)
{
    return value << (8 - bits) | value >> (2 * bits - 8);
}

static uint32_t pixel(const Vga *s, uint32_t at, unsigned bpp)
{
    uint32_t v = *byte_at(s, at);
    if (bpp == 8) {
        return dac_color(s, v);
    }
    v |= *byte_at(s, at + 1) << 8;
    if (bpp == 15) {
        return scale(v >> 10 & 31, 5) << 16 | scale(v >> 5 & 31, 5) << 8 | scale(v & 31, 5);
    }
    if (bpp == 16) {
        return scale(v >> 11, 5) << 16 | scale(v >> 5 & 63, 6) << 8 | scale(v & 31, 5);
    }
    return v | *byte_at(s, at + 2) << 16;
}

static void draw_dispi(const Vga *s, DisplaySurface *surface)
{
    unsigned bpp = s->dispi[DISPI_BPP], bytes = (bpp + 7) / 8;
    uint32_t pitch = s->dispi[DISPI_VIRT_WIDTH] * bytes;
    uint32_t start = s->dispi[DISPI_Y_OFFSET] * pitch + s->dispi[DISPI_X_OFFSET] * bytes;
    display_resize(surface, s->dispi[DISPI_XRES], s->dispi[DISPI_YRES]);
    uint32_t *line = g_new(uint32_t, surface->width);
    for (unsigned y = 0; y < surface->height; y++) {
        for (unsigned x = 0; x < surface->width; x++) {
            line[x] = pixel(s, start + y * pitch + x * bytes, bpp);
        }
        display_line(surface, y, line);
    }
    g_free(line);
}

static void draw_blank(DisplaySurface *surface)
{
    display_resize(surface, 640, 400);
    uint32_t line[640] = {0};
    for (unsigned y = 0; y < surface->height && surface->width == 640; y++) {
        display_line(surface, y, line);
    }
}

void vga_render(void *opaque, DisplaySurface *surface)
{
    const Vga *s = opaque;
    if (s->dispi[DISPI_ENABLE] & DISPI_ENABLED) {
        if (s->dispi[DISPI_BPP] == 4) {
            draw_graphics(s, surface);
        } else {
            draw_dispi(s, surface);
        }
    } else if (!(s->ar_index & 0x20) || (s->sr[1] & SCREEN_OFF)) {
        draw_blank(surface);
    } else if (s->gr[6] & GRAPHICS) {
        draw_graphics(s, surface);
    } else {
        draw_text(s, surface);
    }
}
