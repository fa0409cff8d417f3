/*
 * -drive: from its options to block back ends, and to the devices that if=virtio asks for.
 *
 * The options stay in the machine's configuration; what is opened is found again by its id, made up as
 * "INTERFACE" and a number where the user gave none. Locking: the machine lock.
 */
#include "hw/block/drive.h"
#include "hw/block/drive-options.h"
#include "hw/block/nodes.h"
#include "hw/hw.h"
#include "hw/pci/pci.h"
#include "softmmu/base/error.h"
#include <string.h>

/* Whether a -device says drive=@id. */
static bool named_by_device(Machine *machine, const char *id)
{
    GPtrArray *devices = machine->config.devices;

    for (unsigned i = 0; id && devices && i < devices->len; i++) {
        const char *key, *value;

        for (unsigned n = 0; options_nth(g_ptr_array_index(devices, i), n, &key, &value); n++) {
            if (strcmp(key, "drive") == 0 && strcmp(value, id) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The interface of a drive. Without if=, it is for a -device that names it, or the machine's usual one. */
static const char *drive_interface(Machine *machine, Options *opts)
{
    const char *usual = machine->cls->drive_interface ? machine->cls->drive_interface : "virtio";
    const char *fallback = named_by_device(machine, options_get(opts, "id", NULL)) ? "none" : usual;

    return options_get(opts, "if", fallback);
}

/* The number of drives before @index with the same interface: the unit, if none is said. */
static unsigned nth_of_interface(Machine *machine, unsigned index)
{
    GPtrArray *drives = machine->config.drives;
    const char *interface = drive_interface(machine, g_ptr_array_index(drives, index));
    unsigned n = 0;

    for (unsigned i = 0; i < index; i++) {
        n += strcmp(drive_interface(machine, g_ptr_array_index(drives, i)), interface) == 0;
    }
    return n;
}

/* The id of drive number @index of the configuration; to be freed. */
static char *drive_id(Machine *machine, unsigned index)
{
    Options *opts = g_ptr_array_index(machine->config.drives, index);
    const char *id = options_get(opts, "id", NULL);

    return id ? g_strdup(id)
              : g_strdup_printf("%s%u", drive_interface(machine, opts),
                                nth_of_interface(machine, index));
}

static bool one_of(const char *value, const char *const *known)
{
    return g_strv_contains(known, value);
}

/* Opens drive number @index of the configuration, if that was not done before. */
static BlockDev *open_nth(Machine *machine, unsigned index, GError **error)
{
    Options *opts = g_ptr_array_index(machine->config.drives, index);
    BlockOpen how = {0};
    char *id = drive_id(machine, index);
    BlockDev *blk = blockdev_find(machine, id);

    if (!blk && drive_parse_options(opts, &how, error)) {
        how.id = id;
        blk = blockdev_open(machine, &how, error);
        g_free((void *)how.image.allowed);
    }
    g_free(id);
    return blk;
}

/* The number of the drive with @id, or -1. */
static int index_of(Machine *machine, const char *id)
{
    GPtrArray *drives = machine->config.drives;

    for (unsigned i = 0; drives && i < drives->len; i++) {
        char *this_id = drive_id(machine, i);
        bool match = strcmp(id, this_id) == 0;

        g_free(this_id);
        if (match) {
            return i;
        }
    }
    return -1;
}

static void unknown_drive(Machine *machine, const char *id, GError **error)
{
    GPtrArray *drives = machine->config.drives, *nodes = machine->config.blockdevs;
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    const char *near;

    for (unsigned i = 0; drives && i < drives->len; i++) {
        g_ptr_array_add(ids, drive_id(machine, i));
    }
    for (unsigned i = 0; nodes && i < nodes->len; i++) {
        g_ptr_array_add(ids, g_strdup(options_get(g_ptr_array_index(nodes, i), "node-name", "")));
    }
    g_ptr_array_add(ids, NULL);
    near = error_nearest(id, (const char *const *)ids->pdata);
    if (near) {
        error_set(error, "there is no drive '%s'; did you mean '%s'?", id, near);
    } else {
        error_set(error, "there is no drive '%s'; add -drive file=PATH,if=none,id=%s", id, id);
    }
    g_ptr_array_unref(ids);
}

BlockDev *drive_by_id(Machine *machine, const char *id, GError **error)
{
    BlockDev *blk = blockdev_find(machine, id);
    int index = blk ? 0 : index_of(machine, id);

    if (blk) {
        return blk;
    }
    if (index < 0 && node_find(machine, id)) {
        return node_open(machine, id, error);
    }
    if (index < 0) {
        unknown_drive(machine, id, error);
        return NULL;
    }
    return open_nth(machine, index, error);
}

BlockDev *drive_by_unit(Machine *machine, const char *interface, unsigned unit, GError **error)
{
    GPtrArray *drives = machine->config.drives;

    for (unsigned i = 0; drives && i < drives->len; i++) {
        Options *opts = g_ptr_array_index(drives, i);
        uint64_t this_unit;

        if (strcmp(drive_interface(machine, opts), interface) != 0) {
            continue;
        }
        this_unit = nth_of_interface(machine, i);
        if (!options_get_u64(opts, "index", &this_unit, error) ||
            !options_get_u64(opts, "unit", &this_unit, error)) {
            return NULL;
        }
        if (this_unit == unit) {
            return open_nth(machine, i, error);
        }
    }
    return NULL;
}

const char *drive_serial(Machine *machine, const char *id)
{
    int index = index_of(machine, id);

    return index < 0
               ? NULL
               : options_get(g_ptr_array_index(machine->config.drives, index), "serial", NULL);
}

bool drive_is_cdrom(Machine *machine, const char *id)
{
    int index = index_of(machine, id);
    Options *opts = index < 0 ? NULL : g_ptr_array_index(machine->config.drives, index);

    return opts && strcmp(options_get(opts, "media", "disk"), "cdrom") == 0;
}

/* The device for a drive with if=virtio. */
static bool create_device(Machine *machine, const char *drive, GError **error)
{
    const char *type = pci_find_bus(machine, NULL) ? "virtio-blk-pci" : "virtio-blk-device";
    char **parts = g_strsplit(drive, ",", -1);
    char *escaped = g_strjoinv(",,", parts);
    char *text = g_strdup_printf("%s,drive=%s", type, escaped);
    Options *opts = options_parse("-drive", text, "driver", error);
    bool ok = opts && hw_device_create(machine, opts, error);

    if (opts) {
        options_free(opts);
    }
    g_strfreev(parts);
    g_free(escaped);
    g_free(text);
    return ok;
}

/* Whether drive number @index has an id of its own, among nodes too. */
static bool check_id(Machine *machine, unsigned index, GError **error)
{
    char *id = drive_id(machine, index);
    bool taken = index_of(machine, id) != (int)index || node_find(machine, id);

    if (taken) {
        error_set(error, "there are two drives or nodes '%s'; give each its own id=", id);
    }
    g_free(id);
    return !taken;
}

/* That a drive for a place of the board, such as a flash bank, has found it. */
static bool check_place(Machine *machine, const BlockDev *blk, const char *interface,
                        GError **error)
{
    return !strcmp(interface, "none") || blockdev_user(blk) ||
           error_set(error, "-drive: machine '%s' has no place for '%s' (if=%s); change index=",
                     machine->cls->name, blockdev_path(blk), interface);
}

/* Makes drive number @index, which was not opened yet if no device has it. */
static bool create_drive(Machine *machine, unsigned index, const char *interface, GError **error)
{
    BlockDev *blk = check_id(machine, index, error) ? open_nth(machine, index, error) : NULL;

    if (!blk ||
        (!strcmp(interface, "virtio") && !create_device(machine, blockdev_id(blk), error))) {
        return false;
    }
    return check_place(machine, blk, interface, error);
}

bool hw_create_drives(Machine *machine, GError **error)
{
    /* The last one, if the machine has it beside the others. */
    const char *const interfaces[] = {"none", "virtio", "pflash", machine->cls->drive_interface,
                                      NULL};
    GPtrArray *drives = machine->config.drives;

    if (!nodes_open_all(machine, error)) {
        return false;
    }
    for (unsigned i = 0; drives && i < drives->len; i++) {
        const char *interface = drive_interface(machine, g_ptr_array_index(drives, i));

        if (!one_of(interface, interfaces)) {
            const char *near = error_nearest(interface, interfaces);

            return error_set(error, "-drive: machine '%s' has no interface '%s'; use if=%s",
                             machine->cls->name, interface, near ? near : "virtio");
        }
        if (!create_drive(machine, i, interface, error)) {
            return false;
        }
    }
    return true;
}
