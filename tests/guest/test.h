/*
 * Frame of the bare-metal guest tests: included once, at the top, by each tests/guest/<group>.S.
 *
 * A program begins at `test:` in machine mode with FP on (unless NO_FP is defined), and ends with `j test_pass`. The first
 * check that fails prints its source line, the value and what it should have been, and ends the
 * program with exit status 1. Instructions that trap are written in EXPECT_TRAP; any other trap
 * fails. Results go out through HTIF, so Spike and QEMU's machine spike run the programs too.
 *
 * Only the first hart runs; with SECONDARY defined the others begin there, with nothing set up.
 *
 * Registers: the frame uses tp and s9 to s11, checks use t6 too; gp is the line of the last check.
 */

#define MSTATUS_MIE 0x8
#define MSTATUS_MPP 0x1800
#define MSTATUS_FS 0x6000
#define MSTATUS_FS_INITIAL 0x2000

/* Fails with this source line if @reg is not the constant @value. */
#define CHECK(reg, value) mv s10, reg; li s11, value; CHECKED
#define CHECKED li gp, __LINE__; beq s10, s11, 9f; j test_failed; 9:

/* The same for the address of a symbol. */
#define CHECK_ADDRESS(reg, symbol) mv s10, reg; la s11, symbol; CHECKED

/* Fails if fflags are not @value; clears them. */
#define CHECK_FLAGS(value) csrrwi t6, fflags, 0; CHECK(t6, value)

/* Fails if f register @freg does not have these bits. */
#define CHECK_F(freg, value) fmv.x.d t6, freg; CHECK(t6, value)

/* Executes the instructions, one of which must trap with @cause_; then goes on in machine mode.
 * t6 is tval then. For instructions that contain commas. */
#define EXPECT_TRAP(cause_, ...) la tp, 8f; __VA_ARGS__; j test_not_trapped; \
    8: csrr t6, mcause; CHECK(t6, cause_); csrr t6, mtval

/* The same, with the trapping instruction first, whose address is checked, and tval. */
#define EXPECT_TRAP_HERE(cause_, tval_, ...) la tp, 8f; 6: __VA_ARGS__; j test_not_trapped; \
    8: csrr t6, mcause; CHECK(t6, cause_); csrr t6, mepc; CHECK_ADDRESS(t6, 6b); \
    csrr t6, mtval; CHECK(t6, tval_)

/* Illegal instructions, as numbers. */
#define EXPECT_ILLEGAL(bits) EXPECT_TRAP_HERE(2, bits, .4byte bits)
#define EXPECT_ILLEGAL_C(bits) EXPECT_TRAP_HERE(2, bits, .2byte bits)

/* Goes on in user or supervisor mode (MPP 0 or 1). */
#define ENTER_MODE(mode) li t6, MSTATUS_MPP; csrc mstatus, t6; li t6, (mode) << 11; \
    csrs mstatus, t6; la t6, 7f; csrw mepc, t6; mret; 7:

/* Lets user and supervisor mode access all of memory. */
#define OPEN_PMP li t6, -1; csrw pmpaddr0, t6; li t6, 0x1f; csrw pmpcfg0, t6

    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
#ifdef SECONDARY
    bnez t0, SECONDARY
#endif
1:  bnez t0, 1b
    la sp, test_stack_top
    li tp, 0
    la t0, test_trap
    csrw mtvec, t0
#ifndef NO_FP
    li t0, MSTATUS_FS_INITIAL
    csrs mstatus, t0
    csrwi fcsr, 0
#endif
    j test

/* Traps go on at tp, if there is something. */
    .balign 4
test_trap:
    beqz tp, test_bad_trap
    mv s9, tp
    li tp, 0
    jr s9

test_bad_trap:
    la a0, test_text_trap
    call test_puts
    csrr s10, mcause
    csrr s11, mepc
    la a0, test_text_last
    j test_report

/* EXPECT_TRAP jumps here if nothing trapped. */
test_not_trapped:
    mv s10, tp
    li s11, 0
    la a0, test_text_not_trapped
    j test_report

test_failed:
    la a0, test_text_line
test_report: /* a0: text, gp: line, s10, s11: values */
    call test_puts
    mv a0, gp
    call test_put_decimal
    la a0, test_text_value
    call test_puts
    mv a0, s10
    call test_put_hex
    la a0, test_text_not
    call test_puts
    mv a0, s11
    call test_put_hex
    li a0, 10
    call test_putc
    li a0, 1
    j test_exit

test_pass:
    li a0, 0
test_exit: /* a0: exit status */
    slli a0, a0, 1
    ori a0, a0, 1
    la t0, tohost
    sd a0, (t0)
1:  j 1b

test_putc: /* a0: character; uses t0-t2 */
    la t0, tohost
    li t1, 0x0101
    slli t1, t1, 48
    or t1, t1, a0
    sd t1, (t0)
    li t2, 100000
1:  ld t1, (t0) /* taken? */
    beqz t1, 2f
    addi t2, t2, -1
    bnez t2, 1b
2:  la t0, fromhost
    sd zero, (t0)
    ret

test_puts: /* a0: string; uses a1, a2, t0-t2 */
    mv a1, a0
    mv a2, ra
1:  lbu a0, (a1)
    beqz a0, 2f
    call test_putc
    addi a1, a1, 1
    j 1b
2:  jr a2

test_put_hex: /* a0; uses a1-a3, t0-t2 */
    mv a1, a0
    mv a2, ra
    li a3, 60
1:  srl a0, a1, a3
    andi a0, a0, 15
    addi a0, a0, 48
    li t0, 58
    blt a0, t0, 2f
    addi a0, a0, 39
2:  call test_putc
    addi a3, a3, -4
    bgez a3, 1b
    jr a2

test_put_decimal: /* a0, below 10000; uses a1-a4, t0-t2 */
    mv a1, a0
    mv a2, ra
    li a3, 1000
    li a4, 10
1:  divu a0, a1, a3
    remu a1, a1, a3
    addi a0, a0, 48
    call test_putc
    divu a3, a3, a4
    bnez a3, 1b
    jr a2

    .section .rodata
test_text_line: .string "FAILED line "
test_text_not_trapped: .string "FAILED no trap after line "
test_text_trap: .string "FAILED unexpected trap, "
test_text_last: .string "last check in line "
test_text_value: .string ": 0x"
test_text_not: .string ", not 0x"

    .section .tohost, "aw"
    .balign 64
    .globl tohost, fromhost
    .type tohost, @object
    .size tohost, 8
tohost: .8byte 0
    .balign 64
    .type fromhost, @object
    .size fromhost, 8
fromhost: .8byte 0

    .section .bss
    .balign 16
    .space 65536
test_stack_top:

    .text
