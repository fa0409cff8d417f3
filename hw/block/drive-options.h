/*
 * The options of -drive and -blockdev that say how to open an image.
 */
#ifndef AMPHI_BLOCK_DRIVE_OPTIONS_H
#define AMPHI_BLOCK_DRIVE_OPTIONS_H

#include "hw/block/blockdev.h"

/* Fills in @how, but for its id, from @opts; what it points to belongs to @opts, except how->image.allowed,
 * which is for g_free(). Options that say nothing about that (if=, serial=...) are marked as used. */
bool drive_parse_options(Options *opts, BlockOpen *how, GError **error);

#endif
