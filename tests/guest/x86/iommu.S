/*
 * VT-d in front of a PCI function that does as it is told: edu's DMA reaches only what is mapped for it; what goes
 * elsewhere is stopped, recorded, and harms nothing; tables that point at themselves end. See Intel's Virtualization
 * Technology for Directed I/O, chapters 3, 7, 9 and 11.
 * options: -machine q35 -device intel-iommu,intremap=off -device edu,dma_mask=0xffffffff
 */
#define MULTIBOOT
#define Q35
#include "tests/guest/x86/test.h"
#define CHECK_(cond) .set LINE, __LINE__; CHECK cond

#define BAR 0xc0000000
#define EDU_ID 0x11e81234
#define EDU_SOURCE (BAR + 0x80)
#define EDU_TARGET (BAR + 0x88)
#define EDU_COUNT (BAR + 0x90)
#define EDU_COMMAND (BAR + 0x98)
#define EDU_BUFFER 0x40000
#define EDU_READ 1 /* memory to its buffer */
#define EDU_WRITE 3

#define VTD 0xfed90000
#define VTD_CAP (VTD + 0x08)
#define VTD_ECAP (VTD + 0x10)
#define VTD_GCMD (VTD + 0x18)
#define VTD_GSTS (VTD + 0x1c)
#define VTD_RTADDR (VTD + 0x20)
#define VTD_CCMD (VTD + 0x28)
#define VTD_FSTS (VTD + 0x34)
#define ENABLE 0x80000000
#define SET_ROOT 0x40000000
#define FAULT_PENDING 2

/* Why a request was stopped (7.2.3). */
#define NO_CONTEXT 2
#define NO_WRITE 5
#define NO_READ 6

#define SOURCE 0x01000000 /* addresses that the function sees */
#define TARGET 0x01001000
#define READ_ONLY 0x01002000
#define LOOP (1 << 30 | 1 << 21 | 1 << 12) /* entry 1 at each level but the first */

        .macro MOVE command, address
        movl $\address, %eax
        movl $\command, %ecx
        call dma
        .endm

        .macro EXPECT address, value
        cmpl $\value, \address
        CHECK_(e)
        .endm

        /* The last request was stopped for @reason at page @page; EAX: bit 30 if it was a read. */
        .macro STOPPED reason, page, read
        movl $\reason | \read << 30, %eax
        movl $\page, %ecx
        call check_fault
        .endm
main:
        PLACE_FUNCTION EDU_ID, BAR

        /* As long as nothing is translated, it reaches everything. */
        movl $0x11223344, page_in
        MOVE EDU_READ, page_in
        MOVE EDU_WRITE, page_out
        EXPECT page_out, 0x11223344

        call make_tables
        movl VTD_CAP, %eax
        testl $1 << 10, %eax       /* SAGAW: tables of 4 levels */
        CHECK_(nz)
        movl VTD_CAP, %eax         /* FRO: bits 24 to 33 */
        movl VTD_CAP + 4, %ecx
        shrl $24, %eax
        andl $3, %ecx
        shll $8, %ecx
        orl %ecx, %eax
        shll $4, %eax
        addl $VTD, %eax
        movl %eax, record
        movl VTD_ECAP, %eax        /* IRO: bits 8 to 17 */
        shrl $8, %eax
        andl $0x3ff, %eax
        shll $4, %eax
        addl $VTD, %eax
        movl %eax, iotlb
        movl $root, VTD_RTADDR
        movl $0, VTD_RTADDR + 4
        movl $SET_ROOT, %eax
        movl %eax, %ecx
        call command
        call invalidate
        movl $ENABLE, %eax
        movl %eax, %ecx
        call command

        /* What is mapped. */
        movl $0x55667788, page_in
        MOVE EDU_READ, SOURCE
        MOVE EDU_WRITE, TARGET
        EXPECT page_target, 0x55667788
        EXPECT VTD_FSTS, 0
        MOVE EDU_READ, READ_ONLY
        EXPECT VTD_FSTS, 0

        /* What is not: at the address of a page as the processor sees it. */
        movl $0, page_out
        MOVE EDU_READ, SOURCE
        MOVE EDU_WRITE, page_out
        EXPECT page_out, 0
        STOPPED NO_WRITE, page_out, 0
        movl $0x0badcafe, page_out
        MOVE EDU_READ, page_out
        STOPPED NO_READ, page_out, 1
        movl $0, page_target
        MOVE EDU_WRITE, TARGET
        cmpl $0x0badcafe, page_target /* nothing of it came in */
        CHECK_(ne)
        MOVE EDU_WRITE, READ_ONLY
        EXPECT page_read_only, 0x77777777
        STOPPED NO_WRITE, READ_ONLY, 0

        /* Across the end of what is mapped, in one request. */
        movl $8, count
        movl $0x77777777, page_read_only
        MOVE EDU_WRITE, READ_ONLY - 4
        EXPECT page_read_only, 0x77777777
        STOPPED NO_WRITE, READ_ONLY, 0
        movl $4, count

        /* Each level is the same table. */
        MOVE EDU_READ, LOOP + 8
        MOVE EDU_WRITE, TARGET
        movl third + 8, %eax
        cmpl %eax, page_target
        CHECK_(e)
        EXPECT VTD_FSTS, 0

        /* A function without a context. */
        movl context_entry, %edi
        movl (%edi), %esi
        movl $0, (%edi)
        call invalidate
        movl $0x12121212, page_target
        MOVE EDU_WRITE, TARGET
        EXPECT page_target, 0x12121212
        STOPPED NO_CONTEXT, TARGET, 0
        movl context_entry, %edi
        movl %esi, (%edi)
        call invalidate
        movl $0x55667788, page_in
        MOVE EDU_READ, SOURCE
        MOVE EDU_WRITE, TARGET
        EXPECT page_target, 0x55667788

        /* No longer translated. */
        movl $0, %eax
        movl $ENABLE, %ecx
        call command
        MOVE EDU_WRITE, page_out
        EXPECT page_out, 0x55667788
        EXPECT VTD_FSTS, 0
        jmp pass

/* Moves between edu's buffer and address EAX, as command ECX says. */
dma:
        cmpl $EDU_READ, %ecx
        je 1f
        movl $EDU_BUFFER, EDU_SOURCE
        movl %eax, EDU_TARGET
        jmp 2f
1:      movl %eax, EDU_SOURCE
        movl $EDU_BUFFER, EDU_TARGET
2:      movl count, %eax
        movl %eax, EDU_COUNT
        movl %ecx, EDU_COMMAND
3:      movl EDU_COMMAND, %eax
        testl $1, %eax
        jnz 3b
        ret

/* Gives the global command EAX, and waits until the bits ECX of the status are like that (11.4.4, 11.4.5). */
command:
        movl %eax, VTD_GCMD
1:      movl VTD_GSTS, %edx
        xorl %eax, %edx
        testl %ecx, %edx
        jnz 1b
        ret

/* Context and translation caches, all of them. */
invalidate:
        movl $0, VTD_CCMD
        movl $0xa0000000, VTD_CCMD + 4
1:      movl VTD_CCMD + 4, %eax
        testl %eax, %eax
        js 1b
        movl iotlb, %ecx
        movl $0, 8(%ecx)
        movl $0x90000000, 12(%ecx)
2:      movl 12(%ecx), %eax
        testl %eax, %eax
        js 2b
        ret

/* The fault record is of this function, with reason and kind EAX and page ECX; clears it. */
check_fault:
        movl VTD_FSTS, %edx
        andl $0xff, %edx
        cmpl $FAULT_PENDING, %edx
        CHECK_(e)
        movl record, %edx
        cmpl %ecx, (%edx)
        CHECK_(e)
        cmpl $0, 4(%edx)
        CHECK_(e)
        movl 12(%edx), %ecx
        orl $0x80000000, %eax
        andl $0xc00000ff, %ecx
        cmpl %eax, %ecx
        CHECK_(e)
        movl 8(%edx), %eax
        andl $0xffff, %eax
        movl %ebx, %ecx
        shrl $8, %ecx              /* bus, slot, function */
        cmpl %ecx, %eax
        CHECK_(e)
        movl $0x80000000, 12(%edx)
        EXPECT VTD_FSTS, 0
        ret

/* One context, in whose tables three pages are mapped, and a third level that is also the fourth, and the pages. */
make_tables:
        movl $context + 1, root
        movl %ebx, %eax
        shrl $4, %eax              /* 16 bytes for each function of the bus */
        andl $0xff0, %eax
        addl $context, %eax
        movl %eax, context_entry
        movl $first + 1, (%eax)
        movl $0x102, 8(%eax)       /* domain 1, 4 levels */
        movl $third + 3, first
        movl $second + 3, third
        movl $third + 3, third + 8
        movl $pages + 3, second + 8 * (SOURCE >> 21)
        movl $page_in + 3, pages
        movl $page_target + 3, pages + 8
        movl $page_read_only + 1, pages + 16
        movl $0x77777777, page_read_only
        ret

        .data
record: .long 0
iotlb:  .long 0
context_entry: .long 0
count:  .long 4
        .bss
        .balign 4096
root:   .space 4096
context: .space 4096
first:  .space 4096
third:  .space 4096
second: .space 4096
pages:  .space 4096
page_in: .space 4096
page_target: .space 4096
page_read_only: .space 4096
page_out: .space 4096
