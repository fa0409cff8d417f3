/*
 * Block nodes. See nodes.h.
 *
 * A node's options, with those of the nodes that it names, become the options of a -drive.
 */
#include "hw/block/nodes.h"
#include "hw/block/drive-options.h"
#include "softmmu/base/error.h"
#include <string.h>

static const char *const protocols[] = {"file", "host_device", NULL};
static const char *const formats[] = {"raw", "qcow2", NULL};

/* Keys whose value may name another node. */
static const char *const references[] = {"file", "backing", "data-file", NULL};

static bool is_protocol(Options *node)
{
    return g_strv_contains(protocols, options_get(node, "driver", ""));
}

static const char *name_of(Options *node)
{
    return options_get(node, "node-name", "");
}

Options *node_find(Machine *machine, const char *name)
{
    GPtrArray *nodes = machine->config.blockdevs;

    for (unsigned i = 0; nodes && *name && i < nodes->len; i++) {
        if (strcmp(name_of(g_ptr_array_index(nodes, i)), name) == 0) {
            return g_ptr_array_index(nodes, i);
        }
    }
    return NULL;
}

/* The node that another one has @name as a part of. */
static Options *user_of(Machine *machine, const char *name)
{
    GPtrArray *nodes = machine->config.blockdevs;

    for (unsigned i = 0; nodes && i < nodes->len; i++) {
        for (unsigned n = 0; references[n]; n++) {
            Options *node = g_ptr_array_index(nodes, i);

            if (strcmp(options_get(node, references[n], ""), name) == 0) {
                return node;
            }
        }
    }
    return NULL;
}

/* The file in which node @name is, through at most a format above it. */
static const char *file_of(Machine *machine, const char *name, const char **format, GError **error)
{
    Options *node = node_find(machine, name), *file;
    const char *path;

    if (!node) {
        error_set(error,
                  "-blockdev: there is no node '%s'; describe it before the one that uses "
                  "it",
                  name);
        return NULL;
    }
    *format = is_protocol(node) ? "raw" : options_get(node, "driver", "raw");
    path = options_get(node, is_protocol(node) ? "filename" : "file.filename", NULL);
    file = path ? NULL : node_find(machine, options_get(node, "file", ""));
    path = file ? options_get(file, "filename", NULL) : path;
    if (!path) {
        error_set(error, "-blockdev: node '%s' is in no file; give it filename=PATH", name);
    }
    return path;
}

/* Adds the options of a file's node to those of the image in it. */
static bool add_file(Options *out, Options *file, const char *name, GError **error)
{
    const char *key, *value;

    if (!is_protocol(file)) {
        return error_set(error,
                         "-blockdev: node '%s' is an image, not a file; an image in an "
                         "image is not supported",
                         name);
    }
    for (unsigned i = 0; options_nth(file, i, &key, &value); i++) {
        static const char *const own[] = {"node-name", "read-only", "auto-read-only", NULL};
        char *dotted = g_strconcat("file.", key, NULL);

        if (!g_strv_contains(own, key)) {
            options_add(out, dotted, value);
        }
        g_free(dotted);
    }
    return true;
}

static bool add_reference(Machine *machine, Options *out, const char *key, const char *name,
                          GError **error)
{
    const char *format, *path;
    char *driver;

    if (strcmp(key, "file") == 0) {
        Options *file = node_find(machine, name);

        return file ? add_file(out, file, name, error)
                    : error_set(error, "-blockdev: there is no node '%s'", name);
    }
    if (!*name) { /* null: none */
        options_add(out, key, "");
        return true;
    }
    path = file_of(machine, name, &format, error);
    if (!path) {
        return false;
    }
    driver = g_strconcat(key, ".driver", NULL);
    options_add(out, driver, format);
    options_add(out, key, path);
    g_free(driver);
    return true;
}

/* The options of a -drive for @node. NULL with @error. */
static Options *flatten(Machine *machine, Options *node, GError **error)
{
    Options *out = options_parse("-blockdev", "", NULL, NULL);
    const char *driver = options_get(node, "driver", NULL), *key, *value;
    bool ok = true;

    if (!driver || (!is_protocol(node) && !g_strv_contains(formats, driver))) {
        error_set(error,
                  "-blockdev: driver '%s' is not supported; there are file, host_device, "
                  "raw and qcow2",
                  driver ? driver : "");
        options_free(out);
        return NULL;
    }
    for (unsigned i = 0; ok && options_nth(node, i, &key, &value); i++) {
        if (g_strv_contains(references, key) && !is_protocol(node)) {
            ok = add_reference(machine, out, key, value, error);
        } else {
            options_add(out, key, value);
        }
    }
    if (ok && !options_get(out, "filename", NULL) && !options_get(out, "file.filename", NULL)) {
        ok = error_set(error, "-blockdev: node '%s' needs %s", name_of(node),
                       is_protocol(node) ? "filename=PATH" : "file=NODE, the file that it is in");
    }
    if (!ok) {
        options_free(out);
    }
    return ok ? out : NULL;
}

BlockDev *node_open(Machine *machine, const char *name, GError **error)
{
    Options *opts = flatten(machine, node_find(machine, name), error);
    BlockOpen how = {.named = true};
    BlockDev *blk = NULL;

    if (opts && drive_parse_options(opts, &how, error)) {
        how.id = name;
        how.node = NULL;
        blk = blockdev_open(machine, &how, error);
        g_free((void *)how.image.allowed);
    }
    options_free(opts);
    return blk;
}

bool nodes_open_all(Machine *machine, GError **error)
{
    GPtrArray *nodes = machine->config.blockdevs;

    for (unsigned i = 0; nodes && i < nodes->len; i++) {
        const char *name = name_of(g_ptr_array_index(nodes, i));

        if (!*name) {
            return error_set(error, "-blockdev needs a node-name=NAME");
        }
        if (node_find(machine, name) != g_ptr_array_index(nodes, i)) {
            return error_set(error,
                             "there are two block nodes '%s'; give each its own node-name=", name);
        }
        if (!blockdev_find(machine, name) && !user_of(machine, name) &&
            !node_open(machine, name, error)) {
            return false;
        }
    }
    return true;
}

bool node_add(Machine *machine, Options *opts, GError **error)
{
    const char *name = name_of(opts);

    if (!*name || blockdev_find(machine, name) || node_find(machine, name)) {
        bool there = *name;

        error_set(error, there ? "there is a block node '%s' already" : "node-name is missing%s",
                  name);
        options_free(opts);
        return false;
    }
    if (!machine->config.blockdevs) {
        machine->config.blockdevs = g_ptr_array_new();
    }
    g_ptr_array_add(machine->config.blockdevs, opts);
    /* A file's node is opened with the image that will be in it. */
    if (!is_protocol(opts) && !node_open(machine, name, error)) {
        g_ptr_array_remove(machine->config.blockdevs, opts);
        options_free(opts);
        return false;
    }
    return true;
}

bool node_remove(Machine *machine, const char *name, GError **error)
{
    Options *node = node_find(machine, name), *user = user_of(machine, name);
    BlockDev *blk = blockdev_find(machine, name);

    if (!node) {
        return error_set(error,
                         blk ? "'%s' was not made by blockdev-add" : "there is no block node '%s'",
                         name);
    }
    if (user) {
        return error_set(error, "block node '%s' is in use by node '%s'", name, name_of(user));
    }
    if (blk && !blockdev_close(blk, error)) {
        return false;
    }
    g_ptr_array_remove(machine->config.blockdevs, node);
    options_free(node);
    return true;
}
