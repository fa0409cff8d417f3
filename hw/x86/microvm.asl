/*
 * The DSDT of the microvm machine: its serial port, virtio slots and power button. Compiled by iasl at build.
 * Addresses as in microvm.h.
 */
#define VIRTIO(name, number, base, irq)                                     \
    Device (name)                                                           \
    {                                                                       \
        Name (_HID, "LNRO0005")                                             \
        Name (_UID, number)                                                 \
        Name (_CCA, 1)                                                      \
        Name (_CRS, ResourceTemplate ()                                     \
        {                                                                   \
            Memory32Fixed (ReadWrite, base, 0x200)                          \
            Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {irq} \
        })                                                                  \
    }

DefinitionBlock ("microvm.aml", "DSDT", 2, "AMPHI", "AMPHIUVM", 1)
{
    Name (\_S5, Package () {5, 0, 0, 0})

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x3f8, 0x3f8, 1, 8)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {4}
            })
        }

        VIRTIO (VR00, 0, 0xfeb00000, 5)
        VIRTIO (VR01, 1, 0xfeb00200, 6)
        VIRTIO (VR02, 2, 0xfeb00400, 7)
        VIRTIO (VR03, 3, 0xfeb00600, 8)
        VIRTIO (VR04, 4, 0xfeb00800, 9)
        VIRTIO (VR05, 5, 0xfeb00a00, 10)
        VIRTIO (VR06, 6, 0xfeb00c00, 11)
        VIRTIO (VR07, 7, 0xfeb00e00, 12)

        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
            Name (_UID, 0)
        }

        // Events that have an interrupt of their own: the power button.
        Device (GED)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) {16}
            })
            OperationRegion (EVTS, SystemIO, 0x603, 1)
            Field (EVTS, ByteAcc, NoLock, Preserve)
            {
                EVNT, 8
            }
            Method (_EVT, 1, Serialized)
            {
                Local0 = EVNT // reading takes them back
                If (Local0 & 1)
                {
                    Notify (PWRB, 0x80)
                }
            }
        }
    }
}
