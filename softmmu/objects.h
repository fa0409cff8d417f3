/*
 * Objects that the user creates by -object or object-add: what devices and the machine refer to by id.
 *
 * Types: sources of random numbers, secrets, and backings of guest memory. Main thread, with the machine lock or before
 * the machine runs.
 */
#ifndef AMPHI_OBJECTS_H
#define AMPHI_OBJECTS_H

#include "softmmu/machine.h"
#include "softmmu/property.h"

typedef struct UserObject UserObject;

/* Makes the object that @opts (keys qom-type, id, and the type's properties) describes; @opts stays the caller's. */
bool object_add(Machine *machine, Options *opts, GError **error);

/* Removes the object @id, unless something uses it. */
bool object_remove(Machine *machine, const char *id, GError **error);

void objects_free(Machine *machine);

/* The object @id, whose type must begin with @kind ("rng-"), for a user that object_unuse() ends. NULL with @error if
 * there is none. */
UserObject *object_use(Machine *machine, const char *id, const char *kind, GError **error);
void object_unuse(UserObject *object);

const char *object_id(const UserObject *object);
const char *object_type(const UserObject *object);
UserObject *object_nth(Machine *machine, unsigned n); /* NULL past the end */

/* The value of property @name as text, NULL: there is no such property or it has no value. */
const char *object_get(const UserObject *object, const char *name);

/* A memory-backend-*: its size in bytes, and where the memory comes from. */
uint64_t object_memory_size(const UserObject *object);
const RamBacking *object_memory_backing(const UserObject *object);

/* The types and their properties, for listings; NULL or false past the end. */
const char *object_type_nth(unsigned n);
bool object_property_nth(const char *type, unsigned n, Property *out);

#endif
