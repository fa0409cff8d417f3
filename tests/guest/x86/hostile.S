/*
 * A guest that means no good to machine q35: wild accesses to ports, configuration space, the functions' registers,
 * fw_cfg's DMA, the VGA and the HPET. Whatever the devices make of it, the machine runs on and this program ends
 * well. What it must not hit is what resets or powers off, and its own memory.
 * options: -machine q35 -device e1000 -device edu -device pci-testdev -device virtio-rng-pci -device pvpanic-pci
 */
#define MULTIBOOT
#define Q35
#include "tests/guest/x86/test.h"

#define SANDBOX 0x800000 /* of memory: what devices are pointed at */
#define SANDBOX_WORDS 0x4000
#define BARS 0xc0000000 /* where the functions' registers are put, 1 MiB for each */
#define ECAM 0xb0000000
#define HPET 0xfed00000
#define SEED 0x2545f491
#define ROUNDS 3000

main:
        cli
        cld
        call fill_sandbox
        call ports
        call fw_cfg
        call vga
        call configuration
        call registers
        call hpet
        call restore
        jmp pass

/* EAX: the next random number (xorshift, Marsaglia). */
random:
        movl state, %eax
        movl %eax, %ecx
        shll $13, %ecx
        xorl %ecx, %eax
        movl %eax, %ecx
        shrl $17, %ecx
        xorl %ecx, %eax
        movl %eax, %ecx
        shll $5, %ecx
        xorl %ecx, %eax
        movl %eax, state
        ret

fill_sandbox:
        movl $SANDBOX, %edi
        movl $SANDBOX_WORDS, %ebx
1:      call random
        movl %eax, (%edi)
        addl $4, %edi
        subl $1, %ebx
        jnz 1b
        ret

/* EDX: a port that may be written. Not those of the serial port, the keyboard controller, reset, fw_cfg and power
 * management, nor what is at most three below. */
safe_port:
        call random
        movzwl %ax, %edx
        movl $forbidden, %esi
1:      movzwl (%esi), %eax
        testl %eax, %eax
        jz 2f
        movzwl 2(%esi), %ecx
        addl $4, %esi
        cmpl %eax, %edx
        jb 1b
        cmpl %ecx, %edx
        jbe safe_port
        jmp 1b
2:      ret

/* One access of a random size to port DX: random data out, or in. */
access_port:
        call random
        testl $0x10000, %eax
        jnz 2f
        testl $0x20000, %eax
        jnz 1f
        outb %al, %dx
        inw %dx, %ax
        ret
1:      outl %eax, %dx
        ret
2:      testl $0x20000, %eax
        jnz 3f
        outw %ax, %dx
        inb %dx, %al
        ret
3:      inl %dx, %eax
        ret

ports:
        movl $ROUNDS, %ebx
1:      call safe_port
        call access_port
        subl $1, %ebx
        jnz 1b
        ret

/* Command blocks at places where none can be, and blocks that make no sense. */
fw_cfg:
        movl $blocks, %esi
1:      movl (%esi), %eax
        bswap %eax
        movw $0x514, %dx
        outl %eax, %dx
        movl 4(%esi), %eax
        bswap %eax
        addl $4, %edx
        outl %eax, %dx
        addl $8, %esi
        cmpl $blocks_end, %esi
        jb 1b
        movl $200, %ebx
2:      call random
        andl $0x1f003fff, %eax  /* control: reads, skips, selects */
        movl %eax, SANDBOX
        call random
        movl %eax, SANDBOX + 4  /* length */
        movl $0, SANDBOX + 8
        call random
        orl $0x00009000, %eax   /* from SANDBOX + 0x1000 to beyond memory, big-endian */
        movl %eax, SANDBOX + 12
        call random
        movw $0x514, %dx
        xorl %eax, %eax
        outl %eax, %dx
        movl $SANDBOX, %eax
        bswap %eax
        addl $4, %edx
        outl %eax, %dx
        subl $1, %ebx
        jnz 2b
        jmp fill_sandbox

vga:
        movl $ROUNDS, %ebx
1:      call random
        andl $0x3f, %eax
        leal 0x3b0(%eax), %edx
        testl $0x20, %eax
        jz 2f
        subl $0x3e0 - 0x1ce, %edx /* the Bochs interface */
        andl $1, %edx
        addl $0x1ce, %edx
2:      call access_port
        call random
        andl $0x1fffc, %eax
        movl %eax, %edi
        call random
        movl %eax, 0xa0000(%edi)
        movl 0xa0000(%edi), %eax
        subl $1, %ebx
        jnz 1b
        ret

/* EDX := the address word for function EBP (slot, function) and register EDI, written to the address port. */
select:
        movl %ebp, %eax
        shll $8, %eax
        orl %edi, %eax
        orl $0x80000000, %eax
        movw $0xcf8, %dx
        outl %eax, %dx
        movw $0xcfc, %dx
        ret

/* All registers of all functions of bus 0, but the host bridge's and the LPC bridge's that move what is in the
 * way of this program. Then the same by memory. */
configuration:
        movl $8, %ebp
1:      cmpl $0xf8, %ebp        /* 1f.0 */
        je 4f
        xorl %edi, %edi
        call select
        inl %dx, %eax
        cmpl $-1, %eax
        je 4f
        movl $4, %edi
2:      call select
        call random
        outl %eax, %dx
        call random
        outb %al, %dx
        inl %dx, %eax
        addl $4, %edi
        cmpl $0x100, %edi
        jb 2b
4:      addl $1, %ebp
        cmpl $0x100, %ebp
        jb 1b
        xorl %ebp, %ebp         /* ECAM: everything is read */
        movl $0x4000, %ebx
5:      call random
        andl $0x0fffffff, %eax
        movb ECAM(%eax), %cl
        subl $8, %ebx
        jnz 5b
        ret

/* Every function's BARs are put side by side, it may master the bus, and then its registers are written: random
 * numbers, and addresses of the sandbox. */
registers:
        movl $BARS, %esi
        movl $8, %ebp
1:      cmpl $0xf8, %ebp
        je 4f
        xorl %edi, %edi
        call select
        inl %dx, %eax
        cmpl $-1, %eax
        je 4f
        movl $0x10, %edi
2:      call select
        movl %esi, %eax
        outl %eax, %dx
        addl $0x100000, %esi
        addl $4, %edi
        cmpl $0x28, %edi
        jb 2b
        movl $4, %edi
        call select
        movl $6, %eax
        outl %eax, %dx
4:      addl $1, %ebp
        cmpl $0x100, %ebp
        jb 1b
        movl $2 * ROUNDS, %ebx
5:      call random
        movl %eax, %edi
        shrl $7, %edi
        andl $0x3ffffc, %edi
        testl $1, %eax
        jnz 6f
        andl $0x300ffc, %edi    /* mostly the first registers */
6:      call random
        testl $0x1000000, %eax
        jz 7f
        andl $0xffc0, %eax
        addl $SANDBOX, %eax
7:      movl %eax, BARS(%edi)
        movl BARS(%edi), %eax
        addl $0x400000, %edi
        call random
        movl %eax, BARS(%edi)
        subl $1, %ebx
        jnz 5b
        ret

hpet:
        movl $ROUNDS / 4, %ebx
1:      call random
        andl $0x3fc, %eax
        movl %eax, %edi
        call random
        movl %eax, HPET(%edi)
        movl HPET(%edi), %eax
        subl $1, %ebx
        jnz 1b
        movl $0, HPET + 0x10
        ret

/* No function may master the bus any more; power management is where this program looks for it. */
restore:
        movl $8, %ebp
1:      movl $4, %edi
        call select
        xorl %eax, %eax
        outl %eax, %dx
        addl $1, %ebp
        cmpl $0x100, %ebp
        jb 1b
        movl $0xf8, %ebp
        movl $0x40, %edi
        call select
        movl $0x601, %eax
        outl %eax, %dx
        movl $0x44, %edi
        call select
        movl $0x80, %eax
        outl %eax, %dx
        ret

        .data
        .balign 4
state:  .long SEED
/* Ranges of ports, from three below the first. */
forbidden:
        .word 0x05d, 0x067
        .word 0x08f, 0x092
        .word 0x3f5, 0x3ff
        .word 0x50d, 0x51b
        .word 0x5fd, 0x67f
        .word 0xcf5, 0xcff
        .word 0
        .balign 4
blocks: .long 0xffffffff, 0xfffffff0
        .long 0xffffffff, 0xffffffff
        .long 0, 0xfffffff8
        .long 0, 0xfee00000
        .long 0, 0xfed00000
        .long 0, 0x000a0000
        .long 0x00000001, 0x00000000
        .long 0, 0x00fffff8         /* the end of memory is in it */
blocks_end:
