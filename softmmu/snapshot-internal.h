/*
 * What the parts of snapshots share: the format, and streams of it.
 *
 * A stream is a header and sections. Nothing in it needs seeking, on either side, so that it can go over a
 * connection too: memory may be sent while the machine runs and again where it has changed, then the
 * states of vCPUs and devices when it has stopped.
 *
 *   header     "amphi-VM", 32-bit version, 32 bits of zero
 *   section    32-bit kind, 32-bit number (from 0), 64-bit length of the payload, CRC-32C of the payload,
 *              CRC-32C of these 20 bytes; then the payload
 *
 *   CONFIG     first: what the machine is made of, as pairs of strings (snapshot-config.c)
 *   RAM        pages of guest memory; those in none are zero (snapshot-ram.c)
 *   STATE      16-bit length of a name, the name, and a state table's payload (snapshot-state.c)
 *   END        last: 32-bit CRC-32C of all payloads' CRC-32Cs
 *
 * Numbers are little-endian. What is read is hostile: lengths are bounded, checksums are compared first, and a
 * section that is unknown, missing, twice there or out of order refuses the whole.
 */
#ifndef AMPHI_SNAPSHOT_INTERNAL_H
#define AMPHI_SNAPSHOT_INTERNAL_H

#include "softmmu/memory-internal.h"
#include "softmmu/snapshot.h"

#define SNAPSHOT_MAGIC "amphi-VM"
#define SNAPSHOT_VERSION 1

typedef enum SectionKind {
    SECTION_CONFIG = 1,
    SECTION_RAM,
    SECTION_STATE,
    SECTION_END
} SectionKind;

typedef struct SectionHeader {
    uint32_t kind, number;
    uint64_t length;
    uint32_t crc, header_crc;
} SectionHeader;

#define SECTION_CONFIG_MAX (1 * MIB)
#define SECTION_STATE_MAX (64 * MIB)
#define STATES_MAX (256 * MIB) /* of all devices together */

/* One side of a stream. */
typedef struct StateStream {
    /* Transfers exactly @len bytes; only what is of its direction is set. */
    bool (*write)(void *opaque, const void *buf, size_t len, GError **error);
    bool (*read)(void *opaque, void *buf, size_t len, GError **error);
    /* Passes over @len bytes; where they begin. */
    bool (*skip)(void *opaque, size_t len, uint64_t *at, GError **error);
    /* Reads what was skipped, at any time and on any thread. */
    bool (*read_at)(void *opaque, uint64_t at, void *buf, size_t len, GError **error);
    void *opaque;
    uint32_t sections; /* so far */
    uint32_t crc;      /* of their payloads' checksums */
} StateStream;

uint32_t snapshot_crc(const void *buf, size_t len);
/* Of what has @crc so far, and @buf behind it. */
uint32_t snapshot_crc_more(uint32_t crc, const void *buf, size_t len);

bool stream_write_header(StateStream *stream, GError **error);
/* @crc: of the payload. */
bool stream_write_section(StateStream *stream, SectionKind kind, const void *payload, size_t len,
                          uint32_t crc, GError **error);
bool stream_write_end(StateStream *stream, GError **error);

bool stream_read_header(StateStream *stream, GError **error);
/* The next section's header, with a length that its kind may have. */
bool stream_read_section(StateStream *stream, SectionHeader *section, GError **error);
/* Its payload, section->length bytes; the checksum is compared by the caller. */
bool stream_read_payload(StateStream *stream, const SectionHeader *section, void *payload,
                         GError **error);
/* Passes over it; stream->read_at() reads it from @at on. */
bool stream_skip_payload(StateStream *stream, const SectionHeader *section, uint64_t *at,
                         GError **error);
/* Reads it for g_free(), with the checksum compared. */
uint8_t *stream_take_payload(StateStream *stream, const SectionHeader *section, GError **error);
/* Compares what SECTION_END says. */
bool stream_read_end(StateStream *stream, const SectionHeader *section, GError **error);

/* For g_set_error: the checksum does not fit. Returns false. */
bool stream_altered(GError **error);

/* snapshot-config.c */
void snapshot_config_write(Machine *machine, GByteArray *out);
/* Whether @machine is of the make that @data describes; @error names the first difference. */
bool snapshot_config_check(Machine *machine, const uint8_t *data, size_t len, GError **error);
bool snapshot_config_info(const uint8_t *data, size_t len, SnapshotInfo *info, GError **error);

/* snapshot-state.c: the states of clock, vCPUs and devices. */

/* A name and its state. */
typedef struct SavedState {
    char *name;
    uint8_t *payload; /* a whole section's; the state is in it */
    const uint8_t *data;
    size_t len;
} SavedState;

/* All of the stopped machine, in the order in which they are loaded. For g_ptr_array_unref(). */
GPtrArray *snapshot_states_save(Machine *machine);
/* Splits a section's @payload, which is taken over, and adds it to @states. */
bool snapshot_states_add(GPtrArray *states, uint8_t *payload, size_t len, GError **error);
GPtrArray *snapshot_states_new(void);
/* Whether there is a state for everything in @machine, and no other. */
bool snapshot_states_check(Machine *machine, const GPtrArray *states, GError **error);
/* Resets the devices and loads @states. False with @error: some are loaded, some are not. */
bool snapshot_states_load(Machine *machine, const GPtrArray *states, GError **error);
/* When memory is loaded as well. */
void snapshot_states_loaded(Machine *machine);

/* snapshot-ram.c */
typedef struct RamLoader RamLoader;

bool snapshot_ram_save(Machine *machine, StateStream *stream, const SnapshotProgress *progress,
                       GError **error);
typedef enum RamLoadHow {
    RAM_CHECK,   /* only to see that it can be done */
    RAM_FILL,    /* into memory that the guest has hardly used */
    RAM_REPLACE, /* into memory that it has, by a stream that was checked */
} RamLoadHow;
RamLoader *snapshot_ram_loader_new(Machine *machine, RamLoadHow how);
/* The section whose header was just read from @stream, which has to stay until the loader ends. */
bool snapshot_ram_load(RamLoader *loader, StateStream *stream, const SectionHeader *section,
                       GError **error);
/* Waits for what is under way and frees @loader. @ok: nothing was wrong so far, otherwise @error says what; that is
 * replaced if it is in a section that comes before. Returns whether nothing was. */
bool snapshot_ram_loader_end(RamLoader *loader, bool ok, GError **error);
/* How many threads work on memory; 0, as at first: as many as there are processors. */
void snapshot_ram_set_threads(unsigned n);
/* The longest payload of a section of memory. */
size_t snapshot_ram_section_max(void);

/* snapshot-file.c */

/* Opens a stream that replaces @path when it is finished. */
bool snapshot_file_create(StateStream *stream, const char *path, GError **error);
/* Makes it @path if @ok and it can, otherwise removes it; closes it either way. */
bool snapshot_file_finish(StateStream *stream, bool ok, GError **error);

bool snapshot_file_open(StateStream *stream, const char *path, GError **error);
/* Back to its begin. */
void snapshot_file_rewind(StateStream *stream);
/* Bytes of it; and how many were read. */
uint64_t snapshot_file_size(const StateStream *stream);
uint64_t snapshot_file_position(const StateStream *stream);
void snapshot_file_close(StateStream *stream);

#endif
