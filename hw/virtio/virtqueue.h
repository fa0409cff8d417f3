/*
 * Virtqueues, the device's side: split and packed rings, indirect tables, event suppression.
 *
 * Source: VIRTIO 1.2 sections 2.6 (virtqueues), 2.7 (split), 2.8 (packed). The rings are in guest
 * memory and the guest may write anything there at any time: each value is read once, checked, and
 * only then used. A chain is limited to VIRTIO_MAX_SEGMENTS buffers, one event to a queue's size of
 * requests. A ring that makes no sense breaks the device (virtio_set_broken()).
 *
 * Locking: the machine lock.
 */
#ifndef AMPHI_VIRTQUEUE_H
#define AMPHI_VIRTQUEUE_H

#include "softmmu/base/bits.h"
#include "softmmu/base/vmstate.h"
#include <sys/uio.h>

#define VIRTIO_MAX_QUEUES 72
#define VIRTIO_MAX_QUEUE_SIZE 1024
#define VIRTIO_MAX_SEGMENTS 1024
#define VIRTIO_NO_VECTOR 0xffff

typedef struct VirtioDevice VirtioDevice;
typedef struct VirtQueue VirtQueue;

typedef void (*VirtqHandler)(VirtioDevice *vdev, VirtQueue *vq);

struct VirtQueue {
    VirtioDevice *vdev;
    uint16_t index;
    uint16_t max_num; /* entries the device allows; 0: the queue is not there */
    VirtqHandler handle;
    /* Set by the driver. */
    uint16_t num;
    uint16_t vector;
    bool ready;
    uint64_t desc, driver, device; /* addresses of the descriptor area and the two others */
    /* Where the device is. In a packed ring, avail and used are slots with their wrap counters. */
    uint16_t last_avail;
    uint16_t used_idx;
    bool avail_wrap, used_wrap;
    uint16_t signalled_used; /* used_idx at the last decision about an interrupt */
    bool signalled_valid;
    uint16_t inuse;    /* descriptor heads popped and not pushed yet (packed: slots) */
    bool pending_work; /* stopped at the limit of one event; goes on from the main loop */
};

extern const VmDesc virtqueue_vmstate;

typedef struct VirtqSegment {
    uint64_t addr;
    uint32_t len;
} VirtqSegment;

/* One request: the buffers of one descriptor chain. */
typedef struct VirtqElement {
    uint16_t id;    /* head descriptor (split) or buffer id (packed) */
    uint16_t slots; /* ring slots it takes: 1 (split) or the chain's length (packed) */
    unsigned nout, nin;
    uint64_t out_len; /* bytes the device reads, in the first nout segments */
    uint64_t in_len;  /* bytes the device writes, in the nin segments after them */
    VirtqSegment segments[];
} VirtqElement;

/* State after a reset. */
void virtq_reset(VirtQueue *vq);

/* Checks addresses and alignment when the driver enables the queue. */
bool virtq_check_layout(VirtQueue *vq);

/* The next request, to be returned with virtq_push() or virtq_unpop(); NULL if there is none, or
 * the queue cannot be used now. */
VirtqElement *virtq_pop(VirtQueue *vq);

/* Puts back the element popped last. */
void virtq_unpop(VirtQueue *vq, VirtqElement *elem);

/* Returns requests to the driver, @written[i] bytes of each written, all of them visible at once;
 * frees the elements. Interrupts are up to virtq_notify(). */
void virtq_push_many(VirtQueue *vq, VirtqElement **elems, const uint32_t *written, unsigned n);
void virtq_push(VirtQueue *vq, VirtqElement *elem, uint32_t written);

/* Interrupts the driver unless it said it does not want it. */
void virtq_notify(VirtQueue *vq);

/* Whether there is nothing to pop. Cheap. */
bool virtq_empty(VirtQueue *vq);

/* Asks the driver for notifications, or to save them. */
void virtq_set_notification(VirtQueue *vq, bool enable);

/*
 * Pops requests and hands them to @one until the queue is empty, @one returns false (having taken
 * or put back the element), or as many as the queue is long were done: the rest then comes from
 * the main loop. Driver notifications are off meanwhile. Ends with virtq_notify().
 */
void virtq_process(VirtQueue *vq, bool (*one)(VirtQueue *vq, VirtqElement *elem));

/* Where @len bytes from byte @offset of the readable (or, @in, writable) part of an element are in host memory, as at most
 * @max pieces: their number, or -1 if they cannot be used so. They stay valid as long as the machine, but only a
 * driver whose addresses nothing translates may expect the device to go on using them. After writing there,
 * virtq_written(). */
int virtq_map(VirtQueue *vq, const VirtqElement *elem, bool in, uint64_t offset, uint64_t len,
              struct iovec *iov, int max);
void virtq_written(VirtQueue *vq, const struct iovec *iov, int n);

/* Copy between an element's buffers, from byte @offset of its readable or writable part, and
 * @buf. Return the bytes copied: less than @len at the buffers' end, or if memory is not there (the
 * device is broken then). */
size_t virtq_read(VirtQueue *vq, const VirtqElement *elem, uint64_t offset, void *buf, size_t len);
size_t virtq_write(VirtQueue *vq, const VirtqElement *elem, uint64_t offset, const void *buf,
                   size_t len);

#endif
