/*
 * The local APIC: its timer once and periodically, an interrupt to itself, priorities; the I/O APIC with the serial
 * port's interrupt.
 */
#define MULTIBOOT
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

        .macro IOAPIC_WRITE register, value
        movl $\register, IOAPIC
        movl $\value, IOAPIC + 0x10
        .endm
        /* Not by HLT, where there is one interrupt only: KVM below a translator (the nested bed) may deliver it between
         * STI and HLT, if it has to leave the guest just there. */
        .macro AWAIT count
99:     pause
        cmpl $0, \count
        je 99b
        .endm
main:
        lgdt gdt_pointer
        ljmp $0x10, $1f
1:      GATE 0x40, on_timer
        GATE 0x41, on_serial
        GATE 0x42, on_self
        lidt idt_pointer
        movb $0xff, %al
        outb %al, $0x21            /* the 8259s keep quiet */
        outb %al, $0xa1
        movl $0x1ff, APIC + 0xf0

        movl $0xb, APIC + 0x3e0    /* divide by 1 */
        movl $0x40, APIC + 0x320
        movl $100000, APIC + 0x380
        sti
        AWAIT timer
        cli
        cmpl $1, timer
        CHECK_(e)
        movl APIC + 0x390, %eax    /* it does not count any more */
        testl %eax, %eax
        CHECK_(z)

        movl $0x20040, APIC + 0x320 /* periodic */
        movl $20000000, APIC + 0x380 /* 20 ms: longer than an interrupt takes in a nested bed on a busy host */
2:      sti
        hlt
        cli
        cmpl $4, timer
        jb 2b
        movl $0, APIC + 0x380
        movl $0x10040, APIC + 0x320

        movl $0x50, APIC + 0x80    /* task priority above the vector */
        movl $0x40042, APIC + 0x300 /* to itself */
        sti
        nop
        nop
        cmpl $0, self
        CHECK_(e)
        movl APIC + 0x220, %eax    /* requested: vector 0x42 is bit 2 of the third word */
        testl $4, %eax
        CHECK_(nz)
        movl $0, APIC + 0x80
        movl $100000, %ecx
3:      cmpl $1, self
        je 4f
        loop 3b
4:      cmpl $1, self
        CHECK_(e)
        cli

        IOAPIC_WRITE 0x18, 0x41    /* input 4: fixed, edge, to APIC 0 */
        IOAPIC_WRITE 0x19, 0
        movw $SERIAL + 4, %dx
        movb $8, %al               /* OUT2: the line is connected */
        outb %al, %dx
        movw $SERIAL + 1, %dx
        movb $2, %al               /* the transmitter is empty */
        outb %al, %dx
        sti
        AWAIT serial
        cli
        cmpl $1, serial
        CHECK_(e)
        jmp pass

on_timer:
        addl $1, timer
        jmp end_of_interrupt
on_self:
        addl $1, self
        jmp end_of_interrupt
on_serial:
        addl $1, serial
        pushl %eax
        pushl %edx
        movw $SERIAL + 1, %dx
        xorb %al, %al
        outb %al, %dx
        popl %edx
        popl %eax
end_of_interrupt:
        movl $0, APIC + 0xb0
        RETURN
        FLAT_TABLES
        .data
timer:  .long 0
serial: .long 0
self:   .long 0
