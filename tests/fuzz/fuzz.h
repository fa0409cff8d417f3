/*
 * What the fuzzers share. Each fuzz-NAME.c is two programs: a libFuzzer target, where configure was given
 * --enable-fuzzers (`make fuzz` does it all), and otherwise a test that feeds the files named on its command
 * line, or some random inputs, to the same function.
 *
 * Random inputs come from a function that knows what they should look like; libFuzzer starts from some of them and
 * adds more as it goes on, so that it need not find out by itself how a request begins.
 */
#ifndef AMPHI_TESTS_FUZZ_H
#define AMPHI_TESTS_FUZZ_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for what takes one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input that is used up from its front. */
typedef struct FuzzInput {
    const uint8_t *data;
    size_t left;
} FuzzInput;

/* The next @bytes bytes as a little-endian number; zeros behind the end. */
uint64_t fuzz_take(FuzzInput *in, unsigned bytes);

/* Appends bytes of which many are small. */
void fuzz_random_bytes(GRand *rand, GByteArray *input, unsigned count);

/* The test's main(): files, or @rounds inputs that @make makes. */
int fuzz_main(int argc, char **argv, int (*one)(const uint8_t *, size_t), unsigned rounds,
              void (*make)(GRand *rand, GByteArray *input));

/* libFuzzer's names for how it makes an input from one, of at most @max bytes, in place. Return the size. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Now and then a new input by @make, otherwise what libFuzzer makes of @data. */
size_t fuzz_mutate(uint8_t *data, size_t size, size_t max, unsigned seed,
                   size_t (*mutate)(uint8_t *data, size_t size, size_t max),
                   void (*make)(GRand *rand, GByteArray *input));

#ifdef AMPHI_LIBFUZZER
#define FUZZ_MAIN(rounds, make)                                                           \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) \
    {                                                                                     \
        return fuzz_mutate(data, size, max, seed, LLVMFuzzerMutate, make);                \
    }
#else
#define FUZZ_MAIN(rounds, make)                                             \
    int main(int argc, char **argv)                                         \
    {                                                                       \
        return fuzz_main(argc, argv, LLVMFuzzerTestOneInput, rounds, make); \
    }
#endif

#endif
