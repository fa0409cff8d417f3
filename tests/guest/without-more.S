/* A hart with hardly an extension: everything else is illegal.
 * march: rv64gc
 * cpu: rv64,f=off,d=off,zfh=off,zfhmin=off,zfa=off,zba=off,zbb=off,zbc=off,zbs=off,zbkb=off,zicond=off,zacas=off,zawrs=off,zicbom=off,zicboz=off,zicbop=off,svinval=off,m=off,zifencei=off
 */
#define NO_FP
#include "tests/guest/test.h"

test:
    EXPECT_ILLEGAL(0x02c58533) /* mul */
    EXPECT_ILLEGAL(0x02c5c533) /* div */
    EXPECT_ILLEGAL(0x02c5853b) /* mulw */
    EXPECT_ILLEGAL(0x20c5a533) /* sh1add */
    EXPECT_ILLEGAL(0x08c5853b) /* add.uw */
    EXPECT_ILLEGAL(0x40c5f533) /* andn */
    EXPECT_ILLEGAL(0x60059513) /* clz */
    EXPECT_ILLEGAL(0x60c59533) /* rol */
    EXPECT_ILLEGAL(0x0805c53b) /* zext.h */
    EXPECT_ILLEGAL(0x08c5c53b) /* packw */
    EXPECT_ILLEGAL(0x0ac59533) /* clmul */
    EXPECT_ILLEGAL(0x28c59533) /* bset */
    EXPECT_ILLEGAL(0x48c59533) /* bclr */
    EXPECT_ILLEGAL(0x0ec5d533) /* czero.eqz */
    EXPECT_ILLEGAL(0x28c5a52f) /* amocas.w */
    EXPECT_ILLEGAL(0x00d00073) /* wrs.nto */
    EXPECT_ILLEGAL(0x0005a00f) /* cbo.inval */
    EXPECT_ILLEGAL(0x0045a00f) /* cbo.zero */
    EXPECT_ILLEGAL(0x16000073) /* sinval.vma */
    EXPECT_ILLEGAL(0x0000100f) /* fence.i */
    EXPECT_ILLEGAL(0x02c58553) /* fadd.d */
    EXPECT_ILLEGAL(0x00c58553) /* fadd.s */
    EXPECT_ILLEGAL(0x00013507) /* fld */
    EXPECT_ILLEGAL(0xe2058553) /* fmv.x.d */
    EXPECT_ILLEGAL(0x00302573) /* csrr fcsr */
    EXPECT_ILLEGAL_C(0x2108) /* c.fld */
    .4byte 0x0005e013 /* prefetch.i is ori, and does nothing */
    .4byte 0x0100000f /* pause is a fence */
    /* What is left works. */
    lr.w a0, (sp)
    sc.w a1, a0, (sp)
    CHECK(a1, 0)
    j test_pass
