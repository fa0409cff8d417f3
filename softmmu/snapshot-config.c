/*
 * What a machine is made of, as snapshots say it: pairs of strings, a key and a value, each ended by a zero.
 *
 * Keys that begin with "info:" only inform. All others must be the same in the machine that loads: its type, its
 * number of CPUs, its blocks of memory, its devices by id, each with the form of its state. Comparing them
 * comes first, so that what is refused is refused with a reason that helps.
 */
#include "softmmu/base/error.h"
#include "softmmu/snapshot-internal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INFO "info:"
#define MEMORY "memory:"
#define DEVICE "device:"

static void put(GByteArray *out, const char *key, const char *value)
{
    g_byte_array_append(out, (const uint8_t *)key, strlen(key) + 1);
    g_byte_array_append(out, (const uint8_t *)value, strlen(value) + 1);
}

static void put_text(GByteArray *out, const char *key, char *value)
{
    put(out, key, value);
    g_free(value);
}

static void put_memory(GByteArray *out, const RamBlock *block)
{
    char *key = g_strconcat(MEMORY, block->name, NULL);
    put_text(out, key, g_strdup_printf("%" PRIu64, block->size));
    g_free(key);
}

static void put_device(GByteArray *out, const Device *dev)
{
    if (!dev->ops->vmstate) {
        return;
    }
    char *key = g_strconcat(DEVICE, dev->id, NULL);
    put_text(out, key, g_strdup_printf("%s %08x", dev->ops->name, vmstate_form(dev->ops->vmstate)));
    g_free(key);
}

/* What has to be the same. */
static void put_make(Machine *machine, GByteArray *out)
{
    put(out, "machine", machine->cls->name);
    put(out, "architecture", machine->cls->arch ? machine->cls->arch->name : "none");
    put_text(out, "cpus", g_strdup_printf("%u", machine->ncpus));
    for (unsigned i = 0; i < machine->memory->blocks->len; i++) {
        put_memory(out, machine->memory->blocks->pdata[i]);
    }
    for (unsigned i = 0; i < machine->devices->len; i++) {
        put_device(out, machine->devices->pdata[i]);
    }
    for (unsigned i = 0; i < machine->ncpus; i++) {
        char *key = g_strdup_printf("cpu:%u", i);
        put_text(out, key, g_strdup_printf("%08x", vmstate_form(machine->cpus[i]->arch->vmstate)));
        g_free(key);
    }
}

void snapshot_config_write(Machine *machine, GByteArray *out)
{
    GDateTime *now = g_date_time_new_now_local();
    put_text(out, INFO "date", g_date_time_format(now, "%F %T"));
    g_date_time_unref(now);
    put(out, INFO "name", machine->config.name ? machine->config.name : "");
    put_text(out, INFO "clock", g_strdup_printf("%" PRId64, clock_now(machine->clock)));
    put_text(out, INFO "ram", g_strdup_printf("%" PRIu64, machine->ram ? machine->ram->size : 0));
    put_make(machine, out);
}

/* Whether @text may stand in a line for the user. */
static bool is_one_line(const char *text)
{
    while (g_ascii_isprint(*text)) {
        text++;
    }
    return *text == 0;
}

/* Key to value; strings stay in @data. NULL with @error if they are not pairs, one is twice there, or what is compared
 * is no text. */
static GHashTable *parse(const uint8_t *data, size_t len, GError **error)
{
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    const char *at = (const char *)data, *end = at + len;
    bool ok = len == 0 || end[-1] == 0;
    while (ok && at < end) {
        const char *key = at, *value = key + strlen(key) + 1;
        ok = value < end && g_hash_table_insert(table, (char *)key, (char *)value) &&
             (g_str_has_prefix(key, INFO) || (is_one_line(key) && is_one_line(value)));
        at = ok ? value + strlen(value) + 1 : end;
    }
    if (!ok) {
        g_hash_table_unref(table);
        error_set(error, "it is damaged: its description of the machine is not possible");
        return NULL;
    }
    return table;
}

/* "virtio-blk-device" of "virtio-blk-device 01234567"; for g_free(). */
static char *type_of(const char *value)
{
    return g_strndup(value, strcspn(value, " "));
}

/* Says how @key, a device's, differs; NULL: there is none on that side. */
static bool device_differs(const char *key, const char *there, const char *here, GError **error)
{
    const char *id = key + strlen(DEVICE);
    char *type = there ? type_of(there) : NULL, *own = here ? type_of(here) : NULL;
    if (!own) {
        error_set(error,
                  "its machine has the device '%s' (%s), this one has not; start with the "
                  "same devices",
                  id, type);
    } else if (!type) {
        error_set(error,
                  "this machine has the device '%s' (%s), the snapshot's has not; start "
                  "with the same devices",
                  id, own);
    } else if (strcmp(type, own) != 0) {
        error_set(error,
                  "device '%s' of its machine is of type %s, here %s; start with the same "
                  "devices",
                  id, type, own);
    } else {
        error_set(error,
                  "its state of device '%s' (%s) has another form; it is of another version "
                  "of amphi",
                  id, type);
    }
    g_free(type);
    g_free(own);
    return false;
}

static bool differs(const char *key, const char *there, const char *here, GError **error)
{
    const char *none = "none";
    if (g_str_has_prefix(key, DEVICE)) {
        return device_differs(key, there, here, error);
    }
    if (!strcmp(key, "machine")) {
        return error_set(error, "it is of machine '%s', not '%s'; start with -machine %s",
                         there ? there : none, here, there ? there : none);
    }
    if (!strcmp(key, "cpus")) {
        return error_set(error, "its machine has %s CPUs, this one %s; start with -smp %s",
                         there ? there : none, here, there ? there : none);
    }
    if (g_str_has_prefix(key, MEMORY)) {
        uint64_t size = there ? g_ascii_strtoull(there, NULL, 10) : 0;
        return error_set(error,
                         "its machine has %" PRIu64 " KiB of memory '%s', this one %" PRIu64
                         " KiB; start with -m %" PRIu64 "M if that is the main memory",
                         size / KIB, key + strlen(MEMORY),
                         here ? (uint64_t)g_ascii_strtoull(here, NULL, 10) / KIB : 0, size / MIB);
    }
    return error_set(error, "%s is '%s' in its machine and '%s' here; start with the same options",
                     key, there ? there : none, here ? here : none);
}

static bool compare(GHashTable *there, GHashTable *here, const GByteArray *order, GError **error)
{
    /* In this machine's order: the first difference is the one that explains the others. */
    const char *at = (const char *)order->data, *end = at + order->len;
    while (at < end) {
        const char *key = at, *value = key + strlen(key) + 1;
        const char *other = g_hash_table_lookup(there, key);
        if (g_strcmp0(other, value) != 0) {
            return differs(key, other, value, error);
        }
        at = value + strlen(value) + 1;
    }
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, there);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (!g_str_has_prefix(key, INFO) && !g_hash_table_contains(here, key)) {
            return differs(key, value, NULL, error);
        }
    }
    return true;
}

bool snapshot_config_check(Machine *machine, const uint8_t *data, size_t len, GError **error)
{
    GByteArray *own = g_byte_array_new();
    put_make(machine, own);
    GHashTable *here = parse(own->data, own->len, error);
    GHashTable *there = here ? parse(data, len, error) : NULL;
    bool ok = there && compare(there, here, own, error);
    g_clear_pointer(&here, g_hash_table_unref);
    g_clear_pointer(&there, g_hash_table_unref);
    g_byte_array_unref(own);
    return ok;
}

static const char *text_of(GHashTable *table, const char *key)
{
    const char *value = g_hash_table_lookup(table, key);
    return value ? value : "";
}

bool snapshot_config_info(const uint8_t *data, size_t len, SnapshotInfo *info, GError **error)
{
    GHashTable *table = parse(data, len, error);
    if (!table) {
        return false;
    }
    info->machine = g_strdup(text_of(table, "machine"));
    info->date = g_strdup(text_of(table, INFO "date"));
    info->name = g_strdup(text_of(table, INFO "name"));
    info->ram_size = g_ascii_strtoull(text_of(table, INFO "ram"), NULL, 10);
    info->clock = g_ascii_strtoll(text_of(table, INFO "clock"), NULL, 10);
    info->cpus = g_ascii_strtoull(text_of(table, "cpus"), NULL, 10);
    g_hash_table_unref(table);
    return true;
}
