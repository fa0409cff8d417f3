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

static void common_mode(Fixture *f, uint8_t columns, unsigned lines)
{
    out(f, 0x3c2, 1);
    indexed(f, 0x3d4, 0x11, 0);
    indexed(f, 0x3d4, 1, columns - 1);
    indexed(f, 0x3d4, 0x12, lines - 1);
    indexed(f, 0x3d4, 7, (lines - 1) >> 7 & 2);
    indexed(f, 0x3d4, 0x13, columns / 2);
    indexed(f, 0x3d4, 0x17, 3);
    for (unsigned i = 0; i < 16; i++) {
        attribute(f, i, i);
        set_dac(f, i, i * 4, 0, 63 - i);
    }
    attribute(f, 0x12, 15);
}

static void test_text(Fixture *f, gconstpointer data)
{
    common_mode(f, 80, 400);
    indexed(f, 0x3d4, 9, 15);
    indexed(f, 0x3d4, 0xa, 0x20); /* no cursor */
    indexed(f, 0x3c4, 1, 1);
    /* The glyph of 'A' in plane 2: its third line is 0x81. */
    indexed(f, 0x3c4, 2, 4);
    indexed(f, 0x3c4, 4, 6);
    indexed(f, 0x3ce, 5, 0);
    indexed(f, 0x3ce, 8, 0xff);
    indexed(f, 0x3ce, 6, 4);
    machine_mmio_write(f->machine, 0xa0000 + 'A' * 32 + 2, 0x81, 1);
    /* Then text, in planes 0 and 1, at 0xb8000. */
    indexed(f, 0x3c4, 2, 3);
    indexed(f, 0x3c4, 4, 2);
    indexed(f, 0x3ce, 5, 0x10);
    indexed(f, 0x3ce, 6, 0xe);
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

static void test_planar(Fixture *f, gconstpointer data)
{
    common_mode(f, 80, 480);
    indexed(f, 0x3d4, 7, 2);
    indexed(f, 0x3d4, 0x12, 0xdf);
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
    ADD(planar);
    ADD(dispi);
    ADD(screendump);
    ADD(wild);
    return g_test_run();
}
