/*
 * -blockdev and blockdev-add: images described node by node.
 *
 * A node is a format ("qcow2", "raw") on a node that is a file, given in place ("file.filename") or by the name
 * of another node ("file=NAME"). What is opened is the image; its file nodes exist only in the configuration.
 * With the machine lock held, on the main thread.
 */
#ifndef AMPHI_BLOCK_NODES_H
#define AMPHI_BLOCK_NODES_H

#include "hw/block/blockdev.h"

/* The description of the node @name, or NULL. */
Options *node_find(Machine *machine, const char *name);

/* Opens it as a drive whose id is its name. */
BlockDev *node_open(Machine *machine, const char *name, GError **error);

/* Opens all that no other node is made of and that are not open. */
bool nodes_open_all(Machine *machine, GError **error);

/* Adds a node to the configuration, which then owns @opts, and opens it unless it is a file's. On failure
 * @opts is freed. */
bool node_add(Machine *machine, Options *opts, GError **error);

/* Takes one away that nothing uses. */
bool node_remove(Machine *machine, const char *name, GError **error);

#endif
