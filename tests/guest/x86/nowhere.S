/*
 * Code where there is no memory: KVM's emulator cannot fetch it, and says so. The machine stops.
 * ends: an instruction that its emulator does not know
 */
#define MULTIBOOT
#include "tests/guest/x86/test.h"
main:
        movl $0xfe000000, %eax
        jmp *%eax
