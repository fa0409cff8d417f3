/*
 * The memory balloon, for who manages the machine. Called with the machine lock held.
 */
#ifndef AMPHI_VIRTIO_BALLOON_H
#define AMPHI_VIRTIO_BALLOON_H

#include "softmmu/balloon.h"
#include "softmmu/machine.h"

/* Tells how things are. False with @error if the machine has no balloon. */
bool virtio_balloon_info(Machine *machine, BalloonInfo *info, GError **error);

/* Asks the guest to make do with @bytes of memory; more than there is means all. False with @error if there
 * is no balloon, or @bytes is 0. */
bool virtio_balloon_set_target(Machine *machine, uint64_t bytes, GError **error);

/* Asks for statistics every @seconds (0: no more). */
bool virtio_balloon_set_interval(Machine *machine, uint32_t seconds, GError **error);

#endif
