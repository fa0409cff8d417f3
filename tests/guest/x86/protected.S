/*
 * Protected mode: descriptor tables, exceptions with and without error code, paging, a page fault that is mended,
 * the task register. needs: native
 */
#define MULTIBOOT
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

main:
        lgdt gdt_pointer
        ljmp $0x10, $1f
1:      GATE 6, on_ud
        GATE 13, on_gp
        GATE 14, on_pf
        lidt idt_pointer

        movl $0, hits
        ud2
        cmpl $1, hits
        CHECK_(e)
        movw $0x50, %ax      /* past the table's end */
        movw %ax, %ds
        cmpl $0x50, error
        CHECK_(e)

        /* Paging: 4 MiB identity, its second half's page 0x300000 absent. */
        movl $0, %ecx
2:      movl %ecx, %eax
        shll $12, %eax
        orl $3, %eax
        movl %eax, table(, %ecx, 4)
        incl %ecx
        cmpl $1024, %ecx
        jne 2b
        movl $0, table + 4 * 0x300
        movl $table + 3, directory
        movl $directory, %eax
        movl %eax, %cr3
        movl %cr0, %eax
        orl $0x80010000, %eax
        movl %eax, %cr0
        movl $0x1233, 0x300000 /* faults and is mapped */
        movl $0x1234, 0x300000
        movl 0x300000, %eax
        cmpl $0x1234, %eax
        CHECK_(e)
        movl fault_address, %eax
        cmpl $0x300000, %eax
        CHECK_(e)
        cmpl $2, error         /* a write to what is not there */
        CHECK_(e)

        movw $0x20, %ax
        ltr %ax
        str %ax
        cmpw $0x20, %ax
        CHECK_(e)
        jmp pass

on_ud:  addl $1, hits
        addl $2, (%esp)
        RETURN
on_gp:  popl error
        addl $2, (%esp) /* the move to DS */
        RETURN
on_pf:  popl error
        movl %cr2, %eax
        movl %eax, fault_address
        movl $0x300003, table + 4 * 0x300
        invlpg 0x300000
        RETURN

        .data
        .balign 8
gdt:    .quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
        .quad 0x0000890000000067 /* a task state segment at 0: never used */
gdt_pointer: .word . - gdt - 1
        .long gdt
idt_pointer: .word 8 * 32 - 1
        .long idt
hits:   .long 0
error:  .long 0
fault_address: .long 0
        .bss
        .balign 4096
directory: .space 4096
table:  .space 4096
idt:    .space 8 * 32
