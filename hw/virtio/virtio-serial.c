/*
 * virtio console device (VIRTIO 1.2 section 5.3): one console, or many ports.
 *
 * -device virtio-serial-* makes the device with max_ports= ports to be; each -device virtconsole or
 * virtserialport adds a port that a character device is connected to. With one port at most, there is no
 * control queue, and what makes a port open is the driver being there.
 *
 * Input is kept in a small buffer per port until the driver has room, which holds back the character
 * device; output never waits. Messages to the driver wait in a ring of fixed size. Locking: the machine
 * lock.
 */
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include "softmmu/base/log.h"
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <string.h>

#define MAX_PORTS 31
#define ANY_PORT UINT64_MAX
#define QUEUE_SIZE 128
#define INPUT_SIZE 1024
#define MAX_MESSAGES 256
#define MAX_OUTPUT (1 * MIB) /* of one request; the rest of it is lost */
enum { CONTROL_RX = 2, CONTROL_TX = 3 };

typedef struct VirtioSerial VirtioSerial;

typedef struct SerialPort {
    VirtioSerial *serial;
    unsigned nr;
    bool present, console;
    char *name; /* NULL: none */
    Chardev *chr;
    bool guest_open; /* the driver has it open */
    bool host_open;  /* somebody is at the other end; of consoles, always */
    bool saved_present, saved_console, saved_host_open;
    uint16_t input_len;
    uint8_t input[INPUT_SIZE];
} SerialPort;

/* A message to the driver; the name of PORT_NAME is added when it is sent. */
typedef struct SerialMessage {
    uint32_t id;
    uint16_t event, value;
} SerialMessage;

struct VirtioSerial {
    VirtioDevice virtio;
    const DeviceBus *bus; /* see port_bus() */
    uint32_t max_ports;
    SerialPort ports[MAX_PORTS];
    SerialMessage messages[MAX_MESSAGES];
    uint16_t first_message, message_count;
};

static VirtioSerial *to_serial(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioSerial, virtio);
}

static bool is_multiport(const VirtioSerial *serial)
{
    return virtio_has_feature(&serial->virtio, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* Queues 0 and 1 are port 0's, 2 and 3 the control queues, then come the other ports'. */
static VirtQueue *receive_queue(SerialPort *port)
{
    return &port->serial->virtio.queues[port->nr ? 2 + 2 * port->nr : 0];
}

static SerialPort *port_of_queue(VirtQueue *vq)
{
    VirtioSerial *serial = to_serial(vq->vdev);
    unsigned nr = vq->index < 2 ? 0 : vq->index / 2 - 1;

    return serial->ports[nr].present ? &serial->ports[nr] : NULL;
}

/* ---- Input ---- */

/* Moves what is buffered to the driver's buffers as far as there are any. */
static void flush_input(SerialPort *port)
{
    VirtQueue *vq = receive_queue(port);
    size_t done = 0;
    VirtqElement *elem;

    if (!port->guest_open) {
        return;
    }
    while (done < port->input_len && (elem = virtq_pop(vq))) {
        size_t n = virtq_write(vq, elem, 0, port->input + done, port->input_len - done);

        virtq_push(vq, elem, n);
        done += n;
    }
    if (done) {
        port->input_len -= done;
        memmove(port->input, port->input + done, port->input_len);
        virtq_notify(vq);
    }
}

static size_t port_can_receive(void *opaque)
{
    SerialPort *port = opaque;

    return INPUT_SIZE - port->input_len;
}

static void port_receive(void *opaque, const uint8_t *buf, size_t len)
{
    SerialPort *port = opaque;

    len = MIN(len, port_can_receive(port));
    memcpy(port->input + port->input_len, buf, len);
    port->input_len += len;
    flush_input(port);
}

static void handle_receive_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    SerialPort *port = port_of_queue(vq);
    unsigned before;

    if (!port) {
        return;
    }
    before = port->input_len;
    flush_input(port);
    if (port->input_len < before) {
        chardev_accept_input(port->chr);
    }
}

/* ---- Output ---- */

static bool handle_output(VirtQueue *vq, VirtqElement *elem)
{
    SerialPort *port = port_of_queue(vq);
    uint8_t buf[4096];
    uint64_t done = 0;
    size_t n;

    while (port && done < MAX_OUTPUT && (n = virtq_read(vq, elem, done, buf, sizeof(buf))) > 0) {
        chardev_write(port->chr, buf, n);
        done += n;
    }
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_transmit_queue(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_output);
}

/* ---- Control messages (5.3.6.2) ---- */

static void send_messages(VirtioSerial *serial)
{
    VirtQueue *vq = &serial->virtio.queues[CONTROL_RX];
    bool sent = false;
    VirtqElement *elem;

    while (serial->message_count && (elem = virtq_pop(vq))) {
        SerialMessage *message = &serial->messages[serial->first_message];
        struct virtio_console_control control = {message->id, message->event, message->value};
        const char *name = message->event == VIRTIO_CONSOLE_PORT_NAME && message->id < MAX_PORTS
                               ? serial->ports[message->id].name
                               : NULL;
        size_t n = virtq_write(vq, elem, 0, &control, sizeof(control));

        if (name) {
            n += virtq_write(vq, elem, n, name, strlen(name));
        }
        virtq_push(vq, elem, n);
        serial->first_message = (serial->first_message + 1) % MAX_MESSAGES;
        serial->message_count--;
        sent = true;
    }
    if (sent) {
        virtq_notify(vq);
    }
}

static void queue_message(VirtioSerial *serial, uint32_t id, uint16_t event, uint16_t value)
{
    unsigned slot = (serial->first_message + serial->message_count) % MAX_MESSAGES;

    if (!is_multiport(serial)) {
        return;
    }
    if (serial->message_count == MAX_MESSAGES) {
        log_guest_error("%s: the driver does not read its messages\n", serial->virtio.dev.id);
        return;
    }
    serial->messages[slot] = (SerialMessage){id, event, value};
    serial->message_count++;
}

static void announce_port(SerialPort *port)
{
    VirtioSerial *serial = port->serial;

    if (port->console) {
        queue_message(serial, port->nr, VIRTIO_CONSOLE_CONSOLE_PORT, 1);
    }
    if (port->name) {
        queue_message(serial, port->nr, VIRTIO_CONSOLE_PORT_NAME, 1);
    }
    if (port->host_open) {
        queue_message(serial, port->nr, VIRTIO_CONSOLE_PORT_OPEN, 1);
    }
}

static void port_opened(SerialPort *port, bool open)
{
    port->guest_open = open;
    if (open) {
        flush_input(port);
        chardev_accept_input(port->chr);
    }
}

static void handle_message(VirtioSerial *serial, const struct virtio_console_control *control)
{
    SerialPort *port = control->id < MAX_PORTS && serial->ports[control->id].present
                           ? &serial->ports[control->id]
                           : NULL;

    if (control->event == VIRTIO_CONSOLE_DEVICE_READY) {
        for (unsigned i = 0; control->value && i < serial->max_ports; i++) {
            if (serial->ports[i].present) {
                queue_message(serial, i, VIRTIO_CONSOLE_PORT_ADD, 1);
            }
        }
    } else if (!port) {
        log_guest_error("%s: message about port %u\n", serial->virtio.dev.id, control->id);
    } else if (control->event == VIRTIO_CONSOLE_PORT_READY) {
        if (control->value) {
            announce_port(port);
        }
    } else if (control->event == VIRTIO_CONSOLE_PORT_OPEN) {
        port_opened(port, control->value);
    }
}

static bool handle_control(VirtQueue *vq, VirtqElement *elem)
{
    VirtioSerial *serial = to_serial(vq->vdev);
    struct virtio_console_control control;

    if (virtq_read(vq, elem, 0, &control, sizeof(control)) == sizeof(control)) {
        handle_message(serial, &control);
    }
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_control_transmit(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, handle_control);
    send_messages(to_serial(vdev));
}

static void handle_control_receive(VirtioDevice *vdev, VirtQueue *vq)
{
    send_messages(to_serial(vdev));
}

/* ---- The device ---- */

static void serial_get_config(VirtioDevice *vdev, uint8_t *config)
{
    struct virtio_console_config c = {.max_nr_ports = to_serial(vdev)->max_ports};

    memcpy(config, &c, sizeof(c));
}

/* The emergency write register: a character before there are queues. */
static void serial_set_config(VirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
    VirtioSerial *serial = to_serial(vdev);
    uint8_t c = value;

    if (offset == offsetof(struct virtio_console_config, emerg_wr) && serial->ports[0].present) {
        chardev_write(serial->ports[0].chr, &c, 1);
    }
}

static void serial_status_changed(VirtioDevice *vdev, uint8_t old)
{
    VirtioSerial *serial = to_serial(vdev);

    if ((vdev->status & ~old & VIRTIO_CONFIG_S_DRIVER_OK) && !is_multiport(serial) &&
        serial->ports[0].present) {
        port_opened(&serial->ports[0], true);
    }
}

static void serial_reset(VirtioDevice *vdev)
{
    VirtioSerial *serial = to_serial(vdev);

    serial->first_message = serial->message_count = 0;
    for (unsigned i = 0; i < MAX_PORTS; i++) {
        serial->ports[i].guest_open = false;
        serial->ports[i].input_len = 0;
    }
}

static void serial_finalize(Device *dev)
{
    VirtioSerial *serial = to_serial(container_of(dev, VirtioDevice, dev));

    for (unsigned i = 0; i < MAX_PORTS; i++) {
        if (serial->ports[i].chr) {
            chardev_set_handlers(serial->ports[i].chr, NULL, NULL);
        }
        g_free(serial->ports[i].name);
    }
    virtio_device_finalize(dev);
}

static void port_pre_save(void *opaque)
{
    SerialPort *port = opaque;

    port->saved_present = port->present;
    port->saved_console = port->console;
    port->saved_host_open = port->host_open;
}

static bool port_post_load(void *opaque, GError **error)
{
    SerialPort *port = opaque;

    if (port->saved_present != port->present || port->saved_console != port->console) {
        return error_set(error, "port %u of '%s' is %s in the saved machine, %s in this one",
                         port->nr, port->serial->virtio.dev.id,
                         !port->saved_present  ? "not there"
                         : port->saved_console ? "a console"
                                               : "a serial port",
                         !port->present  ? "not there"
                         : port->console ? "a console"
                                         : "a serial port");
    }
    return port->input_len <= INPUT_SIZE ? true
                                         : error_set(error, "virtio-serial: bad saved input");
}

/* Who is at the other end of a port may be another than when the machine was saved. */
static void serial_loaded(Device *dev)
{
    VirtioSerial *serial = to_serial(container_of(dev, VirtioDevice, dev));

    for (unsigned i = 0; i < MAX_PORTS; i++) {
        SerialPort *port = &serial->ports[i];

        if (port->present && port->host_open != port->saved_host_open) {
            queue_message(serial, port->nr, VIRTIO_CONSOLE_PORT_OPEN, port->host_open);
        }
        if (port->present) {
            chardev_accept_input(port->chr);
        }
    }
}

static bool serial_post_load(void *opaque, GError **error)
{
    VirtioSerial *serial = opaque;

    return serial->first_message < MAX_MESSAGES && serial->message_count <= MAX_MESSAGES
               ? true
               : error_set(error, "virtio-serial: bad saved messages");
}

static const VmField port_fields[] = {
    VM_FIELD_BOOL(SerialPort, saved_present),
    VM_FIELD_BOOL(SerialPort, saved_console),
    VM_FIELD_BOOL(SerialPort, saved_host_open),
    VM_FIELD_BOOL(SerialPort, guest_open),
    VM_FIELD_U16(SerialPort, input_len),
    VM_ARRAY_U8(SerialPort, input),
    VM_FIELD_END(),
};

static const VmDesc port_vmstate = {
    .name = "virtio-serial-port",
    .fields = port_fields,
    .pre_save = port_pre_save,
    .post_load = port_post_load,
};

static const VmField message_fields[] = {
    VM_FIELD_U32(SerialMessage, id),
    VM_FIELD_U16(SerialMessage, event),
    VM_FIELD_U16(SerialMessage, value),
    VM_FIELD_END(),
};

static const VmDesc message_vmstate = {.name = "virtio-serial-message", .fields = message_fields};

static const VmField serial_fields[] = {
    VM_FIELD_STRUCT(VirtioSerial, virtio, &virtio_vmstate),
    VM_ARRAY_STRUCT(VirtioSerial, ports, &port_vmstate),
    VM_ARRAY_STRUCT(VirtioSerial, messages, &message_vmstate),
    VM_FIELD_U16(VirtioSerial, first_message),
    VM_FIELD_U16(VirtioSerial, message_count),
    VM_FIELD_END(),
};

static const VmDesc serial_vmstate = {
    .name = "virtio-serial",
    .fields = serial_fields,
    .post_load = serial_post_load,
};

static const VirtioOps serial_ops = {
    .device =
        {
            .name = "virtio-serial-device",
            .reset = virtio_device_reset,
            .vmstate = &serial_vmstate,
            .loaded = serial_loaded,
            .finalize = serial_finalize,
        },
    .device_id = VIRTIO_ID_CONSOLE,
    .config_size = sizeof(struct virtio_console_config),
    .get_config = serial_get_config,
    .set_config = serial_set_config,
    .reset = serial_reset,
    .status_changed = serial_status_changed,
};

VirtioDevice *virtio_serial_create(Machine *machine, Options *opts, const char *id, GError **error)
{
    uint64_t features, max_ports = MAX_PORTS;
    VirtioSerial *serial;
    bool emergency = true;

    if (!virtio_parse_features(opts, &features, error) ||
        !options_get_u64(opts, "max_ports", &max_ports, error) ||
        !options_get_bool(opts, "emergency-write", &emergency, error)) {
        return NULL;
    }
    if (max_ports < 1 || max_ports > MAX_PORTS) {
        error_set(error, "virtio-serial: max_ports= must be from 1 to %u", MAX_PORTS);
        return NULL;
    }
    serial = virtio_new(machine, &serial_ops, sizeof(*serial), id);
    serial->max_ports = max_ports;
    serial->virtio.host_features = features |
                                   (max_ports > 1 ? VIRTIO_BIT(VIRTIO_CONSOLE_F_MULTIPORT) : 0) |
                                   (emergency ? VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE) : 0);
    for (unsigned i = 0; i < MAX_PORTS; i++) {
        serial->ports[i].serial = serial;
        serial->ports[i].nr = i;
    }
    virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_receive_queue);
    virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_transmit_queue);
    if (max_ports > 1) {
        virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_control_receive);
        virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_control_transmit);
    }
    for (unsigned i = 1; i < max_ports; i++) {
        virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_receive_queue);
        virtio_add_queue(&serial->virtio, QUEUE_SIZE, handle_transmit_queue);
    }
    return &serial->virtio;
}

/* ---- Ports ---- */

static void port_event(void *opaque, CharEvent event)
{
    SerialPort *port = opaque;

    if ((event != CHAR_EVENT_OPENED && event != CHAR_EVENT_CLOSED) || port->console) {
        return;
    }
    port->host_open = event == CHAR_EVENT_OPENED;
    queue_message(port->serial, port->nr, VIRTIO_CONSOLE_PORT_OPEN, port->host_open);
    if (is_multiport(port->serial)) {
        send_messages(port->serial);
    }
}

static void port_released(void *opaque)
{
    ((SerialPort *)opaque)->chr = NULL;
}

static const CharHandlers port_handlers = {
    .can_receive = port_can_receive,
    .receive = port_receive,
    .event = port_event,
    .released = port_released,
};

/* The bus of the ports: "ID.0". Behind a transport with an id of its own, that is the one users know. */
static const DeviceBus *port_bus(VirtioSerial *serial)
{
    static const DeviceBusType type = {"virtio-serial-bus", NULL};

    if (!serial->bus) {
        Device *dev = &serial->virtio.dev, *transport = serial->virtio.transport;
        char *name =
            g_strdup_printf("%s.0", device_is_named(dev) || !transport ? dev->id : transport->id);
        serial->bus = device_bus_new(dev, &type, name);
        g_free(name);
    }
    return serial->bus;
}

/* The device that bus= names, or the first one. */
static VirtioSerial *find_serial(Machine *machine, const char *bus, GError **error)
{
    for (unsigned i = 0; i < machine->devices->len; i++) {
        Device *dev = g_ptr_array_index(machine->devices, i);

        if (dev->ops == &serial_ops.device) {
            VirtioSerial *serial = to_serial(container_of(dev, VirtioDevice, dev));

            if (!bus || strcmp(bus, port_bus(serial)->name) == 0) {
                return serial;
            }
        }
    }
    if (bus) {
        error_set(error, "there is no bus '%s'; it is the id= of a virtio-serial device and \".0\"",
                  bus);
    } else {
        error_set(error, "a virtio console port needs a -device virtio-serial-pci or "
                         "virtio-serial-device before it");
    }
    return NULL;
}

/* The port number that nr= (@nr; ANY_PORT: none given) asks for, or the first free one. */
static SerialPort *find_port(VirtioSerial *serial, uint64_t nr, bool console, GError **error)
{
    /* Port 0 is kept for a console: drivers take it for one. */
    unsigned first = console || serial->max_ports == 1 ? 0 : 1;

    if (nr == ANY_PORT) {
        for (nr = first; nr < serial->max_ports && serial->ports[nr].present; nr++) {
        }
    }
    if (nr >= serial->max_ports) {
        error_set(
            error,
            "virtio-serial device '%s' has no such port or none free; there are %u (max_ports=)",
            serial->virtio.dev.id, serial->max_ports);
        return NULL;
    }
    if (serial->ports[nr].present) {
        error_set(error,
                  "port %u of virtio-serial device '%s' is in use; leave out nr=", (unsigned)nr,
                  serial->virtio.dev.id);
        return NULL;
    }
    return &serial->ports[nr];
}

static bool create_port(Machine *machine, Options *opts, bool console, GError **error)
{
    static const DeviceOps console_ops = {.name = "virtconsole"},
                           other_ops = {.name = "virtserialport"};
    const char *chardev_id = options_get(opts, "chardev", NULL),
               *id = options_get(opts, "id", NULL);
    VirtioSerial *serial = find_serial(machine, options_get(opts, "bus", NULL), error);
    Chardev *chr = chardev_id ? machine_find_chardev(machine, chardev_id) : NULL;
    uint64_t nr = ANY_PORT;
    SerialPort *port;

    if (!serial || !device_check_id(machine, id, error) ||
        !options_get_u64(opts, "nr", &nr, error)) {
        return false;
    }
    if (!chardev_id) {
        return error_set(error,
                         "a virtio console port needs chardev=ID and a -chardev with that id");
    }
    if (!chr) {
        return error_set(error,
                         "there is no character device '%s'; add -chardev stdio,id=%s or "
                         "another kind",
                         chardev_id, chardev_id);
    }
    if (chr->handlers) {
        return error_set(error, "character device '%s' is in use already", chardev_id);
    }
    port = find_port(serial, nr, console, error);
    if (!port) {
        return false;
    }
    Device *dev = device_new(machine, console ? &console_ops : &other_ops, sizeof(*dev), id);
    dev->bus = port_bus(serial);
    port->present = true;
    port->console = console;
    port->name = g_strdup(options_get(opts, "name", NULL));
    port->host_open = console; /* others learn it by an event */
    port->chr = chr;
    chardev_set_handlers(chr, &port_handlers, port);
    return true;
}

bool virtio_console_create(Machine *machine, Options *opts, GError **error)
{
    return create_port(machine, opts, true, error);
}

bool virtio_serialport_create(Machine *machine, Options *opts, GError **error)
{
    return create_port(machine, opts, false, error);
}
