/*
 * Displays: from the devices that have a picture to who shows it (a window, screendump).
 *
 * Who shows asks: display_render() has the device draw what is to be seen now into a surface, which is made
 * as large as the picture, and says which lines have changed since the same surface was drawn last. A
 * window does so at its own pace, at which guests that draw faster cost nothing. All with the machine lock
 * held.
 */
#ifndef AMPHI_DISPLAY_H
#define AMPHI_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Machine Machine;

#define DISPLAY_MAX_SIZE 16384 /* pixels on a side */

/* Pixels of 32 bits: 0x00RRGGBB, lines without gaps. Zeroed before its first use; freed by display_clear(). */
typedef struct DisplaySurface {
    unsigned width, height;
    uint32_t *pixels;
    unsigned first_changed, end_changed; /* lines; equal: nothing has changed */
} DisplaySurface;

typedef struct DisplayOps {
    const char *name;
    /* Draws with display_resize() and display_line(). */
    void (*render)(void *opaque, DisplaySurface *surface);
} DisplayOps;

void display_add(Machine *machine, const DisplayOps *ops, void *opaque);
void display_remove(Machine *machine, void *opaque);

/* Draws display @n; false if there is none. */
bool display_render(Machine *machine, unsigned n, DisplaySurface *surface);
void display_clear(DisplaySurface *surface);

/* For devices: sets the size; everything counts as changed if that is new. Sizes from 1 to
 * DISPLAY_MAX_SIZE, others are cut. */
void display_resize(DisplaySurface *surface, unsigned width, unsigned height);
/* Line @y is @pixels, of which there are surface->width. */
void display_line(DisplaySurface *surface, unsigned y, const uint32_t *pixels);

#endif
