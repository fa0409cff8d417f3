/*
 * The 8042 keyboard controller: two PS/2 ports, and the ways to reset a PC. IBM Personal System/2 Hardware
 * Interface Technical Reference, "Keyboard and auxiliary device controller"; port 0x92: ICH9 data sheet, 13.7.
 *
 * One byte at a time is in the output buffer; which line is high follows from that and from the command byte.
 * The gate of address line 20 is always open. Locking: the machine lock.
 */
#include "hw/input/i8042.h"
#include "hw/input/ps2.h"
#include "softmmu/base/log.h"
#include "softmmu/input.h"

enum { PORT_DATA = 0x60, PORT_STATUS = 0x64, PORT_92 = 0x92 };

/* clang-format off */
enum {
    STATUS_OUTPUT = 0x01, STATUS_SYSTEM = 0x04, STATUS_COMMAND = 0x08, STATUS_UNLOCKED = 0x10,
    STATUS_MOUSE = 0x20,
    MODE_KEYBOARD_IRQ = 0x01, MODE_MOUSE_IRQ = 0x02, MODE_SYSTEM = 0x04, MODE_KEYBOARD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20, MODE_TRANSLATE = 0x40,
    OUT_NO_RESET = 0x01, OUT_A20 = 0x02, OUT_MOUSE = 0x20, OUT_KEYBOARD = 0x10,
    P92_RESET = 1, P92_A20 = 2,
};
/* clang-format on */

enum { FROM_NONE, FROM_KEYBOARD, FROM_MOUSE, FROM_CONTROLLER };

typedef struct I8042 {
    Device dev;
    IrqLine lines[2];
    Ps2Keyboard keyboard;
    Ps2Mouse mouse;
    uint8_t mode;     /* the command byte */
    uint8_t command;  /* that waits for its data; 0: none */
    uint8_t output;   /* the byte to be read */
    uint8_t from;     /* FROM_*: whose it is */
    bool after_break; /* a break code's prefix was swallowed by the translation */
    bool command_last;
    uint8_t port92;
} I8042;

static void i8042_update_irq(I8042 *s)
{
    bool mouse = s->from == FROM_MOUSE, any = s->from != FROM_NONE;
    irq_set(&s->lines[0], any && !mouse && (s->mode & MODE_KEYBOARD_IRQ));
    irq_set(&s->lines[1], mouse && (s->mode & MODE_MOUSE_IRQ));
}

/* The next byte of the keyboard as software sees it; false: there is none. */
static bool next_of_keyboard(I8042 *s, uint8_t *byte)
{
    while (ps2_queue_get(&s->keyboard.queue, byte)) {
        if (!(s->mode & MODE_TRANSLATE)) {
            return true;
        }
        if (*byte == 0xf0) {
            s->after_break = true;
            continue;
        }
        if (*byte < 0x80 || *byte == 0x83 || *byte == 0x84) {
            *byte = ps2_translate(*byte) | (s->after_break ? 0x80 : 0);
        }
        s->after_break = false;
        return true;
    }
    return false;
}

/* Fills the output buffer if it is free and somebody has something. */
static void i8042_update(I8042 *s)
{
    if (s->from == FROM_NONE && !(s->mode & MODE_KEYBOARD_OFF) && next_of_keyboard(s, &s->output)) {
        s->from = FROM_KEYBOARD;
    }
    if (s->from == FROM_NONE && !(s->mode & MODE_MOUSE_OFF) &&
        ps2_queue_get(&s->mouse.queue, &s->output)) {
        s->from = FROM_MOUSE;
    }
    i8042_update_irq(s);
}

static void answer(I8042 *s, uint8_t byte, uint8_t from)
{
    s->output = byte;
    s->from = from;
    i8042_update_irq(s);
}

/* ---- Commands ---- */

static uint8_t output_port(const I8042 *s)
{
    return OUT_NO_RESET | OUT_A20 | (s->from == FROM_KEYBOARD ? OUT_KEYBOARD : 0) |
           (s->from == FROM_MOUSE ? OUT_MOUSE : 0);
}

static void set_mode(I8042 *s, uint8_t mode)
{
    s->mode = mode;
    i8042_update(s);
}

static void write_command(I8042 *s, uint8_t command)
{
    s->command = 0;
    s->command_last = true;
    switch (command) {
    case 0x20: answer(s, s->mode, FROM_CONTROLLER); break;
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4: s->command = command; break;
    case 0xa7: set_mode(s, s->mode | MODE_MOUSE_OFF); break;
    case 0xa8: set_mode(s, s->mode & ~MODE_MOUSE_OFF); break;
    case 0xa9:
    case 0xab: answer(s, 0, FROM_CONTROLLER); break; /* the ports' tests pass */
    case 0xaa:
        s->mode |= MODE_SYSTEM;
        answer(s, 0x55, FROM_CONTROLLER);
        break;
    case 0xad: set_mode(s, s->mode | MODE_KEYBOARD_OFF); break;
    case 0xae: set_mode(s, s->mode & ~MODE_KEYBOARD_OFF); break;
    case 0xc0: answer(s, 0x80, FROM_CONTROLLER); break;
    case 0xd0: answer(s, output_port(s), FROM_CONTROLLER); break;
    case 0xdd: /* address line 20 */
    case 0xdf: break;
    default:
        if (command >= 0xf0 && !(command & 1)) { /* pulses the reset line */
            machine_request_reset(s->dev.machine);
        } else if (command < 0xf0) {
            log_guest_error("i8042: there is no command 0x%02x", command);
        }
        break;
    }
}

static void write_data(I8042 *s, uint8_t value)
{
    uint8_t command = s->command;
    s->command = 0;
    s->command_last = false;
    switch (command) {
    case 0x60: set_mode(s, value); break;
    case 0xd1:
        if (!(value & OUT_NO_RESET)) {
            machine_request_reset(s->dev.machine);
        }
        break;
    case 0xd2: answer(s, value, FROM_KEYBOARD); break;
    case 0xd3: answer(s, value, FROM_MOUSE); break;
    case 0xd4:
        s->mode &= ~MODE_MOUSE_OFF;
        ps2_mouse_write(&s->mouse, value);
        i8042_update(s);
        break;
    default:
        s->mode &= ~MODE_KEYBOARD_OFF;
        ps2_keyboard_write(&s->keyboard, value);
        i8042_update(s);
        break;
    }
}

/* ---- Ports ---- */

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    I8042 *s = opaque;
    s->from = FROM_NONE;
    uint8_t value = s->output;
    i8042_update_irq(s); /* low before the next byte, so that there is an edge */
    i8042_update(s);
    return value;
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    write_data(opaque, value);
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned size)
{
    const I8042 *s = opaque;
    return (s->from != FROM_NONE ? STATUS_OUTPUT : 0) | (s->from == FROM_MOUSE ? STATUS_MOUSE : 0) |
           (s->mode & MODE_SYSTEM ? STATUS_SYSTEM : 0) | (s->command_last ? STATUS_COMMAND : 0) |
           STATUS_UNLOCKED;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    write_command(opaque, value);
}

static uint64_t port92_read(void *opaque, uint64_t offset, unsigned size)
{
    return ((I8042 *)opaque)->port92;
}

static void port92_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    I8042 *s = opaque;
    if ((value & P92_RESET) && !(s->port92 & P92_RESET)) {
        machine_request_reset(s->dev.machine);
    }
    s->port92 = value;
}

static const MmioOps data_ops = {data_read, data_write, 1, 1, false};
static const MmioOps status_ops = {status_read, command_write, 1, 1, false};
static const MmioOps port92_ops = {port92_read, port92_write, 1, 1, false};

/* ---- Input ---- */

static void key(void *opaque, unsigned key, bool down)
{
    I8042 *s = opaque;
    ps2_keyboard_key(&s->keyboard, key, down);
    i8042_update(s);
}

static void move(void *opaque, int dx, int dy, int wheel, unsigned buttons)
{
    I8042 *s = opaque;
    ps2_mouse_move(&s->mouse, dx, dy, wheel, buttons);
    i8042_update(s);
}

static const InputOps input_ops = {.key = key, .move = move};

/* ---- The device ---- */

static void i8042_reset(Device *dev)
{
    I8042 *s = container_of(dev, I8042, dev);
    ps2_keyboard_reset(&s->keyboard);
    ps2_mouse_reset(&s->mouse);
    s->mode = MODE_KEYBOARD_IRQ | MODE_MOUSE_IRQ;
    s->command = s->output = s->from = 0;
    s->after_break = s->command_last = false;
    s->port92 = P92_A20;
    i8042_update(s);
}

static bool i8042_post_load(void *opaque, GError **error)
{
    I8042 *s = opaque;
    s->from &= 3;
    i8042_update_irq(s);
    return true;
}

static const VmField i8042_fields[] = {
    VM_FIELD_STRUCT(I8042, keyboard, &ps2_keyboard_vmstate),
    VM_FIELD_STRUCT(I8042, mouse, &ps2_mouse_vmstate),
    VM_FIELD_U8(I8042, mode),
    VM_FIELD_U8(I8042, command),
    VM_FIELD_U8(I8042, output),
    VM_FIELD_U8(I8042, from),
    VM_FIELD_BOOL(I8042, after_break),
    VM_FIELD_BOOL(I8042, command_last),
    VM_FIELD_U8(I8042, port92),
    VM_FIELD_END(),
};

static const VmDesc i8042_vmstate = {"i8042", i8042_fields, NULL, i8042_post_load};

static void i8042_finalize(Device *dev)
{
    input_remove_device(dev->machine, dev);
}

static const DeviceOps i8042_ops = {
    .name = "i8042",
    .reset = i8042_reset,
    .vmstate = &i8042_vmstate,
    .finalize = i8042_finalize,
};

Device *i8042_new(Machine *machine, IrqLine keyboard, IrqLine mouse)
{
    I8042 *s = device_new(machine, &i8042_ops, sizeof(*s), NULL);
    s->lines[0] = keyboard;
    s->lines[1] = mouse;
    input_add_device(machine, &input_ops, s);
    memory_map_add_mmio(machine->io, "i8042-data", PORT_DATA, 1, 0, &data_ops, s, &s->dev);
    memory_map_add_mmio(machine->io, "i8042-cmd", PORT_STATUS, 1, 0, &status_ops, s, &s->dev);
    memory_map_add_mmio(machine->io, "port92", PORT_92, 1, 0, &port92_ops, s, &s->dev);
    return &s->dev;
}
