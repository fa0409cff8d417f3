/*
 * Snapshots: see snapshot.h; the format is in snapshot-internal.h.
 *
 * Loading goes in two steps. The first reads the whole file: every checksum, whether it is of such a machine, whether
 * its memory can be unpacked; the states of devices are kept. The second replaces the machine's state,
 * devices first, because their tables may still refuse what a made-up file says: then their states of before
 * are loaded back, and memory was not touched yet.
 */
#include "softmmu/snapshot.h"
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"

/*
 * Saving.
 */

static bool write_config(Machine *machine, StateStream *stream, GError **error)
{
    GByteArray *config = g_byte_array_new();
    snapshot_config_write(machine, config);
    bool ok = stream_write_section(stream, SECTION_CONFIG, config->data, config->len,
                                   snapshot_crc(config->data, config->len), error);
    g_byte_array_unref(config);
    return ok;
}

static bool write_states(Machine *machine, StateStream *stream, GError **error)
{
    GPtrArray *states = snapshot_states_save(machine);
    bool ok = true;
    for (unsigned i = 0; ok && i < states->len; i++) {
        const SavedState *state = states->pdata[i];
        size_t len = state->data + state->len - state->payload;
        ok = stream_write_section(stream, SECTION_STATE, state->payload, len,
                                  snapshot_crc(state->payload, len), error);
    }
    g_ptr_array_unref(states);
    return ok;
}

/* Stops the machine; returns whether it ran. */
static bool halt(Machine *machine)
{
    bool running = machine->state == RUN_STATE_RUNNING;
    if (running) {
        machine_stop(machine, RUN_STATE_PAUSED);
    }
    return running;
}

static void go_on(Machine *machine, bool running)
{
    if (running && machine->state == RUN_STATE_PAUSED) {
        machine_start(machine);
    }
}

bool snapshot_save(Machine *machine, const char *path, const SnapshotProgress *progress,
                   GError **error)
{
    StateStream stream;
    if (!snapshot_file_create(&stream, path, error)) {
        return false;
    }
    bool running = halt(machine);
    bool ok = stream_write_header(&stream, error) && write_config(machine, &stream, error) &&
              snapshot_ram_save(machine, &stream, progress, error) &&
              write_states(machine, &stream, error) && stream_write_end(&stream, error);
    ok = snapshot_file_finish(&stream, ok, error);
    go_on(machine, running);
    return ok;
}

/*
 * Reading.
 */

/* Reads one stream into a machine, or sees whether that could be done. */
typedef struct Reader {
    Machine *machine;
    StateStream *stream;
    const SnapshotProgress *progress;
    RamLoader *ram;
    GPtrArray *states; /* collected, if not NULL */
    size_t states_size;
    bool configured; /* CONFIG was there, and is of such a machine */
} Reader;

static bool read_config(Reader *reader, const SectionHeader *section, GError **error)
{
    if (reader->configured) {
        return error_set(error, "it is damaged: it describes two machines");
    }
    uint8_t *payload = stream_take_payload(reader->stream, section, error);
    reader->configured =
        payload && snapshot_config_check(reader->machine, payload, section->length, error);
    g_free(payload);
    return reader->configured;
}

static bool read_state(Reader *reader, const SectionHeader *section, GError **error)
{
    reader->states_size += section->length;
    if (reader->states_size > STATES_MAX) {
        return error_set(error, "it is damaged: it has more state than a machine can have");
    }
    uint8_t *payload = stream_take_payload(reader->stream, section, error);
    if (payload && !reader->states) {
        g_free(payload);
        return true;
    }
    return payload && snapshot_states_add(reader->states, payload, section->length, error);
}

static bool read_section(Reader *reader, const SectionHeader *section, GError **error)
{
    if (section->kind != SECTION_CONFIG && !reader->configured) {
        return error_set(error, "it is damaged: it does not say first what machine it is of");
    }
    switch (section->kind) {
    case SECTION_CONFIG: return read_config(reader, section, error);
    case SECTION_RAM: return snapshot_ram_load(reader->ram, reader->stream, section, error);
    case SECTION_STATE: return read_state(reader, section, error);
    case SECTION_END: return stream_read_end(reader->stream, section, error);
    }
    return error_set(error, "it has a section of unknown kind %u", section->kind);
}

/* Reads up to and including END; nothing may follow. */
static bool read_stream(Reader *reader, RamLoadHow how, GError **error)
{
    StateStream *stream = reader->stream;
    const SnapshotProgress *progress = reader->progress;
    SectionHeader section = {0};
    reader->ram = snapshot_ram_loader_new(reader->machine, how);
    bool ok = stream_read_header(stream, error);
    while (ok && section.kind != SECTION_END) {
        ok = stream_read_section(stream, &section, error) && read_section(reader, &section, error);
        if (progress && progress->fn) {
            progress->fn(progress->opaque, snapshot_file_position(stream),
                         snapshot_file_size(stream));
        }
    }
    ok = snapshot_ram_loader_end(reader->ram, ok, error);
    if (ok && snapshot_file_position(stream) != snapshot_file_size(stream)) {
        ok = error_set(error, "it is damaged: there is something after its end");
    }
    return ok;
}

/* The second step: nothing is wrong with the stream. */
static bool replace(Reader *reader, bool fresh, GError **error)
{
    Machine *machine = reader->machine;
    GPtrArray *before = fresh ? NULL : snapshot_states_save(machine);
    bool ok = snapshot_states_load(machine, reader->states, error);
    if (!ok && before && !snapshot_states_load(machine, before, NULL)) {
        machine_stop(machine, RUN_STATE_INTERNAL_ERROR); /* its own states do not load */
    }
    g_clear_pointer(&before, g_ptr_array_unref);
    if (ok && !fresh) {
        Reader again = {.machine = machine, .stream = reader->stream};
        snapshot_file_rewind(reader->stream);
        ok = read_stream(&again, RAM_REPLACE, error);
        if (!ok) { /* it changed since it was checked, or the disk fails now */
            machine_stop(machine, RUN_STATE_INTERNAL_ERROR);
        }
    }
    snapshot_states_loaded(machine);
    return ok;
}

static bool load(Machine *machine, StateStream *stream, bool fresh,
                 const SnapshotProgress *progress, GError **error)
{
    Reader reader = {
        .machine = machine,
        .stream = stream,
        .progress = progress,
        .states = snapshot_states_new(),
    };
    bool ok = read_stream(&reader, fresh ? RAM_FILL : RAM_CHECK, error) &&
              snapshot_states_check(machine, reader.states, error) &&
              replace(&reader, fresh, error);
    g_ptr_array_unref(reader.states);
    return ok;
}

bool snapshot_load(Machine *machine, const char *path, bool fresh, const SnapshotProgress *progress,
                   GError **error)
{
    StateStream stream;
    bool ok = snapshot_file_open(&stream, path, error);
    if (ok) {
        bool running = halt(machine);
        if (machine->state == RUN_STATE_PRELAUNCH) { /* devices do something in that */
            machine_stop(machine, RUN_STATE_PAUSED);
        }
        ok = load(machine, &stream, fresh, progress, error);
        snapshot_file_close(&stream);
        go_on(machine, running);
    }
    if (!ok) {
        g_prefix_error(error, "cannot load snapshot '%s': ", path);
    }
    return ok;
}

/*
 * What there is in a file.
 */

bool snapshot_info(const char *path, SnapshotInfo *info, GError **error)
{
    StateStream stream;
    SectionHeader section;
    *info = (SnapshotInfo){0};
    if (!snapshot_file_open(&stream, path, error)) {
        return false;
    }
    info->file_size = snapshot_file_size(&stream);
    bool ok = stream_read_header(&stream, error) && stream_read_section(&stream, &section, error);
    uint8_t *payload = NULL;
    if (ok && section.kind == SECTION_CONFIG) {
        payload = stream_take_payload(&stream, &section, error);
    } else if (ok) {
        error_set(error, "it is damaged: it does not say first what machine it is of");
    }
    ok = payload && snapshot_config_info(payload, section.length, info, error);
    g_free(payload);
    snapshot_file_close(&stream);
    return ok;
}

void snapshot_info_clear(SnapshotInfo *info)
{
    g_free(info->machine);
    g_free(info->date);
    g_free(info->name);
    *info = (SnapshotInfo){0};
}
