/*
 * virtio over MMIO: one slot, a page of registers and an interrupt line, for one device.
 */
#ifndef AMPHI_VIRTIO_MMIO_H
#define AMPHI_VIRTIO_MMIO_H

#include "hw/virtio/virtio.h"

#define VIRTIO_MMIO_SIZE 0x200

/* Makes an empty slot with registers at @base. A board makes all of its slots, in order of their
 * names "virtio-mmio-bus.0" and up; -device fills them from the last to the first. */
void virtio_mmio_new(Machine *machine, uint64_t base, IrqLine irq);

/* The slot that bus= (@name; NULL: none given) asks for, if it is empty. NULL with @error if there
 * is none. */
Device *virtio_mmio_find_slot(Machine *machine, const char *name, GError **error);

/* Plugs @vdev into empty @slot. */
void virtio_mmio_plug(Device *slot, VirtioDevice *vdev);

#endif
