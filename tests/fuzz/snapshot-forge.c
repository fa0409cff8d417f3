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
