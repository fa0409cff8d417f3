/*
 * Building a flattened device tree (Devicetree Specification 0.4) with libfdt.
 *
 * Errors are sticky: a failed call makes all later ones do nothing, and fdt_tree_finish() reports it, so
 * boards write straight-line code. Nodes are named by full path; a parent comes before its children. As
 * libfdt puts new nodes in front of their siblings, the order in the result is that of creation
 * reversed. No locking: used before the machine runs.
 */
#ifndef AMPHI_HW_FDT_H
#define AMPHI_HW_FDT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FdtTree FdtTree;

/* An empty tree. */
FdtTree *fdt_tree_new(void);

/* The tree in file @path (option -dtb), with room to add to. NULL with @error if it is not a sound
 * device tree. */
FdtTree *fdt_tree_load(const char *path, GError **error);

void fdt_tree_free(FdtTree *tree);

/* Adds node @path, if it is not there yet. */
void fdt_tree_node(FdtTree *tree, const char *path);

/* Properties of node @path; a property of the same name is replaced. */
void fdt_tree_cells(FdtTree *tree, const char *path, const char *name, const uint32_t *cells,
                    size_t count);
void fdt_tree_u32(FdtTree *tree, const char *path, const char *name, uint32_t value);
void fdt_tree_u64(FdtTree *tree, const char *path, const char *name, uint64_t value);
void fdt_tree_string(FdtTree *tree, const char *path, const char *name, const char *value);
void fdt_tree_flag(FdtTree *tree, const char *path, const char *name);
void fdt_tree_bytes(FdtTree *tree, const char *path, const char *name, const void *data,
                    size_t len);

/* A list of strings, NULL-terminated. */
void fdt_tree_strings(FdtTree *tree, const char *path, const char *name, const char *const *values);

/* "reg" of one range, with two cells each for address and size. */
void fdt_tree_reg(FdtTree *tree, const char *path, uint64_t base, uint64_t size);

/* Cells written out: FDT_CELLS(tree, path, "interrupts", 10). */
#define FDT_CELLS(tree, path, name, ...)                              \
    fdt_tree_cells(tree, path, name, (const uint32_t[]){__VA_ARGS__}, \
                   sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* A phandle value that no node has yet; the caller sets it as property "phandle". */
uint32_t fdt_tree_new_phandle(FdtTree *tree);

/* The packed tree, or NULL with @error if any call failed. Frees @tree. */
GBytes *fdt_tree_finish(FdtTree *tree, GError **error);

#endif
