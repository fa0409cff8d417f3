/*
 * EEPROM and PHY of the e1000.
 *
 * The EEPROM (sections 5.6 and 13.4.3 of 317453) is read word by word through EERD, or by the guest wiggling the pins
 * of a Microwire chip (93C46: start bit, opcode, six bits of address; a zero, then data) in EECD. It cannot be
 * written. The PHY is an M88E1011's registers (or the first page of a BM1000's, the 82574's) behind MDIC (13.4.13, and
 * IEEE 802.3 clause 22): a gigabit link that is up as soon as there is a network. Locking: the machine lock.
 */
#include "hw/net/e1000-internal.h"
#include "softmmu/base/bits.h"
#include <string.h>

enum {
    EECD_CLOCK = 1 << 0,
    EECD_SELECT = 1 << 1,
    EECD_DATA_IN = 1 << 2,
    EECD_DATA_OUT = 1 << 3,
    EECD_REQUEST = 1 << 6,
    EECD_GRANT = 1 << 7,
    EECD_PRESENT = 1 << 8,
};
#define EECD_WRITABLE (EECD_CLOCK | EECD_SELECT | EECD_DATA_IN | EECD_REQUEST)
#define EERD_START 1
#define EEPROM_SUM 0xbaba
#define COMMAND_BITS 9
#define OPCODE_READ 6 /* with the start bit */

enum { WORD_SUBSYSTEM = 0x0b, WORD_SUBVENDOR, WORD_DEVICE, WORD_VENDOR, WORD_CONTROL2 };

void e1000_eeprom_init(E1000 *s)
{
    uint16_t *words = s->eeprom, sum = 0;

    for (unsigned i = 0; i < 3; i++) {
        words[i] = s->mac[2 * i] | s->mac[2 * i + 1] << 8;
    }
    words[0x0a] =
        0x4408; /* initialization control 1: what is in the words that follow is to be loaded */
    words[WORD_SUBSYSTEM] = pci_get16(s->pci.config, 0x2e);
    words[WORD_SUBVENDOR] = pci_get16(s->pci.config, 0x2c);
    words[WORD_DEVICE] = pci_get16(s->pci.config, 0x02);
    words[WORD_VENDOR] = pci_get16(s->pci.config, 0x00);
    words[WORD_CONTROL2] = 0x3040;
    for (unsigned i = 0; i < E1000_EEPROM_WORDS - 1; i++) {
        sum += words[i];
    }
    words[E1000_EEPROM_WORDS - 1] = EEPROM_SUM - sum;
}

void e1000_eeprom_reset(E1000 *s)
{
    s->ee_in = s->ee_out = 0;
    s->ee_bits_in = s->ee_bits_out = s->ee_address = 0;
    s->ee_data_out = false;
}

static void load_word(E1000 *s)
{
    s->ee_out = s->eeprom[s->ee_address++ % E1000_EEPROM_WORDS];
    s->ee_bits_out = 16;
}

/* The clock rises while the chip is selected. */
static void clock_eeprom(E1000 *s, bool bit)
{
    if (s->ee_bits_in < COMMAND_BITS) {
        if (s->ee_bits_in || bit) { /* zeros before the start bit do not count */
            s->ee_in = s->ee_in << 1 | bit;
            s->ee_bits_in++;
        }
        if (s->ee_bits_in == COMMAND_BITS && s->ee_in >> 6 == OPCODE_READ) {
            s->ee_address = s->ee_in & (E1000_EEPROM_WORDS - 1);
            load_word(s);
        }
        s->ee_data_out = false;
        return;
    }
    if (s->ee_bits_out) {
        s->ee_data_out = s->ee_out >> --s->ee_bits_out & 1;
        if (!s->ee_bits_out) {
            load_word(s); /* reading goes on with the next word */
        }
    }
}

uint32_t e1000_eecd_read(const E1000 *s)
{
    uint32_t value = E1000_REG(s, E_EECD) | EECD_PRESENT;

    value |= value & EECD_REQUEST ? EECD_GRANT : 0;
    return value | (s->ee_data_out ? EECD_DATA_OUT : 0);
}

void e1000_eecd_write(E1000 *s, uint32_t value)
{
    uint32_t old = E1000_REG(s, E_EECD);

    E1000_REG(s, E_EECD) = value & EECD_WRITABLE;
    if (!(value & EECD_SELECT)) {
        e1000_eeprom_reset(s);
    } else if ((value & ~old & EECD_CLOCK) && (old & EECD_SELECT)) {
        clock_eeprom(s, value & EECD_DATA_IN);
    }
}

void e1000_eerd_write(E1000 *s, uint32_t value, unsigned shift, uint32_t done)
{
    unsigned word = (value & 0xffff) >> shift;

    E1000_REG(s, E_EERD) = word << shift;
    if (value & EERD_START) {
        uint32_t data = word < E1000_EEPROM_WORDS ? s->eeprom[word] : 0xffff;

        E1000_REG(s, E_EERD) |= data << 16 | done;
    }
}

/* ---- PHY ---- */

enum {
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_ID1 = 2,
    PHY_ID2 = 3,
    PHY_ADVERTISEMENT = 4,
    PHY_PARTNER = 5,
    PHY_EXPANSION = 6,
    PHY_1000_CONTROL = 9,
    PHY_1000_STATUS = 10,
    PHY_EXTENDED_STATUS = 15,
    PHY_M88_CONTROL = 16,
    PHY_M88_STATUS = 17,
    PHY_M88_EXTENDED = 20,
    PHY_PAGE = 22, /* 82574: of the registers from 16 on */
};
#define CONTROL_RESET 0x8000
#define CONTROL_RESTART 0x0200
#define STATUS_LINK 0x0004
#define STATUS_NEGOTIATED 0x0020
#define M88_LINK 0x0400

#define MDIC_WRITE 1
#define MDIC_READ 2
#define MDIC_READY (1u << 28)
#define MDIC_INTERRUPT (1u << 29)
#define MDIC_ERROR (1u << 30)
#define PHY_ADDRESS 1

void e1000_phy_reset(E1000 *s)
{
    static const uint16_t values[32] = {
        [PHY_CONTROL] = 0x1140, /* negotiates, full duplex, 1000 Mb/s */
        [PHY_STATUS] = 0x7949,  /* 10 and 100 Mb/s, extended registers, can negotiate */
        [PHY_ID1] = 0x0141,
        [PHY_ADVERTISEMENT] = 0x0de1,
        [PHY_PARTNER] = 0xcde1,
        [PHY_EXPANSION] = 0x0001,
        [PHY_1000_CONTROL] = 0x0e00,
        [PHY_1000_STATUS] = 0x3c00,
        [PHY_EXTENDED_STATUS] = 0x3000,
        [PHY_M88_CONTROL] = 0x0360,
        [PHY_M88_STATUS] = 0xa800, /* 1000 Mb/s, full duplex, resolved */
        [PHY_M88_EXTENDED] = 0x0d60,
    };

    memcpy(s->phy, values, sizeof(values));
    s->phy[PHY_ID2] = s->model->phy_id2;
    if (s->peer) {
        s->phy[PHY_STATUS] |= STATUS_LINK | STATUS_NEGOTIATED;
        s->phy[PHY_M88_STATUS] |= M88_LINK;
    }
}

/* The other pages' registers read as zero. */
static bool is_elsewhere(const E1000 *s, unsigned reg)
{
    return s->model->extended && reg >= PHY_M88_CONTROL && reg != PHY_PAGE && s->phy[PHY_PAGE];
}

static void write_phy(E1000 *s, unsigned reg, uint16_t value)
{
    if (is_elsewhere(s, reg)) {
        return;
    }
    switch (reg) {
    case PHY_CONTROL:
        s->phy[reg] = value & ~(CONTROL_RESET | CONTROL_RESTART);
        if (value & CONTROL_RESET) {
            e1000_phy_reset(s);
        }
        if (value & (CONTROL_RESET | CONTROL_RESTART)) {
            e1000_raise(s, IRQ_LSC);
        }
        break;
    case PHY_ADVERTISEMENT:
    case PHY_1000_CONTROL:
    case PHY_M88_CONTROL:
    case PHY_M88_EXTENDED: s->phy[reg] = value; break;
    default:
        if (reg > PHY_M88_EXTENDED) { /* pages and controls of the chip's: kept */
            s->phy[reg] = value;
        }
    }
}

void e1000_mdic_write(E1000 *s, uint32_t value)
{
    unsigned reg = value >> 16 & 31, op = value >> 26 & 3;

    value &= ~(MDIC_READY | MDIC_ERROR);
    if ((value >> 21 & 31) != PHY_ADDRESS) {
        value |= MDIC_ERROR;
    } else if (op == MDIC_READ) {
        value = (value & ~0xffffu) | (is_elsewhere(s, reg) ? 0 : s->phy[reg]);
    } else if (op == MDIC_WRITE) {
        write_phy(s, reg, value);
    }
    E1000_REG(s, E_MDIC) = value | MDIC_READY;
    if (value & MDIC_INTERRUPT) {
        e1000_raise(s, IRQ_MDAC);
    }
}
