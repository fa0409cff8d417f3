/*
 * Host files as disks: opening with the checks that users need, and locking against other processes.
 */
#ifndef AMPHI_BLOCK_FILE_H
#define AMPHI_BLOCK_FILE_H

#include "hw/block/blockdev.h"

/* Opens @how->path as a disk; returns the descriptor, or -1 with @error. @size: bytes, rounded up to
 * whole sectors. */
int block_file_open(const BlockOpen *how, uint64_t *size, GError **error);

#endif
