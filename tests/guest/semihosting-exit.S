/*
 * SYS_EXIT_EXTENDED from a user program, with userspace=on: the machine ends with the status given.
 *
 * status: 42
 * options: -semihosting-config userspace=on,dir=none
 */
#include "tests/guest/test.h"

#define EACCES 13

test:
    OPEN_PMP
    ENTER_MODE(0)
    li a0, 0x01 /* SYS_OPEN: there are no files */
    la a1, open_block
    jal semihost
    CHECK(a0, -1)
    li a0, 0x13 /* SYS_ERRNO */
    jal semihost
    CHECK(a0, EACCES)
    li a0, 0x04 /* SYS_WRITE0, on standard error */
    la a1, name
    jal semihost
    li a0, 0x20 /* SYS_EXIT_EXTENDED */
    la a1, exit_block
    jal semihost
    j test_pass /* status 0 */

    .balign 16
semihost:
    .option push
    .option norvc
    slli x0, x0, 0x1f
    ebreak
    srai x0, x0, 7
    .option pop
    ret

    .data
    .balign 8
open_block:
    .dword name, 4, 4
exit_block:
    .dword 0x20026, 42
name:
    .string "file"
