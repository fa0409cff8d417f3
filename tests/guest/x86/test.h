/*
 * For the x86 guest programs: Multiboot programs for machine microvm (link.ld puts them at 1 MiB), entered in
 * protected mode; files with `firmware` in their first line are raw firmware instead, entered at the reset vector.
 * Programs for q35 define Q35. Each prints "PASS" on the serial port and powers the machine off; CHECK prints "FAIL line" instead.
 */
#define SERIAL 0x3f8
#define POWER 0x600
#define POWER_OFF 0x34
#define APIC 0xfee00000
#define IOAPIC 0xfec00000

#ifdef MULTIBOOT
        .section .multiboot, "a"
        .balign 4
        .long 0x1badb002, 0, -0x1badb002
        .text
        .code32
        .globl _start
_start:
        movl $stack_top, %esp
        cmpl $0x2badb002, %eax
        jne 1f
        jmp main
1:      movl $__LINE__, %esi
        jmp fail

/* Prints FAIL and the line in ESI, and ends. Any mode with flat segments. */
fail:
        movl $fail_text, %edi
        call puts
        movl %esi, %eax
        movl $10, %ecx
        movl $digits_end, %edi
2:      xorl %edx, %edx
        divl %ecx
        addb $'0', %dl
        subl $1, %edi
        movb %dl, (%edi)
        testl %eax, %eax
        jnz 2b
        call puts
        jmp power_off
pass:
        movl $pass_text, %edi
        call puts
power_off:
#ifdef Q35
        movw $0x604, %dx        /* PM1_CNT: sleep, as in "off" */
        movw $0x2000, %ax
        outw %ax, %dx
#endif
        movw $POWER, %dx
        movb $POWER_OFF, %al
        outb %al, %dx
3:      hlt
        jmp 3b

/* Prints the text at EDI. */
puts:
        movw $SERIAL, %dx
4:      movb (%edi), %al
        testb %al, %al
        jz 5f
        outb %al, %dx
        addl $1, %edi
        jmp 4b
5:      ret

#ifdef Q35
/* EBX: the function of bus 0 with ids EAX, as it is in the address register. Changes ECX, EDX, EDI. */
find_function:
        movl %eax, %edi
        xorl %ebx, %ebx
6:      xorl %ecx, %ecx
        call read_config
        cmpl %edi, %eax
        je 7f
        addl $0x800, %ebx
        cmpl $0x10000, %ebx
        jb 6b
        movl $__LINE__, %esi
        jmp fail
7:      ret

/* EBX: the function with @ids, which gets @bar for its first BAR, and may answer there and be master. */
.macro PLACE_FUNCTION ids, bar
        movl $\ids, %eax
        call find_function
        movl $0x10, %ecx
        movl $\bar, %eax
        call write_config
        movl $4, %ecx
        movl $6, %eax
        call write_config
.endm

/* EAX: register ECX of the function EBX. Change EDX. */
read_config:
        movl %ebx, %eax
        leal 0x80000000(%eax, %ecx), %eax
        movw $0xcf8, %dx
        outl %eax, %dx
        movw $0xcfc, %dx
        inl %dx, %eax
        ret
write_config:
        pushl %eax
        call read_config
        popl %eax
        outl %eax, %dx
        ret
#endif

        .data
fail_text: .asciz "FAIL line "
pass_text: .asciz "PASS\n"
        .space 12
digits_end: .asciz "\n"
        .bss
        .balign 16
        .space 8192
stack_top:
        .text

/* Returns from an interrupt handler to the same ring. Not by IRET: a KVM that emulates ring 0 does not know that
 * one in protected mode. By the stack alone, as the next interrupt may come as soon as the flags are back: the
 * address moves to where the flags were, the flags to where the selector was. */
.macro RETURN
        pushl %eax
        movl 4(%esp), %eax
        xchgl %eax, 12(%esp)
        movl %eax, 8(%esp)
        popl %eax
        addl $4, %esp
        popfl
        ret
.endm

/* Entry \n of the table idt: an interrupt gate of 32 bits to \handler. Changes EAX. */
.macro GATE n, handler
        movl $\handler, %eax
        movw %ax, idt + 8 * \n
        movw $0x10, idt + 8 * \n + 2
        movw $0x8e00, idt + 8 * \n + 4
        shrl $16, %eax
        movw %ax, idt + 8 * \n + 6
.endm

/* Descriptor tables of protected mode: flat code is 0x10, flat data 0x18; all 256 vectors. */
.macro FLAT_TABLES
        .data
        .balign 8
gdt:    .quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word . - gdt - 1
        .long gdt
idt_pointer: .word 8 * 256 - 1
        .long idt
        .bss
        .balign 16
idt:    .space 8 * 256
        .text
.endm

/* Fails unless the comparison before gave @cond. */
.macro CHECK cond
        j\cond 77f
        movl $LINE, %esi
        jmp fail
77:
.endm
#endif
