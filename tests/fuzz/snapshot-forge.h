/*
 * For tests of snapshots that somebody made up: checksums that fit whatever is there, and where fields are.
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

#define FORGE_DIMENSIONS 3

/* A field of a state table as vmstate_save() writes it. */
typedef struct ForgedField {
    size_t at;     /* of its first element */
    unsigned size; /* bytes of an element */
    bool flag;     /* it may be 0 and 1 only */
    struct {
        size_t count, stride; /* count 0: there are no more; stride in bytes */
    } in[FORGE_DIMENSIONS];   /* the arrays that it is an element of */
} ForgedField;

/* Appends the fields of a state by @desc that begins at @at to @out, of ForgedField; returns where it ends. */
size_t snapshot_list_fields(const VmDesc *desc, size_t at, GArray *out);

#endif
