/*
 * QMP commands about disks. What they know of them comes from hw/, by way of the hooks.
 */
#include "softmmu/base/error.h"
#include "softmmu/options-json.h"
#include "ui/qmp-internal.h"
#include <string.h>

static bool nth(Machine *machine, unsigned n, MonitorBlock *block)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    return hooks->block_nth && hooks->block_nth(machine, n, block);
}

static JsonObject *image_of(const MonitorBlock *block)
{
    JsonObject *image = json_object_new();
    json_object_set_string_member(image, "filename", block->path);
    json_object_set_string_member(image, "format", block->format);
    json_object_set_int_member(image, "virtual-size", block->size);
    json_object_set_int_member(image, "actual-size", block->host_size);
    json_object_set_boolean_member(image, "dirty-flag", false);
    if (block->backing) {
        json_object_set_string_member(image, "backing-filename", block->backing);
    }
    return image;
}

/* What is in a drive. */
static JsonObject *medium(const MonitorBlock *block)
{
    static const char *const no_limits[] = {"bps",     "bps_rd",  "bps_wr",         "iops",
                                            "iops_rd", "iops_wr", "write_threshold"};
    JsonObject *inserted = json_object_new(), *cache = json_object_new();
    json_object_set_string_member(inserted, "file", block->path);
    json_object_set_string_member(inserted, "node-name", block->node);
    json_object_set_boolean_member(inserted, "ro", block->read_only);
    json_object_set_string_member(inserted, "drv", block->format);
    json_object_set_boolean_member(inserted, "encrypted", false);
    if (block->backing) {
        json_object_set_string_member(inserted, "backing_file", block->backing);
    }
    json_object_set_int_member(inserted, "backing_file_depth", block->depth);
    json_object_set_string_member(inserted, "detect_zeroes", block->detect_zeroes);
    for (unsigned i = 0; i < ARRAY_SIZE(no_limits); i++) {
        json_object_set_int_member(inserted, no_limits[i], 0);
    }
    json_object_set_boolean_member(cache, "writeback", block->write_back);
    json_object_set_boolean_member(cache, "direct", block->direct);
    json_object_set_boolean_member(cache, "no-flush", block->no_flush);
    json_object_set_object_member(inserted, "cache", cache);
    json_object_set_object_member(inserted, "image", image_of(block));
    return inserted;
}

/* What -drive gave a name; a node's that -blockdev made is none. The device by its id, or by its path if it is part
 * of another, which the path begins with. */
static void name_disk(JsonObject *object, const MonitorBlock *block)
{
    json_object_set_string_member(object, "device",
                                  strcmp(block->id, block->node) ? block->id : "");
    if (block->user && strchr(block->user, '/')) {
        char *path =
            g_strdup_printf("/machine/%s/%s",
                            strchr(block->user, '@') ? "unattached" : "peripheral", block->user);
        json_object_set_string_member(object, "qdev", path);
        g_free(path);
    } else if (block->user) {
        json_object_set_string_member(object, "qdev", block->user);
    }
}

JsonNode *qmp_query_block(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    MonitorBlock block;
    for (unsigned i = 0; nth(machine, i, &block); i++) {
        JsonObject *object = json_object_new();
        name_disk(object, &block);
        json_object_set_string_member(object, "type", "unknown");
        json_object_set_boolean_member(object, "removable", false);
        json_object_set_boolean_member(object, "locked", false);
        json_object_set_object_member(object, "inserted", medium(&block));
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}

JsonNode *qmp_query_named_block_nodes(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    MonitorBlock block;
    for (unsigned i = 0; nth(machine, i, &block); i++) {
        json_array_add_object_element(array, medium(&block));
    }
    return qmp_node_array(array);
}

static void add_op_stats(JsonObject *stats, const char *name, const BlockOpStats *op, bool bytes)
{
    const struct {
        const char *what;
        uint64_t value;
    } members[] = {{"operations", op->count},
                   {"total_time_ns", op->ns},
                   {"bytes", op->bytes},
                   {"merged", 0 /* none ever are */}};
    for (unsigned i = 0; i < (bytes ? ARRAY_SIZE(members) : 2); i++) {
        char *member = g_strdup_printf("%s_%s", name, members[i].what);
        json_object_set_int_member(stats, member, members[i].value);
        g_free(member);
    }
}

static JsonObject *stats_of(const MonitorBlock *block)
{
    JsonObject *stats = json_object_new();
    add_op_stats(stats, "rd", &block->stats.read, true);
    add_op_stats(stats, "wr", &block->stats.write, true);
    add_op_stats(stats, "unmap", &block->stats.discard, true);
    add_op_stats(stats, "flush", &block->stats.flush, false);
    json_object_set_int_member(stats, "wr_highest_offset", block->stats.write_end);
    return stats;
}

JsonNode *qmp_query_blockstats(Machine *machine, JsonObject *args, GError **error)
{
    JsonArray *array = json_array_new();
    MonitorBlock block;
    for (unsigned i = 0; nth(machine, i, &block); i++) {
        JsonObject *object = json_object_new();
        name_disk(object, &block);
        json_object_set_string_member(object, "node-name", block.node);
        json_object_set_object_member(object, "stats", stats_of(&block));
        json_array_add_object_element(array, object);
    }
    return qmp_node_array(array);
}

JsonNode *qmp_blockdev_add(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    if (hooks->block_add) {
        hooks->block_add(machine, options_from_object("blockdev-add", args), error);
    } else {
        error_set(error, "this machine has no disks");
    }
    return NULL;
}

JsonNode *qmp_blockdev_del(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    if (hooks->block_remove) {
        hooks->block_remove(machine, qmp_get_string(args, "node-name", ""), error);
    } else {
        error_set(error, "this machine has no disks");
    }
    return NULL;
}

/* The drive that a command is about, by either of two arguments. */
static const char *which(JsonObject *args, const char *other, GError **error)
{
    const char *name = qmp_get_string(args, "device", qmp_get_string(args, other, NULL));
    if (!name) {
        error_set(error, "one of 'device' and '%s' is required", other);
    }
    return name;
}

JsonNode *qmp_block_resize(Machine *machine, JsonObject *args, GError **error)
{
    const MonitorHooks *hooks = qmp_hooks(machine);
    const char *name = which(args, "node-name", error);
    gint64 size = json_object_get_int_member(args, "size");
    if (name && size <= 0) {
        error_set(error, "a disk's size is more than zero bytes");
    } else if (name && hooks->block_resize) {
        hooks->block_resize(machine, name, size, error);
    } else if (name) {
        error_set(error, "this machine has no disks");
    }
    return NULL;
}

/* No drive here has a medium that could be taken out. */
JsonNode *qmp_eject(Machine *machine, JsonObject *args, GError **error)
{
    const char *name = which(args, "id", error);
    MonitorBlock block;
    if (!name) {
        return NULL;
    }
    for (unsigned i = 0; nth(machine, i, &block); i++) {
        if (!strcmp(name, block.id) || !g_strcmp0(name, block.user)) {
            error_set(error, "device '%s' is not removable", name);
            return NULL;
        }
    }
    g_set_error(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND, "there is no device '%.64s'", name);
    return NULL;
}
