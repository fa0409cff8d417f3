/*
 * Device trees: see fdt.h. A thin layer over libfdt's read-write functions, which is fast enough for the
 * few hundred properties of a board and needs no second pass for what is added late (bootargs, initrd).
 */
#include "hw/fdt.h"
#include "hw/loader.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <libfdt.h>
#include <string.h>

/* Room for any tree of ours and for additions to a given one. */
#define FDT_ROOM (64 * 1024)
#define FDT_MAX_FILE (1024 * 1024)

struct FdtTree {
    void *blob;
    int size;  /* allocated */
    int error; /* first error of libfdt, 0: none */
    char *failed_at;
    uint32_t last_phandle;
};

static void note_error(FdtTree *tree, int result, const char *path, const char *name)
{
    if (result < 0 && !tree->error) {
        tree->error = result;
        tree->failed_at = g_strdup_printf("%s%s%s", path, name ? " " : "", name ? name : "");
    }
}

FdtTree *fdt_tree_new(void)
{
    FdtTree *tree = g_new0(FdtTree, 1);
    tree->size = FDT_ROOM;
    tree->blob = g_malloc0(tree->size);
    note_error(tree, fdt_create_empty_tree(tree->blob, tree->size), "/", NULL);
    return tree;
}

FdtTree *fdt_tree_load(const char *path, GError **error)
{
    GBytes *file = loader_read_file(NULL, "-dtb", path, FDT_MAX_FILE, error);
    if (!file) {
        return NULL;
    }
    size_t len;
    const void *data = g_bytes_get_data(file, &len);
    FdtTree *tree = NULL;
    int result = fdt_check_full(data, len);
    if (result < 0) {
        error_set(error, "-dtb '%s' is not a sound device tree blob (%s); compile it with dtc",
                  path, fdt_strerror(result));
    } else {
        tree = g_new0(FdtTree, 1);
        tree->size = (int)len + FDT_ROOM;
        tree->blob = g_malloc0(tree->size);
        note_error(tree, fdt_open_into(data, tree->blob, tree->size), "/", NULL);
        if (!tree->error) {
            note_error(tree, fdt_find_max_phandle(tree->blob, &tree->last_phandle), "/", NULL);
        }
    }
    g_bytes_unref(file);
    return tree;
}

void fdt_tree_free(FdtTree *tree)
{
    if (tree) {
        g_free(tree->blob);
        g_free(tree->failed_at);
        g_free(tree);
    }
}

void fdt_tree_node(FdtTree *tree, const char *path)
{
    if (tree->error || fdt_path_offset(tree->blob, path) >= 0) {
        return;
    }
    const char *name = strrchr(path, '/');
    int parent = name == path ? 0 : fdt_path_offset_namelen(tree->blob, path, name - path);
    note_error(tree, parent < 0 ? parent : fdt_add_subnode(tree->blob, parent, name + 1), path,
               NULL);
}

void fdt_tree_bytes(FdtTree *tree, const char *path, const char *name, const void *data, size_t len)
{
    if (tree->error) {
        return;
    }
    int node = fdt_path_offset(tree->blob, path);
    int result = node < 0 ? node : fdt_setprop(tree->blob, node, name, data, (int)len);
    note_error(tree, result, path, name);
}

void fdt_tree_cells(FdtTree *tree, const char *path, const char *name, const uint32_t *cells,
                    size_t count)
{
    fdt32_t *big = g_new(fdt32_t, count);
    for (size_t i = 0; i < count; i++) {
        big[i] = cpu_to_fdt32(cells[i]);
    }
    fdt_tree_bytes(tree, path, name, big, count * sizeof(*big));
    g_free(big);
}

void fdt_tree_u32(FdtTree *tree, const char *path, const char *name, uint32_t value)
{
    fdt_tree_cells(tree, path, name, &value, 1);
}

void fdt_tree_u64(FdtTree *tree, const char *path, const char *name, uint64_t value)
{
    FDT_CELLS(tree, path, name, (uint32_t)(value >> 32), (uint32_t)value);
}

void fdt_tree_string(FdtTree *tree, const char *path, const char *name, const char *value)
{
    fdt_tree_bytes(tree, path, name, value, strlen(value) + 1);
}

void fdt_tree_strings(FdtTree *tree, const char *path, const char *name, const char *const *values)
{
    GByteArray *list = g_byte_array_new();
    for (; *values; values++) {
        g_byte_array_append(list, (const uint8_t *)*values, strlen(*values) + 1);
    }
    fdt_tree_bytes(tree, path, name, list->data, list->len);
    g_byte_array_unref(list);
}

void fdt_tree_flag(FdtTree *tree, const char *path, const char *name)
{
    fdt_tree_bytes(tree, path, name, "", 0);
}

void fdt_tree_reg(FdtTree *tree, const char *path, uint64_t base, uint64_t size)
{
    FDT_CELLS(tree, path, "reg", (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32),
              (uint32_t)size);
}

uint32_t fdt_tree_new_phandle(FdtTree *tree)
{
    return ++tree->last_phandle;
}

GBytes *fdt_tree_finish(FdtTree *tree, GError **error)
{
    GBytes *result = NULL;
    if (!tree->error) {
        note_error(tree, fdt_pack(tree->blob), "/", NULL);
    }
    if (tree->error) {
        error_set(error, "cannot build the device tree at %s: %s", tree->failed_at,
                  fdt_strerror(tree->error));
    } else {
        result = g_bytes_new(tree->blob, fdt_totalsize(tree->blob));
    }
    fdt_tree_free(tree);
    return result;
}
