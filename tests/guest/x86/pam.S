/*
 * The memory map changes under a running processor: one switches a piece of the first megabyte between RAM and what covers
 * it, which joins that piece with the memory above and parts it again, while the other, whose code and data are above,
 * counts there, with and without LOCK, and writes patterns and reads them again.
 * options: -machine q35 -smp 2
 */
#define MULTIBOOT
#define Q35
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define ICR_LOW 0x300
#define TRAMPOLINE 0x8000
#define PIECE 0xf0000              /* the last one: RAM begins again where it ends */
#define PAM0 0x80000090
#define ROUNDS 400
#define WORDS 64

main:
        lgdt gdt_pointer
        ljmp $0x10, $1f
1:      movl $trampoline, %esi
        movl $TRAMPOLINE, %edi
        movl $trampoline_end - trampoline, %ecx
        rep movsb
        movl $0x1ff, APIC + 0xf0    /* on */
        movl $0xc4500, APIC + ICR_LOW /* INIT to the other */
        call wait
        movl $0xc4600 | TRAMPOLINE >> 12, APIC + ICR_LOW
        movl $30000000, %ecx
2:      cmpl $0, rounds             /* it is there */
        jne 3f
        pause
        loop 2b
3:      cmpl $0, rounds
        CHECK_(ne)

        movb $0x30, %al
        call set_pam
        movl $0x12345678, PIECE
        movl $ROUNDS, %ebp
4:      movb $0, %al
        call set_pam
        movb $0x30, %al
        call set_pam
        cmpl $0x12345678, PIECE
        CHECK_(e)
        cmpl $0, wrong
        CHECK_(e)
        decl %ebp
        jnz 4b

        movl rounds, %ebx           /* it still goes on */
        movl $30000000, %ecx
5:      movl rounds, %eax
        subl %ebx, %eax
        cmpl $2, %eax
        jae 6f
        pause
        loop 5b
6:      CHECK_(ae)
        movl $1, stop
7:      cmpl $0, stopped
        je 7b
        cmpl $0, wrong
        CHECK_(e)
        movl rounds, %eax           /* nothing that was counted is lost */
        cmpl %eax, locked
        CHECK_(e)
        jmp pass

/* The piece, by AL. Changes EAX, EDX. */
set_pam:
        movl %eax, %ecx
        movl $PAM0, %eax
        movw $0xcf8, %dx
        outl %eax, %dx
        movw $0xcfc, %dx
        movl %ecx, %eax
        outb %al, %dx
        ret
wait:   movl $2000, %ecx
8:      loop 8b
        ret

        .code16
trampoline:
        cli
        xorw %ax, %ax
        movw %ax, %ds
        lgdtl TRAMPOLINE + trampoline_gdt - trampoline
        movl %cr0, %eax
        orl $1, %eax
        movl %eax, %cr0
        ljmpl $0x10, $other
trampoline_gdt:
        .word 8 * 4 - 1
        .long gdt
trampoline_end:

        .code32
other:
        movw $0x18, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
1:      lock incl locked
        incl rounds
        movl rounds, %eax           /* what this round writes */
        xorl %ecx, %ecx
2:      movl %eax, words(, %ecx, 4)
        addl $0x01010101, %eax
        incl %ecx
        cmpl $WORDS, %ecx
        jb 2b
        movl rounds, %eax
        xorl %ecx, %ecx
3:      cmpl %eax, words(, %ecx, 4)
        jne 4f
        addl $0x01010101, %eax
        incl %ecx
        cmpl $WORDS, %ecx
        jb 3b
        cmpl $0, stop
        je 1b
        jmp 5f
4:      movl $1, wrong
5:      movl $1, stopped
        cli
6:      hlt
        jmp 6b

        FLAT_TABLES
        .data
        .balign 4096
rounds: .long 0
locked: .long 0
wrong:  .long 0
stop:   .long 0
stopped: .long 0
words:  .space 4 * WORDS
