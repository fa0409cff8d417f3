/*
 * Saving and loading of state by field tables: see vmstate.h.
 *
 * Format of a section's payload: the fields in table order. A scalar is its bytes, little-endian; an array
 * (count > 1, or of structs) is a 32-bit element count and then the elements; a struct is its fields.
 * Nothing is named or padded, so what does not fit the table is found by a wrong count, a boolean
 * that is neither 0 nor 1, or a wrong length in the end (which the caller checks).
 *
 * No locking: the caller has stopped whatever uses the state.
 */
#include "softmmu/base/vmstate.h"
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include <string.h>

/* Bytes of one element as saved. */
static unsigned scalar_size(VmType type)
{
    switch (type) {
    case VM_U8:
    case VM_BOOL: return 1;
    case VM_U16: return 2;
    case VM_U32: return 4;
    case VM_U64: return 8;
    case VM_STRUCT:
    case VM_END: break;
    }
    return 0;
}

/* amphi runs on little-endian hosts only (configure says so): host order is the format's order. */
static void put_u32(GByteArray *out, uint32_t value)
{
    g_byte_array_append(out, (const uint8_t *)&value, sizeof(value));
}

static void save_field(GByteArray *out, const VmField *field, char *base)
{
    unsigned size = scalar_size(field->type);
    if (field->count > 1) {
        put_u32(out, field->count);
    }
    if (size && size == field->stride && field->type != VM_BOOL) {
        g_byte_array_append(out, (uint8_t *)base, size * field->count);
        return;
    }
    for (size_t i = 0; i < field->count; i++) {
        char *element = base + i * field->stride;
        if (field->type == VM_STRUCT) {
            vmstate_save(out, field->sub, element);
        } else if (field->type == VM_BOOL) {
            uint8_t byte = *(bool *)element;
            g_byte_array_append(out, &byte, 1);
        } else {
            g_byte_array_append(out, (uint8_t *)element, size);
        }
    }
}

void vmstate_save(GByteArray *out, const VmDesc *desc, void *opaque)
{
    if (desc->pre_save) {
        desc->pre_save(opaque);
    }
    for (const VmField *field = desc->fields; field->type != VM_END; field++) {
        save_field(out, field, (char *)opaque + field->offset);
    }
}

/* FNV-1a, of 32 bits. */
static uint32_t mix(uint32_t form, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        form = (form ^ ((const uint8_t *)data)[i]) * 0x01000193;
    }
    return form;
}

uint32_t vmstate_form(const VmDesc *desc)
{
    uint32_t form = 0x811c9dc5;
    for (const VmField *field = desc->fields; field->type != VM_END; field++) {
        uint32_t shape[] = {field->type, field->count,
                            field->type == VM_STRUCT ? vmstate_form(field->sub) : 0};
        form = mix(mix(form, field->name, strlen(field->name)), shape, sizeof(shape));
    }
    return form;
}

static bool take(const uint8_t **data, size_t *len, void *to, size_t size, const char *desc,
                 const char *field, GError **error)
{
    if (*len < size) {
        return error_set(error,
                         "saved state of '%s' ends in the middle of '%s': it is truncated or of "
                         "another version",
                         desc, field);
    }
    memcpy(to, *data, size);
    *data += size;
    *len -= size;
    return true;
}

static bool load_element(const uint8_t **data, size_t *len, const VmDesc *desc,
                         const VmField *field, char *element, GError **error)
{
    if (field->type == VM_STRUCT) {
        return vmstate_load(data, len, field->sub, element, error);
    }
    if (field->type == VM_BOOL) {
        uint8_t byte = 0;
        if (!take(data, len, &byte, 1, desc->name, field->name, error)) {
            return false;
        }
        if (byte > 1) {
            return error_set(error,
                             "saved state of '%s' is damaged: '%s' is neither true nor false",
                             desc->name, field->name);
        }
        *(bool *)element = byte;
        return true;
    }
    return take(data, len, element, scalar_size(field->type), desc->name, field->name, error);
}

static bool load_field(const uint8_t **data, size_t *len, const VmDesc *desc, const VmField *field,
                       char *base, GError **error)
{
    if (field->count > 1) {
        uint32_t count = 0;
        if (!take(data, len, &count, sizeof(count), desc->name, field->name, error)) {
            return false;
        }
        if (count != field->count) {
            return error_set(error,
                             "saved state of '%s' does not fit: '%s' has %u elements, not %zu",
                             desc->name, field->name, count, field->count);
        }
    }
    unsigned size = scalar_size(field->type);
    if (size && size == field->stride && field->type != VM_BOOL) {
        return take(data, len, base, size * field->count, desc->name, field->name, error);
    }
    for (size_t i = 0; i < field->count; i++) {
        if (!load_element(data, len, desc, field, base + i * field->stride, error)) {
            return false;
        }
    }
    return true;
}

bool vmstate_load(const uint8_t **data, size_t *len, const VmDesc *desc, void *opaque,
                  GError **error)
{
    for (const VmField *field = desc->fields; field->type != VM_END; field++) {
        if (!load_field(data, len, desc, field, (char *)opaque + field->offset, error)) {
            return false;
        }
    }
    return !desc->post_load || desc->post_load(opaque, error);
}
