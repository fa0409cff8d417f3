/*
 * For tests of snapshots that somebody made up: see snapshot-forge.h.
 */
#include "tests/fuzz/snapshot-forge.h"
#include <string.h>

/* Corrects the section at @data; returns its bytes. @crc: of all sections before it. */
static size_t forge_section(uint8_t *data, size_t len, uint32_t number, uint32_t *crc)
{
    SectionHeader section;
    uint8_t *payload = data + sizeof(section);
    memcpy(&section, data, sizeof(section));
    section.number = number;
    section.length = MIN(section.length, len - sizeof(section));
    if (section.kind == SECTION_END && section.length >= sizeof(*crc)) {
        memcpy(payload, crc, sizeof(*crc));
    }
    section.crc = snapshot_crc(payload, section.length);
    section.header_crc = snapshot_crc(&section, offsetof(SectionHeader, header_crc));
    memcpy(data, &section, sizeof(section));
    *crc = snapshot_crc_more(*crc, &section.crc, sizeof(section.crc));
    return sizeof(section) + section.length;
}

void snapshot_forge(uint8_t *data, size_t len)
{
    uint32_t number = 0, crc = 0;
    for (size_t at = FORGE_HEADER; at + sizeof(SectionHeader) <= len;) {
        at += forge_section(data + at, len - at, number++, &crc);
    }
}

ForgedHeader *snapshot_find_section(uint8_t *data, size_t len, SectionKind kind, unsigned n)
{
    for (size_t at = FORGE_HEADER; at + sizeof(SectionHeader) <= len;) {
        ForgedHeader *section = (ForgedHeader *)(data + at);
        if (section->kind == kind && n-- == 0) {
            return section;
        }
        at += sizeof(*section) + section->length;
    }
    return NULL;
}

static unsigned scalar_size(VmType type)
{
    static const unsigned sizes[] = {
        [VM_U8] = 1, [VM_BOOL] = 1, [VM_U16] = 2, [VM_U32] = 4, [VM_U64] = 8};
    return sizes[type];
}

/* @outer: what all the fields have in common, @depth of its arrays. @out: NULL if only the end is wanted. */
static size_t list_fields(const VmDesc *desc, size_t at, const ForgedField *outer, unsigned depth,
                          GArray *out)
{
    for (const VmField *field = desc->fields; field->type != VM_END; field++) {
        bool array = field->count > 1, nested = field->type == VM_STRUCT;
        ForgedField forged = *outer;
        size_t size =
            nested ? list_fields(field->sub, 0, outer, 0, NULL) : scalar_size(field->type);
        at += array ? sizeof(uint32_t) : 0;
        if (array && out) {
            g_assert_cmpuint(depth, <, FORGE_DIMENSIONS);
            forged.in[depth].count = field->count;
            forged.in[depth].stride = size;
        }
        if (nested && out) {
            list_fields(field->sub, at, &forged, depth + array, out);
        } else if (out) {
            forged.at = at;
            forged.size = size;
            forged.flag = field->type == VM_BOOL;
            g_array_append_val(out, forged);
        }
        at += size * field->count;
    }
    return at;
}

size_t snapshot_list_fields(const VmDesc *desc, size_t at, GArray *out)
{
    return list_fields(desc, at, &(ForgedField){0}, 0, out);
}
