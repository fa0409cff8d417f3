/*
 * AHCI: the SATA controller of the ICH9. Serial ATA AHCI 1.3.1; FIS layouts: Serial ATA 3.1 section 10.5.
 *
 * Six ports with one drive each. A command is read from guest memory at once, with all bounds checked, and its
 * data goes through a buffer of the host's, so that nothing the guest changes meanwhile matters. Queued (NCQ)
 * commands run side by side, others one by one. What comes back after the guest has stopped or reset the port
 * belongs to an earlier epoch and is dropped. Locking: the machine lock.
 */
#include "hw/ide/ahci-internal.h"
#include "hw/block/drive.h"
#include "hw/boot-order.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <string.h>

#define VENDOR_INTEL 0x8086
#define DEVICE_AHCI 0x2922
#define CLASS_AHCI 0x010601
#define ABAR 5
#define ABAR_SIZE 4096
#define SLOTS 32

/* Global registers. */
enum {
    REG_CAP = 0x00,
    REG_GHC = 0x04,
    REG_IS = 0x08,
    REG_PI = 0x0c,
    REG_VS = 0x10,
    REG_PORTS = 0x100
};
#define PORT_STRIDE 0x80
#define GHC_RESET (1u << 0)
#define GHC_IRQ (1u << 1)
#define GHC_AHCI (1u << 31)
/* 64-bit addresses, queueing, AHCI only, generation 1 speed, command slots and ports less one. */
#define CAP_VALUE (1u << 31 | 1u << 30 | 1u << 18 | 1u << 20 | (SLOTS - 1) << 8 | (AHCI_PORTS - 1))
#define VERSION 0x00010300u

enum {
    PORT_CLB = 0x00,
    PORT_CLBU = 0x04,
    PORT_FB = 0x08,
    PORT_FBU = 0x0c,
    PORT_IS = 0x10,
    PORT_IE = 0x14,
    PORT_CMD = 0x18,
    PORT_TFD = 0x20,
    PORT_SIG = 0x24,
    PORT_SSTS = 0x28,
    PORT_SCTL = 0x2c,
    PORT_SERR = 0x30,
    PORT_SACT = 0x34,
    PORT_CI = 0x38,
};
#define CMD_START (1u << 0)
#define CMD_SPIN_UP (1u << 1)
#define CMD_POWER (1u << 2)
#define CMD_OVERRIDE (1u << 3)
#define CMD_FIS (1u << 4)
#define CMD_FIS_RUNNING (1u << 14)
#define CMD_RUNNING (1u << 15)
#define CMD_ATAPI (1u << 24)
#define CMD_WRITABLE (CMD_START | CMD_SPIN_UP | CMD_POWER | CMD_FIS | CMD_ATAPI)

#define IS_D2H (1u << 0)
#define IS_PIO (1u << 1)
#define IS_SDB (1u << 3)
#define IS_CONNECT (1u << 6)
#define IS_HOST_FATAL (1u << 29)
#define IS_TASK_FILE (1u << 30)
#define SSTS_PRESENT 0x113u
#define SIG_DISK 0x00000101u
#define SIG_CDROM 0xeb140101u
#define SERR_CONNECT (1u << 26)

/* Where received FISes go, and their types. */
enum { RFIS_PIO = 0x20, RFIS_D2H = 0x40, RFIS_SDB = 0x58 };
enum { FIS_COMMAND = 0x27, FIS_D2H = 0x34, FIS_PIO = 0x5f, FIS_SDB = 0xa1 };

struct Ahci {
    PciDevice pci;
    uint32_t ghc, is;
    AhciPort ports[AHCI_PORTS];
};

#define R(port, reg) ((port)->regs[(reg) / 4])

static AddressSpace *dma(AhciPort *p)
{
    return &p->ahci->pci.dma;
}

/* ---- Interrupts and FISes to the guest ---- */

static void ahci_update_irq(Ahci *s)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (R(&s->ports[i], PORT_IS) & R(&s->ports[i], PORT_IE)) {
            s->is |= 1u << i;
        }
    }
    pci_set_intx(&s->pci, s->is && (s->ghc & GHC_IRQ));
}

static void raise_port(AhciPort *p, uint32_t bits)
{
    R(p, PORT_IS) |= bits;
    ahci_update_irq(p->ahci);
}

static void receive_fis(AhciPort *p, unsigned at, const uint8_t *fis, unsigned len)
{
    uint64_t base = (uint64_t)R(p, PORT_FBU) << 32 | R(p, PORT_FB);
    if ((R(p, PORT_CMD) & CMD_FIS) && dma_write(dma(p), base + at, fis, len) != MEM_OK) {
        raise_port(p, IS_HOST_FATAL);
    }
}

static void set_status(AhciPort *p, uint8_t status, uint8_t error)
{
    R(p, PORT_TFD) = (uint32_t)error << 8 | status;
}

/* Status, error and, from the command's FIS or as it has answered, address and count. */
static void fill_fis(uint8_t *fis, uint8_t type, const AhciCommand *c, uint8_t status,
                     uint8_t error)
{
    fis[0] = type;
    fis[1] = 0x40; /* interrupt */
    fis[2] = status;
    fis[3] = error;
    if (c->has_answer) {
        memcpy(fis + 4, c->answer, sizeof(c->answer));
    } else {
        memcpy(fis + 4, c->fis + 4, 7);
        fis[12] = c->fis[12];
        fis[13] = c->fis[13];
    }
}

static void send_d2h(AhciCommand *c, uint8_t status, uint8_t error)
{
    uint8_t fis[20] = {0};
    fill_fis(fis, FIS_D2H, c, status, error);
    receive_fis(c->port, RFIS_D2H, fis, sizeof(fis));
}

static void send_pio_setup(AhciCommand *c, uint8_t status, uint8_t error)
{
    uint8_t fis[20] = {0};
    fill_fis(fis, FIS_PIO, c, status, error);
    fis[1] |= c->to_device ? 0 : 0x20;
    fis[15] = status;
    fis[16] = c->len;
    fis[17] = c->len >> 8;
    receive_fis(c->port, RFIS_PIO, fis, sizeof(fis));
}

/* After a reset the drive says what it is. */
static void send_signature(AhciPort *p)
{
    uint32_t sig = p->cdrom ? SIG_CDROM : SIG_DISK;
    uint8_t fis[20] = {FIS_D2H, 0, p->cdrom ? 0 : ATA_READY | ATA_SEEK, 1};
    fis[4] = sig >> 8;
    fis[5] = sig >> 16;
    fis[6] = sig >> 24;
    fis[12] = sig;
    R(p, PORT_SIG) = sig;
    set_status(p, fis[2], fis[3]);
    receive_fis(p, RFIS_D2H, fis, sizeof(fis));
}

/* ---- Data ---- */

static bool copy_data(AhciCommand *c, bool to_guest)
{
    uint32_t done = 0;
    for (unsigned i = 0; i < c->entries && done < c->len; i++) {
        uint8_t entry[16];
        uint64_t addr;
        uint32_t count;
        if (dma_read(dma(c->port), c->table + 0x80 + 16 * i, entry, sizeof(entry)) != MEM_OK) {
            return false;
        }
        memcpy(&addr, entry, 8);
        memcpy(&count, entry + 12, 4);
        count = MIN((count & 0x3fffff) + 1, c->len - done);
        MemResult result = to_guest ? dma_write(dma(c->port), addr, c->data + done, count)
                                    : dma_read(dma(c->port), addr, c->data + done, count);
        if (result != MEM_OK) {
            return false;
        }
        done += count;
    }
    c->len = done;
    return true;
}

/* Bytes that the PRD table has room for. */
static bool measure_room(AhciCommand *c)
{
    uint64_t room = 0;
    for (unsigned i = 0; i < c->entries; i++) {
        uint64_t count;
        if (dma_read_le(dma(c->port), c->table + 0x80 + 16 * i + 12, &count, 4) != MEM_OK) {
            return false;
        }
        room += (count & 0x3fffff) + 1;
    }
    c->room = MIN(room, ATA_MAX_TRANSFER);
    return true;
}

bool ahci_need_data(AhciCommand *c, uint32_t len)
{
    if (len > ATA_MAX_TRANSFER || len > c->room) {
        return false;
    }
    c->len = len;
    c->data = g_malloc0(MAX(len, 1));
    return true;
}

bool ahci_fetch_data(AhciCommand *c)
{
    return copy_data(c, false);
}

/* ---- Commands ---- */

static void start_commands(AhciPort *p);

static void free_command(AhciCommand *c)
{
    g_free(c->data);
    g_free(c);
}

bool ahci_is_stale(AhciCommand *c)
{
    if (c->epoch == c->port->epoch) {
        return false;
    }
    free_command(c);
    return true;
}

/* Tells of a queued command's end. */
static void finish_queued(AhciCommand *c, uint8_t status, uint8_t error)
{
    AhciPort *p = c->port;
    uint32_t bit = 1u << c->slot, done = error ? 0 : bit;
    uint8_t fis[8] = {FIS_SDB, 0x40, status & 0x77, error};
    memcpy(fis + 4, &done, sizeof(done));
    R(p, PORT_SACT) &= ~done;
    set_status(p, status, error);
    receive_fis(p, RFIS_SDB, fis, sizeof(fis));
    raise_port(p, IS_SDB | (error ? IS_TASK_FILE : 0));
}

static void finish_plain(AhciCommand *c, uint8_t status, uint8_t error)
{
    AhciPort *p = c->port;
    uint32_t bit = 1u << c->slot;
    set_status(p, status, error);
    if (!error) {
        R(p, PORT_CI) &= ~bit;
    }
    if (c->pio && !error) {
        send_pio_setup(c, status, error);
        raise_port(p, IS_PIO);
    } else {
        send_d2h(c, status, error);
        raise_port(p, IS_D2H | (error ? IS_TASK_FILE : 0));
    }
}

void ahci_complete(AhciCommand *c, uint8_t status, uint8_t error)
{
    AhciPort *p = c->port;
    bool to_guest = !c->to_device && c->data && !error;
    if (ahci_is_stale(c)) {
        return;
    }
    p->running &= ~(1u << c->slot);
    if (to_guest && !copy_data(c, true)) {
        raise_port(p, IS_HOST_FATAL);
        p->failed = true;
        free_command(c);
        return;
    }
    uint32_t transferred = error ? 0 : c->len;
    dma_write_le(dma(p), c->header + 4, transferred, 4);
    p->failed = p->failed || error;
    if (c->ncq) {
        finish_queued(c, status, error);
    } else {
        finish_plain(c, status, error);
    }
    free_command(c);
    start_commands(p);
}

/* Reads the command in @slot; NULL: not from guest memory, or there is nothing that makes sense. */
static AhciCommand *read_command(AhciPort *p, unsigned slot)
{
    AhciCommand *c = g_new0(AhciCommand, 1);
    uint64_t base = (uint64_t)R(p, PORT_CLBU) << 32 | R(p, PORT_CLB);
    uint8_t header[32];
    uint16_t flags;
    c->port = p;
    c->epoch = p->epoch;
    c->slot = slot;
    c->header = base + 32 * slot;
    if (dma_read(dma(p), c->header, header, sizeof(header)) == MEM_OK) {
        memcpy(&flags, header, 2);
        memcpy(&c->entries, header + 2, 2);
        memcpy(&c->table, header + 8, 8);
        c->table &= ~UINT64_C(0x7f);
        c->atapi = flags & 0x20;
        c->to_device = flags & 0x40;
        if (dma_read(dma(p), c->table, c->fis, sizeof(c->fis)) == MEM_OK &&
            dma_read(dma(p), c->table + 0x40, c->packet, sizeof(c->packet)) == MEM_OK &&
            measure_room(c)) {
            c->ncq = c->fis[0] == FIS_COMMAND && (c->fis[2] == 0x60 || c->fis[2] == 0x61);
            return c;
        }
    }
    g_free(c);
    return NULL;
}

/* A FIS without a command in it: control, that is, a software reset. */
static void control(AhciCommand *c)
{
    AhciPort *p = c->port;
    bool reset = c->fis[15] & 4;
    R(p, PORT_CI) &= ~(1u << c->slot);
    p->running &= ~(1u << c->slot);
    if (reset) {
        set_status(p, ATA_BUSY, 0);
    } else {
        send_signature(p);
        raise_port(p, IS_D2H);
    }
    free_command(c);
}

static void execute(AhciCommand *c)
{
    AhciPort *p = c->port;
    p->running |= 1u << c->slot;
    p->queued = c->ncq;
    R(p, PORT_CMD) = (R(p, PORT_CMD) & ~0x1f00u) | c->slot << 8;
    if (c->fis[0] != FIS_COMMAND) {
        ahci_complete(c, ATA_READY | ATA_ERR, ATA_ABORTED);
    } else if (!(c->fis[1] & 0x80)) {
        control(c);
    } else if (c->ncq) {
        R(p, PORT_CI) &= ~(1u << c->slot); /* accepted; SACT tells the end */
        ata_execute(c);
    } else {
        set_status(p, ATA_BUSY | ATA_READY, 0);
        ata_execute(c);
    }
}

/* Whether the command in a free slot may begin beside those that run. */
static bool may_start(const AhciPort *p, const AhciCommand *c)
{
    return !p->running || (p->queued && c->ncq);
}

static void start_commands(AhciPort *p)
{
    if (p->starting) {
        return;
    }
    p->starting = true;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint32_t bit = 1u << slot;
        if (!(R(p, PORT_CMD) & CMD_START) || p->failed || !p->drive) {
            break;
        }
        if (!(R(p, PORT_CI) & bit) || (p->running & bit)) {
            continue;
        }
        AhciCommand *c = read_command(p, slot);
        if (!c) {
            log_guest_error("ahci: port %u: slot %u is not in RAM", p->n, slot);
            p->failed = true;
            raise_port(p, IS_HOST_FATAL);
        } else if (may_start(p, c)) {
            execute(c);
        } else {
            free_command(c);
            break;
        }
    }
    p->starting = false;
}

/* ---- Port registers ---- */

/* Whatever runs will find nobody waiting. */
static void give_up(AhciPort *p)
{
    p->epoch++;
    p->running = 0;
    p->failed = false;
    R(p, PORT_CI) = R(p, PORT_SACT) = 0;
}

static void connect_port(AhciPort *p)
{
    give_up(p);
    if (!p->drive) {
        R(p, PORT_SSTS) = 0;
        R(p, PORT_SIG) = UINT32_MAX;
        set_status(p, 0x7f, 0);
        return;
    }
    R(p, PORT_SSTS) = SSTS_PRESENT;
    R(p, PORT_SERR) |= SERR_CONNECT;
    send_signature(p);
    raise_port(p, IS_CONNECT | IS_D2H);
}

static void write_cmd(AhciPort *p, uint32_t value)
{
    uint32_t old = R(p, PORT_CMD), now = (old & ~CMD_WRITABLE) | (value & CMD_WRITABLE);
    now &= ~(CMD_RUNNING | CMD_FIS_RUNNING);
    now |= (now & CMD_START ? CMD_RUNNING : 0) | (now & CMD_FIS ? CMD_FIS_RUNNING : 0);
    R(p, PORT_CMD) = now;
    if (value & CMD_OVERRIDE) {
        R(p, PORT_TFD) &= ~(uint32_t)(ATA_BUSY | ATA_DRQ);
    }
    if ((old & CMD_START) && !(now & CMD_START)) {
        give_up(p);
        R(p, PORT_CMD) &= ~0x1f00u;
    }
    if (!(old & CMD_FIS) && (now & CMD_FIS) && p->drive) {
        send_signature(p);
    }
    start_commands(p);
}

static void port_write(AhciPort *p, unsigned reg, uint32_t value)
{
    uint32_t old = R(p, reg);
    switch (reg) {
    case PORT_CLB: R(p, reg) = value & ~0x3ffu; break;
    case PORT_FB: R(p, reg) = value & ~0xffu; break;
    case PORT_CLBU:
    case PORT_FBU: R(p, reg) = value; break;
    case PORT_IS:
    case PORT_SERR: R(p, reg) = old & ~value; break;
    case PORT_IE: R(p, reg) = value & 0xfdc000ff; break;
    case PORT_CMD: write_cmd(p, value); break;
    case PORT_SCTL:
        R(p, reg) = value & 0xfff;
        if ((old & 15) == 1 && !(value & 15)) {
            connect_port(p);
        }
        break;
    case PORT_SACT: R(p, reg) |= R(p, PORT_CMD) & CMD_START ? value : 0; break;
    case PORT_CI:
        R(p, reg) |= R(p, PORT_CMD) & CMD_START ? value : 0;
        start_commands(p);
        break;
    default: break;
    }
    ahci_update_irq(p->ahci);
}

/* ---- Global registers ---- */

static void reset_port(AhciPort *p)
{
    give_up(p);
    memset(p->regs, 0, sizeof(p->regs));
    R(p, PORT_CMD) = CMD_SPIN_UP | CMD_POWER;
    p->multiple = 16;
    p->sense_key = p->sense_code = 0;
    p->write_cache_off = false;
    connect_port(p);
    R(p, PORT_IS) = 0;
}

static void reset_controller(Ahci *s)
{
    s->ghc = GHC_AHCI;
    s->is = 0;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        reset_port(&s->ports[i]);
    }
    ahci_update_irq(s);
}

static uint64_t abar_read(void *opaque, uint64_t offset, unsigned size)
{
    Ahci *s = opaque;
    unsigned port = (offset - REG_PORTS) / PORT_STRIDE, reg = offset % PORT_STRIDE;
    if (offset >= REG_PORTS) {
        return port < AHCI_PORTS && reg < sizeof(s->ports[0].regs) ? R(&s->ports[port], reg) : 0;
    }
    switch (offset) {
    case REG_CAP: return CAP_VALUE;
    case REG_GHC: return s->ghc;
    case REG_IS: return s->is;
    case REG_PI: return (1u << AHCI_PORTS) - 1;
    case REG_VS: return VERSION;
    default: return 0;
    }
}

static void abar_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ahci *s = opaque;
    unsigned port = (offset - REG_PORTS) / PORT_STRIDE, reg = offset % PORT_STRIDE;
    if (offset >= REG_PORTS) {
        if (port < AHCI_PORTS && reg < sizeof(s->ports[0].regs)) {
            port_write(&s->ports[port], reg, value);
        }
        return;
    }
    switch (offset) {
    case REG_GHC:
        if (value & GHC_RESET) {
            reset_controller(s);
        } else {
            s->ghc = (value & GHC_IRQ) | GHC_AHCI;
        }
        break;
    case REG_IS: s->is &= ~value; break;
    default: break;
    }
    ahci_update_irq(s);
}

/* ---- The device ---- */

static void ahci_reset(PciDevice *pci)
{
    reset_controller(container_of(pci, Ahci, pci));
}

static void ahci_pre_save(void *opaque)
{
    Ahci *s = opaque;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (s->ports[i].blk) {
            blockdev_drain(s->ports[i].blk);
        }
    }
}

static bool ahci_post_load(void *opaque, GError **error)
{
    Ahci *s = opaque;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        AhciPort *p = &s->ports[i];
        p->epoch++;
        p->running = 0;
        start_commands(p);
    }
    ahci_update_irq(s);
    return true;
}

static const VmField port_fields[] = {
    VM_ARRAY_U32(AhciPort, regs),
    VM_FIELD_BOOL(AhciPort, failed),
    VM_FIELD_U8(AhciPort, multiple),
    VM_FIELD_U8(AhciPort, sense_key),
    VM_FIELD_U8(AhciPort, sense_code),
    VM_FIELD_BOOL(AhciPort, write_cache_off),
    VM_FIELD_END(),
};

static const VmDesc port_vmstate = {"port", port_fields, NULL, NULL};

static const VmField ahci_fields[] = {
    VM_FIELD_STRUCT(Ahci, pci, &pci_vmstate),    VM_FIELD_U32(Ahci, ghc), VM_FIELD_U32(Ahci, is),
    VM_ARRAY_STRUCT(Ahci, ports, &port_vmstate), VM_FIELD_END(),
};

static const VmDesc ahci_vmstate = {"ahci", ahci_fields, ahci_pre_save, ahci_post_load};

static void ahci_finalize(Device *dev)
{
    Ahci *s = container_of(dev, Ahci, pci.dev);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        s->ports[i].epoch++;
        if (s->ports[i].blk) {
            blockdev_drain(s->ports[i].blk);
        }
    }
    pci_device_finalize(dev);
}

static const PciOps ahci_ops = {
    .device =
        {
            .name = "ich9-ahci",
            .reset = pci_device_reset,
            .vmstate = &ahci_vmstate,
            .finalize = ahci_finalize,
        },
    .reset = ahci_reset,
};

/* ---- Drives ---- */

/* Connects @blk (NULL: a drive without medium), as device @id. */
static bool attach(AhciPort *p, BlockDev *blk, bool cdrom, const char *serial, const char *id,
                   GError **error)
{
    static const DeviceOps hd_ops = {.name = "ide-hd"}, cd_ops = {.name = "ide-cd"};
    Machine *machine = p->ahci->pci.dev.machine;
    if (!device_check_id(machine, id, error) ||
        (blk && !blockdev_attach(blk, id ? id : p->bus->name, error))) {
        return false;
    }
    Device *dev = device_new(machine, cdrom ? &cd_ops : &hd_ops, sizeof(*dev), id);
    dev->bus = p->bus;
    if (blk) {
        dev->given = options_parse("-drive", "", NULL, NULL);
        options_add(dev->given, "drive", blockdev_id(blk));
    }
    p->blk = blk;
    p->drive = true;
    p->cdrom = cdrom;
    if (serial) {
        g_strlcpy(p->serial, serial, sizeof(p->serial));
    } else {
        g_snprintf(p->serial, sizeof(p->serial), "AM%05u", p->n + 1);
    }
    return true;
}

static bool attach_drives(Ahci *s, GError **error)
{
    Machine *machine = s->pci.dev.machine;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        GError *failed = NULL;
        BlockDev *blk = drive_by_unit(machine, "ide", i, &failed);
        if (failed) {
            g_propagate_error(error, failed);
            return false;
        }
        if (blk && !attach(&s->ports[i], blk, drive_is_cdrom(machine, blockdev_id(blk)),
                           drive_serial(machine, blockdev_id(blk)), NULL, error)) {
            return false;
        }
    }
    return true;
}

/* Ports of controllers that the user gave no name: their numbers go on from one to the next. */
static unsigned count_unnamed_ports(Machine *machine)
{
    unsigned n = 0;
    for (unsigned i = 0; i < machine->devices->len; i++) {
        const Device *dev = machine->devices->pdata[i];
        n += dev->ops == &ahci_ops.device && !device_is_named(dev) ? AHCI_PORTS : 0;
    }
    return n;
}

/* A port is a bus of its own: ide.@number, or ID.n of a controller that has an @id. */
static void make_bus(AhciPort *p, const char *id, unsigned number)
{
    static const DeviceBusType type = {"IDE", NULL};
    char *name = id ? g_strdup_printf("%s.%u", id, p->n) : g_strdup_printf("ide.%u", number);
    p->bus = device_bus_new(&p->ahci->pci.dev, &type, name);
    g_free(name);
}

bool ahci_new(PciBus *bus, uint8_t devfn, const char *id, bool with_drives, GError **error)
{
    static const PciIds ids = {
        .vendor = VENDOR_INTEL,
        .device = DEVICE_AHCI,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .revision = 2,
        .class_code = CLASS_AHCI,
    };
    static const MmioOps ops = {abar_read, abar_write, 4, 4, false};
    blockdev_init(bus->machine);
    unsigned first = count_unnamed_ports(bus->machine);
    Ahci *s = pci_device_new(bus, devfn, &ahci_ops, sizeof(*s), id, &ids, true);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        s->ports[i].ahci = s;
        s->ports[i].n = i;
        make_bus(&s->ports[i], id, first + i);
    }
    pci_add_bar(&s->pci, ABAR, PCI_BAR_MEM32, ABAR_SIZE, &ops, s);
    pci_device_ready(&s->pci);
    return !with_drives || attach_drives(s, error);
}

/* ---- -device ---- */

static bool create_ahci(Machine *machine, Options *opts, GError **error)
{
    PciBus *bus;
    uint8_t devfn;
    return pci_parse_address(machine, opts, &bus, &devfn, error) &&
           ahci_new(bus, devfn, options_get(opts, "id", NULL), false, error);
}

/* The port that is @bus (NULL: the first of all controllers) if it is free; NULL with @error. */
static AhciPort *find_port(Machine *machine, const char *bus, GError **error)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);
        if (dev->ops != &ahci_ops.device) {
            continue;
        }
        Ahci *s = container_of(dev, Ahci, pci.dev);
        for (unsigned j = 0; j < AHCI_PORTS; j++) {
            if (!s->ports[j].drive && (!bus || !strcmp(bus, s->ports[j].bus->name))) {
                return &s->ports[j];
            }
        }
    }
    if (bus) {
        error_set(error, "there is no free SATA port '%s'; leave out bus= to take the first", bus);
    } else {
        error_set(error, "there is no free SATA port; add one of -device ahci");
    }
    return NULL;
}

static bool create_drive(Machine *machine, Options *opts, bool cdrom, GError **error)
{
    const char *id = options_get(opts, "drive", NULL), *serial = options_get(opts, "serial", NULL);
    AhciPort *port = find_port(machine, options_get(opts, "bus", NULL), error);
    BlockDev *blk = NULL;
    static const char *const ignored[] = {"unit", "model", "write-cache"};
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
        options_mark_used(opts, ignored[i]);
    }
    if (!port) {
        return false;
    }
    if (!id && !cdrom) {
        return error_set(error, "-device ide-hd needs drive=ID of a -drive with if=none");
    }
    if (id) {
        blk = drive_by_id(machine, id, error);
        if (!blk) {
            return false;
        }
        serial = serial ? serial : drive_serial(machine, id);
    }
    char *path = g_strdup_printf("drive@%x/disk@0", port->n);
    bool ok = attach(port, blk, cdrom, serial, options_get(opts, "id", NULL), error) &&
              boot_order_add(&port->ahci->pci, path, opts, error);
    g_free(path);
    return ok;
}

static bool create_hd(Machine *machine, Options *opts, GError **error)
{
    return create_drive(machine, opts, false, error);
}

static bool create_cd(Machine *machine, Options *opts, GError **error)
{
    return create_drive(machine, opts, true, error);
}

const HwDeviceType ahci_device_types[] = {
    {"ahci", "PCI", "SATA controller", create_ahci},
    {"ich9-ahci", "PCI", "SATA controller, same as ahci", create_ahci},
    {"ide-hd", "IDE", "disk of a SATA controller", create_hd},
    {"ide-cd", "IDE", "CD-ROM drive of a SATA controller", create_cd},
    {NULL, NULL, NULL, NULL},
};
