/*
 * virtio input device (VIRTIO 1.2 section 5.8): a keyboard, for who types on the machine (softmmu/input.h).
 *
 * On a machine without a power button of its own, the keyboard's power key is one: that is how a guest there
 * learns that it shall shut down, as from any keyboard that has such a key. Events wait in a ring until the driver
 * has buffers for all of a press or release; when the ring is full the next presses are lost, but no release of a key
 * whose press was not. Locking: the machine lock.
 */
#include "hw/virtio/virtio-devices.h"
#include "softmmu/base/error.h"
#include "softmmu/input.h"
#include <linux/input-event-codes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_input.h>
#include <string.h>

#define QUEUE_SIZE 64
#define RING_SIZE 64
#define LAST_KEY 127 /* the keys of a PC, with the power key among them */
#define BUS_VIRTUAL_ID 0x06
#define VENDOR 0x0627 /* ids and names that drivers' tables and users know from such machines */
#define PRODUCT_KEYBOARD 0x0001

enum { QUEUE_EVENTS, QUEUE_STATUS };

typedef struct InputEvent {
    uint16_t type, code;
    uint32_t value;
} InputEvent;

typedef struct VirtioInput {
    VirtioDevice virtio;
    uint8_t select, subsel; /* what of the configuration is shown */
    InputEvent ring[RING_SIZE];
    uint16_t first, count;
    uint8_t down[LAST_KEY / 8 + 1]; /* a bit for each key whose press is, or was, in the ring */
} VirtioInput;

static VirtioInput *to_input(VirtioDevice *vdev)
{
    return container_of(vdev, VirtioInput, virtio);
}

/* ---- Events ---- */

static void flush_events(VirtioInput *input)
{
    VirtQueue *vq = &input->virtio.queues[QUEUE_EVENTS];
    bool sent = false;
    VirtqElement *elem;

    while (input->count && (elem = virtq_pop(vq))) {
        const InputEvent *event = &input->ring[input->first];
        struct virtio_input_event out = {event->type, event->code, event->value};

        virtq_push(vq, elem, virtq_write(vq, elem, 0, &out, sizeof(out)));
        input->first = (input->first + 1) % RING_SIZE;
        input->count--;
        sent = true;
    }
    if (sent) {
        virtq_notify(vq);
    }
}

static void put_event(VirtioInput *input, uint16_t type, uint16_t code, uint32_t value)
{
    input->ring[(input->first + input->count) % RING_SIZE] = (InputEvent){type, code, value};
    input->count++;
}

static unsigned count_down(const VirtioInput *input)
{
    unsigned count = 0;

    for (unsigned i = 0; i < sizeof(input->down); i++) {
        count += __builtin_popcount(input->down[i]);
    }
    return count;
}

static bool has_driver(void *opaque)
{
    const VirtioInput *input = opaque;

    return input->virtio.status & VIRTIO_CONFIG_S_DRIVER_OK;
}

static void key_event(void *opaque, unsigned key, bool down)
{
    VirtioInput *input = opaque;
    uint8_t *byte = &input->down[key / 8 % sizeof(input->down)], bit = 1u << key % 8;
    unsigned room = RING_SIZE - input->count;

    if (key > LAST_KEY || !has_driver(input) || !(*byte & bit) != down) {
        return; /* what is held repeats in the driver */
    }
    /* A release always follows its press, two events each: there must be room for those of all keys that are held. */
    if (down && room < 2 * (count_down(input) + 2)) {
        return;
    }
    *byte ^= bit;
    put_event(input, EV_KEY, key, down);
    put_event(input, EV_SYN, SYN_REPORT, 0);
    flush_events(input);
}

static void power_button(void *opaque, unsigned n, bool level)
{
    key_event(opaque, KEY_POWER, level);
}

static void handle_events(VirtioDevice *vdev, VirtQueue *vq)
{
    flush_events(to_input(vdev));
}

/* LEDs and the like: there are none. */
static bool drop_status(VirtQueue *vq, VirtqElement *elem)
{
    virtq_push(vq, elem, 0);
    return true;
}

static void handle_status(VirtioDevice *vdev, VirtQueue *vq)
{
    virtq_process(vq, drop_status);
}

/* ---- Configuration (5.8.4) ---- */

static uint8_t set_name(struct virtio_input_config *c, const char *name)
{
    memcpy(c->u.string, name, strlen(name));
    return strlen(name);
}

static uint8_t set_keys(struct virtio_input_config *c)
{
    for (unsigned key = 1; key <= LAST_KEY; key++) {
        c->u.bitmap[key / 8] |= 1u << (key % 8);
    }
    return LAST_KEY / 8 + 1;
}

static void input_get_config(VirtioDevice *vdev, uint8_t *config)
{
    const VirtioInput *input = to_input(vdev);
    struct virtio_input_config c = {.select = input->select, .subsel = input->subsel};

    switch (input->select) {
    case VIRTIO_INPUT_CFG_ID_NAME: c.size = set_name(&c, "amphi Virtio Keyboard"); break;
    case VIRTIO_INPUT_CFG_ID_DEVIDS:
        c.u.ids = (struct virtio_input_devids){BUS_VIRTUAL_ID, VENDOR, PRODUCT_KEYBOARD, 1};
        c.size = sizeof(c.u.ids);
        break;
    case VIRTIO_INPUT_CFG_EV_BITS:
        if (input->subsel == EV_KEY) {
            c.size = set_keys(&c);
        } else if (input->subsel == EV_REP) {
            c.size = 1; /* the driver repeats keys that stay down */
        }
        break;
    }
    memcpy(config, &c, sizeof(c));
}

static void input_set_config(VirtioDevice *vdev, unsigned offset, unsigned size, uint32_t value)
{
    VirtioInput *input = to_input(vdev);

    if (offset == offsetof(struct virtio_input_config, select)) {
        input->select = value;
        if (size > 1) {
            input->subsel = value >> 8;
        }
    } else if (offset == offsetof(struct virtio_input_config, subsel)) {
        input->subsel = value;
    }
}

static void input_reset(VirtioDevice *vdev)
{
    VirtioInput *input = to_input(vdev);

    input->select = input->subsel = 0;
    input->first = input->count = 0;
    memset(input->down, 0, sizeof(input->down));
}

static void input_finalize(Device *dev)
{
    VirtioInput *input = to_input(container_of(dev, VirtioDevice, dev));

    if (dev->machine->power_button.opaque == input) {
        dev->machine->power_button = (IrqLine){0};
    }
    input_remove_device(dev->machine, input);
    virtio_device_finalize(dev);
}

/* ---- Saved state ---- */

static bool input_post_load(void *opaque, GError **error)
{
    const VirtioInput *input = opaque;

    return input->first < RING_SIZE && input->count + 2 * count_down(input) <= RING_SIZE
               ? true
               : error_set(error, "virtio-input: bad saved events");
}

static const VmField event_fields[] = {
    VM_FIELD_U16(InputEvent, type),
    VM_FIELD_U16(InputEvent, code),
    VM_FIELD_U32(InputEvent, value),
    VM_FIELD_END(),
};

static const VmDesc event_vmstate = {.name = "virtio-input-event", .fields = event_fields};

static const VmField input_fields[] = {
    VM_FIELD_STRUCT(VirtioInput, virtio, &virtio_vmstate),
    VM_FIELD_U8(VirtioInput, select),
    VM_FIELD_U8(VirtioInput, subsel),
    VM_ARRAY_STRUCT(VirtioInput, ring, &event_vmstate),
    VM_FIELD_U16(VirtioInput, first),
    VM_FIELD_U16(VirtioInput, count),
    VM_ARRAY_U8(VirtioInput, down),
    VM_FIELD_END(),
};

static const VmDesc input_vmstate = {
    .name = "virtio-input",
    .fields = input_fields,
    .post_load = input_post_load,
};

static const VirtioOps input_ops = {
    .device =
        {
            .name = "virtio-keyboard-device",
            .reset = virtio_device_reset,
            .vmstate = &input_vmstate,
            .finalize = input_finalize,
        },
    .device_id = VIRTIO_ID_INPUT,
    .config_size = sizeof(struct virtio_input_config),
    .get_config = input_get_config,
    .set_config = input_set_config,
    .reset = input_reset,
};

VirtioDevice *virtio_keyboard_create(Machine *machine, Options *opts, const char *id,
                                     GError **error)
{
    static const InputOps keyboard = {.key = key_event, .ready = has_driver};
    uint64_t features;
    VirtioInput *input;

    if (!virtio_parse_features(opts, &features, error)) {
        return NULL;
    }
    input = virtio_new(machine, &input_ops, sizeof(*input), id);
    input->virtio.host_features = features;
    virtio_add_queue(&input->virtio, QUEUE_SIZE, handle_events);
    virtio_add_queue(&input->virtio, QUEUE_SIZE, handle_status);
    input_add_device(machine, &keyboard, input);
    if (!machine->power_button.fn) {
        machine->power_button = irq_line(power_button, input, 0);
    }
    return &input->virtio;
}
