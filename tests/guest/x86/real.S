/* firmware: real mode, from the reset vector: segments, interrupts by the vector table, string output. */
#define SERIAL 0x3f8
#define POWER 0x600
        .code16
        .globl _start
_start:
        cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %ss
        movw $0x7000, %sp
        movw $on_divide, 0
        movw %cs, 2
        movw $0, 0x500
        xorw %cx, %cx
        movw $7, %ax
        divb %cl
        cmpw $0x10, 0x500
        jne fail
        movw $0x1234, %ax        /* another segment, the same memory */
        movw %ax, %es
        movb $0x99, %es:0x10
        cmpb $0x99, 0x12350 & 0xffff
        je fail                  /* DS is 0: 0x2350 is not that */
        movw $0x1235, %ax
        movw %ax, %fs
        cmpb $0x99, %fs:0
        jne fail
        movw $text, %si
        movw $5, %cx
        jmp print
fail:   movw $bad, %si
        movw $5, %cx
print:  movw %cs, %ax
        movw %ax, %ds
        movw $SERIAL, %dx
        cld
        rep outsb
        movw $POWER, %dx
        movb $0x34, %al
        outb %al, %dx
1:      hlt
        jmp 1b
on_divide:
        pushw %bp
        movw %sp, %bp
        addw $2, 2(%bp)          /* the division */
        popw %bp
        addw $0x10, 0x500
        iret
text:   .ascii "PASS\n"
bad:    .ascii "FAIL\n"
        .org 0xfff0
        ljmp $0xf000, $_start
        .org 0x10000
