/*
 * The RISC-V IOMMU's registers and tables in memory, as numbers.
 *
 * Source: RISC-V IOMMU Architecture Specification 1.0, chapters 2 (tables), 3 (queues) and 5 (registers).
 */
#ifndef AMPHI_RISCV_IOMMU_BITS_H
#define AMPHI_RISCV_IOMMU_BITS_H

#include "softmmu/base/bits.h"

#define BIT64(n) (UINT64_C(1) << (n))
#define BITS64(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

#define PAGE_BITS 12
#define PPN_FIELD BITS64(53, 10) /* of registers, table entries and PTEs alike */
#define PPN_ADDR(v) (((v)&PPN_FIELD) >> 10 << PAGE_BITS)
#define ATP_ADDR(v) (((v)&BITS64(43, 0)) << PAGE_BITS) /* of fields like satp */
#define ATP_MODE(v) ((unsigned)((v) >> 60))
#define ATP_RESERVED BITS64(59, 44)

/* ---- Registers (chapter 5) ---- */

enum {
    REG_CAPABILITIES = 0x000,
    REG_FCTL = 0x008,
    REG_DDTP = 0x010,
    REG_CQB = 0x018,
    REG_CQH = 0x020,
    REG_CQT = 0x024,
    REG_FQB = 0x028,
    REG_FQH = 0x030,
    REG_FQT = 0x034,
    REG_CQCSR = 0x048,
    REG_FQCSR = 0x04c,
    REG_IPSR = 0x054,
    REG_TR_REQ_IOVA = 0x258,
    REG_TR_REQ_CTL = 0x260,
    REG_TR_RESPONSE = 0x268,
    REG_ICVEC = 0x2f8,
    REG_MSI_CFG_TBL = 0x300, /* 16 entries of 16 bytes, in MSI-X's format */
    REG_BLOCK_SIZE = 0x1000,
};

#define CAP_VERSION_1_0 0x10
#define CAP_SV39 BIT64(9)
#define CAP_SV48 BIT64(10)
#define CAP_SV57 BIT64(11)
#define CAP_SVPBMT BIT64(15)
#define CAP_SV39X4 BIT64(17)
#define CAP_SV48X4 BIT64(18)
#define CAP_SV57X4 BIT64(19)
#define CAP_MSI_FLAT BIT64(22)
#define CAP_AMO_HWAD BIT64(24)
#define CAP_IGS_BOTH (UINT64_C(2) << 28)
#define CAP_DBG BIT64(31)
#define CAP_PAS_56 (UINT64_C(56) << 32)
#define CAP_PD8 BIT64(38)
#define CAP_PD17 BIT64(39)
#define CAP_PD20 BIT64(40)

#define FCTL_WSI BIT64(1)

#define DDTP_MODE BITS64(3, 0)
enum { DDTP_OFF, DDTP_BARE, DDTP_1LVL, DDTP_2LVL, DDTP_3LVL };

#define QUEUE_LOG2SZ_1 BITS64(4, 0) /* of cqb and fqb */

#define QCSR_ENABLE BIT64(0) /* cqcsr and fqcsr alike */
#define QCSR_IE BIT64(1)
#define QCSR_MEM_FAULT BIT64(8)
#define QCSR_ON BIT64(16)
#define CQCSR_CMD_ILL BIT64(10)
#define CQCSR_FENCE_W_IP BIT64(11)
#define FQCSR_OVERFLOW BIT64(9)

enum { INTR_COMMAND, INTR_FAULT, INTR_PERF, INTR_PAGE, INTR_COUNT };

#define TR_REQ_GO BIT64(0)
#define TR_REQ_PRIV BIT64(1)
#define TR_REQ_EXE BIT64(2)
#define TR_REQ_NW BIT64(3)
#define TR_REQ_PV BIT64(32)
#define TR_RESPONSE_FAULT BIT64(0)
#define TR_RESPONSE_PBMT 7 /* shift */
#define TR_RESPONSE_S BIT64(9)

/* ---- Contexts (chapter 2) ---- */

#define DDTE_V BIT64(0)
#define DDTE_RESERVED (BITS64(63, 54) | BITS64(9, 1)) /* directory entries of both kinds */

#define TC_V BIT64(0)
#define TC_DTF BIT64(4)
#define TC_PDTV BIT64(5)
#define TC_GADE BIT64(7)
#define TC_SADE BIT64(8)
#define TC_DPE BIT64(9)
/* What this IOMMU knows; bits 31..24 are for custom use. ATS, big-endian and 32-bit modes are not there. */
#define TC_KNOWN (TC_V | TC_DTF | TC_PDTV | TC_GADE | TC_SADE | TC_DPE | BITS64(31, 24))

#define TA_PSCID(ta) ((uint32_t)bits_get(ta, 12, 20))
#define DC_TA_RESERVED (BITS64(63, 32) | BITS64(11, 0))
#define PC_V BIT64(0)
#define PC_ENS BIT64(1)
#define PC_SUM BIT64(2)
#define PC_TA_RESERVED (BITS64(63, 32) | BITS64(11, 3))
#define GSCID(iohgatp) ((uint32_t)bits_get(iohgatp, 44, 16))

enum { PDTP_BARE, PDTP_PD8, PDTP_PD17, PDTP_PD20 };
enum { MSIPTP_OFF, MSIPTP_FLAT };
#define MSI_PAGE_RESERVED BITS64(63, 52) /* of address mask and pattern */

#define MSIPTE_V BIT64(0)
#define MSIPTE_M(pte) ((unsigned)bits_get(pte, 1, 2))
#define MSIPTE_C BIT64(63)
#define MSIPTE_RESERVED (BITS64(62, 54) | BITS64(9, 3))
enum { MSIPTE_M_MRIF = 1, MSIPTE_M_BASIC = 3 };

/* ---- Page tables (Privileged specification, chapters Sv39 and on) ---- */

enum { MODE_BARE = 0, MODE_SV39 = 8, MODE_SV48 = 9, MODE_SV57 = 10 };

#define PTE_V BIT64(0)
#define PTE_R BIT64(1)
#define PTE_W BIT64(2)
#define PTE_X BIT64(3)
#define PTE_U BIT64(4)
#define PTE_G BIT64(5)
#define PTE_A BIT64(6)
#define PTE_D BIT64(7)
#define PTE_PBMT(pte) ((unsigned)bits_get(pte, 61, 2))
#define PTE_RESERVED (BIT64(63) | BITS64(60, 54)) /* no NAPOT */

/* ---- Queues (chapter 3) ---- */

enum { CMD_IOTINVAL = 1, CMD_IOFENCE = 2, CMD_IODIR = 3 };
enum { IOTINVAL_VMA, IOTINVAL_GVMA };
enum { IODIR_DDT, IODIR_PDT };
#define CMD_OPCODE(c) ((unsigned)bits_get(c, 0, 7))
#define CMD_FUNC3(c) ((unsigned)bits_get(c, 7, 3))
#define CMD_AV BIT64(10)
#define IOTINVAL_PSCV BIT64(32)
#define IOTINVAL_GV BIT64(33)
#define IOTINVAL_RESERVED (BIT64(11) | BITS64(43, 34) | BITS64(63, 60))
#define IOTINVAL_RESERVED1 (BITS64(9, 0) | BITS64(63, 62))
#define IOFENCE_WSI BIT64(11)
#define IOFENCE_RESERVED BITS64(31, 14)
#define IODIR_DV BIT64(33)
#define IODIR_RESERVED (BITS64(11, 10) | BIT64(32) | BITS64(39, 34))

enum {
    CAUSE_EXEC_ACCESS = 1,
    CAUSE_READ_ACCESS = 5,
    CAUSE_WRITE_ACCESS = 7,
    CAUSE_EXEC_PAGE = 12,
    CAUSE_READ_PAGE = 13,
    CAUSE_WRITE_PAGE = 15,
    CAUSE_EXEC_GUEST = 20,
    CAUSE_READ_GUEST = 21,
    CAUSE_WRITE_GUEST = 23,
    CAUSE_ALL_DISALLOWED = 256,
    CAUSE_DDT_LOAD = 257,
    CAUSE_DDT_INVALID = 258,
    CAUSE_DDT_MISCONFIGURED = 259,
    CAUSE_TYPE_DISALLOWED = 260,
    CAUSE_MSI_LOAD = 261,
    CAUSE_MSI_INVALID = 262,
    CAUSE_MSI_MISCONFIGURED = 263,
    CAUSE_PDT_LOAD = 265,
    CAUSE_PDT_INVALID = 266,
    CAUSE_PDT_MISCONFIGURED = 267,
    CAUSE_MSI_WRITE = 273,
};

enum { TTYP_NONE, TTYP_EXEC, TTYP_READ, TTYP_WRITE };

#endif
