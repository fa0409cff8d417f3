/*
 * Accesses to device registers: sizes, string instructions, across a page, read-modify-write, and ports.
 */
#define MULTIBOOT
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define SLOT 0xfeb00000 /* of virtio-mmio, all empty */
main:
        cmpl $0x74726976, SLOT
        CHECK_(e)
        cmpl $2, SLOT + 4
        CHECK_(e)
        movl $SLOT, %esi
        movl $buffer, %edi
        movl $3, %ecx
        rep movsl
        cmpl $0x74726976, buffer
        CHECK_(e)
        cmpl $2, buffer + 4
        CHECK_(e)
        cmpl $0, buffer + 8
        CHECK_(e)
        movl SLOT + 0xffe, %eax  /* two bytes of the last slot, two of nothing */
        cmpl $0xffff0000, %eax
        CHECK_(e)
        movl 0xfeb08000, %eax    /* nothing */
        cmpl $-1, %eax
        CHECK_(e)
        movl $-1, SLOT           /* read-only */
        lock addl $1, SLOT
        cmpl $0x74726976, SLOT
        CHECK_(e)

        movw $SERIAL + 7, %dx    /* scratch register */
        movb $0x5a, %al
        outb %al, %dx
        xorb %al, %al
        inb %dx, %al
        cmpb $0x5a, %al
        CHECK_(e)
        movl $data, %esi
        movl $4, %ecx
        rep outsb                /* the last one stays */
        movl $buffer, %edi
        movl $3, %ecx
        rep insb
        cmpw $0x4444, buffer
        CHECK_(e)
        cmpb $0x44, buffer + 2
        CHECK_(e)
        movw $0x1234, %dx        /* nothing */
        inl %dx, %eax
        cmpl $-1, %eax
        CHECK_(e)
        outl %eax, %dx
        jmp pass
        .data
data:   .byte 0x11, 0x22, 0x33, 0x44
buffer: .space 16
