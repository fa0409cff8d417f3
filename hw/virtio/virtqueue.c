/*
 * Virtqueues, the device's side. See virtqueue.h for what is promised.
 *
 * Ring indices and flags, which driver and device both look at without a lock, are accessed as whole
 * aligned 16-bit words with explicit fences; descriptors are only valid after the index or flag that
 * publishes them was seen, and need none. The host is little-endian, as the rings are.
 */
#include "hw/virtio/virtqueue.h"
#include "hw/virtio/virtio.h"
#include "softmmu/base/error.h"
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* Segments being collected for an element. */
typedef struct Chain {
    VirtQueue *vq;
    unsigned nout, nin;
    uint64_t out_len, in_len;
    VirtqSegment segments[VIRTIO_MAX_SEGMENTS];
} Chain;

static bool is_packed(const VirtQueue *vq)
{
    return virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED);
}

static bool has_event_idx(const VirtQueue *vq)
{
    return virtio_has_feature(vq->vdev, VIRTIO_RING_F_EVENT_IDX);
}

static bool ring_broken(VirtQueue *vq, const char *why)
{
    virtio_set_broken(vq->vdev, "queue %u: %s", vq->index, why);
    return false;
}

/* One aligned 16-bit word of a ring. */
static bool ring_load16(VirtQueue *vq, uint64_t addr, uint16_t *value)
{
    uint64_t len = sizeof(*value);
    void *host = dma_map(vq->vdev->as, addr, &len, false);

    if (!host || len < sizeof(*value)) {
        return ring_broken(vq, "a ring is not in memory");
    }
    *value = __atomic_load_n((uint16_t *)host, __ATOMIC_RELAXED);
    return true;
}

static bool ring_store16(VirtQueue *vq, uint64_t addr, uint16_t value)
{
    uint64_t len = sizeof(value);
    void *host = dma_map(vq->vdev->as, addr, &len, true);

    if (!host || len < sizeof(value)) {
        return ring_broken(vq, "a ring is not in writable memory");
    }
    __atomic_store_n((uint16_t *)host, value, __ATOMIC_RELAXED);
    dma_unmap(vq->vdev->as, host, sizeof(value));
    return true;
}

static bool ring_read(VirtQueue *vq, uint64_t addr, void *buf, size_t len)
{
    if (dma_read(vq->vdev->as, addr, buf, len) != MEM_OK) {
        return ring_broken(vq, "a descriptor is not in memory");
    }
    return true;
}

static bool ring_write(VirtQueue *vq, uint64_t addr, const void *buf, size_t len)
{
    if (dma_write(vq->vdev->as, addr, buf, len) != MEM_OK) {
        return ring_broken(vq, "a ring is not in writable memory");
    }
    return true;
}

void virtq_reset(VirtQueue *vq)
{
    vq->num = vq->max_num;
    vq->vector = VIRTIO_NO_VECTOR;
    vq->ready = false;
    vq->desc = vq->driver = vq->device = 0;
    vq->last_avail = vq->used_idx = vq->signalled_used = 0;
    vq->avail_wrap = vq->used_wrap = true;
    vq->signalled_valid = vq->pending_work = false;
    vq->inuse = 0;
}

bool virtq_check_layout(VirtQueue *vq)
{
    unsigned driver_align = is_packed(vq) ? 4 : 2;

    if (vq->desc % 16 || vq->driver % driver_align || vq->device % 4) {
        return ring_broken(vq, "a ring is misaligned");
    }
    if (!vq->num || vq->num > vq->max_num || (!is_packed(vq) && !is_pow2(vq->num))) {
        return ring_broken(vq, "bad queue size");
    }
    return true;
}

/* ---- Collecting a chain ---- */

static bool chain_add(Chain *chain, uint64_t addr, uint32_t len, bool write)
{
    unsigned n = chain->nout + chain->nin;

    if (n == VIRTIO_MAX_SEGMENTS) {
        return ring_broken(chain->vq, "too many buffers in one request");
    }
    if (!write && chain->nin) {
        return ring_broken(chain->vq, "a readable buffer after a writable one");
    }
    chain->segments[n] = (VirtqSegment){addr, len};
    if (write) {
        chain->nin++;
        chain->in_len += len;
    } else {
        chain->nout++;
        chain->out_len += len;
    }
    return true;
}

static VirtqElement *chain_finish(const Chain *chain, uint16_t id, uint16_t slots)
{
    unsigned n = chain->nout + chain->nin;
    VirtqElement *elem = g_malloc(sizeof(*elem) + n * sizeof(elem->segments[0]));

    *elem = (VirtqElement){
        .id = id,
        .slots = slots,
        .nout = chain->nout,
        .nin = chain->nin,
        .out_len = chain->out_len,
        .in_len = chain->in_len,
    };
    memcpy(elem->segments, chain->segments, n * sizeof(elem->segments[0]));
    return elem;
}

/* The number of descriptors in an indirect table of @len bytes; 0 if that is not allowed. */
static uint32_t indirect_entries(VirtQueue *vq, uint32_t len, bool has_next)
{
    if (!virtio_has_feature(vq->vdev, VIRTIO_RING_F_INDIRECT_DESC)) {
        return ring_broken(vq, "indirect descriptors were not negotiated");
    }
    if (has_next || !len || len % sizeof(struct vring_desc)) {
        return ring_broken(vq, "bad indirect descriptor");
    }
    return len / sizeof(struct vring_desc);
}

/* ---- Split ring (2.7) ---- */

/* The avail ring's index, checked: at most a queue's length ahead of the device. */
static bool split_load_avail(VirtQueue *vq, uint16_t *avail)
{
    if (!ring_load16(vq, vq->driver + offsetof(struct vring_avail, idx), avail)) {
        return false;
    }
    if ((uint16_t)(*avail - vq->last_avail) > vq->num) {
        return ring_broken(vq, "the avail index jumped");
    }
    return true;
}

/* Collects the chain that starts at @head of the descriptor table. */
static bool split_walk(VirtQueue *vq, Chain *chain, uint16_t head)
{
    uint64_t table = vq->desc;
    uint32_t entries = vq->num, i = head, steps = 0;
    bool indirect = false;

    for (;;) {
        struct vring_desc desc;

        if (!ring_read(vq, table + (uint64_t)i * sizeof(desc), &desc, sizeof(desc))) {
            return false;
        }
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (indirect) {
                return ring_broken(vq, "an indirect table in an indirect table");
            }
            entries = indirect_entries(vq, desc.len, desc.flags & VRING_DESC_F_NEXT);
            if (!entries) {
                return false;
            }
            table = desc.addr;
            indirect = true;
            i = steps = 0;
            continue;
        }
        if (!chain_add(chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE)) {
            return false;
        }
        if (!(desc.flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        i = desc.next;
        if (i >= entries || ++steps >= entries) {
            return ring_broken(vq, i >= entries ? "a descriptor's next is outside the table"
                                                : "a loop of descriptors");
        }
    }
}

static VirtqElement *split_pop(VirtQueue *vq)
{
    uint16_t avail, head;
    Chain chain;

    if (!split_load_avail(vq, &avail) || avail == vq->last_avail) {
        return NULL;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (vq->inuse >= vq->num) {
        ring_broken(vq, "more requests than the queue is long");
        return NULL;
    }
    if (!ring_load16(vq,
                     vq->driver + offsetof(struct vring_avail, ring) +
                         vq->last_avail % vq->num * sizeof(uint16_t),
                     &head)) {
        return NULL;
    }
    if (head >= vq->num) {
        ring_broken(vq, "a head outside the descriptor table");
        return NULL;
    }
    chain.vq = vq;
    chain.nout = chain.nin = 0;
    chain.out_len = chain.in_len = 0;
    if (!split_walk(vq, &chain, head)) {
        return NULL;
    }
    vq->last_avail++;
    vq->inuse++;
    return chain_finish(&chain, head, 1);
}

static void split_push(VirtQueue *vq, VirtqElement **elems, const uint32_t *written, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct vring_used_elem used = {elems[i]->id, written[i]};
        uint64_t slot = (uint16_t)(vq->used_idx + i) % vq->num;

        if (!ring_write(vq, vq->device + offsetof(struct vring_used, ring) + slot * sizeof(used),
                        &used, sizeof(used))) {
            return;
        }
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    vq->used_idx += n;
    vq->inuse -= MIN(vq->inuse, n);
    ring_store16(vq, vq->device + offsetof(struct vring_used, idx), vq->used_idx);
}

static bool split_wants_interrupt(VirtQueue *vq)
{
    uint16_t old = vq->signalled_used, value;
    bool valid = vq->signalled_valid;

    if (!has_event_idx(vq)) {
        return ring_load16(vq, vq->driver + offsetof(struct vring_avail, flags), &value) &&
               !(value & VRING_AVAIL_F_NO_INTERRUPT);
    }
    vq->signalled_used = vq->used_idx;
    vq->signalled_valid = true;
    /* used_event is behind the avail ring's entries. */
    return ring_load16(vq,
                       vq->driver + offsetof(struct vring_avail, ring) + vq->num * sizeof(uint16_t),
                       &value) &&
           (!valid || vring_need_event(value, vq->used_idx, old));
}

static void split_set_notification(VirtQueue *vq, bool enable)
{
    if (has_event_idx(vq)) {
        if (enable) { /* avail_event is behind the used ring's entries */
            ring_store16(vq,
                         vq->device + offsetof(struct vring_used, ring) +
                             vq->num * sizeof(struct vring_used_elem),
                         vq->last_avail);
        }
    } else {
        ring_store16(vq, vq->device + offsetof(struct vring_used, flags),
                     enable ? 0 : VRING_USED_F_NO_NOTIFY);
    }
}

/* ---- Packed ring (2.8) ---- */

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

static uint64_t packed_flags_addr(const VirtQueue *vq, uint16_t slot)
{
    return vq->desc + slot * sizeof(struct vring_packed_desc) +
           offsetof(struct vring_packed_desc, flags);
}

static bool packed_is_avail(VirtQueue *vq)
{
    uint16_t flags;

    return ring_load16(vq, packed_flags_addr(vq, vq->last_avail), &flags) &&
           !!(flags & PACKED_AVAIL) == vq->avail_wrap && !!(flags & PACKED_USED) != vq->avail_wrap;
}

static bool packed_walk_indirect(VirtQueue *vq, Chain *chain, const struct vring_packed_desc *head)
{
    uint32_t entries = indirect_entries(vq, head->len, head->flags & VRING_DESC_F_NEXT);

    for (uint32_t i = 0; i < entries; i++) {
        struct vring_packed_desc desc;

        if (!ring_read(vq, head->addr + (uint64_t)i * sizeof(desc), &desc, sizeof(desc)) ||
            !chain_add(chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE)) {
            return false;
        }
    }
    return entries != 0;
}

/* Collects the chain at last_avail; sets its buffer id and the ring slots it takes. */
static bool packed_walk(VirtQueue *vq, Chain *chain, uint16_t *id, uint16_t *slots)
{
    uint16_t slot = vq->last_avail;

    for (*slots = 1;; ++*slots) {
        struct vring_packed_desc desc;

        if (!ring_read(vq, vq->desc + slot * sizeof(desc), &desc, sizeof(desc))) {
            return false;
        }
        *id = desc.id; /* the last one's counts */
        if (desc.flags & VRING_DESC_F_INDIRECT) {
            if (*slots > 1) {
                return ring_broken(vq, "an indirect descriptor in a chain");
            }
            return packed_walk_indirect(vq, chain, &desc);
        }
        if (!chain_add(chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE)) {
            return false;
        }
        if (!(desc.flags & VRING_DESC_F_NEXT)) {
            return true;
        }
        if (*slots >= vq->num) {
            return ring_broken(vq, "a loop of descriptors");
        }
        slot = slot + 1 == vq->num ? 0 : slot + 1;
    }
}

static VirtqElement *packed_pop(VirtQueue *vq)
{
    uint16_t id = 0, slots = 0;
    Chain chain;

    if (!packed_is_avail(vq)) {
        return NULL;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    chain.vq = vq;
    chain.nout = chain.nin = 0;
    chain.out_len = chain.in_len = 0;
    if (!packed_walk(vq, &chain, &id, &slots)) {
        return NULL;
    }
    if (vq->inuse + slots > vq->num) {
        ring_broken(vq, "more requests than the queue is long");
        return NULL;
    }
    vq->inuse += slots;
    vq->last_avail += slots;
    if (vq->last_avail >= vq->num) {
        vq->last_avail -= vq->num;
        vq->avail_wrap = !vq->avail_wrap;
    }
    return chain_finish(&chain, id, slots);
}

static void packed_write_used(VirtQueue *vq, uint16_t slot, bool wrap, const VirtqElement *elem,
                              uint32_t written)
{
    struct {
        uint32_t len;
        uint16_t id;
    } used = {written, elem->id};
    uint16_t flags = (wrap ? PACKED_AVAIL | PACKED_USED : 0) | (written ? VRING_DESC_F_WRITE : 0);

    if (ring_write(vq,
                   vq->desc + slot * sizeof(struct vring_packed_desc) +
                       offsetof(struct vring_packed_desc, len),
                   &used, 6)) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        ring_store16(vq, packed_flags_addr(vq, slot), flags);
    }
}

/* The first of several elements is published last: the driver looks at them in order. */
static void packed_push(VirtQueue *vq, VirtqElement **elems, const uint32_t *written, unsigned n)
{
    uint16_t slot = vq->used_idx;
    bool wrap = vq->used_wrap;
    uint32_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        if (i) {
            packed_write_used(vq, slot, wrap, elems[i], written[i]);
        }
        total += elems[i]->slots;
        slot += elems[i]->slots;
        if (slot >= vq->num) {
            slot -= vq->num;
            wrap = !wrap;
        }
    }
    packed_write_used(vq, vq->used_idx, vq->used_wrap, elems[0], written[0]);
    if (wrap != vq->used_wrap) {
        vq->signalled_valid = false; /* old and new cannot be compared: interrupt */
    }
    vq->used_idx = slot;
    vq->used_wrap = wrap;
    vq->inuse -= MIN(vq->inuse, total);
}

static bool packed_wants_interrupt(VirtQueue *vq)
{
    uint16_t off_wrap, flags, old = vq->signalled_used;
    bool valid = vq->signalled_valid;
    uint16_t off;

    if (!ring_load16(vq, vq->driver, &off_wrap) || !ring_load16(vq, vq->driver + 2, &flags)) {
        return false;
    }
    vq->signalled_used = vq->used_idx;
    vq->signalled_valid = true;
    if (flags == VRING_PACKED_EVENT_FLAG_DISABLE) {
        return false;
    }
    if (flags != VRING_PACKED_EVENT_FLAG_DESC || !has_event_idx(vq) || !valid) {
        return true;
    }
    off = off_wrap & ~(1u << VRING_PACKED_EVENT_F_WRAP_CTR);
    if (vq->used_wrap != off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR) {
        off -= vq->num;
    }
    return vring_need_event(off, vq->used_idx, old);
}

static void packed_set_notification(VirtQueue *vq, bool enable)
{
    uint16_t flags = enable ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;

    if (enable && has_event_idx(vq)) {
        flags = VRING_PACKED_EVENT_FLAG_DESC;
        if (!ring_store16(vq, vq->device,
                          vq->last_avail | (unsigned)vq->avail_wrap
                                               << VRING_PACKED_EVENT_F_WRAP_CTR)) {
            return;
        }
        __atomic_thread_fence(__ATOMIC_RELEASE); /* the offset before the flags that use it */
    }
    ring_store16(vq, vq->device + 2, flags);
}

/* ---- Both ---- */

static bool is_usable(const VirtQueue *vq)
{
    return vq->ready && virtio_is_running(vq->vdev);
}

VirtqElement *virtq_pop(VirtQueue *vq)
{
    if (!is_usable(vq)) {
        return NULL;
    }
    return is_packed(vq) ? packed_pop(vq) : split_pop(vq);
}

void virtq_unpop(VirtQueue *vq, VirtqElement *elem)
{
    vq->inuse -= MIN(vq->inuse, elem->slots);
    if (is_packed(vq) && vq->last_avail < elem->slots) {
        vq->last_avail += vq->num;
        vq->avail_wrap = !vq->avail_wrap;
    }
    vq->last_avail -= elem->slots;
    g_free(elem);
}

void virtq_push_many(VirtQueue *vq, VirtqElement **elems, const uint32_t *written, unsigned n)
{
    /* The ring may be gone by the time that a request is done. */
    if (n && vq->ready && !vq->vdev->broken) {
        if (is_packed(vq)) {
            packed_push(vq, elems, written, n);
        } else {
            split_push(vq, elems, written, n);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        g_free(elems[i]);
    }
}

void virtq_push(VirtQueue *vq, VirtqElement *elem, uint32_t written)
{
    virtq_push_many(vq, &elem, &written, 1);
}

void virtq_notify(VirtQueue *vq)
{
    if (!vq->ready || vq->vdev->broken) {
        return;
    }
    /* The used index is out before the driver's wish is read. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (is_packed(vq) ? packed_wants_interrupt(vq) : split_wants_interrupt(vq)) {
        virtio_raise_queue(vq);
    }
}

bool virtq_empty(VirtQueue *vq)
{
    uint16_t avail;

    if (!is_usable(vq)) {
        return true;
    }
    if (is_packed(vq)) {
        return !packed_is_avail(vq);
    }
    return !split_load_avail(vq, &avail) || avail == vq->last_avail;
}

void virtq_set_notification(VirtQueue *vq, bool enable)
{
    if (!is_usable(vq)) {
        return;
    }
    if (is_packed(vq)) {
        packed_set_notification(vq, enable);
    } else {
        split_set_notification(vq, enable);
    }
    if (enable) {
        /* The wish is out before the caller looks whether the queue is empty. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

void virtq_process(VirtQueue *vq, bool (*one)(VirtQueue *vq, VirtqElement *elem))
{
    unsigned budget = vq->num;
    uint16_t used = vq->used_idx;
    VirtqElement *elem;
    bool more = true;

    while (more) {
        virtq_set_notification(vq, false);
        while (more && budget && (elem = virtq_pop(vq))) {
            more = one(vq, elem);
            budget--;
        }
        if (!budget) {
            virtio_defer_queue(vq);
            break;
        }
        virtq_set_notification(vq, true);
        more = more && !virtq_empty(vq);
    }
    if (used != vq->used_idx || budget < vq->num) {
        virtq_notify(vq);
    }
}

/* Copies between @len bytes from @offset of @n segments and @buf. */
static size_t copy_segments(VirtQueue *vq, const VirtqSegment *segment, unsigned n, uint64_t offset,
                            uint8_t *buf, size_t len, bool write)
{
    AddressSpace *as = vq->vdev->as;
    size_t done = 0;

    for (; n && done < len; n--, segment++) {
        uint64_t chunk;

        if (offset >= segment->len) {
            offset -= segment->len;
            continue;
        }
        chunk = MIN(segment->len - offset, len - done);
        if ((write ? dma_write(as, segment->addr + offset, buf + done, chunk)
                   : dma_read(as, segment->addr + offset, buf + done, chunk)) != MEM_OK) {
            ring_broken(vq,
                        write ? "a buffer is not in writable memory" : "a buffer is not in memory");
            break;
        }
        done += chunk;
        offset = 0;
    }
    return done;
}

size_t virtq_read(VirtQueue *vq, const VirtqElement *elem, uint64_t offset, void *buf, size_t len)
{
    return copy_segments(vq, elem->segments, elem->nout, offset, buf, len, false);
}

size_t virtq_write(VirtQueue *vq, const VirtqElement *elem, uint64_t offset, const void *buf,
                   size_t len)
{
    return copy_segments(vq, elem->segments + elem->nout, elem->nin, offset, (void *)buf, len,
                         true);
}

int virtq_map(VirtQueue *vq, const VirtqElement *elem, bool in, uint64_t offset, uint64_t len,
              struct iovec *iov, int max)
{
    const VirtqSegment *segment = elem->segments + (in ? elem->nout : 0);
    unsigned left = in ? elem->nin : elem->nout;
    int n = 0;

    if (virtio_has_feature(vq->vdev, VIRTIO_F_ACCESS_PLATFORM)) {
        return -1;
    }
    for (; left && len; left--, segment++) {
        if (offset >= segment->len) {
            offset -= segment->len;
            continue;
        }
        for (uint64_t at = offset; at < segment->len && len;) {
            uint64_t piece = MIN(segment->len - at, len);
            void *host = dma_map(vq->vdev->as, segment->addr + at, &piece, in);

            if (!host || n == max) {
                return -1;
            }
            iov[n++] = (struct iovec){host, piece};
            at += piece;
            len -= piece;
        }
        offset = 0;
    }
    return len ? -1 : n;
}

void virtq_written(VirtQueue *vq, const struct iovec *iov, int n)
{
    for (; n; n--, iov++) {
        dma_unmap(vq->vdev->as, iov->iov_base, iov->iov_len);
    }
}

/* ---- Saved state ---- */

static bool virtqueue_post_load(void *opaque, GError **error)
{
    VirtQueue *vq = opaque;

    /* Whatever indexes a ring is reduced by the queue's size, which must be one to divide by. */
    if (vq->num > vq->max_num || (vq->max_num && !vq->num) || vq->inuse > vq->num ||
        (vq->ready && !vq->max_num)) {
        return error_set(error, "virtqueue %u: the saved state is not possible", vq->index);
    }
    return true;
}

static const VmField virtqueue_fields[] = {
    VM_FIELD_U16(VirtQueue, num),
    VM_FIELD_U16(VirtQueue, vector),
    VM_FIELD_BOOL(VirtQueue, ready),
    VM_FIELD_U64(VirtQueue, desc),
    VM_FIELD_U64(VirtQueue, driver),
    VM_FIELD_U64(VirtQueue, device),
    VM_FIELD_U16(VirtQueue, last_avail),
    VM_FIELD_U16(VirtQueue, used_idx),
    VM_FIELD_BOOL(VirtQueue, avail_wrap),
    VM_FIELD_BOOL(VirtQueue, used_wrap),
    VM_FIELD_U16(VirtQueue, signalled_used),
    VM_FIELD_BOOL(VirtQueue, signalled_valid),
    VM_FIELD_U16(VirtQueue, inuse),
    VM_FIELD_BOOL(VirtQueue, pending_work),
    VM_FIELD_END(),
};

const VmDesc virtqueue_vmstate = {
    .name = "virtqueue",
    .fields = virtqueue_fields,
    .post_load = virtqueue_post_load,
};
