/*
 * Code in flash: what was erased or programmed is what runs, also where other code ran before.
 */
#include "tests/guest/virt/virt.h"

#define FLASH 0x22000000ul /* the second bank: the first one may have firmware */
#define RET 0x8067u        /* jalr zero, 0(ra) */

/* Commands go to both chips of the bus. */
enum { READ_ARRAY = 0x00ff00ff, ERASE = 0x00200020, CONFIRM = 0x00d000d0, PROGRAM = 0x00400040 };

static void erase(uint64_t block)
{
    *at32(block) = ERASE;
    *at32(block) = CONFIRM;
    *at32(block) = READ_ARRAY;
}

static void program(uint64_t addr, uint32_t word)
{
    *at32(addr) = PROGRAM;
    *at32(addr) = word;
    *at32(addr) = READ_ARRAY;
}

static int run(uint64_t addr)
{
    __asm__ volatile("fence.i" ::: "memory");
    return ((int (*)(void))addr)();
}

/* A function that returns @value. */
static void program_function(uint64_t addr, uint32_t value)
{
    program(addr, value << 20 | 0x513u); /* addi a0, zero, value */
    program(addr + 4, RET);
}

int main(void)
{
    for (int round = 1; round <= 100; round++) {
        erase(FLASH);
        program_function(FLASH, round);
        program_function(FLASH + 4096, round + 1000);
        for (int i = 0; i < 50; i++) { /* often enough for every tier */
            check("the first function", run(FLASH), round);
            check("that on the next page", run(FLASH + 4096), round + 1000);
        }
    }
    /* Programming without erasing clears bits: 0x3f to 0x15. */
    erase(FLASH);
    program_function(FLASH, 0x3f);
    check("before", run(FLASH), 0x3f);
    program(FLASH, 0x15 << 20 | 0x513u);
    check("after", run(FLASH), 0x15);
    return failures != 0;
}
