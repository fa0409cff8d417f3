/*
 * Displays: see display.h.
 */
#include "softmmu/display.h"
#include "softmmu/machine.h"
#include <string.h>

typedef struct Display {
    const DisplayOps *ops;
    void *opaque;
} Display;

void display_add(Machine *machine, const DisplayOps *ops, void *opaque)
{
    Display display = {ops, opaque};
    if (!machine->displays) {
        machine->displays = g_array_new(false, false, sizeof(Display));
    }
    g_array_append_val(machine->displays, display);
}

void display_remove(Machine *machine, void *opaque)
{
    for (unsigned i = machine->displays ? machine->displays->len : 0; i-- > 0;) {
        if (g_array_index(machine->displays, Display, i).opaque == opaque) {
            g_array_remove_index(machine->displays, i);
        }
    }
}

bool display_render(Machine *machine, unsigned n, DisplaySurface *surface)
{
    if (!machine->displays || n >= machine->displays->len) {
        return false;
    }
    const Display *display = &g_array_index(machine->displays, Display, n);
    surface->first_changed = surface->end_changed = 0;
    memory_map_flush_writes(machine->memory);
    display->ops->render(display->opaque, surface);
    return surface->pixels != NULL;
}

void display_clear(DisplaySurface *surface)
{
    g_free(surface->pixels);
    memset(surface, 0, sizeof(*surface));
}

static void note_change(DisplaySurface *surface, unsigned y)
{
    if (surface->first_changed == surface->end_changed) {
        surface->first_changed = y;
    }
    surface->first_changed = MIN(surface->first_changed, y);
    surface->end_changed = MAX(surface->end_changed, y + 1);
}

void display_resize(DisplaySurface *surface, unsigned width, unsigned height)
{
    width = CLAMP(width, 1, DISPLAY_MAX_SIZE);
    height = CLAMP(height, 1, DISPLAY_MAX_SIZE);
    if (surface->pixels && surface->width == width && surface->height == height) {
        return;
    }
    g_free(surface->pixels);
    surface->pixels = g_new0(uint32_t, (size_t)width * height);
    surface->width = width;
    surface->height = height;
    surface->first_changed = 0;
    surface->end_changed = height;
}

void display_line(DisplaySurface *surface, unsigned y, const uint32_t *pixels)
{
    size_t bytes = surface->width * sizeof(uint32_t);
    if (y < surface->height) {
        uint32_t *line = surface->pixels + (size_t)y * surface->width;
        if (memcmp(line, pixels, bytes) != 0) {
            memcpy(line, pixels, bytes);
            note_change(surface, y);
        }
    }
}
