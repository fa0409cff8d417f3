/*
 * Random RISC-V programs of user-level instructions, made from the decode tables: straight code,
 * branches, calls, loops. They are executed inside tests/guest/random/frame.S and end.
 */
#ifndef AMPHI_TESTS_RISCV_RANDOM_H
#define AMPHI_TESTS_RISCV_RANDOM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define RANDOM_DATA_SIZE (4096 + 16)
#define RANDOM_IMAGE 0x80040000u /* address in the guest */
#define RANDOM_DATA (RANDOM_IMAGE + 16 + 512)
#define RANDOM_CODE (RANDOM_DATA + RANDOM_DATA_SIZE)
#define RANDOM_FINISH 0x80001000u /* where code jumps to in the end */
#define RANDOM_CODE_MAX 120000u

/* As frame.S has it. */
typedef struct RandomImage {
    char magic[16];
    uint64_t x[32], f[32];
    uint8_t data[RANDOM_DATA_SIZE];
    uint8_t code[131072];
} RandomImage;

typedef struct RandomProgram {
    RandomImage image;
    GArray *units; /* of uint32_t: offsets in code where a prefix of the program may end */
    uint32_t size; /* of code */
} RandomProgram;

typedef enum RandomFlavour { RANDOM_MIXED, RANDOM_FP, RANDOM_INTEGER } RandomFlavour;

/* A program of about @insns instructions of a hart with extensions @ext (1 << RiscvExt), without
 * those of the NULL-terminated list @without. */
RandomProgram *random_program_new(GRand *rand, RandomFlavour flavour, uint64_t ext,
                                  const char *const *without, unsigned insns);
void random_program_free(RandomProgram *p);

/* Makes the program end after its first @units units. */
void random_program_cut(RandomProgram *p, unsigned units);

#endif
