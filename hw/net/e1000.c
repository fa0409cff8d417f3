/*
 * Network cards "e1000" and "e1000e": Intel's 82540EM and 82574L, for guests without virtio. "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual" (317453), without what needs no emulation to be correct: interrupts
 * are not delayed (ITR, RDTR, TIDV), flow control and power management are registers that keep their values. What the
 * 82574L has in addition is in e1000e.c.
 *
 * Registers live in one array; a table says which ones there are, what can be written, and what happens then. All
 * else reads as zero. The link is up if there is a network. Locking: the machine lock.
 */
#include "hw/net/e1000.h"
#include "hw/boot-order.h"
#include "hw/net/e1000-internal.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <string.h>

#define MEMORY_SIZE 0x20000
#define PORTS_SIZE 64
#define MSIX_VECTORS 5
#define MSIX_BAR 3
enum { PORT_ADDRESS = 0, PORT_DATA = 4 };

#define CTRL_MASTER_DISABLE (1u << 2)
#define CTRL_RESET (1u << 26)
#define CTRL_PHY_RESET (1u << 31)
#define CTRL_SET_LINK_UP (1u << 6)
#define STATUS_VALUE 0x80080381u /* full duplex, 1000 Mb/s */
#define STATUS_MASTER_ENABLE (1u << 19)
#define RCTL_TYPE (3u << 10)
#define RCTL_TYPE_SPLIT (1u << 10)
#define RA_VALID (1u << 31)
#define PBA_VALUE 0x00100030
#define VLAN_TYPE 0x8100

/* ---- Helpers of the other files ---- */

bool e1000_splits(const E1000 *s)
{
    return s->model->extended && (E1000_REG(s, E_RCTL) & RCTL_TYPE) == RCTL_TYPE_SPLIT;
}

static unsigned desc_size(const E1000 *s, unsigned base)
{
    return base == E_RDBAL && e1000_splits(s) ? 2 * E1000_DESC : E1000_DESC;
}

unsigned e1000_ring_size(const E1000 *s, unsigned base)
{
    return E1000_REG(s, base + E_RDLEN - E_RDBAL) / desc_size(s, base);
}

uint64_t e1000_ring_desc(const E1000 *s, unsigned base, unsigned index)
{
    uint64_t start = E1000_REG(s, base) | (uint64_t)E1000_REG(s, base + 4) << 32;
    return start + (uint64_t)index * desc_size(s, base);
}

void e1000_ring_advance(E1000 *s, unsigned base)
{
    uint32_t *head = &E1000_REG(s, base + E_RDH - E_RDBAL);
    *head = (*head + 1) % e1000_ring_size(s, base);
}

void e1000_count(E1000 *s, unsigned reg)
{
    if (E1000_REG(s, reg) != UINT32_MAX) {
        E1000_REG(s, reg)++;
    }
}

void e1000_count_bytes(E1000 *s, unsigned reg, uint64_t bytes)
{
    uint64_t sum = (E1000_REG(s, reg) | (uint64_t)E1000_REG(s, reg + 4) << 32) + bytes;
    E1000_REG(s, reg) = sum;
    E1000_REG(s, reg + 4) = sum >> 32;
}

/* ---- Interrupts ---- */

static void update_pin(E1000 *s)
{
    pci_set_intx(&s->pci, (E1000_REG(s, E_ICR) & E1000_REG(s, E_IMS)) != 0);
}

void e1000_raise(E1000 *s, uint32_t causes)
{
    E1000_REG(s, E_ICR) |= causes | (s->model->gather ? s->model->gather(s, causes) : 0);
    s->model->update_irq(s);
}

uint32_t e1000_take_causes(E1000 *s)
{
    uint32_t causes = E1000_REG(s, E_ICR);
    E1000_REG(s, E_ICR) = 0;
    s->model->update_irq(s);
    return causes;
}

static uint32_t read_icr(E1000 *s, unsigned reg)
{
    return e1000_take_causes(s);
}

void e1000_write_icr(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, E_ICR) &= ~value;
    s->model->update_irq(s);
}

void e1000_write_ics(E1000 *s, unsigned reg, uint32_t value)
{
    e1000_raise(s, value);
}

void e1000_write_ims(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, E_IMS) |= value;
    s->model->update_irq(s);
}

static void write_imc(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, E_IMS) &= ~value;
    s->model->update_irq(s);
}

/* ---- Control ---- */

static void reset_registers(E1000 *s)
{
    memset(s->regs, 0, sizeof(s->regs));
    E1000_REG(s, E_STATUS) = STATUS_VALUE;
    E1000_REG(s, E_PBA) = PBA_VALUE;
    E1000_REG(s, E_VET) = VLAN_TYPE;
    E1000_REG(s, E_RA) = pci_get32(s->mac, 0);
    E1000_REG(s, E_RA + 4) = pci_get16(s->mac, 4) | RA_VALID;
    e1000_eeprom_reset(s);
    e1000_transmit_reset(s);
    memset(&s->context, 0, sizeof(s->context));
    s->signalled = 0;
    timer_cancel(&s->go_on);
}

static void write_ctrl(E1000 *s, unsigned reg, uint32_t value)
{
    if (value & CTRL_RESET) {
        reset_registers(s);
        s->model->update_irq(s);
        return;
    }
    if (value & CTRL_PHY_RESET) {
        e1000_phy_reset(s);
        e1000_raise(s, IRQ_LSC);
    }
    E1000_REG(s, E_CTRL) = value & ~CTRL_PHY_RESET;
    E1000_REG(s, E_STATUS) =
        STATUS_VALUE & ~(value & CTRL_MASTER_DISABLE ? STATUS_MASTER_ENABLE : 0);
    if (s->peer && (value & CTRL_SET_LINK_UP)) {
        E1000_REG(s, E_STATUS) |= STATUS_LINK_UP;
    }
}

static uint32_t read_eecd(E1000 *s, unsigned reg)
{
    return e1000_eecd_read(s);
}

static void write_eecd(E1000 *s, unsigned reg, uint32_t value)
{
    e1000_eecd_write(s, value);
}

static void write_eerd(E1000 *s, unsigned reg, uint32_t value)
{
    e1000_eerd_write(s, value, 8, 0x10);
}

static void write_mdic(E1000 *s, unsigned reg, uint32_t value)
{
    e1000_mdic_write(s, value);
}

/* There may be buffers now. */
static void write_receive(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, reg) = value;
    if (s->peer && s->peer->ops->can_receive_again) {
        s->peer->ops->can_receive_again(s->peer);
    }
}

static void write_send(E1000 *s, unsigned reg, uint32_t value)
{
    E1000_REG(s, reg) = value;
    e1000_transmit(s);
}

static void go_on(void *opaque)
{
    e1000_transmit(opaque);
}

static uint32_t read_and_clear(E1000 *s, unsigned reg)
{
    uint32_t value = E1000_REG(s, reg);
    E1000_REG(s, reg) = 0;
    return value;
}

/* ---- The table ---- */

static const E1000Rule rules[] = {
    {E_CTRL, E_CTRL, UINT32_MAX, NULL, write_ctrl},
    {E_STATUS, E_STATUS, 0, NULL, NULL},
    {E_EECD, E_EECD, UINT32_MAX, read_eecd, write_eecd},
    {E_EERD, E_EERD, UINT32_MAX, NULL, write_eerd},
    {E_CTRL_EXT, E_CTRL_EXT, UINT32_MAX, NULL, NULL},
    {E_MDIC, E_MDIC, UINT32_MAX, NULL, write_mdic},
    {E_FCAL, E_FCT, UINT32_MAX, NULL, NULL},
    {E_VET, E_VET, 0xffff, NULL, NULL},
    {E_ICR, E_ICR, UINT32_MAX, read_icr, e1000_write_icr},
    {E_ITR, E_ITR, 0xffff, NULL, NULL},
    {E_ICS, E_ICS, 0x1ffff, NULL, e1000_write_ics},
    {E_IMS, E_IMS, 0x1ffff, NULL, e1000_write_ims},
    {E_IMC, E_IMC, UINT32_MAX, NULL, write_imc},
    {E_RCTL, E_RCTL, UINT32_MAX, NULL, write_receive},
    {E_FCTTV, E_FCTTV, 0xffff, NULL, NULL},
    {E_TXCW, E_TXCW, UINT32_MAX, NULL, NULL},
    {E_TCTL, E_TCTL, UINT32_MAX, NULL, write_send},
    {E_TIPG, E_TIPG, UINT32_MAX, NULL, NULL},
    {E_AIT, E_AIT, UINT32_MAX, NULL, NULL},
    {E_LEDCTL, E_LEDCTL, UINT32_MAX, NULL, NULL},
    {E_PBA, E_PBA, 0xffff, NULL, NULL},
    {E_FCRTL, E_FCRTH, UINT32_MAX, NULL, NULL},
    {E_RDBAL, E_RDBAL, ~15u, NULL, NULL},
    {E_RDBAH, E_RDBAH, UINT32_MAX, NULL, NULL},
    {E_RDLEN, E_RDLEN, 0xfff80, NULL, NULL},
    {E_RDH, E_RDH, 0xffff, NULL, NULL},
    {E_RDT, E_RDT, 0xffff, NULL, write_receive},
    {E_RDTR, E_RXDCTL, UINT32_MAX, NULL, NULL},
    {E_RADV, E_RADV, 0xffff, NULL, NULL},
    {E_RSRPD, E_RSRPD, 0xfff, NULL, NULL},
    {E_TDBAL, E_TDBAL, ~15u, NULL, NULL},
    {E_TDBAH, E_TDBAH, UINT32_MAX, NULL, NULL},
    {E_TDLEN, E_TDLEN, 0xfff80, NULL, NULL},
    {E_TDH, E_TDH, 0xffff, NULL, NULL},
    {E_TDT, E_TDT, 0xffff, NULL, write_send},
    {E_TIDV, E_TSPMT, UINT32_MAX, NULL, NULL},
    {E_STATS, E_STATS_LAST, 0, read_and_clear, NULL},
    {E_RXCSUM, E_RXCSUM, 0x7ff, NULL, NULL},
    {E_MTA, E_MTA + 0x1fc, UINT32_MAX, NULL, NULL},
    {E_RA, E_RA + 0x7c, UINT32_MAX, NULL, NULL},
    {E_VFTA, E_VFTA + 0x1fc, UINT32_MAX, NULL, NULL},
    {E_WUC, E_WUC, UINT32_MAX, NULL, NULL},
    {E_WUFC, E_WUFC, UINT32_MAX, NULL, NULL},
    {E_MANC, E_MANC, UINT32_MAX, NULL, NULL},
    {E_IPAV, E_IPAV, UINT32_MAX, NULL, NULL},
};

static const E1000Rule *find_rule_in(const E1000Rule *table, size_t n, unsigned reg)
{
    for (size_t i = 0; i < n; i++) {
        if (reg >= table[i].first && reg <= table[i].last) {
            return &table[i];
        }
    }
    return NULL;
}

static const E1000Rule *find_rule(const E1000 *s, unsigned reg)
{
    const E1000Rule *own = find_rule_in(s->model->rules, s->model->nrules, reg);
    return own ? own : find_rule_in(rules, ARRAY_SIZE(rules), reg);
}

/* The place of the register at @offset in the array. */
static unsigned place(const E1000 *s, uint64_t offset)
{
    bool clock =
        s->model->extended && offset >= E_CLOCK_AT && offset - E_CLOCK_AT <= E_CLOCK_LAST - E_CLOCK;
    return clock ? offset - E_CLOCK_AT + E_CLOCK : offset < E_CLOCK ? offset : E1000_REGS_SIZE;
}

static uint64_t mem_read(void *opaque, uint64_t offset, unsigned size)
{
    E1000 *s = opaque;
    unsigned reg = place(s, offset);
    const E1000Rule *rule = find_rule(s, reg);
    if (!rule || reg == E_ICS || reg == E_IMC) { /* these are write-only */
        return 0;
    }
    return rule->read ? rule->read(s, reg) : E1000_REG(s, reg);
}

static void mem_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    E1000 *s = opaque;
    unsigned reg = place(s, offset);
    const E1000Rule *rule = find_rule(s, reg);
    if (!rule || !rule->wmask) {
        log_guest_error("e1000: write to register 0x%05" PRIx64 "\n", offset);
        return;
    }
    uint32_t *kept = &E1000_REG(s, reg), masked = value & rule->wmask;
    if (rule->write) {
        rule->write(s, reg, masked);
    } else {
        *kept = (*kept & ~rule->wmask) | masked;
    }
}

/* The same registers through two ports, by which drivers reset the card. */
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    E1000 *s = opaque;
    switch (offset) {
    case PORT_ADDRESS: return s->io_address;
    case PORT_DATA: return mem_read(s, s->io_address, 4);
    default: return 0;
    }
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    E1000 *s = opaque;
    if (offset == PORT_ADDRESS) {
        s->io_address = value & (MEMORY_SIZE - 4);
    } else if (offset == PORT_DATA) {
        mem_write(s, s->io_address, value, 4);
    }
}

static const MmioOps mem_ops = {mem_read, mem_write, 4, 4, false};
static const MmioOps port_ops = {port_read, port_write, 4, 4, false};

/* ---- The device ---- */

static void e1000_reset(PciDevice *pci)
{
    E1000 *s = container_of(pci, E1000, pci);
    reset_registers(s);
    e1000_phy_reset(s);
    s->io_address = 0;
}

static bool e1000_post_load(void *opaque, GError **error)
{
    E1000 *s = opaque;
    if (s->tx_len > sizeof(s->tx_data) || s->ee_bits_in > 9 || s->ee_bits_out > 16 ||
        s->io_address >= MEMORY_SIZE || s->io_address % 4) {
        return error_set(error, "e1000: impossible state");
    }
    timer_arm(&s->go_on, clock_now(s->pci.dev.machine->clock));
    s->model->update_irq(s);
    return true;
}

static const VmField context_fields[] = {
    VM_FIELD_U8(E1000Context, ip_start),   VM_FIELD_U8(E1000Context, ip_offset),
    VM_FIELD_U8(E1000Context, tcp_start),  VM_FIELD_U8(E1000Context, tcp_offset),
    VM_FIELD_U8(E1000Context, header_len), VM_FIELD_U8(E1000Context, command),
    VM_FIELD_U16(E1000Context, ip_end),    VM_FIELD_U16(E1000Context, tcp_end),
    VM_FIELD_U16(E1000Context, mss),       VM_FIELD_END(),
};

static const VmDesc context_vmstate = {"e1000-context", context_fields, NULL, NULL};

static const VmField e1000_fields[] = {
    VM_FIELD_STRUCT(E1000, pci, &pci_vmstate),
    VM_FIELD_U32(E1000, io_address),
    VM_ARRAY_U32(E1000, regs),
    VM_FIELD_STRUCT(E1000, context, &context_vmstate),
    VM_FIELD_U32(E1000, tx_len),
    VM_FIELD_BOOL(E1000, tx_too_long),
    VM_FIELD_BOOL(E1000, tx_segment),
    VM_FIELD_U8(E1000, tx_options),
    VM_ARRAY_U8(E1000, tx_data),
    VM_FIELD_U16(E1000, ee_in),
    VM_FIELD_U16(E1000, ee_out),
    VM_FIELD_U8(E1000, ee_bits_in),
    VM_FIELD_U8(E1000, ee_bits_out),
    VM_FIELD_U8(E1000, ee_address),
    VM_FIELD_BOOL(E1000, ee_data_out),
    VM_ARRAY_U16(E1000, phy),
    VM_FIELD_U32(E1000, signalled),
    VM_FIELD_END(),
};

static const VmDesc e1000_vmstate = {"e1000", e1000_fields, NULL, e1000_post_load};

static void e1000_finalize(Device *dev)
{
    E1000 *s = container_of(dev, E1000, pci.dev);
    timer_cancel(&s->go_on);
    if (s->peer) {
        s->peer->receive = NULL;
        s->peer->opaque = NULL;
    }
    pci_device_finalize(dev);
}

#define OPS(card)                           \
    {                                       \
        .device =                           \
            {                               \
                .name = card,               \
                .reset = pci_device_reset,  \
                .vmstate = &e1000_vmstate,  \
                .finalize = e1000_finalize, \
            },                              \
        .reset = e1000_reset,               \
    }

static const PciOps e1000_ops = OPS("e1000"), e1000e_ops = OPS("e1000e");

static const E1000Model model_82540em = {
    .ids =
        {
            .vendor = 0x8086,
            .device = 0x100e,
            .subsystem_vendor = 0x1af4,
            .subsystem = 0x1100,
            .revision = 3,
            .class_code = 0x020000,
        },
    .phy_id2 = 0x0c20,
    .update_irq = update_pin,
};

static E1000 *make(PciBus *bus, uint8_t devfn, const char *id, const E1000Model *model,
                   Netdev *peer, const uint8_t *mac)
{
    const PciOps *ops = model->extended ? &e1000e_ops : &e1000_ops;
    E1000 *s = pci_device_new(bus, devfn, ops, sizeof(*s), id, &model->ids, true);
    s->model = model;
    s->peer = peer;
    if (peer) {
        peer->receive = e1000_receive;
        peer->opaque = s;
    }
    memcpy(s->mac, mac, NET_ADDR_LEN);
    timer_init(&s->go_on, bus->machine->clock, go_on, s);
    pci_add_bar(&s->pci, 0, PCI_BAR_MEM32, MEMORY_SIZE, &mem_ops, s);
    pci_add_bar(&s->pci, model->extended ? 2 : 1, PCI_BAR_IO, PORTS_SIZE, &port_ops, s);
    if (model->extended) {
        pci_add_msix(&s->pci, MSIX_VECTORS, MSIX_BAR);
        pci_add_msi(&s->pci);
    }
    e1000_eeprom_init(s);
    pci_device_ready(&s->pci);
    return s;
}

static bool create(Machine *machine, const E1000Model *model, Options *opts, GError **error)
{
    const char *id = options_get(opts, "id", NULL), *netdev = options_get(opts, "netdev", NULL);
    uint8_t mac[NET_ADDR_LEN], devfn;
    Netdev *peer = NULL;
    PciBus *bus;
    options_mark_used(opts, "romfile"); /* no option ROMs */
    if (!pci_parse_address(machine, opts, &bus, &devfn, error) ||
        !device_check_id(machine, id, error) || !net_card_address(machine, opts, mac, error)) {
        return false;
    }
    if (netdev && !(peer = netdev_take(machine, netdev, error))) {
        return false;
    }
    E1000 *s = make(bus, devfn, id, model, peer, mac);
    net_card_add(&s->pci.dev, opts, s->mac, peer);
    return boot_order_add(&s->pci, "ethernet-phy@0", opts, error);
}

static bool create_e1000(Machine *machine, Options *opts, GError **error)
{
    return create(machine, &model_82540em, opts, error);
}

static bool create_e1000e(Machine *machine, Options *opts, GError **error)
{
    return create(machine, &e1000e_model, opts, error);
}

const HwDeviceType e1000_device_types[] = {
    {"e1000", "PCI", "Intel gigabit network card", create_e1000},
    {"e1000-82540em", "PCI", "network card, same as e1000", create_e1000},
    {"e1000e", "PCI", "Intel gigabit network card with MSI-X", create_e1000e},
    {NULL, NULL, NULL, NULL},
};
