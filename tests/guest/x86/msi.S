/*
 * Message-signalled interrupts of a PCI function: edu, found in configuration space, sends them to the local APIC, with
 * another vector as soon as its registers say so, and none when it may not.
 * options: -machine q35 -device edu
 */
#define MULTIBOOT
#define Q35
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define BAR 0xc0000000
#define EDU_ID 0x11e81234
#define EDU_STATUS (BAR + 0x24)
#define EDU_RAISE (BAR + 0x60)
#define EDU_ACKNOWLEDGE (BAR + 0x64)
#define CAP_MSI 5

        .macro AWAIT count, value
99:     pause
        cmpl $\value, \count
        jb 99b
        CHECK_(e)
        .endm
main:
        lgdt gdt_pointer
        ljmp $0x10, $1f
1:      GATE 0x43, on_first
        GATE 0x44, on_second
        lidt idt_pointer
        movb $0xff, %al
        outb %al, $0x21            /* the function's line, which is asserted too, reaches nobody */
        outb %al, $0xa1
        movl $0x1ff, APIC + 0xf0

        PLACE_FUNCTION EDU_ID, BAR
        cmpl $0x010000ed, BAR
        CHECK_(e)

        movl $0x34, %ecx           /* EBP: the capability */
        call read_config
        movzbl %al, %ebp
3:      testl %ebp, %ebp
        CHECK_(nz)
        movl %ebp, %ecx
        call read_config
        cmpb $CAP_MSI, %al
        je 4f
        movzbl %ah, %ebp
        jmp 3b
4:      movl %eax, control
        testl $0x800000, %eax      /* the message's address has 64 bits */
        CHECK_(nz)
        leal 4(%ebp), %ecx
        movl $0xfee00000, %eax     /* to APIC 0 */
        call write_config
        leal 8(%ebp), %ecx
        xorl %eax, %eax
        call write_config
        movl $0x43, %eax
        call set_vector
        sti
        movl $1, EDU_RAISE         /* not enabled yet */
        call settle
        cmpl $0, first
        CHECK_(e)
        movl $1, EDU_ACKNOWLEDGE

        call enable
        movl $1, EDU_RAISE
        AWAIT first, 1
        movl $2, EDU_RAISE
        AWAIT first, 2
        movl $0x44, %eax
        call set_vector
        movl $1, EDU_RAISE
        AWAIT second, 1

        movl $4, %ecx
        movl $2, %eax              /* memory only: who is no master sends nothing */
        call write_config
        movl $1, EDU_RAISE
        call settle
        cmpl $1, second
        CHECK_(e)
        movl $1, EDU_ACKNOWLEDGE
        movl $4, %ecx
        movl $6, %eax
        call write_config
        movl $1, EDU_RAISE
        AWAIT second, 2
        cmpl $2, first
        CHECK_(e)
        cmpl $0, EDU_STATUS
        CHECK_(e)
        jmp pass

/* Time for an interrupt that should not come. */
settle:
        movl $1000, %ecx
1:      movl EDU_STATUS, %eax
        loop 1b
        ret

set_vector:
        leal 12(%ebp), %ecx
        jmp write_config
enable:
        movl %ebp, %ecx
        movl control, %eax
        orl $0x10000, %eax
        jmp write_config

on_first:
        addl $1, first
        jmp end_of_interrupt
on_second:
        addl $1, second
end_of_interrupt:
        movl $-1, EDU_ACKNOWLEDGE
        movl $0, APIC + 0xb0
        RETURN
        FLAT_TABLES
        .data
first:  .long 0
second: .long 0
control: .long 0
