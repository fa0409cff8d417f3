/* See fuzz.h. */
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define MUTATIONS_PER_NEW 32

typedef struct Smoke {
    int (*one)(const uint8_t *data, size_t size);
    void (*make)(GRand *rand, GByteArray *input);
    unsigned rounds;
    const char *path; /* of a file; NULL: random inputs */
} Smoke;

uint64_t fuzz_take(FuzzInput *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && in->left; i++, in->left--) {
        value |= (uint64_t)*in->data++ << (8 * i);
    }
    return value;
}

void fuzz_random_bytes(GRand *rand, GByteArray *input, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t byte = g_rand_int(rand) >> g_rand_int_range(rand, 0, 32);
        g_byte_array_append(input, &byte, 1);
    }
}

size_t fuzz_mutate(uint8_t *data, size_t size, size_t max, unsigned seed,
                   size_t (*mutate)(uint8_t *data, size_t size, size_t max),
                   void (*make)(GRand *rand, GByteArray *input))
{
    if (size > 1 && seed % MUTATIONS_PER_NEW) {
        return mutate(data, size, max);
    }
    GRand *rand = g_rand_new_with_seed(seed);
    GByteArray *input = g_byte_array_new();
    make(rand, input);
    size = MIN(input->len, max);
    memcpy(data, input->data, size);
    g_byte_array_unref(input);
    g_rand_free(rand);
    return size;
}

static void test_file(gconstpointer data)
{
    const Smoke *smoke = data;
    GError *error = NULL;
    char *text;
    gsize size;
    g_file_get_contents(smoke->path, &text, &size, &error);
    g_assert_no_error(error);
    smoke->one((const uint8_t *)text, size);
    g_free(text);
}

static void test_random(gconstpointer data)
{
    const Smoke *smoke = data;
    GRand *rand = g_rand_new_with_seed(42);
    GByteArray *input = g_byte_array_new();
    for (unsigned i = 0; i < smoke->rounds; i++) {
        g_byte_array_set_size(input, 0);
        smoke->make(rand, input);
        smoke->one(input->data, input->len);
    }
    g_byte_array_unref(input);
    g_rand_free(rand);
}

int fuzz_main(int argc, char **argv, int (*one)(const uint8_t *, size_t), unsigned rounds,
              void (*make)(GRand *rand, GByteArray *input))
{
    g_test_init(&argc, &argv, NULL);
    Smoke *smokes = g_new0(Smoke, argc);
    smokes[0] = (Smoke){one, make, rounds, NULL};
    for (int i = 1; i < argc; i++) {
        char *name = g_strdup_printf("/fuzz/file-%d", i);
        smokes[i] = (Smoke){one, make, rounds, argv[i]};
        g_test_add_data_func(name, &smokes[i], test_file);
        g_free(name);
    }
    if (argc == 1) {
        g_test_add_data_func("/fuzz/random", &smokes[0], test_random);
    }
    int status = g_test_run();
    g_free(smokes);
    return status;
}
