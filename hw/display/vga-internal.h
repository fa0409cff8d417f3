/*
 * Between the registers (vga.c), the memory window (vga-memory.c) and the picture (vga-draw.c).
 */
#ifndef AMPHI_HW_VGA_INTERNAL_H
#define AMPHI_HW_VGA_INTERNAL_H

#include "hw/display/vga.h"
#include "softmmu/display.h"

/* Registers of the Bochs display interface. */
enum {
    DISPI_ID,
    DISPI_XRES,
    DISPI_YRES,
    DISPI_BPP,
    DISPI_ENABLE,
    DISPI_BANK,
    DISPI_VIRT_WIDTH,
    DISPI_VIRT_HEIGHT,
    DISPI_X_OFFSET,
    DISPI_Y_OFFSET,
    DISPI_MEMORY,
    DISPI_REGS
};
enum { DISPI_ENABLED = 0x01, DISPI_GETCAPS = 0x02, DISPI_8BIT_DAC = 0x20, DISPI_NOCLEAR = 0x80 };

/* Video memory is kept as the modern modes see it; planar address n is bytes 4n to 4n + 3, one a plane. */
typedef struct Vga {
    PciDevice pci;
    RamBlock *vram, *rom;
    MemoryRegion *window;
    uint8_t sr_index, gr_index, cr_index, ar_index;
    uint8_t sr[8], gr[16], cr[32], ar[32];
    bool ar_data; /* the next write to 0x3c0 is data */
    uint8_t misc, feature, status;
    uint8_t dac_mask, dac_read, dac_write, dac_phase, dac_state;
    uint8_t dac_latch[3];
    uint8_t palette[768];
    uint8_t latch[4];
    uint16_t dispi_index;
    uint16_t dispi[DISPI_REGS];
} Vga;

uint64_t vga_window_read(void *opaque, uint64_t offset, unsigned size);
void vga_window_write(void *opaque, uint64_t offset, uint64_t value, unsigned size);
void vga_render(void *opaque, DisplaySurface *surface);

#endif
