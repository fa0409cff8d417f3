/*
 * Pictures of a display as files, PNG or PPM, and the monitor's commands about display and keyboard.
 */
#include "ui/screendump.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/input.h"
#include "softmmu/machine.h"
#include "ui/monitor-internal.h"
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>

#define MAX_KEYS 16

static void to_rgb(const DisplaySurface *surface, unsigned y, uint8_t *out)
{
    const uint32_t *line = surface->pixels + (size_t)y * surface->width;
    for (unsigned x = 0; x < surface->width; x++) {
        *out++ = line[x] >> 16;
        *out++ = line[x] >> 8;
        *out++ = line[x];
    }
}

static bool write_ppm(const DisplaySurface *surface, FILE *file)
{
    uint8_t *line = g_malloc(3 * (size_t)surface->width);
    bool ok = fprintf(file, "P6\n%u %u\n255\n", surface->width, surface->height) > 0;
    for (unsigned y = 0; ok && y < surface->height; y++) {
        to_rgb(surface, y, line);
        ok = fwrite(line, 3, surface->width, file) == surface->width;
    }
    g_free(line);
    return ok;
}

static bool write_png(const DisplaySurface *surface, FILE *file)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = surface->width,
                       .height = surface->height,
                       .format = PNG_FORMAT_RGB};
    uint8_t *pixels = g_malloc(3 * (size_t)surface->width * surface->height);
    for (unsigned y = 0; y < surface->height; y++) {
        to_rgb(surface, y, pixels + 3 * (size_t)surface->width * y);
    }
    bool ok = png_image_write_to_stdio(&image, file, 0, pixels, 0, NULL);
    g_free(pixels);
    return ok;
}

bool screendump_save_as(const DisplaySurface *surface, const char *path, bool ppm, GError **error)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        return error_set_errno(error, errno, "cannot write '%s'", path);
    }
    bool ok = ppm ? write_ppm(surface, file) : write_png(surface, file);
    ok = fclose(file) == 0 && ok;
    return ok || error_set(error, "cannot write all of '%s'; is the disk full?", path);
}

bool screendump_save(const DisplaySurface *surface, const char *path, GError **error)
{
    return screendump_save_as(surface, path, g_str_has_suffix(path, ".ppm"), error);
}

void hmp_screendump(Monitor *mon, char *args)
{
    DisplaySurface surface = {0};
    GError *error = NULL;
    if (!*args) {
        monitor_puts(mon, "Error: which file? screendump FILE.png\n");
    } else if (!display_render(monitor_machine(mon), 0, &surface)) {
        monitor_puts(mon, "Error: the machine has no display; give it one with -device VGA\n");
    } else if (!screendump_save(&surface, args, &error)) {
        monitor_error(mon, error);
    }
    display_clear(&surface);
}

/* "ctrl-alt-delete": all go down in this order and up in the other. */
void hmp_sendkey(Monitor *mon, char *args)
{
    Machine *machine = monitor_machine(mon);
    unsigned keys[MAX_KEYS], n = 0;
    char *blank = strchr(args, ' ');
    if (blank) {
        *blank = '\0'; /* a time to hold them, which takes none here */
    }
    char **names = g_strsplit(args, "-", MAX_KEYS);
    for (unsigned i = 0; names[i]; i++) {
        keys[n] = input_key_by_name(names[i]);
        if (!keys[n]) {
            monitor_printf(mon, "Error: there is no key '%s'\n", names[i]);
            g_strfreev(names);
            return;
        }
        n++;
    }
    g_strfreev(names);
    bool taken = n > 0;
    for (unsigned i = 0; i < n; i++) {
        taken = input_key(machine, keys[i], true) && taken;
    }
    while (n-- > 0) {
        input_key(machine, keys[n], false);
    }
    if (!taken) {
        monitor_puts(mon, "Error: the machine has no keyboard, or no key was named\n");
    }
}
