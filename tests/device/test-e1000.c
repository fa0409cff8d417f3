/*
 * The e1000 and the e1000e: registers and EEPROM as drivers read them, interrupts, rings, filters, checksums, segments,
 * and rings that make no sense.
 */
#include "hw/net/e1000-internal.h"
#include "tests/device/harness.h"
#include "tests/device/pc-function.h"
#include <linux/pci_regs.h>
#include <string.h>

#define MEMORY PC_FUNCTION_MEMORY
#define PORTS PC_FUNCTION_PORTS
#define TABLE (MEMORY + 0x40000u) /* of MSI-X */
#define MESSAGES 0x190000u        /* where messages go, 4 bytes apart */
#define RX_RING 0x100000u
#define TX_RING 0x110000u
#define RX_DATA 0x120000u /* 2 KiB for each descriptor */
#define TX_DATA 0x180000u
#define RING 16
#define MAX_SENT 64
#define IRQ_ALL_CAUSES 0x1ffffffu

typedef struct Fixture {
    Machine *machine;
    PciDevice *pci;
    Netdev net;
    uint8_t sent[MAX_SENT][2048];
    size_t sent_len[MAX_SENT];
    unsigned nsent, again;
} Fixture;

static void net_send(Netdev *net, const uint8_t *frame, size_t len)
{
    Fixture *f = container_of(net, Fixture, net);
    if (f->nsent < MAX_SENT && len <= sizeof(f->sent[0])) {
        memcpy(f->sent[f->nsent], frame, len);
        f->sent_len[f->nsent] = len;
    }
    f->nsent++;
}

static void net_again(Netdev *net)
{
    container_of(net, Fixture, net)->again++;
}

static const NetdevOps net_ops = {.name = "test", .send = net_send, .can_receive_again = net_again};

static uint32_t rd(Fixture *f, unsigned reg)
{
    return machine_mmio_read(f->machine, MEMORY + reg, 4);
}

static void wr(Fixture *f, unsigned reg, uint32_t value)
{
    machine_mmio_write(f->machine, MEMORY + reg, value, 4);
}

static void config(Fixture *f, unsigned offset, uint32_t value)
{
    pci_config_write(f->machine->pci, 0, f->pci->devfn, offset, value, 4);
}

#define IS_E1000E(f) (pci_get16((f)->pci->config, PCI_DEVICE_ID) == 0x10d3)

/* @card: its name. The back end is the test's own, as if it had been taken from a -netdev. */
static void setup(Fixture *f, gconstpointer card)
{
    g_autofree char *device = g_strdup_printf("%s,mac=52:54:00:11:22:33", (const char *)card);
    f->machine = pc_function_new(device, &f->pci);
    E1000 *s = container_of(f->pci, E1000, pci);
    f->net.ops = &net_ops;
    f->net.receive = e1000_receive;
    f->net.opaque = s;
    s->peer = &f->net;
    e1000_phy_reset(s); /* the cable is plugged in */
    if (IS_E1000E(f)) {
        config(f, PCI_BASE_ADDRESS_1, 0);
        config(f, PCI_BASE_ADDRESS_2, PORTS);
        config(f, PCI_BASE_ADDRESS_3, TABLE);
    }
}

static void teardown(Fixture *f, gconstpointer data)
{
    pc_function_free(f->machine);
}

/* ---- Registers ---- */

static uint16_t read_phy(Fixture *f, unsigned reg)
{
    wr(f, E_MDIC, 2u << 26 | 1u << 21 | reg << 16);
    g_assert_cmphex(rd(f, E_MDIC) >> 28, ==, 1);
    return rd(f, E_MDIC);
}

/* As Linux's driver does it: sets up bits, then the clock. */
static void ee_bit(Fixture *f, bool bit)
{
    uint32_t value = 0x42 | bit << 2;
    wr(f, E_EECD, value);
    wr(f, E_EECD, value | 1);
    wr(f, E_EECD, value);
}

static uint16_t read_microwire(Fixture *f, unsigned word)
{
    uint16_t value = 0;
    wr(f, E_EECD, 0x40);
    g_assert_cmphex(rd(f, E_EECD) & 0x80, ==, 0x80);
    wr(f, E_EECD, 0x42);
    for (unsigned command = 6 << 6 | word, i = 9; i-- > 0;) {
        ee_bit(f, command >> i & 1);
    }
    for (unsigned i = 0; i < 16; i++) {
        wr(f, E_EECD, 0x43);
        value = value << 1 | (rd(f, E_EECD) >> 3 & 1);
        wr(f, E_EECD, 0x42);
    }
    wr(f, E_EECD, 0);
    return value;
}

static void test_registers(Fixture *f, gconstpointer data)
{
    uint16_t sum = 0;
    g_assert_cmphex(rd(f, E_RA), ==, 0x11005452);
    g_assert_cmphex(rd(f, E_RA + 4), ==, 0x80003322);
    for (unsigned i = 0; i < 64; i++) {
        wr(f, E_EERD, i << 8 | 1);
        g_assert_cmphex(rd(f, E_EERD) & 0x10, ==, 0x10);
        g_assert_cmphex(rd(f, E_EERD) >> 16, ==, read_microwire(f, i));
        sum += rd(f, E_EERD) >> 16;
    }
    g_assert_cmphex(sum, ==, 0xbaba);
    g_assert_cmphex(read_microwire(f, 1), ==, 0x1100);
    g_assert_cmphex(read_phy(f, 2), ==, 0x0141);
    g_assert_cmphex(read_phy(f, 3) & 0xfff0, ==, 0x0c20);
    g_assert_cmphex(read_phy(f, 1) & 0x24, ==, 0x24);
    wr(f, E_MDIC, 2u << 26 | 2u << 21); /* there is no PHY 2 */
    g_assert_cmphex(rd(f, E_MDIC) >> 28, ==, 5);
    g_assert_cmphex(rd(f, E_STATUS) & 2, ==, 0);
    wr(f, E_CTRL, 0x40);
    g_assert_cmphex(rd(f, E_STATUS) & 0xc3, ==, 0x83);
    machine_pio_write(f->machine, PORTS, E_VET, 4);
    g_assert_cmphex(machine_pio_read(f->machine, PORTS + 4, 4), ==, 0x8100);
    wr(f, E_RCTL, 0x1234);
    machine_pio_write(f->machine, PORTS, E_CTRL, 4);
    machine_pio_write(f->machine, PORTS + 4, 1 << 26, 4); /* reset */
    g_assert_cmphex(rd(f, E_RCTL), ==, 0);
    g_assert_cmphex(rd(f, E_CTRL), ==, 0);
}

static void test_interrupts(Fixture *f, gconstpointer data)
{
    wr(f, E_ICS, 0x84);
    g_assert_false(pc_function_pin(f->pci));
    wr(f, E_IMS, 0x04);
    g_assert_true(pc_function_pin(f->pci));
    wr(f, E_IMC, 0x04);
    g_assert_false(pc_function_pin(f->pci));
    wr(f, E_IMS, 0x80);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, E_IMS), ==, 0x80);
    g_assert_cmphex(rd(f, E_ICR), ==, 0x84);
    g_assert_false(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, E_ICR), ==, 0);
    wr(f, E_ICS, 0x84);
    wr(f, E_ICR, 0x80);
    g_assert_false(pc_function_pin(f->pci));
}

/* What Linux's driver e1000e looks at before it uses the card. */
static void test_registers_e(Fixture *f, gconstpointer data)
{
    uint16_t sum = 0;
    g_assert_cmphex(rd(f, E_RA), ==, 0x11005452);
    for (unsigned i = 0; i < 64; i++) {
        wr(f, E_EERD, i << 2 | 1);
        g_assert_cmphex(rd(f, E_EERD) & 2, ==, 2);
        sum += rd(f, E_EERD) >> 16;
    }
    g_assert_cmphex(sum, ==, 0xbaba);
    g_assert_cmphex(rd(f, E_EECD) & 0x200, ==, 0x200); /* the EEPROM was read after the reset */
    g_assert_cmphex(rd(f, E_EECD) >> 15 & 3, !=, 3);   /* and is no flash memory */
    wr(f, E_EXTCNF_CTRL, 0x20);
    g_assert_cmphex(rd(f, E_EXTCNF_CTRL) & 0x20, ==, 0x20);
    g_assert_cmphex(read_phy(f, 2), ==, 0x0141);
    g_assert_cmphex(read_phy(f, 3), ==, 0x0cb1);
    g_assert_cmphex(read_phy(f, 17) & 0x400, ==, 0x400);
    wr(f, E_MDIC, 1u << 26 | 1u << 21 | 22u << 16 | 5); /* another page */
    g_assert_cmphex(read_phy(f, 17), ==, 0);
    wr(f, E_MDIC, 1u << 26 | 1u << 21 | 22u << 16);
    g_assert_cmphex(read_phy(f, 17) & 0x400, ==, 0x400);
    g_assert_cmphex(rd(f, E_STATUS) & 1u << 19, !=, 0);
    wr(f, E_CTRL, 0x44); /* no more bus mastering */
    g_assert_cmphex(rd(f, E_STATUS) & (1u << 19 | 2), ==, 2);
    wr(f, E_CLOCK_AT + 8, 0x12345678);
    g_assert_cmphex(rd(f, E_CLOCK_AT + 8), ==, 0x12345678);
    machine_pio_write(f->machine, PORTS, E_VET, 4);
    g_assert_cmphex(machine_pio_read(f->machine, PORTS + 4, 4), ==, 0x8100);
}

/* Reading ICR takes what is there only if that is wanted, or nothing is. */
static void test_icr_e(Fixture *f, gconstpointer data)
{
    wr(f, E_IMS, 0x80);
    wr(f, E_ICS, 0x04);
    g_assert_false(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, E_ICR), ==, 0x04);
    g_assert_cmphex(rd(f, E_ICR), ==, 0x04);
    wr(f, E_ICS, 0x80);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, E_ICR), ==, 0x80000084);
    g_assert_false(pc_function_pin(f->pci));
    wr(f, E_CTRL_EXT, 1u << 27); /* which then also is unwanted, if IAM says so */
    wr(f, E_IAM, UINT32_MAX);
    wr(f, E_ICS, 0x80);
    g_assert_cmphex(rd(f, E_ICR), ==, 0x80000080);
    g_assert_cmphex(rd(f, E_IMS), ==, 0);
    wr(f, E_ICS, 0x80);
    g_assert_cmphex(rd(f, E_ICR), ==, 0x80);
}

/* ---- Messages ---- */

static unsigned messages(Fixture *f, unsigned vector)
{
    uint32_t got = rd32(f->machine, MESSAGES + 4 * vector);
    wr32(f->machine, MESSAGES + 4 * vector, 0);
    return got == 0x5500 + vector;
}

/* As Linux's driver sets it up: a vector for each queue, one for the rest. */
static void start_messages(Fixture *f)
{
    unsigned cap = f->pci->msix.cap;
    for (unsigned i = 0; i < 3; i++) {
        wr32(f->machine, TABLE + 16 * i, MESSAGES + 4 * i);
        wr32(f->machine, TABLE + 16 * i + 4, 0);
        wr32(f->machine, TABLE + 16 * i + 8, 0x5500 + i);
        wr32(f->machine, TABLE + 16 * i + 12, 0);
    }
    pci_config_write(f->machine->pci, 0, f->pci->devfn, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE,
                     2);
    wr(f, E_IVAR, 0x800a0908);
    wr(f, E_CTRL_EXT, 1u << 24);
    wr(f, E_IAM, ~0x1f00000u | IRQ_OTHER);
    wr(f, E_EIAC, IRQ_RXQ0 | IRQ_TXQ0);
    wr(f, E_IMS, IRQ_RXQ0 | IRQ_TXQ0 | IRQ_OTHER | IRQ_LSC);
}

/* ---- Receiving ---- */

static void start_receiving(Fixture *f, uint32_t rctl)
{
    for (unsigned i = 0; i < RING; i++) {
        wr32(f->machine, RX_RING + 16 * i, RX_DATA + 2048 * i);
        wr32(f->machine, RX_RING + 16 * i + 4, 0);
        wr32(f->machine, RX_RING + 16 * i + 12, 0);
    }
    wr(f, E_RDBAL, RX_RING);
    wr(f, E_RDLEN, 16 * RING);
    wr(f, E_RDH, 0);
    wr(f, E_RDT, RING - 1);
    wr(f, E_RCTL, rctl | 2);
}

static size_t make_frame(uint8_t *frame, const char *to, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        frame[i] = i * 7;
    }
    memcpy(frame, to, 6);
    frame[12] = 8;
    frame[13] = 0;
    return len;
}

#define OURS "\x52\x54\x00\x11\x22\x33"
#define OTHERS "\x52\x54\x00\x99\x99\x99"
#define EVERYBODY "\xff\xff\xff\xff\xff\xff"
#define GROUP "\x01\x00\x5e\x00\x00\x01"

static bool receive(Fixture *f, const char *to, size_t len)
{
    uint8_t frame[16384];
    return f->net.receive(f->net.opaque, frame, make_frame(frame, to, len));
}

static void test_receive(Fixture *f, gconstpointer data)
{
    uint8_t frame[2048], got[2048];
    g_assert_true(receive(f, OURS, 100)); /* not enabled: gone */
    start_receiving(f, 0x8000);
    g_assert_cmpuint(f->again, >, 0);
    wr(f, E_IMS, 0x90);
    make_frame(frame, OURS, 100);
    g_assert_true(receive(f, OURS, 100));
    g_assert_cmpuint(rd(f, E_RDH), ==, 1);
    g_assert_cmphex(rd32(f->machine, RX_RING + 8) & 0xffff, ==, 104); /* with CRC */
    g_assert_cmphex(rd32(f->machine, RX_RING + 12), ==, 0x07);
    dma_read(&f->machine->dma, RX_DATA, got, 104);
    g_assert_cmpmem(got, 100, frame, 100);
    g_assert_true(pc_function_pin(f->pci));
    g_assert_cmphex(rd(f, E_ICR), ==, 0x80);
    /* Others' and a group's frames only if they are wanted; everybody's are. */
    g_assert_true(receive(f, OTHERS, 100));
    g_assert_true(receive(f, GROUP, 100));
    g_assert_cmpuint(rd(f, E_RDH), ==, 1);
    g_assert_true(receive(f, EVERYBODY, 42)); /* padded */
    g_assert_cmphex(rd32(f->machine, RX_RING + 16 + 8) & 0xffff, ==, 64);
    g_assert_cmphex(rd32(f->machine, RX_RING + 16 + 12), ==, 0x87);
    wr(f, E_MTA + 4 * (0x010 >> 5),
       1u << (0x010 & 31)); /* 00:01 is 0x0100; bits 47 to 36 of the address */
    g_assert_true(receive(f, GROUP, 100));
    g_assert_cmpuint(rd(f, E_RDH), ==, 3);
    wr(f, E_RCTL, 0x04008000 | 2 | 8); /* everything, without CRC */
    g_assert_true(receive(f, OTHERS, 100));
    g_assert_cmphex(rd32(f->machine, RX_RING + 48 + 8) & 0xffff, ==, 100);
    g_assert_cmpuint(rd(f, E_GPRC), ==, 4);
    g_assert_cmpuint(rd(f, E_GPRC), ==, 0); /* clears */
    g_assert_true(receive(f, OURS, 1519));  /* too long */
    g_assert_cmpuint(rd(f, E_RDH), ==, 4);
}

static void test_receive_long(Fixture *f, gconstpointer data)
{
    uint8_t frame[9000], got[2048];
    start_receiving(f, 0x04000020); /* long frames, no CRC */
    make_frame(frame, OURS, 5000);
    g_assert_true(receive(f, OURS, 5000));
    g_assert_cmpuint(rd(f, E_RDH), ==, 3);
    g_assert_cmphex(rd32(f->machine, RX_RING + 12), ==, 0x05);
    g_assert_cmphex(rd32(f->machine, RX_RING + 32 + 8) & 0xffff, ==, 5000 - 4096);
    g_assert_cmphex(rd32(f->machine, RX_RING + 32 + 12), ==, 0x07);
    dma_read(&f->machine->dma, RX_DATA + 2 * 2048, got, 5000 - 4096);
    g_assert_cmpmem(got, 5000 - 4096, frame + 4096, 5000 - 4096);
    g_assert_true(receive(f, OURS, 16000));  /* 8 descriptors */
    g_assert_false(receive(f, OURS, 16000)); /* 4 are left: it stays outside */
    g_assert_cmphex(rd(f, E_ICR) & 0x10, ==, 0x10);
    g_assert_true(receive(f, OURS, 8000));
    g_assert_false(receive(f, OURS, 100));
    wr(f, E_RDT, 20); /* no descriptor of the ring */
    g_assert_false(receive(f, OURS, 100));
    wr(f, E_RDT, 5);
    g_assert_true(receive(f, OURS, 100));
}

/* Descriptors of the 82574's own form. */
static void test_extended_e(Fixture *f, gconstpointer data)
{
    uint8_t frame[100], got[100];
    start_receiving(f, 0x04000000);
    wr(f, E_RFCTL, 1u << 15);
    make_frame(frame, OURS, 100);
    g_assert_true(receive(f, OURS, 100));
    g_assert_cmphex(rd32(f->machine, RX_RING), ==, 0); /* no hash */
    g_assert_cmphex(rd32(f->machine, RX_RING + 8), ==, 7);
    g_assert_cmphex(rd32(f->machine, RX_RING + 12), ==, 100);
    dma_read(&f->machine->dma, RX_DATA, got, 100);
    g_assert_cmpmem(got, 100, frame, 100);
}

/* Descriptors with four buffers: 128 bytes, then 1 KiB, 2 KiB and 1 KiB. */
static void test_split_e(Fixture *f, gconstpointer data)
{
    static const uint16_t sizes[4] = {128, 1024, 2048, 1024};
    uint8_t frame[6000], got[2048];
    start_receiving(f, 0x04000000 | 1u << 10 | 0x20);
    wr(f, E_PSRCTL, 1 | 1 << 8 | 2 << 16 | 1 << 24);
    wr(f, E_RDT, RING / 2 - 1); /* descriptors of 32 bytes */
    for (unsigned i = 0; i < RING / 2; i++) {
        for (unsigned n = 0; n < 4; n++) {
            wr32(f->machine, RX_RING + 32 * i + 8 * n, RX_DATA + 0x2000 * i + 0x800 * n);
            wr32(f->machine, RX_RING + 32 * i + 8 * n + 4, 0);
        }
    }
    make_frame(frame, OURS, 6000);
    g_assert_true(receive(f, OURS, 6000));
    g_assert_cmpuint(rd(f, E_RDH), ==, 2);
    for (unsigned i = 0, at = 0; i < 2; i++) {
        g_assert_cmphex(rd32(f->machine, RX_RING + 32 * i + 8), ==, i ? 7 : 5);
        for (unsigned n = 0; n < 4; n++) {
            unsigned len = MIN(sizes[n], 6000 - at);
            unsigned place = n ? 16 + 2 * n : 12;
            g_assert_cmpuint(machine_mmio_read(f->machine, RX_RING + 32 * i + place, 2), ==, len);
            dma_read(&f->machine->dma, RX_DATA + 0x2000 * i + 0x800 * n, got, len);
            g_assert_cmpmem(got, len, frame + at, len);
            at += len;
        }
    }
    wr(f, E_PSRCTL, 0); /* sizes that make no sense */
    g_assert_true(receive(f, OURS, 100));
}

static void test_messages_e(Fixture *f, gconstpointer data)
{
    start_messages(f);
    start_receiving(f, 0);
    g_assert_true(receive(f, OURS, 100));
    g_assert_true(messages(f, 0) && !messages(f, 1) && !messages(f, 2));
    g_assert_cmphex(rd(f, E_IMS) & IRQ_RXQ0, ==, 0); /* until the driver has looked */
    g_assert_true(receive(f, OURS, 100));
    g_assert_false(messages(f, 0));
    wr(f, E_IMS, IRQ_RXQ0);
    g_assert_true(messages(f, 0));
    wr(f, E_IMS, IRQ_RXQ0);
    g_assert_false(messages(f, 0));

    wr(f, E_TDBAL, TX_RING);
    wr(f, E_TDLEN, 16 * RING);
    wr(f, E_TCTL, 0xa);
    wr32(f->machine, TX_RING, TX_DATA);
    wr32(f->machine, TX_RING + 8, 0x09000000 | 100);
    wr(f, E_TDT, 1);
    g_assert_true(messages(f, 1) && !messages(f, 0) && !messages(f, 2));

    wr(f, E_MDIC, 1u << 26 | 1u << 21 | 0x1340); /* the PHY negotiates: the link changes */
    g_assert_true(messages(f, 2));
    g_assert_cmphex(rd(f, E_ICR) & (1u << 31 | IRQ_OTHER | IRQ_LSC), ==,
                    1u << 31 | IRQ_OTHER | IRQ_LSC);
    wr(f, E_IMS, IRQ_OTHER | IRQ_LSC);
    g_assert_false(messages(f, 2));
    g_assert_false(pc_function_pin(f->pci));
    wr(f, E_IVAR, 0x80000f0f); /* vectors that there are not */
    wr(f, E_ICS, IRQ_ALL_CAUSES);
}

static void test_vlan(Fixture *f, gconstpointer data)
{
    uint8_t frame[100], got[100];
    make_frame(frame, OURS, 100);
    memcpy(frame + 12, "\x81\x00\x60\x05\x08\x00", 6);
    start_receiving(f, 0x04000000 | 1 << 18);
    g_assert_true(f->net.receive(f->net.opaque, frame, 100));
    g_assert_cmpuint(rd(f, E_RDH), ==, 0); /* VLAN 5 is not in the filter */
    wr(f, E_VFTA, 1 << 5);
    wr(f, E_CTRL, CTRL_VME);
    g_assert_true(f->net.receive(f->net.opaque, frame, 100));
    g_assert_cmphex(rd32(f->machine, RX_RING + 8) & 0xffff, ==, 96);
    g_assert_cmphex(rd32(f->machine, RX_RING + 12), ==, 0x6005000f);
    dma_read(&f->machine->dma, RX_DATA, got, 96);
    g_assert_cmpmem(got, 12, frame, 12);
    g_assert_cmpmem(got + 12, 84, frame + 16, 84);
}

/* ---- Sending ---- */

static void start_sending(Fixture *f)
{
    wr(f, E_TDBAL, TX_RING);
    wr(f, E_TDLEN, 16 * RING);
    wr(f, E_TCTL, 0xa);
}

/* Puts a descriptor at the tail, which the caller moves. */
static void put(Fixture *f, unsigned index, uint64_t addr, uint32_t third, uint32_t fourth)
{
    wr32(f->machine, TX_RING + 16 * index, addr);
    wr32(f->machine, TX_RING + 16 * index + 4, addr >> 32);
    wr32(f->machine, TX_RING + 16 * index + 8, third);
    wr32(f->machine, TX_RING + 16 * index + 12, fourth);
}

static void test_send(Fixture *f, gconstpointer data)
{
    uint8_t frame[200];
    make_frame(frame, OTHERS, sizeof(frame));
    dma_write(&f->machine->dma, TX_DATA, frame, sizeof(frame));
    start_sending(f);
    put(f, 0, TX_DATA, 0x09000000 | 200, 0); /* EOP, RS */
    put(f, 1, TX_DATA, 50, 0);
    put(f, 2, TX_DATA + 50, 0x0b000000 | 100, 0);
    put(f, 3, TX_DATA, 0x01000000 | 20, 0);
    wr(f, E_TDT, 1);
    g_assert_cmpuint(f->nsent, ==, 1);
    g_assert_cmpmem(f->sent[0], f->sent_len[0], frame, 200);
    g_assert_cmphex(rd32(f->machine, TX_RING + 12), ==, 1);
    g_assert_cmphex(rd(f, E_ICR), ==, 3);
    wr(f, E_TDT, 4);
    g_assert_cmpuint(f->nsent, ==, 3);
    g_assert_cmpmem(f->sent[1], f->sent_len[1], frame, 150);
    g_assert_cmpuint(f->sent_len[2], ==, 60);
    g_assert_cmpuint(rd(f, E_TDH), ==, 4);
    g_assert_cmpuint(rd(f, E_GPTC), ==, 3);
    /* With a VLAN's tag. */
    wr(f, E_CTRL, CTRL_VME);
    put(f, 4, TX_DATA, 0x41000000 | 100, 0x20070000);
    wr(f, E_TDT, 5);
    g_assert_cmpuint(f->sent_len[3], ==, 104);
    g_assert_cmpmem(f->sent[3] + 12, 6, "\x81\x00\x20\x07\x08\x00", 6);
}

/* A TCP frame with @len bytes of data: 14 + 20 + 20 + len. */
static void make_tcp(uint8_t *frame, size_t len)
{
    static const uint8_t ip[20] = {0x45, 0, 0,  0, 0, 1, 0,  0, 64, 6,
                                   0,    0, 10, 0, 0, 1, 10, 0, 0,  2};
    static const uint8_t tcp[20] = {0x12, 0x34, 0, 80, 0, 0, 0, 100, 0, 0, 0, 0, 0x50, 0x18, 1};
    make_frame(frame, OTHERS, 54 + len);
    memcpy(frame + 14, ip, 20);
    memcpy(frame + 34, tcp, 20);
    frame[16] = (40 + len) >> 8;
    frame[17] = 40 + len;
}

static uint16_t ones_sum(const uint8_t *data, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? data[i] : data[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static void check_sums(const uint8_t *frame, size_t data_len)
{
    g_assert_cmphex(ones_sum(frame + 14, 20, 0), ==, 0xffff);
    uint32_t pseudo = ones_sum(frame + 26, 8, 6 + 20 + data_len);
    g_assert_cmphex(ones_sum(frame + 34, 20 + data_len, pseudo), ==, 0xffff);
}

static void put_context(Fixture *f, unsigned index, uint32_t len, uint32_t command, uint32_t mss)
{
    put(f, index, 14 | 24 << 8 | 33u << 16 | (uint64_t)(34 | 50 << 8) << 32,
        0x20000000 | command << 24 | len, mss << 16 | 54 << 8);
}

static void test_checksums(Fixture *f, gconstpointer data)
{
    uint8_t frame[254];
    make_tcp(frame, 200);
    uint16_t pseudo = ones_sum(frame + 26, 8, 6 + 220); /* what a driver leaves there */
    frame[50] = pseudo >> 8;
    frame[51] = pseudo;
    dma_write(&f->machine->dma, TX_DATA, frame, sizeof(frame));
    start_sending(f);
    put_context(f, 0, 0, 0, 0);
    put(f, 1, TX_DATA, 0x2b000000 | 1 << 20 | 254, 0x300);
    wr(f, E_TDT, 2);
    g_assert_cmpuint(f->nsent, ==, 1);
    check_sums(f->sent[0], 200);
    /* A legacy descriptor has one. */
    put(f, 2, TX_DATA, 0x05000000 | 50 << 16 | 254, 34 << 8);
    wr(f, E_TDT, 3);
    pseudo = ones_sum(f->sent[1] + 26, 8, 6 + 220);
    g_assert_cmphex(ones_sum(f->sent[1] + 34, 220, pseudo), ==, 0xffff);
    /* Places outside of the frame. */
    put(f, 3, TX_DATA, 0x05000000 | 253 << 16 | 100, 200 << 8);
    wr(f, E_TDT, 4);
    g_assert_cmpuint(f->nsent, ==, 3);
}

static void test_segments(Fixture *f, gconstpointer data)
{
    uint8_t frame[54 + 3000];
    make_tcp(frame, 3000);
    dma_write(&f->machine->dma, TX_DATA, frame, sizeof(frame));
    start_sending(f);
    put_context(f, 0, 3000, 0x07, 1400);
    put(f, 1, TX_DATA, 0x26000000 | 1 << 20 | 54, 0x300);
    put(f, 2, TX_DATA + 54, 0x2f000000 | 1 << 20 | 3000, 0);
    wr(f, E_TDT, 3);
    g_assert_cmpuint(f->nsent, ==, 3);
    g_assert_cmpuint(f->sent_len[0], ==, 1454);
    g_assert_cmpuint(f->sent_len[2], ==, 54 + 200);
    check_sums(f->sent[0], 1400);
    check_sums(f->sent[1], 1400);
    check_sums(f->sent[2], 200);
    g_assert_cmpmem(f->sent[1] + 54, 1400, frame + 54 + 1400, 1400);
    g_assert_cmpuint(f->sent[1][40] << 8 | f->sent[1][41], ==, 100 + 1400);
    g_assert_cmphex(rd(f, E_ICR) & 1, ==, 1);
}

/* ---- Guests that mean no good ---- */

static void test_hostile_rings(Fixture *f, gconstpointer data)
{
    static const uint64_t bases[] = {0, 0xfffffff0, UINT64_C(0xfffffffffffffff0), TX_RING, MEMORY};
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        for (unsigned reg = E_RDBAL; reg <= E_TDBAL; reg += E_TDBAL - E_RDBAL) {
            wr(f, reg, bases[i]);
            wr(f, reg + 4, bases[i] >> 32);
            wr(f, reg + 8, 0xfffff);
            wr(f, reg + 0x10, 0xfff0);
        }
        wr(f, E_RCTL, 0x8000 | 2 | 8 | 0x10 | 0x20);
        wr(f, E_TCTL, 2);
        wr(f, E_RDT, 0x10);
        wr(f, E_TDT, 0x10);
        receive(f, OURS, 1500);
        clock_step(f->machine->clock, 1000);
        wr(f, E_RDLEN, 0);
        wr(f, E_TDLEN, 0);
        wr(f, E_TDT, 1);
        receive(f, OURS, 1500);
        wr(f, E_RCTL, 0x02010000 | 2 | 8); /* buffers of a reserved size */
        receive(f, OURS, 1500);
    }
    /* A frame that never ends; then a sound one. */
    wr(f, E_TDH, 0);
    wr(f, E_TDT, 0);
    start_sending(f);
    wr(f, E_TDBAH, 0);
    for (unsigned i = 0; i < RING; i++) {
        put(f, i, TX_DATA, 0x20000000 | 1 << 20 | 0xfffff, 0);
    }
    for (unsigned round = 0; round < 40; round++) {
        wr(f, E_TDT, (rd(f, E_TDT) + RING - 1) % RING);
        clock_step(f->machine->clock, 1000);
    }
    unsigned at = rd(f, E_TDT);
    put(f, at, TX_DATA, 0x01000000 | 100, 0); /* ends it */
    put(f, (at + 1) % RING, TX_DATA, 0x01000000 | 100, 0);
    f->nsent = 0;
    wr(f, E_TDT, (at + 2) % RING);
    clock_step(f->machine->clock, 1000);
    g_assert_cmpuint(f->nsent, ==, 1);
}

static void test_much(Fixture *f, gconstpointer data)
{
    /* A ring as long as can be, each of whose descriptors is a frame: in pieces, but all of it. */
    wr(f, E_TDBAL, 0x200000);
    wr(f, E_TDLEN, 0xfff80);
    for (unsigned i = 0; i < 5000; i++) {
        wr32(f->machine, 0x200000 + 16 * i, TX_DATA);
        wr32(f->machine, 0x200000 + 16 * i + 8, 0x01000000 | 64);
    }
    wr(f, E_TCTL, 2);
    wr(f, E_TDT, 5000);
    g_assert_cmpuint(f->nsent, <, 5000);
    for (unsigned i = 0; i < 10; i++) {
        clock_step(f->machine->clock, 1);
    }
    g_assert_cmpuint(f->nsent, ==, 5000);
}

static void test_wild(Fixture *f, gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(11);
    wild_accesses(f->machine, MEMORY, 0x20000, 20000, 9);
    for (unsigned i = 0; i < 20000; i++) {
        static const uint16_t regs[] = {E_CTRL,  E_EECD,  E_EERD, E_MDIC, E_RCTL, E_TCTL,
                                        E_RDBAL, E_RDLEN, E_RDH,  E_RDT,  E_TDH,  E_TDT,
                                        E_TDBAL, E_TDLEN, E_IMS,  E_ICS};
        wr(f, regs[g_rand_int(rand) % G_N_ELEMENTS(regs)],
           g_rand_int(rand) >> g_rand_int(rand) % 32);
        if (i % 16 == 0) {
            receive(f, OURS, 60 + i % 1400);
            clock_step(f->machine->clock, 100);
        }
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, card) g_test_add("/" card "/" #name, Fixture, card, setup, test_##name, teardown)
#define ADD_BOTH(name)  \
    ADD(name, "e1000"); \
    ADD(name, "e1000e")
    ADD(registers, "e1000");
    ADD(interrupts, "e1000");
    ADD(registers_e, "e1000e");
    ADD(icr_e, "e1000e");
    ADD(messages_e, "e1000e");
    ADD(extended_e, "e1000e");
    ADD(split_e, "e1000e");
    ADD(receive, "e1000");
    ADD_BOTH(receive_long);
    ADD_BOTH(vlan);
    ADD(send, "e1000");
    ADD_BOTH(checksums);
    ADD_BOTH(segments);
    ADD_BOTH(hostile_rings);
    ADD_BOTH(much);
    ADD_BOTH(wild);
    return g_test_run();
}
