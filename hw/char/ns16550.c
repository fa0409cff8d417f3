/*
 * 16550A UART. National Semiconductor PC16550D data sheet; section 8 describes the registers.
 *
 * Sending takes no time: a written byte goes to the chardev at once, so that the transmitter is always
 * empty and a guest that polls it never waits. Receiving is flow-controlled: the chardev hands over what
 * the FIFO has room for, hence nothing is lost unless the guest turns the FIFO off. The bit rate matters
 * only for the time-out interrupt of the receive FIFO. In loopback mode the chardev is disconnected.
 * Locking: the machine lock.
 */
#include "hw/char/ns16550.h"
#include "softmmu/base/bits.h"
#include <string.h>

#define FIFO_SIZE 16

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };

/* clang-format off */
enum {
    IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8,
    IIR_MODEM = 0, IIR_NONE = 1, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 12,
    IIR_FIFOS = 0xc0,
    FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_DMA = 8, FCR_TRIGGER = 0xc0,
    LCR_PARITY = 8, LCR_STOP2 = 4, LCR_BREAK = 0x40, LCR_DLAB = 0x80,
    MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16, MCR_ALL = 31,
    LSR_DATA = 1, LSR_OVERRUN = 2, LSR_BREAK = 16, LSR_EMPTY = 0x60, LSR_FIFO_ERROR = 0x80,
    MSR_DELTAS = 15, MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128,
};
/* clang-format on */

typedef struct Ns16550 {
    Device dev;
    IrqLine irq;
    Chardev *chr;
    Timer timeout;
    unsigned clock_hz;

    uint8_t ier, fcr, lcr, mcr, msr, scratch;
    uint8_t overrun; /* LSR_OVERRUN, until LSR is read */
    uint16_t divisor;
    uint8_t rx[FIFO_SIZE];
    uint8_t rx_error[FIFO_SIZE]; /* LSR bits that came with each byte */
    uint8_t rx_head, rx_count;
    bool tx_pending;      /* transmitter-empty interrupt not yet seen by the guest */
    bool timeout_pending; /* receive time-out interrupt */
    uint64_t timeout_ns;  /* saved deadline */
} Ns16550;

static unsigned rx_size(const Ns16550 *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

/* Bytes at which the receive interrupt is raised. */
static unsigned rx_trigger(const Ns16550 *s)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

static uint8_t line_status(const Ns16550 *s)
{
    uint8_t lsr = LSR_EMPTY | s->overrun;
    if (s->rx_count) {
        lsr |= LSR_DATA | s->rx_error[s->rx_head];
    }
    for (unsigned i = 0; i < s->rx_count && (s->fcr & FCR_ENABLE); i++) {
        if (s->rx_error[(s->rx_head + i) % FIFO_SIZE]) {
            lsr |= LSR_FIFO_ERROR;
        }
    }
    return lsr;
}

/* The interrupt to report: the enabled and pending one of the highest priority. */
static uint8_t interrupt_id(const Ns16550 *s)
{
    if ((s->ier & IER_LINE) && (line_status(s) & (LSR_OVERRUN | LSR_BREAK))) {
        return IIR_LINE;
    }
    if ((s->ier & IER_RX) && s->rx_count >= rx_trigger(s)) {
        return IIR_RX;
    }
    if ((s->ier & IER_RX) && s->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_TX) && s->tx_pending) {
        return IIR_TX;
    }
    return (s->ier & IER_MODEM) && (s->msr & MSR_DELTAS) ? IIR_MODEM : IIR_NONE;
}

static void ns16550_update_irq(Ns16550 *s)
{
    irq_set(&s->irq, interrupt_id(s) != IIR_NONE);
}

/* The time-out comes four character times after the last arrival or read, if bytes wait. */
static void restart_timeout(Ns16550 *s)
{
    s->timeout_pending = false;
    if (!(s->fcr & FCR_ENABLE) || !s->rx_count) {
        timer_cancel(&s->timeout);
        return;
    }
    unsigned bits = 1 + 5 + (s->lcr & 3) + !!(s->lcr & LCR_PARITY) + 1 + !!(s->lcr & LCR_STOP2);
    unsigned divisor = MAX(s->divisor, 1);
    int64_t delay = muldiv64(NS_PER_SECOND, 4 * bits * 16 * divisor, s->clock_hz);
    timer_arm(&s->timeout, clock_now(s->dev.machine->clock) + delay);
}

static void timeout_fired(void *opaque)
{
    Ns16550 *s = opaque;
    s->timeout_pending = s->rx_count > 0;
    ns16550_update_irq(s);
}

static void rx_push(Ns16550 *s, uint8_t byte, uint8_t error)
{
    if (s->rx_count == rx_size(s)) {
        s->overrun = LSR_OVERRUN;
        if (s->fcr & FCR_ENABLE) {
            return; /* the FIFO keeps what it has; a single register is overwritten */
        }
        s->rx_count = 0;
    }
    unsigned at = (s->rx_head + s->rx_count++) % FIFO_SIZE;
    s->rx[at] = byte;
    s->rx_error[at] = error;
    restart_timeout(s);
}

static uint8_t rx_pop(Ns16550 *s)
{
    if (!s->rx_count) {
        return 0;
    }
    uint8_t byte = s->rx[s->rx_head];
    s->rx_head = (s->rx_head + 1) % FIFO_SIZE;
    s->rx_count--;
    restart_timeout(s);
    ns16550_update_irq(s);
    if (!(s->mcr & MCR_LOOP) && s->chr) {
        chardev_accept_input(s->chr);
    }
    return byte;
}

static void rx_clear(Ns16550 *s)
{
    s->rx_head = s->rx_count = 0;
    restart_timeout(s);
}

static size_t can_receive(void *opaque)
{
    Ns16550 *s = opaque;
    return s->mcr & MCR_LOOP ? 0 : rx_size(s) - MIN(s->rx_count, rx_size(s));
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    Ns16550 *s = opaque;
    for (size_t i = 0; i < len; i++) {
        rx_push(s, buf[i], 0);
    }
    ns16550_update_irq(s);
}

static void event(void *opaque, CharEvent what)
{
    Ns16550 *s = opaque;
    if (what == CHAR_EVENT_BREAK && !(s->mcr & MCR_LOOP)) {
        rx_push(s, 0, LSR_BREAK);
        ns16550_update_irq(s);
    }
}

/* The chardev goes away. */
static void released(void *opaque)
{
    Ns16550 *s = opaque;
    s->chr = NULL;
}

static const CharHandlers ns16550_handlers = {
    .can_receive = can_receive,
    .receive = receive,
    .event = event,
    .released = released,
};

/* Modem inputs: all present from the chardev; the outputs themselves in loopback. */
static uint8_t modem_inputs(const Ns16550 *s)
{
    if (!(s->mcr & MCR_LOOP)) {
        return MSR_CTS | MSR_DSR | MSR_DCD;
    }
    return (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
           (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void update_modem(Ns16550 *s)
{
    uint8_t now = modem_inputs(s), changed = (s->msr ^ now) & 0xf0;
    /* The ring indicator counts only when it goes away. */
    changed &= ~(now & MSR_RI);
    s->msr = now | (s->msr & MSR_DELTAS) | changed >> 4;
}

static void write_data(Ns16550 *s, uint8_t byte)
{
    s->tx_pending = true;
    if (s->mcr & MCR_LOOP) {
        rx_push(s, byte, 0);
    } else {
        chardev_write(s->chr, &byte, 1);
    }
}

static void write_fcr(Ns16550 *s, uint8_t value)
{
    bool toggled = (s->fcr ^ value) & FCR_ENABLE;
    if (toggled || (value & FCR_CLEAR_RX)) {
        rx_clear(s);
    }
    if (toggled || (value & FCR_CLEAR_TX)) {
        s->tx_pending = true;
    }
    s->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

static void write_mcr(Ns16550 *s, uint8_t value)
{
    bool left_loop = s->mcr & ~value & MCR_LOOP;
    s->mcr = value & MCR_ALL;
    update_modem(s);
    if (left_loop && s->chr) {
        chardev_accept_input(s->chr);
    }
}

static void write_lcr(Ns16550 *s, uint8_t value)
{
    bool starts_break = value & ~s->lcr & LCR_BREAK;
    s->lcr = value;
    if (starts_break && (s->mcr & MCR_LOOP)) {
        rx_push(s, 0, LSR_BREAK);
    }
}

static void ns16550_write(Device *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Ns16550 *s = (Ns16550 *)dev;
    bool dlab = s->lcr & LCR_DLAB;
    uint8_t byte = value;
    switch (offset) {
    case REG_DATA:
        if (dlab) {
            s->divisor = (s->divisor & 0xff00) | byte;
        } else {
            write_data(s, byte);
        }
        break;
    case REG_IER:
        if (dlab) {
            s->divisor = (s->divisor & 0xff) | byte << 8;
        } else {
            s->tx_pending |= byte & ~s->ier & IER_TX;
            s->ier = byte & 15;
        }
        break;
    case REG_IIR_FCR: write_fcr(s, byte); break;
    case REG_LCR: write_lcr(s, byte); break;
    case REG_MCR: write_mcr(s, byte); break;
    case REG_SCRATCH: s->scratch = byte; break;
    default: /* LSR and MSR are read-only */ break;
    }
    ns16550_update_irq(s);
}

static uint8_t read_iir(Ns16550 *s)
{
    uint8_t id = interrupt_id(s);
    if (id == IIR_TX) {
        s->tx_pending = false;
    }
    return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_lsr(Ns16550 *s)
{
    uint8_t lsr = line_status(s);
    s->overrun = 0;
    if (s->rx_count) {
        s->rx_error[s->rx_head] = 0;
    }
    return lsr;
}

static uint64_t ns16550_read(Device *dev, uint64_t offset, unsigned size)
{
    Ns16550 *s = (Ns16550 *)dev;
    bool dlab = s->lcr & LCR_DLAB;
    uint8_t value = 0;
    switch (offset) {
    case REG_DATA: value = dlab ? s->divisor & 0xff : rx_pop(s); break;
    case REG_IER: value = dlab ? s->divisor >> 8 : s->ier; break;
    case REG_IIR_FCR: value = read_iir(s); break;
    case REG_LCR: value = s->lcr; break;
    case REG_MCR: value = s->mcr; break;
    case REG_LSR: value = read_lsr(s); break;
    case REG_MSR:
        value = s->msr;
        s->msr &= ~MSR_DELTAS;
        break;
    case REG_SCRATCH: value = s->scratch; break;
    }
    ns16550_update_irq(s);
    return value;
}

static void ns16550_reset(Device *dev)
{
    Ns16550 *s = (Ns16550 *)dev;
    s->ier = s->fcr = s->lcr = s->scratch = s->overrun = 0;
    s->mcr = MCR_OUT2;
    s->divisor = 12;
    s->rx_head = s->rx_count = 0;
    memset(s->rx, 0, sizeof(s->rx));
    memset(s->rx_error, 0, sizeof(s->rx_error));
    s->tx_pending = s->timeout_pending = false;
    s->msr = modem_inputs(s);
    timer_cancel(&s->timeout);
    ns16550_update_irq(s);
}

static void ns16550_pre_save(void *opaque)
{
    Ns16550 *s = opaque;
    s->timeout_ns = s->timeout.deadline;
}

static bool ns16550_post_load(void *opaque, GError **error)
{
    Ns16550 *s = opaque;
    s->rx_head %= FIFO_SIZE;
    s->rx_count = MIN(s->rx_count, rx_size(s));
    if (s->timeout_ns < TIMER_NEVER) {
        timer_arm(&s->timeout, s->timeout_ns);
    } else {
        timer_cancel(&s->timeout);
    }
    ns16550_update_irq(s);
    return true;
}

/* There may be room again, or a line where there was none. */
static void ns16550_loaded(Device *dev)
{
    Ns16550 *s = (Ns16550 *)dev;
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

static const VmField ns16550_fields[] = {
    VM_FIELD_U8(Ns16550, ier),          VM_FIELD_U8(Ns16550, fcr),
    VM_FIELD_U8(Ns16550, lcr),          VM_FIELD_U8(Ns16550, mcr),
    VM_FIELD_U8(Ns16550, msr),          VM_FIELD_U8(Ns16550, scratch),
    VM_FIELD_U8(Ns16550, overrun),      VM_FIELD_U16(Ns16550, divisor),
    VM_ARRAY_U8(Ns16550, rx),           VM_ARRAY_U8(Ns16550, rx_error),
    VM_FIELD_U8(Ns16550, rx_head),      VM_FIELD_U8(Ns16550, rx_count),
    VM_FIELD_BOOL(Ns16550, tx_pending), VM_FIELD_BOOL(Ns16550, timeout_pending),
    VM_FIELD_U64(Ns16550, timeout_ns),  VM_FIELD_END(),
};

static const VmDesc ns16550_vmstate = {
    "ns16550",
    ns16550_fields,
    ns16550_pre_save,
    ns16550_post_load,
};

static void ns16550_finalize(Device *dev)
{
    Ns16550 *s = (Ns16550 *)dev;
    timer_cancel(&s->timeout);
    if (s->chr) {
        chardev_set_handlers(s->chr, NULL, NULL);
    }
}

static const DeviceOps ns16550_ops = {
    .name = "ns16550a",
    .reset = ns16550_reset,
    .read = ns16550_read,
    .write = ns16550_write,
    .min_access = 1,
    .max_access = 1,
    .vmstate = &ns16550_vmstate,
    .loaded = ns16550_loaded,
    .finalize = ns16550_finalize,
};

static Ns16550 *make(Machine *machine, unsigned clock_hz, IrqLine irq, Chardev *chr)
{
    Ns16550 *s = device_new(machine, &ns16550_ops, sizeof(*s), NULL);
    s->irq = irq;
    s->chr = chr;
    s->clock_hz = clock_hz;
    timer_init(&s->timeout, machine->clock, timeout_fired, s);
    if (chr) {
        chardev_set_handlers(chr, &ns16550_handlers, s);
    }
    return s;
}

Device *ns16550_new(Machine *machine, uint64_t base, IrqLine irq, Chardev *chr)
{
    Ns16550 *s = make(machine, NS16550_CLOCK_HZ, irq, chr);
    device_map_mmio(&s->dev, base, 8);
    return &s->dev;
}

Device *ns16550_new_pio(Machine *machine, uint16_t port, IrqLine irq, Chardev *chr)
{
    Ns16550 *s = make(machine, NS16550_PC_CLOCK_HZ, irq, chr);
    device_map_pio(&s->dev, port, 8);
    return &s->dev;
}
