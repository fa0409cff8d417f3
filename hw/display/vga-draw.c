/*
 * The picture of the VGA: text, planar and packed graphics of its own modes, and those of the display interface.
 *
 * Sizes are whatever the guest's registers say; every address is taken modulo the size of video memory.
 */
#include "hw/display/vga-internal.h"
#include <string.h>

#define GRAPHICS 1 /* gr[6] */

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

static unsigned display_lines(const Vga *s)
{
    return (s->cr[0x12] | (s->cr[7] & 2) << 7 | (s->cr[7] & 0x40) << 3) + 1;
}

static uint32_t start_address(const Vga *s)
{
    return s->cr[0xc] << 8 | s->cr[0xd];
}

/* ---- Text ---- */

typedef struct TextMode {
    unsigned columns, rows, glyph_height, glyph_width;
    uint32_t colors[16];
    uint32_t fonts[2]; /* offsets in plane 2 */
} TextMode;

/* Where in plane 2 font @n is, in units of 8 KiB that are not in order. */
static uint32_t font_offset(unsigned n)
{
    return ((n & 3) * 2 + (n >> 2 & 1)) * 0x2000;
}

static bool cursor_on(const Vga *s, uint32_t cell, unsigned line)
{
    uint32_t at = s->cr[0xe] << 8 | s->cr[0xf];
    return cell == at && !(s->cr[0xa] & 0x20) && line >= (s->cr[0xa] & 31u) &&
           line <= (s->cr[0xb] & 31u);
}

static void draw_cell(const Vga *s, const TextMode *t, uint32_t cell, unsigned line, uint32_t *out)
{
    uint8_t code = *byte_at(s, cell << 2), attribute = *byte_at(s, cell << 2 | 1);
    uint32_t font = t->fonts[attribute >> 3 & 1];
    uint8_t bits = *byte_at(s, (font + code * 32 + line) << 2 | 2);
    bool blink_mode = s->ar[0x10] & 8;
    uint32_t fg = t->colors[attribute & 15];
    uint32_t bg = t->colors[blink_mode ? attribute >> 4 & 7 : attribute >> 4];
    if (cursor_on(s, cell, line)) {
        bits = 0xff;
    }
    for (unsigned x = 0; x < 8; x++) {
        out[x] = bits >> (7 - x) & 1 ? fg : bg;
    }
    if (t->glyph_width == 9) { /* line drawing goes on into the gap */
        bool extend = (s->ar[0x10] & 4) && code >= 0xc0 && code <= 0xdf;
        out[8] = extend && (bits & 1) ? fg : bg;
    }
}

static void draw_text(const Vga *s, DisplaySurface *surface)
{
    TextMode t = {
        .columns = s->cr[1] + 1,
        .glyph_height = (s->cr[9] & 31) + 1,
        .glyph_width = s->sr[1] & 1 ? 8 : 9,
        .fonts = {font_offset((s->sr[3] & 3) | (s->sr[3] >> 2 & 4)),
                  font_offset((s->sr[3] >> 2 & 3) | (s->sr[3] >> 3 & 4))},
    };
    uint32_t line[256 * 9], pitch = s->cr[0x13] * 2;
    t.rows = MAX(display_lines(s) / t.glyph_height, 1);
    for (unsigned i = 0; i < 16; i++) {
        t.colors[i] = attribute_color(s, i);
    }
    display_resize(surface, t.columns * t.glyph_width, t.rows * t.glyph_height);
    for (unsigned y = 0; y < surface->height; y++) {
        uint32_t cell = start_address(s) + y / t.glyph_height * pitch;
        for (unsigned x = 0; x < t.columns; x++) {
            draw_cell(s, &t, cell + x, y % t.glyph_height, line + x * t.glyph_width);
        }
        display_line(surface, y, line);
    }
}

/* ---- VGA's own graphics ---- */

static void planar_line(const Vga *s, uint32_t addr, const uint32_t *colors, uint32_t *out,
                        unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        const uint8_t *planes = byte_at(s, (addr + x / 8) << 2);
        unsigned shift = 7 - x % 8, n = 0;
        for (unsigned p = 0; p < 4; p++) {
            n |= (planes[p] >> shift & 1) << p;
        }
        out[x] = colors[n & s->ar[0x12]];
    }
}

/* Two bits a pixel, in even and odd planes. */
static void cga_line(const Vga *s, uint32_t addr, const uint32_t *colors, uint32_t *out,
                     unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        uint8_t byte = *byte_at(s, (addr + x / 8) << 2 | (x >> 2 & 1));
        out[x] = colors[byte >> (6 - 2 * (x & 3)) & 3];
    }
}

static void draw_graphics(const Vga *s, DisplaySurface *surface)
{
    bool packed = s->gr[5] & 0x40;
    unsigned width = (s->cr[1] + 1) * (packed ? 4 : 8), lines = display_lines(s);
    unsigned repeat = ((s->cr[9] & 31) + 1) << (s->cr[9] >> 7);
    uint32_t line[256 * 8], colors[16], pitch = s->cr[0x13] * 2;
    for (unsigned i = 0; i < 16; i++) {
        colors[i] = attribute_color(s, i);
    }
    display_resize(surface, width, lines / repeat);
    for (unsigned y = 0; y < surface->height; y++) {
        uint32_t row = y, bank = 0;
        if (!(s->cr[0x17] & 1)) { /* CGA: odd lines are in the other half */
            bank = (y & 1) << 13;
            row = y >> 1;
        }
        uint32_t addr = start_address(s) + row * pitch + bank;
        if (packed) {
            for (unsigned x = 0; x < width; x++) {
                line[x] = dac_color(s, *byte_at(s, (addr << 2) + x));
            }
        } else if (s->gr[5] & 0x20) {
            cga_line(s, addr, colors, line, width);
        } else {
            planar_line(s, addr, colors, line, width);
        }
        display_line(surface, y, line);
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
    } else if (!(s->ar_index & 0x20)) { /* the screen is off */
        draw_blank(surface);
    } else if (s->gr[6] & GRAPHICS) {
        draw_graphics(s, surface);
    } else {
        draw_text(s, surface);
    }
}
