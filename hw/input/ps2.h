/*
 * PS/2 keyboard and mouse: what they send and understand, byte by byte. See ps2.c.
 */
#ifndef AMPHI_HW_PS2_H
#define AMPHI_HW_PS2_H

#include "softmmu/base/vmstate.h"

#define PS2_QUEUE 64

/* Bytes on their way to the controller. */
typedef struct Ps2Queue {
    uint8_t bytes[PS2_QUEUE];
    uint8_t head, count;
} Ps2Queue;

typedef struct Ps2Keyboard {
    Ps2Queue queue;
    uint8_t command; /* that waits for its parameter; 0: none */
    uint8_t leds, set, last;
    bool scanning;
} Ps2Keyboard;

typedef struct Ps2Mouse {
    Ps2Queue queue;
    uint8_t command;
    uint8_t rate, resolution, id, last;
    uint8_t knock[2]; /* the last two rates: three in a row unlock the wheel */
    bool reporting, remote, wrap, scaling;
    uint8_t buttons, sent_buttons;
    int32_t dx, dy, wheel; /* not reported yet */
} Ps2Mouse;

extern const VmDesc ps2_keyboard_vmstate, ps2_mouse_vmstate;

/* The next byte for the controller; false: there is none. */
bool ps2_queue_get(Ps2Queue *queue, uint8_t *byte);

void ps2_keyboard_reset(Ps2Keyboard *k);
/* The controller sends @byte. */
void ps2_keyboard_write(Ps2Keyboard *k, uint8_t byte);
/* Key @key, numbered as in Linux, goes down or up. */
void ps2_keyboard_key(Ps2Keyboard *k, unsigned key, bool down);

void ps2_mouse_reset(Ps2Mouse *m);
void ps2_mouse_write(Ps2Mouse *m, uint8_t byte);
/* It is moved right and down; @buttons as in softmmu/input.h. */
void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int wheel, unsigned buttons);

/* A code of scan code set 2 in set 1, as the controller translates. */
uint8_t ps2_translate(uint8_t code);

#endif
