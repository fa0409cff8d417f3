/* Encodings that mean nothing: each raises illegal instruction with its bits in mtval, whatever
 * surrounds it. */
#include "tests/guest/test.h"

test:
    /* Reserved in C. */
    EXPECT_ILLEGAL_C(0x0000)
    EXPECT_ILLEGAL_C(0x0004) /* c.addi4spn with 0 */
    EXPECT_ILLEGAL_C(0x001c)
    EXPECT_ILLEGAL_C(0x8000) /* quadrant 0, 100 */
    EXPECT_ILLEGAL_C(0x9c7c)
    EXPECT_ILLEGAL_C(0x2001) /* c.addiw zero */
    EXPECT_ILLEGAL_C(0x3005)
    EXPECT_ILLEGAL_C(0x6101) /* c.addi16sp with 0 */
    EXPECT_ILLEGAL_C(0x6501) /* c.lui with 0 */
    EXPECT_ILLEGAL_C(0x6001)
    EXPECT_ILLEGAL_C(0x9c41) /* quadrant 1, 100111 1- */
    EXPECT_ILLEGAL_C(0x9c61)
    EXPECT_ILLEGAL_C(0x4002) /* c.lwsp zero */
    EXPECT_ILLEGAL_C(0x6002) /* c.ldsp zero */
    EXPECT_ILLEGAL_C(0x8002) /* c.jr zero */

    /* Longer instructions, ones and zeroes, custom and reserved opcodes. */
    EXPECT_ILLEGAL(0xffffffff)
    EXPECT_ILLEGAL(0x0000001f)
    EXPECT_ILLEGAL(0x0000003f)
    EXPECT_ILLEGAL(0x0000000b)
    EXPECT_ILLEGAL(0x0000002b)
    EXPECT_ILLEGAL(0x0000005b)
    EXPECT_ILLEGAL(0x0000007b)
    EXPECT_ILLEGAL(0x0000006b)
    EXPECT_ILLEGAL(0x00000077)
    EXPECT_ILLEGAL(0x00000057) /* vectors */
    EXPECT_ILLEGAL(0x02050507)

    /* funct fields. */
    EXPECT_ILLEGAL(0x00007003) /* load, 111 */
    EXPECT_ILLEGAL(0x00004023) /* store, 100 */
    EXPECT_ILLEGAL(0x00002063) /* branch, 010 */
    EXPECT_ILLEGAL(0x00003063)
    EXPECT_ILLEGAL(0x00001067) /* jalr, 001 */
    EXPECT_ILLEGAL(0x0000300f) /* misc-mem, 011 */
    EXPECT_ILLEGAL(0x04001013) /* slli, 000001 */
    EXPECT_ILLEGAL(0x80005013)
    EXPECT_ILLEGAL(0x0200101b) /* slliw of 32 */
    EXPECT_ILLEGAL(0x4200501b) /* sraiw of 32 */
    EXPECT_ILLEGAL(0x0000201b)
    EXPECT_ILLEGAL(0x40001033) /* sll with bit 30 */
    EXPECT_ILLEGAL(0x40002033)
    EXPECT_ILLEGAL(0x80000033)
    EXPECT_ILLEGAL(0x0200103b) /* mulhw */
    EXPECT_ILLEGAL(0x0000203b)
    EXPECT_ILLEGAL(0x60301013) /* Zbb's unary row, 00011 */
    EXPECT_ILLEGAL(0x6040101b) /* sext.b as a word */
    EXPECT_ILLEGAL(0x69805013) /* rev8 of RV32 */
    EXPECT_ILLEGAL(0x08f01013) /* zip: RV32 only */
    EXPECT_ILLEGAL(0x08f05013)
    EXPECT_ILLEGAL(0x1010202f) /* lr.w with rs2 */
    EXPECT_ILLEGAL(0x0000102f) /* amoadd.h */
    EXPECT_ILLEGAL(0x0000402f)
    EXPECT_ILLEGAL(0xf000202f)

    /* System. */
    EXPECT_ILLEGAL(0x00004073)
    EXPECT_ILLEGAL(0x00008073) /* ecall with rs1 */
    EXPECT_ILLEGAL(0x000000f3)
    EXPECT_ILLEGAL(0x00200073) /* uret */
    EXPECT_ILLEGAL(0x7b200073) /* dret */
    EXPECT_ILLEGAL(0x30200f73)
    EXPECT_ILLEGAL(0x12000073 | 1 << 7)
    EXPECT_ILLEGAL(0x18200073)
    EXPECT_ILLEGAL(0x62000073) /* hfence.gvma */
    EXPECT_ILLEGAL(0x60004073) /* hlv.b */
    EXPECT_ILLEGAL(0x0030200f) /* cbo, 3 */
    EXPECT_ILLEGAL(0x0000208f) /* cbo with rd */

    /* Floating point: formats, rs2, rounding modes. */
    EXPECT_ILLEGAL(0x06000053) /* fadd.q */
    EXPECT_ILLEGAL(0x06000043)
    EXPECT_ILLEGAL(0x00005053) /* fadd.s, mode 5 */
    EXPECT_ILLEGAL(0x02006053)
    EXPECT_ILLEGAL(0x00005043)
    EXPECT_ILLEGAL(0x42005053) /* fcvt.d.s, mode 5: exact, and yet */
    EXPECT_ILLEGAL(0xd2006053) /* fcvt.d.w */
    EXPECT_ILLEGAL(0x58100053) /* fsqrt.s with rs2 */
    EXPECT_ILLEGAL(0x40000053) /* fcvt.s.s */
    EXPECT_ILLEGAL(0x42100053)
    EXPECT_ILLEGAL(0xc0400053) /* fcvt.w.s row, 4 */
    EXPECT_ILLEGAL(0x20003053) /* fsgnj row, 3 */
    EXPECT_ILLEGAL(0x28004053) /* fmin row, 4 */
    EXPECT_ILLEGAL(0xa0003053) /* fcmp row, 3 */
    EXPECT_ILLEGAL(0xe0002053)
    EXPECT_ILLEGAL(0xc2800053) /* fcvtmod.w.d, mode other than rtz */
    EXPECT_ILLEGAL(0x00004007) /* flq */
    EXPECT_ILLEGAL(0x00004027)

    /* The dynamic mode when frm is reserved; static modes still work. */
    .irp mode, 5, 6, 7
    csrwi frm, \mode
    EXPECT_ILLEGAL(0x00007053)
    EXPECT_ILLEGAL(0xd2007053)
    EXPECT_ILLEGAL(0x00007043)
    fadd.s ft0, ft1, ft2, rne
    fsgnj.s ft0, ft1, ft2
    .endr
    csrwi frm, 4
    fadd.s ft0, ft1, ft2, dyn
    csrwi frm, 0

    /* With FS off, all of it is illegal, moves and CSRs too; the state stays. */
    li a0, 0x55
    fmv.d.x ft3, a0
    li t0, MSTATUS_FS
    csrc mstatus, t0
    EXPECT_ILLEGAL(0x00007053)
    EXPECT_ILLEGAL(0x0001b187) /* fld */
    EXPECT_ILLEGAL(0x0031b027) /* fsd */
    EXPECT_ILLEGAL(0xe2018553) /* fmv.x.d */
    EXPECT_ILLEGAL(0xf2018053) /* fmv.d.x */
    EXPECT_ILLEGAL(0x22318053) /* fsgnj.d */
    EXPECT_ILLEGAL(0xe0019553) /* fclass.s */
    EXPECT_ILLEGAL(0x00102573) /* csrr fflags */
    EXPECT_ILLEGAL(0x00305073) /* csrwi fcsr */
    EXPECT_ILLEGAL_C(0x2108) /* c.fld */
    EXPECT_ILLEGAL_C(0xa002) /* c.fsdsp */
    li t0, MSTATUS_FS_INITIAL
    csrs mstatus, t0
    CHECK_F(ft3, 0x55)

    /* FS becomes dirty with the first write of a register or a flag, and not before. */
    .irp insn, "fld ft0, (sp)", "fmv.w.x ft0, a0", "fsgnj.d ft0, ft1, ft2", "feq.d a0, ft1, ft1", \
        "csrwi fflags, 0", "fadd.d ft0, ft0, ft0"
    li t0, MSTATUS_FS
    csrc mstatus, t0
    li t0, MSTATUS_FS_INITIAL
    csrs mstatus, t0
    addi sp, sp, -16
    fsd ft0, (sp)
    fmv.x.d a0, ft0
    fclass.d a0, ft0
    csrr a0, fcsr
    csrr a0, mstatus
    li a1, MSTATUS_FS
    and a0, a0, a1
    CHECK(a0, 0x2000)
    \insn
    csrr a0, mstatus
    srli a1, a0, 63
    CHECK(a1, 1)
    li a1, MSTATUS_FS
    and a0, a0, a1
    CHECK(a0, 0x6000)
    addi sp, sp, 16
    .endr

    /* In a block of other instructions: what is before has happened, what is after has not. */
    li a0, 1
    la tp, 8f
    addi a0, a0, 1
    .4byte 0xffffffff
    addi a0, a0, 1
    j test_not_trapped
8:  CHECK(a0, 2)

    /* After a word that could be data: execution goes on at the trap's return. */
    la t0, 2f
    csrw mtvec, t0
    li a0, 5
    .2byte 0
    addi a0, a0, 2
    j 3f
    .balign 4
2:  csrr t0, mepc
    addi t0, t0, 2
    csrw mepc, t0
    mret
3:  CHECK(a0, 7)
    j test_pass
