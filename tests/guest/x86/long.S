/* linux image: long mode, entered by the 64-bit boot protocol: what it promises, SSE, tables of its own, SYSCALL
 * from ring 3 and back, a fault in ring 3. needs: native.  options: -append test */
#define SERIAL 0x3f8
#define POWER 0x600
#define USER 0x200000

.macro CHECK cond
        j\cond 77f
        jmp fail
77:
.endm
        .code64
        .globl _start
_start:
        .org 0x1f1
        .byte 1                    /* setup_sects */
        .org 0x200
        .byte 0xeb, 0x66           /* to the end of the header */
        .ascii "HdrS"
        .word 0x20c                /* version */
        .org 0x230
        .long 0x1000               /* kernel_alignment */
        .byte 1, 0                 /* relocatable_kernel, min_alignment */
        .word 1                    /* xloadflags: a 64-bit entry */
        .long 2047                 /* cmdline_size */
        .org 0x258
        .quad 0x100000             /* pref_address */
        .long 0x20000              /* init_size */
        .org 0x400                 /* 1 MiB in memory */
        .org 0x600
entry64:
        movl $stack_top, %esp
        cmpl $0x53726448, 0x202(%rsi) /* boot_params has the header */
        CHECK e
        cmpb $0, 0x1e8(%rsi)       /* and memory */
        CHECK ne
        movl 0x228(%rsi), %edi     /* and the command line */
        cmpl $0x74736574, (%rdi)   /* "test" */
        CHECK e
        movl $0xc0000080, %ecx
        rdmsr
        testl $0x400, %eax         /* LMA */
        CHECK nz

        movq %cr4, %rax
        orl $0x600, %eax
        movq %rax, %cr4

        /* Tables that ring 3 may use. */
        movl $pdpt + 7, pml4
        movl $pd + 7, pdpt
        movl $0x87, pd
        movl $USER + 0x87, pd + 8
        movl $pml4, %eax
        movq %rax, %cr3
        movl $tss, %eax
        movw %ax, tss_low + 2
        shrl $16, %eax
        movb %al, tss_low + 4
        lgdt gdt_pointer
        lidt idt_pointer
        movl $0x30, %eax
        ltr %ax
        movl $on_gp, %eax
        movw %ax, idt + 16 * 13
        movw $0x10, idt + 16 * 13 + 2
        movw $0x8e00, idt + 16 * 13 + 4
        shrl $16, %eax
        movw %ax, idt + 16 * 13 + 6
        movq $stack_top, tss + 4

        movl $0xc0000080, %ecx
        rdmsr
        orl $1, %eax               /* SCE */
        wrmsr
        movl $0xc0000081, %ecx     /* STAR: 0x10 and 0x18 for us, 0x23 and 0x2b for ring 3 */
        xorl %eax, %eax
        movl $0x001b0010, %edx
        wrmsr
        movl $0xc0000082, %ecx
        movl $on_call, %eax
        xorl %edx, %edx
        wrmsr
        movl $0xc0000084, %ecx
        movl $0x200, %eax
        wrmsr
        movl $user, %esi
        movl $USER, %edi
        movl $user_end - user, %ecx
        rep movsb
        movl $USER, %ecx
        movl $2, %r11d
        movl $USER + 0x1000, %esp
        sysretq
user:
        movabsq $0x123456789abcdef0, %rax
        movq %rax, %xmm5
        paddq %xmm5, %xmm5
        movq %xmm5, %rdi
        addq %rax, %rax
        subq %rax, %rdi
        addl $0x77, %edi
        syscall
        movl $0x78, %edi
        syscall
        cli                        /* #GP */
user_end:
on_call:
        movl %cs, %eax
        cmpl $0x10, %eax
        CHECK e
        addl $1, calls
        addl %edi, sum
        sysretq
on_gp:
        cmpl $2, calls
        CHECK e
        cmpl $0x77 + 0x78, sum
        CHECK e
        cmpl $0x2b, 16(%rsp)       /* CS of ring 3 */
        CHECK e
        movl $pass_text, %esi
        jmp print
fail:   movl $fail_text, %esi
print:  movl $SERIAL, %edx
        movl $5, %ecx
        cld
        rep outsb
        movl $POWER, %edx
        movb $0x34, %al
        outb %al, %dx
1:      hlt
        jmp 1b
pass_text: .ascii "PASS\n"
fail_text: .ascii "FAIL\n"
        .balign 8
gdt:    .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
        .quad 0x00cff3000000ffff, 0x00affb000000ffff
tss_low: .word 0x67, 0, 0x8900, 0
        .quad 0
gdt_pointer: .word . - gdt - 1
        .quad gdt
idt_pointer: .word 16 * 32 - 1
        .quad idt
calls:  .long 0
sum:    .long 0
        .set tables, 0x110000      /* within init_size, which is all zeros */
        .set pml4, tables
        .set pdpt, tables + 0x1000
        .set pd, tables + 0x2000
        .set idt, tables + 0x3000
        .set tss, tables + 0x4000
        .set stack_top, tables + 0x6000
