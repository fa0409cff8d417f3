/*
 * Network card "e1000e": what Intel's 82574L has and the 82540EM (e1000.c) has not. "Intel 82574 GbE Controller Family
 * Datasheet" (317694).
 *
 * With MSI-X, causes are gathered into one for each queue and one for the rest, which IVAR gives a vector each. A message
 * goes once when its cause is first there and wanted; causes in EIAC are then cleared and unwanted until the driver asks
 * for them again, which takes the place of throttling (EITR). There is one queue each way; registers of the others, of
 * hashing and of the clock keep their values. Locking: the machine lock.
 */
#include "hw/net/e1000-internal.h"

enum {
    EECD_REQUEST = 1 << 6,
    EECD_GRANT = 1 << 7,
    EECD_PRESENT = 1 << 8,
    EECD_AUTO_READ_DONE = 1 << 9,
};
#define EECD_KEPT 0x4f /* pins, and the request for them */
#define CTRL_EXT_EIAME (1u << 24)
#define CTRL_EXT_IAME (1u << 27)
#define IRQ_ASSERTED (1u << 31)
#define IRQ_ALL (0x1ffffffu)
#define CAUSES_OTHER (IRQ_LSC | IRQ_RXO | IRQ_MDAC | 1u << 16 | 1u << 17 | 1u << 18)
#define CAUSES_RX (IRQ_RXT0 | IRQ_RXDMT0)
#define CAUSES_TX (IRQ_TXDW | IRQ_TXQE)
#define IVAR_VALID 8

/* ---- Interrupts, 7.4 ---- */

/* The cause of a message that IVAR has a field for, 10.2.4.9; its place there. */
static const struct {
    uint32_t cause;
    unsigned shift;
} vectors[] = {{IRQ_RXQ0, 0}, {IRQ_TXQ0, 8}, {IRQ_OTHER, 16}};

static uint32_t wanted(const E1000 *s)
{
    return E1000_REG(s, E_ICR) & E1000_REG(s, E_IMS);
}

static void send_message(E1000 *s, uint32_t cause, unsigned shift)
{
    unsigned field = E1000_REG(s, E_IVAR) >> shift & 15;
    uint32_t automatic = E1000_REG(s, E_EIAC) & cause;

    if (field & IVAR_VALID) {
        pci_msix_notify(&s->pci, field & (IVAR_VALID - 1));
    }
    E1000_REG(s, E_ICR) &= ~automatic;
    E1000_REG(s, E_IMS) &= ~automatic;
    if (E1000_REG(s, E_CTRL_EXT) & CTRL_EXT_EIAME) {
        E1000_REG(s, E_IMS) &= ~(E1000_REG(s, E_IAM) & cause);
    }
}

static void send_messages(E1000 *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        uint32_t cause = vectors[i].cause & wanted(s);
        bool first = cause & ~s->signalled;

        s->signalled = (s->signalled & ~vectors[i].cause) | cause;
        if (first) {
            send_message(s, cause, vectors[i].shift);
            s->signalled &= wanted(s);
        }
    }
}

/* What messages are about. */
static uint32_t gather(const E1000 *s, uint32_t causes)
{
    return pci_msix_enabled(&s->pci)
               ? (causes & CAUSES_RX ? IRQ_RXQ0 : 0) | (causes & CAUSES_TX ? IRQ_TXQ0 : 0) |
                     (causes & CAUSES_OTHER ? IRQ_OTHER : 0)
               : 0;
}

static void update_irq(E1000 *s)
{
    if (pci_msix_enabled(&s->pci)) {
        send_messages(s);
        return;
    }
    bool level = wanted(s), was = s->signalled;
    s->signalled = level;
    if (!pci_msi_enabled(&s->pci)) {
        pci_set_intx(&s->pci, level);
    } else if (level && !was) {
        pci_msi_notify(&s->pci);
    }
}

/* 10.2.4.1: what is there stays while something is wanted and nothing of that is there. */
static uint32_t read_icr(E1000 *s, unsigned reg)
{
    if (!E1000_REG(s, E_IMS)) {
        return e1000_take_causes(s);
    }
    if (!wanted(s)) {
        return E1000_REG(s, E_ICR);
    }
    if (E1000_REG(s, E_CTRL_EXT) & CTRL_EXT_IAME) {
        E1000_REG(s, E_IMS) &= ~E1000_REG(s, E_IAM);
    }
    return e1000_take_causes(s) | IRQ_ASSERTED;
}

/* ---- EEPROM ---- */

/* It has been read, and is a small one on the SPI bus, whose pins nobody needs. */
static uint32_t read_eecd(E1000 *s, unsigned reg)
{
    uint32_t value = E1000_REG(s, reg) | EECD_PRESENT | EECD_AUTO_READ_DONE;

    return value | (value & EECD_REQUEST ? EECD_GRANT : 0);
}

static void write_eecd(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, reg) = value & EECD_KEPT;
}

static void write_eerd(E1000 *s, unsigned reg, uint32_t value)
{
    e1000_eerd_write(s, value, 2, 2);
}

/* ---- The chip ---- */

static const E1000Rule rules[] = {
    {E_EECD, E_EECD, UINT32_MAX, read_eecd, write_eecd},
    {E_EERD, E_EERD, UINT32_MAX, NULL, write_eerd},
    {E_ICR, E_ICR, UINT32_MAX, read_icr, e1000_write_icr},
    {E_ICS, E_ICS, IRQ_ALL, NULL, e1000_write_ics},
    {E_IMS, E_IMS, IRQ_ALL, NULL, e1000_write_ims},
    {E_EIAC, E_EIAC, 0x1f00000, NULL, NULL},
    {E_IAM, E_IAM, UINT32_MAX, NULL, NULL},
    {E_IVAR, E_IVAR, 0x800fffff, NULL, NULL},
    {E_EITR, E_EITR_LAST, 0xffff, NULL, NULL},
    {E_EXTCNF_CTRL, E_EXTCNF_CTRL, UINT32_MAX, NULL, NULL},
    {E_EEMNGCTL, E_EEMNGCTL, UINT32_MAX, NULL, NULL},
    {E_PBA_ECC, E_PBA_ECC, UINT32_MAX, NULL, NULL},
    {E_PSRCTL, E_PSRCTL, UINT32_MAX, NULL, NULL},
    {E_RX_QUEUE1, E_RX_QUEUE1_LAST, UINT32_MAX, NULL, NULL},
    {E_TARC0, E_TARC0, UINT32_MAX, NULL, NULL},
    {E_TX_QUEUE1, E_TX_QUEUE1_LAST, UINT32_MAX, NULL, NULL},
    {E_RFCTL, E_RFCTL, UINT32_MAX, NULL, NULL},
    {E_MRQC, E_MRQC, UINT32_MAX, NULL, NULL},
    {E_RSSIM, E_RSSIR, UINT32_MAX, NULL, NULL},
    {E_GCR, E_GCR2, UINT32_MAX, NULL, NULL},
    {E_RETA, E_RSSRK_LAST, UINT32_MAX, NULL, NULL},
    {E_CLOCK, E_CLOCK_LAST, UINT32_MAX, NULL, NULL},
};

const E1000Model e1000e_model = {
    .ids =
        {
            .vendor = 0x8086,
            .device = 0x10d3,
            .subsystem_vendor = 0x8086,
            .subsystem = 0,
            .revision = 0,
            .class_code = 0x020000,
        },
    .phy_id2 = 0x0cb1,
    .extended = true,
    .rules = rules,
    .nrules = ARRAY_SIZE(rules),
    .gather = gather,
    .update_irq = update_irq,
};
