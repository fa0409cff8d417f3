/*
 * Streams of a machine's state: header and sections. See snapshot-internal.h for the format.
 */
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"
#include <nmmintrin.h>
#include <string.h>

typedef struct StreamHeader {
    char magic[8];
    uint32_t version, zero;
} StreamHeader;

/*
 * CRC-32C (Castagnoli), which processors since SSE4.2 compute: a word in one cycle, but its result takes three. So
 * three lanes of a long buffer are summed at a time. Without the inversions at begin and end a sum is linear: that of
 * two parts is the first one's, followed by as many zeros as the second is long, plus the second one's from 0.
 */

#define CRC_POLYNOMIAL 0x82f63b78u /* reversed */
#define CRC_LANE 4096              /* bytes */

/* What each bit of a sum becomes by CRC_LANE bytes of zero, from bit 0 on. */
static const uint32_t crc_lane_shift[32] = {
    0xc2a5b65e, 0x80a71a4d, 0x04a2426b, 0x094484d6, 0x128909ac, 0x25121358, 0x4a2426b0, 0x94484d60,
    0x2d7cec31, 0x5af9d862, 0xb5f3b0c4, 0x6e0b1779, 0xdc162ef2, 0xbdc02b15, 0x7e6c20db, 0xfcd841b6,
    0xfc5cf59d, 0xfd559dcb, 0xff474d67, 0xfb62ec3f, 0xf329ae8f, 0xe3bf2bef, 0xc292212f, 0x80c834af,
    0x047c1faf, 0x08f83f5e, 0x11f07ebc, 0x23e0fd78, 0x47c1faf0, 0x8f83f5e0, 0x1aeb9d31, 0x35d73a62,
};

static uint32_t crc_by_bits(uint32_t crc, const uint8_t *at, size_t len)
{
    while (len--) {
        crc ^= *at++;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
        }
    }
    return crc;
}

static uint32_t shift_lane(uint32_t crc)
{
    uint32_t shifted = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        shifted ^= crc_lane_shift[bit] & -(crc >> bit & 1);
    }
    return shifted;
}

static inline uint64_t load_word(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Three lanes. */
__attribute__((target("sse4.2"))) static uint32_t crc_lanes(uint32_t crc, const uint8_t *at)
{
    uint64_t first = crc, second = 0, third = 0;
    for (const uint8_t *end = at + CRC_LANE; at < end; at += sizeof(uint64_t)) {
        first = _mm_crc32_u64(first, load_word(at));
        second = _mm_crc32_u64(second, load_word(at + CRC_LANE));
        third = _mm_crc32_u64(third, load_word(at + 2 * CRC_LANE));
    }
    return shift_lane(shift_lane(first) ^ second) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_processor(uint32_t crc, const uint8_t *at,
                                                                   size_t len)
{
    for (; len >= 3 * CRC_LANE; len -= 3 * CRC_LANE, at += 3 * CRC_LANE) {
        crc = crc_lanes(crc, at);
    }
    for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), at += sizeof(uint64_t)) {
        crc = _mm_crc32_u64(crc, load_word(at));
    }
    while (len--) {
        crc = _mm_crc32_u8(crc, *at++);
    }
    return crc;
}

uint32_t snapshot_crc_more(uint32_t crc, const void *buf, size_t len)
{
    return ~(__builtin_cpu_supports("sse4.2") ? crc_by_processor(~crc, buf, len)
                                              : crc_by_bits(~crc, buf, len));
}

uint32_t snapshot_crc(const void *buf, size_t len)
{
    return snapshot_crc_more(0, buf, len);
}

static uint32_t header_crc(const SectionHeader *section)
{
    return snapshot_crc(section, offsetof(SectionHeader, header_crc));
}

static void count_section(StateStream *stream, const SectionHeader *section)
{
    stream->sections++;
    stream->crc = snapshot_crc_more(stream->crc, &section->crc, sizeof(section->crc));
}

bool stream_altered(GError **error)
{
    return error_set(error, "it is damaged or was altered: a checksum does not fit");
}

/*
 * Writing.
 */

bool stream_write_header(StateStream *stream, GError **error)
{
    StreamHeader header = {.version = SNAPSHOT_VERSION};
    memcpy(header.magic, SNAPSHOT_MAGIC, sizeof(header.magic));
    return stream->write(stream->opaque, &header, sizeof(header), error);
}

bool stream_write_section(StateStream *stream, SectionKind kind, const void *payload, size_t len,
                          uint32_t crc, GError **error)
{
    SectionHeader section = {.kind = kind, .number = stream->sections, .length = len, .crc = crc};
    section.header_crc = header_crc(&section);
    count_section(stream, &section);
    return stream->write(stream->opaque, &section, sizeof(section), error) &&
           stream->write(stream->opaque, payload, len, error);
}

bool stream_write_end(StateStream *stream, GError **error)
{
    uint32_t crc = stream->crc;
    return stream_write_section(stream, SECTION_END, &crc, sizeof(crc),
                                snapshot_crc(&crc, sizeof(crc)), error);
}

/*
 * Reading.
 */

bool stream_read_header(StateStream *stream, GError **error)
{
    StreamHeader header;
    if (!stream->read(stream->opaque, &header, sizeof(header), error)) {
        return false;
    }
    if (memcmp(header.magic, SNAPSHOT_MAGIC, sizeof(header.magic)) != 0) {
        return error_set(error, "it is no snapshot");
    }
    if (header.version != SNAPSHOT_VERSION || header.zero) {
        return error_set(error, "it has version %u of the format, this amphi reads version %u",
                         header.version, SNAPSHOT_VERSION);
    }
    return true;
}

static uint64_t longest(uint32_t kind)
{
    switch (kind) {
    case SECTION_CONFIG: return SECTION_CONFIG_MAX;
    case SECTION_RAM: return snapshot_ram_section_max();
    case SECTION_STATE: return SECTION_STATE_MAX;
    case SECTION_END: return sizeof(uint32_t);
    }
    return 0;
}

bool stream_read_section(StateStream *stream, SectionHeader *section, GError **error)
{
    if (!stream->read(stream->opaque, section, sizeof(*section), error)) {
        return false;
    }
    if (section->header_crc != header_crc(section)) {
        return stream_altered(error);
    }
    if (section->number != stream->sections || section->length > longest(section->kind)) {
        return error_set(error, "it is damaged: section %u is not possible", stream->sections);
    }
    return true;
}

bool stream_read_payload(StateStream *stream, const SectionHeader *section, void *payload,
                         GError **error)
{
    count_section(stream, section);
    return stream->read(stream->opaque, payload, section->length, error);
}

bool stream_skip_payload(StateStream *stream, const SectionHeader *section, uint64_t *at,
                         GError **error)
{
    count_section(stream, section);
    return stream->skip(stream->opaque, section->length, at, error);
}

uint8_t *stream_take_payload(StateStream *stream, const SectionHeader *section, GError **error)
{
    uint8_t *payload = g_malloc(MAX(section->length, 1));
    if (!stream_read_payload(stream, section, payload, error)) {
        g_free(payload);
        return NULL;
    }
    if (snapshot_crc(payload, section->length) != section->crc) {
        stream_altered(error);
        g_free(payload);
        return NULL;
    }
    return payload;
}

bool stream_read_end(StateStream *stream, const SectionHeader *section, GError **error)
{
    uint32_t wanted = stream->crc, crc = 0;
    if (section->length != sizeof(crc)) {
        return error_set(error, "it is damaged: its last section is not possible");
    }
    return stream_read_payload(stream, section, &crc, error) &&
           ((crc == wanted && snapshot_crc(&crc, sizeof(crc)) == section->crc) ||
            stream_altered(error));
}
