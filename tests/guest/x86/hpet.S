/*
 * The HPET in place of 8254 and RTC: while its legacy replacement is on, the 8254 is silent, timer 0 has its line and timer 1
 * the RTC's; afterwards the 8254 goes on.
 * options: -machine q35
 */
#define MULTIBOOT
#define Q35
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define HPET 0xfed00000
#define CONFIG (HPET + 0x10)
#define COUNTER (HPET + 0xf0)
#define TIMER_CONFIG(n) (HPET + 0x100 + 0x20 * n)
#define COMPARATOR(n) (HPET + 0x108 + 0x20 * n)
#define MS 100000                  /* of the counter */
#define ENABLE 0x104               /* a timer of 32 bits */
#define PERIODIC 0x48              /* with the comparator to be set */

        .macro IOAPIC_WRITE register, value
        movl $\register, IOAPIC
        movl $\value, IOAPIC + 0x10
        .endm
        /* Until @count has grown by @n. */
        .macro AWAIT count, n
        movl \count, %eax
        addl $\n, %eax
99:     pause
        cmpl %eax, \count
        jb 99b
        .endm
        .macro WAIT ms
        movl $\ms * MS, %eax
        call wait
        .endm
        /* Timer @n once, after @ms. */
        .macro ARM n, ms
        movl $ENABLE, TIMER_CONFIG(\n)
        movl COUNTER, %eax
        addl $\ms * MS, %eax
        movl %eax, COMPARATOR(\n)
        .endm
main:
        lgdt gdt_pointer
        ljmp $0x10, $1f
1:      GATE 0x40, on_tick
        GATE 0x41, on_clock
        lidt idt_pointer
        movb $0xff, %al            /* the 8259s keep quiet */
        outb %al, $0x21
        outb %al, $0xa1
        movl $0x1ff, APIC + 0xf0
        IOAPIC_WRITE 0x14, 0x40    /* input 2: fixed, edge, to APIC 0 */
        IOAPIC_WRITE 0x15, 0
        IOAPIC_WRITE 0x20, 0x41    /* input 8 */
        IOAPIC_WRITE 0x21, 0
        movl HPET + 4, %eax        /* ticks of 10 ns, as all here supposes */
        cmpl $10000000, %eax
        CHECK_(e)
        movb $0x34, %al            /* counter 0: rates, every 10 ms */
        outb %al, $0x43
        movb $11932 & 0xff, %al
        outb %al, $0x40
        movb $11932 >> 8, %al
        outb %al, $0x40
        sti
        AWAIT ticks, 3

        movl $0, COUNTER
        movl $3, CONFIG            /* on, with legacy replacement */
        WAIT 20                    /* for what was on its way */
        movl ticks, %esi
        WAIT 100
        cmpl %esi, ticks
        CHECK_(e)

        ARM 0, 5
        AWAIT ticks, 1
        WAIT 50
        subl ticks, %esi
        cmpl $-1, %esi
        CHECK_(e)
        cmpl $0, clock
        CHECK_(e)

        movl $ENABLE | PERIODIC, TIMER_CONFIG(0)
        movl COUNTER, %eax
        addl $5 * MS, %eax
        movl %eax, COMPARATOR(0)
        movl $5 * MS, COMPARATOR(0)
        AWAIT ticks, 5
        movl $0, TIMER_CONFIG(0)
        WAIT 20
        movl ticks, %esi

        ARM 1, 5
        AWAIT clock, 1
        movl $0, TIMER_CONFIG(1)
        WAIT 50
        cmpl $1, clock
        CHECK_(e)
        cmpl %esi, ticks
        CHECK_(e)

        movl $1, CONFIG            /* the 8254 has its line again */
        AWAIT ticks, 3
        movl $3, CONFIG            /* and so on */
        WAIT 20
        movl ticks, %esi
        WAIT 50
        cmpl %esi, ticks
        CHECK_(e)
        movl $0, CONFIG
        AWAIT ticks, 3
        cmpl $1, clock
        CHECK_(e)
        jmp pass

/* EAX ticks of the counter. Changes EAX. */
wait:
        addl COUNTER, %eax
2:      pause
        cmpl %eax, COUNTER
        js 2b
        ret

on_tick:
        addl $1, ticks
        jmp end_of_interrupt
on_clock:
        addl $1, clock
end_of_interrupt:
        movl $0, APIC + 0xb0
        RETURN
        FLAT_TABLES
        .data
ticks:  .long 0
clock:  .long 0
