/*
 * Pictures of a display as files. See screendump.c.
 */
#ifndef AMPHI_UI_SCREENDUMP_H
#define AMPHI_UI_SCREENDUMP_H

#include "softmmu/display.h"
#include <glib.h>

/* Saves @surface to the file @path, as PPM if that ends in .ppm, else as PNG. */
bool screendump_save(const DisplaySurface *surface, const char *path, GError **error);
bool screendump_save_as(const DisplaySurface *surface, const char *path, bool ppm, GError **error);

#endif
