/*
 * Declarative description of state to be saved: a table of fields per struct.
 *
 * A saved section is the fields in table order, little-endian, each array prefixed by its length;
 * there are no per-field versions. What is loaded is hostile: lengths must match the table exactly,
 * booleans are 0 or 1, and post_load() validates whatever indexes or sizes something.
 */
#ifndef AMPHI_BASE_VMSTATE_H
#define AMPHI_BASE_VMSTATE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum VmType { VM_U8, VM_U16, VM_U32, VM_U64, VM_BOOL, VM_STRUCT, VM_END } VmType;

typedef struct VmDesc VmDesc;

typedef struct VmField {
    const char *name;
    VmType type;
    size_t offset;     /* in the struct */
    size_t count;      /* elements; 1 for a scalar */
    size_t stride;     /* bytes from one element to the next */
    const VmDesc *sub; /* of VM_STRUCT */
} VmField;

struct VmDesc {
    const char *name;
    const VmField *fields; /* ends with VM_END */
    void (*pre_save)(void *opaque);
    /* Checks and completes loaded state. On failure the whole load fails. */
    bool (*post_load)(void *opaque, GError **error);
};

/* clang-format off */
#define VM_FIELD_(vmtype, ctype, s, f)                                                             \
    {                                                                                              \
        #f, vmtype, offsetof(s, f) + 0 * sizeof(char[sizeof(((s *)0)->f) == sizeof(ctype) ? 1 : -1]), 1, sizeof(ctype), NULL \
    }
#define VM_FIELD_U8(s, f) VM_FIELD_(VM_U8, uint8_t, s, f)
#define VM_FIELD_U16(s, f) VM_FIELD_(VM_U16, uint16_t, s, f)
#define VM_FIELD_U32(s, f) VM_FIELD_(VM_U32, uint32_t, s, f)
#define VM_FIELD_U64(s, f) VM_FIELD_(VM_U64, uint64_t, s, f)
#define VM_FIELD_BOOL(s, f) VM_FIELD_(VM_BOOL, bool, s, f)
#define VM_ARRAY_(vmtype, s, f)                                                                    \
    {                                                                                              \
        #f, vmtype, offsetof(s, f), ARRAY_SIZE(((s *)0)->f), sizeof(((s *)0)->f[0]), NULL          \
    }
#define VM_ARRAY_U8(s, f) VM_ARRAY_(VM_U8, s, f)
#define VM_ARRAY_U16(s, f) VM_ARRAY_(VM_U16, s, f)
#define VM_ARRAY_U32(s, f) VM_ARRAY_(VM_U32, s, f)
#define VM_ARRAY_U64(s, f) VM_ARRAY_(VM_U64, s, f)
#define VM_FIELD_STRUCT(s, f, desc)                                                                \
    {                                                                                              \
        #f, VM_STRUCT, offsetof(s, f), 1, sizeof(((s *)0)->f), desc                                \
    }
#define VM_ARRAY_STRUCT(s, f, desc)                                                                \
    {                                                                                              \
        #f, VM_STRUCT, offsetof(s, f), ARRAY_SIZE(((s *)0)->f), sizeof(((s *)0)->f[0]), desc       \
    }
#define VM_FIELD_END() { NULL, VM_END, 0, 0, 0, NULL }
/* clang-format on */

/* Appends the state at @opaque to @out. */
void vmstate_save(GByteArray *out, const VmDesc *desc, void *opaque);

/* A number for the form of what vmstate_save() appends: another one if fields came, went or changed. */
uint32_t vmstate_form(const VmDesc *desc);

/* Loads from @data (advanced; *@len reduced). Returns false with @error set on anything unexpected;
 * @opaque is then half loaded and must be discarded or reset. */
bool vmstate_load(const uint8_t **data, size_t *len, const VmDesc *desc, void *opaque,
                  GError **error);

#endif
