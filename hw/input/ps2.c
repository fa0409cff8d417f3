/*
 * PS/2 keyboard (101 keys, scan code set 2) and mouse (three buttons; with the wheel that is unlocked by setting
 * the sample rates 200, 100, 80). IBM Personal System/2 Hardware Interface Technical Reference: keyboard, and
 * auxiliary devices. Locking: the machine lock.
 */
#include "hw/input/ps2.h"
#include "softmmu/base/bits.h"
#include <glib.h>
#include <linux/input-event-codes.h>
#include <string.h>

enum { ACK = 0xfa, RESEND = 0xfe, SELF_TEST_OK = 0xaa, BREAK = 0xf0, EXTENDED = 0xe0 };
#define ROOM_FOR_ANSWERS 16 /* of the queue that input does not take */

/* ---- Queues ---- */

static void put(Ps2Queue *q, uint8_t byte)
{
    if (q->count < PS2_QUEUE) {
        q->bytes[(q->head + q->count++) % PS2_QUEUE] = byte;
    }
}

bool ps2_queue_get(Ps2Queue *q, uint8_t *byte)
{
    if (!q->count) {
        return false;
    }
    *byte = q->bytes[q->head];
    q->head = (q->head + 1) % PS2_QUEUE;
    q->count--;
    return true;
}

static bool has_room(const Ps2Queue *q, unsigned bytes)
{
    return q->count + bytes + ROOM_FOR_ANSWERS <= PS2_QUEUE;
}

/* ---- Scan codes ---- */

/* By code of set 1, which for most keys is Linux's number too: the code of set 2. */
static const uint8_t set2_of_set1[128] = {
    0,   118, 22,  30,  38,  37,  46,  54,  61,  62,  70,  69,  78,  85,  102, 13,  21,  29,  36,
    45,  44,  53,  60,  67,  68,  77,  84,  91,  90,  20,  28,  27,  35,  43,  52,  51,  59,  66,
    75,  76,  82,  14,  18,  93,  26,  34,  33,  42,  50,  49,  58,  65,  73,  74,  89,  124, 17,
    41,  88,  5,   6,   4,   12,  3,   11,  2,   10,  1,   9,   119, 126, 108, 117, 125, 123, 107,
    115, 116, 121, 105, 114, 122, 112, 113, 127, 96,  97,  120, 7,   15,  23,  31,  39,  47,  55,
    63,  71,  79,  86,  94,  8,   16,  24,  32,  40,  48,  56,  64,  72,  80,  87,  111, 19,  25,
    57,  81,  83,  92,  95,  98,  99,  100, 101, 103, 104, 106, 109, 110,
};

uint8_t ps2_translate(uint8_t code)
{
    for (unsigned i = 0; i < ARRAY_SIZE(set2_of_set1); i++) {
        if (set2_of_set1[i] == code) {
            return i;
        }
    }
    return code == 0x83 ? 0x41 : code == 0x84 ? 0x54 : code;
}

/* Keys with the prefix: code of set 2. */
static const struct {
    uint16_t key;
    uint8_t code;
} extended_keys[] = {
    {KEY_KPENTER, 0x5a}, {KEY_RIGHTCTRL, 0x14}, {KEY_KPSLASH, 0x4a},  {KEY_RIGHTALT, 0x11},
    {KEY_HOME, 0x6c},    {KEY_UP, 0x75},        {KEY_PAGEUP, 0x7d},   {KEY_LEFT, 0x6b},
    {KEY_RIGHT, 0x74},   {KEY_END, 0x69},       {KEY_DOWN, 0x72},     {KEY_PAGEDOWN, 0x7a},
    {KEY_INSERT, 0x70},  {KEY_DELETE, 0x71},    {KEY_LEFTMETA, 0x1f}, {KEY_RIGHTMETA, 0x27},
    {KEY_COMPOSE, 0x2f}, {KEY_SYSRQ, 0x7c},
};

/* The code of set 2 of @key; 0: the keyboard has no such key. */
static uint8_t code_of(unsigned key, bool *extended)
{
    *extended = false;
    for (size_t i = 0; i < ARRAY_SIZE(extended_keys); i++) {
        if (extended_keys[i].key == key) {
            *extended = true;
            return extended_keys[i].code;
        }
    }
    return key <= KEY_F12 && key != 84 && key != 85 ? set2_of_set1[key] : 0;
}

/* ---- The keyboard ---- */

static void keyboard_defaults(Ps2Keyboard *k)
{
    k->leds = 0;
    k->set = 2;
    k->scanning = true;
}

void ps2_keyboard_reset(Ps2Keyboard *k)
{
    memset(k, 0, sizeof(*k));
    keyboard_defaults(k);
}

void ps2_keyboard_key(Ps2Keyboard *k, unsigned key, bool down)
{
    bool extended;
    uint8_t code = code_of(key, &extended);
    if (!code || !k->scanning || !has_room(&k->queue, 3)) {
        return;
    }
    if (extended) {
        put(&k->queue, EXTENDED);
    }
    if (k->set == 1) {
        put(&k->queue, ps2_translate(code) | (down ? 0 : 0x80));
        return;
    }
    if (!down) {
        put(&k->queue, BREAK);
    }
    put(&k->queue, code);
}

static void keyboard_parameter(Ps2Keyboard *k, uint8_t byte)
{
    uint8_t command = k->command;
    k->command = 0;
    put(&k->queue, ACK);
    if (command == 0xed) {
        k->leds = byte & 7;
    } else if (command == 0xf0 && byte == 0) {
        put(&k->queue, k->set);
    } else if (command == 0xf0 && (byte == 1 || byte == 2)) {
        k->set = byte;
    }
}

void ps2_keyboard_write(Ps2Keyboard *k, uint8_t byte)
{
    if (k->command && byte < 0xed) {
        keyboard_parameter(k, byte);
        return;
    }
    k->command = 0;
    if (byte == 0xff) {
        ps2_keyboard_reset(k);
    }
    switch (byte) {
    case 0xee: put(&k->queue, 0xee); return; /* echo */
    case 0xed:                               /* LEDs */
    case 0xf0:                               /* scan code set */
    case 0xf3: k->command = byte; break;     /* repetition, which is the user's side's */
    case 0xf4: k->scanning = true; break;
    case 0xf5:
    case 0xf6:
        keyboard_defaults(k);
        k->scanning = byte == 0xf6;
        break;
    case 0xf2:
    case 0xff: break;
    case 0xfe: put(&k->queue, k->last); return;
    default: put(&k->queue, RESEND); return;
    }
    put(&k->queue, ACK);
    if (byte == 0xf2) { /* identity */
        put(&k->queue, 0xab);
        put(&k->queue, 0x83);
    } else if (byte == 0xff) {
        put(&k->queue, SELF_TEST_OK);
    }
}

/* ---- The mouse ---- */

static void mouse_defaults(Ps2Mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->reporting = m->remote = m->scaling = false;
    m->dx = m->dy = m->wheel = 0;
}

void ps2_mouse_reset(Ps2Mouse *m)
{
    memset(m, 0, sizeof(*m));
    mouse_defaults(m);
}

/* One packet of what has happened; what does not fit stays for the next. */
static void put_packet(Ps2Mouse *m)
{
    int dx = CLAMP(m->dx, -255, 255), dy = CLAMP(-m->dy, -255, 255);
    int wheel = CLAMP(m->wheel, -8, 7);
    put(&m->queue, 8 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
    put(&m->queue, dx);
    put(&m->queue, dy);
    if (m->id == 3) {
        put(&m->queue, wheel);
    }
    m->dx -= dx;
    m->dy += dy;
    m->wheel -= wheel;
    m->sent_buttons = m->buttons;
}

void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int wheel, unsigned buttons)
{
    m->dx = CLAMP(m->dx + CLAMP(dx, -4096, 4096), -4096, 4096);
    m->dy = CLAMP(m->dy + CLAMP(dy, -4096, 4096), -4096, 4096);
    m->wheel = m->id == 3 ? CLAMP(m->wheel + CLAMP(wheel, -64, 64), -64, 64) : 0;
    m->buttons = buttons & 7;
    while (m->reporting && !m->remote && has_room(&m->queue, 4) &&
           (m->dx || m->dy || m->wheel || m->buttons != m->sent_buttons)) {
        put_packet(m);
    }
}

static void set_rate(Ps2Mouse *m, uint8_t rate)
{
    if (m->knock[0] == 200 && m->knock[1] == 100 && rate == 80) {
        m->id = 3;
    }
    m->knock[0] = m->knock[1];
    m->knock[1] = rate;
    m->rate = rate;
}

static void put_status(Ps2Mouse *m)
{
    put(&m->queue, (m->remote ? 0x40 : 0) | (m->reporting ? 0x20 : 0) | (m->scaling ? 0x10 : 0) |
                       (m->buttons & 7));
    put(&m->queue, m->resolution);
    put(&m->queue, m->rate);
}

/* Commands after the acknowledgement. */
static void mouse_command(Ps2Mouse *m, uint8_t byte)
{
    switch (byte) {
    case 0xe6: m->scaling = false; break;
    case 0xe7: m->scaling = true; break;
    case 0xe8:
    case 0xf3: m->command = byte; break;
    case 0xe9: put_status(m); break;
    case 0xea: m->remote = false; break;
    case 0xeb: put_packet(m); break;
    case 0xec: m->wrap = false; break;
    case 0xee: m->wrap = true; break;
    case 0xf0: m->remote = true; break;
    case 0xf2: put(&m->queue, m->id); break;
    case 0xf4: m->reporting = true; break;
    case 0xf5: m->reporting = false; break;
    case 0xf6: mouse_defaults(m); break;
    case 0xff:
        put(&m->queue, SELF_TEST_OK);
        put(&m->queue, m->id);
        break;
    default: break;
    }
}

static bool is_mouse_command(uint8_t byte)
{
    return (byte >= 0xe6 && byte <= 0xf6 && byte != 0xed && byte != 0xef && byte != 0xf1) ||
           byte == 0xff;
}

void ps2_mouse_write(Ps2Mouse *m, uint8_t byte)
{
    uint8_t command = m->command;
    if (m->wrap && byte != 0xec && byte != 0xff) {
        put(&m->queue, byte);
        return;
    }
    if (command) {
        m->command = 0;
        put(&m->queue, ACK);
        if (command == 0xf3) {
            set_rate(m, byte);
        } else {
            m->resolution = byte & 3;
        }
        return;
    }
    if (!is_mouse_command(byte)) {
        put(&m->queue, RESEND);
        return;
    }
    if (byte == 0xff) {
        ps2_mouse_reset(m);
    }
    put(&m->queue, ACK);
    mouse_command(m, byte);
}

/* ---- Saved state ---- */

static bool queue_post_load(void *opaque, GError **error)
{
    Ps2Queue *q = opaque;
    q->head %= PS2_QUEUE;
    q->count = MIN(q->count, PS2_QUEUE);
    return true;
}

static const VmField queue_fields[] = {
    VM_ARRAY_U8(Ps2Queue, bytes),
    VM_FIELD_U8(Ps2Queue, head),
    VM_FIELD_U8(Ps2Queue, count),
    VM_FIELD_END(),
};

static const VmDesc queue_vmstate = {"queue", queue_fields, NULL, queue_post_load};

static const VmField keyboard_fields[] = {
    VM_FIELD_STRUCT(Ps2Keyboard, queue, &queue_vmstate),
    VM_FIELD_U8(Ps2Keyboard, command),
    VM_FIELD_U8(Ps2Keyboard, leds),
    VM_FIELD_U8(Ps2Keyboard, set),
    VM_FIELD_U8(Ps2Keyboard, last),
    VM_FIELD_BOOL(Ps2Keyboard, scanning),
    VM_FIELD_END(),
};

const VmDesc ps2_keyboard_vmstate = {"ps2-keyboard", keyboard_fields, NULL, NULL};

/* Movement that is not reported yet is not worth saving. */
static bool mouse_post_load(void *opaque, GError **error)
{
    Ps2Mouse *m = opaque;
    m->dx = m->dy = m->wheel = 0;
    return true;
}

static const VmField mouse_fields[] = {
    VM_FIELD_STRUCT(Ps2Mouse, queue, &queue_vmstate),
    VM_FIELD_U8(Ps2Mouse, command),
    VM_FIELD_U8(Ps2Mouse, rate),
    VM_FIELD_U8(Ps2Mouse, resolution),
    VM_FIELD_U8(Ps2Mouse, id),
    VM_FIELD_U8(Ps2Mouse, last),
    VM_ARRAY_U8(Ps2Mouse, knock),
    VM_FIELD_BOOL(Ps2Mouse, reporting),
    VM_FIELD_BOOL(Ps2Mouse, remote),
    VM_FIELD_BOOL(Ps2Mouse, wrap),
    VM_FIELD_BOOL(Ps2Mouse, scaling),
    VM_FIELD_U8(Ps2Mouse, buttons),
    VM_FIELD_U8(Ps2Mouse, sent_buttons),
    VM_FIELD_END(),
};

const VmDesc ps2_mouse_vmstate = {"ps2-mouse", mouse_fields, NULL, mouse_post_load};
