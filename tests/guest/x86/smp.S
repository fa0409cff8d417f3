/*
 * Starting the other processors by INIT and SIPI; each adds its APIC id to a set.
 * options: -smp 4
 */
#define MULTIBOOT
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define ICR_LOW 0x300
#define TRAMPOLINE 0x8000
main:
        movl $trampoline, %esi
        movl $TRAMPOLINE, %edi
        movl $trampoline_end - trampoline, %ecx
        rep movsb
        movw $0, 0x500
        movl $0x1ff, APIC + 0xf0    /* on */
        movl $0xc4500, APIC + ICR_LOW /* INIT to all others */
        call wait
        movl $0xc4600 | TRAMPOLINE >> 12, APIC + ICR_LOW
        call wait
        movl $0xc4600 | TRAMPOLINE >> 12, APIC + ICR_LOW /* again, as manuals have it: ignored */
        movl $3000000, %ecx
1:      cmpw $0xe, 0x500            /* 1, 2 and 3 */
        je 2f
        pause
        loop 1b
2:      cmpw $0xe, 0x500
        CHECK_(e)
        jmp pass
wait:   movl $2000, %ecx
3:      loop 3b
        ret

        .code16
trampoline:
        cli
        xorw %ax, %ax
        movw %ax, %ds
        movl $1, %eax
        cpuid
        shrl $24, %ebx
        movw %bx, %cx
        movw $1, %ax
        shlw %cl, %ax
        lock orw %ax, 0x500
4:      hlt
        jmp 4b
trampoline_end:
