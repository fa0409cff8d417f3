/*
 * Keyboard and pointer: from who has a user (the monitor, a display) to the devices that the guest reads.
 *
 * Keys are numbered as in Linux's input-event-codes.h. The device added last gets what it can take, before all those to
 * which nobody in the guest listens. All with the machine lock held.
 */
#ifndef AMPHI_INPUT_H
#define AMPHI_INPUT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Machine Machine;

enum { INPUT_LEFT = 1, INPUT_RIGHT = 2, INPUT_MIDDLE = 4 };

/* What a device takes; NULL: not that. */
typedef struct InputOps {
    void (*key)(void *opaque, unsigned key, bool down);
    /* Movement right and down, turn of the wheel towards the user, and the buttons that are held. */
    void (*move)(void *opaque, int dx, int dy, int wheel, unsigned buttons);
    /* Whether the guest listens; NULL: that is not known, and assumed. */
    bool (*ready)(void *opaque);
} InputOps;

void input_add_device(Machine *machine, const InputOps *ops, void *opaque);
void input_remove_device(Machine *machine, void *opaque);

/* Hands an event over; false if no device takes such. */
bool input_key(Machine *machine, unsigned key, bool down);
bool input_move(Machine *machine, int dx, int dy, int wheel, unsigned buttons);

/* How many devices take movements. */
unsigned input_count_pointers(Machine *machine);

/* The number of the key with @name as in `sendkey` ("a", "ret", "ctrl", "f1"); 0: there is none. */
unsigned input_key_by_name(const char *name);

#endif
