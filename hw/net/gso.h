/*
 * What a sender may leave to whoever sends its frames on: checksums, and cutting TCP segments to size.
 *
 * What is left is said by a struct virtio_net_hdr (VIRTIO 1.2 section 5.1.6.2). No state, no locking.
 */
#ifndef AMPHI_GSO_H
#define AMPHI_GSO_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether @header makes sense for a frame of @len bytes: its offsets are in the frame, its kind is TCP
 * over IPv4 or IPv6 or none. */
bool gso_header_ok(const struct virtio_net_hdr *header, size_t len);

/* Completes the checksum that @header asks for, if any: over all from csum_start on. */
void gso_complete_checksum(const struct virtio_net_hdr *header, uint8_t *frame, size_t len);

/* Cuts a frame whose header is of kind TCP into frames of gso_size bytes of data, complete with checksums, and
 * hands them to @emit. Frames that are not what the header says are dropped. @frame is changed. */
void gso_segment(const struct virtio_net_hdr *header, uint8_t *frame, size_t len,
                 void (*emit)(void *opaque, const uint8_t *frame, size_t len), void *opaque);

#endif
