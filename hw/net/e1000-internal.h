/*
 * Between e1000.c (registers, the 82540EM), e1000e.c (what the 82574L has in addition), e1000-tx.c, e1000-rx.c and
 * e1000-phy.c (EEPROM and PHY). Numbers of sections and registers are those of the "PCI/PCI-X Family of Gigabit Ethernet
 * Controllers Software Developer's Manual" (317453), where "82574" stands with them those of the "Intel 82574 GbE
 * Controller Family Datasheet" (317694).
 */
#ifndef AMPHI_HW_E1000_INTERNAL_H
#define AMPHI_HW_E1000_INTERNAL_H

#include "hw/net/net.h"
#include "hw/pci/pci.h"

#define E1000_REGS_SIZE 0x6000u
#define E1000_DESC 16               /* bytes; twice as many where packets are split */
#define E1000_MAX_FRAME 16384       /* of the network, with its CRC */
#define E1000_MAX_SEGMENTED 0x10200 /* a TCP segment that is to be cut, with its headers */
#define E1000_EEPROM_WORDS 64

/* Registers, chapter 13. */
enum {
    E_CTRL = 0x0000,
    E_STATUS = 0x0008,
    E_EECD = 0x0010,
    E_EERD = 0x0014,
    E_CTRL_EXT = 0x0018,
    E_MDIC = 0x0020,
    E_FCAL = 0x0028,
    E_FCAH = 0x002c,
    E_FCT = 0x0030,
    E_VET = 0x0038,
    E_ICR = 0x00c0,
    E_ITR = 0x00c4,
    E_ICS = 0x00c8,
    E_IMS = 0x00d0,
    E_IMC = 0x00d8,
    E_RCTL = 0x0100,
    E_FCTTV = 0x0170,
    E_TXCW = 0x0178,
    E_TCTL = 0x0400,
    E_TIPG = 0x0410,
    E_AIT = 0x0458,
    E_LEDCTL = 0x0e00,
    E_PBA = 0x1000,
    E_FCRTL = 0x2160,
    E_FCRTH = 0x2168,
    E_RDBAL = 0x2800,
    E_RDBAH = 0x2804,
    E_RDLEN = 0x2808,
    E_RDH = 0x2810,
    E_RDT = 0x2818,
    E_RDTR = 0x2820,
    E_RXDCTL = 0x2828,
    E_RADV = 0x282c,
    E_RSRPD = 0x2c00,
    E_TDBAL = 0x3800,
    E_TDBAH = 0x3804,
    E_TDLEN = 0x3808,
    E_TDH = 0x3810,
    E_TDT = 0x3818,
    E_TIDV = 0x3820,
    E_TXDCTL = 0x3828,
    E_TADV = 0x382c,
    E_TSPMT = 0x3830,
    E_STATS = 0x4000,
    E_STATS_LAST = 0x4124,
    E_MPC = 0x4010,
    E_GPRC = 0x4074,
    E_BPRC = 0x4078,
    E_MPRC = 0x407c,
    E_GPTC = 0x4080,
    E_GORCL = 0x4088,
    E_GOTCL = 0x4090,
    E_TORL = 0x40c0,
    E_TOTL = 0x40c8,
    E_TPR = 0x40d0,
    E_TPT = 0x40d4,
    E_MPTC = 0x40f0,
    E_BPTC = 0x40f4,
    E_TSCTC = 0x40f8,
    E_RXCSUM = 0x5000,
    E_MTA = 0x5200,
    E_RA = 0x5400,
    E_VFTA = 0x5600,
    E_WUC = 0x5800,
    E_WUFC = 0x5808,
    E_WUS = 0x5810,
    E_MANC = 0x5820,
    E_IPAV = 0x5838,
    /* 82574, chapter 10. */
    E_EIAC = 0x00dc,
    E_IAM = 0x00e0,
    E_IVAR = 0x00e4,
    E_EITR = 0x00e8,
    E_EITR_LAST = 0x00f8,
    E_EXTCNF_CTRL = 0x0f00,
    E_EEMNGCTL = 0x1010,
    E_PBA_ECC = 0x1100,
    E_PSRCTL = 0x2170,
    E_RX_QUEUE1 = 0x2900,
    E_RX_QUEUE1_LAST = 0x2928,
    E_TARC0 = 0x3840,
    E_TX_QUEUE1 = 0x3900,
    E_TX_QUEUE1_LAST = 0x3940,
    E_RFCTL = 0x5008,
    E_MRQC = 0x5818,
    E_RSSIM = 0x5864,
    E_RSSIR = 0x5868,
    E_GCR = 0x5b00,
    E_GCR2 = 0x5b64,
    E_RETA = 0x5c00,
    E_RSSRK_LAST = 0x5ca4,
    E_CLOCK = 0x5f00, /* where the array has those from E_CLOCK_AT on */
    E_CLOCK_LAST = 0x5f4c,
    E_CLOCK_AT = 0xb600,
};

/* Interrupt causes, 13.4.17. */
enum {
    IRQ_TXDW = 1 << 0,
    IRQ_TXQE = 1 << 1,
    IRQ_LSC = 1 << 2,
    IRQ_RXDMT0 = 1 << 4,
    IRQ_RXT0 = 1 << 7,
    IRQ_RXO = 1 << 6,
    IRQ_MDAC = 1 << 9,
    IRQ_RXQ0 = 1 << 20, /* 82574 with MSI-X, from here on */
    IRQ_TXQ0 = 1 << 22,
    IRQ_OTHER = 1 << 24,
};

#define CTRL_VME (1u << 30)
#define STATUS_LINK_UP (1u << 1)

/* Transmit context, 3.3.6. */
typedef struct E1000Context {
    uint8_t ip_start, ip_offset, tcp_start, tcp_offset, header_len, command;
    uint16_t ip_end, tcp_end, mss;
} E1000Context;

typedef struct E1000 E1000;

/* Registers @first to @last, and what accesses do. */
typedef struct E1000Rule {
    uint16_t first, last;
    uint32_t wmask;
    uint32_t (*read)(E1000 *s, unsigned reg);              /* NULL: what is kept */
    void (*write)(E1000 *s, unsigned reg, uint32_t value); /* NULL: kept */
} E1000Rule;

/* What one chip has and the other has not. */
typedef struct E1000Model {
    PciIds ids;
    uint16_t phy_id2;
    bool extended;          /* has registers and descriptors of the 82574 */
    const E1000Rule *rules; /* before those that both have */
    size_t nrules;
    uint32_t (*gather)(const E1000 *s, uint32_t causes); /* further ones; NULL: none */
    void (*update_irq)(E1000 *s);                        /* ICR or IMS changed */
} E1000Model;

struct E1000 {
    PciDevice pci;
    const E1000Model *model;
    Netdev *peer; /* NULL: the cable is not plugged in */
    uint8_t mac[NET_ADDR_LEN];
    uint32_t io_address; /* of the register that the data port reaches */
    uint32_t regs[E1000_REGS_SIZE / 4];
    bool sending;  /* a frame of ours may come back while it is sent */
    uint64_t sent; /* bytes in this go */
    Timer go_on;   /* sends the rest */

    /* Of the frame that is being put together: data so far; what its first descriptor asks for. */
    E1000Context context;
    uint32_t tx_len;
    bool tx_too_long, tx_segment, tx_vlan;
    uint8_t tx_options;
    uint16_t tx_tag;
    uint8_t tx_data[E1000_MAX_SEGMENTED];

    /* EEPROM and PHY. */
    uint16_t eeprom[E1000_EEPROM_WORDS];
    uint16_t ee_in, ee_out;
    uint8_t ee_bits_in, ee_bits_out, ee_address;
    bool ee_data_out;
    uint16_t phy[32];
    uint32_t signalled; /* causes in ICR and IMS whose message was sent */
};

#define E1000_REG(s, reg) ((s)->regs[(reg) / 4])

/* A descriptor ring, whose registers begin at @base (E_RDBAL, E_TDBAL). */
unsigned e1000_ring_size(const E1000 *s, unsigned base);
uint64_t e1000_ring_desc(const E1000 *s, unsigned base, unsigned index);
/* Whether received packets are split over the buffers of a descriptor. */
bool e1000_splits(const E1000 *s);
/* Moves the head on by one. */
void e1000_ring_advance(E1000 *s, unsigned base);

void e1000_raise(E1000 *s, uint32_t causes);
/* What ICR has, which is then empty. */
uint32_t e1000_take_causes(E1000 *s);
void e1000_write_icr(E1000 *s, unsigned reg, uint32_t value);
void e1000_write_ics(E1000 *s, unsigned reg, uint32_t value);
void e1000_write_ims(E1000 *s, unsigned reg, uint32_t value);

extern const E1000Model e1000e_model;
/* Adds to a statistics register, and to one of 64 bits. */
void e1000_count(E1000 *s, unsigned reg);
void e1000_count_bytes(E1000 *s, unsigned reg, uint64_t bytes);

/* Sends what is in the ring. */
void e1000_transmit(E1000 *s);
void e1000_transmit_reset(E1000 *s);

/* Netdev.receive */
bool e1000_receive(void *opaque, const uint8_t *frame, size_t len);

void e1000_eeprom_init(E1000 *s);
void e1000_eeprom_reset(E1000 *s);
uint32_t e1000_eecd_read(const E1000 *s);
void e1000_eecd_write(E1000 *s, uint32_t value);
/* EERD is written; the number of its word begins at bit @shift, and bit @done is set when data is there. */
void e1000_eerd_write(E1000 *s, uint32_t value, unsigned shift, uint32_t done);
void e1000_phy_reset(E1000 *s);
void e1000_mdic_write(E1000 *s, uint32_t value);

#endif
