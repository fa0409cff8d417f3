/*
 * NOR flash with Intel's command set. See pflash-cfi01.c.
 */
#ifndef AMPHI_HW_PFLASH_CFI01_H
#define AMPHI_HW_PFLASH_CFI01_H

#include "softmmu/machine.h"

/* What a bank is made of. */
typedef struct PflashChips {
    uint8_t chips, bus_bytes; /* side by side on a bus of that width */
    /* of the bank, in bytes: what is erased at once, the write buffer */
    uint32_t block_size, buffer_size;
    uint8_t cleared_status; /* of each chip */
} PflashChips;

extern const PflashChips pflash_two_x16, pflash_one_x8;

typedef struct PflashConfig {
    const PflashChips *chips;
    uint64_t base, size; /* size: a multiple of the block size */
    unsigned unit;
} PflashConfig;

/* A bank whose contents come from, and changes go to, the drive with if=pflash and its unit; without one it
 * starts as zeros and lasts as long as the machine. *@backed tells. Returns the bank's memory, or NULL with
 * @error. */
RamBlock *pflash_cfi01_new(Machine *machine, const PflashConfig *config, bool *backed,
                           GError **error);

#endif
