/*
 * For tests of snapshots that somebody made up: checksums that fit whatever is there.
 */
#ifndef AMPHI_TEST_SNAPSHOT_FORGE_H
#define AMPHI_TEST_SNAPSHOT_FORGE_H

#include "softmmu/snapshot-internal.h"

#define FORGE_HEADER 16 /* bytes before the first section */

/* A header where it stands in the file, which aligns nothing. */
typedef SectionHeader ForgedHeader __attribute__((aligned(1)));

/* Corrects numbers and checksums of all sections in @data; a length that is too long becomes that of the rest. */
void snapshot_forge(uint8_t *data, size_t len);

/* The header of section @n of @kind in @data, its payload behind it; NULL if there is none. */
ForgedHeader *snapshot_find_section(uint8_t *data, size_t len, SectionKind kind, unsigned n);

#endif
