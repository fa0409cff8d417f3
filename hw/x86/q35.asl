/*
 * The DSDT of the q35 machine: what an operating system cannot find out otherwise. Compiled by iasl at build.
 *
 * What differs between two machines of this kind are the names that come last; pc-acpi.c replaces their values
 * in the compiled table. SeaBIOS, which looks for devices in here, stops reading at numbers of 64 bits.
 */
DefinitionBlock ("q35.aml", "DSDT", 2, "AMPHI", "AMPHIPC", 1)
{
    Name (\PICF, 0)
    Method (\_PIC, 1, NotSerialized)
    {
        PICF = Arg0
    }

    Name (\_S5, Package () {0, 0, 0, 0})

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_UID, 0)

            // The system may have native control of what it asks for, except hot plug, which there is none of.
            Method (_OSC, 4, Serialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 == ToUUID ("33db4d5b-1ff7-401c-9657-7441c03dd766"))
                {
                    CreateDWordField (Arg3, 8, CDW3)
                    CDW3 &= 0x18
                    If (Arg1 != 1)
                    {
                        CDW1 |= 0x08
                    }
                }
                Else
                {
                    CDW1 |= 0x04
                }
                Return (Arg3)
            }

            Name (CRS0, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x003F, 0x0000, 0x0040)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x0D00, 0xFFFF, 0x0000, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000, 0x000A0000, 0x000BFFFF, 0x00000000, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xC0000000, 0xFEBFFFFF, 0x00000000, 0x3EC00000, , , M32)
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x0000000000000000, 0x0000000800000000, 0x00000008FFFFFFFF, 0x0000000000000000,
                    0x0000000100000000, , , M64)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (CRS0, ^M32._MIN, M3MN)
                CreateDWordField (CRS0, ^M32._MAX, M3MX)
                CreateDWordField (CRS0, ^M32._LEN, M3LN)
                CreateQWordField (CRS0, ^M64._MIN, M6MN)
                CreateQWordField (CRS0, ^M64._MAX, M6MX)
                CreateQWordField (CRS0, ^M64._LEN, M6LN)
                M3MN = AM3B
                M3MX = AM3L
                M3LN = AM3L - AM3B + 1
                M6MN = AM6B
                M6MX = AM6L
                M6LN = AM6L - AM6B + 1
                Return (CRS0)
            }

#define SLOT_PIC(slot, a, b, c, d)                                                                  \
    Package () {slot, 0, LNK##a, 0}, Package () {slot, 1, LNK##b, 0},                               \
    Package () {slot, 2, LNK##c, 0}, Package () {slot, 3, LNK##d, 0}
#define SLOT_APIC(slot, a, b, c, d)                                                                 \
    Package () {slot, 0, 0, a}, Package () {slot, 1, 0, b},                                         \
    Package () {slot, 2, 0, c}, Package () {slot, 3, 0, d}
#define FOUR_PIC(s0, s1, s2, s3)                                                                    \
    SLOT_PIC (s0, E, F, G, H), SLOT_PIC (s1, F, G, H, E),                                           \
    SLOT_PIC (s2, G, H, E, F), SLOT_PIC (s3, H, E, F, G)
#define FOUR_APIC(s0, s1, s2, s3)                                                                   \
    SLOT_APIC (s0, 20, 21, 22, 23), SLOT_APIC (s1, 21, 22, 23, 20),                                 \
    SLOT_APIC (s2, 22, 23, 20, 21), SLOT_APIC (s3, 23, 20, 21, 22)

            Name (PRTP, Package ()
            {
                FOUR_PIC (0x0000FFFF, 0x0001FFFF, 0x0002FFFF, 0x0003FFFF),
                FOUR_PIC (0x0004FFFF, 0x0005FFFF, 0x0006FFFF, 0x0007FFFF),
                FOUR_PIC (0x0008FFFF, 0x0009FFFF, 0x000AFFFF, 0x000BFFFF),
                FOUR_PIC (0x000CFFFF, 0x000DFFFF, 0x000EFFFF, 0x000FFFFF),
                FOUR_PIC (0x0010FFFF, 0x0011FFFF, 0x0012FFFF, 0x0013FFFF),
                FOUR_PIC (0x0014FFFF, 0x0015FFFF, 0x0016FFFF, 0x0017FFFF),
                SLOT_PIC (0x0018FFFF, E, F, G, H),
                SLOT_PIC (0x0019FFFF, A, B, C, D),
                SLOT_PIC (0x001AFFFF, A, B, C, D),
                SLOT_PIC (0x001BFFFF, A, B, C, D),
                SLOT_PIC (0x001CFFFF, A, B, C, D),
                SLOT_PIC (0x001DFFFF, A, B, C, D),
                SLOT_PIC (0x001EFFFF, A, B, C, D),
                SLOT_PIC (0x001FFFFF, A, B, C, D)
            })
            Name (PRTA, Package ()
            {
                FOUR_APIC (0x0000FFFF, 0x0001FFFF, 0x0002FFFF, 0x0003FFFF),
                FOUR_APIC (0x0004FFFF, 0x0005FFFF, 0x0006FFFF, 0x0007FFFF),
                FOUR_APIC (0x0008FFFF, 0x0009FFFF, 0x000AFFFF, 0x000BFFFF),
                FOUR_APIC (0x000CFFFF, 0x000DFFFF, 0x000EFFFF, 0x000FFFFF),
                FOUR_APIC (0x0010FFFF, 0x0011FFFF, 0x0012FFFF, 0x0013FFFF),
                FOUR_APIC (0x0014FFFF, 0x0015FFFF, 0x0016FFFF, 0x0017FFFF),
                SLOT_APIC (0x0018FFFF, 20, 21, 22, 23),
                SLOT_APIC (0x0019FFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001AFFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001BFFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001CFFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001DFFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001EFFFF, 16, 17, 18, 19),
                SLOT_APIC (0x001FFFFF, 16, 17, 18, 19)
            })
            Method (_PRT, 0, NotSerialized)
            {
                If (PICF)
                {
                    Return (PRTA)
                }
                Return (PRTP)
            }

            // The LPC bridge and what is behind it.
            Device (ISA)
            {
                Name (_ADR, 0x001F0000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x0C)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8,
                    Offset (8),
                    PRQE, 8, PRQF, 8, PRQG, 8, PRQH, 8
                }

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 0x01, 0x08)
                        IRQNoFlags () {8}
                    })
                }

                Device (PIT)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 0x01, 0x04)
                        IRQNoFlags () {0}
                    })
                }

                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
                        IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
                        IRQNoFlags () {1}
                    })
                }

                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () {12}
                    })
                }

#define SERIAL(name, n, port, irq)                                                                  \
    Device (name)                                                                                   \
    {                                                                                               \
        Name (_HID, EisaId ("PNP0501"))                                                             \
        Name (_UID, n)                                                                              \
        Method (_STA, 0, NotSerialized)                                                             \
        {                                                                                           \
            If (ACOM & (1 << (n - 1)))                                                              \
            {                                                                                       \
                Return (0x0F)                                                                       \
            }                                                                                       \
            Return (0)                                                                              \
        }                                                                                           \
        Name (_CRS, ResourceTemplate ()                                                             \
        {                                                                                           \
            IO (Decode16, port, port, 0x00, 0x08)                                                   \
            IRQNoFlags () {irq}                                                                     \
        })                                                                                          \
    }
                SERIAL (COM1, 1, 0x03F8, 4)
                SERIAL (COM2, 2, 0x02F8, 3)
                SERIAL (COM3, 3, 0x03E8, 4)
                SERIAL (COM4, 4, 0x02E8, 3)

                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Method (_STA, 0, NotSerialized)
                    {
                        If (APVP)
                        {
                            Return (0x0F)
                        }
                        Return (0)
                    }
                    Name (CRS0, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0505, 0x0505, 0x01, 0x01, PORT)
                    })
                    Method (_CRS, 0, Serialized)
                    {
                        CreateWordField (CRS0, ^PORT._MIN, PMIN)
                        CreateWordField (CRS0, ^PORT._MAX, PMAX)
                        PMIN = APVP
                        PMAX = APVP
                        Return (CRS0)
                    }
                }
            }

            // Which of the 8259s' inputs a PCI interrupt line is on.
            Name (PRSS, ResourceTemplate ()
            {
                IRQ (Level, ActiveHigh, Shared) {5, 10, 11}
            })
            Method (IQST, 1, NotSerialized)
            {
                If (Arg0 & 0x80)
                {
                    Return (0x09)
                }
                Return (0x0B)
            }
            Name (PRR0, ResourceTemplate ()
            {
                IRQ (Level, ActiveHigh, Shared) {}
            })
            Method (IQCR, 1, Serialized)
            {
                CreateWordField (PRR0, 1, MASK)
                MASK = 0
                If (!(Arg0 & 0x80))
                {
                    MASK = 1 << (Arg0 & 0x0F)
                }
                Return (PRR0)
            }
            Method (IQBT, 1, NotSerialized)
            {
                CreateWordField (Arg0, 1, MASK)
                FindSetRightBit (MASK, Local0)
                Return (Local0 - 1)
            }
#define LINK(name, n, reg)                                                                          \
    Device (name)                                                                                   \
    {                                                                                               \
        Name (_HID, EisaId ("PNP0C0F"))                                                             \
        Name (_UID, n)                                                                              \
        Method (_STA, 0, NotSerialized) { Return (IQST (^^ISA.reg)) }                               \
        Method (_DIS, 0, NotSerialized) { ^^ISA.reg |= 0x80 }                                       \
        Method (_CRS, 0, NotSerialized) { Return (IQCR (^^ISA.reg)) }                               \
        Method (_PRS, 0, NotSerialized) { Return (PRSS) }                                           \
        Method (_SRS, 1, NotSerialized) { ^^ISA.reg = IQBT (Arg0) }                                 \
    }
            LINK (LNKA, 0, PRQA)
            LINK (LNKB, 1, PRQB)
            LINK (LNKC, 2, PRQC)
            LINK (LNKD, 3, PRQD)
            LINK (LNKE, 4, PRQE)
            LINK (LNKF, 5, PRQF)
            LINK (LNKG, 6, PRQG)
            LINK (LNKH, 7, PRQH)

            Device (FWCF)
            {
                Name (_HID, "QEMU0002")
                Name (_STA, 0x0B)
                Name (_CRS, ResourceTemplate ()
                {
                    IO (Decode16, 0x0510, 0x0510, 0x01, 0x0C)
                })
            }
        }

        // Configuration space in memory, which no device may have.
        Device (DRAC)
        {
            Name (_HID, EisaId ("PNP0C01"))
            Method (_STA, 0, NotSerialized)
            {
                If (AECL)
                {
                    Return (0x0F)
                }
                Return (0)
            }
            Name (CRS0, ResourceTemplate ()
            {
                DWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xE0000000, 0xEFFFFFFF, 0x00000000, 0x10000000, , , ECAM)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (CRS0, ^ECAM._MIN, EMIN)
                CreateDWordField (CRS0, ^ECAM._MAX, EMAX)
                CreateDWordField (CRS0, ^ECAM._LEN, ELEN)
                EMIN = AECB
                EMAX = AECB + AECL - 1
                ELEN = AECL
                Return (CRS0)
            }
        }

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            Method (_STA, 0, NotSerialized)
            {
                If (AHPT)
                {
                    Return (0x0F)
                }
                Return (0)
            }
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
            })
        }

#define CPU(name, n)                                                                                \
    Device (name)                                                                                   \
    {                                                                                               \
        Name (_HID, "ACPI0007")                                                                     \
        Name (_UID, n)                                                                              \
        Method (_STA, 0, NotSerialized)                                                             \
        {                                                                                           \
            If (ACPU > n)                                                                           \
            {                                                                                       \
                Return (0x0F)                                                                       \
            }                                                                                       \
            Return (0)                                                                              \
        }                                                                                           \
    }
        CPU (CPU0, 0)
        CPU (CPU1, 1)
        CPU (CPU2, 2)
        CPU (CPU3, 3)
        CPU (CPU4, 4)
        CPU (CPU5, 5)
        CPU (CPU6, 6)
        CPU (CPU7, 7)
    }

    Name (AM3B, 0x1122334455667788) // memory window below 4 GiB: base and last byte
    Name (AM3L, 0x1122334455667788)
    Name (AM6B, 0x1122334455667788) // above
    Name (AM6L, 0x1122334455667788)
    Name (AECB, 0x1122334455667788) // PCI configuration space in memory
    Name (AECL, 0x1122334455667788) // its length; 0: it is not there
    Name (ACPU, 0x1122334455667788) // processors
    Name (ACOM, 0x1122334455667788) // a bit for each serial port
    Name (AHPT, 0x1122334455667788) // not 0: there is an HPET
    Name (APVP, 0x1122334455667788) // port of the panic device; 0: none
}
