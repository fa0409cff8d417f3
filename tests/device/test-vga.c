/*
 * The standard VGA: its modes as pictures, its memory's planes, and the display interface's limits.
 */
#include "hw/x86/boards.h"
#include "softmmu/display.h"
#include "tests/device/harness.h"
#include "ui/screendump.h"
#include <glib/gstdio.h>
#include <linux/pci_regs.h>
#include <string.h>

#define ECAM UINT64_C(0xb0000000)
#define CONFIG (ECAM + (1 << 15))
#define VRAM UINT64_C(0xc0000000)
#define MMIO UINT64_C(0xc1000000)

typedef struct Fixture {
    Machine *machine;
    DisplaySurface surface;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    MachineConfig config = {.bios = "none", .ram_size = 16 * MIB};
    f->machine = machine_new(&x86_q35_machine, &config, true, &error);
    g_assert_no_error(error);
    machine_lock(f->machine);
    machine_pio_write(f->machine, 0xcf8, 0x80000060, 4);
    machine_pio_write(f->machine, 0xcfc, ECAM | 1, 4);
    wr32(f->machine, CONFIG + PCI_BASE_ADDRESS_0, VRAM);
    wr32(f->machine, CONFIG + PCI_BASE_ADDRESS_2, MMIO);
    wr32(f->machine, CONFIG + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
}

static void teardown(Fixture *f, gconstpointer data)
{
    display_clear(&f->surface);
    machine_unlock(f->machine);
    machine_free(f->machine);
}

static void out(Fixture *f, uint16_t port, uint8_t value)
{
    machine_pio_write(f->machine, port, value, 1);
}

static void indexed(Fixture *f, uint16_t port, uint8_t index, uint8_t value)
{
    out(f, port, index);
    out(f, port + 1, value);
}

static void attribute(Fixture *f, uint8_t index, uint8_t value)
{
    machine_pio_read(f->machine, 0x3da, 1);
    out(f, 0x3c0, index);
    out(f, 0x3c0, value);
    out(f, 0x3c0, 0x20); /* the screen is on */
}

static void set_dac(Fixture *f, uint8_t n, uint8_t r, uint8_t g, uint8_t b)
{
    out(f, 0x3c8, n);
    out(f, 0x3c9, r);
    out(f, 0x3c9, g);
    out(f, 0x3c9, b);
}

static void dispi(Fixture *f, uint16_t index, uint16_t value)
{
    machine_pio_write(f->machine, 0x1ce, index, 2);
    machine_pio_write(f->machine, 0x1cf, value, 2);
}

static uint16_t get_dispi(Fixture *f, uint16_t index)
{
    machine_pio_write(f->machine, 0x1ce, index, 2);
    return machine_pio_read(f->machine, 0x1cf, 2);
}

static uint32_t pixel(Fixture *f, unsigned x, unsigned y)
{
    return f->surface.pixels[(size_t)y * f->surface.width + x];
}

/* @lines of a picture, of which those behind @compare begin at address 0. */
static void set_lines(Fixture *f, unsigned lines, unsigned compare)
{
    indexed(f, 0x3d4, 0x12, lines - 1);
    indexed(f, 0x3d4, 0x18, compare);
    indexed(f, 0x3d4, 7,
            ((lines - 1) >> 7 & 2) | ((lines - 1) >> 3 & 0x40) | (compare >> 4 & 0x10));
    out(f, 0x3d4, 9);
    out(f, 0x3d5, (machine_pio_read(f->machine, 0x3d5, 1) & ~0x40) | (compare >> 3 & 0x40));
}

static void common_mode(Fixture *f, uint8_t columns, unsigned lines)
{
    out(f, 0x3c2, 1);
    indexed(f, 0x3d4, 0x11, 0);
    indexed(f, 0x3d4, 1, columns - 1);
    set_lines(f, lines, 1023);
    indexed(f, 0x3d4, 0x13, columns / 2);
    indexed(f, 0x3d4, 0x17, 3);
    for (unsigned i = 0; i < 16; i++) {
        attribute(f, i, i);
        set_dac(f, i, i * 4, 0, 63 - i);
    }
    attribute(f, 0x12, 15);
}

/* 80 by 25 characters of 16 lines and @dots dots, none there, no cursor. The third line of the glyphs of 'A' and of 0xc4
 * is 0x81. */
static void text_mode(Fixture *f, unsigned dots)
{
    common_mode(f, 80, 400);
    indexed(f, 0x3d4, 9, 0x4f);
    indexed(f, 0x3d4, 0xa, 0x20);
    indexed(f, 0x3c4, 1, dots == 8);
    attribute(f, 0x13, dots == 8 ? 0 : 8); /* not panned */
    indexed(f, 0x3c4, 2, 4);
    indexed(f, 0x3c4, 4, 6);
    indexed(f, 0x3ce, 5, 0);
    indexed(f, 0x3ce, 8, 0xff);
    indexed(f, 0x3ce, 6, 4);
    machine_mmio_write(f->machine, 0xa0000 + 'A' * 32 + 2, 0x81, 1);
    machine_mmio_write(f->machine, 0xa0000 + 0xc4 * 32 + 2, 0x81, 1);
    /* Then text, in planes 0 and 1, at 0xb8000. */
    indexed(f, 0x3c4, 2, 3);
    indexed(f, 0x3c4, 4, 2);
    indexed(f, 0x3ce, 5, 0x10);
    indexed(f, 0x3ce, 6, 0xe);
}

/* Character @code with @attribute at @cell. */
static void put_cell(Fixture *f, unsigned cell, uint8_t code, uint8_t attribute)
{
    machine_mmio_write(f->machine, 0xb8000 + 2 * cell, code | attribute << 8, 2);
}

/* The colour of the pixel as the number that common_mode() gave it. */
static unsigned color(Fixture *f, unsigned x, unsigned y)
{
    return pixel(f, x, y) >> 20;
}

static void test_text(Fixture *f, gconstpointer data)
{
    text_mode(f, 8);
    machine_mmio_write(f->machine, 0xb8000 + 2 * 81, 0x1241, 2);
    g_assert_cmphex(machine_mmio_read(f->machine, 0xb8000 + 2 * 81, 2), ==, 0x1241);
    g_assert_true(display_render(f->machine, 0, &f->surface));
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 400);
    uint32_t fg = (8 << 2) << 16 | ((61 << 2) | (61 >> 4)),
             bg = (4 << 2) << 16 | ((62 << 2) | (62 >> 4));
    g_assert_cmphex(pixel(f, 8, 18), ==, fg);
    g_assert_cmphex(pixel(f, 9, 18), ==, bg);
    g_assert_cmphex(pixel(f, 15, 18), ==, fg);
    g_assert_cmphex(pixel(f, 8, 17), ==, bg);
    /* Nothing has changed since; then one line of the picture has. */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.first_changed, ==, f->surface.end_changed);
    machine_mmio_write(f->machine, 0xb8000 + 2 * 81, 0x20, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.first_changed, ==, 18);
    g_assert_cmpuint(f->surface.end_changed, ==, 19);
}

/* Nine dots: the last one is the background, but for what lines are drawn with. */
static void test_nine_dots(Fixture *f, gconstpointer data)
{
    text_mode(f, 9);
    attribute(f, 0x10, 4);
    put_cell(f, 0, 'A', 0x12);
    put_cell(f, 1, 0xc4, 0x12);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 720);
    g_assert_cmpuint(color(f, 7, 2), ==, 2);
    g_assert_cmpuint(color(f, 8, 2), ==, 1);
    g_assert_cmpuint(color(f, 9 + 7, 2), ==, 2);
    g_assert_cmpuint(color(f, 9 + 8, 2), ==, 2);
    attribute(f, 0x10, 0);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 9 + 8, 2), ==, 1);
}

/* Panned by dots, by characters, and by lines. Nine dots count from 8. */
static void test_panning(Fixture *f, gconstpointer data)
{
    text_mode(f, 8);
    put_cell(f, 2, 'A', 0x12);
    put_cell(f, 80, 'A', 0x12);
    attribute(f, 0x13, 3);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 16 - 3, 2), ==, 2);
    g_assert_cmpuint(color(f, 23 - 3, 2), ==, 2);
    g_assert_cmpuint(color(f, 640 - 3, 2), ==, 2); /* of a column that is there only then */
    indexed(f, 0x3d4, 8, 0x22);                    /* by a character and two lines */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 8 - 3, 0), ==, 2);
    attribute(f, 0x13, 0);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 8, 0), ==, 2);
    g_assert_cmpuint(color(f, 16, 0), ==, 0);
    indexed(f, 0x3d4, 8, 0);
    indexed(f, 0x3c4, 1, 0);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 2 * 9 - 1, 2), ==, 2); /* by 1 */
    attribute(f, 0x13, 8);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 2 * 9, 2), ==, 2);
}

/* The lower part begins at address 0, at the first line of a row. */
static void test_split(Fixture *f, gconstpointer data)
{
    text_mode(f, 8);
    set_lines(f, 400, 99);
    indexed(f, 0x3d4, 0xc, 1); /* the upper one at 0x100 */
    put_cell(f, 0, 'A', 0x12);
    put_cell(f, 0x100, 'A', 0x34);
    attribute(f, 0x13, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.height, ==, 400);
    g_assert_cmpuint(color(f, 6, 2), ==, 4);
    g_assert_cmpuint(color(f, 6, 99), ==, 0);
    g_assert_cmpuint(color(f, 6, 100), ==, 1);
    g_assert_cmpuint(color(f, 6, 100 + 2), ==, 2);
    attribute(f, 0x10, 0x20); /* the lower part is not panned */
    indexed(f, 0x3d4, 8, 1);  /* nor ever by lines */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 6, 1), ==, 4);
    g_assert_cmpuint(color(f, 7, 100 + 2), ==, 2);
}

static void step_frames(Fixture *f, unsigned n)
{
    clock_step(f->machine->clock, n * (NS_PER_SECOND / 70) + 100);
    display_render(f->machine, 0, &f->surface);
}

static void test_blink(Fixture *f, gconstpointer data)
{
    clock_start(f->machine->clock);
    text_mode(f, 9);
    indexed(f, 0x3d4, 0xa, 14);
    indexed(f, 0x3d4, 0xb, 15);
    indexed(f, 0x3d4, 0xf, 3);
    put_cell(f, 3, ' ', 0x12);
    put_cell(f, 0, 'A', 0x92);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 3 * 9, 13), ==, 1);
    g_assert_cmpuint(color(f, 3 * 9, 14), ==, 2);
    g_assert_cmpuint(color(f, 3 * 9 + 8, 15), ==, 2); /* as wide as the cell */
    g_assert_cmpuint(color(f, 0, 2), ==, 2);
    g_assert_cmpuint(color(f, 1, 2), ==, 9); /* the attribute's bit is one of colour as yet */
    attribute(f, 0x10, 8);
    step_frames(f, 8);
    g_assert_cmpuint(color(f, 3 * 9, 14), ==, 1);
    g_assert_cmpuint(color(f, 0, 2), ==, 2);
    g_assert_cmpuint(color(f, 1, 2), ==, 1);
    step_frames(f, 8);
    g_assert_cmpuint(color(f, 3 * 9, 14), ==, 2);
    g_assert_cmpuint(color(f, 0, 2), ==, 1);
    step_frames(f, 16);
    g_assert_cmpuint(color(f, 0, 2), ==, 2);
    indexed(f, 0x3d4, 0xb, 0x20 | 15); /* one further to the right */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 3 * 9, 14), ==, 1);
    g_assert_cmpuint(color(f, 4 * 9, 14), ==, 0);
    put_cell(f, 4, ' ', 0x12);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 4 * 9, 14), ==, 2);
}

/* Monochrome text has underlines. */
static void test_underline(Fixture *f, gconstpointer data)
{
    text_mode(f, 9);
    attribute(f, 0x10, 2);
    indexed(f, 0x3d4, 0x14, 13);
    put_cell(f, 0, ' ', 0x01);
    put_cell(f, 1, ' ', 0x07);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 0, 12), ==, 0);
    g_assert_cmpuint(color(f, 0, 13), ==, 1);
    g_assert_cmpuint(color(f, 9, 13), ==, 0);
    out(f, 0x3c4, 1);
    out(f, 0x3c5, 0x20); /* the screen is off */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(color(f, 0, 13), ==, 0);
}

/* Mode 13h as the BIOS sets it: 320 by 200 bytes, each line twice; then panned and split. */
static void test_packed(Fixture *f, gconstpointer data)
{
    common_mode(f, 80, 400);
    indexed(f, 0x3d4, 9, 0x41);
    indexed(f, 0x3d4, 0x14, 0x40);
    indexed(f, 0x3d4, 0x17, 0xa3);
    indexed(f, 0x3c4, 2, 15);
    indexed(f, 0x3c4, 4, 0xe);
    indexed(f, 0x3ce, 5, 0x40);
    indexed(f, 0x3ce, 6, 5);
    attribute(f, 0x10, 0x41);
    set_dac(f, 200, 63, 0, 0);
    machine_mmio_write(f->machine, 0xa0000 + 320 * 7 + 5, 200, 1);
    machine_mmio_write(f->machine, 0xa0000 + 3, 9, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 320);
    g_assert_cmpuint(f->surface.height, ==, 200);
    g_assert_cmphex(pixel(f, 5, 7), ==, 0xff0000);
    attribute(f, 0x13, 4); /* in half pixels */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmphex(pixel(f, 3, 7), ==, 0xff0000);
    attribute(f, 0x13, 0);
    indexed(f, 0x3d4, 0xd, 80); /* from the second line on */
    set_lines(f, 400, 2 * 50 - 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmphex(pixel(f, 5, 6), ==, 0xff0000);
    g_assert_cmpuint(color(f, 3, 49), ==, 0);
    g_assert_cmpuint(color(f, 3, 50), ==, 9);
    g_assert_cmphex(pixel(f, 5, 57), ==, 0xff0000);
}

/* CGA's modes as the BIOS sets them: odd lines are 8 KiB behind the even ones. */
static void test_cga(Fixture *f, gconstpointer data)
{
    common_mode(f, 40, 400);
    indexed(f, 0x3d4, 9, 0xc1);
    indexed(f, 0x3d4, 0x13, 20);
    indexed(f, 0x3d4, 0x17, 0xa2);
    indexed(f, 0x3c4, 2, 3);
    indexed(f, 0x3c4, 4, 2);
    indexed(f, 0x3ce, 5, 0x30);
    indexed(f, 0x3ce, 6, 0xf);
    attribute(f, 0x12, 3);
    machine_mmio_write(f->machine, 0xb8000, 0x1b, 1);      /* 0 1 2 3 */
    machine_mmio_write(f->machine, 0xb8000 + 81, 0xe4, 1); /* line 2: 3 2 1 0 from pixel 4 on */
    machine_mmio_write(f->machine, 0xba000 + 80 * 99, 0xff, 1); /* the last line */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 320);
    g_assert_cmpuint(f->surface.height, ==, 200);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(color(f, i, 0), ==, i);
        g_assert_cmpuint(color(f, 4 + i, 2), ==, 3 - i);
        g_assert_cmpuint(color(f, i, 199), ==, 3);
        g_assert_cmpuint(color(f, i, 1), ==, 0);
    }

    /* 640 by 200 pixels of two colours, in plane 0, with addresses in bytes. */
    common_mode(f, 80, 400);
    indexed(f, 0x3d4, 9, 0xc1);
    indexed(f, 0x3d4, 0x13, 40);
    indexed(f, 0x3d4, 0x17, 0xc2);
    indexed(f, 0x3c4, 2, 15);
    indexed(f, 0x3c4, 4, 6);
    indexed(f, 0x3ce, 5, 0);
    indexed(f, 0x3ce, 6, 0xd);
    indexed(f, 0x3ce, 8, 0xff);
    attribute(f, 0x12, 1);
    machine_mmio_write(f->machine, 0xb8000 + 80, 0x80, 1);
    machine_mmio_write(f->machine, 0xba000 + 80, 0x01, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 200);
    g_assert_cmpuint(color(f, 0, 2), ==, 1);
    g_assert_cmpuint(color(f, 7, 3), ==, 1);
    g_assert_cmpuint(color(f, 0, 3), ==, 0);
}

static void test_planar(Fixture *f, gconstpointer data)
{
    common_mode(f, 80, 480);
    indexed(f, 0x3c4, 4, 6);
    indexed(f, 0x3c4, 2, 15);
    indexed(f, 0x3ce, 5, 2); /* write mode 2: a colour */
    indexed(f, 0x3ce, 6, 5);
    indexed(f, 0x3ce, 8, 0x20);
    machine_mmio_read(f->machine, 0xa0000 + 80, 1);
    machine_mmio_write(f->machine, 0xa0000 + 80, 10, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 640);
    g_assert_cmpuint(f->surface.height, ==, 480);
    g_assert_cmphex(pixel(f, 2, 1) >> 16, ==, 40 << 2 | 40 >> 4);
    g_assert_cmphex(pixel(f, 1, 1) >> 16, ==, 0);
    indexed(f, 0x3ce, 4, 1);
    g_assert_cmphex(machine_mmio_read(f->machine, 0xa0000 + 80, 1), ==, 0x20);
    indexed(f, 0x3ce, 4, 0);
    g_assert_cmphex(machine_mmio_read(f->machine, 0xa0000 + 80, 1), ==, 0);
    /* Write mode 1 copies the latches. */
    indexed(f, 0x3ce, 5, 1);
    machine_mmio_write(f->machine, 0xa0000 + 160, 0, 1);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmphex(pixel(f, 2, 2), ==, pixel(f, 2, 1));
}

static void test_dispi(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(get_dispi(f, 0), ==, 0xb0c5);
    dispi(f, 0, 0xb0c0);
    g_assert_cmphex(get_dispi(f, 0), ==, 0xb0c0);
    dispi(f, 0, 0x1234);
    g_assert_cmphex(get_dispi(f, 0), ==, 0xb0c0);
    g_assert_cmpuint(get_dispi(f, 10), ==, 256);
    dispi(f, 1, 800);
    dispi(f, 2, 600);
    dispi(f, 3, 32);
    dispi(f, 4, 0x41);
    wr32(f->machine, VRAM + 4 * (800 * 3 + 5), 0x123456);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmpuint(f->surface.width, ==, 800);
    g_assert_cmpuint(f->surface.height, ==, 600);
    g_assert_cmphex(pixel(f, 5, 3), ==, 0x123456);
    dispi(f, 9, 3); /* scroll */
    display_render(f->machine, 0, &f->surface);
    g_assert_cmphex(pixel(f, 5, 0), ==, 0x123456);
    g_assert_cmpuint(machine_mmio_read(f->machine, MMIO + 0x502, 2), ==, 800);
    /* Larger than the memory: cut. */
    dispi(f, 4, 0);
    dispi(f, 1, 16000);
    dispi(f, 2, 12000);
    dispi(f, 4, 0x41);
    g_assert_cmpuint((uint64_t)get_dispi(f, 6) * get_dispi(f, 2) * 4, <=, 16 * MIB);
    display_render(f->machine, 0, &f->surface);
    dispi(f, 4, 0);
    dispi(f, 1, 64);
    dispi(f, 2, 16);
    dispi(f, 3, 16);
    dispi(f, 4, 0x41);
    machine_mmio_write(f->machine, VRAM, 0xf81f, 2);
    display_render(f->machine, 0, &f->surface);
    g_assert_cmphex(pixel(f, 0, 0), ==, 0xff00ff);
}

static void test_screendump(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    char *text = NULL, *path = g_build_filename(g_get_tmp_dir(), "amphi-vga-test.ppm", NULL);
    gsize len;
    dispi(f, 1, 16);
    dispi(f, 2, 2);
    dispi(f, 3, 32);
    dispi(f, 4, 0x41);
    wr32(f->machine, VRAM + 4, 0x414243);
    display_render(f->machine, 0, &f->surface);
    g_assert_true(screendump_save(&f->surface, path, &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_cmpmem(text, 17, "P6\n16 2\n255\n\0\0\0AB", 17);
    g_assert_cmpuint(len, ==, 12 + 16 * 2 * 3);
    g_unlink(path);
    g_free(text);
    memcpy(strrchr(path, '.'), ".png", 4);
    g_assert_true(screendump_save(&f->surface, path, &error));
    g_assert_true(g_file_get_contents(path, &text, &len, NULL));
    g_assert_cmpmem(text, 8, "\x89PNG\r\n\x1a\n", 8);
    g_unlink(path);
    g_free(text);
    g_free(path);
    g_assert_false(screendump_save(&f->surface, "/nowhere/x.png", &error));
    g_clear_error(&error);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(5);
    for (unsigned i = 0; i < 60000; i++) {
        uint32_t value = g_rand_int(rand);
        switch (g_rand_int_range(rand, 0, 5)) {
        case 0: out(f, 0x3b0 + value % 0x30, value >> 16); break;
        case 1: machine_pio_read(f->machine, 0x3b0 + value % 0x30, 1); break;
        case 2: dispi(f, value % 12, value >> g_rand_int_range(rand, 0, 32)); break;
        case 3: machine_mmio_write(f->machine, 0xa0000 + value % 0x20000, value, 4); break;
        case 4: machine_mmio_read(f->machine, 0xa0000 + value % 0x20000, 2); break;
        }
        if (i % 500 == 0) {
            display_render(f->machine, 0, &f->surface);
        }
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/vga/" #name, Fixture, NULL, setup, test_##name, teardown)
    ADD(text);
    ADD(nine_dots);
    ADD(panning);
    ADD(split);
    ADD(blink);
    ADD(underline);
    ADD(packed);
    ADD(cga);
    ADD(planar);
    ADD(dispi);
    ADD(screendump);
    ADD(wild);
    return g_test_run();
}
