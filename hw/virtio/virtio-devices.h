/*
 * The virtio devices: how each is made from its properties. The transport's properties (bus=, addr=)
 * are the caller's. @id names the device; NULL makes a name up. NULL with @error on failure.
 */
#ifndef AMPHI_VIRTIO_DEVICES_H
#define AMPHI_VIRTIO_DEVICES_H

#include "hw/virtio/virtio.h"

typedef VirtioDevice *VirtioCreate(Machine *machine, Options *opts, const char *id, GError **error);

VirtioCreate virtio_9p_create;
VirtioCreate virtio_balloon_create;
VirtioCreate virtio_blk_create;
VirtioCreate virtio_keyboard_create;
VirtioCreate virtio_net_create;
VirtioCreate virtio_rng_create;
VirtioCreate virtio_serial_create;

/* Adds a port to a virtio-serial device: -device virtconsole and virtserialport. */
bool virtio_console_create(Machine *machine, Options *opts, GError **error);
bool virtio_serialport_create(Machine *machine, Options *opts, GError **error);

/* Reads a queue-size= property or the like: a power of two from 2 to
 * VIRTIO_MAX_QUEUE_SIZE. */
bool virtio_parse_queue_size(Options *opts, const char *key, uint16_t *size, GError **error);

#endif
