/*
 * State tables: save, load into a poisoned copy, save again; and what a hostile file may hold.
 */
#include "softmmu/base/bits.h"
#include "softmmu/base/error.h"
#include "softmmu/base/vmstate.h"
#include <string.h>

typedef struct Part {
    uint16_t a;
    bool flag;
    uint8_t not_saved;
} Part;

typedef struct Whole {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    bool yes, no;
    uint32_t array[3];
    bool flags[2];
    Part part, parts[2];
    uint32_t index; /* into array */
    unsigned saves;
} Whole;

static const VmField part_fields[] = {
    VM_FIELD_U16(Part, a),
    VM_FIELD_BOOL(Part, flag),
    VM_FIELD_END(),
};
static const VmDesc part_desc = {"part", part_fields, NULL, NULL};

static void whole_pre_save(void *opaque)
{
    ((Whole *)opaque)->saves++;
}

static bool whole_post_load(void *opaque, GError **error)
{
    const Whole *w = opaque;
    return w->index < 3 ||
           error_set(error, "saved state of 'whole' is damaged: index %u", w->index);
}

static const VmField whole_fields[] = {
    VM_FIELD_U8(Whole, u8),
    VM_FIELD_U16(Whole, u16),
    VM_FIELD_U32(Whole, u32),
    VM_FIELD_U64(Whole, u64),
    VM_FIELD_BOOL(Whole, yes),
    VM_FIELD_BOOL(Whole, no),
    VM_ARRAY_U32(Whole, array),
    {"flags", VM_BOOL, offsetof(Whole, flags), 2, sizeof(bool), NULL},
    VM_FIELD_STRUCT(Whole, part, &part_desc),
    VM_ARRAY_STRUCT(Whole, parts, &part_desc),
    VM_FIELD_U32(Whole, index),
    VM_FIELD_END(),
};
static const VmDesc whole_desc = {"whole", whole_fields, whole_pre_save, whole_post_load};

static const Whole example = {
    .u8 = 1,
    .u16 = 0x203,
    .u32 = 0x4050607,
    .u64 = 0x8090a0b0c0d0e0f,
    .yes = true,
    .array = {1, 2, 0xffffffff},
    .flags = {false, true},
    .part = {7, true, 9},
    .parts = {{8, false, 9}, {0xffff, true, 9}},
    .index = 2,
};

static GByteArray *save(const Whole *state)
{
    Whole copy = *state;
    GByteArray *out = g_byte_array_new();
    vmstate_save(out, &whole_desc, &copy);
    g_assert_cmpuint(copy.saves, ==, state->saves + 1);
    return out;
}

static bool load(const uint8_t *data, size_t len, Whole *out, size_t *left)
{
    GError *error = NULL;
    bool ok = vmstate_load(&data, &len, &whole_desc, out, &error);
    g_assert_true(ok == (error == NULL));
    g_clear_error(&error);
    *left = len;
    return ok;
}

static void test_round_trip(void)
{
    Whole loaded;
    size_t left;
    GByteArray *first = save(&example);
    memset(&loaded, 0xa5, sizeof(loaded));
    loaded.saves = 0;
    g_assert_true(load(first->data, first->len, &loaded, &left));
    g_assert_cmpuint(left, ==, 0);
    g_assert_true(loaded.yes && !loaded.no && loaded.flags[1] && !loaded.flags[0]);
    g_assert_cmphex(loaded.u64, ==, example.u64);
    g_assert_cmpuint(loaded.parts[1].a, ==, 0xffff);
    g_assert_cmpuint(loaded.part.not_saved, ==, 0xa5);
    GByteArray *second = save(&loaded);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    g_byte_array_unref(first);
    g_byte_array_unref(second);
}

/* The format is fixed: what this version saves, later ones load. */
static void test_format(void)
{
    static const uint8_t expect[] = {
        1, 3, 2, 7, 6, 5, 4, 0xf, 0xe, 0xd, 0xc,  0xb,  0xa,  9,    8, 1, 0, 3, 0,
        0, 0, 1, 0, 0, 0, 2, 0,   0,   0,   0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,
        1, 7, 0, 1, 2, 0, 0, 0,   8,   0,   0,    0xff, 0xff, 1,    2, 0, 0, 0,
    };
    GByteArray *data = save(&example);
    g_assert_cmpmem(data->data, data->len, expect, sizeof(expect));
    g_byte_array_unref(data);
}

static void test_hostile(void)
{
    enum { YES = 15, COUNT = 17, INDEX = 52 };
    GByteArray *data = save(&example);
    Whole out;
    size_t left;
    for (unsigned len = 0; len < data->len; len++) {
        g_assert_false(load(data->data, len, &out, &left));
    }
    data->data[YES] = 2;
    g_assert_false(load(data->data, data->len, &out, &left));
    data->data[YES] = 1;
    data->data[COUNT] = 4;
    g_assert_false(load(data->data, data->len, &out, &left));
    data->data[COUNT] = 3;
    data->data[INDEX] = 3;
    g_assert_false(load(data->data, data->len, &out, &left));
    data->data[INDEX] = 0;
    g_byte_array_append(data, (const uint8_t *)"more", 4);
    g_assert_true(load(data->data, data->len, &out, &left));
    g_assert_cmpuint(left, ==, 4); /* is the caller's to judge */
    g_byte_array_unref(data);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate/round-trip", test_round_trip);
    g_test_add_func("/vmstate/format", test_format);
    g_test_add_func("/vmstate/hostile", test_hostile);
    return g_test_run();
}
