/*
 * Firmware for x86 machines: says "!" with its first instructions, then reads a port and a register in memory 4000 times
 * each, both of which the emulator answers: the serial port's scratch register and the HPET's capabilities. Between are
 * the lines "ports", "memory" and "end".
 */
#define SERIAL 0x3f8
#define HPET 0xfed00000
#define TIMES 4000
        .code16
        .globl _start
_start:
        cli
        movw %cs, %ax
        movw %ax, %ds
        lgdtl gdt_pointer
        movl %cr0, %eax              /* ES reaches all memory from now on: it keeps its limit */
        orb $1, %al
        movl %eax, %cr0
        movw $8, %bx
        movw %bx, %es
        andb $0xfe, %al
        movl %eax, %cr0

        movw $ports, %si
        call print
        movw $SERIAL + 7, %dx
        movl $TIMES, %ecx
1:      inb %dx, %al
        decl %ecx
        jnz 1b

        movw $memory, %si
        call print
        movl $HPET, %edi
        movl $TIMES, %ecx
2:      movl %es:(%edi), %eax
        decl %ecx
        jnz 2b

        movw $end, %si
        call print
3:      hlt
        jmp 3b

print:  movw $SERIAL, %dx
        cld
4:      lodsb
        testb %al, %al
        jz 5f
        outb %al, %dx
        jmp 4b
5:      ret

ports:  .asciz "ports\n"
memory: .asciz "memory\n"
end:    .asciz "end\n"
        .balign 8
gdt:    .quad 0
        .quad 0x00cf93000000ffff     /* data, 4 GiB from 0; marked as used: it is in ROM */
gdt_pointer:
        .word 15
        .long 0xf0000 + gdt
        .org 0xfff0
        movb $'!', %al
        movw $SERIAL, %dx
        outb %al, %dx
        ljmp $0xf000, $_start
        .org 0x10000
