/*
 * RISC-V semihosting: every operation, from machine mode; files below one directory only; what is not the exact
 * sequence is a breakpoint; bad pointers fail and do nothing else.
 *
 * serial: file:/dev/stderr
 * input: hi
 * options: -chardev stdio,id=con -semihosting-config chardev=con,dir=@TMP@,arg=first,arg=second
 */
#include "tests/guest/test.h"

#define SYS_OPEN 0x01
#define SYS_CLOSE 0x02
#define SYS_WRITEC 0x03
#define SYS_WRITE0 0x04
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_READC 0x07
#define SYS_ISERROR 0x08
#define SYS_ISTTY 0x09
#define SYS_SEEK 0x0a
#define SYS_FLEN 0x0c
#define SYS_TMPNAM 0x0d
#define SYS_REMOVE 0x0e
#define SYS_RENAME 0x0f
#define SYS_CLOCK 0x10
#define SYS_TIME 0x11
#define SYS_SYSTEM 0x12
#define SYS_ERRNO 0x13
#define SYS_GET_CMDLINE 0x15
#define SYS_HEAPINFO 0x16
#define SYS_ELAPSED 0x30
#define SYS_TICKFREQ 0x31

#define MODE_R 0
#define MODE_RPLUS 2
#define MODE_W 4
#define MODE_A 8

#define ENOENT 2
#define E2BIG 7
#define EBADF 9
#define EACCES 13
#define EFAULT 14
#define EINVAL 22
#define EPERM 1
#define ENOSYS 38

/* Calls with the block of words. */
#define CALL(op) li a0, op; la a1, block; jal semihost
#define WORD(n, value) li t0, value; la t1, block; sd t0, 8 * (n)(t1)
#define WORD_REG(n, reg) la t1, block; sd reg, 8 * (n)(t1)
#define WORD_ADDRESS(n, symbol) la t0, symbol; la t1, block; sd t0, 8 * (n)(t1)

/* Opens @name of @len bytes; the handle is in a0. */
#define OPEN(name, len, mode) WORD_ADDRESS(0, name); WORD(1, mode); WORD(2, len); CALL(SYS_OPEN)
#define CHECK_ERRNO(value) CALL(SYS_ERRNO); CHECK(a0, value)
#define CHECK_REFUSED(name, len, mode, errno) OPEN(name, len, mode); CHECK(a0, -1); CHECK_ERRNO(errno)

test:
    /* ---- Files: written, measured, read in pieces, appended, renamed, removed ---- */
    OPEN(name, 4, MODE_W)
    mv s0, a0
    bgtz a0, 1f
    CHECK(a0, 1)
1:  WORD_REG(0, s0)
    WORD_ADDRESS(1, text)
    WORD(2, 10)
    CALL(SYS_WRITE)
    CHECK(a0, 0)
    CALL(SYS_FLEN)
    CHECK(a0, 10)
    CALL(SYS_ISTTY)
    CHECK(a0, 0)
    CALL(SYS_CLOSE)
    CHECK(a0, 0)
    CALL(SYS_CLOSE)
    CHECK(a0, -1)
    CHECK_ERRNO(EBADF)
    CALL(SYS_SYSTEM) /* another errno */
    CALL(SYS_READ)   /* nothing of the ten bytes */
    CHECK(a0, 10)
    CHECK_ERRNO(EBADF)

    OPEN(name, 4, MODE_R)
    mv s0, a0
    WORD_REG(0, s0)
    WORD_ADDRESS(1, buffer)
    WORD(2, 4)
    CALL(SYS_READ)
    CHECK(a0, 0)
    la t0, buffer
    lw t1, 0(t0)
    CHECK(t1, 0x33323130)
    WORD(2, 100) /* more than there is: what is missing is returned */
    CALL(SYS_READ)
    CHECK(a0, 94)
    CALL(SYS_READ) /* at the end */
    CHECK(a0, 100)
    WORD(1, 8)
    CALL(SYS_SEEK)
    CHECK(a0, 0)
    WORD_ADDRESS(1, buffer)
    WORD(2, 2)
    CALL(SYS_READ)
    CHECK(a0, 0)
    la t0, buffer
    lhu t1, 0(t0)
    CHECK(t1, 0x3938)
    WORD(2, 1)
    CALL(SYS_WRITE) /* it is open for reading */
    CHECK(a0, 1)
    CHECK_ERRNO(EBADF)
    WORD_REG(0, s0)
    CALL(SYS_CLOSE)

    OPEN(name, 4, MODE_A)
    WORD_REG(0, a0)
    WORD_ADDRESS(1, text)
    WORD(2, 3)
    CALL(SYS_WRITE)
    CHECK(a0, 0)
    CALL(SYS_FLEN)
    CHECK(a0, 13)
    CALL(SYS_CLOSE)

    WORD_ADDRESS(0, name)
    WORD(1, 4)
    WORD_ADDRESS(2, other)
    WORD(3, 5)
    CALL(SYS_RENAME)
    CHECK(a0, 0)
    CHECK_REFUSED(name, 4, MODE_R, ENOENT)
    OPEN(other, 5, MODE_RPLUS)
    WORD_REG(0, a0)
    CALL(SYS_FLEN)
    CHECK(a0, 13)
    CALL(SYS_CLOSE)
    WORD_ADDRESS(0, other)
    WORD(1, 5)
    CALL(SYS_REMOVE)
    CHECK(a0, 0)
    CALL(SYS_REMOVE)
    CHECK(a0, -1)
    CHECK_ERRNO(ENOENT)

    /* ---- There is no way out of the directory ---- */
    CHECK_REFUSED(up, 5, MODE_W, EACCES)
    CHECK_REFUSED(absolute, 11, MODE_R, EACCES)
    CHECK_REFUSED(inner_up, 8, MODE_R, ENOENT)
    CHECK_REFUSED(name, 4, 12, EINVAL)
    CHECK_REFUSED(name, 5, MODE_W, EFAULT) /* the length counts the zero */
    WORD_ADDRESS(0, absolute)
    WORD(1, 11)
    CALL(SYS_REMOVE)
    CHECK(a0, -1)
    CHECK_ERRNO(EACCES)
    WORD_ADDRESS(0, name)
    WORD(1, 4)
    CALL(SYS_SYSTEM)
    CHECK(a0, -1)
    CHECK_ERRNO(EPERM)

    /* ---- What may be asked for ---- */
    CHECK_REFUSED(features, 21, MODE_W, EACCES)
    OPEN(features, 21, MODE_R)
    WORD_REG(0, a0)
    CALL(SYS_FLEN)
    CHECK(a0, 5)
    WORD_ADDRESS(1, buffer)
    WORD(2, 8)
    CALL(SYS_READ)
    CHECK(a0, 3)
    la t0, buffer
    lwu t1, 0(t0)
    CHECK(t1, 0x42464853)
    lbu t1, 4(t0)
    CHECK(t1, 3)
    CALL(SYS_CLOSE)

    /* ---- The console ---- */
    OPEN(tt, 3, MODE_W)
    mv s0, a0
    WORD_REG(0, s0)
    CALL(SYS_ISTTY)
    CHECK(a0, 1)
    WORD_ADDRESS(1, text)
    WORD(2, 10)
    CALL(SYS_WRITE)
    CHECK(a0, 0)
    li a0, SYS_WRITEC
    la a1, text
    jal semihost
    li a0, SYS_WRITE0
    la a1, tt
    jal semihost
    li a0, SYS_READC
    li a1, 0
    jal semihost
    CHECK(a0, 'h')
    OPEN(tt, 3, MODE_R)
    WORD_REG(0, a0)
    WORD_ADDRESS(1, buffer)
    WORD(2, 8)
    CALL(SYS_READ) /* what there is */
    CHECK(a0, 7)
    la t0, buffer
    lbu t1, 0(t0)
    CHECK(t1, 'i')
    CALL(SYS_READ) /* and then its end */
    CHECK(a0, 8)
    li a0, SYS_READC
    jal semihost
    CHECK(a0, -1)

    /* ---- Numbers ---- */
    WORD(0, -2)
    CALL(SYS_ISERROR)
    CHECK(a0, 1)
    WORD(0, 2)
    CALL(SYS_ISERROR)
    CHECK(a0, 0)
    CALL(SYS_TICKFREQ)
    CHECK(a0, 1000000000)
    CALL(SYS_ELAPSED)
    CHECK(a0, 0)
    la t0, block
    ld s0, 0(t0)
    CALL(SYS_ELAPSED)
    la t0, block
    ld t1, 0(t0)
    sltu t1, t1, s0 /* not earlier */
    CHECK(t1, 0)
    CALL(SYS_CLOCK)
    li t0, 6000
    sltu t0, a0, t0
    CHECK(t0, 1)
    CALL(SYS_TIME)
    li t0, 1700000000
    sltu t0, a0, t0
    CHECK(t0, 0)

    WORD_ADDRESS(0, buffer)
    WORD(1, 13)
    CALL(SYS_GET_CMDLINE)
    CHECK(a0, 0)
    la t0, block
    ld t1, 8(t0)
    CHECK(t1, 12) /* "first second" */
    la t0, buffer
    ld t1, 0(t0)
    CHECK(t1, 0x6573207473726966)
    lbu t1, 12(t0)
    CHECK(t1, 0)
    WORD(1, 12)
    CALL(SYS_GET_CMDLINE)
    CHECK(a0, -1)
    CHECK_ERRNO(E2BIG)

    WORD_ADDRESS(0, buffer)
    CALL(SYS_HEAPINFO)
    CHECK(a0, 0)
    la t0, buffer
    ld t1, 0(t0)
    CHECK(t1, 0x84000000) /* of 128 MiB */
    ld t1, 16(t0)
    CHECK(t1, 0x88000000)

    WORD_ADDRESS(0, buffer)
    WORD(1, 7)
    WORD(2, 32)
    CALL(SYS_TMPNAM)
    CHECK(a0, 0)
    la t0, buffer
    lwu t1, 0(t0)
    CHECK(t1, 0x2d706d74) /* "tmp-" */
    WORD(2, 4)
    CALL(SYS_TMPNAM)
    CHECK(a0, -1)

    /* ---- Pointers to nowhere, huge lengths ---- */
    WORD(0, 0x10)
    WORD(1, MODE_R)
    WORD(2, 4)
    CALL(SYS_OPEN)
    CHECK(a0, -1)
    CHECK_ERRNO(EFAULT)
    WORD_ADDRESS(0, name)
    WORD(2, -1)
    CALL(SYS_OPEN)
    CHECK(a0, -1)
    li a0, SYS_WRITE0
    li a1, -8
    jal semihost
    CHECK(a0, -1)
    li a0, SYS_OPEN
    li a1, -8
    jal semihost
    CHECK(a0, -1)
    OPEN(name, 4, MODE_W)
    WORD_REG(0, a0)
    WORD_ADDRESS(1, text)
    WORD(2, -1)
    CALL(SYS_WRITE) /* it wraps around the end of memory */
    CHECK(a0, -1)
    CALL(SYS_CLOSE)
    CALL(0x1234)
    CHECK(a0, -1)
    CHECK_ERRNO(ENOSYS)

    /* ---- Breakpoints ---- */
    EXPECT_TRAP(3, .word 0x00100073)
    EXPECT_TRAP(3, .option push; .option norvc; slli x0, x0, 0x1f; ebreak; nop; .option pop)
    EXPECT_TRAP(3, .option push; .option norvc; nop; ebreak; srai x0, x0, 7; .option pop)
    EXPECT_TRAP(3, .option push; .option norvc; slli x0, x0, 0x1f; .option rvc; c.ebreak; \
        .option norvc; srai x0, x0, 7; .option pop)
    /* The three instructions are not in one page. */
    la t0, astride
    EXPECT_TRAP(3, jr t0)

    /* ---- Other modes: supervisor may, user may not ---- */
    OPEN_PMP
    ENTER_MODE(1)
    CALL(SYS_TICKFREQ)
    CHECK(a0, 1000000000)
    EXPECT_TRAP(9, ecall)
    ENTER_MODE(0)
    la tp, 8f
    j semihost
8:  csrr t6, mcause
    CHECK(t6, 3)
    j test_pass

    .balign 16
semihost:
    .option push
    .option norvc
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    ret

    .balign 4096
    .skip 4096 - 8
    .option push
    .option norvc
astride:
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    ret

    .data
    .balign 8
block:
    .skip 64
buffer:
    .skip 256
text:
    .string "0123456789"
name:
    .string "file"
other:
    .string "other"
up:
    .string "../up"
absolute:
    .string "/etc/passwd"
inner_up:
    .string "x/../../"
features:
    .string ":semihosting-features"
tt:
    .string ":tt"
